"""Traces: reading them, and where two of them differ."""

import re
from dataclasses import dataclass, field

PAGES_COMPARED = 256  # in all: above what scenarios ask for, below what a guest has


# How far apart may be what the model does not know to the page: slabs and page tables take
# base pages; on which side of the CMA the next page lies depends on what was freed before.
ABOUT = {"free": 6144, "free_cma": 40960, "huge": 12, "huge_cma": 16, "pinnable": 16}
# Where no zone has CMA and the pool is small beside ZONE_MOVABLE, its place is exact.
EXACT_POOL_MAX = 150
ZONE = re.compile(r"zone (\S+) (\d+)/(\d+) (\d+)/(\d+)$")


def split_zones(state):
    """(what must be equal, {what: number} of what may differ a little)."""
    if " | zone " not in state:
        return state, {}
    exact, about = [], {}
    for part in state.split(" | "):
        zone = ZONE.match(part)
        if zone:
            for key, n in zip(("free", "free_cma", "huge", "huge_cma"), zone.groups()[1:]):
                about[zone.group(1), key] = int(n)
            continue
        words = part.split()
        if len(words) > 3 and words[0] not in ("mount", "cgroup", "file") and (
                not words[0][0].isdigit()):  # a task, and its mappings by two words each
            for i in range(3, len(words), 2):
                words[i], _, n = words[i].partition("/")
                about[words[0], words[i - 1], "pinnable"] = int(n or 0)
        exact.append(" ".join(words))
    return " | ".join(exact), about


def failure(line):
    """Whether a pin that fails says ENOMEM or EFAULT is told by where its first page lies,
    which the two sides need not know alike."""
    return re.sub(r"^(ENOMEM|EFAULT) ", "fails ", line)


def is_same(model, kernel):
    """Do both lines say the same, as far as the model can know?"""
    if model == kernel:
        return True
    (ours, a), (theirs, b) = split_zones(model), split_zones(kernel)
    exact = max(total(model), total(kernel)) <= EXACT_POOL_MAX and not any(
        n for key, n in b.items() if key[-1] == "free_cma")
    if not exact:
        ours, theirs = failure(ours), failure(theirs)
    return ours == theirs and a.keys() == b.keys() and all(
        abs(a[key] - b[key]) <= (0 if exact and not key[-1].startswith("free")
                                 else ABOUT[key[-1]]) for key in a)


@dataclass
class Trace:
    """What one side saw of one scenario."""

    start: str = ""  # state before the first step
    steps: list = field(default_factory=list)  # (step, result and state)
    remarks: list = field(default_factory=list)  # (steps seen before it, text)
    zones: list = field(default_factory=list)  # of the kernel, as setup lines
    skipped: str = ""  # why it was not played
    died: str = ""  # the guest did not survive it
    cut: bool = False  # the rest cannot be played on a kernel


@dataclass
class Difference:
    index: int  # of the step, from 0
    step: str
    model: str
    kernel: str

    def text(self, kernel):
        parts = zip_parts(self.model, self.kernel)
        lines = [f"  step {self.index + 1}: {self.step}",
                 f"  model: {self.model}", f"  {kernel + ':':6} {self.kernel}"]
        for model, other in parts:
            lines.append(f"    model has '{model}', {kernel} '{other}'")
        return "\n".join(lines)


def zip_parts(a, b):
    """The parts between bars that differ."""
    a, b = a.split(" | "), b.split(" | ")
    length = max(len(a), len(b))
    a += ["-"] * (length - len(a))
    b += ["-"] * (length - len(b))
    return [(x, y) for x, y in zip(a, b) if x != y]


def parse(text, only=""):
    """name -> Trace. @only: the name of the scenario where no header says it."""
    traces = {}
    trace = None
    if only:
        trace = traces[only] = Trace()
    for line in text.splitlines():
        if line.startswith("== "):
            name, _, why = line[3:].partition(" skipped: ")
            name = name.rsplit("/", 1)[-1]
            trace = traces[name] = traces.get(name) if name == only else Trace()
            trace.skipped = why
        elif trace is None:
            continue
        elif line.startswith("#"):
            if line.startswith("# zone "):
                trace.zones.append(line[2:])
                continue
            trace.remarks.append((len(trace.steps), line[1:].strip()))
            trace.cut = trace.cut or line.endswith("no kernel plays this")
        elif re.match(r"\d+ \| .* \| ", line):
            number, step, state = line.split(" | ", 2)
            if number == "0":
                trace.start = state
            else:
                trace.steps.append((step, state))
    return traces


def total(state):
    """Pages of the default pool in a line's state."""
    parts = state.split(" | ")
    counts = parts[1].split() if len(parts) > 1 else []
    first = counts[1].split("/")[0] if len(counts) > 1 and "/" in counts[1] else ""
    return int(first) if first.isdigit() else 0


def compare(model, kernel):
    """The first Difference of two traces, or None.

    A pool that takes all memory (a wrapped count does that) is as large as memory lets it
    be: from there on there is nothing to compare.
    """
    if kernel.died:
        at = len(kernel.steps)
        step, state = model.steps[at] if at < len(model.steps) else ("", "")
        return Difference(at, step, state, kernel.died)
    if not is_same(model.start, kernel.start):
        full = min(total(model.start), total(kernel.start)) >= PAGES_COMPARED
        return None if full else Difference(-1, "start", model.start, kernel.start)
    for i, (ours, theirs) in enumerate(zip(model.steps, kernel.steps)):
        same = ours[0] == theirs[0] and is_same(ours[1], theirs[1])
        if not same and not kernel.zones and (
                min(total(ours[1]), total(theirs[1])) >= PAGES_COMPARED):
            return None
        if not same:
            return Difference(i, theirs[0], ours[1] if ours[0] == theirs[0] else repr(ours),
                              theirs[1])
    a, b = len(model.steps), len(kernel.steps)
    if a == b or (kernel.cut and b <= a):
        return None
    return Difference(min(a, b), "", f"{a} steps", f"{b} steps")
