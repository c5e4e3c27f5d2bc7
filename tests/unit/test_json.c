/* json: the exact text, above all of strings that are no good ones. */
#include "base/json.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

static void json_document_reads_well(void **state)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	(void)state;
	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "max", UINT64_MAX);
	weir_json_null(&j, "reserved");
	weir_json_open(&j, "sizes", '[');
	weir_json_strz(&j, NULL, "2M");
	weir_json_strz(&j, NULL, NULL);
	weir_json_close(&j);
	weir_json_open(&j, "empty", '{');
	weir_json_close(&j);
	weir_json_open(&j, "none", '[');
	weir_json_close(&j);
	weir_json_bool(&j, "yes", true);
	weir_json_close(&j);
	expect_int_eq(j.failed, 0);
	expect_text(weir_buf_str(&j.out), "{\n"
	                                  "  \"max\": 18446744073709551615,\n"
	                                  "  \"reserved\": null,\n"
	                                  "  \"sizes\": [\n"
	                                  "    \"2M\",\n"
	                                  "    null\n"
	                                  "  ],\n"
	                                  "  \"empty\": {},\n"
	                                  "  \"none\": [],\n"
	                                  "  \"yes\": true\n"
	                                  "}\n");
}

static void json_compact_is_one_line(void **state)
{
	weir_auto(weir_json_done) struct weir_json j = { .compact = true };

	(void)state;
	weir_json_open(&j, NULL, '[');
	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "a", 0);
	weir_json_bool(&j, "b", false);
	weir_json_close(&j);
	weir_json_open(&j, NULL, '{');
	weir_json_close(&j);
	weir_json_close(&j);
	expect_text(weir_buf_str(&j.out), "[{\"a\":0,\"b\":false},{}]\n");
}

static void json_strings_are_escaped_and_always_utf8(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *want;
	} cases[] = {
		{ "", 0, "" },
		{ "\"\\/", 3, "\\\"\\\\/" },
		{ "\0\b\t\n\x1f\x7f", 6, "\\u0000\\u0008\\u0009\\u000a\\u001f\\u007f" },
		{ "\xc3\xa9", 2, "\xc3\xa9" },                 /* U+00E9 */
		{ "\xe2\x82\xac", 3, "\xe2\x82\xac" },         /* U+20AC */
		{ "\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80" }, /* U+1F600 */
		{ "\xf4\x8f\xbf\xbf", 4, "\xf4\x8f\xbf\xbf" }, /* the last one */
		{ "\xf4\x90\x80\x80", 4, "\\u00f4\\u0090\\u0080\\u0080" }, /* past it */
		{ "\xed\xa0\x80", 3, "\\u00ed\\u00a0\\u0080" }, /* a surrogate */
		{ "\xed\x9f\xbf", 3, "\xed\x9f\xbf" },          /* just before them */
		{ "\xc0\x80", 2, "\\u00c0\\u0080" },            /* overlong forms */
		{ "\xc1\xbf", 2, "\\u00c1\\u00bf" },
		{ "\xe0\x80\x80", 3, "\\u00e0\\u0080\\u0080" },
		{ "\xf0\x80\x80\x80", 4, "\\u00f0\\u0080\\u0080\\u0080" },
		{ "\x80", 1, "\\u0080" },       /* a tail without a head */
		{ "\xc3", 1, "\\u00c3" },       /* a head without its tail */
		{ "\xc3\"", 2, "\\u00c3\\\"" }, /* ... and no quote is eaten */
		{ "\xe2\x82", 2, "\\u00e2\\u0082" },
		{ "\xe2\x82x", 3, "\\u00e2\\u0082x" },
		{ "\xff\xfe", 2, "\\u00ff\\u00fe" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_json_done) struct weir_json j = { .compact = true };
		weir_auto(weir_buf_done) struct weir_buf want = { 0 };

		weir_json_open(&j, NULL, '[');
		weir_json_str(&j, NULL, weir_str(cases[i].text, cases[i].n));
		weir_json_close(&j);
		expect_int_eq(weir_buf_printf(&want, "[\"%s\"]\n", cases[i].want), 0);
		expect_text(weir_buf_str(&j.out), want.p);
	}
}

static void json_keys_are_escaped_too(void **state)
{
	weir_auto(weir_json_done) struct weir_json j = { .compact = true };

	(void)state;
	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "a\"\n\xff", 1);
	weir_json_close(&j);
	expect_text(weir_buf_str(&j.out), "{\"a\\\"\\u000a\\u00ff\":1}\n");
}

static void json_deepest_document_fits(void **state)
{
	weir_auto(weir_json_done) struct weir_json j = { .compact = true };

	(void)state;
	for (int i = 0; i < WEIR_JSON_DEPTH_MAX; i++)
		weir_json_open(&j, NULL, '[');
	for (int i = 0; i < WEIR_JSON_DEPTH_MAX; i++)
		weir_json_close(&j);
	expect_u64_eq(j.out.n, 2 * WEIR_JSON_DEPTH_MAX + 1);
	expect_u64_eq(j.depth, 0);
}

static int write_much(void *ctx)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	(void)ctx;
	weir_json_open(&j, NULL, '[');
	for (uint64_t i = 0; i < 300; i++) {
		weir_json_u64(&j, NULL, i);
		weir_json_strz(&j, NULL, "\x01");
	}
	weir_json_close(&j);
	return j.failed;
}

static void json_out_of_memory_is_kept_to_the_end(void **state)
{
	(void)state;
	expect_int_eq(fault_every(write_much, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(json_document_reads_well),
		cmocka_unit_test(json_compact_is_one_line),
		cmocka_unit_test(json_strings_are_escaped_and_always_utf8),
		cmocka_unit_test(json_keys_are_escaped_too),
		cmocka_unit_test(json_deepest_document_fits),
		cmocka_unit_test(json_out_of_memory_is_kept_to_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
