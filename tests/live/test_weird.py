#!/usr/bin/env python3
"""test_weird.py WEIRD WEIR [TEST...]: weird on the running kernel: leases and what ends them, over
kills and restarts; rules; clients that mean no good; systemd's protocols; HTTP. In a mount
namespace of the test's own, under the lock of the pools."""

import contextlib
import ctypes
import json
import mmap
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

import pools
import private
from weird import Client, M2, Weird, running

WEIRD, WEIR = map(os.path.abspath, sys.argv[1:3])
NOBODY = 65534
POOL = 256
CONF = "[warm 2M]\nany = 64M\nflavours = 16M\n"
SIZE = 16 << 20


def expect(what, got, want, log=""):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}{log and '; log: '}{log}")


def free_pages():
    return pools.read(pools.size_dir(M2) / "free_hugepages")


@contextlib.contextmanager
def weird(conf=CONF, *options, pool=POOL, **how):
    """A weird whose store is full; at the end the pool is as free as it was."""
    pools.need([M2])
    with pools.saved_pools():
        pools.set_pool(M2, pool)
        if free_pages() != pool:
            raise pools.Skip("somebody else uses pages of 2M")
        with running(WEIRD, conf, "--weir", WEIR, *options, **how) as w:
            yield w


def mapped(path, bytes_=SIZE):
    fd = os.open(path, os.O_RDWR)
    try:
        return mmap.mmap(fd, bytes_)
    finally:
        os.close(fd)


def is_zero(memory):
    step = 1 << 20
    return all(memory[at:at + step] == bytes(len(memory[at:at + step]))
               for at in range(0, len(memory), step))


def lease_is_zero_and_comes_back_zero():
    with weird() as w, w.client() as c:
        w.until_full()
        for _ in range(6):  # more than there are: scrubbed ones come again
            lease = c.do("lease", bytes=SIZE)
            expect("warm", (lease["warm_bytes"], lease["cold_bytes"]), (SIZE, 0))
            memory = mapped(lease["path"])
            expect("is zero", is_zero(memory), True)
            memory[:] = b"\xff" * SIZE
            memory.close()
            expect("state", c.do("release", lease=lease["lease"])["state"], "dirty")
            expect("path", os.path.exists(lease["path"]), False)
            w.until_full()
        expect("leases", w.leases(), [])


def lease_of_any_size_is_given():
    with weird() as w, w.client() as c:
        w.until_full()
        cut = c.do("lease", bytes=6 << 20, name="cut")
        expect("cut", (cut["bytes"], cut["cold_bytes"]), (6 << 20, 0))
        expect("size", os.stat(cut["path"]).st_size, 6 << 20)
        grown = c.do("lease", bytes=40 << 20, name="grown")
        expect("grown", (grown["bytes"], grown["warm_bytes"] < 40 << 20), (40 << 20, True))
        expect("is zero", is_zero(mapped(grown["path"], 40 << 20)), True)
        expect("code", c.refused("lease", bytes=POOL * M2 * 2), "no-memory")
        expect("code", c.refused("lease", bytes=200 << 20, warm_only=True), "not-warm")
        expect("code", c.refused("lease", bytes=M2, name="cut"), "name-taken")
        expect("code", c.refused("lease", bytes=M2 + 1), "bad-request")
        expect("code", c.refused("lease", bytes=M2, page_bytes=1 << 40), "no-such-size")
        expect("code", c.refused("lease", bytes=M2, node=999), "no-such-node")
        expect("names", sorted(l["name"] for l in w.leases()), ["cut", "grown"])
        for name in "cut", "grown":
            c.do("release", name=name)
        expect("code", c.refused("release", name="cut"), "no-such-lease")


def lease_by_descriptor():
    with weird() as w, w.client() as c:
        lease = c.do("lease", bytes=SIZE, descriptor=True)
        expect("descriptors", len(c.fds), 1)
        memory = mmap.mmap(c.fds[0], SIZE)
        expect("is zero", is_zero(memory), True)
        os.close(c.fds.pop())
        memory.close()
        c.do("release", lease=lease["lease"])


