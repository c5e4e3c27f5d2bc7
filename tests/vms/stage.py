"""stage: what a case needs on this host, and QEMU on it.

A case runs under the lock of the live tests with all pools saved. Mounts are made in a
mount namespace of the test's own, so that none outlives it; QEMU and the holders die with
the test. What is left to be undone at the end is undone by context managers, also when a
case fails; a signal that tells the test to stop is heeded only where it waits, so that
nothing is left half made or half undone.
"""

import contextlib
import json
import os
import resource
import select
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "live"))
import pools  # noqa: E402
from pools import Skip, libc  # noqa: E402

M2, G1 = 2 << 20, 1 << 30
CAP_IPC_LOCK = 14
PR_SET_PDEATHSIG, PR_CAPBSET_DROP = 1, 24
CLONE_NEWNS = 0x20000
MACHINE_POOL_MAX = 4 << 30  # more is never asked of the machine
PATIENCE = 120              # seconds until a QEMU that says nothing is given up
QEMU = "qemu-system-x86_64"
# a small translation buffer: what -overcommit mem-lock=on locks besides the RAM
FIXED = ["-accel", "tcg,tb-size=32", "-display", "none", "-nodefaults"]
WATCH = ["-S", "-qmp", "stdio"]
STRIDE = 16 << 20  # bytes of guest memory written by one command


def need_host():
    """Raises Skip where no case can run."""
    pools.need([M2])
    if not shutil.which(QEMU):
        raise Skip(f"no {QEMU}")
    if "Hugepagesize:       2048 kB" not in Path("/proc/meminfo").read_text():
        raise Skip("the default huge page is not of 2 MiB")
    if libc.unshare(CLONE_NEWNS):
        raise Skip("no mount namespace of one's own")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True)


def qemu_version():
    words = subprocess.run([QEMU, "--version"], capture_output=True, text=True,
                           check=True).stdout.split()
    return words[words.index("version") + 1]


# --- signals

class Stop:
    """SIGTERM and its like raise SystemExit, but only inside of waiting()."""

    def __init__(self):
        self.is_waiting = False
        self.pending = None

    def listen(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, self.hear)

    def hear(self, number, _):
        self.pending = number
        self.heed()

    def heed(self):
        if self.is_waiting and self.pending:
            self.is_waiting = False
            sys.exit(128 + self.pending)

    @contextlib.contextmanager
    def waiting(self):
        self.is_waiting = True
        try:
            self.heed()
            yield
        finally:
            self.is_waiting = False


STOP = Stop()


# --- the pool

def counters(size):
    """(pages, free, reserved, surplus)"""
    return tuple(pools.read(pools.size_dir(size) / name) for name in
                 ("nr_hugepages", "free_hugepages", "resv_hugepages", "surplus_hugepages"))


def need_idle():
    for size in (M2, G1):
        if pools.size_dir(size).is_dir():
            pages, free, reserved, surplus = counters(size)
            if (pages, 0, 0) != (free, reserved, surplus):
                raise Skip(f"the pool of {size >> 20} MiB pages is in use")


# --- where QEMU and weir run

class Place:
    """The paths and limits that a case's QEMU, and weir before it, find."""

    def __init__(self, case):
        self.case = case
        self.paths = {}
        self.group = None

    def join(self):
        if self.group:
            (self.group / "cgroup.procs").write_text(str(os.getpid()))

    def enter(self):
        """Runs in the child before exec."""
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        self.join()
        if self.case.memlock is not None:
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (self.case.memlock,) * 2)
            libc.prctl(PR_CAPBSET_DROP, CAP_IPC_LOCK, 0, 0, 0)
        if self.case.user:
            os.setgroups([])
            os.setgid(self.case.user)
            os.setuid(self.case.user)

    def words(self, args):
        return [QEMU, *FIXED, *args.format(**self.paths).split()]


@contextlib.contextmanager
def stage(case):
    """The host as @case wants it; yields a Place."""
    place = Place(case)
    with contextlib.ExitStack() as undo:
        with STOP.waiting():  # for the lock; nothing is changed yet
            undo.enter_context(pools.saved_pools())
        need_idle()
        undo.callback(expect_idle)
        need_fitting_host(case)
        home = tempfile.mkdtemp(prefix="weir-test.")
        undo.callback(shutil.rmtree, home)
        os.chmod(home, 0o777)
        place.paths["d"] = home
        set_pools(case)
        for name, options in case.mounts.items():
            place.paths[name] = undo.enter_context(mounted(options))
        for path, pages, filled in case.files:
            make_file(path.format(**place.paths), pages, filled)
        if case.group:
            place.group = undo.enter_context(group(case))
        for pages, touched in case.holders:
            undo.enter_context(pools.holder(M2, pages, touched, place.join))
        if case.shrink is not None:
            pools.write(pools.size_dir(M2) / "nr_hugepages", case.shrink)
        yield place


