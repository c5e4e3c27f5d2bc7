#!/usr/bin/env python3
"""test_persist.py WEIR: `weir persist` on made-up systems: Debian with GRUB, Fedora with
grubby, systemd-boot, Proxmox. TAP."""

import fcntl
import json
import os
import pty
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

WEIR = str(Path(sys.argv[1]).resolve())

SCENARIO = "nodes 2\nwrite 2M/node0/nr_hugepages 4\nwrite 2M/node1/nr_hugepages 2\n" \
           "write 2M/nr_overcommit_hugepages 3\nmount M pagesize=2M size=8M\n"
ONE_G = "# ours\n[pool 1G]\nnode0 = 8\nnode1 = 4\n"
ARGS = "hugepagesz=1G hugepages=0:8,1:4"


class Wrong(Exception):
    """What is wrong."""


class Skip(Exception):
    """Why this cannot be tried here."""


def plant(folder, files):
    for path, text in files.items():
        where = Path(folder) / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text)
    return str(folder)


class System:
    def __init__(self, files, scenario=SCENARIO, kernel="6.1"):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-test.")
        self.root = Path(self.folder.name) / "root"
        self.root.mkdir()
        plant(self.root, files)
        script = Path(self.folder.name) / "s.weir"
        script.write_text(f"kernel {kernel}\n{scenario}")
        self.args = ["--root", str(self.root), "--host", f"scenario:{script}"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def weir(self, *args, fine=0, err=""):
        done = subprocess.run([WEIR, "persist", *self.args, *args], check=False,
                              capture_output=True, text=True, timeout=60,
                              stdin=subprocess.DEVNULL,
                              env={**os.environ, "COLUMNS": "90", "LC_ALL": "C"})
        if done.returncode != fine or (err not in done.stderr if err else done.stderr):
            raise Wrong(f"{args}: status {done.returncode}, not {fine}: {done.stdout} "
                        f"{done.stderr}")
        return done.stdout

    def json(self, *args):
        return json.loads(self.weir("--json", "--yes", *args))

    def read(self, path):
        return (self.root / path).read_text()

    def files(self):
        return sorted(str(p.relative_to(self.root)) for p in self.root.rglob("*")
                      if p.is_file() or p.is_symlink())


def same(got, want):
    if got != want:
        raise Wrong(f"got {got!r}, not {want!r}")


def has(text, *parts):
    for part in parts:
        if part not in text:
            raise Wrong(f"{part!r} is not in:\n{text}")


DEBIAN = {"etc/default/grub": 'GRUB_CMDLINE_LINUX="quiet default_hugepagesz=2M"\n',
          "usr/sbin/update-grub": ""}


def bad_command_lines():
    with System({}) as s:
        s.weir("2M", fine=2, err="'2M' is no wish")
        s.weir("2M=1", "2M=2", fine=2, err="want different things")
        s.weir("--json", fine=2, err="--json cannot ask")
        s.weir("--run", "--yes", fine=2, err="--run runs commands on this system")
        s.weir("pinnable.2M/node0=+1", "--yes", fine=1, err="cannot be declared")
        s.weir("64K=1", "--yes", fine=1, err="this kernel has no pages of 64K")
        s.weir("2M=-7", "--yes", fine=1, err="'2M=-7': there are 6 now")
        same(s.files(), [])
        s.args = s.args[2:]
        s.weir("--yes", fine=2, err="--root names where its files are")


def without_consent_nothing_is_written():
    with System(DEBIAN) as s:
        before = s.files()
        s.weir(fine=1, err="nothing was written: there is no terminal")
        has(s.weir("--dry-run"), "new: /etc/weir/pools.conf", "+node1 = 2")
        same(s.files(), before)


def an_answer_is_asked_for_on_a_terminal():
    for answer, status, there in (("n\n", 3, False), ("\n", 3, False), ("y\n", 0, True)):
        with System(DEBIAN) as s:
            ours, theirs = pty.openpty()
            with subprocess.Popen([WEIR, "persist", *s.args], stdin=theirs,
                                  stdout=subprocess.PIPE, text=True) as weir:
                os.write(ours, answer.encode())
                out, _ = weir.communicate(timeout=60)
            os.close(ours)
            os.close(theirs)
            has(out, "Write this? [y/N]")
            same((weir.returncode, (s.root / "etc/weir/pools.conf").exists()),
                 (status, there))


def the_present_is_written_down():
    with System(DEBIAN) as s:
        s.weir("--yes")
        has(s.read("etc/weir/pools.conf"),
            "[pool 2M]\nnode0 = 4\nnode1 = 2\novercommit = 3\n")
        has(s.read("etc/weir/pools.conf"), "[mount ", "page-size = 2M\nsize = 8M\n")
        units = [f for f in s.files() if f.endswith(".mount")]
        same(len(units), 2)
        has(s.read(units[0]), "Type=hugetlbfs\n", "Options=nosuid,nodev,pagesize=2M,size=8M",
            "After=weir-apply.service\n")
        has(s.read("etc/systemd/system/weir-apply.service"), "weir apply --boot\n",
            "DefaultDependencies=no\n", "WantedBy=sysinit.target\n")
        same(os.readlink(s.root / "etc/systemd/system/sysinit.target.wants/"
                         "weir-apply.service"),
             "/etc/systemd/system/weir-apply.service")
        same(s.weir("--yes"), "Nothing to change: the files say what is declared.\n")
        same(s.weir("--yes", "--from-now"),
             "Nothing to change: the files say what is declared.\n")


def wishes_change_what_they_speak_of():
    with System({**DEBIAN, "etc/weir/pools.conf":
                 "# ours\n[pool 2M]\nnode0 = 9 # much\n\n# VMs\n[vm a]\nfile = /a\n"}) as s:
        s.weir("--yes", "2M/node0=+1", "2M/node1=-1", "overcommit.2M=7")
        same(s.read("etc/weir/pools.conf"),
             "# ours\n[pool 2M]\nnode0 = 5 # much\nnode1 = 1\novercommit = 7\n\n# VMs\n"
             "[vm a]\nfile = /a\n")
        has(s.read("etc/weir/pools.conf.weir-old"), "node0 = 9")
        has(s.weir("--yes", "2M=12"), "-node0 = 5 # much", "+pages = 12")
        out = s.weir("--yes", "2M/node1=3")
        has(out, "+node0 = 4", "+node1 = 3", "now are for each node, as it is")


def a_drop_in_that_says_otherwise_is_named():
    with System({**DEBIAN,
                 "etc/weir/pools.d/50-x.conf": "[pool 2M]\nnode0 = 9\n"}) as s:
        s.weir("--yes", "2M/node0=5", fine=1,
               err="/etc/weir/pools.d/50-x.conf:2 says otherwise, and goes before "
                   "/etc/weir/pools.conf")
        s.weir("--yes", "2M=5", fine=1, err="in another way")
        s.weir("--yes", "2M/node1=5")


def debian_with_grub():
    with System({**DEBIAN, "etc/weir/pools.conf": ONE_G}) as s:
        document = s.json()
        same([c["path"] for c in document["files"]],
             ["/etc/default/grub.d/99-weir.cfg",
              "/etc/systemd/system/weir-apply.service",
              "/etc/systemd/system/sysinit.target.wants/weir-apply.service"])
        same([x["command"] for x in document["steps"]],
             ["update-grub", "systemctl daemon-reload"])
        same((document["written"], document["conflicts"], document["notes"]),
             (True, [], []))
        has(s.read("etc/default/grub.d/99-weir.cfg"),
            f'GRUB_CMDLINE_LINUX="$GRUB_CMDLINE_LINUX {ARGS}"\n')
        done = subprocess.run(["sh", "-c", ". ./etc/default/grub; . "
                               "./etc/default/grub.d/99-weir.cfg; echo $GRUB_CMDLINE_LINUX"],
                              cwd=s.root, capture_output=True, text=True, check=True)
        same(done.stdout, f"quiet default_hugepagesz=2M {ARGS}\n")
        same(s.json()["files"], [])
        # no longer at boot: weir's own file goes
        plant(s.root, {"etc/weir/pools.conf": ONE_G + "boot = no\n"})
        same([(c["path"], c["change"]) for c in s.json()["files"]],
             [("/etc/default/grub.d/99-weir.cfg", "removed")])


def an_old_kernel_gets_the_sum():
    with System({**DEBIAN, "etc/weir/pools.conf": ONE_G}, kernel="5.10") as s:
        notes = s.json()["notes"]
        has(s.read("etc/default/grub.d/99-weir.cfg"), "hugepagesz=1G hugepages=12\"")
        has("\n".join(notes), "older than 5.16")


def others_are_named_and_not_edited():
    mine = {"etc/default/grub": 'GRUB_CMDLINE_LINUX="hugepagesz=1G hugepages=2"\n',
            "etc/sysctl.d/80-db.conf": "vm.nr_hugepages = 512\n",
            "etc/systemd/system/dev-huge.mount": "[Mount]\nWhere=/dev/huge\n",
            "usr/sbin/update-grub": ""}
    with System({**mine, "etc/weir/pools.conf": ONE_G + "[pool 2M]\npages = 6\n"
                 "[mount /dev/huge]\npage-size = 1G\n"}) as s:
        conflicts = "\n".join(s.json()["conflicts"])
        has(conflicts, "/etc/default/grub:1 sets another number",
            "/etc/sysctl.d/80-db.conf:1 sets another number whenever sysctl runs",
            "/etc/systemd/system/dev-huge.mount is not weir's, and is left as it is")
        for path, text in mine.items():
            same(s.read(path), text)


BLS = "title Fedora\nlinux /vmlinuz\noptions root=UUID=x ro {}\n"
ENTRY = "boot/loader/entries/a.conf"
FEDORA = {"usr/sbin/grubby": "", "etc/default/grub": "GRUB_TIMEOUT=5\n", ENTRY: BLS.format("")}


def grubby_of(document):
    return [x["command"] for x in document["steps"] if x["command"].startswith("grubby")]


def fedora_with_grubby():
    with System({**FEDORA, "etc/weir/pools.conf": ONE_G}) as s:
        document = s.json()
        same([x["command"] for x in document["steps"]],
             [f'grubby --update-kernel=ALL --args="{ARGS}"', "systemctl daemon-reload"])
        if any("grub" in c["path"] for c in document["files"]):
            raise Wrong(str(document["files"]))
        has(s.read("var/lib/weir/kernel-cmdline"), "# Written by weir persist", f"\n{ARGS}\n")
        same(s.json()["steps"][0]["command"][:6], "grubby")  # until it is done
        plant(s.root, {ENTRY: BLS.format(ARGS)})
        same(s.json()["steps"], [])
        plant(s.root, {ENTRY: BLS.format("$kernelopts"),
                       "boot/grub2/grubenv": f"kernelopts=ro {ARGS}\n"})
        same(s.json()["steps"], [])


def grubby_takes_old_requests_away():
    old, all_kernels = "hugepagesz=1G hugepages=9", "grubby --update-kernel=ALL"
    with System({**FEDORA, ENTRY: BLS.format(old), "etc/weir/pools.conf": ONE_G}) as s:
        same(grubby_of(s.json()), [f'{all_kernels} --remove-args="{old}" --args="{ARGS}"'])
        # of two kernels one has it
        plant(s.root, {"boot/loader/entries/b.conf": BLS.format(ARGS)})
        same(grubby_of(s.json()), [f'{all_kernels} --remove-args="{old}" --args="{ARGS}"'])
        plant(s.root, {ENTRY: BLS.format(ARGS)})
        same(grubby_of(s.json()), [])
        # another number, another size, and none at all
        plant(s.root, {"etc/weir/pools.conf": "[pool 1G]\npages = 2\n"})
        same(grubby_of(s.json()),
             [f'{all_kernels} --remove-args="{ARGS}" --args="hugepagesz=1G hugepages=2"'])
        plant(s.root, {"etc/weir/pools.conf": "[pool 2M]\npages = 7\nboot = yes\n",
                       ENTRY: BLS.format("hugepagesz=1G hugepages=2"),
                       "boot/loader/entries/b.conf": BLS.format("hugepagesz=1G hugepages=2")})
        same(grubby_of(s.json()), [f'{all_kernels} --remove-args="hugepagesz=1G hugepages=2" '
                                   '--args="hugepagesz=2M hugepages=7"'])
        for name in "ab":
            plant(s.root, {f"boot/loader/entries/{name}.conf":
                           BLS.format("hugepagesz=2M hugepages=7")})
        plant(s.root, {"etc/weir/pools.conf": "[guards]\nfloor = 1G\n"})
        document = s.json()
        same(grubby_of(document),
             [f'{all_kernels} --remove-args="hugepagesz=2M hugepages=7"'])
        same("var/lib/weir/kernel-cmdline" in s.files(), False)


def grubby_is_handed_what_others_ask_for():
    """grubby --args= replaces all that is there of the same names."""
    theirs = "default_hugepagesz=2M hugepages=512"
    with System({**FEDORA, ENTRY: BLS.format(theirs), "etc/weir/pools.conf": ONE_G}) as s:
        same(grubby_of(s.json()), [f'grubby --update-kernel=ALL --args="hugepages=512 {ARGS}"'])
        plant(s.root, {ENTRY: BLS.format(f"default_hugepagesz=2M hugepages=512 {ARGS}")})
        same(grubby_of(s.json()), [])
        plant(s.root, {"boot/loader/entries/b.conf": BLS.format("")})
        document = s.json()
        same(grubby_of(document), [f'grubby --update-kernel=ALL --args="hugepages=512 {ARGS}"'])
        has("\n".join(document["notes"]), "the entries of the boot loader ask for different")


def grubby_without_entries_to_read():
    with System({"usr/sbin/grubby": "", "etc/weir/pools.conf": ONE_G}) as s:
        for _ in range(2):
            same(grubby_of(s.json()), [f'grubby --update-kernel=ALL --args="{ARGS}"'])
        plant(s.root, {"etc/weir/pools.conf": "[pool 1G]\npages = 2\n"})
        same(grubby_of(s.json()), [f'grubby --update-kernel=ALL --remove-args="{ARGS}" '
                                   '--args="hugepagesz=1G hugepages=2"'])
        plant(s.root, {"etc/weir/pools.conf": "[guards]\nfloor = 1G\n"})
        same(grubby_of(s.json()), ['grubby --update-kernel=ALL '
                                   '--remove-args="hugepagesz=1G hugepages=2"'])
        same(grubby_of(s.json()), [])


def systemd_boot():
    with System({"etc/kernel/cmdline": "root=UUID=x ro hugepagesz=1G hugepages=3\n",
                 "usr/bin/kernel-install": "", "etc/weir/pools.conf": ONE_G}) as s:
        document = s.json()
        same(s.read("etc/kernel/cmdline"), f"root=UUID=x ro {ARGS}\n")
        same(s.read("etc/kernel/cmdline.weir-old"),
             "root=UUID=x ro hugepagesz=1G hugepages=3\n")
        has(document["steps"][0]["command"], "kernel-install ")
        same(document["conflicts"], [])  # it is what was changed
        same(s.json()["files"], [])
        # declared no more: it goes, and what is not weir's stays
        plant(s.root, {"etc/weir/pools.conf": "[guards]\nfloor = 1G\n",
                       "etc/kernel/cmdline": f"root=UUID=x {ARGS} hugepagesz=2M hugepages=3\n"})
        s.json()
        same(s.read("etc/kernel/cmdline"), "root=UUID=x hugepagesz=2M hugepages=3\n")


def what_was_not_run_is_offered_again():
    with System({**DEBIAN, "boot/grub/grub.cfg": "linux /vmlinuz quiet\n",
                 "etc/weir/pools.conf": ONE_G}) as s:
        for _ in range(2):
            same("update-grub" in [x["command"] for x in s.json()["steps"]], True)
        plant(s.root, {"boot/grub/grub.cfg": f"linux /vmlinuz quiet {ARGS}\n"})
        same(s.json()["steps"], [])
    with System({"etc/kernel/cmdline": "root=UUID=x\n", "usr/bin/kernel-install": "",
                 "efi/loader/entries/a.conf": BLS.format(""), "etc/weir/pools.conf": ONE_G}) as s:
        for _ in range(2):
            has(str([x["command"] for x in s.json()["steps"]]), "kernel-install ")
        plant(s.root, {"efi/loader/entries/a.conf": BLS.format(ARGS)})
        same(s.json()["steps"], [])


def proxmox_on_zfs():
    with System({"etc/kernel/cmdline": "root=ZFS=rpool boot=zfs\n",
                 "etc/kernel/proxmox-boot-uuids": "AAAA-BBBB\n",
                 "usr/sbin/proxmox-boot-tool": "", "usr/sbin/update-grub": "",
                 "etc/default/grub": "", "etc/pve/storage.cfg": "",
                 "etc/pve/qemu-server/100.conf": "hugepages: 1024\n",
                 "etc/weir/pools.conf": ONE_G}) as s:
        document = s.json()
        same(s.read("etc/kernel/cmdline"), f"root=ZFS=rpool boot=zfs {ARGS}\n")
        has(s.read("etc/default/grub.d/99-weir.cfg"), ARGS)
        same([x["command"] for x in document["steps"]],
             ["proxmox-boot-tool refresh", "systemctl daemon-reload"])
        has("\n".join(document["notes"]), "Proxmox reads no pages per node")
        has("\n".join(document["conflicts"]), "/etc/pve/qemu-server/100.conf:1 may set")


def no_boot_loader_is_told():
    with System({"etc/weir/pools.conf": ONE_G}) as s:
        has("\n".join(s.json()["notes"]), f"add to the kernel command line: {ARGS}")


def a_mount_that_goes_takes_its_unit_along():
    with System({"etc/weir/pools.conf": "[mount /mnt/fast-1G]\npage-size = 1G\n"
                 "min-size = 4G\nmode = 0770\nuser = kvm\ngroup = 7\n",
                 "etc/passwd": "kvm:x:64055:1::/:\n"}) as s:
        unit = "etc/systemd/system/mnt-fast\\x2d1G.mount"
        s.json()
        has(s.read(unit), "Where=/mnt/fast-1G\n", "Options=nosuid,nodev,pagesize=1G,"
            "min_size=4G,mode=0770,uid=64055,gid=7\n")
        if "etc/systemd/system/weir-apply.service" in s.files():
            raise Wrong("a service without pools")
        plant(s.root, {"etc/weir/pools.conf": "[guards]\nfloor = 1G\n"})
        same([c["change"] for c in s.json()["files"]], ["removed", "removed"])
        if unit in s.files():
            raise Wrong("the unit is still there")


def units_are_what_systemd_takes():
    verify = shutil.which("systemd-analyze")
    if not verify:
        raise Skip("no systemd-analyze here")
    with System({"etc/weir/pools.conf": ONE_G + "[mount /mnt/fast-1G]\npage-size = 1G\n"
                 "min-size = 4G\n"}) as s:
        s.json()
        units = s.root / "etc/systemd/system"
        service = units / "weir-apply.service"
        service.write_text(service.read_text().replace(
            next(line for line in service.read_text().splitlines()
                 if line.startswith("ExecStart=")), "ExecStart=/bin/true"))
        done = subprocess.run([verify, "verify", "--man=no", *map(str, (
            service, units / "mnt-fast\\x2d1G.mount"))], capture_output=True, text=True,
                              check=False)
        mine = [line for line in done.stderr.splitlines()
                if "weir-apply" in line or "mnt-fast" in line]
        if mine:
            raise Wrong("\n".join(mine))


def a_failure_puts_all_back():
    with System({**DEBIAN, "etc/weir/pools.conf": "[pool 2M]\npages = 1\n"}) as s:
        (s.root / "etc/systemd/system/sysinit.target.wants/weir-apply.service").mkdir(
            parents=True)
        s.weir("--yes", "2M=2", fine=1, err="is in the way: it is no link")
        same(s.read("etc/weir/pools.conf"), "[pool 2M]\npages = 1\n")
    with System({**DEBIAN, "etc/weir/pools.conf": "[pool 2M]\npages = 1\n",
                 "etc/systemd": "a file where a folder should be\n"}) as s:
        before = s.files()
        s.weir("--yes", "2M=2", fine=1, err="all files are as they were")
        same(s.read("etc/weir/pools.conf"), "[pool 2M]\npages = 1\n")
        same(s.files(), before)


# ---- --run: on this system, of which /etc, /boot, /usr/sbin and /var/lib are others

# What grubby(8) says that it does to entries: --remove-args takes words away, --args
# replaces what is there of the same names. It fails, or does nothing, when told to.
GRUBBY = """#!/bin/sh
echo "grubby $*" >>/boot/ran
[ ! -e /boot/fail ] || exit 7
[ ! -e /boot/deaf ] || exit 0
for word; do
	case $word in
	--remove-args=*) remove=${word#*=} ;;
	--args=*) add=${word#*=} ;;
	--update-kernel=ALL) all=1 ;;
	*) exit 2 ;;
	esac
done
[ "$all" ] || exit 2
for entry in /boot/loader/entries/*.conf; do
	kept=
	for word in $(sed -n 's/^options //p' "$entry"); do
		keep=1
		for gone in $remove; do [ "$word" != "$gone" ] || keep=; done
		for new in $add; do [ "${word%%=*}" != "${new%%=*}" ] || keep=; done
		[ ! "$keep" ] || kept="$kept $word"
	done
	sed -i "s|^options .*|options$kept${add:+ $add}|" "$entry"
done
"""
# others only say that they were run, and fail when told to
OTHER = """#!/bin/sh
echo "${0##*/} $*" >>/boot/ran
! [ -e /boot/fail ] || exit 7
"""


class Running:
    """A system of made-up parts, in a mount namespace of its own."""

    def __init__(self, programs, files):
        if os.geteuid() != 0:
            raise Skip("needs root for a mount namespace")
        self.folder = tempfile.TemporaryDirectory(prefix="weir-test.")
        self.root = Path(self.folder.name)
        for name in ("etc", "boot", "usr/sbin", "var/lib"):
            (self.root / name).mkdir(parents=True)
        plant(self.root, files)
        for name, text in {"systemctl": OTHER, **programs}.items():
            program = self.root / "usr/sbin" / name
            program.write_text(text)
            program.chmod(0o755)
        self.path = "/usr/sbin:/usr/bin:/bin"
        probe = self.shell("true")
        if probe.returncode:
            self.folder.cleanup()
            raise Skip(f"no mount namespace: {probe.stderr.strip()}")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.folder.cleanup()

    def shell(self, script, *args):
        weir = os.open(WEIR, os.O_RDONLY)  # wherever it is: below /etc or /var, too
        try:
            return subprocess.run(
                ["unshare", "-m", "sh", "-ec",
                 'for d in etc boot usr/sbin var/lib; do mount --bind "$1/$d" "/$d"; done; '
                 'shift; ' + script, "sh", self.root, f"/proc/self/fd/{weir}", *args],
                check=False, capture_output=True, text=True, timeout=120, pass_fds=[weir],
                stdin=subprocess.DEVNULL,
                env={"PATH": self.path, "LC_ALL": "C", "COLUMNS": "90"})
        finally:
            os.close(weir)

    def persist(self, *args, status=0, err=""):
        done = self.shell('exec "$@"', "persist", "--yes", "--json", "--run", *args)
        fine = (0, 4) if status is None else (status,)
        if done.returncode not in fine or err not in " ".join(done.stderr.split()):
            raise Wrong(f"{args}: status {done.returncode}, not {status}: {done.stdout} "
                        f"{done.stderr}")
        return json.loads(done.stdout) if done.stdout else None

    def ran(self):
        path = self.root / "boot/ran"
        text = path.read_text() if path.exists() else ""
        path.unlink(missing_ok=True)
        return text.splitlines()

    def options(self, path=ENTRY):
        return (self.root / path).read_text().splitlines()[-1]


def shown(document):
    return [x["command"].replace('"', "") for x in document["steps"]]


SYSTEM = {"etc/weir/pools.conf": ONE_G}


def run_runs_what_is_shown():
    with Running({"grubby": GRUBBY},
                 {**SYSTEM, ENTRY: BLS.format("quiet")}) as s:
        document = s.persist()
        lists = "hugepages=0:8,1:4" in document["steps"][0]["command"]  # as this kernel has it
        args = ARGS if lists else "hugepagesz=1G hugepages=12"
        same([c.split()[0] for c in shown(document)], ["grubby", "systemctl"])
        same([(x["ran"], x["status"]) for x in document["steps"]], [(True, 0)] * 2)
        same(s.ran(), shown(document))
        same(s.options(), f"options root=UUID=x ro quiet {args}")
        same((s.persist()["steps"], s.ran()), ([], []))
        plant(s.root, {"etc/weir/pools.conf": "[pool 1G]\npages = 3\n"})
        document = s.persist()
        has(shown(document)[0], f"--remove-args={args}")
        same(s.options(), "options root=UUID=x ro quiet hugepagesz=1G hugepages=3")
        plant(s.root, {"etc/weir/pools.conf": "[guards]\nfloor = 1G\n"})
        s.persist()
        same(s.options(), "options root=UUID=x ro quiet")
    with Running({"grubby": GRUBBY}, {**SYSTEM, ENTRY: BLS.format("")}) as s:
        s.path = "/usr/bin:/bin"  # as cron has it
        has(s.persist(status=None)["steps"][0]["command"], "grubby ")
        has(s.ran()[0], "grubby --update-kernel=ALL")


def what_others_ask_for_outlives_grubby():
    with Running({"grubby": GRUBBY},
                 {"etc/weir/pools.conf": "[pool 1G]\npages = 3\n",
                  ENTRY: BLS.format("hugepages=512 hugepagesz=64K hugepages=5")}) as s:
        s.persist()
        same(s.options(), "options root=UUID=x ro hugepages=512 hugepagesz=64K hugepages=5 "
                          "hugepagesz=1G hugepages=3")
        plant(s.root, {"etc/weir/pools.conf": "[guards]\nfloor = 1G\n"})
        s.persist()
        same(s.options(), "options root=UUID=x ro hugepages=512 hugepagesz=64K hugepages=5")


def a_command_that_fails_is_told_and_tried_again():
    with Running({"grubby": GRUBBY}, {**SYSTEM, ENTRY: BLS.format(""), "boot/fail": ""}) as s:
        document = s.persist(status=4)
        same([x["status"] for x in document["steps"]], [7, 7])  # the second one was tried
        same((document["written"], s.options()), (True, "options root=UUID=x ro "))
        (s.root / "boot/fail").unlink()
        (s.root / "boot/deaf").write_text("")  # it ends with 0, and has done nothing
        s.persist(status=4, err="grubby was run, and the entries below /boot/loader/entries do "
                                "not have it")
        (s.root / "boot/deaf").unlink()
        has(str(shown(s.persist())), "grubby --update-kernel=ALL")
        same(s.persist()["steps"], [])
    with Running({"update-grub": OTHER},
                 {**SYSTEM, "etc/default/grub": "", "boot/grub/grub.cfg": "linux\n",
                  "boot/fail": ""}) as s:
        same(s.persist(status=4)["steps"][0]["status"], 7)
        (s.root / "boot/fail").unlink()
        same(s.persist()["steps"][0]["status"], 0)
        same([line.split()[0] for line in s.ran()], ["update-grub", "systemctl", "update-grub"])
    with Running({}, {**SYSTEM, "etc/default/grub": ""}) as s:  # not there at all
        document = s.persist(status=4, err="run grub-mkconfig: No such file or directory")
        same((document["steps"][0]["status"], document["written"]), (None, True))


def proxmox_and_systemd_boot_are_run():
    for programs, files, want in (
            ({"proxmox-boot-tool": OTHER, "update-grub": OTHER},
             {"etc/kernel/proxmox-boot-uuids": "A-B\n", "etc/default/grub": "",
              "etc/kernel/cmdline": "root=ZFS=rpool\n"}, "proxmox-boot-tool refresh"),
            ({"kernel-install": OTHER}, {"etc/kernel/cmdline": "root=UUID=x\n"},
             "kernel-install add")):
        with Running(programs, {**SYSTEM, **files}) as s:
            commands, ran = shown(s.persist()), s.ran()
            same(ran, commands)
            has(ran[0], want)
            has((s.root / "etc/kernel/cmdline").read_text(), "root=", "hugepagesz=1G")


# ---- two at a time

def two_at_a_time_are_one():
    with System({**DEBIAN, "etc/weir/pools.conf": ONE_G}) as s:
        before = s.files()
        lock = os.open(s.root, os.O_RDONLY)
        fcntl.flock(lock, fcntl.LOCK_EX)
        s.weir("--yes", fine=1, err="another weir changes the files of this system; all files "
                                    "are as they were")
        same(s.files(), before)
        s.weir("--dry-run")
        os.close(lock)
        s.weir("--yes")
    with Running({}, SYSTEM) as s:  # on a system that runs it is the lock of all weirs
        plant(s.root, {"var/lib/weir/lock": ""})
        with open(s.root / "var/lib/weir/lock", "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            lock.write("4711\n")
            lock.flush()
            s.persist(status=1, err="another weir, process 4711, changes the pools; all files "
                                    "are as they were")
        same(os.listdir(s.root / "etc"), ["weir"])


def many_at_a_time_write_whole_files():
    with System({**DEBIAN, "etc/weir/pools.conf": ONE_G}) as s:
        done = [subprocess.Popen([WEIR, "persist", *s.args, "--yes", f"2M={n}"],
                                 stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
                for n in range(1, 9)]
        ends = []
        for process in done:
            _, err = process.communicate(timeout=60)
            ends.append(process.returncode)
            if process.returncode and "another weir" not in err and "somebody changed" not in err:
                raise Wrong(f"status {process.returncode}: {err}")
        same((set(ends) <= {0, 1}, 0 in ends), (True, True))
        last = s.read("etc/weir/pools.conf")
        has(last, ONE_G, "[pool 2M]\npages = ")
        same(s.json()["files"], [])


def what_was_changed_meanwhile_is_not_written_over():
    with System({**DEBIAN, "etc/weir/pools.conf": ONE_G}) as s:
        ours, theirs = pty.openpty()
        with subprocess.Popen([WEIR, "persist", *s.args, "2M=9"], stdin=theirs,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as weir:
            while weir.stdout.readline() and "weir-apply" not in weir.stdout.readline():
                pass
            plant(s.root, {"etc/weir/pools.conf": ONE_G + "# mine\n"})
            os.write(ours, b"y\n")
            _, err = weir.communicate(timeout=60)
        os.close(ours)
        os.close(theirs)
        same(weir.returncode, 1)
        has(err, "somebody changed '/etc/weir/pools.conf' since it was looked at; all files are "
                 "as they were")
        same(s.files(), sorted(["etc/default/grub", "etc/weir/pools.conf",
                                "usr/sbin/update-grub"]))


def main():
    tests = [bad_command_lines, without_consent_nothing_is_written,
             an_answer_is_asked_for_on_a_terminal, the_present_is_written_down,
             wishes_change_what_they_speak_of, a_drop_in_that_says_otherwise_is_named,
             debian_with_grub, an_old_kernel_gets_the_sum, others_are_named_and_not_edited,
             fedora_with_grubby, grubby_takes_old_requests_away,
             grubby_is_handed_what_others_ask_for, grubby_without_entries_to_read,
             systemd_boot, what_was_not_run_is_offered_again, run_runs_what_is_shown,
             what_others_ask_for_outlives_grubby, a_command_that_fails_is_told_and_tried_again,
             proxmox_and_systemd_boot_are_run, two_at_a_time_are_one,
             many_at_a_time_write_whole_files, what_was_changed_meanwhile_is_not_written_over,
             proxmox_on_zfs, no_boot_loader_is_told,
             a_mount_that_goes_takes_its_unit_along, units_are_what_systemd_takes,
             a_failure_puts_all_back]
    failed = 0
    print(f"1..{len(tests)}")
    for number, test in enumerate(tests, 1):
        try:
            test()
            print(f"ok {number} - {test.__name__}")
        except Skip as why:
            print(f"ok {number} - {test.__name__} # SKIP {why}")
        except (Wrong, OSError, ValueError, KeyError, IndexError,
                subprocess.SubprocessError) as wrong:
            failed += 1
            for line in (str(wrong) or repr(wrong)).splitlines():
                print(f"# {line}")
            print(f"not ok {number} - {test.__name__}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
