#!/usr/bin/env python3
"""test_lease.py WEIR: `weir lease`, `release`, `leases` and `warm` as a user meets them,
against a weird that is none: output, exit statuses, bad command lines, and a weird that is
not there, cuts, babbles or does not answer. TAP."""

import json
import os
import pty
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from fake_weird import FakeWeird, M2, later

WEIR = str(Path(sys.argv[1]).resolve())
DONE, FAILED, USAGE, NO, PARTLY, REFUSED = range(6)
G = 1 << 30


class Wrong(Exception):
    """What is wrong."""


class Skip(Exception):
    """Why this cannot be tried here."""


def environment(socket):
    got = {key: value for key, value in os.environ.items() if key != "WEIR_SOCKET"}
    return {**got, "COLUMNS": "90", "LC_ALL": "C", **({"WEIR_SOCKET": socket} if socket else {})}


def weir(*args, socket=None, **options):
    done = subprocess.run([WEIR, *args], check=False, capture_output=True, text=True,
                          timeout=60, stdin=subprocess.DEVNULL, env=environment(socket),
                          **options)
    return done.returncode, done.stdout, done.stderr


def expect(what, got, want):
    if got != want:
        raise Wrong(f"{what} is {got!r}, not {want!r}")


def refused(*args, words, status=USAGE, socket=None):
    """One line on stderr with these words (and the usage's second), nothing on stdout."""
    code, out, err = weir(*args, socket=socket)
    lines = err.splitlines()
    if lines[1:] == [f"Try 'weir {args[0]} --help'."]:
        lines.pop()
        expect(f"{args}: status", code, USAGE)
    if code != status or out or len(lines) != 1 or words not in lines[0]:
        raise Wrong(f"{args}: status {code}, stdout {out!r}, stderr {err!r}")


def good(*args, socket):
    code, out, err = weir(*args, socket=socket)
    if code != DONE or err:
        raise Wrong(f"{args}: status {code}, stderr {err!r}")
    return out


# ---- the command line -------------------------------------------------------------------

def bad_command_lines_of_lease():
    refused("lease", words="how much memory?")
    refused("lease", "1G", "2G", words="'2G' is too much")
    for size in ("0", "0G", "", "x", "1.5G", "-1G", "3Q", "99999999999999999999",
                 "18446744073709551616", "20E"):
        refused("lease", "--", size, words="wants a size such as 4G")
    refused("lease", "--size", "2M", "3M", words="is not in whole pages")
    for size in ("0", "x", "2MB"):
        refused("lease", "--size", size, "1G", words="wants a page size")
    for node in ("-1", "x", "1024", "", "0,1"):
        refused("lease", f"--node={node}", "1G", words="wants the number of a node")
    for name in ("", "12", "a/b", "99999999999999999999999"):
        refused("lease", "--name", name, "1G", words="not only digits")
    for ttl in ("0s", "30", "1h30m", "x", ""):
        refused("lease", "--ttl", ttl, "1G", words="wants a time such as 90s")
    refused("lease", "--user", "nobody-by-this-name", "1G", words="no such user")
    refused("lease", "--owner", "", "1G", words="wants a PID")
    refused("lease", "--hold", "--owner", "use", "1G", words="does not go with --hold")
    for name in ("", "1x", "a b", "a,b", "ä"):
        refused("lease", f"--qemu={name}", "1G", words="wants a letter")
    refused("lease", "--timeout", "x", "1G", words="wants a time such as 30s")
    refused("lease", "--frogs", "1G", words="unrecognized option")
    refused("lease", "--socket", "/" + "x" * 200, "1G", status=FAILED, words="is too long")


def bad_command_lines_of_the_others():
    refused("release", words="which LEASE, NAME or PATH?")
    refused("leases", "vm1", words="takes no argument")
    refused("leases", "--json", "-n", words="--json is all of it")
    refused("warm", "--json", "-o", "PAGE", words="--json is all of it")
    for target in ("2M", "2M/node0", "2M/0=1G", "2M/node1024=1G", "2M/nodex=1G", "/node0=1G",
                   "x=1G", "0=1G", "2M=", "2M=x", "2M=1M", "2M=16", "2M/node0=-1"):
        refused("warm", "2M/node0=2M", target, words=f"'{target}': ")


