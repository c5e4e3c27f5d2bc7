/* huge_files: what stat says, directories of mounts, mount namespaces. */
#include "facts/huge_files.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define STAT(type, size, blocks, ino)                                              \
	"type " type "\nmode 0600\nuid 107\ngid 36\nsize " size "\nblocks " blocks \
	"\ndev 0:39\nino " ino "\nnlink 1\nmtime 1795286893\n"

static void stat_text_is_a_file(void **state)
{
	struct weir_file_stat st;

	(void)state;
	expect_int_eq(weir_file_stat_parse(
			      weir_strz(STAT("file", "4194304", "4096", "42")), &st),
	              0);
	assert_true(st.is_file && !st.is_dir);
	expect_u64_eq(st.mode, 0600);
	expect_u64_eq(st.uid, 107);
	expect_u64_eq(st.gid, 36);
	expect_u64_eq(st.size_bytes, 4 << 20);
	expect_u64_eq(st.allocated_bytes, 2 << 20);
	expect_u64_eq(st.device, 39);
	expect_u64_eq(st.inode, 42);
	expect_u64_eq(st.nr_links, 1);
	expect_u64_eq(st.changed_at, 1795286893);
}

static void stat_odd_texts_are_refused(void **state)
{
	static const char *const odd[] = {
		"",
		"type file\n",
		STAT("file", "-1", "0", "42"),
		STAT("file", "0", "x", "42"),
		STAT("file", "0", "0", ""),
		STAT("file", "0", "18446744073709551615", "42"),
		"uid 0\ngid 0\nsize 0\nblocks 0\ndev 39\nino 1\nnlink 1\n",
		"uid 0\ngid 0\nsize 0\nblocks 0\ndev 0:4294967296\nino 1\nnlink 1\n",
	};
	struct weir_file_stat st;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(odd); i++)
		if (weir_file_stat_parse(weir_strz(odd[i]), &st) != WEIR_GARBLED)
			fail_msg("'%s' is taken", odd[i]);
	/* a time before 1970 is none */
	expect_int_eq(
		weir_file_stat_parse(weir_strz("uid 0\ngid 0\nsize 0\nblocks 0\ndev "
	                                       "0:1\nino 1\nnlink 1\nmtime -5\n"),
	                             &st),
		0);
	expect_u64_eq(st.changed_at, 0);
}

static void files_are_once_each(void **state)
{
	struct weir_huge_files files = { 0 };
	size_t at;

	(void)state;
	for (uint64_t i = 0; i < 1000; i++) {
		expect_int_eq(weir_huge_files_get(&files, i % 7, i, &at), 0);
		expect_u64_eq(at, i);
	}
	for (uint64_t i = 0; i < 1000; i++) {
		expect_int_eq(weir_huge_files_get(&files, i % 7, i, &at), 0);
		expect_u64_eq(at, i);
	}
	expect_int_eq(weir_huge_file_name(&files.v[0], weir_strz("/a\\012b"), false), 0);
	expect_int_eq(weir_huge_file_name(&files.v[0], weir_strz("/other"), false), 0);
	expect_str(files.v[0].path, "/a\\012b");
	expect_int_eq(weir_huge_file_name(&files.v[0], weir_strz("/a\nb"), true), 0);
	expect_int_eq(weir_huge_file_name(&files.v[0], weir_strz("/c"), true), 0);
	expect_str(files.v[0].path, "/a\nb");
	weir_huge_files_done(&files);
}

/* Two mounts here, one of them a second view; and another namespace, in which one of them
 * is the same and one is of its own. */
#define OWN   "50 1 0:39 / /huge rw - hugetlbfs none rw,pagesize=2M\n"
#define AGAIN "51 1 0:39 / /again rw - hugetlbfs none rw,pagesize=2M\n"
#define OTHER "60 1 0:40 / /huge rw - hugetlbfs none rw,pagesize=2M\n"

