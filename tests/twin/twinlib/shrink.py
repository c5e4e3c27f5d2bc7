"""The shortest scenario that still differs.

Delta debugging, a round of candidates at a time, because a boot costs as much as a
thousand steps. A candidate is the scenario without one piece; when several pieces can go
each for itself, all of them together are tried in the next round.
"""

import time

from . import traces
from .players import before_hangs
from .scenario import prune

CANDIDATES_MAX = 48  # of a round; what a round leaves out comes in later ones
ROUNDS_MAX = 40
SECONDS_MAX = 180  # begins no round after it: where each try needs a boot of its own


def differing(model, other, kernel, scenarios):
    """[(scenario, Difference)] of those that differ."""
    scenarios = before_hangs(model.play(kernel, scenarios), scenarios)
    if not scenarios:
        return []
    ours = model.play(kernel, scenarios)
    theirs = other.play(kernel, scenarios)
    found = []
    for scenario in scenarios:
        if theirs[scenario.name].skipped:
            continue
        difference = traces.compare(ours[scenario.name], theirs[scenario.name])
        if difference:
            found.append((scenario, difference))
    return found


def _candidates(steps, best, size, together):
    """name -> (numbers of its steps, numbers taken away)."""
    pieces = [set(best[i:i + size]) for i in range(0, len(best), size)][:CANDIDATES_MAX]
    wanted = {f"c{i:03}.weir": piece for i, piece in enumerate(pieces)}
    if together:
        wanted["all.weir"] = together
    tries = {}
    for name, gone in wanted.items():
        kept = prune(steps, [n for n in best if n not in gone])
        if 0 < len(kept) < len(best):
            tries[name] = (kept, gone)
    return tries


def shrink(model, other, kernel, scenario, difference, say=lambda text: None):
    """(scenario, difference) of the shortest that was found."""
    steps = scenario.steps
    best = list(range(min(len(steps), difference.index + 1)))
    size, together = max(1, len(best) // 8), set()
    end = time.monotonic() + SECONDS_MAX
    for number in range(ROUNDS_MAX):
        if time.monotonic() > end:
            break
        tries = _candidates(steps, best, size, together)
        found = differing(model, other, kernel, [
            scenario.with_steps(name, [steps[n] for n in kept])
            for name, (kept, _) in tries.items()]) if tries else []
        say(f"round {number + 1}: {len(best)} steps, pieces of {size}: {len(found)} of "
            f"{len(tries)} still differ")
        if not found and size == 1 and not together:
            break
        if not found:
            size, together = max(1, size // 2), set()
            continue
        together = set().union(*(tries[s.name][1] for s, _ in found if s.name != "all.weir"))
        shortest, difference = min(found, key=lambda f: (f[1].index, len(f[0].steps)))
        # what comes after the first difference matters no more
        best = tries[shortest.name][0][:difference.index + 1]
        together &= set(best)
        size = max(1, min(size, len(best) // 4))
    return scenario.with_steps(scenario.name, [steps[n] for n in best]), difference
