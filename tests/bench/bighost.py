"""bighost: a captured host of any size, as a tree of kernel text, for measurements."""

ZONE = """Node {node}, zone   {zone:>6s}
  pages free     {free}
        boost    0
        min      7058
        low      40085
        high     73112
        promo    106139
        spanned  33554432
        present  33554432
        managed  33027391
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
POOL = {"nr_hugepages": 2048, "free_hugepages": 1024, "surplus_hugepages": 0}


def zoneinfo(nodes, cpus):
    text = []
    for node in range(nodes):
        for zone in (["DMA", "DMA32"] if node == 0 else []) + ["Normal"]:
            text.append(ZONE.format(node=node, zone=zone, free=16127918))
            text += [PAGESET.format(cpu=cpu, count=cpu % 97) for cpu in range(cpus)]
            text.append("  node_unreclaimable:  0\n  start_pfn:           1048576\n")
    return "".join(text)


def make_host(tree, nodes, cpus):
    """Writes the tree; the numbers are plausible and all nodes alike."""
    files = {
        "@/capture": "weir-capture 1\n",
        "@/pagesize": "4096\n",
        "proc/cmdline": "hugepagesz=2M hugepages=16384\n",
        "proc/sys/kernel/osrelease": "6.6.0-bench\n",
        "proc/sys/vm/nr_hugepages": f"{2048 * nodes}\n",
        "proc/meminfo": f"MemTotal: {nodes << 27} kB\nMemFree: {nodes << 26} kB\n"
                        f"MemAvailable: {nodes << 26} kB\n"
                        f"HugePages_Total: {2048 * nodes}\nHugePages_Free: {1024 * nodes}\n"
                        "HugePages_Rsvd: 0\nHugePages_Surp: 0\nHugepagesize: 2048 kB\n",
        "proc/zoneinfo": zoneinfo(nodes, cpus),
        "proc/buddyinfo": "".join(f"Node {n}, zone   Normal" + " 1024" * 11 + "\n"
                                  for n in range(nodes)),
        "sys/devices/system/node/online": f"0-{nodes - 1}\n",
        "sys/devices/system/node/has_memory": f"0-{nodes - 1}\n",
    }
    for size, share in (("2048", 1), ("1048576", 0)):
        directory = f"sys/kernel/mm/hugepages/hugepages-{size}kB"
        for name, pages in {**POOL, "resv_hugepages": 0,
                            "nr_overcommit_hugepages": 0}.items():
            files[f"{directory}/{name}"] = f"{pages * nodes * share}\n"
        for node in range(nodes):
            where = f"sys/devices/system/node/node{node}"
            for name, pages in POOL.items():
                files[f"{where}/hugepages/hugepages-{size}kB/{name}"] = f"{pages * share}\n"
    each = cpus // nodes
    for node in range(nodes):
        where = f"sys/devices/system/node/node{node}"
        files[f"{where}/meminfo"] = f"Node {node} MemTotal: {1 << 27} kB\n"
        files[f"{where}/cpulist"] = f"{node * each}-{node * each + each - 1}\n"
    for path, text in files.items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
