/* host_archive: captures in archives from someone else, most of them bad ones. */
#include "host/archive.h"

#include "fault.h"
#include "tar.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

enum { ROOM = 1 << 20 };

#ifndef WEIR_HAVE_ARCHIVE
#define WEIR_HAVE_ARCHIVE 0
#endif

static void reads(const struct weir_host *host, const char *path, int result,
                  const char *want)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_read(host, path, ROOM, &text);

	if (r != result)
		fail_msg("%s is %d, not %d", path, r, result);
	expect_text(weir_buf_str(&text), want);
}

/* Opens it, or checks that it is refused with these words. */
static struct weir_host *opens(const struct weir_buf *bytes, int result,
                               const char *words)
{
	struct weir_host *host = NULL;
	struct weir_err err = { 0 };
	int r = weir_archive_new_bytes(weir_buf_str(bytes), &host, &err);

	if (r != result)
		fail_msg("opening is %d (%s), not %d (%s)", r, err.msg, result, words);
	if (result < 0 && !strstr(err.msg, words))
		fail_msg("the words are '%s', without '%s'", err.msg, words);
	return host;
}

static void add(struct weir_buf *tar, const char *name, const char *text)
{
	struct tar_member m = { .name = name, .type = '0', .text = weir_strz(text) };

	tar_add(tar, &m);
}

static void archive_names_are_taken_in_the_usual_forms(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf tar = { 0 };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_names_done) struct weir_names names = { 0 };

	(void)state;
	tar_add(&tar, &(struct tar_member){ .name = "./", .type = '5' });
	tar_add(&tar, &(struct tar_member){ .name = "./empty/", .type = '5' });
	add(&tar, "./proc/meminfo", "a\n");
	add(&tar, "proc/vmstat", "b\n");
	add(&tar, "././x", "");
	tar_end(&tar);
	host = opens(&tar, 0, "");
	reads(host, "/proc/meminfo", 0, "a\n");
	reads(host, "/proc/vmstat", 0, "b\n");
	reads(host, "/x", 0, "");
	reads(host, "/empty", -EISDIR, "");
	reads(host, "/proc", -ENOENT, ""); /* implied: lists, but is no member */
	reads(host, "/proc/", -ENOENT, "");
	reads(host, "proc/meminfo", -ENOENT, "");
	expect_int_eq(weir_host_list(host, "/", &names), 0);
	expect_u64_eq(names.nr, 3);
	expect_str(names.v[0].name, "empty");
	expect_str(names.v[1].name, "proc");
	assert_true(names.v[1].is_dir);
	expect_str(names.v[2].name, "x");
	assert_false(names.v[2].is_dir);
	expect_int_eq(weir_host_write(host, "/x", weir_strz("1")), -EROFS);
	expect_u64_eq(weir_host_now_ns(host), 0);
}

static void archive_names_that_lead_out_are_refused(void **state)
{
	static const char *const names[] = {
		"/etc/passwd", "//x",     "..",       "../x", "proc/../../x", "proc/..",
		"./../x",      "proc//x", "proc/./x", ".//x", "proc/.",
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(names); i++) {
		weir_auto(weir_buf_done) struct weir_buf tar = { 0 };

		add(&tar, "proc/meminfo", "fine\n");
		add(&tar, names[i], "evil\n");
		tar_end(&tar);
		assert_null(opens(&tar, -EBADMSG, "points out of the tree"));
	}
}

static void archive_links_and_devices_are_failures_of_their_paths(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf tar = { 0 };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	static const struct {
		struct tar_member member;
		const char *path;
		int result;
	} cases[] = {
		{ { .name = "a", .type = '2', .link = "/etc/passwd" }, "/a", -ELOOP },
		{ { .name = "b", .type = '2', .link = "file" }, "/b", -ELOOP },
		{ { .name = "c", .type = '2', .link = "../../x" }, "/c", -ELOOP },
		{ { .name = "d", .type = '1', .link = "file" }, "/d", -ELOOP },
		{ { .name = "e", .type = '1', .link = "/etc/passwd" }, "/e", -ELOOP },
		{ { .name = "f", .type = '3' }, "/f", -ENXIO },
		{ { .name = "g", .type = '4' }, "/g", -ENXIO },
		{ { .name = "h", .type = '6' }, "/h", -ENXIO },
	};

	(void)state;
	add(&tar, "file", "text\n");
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		tar_add(&tar, &cases[i].member);
	tar_end(&tar);
	host = opens(&tar, 0, "");
	reads(host, "/file", 0, "text\n");
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		reads(host, cases[i].path, cases[i].result, "");
}

