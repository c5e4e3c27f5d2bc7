/* cgroups: which groups are kept, what is not read because the kernel's rules tell it,
 * and that a tree of any shape costs a bounded effort and few gaps. */
#include "facts/cgroups.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define CG      "/sys/fs/cgroup"
#define V2_NONE "9223372036854771712\n" /* what v6.18 shows for no limit */
#define V1_NONE "9223372036852678656\n" /* 2^63 - 1 in whole 2 MiB pages */
#define SIZE_2M (UINT64_C(2) << 20)
#define SIZE_1G (UINT64_C(1) << 30)

static char mount_path[] = CG;
static const uint64_t both_sizes[] = { SIZE_2M, SIZE_1G };

static void cgroup_size_names_are_the_kernels(void **state)
{
	static const struct {
		const char *name;
		uint64_t bytes;
	} good[] = {
		{ "64KB", 64 << 10 },
		{ "2MB", 2 << 20 },
		{ "32MB", 32 << 20 },
		{ "512MB", 512 << 20 },
		{ "1GB", SIZE_1G },
		{ "16GB", UINT64_C(16) << 30 },
		{ "8589934592GB", UINT64_C(1) << 63 },
	};
	static const char *const bad[] = {
		"",     "MB",    "0MB",           "3MB",
		"2mb",  "2M",    "02MB",          "+2MB",
		"2 MB", "2MBx",  "1024KB",        "1024MB",
		"-1GB", "0.5GB", "17179869184GB", "18446744073709551616KB",
	};
	char text[WEIR_CGROUP_SIZE_NAME_MAX];
	uint64_t n;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(good); i++) {
		expect_int_eq(weir_cgroup_size_parse(weir_strz(good[i].name), &n), 0);
		expect_u64_eq(n, good[i].bytes);
		expect_str(weir_cgroup_size_name(n, text, sizeof(text)), good[i].name);
	}
	for (size_t i = 0; i < WEIR_NELEM(bad); i++)
		if (weir_cgroup_size_parse(weir_strz(bad[i]), &n) != -EBADMSG)
			fail_msg("'%s' is a size", bad[i]);
}

static void cgroup_limits_are_numbers_or_none(void **state)
{
	static const struct {
		const char *text;
		uint64_t page, want;
		int result;
	} cases[] = {
		{ "max\n", SIZE_2M, WEIR_CGROUP_UNLIMITED, 0 },
		{ "max", SIZE_2M, WEIR_CGROUP_UNLIMITED, 0 },
		{ "0\n", SIZE_2M, 0, 0 },
		{ "4194304\n", SIZE_2M, 4194304, 0 },
		{ V2_NONE, SIZE_2M, WEIR_CGROUP_UNLIMITED, 0 },
		{ V2_NONE, SIZE_1G, WEIR_CGROUP_UNLIMITED, 0 },
		{ V1_NONE, SIZE_2M, WEIR_CGROUP_UNLIMITED, 0 },
		{ "9223372036852678655\n", SIZE_2M, UINT64_C(9223372036852678655), 0 },
		{ "9223372035781033984\n", SIZE_1G, WEIR_CGROUP_UNLIMITED, 0 },
		{ "18446744073709551615\n", SIZE_2M, WEIR_CGROUP_UNLIMITED, 0 },
		{ "18446744073709551616\n", SIZE_2M, 0, WEIR_GARBLED },
		{ "", SIZE_2M, 0, WEIR_GARBLED },
		{ "\n", SIZE_2M, 0, WEIR_GARBLED },
		{ "max\n\n", SIZE_2M, 0, WEIR_GARBLED },
		{ "maximum\n", SIZE_2M, 0, WEIR_GARBLED },
		{ "-1\n", SIZE_2M, 0, WEIR_GARBLED },
		{ " 1\n", SIZE_2M, 0, WEIR_GARBLED },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_count n = { 0 };

		expect_int_eq(weir_cgroup_limit_parse(weir_strz(cases[i].text),
		                                      cases[i].page, &n),
		              cases[i].result);
		if (cases[i].result)
			expect_unknown(n);
		else
			expect_count(n, cases[i].want);
	}
}

static void cgroup_events_are_the_max_line(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t want;
	} cases[] = {
		{ "max 3\n", 0, 3 },
		{ "low 1\nmax 0", 0, 0 },
		{ "max 1\nmax 2\n", 0, 1 },
		{ "max\n", WEIR_GARBLED, 0 },
		{ "max x\n", WEIR_GARBLED, 0 },
		{ "max 18446744073709551615\n", WEIR_GARBLED, 0 },
		{ "maxx 1\n", WEIR_GARBLED, 0 },
		{ "3\n", WEIR_GARBLED, 0 },
		{ "", WEIR_GARBLED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_count n = { 0 };

		expect_int_eq(weir_cgroup_events_parse(weir_strz(cases[i].text), &n),
		              cases[i].result);
		expect_u64_eq(n.n, cases[i].want);
	}
}