def help_is_an_answer():
    for command in ("lease", "release", "leases", "warm"):
        for option in ("-h", "--help"):
            code, out, err = weir(command, option)
            if (code, err) != (0, "") or f"Usage: weir {command}" not in out:
                raise Wrong(f"{command} {option}: {code}, {out!r}, {err!r}")


# ---- no weird, and a bad one --------------------------------------------------------------

EACH = (["lease", "1G"], ["release", "1"], ["release", "/no/path"], ["leases"], ["warm"],
        ["warm", "2M=1G"])


def no_weird():
    with tempfile.TemporaryDirectory(prefix="weir-test.") as folder:
        for args in EACH:
            refused(*args, socket=f"{folder}/none", status=FAILED,
                    words=f"weird is not running (there is no '{folder}/none'): 'systemctl")
        with FakeWeird() as weird:
            os.link(weird.socket, f"{folder}/old")
        for args in EACH:
            refused(*args, socket=f"{folder}/old", status=FAILED,
                    words="weird is not running (nobody listens at")


def the_option_goes_before_the_environment():
    with FakeWeird() as weird:
        good("leases", "--socket", weird.socket, socket="/nowhere")
    refused("leases", "--socket", "/nowhere", socket=None, status=FAILED, words="/nowhere")


def not_allowed_to_connect():
    if os.geteuid() != 0:
        raise Skip("needs root to be another")
    with tempfile.TemporaryDirectory(prefix="weir-test.") as shelf, FakeWeird() as weird:
        os.chmod(shelf, 0o755)
        program = f"{shelf}/weir"
        Path(program).write_bytes(Path(WEIR).read_bytes())
        os.chmod(program, 0o755)
        done = subprocess.run([program, "leases"], capture_output=True, text=True, check=False,
                              env=environment(weird.socket), user=65534, group=65534,
                              extra_groups=[], timeout=60)
        expect("status", done.returncode, FAILED)
        if "this user may not connect to" not in done.stderr:
            raise Wrong(done.stderr)


def cut_in_the_middle(connection):
    connection.sendall(b'{"weir":')
    connection.shutdown(2)


def a_weird_that_cuts():
    for answer, words in ((lambda _: None, "cut the connection before it answered"),
                          (lambda _: cut_in_the_middle, "in the middle of its reply")):
        with FakeWeird() as weird:
            weird.answer = answer
            for args in EACH:
                refused(*args, socket=weird.socket, status=FAILED, words=words)


def a_weird_that_does_not_answer():
    for answer in (b"", b'{"weir":1,"id":1,"o'):
        with FakeWeird() as weird:
            weird.answer = lambda _, answer=answer: answer
            for args in EACH[::3]:
                refused(*args, "--timeout", "1s", socket=weird.socket, status=FAILED,
                        words="has not answered for 1s")


def a_weird_that_babbles():
    cases = (
        (b"\n", "weird's reply"),
        (b"frogs\n", "weird's reply: JSON"),
        (b"\0\0\0\n", "weird's reply"),
        (b"[]\n", "no JSON object"),
        (b"{}\n", "does not speak version 1"),
        (b'{"weir":2,"id":1,"ok":true}\n', "does not speak version 1"),
        (b'{"weir":-1,"id":1,"ok":true}\n', "does not speak version 1"),
        (b'{"weir":1,"id":2,"ok":true}\n', "not one to what was asked"),
        (b'{"weir":1,"ok":true}\n', "not one to what was asked"),
        (b'{"weir":1,"id":1}\n', "not one to what was asked"),
        (b'{"weir":1,"id":1,"ok":false}\n', "not one to what was asked"),
        (b'{"weir":1,"id":1,"ok":true,"ok":true}\n', "weird's reply: JSON"),
        (b"[" * 100000 + b"\n", "weird's reply: JSON more than 32 deep"),
        (b"x" * (3 << 20), "is longer than 1048576 bytes"),
    )
    for reply, words in cases:
        with FakeWeird() as weird:
            weird.answer = lambda _, reply=reply: reply
            for args in EACH:
                refused(*args, socket=weird.socket, status=FAILED, words=words)


