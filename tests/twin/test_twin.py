#!/usr/bin/env python3
"""The harness itself: needs neither QEMU nor a kernel nor the model."""

import sys
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from twinlib import generate, generate_pins, scenario, shrink, traces  # noqa: E402
from twinlib.scenario import Scenario  # noqa: E402

TEXT = """\
# a comment
nodes 2
write 2M/nr_hugepages 4 -> 4/4/0/0
task A
A map m 2   # and another
expect on 6.12+ 4/4/2/0
A touch m -> on 6.1 ok
"""


class TestScenario(unittest.TestCase):
    def test_parse_keeps_setup_and_steps_only(self):
        s = Scenario.parse("x", TEXT)
        self.assertEqual(s.setup, ["nodes 2"])
        self.assertEqual(s.steps, ["write 2M/nr_hugepages 4", "task A", "A map m 2", "A touch m"])

    def test_host_of_nodes_and_of_node_lines(self):
        self.assertEqual(Scenario.parse("x", "nodes 2\n").host(), (("1G", "1G"), (1, 1)))
        s = Scenario.parse("x", "node 0 memory=3G cpus=0-1,4\nnode 1 memory=512M\n")
        self.assertEqual(s.host(), (("3G", "512M"), (3, 1)))

    def test_expectations_stay_with_their_step(self):
        s = Scenario.parse("x", TEXT)
        self.assertEqual(s.expects, {1: ["4/4/0/0"], 3: ["on 6.12+ 4/4/2/0"], 4: ["on 6.1 ok"]})
        self.assertEqual(Scenario.parse("x", s.text()).expects, s.expects)
        self.assertEqual(s.with_steps("y", s.steps[:2]).expects, {})

    def test_zones_choose_the_guest(self):
        movable = "node 0 memory=1G\nzone 0 DMA32 managed=117421 free=9\n" \
                  "zone 0 Movable managed=126467 free=9\ntask A\n"
        s = Scenario.parse("x", movable)
        self.assertEqual(s.guest(), ("amd64", "movablecore=512M"))
        self.assertEqual(s.with_zones(["zone 0 DMA managed=1 free=1"]).zones(),
                         [{"name": "DMA", "managed": "1", "free": "1"}])
        cma = "zone 0 DMA managed=247923 free=9 cma=65536\ntask A\n"
        self.assertEqual(Scenario.parse("x", cma).guest(), ("arm64", "cma=256M"))
        self.assertEqual(Scenario.parse("x", TEXT).guest(), ("amd64", ""))

    def test_prune_drops_what_depends_on_what_is_gone(self):
        steps = ["task A", "A map m 2", "A fork B", "B touch m", "B exit", "B touch m",
                 "mount M", "create M/f", "A map n 1 file=M/f", "A touch n"]

        def kept(gone):
            left = scenario.prune(steps, [i for i in range(len(steps)) if i not in gone])
            return [steps[i] for i in left]

        self.assertEqual(kept(()), steps[:5] + steps[6:])
        self.assertEqual(kept((1,)), ["task A", "A fork B", "B exit", *steps[6:]])
        self.assertEqual(kept((2, 6)), ["task A", "A map m 2"])
        self.assertEqual(kept((0,)), ["mount M", "create M/f"])


class TestGenerate(unittest.TestCase):
    def test_same_seed_same_text(self):
        self.assertEqual(generate.make(7, 300, 2), generate.make(7, 300, 2))
        self.assertNotEqual(generate.make(7, 300, 2), generate.make(8, 300, 2))

    def test_names_hold_and_length_is_exact(self):
        for seed in range(60):
            s = Scenario.parse("x", generate.make(seed, 300, 1 + seed % 3, faults=seed % 2,
                                                  gigantic=seed % 5 == 0))
            self.assertEqual(len(s.steps), 300)
            self.assertEqual(len(scenario.prune(s.steps, range(300))), 300, seed)

    def test_pins_hold_names_and_length(self):
        for seed in range(40):
            text = generate_pins.make(seed, 200, ("movable", "cma")[seed % 2], odd=seed % 3 == 0)
            s = Scenario.parse("x", text)
            self.assertEqual(text, generate_pins.make(seed, 200, ("movable", "cma")[seed % 2],
                                                      odd=seed % 3 == 0))
            self.assertEqual(len(s.steps), 200)
            self.assertEqual(len(scenario.prune(s.steps, range(200))), 200, seed)

    def test_live_forks_no_private_mappings(self):
        for seed in range(40):
            private, relatives = set(), set()
            for step in generate.make(seed, 300, 1, 2, live=True).splitlines():
                words = step.split()
                if words[0] == "mount":
                    self.assertFalse(" size=" in step and " min_size=" in step, step)
                elif words[1:2] == ["map"]:
                    if "shared" not in words:
                        private.add(words[0])
                        self.assertNotIn(words[0], relatives, (seed, step))
                elif words[1:2] == ["exit"]:
                    private.discard(words[0])
                    relatives.discard(words[0])
                elif words[1:2] == ["fork"]:
                    self.assertNotIn(words[0], private, (seed, step))
                    relatives |= {words[0], words[2]}


