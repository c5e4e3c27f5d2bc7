"""A Debian system on a disk: made once, kept in the cache, and copied for each use.

The packages come from where the machine gets its own (mmdebstrap, with apt's settings of
the machine); neither root nor a mount is needed, for the file system is filled from a
directory by mke2fs and read by debugfs. Kernel and initramfs lie in its /boot, and GRUB's
own scripts in the guest write /boot/grub/grub.cfg there. GRUB itself is not run: firmware
and boot sectors would add nothing. loader_entry() reads the first entry of grub.cfg off
the disk, and QEMU starts what it says.

A boot does one task: a shell script, which a unit runs when the system is up; then the
guest reboots, which ends QEMU. What the task leaves in OUT is read off the disk.
"""

import hashlib
import os
import re
import selectors
import shlex
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from . import apt, cache, cpio, kernels, kmod, qemu, run, sysroot
from .errors import STATUS_DIED, STATUS_TIMEOUT, GuestError
from .kernelname import parse_kernel_name

PACKAGES = ("systemd-sysv", "udev", "dbus", "kmod", "grub-pc")
NOT_UNPACKED = ("/usr/share/man/*", "/usr/share/doc/*", "/usr/share/locale/*")
MODULES = ("virtio_blk", "crc32c_generic", "ext4", "autofs4")
SIZE = "1G"  # of the disk; the image is sparse
INIT = Path(__file__).with_name("disk-init.sh")
TASK = "/var/lib/guest-task"
OUT = TASK + "/out"
DONE = TASK + "/done"
BUILD_TIMEOUT_S = 180
SBIN = ":/usr/sbin:/sbin"  # where a user's shell does not look for debugfs

# The unit comes when nearly all is up.
FILES = {
    "etc/hostname": "guest\n",
    "etc/machine-id": "0123456789abcdef0123456789abcdef\n",  # empty means: first boot
    "etc/fstab": "/dev/vda / ext4 errors=remount-ro 0 1\n",
    "etc/systemd/system/guest-task.service": f"""\
[Unit]
Description=What this boot is for
ConditionPathExists={TASK}/script
After=basic.target getty.target systemd-user-sessions.service
[Service]
Type=oneshot
ExecStart=/bin/sh {TASK}/script
ExecStopPost=/bin/sh -c 'rm {TASK}/script; echo "$EXIT_STATUS" >{DONE}; sync'
ExecStopPost=/bin/systemctl --no-block reboot
""",
}
LINKS = {
    "etc/systemd/system/multi-user.target.wants/guest-task.service":
        "/etc/systemd/system/guest-task.service",
    "etc/systemd/system/default.target": "/lib/systemd/system/multi-user.target",
    # Timers and logins of a machine that stays up
    **{f"etc/systemd/system/{unit}": "/dev/null" for unit in (
        "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer",
        "e2scrub_all.timer", "e2scrub_reap.service", "fstrim.timer", "getty@tty1.service",
        "serial-getty@ttyS0.service", "systemd-networkd-wait-online.service")},
}


@dataclass(frozen=True)
class Entry:
    """What a boot loader reads from its menu: paths on the disk, and the command line."""

    kernel: str
    initrd: str
    cmdline: str


def _run(command, what, hint="", stdin=subprocess.DEVNULL, **env):
    env = {**os.environ, "PATH": os.environ["PATH"] + SBIN, **env}
    try:
        done = subprocess.run([str(word) for word in command], stdin=stdin, env=env,
                              capture_output=True, check=False)
    except FileNotFoundError as e:
        raise GuestError(f"{what}: the program '{command[0]}' is not installed",
                         "tools/install-deps guest boot") from e
    if done.returncode:
        said = (done.stderr or done.stdout).decode("utf-8", "replace").strip().splitlines()
        raise GuestError(f"{what}: {command[0]} ended with status {done.returncode}: "
                         + "\n  ".join(said[-6:]), hint)
    return done.stdout


