"""cases: VMs, the hosts they are to start on, and what QEMU 7.2 does there.

A VM is of 64 MiB, 32 pages of 2M, where the case is not about its size.
"""

from dataclasses import dataclass, field
from typing import Optional, Sequence

VM = 32  # pages of a VM of 64M
NOBODY = 65534  # a user without rights

# the two that most failures end with: the mapping is refused, or a page that it needs
NO_PAGES = "unable to map backing store for guest RAM: Cannot allocate memory"
BAD_ADDRESS = "qemu_prealloc_mem: preallocating memory failed: Bad address"


@dataclass
class Case:
    name: str
    vms: list          # arguments of QEMU, one VM after the other; the last is looked at
    # --- the host; {m}, {g}: mounts of mounts, {d}: an ordinary directory
    pool: int = VM     # pages of 2M
    pool_1g: Optional[int] = None  # None: no matter
    overcommit: int = 0
    mounts: dict = field(default_factory=dict)  # name -> options
    files: Sequence = ()     # (path, pages of its size, pages allocated)
    holders: Sequence = ()   # (pages mapped, of them touched) of another process
    shrink: Optional[int] = None  # nr_hugepages when all holders are there
    group: dict = field(default_factory=dict)   # file of the cgroup of all -> 2M pages
    group_below: bool = False  # all run in a group below it that has no limits
    memlock: Optional[int] = None  # RLIMIT_MEMLOCK in bytes, without CAP_IPC_LOCK
    user: int = 0      # of QEMU and weir
    small_host: bool = False  # only where RAM and swap are below 48 GiB, and
    #                           vm.overcommit_memory is 0
    running: int = 0         # of vms, those that run before weir is asked
    # --- what QEMU does
    fails: Optional[str] = None    # in its stderr; None: it starts
    shows: Optional[tuple] = None  # (free, reserved) 2M pages when all have started
    shows_1g: Optional[tuple] = None
    then: Optional[tuple] = None   # a holder that comes after that
    dies: bool = False     # by SIGBUS, when its memory is used
    unused: bool = False   # its memory is not used by the test
    # --- what weir may say beyond what follows from that
    twice: bool = False   # takes pages a second time
    or_but: bool = False  # nothing is wrong, and a warning is not wrong either
    words_wrong: bool = False  # the words themselves are: exit status 2 is an answer

    @property
    def needs_1g(self):
        return self.pool_1g is not None

    def verdicts(self):
        """What weir may say."""
        if self.fails:
            return ("no",)
        if self.dies and self.then:
            return ("yes", "but")  # what comes after the start is not known before it
        if self.twice or self.dies:
            return ("but",)
        return ("yes", "but") if self.or_but else ("yes",)


def ram(size="64M"):
    """The machine's RAM is the backend r."""
    return f"-m {size} -machine q35,memory-backend=r "


def memfd(more="", size="64M", ident="r"):
    """A backend of a memfd with huge pages of the default size."""
    more = "," + more if more else ""
    return f"-object memory-backend-memfd,id={ident},size={size},hugetlb=on{more} "


def file(path, more="", size="64M", ident="r"):
    more = "," + more if more else ""
    return f"-object memory-backend-file,id={ident},size={size},mem-path={path}{more} "


def anon(more="", size="64M", ident="r"):
    more = "," + more if more else ""
    return f"-object memory-backend-ram,id={ident},size={size}{more} "


PLAIN = "-m 64M -machine q35"
MEMFD = ram() + memfd()
FILE = ram() + file("{m}")
JSON_MEMFD = ('-object {{"qom-type":"memory-backend-memfd","id":"r","hugetlb":true,'
              '"hugetlbsize":2097152,"share":true,"prealloc":true,"size":67108864}} ')
CONTEXT = ram() + memfd("prealloc=on,prealloc-context=t")
MEM_PATH = "-m 64M -machine q35 -mem-path {m}"
ON = {"m": "pagesize=2M"}
ON_1G = {"g": "pagesize=1G"}
VMEM = "-m 64M,slots=2,maxmem=512M -machine q35 "


def vmem(backend="reserve=off", device="requested-size=32M", size="64M"):
    """A virtio-mem device beside 64 MiB of anonymous RAM."""
    return (VMEM + memfd(backend, size, "v") +
            f"-device virtio-mem-pci,id=vm0,memdev=v,{device}")


def numa(*backends):
    """A node for each (backend, id)."""
    words = f"-m {64 * len(backends)}M -machine q35 "
    for node, (backend, ident) in enumerate(backends):
        words += backend + f"-numa node,nodeid={node},memdev={ident} "
    return words


def one(name, args, **host):
    return Case(name, [args], **host)


