#!/usr/bin/env python3
"""warm.py BUILD [PAIRS [GIB]]: memory that is kept zeroed beside memory that QEMU zeroes when it
starts, on the same pool in the same run.

What is compared runs in turn, so that a ratio holds when the machine's speed drifts; a
ratio is a median with its range over PAIRS pairs. Nothing here passes or fails: a bound
stands beside its figure, with "ok" or "MISSED". Pools stay below GIB, 5 at least
and unless said; 9 are needed for VMs of 8.

Memory that a hypervisor below has not backed yet is several times slower the first time it
is touched. So all pages of a pool are touched once, and given back, before anything is
timed.
"""

import contextlib
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "live"))
import pools  # noqa: E402: found through the path above
import private  # noqa: E402
import warm_host  # noqa: E402
from holders import guarded  # noqa: E402
from pools import Skip  # noqa: E402

BUILD = Path(sys.argv[1] if len(sys.argv) > 1 else "build/release").resolve()
PAIRS = int(sys.argv[2]) if len(sys.argv) > 2 else 7
M2, G1 = 2 << 20, 1 << 30
WEIRD = BUILD / "src/daemon/weird"
LEASE, ZERO = BUILD / "tests/bench/warm_lease", BUILD / "tests/bench/warm_zero"
QEMU = "qemu-system-x86_64"
CPUS = len(os.sched_getaffinity(0))
MOST = (int(sys.argv[3]) if len(sys.argv) > 3 else 5) << 30  # of pools
RATE_ROUNDS = 3000
UNASKED_SECONDS = 1  # who asks weird how far it is takes CPU time from it
LEASE_BOUND_US, READY_BOUND, FILL_BOUND, SCRUB_BOUND, RATE_BOUND = 2000, 100, 0.9, 0.8, 1000


# --- printing

def three(values, width=10):
    middle = statistics.median(values)
    return " ".join(f"{v:{width}.3f}" for v in (middle, min(values), max(values)))


def line(name, values, note=""):
    print(f"  {name:52s} {three(values)}  {note}".rstrip(), flush=True)


def verdict(holds, words):
    return f"{words}: {'ok' if holds else 'MISSED'}"


def at_least(name, values, bound):
    line(name, values, verdict(statistics.median(values) >= bound, f"at least {bound}"))


def at_most(name, values, bound):
    line(name, values, verdict(statistics.median(values) <= bound, f"at most {bound}"))


def ratios(above, below):
    return [a / b for a, b in zip(above, below)]


def size_word(size):
    return f"{size >> 30} GiB" if size >= G1 else f"{size >> 20} MiB"


# --- what is measured

