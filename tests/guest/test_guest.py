#!/usr/bin/env python3
"""Tests of the harness's pure parts: no network, no QEMU, no cache.

Run directly, or by python3 -m unittest from this directory.
"""

import gzip
import lzma
import struct
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from guestlib import (apt, aptsource, bootimage, channel, cpio, disk, elf, initramfs,  # noqa: E402
                      kmod, qemu)
from guestlib.errors import GuestError  # noqa: E402
from guestlib.kernelname import KernelName, choose_packages, parse_kernel_name  # noqa: E402


def read_cpio(data):
    """An independent reader: {name: (mode, content)} up to the trailer."""
    entries, at = {}, 0
    while True:
        assert data[at:at + 6] == b"070701", f"no header at {at}"
        fields = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
        name_size, size = fields[11], fields[6]
        name = data[at + 110:at + 110 + name_size - 1].decode()
        start = (at + 110 + name_size + 3) // 4 * 4
        if name == "TRAILER!!!":
            return entries
        assert name not in entries, f"{name} twice"
        entries[name] = (fields[1], data[start:start + size])
        at = (start + size + 3) // 4 * 4


class CpioTest(unittest.TestCase):
    def test_entries_of_every_size_come_back(self):
        archive = cpio.Cpio()
        for size in range(9):
            archive.file(f"/d/{'n' * (size + 1)}", b"x" * size, 0o640)
        entries = read_cpio(archive.bytes())
        for size in range(9):
            self.assertEqual(entries["d/" + "n" * (size + 1)], (0o100640, b"x" * size))

    def test_parents_come_first_and_once(self):
        archive = cpio.Cpio()
        archive.file("/a/b/c", b"1")
        archive.file("a/b/d", b"2")
        archive.directory("/a/b")
        self.assertEqual(list(read_cpio(archive.bytes())), ["a", "a/b", "a/b/c", "a/b/d"])

    def test_odd_paths_are_normalised(self):
        archive = cpio.Cpio()
        archive.file("//a/../b/./c", b"")
        self.assertEqual(list(read_cpio(archive.bytes())), ["b", "b/c"])
        self.assertIn("/b/c", archive)
        with self.assertRaises(GuestError):
            archive.file("/..", b"")

    def test_links_and_devices_keep_their_kind(self):
        archive = cpio.Cpio()
        archive.symlink("bin/sh", "busybox")
        archive.device("dev/console", "c", 5, 1)
        entries = read_cpio(archive.bytes())
        self.assertEqual(entries["bin/sh"], (0o120777, b"busybox"))
        self.assertEqual(entries["dev/console"], (0o020600, b""))

    def test_archives_can_be_concatenated(self):
        one = cpio.Cpio()
        one.file("a", b"1")
        self.assertEqual(len(one.bytes()) % 512, 0)

    def test_tree_keeps_links_and_modes(self):
        with tempfile.TemporaryDirectory() as top:
            (Path(top) / "sub").mkdir()
            (Path(top) / "sub/run").write_text("x")
            (Path(top) / "sub/run").chmod(0o750)
            (Path(top) / "link").symlink_to("sub/run")
            archive = cpio.Cpio()
            archive.host_tree(top, "/t")
        entries = read_cpio(archive.bytes())
        self.assertEqual(entries["t/link"], (0o120777, b"sub/run"))
        self.assertEqual(entries["t/sub/run"], (0o100750, b"x"))

    def test_missing_host_file_is_named(self):
        with self.assertRaisesRegex(GuestError, "/no/such"):
            cpio.Cpio().host_file("/no/such", "/x")


ONE_LINE = """\
# deb http://commented.example/debian bookworm main
deb http://mirror.example/debian bookworm main contrib
deb [ arch=amd64 signed-by=/k.gpg ] http://sec.example/s bookworm-security main # why
deb-src http://mirror.example/debian bookworm main
deb http://other.example/apt cloud-sdk-bookworm main
"""

DEB822 = """\
Types: deb deb-src
# a comment
URIs: http://mirror.example/debian
Suites: trixie
 trixie-updates
Components: main
Signed-By:
 -----BEGIN PGP PUBLIC KEY BLOCK-----
 .
 abc

Enabled: no
Types: deb
URIs: http://off.example/debian
Suites: bookworm
Components: main

Types: deb
URIs: http://sec.example/debian-security
Suites: trixie-security
Components: main
Trusted: yes
"""


