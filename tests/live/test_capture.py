#!/usr/bin/env python3
"""test_capture.py WEIR: `weir capture` of the running kernel: that a capture shows what the
host shows, in all its forms; that it holds the processes with huge pages and no others;
and that what goes wrong leaves nothing behind."""

import contextlib
import json
import os
import shutil
import pty
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pools
from pools import Skip

# a program that is not in the PATH is found from any directory
WEIR = sys.argv[1] if len(sys.argv) > 1 else "weir"
WEIR = os.path.abspath(WEIR) if "/" in WEIR else WEIR
M2 = 2 << 20
MFD_HUGETLB = 4
NOBODY = 65534
# a copy that everyone may run, wherever the tree is
SHELF = tempfile.TemporaryDirectory(prefix="weir-test.")
os.chmod(SHELF.name, 0o755)
WEIR = shutil.copy(shutil.which(WEIR), SHELF.name)

DONE, FAILED, USAGE, REFUSED = 0, 1, 2, 5
SECTIONS = ("pools", "boot", "mounts", "cpu", "sysctl", "findings")


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


def expect_in(what, text, part, there=True):
    if (part in text) != there:
        raise AssertionError(f"{what}: {part!r} {'is not' if there else 'is'} in {text!r}")


def run(*arguments, status=DONE, **options):
    """stderr of weir capture, which must end with @status."""
    options = {"stdout": subprocess.PIPE, **options}
    done = subprocess.run([WEIR, "capture", *map(str, arguments)], stderr=subprocess.PIPE,
                          check=False, **options)
    words = done.stderr.decode()
    if "needs no library" in words:
        raise Skip("built without libarchive")
    expect(f"exit status of capture {' '.join(map(str, arguments))} ({words.strip()})",
           done.returncode, status)
    return words


def status_of(host, *arguments):
    return subprocess.run([WEIR, "status", "--host", str(host), *arguments], check=True,
                          capture_output=True).stdout


def live_status():
    return json.loads(subprocess.run([WEIR, "status", "--json"], check=True,
                                     capture_output=True).stdout)


@contextlib.contextmanager
def folder(mode=0o700):
    with tempfile.TemporaryDirectory(prefix="weir-test.") as name:
        os.chmod(name, mode)
        yield Path(name)


def files_of(top):
    return {str(p.relative_to(top)): p.read_bytes() for p in top.rglob("*") if p.is_file()}


# --- processes to be found

@contextlib.contextmanager
def memfd_holder(flags, name="weir-test-fd"):
    """A process that has an open file of four huge pages, and maps none of it."""
    def open_it():
        os.ftruncate(os.memfd_create(name, flags), 4 * M2)

    with sleeper(open_it) as pid:
        yield pid


@contextlib.contextmanager
def sleeper(prepare):
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        pools.libc.prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: never outlives the test
        try:
            prepare()
            os.write(told, b"y")
            signal.pause()
        finally:
            os._exit(1)
    os.close(told)
    answer = os.read(ready, 1)
    os.close(ready)
    try:
        expect("the process", answer, b"y")
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


# --- what a capture shows

def capture_agrees_with_the_host():
    with folder() as top:
        for attempt in range(5):  # other tests may set pools meanwhile
            before = live_status()
            run("-o", f"{top}/{attempt}/")
            after = live_status()
            if all(before.get(s) == after.get(s) for s in SECTIONS):
                break
        else:
            raise Skip("this host's pools do not stand still")
        shown = json.loads(status_of(top / str(attempt), "--json"))
        for section in SECTIONS:
            expect(section, shown.get(section), before.get(section))
        expect("the keys", list(shown), list(before))


def forms_show_the_same_bytes():
    with folder() as top:
        run("-o", f"{top}/d/")
        plain, document = status_of(top / "d"), status_of(top / "d", "--json")
        for name in ("a.tar", "a.tar.gz", "a.tgz", "a.tar.zst", "b/"):
            run("--host", top / "d", "-o", f"{top}/{name}")
            expect(f"status of {name}", status_of(top / name), plain)
            expect(f"json of {name}", status_of(top / name, "--json"), document)
            if not name.endswith("/"):
                expect("mode", (top / name).stat().st_mode & 0o777, 0o600)
        run("--host", top / "a.tgz", "-o", f"{top}/c/")
        expect("files after two conversions", files_of(top / "c"), files_of(top / "d"))
        with open(top / "s.tar.zst", "wb") as out:
            run("--host", top / "d", "-o", "-", stdout=out)
        expect("standard output", (top / "s.tar.zst").read_bytes(),
               (top / "a.tar.zst").read_bytes())
        piped = subprocess.run([WEIR, "capture", "--host", top / "d", "-o", "-"], check=True,
                               capture_output=True)
        expect("a pipe", piped.stdout, (top / "a.tar.zst").read_bytes())