def first_entry(grub_cfg):
    """The first entry of a grub.cfg, which GRUB starts unless told otherwise."""
    linux = re.search(r"^\s*linux\s+(\S+)[ \t]*(.*)$", grub_cfg, re.M)
    if not linux:
        raise GuestError("read grub.cfg: it starts no kernel")
    rest = re.split(r"^\s*}", grub_cfg[linux.end():], maxsplit=1, flags=re.M)[0]
    initrd = re.search(r"^\s*initrd\s+(\S+)", rest, re.M)
    # GRUB reads quotes and backslashes as a shell does, and Linux gets the words.
    return Entry(linux[1], initrd[1] if initrd else "", " ".join(shlex.split(linux[2])))


class Disk:
    """An image with a Debian system."""

    def __init__(self, path):
        self.path = Path(path)

    def read(self, inside):
        """The bytes of a file; nothing where there is none."""
        return _run(["debugfs", "-R", f"cat {inside}", self.path], f"read {inside} of a disk")

    def tree(self, inside, into):
        """Copies a directory out, to `into`/NAME."""
        into.mkdir(parents=True, exist_ok=True)
        _run(["debugfs", "-R", f"rdump {inside} {into}", self.path], f"read {inside} of a disk")

    def loader_entry(self):
        return first_entry(self.read("/boot/grub/grub.cfg").decode("utf-8", "replace"))


# ---- making one ----------------------------------------------------------------------------


def _packages(into):
    """A tar of the system. apt in it gets the machine's settings, which do not stay."""
    suites = [apt.own_release(), apt.own_release() + "-security"]
    sources = into / "sources"
    sources.write_text(apt.sources_text(suites, "amd64"))
    settings = into / "settings"
    settings.write_text("\n".join(apt.machine_settings()) + "\n")
    tar = into / "root.tar"
    # As root it builds where we clean up; a user's other identities may not come here.
    env = {"TMPDIR": str(into)} if os.geteuid() == 0 else {}
    with open(sources, "rb") as stdin:
        _run(["mmdebstrap", "--variant=minbase", "--format=tar", "--include=" + ",".join(PACKAGES),
              "--aptopt=" + str(settings), *(f"--dpkgopt=path-exclude={p}" for p in NOT_UNPACKED),
              suites[0], tar, "-"], "make a Debian system", apt.NETWORK_HINT, stdin=stdin,
             **env)
    return tar


def _initrd(kernel):
    archive = cpio.Cpio()
    archive.device("dev/console", "c", 5, 1)
    archive.host_file(sysroot.busybox(kernel.arch), "bin/busybox", 0o755)
    archive.symlink("bin/sh", "busybox")
    archive.host_file(INIT, "init", 0o755)
    names = []
    for name, data in kmod.Modules(kernel.modules, kernel.name).load_list(MODULES):
        archive.file(f"modules/{name}.ko", data)
        names.append(name + "\n")
    archive.file("modules/list", "".join(names).encode())
    return archive.bytes()


def _own_files(kernel, top):
    for name, text in FILES.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for name, target in LINKS.items():
        path = top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
    boot = top / "boot"
    boot.mkdir()
    shutil.copy(kernel.image, boot / f"vmlinuz-{kernel.release}")
    (boot / f"initrd.img-{kernel.release}").write_bytes(_initrd(kernel))
    (top / "etc/default/grub.d").mkdir(parents=True)
    (top / "etc/default/grub.d/10-guest.cfg").write_text(
        f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {qemu.KERNEL_ARGS[kernel.arch]}"\n')


# fakeroot, so that files belong to whom the packages say without our being root.
FILL = """set -e
mkdir "$1/root"
tar -xf "$1/root.tar" -C "$1/root" --exclude='./dev/*'
rm -f "$1"/root/etc/apt/sources.list "$1"/root/etc/apt/sources.list.d/* \\
        "$1"/root/etc/apt/apt.conf.d/99mmdebstrap "$1"/root/etc/resolv.conf
cp -r --remove-destination --no-preserve=ownership "$1/own/." "$1/root/"
truncate -s "$2" "$1/disk"
mke2fs -q -t ext4 -d "$1/root" "$1/disk"
rm -rf "$1/root"
"""
FIRST_TASK = b"update-grub 2>&1\n"


def _make(kernel, into):
    _packages(into)
    _own_files(kernel, into / "own")
    _run(["fakeroot", "sh", "-c", FILL, "sh", into, SIZE], "fill a disk with a Debian system")
    disk = Disk(into / "disk")
    # As an installer leaves it: the first boot is not yet by GRUB's menu.
    entry = Entry(f"/boot/vmlinuz-{kernel.release}", f"/boot/initrd.img-{kernel.release}",
                  f"root=/dev/vda ro {qemu.KERNEL_ARGS[kernel.arch]}")
    boot(disk, FIRST_TASK, entry=entry, timeout_s=BUILD_TIMEOUT_S)
    disk.loader_entry()
    return disk.path


def _key(kernel):
    """Of all that goes in but the versions of packages."""
    parts = (PACKAGES, NOT_UNPACKED, MODULES, SIZE, FILES, LINKS, FILL, FIRST_TASK,
             INIT.read_text(), qemu.KERNEL_ARGS[kernel.arch], apt.own_release(), kernel.name,
             kernel.package_version)
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:24]


