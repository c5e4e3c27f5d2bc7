#!/usr/bin/env python3
"""test_who.py WEIR: `weir who` and the running kernel: holders of every kind are made for
real, each is found with its pages and its reservations, nothing is left over, and a capture
of it shows the same."""

import contextlib
import ctypes
import fcntl
import json
import mmap
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from random import Random
from pathlib import Path

import pools
from pools import Skip, libc

WEIR = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 and "/" in sys.argv[1] else "weir"
# a copy that everyone may run, wherever the tree is
SHELF = tempfile.TemporaryDirectory(prefix="weir-test.")
os.chmod(SHELF.name, 0o755)
WEIR = shutil.copy(shutil.which(WEIR), SHELF.name)
M2 = 2 << 20
POOL = 160
MFD_HUGETLB = 4
SHM_HUGETLB, IPC_CREAT, IPC_RMID = 0o4000, 0o1000, 0
MAP_NORESERVE = 0x4000
CLONE_NEWNS, CLONE_NEWIPC = 0x20000, 0x8000000
SYS_EXIT = 60  # of one thread
NOBODY = 65534
DONE, USAGE, NO = 0, 2, 3

libc.shmat.restype = ctypes.c_void_p
libc.shmat.argtypes = (ctypes.c_int, ctypes.c_void_p, ctypes.c_int)
libc.shmget.argtypes = (ctypes.c_int, ctypes.c_size_t, ctypes.c_int)


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


def who(*arguments, status=DONE, env=None):
    done = subprocess.run([WEIR, "who", *map(str, arguments)], capture_output=True,
                          check=False, env={**os.environ, "COLUMNS": "200", **(env or {})})
    expect(f"exit status of who {' '.join(map(str, arguments))} ({done.stderr.decode()})",
           done.returncode, status)
    return done.stdout.decode()


def ledger(*arguments):
    return json.loads(who("--json", *arguments))


def of_size(seen, page_bytes=M2):
    return next(s for s in seen["sizes"] if s["page_bytes"] == page_bytes)


def adds_up(seen):
    """Every page of every size is somebody's, and every reserved one."""
    for size in seen["sizes"]:
        for key in ("unattributed", "unattributed_reserved", "unsure_reserved", "over",
                    "over_reserved"):
            expect(f"{key} of {size['page_bytes'] >> 20} MiB", size[key], 0)
        expect("sum in use", size["held"], size["in_use"])
        expect("sum reserved", size["held_reserved"], size["reserved"])
        for node in size["nodes"]:
            expect(f"in use on node {node['node']}", node["held"], node["in_use"])


# --- holders: each is made in a process of its own, which says when it is there ----------

def pages(number):
    return number * M2


def map_file(fd, number, touch=0, flags=mmap.MAP_SHARED, offset=0, write=True):
    at = libc.mmap(None, pages(number), mmap.PROT_READ | mmap.PROT_WRITE, flags, fd,
                   pages(offset))
    if at == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    touch_pages(at, touch, write)
    return at


def touch_pages(at, number, write=True, first=0):
    for page in range(first, first + number):
        if write:
            ctypes.memset(at + pages(page), 1, 1)
        else:
            ctypes.string_at(at + pages(page), 1)


def anonymous(number, touch, flags=0):
    return map_file(-1, number, touch, flags | mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
                    | pools.MAP_HUGETLB | 21 << pools.HUGE_SHIFT) if not \
        flags & mmap.MAP_SHARED else map_file(
            -1, number, touch, flags | mmap.MAP_ANONYMOUS | pools.MAP_HUGETLB
            | 21 << pools.HUGE_SHIFT)


def memfd(name, number):
    fd = os.memfd_create(name, MFD_HUGETLB | 21 << pools.HUGE_SHIFT)
    os.ftruncate(fd, pages(number))
    return fd


