/* fact: counts that may be unknown, gaps, and what the readers make of bad files. */
#include "facts/fact.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define UNKNOWN ((struct weir_count){ 0 })

static void count_arithmetic_is_known_only_in_range(void **state)
{
	static const struct weir_count zero = WEIR_COUNT(0), one = WEIR_COUNT(1),
				       most = WEIR_COUNT(WEIR_COUNT_MAX);

	(void)state;
	expect_count(weir_count_add(zero, zero), 0);
	expect_count(weir_count_add(most, zero), WEIR_COUNT_MAX);
	expect_unknown(weir_count_add(most, one));
	expect_unknown(weir_count_add(most, most));
	expect_unknown(weir_count_add(WEIR_COUNT(UINT64_MAX), one));
	expect_unknown(weir_count_add(UNKNOWN, one));
	expect_unknown(weir_count_add(one, UNKNOWN));
	expect_count(weir_count_sub(one, one), 0);
	expect_count(weir_count_sub(most, most), 0);
	expect_unknown(weir_count_sub(zero, one));
	expect_unknown(weir_count_sub(UNKNOWN, zero));
	expect_unknown(weir_count_sub(one, UNKNOWN));
	expect_count(weir_count_mul(one, WEIR_COUNT_MAX), WEIR_COUNT_MAX);
	expect_count(weir_count_mul(most, 0), 0);
	expect_unknown(weir_count_mul(most, 2));
	expect_unknown(weir_count_mul(most, UINT64_MAX));
	expect_unknown(weir_count_mul(UNKNOWN, 0)); /* unknown times nothing is unknown */
}

static void count_parse_stops_at_wrapped_counters(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t n;
	} cases[] = {
		{ "", WEIR_GARBLED, 0 },
		{ "-1", WEIR_GARBLED, 0 },
		{ "1 ", WEIR_GARBLED, 0 },
		{ "9223372036854775808", WEIR_GARBLED, 0 },
		{ "18446744073709551615", WEIR_GARBLED, 0 },
		{ "9223372036854775807", 0, INT64_MAX },
		{ "0", 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_count n = UNKNOWN;

		expect_int_eq(weir_count_parse(weir_strz(cases[i].text), &n),
		              cases[i].result);
		expect_int_eq(n.known, cases[i].result == 0);
		expect_u64_eq(n.n, cases[i].n);
	}
}

static void gaps_first_one_of_a_path_stays(void **state)
{
	struct weir_gaps gaps = { 0 };

	(void)state;
	expect_int_eq(weir_gaps_add(&gaps, WEIR_GAP_FORBIDDEN, "/a", NULL), 0);
	expect_int_eq(weir_gaps_add(&gaps, WEIR_GAP_FAILED, "/a", "late"), 0);
	expect_int_eq(weir_gaps_add(&gaps, WEIR_GAP_MALFORMED, "/b", "why"), 0);
	expect_u64_eq(gaps.nr, 2);
	expect_str(weir_gap_word(gaps.v[0].kind), "forbidden");
	assert_null(gaps.v[0].why);
	expect_str(gaps.v[1].why, "why");
	weir_gaps_done(&gaps);
	weir_gaps_done(&gaps);
}

static struct fake_file files[] = {
	{ "/eight", "8\n" },
	{ "/bare", "8" },
	{ "/most", "18446744073709551615\n" },
	{ "/empty", "" },
	{ "/newline", "\n" },
	{ "/two", "8\n\n" },
	{ "/evil", "8\033[2J\n" },
	{ "/words", "never \n" },
	{ "/lines", "a\nb\n" },
	{ "/nul", "a\0b\n", .size = 4 },
	{ "/forbidden", .error = -EACCES },
	{ "/broken", .error = -EIO },
	{ "/odd", .error = -524 }, /* without a name in the C library */
	{ "/dir/x", "" },
	{ "/closed", .error = -EACCES },
};

static void reader_count_is_a_number_or_a_gap(void **state)
{
	struct fake_host fake;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	expect_count(weir_reader_count(&fake.reader, WEIR_COUNT_MAX, "/%s", "eight"), 8);
	expect_count(weir_reader_count(&fake.reader, WEIR_COUNT_MAX, "/bare"), 8);
	expect_count(weir_reader_count(&fake.reader, 8, "/eight"), 8);
	expect_count(weir_reader_count(&fake.reader, UINT64_MAX, "/most"), UINT64_MAX);
	expect_u64_eq(fake.gaps.nr, 0);
	expect_unknown(weir_reader_count(&fake.reader, 7, "/eight"));
	expect_str(fake_expect_gap(&fake, WEIR_GAP_MALFORMED, "/eight"),
	           "no plausible number: '8'");
	expect_unknown(weir_reader_count(&fake.reader, WEIR_COUNT_MAX, "/most"));
	expect_unknown(weir_reader_count(&fake.reader, 9, "/empty"));
	expect_str(fake_expect_gap(&fake, WEIR_GAP_MALFORMED, "/empty"), "empty");
	expect_unknown(weir_reader_count(&fake.reader, 9, "/newline"));
	expect_unknown(weir_reader_count(&fake.reader, 9, "/two"));
	expect_unknown(weir_reader_count(&fake.reader, 9, "/evil"));
	expect_str(fake_expect_gap(&fake, WEIR_GAP_MALFORMED, "/evil"),
	           "no plausible number: '8?[2J'");
	expect_unknown(weir_reader_count(&fake.reader, 9, "/none"));
	expect_str(fake_expect_gap(&fake, WEIR_GAP_ABSENT, "/none"), "");
	expect_unknown(weir_reader_count(&fake.reader, 9, "/forbidden"));
	expect_str(fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN, "/forbidden"), "");
	expect_unknown(weir_reader_count(&fake.reader, 9, "/broken"));
	expect_str(fake_expect_gap(&fake, WEIR_GAP_FAILED, "/broken"),
	           "Input/output error");
	expect_unknown(weir_reader_count(&fake.reader, 9, "/odd"));
	(void)fake_expect_gap(&fake, WEIR_GAP_FAILED, "/odd");
	expect_int_eq(fake.reader.failed, 0);
	fake_close(&fake);
}

