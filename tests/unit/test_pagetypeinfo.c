/* pagetypeinfo: the tables of every node, and which counts are lower bounds. */
#include "facts/pagetypeinfo.h"

#include "base/buf.h"

#include "fault.h"
#include "test.h"

static void parse_str(struct weir_str text, int want, struct weir_pagetypeinfo *out)
{
	struct weir_err err = { 0 };

	expect_int_eq(weir_pagetypeinfo_parse(text, out, &err), want);
	if (want == 0)
		expect_str(err.msg, "");
	else
		assert_true(strlen(err.msg) > 0);
}

static void parse(const char *text, int want, struct weir_pagetypeinfo *out)
{
	parse_str(weir_strz(text), want, out);
}

static const struct weir_type_row *row_of(const struct weir_pagetypeinfo *info,
                                          unsigned int node, const char *zone,
                                          const char *type)
{
	for (size_t i = 0; i < info->nr; i++)
		if (info->rows[i].node == node && strcmp(info->rows[i].zone, zone) == 0 &&
		    strcmp(info->rows[i].type, type) == 0)
			return &info->rows[i];
	fail_msg("no row for node %u, zone %s, type %s", node, zone, type);
	return NULL;
}

/* Linux 6.18 on x86-64, without CMA; zone DMA left out. */
static const char one_node[] =
	"Page block order: 9\n"
	"Pages per block:  512\n"
	"\n"
	"Free pages count per migrate type at order       0      1      2      3      4  "
	" "
	"   5      6      7      8      9     10 \n"
	"Node    0, zone    DMA32, type    Unmovable      0      0      0      0      0  "
	" "
	"   0      0      0      0      0      0 \n"
	"Node    0, zone    DMA32, type      Movable      3      3      2      2      5  "
	" "
	"   5      4      3      4      1    752 \n"
	"Node    0, zone   Normal, type    Unmovable      1      0     62    659    358  "
	" "
	" 321    205     64     18      0      0 \n"
	"Node    0, zone   Normal, type      Movable      1      1      0      1      0  "
	" "
	"   1      0      1      1      0     25 \n"
	"Node    0, zone   Normal, type  Reclaimable      1      0      0      1      0  "
	" "
	"   1      0      1      1      1      0 \n"
	"Node    0, zone   Normal, type   HighAtomic      0      0      0      0      0  "
	" "
	"   0      0      0      0      0      0 \n"
	"Node    0, zone   Normal, type      Isolate      0      0      0      0      0  "
	" "
	"   0      0      0      0      0      0 \n"
	"\n"
	"Number of blocks type     Unmovable      Movable  Reclaimable   HighAtomic      "
	"Isolate \n"
	"Node 0, zone    DMA32            0         1528            0            0       "
	" "
	"    0 \n"
	"Node 0, zone   Normal          140          661           95            0       "
	" "
	"    0 \n";

static void pagetypeinfo_of_one_node_has_free_blocks_and_pageblocks(void **state)
{
	struct weir_pagetypeinfo info;
	const struct weir_type_row *row;

	(void)state;
	parse(one_node, 0, &info);
	expect_count(info.block_order, 9);
	expect_count(info.block_pages, 512);
	expect_u64_eq(info.nr, 7);
	row = row_of(&info, 0, "Normal", "Unmovable");
	expect_u64_eq(row->nr_orders, 11);
	expect_u64_eq(row->counts[3], 659);
	expect_u64_eq(row->at_least, 0);
	expect_count(row->blocks, 140);
	expect_count(row_of(&info, 0, "Normal", "Reclaimable")->blocks, 95);
	expect_count(row_of(&info, 0, "Normal", "Isolate")->blocks, 0);
	expect_count(row_of(&info, 0, "DMA32", "Movable")->blocks, 1528);
	weir_pagetypeinfo_done(&info);
}

/* The kernel writes all tables for one node, then all for the next; with page_owner=on
 * there is one more (6.1, shortened to three orders, with CMA; node 1 has no memory). */
static const char two_nodes[] =
	"Page block order: 9\n"
	"Pages per block:  512\n"
	"\n"
	"Free pages count per migrate type at order       0      1      2 \n"
	"Node    0, zone   Normal, type    Unmovable      1      2      3 \n"
	"Node    0, zone   Normal, type      Movable >100000   7      8 \n"
	"Node    0, zone   Normal, type          CMA      4      5 >100000 \n"
	"\n"
	"Number of blocks type     Unmovable      Movable          CMA \n"
	"Node 0, zone   Normal           10           20           30 \n"
	"\n"
	"Number of mixed blocks    Unmovable      Movable          CMA \n"
	"Node 0, zone   Normal           99           98           97 \n"
	"Page block order: 9\n"
	"Pages per block:  512\n"
	"\n"
	"Free pages count per migrate type at order       0      1      2 \n"
	"Node    2, zone   Normal, type    Unmovable      6      0      1 \n"
	"Node    2, zone   Normal, type      Movable      0      0     55 \n"
	"Node    2, zone   Normal, type          CMA      0      0      0 \n"
	"Node    2, zone  Movable, type      Movable      0      0     77 \n"
	"\n"
	"Number of blocks type     Unmovable      Movable          CMA \n"
	"Node 2, zone   Normal           11           21           31 \n"
	"Node 2, zone  Movable            0           41            0 \n"
	"\n"
	"Number of mixed blocks    Unmovable      Movable          CMA \n"
	"Node 2, zone   Normal           96           95           94 \n"
	"Node 2, zone  Movable           93           92           91 \n";

