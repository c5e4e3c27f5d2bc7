/* host_tree: a captured directory from someone else. Nothing in it may lead out, hang,
 * or touch a device. */
#include "host/host.h"

#include "fault.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>

enum { ROOM = 1 << 20 };

struct fixture {
	char dir[64];
	int at; /* the directory */
	struct weir_host *host;
};

static void put(const struct fixture *f, const char *path, struct weir_str text)
{
	weir_auto(weir_closep) int fd = openat(f->at, path, O_WRONLY | O_CREAT | O_TRUNC,
	                                       0644);

	assert_true(fd >= 0);
	expect_int_eq(write(fd, text.p, text.n), (ssize_t)text.n);
}

static void putz(const struct fixture *f, const char *path, const char *text)
{
	put(f, path, weir_strz(text));
}

static void folder(const struct fixture *f, const char *path)
{
	assert_int_equal(mkdirat(f->at, path, 0755), 0);
}

static void links(const struct fixture *f, const char *path, const char *to)
{
	assert_int_equal(symlinkat(to, f->at, path), 0);
}

/* Opened again, so that a manifest put there counts. */
static struct weir_host *host(struct fixture *f)
{
	struct weir_err err = { 0 };

	weir_host_free(f->host);
	f->host = NULL;
	if (weir_host_open(f->dir, &f->host, &err) < 0)
		fail_msg("%s", err.msg);
	return f->host;
}

static void reads(struct fixture *f, const char *path, int result, const char *want)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_read(f->host ? f->host : host(f), path, ROOM, &text);

	if (r != result)
		fail_msg("%s is %d, not %d", path, r, result);
	if (want)
		expect_text(weir_buf_str(&text), want);
}

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	strcpy(f->dir, "/tmp/weir-test-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->at = open(f->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	assert_true(f->at >= 0);
	folder(f, "proc");
	putz(f, "proc/meminfo", "MemTotal: 1 kB\n");
	*state = f;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	weir_host_free(f->host);
	(void)close(f->at);
	(void)nftw(f->dir, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(f);
	return 0;
}

static void tree_dots_stay_inside(void **state)
{
	struct fixture *f = *state;

	putz(f, "secret", "inside\n");
	reads(f, "/proc/meminfo", 0, "MemTotal: 1 kB\n");
	reads(f, "/../../../../proc/meminfo", 0, "MemTotal: 1 kB\n");
	reads(f, "/proc/../secret", 0, "inside\n");
	reads(f, "/proc/../../../etc/passwd", -ENOENT, "");
	reads(f, "/etc/passwd", -ENOENT, "");
}

static void tree_links_stay_inside(void **state)
{
	struct fixture *f = *state;

	folder(f, "etc");
	putz(f, "etc/passwd", "inside\n");
	links(f, "absolute", "/etc/passwd");
	links(f, "relative", "../../../../../../etc/passwd");
	links(f, "away", "/etc/hostname");
	links(f, "proc/self", "/proc/1");
	links(f, "loop", "loop");
	links(f, "folder", "/etc");
	links(f, "root", "/");
	links(f, "magic", "/proc/self/root/etc/passwd");
	reads(f, "/absolute", 0, "inside\n");
	reads(f, "/relative", 0, "inside\n");
	reads(f, "/folder/passwd", 0, "inside\n");
	reads(f, "/root/root/etc/passwd", 0, "inside\n");
	reads(f, "/away", -ENOENT, "");
	reads(f, "/proc/self/x", -ENOENT, "");
	reads(f, "/magic", -ENOENT, "");
	reads(f, "/loop", -ELOOP, "");
}

static void tree_hard_link_is_a_file_as_any_other(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(linkat(f->at, "proc/meminfo", f->at, "again", 0), 0);
	reads(f, "/again", 0, "MemTotal: 1 kB\n");
}

static void tree_fifo_and_socket_are_not_opened(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(mkfifoat(f->at, "fifo", 0600), 0);
	assert_int_equal(mknodat(f->at, "socket", S_IFSOCK | 0600, 0), 0);
	links(f, "to-fifo", "fifo");
	reads(f, "/fifo", -ENXIO, "");
	reads(f, "/to-fifo", -ENXIO, "");
	reads(f, "/socket", -ENXIO, "");
}

static void tree_device_is_not_opened(void **state)
{
	struct fixture *f = *state;

	if (mknodat(f->at, "zero", S_IFCHR | 0666, makedev(1, 5)) < 0)
		skip_because("device nodes cannot be made here: %s", strerror(errno));
	reads(f, "/zero", -ENXIO, "");
}

static void tree_directory_is_no_file_and_a_file_no_directory(void **state)
{
	struct fixture *f = *state;
	weir_auto(weir_names_done) struct weir_names names = { 0 };

	reads(f, "/proc", -EISDIR, "");
	reads(f, "/", -EISDIR, "");
	reads(f, "/proc/meminfo/x", -ENOENT, "");
	reads(f, "/proc/meminfo/", -ENOENT, "");
	expect_int_eq(weir_host_list(f->host, "/proc/meminfo", &names), -ENOENT);
	expect_int_eq(weir_host_list(f->host, "/none", &names), -ENOENT);
}

static void tree_file_at_the_limit_is_whole_and_past_it_is_cut(void **state)
{
	static const size_t sizes[] = { 0, 1, 4096, 16383, 16384, 16385, 100000 };
	struct fixture *f = *state;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_freep) char *content = malloc(100000);

	assert_non_null(content);
	memset(content, 'x', 100000);
	for (size_t i = 0; i < WEIR_NELEM(sizes); i++) {
		size_t n = sizes[i];

		put(f, "big", weir_str(content, n));
		(void)host(f);
		expect_int_eq(weir_host_read(f->host, "/big", n, &text), 0);
		expect_u64_eq(text.n, n);
		expect_int_eq(weir_host_read(f->host, "/big", SIZE_MAX, &text), 0);
		expect_u64_eq(text.n, n);
		if (!n)
			continue;
		expect_int_eq(weir_host_read(f->host, "/big", n - 1, &text), -EFBIG);
		expect_u64_eq(text.n, n - 1);
		expect_u64_eq(strlen(text.p), n - 1);
	}
}