class AptSourceTest(unittest.TestCase):
    def test_one_line_format(self):
        sources = aptsource.parse_one_line(ONE_LINE)
        self.assertEqual([s.uris[0] for s in sources],
                         ["http://mirror.example/debian", "http://sec.example/s",
                          "http://other.example/apt"])
        self.assertEqual(sources[0].components, ("main", "contrib"))
        self.assertEqual(sources[1].options, {"arch": "amd64", "signed-by": "/k.gpg"})

    def test_deb822_format(self):
        sources = aptsource.parse_deb822(DEB822)
        self.assertEqual([s.suites for s in sources],
                         [("trixie", "trixie-updates"), ("trixie-security",)])
        self.assertIn("\nabc", sources[0].options["signed-by"])

    def test_suites_are_split(self):
        for suite, expected in (("bookworm", ("bookworm", "")),
                                ("trixie-backports", ("trixie", "-backports")),
                                ("buster/updates", None), ("nodistro", None),
                                ("bullseye/updates", ("bullseye", "-security")),
                                ("cloud-sdk-bookworm", None), ("bookworm-foo", None)):
            self.assertEqual(aptsource.split_suite(suite), expected, suite)

    def test_suite_is_exchanged_at_the_right_address(self):
        for text, parse in ((ONE_LINE, aptsource.parse_one_line),
                            (DEB822, aptsource.parse_deb822)):
            sources = parse(text)
            release = aptsource.derive(sources, "forky", "arm64", "/k")
            security = aptsource.derive(sources, "bullseye-security", "amd64", "/k")
            self.assertIn("URIs: http://mirror.example/debian\n", release)
            self.assertIn("Suites: forky\n", release)
            self.assertIn("Architectures: arm64\n", release)
            self.assertIn("URIs: http://sec.example/", security)
            self.assertIn("Suites: bullseye-security\n", security)

    def test_derived_source_parses_back(self):
        sources = aptsource.parse_deb822(DEB822)
        again = aptsource.parse_deb822(aptsource.derive(sources, "trixie", "amd64", ""))
        self.assertEqual(again[0].options["signed-by"], sources[0].options["signed-by"])
        secure = aptsource.derive(sources, "trixie-security", "amd64", "/k")
        self.assertIn("Trusted: yes", secure)

    def test_machine_without_debian_is_told_so(self):
        with self.assertRaisesRegex(GuestError, "looked at /etc/x"):
            aptsource.derive([], "bookworm", "amd64", "", ["/etc/x"])
        with self.assertRaises(GuestError):
            aptsource.own_release(aptsource.parse_one_line("deb http://o.example/ x main"))

    def test_own_release(self):
        self.assertEqual(aptsource.own_release(aptsource.parse_one_line(ONE_LINE)), "bookworm")

    def test_both_file_kinds_are_read_and_others_left(self):
        with tempfile.TemporaryDirectory() as top:
            parts = Path(top) / "d"
            parts.mkdir()
            (parts / "a.sources").write_text(DEB822)
            (parts / "b.list").write_text(ONE_LINE)
            (parts / "c.list.disabled").write_text(ONE_LINE)
            sources, looked_at = aptsource.read_machine_sources(Path(top) / "none.list", parts)
        self.assertEqual(len(sources), 5)
        self.assertEqual([Path(p).name for p in looked_at], ["a.sources", "b.list"])

    def test_private_settings_leave_hooks_and_directories_out(self):
        for line, kept in (('Acquire::http::Proxy "x";', True),
                           ('APT::Update::Post-Invoke:: "rm";', False),
                           ('DPkg::Post-Invoke:: "rm";', False),
                           ('Dir::Cache "x";', False), ('Dir "/";', False),
                           ('APT::Architectures:: "amd64";', False),
                           ('APT::ArchitecturesX "a";', True)):
            self.assertEqual(apt.keep_setting(line), kept, line)