def expect_idle():
    try:
        need_idle()
    except Skip as error:
        raise AssertionError(f"after the case {error}") from None


def set_pools(case):
    if case.pool * M2 + (case.pool_1g or 0) * G1 > MACHINE_POOL_MAX:
        raise AssertionError("the case wants more than the machine is asked for")
    pools.set_pool(M2, case.pool)
    pools.write(pools.size_dir(M2) / "nr_overcommit_hugepages", case.overcommit)
    if case.needs_1g:
        pools.need([G1])
        pools.set_pool(G1, case.pool_1g)


def need_fitting_host(case):
    """What a case takes for granted: see its fields."""
    text = Path("/proc/meminfo").read_text().splitlines()
    meminfo = {line.split(":")[0]: int(line.split()[1]) << 10 for line in text}
    if case.small_host:
        if pools.read("/proc/sys/vm/overcommit_memory") != 0:
            raise Skip("vm.overcommit_memory is not 0")
        if meminfo["MemTotal"] + meminfo["SwapTotal"] >= 48 << 30:
            raise Skip("the machine has memory for it")
    if len(list(pools.NODES.glob("node[0-9]*"))) > 1 and any(
            "host-nodes" in vm or "node-affinity" in vm for vm in case.vms):
        raise Skip("the machine has several nodes")


