/* mounts: which lines of mountinfo count, what their options mean, and that statfs(2) is
 * believed only about the mount that it is of. */
#include "facts/mounts.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define MOUNTINFO "/proc/self/mountinfo"
#define PAGE_2M   WEIR_COUNT(2U << 20)

static void statfs_means_nothing_without_a_subpool(void **state)
{
	static const char text[] = "bsize 2097152\nblocks 0\nbfree 0\nbavail 0\nfiles 0\n"
				   "ffree 0\n";
	struct weir_statfs s;
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_statfs_parse(weir_strz(text), false, &s, &err), 0);
	expect_count(s.page_bytes, 2 << 20);
	assert_false(s.limited);
	expect_unknown(s.blocks);
	expect_unknown(s.free_blocks);
	expect_unknown(s.files);
	expect_int_eq(weir_statfs_parse(weir_strz(text), true, &s, &err), 0);
	assert_true(s.limited); /* size= of less than a page */
	expect_count(s.blocks, 0);
}

static void statfs_odd_lines_leave_their_own_fact_unknown(void **state)
{
	static const struct {
		const char *line;
		int result;
		bool limited;
	} cases[] = {
		{ "blocks -1\nbfree -1", 0, false },
		{ "blocks 18446744073709551615\nbfree 18446744073709551615", 0, false },
		{ "blocks 18446744073709551614\nbfree 5", WEIR_GARBLED, false },
		{ "blocks 99999999999999999999\nbfree 5", WEIR_GARBLED, false },
		{ "blocks -2\nbfree 5", WEIR_GARBLED, false },
		{ "blocks \nbfree 5", WEIR_GARBLED, false },
		{ "blocks 9 \nbfree 5", WEIR_GARBLED, false },
		{ "blocks 0x9\nbfree 5", WEIR_GARBLED, false },
		{ "blocks\nbfree 5", 0, false },
		{ "blocks9\nbfree 5", 0, false },
		{ "blocks 9", 0, false },
		{ "", 0, false },
		{ "blocks 10\nbfree 4\nbavail x", 0, true },
		{ "blocks 1\nbfree 4\nblocks 10", 0, true },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_statfs s;
		struct weir_err err;
		char text[128];

		(void)snprintf(text, sizeof(text), "bsize 4096\n%s\nfiles 3\nffree 2",
		               cases[i].line);
		expect_int_eq(weir_statfs_parse(weir_strz(text), true, &s, &err),
		              cases[i].result);
		expect_count(s.page_bytes, 4096);
		expect_count(s.files, 3);
		expect_count(s.free_files, 2);
		expect_int_eq(s.limited, cases[i].limited);
		if (cases[i].limited) {
			expect_count(s.blocks, 10);
			expect_count(s.free_blocks, 4);
		}
	}
}

static void mounts_without_lines_of_interest_need_no_library(void **state)
{
	static const char *const cases[] = {
		"",
		"\n\n",
		"garbage",
		"22 27 0:21 / /proc rw,relatime - proc proc rw\n",
		"1 2 0:3 / / rw - ext4 x rw\n2 1 0:1 / /run rw - tmpfs t rw\n",
		"1 2 0:3 / /a\\040-\\040hugetlbfs\\040x rw - ext4 /dev/sda rw\n",
		"1 2 0:3 / /a rw - fuse.hugetlbfs src rw\n",
		"1 2 0:3 / /a rw shared:1 - tmpfs x rw - hugetlbfs none rw\n",
		"1 2 0:3 / /a rw -hugetlbfs none rw\n",
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_mounts m;
		struct weir_err err;

		expect_int_eq(weir_mounts_parse(weir_strz(cases[i]), PAGE_2M, &m, &err),
		              0);
		assert_true(m.known);
		expect_u64_eq(m.nr, 0);
		assert_null(m.cgroup2);
		assert_null(m.cgroup1_hugetlb);
		weir_mounts_done(&m);
	}
}

static const struct weir_count no_default;

static void parse(const char *text, struct weir_count page, int want,
                  struct weir_mounts *out)
{
	struct weir_err err = { 0 };

