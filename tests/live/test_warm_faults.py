#!/usr/bin/env python3
"""test_warm_faults.py WEIR WEIRD CLIENT [LEASES [SEED]]: warm memory keeps its promises
whatever happens to those who keep and use it.

Clients (warm_client.c) lease and release at random; they and weird are killed at random
moments, weird is started again, the pool is filled from outside, leases run out, the
target changes. Meanwhile no page is lost (the ledger of `weir who` has nobody unknown in
it), no region is leased twice, no byte that is leased is other than zero, and no byte of
what somebody still has is touched: the clients look. At the end everything goes back.
`make leases` is the long run. TAP."""

import contextlib
import json
import mmap
import os
import random
import re
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pools
import private
import warm_host

WEIR, WEIRD, CLIENT = (os.path.abspath(path) for path in sys.argv[1:4])
LEASES = int(sys.argv[4]) if len(sys.argv) > 4 else 500
SEED = int(sys.argv[5]) if len(sys.argv) > 5 else time.time_ns() % 1000000
M2 = 2 << 20
POOL = 200
CLIENTS = 8
NOBODY = private.NOBODY
STANDSTILL = 60  # seconds
# of warm_client.c, in its order
COUNTS = ("leases", "warm_bytes", "cold_bytes", "refused", "releases", "held_releases",
          "run_out", "left", "cut", "grown", "punched", "forked", "renewed", "reconnects",
          "unsure")
CONFIG = f"""
[warm 2M]
any = 160M
flavours = 8M 16M 2M

[rule nobody]
user = {NOBODY}
most = 1G
"""
UNIFIED = [Path(line.split()[4]) for line in
           Path("/proc/self/mountinfo").read_text().splitlines()
           if " - cgroup2 " in line and "/sys/fs/cgroup" in line]

chance = random.Random(SEED)


class Counts:
    """What the clients have done so far, all together."""

    def __init__(self, path):
        with open(path, "w+b") as file:
            os.fchmod(file.fileno(), 0o666)
            file.truncate(mmap.PAGESIZE)
            self.map = mmap.mmap(file.fileno(), mmap.PAGESIZE)

    def __getitem__(self, name):
        return struct.unpack_from("Q", self.map, COUNTS.index(name) * 8)[0]

    def __str__(self):
        return ", ".join(f"{self[name] >> (20 if 'bytes' in name else 0)} "
                         f"{name.replace('bytes', 'MiB').replace('_', ' ')}"
                         for name in COUNTS)


class Group:
    """A cgroup for one client at a time: the unit that its leases may belong to."""

    def __init__(self, number):
        self.path = None
        if not UNIFIED:
            return
        path = UNIFIED[0] / f"weir-test-{os.getpid()}-{number}"
        try:
            path.mkdir()
            self.path = path
        except OSError:
            pass  # no owners of this kind, then

    def name(self):
        return self.path.name if self.path else "-"

    def join(self):
        if self.path:
            (self.path / "cgroup.procs").write_text(str(os.getpid()))

    def remove(self):
        for _ in range(100 if self.path else 0):
            try:
                self.path.rmdir()
                return
            except OSError:
                time.sleep(0.05)


class Clients:
    def __init__(self, one, counts):
        self.weird, self.counts = one, counts
        self.running = {}  # by place
        self.groups = [Group(place) for place in range(CLIENTS)]
        self.killed = self.started = 0

    def start(self, place):
        parent, group = os.getpid(), self.groups[place]
        user = 0 if chance.random() < 0.5 else NOBODY

        def enter():
            group.join()
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            warm_host.dies_with(parent)

        self.running[place] = subprocess.Popen(
            [CLIENT, self.weird.socket, self.weird.folder, str(chance.randrange(1 << 60)),
             str(chance.randrange(1, 60)), group.name()], stderr=subprocess.PIPE, text=True,
            preexec_fn=enter)
        self.started += 1

    def look(self):
        """Who has ended is asked how, and followed by another."""
        for place, client in list(self.running.items()):
            if client.poll() is not None:
                del self.running[place]
                self.judge(client)
        for place in range(CLIENTS):
            if place not in self.running:
                self.start(place)

    def judge(self, client):
        said = client.stderr.read().strip()
        client.stderr.close()
        if client.returncode not in (0, -signal.SIGKILL) or said:
            raise AssertionError(f"a client ended with {client.returncode}: {said}")

    def kill_one(self):
        chance.choice(list(self.running.values())).kill()
        self.killed += 1

    def signal_all(self, number):
        for client in self.running.values():
            if client.poll() is None:
                client.send_signal(number)

    def end(self):
        ended, self.running = list(self.running.values()), {}
        for client in ended:
            client.kill()
            client.wait()
        for group in self.groups:
            group.remove()
        for client in ended:
            self.judge(client)


def ledger():
    done = subprocess.run([WEIR, "who", "--json"], capture_output=True, text=True, check=False)
    if done.returncode:
        raise AssertionError(f"weir who: exit {done.returncode}: {done.stderr}")
    return next(size for size in json.loads(done.stdout)["sizes"] if size["page_bytes"] == M2)


def nobody_is_unknown(when):
    """Every page has a holder. weird may be at work, and the ledger is then read between
    two of its steps: what stays is what counts."""
    for _ in range(20):
        seen = ledger()
        if not seen["unattributed"] and not seen["unattributed_reserved"]:
            return
        time.sleep(0.1)
    raise AssertionError(f"{when}: {seen['unattributed']} pages are nobody's, "
                         f"{seen['unattributed_reserved']} reserved: {seen}")