class KernelNameTest(unittest.TestCase):
    def test_names_parse_and_print(self):
        for text, name in (("6.12", KernelName("amd64", "6.12")),
                           ("6.1-cloud", KernelName("amd64", "6.1", "cloud")),
                           ("arm64/6.12-16k", KernelName("arm64", "6.12", "16k"))):
            self.assertEqual(parse_kernel_name(text), name)
            self.assertEqual(str(name), text)
        self.assertEqual(str(parse_kernel_name("amd64/6.1")), "6.1")

    def test_bad_names_are_refused(self):
        for text in ("", "6", "6.12.1", "v6.1", "6.1-", "6.1-cloud-amd64", "riscv64/6.1",
                     "arm64/", "6.1 ", "../6.1", "/6.1"):
            with self.assertRaises(GuestError, msg=text):
                parse_kernel_name(text)

    def test_newest_package_of_the_flavour_is_chosen(self):
        packages = ["linux-image-6.12.99+deb12-amd64", "linux-image-6.12.117+deb12-amd64",
                    "linux-image-6.12.117+deb12-amd64-unsigned", "linux-image-6.12-amd64",
                    "linux-image-6.12.118+deb12-rt-amd64", "linux-image-6.12.119+deb12-amd64-dbg",
                    "linux-image-6.12.120+deb12-cloud-amd64", "linux-image-6.120.1-amd64",
                    "linux-image-6.1.0-9-amd64", "linux-image-6.1.0-56-amd64",
                    "linux-image-6.1.0-57-cloud-amd64",
                    "linux-image-6.12.117+deb12-arm64-16k", "linux-image-6.12.117+deb12-arm64"]
        for text, expected in (
                ("6.12", ["linux-image-6.12.117+deb12-amd64", "linux-image-6.12.99+deb12-amd64"]),
                ("6.12-cloud", ["linux-image-6.12.120+deb12-cloud-amd64"]),
                ("6.1", ["linux-image-6.1.0-56-amd64", "linux-image-6.1.0-9-amd64"]),
                ("arm64/6.12", ["linux-image-6.12.117+deb12-arm64"]),
                ("arm64/6.12-16k", ["linux-image-6.12.117+deb12-arm64-16k"]),
                ("5.10", [])):
            self.assertEqual(choose_packages(parse_kernel_name(text), packages), expected, text)


MODULES_DEP = """\
kernel/drivers/virtio/virtio_mem.ko.xz: kernel/drivers/virtio/virtio.ko.xz kernel/x/virtio_ring.ko
kernel/drivers/virtio/virtio.ko.xz: kernel/x/virtio_ring.ko
kernel/x/virtio_ring.ko:
kernel/x/crc-t10dif.ko:
"""


def module_file(info):
    """The smallest ELF file with a .modinfo section."""
    names = b"\0.modinfo\0.shstrtab\0"
    info_at, names_at = 64, 64 + len(info)
    table_at = names_at + len(names)
    header = bytearray(64)
    header[:6] = b"\x7fELF\x02\x01"
    struct.pack_into("<Q", header, 40, table_at)
    struct.pack_into("<HHH", header, 58, 64, 3, 2)

    def section(name, at, size):
        return struct.pack("<IIQQQQ", name, 1, 0, 0, at, size).ljust(64, b"\0")
    return bytes(header) + info + names + section(0, 0, 0) + section(1, info_at, len(info)) \
        + section(10, names_at, len(names))


class KmodTest(unittest.TestCase):
    def test_modules_dep_parses(self):
        depends = kmod.parse_modules_dep(MODULES_DEP)
        self.assertEqual(depends["virtio_mem"], ["virtio", "virtio_ring"])
        self.assertEqual(depends["crc_t10dif"], [])

    def test_order_puts_dependencies_first(self):
        depends = kmod.parse_modules_dep(MODULES_DEP)
        self.assertEqual(kmod.insertion_order(["virtio-mem", "virtio"], depends.__getitem__),
                         ["virtio_ring", "virtio", "virtio_mem"])

    def test_order_keeps_what_is_asked_for(self):
        self.assertEqual(kmod.insertion_order(["b", "a", "b"], lambda _: []), ["b", "a"])

    def test_cycle_is_refused(self):
        circle = {"a": ["b"], "b": ["c"], "c": ["a"]}
        with self.assertRaisesRegex(GuestError, "depends on itself"):
            kmod.insertion_order(["a"], circle.__getitem__)

    def test_modinfo_is_read_from_the_module(self):
        info = kmod.modinfo(module_file(b"depends=x,y\0alias=1\0alias=2\0"))
        self.assertEqual(info, {"depends": ["x,y"], "alias": ["1", "2"]})

    def test_tree_without_modules_dep(self):
        with tempfile.TemporaryDirectory() as top:
            tree = Path(top)
            (tree / "virtio.ko").write_bytes(module_file(b"depends=\0"))
            (tree / "virtio_pci.ko").write_bytes(module_file(b"depends=virtio\0"))
            (tree / "virtio-mem.ko.xz").write_bytes(
                lzma.compress(module_file(b"depends=virtio,built_in\0")))
            (tree / "modules.builtin").write_text("kernel/built-in.ko\n")
            modules = kmod.Modules(tree, "test")
            names = [name for name, _ in modules.load_list(["virtio_mem"])]
            self.assertEqual(names, ["virtio", "virtio_pci", "virtio_mem"])
            self.assertEqual(modules.load_list(["built-in"]), [])
            with self.assertRaisesRegex(GuestError, "no module 'nvme'"):
                modules.load_list(["nvme"])


