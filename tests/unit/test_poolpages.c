/* poolpages: the walk over page flags, on memory made for it, and the zones' ranges. */
#include "host/poolpages.h"

#include "fault.h"
#include "test.h"

#include <errno.h>
#include <linux/kernel-page-flags.h>

#define BIT(n) (UINT64_C(1) << (n))
#define HEAD   (BIT(KPF_HUGE) | BIT(KPF_COMPOUND_HEAD))
#define TAIL   (BIT(KPF_HUGE) | BIT(KPF_COMPOUND_TAIL))
#define DATA   (BIT(KPF_UPTODATE) | BIT(KPF_DIRTY))

#define M2 (UINT64_C(2) << 20)
#define G1 (UINT64_C(1) << 30)

enum { FRAMES = 1 << 20 };

struct memory {
	uint64_t *flags;
	uint64_t nr;
	uint64_t nr_reads;
	uint64_t fails_at; /* 0: nowhere */
};

static int flags_at(void *ctx, uint64_t pfn, uint64_t *out)
{
	struct memory *memory = ctx;

	memory->nr_reads++;
	if (memory->fails_at && pfn >= memory->fails_at)
		return -EIO;
	if (pfn >= memory->nr)
		return -ENODATA;
	*out = memory->flags[pfn];
	return 0;
}

static void put_page(struct memory *memory, uint64_t pfn, uint64_t frames, uint64_t more)
{
	memory->flags[pfn] = HEAD | more;
	for (uint64_t i = 1; i < frames; i++)
		memory->flags[pfn + i] = TAIL;
}

static struct memory memory_new(void)
{
	struct memory memory = { calloc(FRAMES, sizeof(uint64_t)), FRAMES, 0, 0 };

	assert_non_null(memory.flags);
	return memory;
}

/* Walks over @ranges with 2M and 1G pages, and expects @want. */
static void expect_walk(struct memory *memory, struct weir_pfn_range *ranges, size_t nr,
                        const char *want)
{
	weir_auto(weir_buf_done) struct weir_buf out = { 0 };
	struct weir_poolpages walk = { .flags = flags_at,
		                       .ctx = memory,
		                       .page_bytes = 4096,
		                       .sizes = { M2, G1 },
		                       .nr_sizes = 2,
		                       .ranges = { ranges, nr, nr } };

	memory->nr_reads = 0;
	expect_int_eq(weir_poolpages_walk(&walk, &out), 0);
	expect_str(out.n ? out.p : "", want);
}

static void walk_joins_neighbours_of_one_state(void **state)
{
	struct memory memory = memory_new();
	struct weir_pfn_range all = { 0, FRAMES };

	(void)state;
	expect_walk(&memory, &all, 1, "");
	expect_u64_eq(memory.nr_reads, FRAMES / 512);
	put_page(&memory, 512, 512, 0);
	put_page(&memory, 1024, 512,
	         BIT(KPF_UPTODATE)); /* one of the two is not enough */
	put_page(&memory, 1536, 512, BIT(KPF_MMAP) | DATA);
	put_page(&memory, 2048, 512, BIT(KPF_MMAP));
	put_page(&memory, 2560, 512, DATA);
	put_page(&memory, 3584, 512, DATA);
	put_page(&memory, 262144, 262144, BIT(KPF_MMAP));
	put_page(&memory, 524288, 262144, 0);
	put_page(&memory, 786432, 512, 0);
	/* with an error: of nobody, in a file, mapped */
	put_page(&memory, 787456, 512, BIT(KPF_HWPOISON));
	put_page(&memory, 787968, 512, BIT(KPF_HWPOISON) | BIT(KPF_REFERENCED));
	put_page(&memory, 788480, 512, BIT(KPF_HWPOISON) | DATA);
	put_page(&memory, 788992, 512, BIT(KPF_HWPOISON) | BIT(KPF_MMAP));
	expect_walk(
		&memory, &all, 1,
		"512 2 2097152 free\n1536 2 2097152 used\n2560 1 2097152 any\n"
		"3584 1 2097152 any\n262144 1 1073741824 used\n"
		"524288 1 1073741824 free\n786432 1 2097152 free\n"
		"787456 2 2097152 lost\n788480 1 2097152 any\n788992 1 2097152 used\n");
	free(memory.flags);
}

/* What is huge but not hugetlb, and tails, are no pages of a pool. */
static void walk_passes_over_other_compound_pages(void **state)
{
	struct memory memory = memory_new();
	struct weir_pfn_range all = { 0, FRAMES };

	(void)state;
	memory.flags[512] = BIT(KPF_COMPOUND_HEAD) | BIT(KPF_THP);
	memory.flags[1024] = TAIL;
	memory.flags[1536] = BIT(KPF_HUGE);
	memory.flags[2048] = BIT(KPF_NOPAGE);
	expect_walk(&memory, &all, 1, "");
	free(memory.flags);
}

