#!/usr/bin/env python3
"""test_set.py WEIR: `weir set`, `weir undo` and `weir log` as a user meets them, on modelled
hosts: what other tools get wrong when they change pools, bad input, guards, exit statuses.
TAP. What changes pools of a running kernel is in tests/live."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

WEIR = str(Path(sys.argv[1]).resolve())
ROOT = Path(__file__).resolve().parents[2]
HYGON = str(ROOT / "tests/hosts/hygon-8node")
TWO = """node 0 memory=4G
node 1 memory=4G
write 2M/nr_hugepages 20
"""
BUSY = TWO + """task A
A map a 8
A touch a 0 5
"""
VM = ("-m 40M -object memory-backend-memfd,id=m,size=40M,hugetlb=on,prealloc=on{} "
      "-machine memory-backend=m")


class Wrong(Exception):
    """What is wrong."""


def weir(*args, **options):
    done = subprocess.run([WEIR, *map(str, args)], check=False, capture_output=True, text=True,
                          timeout=120, stdin=subprocess.DEVNULL,
                          env={**os.environ, "COLUMNS": "100", "LC_ALL": "C"}, **options)
    return done.returncode, done.stdout, done.stderr


def expect(what, got, want):
    if got != want:
        raise Wrong(f"{what}: {got!r}, not {want!r}")


def host_in(scratch, text):
    path = Path(scratch) / "host.weir"
    path.write_text(text)
    return f"scenario:{path}"


def plan(scratch, text, *args):
    """(exit status, document)"""
    code, out, err = weir("set", "--json", "--dry-run", "--host", host_in(scratch, text), *args)
    if code not in (0, 5):
        raise Wrong(f"{args}: exit {code}: {err}")
    return code, json.loads(out)


def ops(document):
    return [(op["kind"], op["size_bytes"] >> 20, op["node"], op["before"], op["after"])
            for op in document["ops"]]


def guards(document):
    return [guard["guard"] for guard in document["guards"]]


def pool(document, key="expected", size=2):
    return next(p for p in document[key] if p["size_bytes"] == size << 20)


def refused(scratch, words, *args, text=TWO, status=2):
    code, out, err = weir("set", "--dry-run", "--host", host_in(scratch, text), *args)
    if code != status or words not in " ".join(err.split()) or (out and status == 2):
        raise Wrong(f"{args}: status {code}, stdout {out[:200]!r}, stderr {err!r}")


# ---- hugeadm 2.24

def a_partial_result_is_no_success(scratch):
    """hugeadm: exit status 0 when fewer pages came than were asked for."""
    code, seen = plan(scratch, TWO, "2M=5000")
    expect("status", (code, seen["refused"], guards(seen)), (5, True, ["reach", "floor"]))
    # who wants it all the same says so, and then it is not written smaller
    code, seen = plan(scratch, TWO, "2M=5000", "--allow", "reach,floor")
    expect("allowed", (code, pool(seen)["pages"]), (0, 5000))


def a_limit_of_gigantic_pages_is_an_error(scratch):
    """hugeadm: exit status 0 for an overcommit limit of 1G that no kernel takes."""
    refused(scratch, "this kernel makes no surplus pages of that size", "overcommit.1G=1")


def no_count_takes_the_whole_host(scratch):
    """hugeadm: 2M:99999999 took 17.8 of 24 GiB."""
    code, seen = plan(scratch, TWO, "2M=99999999")
    expect("status", (code, guards(seen)), (5, ["reach", "floor"]))
    code, seen = plan(scratch, TWO, "2M=+3700")  # it could be had
    expect("floor", (code, guards(seen)), (5, ["floor"]))
    passes = seen["guards"][0]["passes"]
    expect("what would pass", passes.endswith(" less"), True)
    code, seen = plan(scratch, TWO, "2M=+3700", "--floor", "512M")
    expect("a lower floor", (code, pool(seen)["pages"]), (0, 3720))


def wishes_are_exact_or_refused(scratch):
    """hugeadm: 2Mfoo:4bar is taken, 3T is 3 pages, 5M of 2M pages is 2."""
    for word, words in (
            ("2Mfoo:4", "no wish such as 2M=4096"), ("2Mfoo=4bar", "'2Mfoo' is no page size"),
            ("2M=4bar", "'4bar' is no number of pages"), ("3T", "no wish"), ("3T=1", "no page size"),
            ("5M=1", "5M is no page size of any kernel"), ("1M=1", "no pages of 1M, but of 2M, 1G"),
            ("2M", "no wish"), ("2M=", "no number of pages"), ("2M=4.5", "no number of pages"),
            ("2M=0x10", "no number"), ("2M=--5", "no number"), ("2M=+0", "changes nothing"),
            ("2M=-0", "changes nothing"), ("2M =1", "no page size"), ("0=1", "no page size"),
            ("2M=18446744073709551616", "no number of pages"),
            ("2M=1099511627777", "more pages than any host has"),
            ("2M/node=1", "is no node"), ("2M/1=1", "names no node such as /node1"),
            ("2M/node1024=1", "is no node"), ("2M/node1x=1", "is no node"),
            ("2M=0:8,", "is no list"), ("2M=0:8,,1:8", "is no list"), ("2M=0:", "no number"),
            ("2M=:8", "is no node"), ("2M/node0=0:8", "names a node before the = and behind"),
            ("2M=0:8,0:9", "want different things"), ("", "is no wish"), ("=5", "no page size"),
            ("overcommit.2M/node0=1", "names a node"), ("overcommit.2M=0:1", "names a node"),
            ("pinnable.2M=+4", "names no node"), ("pinnable.2M/node0=4", "is no number of pages more"),
            ("pinnable.overcommit.2M=3", "'overcommit.2M' is no page size"),
            ("2M/node7=1", "no node 7 with memory"), ("2M/node1=-500", "there are 10 to take from"),
            ("2M=-500", "there are 20 to take from")):
        refused(scratch, words, word)
    refused(scratch, "want different things of the same pages", "2M=5", "2M/node0=2")
    refused(scratch, "want different things of the same pages", "2M=5", "2M=+2")
    refused(scratch, "A wish such as 2M=4096 is missing")


def a_shrink_below_use_is_refused(scratch):
    """hugeadm: 16 to 2 with 8 used leaves 6 in surplus and says nothing. So does
    dpdk-hugepages.py --clear (D7), SPDK's setup.sh (D8), and Proxmox on purpose (P3)."""
    for wish in ("2M=2", "2M=0", "2M=-15", "2M=0:0,1:0"):
        code, seen = plan(scratch, BUSY, wish)
        expect(wish, (code, set(guards(seen))), (5, {"surplus"}))
        expect("nothing more than is free", "in use or reserved" in seen["guards"][0]["text"],
               True)
    code, seen = plan(scratch, BUSY, "2M=8")
    expect("as many as are wanted", (code, guards(seen), pool(seen)["surplus"]), (0, [], 0))
    code, seen = plan(scratch, BUSY, "2M=2", "--allow", "surplus")
    expect("allowed", (code, pool(seen)["pages"], pool(seen)["surplus"]), (0, 8, 6))