class Host:
    """What is done to weird and to the pool while the clients are at work."""

    def __init__(self, one, clients, counts):
        self.weird, self.clients, self.counts = one, clients, counts
        self.kills = self.stops = self.targets = self.floods = self.ledgers = 0
        self.flood_until, self.flood = 0, None
        self.next_kill = self.next_ledger = 0
        self.schedule_kill()
        self.schedule_ledger()

    def schedule_kill(self):
        self.next_kill = self.counts["leases"] + chance.randrange(50, 200)

    def schedule_ledger(self):
        self.next_ledger = self.counts["leases"] + chance.randrange(150, 400)

    def kill_weird(self):
        if chance.random() < 0.8:
            self.weird.kill()
            self.kills += 1
        else:
            self.weird.stop()
            self.stops += 1
        time.sleep(chance.random() * 0.05)
        self.weird.start()
        self.schedule_kill()

    def change_target(self):
        target = chance.choice([0, 10, 40, 80, 120, 160, POOL]) * M2
        self.weird.ask("target", page_bytes=M2, node=None, bytes=target)
        self.targets += 1

    def end_flood(self):
        if self.flood:
            self.flood.close()
            self.flood = None

    def fill_pool(self):
        """Somebody else takes what the pool has left, and keeps it for a moment."""
        free = warm_host.counter(M2, "free") - warm_host.counter(M2, "resv")
        pages = chance.randrange(free + 1) if free > 0 and chance.random() < 0.5 else free
        if pages < 1 or self.flood:
            return
        self.flood = contextlib.ExitStack()
        try:
            self.flood.enter_context(pools.holder(M2, pages, pages))
        except OSError:  # others were faster
            self.end_flood()
            return
        self.floods += 1
        self.flood_until = time.monotonic() + chance.random() * 0.3

    def release_of_the_dead(self):
        """As an administrator would: whose owner is nothing but a process that is gone."""
        with self.weird.client() as line:
            for lease in line.do("leases")["leases"]:
                named = re.match(r"c(\d+)-", lease["name"] or "")
                if lease["state"] != "leased" or (
                        named and Path(f"/proc/{named[1]}").exists()):
                    continue
                line.ask("release", lease=lease["lease"])  # if it is there still

    def audit(self):
        """All stand still, and each page is looked for."""
        self.clients.signal_all(signal.SIGSTOP)
        try:
            nobody_is_unknown(f"after {self.counts['leases']} leases")
        finally:
            self.clients.signal_all(signal.SIGCONT)
        self.ledgers += 1
        self.schedule_ledger()

    def step(self):
        if not self.weird.is_running():
            raise AssertionError(f"weird ended by itself with "
                                 f"{self.weird.process.returncode}: {self.weird.last_words(30)}")
        if self.flood and time.monotonic() > self.flood_until:
            self.end_flood()
        if self.counts["leases"] >= self.next_kill:
            self.kill_weird()
        if self.counts["leases"] >= self.next_ledger:
            self.audit()
        dice = chance.random()
        if dice < 0.06:
            self.change_target()
        elif dice < 0.10:
            self.fill_pool()
        elif dice < 0.16:
            self.release_of_the_dead()
        elif dice < 0.26:
            self.clients.kill_one()


def work(one, undo):
    (one.folder / "held").mkdir()
    (one.folder / "numbers").mkdir()
    for name in ("held", "numbers"):  # not sticky: whoever comes opens the locks of all
        os.chmod(one.folder / name, 0o777)
    counts = Counts(one.folder / "counts")
    clients = Clients(one, counts)
    host = Host(one, clients, counts)
    undo.callback(host.end_flood)
    undo.callback(clients.end)
    began = time.monotonic()
    nr, since = 0, began
    while counts["leases"] < LEASES:
        if counts["leases"] > nr:
            nr, since = counts["leases"], time.monotonic()
        if time.monotonic() - since > STANDSTILL:
            raise AssertionError(f"no lease for {STANDSTILL} s: {one.ask('warm')}")
        clients.look()
        host.step()
        time.sleep(chance.random() * 0.05)
    clients.look()
    print(f"# seed {SEED}, {time.monotonic() - began:.0f} s: {clients.started} clients, "
          f"{clients.killed} killed; weird killed {host.kills} times, stopped {host.stops}; "
          f"{host.targets} targets, pool filled {host.floods} times, {host.ledgers} ledgers")
    print(f"# {counts}", flush=True)
    clients.end()
    host.end_flood()
    return host


def all_goes_back(one):
    """Every lease released, nothing waited for, and each page in the store or free."""
    with one.client() as line:
        for lease in line.do("leases")["leases"]:
            line.ask("release", lease=lease["lease"])
    one.wait_until(lambda: not one.ask("leases")["leases"], "no lease")
    one.wait_quiet(M2, 60)
    nobody_is_unknown("at the end")
    if one.ask("warm")["verify_failures"]:
        raise AssertionError("what was scrubbed was not zero")


def no_page_is_lost_and_no_byte_is_told():
    print(f"# seed {SEED}", flush=True)
    with warm_host.pool_of(M2, POOL), private.folder() as folder:
        with warm_host.running(WEIRD, folder, CONFIG) as one, \
                contextlib.ExitStack() as undo:
            one.wait_ready(M2, 80 * M2)
            work(one, undo)
            began = time.monotonic()
            all_goes_back(one)
            print(f"# all has gone back after {time.monotonic() - began:.0f} s", flush=True)
        if any(folder in mount for mount in private.huge_mounts()):
            raise AssertionError("a mount is left")


if __name__ == "__main__":
    sys.exit(warm_host.main([no_page_is_lost_and_no_byte_is_told]))
