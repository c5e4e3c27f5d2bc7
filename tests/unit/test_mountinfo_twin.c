/* mountinfo against libmount: the same lines, made by chance from a seed and by hand,
 * give the same fields. Only lines that a kernel could write: what libmount makes of
 * others (an fstab, a device to be resolved) is not what a captured host wants. */
#include "base/buf.h"
#include "facts/mountinfo.h"

#include "test.h"

#include <libmount.h>
#include <sys/sysmacros.h>

#define LINES 20000U

static uint64_t next(uint64_t *rng) /* xorshift64 */
{
	*rng ^= *rng << 13;
	*rng ^= *rng >> 7;
	*rng ^= *rng << 17;
	return *rng;
}

/* A path or name of parts that are hard to get right. */
static void add_name(struct weir_buf *out, uint64_t *rng)
{
	static const char *const parts[] = { "a",     "dev",   "\\040",    "\\011",
		                             "\\012", "\\134", "\\043",    "huge",
		                             "-",     "//",    "shared:1", ",",
		                             "=",     ".",     "\xc3\xa9" };
	size_t nr = next(rng) % 6;

	for (size_t i = 0; i <= nr; i++)
		assert_int_equal(weir_buf_addz(out, parts[next(rng) % WEIR_NELEM(parts)]),
		                 0);
}

static void add_line(struct weir_buf *out, uint64_t *rng)
{
	static const char *const optional[] = { "", " shared:7", " shared:7 master:2",
		                                " unbindable", " propagate_from:3" };
	static const char *const types[] = { "hugetlbfs", "cgroup2", "cgroup" };
	static const char *const options[] = { "rw",
		                               "ro,pagesize=2M",
		                               "rw,size=4194304",
		                               "rw,mode=1777,pagesize=1G,min_size=2M",
		                               "rw,hugetlb",
		                               "rw,cpu,hugetlb,name=x" };

	out->n = 0;
	assert_int_equal(weir_buf_printf(out, "%u %u %u:%u /",
	                                 (unsigned int)(next(rng) % 100000),
	                                 (unsigned int)(next(rng) % 1000),
	                                 (unsigned int)(next(rng) % 256),
	                                 (unsigned int)(next(rng) % 100000)),
	                 0);
	if (next(rng) % 2)
		add_name(out, rng);
	assert_int_equal(weir_buf_addz(out, " /"), 0);
	add_name(out, rng);
	assert_int_equal(weir_buf_printf(out, " %s%s - %s ",
	                                 next(rng) % 2 ? "rw,relatime" : "ro",
	                                 optional[next(rng) % WEIR_NELEM(optional)],
	                                 types[next(rng) % WEIR_NELEM(types)]),
	                 0);
	add_name(out, rng);
	assert_int_equal(
		weir_buf_printf(out, " %s\n", options[next(rng) % WEIR_NELEM(options)]),
		0);
}

static void expect_unescaped(struct weir_str ours, const char *theirs)
{
	weir_auto(weir_buf_done) struct weir_buf plain = { 0 };

	assert_int_equal(weir_buf_add_unescaped(&plain, ours), 0);
	expect_str(plain.p ? plain.p : "", theirs ? theirs : "");
}

static void expect_option(struct weir_str options, struct libmnt_fs *fs, const char *name)
{
	struct weir_str ours = { 0 };
	char *theirs = NULL;
	size_t n = 0;
	bool has = weir_mount_option(options, name, &ours);

	expect_int_eq(mnt_fs_get_option(fs, name, &theirs, &n) == 0, has);
	if (has)
		assert_true(ours.n == n && (!n || memcmp(ours.p, theirs, n) == 0));
}

static void compare(const struct weir_buf *line)
{
	weir_auto(weir_buf_done) struct weir_buf copy = { 0 };
	struct libmnt_table *table = mnt_new_table();
	struct weir_str text = weir_buf_str(line);
	struct libmnt_fs *fs = NULL;
	struct weir_mount_line ours;
	FILE *f;

	assert_int_equal(weir_buf_add(&copy, text), 0);
	f = fmemopen(copy.p, copy.n, "r");
	assert_int_equal(mnt_table_parse_stream(table, f, ""), 0);
	(void)fclose(f);
	assert_int_equal(mnt_table_first_fs(table, &fs), 0);
	text.n--; /* its newline */
	if (!weir_mountinfo_line(text, &ours))
		fail_msg("refused: %s", line->p);
	expect_int_eq(ours.id, mnt_fs_get_id(fs));
	expect_u64_eq(makedev(ours.major, ours.minor), mnt_fs_get_devno(fs));
	expect_unescaped(ours.root, mnt_fs_get_root(fs));
	expect_unescaped(ours.target, mnt_fs_get_target(fs));
	expect_unescaped(ours.source, mnt_fs_get_source(fs));
	expect_unescaped(ours.type, mnt_fs_get_fstype(fs));
	expect_unescaped(ours.fs_options, mnt_fs_get_fs_options(fs));
	expect_option(ours.fs_options, fs, "pagesize");
	expect_option(ours.fs_options, fs, "size");
	expect_option(ours.fs_options, fs, "hugetlb");
	mnt_unref_table(table);
}

static void mountinfo_lines_are_what_libmount_makes_of_them(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf line = { 0 };
	uint64_t rng = 20260901;

	(void)state;
	for (unsigned int i = 0; i < LINES; i++) {
		add_line(&line, &rng);
		compare(&line);
	}
}

static void mountinfo_of_this_machine_is_what_libmount_makes_of_it(void **state)
{
	FILE *f = fopen("/proc/self/mountinfo", "r");
	char text[8192];

	(void)state;
	if (!f)
		skip_because("no /proc/self/mountinfo");
	while (fgets(text, sizeof(text), f)) {
		weir_auto(weir_buf_done) struct weir_buf line = { 0 };

		assert_int_equal(weir_buf_addz(&line, text), 0);
		if (!strstr(text, " /dev/root "))
			compare(&line);
	}
	(void)fclose(f);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(mountinfo_lines_are_what_libmount_makes_of_them),
		cmocka_unit_test(mountinfo_of_this_machine_is_what_libmount_makes_of_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
