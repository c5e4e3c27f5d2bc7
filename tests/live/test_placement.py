#!/usr/bin/env python3
"""test_placement.py WEIR: where the pages of the pools lie, against the pools' own counters
and against what a process sees of its own pages: as captured from the running kernel."""

import contextlib
import ctypes
import mmap
import os
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import pools
from pools import NODES, read, size_dir

WEIR = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "weir"
M2, G1 = 2 << 20, 1 << 30
PAGE = os.sysconf("SC_PAGESIZE")
MFD_HUGETLB = 4


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got}, not {want}")


def seen():
    """(first frame, pages, size, state) of each run that a capture has."""
    with tempfile.TemporaryDirectory(prefix="weir-test.") as top:
        subprocess.run([WEIR, "capture", "-o", f"{top}/d/"], check=True,
                       capture_output=True)
        text = Path(top, "d/@/poolpages").read_text()
    runs = [line.split() for line in text.splitlines()]
    return [(int(pfn), int(nr), int(size), state) for pfn, nr, size, state in runs]


def count(runs, size, *states):
    return sum(nr for _, nr, s, state in runs if s == size and state in states)


def agrees():
    """As many pages of each size as the kernel says, and its free ones within the bounds."""
    runs = seen()
    for pfn, nr, size, _ in runs:
        expect(f"alignment of {pfn}", pfn * PAGE % size, 0)
    ends = [pfn + nr * (size // PAGE) for pfn, nr, size, _ in runs]
    for end, (first, *_) in zip(ends, runs[1:]):
        if end > first:
            raise AssertionError(f"runs overlap at {first}")
    for directory in pools.MM.iterdir():
        size = int(directory.name[10:-2]) * 1024
        expect(f"pages of {size}", count(runs, size, "used", "free", "any"),
               read(directory / "nr_hugepages"))
        free = read(directory / "free_hugepages")
        least, doubtful = count(runs, size, "free"), count(runs, size, "any")
        if not least <= free <= least + doubtful:
            raise AssertionError(f"{free} pages of {size} are free, but {least} were seen "
                                 f"to be and {doubtful} may be")
    return runs


def frames_of(at, pages):
    """Where the pages of a mapping of this process lie."""
    with open("/proc/self/pagemap", "rb", buffering=0) as pagemap:
        for page in range(pages):
            pagemap.seek((at + page * M2) // PAGE * 8)
            entry, = struct.unpack("Q", pagemap.read(8))
            yield entry & ((1 << 55) - 1)


def state_at(runs, pfn):
    return next((state for first, nr, size, state in runs
                 if first <= pfn < first + nr * (size // PAGE)), None)


def pages_of_both_sizes_are_seen():
    pools.need([M2, G1])
    with pools.saved_pools():
        pools.set_pool(M2, 64)
        pools.set_pool(G1, 1)
        agrees()


def states_follow_a_pages_life():
    pools.need([M2])
    with pools.saved_pools():
        pools.set_pool(M2, 0)
        pools.set_pool(M2, 24)
        expect("fresh", count(agrees(), M2, "free"), 24)
        with pools.holder(M2, 8, 5):
            runs = agrees()
            expect("touched", (count(runs, M2, "used"), count(runs, M2, "free")), (5, 19))
        runs = agrees()  # anonymous pages keep their flags
        expect("free", (count(runs, M2, "used"), count(runs, M2, "any")), (0, 5))


def pages_of_a_file_are_any_and_then_free():
    pools.need([M2])
    with pools.saved_pools():
        pools.set_pool(M2, 0)
        pools.set_pool(M2, 16)
        fd = os.memfd_create("weir-test", MFD_HUGETLB)
        try:
            os.posix_fallocate(fd, 0, 6 * M2)
            runs = agrees()
            expect("in a file", (count(runs, M2, "any"), count(runs, M2, "free")), (6, 10))
            with contextlib.closing(mmap.mmap(fd, 6 * M2)) as mapped:
                mapped[0] = 1
                expect("mapped", count(agrees(), M2, "used"), 1)
        finally:
            os.close(fd)
        expect("after it", count(agrees(), M2, "free"), 16)


def own_pages_are_where_the_kernel_says():
    pools.need([M2])
    with pools.saved_pools():
        pools.set_pool(M2, 12)
        at = pools.map_pages(M2, 6, 6)
        try:
            runs = agrees()
            for pfn in frames_of(at, 6):
                expect(f"state at {pfn}", state_at(runs, pfn), "used")
        finally:
            pools.libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(6 * M2))


def nodes_have_what_they_say():
    """Each page lies in a zone of the node that counts it, where nodes do not overlap."""
    pools.need([M2])
    spans, node, spanned = {}, 0, 0
    for line in Path("/proc/zoneinfo").read_text().splitlines():
        words = line.split()
        if words[0] == "Node":
            node = int(words[1].rstrip(","))
        elif words[0] == "spanned":
            spanned = int(words[1])
        elif words[0] == "start_pfn:" and spanned:
            spans.setdefault(node, []).append((int(words[1]), int(words[1]) + spanned))
    flat = sorted(span for of_node in spans.values() for span in of_node)
    if any(a[1] > b[0] for a, b in zip(flat, flat[1:])):
        raise pools.Skip("the zones of this machine overlap")
    with pools.saved_pools():
        pools.set_pool(M2, 40)
        runs = agrees()
        for node, of_node in spans.items():
            there = sum(1 for first, nr, size, _ in runs if size == M2 for page in range(nr)
                        for a, b in of_node if a <= first + page * (size // PAGE) < b)
            expect(f"node {node}", there, read(
                NODES / f"node{node}/hugepages/{size_dir(M2).name}/nr_hugepages"))


def others_may_not_see_it():
    pools.need([])
    done = subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534",
                           "--clear-groups", "cat", "/proc/kpageflags"],
                          capture_output=True)
    expect("cat", done.returncode, 1)
    with tempfile.TemporaryDirectory(prefix="weir-test.") as top:
        os.chmod(top, 0o777)
        if subprocess.run(["setpriv", "--reuid", "65534", "--regid", "65534",
                           "--clear-groups", WEIR, "capture", "-o", f"{top}/d/"],
                          capture_output=True).returncode in (126, 127):
            raise pools.Skip("the program is where only root may run it")
        expect("the text", Path(top, "d/@/poolpages").exists(), False)
        if "error EACCES /@/poolpages\n" not in Path(top, "d/@/capture").read_text():
            raise AssertionError("the manifest does not say that it may not be read")


if __name__ == "__main__":
    if not Path("/proc/kpageflags").exists():
        print("1..0 # SKIP this kernel has no /proc/kpageflags")
        sys.exit(0)
    sys.exit(pools.run_tests([
        pages_of_both_sizes_are_seen,
        states_follow_a_pages_life,
        pages_of_a_file_are_any_and_then_free,
        own_pages_are_where_the_kernel_says,
        nodes_have_what_they_say,
        others_may_not_see_it,
    ]))
