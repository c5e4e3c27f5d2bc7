#!/usr/bin/env python3
"""test_kill.py WEIR [KILLS [SEED]]: `weir set` and `weir undo` killed (SIGKILL) at their
system calls, one after the other; afterwards `weir undo` leaves the pools exactly as they
were, or the journal says that the change was done, and it was. `make kills` is the long
run. TAP."""

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time

import pools
from pools import MM, NODES, read, size_dir

WEIR = sys.argv[1]
KILLS = int(sys.argv[2]) if len(sys.argv) > 2 else 40
SEED = sys.argv[3] if len(sys.argv) > 3 else str(time.time_ns() % 1000000)
M2, G1 = 2 << 20, 1 << 30
# those that change something on a disk or on the host, and those around them
WRITES = ("write", "fsync", "pwrite64", "ftruncate", "fallocate", "renameat", "flock",
          "mkdir")
OTHERS = ("openat", "close", "read")
ENV = {**os.environ, "ASAN_OPTIONS": "detect_leaks=0"}  # which wants to trace, too

chance = random.Random(SEED)


def state():
    """What only writes change."""
    names = ("nr_hugepages", "surplus_hugepages", "nr_overcommit_hugepages")
    return {str(path): read(path) for top in (MM, NODES) for path in top.rglob("*")
            if path.name in names}


def weir(command, directory, *args):
    return subprocess.run([WEIR, command, "--state", directory, *args],
                          capture_output=True, text=True, env=ENV)


def killed(call, number, command, directory, *args):
    """The same, killed when it begins its @number-th @call. True: it was."""
    done = subprocess.run(
        ["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"trace={call}",
         "-e", f"inject={call}:signal=SIGKILL:when={number}",
         WEIR, command, "--state", directory, *args],
        capture_output=True, text=True, env=ENV)
    if done.returncode not in (-9, 137, 0, 3):
        raise AssertionError(f"{command} {args}, {call} {number}: exit "
                             f"{done.returncode}: {done.stderr.strip()}")
    return done.returncode in (-9, 137)


def last_change(directory):
    log = weir("log", directory, "--json")
    changes = json.loads(log.stdout)["changes"]
    return changes[-1] if changes else None


def came_to_its_end(change, before):
    """Killed behind the end: then it was done, and is as it says."""
    if not change or change["end"] != "done":
        return False
    for pool in change["after"]:
        where = size_dir(pool["size_bytes"])
        if (read(where / "nr_hugepages"), read(where / "surplus_hugepages")) != \
                (pool["pages"], pool["surplus"]):
            raise AssertionError(f"it says it was done, and is not: {pool}")
    return state() != before


def taken_back(directory, before, what):
    if came_to_its_end(last_change(directory), before):
        return
    done = weir("undo", directory, "--yes")
    if done.returncode not in (0, 3) or state() != before:
        after = state()
        moved = {p: (before[p], after[p]) for p in before if before[p] != after[p]}
        raise AssertionError(f"{what}: undo exit {done.returncode}: {moved} "
                             f"{done.stdout} {done.stderr}")


def need_all():
    pools.need([M2])
    if not shutil.which("strace"):
        raise pools.Skip("no strace to kill with")
    with tempfile.TemporaryDirectory() as scratch:
        probe = subprocess.run(["strace", "-qq", "-o", f"{scratch}/out", "true"],
                               capture_output=True, text=True)
    if probe.returncode:
        raise pools.Skip(f"strace: {probe.stderr.strip()}")


def calls_of(directory, wishes, call):
    """How often a change calls it, dry."""
    with tempfile.NamedTemporaryFile("r") as out:
        subprocess.run(["strace", "-f", "-qq", "-o", out.name, "-e", f"trace={call}", WEIR,
                        "set", "--state", directory, "--yes", *wishes],
                       capture_output=True, env=ENV)
        return sum(f" {call}(" in line for line in out.read().splitlines())


