"""A private apt for a few suites and one architecture.

It shares the machine's settings (proxy, credentials, timeouts) but neither its lists,
nor its package cache, nor its hooks, nor its knowledge of what is installed; so it needs
no root and changes nothing outside the cache directory.
"""

import functools
import os
import subprocess
import time
from pathlib import Path

from . import aptsource, cache
from .errors import GuestError

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
NETWORK_HINT = ("fetching needs the machine's Debian mirror and works with apt's own settings; "
                "what is cached needs no network")
LISTS_MAX_AGE_S = 24 * 3600

# Of the machine's settings these stay outside: hooks that act on the machine, its
# directories, its architectures, and limits to its own release.
DROPPED_SETTINGS = ("dir", "apt::update", "dpkg", "apt::architecture", "apt::architectures",
                    "apt::default-release", "apt::sandbox", "commandline", "binary")


def _run(command, env=None, cwd=None, what=""):
    try:
        done = subprocess.run(command, env=env, cwd=cwd, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace", check=False)
    except FileNotFoundError as e:
        raise GuestError(f"{what or 'run'}: the program '{command[0]}' is not installed",
                         f"install the Debian package that holds {command[0]}") from e
    if done.returncode != 0:
        text = (done.stderr.strip() or done.stdout.strip()).splitlines()
        fetches = command[0] == "apt-get" and command[2] in ("update", "download")
        raise GuestError(f"{what}: {command[0]} ended with status {done.returncode}: "
                         + "\n  ".join(text[-8:]), NETWORK_HINT if fetches else "")
    return done.stdout


def keep_setting(line):
    """Does this line of `apt-config dump` belong into the private configuration?"""
    name = line.split(" ", 1)[0].lower()
    return not any(name == d or name.startswith(d + "::") for d in DROPPED_SETTINGS)


@functools.cache
def machine_sources():
    """The machine's apt sources and the files they were read from."""
    text = _run(["apt-config", "shell", "LIST", "Dir::Etc::sourcelist/f",
                 "PARTS", "Dir::Etc::sourceparts/d"], what="ask apt where its sources are")
    paths = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return aptsource.read_machine_sources(paths.get("LIST", "").strip("'"),
                                          paths.get("PARTS", "").strip("'"))


def own_release():
    return aptsource.own_release(machine_sources()[0])


def machine_settings():
    """The machine's own settings that a private apt keeps, a line each."""
    dump = _run(["apt-config", "dump"], what="read the machine's apt settings")
    return [line for line in dump.splitlines() if keep_setting(line)]


def sources_text(suites, arch):
    """The deb822 text for some suites, from the machine's own sources."""
    sources, looked_at = machine_sources()
    keyring = KEYRING if Path(KEYRING).exists() else ""
    return "\n".join(aptsource.derive(sources, suite, arch, keyring, looked_at)
                     for suite in suites)


class Apt:
    """apt-get and apt-cache for some suites and an architecture."""

    def __init__(self, suites, arch):
        self.suites = tuple(suites)
        self.what = " and ".join(suites)
        self.arch = arch
        name = "-".join((arch, *suites))
        self.name = "apt-" + name
        self.dir = cache.cache_dir() / "apt" / name
        self.env = dict(os.environ, APT_CONFIG=str(self.dir / "apt.conf"), LC_ALL="C.UTF-8")

    def _configuration(self):
        lines = machine_settings()
        own = {
            "APT::Architecture": self.arch,
            "APT::Architectures": self.arch,
            "APT::Sandbox::User": "",
            "APT::Update::Error-Mode": "any",
            "Acquire::Languages": "none",
            "Dir::State": self.dir / "state",
            "Dir::State::lists": self.dir / "lists",
            "Dir::State::status": self.dir / "status",
            "Dir::Cache": self.dir / "cache",
            "Dir::Log": self.dir / "log",
            "Dir::Etc::main": "/dev/null",
            "Dir::Etc::parts": "/dev/null",
            "Dir::Etc::sourcelist": self.dir / "debian.sources",
            "Dir::Etc::sourceparts": "/dev/null",
            "Dir::Etc::preferences": "/dev/null",
            "Dir::Etc::preferencesparts": "/dev/null",
        }
        lines += [f'{name} "{value}";' for name, value in own.items()]
        return "\n".join(lines) + "\n"

    def _write_configuration(self):
        sources = sources_text(self.suites, self.arch)
        for name in ("state", "lists/partial", "cache/archives/partial", "log"):
            cache.make_dir(self.dir / name)
        (self.dir / "status").write_text("")
        (self.dir / "debian.sources").write_text(sources)
        (self.dir / "apt.conf").write_text(self._configuration())

    def update(self, force=False):
        """Fetch the package lists unless they are fresh."""
        stamp = self.dir / "updated"
        with cache.lock(self.name):
            fresh = stamp.exists() and time.time() - stamp.stat().st_mtime < LISTS_MAX_AGE_S
            if fresh and not force:
                return
            self._write_configuration()
            _run(["apt-get", "-qq", "update"], env=self.env,
                 what=f"fetch the package lists of {self.what} for {self.arch}")
            stamp.touch()

    def names(self, prefix):
        """Names of all packages that start with `prefix`."""
        with cache.lock(self.name):
            out = _run(["apt-cache", "pkgnames", prefix], env=self.env,
                       what=f"list packages '{prefix}*' of {self.what}")
        return out.split()

    def version(self, package):
        """The newest version of a package in these suites, or None."""
        with cache.lock(self.name):
            out = _run(["apt-cache", "policy", package], env=self.env,
                       what=f"ask for the version of {package} in {self.what}")
        for line in out.splitlines():
            if line.strip().startswith("Candidate:"):
                version = line.split(":", 1)[1].strip()
                return None if version == "(none)" else version
        return None

    def closure(self, packages):
        """The packages and all they depend on (recommendations left out)."""
        with cache.lock(self.name):
            out = _run(["apt-get", "-qq", "--no-install-recommends", "--simulate", "install",
                        *packages], env=self.env,
                       what=f"find what {' '.join(packages)} depends on in {self.what}")
        return [line.split()[1].split(":")[0] for line in out.splitlines()
                if line.startswith("Inst ")]

    def download(self, package, version, into):
        """Download one package file; apt checks its hash. Returns its path."""
        with cache.lock(self.name):
            _run(["apt-get", "-qq", "download", f"{package}={version}"], env=self.env,
                 cwd=into, what=f"download {package} {version} from {self.what}")
        debs = list(into.glob(f"{package}_*.deb"))
        if len(debs) != 1:
            raise GuestError(f"download {package} {version} from {self.what}: apt left "
                             f"{len(debs)} package files, not one")
        return debs[0]


def unpack(deb, into):
    """Unpack a package file without installing it."""
    _run(["dpkg-deb", "-x", str(deb), str(into)], what=f"unpack {deb.name}")
