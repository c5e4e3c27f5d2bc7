/* pools: every counter is the kernel's or unknown, a reading that was overtaken by events
 * is marked, and a newcomer is promised no page that is spoken for. */
#include "facts/pools.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define ALL     "/sys/kernel/mm/hugepages/hugepages-"
#define NODE(n) "/sys/devices/system/node/node" #n "/hugepages/hugepages-"
#define VM      "/proc/sys/vm/"

/* rows of a fake host */
#define POOL(where, kb, nr, free, surplus)                    \
	{ where kb "kB/nr_hugepages", nr "\n" },              \
		{ where kb "kB/free_hugepages", free "\n" },  \
	{                                                     \
		where kb "kB/surplus_hugepages", surplus "\n" \
	}
#define POOL_ALL(kb, nr, free, surplus, reserved)                                        \
	POOL(ALL, kb, nr, free, surplus), { ALL kb "kB/resv_hugepages", reserved "\n" }, \
	{                                                                                \
		ALL kb "kB/nr_overcommit_hugepages", "0\n"                               \
	}
#define SYSCTLS                                                                \
	{ VM "nr_hugepages", "5\n" }, { VM "nr_overcommit_hugepages", "0\n" }, \
		{ VM "hugetlb_shm_group", "0\n" },                             \
	{                                                                      \
		VM "hugetlb_optimize_vmemmap", "0\n"                           \
	}

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

