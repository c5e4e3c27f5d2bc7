#!/usr/bin/env python3
"""test_clean.py WEIR: `weir clean` on the running kernel, in a mount namespace of the test's
own: what nobody has goes and its pages are free, and what anybody has stays, whenever and
however it came to have it."""

import contextlib
import ctypes
import json
import mmap
import os
import pty
import re
import select
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pools
import private
from pools import libc
from weir_live import (DONE, FAILED, M2, PARTLY, REFUSED, USAGE, WEIR, allocate, expect,
                       expect_words, free_pages, weir)

POOL = 32
NOBODYS = 3999999999  # a user that has no process


def clean(*arguments, status=DONE, **how):
    """stdout and stderr"""
    return weir("clean", *arguments, status=status, timeout=100,
                env={**os.environ, "COLUMNS": "1000"}, **how)


def files(*arguments, **how):
    """{name: object} of the files that it tells of"""
    document = json.loads(clean("--json", *arguments, **how)[0])
    return {os.path.basename(f["path"]): f for f in document["files"]}


def left(path, pages, uid=None):
    os.close(allocate(path, pages))
    if uid is not None:
        os.chown(path, uid, uid)
    return path


def mapped(path, pages, flags=mmap.MAP_SHARED):
    fd = allocate(path, pages)
    at = libc.mmap(None, pages * M2, mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, 0)
    if at == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    os.close(fd)


@contextlib.contextmanager
def place(seen=True):
    """The directory of a mount, with all processes seen."""
    pools.need([M2])
    with contextlib.ExitStack() as stack:
        stack.enter_context(pools.saved_pools())
        folder = stack.enter_context(private.folder())
        shelf = stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-test."))
        pools.set_pool(M2, POOL)
        mount = Path(folder) / "m"
        mount.mkdir()
        private.sh("mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", mount)
        if seen:
            stack.enter_context(private.all_seen(shelf))
        yield mount


class Terminal:
    """weir clean as it is on a terminal: what it prints, and what is typed."""

    def __init__(self, *arguments):
        main, other = pty.openpty()
        self.child = subprocess.Popen([WEIR, "clean", *map(str, arguments)], stdin=other,
                                      stdout=other, stderr=other)
        os.close(other)
        self.main, self.text = main, ""

    def until(self, words):
        while words not in self.text:
            if not select.select([self.main], [], [], 60)[0]:
                raise AssertionError(f"{words!r} does not come: {self.text!r}")
            try:
                self.text += os.read(self.main, 4096).decode()
            except OSError:  # it has ended
                raise AssertionError(f"{words!r} did not come: {self.text!r}") from None

    def answer(self, line):
        os.write(self.main, line.encode() + b"\n")
        with contextlib.suppress(OSError):
            while part := os.read(self.main, 4096).decode():
                self.text += part
        os.close(self.main)
        return self.child.wait(timeout=60)


def what_is_left_goes():
    with place() as m:
        free = free_pages()
        dead = private.dead_pid()
        (m / "below").mkdir()
        left(m / f"spdk_pid{dead}map_0", 3)
        left(m / "below/orphan", 2, NOBODYS)
        os.ftruncate(os.open(m / f"empty_pid{dead}", os.O_RDWR | os.O_CREAT), M2)
        gc_fds(m)
        out, err = clean("--dry-run")
        expect_words(out, "Left behind", f"spdk_pid{dead}map_0", "size 6M, 3 pages of 2M",
                     "changed 0s ago", "user root", f"process {dead}", "is gone",
                     f"{m}/below/orphan", "no process any more")
        expect("stderr", err, "")
        expect("free", free_pages(), free - 5)
        out, _ = clean("--yes")
        expect_words(out, f"removed {m}/below/orphan", "3 files with 5 pages removed")
        expect("free", free_pages(), free)
        expect("files", sorted(os.listdir(m)) + os.listdir(m / "below"), ["below"])
        expect_words(clean("--yes")[0], "nothing is left behind")