static void misc_counts_key_slots(void **state)
{
	static const char odd[] =
		"sev 5\0\nsev_es 99999999999999999999\ntdx 4\nsev_esx 1\n"
		"tdx\nsgx_epc 1 2\n\xff 1";
	struct weir_misc misc;
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_misc_parse(weir_strz("sev 410\nsev_es 99\ntdx 5\nnew 1\n"),
	                              &misc, &err),
	              0);
	expect_count(misc.sev, 410);
	expect_count(misc.sev_es, 99);
	expect_count(misc.tdx, 5);
	expect_int_eq(weir_misc_parse(weir_str(odd, sizeof(odd) - 1), &misc, &err),
	              WEIR_GARBLED);
	expect_unknown(misc.sev);
	expect_unknown(misc.sev_es);
	expect_count(misc.tdx, 4);
	expect_int_eq(weir_misc_parse(weir_strz(""), &misc, &err), 0);
	expect_unknown(misc.tdx);
}

static unsigned int reads_of(const struct fake_host *fake, const char *path)
{
	for (size_t i = 0; i < fake->nr_files; i++)
		if (strcmp(fake->files[i].path, path) == 0)
			return fake->files[i].nr_reads;
	fail_msg("no file %s", path);
	return 0;
}

#define V2_FILES(group, current, max, rsvd, rsvd_max, events)   \
	{ CG group "/hugetlb.2MB.current", current },           \
		{ CG group "/hugetlb.2MB.events", events },     \
		{ CG group "/hugetlb.2MB.max", max },           \
		{ CG group "/hugetlb.2MB.rsvd.current", rsvd }, \
	{                                                       \
		CG group "/hugetlb.2MB.rsvd.max", rsvd_max      \
	}

static void cgroups_v2_tree_keeps_what_matters(void **state)
{
	struct fake_file files[] = {
		{ CG "/cgroup.controllers", "cpuset cpu hugetlb misc\n" },
		{ CG "/misc.capacity", "sev 410\nsev_es 99\n" },
		V2_FILES("/idle", "0\n", V2_NONE, "0\n", "max\n", "max 0\n"),
		V2_FILES("/idle/limited", "7\n", "0\n", "7\n", "max\n", "max 7\n"),
		V2_FILES("/refused", "0\n", "max\n", "0\n", "max\n", "max 2\n"),
		V2_FILES("/refused/child", "0\n", "max\n", "0\n", "max\n", "max 2\n"),
		V2_FILES("/vm.slice", "4194304\n", "max\n", "0\n", "8388608\n",
		         "max 0\n"),
		V2_FILES("/vm.slice/a", "4194304\n", "max\n", "0\n", "max\n", "max 0\n"),
		{ CG "/vm.slice/a/hugetlb.1GB.current", "1073741824\n" },
		{ CG "/no.controller/cgroup.procs", "" },
		{ CG "/no.controller/x/hugetlb.2MB.current", "2097152\n" },
	};
	struct weir_mounts mounts = { .known = true, .cgroup2 = mount_path };
	struct fake_host fake;
	struct weir_cgroups c;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cgroups_read(&fake.reader, &mounts, both_sizes, 2, &c);
	expect_int_eq(fake.reader.failed, 0);
	assert_true(c.known);
	expect_u64_eq(c.version, 2);
	expect_u64_eq(c.nr, 5);
	expect_u64_eq(c.nr_seen, 8);
	expect_str(c.v[0].path, "/idle/limited");
	expect_u64_eq(c.v[0].nr, 2);
	expect_u64_eq(c.v[0].v[0].page_bytes, SIZE_2M);
	expect_count(c.v[0].v[0].limit, 0);
	expect_count(c.v[0].v[0].usage, 0); /* as above it */
	expect_count(c.v[0].v[0].failures, 0);
	expect_u64_eq(reads_of(&fake, CG "/idle/limited/hugetlb.2MB.current"), 0);
	expect_u64_eq(reads_of(&fake, CG "/idle/limited/hugetlb.2MB.events"), 0);
	expect_str(c.v[1].path, "/refused");
	expect_count(c.v[1].v[0].failures, 2);
	expect_count(c.v[1].v[0].limit, WEIR_CGROUP_UNLIMITED);
	expect_str(c.v[2].path, "/refused/child");
	expect_str(c.v[3].path, "/vm.slice");
	expect_count(c.v[3].v[0].usage, 4194304);
	expect_count(c.v[3].v[0].reserved_limit, 8388608);
	expect_unknown(c.v[3].v[1].usage);
	expect_str(c.v[4].path, "/vm.slice/a");
	expect_count(c.v[4].v[1].usage, SIZE_1G);
	expect_unknown(c.v[4].v[1].limit);
	expect_u64_eq(reads_of(&fake, CG "/no.controller/x/hugetlb.2MB.current"), 0);
	expect_count(c.misc_capacity.sev, 410);
	expect_unknown(c.misc_usage.sev);
	(void)fake_expect_gap(&fake, WEIR_GAP_ABSENT, CG "/misc.current");
	expect_u64_eq(fake.gaps.nr, 1); /* files that groups lack are none */
	weir_cgroups_done(&c);
	fake_close(&fake);
}

