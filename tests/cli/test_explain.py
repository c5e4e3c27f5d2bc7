#!/usr/bin/env python3
"""test_explain.py WEIR: `weir explain` over modelled hosts: the right cause, the right
holder, the right number, for what administrators measured and asked. TAP."""

import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WEIR = str(Path(sys.argv[1]).resolve())

# a VM's file of 512 pages, 209 of them touched, and then `echo 0`
FILE = """node 0 memory=4G cpus=0
write 2M/nr_hugepages 1000
mount M pagesize=2M
create M/ram
task qemu
qemu open M/ram
truncate M/ram 512
qemu map ram 512 shared file=M/ram
qemu touch ram 0 209
write 2M/nr_hugepages 0
"""
# mapped and never touched, then `echo 0`
UNTOUCHED = """node 0 memory=2G cpus=0
write 2M/nr_hugepages 100
task vm
vm map ram 100
write 2M/nr_hugepages 0
"""
MINIMUM = """node 0 memory=1G cpus=0
write 2M/nr_hugepages 5
mount M pagesize=2M min_size=2M
write 2M/nr_hugepages 0
"""
TWO_NODES = """node 0 memory=1G cpus=0
node 1 memory=1G cpus=1
write 2M/nr_hugepages 100
task a
a map x 30
a touch x
task b
b map y 20
"""
OVERCOMMIT = """node 0 memory=1G cpus=0
write 2M/nr_overcommit_hugepages 8
task a
a map x 5
a touch x
"""
# a host, the question, what must be said (each a piece of the text), the exit status
CASES = [
    ("F2", FILE, [], ["512 pages of 2M: 209 in use, 303 free",
                      "a newcomer can have 0",
                      "209 in use: the file /mnt/M/ram of process 1000 (qemu).",
                      "303 promised, not touched yet: the file /mnt/M/ram",
                      "512 of the pages are surplus, beyond the overcommit limit of 0",
                      "/proc/sys/vm/nr_hugepages says 0 and sysfs 512"], 0),
    ("F3", UNTOUCHED, [], ["100 pages of 2M: 0 in use, 100 free",
                           "100 promised, not touched yet: private memory of process 1000 (vm)",
                           "100 of the pages are surplus"], 0),
    ("F4", MINIMUM, [], ["1 page of 2M", "1 page is kept by the minimum of the mount /mnt/M",
                         "never falls below"], 0),
    ("one node", TWO_NODES, ["pool", "2M", "node0"],
     ["Node 0: 50 pages, 20 free, 0 surplus.", "30 in use: private memory of process 1000 (a)",
      "20 promised, not touched yet: private memory of process 1001 (b)"], 0),
    ("a process", TWO_NODES, ["process", "1001"],
     ["process 1001 (b) holds huge pages.",
      "It maps 20 pages of 2M in private memory", "0 are there, 20 more are promised"], 0),
    ("a process that holds nothing", TWO_NODES, ["process", "4242"], [], 3),
    ("shrink to nothing", TWO_NODES, ["write", "2M", "0"],
     ["It would take 50 free pages out of the pool, and give back 100M.",
      "50 pages that are in use (30) or promised (20) cannot go",
      "Afterwards: total 50, free 20, reserved 20, surplus 50."], 0),
    ("shrink one node", TWO_NODES, ["write", "2M", "5", "node1"],
     ["Node 1 goes from 50 to", "Afterwards: total"], 0),
    ("grow beyond memory", TWO_NODES, ["write", "2M", "10000"],
     ["It would succeed, and give 924 pages of 2M more (1.8G), not the 9900"], 0),
    ("grow", TWO_NODES, ["write", "2M", "110"],
     ["It would give 10 pages of 2M more, and take 20M of memory"], 0),
    ("no change", TWO_NODES, ["write", "2M", "100"], ["Nothing would change"], 0),
    ("overcommit", OVERCOMMIT, ["pool", "2M"],
     ["5 of the pages are surplus: made when the pool was used up, within the overcommit "
      "limit of 8"], 0),
    ("no such size", TWO_NODES, ["pool", "4M"], [], 1),
    ("no such node", TWO_NODES, ["pool", "2M", "node7"], [], 1),
    ("nonsense", TWO_NODES, ["frogs"], [], 2),
    ("size is no size", TWO_NODES, ["pool", "2Mfoo"], [], 2),
    ("number is none", TWO_NODES, ["write", "2M", "-3"], [], 2),
    ("too many words", TWO_NODES, ["process", "1", "2"], [], 2),
]


SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
MANUAL = Path(__file__).resolve().parents[2] / "man" / "weir-explain.1.scd"
DEFAULT = "6.12"


def cut(name, step="", nth=1, kernel=""):
    """A scenario of tests/scenarios up to its nth step that begins so, and with it; without a
    step all of it."""
    lines = [f"kernel {kernel}"] if kernel else []
    for line in (SCENARIOS / f"{name}.weir").read_text().splitlines():
        lines.append(line.split(" ->")[0])
        nth -= bool(step) and line.startswith(step)
        if not nth:
            return "\n".join(lines) + "\n"
    if step:
        sys.exit(f"{name}: no such step: {step}")
    return "\n".join(lines) + "\n"


