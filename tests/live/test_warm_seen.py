#!/usr/bin/env python3
"""test_warm_seen.py WEIR: what weir says of warm memory on the running kernel: real files of
a real hugetlbfs, in a mount namespace of the test's own, and a state as weird writes it. The
test plays weird: the state has its number and start."""

import contextlib
import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pools
import private

WEIR = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 and "/" in sys.argv[1] else "weir"
M2 = 2 << 20
POOL = 16
DONE, REFUSED = 0, 5
RUN = Path("/run/weir")
STORE = RUN / "warm" / "2M"
STATE = RUN / "warm.state"
PAGES = {"ready": 3, "leased": 2, "waiting": 1, "unknown": 1}
IDS = {"ready": 1, "leased": 2, "waiting": 3}


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


def expect_words(text, *words):
    for word in words:
        if str(word) not in text:
            raise AssertionError(f"{word!r} is not in {text!r}")


def weir(*arguments, status=DONE):
    """stdout and stderr"""
    done = subprocess.run([WEIR, *map(str, arguments)], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL, timeout=100,
                          env={**os.environ, "COLUMNS": "1000"})
    expect(f"exit status of {' '.join(map(str, arguments))} ({done.stderr.strip()})",
           done.returncode, status)
    return done.stdout, done.stderr


def ledger():
    return json.loads(weir("who", "--json")[0])


def holds():
    """{inode: hold} of what lies in the store"""
    return {hold["inode"]: hold for hold in ledger()["holds"] if "store" in hold}


def start_of(pid):
    return int(Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19])


def inode(name):
    return (STORE / name).stat().st_ino


def write_state(pid, start):
    device = os.stat(STORE).st_dev
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    lease = " lease={} name=\"{}\" uid=0 gid=0 since=1 until=0 owner=none"
    lines = [f"weir-warm 1 pid={pid} start={start} boot={boot}",
             f"store page={M2} device={os.major(device)}:{os.minor(device)} dir=\"{STORE}\"",
             f"target page={M2} node=0 bytes={PAGES['ready'] * M2}"]
    for name, number in IDS.items():
        lines.append(f"region {number} state={name} page={M2} node=0 inode={inode(name)} "
                     f"bytes={PAGES[name] * M2} filled={PAGES[name] * M2}"
                     + {"ready": "", "leased": lease.format(1, "vm1"),
                        "waiting": lease.format(2, "")}[name])
    STATE.write_text("\n".join([*lines, "next region=9 lease=9", "end", ""]))


def fill(name):
    with open(STORE / name, "wb+") as file:
        os.posix_fallocate(file.fileno(), 0, PAGES[name] * M2)


def have_mapped(name):
    """For a process: it maps a file of the store, and touches it unless it is leased: as a VM
    that has not run yet."""
    fd = os.open(STORE / name, os.O_RDWR)
    memory = mmap.mmap(fd, PAGES[name] * M2)
    if name != "leased":
        memory[0] = 1
    os.close(fd)
    globals().setdefault("kept", []).append(memory)


@contextlib.contextmanager
def run_directory():
    made = not RUN.exists()
    RUN.mkdir(exist_ok=True)
    private.sh("mount", "-t", "tmpfs", "none", RUN)
    try:
        yield
    finally:
        subprocess.run(["umount", STORE], check=False, capture_output=True)
        subprocess.run(["umount", RUN], check=False, capture_output=True)
        if made:
            with contextlib.suppress(OSError):
                RUN.rmdir()  # others may have come to use it


@contextlib.contextmanager
def store():
    """A store with four files, of which the state knows three; two have users."""
    pools.need([M2])
    with pools.saved_pools(), run_directory(), private.folder() as folder:
        pools.set_pool(M2, POOL)
        STORE.mkdir(parents=True, mode=0o700)
        private.sh("mount", "-t", "hugetlbfs", "-o", "pagesize=2M,mode=0700", "weird", STORE)
        for name in PAGES:
            fill(name)
        write_state(os.getpid(), start_of(os.getpid()))
        with private.process(lambda: have_mapped("leased")) as user, \
                private.process(lambda: have_mapped("waiting")) as late:
            yield folder, user, late


