/* overview: the rows of a host's nodes from whatever files tell of them, and no number
 * that a missing or damaged file would have had to say. */
#include "plan/overview.h"

#include "base/size.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define NODES   "/sys/devices/system/node/"
#define NODE(n) NODES "node" #n "/"
#define ALL     "/sys/kernel/mm/hugepages/hugepages-"

/* Texts of the kernel, pages of the base size. CMA is the two lines that 5.10 has only
 * one of. */
#define ZONE(node, name, free, managed, cma)                       \
	"Node " #node ", zone   " name "\n  pages free     " #free \
	"\n        present  " #managed "\n        managed  " #managed "\n" cma
#define CMA(pages, free) "        cma      " #pages "\n      nr_free_cma  " #free "\n"
#define NO_CMA           CMA(0, 0)
#define MEMINFO(node, total, free)                                                       \
	"Node " #node " MemTotal:  " #total " kB\nNode " #node " MemFree:  " #free " kB" \
	"\n"

static const char *size_text(struct weir_count bytes, char text[WEIR_SIZE_TEXT_MAX])
{
	return bytes.known ? weir_format_size(bytes.n, text, WEIR_SIZE_TEXT_MAX).p : "?";
}

#define SIZE(bytes) size_text((bytes), (char[WEIR_SIZE_TEXT_MAX]){ 0 })

/* One line for each node, with every field of it. */
static void show(const struct weir_overview *view, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < view->nr; i++) {
		const struct weir_node_memory *m = &view->nodes[i];

		n += (size_t)snprintf(out + n, cap - n,
		                      "%u: %s free %s, no cma %s, pins %s, cma %s %s, "
		                      "movable %s %s, pool %s, 2M %s 1G %s\n",
		                      m->node, SIZE(m->total), SIZE(m->free),
		                      SIZE(m->free_no_cma), SIZE(m->pinnable),
		                      SIZE(m->cma), SIZE(m->cma_free), SIZE(m->movable),
		                      SIZE(m->movable_free), SIZE(m->pool),
		                      SIZE(m->blocks_2m), SIZE(m->blocks_1g_max));
		assert_true(n < cap);
	}
}

static struct weir_snapshot *view_of(struct fake_file *files, size_t nr,
                                     struct weir_overview *view)
{
	struct weir_snapshot *snap = NULL;
	struct fake_host fake;

	fake_open(&fake, files, nr);
	expect_int_eq(weir_snapshot_read(&fake.host, WEIR_SNAPSHOT_BASE, &snap, NULL), 0);
	fake_close(&fake);
	expect_int_eq(weir_overview_make(snap, view), 0);
	return snap;
}

static void expect_rows_of(struct fake_file *files, size_t nr, const char *want)
{
	weir_auto(weir_overview_done) struct weir_overview view;
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	char got[2048];

	snap = view_of(files, nr, &view);
	show(&view, got, sizeof(got));
	expect_str(got, want);
}

#define EXPECT_ROWS(files, want) expect_rows_of((files), WEIR_NELEM(files), (want))

/* Pages of 4K: 262144 are 1G, 65536 are 256M.
 * Node 0: free 1G + 1G; 256M of its 1G of CMA are free: 2G - 256M = 1792M without; not
 * Movable: all of them. 2M blocks: of order 9: 3, of order 10: 2 * 2; on DMA32 1: 8.
 * Node 1: free 1G + 512M, of which 512M are movable; its CMA is full. */
static void overview_of_two_nodes_joins_all_files(void **state)
{
	struct fake_file files[] = {
		{ "/@/pagesize", "4096\n" },
		{ NODES "online", "0-1\n" },
		{ NODE(0) "meminfo", MEMINFO(0, 7340032, 1) },
		{ NODE(1) "meminfo", MEMINFO(1, 5242880, 1) },
		{ "/proc/zoneinfo",
		  ZONE(0, "DMA32", 262144, 524288, NO_CMA)
		          ZONE(0, "Normal", 262144, 1048576, CMA(262144, 65536))
		                  ZONE(1, "Normal", 262144, 1048576, CMA(65536, 0))
		                          ZONE(1, "Movable", 131072, 262144, NO_CMA)
		                                  ZONE(1, "Device", 0, 0, NO_CMA) },
		{ "/proc/buddyinfo", "Node 0, zone    DMA32  9 9 9 9 9 9 9 9 9 1 0\n"
		                     "Node 0, zone   Normal  9 9 9 9 9 9 9 9 9 3 2\n"
		                     "Node 1, zone   Normal  0 0 0 0 0 0 0 0 0 0 0\n" },
		{ ALL "2048kB/nr_hugepages", "20\n" },
		{ NODE(0) "hugepages/hugepages-2048kB/nr_hugepages", "20\n" },
		{ NODE(1) "hugepages/hugepages-2048kB/nr_hugepages", "0\n" },
		{ ALL "1048576kB/nr_hugepages", "3\n" },
		{ NODE(0) "hugepages/hugepages-1048576kB/nr_hugepages", "1\n" },
		{ NODE(1) "hugepages/hugepages-1048576kB/nr_hugepages", "2\n" },
	};

	(void)state;
	EXPECT_ROWS(files, "0: 7G free 2G, no cma 1792M, pins 1792M, cma 1G 256M, "
	                   "movable 0 0, pool 1064M, 2M 8 1G 0\n" /* 1G + 20 * 2M */
	                   "1: 5G free 1536M, no cma 1536M, pins 1G, cma 256M 0, "
	                   "movable 1G 512M, pool 2G, 2M 0 1G 0\n");
}

