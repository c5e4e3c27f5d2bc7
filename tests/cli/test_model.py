#!/usr/bin/env python3
"""test_model.py WEIR: `weir model run` and --host scenario:FILE, as a user meets them. TAP.

What the model answers is tests/scenarios' and tests/twin's; here it is what is printed where,
with which exit status, and that bad input gets one clear line.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

WEIR = str(Path(sys.argv[1]).resolve())
TESTS = Path(__file__).resolve().parents[1]
FOLDER = Path(tempfile.mkdtemp(prefix="weir-model."))

SMALL = """\
nodes 2
write 2M/nr_hugepages 8
mount M pagesize=2M min_size=2p size=6p
create M/f
task A
A map m 3 shared file=M/f -> 8/8/3/0
A touch m 0 2
expect on 6.12 8/6/1/0 A.m=00.
expect on 5.10 9/9/9/9
"""


class Wrong(Exception):
    """What is wrong."""


def weir(*args, text=None, fine=None):
    done = subprocess.run([WEIR, *args], input=text, capture_output=True, check=False,
                          text=True, errors="replace", timeout=300,
                          stdin=subprocess.DEVNULL if text is None else None,
                          env={**os.environ, "COLUMNS": "90", "LC_ALL": "C"})
    if fine is not None and (done.returncode, done.stderr) != (fine, ""):
        raise Wrong(f"weir {' '.join(args)}: status {done.returncode}: {done.stderr}")
    return done.returncode, done.stdout, done.stderr


def same(got, want):
    if got != want:
        raise Wrong(f"got {got!r}, not {want!r}")


def file(name, text):
    path = FOLDER / name
    if isinstance(text, bytes):
        path.write_bytes(text)
    else:
        path.write_text(text)
    return str(path)


def refused(*args, text=None, words, status=2):
    """One line on stderr with these words (and the usage's second), nothing on stdout."""
    code, out, err = weir("model", *args, text=text)
    lines = err.splitlines()
    if lines[1:] == ["Try 'weir model --help'."]:
        lines.pop()
    if code != status or out or len(lines) != 1 or words not in lines[0]:
        raise Wrong(f"{args}: status {code}, stdout {out!r}, stderr {err!r}")


def held():
    """A summary for each file."""
    one = file("one.weir", SMALL)
    two = file("two.weir", "write 2M/nr_hugepages 1 -> ok\n")
    same(weir("model", "run", one, two, fine=0)[1],
         f"{one}: 6 steps, 3 expectations held\n{two}: 1 step, 1 expectation held\n")
    same(weir("model", "run", "-", text=SMALL, fine=0)[1],
         "standard input: 6 steps, 3 expectations held\n")


def failed():
    """Each failed expectation is a line on stderr; the steps behind it are played."""
    bad = file("bad.weir", "task A\nA map m 5 -> ok\nexpect 1/2/3/4\nA map n 1 -> ENOMEM\n")
    same(weir("model", "run", bad),
         (1, "", f"{bad}:2: step 'A map m 5': expected ok, got ENOMEM\n"
                 f"{bad}:3: step 'A map m 5': expected 1/2/3/4, got 0/0/0/0\n"))
    start = file("start.weir", "nodes 1\nexpect 1/1/0/0\n")
    same(weir("model", "run", start),
         (1, "", f"{start}:2: start: expected 1/1/0/0, got 0/0/0/0\n"))


def kernels():
    """--kernel goes before the scenario's own, and decides which expectations count."""
    one = file("one.weir", SMALL)
    code, _, err = weir("model", "run", "--kernel", "5.10", one)
    same((code, err), (1, f"{one}:9: step 'A touch m 0 2': expected 9/9/9/9, "
                          "got 8/6/1/0\n"))
    demote = "kernel 6.1\nwrite 1G/demote 0 -> ok\n"
    weir("model", "run", "-", text=demote, fine=0)
    code, _, err = weir("model", "run", "--kernel", "6.1 -demote", "-", text=demote)
    same((code, err), (1, "standard input:2: step 'write 1G/demote 0': expected ok, "
                          "got ENOENT\n"))


def trace():
    """A line a step from the start on, and a heading a file."""
    text = "write 2M/nr_hugepages 2\ntask A\nA map m 3\n"
    lines = ["0 | start | ok",
             "1 | write 2M/nr_hugepages 2 | ok | 2M 2/2/0/0 max 2 n0 2/2/0",
             "2 | task A | ok | 2M 2/2/0/0 max 2 n0 2/2/0 | A 0",
             "3 | A map m 3 | ENOMEM | 2M 2/2/0/0 max 2 n0 2/2/0 | A 0"]
    one = file("trace.weir", text)
    same(weir("model", "run", "--trace", one, fine=0)[1].splitlines(), lines)
    same(weir("model", "run", "--trace", one, one, fine=0)[1].splitlines(),
         [f"== {one}", *lines, f"== {one}", *lines])


def trace_bugs():
    """What the kernel does wrong stands behind the step; with --json in the object."""
    text = (TESTS / "scenarios/P09.weir").read_text()
    out = weir("model", "run", "--trace", "--kernel", "6.18", "-", text=text, fine=0)[1]
    lines = [line for line in out.splitlines() if line.startswith("# ")]
    same([line.partition(":")[0] for line in lines],
         ["# bug failed-reserve-drops-min", "# bug failed-reserve-leaks-used"])
    steps = [json.loads(line) for line in weir(
        "model", "run", "--trace", "--json", "--kernel", "6.18", "-", text=text,
        fine=0)[1].splitlines()]
    same([f"# {bug}" for step in steps for bug in step["bugs"]], lines)
    same([step["step"] for step in steps], list(range(len(steps))))
    same((steps[0]["text"], steps[0]["line"]), ("start", None))


def bad_usage():
    one = file("one.weir", SMALL)
    refused(words="what to do with it?")
    refused("walk", one, words="'walk' is not one of its commands")
    refused("run", words="FILE is missing")
    refused("run", "--json", one, words="needs --trace")
    refused("run", "--kernel", "4.19", one, words="kernel 4.19 is older than 5.10")
    refused("run", "--kernel", "6.12 +nothing", one, words="no such switch")
    refused("run", "--nothing", one, words="unrecognized option")


def bad_files():
    """Nothing of a file is played that has a bad line."""
    refused("run", str(FOLDER / "absent"), words="No such file")
    refused("run", str(FOLDER), words="directory")
    refused("run", file("empty.weir", ""), words="no step and no host in it")
    refused("run", file("blank.weir", "\n# nothing\n"), words="no step and no host in it")
    refused("run", "-", text="", words="standard input: no step")
    refused("run", "--trace", file("line.weir", "task A\nA mop m 5\n"), words="line.weir:2:")
    refused("run", "--trace", file("binary.weir", bytes(range(256)) * 50), words="binary.weir:1")
    refused("run", "-", text="kernel 1.0\n", words="1.0")


def good_after_bad():
    """One bad file does not keep the others from being played; the status is the worst."""
    two = file("two.weir", "write 2M/nr_hugepages 1 -> ok\n")
    code, out, err = weir("model", "run", str(FOLDER / "absent"), two)
    same((code, out, err.count("\n")), (2, f"{two}: 1 step, 1 expectation held\n", 1))


def many_lines():
    """A million steps."""
    many = file("many.weir", "write 2M/nr_hugepages 3\n" * 10**6)
    same(weir("model", "run", many, fine=0)[1],
         f"{many}: 1000000 steps, 0 expectations held\n")


def closed_pipe():
    """Nobody reads any more: the end, without a word."""
    many = file("pipe.weir", "write 2M/nr_hugepages 3\n" * 10**5)
    with subprocess.Popen([WEIR, "model", "run", "--trace", many], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as process:
        process.stdout.readline()
        process.stdout.close()
        same(process.stderr.read(), b"")


def full_disk():
    if not os.path.exists("/dev/full"):
        return
    one = file("one.weir", SMALL)
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([WEIR, "model", "run", "--trace", one], stdout=full, text=True,
                              stderr=subprocess.PIPE, check=False)
    same((done.returncode, "No space left" in done.stderr), (1, True))


def checked():
    """--check finds nothing wrong."""
    one = file("one.weir", SMALL)
    weir("model", "run", "--check", one, fine=0)


def on_a_host():
    """--host begins with a captured host's pools, and says what it did not tell."""
    host = str(TESTS / "hosts/debian-6.1-2nodes")
    code, out, err = weir("model", "run", "--host", host, "--trace", "-",
                          text="write 2M/nr_hugepages 40\n")
    same((code, err), (0, ""))
    lines = out.splitlines()
    same(lines[0].split(" | ")[2], "ok")
    same(lines[0].split(" | ")[3].partition(" max")[0], "2M 36/11/11/26")
    same(lines[1].split(" | ")[3].partition(" max")[0], "2M 40/15/11/0")
    code, _, err = weir("model", "run", "--host", str(TESTS / "hosts/hygon-8node"), "-",
                        text="task A\n")
    same((code, "note: the kernel is not known: the rules of 6.12 hold" in err), (0, True))
    refused("run", "--host", host, "-", text="nodes 2\ntask A\n",
            words="standard input:1: the scenario has a host of its own")
    refused("run", "--host", str(FOLDER / "absent"), "-", text="task A\n",
            words="No such file")
    refused("run", "--host", str(TESTS / "hosts/odd-no-hugetlb"), "-", text="task A\n",
            words="no huge pages")
    sizes = "sizes 32M 64K\ntask A\nA map m 1 64K\n"
    code, out, _ = weir("model", "run", "--host", str(TESTS / "hosts/odd-nodes"), "-",
                        text=sizes)
    same(code, 0)
    refused("run", "--host", str(TESTS / "hosts/odd-nodes"), "-", text="task A\n",
            words="its default page size is not the host's")


def status_of_a_scenario():
    """weir status shows the end of a scenario as a host."""
    spec = "scenario:" + file("one.weir", SMALL)
    host = json.loads(weir("status", "--json", "--host", spec, fine=0)[1])
    same(host["host"]["kernel"], "6.12-model")
    pool = next(p for p in host["pools"] if p["size_bytes"] == 2 << 20)
    same([pool[k] for k in ("pages", "in_use", "free", "reserved", "surplus")],
         [8, 2, 6, 1, 0])
    same([[n[k] for k in ("pages", "free")] for n in pool["nodes"]], [[4, 2], [4, 4]])
    same([n["free_bytes"] for n in host["nodes"]], [(1 << 30) - (8 << 20)] * 2)
    same([[m[k] for k in ("target", "limit_bytes", "minimum_bytes", "free_blocks")]
          for m in host["mounts"]], [["/mnt/M", 12 << 20, 4 << 20, 3]])
    same(host["host"]["consistent"], True)
    same([u["path"] for u in host["unknown"] if u["kind"] != "absent"], [])
    same(weir("status", "--table", "pools", "--host", spec, "--size", "2M", "-rn", "-o",
              "node,pages,free,reserved", fine=0)[1], "all 8 6 1\n0 4 2 ?\n1 4 4 ?\n")
    code, _, err = weir("status", "--host", "scenario:" + str(FOLDER / "absent"))
    same((code, "No such file" in err), (1, True))
    code, _, err = weir("status", "--host", "scenario:" + file("line.weir", "A mop\n"))
    same((code, "line.weir:1:" in err), (1, True))


def capture_of_a_scenario():
    """A capture of it shows the same; and a model of it begins with the same."""
    spec = "scenario:" + file("one.weir", SMALL)
    saved = str(FOLDER / "saved") + "/"
    weir("capture", "--host", spec, "-o", saved)
    for args in (["status"], ["status", "--json"]):
        same(weir(*args, "--host", saved, fine=0)[1], weir(*args, "--host", spec, fine=0)[1])
    same((FOLDER / "saved/proc/1000/numa_maps").read_text(),
         "100000000000 default file=/mnt/M/f huge dirty=2 N0=2 kernelpagesize_kB=2048\n")
    first = weir("model", "run", "--trace", "--host", saved, "-", text="task Z\n")[1]
    same(first.splitlines()[0].split(" | ")[3], "2M 8/6/1/0 max 8 n0 4/2/0 n1 4/4/0")


def counts(line):
    """The pools of a line of a trace."""
    return [part for part in line.split(" | ") if re.match(r"\d+[KMG] \d", part)]


def round_trips():
    """The end of every scenario, read as a host and loaded, has the same pools."""
    for path in sorted((TESTS / "scenarios").glob("*.weir")):
        lines = weir("model", "run", "--trace", str(path))[1].splitlines()
        end = [line for line in lines if not line.startswith("#")][-1]
        sizes = ""
        for line in path.read_text().splitlines():
            if line.startswith("sizes "):
                sizes = line + "\n"
            elif line.startswith("boot ") and "default_hugepagesz=1G" in line:
                sizes = "sizes 1G 2M\n"
        _, out, err = weir("model", "run", "--trace", "--check", "--host", f"scenario:{path}",
                           "-", text=f"{sizes}task Z\n")
        if not out or counts(out.splitlines()[0]) != counts(end):
            raise Wrong(f"{path.name}: {counts(end)}, loaded {out.splitlines()[:1]} {err}")


TEST_CASES = [held, failed, kernels, trace, trace_bugs, bad_usage, bad_files, good_after_bad,
              many_lines, closed_pipe, full_disk, checked, on_a_host, status_of_a_scenario,
              capture_of_a_scenario, round_trips]


def main():
    bad = 0
    for number, case in enumerate(TEST_CASES, 1):
        try:
            case()
            print(f"ok {number} - {case.__name__}", flush=True)
        except (Wrong, ValueError, IndexError, StopIteration, OSError,
                subprocess.TimeoutExpired) as wrong:
            bad += 1
            for line in str(wrong).splitlines() or [repr(wrong)]:
                print(f"# {line}")
            print(f"not ok {number} - {case.__name__}", flush=True)
    print(f"1..{len(TEST_CASES)}")
    subprocess.run(["rm", "-rf", str(FOLDER)], check=False)
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
