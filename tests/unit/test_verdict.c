/* Kernel text and a QEMU command line in; whether the VM starts, out. The host is small:
 * two nodes of 512 MiB, half of each in the CMA, with twenty huge pages of 2M each, of
 * which ten to fifteen lie in the CMA. */
#include "plan/verdict.h"

#include "base/size.h"
#include "facts/snapshot.h"
#include "plan/fit.h"
#include "vm/detect.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define M2      (UINT64_C(2) << 20)
#define POOLS   "/sys/kernel/mm/hugepages"
#define NODES   "/sys/devices/system/node"
#define CGROUPS "/sys/fs/cgroup"

#define ZONE(n)                              \
	"Node " n ", zone   Normal\n"        \
	"  pages free     98304\n"           \
	"        min      0\n"               \
	"        low      0\n"               \
	"        high     0\n"               \
	"        spanned  131072\n"          \
	"        present  131072\n"          \
	"        managed  131072\n"          \
	"        cma      65536\n"           \
	"      nr_zone_inactive_anon 2560\n" \
	"      nr_zone_active_anon 0\n"      \
	"      nr_zone_inactive_file 0\n"    \
	"      nr_zone_active_file 0\n"      \
	"      nr_zone_unevictable 0\n"      \
	"      nr_free_cma  57856\n"

#define STAT(type, mode, uid, gid, size, blocks)                                   \
	"type " type "\nsize " size "\nblocks " blocks "\nmode " mode "\nuid " uid \
	"\ngid " gid "\n"
#define HUGE_DIR STAT("directory", "0755", "0", "0", "0", "0")

static const struct fake_file base[] = {
	{ "/proc/sys/kernel/osrelease", "6.6.30\n" },
	{ "/proc/meminfo", "MemTotal: 1048576 kB\nMemFree: 786432 kB\nSwapTotal: 0 kB\n"
	                   "Hugepagesize: 2048 kB\n" },
	{ "/proc/cmdline", "quiet\n" },
	{ "/@/pagesize", "4096\n" },
	{ "/proc/cpuinfo", "vendor_id\t: AuthenticAMD\n" },
	{ "/sys/module/kvm_amd/parameters/sev", "Y\n" },
	{ "/sys/module/kvm_amd/parameters/sev_es", "N\n" },
	{ "/proc/self/mountinfo",
	  "30 1 0:26 / " CGROUPS " rw - cgroup2 cgroup2 rw\n"
	  "40 1 0:30 / /dev/hugepages rw - hugetlbfs hugetlbfs rw,pagesize=2M\n"
	  "41 40 0:31 / /dev/hugepages/small rw - hugetlbfs none "
	  "rw,pagesize=2M,size=16777216\n"
	  "42 1 0:32 / /mnt/ro ro - hugetlbfs none rw,pagesize=2M\n"
	  "43 1 0:33 / /mnt/vm rw - hugetlbfs none rw,pagesize=2M,uid=7,gid=8,mode=770\n"
	  "44 1 0:34 / /mnt/hidden rw - hugetlbfs none rw,pagesize=1G\n"
	  "45 44 0:35 / /mnt/hidden rw - tmpfs none rw\n" },
	{ "/@/statfs/dev/hugepages/small/@",
	  "bsize 2097152\nblocks 8\nbfree 8\nbavail 8\nfiles 0\nffree 0\n" },
	{ "/@/statfs/mnt/hidden/@",
	  "bsize 4096\nblocks 8\nbfree 8\nbavail 8\nfiles 0\nffree 0\n" },
	{ "/@/stat/dev/hugepages/@", HUGE_DIR },
	{ "/@/stat/dev/hugepages/small/@", HUGE_DIR },
	{ "/@/stat/mnt/ro/@", HUGE_DIR },
	{ "/@/stat/mnt/hidden/@", HUGE_DIR },
	{ "/@/stat/mnt/vm/@", STAT("directory", "0770", "7", "8", "0", "0") },
	{ "/@/stat/dev/hugepages/there/@",
	  STAT("regular", "0644", "0", "0", "16777216", "16384") },
	{ "/@/stat/dev/shm/@", STAT("directory", "01777", "0", "0", "0", "0") },
	{ "/@/statfs/dev/shm/@",
	  "bsize 4096\nblocks 4096\nbfree 2048\nbavail 2048\nfiles 0\nffree 0\n" },
	{ "/proc/zoneinfo", ZONE("0") ZONE("1") },
	{ NODES "/online", "0-1\n" },
	{ NODES "/has_memory", "0-1\n" },
	{ NODES "/node0/meminfo",
	  "Node 0 MemTotal: 524288 kB\nNode 0 MemFree: 393216 kB\n" },
	{ NODES "/node1/meminfo",
	  "Node 1 MemTotal: 524288 kB\nNode 1 MemFree: 393216 kB\n" },
	{ NODES "/node0/cpulist", "0-3\n" },
	{ NODES "/node1/cpulist", "4-7\n" },
	{ NODES "/node0/distance", "10 20\n" },
	{ NODES "/node1/distance", "20 10\n" },
	{ NODES "/node0/hugepages/hugepages-2048kB/nr_hugepages", "20\n" },
	{ NODES "/node0/hugepages/hugepages-2048kB/free_hugepages", "20\n" },
	{ NODES "/node0/hugepages/hugepages-2048kB/surplus_hugepages", "0\n" },
	{ NODES "/node1/hugepages/hugepages-2048kB/nr_hugepages", "20\n" },
	{ NODES "/node1/hugepages/hugepages-2048kB/free_hugepages", "20\n" },
	{ NODES "/node1/hugepages/hugepages-2048kB/surplus_hugepages", "0\n" },
	{ POOLS "/hugepages-2048kB/nr_hugepages", "40\n" },
	{ POOLS "/hugepages-2048kB/free_hugepages", "40\n" },
	{ POOLS "/hugepages-2048kB/resv_hugepages", "0\n" },
	{ POOLS "/hugepages-2048kB/surplus_hugepages", "0\n" },
	{ POOLS "/hugepages-2048kB/nr_overcommit_hugepages", "0\n" },
	{ "/proc/sys/vm/nr_hugepages", "40\n" },
	{ CGROUPS "/cgroup.controllers", "hugetlb misc\n" },
	{ CGROUPS "/misc.capacity", "sev 100\nsev_es 2\n" },
	{ CGROUPS "/misc.current", "sev 1\nsev_es 0\n" },
	{ CGROUPS "/vm.slice/hugetlb.2MB.current", "0\n" },
	{ CGROUPS "/vm.slice/hugetlb.2MB.max", "8388608\n" },
	{ CGROUPS "/vm.slice/hugetlb.2MB.rsvd.current", "0\n" },
	{ CGROUPS "/vm.slice/hugetlb.2MB.rsvd.max", "max\n" },
};

