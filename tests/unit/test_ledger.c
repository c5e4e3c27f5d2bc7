/* ledger: holdings of odd hosts into holds that sum up. */
#include "holders/left.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define MM    "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define NODE  "/sys/devices/system/node/"
#define NODE0 NODE "node0/hugepages/hugepages-2048kB/"
#define NODE1 NODE "node1/hugepages/hugepages-2048kB/"
#define ALIVE "VmSize:\t 1 kB\n"
#define ANON  "/anon_hugepage (deleted)\n"

/* A host of two nodes with 32 pages: IN USE of them by node, and reserved. */
#define POOLS(free, reserved, free0, free1)                                              \
	{ MM "nr_hugepages", "32\n" }, { MM "free_hugepages", free "\n" },               \
		{ MM "surplus_hugepages", "0\n" },                                       \
		{ MM "resv_hugepages", reserved "\n" }, { NODE "online", "0-1\n" },      \
		{ NODE0 "nr_hugepages", "16\n" },                                        \
		{ NODE0 "free_hugepages", free0 "\n" },                                  \
		{ NODE0 "surplus_hugepages", "0\n" }, { NODE1 "nr_hugepages", "16\n" },  \
		{ NODE1 "free_hugepages", free1 "\n" },                                  \
		{ NODE1 "surplus_hugepages", "0\n" }, { "/@/pagesize", "4096\n" },       \
		{ "/proc/meminfo", "MemTotal: 9 kB\nHugepagesize: 2048 kB\n" },          \
	{                                                                                \
		"/proc/zoneinfo",                                                        \
			"Node 0, zone   Normal\n  pages free     1\n        spanned  "   \
			"1000\n        present  1000\n        managed  1000\n  "         \
			"start_pfn:           0\nNode 1, zone   Normal\n  pages free   " \
			"  "                                                             \
			"1\n        spanned  1000\n        present  1000\n        "      \
			"managed  "                                                      \
			"1000\n  start_pfn:           1000\n"                            \
	}
#define MOUNTED(line)                        \
	{                                    \
		"/proc/self/mountinfo", line \
	}
#define STAT(size, blocks, dev, ino)                                          \
	"type file\nmode 0600\nuid 107\ngid 0\nsize " size "\nblocks " blocks \
	"\ndev " dev "\nino " ino "\nnlink 1\nmtime 5\n"

struct loaded {
	struct fake_host fake;
	struct weir_snapshot *snap;
	struct weir_ledger ledger;
};

static int load_for(enum weir_ledger_want want, struct fake_file *files, size_t nr,
                    struct loaded *out)
{
	struct weir_err err = { 0 };
	int r;

	*out = (struct loaded){ 0 };
	fake_open(&out->fake, files, nr);
	r = weir_snapshot_read(&out->fake.host, WEIR_SNAPSHOT_BASE, &out->snap, &err);
	return r < 0 ? r
	             : weir_ledger_read(&out->fake.host, out->snap, want, &out->ledger,
	                                &err);
}

static int load(struct fake_file *files, size_t nr, struct loaded *out)
{
	return load_for(WEIR_LEDGER_USERS, files, nr, out);
}

static void unload(struct loaded *loaded)
{
	weir_ledger_done(&loaded->ledger);
	weir_snapshot_free(loaded->snap);
	fake_close(&loaded->fake);
}

/* The hold of this kind; the only one. */
static const struct weir_hold *only(const struct loaded *loaded, enum weir_hold_kind kind)
{
	const struct weir_hold *found = NULL;

	for (size_t i = 0; i < loaded->ledger.nr_holds; i++) {
		if (loaded->ledger.holds[i].kind != kind)
			continue;
		if (found)
			fail_msg("two holds are %s", weir_hold_kind_word(kind));
		found = &loaded->ledger.holds[i];
	}
	if (!found)
		fail_msg("no hold is %s", weir_hold_kind_word(kind));
	return found;
}

static void expect_sums(const struct loaded *loaded, uint64_t unattributed,
                        uint64_t unattributed_reserved)
{
	const struct weir_ledger_size *size = weir_ledger_size(&loaded->ledger,
	                                                       UINT64_C(2) << 20);

	assert_non_null(size);
	expect_count(size->unattributed, unattributed);
	expect_count(size->unattributed_reserved, unattributed_reserved);
	expect_u64_eq(size->over, 0);
	expect_u64_eq(size->over_reserved, 0);
	expect_u64_eq(size->held + size->unattributed.n, size->in_use.n);
	expect_u64_eq(size->held_reserved + size->unattributed_reserved.n + size->unsure,
	              size->reserved.n);
}

/* 10 and its child 11: six pages promised, four touched, one of them copied by the child.
 * Frames tell that three are the same; they are of two nodes. */
static struct fake_file forked[] = {
	POOLS("27", "2", "13", "14"),
	MOUNTED(""),
	{ "/proc/10/status",
	  "Name:\tparent\nPid:\t10\nPPid:\t1\nUid:\t0\t107\t0\t0\n" ALIVE
	  "HugetlbPages:\t 8192 kB\n" },
	{ "/proc/10/maps", "10000000-10c00000 rw-p 00000000 00:0f 77 " ANON },
	{ "/proc/10/numa_maps",
	  "10000000 default file=/anon_hugepage\\040(deleted) huge anon=4 "
	  "mapmax=2 N0=3 N1=1 kernelpagesize_kB=2048\n" },
	{ "/proc/10/cmdline", "parent\0-x\0", .size = 10 },
	{ "/proc/10/cgroup", "3:cpu,hugetlb:/old\n0::/new\n" },
	{ "/@/frames/10/10000000-10c00000/2097152", "0 1500\n1 100\n2 200\n3 300\n" },
	{ "/proc/11/status", "Name:\tchild\nPid:\t11\nPPid:\t10\nUid:\t0\t0\t0\t0\n" ALIVE
	                     "HugetlbPages:\t 8192 kB\n" },
	{ "/proc/11/maps", "10000000-10c00000 rw-p 00000000 00:0f 77 " ANON },
	{ "/proc/11/numa_maps",
	  "10000000 default file=/anon_hugepage\\040(deleted) huge anon=4 "
	  "mapmax=2 N0=3 N1=1 kernelpagesize_kB=2048\n" },
	{ "/@/frames/11/10000000-10c00000/2097152", "0 1700\n1 100\n2 200\n3 300\n" },
};