PRIVATE_A = "private memory of process 1000 (A)"
# Scenarios of the manual's shrinks and reservations, at the step where a person asks.
SHRINKS = [
    ("S05 before", cut("S05", "A touch"), ["write", "2M", "1"],
     ["It would take 4 free pages out of the pool", "3 pages that are in use (2) or promised (2)",
      f"2 in use and 2 promised: {PRIVATE_A}.",
      "Afterwards: total 4, free 2, reserved 2, surplus 3."], 0),
    ("S05 after", cut("S05", "write 2M/nr_hugepages 1"), [],
     ["4 pages of 2M: 2 in use, 2 free", "a newcomer can have 0", f"2 in use: {PRIVATE_A}.",
      f"2 promised, not touched yet: {PRIVATE_A}",
      "3 of the pages are surplus, beyond the overcommit limit of 0", "down to the 1 that"], 0),
    ("S06 before", cut("S06", "A map"), ["write", "2M", "0"],
     ["It would take 3 free pages", "5 pages that are in use (0) or promised (5) cannot go",
      f"0 in use and 5 promised: {PRIVATE_A}."], 0),
    ("S06 surplus first", cut("S06", "write 2M/nr_hugepages 0"), ["write", "2M", "3"],
     ["No page would come or go; 3 surplus pages would count as asked for.",
      "Afterwards: total 5, free 5, reserved 5, surplus 2."], 0),
    ("S06 surplus, then memory", cut("S06", "A touch"), ["write", "2M", "6"],
     ["It would give 1 page of 2M more", "2 surplus pages that are there already would count",
      "Afterwards: total 6, free 1, reserved 0, surplus 0."], 0),
    ("S07 within the limit", cut("S07", "A touch"), [],
     ["4 pages of 2M: 4 in use, 0 free: nothing for a newcomer.",
      "2 of the pages are surplus: made when the pool was used up, within the overcommit limit "
      "of 4", "up to 2 more are made on demand"], 0),
    ("S07 limit used up", cut("S07", "A map y"), ["pool", "2M"],
     ["The overcommit limit of 4 is used up by the 4 surplus pages",
      "does not grow by itself"], 0),
    ("S09 limit lowered", cut("S09", "write 2M/nr_overcommit_hugepages 0"), [],
     ["3 of the pages are surplus, beyond the overcommit limit of 0",
      "the pool was made smaller, or the limit was",
      f"3 promised, not touched yet: {PRIVATE_A}"], 0),
    ("S15 promise kept", cut("S15", "A dontneed", kernel="6.12"), [],
     ["1 in use, 3 free. Of the free ones 2 are promised", f"2 promised, not touched yet: "
      f"{PRIVATE_A}, which has touched some"], 0),
    ("S15 promise lost", cut("S15", "A dontneed", kernel="6.1"), [],
     ["1 in use, 3 free, and a newcomer can have all of these"], 0),
    ("S15 what a shrink takes", cut("S15", "A dontneed", kernel="6.12"), ["write", "2M", "0"],
     ["It would take 1 free page out", f"1 in use and 2 promised: {PRIVATE_A}.",
      "Afterwards: total 3, free 2, reserved 2, surplus 3."], 0),
    ("S15 what it takes then", cut("S15", "A dontneed", kernel="6.1"), ["write", "2M", "0"],
     ["It would take 3 free pages out", "Afterwards: total 1, free 0, reserved 0, surplus 1."],
     0),
    ("S33", cut("S33", "write 2M/nr_hugepages 2"), [],
     ["4 pages of 2M: 0 in use, 4 free. Of the free ones 4 are promised", "can have 0",
      f"4 promised, not touched yet: {PRIVATE_A}.", "2 of the pages are surplus",
      "says 2 and sysfs 4"], 0),
    ("S33 before", cut("S33", "A map m"), ["write", "2M", "2"],
     ["It would take 2 free pages", "2 pages that are in use (0) or promised (4)",
      "total 4, free 4, reserved 4, surplus 2"], 0),
    ("S34 trapped", cut("S34", "write 2M/nr_hugepages 1"), [],
     ["3 of the pages are surplus, beyond the overcommit limit of 0", f"4 in use: {PRIVATE_A}."],
     0),
    ("S34 a shrink's surplus counts", cut("S34", "A map x"), ["pool", "2M"],
     ["The overcommit limit of 4 is used up by the 4 surplus pages, those that a shrink left "
      "counted in"], 0),
    ("S46", cut("S46", "A touch n"), ["pool", "2M"],
     ["4 pages of 2M: 1 in use, 3 free. Of the free ones 3 are promised", "can have 0",
      "The overcommit limit of 2 is used up by the 2 surplus pages"], 0),
    ("N10 node 0, 6.12", cut("N10", "write 2M/nr_hugepages 2", kernel="6.12"),
     ["write", "2M", "1", "node0"],
     ["Nothing would change", "Afterwards: total 5, free 0, reserved 0, surplus 3."], 0),
    ("N10 node 0, 6.6", cut("N10", "write 2M/nr_hugepages 2", kernel="6.6"),
     ["write", "2M", "1", "node0"],
     ["1 surplus page would count as asked for",
      "Afterwards: total 5, free 0, reserved 0, surplus 2."], 0),
    ("N10 by --kernel", cut("N10", "write 2M/nr_hugepages 2", kernel="6.12"),
     ["--kernel", "6.6", "write", "2M", "1", "node0"],
     ["Afterwards: total 5, free 0, reserved 0, surplus 2."], 0),
    ("N10 node 1", cut("N10", "write 2M/node0", kernel="6.12"), ["write", "2M", "3", "node1"],
     ["It would give 1 page of 2M more", "Node 1 goes from 2 to 3 pages.",
      "Afterwards: total 6, free 1, reserved 0, surplus 2."], 0),
    ("N10 who is where", cut("N10", "write 2M/nr_hugepages 2"), ["pool", "2M", "node1"],
     ["Node 1: 2 pages, 0 free, 1 surplus",
      "2 in use: private memory of process 1001 (B)."], 0),
    ("N12, 6.12", cut("N12", "write 2M/nr_hugepages 0", kernel="6.12"),
     ["write", "2M", "2", "node0"],
     ["No page would come or go; 2 surplus pages would count as asked for.", "surplus 1."], 0),
    ("N12, 6.1", cut("N12", "write 2M/nr_hugepages 0", kernel="6.1"),
     ["write", "2M", "2", "node0"],
     ["Afterwards: total 4, free 1, reserved 0, surplus 1.", "1 page of 2M more"], 0),
    ("N12 a free page on top", cut("N12", "write 2M/node0", kernel="6.1"), ["write", "2M", "0"],
     ["No page would leave the pool: of 4 3 are in use",
      "1 free page would stay as well: as many as are in use or promised are kept, and the "
      "surplus that is there already (1) comes on top."], 0),
    ("a target that wraps", cut("node-with-more-surplus-than-pages", "write 2M/nr_hugepages 0",
                                kernel="6.12"), ["write", "2M", "0", "node1"],
     ["all that there is: node 1 has more surplus than pages", "(a bug)"], 0),
    ("N02", cut("N02", "write 2M/node1"), ["write", "2M", "9"],
     ["It would give 4 pages of 2M more", "Node 0 goes from 4 to 6 pages.",
      "Node 1 goes from 1 to 3 pages."], 0),
    ("N02 taking in turns", cut("N02", "write 2M/nr_hugepages 5"), ["write", "2M", "8"],
     ["It would give 3 pages of 2M more", "Node 0 goes from 4 to between 5 and 6 pages.",
      "Node 1 goes from 1 to between 2 and 3 pages.", "take turns"], 0),
    ("T04", cut("T04", "A touch"), ["write", "2M", "1"],
     ["No page would leave the pool: of 6 6 are in use and 0 promised.",
      "5 pages that are in use (6)", f"6 in use and 0 promised: {PRIVATE_A}.",
      "Afterwards: total 6, free 0, reserved 0, surplus 5."], 0),
    ("F15 while it is mapped", cut("F15", "A touch"), [],
     ["4 in use: the file /mnt/M/f of process 1000 (A).", "overcommit limit of 3 is used up"], 0),
    # a scenario's host does not list the files of its mounts: TREES has who keeps it
    ("F15 a file outlives its users", cut("F15", "A unmap"), [],
     ["4 in use and 0 promised pages have a holder that is not seen",
      "3 of the pages are surplus: made when the pool was used up, within the overcommit limit "
      "of 3", "overcommit limit of 3 is used up"], 0),
    ("F15 before the growth", cut("F15", "A unmap"), ["write", "2M", "3"],
     ["2 surplus pages would count as asked for", "surplus 1."], 0),
    ("F15 who keeps it", cut("F15", "A unmap"), ["write", "2M", "0"],
     ["1 page that is in use (4)", "4 in use and 0 promised: by a holder that is not seen."], 0),
    ("P04 minimum alone", cut("P04", "mount"), ["write", "2M", "0"],
     ["It would take 6 free pages", "4 pages that are in use (0) or promised (4) cannot go",
      "4 are promised to the minimum of the mount /mnt/M (min_size=): stays, or comes back"], 0),
    ("P04 minimum used by a file", cut("P04", "A map x"), [],
     ["10 pages of 2M: 2 in use, 8 free. Of the free ones 4 are promised",
      "2 in use: the file /mnt/M/f of process 1000 (A).",
      "4 promised, not touched yet: the file /mnt/M/f of process 1000 (A)"], 0),
    ("P04 minimum filled again", cut("P04", "unlink"), [],
     ["10 pages of 2M: 0 in use, 10 free. Of the free ones 4 are promised",
      "4 pages are kept by the minimum of the mount /mnt/M (min_size=)"], 0),
    ("F03 hole by truncate", cut("F03", "truncate M/f 2"), [],
     ["10 pages of 2M: 2 in use, 8 free, and a newcomer can have all of these.",
      "2 in use: the file /mnt/M/f of process 1000 (A)."], 0),
    ("F04 hole by punch", cut("F04", "A punch"), [],
     ["10 pages of 2M: 2 in use, 8 free. Of the free ones 2 are promised", "can have 6"], 0),
    ("F04 what a shrink takes", cut("F04", "A punch"), ["write", "2M", "0"],
     ["It would take 6 free pages", "4 pages that are in use (2) or promised (2) cannot go",
      "Afterwards: total 4, free 2, reserved 2, surplus 4."], 0),
    ("F2 with prealloc, holes punched", cut("field-F2", "R punch"), [],
     ["1000 pages of 2M: 259 in use, 741 free, and a newcomer can have all of these."], 0),
]
POLICY = cut("field-F5", "A policy")
GIGANTIC = """node 0 memory=3G
write 1G/nr_hugepages 2
"""
FIELD = [
    ("F5", POLICY, ["write", "2M", "200", "mempolicy", "1"],
     ["200 is the number of all nodes together, in nr_hugepages_mempolicy too",
      "the policy only says on which nodes pages come and go (node 1). Afterwards there are 0 "
      "pages on node 1.", "It would take 500 free pages out of the pool",
      "Node 1 goes from 500 to 0 pages.",
      "For 200 pages on node 1: echo 200 > /sys/devices/system/node/node1/hugepages/"
      "hugepages-2048kB/nr_hugepages ('weir explain write 2M 200 node1')."], 0),
    ("F5 growth", POLICY, ["write", "2M", "1100", "mempolicy", "node1"],
     ["It would give 100 pages of 2M more", "Afterwards there are 600 pages on node 1."], 0),
    ("F5 two nodes", POLICY, ["write", "2M", "200", "mempolicy", "0-1"],
     ["(nodes 0-1). Afterwards there are 200 pages on nodes 0-1.",
      "Node 0 goes from 500 to 100 pages."], 0),
    ("F5 what was meant", POLICY, ["write", "2M", "200", "node1"],
     ["It would take 300 free pages", "Node 1 goes from 500 to 200 pages."], 0),
    ("F5 no change", POLICY, ["write", "2M", "1000", "mempolicy", "1"],
     ["1000 is the number of all nodes together", "Nothing would change.",
      "For 1000 pages on node 1"], 0),
    ("F5 the nodes not asked", POLICY, ["write", "2M", "5000", "mempolicy", "1"],
     ["It would succeed, and give 524 pages of 2M more (1G), not the 4000",
      "Other nodes are not asked; node 0 could give 524 more."], 0),
    ("F6 shrink", GIGANTIC, ["write", "1G", "1"],
     ["It would take 1 free page out of the pool, and give back 1G.",
      "To get pages of 1G back later may fail: each needs a contiguous range of 1G",
      "hugepagesz=1G hugepages=N"], 0),
    ("F6 no warning for 2M", TWO_NODES, ["write", "2M", "50"], ["It would take 50 free"], 0),
    ("F6 growth that cannot be", cut("field-F6", "write 2M"), ["write", "1G", "2"],
     ["It would succeed, and give 1 page of 1G more (1G), not the 2 that are asked for",
      "Node 0, zone Normal: only 48M are free, less than a page of 1G",
      "At most 1 such range could be wholly free now (zone Normal of node 0: 1): so much stands "
      "in free blocks of 4M, the largest that buddy lists know"], 0),
    ("F6 growth, all of it", GIGANTIC, ["write", "1G", "3"],
     ["It would give 1 page of 1G more, and take 1G of memory for them, if it finds the ranges.",
      "At most 1 such range"], 0),
    ("F6 what there could be", GIGANTIC, ["pool", "1G"],
     ["Node 0 could give 1 more of them at most", "At most 1 such range"], 0),
    ("F6 from the CMA nothing", """node 0 memory=4G
zone 0 Normal managed=1000000 free=900000 cma=700000 free_cma=700000
""", ["write", "1G", "1"],
     ["give no page of 1G, where 1 more is asked for", "Node 0, zone Normal: 3.4G are free, but "
      "2.6G of it in the CMA, which gives no pages of 1G."], 0),
    ("F7 a process", cut("field-F7", "A map g"), ["process", "1000"],
     ["It has pages of several sizes: each mapping has one of them (MAP_HUGE_2MB and "
      "MAP_HUGE_1GB do not mix), from the pool of that size.",
      "It maps 1 page of 1G", "It maps 4 pages of 2M"], 0),
    ("F7 pools", cut("field-F7", "A map g"), [],
     ["Each size has a pool of its own, and each mapping one size: free pages of one do not help "
      "a mapping of another."], 0),
]
FRAGMENTED = """node 0 memory=1G
zone 0 Normal managed=200000 free=100000 min=2000 low=2500 whole=5120
"""
# why a pool does not grow: a cause each
GROWTH = [
    ("fragmentation", FRAGMENTED, ["write", "2M", "100"],
     ["It would succeed, and give 10 pages of 2M more (20M), not the 100 that are asked for",
      "Node 0, zone Normal: 370M are free, but in pieces: no whole block of 2M is left.",
      "Compaction (echo 1 > /sys/devices/system/node/node0/compact) could make at most 181 of "
      "them: an estimate from above, of what is free, as if all that stands between were "
      "movable."], 0),
    ("fragmentation, before", FRAGMENTED, ["pool", "2M"],
     ["Node 0 could give about 10 more of them now (20M), from whole free blocks above the "
      "watermarks; at most 191 after compaction"], 0),
    ("watermark", """node 0 memory=1G
zone 0 Normal managed=200000 free=10240 min=9000 low=9500
""", ["write", "2M", "100"],
     ["give 2 pages of 2M more (4M), not the 100",
      "Node 0, zone Normal: 36M are free, and the kernel keeps them: 35.1M as its min watermark."],
     0),
    ("low memory", """node 0 memory=1G
zone 0 DMA32 managed=100000 free=20480 min=1000 low=1200 reserve=0,0,0,20000
zone 0 Movable managed=50000 free=1024 min=100 low=100
""", ["write", "2M", "100"],
     ["Node 0, zone DMA32: 80M are free, and the kernel keeps them: 3.9M as its min watermark, "
      "and 78.1M for those who can use no higher zone (lowmem_reserve).",
      "Of the new pages 0 would lie in the CMA and 1 in ZONE_MOVABLE"], 0),
    ("one node is full", """node 0 memory=1G
node 1 memory=1G
task hog cpu=0
hog policy bind 0
hog anon 1G
""", ["write", "2M", "700", "node0"],
     ["give no page of 2M, where 700 more are asked for",
      "Node 0, zone Normal: only 0 are free, less than a page of 2M: the memory is in use.",
      "Other nodes are not asked; node 1 could give 512 more."], 0),
    ("both nodes, one full", """node 0 memory=1G
node 1 memory=1G
task hog cpu=0
hog policy bind 0
hog anon 1G
""", ["write", "2M", "700"],
     ["give 512 pages of 2M more (1G), not the 700", "Node 0, zone Normal: only 0 are free",
      "Node 1 goes from 0 to 512 pages."], 0),
    ("CMA and movable", """node 0 memory=2G
zone 0 Normal managed=400000 free=200000 min=1000 low=1200 cma=102400 free_cma=102400
zone 0 Movable managed=100000 free=51200 min=100 low=100
""", ["write", "2M", "300"],
     ["It would give 300 pages of 2M more", "in the CMA and 99 in ZONE_MOVABLE: nothing is "
      "pinned for long there (VFIO, SEV)"], 0),
    ("overcommit off is not said", TWO_NODES, ["pool", "2M"], ["could give about 462"], 0),
    ("overcommit left", OVERCOMMIT, ["pool", "2M"],
     ["Beyond these, up to 3 more are made on demand, if there is memory (overcommit limit 8)."],
     0),
    ("many nodes in one sentence", "nodes 6\nwrite 2M/nr_hugepages 60\n",
     ["write", "2M", "99999"],
     ["give 3012 pages of 2M more", "The 6 nodes together have 0 free, and could give no more",
      "2 more nodes change likewise"], 0),
    ("as much as a number holds", TWO_NODES, ["write", "2M", "18446744073709551615"],
     ["give 924 pages of 2M more", "not the 18446744073709551515"], 0),
]
BAD = [
    ("too large a number", TWO_NODES, ["write", "2M", "18446744073709551616"],
     ["larger than any number"], 2),
    ("a number is missing", TWO_NODES, ["write", "2M"], ["too few words", "SIZE N"], 2),
    ("all is missing", TWO_NODES, ["write"], ["too few words"], 2),
    ("a size is missing", TWO_NODES, ["pool"], ["too few words"], 2),
    ("a process is missing", TWO_NODES, ["process"], ["too few words", "PID"], 2),
    ("a process is a name", TWO_NODES, ["process", "qemu"], ["no number"], 2),
    ("a policy without nodes", TWO_NODES, ["write", "2M", "1", "mempolicy"],
     ["nodes of the policy are missing"], 2),
    ("a policy of nonsense", TWO_NODES, ["write", "2M", "1", "mempolicy", "left"],
     ["no list of nodes"], 2),
    ("a policy of no nodes", TWO_NODES, ["write", "2M", "1", "mempolicy", ""],
     ["no list of nodes"], 2),
    ("a policy of a node that is not there", TWO_NODES, ["write", "2M", "1", "mempolicy", "0,7"],
     ["no such node", "0-1"], 1),
    ("a policy of node 64", TWO_NODES, ["write", "2M", "1", "mempolicy", "64"],
     ["nodes 0 to 63"], 2),
    ("a policy of a pool", TWO_NODES, ["pool", "2M", "mempolicy"], ["no node such as"], 2),
    ("two nodes", TWO_NODES, ["write", "2M", "1", "node0", "node1"], ["too many words"], 2),
    ("a write to a node that is not there", TWO_NODES, ["write", "2M", "1", "node7"],
     ["no such node", "0-1"], 1),
    ("a node beyond all", TWO_NODES, ["write", "2M", "1", "node99999"], ["no node such as"], 2),
    ("a write to a size that is not there", TWO_NODES, ["write", "3M", "1"],
     ["no pages of 3M; it has 2M, 1G"], 1),
    ("a size of nothing", TWO_NODES, ["write", "0", "1"], ["no page size"], 2),
    ("a kernel of nonsense", TWO_NODES, ["--kernel", "frog", "write", "2M", "1"],
     ["no kernel version"], 1),
    ("a kernel where it means nothing", TWO_NODES, ["--kernel", "6.1"],
     ["--kernel is for pool and write"], 2),
]

