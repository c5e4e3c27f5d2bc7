/* buddyinfo: blocks by order, and sums that are right or unknown. */
#include "facts/buddyinfo.h"

#include "base/buf.h"

#include "fault.h"
#include "test.h"

static void parse(const char *text, int want, struct weir_buddyinfo *out)
{
	struct weir_err err = { 0 };

	expect_int_eq(weir_buddyinfo_parse(weir_strz(text), out, &err), want);
	if (want == 0)
		expect_str(err.msg, "");
	else
		assert_true(strlen(err.msg) > 0);
}

/* Linux 6.18 on x86-64. The zones' "pages free" were 3840, 772497 and 74405. */
static const char x86_64[] = "Node 0, zone      DMA      0      0      0      0      0   "
			     "   0      0      0      "
			     "1      1      3 \n"
			     "Node 0, zone    DMA32      3      3      2      2      5   "
			     "   5      4      3      "
			     "4      1    752 \n"
			     "Node 0, zone   Normal      3      1     62    661    358   "
			     " 323    205     66     "
			     "20      1     25 \n";

static void buddyinfo_blocks_count_larger_ones_as_what_they_split_into(void **state)
{
	struct weir_buddyinfo buddy;

	(void)state;
	parse(x86_64, 0, &buddy);
	expect_u64_eq(buddy.nr, 3);
	expect_str(buddy.v[2].name, "Normal");
	expect_u64_eq(buddy.v[2].nr_orders, 11);
	expect_u64_eq(buddy.v[2].counts[3], 661);
	/* order 9: DMA 1 + 3 * 2, DMA32 1 + 752 * 2, Normal 1 + 25 * 2 */
	expect_count(weir_buddyinfo_blocks(&buddy, 0, 9), 7 + 1505 + 51);
	expect_count(weir_buddyinfo_blocks(&buddy, 0, 10), 3 + 752 + 25);
	expect_count(weir_buddyinfo_blocks(&buddy, 0, 0), 3840 + 772497 + 74405);
	expect_count(weir_buddyinfo_runs_max(&buddy, 0, 1), (3 + 752 + 25) * 1024);
	expect_unknown(weir_buddyinfo_blocks(&buddy, 0, 11)); /* 4M and more: not told */
	expect_unknown(weir_buddyinfo_blocks(&buddy, 0, 31));
	expect_unknown(weir_buddyinfo_blocks(&buddy, 0, UINT32_MAX));
	expect_unknown(weir_buddyinfo_blocks(&buddy, 1, 9));
	expect_unknown(weir_buddyinfo_runs_max(&buddy, 1, 1));
	weir_buddyinfo_done(&buddy);
}

/* arm64 with 64K pages: 512M blocks are order 13, 2M blocks order 5. */
static void buddyinfo_of_64k_pages_has_14_orders(void **state)
{
	struct weir_buddyinfo buddy;

	(void)state;
	parse("Node 0, zone   Normal      1      0      2      0      0      1      0    "
	      "  "
	      "0      0      0      0      0      0    240 \n",
	      0, &buddy);
	expect_u64_eq(buddy.v[0].nr_orders, 14);
	expect_count(weir_buddyinfo_blocks(&buddy, 0, 13), 240);
	expect_count(weir_buddyinfo_blocks(&buddy, 0, 5), 1 + 240 * 256);
	expect_count(weir_buddyinfo_blocks(&buddy, 0, 0), 1 + 8 + 32 + 240 * 8192);
	expect_count(weir_buddyinfo_runs_max(&buddy, 0, 1), 240 * 8192);
	weir_buddyinfo_done(&buddy);
}

static void buddyinfo_nodes_may_be_0_2_and_1023(void **state)
{
	struct weir_buddyinfo buddy;

	(void)state;
	parse("Node 0, zone DMA 1 1\nNode 0, zone Normal 0 2\nNode 2, zone Normal 5 0\n"
	      "Node 1023, zone Movable 7 1\n",
	      0, &buddy);
	expect_count(weir_buddyinfo_blocks(&buddy, 0, 1), 3);
	expect_count(weir_buddyinfo_blocks(&buddy, 2, 1), 0); /* none is a number too */
	expect_count(weir_buddyinfo_blocks(&buddy, 2, 0), 5);
	expect_count(weir_buddyinfo_blocks(&buddy, 1023, 0), 9);
	expect_unknown(weir_buddyinfo_blocks(&buddy, 1, 0));
	weir_buddyinfo_done(&buddy);
}