static void ledger_fork_counts_shared_pages_once(void **state)
{
	const struct weir_hold *hold;
	struct loaded loaded;

	(void)state;
	expect_int_eq(load(forked, WEIR_NELEM(forked), &loaded), 0);
	hold = only(&loaded, WEIR_HOLD_PRIVATE);
	expect_u64_eq(hold->pages, 5);
	expect_u64_eq(hold->node_pages[0], 3);
	expect_u64_eq(hold->node_pages[1], 2);
	expect_count(hold->reserved, 2); /* the parent's: a child has none */
	expect_u64_eq(hold->nr_users, 2);
	assert_false(hold->pages_least);
	expect_sums(&loaded, 0, 0);
	expect_str(loaded.ledger.holdings.tasks[0].cgroup, "/old");
	expect_count(loaded.ledger.holdings.tasks[0].uid, 107);
	expect_u64_eq(loaded.ledger.nr_reasons, 0);
	unload(&loaded);
}

static void ledger_fork_without_frames_counts_the_most(void **state)
{
	struct fake_file files[WEIR_NELEM(forked)];
	const struct weir_hold *hold;
	struct loaded loaded;

	(void)state;
	memcpy(files, forked, sizeof(files));
	for (size_t i = 0; i < WEIR_NELEM(files); i++)
		if (weir_str_starts(weir_strz(files[i].path), "/@/frames"))
			files[i].error = -EACCES;
	expect_int_eq(load(files, WEIR_NELEM(files), &loaded), 0);
	hold = only(&loaded, WEIR_HOLD_PRIVATE);
	expect_u64_eq(hold->pages, 4);
	assert_true(hold->pages_least);
	expect_sums(&loaded, 1, 0);
	unload(&loaded);
}

/* A file of 8 pages of which 6 are mapped by two processes, here and there; it has 5. */
static struct fake_file shared[] = {
	POOLS("25", "3", "11", "14"),
	MOUNTED("50 1 0:39 / /huge rw - hugetlbfs none rw,pagesize=2M,min_size=20M\n"),
	{ "/huge/vm\nx", "" },
	{ "/@/stat/huge/vm\nx/@", STAT("16777216", "20480", "0:39", "42") },
	{ "/huge/left_pid12", "" },
	{ "/@/stat/huge/left_pid12/@", STAT("4194304", "8192", "0:39", "43") },
	{ "/proc/20/status", "Pid:\t20\n" ALIVE "HugetlbPages:\t 4096 kB\n" },
	{ "/proc/20/maps", "10000000-10800000 rw-s 00000000 00:27 42 /huge/vm\\012x\n" },
	{ "/proc/20/numa_maps", "10000000 default file=/huge/vm\\012x huge mapmax=2 N0=2 "
	                        "N1=1 kernelpagesize_kB=2048\n" },
	{ "/proc/20/fd/7", "" },
	{ "/@/link/proc/20/fd/7", "/huge/vm\nx" },
	{ "/@/file/proc/20/fd/7/@", STAT("16777216", "20480", "0:39", "42") },
	{ "/proc/21/status", "Pid:\t21\n" ALIVE "HugetlbPages:\t 4096 kB\n" },
	{ "/proc/21/maps", "20000000-20800000 rw-s 00400000 00:27 42 /huge/vm\\012x\n" },
	{ "/proc/21/numa_maps", "20000000 default file=/huge/vm\\012x huge mapmax=2 N0=3 "
	                        "N1=1 kernelpagesize_kB=2048\n" },
};

static void ledger_file_is_counted_once_with_all_its_users(void **state)
{
	const struct weir_hold *hold;
	struct loaded loaded;

	(void)state;
	expect_int_eq(load(shared, WEIR_NELEM(shared), &loaded), 0);
	hold = &loaded.ledger.holds[0];
	expect_u64_eq(hold->pages, 5);
	expect_u64_eq(hold->mapped_pages, 6);
	expect_count(hold->reserved, 1);
	expect_u64_eq(hold->node_pages[0], 3);
	expect_u64_eq(hold->node_pages[1], 1);
	expect_u64_eq(hold->node_unknown, 1);
	expect_u64_eq(hold->nr_users, 2);
	assert_true(hold->users[0].is_open && !hold->users[1].is_open);
	expect_text(weir_hold_name(&loaded.ledger, hold), "/huge/vm\nx");
	assert_false(weir_hold_is_left(hold));
	hold = only(&loaded, WEIR_HOLD_MOUNT); /* 10 less 5, 2 and 1 */
	expect_count(hold->reserved, 2);
	assert_false(weir_hold_is_left(hold));
	expect_u64_eq(loaded.ledger.nr_holds, 3);
	expect_sums(&loaded, 0, 0);
	unload(&loaded);
}

/* Segments of 6.7 and later: 2 pages are 2 GiB. One of base pages is passed over. */
static struct fake_file segments[] = {
	POOLS("29", "4", "14", "15"),
	MOUNTED(""),
	{ "/proc/sysvipc/shm", "key shmid perms size cpid lpid nattch uid rss\n"
	                       "0 5 600 8388608 30 30 1 0 2147483648\n"
	                       "7 6 600 6291455 31 0 0 107 1073741824\n"
	                       "0 8 600 4194304 31 0 0 107 8192\n" },
	{ "/proc/30/status", "Pid:\t30\n" ALIVE "HugetlbPages:\t 4096 kB\n" },
	{ "/proc/30/maps",
	  "10000000-10800000 rw-s 00000000 00:0f 5 /SYSV00000000 (deleted)\n" },
	{ "/proc/30/numa_maps",
	  "10000000 default file=/SYSV00000000\\040(deleted) huge N0=2 "
	  "kernelpagesize_kB=2048\n" },
	{ "/@/file/proc/30/map_files/10000000-10800000/@",
	  STAT("8388608", "8192", "0:15", "5") },
};

static void ledger_segments_are_joined_by_their_id(void **state)
{
	const struct weir_hold *hold;
	struct loaded loaded;

	(void)state;
	expect_int_eq(load(segments, WEIR_NELEM(segments), &loaded), 0);
	expect_u64_eq(loaded.ledger.nr_holds, 2);
	hold = &loaded.ledger.holds[0];
	expect_u64_eq(hold->shm->id, 5);
	expect_u64_eq(hold->pages, 2);
	expect_count(hold->reserved, 2);
	hold = &loaded.ledger.holds[1];
	expect_u64_eq(hold->shm->id, 6);
	expect_u64_eq(hold->pages, 1);
	expect_count(hold->reserved, 2);
	expect_u64_eq(hold->node_pages[1], 1); /* what node 1 has in use besides */
	expect_u64_eq(hold->node_unknown, 0);
	assert_true(weir_hold_is_left(hold));
	expect_sums(&loaded, 0, 0);
	unload(&loaded);
}

