"""Running one guest: feeding it, listening to it, and judging how it ended."""

import io
import os
import secrets
import selectors
import signal
import tarfile
import time
import zlib
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from . import channel, cpio, elf, initramfs, kernels, kmod, qemu, sysroot
from .errors import STATUS_DIED, STATUS_SCRIPT_HIGH, STATUS_TIMEOUT, SCRIPT_STATUS_MAX, GuestError

CONSOLE_KEPT = 256 * 1024  # of a guest that chatters, the end is what tells
PIPE_CHUNK = 4096  # POSIX PIPE_BUF on Linux: a writable pipe takes that much without blocking
READ_CHUNK = 1 << 16


@dataclass
class Request:
    """What to run; the texts are those of the command line."""

    kernel: str
    script: bytes
    nodes: int | None = None
    mem: str = "512M"
    cpus: str = ""
    node_memory: list = field(default_factory=list)
    append: str = ""
    arch: str = "amd64"  # of a kernel image named by its path
    modules: list = field(default_factory=list)
    files: list = field(default_factory=list)
    progs: list = field(default_factory=list)
    libs: list = field(default_factory=list)
    trees: list = field(default_factory=list)
    get: list = field(default_factory=list)
    out: str = ""
    timeout_s: float = 120
    machine_args: list = field(default_factory=list)
    console_file: str = ""
    verbose: bool = False


class Phases:
    """How long each part of a run took."""

    def __init__(self):
        self.start = self.last = time.monotonic()
        self.rows = []

    def done(self, name):
        now = time.monotonic()
        self.rows.append((name, now - self.last))
        self.last = now

    def text(self):
        rows = self.rows + [("total", self.last - self.start)]
        return "".join(f"{name:<8} {seconds:7.2f} s\n" for name, seconds in rows)


class Sink:
    """An own output descriptor that is written to when it takes data, never blocking us.

    A reader that stops reading must not stop us from listening to QEMU, which drops the
    bytes of a serial port nobody takes for long.
    """

    def __init__(self, fd):
        self.fd = fd
        self.pending = bytearray()
        self.broken = False

    def add(self, data):
        if not self.broken:
            self.pending += data

    def flush_some(self):
        try:
            del self.pending[:os.write(self.fd, self.pending[:PIPE_CHUNK])]
        except BrokenPipeError:
            self.broken = True
            self.pending.clear()


class Conversation:
    """What the guest has said so far."""

    def __init__(self, mark, stdout, stderr, phases):
        self.stdout, self.stderr, self.phases = stdout, stderr, phases
        self.started = False
        self.status = None
        self.failure = ""
        self.missing = []
        self.archives = []  # [(guest path, packed tar)]
        self._receiving = None
        self._ended = set()
        self.out = channel.Demux(mark, self._out_data, self._out_record)
        self.err = channel.Demux(mark, stderr.add, self._err_record)

    def is_complete(self):
        return self._ended == {"out", "err"}

    def _out_data(self, data):
        if self._receiving is not None:
            self._receiving[1].extend(data)
        elif self.started and self.status is None:
            self.stdout.add(data)

    def _out_record(self, text):
        word, _, rest = text.partition(" ")
        if word == "started":
            self.started = True
            self.phases.done("boot")
        elif word == "status":
            self.status = int(rest)
            self.phases.done("script")
        elif word == "get":
            self._receiving = (rest, bytearray())
        elif word == "end" and self._receiving is not None:
            self.archives.append(self._receiving)
            self._receiving = None
        elif word == "missing":
            self.missing.append(rest)
        elif word == "fail":
            self.failure = rest
            self._ended.add("out")
        elif word == "done":
            self.phases.done("files")
            self._ended.add("out")

    def _err_record(self, _text):
        self._ended.add("err")