/* ---- a host, and VMs on it --------------------------------------------------------- */

struct change {
	const char *path, *text; /* NULL: the file is not there */
};

#define VMS_MAX 4

struct scene {
	struct fake_file files[WEIR_NELEM(base)];
	struct fake_host fake;
	struct weir_snapshot *snap;
	struct weir_ask_options options;
	struct weir_path paths[8];
	struct weir_demands vms[VMS_MAX];
	struct weir_ask asks[VMS_MAX];
	size_t nr;
	struct weir_verdicts verdicts;
	bool checked;
};

static void put_file(struct scene *s, const char *path, const char *text)
{
	for (size_t i = 0; i < WEIR_NELEM(base); i++)
		if (strcmp(s->files[i].path, path) == 0) {
			s->files[i].text = text;
			s->files[i].error = text ? 0 : -ENOENT;
			return;
		}
	fail_msg("no file %s", path);
}

static void scene_open(struct scene *s, const struct change *changes, size_t nr)
{
	memset(s, 0, sizeof(*s));
	memcpy(s->files, base, sizeof(base));
	for (size_t i = 0; i < nr; i++)
		put_file(s, changes[i].path, changes[i].text);
	s->options.cpu = -1;
	fake_open(&s->fake, s->files, WEIR_NELEM(s->files));
	expect_int_eq(
		weir_snapshot_read(&s->fake.host, WEIR_SNAPSHOT_DETAILS, &s->snap, NULL),
		0);
}

static void scene_clear(struct scene *s)
{
	if (s->checked)
		weir_verdicts_done(&s->verdicts);
	s->checked = false;
	for (size_t i = 0; i < s->nr; i++) {
		weir_ask_done(&s->asks[i]);
		weir_demands_done(&s->vms[i]);
	}
	s->nr = 0;
	s->options.nr_paths = 0;
	s->options.paths = NULL;
}

static void scene_close(struct scene *s)
{
	scene_clear(s);
	weir_snapshot_free(s->snap);
	fake_close(&s->fake);
}

static int try_add(struct scene *s, const char *command_line)
{
	struct weir_demands *vm = &s->vms[s->nr];
	struct weir_err err;
	int r;

	if (weir_vm_parse(weir_strz(command_line), weir_host_vendor(s->snap), vm, &err) <
	    0)
		fail_msg("%s: %s", command_line, err.msg);
	expect_u64_eq(vm->nr, 1);
	s->options.paths = s->paths;
	for (size_t i = 0; i < vm->v[0].nr_memory; i++)
		if (vm->v[0].memory[i].path)
			expect_int_eq(weir_path_read(&s->fake.host,
			                             vm->v[0].memory[i].path, true,
			                             &s->paths[s->options.nr_paths++]),
			              0);
	r = weir_ask_make(s->snap, &vm->v[0], &s->options, &s->asks[s->nr]);
	s->nr++;
	return r;
}

static struct weir_ask *add(struct scene *s, const char *command_line)
{
	expect_int_eq(try_add(s, command_line), 0);
	return &s->asks[s->nr - 1];
}

static const struct weir_verdict *check(struct scene *s)
{
	const struct weir_check_options options = { 0 };
	struct weir_err err;

	s->checked = true;
	if (weir_check(s->snap, s->asks, s->nr, &options, &s->verdicts, &err) < 0)
		fail_msg("check: %s", err.msg);
	expect_u64_eq(s->verdicts.nr, s->nr);
	return s->verdicts.v;
}

static const struct weir_verdict *check_one(struct scene *s, const char *command_line)
{
	scene_clear(s);
	(void)add(s, command_line);
	return check(s);
}

#define QEMU "qemu-system-x86_64 "
#define FILE_OF(size, path) \
	QEMU "-m " size " -object memory-backend-file,id=m,size=" size ",mem-path=" path
#define MEMFD_OF(size) \
	QEMU "-m " size " -object memory-backend-memfd,id=m,size=" size ",hugetlb=on"
#define ANON_OF(size) QEMU "-m " size " -object memory-backend-ram,id=m,size=" size
#define USES_M        " -machine q35,memory-backend=m"
#define SEV                                                                        \
	" -machine q35,memory-backend=m,confidential-guest-support=s -object sev-" \
	"guest,id=s,cbitpos=51,reduced-phys-bits=1,policy=0x1"

/* ---- asks -------------------------------------------------------------------------- */