def lease_ends_with_its_process():
    with weird() as w, w.client() as c:
        with private.process(lambda: None) as pid:
            c.do("lease", bytes=SIZE, owner={"pid": pid})
            expect("owner", [(l["owner"], l["pid"]) for l in w.leases()], [("pid", pid)])
            time.sleep(0.2)
            expect("leases", len(w.leases()), 1)
        w.until_no_lease()
        expect("code", c.refused("lease", bytes=SIZE, owner={"pid": private.dead_pid()}),
               "no-such-owner")


def lease_ends_with_its_connection():
    with weird() as w:
        with w.client() as c:
            c.do("lease", bytes=SIZE, owner={"connection": True})
            expect("leases", len(w.leases()), 1)
        w.until_no_lease()


def lease_that_grows_ends_with_its_connection():
    conf = "[warm 2M]\nany = 0\n"
    with weird(conf) as w:
        with w.client() as c:
            c.send(op="lease", bytes=200 << 20)
        w.until_no_lease()
        w.until(lambda: free_pages() == POOL, "the memory is back")


def lease_ends_with_its_time():
    with weird() as w, w.client() as c:
        lease = c.do("lease", bytes=SIZE, ttl_ms=300)
        other = c.do("lease", bytes=SIZE, ttl_ms=200)
        c.do("renew", lease=other["lease"], ttl_ms=0)
        w.until(lambda: [l["lease"] for l in w.leases()] == [other["lease"]], "one ends")
        expect("log", f"lease={lease['lease']} by=time" in w.text(), True)
        c.do("renew", lease=other["lease"], ttl_ms=50)
        w.until_no_lease()


def lease_ends_with_its_use():
    with weird() as w, w.client() as c:
        lease = c.do("lease", bytes=SIZE, owner={"use": True})
        time.sleep(0.3)
        expect("leases before it is used", len(w.leases()), 1)
        memory = mapped(lease["path"])
        time.sleep(0.3)
        expect("leases while it is used", len(w.leases()), 1)
        memory.close()
        w.until_no_lease()


def lease_ends_with_its_unit():
    root = Path("/sys/fs/cgroup")
    tree = root if (root / "cgroup.procs").exists() else root / "unified"
    group = tree / "weir-test.service"
    try:
        group.mkdir()
    except OSError as error:
        raise pools.Skip(f"no cgroup v2 to write to: {error}") from None
    try:
        with weird() as w, w.client() as c:
            expect("code", c.refused("lease", bytes=SIZE, owner={"unit": "weir-test.service"}),
                   "no-such-owner")
            with private.process(lambda: None) as pid:
                (group / "cgroup.procs").write_text(str(pid))
                c.do("lease", bytes=SIZE, owner={"unit": "weir-test.service"}, name="a")
                c.do("lease", bytes=SIZE, owner={"unit": "/" + str(group.relative_to(tree))},
                     name="b")
                expect("units", [l["unit"] for l in w.leases()],
                       ["weir-test.service", "/weir-test.service"])
            w.until_no_lease()
    finally:
        group.rmdir()


def what_is_held_is_waited_for_and_its_holder_named():
    with weird() as w, w.client() as c:
        w.until_full()
        lease = c.do("lease", bytes=SIZE, name="vm")
        path = lease["path"]
        with private.process(lambda: private_keep(path)) as pid:
            reply = c.do("release", lease=lease["lease"])
            expect("state", reply["state"], "waiting")
            expect("holder", f"({pid}) maps it" in (reply["holders"] or ""), True)
            waiting = w.leases()
            expect("leases", [(l["state"], l["path"]) for l in waiting], [("waiting", None)])
            expect("holder", f"({pid})" in waiting[0]["holders"], True)
            # a second release tells the same
            expect("state", c.do("release", lease=lease["lease"])["state"], "waiting")
            # its name is free: who starts it again does not wait
            c.do("lease", bytes=SIZE, name="vm")
            expect("code", c.refused("lease", bytes=SIZE, name="vm"), "name-taken")
            w.kill()
            w.start()
            with w.client() as again:
                expect("states", sorted(l["state"] for l in w.leases()), ["leased", "waiting"])
                expect("state", again.do("release", name="vm")["state"], "dirty")
                expect("state", again.do("release", name="vm")["state"], "waiting")
        w.until_no_lease()
        w.until_full()