@contextlib.contextmanager
def mounted(options):
    kind = "hugetlbfs" if "pagesize=" in options else "tmpfs"
    target = tempfile.mkdtemp(prefix="weir-test.")
    try:
        done = subprocess.run(["mount", "-t", kind, "-o", options, "none", target],
                              capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skip(f"mount -o {options}: {done.stderr.strip()}")
        try:
            yield target
        finally:
            subprocess.run(["umount", target], check=True)
    finally:
        os.rmdir(target)


def make_file(path, pages, filled):
    """A file of @pages pages, the first @filled of them allocated."""
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.ftruncate(fd, pages * M2)
        if filled:
            os.posix_fallocate(fd, 0, filled * M2)
    finally:
        os.close(fd)


@contextlib.contextmanager
def group(case):
    """A cgroup v2 with the case's limits in 2M pages; yields it, or one below it."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            root = Path(line.split()[4])
            if "hugetlb" in (root / "cgroup.controllers").read_text():
                break
    else:
        raise Skip("no cgroup v2 tree with the hugetlb controller")
    with contextlib.ExitStack() as undo:
        control(undo, root)
        made = make_group(undo, root / "weir-test-vms")
        for name, pages in case.group.items():
            (made / name).write_text(str(pages * M2))
        if case.group_below:
            control(undo, made)
            made = make_group(undo, made / "below")
        yield made


def control(undo, group_dir):
    file = group_dir / "cgroup.subtree_control"
    if "hugetlb" not in file.read_text():
        file.write_text("+hugetlb")
        undo.callback(file.write_text, "-hugetlb")


def make_group(undo, path):
    path.mkdir()
    undo.callback(path.rmdir)
    return path


# --- QEMU

class Gone(Exception):
    """QEMU ended where it should have answered."""


class Qemu:
    """One QEMU; after start() either .started, or .status and .words of its end."""

    def __init__(self, place, args):
        self.errors = tempfile.TemporaryFile()
        self.text = b""
        self.started = False
        self.status = None
        self.writer = None
        self.folder = place.paths["d"]
        self.process = subprocess.Popen(place.words(args) + WATCH, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors,
                                        preexec_fn=place.enter, cwd="/",
                                        start_new_session=True)

    def __enter__(self):
        try:
            self.line()  # the greeting
            self.ask("qmp_capabilities")
            self.ask("query-status")
            self.started = True
        except Gone:
            pass
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for file in (self.process.stdin, self.process.stdout, self.errors, self.writer):
            with contextlib.suppress(BrokenPipeError):
                if file:
                    file.close()

    def line(self):
        fd, until = self.process.stdout.fileno(), time.monotonic() + PATIENCE
        while b"\n" not in self.text:
            with STOP.waiting():
                ready = select.select([fd], [], [], max(0, until - time.monotonic()))[0]
            if not ready:
                raise AssertionError(f"QEMU is silent: {self.words}")
            more = os.read(fd, 65536)
            if not more:
                self.status = self.process.wait()
                raise Gone
            self.text += more
        line, self.text = self.text.split(b"\n", 1)
        return json.loads(line)

    def ask(self, command, **arguments):
        try:
            request = {"execute": command, "arguments": arguments}
            os.write(self.process.stdin.fileno(), json.dumps(request).encode() + b"\n")
        except BrokenPipeError:
            self.status = self.process.wait()
            raise Gone from None
        while True:
            answer = self.line()
            if "error" in answer:
                raise AssertionError(f"{command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]

    @property
    def words(self):
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace").strip()

    def use(self):
        """Writes all guest memory: "lives" or "dies".

        Of a virtio-mem device that is what is requested, as if the guest had plugged it."""
        spans = [(0, self.ask("query-memory-size-summary")["base-memory"])]
        for device in self.ask("query-memory-devices"):
            data = device["data"]
            if device["type"] == "dimm":
                spans.append((data["addr"], data["size"]))
            else:
                spans.append((data["memaddr"], data["requested-size"]))
        self.connect()
        try:
            for start, size in spans:
                for at in range(start, start + size, STRIDE):
                    self.fill(at, min(STRIDE, start + size - at))
            return "lives"
        except Gone:
            if self.status != -signal.SIGBUS:
                raise AssertionError(f"QEMU ended by {self.status}: {self.words}") from None
            return "dies"

    def connect(self):
        """The memory is written as QEMU's own device tests do: QMP can only read it, and
        a private mapping of a file is copied at a write."""
        path = f"{self.folder}/writer{self.process.pid}"
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            os.chmod(path, 0o666)
            listener.listen(1)
            address = {"type": "unix", "data": {"path": path}}
            backend = {"type": "socket", "data": {"addr": address, "server": False}}
            self.ask("chardev-add", id="writer", backend=backend)
            self.ask("object-add", **{"qom-type": "qtest", "id": "qtest",
                                      "chardev": "writer"})
            listener.settimeout(PATIENCE)
            self.writer = listener.accept()[0]
            self.writer.settimeout(PATIENCE)

    def fill(self, at, size):
        try:
            self.writer.sendall(f"memset {at:#x} {size:#x} 0x5a\n".encode())
            with STOP.waiting():
                answer = self.writer.recv(100)
        except (BrokenPipeError, ConnectionResetError):
            answer = b""
        if not answer:
            self.status = self.process.wait()
            raise Gone
        if answer != b"OK\n":
            raise AssertionError(f"memset: {answer}")


# --- weir

class Weir:
    """weir check; .unknown where the command is not built."""

    def __init__(self, program, shelf):
        # a copy that everyone may run, wherever the tree is
        found = shutil.which(program)
        if not found:
            sys.exit(f"no program '{program}'")
        self.program = shutil.copy(found, shelf)
        done = subprocess.run([self.program, "check", "--help"], capture_output=True,
                              text=True, check=False)
        self.unknown = "is not a command" in done.stderr

    def check(self, place, vms):
        """The entries of "vms" for these argument strings, one VM after the other."""
        texts = [shlex.join(place.words(args)) + "\n" for args in vms]
        names = ["-"]
        if len(texts) > 1:
            names = []
            for number, text in enumerate(texts):
                path = Path(place.paths["d"]) / f"vm{number}"
                path.write_text(text)
                names.append(str(path))
        with STOP.waiting():
            done = subprocess.run([self.program, "check", "--json", *names],
                                  input=texts[0] if names == ["-"] else "",
                                  capture_output=True, text=True, check=False,
                                  preexec_fn=place.enter, cwd="/", timeout=PATIENCE,
                                  start_new_session=True)
        for name in names:
            if name != "-":
                os.unlink(name)
        if done.returncode == 2:  # not a command line that it takes for right
            return [{"verdict": "refused", "reason": done.stderr.strip(),
                     "qemu_message": None}]
        if done.returncode not in (0, 3):
            raise AssertionError(f"weir check ends with {done.returncode}: "
                                 f"{done.stderr.strip()}")
        document = json.loads(done.stdout)
        if document["schema"] != 1 or len(document["vms"]) != len(vms):
            raise AssertionError(f"not a document of {len(vms)} VMs: {done.stdout}")
        refused = any(vm["verdict"] == "no" for vm in document["vms"])
        if refused != (done.returncode == 3):
            raise AssertionError(f"exit status {done.returncode} with {done.stdout}")
        return document["vms"]
