#!/usr/bin/env python3
"""test_status.py WEIR: `weir status` against the files of the running kernel, to the page,
with pools of both sizes set, reserved, in use, in surplus, kept by a mount's min_size, and
charged to a cgroup."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pools
from pools import MM, NODES, read, size_dir

WEIR = sys.argv[1] if len(sys.argv) > 1 else "weir"
M2, G1 = 2 << 20, 1 << 30


def status(*arguments):
    done = subprocess.run([WEIR, "status", "--json", *arguments], capture_output=True,
                          check=True)
    return json.loads(done.stdout)


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got}, not {want}")


def count(path):
    return read(path) if path.exists() else None


def expect_pool(name, pool, directory):
    for key, file in (("pages", "nr_hugepages"), ("free", "free_hugepages"),
                      ("surplus", "surplus_hugepages"), ("reserved", "resv_hugepages")):
        expect(f"{name} {key}", pool[key], count(directory / file))
    expect(f"{name} in_use", pool["in_use"], pool["pages"] - pool["free"])
    expect(f"{name} persistent", pool["persistent"], pool["pages"] - pool["surplus"])


def meminfo(text):
    """name -> bytes, or pages for the HugePages_ lines"""
    values = {}
    for line in text.splitlines():
        words = line.split(":")[1].split()
        values[line.split(":")[0].split()[-1]] = int(words[0]) * (1024 if words[1:] else 1)
    return values


def agrees():
    """Every number of weir that the kernel shows too; returns weir's document."""
    seen = status()
    expect("consistent", seen["host"]["consistent"], True)
    sizes = sorted(int(d.name[10:-2]) * 1024 for d in MM.iterdir())
    expect("sizes", [p["size_bytes"] for p in seen["pools"]], sizes)
    for pool in seen["pools"]:
        size = pool["size_bytes"]
        expect_pool(f"{size}", pool, size_dir(size))
        expect("really free", (pool["really_free_min"], pool["really_free_max"]),
               (max(0, pool["free"] - pool["reserved"]),) * 2)
        expect("overcommit", pool["overcommit"],
               read(size_dir(size) / "nr_overcommit_hugepages"))
        for node in pool["nodes"]:
            where = NODES / f"node{node['node']}" / "hugepages" / size_dir(size).name
            expect_pool(f"{size} node {node['node']}", node, where)
    info = meminfo(Path("/proc/meminfo").read_text())
    default = next(p for p in seen["pools"] if p["size_bytes"] == info["Hugepagesize"])
    for key, line in (("pages", "HugePages_Total"), ("free", "HugePages_Free"),
                      ("reserved", "HugePages_Rsvd"), ("surplus", "HugePages_Surp")):
        expect(line, default[key], info[line])
    expect("Hugetlb", seen["host"]["pool_bytes"], info["Hugetlb"])
    expect("MemTotal", seen["host"]["memory_bytes"], info["MemTotal"])
    expect("sysctl", seen["sysctl"]["nr_hugepages"], read("/proc/sys/vm/nr_hugepages"))
    for node in seen["nodes"]:
        text = (NODES / f"node{node['node']}" / "meminfo").read_text()
        expect("node MemTotal", node["total_bytes"], meminfo(text)["MemTotal"])
    return seen


def ids(seen):
    return {finding["id"] for finding in seen["findings"]}


def pool_of(seen, size):
    return next(p for p in seen["pools"] if p["size_bytes"] == size)


def idle_host_agrees():
    with pools.others_wait():
        agrees()


def pools_of_both_sizes_agree():
    pools.need([M2, G1])
    with pools.saved_pools():
        pools.set_pool(M2, 64)
        pools.set_pool(G1, 1)
        seen = agrees()
        expect("2M", pool_of(seen, M2)["pages"], 64)
        expect("1G", pool_of(seen, G1)["pages"], 1)
        expect("hidden size found", "size-hidden-in-meminfo" in ids(seen), True)


def reserved_and_in_use_pages_agree():
    pools.need([M2])
    with pools.saved_pools():
        pools.set_pool(M2, 32)
        with pools.holder(M2, 20, 5):
            seen = agrees()
            pool = pool_of(seen, M2)
            expect("counters", (pool["in_use"], pool["reserved"], pool["really_free_min"]),
                   (5, 15, 12))
            expect("found", "reserved-untouched" in ids(seen), True)
            with pools.holder(M2, 12, 0):
                seen = agrees()
                expect("really free", pool_of(seen, M2)["really_free_max"], 0)
                expect("found", "free-all-reserved" in ids(seen), True)