static void archive_later_one_of_a_path_counts(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf tar = { 0 };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;

	(void)state;
	add(&tar, "a", "first\n");
	add(&tar, "b", "b\n");
	add(&tar, "./a", "second\n");
	tar_end(&tar);
	host = opens(&tar, 0, "");
	reads(host, "/a", 0, "second\n");
	reads(host, "/b", 0, "b\n");
}

static void archive_huge_sizes_are_refused_before_they_are_read(void **state)
{
	static const struct {
		const char *size;
		const char *words;
	} cases[] = {
		{ "120000000000", "says it holds 10737418240 bytes" }, /* 10 GiB */
		{ "000400000001", "at most 64 MiB" }, /* one past the limit */
		{ "777777777777", "at most 64 MiB" },
		{ "\x80\0\0\0\0\0\0\2\x80\0\0\0", "says it holds 10737418240 bytes" },
		{ "\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", "" },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "" }, /* -1 */
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_buf_done) struct weir_buf tar = { 0 };
		struct weir_host *host = NULL;
		struct weir_err err = { 0 };
		struct tar_member m = { .name = "big",
			                .type = '0',
			                .size_text = cases[i].size };

		tar_add(&tar, &m);
		tar_end(&tar);
		expect_int_eq(weir_archive_new_bytes(weir_buf_str(&tar), &host, &err) < 0,
		              1);
		assert_null(host);
		if (!strstr(err.msg, cases[i].words))
			fail_msg("'%s' without '%s'", err.msg, cases[i].words);
	}
}

static void archive_size_at_the_limit_is_taken(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf tar = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	char *big = calloc(1, WEIR_MEMBER_MAX);

	(void)state;
	assert_non_null(big);
	tar_add(&tar, &(struct tar_member){ .name = "big",
	                                    .type = '0',
	                                    .text = weir_str(big, WEIR_MEMBER_MAX) });
	free(big);
	tar_end(&tar);
	host = opens(&tar, 0, "");
	expect_int_eq(weir_host_read(host, "/big", WEIR_MEMBER_MAX, &text), 0);
	expect_u64_eq(text.n, WEIR_MEMBER_MAX);
	expect_int_eq(weir_host_read(host, "/big", WEIR_MEMBER_MAX - 1, &text), -EFBIG);
	expect_u64_eq(text.n, WEIR_MEMBER_MAX - 1);
}

/* A few hundred bytes of GNU tar can stand for a sparse file of any size. */
static void archive_sparse_file_is_not_unfolded(void **state)
{
	static const char pax[] = "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
				  "26 GNU.sparse.name=folded\n"
				  "35 GNU.sparse.realsize=10737418240\n";
	weir_auto(weir_buf_done) struct weir_buf tar = { 0 };
	char map[TAR_BLOCK] = "1\n0\n0\n";

	(void)state;
	tar_add(&tar,
	        &(struct tar_member){ .name = "x", .type = 'x', .text = weir_strz(pax) });
	tar_add(&tar, &(struct tar_member){ .name = "GNUSparseFile.0/folded",
	                                    .type = '0',
	                                    .text = weir_str(map, sizeof(map)) });
	tar_end(&tar);
	assert_null(opens(&tar, -EFBIG, "says it holds 10737418240 bytes"));
}