	expect_int_eq(weir_mounts_parse(weir_strz(text), page, out, &err), want);
	if (want == 0)
		expect_str(err.msg, "");
	else
		assert_true(strlen(err.msg) > 0);
}

static void mounts_of_a_real_kernel_are_read(void **state)
{
	struct weir_mounts m;

	(void)state;
	parse("27 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n"
	      "42 27 0:39 / /mnt/a\\040b rw,relatime shared:7 master:2 - hugetlbfs "
	      "so,ur\\040/ce rw,uid=5,gid=7,mode=1770,nr_inodes=100,pagesize=2M\n"
	      "43 27 0:39 /sub /mnt/c ro,relatime - hugetlbfs so,ur\\040/ce "
	      "rw,uid=5,gid=7,mode=1770,nr_inodes=100,pagesize=2M\n"
	      "44 43 0:40 / /mnt/c rw,relatime - hugetlbfs  rw,pagesize=1024M\n"
	      "45 27 0:41 / /mnt/ro rw,relatime - hugetlbfs none "
	      "ro,pagesize=2M,size=4194304,min_size=2M\n",
	      no_default, 0, &m);
	expect_u64_eq(m.nr, 4);
	expect_u64_eq(m.v[0].id, 42);
	expect_u64_eq(m.v[0].major, 0);
	expect_u64_eq(m.v[0].minor, 39);
	expect_str(m.v[0].target, "/mnt/a b");
	expect_str(m.v[0].source, "so,ur /ce");
	expect_count(m.v[0].page_bytes, 2 << 20);
	expect_count(m.v[0].nr_inodes, 100);
	expect_count(m.v[0].mode, 01770);
	expect_count(m.v[0].uid, 5);
	expect_count(m.v[0].gid, 7);
	expect_unknown(m.v[0].size_bytes);
	expect_unknown(m.v[0].min_size_bytes);
	assert_false(m.v[0].read_only);
	assert_false(m.v[0].has_subpool);
	assert_true(m.v[1].read_only);
	expect_str(m.v[2].source, "");
	expect_count(m.v[2].page_bytes, 1 << 30);
	expect_unknown(m.v[2].mode);
	assert_true(m.v[3].read_only);
	assert_true(m.v[3].has_subpool);
	expect_count(m.v[3].size_bytes, 4 << 20);
	expect_count(m.v[3].min_size_bytes, 2 << 20);
	expect_u64_eq(m.v[0].same_as, 0);
	expect_u64_eq(m.v[1].same_as, 0);
	expect_u64_eq(m.v[2].same_as, 2);
	expect_u64_eq(m.v[3].same_as, 3);
	weir_mounts_done(&m);
}

static void mounts_target_bytes_are_unescaped(void **state)
{
	struct weir_mounts m;

	(void)state;
	parse("1 2 0:3 / /a\\012b\\011c\\134d\\043,=e\xff rw - hugetlbfs x,\\040y "
	      "rw,pagesize=2M\n",
	      no_default, 0, &m);
	expect_str(m.v[0].target, "/a\nb\tc\\d#,=e\xff");
	expect_str(m.v[0].source, "x, y");
	weir_mounts_done(&m);
}

