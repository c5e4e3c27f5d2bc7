/* contig: the walk over page flags, on memory made for it; lists of ranges, good and bad;
 * which of them are of use on which node. */
#include "facts/contig.h"

#include "fake_host.h"
#include "fault.h"
#include "host/contig.h"
#include "test.h"

#include <errno.h>
#include <linux/kernel-page-flags.h>

#define BIT(n)   (UINT64_C(1) << (n))
#define HEAD     BIT(KPF_COMPOUND_HEAD)
#define TAIL     BIT(KPF_COMPOUND_TAIL)
#define HUGE     BIT(KPF_HUGE)
#define LRU      BIT(KPF_LRU)
#define SLAB     BIT(KPF_SLAB)
#define RESERVED BIT(32)
#define G1       (UINT64_C(1) << 30)

/* Ranges are of 16 frames here. */
enum { FRAMES = 64, RANGE = 16 };

struct memory {
	uint64_t flags[FRAMES];
	uint64_t fails_at; /* 0: nowhere */
};

static int flags_at(void *ctx, uint64_t pfn, size_t nr, uint64_t *out)
{
	const struct memory *memory = ctx;
	int n = 0;

	if (memory->fails_at && pfn + nr > memory->fails_at)
		return -EIO;
	for (; (size_t)n < nr && pfn + (uint64_t)n < FRAMES; n++)
		out[n] = memory->flags[pfn + (uint64_t)n];
	return n;
}

static struct memory memory_free(void)
{
	struct memory memory = { 0 };

	for (size_t i = 0; i < FRAMES; i++)
		memory.flags[i] = BIT(KPF_BUDDY);
	return memory;
}

static void expect_walk(struct memory *memory, struct weir_pfn_range range,
                        uint64_t read_max, const char *want)
{
	weir_auto(weir_buf_done) struct weir_buf out = { 0 };
	struct weir_contig_walk walk = { .flags = flags_at,
		                         .ctx = memory,
		                         .nr_pages = RANGE,
		                         .read_max = read_max,
		                         .ranges = { &range, 1, 1 } };

	expect_int_eq(weir_contig_walk(&walk, &out), 0);
	expect_str(out.n ? out.p : "", want);
}

