/* members: order, replacement, listings and limits of a captured tree in memory. */
#include "host/members.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

static void add(struct weir_members *all, const char *path, const char *text)
{
	struct weir_str s = weir_strz(text ? text : "");

	expect_int_eq(weir_members_add(all, path, text ? &s : NULL), 0);
}

/* The names below @path, "/" behind directories, sorted as a host's listing is. */
static void list(const struct weir_members *all, const char *path, int result,
                 const char *want)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf got = { 0 };

	expect_int_eq(weir_members_list(all, path, &names), result);
	weir_names_sort(&names);
	for (size_t i = 0; i < names.nr; i++)
		expect_int_eq(weir_buf_printf(&got, "%s%s ", names.v[i].name,
		                              names.v[i].is_dir ? "/" : ""),
		              0);
	expect_text(weir_buf_str(&got), want);
}

static void members_paths_are_normal_or_refused(void **state)
{
	static const struct {
		const char *path;
		bool ok;
	} cases[] = {
		{ "", false },        { "a", false },        { "//", false },
		{ "/a/", false },     { "/a//b", false },    { "//a", false },
		{ "/.", false },      { "/..", false },      { "/a/..", false },
		{ "/../a", false },   { "/a/../b", false },  { "/a/./b", false },
		{ "./a", false },     { "/a/...", true },    { "/..a", true },
		{ "/a..", true },     { "/.a", true },       { "/@/capture", true },
		{ "/a b\n\\", true }, { "/proc/a:b", true },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		if (weir_member_path_ok(cases[i].path) != cases[i].ok)
			fail_msg("'%s' is wrongly %s", cases[i].path,
			         cases[i].ok ? "refused" : "taken");
}

static void members_later_one_of_a_path_counts(void **state)
{
	weir_auto(weir_members_done) struct weir_members all = { 0 };
	const struct weir_member *m;

	(void)state;
	add(&all, "/b", "1");
	add(&all, "/a", "22");
	add(&all, "/b", NULL);  /* a directory in its place ... */
	add(&all, "/b", "333"); /* ... and a file again */
	weir_members_sort(&all);
	expect_u64_eq(all.nr, 2);
	expect_u64_eq(all.bytes, 5);
	m = weir_members_find(&all, "/b");
	assert_non_null(m);
	expect_str(m->text, "333");
	assert_null(weir_members_find(&all, "/"));
	assert_null(weir_members_find(&all, "/c"));
	assert_null(weir_members_find(&all, ""));
}

static void members_listing_knows_implied_directories(void **state)
{
	weir_auto(weir_members_done) struct weir_members all = { 0 };

	(void)state;
	add(&all, "/proc/2/status", "x");
	add(&all, "/proc/10/status", "x");
	add(&all, "/proc/1/status", "x");
	add(&all, "/proc/1/fd/0", "x");
	add(&all, "/proc/1.b", "x"); /* '.' and '-' sort before '/' */
	add(&all, "/proc/1-b/c", "x");
	add(&all, "/proc/10", NULL);
	add(&all, "/proc/empty", NULL);
	add(&all, "/procs", "x");
	weir_members_sort(&all);
	list(&all, "/", 0, "proc/ procs ");
	list(&all, "/proc", 0, "1/ 1-b/ 1.b 10/ 2/ empty/ ");
	list(&all, "/proc/", 0, "1/ 1-b/ 1.b 10/ 2/ empty/ ");
	list(&all, "/proc/1", 0, "fd/ status ");
	list(&all, "/proc/empty", 0, "");
	list(&all, "/proc/none", -ENOENT, "");
	list(&all, "/pro", -ENOENT, "");
	list(&all, "/procs", -ENOTDIR, "");
	list(&all, "/proc/1/status", -ENOTDIR, "");
}

static void members_empty_set_has_nothing(void **state)
{
	weir_auto(weir_members_done) struct weir_members all = { 0 };

	(void)state;
	weir_members_sort(&all);
	assert_null(weir_members_find(&all, "/"));
	list(&all, "/", -ENOENT, "");
	add(&all, "/", NULL);
	weir_members_sort(&all);
	list(&all, "/", 0, "");
}

static void members_texts_keep_their_nuls_and_end_in_one(void **state)
{
	weir_auto(weir_members_done) struct weir_members all = { 0 };
	struct weir_str text = weir_str("qemu\0-m\0", 8), none = weir_str("", 0);
	const struct weir_member *m;

	(void)state;
	expect_int_eq(weir_members_add(&all, "/cmdline", &text), 0);
	expect_int_eq(weir_members_add(&all, "/empty", &none), 0);
	weir_members_sort(&all);
	m = weir_members_find(&all, "/cmdline");
	assert_non_null(m);
	expect_u64_eq(m->n, 8);
	assert_memory_equal(m->text, "qemu\0-m\0\0", 9);
	m = weir_members_find(&all, "/empty");
	assert_non_null(m);
	expect_str(m->text, ""); /* an empty file is no directory */
}

static void members_past_the_limits_are_refused(void **state)
{
	weir_auto(weir_members_done) struct weir_members all = { 0 };
	char *big = calloc(1, WEIR_MEMBER_MAX + 1);
	struct weir_str text = weir_str(big, WEIR_MEMBER_MAX + 1), one = weir_str("x", 1);
	size_t nr = 0;

	(void)state;
	assert_non_null(big);
	expect_int_eq(weir_members_add(&all, "/a", &text), -EFBIG);
	all.bytes = WEIR_MEMBERS_MAX - 1; /* as if that much were there */
	expect_int_eq(weir_members_add(&all, "/a", &one), 0);
	expect_int_eq(weir_members_add(&all, "/b", &one), -EFBIG);
	expect_int_eq(weir_members_add(&all, "/c", NULL),
	              0); /* a directory has no bytes */
	nr = all.nr;
	all.nr = WEIR_MEMBERS_NR_MAX;
	expect_int_eq(weir_members_add(&all, "/d", NULL), -EFBIG);
	all.nr = nr;
	free(big);
}

static int fill_and_list(void *ctx)
{
	weir_auto(weir_members_done) struct weir_members all = { 0 };
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	struct weir_str text = weir_strz("text");
	char path[] = "/dir/x/file";
	int r = 0;

	(void)ctx;
	for (char c = 'a'; r == 0 && c <= 'z'; c++) {
		path[5] = c;
		r = weir_members_add(&all, path, c % 2 ? &text : NULL);
	}
	if (r < 0)
		return r;
	weir_members_sort(&all);
	return weir_members_list(&all, "/dir", &names);
}

static void members_out_of_memory_is_said(void **state)
{
	(void)state;
	expect_int_eq(fault_every(fill_and_list, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_paths_are_normal_or_refused),
		cmocka_unit_test(members_later_one_of_a_path_counts),
		cmocka_unit_test(members_listing_knows_implied_directories),
		cmocka_unit_test(members_empty_set_has_nothing),
		cmocka_unit_test(members_texts_keep_their_nuls_and_end_in_one),
		cmocka_unit_test(members_past_the_limits_are_refused),
		cmocka_unit_test(members_out_of_memory_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
