"""weir_live: what the live tests of commands share: a weir that everyone may run, files of 2M
pages, what is expected of an answer."""

import ctypes
import os
import shutil
import subprocess
import sys
import tempfile

import pools
from pools import libc

M2 = 2 << 20
DONE, FAILED, USAGE, PARTLY, REFUSED = 0, 1, 2, 4, 5

_given = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 and "/" in sys.argv[1] else "weir"
# a copy that everyone may run, wherever the tree is
_shelf = tempfile.TemporaryDirectory(prefix="weir-test.")
os.chmod(_shelf.name, 0o755)
WEIR = shutil.copy(shutil.which(_given), _shelf.name)


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


def expect_words(text, *words):
    for word in words:
        if str(word) not in text:
            raise AssertionError(f"{word!r} is not in {text!r}")


def weir(*arguments, status=DONE, **how):
    """stdout and stderr"""
    done = subprocess.run([WEIR, *map(str, arguments)], capture_output=True, text=True,
                          check=False, stdin=subprocess.DEVNULL, **how)
    expect(f"exit status of {' '.join(map(str, arguments))} ({done.stderr.strip()})",
           done.returncode, status)
    return done.stdout, done.stderr


def allocate(path, pages):
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    if libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(pages * M2)) != 0:
        raise OSError(ctypes.get_errno(), f"fallocate {pages} pages")
    return fd


def free_pages():
    return pools.read(pools.size_dir(M2) / "free_hugepages")