@contextlib.contextmanager
def process(make):
    """A process in which make() ran; it waits, and ends with the test."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlives the test
        try:
            made = make()
            os.write(told, b"y" + str(made or "").encode())
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
        if not answer.startswith("y"):
            raise OSError(f"a holder failed: {answer[1:]}")
        yield pid, answer[1:]
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def row(seen, **like):
    """The one hold with these values; "pid" is one of its users."""
    pid = like.pop("pid", None)
    found = [h for h in seen["holds"]
             if all(h.get(key) == value for key, value in like.items())
             and (pid is None or pid in [u["pid"] for u in h["users"]])]
    expect(f"holds like {like} of {pid}", len(found), 1)
    return found[0]


def amounts(hold):
    return hold["pages"], hold["reserved"]


class Stage:
    """What is held, for a while; checks are (words, what to look for, pages, reserved)."""

    def __init__(self, stack):
        self.stack = stack
        self.checks = []

    def process(self, make):
        return self.stack.enter_context(process(make))

    def expect(self, words, in_use, reserved, **like):
        self.checks.append((words, in_use, reserved, like))

    def check(self, seen):
        for words, in_use, reserved, like in self.checks:
            expect(words, amounts(row(seen, **like)), (in_use, reserved))


def private_mappings(stage):
    pid, _ = stage.process(lambda: anonymous(6, 6))
    stage.expect("private, touched", 6, 0, kind="private", pid=pid)
    pid, _ = stage.process(lambda: anonymous(5, 0))
    stage.expect("private, untouched", 0, 5, kind="private", pid=pid)
    pid, _ = stage.process(lambda: anonymous(8, 3))
    stage.expect("private, half", 3, 5, kind="private", pid=pid)
    pid, _ = stage.process(lambda: anonymous(4, 1, mmap.MAP_SHARED))
    stage.expect("shared, no file", 1, 3, kind="anonymous", pid=pid)


def after_fork(stage):
    def parent():
        at = anonymous(6, 4)
        ready, told = os.pipe()
        child = os.fork()
        if child == 0:
            libc.prctl(1, signal.SIGKILL)
            touch_pages(at, 1)  # its own copy of the first page
            os.write(told, b"y")
            while True:
                signal.pause()
        os.read(ready, 1)
        return child

    pid, child = stage.process(parent)
    stage.expect("parent and child", 5, 2, kind="private", pid=pid)
    stage.expect("child and parent", 5, 2, kind="private", pid=int(child))


def memfds(stage):
    def two():
        fd = memfd("two of\nthem\033[31m", 4)
        ready, told = os.pipe()
        child = os.fork()
        if child == 0:
            libc.prctl(1, signal.SIGKILL)
            touch_pages(map_file(fd, 4), 2, first=1)
            os.write(told, b"y")
            while True:
                signal.pause()
        os.read(ready, 1)
        map_file(fd, 4, 2)
        return child

    pid, child = stage.process(two)
    stage.expect("memfd of two", 3, 1, kind="memfd", pid=pid)
    stage.expect("memfd of two", 3, 1, kind="memfd", pid=int(child))
    pid, _ = stage.process(lambda: libc.fallocate(
        memfd("open only", 3), 0, ctypes.c_long(0), ctypes.c_long(pages(3))) and 0)
    stage.expect("memfd, open only", 3, 0, kind="memfd", name="open only")


def hugetlbfs_files(stage, target):
    def make(name, number):
        fd = os.open(f"{target}/{name}", os.O_RDWR | os.O_CREAT, 0o600)
        os.ftruncate(fd, pages(number))
        return fd

    stage.process(lambda: map_file(make("shared", 6), 6, 4))
    stage.expect("file, shared", 4, 2, kind="file", name=f"{target}/shared")

    def private():
        fd = make("private", 4)
        libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(pages(3)))
        at = map_file(fd, 4, 1, mmap.MAP_PRIVATE)
        touch_pages(at, 1, write=False, first=1)

    pid, _ = stage.process(private)
    stage.expect("file under a private mapping", 3, 0, kind="file",
                 name=f"{target}/private")
    stage.expect("private mapping of a file", 1, 3, kind="private", pid=pid)
    fd = make("spdk_pid999999map_0", 5)
    libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(pages(5)))
    os.close(fd)
    stage.expect("leftover", 5, 0, kind="file", name=f"{target}/spdk_pid999999map_0",
                 left=True)
    os.mkdir(f"{target}/deep")
    fd = make("deep/it's\nodd", 2)
    libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(pages(2)))
    os.close(fd)
    stage.expect("leftover with an odd name", 2, 0, kind="file",
                 name=f"{target}/deep/it's\nodd", left=True)

    def unlinked():
        fd = make("gone", 2)
        libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(pages(2)))
        os.unlink(f"{target}/gone")

    pid, _ = stage.process(unlinked)
    stage.expect("unlinked", 2, 0, kind="file", name=f"{target}/gone", pid=pid, links=0)


def new_segment(stack, number):
    shmid = libc.shmget(0, pages(number), IPC_CREAT | SHM_HUGETLB | 0o600)
    if shmid < 0:
        raise OSError(ctypes.get_errno(), "shmget")
    stack.callback(libc.shmctl, shmid, IPC_RMID, None)
    return shmid


def segments(stage):
    def segment(number):
        return new_segment(stage.stack, number)

    def attach(shmid, touch):
        at = libc.shmat(shmid, None, 0)
        touch_pages(at, touch)
        return at

    def found(words, in_use, reserved, shmid, **like):
        stage.checks.append((words, in_use, reserved, {"segment_id": shmid, **like}))

    attached = segment(4)
    stage.process(lambda: attach(attached, 2) and None)
    found("segment, attached", 2, 2, attached)
    detached = segment(3)
    libc.shmdt(ctypes.c_void_p(attach(detached, 1)))
    found("segment, not attached", 1, 2, detached, left=True)
    segment_of_another_namespace(stage, attached)
    ordinary_segment(stage)
    destroyed = segment(3)
    stage.process(lambda: attach(destroyed, 3) and None)
    libc.shmctl(destroyed, IPC_RMID, None)
    found("segment, destroyed", 3, 0, destroyed)


@contextlib.contextmanager
def lazily_unmounted(stage):
    target = tempfile.mkdtemp(prefix="weir-test.")
    try:
        subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", target],
                       check=True)
        try:
            def fill(name, mapped):
                fd = os.open(f"{target}/{name}", os.O_RDWR | os.O_CREAT)
                os.ftruncate(fd, pages(3))
                if mapped:
                    map_file(fd, 3)
                    os.close(fd)
                else:
                    libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(pages(3)))

            opened, _ = stage.process(lambda: fill("opened", False))
            mapped, _ = stage.process(lambda: fill("mapped", True))
        finally:
            subprocess.run(["umount", "-l", target], check=True)
    finally:
        os.rmdir(target)
    stage.expect("open, its mount is gone", 3, 0, kind="file", pid=opened)
    stage.expect("mapped, its mount is gone", 0, 3, kind="file", pid=mapped)
    yield


def first_thread_that_ended(stage):
    """Its process has no memory and no files by its own number any more."""
    def two_threads():
        anonymous(4, 2)
        map_file(memfd("threads", 3), 3, 1)
        memfd("open", 1)
        threading.Thread(target=time.sleep, args=(3600,), daemon=True).start()
        signal.signal(signal.SIGUSR1, lambda *_: libc.syscall(SYS_EXIT, 0))

    pid, _ = stage.process(two_threads)
    os.kill(pid, signal.SIGUSR1)
    for _ in range(100):
        if "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text():
            break
        time.sleep(0.05)
    stage.expect("private, of another thread", 2, 2, kind="private", pid=pid)
    stage.expect("memfd, of another thread", 1, 2, kind="memfd", name="threads", pid=pid)
    stage.expect("memfd, open by another thread", 0, 0, kind="memfd", name="open", pid=pid)


def segment_of_another_namespace(stage, number):
    """With the number of one of ours, if that is a low one."""
    def elsewhere():
        if libc.unshare(CLONE_NEWIPC) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        for _ in range(64):
            shmid = libc.shmget(0, pages(4), IPC_CREAT | SHM_HUGETLB | 0o600)
            if shmid == number or number > 32:
                break
            libc.shmctl(shmid, IPC_RMID, None)
        touch_pages(libc.shmat(shmid, None, 0), 3)

    pid, _ = stage.process(elsewhere)
    stage.expect("segment of another namespace", 3, 1, kind="sysv", pid=pid)


def ordinary_segment(stage):
    """Of 1 GiB of base pages, all of them there: 6.7 and later say as much of one of 2M."""
    def attach():
        shmid = libc.shmget(0, 1 << 30, IPC_CREAT | 0o600)
        at = libc.shmat(shmid, None, 0)
        libc.shmctl(shmid, IPC_RMID, None)
        ctypes.memset(at, 1, 1 << 30)

    stage.process(attach)


def other_namespace(stage, target):
    def elsewhere():
        if libc.unshare(CLONE_NEWNS) != 0:
            raise OSError(ctypes.get_errno(), "unshare")
        libc.mount(b"none", b"/", None, 0x4000 | 0x40000, None)  # MS_REC | MS_PRIVATE
        subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=2M", "none", target],
                       check=True)
        for name, number in (("theirs", 2), ("open", 1)):
            fd = os.open(f"{target}/{name}", os.O_RDWR | os.O_CREAT)
            libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(pages(number)))
            if name != "open":
                os.close(fd)
        fd = os.open(f"{target}/mapped", os.O_RDWR | os.O_CREAT)
        os.ftruncate(fd, pages(2))
        map_file(fd, 2)
        os.close(fd)

    pid, _ = stage.process(elsewhere)
    stage.expect("of another namespace", 2, 0, kind="file", name=f"{target}/theirs",
                 seen_by_pid=pid, left=True)
    stage.expect("of another namespace, open", 1, 0, kind="file", name=f"{target}/open",
                 pid=pid)
    stage.expect("of another namespace, mapped", 0, 2, kind="file",
                 name=f"{target}/mapped", pid=pid)


def cgroup2():
    """A group of the v2 tree with the hugetlb controller, or None."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            root = Path(line.split()[4])
            if "hugetlb" in (root / "cgroup.controllers").read_text():
                return root
    return None