def gc_fds(below):
    """Closes what this process has open there."""
    for fd in os.listdir("/proc/self/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"/proc/self/fd/{fd}").startswith(str(below)):
                os.close(int(fd))


def what_is_not_sure_is_kept_unless_named():
    with place() as m:
        alive = left(m / f"x_pid{os.getpid()}_0", 1)
        left(m / "rtemap_0", 2)
        dead = left(m / f"y_pid{private.dead_pid()}", 1)
        os.link(left(m / f"z_pid{private.dead_pid()}", 1), m / "second name")
        out, _ = clean("--yes")
        expect_words(out, "Kept:", "a process has the number of its creator", "has processes",
                     "2 names", "name it as PATH", "1 file with 1 page removed")
        expect("dead's", dead.exists(), False)
        expect("files", len(os.listdir(m)), 4)
        clean("--yes", m)  # its directory is not its name
        expect("files", len(os.listdir(m)), 4)
        out, _ = clean("--yes", m / "rtemap_0", alive)
        expect_words(out, "2 files with 3 pages removed")
        expect("files", len(os.listdir(m)), 2)


def who_judges_as_clean_does():
    """And neither finds anything safe where processes may be hidden."""
    words = {"left": "safe to release", "unsure": "unsure"}
    with place() as m:
        left(m / f"x_pid{os.getpid()}_0", 1)
        left(m / f"y_pid{private.dead_pid()}", 1)
        left(m / "rtemap_0", 1)
        left(m / "of-nobody", 1, NOBODYS)
        os.link(left(m / f"z_pid{private.dead_pid()}", 1), m / "second name")
        told = weir("who", "--leaks")[0]
        known = files("--dry-run")
        expect("files", len(known), 5)
        for name, file in known.items():
            word = "not safe" if name.startswith("x_") else words[file["state"]]
            expect_words(told, f"\n{word}: {file['path']}\n")
        inside = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", WEIR, "who",
                                 "--leaks"], check=True, capture_output=True, text=True)
        expect_words(inside.stdout, "not safe:", "outside of this PID namespace")
        expect("safe there", re.findall("\n(safe|unsure).*", inside.stdout), [])


def what_is_used_stays():
    with place() as m:
        dead = private.dead_pid()
        makers = {
            "open": lambda path: allocate(path, 1),
            "shared": lambda path: mapped(path, 1),
            "private": lambda path: mapped(path, 1, mmap.MAP_PRIVATE),
        }
        with contextlib.ExitStack() as stack:
            for name, make in makers.items():
                path = m / f"{name}_pid{dead}"
                pid = stack.enter_context(private.process(lambda: make(path)))
                out, err = clean("--yes", path, status=REFUSED)
                expect_words(err, "in use", f"({pid})", "nothing is removed")
                found = files("--yes", path, status=REFUSED)
                expect("state", (found[path.name]["state"], found[path.name]["end"]),
                       ("used", "kept"))
            # one that is used stops what was named, and not what was not
            gone = left(m / f"gone_pid{dead}", 1)
            clean("--yes", gone, path, status=REFUSED)
            expect("file", gone.exists(), True)
            out, _ = clean("--yes")
            expect_words(out, "1 file with 1 page removed")
            expect("files", sorted(os.listdir(m)),
                   sorted(f"{name}_pid{dead}" for name in makers))
        clean("--yes")
        expect("files", os.listdir(m), [])


def what_comes_to_be_used_after_it_was_shown_stays():
    with place() as m:
        dead = private.dead_pid()
        free = free_pages()
        path = left(m / f"a_pid{dead}", 2)
        other = left(m / f"b_pid{dead}", 1)
        terminal = Terminal()
        terminal.until("Remove 2 files with 3 pages? [y/N] ")
        with private.process(lambda: mapped(path, 2)) as pid:
            expect("status", terminal.answer("y"), PARTLY)
            expect_words(terminal.text, f"removed {other}", f"{path} is not removed",
                         f"({pid}) maps it", "1 file with 1 page removed")
            expect("files", os.listdir(m), [path.name])
            expect("free", free_pages(), free - 2)