static void pagetypeinfo_of_several_nodes_is_read_to_the_last(void **state)
{
	struct weir_pagetypeinfo info;

	(void)state;
	parse(two_nodes, 0, &info);
	expect_u64_eq(info.nr, 7);
	expect_count(row_of(&info, 0, "Normal", "CMA")->blocks, 30);
	expect_count(row_of(&info, 2, "Normal", "Unmovable")->blocks, 11);
	expect_count(row_of(&info, 2, "Normal", "CMA")->blocks, 31);
	expect_count(row_of(&info, 2, "Movable", "Movable")->blocks, 41);
	expect_u64_eq(row_of(&info, 2, "Movable", "Movable")->counts[2], 77);
	weir_pagetypeinfo_done(&info);
}

static void pagetypeinfo_counts_past_100000_are_lower_bounds(void **state)
{
	struct weir_pagetypeinfo info;
	const struct weir_type_row *row;

	(void)state;
	parse(two_nodes, 0, &info);
	row = row_of(&info, 0, "Normal", "Movable");
	expect_u64_eq(row->counts[0], 100000);
	expect_u64_eq(row->at_least, 1U << 0);
	row = row_of(&info, 0, "Normal", "CMA");
	expect_u64_eq(row->counts[2], 100000);
	expect_u64_eq(row->at_least, 1U << 2);
	weir_pagetypeinfo_done(&info);
}

/* What stands in a garbled row is missing; the rows around it are kept. */
static void pagetypeinfo_odd_free_rows_are_left_out(void **state)
{
	static const char *const cases[] = {
		"Node 0",
		"Node 0, zone",
		"Node 0, zone Normal",
		"Node 0, zone Normal, type",
		"Node 0, zone Normal, type Movable",
		"Node 0, zone Normal, Type Movable 1",
		"Node 0, zone Normal type Movable 1",
		"Node 0, zone , type Movable 1",
		"Node 0, zone NameOf16Letters_, type Movable 1",
		"Node 0, zone Normal, type NameOf16Letters_ 1",
		"Node -1, zone Normal, type Movable 1",
		"Node 1024, zone Normal, type Movable 1",
		"Node 0, zone Normal, type Movable -1",
		"Node 0, zone Normal, type Movable >",
		"Node 0, zone Normal, type Movable >>1",
		"Node 0, zone Normal, type Movable <1",
		"Node 0, zone Normal, type Movable 9223372036854775808",
		("Node 0, zone Normal, type Movable 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
		 "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1"),
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_pagetypeinfo info;
		char text[512];

		(void)snprintf(text, sizeof(text),
		               "Node 0, zone DMA, type Movable 1 2\n%s\n"
		               "Node 1023, zone DMA, type CMA 3 9223372036854775807\n",
		               cases[i]);
		parse(text, WEIR_GARBLED, &info);
		expect_u64_eq(info.nr, 2);
		expect_u64_eq(info.rows[0].counts[1], 2);
		expect_u64_eq(info.rows[1].counts[1], WEIR_COUNT_MAX);
		expect_unknown(info.rows[1].blocks); /* there was no second table */
		weir_pagetypeinfo_done(&info);
	}
}

static void pagetypeinfo_odd_block_rows_leave_their_blocks_unknown(void **state)
{
	static const struct {
		const char *row;
		int result;
		bool movable, cma;
	} cases[] = {
		{ "Node 0, zone Normal 5 6", 0, true, true },
		{ "Node    0, zone   Normal     5     6 ", 0, true, true },
		{ "Node 0, zone Normal 5", WEIR_GARBLED, true, false },
		{ "Node 0, zone Normal 5 x", WEIR_GARBLED, true, false },
		{ "Node 0, zone Normal 5 -6", WEIR_GARBLED, true, false },
		{ "Node 0, zone Normal", WEIR_GARBLED, false, false },
		{ "Node 0, zone Normal, type Movable 5 6", WEIR_GARBLED, false, false },
		{ "Node 0, zone", WEIR_GARBLED, false, false },
		{ "Node 1024, zone Normal 5 6", WEIR_GARBLED, false, false },
		{ "Node 0, zone Other 5 6", 0, false, false }, /* of no row above */
		{ "Node 1, zone Normal 5 6", 0, false, false },
		{ "", 0, false, false },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_pagetypeinfo info;
		char text[256];

		(void)snprintf(text, sizeof(text),
		               "Node 0, zone Normal, type Movable 1\n"
		               "Node 0, zone Normal, type CMA 1\n"
		               "Number of blocks type Movable CMA \n%s\n",
		               cases[i].row);
		parse(text, cases[i].result, &info);
		expect_u64_eq(info.nr, 2);
		expect_int_eq(info.rows[0].blocks.known, cases[i].movable);
		expect_int_eq(info.rows[1].blocks.known, cases[i].cma);
		weir_pagetypeinfo_done(&info);
	}
}

