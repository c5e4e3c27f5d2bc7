#!/usr/bin/env python3
"""test_libvirt_hook.py WEIR: dist/libvirt/weir-lease as libvirt calls it, with the XML that
libvirt writes, against a weird that is none: what is leased, what is linked, and what becomes
of it when something is wrong. TAP."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from fake_weird import FakeWeird, Refused

WEIR = str(Path(sys.argv[1]).resolve())
HOOK = str(Path(__file__).resolve().parents[2] / "dist/libvirt/weir-lease")
UUID = "8264a631-6448-41d6-b76a-7af36ceef02c"
G = 1 << 30

# As libvirt 9.0 writes it for "start", less what the hook does not look at.
PLAIN = f"""<domain type='qemu' id='7'>
  <name>vm 1</name>
  <uuid>{UUID}</uuid>
  <metadata>
    <weir:warm xmlns:weir="urn:weir:libvirt:1" page="2M"/>
  </metadata>
  <memory unit='KiB'>4194304</memory>
  <currentMemory unit='KiB'>2097152</currentMemory>
  <memoryBacking>
    <source type='file'/>
    <access mode='shared'/>
  </memoryBacking>
  <vcpu placement='static'>1</vcpu>
  <os><type arch='x86_64' machine='pc-q35-7.2'>hvm</type></os>
  <devices/>
</domain>
"""
NUMA = PLAIN.replace("<devices/>", """<cpu><numa>
      <cell id='0' cpus='0' memory='1048576' unit='KiB'/>
      <cell id='1' cpus='1' memory='2097152' unit='KiB' memAccess='shared'/>
    </numa></cpu>
  <numatune>
    <memory mode='strict' nodeset='0'/>
    <memnode cellid='1' mode='strict' nodeset='1'/>
  </numatune>
  <devices>
    <memory model='dimm'>
      <target><size unit='KiB'>524288</size><node>1</node></target>
      <alias name='dimm0'/>
    </memory>
    <memory model='virtio-mem'>
      <target><size unit='KiB'>1048576</size><node>0</node></target>
      <alias name='virtiomem0'/>
    </memory>
  </devices>""")


class Wrong(Exception):
    """What is wrong."""


def expect(what, got, want):
    if got != want:
        raise Wrong(f"{what} is {got!r}, not {want!r}")


class Host:
    """A weird that is none, and the directory of a domain's memory."""

    def __init__(self):
        self.weird = FakeWeird()
        self.folder = tempfile.TemporaryDirectory(prefix="weir-test.")
        self.ram = Path(self.folder.name) / "7-vm 1"

    def __enter__(self):
        self.weird.__enter__()
        self.ram.mkdir()
        return self

    def __exit__(self, *_):
        self.weird.__exit__()
        self.folder.cleanup()

    def hook(self, *args, xml=PLAIN):
        done = subprocess.run(
            [HOOK, *args], input=xml, capture_output=True, text=True, check=False, timeout=60,
            env={"PATH": os.environ["PATH"], "WEIR": WEIR, "WEIR_SOCKET": self.weird.socket,
                 "WEIR_LIBVIRT_RAM": self.folder.name})
        expect("stdout", done.stdout, "")
        return done.returncode, done.stderr

    def starts(self, xml=PLAIN):
        expect("the hook's result", self.hook("vm 1", "start", "begin", "-", xml=xml), (0, ""))

    def fails(self, words, xml=PLAIN):
        code, err = self.hook("vm 1", "start", "begin", "-", xml=xml)
        if code != 1 or words not in err or len(err.splitlines()) != 1:
            raise Wrong(f"status {code}, stderr {err!r}")
        expect("leases", self.weird.leases, {})

    def links(self):
        return {path.name: os.readlink(path) for path in self.ram.iterdir()}

    def asked(self, op="lease"):
        return [request for request in self.weird.requests if request["op"] == op]


def a_domain_starts_on_a_lease():
    with Host() as host:
        host.starts()
        expect("links", host.links(), {"pc.ram": host.weird.leases[1]["path"]})
        expect("requests", host.asked(),
               [{"weir": 1, "id": 1, "op": "lease", "bytes": 4 * G, "page_bytes": 2 << 20,
                 "name": f"libvirt:{UUID}:pc.ram", "owner": {"use": True},
                 "user": os.getuid()}])
        expect("the hook's result", host.hook("vm 1", "release", "end", "-"), (0, ""))
        expect("leases", host.weird.leases, {})


