/* manifest: what a capture says about itself, and what it may not say. */
#include "host/manifest.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

static void manifest_parse_understands_or_refuses(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t time_ns;
		size_t nr_errors;
	} cases[] = {
		{ "", -EBADMSG, 0, 0 },
		{ "\n", -EBADMSG, 0, 0 },
		{ "weir-capture", -EBADMSG, 0, 0 },
		{ "weir-capture \n", -EBADMSG, 0, 0 },
		{ "weir-capture one\n", -EBADMSG, 0, 0 },
		{ "weir-capture 1 \n", -EBADMSG, 0, 0 },
		{ "weir-capture 1\r\n", -EBADMSG, 0, 0 },
		{ " weir-capture 1\n", -EBADMSG, 0, 0 },
		{ "time_ns 1\nweir-capture 1\n", -EBADMSG, 0, 0 },
		{ "weir-capture 99999999999999999999\n", -EBADMSG, 0, 0 },
		{ "weir-capture 0\n", -EPROTONOSUPPORT, 0, 0 },
		{ "weir-capture 2\n", -EPROTONOSUPPORT, 0, 0 },
		{ "weir-capture 1\ntime_ns \n", -EBADMSG, 0, 0 },
		{ "weir-capture 1\ntime_ns -1\n", -EBADMSG, 0, 0 },
		{ "weir-capture 1\ntime_ns 18446744073709551616\n", -ERANGE, 0, 0 },
		{ "weir-capture 1\nerror EACCES\n", -EBADMSG, 0, 0 },
		{ "weir-capture 1\nerror EACCES \n", -EBADMSG, 0, 0 },
		{ "weir-capture 1\nerror EIO /a\nerror\\040EIO\nerror EIO /b\\000c\n",
		  -EBADMSG, 0, 0 },
		{ "weir-capture 1", 0, 0, 0 },
		{ "weir-capture 1\n\n\n", 0, 0, 0 },
		{ "weir-capture 1\ntime_ns 18446744073709551615\n", 0, UINT64_MAX, 0 },
		{ "weir-capture 1\ncolour blue\nerror EIO /a\n", 0, 0, 1 },
		{ "weir-capture 1\nerror EIO /a\nerror EIO /a\n", 0, 0, 1 },
		{ "weir-capture 1\nerror\n", 0, 0, 0 }, /* another first word */
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_manifest_done) struct weir_manifest m = { 0 };
		struct weir_err err = { 0 };
		int r = weir_manifest_parse(weir_strz(cases[i].text), &m, &err);

		if (r != cases[i].result)
			fail_msg("'%s' is %d, not %d", cases[i].text, r, cases[i].result);
		expect_int_eq(err.msg[0] != '\0', r < 0);
		expect_u64_eq(m.time_ns, cases[i].time_ns);
		expect_u64_eq(m.nr_errors, cases[i].nr_errors);
	}
}

static void manifest_error_names_become_codes(void **state)
{
	weir_auto(weir_manifest_done) struct weir_manifest m = { 0 };
	static const char text[] = "weir-capture 1\n"
				   "error EACCES /proc/page\\040types\n"
				   "error EFBIG /proc/1/numa_maps\n"
				   "error EWHATEVER /x\n"
				   "error  /y\n" /* no name at all: it failed */
				   "error EACCES /x\n";

	(void)state;
	expect_int_eq(weir_manifest_parse(weir_strz(text), &m, NULL), 0);
	expect_int_eq(weir_manifest_error(&m, "/proc/page types"), -EACCES);
	expect_int_eq(weir_manifest_error(&m, "/proc/1/numa_maps"), -EFBIG);
	expect_int_eq(weir_manifest_error(&m, "/x"), -EIO); /* the first one counts */
	expect_int_eq(weir_manifest_error(&m, "/y"), -EIO);
	expect_int_eq(weir_manifest_error(&m, "/proc/page"), 0);
	expect_int_eq(weir_manifest_error(&m, ""), 0);
}

static void manifest_formatted_parses_to_the_same(void **state)
{
	weir_auto(weir_manifest_done) struct weir_manifest m = { .time_ns = 17 };
	weir_auto(weir_manifest_done) struct weir_manifest again = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	static const char *const paths[] = { "/a b", "/a\\b", "/a\nerror EIO /evil",
		                             "/\xc3\xa9\xff", "/plain" };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(paths); i++)
		expect_int_eq(weir_manifest_add_error(&m, paths[i], -EACCES), 0);
	expect_int_eq(weir_manifest_add_error(&m, "/odd", -EXDEV),
	              0); /* not in the table */
	expect_int_eq(weir_manifest_format(&m, &text), 0);
	expect_int_eq(weir_manifest_parse(weir_buf_str(&text), &again, NULL), 0);
	expect_u64_eq(again.time_ns, 17);
	expect_u64_eq(again.nr_errors, WEIR_NELEM(paths) + 1);
	for (size_t i = 0; i < WEIR_NELEM(paths); i++)
		expect_int_eq(weir_manifest_error(&again, paths[i]), -EACCES);
	expect_int_eq(weir_manifest_error(&again, "/odd"), -EIO);
	expect_int_eq(weir_manifest_error(&again, "/evil"), 0);
}

static int parse_and_format(void *ctx)
{
	weir_auto(weir_manifest_done) struct weir_manifest m = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_manifest_parse(weir_strz(ctx), &m, NULL);

	return r < 0 ? r : weir_manifest_format(&m, &text);
}

static void manifest_out_of_memory_is_no_half_manifest(void **state)
{
	char text[] = "weir-capture 1\nerror EIO /a\nerror EIO /b\nerror EIO /c\n"
		      "error EIO /d\nerror EIO /e\nerror EIO /f\nerror EIO /g\n"
		      "error EIO /h\nerror EIO /i\nerror EIO /j\n";

	(void)state;
	expect_int_eq(fault_every(parse_and_format, text), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(manifest_parse_understands_or_refuses),
		cmocka_unit_test(manifest_error_names_become_codes),
		cmocka_unit_test(manifest_formatted_parses_to_the_same),
		cmocka_unit_test(manifest_out_of_memory_is_no_half_manifest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
