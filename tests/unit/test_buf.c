/* buf: growth, escapes as in mountinfo, and failure that leaves the content alone. */
#include "base/buf.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

static void buf_empty_is_valid_text(void **state)
{
	struct weir_buf buf = { 0 };

	(void)state;
	expect_text(weir_buf_str(&buf), "");
	assert_non_null(weir_buf_str(&buf).p);
	weir_buf_done(&buf);
	weir_buf_done(&buf); /* again, harmless */
	expect_int_eq(weir_buf_add(&buf, weir_str("", 0)), 0);
	expect_str(buf.p, "");
	weir_buf_done(&buf);
}

static void buf_content_always_ends_in_nul(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf buf = { 0 };

	(void)state;
	for (size_t i = 0; i < 2000; i++) { /* across several doublings */
		expect_int_eq(weir_buf_add(&buf, weir_str("x", 1)), 0);
		expect_u64_eq(buf.n, i + 1);
		expect_u64_eq(strlen(buf.p), buf.n);
		assert_true(buf.cap > buf.n);
	}
}

static void buf_printf_fills_exactly(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf buf = { 0 };

	(void)state;
	expect_int_eq(weir_buf_printf(&buf, "%255s", ""), 0); /* 256 with its NUL */
	expect_u64_eq(buf.n, 255);
	expect_int_eq(weir_buf_printf(&buf, "%s", ""), 0);
	expect_int_eq(weir_buf_printf(&buf, "%d|", -7), 0);
	expect_u64_eq(buf.n, 258);
	expect_str(buf.p + 255, "-7|");
}

static void buf_absurd_reserve_is_refused(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf buf = { 0 };

	(void)state;
	expect_int_eq(weir_buf_addz(&buf, "kept"), 0);
	expect_int_eq(weir_buf_reserve(&buf, SIZE_MAX), -ENOMEM);
	expect_int_eq(weir_buf_reserve(&buf, SIZE_MAX - 4), -ENOMEM);
	expect_int_eq(weir_buf_reserve(&buf, SIZE_MAX / 2 + 1), -ENOMEM);
	expect_text(weir_buf_str(&buf), "kept");
}

static void buf_escapes_are_those_of_mountinfo(void **state)
{
	static const struct {
		const char *plain;
		size_t n;
		const char *escaped;
	} cases[] = {
		{ "", 0, "" },
		{ "/dev/huge pages", 15, "/dev/huge\\040pages" },
		{ "a\tb\nc\\d", 7, "a\\011b\\012c\\134d" },
		{ "\0\x01\x1f\x7f", 4, "\\000\\001\\037\\177" },
		{ "\xc3\xa9\xff", 3, "\xc3\xa9\xff" }, /* not ours to judge */
		{ "\\040", 4, "\\134040" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_buf_done) struct weir_buf there = { 0 };
		weir_auto(weir_buf_done) struct weir_buf back = { 0 };

		expect_int_eq(weir_buf_add_escaped(&there,
		                                   weir_str(cases[i].plain, cases[i].n)),
		              0);
		expect_text(weir_buf_str(&there), cases[i].escaped);
		expect_int_eq(weir_buf_add_unescaped(&back, weir_buf_str(&there)), 0);
		expect_u64_eq(back.n, cases[i].n);
		assert_memory_equal(weir_buf_str(&back).p, cases[i].plain, cases[i].n);
	}
}

static void buf_unescape_leaves_half_escapes_as_they_are(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "\\", "\\" },         { "\\0", "\\0" },     { "\\04", "\\04" },
		{ "\\08x", "\\08x" },   { "\\400", "\\400" }, /* past one byte */
		{ "\\\\040", "\\ " },   { "\\x41", "\\x41" }, { "\\0401", " 1" },
		{ "\\101\\102", "AB" }, { "\\377", "\xff" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_buf_done) struct weir_buf got = { 0 };

		expect_int_eq(weir_buf_add_unescaped(&got, weir_strz(cases[i].text)), 0);
		expect_text(weir_buf_str(&got), cases[i].want);
	}
}

static void buf_out_of_memory_keeps_the_content(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf buf = { 0 };
	char big[600];

	(void)state;
	memset(big, 'y', sizeof(big));
	expect_int_eq(weir_buf_addz(&buf, "kept"), 0);
	fault_arm(1);
	expect_int_eq(weir_buf_add(&buf, weir_str(big, sizeof(big))), -ENOMEM);
	assert_true(fault_disarm());
	expect_text(weir_buf_str(&buf), "kept");
	fault_arm(1);
	expect_int_eq(weir_buf_printf(&buf, "%600s", ""), -ENOMEM);
	assert_true(fault_disarm());
	expect_str(buf.p, "kept");
}

static void grow_zeroes_each_new_element(void **state)
{
	weir_auto(weir_freep) uint64_t *v = NULL;
	size_t cap = 0;

	(void)state;
	for (size_t nr = 0; nr < 100; nr++) {
		expect_int_eq(weir_grow(&v, &cap, nr, sizeof(*v)), 0);
		assert_true(cap > nr);
		expect_u64_eq(v[nr], 0);
		v[nr] = UINT64_MAX;
		if (nr + 1 < cap)
			v[nr + 1] = 7; /* left over from an element that was taken back */
	}
}

static void grow_overflow_and_out_of_memory_change_nothing(void **state)
{
	weir_auto(weir_freep) uint64_t *v = NULL;
	size_t cap = 0, huge = SIZE_MAX / 4;

	(void)state;
	fault_arm(1);
	expect_int_eq(weir_grow(&v, &cap, 0, sizeof(*v)), -ENOMEM);
	assert_true(fault_disarm());
	assert_null(v);
	expect_u64_eq(cap, 0);
	expect_int_eq(weir_grow(&v, &huge, huge, sizeof(*v)), -ENOMEM);
	expect_u64_eq(huge, SIZE_MAX / 4);
	huge = SIZE_MAX / 2 + 1;
	expect_int_eq(weir_grow(&v, &huge, huge, 1), -ENOMEM);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_empty_is_valid_text),
		cmocka_unit_test(buf_content_always_ends_in_nul),
		cmocka_unit_test(buf_printf_fills_exactly),
		cmocka_unit_test(buf_absurd_reserve_is_refused),
		cmocka_unit_test(buf_escapes_are_those_of_mountinfo),
		cmocka_unit_test(buf_unescape_leaves_half_escapes_as_they_are),
		cmocka_unit_test(buf_out_of_memory_keeps_the_content),
		cmocka_unit_test(grow_zeroes_each_new_element),
		cmocka_unit_test(grow_overflow_and_out_of_memory_change_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
