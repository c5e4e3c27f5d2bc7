/* size: exact or refused, and what is shown to people is never more than there is. */
#include "base/size.h"

#include "test.h"

#include <errno.h>

static void size_parse_is_exact_or_refused(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t bytes;
	} cases[] = {
		{ "", -EBADMSG, 0 },
		{ "M", -EBADMSG, 0 },
		{ "kB", -EBADMSG, 0 },
		{ "B", -EBADMSG, 0 },
		{ "0.7M", -EBADMSG, 0 },
		{ "2MB", -EBADMSG, 0 },
		{ "2MiB", -EBADMSG, 0 },
		{ "2KB", -EBADMSG, 0 }, /* only the kernel's own spelling */
		{ "2kb", -EBADMSG, 0 },
		{ " 2M", -EBADMSG, 0 },
		{ "2 M", -EBADMSG, 0 },
		{ "2M ", -EBADMSG, 0 },
		{ "2 kB", -EBADMSG, 0 },
		{ "2MM", -EBADMSG, 0 },
		{ "-2M", -EBADMSG, 0 },
		{ "+2M", -EBADMSG, 0 },
		{ "0x2M", -EBADMSG, 0 },
		{ "2Z", -EBADMSG, 0 },
		{ "16E", -ERANGE, 0 },
		{ "18446744073709551616", -ERANGE, 0 },
		{ "18014398509481984kB", -ERANGE, 0 },
		{ "18014398509481983kB", 0, UINT64_MAX - 1023 },
		{ "15E", 0, UINT64_C(15) << 60 },
		{ "18446744073709551615", 0, UINT64_MAX },
		{ "0", 0, 0 },
		{ "0E", 0, 0 },
		{ "2048kB", 0, 2 << 20 },
		{ "2M", 0, 2 << 20 },
		{ "2m", 0, 2 << 20 },
		{ "1k", 0, 1024 },
		{ "1K", 0, 1024 },
		{ "1g", 0, WEIR_GIB },
		{ "1T", 0, WEIR_GIB << 10 },
		{ "1P", 0, WEIR_GIB << 20 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		uint64_t bytes = 4242;
		int r = weir_parse_size(weir_strz(cases[i].text), &bytes);

		if (r != cases[i].result || bytes != (r < 0 ? 4242 : cases[i].bytes))
			fail_msg("'%s' is %d, %" PRIu64, cases[i].text, r, bytes);
	}
}

static void size_parse_sees_nul_bytes(void **state)
{
	uint64_t bytes;

	(void)state;
	expect_int_eq(weir_parse_size(weir_str("2\0", 2), &bytes), -EBADMSG);
	expect_int_eq(weir_parse_size(weir_str("2M\0", 3), &bytes), -EBADMSG);
	expect_int_eq(weir_parse_size(weir_str("2\0M", 3), &bytes), -EBADMSG);
}

static void size_format_is_the_shortest_exact_form(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0" },
		{ 1, "1" },
		{ 1023, "1023" },
		{ 1024, "1K" },
		{ 1536, "1536" },
		{ 2 << 20, "2M" },
		{ WEIR_GIB, "1G" },
		{ WEIR_GIB + 1024, "1048577K" },
		{ UINT64_C(15) << 60, "15E" },
		{ UINT64_MAX, "18446744073709551615" },
		{ UINT64_MAX - 1023, "18014398509481983K" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		char text[WEIR_SIZE_TEXT_MAX];

		expect_text(weir_format_size(cases[i].bytes, text, sizeof(text)),
		            cases[i].want);
	}
}

static void size_format_of_every_magnitude_parses_back(void **state)
{
	(void)state;
	for (unsigned int shift = 0; shift < 64; shift++) {
		for (uint64_t d = 0; d < 3; d++) { /* one below, at, one above */
			uint64_t bytes = (UINT64_C(1) << shift) - 1 + d, again;
			char text[WEIR_SIZE_TEXT_MAX];

			expect_int_eq(weir_parse_size(
					      weir_format_size(bytes, text, sizeof(text)),
					      &again),
			              0);
			expect_u64_eq(again, bytes);
		}
	}
}

static void size_human_is_cut_and_never_rounded_up(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *want;
	} cases[] = {
		{ 0, "0" },
		{ 1023, "1023" },
		{ 1024, "1K" },
		{ 1025, "1K" },
		{ WEIR_GIB + WEIR_GIB / 2, "1.5G" },
		{ 1047527424, "999M" },
		{ 100 * WEIR_MIB + 999 * WEIR_KIB, "100M" },
		{ 99 * WEIR_MIB + 1023 * WEIR_KIB, "99.9M" },
		{ WEIR_GIB - 1, "1023M" },
		{ 2 * WEIR_GIB - 1, "1.9G" },
		{ UINT64_MAX, "15.9E" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		char text[WEIR_SIZE_TEXT_MAX];

		expect_str(weir_format_human(cases[i].bytes, text, sizeof(text)),
		           cases[i].want);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(size_parse_is_exact_or_refused),
		cmocka_unit_test(size_parse_sees_nul_bytes),
		cmocka_unit_test(size_format_is_the_shortest_exact_form),
		cmocka_unit_test(size_format_of_every_magnitude_parses_back),
		cmocka_unit_test(size_human_is_cut_and_never_rounded_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