def what_passes_a_guard_passes(scratch):
    one = "node 0 memory=4G\nwrite 2M/nr_hugepages 20\ntask A\nA map a 8\nA touch a 0 5\n"
    _, seen = plan(scratch, one, "2M=2")
    expect("offer", seen["guards"][0]["passes"], "2M=8")
    code, seen = plan(scratch, one, "2M=8")
    expect("taken", (code, guards(seen)), (0, []))
    _, seen = plan(scratch, BUSY, "2M/node0=9999")
    passes = seen["guards"][0]["passes"]
    code, seen = plan(scratch, BUSY, passes, "--floor", "0")
    expect(passes, (code, guards(seen)), (0, []))


def a_dry_run_is_dry(scratch):
    """hugeadm: --dry-run sets the pools, and prints nothing of it."""
    code, out, _ = weir("set", "-n", "--host", host_in(scratch, TWO), "2M=0:5,1:30")
    expect("status", code, 0)
    for line in ("echo 5 > /sys/devices/system/node/node0/hugepages/hugepages-2048kB/nr_hugepages",
                 "echo 30 > /sys/devices/system/node/node1/hugepages/hugepages-2048kB/"
                 "nr_hugepages"):
        expect(line, line in out.splitlines(), True)
    expect("no state", os.listdir(scratch), ["host.weir"])