/* The bytes of a small capture as weir writes it. */
static int write_capture(enum weir_archive_kind kind, struct weir_buf *out)
{
	weir_auto(weir_members_done) struct weir_members files = { 0 };
	weir_auto(weir_closep) int fd = memfd_create("capture", MFD_CLOEXEC);
	struct weir_str manifest = weir_strz(
				"weir-capture 1\ntime_ns 1700000000000000000\n"
				"error EACCES /proc/forbidden\n"
				"error EFBIG /proc/long\n"),
			text = weir_strz("text\n"), none = weir_strz(""),
			nuls = weir_str("a\0b\0", 4);
	struct weir_err err = { 0 };
	struct stat st;
	int r = 0;

	assert_true(fd >= 0);
	r = weir_members_add(&files, "/@/capture", &manifest);
	if (r == 0)
		r = weir_members_add(&files, "/proc/meminfo", &text);
	if (r == 0)
		r = weir_members_add(&files, "/proc/long", &text);
	if (r == 0)
		r = weir_members_add(&files, "/proc/cmdline", &nuls);
	if (r == 0)
		r = weir_members_add(&files, "/sys/empty", &none);
	if (r == 0)
		r = weir_members_add(&files, "/sys/dir", NULL);
	if (r == 0)
		r = weir_members_add(&files, "/sys/na me\n\xc3\xa9\xff", &text);
	if (r < 0)
		return r;
	weir_members_sort(&files);
	r = weir_archive_write(&files, UINT64_C(1700000000000000000), kind, fd, &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(fstat(fd, &st), 0);
	out->n = 0;
	expect_int_eq(weir_buf_reserve(out, (size_t)st.st_size), 0);
	expect_int_eq(pread(fd, out->p, (size_t)st.st_size, 0), st.st_size);
	out->n = (size_t)st.st_size;
	return 0;
}

static const enum weir_archive_kind kinds[] = { WEIR_ARCHIVE_TAR, WEIR_ARCHIVE_ZSTD,
	                                        WEIR_ARCHIVE_GZIP };

static void archive_written_is_read_back(void **state)
{
	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(kinds); i++) {
		weir_auto(weir_buf_done) struct weir_buf bytes = { 0 };
		weir_auto(weir_buf_done) struct weir_buf text = { 0 };
		weir_auto(weir_names_done) struct weir_names names = { 0 };
		weir_auto(weir_host_freep) struct weir_host *host = NULL;

		expect_int_eq(write_capture(kinds[i], &bytes), 0);
		host = opens(&bytes, 0, "");
		expect_u64_eq(weir_host_now_ns(host), UINT64_C(1700000000000000000));
		reads(host, "/proc/meminfo", 0, "text\n");
		reads(host, "/proc/long", -EFBIG, "text\n");
		reads(host, "/proc/forbidden", -EACCES, "");
		reads(host, "/proc/none", -ENOENT, "");
		reads(host, "/sys/empty", 0, "");
		reads(host, "/sys/na me\n\xc3\xa9\xff", 0, "text\n");
		expect_int_eq(weir_host_read(host, "/proc/cmdline", ROOM, &text), 0);
		expect_u64_eq(text.n, 4);
		assert_memory_equal(text.p, "a\0b\0", 4);
		expect_int_eq(weir_host_list(host, "/sys/dir", &names), 0);
		expect_u64_eq(names.nr, 0);
		expect_int_eq(weir_host_list(host, "/sys", &names), 0);
		expect_u64_eq(names.nr, 3);
	}
}

static void archive_written_twice_is_the_same_bytes(void **state)
{
	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(kinds); i++) {
		weir_auto(weir_buf_done) struct weir_buf one = { 0 };
		weir_auto(weir_buf_done) struct weir_buf two = { 0 };

		expect_int_eq(write_capture(kinds[i], &one), 0);
		expect_int_eq(write_capture(kinds[i], &two), 0);
		expect_u64_eq(one.n, two.n);
		assert_memory_equal(one.p, two.p, one.n);
		if (kinds[i] == WEIR_ARCHIVE_GZIP) /* its header has no time of writing */
			assert_memory_equal(one.p + 4, "\0\0\0\0", 4);
	}
}

