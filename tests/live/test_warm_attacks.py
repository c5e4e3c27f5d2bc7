#!/usr/bin/env python3
"""test_warm_attacks.py WEIR WEIRD [TEST...]: warm memory among users who mean no good, and
under an administrator who knows no better.

A user with a rule (nobody) tries to come to the memory of others; root removes, unmounts,
shrinks and overwrites what weird works with. What is handed out stays zero and one's own,
no page is lost, and weird goes on. TAP."""

import contextlib
import ctypes
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pools
import private
import warm_host
from persons import Person, frame, persons
from pools import Skip, size_dir

WEIR, WEIRD = (os.path.abspath(path) for path in sys.argv[1:3])
M2 = 2 << 20
POOL = 64
NOBODY, OTHER = private.NOBODY, 65533
CONFIG = f"""
[warm 2M]
any = 64M
flavours = 8M 4M

[rule nobody]
user = {NOBODY}
most = 64M

[rule other]
user = {OTHER}
most = 64M
"""


def expect(what, got, want):
    if got != want:
        raise AssertionError(f"{what} is {got!r}, not {want!r}")


@contextlib.contextmanager
def store(config=CONFIG, ready=64 << 20, pool=POOL):
    with warm_host.pool_of(M2, pool), private.folder() as folder:
        with warm_host.running(WEIRD, folder, config) as one:
            one.wait_ready(M2, ready)
            yield one
            no_lease_left(one)
            nobody_is_unknown("at the end")


def no_lease_left(one):
    with one.client() as client:
        for lease in client.do("leases")["leases"]:
            client.ask("release", lease=lease["lease"])
    one.wait_until(lambda: not one.ask("leases")["leases"], "no lease")
    one.wait_quiet(M2)


def nobody_is_unknown(when):
    for _ in range(20):
        done = subprocess.run([WEIR, "who", "--json"], capture_output=True, text=True,
                              check=True)
        size = next(s for s in json.loads(done.stdout)["sizes"] if s["page_bytes"] == M2)
        if not size["unattributed"] and not size["unattributed_reserved"]:
            return
        time.sleep(0.1)
    raise AssertionError(f"{when}: {size['unattributed']} pages are nobody's")


def lease(person, size, **keys):
    words = "".join(f", {key}={value!r}" for key, value in keys.items())
    return person.do(f"weird.do('lease', bytes={size}{words})")


def inode(path):
    return os.stat(path).st_ino


def take_all(one, size):
    """Everything that is ready, as root, looked at: {inode: path}."""
    found = {}
    with one.client() as client:
        while True:
            reply = client.ask("lease", bytes=size, warm_only=True)
            if not reply["ok"]:
                break
            with open(reply["path"], "r+b") as file:
                if not warm_host.is_zero(file.fileno(), size):
                    raise AssertionError("a lease is not zero")
            found[inode(reply["path"])] = reply["path"]
    return found


# --- users

def nothing_of_others_can_be_seen_or_opened():
    with store() as one, persons(one, NOBODY, OTHER) as (nobody, other):
        mine, his = lease(nobody, M2)["path"], lease(other, M2)["path"]
        nobody.do(f"hold({mine!r})")
        folder = os.path.dirname(his)
        for text in (f"os.listdir({folder!r})", f"os.listdir({os.path.dirname(folder)!r})",
                     f"hold({his!r})", f"hold({his!r}, os.O_RDONLY)",
                     f"os.truncate({his!r}, 0)", f"os.chmod({his!r}, 0o666)",
                     f"os.link({mine!r}, {folder + '/x'!r})", f"os.unlink({mine!r})",
                     f"os.unlink({his!r})", f"os.rename({mine!r}, {folder + '/x'!r})",
                     f"os.rename({mine!r}, {his!r})", f"os.mkdir({folder + '/x'!r})",
                     f"os.close(os.open({folder + '/x'!r}, os.O_CREAT | os.O_RDWR))",
                     f"os.chown({mine!r}, 0, 0)", f"os.symlink('/', {folder + '/x'!r})",
                     f"seal({mine!r})"):
            nobody.refused(text, "PermissionError", "OSError")
        expect("others' leases", [entry["path"] for entry in
                                  nobody.do("weird.do('leases')")["leases"]], [mine])