/* Number 5 in two IPC namespaces: ours, where nobody has it attached, and that of 90; 91
 * is in ours and has another one. */
#define SEGMENT(pid, inode, pages_, kb)                                                \
	{ "/proc/" pid "/status",                                                      \
	  "Pid:\t" pid "\n" ALIVE "HugetlbPages:\t " kb " kB\n" },                     \
		{ "/proc/" pid "/maps", "10000000-10800000 rw-s 00000000 00:0f " inode \
		                        " /SYSV00000000 (deleted)\n" },                \
	{                                                                              \
		"/proc/" pid "/numa_maps",                                             \
			"10000000 default file=/SYSV00000000\\040(deleted) huge "      \
			"N0=" pages_ " kernelpagesize_kB=2048\n"                       \
	}
static struct fake_file namespaces[] = {
	POOLS("25", "5", "10", "15"),
	MOUNTED(""),
	{ "/@/link/proc/self/ns/ipc", "ipc:[4026531839]" },
	{ "/@/link/proc/90/ns/ipc", "ipc:[4026532222]" },
	{ "/@/link/proc/91/ns/ipc", "ipc:[4026531839]" },
	{ "/proc/sysvipc/shm", "key shmid perms size cpid lpid nattch uid rss\n"
	                       "0 5 600 8388608 30 30 0 7 1073741824\n"
	                       "0 6 600 8388608 30 30 1 7 2147483648\n" },
	SEGMENT("90", "5", "4", "8192"),
	{ "/@/file/proc/90/map_files/10000000-10800000/@",
	  STAT("8388608", "16384", "0:15", "5") },
	SEGMENT("91", "6", "2", "4096"),
	{ "/@/file/proc/91/map_files/10000000-10800000/@",
	  STAT("8388608", "8192", "0:15", "6") },
};

static void ledger_segments_of_two_namespaces_are_two(void **state)
{
	static const struct {
		uint64_t pages, nr_users;
		bool ours;
	} wanted[] = { { 4, 1, false }, { 1, 0, true }, { 2, 1, true } };
	struct loaded loaded;

	(void)state;
	expect_int_eq(load(namespaces, WEIR_NELEM(namespaces), &loaded), 0);
	expect_u64_eq(loaded.ledger.nr_holds, WEIR_NELEM(wanted));
	for (size_t i = 0; i < WEIR_NELEM(wanted); i++) {
		bool found = false;

		for (size_t k = 0; k < loaded.ledger.nr_holds; k++) {
			const struct weir_hold *hold = &loaded.ledger.holds[k];

			found |= hold->pages == wanted[i].pages &&
			         hold->nr_users == wanted[i].nr_users &&
			         (hold->shm != NULL) == wanted[i].ours;
		}
		if (!found)
			fail_msg("no segment has %d pages", (int)wanted[i].pages);
	}
	expect_sums(&loaded, 0, 0);
	unload(&loaded);
}

/* A segment of 4 GiB of ordinary pages, all of them resident, is one of 4 huge pages by
 * the same number. */
