#!/usr/bin/env python3
"""test_vms.py WEIR [--observe] [NAME...]: what `weir check` says of a VM, and what QEMU
then does with it on this kernel. TAP, two points a case: that QEMU does what the table in
cases.py says, and that weir said so before. NAMEs choose cases by a part of their name;
--observe shows what QEMU does and expects nothing.

What is held:
  - never "yes" where the start fails, and "no" only there, with QEMU's own message;
    words that QEMU refuses may be refused by weir as well, before it comes to memory;
  - "but" where QEMU starts and a page it needs later is not to be had (the kernel kills it
    by SIGBUS), or where it takes pages a second time that it seems to have.
"""

import contextlib
import sys
import tempfile

import stage
from cases import CASES
from stage import M2, G1, Qemu, Skip

MESSAGES_OF = "7.2."  # the QEMU whose messages the table has


class Seen:
    """What became of a case's VMs: of the last one, in most cases the only."""

    started = False
    words = ""          # stderr
    pool = None         # (free, reserved) of 2M pages after the start
    pool_1g = None
    later = None        # "lives", "dies", when all its memory is used


def play(case, place, ask):
    """Starts the VMs, of which those before the last must start; @ask is called between
    those that run before and those that weir is asked about."""
    seen = Seen()
    with contextlib.ExitStack() as running:
        for args in case.vms[:case.running]:
            started(running, place, args)
        ask()
        for args in case.vms[case.running:-1]:
            started(running, place, args)
        vm = running.enter_context(Qemu(place, case.vms[-1]))
        seen.started, seen.words = vm.started, vm.words
        seen.pool = stage.counters(M2)[1:3]
        if case.needs_1g:
            seen.pool_1g = stage.counters(G1)[1:3]
        if vm.started and not case.unused:
            if case.then:
                running.enter_context(stage.pools.holder(M2, *case.then))
            seen.later = vm.use()
    return seen


def started(running, place, args):
    vm = running.enter_context(Qemu(place, args))
    if not vm.started:
        raise AssertionError(f"a VM before it does not start: {vm.words}")


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


def expect_qemu(case, seen, exact):
    """That QEMU does what the table says."""
    if case.fails:
        expect("started", seen.started, False)
        if exact and case.fails.format(**case.paths) not in seen.words:
            raise AssertionError(f"QEMU's words are {seen.words!r}, not {case.fails!r}")
        return
    if not seen.started:
        raise AssertionError(f"QEMU does not start: {seen.words}")
    if case.shows is not None:
        expect("(free, reserved)", seen.pool, case.shows)
    if case.shows_1g is not None:
        expect("(free, reserved) of 1G", seen.pool_1g, case.shows_1g)
    if not case.unused:
        expect("what becomes of it", seen.later, "dies" if case.dies else "lives")


def expect_weir(case, said, seen, exact):
    """That weir said what then came."""
    for vm in said[:-1]:
        if vm["verdict"] not in ("yes", "but"):
            raise AssertionError(f"weir says {vm['verdict']!r} of a VM that starts: "
                                 f"{vm['reason']}")
    vm = said[-1]
    verdict, message = vm["verdict"], vm["qemu_message"]
    if verdict == "refused":
        if not case.words_wrong:
            raise AssertionError(f"weir refuses the words: {vm['reason']}")
        return
    if verdict not in case.verdicts():
        raise AssertionError(f"weir says {verdict!r} ({vm['reason']}), and it is "
                             f"{' or '.join(case.verdicts())}")
    if not seen.started and exact:
        if not message or message not in seen.words:
            raise AssertionError(f"weir's message is {message!r}, QEMU's {seen.words!r}")
        if case.fails.format(**case.paths) not in message:
            raise AssertionError(f"weir's message {message!r} is short of {case.fails!r}")


def observe(case, seen):
    what = "starts" if seen.started else "FAILS"
    print(f"# {case.name}: {what} pool {seen.pool} {seen.pool_1g or ''} {seen.later or ''}")
    for line in seen.words.splitlines():
        print(f"#     {line}")


class Tap:
    def __init__(self):
        self.number = self.failed = 0

    def point(self, name, error=None):
        """One point: ok, skipped for a Skip, else not ok."""
        self.number += 1
        directive = f" # SKIP {error}" if isinstance(error, Skip) else ""
        good = error is None or isinstance(error, Skip)
        if not good:
            self.failed += 1
            directive = f": {stage.pools.one_line(error)}"
            print("\n".join(f"# {line}" for line in
                            f"{type(error).__name__}: {error}".splitlines()))
        print(f"{'ok' if good else 'not ok'} {self.number} - {name}{directive}", flush=True)


def attempt(function, *arguments):
    """(what it returns, None), or (None, the error)."""
    try:
        return function(*arguments), None
    except Exception as error:  # a case may fail in any way
        return None, error


def run_case(case, weir, exact, tap, observing):
    """Both points of a case."""
    said, no_weir = None, Skip("no weir check yet")

    def ask():
        nonlocal said, no_weir
        if not weir.unknown:
            said, no_weir = attempt(weir.check, place, case.vms[case.running:])

    try:
        with stage.stage(case) as place:
            case.paths = place.paths
            seen = play(case, place, ask)
        if observing:
            observe(case, seen)
    except Exception as error:
        tap.point(f"QEMU: {case.name}", error)
        tap.point(f"weir: {case.name}", error if isinstance(error, Skip)
                  else Skip("QEMU's part failed"))
        return
    tap.point(f"QEMU: {case.name}",
              None if observing else attempt(expect_qemu, case, seen, exact)[1])
    tap.point(f"weir: {case.name}",
              no_weir or attempt(expect_weir, case, said, seen, exact)[1])


def main():
    program, *names = sys.argv[1:]
    observing = "--observe" in names
    parts = [name for name in names if name != "--observe"]
    chosen = [c for c in CASES if not parts or any(part in c.name for part in parts)]
    try:
        stage.need_host()
    except Skip as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    stage.STOP.listen()
    tap = Tap()
    exact = stage.qemu_version().startswith(MESSAGES_OF)
    print(f"1..{2 * len(chosen)}")
    with tempfile.TemporaryDirectory(prefix="weir-test.") as shelf:
        stage.os.chmod(shelf, 0o755)
        weir = stage.Weir(program, shelf)
        for case in chosen:
            run_case(case, weir, exact, tap, observing)
    return 1 if tap.failed else 0


if __name__ == "__main__":
    sys.exit(main())