static void huge_dir_is_one_name_a_size(void **state)
{
	static const struct {
		const char *name;
		uint64_t bytes; /* 0: refused */
	} cases[] = {
		{ "hugepages-2048kB", 2 * MIB },
		{ "hugepages-64kB", 65536 },
		{ "hugepages-32768kB", 32 * MIB },
		{ "hugepages-524288kB", 512 * MIB },
		{ "hugepages-1048576kB", GIB },
		{ "hugepages-16777216kB", 16 * GIB },
		{ "hugepages-1kB", 1024 },
		{ "hugepages-4503599627370496kB", UINT64_C(1) << 62 },
		{ "hugepages-9007199254740992kB", 0 },     /* 2^63 bytes */
		{ "hugepages-18014398509481984kB", 0 },    /* 2^64 bytes */
		{ "hugepages-18446744073709551616kB", 0 }, /* 2^64 kB */
		{ "hugepages-0kB", 0 },
		{ "hugepages-02048kB", 0 },
		{ "hugepages-2047kB", 0 },
		{ "hugepages-3072kB", 0 },
		{ "hugepages-2048kb", 0 },
		{ "hugepages-2048KB", 0 },
		{ "hugepages-2048", 0 },
		{ "hugepages-2M", 0 },
		{ "hugepages-2048kBx", 0 },
		{ "hugepages--2048kB", 0 },
		{ "hugepages-+2048kB", 0 },
		{ "hugepages- 2048kB", 0 },
		{ "hugepages-2048 kB", 0 },
		{ "hugepages-0x800kB", 0 },
		{ "hugepages-kB", 0 },
		{ "hugepages-", 0 },
		{ "hugepageskB", 0 },
		{ "Hugepages-2048kB", 0 },
		{ "kB", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		uint64_t bytes = 1;
		int r = weir_huge_dir_parse(weir_strz(cases[i].name), &bytes);

		expect_int_eq(r, cases[i].bytes ? 0 : -EBADMSG);
		expect_u64_eq(bytes, cases[i].bytes ? cases[i].bytes : 1);
	}
}

static void nodes_of(const char *list, struct weir_ranges *out)
{
	*out = (struct weir_ranges){ 0 };
	assert_int_equal(weir_ranges_parse(weir_strz(list), out), 0);
}

/* What the reader makes of @files for the nodes @list. Both are the caller's to clear. */
static void read_from(struct fake_host *fake, struct fake_file *files, size_t nr,
                      const char *list, struct weir_pools *out)
{
	struct weir_ranges nodes;

	nodes_of(list, &nodes);
	fake_open(fake, files, nr);
	weir_pools_read(&fake->reader, &nodes, out);
	weir_pools_read_settings(&fake->reader, out);
	expect_int_eq(fake->reader.failed, 0);
	weir_ranges_done(&nodes);
}

static void done(struct fake_host *fake, struct weir_pools *pools)
{
	weir_pools_done(pools);
	fake_close(fake);
}

/* T 6, S 1 of 2M on two nodes; one free 1G page. sysfs counts surplus pages, the sysctl
 * does not. */
static void pools_of_two_nodes_are_read_in_full(void **state)
{
	struct fake_file files[] = {
		POOL_ALL("1048576", "1", "1", "0", "0"),
		POOL(NODE(0), "1048576", "0", "0", "0"),
		POOL(NODE(1), "1048576", "1", "1", "0"),
		{ ALL "1048576kB/demote_size", "2048kB\n" },
		POOL_ALL("2048", "6", "5", "1", "2"),
		POOL(NODE(0), "2048", "4", "3", "1"),
		POOL(NODE(1), "2048", "2", "2", "0"),
		SYSCTLS,
	};
	const struct weir_huge_size *size;
	struct weir_pools pools;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), "0-1", &pools);
	assert_true(pools.known);
	expect_u64_eq(pools.nr, 2);
	expect_u64_eq(fake.gaps.nr, 0); /* 2M has no demote_size, and that is no gap */
	expect_u64_eq(pools.sizes[0].size_bytes, 2 * MIB);
	expect_u64_eq(pools.sizes[1].size_bytes, GIB);
	expect_count(pools.sizes[1].demote_size, 2 * MIB);
	expect_unknown(pools.sizes[0].demote_size);
	size = weir_pools_size(&pools, 2 * MIB);
	assert_ptr_equal(size, &pools.sizes[0]);
	assert_null(weir_pools_size(&pools, 4 * MIB));
	assert_true(size->consistent);
	expect_count(size->all.nr, 6);
	expect_count(size->all.free, 5);
	expect_count(size->all.surplus, 1);
	expect_count(size->all.reserved, 2);
	expect_count(size->overcommit, 0);
	expect_u64_eq(size->nr_nodes, 2);
	expect_u64_eq(size->nodes[1].node, 1);
	expect_count(size->nodes[0].pool.nr, 4);
	expect_count(size->nodes[0].pool.surplus, 1);
	expect_unknown(size->nodes[0].pool.reserved);
	expect_count(weir_pool_in_use(&size->all), 1);
	expect_count(weir_pool_persistent(&size->all), 5);
	expect_count(weir_pool_in_use(&size->nodes[1].pool), 0);
	expect_count(pools.sysctl_nr, 5);
	expect_count(pools.sysctl_overcommit, 0);
	expect_count(pools.shm_group, 0);
	expect_count(pools.optimize_vmemmap, 0);
	done(&fake, &pools);
}

/* arm64: the directory lists 1048576kB first; names sort otherwise than sizes. */
static void pools_of_many_sizes_stand_in_ascending_order(void **state)
{
	struct fake_file files[] = {
		POOL_ALL("1048576", "0", "0", "0", "0"),
		POOL_ALL("16777216", "2", "2", "0", "0"),
		POOL_ALL("2048", "0", "0", "0", "0"),
		POOL_ALL("32768", "0", "0", "0", "0"),
		POOL_ALL("524288", "0", "0", "0", "0"),
		POOL_ALL("64", "9", "9", "0", "0"),
		{ ALL "02048kB/nr_hugepages", "7\n" }, /* no kernel writes such a name */
		{ "/sys/kernel/mm/hugepages/other", "7\n" },
		SYSCTLS,
	};
	static const uint64_t want[] = { 65536,     2 * MIB, 32 * MIB,
		                         512 * MIB, GIB,     16 * GIB };
	struct weir_pools pools;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), "", &pools);
	expect_u64_eq(pools.nr, WEIR_NELEM(want));
	for (size_t i = 0; i < WEIR_NELEM(want); i++) {
		expect_u64_eq(pools.sizes[i].size_bytes, want[i]);
		assert_true(pools.sizes[i].consistent);
	}
	expect_count(pools.sizes[0].all.nr, 9);
	expect_count(pools.sizes[5].all.nr, 2);
	done(&fake, &pools);
}

