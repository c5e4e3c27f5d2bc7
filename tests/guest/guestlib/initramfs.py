"""What the guest sees: a base archive kept in the cache, and one more per run."""

import hashlib
import shlex
from pathlib import Path, PurePosixPath

from . import cache, cpio, elf, kmod
from .errors import GuestError

INIT = Path(__file__).with_name("init.sh")
EMPTY_DIRS = ("dev", "proc", "sys", "tmp", "run", "root", "etc", "usr/bin", "usr/sbin", "sbin",
              "var/tmp", "usr/local/bin", "usr/local/sbin", "guest/modules", "guest/stage")
ETC = {
    "passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "group": "root:x:0:\nnogroup:x:65534:\n",
    "hosts": "127.0.0.1 localhost guest\n",
}


def _make_base(busybox):
    archive = cpio.Cpio()
    for name in EMPTY_DIRS:
        archive.directory(name)
    archive.device("dev/console", "c", 5, 1)
    archive.device("dev/null", "c", 1, 3, 0o666)
    archive.file("bin/busybox", busybox, 0o755)
    archive.symlink("bin/sh", "busybox")
    archive.host_file(INIT, "init", 0o755)
    for name, text in ETC.items():
        archive.file(f"etc/{name}", text.encode())
    return archive.bytes()


def base(busybox):
    """The archive every guest of one architecture starts with, from the cache if it is there.

    Its name is a digest of what goes in, so a changed /init needs no cleaning up.
    """
    program = Path(busybox).read_bytes()
    digest = hashlib.sha256()
    for part in (program, INIT.read_bytes(), repr((EMPTY_DIRS, ETC)).encode(),
                 Path(cpio.__file__).read_bytes()):
        digest.update(hashlib.sha256(part).digest())
    path = cache.cache_dir() / "base" / f"{digest.hexdigest()[:24]}.cpio"
    if path.exists():
        return path.read_bytes()
    data = _make_base(program)
    cache.write_file(path, data)
    return data


def split_pair(text, default):
    """'HOST:GUEST' as a pair; without ':' the guest path is default(HOST)."""
    host, colon, guest = text.rpartition(":")
    if not colon:
        host, guest = text, default(text)
    if not host or not guest.startswith("/"):
        raise GuestError(f"'{text}': write HOSTPATH:GUESTPATH with an absolute GUESTPATH")
    return host, guest


def file_pair(text):
    return split_pair(text, lambda host: str(Path(host).absolute()))


def prog_pair(text):
    return split_pair(text, lambda host: "/usr/local/bin/" + PurePosixPath(host).name)


def add_programs(archive, programs, libs, libraries):
    """Add programs and libraries with all they are linked to.

    programs: [(host, guest)]; libs: sonames or paths, for what is opened with dlopen.
    All libraries go into one directory the loader searches by default: a program's
    RUNPATH means nothing inside.
    """
    wanted = [Path(host) for host, _ in programs]
    named = {}
    for lib in libs:
        path = Path(lib) if "/" in lib else libraries.find(lib)
        named[Path(lib).name] = path
        wanted.append(path)
    for host, guest in programs:
        archive.host_file(host, guest, 0o755)
    found, interpreters = libraries.closure(wanted)
    directory = "/lib/" + elf.TRIPLETS[libraries.arch]
    for name, path in {**found, **named}.items():
        archive.host_file(path, f"{directory}/{name}", 0o755)
    for guest, path in interpreters.items():
        if guest not in archive:
            archive.host_file(path, guest, 0o755)


def add_modules(archive, modules, requests):
    """Add the modules asked for ('NAME' or 'NAME parameter=value') and those they need."""
    parameters = {}
    for request in requests:
        name, _, rest = request.strip().partition(" ")
        parameters[kmod.canonical(name)] = rest
    lines = []
    if parameters:
        for name, data in modules.load_list(parameters):
            archive.file(f"guest/modules/{name}.ko", data)
            lines.append(f"{name} {parameters.get(name, '')}".rstrip() + "\n")
    archive.file("guest/modules/list", "".join(lines).encode())


def add_run(archive, script, get, settings):
    """Add what /init needs to know about this run."""
    text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in settings.items())
    archive.file("guest/settings", text.encode())
    archive.file("guest/script", script, 0o755)
    for path in get:
        if not path.startswith("/") or path.rstrip("/") == "" or "\n" in path:
            raise GuestError(f"get '{path}' from the guest: name an absolute path below /")
    archive.file("guest/get", "".join(p.rstrip("/") + "\n" for p in get).encode())