def leases_of_others_cannot_be_ended():
    with store() as one, persons(one, NOBODY, OTHER) as (nobody, other):
        his = lease(other, M2, name="his")
        for keys in (f"lease={his['lease']}", "name='his'"):
            for op in ("release", "renew"):
                more = ", ttl_ms=1" if op == "renew" else ""
                expect(f"{op} {keys}", nobody.do(f"weird.refused({op!r}, {keys}{more})"),
                       "no-such-lease")
        expect("a second one of a name", nobody.do("weird.refused('lease', bytes=2097152, "
                                                   "name='his')"), "name-taken")
        for pid in (other.pid, os.getpid(), 1):
            code = nobody.do("weird.refused('lease', bytes=2097152, owner={'pid': %d})" % pid)
            expect(f"an owner of another user, {pid}", code, "not-allowed")
        expect("his", len(other.do("weird.do('leases')")["leases"]), 1)


def sizes_that_lie_are_refused():
    with store() as one, persons(one, NOBODY) as (nobody,):
        for text in ("0", "-1", "1", "1.5", "2097152.0", "2097153", "1e9", "9223372036854775808",
                     "18446744073709551615", "18446744073709551616", "-9223372036854775808",
                     "9223372036852678656", "true", "null", "'2M'", "[2097152]", "{}",
                     "1e400", "0x200000", "NaN"):
            line = '{"weir":1,"id":1,"op":"lease","bytes":%s}' % text.replace("'", '"')
            reply = nobody.do(f"weird.socket.sendall({(line + chr(10)).encode()!r}) or "
                              "weird.receive()")
            if reply["ok"] or reply["error"]["code"] not in ("bad-request", "quota",
                                                            "no-memory"):
                raise AssertionError(f"{line}: {reply}")
        for text in ('"page_bytes":4096', '"page_bytes":0', '"page_bytes":3145728',
                     '"node":-1', '"node":1024', '"node":4294967296', '"ttl_ms":-1',
                     '"owner":{"pid":0}', '"owner":{"pid":-1}', '"owner":{"pid":4294967297}',
                     '"owner":{"unit":"../../x"}', '"owner":{"unit":"/"}', '"name":"a/b"',
                     '"name":"' + "a" * 65 + '"', '"user":0', '"bytes":4194304'):
            line = '{"weir":1,"id":1,"op":"lease","bytes":2097152,%s}' % text
            reply = nobody.do(f"weird.socket.sendall({(line + chr(10)).encode()!r}) or "
                              "weird.receive()")
            if reply["ok"]:
                raise AssertionError(f"{line}: {reply}")


def descriptor_that_is_kept_is_waited_for():
    with store() as one, persons(one, NOBODY) as (nobody,):
        mine = lease(nobody, 8 << 20)
        at = nobody.do(f"hold({mine['path']!r})")
        reply = nobody.do(f"weird.do('release', lease={mine['lease']})")
        expect("state", reply["state"], "waiting")
        nobody.refused(f"hold('/proc/self/fd/%d' % HELD[{mine['path']!r}])", "PermissionError")
        expect("others have it", at in take_all(one, 8 << 20), False)
        nobody.do(f"soil({mine['path']!r}, {8 << 20}) and drop({mine['path']!r})")
        no_lease_left(one)  # it comes back, and whatever is leased now is zero
        take_all(one, 8 << 20)


