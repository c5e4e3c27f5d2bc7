"""Kernels in the cache, and how they get there."""

import contextlib
import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import apt, bootimage, cache
from .errors import GuestError
from .kernelname import ARCHES, KernelName, choose_packages, parse_kernel_name

# Where a kernel series is looked for first. Any other series is looked for in all of
# SUITES. A series that moves on to another suite only costs one more list.
SUITE_HINTS = {
    "5.10": ("bullseye-security", "bullseye"),
    "6.1": ("bookworm-security", "bookworm"),
    "6.12": ("bookworm-security", "trixie-security", "trixie"),
    "6.18": ("trixie-backports",),
}
DOWNLOADS_MAX = 6  # versions of one suite that are tried
SUITES = ("trixie-backports", "trixie-security", "trixie", "bookworm-security", "bookworm",
          "bookworm-backports", "bullseye-security", "bullseye", "forky", "sid")


@dataclass
class Kernel:
    """A kernel ready to boot."""

    name: str
    arch: str
    image: Path
    modules: Path | None = None  # the directory that holds modules.order
    release: str = ""  # as uname -r says
    package_version: str = ""
    suite: str = ""


def kernel_dir(name):
    return cache.cache_dir() / "kernels" / name.arch / name.key


def lock_name(name):
    return f"kernel-{name.arch}-{name.key}"


def cached(name):
    """The cached kernel of that name, or None."""
    top = kernel_dir(name)
    info_file = top / "info.json"
    if not info_file.exists():
        return None
    info = json.loads(info_file.read_text(encoding="utf-8"))
    return Kernel(str(name), name.arch, top / info["image"], top / info["modules"],
                  info["release"], info["version"], info["suite"])


def list_cached():
    kernels = []
    for arch in ARCHES:
        top = cache.cache_dir() / "kernels" / arch
        for path in sorted(top.iterdir()) if top.is_dir() else ():
            version, _, flavour = path.name.partition("-")
            kernel = cached(KernelName(arch, version, flavour))
            if kernel:
                kernels.append(kernel)
    return kernels


def find(text, arch="amd64"):
    """The kernel a user asked for: a name in the cache or the path of an own image."""
    if text.startswith(("/", "./", "../")):
        path = Path(text)
        if not path.is_file():
            raise GuestError(f"boot the kernel image {text}: there is no such file")
        return Kernel(text, arch, path.absolute())
    name = parse_kernel_name(text)
    kernel = cached(name)
    if not kernel:
        raise GuestError(f"kernel {name} is not in the cache ({kernel_dir(name)})",
                         f"fetch it once: guest fetch {name}")
    return kernel


@contextlib.contextmanager
def hold(text, arch="amd64"):
    """As find(), and nobody replaces the kernel's files meanwhile."""
    kernel = find(text, arch)
    if kernel.modules is None:
        yield kernel
        return
    with cache.lock(lock_name(parse_kernel_name(text)), shared=True):
        yield find(text, arch)


def _candidates(private, name):
    """(package, version) of a kernel series in one suite, newest first."""
    for package in choose_packages(name, private.names(f"linux-image-{name.version}.")):
        version = private.version(package)
        if version:
            yield package, version


def _download(name, have, refresh, into):
    """Download the newest package of a kernel series that its suite really holds.

    have: the version in the cache. Returns (suite, package, version, file), the file
    being None when the version is that one. Lists may name a package the archive lacks
    (a build that is late, or was removed): then the next older one is taken.
    """
    tried = []
    for suite in SUITE_HINTS.get(name.version, SUITES):
        private = apt.Apt([suite], name.arch)
        try:
            private.update(force=refresh)
            candidates = list(_candidates(private, name))[:DOWNLOADS_MAX]
        except GuestError as e:
            tried.append(f"{suite}: {e}")
            continue
        if not candidates:
            tried.append(f"{suite}: it has no such package")
        for package, version in candidates:
            if version == have:
                return suite, package, version, None
            try:
                return suite, package, version, private.download(package, version, into)
            except GuestError as e:
                tried.append(f"{suite}: {e}")
    raise GuestError(f"fetch a Debian package for kernel {name}; tried\n  " + "\n  ".join(tried),
                     "'guest kernels' lists the names that are known to work; fetching needs "
                     "the network, all that is cached does not")


def _install(deb, package, into):
    """Unpack one kernel package into the directory `into`. Returns its release."""
    with cache.scratch_dir() as scratch:
        tree = scratch / "tree"
        apt.unpack(deb, tree)
        release = package.removeprefix("linux-image-")
        image = next(iter((tree / "boot").glob("vmlinuz-*")), None)
        found = [d / "lib/modules" / release for d in (tree, tree / "usr")]
        modules = next((d for d in found if d.is_dir()), None)
        if not image or not modules:
            raise GuestError(f"unpack {deb.name}: the package holds no "
                             + ("modules" if image else "kernel image"))
        shutil.move(image, into / "vmlinuz")
        for config in (tree / "boot").glob("config-*"):
            shutil.move(config, into / "config")
        shutil.move(modules, into / "modules")
    return release


def fetch(name, refresh=False):
    """Fetch a kernel into the cache. Returns (kernel, was it fetched now)."""
    with cache.lock(lock_name(name)):
        kernel = cached(name)
        if kernel and not refresh:
            return kernel, False
        with cache.scratch_dir() as scratch:
            have = kernel.package_version if kernel else None
            suite, package, version, deb = _download(name, have, refresh, scratch)
            if not deb:
                return kernel, False
            new = scratch / "kernel"
            new.mkdir()
            release = _install(deb, package, new)
            image = bootimage.prepare(new / "vmlinuz", name.arch)
            info = {"image": image.name, "modules": "modules", "release": release,
                    "package": package, "version": version, "suite": suite}
            (new / "info.json").write_text(json.dumps(info, indent=1) + "\n")
            cache.replace_dir(new, kernel_dir(name))
    return cached(name), True
