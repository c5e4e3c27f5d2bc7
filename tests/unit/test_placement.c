/* placement: lists of runs, good and bad; what lies in which zone and area, how many of
 * it are free, and where that cannot be told. */
#include "facts/placement.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define M2  (UINT64_C(2) << 20)
#define G1  (UINT64_C(1) << 30)
#define CMA "/sys/kernel/debug/cma"

static void runs_good_and_bad(void **state)
{
	static const struct {
		const char *text;
		size_t nr;
		int result;
	} cases[] = {
		{ "", 0, 0 },
		{ "512 2 2097152 free\n1536 1 2097152 used\n4096 1 2097152 any\n", 3, 0 },
		{ "0 1 65536 free\n", 1, 0 },
		{ "512 2 2097152 free", 0, WEIR_GARBLED }, /* cut off */
		{ "512 2 2097152 free\n1536 1 2097152 us", 1, WEIR_GARBLED },
		{ "512 2 2097152 free\n512 1 2097152 used\n", 1, WEIR_GARBLED },
		{ "512 2 2097152 free\n511 1 2097152 used\n", 1, WEIR_GARBLED },
		{ "512 0 2097152 free\n", 0, WEIR_GARBLED },
		{ "512 1 2097153 free\n", 0, WEIR_GARBLED },
		{ "512 1 2048 free\n", 0, WEIR_GARBLED },
		{ "512 1 2097152 gone\n", 0, WEIR_GARBLED },
		{ "512 1 2097152\n", 0, WEIR_GARBLED },
		{ "512 1 2097152 free now\n", 0, WEIR_GARBLED },
		{ "-1 1 2097152 free\n", 0, WEIR_GARBLED },
		{ "\n", 0, WEIR_GARBLED },
		{ "512 9223372036854775807 2097152 free\n", 0, WEIR_GARBLED },
		{ "18446744073709551615 1 2097152 free\n", 0, WEIR_GARBLED },
		/* together more than any count may be */
		{ "0 1 4611686018427387904 free\n1 1 4611686018427387904 free\n", 1,
		  WEIR_GARBLED },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_pool_runs runs;
		struct weir_err err = { 0 };

		expect_int_eq(weir_placement_parse(weir_strz(cases[i].text), &runs, &err),
		              cases[i].result);
		expect_u64_eq(runs.nr, cases[i].nr);
		assert_true((cases[i].result != 0) == (err.msg[0] != '\0'));
		weir_pool_runs_done(&runs);
	}
}

/* Node 0 has frames 0 to 4095, of which 1024 to 2047 are CMA; node 1 has 4096 to 6143
 * Normal and 6144 to 8191 Movable. */
static const char two_nodes[] = "Node 0, zone   Normal\n"
				"  pages free     0\n        spanned  4096\n"
				"        present  4096\n        cma      1024\n"
				"  start_pfn:           0\n"
				"Node 1, zone   Normal\n"
				"  pages free     0\n        spanned  2048\n"
				"        present  2048\n        cma      0\n"
				"  start_pfn:           4096\n"
				"Node 1, zone  Movable\n"
				"  pages free     0\n        spanned  2048\n"
				"        present  2048\n        cma      0\n"
				"  start_pfn:           6144\n";

/* 5.10 has no line "cma", so that only all of it can be compared. */
static const char two_nodes_5_10[] = "Node 0, zone   Normal\n"
				     "  pages free     0\n        spanned  4096\n"
				     "        present  4096\n"
				     "  start_pfn:           0\n"
				     "Node 1, zone   Normal\n"
				     "  pages free     0\n        spanned  4096\n"
				     "        present  4096\n"
				     "  start_pfn:           4096\n";

struct given {
	struct weir_node_pool nodes[2];
	struct weir_huge_size size;
	struct weir_pools pools;
	struct weir_zones zones;
	struct weir_klog klog;
	struct weir_frames_of of;
};

