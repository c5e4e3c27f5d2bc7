#!/usr/bin/env python3
"""holders.py BUILD [RUNS]: what `weir who` costs on a host with 5,000 processes.

The processes are real: crowd.c makes them. The host is made four times: its huge pages
are all in private memory; then the same with processes that have more than nothing, as
smaps costs by the page; then half of the huge pages are in open memfds; then all are, and
each is held by ten processes, so that 20,000 are held where a tenth of them fits. --tree
looks for who only has these open, too, in all processes. A guard, a process of its own session, holds
the lock of the live tests, and puts pools and settings back when this one ends, however that
comes about.
"""

import contextlib
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "live"))
import pools  # noqa: E402: found through the path above

PROCESSES, HOLDERS, MAPPINGS = 5000, 50, 100_000
PAGES = 20_000
SHARERS = 10
SHARED_MIB = 128
M2 = 2 << 20
POOL_MAX = 5 << 30  # bytes; the tests of this tree stay below 6 GiB
MAX_MAPS = Path("/proc/sys/vm/max_map_count")
STATUS_BOUND, SMAPS_BOUND, PEAK_BOUND = 1.5, 0.02, 32


def affordable_pages(sharers):
    """As many as are wanted, or as a third of what is free gives, for each holder."""
    free = re.search(r"^MemAvailable: *(\d+) kB", Path("/proc/meminfo").read_text(), re.M)
    most = min(POOL_MAX, int(free[1]) * 1024 // 3) // M2
    return min(PAGES, most * sharers) // HOLDERS


@contextlib.contextmanager
def saved_setting(path):
    before = path.read_text()
    try:
        yield
    finally:
        path.write_text(before)


def guard(ready, ended):
    """Runs in a child: takes the lock, saves, says so, waits for the end, restores."""
    os.setsid()  # no Ctrl-C of the terminal comes here
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with pools.saved_pools(), saved_setting(MAX_MAPS):
        os.write(ready, b"y")
        os.read(ended, 1)


@contextlib.contextmanager
def guarded():
    is_ready, ready = os.pipe()
    ended, alive = os.pipe()  # ends when this process and the crowd have
    pid = os.fork()
    if pid == 0:
        try:
            os.close(alive)
            os.close(is_ready)
            guard(ready, ended)
            os._exit(0)
        finally:
            os._exit(1)
    os.close(ended)
    os.close(ready)
    try:
        if os.read(is_ready, 1) != b"y":
            raise pools.Skip("pools could not be saved")
        yield alive
    finally:
        os.close(is_ready)
        os.close(alive)
        os.waitpid(pid, 0)


@contextlib.contextmanager
def crowd(build, alive, mib, pages, files, sharers, mappings):
    """The processes, which keep @alive open; the pids of the holders."""
    plain = PROCESSES - HOLDERS - 1
    command = [build / "tests/bench/crowd", plain, mib, HOLDERS, pages, files, sharers,
               mappings]
    made = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, text=True, pass_fds=(alive,))
    try:
        word, *rest = made.stdout.readline().split() or ["failed"]
        if word != "ready":
            raise pools.Skip(f"the processes could not be made: {' '.join(rest)}")
        yield rest
    finally:
        made.stdin.close()
        made.wait()


def cost(build, command):
    """Milliseconds of wall time and of CPU, and the peak in MiB, of one run."""
    done = subprocess.run([build / "tests/bench/cost", *command], check=True, text=True,
                          stdout=subprocess.PIPE)
    wall, cpu, peak = map(int, done.stdout.split())
    return wall / 1000, cpu / 1000, peak / 1024


def three(values):
    return f"{statistics.median(values):9.3f} {min(values):9.3f} {max(values):9.3f}"


def compare(build, runs, holders):
    weir = str(build / "src/cli/weir")
    read_each = str(build / "tests/bench/read_each")
    numastat = ["numastat", "-p", *holders]
    rows = [("weir who", [weir, "who"]), ("weir who --tree", [weir, "who", "--tree"]),
            ("each status once", [read_each, "status"]),
            ("each smaps once", [read_each, "smaps"]),
            ("each numa_maps once", [read_each, "numa_maps"])]
    if shutil.which("numastat"):
        rows.append((f"numastat -p, of the {len(holders)} only", numastat))
    rounds = [[cost(build, command) for _, command in rows] for _ in range(runs + 1)][1:]
    costs = {name: list(zip(*values)) for (name, _), values in zip(rows, zip(*rounds))}
    print(f"  {'':42s} {'median':>9s} {'min':>9s} {'max':>9s}")
    for what, number in (("wall ms", 0), ("CPU ms", 1)):
        for name, values in costs.items():
            print(f"  {name + ', ' + what:42s} {three(values[number])}")
        for name, bound in (("each status once", STATUS_BOUND),
                            ("each smaps once", SMAPS_BOUND)):
            ratios = [a / b for a, b in zip(costs["weir who"][number], costs[name][number])]
            print(f"  {f'weir who / {name}, {what}':42s} {three(ratios)}  at most {bound}")
    print(f"  {'peak memory of weir who, MiB':42s} {three(costs['weir who'][2])}  "
          f"at most {PEAK_BOUND}")


def measure(build, runs):
    pools.need([M2])
    with guarded() as alive:
        mappings = MAPPINGS
        if int(MAX_MAPS.read_text()) < mappings + 1000:
            try:
                MAX_MAPS.write_text(f"{mappings + 1000}\n")
            except OSError as error:
                mappings = int(MAX_MAPS.read_text()) - 1000
                print(f"  only {mappings} mappings: vm.max_map_count: {error.strerror}")
        for mib, files, sharers in ((0, 0, 1), (SHARED_MIB, 0, 1), (0, HOLDERS // 2, 1),
                                    (SHARED_MIB, HOLDERS, SHARERS)):
            pages = affordable_pages(sharers)
            pools.set_pool(M2, pages * HOLDERS // sharers)
            print(f"{PROCESSES:,} processes, of which {HOLDERS} hold {pages * HOLDERS:,} 2M "
                  f"pages ({files} in an open memfd, each of {sharers}),\n"
                  f"one with {mappings:,} small mappings, the others with {mib} MiB "
                  "resident:", flush=True)
            with crowd(build, alive, mib, pages, files, sharers, mappings) as holders:
                # smaps then takes ten seconds a time
                compare(build, max(3, runs // 3) if mib else runs, holders)


def holders_of_huge_pages(build, runs=11):
    build = Path(build).resolve()
    try:
        lacking = [name for name in ("crowd", "cost", "read_each")
                   if not (build / "tests/bench" / name).exists()]
        if lacking:
            raise pools.Skip(f"tests/bench/{lacking[0]} is not built")
        measure(build, runs)
    except pools.Skip as reason:
        print(f"weir who on a host with 5,000 processes: not measured: {reason}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    holders_of_huge_pages(sys.argv[1] if len(sys.argv) > 1 else "build/release",
                          int(sys.argv[2]) if len(sys.argv) > 2 else 11)