static void tree_nul_bytes_are_kept(void **state)
{
	struct fixture *f = *state;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	put(f, "cmdline", weir_str("a\0b\0", 4));
	expect_int_eq(weir_host_read(host(f), "/cmdline", ROOM, &text), 0);
	expect_u64_eq(text.n, 4);
	assert_memory_equal(text.p, "a\0b\0", 5);
}

static void tree_listing_is_in_byte_order(void **state)
{
	static const char *const want[] = { "1", "10", "2", "B", "a", "\xc3\xa9" };
	struct fixture *f = *state;
	weir_auto(weir_names_done) struct weir_names names = { 0 };

	folder(f, "d");
	folder(f, "d/2");
	putz(f, "d/a", "");
	putz(f, "d/\xc3\xa9", "");
	putz(f, "d/B", "");
	putz(f, "d/10", "");
	links(f, "d/1", "2");
	expect_int_eq(weir_host_list(host(f), "/d", &names), 0);
	expect_u64_eq(names.nr, WEIR_NELEM(want));
	for (size_t i = 0; i < names.nr; i++) {
		expect_str(names.v[i].name, want[i]);
		assert_int_equal(names.v[i].is_dir, strcmp(want[i], "2") == 0);
	}
}

static void tree_manifest_says_what_failed_and_when(void **state)
{
	struct fixture *f = *state;
	weir_auto(weir_names_done) struct weir_names names = { 0 };

	expect_u64_eq(weir_host_now_ns(host(f)), 0); /* not known without a manifest */
	folder(f, "@");
	putz(f, "@/capture",
	     "weir-capture 1\ntime_ns 77\nerror EACCES /proc/1/maps\n"
	     "error EACCES /proc/meminfo\nerror EACCES /proc/1/fd\nerror EIO /proc\n");
	expect_u64_eq(weir_host_now_ns(host(f)), 77);
	reads(f, "/proc/1/maps", -EACCES, NULL);
	reads(f, "/proc/meminfo", -EACCES, NULL); /* also when the text is there */
	reads(f, "/proc/1/other", -ENOENT, "");
	expect_int_eq(weir_host_list(f->host, "/proc/1/fd", &names), -EACCES);
	expect_int_eq(weir_host_list(f->host, "/proc", &names), 0); /* it is there */
}

static void tree_bad_manifest_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *words;
	} cases[] = {
		{ "", -EBADMSG, "does not begin with" },
		{ "weir-capture 9\n", -EPROTONOSUPPORT, "this weir reads format 1" },
		{ "weir-capture 1\ntime_ns x\n", -EBADMSG, "line 2" },
	};
	struct fixture *f = *state;

	folder(f, "@");
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_host *none = NULL;
		struct weir_err err = { 0 };

		putz(f, "@/capture", cases[i].text);
		expect_int_eq(weir_host_open(f->dir, &none, &err), cases[i].result);
		assert_non_null(strstr(err.msg, cases[i].words));
		assert_non_null(strstr(err.msg, f->dir));
		assert_null(none);
	}
}