static void ask_finds_page_sizes_and_mounts(void **state)
{
	static const struct {
		const char *vm;
		uint64_t bytes, page_bytes;
		const char *mount; /* NULL: none */
		uint64_t present;
	} rows[] = {
		{ FILE_OF("8M", "/dev/hugepages") USES_M, 8 << 20, M2, "/dev/hugepages",
		  0 },
		{ FILE_OF("8M", "/dev/hugepages/small") USES_M, 8 << 20, M2,
		  "/dev/hugepages/small", 0 },
		/* whole pages */
		{ FILE_OF("7M", "/dev/hugepages") USES_M, 8 << 20, M2, "/dev/hugepages",
		  0 },
		/* a file that is there, with half of its pages */
		{ FILE_OF("16M", "/dev/hugepages/there") USES_M, 16 << 20, M2,
		  "/dev/hugepages", 4 },
		/* hidden by another file system */
		{ FILE_OF("8M", "/mnt/hidden") USES_M, 8 << 20, 0, NULL, 0 },
		{ FILE_OF("8M", "/dev/shm") USES_M, 8 << 20, 0, NULL, 0 },
		{ MEMFD_OF("8M") USES_M, 8 << 20, M2, NULL, 0 },
		{ MEMFD_OF("8M") ",hugetlbsize=2M" USES_M, 8 << 20, M2, NULL, 0 },
		{ ANON_OF("7M") USES_M, 7 << 20, 0, NULL, 0 },
	};
	static struct scene s;

	(void)state;
	scene_open(&s, NULL, 0);
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		const struct weir_ask *ask = add(&s, rows[i].vm);

		if (ask->refused)
			fail_msg("%s: %s", rows[i].vm, ask->refusal.reason);
		expect_u64_eq(ask->memory[0].bytes, rows[i].bytes);
		expect_u64_eq(ask->memory[0].page_bytes, rows[i].page_bytes);
		expect_u64_eq(ask->memory[0].present_pages, rows[i].present);
		if (rows[i].mount)
			expect_str(s.snap->mounts.v[ask->memory[0].mount].target,
			           rows[i].mount);
		else
			expect_u64_eq(ask->memory[0].mount, SIZE_MAX);
		scene_clear(&s);
	}
	scene_close(&s);
}

static void ask_refuses_what_cannot_start(void **state)
{
	static const struct {
		const char *vm, *reason, *qemu; /* qemu NULL: nothing is printed */
	} rows[] = {
		{ MEMFD_OF("1G") ",hugetlbsize=1G" USES_M,
		  "memory 'm' wants pages of 1G, which this kernel does not have",
		  "failed to create memfd with flags 0x78000007: No such device" },
		{ FILE_OF("1M", "/dev/hugepages") USES_M,
		  "memory 'm' is smaller than one page of 2M",
		  "memory size 0x100000 must be equal to or larger than page size "
		  "0x200000" },
		{ MEMFD_OF("3M") USES_M,
		  "memory 'm' is not a multiple of its pages of 2M",
		  "failed to resize memfd to 3145728: Invalid argument" },
		{ FILE_OF("32M", "/dev/hugepages/there") USES_M,
		  "the file /dev/hugepages/there has 16777216 bytes, memory 'm' wants "
		  "33554432",
		  "backing store size 0x1000000 does not match 'size' option 0x2000000" },
		{ FILE_OF("8M", "/nowhere/at/all") USES_M,
		  "memory 'm' cannot use /nowhere/at/all: No such file or directory",
		  "can't open backing store /nowhere/at/all for guest RAM: No such file "
		  "or directory" },
		{ FILE_OF("8M", "/mnt/ro") USES_M,
		  "memory 'm' cannot use /mnt/ro: Read-only file system",
		  "can't open backing store /mnt/ro for guest RAM: Read-only file "
		  "system" },
		{ FILE_OF("16M", "/dev/shm") ",prealloc=on" USES_M,
		  "the file system of /dev/shm has room for 8M",
		  "qemu_prealloc_mem: preallocating memory failed: Bad address" },
		{ ANON_OF("8M") ",host-nodes=4,policy=bind" USES_M,
		  "memory 'm' is bound to nodes that this host does not have",
		  "cannot bind memory to host NUMA nodes: Invalid argument" },
		{ ANON_OF("2G") USES_M,
		  "memory 'm' is larger than all memory and swap of this host (1G)",
		  "cannot set up guest memory 'm': Cannot allocate memory" },
		{ ANON_OF("8M") " -machine "
		                "q35,memory-backend=m,confidential-guest-support=s "
		                "-object sev-guest,id=s,cbitpos=51,reduced-phys-bits=1,"
		                "policy=0x5",
		  "KVM says that SEV-ES is off on this host", NULL },
		{ ANON_OF("8M") " -machine "
		                "q35,memory-backend=m,confidential-guest-support=s "
		                "-object tdx-guest,id=s",
		  "this CPU (AuthenticAMD) has no TDX", NULL },
	};
	static struct scene s;

	(void)state;
	scene_open(&s, NULL, 0);
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		const struct weir_verdict *v = check_one(&s, rows[i].vm);

		if (!s.asks[0].refused)
			fail_msg("%s is not refused", rows[i].vm);
		expect_str(s.asks[0].refusal.reason, rows[i].reason);
		expect_int_eq(v->word, WEIR_VERDICT_NO);
		assert_true(v->certain);
		expect_str(v->reason, rows[i].reason);
		if (rows[i].qemu)
			expect_str(v->qemu, rows[i].qemu);
		else
			assert_null(v->qemu);
		/* what would help is said, once */
		expect_u64_eq(v->nr_remedies, 1);
		expect_u64_eq(v->nr_sources, 0);
	}
	scene_close(&s);
}

static void ask_minds_who_starts_it(void **state)
{
	static const struct {
		const char *path;
		uint64_t uid, gid;
		bool may;
	} rows[] = {
		{ "/dev/hugepages", 0, 0, true }, { "/dev/hugepages", 7, 8, false },
		{ "/mnt/vm", 7, 100, true },      { "/mnt/vm", 9, 8, true },
		{ "/mnt/vm", 9, 9, false },       { "/dev/hugepages/there", 9, 9, false },
	};
	static struct scene s;
	char vm[256];

	(void)state;
	scene_open(&s, NULL, 0);
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		s.options.user_known = true;
		s.options.uid = rows[i].uid;
		s.options.gid = rows[i].gid;
		(void)snprintf(vm, sizeof(vm), FILE_OF("8M", "%s") USES_M, rows[i].path);
		(void)add(&s, vm);
		if (s.asks[0].refused == rows[i].may)
			fail_msg("%s as %ju:%ju", rows[i].path, (uintmax_t)rows[i].uid,
			         (uintmax_t)rows[i].gid);
		if (!rows[i].may)
			assert_non_null(
				strstr(s.asks[0].refusal.qemu, "Permission denied"));
		scene_clear(&s);
	}
	/* who it will be is not known: nothing is held against it */
	s.options.user_known = false;
	assert_false(add(&s, FILE_OF("8M", "/mnt/vm") USES_M)->refused);
	scene_close(&s);
}

