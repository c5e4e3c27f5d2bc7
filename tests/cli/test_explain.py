#!/usr/bin/env python3
"""test_explain.py WEIR: `weir explain` over modelled hosts: the right cause, the right
holder, the right number, for what administrators measured and asked. TAP."""

import json
import os
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


def explain(host, *args):
    done = subprocess.run([WEIR, "explain", "--host", f"scenario:{host}", *args],
                          capture_output=True, text=True, check=False, timeout=60,
                          env={**os.environ, "COLUMNS": "100", "LC_ALL": "C"})
    return done.returncode, done.stdout, done.stderr


def try_case(host, question, pieces, status):
    code, out, err = explain(host, *question)
    if code != status:
        return f"exit status {code}, not {status}: {err}"
    said = " ".join(out.split())
    for piece in pieces:
        if piece not in said:
            return f"{piece!r} is not in {said!r}"
    if status:
        return "" if err and not out else f"stdout {out!r}, stderr {err!r}"
    code, out, err = explain(host, "--json", *question)
    texts = " ".join(" ".join(s["text"] for s in json.loads(out)["sentences"]).split())
    return next((f"{piece!r} is not in the JSON" for piece in pieces if piece not in texts), "")


def main():
    failed = 0
    print(f"1..{len(CASES)}")
    with tempfile.TemporaryDirectory(prefix="weir-explain.") as directory:
        host = Path(directory) / "host.weir"
        for number, (name, text, question, pieces, status) in enumerate(CASES, 1):
            host.write_text(text)
            wrong = try_case(host, question, pieces, status)
            failed += bool(wrong)
            print(f"{'not ok' if wrong else 'ok'} {number} - {name}")
            if wrong:
                print(f"# {wrong}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