def replies_that_lack_what_matters():
    for reply in ({"ok": True}, {"ok": True, "lease": 1, "path": "relative", "bytes": 1,
                                 "page_bytes": 1},
                  {"ok": True, "lease": "x", "path": "/p", "bytes": 1, "page_bytes": 1}):
        with FakeWeird() as weird:
            weird.answer = lambda _, reply=reply: reply
            refused("lease", "1G", socket=weird.socket, status=FAILED,
                    words="does not say what was leased")
    for reply in ({"ok": True}, {"ok": True, "leases": {}}, {"ok": True, "leases": [{}]},
                  {"ok": True, "leases": [{"lease": 2}, {"lease": 1}]}):
        with FakeWeird() as weird:
            weird.answer = lambda _, reply=reply: reply
            refused("leases", socket=weird.socket, status=FAILED, words="no list of leases")
    for reply in ({"ok": True}, {"ok": True, "stores": [{}]}, {"ok": True, "stores": [1]}):
        with FakeWeird() as weird:
            weird.answer = lambda _, reply=reply: reply
            refused("warm", socket=weird.socket, status=FAILED,
                    words="no description of a store")


def a_list_without_end_is_not_believed():
    with FakeWeird() as weird:
        weird.answer = lambda _: {"ok": True, "leases": [], "more": True}
        expect("status", weir("leases", socket=weird.socket)[0], DONE)
        expect("requests", len(weird.requests), 1)


def what_a_terminal_would_act_on_is_not_shown():
    evil = "\x1b[2J\x07evil\u009b"
    with FakeWeird() as weird:
        weird.answer = lambda _: {"ok": False, "error": {"code": "failed", "text": evil,
                                                         "help": evil}}
        refused("leases", socket=weird.socket, status=FAILED, words="?[2J?evil?: ?[2J?evil?")
        weird.answer = lambda _: {"ok": True, "leases": [{"lease": 1, "name": evil,
                                                          "holders": evil}]}
        out = good("leases", socket=weird.socket)
        if "?[2J?evil?" not in out or "\x1b" in out:
            raise Wrong(repr(out))


def a_slow_weird_has_its_time():
    with FakeWeird() as weird:
        line = b'{"weir":1,"id":1,"ok":true,"leases":[]}\n'
        weird.answer = lambda _: later([line[i:i + 5] for i in range(0, len(line), 5)], 0.05)
        good("leases", "--timeout", "30s", socket=weird.socket)
        weird.answer = lambda _: later([b"x"] * 100, 0.1)  # pieces do not buy time
        start = time.monotonic()
        refused("leases", "--timeout", "1s", socket=weird.socket, status=FAILED,
                words="has not answered for 1s")
        if time.monotonic() - start > 5:
            raise Wrong("the time-out begins anew with each piece")


# ---- leases -----------------------------------------------------------------------------

def a_lease_is_a_path_and_nothing_else():
    with FakeWeird() as weird:
        out = good("lease", "4G", socket=weird.socket)
        expect("stdout", out, weird.leases[1]["path"] + "\n")
        expect("request", weird.requests,
               [{"weir": 1, "id": 1, "op": "lease", "bytes": 4 * G}])


def every_option_is_asked_for():
    with FakeWeird() as weird:
        good("lease", "--size", "1G", "--node", "1", "--name", "vm.1:@-x", "--owner", "4242",
             "--ttl", "30m", "--warm-only", "--user", "0", "4G", socket=weird.socket)
        expect("request", weird.requests[0],
               {"weir": 1, "id": 1, "op": "lease", "bytes": 4 * G, "page_bytes": G, "node": 1,
                "name": "vm.1:@-x", "owner": {"pid": 4242}, "ttl_ms": 1800000,
                "warm_only": True, "user": 0})
        for owner, want in (("use", {"use": True}), ("vm.service", {"unit": "vm.service"}),
                            ("connection", {"connection": True}), ("none", None)):
            good("lease", "--owner", owner, "2M", socket=weird.socket)
            expect(f"owner {owner}", weird.requests[-1].get("owner"), want)


