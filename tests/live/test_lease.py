#!/usr/bin/env python3
"""test_lease.py WEIR WEIRD: leases on the running kernel: the file is what was asked for, QEMU
starts on it with what `weir lease --qemu` prints, and what QEMU leaves behind comes back as
zeroes, however it ended. TAP."""

import contextlib
import json
import os
import shutil
import socket
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pools
import leasing
from leasing import M2, MIB, free_pages, until

WEIR, WEIRD = (os.path.abspath(path) for path in sys.argv[1:3])
# copies that everyone may run, wherever the tree is
SHELF = tempfile.TemporaryDirectory(prefix="weir-test.")
os.chmod(SHELF.name, 0o755)
WEIR, WEIRD = (shutil.copy(path, SHELF.name) for path in (WEIR, WEIRD))
QEMU = shutil.which("qemu-system-x86_64")
QEMUS = []  # that run
NOBODY = 65534
WARM = 64  # pages of 2M that are kept warm
CONF = "[warm 2M]\nnode0 = 128M\nflavours = 64M\n"
NO, REFUSED = 3, 5


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


def on_pages(pages):
    """The test, with a weird that is full, in a pool of so many pages; no more than WARM of them
    leave nothing that anybody could take besides."""
    def decorate(test):
        def run():
            pools.need([M2])
            with pools.saved_pools():
                pools.set_pool(M2, pages)
                with leasing.running(WEIRD, WEIR, CONF) as it, no_qemu_left():
                    it.full(node=0)
                    test(it)
        run.__name__ = test.__name__
        return run
    return decorate


@contextlib.contextmanager
def no_qemu_left():
    """Those that a test that failed has not ended."""
    try:
        yield
    finally:
        while QEMUS:
            QEMUS[0].kill()


def is_zero(path):
    with open(path, "r+b") as f:
        return leasing.is_zero(f)


def dirty(path):
    with open(path, "r+b") as f:
        leasing.fill(f, 0xff)


@on_pages(WARM)
def a_lease_is_a_file_of_zeroes(it):
    path = it.weir("lease", "64M").strip()
    st = os.stat(path)
    expect("size", st.st_size, 64 * MIB)
    expect("allocated", st.st_blocks * 512, 64 * MIB)
    expect("mode", stat.S_IMODE(st.st_mode), 0o600)
    expect("all zero", is_zero(path), True)
    lease = it.leases()[0]
    expect("lease", (lease["bytes"], lease["path"], lease["state"], lease["owner"]),
           (64 * MIB, path, "leased", "none"))
    dirty(path)
    it.weir("release", path)
    expect("there", os.path.exists(path), False)
    it.full(node=0)
    for _ in range(2):
        expect("all zero", is_zero(it.weir("lease", "64M", "--owner", "none").strip()), True)
    for lease in it.leases():
        it.weir("release", lease["lease"])


@on_pages(160)
def warm_only_is_not_more_than_is_warm(it):
    words = it.weir("lease", "160M", "--warm-only", status=NO)
    expect("one line", len(words.splitlines()), 1)
    document = json.loads(it.weir("lease", "160M", "--json", "--name", "big"))
    expect("warm and cold", document["warm_bytes"] + document["cold_bytes"], 160 * MIB)
    if document["cold_bytes"] == 0:
        raise AssertionError("more was warm than there was")
    it.weir("lease", "1T", status=NO)
    it.weir("release", "big")


@on_pages(WARM)
def what_cannot_be_told_is_not_leased(it):
    for command in ('exec "$@" >&-', 'exec "$@" >/dev/full'):
        done = subprocess.run(["sh", "-c", command, "sh", it.weir_program, "lease", "2M",
                               "--socket", it.socket], capture_output=True, check=False,
                              timeout=60)
        expect(f"status of {command}", done.returncode, 1)
    leasing.until("no lease is left", lambda: not it.leases())


@on_pages(WARM)
def wrong_words_are_told_in_the_commands_own(it):
    for status, words, *args in (
            (2, "SIZE '8E': wants a size", "lease", "8E"),
            (2, "--name 'a b': wants letters", "lease", "2M", "--name", "a b"),
            (2, "--owner '0': is no process", "lease", "2M", "--owner", "0"),
            (1, "weir release: '0' is no lease", "release", "0"),
            (1, "weir release: nope: there is no such lease", "release", "nope"),
            (2, "'2M=8E': wants an amount", "warm", "2M=8E")):
        expect(f"{words!r} is said", words in it.weir(*args, status=status), True)


@on_pages(WARM)
def others_need_a_rule(it):
    other = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    it.weir("lease", "2M", status=REFUSED, **other)
    Path(f"{it.folder}/conf").write_text(CONF + f"[rule some]\nuser = {NOBODY}\nmost = 64M\n")
    it.process.send_signal(1)
    got = []

    def can():
        done = subprocess.run([WEIR, "lease", "64M", "--name", "theirs"], check=False,
                              capture_output=True, text=True, **other,
                              env={**os.environ, "WEIR_SOCKET": it.socket})
        got.append(done.stdout.strip())
        return done.returncode == 0
    until("the rule is there", can)
    expect("owner of the file", os.stat(got[-1]).st_uid, NOBODY)
    it.weir("lease", "2M", status=REFUSED, **other)
    it.weir("release", "theirs", **other)
    until("it is released", lambda: not it.leases())


