/* Lines out of pieces: the same, however they come; and bounded. */
#include "daemon/lines.h"

#include "test.h"

#include <errno.h>

static void lines_are_the_same_however_they_come(void **unused)
{
	static const char text[] = "one\n\ntwo and more\n{\"three\":3}\nrest";
	static const char *const want[] = { "one", "", "two and more", "{\"three\":3}" };

	(void)unused;
	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		struct weir_lines lines = { .max = 12 };
		struct weir_str line;
		size_t nr = 0;

		for (size_t at = 0; at < sizeof(text) - 1; at += piece) {
			size_t left = sizeof(text) - 1 - at;

			expect_int_eq(
				weir_lines_add(
					&lines,
					weir_str(text + at, left < piece ? left : piece)),
				0);
			while (weir_lines_next(&lines, &line) == 0) {
				assert_in_range(nr, 0, WEIR_NELEM(want) - 1);
				expect_text(line, want[nr++]);
			}
		}
		expect_u64_eq(nr, WEIR_NELEM(want));
		expect_u64_eq(weir_lines_kept(&lines), 4);
		weir_lines_done(&lines);
	}
}

static void line_that_is_too_long_ends_it(void **unused)
{
	static const struct {
		const char *text;
		size_t nr; /* lines before */
	} cases[] = {
		{ "123456", 0 },
		{ "123456\n", 0 },
		{ "12345\n1\n123456\n1\n", 2 },
		{ "12345\n\n\n123456", 3 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_lines lines = { .max = 5 };
		struct weir_str line;

		expect_int_eq(weir_lines_add(&lines, weir_strz(cases[i].text)), 0);
		for (size_t k = 0; k < cases[i].nr; k++)
			expect_int_eq(weir_lines_next(&lines, &line), 0);
		expect_int_eq(weir_lines_next(&lines, &line), -EMSGSIZE);
		expect_int_eq(weir_lines_add(&lines, weir_strz("\n1\n")), 0);
		expect_int_eq(weir_lines_next(&lines, &line), -EMSGSIZE);
		weir_lines_done(&lines);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_are_the_same_however_they_come),
		cmocka_unit_test(line_that_is_too_long_ends_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