@contextlib.contextmanager
def group():
    root = cgroup2()
    if not root:
        yield None
        return
    control = root / "cgroup.subtree_control"
    had = "hugetlb" in control.read_text()
    if not had:
        control.write_text("+hugetlb")
    (root / "weir-test").mkdir()
    try:
        yield root / "weir-test"
    finally:
        for _ in range(100):  # until what was killed has left it
            try:
                (root / "weir-test").rmdir()
                break
            except OSError:
                time.sleep(0.05)
        if not had:
            control.write_text("-hugetlb")


def in_cgroup(stage, path):
    def join():
        (path / "cgroup.procs").write_text(str(os.getpid()))
        anonymous(3, 2)

    if path:
        pid, _ = stage.process(join)
        stage.expect("in a cgroup", 2, 1, kind="private", pid=pid)


def until_gone(running):
    """Waits for processes that their parents' end kills: nobody else waits for them."""
    for pidfd in running:
        select.select([pidfd], [], [])
        os.close(pidfd)


def qemus(stage, target):
    qemu = shutil.which("qemu-system-x86_64")
    if not qemu:
        return
    backends = {
        "memfd": ("memory-backend-memfd,hugetlb=on,share=on", "memfd", 8),
        "file": (f"memory-backend-file,mem-path={target},share=on,prealloc=on", "file", 8),
        "copy": (f"memory-backend-file,mem-path={target},share=off,prealloc=on", "private",
                 8),
    }
    running = []
    stage.stack.callback(until_gone, running)
    for name, (backend, kind, number) in backends.items():
        def start(name=name, backend=backend):
            child = subprocess.Popen(
                [qemu, "-S", "-nodefaults", "-display", "none", "-machine",
                 "pc,memory-backend=m", "-m", "16M", "-object",
                 f"{backend},id=m,size=16M", "-name", f"guest=vm-{name},debug-threads=on",
                 "-qmp", "stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                preexec_fn=lambda: libc.prctl(1, signal.SIGKILL))
            child.stdout.readline()  # QMP's greeting: its memory is there
            child.keep = child
            return child.pid

        _, pid = stage.process(start)
        running.append(os.pidfd_open(int(pid)))
        in_use = number if kind != "memfd" else None
        stage.checks.append((f"QEMU, {name}", in_use, number - (in_use or 0),
                             {"kind": kind, "pid": int(pid)}))


@contextlib.contextmanager
def everything():
    pools.need([M2])
    with contextlib.ExitStack() as stack:
        stack.enter_context(pools.saved_pools())
        pools.set_pool(M2, POOL)
        stage = Stage(stack)
        path = stack.enter_context(group())
        target = stack.enter_context(pools.mounted("pagesize=2M"))
        stack.callback(shutil.rmtree, target, ignore_errors=True)
        minimum = stack.enter_context(pools.mounted("pagesize=2M,min_size=18M"))
        other = stack.enter_context(tempfile.TemporaryDirectory(prefix="weir-test."))
        stack.callback(empty, target)
        stack.callback(empty, minimum)
        private_mappings(stage)
        after_fork(stage)
        memfds(stage)
        hugetlbfs_files(stage, target)
        segments(stage)
        fd = os.open(f"{minimum}/two", os.O_RDWR | os.O_CREAT)
        libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(pages(2)))
        os.close(fd)
        stage.expect("file on a mount with a minimum", 2, 0, name=f"{minimum}/two")
        fd = os.open(f"{minimum}/three", os.O_RDWR | os.O_CREAT)
        os.ftruncate(fd, pages(3))
        stage.process(lambda: map_file(fd, 3, 1, mmap.MAP_PRIVATE) and None)
        os.close(fd)
        stage.expect("private, on a mount with a minimum", 1, 2, kind="private",
                     name=f"{minimum}/three")
        stage.expect("minimum of a mount", 0, 4, kind="mount", name=minimum)
        stack.enter_context(lazily_unmounted(stage))
        other_namespace(stage, other)
        first_thread_that_ended(stage)
        in_cgroup(stage, path)
        qemus(stage, target)
        yield stage


def empty(directory):
    for name in os.listdir(directory):
        path = f"{directory}/{name}"
        if os.path.isdir(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def flatten(seen):
    """Ids of segments beside the other values of their holds."""
    for hold in seen["holds"]:
        if "segment" in hold:
            hold["segment_id"] = hold["segment"]["id"]
    return seen


# --- tests --------------------------------------------------------------------------------

def idle_host_has_no_holders():
    with pools.others_wait():
        adds_up(ledger())


def every_page_is_somebodys():
    with pools.others_wait():
        before = kernel_counters()
        with everything() as stage:
            seen = flatten(ledger())
            adds_up(seen)
            for words, in_use, reserved, like in stage.checks:
                hold = row(seen, **like)
                if in_use is None:  # a VM that touches what it wants
                    expect(words, hold["pages"] + hold["reserved"], reserved)
                else:
                    expect(words, amounts(hold), (in_use, reserved))
            captured_and_replayed(seen)
            shown_as_tables(seen)
        expect("pools afterwards", kernel_counters(), before)
        adds_up(ledger())


def kernel_counters():
    return {name: pools.read(pools.size_dir(M2) / name) for name in
            ("nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages")}


def captured_and_replayed(seen):
    with tempfile.TemporaryDirectory(prefix="weir-test.") as shelf:
        for name in ("tree/", "tree.tar.zst"):
            path = f"{shelf}/{name}"
            done = subprocess.run([WEIR, "capture", "-o", path], capture_output=True,
                                  check=False)
            if b"needs no library" in done.stderr:
                continue
            expect(f"capture ({done.stderr.decode()})", done.returncode, 0)
            again = flatten(ledger("--host", path))
            for key in ("sizes", "holds", "processes"):
                expect(f"{key} of the capture", again[key], seen[key])
            for form in ([], ["--by", "file"], ["--tree"], ["--by", "vm"], ["--leaks"]):
                expect(f"who {form} of the capture",
                       strip_age(who(*form, "--host", path)), strip_age(who(*form)))
        redacted = f"{shelf}/redacted.tar"
        done = subprocess.run([WEIR, "capture", "--redact", "-o", redacted],
                              capture_output=True, check=False)
        if done.returncode == 0:
            again = ledger("--host", redacted)
            expect("sizes when redacted", again["sizes"], seen["sizes"])


def strip_age(text):
    return [" ".join(line.split(" old")[0].rstrip("0123456789 minutes").split())
            for line in text.splitlines()]


def shown_as_tables(seen):
    size = of_size(seen)
    last = (f"{size['in_use']} in use + {size['reserved']} reserved + "
            f"{size['free'] - size['reserved']} really free = {size['total']} in the pool")
    for by in ("process", "vm", "file", "cgroup", "user"):
        for more in ([], ["--tree"]):
            text = who("--by", by, "--size", "2M", *more)
            expect(f"the sum of --by {by}", last in text, True)
            expect("raw escapes", "\033" in text, False)
            lines = text.splitlines()
            table = lines[1:lines.index(last)]
            if not more:
                at = table[0].split().index("PAGES")
                rows = [line.split() for line in table[1:]]
                if by not in ("vm",):  # "(no VM)" has a blank
                    expect(f"pages by {by}", sum(int(r[at]) for r in rows), size["in_use"])
                    expect(f"reserved by {by}", sum(int(r[at + 1]) for r in rows),
                           size["reserved"])
    leaks = who("--leaks")
    expect("a command", "rm -- '" in leaks and "spdk_pid999999map_0'" in leaks, True)
    expect("an inode", "-inum" in leaks, True)
    expect("a segment", "ipcrm -m " in leaks, True)
    if any(p["vm"] == "vm-file" for p in seen["processes"]):
        expect("a VM", "vm-file" in who("vm-file"), True)
    who("no such thing", status=NO)
    who("--by", "color", status=USAGE)


def map_and_forget(fd, number, touch):
    at = map_file(fd, number, touch)
    libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(pages(number)))


def unusual(stage, target):
    """What keeps reserved what nothing shows it to keep, or does not reserve: name, how,
    pages, reserved."""
    def leftover():
        fd = os.open(f"{target}/was-mapped", os.O_RDWR | os.O_CREAT)
        os.ftruncate(fd, pages(6))
        map_and_forget(fd, 6, 1)
        os.close(fd)
        stage.stack.callback(os.unlink, f"{target}/was-mapped")

    def untouched():
        new_segment(stage.stack, 13)

    return {
        "private, not reserved": (lambda: stage.process(
            lambda: anonymous(19, 2, MAP_NORESERVE)), 2, 0, 17),
        "memfd that was mapped": (lambda: stage.process(
            lambda: map_and_forget(memfd("m", 5), 5, 2)), 2, 3, 3),
        "leftover that was mapped": (leftover, 1, 5, 5),
        "segment that was never attached": (untouched, 0, 13, 13),
    }


def reserved_pages_are_found_by_their_sum():
    """One unusual holder beside usual ones is told from them; several are bounded."""
    pools.need([M2])
    for name in [*unusual(None, None), None]:
        with contextlib.ExitStack() as stack:
            stack.enter_context(pools.saved_pools())
            pools.set_pool(M2, 64)
            target = stack.enter_context(pools.mounted("pagesize=2M"))
            stage = Stage(stack)
            stage.process(lambda: anonymous(8, 1))
            stage.process(lambda: anonymous(4, 4))
            cases = unusual(stage, target)
            for each, (make, *_) in cases.items():
                if name in (each, None):
                    make()
            seen = ledger()
            size = of_size(seen)
            expect(f"{name}: in use", size["held"], size["in_use"])
            expect(f"{name}: nothing missing", size["unattributed_reserved"], 0)
            expect(f"{name}: sum", size["held_reserved"] + size["unsure_reserved"],
                   size["reserved"])
            if name:
                adds_up(seen)
                _, in_use, reserved, _ = cases[name]
                found = [amounts(h) for h in seen["holds"]]
                expect(f"{name}: its hold", (in_use, reserved) in found, True)
                expect(f"{name}: the usual one", (1, 7) in found, True)
            else:
                for hold in seen["holds"]:
                    expect("a bound", hold["reserved_max"] >= (hold["reserved"] or 0), True)


def what_one_may_not_see_is_said():
    pools.need([M2])
    with pools.saved_pools():
        pools.set_pool(M2, 8)
        with process(lambda: anonymous(4, 2)):
            def drop():
                os.setgroups([])
                os.setgid(NOBODY)
                os.setuid(NOBODY)

            done = subprocess.run([WEIR, "who", "--json"], check=True, preexec_fn=drop,
                                  capture_output=True, cwd="/")
            seen = json.loads(done.stdout)
            size = of_size(seen)
            expect("in use", size["in_use"], 2)
            expect("sum", size["held"] + size["unattributed"], 2)
            expect("reserved", size["held_reserved"] + size["unattributed_reserved"], 2)
            expect("processes unseen", seen["unseen"]["processes"] > 0, True)
            expect("a reason", len(seen["unseen"]["reasons"]) > 0, True)
            with pools.mounted("pagesize=2M") as target:
                os.chmod(target, 0o755)
                fd = os.open(f"{target}/left", os.O_RDWR | os.O_CREAT)
                libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(pages(1)))
                os.close(fd)
                done = subprocess.run([WEIR, "who", "--leaks"], check=True, cwd="/",
                                      preexec_fn=drop, capture_output=True, text=True)
                os.unlink(f"{target}/left")
            expect("why it is not safe, and who could tell", re.search(
                r"\d+ process(es)? could not be looked at, and may use them: no permission, "
                "which root has", done.stdout) is not None, True)