def open_that_races_with_release_gains_nothing():
    with store() as one, persons(one, NOBODY) as (nobody,):
        kept = 0
        for _ in range(30):
            mine = lease(nobody, 8 << 20)
            nobody.lines.write(json.dumps(f"race({mine['path']!r})") + "\n")
            nobody.lines.flush()
            time.sleep(0.002)
            one.ask("release", lease=mine["lease"])
            held = json.loads(nobody.lines.readline())["is"]
            kept += len(held)
            taken = take_all(one, 8 << 20)
            both = set(held) & set(taken)
            nobody.do("race_writes()")
            for path in taken.values():
                with open(path, "r+b") as file:
                    expect("zero", warm_host.is_zero(file.fileno(), 8 << 20), True)
            nobody.do("race_ends()")
            expect("a file that somebody has and somebody else was leased", both, set())
            no_lease_left(one)
        print(f"# {kept} descriptors came through the race, and were waited for")


def pages_that_are_only_pinned_are_not_anybody_elses():
    """Pages of who is not root are not zeroed in place."""
    with store() as one, persons(one, NOBODY) as (nobody,):
        mine = lease(nobody, 4 << 20)
        with open(mine["path"], "r+b") as file:
            at = warm_host.map_shared(file.fileno(), M2)
            ctypes.memset(at, 0, 1)
            before = frame(at)
            warm_host.unmap(at, M2)
        nobody.do(f"hold({mine['path']!r})")
        try:
            nobody.do(f"pin({mine['path']!r})")
        except AssertionError as error:
            raise Skip(f"no registered buffers here: {error}") from None
        nobody.do(f"weird.do('release', lease={mine['lease']})")
        one.wait_quiet(M2)
        for path in take_all(one, 4 << 20).values():
            with open(path, "r+b") as file:
                at = warm_host.map_shared(file.fileno(), 4 << 20)
                frames = [ctypes.string_at(at + i, 1) and frame(at + i)
                          for i in range(0, 4 << 20, M2)]
                warm_host.unmap(at, 4 << 20)
            if before in frames:
                raise AssertionError("a page that somebody has pinned was leased")


def lease_that_its_lessee_locks_up_stops_nobody():
    """Files may be leased by their owner, in fcntl's sense: who opens one waits for 45 s."""
    with store() as one, persons(one, NOBODY) as (nobody,):
        mine = lease(nobody, 8 << 20)
        nobody.do(f"hold({mine['path']!r})")
        nobody.do("signal.signal(signal.SIGIO, signal.SIG_IGN) is None or 1")
        nobody.do(f"lease_of_his_own({mine['path']!r})")
        began = time.monotonic()
        one.ask("release", lease=mine["lease"])
        one.ask("warm")
        one.ask("leases")
        took = time.monotonic() - began
        if took > 5:
            raise AssertionError(f"weird was held up for {took:.1f} s")
        nobody.do(f"drop({mine['path']!r})")


def storm_of_opens_does_not_stop_others():
    with store() as one, persons(one, NOBODY) as (nobody,):
        mine = lease(nobody, 8 << 20, owner={"use": True})
        nobody.do(f"hold({mine['path']!r})")
        nobody.lines.write(json.dumps(f"open_and_close({mine['path']!r}, 2)") + "\n")
        nobody.lines.flush()
        worst, end = 0, time.monotonic() + 1.5
        with one.client() as client:
            while time.monotonic() < end:
                began = time.monotonic()
                client.do("release", lease=client.do("lease", bytes=M2)["lease"])
                worst = max(worst, time.monotonic() - began)
        opens = json.loads(nobody.lines.readline())["is"]
        print(f"# {opens} opens; the longest lease and release meanwhile: {worst * 1000:.0f} ms")
        if worst > 5:
            raise AssertionError(f"somebody waited for {worst:.1f} s")
        nobody.do(f"drop({mine['path']!r})")