class Console:
    """The end of the kernel's console, and all of it into a file if wanted."""

    def __init__(self, path, verbose):
        self.kept = deque()
        self.size = 0
        self.verbose = verbose
        self.file = open(path, "wb", buffering=0) if path else None

    def add(self, data):
        self.kept.append(data)
        self.size += len(data)
        while self.size > CONSOLE_KEPT and len(self.kept) > 1:
            self.size -= len(self.kept.popleft())
        if self.file:
            self.file.write(data)
        if self.verbose:
            os.write(2, data)

    def text(self):
        return b"".join(self.kept).replace(b"\r", b"").decode("utf-8", "replace")

    def close(self):
        if self.file:
            self.file.close()


def _build_initramfs(request, kernel, mark):
    archive = cpio.Cpio()
    programs = [initramfs.prog_pair(p) for p in request.progs]
    own = sysroot.path_for_libraries(kernel.arch)
    initramfs.add_programs(archive, programs, request.libs, elf.Libraries(kernel.arch, own))
    for tree in request.trees:
        archive.host_tree(*initramfs.file_pair(tree))
    for file in request.files:
        archive.host_file(*initramfs.file_pair(file))
    if request.modules and not kernel.modules:
        raise GuestError(f"insert modules into {kernel.name}: an own image comes without any")
    modules = kmod.Modules(kernel.modules, kernel.name) if request.modules else None
    initramfs.add_modules(archive, modules, request.modules)
    initramfs.add_run(archive, request.script, request.get, {
        "MARK": mark.decode(),
        "OUT_PCI": qemu.pci_address(qemu.SLOTS["out"]),
        "ERR_PCI": qemu.pci_address(qemu.SLOTS["err"]),
    })
    return [initramfs.base(sysroot.busybox(kernel.arch)), archive.bytes()]


def _read(sock):
    try:
        return sock.recv(READ_CHUNK)
    except ConnectionResetError:
        return b""


def _listen(process, conversation, console, qemu_text, deadline):
    """Read all channels until the guest has said all, QEMU is gone, or time is up.

    Returns 'complete', 'gone' or 'timeout'.
    """
    selector = selectors.PollSelector()  # epoll would refuse an output that is a plain file
    takers = {"console": console.add, "out": conversation.out.feed,
              "err": conversation.err.feed, "qemu": qemu_text.extend}
    for name, sock in process.sockets.items():
        selector.register(sock, selectors.EVENT_READ, takers[name])
    sinks = (conversation.stdout, conversation.stderr)
    open_channels, writable = len(takers), set()
    while True:
        if open_channels == 0:
            return "gone"
        if conversation.is_complete():
            return "complete"
        left = deadline - time.monotonic()
        if left <= 0:
            return "timeout"
        for sink in sinks:
            if bool(sink.pending) != (sink in writable):
                if sink.pending:
                    selector.register(sink.fd, selectors.EVENT_WRITE, sink)
                    writable.add(sink)
                else:
                    selector.unregister(sink.fd)
                    writable.discard(sink)
        for key, _ in selector.select(left):
            if isinstance(key.data, Sink):
                key.data.flush_some()
                continue
            data = _read(key.fileobj)
            if data:
                key.data(data)
            else:
                selector.unregister(key.fileobj)
                open_channels -= 1


def _flush(conversation):
    """Write what is left of the script's output; now nobody needs to be listened to."""
    conversation.out.end()
    conversation.err.end()
    for sink in (conversation.stdout, conversation.stderr):
        while sink.pending:
            sink.flush_some()


def _unpack_archives(conversation, out):
    """Unpack what the guest sent below the directory `out`.

    gzip's own checksum and length prove that nothing was lost on the way.
    """
    for path, packed in conversation.archives:
        try:
            data = zlib.decompressobj(wbits=31)
            tar = data.decompress(bytes(packed)) + data.flush()
            if not data.eof:
                raise GuestError(f"get {path} from the guest: {len(packed)} bytes came, "
                                 "the end is missing")
            with tarfile.open(fileobj=io.BytesIO(tar)) as archive:
                safe = {"filter": "tar"} if hasattr(tarfile, "tar_filter") else {}
                archive.extractall(out, **safe)
        except (zlib.error, tarfile.TarError) as e:
            raise GuestError(f"get {path} from the guest: {len(packed)} bytes came damaged ({e})"
                             ) from e
        except OSError as e:
            raise GuestError(f"write {path} of the guest into {out}: {e.strerror}") from e