def nodes_may_differ(scratch):
    """hugeadm cannot say it; Proxmox reads a list of nodes as 0 (P4)."""
    _, seen = plan(scratch, TWO, "2M=0:3,1:44")
    expect("list", [n["pages"] for n in pool(seen)["nodes"]], [3, 44])
    _, seen = plan(scratch, TWO, "2M/node1=+7")
    expect("one", [n["pages"] for n in pool(seen)["nodes"]], [10, 17])
    _, seen = plan(scratch, TWO, "2M/node0=-4", "2M/node1=+4")
    expect("moved", [n["pages"] for n in pool(seen)["nodes"]], [6, 14])
    expect("given back first", ops(seen), [("pool", 2, 0, 10, 6), ("pool", 2, 1, 10, 14)])
    _, seen = plan(scratch, TWO, "2M/node1=-4", "2M/node0=+4")
    expect("given back first", ops(seen), [("pool", 2, 1, 10, 6), ("pool", 2, 0, 10, 14)])


def there_is_no_noise(scratch):
    """hugeadm: swap, min_free_kbytes and shmmax on every growth."""
    code, out, err = weir("set", "-n", "--host", host_in(scratch, TWO), "2M=30")
    expect("stderr", (code, err), (0, ""))
    for word in ("swap", "min_free", "shmmax"):
        expect(word, word in out, False)


# ---- growing for VMs

def growth_for_a_vm_ends(scratch):
    """A formula that counts only its own holder grows for ever (D6)."""
    vm = Path(scratch) / "vm"
    vm.write_text(VM.format(""))
    host = "node 0 memory=4G\nwrite 2M/nr_hugepages 20\ntask A\nA map a 15\nA touch a 0 3\n"
    _, seen = plan(scratch, host, "--for", vm)
    # 20 for the VM, and 15 are somebody else's
    expect("grown", pool(seen)["pages"], 35)
    _, seen = plan(scratch, host.replace("hugepages 20", "hugepages 35"), "--for", vm)
    expect("again", ops(seen), [])
    _, seen = plan(scratch, host, "--for", vm, "--for", vm)
    expect("two of them", pool(seen)["pages"], 55)


def admission_minds_what_is_reserved(scratch):
    """Proxmox counts free pages that are promised to others (P5)."""
    vm = Path(scratch) / "vm"
    vm.write_text(VM.format(""))
    _, seen = plan(scratch, "node 0 memory=4G\nwrite 2M/nr_hugepages 20\ntask A\nA map a 20\n",
                   "--for", vm)
    expect("all are free, none is really free", pool(seen)["pages"], 40)


def growth_for_a_bound_vm_is_on_its_node(scratch):
    vm = Path(scratch) / "vm"
    vm.write_text(VM.format(",host-nodes=1,policy=bind"))
    _, seen = plan(scratch, TWO, "--for", vm)
    expect("ops", ops(seen), [("pool", 2, 1, 10, 20)])


# ---- plans

def an_even_share_goes_as_far_as_it_can(scratch):
    host = "node 0 memory=128M\nnode 1 memory=4G\n"
    code, seen = plan(scratch, host, "2M=500", "--floor", "0")
    pages = [n["pages"] for n in pool(seen)["nodes"]]
    expect("sum", (code, sum(pages)), (0, 500))
    expect("the small one gave what it has", 0 < pages[0] <= 64, True)


