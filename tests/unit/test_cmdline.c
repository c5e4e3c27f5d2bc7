/* cmdline: cutting and numbers, with the kernel's own leniency. */
#include "facts/cmdline.h"

#include "test.h"

#define BARE "\x01" /* in the tables: no '=' at all */

static void expect_piece(struct weir_str got, const char *want)
{
	if (!weir_str_eq(got, want))
		fail_msg("'%.*s' is not '%s'", WEIR_STR_ARG(got), want);
}

static void cmdline_odd_lines_are_cut_as_the_kernel_cuts(void **state)
{
	static const struct {
		const char *line;
		const char *pairs[6]; /* name, value, name, value */
	} cases[] = {
		{ "", { NULL } },
		{ " \t\n", { NULL } },
		{ "--", { NULL } },
		{ "a -- b=1", { "a", BARE } },
		{ "\"--\" b", { NULL } },
		{ "--=1 b", { "--", "1", "b", BARE } },
		{ "-- ", { NULL } },
		{ "a=1\n", { "a", "1" } },
		{ "a= b", { "a", "", "b", BARE } },
		{ "=a", { "=a", BARE } },
		{ "=a=b", { "=a", "b" } },
		{ "a=b=c", { "a", "b=c" } },
		{ "a=\"b c\" d", { "a", "b c", "d", BARE } },
		{ "\"a=b c\" d", { "a", "b c", "d", BARE } },
		{ "\"a b\"=c d", { "a b\"", "c", "d", BARE } },
		{ "a=b\"c d\"e f", { "a", "b\"c d\"e", "f", BARE } },
		{ "a=\"b c", { "a", "b c" } }, /* the quote never ends */
		{ "a=\"b\" c\"", { "a", "b", "c\"", BARE } },
		{ "a=\"", { "a", "" } },
		{ "a=\"\"", { "a", "" } },
		{ "\"", { "", BARE } },
		{ "\"\"", { "", BARE } },
		{ "\"\" x", { "", BARE, "x", BARE } },
		{ "\"a=\"b\"", { "a", "b" } },
		{ "a=\"b\"\"", { "a", "b\"" } },
		{ "a\vb\fc", { "a", BARE, "b", BARE, "c", BARE } },
		{ "a\xa0"
		  "b",
		  { "a", BARE, "b", BARE } }, /* Latin-1's no-break space */
		{ "hugepages=0:2,1:5  ro", { "hugepages", "0:2,1:5", "ro", BARE } },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_str rest = weir_strz(cases[i].line);
		struct weir_param param;
		size_t n = 0;

		for (; weir_cmdline_next(&rest, &param); n += 2) {
			assert_true(n + 1 < WEIR_NELEM(cases[i].pairs) &&
			            cases[i].pairs[n]);
			expect_piece(param.name, cases[i].pairs[n]);
			expect_int_eq(param.has_value,
			              cases[i].pairs[n + 1][0] != BARE[0]);
			if (param.has_value)
				expect_piece(param.value, cases[i].pairs[n + 1]);
			else
				expect_u64_eq(param.value.n, 0);
		}
		if (n < WEIR_NELEM(cases[i].pairs) && cases[i].pairs[n])
			fail_msg("'%s' has no %s", cases[i].line, cases[i].pairs[n]);
		expect_u64_eq(rest.n, 0);
	}
}

static void cmdline_nul_ends_the_line(void **state)
{
	static const char text[] = "a=1\0b=2 c";
	struct weir_str rest = weir_str(text, sizeof(text) - 1);
	struct weir_param param;

	(void)state;
	assert_true(weir_cmdline_next(&rest, &param));
	expect_piece(param.value, "1");
	assert_false(weir_cmdline_next(&rest, &param));
	expect_u64_eq(rest.n, 0);
}