CASES = [
    # --- memory that needs no pool
    one("plain", PLAIN, pool=0),
    one("plain, empty command line", "", pool=0),
    one("plain, machine pc", "-m 64M -machine pc", pool=0),
    one("plain with an unused pool", PLAIN, shows=(VM, 0)),
    one("memory-backend-ram", ram() + anon(), pool=0),
    one("memory-backend-ram shared", ram() + anon("share=on"), pool=0),
    one("memory-backend-ram prealloc", ram() + anon("prealloc=on"), pool=0),
    one("-mem-prealloc without -mem-path", PLAIN + " -mem-prealloc", pool=0),
    one("memfd without hugetlb", ram() + "-object memory-backend-memfd,id=r,size=64M",
        pool=0),
    one("-mem-path an ordinary directory", "-m 64M -machine q35 -mem-path {d}", pool=0),
    one("file in an ordinary directory", ram() + file("{d}/f", "share=on"), pool=0),
    one("anonymous RAM larger than the machine", "-m 1T -machine q35", pool=0,
        small_host=True,
        fails="cannot set up guest memory 'pc.ram': Cannot allocate memory"),
    one("anonymous RAM larger than the machine, reserve=off",
        ram("64G") + anon("reserve=off", "64G"), pool=0, small_host=True, unused=True,
        or_but=True),
    one("anonymous RAM larger than the machine, 64G", "-m 64G -machine q35", pool=0,
        small_host=True,
        fails="cannot set up guest memory 'pc.ram': Cannot allocate memory"),
    one("-m larger than the address space", "-m 1E -machine q35", pool=0,
        fails="cannot set up guest memory 'pc.ram': Cannot allocate memory", words_wrong=True),
    one("-m larger than the host's address space", "-m 200T -machine q35", pool=0,
        fails="cannot set up guest memory 'pc.ram': Cannot allocate memory"),
    one("-m larger than size_t", "-m 16E -machine q35", pool=0,
        fails="Value '16E' is out of range for parameter 'size'", words_wrong=True),
    one("-m 0", "-m 0 -machine q35", pool=0, words_wrong=True),
    one("-m in bytes", "-m 67108864B -machine q35 -mem-path {m}", mounts=ON,
        shows=(VM, VM)),
    one("-m no number", "-m many -machine q35", pool=0,
        fails="Parameter 'size' expects a non-negative number below 2^64", words_wrong=True),
    one("tmpfs too small, prealloc", ram() + file("{t}", "share=on,prealloc=on"), pool=0,
        mounts={"t": "size=32M"}, fails=BAD_ADDRESS),
    one("tmpfs too small", ram() + file("{t}", "share=on"), pool=0,
        mounts={"t": "size=32M"}, dies=True),

    # --- memfd, 2M
    one("memfd", MEMFD, shows=(VM, VM)),
    one("memfd, machine pc", "-m 64M -machine pc,memory-backend=r " + memfd(),
        shows=(VM, VM)),
    one("memfd, options in another order",
        memfd() + "-machine memory-backend=r,type=q35 -m size=64M", shows=(VM, VM)),
    one("memfd in JSON", ram() + JSON_MEMFD, shows=(0, 0)),
    one("memfd in JSON, one page short", ram() + JSON_MEMFD, pool=VM - 1, fails=NO_PAGES),
    one("property that there is not", ram() + memfd("hugepages=on"),
        fails="Invalid parameter 'hugepages'", words_wrong=True),
    one("property without a meaning", ram() + memfd("share=perhaps"),
        fails="Parameter 'share' expects 'on' or 'off'", words_wrong=True),
    one("two backends of one id", ram() + memfd() + memfd(), pool=2 * VM,
        fails="Duplicate ID 'r' for object", words_wrong=True),
    one("memfd, pool larger", MEMFD, pool=VM + 8, shows=(VM + 8, VM)),
    one("memfd, one page short", MEMFD, pool=VM - 1, fails=NO_PAGES),
    one("memfd, no pool", MEMFD, pool=0, fails=NO_PAGES),
    one("memfd share=off", ram() + memfd("share=off"), shows=(VM, VM)),
    one("memfd share=off, one page short", ram() + memfd("share=off"), pool=VM - 1,
        fails=NO_PAGES),
    one("memfd prealloc", ram() + memfd("prealloc=on"), shows=(0, 0)),
    one("memfd prealloc with 2 threads", ram() + memfd("prealloc=on,prealloc-threads=2"),
        shows=(0, 0)),
    one("memfd prealloc, one page short", ram() + memfd("prealloc=on"), pool=VM - 1,
        fails=NO_PAGES),
    one("memfd prealloc share=off", ram() + memfd("prealloc=on,share=off"), shows=(0, 0)),
    one("memfd reserve=off", ram() + memfd("reserve=off"), shows=(VM, 0), or_but=True),
    one("memfd reserve=off, one page short", ram() + memfd("reserve=off"), pool=VM - 1,
        shows=(VM - 1, 0), dies=True),
    one("memfd reserve=off, no pool", ram() + memfd("reserve=off"), pool=0, dies=True),
    one("memfd reserve=off share=off, one page short",
        ram() + memfd("reserve=off,share=off"), pool=VM - 1, shows=(VM - 1, 0), dies=True),
    one("memfd reserve=off, pages taken after the start", ram() + memfd("reserve=off"),
        shows=(VM, 0), then=(1, 1), dies=True),
    one("memfd, reserved, others come after the start", MEMFD, pool=VM + 1,
        shows=(VM + 1, VM), then=(1, 1)),
    one("prealloc=on with reserve=off", ram() + memfd("prealloc=on,reserve=off"),
        fails="'prealloc=on' and 'reserve=off' are incompatible", words_wrong=True),
    one("-mem-prealloc with reserve=off", ram() + memfd("reserve=off") + "-mem-prealloc",
        fails="'prealloc=on' and 'reserve=off' are incompatible", words_wrong=True),
    one("memfd of a user without rights", MEMFD, user=NOBODY, shows=(VM, VM)),
    one("memfd hugetlbsize=2M", ram() + memfd("hugetlbsize=2M"), shows=(VM, VM)),
    one("memfd hugetlbsize=16M, which the host has not", ram() + memfd("hugetlbsize=16M"),
        fails="failed to create memfd with flags 0x60000007: No such device"),
    one("memfd hugetlbsize=3M", ram() + memfd("hugetlbsize=3M"),
        fails="Hugepage size must be a power of 2", words_wrong=True),
    one("hugetlbsize without hugetlb",
        ram() + "-object memory-backend-memfd,id=r,size=64M,hugetlbsize=2M", shows=(VM, 0)),
    one("memfd size no multiple of the page", ram("63M") + memfd(size="63M"),
        fails="failed to resize memfd to 66060288: Invalid argument"),
    one("memfd size no multiple, one page short", ram("63M") + memfd(size="63M"),
        pool=VM - 1, fails="failed to resize memfd to 66060288: Invalid argument"),
    one("memfd smaller than a page", ram("1M") + memfd(size="1M"), pool=1,
        fails="failed to resize memfd to 1048576: Invalid argument"),
    one("memfd of size 0", PLAIN + " " + memfd(size="0"),
        fails="property 'size' of memory-backend-memfd doesn't take value '0'", words_wrong=True),
    one("memfd without size", PLAIN + " -object memory-backend-memfd,id=r,hugetlb=on",
        fails="Parameter 'size' is missing", words_wrong=True),
    one("backend that no one uses", PLAIN + " " + memfd(), shows=(VM, VM)),
    one("backend that no one uses, one page short", PLAIN + " " + memfd(), pool=VM - 1,
        fails=NO_PAGES),
    one("no such memory-backend", ram() + memfd(ident="other"),
        fails="Memory backend 'r' not found", words_wrong=True),
    one("-m is not the backend's size", ram("128M") + memfd(), pool=2 * VM,
        fails="Machine memory size does not match the size of the memory backend", words_wrong=True),
    one("size from the backend, no -m",
        "-machine q35,memory-backend=r " + memfd("", "256M"), pool=4 * VM,
        shows=(4 * VM, 4 * VM), or_but=True),
    one("-mem-path beside memory-backend", MEMFD + "-mem-path {m}", mounts=ON, pool=2 * VM,
        fails="'-mem-path' can't be used together with'-machine memory-backend'", words_wrong=True),

    # --- files on hugetlbfs
    one("file in a directory", FILE, mounts=ON, shows=(VM, VM)),
    one("file in a directory, one page short", FILE, mounts=ON, pool=VM - 1,
        fails=NO_PAGES),
    one("file share=on", ram() + file("{m}", "share=on"), mounts=ON, shows=(VM, VM)),
    one("file share=on prealloc", ram() + file("{m}", "share=on,prealloc=on"), mounts=ON,
        shows=(0, 0)),
    one("file prealloc", ram() + file("{m}", "prealloc=on"), mounts=ON, shows=(0, 0)),
    one("file share=on, one page short", ram() + file("{m}", "share=on"), mounts=ON,
        pool=VM - 1, fails=NO_PAGES),
    one("file reserve=off, one page short", ram() + file("{m}", "reserve=off"), mounts=ON,
        pool=VM - 1, shows=(VM - 1, 0), dies=True),
    one("file share=on reserve=off, one page short",
        ram() + file("{m}", "share=on,reserve=off"), mounts=ON, pool=VM - 1,
        shows=(VM - 1, 0), dies=True),
    one("-mem-path", MEM_PATH, mounts=ON, shows=(VM, VM)),
    one("-mem-path, one page short", MEM_PATH, mounts=ON, pool=VM - 1, fails=NO_PAGES),
    one("-mem-path -mem-prealloc", MEM_PATH + " -mem-prealloc", mounts=ON, shows=(0, 0)),
    one("-mem-path -mem-prealloc, one page short", MEM_PATH + " -mem-prealloc", mounts=ON,
        pool=VM - 1, fails=NO_PAGES),
    one("-mem-path does not exist", "-m 64M -machine q35 -mem-path {m}/no/such", mounts=ON,
        fails="can't open backing store {m}/no/such for guest RAM: "
              "No such file or directory"),
    one("-mem-path size no multiple", "-m 63M -machine q35 -mem-path {m}", mounts=ON,
        shows=(VM, VM)),
    one("-mem-path smaller than a page", "-m 1M -machine q35 -mem-path {m}", mounts=ON,
        fails="memory size 0x100000 must be equal to or larger than page size 0x200000"),
    one("path does not exist", ram() + file("{m}/no/such", "share=on"), mounts=ON,
        fails="can't open backing store {m}/no/such for guest RAM: "
              "No such file or directory"),
    one("file that is to be made", ram() + file("{m}/f", "share=on"), mounts=ON,
        shows=(VM, VM)),
    one("file of the right size, empty", ram() + file("{m}/f", "share=on"), mounts=ON,
        files=[("{m}/f", VM, 0)], shows=(VM, VM)),
    one("file of the right size, full", ram() + file("{m}/f", "share=on"), mounts=ON,
        files=[("{m}/f", VM, VM)], shows=(0, 0)),
    one("file full, prealloc", ram() + file("{m}/f", "share=on,prealloc=on"), mounts=ON,
        files=[("{m}/f", VM, VM)], shows=(0, 0)),
    one("file half full", ram() + file("{m}/f", "share=on"), mounts=ON,
        files=[("{m}/f", VM, VM // 2)], shows=(VM // 2, VM // 2)),
    one("file half full, one page short", ram() + file("{m}/f", "share=on"), mounts=ON,
        files=[("{m}/f", VM, VM // 2)], pool=VM - 1, fails=NO_PAGES),
    one("file full, share=off, pool for once", ram() + file("{m}/f"), mounts=ON,
        files=[("{m}/f", VM, VM)], fails=NO_PAGES),
    one("file full, share=off, pool for twice", ram() + file("{m}/f"), mounts=ON,
        files=[("{m}/f", VM, VM)], pool=2 * VM, shows=(VM, VM), twice=True),
    one("file full, share=off prealloc, pool for twice",
        ram() + file("{m}/f", "prealloc=on"), mounts=ON, files=[("{m}/f", VM, VM)],
        pool=2 * VM, shows=(0, 0), twice=True),
    one("file full, share=off reserve=off, pool for once",
        ram() + file("{m}/f", "reserve=off"), mounts=ON, files=[("{m}/f", VM, VM)],
        shows=(0, 0), dies=True),
    one("file full, share=off reserve=off prealloc by property",
        ram() + file("{m}/f", "reserve=off") + "-mem-prealloc", mounts=ON,
        files=[("{m}/f", VM, VM)],
        fails="'prealloc=on' and 'reserve=off' are incompatible", words_wrong=True),
    one("file too small", ram() + file("{m}/f", "share=on"), mounts=ON,
        files=[("{m}/f", VM - 1, 0)],
        fails="backing store size 0x3e00000 does not match 'size' option 0x4000000"),
    one("file too large", ram() + file("{m}/f", "share=on"), mounts=ON,
        files=[("{m}/f", VM + 8, 0)], shows=(VM, VM)),
    one("file too large and full, no page free", ram() + file("{m}/f", "share=on"),
        mounts=ON, files=[("{m}/f", VM + 8, VM + 8)], pool=VM + 8, shows=(0, 0)),
    one("file full, readonly", ram() + file("{m}/f", "share=on,readonly=on"), mounts=ON,
        files=[("{m}/f", VM, VM)], shows=(0, 0)),
    one("file to be made, readonly", ram() + file("{m}/f", "share=on,readonly=on"),
        mounts=ON, shows=(VM, VM)),
    one("directory, discard-data", ram() + file("{m}", "share=on,discard-data=on"),
        mounts=ON, shows=(VM, VM)),
    one("align of two pages", ram() + file("{m}", "share=on,align=4M"), mounts=ON,
        shows=(VM, VM)),
    one("align of half a page", ram() + file("{m}", "share=on,align=1M"), mounts=ON,
        fails="alignment 0x100000 must be multiples of page size 0x200000", words_wrong=True),
    one("size no multiple of the page, file", ram("63M") + file("{m}", "share=on", "63M"),
        mounts=ON, shows=(VM, VM)),
    one("mount that a user may not write", FILE, mounts={"m": "pagesize=2M,mode=0755"},
        user=NOBODY, fails="can't open backing store {m} for guest RAM: Permission denied"),
    one("mount that a user may write", FILE, mounts={"m": "pagesize=2M,mode=1777"},
        user=NOBODY, shows=(VM, VM)),
    one("mount that is read-only", FILE, mounts={"m": "pagesize=2M,ro"},
        fails="can't open backing store {m} for guest RAM: Read-only file system"),
    one("-mem-path size no multiple, one page short", "-m 63M -machine q35 -mem-path {m}",
        mounts=ON, pool=VM - 1, fails=NO_PAGES),
    one("file full, share=off reserve=off, pages for half of a copy",
        ram() + file("{m}/f", "reserve=off"), mounts=ON, files=[("{m}/f", VM, VM)],
        pool=VM + VM // 2, shows=(VM // 2, 0), dies=True),
    one("file without mem-path", PLAIN + " -object memory-backend-file,id=r,size=64M",
        fails="Parameter 'mem-path' is missing", words_wrong=True),

    # --- limits of mounts
    one("mount of the right size", FILE, mounts={"m": "pagesize=2M,size=64M"}, pool=VM + 8,
        shows=(VM + 8, VM)),
    one("mount one page short", FILE, mounts={"m": "pagesize=2M,size=62M"}, pool=VM + 8,
        fails=NO_PAGES),
    one("mount one page short, share=on", ram() + file("{m}", "share=on"),
        mounts={"m": "pagesize=2M,size=62M"}, pool=VM + 8, fails=NO_PAGES),
    one("mount one page short, share=on prealloc",
        ram() + file("{m}", "share=on,prealloc=on"), mounts={"m": "pagesize=2M,size=62M"},
        pool=VM + 8, fails=NO_PAGES),
    one("mount one page short, reserve=off", ram() + file("{m}", "share=on,reserve=off"),
        mounts={"m": "pagesize=2M,size=62M"}, pool=VM + 8, shows=(VM + 8, 0), dies=True),
    one("mount with a file in it, one page short", ram() + file("{m}", "share=on"),
        mounts={"m": "pagesize=2M,size=64M"}, files=[("{m}/other", 1, 1)], pool=VM + 8,
        fails=NO_PAGES),
    one("mount without inodes", FILE, mounts={"m": "pagesize=2M,nr_inodes=1"},
        fails="can't open backing store {m} for guest RAM: No space left on device"),
    one("minimum of this mount", FILE, mounts={"m": "pagesize=2M,min_size=64M"},
        shows=(VM, VM)),
    one("minimum of this mount covers a part", FILE,
        mounts={"m": "pagesize=2M,min_size=32M"}, shows=(VM, VM)),
    one("minimum of another mount, exact", FILE,
        mounts={"m": "pagesize=2M", "n": "pagesize=2M,min_size=8M"}, pool=VM + 4,
        shows=(VM + 4, VM + 4)),
    one("minimum of another mount, one page short", FILE,
        mounts={"m": "pagesize=2M", "n": "pagesize=2M,min_size=8M"}, pool=VM + 3,
        fails=NO_PAGES),
    one("minimum of this mount, memfd", MEMFD, mounts={"m": "pagesize=2M,min_size=2M"},
        fails=NO_PAGES),

    # --- other holders
    one("another process touched, exact", MEMFD, pool=VM + 8, holders=[(8, 8)],
        shows=(VM, VM)),
    one("another process touched, one page short", MEMFD, pool=VM + 7, holders=[(8, 8)],
        fails=NO_PAGES),
    one("another process reserved, exact", MEMFD, pool=VM + 8, holders=[(8, 0)],
        shows=(VM + 8, VM + 8)),
    one("another process reserved, one page short", MEMFD, pool=VM + 7, holders=[(8, 0)],
        fails=NO_PAGES),
    one("another process reserved, prealloc, one page short", ram() + memfd("prealloc=on"),
        pool=VM + 7, holders=[(8, 3)], fails=NO_PAGES),
    one("another process reserved, reserve=off, one page short",
        ram() + memfd("reserve=off"), pool=VM + 7, holders=[(8, 2)], shows=(VM + 5, 6),
        dies=True),
    one("a file without a process, one page short", FILE, mounts=ON,
        files=[("{m}/old", 8, 8)], pool=VM + 7, fails=NO_PAGES),
    one("shrunk below use, surplus, nothing free", MEMFD, pool=VM + 8, holders=[(8, 8)],
        shrink=8, fails=NO_PAGES),
    one("shrunk below reservation", MEMFD, pool=VM + 8, holders=[(8, 0)], shrink=VM + 7,
        fails=NO_PAGES),
    one("free pages all reserved", ram() + memfd(), pool=VM, holders=[(VM, 0)],
        fails=NO_PAGES),

    # --- overcommit
    one("overcommit suffices", MEMFD, pool=VM - 4, overcommit=4, shows=(VM, VM)),
    one("overcommit one short", MEMFD, pool=VM - 4, overcommit=3, fails=NO_PAGES),
    one("overcommit alone", MEMFD, pool=0, overcommit=VM, shows=(VM, VM)),
    one("overcommit alone, prealloc", ram() + memfd("prealloc=on"), pool=0, overcommit=VM,
        shows=(0, 0)),
    one("overcommit, reserve=off", ram() + memfd("reserve=off"), pool=VM - 4, overcommit=4,
        shows=(VM - 4, 0), or_but=True),
    one("overcommit one short, reserve=off", ram() + memfd("reserve=off"), pool=VM - 4,
        overcommit=3, shows=(VM - 4, 0), dies=True),
    one("overcommit with surplus in use", MEMFD, pool=VM + 8, holders=[(8, 8)], shrink=4,
        overcommit=VM + 4, shows=(VM, VM)),
    one("overcommit with surplus in use, one short", MEMFD, pool=VM + 8, holders=[(8, 8)],
        shrink=4, overcommit=VM + 3, fails=NO_PAGES),

    # --- cgroup v2
    one("hugetlb.max exact", MEMFD, group={"hugetlb.2MB.max": VM}, pool=VM + 8,
        shows=(VM + 8, VM)),
    one("hugetlb.max one page short", MEMFD, group={"hugetlb.2MB.max": VM - 1}, pool=VM + 8,
        shows=(VM + 8, VM), dies=True),
    one("hugetlb.max one page short, prealloc", ram() + memfd("prealloc=on"),
        group={"hugetlb.2MB.max": VM - 1}, pool=VM + 8, fails=BAD_ADDRESS),
    one("hugetlb.max exact, prealloc", ram() + memfd("prealloc=on"),
        group={"hugetlb.2MB.max": VM}, pool=VM + 8, shows=(8, 0)),
    one("rsvd.max exact", MEMFD, group={"hugetlb.2MB.rsvd.max": VM}, pool=VM + 8,
        shows=(VM + 8, VM)),
    one("rsvd.max one page short", MEMFD, group={"hugetlb.2MB.rsvd.max": VM - 1},
        pool=VM + 8, fails=NO_PAGES),
    one("rsvd.max one page short, share=off", ram() + memfd("share=off"),
        group={"hugetlb.2MB.rsvd.max": VM - 1}, pool=VM + 8, fails=NO_PAGES),
    one("rsvd.max one page short, prealloc", ram() + memfd("prealloc=on"),
        group={"hugetlb.2MB.rsvd.max": VM - 1}, pool=VM + 8, fails=NO_PAGES),
    one("rsvd.max one page short, reserve=off", ram() + memfd("reserve=off"),
        group={"hugetlb.2MB.rsvd.max": VM - 1}, pool=VM + 8, shows=(VM + 8, 0), dies=True),
    one("rsvd.max, others of the group, exact", MEMFD, pool=VM + 8, holders=[(2, 0)],
        group={"hugetlb.2MB.rsvd.max": VM + 2}, shows=(VM + 8, VM + 2)),
    one("rsvd.max, others of the group, one page short", MEMFD, pool=VM + 8,
        holders=[(2, 0)], group={"hugetlb.2MB.rsvd.max": VM + 1}, fails=NO_PAGES),
    one("hugetlb.max, others of the group, one page short", MEMFD, pool=VM + 8,
        holders=[(2, 1)], group={"hugetlb.2MB.max": VM}, shows=(VM + 7, VM + 1), dies=True),
    one("rsvd.max of the group above, one page short", MEMFD, pool=VM + 8,
        group={"hugetlb.2MB.rsvd.max": VM - 1}, group_below=True, fails=NO_PAGES),
    one("hugetlb.max of the group above, one page short, prealloc",
        ram() + memfd("prealloc=on"), pool=VM + 8, group={"hugetlb.2MB.max": VM - 1},
        group_below=True, fails=BAD_ADDRESS),
    one("hugetlb.max one page short, mem-lock", MEMFD + "-overcommit mem-lock=on",
        pool=VM + 8, group={"hugetlb.2MB.max": VM - 1}, shows=(9, 1), dies=True),
    one("rsvd.max one page short, full file", ram() + file("{m}/f", "share=on"), mounts=ON,
        files=[("{m}/f", VM, VM)], group={"hugetlb.2MB.rsvd.max": VM - 1}, shows=(0, 0)),
    one("hugetlb.max 0, full file", ram() + file("{m}/f", "share=on"), mounts=ON,
        files=[("{m}/f", VM, VM)], group={"hugetlb.2MB.max": 0}, shows=(0, 0)),

    # --- several nodes
    one("two guest nodes", numa((memfd(ident="a"), "a"), (memfd(ident="b"), "b")),
        pool=2 * VM, shows=(2 * VM, 2 * VM)),
    one("two guest nodes, one page short",
        numa((memfd(ident="a"), "a"), (memfd(ident="b"), "b")), pool=2 * VM - 1,
        fails=NO_PAGES),
    one("two guest nodes, memfd and file",
        numa((memfd("prealloc=on", ident="a"), "a"),
             (file("{m}", "share=on", ident="b"), "b")),
        mounts=ON, pool=2 * VM, shows=(VM, VM)),
    one("two guest nodes, huge and anonymous",
        numa((memfd(ident="a"), "a"), (anon(ident="b"), "b")), pool=VM, shows=(VM, VM)),
    one("two guest nodes, first preallocated, one page short",
        numa((memfd("prealloc=on", ident="a"), "a"), (memfd(ident="b"), "b")),
        pool=2 * VM - 1, fails=NO_PAGES),
    one("two guest nodes on one file",
        numa((file("{m}/f", "share=on", ident="a"), "a"),
             (file("{m}/f", "share=on", ident="b"), "b")),
        mounts=ON, shows=(VM, VM), or_but=True),
    one("guest nodes that are not the sum",
        "-m 96M -machine q35 " + memfd(ident="a") + "-numa node,nodeid=0,memdev=a",
        pool=2 * VM,
        fails="total memory for NUMA nodes (0x4000000) should equal RAM size (0x6000000)", words_wrong=True),
    one("guest nodes by mem=", PLAIN + " -numa node,nodeid=0,mem=64M",
        fails="Parameter -numa node,mem is not supported by this machine type", words_wrong=True),
    one("guest nodes without memdev, -mem-path",
        "-m 64M -machine q35 -mem-path {m} -numa node,nodeid=0 -numa node,nodeid=1",
        mounts=ON,
        fails="total memory for NUMA nodes (0x0) should equal RAM size (0x4000000)", words_wrong=True),
    one("bound to node 0", ram() + memfd("host-nodes=0,policy=bind"), shows=(VM, VM)),
    one("bound to node 0, prealloc", ram() + memfd("host-nodes=0,policy=bind,prealloc=on"),
        shows=(0, 0)),
    one("bound to node 0, one page short", ram() + memfd("host-nodes=0,policy=bind"),
        pool=VM - 1, fails=NO_PAGES),
    one("bound to node 1, which does not exist", ram() + memfd("host-nodes=1,policy=bind"),
        fails="cannot bind memory to host NUMA nodes: Invalid argument"),
    one("bound to nodes 0 and 1", ram() + memfd("host-nodes=0-1,policy=bind"),
        shows=(VM, VM)),
    one("preferred node 1, which does not exist",
        ram() + memfd("host-nodes=1,policy=preferred"),
        fails="cannot bind memory to host NUMA nodes: Invalid argument"),
    one("interleaved on node 0", ram() + memfd("host-nodes=0,policy=interleave"),
        shows=(VM, VM)),
    one("host-nodes without policy", ram() + memfd("host-nodes=0"),
        fails="host-nodes must be empty for policy default, or you should explicitly "
              "specify a policy other than default", words_wrong=True),
    one("policy without host-nodes", ram() + memfd("policy=bind"),
        fails="host-nodes must be set for policy bind", words_wrong=True),
    one("node 200", ram() + memfd("host-nodes=200,policy=bind"),
        fails="Invalid host-nodes value: 200", words_wrong=True),
    one("anonymous bound to node 1", ram() + anon("host-nodes=1,policy=bind"), pool=0,
        fails="cannot bind memory to host NUMA nodes: Invalid argument"),
    one("thread-context on node 0",
        "-object thread-context,id=t,node-affinity=0 " + CONTEXT,
        shows=(0, 0)),
    one("thread-context on node 1",
        "-object thread-context,id=t,node-affinity=1 " + CONTEXT,
        fails="The nodes select no CPUs", words_wrong=True),

    # --- 1G pages
    one("1G memfd", ram("1G") + memfd("hugetlbsize=1G", "1G"), pool_1g=1, shows_1g=(1, 1)),
    one("1G memfd, no pool", ram("1G") + memfd("hugetlbsize=1G", "1G"), pool_1g=0, pool=512,
        fails=NO_PAGES),
    one("1G memfd, half a page", ram("512M") + memfd("hugetlbsize=1G", "512M"), pool_1g=1,
        fails="failed to resize memfd to 536870912: Invalid argument"),
    one("1G memfd, one and a half", ram("1536M") + memfd("hugetlbsize=1G", "1536M"),
        pool_1g=2, fails="failed to resize memfd to 1610612736: Invalid argument"),
    one("1G memfd, one and a half, one page",
        ram("1536M") + memfd("hugetlbsize=1G", "1536M"), pool_1g=1,
        fails="failed to resize memfd to 1610612736: Invalid argument"),
    one("1G file", ram("1G") + file("{g}", "share=on", "1G"), mounts=ON_1G, pool_1g=1,
        shows_1g=(1, 1)),
    one("1G -mem-path", "-m 1G -machine q35 -mem-path {g}", mounts=ON_1G, pool_1g=1,
        shows_1g=(1, 1)),
    one("1G -mem-path, half a page", "-m 512M -machine q35 -mem-path {g}", mounts=ON_1G,
        pool_1g=1,
        fails="memory size 0x20000000 must be equal to or larger than page size 0x40000000"),
    one("1G mount of size 1G, 2G wanted", ram("2G") + file("{g}", "share=on", "2G"),
        mounts={"g": "pagesize=1G,size=1G"}, pool_1g=2, fails=NO_PAGES),
    one("1G reserve=off, no pool", ram("1G") + memfd("hugetlbsize=1G,reserve=off", "1G"),
        pool_1g=0, shows_1g=(0, 0), dies=True),
    one("1G and 2M nodes",
        "-m 1088M -machine q35 " + memfd("hugetlbsize=1G", "1G", "a") +
        memfd("hugetlbsize=2M", "64M", "b") +
        "-numa node,nodeid=0,memdev=a -numa node,nodeid=1,memdev=b",
        pool_1g=1, shows=(VM, VM), shows_1g=(1, 1)),

    # --- locked memory
    one("mem-lock", MEMFD + "-overcommit mem-lock=on", shows=(0, 0), or_but=True),
    one("mem-lock, reserve=off", ram() + memfd("reserve=off") + "-overcommit mem-lock=on",
        shows=(0, 0), or_but=True),
    one("mem-lock, reserve=off, one page short",
        ram() + memfd("reserve=off") + "-overcommit mem-lock=on", pool=VM - 1, shows=(0, 0),
        dies=True),
    one("mem-lock, low limit", MEMFD + "-overcommit mem-lock=on", memlock=64 << 10,
        fails="mlockall: Cannot allocate memory"),
    one("mem-lock, limit 0", MEMFD + "-overcommit mem-lock=on", memlock=0,
        fails="mlockall: Operation not permitted"),
    one("mem-lock, low limit, prealloc share=off",
        ram() + memfd("prealloc=on,share=off") + "-overcommit mem-lock=on",
        memlock=64 << 10, fails="mlockall: Cannot allocate memory"),
    one("low limit without mem-lock", MEMFD, memlock=64 << 10, shows=(VM, VM)),

    # --- memory devices
    one("virtio-mem", vmem(), shows=(VM, 0), or_but=True),
    one("virtio-mem, device prealloc", vmem(device="requested-size=32M,prealloc=on"),
        shows=(VM, 0), or_but=True),
    one("virtio-mem, device prealloc, no pool",
        vmem(device="requested-size=32M,prealloc=on"), pool=0, unused=True, or_but=True),
    one("virtio-mem, no pool", vmem(), pool=0, dies=True),
    one("virtio-mem, pages for what is requested", vmem(), pool=VM // 2, shows=(VM // 2, 0),
        or_but=True),
    one("virtio-mem, one page short of what is requested", vmem(), pool=VM // 2 - 1,
        shows=(VM // 2 - 1, 0), dies=True),
    one("virtio-mem, backend prealloc, one page short", vmem("prealloc=on"), pool=VM - 1,
        fails=NO_PAGES),
    one("virtio-mem, backend prealloc, others come after the start", vmem("prealloc=on"),
        shows=(VM, 0), then=(VM, 1), dies=True),
    one("virtio-mem, reserve=on", vmem("reserve=on"), shows=(VM, VM)),
    one("virtio-mem, reserve=on, one page short", vmem("reserve=on"), pool=VM - 1,
        fails=NO_PAGES),
    one("virtio-mem, backend prealloc", vmem("prealloc=on"), shows=(VM, 0), or_but=True),
    one("virtio-mem, -mem-prealloc", vmem("reserve=on") + " -mem-prealloc", shows=(VM, 0),
        or_but=True),
    one("virtio-mem, requested more than there is", vmem(device="requested-size=128M"),
        shows=(VM, 0), unused=True, or_but=True),
    one("virtio-mem, requested no multiple", vmem(device="requested-size=1M"),
        fails="'requested-size' property has to be multiples of 'block-size' (0x200000)", words_wrong=True),
    one("virtio-mem, block-size of a page", vmem(device="requested-size=4M,block-size=2M"),
        shows=(VM, 0), or_but=True),
    one("virtio-mem, block-size too small", vmem(device="requested-size=4M,block-size=1M"),
        fails="'block-size' property has to be at least the page size (0x200000)", words_wrong=True),
    one("virtio-mem without maxmem",
        PLAIN + " " + memfd("reserve=off", ident="v") +
        "-device virtio-mem-pci,id=vm0,memdev=v,requested-size=32M",
        fails="memory devices (e.g. for memory hotplug) are not enabled, please specify "
              "the maxmem option", words_wrong=True),
    one("virtio-mem and huge RAM",
        "-m 64M,maxmem=512M -machine q35,memory-backend=r " + memfd() +
        memfd("reserve=off", ident="v") +
        "-device virtio-mem-pci,id=vm0,memdev=v,requested-size=64M",
        pool=VM, shows=(VM, VM), dies=True),
    one("maxmem below -m", "-m 64M,slots=2,maxmem=32M -machine q35",
        fails="invalid value of maxmem: maximum memory size (0x2000000) must be at least "
              "the initial memory size (0x4000000)", words_wrong=True),
    one("slots without maxmem", "-m 64M,slots=2 -machine q35",
        fails="slots specified but no max-size", words_wrong=True),
    one("slots beyond the limit", "-m 64M,slots=300,maxmem=512M -machine q35",
        fails="unsupported amount of memory slots: 300", words_wrong=True),
    one("pc-dimm", VMEM + memfd(ident="v") + "-device pc-dimm,id=d0,memdev=v",
        shows=(VM, VM)),
    one("pc-dimm, one page short",
        VMEM + memfd(ident="v") + "-device pc-dimm,id=d0,memdev=v", pool=VM - 1,
        fails=NO_PAGES),
    one("pc-dimm without slots",
        PLAIN + " " + memfd(ident="v") + "-device pc-dimm,id=d0,memdev=v",
        fails="no slots where allocated, please specify the 'slots' option", words_wrong=True),
    one("balloon with free-page-reporting",
        MEMFD + "-device virtio-balloon-pci,free-page-reporting=on", shows=(VM, VM),
        or_but=True),

    # --- several VMs
    Case("two VMs, both fit", [MEMFD, MEMFD], pool=2 * VM, shows=(2 * VM, 2 * VM)),
    Case("two VMs, the second one page short", [MEMFD, MEMFD], pool=2 * VM - 1,
        fails=NO_PAGES),
    Case("two VMs, the second is lazy and one page short",
        [ram() + memfd("prealloc=on"), ram() + memfd("reserve=off")], pool=2 * VM - 1,
        shows=(VM - 1, 0), dies=True),
    Case("beside a running VM, fits", [MEMFD, MEMFD], running=1, pool=2 * VM,
        shows=(2 * VM, 2 * VM)),
    Case("beside a running VM, one page short", [MEMFD, MEMFD], running=1, pool=2 * VM - 1,
        fails=NO_PAGES),
    Case("beside a running VM that has touched nothing, one page short",
        [MEM_PATH, MEM_PATH], running=1, mounts=ON, pool=2 * VM - 1, fails=NO_PAGES),
    Case("two VMs on one full file", [ram() + file("{m}/f", "share=on")] * 2, mounts=ON,
        files=[("{m}/f", VM, VM)], shows=(0, 0)),
    Case("two VMs on one file that is to be made", [ram() + file("{m}/f", "share=on")] * 2,
        mounts=ON, shows=(VM, VM)),
]
