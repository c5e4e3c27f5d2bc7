#!/usr/bin/env python3
"""test_warm_qemu.py WEIR WEIRD [TEST...]: QEMU guests on leased memory.

A guest boots on what `weir lease --qemu` prints, uses its memory and is killed (SIGKILL).
The lease ends by itself, the memory comes back zeroed, and each page has a holder all the
time. QEMU runs without KVM, so a boot takes some seconds. TAP."""

import contextlib
import ctypes
import json
import os
import select
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pools
import private
import warm_host
from pools import Skip

WEIR, WEIRD = (os.path.abspath(path) for path in sys.argv[1:3])
GUEST = Path(__file__).resolve().parents[1] / "guest/guest"
KERNEL = "6.12"
M2, MIB = 2 << 20, 1 << 20
NODE = 256 * MIB  # of each guest node, and of what is plugged
BOOT = 280  # seconds: a busy machine without KVM
CONFIG = """
[warm 2M]
any = %sM
flavours = %s
"""
# fills most of each node's memory, then says so, and waits to be killed
USE = """
for node in /sys/devices/system/node/node[0-9]*; do
        n=${node##*node}
        mkdir -p /tmp/n$n
        mount -t tmpfs -o size=%sm,mpol=bind:$n tmpfs /tmp/n$n || exit 3
        yes weir-was-here | dd of=/tmp/n$n/text bs=1M count=%s iflag=fullblock 2>/dev/null
        [ "$(wc -c < /tmp/n$n/text)" = %s ] || exit 4
done
echo used
sleep 1000
"""
PLUG = """
i=0
until [ "$(awk '/MemTotal/ { print $2 }' /proc/meminfo)" -gt "$plugged" ]; do
        sleep 0.2; i=$((i + 1)); [ $i -lt 200 ] || exit 5
done
"""


def need_all():
    pools.need([M2])
    if not shutil.which("qemu-system-x86_64"):
        raise Skip("no qemu-system-x86_64")
    cached = subprocess.run([GUEST, "kernels"], capture_output=True, text=True, check=False)
    rows = [line.split() for line in cached.stdout.splitlines()]
    if not any(row[:2] == [KERNEL, "cached"] for row in rows):
        raise Skip(f"no kernel of a guest: tests/guest/guest fetch {KERNEL}")
    asked = subprocess.run([WEIR, "lease", "--help"], capture_output=True, check=False)
    if asked.returncode:
        raise Skip("this weir has no weir lease")


def weir(one, *words):
    done = subprocess.run([WEIR, *map(str, words), "--socket", str(one.socket)],
                          capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"weir {' '.join(map(str, words))}: exit {done.returncode}: "
                             f"{done.stderr.strip()}")
    return done.stdout


def lease(one, size, name, *more):
    """The text of -object that weir prints for it."""
    words = shlex.split(weir(one, "lease", size, f"--qemu={name}", *more))
    if words[:1] != ["-object"] or len(words) != 2:
        raise AssertionError(f"weir lease --qemu prints {words}")
    parts = words[1].split(",")
    if parts[0] != "memory-backend-file" or "share=on" not in parts:
        raise AssertionError(f"weir lease --qemu prints {words}")
    return words[1]


def path_of(text):
    return next(part[9:] for part in text.split(",") if part.startswith("mem-path="))


def nobody_is_unknown(when):
    done = subprocess.run([WEIR, "who", "--json"], capture_output=True, text=True, check=True)
    size = next(s for s in json.loads(done.stdout)["sizes"] if s["page_bytes"] == M2)
    if size["unattributed"] or size["unattributed_reserved"]:
        raise AssertionError(f"{when}: {size['unattributed']} pages are nobody's: {size}")


def used_pages(path, size):
    """How many of its pages are other than zero, as root sees it."""
    with open(path, "r+b") as file:
        at = warm_host.map_shared(file.fileno(), size)
        try:
            zero = bytes(M2)
            return sum(ctypes.string_at(at + offset, M2) != zero
                       for offset in range(0, size, M2))
        finally:
            warm_host.unmap(at, size)


def children(pid):
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@contextlib.contextmanager
def guest(script, *words):
    """A guest that has run @script to where it says "used"; the pid of its QEMU."""
    parent = os.getpid()
    run = subprocess.Popen(
        [GUEST, "run", "--kernel", KERNEL, "--timeout", "400", *words, "-c", script],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: warm_host.dies_with(parent))
    try:
        ready, _, _ = select.select([run.stdout], [], [], BOOT)
        said = run.stdout.readline().strip() if ready else "nothing"
        if said != "used":
            run.terminate()
            raise AssertionError(f"the guest said {said}: {run.communicate()[1][-2000:]}")
        yield children(run.pid)[0]
    finally:
        run.kill()  # its QEMU dies with it
        run.communicate()