static void walk_tells_what_a_range_is_made_of(void **state)
{
	static const struct {
		uint64_t first, second; /* flags of two pages of the range */
		const char *want;
	} cases[] = {
		{ BIT(KPF_BUDDY), BIT(KPF_BUDDY), "0 open 16 0 0 0\n" },
		{ LRU, LRU | BIT(KPF_MMAP), "0 open 14 2 0 0\n" },
		{ 0, BIT(KPF_MMAP) | BIT(KPF_ANON), "0 open 14 0 0 2\n" },
		{ SLAB, BIT(KPF_BUDDY), "0 fixed\n" },
		{ BIT(KPF_BUDDY), BIT(KPF_PGTABLE), "0 fixed\n" },
		{ BIT(KPF_BUDDY), BIT(KPF_NOPAGE), "0 fixed\n" },
		{ BIT(KPF_BUDDY), RESERVED, "0 fixed\n" },
		{ BIT(KPF_BUDDY), RESERVED | BIT(KPF_MMAP), "0 fixed\n" },
		{ LRU | BIT(KPF_HWPOISON), BIT(KPF_BUDDY), "0 fixed\n" },
		/* heads decide about tails */
		{ SLAB | HEAD, TAIL, "0 fixed\n" },
		{ LRU | HEAD, TAIL, "0 open 14 2 0 0\n" },
		{ BIT(KPF_THP) | HEAD, BIT(KPF_THP) | TAIL, "0 open 14 2 0 0\n" },
		{ BIT(KPF_THP) | BIT(KPF_ZERO_PAGE), BIT(KPF_BUDDY), "0 fixed\n" },
		{ HEAD, TAIL, "0 fixed\n" }, /* the kernel's own */
		{ HEAD | BIT(KPF_UPTODATE), TAIL, "0 open 14 0 0 2\n" },
		{ TAIL, BIT(KPF_BUDDY), "0 fixed\n" }, /* of nothing */
		{ HUGE | HEAD, HUGE | TAIL, "0 open 14 0 2 0\n" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct memory memory = memory_free();
		struct weir_pfn_range range = { 0, RANGE };

		memory.flags[4] = cases[i].first;
		memory.flags[5] = cases[i].second;
		expect_walk(&memory, range, 1000, cases[i].want);
	}
}

static void walk_looks_at_whole_aligned_ranges(void **state)
{
	struct memory memory = memory_free();

	(void)state;
	expect_walk(&memory, (struct weir_pfn_range){ 1, 63 }, 1000,
	            "16 open 16 0 0 0\n32 open 16 0 0 0\n");
	expect_walk(&memory, (struct weir_pfn_range){ 1, 31 }, 1000, "");
}

static void walk_ends_where_memory_does(void **state)
{
	struct memory memory = memory_free();

	(void)state;
	expect_walk(&memory, (struct weir_pfn_range){ 48, 80 }, 1000,
	            "48 open 16 0 0 0\n64 fixed\n");
}

static void walk_knows_pages_that_are_there(void **state)
{
	struct memory memory = memory_free();

	(void)state;
	memory.flags[16] = HUGE | HEAD;
	for (size_t i = 17; i < 32; i++)
		memory.flags[i] = HUGE | TAIL;
	for (size_t i = 32; i < 48; i++) /* two of half the size */
		memory.flags[i] = HUGE | (i % 8 ? TAIL : HEAD);
	expect_walk(&memory, (struct weir_pfn_range){ 0, 48 }, 1000,
	            "0 open 16 0 0 0\n16 taken\n32 open 0 0 16 0\n");
}

static void walk_reads_no_more_than_it_may(void **state)
{
	struct memory memory = memory_free();

	(void)state;
	expect_walk(&memory, (struct weir_pfn_range){ 0, 64 }, 2 * RANGE,
	            "0 open 16 0 0 0\n16 open 16 0 0 0\n32 unread\n48 unread\n");
}

static int walk_all(void *ctx)
{
	weir_auto(weir_buf_done) struct weir_buf out = { 0 };
	struct weir_pfn_range range = { 0, FRAMES };
	struct weir_contig_walk walk = { .flags = flags_at,
		                         .ctx = ctx,
		                         .nr_pages = RANGE,
		                         .read_max = 1000,
		                         .ranges = { &range, 1, 1 } };

	return weir_contig_walk(&walk, &out);
}

static void walk_tells_failures(void **state)
{
	struct memory memory = memory_free();

	(void)state;
	expect_int_eq(fault_every(walk_all, &memory), 0);
	memory.fails_at = 8; /* when the middle is looked at */
	expect_int_eq(walk_all(&memory), -EIO);
	memory.fails_at = 28;
	expect_int_eq(walk_all(&memory), -EIO);
}

/* ---- the text ---- */

static void ranges_good_and_bad(void **state)
{
	static const struct {
		const char *text;
		size_t nr;
		int result;
	} cases[] = {
		{ "", 0, 0 },
		{ "0 open 16 0 0 0\n16 taken\n32 fixed\n64 unread\n", 4, 0 },
		{ "0 open 4 4 4 4\n", 1, 0 },
		{ "0 open 16 0 0 0", 0, WEIR_GARBLED }, /* cut off */
		{ "0 fixed\n16 taken", 1, WEIR_GARBLED },
		{ "0 open 16 0 0 1\n", 0, WEIR_GARBLED },
		{ "0 open 15 0 0 0\n", 0, WEIR_GARBLED },
		{ "0 open 18446744073709551615 17 0 0\n", 0, WEIR_GARBLED },
		{ "0 open 16 0 0\n", 0, WEIR_GARBLED },
		{ "0 open 16 0 0 0 0\n", 0, WEIR_GARBLED },
		{ "0 fixed 16\n", 0, WEIR_GARBLED },
		{ "8 fixed\n", 0, WEIR_GARBLED },
		{ "16 fixed\n16 fixed\n", 1, WEIR_GARBLED },
		{ "16 fixed\n0 fixed\n", 1, WEIR_GARBLED },
		{ "0 closed\n", 0, WEIR_GARBLED },
		{ "0\n", 0, WEIR_GARBLED },
		{ "-16 fixed\n", 0, WEIR_GARBLED },
		{ "18446744073709551600 fixed\n", 0, WEIR_GARBLED },
		{ "\n", 0, WEIR_GARBLED },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_contig got;
		struct weir_err err = { 0 };

		expect_int_eq(weir_contig_parse(weir_strz(cases[i].text), 16, &got, &err),
		              cases[i].result);
		expect_u64_eq(got.nr, cases[i].nr);
		assert_true((cases[i].result != 0) == (err.msg[0] != '\0'));
		weir_contig_done(&got);
	}
}

/* ---- places ---- */

#define ZONE(node, name, first, nr)                                \
	"Node " #node ", zone " #name "\n  pages free 0\n        " \
	"spanned  " #nr "\n        present  " #nr                  \
	"\n        cma      0\n  start_pfn:           " #first "\n"

static void read_with(const char *text, const char *zoneinfo,
                      const struct weir_cma_range *area, struct weir_contig *out)
{
	struct weir_cma_ranges cma = { .known = true };
	struct weir_zones zones;

	if (area) {
		cma.v = calloc(1, sizeof(*cma.v));
		assert_non_null(cma.v);
		cma.v[cma.nr++] = *area;
	}
	expect_int_eq(weir_zoneinfo_parse(weir_strz(zoneinfo), &zones, NULL), 0);
	expect_int_eq(weir_contig_parse(weir_strz(text), RANGE, out, NULL), 0);
	expect_int_eq(weir_contig_place(out, &zones, &cma), 0);
	weir_zones_done(&zones);
	weir_cma_ranges_done(&cma);
}

static const char four[] = "0 open 16 0 0 0\n16 open 10 6 0 0\n32 open 12 0 4 0\n"
			   "48 open 15 0 0 1\n";

static void expect_counts(const char *zoneinfo, const struct weir_cma_range *area,
                          unsigned int node, const char *want)
{
	struct weir_contig contig;
	struct weir_contig_count count;
	char got[64];

	read_with(four, zoneinfo, area, &contig);
	weir_contig_count(&contig, node, &count);
	(void)snprintf(got, sizeof(got), "%" PRIu64 " %" PRIu64 " %" PRIu64, count.free,
	               count.emptied, count.returned);
	expect_str(got, want);
	weir_contig_done(&contig);
}

static void ranges_count_where_they_lie(void **state)
{
	static const struct weir_cma_range area = { 20, 24 };

	(void)state;
	expect_counts(ZONE(0, Normal, 0, 64), NULL, 0, "1 2 1");
	expect_counts(ZONE(0, Normal, 0, 64), NULL, 1, "0 0 0");
	expect_counts(ZONE(0, Normal, 0, 32) ZONE(1, Normal, 32, 32), NULL, 0, "1 1 0");
	expect_counts(ZONE(0, Normal, 0, 32) ZONE(1, Normal, 32, 32), NULL, 1, "0 1 1");
	/* a border in a range, of nodes and of zones; what no zone has */
	expect_counts(ZONE(0, Normal, 0, 24) ZONE(1, Normal, 24, 40), NULL, 0, "1 0 0");
	expect_counts(ZONE(0, DMA, 0, 8) ZONE(0, Normal, 8, 56), NULL, 0, "0 2 1");
	expect_counts(ZONE(0, Normal, 0, 40), NULL, 0, "1 1 0");
	expect_counts(ZONE(0, Normal, 8, 56), NULL, 0, "0 2 1");
	/* where the kernel does not look */
	expect_counts(ZONE(0, Normal, 0, 16) ZONE(0, Movable, 16, 48), NULL, 0, "1 0 0");
	expect_counts(ZONE(0, Normal, 0, 64), &area, 0, "1 1 1");
	/* of two nodes, perhaps of either, and none for certain */
	expect_counts(ZONE(0, Normal, 0, 64) ZONE(1, Normal, 0, 16), NULL, 0, "0 3 1");
	expect_counts(ZONE(0, Normal, 0, 64) ZONE(1, Normal, 0, 16), NULL, 1, "0 1 0");
	expect_counts(ZONE(0, Normal, 0, 64) ZONE(0, Movable, 0, 16), NULL, 0, "0 3 1");
}

static void much_that_is_not_told_stays(void **state)
{
	struct weir_contig contig;

	(void)state;
	read_with("0 open 14 0 0 2\n16 open 13 0 0 3\n", ZONE(0, Normal, 0, 64), NULL,
	          &contig);
	expect_int_eq(contig.v[0].state, WEIR_CONTIG_OPEN);
	expect_int_eq(contig.v[1].state, WEIR_CONTIG_FIXED);
	weir_contig_done(&contig);
}

static void pool_pages_that_go_leave_ranges(void **state)
{
	static const uint64_t pages[] = { 0, 3, 4, 7, 8, 15, 16, 1000 };
	static const uint64_t want[] = { 0, 0, 1, 1, 2, 2, 3, 3 };
	struct weir_contig contig;

	(void)state;
	read_with(
		"0 open 8 0 8 0\n16 open 10 2 4 0\n32 open 12 0 4 0\n48 open 16 0 0 0\n",
		ZONE(0, Normal, 0, 64), NULL, &contig);
	for (size_t i = 0; i < WEIR_NELEM(pages); i++) {
		expect_u64_eq(weir_contig_returned(&contig, 0, pages[i]), want[i]);
		expect_u64_eq(weir_contig_returned(&contig, 1, pages[i]), 0);
	}
	expect_u64_eq(weir_contig_free_without_pools(&contig, 0), 3);
	expect_u64_eq(weir_contig_free_without_pools(&contig, 1), 0);
	weir_contig_done(&contig);
}

/* ---- reading ---- */

static void only_gigantic_sizes_are_read(void **state)
{
	struct fake_file files[] = {
		{ "/@/contig/1073741824", "0 fixed\n262144 open 262144 0 0 0\n" },
	};
	struct weir_huge_size sizes[] = { { .size_bytes = 2 << 20 },
		                          { .size_bytes = G1 } };
	struct weir_pools pools = { .known = true, .sizes = sizes, .nr = 2 };
	struct weir_klog klog = { 0 };
	struct weir_zones zones;
	struct weir_frames_of of = { .zones = &zones,
		                     .klog = &klog,
		                     .has_no_cma = true,
		                     .page_bytes = WEIR_COUNT(4096) };
	struct weir_contigs contigs;
	struct weir_contig_count count;
	struct fake_host fake;

	(void)state;
	expect_int_eq(
		weir_zoneinfo_parse(weir_strz(ZONE(0, Normal, 0, 524288)), &zones, NULL),
		0);
	fake_open(&fake, files, 1);
	weir_contigs_read(&fake.reader, &pools, 4 << 20, &of, &contigs);
	expect_u64_eq(contigs.nr, 1);
	assert_null(weir_contigs_find(&contigs, 2 << 20));
	weir_contig_count(weir_contigs_find(&contigs, G1), 0, &count);
	expect_u64_eq(count.free, 1);
	weir_contigs_done(&contigs);
	files[0].text = "frog\n";
	weir_contigs_read(&fake.reader, &pools, 4 << 20, &of, &contigs);
	expect_u64_eq(contigs.nr, 0);
	(void)fake_expect_gap(&fake, WEIR_GAP_MALFORMED, "/@/contig/1073741824");
	fake_close(&fake);
	files[0] = (struct fake_file){ "/@/contig/1073741824", .error = -EACCES };
	fake_open(&fake, files, 1);
	weir_contigs_read(&fake.reader, &pools, 4 << 20, &of, &contigs);
	expect_u64_eq(contigs.nr, 0);
	(void)fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN, "/@/contig/1073741824");
	fake_close(&fake);
	weir_zones_done(&zones);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(walk_tells_what_a_range_is_made_of),
		cmocka_unit_test(walk_looks_at_whole_aligned_ranges),
		cmocka_unit_test(walk_ends_where_memory_does),
		cmocka_unit_test(walk_knows_pages_that_are_there),
		cmocka_unit_test(walk_reads_no_more_than_it_may),
		cmocka_unit_test(walk_tells_failures),
		cmocka_unit_test(ranges_good_and_bad),
		cmocka_unit_test(ranges_count_where_they_lie),
		cmocka_unit_test(much_that_is_not_told_stays),
		cmocka_unit_test(pool_pages_that_go_leave_ranges),
		cmocka_unit_test(only_gigantic_sizes_are_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