static void ask_counts_the_ids_that_are_left(void **state)
{
	const struct change none_left[] = {
		{ CGROUPS "/misc.current", "sev 100\nsev_es 2\n" },
	};
	const struct change untold[] = { { CGROUPS "/misc.current", NULL } };
	static struct scene s;
	const struct weir_verdict *v;

	(void)state;
	scene_open(&s, NULL, 0);
	expect_u64_eq(add(&s, ANON_OF("8M") SEV)->ids_left, 99);
	expect_u64_eq(add(&s, ANON_OF("8M") USES_M)->ids_left, UINT64_MAX);
	scene_close(&s);
	scene_open(&s, untold, 1);
	expect_u64_eq(add(&s, ANON_OF("8M") SEV)->ids_left, UINT64_MAX);
	scene_close(&s);
	scene_open(&s, none_left, 1);
	v = check_one(&s, ANON_OF("8M") SEV);
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	expect_str(v->reason, "no address space id for SEV is left");
	expect_str(v->qemu, "failed to initialize ret=-16 fw_error=0");
	scene_close(&s);
}

/* ---- verdicts ---------------------------------------------------------------------- */

static uint64_t source(const struct weir_verdict *v, enum weir_source from)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < v->nr_sources; i++)
		bytes += v->sources[i].bytes[from];
	return bytes;
}

static void expect_numbers(const struct weir_verdict *v, uint64_t need, uint64_t have_min,
                           uint64_t have_max)
{
	assert_true(v->has_count);
	expect_u64_eq(v->need, need);
	expect_u64_eq(v->have_min, have_min);
	expect_u64_eq(v->have_max, have_max);
}

static bool says(const struct weir_verdict *v, const char *words)
{
	for (size_t i = 0; i < v->nr_but; i++)
		if (strstr(v->but[i], words))
			return true;
	return false;
}

static bool helps(const struct weir_verdict *v, const char *words)
{
	for (size_t i = 0; i < v->nr_remedies; i++)
		if (strstr(v->remedies[i].text, words))
			return true;
	return false;
}

static void verdict_of_a_vm_that_fits_is_yes(void **state)
{
	const struct weir_verdict *v;
	static struct scene s;

	(void)state;
	scene_open(&s, NULL, 0);
	v = check_one(&s, FILE_OF("32M", "/dev/hugepages") ",prealloc=on" USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_YES);
	assert_true(v->certain);
	expect_str(v->decides, "free pool pages that are not reserved");
	expect_numbers(v, 16, 40, 40);
	assert_null(v->reason);
	assert_null(v->qemu);
	expect_u64_eq(v->nr_remedies, 0);
	expect_u64_eq(source(v, WEIR_SOURCE_POOL) + source(v, WEIR_SOURCE_POOL_CMA),
	              32 << 20);
	expect_u64_eq(source(v, WEIR_SOURCE_BASE) + source(v, WEIR_SOURCE_BASE_CMA),
	              28 << 20);
	expect_u64_eq(v->twice_bytes, 0);
	v = check_one(&s, ANON_OF("64M") USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_YES);
	expect_u64_eq(source(v, WEIR_SOURCE_POOL), 0);
	scene_close(&s);
}

