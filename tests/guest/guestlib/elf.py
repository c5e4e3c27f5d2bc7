"""Reading of ELF files what the harness needs: which libraries, which loader, which machine."""

import struct
from dataclasses import dataclass
from pathlib import Path

from .errors import GuestError

PT_LOAD, PT_DYNAMIC, PT_INTERP = 1, 2, 3
DT_NULL, DT_NEEDED, DT_STRTAB, DT_RPATH, DT_RUNPATH = 0, 1, 5, 15, 29
MACHINES = {62: "amd64", 183: "arm64"}


@dataclass(frozen=True)
class Elf:
    arch: str  # '' for a machine no guest has
    interpreter: str  # '' for a static program or a library
    needed: tuple
    runpath: tuple


def _string(data, at):
    return data[at:data.index(b"\0", at)].decode("utf-8", "replace")


class _File:
    """The program headers and the dynamic section of one 64-bit little-endian file."""

    def __init__(self, data):
        self.data = data
        phoff, = struct.unpack_from("<Q", data, 32)
        phentsize, phnum = struct.unpack_from("<HH", data, 54)
        # type, flags, offset, vaddr, paddr, filesz, memsz, align
        self.headers = [struct.unpack_from("<IIQQQQQQ", data, phoff + i * phentsize)
                        for i in range(phnum)]

    def offset(self, address):
        for kind, _, offset, vaddr, _, filesz, _, _ in self.headers:
            if kind == PT_LOAD and vaddr <= address < vaddr + filesz:
                return address - vaddr + offset
        raise ValueError(f"address {address:#x} is not in the file")

    def dynamic(self):
        entries = []
        for kind, _, offset, _, _, filesz, _, _ in self.headers:
            if kind == PT_DYNAMIC:
                for at in range(offset, offset + filesz, 16):
                    tag, value = struct.unpack_from("<QQ", self.data, at)
                    if tag == DT_NULL:
                        break
                    entries.append((tag, value))
        return entries

    def interpreter(self):
        for kind, _, offset, _, _, _, _, _ in self.headers:
            if kind == PT_INTERP:
                return _string(self.data, offset)
        return ""


def parse(data):
    """Parse an ELF file; None when it is none (a script, say) or not a 64-bit one."""
    if data[:6] != b"\x7fELF\x02\x01":
        return None
    machine, = struct.unpack_from("<H", data, 18)
    file = _File(data)
    entries = file.dynamic()
    needed, runpath = [], []
    tables = [value for tag, value in entries if tag == DT_STRTAB]
    if tables:
        strings = file.offset(tables[0])
        for tag, value in entries:
            if tag == DT_NEEDED:
                needed.append(_string(data, strings + value))
            elif tag in (DT_RPATH, DT_RUNPATH):
                runpath += _string(data, strings + value).split(":")
    return Elf(MACHINES.get(machine, ""), file.interpreter(), tuple(needed), tuple(runpath))


def read(path):
    try:
        return parse(Path(path).read_bytes())
    except OSError as e:
        raise GuestError(f"read the program {path}: {e.strerror}") from e
    except (ValueError, OverflowError, struct.error) as e:
        raise GuestError(f"read the program {path}: it is a damaged ELF file ({e})") from e


TRIPLETS = {"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}


class Libraries:
    """Finds shared libraries of one architecture on the host or in a sysroot."""

    def __init__(self, arch, sysroot=None):
        self.arch = arch
        self.sysroot = Path(sysroot) if sysroot else None
        triplet = TRIPLETS[arch]
        self.directories = [f"/lib/{triplet}", f"/usr/lib/{triplet}", "/lib64", "/usr/lib64",
                            "/usr/local/lib", f"/usr/local/lib/{triplet}", "/lib", "/usr/lib"]
        # Debian's cross compilers bring a C library of their own.
        self.cross_directories = [f"/usr/{triplet}/lib"]

    def _candidates(self, name, runpath, origin):
        for directory in runpath:
            for variable in ("$ORIGIN", "${ORIGIN}"):
                directory = directory.replace(variable, str(origin))
            yield Path(directory) / name
        for directory in self.directories:
            yield Path(str(self.sysroot or "") + directory) / name
        for directory in self.cross_directories:
            yield Path(directory) / name

    def find(self, name, runpath=(), origin="", wanted_by=""):
        """The file of a library, of the right architecture."""
        for path in self._candidates(name, runpath, origin):
            if path.is_file():
                found = read(path)
                if found and found.arch == self.arch:
                    return path
        where = f"sysroot {self.sysroot}" if self.sysroot else "the host's library directories"
        by = f" (wanted by {wanted_by})" if wanted_by else ""
        raise GuestError(
            f"find the {self.arch} library {name}{by}: not in {where}",
            f"fetch its package: guest fetch --packages {self.arch} NAME" if self.sysroot
            else "install its package, or name the file with --lib PATH")

    def loader(self, interpreter, wanted_by):
        """The host's file for a program interpreter such as /lib64/ld-linux-x86-64.so.2."""
        path = Path(str(self.sysroot or "") + interpreter)
        if path.is_file():
            return path
        return self.find(Path(interpreter).name, wanted_by=wanted_by)

    def closure(self, paths):
        """All libraries the files need, with what these need.

        Returns ({name: host path}, {interpreter path: host path}). One name is one
        library: the first found wins, as it would in the loader.
        """
        libraries, interpreters = {}, {}
        todo = [Path(p) for p in paths]
        while todo:
            path = todo.pop(0)
            found = read(path)
            if not found:
                continue
            if found.arch != self.arch:
                raise GuestError(f"put {path} into an {self.arch} guest: it is built for "
                                 f"{found.arch or 'another machine'}")
            if found.interpreter and found.interpreter not in interpreters:
                interpreters[found.interpreter] = self.loader(found.interpreter, path)
            for name in found.needed:
                if name not in libraries:
                    libraries[name] = self.find(name, found.runpath, path.resolve().parent, path)
                    todo.append(libraries[name])
        return libraries, interpreters
