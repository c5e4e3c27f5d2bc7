/* Lines of a configuration: what is a section, a key, a comment, and where an error is.
 */
#include "base/ini.h"

#include "test.h"

#include <errno.h>

static void ini_text_is_taken_item_by_item(void **unused)
{
	static const char text[] = "# comment\n"
				   "\n"
				   "  [ pool   2M ] # why\n"
				   "a=b # c\n"
				   "\tkey = a value#1 \t\n"
				   "; also one\n"
				   "empty =\n"
				   "[guards]";
	static const struct {
		enum weir_ini_kind kind;
		const char *name, *value;
		unsigned int line;
	} want[] = {
		{ WEIR_INI_SECTION, "pool", "2M", 3 },   { WEIR_INI_KEY, "a", "b", 4 },
		{ WEIR_INI_KEY, "key", "a value#1", 5 }, { WEIR_INI_KEY, "empty", "", 7 },
		{ WEIR_INI_SECTION, "guards", "", 8 },
	};
	struct weir_ini ini = weir_ini("f", weir_strz(text));
	struct weir_ini_item item;

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(want); i++) {
		expect_int_eq(weir_ini_next(&ini, "[x]", &item, NULL), 0);
		expect_int_eq(item.kind, want[i].kind);
		expect_text(item.name, want[i].name);
		expect_text(item.value, want[i].value);
		expect_u64_eq(ini.line_nr, want[i].line);
	}
	expect_int_eq(weir_ini_next(&ini, "[x]", &item, NULL), 0);
	expect_int_eq(item.kind, WEIR_INI_END);
}

static void ini_line_that_is_wrong_is_named(void **unused)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "\n  word\n", "f:2:3: 'word' is neither [section] nor key = value" },
		{ "[pool 2M", "f:1:1: '[pool 2M' is no section such as [x]" },
		{ "[]", "f:1:1: '[]' is no section such as [x]" },
		{ "a = 1\r\n", "f:1:6: a byte 0x0d: lines end in a line feed alone" },
		{ "# \001", "f:1:3: a byte 0x01" },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_ini ini = weir_ini("f", weir_strz(cases[i].text));
		struct weir_ini_item item;
		struct weir_err err = { 0 };

		expect_int_eq(weir_ini_next(&ini, "[x]", &item, &err), -EBADMSG);
		expect_str(err.msg, cases[i].why);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ini_text_is_taken_item_by_item),
		cmocka_unit_test(ini_line_that_is_wrong_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