static void tree_manifest_too_large_or_no_file_is_refused(void **state)
{
	struct fixture *f = *state;
	struct weir_host *none = NULL;
	struct weir_err err = { 0 };
	int fd;

	folder(f, "@");
	putz(f, "@/capture", "weir-capture 1\n");
	fd = openat(f->at, "@/capture", O_WRONLY);
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, (off_t)1 << 40), 0); /* sparse */
	(void)close(fd);
	expect_int_eq(weir_host_open(f->dir, &none, &err), -EFBIG);
	assert_int_equal(unlinkat(f->at, "@/capture", 0), 0);
	folder(f, "@/capture");
	expect_int_eq(weir_host_open(f->dir, &none, &err), -EISDIR);
	assert_int_equal(unlinkat(f->at, "@/capture", AT_REMOVEDIR), 0);
	assert_int_equal(mkfifoat(f->at, "@/capture", 0600), 0);
	expect_int_eq(weir_host_open(f->dir, &none, &err), -ENXIO);
	assert_null(none);
}

static void tree_is_never_written(void **state)
{
	struct fixture *f = *state;

	expect_int_eq(weir_host_write(host(f), "/proc/meminfo", weir_strz("x")), -EROFS);
	reads(f, "/proc/meminfo", 0, "MemTotal: 1 kB\n");
}

static void tree_forbidden_file_is_told_from_an_absent_one(void **state)
{
	struct fixture *f = *state;

	bool root = geteuid() == 0; /* who may read all: nobody looks for it */

	putz(f, "closed", "x");
	assert_int_equal(fchmodat(f->at, "closed", 0, 0), 0);
	assert_int_equal(fchmod(f->at, 0755), 0);
	(void)host(f);
	if (root && seteuid(65534) < 0)
		skip_because("root may read every file, and cannot become nobody here");
	reads(f, "/closed", -EACCES, "");
	reads(f, "/none", -ENOENT, "");
	if (root)
		assert_int_equal(seteuid(0), 0);
}

/* A lease makes open() with O_NONBLOCK say EAGAIN until its holder gives it up: the
 * reader must not try for ever. */
static void tree_file_under_lease_does_not_hang(void **state)
{
	struct fixture *f = *state;
	int ready[2], done[2];
	pid_t child;
	char c = 0;

	putz(f, "leased", "x");
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(done), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int fd = openat(f->at, "leased", O_RDWR);

		(void)signal(SIGIO, SIG_IGN);
		c = fcntl(fd, F_SETLEASE, F_WRLCK) == 0;
		(void)!write(ready[1], &c, 1);
		(void)close(done[1]);
		(void)!read(done[0], &c, 1); /* until the parent is through */
		_exit(0);
	}
	(void)close(done[0]);
	assert_int_equal(read(ready[0], &c, 1), 1);
	if (c)
		reads(f, "/leased", -EAGAIN, "");
	(void)close(done[1]);
	(void)close(ready[0]);
	(void)close(ready[1]);
	(void)waitpid(child, NULL, 0);
	if (!c)
		skip_because("no lease can be had on files in /tmp");
}

static int look_around(void *ctx)
{
	const struct fixture *f = ctx;
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	struct weir_err err = { 0 };
	int r = weir_host_open(f->dir, &host, &err);

	if (r < 0)
		assert_non_null(strstr(err.msg, "annot allocate memory"));
	if (r == 0)
		r = weir_host_read(host, "/proc/meminfo", ROOM, &text);
	return r < 0 ? r : weir_host_list(host, "/", &names);
}

static void tree_out_of_memory_is_said(void **state)
{
	struct fixture *f = *state;

	folder(f, "@");
	putz(f, "@/capture", "weir-capture 1\nerror EIO /a\nerror EIO /b\n");
	expect_int_eq(fault_every(look_around, f), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(tree_dots_stay_inside),
		TEST(tree_links_stay_inside),
		TEST(tree_hard_link_is_a_file_as_any_other),
		TEST(tree_fifo_and_socket_are_not_opened),
		TEST(tree_device_is_not_opened),
		TEST(tree_directory_is_no_file_and_a_file_no_directory),
		TEST(tree_file_at_the_limit_is_whole_and_past_it_is_cut),
		TEST(tree_nul_bytes_are_kept),
		TEST(tree_listing_is_in_byte_order),
		TEST(tree_manifest_says_what_failed_and_when),
		TEST(tree_bad_manifest_is_refused_with_its_place),
		TEST(tree_manifest_too_large_or_no_file_is_refused),
		TEST(tree_is_never_written),
		TEST(tree_forbidden_file_is_told_from_an_absent_one),
		TEST(tree_file_under_lease_does_not_hang),
		TEST(tree_out_of_memory_is_said),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
