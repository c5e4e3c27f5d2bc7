#!/usr/bin/env python3
"""test_alone.py: does what runs each live test (alone) leave the machine as it was, whatever
the test leaves behind? TAP."""

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pools
from pools import read, size_dir

M2 = 2 << 20
ALONE = Path(__file__).with_name("alone")
TOP = "import os, sys, time\nsys.path.insert(0, %r)\nimport pools\n" % str(ALONE.parent)
DETACH = "if os.fork(): os._exit(0)\nos.setsid()\nif os.fork(): os._exit(0)\n"


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


def alone(text, seconds=60):
    """Exit status, stdout and stderr of a test with this text."""
    with tempfile.TemporaryDirectory(prefix="weir-test.") as folder:
        test = Path(folder) / "test.py"
        test.write_text(TOP + text)
        # the lock is this test's already
        done = subprocess.run([sys.executable, ALONE, str(seconds), test], text=True,
                              env={**os.environ, pools.HAS_LOCK: "1"}, check=False,
                              capture_output=True)
    return done.returncode, done.stdout, done.stderr


def state():
    return {str(path): path.read_text() for d in pools.size_dirs() for path in d.iterdir()
            if "demote" not in path.name}


def what_a_test_says_is_passed_on():
    pools.need([M2])
    with pools.saved_pools():
        expect("well", alone("print('ok')")[:2], (0, "ok\n"))
        expect("badly", alone("sys.exit(3)")[0], 3)
        expect("killed", alone("os.kill(os.getpid(), 9)")[0], 137)
        expect("nonsense", subprocess.run([sys.executable, ALONE, "x", "y"], check=False,
                                          capture_output=True).returncode, 2)


def what_a_test_leaves_is_taken_away():
    pools.need([M2])
    cases = {
        "pages of a process that has detached itself":
            ("pools.set_pool(2 << 20, 8)\n" + DETACH +
             "pools.map_pages(2 << 20, 5, 5)\ntime.sleep(60)\n", "left: process"),
        "a process that started another":
            ("if os.fork() == 0:\n os.setsid()\n os.fork()\n time.sleep(60)\n", "left: process"),
        "a cgroup":
            ("from pathlib import Path\n"
             "root = next(l.split()[4] for l in open('/proc/self/mountinfo') if ' - cgroup2 ' in l)\n"
             "group = Path(root) / 'weir-test-left' / 'below'\ngroup.mkdir(parents=True)\n"
             "(group / 'cgroup.procs').write_text(str(os.getpid()))\n", "left: cgroup"),
        "the pool": ("pools.set_pool(2 << 20, 3)\n", "nr_hugepages: 3 instead of"),
        "overcommit": ("pools.write(pools.size_dir(2 << 20) / 'nr_overcommit_hugepages', 7)\n",
                       "nr_overcommit_hugepages: 7 instead of"),
    }
    with pools.saved_pools():
        before = state()
        for name, (text, words) in cases.items():
            status, _, said = alone(text)
            expect(f"{name}: status, and told: {said}", (status, words in said), (1, True))
            expect(f"after {name}", state(), before)


def what_is_in_its_namespaces_goes_with_it():
    pools.need([M2])
    file = ("pools.set_pool(2 << 20, 8)\nimport subprocess, tempfile\n"
            "d = tempfile.mkdtemp()\n"
            "subprocess.run(['mount', '-t', 'hugetlbfs', 'none', d], check=True)\n"
            "fd = os.open(d + '/left', os.O_RDWR | os.O_CREAT)\n"
            "os.posix_fallocate(fd, 0, 5 << 21)\n")
    segment = ("pools.set_pool(2 << 20, 8)\n"
               "pools.libc.shmget.argtypes = (pools.ctypes.c_int, pools.ctypes.c_size_t, "
               "pools.ctypes.c_int)\n"
               "assert pools.libc.shmget(0, 5 << 21, 0o4600 | 0o1000) >= 0\n")  # SHM_HUGETLB
    with pools.saved_pools():
        before, folders = state(), set(os.listdir(tempfile.gettempdir()))
        for name, text in (("file", file), ("segment", segment)):
            status, _, said = alone(text)
            expect(f"{name}: {said}", (status, "in use" in said), (1, False))
            expect(f"after the {name}", state(), before)
        expect("folders", set(os.listdir(tempfile.gettempdir())), folders)


def who_takes_too_long_says_where():
    pools.need([M2])
    with pools.saved_pools():
        before = state()
        began = time.monotonic()
        status, _, said = alone("def stuck():\n time.sleep(60)\nstuck()\n", seconds=1)
        expect(f"status: {said}", (status, "in stuck" in said), (1, True))
        status, _, said = alone("import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n"
                                "pools.set_pool(2 << 20, 3)\n" + "while True: time.sleep(1)\n",
                                seconds=1)
        expect(f"status of who does not listen: {said}", status, 1)
        expect("in time", time.monotonic() - began < 50, True)
        expect("after it", state(), before)


def nothing_is_run_where_others_have_pages():
    pools.need([M2])
    with pools.saved_pools():
        pools.set_pool(M2, 4)
        with pools.holder(M2, 2, 1):
            status, said, _ = alone("print('it ran')")
            expect(f"skipped: {said}",
                   (status, "# SKIP 2 pages of hugepages-2048kB" in said, "it ran" in said),
                   (0, True, False))
            expect("the pool", read(size_dir(M2) / "nr_hugepages"), 4)


if __name__ == "__main__":
    sys.exit(pools.run_tests([
        what_a_test_says_is_passed_on,
        what_a_test_leaves_is_taken_away,
        what_is_in_its_namespaces_goes_with_it,
        who_takes_too_long_says_where,
        nothing_is_run_where_others_have_pages,
    ]))