/* A row that is not understood may have belonged to any node. */
static void buddyinfo_garbled_rows_leave_no_sum(void **state)
{
	static const char *const cases[] = {
		"Node 0",
		"Node 0,",
		"Node 0, zone",
		"Node 0, zone Normal",
		"Node 0, zone Normal ",
		"Node 0, zone NameOf16Letters_ 1 1 1",
		"Node 0, Zone Normal 1 1 1",
		"Node , zone Normal 1 1 1",
		"Node -1, zone Normal 1 1 1",
		"Node 1024, zone Normal 1 1 1",
		"Node 18446744073709551616, zone Normal 1 1 1",
		"Node 0, zone Normal 1 1", /* cut off: the others have three orders */
		"Node 0, zone Normal 1 1 1 1",
		"Node 0, zone Normal 1 -1 1",
		"Node 0, zone Normal 1 >1 1",
		"Node 0, zone Normal 1 1x 1",
		"Node 0, zone Normal 1 1 1\r",
		"Node 0, zone Normal 1 1 9223372036854775808",
		"Node 0, zone Normal 1 1 18446744073709551616",
		"node 0, zone Normal 1 1 1",
		" Node 0, zone Normal 1 1 1",
		"N",
		"garbage",
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_buddyinfo buddy;
		char text[256];

		(void)snprintf(text, sizeof(text),
		               "Node 0, zone DMA 1 2 3\n%s\nNode 1, zone Normal 4 5 6\n",
		               cases[i]);
		parse(text, WEIR_GARBLED, &buddy);
		expect_u64_eq(buddy.nr, 2);
		expect_u64_eq(buddy.v[1].counts[2], 6); /* the rows themselves are kept */
		expect_unknown(weir_buddyinfo_blocks(&buddy, 0, 0));
		expect_unknown(weir_buddyinfo_blocks(&buddy, 1, 0));
		expect_unknown(weir_buddyinfo_runs_max(&buddy, 0, 1));
		expect_unknown(weir_buddyinfo_runs_max(&buddy, 1, 1));
		weir_buddyinfo_done(&buddy);
	}
}

/* Every beginning of a real text: known is what it says in full, or unknown. */
static void buddyinfo_cut_off_anywhere_is_never_wrong(void **state)
{
	(void)state;
	for (size_t n = 1; n < sizeof(x86_64); n++) {
		weir_auto(weir_freep) char *copy = strndup(x86_64, n);
		struct weir_buddyinfo buddy;
		bool whole = x86_64[n - 1] == '\n';

		assert_non_null(copy);
		parse(copy, whole ? 0 : WEIR_GARBLED, &buddy);
		expect_int_eq(weir_buddyinfo_blocks(&buddy, 0, 9).known, whole);
		expect_int_eq(weir_buddyinfo_runs_max(&buddy, 0, 1).known, whole);
		weir_buddyinfo_done(&buddy);
	}
}

static void buddyinfo_rows_have_32_orders_at_most(void **state)
{
	static const char ones[] = "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 "
				   "1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1";
	struct weir_buddyinfo buddy;
	char text[128];

	(void)state;
	(void)snprintf(text, sizeof(text), "Node 0, zone DMA %s \n", ones);
	parse(text, 0, &buddy);
	expect_count(weir_buddyinfo_blocks(&buddy, 0, 31), 1);
	expect_count(weir_buddyinfo_blocks(&buddy, 0, 0), UINT32_MAX);
	expect_count(weir_buddyinfo_runs_max(&buddy, 0, 1), UINT64_C(1) << 31);
	weir_buddyinfo_done(&buddy);

	(void)snprintf(text, sizeof(text), "Node 0, zone DMA %s 1\n", ones);
	parse(text, WEIR_GARBLED, &buddy);
	expect_unknown(weir_buddyinfo_blocks(&buddy, 0, 0));
	weir_buddyinfo_done(&buddy);
}