def by_path(seen, path):
    return next(g for g in seen["cgroups"] if g["path"] == path and g["page_bytes"] == M2)


def removed_group_is_told_from_its_parent():
    """What a removed group was charged with: pages in use move to its parent, and what it
    has reserved stays counted there, until the file goes."""
    pools.need([M2])
    with contextlib.ExitStack() as stack:
        stack.enter_context(pools.saved_pools())
        pools.set_pool(M2, 32)
        path = stack.enter_context(group())
        if not path:
            raise Skip("no cgroup v2 with the hugetlb controller here")
        target = stack.enter_context(pools.mounted("pagesize=2M"))
        stack.callback(empty, target)
        (path / "cgroup.subtree_control").write_text("+hugetlb")
        inner = path / "inner"
        inner.mkdir()

        def fill():
            (inner / "cgroup.procs").write_text(str(os.getpid()))
            fd = os.open(f"{target}/kept", os.O_RDWR | os.O_CREAT)
            os.ftruncate(fd, pages(5))
            map_file(fd, 5, 3)

        with process(fill):
            alive = ledger()
            expect("charged beyond its processes",
                   [g["beyond_bytes"] for g in alive["cgroups"]], [0] * 2)
        for _ in range(100):
            try:
                inner.rmdir()
                break
            except OSError:
                time.sleep(0.05)
        seen = ledger()
        adds_up(seen)
        parent = by_path(seen, "/weir-test")
        for key, number in (("usage", 3), ("own", 3), ("beyond", 3), ("reserved", 5),
                            ("own_reserved", 5), ("beyond_reserved", 5)):
            expect(f"{key} of the parent", parent[f"{key}_bytes"], pages(number))
        text = who("--by", "cgroup")
        expect("a line with its number",
               "at least 3 in use and 5 reserved by no process in it" in text, True)
        captured_as_shown(["--by", "cgroup"])


