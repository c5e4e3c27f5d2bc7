#!/usr/bin/env python3
"""test_check.py WEIR: `weir check` and `weir fit` as a user meets them: bad input, several
VMs, JSON, pipes that close, hosts that tell little. TAP."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

WEIR = str(Path(sys.argv[1]).resolve())
ROOT = Path(__file__).resolve().parents[2]
HYGON = str(ROOT / "tests/hosts/hygon-8node")
HOST = """node 0 memory=2G cpus=0
write 2M/nr_hugepages 100
"""


class Wrong(Exception):
    """What is wrong."""


def weir(*args, text="", **options):
    done = subprocess.run([WEIR, *map(str, args)], input=text, check=False, capture_output=True,
                          text=True, timeout=120,
                          env={**os.environ, "COLUMNS": "100", "LC_ALL": "C"}, **options)
    return done.returncode, done.stdout, done.stderr


def expect(what, got, want):
    if got != want:
        raise Wrong(f"{what}: {got!r}, not {want!r}")


def refused(text, words, *args, status=2, command="check"):
    code, out, err = weir(command, *args, "-", text=text)
    if code != status or out or words not in " ".join(err.split()):
        raise Wrong(f"{text[:60]!r}: status {code}, stdout {out[:200]!r}, stderr {err!r}")


def bad_command_lines(_):
    for command in ("check", "fit"):
        expect("no VM", weir(command)[0], 2)
        expect("no host", weir(command, "--host", "/nonexistent", "-")[0], 1)
        refused("-m 1G", "wants nodes 0 to 63", "--nodes", "64", command=command)
        refused("-m 1G", "wants nodes 0 to 63", "--nodes", "x", command=command)
        refused("-m 1G", "no kernel version", "--kernel", "frog", command=command)
        expect("no file", weir(command, "/nonexistent/vm")[0], 2)
        expect("not a process", weir(command, "pid:frog")[0], 2)
    refused("-m 1G", "wants a size", "--memlock", "2Mfoo")
    refused("-m 1G", "wants qemu or libvirt", "--emit", "xen")
    expect("running takes no VM", weir("check", "--running", "-")[0], 2)
    expect("emit takes no JSON", weir("check", "--emit", "qemu", "--json", "-")[0], 2)
    refused("vms: [{name: a, memory: 1G}, {name: b, memory: 1G}]", "fit is asked of one",
            command="fit")


def bad_texts(_):
    refused("-m 0", "-m '0'")
    refused("-m 9223372036854775808B", "-m '9223372036854775808B'")
    refused("-m 1Q", "'1Q'")
    refused('-m 1G -object \'{"qom-type":"memory-backend-ram"\'', "JSON")
    refused("-m 1G -object memory-backend-ram,id=a,size=1G,host-nodes=64,policy=bind",
            "host-nodes=64")
    refused("<domain><memory>", "line 1")
    refused('<!DOCTYPE d [<!ENTITY a "b">]><domain type="kvm"><name>x</name>'
            "<memory>1048576</memory></domain>", "DOCTYPE")
    refused('<!DOCTYPE d [<!ENTITY a SYSTEM "file:///etc/passwd">]><domain>'
            "<name>&a;</name><memory>1048576</memory></domain>", "DOCTYPE")
    refused("<domain type='kvm'><name>x</name><memory unit='frogs'>1</memory></domain>", "frogs")
    refused("memory: &a 1G\nname: *a\n", "")
    refused("name: x\nmemory: 1G\nmemroy: 2G\n", "memroy")
    refused("-m 1G " + "-x " * (1 << 20), "")
    refused("name: x\nmemory: 0\n", "memory")


def names_are_told_apart(directory):
    host = f"scenario:{directory}/host"
    twice = "vms: [{name: a, memory: 64M}, {name: a, memory: 64M}]"
    refused(twice, "'a'", "--host", host)
    one = Path(directory) / "one"
    one.write_text("-m 64M")
    code, out, _ = weir("check", "--host", host, "--json", one, one)
    expect("status", code, 0)
    expect("names", [vm["name"] for vm in json.loads(out)["vms"]], ["vm", "vm-2"])


def several_vms_in_order(directory):
    host = f"scenario:{directory}/host"
    text = ("vms:\n- {name: a, memory: 128M, pages: 2M, backing: memfd}\n"
            "- {name: b, memory: 100M, pages: 2M, backing: memfd}\n")
    code, out, _ = weir("check", "--host", host, "--json", "-", text=text)
    vms = json.loads(out)["vms"]
    expect("verdicts", ([vm["verdict"] for vm in vms], code), (["yes", "no"], 3))
    expect("what decides", (vms[1]["need"], vms[1]["have_min"], vms[1]["have_max"]),
           (50, 36, 36))
    for vm in vms:
        if vm["have_min"] is not None and vm["have_min"] > vm["have_max"]:
            raise Wrong(f"bounds of {vm['name']}: {vm['have_min']} to {vm['have_max']}")
    took = sum(row.get("pool", 0) for row in vms[0]["sources"])
    expect("pool pages taken", took, 128 << 20)
    if not any("start it first" in r["text"] for r in vms[1]["remedies"]):
        commands = [r["command"] for r in vms[1]["remedies"]]
        if not any(c and c.startswith("echo 14 > ") for c in commands):
            raise Wrong(f"no remedy of 14 pages: {commands}")


def fit_agrees_with_check(directory):
    host = f"scenario:{directory}/host"
    vm = "name: a\nmemory: 30M\npages: 2M\nbacking: memfd\nprealloc: true\n"
    code, out, _ = weir("fit", "--host", host, "--json", "-", text=vm)
    row = next(r for r in json.loads(out)["kinds"] if r["asked"])
    expect("fits", (row["min"], row["max"], code), (6, 6, 0))
    for count, status in ((6, 0), (7, 3)):
        code, _, err = weir("check", "--host", host, "-", text=f"{vm}count: {count}\n")
        expect(f"{count} of them", (code, err), (status, ""))


def hosts_that_tell_little(_):
    for host in sorted((ROOT / "tests/hosts").iterdir()):
        if not host.is_dir():
            continue
        for text in ("-m 1G", "{name: x, kind: CSV2, memory: 2G, pages: 2M}",
                     "{name: x, memory: 1G, vfio: 1}", "{name: x, memory: 1G, locked: true}"):
            for command in (["check"], ["check", "--json"], ["fit", "--total", "--json"]):
                code, out, err = weir(*command, "--host", host, "-", text=text)
                if code not in (0, 1, 2, 3) or (code in (0, 3)) != bool(out):
                    raise Wrong(f"{command} {host.name} {text}: {code}, {err}")
                if code in (0, 3) and "--json" in command:
                    json.loads(out)


def same_bytes_twice(_):
    text = "{name: x, kind: CSV2, memory: 31G, pages: 2M, cpuset: '1'}"
    runs = {weir("check", "--json", "--host", HYGON, "-", text=text)[1] for _ in range(3)}
    expect("different outputs", len(runs), 1)


def nowhere_to_write(_):
    with open("/dev/full", "w", encoding="utf-8") as full:
        for command in (["check", "-"], ["check", "--json", "-"], ["fit", "-"],
                        ["check", "--running"]):
            done = subprocess.run([WEIR, *command], input="-m 64M", text=True, stdout=full,
                                  stderr=subprocess.PIPE, check=False, timeout=60)
            expect(f"{command}", (done.returncode, bool(done.stderr)), (1, True))


def emitted_is_read_again(directory):
    host = f"scenario:{directory}/host"
    vm = "{name: a, memory: 64M, pages: 2M, backing: memfd, prealloc: true}"
    _, out, _ = weir("check", "--emit", "qemu", "--host", host, "-", text=vm)
    if "memory-backend-memfd" not in out or "prealloc=on" not in out:
        raise Wrong(out)
    words = "\n".join(line for line in out.splitlines() if not line.startswith("#"))
    expect("read again", weir("check", "--host", host, "-", text=words)[0], 0)
    _, out, _ = weir("check", "--emit", "libvirt", "--host", host, "-", text=vm)
    if "<hugepages><page size='2048' unit='KiB'/></hugepages>" not in out:
        raise Wrong(out)


def csv3_from_pages_of_1g(directory):
    host = Path(directory) / "csv"
    host.write_text("boot csv_use_hugetlb=4 hugepagesz=1G hugepages=8\n"
                    "node 0 memory=32G cpus=0\ntask A\n")
    for gib, status in ((8, 0), (9, 3)):
        code, out, _ = weir("check", "--json", "--host", f"scenario:{host}", "-",
                            text=f"{{name: x, kind: CSV3, memory: {gib}G}}")
        vm = json.loads(out)["vms"][0]
        expect(f"{gib}G", (code, vm["unit_bytes"], vm["need"], vm["have_max"]),
               (status, 1 << 30, gib, 8))


CHECKS = [bad_command_lines, csv3_from_pages_of_1g, bad_texts, names_are_told_apart, several_vms_in_order,
          fit_agrees_with_check, hosts_that_tell_little, same_bytes_twice, nowhere_to_write,
          emitted_is_read_again]


def main():
    failed = 0
    print(f"1..{len(CHECKS)}")
    with tempfile.TemporaryDirectory(prefix="weir-check.") as directory:
        (Path(directory) / "host").write_text(HOST)
        for number, check in enumerate(CHECKS, 1):
            wrong = ""
            try:
                check(directory)
            except (Wrong, KeyError, ValueError, StopIteration) as error:
                wrong = f"{type(error).__name__}: {error}"
            failed += bool(wrong)
            print(f"{'not ok' if wrong else 'ok'} {number} - {check.__name__.replace('_', ' ')}",
                  flush=True)
            if wrong:
                print("\n".join(f"# {line}" for line in wrong.splitlines()))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