static void verdict_of_a_pool_too_small_says_by_how_much(void **state)
{
	const struct weir_verdict *v;
	static struct scene s;

	(void)state;
	scene_open(&s, NULL, 0);
	v = check_one(&s, MEMFD_OF("84M") USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	assert_true(v->certain);
	expect_numbers(v, 42, 40, 40);
	expect_u64_eq(v->unit_bytes, M2);
	expect_str(v->decides, "free pool pages that are not reserved");
	expect_str(v->reason, "it reserves 42 pages of 2M when it starts, and 40 are "
	                      "free and promised to nobody");
	expect_u64_eq(v->nr_sources, 0);
	expect_str(v->remedies[0].text,
	           "allow 2 surplus pages of 2M: they are taken when it starts");
	expect_str(v->remedies[0].command,
	           "echo 2 > " POOLS "/hugepages-2048kB/nr_overcommit_hugepages");
	expect_str(v->remedies[1].text,
	           "make the pool of 2M larger by 2: free memory outside of the CMA "
	           "falls from 316M to 316M, in it from 452M to 448M");
	expect_str(v->remedies[1].command,
	           "echo 42 > " POOLS "/hugepages-2048kB/nr_hugepages");
	assert_true(helps(v, "do without huge pages"));
	/* by all of the memory that there is */
	v = check_one(&s, MEMFD_OF("950M") USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	expect_u64_eq(v->nr_remedies, 0);
	scene_close(&s);
}

static void verdict_of_a_mount_and_a_group_names_them(void **state)
{
	const struct weir_verdict *v;
	static struct scene s;

	(void)state;
	scene_open(&s, NULL, 0);
	v = check_one(&s, FILE_OF("18M", "/dev/hugepages/small") USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	expect_str(v->decides, "the mount's size=");
	expect_numbers(v, 9, 8, 8);
	v = check_one(&s, FILE_OF("16M", "/dev/hugepages/small") USES_M);
	assert_true(v->word != WEIR_VERDICT_NO);
	s.options.cgroup = "/vm.slice/not-there-yet";
	v = check_one(&s, FILE_OF("10M", "/dev/hugepages") ",prealloc=on" USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	expect_str(v->decides, "the cgroup's hugetlb limit");
	expect_numbers(v, 5, 4, 4);
	v = check_one(&s, FILE_OF("10M", "/dev/hugepages") USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_BUT);
	assert_true(says(v, "killed later (SIGBUS)"));
	s.options.cgroup = "/other.slice";
	v = check_one(&s, FILE_OF("10M", "/dev/hugepages") ",prealloc=on" USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_YES);
	scene_close(&s);
}

/* Of 20 pages a node 5 to 10 may be pinned: within, between and beyond. */
static void verdict_of_a_pinned_vm_is_in_doubt_between_bounds(void **state)
{
	const struct weir_verdict *v;
	static struct scene s;

	(void)state;
	scene_open(&s, NULL, 0);
	s.options.nodes = 2;
	v = check_one(&s, MEMFD_OF("10M") SEV);
	assert_true(v->word != WEIR_VERDICT_NO);
	assert_true(v->certain);
	expect_numbers(v, 5, 5, 10);
	expect_str(v->decides, "pool pages that may be pinned");
	v = check_one(&s, MEMFD_OF("14M") SEV);
	expect_int_eq(v->word, WEIR_VERDICT_BUT);
	assert_false(v->certain);
	expect_numbers(v, 7, 5, 10);
	assert_true(says(v, "it fits by 3 pages of 2M at most, and lacks 2 pages of 2M "
	                    "at worst"));
	expect_str(v->kernel, "kvm_amd: SEV: Failure locking 3584 pages.");
	expect_u64_eq(source(v, WEIR_SOURCE_POOL_CMA), 0);
	expect_u64_eq(source(v, WEIR_SOURCE_POOL), 14 << 20);
	assert_true(helps(v, "allow 2 surplus pages"));
	v = check_one(&s, MEMFD_OF("22M") SEV);
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	assert_true(v->certain);
	expect_numbers(v, 11, 5, 10);
	expect_str(v->reason, "it pins 11 pages of 2M when it starts, and of the free "
	                      "ones between 5 and 10 may be pinned on node 1: the "
	                      "others lie in the CMA or ZONE_MOVABLE");
	expect_str(v->qemu, "sev_ram_block_added: failed to register region "
	                    "(...+0x1600000) error 'Cannot allocate memory'");
	expect_str(v->kernel, "kvm_amd: SEV: Failure locking 5632 pages.");
	assert_true(helps(v, "allow 6 surplus pages"));
	assert_true(helps(v, "do without huge pages"));
	scene_close(&s);
}

/* Base pages that are pinned beside a CMA of half the node: some kernels take very long.
 */
static void verdict_of_pinned_base_pages_beside_much_cma_warns(void **state)
{
	static const struct {
		const char *release, *vm;
		bool slow, hangs;
	} cases[] = {
		{ "6.6.30\n", ANON_OF("32M") SEV, false, true },
		{ "6.6.30\n", ANON_OF("32M") USES_M " -device vfio-pci,host=01:00.0",
		  false, true },
		{ "6.1.0\n", ANON_OF("32M") SEV, false, true },
		{ "5.10.0\n", ANON_OF("32M") USES_M " -device vfio-pci,host=01:00.0",
		  true, false },
		{ "6.12.3\n", ANON_OF("32M") SEV, true, false },
		{ "6.18.0\n", ANON_OF("32M") SEV, false, false },
		/* nobody reported it of huge pages, and nothing is pinned here */
		{ "6.6.30\n", MEMFD_OF("8M") SEV, false, false },
		{ "6.6.30\n", ANON_OF("32M") USES_M, false, false },
	};
	static struct scene s;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		const struct change kernel[] = { { "/proc/sys/kernel/osrelease",
			                           cases[i].release } };
		const struct weir_verdict *v;

		scene_open(&s, kernel, 1);
		v = check_one(&s, cases[i].vm);
		assert_true(v->word != WEIR_VERDICT_NO);
		expect_int_eq(says(v, "it may take long, up to an hour"), cases[i].slow);
		expect_int_eq(says(v, "it may hang"), cases[i].hangs);
		scene_close(&s);
	}
}

/* A larger pool is paid from both sides of the CMA's border. */
static void verdict_of_a_larger_pool_tells_what_it_costs(void **state)
{
	const struct weir_verdict *v;
	static struct scene s;

	(void)state;
	scene_open(&s, NULL, 0);
	v = check_one(&s, MEMFD_OF("180M") USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	/* 98304 free pages a node, 57856 of them in the CMA: so these go first */
	assert_true(helps(v, "make the pool of 2M larger by 50: free memory outside of "
	                     "the CMA falls from 316M to 316M, in it from 452M to 352M"));
	scene_close(&s);
}

/* The same, where root has seen where pool pages lie; and where nothing tells. */
static void verdict_of_a_host_that_tells_nothing_of_its_zones(void **state)
{
	const struct change blind[] = { { "/proc/zoneinfo", NULL } };
	const struct weir_verdict *v;
	static struct scene s;

	(void)state;
	scene_open(&s, blind, 1);
	v = check_one(&s, MEMFD_OF("60M") SEV);
	/* memory is a count then, and a pool page is as good as another */
	assert_true(v->word != WEIR_VERDICT_NO);
	scene_close(&s);
}

static void verdict_of_locked_memory_minds_the_limit(void **state)
{
	const struct weir_verdict *v;
	static struct scene s;

	(void)state;
	scene_open(&s, NULL, 0);
	s.options.memlock_known = true;
	s.options.memlock_bytes = 36 << 20;
	v = check_one(&s, MEMFD_OF("10M") SEV);
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	expect_str(v->decides, "RLIMIT_MEMLOCK");
	expect_numbers(v, 38 << 20, 36 << 20, 36 << 20);
	assert_non_null(strstr(v->kernel, "locked pages exceed the lock limit of 9216."));
	v = check_one(&s, MEMFD_OF("10M") USES_M " -overcommit mem-lock=on");
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	expect_str(v->qemu, "mlockall: Cannot allocate memory");
	v = check_one(&s, MEMFD_OF("10M") USES_M " -device vfio-pci,host=01:00.0");
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	expect_str(v->qemu, "VFIO_MAP_DMA failed: Cannot allocate memory");
	v = check_one(&s, MEMFD_OF("8M") SEV);
	assert_true(v->word != WEIR_VERDICT_NO);
	scene_close(&s);
}

/* One after the other, in the order given; and what would help is tried on all of them.
 */
static void verdicts_of_several_follow_their_order(void **state)
{
	const struct weir_verdict *v;
	static struct scene s;

	(void)state;
	scene_open(&s, NULL, 0);
	(void)add(&s, MEMFD_OF("60M") USES_M " -name a");
	(void)add(&s, ANON_OF("2G") USES_M " -name refused");
	(void)add(&s, MEMFD_OF("24M") USES_M " -name b");
	v = check(&s);
	assert_true(v[0].word != WEIR_VERDICT_NO);
	expect_int_eq(v[1].word, WEIR_VERDICT_NO);
	expect_int_eq(v[2].word, WEIR_VERDICT_NO);
	expect_numbers(&v[2], 12, 10, 10);
	assert_false(helps(&v[2], "start it first")); /* then a would not start */
	assert_true(helps(&v[2], "allow 2 surplus pages"));
	scene_clear(&s);
	/* plain VMs take any page, and this one only some: first, there are enough */
	s.options.nodes = 2;
	(void)add(&s, MEMFD_OF("30M") ",prealloc=on" USES_M " -name plain");
	(void)add(&s, MEMFD_OF("10M") SEV " -name pinned");
	v = check(&s);
	assert_true(v[0].word != WEIR_VERDICT_NO);
	assert_true(v[1].word != WEIR_VERDICT_YES);
	assert_true(helps(&v[1], "start it first, before the others"));
	scene_close(&s);
}

/* share=on on one file: the second VM finds its pages promised and takes no more. */
static void verdicts_of_vms_that_share_a_file(void **state)
{
	const struct change empty[] = {
		{ "/@/stat/dev/hugepages/there/@",
		  STAT("regular", "0644", "0", "0", "62914560", "0") },
	};
	const struct weir_verdict *v;
	static struct scene s;

	(void)state;
	scene_open(&s, empty, 1);
	(void)add(&s,
	          FILE_OF("60M", "/dev/hugepages/there") ",share=on" USES_M " -name a");
	(void)add(&s,
	          FILE_OF("60M", "/dev/hugepages/there") ",share=on" USES_M " -name b");
	v = check(&s);
	assert_true(v[0].word != WEIR_VERDICT_NO);
	assert_true(v[1].word != WEIR_VERDICT_NO);
	scene_close(&s);
	scene_open(&s, NULL, 0);
	/* in a directory each has a file of its own */
	(void)add(&s, FILE_OF("60M", "/dev/hugepages") ",share=on" USES_M " -name a");
	(void)add(&s, FILE_OF("60M", "/dev/hugepages") ",share=on" USES_M " -name b");
	v = check(&s);
	assert_true(v[0].word != WEIR_VERDICT_NO);
	expect_int_eq(v[1].word, WEIR_VERDICT_NO);
	scene_clear(&s);
	/* of a file that has half of its pages the rest is promised */
	v = check_one(&s, FILE_OF("16M", "/dev/hugepages/there") ",share=on" USES_M);
	expect_numbers(v, 4, 40, 40);
	/* a private copy of it costs all of it */
	v = check_one(&s, FILE_OF("16M", "/dev/hugepages/there") USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_BUT);
	expect_u64_eq(v->twice_bytes, 8 << 20);
	assert_true(says(v, "it pays twice"));
	scene_close(&s);
}

/* ---- on warm memory ---------------------------------------------------------------- */

/* Node 0 has 4 free pages and 16 of weird's, ready in files of 20M and 12M; node 1 has
 * none free. */
static const struct change taken[] = {
	{ NODES "/node0/hugepages/hugepages-2048kB/free_hugepages", "4\n" },
	{ NODES "/node1/hugepages/hugepages-2048kB/free_hugepages", "0\n" },
	{ POOLS "/hugepages-2048kB/free_hugepages", "4\n" },
};

static void open_store(struct scene *s)
{
	static const char text[] =
		"weir-warm 1 pid=811 start=4711 boot=b0\n"
		"store page=2097152 device=0:57 dir=\"/run/weir/warm/2M\"\n"
		"region 1 state=ready page=2097152 node=0 inode=1 bytes=20971520 "
		"filled=20971520\n"
		"region 2 state=ready page=2097152 node=0 inode=2 bytes=12582912 "
		"filled=12582912\n"
		"region 3 state=dirty page=2097152 node=1 inode=3 bytes=33554432 "
		"filled=33554432\n"
		"next region=4 lease=1\nend\n";

	scene_open(s, taken, WEIR_NELEM(taken));
	expect_int_eq(weir_warm_state_parse(weir_strz(text), &s->snap->warm.state, NULL),
	              0);
	s->snap->warm.weird = WEIR_WEIRD_RUNS;
}

#define NODE(n) ",host-nodes=" n ",policy=bind,prealloc=on"

static void verdict_of_a_vm_that_warm_memory_helps(void **state)
{
	static const struct {
		const char *vm;
		enum weir_verdict_word word;
		bool by_lease;
		uint64_t warm_mib;
		const char *command; /* of the first remedy; NULL: not looked at */
	} cases[] = {
		/* the largest smaller one, and the pool for the rest */
		{ MEMFD_OF("24M") ",prealloc=on", WEIR_VERDICT_BUT, true, 20,
		  "weir lease 24M --size 2M --node 0 --qemu" },
		{ MEMFD_OF("20M"), WEIR_VERDICT_BUT, true, 20,
		  "weir lease 20M --size 2M --node 0 --qemu" },
		/* of the same size */
		{ MEMFD_OF("12M") NODE("0"), WEIR_VERDICT_BUT, true, 12,
		  "weir lease 12M --size 2M --node 0 --qemu" },
		/* the smallest larger one: only faster */
		{ MEMFD_OF("8M"), WEIR_VERDICT_YES, false, 8, NULL },
		/* nothing there is that large, also with what the pool has */
		{ MEMFD_OF("32M"), WEIR_VERDICT_NO, false, 0, NULL },
		/* what is ready there is dirty */
		{ MEMFD_OF("12M") NODE("1"), WEIR_VERDICT_NO, false, 0, NULL },
		/* no region lies on two nodes */
		{ MEMFD_OF("12M") ",host-nodes=0-1,policy=interleave", WEIR_VERDICT_NO,
		  false, 0, NULL },
		/* it has its pages already, or some of them */
		{ FILE_OF("16M", "/dev/hugepages/there") ",share=on", WEIR_VERDICT_YES,
		  false, 0, NULL },
		{ ANON_OF("12M"), WEIR_VERDICT_YES, false, 0, NULL },
	};
	static struct scene s;

	(void)state;
	open_store(&s);
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_buf_done) struct weir_buf vm = { 0 };
		const struct weir_verdict *v;

		expect_int_eq(weir_buf_printf(&vm, "%s" USES_M, cases[i].vm), 0);
		v = check_one(&s, vm.p);
		if (v->word != cases[i].word || v->by_lease != cases[i].by_lease)
			fail_msg("%s: %s", vm.p, weir_verdict_text(v->word));
		expect_u64_eq(v->offer.warm_bytes, cases[i].warm_mib << 20);
		assert_true(helps(v, "lease its memory") == cases[i].by_lease);
		if (cases[i].command)
			expect_str(v->remedies[0].command, cases[i].command);
		assert_true(says(v, "it starts on warm memory") == cases[i].by_lease);
		if (cases[i].by_lease) {
			assert_non_null(v->reason);
			assert_true(source(v, WEIR_SOURCE_POOL) +
			                    source(v, WEIR_SOURCE_POOL_CMA) >=
			            cases[i].warm_mib << 20);
		}
	}
	scene_close(&s);
}

/* Those that need it choose first, in their order; none gets what another one has. */
static void verdicts_of_several_share_warm_memory(void **state)
{
	const struct weir_verdict *v;
	static struct scene s;

	(void)state;
	open_store(&s);
	(void)add(&s, MEMFD_OF("4M") USES_M " -name fits");
	(void)add(&s, MEMFD_OF("20M") USES_M " -name a");
	(void)add(&s, MEMFD_OF("12M") USES_M " -name b");
	(void)add(&s, MEMFD_OF("6M") USES_M " -name c");
	v = check(&s);
	expect_int_eq(v[0].word, WEIR_VERDICT_YES);
	expect_u64_eq(v[0].offer.nr, 0); /* the others need all of it */
	assert_true(v[1].by_lease && v[2].by_lease);
	assert_true(v[1].offer.v[0].region != v[2].offer.v[0].region);
	expect_int_eq(v[3].word, WEIR_VERDICT_NO);
	expect_u64_eq(v[3].offer.nr, 0);
	scene_clear(&s);
	/* nobody leases where weird does not run */
	s.snap->warm.weird = WEIR_WEIRD_GONE;
	v = check_one(&s, MEMFD_OF("12M") USES_M);
	expect_int_eq(v->word, WEIR_VERDICT_NO);
	expect_u64_eq(v->offer.nr, 0);
	scene_close(&s);
}

static void fit_counts_warm_memory_apart(void **state)
{
	static const struct {
		const char *vm;
		uint64_t all, warm;
	} cases[] = {
		/* what is left of a file that is cut is the pool's again */
		{ MEMFD_OF("8M"), 1, 4 },
		{ MEMFD_OF("12M"), 0, 3 },
		/* the larger file and two pages of the pool, which then has too few for
		 * the smaller one */
		{ MEMFD_OF("24M"), 0, 1 },
		{ MEMFD_OF("2M"), 4, 16 },
		{ MEMFD_OF("32M"), 0, 0 },
	};
	const struct weir_fit_options options = { .no_matrix = true };
	static struct scene s;

	(void)state;
	open_store(&s);
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_buf_done) struct weir_buf vm = { 0 };
		struct weir_fit fit = { 0 };
		struct weir_err err;

		scene_clear(&s);
		expect_int_eq(weir_buf_printf(&vm, "%s" USES_M, cases[i].vm), 0);
		(void)add(&s, vm.p);
		expect_int_eq(weir_fit(s.snap, &s.asks[0], &options, &fit, &err), 0);
		assert_true(fit.has_store);
		expect_u64_eq(fit.rows[0].all.min, cases[i].all);
		expect_u64_eq(fit.rows[0].warm.min, cases[i].warm);
		expect_u64_eq(fit.rows[0].warm.max, cases[i].warm);
		weir_fit_done(&fit);
	}
	scene_close(&s);
}

