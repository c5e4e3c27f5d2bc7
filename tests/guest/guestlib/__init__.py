"""The guest harness: fetch Debian kernels, boot them under QEMU, run a script inside.

Read in this order: cli (the program), kernels and apt (where kernels come from),
initramfs with cpio, elf and kmod (what the guest sees), qemu (how it is started),
channel and run (how output, files and the exit status come back); disk, for itself,
boots a whole Debian system.
"""
