"""The program: what to compare, in how many guests at a time, and the report."""

import argparse
import os
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import generate, generate_pins, players, shrink, traces
from .scenario import Scenario

HERE = Path(__file__).resolve().parents[1]
ROOT = HERE.parents[1]
KERNELS = "5.10,6.1,6.12,6.18"
STEPS_OF_ONE = 400
SCENARIOS_OF_A_BOOT = 25
VECTORS = "tests/scenarios"


class Tally:
    """What was compared so far; threads share it."""

    def __init__(self, log):
        self.lock = threading.Lock()
        self.log = log
        self.steps = {}  # kernel -> number
        self.differ = {}  # kernel -> [(scenario, difference)]
        self.failed = []  # what could not be played

    def add(self, kernel, scenario, steps, difference):
        with self.lock:
            self.steps[kernel] = self.steps.get(kernel, 0) + steps
            found = self.differ.setdefault(kernel, [])
            if difference:
                found.append((scenario, difference))
            result = f"differs at {difference.index + 1}" if difference else "same"
            self.log.write(f"{kernel} {scenario.origin}: {steps} steps, {result}\n")
            self.log.flush()

    def fail(self, error):
        with self.lock:
            self.failed.append(str(error))


def compare_batch(model, other, kernel, scenarios, tally):
    """Plays some scenarios of one host on one kernel."""
    try:
        scenarios, ours, theirs = players.play_both(model, other, kernel, scenarios)
    except players.PlayError as error:
        tally.fail(error)
        return
    for scenario in scenarios:
        kernels = theirs[scenario.name]
        if kernels.skipped:
            tally.fail(f"{scenario.origin} on {kernel} skipped: {kernels.skipped}")
            continue
        for _, text in kernels.remarks:
            if text.startswith("expected "):
                tally.fail(f"{scenario.origin} on {kernel}: {text}")
        difference = traces.compare(ours[scenario.name], kernels)
        tally.add(kernel, scenario, len(kernels.steps), difference)


def without_bugs(model, kernel, scenarios):
    """The scenarios up to the step that the model warns of, for a machine that matters."""
    kept = []
    for scenario in scenarios:
        trace = model.play(kernel, [scenario])[scenario.name]
        warned = [at for at, text in trace.remarks if "bug" in text.split()]
        if warned:
            scenario = scenario.with_steps(scenario.name,
                                           scenario.steps[:max(0, min(warned) - 1)])
        if scenario.steps:
            kept.append(scenario)
    return kept


