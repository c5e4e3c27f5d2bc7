"""The shortest scenario that still differs.

Delta debugging, a round of candidates at a time, because a boot costs as much as a
thousand steps. A candidate is the scenario without one piece; when several pieces can go
each for itself, all of them together are tried in the next round.
"""

import time

from . import traces
from .players import play_both
from .scenario import prune

CANDIDATES_MAX, CANDIDATES_MIN = 48, 8  # of a round
ROUND_MAX_S = 45  # where each try needs a boot of its own, rounds become smaller
SECONDS_MAX = 240  # begins no round after it


def differing(model, other, kernel, scenarios, parts=1):
    """[(scenario, Difference)] of those that differ."""
    scenarios, ours, theirs = play_both(model, other, kernel, scenarios, parts)
    found = []
    for scenario in scenarios:
        if theirs[scenario.name].skipped:
            continue
        difference = traces.compare(ours[scenario.name], theirs[scenario.name])
        if difference:
            found.append((scenario, difference))
    return found


def _candidates(steps, best, pieces, together):
    """name -> (numbers of its steps, numbers taken away)."""
    wanted = {f"c{i:03}.weir": set(piece) for i, piece in enumerate(pieces)}
    if together:
        wanted["all.weir"] = together
    tries = {}
    for name, gone in wanted.items():
        kept = prune(steps, [n for n in best if n not in gone])
        if 0 < len(kept) < len(best):
            tries[name] = (kept, gone)
    return tries


def shrink(model, other, kernel, scenario, difference, say=lambda text: None, parts=1):
    """(scenario, difference) of the shortest that was found. @parts: guests at a time."""
    steps = scenario.steps
    best = list(range(min(len(steps), difference.index + 1)))
    size, at, together, limit = max(1, len(best) // 8), 0, set(), CANDIDATES_MAX
    end = time.monotonic() + SECONDS_MAX
    while time.monotonic() < end:
        started = time.monotonic()
        pieces = [best[i:i + size] for i in range(0, len(best), size)]
        tries = _candidates(steps, best, pieces[at:at + limit], together)
        found = differing(model, other, kernel, [
            scenario.with_steps(name, [steps[n] for n in kept])
            for name, (kept, _) in tries.items()], parts) if tries else []
        say(f"{len(best)} steps, pieces of {size} from {at}: {len(found)} of {len(tries)} "
            f"still differ")
        if time.monotonic() - started > ROUND_MAX_S:
            limit = max(CANDIDATES_MIN, limit // 2)
        together = set().union(*(tries[s.name][1] for s, _ in found if s.name != "all.weir"))
        if found:
            shortest, difference = min(found, key=lambda f: (f[1].index, len(f[0].steps)))
            # what comes after the first difference matters no more
            best = tries[shortest.name][0][:difference.index + 1]
            together &= set(best)
            size, at = max(1, min(size, len(best) // 4)), 0
        elif at + limit < len(pieces):
            at += limit
        elif size > 1:
            size, at = size // 2, 0
        else:
            break
    return scenario.with_steps(scenario.name, [steps[n] for n in best]), difference