def captured_as_shown(arguments):
    with tempfile.TemporaryDirectory(prefix="weir-test.") as shelf:
        subprocess.run([WEIR, "capture", "-o", f"{shelf}/tree/"], capture_output=True,
                       check=True)
        expect(f"who {arguments} of the capture",
               strip_age(who(*arguments, "--host", f"{shelf}/tree")),
               strip_age(who(*arguments)))


def io_uring(at, number):
    """Pages registered with a ring of its own, which is never closed."""
    ring = libc.syscall(425, 4, ctypes.create_string_buffer(120))
    if ring < 0:
        raise OSError(ctypes.get_errno(), "io_uring_setup")
    buffer = (ctypes.c_size_t * 2)(at, pages(number))
    if libc.syscall(427, ring, 0, buffer, 1) < 0:
        raise OSError(ctypes.get_errno(), "io_uring_register")


def pins_are_told_as_far_as_the_kernel_shows_them():
    pools.need([M2])
    with contextlib.ExitStack() as stack:
        stack.enter_context(pools.saved_pools())
        pools.set_pool(M2, 32)
        stage = Stage(stack)

        def registered():
            io_uring(anonymous(5, 5), 3)

        def unmapped():
            at = anonymous(4, 4)
            io_uring(at, 4)
            libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(pages(4)))

        try:
            pid, _ = stage.process(registered)
        except OSError as error:
            raise Skip(f"no registered buffers here: {error}") from None
        seen = ledger()
        adds_up(seen)
        expect("registered", row(seen, kind="private", pid=pid)["registered_bytes"],
               pages(3))
        pins = next(p["pins"] for p in seen["processes"] if p["pid"] == pid)
        expect("pins", pins["io_uring"] and not pins["vfio"], True)
        expect("VmPin", pins["pinned_bytes"], pages(3))
        lines = who().splitlines()
        at = lines[1].split().index("PINNED")
        expect("the column", lines[2].split()[at], "io_uring:6M")
        other, _ = stage.process(unmapped)
        seen = ledger()
        expect("kept by a pin alone", of_size(seen)["unattributed"], 4)
        reason = f"process {other} has {pages(4) >> 10} KiB registered with io_uring"
        expect("a reason", [r for r in seen["unseen"]["reasons"]
                            if r.startswith(reason)] != [], True)


