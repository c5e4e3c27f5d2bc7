#!/usr/bin/env python3
"""test_probe.py WEIR: `weir probe pins` on the running kernel: what it says where there is
nothing to measure; where there is, that it measures; and that the pools and all settings
stay as they were."""

import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import pools
from pools import MM, NODES, Skip

WEIR = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else "weir"
M2 = 2 << 20
RESULT = Path("/run/weir/pins")
KEYS = {"page", "outcome", "error", "node", "zone", "cma"}


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


def need():
    pools.need([M2])
    if Path("/proc/sys/kernel/panic_on_warn").read_text() != "0\n":
        raise Skip("a warning of the kernel would be a panic")
    if not Path("/proc/kpageflags").exists():
        raise Skip("this kernel has no /proc/kpageflags")


def probe(*arguments):
    done = subprocess.run([WEIR, "probe", "pins", *arguments], capture_output=True,
                          text=True, timeout=100)
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def kept_result():
    """The result of before, if there was one, is there again at the end."""
    before = RESULT.read_text() if RESULT.exists() else None
    had_folder = RESULT.parent.exists()
    RESULT.unlink(missing_ok=True)
    try:
        yield
    finally:
        RESULT.unlink(missing_ok=True)
        if before is not None:
            RESULT.write_text(before)
        elif not had_folder and RESULT.parent.exists():
            RESULT.parent.rmdir()


def has_cma():
    found = re.search(r"CmaTotal: +(\d+)", Path("/proc/meminfo").read_text())
    return bool(found) and found[1] != "0"


def has_movable():
    parts = Path("/proc/zoneinfo").read_text().split("Node ")
    return any(re.match(r"\d+, zone +Movable", part) and
               re.search(r"present +[1-9]", part) for part in parts)


def state():
    return {path: path.read_text() for d in (MM, NODES) for path in d.rglob("*")
            if path.name.endswith("_hugepages") and "mempolicy" not in path.name}


def says_where_there_is_nothing_to_measure():
    need()
    if has_cma() or has_movable():
        raise Skip("this host has CMA or ZONE_MOVABLE")
    with kept_result():
        code, out, err = probe()
        expect("status and stderr", (code, err), (3, ""))
        for words in ("CMA           not measured: this host has none",
                      "ZONE_MOVABLE  not measured: this host has none",
                      "Nothing to measure: every page of the pools can be pinned"):
            if words not in out:
                raise AssertionError(f"{words!r} is not in {out!r}")
        code, out, err = probe("--json")
        expect("status and stderr", (code, err), (3, ""))
        for memory in json.loads(out)["memory"]:
            expect(memory["kind"], (memory["measured"], memory["reason"], memory["results"]),
                   (False, "no-such-memory", []))
        expect("a result", RESULT.exists(), False)


def measures_and_leaves_the_pools_alone():
    need()
    if not has_cma() and not has_movable():
        raise Skip("this host has neither CMA nor ZONE_MOVABLE")
    with pools.saved_pools(), kept_result():
        pools.set_pool(M2, 256)
        before = state()
        code, out, err = probe("--json")
        expect("the pools", state(), before)
        seen = json.loads(out)
        if code == 3:
            raise Skip("; ".join(m["words"] for m in seen["memory"]))
        expect("status", code in (0, 4), True)
        expect("stderr", err, "")
        expect("release", seen["release"], os.uname().release)
        for memory in seen["memory"]:
            for result in memory["results"]:
                expect("keys", set(result), KEYS)
        text = RESULT.read_text()
        expect("format", text.splitlines()[0], "weir-pins 1")
        expect("mode", RESULT.stat().st_mode & 0o777, 0o644)
        expect("what else is there", os.listdir(RESULT.parent), ["pins"])
        with tempfile.TemporaryDirectory(prefix="weir-test.") as top:
            subprocess.run([WEIR, "capture", "-o", f"{top}/d/"], check=True,
                           capture_output=True)
            expect("captured", Path(top, "d/run/weir/pins").read_text(), text)


def remembers_only_when_told():
    need()
    with kept_result():
        probe("--no-remember")
        expect("a result", RESULT.exists(), False)


if __name__ == "__main__":
    sys.exit(pools.run_tests([
        says_where_there_is_nothing_to_measure,
        measures_and_leaves_the_pools_alone,
        remembers_only_when_told,
    ]))
