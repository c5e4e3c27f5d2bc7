#!/usr/bin/env python3
"""test_mount.py WEIR: `weir mount` and `weir unmount` on the running kernel, in a mount
namespace of the test's own: what is mounted, what the kernel says of it, each reason not to,
and that nothing that somebody holds goes."""

import contextlib
import ctypes
import json
import mmap
import os
import subprocess
import sys
from pathlib import Path

import pools
import private
from pools import libc
from weir_live import (DONE, FAILED, M2, PARTLY, REFUSED, USAGE, WEIR, allocate, expect,
                       expect_words, free_pages, weir)

POOL = 16


def refused(*arguments, status, words):
    out, err = weir(*arguments, status=status)
    expect("stdout", out, "")
    expect_words(err, *words)


def mounts_at(path):
    """Options of what is mounted at a path, as the kernel tells them."""
    return [line.split(" - ")[1].split()[2].split(",")
            for line in Path("/proc/self/mountinfo").read_text().splitlines()
            if line.split()[4] == str(path) and " - hugetlbfs " in line]


@contextlib.contextmanager
def place(pages=POOL):
    pools.need([M2])
    with pools.saved_pools(), private.folder() as folder:
        pools.set_pool(M2, pages)
        pools.write(pools.size_dir(M2) / "nr_overcommit_hugepages", 0)
        yield Path(folder)


# --- mount -------------------------------------------------------------------------------

def mount_has_what_was_asked():
    with place() as folder:
        out, err = weir("mount", "2M", folder / "m", "--size", "8M", "--min-size", "2p",
                        "--mode", "1770", "--user", "nobody", "--group", "4242", "--inodes",
                        "10")
        expect("stderr", err, "")
        expect("lines", len([line for line in out.splitlines() if "restart" not in line]), 1)
        expect_words(out, f"mounted 2M pages at {folder}/m", "size 8M (4 pages)",
                     "min-size 4M (2 pages)", "mode 1770", "user 65534", "group 4242",
                     "at most 10 inodes")
        options = mounts_at(folder / "m")[0]
        for option in ("pagesize=2M", "mode=1770", "uid=65534", "gid=4242", "nr_inodes=10"):
            if option not in options:
                raise AssertionError(f"{option} is not in {options}")
        st = os.statvfs(folder / "m")
        expect("limit", (st.f_bsize, st.f_blocks), (M2, 4))
        expect("reserved", pools.read(pools.size_dir(M2) / "resv_hugepages"), 2)
        at = os.stat(folder / "m")
        expect("root directory", (at.st_mode & 0o7777, at.st_uid, at.st_gid),
               (0o1770, 65534, 4242))
        listed = json.loads(weir("mount", "--list", "--json")[0])["mounts"]
        here = next(m for m in listed if m["target"] == f"{folder}/m")
        expect("the list", (here["limit_bytes"], here["minimum_bytes"], here["mode"],
                            here["uid"], here["gid"], here["inodes"]),
               (4 * M2, 2 * M2, "1770", 65534, 4242, 10))
        expect_words(weir("mount", "--list")[0], f"{folder}/m", "MINIMUM", "USED", "1770")


def mount_makes_the_directory_and_takes_it_back():
    with place() as folder:
        old = os.umask(0o077)
        try:
            out = json.loads(weir("mount", "--json", "2M", folder / "new")[0])
        finally:
            os.umask(old)
        expect("result", (out["result"], out["made_directory"], out["differs"],
                          out["mount"]["page_bytes"]), ("mounted", True, None, M2))
        weir("unmount", folder / "new")
        expect("mode of the directory", os.stat(folder / "new").st_mode & 0o7777, 0o755)
        refused("mount", "2M", folder / "no/such/place", status=FAILED,
                words=["no/such/place", "No such file"])
        # mkdir works there, and mount is not allowed: no trace of it
        os.chmod(folder, 0o777)
        done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", WEIR, "mount",
                               "2M", folder / "theirs"], capture_output=True, text=True)
        expect("status without root", done.returncode, FAILED)
        expect_words(done.stderr, "CAP_SYS_ADMIN", "root")
        expect("directory", (folder / "theirs").exists(), False)