static void given_init(struct given *g, const char *zoneinfo, const char *log)
{
	*g = (struct given){
		.nodes = { { 0, { WEIR_COUNT(6), WEIR_COUNT(4), { 0 }, { 0 } } },
		           { 1, { WEIR_COUNT(4), WEIR_COUNT(2), { 0 }, { 0 } } } },
		.size = { .size_bytes = M2, .nr_nodes = 2 },
		.pools = { .known = true, .nr = 1 },
	};
	g->size.nodes = g->nodes;
	g->pools.sizes = &g->size;
	expect_int_eq(weir_zoneinfo_parse(weir_strz(zoneinfo), &g->zones, NULL), 0);
	expect_int_eq(weir_klog_parse(weir_strz(log), &g->klog, NULL), 0);
	g->of = (struct weir_frames_of){
		.zones = &g->zones,
		.klog = &g->klog,
		.cma_bytes = WEIR_COUNT(1024 * 4096),
		.page_bytes = WEIR_COUNT(4096),
	};
}

static void given_done(struct given *g)
{
	weir_zones_done(&g->zones);
	weir_klog_done(&g->klog);
}

#define DEBUGFS                                 \
	{ CMA "/reserved/base_pfn", "1024\n" }, \
	{                                       \
		CMA "/reserved/count", "1024\n" \
	}

#define expect_place(place, nr, min_, max_)             \
	do {                                            \
		expect_count((place).pages, (nr));      \
		expect_count((place).free.min, (min_)); \
		expect_count((place).free.max, (max_)); \
	} while (0)

#define expect_no_place(place)                    \
	do {                                      \
		expect_unknown((place).pages);    \
		expect_unknown((place).free.min); \
		expect_unknown((place).free.max); \
	} while (0)

static void read_given(struct given *g, struct fake_file *files, size_t nr,
                       struct weir_placement *out)
{
	struct fake_host fake;

	fake_open(&fake, files, nr);
	weir_placement_read(&fake.reader, &g->pools, &g->of, out);
	expect_int_eq(fake.reader.failed, 0);
	fake_close(&fake);
}

static void pages_are_counted_where_they_lie(void **state)
{
	struct fake_file files[] = {
		DEBUGFS,
		/* node 0: 6 pages from 512 on, of which those at 1024 and 1536 are CMA;
		 * node 1: one at 5632 in Normal, three in Movable */
		{ "/@/poolpages", "512 1 2097152 free\n1024 2 2097152 used\n"
		                  "2048 3 2097152 free\n5632 1 2097152 used\n"
		                  "6144 1 2097152 used\n6656 2 2097152 free\n" },
	};
	struct weir_placement p;
	const struct weir_placed *row;
	struct given g;

	(void)state;
	given_init(&g, two_nodes, "");
	read_given(&g, files, WEIR_NELEM(files), &p);
	assert_true(p.known && p.cma.known);
	expect_u64_eq(p.nr, 2);
	expect_u64_eq(p.nr_unplaced, 0);
	row = weir_placement_find(&p, M2, 0);
	assert_true(row && row->agrees);
	expect_place(row->all, 6, 4, 4);
	expect_place(row->cma, 2, 0, 0);
	expect_place(row->movable, 0, 0, 0);
	expect_place(row->pinnable, 4, 4, 4);
	row = weir_placement_find(&p, M2, 1);
	assert_true(row && row->agrees);
	expect_place(row->all, 4, 2, 2);
	expect_place(row->cma, 0, 0, 0);
	expect_place(row->movable, 3, 2, 2);
	expect_place(row->pinnable, 1, 0, 0);
	assert_null(weir_placement_find(&p, G1, 0));
	weir_placement_done(&p);
	given_done(&g);
}

