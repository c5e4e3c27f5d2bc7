"""persons: users of warm memory who mean no good: each is a process of its own, of his user,
that does what the test tells it, and tells what came of it."""

import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import threading
import time

import warm_host
from pools import libc
from weird import Client  # noqa: F401: for what persons are told to do

M2 = 2 << 20
F_ADD_SEALS, F_SEAL_WRITE = 1033, 8
RINGS = []
HELD = {}  # what he has open, by path


class Person:
    """A process of another user, which does what it is told and tells what came of it."""

    def __init__(self, uid):
        self.ours, theirs = socket.socketpair()
        self.parent, self.pid = os.getpid(), os.fork()
        if self.pid == 0:
            self.ours.close()
            self.serve(uid, theirs)
        theirs.close()
        self.lines = self.ours.makefile("rw")

    def serve(self, uid, end):
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            warm_host.dies_with(self.parent)
            lines, names = end.makefile("rw"), {"__builtins__": __builtins__, **globals()}
            for line in lines:
                try:
                    reply = {"is": eval(json.loads(line), names)}
                except BaseException as error:
                    reply = {"failed": f"{type(error).__name__}: {error}"}
                lines.write(json.dumps(reply) + "\n")
                lines.flush()
        finally:
            os._exit(0)

    def do(self, text):
        """The value of an expression there; its names stay."""
        self.lines.write(json.dumps(text) + "\n")
        self.lines.flush()
        reply = json.loads(self.lines.readline())
        if "failed" in reply:
            raise AssertionError(f"{text}: {reply['failed']}")
        return reply["is"]

    def refused(self, text, *words):
        try:
            got = self.do(text)
        except AssertionError as error:
            if any(word in str(error) for word in words):
                return
            raise
        raise AssertionError(f"{text}: it can be done, and is {got!r}")

    def end(self):
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        self.lines.close()
        self.ours.close()


@contextlib.contextmanager
def persons(one, *uids):
    """The users, each with a connection."""
    them = [Person(uid) for uid in uids]
    try:
        for person in them:
            person.do(f"globals().__setitem__('weird', Client({str(one.socket)!r})) or 1")
        yield them
    finally:
        for person in them:
            person.end()


# --- what they do, in their processes

def hold(path, how=os.O_RDWR):
    """Opens and keeps it."""
    HELD[path] = os.open(path, how)
    return os.fstat(HELD[path]).st_ino


def drop(path):
    os.close(HELD.pop(path))
    return True


def soil(path, size):
    at = warm_host.map_shared(HELD[path], size)
    ctypes.memset(at, 0x5a, size)
    warm_host.unmap(at, size)
    return True


def seal(path):
    fcntl.fcntl(HELD[path], F_ADD_SEALS, F_SEAL_WRITE)


def lease_of_his_own(path):
    """fcntl(2)'s lease of a file, which makes others wait who open it."""
    fcntl.fcntl(HELD[path], fcntl.F_SETLEASE, fcntl.F_WRLCK)
    return True


def frame(at):
    """Where a page lies; as root."""
    with open("/proc/self/pagemap", "rb") as file:
        file.seek(at // os.sysconf("SC_PAGE_SIZE") * 8)
        return int.from_bytes(file.read(8), "little") & ((1 << 55) - 1)


def pin(path):
    """One page registered with a ring, then neither mapped nor open: only pinned."""
    at = warm_host.map_shared(HELD[path], M2)
    ctypes.memset(at, 0x5a, M2)
    ring = libc.syscall(425, 4, ctypes.create_string_buffer(120))
    buffer = (ctypes.c_size_t * 2)(at, M2)
    if ring < 0 or libc.syscall(427, ring, 0, buffer, 1) < 0:
        raise OSError(ctypes.get_errno(), "io_uring")
    RINGS.append(ring)
    warm_host.unmap(at, M2)
    drop(path)
    return True


def open_and_close(path, seconds):
    """As often as it goes."""
    end, nr = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        try:
            os.close(os.open(path, os.O_RDONLY))
            nr += 1
        except OSError:
            pass
    return nr


def race(path, threads=4, seconds=1.0):
    """Opens it in several threads until it cannot be opened any more; keeps what came last."""
    got, end = [], time.monotonic() + seconds

    def run():
        while time.monotonic() < end:
            try:
                fd = os.open(path, os.O_RDWR)
            except OSError:
                return
            got.append(fd)
            if len(got) > threads:
                with contextlib.suppress(OSError, IndexError):
                    os.close(got.pop(0))

    all_of_them = [threading.Thread(target=run) for _ in range(threads)]
    for thread in all_of_them:
        thread.start()
    for thread in all_of_them:
        thread.join()
    HELD["race"] = got
    return [os.fstat(fd).st_ino for fd in got]


def race_writes():
    for fd in HELD["race"]:
        at = warm_host.map_shared(fd, M2)
        ctypes.memset(at, 0x5a, M2)
        warm_host.unmap(at, M2)
    return True


def race_ends():
    for fd in HELD.pop("race"):
        os.close(fd)
    return True