@on_pages(WARM)
def hold_ends_with_its_command(it):
    with subprocess.Popen([WEIR, "lease", "--hold", "64M"], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True,
                          env={**os.environ, "WEIR_SOCKET": it.socket}) as process:
        path = process.stdout.readline().strip()
        expect("there", os.path.exists(path), True)
        process.kill()
        process.wait()
    until("the lease has ended", lambda: not it.leases())
    until("the file is gone", lambda: not os.path.exists(path))


# ---- QEMU -------------------------------------------------------------------------------

class Qemu:
    """QEMU, until it answers QMP; no guest runs in it."""

    def __init__(self, folder, words):
        if not QEMU:
            raise pools.Skip("no qemu-system-x86_64 here")
        path = f"{folder}/qmp"
        self.process = subprocess.Popen(
            [QEMU, "-nodefaults", "-no-user-config", "-display", "none", "-S", "-accel", "tcg",
             "-qmp", f"unix:{path},server=on,wait=off", *words], stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        self.socket = socket.socket(socket.AF_UNIX)
        QEMUS.append(self)
        end = time.monotonic() + 60
        while self.process.poll() is None:
            if time.monotonic() > end:
                raise AssertionError("QEMU does not answer")
            try:
                self.say_hello(path)
                return
            except OSError:
                time.sleep(0.005)
        raise AssertionError(f"QEMU has ended: {self.process.stderr.read()}")

    def say_hello(self, path):
        self.socket.close()
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.lines = self.socket.makefile("rw", encoding="utf-8")
        self.lines.readline()
        self.ask("qmp_capabilities")
        self.ask("query-status")  # answered when the machine is made

    def ask(self, what, **arguments):
        self.lines.write(json.dumps({"execute": what, "arguments": arguments}) + "\n")
        self.lines.flush()
        while True:
            reply = json.loads(self.lines.readline() or '{"error": "QEMU has ended"}')
            if "error" in reply:
                raise AssertionError(f"{what}: {reply}")
            if "return" in reply:
                return reply["return"]

    def kill(self):
        QEMUS.remove(self)
        self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        self.socket.close()


@on_pages(WARM)
def qemu_starts_on_a_lease_and_leaves_zeroes(it):
    for more in ("", ",prealloc=on", ",prealloc=off"):
        for bound in ([], ["--node", "0"]):
            it.full(node=0)
            words = it.weir("lease", "64M", "--qemu", *bound).split()
            expect("words", (len(words), words[0]), (2, "-object"))
            expect("bound", ",host-nodes=0,policy=bind" in words[1], bool(bound))
            words[1] += more
            expect("free pages", free_pages(), 0)
            qemu = Qemu(it.folder, ["-m", "64M", *words, "-machine", "q35,memory-backend=ram"])
            memory = qemu.ask("query-memdev")
            expect("memory", [(m["id"], m["size"], m["share"]) for m in memory],
                   [("ram", 64 * MIB, True)])
            dirty(it.leases()[0]["path"])  # as a guest does: QEMU has it mapped
            qemu.kill()
            until("the lease has ended", lambda: not it.leases())
            it.full(node=0)
    for _ in range(2):
        expect("all zero", is_zero(it.weir("lease", "64M").strip()), True)
    for lease in it.leases():
        it.weir("release", lease["lease"])


@on_pages(WARM)
def a_guest_of_two_nodes_has_two_leases(it):
    words = [it.weir("lease", "64M", f"--qemu=m{n}", "--node", "0").split() for n in (0, 1)]
    qemu = Qemu(it.folder, ["-m", "128M", "-smp", "2", *words[0], *words[1], "-machine", "q35",
                            "-numa", "node,nodeid=0,cpus=0,memdev=m0",
                            "-numa", "node,nodeid=1,cpus=1,memdev=m1"])
    memory = qemu.ask("query-memdev")
    expect("memory", sorted((m["id"], m["host-nodes"]) for m in memory),
           [("m0", [0]), ("m1", [0])])
    qemu.kill()
    until("the leases have ended", lambda: not it.leases())


@on_pages(WARM)
def who_has_memory_keeps_it(it):
    """The lease of a QEMU that runs is released: QEMU keeps its memory, and is named."""
    words = it.weir("lease", "64M", "--qemu", "--name", "vm").split()
    qemu = Qemu(it.folder, ["-m", "64M", *words, "-machine", "q35,memory-backend=ram"])
    path = it.leases()[0]["path"]
    out = it.weir("release", "vm")
    if "waited for" not in out or str(qemu.process.pid) not in out:
        raise AssertionError(out)
    expect("there", os.path.exists(path), False)
    expect("states", [lease["state"] for lease in it.leases()], ["waiting"])
    expect("status", qemu.ask("query-status")["status"], "prelaunch")
    qemu.kill()
    until("it has come back", lambda: not it.leases())


TESTS = [a_lease_is_a_file_of_zeroes, warm_only_is_not_more_than_is_warm,
         what_cannot_be_told_is_not_leased, wrong_words_are_told_in_the_commands_own,
         others_need_a_rule,
         hold_ends_with_its_command, qemu_starts_on_a_lease_and_leaves_zeroes,
         a_guest_of_two_nodes_has_two_leases, who_has_memory_keeps_it]

if __name__ == "__main__":
    leasing.end_clean()
    with pools.others_wait():  # once for all of them
        sys.exit(pools.run_tests(TESTS))
