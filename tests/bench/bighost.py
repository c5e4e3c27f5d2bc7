"""bighost: a captured host of any size, as a tree of kernel text, for measurements."""

ZONE = """Node {node}, zone   {zone:>6s}
  pages free     {free}
        boost    0
        min      7058
        low      40085
        high     73112
        promo    106139
        spanned  {pages}
        present  {pages}
        managed  {pages}
        cma      0
        protection: (0, 0, 0, 0)
      nr_free_pages {free}
      nr_zone_inactive_anon 13
      nr_zone_active_anon 17
      nr_zone_inactive_file 19
      nr_zone_active_file 23
      nr_zone_unevictable 0
      nr_zone_write_pending 0
      nr_mlock     0
      nr_free_cma  0
  pagesets
"""
PAGESET = """    cpu: {cpu}
              count:    {count}
              high:     1722
              batch:    63
              high_min: 1722
              high_max: 12345
  vm stats threshold: 125
"""


def pool(nr, free):
    return {"nr_hugepages": nr, "free_hugepages": free, "surplus_hugepages": 0}


def zoneinfo(nodes, cpus, node_pages):
    text = []
    for node in range(nodes):
        for zone in (["DMA", "DMA32"] if node == 0 else []) + ["Normal"]:
            text.append(ZONE.format(node=node, zone=zone, pages=node_pages,
                                    free=node_pages // 2))
            text += [PAGESET.format(cpu=cpu, count=cpu % 97) for cpu in range(cpus)]
            text.append("  node_unreclaimable:  0\n  start_pfn:           1048576\n")
    return "".join(text)


def cgroups(vms, pages):
    """The groups of so many running VMs with so many 2M pages each."""
    files = {"proc/self/mountinfo": "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"
                                    "40 1 0:30 / /dev/hugepages rw - hugetlbfs hugetlbfs "
                                    "rw,pagesize=2M\n"}
    for vm in range(-1, vms):
        group = "sys/fs/cgroup/machine.slice" + (f"/vm{vm}.scope" if vm >= 0 else "")
        usage = (pages if vm >= 0 else pages * vms) << 21
        for size in ("2MB", "1GB"):
            used = usage if size == "2MB" else 0
            files.update({f"{group}/hugetlb.{size}.{name}": text for name, text in
                          (("current", f"{used}\n"), ("max", "max\n"),
                           ("rsvd.current", f"{used}\n"), ("rsvd.max", "max\n"),
                           ("events", "max 0\n"))})
    return files


def make_host(tree, nodes, cpus, node_gib=128, pool_2m=2048, pool_1g=0, vms=0):
    """Writes the tree; the numbers are plausible and all nodes alike. pool_2m, pool_1g:
    pages on each node, half of them free; @vms have the others."""
    files = {
        "@/capture": "weir-capture 1\n",
        "@/pagesize": "4096\n",
        "proc/cmdline": "hugepagesz=2M hugepages=16384\n",
        "proc/sys/kernel/osrelease": "6.6.0-bench\n",
        "proc/sys/vm/nr_hugepages": f"{pool_2m * nodes}\n",
        "proc/meminfo": f"MemTotal: {nodes * node_gib << 20} kB\n"
                        f"MemFree: {nodes * node_gib << 19} kB\n"
                        f"MemAvailable: {nodes * node_gib << 19} kB\n"
                        f"HugePages_Total: {pool_2m * nodes}\n"
                        f"HugePages_Free: {pool_2m // 2 * nodes}\n"
                        "HugePages_Rsvd: 0\nHugePages_Surp: 0\nHugepagesize: 2048 kB\n",
        "proc/zoneinfo": zoneinfo(nodes, cpus, node_gib << 18),
        "proc/buddyinfo": "".join(f"Node {n}, zone   Normal" + " 1024" * 11 + "\n"
                                  for n in range(nodes)),
        "sys/devices/system/node/online": f"0-{nodes - 1}\n",
        "sys/devices/system/node/has_memory": f"0-{nodes - 1}\n",
    }
    if vms:
        files.update(cgroups(vms, pool_2m * nodes // 2 // vms))
    for size, nr in (("2048", pool_2m), ("1048576", pool_1g)):
        directory = f"sys/kernel/mm/hugepages/hugepages-{size}kB"
        for name, pages in {**pool(nr, nr - nr // 2), "resv_hugepages": 0,
                            "nr_overcommit_hugepages": 0}.items():
            files[f"{directory}/{name}"] = f"{pages * nodes}\n"
        for node in range(nodes):
            where = f"sys/devices/system/node/node{node}"
            for name, pages in pool(nr, nr - nr // 2).items():
                files[f"{where}/hugepages/hugepages-{size}kB/{name}"] = f"{pages}\n"
    each = cpus // nodes
    for node in range(nodes):
        where = f"sys/devices/system/node/node{node}"
        files[f"{where}/meminfo"] = (f"Node {node} MemTotal: {node_gib << 20} kB\n"
                                     f"Node {node} MemFree: {node_gib << 19} kB\n")
        files[f"{where}/cpulist"] = f"{node * each}-{node * each + each - 1}\n"
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