def _cached(kernel):
    """The disk in the cache, made when it is not there; hold the lock 'disks'."""
    top = cache.cache_dir() / "disks"
    path = top / f"{_key(kernel)}.ext4"
    if not path.exists():
        with cache.scratch_dir() as scratch:
            made = _make(kernel, scratch)
            cache.make_dir(top)
            for old in top.glob("*.ext4"):  # each takes hundreds of megabytes
                old.unlink()
            made.rename(path)
    return path


def fetch(kernel_name, into):
    """A disk of one's own in the directory `into`: a copy, with its holes, of the one in the
    cache."""
    name = parse_kernel_name(kernel_name)
    _run(["debugfs", "-V"], "look for debugfs")
    _run([qemu.PROGRAMS[name.arch], "--version"], "look for QEMU")
    sysroot.fetch(name.arch, ["busybox-static"])
    kernels.fetch(name)
    with kernels.hold(kernel_name) as kernel, cache.lock("disks"):
        path = into / "disk"
        _run(["cp", "--sparse=always", "--reflink=auto", _cached(kernel), path], "copy a disk")
        return Disk(path)


# ---- booting it ----------------------------------------------------------------------------


def _payload(task, tree):
    archive = cpio.Cpio()
    if tree:
        archive.host_tree(tree, "/payload")
    archive.file(f"/payload{TASK}/script", task, 0o755)
    archive.directory(f"/payload{OUT}")
    return archive.bytes()


def _listen(process, console, qemu_text, deadline):
    """Until QEMU ends. Returns False when time is up."""
    selector = selectors.PollSelector()
    takers = {"console": console.add, "qemu": qemu_text.extend}
    for name, taker in takers.items():
        selector.register(process.sockets[name], selectors.EVENT_READ, taker)
    while selector.get_map():
        left = deadline - time.monotonic()
        if left <= 0:
            return False
        for key, _ in selector.select(left):
            data = key.fileobj.recv(1 << 16)
            if data:
                key.data(data)
            else:
                selector.unregister(key.fileobj)
    return True


def boot(disk, task, tree=None, entry=None, mem="2G,2G", cpus="2", timeout_s=120,
         console_file="", verbose=False):
    """Boots a disk for one task, with the files of `tree` added before systemd starts.

    Returns the entry that was started. Raises unless the guest came to the task's end and
    went down; the task's own status does not matter.
    """
    entry = entry or disk.loader_entry()
    console, qemu_text = run.Console(console_file, verbose), bytearray()
    machine = [f"-drive file={shlex.quote(str(disk.path))},if=virtio,format=raw,cache=unsafe"]
    initrd = [disk.read(entry.initrd), _payload(task, tree)]
    kernel_fd = qemu.memfd("kernel", [disk.read(entry.kernel)])
    try:
        with open(kernel_fd, "rb") as kernel, qemu.Process(
                "amd64", kernel, initrd, qemu.topology(None, mem, cpus), entry.cmdline,
                machine) as process:
            in_time = _listen(process, console, qemu_text, time.monotonic() + timeout_s)
    finally:
        console.close()
    said = qemu_text.decode("utf-8", "replace").strip()
    if not in_time:
        raise GuestError(f"the guest was stopped after {timeout_s:g} s {said}", "",
                         STATUS_TIMEOUT, console.text())
    if not disk.read(DONE):
        raise GuestError(f"the guest ended before its task {said}", "", STATUS_DIED,
                         console.text())
    return entry