/* ---- how many ---------------------------------------------------------------------- */

static void fit_counts_until_one_fails(void **state)
{
	const struct weir_fit_options options = { 0 };
	struct weir_fit fit = { 0 };
	struct weir_err err;
	static struct scene s;

	(void)state;
	scene_open(&s, NULL, 0);
	(void)add(&s, MEMFD_OF("10M") ",prealloc=on" USES_M);
	expect_int_eq(weir_fit(s.snap, &s.asks[0], &options, &fit, &err), 0);
	expect_u64_eq(fit.nr_nodes, 2);
	assert_true(fit.nr_rows >= 2);
	expect_int_eq(fit.rows[0].kind, WEIR_VM_PLAIN);
	assert_true(fit.rows[0].asked);
	expect_u64_eq(fit.rows[0].all.min, 8);
	expect_u64_eq(fit.rows[0].all.max, 8);
	expect_u64_eq(fit.rows[0].nodes[0].min, 4);
	expect_u64_eq(fit.rows[0].nodes[1].max, 4);
	expect_str(fit.blocks.reason, "it reserves 5 pages of 2M when it starts, and 0 "
	                              "are free and promised to nobody");
	assert_false(fit.limited_by_ids);
	weir_fit_done(&fit);
	scene_clear(&s);
	/* pinned ones between 5 and 10 pages a node */
	(void)add(&s, MEMFD_OF("10M") SEV);
	expect_int_eq(weir_fit(s.snap, &s.asks[0], &options, &fit, &err), 0);
	for (size_t i = 0; i < fit.nr_rows; i++) {
		if (!fit.rows[i].asked)
			continue;
		expect_int_eq(fit.rows[i].kind, WEIR_VM_SEV);
		expect_u64_eq(fit.rows[i].all.min, 2);
		expect_u64_eq(fit.rows[i].all.max, 4);
		expect_u64_eq(fit.rows[i].nodes[1].min, 1);
		expect_u64_eq(fit.rows[i].nodes[1].max, 2);
	}
	weir_fit_done(&fit);
	scene_clear(&s);
	/* one that cannot be at all */
	(void)add(&s, ANON_OF("2G") USES_M);
	expect_int_eq(weir_fit(s.snap, &s.asks[0], &options, &fit, &err), 0);
	expect_u64_eq(fit.rows[0].all.max, 0);
	assert_non_null(fit.blocks.reason);
	weir_fit_done(&fit);
	scene_close(&s);
}

