"""The cache directory: where it is, locks in it, and files that appear all at once."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from .errors import GuestError


def cache_dir():
    """The cache directory; it is not created here."""
    own = os.environ.get("WEIR_GUEST_CACHE")
    if own:
        return Path(own).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base).absolute() / "weir" / "guest"


def make_dir(path):
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as e:
        raise GuestError(
            f"make the cache directory {path}: {e.strerror}",
            "set WEIR_GUEST_CACHE to a directory you may write to",
        ) from e
    return path


@contextlib.contextmanager
def lock(name, shared=False):
    """Hold the lock file of one cached thing, e.g. lock('kernel-amd64-6.1').

    The descriptor is close-on-exec, as every descriptor Python opens: a guest that
    outlived us could not keep the lock.
    """
    path = make_dir(cache_dir() / "locks") / (name + ".lock")
    with open(path, "a", encoding="ascii") as f:
        fcntl.flock(f, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def scratch_dir():
    """A directory inside the cache, so that what is made there can be renamed into place."""
    parent = make_dir(cache_dir() / "partial")
    path = Path(tempfile.mkdtemp(dir=parent))
    try:
        path.chmod(0o755)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def replace_dir(new, final):
    """Put directory `new` where `final` is; hold the lock of `final`."""
    make_dir(final.parent)
    if not final.exists():
        os.rename(new, final)
        return
    with scratch_dir() as aside:
        os.rename(final, aside / "old")
        os.rename(new, final)


def write_file(path, data):
    """Write a file aside and rename it."""
    with scratch_dir() as aside:
        (aside / "new").write_bytes(data)
        make_dir(path.parent)
        os.rename(aside / "new", path)