def a_larger_page_is_cut_up(scratch):
    host = "node 0 memory=4G\nnode 1 memory=4G\nwrite 1G/nr_hugepages 2\n"
    _, seen = plan(scratch, host, "1G=1", "2M=+512")
    expect("ops", ops(seen), [("demote", 1024, 0, 1, 0)])
    _, seen = plan(scratch, host, "1G/node1=0", "2M/node1=600")
    expect("and the rest grows", ops(seen), [("demote", 1024, 1, 1, 0), ("pool", 2, 1, 512, 600)])
    _, seen = plan(scratch, host, "--kernel", "5.10", "1G=1", "2M=+512")
    expect("5.10 cannot", [op[0] for op in ops(seen)], ["pool", "pool", "pool"])


def old_kernels_get_other_numbers(scratch):
    host = BUSY + "write 2M/nr_hugepages 4\n"
    for kernel in ("6.1", "6.12"):
        _, seen = plan(scratch, host, "--kernel", kernel, "2M/node1=9")
        expect(kernel, pool(seen)["nodes"][1]["pages"] - pool(seen)["nodes"][1]["surplus"], 9)


def min_size_of_a_mount_is_a_guard_of_its_own(scratch):
    code, seen = plan(scratch, TWO + "mount M min_size=12M\n", "2M=2")
    expect("guard", (code, set(guards(seen))), (5, {"subpool"}))
    code, seen = plan(scratch, TWO + "mount M min_size=12M\n", "2M=2", "--allow", "surplus")
    expect("another one's name does not do", code, 5)


# ---- guards

def declared_in(scratch, text):
    """A root with this declaration, and a VM of 20 pages of 2M in DB, one on node 1 in WEB."""
    root = Path(scratch) / "root"
    (root / "etc/weir").mkdir(parents=True, exist_ok=True)
    for name, bound in (("db", ""), ("web", ",host-nodes=1,policy=bind")):
        (Path(scratch) / name).write_text(VM.format(bound))
        text = text.replace(name.upper(), f"{scratch}/{name}")
    (root / "etc/weir/pools.conf").write_text(text)
    return root


THIRTY = TWO + "write 2M/nr_hugepages 30\n"
DB = "[vm database]\nfile = DB\n"
WEB = "[vm frontend]\nfile = WEB\n"
# guard, host, declaration, wishes, what it says by how much, what would pass
GUARDS = [
    ("surplus", BUSY, "", ["2M=2"], "6 of the pages that would go are in use or reserved", "2M=8"),
    ("surplus", BUSY, "", ["2M/node0=3"], "2 of the pages that would go", "2M/node0=5"),
    ("subpool", TWO + "mount M min_size=12M\n", "", ["2M=2"],
     "4 of the pages that would go are held by mounts with min_size=", "2M=6"),
    ("floor", TWO, "", ["2M=+3700", "--floor", "2G"], "the host would be left with", None),
    ("floor", TWO, "[guards]\nfloor = 5G\n", ["2M=+1600"], "and is to keep 5G", None),
    ("vm", THIRTY, DB, ["2M=12"],
     "database, which is declared, could start now, and could not any more: of 20 pages of 2M "
     "that it needs 8 would be lacking", "2M=20"),
    ("vm", THIRTY, DB, ["2M/node0=2"], "of 20 pages of 2M that it needs 3 would be lacking",
     "2M/node0=4 2M/node1=16"),
    ("vm", TWO + "write 2M/node1/nr_hugepages 25\n", WEB, ["2M/node1=-9"],
     "frontend, which is declared, could start now, and could not any more: of 20 pages of 2M "
     "that it needs 4 would be lacking", "2M/node1=20"),
    ("vm", TWO + "write 2M/nr_hugepages 50\n", DB + WEB, ["2M/node1=5"],
     "frontend, which is declared, could start now", None),
    # memory that is no pool's, too
    ("vm", "node 0 memory=4G\nwrite 1G/nr_hugepages 1\n", "[vm plain]\nfile = PLAIN\n",
     ["2M=1500", "--floor", "0"], "plain, which is declared, could start now", None),
    ("declared", TWO, "[pool 2M]\nnode1 = 8\n", ["2M/node1=5"],
     "2M/node1: 8 pages are declared, and 5 would be there", "2M/node1=8"),
    ("declared", TWO, "[pool 2M]\npages = 18\n", ["2M=-3"],
     "2M: 18 pages are declared, and 17 would be there", "2M=18"),
    ("reach", TWO, "", ["2M/node0=3000", "--floor", "0"], "of 3000 pages 952 cannot be had",
     "2M/node0=2048"),
    ("reach", "node 0 memory=4G\nzone 0 Normal managed=524288 free=500000\n"
     "zone 0 Movable managed=524288 free=500000\nwrite 2M/nr_hugepages 900\n", "",
     ["pinnable.2M/node0=+2000"], "pages", None),
]