EVERYWHERE = {
    "proc/meminfo": "MemTotal: 4194304 kB\nMemFree: 2097152 kB\nHugepagesize: 2048 kB\n",
    "@/pagesize": "4096\n",
    "proc/sys/kernel/osrelease": "6.12.0\n",
    "proc/cpuinfo": "processor\t: 0\nvendor_id\t: GenuineIntel\nflags\t\t: fpu pse sse2\n",
    "sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages": "8\n",
    "sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages": "8\n",
    "sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages": "2\n",
    "sys/kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages": "0\n",
    "sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages": "0\n",
}
POOL_2M = "sys/kernel/mm/hugepages/hugepages-2048kB/"
LEFT_FILE = {
    POOL_2M + "free_hugepages": "6\n",
    "proc/self/mountinfo":
        "40 1 0:30 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=2M\n",
    "@/stat/dev/hugepages/left/@":
        "type file\nmode 0600\nuid 0\ngid 0\nsize 4194304\nblocks 8192\ndev 0:30\nino 6\n"
        "nlink 1\nmtime 5\n",
    "proc/sysvipc/shm": "key shmid perms size cpid lpid nattch uid rss\n",
}
# 2048 free pages at a watermark of 1900, and 100000 of page cache, clean but for the low mark
FULL_OF_CACHE = {
    "proc/meminfo": "MemTotal: 4194304 kB\nMemFree: 8192 kB\nHugepagesize: 2048 kB\n",
    "proc/zoneinfo": """Node 0, zone   Normal
  pages free     2048
        boost    0
        min      1900
        low      2000
        high     2100
        spanned  500000
        present  500000
        managed  500000
        cma      0
        protection: (0, 0, 0, 0)
      nr_free_pages 2048
      nr_zone_inactive_anon 0
      nr_zone_active_anon 0
      nr_zone_inactive_file 50000
      nr_zone_active_file 50000
      nr_zone_unevictable 0
      nr_free_cma  0
"""}
# what is changed in that tree (None: taken away), the question, what must be said, the status
TREES = [
    ("a CPU without 1G pages", {}, ["pool", "1G"],
     ["no pages of 1G", "its CPU cannot", "pdpe1gb", "it has 2M"], 1),
    ("a CPU that has them, a kernel that does not",
     {"proc/cpuinfo": "vendor_id\t: GenuineIntel\nflags\t\t: fpu pse pdpe1gb\n"},
     ["write", "1G", "1"], ["no pages of 1G; it has 2M"], 1),
    ("a CPU that does not tell", {"proc/cpuinfo": "processor\t: 0\n"}, ["pool", "1G"],
     ["no pages of 1G; it has 2M"], 1),
    ("the pool cannot be read", {POOL_2M + "nr_hugepages": None}, ["write", "2M", "1"],
     ["the pages of 2M are not known", "nr_hugepages: absent"], 1),
    ("the pool is garbled", {POOL_2M + "free_hugepages": "many\n"}, ["write", "2M", "1"],
     ["the pages of 2M are not known", "free_hugepages: malformed"], 1),
    ("reserved is not known", {POOL_2M + "resv_hugepages": None}, ["write", "2M", "1"],
     ["It would take 7 free pages", "Taken for granted: reserved pages of 2M are not known: "
      "taken as 0"], 0),
    ("reserved is not known, the counters", {POOL_2M + "resv_hugepages": None}, [],
     ["8 pages of 2M: 0 in use, 8 free. How many of these are promised is not known."], 0),
    ("free memory is not known",
     {"proc/meminfo": "MemTotal: 4194304 kB\nHugepagesize: 2048 kB\n"},
     ["pool", "2M"], ["How many more could be had is not known"], 0),
    ("F15 who keeps a file that nobody uses", LEFT_FILE, ["write", "2M", "0"],
     ["It would take 4 free pages", "2 in use and 0 promised: the file /dev/hugepages/left, which "
      "no process has open."], 0),
    ("F15 the same of the counters", LEFT_FILE, [],
     ["2 in use: the file /dev/hugepages/left, which no process has open."], 0),
    ("page cache stands in the way", FULL_OF_CACHE, ["write", "2M", "50"],
     ["give no page of 2M, where 42 more are asked for",
      "Node 0, zone Normal: 8M are free. Clean page cache given back (echo 1 > "
      "/proc/sys/vm/drop_caches), then compaction, could make at most 191 of them: an estimate "
      "from above."], 0),
    ("page cache, before", FULL_OF_CACHE, ["pool", "2M"],
     ["Clean page cache given back"], 0),
    ("no huge pages", {k: None for k in EVERYWHERE if k.startswith(POOL_2M)}, ["pool", "2M"],
     ["no huge pages"], 1),
]


