"""Packages of an architecture unpacked, not installed, into one directory in the cache."""

import os
from pathlib import Path

from . import apt, cache
from .errors import GuestError


def path(arch):
    return cache.cache_dir() / "sysroot" / arch


def _stamp(arch, package):
    return path(arch) / ".packages" / package


def _has(arch, package):
    return _stamp(arch, package).exists()


def _closure_stamp(arch, package):
    """Says that all the package depends on is there as well."""
    return path(arch) / ".closures" / package


def _is_complete(arch, package, with_dependencies):
    return _has(arch, package) and (not with_dependencies
                                    or _closure_stamp(arch, package).exists())


def _make_links_relative(top):
    """Absolute links would lead out of the sysroot, to the host's own files."""
    for where, dirs, files in os.walk(top):
        for name in dirs + files:
            link = Path(where) / name
            if link.is_symlink() and os.readlink(link).startswith("/"):
                target = os.path.relpath(str(top) + os.readlink(link), where)
                link.unlink()
                link.symlink_to(target)


def _own_apt(arch, refresh):
    """Packages of the machine's own release with its security updates."""
    release = apt.own_release()
    private = apt.Apt([release, release + "-security"], arch)
    private.update(force=refresh)
    return private


def fetch(arch, packages, with_dependencies=False, refresh=False):
    """Unpack packages into the sysroot of `arch`. Returns the directory."""
    top = path(arch)
    with cache.lock(f"sysroot-{arch}"):
        if not refresh and all(_is_complete(arch, p, with_dependencies) for p in packages):
            return top
        private = _own_apt(arch, refresh)
        closure = private.closure(packages) if with_dependencies else ()
        for package in dict.fromkeys([*closure, *packages]):
            if refresh or not _has(arch, package):
                _add(private, arch, package)
        for package in packages if with_dependencies else ():
            cache.write_file(_closure_stamp(arch, package), b"")
    return top


def _add(private, arch, package):
    version = private.version(package)
    if not version:
        raise GuestError(f"find the package {package} for {arch} in {private.what}: "
                         "there is no such package")
    top = path(arch)
    cache.make_dir(top / ".packages")
    with cache.scratch_dir() as scratch:
        apt.unpack(private.download(package, version, scratch), top)
    _make_links_relative(top)
    # The stamp comes last: an unpacking that was cut off is done again.
    cache.write_file(_stamp(arch, package), (version + "\n").encode())


def host_arch():
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, "")


def path_for_libraries(arch):
    """Where the libraries of guests of `arch` are: None means on the host itself."""
    return None if arch == host_arch() else path(arch)


def busybox(arch):
    """The static busybox for guests of `arch`."""
    for top in ("bin", "usr/bin"):
        file = path(arch) / top / "busybox"
        if _has(arch, "busybox-static") and file.exists():
            return file
    raise GuestError(f"there is no busybox for {arch} guests in the cache ({path(arch)})",
                     f"fetch it once: guest fetch --packages {arch} busybox-static")