def refusals_have_their_status():
    with FakeWeird() as weird:
        for args, status, words in (
                (["3T"], NO, "64G can be had at most: weir warm shows what there is"),
                (["--warm-only", "9G"], NO, "8G is warm: without --warm-only"),
                (["--name", "greedy", "1G"], REFUSED, "8G of 8G are leased"),
                (["--user", "4711", "1G"], REFUSED, "no rule lets this user"),
                (["--name", "taken", "1G"], FAILED, "is the name of lease 3"),
                (["--owner", "4194305", "1G"], FAILED, "no process 4194305"),
                (["--node", "7", "1G"], FAILED, "no such node"),
                (["--size", "64K", "1G"], FAILED, "no such pages"),
                (["1M"], FAILED, "not in whole pages")):
            refused("lease", *args, socket=weird.socket, status=status, words=words)
        expect("leases", weird.leases, {})


def qemu_is_given_its_option():
    with FakeWeird() as weird:
        out = good("lease", "--qemu", "4G", socket=weird.socket)
        path = weird.leases[1]["path"]
        expect("stdout", out, f"-object memory-backend-file,id=ram,size=4G,mem-path={path},"
                              "share=on\n")
        expect("owner", weird.requests[0]["owner"], {"use": True})
        out = good("lease", "--qemu=m-1.x", "--node", "1", "--owner", "none", "1026M",
                   socket=weird.socket)
        path = weird.leases[2]["path"]
        expect("stdout", out, f"-object memory-backend-file,id=m-1.x,size=1026M,"
                              f"mem-path={path},share=on,host-nodes=1,policy=bind\n")
        expect("owner", weird.requests[1].get("owner"), None)
        weird.answer = lambda _: {"ok": True, "lease": 9, "path": "/a,b", "bytes": M2,
                                  "page_bytes": M2}
        out = good("lease", "--qemu", "2M", socket=weird.socket)
        if "mem-path=/a,,b,share" not in out:
            raise Wrong(out)


def a_lease_as_json():
    with FakeWeird() as weird:
        out = json.loads(good("lease", "--json", "--qemu", "--node", "0", "9G",
                              socket=weird.socket))
        path = weird.leases[1]["path"]
        expect("document", out,
               {"schema": 1, "lease": 1, "path": path, "bytes": 9 * G, "page_bytes": M2,
                "node": 0, "warm_bytes": 8 * G, "cold_bytes": G, "took_us": 412,
                "qemu": f"-object memory-backend-file,id=ram,size=9G,mem-path={path},share=on,"
                        "host-nodes=0,policy=bind"})
        expect("qemu", json.loads(good("lease", "-J", "2M", socket=weird.socket))["qemu"],
               None)