static void fit_ends_with_the_ids(void **state)
{
	const struct change few[] = { { CGROUPS "/misc.current", "sev 98\nsev_es 0\n" } };
	const struct weir_fit_options options = { .no_matrix = true };
	struct weir_fit fit = { 0 };
	struct weir_err err;
	static struct scene s;

	(void)state;
	scene_open(&s, few, 1);
	(void)add(&s, ANON_OF("4M") SEV);
	expect_int_eq(weir_fit(s.snap, &s.asks[0], &options, &fit, &err), 0);
	expect_u64_eq(fit.nr_rows, 1);
	expect_u64_eq(fit.rows[0].all.min, 2);
	assert_true(fit.limited_by_ids);
	assert_null(fit.blocks.reason);
	weir_fit_done(&fit);
	scene_close(&s);
}

/* ---- our own memory ends ----------------------------------------------------------- */

static struct scene faulty;

static int check_again(void *ctx)
{
	const struct weir_check_options options = { 0 };
	struct weir_verdicts verdicts = { 0 };
	struct weir_err err;
	int r = weir_check(faulty.snap, faulty.asks, faulty.nr, &options, &verdicts,
	                   &err);

	(void)ctx;
	weir_verdicts_done(&verdicts);
	return r;
}

static int fit_again(void *ctx)
{
	const struct weir_fit_options options = { 0 };
	struct weir_fit fit = { 0 };
	struct weir_err err;
	int r = weir_fit(faulty.snap, &faulty.asks[*(size_t *)ctx], &options, &fit, &err);

	weir_fit_done(&fit);
	return r;
}

