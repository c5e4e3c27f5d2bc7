/* str: the small parsers, and above all what they refuse. */
#include "base/str.h"

#include "test.h"

#include <errno.h>

#define LIT(z)                     \
	{                          \
		(z), sizeof(z) - 1 \
	} /* with the NULs that stand in it */

static void str_u64_takes_digits_and_nothing_else(void **state)
{
	static const struct {
		struct weir_str text;
		int result;
		uint64_t n;
	} cases[] = {
		{ LIT(""), -EBADMSG, 0 },
		{ LIT(" "), -EBADMSG, 0 },
		{ LIT(" 1"), -EBADMSG, 0 },
		{ LIT("1 "), -EBADMSG, 0 },
		{ LIT("1\n"), -EBADMSG, 0 },
		{ LIT("+1"), -EBADMSG, 0 },
		{ LIT("-1"), -EBADMSG, 0 },
		{ LIT("-0"), -EBADMSG, 0 },
		{ LIT("0x1"), -EBADMSG, 0 },
		{ LIT("1e3"), -EBADMSG, 0 },
		{ LIT("1.0"), -EBADMSG, 0 },
		{ LIT("1,000"), -EBADMSG, 0 },
		{ LIT("1\0"), -EBADMSG, 0 },
		{ LIT("\0001"), -EBADMSG, 0 },
		{ LIT("\xd9\xa1"), -EBADMSG, 0 }, /* U+0661, a digit elsewhere */
		{ LIT("18446744073709551616"), -ERANGE, 0 },
		{ LIT("99999999999999999999999999"), -ERANGE, 0 },
		{ LIT("99999999999999999999999999x"), -EBADMSG,
		  0 }, /* no number at all */
		{ LIT("18446744073709551615"), 0, UINT64_MAX },
		{ LIT("00000000000000000000000000000007"), 0, 7 },
		{ LIT("0"), 0, 0 },
		{ LIT("10"), 0, 10 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		uint64_t n = 4242;
		int r = weir_parse_u64(cases[i].text, &n);

		if (r != cases[i].result || n != (r < 0 ? 4242 : cases[i].n))
			fail_msg("'%.*s' is %d, %" PRIu64, WEIR_STR_ARG(cases[i].text), r,
			         n);
	}
}

static void str_hex_takes_both_cases_and_one_prefix(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t n;
	} cases[] = {
		{ "", -EBADMSG, 0 },
		{ "0x", -EBADMSG, 0 },
		{ "x1", -EBADMSG, 0 },
		{ "0x0x1", -EBADMSG, 0 },
		{ "-1", -EBADMSG, 0 },
		{ "0x 1", -EBADMSG, 0 },
		{ "g", -EBADMSG, 0 },
		{ "10000000000000000", -ERANGE, 0 },
		{ "0xffffffffffffffff", 0, UINT64_MAX },
		{ "FFFFffffFFFFffff", 0, UINT64_MAX },
		{ "0XaB", 0, 0xab },
		{ "0", 0, 0 },
		{ "000000000000000000001", 0, 1 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		uint64_t n = 4242;
		int r = weir_parse_hex(weir_strz(cases[i].text), &n);

		if (r != cases[i].result || n != (r < 0 ? 4242 : cases[i].n))
			fail_msg("'%s' is %d, %" PRIx64, cases[i].text, r, n);
	}
}

static void str_comparisons_see_every_byte(void **state)
{
	struct weir_str nul = LIT("ab\0c");

	(void)state;
	assert_false(weir_str_eq(nul, "ab"));
	assert_true(weir_str_starts(nul, "ab"));
	assert_false(weir_str_ends(nul, "b"));
	assert_true(weir_str_ends(nul, "c"));
	assert_false(weir_str_starts(weir_strz("a"), "ab"));
	assert_false(weir_str_ends(weir_strz("b"), "ab"));
	assert_true(weir_str_starts(weir_strz(""), ""));
	assert_true(weir_str_ends(weir_strz(""), ""));
	assert_true(weir_str_eq(weir_strz(""), ""));
	expect_int_eq(weir_str_find(nul, "c"), 3);
	expect_int_eq(weir_str_find(nul, "d"), -1);
	expect_int_eq(weir_str_find(nul, ""), 0);
	expect_int_eq(weir_str_find(weir_strz("aab"), "ab"), 1);
	expect_int_eq(weir_str_find(weir_strz("a"), "ab"), -1);
}

static void str_trim_takes_blanks_at_the_ends_only(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "", "" },       { " \t\r\n", "" }, { " a b\n", "a b" },
		{ "\va", "\va" }, /* no vertical tab in kernel text: kept to be seen */
		{ "a", "a" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		expect_text(weir_str_trim(weir_strz(cases[i].text)), cases[i].want);
}

static void str_skip_past_the_end_is_empty(void **state)
{
	(void)state;
	expect_text(weir_str_skip(weir_strz("abc"), 2), "c");
	expect_text(weir_str_skip(weir_strz("abc"), 3), "");
	expect_text(weir_str_skip(weir_strz("abc"), SIZE_MAX), "");
}

/* Joins what @take takes off, each part in brackets. */
static void parts(const char *text, bool (*take)(struct weir_str *, struct weir_str *),
                  const char *want)
{
	struct weir_str rest = weir_strz(text), part;
	char got[128] = "";
	size_t n = 0;

	while (take(&rest, &part))
		n += (size_t)snprintf(got + n, sizeof(got) - n, "[%.*s]",
		                      WEIR_STR_ARG(part));
	if (strcmp(got, want) != 0)
		fail_msg("'%s' is %s, not %s", text, got, want);
	expect_u64_eq(rest.n, 0);
}

static bool take_field(struct weir_str *rest, struct weir_str *part)
{
	return weir_str_cut(rest, ',', part);
}

static void str_lines_words_and_fields_are_taken_in_turn(void **state)
{
	(void)state;
	parts("", weir_str_line, "");
	parts("\n", weir_str_line, "[]");
	parts("a\n\nb", weir_str_line, "[a][][b]");
	parts("a\n", weir_str_line, "[a]");
	parts("a\r\n", weir_str_line, "[a\r]");
	parts("", weir_str_word, "");
	parts(" \t ", weir_str_word, "");
	parts(" a\t\tb ", weir_str_word, "[a][b]");
	parts("a\nb", weir_str_word,
	      "[a\nb]"); /* a word of a line: newline is no blank */
	parts("a,,b", take_field, "[a][][b]");
	parts("a,", take_field, "[a]");
	parts(",", take_field, "[]");
	parts(",a", take_field, "[][a]");
	parts("", take_field, "");
}

static void str_split_is_at_the_first_separator(void **state)
{
	struct weir_str key = weir_strz("k"), value = weir_strz("v");

	(void)state;
	assert_false(weir_str_split(weir_strz(""), ':', &key, &value));
	assert_false(weir_str_split(weir_strz("ab"), ':', &key, &value));
	expect_text(key, "k"); /* nothing changed */
	expect_text(value, "v");
	assert_true(weir_str_split(weir_strz("a:b:c"), ':', &key, &value));
	expect_text(key, "a");
	expect_text(value, "b:c");
	assert_true(weir_str_split(weir_strz(":"), ':', &key, &value));
	expect_text(key, "");
	expect_text(value, "");
}

static void str_show_disarms_and_cuts(void **state)
{
	struct weir_str evil = LIT("a\033[2J\0\n\x7f\xc3\xa9");
	char out[16], one[1] = { 'x' }, four[4];

	(void)state;
	expect_str(weir_str_show(evil, out, sizeof(out)), "a?[2J???\xc3\xa9");
	expect_str(weir_str_show(evil, four, sizeof(four)), "a?[");
	expect_str(weir_str_show(evil, one, sizeof(one)), "");
	expect_str(weir_str_show(weir_strz(""), out, sizeof(out)), "");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(str_u64_takes_digits_and_nothing_else),
		cmocka_unit_test(str_hex_takes_both_cases_and_one_prefix),
		cmocka_unit_test(str_comparisons_see_every_byte),
		cmocka_unit_test(str_trim_takes_blanks_at_the_ends_only),
		cmocka_unit_test(str_skip_past_the_end_is_empty),
		cmocka_unit_test(str_lines_words_and_fields_are_taken_in_turn),
		cmocka_unit_test(str_split_is_at_the_first_separator),
		cmocka_unit_test(str_show_disarms_and_cuts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
