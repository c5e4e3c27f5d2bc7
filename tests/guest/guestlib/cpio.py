"""Writing an initramfs: a cpio archive in the 'newc' format.

The format is described in Documentation/driver-api/early-userspace/buffer-format.rst:
per entry a header of hexadecimal fields, the name and the data, each padded to 4 bytes.
The kernel unpacks archives one after the other, so archives are simply concatenated.
"""

import os
import stat
from pathlib import Path, PurePosixPath

from .errors import GuestError

FILE_SIZE_MAX = 0xFFFFFFFF  # eight hexadecimal digits


def _pad(data):
    return data + b"\0" * (-len(data) % 4)


def _normal(guest_path):
    """'/usr/../usr/bin/x' as 'usr/bin/x': names in the archive have no leading slash."""
    path = os.path.normpath("/" + str(guest_path)).lstrip("/")
    if not path:
        raise GuestError(f"put a file into the guest at '{guest_path}': that is its root")
    return path


class Cpio:
    """An archive in the making. Parent directories are added as needed."""

    def __init__(self):
        self._chunks = []
        self._names = {}  # name -> 'dir', 'file', ...
        self._ino = 0

    def _entry(self, name, mode, data=b"", rdev=(0, 0)):
        self._ino += 1
        if len(data) > FILE_SIZE_MAX:
            raise GuestError(f"put {name} into the guest: {len(data)} bytes are too many")
        raw = os.fsencode(name) + b"\0"
        fields = (self._ino, mode, 0, 0, 1, 0, len(data), 0, 0, rdev[0], rdev[1], len(raw), 0)
        header = b"070701" + b"".join(b"%08X" % f for f in fields)
        self._chunks.append(_pad(header + raw))
        self._chunks.append(_pad(data))

    def directory(self, path, mode=0o755):
        name = _normal(path)
        if self._names.get(name) == "dir":
            return
        self._parents(name)
        self._names[name] = "dir"
        self._entry(name, stat.S_IFDIR | mode)

    def _parents(self, name):
        parent = str(PurePosixPath(name).parent)
        if parent != ".":
            self.directory(parent)

    def file(self, path, data, mode=0o644):
        name = _normal(path)
        self._parents(name)
        self._names[name] = "file"
        self._entry(name, stat.S_IFREG | mode, data)

    def symlink(self, path, target):
        name = _normal(path)
        self._parents(name)
        self._names[name] = "symlink"
        self._entry(name, stat.S_IFLNK | 0o777, os.fsencode(target))

    def device(self, path, kind, major, minor, mode=0o600):
        name = _normal(path)
        self._parents(name)
        self._names[name] = "device"
        self._entry(name, {"c": stat.S_IFCHR, "b": stat.S_IFBLK}[kind] | mode,
                    rdev=(major, minor))

    def __contains__(self, path):
        return _normal(path) in self._names

    def host_file(self, host, path, mode=None):
        """Copy a file of the host; symbolic links are followed."""
        try:
            data = Path(host).read_bytes()
            own = stat.S_IMODE(os.stat(host).st_mode)
        except OSError as e:
            raise GuestError(f"put {host} into the guest: {e.strerror}") from e
        self.file(path, data, own & 0o7777 if mode is None else mode)

    def host_tree(self, host, path):
        """Copy a directory of the host; symbolic links stay links."""
        top = Path(host)
        if not top.is_dir():
            raise GuestError(f"put the tree {host} into the guest: it is not a directory")
        if os.path.normpath("/" + str(path)) != "/":
            self.directory(path)
        for where, dirs, files in os.walk(top):
            inside = PurePosixPath(str(path)) / PurePosixPath(where).relative_to(top)
            for entry in sorted(dirs + files):
                self._host_entry(Path(where) / entry, inside / entry)

    def _host_entry(self, source, inside):
        status = source.lstat()
        if stat.S_ISLNK(status.st_mode):
            self.symlink(inside, os.readlink(source))
        elif stat.S_ISDIR(status.st_mode):
            self.directory(inside, stat.S_IMODE(status.st_mode))
        elif stat.S_ISREG(status.st_mode):
            self.host_file(source, inside)
        # Sockets, fifos and devices of the host mean nothing inside.

    def bytes(self):
        """The finished archive. The number of links of the trailer must not be 0."""
        trailer = Cpio()
        trailer._entry("TRAILER!!!", 0)
        data = b"".join(self._chunks + trailer._chunks)
        return data + b"\0" * (-len(data) % 512)