class ElfTest(unittest.TestCase):
    def test_what_is_no_elf_file_is_none(self):
        self.assertIsNone(elf.parse(b"#!/bin/sh\n"))
        self.assertIsNone(elf.parse(b""))

    def test_own_interpreter_can_be_read(self):
        found = elf.read(sys.executable)
        if not found:
            self.skipTest("Python is not an ELF64 program here")
        self.assertIn(found.arch, ("amd64", "arm64", ""))

    def test_damaged_file_is_named(self):
        with tempfile.NamedTemporaryFile() as f:
            f.write(b"\x7fELF\x02\x01" + b"\xff" * 60)
            f.flush()
            with self.assertRaisesRegex(GuestError, "damaged"):
                elf.read(f.name)


class BootImageTest(unittest.TestCase):
    def test_payload_is_found_in_a_bzimage(self):
        data = bytearray(0x400 + 64)
        data[0x1f1] = 1
        data[0x202:0x206] = b"HdrS"
        struct.pack_into("<II", data, 0x248, 8, 5)
        data[0x408:0x40d] = b"hello"
        self.assertEqual(bootimage.payload_of_bzimage(bytes(data)), b"hello")
        self.assertIsNone(bootimage.payload_of_bzimage(b"MZ" + b"\0" * 1024))

    def test_every_compression_unpacks(self):
        self.assertEqual(bootimage.unpack_payload(gzip.compress(b"abc")), b"abc")
        self.assertEqual(bootimage.unpack_payload(lzma.compress(b"abc") + b"\3\0\0\0"), b"abc")
        with self.assertRaises(GuestError):
            bootimage.unpack_payload(b"????????")

    def test_zboot_image_unpacks(self):
        packed = gzip.compress(b"Image")
        image = b"MZ\0\0zimg" + struct.pack("<II", 16, len(packed)) + packed
        self.assertEqual(bootimage.unpack_arm64(image), b"Image")
        self.assertIsNone(bootimage.unpack_arm64(b"MZ".ljust(56, b"\0") + b"ARM\x64"))


class TopologyTest(unittest.TestCase):
    def test_sizes(self):
        self.assertEqual(qemu.parse_size("512M"), 512 << 20)
        self.assertEqual(qemu.parse_size("1g"), 1 << 30)
        for text in ("", "M", "1.5G", "-1", "1T", "1MB"):
            with self.assertRaises(GuestError, msg=text):
                qemu.parse_size(text)

    def test_nodes_and_cpus(self):
        m = 1 << 20
        for nodes, mem, cpus, memory, counts in (
                (None, "512M", "", [512], [1]),
                (3, "512M", "", [512] * 3, [1, 0, 0]),
                (None, "512M,0,256M", "", [512, 0, 256], [1, 1, 0]),
                (None, "0,256M", "", [0, 256], [1, 0]),
                (2, "512M", "4", [512] * 2, [2, 2]),
                (2, "512M", "3", [512] * 2, [2, 1]),
                (2, "512M", "0,2", [512] * 2, [0, 2])):
            topo = qemu.topology(nodes, mem, cpus)
            self.assertEqual(list(topo.memory), [size * m for size in memory], (nodes, mem))
            self.assertEqual(list(topo.cpus), counts, (nodes, mem, cpus))

    def test_contradictions_are_refused(self):
        for nodes, mem, cpus in ((3, "1G,1G", ""), (None, "0", ""), (2, "1G", "0"),
                                 (2, "1G", "1,1,1"), (2, "1G", "0,0"), (2, "1G", "x"),
                                 (None, "1G,0", "1"), (2, "1G", "1,x")):
            with self.assertRaises(GuestError, msg=(nodes, mem, cpus)):
                qemu.topology(nodes, mem, cpus)

    def test_node_without_memory_has_no_backend(self):
        args = qemu.command("amd64", "k", "i", qemu.topology(None, "512M,0", ""), "", {}, [])
        self.assertIn("node,nodeid=0,cpus=0-0,memdev=node0", args)
        self.assertIn("node,nodeid=1,cpus=1-1", args)

    def test_memory_of_the_callers_own(self):
        text = "memory-backend-file,id=node0,size=64M,mem-path=/x,share=on"
        args = qemu.command("amd64", "k", "i", qemu.topology(None, "64M,64M", "", [text]), "",
                            {}, [])
        objects = [args[i + 1] for i, word in enumerate(args) if word == "-object"]
        self.assertEqual(objects[0], text)
        self.assertIn("memory-backend-memfd,id=node1,", objects[1])
        for wrong in ([text, text], ["memory-backend-ram,id=node00"]):
            with self.assertRaises(GuestError, msg=wrong):
                qemu.topology(None, "64M,64M", "", wrong)