def explain(host, *args):
    spec = str(host) if Path(host).is_dir() else f"scenario:{host}"
    done = subprocess.run([WEIR, "explain", "--host", spec, *args],
                          capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "COLUMNS": "100", "LC_ALL": "C"})
    return done.returncode, done.stdout, done.stderr


def try_case(host, question, pieces, status):
    code, out, err = explain(host, *question)
    if code != status:
        return f"exit status {code}, not {status}: {out}{err}"
    said = " ".join((err if status else out).split())
    for piece in pieces:
        if piece not in said:
            return f"{piece!r} is not in {said!r}"
    if status:
        return "" if err and not out else f"stdout {out!r}, stderr {err!r}"
    code, out, err = explain(host, "--json", *question)
    texts = " ".join(" ".join(s["text"] for s in json.loads(out)["sentences"]).split())
    return next((f"{piece!r} is not in the JSON" for piece in pieces if piece not in texts), "")


def try_tree(folder, changes, question, pieces, status):
    tree = folder / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for path, text in (EVERYWHERE | changes).items():
        if text is None:
            continue
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
    return try_case(tree, question, pieces, status)


# ---- what is predicted, and what then happens --------------------------------------------

def trace(folder, text, kernel):
    """The state after each step, as `weir model run` has it: [(line, pools by size)]."""
    path = folder / "trace.weir"
    path.write_text(text)
    done = subprocess.run([WEIR, "model", "run", "--trace", "--json", "--kernel", kernel,
                           str(path)], capture_output=True, text=True, check=False, timeout=60)
    steps = [json.loads(line) for line in done.stdout.splitlines()]
    if not steps:
        raise ValueError(done.stderr)
    return [(s["line"] or 0, {p["page_bytes"]: p for p in s["pools"]}, s["result"])
            for s in steps]