def file_that_grew_over_the_pool_comes_back():
    """Any who may write to a hugetlbfs may take of its pool: it is seen, and ends."""
    with store() as one, persons(one, NOBODY) as (nobody,):
        mine = lease(nobody, 4 << 20)
        one.wait_ready(M2, 64 << 20)  # what was leased is made good: the pool has less then
        nobody.do(f"hold({mine['path']!r})")
        free = warm_host.counter(M2, "free")
        nobody.do(f"os.posix_fallocate(HELD[{mine['path']!r}], 0, {(free + 2) * M2}) or 1")
        expect("free", warm_host.counter(M2, "free"), 0)
        nobody_is_unknown("with a file that grew")
        take_all(one, 4 << 20)
        nobody.do(f"drop({mine['path']!r})")
        nobody.do(f"weird.do('release', lease={mine['lease']})")
        one.wait_quiet(M2)
        expect("free again", warm_host.counter(M2, "free") >= free, True)


# --- the administrator

def owner_whose_number_comes_again_is_not_the_owner():
    last = Path("/proc/sys/kernel/ns_last_pid")
    if not last.exists():
        raise Skip("process numbers cannot be chosen here")
    with store() as one:
        for _ in range(50):
            first = Person(0)
            reply = one.ask("lease", bytes=M2, owner={"pid": first.pid})
            one.kill()
            first.end()
            last.write_text(str(first.pid - 1))
            again = Person(0)
            try:
                one.start()
                if again.pid != first.pid:
                    one.ask("release", lease=reply["lease"]) if one.ask("leases")["leases"] \
                        else None
                    continue
                expect("leases", one.ask("leases")["leases"], [])
                return
            finally:
                again.end()
        raise Skip("the number went to somebody else each time")


def files_that_root_removes_are_no_leases():
    with store() as one, persons(one, NOBODY) as (nobody,):
        mine = lease(nobody, 8 << 20)
        nobody.do(f"hold({mine['path']!r})")
        for path in Path(mine["path"]).parent.iterdir():
            path.unlink()
        nobody_is_unknown("with files removed")
        one.ask("warm")
        reply = one.client().ask("lease", bytes=8 << 20)
        if reply["ok"]:
            with open(reply["path"], "r+b") as file:
                expect("zero", warm_host.is_zero(file.fileno(), 8 << 20), True)
        nobody.do(f"weird.ask('release', lease={mine['lease']})")
        nobody.do(f"drop({mine['path']!r})")
        no_lease_left(one)
        one.wait_ready(M2, 64 << 20)


def mount_that_root_takes_away_is_told():
    """Unmounted with force: what is handed out afterwards can be opened, or is refused."""
    with store() as one:
        first = one.ask("lease", bytes=8 << 20)
        where = os.path.dirname(first["path"])
        busy = subprocess.run(["umount", where], capture_output=True, check=False)
        expect("unmounted while weird has it", busy.returncode != 0, True)
        subprocess.run(["umount", "-l", where], check=True)
        reply = one.client().ask("lease", bytes=8 << 20)
        if reply["ok"]:
            expect("is there", os.path.exists(reply["path"]), True)
        else:
            expect("says so", "is not what the store has mounted" in reply["error"]["text"],
                   True)
        one.kill()
        one.start()
        one.wait_ready(M2, 64 << 20, 60)


def pool_that_shrinks_takes_nothing_from_leases():
    with store() as one, persons(one, NOBODY) as (nobody,):
        mine = lease(nobody, 8 << 20)
        nobody.do(f"hold({mine['path']!r}) and soil({mine['path']!r}, {8 << 20})")
        before = warm_host.counter(M2, "nr")
        pools.write(size_dir(M2) / "nr_hugepages", 0)
        try:
            nobody_is_unknown("with the pool gone")
            one.ask("warm")
            nobody.do(f"soil({mine['path']!r}, {8 << 20}) and drop({mine['path']!r})")
            nobody.do(f"weird.do('release', lease={mine['lease']})")
            no_lease_left(one)
            take_all(one, 8 << 20)
            no_lease_left(one)
        finally:
            pools.write(size_dir(M2) / "nr_hugepages", before)


def state(one):
    return one.folder / "state"