def who_knows_each_file_by_its_state():
    with store() as (_, user, _):
        kinds = {"ready": "warm", "leased": "leased", "waiting": "waiting", "unknown": "file"}
        found, all_of = holds(), ledger()
        for name, kind in kinds.items():
            hold = found[inode(name)]
            expect(f"kind of {name}", hold["kind"], kind)
            expect(f"pages of {name}", hold["pages"], PAGES[name])
            expect(f"left of {name}", hold["left"], name == "unknown")
        expect("users of the leased one",
               [u["pid"] for u in found[inode("leased")]["users"]], [user])
        expect("its lease", found[inode("leased")]["store"]["lease_name"], "vm1")
        expect("weird", all_of["weird"], "runs")
        for size in all_of["sizes"]:
            if size["page_bytes"] == M2:
                expect("unattributed", size["unattributed"], 0)
                expect("over", size["over"], 0)
                expect("held", size["held"], sum(PAGES.values()))
        text = weir("who")[0]
        expect_words(text, "kept by weird for leases: 1 ready", "(lease vm1)",
                     "(lease 2, which has ended)")
        row = next(line for line in text.splitlines() if "(lease vm1)" in line)
        expect_words(row, f"{user} ")
        leaks = weir("who", "--leaks")[0]
        expect_words(leaks, "unknown to weird")
        for name in IDS:
            if f"/{name}" in leaks:
                raise AssertionError(f"{name} is a leak: {leaks}")
        expect_words(weir("who", "vm1")[0], user)


def status_says_what_is_warm():
    with store():
        screen = weir("status")[0]
        expect_words(screen, "Warm memory", "6M ready of 6M, 4M leased (1), 2M waited for (1)",
                     "the lease of 1 file (2M) has ended")
        warm = json.loads(weir("status", "--json")[0])["warm"]
        expect("ready", warm["stores"][0]["ready_bytes"], 3 * M2)
        row = weir("status", "--size", "2M", "-rn", "-o", "node,in-use,warm,leased")[0]
        expect("columns", row.split()[1:4], ["7", "3", "3"])


def what_weird_left_is_still_its_own():
    with store():
        gone = private.dead_pid()
        write_state(gone, 1)
        expect("weird", ledger()["weird"], "gone")
        expect("left", {i for i, hold in holds().items() if hold["left"]}, {inode("unknown")})
        expect_words(weir("status", "--table", "findings", "-r")[0], "weird-gone")


def clean_leaves_the_store_alone():
    with store() as (folder, *_), private.all_seen(folder):
        out = json.loads(weir("clean", "--json", "--dry-run")[0])
        expect("files offered", out["files"], [])
        weir("clean", "--yes")
        for name in ("ready", "unknown", "leased"):
            _, err = weir("clean", "--yes", STORE / name, status=REFUSED)
            expect_words(err, {"ready": "weird keeps it for leases",
                               "unknown": "is weird's",
                               "leased": "weird has leased it: lease vm1"}[name])
        expect("files", sorted(os.listdir(STORE)), sorted(PAGES))
        STATE.write_text("garbage\n")
        fill("unknown")  # which are the store's nobody can tell now
        weir("clean", "--yes", status=REFUSED)
        expect("files", sorted(os.listdir(STORE)), sorted(PAGES))


def unmount_leaves_the_store_alone():
    with store():
        _, err = weir("unmount", STORE, "--with-files", status=REFUSED)
        expect_words(err, "is weird's", "in 3 files, 2 of them leased")
        write_state(private.dead_pid(), 1)
        expect_words(weir("unmount", STORE, status=REFUSED)[1], "weird does not run")
        if str(STORE) not in private.huge_mounts():
            raise AssertionError("it is gone")


def set_does_not_trap_warm_memory():
    with store():
        out = weir("set", "--dry-run", "2M=2", status=REFUSED)
        expect_words("".join(out), "guard 'lease'", "2M=7 would pass")


def main():
    tests = [who_knows_each_file_by_its_state, status_says_what_is_warm,
             what_weird_left_is_still_its_own, clean_leaves_the_store_alone,
             unmount_leaves_the_store_alone, set_does_not_trap_warm_memory]
    try:
        private.enter()
    except pools.Skip as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    return pools.run_tests(tests)


if __name__ == "__main__":
    sys.exit(main())