static void pools_on_nodes_0_2_and_1023_are_found(void **state)
{
	struct fake_file files[] = {
		POOL_ALL("2048", "7", "7", "0", "0"),
		POOL(NODE(0), "2048", "1", "1", "0"),
		POOL(NODE(2), "2048", "2", "2", "0"),
		POOL(NODE(1023), "2048", "4", "4", "0"),
		SYSCTLS,
	};
	struct weir_pools pools;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), "0,2,1023", &pools);
	expect_u64_eq(pools.sizes[0].nr_nodes, 3);
	expect_u64_eq(pools.sizes[0].nodes[2].node, 1023);
	expect_count(pools.sizes[0].nodes[2].pool.nr, 4);
	assert_true(pools.sizes[0].consistent);
	expect_u64_eq(fake.gaps.nr, 0);
	done(&fake, &pools);
}

/* Before 6.1 a node without memory has no such directory. */
static void pools_of_a_node_without_directory_are_unknown(void **state)
{
	struct fake_file files[] = {
		POOL_ALL("2048", "7", "7", "0", "0"),
		POOL(NODE(0), "2048", "7", "7", "0"),
		SYSCTLS,
	};
	struct weir_pools pools;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), "0-1", &pools);
	expect_unknown(pools.sizes[0].nodes[1].pool.nr);
	assert_true(pools.sizes[0].consistent); /* nothing contradicts */
	expect_u64_eq(fake.gaps.nr, 3);
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, NODE(1) "2048kB/nr_hugepages");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, NODE(1) "2048kB/free_hugepages");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, NODE(1) "2048kB/surplus_hugepages");
	done(&fake, &pools);
}

/* Reservations of 6.9 to 6.18 can go below zero. */
static void pools_with_a_wrapped_reservation_promise_nothing(void **state)
{
	struct fake_file files[] = {
		POOL_ALL("2048", "7", "6", "0", "18446744073709551615"),
		POOL(NODE(0), "2048", "7", "6", "0"),
		SYSCTLS,
	};
	struct weir_pools pools;
	struct weir_span span;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), "0", &pools);
	expect_unknown(pools.sizes[0].all.reserved);
	expect_count(pools.sizes[0].all.free, 6);
	assert_true(pools.sizes[0].consistent);
	expect_str(
		fake_expect_gap(&fake, WEIR_GAP_MALFORMED, ALL "2048kB/resv_hugepages"),
		"18446744073709551615, which is -1: the counter went below zero");
	span = weir_pool_really_free(&pools.sizes[0], &pools.sizes[0].all);
	expect_unknown(span.min);
	expect_unknown(span.max);
	span = weir_pool_really_free(&pools.sizes[0], &pools.sizes[0].nodes[0].pool);
	expect_unknown(span.min);
	expect_count(span.max, 6);
	done(&fake, &pools);
}

/* People write -1 to mean "as many as you like". */
static void pools_overcommit_of_all_ones_is_a_number(void **state)
{
	struct fake_file files[] = {
		POOL(ALL, "2048", "0", "0", "0"),
		{ ALL "2048kB/resv_hugepages", "0\n" },
		{ ALL "2048kB/nr_overcommit_hugepages", "18446744073709551615\n" },
		{ VM "nr_hugepages", "0\n" },
		{ VM "nr_overcommit_hugepages", "18446744073709551615\n" },
		{ VM "hugetlb_shm_group", "4294967295\n" },
		{ VM "hugetlb_optimize_vmemmap", "1\n" },
	};
	struct weir_pools pools;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), "", &pools);
	expect_count(pools.sizes[0].overcommit, UINT64_MAX);
	expect_count(pools.sysctl_overcommit, UINT64_MAX);
	expect_count(pools.shm_group, UINT32_MAX);
	expect_count(pools.optimize_vmemmap, 1);
	expect_u64_eq(fake.gaps.nr, 0);
	done(&fake, &pools);
}