def surplus_after_a_shrink_agrees():
    pools.need([M2])
    with pools.saved_pools():
        pools.set_pool(M2, 16)
        with pools.holder(M2, 10, 4):
            pools.write(size_dir(M2) / "nr_hugepages", 3)
            seen = agrees()
            pool = pool_of(seen, M2)
            expect("counters", (pool["pages"], pool["surplus"], pool["persistent"]),
                   (10, 7, 3))
            expect("found", {"surplus-trapped", "proc-and-sysfs-differ"} <= ids(seen), True)


def surplus_by_overcommit_agrees():
    pools.need([M2])
    with pools.saved_pools():
        pools.set_pool(M2, 2)
        pools.write(size_dir(M2) / "nr_overcommit_hugepages", 6)
        with pools.holder(M2, 5, 5):
            seen = agrees()
            expect("surplus", pool_of(seen, M2)["surplus"], 3)
            expect("found", "surplus-overcommit" in ids(seen), True)
            expect("not trapped", "surplus-trapped" in ids(seen), False)


def mount_with_minimum_agrees():
    pools.need([M2])
    with pools.saved_pools():
        pools.set_pool(M2, 8)
        with pools.mounted("pagesize=2M,size=16M,min_size=4M,nr_inodes=9") as target:
            pools.write(size_dir(M2) / "nr_hugepages", 0)
            seen = agrees()
            pool = pool_of(seen, M2)
            expect("kept", (pool["pages"], pool["free"], pool["reserved"],
                            pool["surplus"]), (2, 2, 2, 2))
            mount = next(m for m in seen["mounts"] if m["target"] == target)
            expect("mount", {k: mount[k] for k in ("page_bytes", "limit_bytes",
                                                   "minimum_bytes", "inodes", "blocks",
                                                   "free_blocks")},
                   {"page_bytes": M2, "limit_bytes": 16 << 20, "minimum_bytes": 4 << 20,
                    "inodes": 9, "blocks": 8, "free_blocks": 8})
            expect("found", "mount-keeps-pages" in ids(seen), True)


def mount_that_contradicts_its_name_is_found():
    pools.need([M2, G1])
    with pools.saved_pools(), pools.mounted("pagesize=2M", "-1G") as target:
        expect("found", "mount-name-contradicts" in ids(status()), True)
        # the right one on top of it hides it
        subprocess.run(["mount", "-t", "hugetlbfs", "-o", "pagesize=1G", "none", target],
                       check=True)
        try:
            expect("found", "mount-name-contradicts" in ids(status()), False)
        finally:
            subprocess.run(["umount", target], check=True)


def cgroup2_with_hugetlb():
    """The mount of the v2 tree if it has the controller, and may be given a group."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        if " - cgroup2 " in line:
            root = Path(line.split()[4])
            if "hugetlb" in (root / "cgroup.controllers").read_text():
                return root
    raise pools.Skip("no cgroup v2 tree with the hugetlb controller")


def cgroup_with_a_limit_agrees():
    pools.need([M2])
    root = cgroup2_with_hugetlb()
    control = root / "cgroup.subtree_control"
    had = "hugetlb" in control.read_text()
    group = root / "weir-test"
    with pools.saved_pools():
        pools.set_pool(M2, 8)
        if not had:
            control.write_text("+hugetlb")
        group.mkdir()
        try:
            (group / "hugetlb.2MB.max").write_text(str(6 << 20))

            def join():
                (group / "cgroup.procs").write_text(str(os.getpid()))

            with pools.holder(M2, 5, 2, join):
                seen = agrees()
                use = next(g for g in seen["cgroups"] if g["path"] == "/weir-test"
                           and g["page_bytes"] == M2)
                expect("group", (use["usage_bytes"], use["limit_bytes"],
                                 use["reserved_bytes"], use["reserved_limit_bytes"]),
                       (4 << 20, 6 << 20, 10 << 20, "max"))
                expect("found", "cgroup-without-rsvd-limit" in ids(seen), True)
        finally:
            group.rmdir()
            if not had:
                control.write_text("-hugetlb")


def looking_changes_nothing():
    def state():
        return {path: path.read_text() for d in (MM, NODES) for path in d.rglob("*")
                if path.name in ("nr_hugepages", "nr_overcommit_hugepages",
                                 "surplus_hugepages", "resv_hugepages")}

    before = state()
    for form in (["status"], ["status", "--json"], ["status", "-P"], ["status", "-r"]):
        subprocess.run([WEIR, *form], check=True, stdout=subprocess.DEVNULL)
    expect("the pools", state(), before)


if __name__ == "__main__":
    sys.exit(pools.run_tests([
        idle_host_agrees,
        pools_of_both_sizes_agree,
        reserved_and_in_use_pages_agree,
        surplus_after_a_shrink_agrees,
        surplus_by_overcommit_agrees,
        mount_with_minimum_agrees,
        mount_that_contradicts_its_name_is_found,
        cgroup_with_a_limit_agrees,
        looking_changes_nothing,
    ]))