def on_a_terminal(*args, socket):
    """What stderr shows when it is a terminal, with stdout beside it."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([WEIR, *args], stdout=subprocess.PIPE, stderr=theirs, text=True,
                          stdin=subprocess.DEVNULL, env=environment(socket)) as process:
        out = process.communicate(timeout=60)[0]
    os.close(theirs)
    try:
        err = os.read(ours, 4096).decode()
    except OSError:  # the terminal's other side is closed, and nothing was written
        err = ""
    os.close(ours)
    return out, err.replace("\r\n", "\n")


def a_person_is_told_more():
    with FakeWeird() as weird:
        out, err = on_a_terminal("lease", "4G", socket=weird.socket)
        expect("stdout", out, weird.leases[1]["path"] + "\n")
        expect("stderr", err, "weir lease: 4G of 2M pages on node 0, all of it warm, "
                              "in 0.4 ms (lease 1)\n")
        err = on_a_terminal("lease", "9G", socket=weird.socket)[1]
        expect("stderr", err, "weir lease: 9G of 2M pages on node 0, 8G of it warm and the "
                              "rest zeroed meanwhile, in 0.4 ms (lease 2)\n")
        expect("stderr", on_a_terminal("lease", "-J", "2M", socket=weird.socket)[1], "")


def what_nobody_is_told_of_is_released():
    with FakeWeird() as weird:
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run([WEIR, "lease", "4G"], stdout=full, stderr=subprocess.PIPE,
                                  text=True, env=environment(weird.socket), check=False,
                                  timeout=60)
        expect("status", done.returncode, FAILED)
        if "lease 1 is released again" not in done.stderr:
            raise Wrong(done.stderr)
        reading, writing = os.pipe()
        os.close(reading)
        done = subprocess.run([WEIR, "lease", "4G"], stdout=writing, stderr=subprocess.PIPE,
                              text=True, env=environment(weird.socket), check=False,
                              timeout=60)
        os.close(writing)
        expect("status", done.returncode, FAILED)
        expect("leases", weird.leases, {})


def until(true):
    end = time.monotonic() + 20
    while not true():
        if time.monotonic() > end:
            raise Wrong("it does not come to pass")
        time.sleep(0.01)


def hold_keeps_the_connection():
    with FakeWeird() as weird:
        for how in ("end", "signal"):
            with subprocess.Popen([WEIR, "lease", "--hold", "4G"], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                  env=environment(weird.socket)) as process:
                path = process.stdout.readline().strip()
                expect("path", [row["path"] for row in weird.leases.values()], [path])
                process.stdin.write("words\n")
                process.stdin.flush()
                time.sleep(0.1)
                expect("leases", len(weird.leases), 1)
                expect("status", process.poll(), None)
                if how == "end":
                    process.stdin.close()
                    expect("status", process.wait(20), DONE)
                else:
                    process.send_signal(signal.SIGTERM)
                    expect("status", process.wait(20), -signal.SIGTERM)
            until(lambda: not weird.leases)
            expect("owner", weird.requests[-1]["owner"], {"connection": True})


def hold_tells_when_weird_goes():
    with FakeWeird() as weird:
        process = subprocess.Popen([WEIR, "lease", "--hold", "4G"], stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=environment(weird.socket))
        process.stdout.readline()
    expect("status", process.wait(20), FAILED)
    err = process.communicate()[1]
    expect("stderr", err, "weir lease: weird has gone, and the lease with it\n")


# ---- the others ---------------------------------------------------------------------------

def release_by_number_name_and_path():
    with FakeWeird(page=1) as weird:
        for name in ("vm1", "vm2", "vm3", "held", "vm5"):
            good("lease", "--name", name, "4G", socket=weird.socket)
        path = Path(weird.leases[3]["path"])
        link = path.parent / "link"
        link.symlink_to(path)
        out = good("release", "1", "vm2", str(link), "held", socket=weird.socket)
        expect("stdout", out, "released 1 (lease 1)\nreleased vm2 (lease 2)\n"
                              f"released {link} (lease 3)\nreleased held (lease 4); its memory "
                              "is waited for: process 4242 (qemu)\n")
        expect("left", list(weird.leases), [5])
        refused("release", "vm2", socket=weird.socket, status=FAILED, words="no such lease")
        refused("release", "/dev/null", socket=weird.socket, status=FAILED,
                words="is the file of none of your leases")
        code, out, err = weir("release", "/dev/null", "9", "5", socket=weird.socket)
        expect("status", code, PARTLY)
        expect("stdout", out, "released 5 (lease 5)\n")
        expect("lines of stderr", len(err.splitlines()), 2)


def leases_as_a_table():
    with FakeWeird() as weird:
        expect("stdout", good("leases", "-n", socket=weird.socket), "")
        good("lease", "--name", "vm1", "--owner", "4242", "--ttl", "90s", "4G",
             socket=weird.socket)
        good("lease", "--owner", "vm.service", "2M", socket=weird.socket)
        good("lease", "--qemu", "2M", socket=weird.socket)
        out = good("leases", "-r", "-o", "lease,name,state,size,page,node,owner,age,ends",
                   socket=weird.socket)
        expect("stdout", out.splitlines(),
               ["LEASE NAME STATE SIZE PAGE NODE OWNER AGE ENDS",
                "1 vm1 leased 4G 2M 0 pid\\x204242 1m 1m",
                "2 - leased 2M 2M 0 vm.service 1m -",
                "3 - leased 2M 2M 0 use 1m -"])
        out = good("leases", "-n", "-b", "-P", "-o", "SIZE,PATH", socket=weird.socket)
        expect("stdout", out.splitlines()[0],
               f'SIZE="4294967296" PATH="{weird.leases[1]["path"]}"')
        refused("leases", "-o", "FROGS", socket=weird.socket, words="is not a column")
        out = good("leases", socket=weird.socket)
        expect("headings", out.splitlines()[0].split(),
               ["LEASE", "NAME", "STATE", "SIZE", "PAGE", "NODE", "OWNER", "USER", "AGE",
                "ENDS", "HOLDERS"])


def leases_as_json():
    with FakeWeird() as weird:
        for _ in range(5):
            good("lease", "4G", socket=weird.socket)
        document = json.loads(good("leases", "--json", socket=weird.socket))
        expect("schema", document["schema"], 1)
        expect("leases", document["leases"], list(weird.leases.values()))


def warm_for_people():
    with FakeWeird() as weird:
        out = good("warm", socket=weird.socket)
        for words in ("PAGE NODE TARGET READY", "  2M    0     8G    4G      1G", "1m\n",
                      "2M node 0 is not filled further:\n  the pool of node 0 has 512M left\n",
                      "2M node 0: 1 of 2 regions of 4G are ready\n",
                      "since weird was started: 7 leases, 24G warm and 0 cold\n"):
            if words not in out:
                raise Wrong(f"{words!r} is not in {out!r}")
        weird.targets = {}
        if "weird keeps nothing warm" not in good("warm", socket=weird.socket):
            raise Wrong("it does not say that nothing is kept warm")


def warm_as_json():
    with FakeWeird() as weird:
        document = json.loads(good("warm", "--json", socket=weird.socket))
        want = weird.do_warm({}, set())
        expect("document", document, {"schema": 1, **want})


def targets_are_set():
    with FakeWeird() as weird:
        out = good("warm", "-nr", "-o", "PAGE,NODE,TARGET", "2M/node1=16G", "1G=2G", "2M=0",
                   socket=weird.socket)
        expect("targets", weird.targets, {(M2, 0): 8 * G, (M2, 1): 16 * G, (G, None): 2 * G,
                                          (M2, None): 0})
        expect("requests", [r["op"] for r in weird.requests], ["target"] * 3 + ["warm"])
        if "2M 1 16G\n" not in out or "1G any 2G\n" not in out:
            raise Wrong(out)
        code, _, err = weir("warm", "2M=4G", "2M/node7=4G", socket=weird.socket)
        expect("status", code, PARTLY)
        expect("stderr", err, "weir warm: this host has no such node\n")
        refused("warm", "2M/node7=4G", socket=weird.socket, status=FAILED, words="no such node")


TESTS = [bad_command_lines_of_lease, bad_command_lines_of_the_others, help_is_an_answer,
         no_weird, the_option_goes_before_the_environment, not_allowed_to_connect,
         a_weird_that_cuts, a_weird_that_does_not_answer, a_weird_that_babbles, replies_that_lack_what_matters,
         a_list_without_end_is_not_believed, what_a_terminal_would_act_on_is_not_shown,
         a_slow_weird_has_its_time, a_lease_is_a_path_and_nothing_else,
         every_option_is_asked_for, refusals_have_their_status, qemu_is_given_its_option,
         a_lease_as_json, a_person_is_told_more, what_nobody_is_told_of_is_released,
         hold_keeps_the_connection, hold_tells_when_weird_goes,
         release_by_number_name_and_path, leases_as_a_table, leases_as_json, warm_for_people,
         warm_as_json, targets_are_set]


def main():
    failed = 0
    print(f"1..{len(TESTS)}")
    for nr, test in enumerate(TESTS, 1):
        name, directive = test.__name__, ""
        try:
            test()
            result = "ok"
        except Skip as why:
            result, directive = "ok", f" # SKIP {why}"
        except Exception as wrong:  # a test may fail in any way
            result, failed = "not ok", failed + 1
            print(f"# {name}: {type(wrong).__name__}: {wrong}")
        print(f"{result} {nr} - {name}{directive}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