KEPT = []


def private_keep(path):
    memory = mapped(path)
    memory[0] = 1
    KEPT.append(memory)


def rules_are_kept():
    conf = CONF + ("[rule nobody]\nuser = 65534\nmost = 32M\nleases = 3\nttl = 1h\n"
                   "[rule kvm]\ngroup = 0\nmost = 1G\n")
    with weird(conf) as w:
        w.until_full()
        run_as(NOBODY, lambda: try_as_nobody(w.socket))
        run_as(12345, lambda: try_as_stranger(w.socket))
        with w.client() as c:
            for lease in w.leases():
                c.do("release", lease=lease["lease"])


def run_as(uid, act):
    """In a process of that user; its error is ours."""
    ready, told = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.setgroups([])
            os.setgid(uid)
            os.setuid(uid)
            act()
            os.write(told, b"y")
        except BaseException as error:
            os.write(told, repr(error).encode())
        finally:
            os._exit(0)
    os.close(told)
    answer = os.read(ready, 65536).decode()
    os.close(ready)
    os.waitpid(pid, 0)
    expect(f"what user {uid} finds", answer, "y")


def try_as_nobody(path):
    with Client(path) as c:
        first = c.do("lease", bytes=SIZE)
        expect("is zero", is_zero(mapped(first["path"])), True)
        expect("mode", os.stat(first["path"]).st_mode & 0o777, 0o600)
        expect("owner", os.stat(first["path"]).st_uid, NOBODY)
        expect("code", c.refused("lease", bytes=32 << 20), "quota")
        expect("code", c.refused("lease", bytes=M2, ttl_ms=7200000), "not-allowed")
        expect("code", c.refused("lease", bytes=M2, user=0), "not-allowed")
        expect("code", c.refused("lease", bytes=M2, owner={"pid": 1}), "not-allowed")
        expect("code", c.refused("target", page_bytes=M2, bytes=0), "not-allowed")
        c.do("lease", bytes=M2, owner={"pid": os.getpid()}, name="mine")
        expect("code", c.refused("renew", name="mine", ttl_ms=7200000), "not-allowed")
        expect("until", all(l["until_ms"] is not None for l in c.do("leases")["leases"]), True)
        with_pid = [l["lease"] for l in c.do("leases")["leases"] if l["name"] == "mine"]
        c.do("release", lease=with_pid[0])
        # nothing in the directory can be seen, or opened by another name
        folder = os.path.dirname(first["path"])
        try:
            os.listdir(folder)
            raise AssertionError("the store can be listed")
        except PermissionError:
            pass


def try_as_stranger(path):
    with Client(path) as c:
        expect("code", c.refused("lease", bytes=M2), "not-allowed")
        expect("leases", c.do("leases")["leases"], [])
        expect("code", c.refused("release", lease=1), "no-such-lease")


def hostile_clients_harm_nobody():
    with weird() as w, w.client() as good:
        w.until_full()

        # a gibibyte of JSON without an end
        with w.client() as c:
            sent, part = 0, b"[" * 65536
            with contextlib.suppress(OSError):
                while sent < 1 << 30:
                    sent += c.socket.send(part)
            expect("less is taken than was sent", sent < 1 << 20, True)
        good.do("warm")

        # one that never reads: from some point on nothing is taken of it
        with w.client() as c:
            c.socket.settimeout(2)
            line = b'{"weir":1,"op":"warm"}\n' * 500
            with contextlib.suppress(OSError):
                for _ in range(2000):
                    c.socket.sendall(line)
                raise AssertionError("all of it was taken")
            good.do("warm")

        # garbage, half lines, and lines in small pieces
        for text in (b"\0" * 1000 + b"\n", b"\xff\xfe{}\n", b"GET / HTTP/1.0\r\n\r\n",
                     b'{"weir":1,"op":"lease","bytes":1e300}\n', b"{" * 16000 + b"\n",
                     b'{"weir":1,"op":"warm"'):
            with w.client() as c:
                c.socket.sendall(text)
                if text.endswith(b"\n"):
                    expect("answer", c.receive()["ok"], False)
        with w.client() as c:
            for byte in b'{"weir":1,"op":"warm"}\n':
                c.socket.sendall(bytes([byte]))
            expect("answer", c.receive()["ok"], True)

        # a line that is too long is answered, then there is no more
        with w.client() as c:
            c.socket.sendall(b'{"weir":1,"x":"' + b"y" * 20000 + b'"}\n')
            expect("code", c.receive()["error"]["code"], "too-long")
            with contextlib.suppress(ConnectionError):
                expect("rest", c.socket.recv(10), b"")

        # many requests at once are all answered
        with w.client() as c:
            for _ in range(300):
                c.send(op="leases")
            expect("answers", {c.receive()["id"] for _ in range(300)}, set(range(1, 301)))
        good.do("warm")


