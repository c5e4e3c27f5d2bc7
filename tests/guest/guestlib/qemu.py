"""The QEMU command line, and a QEMU process that never outlives us."""

import ctypes
import functools
import os
import re
import shlex
import signal
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

from .errors import GuestError

PROGRAMS = {"amd64": "qemu-system-x86_64", "arm64": "qemu-system-aarch64"}
PACKAGES = {"amd64": "qemu-system-x86", "arm64": "qemu-system-arm"}
QBOOT = Path("/usr/share/qemu/qboot.rom")  # 0.1 s faster than SeaBIOS
SLOTS = {"out": 0x1d, "err": 0x1e}  # high, so that devices of --machine-args find theirs
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)

# Calibration, probing for keyboards and printing cost most of the time of a short boot.
KERNEL_ARGS = {
    "amd64": "console=ttyS0 panic=-1 oops=panic quiet nokaslr lpj=1000000 tsc=reliable "
             "no_timer_check i8042.noaux i8042.nokbd cryptomgr.notests",
    "arm64": "console=ttyAMA0 panic=-1 oops=panic quiet nokaslr cryptomgr.notests",
}
MACHINE = {
    "amd64": ["-M", "q35", "-cpu", "max"],
    # max would emulate pointer authentication, which makes a boot a quarter slower
    "arm64": ["-M", "virt,gic-version=3", "-cpu", "neoverse-n1"],
}


@dataclass(frozen=True)
class Topology:
    """Bytes of memory and number of CPUs of each node; the texts of -object for those whose
    memory the caller has made."""

    memory: tuple
    cpus: tuple
    objects: tuple = ()


def pci_address(slot):
    return f"0000:00:{slot:02x}.0"


def parse_size(text):
    match = re.fullmatch(r"([0-9]+)([KMGkmg]?)", text.strip())
    if not match:
        raise GuestError(f"'{text}' is no size of memory", "write 512M, 1G or 0")
    return int(match.group(1)) << {"": 0, "K": 10, "M": 20, "G": 30}[match.group(2).upper()]


def _memory_list(text, nodes):
    sizes = [parse_size(part) for part in text.split(",")]
    if nodes is None:
        nodes = len(sizes)
    if len(sizes) == 1:
        sizes *= nodes
    if len(sizes) != nodes:
        raise GuestError(f"--mem {text} names {len(sizes)} nodes, --nodes says {nodes}")
    if not any(sizes):
        raise GuestError(f"--mem {text}: no node has memory")
    return sizes


def _cpu_list(text, memory):
    """CPUs per node: as told, else one on the first node and on each without memory.

    A node with neither memory nor a CPU would not exist for the guest.
    """
    nodes = len(memory)
    if text and "," in text:
        counts = [int(part) for part in text.split(",") if part.strip().isdigit()]
        if len(counts) != nodes or not sum(counts):
            raise GuestError(f"--cpus {text}: write one number, or one for each of {nodes} nodes")
        return counts
    if text and not (text.isdigit() and int(text) > 0):
        raise GuestError(f"--cpus {text}: write a number above 0")
    needy = [i for i in range(nodes) if i == 0 or memory[i] == 0]
    total = int(text) if text else len(needy)
    if total < len(needy):
        raise GuestError(f"--cpus {text}: the first node and each node without memory need one, "
                         f"that is {len(needy)}")
    # First the nodes that need one, then the others, then round again.
    order = needy + [i for i in range(nodes) if i not in needy]
    counts = [0] * nodes
    for i in range(total):
        counts[order[i % nodes]] += 1
    return counts


def topology(nodes, mem, cpus, objects=()):
    """Build the topology from the texts of --nodes, --mem, --cpus and --node-memory."""
    memory = _memory_list(mem, nodes)
    if len(objects) > len(memory):
        raise GuestError(f"--node-memory is there {len(objects)} times, for {len(memory)} nodes")
    for node, text in enumerate(objects):
        if f"id=node{node}" not in text.split(","):
            raise GuestError(f"--node-memory {text}: it has no id=node{node}")
    return Topology(tuple(memory), tuple(_cpu_list(cpus, memory)), tuple(objects))