@contextlib.contextmanager
def orphan(name, comm, touch=3):
    """A memfd whose maker died, mapped by a process that it gave it to."""
    told, tell = os.pipe()
    maker = os.fork()
    if maker == 0:
        fd = memfd(name, 4)
        map_file(fd, 4, 1)
        keeper = os.fork()
        if keeper == 0:
            signal.alarm(120)  # never outlives the test by more
            libc.prctl(15, comm.encode())  # PR_SET_NAME
            map_file(fd, 4, touch)
            os.close(fd)
            os.write(tell, str(os.getpid()).encode())
            while True:
                signal.pause()
        os._exit(0)
    os.close(tell)
    os.waitpid(maker, 0)
    keeper = int(os.read(told, 32) or 0)
    os.close(told)
    if not keeper:
        raise OSError("the keeper of a memfd failed")
    gone = os.pidfd_open(keeper)
    try:
        yield keeper
    finally:
        os.kill(keeper, signal.SIGKILL)
        select.select([gone], [], [])
        os.close(gone)


NOT_LOOKED_FOR = "Not looked for: who has one of these files only open, or mapped and not touched."


def passed_on(stage, number):
    """Pids: who made a memfd and touched it, a child with its descriptor, and a process
    that it was sent to."""
    ours, theirs = socket.socketpair()

    def take():
        told = socket.recv_fds(theirs, 1, 1)[1]
        ours.close()
        theirs.send(b"y")
        return told[0]

    def make():
        fd = memfd("passed on", number)
        child = os.fork()
        if child == 0:
            libc.prctl(1, signal.SIGKILL)
            while True:
                signal.pause()
        map_file(fd, number, number)
        return child

    running = []
    stage.stack.callback(until_gone, running)
    maker, child = stage.process(make)
    running.append(os.pidfd_open(int(child)))
    receiver = os.fork()
    if receiver == 0:
        libc.prctl(1, signal.SIGKILL)
        try:
            take()
            while True:
                signal.pause()
        finally:
            os._exit(1)
    stage.stack.callback(os.waitpid, receiver, 0)
    stage.stack.callback(os.kill, receiver, signal.SIGKILL)
    links = {os.readlink(path): path for path in Path(f"/proc/{maker}/fd").iterdir()}
    fd = os.open(next(path for link, path in links.items() if "passed on" in link), os.O_RDWR)
    socket.send_fds(ours, [b"x"], [fd])
    os.close(fd)
    expect("the descriptor arrived", ours.recv(1), b"y")
    for end in (ours, theirs):
        end.close()
    return maker, int(child), receiver