def many_connections_are_bounded():
    with weird() as w:
        os.chmod(w.folder, 0o755)
        run_as(NOBODY, lambda: connect_often(w.socket))
        with w.client() as c:
            c.do("warm")


def connect_often(path):
    kept, refused = [], 0
    for _ in range(1000):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(10)
        try:
            s.connect(str(path))
        except BlockingIOError:  # as many wait to be taken as may
            time.sleep(0.05)
            continue
        try:
            s.sendall(b'{"weir":1,"op":"leases"}\n')
            answer = json.loads(s.makefile().readline() or '{"ok":false}')
        except ConnectionError:
            answer = {"ok": False}
        if answer["ok"]:
            kept.append(s)
        else:
            refused += 1
            s.close()
    expect("connections", len(kept), 64)
    if refused < 900:
        raise AssertionError(f"{refused} connections are refused")


def killed_weird_finds_all_again():
    with weird() as w, w.client() as c:
        w.until_full()
        with private.process(lambda: None) as pid:
            kept = c.do("lease", bytes=SIZE, name="kept", owner={"pid": pid})
            memory = mapped(kept["path"])
            memory[:4] = b"mine"
            c.do("lease", bytes=SIZE, name="tied", owner={"connection": True})
            with private.process(lambda: None) as short:
                c.do("lease", bytes=SIZE, name="gone", owner={"pid": short})
                w.kill()
            (w.folder / "log").write_text("")
            w.start()
            w.until(lambda: [l["name"] for l in w.leases()] == ["kept"], "others end")
            expect("memory", memory[:4], b"mine")
            w.until_full()
            with w.client() as again:
                other = again.do("lease", bytes=SIZE)
                expect("is zero", is_zero(mapped(other["path"])), True)
                again.do("release", lease=other["lease"])
            memory.close()
        w.until_no_lease()
        w.until_full()


def lease_waits_for_what_is_zeroed():
    """All of the pool is the store's, and being zeroed: slowly, until somebody wants it."""
    conf = "[warm 2M]\nany = 512M\nflavours = 512M\n[budget]\nrate = 4M\n"
    with weird(conf) as w, w.client() as c:
        w.until(lambda: free_pages() < POOL, "it is filled")
        began = time.monotonic()
        expect("code", c.refused("lease", bytes=64 << 20, warm_only=True), "not-warm")
        expect("code", c.refused("lease", bytes=1 << 30), "no-memory")
        lease = c.do("lease", bytes=512 << 20)
        took = time.monotonic() - began
        if took > 30:  # 128 s at its rate
            raise AssertionError(f"a lease waited for {took:.0f} s")
        memory = mapped(lease["path"], 512 << 20)
        memory[:4] = b"mine"
        memory.close()
        c.do("release", lease=lease["lease"])
        w.until(lambda: w.stores()[0]["scrubbing_bytes"], "it is scrubbed")
        with w.client() as small:  # a cold lease stops the scrub that another one waits for
            small.send(op="lease", bytes=400 << 20, name="x")
            c.send(op="lease", bytes=100 << 20, name="y")
            for each in small, c:
                reply = each.receive()
                expect("granted", reply.get("error"), None)
                each.do("release", lease=reply["lease"])
        with w.client() as gone:  # who waits and goes is not waited for
            gone.send(op="lease", bytes=512 << 20, owner={"connection": True})
        for _ in range(3):
            lease = c.do("lease", bytes=512 << 20, name="next")
            c.do("release", lease=lease["lease"])
        expect("leases", w.leases(), [])