def declared(folder, *mounts):
    """`weir apply` of such mounts, of pages of 2M."""
    conf = folder / "pools.conf"
    conf.write_text("".join(f"[mount {path}]\npage-size = 2M\n{keys}" for path, keys in mounts))
    return ["apply", "--yes", "--state", folder / "state", conf]


def apply_makes_what_is_above_a_mount():
    with place() as folder:
        (folder / "there").mkdir(mode=0o700)
        (folder / "link").symlink_to(folder / "there")
        ask = declared(folder, (folder / "there/a/b/c", ""), (folder / "x/y", ""),
                       (folder / "link/z/q", "mode = 0700\n"))
        out, _ = weir(*ask, "--dry-run")
        expect_words(out, "would mount", folder / "link/z/q")
        expect("dry", sorted(os.listdir(folder / "there")), [])
        old = os.umask(0o077)
        try:
            weir(*ask)
        finally:
            os.umask(old)
        for path in ("there/a/b/c", "x/y", "there/z/q"):
            expect(f"mounts at {path}", len(mounts_at(folder / path)), 1)
        for path in ("there/a", "there/a/b", "x", "there/z"):
            expect(f"mode of {path}", os.stat(folder / path).st_mode & 0o7777, 0o755)
        expect("mode of what was there", os.stat(folder / "there").st_mode & 0o7777, 0o700)
        out, _ = weir(*ask)
        expect("again", "mounts pages" in out, False)


def apply_that_fails_leaves_no_directories():
    with place() as folder:
        (folder / "there").mkdir()
        # more pages than there are: seen before anything is made
        _, err = weir(*declared(folder, (folder / "there/a/b", "min-size = 64M\n")), status=PARTLY)
        expect_words(err, "missing")
        expect("looked at", os.listdir(folder / "there"), [])
        # mkdir works, and mount does not
        ask = declared(folder, (folder / "there/a/b/c", ""), (folder / "new/a", ""))
        _, err = weir(*ask, status=PARTLY, preexec_fn=lambda: libc.prctl(24, 21, 0, 0, 0))
        expect_words(err, "CAP_SYS_ADMIN", folder / "there/a/b/c", folder / "new/a")
        expect("what was made", os.listdir(folder / "there"), [])
        expect("what was made", (folder / "new").exists(), False)
        # what is no directory is in the way of one
        (folder / "there/file").write_text("")
        _, err = weir(*declared(folder, (folder / "there/file/a/b", "")), status=PARTLY)
        expect_words(err, "Not a directory")


def mount_names_who_has_to_be_told():
    with place() as folder:
        with private.process(lambda: libc.prctl(15, b"virtqemud")) as pid:  # PR_SET_NAME
            out = json.loads(weir("mount", "--json", "2M", folder / "m")[0])
            if out["restart"] != "libvirtd":  # this machine's own comes first
                expect("restart", out["restart"], "virtqemud")
            out, _ = weir("mount", "2M", folder / "n")
            expect_words(out, "restart it")
            if "libvirtd" not in out:
                expect_words(out, f"virtqemud ({pid})")


def mount_that_is_there():
    with place() as folder:
        weir("mount", "2M", folder / "m", "--size", "8M")
        out, _ = weir("mount", "2M", folder / "m", "--size", "4p")
        expect_words(out, "already mounted", "size 8M")
        expect("mounts", len(mounts_at(folder / "m")), 1)
        refused("mount", "2M", folder / "m", "--size", "10M", status=FAILED,
                words=["size=8M and not 10M", folder / "m"])
        refused("mount", "2M", folder / "m", status=FAILED, words=["size=8M and not none"])
        if pools.size_dir(1 << 30).is_dir():
            refused("mount", "1G", folder / "m", "--size", "1G", status=FAILED,
                    words=["pagesize=2M and not 1G"])
        expect("mounts", len(mounts_at(folder / "m")), 1)


