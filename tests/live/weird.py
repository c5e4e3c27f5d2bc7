"""weird: a weird of a test's own, in a directory of its own, and questions to it.

weird and whatever it mounts lie in the test's mount namespace (private.py), and it dies
with the test: nothing of it is left, however the test ends.
"""

import array
import contextlib
import ctypes
import json
import os
import signal
import socket
import subprocess
import time
from pathlib import Path

from pools import Skip, libc

PATIENCE = 30  # seconds; a weird under sanitizers on a busy machine is slow, not dead
REPLY_MAX = 8 << 20


class Gone(Exception):
    """weird has closed the connection, or is not there."""


class Refused(Exception):
    """A request was answered with an error."""

    def __init__(self, error):
        super().__init__(f"{error['code']}: {error['text']}")
        self.code, self.text, self.help = error["code"], error["text"], error.get("help")


class Line:
    """One connection."""

    def __init__(self, path):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(PATIENCE)
        self.rest, self.id, self.fds = b"", 0, []
        try:
            self.sock.connect(str(path))
        except OSError as error:
            self.sock.close()
            raise Gone(f"connect to {path}: {error.strerror}") from error

    def send(self, text):
        try:
            self.sock.sendall(text)
        except OSError as error:
            raise Gone(f"send: {error.strerror}") from error

    def hear(self):
        """The next reply, whatever it says."""
        while b"\n" not in self.rest:
            try:
                data, extra, _, _ = self.sock.recvmsg(1 << 16, socket.CMSG_SPACE(64))
            except OSError as error:
                raise Gone(f"receive: {error}") from error
            if not data:
                raise Gone(f"the connection was closed behind {self.rest[:200]!r}")
            for _, kind, payload in extra:
                if kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(payload[:len(payload) - len(payload) % fds.itemsize])
                    self.fds += fds
            self.rest += data
            if len(self.rest) > REPLY_MAX:
                raise AssertionError("a reply without end")
        line, _, self.rest = self.rest.partition(b"\n")
        return json.loads(line)

    def ask(self, op, **keys):
        """The reply; Refused where it is an error."""
        self.id += 1
        request = {"weir": 1, "id": self.id, "op": op, **keys}
        self.send(json.dumps(request).encode() + b"\n")
        reply = self.hear()
        if reply.get("id") != self.id or reply.get("weir") != 1:
            raise AssertionError(f"{request} is answered with {reply}")
        if not reply["ok"]:
            raise Refused(reply["error"])
        return reply

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def dies_with(parent):
    """In a child before exec: it never outlives the test."""
    libc.prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class Weird:
    """weird with its store, state, socket and configuration below @folder."""

    def __init__(self, program, folder, config):
        if not os.access(program, os.X_OK):
            raise Skip(f"weird is not built: {program}")
        self.program, self.folder = str(program), Path(folder)
        self.dir, self.state = self.folder / "warm", self.folder / "warm.state"
        self.socket, self.config = self.folder / "weird.sock", self.folder / "weird.conf"
        self.log = open(self.folder / "weird.log", "ab")
        self.config.write_text(config)
        self.process = None

    def command(self, *more):
        return [self.program, "--config", str(self.config), "--dir", str(self.dir),
                "--state", str(self.state), "--socket", str(self.socket), *more]

    def start(self, wait=True):
        parent = os.getpid()
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log,
                                        preexec_fn=lambda: dies_with(parent))
        if wait:
            self.wait_for()

    def wait_for(self):
        """Until it answers."""
        until = time.monotonic() + PATIENCE
        while True:
            if self.process.poll() is not None:
                raise AssertionError(f"weird ended with {self.process.returncode}: "
                                     f"{self.last_words()}")
            try:
                self.ask("warm")
                return
            except Gone:
                if time.monotonic() > until:
                    raise
                time.sleep(0.01)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """As systemd would; its exit status."""
        if not self.is_running():
            return None
        self.process.terminate()
        try:
            return self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError("weird does not end at SIGTERM") from None

    def release_all(self):
        """weird --release-all: the store is given back."""
        return subprocess.run(self.command("--release-all"), capture_output=True, text=True,
                              timeout=120, check=False)

    def line(self):
        return Line(self.socket)

    def ask(self, op, **keys):
        with self.line() as line:
            return line.ask(op, **keys)

    def stores(self, page_bytes):
        return [s for s in self.ask("warm")["stores"] if s["page_bytes"] == page_bytes]

    def sum(self, page_bytes, *keys):
        return sum(store[key] for store in self.stores(page_bytes) for key in keys)

    def last_words(self, lines=6):
        self.log.flush()
        text = (self.folder / "weird.log").read_text(errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def wait_until(self, condition, what, seconds=PATIENCE):
        """Until condition() is true, or weird ends, or it is too late."""
        until = time.monotonic() + seconds
        while not condition():
            if self.process.poll() is not None:
                raise AssertionError(f"waiting for {what}, weird ended with "
                                     f"{self.process.returncode}: {self.last_words()}")
            if time.monotonic() > until:
                raise AssertionError(f"{what}: not in {seconds} s: {self.ask('warm')}")
            time.sleep(0.01)

    def wait_ready(self, page_bytes, nr_bytes, seconds=PATIENCE):
        self.wait_until(lambda: self.sum(page_bytes, "ready_bytes") >= nr_bytes,
                        f"{nr_bytes >> 20} MiB ready", seconds)

    def wait_quiet(self, page_bytes, seconds=PATIENCE):
        """Until nothing is filled, scrubbed or to be scrubbed."""
        self.wait_until(lambda: self.sum(page_bytes, "filling_bytes", "dirty_bytes",
                                         "scrubbing_bytes") == 0, "quiet", seconds)

    def close(self):
        if self.is_running():
            self.kill()
        self.log.close()


@contextlib.contextmanager
def running(program, folder, config):
    """A running weird. At the end, if the test went well, it gives back all it has."""
    one = Weird(program, folder, config)
    try:
        one.start()
        yield one
        one.stop()
        done = one.release_all()
        if done.returncode:
            raise AssertionError(f"weird --release-all: exit {done.returncode}: "
                                 f"{done.stderr.strip()}")
        left = [path for path in one.dir.rglob("*") if path.is_file()]
        if left:
            raise AssertionError(f"weird --release-all leaves {left}")
    except (AssertionError, Gone, Refused):
        print("\n".join(f"# {line}" for line in one.last_words(30).splitlines()))
        raise
    finally:
        one.close()


def map_shared(fd, size):
    """A shared mapping of a file; its address."""
    at = libc.mmap(None, size, 3, 1, fd, 0)  # PROT_READ | PROT_WRITE, MAP_SHARED
    if at == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), f"map {size} bytes")
    return at


libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


def unmap(at, size):
    libc.munmap(at, size)


def is_zero(fd, size, piece=1 << 21):
    """Is every byte of the file 0?"""
    zero = bytes(piece)
    at = map_shared(fd, size)
    try:
        return all(ctypes.string_at(at + offset, min(piece, size - offset)) ==
                   zero[:min(piece, size - offset)] for offset in range(0, size, piece))
    finally:
        unmap(at, size)
