"""weird: what tests of the daemon work with: a weird of their own, in a directory of their
own, and a client for its socket."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

M2 = 2 << 20


class Client:
    """One connection; each request waits for its reply."""

    def __init__(self, path, timeout=30):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(timeout)
        self.socket.connect(str(path))
        self.buffer, self.fds, self.nr = b"", [], 0

    def send(self, **request):
        self.nr += 1
        line = json.dumps({"weir": 1, "id": self.nr, **request})
        self.socket.sendall(line.encode() + b"\n")

    def receive(self):
        while b"\n" not in self.buffer:
            part, fds, _, _ = socket.recv_fds(self.socket, 65536, 64)
            self.fds += fds
            if not part:
                raise EOFError("weird has closed the connection")
            self.buffer += part
        line, _, self.buffer = self.buffer.partition(b"\n")
        return json.loads(line)

    def ask(self, op, **request):
        """The reply, which may be an error."""
        self.send(op=op, **request)
        return self.receive()

    def do(self, op, **request):
        """The reply, which is none."""
        reply = self.ask(op, **request)
        if not reply["ok"]:
            raise AssertionError(f"{op} {request}: {reply['error']}")
        return reply

    def refused(self, op, **request):
        """The code of the error."""
        reply = self.ask(op, **request)
        if reply["ok"]:
            raise AssertionError(f"{op} {request} is not refused: {reply}")
        return reply["error"]["code"]

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Weird:
    """A weird that runs; @conf is its configuration."""

    def __init__(self, program, folder, conf, *options, **how):
        self.folder = Path(folder)
        self.conf = self.folder / "weird.conf"
        self.conf.write_text(conf)
        self.socket = self.folder / "socket"
        self.command = [program, "--config", self.conf, "--dir", self.folder / "warm",
                        "--state", self.folder / "state", *options]
        self.how, self.process = how, None

    def start(self, wait=True):
        self.log = open(self.folder / "log", "ab")
        before = self.text().count("ready version")
        command = [*self.command, "--socket", self.socket]
        self.process = subprocess.Popen(command, stderr=self.log, stdin=subprocess.DEVNULL,
                                        **self.how)
        if wait:
            self.until(lambda: self.text().count("ready version") > before or
                       self.process.poll() is not None, "weird is ready")
            if self.process.poll() is not None:
                raise AssertionError(f"weird has ended: {self.text()}")
        return self

    def text(self):
        return (self.folder / "log").read_text()

    def client(self, **how):
        return Client(self.socket, **how)

    def stores(self):
        with self.client() as client:
            return client.do("warm")["stores"]

    def leases(self):
        with self.client() as client:
            return client.do("leases")["leases"]

    def until(self, condition, what, seconds=30):
        end = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"not in {seconds} s: {what}; log: {self.text()[-2000:]}")
            time.sleep(0.01)

    def until_full(self):
        self.until(lambda: all(s["ready_bytes"] == s["target_bytes"] for s in self.stores()),
                   "the store is full")

    def until_no_lease(self):
        self.until(lambda: not self.leases(), "all leases have ended")

    def reload(self, conf):
        before = self.text().count("\n")
        self.conf.write_text(conf)
        self.process.send_signal(signal.SIGHUP)
        self.until(lambda: "reload" in "".join(self.text().splitlines()[before:]), "reload")

    def kill(self):
        self.process.kill()
        self.process.wait(timeout=30)

    def stop(self, status=0):
        if self.process.poll() is None:
            self.process.terminate()
        got = self.process.wait(timeout=30)
        self.log.close()
        if got != status:
            raise AssertionError(f"weird ended with {got}: {self.text()}")

    def give_back(self):
        """Whatever is left: files, mounts."""
        if self.process and self.process.poll() is None:
            self.kill()
        for line in reversed(Path("/proc/self/mountinfo").read_text().splitlines()):
            target = line.split()[4]
            if target.startswith(f"{self.folder}/"):
                for name in os.listdir(target):
                    os.unlink(os.path.join(target, name))
                subprocess.run(["umount", target], check=True)


@contextlib.contextmanager
def running(program, conf, *options, **how):
    with tempfile.TemporaryDirectory(prefix="weir-test.") as folder:
        os.chmod(folder, 0o755)
        weird = Weird(program, folder, conf, *options, **how)
        try:
            yield weird.start()
            weird.stop()
        finally:
            weird.give_back()
