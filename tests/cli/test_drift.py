#!/usr/bin/env python3
"""test_drift.py WEIR: `weir drift` as a user meets it, on made-up systems below --root and
captured hosts or scenarios. TAP."""

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

WEIR = str(Path(sys.argv[1]).resolve())
HOSTS = Path(__file__).resolve().parents[1] / "hosts"
TWO_NODES = str(HOSTS / "debian-6.1-2nodes")

# As it is declared in AS_IS: 2M pages on two nodes.
SCENARIO = "nodes 2\nwrite 2M/node0/nr_hugepages 4\nwrite 2M/node1/nr_hugepages 2\n"
AS_IS = "[pool 2M]\nnode0 = 4\nnode1 = 2\n"


class Wrong(Exception):
    """What is wrong."""


def weir(*args, fine=None):
    done = subprocess.run([WEIR, "drift", *args], check=False, capture_output=True,
                          text=True, timeout=60, stdin=subprocess.DEVNULL,
                          env={**os.environ, "COLUMNS": "90", "LC_ALL": "C"})
    if fine is not None and (done.returncode != fine or done.stderr):
        raise Wrong(f"{args}: status {done.returncode}, not {fine}: {done.stdout!r} "
                    f"{done.stderr!r}")
    return done.returncode, done.stdout, done.stderr


def plant(folder, files):
    for path, text in files.items():
        where = Path(folder) / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text)
    return str(folder)


