"""Who plays scenarios: the model, a kernel in a guest, the kernel of this machine."""

import importlib.util
import os
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import traces

HERE = Path(__file__).resolve().parent.parent
GUEST = HERE.parent / "guest/guest"
POOLS = HERE.parent / "live/pools.py"
GUEST_DIED = (124, 125)
GUEST_BOOT_MAX_S, GUEST_STEP_MAX_S = 60, 0.1  # ten times what they take

# Under emulation these cost most of the time: zeroing what is zeroed again, the repeated
# string instructions that are emulated byte by byte, and the exchange of page tables at
# each system call. What is counted does not change.
FAST = {"amd64": "init_on_alloc=0 mitigations=off clearcpuid=297,112",
        "arm64": "init_on_alloc=0 mitigations=off"}


class PlayError(Exception):
    """A side could not be played at all: nothing can be said."""


def _write(directory, scenarios):
    for scenario in scenarios:
        (Path(directory) / scenario.name).write_text(scenario.text())


class Model:
    """`weir model run --trace`."""

    def __init__(self, weir):
        self.weir = weir

    def play(self, kernel, scenarios):
        """name -> Trace."""
        with tempfile.TemporaryDirectory(prefix="weir-twin.") as directory:
            _write(directory, scenarios)
            done = subprocess.run(
                [self.weir, "model", "run", "--trace", "--kernel", kernel,
                 *[s.name for s in scenarios]],
                cwd=directory, capture_output=True, text=True)
        only = scenarios[0].name if len(scenarios) == 1 else ""
        found = traces.parse(done.stdout, only)
        missing = [s for s in scenarios
                   if s.name not in found or not (found[s.name].start or found[s.name].steps)]
        if missing:
            raise PlayError(f"{self.weir} model run on {kernel}: no trace of {missing[0].name} "
                            f"({missing[0].origin}), status {done.returncode}: "
                            f"{done.stderr.strip()[-400:]}")
        return found


def before_hangs(ours, scenarios):
    """The scenarios up to a step that would never end on a kernel, or take all its memory, as
    the model says."""
    kept = []
    for scenario in scenarios:
        hangs = [at for at, text in ours[scenario.name].remarks
                 if "copy-loops" in text or "node-target-wraps" in text]
        if hangs:
            scenario = scenario.with_steps(scenario.name, scenario.steps[:min(hangs) - 1])
        if scenario.steps:
            kept.append(scenario)
    return kept


def play_both(model, other, kernel, scenarios, parts=1):
    """(scenarios, the model's traces, the kernel's): of those that a kernel can be asked to
    play, each as far as it can. Where zones matter the model has those of the kernel."""
    scenarios = before_hangs(model.play(kernel, scenarios), scenarios)
    if not scenarios:
        return [], {}, {}
    theirs = other.play(kernel, scenarios, parts)
    alike = [s.with_zones(theirs[s.name].zones) if s.zones() else s for s in scenarios]
    return alike, model.play(kernel, alike), theirs


class Guest:
    """Debian kernels under QEMU, all scenarios of one host in one boot if they let."""

    def __init__(self, twin, jobs=1):
        self.twin = twin
        self.slots = threading.Semaphore(jobs)

    def play(self, kernel, scenarios, parts=1):
        """name -> Trace. All must be about the same host. @parts: guests to use."""
        if parts > 1 and len(scenarios) > 1:
            with ThreadPoolExecutor(parts) as pool:
                found = {}
                for got in pool.map(lambda i: self._play(kernel, scenarios[i::parts]),
                                    range(min(parts, len(scenarios)))):
                    found.update(got)
            return found
        return self._play(kernel, scenarios)

    def _play(self, kernel, scenarios):
        found, rest = {}, list(scenarios)
        while rest:
            got = self._boot(kernel, rest)
            if got is None:  # the guest died: find out over which scenario
                got = self._survivors(kernel, rest)
            unclean = [s for s in rest if got[s.name].skipped.startswith("unclean")]
            if len(unclean) == len(rest):
                raise PlayError(f"guest {kernel}: {got[rest[0].name].skipped}")
            found.update(got)
            rest = unclean
        return found

    def _survivors(self, kernel, scenarios):
        if len(scenarios) == 1:
            return {scenarios[0].name: traces.Trace(died="the guest died")}
        half = len(scenarios) // 2
        got = {}
        for part in (scenarios[:half], scenarios[half:]):
            got.update(self._boot(kernel, part) or self._survivors(kernel, part))
        return got

    def _boot(self, kernel, scenarios):
        """name -> Trace, or None when the guest died."""
        memory, cpus = scenarios[0].host()
        boot = scenarios[0].boot()
        arch, zones = scenarios[0].guest()
        limit = GUEST_BOOT_MAX_S + GUEST_STEP_MAX_S * sum(len(s.steps) for s in scenarios)
        with tempfile.TemporaryDirectory(prefix="weir-twin.") as directory:
            _write(directory, scenarios)
            with self.slots:
                done = self._run((arch, kernel), directory, memory, cpus, (boot, zones), limit)
            if done.returncode in GUEST_DIED:
                return None
            if done.returncode:
                raise PlayError(f"guest {kernel}: status {done.returncode}: "
                                f"{done.stderr.strip()[-400:]}")
            text = Path(directory, "out/tmp/trace").read_text()
        return _all(traces.parse(text), scenarios, f"guest {kernel}", done.stderr)

    def _run(self, which, directory, memory, cpus, boot, limit):
        arch, kernel = which
        flag = "--booted" if boot[0] else ""
        twin = self.twin if arch == "amd64" else f"{self.twin}-{arch}"
        if not Path(twin).exists():
            raise PlayError(f"{twin} is not built: it needs aarch64-linux-gnu-gcc")
        return subprocess.run(
            [GUEST, "run", "--kernel", kernel if arch == "amd64" else f"{arch}/{kernel}",
             "--nodes", str(len(memory)),
             "--mem", ",".join(memory), "--cpus", ",".join(map(str, cpus)),
             "--append", " ".join([FAST[arch], *filter(None, boot)]), "--timeout", str(limit),
             "--prog", f"{twin}:/bin/weir-twin", "--tree", f"{directory}:/scenarios",
             "--get", "/tmp/trace", "--out", f"{directory}/out",
             "-c", f"cd /scenarios; weir-twin {flag} *.weir >/tmp/trace; exit 0"],
            capture_output=True, text=True)


class Live:
    """The kernel of this machine, under the lock of the live tests."""

    def __init__(self, twin):
        self.twin = twin
        spec = importlib.util.spec_from_file_location("pools", POOLS)
        self.pools = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(self.pools)

    def play(self, kernel, scenarios, _parts=1):
        """name -> Trace."""
        with tempfile.TemporaryDirectory(prefix="weir-twin.") as directory:
            _write(directory, scenarios)
            with self.pools.saved_pools():
                done = subprocess.run([self.twin, *[s.name for s in scenarios]],
                                      cwd=directory, capture_output=True, text=True)
        return _all(traces.parse(done.stdout), scenarios, f"this machine ({kernel})",
                    done.stderr)


def _all(found, scenarios, who, stderr):
    for scenario in scenarios:
        if scenario.name not in found:
            raise PlayError(f"{who}: no trace of {scenario.name} ({scenario.origin}): "
                            f"{stderr.strip()[-400:]}")
    return found


def running_preset():
    """'6.18.44' of '6.18.44-fc-v445'."""
    return os.uname().release.split("-")[0]