def run(*command):
    """Rows of numbers that a program prints."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          check=False)
    if done.returncode:
        raise Skip(f"{Path(str(command[0])).name}: {done.stderr.strip()}")
    return [[float(word) for word in row.split()] for row in done.stdout.splitlines()]


def zeroing(size, page, threads, rounds):
    """(populate, memset, weir_warm_zero), in seconds, a row for each round."""
    return [[us / 1e6 for us in row] for row in run(ZERO, size, page, threads, rounds)]


def leases(one, size, page, rounds, mode="map"):
    """(to the reply, to all mapped and populated, of the release), in microseconds."""
    return run(LEASE, one.socket, size, page, rounds, mode)


def qemu_seconds(size, memory):
    """From the start of QEMU to its first answer about its state."""
    command = [QEMU, "-accel", "tcg,tb-size=32", "-display", "none", "-nodefaults", "-S", "-qmp",
               "stdio", "-m", f"{size >> 20}M", "-object", memory + f",id=ram,size={size >> 20}M",
               "-machine", "q35,memory-backend=ram"]
    parent = os.getpid()
    began = time.monotonic()
    qemu = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True,
                            preexec_fn=lambda: warm_host.dies_with(parent))
    try:
        for request in (None, "qmp_capabilities", "query-status"):
            if request:
                qemu.stdin.write(json.dumps({"execute": request}) + "\n")
                qemu.stdin.flush()
            if not qemu.stdout.readline():
                raise Skip(f"QEMU: {qemu.stderr.read().strip()}")
        return time.monotonic() - began
    finally:
        qemu.kill()
        qemu.communicate()


def memfd(page, more):
    return (f"memory-backend-memfd,hugetlb=on,hugetlbsize={page >> 20}M,share=on,{more}")


@contextlib.contextmanager
def store(page, flavour, target):
    """weird with @target ready in regions of @flavour, and a pool of no more than that: what
    is leased cannot be made anew meanwhile, which would cost time of the CPUs."""
    nr = pools.size_dir(page) / "nr_hugepages"
    before = pools.read(nr)
    pools.write(nr, target // page)
    try:
        with filled(page, flavour, target) as one:
            yield one
    finally:
        pools.write(nr, before)


@contextlib.contextmanager
def filled(page, flavour, target):
    word = "1G" if page == G1 else "2M"
    config = f"[warm {word}]\nany = {target >> 20}M\nflavours = {flavour >> 20}M\n"
    with private.folder() as folder, warm_host.running(WEIRD, folder, config) as one:
        one.wait_ready(page, target, 60)
        yield one


def counter(one, name):
    """The sum of a metric, whatever its labels."""
    text = one.ask("metrics")["text"]
    found = re.findall(rf"^{name}(?:\{{.*\}})? ([0-9.e+-]+)$", text, re.M)
    if not found:
        raise Skip(f"weird has no metric {name}")
    return sum(map(float, found))


def worked(one, kind, before=(0, 0)):
    """Bytes and seconds that weird has filled or scrubbed since @before."""
    return tuple(counter(one, f"weir_{kind}_{what}_total") - base
                 for what, base in zip(("bytes", "seconds"), before))


# --- the comparisons

def start(size, page, with_qemu_rate):
    """QEMU's start, cold and warm; the bytes a second of its own zeroing are added to
    @with_qemu_rate."""
    print(f"QEMU with {size_word(size)} of {size_word(page)} pages, {PAIRS} times each in turn, "
          "seconds to its first QMP reply:")
    rows = {"prealloc=off": [], "prealloc=on, 1 thread": [], "prealloc=on, 2 threads": [],
            "warm: lease, mem-path, prealloc=off": []}
    ready = []
    with store(page, size, size) as one:
        for _ in range(PAIRS):
            ready += [row[1] / 1e6 for row in leases(one, size, page, 1)]
            one.wait_ready(page, size)
            with one.client() as talk:
                began = time.monotonic()
                path = talk.do("lease", bytes=size, page_bytes=page,
                                owner={"connection": True})["path"]
                took = time.monotonic() - began
                took += qemu_seconds(size, "memory-backend-file,share=on,prealloc=off,"
                                     f"mem-path={path}")
            rows["warm: lease, mem-path, prealloc=off"].append(took)
            # its pages are the cold ones' now, and it has to make them again afterwards
            one.ask("target", page_bytes=page, node=None, bytes=0)
            one.wait_until(lambda: one.sum(page, "ready_bytes", "dirty_bytes", "scrubbing_bytes",
                                           "waiting_bytes") == 0, "an empty store")
            for name, more in (("prealloc=off", "prealloc=off"),
                               ("prealloc=on, 1 thread", "prealloc=on,prealloc-threads=1"),
                               ("prealloc=on, 2 threads", "prealloc=on,prealloc-threads=2")):
                rows[name].append(qemu_seconds(size, memfd(page, more)))
            one.ask("target", page_bytes=page, node=None, bytes=size)
            one.wait_ready(page, size)
    for name, values in rows.items():
        line(name, values)
    for threads in ("1 thread", "2 threads"):
        cold = [on - off for on, off in zip(rows[f"prealloc=on, {threads}"],
                                            rows["prealloc=off"])]
        line(f"memory ready, cold, {threads}: on less off, s", cold)
        with_qemu_rate.append((threads, size, cold))
        name = f"memory ready, cold, {threads} / warm"
        if size == 4 * G1:
            at_least(name, ratios(cold, ready), READY_BOUND)
        else:
            line(name, ratios(cold, ready))
    line("memory ready, warm: lease, map, populate, s", ready)
    line("start, 1 thread / start, warm", ratios(rows["prealloc=on, 1 thread"],
                                                 rows["warm: lease, mem-path, prealloc=off"]))


def latency(page, sizes):
    print("a lease of what is ready, microseconds to its reply:")
    for size in sizes:
        with store(page, size, size) as one:
            at_most(f"{size_word(size)} of {size_word(page)} pages",
                    [row[0] for row in leases(one, size, page, 4 * PAIRS)], LEASE_BOUND_US)


def filling(size, page, qemu_rates):
    """weird's own counters, beside what a program of a few lines does."""
    print(f"filling {size_word(size)} of {size_word(page)} pages, GiB/s:")
    ours, plain = [], []
    with store(page, size, size) as one:
        for _ in range(PAIRS):
            one.ask("target", page_bytes=page, node=None, bytes=0)
            one.wait_until(lambda: one.sum(page, "ready_bytes") == 0, "an empty store")
            plain += [size / row[0] / G1 for row in zeroing(size, page, CPUS, 1)]
            before = worked(one, "fill")
            one.ask("target", page_bytes=page, node=None, bytes=size)
            time.sleep(UNASKED_SECONDS)
            one.wait_ready(page, size)
            done, seconds = worked(one, "fill", before)
            ours.append(done / seconds / G1)
    line(f"MADV_POPULATE_WRITE, {CPUS} threads", plain)
    line("weird", ours)
    at_least("weird / MADV_POPULATE_WRITE", ratios(ours, plain), FILL_BOUND)
    best = max(((statistics.median(size / s / G1 for s in seconds), threads, seconds)
                for threads, what, seconds in qemu_rates if what == size), default=None)
    if best:
        rates = [size / s / G1 for s in best[2]]
        line(f"QEMU's best prealloc of as much ({best[1]})", rates)
        at_least("weird / QEMU's best prealloc", ratios(ours, rates), 1)