def use(mib):
    return USE % (mib + 8, mib, mib * MIB)


def killed(pid):
    """QEMU is killed, and gone."""
    fd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGKILL)
    if not select.select([fd], [], [], 30)[0]:
        raise AssertionError("QEMU does not die")
    os.close(fd)


def inodes(texts):
    return {os.stat(path_of(text)).st_ino for text in texts}


def comes_back_zero(one, sizes, before):
    """The leases of @before have ended; the same files are leased again, and are zero."""
    one.wait_until(lambda: not one.ask("leases")["leases"], "the leases are over")
    one.wait_quiet(M2)
    nobody_is_unknown("after the guest")
    seen = set()
    with one.client() as line:
        for size in sizes:
            reply = line.do("lease", bytes=size, owner={"connection": True})
            seen.add(os.stat(reply["path"]).st_ino)
            with open(reply["path"], "r+b") as file:
                if not warm_host.is_zero(file.fileno(), size):
                    raise AssertionError("a lease after the guest is not zero")
            if reply["cold_bytes"]:
                raise AssertionError(f"after the guest it was not warm: {reply}")
    if not seen & before:
        raise AssertionError(f"other files than the guest's: {seen}, {before}")


@contextlib.contextmanager
def host(flavours, ready, spare=0):
    """weird with so much ready, and so much more in the pool: where that is nothing, no
    other files can be made while the guest has these."""
    need_all()
    with warm_host.pool_of(M2, (ready + spare) // M2), private.folder() as folder:
        with warm_host.running(WEIRD, folder, CONFIG % (ready >> 20, flavours)) as one:
            one.wait_ready(M2, ready)
            yield one


def on_one_node(more):
    with host("256M", NODE) as one:
        text = lease(one, "256M", "node0")
        before = inodes([text])
        with guest(use(100), "--mem", "256M", "--node-memory", text + more) as qemu:
            used = used_pages(path_of(text), NODE)
            nobody_is_unknown("while the guest runs")
            killed(qemu)
        if used < 50:
            raise AssertionError(f"the guest has written to {used} pages only")
        comes_back_zero(one, [NODE], before)


def a_guest_is_killed_with_prealloc_off():
    on_one_node(",prealloc=off")


def a_guest_is_killed_with_prealloc_on():
    on_one_node(",prealloc=on")


def a_guest_of_two_nodes_has_two_leases():
    with host("256M", 2 * NODE) as one:
        texts = [lease(one, "256M", f"node{node}") for node in (0, 1)]
        before = inodes(texts)
        with guest(use(80), "--mem", "256M,256M", "--node-memory", texts[0],
                   "--node-memory", texts[1]) as qemu:
            used = [used_pages(path_of(text), NODE) for text in texts]
            nobody_is_unknown("while the guest runs")
            killed(qemu)
        if min(used) < 40:
            raise AssertionError(f"the guest has written to {used} pages only")
        comes_back_zero(one, [NODE, NODE], before)


def virtio_mem_stands_on_a_lease():
    """Its memory is plugged and used. QEMU punches all of it when it starts
    (hw/virtio/virtio-mem.c, virtio_mem_device_realize(), 7.2): what was warm goes to the
    pool, where it may be taken by others; hence some more is there."""
    with host("256M", 2 * NODE, NODE) as one:
        texts = [lease(one, "256M", "node0"), lease(one, "256M", "vmem")]
        before = inodes(texts)
        script = (f"plugged={NODE // 1024}\n{PLUG}" + use(300))
        with guest(script, "--mem", "256M", "--node-memory", texts[0], "--module",
                   "virtio_mem", "--append", "memhp_default_state=online", "--machine-args",
                   f"-m maxmem=2G -object {texts[1]} -device virtio-mem-pci,id=vm0,"
                   f"memdev=vmem,requested-size={NODE >> 20}M") as qemu:
            used = used_pages(path_of(texts[1]), NODE)
            nobody_is_unknown("while the guest runs")
            killed(qemu)
        if not used:
            raise AssertionError("the guest has not used what was plugged")
        comes_back_zero(one, [NODE, NODE], before)


TESTS = [
    a_guest_is_killed_with_prealloc_off,
    a_guest_is_killed_with_prealloc_on,
    a_guest_of_two_nodes_has_two_leases,
    virtio_mem_stands_on_a_lease,
]

if __name__ == "__main__":
    sys.exit(warm_host.main(TESTS, sys.argv[3:]))