def users_are_found_as_far_as_they_are_looked_for():
    pools.need([M2])
    with contextlib.ExitStack() as stack:
        stack.enter_context(pools.saved_pools())
        pools.set_pool(M2, 64)
        stage = Stage(stack)
        own, _ = stage.process(lambda: map_file(memfd("own", 2), 2, 2) and None)
        maker, child, receiver = passed_on(stage, 5)
        plain = who()
        expect("the plain table has who touched it", table_pids(plain), {maker, own})
        expect("and says what it did not look for", NOT_LOOKED_FOR in plain, True)
        with tempfile.TemporaryDirectory(prefix="weir-test.") as shelf:
            done = subprocess.run([WEIR, "capture", "-o", f"{shelf}/tree/"], check=False,
                                  capture_output=True)
            expect("capture", done.returncode, 0)
            # which says, too, who could not be looked at: the plain table needs nobody's leave
            expect("the same of a capture", seen_part(who("--host", f"{shelf}/tree/")),
                   seen_part(plain))
        for form in (["--tree"], ["--by", "file"], ["--by", "vm"], ["--by", "cgroup"],
                     ["--by", "user"]):
            text = who(*form)
            expect(f"{form} looks for all", NOT_LOOKED_FOR in text, False)
        also = next(line for line in who("--tree").splitlines() if f"{receiver}" in line)
        expect("who has it, too", f"{child}" in also, True)
        expect("asked for", table_pids(who(receiver)), {maker})
        users = {u["pid"]: (u["mapped_bytes"], u["open"])
                 for u in row(ledger(), kind="memfd", name="passed on")["users"]}
        expect("users", users, {maker: (pages(5), True), child: (0, True),
                                receiver: (0, True)})
        os.kill(maker, signal.SIGKILL)  # and its child with it: nobody else has it mapped
        until_gone([os.pidfd_open(maker), os.pidfd_open(child)])
        plain = who()
        expect("who only has it open, when nobody else does", table_pids(plain),
               {receiver, own})
        expect("what else is not looked for", "only mapped, not open nor touched" in plain, True)
        adds_up(ledger())
        keeper = stack.enter_context(orphan("untouched", "vhost", touch=0))
        plain = who()
        expect("who has it mapped, and has not touched it", table_pids(plain),
               {receiver, own, keeper})
        expect("all was looked for", "Not looked for" in plain, False)
        adds_up(ledger())


def seen_part(text):
    return text.split("\nNot seen")[0]


def table_pids(text):
    return {int(line.split()[0]) for line in seen_part(text).splitlines()
            if line.split() and line.split()[0].isdigit() and "in the pool" not in line}


def memory_that_outlives_its_vm_is_named():
    pools.need([M2])
    with contextlib.ExitStack() as stack:
        stack.enter_context(pools.saved_pools())
        pools.set_pool(M2, 64)
        target = stack.enter_context(pools.mounted("pagesize=2M"))
        stack.callback(empty, target)
        stage = Stage(stack)
        vhost = stack.enter_context(orphan("memory-backend-memfd", "vhost-blk"))
        other = stack.enter_context(orphan("pc.ram", "some"))
        mine = stack.enter_context(orphan("no VM's", "some"))
        os.makedirs(f"{target}/libvirt/qemu/7-db")

        def hold(name):
            fd = os.open(f"{target}/{name}", os.O_RDWR | os.O_CREAT)
            os.ftruncate(fd, pages(2))
            map_file(fd, 2, 2)

        kept, _ = stage.process(lambda: hold("libvirt/qemu/7-db/ram"))
        qemus(stage, target)
        seen = ledger()
        adds_up(seen)
        sure = "VM gone" if not seen["unseen"]["processes_huge"] else "not by a VM"
        for pid, kind, want in ((vhost, "memfd", sure), (other, "memfd", "not by a VM"),
                                (mine, "memfd", None), (kept, "file", sure)):
            expect(f"VM of {kind} of {pid}", row(seen, kind=kind, pid=pid)["vm_memory"],
                   want)
        for process_ in seen["processes"]:
            if process_["vm"] in ("vm-memfd", "vm-file"):
                hold = [h for h in seen["holds"] if h["vm_memory"] and
                        process_["pid"] in [u["pid"] for u in h["users"]]]
                expect("memory of a VM that runs", hold[0]["vm_memory"], "used")
        text = who("--leaks")
        expect("what is none", f"({mine})" in text or "no VM's" in text, False)
        expect("what may be", "memfd pc.ram: held only by processes that are not a VM"
               in text, True)
        if sure == "VM gone":
            for words in (f"kept by vhost process vhost-blk ({vhost}) after its VM is gone",
                          f"({kept}) after its VM 7-db is gone"):
                expect(words, words in text, True)