def random_scenarios(args, nodes, cpus):
    count = max(1, args.steps // args.length)
    found = []
    for i in range(count):
        seed = args.seed + i
        text = generate.make(seed, min(args.length, args.steps), nodes, cpus, live=args.live,
                             faults=args.faults, gigantic=args.gigantic)
        words = " ".join(w for w in ("--live" * args.live, "--faults" * args.faults,
                                     "--gigantic" * args.gigantic) if w)
        origin = f"generate {seed} {min(args.length, args.steps)} --nodes {nodes}" + (
            f" --cpus {cpus}" if cpus else "") + (f" {words}" if words else "")
        found.append(Scenario.parse(f"s{seed:08}.weir", text, origin))
    return found


def pin_scenarios(args):
    """Random ones about long-term pins, for each kind of host as many steps."""
    found = []
    for host in args.pins.split(","):
        for i in range(max(1, args.steps // args.length)):
            seed, steps = args.seed + i, min(args.length, args.steps)
            origin = f"generate {seed} {steps} --pins {host}" + " --odd" * args.odd
            found.append(Scenario.parse(f"{host}{seed:08}.weir", generate_pins.make(
                seed, steps, host, args.odd), origin))
    return found


def not_comparable():
    """File name -> why no kernel is asked to play it."""
    lines = (HERE / "not-comparable").read_text().splitlines()
    return dict(line.split(None, 1) for line in lines if line and not line.startswith("#"))


def read_scenarios(paths):
    found, left_out = [], not_comparable()
    for i, path in enumerate(paths):
        if Path(path).name in left_out:
            print(f"left out: {path}: {left_out[Path(path).name]}")
            continue
        name = f"v{i:03}-{Path(path).stem}.weir"
        found.append(Scenario.parse(name, Path(path).read_text(), str(path)))
    return found


def batches(scenarios):
    """Groups that can share a boot: the same host, and no command line of their own."""
    groups = {}
    for scenario in scenarios:
        key = (scenario.host(), scenario.guest(), scenario.boot() and scenario.name)
        groups.setdefault(key, []).append(scenario)
    for group in groups.values():
        for i in range(0, len(group), SCENARIOS_OF_A_BOOT):
            yield group[i:i + SCENARIOS_OF_A_BOOT]


def is_about(scenario, kernel):
    """Switches make a kernel that does not exist; another preset is for another run."""
    return scenario.kernel() in ("", kernel)


def report(args, model, other, tally):
    for kernel in tally.steps:
        found = sorted(tally.differ[kernel], key=lambda f: f[1].index)
        for i, (scenario, difference) in enumerate(found):
            print(f"\n{kernel}: {scenario.origin}")
            print(difference.text(kernel))
            if i < args.shrink:
                say = print if args.verbose else lambda text: None
                try:
                    short, difference = shrink.shrink(model, other, kernel, scenario,
                                                      difference, say, args.jobs)
                except players.PlayError as error:
                    tally.fail(error)
                    continue
                print(f"  the shortest, {len(short.steps)} steps:")
                print("".join(f"    {line}\n" for line in short.text().splitlines()), end="")
                print(difference.text(kernel))
            sys.stdout.flush()
            if i + 1 >= args.show:
                print(f"\n{kernel}: and {len(found) - i - 1} more")
                break
    for text in tally.failed:
        print(f"failed: {text}")


def work(args, model):
    """The other side, and [(kernel, batch)]."""
    if args.live:
        kernel = players.running_preset()
        other = players.Live(args.twin)
        scenarios = read_scenarios(args.scenario) or random_scenarios(args, 1, os.cpu_count())
        return other, [(kernel, without_bugs(model, kernel, scenarios))]
    other = players.Guest(args.twin, args.jobs)
    if args.scenario:
        scenarios = read_scenarios(args.scenario)
    elif args.pins:
        scenarios = pin_scenarios(args)
    else:
        scenarios = [s for nodes in args.nodes.split(",")
                     for s in random_scenarios(args, int(nodes), None)]
    return other, [(kernel, batch) for kernel in args.kernels.split(",")
                   for batch in batches([s for s in scenarios if is_about(s, kernel)])]


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="run", description="Play scenarios on the model and on kernels, and compare.")
    parser.add_argument("--kernels", default=KERNELS, help=f"default: {KERNELS}")
    parser.add_argument("--nodes", default="1,2,3", help="of random scenarios (default: 1,2,3)")
    parser.add_argument("--steps", type=int, default=8000,
                        help="of random scenarios, for each number of nodes (default: 8000)")
    parser.add_argument("--length", type=int, default=STEPS_OF_ONE,
                        help=f"steps of one scenario (default: {STEPS_OF_ONE})")
    parser.add_argument("--seed", type=int, help="of the first (default: from the clock)")
    parser.add_argument("--faults", action="store_true", help="random memory failures too")
    parser.add_argument("--gigantic", action="store_true", help="random 1G pages too")
    parser.add_argument("--pins", metavar="HOSTS",
                        help="random long-term pins instead: movable, cma or both with a comma")
    parser.add_argument("--odd", action="store_true",
                        help="with --pins: forks, and pins that outlive their mapping")
    parser.add_argument("--live", action="store_true",
                        help="on this machine's kernel: root, and pools that nobody needs")
    parser.add_argument("--scenario", nargs="+", default=[], metavar="FILE",
                        help="these instead of random ones")
    parser.add_argument("--vectors", action="store_true", help=f"those in {VECTORS}")
    parser.add_argument("--jobs", type=int, default=2, help="guests at a time (default: 2)")
    parser.add_argument("--shrink", type=int, default=1, metavar="N",
                        help="cut down the first N of a kernel that differ (default: 1)")
    parser.add_argument("--show", type=int, default=10, metavar="N",
                        help="of each kernel, show N that differ (default: 10)")
    parser.add_argument("--build", type=Path, default=ROOT / "build/dev", metavar="DIR",
                        help="where weir and weir-twin are built (default: build/dev)")
    parser.add_argument("--weir", type=Path, help="default: the one in the build directory")
    parser.add_argument("--twin", type=Path, help="weir-twin; likewise")
    parser.add_argument("--log", type=Path, help="default: twin.log in the build directory")
    parser.add_argument("--verbose", "-v", action="store_true")
    args = parser.parse_args()
    if args.vectors:
        args.scenario += sorted(map(str, (ROOT / VECTORS).glob("**/*.weir")))
    if args.seed is None:
        args.seed = int(time.time()) % 10_000_000 * 10
    args.weir = args.weir or args.build / "src/cli/weir"
    args.twin = args.twin or args.build / "tests/twin/weir-twin"
    for program in (args.weir, args.twin):
        if not program.exists():
            parser.error(f"{program} is not built")
    args.weir, args.twin = args.weir.resolve(), args.twin.resolve()
    args.log = args.log or args.twin.parent / "twin.log"
    return args


def main():
    args = parse_arguments()
    model = players.Model(args.weir)
    started = time.monotonic()
    with open(args.log, "a", encoding="utf-8") as log:
        tally = Tally(log)
        try:
            other, jobs = work(args, model)
        except players.PlayError as error:
            print(f"run: {error}", file=sys.stderr)
            return 1
        with ThreadPoolExecutor(1 if args.live else args.jobs) as pool:
            for job in [pool.submit(compare_batch, model, other, kernel, batch, tally)
                        for kernel, batch in jobs if batch]:
                job.result()
        seconds = time.monotonic() - started
        report(args, model, other, tally)
    print(f"\nin {seconds:.0f} s, seeds in {args.log}")
    for kernel, steps in tally.steps.items():
        print(f"{steps} steps on {kernel} compared, {len(tally.differ[kernel])} scenarios differ")
    return 1 if tally.failed or any(tally.differ.values()) else 0