def what_comes_to_be_another_file_stays():
    with place() as m:
        path = left(m / f"a_pid{private.dead_pid()}", 1)
        terminal = Terminal()
        terminal.until("[y/N] ")
        os.rename(left(m / "b", 1), path)
        expect("status", terminal.answer("yes"), PARTLY)
        expect_words(terminal.text, "not the file that was shown")
        expect("file", path.exists(), True)


def what_nobody_can_see_to_be_used_stays():
    """A descriptor in a socket's queue is in no process."""
    with place() as m:
        path = left(m / f"a_pid{private.dead_pid()}", 1)
        near, far = socket.socketpair()
        fd = os.open(path, os.O_RDWR)
        socket.send_fds(near, [b"x"], [fd])
        os.close(fd)
        expect("in /proc", files("--dry-run")[path.name]["state"], "left")
        found = files("--yes", status=PARTLY)[path.name]
        expect("end", found["end"], "taken")
        expect_words(found["end_words"], "socket")
        expect("file", path.exists(), True)
        near.close()
        far.close()
        expect("end", files("--yes")[path.name]["end"], "removed")


def an_answer_is_needed():
    with place() as m:
        path = left(m / f"a_pid{private.dead_pid()}", 1)
        for arguments in ([], ["--json"]):
            _, err = clean(*arguments, status=REFUSED)
            expect_words(err, "--yes")
        for line in ("n", "", "yess"):
            terminal = Terminal()
            terminal.until("[y/N] ")
            expect("status", terminal.answer(line), REFUSED)
            expect_words(terminal.text, str(path), "the answer was no")
        expect("file", path.exists(), True)


def young_ones_stay():
    with place() as m:
        dead = private.dead_pid()
        young, old = left(m / f"young_pid{dead}", 1), left(m / f"old_pid{dead}", 1)
        at = time.time() - 7300
        os.utime(old, (at, at))
        found = files("--older", "2h", "--dry-run")
        expect("states", {n: f["state"] for n, f in found.items()},
               {young.name: "young", old.name: "left"})
        expect("age", found[old.name]["age_seconds"] in range(7300, 7400), True)
        clean("--yes", "--older", "2h")
        expect("files", os.listdir(m), [young.name])
        clean("--yes", "--older", "1d", young)
        expect("files", os.listdir(m), [young.name])
        for bad in ("2", "h", "0h", "1w", "-1h", "99999999999d"):
            clean("--older", bad, status=USAGE)


def paths_that_cannot_be():
    with place() as m, tempfile.TemporaryDirectory() as other:
        path = left(m / f"a_pid{private.dead_pid()}", 1)
        os.symlink(path, Path(other) / "link")
        with contextlib.suppress(OSError):  # not every kernel makes any there
            os.symlink(path, m / f"link_pid{private.dead_pid()}")
        links = [f.name for f in m.iterdir() if f.is_symlink()]
        for given, status, words in [
                (m / "none", FAILED, "No such file"),
                (Path(other), REFUSED, "not on a hugetlbfs"),
                (Path(other) / "link", REFUSED, "symbolic link")]:
            _, err = clean("--yes", given, status=status)
            expect_words(err, words)
        expect("file", path.exists(), True)
        (m / "below").mkdir()
        clean("--yes", m / "below")
        expect("file", path.exists(), True)
        clean("--yes")
        expect("files", sorted(os.listdir(m)), ["below", *links])


def as_nobody():
    os.setgroups([])  # group 0 is shown all of /proc
    os.setgid(private.NOBODY)
    os.setuid(private.NOBODY)