static void cgroups_v1_tree_has_its_own_names(void **state)
{
	struct fake_file files[] = {
		{ CG "/hugetlb.2MB.usage_in_bytes", "2097152\n" },
		{ CG "/hugetlb.2MB.limit_in_bytes", V1_NONE },
		{ CG "/hugetlb.2MB.failcnt", "5\n" },
		{ CG "/a/hugetlb.2MB.usage_in_bytes", "2097152\n" },
		{ CG "/a/hugetlb.2MB.limit_in_bytes", "2097152\n" },
		{ CG "/a/hugetlb.2MB.failcnt", "3\n" },
		{ CG "/a/hugetlb.2MB.rsvd.usage_in_bytes", "0\n" },
		{ CG "/a/hugetlb.2MB.rsvd.limit_in_bytes", "4194304\n" },
		{ CG "/a/hugetlb.2MB.rsvd.failcnt", "1\n" },
	};
	struct weir_mounts mounts = { .known = true, .cgroup1_hugetlb = mount_path };
	struct fake_host fake;
	struct weir_cgroups c;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cgroups_read(&fake.reader, &mounts, both_sizes, 1, &c);
	expect_u64_eq(c.version, 1);
	expect_u64_eq(c.nr, 2);
	expect_str(c.v[0].path, "/");
	expect_count(c.v[0].v[0].usage, 2097152);
	expect_count(c.v[0].v[0].limit, WEIR_CGROUP_UNLIMITED);
	expect_unknown(c.v[0].v[0].failures); /* of a limit that is no more */
	expect_unknown(c.v[0].v[0].reserved);
	expect_str(c.v[1].path, "/a");
	expect_count(c.v[1].v[0].failures, 3);
	expect_count(c.v[1].v[0].reserved_failures, 1);
	expect_count(c.v[1].v[0].reserved_limit, 4194304);
	expect_u64_eq(fake.gaps.nr, 0);
	weir_cgroups_done(&c);
	fake_close(&fake);
}

static void cgroups_without_the_controller_are_not_walked(void **state)
{
	struct fake_file files[] = {
		{ CG "/cgroup.controllers", "cpu hugetlbx xhugetlb memory\n" },
		{ CG "/a/hugetlb.2MB.current", "2097152\n" },
	};
	struct weir_mounts mounts = { .known = true, .cgroup2 = mount_path };
	struct weir_mounts none = { 0 };
	struct fake_host fake;
	struct weir_cgroups c;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cgroups_read(&fake.reader, &mounts, both_sizes, 2, &c);
	assert_false(c.known);
	expect_u64_eq(c.nr_seen, 0);
	weir_cgroups_read(&fake.reader, &none, both_sizes, 2, &c);
	assert_false(c.known);
	expect_u64_eq(fake.gaps.nr, 0);
	fake_close(&fake);
}

static void cgroups_mounted_but_not_captured_are_unknown(void **state)
{
	struct fake_file files[] = { { "/x", "" } };
	struct weir_mounts mounts = { .known = true, .cgroup1_hugetlb = mount_path };
	struct fake_host fake;
	struct weir_cgroups c;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cgroups_read(&fake.reader, &mounts, both_sizes, 2, &c);
	assert_false(c.known);
	expect_u64_eq(c.version, 0);
	(void)fake_expect_gap(&fake, WEIR_GAP_ABSENT, CG);
	fake_close(&fake);
}