static void ledger_ordinary_segments_are_not_counted(void **state)
{
#define ORDINARY(attached)                                \
	"key shmid perms size cpid lpid nattch uid rss\n" \
	"0 5 600 4294967296 30 30 " attached " 7 4294967296\n"
	static const struct {
		const char *shm, *free, *reserved, *release;
		uint64_t pages; /* of it; 0: none is in the ledger */
	} cases[] = {
		{ ORDINARY("0"), "32", "0", "6.18.44", 0 },    /* nothing is missing */
		{ ORDINARY("0"), "28", "0", "6.18.44", 0 },    /* nothing is promised */
		{ ORDINARY("1"), "28", "2044", "6.18.44", 0 }, /* nobody maps it */
		{ ORDINARY("0"), "28", "2044", "6.18.44", 4 },
		{ ORDINARY("0"), "29", "2044", "6.18.44", 0 },
		{ ORDINARY("0"), "28", "2044", "6.6.30", 0 }, /* 2048, or none */
		{ "key shmid perms size cpid lpid nattch uid rss\n"
		  "0 5 600 8388608 30 30 0 7 6291456\n",
		  "29", "1", "6.6.30", 3 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = {
			POOLS("32", "0", "16", "16"),
			MOUNTED(""),
			{ "/proc/sysvipc/shm", cases[i].shm },
			{ "/proc/sys/kernel/osrelease", cases[i].release },
			{ "/proc/1/status", "Pid:\t1\n" ALIVE "HugetlbPages:\t 0 kB\n" },
			{ "/proc/1/maps", "" },
		};
		const struct weir_hold *hold;
		struct loaded loaded;

		for (size_t k = 0; k < WEIR_NELEM(files); k++) {
			if (strcmp(files[k].path, MM "free_hugepages") == 0)
				files[k].text = cases[i].free;
			if (strcmp(files[k].path, MM "resv_hugepages") == 0)
				files[k].text = cases[i].reserved;
		}
		expect_int_eq(load(files, WEIR_NELEM(files), &loaded), 0);
		expect_u64_eq(loaded.ledger.nr_holds, cases[i].pages != 0);
		if (cases[i].pages) {
			hold = only(&loaded, WEIR_HOLD_SHM);
			expect_u64_eq(hold->pages, cases[i].pages);
			assert_true(hold->supposed);
		}
		unload(&loaded);
	}
}

/* 4 pages of a file are mapped privately, 1 is touched; the mount keeps 6 in all. */
static struct fake_file minimum[] = {
	POOLS("31", "5", "15", "16"),
	MOUNTED("50 1 0:39 / /huge rw - hugetlbfs none rw,pagesize=2M,min_size=12M\n"),
	{ "/huge/vm", "" },
	{ "/@/stat/huge/vm/@", STAT("8388608", "0", "0:39", "42") },
	{ "/proc/20/status", "Pid:\t20\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/20/maps", "10000000-10800000 rw-p 00000000 00:27 42 /huge/vm\n" },
	{ "/proc/20/numa_maps", "10000000 default file=/huge/vm huge anon=1 N0=1 "
	                        "kernelpagesize_kB=2048\n" },
	{ "/proc/20/fd/7", "" },
	{ "/@/link/proc/20/fd/7", "/huge/vm" },
	{ "/@/file/proc/20/fd/7/@", STAT("8388608", "0", "0:39", "42") },
};

static void ledger_minimum_counts_private_pages(void **state)
{
	static const struct {
		const char *reserved;
		uint64_t mount, private;
	} cases[] = {
		{ "5", 2, 3 },
		{ "1", 1, 0 }, /* it was lost: no more than the kernel counts */
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[WEIR_NELEM(minimum)];
		struct loaded loaded;

		memcpy(files, minimum, sizeof(files));
		for (size_t k = 0; k < WEIR_NELEM(files); k++)
			if (strcmp(files[k].path, MM "resv_hugepages") == 0)
				files[k].text = cases[i].reserved;
		expect_int_eq(load(files, WEIR_NELEM(files), &loaded), 0);
		expect_count(only(&loaded, WEIR_HOLD_MOUNT)->reserved, cases[i].mount);
		expect_u64_eq(only(&loaded, WEIR_HOLD_PRIVATE)->pages, 1);
		expect_u64_eq(only(&loaded, WEIR_HOLD_PRIVATE)->reserved.n,
		              cases[i].private);
		expect_sums(&loaded, 0, 0);
		unload(&loaded);
	}
}

/* Two mappings that may have reserved what they have not touched, of which at most 3 are
 * 10 that are reserved. */
static struct fake_file untold[] = {
	POOLS("32", "10", "16", "16"),
	MOUNTED("50 1 0:39 / /huge rw - hugetlbfs none rw,pagesize=2M\n"),
	{ "/huge/a", "" },
	{ "/@/stat/huge/a/@", STAT("25165824", "0", "0:39", "42") },
	{ "/huge/b", "" },
	{ "/@/stat/huge/b/@", STAT("6291456", "0", "0:39", "43") },
	{ "/proc/20/status", "Pid:\t20\n" ALIVE "HugetlbPages:\t 0 kB\n" },
	{ "/proc/20/maps", "10000000-11800000 rw-s 00000000 00:27 42 /huge/a\n"
	                   "20000000-20600000 rw-s 00000000 00:27 43 /huge/b\n" },
	{ "/proc/20/numa_maps",
	  "10000000 default file=/huge/a huge kernelpagesize_kB=2048\n"
	  "20000000 default file=/huge/b huge kernelpagesize_kB=2048\n" },
};

static void ledger_is_unsure_of_no_more_than_may_be(void **state)
{
	const struct weir_ledger_size *size;
	struct loaded loaded;
	uint64_t most = 0;

	(void)state;
	expect_int_eq(load(untold, WEIR_NELEM(untold), &loaded), 0);
	size = weir_ledger_size(&loaded.ledger, UINT64_C(2) << 20);
	for (size_t i = 0; i < loaded.ledger.nr_holds; i++)
		most += loaded.ledger.holds[i].reserved_max;
	assert_true(most < 10);
	expect_u64_eq(size->held_reserved + size->unsure, most);
	expect_count(size->unattributed_reserved, 10 - most);
	unload(&loaded);
}

/* 40 may not be looked at, 41 ended meanwhile; nobody is found for what is in use. */
static struct fake_file hidden[] = {
	POOLS("30", "1", "14", "16"),
	MOUNTED(""),
	{ "/proc/40/status", "Pid:\t40\n" ALIVE },
	{ "/proc/40/maps", .error = -EACCES },
	{ "/proc/41/status", "Pid:\t41\n" ALIVE "HugetlbPages:\t 4096 kB\n" },
	{ "/proc/41/maps", .error = -ESRCH },
};

static void ledger_says_what_it_could_not_see(void **state)
{
	struct loaded loaded;

	(void)state;
	expect_int_eq(load(hidden, WEIR_NELEM(hidden), &loaded), 0);
	expect_u64_eq(loaded.ledger.nr_holds, 0);
	expect_u64_eq(loaded.ledger.holdings.nr_forbidden, 1);
	expect_sums(&loaded, 2, 1);
	assert_true(loaded.ledger.nr_reasons >= 1);
	assert_true(
		weir_str_starts(weir_strz(loaded.ledger.reasons[0]), "1 process could"));
	unload(&loaded);
}

static void ledger_is_blind_where_users_may_be_hidden(void **state)
{
	static const struct {
		const char *pid_namespace; /* NULL: not told */
		const char *words;         /* NULL: it sees all */
		bool sees_first, forbidden;
	} cases[] = {
		{ NULL, NULL, false, false },
		{ "pid:[4026531836]", NULL, true, false },
		{ "pid:[4026531836]", "hidden", false, false },
		{ "pid:[4026532200]", "outside of this PID namespace", true, false },
		{ "pid:[4026531836]", "1 process could not", true, true },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = {
			POOLS("32", "0", "16", "16"),
			MOUNTED(""),
			{ "/proc/7/status", "Pid:\t7\n" ALIVE "HugetlbPages:\t 0 kB\n" },
			{ "/proc/7/maps", "", .error = cases[i].forbidden ? -EACCES : 0 },
			{ "/@/link/proc/self/ns/pid", cases[i].pid_namespace,
			  .error = cases[i].pid_namespace ? 0 : -ENOENT },
			{ "/@/stat/proc/1/@", "type dir\n",
			  .error = cases[i].sees_first ? 0 : -ENOENT },
		};
		struct loaded loaded;
		char *blind;

		expect_int_eq(
			load_for(WEIR_LEDGER_ALL, files, WEIR_NELEM(files), &loaded), 0);
		expect_int_eq(
			weir_ledger_blind(&loaded.fake.host, &loaded.ledger, &blind), 0);
		assert_int_equal(blind != NULL, cases[i].words != NULL);
		if (blind && weir_str_find(weir_strz(blind), cases[i].words) < 0)
			fail_msg("'%s' lacks '%s'", blind, cases[i].words);
		free(blind);
		unload(&loaded);
	}
}

/* A file on a mount that is gone is seen by what the kernel says of its descriptor, which
 * is asked only because pages are missing without it. */
static struct fake_file unmounted[] = {
	POOLS("31", "0", "15", "16"),
	MOUNTED(""),
	{ "/proc/50/status", "Pid:\t50\n" ALIVE },
	{ "/proc/50/maps", "" },
	{ "/proc/50/fd/3", "" },
	{ "/@/link/proc/50/fd/3", "/lazy" },
	{ "/@/statfs/proc/50/fd/3/@", "type 958458f6\nbsize 2097152\n" },
	{ "/@/file/proc/50/fd/3/@", STAT("2097152", "4096", "0:50", "9") },
};

static void ledger_looks_again_when_pages_are_missing(void **state)
{
	const struct weir_hold *hold;
	struct loaded loaded;

	(void)state;
	expect_int_eq(load(unmounted, WEIR_NELEM(unmounted), &loaded), 0);
	hold = only(&loaded, WEIR_HOLD_FILE);
	expect_u64_eq(hold->pages, 1);
	assert_true(hold->mount == WEIR_HOLD_NONE);
	expect_sums(&loaded, 0, 0);
	unload(&loaded);
}

/* A memfd of 3 pages: 70 has touched them, 71 has it open, and 72 has mapped it, touched
 * nothing and closed it. 80 has one of its own. */
#define MEMFD_STAT    STAT("6291456", "12288", "0:17", "8")
#define MEMFD_IS_HUGE "type 958458f6\nbsize 2097152\n"
static struct fake_file passed_on[] = {
	POOLS("28", "0", "12", "16"),
	MOUNTED(""),
	{ "/@/link/proc/self/ns/mnt", "mnt:[1]" },
	{ "/proc/70/status", "Name:\tvm\nPid:\t70\n" ALIVE "HugetlbPages:\t 6144 kB\n" },
	{ "/proc/70/maps",
	  "10000000-10600000 rw-s 00000000 00:11 8 /memfd:ram (deleted)\n" },
	{ "/proc/70/numa_maps",
	  "10000000 default file=/memfd:ram\\040(deleted) huge N0=3 "
	  "kernelpagesize_kB=2048\n" },
	{ "/@/statfs/proc/70/map_files/10000000-10600000/@", MEMFD_IS_HUGE },
	{ "/@/file/proc/70/map_files/10000000-10600000/@", MEMFD_STAT },
	{ "/proc/71/status", "Name:\topen\nPid:\t71\n" ALIVE "HugetlbPages:\t 0 kB\n" },
	{ "/proc/71/maps", "" },
	{ "/proc/71/fd/3", "" },
	{ "/@/link/proc/71/fd/3", "/memfd:ram (deleted)" },
	{ "/@/statfs/proc/71/fd/3/@", MEMFD_IS_HUGE },
	{ "/@/file/proc/71/fd/3/@", MEMFD_STAT },
	{ "/proc/72/status", "Name:\tidle\nPid:\t72\n" ALIVE "HugetlbPages:\t 0 kB\n" },
	{ "/proc/72/maps",
	  "20000000-20600000 rw-s 00000000 00:11 8 /memfd:ram (deleted)\n" },
	{ "/@/statfs/proc/72/map_files/20000000-20600000/@", MEMFD_IS_HUGE },
	{ "/@/file/proc/72/map_files/20000000-20600000/@", MEMFD_STAT },
	{ "/proc/80/status", "Name:\tvm2\nPid:\t80\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/80/maps",
	  "10000000-10200000 rw-s 00000000 00:11 9 /memfd:own (deleted)\n" },
	{ "/proc/80/numa_maps",
	  "10000000 default file=/memfd:own\\040(deleted) huge N0=1 "
	  "kernelpagesize_kB=2048\n" },
	{ "/@/statfs/proc/80/map_files/10000000-10200000/@", MEMFD_IS_HUGE },
	{ "/@/file/proc/80/map_files/10000000-10200000/@",
	  STAT("2097152", "4096", "0:17", "9") },
};

/* The same host without those of @gone, which ended. */
static int load_without(const char *gone, enum weir_ledger_want want,
                        struct fake_file *files, struct loaded *out)
{
	size_t nr = 0;

	for (size_t i = 0; i < WEIR_NELEM(passed_on); i++) {
		struct weir_str path = weir_strz(passed_on[i].path);
		ptrdiff_t at = weir_str_find(path, "/proc/7");

		if (at < 0 || !strchr(gone, path.p[at + 7]))
			files[nr++] = passed_on[i];
	}
	return load_for(want, files, nr, out);
}

/* The hold of 3 pages. */
static const struct weir_hold *largest(const struct loaded *loaded)
{
	expect_u64_eq(loaded->ledger.nr_holds, 2);
	expect_u64_eq(loaded->ledger.holds[0].pages, 3);
	return &loaded->ledger.holds[0];
}

static void ledger_finds_users_as_far_as_they_are_wanted_or_needed(void **state)
{
	static const struct {
		const char *gone;
		enum weir_ledger_want want;
		uint64_t first, nr; /* of the users that are found */
		bool least;
	} cases[] = {
		{ "", WEIR_LEDGER_PAGES, 70, 1, true },
		{ "", WEIR_LEDGER_USERS, 70, 2, true },
		{ "", WEIR_LEDGER_ALL, 70, 3, false },
		{ "0", WEIR_LEDGER_PAGES, 71, 1, true }, /* by its descriptor */
		{ "0", WEIR_LEDGER_USERS, 71, 1, true },
		{ "0", WEIR_LEDGER_ALL, 72, 2, false },
		{ "01", WEIR_LEDGER_PAGES, 72, 1, false }, /* by its mapping */
		{ "01", WEIR_LEDGER_USERS, 72, 1, false },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[WEIR_NELEM(passed_on)];
		const struct weir_hold *hold;
		struct loaded loaded;

		expect_int_eq(load_without(cases[i].gone, cases[i].want, files, &loaded),
		              0);
		hold = largest(&loaded);
		expect_u64_eq(hold->nr_users, cases[i].nr);
		expect_u64_eq(loaded.ledger.holdings.tasks[hold->users[0].task].pid,
		              cases[i].first);
		assert_int_equal(weir_hold_users_least(&loaded.ledger, hold),
		                 cases[i].least);
		expect_sums(&loaded, 0, 0);
		unload(&loaded);
	}
}

/* Nobody can have it open. */
static void ledger_of_private_memory_knows_all_users(void **state)
{
	struct loaded loaded;

	(void)state;
	expect_int_eq(load_for(WEIR_LEDGER_PAGES, forked, WEIR_NELEM(forked), &loaded),
	              0);
	assert_false(
		weir_hold_users_least(&loaded.ledger, only(&loaded, WEIR_HOLD_PRIVATE)));
	expect_sums(&loaded, 0, 0);
	unload(&loaded);
}

static void ledger_of_pools_that_move_is_marked(void **state)
{
	struct fake_file files[WEIR_NELEM(hidden)];
	struct loaded loaded;

	(void)state;
	memcpy(files, hidden, sizeof(files));
	for (size_t i = 0; i < WEIR_NELEM(files); i++)
		files[i].nr_reads = 0;
	/* the snapshot reads it twice, the ledger's first look sees "30" no more */
	files[1].later = "29\n";
	expect_int_eq(load(files, WEIR_NELEM(files), &loaded), 0);
	assert_false(loaded.ledger.moved); /* it stood still later */
	unload(&loaded);
}

static void ledger_of_no_hugetlb_is_empty(void **state)
{
	struct fake_file files[] = { { "/proc/1/status", "Pid:\t1\n" ALIVE } };
	struct loaded loaded;

	(void)state;
	expect_int_eq(load(files, WEIR_NELEM(files), &loaded), 0);
	expect_u64_eq(loaded.ledger.nr_sizes, 0);
	expect_u64_eq(loaded.ledger.nr_holds, 0);
	unload(&loaded);
}

/* A page whose file is gone has a memory error; and block 0, which has two pages of the
 * pool, is going offline. Process 60 has three of its four pages registered with
 * io_uring, one of them twice, and another megabyte where nothing is mapped. */
static struct fake_file damaged[] = {
	POOLS("27", "0", "11", "16"),
	MOUNTED(""),
	{ "/proc/60/status", "Pid:\t60\nUid:\t7\t7\t7\t7\n" ALIVE
	                     "VmPin:\t 7168 kB\nHugetlbPages:\t 8192 kB\n" },
	{ "/proc/60/maps", "10000000-10800000 rw-p 00000000 00:0f 77 " ANON },
	{ "/proc/60/numa_maps", "10000000 default file=/anon_hugepage\\040(deleted) huge "
	                        "anon=4 N0=4 kernelpagesize_kB=2048\n" },
	{ "/@/link/proc/60/fd/3", "/dev/vfio/vfio" },
	{ "/@/link/proc/60/fd/4", "anon_inode:[io_uring]" },
	{ "/proc/60/fdinfo/4",
	  "UserBufs:\t3\n    0: 0x10000000/4194304\n    1: 0x10200000"
	  "/4194304\n    2: 0x20000000/1048576\n" },
	{ "/sys/devices/system/memory/block_size_bytes", "8000000\n" },
	{ "/sys/devices/system/memory/memory0/state", "going-offline\n" },
	{ "/sys/devices/system/memory/memory1/state", "online\n" },
	{ "/@/poolpages", "512 2 2097152 used\n32768 30 2097152 free\n" },
};

static bool has_reason(const struct weir_ledger *ledger, const char *words)
{
	for (size_t i = 0; i < ledger->nr_reasons; i++)
		if (weir_str_find(weir_strz(ledger->reasons[i]), words) >= 0)
			return true;
	return false;
}

/* With two base pages that have errors; and the places of the pools as given. */
static void load_damaged(const char *places, int error, struct fake_file *files,
                         struct loaded *out)
{
	memcpy(files, damaged, sizeof(damaged));
	for (size_t i = 0; i < WEIR_NELEM(damaged); i++) {
		if (strcmp(files[i].path, "/proc/meminfo") == 0)
			files[i].text =
				"HardwareCorrupted: 8 kB\nHugepagesize: 2048 kB\n";
		if (strcmp(files[i].path, "/@/poolpages") == 0 && places)
			files[i].text = places;
		if (strcmp(files[i].path, "/@/poolpages") == 0)
			files[i].error = error;
	}
	expect_int_eq(load(files, WEIR_NELEM(damaged), out), 0);
}

/* One page is missing. */
static void pages_with_memory_errors_are_held_where_their_places_are_told(void **state)
{
	static const struct {
		const char *places;
		int error;
		uint64_t lost, missing, most;
	} cases[] = {
		{ "512 3 2097152 used\n1536 1 2097152 lost\n4096 28 2097152 free\n", 0, 1,
		  0, 0 },
		{ "512 4 2097152 lost\n4096 27 2097152 any\n", 0, 1, 0, 0 },
		/* counts as free, where the kernel could not take it out */
		{ "512 1 2097152 lost\n4096 26 2097152 free\n", 0, 0, 1, 0 },
		{ "0 4 1073741824 lost\n", 0, 0, 1, 0 },
		{ "512 4 2097152 any\n", 0, 0, 1, 1 }, /* or a capture of old */
		{ "", 0, 0, 1, 1 },
		{ "512 4 2097152 lo", 0, 0, 1, 1 }, /* garbled */
		{ "512 4 2097152 lost\nx\n", 0, 0, 1, 1 },
		{ NULL, -EACCES, 0, 1, 1 },
		{ NULL, -ENOENT, 0, 1, 1 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[WEIR_NELEM(damaged)];
		const struct weir_hold *hold;
		struct loaded loaded;
		uint64_t lost = 0;

		load_damaged(cases[i].places, cases[i].error, files, &loaded);
		expect_sums(&loaded, cases[i].missing, 0);
		expect_count(loaded.ledger.sizes[0].poisoned_max, cases[i].most);
		for (size_t k = 0; k < loaded.ledger.nr_holds; k++) {
			hold = &loaded.ledger.holds[k];
			if (hold->kind != WEIR_HOLD_POISONED)
				continue;
			lost += hold->pages;
			/* the zone of node 1 begins at 1000 */
			expect_u64_eq(hold->node_pages[i == 0], hold->pages);
			assert_false(weir_hold_is_left(hold));
		}
		expect_u64_eq(lost, cases[i].lost);
		expect_int_eq(has_reason(&loaded.ledger, "out of use, perhaps"),
		              cases[i].most > 0);
		unload(&loaded);
	}
}

static void ledger_says_what_is_damaged_pinned_and_leaving(void **state)
{
	struct fake_file files[WEIR_NELEM(damaged)];
	const struct weir_ledger_size *size;
	const struct weir_pinner *pinner;
	struct loaded loaded;

	(void)state;
	load_damaged(NULL, 0, files, &loaded);
	expect_sums(&loaded, 1, 0);
	size = &loaded.ledger.sizes[0];
	expect_count(size->poisoned_max, 1); /* two base pages, but one is missing */
	expect_count(size->leaving, 2);
	assert_true(has_reason(&loaded.ledger, "took 8 KiB out of use, perhaps"));
	assert_true(has_reason(&loaded.ledger, "block 0 is going offline"));
	assert_true(has_reason(&loaded.ledger, "process 60 has 1024 KiB registered"));
	expect_count(only(&loaded, WEIR_HOLD_PRIVATE)->registered_bytes, 3 << 21);
	pinner = weir_pinners_find(&loaded.ledger.pinners, 60);
	assert_non_null(pinner);
	expect_u64_eq(pinner->by, WEIR_PINS_VFIO | WEIR_PINS_IO_URING);
	expect_count(pinner->pinned_bytes, 7 << 20);
	expect_int_eq(weir_owner_lives(&loaded.ledger.owners, 7), WEIR_OWNER_LIVES);
	/* nobody said that these are all processes */
	expect_int_eq(weir_owner_lives(&loaded.ledger.owners, 8), WEIR_OWNER_UNKNOWN);
	unload(&loaded);
}

static void ledger_of_a_busy_ring_does_not_know_what_it_pins(void **state)
{
	struct fake_file files[WEIR_NELEM(damaged)];
	struct loaded loaded;

	(void)state;
	memcpy(files, damaged, sizeof(files));
	for (size_t i = 0; i < WEIR_NELEM(files); i++)
		if (strcmp(files[i].path, "/proc/60/fdinfo/4") == 0)
			files[i].error = -EACCES;
	expect_int_eq(load(files, WEIR_NELEM(files), &loaded), 0);
	expect_unknown(only(&loaded, WEIR_HOLD_PRIVATE)->registered_bytes);
	expect_unknown(loaded.ledger.sizes[0].poisoned_max);
	unload(&loaded);
}

/* A capture that was asked for owners has the processes that this came to. */
static void ledger_knows_owners_where_all_were_asked(void **state)
{
	static struct fake_file files[] = {
		POOLS("32", "0", "16", "16"),
		MOUNTED(""),
		{ "/@/stat/proc/@", "type directory\n" },
		{ "/@/stat/proc/1/@", STAT("0", "0", "0:4", "1") },
		/* no more of it than who it is */
		{ "/proc/20/status",
		  "Pid:\t20\nUid:\t5\t6\t7\t7\nNStgid:\t20\t3\n" ALIVE },
	};
	static const enum weir_ledger_want wants[] = { WEIR_LEDGER_PAGES,
		                                       WEIR_LEDGER_USERS,
		                                       WEIR_LEDGER_ALL };
	struct loaded loaded;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(wants); i++) {
		const struct weir_owners *owners = &loaded.ledger.owners;

		expect_int_eq(load_for(wants[i], files, WEIR_NELEM(files), &loaded), 0);
		expect_int_eq(weir_owner_lives(owners, 107), WEIR_OWNER_LIVES);
		expect_int_eq(weir_owner_lives(owners, 5), WEIR_OWNER_LIVES);
		expect_int_eq(weir_owner_lives(owners, 8), WEIR_OWNER_GONE);
		assert_true(weir_pids_has(&loaded.ledger.pids, 3));
		assert_false(weir_pids_has(&loaded.ledger.pids, 4));
		unload(&loaded);
	}
}

/* A store: 60 is ready, 61 leased and mapped, 62 its lease has ended and 10 has it open,
 * 63 weird itself has open, 64 is in no state. */
static struct fake_file store[] = {
	POOLS("14", "0", "4", "10"),
	MOUNTED("57 1 0:57 / /run/weir/warm/2M rw - hugetlbfs weird rw,pagesize=2M\n"),
	{ "/proc/sys/kernel/random/boot_id", "b0\n" },
	{ "/proc/811/stat",
	  "811 (weird) S 1 811 811 0 -1 0 1 0 0 0 1 1 0 0 20 0 3 0 4711 1 1\n" },
	{ "/run/weir/warm.state",
	  "weir-warm 1 pid=811 start=4711 boot=b0\n"
	  "store page=2097152 device=0:57 dir=\"/run/weir/warm/2M\"\n"
	  "region 1 state=ready page=2097152 node=0 inode=60 bytes=8388608 "
	  "filled=8388608\n"
	  "region 2 state=leased page=2097152 node=0 inode=61 bytes=8388608 "
	  "filled=8388608 lease=1 name=\"vm1\" uid=107 gid=0 since=1 until=0 "
	  "owner=use\n"
	  "region 3 state=waiting page=2097152 node=1 inode=62 bytes=4194304 "
	  "filled=4194304 lease=2 name=\"\" uid=107 gid=0 since=1 until=0 owner=none\n"
	  "region 4 state=scrubbing page=2097152 node=1 inode=63 bytes=8388608 "
	  "filled=8388608\n"
	  "next region=5 lease=3\nend\n" },
	{ "/run/weir/warm/2M/a", "" },
	{ "/@/stat/run/weir/warm/2M/a/@", STAT("8388608", "16384", "0:57", "60") },
	{ "/run/weir/warm/2M/b", "" },
	{ "/@/stat/run/weir/warm/2M/b/@", STAT("8388608", "16384", "0:57", "61") },
	{ "/run/weir/warm/2M/c", "" },
	{ "/@/stat/run/weir/warm/2M/c/@", STAT("4194304", "8192", "0:57", "62") },
	{ "/run/weir/warm/2M/d", "" },
	{ "/@/stat/run/weir/warm/2M/d/@", STAT("8388608", "16384", "0:57", "63") },
	{ "/run/weir/warm/2M/e", "" },
	{ "/@/stat/run/weir/warm/2M/e/@", STAT("8388608", "16384", "0:57", "64") },
	{ "/proc/10/status", "Pid:\t10\n" ALIVE "HugetlbPages:\t 8192 kB\n" },
	{ "/proc/10/maps",
	  "10000000-10800000 rw-s 00000000 00:39 61 /run/weir/warm/2M/b\n" },
	{ "/proc/10/numa_maps", "10000000 default file=/run/weir/warm/2M/b huge N0=4 "
	                        "kernelpagesize_kB=2048\n" },
	{ "/proc/10/fd/7", "" },
	{ "/@/link/proc/10/fd/7", "/run/weir/warm/2M/c" },
	{ "/@/file/proc/10/fd/7/@", STAT("4194304", "8192", "0:57", "62") },
	{ "/proc/811/status", "Pid:\t811\n" ALIVE "HugetlbPages:\t 0 kB\n" },
	{ "/proc/811/maps", "" },
	{ "/proc/811/fd/9", "" },
	{ "/@/link/proc/811/fd/9", "/run/weir/warm/2M/d" },
	{ "/@/file/proc/811/fd/9/@", STAT("8388608", "16384", "0:57", "63") },
};

static const struct weir_hold *hold_of(const struct loaded *loaded, uint64_t inode)
{
	for (size_t i = 0; i < loaded->ledger.nr_holds; i++) {
		const struct weir_hold *hold = &loaded->ledger.holds[i];

		if (hold->file != WEIR_HOLD_NONE &&
		    loaded->ledger.holdings.files.v[hold->file].inode == inode)
			return hold;
	}
	fail_msg("no hold of inode %" PRIu64, inode);
	return NULL;
}

static void ledger_knows_warm_memory_by_its_files(void **state)
{
	static const struct {
		uint64_t inode, region, pages[2];
		enum weir_hold_kind kind;
		bool left;
	} want[] = {
		{ 60, 1, { 4, 0 }, WEIR_HOLD_WARM, false },
		{ 61, 2, { 4, 0 }, WEIR_HOLD_LEASED, false },
		{ 62, 3, { 0, 2 }, WEIR_HOLD_WAITING, false },
		{ 63, 4, { 0, 4 }, WEIR_HOLD_WARM, false },
		/* what else is in use is all on node 0 */
		{ 64, 0, { 4, 0 }, WEIR_HOLD_FILE, true },
	};
	struct loaded loaded;

	(void)state;
	expect_int_eq(load(store, WEIR_NELEM(store), &loaded), 0);
	for (size_t i = 0; i < WEIR_NELEM(want); i++) {
		const struct weir_hold *hold = hold_of(&loaded, want[i].inode);

		assert_true(hold->in_store);
		expect_int_eq(hold->kind, want[i].kind);
		assert_true(weir_hold_is_left(hold) == want[i].left);
		assert_true(weir_hold_is_warm(hold) != want[i].left);
		expect_u64_eq(hold->region ? hold->region->id : 0, want[i].region);
		expect_u64_eq(hold->node_pages[0], want[i].pages[0]);
		expect_u64_eq(hold->node_pages[1], want[i].pages[1]);
	}
	expect_sums(&loaded, 0, 0);
	expect_int_eq(loaded.ledger.warm.weird, WEIR_WEIRD_RUNS);
	expect_u64_eq(hold_of(&loaded, 62)->nr_users, 1);
	assert_false(weir_ledger_is_weird(&loaded.ledger,
	                                  hold_of(&loaded, 62)->users[0].task));
	assert_true(weir_ledger_is_weird(&loaded.ledger,
	                                 hold_of(&loaded, 63)->users[0].task));
	unload(&loaded);
}

/* The snapshot's state is older than the files: the ledger reads it after them. */
static void ledger_reads_the_state_of_warm_memory_anew(void **state)
{
	struct fake_file files[WEIR_NELEM(store)];
	struct loaded loaded;

	(void)state;
	memcpy(files, store, sizeof(files));
	for (size_t i = 0; i < WEIR_NELEM(files); i++) {
		if (strcmp(files[i].path, "/run/weir/warm.state") != 0)
			continue;
		files[i].later = files[i].text; /* the snapshot's is the first */
		files[i].text = "weir-warm 1 pid=811 start=4711 boot=b0\n"
				"store page=2097152 device=0:57 dir=\"/r\"\n"
				"next region=5 lease=3\nend\n";
	}
	expect_int_eq(load(files, WEIR_NELEM(files), &loaded), 0);
	expect_int_eq(hold_of(&loaded, 60)->kind, WEIR_HOLD_WARM);
	unload(&loaded);
}

struct many {
	struct fake_file *files;
	size_t nr;
};

static int load_and_drop(void *ctx)
{
	struct many *many = ctx;
	struct loaded loaded;
	int r = load(many->files, many->nr, &loaded);

	unload(&loaded);
	return r;
}

static void ledger_without_memory_fails_and_leaks_nothing(void **state)
{
	struct many many[] = { { forked, WEIR_NELEM(forked) },
		               { shared, WEIR_NELEM(shared) },
		               { segments, WEIR_NELEM(segments) },
		               { damaged, WEIR_NELEM(damaged) },
		               { store, WEIR_NELEM(store) } };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(many); i++)
		expect_int_eq(fault_every(load_and_drop, &many[i]), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ledger_fork_counts_shared_pages_once),
		cmocka_unit_test(ledger_fork_without_frames_counts_the_most),
		cmocka_unit_test(ledger_file_is_counted_once_with_all_its_users),
		cmocka_unit_test(ledger_segments_are_joined_by_their_id),
		cmocka_unit_test(ledger_segments_of_two_namespaces_are_two),
		cmocka_unit_test(ledger_ordinary_segments_are_not_counted),
		cmocka_unit_test(ledger_minimum_counts_private_pages),
		cmocka_unit_test(ledger_is_unsure_of_no_more_than_may_be),
		cmocka_unit_test(ledger_is_blind_where_users_may_be_hidden),
		cmocka_unit_test(ledger_says_what_it_could_not_see),
		cmocka_unit_test(ledger_looks_again_when_pages_are_missing),
		cmocka_unit_test(ledger_finds_users_as_far_as_they_are_wanted_or_needed),
		cmocka_unit_test(ledger_of_private_memory_knows_all_users),
		cmocka_unit_test(ledger_of_pools_that_move_is_marked),
		cmocka_unit_test(ledger_of_no_hugetlb_is_empty),
		cmocka_unit_test(ledger_says_what_is_damaged_pinned_and_leaving),
		cmocka_unit_test(
			pages_with_memory_errors_are_held_where_their_places_are_told),
		cmocka_unit_test(ledger_of_a_busy_ring_does_not_know_what_it_pins),
		cmocka_unit_test(ledger_knows_owners_where_all_were_asked),
		cmocka_unit_test(ledger_knows_warm_memory_by_its_files),
		cmocka_unit_test(ledger_reads_the_state_of_warm_memory_anew),
		cmocka_unit_test(ledger_without_memory_fails_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