/* A run that begins in one kind and ends in another is cut at the border. */
static void runs_are_cut_at_borders(void **state)
{
	struct fake_file files[] = {
		DEBUGFS,
		{ "/@/poolpages", "0 14 2097152 free\n" },
	};
	struct weir_placement p;
	struct given g;

	(void)state;
	given_init(&g, two_nodes, "");
	read_given(&g, files, WEIR_NELEM(files), &p);
	expect_place(p.v[0].all, 8, 8, 8);
	assert_false(p.v[0].agrees);
	expect_place(p.v[0].cma, 2, 2, 2);
	expect_place(p.v[0].pinnable, 6, 6, 6);
	expect_place(p.v[1].all, 6, 6, 6);
	expect_place(p.v[1].movable, 2, 2, 2);
	expect_place(p.v[1].pinnable, 4, 4, 4);
	weir_placement_done(&p);
	given_done(&g);
}

/* Of pages that may be free or not, the pool's own counter tells how many are. */
static void the_pools_counter_bounds_what_is_free(void **state)
{
	static const struct {
		const char *text;
		uint64_t free; /* of node 0's 6 pages */
		uint64_t cma[3], pinnable[3];
	} cases[] = {
		/* all of them, none of them */
		{ "1024 2 2097152 any\n2048 4 2097152 any\n",
		  6,
		  { 2, 2, 2 },
		  { 4, 4, 4 } },
		{ "1024 2 2097152 any\n2048 4 2097152 any\n",
		  0,
		  { 2, 0, 0 },
		  { 4, 0, 0 } },
		/* one that cannot be in the other four */
		{ "1024 2 2097152 any\n2048 4 2097152 any\n",
		  5,
		  { 2, 1, 2 },
		  { 4, 3, 4 } },
		{ "1024 2 2097152 any\n2048 4 2097152 any\n",
		  1,
		  { 2, 0, 1 },
		  { 4, 0, 1 } },
		{ "1024 2 2097152 any\n2048 4 2097152 used\n",
		  1,
		  { 2, 1, 1 },
		  { 4, 0, 0 } },
		{ "1024 2 2097152 any\n2048 4 2097152 free\n",
		  4,
		  { 2, 0, 0 },
		  { 4, 4, 4 } },
		/* a counter that does not fit says nothing */
		{ "1024 2 2097152 any\n2048 4 2097152 free\n",
		  3,
		  { 2, 0, 2 },
		  { 4, 4, 4 } },
		{ "1024 2 2097152 any\n2048 4 2097152 used\n",
		  3,
		  { 2, 0, 2 },
		  { 4, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = { DEBUGFS, { "/@/poolpages", cases[i].text } };
		struct weir_placement p;
		struct given g;

		given_init(&g, two_nodes, "");
		g.nodes[0].pool.free = WEIR_COUNT(cases[i].free);
		read_given(&g, files, WEIR_NELEM(files), &p);
		expect_place(p.v[0].cma, cases[i].cma[0], cases[i].cma[1],
		             cases[i].cma[2]);
		expect_place(p.v[0].pinnable, cases[i].pinnable[0], cases[i].pinnable[1],
		             cases[i].pinnable[2]);
		weir_placement_done(&p);
		given_done(&g);
	}
}

/* Where CMA lies is known only when the areas make up what the zones count. */
static void areas_come_from_debugfs_or_the_log_and_must_fit(void **state)
{
	static const char log[] = "cma: Reserved 4 MiB at 0x0000000000400000\n";
	static const struct {
		struct fake_file files[4];
		const char *zoneinfo, *log;
		bool known;
	} cases[] = {
		{ { DEBUGFS }, two_nodes, "", true },
		{ { DEBUGFS }, two_nodes_5_10, "", true },
		{ { { "", "" } }, two_nodes, log, true },
		{ { { "", "" } }, two_nodes_5_10, log, true },
		{ { { CMA, .error = -EACCES } }, two_nodes, log, true },
		{ { { "", "" } }, two_nodes, "", false }, /* the log lost its beginning */
		/* too little, on the wrong node, without an end */
		{ { { CMA "/a/base_pfn", "1024\n" }, { CMA "/a/count", "512\n" } },
		  two_nodes,
		  "",
		  false },
		{ { { CMA "/a/base_pfn", "5120\n" }, { CMA "/a/count", "1024\n" } },
		  two_nodes,
		  "",
		  false },
		{ { { CMA "/a/base_pfn", "1024\n" } }, two_nodes, "", false },
		{ { { CMA "/a/base_pfn", "1024\n" } }, two_nodes, log, true },
		/* since 6.15: of one range, of two */
		{ { DEBUGFS, { CMA "/reserved/ranges/0/base_pfn", "1024\n" } },
		  two_nodes,
		  "",
		  true },
		{ { DEBUGFS,
		    { CMA "/reserved/ranges/0/base_pfn", "1024\n" },
		    { CMA "/reserved/ranges/1/base_pfn", "9999\n" } },
		  two_nodes,
		  "",
		  false },
		{ { { "", "" } }, two_nodes, "cma: Reserved 4 MiB in 2 ranges\n", false },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[5] = {
			{ "/@/poolpages", "512 1 2097152 free\n1024 2 2097152 used\n"
			                  "2048 3 2097152 free\n" }
		};
		struct weir_placement p;
		struct given g;
		size_t nr = 1;

		for (size_t k = 0; k < 4; k++)
			if (cases[i].files[k].path && *cases[i].files[k].path)
				files[nr++] = cases[i].files[k];
		given_init(&g, cases[i].zoneinfo, cases[i].log);
		read_given(&g, files, nr, &p);
		if (p.cma.known != cases[i].known)
			fail_msg("case %zu: the areas are %sknown", i,
			         p.cma.known ? "" : "not ");
		expect_place(p.v[0].all, 6, 4, 4);
		if (cases[i].known) {
			expect_place(p.v[0].cma, 2, 0, 0);
			expect_place(p.v[0].pinnable, 4, 4, 4);
		} else {
			expect_no_place(p.v[0].cma);
			expect_no_place(p.v[0].pinnable);
		}
		expect_place(p.v[0].movable, 0, 0, 0);
		weir_placement_done(&p);
		given_done(&g);
	}
}

static void no_cma_needs_no_areas(void **state)
{
	struct fake_file files[] = { { "/@/poolpages", "4096 1 2097152 free\n" } };
	struct weir_placement p;
	struct given g;

	(void)state;
	given_init(&g, two_nodes_5_10, "");
	g.of.cma_bytes = (struct weir_count){ 0 };
	g.of.has_no_cma = true;
	read_given(&g, files, 1, &p);
	expect_place(weir_placement_find(&p, M2, 1)->cma, 0, 0, 0);
	weir_placement_done(&p);
	given_done(&g);

	given_init(&g, two_nodes, ""); /* but the zones know of some */
	g.of.cma_bytes = WEIR_COUNT(0);
	read_given(&g, files, 1, &p);
	expect_no_place(weir_placement_find(&p, M2, 1)->cma);
	weir_placement_done(&p);
	given_done(&g);
}

static void what_cannot_be_placed_makes_its_size_unknown(void **state)
{
	static const char overlap[] = "Node 0, zone   Normal\n"
				      "        spanned  4096\n        cma      0\n"
				      "  start_pfn:           0\n"
				      "Node 1, zone   Normal\n"
				      "        spanned  1024\n        cma      0\n"
				      "  start_pfn:           1024\n";
	static const char mixed[] = "Node 0, zone   Normal\n"
				    "        spanned  4096\n        cma      0\n"
				    "  start_pfn:           0\n"
				    "Node 0, zone  Movable\n"
				    "        spanned  1024\n        cma      0\n"
				    "  start_pfn:           1024\n";
	struct fake_file behind[] = { { "/@/poolpages", "0 1 2097152 free\n"
		                                        "8192 3 2097152 free\n"
		                                        "262144 1 1073741824 free\n" } };
	struct fake_file inside[] = { { "/@/poolpages", "1024 1 2097152 free\n" } };
	struct weir_placement p;
	struct given g;

	(void)state;
	given_init(&g, two_nodes, "");
	read_given(&g, behind, 1, &p);
	expect_u64_eq(p.nr_unplaced, 4);
	expect_no_place(weir_placement_find(&p, M2, 0)->all);
	weir_placement_done(&p);
	given_done(&g);

	given_init(&g, overlap, ""); /* of two nodes */
	g.of.cma_bytes = WEIR_COUNT(0);
	read_given(&g, inside, 1, &p);
	expect_u64_eq(p.nr_unplaced, 1);
	expect_no_place(weir_placement_find(&p, M2, 0)->all);
	weir_placement_done(&p);
	given_done(&g);

	given_init(&g, mixed, ""); /* of two zones: the node is known */
	g.of.cma_bytes = WEIR_COUNT(0);
	read_given(&g, inside, 1, &p);
	expect_place(weir_placement_find(&p, M2, 0)->all, 1, 1, 1);
	expect_place(weir_placement_find(&p, M2, 0)->cma, 0, 0, 0);
	expect_no_place(weir_placement_find(&p, M2, 0)->movable);
	expect_no_place(weir_placement_find(&p, M2, 0)->pinnable);
	weir_placement_done(&p);
	given_done(&g);
}

static void what_cannot_be_read_is_a_gap(void **state)
{
	static const struct {
		struct fake_file file;
		enum weir_gap_kind kind;
	} cases[] = {
		{ { "/@/poolpages", .error = -ENOENT }, WEIR_GAP_ABSENT },
		{ { "/@/poolpages", .error = -EACCES }, WEIR_GAP_FORBIDDEN },
		{ { "/@/poolpages", "512 1 2097152 fr" }, WEIR_GAP_MALFORMED },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = { cases[i].file };
		struct weir_placement p;
		struct fake_host fake;
		struct given g;

		given_init(&g, two_nodes, "");
		fake_open(&fake, files, 1);
		weir_placement_read(&fake.reader, &g.pools, &g.of, &p);
		assert_false(p.known);
		expect_u64_eq(p.nr, 0);
		fake_expect_gap(&fake, cases[i].kind, "/@/poolpages");
		fake_close(&fake);
		weir_placement_done(&p);
		given_done(&g);
	}
}

static int read_all(void *ctx)
{
	struct fake_file files[] = {
		DEBUGFS,
		{ "/@/poolpages", "512 1 2097152 free\n1024 2 2097152 used\n" },
	};
	struct given *g = ctx;
	struct weir_placement p;
	struct fake_host fake;
	int failed;

	fake_open(&fake, files, WEIR_NELEM(files));
	weir_placement_read(&fake.reader, &g->pools, &g->of, &p);
	failed = fake.reader.failed;
	weir_placement_done(&p);
	fake_close(&fake);
	return failed;
}

static void placement_every_failed_allocation_is_told(void **state)
{
	struct given g;

	(void)state;
	given_init(&g, two_nodes, "");
	expect_int_eq(fault_every(read_all, &g), 0);
	given_done(&g);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_good_and_bad),
		cmocka_unit_test(pages_are_counted_where_they_lie),
		cmocka_unit_test(runs_are_cut_at_borders),
		cmocka_unit_test(the_pools_counter_bounds_what_is_free),
		cmocka_unit_test(areas_come_from_debugfs_or_the_log_and_must_fit),
		cmocka_unit_test(no_cma_needs_no_areas),
		cmocka_unit_test(what_cannot_be_placed_makes_its_size_unknown),
		cmocka_unit_test(what_cannot_be_read_is_a_gap),
		cmocka_unit_test(placement_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