def mount_of_no_sense():
    with place() as folder:
        there = folder / "m"
        cases = [
            (["3M", there], FAILED, ["no huge pages of 3M", "it has", "2M"]),
            (["2M", there, "--size", "1M"], USAGE, ["less than one page", "none"]),
            (["2M", there, "--size", "3M"], USAGE, ["down to 2M (1 page)"]),
            (["2M", there, "--min-size", "7M"], USAGE, ["down to 6M (3 pages)"]),
            (["2M", there, "--size", "2M", "--min-size", "4M"], USAGE, ["more than"]),
            (["2M", there, "--size", "1.5G"], USAGE, ["--size '1.5G'"]),
            (["2M", there, "--mode", "789"], USAGE, ["--mode '789'"]),
            (["2M", there, "--mode", "7777"], USAGE, ["up to 1777"]),
            (["2M", there, "--user", "no-such-user"], USAGE, ["no such user"]),
            (["2M", there, "--group", "no-such-group"], USAGE, ["no such group"]),
            (["2M", there, "--inodes", "1"], USAGE, ["root directory"]),
            (["two", there], USAGE, ["SIZE 'two'"]),
            ([], USAGE, ["SIZE?"]),
            (["2M", there, "more"], USAGE, ["more"]),
            (["--list", "2M"], USAGE, ["--list"]),
            (["2M", there, "--host", "/"], USAGE, ["--host"]),
        ]
        for arguments, status, words in cases:
            refused("mount", *arguments, status=status, words=words)
        expect("directory", there.exists(), False)


def mount_over_something():
    with place() as folder:
        (folder / "file").touch()
        refused("mount", "2M", folder / "file", status=FAILED, words=["no directory"])
        refused("mount", "2M", folder, status=REFUSED, words=["not empty", "1 name"])
        expect("mounts", mounts_at(folder), [])


def mount_with_a_name_of_another_size():
    pools.need([1 << 30])
    with place() as folder:
        out, err = weir("mount", "2M", folder / "huge-1G")
        expect_words(out, "mounted 2M")
        expect_words(err, "warning", "named for pages of 1G", "pages of 2M")
        _, err = weir("mount", "2M", folder / "holds-1G", "--size", "1G")
        expect("stderr", err, "")


def mount_with_a_minimum_that_is_not_there():
    with place() as folder:
        with pools.holder(M2, 6, 3):  # 3 in use, 3 reserved: 10 really free
            refused("mount", "2M", folder / "m", "--min-size", "11p", status=FAILED,
                    words=["11 pages", "10 of the pool are really free", "1 is missing"])
            refused("mount", "--dry-run", "2M", folder / "m", "--min-size", "11p",
                    status=FAILED, words=["1 is missing"])
            expect("directory", (folder / "m").exists(), False)
            weir("mount", "2M", folder / "m", "--min-size", "10p")
            weir("unmount", folder / "m")
            pools.write(pools.size_dir(M2) / "nr_overcommit_hugepages", 1)
            weir("mount", "2M", folder / "m", "--min-size", "11p")
            weir("unmount", folder / "m")


def mount_dry_run_changes_nothing():
    with place() as folder:
        out, _ = weir("mount", "--dry-run", "2M", folder / "m", "--size", "2p")
        expect_words(out, "would mount", "pagesize=2M,size=4M", "which it makes")
        expect("directory", (folder / "m").exists(), False)


# --- unmount -----------------------------------------------------------------------------

def unmount_names_who_holds():
    with place() as folder:
        weir("mount", "2M", folder / "m")
        (folder / "bind").mkdir()
        private.sh("mount", "--bind", folder / "m", folder / "bind")
        ways = {
            "open": lambda: allocate(folder / "m/f", 2),
            "mapped": lambda: mapped(folder / "m/f", mmap.MAP_SHARED),
            "private": lambda: mapped(folder / "m/f", mmap.MAP_PRIVATE),
            "elsewhere": lambda: allocate(folder / "bind/f", 2),
        }
        for way, make in ways.items():
            with private.process(make) as pid:
                refused("unmount", folder / "m", status=REFUSED,
                        words=["in use", folder, "/f", f"({pid})",
                               "maps it" if way in ("mapped", "private") else "open"])
                refused("unmount", "--dry-run", "--with-files", folder / "m",
                        status=REFUSED, words=[f"({pid})"])
            expect(f"mounts, {way}", len(mounts_at(folder / "m")), 1)
        with private.process(lambda: os.chdir(folder / "m")) as pid:
            refused("unmount", "--with-files", folder / "m", status=REFUSED,
                    words=[f"process {pid}", "working or root directory"])
        expect("file", os.listdir(folder / "m"), ["f"])