def question_of(line, policies):
    """The words of `weir explain` for a step that writes to a pool, and the page size; None
    for any other step."""
    words = line.split(" ->")[0].split()
    task = ""
    if len(words) == 4 and words[1] == "write":
        task = words.pop(0)
    if len(words) != 3 or words[0] != "write" or not words[2].isdigit():
        return None
    match = re.fullmatch(r"(\d+[MG])/(?:node(\d+)/)?nr_hugepages(_mempolicy)?", words[1])
    if not match or int(words[2]) >= 1 << 64:
        return None
    size, node, mempolicy = match.groups()
    where = [f"node{node}"] if node else []
    if mempolicy and policies.get(task, "default") != "default":
        where = ["mempolicy", policies[task]]
        if where[1] == "local":
            return None
    unit = {"M": 1 << 20, "G": 1 << 30}[size[-1]]
    return ["write", size, words[2], *where], int(size[:-1]) * unit


def compare(folder, host_text, question, size, kernel, came):
    """Asks before the write, and holds the answer against what came of it."""
    host = folder / "before.weir"
    host.write_text(f"kernel {kernel}\n{host_text}")
    code, out, err = explain(host, "--json", *question)
    if code:
        return f"exit status {code}: {err}"
    after = json.loads(out)["write"]["after"]
    pool = came.get(size, {"total": 0, "free": 0, "reserved": 0, "surplus": 0, "nodes": []})
    for key in ("total", "free", "reserved", "surplus"):
        if after[key] != pool[key]:
            return f"{key} is {pool[key]}, was said to be {after[key]}"
    there = {n["id"]: n["total"] for n in pool["nodes"]}
    for node in after["nodes"]:
        if not node["total_min"] <= there.get(node["id"], 0) <= node["total_max"]:
            return f"node {node['id']} has {there.get(node['id'], 0)}, was said: {node}"
    return ""


