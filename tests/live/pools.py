"""pools: what every live test that changes the pools of this machine works with.

A test runs under one lock, saves all pool files, and puts them back however it ends. It
stays under 6 GiB and skips, with the reason, where the right or the page size is missing.
"""

import contextlib
import ctypes
import fcntl
import mmap
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

LOCK = "/run/lock/weir-test-pools.lock"
HAS_LOCK = "WEIR_TEST_HAS_POOLS"  # in the environment: who started this has the lock
MM = Path("/sys/kernel/mm/hugepages")
NODES = Path("/sys/devices/system/node")
WRITABLE = ("nr_hugepages", "nr_overcommit_hugepages")

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int,
                      ctypes.c_int, ctypes.c_long)
MAP_HUGETLB, HUGE_SHIFT = 0x40000, 26


class Skip(Exception):
    """The reason why a test cannot run here."""


def size_dir(size):
    return MM / f"hugepages-{size // 1024}kB"


def size_dirs():
    """Of all page sizes; of none where the kernel has no huge pages."""
    return sorted(MM.iterdir()) if MM.is_dir() else []


def read(path):
    return int(Path(path).read_text())


def write(path, value):
    Path(path).write_text(f"{value}\n")


def need(sizes):
    if os.geteuid() != 0:
        raise Skip("needs root to set pools")
    for size in sizes:
        if not size_dir(size).is_dir():
            raise Skip(f"this kernel has no pages of {size >> 20} MiB")


_locked = HAS_LOCK in os.environ


def open_lock():
    """What is there is not created: in a sticky directory a file of somebody else's may
    not be (fs.protected_regular), not even by root."""
    try:
        return open(os.open(LOCK, os.O_RDWR | os.O_CLOEXEC), "r+")
    except FileNotFoundError:
        return open(LOCK, "w")


@contextlib.contextmanager
def others_wait():
    """The lock, where this user may take it: nobody else's test changes a pool. Who has it
    may ask for it again."""
    global _locked
    if _locked:
        yield
        return
    try:
        lock = open_lock()
    except (PermissionError, FileNotFoundError):
        if os.geteuid() == 0:
            raise
        yield
        return
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _locked = True
        try:
            yield
        finally:
            _locked = False


def put_back(path, text):
    """Pages of a process that is just being killed stay as surplus at first: who came next
    would take them for the pool that he has to leave behind. A free one may stay as surplus
    as well (docs/kernel-rules.md 2.6): it goes when it has been asked for in between."""
    until = time.monotonic() + 10
    # gigantic sizes take no overcommit, not even the 0 they have
    while path.read_text() != text:
        path.write_text(text)
        if path.read_text() != text:
            path.write_text(path.read_text())
            path.write_text(text)
        if path.read_text() != text:
            if time.monotonic() > until:
                raise AssertionError(f"{path} stays at {path.read_text().strip()}")
            time.sleep(0.01)


@contextlib.contextmanager
def saved_pools():
    """The same, and all pools are as they were at the end."""
    with others_wait():
        files = [d / name for d in size_dirs() for name in WRITABLE]
        before = {path: path.read_text() for path in files}
        try:
            yield
        finally:
            for path, text in before.items():
                put_back(path, text)


def set_pool(size, pages):
    write(size_dir(size) / "nr_hugepages", pages)
    got = read(size_dir(size) / "nr_hugepages")
    if got < pages:
        raise Skip(f"only {got} of {pages} pages of {size >> 20} MiB could be had")


def map_pages(size, pages, touch):
    """A private mapping of huge pages in this process, the first @touch of them touched."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | MAP_HUGETLB
    flags |= (size.bit_length() - 1) << HUGE_SHIFT
    at = libc.mmap(None, size * pages, mmap.PROT_READ | mmap.PROT_WRITE, flags, -1, 0)
    if at == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), f"mmap {pages} pages of {size}")
    for page in range(touch):
        ctypes.memset(at + page * size, 1, 1)
    return at


@contextlib.contextmanager
def holder(size, pages, touch, before=None):
    """A process that maps pages and touches some; @before runs in it first."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlives the test
        try:
            if before:
                before()
            map_pages(size, pages, touch)
            os.write(told, b"y")
            signal.pause()
        finally:
            os._exit(1)
    os.close(told)
    answer = os.read(ready, 1)
    os.close(ready)
    try:
        if answer != b"y":
            raise OSError(f"the holder of {pages} pages of {size} failed")
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


@contextlib.contextmanager
def mounted(options, suffix=""):
    """A hugetlbfs mount with these options in a directory of its own."""
    target = tempfile.mkdtemp(prefix="weir-test.", suffix=suffix)
    try:
        done = subprocess.run(["mount", "-t", "hugetlbfs", "-o", options, "none", target],
                              capture_output=True, text=True)
        if done.returncode:
            raise Skip(f"mount -o {options}: {done.stderr.strip()}")
        try:
            yield target
        finally:
            subprocess.run(["umount", target], check=True)
    finally:
        os.rmdir(target)


def one_line(error):
    """What went wrong first, short, for the end of a line of TAP."""
    while error.__context__:
        error = error.__context__
    words = " ".join(f"{type(error).__name__}: {error}".split()).replace("#", "-")
    return words[:200] + ("..." if len(words) > 200 else "")


def run_tests(tests):
    """Runs the functions, prints TAP; the exit status."""
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        name, directive = test.__name__, ""
        try:
            test()
            result = "ok"
        except Skip as reason:
            result, directive = "ok", f" # SKIP {reason}"
        except Exception as error:  # a test may fail in any way
            result, failed = "not ok", failed + 1
            directive = f": {one_line(error)}"
            while error:  # what went wrong while it was cleared up hides the first
                words = str(error).replace("\n", "\n#   ")
                print(f"# {type(error).__name__}: {words}", flush=True)
                error = error.__context__
        print(f"{result} {number} - {name}{directive}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit("a module of the live tests, not a test")