static void reader_line_is_one_line_or_a_gap(void **state)
{
	static const struct {
		const char *path, *want;
	} cases[] = {
		{ "/eight", "8" },  { "/bare", "8" },  { "/empty", "" },
		{ "/newline", "" }, { "/two", NULL },  { "/lines", NULL },
		{ "/nul", NULL },   { "/none", NULL }, { "/words", "never " },
	};
	struct fake_host fake;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_freep) char *line = weir_reader_line(&fake.reader, "%s",
		                                                    cases[i].path);

		if (cases[i].want)
			expect_str(line, cases[i].want);
		else
			assert_null(line);
	}
	expect_u64_eq(fake.gaps.nr, 4);
	fake_close(&fake);
}

static void reader_text_past_the_limit_is_a_gap_and_its_head_is_not(void **state)
{
	struct fake_host fake;
	struct weir_str text;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	assert_true(weir_reader_text(&fake.reader, 4, &text, "/lines"));
	expect_text(text, "a\nb\n");
	assert_true(weir_reader_head(&fake.reader, 3, &text, "/lines"));
	expect_text(text, "a\nb");
	expect_u64_eq(fake.gaps.nr, 0);
	assert_false(weir_reader_text(&fake.reader, 3, &text, "/lines"));
	(void)fake_expect_gap(&fake, WEIR_GAP_TOO_LARGE, "/lines");
	assert_false(weir_reader_head(&fake.reader, 3, &text, "/none"));
	(void)fake_expect_gap(&fake, WEIR_GAP_ABSENT, "/none");
	fake_close(&fake);
}

static void reader_list_gives_names_or_a_gap(void **state)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	struct fake_host fake;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	assert_true(weir_reader_list(&fake.reader, "/dir", &names));
	expect_u64_eq(names.nr, 1);
	weir_names_done(&names);
	assert_false(weir_reader_list(&fake.reader, "/closed", &names));
	(void)fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN, "/closed");
	fake_close(&fake);
}

static void reader_parsed_keeps_the_parsers_words(void **state)
{
	struct weir_err err = { .msg = "line 3: no" };
	struct fake_host fake;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_reader_parsed(&fake.reader, 0, "/a", &err);
	expect_u64_eq(fake.gaps.nr, 0);
	weir_reader_parsed(&fake.reader, WEIR_GARBLED, "/a", &err);
	expect_str(fake_expect_gap(&fake, WEIR_GAP_MALFORMED, "/a"), "line 3: no");
	weir_reader_parsed(&fake.reader, -ENOMEM, "/b", &err);
	expect_int_eq(fake.reader.failed, -ENOMEM);
	fake_close(&fake);
}

static int read_all(void *ctx)
{
	struct weir_names names = { 0 };
	struct fake_host fake;
	int failed;

	(void)ctx;
	fake_open(&fake, files, WEIR_NELEM(files));
	(void)weir_reader_count(&fake.reader, 9, "/eight");
	(void)weir_reader_count(&fake.reader, 9, "/evil");
	(void)weir_reader_count(&fake.reader, 9, "/broken");
	free(weir_reader_line(&fake.reader, "/words"));
	(void)weir_reader_list(&fake.reader, "/dir", &names);
	failed = fake.reader.failed;
	weir_names_done(&names);
	fake_close(&fake);
	return failed;
}

static void reader_out_of_memory_is_no_gap(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_all, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(count_arithmetic_is_known_only_in_range),
		cmocka_unit_test(count_parse_stops_at_wrapped_counters),
		cmocka_unit_test(gaps_first_one_of_a_path_stays),
		cmocka_unit_test(reader_count_is_a_number_or_a_gap),
		cmocka_unit_test(reader_line_is_one_line_or_a_gap),
		cmocka_unit_test(reader_text_past_the_limit_is_a_gap_and_its_head_is_not),
		cmocka_unit_test(reader_list_gives_names_or_a_gap),
		cmocka_unit_test(reader_parsed_keeps_the_parsers_words),
		cmocka_unit_test(reader_out_of_memory_is_no_gap),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
