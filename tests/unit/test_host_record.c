/* host_record: what was read is what the capture gives back, failures included. */
#include "host/record.h"

#include "host/archive.h"

#include "fault.h"
#include "test.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* A machine of a few files, one of each kind of answer. */
static const struct answer {
	const char *path;
	int result;
	const char *text;
	size_t n;
} answers[] = {
	{ "/proc/meminfo", 0, "MemTotal: 1 kB\n", 15 },
	{ "/proc/empty", 0, "", 0 },
	{ "/proc/1/cmdline", 0, "qemu\0-m\0", 8 },
	{ "/proc/1/maps", -EACCES, "", 0 },
	{ "/proc/2/maps", -ESRCH, "half", 4 }, /* it went away while it was read */
	{ "/proc/none", -ENOENT, "", 0 },
	{ "/sys/broken", -EIO, "", 0 },
	{ "/sys/odd name\n\xff", 0, "1\n", 2 },
	{ "/@/pagesize", 0, "4096\n", 5 },
	{ "/@/stat/dev/hugepages/@", -ENOENT, "", 0 },
};

static int fake_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	(void)ctx;
	for (size_t i = 0; i < WEIR_NELEM(answers); i++) {
		const struct answer *a = &answers[i];
		int r;

		if (strcmp(path, a->path) != 0)
			continue;
		r = weir_buf_add(out, weir_str(a->text, a->n < max ? a->n : max));
		if (r < 0)
			return r;
		return a->n > max ? -EFBIG : a->result;
	}
	if (strstr(path, "..")) /* a path that is not normal leads somewhere too */
		return weir_buf_addz(out, "elsewhere\n");
	return -ENOENT;
}

static int fake_list(void *ctx, const char *path, struct weir_names *out)
{
	static const char *const dirs[] = { "10", "2", "1" };
	int r = 0;

	(void)ctx;
	if (strcmp(path, "/proc/closed") == 0)
		return -EACCES;
	if (strcmp(path, "/empty") == 0 || strcmp(path, "/../x") == 0)
		return 0;
	if (strcmp(path, "/") == 0)
		return weir_names_add(out, weir_strz("proc"), true);
	if (strcmp(path, "/proc") != 0)
		return -ENOENT;
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(dirs); i++)
		r = weir_names_add(out, weir_strz(dirs[i]), true);
	return r < 0 ? r : weir_names_add(out, weir_strz("unread"), false);
}

static uint64_t fake_now_ns(void *ctx)
{
	return ++*(uint64_t *)ctx; /* no two times alike */
}

static void fake_free(void *ctx)
{
	(void)ctx;
}

static const struct weir_host_ops fake_ops = {
	.read = fake_read,
	.list = fake_list,
	.now_ns = fake_now_ns,
	.free = fake_free,
};

struct fixture {
	uint64_t clock;
	struct weir_host *machine, *recorder;
	struct weir_record record;
};

static int set_up(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	assert_non_null(f);
	expect_int_eq(weir_host_new(&fake_ops, &f->clock, &f->machine), 0);
	expect_int_eq(weir_record_new(&f->record, f->machine, &f->recorder), 0);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	weir_host_free(f->recorder);
	weir_record_done(&f->record);
	weir_host_free(f->machine);
	free(f);
	return 0;
}

/* Finishes the recording and opens it as a capture. */
static struct weir_host *replay(struct fixture *f)
{
	weir_auto(weir_closep) int fd = memfd_create("capture", MFD_CLOEXEC);
	weir_auto(weir_buf_done) struct weir_buf bytes = { 0 };
	struct weir_host *host = NULL;
	struct weir_err err = { 0 };
	struct stat st;
	int r = weir_record_finish(&f->record, &err);

	if (r == 0)
		r = weir_archive_write(&f->record.files, f->record.manifest.time_ns,
		                       WEIR_ARCHIVE_TAR, fd, &err);
	if (r == -ENOTSUP)
		skip_because("%s", err.msg);
	if (r < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(fstat(fd, &st), 0);
	expect_int_eq(weir_buf_reserve(&bytes, (size_t)st.st_size), 0);
	expect_int_eq(pread(fd, bytes.p, (size_t)st.st_size, 0), st.st_size);
	bytes.n = (size_t)st.st_size;
	if (weir_archive_new_bytes(weir_buf_str(&bytes), &host, &err) < 0)
		fail_msg("%s", err.msg);
	return host;
}

static void record_replays_every_answer(void **state)
{
	struct fixture *f = *state;
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	for (size_t i = 0; i < WEIR_NELEM(answers); i++)
		expect_int_eq(weir_host_read(f->recorder, answers[i].path, 100, &text),
		              answers[i].result);
	host = replay(f);
	for (size_t i = 0; i < WEIR_NELEM(answers); i++) {
		const struct answer *a = &answers[i];
		int r = weir_host_read(host, a->path, 100, &text);

		/* ESRCH has a name in the manifest, as all that reading can end in */
		if (r != a->result)
			fail_msg("%s is %d, not %d", a->path, r, a->result);
		if (r == 0)
			expect_u64_eq(text.n, a->n);
		if (r == 0 && a->n)
			assert_memory_equal(text.p, a->text, a->n);
	}
	expect_int_eq(weir_host_read(host, "/proc/unread", 100, &text), -ENOENT);
}

static void record_too_large_text_is_cut_in_the_replay_too(void **state)
{
	struct fixture *f = *state;
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	expect_int_eq(weir_host_read(f->recorder, "/proc/meminfo", 4, &text), -EFBIG);
	host = replay(f);
	expect_int_eq(weir_host_read(host, "/proc/meminfo", 4, &text), -EFBIG);
	expect_text(weir_buf_str(&text), "MemT");
	expect_int_eq(weir_host_read(host, "/proc/meminfo", 100, &text), -EFBIG);
	expect_text(weir_buf_str(&text), "MemT"); /* no more is known */
}

static void record_listings_keep_directories_only(void **state)
{
	struct fixture *f = *state;
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_names_done) struct weir_names names = { 0 };