static void pools_that_move_between_two_readings_are_marked(void **state)
{
	static const char *const moving[] = { "nr_hugepages", "free_hugepages",
		                              "surplus_hugepages", "resv_hugepages" };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(moving); i++) {
		struct fake_file files[] = {
			POOL_ALL("2048", "6", "5", "1", "2"),
			POOL_ALL("1048576", "6", "5", "1", "2"),
			POOL(NODE(0), "2048", "6", "5", "1"),
			POOL(NODE(0), "1048576", "6", "5", "1"),
			SYSCTLS,
		};
		struct weir_pools pools;
		struct fake_host fake;
		char path[128];

		(void)snprintf(path, sizeof(path), ALL "2048kB/%s", moving[i]);
		for (size_t f = 0; f < WEIR_NELEM(files); f++)
			if (strcmp(files[f].path, path) == 0)
				files[f].later = "3\n";
		read_from(&fake, files, WEIR_NELEM(files), "0", &pools);
		assert_false(pools.sizes[0].consistent);
		assert_true(pools.sizes[1].consistent); /* the other size stood still */
		expect_count(pools.sizes[0].all.nr, 6); /* the first reading is kept */
		expect_count(pools.sizes[0].all.free, 5);
		done(&fake, &pools);
	}
}

static void pools_whose_nodes_contradict_the_total_are_marked(void **state)
{
	struct fake_file files[] = {
		POOL_ALL("64", "6", "5", "1", "0"), /* nr: 7 on the nodes */
		POOL(NODE(0), "64", "4", "3", "1"),
		POOL(NODE(1), "64", "3", "2", "0"),
		POOL_ALL("2048", "6", "5", "1", "0"), /* free: 4 */
		POOL(NODE(0), "2048", "4", "3", "1"),
		POOL(NODE(1), "2048", "2", "1", "0"),
		POOL_ALL("32768", "6", "5", "1", "0"), /* surplus: 2 */
		POOL(NODE(0), "32768", "4", "3", "1"),
		POOL(NODE(1), "32768", "2", "2", "1"),
		POOL_ALL("1048576", "6", "5", "1", "0"),
		POOL(NODE(0), "1048576", "4", "3", "1"),
		POOL(NODE(1), "1048576", "2", "2", "0"),
		SYSCTLS,
	};
	struct weir_pools pools;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), "0-1", &pools);
	assert_false(pools.sizes[0].consistent);
	assert_false(pools.sizes[1].consistent);
	assert_false(pools.sizes[2].consistent);
	assert_true(pools.sizes[3].consistent);
	expect_u64_eq(fake.gaps.nr, 0); /* all files were in order */
	done(&fake, &pools);
}

/* What is empty is looked at once; what grew while its nodes were read shows there. */
static void pools_that_were_empty_are_marked_when_a_node_has_pages(void **state)
{
	struct fake_file files[] = {
		POOL_ALL("2048", "0", "0", "0", "0"),
		POOL(NODE(0), "2048", "3", "3", "0"),
		POOL_ALL("1048576", "0", "0", "0", "0"),
		POOL(NODE(0), "1048576", "0", "0", "0"),
		SYSCTLS,
	};
	struct weir_pools pools;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), "0", &pools);
	assert_false(pools.sizes[0].consistent);
	assert_true(pools.sizes[1].consistent);
	done(&fake, &pools);
}

