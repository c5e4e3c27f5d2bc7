/* host_live: this machine, through the seam. Only what every Linux has is asked. */
#include "host/host.h"

#include "fault.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

enum { ROOM = 1 << 20 };

static int open_live(void **state)
{
	struct weir_host *host;

	if (weir_host_open(NULL, &host, NULL) < 0)
		return -1;
	*state = host;
	return 0;
}

static int close_live(void **state)
{
	weir_host_free(*state);
	return 0;
}

static void live_kernel_text_is_read_whole(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	expect_int_eq(weir_host_read(*state, "/proc/meminfo", ROOM, &text), 0);
	assert_true(weir_str_starts(weir_buf_str(&text), "MemTotal:"));
	assert_true(weir_str_ends(weir_buf_str(&text), "\n"));
	expect_int_eq(weir_host_read(*state, "//proc/./meminfo", ROOM, &text), 0);
	expect_int_eq(weir_host_read(*state, "/proc/sys/kernel/ostype", ROOM, &text), 0);
	expect_text(weir_buf_str(&text), "Linux\n"); /* in place of the text before */
}

static void live_text_at_the_limit_is_whole_and_past_it_is_cut(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	expect_int_eq(weir_host_read(*state, "/proc/sys/kernel/ostype", 6, &text), 0);
	expect_text(weir_buf_str(&text), "Linux\n");
	expect_int_eq(weir_host_read(*state, "/proc/sys/kernel/ostype", 5, &text),
	              -EFBIG);
	expect_text(weir_buf_str(&text), "Linux");
	expect_int_eq(weir_host_read(*state, "/proc/sys/kernel/ostype", 0, &text),
	              -EFBIG);
	expect_text(weir_buf_str(&text), "");
	expect_int_eq(weir_host_read(*state, "/dev/zero", 100000, &text), -EFBIG);
	expect_u64_eq(text.n, 100000);
	expect_int_eq(weir_host_read(*state, "/@/pagesize", 1, &text), -EFBIG);
	expect_u64_eq(text.n, 1);
}

static void live_failures_have_one_name_each(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	char path[5000];

	expect_int_eq(weir_host_read(*state, "/proc/none", ROOM, &text), -ENOENT);
	expect_int_eq(weir_host_read(*state, "/proc/meminfo/x", ROOM, &text), -ENOENT);
	expect_int_eq(weir_host_read(*state, "/proc", ROOM, &text), -EISDIR);
	memset(path, 'x', sizeof(path) - 1);
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	expect_int_eq(weir_host_read(*state, path, ROOM, &text), -ENOENT);
	path[400] = '\0'; /* one name past NAME_MAX */
	expect_int_eq(weir_host_read(*state, path, ROOM, &text), -ENOENT);
	expect_int_eq(weir_host_write(*state, "/proc/none", weir_strz("1")), -ENOENT);
	expect_int_eq(weir_host_write(*state, "/dev/null", weir_strz("1")), 0);
	expect_int_eq(weir_host_write(*state, "/dev/full", weir_strz("1")), -ENOSPC);
}

static void live_listing_is_sorted_and_knows_directories(void **state)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	bool task = false, status = false;

	expect_int_eq(weir_host_list(*state, "/proc/self", &names), 0);
	for (size_t i = 0; i < names.nr; i++) {
		if (i)
			assert_true(strcmp(names.v[i - 1].name, names.v[i].name) < 0);
		task |= strcmp(names.v[i].name, "task") == 0 && names.v[i].is_dir;
		status |= strcmp(names.v[i].name, "status") == 0 && !names.v[i].is_dir;
	}
	assert_true(task && status);
	weir_names_done(&names);
	expect_int_eq(weir_host_list(*state, "/proc/none", &names), -ENOENT);
	expect_int_eq(weir_host_list(*state, "/proc/meminfo", &names), -ENOENT);
	expect_u64_eq(names.nr, 0);
}

static void live_system_calls_are_text(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	char number[32];

	(void)snprintf(number, sizeof(number), "%ld\n", sysconf(_SC_PAGESIZE));
	expect_int_eq(weir_host_read(*state, "/@/pagesize", ROOM, &text), 0);
	expect_text(weir_buf_str(&text), number);

	(void)snprintf(number, sizeof(number), "%d", getpid());
	expect_int_eq(weir_host_read(*state, "/@/link/proc/self", ROOM, &text), 0);
	expect_text(weir_buf_str(&text), number);
	expect_int_eq(weir_host_read(*state, "/@/link/proc/meminfo", ROOM, &text),
	              -EINVAL);

	expect_int_eq(weir_host_read(*state, "/@/stat/proc/self/@", ROOM, &text), 0);
	assert_true(weir_str_starts(weir_buf_str(&text), "type link\nmode 0777\n"));
	expect_int_eq(weir_host_read(*state, "/@/file/proc/self/@", ROOM, &text), 0);
	assert_true(weir_str_starts(weir_buf_str(&text), "type directory\n"));
	expect_int_eq(weir_host_read(*state, "/@/file/none/@", ROOM, &text), -ENOENT);
	expect_int_eq(weir_host_read(*state, "/@/stat/dev/null/@", ROOM, &text), 0);
	assert_true(weir_str_starts(weir_buf_str(&text), "type char\n"));
	expect_int_eq(weir_host_read(*state, "/@/stat//@", ROOM, &text), 0);
	assert_true(weir_str_starts(weir_buf_str(&text), "type directory\n"));
	expect_int_eq(weir_host_read(*state, "/@/stat/none/@", ROOM, &text), -ENOENT);

	expect_int_eq(weir_host_read(*state, "/@/statfs/proc/@", ROOM, &text), 0);
	assert_true(weir_str_starts(weir_buf_str(&text), "type 9fa0\nbsize "));
	expect_int_eq(weir_host_read(*state, "/@/statfs/none/@", ROOM, &text), -ENOENT);
}

