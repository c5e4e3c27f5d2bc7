"""warm_host: a weird that is killed and started again, and what its store has.

weird and whatever it mounts lie in the test's mount namespace (private.py), and it dies
with the test: nothing of it is left, however the test ends.
"""

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time

import pools
import private
from pools import Skip, libc, read, size_dir
from weird import Weird

PATIENCE = 30  # seconds; a weird under sanitizers on a busy machine is slow, not dead


def dies_with(parent):
    """In a child before exec: it never outlives the test."""
    libc.prctl(1, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


class Store(Weird):
    """A weird, and the regions that it keeps."""

    def __init__(self, program, folder, conf):
        if not os.access(program, os.X_OK):
            raise Skip(f"weird is not built: {program}")
        parent = os.getpid()
        super().__init__(program, folder, conf, preexec_fn=lambda: dies_with(parent))

    def start(self, wait=True):
        """Until it answers: it may have been started here before."""
        super().start(wait=False)
        end = time.monotonic() + PATIENCE
        while wait:
            if not self.is_running():
                raise AssertionError(f"weird ended with {self.process.returncode}: "
                                     f"{self.last_words()}")
            try:
                self.ask("warm")
                break
            except (OSError, EOFError):
                if time.monotonic() > end:
                    raise
                time.sleep(0.01)
        return self

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def ask(self, op, **keys):
        with self.client() as client:
            return client.do(op, **keys)

    def last_words(self, lines=8):
        return "\n".join(self.text().splitlines()[-lines:])

    def sum(self, page_bytes, *keys):
        return sum(store[key] for store in self.stores() for key in keys
                   if store["page_bytes"] == page_bytes)

    def wait_until(self, condition, what, seconds=PATIENCE):
        """Until condition() is true, or weird ends, or it is too late."""
        end = time.monotonic() + seconds
        while not condition():
            if not self.is_running():
                raise AssertionError(f"waiting for {what}, weird ended with "
                                     f"{self.process.returncode}: {self.last_words()}")
            if time.monotonic() > end:
                raise AssertionError(f"{what}: not in {seconds} s: {self.ask('warm')}")
            time.sleep(0.01)

    def wait_ready(self, page_bytes, nr_bytes, seconds=PATIENCE):
        self.wait_until(lambda: self.sum(page_bytes, "ready_bytes") >= nr_bytes,
                        f"{nr_bytes >> 20} MiB ready", seconds)

    def wait_quiet(self, page_bytes, seconds=PATIENCE):
        """Until nothing is filled, scrubbed or to be scrubbed."""
        self.wait_until(lambda: self.sum(page_bytes, "filling_bytes", "dirty_bytes",
                                         "scrubbing_bytes") == 0, "quiet", seconds)

    def release_all(self):
        """weird --release-all: the store is given back."""
        done = subprocess.run([*map(str, self.command), "--release-all"], timeout=120,
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise AssertionError(f"weird --release-all: exit {done.returncode}: "
                                 f"{done.stderr.strip()}")
        left = [path for path in (self.folder / "warm").rglob("*") if path.name != "lock"]
        if left:
            raise AssertionError(f"weird --release-all leaves {left}")


def counter(page_bytes, name):
    return read(size_dir(page_bytes) / f"{name}_hugepages")


@contextlib.contextmanager
def pool_of(page_bytes, pages):
    """So many free pages, besides those that somebody has already; at the end they are free
    again, and the pool is as it was."""
    pools.need([page_bytes])
    with pools.saved_pools():
        total, reserved = counter(page_bytes, "nr"), counter(page_bytes, "resv")
        used = total - counter(page_bytes, "free") + reserved
        pools.set_pool(page_bytes, used + pages)
        if counter(page_bytes, "free") < pages:
            raise Skip("the pool is in use")
        yield
        if counter(page_bytes, "free") < pages or counter(page_bytes, "resv") > reserved:
            raise AssertionError("not all pages are back in the pool")


@contextlib.contextmanager
def running(program, folder, conf):
    """A running weird. At the end, if the test went well, it gives back all it has."""
    one = Store(program, folder, conf)
    try:
        yield one.start()
        one.stop()
        one.release_all()
    except BaseException:
        print("\n".join(f"# {line}" for line in one.last_words(30).splitlines()))
        raise
    finally:
        one.give_back()


def main(tests, wanted=()):
    """Runs them, or those that are named, in a mount namespace of this test's own. A signal
    that ends the test lets it put everything back."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        private.enter()
    except Skip as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    return pools.run_tests([test for test in tests if not wanted or test.__name__ in wanted])


libc.munmap.argtypes = (ctypes.c_void_p, ctypes.c_size_t)


def map_shared(fd, size):
    """A shared mapping of a file; its address."""
    at = libc.mmap(None, size, 3, 1, fd, 0)  # PROT_READ | PROT_WRITE, MAP_SHARED
    if at == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), f"map {size} bytes")
    return at


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