def every_guard_says_by_how_much_and_what_passes(scratch):
    for guard, host, declared, wishes, says, passes in GUARDS:
        (Path(scratch) / "plain").write_text("-m 2G -mem-prealloc")
        root = declared_in(scratch, declared.replace("PLAIN", f"{scratch}/plain"))
        what = f"{guard}: {' '.join(wishes)}"
        code, seen = plan(scratch, host, "--root", root, *wishes)
        expect(what, (code, guard in guards(seen)), (5, True))
        one = next(g for g in seen["guards"] if g["guard"] == guard)
        if says not in one["text"]:
            raise Wrong(f"{what}: no {says!r} in {one['text']!r}")
        allowed = sorted(set(guards(seen)))
        code, seen = plan(scratch, host, "--root", root, *wishes, "--allow", ",".join(allowed))
        expect(f"{what}, allowed", (code, [g["allowed"] for g in seen["guards"]]),
               (0, [True] * len(seen["guards"])))
        if passes:
            expect(f"{what}: what would pass", one["passes"], passes)
            options = wishes[wishes.index("--floor"):] if "--floor" in wishes else []
            code, seen = plan(scratch, host, "--root", root, *passes.split(), *options)
            expect(f"{what}: {passes}", (code, guards(seen)), (0, []))


def each_guard_of_the_manual_is_tried(_scratch):
    manual = (ROOT / "man/weir-set.1.scd").read_text().split("# GUARDS")[1].split("\n# ")[0]
    there = {line.strip("*") for line in manual.splitlines()
             if line.startswith("*") and line.endswith("*")}
    # pages that weird keeps are those of a running one: tests/live/test_warm_seen.py
    expect("guards", {row[0] for row in GUARDS} | {"lease"}, there)


def a_declared_vm_that_cannot_be_read_hides_no_other(scratch):
    root = declared_in(scratch, "[vm gone]\nfile = /nonexistent\n" + DB)
    code, seen = plan(scratch, THIRTY, "--root", root, "2M=12")
    expect("the other", (code, guards(seen)), (5, ["vm"]))
    expect("told", [n for n in seen["notes"] if "VM gone is not looked at" in n] != [], True)


# ---- how it is used

def bad_options_are_usage(scratch):
    host = host_in(scratch, TWO)
    for args in (["--allow", "frog"], ["--floor", "x"], ["--timeout", "0"], ["--timeout", "3h"],
                 ["--kernel", "frog"], ["--frog"], ["--allow", "surplus,"]):
        expect(" ".join(args), weir("set", "--host", host, *args, "2M=1")[0], 2)
    for args in (["--timeout", "0"], ["--allow", "surplus"], ["--floor", "1G"], ["--frog"]):
        expect("undo " + " ".join(args), weir("undo", "--state", scratch, *args)[0], 2)
    expect("undo", weir("undo", "--state", scratch, "--timeout", "2m", "--drop-caches", "--pressure",
                        "--keep-partial", "--yes")[0], 3)
    expect("no such host", weir("set", "--host", "/nonexistent", "2M=1")[0], 1)
    expect("no such VM", weir("set", "--host", host, "--for", "/nonexistent")[0], 2)
    expect("undo what", weir("undo", "frog")[0], 2)
    expect("log what", weir("log", "frog")[0], 2)