def some_wishes():
    """With 12 pages of 2M, of which 6 are wanted by somebody, and 3 of these used."""
    return chance.choice([["2M=40", "overcommit.2M=5"], ["2M=7"], ["2M=+1", "overcommit.2M=3"],
                          ["overcommit.2M=9", "2M/node0=30"],
                          ["2M=4", "--allow", "surplus"], [f"2M={chance.randrange(20, 200)}"],
                          ["2M=1", "overcommit.2M=1", "--allow", "surplus"]])


def setup():
    pools.set_pool(M2, 12)
    pools.write(size_dir(M2) / "nr_overcommit_hugepages", 2)


def kill_one(wishes, call, number):
    """A change, killed there; in between its undo is killed, too. False: it lived."""
    setup()
    before = state()
    with tempfile.TemporaryDirectory(prefix="weir-kill.") as directory:
        what = f"seed {SEED}, {' '.join(wishes)}, {call} {number}"
        if not killed(call, number, "set", directory, "--yes", *wishes):
            return 0
        kills = 1
        if chance.random() < 0.4:
            change = last_change(directory)
            if change and change["end"] == "open":
                kills += killed(chance.choice(WRITES), chance.randrange(1, 8), "undo",
                                directory, "--yes")
        taken_back(directory, before, what)
        if chance.random() < 0.2:  # and nothing is in the way of the next one
            done = weir("set", directory, "--yes", "2M=13", "--json")
            if done.returncode:
                raise AssertionError(f"{what}: the next change: {done.stderr}")
    return kills


def kill_through(wishes, most):
    """One change, killed at each of its writes and some of the other calls. How often."""
    kills = 0
    for call in WRITES:
        number = 1
        while kills < most:
            one = kill_one(wishes, call, number)
            if not one:
                break
            kills, number = kills + one, number + 1
    for call in OTHERS:  # of these many are before the change begins
        setup()
        with tempfile.TemporaryDirectory() as directory:
            nr = calls_of(directory, wishes, call)
        for number in chance.sample(range(1, nr + 1), min(nr, 10)):
            if kills < most:
                kills += kill_one(wishes, call, number)
    return kills


def kills_leave_nothing():
    need_all()
    kills = 0
    print(f"# seed {SEED}", flush=True)
    while kills < KILLS:  # others' tests have a turn between two changes
        with pools.saved_pools():
            pools.set_pool(M2, 12)
            with pools.holder(M2, 6, 3):
                kills += kill_through(some_wishes(), KILLS - kills)
    print(f"# {kills} kills")


def kills_of_a_demotion_leave_nothing():
    need_all()
    pools.need([M2, G1])
    if not (size_dir(G1) / "demote").exists():
        raise pools.Skip("this kernel does not demote")
    wishes = ["1G=0", "2M=+512"]
    with pools.saved_pools():
        pools.set_pool(M2, 12)
        for call, numbers in (("write", range(1, 30)), ("fsync", range(1, 9))):
            for number in numbers:
                pools.set_pool(M2, 12)
                pools.set_pool(G1, 1)
                before = state()
                with tempfile.TemporaryDirectory(prefix="weir-kill.") as directory:
                    lived = not killed(call, number, "set", directory, "--yes", *wishes)
                    if not lived:
                        taken_back(directory, before, f"demote, {call} {number}")
                if lived:
                    break


def one_that_died_holds_no_lock():
    need_all()
    with pools.saved_pools(), tempfile.TemporaryDirectory() as directory:
        setup()
        if not killed("renameat", 1, "set", directory, "--yes", "2M=20"):
            raise AssertionError("it was not killed")
        done = weir("set", directory, "--yes", "2M=21")
        if done.returncode or read(size_dir(M2) / "nr_hugepages") != 21:
            raise AssertionError(f"exit {done.returncode}: {done.stderr}")


if __name__ == "__main__":
    sys.exit(pools.run_tests([
        kills_leave_nothing,
        kills_of_a_demotion_leave_nothing,
        one_that_died_holds_no_lock,
    ]))
