/* shortfall: a row for each pool that was asked for, surplus pages not counted in, and no
 * 0 where a pool does not tell. */
#include "facts/shortfall.h"

#include "base/size.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

static const uint64_t sizes[] = { 2 * WEIR_MIB, 32 * WEIR_MIB, WEIR_GIB };

#define POOL(total, more)                                                        \
	{                                                                        \
		.nr = { true, (total) }, .free = { true, (total) }, .surplus = { \
			true,                                                    \
			(more)                                                   \
		}                                                                \
	}

/* 2M: 8 pages, 3 of them surplus: 5 persistent ones. Node 0 has 6 - 1 = 5 of them, node 1
 * does not tell. 32M: its number of surplus pages is not known. 1G: nothing is. */
static struct weir_node_pool nodes_2m[] = { { 0, POOL(6, 1) }, { 1, { .nr = { 0 } } } };
static struct weir_huge_size huge[] = {
	{ .size_bytes = 2 * WEIR_MIB,
	  .all = POOL(8, 3),
	  .nodes = nodes_2m,
	  .nr_nodes = WEIR_NELEM(nodes_2m) },
	{ .size_bytes = 32 * WEIR_MIB, .all = { .nr = { true, 9 } } },
	{ .size_bytes = WEIR_GIB },
};
static const struct weir_pools pools = { .known = true,
	                                 .sizes = huge,
	                                 .nr = WEIR_NELEM(huge) };

static void parse(const char *cmdline, const char *log, uint64_t default_bytes,
                  struct weir_boot *boot, struct weir_klog *klog)
{
	const struct weir_boot_rules rules = {
		.sizes = sizes,
		.nr_sizes = WEIR_NELEM(sizes),
		.default_bytes = default_bytes,
		.node_lists = true,
	};
	struct weir_err err;

	expect_int_eq(weir_boot_parse(weir_strz(cmdline), &rules, boot, &err), 0);
	expect_int_eq(weir_klog_parse(weir_strz(log), klog, &err), 0);
}

static const char *number(struct weir_count n, char text[24])
{
	if (!n.known)
		return "?";
	(void)snprintf(text, 24, "%" PRIu64, n.n);
	return text;
}

#define NUMBER(n) number((n), (char[24]){ 0 })

/* "2M on 0: 9 5 4 log 3;": asked, present, missing, and what the log says. */
static void show(const struct weir_shortfalls *rows, char *out, size_t cap)
{
	size_t n = 0;

	out[0] = '\0';
	for (size_t i = 0; i < rows->nr; i++) {
		const struct weir_shortfall *row = &rows->v[i];
		char size[WEIR_SIZE_TEXT_MAX];

		n += (size_t)snprintf(
			out + n, cap - n, "%s on %s: %" PRIu64 " %s %s log %s;",
			weir_format_size(row->size_bytes, size, sizeof(size)).p,
			row->node.known ? NUMBER(row->node) : "all", row->asked,
			NUMBER(row->present), NUMBER(row->missing), NUMBER(row->at_boot));
		assert_true(n < cap);
	}
}

#define ALL_2M                                                                   \
	"HugeTLB: allocating 8 of page size 2.00 MiB failed.  Only allocated 4 " \
	"hugepages.\n"
#define NODE_2M                                                                        \
	"HugeTLB: allocating 7 of page size 2.00 MiB failed node1.  Only allocated 2 " \
	"hugepages.\n"

