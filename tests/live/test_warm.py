#!/usr/bin/env python3
"""test_warm.py PROGRAM [2M|1G...]: the store of warm memory on real huge pages: what it hands
out is zero, what somebody has is not touched, and all is given back in the end."""

import os
import subprocess
import sys
import tempfile

import pools
import private
from pools import Skip

PROGRAM = os.path.abspath(sys.argv[1])
GIB = 1 << 30


def run(size, pages):
    """In a mount namespace of its own, which takes the store's mount with it."""
    pools.need([size])
    # where weird has its own: a file system in memory, which syncs at once
    with pools.saved_pools(), \
            tempfile.TemporaryDirectory(prefix="weir-test.", dir="/run") as where:
        os.chmod(where, 0o711)  # those who lease are not root
        pools.set_pool(size, pages)
        done = subprocess.run([PROGRAM, f"{where}/warm", str(size), str(pages * size)],
                              capture_output=True, text=True, check=False,
                              preexec_fn=private.enter)
        for line in (done.stdout + done.stderr).splitlines():
            print(f"# {line}")
        if done.returncode:
            raise AssertionError(f"exit status {done.returncode}")
        left = pools.read(pools.size_dir(size) / "free_hugepages")
        if left != pages:
            raise AssertionError(f"{left} of {pages} pages are free in the end")


def store_on_pages_of_2m():
    run(2 << 20, 512)


def store_on_pages_of_1g():
    if os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") < 16 * GIB:
        raise Skip("has less than 16 GiB of memory")
    run(GIB, 2)


if __name__ == "__main__":
    sys.exit(pools.run_tests([store_on_pages_of_2m, store_on_pages_of_1g]))
