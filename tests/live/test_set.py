#!/usr/bin/env python3
"""test_set.py WEIR: `weir set`, `weir undo` and `weir log` on the running kernel: growth that
is stopped, other writers, rights that are missing, disks that are full, pipes. TAP."""

import contextlib
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pools
from pools import MM, NODES, read, size_dir

WEIR = str(Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else "weir"
M2 = 2 << 20
POOL = size_dir(M2) / "nr_hugepages"


def weir(*args, **options):
    done = subprocess.run([WEIR, *map(str, args)], check=False, capture_output=True, text=True,
                          stdin=subprocess.DEVNULL, timeout=120,
                          env={**os.environ, "COLUMNS": "200"}, **options)
    return done.returncode, done.stdout, " ".join(done.stderr.split())


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


def expect_words(what, text, words):
    if words not in text:
        raise AssertionError(f"{what}: no {words!r} in {text!r}")


def state():
    names = ("nr_hugepages", "surplus_hugepages", "nr_overcommit_hugepages")
    return {str(path): read(path) for top in (MM, NODES) for path in top.rglob("*")
            if path.name in names}


@contextlib.contextmanager
def at_twelve():
    """A pool of 12 pages, and a directory for the state."""
    pools.need([M2])
    with pools.saved_pools(), tempfile.TemporaryDirectory(prefix="weir-set.") as directory:
        pools.set_pool(M2, 12)
        yield directory


def changes(directory):
    return json.loads(weir("log", "--json", "--state", directory)[1])["changes"]


def a_change_is_made_logged_and_undone():
    with at_twelve() as directory:
        before = state()
        code, out, err = weir("set", "--yes", "--state", directory, "2M=40", "overcommit.2M=3")
        expect("set", (code, err, read(POOL)), (0, "", 40))
        expect_words("set", out, "done: read back, 2 writes as planned (change 1)")
        one = changes(directory)[0]
        expect("log", (one["end"], one["command"].split(" ", 1)[1], one["uid"]),
               ("done", f"set --yes --state {directory} 2M=40 overcommit.2M=3", os.getuid()))
        code, out, _ = weir("undo", "-n", "--state", directory)
        expect("undo, dry", (code, read(POOL)), (0, 40))
        expect_words("undo, dry", out, "echo 12 >")
        expect("undo", weir("undo", "--yes", "--state", directory)[0], 0)
        expect("the pools", state(), before)
        expect("undo again", weir("undo", "--yes", "--state", directory)[0], 3)
        code, _, err = weir("undo", "--yes", "--state", directory, 1)
        expect("undo that one again", (code, "taken back already" in err), (3, True))
        expect("ends", [(c["end"], c["undoes"]) for c in changes(directory)],
               [("done", None), ("done", 1)])


def nobody_to_ask_changes_nothing():
    with at_twelve() as directory:
        before = state()
        code, _, err = weir("set", "--state", directory, "2M=40")
        expect("status", (code, state()), (1, before))
        expect_words("stderr", err, "nobody to ask: --yes does it")
        code, _, _ = weir("set", "--json", "--state", directory, "2M=40")
        expect("JSON", (code, state()), (1, before))


def a_shrink_below_use_changes_nothing():
    with at_twelve() as directory, pools.holder(M2, 8, 5):
        before = state()
        code, out, _ = weir("set", "--yes", "--state", directory, "2M=2")
        expect("refused", (code, state(), changes(directory)), (5, before, []))
        expect_words("stdout", out, "6 of the pages that would go are in use or reserved")
        code, _, _ = weir("set", "--yes", "--state", directory, "2M=8")
        expect("what passes", (code, read(POOL), read(size_dir(M2) / "surplus_hugepages")),
               (0, 8, 0))


def too_much_changes_nothing():
    with at_twelve() as directory:
        before = state()
        for args in (["2M=99999999"], ["2M=99999999", "--allow", "floor"], ["2M=+8", "--floor", "1024T"]):
            code, _, _ = weir("set", "--yes", "--state", directory, *args)
            expect(" ".join(args), (code, state()), (5, before))


def cut_off(directory):
    """An entry without its end, as when a process died."""
    journal = Path(directory) / "journal"
    last = max(journal.iterdir(), key=lambda p: int(p.name))
    text = last.read_text()
    last.write_text(text[:text.index("\nbegin\n") + 7])


def what_was_cut_off_is_shown_and_asked_about():
    with at_twelve() as directory:
        before = state()
        weir("set", "--yes", "--state", directory, "2M=40")
        cut_off(directory)
        code, out, _ = weir("undo", "--dry-run", "--state", directory)
        expect("dry", (code, read(POOL)), (0, 40))
        expect_words("dry", out, "echo 12 >")
        code, _, _ = weir("undo", "--state", directory)
        expect("nobody to ask", (code, read(POOL)), (1, 40))
        code, _, _ = weir("set", "--state", directory, "2M=41")
        expect("nobody to ask", (code, read(POOL)), (1, 40))
        code, out, _ = weir("undo", "--yes", "--json", "--state", directory)
        expect("undone", (code, json.loads(out)["result"]["end"], state()), (0, "undone", before))
        weir("set", "--yes", "--state", directory, "2M=40")
        cut_off(directory)
        code, out, _ = weir("set", "--yes", "--state", directory, "2M=+1")
        expect("taken back first", (code, read(POOL)), (0, 13))
        expect("ends", [c["end"] for c in changes(directory)], ["undone", "undone", "done"])


def only_what_was_changed_is_taken_back():
    with at_twelve() as directory:
        weir("set", "--yes", "--state", directory, "2M=40")
        cut_off(directory)
        pools.write(size_dir(M2) / "nr_overcommit_hugepages", 5)  # somebody else's
        expect("undo", weir("undo", "--yes", "--state", directory)[0], 0)
        expect("pools", (read(POOL), read(size_dir(M2) / "nr_overcommit_hugepages")), (12, 5))


def a_change_by_others_is_not_taken_back_unasked():
    with at_twelve() as directory:
        weir("set", "--yes", "--state", directory, "2M=40")
        pools.write(POOL, 30)
        code, _, err = weir("undo", "--yes", "--state", directory)
        expect("refused", (code, read(POOL)), (5, 30))
        expect_words("stderr", err, "somebody changed them since")
        code, _, _ = weir("undo", "--yes", "--foreign", "--state", directory)
        expect("told to", (code, read(POOL)), (0, 12))


def surplus_that_went_is_nobodys_change():
    with at_twelve() as directory:
        pools.write(size_dir(M2) / "nr_overcommit_hugepages", 6)
        with pools.holder(M2, 16, 16):
            expect("surplus", read(size_dir(M2) / "surplus_hugepages"), 4)
            code, _, _ = weir("set", "--yes", "--state", directory, "overcommit.2M=8")
            expect("set", code, 0)
        code, _, err = weir("undo", "--yes", "--state", directory)
        expect("undo", (code, err, read(size_dir(M2) / "nr_overcommit_hugepages")), (0, "", 6))


def surplus_that_goes_meanwhile_is_nobodys_change():
    with at_twelve() as directory:
        pools.write(size_dir(M2) / "nr_overcommit_hugepages", 6)
        with pools.holder(M2, 16, 16) as holder:
            expect("surplus", read(size_dir(M2) / "surplus_hugepages"), 4)
            process = delayed(directory, "overcommit.2M=8")
            at_its_first_write(directory)
            os.kill(holder, signal.SIGKILL)
            wait_until(lambda: read(size_dir(M2) / "surplus_hugepages") == 0)
            out, _ = process.communicate()
        result = json.loads(out)["result"]
        expect("end", (process.returncode, result["end"], result["exact"]), (0, "done", False))
        expect_words("reason", result["reason"], "surplus pages came or went meanwhile")
        expect("pools", (read(POOL), read(size_dir(M2) / "nr_overcommit_hugepages")), (12, 8))
        expect("log", (changes(directory)[-1]["end"], weir("undo", "--yes", "--state", directory)[0]),
               ("done", 0))


def surplus_that_goes_before_a_write_stops_it():
    """Between the plan and its turn: then a number may not mean what it did."""
    with at_twelve() as directory:
        pools.write(size_dir(M2) / "nr_overcommit_hugepages", 6)
        with pools.holder(M2, 16, 16) as holder:
            process = delayed(directory, "overcommit.2M=8", "2M=13")
            wait_until((Path(directory) / "lock").exists)
            os.kill(holder, signal.SIGKILL)
            out, _ = process.communicate()
        result = json.loads(out)["result"]
        if result["end"] == "foreign":
            expect_words("reason", result["reason"], "surplus pages came or went meanwhile")
            expect("status", process.returncode, 4)
        else:  # it was past that
            expect("end", (process.returncode, result["end"]), (0, "done"))


def a_gigantic_pool_gets_what_was_stated():
    pools.need([M2, 1 << 30])
    with at_twelve() as directory:
        has = read(size_dir(1 << 30) / "nr_hugepages")
        _, out, _ = weir("set", "--json", "-n", "--state", directory, "1G=+64", "--floor", "0")
        asked = json.loads(out)
        least = sum(op["after_at_least"] - op["before"] for op in asked["ops"])
        most = sum(op["after_at_most"] - op["before"] for op in asked["ops"])
        expect("bounds", 0 <= least <= most <= 64, True)
        expect("refused", [g["guard"] for g in asked["guards"]][:1], ["reach"] if most < 64 else [])
        for wish in {min(least, 2), min(most, 2)} - {0}:
            code, out, _ = weir("set", "--json", "--yes", "--state", directory, f"1G=+{wish}")
            document = json.loads(out)
            if code == 0:
                expect("came", read(size_dir(1 << 30) / "nr_hugepages"), has + wish)
                weir("undo", "--yes", "--state", directory)
            else:
                expect("status", (code, wish > least), (4, True))
            expect("all is as it was", read(size_dir(1 << 30) / "nr_hugepages"), has)
            expect("bounds of that", [op["after_at_most"] for op in document["ops"]],
                   [op["after"] for op in document["ops"]])


def a_gigantic_write_does_what_was_explained():
    """One page more than there are for certain, but no more than 3."""
    pools.need([1 << 30])
    nr = size_dir(1 << 30) / "nr_hugepages"
    ask = lambda n: json.loads(weir("explain", "--json", "write", "1G", n)[1])["write"]  # noqa: E731
    with pools.saved_pools():
        has = read(nr)
        certain = ask(has + 64)["after"]["total_min"]
        for value in {min(certain, has + 3), min(certain + 1, has + 3)} - {has}:
            after = ask(value)["after"]
            expect("bounds", has <= after["total_min"] <= after["total"] <= value, True)
            pools.write(nr, value)
            came = read(nr)
            pools.write(nr, has)
            expect("enough came", after["total_min"] <= came <= after["total"], True)


def two_at_a_time_are_one():
    with at_twelve() as directory, open(f"{directory}/lock", "w+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        lock.write("4711\n")
        lock.flush()
        before = state()
        code, _, err = weir("set", "--yes", "--state", directory, "2M=40")
        expect("status", (code, state()), (1, before))
        expect_words("stderr", err, "another weir, process 4711, changes the pools")


def many_at_a_time_lose_nothing():
    """Each is done or refused, and the journal says which."""
    with at_twelve() as directory:
        codes = []

        def one(number):
            codes.append(weir("set", "--yes", "--json", "--state", directory,
                              f"2M={20 + number}")[0])

        threads = [threading.Thread(target=one, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        done = [c for c in changes(directory) if c["end"] == "done"]
        # 4: the pools were changed between its plan and its turn
        expect("statuses", set(codes) <= {0, 1, 4}, True)
        expect("as many as the journal has", len(done), codes.count(0))
        expect("none is open", {c["end"] for c in changes(directory)} <= {"done"}, True)
        expect("the last one's", read(POOL), done[-1]["after"][0]["pages"])


def delayed(directory, *args):
    """The same under strace, each write to the pool half a second late."""
    with contextlib.suppress(FileNotFoundError):
        return subprocess.Popen(
            ["strace", "-qq", "-o", "/dev/null", "-e", "trace=write", "-e",
             "inject=write:delay_enter=400000", WEIR, "set", "--yes", "--json", "--state",
             directory, *args], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    raise pools.Skip("no strace to slow it down")


def wait_until(what, seconds=20):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            raise AssertionError("it did not come to that")
        time.sleep(0.005)


def weir_of(process):
    """The process that strace runs."""
    text = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return int(text[0])


def at_its_first_write(directory):
    """The entry is there, and the write that follows it is on its way."""
    wait_until((Path(directory) / "journal/1").exists)
    time.sleep(0.1)


def a_stopped_change_is_undone():
    with at_twelve() as directory:
        before = state()
        process = delayed(directory, "overcommit.2M=3", "2M=20")
        at_its_first_write(directory)
        os.kill(weir_of(process), signal.SIGINT)
        out, _ = process.communicate()
        result = json.loads(out)["result"]
        expect("end", (process.returncode, result["end"], result["stopped"]), (4, "undone", True))
        expect("pools", state(), before)
        expect("log", changes(directory)[-1]["end"], "undone")


def a_stopped_change_is_kept_on_demand():
    with at_twelve() as directory:
        process = delayed(directory, "--keep-partial", "overcommit.2M=3", "2M=20")
        at_its_first_write(directory)
        os.kill(weir_of(process), signal.SIGTERM)
        out, _ = process.communicate()
        result = json.loads(out)["result"]
        expect("end", (process.returncode, result["end"], result["stopped"]), (4, "kept", True))
        # the kernel stops after the page in hand
        expect("some came", 12 < read(POOL) <= 20, True)
        expect("limit", read(size_dir(M2) / "nr_overcommit_hugepages"), 0)
        code, _, _ = weir("undo", "--yes", "--state", directory)
        expect("undone later", (code, read(POOL)), (0, 12))


def another_writer_in_between_stops_it():
    with at_twelve() as directory:
        process = delayed(directory, "overcommit.2M=3", "2M=20")
        wait_until(lambda: read(POOL) == 20)
        pools.write(POOL, 17)
        out, _ = process.communicate()
        result = json.loads(out)["result"]
        # its second write may have been on its way already
        expect("end", (process.returncode, result["end"]), (4, "foreign"))
        expect_words("reason", result["reason"], "somebody else changes the pools")
        expect("his is left", read(POOL), 17)
        expect("log", changes(directory)[-1]["end"], "foreign")


def in_namespace(script, *args):
    return subprocess.run(["unshare", "-m", "sh", "-ec", script, "sh", WEIR, *map(str, args)],
                          check=False, capture_output=True, text=True, stdin=subprocess.DEVNULL)


def a_read_only_sys_is_named():
    with at_twelve() as directory:
        before = state()
        done = in_namespace('mount -o remount,bind,ro /sys; exec "$1" set --yes --state "$2" 2M=40',
                            directory)
        if "mount:" in done.stderr or "unshare" in done.stderr:
            raise pools.Skip(done.stderr.strip())
        expect("status", (done.returncode, state()), (1, before))
        expect_words("stderr", " ".join(done.stderr.split()), "/sys is mounted read-only here")
        expect("log", changes(directory)[-1]["end"], "undone")


def without_rights_it_says_which():
    with at_twelve() as directory:
        before = state()
        os.chmod(directory, 0o777)

        def nobody():
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)

        fd = os.open(WEIR, os.O_RDONLY)  # nobody may perhaps not come to its directory
        done = subprocess.run([f"/proc/self/fd/{fd}", "set", "--yes", "--state", directory,
                               "2M=40"], check=False, capture_output=True, text=True,
                              preexec_fn=nobody, pass_fds=[fd])
        os.close(fd)
        expect("status", (done.returncode, state()), (1, before))
        expect_words("stderr", " ".join(done.stderr.split()), "that takes root")


def a_full_disk_stops_it_before_it_begins():
    with at_twelve() as directory:
        before = state()
        for fill in ("0", "1", "2", "3", "4", "5", "6", "7"):
            done = in_namespace(
                'mount -t tmpfs -o size=32k none "$2"; mkdir "$2/journal"; '
                'dd if=/dev/zero of="$2/fill" bs=4k count="$3" 2>/dev/null || :; '
                '"$1" set --yes --state "$2" 2M=40 && r=0 || r=$?; '
                '"$1" log --state "$2" --json; exit $r', directory, fill)
            if "mount:" in done.stderr or "unshare" in done.stderr:
                raise pools.Skip(done.stderr.strip())
            said = " ".join(done.stderr.split())
            ends = re.findall(r'"end": *"(\w+)"', done.stdout)
            if done.returncode == 0:
                expect(f"{fill} pages full: done", (read(POOL), ends), (40, ["done"]))
                pools.write(POOL, 12)
            else:
                expect(f"{fill} pages full", (done.returncode, state(), ends), (1, before, []))
                expect_words("stderr", said, "No space left on device")
                expect_words("stderr", said, "nothing was written to the host")


def a_state_that_cannot_be_written_is_named():
    with at_twelve() as directory:
        before = state()
        for path, words in ((f"{directory}/a/b/c", "No such file"), ("/dev/null", "Not a directory"),
                            ("/proc/weir", "/proc/weir"), ("x" * 600, "too long")):
            code, _, err = weir("set", "--yes", "--state", path, "2M=40")
            expect(path[:40], (code, state()), (1, before))
            expect_words(path[:40], err, words)


def a_pipe_that_closes_leaves_no_half():
    with at_twelve() as directory:
        for args in (["--yes"], ["--yes", "--json"]):
            read_end, write_end = os.pipe()
            os.close(read_end)
            pools.set_pool(M2, 12)
            done = subprocess.run([WEIR, "set", *args, "--state", directory, "2M=40"],
                                  stdout=write_end, stderr=subprocess.PIPE, check=False,
                                  stdin=subprocess.DEVNULL)
            os.close(write_end)
            ends = [c["end"] for c in changes(directory)]
            if "open" in ends or read(POOL) not in (12, 40):
                raise AssertionError(f"{args}: exit {done.returncode}, {read(POOL)}, {ends}")


if __name__ == "__main__":
    sys.exit(pools.run_tests([
        a_change_is_made_logged_and_undone,
        nobody_to_ask_changes_nothing,
        a_shrink_below_use_changes_nothing,
        too_much_changes_nothing,
        what_was_cut_off_is_shown_and_asked_about,
        only_what_was_changed_is_taken_back,
        a_change_by_others_is_not_taken_back_unasked,
        surplus_that_went_is_nobodys_change,
        surplus_that_goes_meanwhile_is_nobodys_change,
        surplus_that_goes_before_a_write_stops_it,
        a_gigantic_pool_gets_what_was_stated,
        a_gigantic_write_does_what_was_explained,
        two_at_a_time_are_one,
        many_at_a_time_lose_nothing,
        a_stopped_change_is_undone,
        a_stopped_change_is_kept_on_demand,
        another_writer_in_between_stops_it,
        a_read_only_sys_is_named,
        without_rights_it_says_which,
        a_full_disk_stops_it_before_it_begins,
        a_state_that_cannot_be_written_is_named,
        a_pipe_that_closes_leaves_no_half,
    ]))