def try_writes(folder, text, kernel, last_only=False):
    """Every write to a pool of a scenario. (how many, what is wrong with the first bad one)"""
    lines = [l for l in text.splitlines() if not l.startswith("kernel ")]
    states = {line: (pools, result) for line, pools, result in
              trace(folder, "\n".join(lines) + "\n", kernel)}
    policies, asked = {}, 0
    for number, line in enumerate(lines, 1):
        words = line.split(" ->")[0].split()
        if len(words) > 2 and words[1] == "policy":
            policies[words[0]] = words[3] if len(words) > 3 else words[2]
        found = question_of(line, policies)
        if not found or (last_only and number < len(lines)):
            continue
        pools, result = states[number]
        if result != "ok":
            continue
        asked += 1
        wrong = compare(folder, "\n".join(lines[:number - 1]) + "\n", *found, kernel, pools)
        if wrong:
            return asked, f"line {number}, {line!r} on {kernel}: {wrong}"
    return asked, ""


# Who writes is in a cpuset there: what is said is of one who may have all memory.
UNTOLD = {"cpuset-bounds-growth"}
KERNELS = ["6.1", "6.12", "6.18.44"]


def random_scenario(seed):
    """Pools that are resized while tasks and files hold pages; a write to a pool is last."""
    rng = random.Random(seed)
    nodes = rng.choice([1, 1, 2, 2, 3])
    memory = rng.choice([64, 128, 256])
    lines = [f"node {n} memory={memory}M cpus={n}" for n in range(nodes)]
    if rng.random() < 0.3:
        free = rng.randrange(2000, 30000)
        lines.append(f"zone 0 Normal managed=30000 free={free} min={rng.randrange(0, 1500)} "
                     f"low={rng.randrange(1500, 2500)} whole={rng.randrange(free + 1)}")
        if rng.random() < 0.5:
            lines.append("zone 0 Movable managed=8000 free=7000 min=30 low=60")
    top = memory // 2 * nodes
    lines.append(f"write 2M/nr_hugepages {rng.randrange(top)}")
    if rng.random() < 0.4:
        lines.append(f"write 2M/nr_overcommit_hugepages {rng.randrange(12)}")
    mounts = []
    if rng.random() < 0.5:
        lines.append("mount M" + rng.choice(["", " min_size=4p", " size=20p min_size=2p",
                                             " size=9p"]))
        lines.append("create M/f")
        mounts.append("M/f")
    tasks = [f"T{i}" for i in range(rng.randrange(1, 4))]
    maps = {t: [] for t in tasks}
    for t in tasks:
        lines.append(f"task {t} cpu={rng.randrange(nodes)}")
        if rng.random() < 0.3:
            lines.append(f"{t} policy bind {rng.randrange(nodes)}")
    for step in range(rng.randrange(3, 16)):
        task = rng.choice(tasks)
        verb = rng.choice(["map", "map", "touch", "touch", "unmap", "write", "node", "file",
                           "policy", "over"])
        if verb == "map":
            pages = rng.randrange(1, 14)
            maps[task].append((f"m{step}", pages))
            lines.append(f"{task} map m{step} {pages}" + rng.choice(["", "", " noreserve",
                                                                     " shared"]))
        elif verb == "file" and mounts:
            pages = rng.randrange(1, 10)
            maps[task].append((f"m{step}", pages))
            lines.append(f"{task} map m{step} {pages} shared file=M/f")
        elif verb in ("touch", "unmap") and maps[task]:
            name, pages = rng.choice(maps[task])
            first = rng.randrange(pages)
            lines.append(f"{task} {verb} {name} {first} {rng.randrange(1, pages - first + 1)}")
        elif verb == "write":
            lines.append(f"write 2M/nr_hugepages {rng.randrange(top)}")
        elif verb == "node":
            lines.append(f"write 2M/node{rng.randrange(nodes)}/nr_hugepages "
                         f"{rng.randrange(memory // 2)}")
        elif verb == "over":
            lines.append(f"write 2M/nr_overcommit_hugepages {rng.randrange(8)}")
        elif verb == "policy":
            lines.append(f"{task} policy bind {rng.randrange(nodes)}")
    value = rng.choice([0, rng.randrange(top), rng.randrange(top), rng.randrange(2 * top)])
    last = [f"write 2M/nr_hugepages {value}",
            f"write 2M/node{rng.randrange(nodes)}/nr_hugepages {value}",
            f"{rng.choice(tasks)} write 2M/nr_hugepages_mempolicy {value}"]
    if rng.random() < 0.4:  # surplus, about which kernels differ
        lines.append(f"write 2M/nr_hugepages {rng.randrange(4)}")
        last.append(f"write 2M/node{rng.randrange(nodes)}/nr_hugepages {rng.randrange(8)}")
    lines.append(rng.choice(last))
    return "\n".join(lines) + "\n", rng.choice(["5.10", "6.1", "6.6", "6.12", "6.18",
                                                "6.18.44"])


