"""planslib: judges what plans.c prints: each plan that was carried out left what it
predicted, each that was refused left all as it was."""

import json
import re
from collections import Counter
from dataclasses import dataclass, field

# what `weir set` may say of a wish that no host could have, or this one not
USAGE = re.compile(r"there are \d+ to take from|this kernel counts the surplus pages of|"
                   r"want different things of the same pages")
# up to 6.6 a node's file has no number for it: said, and nothing done
OLD_KERNEL = re.compile(r"undo: this kernel counts the surplus pages of")


@dataclass
class Plan:
    number: int = 0
    did: list = field(default_factory=list)
    before: dict = field(default_factory=dict)  # (size, node or "all") -> numbers
    after: dict = field(default_factory=dict)
    command: str = ""
    status: int = -1
    output: str = ""


def read_plans(text):
    """The plans of a run; ValueError when it broke off."""
    plans, plan, lines = [], None, iter(text.splitlines())
    for line in lines:
        key, _, rest = line.partition(" ")
        if key == "plan":
            plan = Plan(int(rest))
            plans.append(plan)
        elif key == "did":
            plan.did.append(rest)
        elif key in ("before", "after"):
            size, node, *numbers = rest.split()
            getattr(plan, key)[int(size), node] = tuple(map(int, numbers))
        elif key == "command":
            plan.command = rest
        elif key == "status":
            plan.status = int(rest)
        elif key == "output":
            out = []
            for line in lines:
                if line == ".":
                    break
                out.append(line)
            plan.output = "\n".join(out)
        elif key == "end":
            return plans
    raise ValueError(f"the run broke off in plan {len(plans)}: {text[-300:]}")


def written(pools):
    """Of the counters those that only writes change: pages, surplus, the limit."""
    return {key: (n[0], n[2]) + n[4:] for key, n in pools.items()}


def expected(document):
    pools = {}
    for pool in document["expected"]:
        size = pool["size_bytes"]
        pools[size, "all"] = (pool["pages"], pool["surplus"], pool["overcommit"])
        for node in pool["nodes"]:
            pools[size, str(node["node"])] = (node["pages"], node["surplus"])
    return pools


def document_of(plan):
    """The JSON in what was printed; what stands before and behind it are messages."""
    found = re.search(r"^\{.*^\}", plan.output, re.M | re.S) or \
        re.search(r"\{.*\}", plan.output, re.S)
    return json.loads(found[0]) if found else None


def differences(want, got):
    return "; ".join(f"{key}: {want.get(key)} expected, {got.get(key)} there"
                     for key in sorted(set(want) | set(got), key=str)
                     if want.get(key) != got.get(key))


def outside_of_stated(document):
    """A growth that fell short: is what came within what the plan had said of it?"""
    result = document["result"]
    if result["failed_op"] is None:
        return ""
    op = document["ops"][result["failed_op"]]
    least, most, got = op["after_at_least"], op["after_at_most"], op["before"] + result["got"]
    return "" if least <= got <= most else \
        f"{op['size_bytes'] >> 20}M node {op['node']}: {got} there, {least} to {most} stated"


def judge(plan):
    """(what became of it, what is wrong or None)"""
    before, after = written(plan.before), written(plan.after)
    moved = differences(before, after)
    if plan.status in (1, 2, 3, 5):
        word = {1: "failed", 2: "not possible", 3: "nothing to undo", 5: "refused"}
        if moved:
            return word[plan.status], f"exit {plan.status}, and it changed {moved}"
        if plan.status == 1 and OLD_KERNEL.search(plan.output):
            return "not possible", None
        if plan.status == 1 or plan.status == 2 and not USAGE.search(plan.output):
            return "failed", f"exit {plan.status}: {plan.output.strip()}"
        return word[plan.status], None
    if plan.status not in (0, 4):
        return "failed", f"exit status {plan.status}: {plan.output.strip()}"
    seen = document_of(plan)
    result = seen["result"]
    if result is None:
        return "nothing to do", f"nothing to do, and it changed {moved}" if moved else None
    there = differences(expected(seen), after)
    outside = outside_of_stated(seen)
    if plan.status == 0:
        if result["end"] != "done" or not result["exact"]:
            return "done", f"exit 0, end {result['end']}, exact {result['exact']}: {there}"
        return "done", there or None
    if outside:
        return "outside", f"{outside}: {result['reason']}"
    if result["end"] == "undone":
        return "undone, as stated", f"undone, but {moved}" if moved else None
    if result["end"] == "kept" and "--keep-partial" in plan.command:
        return "kept, as stated", None
    return result["end"], f"{result['end']}: {result['reason']}: {there}"


def judge_run(text, show=print):
    """Judges a run. (Counter of ends, number of wrong plans)"""
    counts, wrong = Counter(), 0
    for plan in read_plans(text):
        end, why = judge(plan)
        counts[end] += 1
        if why:
            wrong += 1
            show(f"# plan {plan.number}: {plan.command}")
            show(f"#   {why}")
            for did in plan.did:
                show(f"#   before it: {did}")
            for key, numbers in plan.before.items():
                show(f"#   was {key}: {numbers}")
    return counts, wrong


def words(counts):
    return ", ".join(f"{n} {end}" for end, n in sorted(counts.items()))