def _judge(ending, conversation, console, qemu_text, request, process):
    """Raise unless the script ran to its end; returns its status."""
    said = qemu_text.decode("utf-8", "replace").strip()
    qemu_says = f"\n  QEMU says: {said}" if said else ""
    where = "while the script ran" if conversation.started else "before the script started"
    if conversation.status is not None:
        where = "while it sent files"
    if ending == "timeout":
        raise GuestError(f"the guest was stopped after {request.timeout_s:g} s, {where}{qemu_says}",
                         "a larger --timeout, or see what it waits for with --verbose",
                         STATUS_TIMEOUT, console.text())
    if conversation.failure:
        raise GuestError("in the guest: " + conversation.failure, console=console.text())
    if ending == "gone":
        status = process.popen.wait()
        how = f"status {status}" if status >= 0 else f"signal {-status}"
        if not console.size and status:
            raise GuestError(f"start the guest: QEMU ended with {how}{qemu_says}")
        panic = [line for line in console.text().splitlines() if "Kernel panic" in line]
        why = panic[-1].strip() if panic else f"QEMU ended with {how}"
        raise GuestError(f"the guest died {where}: {why}{qemu_says}",
                         "" if panic else "see more of its console: --verbose --append loglevel=7",
                         STATUS_DIED, console.text())
    if said:
        os.write(2, f"guest: QEMU says: {said}\n".encode())
    return conversation.status


def _pass_status(status):
    if status > SCRIPT_STATUS_MAX:
        os.write(2, f"guest: the script ended with status {status}\n".encode())
        return STATUS_SCRIPT_HIGH
    return status


def _new_mark():
    return b"\x01weir-guest-" + secrets.token_hex(16).encode() + b":"


def _prepare(request, mark):
    """Returns (kernel, its opened image, the archives of the initramfs)."""
    with kernels.hold(request.kernel, request.arch) as kernel:
        return kernel, open(kernel.image, "rb"), _build_initramfs(request, kernel, mark)


def run(request, phases):
    """Run a guest. Returns the status to exit with."""
    topo = qemu.topology(request.nodes, request.mem, request.cpus, request.node_memory)
    if request.get and not request.out:
        raise GuestError("--get needs a directory for the files", "add --out DIR")
    mark = _new_mark()
    kernel, image, initrd = _prepare(request, mark)
    phases.done("prepare")

    conversation = Conversation(mark, Sink(1), Sink(2), phases)
    console = Console(request.console_file, request.verbose)
    qemu_text = bytearray()
    cmdline = f"{qemu.KERNEL_ARGS[kernel.arch]} {request.append}".strip()
    deadline = time.monotonic() + request.timeout_s
    try:
        with image, qemu.Process(kernel.arch, image, initrd, topo, cmdline,
                                 request.machine_args) as process:
            ending = _listen(process, conversation, console, qemu_text, deadline)
            _flush(conversation)
            status = _judge(ending, conversation, console, qemu_text, request, process)
    finally:
        console.close()
    if request.get:
        Path(request.out).mkdir(parents=True, exist_ok=True)
        _unpack_archives(conversation, request.out)
    phases.done("finish")
    if conversation.missing and status == 0:
        raise GuestError("get from the guest: it has no " + ", ".join(conversation.missing))
    return _pass_status(status)


def stop_on_signals():
    """Turn the signals that end a program into an exception, so that QEMU is cleaned up."""
    def stop(number, _frame):
        raise SystemExit(128 + number)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
