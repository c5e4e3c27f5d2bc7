"""fake_weird: a weird that keeps no memory: it speaks weird-protocol(7) so far as the
commands need it, and can be told to speak it badly.

    with FakeWeird() as weird:      # weird.socket is its path
        weird.requests              # what it was asked, as it came
        weird.answer = function     # request -> reply (dict), bytes as they are, or None

It holds the commands to their half of the contract: unknown keys, keys of the wrong type
and missing ones are bad requests.
"""

import json
import os
import socket
import tempfile
import threading
import time

M2 = 2 << 20
LEASE = {"bytes": int, "page_bytes": int, "node": (int, type(None)), "name": str,
         "owner": dict, "ttl_ms": int, "warm_only": bool, "descriptor": bool, "user": int}
KEYS = {"lease": LEASE, "release": {"lease": int, "name": str},
        "renew": {"lease": int, "name": str, "ttl_ms": int}, "leases": {"after": int},
        "warm": {}, "target": {"page_bytes": int, "node": (int, type(None)), "bytes": int},
        "metrics": {}}


class Refused(Exception):
    """code, text, help"""


class FakeWeird:
    """Listens until the with block ends."""

    def __init__(self, page=2):
        self.folder = tempfile.TemporaryDirectory(prefix="weir-test.")
        self.socket = f"{self.folder.name}/weird.sock"
        self.requests, self.leases, self.targets = [], {}, {(M2, 0): 8 << 30}
        self.page, self.next, self.answer = page, 1, None
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.socket)
        self.listener.listen()
        self.closing, self.accepting, self.connections = False, None, []

    def __enter__(self):
        self.accepting = threading.Thread(target=self.accept, daemon=True)
        self.accepting.start()
        return self

    def __exit__(self, *_):
        self.closing = True
        self.listener.shutdown(socket.SHUT_RDWR)  # close alone leaves accept() waiting
        self.accepting.join()
        self.listener.close()
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.folder.cleanup()

    def accept(self):
        while not self.closing:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.serve, args=(connection,), daemon=True).start()

    def serve(self, connection):
        mine = set()
        try:
            with connection, connection.makefile("rb") as lines:
                for line in lines:
                    reply = self.reply(line, mine)
                    if reply is None:  # cuts the connection
                        break
                    if callable(reply):
                        reply(connection)
                    else:
                        connection.sendall(reply)
        except OSError:
            pass
        for lease in mine:
            self.leases.pop(lease, None)

    def reply(self, line, mine):
        request = json.loads(line)
        self.requests.append(request)
        if self.answer:
            given = self.answer(request)
            if not isinstance(given, dict):
                return given
            return self.line(request, given)
        try:
            return self.line(request, {"ok": True, **self.do(request, mine)})
        except Refused as no:
            error = dict(zip(("code", "text", "help"), no.args))
            return self.line(request, {"ok": False, "error": error})

    @staticmethod
    def line(request, reply):
        return json.dumps({"weir": 1, "id": request.get("id"), **reply}).encode() + b"\n"

    def do(self, request, mine):
        if request.get("weir") != 1:
            raise Refused("version", "version 1 is spoken here", None)
        keys = KEYS.get(request.get("op"))
        if keys is None:
            raise Refused("bad-request", "no such op", None)
        for key, value in request.items():
            if key in ("weir", "op", "id"):
                continue
            if key not in keys or not isinstance(value, keys[key]) or \
                    keys[key] is int and (isinstance(value, bool) or value < 0):
                raise Refused("bad-request", f"{key}: not so", None)
        return getattr(self, "do_" + request["op"])(request, mine)

    def do_lease(self, request, mine):
        size, page = request["bytes"], request.get("page_bytes", M2)
        if page not in (M2, 1 << 30):
            raise Refused("no-such-size", "this host has no such pages", None)
        if request.get("node", 0) not in (0, 1, None):
            raise Refused("no-such-node", "this host has no such node", None)
        if size % page:
            raise Refused("bad-request", "bytes: not in whole pages", None)
        if size > 64 << 30:
            raise Refused("no-memory", "64G can be had at most", "weir warm shows what there is")
        if request.get("warm_only") and size > 8 << 30:
            raise Refused("not-warm", "8G is warm", "without --warm-only it is zeroed now")
        if request.get("name") == "taken":
            raise Refused("name-taken", "'taken' is the name of lease 3", None)
        if request.get("name") == "greedy":
            raise Refused("quota", "8G of 8G are leased by this user", None)
        owner = request.get("owner", {})
        if owner.get("pid") == 4194305:
            raise Refused("no-such-owner", "there is no process 4194305", None)
        if request.get("user") == 4711:
            raise Refused("not-allowed", "no rule lets this user lease for 4711", None)
        lease, self.next = self.next, self.next + 1
        path = f"{self.folder.name}/{lease:032x}"
        with open(path, "wb"):
            pass
        self.leases[lease] = {
            "lease": lease, "name": request.get("name"), "state": "leased", "bytes": size,
            "filled_bytes": size, "page_bytes": page, "node": request.get("node", 0),
            "uid": os.getuid(), "pid": owner.get("pid"), "unit": owner.get("unit"),
            "owner": next(iter(owner), "none"), "since_ms": 61000,
            "until_ms": request.get("ttl_ms"), "path": path, "holders": None}
        if "connection" in owner:
            mine.add(lease)
        warm = min(size, 8 << 30)
        return {"lease": lease, "path": path, "bytes": size, "page_bytes": page,
                "node": request.get("node", 0), "warm_bytes": warm,
                "cold_bytes": size - warm, "took_us": 412}

    def do_release(self, request, _):
        for lease, row in self.leases.items():
            if request.get("lease") == lease or request.get("name", 0) == row["name"]:
                held = row["name"] == "held"
                del self.leases[lease]
                return {"lease": lease, "state": "waiting" if held else "dirty",
                        "holders": "process 4242 (qemu)" if held else None}
        raise Refused("no-such-lease", "there is no such lease", None)

    def do_leases(self, request, _):
        rows = [row for lease, row in sorted(self.leases.items())
                if lease > request.get("after", 0)]
        return {"leases": rows[:self.page], "more": len(rows) > self.page}

    def do_warm(self, _, __):
        stores = [{"page_bytes": page, "node": node, "target_bytes": target,
                   "ready_bytes": 4 << 30, "filling_bytes": 1 << 30, "leased_bytes": 0,
                   "waiting_bytes": 0, "dirty_bytes": 0, "scrubbing_bytes": 0,
                   "room_bytes": 512 << 20, "fill_bytes_per_s": 10 << 30,
                   "scrub_bytes_per_s": None, "seconds_to_full": 90,
                   "blocked": "the pool of node 0 has 512M left" if node == 0 else None}
                  for (page, node), target in sorted(self.targets.items(),
                                                     key=lambda item: str(item))]
        flavours = [{"page_bytes": M2, "node": 0, "bytes": 4 << 30, "ready": 1, "wanted": 2}]
        return {"stores": stores, "flavours": flavours, "leases": 7, "releases": 6,
                "warm_bytes_leased": 24 << 30, "cold_bytes_leased": 0, "verify_failures": 0}

    def do_target(self, request, _):
        node = request.get("node")
        if node not in (0, 1, None):
            raise Refused("no-such-node", "this host has no such node", None)
        self.targets[request["page_bytes"], node] = request["bytes"]
        return {}


def later(data, seconds):
    """A reply that comes late, or in pieces where data is a list."""
    def send(connection):
        for piece in data if isinstance(data, list) else [data]:
            time.sleep(seconds)
            connection.sendall(piece)
    return send


if __name__ == "__main__":
    raise SystemExit("a module of the tests, not a test")