static void cgroups_failures_are_one_gap_a_kind(void **state)
{
	struct fake_file files[] = {
		{ CG "/cgroup.controllers", "hugetlb" },
		{ CG "/a/hugetlb.2MB.current", .error = -EACCES },
		{ CG "/a/hugetlb.2MB.max", "many\n" },
		{ CG "/b/hugetlb.2MB.current", .error = -EACCES },
		{ CG "/b/hugetlb.2MB.max", "2097152\n" },
		{ CG "/b/hugetlb.2MB.rsvd.max", "\0\n", .size = 2 },
		{ CG "/c", .error = -EACCES },
		{ CG "/c/hugetlb.2MB.max", "2097152\n" },
		{ CG "/gone/hugetlb.2MB.current", .error = -ENODEV },
		{ CG "/io/hugetlb.2MB.current", .error = -EIO },
	};
	struct weir_mounts mounts = { .known = true, .cgroup2 = mount_path };
	struct fake_host fake;
	struct weir_cgroups c;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cgroups_read(&fake.reader, &mounts, both_sizes, 2, &c);
	assert_true(c.known);
	expect_u64_eq(c.nr, 1);
	expect_str(c.v[0].path, "/b");
	expect_unknown(c.v[0].v[0].usage);
	expect_unknown(c.v[0].v[0].reserved_limit);
	expect_u64_eq(fake.gaps.nr, 3);
	(void)fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN, CG "/a/hugetlb.2MB.current");
	(void)fake_expect_gap(&fake, WEIR_GAP_MALFORMED, CG "/a/hugetlb.2MB.max");
	(void)fake_expect_gap(&fake, WEIR_GAP_FAILED, CG "/io/hugetlb.2MB.current");
	weir_cgroups_done(&c);
	fake_close(&fake);
}

/* A tree without an end: each group has two children, or one, and so on downwards. */
static int endless_list(void *ctx, const char *path, struct weir_names *out)
{
	const unsigned int *width = ctx;
	int r = weir_names_add(out, weir_strz("hugetlb.2MB.max"), false);

	(void)path;
	for (unsigned int i = 0; r == 0 && i < *width; i++)
		r = weir_names_add(out, weir_strz(i ? "b" : "a"), true);
	return r;
}

static int endless_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	(void)ctx;
	(void)path;
	(void)max;
	return weir_buf_addz(out, "2097152\n");
}

static void cgroups_endless_trees_end_at_the_limits(void **state)
{
	static const struct {
		unsigned int width;
		size_t seen;
	} cases[] = {
		{ 1, WEIR_CGROUP_DEPTH_MAX + 1 },
		{ 2, WEIR_CGROUPS_MAX },
	};
	static const struct weir_host_ops ops = { .read = endless_read,
		                                  .list = endless_list };
	struct weir_mounts mounts = { .known = true, .cgroup1_hugetlb = mount_path };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		unsigned int width = cases[i].width;
		struct weir_host host = { &ops, &width };
		struct fake_host fake = { .reader = { .host = &host,
			                              .gaps = &fake.gaps } };
		struct weir_cgroups c;
		struct weir_mounts v2 = { .known = true, .cgroup2 = mount_path };

		weir_cgroups_read(&fake.reader, &mounts, both_sizes, 1, &c);
		expect_int_eq(fake.reader.failed, 0);
		expect_u64_eq(c.nr_seen, cases[i].seen);
		expect_u64_eq(fake.gaps.nr, 1);
		expect_int_eq(fake.gaps.v[0].kind, WEIR_GAP_TOO_LARGE);
		weir_cgroups_done(&c);
		weir_cgroups_read(&fake.reader, &v2, both_sizes, 1, &c);
		assert_false(c.known);
		fake_close(&fake);
	}
}

static int read_faulty(void *ctx)
{
	struct fake_file files[] = {
		{ CG "/cgroup.controllers", "hugetlb misc\n" },
		{ CG "/misc.capacity", "sev x\n" },
		V2_FILES("/a", "2097152\n", "max\n", "0\n", "max\n", "max 1\n"),
		V2_FILES("/a/b", "2097152\n", "?\n", "0\n", "max\n", "max 1\n"),
		{ CG "/c/hugetlb.2MB.current", .error = -EACCES },
	};
	struct weir_mounts mounts = { .known = true, .cgroup2 = mount_path };
	struct fake_host fake;
	struct weir_cgroups c;
	int r;

	(void)ctx;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cgroups_read(&fake.reader, &mounts, both_sizes, 1, &c);
	r = fake.reader.failed;
	weir_cgroups_done(&c);
	fake_close(&fake);
	return r;
}

static void cgroups_survive_every_failed_allocation(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_faulty, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cgroup_size_names_are_the_kernels),
		cmocka_unit_test(cgroup_limits_are_numbers_or_none),
		cmocka_unit_test(cgroup_events_are_the_max_line),
		cmocka_unit_test(misc_counts_key_slots),
		cmocka_unit_test(cgroups_v2_tree_keeps_what_matters),
		cmocka_unit_test(cgroups_v1_tree_has_its_own_names),
		cmocka_unit_test(cgroups_without_the_controller_are_not_walked),
		cmocka_unit_test(cgroups_mounted_but_not_captured_are_unknown),
		cmocka_unit_test(cgroups_failures_are_one_gap_a_kind),
		cmocka_unit_test(cgroups_endless_trees_end_at_the_limits),
		cmocka_unit_test(cgroups_survive_every_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