class System:
    """A made-up system and a scenario, in a folder of their own."""

    def __init__(self, files, scenario=SCENARIO):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-test.")
        self.root = plant(Path(self.folder.name) / "root", files)
        script = Path(self.folder.name) / "s.weir"
        script.write_text(scenario)
        self.args = ["--root", self.root, "--host", f"scenario:{script}"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()


def refused(*args, words, status=2):
    code, out, err = weir(*args)
    lines = err.splitlines()
    if lines[1:] == ["Try 'weir drift --help'."]:
        lines.pop()
    if code != status or out or len(lines) != 1 or words not in lines[0]:
        raise Wrong(f"{args}: status {code}, stdout {out!r}, stderr {err!r}")


def same(got, want):
    if got != want:
        raise Wrong(f"got {got!r}, not {want!r}")


def what_is_persisted_lacks_a_boot():
    grub = {"etc/default/grub": "", "usr/sbin/update-grub": ""}
    conf = {"etc/weir/pools.conf": "[pool 1G]\npages = 3\n"}
    with System({**grub, **conf}) as s:
        def help_of_boot():
            rows = json.loads(weir(*s.args, "--json")[1])["differences"]
            return next(r["help"] for r in rows if r["id"] == "boot-missing")

        same(help_of_boot(), "weir persist, and a boot")
        subprocess.run([WEIR, "persist", "--yes", *s.args], check=True, capture_output=True)
        same(help_of_boot(), "a boot")
        # written down, and GRUB has not been told
        plant(s.root, {"boot/grub/grub.cfg": "linux /vmlinuz\n"})
        same(help_of_boot(), "weir persist, and a boot")
        plant(s.root, {"boot/grub/grub.cfg": "linux /vmlinuz hugepagesz=1G hugepages=3\n"})
        same(help_of_boot(), "a boot")
        plant(s.root, {"etc/weir/pools.conf": "[pool 1G]\npages = 4\n"})
        same(help_of_boot(), "weir persist, and a boot")
    with System(conf) as s:  # no boot loader that is known
        same(help_of_boot(), "weir persist, and a boot")


def bad_command_lines():
    refused("now", words="takes no argument")
    refused("--json", "--nagios", words="it takes no --json")
    refused("--host", TWO_NODES, words="--root names where its declaration is")
    refused("--root", words="requires an argument")
    refused("--fix", words="unrecognized option")


def help_is_an_answer():
    for option in ("-h", "--help"):
        _, out, _ = weir(option, fine=0)
        if "Usage: weir drift" not in out:
            raise Wrong(out)


def nothing_declared_is_told():
    with System({"etc/weir/pools.conf": "# nothing yet\n"}) as s:
        refused(*s.args, status=1, words="nothing is declared: 'weir persist' writes")
        same(weir("--nagios", *s.args, fine=3)[1].split(":")[0],
             "WEIR UNKNOWN - nothing is declared")
    refused("--root", "/no/such/folder", status=1, words="open '/no/such/folder'")


def an_error_names_its_place():
    with System({"etc/weir/pools.conf": AS_IS,
                 "etc/weir/pools.d/10-x.conf": "[pool 2M]\n  page = 3\n"}) as s:
        refused(*s.args, status=1,
                words="/etc/weir/pools.d/10-x.conf:2:3: [pool] has no key 'page'")


def as_declared_is_0():
    with System({"etc/weir/pools.conf": AS_IS}) as s:
        _, out, _ = weir(*s.args, fine=0)
        same(out, "Declared: 6 pages of 2M, 0 mounts, in /etc/weir/pools.conf\n\n"
                  "No difference.\n")
        same(weir("--nagios", *s.args, fine=0)[1],
             "WEIR OK - as declared |differences=0;;0;0 later=0;0;;0 "
             "pages_2M=6;;6:6;0\n")
        document = json.loads(weir("--json", *s.args, fine=0)[1])
        same((document["drift"], document["complete"], document["differences"]),
             (False, True, []))


def a_difference_is_3():
    with System({"etc/weir/pools.conf": "[pool 2M]\nnode0 = 4\nnode1 = 5\n"}) as s:
        _, out, _ = weir(*s.args, fine=3)
        same(out, "Declared: 9 pages of 2M, 0 mounts, in /etc/weir/pools.conf\n\n"
                  "Differs now:\n"
                  "  2M on node 1: 5 declared, 2 found (/etc/weir/pools.conf:3)\n"
                  "    3 pages missing.\n"
                  "    helps: weir apply\n")
        same(weir("--nagios", *s.args, fine=2)[1].split("|")[0],
             "WEIR CRITICAL - 2M on node 1: 2 for 5 ")
        weir("--boot", *s.args, fine=0)


FOREIGN = {
    "etc/sysctl.d/10-old.conf": "vm.nr_hugepages = 1\n",
    "usr/lib/sysctl.d/10-old.conf": "vm.nr_hugepages = 2\n",  # masked
    "usr/lib/sysctl.d/20-db.conf": "# x\nvm/nr_hugepages=3\n",
    "etc/sysctl.conf": "-vm.nr_hugepages = 4\n",
    "etc/tuned/active_profile": "virtual-host\n",
    "etc/tuned/virtual-host/tuned.conf": "[main]\ninclude=base\n",
    "usr/lib/tuned/base/tuned.conf": "[sysctl]\nvm.nr_hugepages=5\n",
    "usr/lib/tuned/idle/tuned.conf": "[sysctl]\nvm.nr_hugepages=99\n",  # not active
    "etc/default/grub": 'GRUB_CMDLINE_LINUX="hugepagesz=2M hugepages=7"\n',
    "etc/default/grub.d/50-x.cfg": 'GRUB_CMDLINE_LINUX_DEFAULT="hugepages=8"\n',
    "etc/default/grub.d/99-weir.cfg":
        "# Written by weir persist\nGRUB_CMDLINE_LINUX=\"hugepages=98\"\n",
    "etc/kernel/cmdline": "ro hugepagesz=2M hugepages=9\n",
    "boot/loader/entries/a.conf": "title a\noptions hugepagesz=2M hugepages=10\n",
    "etc/systemd/system/huge.service":
        "[Service]\nExecStart=/bin/sh -c 'echo 11 > /proc/sys/vm/nr_hugepages'\n",
    "etc/tmpfiles.d/huge.conf":
        "w /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages - - - - 12\n",
    "etc/rc.local": "#!/bin/sh\nsysctl -w vm.nr_hugepages=13\n",
    "etc/libvirt/hooks/qemu": "#!/bin/sh\necho 14 > /proc/sys/vm/nr_hugepages\n",
    "etc/libvirt/hooks/qemu.d/x": "#!/bin/sh\necho 15 > /proc/sys/vm/nr_hugepages\n",
    "etc/pve/qemu-server/100.conf": "hugepages: 2\nhookscript: local:snippets/h.sh\n",
    "var/lib/vz/snippets/h.sh": "echo 17 > /proc/sys/vm/nr_hugepages\n",
}


def foreign_writers_are_found_with_file_and_line():
    with System({"etc/weir/pools.conf": AS_IS, **FOREIGN}) as s:
        document = json.loads(weir("--json", *s.args, fine=3)[1])
        found = [(f["file"], f["line"], f["value"]) for f in document["foreign"]]
        same(found, [
            ("/etc/sysctl.d/10-old.conf", 1, 1),
            ("/usr/lib/sysctl.d/20-db.conf", 2, 3),
            ("/etc/sysctl.conf", 1, 4),
            ("/usr/lib/tuned/base/tuned.conf", 2, 5),
            ("/etc/default/grub", 1, 7),
            ("/etc/default/grub.d/50-x.cfg", 1, 8),
            ("/etc/kernel/cmdline", 1, 9),
            ("/boot/loader/entries/a.conf", 2, 10),
            ("/etc/systemd/system/huge.service", 2, 11),
            ("/etc/tmpfiles.d/huge.conf", 1, 12),
            ("/etc/rc.local", 2, 13),
            ("/etc/libvirt/hooks/qemu", 2, 14),
            ("/etc/libvirt/hooks/qemu.d/x", 2, 15),
            ("/etc/pve/qemu-server/100.conf", 1, None),
            ("/var/lib/vz/snippets/h.sh", 1, 17),
        ])
        _, out, _ = weir(*s.args, fine=3)
        if "Differs now" in out or "/etc/rc.local:2 sets it to 13: sysctl -w" not in out:
            raise Wrong(out)
        line = weir("--nagios", *s.args, fine=1)[1]
        if not re.match(r"WEIR WARNING - 2M set by /etc/sysctl.d/10-old.conf:1, ", line):
            raise Wrong(line)


def one_that_says_the_same_is_a_note():
    with System({"etc/weir/pools.conf": AS_IS,
                 "etc/sysctl.conf": "vm.nr_hugepages = 6\n",
                 "etc/kernel/cmdline": "hugepagesz=2M hugepages=6\n"}) as s:
        _, out, _ = weir(*s.args, fine=0)
        if "/etc/sysctl.conf:1 sets the same" not in out or "cmdline" in out:
            raise Wrong(out)


def what_leads_out_of_the_root_does_not():
    with System({"etc/weir/pools.conf": AS_IS}) as s:
        (Path(s.root) / "etc/sysctl.d").mkdir()
        (Path(s.root) / "etc/sysctl.d/90-x.conf").symlink_to(
            "../../../../../../../../etc/hostname")
        (Path(s.root) / "etc/rc.local").symlink_to("/dev/zero")
        weir(*s.args, fine=0)


def a_captured_host_tells_its_boot():
    with tempfile.TemporaryDirectory(prefix="weir-test.") as folder:
        root = plant(Path(folder), {
            "etc/weir/pools.conf": "[pool 2M]\nnode0 = 1\nnode1 = 400\nboot = yes\n"})
        document = json.loads(weir("--boot", "--json", "--root", root, "--host",
                                   TWO_NODES, fine=3)[1])
        short = [(d["node"], d["actual"]) for d in document["differences"]
                 if d["id"] == "boot-short"]
        same(short, [(1, "243")])


def main():
    tests = [what_is_persisted_lacks_a_boot, bad_command_lines, help_is_an_answer, nothing_declared_is_told,
             an_error_names_its_place, as_declared_is_0, a_difference_is_3,
             foreign_writers_are_found_with_file_and_line,
             one_that_says_the_same_is_a_note, what_leads_out_of_the_root_does_not,
             a_captured_host_tells_its_boot]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}")
        except (Wrong, OSError, ValueError, subprocess.TimeoutExpired) as wrong:
            failed += 1
            for line in str(wrong).splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {test.__name__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