def lease_that_waits_takes_what_is_idle():
    conf = "[warm 2M]\nany = 512M\nflavours = 512M\n[budget]\nrate = 4M\nidle-only = yes\n"
    with weird(conf) as w, w.client() as c:
        w.until(lambda: free_pages() < POOL, "it is filled")
        c.do("lease", bytes=512 << 20)
        c.send(op="lease", bytes=2 << 20)  # nothing is on its way for it
        expect("code", c.receive()["error"]["code"], "no-memory")


def fill_that_is_stopped_gives_way():
    """What it has reserved is anybody's."""
    conf = "[warm 2M]\nany = 400M\nflavours = 400M\n[budget]\nrate = 8M\n"
    with weird(conf) as w, w.client() as c:
        w.until(lambda: free_pages() < POOL, "it is filled")
        first = c.do("lease", bytes=100 << 20)  # of what the pool has besides
        second = c.do("lease", bytes=300 << 20)
        for lease in first, second:
            c.do("release", lease=lease["lease"])


def fill_that_was_cut_off_is_made_good():
    """Beside a scrub: what has holes then is not worked on first."""
    conf = "[warm 2M]\nany = 32M\nflavours = 16M\n"
    with weird(conf + "[budget]\nrate = 16M\n") as w, w.client() as c:
        w.until(lambda: w.stores()[0]["ready_bytes"] == SIZE, "the first is ready")
        memory = mapped(c.do("lease", bytes=SIZE, owner={"connection": True})["path"])
        memory[:4] = b"mine"
        memory.close()
        used = free_pages()
        w.until(lambda: 0 < used - free_pages() < SIZE // M2, "the next has a part of its pages")
        w.kill()
        w.conf.write_text(conf)
        w.start()
        w.until_full()


def reload_changes_targets_and_is_told():
    with weird() as w:
        w.until_full()
        w.reload(CONF.replace("64M", "32M"))
        w.until(lambda: [s["ready_bytes"] for s in w.stores()] == [32 << 20], "less is kept")
        expect("log", '- [warm 2M] any = 64M' in w.text() and '+ [warm 2M] any = 32M' in w.text(),
               True)
        w.reload("[warm 2M]\nany = 1\n")
        w.until(lambda: "reload-refused" in w.text(), "a wrong one is refused")
        expect("stores", [s["ready_bytes"] for s in w.stores()], [32 << 20])
        w.reload("# nothing\n")
        w.until(lambda: free_pages() == POOL, "all is given back")


def target_is_set_by_root():
    with weird() as w, w.client() as c:
        w.until_full()
        c.do("target", page_bytes=M2, bytes=16 << 20)
        w.until(lambda: [s["ready_bytes"] for s in w.stores()] == [16 << 20], "less is kept")


def what_is_kept_free_stays_free():
    with weird("[warm 2M]\nany = 1G\nflavours = 4M\n[budget]\nkeep-free = 2M 100M\n", pool=100) as w:
        w.until(lambda: free_pages() == 50, "the rest is filled")
        time.sleep(1.5)
        expect("free", free_pages(), 50)
        expect("blocked", "kept for others" in w.stores()[0]["blocked"], True)
        with w.client() as c:
            expect("code", c.refused("lease", bytes=150 << 20), "no-memory")


def budget_is_kept():
    with weird("[warm 2M]\nany = 200M\nflavours = 8M\n[budget]\nrate = 100M\ncpus = 1\n"
               "idle-only = yes\n") as w:
        began = time.monotonic()
        w.until_full()
        took = time.monotonic() - began
        if not 1.2 <= took <= 20:
            raise AssertionError(f"200 MiB at 100 MiB/s took {took:.1f} s")
        expect("rate is told", w.stores()[0]["fill_bytes_per_s"] < 200 << 20, True)


def filling_is_seen():
    with weird("[warm 2M]\nany = 400M\nflavours = 400M\n[budget]\nrate = 100M\n") as w:
        w.until(lambda: w.stores()[0]["seconds_to_full"], "it is filled")
        store = w.stores()[0]
        expect("filling", 0 < store["filling_bytes"] < 400 << 20, True, store)
        expect("seconds", 0 < store["seconds_to_full"] < 60, True, store)
        # the directory of the store, which weird has open, holds nothing
        done = subprocess.run([WEIR, "who", "--json"], capture_output=True, text=True, check=True)
        expect("holders", [hold["path"] for hold in json.loads(done.stdout)["holds"]
                           if (hold.get("path") or "").endswith("/2M")], [])


def only_node_is_any_node():
    nodes = [path.name[4:] for path in Path("/sys/devices/system/node").glob("node[0-9]*")]
    if len(nodes) != 1:
        raise pools.Skip("this host has several nodes")
    with weird() as w, w.client() as c:
        w.until_full()
        lease = c.do("lease", bytes=SIZE, node=int(nodes[0]), warm_only=True)
        expect("warm", (lease["warm_bytes"], lease["node"]), (SIZE, int(nodes[0])))
        expect("listed", [lease["node"] for lease in w.leases()], [int(nodes[0])])


def lease_without_a_configuration_is_of_the_hosts_pages():
    if "Hugepagesize:       2048 kB" not in Path("/proc/meminfo").read_text():
        raise pools.Skip("the default pages are not of 2M")
    with weird("") as w, w.client() as c:
        lease = c.do("lease", bytes=SIZE)
        expect("pages", (lease["page_bytes"], lease["warm_bytes"]), (M2, 0))


def pool_grows_and_shrinks():
    with tempfile.TemporaryDirectory(prefix="weir-test.") as folder:
        # a program that keeps its journal away from the system's
        shim = Path(folder) / "weir"
        shim.write_text(f'#!/bin/sh\nset=$1\nshift\nexec {WEIR} "$set" --state {folder}/s "$@"\n')
        shim.chmod(0o755)
        conf = "[warm 2M]\nany = 64M\nflavours = 16M\n[pool]\ngrow = yes\nshrink = yes\n"
        with weird(conf, "--weir", str(shim), pool=16) as w:
            w.until_full()
            expect("pool", pools.read(pools.size_dir(M2) / "nr_hugepages"), 32, w.text())
            expect("log", "pool-grown size=2M node=-1 pages=16" in w.text(), True)
            w.kill()
            w.start()
            w.reload(conf.replace("64M", "8M"))
            w.until(lambda: pools.read(pools.size_dir(M2) / "nr_hugepages") == 16,
                    "what was grown is given back, and no more")
            w.until_full()


def growth_that_a_guard_refuses_is_told():
    conf = "[warm 2M]\nany = 64M\n[budget]\nfloor = 1000G\n[pool]\ngrow = yes\n"
    with weird(conf, pool=16) as w:
        w.until(lambda: "pool-grown" in w.text(), "it is tried")
        expect("log", "the host would be left with" in w.text(), True, w.text())
        w.until(lambda: "the host would be left" in (w.stores()[0]["blocked"] or ""), "told")
        expect("pool", pools.read(pools.size_dir(M2) / "nr_hugepages"), 16)
    with weird(conf, "--weir", "/nowhere/weir", pool=16) as w:
        w.until(lambda: "/nowhere/weir" in (w.stores()[0]["blocked"] or ""), "that it cannot")


def log_that_nobody_reads_is_no_end():
    with tempfile.TemporaryDirectory(prefix="weir-test.") as folder:
        shim = Path(folder) / "weir"
        shim.write_text(f'#!/bin/sh\ngrep SigIgn /proc/$$/status >{folder}/new\n'
                        f'mv {folder}/new {folder}/ignored\nexit 1\n')
        shim.chmod(0o755)
        with weird(CONF + "[pool]\ngrow = yes\n", "--weir", str(shim), pool=16) as w:
            w.until((Path(folder) / "ignored").exists, "the pool is to grow")
            ignored = int((Path(folder) / "ignored").read_text().split()[1], 16)
            expect("SIGPIPE of what it starts", ignored >> (signal.SIGPIPE - 1) & 1, 0)
            # its log becomes a pipe that nobody reads
            near, far = os.pipe()
            os.close(near)
            other = Weird(WEIRD, folder, CONF)
            command = [*other.command, "--socket", other.socket]
            with subprocess.Popen(command, stderr=far, stdin=subprocess.DEVNULL) as process:
                try:
                    os.close(far)
                    w.until(lambda: other.socket.exists() or process.poll() is not None, "it is there")
                    process.send_signal(signal.SIGHUP)
                    with other.client() as client:
                        expect("it serves", len(client.do("warm")["stores"]), 1)
                    process.terminate()
                    expect("its end", process.wait(timeout=30), 0)
                finally:
                    process.kill()
                    other.process = process
                    other.give_back()


def systemd_is_told():
    with tempfile.TemporaryDirectory(prefix="weir-test.") as folder:
        near = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        near.bind(f"{folder}/notify")
        near.settimeout(20)
        env = {**os.environ, "NOTIFY_SOCKET": f"{folder}/notify", "WATCHDOG_USEC": "200000",
               "JOURNAL_STREAM": "1:1"}
        with weird(CONF, env=env) as w:
            expect("first", near.recv(4096), b"READY=1")
            for _ in range(4):
                words = near.recv(4096).decode()
                expect("watchdog", "WATCHDOG=1\nSTATUS=" in words, True)
            w.process.send_signal(signal.SIGHUP)
            heard = b""
            while b"READY=1" not in heard:
                heard += near.recv(4096)
            expect("reload", b"RELOADING=1\nMONOTONIC_USEC=" in heard, True)
            expect("log has priorities", bool(re.match(r"<5>ready ", w.text())), True)
            w.process.terminate()
            while b"STOPPING=1" not in heard:
                heard += near.recv(4096)
        near.close()


def socket_is_taken_from_systemd():
    with tempfile.TemporaryDirectory(prefix="weir-test.") as folder:
        path = f"{folder}/handed"
        near = socket.socket(socket.AF_UNIX)
        near.bind(path)
        near.listen(5)

        def hand_over():
            os.dup2(near.fileno(), 3)
            os.set_inheritable(3, True)  # dup2() leaves it as it is where it is 3 already
            os.environ["LISTEN_PID"] = str(os.getpid())
            os.environ["LISTEN_FDS"] = "1"

        env = "import os,sys;os.environ.update(LISTEN_PID=str(os.getpid()),LISTEN_FDS='1');" \
              "os.execv(sys.argv[1],sys.argv[1:])"
        pools.need([M2])
        with pools.saved_pools():
            pools.set_pool(M2, POOL)
            w = Weird(WEIRD, folder, CONF)
            w.command = [sys.executable, "-c", env, *w.command]
            w.how = {"preexec_fn": hand_over, "close_fds": False}
            try:
                w.start()
                with Client(path) as c:
                    c.do("warm")
                expect("own socket", w.socket.exists(), False)
                w.stop()
                expect("it stays", os.path.exists(path), True)
            finally:
                w.give_back()
        near.close()


def metrics_are_told():
    port = free_port()
    with weird(CONF + f"[http]\nlisten = 127.0.0.1:{port}\n") as w, w.client() as c:
        w.until_full()
        c.do("lease", bytes=SIZE)
        text = c.do("metrics")["text"]
        for line in ('weir_warm_target_bytes{size_bytes="2097152",node="any"} 67108864',
                     'weir_leases{state="leased"} 1',
                     'weir_lease_requests_total{result="ok"} 1',
                     f'weir_pool_pages{{size_bytes="2097152",node="all",state="total"}} {POOL}',
                     'weir_holder_bytes{kind="file"}', 'weir_holder_bytes{kind="leased"}',
                     "weir_unaccounted_bytes{"):
            if line not in text:
                raise AssertionError(f"{line!r} is not in {text}")
        try:
            http = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20)
        except urllib.error.URLError as error:
            if "without HTTP" in w.text():
                raise pools.Skip("built without HTTP") from None
            raise error
        expect("type", http.headers["Content-Type"].startswith("text/plain; version=0.0.4"), True)
        expect("HTTP", b'weir_leases{state="leased"} 1\n' in http.read(), True)
        for path, data, code in (("/", None, 404), ("/metrics", b"x", 405)):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", data, timeout=20)
                raise AssertionError(f"{path} is answered")
            except urllib.error.HTTPError as error:
                expect(path, error.code, code)
        check = subprocess.run(["promtool", "check", "metrics"], input=text, text=True,
                               capture_output=True, check=False) if has("promtool") else None
        if check and (check.returncode or check.stdout or check.stderr):
            raise AssertionError(check.stdout + check.stderr)