def empty_directory_is_filled():
    with folder() as top:
        (top / "d").mkdir()
        words = run("-o", top / "d")
        expect_in("the words", words, "saved")
        expect("mode", (top / "d/proc/meminfo").stat().st_mode & 0o777, 0o600)
        status_of(top / "d")


def default_name_has_host_and_time():
    with folder() as top:
        run(cwd=top)
        name, = os.listdir(top)
        expect("the name", name.startswith(f"weir-{os.uname().nodename}-"), True)
        expect("its end", name.endswith("Z.tar.zst"), True)
        run("--redact", "--host", top / name, cwd=top)
        expect("redacted", len(list(top.glob("weir-host1-*Z.tar.zst"))), 1)


def holders_are_kept_and_others_are_not():
    pools.need([M2])
    with pools.saved_pools(), folder() as top, contextlib.ExitStack() as stack:
        pools.set_pool(M2, 12)
        touched = stack.enter_context(pools.holder(M2, 4, 4))
        untouched = stack.enter_context(pools.holder(M2, 4, 0))
        fd_only = stack.enter_context(memfd_holder(MFD_HUGETLB))
        ordinary = stack.enter_context(memfd_holder(0))
        words = run("-o", f"{top}/d/")
        expect_in("the words", words, "with ")
        for pid in (touched, untouched, fd_only):
            proc = top / f"d/proc/{pid}"
            expect("files", sorted(os.listdir(proc)),
                   ["cgroup", "cmdline", "comm", "maps", "numa_maps", "status"])
            live = Path(f"/proc/{pid}/cmdline").read_bytes()
            expect("cmdline", (proc / "cmdline").read_bytes(), live)
        for pid in (touched, untouched):
            maps = (top / f"d/proc/{pid}/maps").read_text()
            expect("lines of maps", len(maps.splitlines()), 1)
            expect_in("maps", maps, "/anon_hugepage")
            expect_in("numa_maps", (top / f"d/proc/{pid}/numa_maps").read_text(), " huge")
        expect("maps of the open file", (top / f"d/proc/{fd_only}/maps").read_text(), "")
        links = files_of(top / f"d/@/link/proc/{fd_only}/fd")
        expect("links", [text.decode() for text in links.values()],
               ["/memfd:weir-test-fd (deleted)"])
        expect("others", (top / f"d/proc/{ordinary}").exists(), False)
        expect("self", (top / f"d/proc/{os.getpid()}").exists(), False)
        run("--host", top / "d", "-o", f"{top}/again/")
        expect("captured again", files_of(top / "again"), files_of(top / "d"))


def log_is_filtered():
    with folder() as top:
        run("-o", f"{top}/d/")
        klog = top / "d/@/klog"
        if not klog.exists():
            raise Skip("the kernel's log may not be read")
        expect_in("the log", klog.read_text(errors="replace"), "Linux version", False)


# --- privilege

def as_nobody():
    if os.geteuid() != 0:
        raise Skip("needs root to be somebody else")
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []}


def unprivileged_capture_says_what_it_lacks():
    nobody = as_nobody()
    with folder(0o777) as top:
        words = run("-o", f"{top}/d/", **nobody)
        expect_in("the words", words, "could not be read as this user: run as root for all")
        manifest = (top / "d/@/capture").read_text()
        # kernels show 1's maps to its own user only
        expect_in("the manifest", manifest, "error EACCES /proc/1/maps\n")
        expect("the number", words.split(";")[1].split()[0], str(manifest.count("EACCES")))
        status_of(top / "d")
        words = run("--host", top / "d", "-o", f"{top}/again/")
        expect_in("the words", words, "when it was captured")
        expect("captured again", files_of(top / "again"), files_of(top / "d"))


def unwritable_directory_fails():
    nobody = as_nobody()
    with folder(0o755) as top:
        for name in ("a.tar", "d/"):
            words = run("-o", f"{top}/{name}", status=FAILED, **nobody)
            expect_in("the words", words, "Permission denied")
        expect("left behind", os.listdir(top), [])


# --- what is in the way