def each_node_has_its_own():
    with Host() as host:
        host.starts(NUMA)
        expect("links", set(host.links()), {"ram-node0", "ram-node1", "memdimm0"})
        expect("sizes and nodes", [(r["bytes"], r["node"]) for r in host.asked()],
               [(G, 0), (2 * G, 1), (G // 2, 1)])
        host.hook("vm 1", "release", "end", "-", xml=NUMA)
        expect("leases", host.weird.leases, {})


def other_domains_are_none_of_its_business():
    with Host() as host:
        host.starts(PLAIN.replace("urn:weir:libvirt:1", "urn:other"))
        for operation in (("prepare", "begin"), ("started", "begin"), ("stopped", "end"),
                          ("migrate", "begin"), ("restore", "begin"), ("reconnect", "begin")):
            for xml in (PLAIN, "", "frogs"):
                expect("the hook's result", host.hook("vm 1", *operation, "-", xml=xml),
                       (0, ""))
        expect("requests", host.weird.requests, [])


def wrong_domains_do_not_start():
    with Host() as host:
        for old, new, words in (
                ("<source type='file'/>", "", "wants <source type='file'/>"),
                ("<source type='file'/>", "<source type='memfd'/>", "wants <source"),
                ("<access mode='shared'/>", "", "wants <source"),
                ("<access mode='shared'/>", "<access mode='private'/>", "wants <source"),
                ("<access mode", "<hugepages/><access mode", "and no <hugepages>"),
                ("pc-q35-7.2", "raspi3b", "give the domain a NUMA cell"),
                ("4194304", "0x10", "a size that is none"),
                ("unit='KiB'>4194304", "unit='frogs'>4194304", "a size that is none"),
                ("id='7'", "id='8'", "no directory for the domain's memory"),
                ("4194304", "4194305", "not in whole pages"),
                ('page="2M"', 'page="3M"', "--size"),
                ("</domain>", "", "weir-lease: vm 1: ")):
            host.fails(words, PLAIN.replace(old, new, 1))
        for nodeset in ("x", "1-", "-1", "0-99999"):
            host.fails("a set of nodes that is none",
                       PLAIN.replace("<devices/>", "<numatune><memory mode='strict' "
                                                   f"nodeset='{nodeset}'/></numatune>"))
        expect("links", host.links(), {})


def without_memory_nothing_stays():
    """Of two nodes the second has no memory: the first lease is released again."""
    with Host() as host:
        host.fails("64G can be had at most", NUMA.replace("2097152' unit='KiB' memA",
                                                          "99' unit='TiB' memA"))
        expect("leases that were asked for", len(host.asked()), 2)


def without_weird_it_says_so():
    with Host() as host:
        host.weird.socket = "/nowhere/weird.sock"
        host.fails("weird is not running")


def warm_goes_before_cold_in_a_set_of_nodes():
    xml = PLAIN.replace("<devices/>", "<numatune><memory mode='strict' nodeset='0-3,^2-3'/>"
                                      "</numatune>")
    with Host() as host:
        real = host.weird.do_lease

        def only_node_1(request, mine):
            if request["node"] == 0 and request.get("warm_only"):
                raise Refused("not-warm", "nothing is warm on node 0", None)
            return real(request, mine)
        host.weird.do_lease = only_node_1
        host.starts(xml)
        expect("tries", [(r["node"], r.get("warm_only")) for r in host.asked()],
               [(0, True), (1, True)])
    with Host() as host:
        def nothing(request, _):
            raise Refused("not-warm" if request.get("warm_only") else "no-memory", "no", None)
        host.weird.do_lease = nothing
        host.fails("no memory for pc.ram", xml)
        expect("tries", [(r["node"], r.get("warm_only")) for r in host.asked()],
               [(0, True), (1, True), (0, None), (1, None)])
        host.weird.requests.clear()
        host.fails("no memory", PLAIN.replace('page="2M"', 'warm-only="yes"'))
        expect("requests", [r.get("warm_only") for r in host.asked()], [True])


def what_a_failed_start_left_is_released_first():
    with Host() as host:
        host.starts()
        (host.ram / "pc.ram").unlink()
        host.starts()
        expect("leases", list(host.weird.leases), [2])


def a_file_that_is_there_is_not_replaced():
    with Host() as host:
        (host.ram / "pc.ram").write_text("somebody's")
        host.fails("File exists")
        expect("the file", (host.ram / "pc.ram").read_text(), "somebody's")


TESTS = [a_domain_starts_on_a_lease, each_node_has_its_own,
         other_domains_are_none_of_its_business, wrong_domains_do_not_start,
         without_memory_nothing_stays, without_weird_it_says_so,
         warm_goes_before_cold_in_a_set_of_nodes, what_a_failed_start_left_is_released_first,
         a_file_that_is_there_is_not_replaced]


def main():
    failed = 0
    print(f"1..{len(TESTS)}")
    for nr, test in enumerate(TESTS, 1):
        try:
            test()
            result = "ok"
        except Exception as wrong:  # a test may fail in any way
            result, failed = "not ok", failed + 1
            print(f"# {test.__name__}: {type(wrong).__name__}: {wrong}")
        print(f"{result} {nr} - {test.__name__}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