static int ask_again(void *ctx)
{
	struct weir_ask ask;
	int r = weir_ask_make(faulty.snap, &faulty.vms[*(size_t *)ctx].v[0],
	                      &faulty.options, &ask);

	weir_ask_done(&ask);
	return r;
}

static void open_faulty(void)
{
	scene_open(&faulty, NULL, 0);
	(void)add(&faulty,
	          FILE_OF("16M", "/dev/hugepages/there") ",share=on" USES_M " -name a");
	(void)add(&faulty, MEMFD_OF("44M") SEV " -name b");
	(void)add(&faulty, FILE_OF("32M", "/dev/hugepages/there") USES_M " -name c");
}

static void check_without_memory_of_our_own_says_so(void **state)
{
	(void)state;
	open_faulty();
	expect_int_eq(fault_every(check_again, NULL), 0);
	scene_close(&faulty);
}

static void fit_without_memory_of_our_own_says_so(void **state)
{
	(void)state;
	open_faulty();
	for (size_t i = 0; i < faulty.nr; i++)
		expect_int_eq(fault_every(fit_again, &i), 0);
	scene_close(&faulty);
}

static int lease_again(void *ctx)
{
	const struct weir_check_options options = { .no_remedies = true };
	struct weir_verdicts verdicts = { 0 };
	struct weir_err err;
	int r = weir_check(faulty.snap, faulty.asks, faulty.nr, &options, &verdicts,
	                   &err);

	(void)ctx;
	weir_verdicts_done(&verdicts);
	return r;
}

static int fit_leased_again(void *ctx)
{
	const struct weir_fit_options options = { .no_matrix = true };
	struct weir_fit fit = { 0 };
	struct weir_err err;
	int r = weir_fit(faulty.snap, &faulty.asks[0], &options, &fit, &err);

	(void)ctx;
	weir_fit_done(&fit);
	return r;
}

static void lease_without_memory_of_our_own_says_so(void **state)
{
	(void)state;
	open_store(&faulty);
	(void)add(&faulty, MEMFD_OF("24M") USES_M " -name a");
	expect_int_eq(fault_every(lease_again, NULL), 0);
	expect_int_eq(fault_every(fit_leased_again, NULL), 0);
	scene_close(&faulty);
}

static void ask_without_memory_of_our_own_says_so(void **state)
{
	(void)state;
	open_faulty();
	for (size_t i = 0; i < faulty.nr; i++)
		expect_int_eq(fault_every(ask_again, &i), 0);
	scene_close(&faulty);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ask_finds_page_sizes_and_mounts),
		cmocka_unit_test(ask_refuses_what_cannot_start),
		cmocka_unit_test(ask_minds_who_starts_it),
		cmocka_unit_test(ask_counts_the_ids_that_are_left),
		cmocka_unit_test(verdict_of_a_vm_that_fits_is_yes),
		cmocka_unit_test(verdict_of_a_pool_too_small_says_by_how_much),
		cmocka_unit_test(verdict_of_a_mount_and_a_group_names_them),
		cmocka_unit_test(verdict_of_a_pinned_vm_is_in_doubt_between_bounds),
		cmocka_unit_test(verdict_of_pinned_base_pages_beside_much_cma_warns),
		cmocka_unit_test(verdict_of_a_larger_pool_tells_what_it_costs),
		cmocka_unit_test(verdict_of_a_host_that_tells_nothing_of_its_zones),
		cmocka_unit_test(verdict_of_locked_memory_minds_the_limit),
		cmocka_unit_test(verdicts_of_several_follow_their_order),
		cmocka_unit_test(verdicts_of_vms_that_share_a_file),
		cmocka_unit_test(verdict_of_a_vm_that_warm_memory_helps),
		cmocka_unit_test(verdicts_of_several_share_warm_memory),
		cmocka_unit_test(fit_counts_warm_memory_apart),
		cmocka_unit_test(lease_without_memory_of_our_own_says_so),
		cmocka_unit_test(fit_counts_until_one_fails),
		cmocka_unit_test(fit_ends_with_the_ids),
		cmocka_unit_test(check_without_memory_of_our_own_says_so),
		cmocka_unit_test(fit_without_memory_of_our_own_says_so),
		cmocka_unit_test(ask_without_memory_of_our_own_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