static void pools_each_way_of_not_knowing_is_a_gap_of_its_own(void **state)
{
	static char large[WEIR_SMALL_MAX + 2];
	struct fake_file files[] = {
		{ ALL "2048kB/nr_hugepages", .error = -EACCES },
		{ ALL "2048kB/free_hugepages", large },
		{ ALL "2048kB/surplus_hugepages", .error = -EIO },
		{ ALL "2048kB/nr_overcommit_hugepages", "" },
		{ VM "nr_hugepages", "-1\n" },
		{ VM "nr_overcommit_hugepages", "5\0\n", .size = 3 },
		{ VM "hugetlb_shm_group", "4294967296\n" },
		{ VM "hugetlb_optimize_vmemmap", .error = -EPERM },
	};
	struct weir_pools pools;
	struct fake_host fake;

	(void)state;
	memset(large, '1', sizeof(large) - 1);
	read_from(&fake, files, WEIR_NELEM(files), "", &pools);
	expect_unknown(pools.sizes[0].all.nr);
	expect_unknown(pools.sizes[0].all.free);
	expect_unknown(pools.sizes[0].all.surplus);
	expect_unknown(pools.sizes[0].all.reserved);
	expect_unknown(pools.sizes[0].overcommit);
	expect_unknown(pools.sysctl_nr);
	expect_unknown(pools.sysctl_overcommit);
	expect_unknown(pools.shm_group);
	expect_unknown(pools.optimize_vmemmap);
	expect_unknown(weir_pool_in_use(&pools.sizes[0].all));
	expect_unknown(weir_pool_persistent(&pools.sizes[0].all));
	fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN, ALL "2048kB/nr_hugepages");
	fake_expect_gap(&fake, WEIR_GAP_TOO_LARGE, ALL "2048kB/free_hugepages");
	expect_str(
		fake_expect_gap(&fake, WEIR_GAP_FAILED, ALL "2048kB/surplus_hugepages"),
		"Input/output error");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, ALL "2048kB/resv_hugepages");
	expect_str(fake_expect_gap(&fake, WEIR_GAP_MALFORMED,
	                           ALL "2048kB/nr_overcommit_hugepages"),
	           "empty");
	expect_str(fake_expect_gap(&fake, WEIR_GAP_MALFORMED, VM "nr_hugepages"),
	           "no plausible number: '-1'");
	expect_str(
		fake_expect_gap(&fake, WEIR_GAP_MALFORMED, VM "nr_overcommit_hugepages"),
		"no plausible number: '5?'");
	fake_expect_gap(&fake, WEIR_GAP_MALFORMED, VM "hugetlb_shm_group");
	fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN, VM "hugetlb_optimize_vmemmap");
	expect_u64_eq(fake.gaps.nr, 9); /* read twice, told once */
	done(&fake, &pools);
}

static void pools_that_cannot_be_listed_are_not_known(void **state)
{
	static const struct {
		int error;
		enum weir_gap_kind kind;
	} cases[] = {
		{ -ENOENT, WEIR_GAP_ABSENT },
		{ -ENOTDIR, WEIR_GAP_ABSENT },
		{ -EACCES, WEIR_GAP_FORBIDDEN },
		{ -ELOOP, WEIR_GAP_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = {
			{ "/sys/kernel/mm/hugepages", .error = cases[i].error },
			POOL_ALL("2048", "1", "1", "0", "0"),
		};
		struct weir_pools pools;
		struct fake_host fake;

		read_from(&fake, files, WEIR_NELEM(files), "0", &pools);
		assert_false(pools.known);
		expect_u64_eq(pools.nr, 0);
		fake_expect_gap(&fake, cases[i].kind, "/sys/kernel/mm/hugepages");
		expect_u64_eq(fake.gaps.nr, 1);
		done(&fake, &pools);
	}
}

static void pools_odd_demote_sizes_are_unknown(void **state)
{
	static const char *const cases[] = { "",     "\n",     "2048 kB\n",
		                             "kB\n", "-1kB\n", "18446744073709551615\n" };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = {
			POOL_ALL("2048", "1", "1", "0", "0"),
			POOL_ALL("1048576", "1", "1", "0", "0"),
			{ ALL "1048576kB/demote_size", cases[i] },
			SYSCTLS,
		};
		struct weir_pools pools;
		struct fake_host fake;

		read_from(&fake, files, WEIR_NELEM(files), "", &pools);
		expect_unknown(pools.sizes[1].demote_size);
		done(&fake, &pools);
	}
}

#define U (-1) /* unknown */

static struct weir_count count(int64_t n)
{
	return n < 0 ? (struct weir_count){ 0 } : WEIR_COUNT((uint64_t)n);
}

static void expect_same(struct weir_count got, int64_t want, size_t row, const char *what)
{
	if (got.known != (want >= 0) || (got.known && got.n != (uint64_t)want) ||
	    (!got.known && got.n))
		fail_msg("row %zu: %s is %lld, not %lld", row, what,
		         got.known ? (long long)got.n : -1, (long long)want);
}