def existing_things_are_not_overwritten():
    with folder() as top:
        (top / "a.tar").write_text("mine")
        words = run("-o", top / "a.tar", status=REFUSED)
        expect_in("the words", words, "--force")
        expect("the file", (top / "a.tar").read_text(), "mine")
        run("-o", top / "a.tar", "--force")
        status_of(top / "a.tar")
        (top / "link.tar").symlink_to("target")
        run("-o", top / "link.tar", status=REFUSED)
        run("-o", top / "link.tar", "--force")
        expect("the link's target", (top / "target").exists(), False)
        (top / "d").mkdir()
        (top / "d/mine").write_text("mine")
        for force in ([], ["--force"]):
            run("-o", f"{top}/d/", *force, status=REFUSED)
        (top / "f").write_text("mine")
        run("-o", f"{top}/f/", status=REFUSED)
        expect("left behind", sorted(os.listdir(top)), ["a.tar", "d", "f", "link.tar"])
        expect("the directory", os.listdir(top / "d"), ["mine"])


def bad_command_lines_are_usage_errors():
    for arguments in (["-o", "x.zip"], ["-o", ""], ["x"], ["--nonsense"], ["-o"]):
        expect_in("the words", run(*arguments, status=USAGE), "--help")
    expect_in("the words", run("--host", "/nonexistent", status=FAILED), "/nonexistent")


def terminal_is_refused():
    ours, theirs = pty.openpty()
    try:
        expect_in("the words", run("-o", "-", stdout=theirs, status=REFUSED), "terminal")
    finally:
        os.close(ours)
        os.close(theirs)


def full_disk_fails_and_leaves_nothing():
    with open("/dev/full", "wb") as full:
        expect_in("the words", run("-o", "-", stdout=full, status=FAILED), "No space left")
    if os.geteuid() != 0:
        raise Skip("needs root to mount a small disk")
    with folder() as top:
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12k", "none", top], check=True)
        try:
            for name in ("a.tar", "d/"):
                run("-o", f"{top}/{name}", status=FAILED)
            (top / "e").mkdir()
            run("-o", f"{top}/e", status=FAILED)
            expect("left behind", os.listdir(top), ["e"])
            expect("left behind in it", os.listdir(top / "e"), [])
        finally:
            subprocess.run(["umount", top], check=True)


def closed_output_fails():
    reader, writer = os.pipe()
    os.close(reader)
    try:
        words = run("-o", "-", stdout=writer, status=FAILED, restore_signals=False)
    finally:
        os.close(writer)
    expect_in("the words", words, "Broken pipe")
    words = run("-o", "-", stdout=None, status=FAILED, preexec_fn=lambda: os.close(1))
    expect_in("the words", words, "Bad file descriptor")


# --- names

def redacted_capture_shows_the_same_numbers():
    pools.need([M2])

    def call_it_acme():
        Path("/proc/self/comm").write_text("acmetrader")
        os.ftruncate(os.memfd_create("acmetrader-ring", MFD_HUGETLB), M2)

    with pools.saved_pools(), folder() as top:
        pools.set_pool(M2, 4)
        with sleeper(call_it_acme) as pid:
            run("-o", f"{top}/d/")
        run("--host", top / "d", "--redact", "-o", f"{top}/r/")
        comm = (top / f"r/proc/{pid}/comm").read_text()
        expect("comm", comm.startswith("proc"), True)
        link, = files_of(top / f"r/@/link/proc/{pid}/fd").values()
        expect("link", link.decode(), f"/memfd:{comm.strip()}-ring (deleted)")
        expect("hostname", (top / "r/proc/sys/kernel/hostname").read_text(), "host1\n")
        for path, text in files_of(top / "r").items():
            expect_in(path, path + text.decode(errors="replace"), "acmetrader", False)
        plain, redacted = (json.loads(status_of(top / d, "--json")) for d in ("d", "r"))
        for section in ("pools", "nodes", "sysctl", "thp", "cpu", "findings"):
            expect(section, redacted.get(section), plain.get(section))
        run("--host", top / "r", "--redact", "-o", f"{top}/again/")
        expect("redacted again", files_of(top / "again"), files_of(top / "r"))


if __name__ == "__main__":
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    sys.exit(pools.run_tests([
        capture_agrees_with_the_host,
        forms_show_the_same_bytes,
        empty_directory_is_filled,
        default_name_has_host_and_time,
        holders_are_kept_and_others_are_not,
        log_is_filtered,
        unprivileged_capture_says_what_it_lacks,
        unwritable_directory_fails,
        existing_things_are_not_overwritten,
        bad_command_lines_are_usage_errors,
        terminal_is_refused,
        full_disk_fails_and_leaves_nothing,
        closed_output_fails,
        redacted_capture_shows_the_same_numbers,
    ]))
