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
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
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
CLONE_NEWNS = 0x20000
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
        stage.expect("minimum of a mount", 0, 7, kind="mount", name=minimum)
        stack.enter_context(lazily_unmounted(stage))
        other_namespace(stage, other)
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
    with open(pools.LOCK, "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        adds_up(ledger())


def every_page_is_somebodys():
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


if __name__ == "__main__":
    sys.exit(pools.run_tests([
        idle_host_has_no_holders,
        every_page_is_somebodys,
        reserved_pages_are_found_by_their_sum,
        what_one_may_not_see_is_said,
    ]))