class ChannelTest(unittest.TestCase):
    MARK = b"\x01#m:"
    STREAM = b"one\x01\x01#two\x01#m:started\n\x01#m:status 3\n\x01x\x01#"

    def _feed(self, pieces):
        data, records = bytearray(), []
        demux = channel.Demux(self.MARK, data.extend, lambda r: records.append((len(data), r)))
        for piece in pieces:
            demux.feed(piece)
        demux.end()
        return bytes(data), records

    def test_any_division_gives_the_same(self):
        expected = (b"one\x01\x01#two\x01x\x01#", [(9, "started"), (9, "status 3")])
        stream = self.STREAM
        self.assertEqual(self._feed([stream]), expected)
        self.assertEqual(self._feed([stream[i:i + 1] for i in range(len(stream))]), expected)
        for cut in range(len(stream)):
            self.assertEqual(self._feed([stream[:cut], stream[cut:]]), expected)

    def test_data_is_passed_on_at_once(self):
        data = bytearray()
        demux = channel.Demux(b"\x01mark:", data.extend, None)
        demux.feed(b"hello\x01m")
        self.assertEqual(data, b"hello")


class DiskTest(unittest.TestCase):
    GRUB_CFG = """
    set linux_gfx_mode=keep
    menuentry 'Debian GNU/Linux' --class debian {
    \tsearch --no-floppy --fs-uuid --set=root 1-2
    \techo\t'Loading Linux 6.12 ...'
    \tlinux\t/boot/vmlinuz-6.12 root=UUID=1-2 ro  quiet dyndbg=\\"file\\ a.c\\ +p\\"
    \techo\t'Loading initial ramdisk ...'
    \tinitrd\t/boot/initrd.img-6.12
    }
    menuentry 'older' {
    \tlinux\t/boot/vmlinuz-6.1 root=UUID=1-2 ro
    \tinitrd\t/boot/initrd.img-6.1
    }
    """

    def test_first_entry_is_started(self):
        self.assertEqual(disk.first_entry(self.GRUB_CFG), disk.Entry(
            "/boot/vmlinuz-6.12", "/boot/initrd.img-6.12",
            'root=UUID=1-2 ro quiet dyndbg="file a.c +p"'))

    def test_initramfs_may_be_missing(self):
        self.assertEqual(disk.first_entry("  linux /vmlinuz\n}\n"),
                         disk.Entry("/vmlinuz", "", ""))

    def test_initramfs_of_the_next_entry_is_not_taken(self):
        self.assertEqual(disk.first_entry("linux /a\n}\nmenuentry x {\nlinux /b\ninitrd /c\n}"),
                         disk.Entry("/a", "", ""))

    def test_menu_without_a_kernel_is_refused(self):
        for text in ("", "menuentry x {\n}\n", "# linux /vmlinuz\n"):
            with self.assertRaises(GuestError, msg=text):
                disk.first_entry(text)


class InitramfsTest(unittest.TestCase):
    def test_pairs(self):
        self.assertEqual(initramfs.prog_pair("a/b/weir"), ("a/b/weir", "/usr/local/bin/weir"))
        self.assertEqual(initramfs.prog_pair("a/weir:/bin/w"), ("a/weir", "/bin/w"))
        self.assertEqual(initramfs.file_pair("/etc/x"), ("/etc/x", "/etc/x"))
        for text in ("a:b", ":/x", "a:"):
            with self.assertRaises(GuestError, msg=text):
                initramfs.file_pair(text)

    def test_settings_are_quoted(self):
        archive = cpio.Cpio()
        initramfs.add_run(archive, b"true\n", ["/tmp/a b/"], {"MARK": "\x01a 'b'"})
        entries = read_cpio(archive.bytes())
        self.assertEqual(entries["guest/settings"][1], b"MARK='\x01a '\"'\"'b'\"'\"''\n")
        self.assertEqual(entries["guest/get"][1], b"/tmp/a b\n")

    def test_odd_paths_to_get_are_refused(self):
        for path in ("tmp/x", "/", "/a\nb"):
            with self.assertRaises(GuestError, msg=path):
                initramfs.add_run(cpio.Cpio(), b"", [path], {})


def main():
    suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
    result = unittest.TextTestRunner(stream=sys.stdout).run(suite)
    failed = len(result.failures) + len(result.errors)
    skipped = len(result.skipped)
    text = f"{result.testsRun - failed - skipped} passed, {failed} failed"
    print(text + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