	expect_int_eq(weir_host_list(f->recorder, "/proc", &names), 0);
	expect_u64_eq(names.nr, 4);
	weir_names_done(&names);
	expect_int_eq(weir_host_list(f->recorder, "/proc/closed", &names), -EACCES);
	expect_int_eq(weir_host_list(f->recorder, "/none", &names), -ENOENT);
	expect_int_eq(weir_host_list(f->recorder, "/empty", &names), 0);
	host = replay(f);
	expect_int_eq(weir_host_list(host, "/proc", &names), 0);
	expect_u64_eq(names.nr, 3);
	expect_str(names.v[0].name, "1");
	expect_str(names.v[1].name, "10");
	expect_str(names.v[2].name, "2");
	weir_names_done(&names);
	expect_int_eq(weir_host_list(host, "/proc/closed", &names), -EACCES);
	expect_int_eq(weir_host_list(host, "/none", &names), -ENOENT);
	expect_int_eq(weir_host_list(host, "/empty", &names), 0);
	expect_u64_eq(names.nr, 0);
}

static void record_root_and_odd_paths_do_not_spoil_the_capture(void **state)
{
	struct fixture *f = *state;
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_names_done) struct weir_names names = { 0 };

	expect_int_eq(weir_host_list(f->recorder, "/", &names), 0);
	weir_names_done(&names);
	expect_int_eq(weir_host_read(f->recorder, "/proc/../etc/passwd", 100, &text), 0);
	expect_int_eq(weir_host_read(f->recorder, "/@/stat//dev/../@", 100, &text), 0);
	expect_int_eq(weir_host_list(f->recorder, "/../x", &names), 0);
	host = replay(f);
	expect_int_eq(weir_host_list(host, "/", &names), 0);
	expect_u64_eq(names.nr, 2); /* and "@", where the manifest is */
	expect_str(names.v[1].name, "proc");
	expect_int_eq(weir_host_read(host, "/proc/../etc/passwd", 100, &text), -ENOENT);
}

static void record_keeps_one_time(void **state)
{
	struct fixture *f = *state;
	weir_auto(weir_host_freep) struct weir_host *host = NULL;

	expect_u64_eq(weir_host_now_ns(f->recorder), 1);
	expect_u64_eq(weir_host_now_ns(f->recorder), 1);
	host = replay(f);
	expect_u64_eq(weir_host_now_ns(host), 1);
}

static void record_is_for_looking(void **state)
{
	struct fixture *f = *state;

	expect_int_eq(weir_host_write(f->recorder, "/proc/meminfo", weir_strz("x")),
	              -EROFS);
}

static void record_of_this_machine_replays_its_bytes(void **state)
{
	static const char *const paths[] = { "/proc/version",      "/proc/meminfo",
		                             "/@/pagesize",        "/@/link/proc/self",
		                             "/@/stat/dev/null/@", "/proc/none" };
	weir_auto(weir_host_freep) struct weir_host *machine = NULL, *host = NULL;
	struct weir_buf seen[WEIR_NELEM(paths)] = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int results[WEIR_NELEM(paths)];
	struct fixture *f = *state;

	expect_int_eq(weir_host_open(NULL, &machine, NULL), 0);
	f->record.inner = machine;
	for (size_t i = 0; i < WEIR_NELEM(paths); i++)
		results[i] = weir_host_read(f->recorder, paths[i], 1 << 20, &seen[i]);
	f->record.inner = f->machine;
	host = replay(f);
	for (size_t i = 0; i < WEIR_NELEM(paths); i++) {
		expect_int_eq(weir_host_read(host, paths[i], 1 << 20, &text), results[i]);
		expect_u64_eq(text.n, seen[i].n);
		if (text.n)
			assert_memory_equal(text.p, seen[i].p, text.n);
		weir_buf_done(&seen[i]);
	}
}

static int record_all(void *ctx)
{
	struct fixture *f = ctx;
	weir_auto(weir_host_freep) struct weir_host *recorder = NULL;
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_record record;
	struct weir_err err = { 0 };
	int r = weir_record_new(&record, f->machine, &recorder);

	if (r < 0)
		return r;
	for (size_t i = 0; i < WEIR_NELEM(answers); i++)
		(void)weir_host_read(recorder, answers[i].path, 100, &text);
	r = weir_host_list(recorder, "/proc", &names);
	if (r == 0)
		r = weir_record_finish(&record, &err);
	weir_record_done(&record);
	return r;
}

/* Nothing that memory ran out for may look as if the machine had said it. */
static void record_out_of_memory_is_said_at_the_end(void **state)
{
	expect_int_eq(fault_every(record_all, *state), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(record_replays_every_answer),
		TEST(record_too_large_text_is_cut_in_the_replay_too),
		TEST(record_listings_keep_directories_only),
		TEST(record_root_and_odd_paths_do_not_spoil_the_capture),
		TEST(record_keeps_one_time),
		TEST(record_is_for_looking),
		TEST(record_of_this_machine_replays_its_bytes),
		TEST(record_out_of_memory_is_said_at_the_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
