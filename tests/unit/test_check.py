#!/usr/bin/env python3
"""Does tools/check count right? What it counts wrong would look like a passed test."""

import contextlib
import importlib.machinery
import importlib.util
import io
import json
import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOOL = Path(__file__).resolve().parents[2] / "tools/check"
LOADER = importlib.machinery.SourceFileLoader("check", str(TOOL))
check = importlib.util.module_from_spec(importlib.util.spec_from_loader("check", LOADER))
sys.modules["check"] = check
LOADER.exec_module(check)


def count(stdout, status=0, result="OK", tap=True):
    """(passed, failed, skipped) of one program, and what was counted."""
    test = {"name": "weir:unit / prog", "stdout": stdout, "returncode": status,
            "result": result}
    got = check.count_test(test, {"prog"} if tap else set())
    return (got.passed, len(got.failed), len(got.skipped)), got


class Tap(unittest.TestCase):
    def test_counts(self):
        cases = [  # stdout, exit status, (passed, failed, skipped)
            ("1..2\nok 1 - a\nok 2 - b\n", 0, (2, 0, 0)),
            ("ok 1 - a\nok 2 - b\n1..2\n", 0, (2, 0, 0)),  # the plan may come last
            ("1..2\nok\nok\n", 0, (2, 0, 0)),
            ("1..2\nok 1 - a\nnot ok 2 - b\n# why\n", 1, (1, 1, 0)),
            ("1..1\nnot ok 1 - a # TODO later\n", 0, (1, 0, 0)),
            ("1..2\nok 1 # SKIP no root\nok 2 - b\n", 0, (1, 0, 1)),
            ("1..1\n# no root\nnot ok 1 # SKIP a\n", 0, (0, 0, 1)),  # cmocka
            ("1..0 # SKIP no kernel\n", 0, (0, 0, 1)),
            ("1..2\nok 1 - a\n1..1\nok 1 - c\nok 2 - b\n", 0, (3, 0, 0)),  # two groups
            ("1..3\nok 1 - a\n", -6, (1, 1, 0)),  # died in the middle
            ("1..3\nok 1 - a\nnot ok 2 - b\n", -11, (1, 2, 0)),
            ("1..3\n", 1, (0, 1, 0)),
            ("1..1\nok 1 - a\n", -11, (1, 1, 0)),  # died on its way out
            ("1..1\nok 1 - a\n", 1, (1, 1, 0)),  # LeakSanitizer's word
            ("1..1\nok 1 - a\nok 2 - b\n", 0, (2, 1, 0)),  # more than planned
            ("", 0, (0, 1, 0)),
            ("hello\n", 127, (0, 1, 0)),
            ("ok 1 - a\n", 0, (1, 1, 0)),  # no plan: was that all?
            ("1..2\nok 1 - a\nBail out! no disk\n", 1, (1, 1, 0)),
            ("1..1\nokay 1\nok 1 - a\n", 0, (1, 0, 0)),  # a word that only begins so
        ]
        for stdout, status, want in cases:
            with self.subTest(stdout=stdout, status=status):
                self.assertEqual(count(stdout, status)[0], want)

    def test_timeout_fails_even_after_all_cases(self):
        self.assertEqual(count("1..1\nok 1 - a\n", -15, "TIMEOUT")[0], (1, 1, 0))

    def test_reasons_of_skipped_cases(self):
        self.assertEqual(count("1..1\n# no root\nnot ok 1 # SKIP a\n")[1].skipped,
                         [("prog: a", "no root")])
        self.assertEqual(count("1..1\nok 1 - a # SKIP no root\n")[1].skipped,
                         [("prog: a", "no root")])
        self.assertEqual(count("1..0 # SKIP no kernel\n")[1].skipped,
                         [("prog", "no kernel")])


class ExitCode(unittest.TestCase):
    def test_counts(self):
        self.assertEqual(count("ok\nOK\n", 0, "OK", tap=False)[0], (1, 0, 0))
        self.assertEqual(count("", 1, "FAIL", tap=False)[0], (0, 1, 0))
        self.assertEqual(count("", -11, "FAIL", tap=False)[0], (0, 1, 0))
        self.assertEqual(count("", None, "TIMEOUT", tap=False)[0], (0, 1, 0))
        self.assertEqual(count("", 99, "ERROR", tap=False)[0], (0, 1, 0))
        self.assertEqual(count("", 0, "UNEXPECTEDPASS", tap=False)[0], (0, 1, 0))

    def test_skip_has_its_last_line_as_reason(self):
        (_, _, skipped), got = count("trying\nno QEMU here\n\n", 77, "SKIP", tap=False)
        self.assertEqual(skipped, 1)
        self.assertEqual(got.skipped, [("prog", "no QEMU here")])


class Log(unittest.TestCase):
    def test_failures_come_last(self):
        tests = [
            {"name": "prog", "stdout": "1..2\nok 1 - a\nnot ok 2 - b\n", "returncode": 1,
             "result": "FAIL"},
            {"name": "golden", "returncode": 0, "result": "OK"},
            {"name": "live", "stdout": "no root\n", "returncode": 77, "result": "SKIP"},
        ]
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            check.report(*check.count_log("\n".join(map(json.dumps, tests)), {"prog"}))
        self.assertEqual(said.getvalue().splitlines(), [
            "skipped live: no root", "FAILED prog: b", "  | 1..2", "  | ok 1 - a",
            "  | not ok 2 - b", "failed prog: b", "2 passed, 1 failed, 1 skipped"])


if __name__ == "__main__":
    unittest.main()