def scrubbing(size, page):
    print(f"zeroing {size_word(size)} of {size_word(page)} pages in place, GiB/s:")
    for threads in sorted({1, CPUS}):
        rows = zeroing(size, page, threads, PAIRS)
        plain = [size / row[1] / G1 for row in rows]
        ours = [size / row[2] / G1 for row in rows]
        line(f"memset, {threads} threads", plain)
        line(f"what weird zeroes by, {threads} threads", ours)
        at_least("weird's / memset", ratios(ours, plain), SCRUB_BOUND)
    scrubbed, memset = [], []
    with store(page, size, size) as one:
        for _ in range(PAIRS):
            before = worked(one, "scrub")
            leases(one, size, page, 1, "dirty")
            one.wait_ready(page, size)
            done, seconds = worked(one, "scrub", before)
            scrubbed.append(done / seconds / G1)
            one.ask("target", page_bytes=page, node=None, bytes=0)
            one.wait_until(lambda: one.sum(page, "ready_bytes") == 0, "an empty store")
            memset += [size / row[1] / G1 for row in zeroing(size, page, CPUS, 1)]
            one.ask("target", page_bytes=page, node=None, bytes=size)
            one.wait_ready(page, size)
    line("weird scrubs after a lease, looking included", scrubbed)
    at_least(f"the same / memset, {CPUS} threads", ratios(scrubbed, memset), SCRUB_BOUND)


def rate():
    print(f"leases and releases of 2 MiB, one client, {RATE_ROUNDS} at a time:")
    with store(M2, M2, 256 * M2) as one:
        rows = []
        for _ in range(PAIRS):
            one.wait_ready(M2, 256 * M2, 60)
            rows += leases(one, M2, M2, RATE_ROUNDS, "rate")
    at_least("both together, a second", [row[0] for row in rows], RATE_BOUND)
    line("of them not warm", [row[1] for row in rows])


# --- the pools

def touch_all(page, size):
    rows = zeroing(size, page, CPUS, 2)
    print(f"{size_word(page)} pages: all of {size_word(size)} touched once before anything is "
          f"timed: {size / rows[0][0] / G1:.2f} GiB/s, then {size / rows[1][0] / G1:.2f}",
          flush=True)


@contextlib.contextmanager
def pool(page, size, least):
    """All of @size, or as much as can be had; how much it is."""
    for other in (M2, G1):
        if other != page and pools.size_dir(other).is_dir():
            pools.set_pool(other, 0)
    pools.need([page])
    try:
        pools.write(pools.size_dir(page) / "nr_hugepages", size // page)
        got = pools.read(pools.size_dir(page) / "nr_hugepages") * page
        if got < least:
            raise Skip(f"a pool of {got >> 20} MiB only could be had")
        touch_all(page, got)
        yield got
    finally:
        pools.write(pools.size_dir(page) / "nr_hugepages", 0)


def small_pages():
    rates = []
    sizes = [size for size in (G1, 2 * G1, 4 * G1, 8 * G1) if size + G1 <= MOST]
    need = sizes[-1] + G1 // 2
    with pool(M2, need, need):
        latency(M2, (M2, 64 << 20, *sizes))
        for size in sizes:
            start(size, M2, rates)
        if sizes[-1] < 8 * G1:
            print(f"8 GiB: not run, pools stay below {MOST >> 30} GiB: see warm.py")
        filling(4 * G1, M2, rates)
        scrubbing(4 * G1, M2)
        rate()


def gigantic_pages():
    rates = []
    with pool(G1, 4 * G1, G1) as size:
        if size < 4 * G1:
            print(f"only {size_word(size)} of them could be had; 4 GiB were wanted")
        latency(G1, sorted({G1, size}))
        start(size, G1, rates)
        filling(size, G1, rates)
        scrubbing(size, G1)


def measure():
    pools.need([M2])
    lacking = [path.name for path in (WEIRD, LEASE, ZERO) if not path.exists()]
    if lacking:
        raise Skip(f"{lacking[0]} is not built")
    if not shutil.which(QEMU):
        raise Skip(f"no {QEMU}")
    private.enter()
    with guarded():
        print(f"  {'':52s} {'median':>10s} {'min':>10s} {'max':>10s}")
        for what, pages in ((small_pages, "2 MiB"), (gigantic_pages, "1 GiB")):
            try:
                what()
            except Skip as reason:
                print(f"pages of {pages}: not measured any further: {reason}")


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if MOST < 5 * G1:
        sys.exit("warm.py: pools of 5 GiB are needed at least")
    print("warm memory:")
    try:
        measure()
    except Skip as reason:
        print(f"warm memory: not measured: {reason}")


if __name__ == "__main__":
    main()