def a_captured_host_is_not_changed(scratch):
    for host in (HYGON, host_in(scratch, TWO)):
        code, _, err = weir("set", "--yes", "--host", host, "2M/node0=30")
        expect(host, (code, "a captured host cannot be changed" in " ".join(err.split())), (1, True))
    expect("nothing to do", weir("set", "--host", host_in(scratch, TWO), "2M=20")[0], 0)


def nothing_was_done_yet(scratch):
    state = f"{scratch}/none"
    expect("log", weir("log", "--state", state), (0, "weir has changed nothing on this host\n", ""))
    expect("as JSON", json.loads(weir("log", "--json", "--state", state)[1])["changes"], [])
    code, _, err = weir("undo", "--state", state)
    expect("undo", (code, "there is nothing to undo" in err), (3, True))
    code, _, err = weir("undo", "--state", state, "7")
    expect("undo 7", (code, "there is no change 7" in err), (3, True))
    expect("looking makes nothing", os.path.exists(state), False)


def a_damaged_journal_is_told(scratch):
    journal = Path(scratch) / "journal"
    journal.mkdir()
    (journal / "1").write_text("frog\n")
    (journal / "2").write_bytes(os.urandom(4096))
    (journal / "3").mkdir()
    (journal / "frog").write_text("")
    code, out, err = weir("log", "--state", scratch)
    expect("told", (code, err.count("is damaged")), (0, 3))


def a_pipe_that_closes_is_no_crash(scratch):
    host = host_in(scratch, TWO)
    for args in (["-n"], ["-n", "--json"]):
        shell = f"'{WEIR}' set {' '.join(args)} --host '{host}' 2M=99; echo $? >&2"
        done = subprocess.run(["sh", "-c", f"{{ {shell}; }} | true"], capture_output=True,
                              text=True, check=False)
        status = int(done.stderr.split()[-1])
        if status not in (0, 1, 141):
            raise Wrong(f"{args}: exit {status}: {done.stderr}")
    with open("/dev/full", "w") as full:
        done = subprocess.run([WEIR, "set", "-n", "--host", host, "2M=99"], stdout=full,
                              stderr=subprocess.PIPE, check=False)
    expect("a full disk", done.returncode, 1)


CASES = [a_partial_result_is_no_success, a_limit_of_gigantic_pages_is_an_error,
         no_count_takes_the_whole_host, wishes_are_exact_or_refused,
         a_shrink_below_use_is_refused, what_passes_a_guard_passes, a_dry_run_is_dry,
         nodes_may_differ, there_is_no_noise, growth_for_a_vm_ends,
         admission_minds_what_is_reserved, growth_for_a_bound_vm_is_on_its_node,
         an_even_share_goes_as_far_as_it_can, a_larger_page_is_cut_up,
         old_kernels_get_other_numbers, min_size_of_a_mount_is_a_guard_of_its_own,
         every_guard_says_by_how_much_and_what_passes, each_guard_of_the_manual_is_tried,
         a_declared_vm_that_cannot_be_read_hides_no_other,
         bad_options_are_usage, a_captured_host_is_not_changed, nothing_was_done_yet,
         a_damaged_journal_is_told, a_pipe_that_closes_is_no_crash]


def main():
    failed = 0
    print(f"1..{len(CASES)}")
    for number, case in enumerate(CASES, 1):
        word = "ok"
        try:
            with tempfile.TemporaryDirectory(prefix="weir-set.") as scratch:
                case(scratch)
        except (Wrong, OSError, ValueError, KeyError, IndexError,
                subprocess.SubprocessError) as error:
            word, failed = "not ok", failed + 1
            print(f"# {type(error).__name__}: {error}")
        print(f"{word} {number} - {case.__name__}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