static void buddyinfo_overflowing_sums_are_unknown(void **state)
{
	static const struct {
		const char *text;
		bool order0, order1, top;
	} cases[] = {
		/* 2 * (2^62 - 1) pages and one more: 2^63 - 1 */
		{ "Node 0, zone A 1 4611686018427387903\n", true, true, true },
		{ "Node 0, zone A 2 4611686018427387903\n", false, true, true },
		{ "Node 0, zone A 0 4611686018427387904\n", false, true, false },
		{ "Node 0, zone A 9223372036854775807 0\n", true, true, true },
		{ "Node 0, zone A 9223372036854775807 1\n", false, true, true },
		{ "Node 0, zone A 0 9223372036854775807\n", false, true, false },
		{ "Node 0, zone A 9223372036854775807 0\nNode 0, zone B 1 0\n", false,
		  true, true },
		{ "Node 0, zone A 0 9223372036854775807\nNode 0, zone B 0 1\n", false,
		  false, false },
		{ "Node 0, zone A 0 4611686018427387903\nNode 0, zone B 0 1\n", false,
		  true, false },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_buddyinfo buddy;
		bool known;

		parse(cases[i].text, 0, &buddy);
		known = weir_buddyinfo_blocks(&buddy, 0, 0).known;
		expect_int_eq(known, cases[i].order0);
		known = weir_buddyinfo_blocks(&buddy, 0, 1).known;
		expect_int_eq(known, cases[i].order1);
		known = weir_buddyinfo_runs_max(&buddy, 0, 1).known;
		expect_int_eq(known, cases[i].top);
		weir_buddyinfo_done(&buddy);
	}
}

static void buddyinfo_more_zones_than_any_machine_has_are_refused(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_buddyinfo buddy;

	(void)state;
	for (unsigned int i = 0; i < WEIR_ZONES_MAX; i++)
		assert_int_equal(weir_buf_addz(&text, "Node 0, zone A 1\n"), 0);
	parse(text.p, 0, &buddy);
	expect_count(weir_buddyinfo_blocks(&buddy, 0, 0), WEIR_ZONES_MAX);
	weir_buddyinfo_done(&buddy);

	assert_int_equal(weir_buf_addz(&text, "Node 0, zone A 1\n"), 0);
	parse(text.p, WEIR_GARBLED, &buddy);
	expect_unknown(weir_buddyinfo_blocks(&buddy, 0, 0));
	weir_buddyinfo_done(&buddy);
}

static void buddyinfo_bytes_that_are_no_text_give_no_numbers(void **state)
{
	static const char text[] = "Node 0, zone A 1\0 1\n\0\n";
	struct weir_buddyinfo buddy;
	struct weir_err err = { 0 };
	char binary[4096];

	(void)state;
	expect_int_eq(
		weir_buddyinfo_parse(weir_str(text, sizeof(text) - 1), &buddy, &err),
		WEIR_GARBLED);
	expect_u64_eq(buddy.nr, 0);
	weir_buddyinfo_done(&buddy);

	for (size_t i = 0; i < sizeof(binary); i++)
		binary[i] = (char)(i * 131 ^ i >> 3);
	expect_int_eq(
		weir_buddyinfo_parse(weir_str(binary, sizeof(binary)), &buddy, &err),
		WEIR_GARBLED);
	expect_u64_eq(buddy.nr, 0);
	weir_buddyinfo_done(&buddy);

	parse("", 0, &buddy);
	expect_unknown(weir_buddyinfo_runs_max(&buddy, 0, 1));
	weir_buddyinfo_done(&buddy);
	parse("\n \n\t\n", 0, &buddy);
	expect_u64_eq(buddy.nr, 0);
	weir_buddyinfo_done(&buddy);
}

static int parse_again(void *ctx)
{
	struct weir_buddyinfo got;
	int r = weir_buddyinfo_parse(weir_strz(ctx), &got, NULL);

	weir_buddyinfo_done(&got);
	return r;
}

static void buddyinfo_every_failed_allocation_is_told(void **state)
{
	static char text[] = "Node 0, zone DMA 1 2\nNode x\n";

	(void)state;
	expect_int_eq(fault_every(parse_again, text), WEIR_GARBLED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(
			buddyinfo_blocks_count_larger_ones_as_what_they_split_into),
		cmocka_unit_test(buddyinfo_of_64k_pages_has_14_orders),
		cmocka_unit_test(buddyinfo_nodes_may_be_0_2_and_1023),
		cmocka_unit_test(buddyinfo_garbled_rows_leave_no_sum),
		cmocka_unit_test(buddyinfo_cut_off_anywhere_is_never_wrong),
		cmocka_unit_test(buddyinfo_rows_have_32_orders_at_most),
		cmocka_unit_test(buddyinfo_overflowing_sums_are_unknown),
		cmocka_unit_test(buddyinfo_more_zones_than_any_machine_has_are_refused),
		cmocka_unit_test(buddyinfo_bytes_that_are_no_text_give_no_numbers),
		cmocka_unit_test(buddyinfo_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