/* Cut at every @step bytes. All but the last block of zeros is needed. */
static void cut(enum weir_archive_kind kind, size_t step, size_t spare)
{
	weir_auto(weir_buf_done) struct weir_buf bytes = { 0 };

	expect_int_eq(write_capture(kind, &bytes), 0);
	for (size_t n = 0; n < bytes.n; n += step) {
		weir_auto(weir_freep) char *part = malloc(n + 1); /* ASan sees its end */
		weir_auto(weir_host_freep) struct weir_host *host = NULL;
		struct weir_err err = { 0 };
		int r;

		assert_non_null(part);
		memcpy(part, bytes.p, n);
		r = weir_archive_new_bytes(weir_str(part, n), &host, &err);
		if (n + spare >= bytes.n)
			continue; /* whole enough, or not: both are right */
		if (r != -EBADMSG)
			fail_msg("cut after %zu of %zu bytes is %d", n, bytes.n, r);
		assert_true(err.msg[0]);
	}
}

static void archive_cut_off_anywhere_is_refused(void **state)
{
	(void)state;
	cut(WEIR_ARCHIVE_TAR, TAR_BLOCK, TAR_BLOCK);
	cut(WEIR_ARCHIVE_TAR, 97, TAR_BLOCK);
	cut(WEIR_ARCHIVE_ZSTD, 1, 0);
	cut(WEIR_ARCHIVE_GZIP, 1, 8); /* its checksum and length come last */
}

static void archive_other_bytes_are_refused(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} cases[] = {
		{ "", 0 },
		{ "x", 1 },
		{ "PK\3\4\24\0\0\0\0\0", 10 },
		{ "PK\5\6\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 22 }, /* an empty zip */
		{ "7z\xbc\xaf\x27\x1c", 6 },
		{ "\xfd"
		  "7zXZ\0",
		  6 }, /* xz: not asked for */
		{ "\x28\xb5\x2f\xfd", 4 },
		{ "\x1f\x8b\x08\0\0\0\0\0\0\3", 10 },
		{ "#!/bin/sh\n", 10 },
		{ "\x7f"
		  "ELF",
		  4 },
		{ "070701", 6 }, /* cpio */
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_buf_done) struct weir_buf bytes = { 0 };

		expect_int_eq(weir_buf_add(&bytes, weir_str(cases[i].p, cases[i].n)), 0);
		assert_null(opens(&bytes, -EBADMSG, "capture: "));
		/* the same with some room behind, for formats that look further */
		expect_int_eq(weir_buf_printf(&bytes, "%4096s", ""), 0);
		assert_null(opens(&bytes, -EBADMSG, "capture: "));
	}
}

static void archive_damaged_header_is_refused(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf tar = { 0 };

	(void)state;
	add(&tar, "a", "text\n");
	add(&tar, "b", "text\n");
	tar_end(&tar);
	tar.p[2 * TAR_BLOCK] = 'x'; /* the second name: its checksum is wrong now */
	assert_null(opens(&tar, -EBADMSG, "capture: "));
}

static void archive_without_members_is_an_empty_host(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf tar = { 0 };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;

	(void)state;
	tar_end(&tar);
	host = opens(&tar, 0, "");
	reads(host, "/proc/meminfo", -ENOENT, "");
}

static void archive_bad_manifest_is_refused(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf tar = { 0 };

	(void)state;
	add(&tar, "@/capture", "weir-capture 7\n");
	tar_end(&tar);
	assert_null(opens(&tar, -EPROTONOSUPPORT, "capture format 7"));
}

/* What GNU tar and Python write for names that are no ASCII. */
static void archive_pax_names_are_utf8_in_any_locale(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf tar = { 0 };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;

	(void)state;
	tar_add(&tar,
	        &(struct tar_member){ .name = "x",
	                              .type = 'x',
	                              .text = weir_strz("16 path=a/caf\xc3\xa9\n") });
	add(&tar, "a/cafe", "text\n");
	tar_end(&tar);
	host = opens(&tar, 0, "");
	reads(host, "/a/caf\xc3\xa9", 0, "text\n");
}

static void archive_file_is_opened_by_name(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf bytes = { 0 };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	struct weir_host *none = NULL;
	struct weir_err err = { 0 };
	char path[] = "/tmp/weir-test-XXXXXX";
	int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	expect_int_eq(write_capture(WEIR_ARCHIVE_ZSTD, &bytes), 0);
	expect_int_eq(write(fd, bytes.p, bytes.n), (ssize_t)bytes.n);
	expect_int_eq(weir_host_open(path, &host, &err), 0);
	reads(host, "/proc/meminfo", 0, "text\n");
	assert_int_equal(ftruncate(fd, 0), 0);
	expect_int_eq(weir_host_open(path, &none, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, path));
	(void)close(fd);
	(void)unlink(path);
	expect_int_eq(weir_archive_new(path, &none, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, path));
}

