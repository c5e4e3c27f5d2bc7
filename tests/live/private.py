"""private: a mount namespace of the test's own: what it mounts nobody else sees, and is gone
with it. And processes, each made by a function, that hold files there."""

import contextlib
import ctypes
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from pools import Skip, libc

CLONE_NEWNS = 0x20000
NOBODY = 65534


def sh(*command):
    subprocess.run(command, check=True, capture_output=True)


def huge_mounts():
    """Where hugetlbfs is mounted, as umount(8) takes it."""
    return [line.split()[4].encode().decode("unicode_escape")
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if " - hugetlbfs " in line]


def enter():
    """This process, and all that it starts, into a mount namespace of their own, in which
    there is no hugetlbfs but those of the test: what others have left is not its to take."""
    if os.geteuid() != 0:
        raise Skip("needs root to mount")
    if libc.unshare(CLONE_NEWNS) != 0:
        raise Skip(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    sh("mount", "--make-rprivate", "/")
    for target in reversed(huge_mounts()):
        subprocess.run(["umount", target], check=False, capture_output=True)
    if huge_mounts():
        raise Skip(f"hugetlbfs at {huge_mounts()[0]} cannot be taken out of the namespace")


def forbidden():
    """Processes that this user may not look at: root has one where it lacks a capability
    that the process has, as in some virtual machines PID 1."""
    found = []
    for path in Path("/proc").iterdir():
        if path.name.isdigit():
            try:
                (path / "maps").read_bytes()
            except PermissionError:
                found.append(path)
            except OSError:
                pass
    return found


def hide_forbidden(folder):
    """An empty text in front of the maps of such processes, and an empty directory in front
    of their open files, in this namespace only: as if they could be looked at. They hold no
    file of the test. Without this nothing may be removed here."""
    empty, none = Path(folder) / "empty", Path(folder) / "none"
    empty.touch()
    none.mkdir(exist_ok=True)
    covered = []
    for path in forbidden():
        for name, over in (("maps", empty), ("fd", none)):
            sh("mount", "--bind", over, path / name)
            covered.append(path / name)
    return covered


@contextlib.contextmanager
def all_seen(folder):
    covered = hide_forbidden(folder)
    try:
        if forbidden():
            raise Skip("there are processes that root may not look at")
        yield
    finally:
        for path in covered:
            subprocess.run(["umount", path], check=False, capture_output=True)


@contextlib.contextmanager
def folder():
    """An empty directory; what is mounted below it at the end is taken away."""
    with tempfile.TemporaryDirectory(prefix="weir-test.") as path:
        os.chmod(path, 0o755)
        try:
            yield path
        finally:
            for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
                if line.split()[4].startswith(path + "/"):
                    subprocess.run(["umount", line.split()[4]], check=True)


@contextlib.contextmanager
def process(make):
    """A process in which make() ran; it waits, and ends with the test."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlives the test
        try:
            make()
            os.write(told, b"y")
            while True:
                signal.pause()
        except BaseException as error:  # it must never go on as the test
            os.write(told, f"n{error!r}".encode())
        finally:
            os._exit(1)
    os.close(told)
    answer = os.read(ready, 4096).decode()
    os.close(ready)
    try:
        if answer != "y":
            raise OSError(f"a holder failed: {answer[1:]}")
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def dead_pid():
    """The number of a process that there was, and is not any more."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return pid
