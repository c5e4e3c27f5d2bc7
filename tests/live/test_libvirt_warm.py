#!/usr/bin/env python3
"""test_libvirt_warm.py WEIR WEIRD: libvirt domains on leased memory, by the hook in dist/libvirt:
they start, take no page besides, and what they leave comes back as zeroes, however they end.

libvirtd is one of the test's own, in a mount namespace of its own: what it writes below /etc,
/run and /var is written to a tmpfs there, and is gone with it. Skips where there is no
libvirtd, where one runs, and without root. TAP."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import leasing
import pools
import private
from leasing import M2, free_pages, until

WEIR, WEIRD = (os.path.abspath(path) for path in sys.argv[1:3])
HOOK = Path(__file__).resolve().parents[2] / "dist/libvirt/weir-lease"
VIRSH = shutil.which("virsh")
LIBVIRTD, VIRTLOGD = "/usr/sbin/libvirtd", "/usr/sbin/virtlogd"
RAM = Path("/var/lib/libvirt/qemu/ram")
# what libvirt writes to; each is empty or a copy in the test's namespace
EMPTY = ("/run", "/var/log/libvirt", "/var/cache/libvirt")
COPIED = ("/etc/libvirt", "/var/lib/libvirt")
POOL = 128  # all of it is warm: who wants a page besides finds none
CONF = "[warm 2M]\nnode0 = 256M\nflavours = 128M\n"
DOMAIN = """<domain type='qemu'>
  <name>weir test</name>
  <metadata>
    <weir:warm xmlns:weir='urn:weir:libvirt:1' page='2M' {attributes}/>
  </metadata>
  <memory unit='MiB'>{mib}</memory>
  <vcpu>2</vcpu>
  {cpu}
  <os><type arch='x86_64' machine='q35'>hvm</type></os>
  <memoryBacking>
    <source type='file'/>
    <access mode='shared'/>
    {backing}
  </memoryBacking>
  {numatune}
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/>
    <memballoon model='none'/>
  </devices>
</domain>
"""
CELLS = """<cpu><numa>
    <cell id='0' cpus='0' memory='128' unit='MiB'/>
    <cell id='1' cpus='1' memory='128' unit='MiB'/>
  </numa></cpu>"""


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


def mount_tmpfs(path):
    private.sh("mount", "-t", "tmpfs", "none", path)


def own_directories():
    for path in COPIED:
        with tempfile.TemporaryDirectory() as aside:
            private.sh("cp", "-a", path, f"{aside}/copy")
            mount_tmpfs(path)
            private.sh("cp", "-a", f"{aside}/copy/.", path)
    for path in EMPTY:
        mount_tmpfs(path)
    os.makedirs("/run/lock", exist_ok=True)
    hooks = Path("/etc/libvirt/hooks/qemu.d")
    hooks.mkdir(parents=True, exist_ok=True)
    # as the hook's user would have it in his PATH, and weird at its usual place
    hook = hooks / "weir-lease"
    hook.write_text(f"#!/bin/sh\nexport WEIR={WEIR} WEIR_SOCKET=/run/weir.sock\n"
                    f"exec {HOOK} \"$@\"\n")
    hook.chmod(0o755)


def need_libvirt():
    if os.geteuid() != 0:
        raise pools.Skip("needs root to run a libvirtd")
    if not VIRSH or not os.access(LIBVIRTD, os.X_OK) or \
            not shutil.which("qemu-system-x86_64"):
        raise pools.Skip("no libvirtd, virsh or QEMU here (tools/install-deps libvirt guest)")


def need_no_other():
    """Asked under the lock: another test's has ended then."""
    for path in Path("/proc").glob("[0-9]*/comm"):
        with contextlib.suppress(OSError):
            if path.read_text().strip() in ("libvirtd", "virtqemud") and \
                    (path.parent / "cmdline").read_bytes():
                raise pools.Skip("a libvirtd runs here; it is not this test's to use")


def machine_groups():
    """What libvirt makes in cgroup hierarchies, and leaves there."""
    return {str(path) for path in Path("/sys/fs/cgroup").glob("**/machine*/")}


@contextlib.contextmanager
def libvirt():
    """virtlogd and libvirtd, until both are gone; no systemd is asked for anything."""
    own = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nowhere"}
    started, groups = [], machine_groups()
    try:
        for program in (VIRTLOGD, LIBVIRTD):
            started.append(subprocess.Popen([program], stdin=subprocess.DEVNULL, env=own,
                                            stdout=subprocess.DEVNULL,
                                            stderr=subprocess.DEVNULL))
        until("libvirtd answers", lambda: virsh("version", fine=(0, 1))[0] == 0, 60)
        yield
    finally:
        virsh("destroy", "weir test", fine=(0, 1))  # a domain outlives its libvirtd
        for process in reversed(started):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for path in sorted(machine_groups() - groups, reverse=True):
            with contextlib.suppress(OSError):
                os.rmdir(path)


