/* dl: a library that is there, one that is not, and a symbol that is not. */
#include "base/dl.h"

#include "test.h"

#include <errno.h>
#include <math.h>

#define SONAME "libm.so.6" /* part of the C library: always there */

static struct {
	__typeof__(cbrt) *cbrt;
	__typeof__(cbrt) *more;
} m;

static void dl_symbols_can_be_called(void **state)
{
	static const struct weir_dl_symbol symbols[] = { { "cbrt", &m.cbrt } };
	struct weir_err err = { 0 };

	(void)state;
	for (int i = 0; i < 2; i++) { /* loading again is harmless */
		expect_int_eq(weir_dl_load(SONAME, symbols, 1, "a test", &err), 0);
		assert_true(m.cbrt(27.0) > 2.9 && m.cbrt(27.0) < 3.1);
	}
}

static void dl_missing_library_is_named_with_its_purpose(void **state)
{
	struct weir_err err = { 0 };

	(void)state;
	expect_int_eq(weir_dl_load("libweir-is-not-there.so.9", NULL, 0, "a test", &err),
	              -ELIBACC);
	assert_non_null(strstr(err.msg, "a test needs the library libweir-is-not-there"));
	expect_int_eq(weir_dl_load("libweir-is-not-there.so.9", NULL, 0, "", NULL),
	              -ELIBACC);
}

static void dl_missing_symbol_is_named(void **state)
{
	static const struct weir_dl_symbol symbols[] = {
		{ "cbrt", &m.cbrt },
		{ "weir_is_not_there", &m.more },
	};
	struct weir_err err = { 0 };

	(void)state;
	expect_int_eq(weir_dl_load(SONAME, symbols, 2, "a test", &err), -ELIBACC);
	expect_str(err.msg,
	           "a test needs weir_is_not_there, which this " SONAME " lacks");
	assert_null(m.more);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(dl_symbols_can_be_called),
		cmocka_unit_test(dl_missing_library_is_named_with_its_purpose),
		cmocka_unit_test(dl_missing_symbol_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
