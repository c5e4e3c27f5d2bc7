"""Turning a distribution's kernel image into the form QEMU boots fastest.

On amd64 a vmlinuz unpacks itself in the guest, which costs seconds of emulation for an
xz image. Unpacked here once, the ELF file inside boots by its PVH entry, if it has one.
On arm64 a vmlinuz is a plain Image, or an EFI program with the Image packed inside (zboot),
which QEMU unpacks only in later versions.
"""

import gzip
import lzma
import struct
import subprocess
from pathlib import Path

from .errors import GuestError

XEN_ELFNOTE_PHYS32_ENTRY = 18  # the note that announces a PVH entry
SETUP_HEADER_MAGIC = b"HdrS"  # Documentation/arch/x86/boot.rst


def _pipe(command, data):
    """Unpack by a program. Packed kernels may have trailing bytes, which it may dislike."""
    try:
        done = subprocess.run(command, input=data, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, check=False)
    except FileNotFoundError as e:
        raise GuestError(f"unpack a kernel image: '{command[0]}' is not installed",
                         f"install {command[0]}") from e
    if not done.stdout:
        raise GuestError(f"unpack a kernel image: {command[0]} gave nothing")
    return done.stdout


def unpack_payload(data):
    """Unpack what a kernel image carries, whichever way it is compressed."""
    if data.startswith(b"\x7fELF"):
        return data
    if data.startswith(b"\x1f\x8b"):
        return gzip.decompress(data)
    if data.startswith(b"\xfd7zXZ"):
        # The image's build appends the unpacked size: stop at the end of the stream.
        return lzma.LZMADecompressor().decompress(data)
    if data.startswith(b"\x28\xb5\x2f\xfd"):
        return _pipe(["zstd", "-dcq"], data)
    if data.startswith(b"\x02\x21\x4c\x18"):
        return _pipe(["lz4", "-dcq"], data)
    raise GuestError(f"unpack a kernel image: unknown compression {data[:6].hex()}")


def payload_of_bzimage(data):
    """The packed vmlinux inside an x86 image, or None if it is none."""
    if data[0x202:0x206] != SETUP_HEADER_MAGIC:
        return None
    setup_sectors = data[0x1f1] or 4
    offset, length = struct.unpack_from("<II", data, 0x248)
    start = (setup_sectors + 1) * 512 + offset
    return data[start:start + length]


def elf_notes(data):
    """The notes of an ELF64 file: [(name, type)]."""
    phoff, = struct.unpack_from("<Q", data, 32)
    phentsize, phnum = struct.unpack_from("<HH", data, 54)
    notes = []
    for i in range(phnum):
        kind, = struct.unpack_from("<I", data, phoff + i * phentsize)
        offset, = struct.unpack_from("<Q", data, phoff + i * phentsize + 8)
        size, = struct.unpack_from("<Q", data, phoff + i * phentsize + 32)
        if kind == 4:  # PT_NOTE
            notes += _notes(data[offset:offset + size])
    return notes


def _notes(data):
    notes, at = [], 0
    while at + 12 <= len(data):
        name_size, desc_size, kind = struct.unpack_from("<III", data, at)
        notes.append((data[at + 12:at + 12 + name_size].rstrip(b"\0"), kind))
        at += 12 + (name_size + 3) // 4 * 4 + (desc_size + 3) // 4 * 4
    return notes


def unpack_amd64(data):
    """The vmlinux inside a vmlinuz if QEMU can boot it directly, else None."""
    payload = payload_of_bzimage(data)
    if not payload:
        return None
    vmlinux = unpack_payload(payload)
    if not vmlinux.startswith(b"\x7fELF"):
        return None
    if (b"Xen", XEN_ELFNOTE_PHYS32_ENTRY) not in elf_notes(vmlinux):
        return None
    return vmlinux


def unpack_arm64(data):
    """The plain Image inside a vmlinuz, or None if it is plain already."""
    if data.startswith(b"MZ") and data[4:8] == b"zimg":
        offset, size = struct.unpack_from("<II", data, 8)
        return unpack_payload(data[offset:offset + size])
    if data[56:60] == b"ARM\x64":
        return None
    return unpack_payload(data)


def prepare(vmlinuz, arch):
    """Put the fastest form beside `vmlinuz`; returns the file to boot."""
    vmlinuz = Path(vmlinuz)
    data = vmlinuz.read_bytes()
    unpack, name = {"amd64": (unpack_amd64, "vmlinux"), "arm64": (unpack_arm64, "Image")}[arch]
    image = unpack(data)
    if image is None:
        return vmlinuz
    target = vmlinuz.with_name(name)
    target.write_bytes(image)
    vmlinuz.unlink()
    return target
