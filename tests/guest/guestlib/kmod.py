"""Kernel modules: which files to insert for a name, and in which order.

Debian's packages carry no modules.dep (depmod writes it at installation); if one is
there, it is used. Otherwise what a module depends on is read from the module itself,
from its '.modinfo' section, for the few modules that are asked for.
"""

import lzma
import re
import struct
import subprocess
from pathlib import Path

from .errors import GuestError

SUFFIX = re.compile(r"\.ko(\.xz|\.zst|\.gz)?$")


def canonical(name):
    """Module names mean the same with '-' and '_', and file names carry a suffix."""
    return SUFFIX.sub("", name.rsplit("/", 1)[-1]).replace("-", "_")


def parse_modules_dep(text):
    """{module: [modules it depends on]} from the text of modules.dep."""
    depends = {}
    for line in text.splitlines():
        path, colon, rest = line.partition(":")
        if colon:
            depends[canonical(path)] = [canonical(p) for p in rest.split()]
    return depends


def insertion_order(names, depends_of):
    """Names in an order in which each comes after all it depends on.

    depends_of(name) gives the direct (or all) dependencies of one module.
    """
    order, state = [], {}

    def visit(name, wanted_by):
        if state.get(name) == "done":
            return
        if state.get(name) == "open":
            raise GuestError(f"order kernel modules: {name} depends on itself by {wanted_by}")
        state[name] = "open"
        for other in depends_of(name):
            visit(other, name)
        state[name] = "done"
        order.append(name)

    for name in names:
        visit(canonical(name), "")
    return order


def modinfo(data):
    """The 'name=value' strings of a module's .modinfo section: {name: [values]}."""
    shoff, = struct.unpack_from("<Q", data, 40)
    shentsize, shnum, shstrndx = struct.unpack_from("<HHH", data, 58)
    # name, type, flags, addr, offset, size
    sections = [struct.unpack_from("<IIQQQQ", data, shoff + i * shentsize) for i in range(shnum)]
    names = sections[shstrndx][4]
    for section in sections:
        start = names + section[0]
        if data[start:data.index(b"\0", start)] == b".modinfo":
            info = {}
            for item in data[section[4]:section[4] + section[5]].split(b"\0"):
                name, equals, value = item.decode("utf-8", "replace").partition("=")
                if equals:
                    info.setdefault(name, []).append(value)
            return info
    return {}


def decompress(path):
    """The plain ELF bytes of a module file."""
    data = Path(path).read_bytes()
    if path.name.endswith(".xz"):
        return lzma.decompress(data)
    for suffix, program in ((".zst", "zstd"), (".gz", "gzip")):
        if path.name.endswith(suffix):
            try:
                return subprocess.run([program, "-dcq"], input=data, check=True,
                                      capture_output=True).stdout
            except (OSError, subprocess.CalledProcessError) as e:
                raise GuestError(f"unpack the kernel module {path} with {program}: {e}",
                                 f"install {program}") from e
    return data


class Modules:
    """The module tree of one kernel."""

    def __init__(self, top, kernel_name):
        self.top = Path(top)
        self.kernel_name = kernel_name
        self.files = {canonical(p.name): p for p in sorted(self.top.rglob("*.ko*"))
                      if SUFFIX.search(p.name)}
        self._plain = {}
        self._dep = None
        dep_file = self.top / "modules.dep"
        if dep_file.exists():
            self._dep = parse_modules_dep(dep_file.read_text(encoding="utf-8"))

    def builtin(self):
        path = self.top / "modules.builtin"
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        return {canonical(line) for line in text.split()}

    def plain(self, name):
        if name not in self._plain:
            self._plain[name] = decompress(self.files[name])
        return self._plain[name]

    def depends_of(self, name):
        if name not in self.files:
            if name in self.builtin():
                return []
            raise GuestError(f"kernel {self.kernel_name} has no module '{name}', nor is it "
                             "built in", "take another flavour: 6.1 has more than 6.1-cloud")
        if self._dep is not None:
            return self._dep.get(name, [])
        values = modinfo(self.plain(name)).get("depends", [""])
        return [canonical(n) for n in values[0].split(",") if n]

    def _with_transport(self, names):
        """A virtio driver finds no device without the bus, on which it does not depend."""
        names = [canonical(name) for name in names]
        if any(name.startswith("virtio_") for name in names) and "virtio_pci" in self.files:
            return ["virtio_pci", *names]
        return names

    def load_list(self, names):
        """[(module, plain bytes)] in the order of insertion; built-in ones are left out."""
        order = insertion_order(self._with_transport(names), self.depends_of)
        return [(name, self.plain(name)) for name in order if name in self.files]