def mapped(path, flags):
    fd = allocate(path, 2)
    at = libc.mmap(None, 2 * M2, mmap.PROT_READ | mmap.PROT_WRITE, flags, fd, 0)
    if at == ctypes.c_void_p(-1).value:
        raise OSError(ctypes.get_errno(), "mmap")
    os.close(fd)


def unmount_with_files():
    with place() as folder:
        free = free_pages()
        weir("mount", "2M", folder / "m")
        (folder / "bind").mkdir()
        private.sh("mount", "--bind", folder / "m", folder / "bind")
        os.close(allocate(folder / "m/f", 3))
        os.close(allocate(folder / "m/g", 1))
        out, _ = weir("unmount", folder / "bind")  # the files stay
        expect_words(out, "stays mounted in 1 other place")
        refused("unmount", folder / "m", status=REFUSED,
                words=["2 files (4 pages)", "would be lost", "--with-files"])
        expect("free", free_pages(), free - 4)
        out, _ = weir("unmount", "--dry-run", "--with-files", folder / "m")
        expect_words(out, "would unmount", "2 files with 4 pages")
        expect("free", free_pages(), free - 4)
        out, _ = weir("unmount", "--with-files", folder / "m")
        expect_words(out, "unmounted", "2 files with 4 pages went with it")
        expect("free", free_pages(), free)
        # both mounts of one file system: then it goes
        weir("mount", "2M", folder / "m")
        private.sh("mount", "--bind", folder / "m", folder / "bind")
        os.close(allocate(folder / "m/f", 1))
        refused("unmount", folder / "m", folder / "bind", status=REFUSED,
                words=["1 file (1 page)", "nothing was unmounted"])
        expect("mounts", len(mounts_at(folder / "m") + mounts_at(folder / "bind")), 2)
        weir("unmount", "--with-files", folder / "m", folder / "bind")
        expect("free", free_pages(), free)


def unmount_of_something_else():
    with place() as folder:
        (folder / "tmpfs").mkdir()
        private.sh("mount", "-t", "tmpfs", "none", folder / "tmpfs")
        refused("unmount", folder / "tmpfs", status=REFUSED, words=["tmpfs", "no hugetlbfs"])
        refused("unmount", folder, status=FAILED, words=["nothing is mounted"])
        refused("unmount", folder / "gone", status=FAILED, words=["No such file"])
        refused("unmount", status=USAGE, words=["DIR?"])
        weir("mount", "2M", folder / "m")
        refused("unmount", folder / "m", folder / "m", status=USAGE, words=["twice"])
        (folder / "m/below").mkdir()
        private.sh("mount", "-t", "tmpfs", "none", folder / "m/below")
        refused("unmount", folder / "m", status=REFUSED, words=["below", folder / "m/below"])


def without_root():
    with place() as folder:
        weir("mount", "2M", folder / "m")
        for arguments in (["mount", "2M", folder / "m2"], ["unmount", folder / "m"]):
            done = subprocess.run(["setpriv", "--reuid=65534", "--clear-groups", WEIR,
                                   *map(str, arguments)], capture_output=True, text=True)
            expect(f"status of {arguments[0]}", done.returncode, FAILED)
            expect_words(done.stderr, "CAP_SYS_ADMIN")
        expect("mounts", len(mounts_at(folder / "m")), 1)


def a_closed_pipe_is_no_success():
    with place() as folder:
        read, write = os.pipe()
        os.close(read)
        done = subprocess.run([WEIR, "mount", "--dry-run", "2M", str(folder / "m")],
                              stdout=write, stderr=subprocess.PIPE, text=True)
        os.close(write)
        expect("success", done.returncode == DONE, False)


def main():
    tests = [mount_has_what_was_asked, mount_makes_the_directory_and_takes_it_back,
             apply_makes_what_is_above_a_mount, apply_that_fails_leaves_no_directories,
             mount_names_who_has_to_be_told, mount_that_is_there, mount_of_no_sense, mount_over_something,
             mount_with_a_name_of_another_size, mount_with_a_minimum_that_is_not_there,
             mount_dry_run_changes_nothing, unmount_names_who_holds, unmount_with_files,
             unmount_of_something_else, without_root, a_closed_pipe_is_no_success]
    try:
        private.enter()
    except pools.Skip as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    return pools.run_tests(tests)


if __name__ == "__main__":
    sys.exit(main())