/* F pages are free on all nodes, R of them are reserved, f are free on this node.
 * Reservations choose no node. At worst all R will be served from here, at best as many
 * as possible from the others, which have F - f free pages:
 *	min = max(0, f - R)
 *	max = f - max(0, R - (F - f)) = min(f, F - R)
 * Worked: F = 10 on two nodes, f = 6 here, R = 5. At worst 5 of the 6 go: 1 is left. At
 * best the other node serves 4 and this one 1: 5 are left. */
static void really_free_is_what_no_reservation_can_take(void **state)
{
	static const struct {
		int64_t all_free, reserved, here; /* F, R, f */
		int64_t min, max;                 /* for this node */
		int64_t all;                      /* for all nodes */
	} rows[] = {
		{ 10, 5, 6, 1, 5, 5 },
		{ 10, 5, 4, 0, 4, 5 },  /* fewer free here than are reserved */
		{ 10, 5, 10, 5, 5, 5 }, /* the only node, or the only one with pages */
		{ 10, 5, 0, 0, 0, 5 },
		{ 10, 0, 6, 6, 6, 10 },
		{ 10, 10, 6, 0, 0, 0 },
		{ 10, 11, 6, 0, 0, 0 }, /* R > F: poisoned pages count as free */
		{ 10, 1, 10, 9, 9, 9 },
		{ 0, 0, 0, 0, 0, 0 },
		{ 0, 3, 0, 0, 0, 0 },
		{ 10, 5, U, U, U, 5 },
		{ 10, U, 6, U, 6, U }, /* not known how many go: at best none */
		{ U, 5, 6, 1, 6, U },  /* min needs no F */
		{ U, U, 6, U, 6, U },
		{ U, U, U, U, U, U },
		{ 10, U, 0, 0, 0, U }, /* of nothing nothing can be had, whatever R is */
		{ 0, U, 0, 0, 0, 0 },
		{ U, U, 0, 0, 0, U },
		/* read at another moment, when more were free here than now in all */
		{ 2, 1, 5, 1, 1, 1 },
		{ 2, 3, 5, 0, 0, 0 },
		{ INT64_MAX, 1, INT64_MAX, INT64_MAX - 1, INT64_MAX - 1, INT64_MAX - 1 },
		{ INT64_MAX, INT64_MAX, 1, 0, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		struct weir_huge_size size = {
			.all = { .free = count(rows[i].all_free),
			         .reserved = count(rows[i].reserved) },
		};
		struct weir_pool node = { .free = count(rows[i].here) };
		struct weir_span span = weir_pool_really_free(&size, &node);

		expect_same(span.min, rows[i].min, i, "min");
		expect_same(span.max, rows[i].max, i, "max");
		span = weir_pool_really_free(&size, &size.all);
		expect_same(span.min, rows[i].all, i, "min of all");
		expect_same(span.max, rows[i].all, i, "max of all");
	}
}

/* The definition itself, played out: three nodes, all ways to serve R reservations. */
static void really_free_of_three_nodes_is_what_all_ways_to_serve_them_give(void **state)
{
	enum { N = 4 };

	(void)state;
	for (unsigned int way = 0; way < N * N * N * N; way++) {
		uint64_t a = way % N, b = way / N % N, c = way / N / N % N;
		uint64_t free = a + b + c, reserved = way / N / N / N * 3;
		uint64_t served = reserved < free ? reserved : free;
		uint64_t min = UINT64_MAX, max = 0;
		struct weir_huge_size size = {
			.all = { .free = WEIR_COUNT(free),
			         .reserved = WEIR_COUNT(reserved) },
		};
		struct weir_pool node = { .free = WEIR_COUNT(a) };
		struct weir_span span = weir_pool_really_free(&size, &node);

		for (uint64_t x = 0; x <= a; x++) /* x of them here, y there, the rest */
			for (uint64_t y = 0; y <= b; y++)
				if (x + y <= served && served - x - y <= c) {
					min = a - x < min ? a - x : min;
					max = a - x > max ? a - x : max;
				}
		expect_count(span.min, min);
		expect_count(span.max, max);
	}
}

static int read_all(void *ctx)
{
	struct fake_file files[] = {
		POOL_ALL("1048576", "1", "1", "0", "x"),
		POOL(NODE(0), "1048576", "1", "1", "0"),
		{ ALL "1048576kB/demote_size", "2048kB\n" },
		POOL_ALL("2048", "6", "5", "1", "2"),
	};
	struct weir_pools pools;
	struct fake_host fake;
	int failed;

	fake_open(&fake, files, WEIR_NELEM(files));
	weir_pools_read(&fake.reader, ctx, &pools);
	weir_pools_read_settings(&fake.reader, &pools);
	failed = fake.reader.failed;
	done(&fake, &pools);
	return failed;
}

static void pools_every_failed_allocation_is_told(void **state)
{
	struct weir_ranges nodes;

	(void)state;
	nodes_of("0-1", &nodes);
	expect_int_eq(fault_every(read_all, &nodes), 0);
	weir_ranges_done(&nodes);
}

/* Field case: half of the memory in pages of 2M, none used yet. */
static void pools_of_the_hygon_host_are_even_and_free(void **state)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	const char *hosts = getenv("WEIR_TEST_HOSTS");
	struct weir_gaps gaps = { 0 };
	struct weir_reader reader = { .gaps = &gaps };
	struct weir_ranges nodes;
	struct weir_pools pools;
	struct weir_span span;
	char dir[4096];

	(void)state;
	if (!hosts)
		skip_because("WEIR_TEST_HOSTS is not set");
	(void)snprintf(dir, sizeof(dir), "%s/hygon-8node", hosts);
	assert_int_equal(weir_host_open(dir, &host, NULL), 0);
	reader.host = host;
	nodes_of("0-7", &nodes);
	weir_pools_read(&reader, &nodes, &pools);
	weir_pools_read_settings(&reader, &pools);
	expect_u64_eq(pools.nr, 1);
	expect_count(weir_count_mul(pools.sizes[0].all.nr, pools.sizes[0].size_bytes),
	             512 * GIB);
	assert_true(pools.sizes[0].consistent);
	expect_u64_eq(pools.sizes[0].nr_nodes, 8);
	for (unsigned int node = 0; node < 8; node++) {
		span = weir_pool_really_free(&pools.sizes[0],
		                             &pools.sizes[0].nodes[node].pool);
		expect_count(span.min, 32768);
		expect_count(span.max, 32768);
	}
	expect_unknown(pools.sysctl_nr); /* the case does not say */
	weir_pools_done(&pools);
	weir_ranges_done(&nodes);
	weir_reader_done(&reader);
	weir_gaps_done(&gaps);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(huge_dir_is_one_name_a_size),
		cmocka_unit_test(pools_of_two_nodes_are_read_in_full),
		cmocka_unit_test(pools_of_many_sizes_stand_in_ascending_order),
		cmocka_unit_test(pools_on_nodes_0_2_and_1023_are_found),
		cmocka_unit_test(pools_of_a_node_without_directory_are_unknown),
		cmocka_unit_test(pools_with_a_wrapped_reservation_promise_nothing),
		cmocka_unit_test(pools_overcommit_of_all_ones_is_a_number),
		cmocka_unit_test(pools_that_move_between_two_readings_are_marked),
		cmocka_unit_test(pools_whose_nodes_contradict_the_total_are_marked),
		cmocka_unit_test(pools_that_were_empty_are_marked_when_a_node_has_pages),
		cmocka_unit_test(pools_each_way_of_not_knowing_is_a_gap_of_its_own),
		cmocka_unit_test(pools_that_cannot_be_listed_are_not_known),
		cmocka_unit_test(pools_odd_demote_sizes_are_unknown),
		cmocka_unit_test(really_free_is_what_no_reservation_can_take),
		cmocka_unit_test(
			really_free_of_three_nodes_is_what_all_ways_to_serve_them_give),
		cmocka_unit_test(pools_every_failed_allocation_is_told),
		cmocka_unit_test(pools_of_the_hygon_host_are_even_and_free),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