def has(program):
    return any(os.access(os.path.join(d, program), os.X_OK)
               for d in os.environ["PATH"].split(":"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def two_weirds_do_not_share_a_store():
    with weird() as w:
        second = subprocess.run([str(x) for x in w.command], capture_output=True, text=True,
                                timeout=60, check=False)
        expect("status", second.returncode, 1)
        expect("words", str(w.process.pid) in second.stderr, True)


def release_all_gives_back():
    with weird() as w:
        w.until_full()
        w.stop()
        expect("free while weird is not there", free_pages(), POOL - 32)
        command = [str(x) for x in w.command]
        done = subprocess.run([*command, "--release-all"], capture_output=True, text=True,
                              timeout=60, check=False)
        expect(f"status ({done.stderr})", done.returncode, 0)
        expect("free", free_pages(), POOL)
        expect("mounts", str(w.folder) in Path("/proc/self/mountinfo").read_text(), False)
        # what it mounts beforehand is taken as it is
        expect("mount", subprocess.run([*command, "--mount"], timeout=60).returncode, 0)
        w.start()
        w.until_full()


def wrong_configuration_is_not_started_with():
    with tempfile.TemporaryDirectory(prefix="weir-test.") as folder:
        conf = Path(folder) / "c"
        for text, words in (("[warm 2M]\nnode0 = x\n", f"{conf}:2:9: 'x' is no size"),
                            (None, f"read '{conf}': No such file")):
            conf.unlink(missing_ok=True)
            if text:
                conf.write_text(text)
            for option in ([], ["--check-config"]):
                done = subprocess.run([WEIRD, "-c", conf, "--dir", f"{folder}/d", "--state",
                                       f"{folder}/s", "--socket", f"{folder}/k", *option],
                                      capture_output=True, text=True, timeout=60, check=False)
                expect("status", done.returncode, 1)
                if words not in done.stderr:
                    raise AssertionError(f"{words!r} is not in {done.stderr!r}")


def main():
    try:
        private.enter()
    except pools.Skip as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    tests = [
        lease_is_zero_and_comes_back_zero,
        lease_of_any_size_is_given,
        lease_by_descriptor,
        lease_ends_with_its_process,
        lease_ends_with_its_connection,
        lease_that_grows_ends_with_its_connection,
        lease_ends_with_its_time,
        lease_ends_with_its_use,
        lease_ends_with_its_unit,
        what_is_held_is_waited_for_and_its_holder_named,
        rules_are_kept,
        hostile_clients_harm_nobody,
        many_connections_are_bounded,
        lease_waits_for_what_is_zeroed,
        lease_that_waits_takes_what_is_idle,
        fill_that_is_stopped_gives_way,
        killed_weird_finds_all_again,
        fill_that_was_cut_off_is_made_good,
        reload_changes_targets_and_is_told,
        target_is_set_by_root,
        what_is_kept_free_stays_free,
        budget_is_kept,
        filling_is_seen,
        only_node_is_any_node,
        lease_without_a_configuration_is_of_the_hosts_pages,
        pool_grows_and_shrinks,
        growth_that_a_guard_refuses_is_told,
        log_that_nobody_reads_is_no_end,
        systemd_is_told,
        socket_is_taken_from_systemd,
        metrics_are_told,
        two_weirds_do_not_share_a_store,
        release_all_gives_back,
        wrong_configuration_is_not_started_with,
    ]
    names = sys.argv[3:]
    with pools.others_wait():  # once for all: each of them is short
        return pools.run_tests([t for t in tests if not names or t.__name__ in names])


if __name__ == "__main__":
    sys.exit(main())