static void shortfall_rows_are_what_was_asked_for_against_what_is_there(void **state)
{
	static const struct {
		const char *cmdline, *log, *want;
	} cases[] = {
		{ "hugepages=-1", "", "" }, /* not taken */
		{ "hugepages=0", "", "2M on all: 0 5 0 log ?;" },
		{ "hugepages=9223372036854775807", "",
		  "2M on all: 9223372036854775807 5 9223372036854775802 log ?;" },
		{ "hugepagesz=1G", "", "" },              /* only named */
		{ "hugepagesz=64K hugepages=4", "", "" }, /* no such size here */
		{ "", ALL_2M, "" },
		/* 8 - 5: the 3 surplus pages were not asked for */
		{ "hugepages=8", "", "2M on all: 8 5 3 log ?;" },
		{ "hugepages=5", "", "2M on all: 5 5 0 log ?;" },
		{ "hugepages=4", "",
		  "2M on all: 4 5 0 log ?;" }, /* more is not missing */
		{ "hugepagesz=32M hugepages=9", "", "32M on all: 9 ? ? log ?;" },
		{ "hugepagesz=1G hugepages=2", "", "1G on all: 2 ? ? log ?;" },
		/* a node with 0 was not asked for any; node 2 has no pools */
		{ "hugepages=0:9,1:7,2:0", "",
		  "2M on 0: 9 5 4 log ?;2M on 1: 7 ? ? log ?;" },
		{ "hugepages=2:1", "", "2M on 2: 1 ? ? log ?;" },
		/* the log's line is of the same size and of the same nodes, or says
		   nothing */
		{ "hugepages=8", ALL_2M NODE_2M, "2M on all: 8 5 3 log 4;" },
		{ "hugepages=8", NODE_2M, "2M on all: 8 5 3 log ?;" },
		{ "hugepagesz=1G hugepages=8", ALL_2M, "1G on all: 8 ? ? log ?;" },
		{ "hugepages=0:7,1:7", ALL_2M NODE_2M,
		  "2M on 0: 7 5 2 log ?;2M on 1: 7 ? ? log 2;" },
		{ "hugepagesz=1G hugepages=1 hugepagesz=2M hugepages=6", "",
		  "1G on all: 1 ? ? log ?;2M on all: 6 5 1 log ?;" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_boot boot;
		struct weir_klog klog;
		struct weir_shortfalls rows;
		char got[512];

		parse(cases[i].cmdline, cases[i].log, 2 * WEIR_MIB, &boot, &klog);
		expect_int_eq(weir_shortfalls_make(&boot, &pools, &klog, &rows), 0);
		show(&rows, got, sizeof(got));
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: '%s', not '%s'", cases[i].cmdline, got,
			         cases[i].want);
		weir_shortfalls_done(&rows);
		weir_klog_done(&klog);
		weir_boot_done(&boot);
	}
}

/* Which size the count is of is not known, and no row guesses. */
static void shortfall_of_an_unknown_default_size_has_no_row(void **state)
{
	struct weir_shortfalls rows;
	struct weir_boot boot;
	struct weir_klog klog;

	(void)state;
	parse("hugepages=8", "", 0, &boot, &klog);
	expect_int_eq(weir_shortfalls_make(&boot, &pools, &klog, &rows), 0);
	expect_u64_eq(rows.nr, 0);
	weir_shortfalls_done(&rows);
	weir_klog_done(&klog);
	weir_boot_done(&boot);
}

static void shortfall_without_known_pools_is_unknown(void **state)
{
	const struct weir_pools none = { .known = false };
	struct weir_shortfalls rows;
	struct weir_boot boot;
	struct weir_klog klog;
	char got[64];

	(void)state;
	parse("hugepages=8", "", 2 * WEIR_MIB, &boot, &klog);
	expect_int_eq(weir_shortfalls_make(&boot, &none, &klog, &rows), 0);
	show(&rows, got, sizeof(got));
	expect_str(got, "2M on all: 8 ? ? log ?;");
	weir_shortfalls_done(&rows);
	weir_klog_done(&klog);
	weir_boot_done(&boot);
}

struct made_from {
	struct weir_boot boot;
	struct weir_klog klog;
};

static int make(void *ctx)
{
	struct made_from *from = ctx;
	struct weir_shortfalls rows;
	int r = weir_shortfalls_make(&from->boot, &pools, &from->klog, &rows);

	if (r < 0)
		expect_u64_eq(rows.nr, 0);
	weir_shortfalls_done(&rows);
	return r;
}

static void shortfall_every_failed_allocation_is_told(void **state)
{
	struct made_from from;

	(void)state;
	parse("hugepages=0:1,1:2,2:3,3:4,4:5,5:6,6:7,7:8,8:9,9:1,10:1 "
	      "hugepagesz=1G hugepages=3",
	      "", 2 * WEIR_MIB, &from.boot, &from.klog);
	expect_int_eq(fault_every(make, &from), 0);
	weir_klog_done(&from.klog);
	weir_boot_done(&from.boot);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			shortfall_rows_are_what_was_asked_for_against_what_is_there),
		cmocka_unit_test(shortfall_of_an_unknown_default_size_has_no_row),
		cmocka_unit_test(shortfall_without_known_pools_is_unknown),
		cmocka_unit_test(shortfall_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
