#!/usr/bin/env python3
"""test_probe.py WEIR: `weir probe` as a user meets it: bad command lines, no root, help.
Nothing is measured here. TAP."""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WEIR = str(Path(sys.argv[1]).resolve())
NOBODY = 65534


class Wrong(Exception):
    """What is wrong."""


class Skip(Exception):
    """Why this cannot be tried here."""


def weir(*args, **options):
    done = subprocess.run([options.pop("program", WEIR), "probe", *args], check=False,
                          capture_output=True, text=True, timeout=60,
                          stdin=subprocess.DEVNULL,
                          env={**os.environ, "COLUMNS": "90", "LC_ALL": "C"}, **options)
    return done.returncode, done.stdout, done.stderr


def refused(*args, words, status=2):
    """One line on stderr with these words (and the usage's second), nothing on stdout."""
    code, out, err = weir(*args)
    lines = err.splitlines()
    if lines[1:] == ["Try 'weir probe --help'."]:
        lines.pop()
    if code != status or out or len(lines) != 1 or words not in lines[0]:
        raise Wrong(f"{args}: status {code}, stdout {out!r}, stderr {err!r}")


def bad_command_lines():
    refused(words="what is to be measured?")
    refused("needles", words="'needles' is not one of its commands")
    refused("pins", "needles", words="takes no argument behind pins, but got 'needles'")
    for number in ("0", "-1", "x", "", "1.5", "65537", "18446744073709551616"):
        refused("pins", f"--pages={number}", words="wants a number, 1 to 65536")
    refused("pins", "--timeout", "3601", words="wants a number, 1 to 3600")
    refused("pins", "--host", "x", words="unrecognized option")
    refused("pins", "--pages", words="requires an argument")


def help_is_an_answer():
    for option in ("-h", "--help"):
        code, out, err = weir("pins", option)
        if (code, err) != (0, "") or "Usage: weir probe pins" not in out:
            raise Wrong(f"{option}: status {code}, stdout {out!r}, stderr {err!r}")


def needs_root():
    options = {}
    with tempfile.TemporaryDirectory(prefix="weir-test.") as shelf:
        if os.geteuid() == 0:
            os.chmod(shelf, 0o755)
            options = {"user": NOBODY, "group": NOBODY, "extra_groups": [],
                       "program": shutil.copy(WEIR, shelf)}
        for form in ([], ["--json"]):
            got = weir("pins", *form, **options)
            want = (1, "", "weir probe: needs root: only root sees where pages lie\n")
            if got != want:
                raise Wrong(f"got {got}, not {want}")


def panic_on_warn_is_a_guard():
    if os.geteuid() != 0:
        raise Skip("needs root to come so far")
    if Path("/proc/sys/kernel/panic_on_warn").read_text() == "0\n":
        raise Skip("this host does not panic when the kernel warns")
    refused("pins", words="kernel.panic_on_warn is set", status=5)


def main():
    tests = [bad_command_lines, help_is_an_answer, needs_root, panic_on_warn_is_a_guard]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}")
        except Skip as why:
            print(f"ok {number} - {test.__name__} # SKIP {why}")
        except (Wrong, OSError, subprocess.TimeoutExpired) as wrong:
            failed += 1
            print(f"# {wrong}\nnot ok {number} - {test.__name__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
