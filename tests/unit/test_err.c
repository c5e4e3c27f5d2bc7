/* err: words are kept, cut when too long, and put in order. */
#include "base/err.h"

#include "test.h"

#include <errno.h>

static void err_without_a_place_for_words_returns_its_code(void **state)
{
	(void)state;
	expect_int_eq(weir_err_set(NULL, -EBADMSG, "%s", "x"), -EBADMSG);
	expect_int_eq(weir_err_sys(NULL, -EIO, "x"), -EIO);
	expect_int_eq(weir_err_wrap(NULL, -EIO, "x"), -EIO);
}

static void err_words_stand_in_the_order_of_the_callers(void **state)
{
	struct weir_err err = { 0 };

	(void)state;
	expect_int_eq(weir_err_sys(&err, -ENOENT, "read '%s'", "/proc/x"), -ENOENT);
	expect_str(err.msg, "read '/proc/x': No such file or directory");
	expect_int_eq(err.code, -ENOENT);
	expect_int_eq(weir_err_wrap(&err, -EBADMSG, "node %u", 3), -EBADMSG);
	expect_str(err.msg, "node 3: read '/proc/x': No such file or directory");
	expect_int_eq(err.code, -EBADMSG);
	expect_int_eq(weir_err_set(&err, 1, "anew"), 1);
	expect_str(err.msg, "anew");
}

static void err_long_words_are_cut_and_end_in_nul(void **state)
{
	struct weir_err err = { 0 };

	(void)state;
	(void)weir_err_set(&err, -EIO, "%300s", "x");
	expect_u64_eq(strlen(err.msg), sizeof(err.msg) - 1);
	(void)weir_err_wrap(&err, -EIO, "front");
	expect_u64_eq(strlen(err.msg), sizeof(err.msg) - 1);
	assert_memory_equal(err.msg, "front:  ", 8);
	(void)weir_err_sys(&err, -EIO, "%300s", "x");
	expect_u64_eq(strlen(err.msg), sizeof(err.msg) - 1);
	(void)weir_err_sys(&err, -EIO, "%245s", "x"); /* room for ": " and no more */
	expect_u64_eq(strlen(err.msg), sizeof(err.msg) - 1);
}

static void err_number_without_a_name_is_shown_as_a_number(void **state)
{
	enum { ENOTSUPP = 524 }; /* the kernel's own, which some of its files let out */
	struct weir_err err = { 0 };

	(void)state;
	expect_int_eq(weir_err_sys(&err, -ENOTSUPP, "write"), -ENOTSUPP);
	expect_str(err.msg, "write: error 524");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(err_without_a_place_for_words_returns_its_code),
		cmocka_unit_test(err_words_stand_in_the_order_of_the_callers),
		cmocka_unit_test(err_long_words_are_cut_and_end_in_nul),
		cmocka_unit_test(err_number_without_a_name_is_shown_as_a_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