static void cmdline_very_long_parameter_is_one(void **state)
{
	weir_auto(weir_freep) char *text = malloc(100000);
	struct weir_str rest = weir_str(text, 100000);
	struct weir_param param;

	(void)state;
	assert_non_null(text);
	memset(text, '"', 100000);
	text[0] = 'a';
	text[1] = '=';
	assert_true(weir_cmdline_next(&rest, &param));
	expect_u64_eq(param.text.n, 100000);
	expect_u64_eq(param.value.n, 100000 - 4);
	assert_false(weir_cmdline_next(&rest, &param));
}

static void param_names_take_dash_for_underscore(void **state)
{
	(void)state;
	assert_true(weir_param_is(weir_strz("default-hugepagesz"), "default_hugepagesz"));
	assert_true(weir_param_is(weir_strz("a_b"), "a-b"));
	assert_false(weir_param_is(weir_strz("hugepages"), "hugepagesz"));
	assert_false(weir_param_is(weir_strz("Hugepages"), "hugepages"));
	assert_false(weir_param_is(weir_strz(""), "a"));
	assert_true(weir_param_is(weir_strz(""), ""));
}

static void memparse_reads_what_the_kernel_reads(void **state)
{
	static const struct {
		const char *text;
		uint64_t value;
		const char *rest;
	} cases[] = {
		{ "", 0, "" },
		{ "abc", 0, "abc" },
		{ "K", 0, "" }, /* no digits, and yet a suffix */
		{ "x10", 0, "x10" },
		{ "-1", 0, "-1" },
		{ "+1", 0, "+1" },
		{ " 1", 0, " 1" },
		{ "0", 0, "" },
		{ "0x", 0, "x" },
		{ "0xg", 0, "xg" },
		{ "0x1f", 31, "" },
		{ "0X1F", 31, "" },
		{ "0xeE", 0xee, "" }, /* digits, not the suffix for exa */
		{ "010", 8, "" },
		{ "08", 0, "8" },
		{ "0b", 0, "b" },
		{ "2m", 2 << 20, "" },
		{ "2MB", 2 << 20, "B" },
		{ "1.5G", 1, ".5G" },
		{ "1k@0", 1024, "@0" },
		{ "0x10K", 16 << 10, "" },
		{ "3T", UINT64_C(3) << 40, "" },
		{ "1P", UINT64_C(1) << 50, "" },
		{ "15E", UINT64_C(15) << 60, "" },
		{ "18446744073709551615", UINT64_MAX, "" },
		{ "0xffffffffffffffff", UINT64_MAX, "" },
		{ "01777777777777777777777", UINT64_MAX, "" },
	};
	static const char *const too_large[] = {
		"18446744073709551616",       "16E",
		"18014398509481984K",         "0x10000000000000000",
		"99999999999999999999999999",
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_str rest = weir_strz(cases[i].text);
		uint64_t n = 77;

		assert_true(weir_memparse(&rest, &n));
		expect_u64_eq(n, cases[i].value);
		expect_piece(rest, cases[i].rest);
	}
	for (size_t i = 0; i < WEIR_NELEM(too_large); i++) {
		struct weir_str rest = weir_strz(too_large[i]);
		uint64_t n = 77;

		assert_false(weir_memparse(&rest, &n));
		expect_u64_eq(n, 77);
		expect_piece(rest, too_large[i]);
	}
}

static void kernel_number_leaves_the_suffix(void **state)
{
	struct weir_str rest = weir_strz("30%");
	uint64_t n;

	(void)state;
	assert_true(weir_kernel_number(&rest, &n));
	expect_u64_eq(n, 30);
	expect_piece(rest, "%");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cmdline_odd_lines_are_cut_as_the_kernel_cuts),
		cmocka_unit_test(cmdline_nul_ends_the_line),
		cmocka_unit_test(cmdline_very_long_parameter_is_one),
		cmocka_unit_test(param_names_take_dash_for_underscore),
		cmocka_unit_test(memparse_reads_what_the_kernel_reads),
		cmocka_unit_test(kernel_number_leaves_the_suffix),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