static struct fake_file host_files[] = {
	{ "/@/link/proc/self/ns/mnt", "mnt:[1]" },
	{ "/@/link/proc/7/ns/mnt", "mnt:[1]" },
	{ "/@/link/proc/8/ns/mnt", "mnt:[2]" },
	{ "/@/link/proc/9/ns/mnt", "mnt:[2]" },
	{ "/@/link/proc/10/ns/mnt", .error = -EACCES },
	{ "/@/link/proc/11/ns/mnt", "pid:[3]" },
	{ "/proc/8/mountinfo", OWN OTHER },
	{ "/huge/a", "" },
	{ "/@/stat/huge/a/@", STAT("file", "4194304", "4096", "42") },
	{ "/@/stat/huge/@/@", STAT("file", "2097152", "4096", "43") },
	{ "/@/stat/huge/@", STAT("directory", "0", "0", "1") },
	{ "/@/stat/huge/deep/@", STAT("directory", "0", "0", "2") },
	{ "/@/stat/huge/deep/b\nc/@", STAT("file", "2097152", "0", "44") },
	{ "/@/stat/huge/socket/@", STAT("socket", "0", "0", "45") },
	{ "/huge/closed/x", "" },
	{ "/huge/closed", .error = -EACCES },
	{ "/@/stat/huge/closed/@", STAT("directory", "0", "0", "3") },
	{ "/huge/gone", "" },
	{ "/again/a", "" },
	{ "/@/stat/again/a/@", STAT("file", "4194304", "4096", "42") },
	{ "/@/stat/proc/8/root/huge/theirs/@",
	  "type file\nuid 0\ngid 0\nsize 2097152\nblocks 4096\ndev 0:40\nino 42\nnlink "
	  "1\n" },
};

static int read_files(struct fake_host *fake, struct weir_everywhere *all,
                      struct weir_huge_files *files)
{
	static const char *const pids[] = { "10", "11", "7", "8", "9", "sys" };
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	struct weir_everywhere_ask ask = { .host = &fake->host,
		                           .details = &fake->host,
		                           .default_page = WEIR_COUNT(2 << 20),
		                           .pids = &names };
	struct weir_mounts own;
	struct weir_err err;
	int r = weir_mounts_parse(weir_strz(OWN AGAIN), WEIR_COUNT(2 << 20), &own, &err);

	*files = (struct weir_huge_files){ 0 };
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(pids); i++)
		r = weir_names_add(&names, weir_strz(pids[i]), true);
	if (r == 0)
		r = weir_everywhere_read(&ask, &own, all);
	weir_mounts_done(&own);
	if (r < 0)
		return r;
	r = weir_huge_files_walk(&fake->host, all, files);
	if (r < 0) {
		weir_everywhere_done(all);
		weir_huge_files_done(files);
	}
	return r;
}

static void files_of_all_namespaces_are_found(void **state)
{
	struct weir_everywhere all;
	struct weir_huge_files files;
	struct fake_host fake;

	(void)state;
	fake_open(&fake, host_files, WEIR_NELEM(host_files));
	expect_int_eq(read_files(&fake, &all, &files), 0);
	expect_u64_eq(all.nr_namespaces, 2);
	expect_u64_eq(all.nr_refused, 1);
	expect_u64_eq(all.mounts.nr, 4);
	expect_u64_eq(all.pids[1], 0);
	expect_u64_eq(all.pids[3], 8);
	expect_u64_eq(files.nr, 4);
	expect_u64_eq(files.nr_dirs_refused, 1);
	expect_str(files.v[0].path, "/huge/@");
	expect_str(files.v[1].path, "/huge/a");
	expect_str(files.v[2].path, "/huge/deep/b\nc");
	expect_str(files.v[3].path, "/huge/theirs");
	expect_u64_eq(files.v[3].seen_by, 8);
	expect_u64_eq(files.v[3].device, 40);
	expect_u64_eq(files.v[3].page_bytes, 2 << 20);
	assert_true(files.v[3].in_directory && files.v[3].known);
	weir_everywhere_done(&all);
	weir_huge_files_done(&files);
	fake_close(&fake);
}

static int read_once(void *ctx)
{
	struct weir_everywhere all;
	struct weir_huge_files files;
	struct fake_host fake;
	int r;

	(void)ctx;
	fake_open(&fake, host_files, WEIR_NELEM(host_files));
	r = read_files(&fake, &all, &files);
	if (r == 0) {
		weir_everywhere_done(&all);
		weir_huge_files_done(&files);
	}
	fake_close(&fake);
	return r;
}

static void files_without_memory_fail_and_leak_nothing(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_once, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_text_is_a_file),
		cmocka_unit_test(stat_odd_texts_are_refused),
		cmocka_unit_test(files_are_once_each),
		cmocka_unit_test(files_of_all_namespaces_are_found),
		cmocka_unit_test(files_without_memory_fail_and_leak_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