class TestTraces(unittest.TestCase):
    def test_parse_headers_remarks_and_steps(self):
        found = traces.parse("== /s/a.weir\n0 | start | ok\n1 | task A | ok | A 0\n# bug x\n"
                             "== b.weir skipped: unclean: 2 pages\n")
        self.assertEqual(found["a.weir"].steps, [("task A", "ok | A 0")])
        self.assertEqual(found["a.weir"].remarks, [(1, "bug x")])
        self.assertTrue(found["b.weir"].skipped.startswith("unclean"))

    def test_compare_finds_the_first_difference(self):
        a = traces.Trace(steps=[("x", "ok"), ("y", "ok | 2M 4/4/0/0 max 4"), ("z", "ok")])
        b = traces.Trace(steps=[("x", "ok"), ("y", "ok | 2M 4/3/0/0 max 4"), ("z", "no")])
        self.assertIsNone(traces.compare(a, a))
        self.assertEqual(traces.compare(a, b).index, 1)
        self.assertIn("'2M 4/4/0/0 max 4'", traces.compare(a, b).text("6.12"))

    def test_compare_ends_where_memory_does(self):
        a = traces.Trace(steps=[("x", "ok | 2M 450/1/0/0 max 4"), ("z", "ok")])
        b = traces.Trace(steps=[("x", "ok | 2M 460/1/0/0 max 4"), ("z", "no")])
        self.assertIsNone(traces.compare(a, b))

    def test_parse_zones_apart_from_remarks(self):
        found = traces.parse("== a.weir\n# zone 0 DMA managed=1 free=1\n# x\n0 | start | ok\n")
        self.assertEqual(found["a.weir"].zones, ["zone 0 DMA managed=1 free=1"])
        self.assertEqual(found["a.weir"].remarks, [(0, "x")])

    def test_compare_zones_about(self):
        line = "ok | 2M 4/4/0/0 max 4 | zone n0.DMA {}/9 {}/0 | file M/f 1/0 | A 2 m 01../{}"
        a = line.format(5000, 4, 2)
        self.assertTrue(traces.is_same(a, line.format(5900, 4, 2)))
        self.assertFalse(traces.is_same(a, line.format(50000, 4, 2)))
        self.assertTrue(traces.is_same(a, line.format(5000, 9, 9)))
        self.assertFalse(traces.is_same(a, line.format(5000, 40, 2)))
        self.assertFalse(traces.is_same(a, line.format(5000, 4, 30)))
        b = a.replace("5000/9", "5000/0")
        self.assertTrue(traces.is_same(b, line.format(5900, 4, 2).replace("/9", "/0")))
        self.assertFalse(traces.is_same(b, line.format(5000, 5, 2).replace("/9", "/0")))
        self.assertFalse(traces.is_same(a, a.replace("4/4", "4/3")))
        self.assertFalse(traces.is_same(a, a.replace("01..", "00..")))
        self.assertFalse(traces.is_same(a, a.replace("M/f 1/0", "M/f 1/1")))
        self.assertFalse(traces.is_same(a, a.replace(" | zone n0.DMA 5000/9 4/0", "")))

    def test_compare_of_a_kernel_that_stops(self):
        a = traces.Trace(steps=[("x", "ok"), ("y", "ok")])
        b = traces.Trace(steps=[("x", "ok")])
        self.assertEqual(traces.compare(a, b).index, 1)
        b.cut = True
        self.assertIsNone(traces.compare(a, b))
        b.died = "the guest died"
        self.assertEqual(traces.compare(a, b).kernel, "the guest died")


class Side:
    """Prints the steps; one that comes after all of `cause` is wrong."""

    def __init__(self, cause=(), wrong=None):
        self.cause, self.wrong, self.played = list(cause), wrong, 0

    def play(self, _kernel, scenarios, _parts=1):
        found = {}
        for s in scenarios:
            self.played += 1
            seen, trace = set(), traces.Trace()
            for step in s.steps:
                bad = step == self.wrong and seen >= set(self.cause)
                trace.steps.append((step, "wrong" if bad else "ok"))
                seen.add(step)
            found[s.name] = trace
        return found


class TestShrink(unittest.TestCase):
    def test_finds_the_steps_that_matter(self):
        steps = ["task A"] + [f"A map m{i} 1" for i in range(200)] + ["A touch m7", "A exit"]
        whole = Scenario("s.weir", ["nodes 1"], steps)
        model, other = Side(), Side(["A map m90 1", "A map m3 1"], "A touch m7")
        (_, difference), = shrink.differing(model, other, "k", [whole])
        short, difference = shrink.shrink(model, other, "k", whole, difference)
        self.assertEqual(short.steps, ["task A", "A map m3 1", "A map m7 1", "A map m90 1",
                                       "A touch m7"])
        self.assertEqual(difference.index, 4)


if __name__ == "__main__":
    unittest.main()