static void walk_stays_inside_the_ranges(void **state)
{
	struct memory memory = memory_new();
	struct weir_pfn_range ranges[] = { { 1, 600 },
		                           { 1000, 1100 },
		                           { 262144, 300000 } };

	(void)state;
	for (uint64_t pfn = 0; pfn < 4096; pfn += 512)
		put_page(&memory, pfn, 512, 0);
	put_page(&memory, 262144, 262144, 0); /* reaches over the range's end */
	expect_walk(&memory, ranges, 3, "512 2 2097152 free\n262144 1 1073741824 free\n");
	expect_walk(&memory, ranges, 0, "");
	free(memory.flags);
}

static void walk_ends_where_memory_does(void **state)
{
	struct memory memory = memory_new();
	struct weir_pfn_range all = { 0, UINT64_C(1) << 40 };

	(void)state;
	memory.nr = 262144 + 512;
	put_page(&memory, 0, 512, 0);
	/* a head whose next frame is behind the end */
	put_page(&memory, 262144, 512, 0);
	expect_walk(&memory, &all, 1, "0 1 2097152 free\n262144 1 2097152 free\n");
	free(memory.flags);
}

static void walk_tells_failures(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf out = { 0 };
	struct memory memory = memory_new();
	struct weir_pfn_range all = { 0, FRAMES };
	struct weir_poolpages walk = { .flags = flags_at,
		                       .ctx = &memory,
		                       .page_bytes = 4096,
		                       .sizes = { M2, G1 },
		                       .nr_sizes = 2,
		                       .ranges = { &all, 1, 1 } };

	(void)state;
	put_page(&memory, 0, 512, 0);
	memory.fails_at = 512; /* when the size is looked for */
	expect_int_eq(weir_poolpages_walk(&walk, &out), -EIO);
	memory.fails_at = 4096;
	expect_int_eq(weir_poolpages_walk(&walk, &out), -EIO);
	walk.nr_sizes = 0;
	expect_int_eq(weir_poolpages_walk(&walk, &out), 0);
	expect_u64_eq(out.n, 0);
	free(memory.flags);
}

static void zone_ranges_are_sorted_and_merged(void **state)
{
	static const struct {
		const char *text, *want;
		int result;
	} cases[] = {
		{ "", "", 0 },
		{ "Node 0, zone      DMA\n        spanned  4095\n  start_pfn:           "
		  "1\n"
		  "Node 0, zone    DMA32\n        spanned  100\n  start_pfn:           "
		  "4096\n"
		  "Node 0, zone   Movable\n        spanned  0\n",
		  "1-4196 ", 0 },
		{ "Node 1, zone Normal\n spanned 50\n start_pfn: 100\n"
		  "Node 0, zone Normal\n spanned 80\n start_pfn: 10\n",
		  "10-90 100-150 ", 0 },
		{ "Node 0, zone A\n spanned 100\n start_pfn: 0\n"
		  "Node 0, zone B\n spanned 10\n start_pfn: 20\n"
		  "Node 0, zone C\n spanned 100\n start_pfn: 50\n",
		  "0-150 ", 0 },
		/* a span without a start does not pass on to the next zone */
		{ "Node 0, zone A\n spanned 100\nNode 0, zone B\n start_pfn: 5\n", "",
		  0 },
		{ "Node 0, zone A\n spanned 1\n start_pfn: 18446744073709551615\n", "",
		  -EBADMSG },
		{ "Node 0, zone A\n spanned 1\n start_pfn: 9999999999999999\n", "",
		  -EBADMSG },
		{ "Node 0, zone A\n spanned x\n start_pfn: 1\n", "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_pfn_ranges got;
		char text[128] = "";

		expect_int_eq(weir_zone_ranges(weir_strz(cases[i].text), &got),
		              cases[i].result);
		for (size_t k = 0; k < got.nr; k++)
			(void)snprintf(text + strlen(text), sizeof(text) - strlen(text),
			               "%" PRIu64 "-%" PRIu64 " ", got.v[k].first,
			               got.v[k].end);
		expect_str(text, cases[i].want);
		weir_pfn_ranges_done(&got);
	}
}

static int walk_all(void *ctx)
{
	weir_auto(weir_buf_done) struct weir_buf out = { 0 };
	struct weir_poolpages walk = { .flags = flags_at,
		                       .ctx = ctx,
		                       .page_bytes = 4096,
		                       .sizes = { M2 },
		                       .nr_sizes = 1 };
	int r = weir_zone_ranges(
		weir_strz("Node 0, zone A\n spanned 2048\n start_pfn: 0\n"),
		&walk.ranges);

	if (r == 0)
		r = weir_poolpages_walk(&walk, &out);
	weir_pfn_ranges_done(&walk.ranges);
	return r;
}

static void walk_every_failed_allocation_is_told(void **state)
{
	struct memory memory = memory_new();

	(void)state;
	put_page(&memory, 512, 512, 0);
	put_page(&memory, 1536, 512, 0);
	expect_int_eq(fault_every(walk_all, &memory), 0);
	free(memory.flags);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(walk_joins_neighbours_of_one_state),
		cmocka_unit_test(walk_passes_over_other_compound_pages),
		cmocka_unit_test(walk_stays_inside_the_ranges),
		cmocka_unit_test(walk_ends_where_memory_does),
		cmocka_unit_test(walk_tells_failures),
		cmocka_unit_test(zone_ranges_are_sorted_and_merged),
		cmocka_unit_test(walk_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
