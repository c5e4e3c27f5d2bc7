"""KERNEL names: [arch/]VERSION[-FLAVOUR], e.g. 6.12, 6.1-cloud, arm64/6.12."""

import re
from dataclasses import dataclass

from .errors import GuestError

ARCHES = ("amd64", "arm64")


@dataclass(frozen=True)
class KernelName:
    """A kernel series of one architecture; an empty flavour is Debian's plain one."""

    arch: str
    version: str
    flavour: str = ""

    def __str__(self):
        arch = "" if self.arch == "amd64" else self.arch + "/"
        return f"{arch}{self.key}"

    @property
    def key(self):
        """Version and flavour: the name of the cache directory below the architecture."""
        return self.version + (f"-{self.flavour}" if self.flavour else "")

    def package_pattern(self):
        """Matches the names of image packages: 6.1.0-56-amd64, 6.12.117+deb12-cloud-amd64.

        Debian puts a flavour before the architecture, save for a page size, which comes
        after it (arm64-16k). Packages for debugging and the unsigned twins end otherwise.
        """
        arch = re.escape(self.arch)
        tail = arch
        if self.flavour:
            flavour = re.escape(self.flavour)
            tail = f"(?:{flavour}-{arch}|{arch}-{flavour})"
        release = re.escape(self.version) + r"\.[0-9][^-]*(?:-[0-9]+)?"
        return re.compile(f"linux-image-({release})-{tail}")


def parse_kernel_name(text):
    match = re.fullmatch(r"(?:([a-z0-9]+)/)?([0-9]+\.[0-9]+)(?:-([a-z0-9]+))?", text)
    if not match:
        raise GuestError(f"'{text}' is no KERNEL name",
                         "write [arch/]VERSION[-FLAVOUR], e.g. 6.12, 6.1-cloud, arm64/6.12, "
                         "or the path of an image you built: ./vmlinux")
    arch, version, flavour = match.groups()
    arch = arch or "amd64"
    if arch not in ARCHES:
        raise GuestError(f"'{text}': no guests of architecture '{arch}'",
                         "there are " + " and ".join(ARCHES))
    return KernelName(arch, version, flavour or "")


def numbers(text):
    """Sort key: the numbers in a version, so that 6.12.99 < 6.12.117."""
    return tuple(int(n) for n in re.findall(r"[0-9]+", text))


def choose_packages(name, packages):
    """The packages that hold this kernel, newest first."""
    pattern = name.package_pattern()
    matches = [m for m in map(pattern.fullmatch, packages) if m]
    matches.sort(key=lambda m: numbers(m.group(1)), reverse=True)
    return [m.group(0) for m in matches]