def blind_it_removes_nothing():
    with place(seen=False) as m:
        path = left(m / f"a_pid{private.dead_pid()}", 1, private.NOBODY)
        os.chmod(m, 0o777)
        out, err = clean("--yes", status=REFUSED, preexec_fn=as_nobody)
        expect_words(out, str(path))
        expect_words(err, "nothing is removed", "could not be looked at")
        # processes of others are not there at all
        private.sh("mount", "-t", "proc", "-o", "hidepid=2", "none", "/proc")
        try:
            _, err = clean("--yes", status=REFUSED, preexec_fn=as_nobody)
            expect_words(err, "nothing is removed", "hidden here")
        finally:
            subprocess.run(["umount", "/proc"], check=True)
        # another PID namespace, in which all processes can be looked at
        done = subprocess.run(["unshare", "--pid", "--fork", "--mount-proc", WEIR, "clean",
                               "--yes"], capture_output=True, text=True)
        expect("status", done.returncode, REFUSED)
        expect_words(done.stderr, "nothing is removed", "PID namespace")
        expect("file", path.exists(), True)


def another_namespace_has_it():
    """A number that a process has only where it sees itself; also in a capture."""
    number = int(Path("/proc/sys/kernel/pid_max").read_text()) - 7
    while Path(f"/proc/{number}").exists():
        number -= 1
    script = f"echo {number - 1} > /proc/sys/kernel/ns_last_pid; sleep 100 & wait"
    with place() as m:
        path = left(m / f"a_pid{number}_of_it", 1)
        expect("before", files("--dry-run")[path.name]["state"], "left")
        maker = subprocess.Popen(["unshare", "--pid", "--fork", "--kill-child", "sh", "-c", script])
        try:
            inner, until = None, time.monotonic() + 30
            while inner is None and time.monotonic() < until:
                for status in Path("/proc").glob("[0-9]*/status"):
                    with contextlib.suppress(OSError):
                        inner = re.search(rf"^NSpid:\t\d+\t{number}$", status.read_text(),
                                          re.M) or inner
            expect("state", files("--dry-run")[path.name]["state"], "unsure")
            captured = f"{m.parent}/captured/"
            weir("capture", "-o", captured)
            for form in ([], ["--host", captured]):
                document = json.loads(weir("who", "--leaks", "--json", *form)[0])
                release = next(h["release"] for h in document["holds"]
                               if h["name"].endswith(path.name))
                expect(f"creator {form}", (release["creator_pid"], release["creator_lives"],
                                           release["safe"]), (number, True, False))
        finally:
            maker.kill()
            maker.wait()


def a_closed_pipe_removes_nothing():
    with place() as m:
        path = left(m / f"a_pid{private.dead_pid()}", 1)
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([WEIR, "clean", "--yes"], stdout=write,
                              stderr=subprocess.DEVNULL)
        os.close(write)
        expect("success", done.returncode == DONE, False)
        expect("file", path.exists(), True)


def keys_are_in_the_manual():
    text = (Path(__file__).parents[2] / "man/weir-json.5.scd").read_text()
    part = text.partition("# KEYS OF A CLEANING")[2].partition("\n# ")[0]
    tables = [set(re.findall(r"^\|  \*(\w+)\*$", table, re.M))
              for table in part.split("## files[]")]
    with place() as m:
        left(m / f"a_pid{private.dead_pid()}", 1)
        document = json.loads(clean("--dry-run", "--json")[0])
        expect("keys", set(document), tables[0])
        expect("keys of a file", set(document["files"][0]), tables[1])


def main():
    tests = [what_is_left_goes, what_is_not_sure_is_kept_unless_named,
             who_judges_as_clean_does, what_is_used_stays,
             what_comes_to_be_used_after_it_was_shown_stays,
             what_comes_to_be_another_file_stays, what_nobody_can_see_to_be_used_stays,
             an_answer_is_needed, young_ones_stay, paths_that_cannot_be,
             blind_it_removes_nothing, another_namespace_has_it,
             a_closed_pipe_removes_nothing, keys_are_in_the_manual]
    try:
        private.enter()
    except pools.Skip as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    return pools.run_tests(tests)


if __name__ == "__main__":
    sys.exit(main())