/* Sources have no meaning, and none is looked up: not even one that names a device. */
static void mounts_source_is_taken_as_it_is(void **state)
{
	static const char *const cases[][2] = {
		{ "/dev/root", "/dev/root" },
		{ "\\057dev\\057x", "/dev/x" },
		{ "a\\", "a\\" },
		{ "\\457x", "\\457x" },
		{ "-", "-" },
		{ "", "" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_mounts m;
		char text[160];

		(void)snprintf(text, sizeof(text), "1 2 0:3 / /h rw - hugetlbfs %s rw\n",
		               cases[i][0]);
		parse(text, PAGE_2M, 0, &m);
		expect_u64_eq(m.nr, 1);
		expect_str(m.v[0].source, cases[i][1]);
		weir_mounts_done(&m);
	}
}

static void mounts_options_are_exact_or_unknown(void **state)
{
	static const struct {
		const char *options;
		int result;
		struct weir_count page, size;
	} cases[] = {
		{ "rw", 0, { true, 2 << 20 }, { 0 } },
		{ "rw,pagesize=64K", 0, { true, 65536 }, { 0 } },
		{ "rw,pagesize=16777216K", 0, { true, UINT64_C(16) << 30 }, { 0 } },
		{ "rw,pagesize=", WEIR_GARBLED, { 0 }, { 0 } },
		{ "rw,pagesize", WEIR_GARBLED, { 0 }, { 0 } },
		{ "rw,pagesize=0", WEIR_GARBLED, { 0 }, { 0 } },
		{ "rw,pagesize=3M", WEIR_GARBLED, { 0 }, { 0 } },
		{ "rw,pagesize=8E", WEIR_GARBLED, { 0 }, { 0 } },
		{ "rw,pagesize=16E", WEIR_GARBLED, { 0 }, { 0 } },
		{ "rw,pagesize=-2M", WEIR_GARBLED, { 0 }, { 0 } },
		{ "rw,size=0", 0, { true, 2 << 20 }, { true, 0 } },
		{ "rw,size=1G", 0, { true, 2 << 20 }, { true, 1 << 30 } },
		{ "rw,size=18446744073709551615",
		  0,
		  { true, 2 << 20 },
		  { true, UINT64_MAX } },
		{ "rw,size=18446744073709551616",
		  WEIR_GARBLED,
		  { true, 2 << 20 },
		  { 0 } },
		{ "rw,size=50%", WEIR_GARBLED, { true, 2 << 20 }, { 0 } },
		{ "rw,size=1,size=2", 0, { true, 2 << 20 }, { true, 1 } },
		{ "rw,mode=8", WEIR_GARBLED, { true, 2 << 20 }, { 0 } },
		{ "rw,mode=17777", WEIR_GARBLED, { true, 2 << 20 }, { 0 } },
		{ "rw,mode=77777777777777777777777",
		  WEIR_GARBLED,
		  { true, 2 << 20 },
		  { 0 } },
		{ "rw,uid=4294967296", WEIR_GARBLED, { true, 2 << 20 }, { 0 } },
		{ "rw,unheard=of,sizes=4", 0, { true, 2 << 20 }, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_mounts m;
		char text[160];

		(void)snprintf(text, sizeof(text), "1 2 0:3 / /h rw - hugetlbfs none %s",
		               cases[i].options);
		parse(text, PAGE_2M, cases[i].result, &m);
		expect_u64_eq(m.nr, 1);
		if (m.v[0].page_bytes.known != cases[i].page.known ||
		    m.v[0].size_bytes.known != cases[i].size.known)
			fail_msg("'%s': known is wrong", cases[i].options);
		expect_u64_eq(m.v[0].page_bytes.n, cases[i].page.n);
		expect_u64_eq(m.v[0].size_bytes.n, cases[i].size.n);
		expect_unknown(m.v[0].mode);
		expect_unknown(m.v[0].uid);
		weir_mounts_done(&m);
	}
}

static void mounts_garbled_line_does_not_spoil_the_others(void **state)
{
	static const char *const cases[] = {
		"1 2 0:3 / /h rw - hugetlbfs",
		"1 2 0:3 / /h rw - hugetlbfs none",
		"1 2 0:3 / /h - hugetlbfs none rw",
		"1 2 03 / /h rw - hugetlbfs none rw",
		"1 2 0:3 / relative rw - hugetlbfs none rw",
		"1 - hugetlbfs none rw",
		" - hugetlbfs none rw",
		"-1 2 0:3 / /h rw - hugetlbfs none rw",
		"99999999999 2 0:3 / /h rw - hugetlbfs none rw",
		"0x1 2 0:3 / /h rw - hugetlbfs none rw",
		"# 1 2 0:3 / /h rw - hugetlbfs none rw",
		"Filename\t1 - cgroup none rw",
		"/dev/x /h hugetlbfs rw 0 0 - hugetlbfs none rw",
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_mounts m;
		char text[256];

		(void)snprintf(text, sizeof(text),
		               "%s\n7 2 0:9 / /good rw - hugetlbfs none rw,size=4M\n",
		               cases[i]);
		parse(text, PAGE_2M, WEIR_GARBLED, &m);
		assert_true(m.known);
		if (m.nr != 1)
			fail_msg("'%s' is a mount", cases[i]);
		expect_str(m.v[0].target, "/good");
		expect_count(m.v[0].size_bytes, 4 << 20);
		weir_mounts_done(&m);
	}
}

static void mounts_nul_and_binary_lines_are_garbled(void **state)
{
	static const char nul[] = "1 2 0:3 / /h\0x rw - hugetlbfs none rw\n"
				  "7 2 0:9 / /good rw - hugetlbfs none rw\n";
	static const char binary[] = "\xff\xfe\x01 - cgroup\x80 \x02\n";
	struct weir_mounts m;
	struct weir_err err;

	(void)state;
	expect_int_eq(
		weir_mounts_parse(weir_str(nul, sizeof(nul) - 1), PAGE_2M, &m, &err),
		WEIR_GARBLED);
	expect_u64_eq(m.nr, 1);
	weir_mounts_done(&m);
	parse(binary, PAGE_2M, WEIR_GARBLED, &m);
	expect_u64_eq(m.nr, 0);
	weir_mounts_done(&m);
}

static void mounts_long_line_is_read_whole(void **state)
{
	enum { LONG = 100000 };
	char *text = malloc(LONG + 128);
	struct weir_mounts m;
	size_t n;

	(void)state;
	assert_non_null(text);
	n = (size_t)snprintf(text, 128, "1 2 0:3 / /");
	memset(text + n, 'x', LONG);
	(void)snprintf(text + n + LONG, 64, " rw - hugetlbfs none rw,pagesize=2M\n");
	parse(text, no_default, 0, &m);
	expect_u64_eq(m.nr, 1);
	expect_u64_eq(strlen(m.v[0].target), LONG + 1);
	expect_count(m.v[0].page_bytes, 2 << 20);
	weir_mounts_done(&m);
	free(text);
}

static void mounts_past_the_limit_are_said_to_be_left_out(void **state)
{
	struct weir_buf text = { 0 };
	struct weir_mounts m;

	(void)state;
	for (unsigned int i = 0; i <= WEIR_MOUNTS_MAX; i++)
		expect_int_eq(weir_buf_printf(&text,
		                              "%u 1 0:%u / /h/%u rw - hugetlbfs n rw\n",
		                              i, i % 100, i),
		              0);
	parse(text.p, PAGE_2M, WEIR_GARBLED, &m);
	expect_u64_eq(m.nr, WEIR_MOUNTS_MAX);
	expect_u64_eq(m.v[WEIR_MOUNTS_MAX - 1].same_as, (WEIR_MOUNTS_MAX - 1) % 100);
	weir_mounts_done(&m);
	weir_buf_done(&text);
}

static void mounts_cgroup_trees_are_found(void **state)
{
	static const struct {
		const char *text, *v2, *v1;
	} cases[] = {
		{ "1 2 0:3 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate",
		  "/sys/fs/cgroup", NULL },
		{ "1 2 0:3 / /c/unified rw - cgroup2 cgroup2 rw\n"
		  "1 2 0:4 / /c/cpu rw - cgroup cgroup rw,cpu,cpuacct\n"
		  "1 2 0:5 / /c/hugetlb rw - cgroup cgroup rw,hugetlb\n",
		  "/c/unified", "/c/hugetlb" },
		{ "1 2 0:5 / /c rw - cgroup cgroup rw,name=hugetlb", NULL, NULL },
		{ "1 2 0:5 / /c rw - cgroup cgroup rw,xhugetlb", NULL, NULL },
		{ "1 2 0:5 /docker/1 /part rw - cgroup2 c rw\n"
		  "1 2 0:5 /docker/2 /part2 rw - cgroup2 c rw\n"
		  "1 2 0:5 / /whole\\0401 rw - cgroup2 c rw\n"
		  "1 2 0:5 / /whole2 rw - cgroup2 c rw\n",
		  "/whole 1", NULL },
		{ "1 2 0:5 /docker/1 /part rw - cgroup2 c rw\n", "/part", NULL },
		{ "1 2 0:5 / /c rw - cgroup3 c rw,hugetlb", NULL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_mounts m;

		parse(cases[i].text, PAGE_2M, 0, &m);
		expect_str(m.cgroup2 ? m.cgroup2 : "-", cases[i].v2 ? cases[i].v2 : "-");
		expect_str(m.cgroup1_hugetlb ? m.cgroup1_hugetlb : "-",
		           cases[i].v1 ? cases[i].v1 : "-");
		expect_u64_eq(m.nr, 0);
		weir_mounts_done(&m);
	}
}

static void mounts_reader_asks_statfs_of_the_mount_itself(void **state)
{
	struct fake_file files[] = {
		{ MOUNTINFO, "1 2 0:3 / /h rw - hugetlbfs n rw,pagesize=2M,size=20M\n"
		             "2 2 0:4 / /a\\040b rw - hugetlbfs n rw\n"
		             "3 2 0:5 / /hidden rw - hugetlbfs n rw,pagesize=2M\n"
		             "4 3 0:6 / /hidden rw - hugetlbfs n rw,pagesize=1024M\n"
		             "5 2 0:7 / /under rw - hugetlbfs n rw,pagesize=2M\n"
		             "6 2 0:8 / /none rw - hugetlbfs n rw,pagesize=2M\n" },
		{ "/@/stat/h/@", "type directory\ndev 0:3\n" },
		{ "/@/statfs/h/@",
		  "bsize 2097152\nblocks 10\nbfree 4\nfiles -1\nffree -1\n" },
		{ "/@/statfs/a b/@", "bsize 1073741824\nblocks 0\nbfree 0\n" },
		{ "/@/stat/hidden/@", "dev 0:6\n" },
		{ "/@/statfs/hidden/@", "bsize 1073741824\nblocks 0\n" },
		{ "/@/statfs/under/@", "bsize 4096\nblocks 1000\nbfree 5\n" },
	};
	struct fake_host fake;
	struct weir_mounts m;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_mounts_read(&fake.reader, no_default, &m);
	expect_int_eq(fake.reader.failed, 0);
	expect_u64_eq(m.nr, 6);
	assert_true(m.v[0].statfs.limited);
	expect_count(m.v[0].statfs.blocks, 10);
	expect_count(m.v[0].statfs.free_blocks, 4);
	expect_unknown(m.v[0].statfs.files);
	expect_count(m.v[1].page_bytes, 1 << 30); /* nothing else says it */
	assert_true(m.v[2].covered);
	expect_unknown(m.v[2].statfs.page_bytes);
	assert_false(m.v[3].covered);
	expect_count(m.v[3].statfs.page_bytes, 1 << 30);
	assert_true(m.v[4].covered); /* of another page size: no hugetlbfs of ours */
	expect_unknown(m.v[4].statfs.blocks);
	assert_false(m.v[5].covered);
	(void)fake_expect_gap(&fake, WEIR_GAP_ABSENT, "/@/statfs/none/@");
	weir_mounts_done(&m);
	fake_close(&fake);
}

static void mounts_reader_takes_paths_of_any_length(void **state)
{
	char target[2000], mountinfo[2100], statfs[2100];
	struct fake_file files[] = {
		{ MOUNTINFO, mountinfo },
		{ statfs, "bsize 2097152\nblocks 1\nbfree 1\n" },
	};
	struct fake_host fake;
	struct weir_mounts m;

	(void)state;
	memset(target, 'x', sizeof(target) - 1);
	target[0] = '/';
	target[sizeof(target) - 1] = '\0';
	(void)snprintf(mountinfo, sizeof(mountinfo),
	               "1 2 0:3 / %s rw - hugetlbfs n rw,pagesize=2M,size=2M\n", target);
	(void)snprintf(statfs, sizeof(statfs), "/@/statfs%s/@", target);
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_mounts_read(&fake.reader, no_default, &m);
	expect_count(m.v[0].statfs.blocks, 1);
	weir_mounts_done(&m);
	fake_close(&fake);
}

static void mounts_reader_keeps_failures_as_gaps(void **state)
{
	struct fake_file absent[] = { { "/x", "" } };
	struct fake_file forbidden[] = { { MOUNTINFO, .error = -EACCES } };
	struct fake_file garbled[] = {
		{ MOUNTINFO, "1 2 0:3 / /h rw - hugetlbfs n rw,size=x\n" },
		{ "/@/stat/h/@", "" },
		{ "/@/statfs/h/@", "bsize many\n" },
	};
	struct fake_host fake;
	struct weir_mounts m;

	(void)state;
	fake_open(&fake, absent, WEIR_NELEM(absent));
	weir_mounts_read(&fake.reader, PAGE_2M, &m);
	assert_false(m.known);
	(void)fake_expect_gap(&fake, WEIR_GAP_ABSENT, MOUNTINFO);
	fake_close(&fake);
	fake_open(&fake, forbidden, WEIR_NELEM(forbidden));
	weir_mounts_read(&fake.reader, PAGE_2M, &m);
	assert_false(m.known);
	(void)fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN, MOUNTINFO);
	fake_close(&fake);
	fake_open(&fake, garbled, WEIR_NELEM(garbled));
	weir_mounts_read(&fake.reader, PAGE_2M, &m);
	assert_true(m.known);
	assert_true(m.v[0].has_subpool);
	(void)fake_expect_gap(&fake, WEIR_GAP_MALFORMED, MOUNTINFO);
	(void)fake_expect_gap(&fake, WEIR_GAP_MALFORMED, "/@/statfs/h/@");
	weir_mounts_done(&m);
	fake_close(&fake);
}

static int read_faulty(void *ctx)
{
	struct fake_file files[] = {
		{ MOUNTINFO, "1 2 0:3 / /h rw - hugetlbfs n rw,size=4M,uid=x\n"
		             "bad - hugetlbfs n rw\n"
		             "1 2 0:5 /p /p rw - cgroup2 c rw\n"
		             "1 2 0:5 / /w rw - cgroup2 c rw\n"
		             "1 2 0:6 / /v1 rw - cgroup c rw,hugetlb\n" },
		{ "/@/statfs/h/@", "bsize 2097152\nblocks 2\nbfree 1\n" },
	};
	struct fake_host fake;
	struct weir_mounts m;
	int r;

	(void)ctx;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_mounts_read(&fake.reader, PAGE_2M, &m);
	r = fake.reader.failed;
	weir_mounts_done(&m);
	fake_close(&fake);
	return r;
}

static void mounts_reader_survives_every_failed_allocation(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_faulty, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(statfs_means_nothing_without_a_subpool),
		cmocka_unit_test(statfs_odd_lines_leave_their_own_fact_unknown),
		cmocka_unit_test(mounts_without_lines_of_interest_need_no_library),
		cmocka_unit_test(mounts_of_a_real_kernel_are_read),
		cmocka_unit_test(mounts_target_bytes_are_unescaped),
		cmocka_unit_test(mounts_source_is_taken_as_it_is),
		cmocka_unit_test(mounts_options_are_exact_or_unknown),
		cmocka_unit_test(mounts_garbled_line_does_not_spoil_the_others),
		cmocka_unit_test(mounts_nul_and_binary_lines_are_garbled),
		cmocka_unit_test(mounts_long_line_is_read_whole),
		cmocka_unit_test(mounts_past_the_limit_are_said_to_be_left_out),
		cmocka_unit_test(mounts_cgroup_trees_are_found),
		cmocka_unit_test(mounts_reader_asks_statfs_of_the_mount_itself),
		cmocka_unit_test(mounts_reader_takes_paths_of_any_length),
		cmocka_unit_test(mounts_reader_keeps_failures_as_gaps),
		cmocka_unit_test(mounts_reader_survives_every_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
