/* span: exact or refused; what is shown is never more than what passed. */
#include "base/span.h"

#include "test.h"

#include <errno.h>

static void span_parse_is_exact_or_refused(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t seconds;
	} cases[] = {
		{ "", -EBADMSG, 0 },
		{ "s", -EBADMSG, 0 },
		{ "30", -EBADMSG, 0 },
		{ "0s", -EBADMSG, 0 },
		{ "1.5h", -EBADMSG, 0 },
		{ "1h30m", -EBADMSG, 0 },
		{ "-1s", -EBADMSG, 0 },
		{ " 1s", -EBADMSG, 0 },
		{ "1 s", -EBADMSG, 0 },
		{ "1S", -EBADMSG, 0 },
		{ "1w", -EBADMSG, 0 },
		{ "4294967296s", -ERANGE, 0 },
		{ "1s", 0, 1 },
		{ "30m", 0, 1800 },
		{ "12h", 0, 43200 },
		{ "7d", 0, 604800 },
		{ "4294967295d", 0, UINT64_C(4294967295) * 86400 },
		{ "99999999999999999999d", -ERANGE, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		uint64_t seconds = 0;

		expect_int_eq(weir_parse_span(weir_strz(cases[i].text), &seconds),
		              cases[i].result);
		expect_u64_eq(seconds, cases[i].seconds);
	}
}

static void span_format_is_cut_and_never_rounded_up(void **state)
{
	static const struct {
		uint64_t seconds;
		const char *want;
	} cases[] = {
		{ 0, "0s" },      { 59, "59s" },
		{ 60, "1m" },     { 3599, "59m" },
		{ 3600, "1h" },   { 86399, "23h" },
		{ 604800, "7d" }, { UINT64_MAX, "213503982334601d" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		char text[WEIR_SPAN_TEXT_MAX];

		expect_str(weir_format_span(cases[i].seconds, text, sizeof(text)),
		           cases[i].want);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(span_parse_is_exact_or_refused),
		cmocka_unit_test(span_format_is_cut_and_never_rounded_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