def virsh(*args, fine=(0,)):
    done = subprocess.run([VIRSH, "-q", "-c", "qemu:///system", *args], capture_output=True,
                          text=True, check=False, timeout=180, stdin=subprocess.DEVNULL)
    if done.returncode not in fine:
        raise AssertionError(f"virsh {args}: {done.stderr.strip()}")
    return done.returncode, done.stdout + done.stderr


def domain(mib=128, cpu="", backing="", numatune="", attributes=""):
    text = DOMAIN.format(mib=mib, cpu=cpu, backing=backing, numatune=numatune,
                         attributes=attributes)
    path = Path("/run/weir-test.xml")
    path.write_text(text)
    return str(path)


def qemu_pid():
    return int(Path("/run/libvirt/qemu/weir test.pid").read_text())


def links():
    return {path.name: os.readlink(path) for path in RAM.glob("*/*")}


def starts(it, **how):
    """A domain that was started, on so much leased memory and on none besides."""
    it.full(node=0)
    expect("free pages", free_pages(), 0)
    virsh("create", domain(**how))
    expect("what the links lead to", set(links().values()),
           {lease["path"] for lease in it.leases()})
    for path in links().values():
        expect("owner", os.stat(path).st_uid, RAM.stat().st_uid)
        with open(path, "r+b") as f:
            leasing.fill(f, 0xff)  # the guest's data


def is_back(it):
    until("the leases have ended", lambda: not it.leases())
    until("libvirt has taken the links away", lambda: not links())
    it.full(node=0)


def all_zero(it):
    path = it.weir("lease", "256M").strip()
    with open(path, "r+b") as f:
        expect("all zero", leasing.is_zero(f), True)
    it.weir("release", path)
    it.full(node=0)


def tests(it):
    def a_domain_starts_and_is_destroyed():
        starts(it)
        expect("backends", set(links()), {"pc.ram"})
        virsh("destroy", "weir test")
        is_back(it)
        all_zero(it)

    def a_qemu_that_is_killed_leaves_zeroes():
        starts(it, backing="<allocation mode='immediate'/>")
        os.kill(qemu_pid(), signal.SIGKILL)
        is_back(it)
        all_zero(it)

    def nodes_have_leases_of_their_own():
        starts(it, mib=256, cpu=CELLS,
               numatune="<numatune><memory mode='strict' nodeset='0'/></numatune>")
        expect("backends", set(links()), {"ram-node0", "ram-node1"})
        virsh("destroy", "weir test")
        is_back(it)

    def without_memory_it_does_not_start_and_says_why():
        code, words = virsh("create", domain(mib=4096, attributes="warm-only='yes'"),
                            fine=(1,))
        if "weir-lease: weir test: no memory for pc.ram" not in words:
            raise AssertionError(words)
        expect("leases", it.leases(), [])

    def a_start_that_fails_behind_the_hook_leaves_nothing():
        """QEMU refuses a machine that libvirt lets through."""
        path = Path(domain())
        path.write_text(path.read_text().replace(
            "<domain type='qemu'>", "<domain type='qemu' xmlns:qemu='http://libvirt.org/"
            "schemas/domain/qemu/1.0'>").replace(
            "</domain>", "<qemu:commandline><qemu:arg value='-frogs'/></qemu:commandline>"
            "</domain>"))
        virsh("create", str(path), fine=(1,))
        is_back(it)

    def without_the_domain(test):
        def run():
            try:
                test()
            finally:
                virsh("destroy", "weir test", fine=(0, 1))
        run.__name__ = test.__name__
        return run

    all_of_them = [a_domain_starts_and_is_destroyed, a_qemu_that_is_killed_leaves_zeroes,
                   nodes_have_leases_of_their_own,
                   without_memory_it_does_not_start_and_says_why,
                   a_start_that_fails_behind_the_hook_leaves_nothing]
    return [without_the_domain(test) for test in all_of_them]


def with_all_that(run):
    """One weird and one libvirtd for all of the tests, under the lock."""
    need_libvirt()
    pools.need([M2])
    with pools.saved_pools():
        need_no_other()
        private.enter()
        own_directories()
        pools.set_pool(M2, POOL)
        with leasing.running(WEIRD, WEIR, CONF) as it, libvirt():
            os.symlink(it.socket, "/run/weir.sock")
            return run(tests(it))


def main():
    leasing.end_clean()
    try:
        return with_all_that(pools.run_tests)
    except pools.Skip as why:
        print(f"1..0 # SKIP {why}")
        return 0


if __name__ == "__main__":
    sys.exit(main())