static void archive_full_disk_is_said(void **state)
{
	weir_auto(weir_members_done) struct weir_members files = { 0 };
	weir_auto(weir_closep) int fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	struct weir_str text = weir_strz("text\n");
	struct weir_err err = { 0 };

	(void)state;
	assert_true(fd >= 0);
	expect_int_eq(weir_members_add(&files, "/a", &text), 0);
	weir_members_sort(&files);
	for (size_t i = 0; i < WEIR_NELEM(kinds); i++) {
		expect_int_eq(weir_archive_write(&files, 0, kinds[i], fd, &err), -EIO);
		assert_true(err.msg[0]);
	}
}

static int read_capture(void *ctx)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_err err = { 0 };
	int r = weir_archive_new_bytes(weir_buf_str(ctx), &host, &err);

	if (r < 0 && !strstr(err.msg, "annot allocate memory"))
		fail_msg("words: '%s'", err.msg);
	if (r == 0)
		r = weir_host_read(host, "/proc/meminfo", ROOM, &text);
	return r < 0 ? r : weir_host_list(host, "/proc", &names);
}

static void archive_out_of_memory_is_said(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf bytes = { 0 };

	(void)state;
	expect_int_eq(write_capture(WEIR_ARCHIVE_TAR, &bytes), 0);
	bytes.n -= 2 * TAR_BLOCK; /* a link more */
	tar_add(&bytes, &(struct tar_member){ .name = "l", .type = '2', .link = "x" });
	tar_end(&bytes);
	expect_int_eq(fault_every(read_capture, &bytes), 0);
}

static void archive_support_left_out_is_said(void **state)
{
	struct weir_host *host = NULL;
	struct weir_err err = { 0 };
	struct weir_members none = { 0 };

	(void)state;
	expect_int_eq(weir_archive_new("x.tar", &host, &err), -ENOTSUP);
	assert_non_null(strstr(err.msg, "built without libarchive"));
	expect_int_eq(weir_archive_new_bytes(weir_strz(""), &host, &err), -ENOTSUP);
	expect_int_eq(weir_archive_write(&none, 0, WEIR_ARCHIVE_TAR, 1, &err), -ENOTSUP);
	assert_null(host);
}

int main(void)
{
	static const struct CMUnitTest with[] = {
		cmocka_unit_test(archive_names_are_taken_in_the_usual_forms),
		cmocka_unit_test(archive_names_that_lead_out_are_refused),
		cmocka_unit_test(archive_links_and_devices_are_failures_of_their_paths),
		cmocka_unit_test(archive_later_one_of_a_path_counts),
		cmocka_unit_test(archive_huge_sizes_are_refused_before_they_are_read),
		cmocka_unit_test(archive_size_at_the_limit_is_taken),
		cmocka_unit_test(archive_sparse_file_is_not_unfolded),
		cmocka_unit_test(archive_written_is_read_back),
		cmocka_unit_test(archive_written_twice_is_the_same_bytes),
		cmocka_unit_test(archive_cut_off_anywhere_is_refused),
		cmocka_unit_test(archive_other_bytes_are_refused),
		cmocka_unit_test(archive_damaged_header_is_refused),
		cmocka_unit_test(archive_without_members_is_an_empty_host),
		cmocka_unit_test(archive_bad_manifest_is_refused),
		cmocka_unit_test(archive_pax_names_are_utf8_in_any_locale),
		cmocka_unit_test(archive_file_is_opened_by_name),
		cmocka_unit_test(archive_full_disk_is_said),
		cmocka_unit_test(archive_out_of_memory_is_said),
	};
	static const struct CMUnitTest without[] = {
		cmocka_unit_test(archive_support_left_out_is_said),
	};

	return WEIR_HAVE_ARCHIVE ? cmocka_run_group_tests(with, NULL, NULL)
	                         : cmocka_run_group_tests(without, NULL, NULL);
}