static void live_frames_are_of_a_mapping(void **state)
{
	static const char *const odd[] = {
		"/@/frames/self/1000-2000/4096", "/@/frames/1/1000/4096",
		"/@/frames/1/2000-1000/4096",    "/@/frames/1/1000-2000/1",
		"/@/frames/1/1000-2000",         "/@/frames/",
	};
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	char path[128];

	for (size_t i = 0; i < WEIR_NELEM(odd); i++)
		expect_int_eq(weir_host_read(*state, odd[i], ROOM, &text), -ENOENT);
	/* nothing is mapped at the first addresses */
	(void)snprintf(path, sizeof(path), "/@/frames/%d/1000-3000/4096", getpid());
	expect_int_eq(weir_host_read(*state, path, ROOM, &text), 0);
	expect_text(weir_buf_str(&text), "");
	expect_int_eq(
		weir_host_read(*state, "/@/frames/999999999/1000-3000/4096", ROOM, &text),
		-ENOENT);
}

static void live_unknown_system_calls_are_absent(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	expect_int_eq(weir_host_read(*state, "/@/pagesizes", ROOM, &text), -ENOENT);
	expect_int_eq(weir_host_read(*state, "/@/klog/x", ROOM, &text), -ENOENT);
	expect_int_eq(weir_host_read(*state, "/@/capture", ROOM, &text), -ENOENT);
	expect_int_eq(weir_host_read(*state, "/@", ROOM, &text), -ENOENT);
}

static void live_kernel_log_is_given_or_forbidden(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_read(*state, "/@/klog", 16U << 20, &text);

	if (r == -ENOSYS)
		skip_because("this kernel has no log (syslog(2) is not built in)");
	if (r != 0 && r != -EACCES)
		fail_msg("reading the log is %d", r);
}

static void live_fifo_does_not_block(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	char dir[] = "/tmp/weir-test-XXXXXX", path[64];

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/fifo", dir);
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_int_eq(weir_host_read(*state, path, ROOM, &text), 0);
	expect_u64_eq(text.n, 0);
	(void)unlink(path);
	(void)rmdir(dir);
}

static void live_clock_is_this_century(void **state)
{
	assert_true(weir_host_now_ns(*state) > UINT64_C(1600000000000000000));
}

static void host_open_names_what_is_no_host(void **state)
{
	struct weir_host *host = NULL;
	struct weir_err err = { 0 };

	(void)state;
	expect_int_eq(weir_host_open("/tmp/weir/not/there", &host, &err), -ENOENT);
	expect_str(err.msg, "open host '/tmp/weir/not/there': No such file or directory");
	expect_int_eq(weir_host_open("/dev/null", &host, &err), -EINVAL);
	expect_str(err.msg,
	           "open host '/dev/null': neither a directory nor a capture file");
	assert_null(host);
	weir_host_free(NULL);
}

static int look_around(void *ctx)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	struct weir_err err = { 0 };
	int r = weir_host_open(NULL, &host, &err);

	(void)ctx;
	if (r < 0)
		assert_non_null(strstr(err.msg, "annot allocate memory"));
	if (r == 0)
		r = weir_host_read(host, "/proc/meminfo", ROOM, &text);
	if (r == 0)
		r = weir_host_read(host, "/@/link/proc/self", ROOM, &text);
	if (r == 0)
		r = weir_host_list(host, "/proc/self", &names);
	if (r < 0)
		expect_u64_eq(names.nr, 0);
	return r;
}

static void live_out_of_memory_is_said(void **state)
{
	(void)state;
	expect_int_eq(fault_every(look_around, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(live_kernel_text_is_read_whole),
		cmocka_unit_test(live_text_at_the_limit_is_whole_and_past_it_is_cut),
		cmocka_unit_test(live_failures_have_one_name_each),
		cmocka_unit_test(live_listing_is_sorted_and_knows_directories),
		cmocka_unit_test(live_system_calls_are_text),
		cmocka_unit_test(live_frames_are_of_a_mapping),
		cmocka_unit_test(live_unknown_system_calls_are_absent),
		cmocka_unit_test(live_kernel_log_is_given_or_forbidden),
		cmocka_unit_test(live_fifo_does_not_block),
		cmocka_unit_test(live_clock_is_this_century),
		cmocka_unit_test(host_open_names_what_is_no_host),
		cmocka_unit_test(live_out_of_memory_is_said),
	};

	return cmocka_run_group_tests(tests, open_live, close_live);
}