def try_random(folder, seeds):
    asked = 0
    for seed in seeds:
        text, kernel = random_scenario(seed)
        found, wrong = try_writes(folder, text, kernel, last_only=True)
        asked += found
        if wrong:
            return asked, f"seed {seed}: {wrong}\n{text}"
    return asked, ""


def try_predictions(folder):
    """(name, what is wrong) of each batch."""
    for kernel in KERNELS:
        asked, wrong = 0, ""
        for path in sorted(SCENARIOS.glob("*.weir")):
            if wrong or path.stem in UNTOLD:
                continue
            found, wrong = try_writes(folder, path.read_text(), kernel)
            wrong = f"{path.name}: {wrong}" if wrong else ""
            asked += found
        if asked < 100:
            wrong = wrong or f"only {asked} writes"
        yield f"{asked} writes of the scenarios, said before, on {kernel}", wrong
    for first in range(1, 241, 40):
        seeds = range(first, first + 40)
        asked, wrong = try_random(folder, seeds)
        yield f"{asked} random writes, seeds {seeds[0]} to {seeds[-1]}", wrong


def try_manual():
    """F7: what surprises and has no counter stands in the manual."""
    said = " ".join(MANUAL.read_text().replace("*", "").replace("\\", "").split())
    for piece in ("write(2) to a file on hugetlbfs fails with EINVAL",
                  "MAP_HUGETLB on an ordinary file fails with EINVAL",
                  "A mapping has one page size"):
        if piece not in said:
            return f"{piece!r} is not in {MANUAL.name}"
    return ""


def results(folder):
    host = folder / "host.weir"
    for name, text, question, pieces, status in CASES + SHRINKS + FIELD + GROWTH + BAD:
        host.write_text(text)
        yield name, try_case(host, question, pieces, status)
    for name, changes, question, pieces, status in TREES:
        yield name, try_tree(folder, changes, question, pieces, status)
    yield "rules that surprise, in the manual", try_manual()
    yield from try_predictions(folder)


def main():
    failed = number = 0
    with tempfile.TemporaryDirectory(prefix="weir-explain.") as directory:
        for number, (name, wrong) in enumerate(results(Path(directory)), 1):
            failed += bool(wrong)
            print(f"{'not ok' if wrong else 'ok'} {number} - {name}", flush=True)
            for line in wrong.splitlines():
                print(f"# {line}")
    print(f"1..{number}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