def _numa_args(topo):
    total = sum(topo.cpus)
    args = ["-m", f"{sum(topo.memory) >> 10}K",
            "-smp", f"{total},sockets={total},cores=1,threads=1"]
    first_cpu = 0
    for node, (size, cpus) in enumerate(zip(topo.memory, topo.cpus)):
        text = f"node,nodeid={node}"
        if cpus:
            text += f",cpus={first_cpu}-{first_cpu + cpus - 1}"
            first_cpu += cpus
        if size:
            # memfd memory is filled page by page as the guest touches it
            args += ["-object", topo.objects[node] if node < len(topo.objects) else
                     f"memory-backend-memfd,id=node{node},size={size},share=on"]
            text += f",memdev=node{node}"
        args += ["-numa", text]
    return args


def command(arch, kernel, initrd, topo, cmdline, fds, machine_args):
    """The command line. `cmdline`: all of the kernel's. `fds`: descriptors for console,
    out and err."""
    args = [PROGRAMS[arch], "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
            "-accel", "tcg,thread=multi", *MACHINE[arch]]
    if arch == "amd64" and QBOOT.exists():
        args += ["-bios", str(QBOOT)]
    args += _numa_args(topo)
    for name, fd in fds.items():
        args += ["-chardev", f"socket,id={name},fd={fd}"]
    args += ["-serial", "chardev:console"]
    for name, slot in SLOTS.items():
        args += ["-device", f"pci-serial,chardev={name},addr={slot:#x}"]
    args += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", cmdline]
    for text in machine_args:
        args += shlex.split(text)
    return args


def memfd(name, chunks):
    """An unnamed file in memory: nothing is left behind, however we end."""
    fd = os.memfd_create(name, os.MFD_CLOEXEC)
    for data in chunks:
        view = memoryview(data)
        while view:
            view = view[os.write(fd, view):]
    return fd


def _die_with(parent):
    """In the child, before exec: be killed when the harness dies, in whatever way."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)


class Process:
    """A running QEMU in a process group of its own.

    sockets: {'console', 'out', 'err'} and its stderr as 'qemu'. Use as a context: at
    the end the whole group is killed. The kernel is handed over opened, so that it may
    be replaced in the cache at any time.
    """

    def __init__(self, arch, kernel_file, initrd, topo, cmdline, machine_args=()):
        self.arch = arch
        self.popen = None
        self.sockets = {}
        theirs = {}
        initrd_fd = memfd("initrd", initrd)
        kernel_fd = kernel_file.fileno()
        try:
            for name in ("console", *SLOTS):
                self.sockets[name], theirs[name] = socket.socketpair()
            self.sockets["qemu"], stderr = socket.socketpair()
            theirs["qemu"] = stderr
            fds = {name: s.fileno() for name, s in theirs.items() if name != "qemu"}
            self.command = command(arch, f"/proc/self/fd/{kernel_fd}",
                                   f"/proc/self/fd/{initrd_fd}", topo, cmdline, fds, machine_args)
            self._start([kernel_fd, initrd_fd, *fds.values()], stderr)
        except BaseException:
            self.close()
            raise
        finally:
            os.close(initrd_fd)
            for end in theirs.values():
                end.close()

    def _start(self, fds, stderr):
        try:
            self.popen = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr,
                pass_fds=fds, start_new_session=True,
                preexec_fn=functools.partial(_die_with, os.getpid()))
        except FileNotFoundError as e:
            program = PROGRAMS[self.arch]
            raise GuestError(f"start {program}: it is not installed",
                             f"install the Debian package {PACKAGES[self.arch]}") from e

    def close(self):
        if self.popen:
            try:
                os.killpg(self.popen.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            self.popen.wait()
        for end in self.sockets.values():
            end.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