/* A capture without the nodes' own files: MemTotal is what the zones manage. */
static void overview_of_zones_only_has_what_they_tell(void **state)
{
	struct fake_file files[] = {
		{ "/@/pagesize", "4096\n" },
		{ "/proc/zoneinfo", ZONE(3, "Normal", 262144, 524288, NO_CMA) },
	};

	(void)state;
	EXPECT_ROWS(files, "3: 2G free 1G, no cma 1G, pins 1G, cma 0 0, movable 0 0, "
	                   "pool ?, 2M ? 1G ?\n");
}

/* Which of it is movable, or CMA, meminfo of a node does not say. */
static void overview_of_meminfo_only_knows_nothing_of_zones(void **state)
{
	struct fake_file files[] = {
		{ "/@/pagesize", "4096\n" },
		{ NODES "online", "0\n" },
		{ NODE(0) "meminfo", MEMINFO(0, 2097152, 1048576) },
	};

	(void)state;
	EXPECT_ROWS(files, "0: 2G free 1G, no cma ?, pins ?, cma ? ?, movable ? ?, "
	                   "pool ?, 2M ? 1G ?\n");
}

static void overview_of_damaged_files_is_unknown(void **state)
{
	/* the last line of both is cut off: a zone may be missing behind it */
	struct fake_file files[] = {
		{ "/@/pagesize", "4096\n" },
		{ NODES "online", "0\n" },
		{ NODE(0) "meminfo", MEMINFO(0, 2097152, 1048576) },
		{ "/proc/zoneinfo",
		  ZONE(0, "Normal", 262144, 524288, NO_CMA) "Node 0, zone  Mov" },
		{ "/proc/buddyinfo", "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 3 256\nNo" },
	};

	(void)state;
	EXPECT_ROWS(files, "0: 2G free 1G, no cma ?, pins ?, cma ? ?, movable ? ?, "
	                   "pool ?, 2M ? 1G ?\n");
}

/* 5.10 has no "cma" line, but counts the free ones. */
static void overview_of_a_5_10_kernel_knows_the_free_cma_only(void **state)
{
	struct fake_file files[] = {
		{ "/@/pagesize", "4096\n" },
		{ "/proc/zoneinfo",
		  ZONE(0, "Normal", 262144, 524288, "      nr_free_cma  65536\n") },
	};

	(void)state;
	EXPECT_ROWS(files, "0: 2G free 1G, no cma 768M, pins 768M, cma ? 256M, "
	                   "movable 0 0, pool ?, 2M ? 1G ?\n");
}

/* Pages of an unknown size are no bytes; without zones nothing tells it. */
static void overview_without_a_page_size_counts_no_bytes(void **state)
{
	struct fake_file files[] = {
		{ "/proc/zoneinfo", ZONE(0, "Normal", 262144, 524288, NO_CMA) },
		{ "/proc/buddyinfo", "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 3 256\n" },
	};

	(void)state;
	EXPECT_ROWS(files, "0: ? free ?, no cma ?, pins ?, cma ? ?, movable ? ?, "
	                   "pool ?, 2M ? 1G ?\n");
}

/* All zones are listed, with zeros, and buddyinfo has none of them. */
static void overview_of_a_memoryless_node_is_0_and_no_more(void **state)
{
	struct fake_file files[] = {
		{ "/@/pagesize", "4096\n" },
		{ NODES "online", "0-1\n" },
		{ NODE(1) "meminfo", MEMINFO(1, 0, 0) },
		{ "/proc/zoneinfo", ZONE(0, "Normal", 262144, 524288,
		                         NO_CMA) "Node 1, zone   Normal\n  pages free    "
		                                 " 0\n        present  0\n" },
		{ "/proc/buddyinfo", "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 0 256\n" },
	};

	(void)state;
	EXPECT_ROWS(files, "0: 2G free 1G, no cma 1G, pins 1G, cma 0 0, movable 0 0, "
	                   "pool ?, 2M 512 1G 1\n"
	                   "1: 0 free 0, no cma 0, pins 0, cma 0 0, movable 0 0, "
	                   "pool ?, 2M ? 1G ?\n");
}

