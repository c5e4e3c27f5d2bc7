/* ranges: the kernel's list format both ways, against a plain bitmap. */
#include "base/ranges.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

static void format(const struct weir_ranges *set, const char *want)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	expect_int_eq(weir_ranges_format(set, &text), 0);
	expect_text(weir_buf_str(&text), want);
}

static void ranges_parse_accepts_what_the_kernel_writes(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *again; /* as formatted */
		size_t count;
	} cases[] = {
		{ ",", -EBADMSG, "", 0 },
		{ "0,", -EBADMSG, "", 0 },
		{ ",0", -EBADMSG, "", 0 },
		{ "0,,1", -EBADMSG, "", 0 },
		{ "-", -EBADMSG, "", 0 },
		{ "-1", -EBADMSG, "", 0 },
		{ "1-", -EBADMSG, "", 0 },
		{ "3-1", -EBADMSG, "", 0 },
		{ "1-2-3", -EBADMSG, "", 0 },
		{ "0 1", -EBADMSG, "", 0 },
		{ "0, 1", -EBADMSG, "", 0 },
		{ "0\n1", -EBADMSG, "", 0 },
		{ "all", -EBADMSG, "", 0 },
		{ "0-7:2/4", -EBADMSG, "", 0 }, /* taken by the kernel, never given */
		{ "0x1", -EBADMSG, "", 0 },
		{ "5,x", -EBADMSG, "", 0 },
		{ "65536", -ERANGE, "", 0 },
		{ "0-65536", -ERANGE, "", 0 },
		{ "99999999999999999999", -ERANGE, "", 0 },
		{ "", 0, "", 0 }, /* a node without CPUs */
		{ "\n", 0, "", 0 },
		{ "0", 0, "0", 1 },
		{ "0\n", 0, "0", 1 },
		{ "65535", 0, "65535", 1 },
		{ "0-65535", 0, "0-65535", 65536 },
		{ "0-3,8,10-11\n", 0, "0-3,8,10-11", 7 },
		{ "8,0-3,4", 0, "0-4,8", 6 }, /* order, and neighbours that join */
		{ "1,3,2", 0, "1-3", 3 },
		{ "5,5,5", 0, "5", 1 },
		{ "1-9,3-4,0-2,9-12", 0, "0-12", 13 },
		{ "1,3,5,7,0-9", 0, "0-9", 10 },
		{ "65535,65534", 0, "65534-65535", 2 },
		{ "007-010", 0, "7-10", 4 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_ranges_done) struct weir_ranges set = { 0 };
		int r = weir_ranges_parse(weir_strz(cases[i].text), &set);

		if (r != cases[i].result)
			fail_msg("'%s' is %d, not %d", cases[i].text, r, cases[i].result);
		format(&set, cases[i].again);
		expect_u64_eq(weir_ranges_count(&set), cases[i].count);
	}
}

static void ranges_add_past_the_limit_is_refused(void **state)
{
	weir_auto(weir_ranges_done) struct weir_ranges set = { 0 };

	(void)state;
	expect_int_eq(weir_ranges_add(&set, WEIR_ID_MAX + 1), -ERANGE);
	expect_int_eq(weir_ranges_add(&set, UINT32_MAX), -ERANGE);
	expect_u64_eq(weir_ranges_count(&set), 0);
	expect_int_eq(weir_ranges_add(&set, WEIR_ID_MAX), 0);
	assert_true(weir_ranges_has(&set, WEIR_ID_MAX));
	assert_false(weir_ranges_has(&set, WEIR_ID_MAX + 1));
	assert_false(weir_ranges_has(&set, UINT32_MAX));
	expect_u64_eq(weir_ranges_next(&set, WEIR_ID_MAX + 1), WEIR_ID_MAX + 1);
}

/* The set's own promise: ascending, and neither touching nor overlapping. */
static void check(const struct weir_ranges *set)
{
	for (size_t i = 0; i < set->nr; i++) {
		assert_true(set->v[i].first <= set->v[i].last);
		if (i)
			assert_true(set->v[i - 1].last + 1 < set->v[i].first);
	}
}

static uint32_t next_random(uint32_t *state)
{
	*state = *state * UINT32_C(1664525) + UINT32_C(1013904223);
	return *state >> 16;
}

static void ranges_random_adds_match_a_bitmap(void **state)
{
	enum { IDS = 200, ROUNDS = 200 };
	uint32_t seed = 20240601;

	(void)state;
	for (int round = 0; round < ROUNDS; round++) {
		weir_auto(weir_ranges_done) struct weir_ranges set = { 0 };
		bool bitmap[IDS] = { false };
		size_t count = 0, visited = 0;

		for (uint32_t adds = next_random(&seed) % IDS; adds; adds--) {
			unsigned int id = next_random(&seed) % IDS;

			expect_int_eq(weir_ranges_add(&set, id), 0);
			count += !bitmap[id];
			bitmap[id] = true;
			check(&set);
		}
		expect_u64_eq(weir_ranges_count(&set), count);
		for (unsigned int id = 0; id < IDS; id++)
			assert_int_equal(weir_ranges_has(&set, id), bitmap[id]);
		weir_ranges_each (id, &set) {
			assert_true(id < IDS && bitmap[id]);
			visited++;
		}
		expect_u64_eq(visited, count);
	}
}

static int parse_and_format(void *ctx)
{
	weir_auto(weir_ranges_done) struct weir_ranges set = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_ranges_parse(weir_strz(ctx), &set);

	if (r < 0)
		expect_u64_eq(set.nr, 0);
	return r < 0 ? r : weir_ranges_format(&set, &text);
}

static void ranges_out_of_memory_leaves_the_set_empty(void **state)
{
	char text[] = "0,2,4,6,8,10,12,14,16,18,20"; /* more than the first room holds */

	(void)state;
	expect_int_eq(fault_every(parse_and_format, text), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_parse_accepts_what_the_kernel_writes),
		cmocka_unit_test(ranges_add_past_the_limit_is_refused),
		cmocka_unit_test(ranges_random_adds_match_a_bitmap),
		cmocka_unit_test(ranges_out_of_memory_leaves_the_set_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