def leftovers_are_told_with_whose_they_are():
    pools.need([M2])
    nobody_there = next(uid for uid in range(61000, 62000)
                        if uid not in {s.stat().st_uid for s in
                                       Path("/proc").glob("[0-9]*")})
    with contextlib.ExitStack() as stack:
        stack.enter_context(pools.saved_pools())
        pools.set_pool(M2, 32)
        target = stack.enter_context(pools.mounted("pagesize=2M"))
        stack.callback(empty, target)
        stage = Stage(stack)
        os.makedirs(f"{target}/libvirt/qemu/7-db")
        runs, _ = stage.process(lambda: anonymous(2, 1) and None)
        cases = {"of-nobody": (nobody_there, None, None, False),
                 f"spdk_pid{runs}map_0": (0, runs, True, True),
                 "spdk_pid999999999map_0": (0, 999999999, False, True),
                 "rtemap_7": (0, None, None, True),
                 "libvirt/qemu/7-db/ram": (0, None, None, True)}
        for name, (uid, *_) in cases.items():
            fd = os.open(f"{target}/{name}", os.O_RDWR | os.O_CREAT)
            libc.fallocate(fd, 0, ctypes.c_long(0), ctypes.c_long(pages(1)))
            os.fchown(fd, uid, uid)
            os.close(fd)
        seen = ledger()
        adds_up(seen)
        expect("owners", {o["uid"]: o["lives"] for o in seen["owners"]},
               {uid: lives for uid, _, _, lives in cases.values()})
        for name, (_, creator, lives, _) in cases.items():
            known = row(seen, kind="file", name=f"{target}/{name}")["release"]
            expect(f"{name}: creator, and whether it lives",
                   (known["creator_pid"], known["creator_lives"]), (creator, lives))
        known = row(seen, name=f"{target}/libvirt/qemu/7-db/ram")["release"]
        expect("domain", (known["domain"], known["domain_pid"]), ("7-db", None))
        text = who("--leaks")
        for words in (f"of user {nobody_there}, 0 minutes old, who has no process that is seen",
                      "made by process 999999999, which is gone",
                      f"made by process {runs}, which lives",
                      "of libvirt's domain 7-db, which no process that is seen runs"):
            expect(words, words in text, True)


# --- a host that does not stand still ----------------------------------------------------

WORKERS = 3
WORKER_PAGES = 12  # at most at a time, of a pool of three times as many and some
LOOKS = 12


def random_step(random, maps):
    """One thing that a program does with huge pages; what fails for want of pages does."""
    what = random.randrange(6)
    try:
        if what == 0 or not maps:
            number = random.randint(1, 4)
            if sum(number for _, number, _ in maps) + number > WORKER_PAGES:
                what = 3
            elif random.random() < 0.5:
                maps.append((anonymous(number, random.randint(0, number)), number, -1))
            else:
                fd = memfd("churn", number)
                maps.append((map_file(fd, number, random.randint(0, number)), number, fd))
        if what == 1 and maps:
            at, number, _ = random.choice(maps)
            touch_pages(at, random.randint(1, number))
        if what in (2, 3) and maps:
            at, number, fd = maps.pop(random.randrange(len(maps)))
            libc.munmap(ctypes.c_void_p(at), ctypes.c_size_t(pages(number)))
            if fd >= 0:
                os.close(fd)
        if what == 4:
            child = os.fork()
            if child == 0:
                os._exit(0)
            os.waitpid(child, 0)
    except OSError:
        pass


def churn(seed):
    maps, random = [], Random(seed)
    while True:
        random_step(random, maps)


def never_more_than_there_is(seen, nr_pages):
    size = of_size(seen)
    # the kernel's own numbers are of one moment, what was found of it or marked
    expect("in use within the pool", size["in_use"] <= nr_pages, True)
    if seen["consistent"]:
        expect("more than there is", (size["over"], size["over_reserved"]), (0, 0))
        expect("held", size["held"] <= size["in_use"], True)
        expect("reserved", size["held_reserved"] <= size["reserved"], True)
    else:
        expect("said", any("different moments" in str(words)
               for words in seen["unseen"]["reasons"]), True)
        expect("held", size["held"] <= size["total"] + size["surplus"], True)


def sums_are_exact_once_a_random_workload_rests():
    seed = int(os.environ.get("WEIR_TEST_SEED", time.time_ns() % 100000))
    print(f"# seed {seed}", flush=True)
    with pools.saved_pools(), contextlib.ExitStack() as stack:
        nr_pages = WORKERS * WORKER_PAGES + 10
        pools.set_pool(M2, nr_pages)
        workers = []
        for number in range(WORKERS):
            pid = os.fork()
            if pid == 0:
                libc.prctl(1, signal.SIGKILL)
                try:
                    churn(seed + number)
                finally:
                    os._exit(1)
            workers.append(pid)
            stack.callback(os.waitpid, pid, 0)
            stack.callback(os.kill, pid, signal.SIGKILL)
        for look in range(LOOKS):
            never_more_than_there_is(ledger(), nr_pages)
            if look % 4 < 3:
                continue
            for pid in workers:
                os.kill(pid, signal.SIGSTOP)
                os.waitpid(pid, os.WUNTRACED)
            adds_up(ledger())
            for pid in workers:
                os.kill(pid, signal.SIGCONT)


if __name__ == "__main__":
    sys.exit(pools.run_tests([
        idle_host_has_no_holders,
        sums_are_exact_once_a_random_workload_rests,
        every_page_is_somebodys,
        reserved_pages_are_found_by_their_sum,
        what_one_may_not_see_is_said,
        removed_group_is_told_from_its_parent,
        pins_are_told_as_far_as_the_kernel_shows_them,
        users_are_found_as_far_as_they_are_looked_for,
        memory_that_outlives_its_vm_is_named,
        leftovers_are_told_with_whose_they_are,
    ]))