def started_without_its_state(one, change):
    """What somebody has is nobody else's, whatever became of the state file."""
    with one.client() as client:
        reply = client.do("lease", bytes=8 << 20)
        fd = os.open(reply["path"], os.O_RDWR)
        at = warm_host.map_shared(fd, 8 << 20)
        ctypes.memset(at, 0x5a, 8 << 20)
        mine = os.fstat(fd).st_ino
        one.kill()
        change(state(one))
        one.start()
        time.sleep(0.3)
        if mine in take_all(one, 8 << 20):
            raise AssertionError("what somebody has mapped was leased again")
        expect("what was written", ctypes.string_at(at + (4 << 20), 1), b"\x5a")
        warm_host.unmap(at, 8 << 20)
        os.close(fd)
    no_lease_left(one)
    one.wait_ready(M2, 64 << 20)


def state_that_is_gone_or_garbled_leaks_nothing():
    with store() as one:
        for change in (lambda path: path.unlink(), lambda path: path.write_text(""),
                       lambda path: path.write_bytes(b"\0" * 4096),
                       lambda path: path.write_text(path.read_text()[:-20]),
                       lambda path: path.write_text(path.read_text() * 2),
                       lambda path: path.write_text("weir-warm 1\nend\n")):
            started_without_its_state(one, change)


def state_on_a_full_disk_refuses_leases():
    with store() as one:
        with one.client() as client:
            one.stop()
        disk = one.folder / "disk"
        disk.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", disk], check=True)
        try:
            where = one.command.index("--state") + 1
            one.command[where] = disk / "state"
            one.start()
            one.wait_ready(M2, 64 << 20)
            fd = os.open(disk / "full", os.O_CREAT | os.O_WRONLY)
            with contextlib.suppress(OSError):
                while True:
                    os.write(fd, b"x" * 4096)
            os.close(fd)
            granted = []
            with one.client() as client:
                for _ in range(200):  # what is left of the last page may do for some
                    reply = client.ask("lease", bytes=M2)
                    if not reply["ok"]:
                        break
                    granted.append(reply)
                    client.ask("release", lease=reply["lease"])
                expect("a lease without room for it", reply["ok"], False)
                one.ask("warm")
                os.unlink(disk / "full")
                client.do("release", lease=client.do("lease", bytes=M2)["lease"])
            no_lease_left(one)
            one.stop()
            one.start()
        finally:
            one.stop()
            one.command[where] = state(one)
            subprocess.run(["umount", disk], check=True)
            one.start()
            one.wait_quiet(M2)


def configuration_that_is_wrong_changes_nothing():
    with store() as one:
        before = one.stores()
        for text in ("[warm 2M]\nany = 1X\n", "\0\0", "[warm 2M\n", "garbage", "[rule]\n"):
            one.reload(text)
            expect("stores", [s["target_bytes"] for s in one.stores()],
                   [s["target_bytes"] for s in before])
        one.reload(CONFIG)


TESTS = [
    nothing_of_others_can_be_seen_or_opened,
    leases_of_others_cannot_be_ended,
    sizes_that_lie_are_refused,
    descriptor_that_is_kept_is_waited_for,
    open_that_races_with_release_gains_nothing,
    pages_that_are_only_pinned_are_not_anybody_elses,
    lease_that_its_lessee_locks_up_stops_nobody,
    storm_of_opens_does_not_stop_others,
    file_that_grew_over_the_pool_comes_back,
    owner_whose_number_comes_again_is_not_the_owner,
    files_that_root_removes_are_no_leases,
    mount_that_root_takes_away_is_told,
    pool_that_shrinks_takes_nothing_from_leases,
    state_that_is_gone_or_garbled_leaks_nothing,
    state_on_a_full_disk_refuses_leases,
    configuration_that_is_wrong_changes_nothing,
]

if __name__ == "__main__":
    sys.exit(warm_host.main(TESTS, sys.argv[3:]))
