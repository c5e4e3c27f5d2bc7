"""leasing: a weird of the test's own, on pools that are put back: what the live tests of warm
memory work with. All of it lies in one temporary directory; at the end weird is ended, its
files and mounts are taken away, and no page is left."""

import contextlib
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pools

M2 = 2 << 20
MIB = 1 << 20
STARTS_IN, ENDS_IN = 30, 60


def end_clean():
    """Told to end, or the terminal is gone: what was begun is taken back all the same."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: sys.exit(128 + number))


def until(what, true, seconds=30):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.005)


class Weird:
    """A running weird. @conf: the text of its configuration."""

    def __init__(self, weird, weir, conf, folder):
        self.program, self.weir_program, self.folder = weird, weir, folder
        self.socket = f"{folder}/weird.sock"
        self.dir = f"{folder}/warm"
        self.log = open(f"{folder}/log", "w+", encoding="utf-8")
        Path(folder, "conf").write_text(conf)
        self.process = None

    def arguments(self):
        return [self.program, "--config", f"{self.folder}/conf", "--dir", self.dir,
                "--state", f"{self.folder}/warm.state", "--socket", self.socket,
                "--weir", self.weir_program]

    def start(self):
        self.process = subprocess.Popen(self.arguments(), stdin=subprocess.DEVNULL,
                                        stdout=self.log, stderr=self.log)
        until("weird listens", self.is_there, STARTS_IN)

    def is_there(self):
        if self.process.poll() is not None:
            raise AssertionError(f"weird has ended: {self.said()}")
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as s:
            s.connect(self.socket)
            return True
        return False

    def said(self):
        self.log.flush()
        return Path(f"{self.folder}/log").read_text()

    def stop(self, with_what="terminate"):
        if self.process and self.process.poll() is None:
            getattr(self.process, with_what)()
            self.process.wait(ENDS_IN)

    def done(self):
        self.stop()
        for lease in self.leases_left():
            print(f"# left: {lease}", flush=True)
        subprocess.run([*self.arguments(), "--release-all"], check=False, capture_output=True)
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            if line.split()[4].startswith(self.dir + "/"):
                subprocess.run(["umount", line.split()[4]], check=True)
        self.log.close()

    def leases_left(self):
        state = Path(f"{self.folder}/warm.state")
        text = state.read_text() if state.exists() else ""
        last = {}
        for line in text.splitlines():
            words = line.split()
            if words[:1] == ["region"]:
                last[words[1]] = line
            elif words[:1] == ["gone"]:
                last.pop(words[1], None)
        return [line for line in last.values() if "state=leased" in line]

    def weir(self, *args, status=0, **how):
        """stdout of a command that asks this weird"""
        done = subprocess.run([self.weir_program, *map(str, args)], capture_output=True,
                              text=True, check=False, stdin=subprocess.DEVNULL,
                              env={**os.environ, "WEIR_SOCKET": self.socket}, **how)
        if done.returncode != status:
            raise AssertionError(f"weir {' '.join(map(str, args))}: status "
                                 f"{done.returncode}, not {status}: {done.stderr.strip()}")
        return done.stdout if status == 0 else done.stderr

    def store(self, page_bytes=M2, node=None):
        """The row of weir warm --json that is about these."""
        for row in json.loads(self.weir("warm", "--json"))["stores"]:
            if row["page_bytes"] == page_bytes and (node is None or row["node"] == node):
                return row
        raise AssertionError(f"no store of {page_bytes} on node {node}")

    def leases(self):
        return json.loads(self.weir("leases", "--json"))["leases"]

    def full(self, page_bytes=M2, node=None):
        def is_full():
            row = self.store(page_bytes, node)
            return row["ready_bytes"] >= row["target_bytes"]
        until("the store is full", is_full, 120)


@contextlib.contextmanager
def running(weird, weir, conf, folder=None):
    with tempfile.TemporaryDirectory(prefix="weir-test.") as own:
        os.chmod(own, 0o755)
        it = Weird(weird, weir, conf, folder or own)
        try:
            it.start()
            yield it
        finally:
            it.done()


def free_pages(size=M2):
    return pools.read(pools.size_dir(size) / "free_hugepages")


def fill(f, byte):
    """All of an open file, by mapping it: hugetlbfs files cannot be written to."""
    with mmap.mmap(f.fileno(), 0) as m:
        piece = bytes([byte]) * M2
        for at in range(0, len(m), M2):
            m[at:at + M2] = piece


def is_zero(f):
    """Every byte of it."""
    with mmap.mmap(f.fileno(), 0) as m:
        piece = bytes(M2)
        return all(m[at:at + M2] == piece for at in range(0, len(m), M2))


if __name__ == "__main__":
    raise SystemExit("a module of the live tests, not a test")