static void pagetypeinfo_garbled_headings_leave_their_fact_unknown(void **state)
{
	struct weir_pagetypeinfo info;

	(void)state;
	parse("Page block order: nine\nPages per block:\n", WEIR_GARBLED, &info);
	expect_unknown(info.block_order);
	expect_unknown(info.block_pages);
	weir_pagetypeinfo_done(&info);
	/* a type that no row has, and more types than there can be */
	parse("Node 0, zone A, type Movable 1\n"
	      "Number of blocks type a b c d e f g h i j k l m n o p Movable \n"
	      "Node 0, zone A 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 \n",
	      0, &info);
	expect_unknown(info.rows[0].blocks);
	weir_pagetypeinfo_done(&info);
}

static void pagetypeinfo_cut_off_in_a_line_says_so(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(one_node); n++) {
		struct weir_pagetypeinfo info;
		bool whole = n == 0 || one_node[n - 1] == '\n';

		parse_str(weir_str(one_node, n), whole ? 0 : WEIR_GARBLED, &info);
		weir_pagetypeinfo_done(&info);
	}
}

static void pagetypeinfo_bytes_that_are_no_text_give_no_rows(void **state)
{
	static const char text[] = "Page block order: 9\0\n"
				   "Node 0, zone A\0, type Movable 1\0\n"
				   "Node 0, zone A\x01, type B\x7f 1\n";
	struct weir_pagetypeinfo info;

	(void)state;
	parse_str(weir_str(text, sizeof(text) - 1), WEIR_GARBLED, &info);
	expect_unknown(info.block_order);
	expect_u64_eq(info.nr, 1);
	expect_str(info.rows[0].zone, "A?");
	expect_str(info.rows[0].type, "B?");
	weir_pagetypeinfo_done(&info);
	parse("", 0, &info);
	expect_u64_eq(info.nr, 0);
	weir_pagetypeinfo_done(&info);
}

static void add_times(struct weir_buf *text, const char *line, unsigned int nr)
{
	while (nr--)
		assert_int_equal(weir_buf_addz(text, line), 0);
}

/* A second table whose every row could be looked for in a first one without end. */
static void pagetypeinfo_hostile_tables_end_soon(void **state)
{
	static const char *const last[] = {
		"Node 0, zone A 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
		"Node 1, zone B 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(last); i++) {
		weir_auto(weir_buf_done) struct weir_buf text = { 0 };
		struct weir_pagetypeinfo info;

		add_times(&text, "Node 0, zone A, type x 1\n", 20000);
		add_times(&text,
		          "Number of blocks type a a a a a a a a a a a a a a a x\n", 1);
		add_times(&text, last[i], 10000);
		parse_str(weir_buf_str(&text), 0, &info);
		expect_u64_eq(info.nr, 20000);
		weir_pagetypeinfo_done(&info);
	}
}

static void pagetypeinfo_more_rows_than_any_machine_has_are_refused(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_pagetypeinfo info;

	(void)state;
	add_times(&text, "Node 0, zone A, type x 1\n", WEIR_TYPE_ROWS_MAX);
	parse_str(weir_buf_str(&text), 0, &info);
	weir_pagetypeinfo_done(&info);
	add_times(&text, "Node 0, zone A, type x 1\n", 1);
	parse_str(weir_buf_str(&text), WEIR_GARBLED, &info);
	expect_u64_eq(info.nr, WEIR_TYPE_ROWS_MAX);
	weir_pagetypeinfo_done(&info);
}

static int parse_again(void *ctx)
{
	struct weir_pagetypeinfo got;
	int r = weir_pagetypeinfo_parse(weir_strz(ctx), &got, NULL);

	weir_pagetypeinfo_done(&got);
	return r;
}

static void pagetypeinfo_every_failed_allocation_is_told(void **state)
{
	static char text[] = "Node 0, zone DMA, type Movable 1\nNode x\n";

	(void)state;
	expect_int_eq(fault_every(parse_again, text), WEIR_GARBLED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(pagetypeinfo_of_one_node_has_free_blocks_and_pageblocks),
		cmocka_unit_test(pagetypeinfo_of_several_nodes_is_read_to_the_last),
		cmocka_unit_test(pagetypeinfo_counts_past_100000_are_lower_bounds),
		cmocka_unit_test(pagetypeinfo_odd_free_rows_are_left_out),
		cmocka_unit_test(pagetypeinfo_odd_block_rows_leave_their_blocks_unknown),
		cmocka_unit_test(pagetypeinfo_garbled_headings_leave_their_fact_unknown),
		cmocka_unit_test(pagetypeinfo_cut_off_in_a_line_says_so),
		cmocka_unit_test(pagetypeinfo_bytes_that_are_no_text_give_no_rows),
		cmocka_unit_test(pagetypeinfo_hostile_tables_end_soon),
		cmocka_unit_test(pagetypeinfo_more_rows_than_any_machine_has_are_refused),
		cmocka_unit_test(pagetypeinfo_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