/* Nodes of either file, each once, ascending. */
static void overview_has_every_node_that_is_named_anywhere(void **state)
{
	struct fake_file files[] = {
		{ NODES "online", "0,2,1023\n" },
		{ "/proc/zoneinfo",
		  ZONE(1, "Normal", 1, 2, NO_CMA) ZONE(2, "Normal", 1, 2, NO_CMA) },
	};
	weir_auto(weir_overview_done) struct weir_overview view;
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	static const unsigned int want[] = { 0, 1, 2, 1023 };

	(void)state;
	snap = view_of(files, WEIR_NELEM(files), &view);
	expect_u64_eq(view.nr, WEIR_NELEM(want));
	for (size_t i = 0; i < WEIR_NELEM(want); i++)
		expect_u64_eq(view.nodes[i].node, want[i]);
}

/* No run crosses zones, and free blocks below the highest order are scattered. 4K: the
 * highest block is 4M, 256 of them are 1G. 64K: it is 512M (order 13), two are 1G, and 2M
 * is order 5. */
static void overview_blocks_of_1g_are_bound_zone_by_zone(void **state)
{
	static const struct {
		const char *pagesize, *buddy;
		uint64_t blocks_2m, blocks_1g;
	} cases[] = {
		/* 200 * 4M = 0.78G in each zone: 1.56G in all, and no run of 1G */
		{ "4096\n",
		  "Node 0, zone  DMA32 0 0 0 0 0 0 0 0 0 0 200\n"
		  "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 0 200\n",
		  800, 0 },
		{ "4096\n",
		  "Node 0, zone  DMA32 0 0 0 0 0 0 0 0 0 0 255\n"
		  "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 0 513\n",
		  1536, 2 },
		{ "4096\n", "Node 0, zone Normal 0 0 0 0 0 0 0 0 9999 600 0\n", 600, 0 },
		{ "4096\n", "Node 0, zone Normal 999 999 9 9 9 9 9 9 9 0 256\n", 512, 1 },
		/* 1 * 2M + 1 * 4M + 3 * 512M: 1 + 2 + 768 blocks of 2M */
		{ "65536\n", "Node 0, zone Normal 7 7 7 7 7 1 1 0 0 0 0 0 0 3\n", 771,
		  1 },
		{ "65536\n", "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 0 0 0 9 1\n", 1408,
		  0 },
		/* 16K: 2M is order 7, the highest block (order 10 of 11) 16M */
		{ "16384\n", "Node 0, zone Normal 0 0 0 0 0 0 0 1 0 0 64\n", 513, 1 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = {
			{ "/@/pagesize", cases[i].pagesize },
			{ NODES "online", "0\n" },
			{ "/proc/buddyinfo", cases[i].buddy },
		};
		weir_auto(weir_overview_done) struct weir_overview view;
		weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;

		snap = view_of(files, WEIR_NELEM(files), &view);
		expect_count(view.nodes[0].blocks_2m, cases[i].blocks_2m);
		expect_count(view.nodes[0].blocks_1g_max, cases[i].blocks_1g);
	}
}

static void overview_pool_of_a_node_that_does_not_tell_is_unknown(void **state)
{
	struct fake_file files[] = {
		{ NODES "online", "0-1\n" },
		{ ALL "2048kB/nr_hugepages", "3\n" },
		{ NODE(0) "hugepages/hugepages-2048kB/nr_hugepages", "3\n" },
		{ ALL "1048576kB/nr_hugepages", .error = -EACCES },
		{ NODE(0) "hugepages/hugepages-1048576kB/nr_hugepages", "0\n" },
		{ NODE(1) "hugepages/hugepages-1048576kB/nr_hugepages", "0\n" },
	};
	weir_auto(weir_overview_done) struct weir_overview view;
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;

	(void)state;
	snap = view_of(files, WEIR_NELEM(files), &view);
	expect_count(view.nodes[0].pool, 6 * WEIR_MIB);
	expect_unknown(view.nodes[1].pool);
	expect_unknown(view.host_pool);
}

/* "Hugetlb:" counts all sizes, and serves where their directory cannot be seen. */
static void overview_of_the_host_is_what_meminfo_says(void **state)
{
	struct fake_file files[] = {
		{ "/proc/meminfo", "MemTotal:       104857600 kB\n"
		                   "MemAvailable:    1048576 kB\nHugetlb:  4096 kB\n"
		                   "Hugepagesize:  2048 kB\n" },
	};
	weir_auto(weir_overview_done) struct weir_overview view;
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;

	(void)state;
	snap = view_of(files, WEIR_NELEM(files), &view);
	expect_u64_eq(view.nr, 0);
	expect_count(view.host_total, 100 * WEIR_GIB);
	expect_count(view.host_available, WEIR_GIB);
	expect_count(view.host_pool, 4 * WEIR_MIB);
	expect_count(view.host_floor, 3 * WEIR_GIB); /* 3 % of 100G */
	assert_null(weir_default_size(snap)); /* named, but there is no such pool */
}

static void overview_of_an_empty_host_is_unknown(void **state)
{
	weir_auto(weir_overview_done) struct weir_overview view;
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;

	(void)state;
	snap = view_of(NULL, 0, &view);
	expect_u64_eq(view.nr, 0);
	expect_unknown(view.host_total);
	expect_unknown(view.host_available);
	expect_unknown(view.host_pool);
	expect_unknown(view.host_floor);
	assert_null(weir_default_size(snap));
}

/* The directory is there and empty: a kernel without any size has no pools, which is 0.
 */
static void overview_sums_known_pools_and_finds_the_default_size(void **state)
{
	struct weir_huge_size sizes[] = {
		{ .size_bytes = 2 * WEIR_MIB, .all.nr = { true, 5 } },
		{ .size_bytes = WEIR_GIB, .all.nr = { true, 1 } },
	};
	struct weir_snapshot snap = { .pools = { .known = true, .sizes = sizes },
		                      .mem.huge_size = { true, WEIR_GIB } };
	struct weir_overview view;

	(void)state;
	expect_int_eq(weir_overview_make(&snap, &view), 0);
	expect_count(view.host_pool, 0);
	assert_null(weir_default_size(&snap));
	snap.pools.nr = WEIR_NELEM(sizes);
	expect_int_eq(weir_overview_make(&snap, &view), 0);
	expect_count(view.host_pool, WEIR_GIB + 10 * WEIR_MIB);
	assert_ptr_equal(weir_default_size(&snap), &sizes[1]);
	sizes[1].all.nr.n = WEIR_COUNT_MAX; /* times 1G: more than fits */
	expect_int_eq(weir_overview_make(&snap, &view), 0);
	expect_unknown(view.host_pool);
}

static void host_floor_is_1g_or_3_percent(void **state)
{
	static const struct {
		uint64_t total, floor;
	} cases[] = {
		{ 0, WEIR_GIB },
		{ 33 * WEIR_GIB, WEIR_GIB }, /* 0.99G */
		/* 34 GiB are 36507222016 bytes: 365072220 * 3 */
		{ 34 * WEIR_GIB, 1095216660 },
		{ 100 * WEIR_GIB, 3 * WEIR_GIB },
		{ UINT64_MAX, UINT64_C(553402322211286548) }, /* 184467440737095516 * 3 */
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		expect_u64_eq(weir_host_floor(cases[i].total), cases[i].floor);
}

static int make(void *ctx)
{
	struct weir_overview view;
	int r = weir_overview_make(ctx, &view);

	if (r < 0)
		expect_u64_eq(view.nr, 0);
	weir_overview_done(&view);
	return r;
}

static void overview_every_failed_allocation_is_told(void **state)
{
	struct fake_file files[] = {
		{ NODES "online", "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,34\n" },
		{ "/proc/zoneinfo",
		  ZONE(1, "Normal", 1, 2, NO_CMA) ZONE(3, "Normal", 1, 2, NO_CMA) },
	};
	weir_auto(weir_overview_done) struct weir_overview view;
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;

	(void)state;
	snap = view_of(files, WEIR_NELEM(files), &view);
	expect_u64_eq(view.nr, 20);
	expect_int_eq(fault_every(make, snap), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(overview_of_two_nodes_joins_all_files),
		cmocka_unit_test(overview_of_zones_only_has_what_they_tell),
		cmocka_unit_test(overview_of_meminfo_only_knows_nothing_of_zones),
		cmocka_unit_test(overview_of_damaged_files_is_unknown),
		cmocka_unit_test(overview_of_a_5_10_kernel_knows_the_free_cma_only),
		cmocka_unit_test(overview_without_a_page_size_counts_no_bytes),
		cmocka_unit_test(overview_of_a_memoryless_node_is_0_and_no_more),
		cmocka_unit_test(overview_has_every_node_that_is_named_anywhere),
		cmocka_unit_test(overview_blocks_of_1g_are_bound_zone_by_zone),
		cmocka_unit_test(overview_pool_of_a_node_that_does_not_tell_is_unknown),
		cmocka_unit_test(overview_of_the_host_is_what_meminfo_says),
		cmocka_unit_test(overview_of_an_empty_host_is_unknown),
		cmocka_unit_test(overview_sums_known_pools_and_finds_the_default_size),
		cmocka_unit_test(host_floor_is_1g_or_3_percent),
		cmocka_unit_test(overview_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
