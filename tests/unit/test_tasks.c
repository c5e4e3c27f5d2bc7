/* tasks: the walk over processes, and what it asks of which. */
#include "facts/tasks.h"

#include "fake_host.h"
#include "test.h"

#include <errno.h>

static struct weir_hugetlbfs mounted[] = {
	{ .major = 0, .minor = 0x1f, .target = (char[]){ "/dev/hugepages" } },
	{ .major = 0, .minor = 0x1e, .target = (char[]){ "/mnt/huge 1G" } },
};
static const struct weir_mounts mounts = { .known = true, .v = mounted, .nr = 2 };

#define MAPS_REST                                                                   \
	"560000000000-560000001000 r-xp 00000000 08:01 12          /usr/bin/qemu\n" \
	"7ffc00000000-7ffc00021000 rw-p 00000000 00:00 0           [stack]\n"
#define MAPS_FILE \
	"7f0000000000-7f0000400000 rw-s 00000000 00:1f 42          /dev/hugepages/a b\n"
#define MAPS_ANON                                                                   \
	"7f1000000000-7f1000400000 rw-p 00000000 00:10 43          /anon_hugepage " \
	"(deleted)\n"
#define MAPS_MEMFD                                                              \
	"7f2000000000-7f2000400000 rw-s 00000000 00:11 44          /memfd:ram " \
	"(deleted)\n"

#define ALIVE "VmSize:\t 1 kB\n"

static struct fake_file host_files[] = {
	{ "/@/pagesize", "4096\n" },
	/* 2: a kernel thread */
	{ "/proc/2/status", "Name:\tkthreadd\nKthread:\t1\n" },
	{ "/proc/2/maps", "" },
	/* 10: touched pages */
	{ "/proc/10/status", "Name:\ttouched\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/10/maps", MAPS_REST MAPS_FILE },
	{ "/proc/10/fd/0", "" },
	{ "/proc/10/fd/3", "" },
	{ "/proc/10/fd/4", "" },
	{ "/@/link/proc/10/fd/0", "/dev/null" },
	{ "/@/link/proc/10/fd/3", "anon_inode:kvm-vm" },
	{ "/@/link/proc/10/fd/4", "/dev/hugepages/a b" },
	/* 11: reserved only */
	{ "/proc/11/status", "Name:\treserved\n" ALIVE "HugetlbPages:\t 0 kB\n" },
	{ "/proc/11/maps", MAPS_ANON MAPS_REST },
};

static void walk_gives_what_a_process_holds(void **state)
{
	const struct weir_task *task;
	struct fake_host fake;
	struct weir_tasks walk;

	(void)state;
	fake_open(&fake, host_files, WEIR_NELEM(host_files));
	expect_int_eq(weir_tasks_open(&walk, &fake.host, NULL), 0);
	expect_int_eq(weir_tasks_know(&walk, &mounts), 0);
	expect_int_eq(weir_tasks_next(&walk, &task), 0);
	expect_str(task->pid, "10");
	assert_true(task->is_holder);
	expect_count(task->status.hugetlb_bytes, 2 << 20);
	expect_u64_eq(task->nr_links, 2);
	expect_str(task->links[1].fd, "4");
	expect_str(task->links[1].target, "/dev/hugepages/a b");
	expect_int_eq(weir_tasks_next(&walk, &task), 0);
	expect_str(task->pid, "11");
	expect_u64_eq(task->nr_links, 0);
	expect_text(weir_buf_str(&task->maps), MAPS_ANON);
	weir_tasks_done(&walk);
	fake_close(&fake);
}

/* --- passes ------------------------------------------------------------------------ */

#define NOTHING_TOUCHED ALIVE "HugetlbPages:\t 0 kB\n"
static struct fake_file waiting_files[] = {
	/* 10: a file that 11 has mapped, open; and mapped, and nothing of it touched */
	{ "/proc/10/status", "Name:\topen\n" NOTHING_TOUCHED },
	{ "/proc/10/maps", MAPS_REST MAPS_FILE },
	{ "/proc/10/fd/5", "" },
	{ "/@/link/proc/10/fd/5", "/dev/hugepages/a b" },
	{ "/proc/11/status", "Name:\ttouched\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/11/maps", MAPS_FILE },
	{ "/proc/12/status", "Name:\tplain\n" NOTHING_TOUCHED },
	{ "/proc/12/fd/0", "" },
	{ "/@/link/proc/12/fd/0", "/dev/null" },
	{ "/proc/13/status", "Name:\tsecretive\n" NOTHING_TOUCHED },
	{ "/proc/13/fd", .error = -EACCES },
	/* 14: root may list what links it may not follow without the right to trace */
	{ "/proc/14/status", "Name:\tsecretive2\n" NOTHING_TOUCHED },
	{ "/proc/14/fd/0", "" },
	{ "/@/link/proc/14/fd/0", .error = -EACCES },
	/* 15: how much it has touched its kernel does not tell */
	{ "/proc/15/status", "Name:\tunknown\n" ALIVE },
	{ "/proc/15/maps", MAPS_ANON },
	/* 16: hidden by the mount option hidepid=1 */
	{ "/proc/16/status", .error = -EACCES },
	{ "/proc/16/maps", .error = -EACCES },
};

/* The next process, or "" after the last. */
static const char *next_pid(struct weir_tasks *walk, const struct weir_task **task)
{
	int r = weir_tasks_next(walk, task);

	if (r == WEIR_TASKS_END)
		return "";
	expect_int_eq(r, 0);
	return (*task)->pid;
}

static void passes_go_from_statuses_to_open_files(void **state)
{
	const struct weir_task *task;
	struct fake_host fake;
	struct weir_tasks walk;

	(void)state;
	fake_open(&fake, waiting_files, WEIR_NELEM(waiting_files));
	expect_int_eq(weir_tasks_open(&walk, &fake.host, NULL), 0);
	weir_tasks_begin(&walk, WEIR_TASKS_STATUS);
	for (const char *const *pid =
	             (const char *const[]){ "10", "12", "13", "14", NULL };
	     *pid; pid++) {
		expect_str(next_pid(&walk, &task), *pid);
		assert_true(!task->is_holder && !task->maps_error && !task->nr_links);
		expect_count(task->status.hugetlb_bytes, 0);
	}
	expect_str(next_pid(&walk, &task), "16");
	expect_int_eq(task->maps_error, -EACCES);
	expect_str(next_pid(&walk, &task), "");
	expect_int_eq(weir_tasks_know(&walk, &mounts), 0);
	weir_tasks_begin(&walk, WEIR_TASKS_TOUCHED);
	expect_str(next_pid(&walk, &task), "11");
	expect_text(weir_buf_str(&task->maps), MAPS_FILE);
	expect_str(next_pid(&walk, &task), "15");
	assert_true(task->is_holder);
	expect_str(next_pid(&walk, &task), "");
	weir_tasks_begin(&walk, WEIR_TASKS_OPEN);
	expect_str(next_pid(&walk, &task), "10");
	expect_text(task->status.name, "open");
	expect_text(weir_buf_str(&task->maps), MAPS_FILE);
	assert_true(task->is_holder && task->nr_links == 1 && task->links[0].huge);
	for (const char *const *pid = (const char *const[]){ "13", "14", NULL }; *pid;
	     pid++) {
		expect_str(next_pid(&walk, &task), *pid);
		expect_int_eq(task->maps_error, -EACCES);
		expect_count(task->status.hugetlb_bytes, 0);
	}
	expect_str(next_pid(&walk, &task), "");
	expect_u64_eq(walk.nr_seen, 7);
	expect_u64_eq(walk.nr_forbidden, 3);
	expect_u64_eq(walk.nr_vanished, 0);
	weir_tasks_done(&walk);
	fake_close(&fake);
}

static void pass_over_open_files_may_be_of_some_only(void **state)
{
	bool only[WEIR_NELEM(waiting_files)] = { false };
	const struct weir_task *task;
	struct fake_host fake;
	struct weir_tasks walk;

	(void)state;
	fake_open(&fake, waiting_files, WEIR_NELEM(waiting_files));
	expect_int_eq(weir_tasks_open(&walk, &fake.host, NULL), 0);
	weir_tasks_begin(&walk, WEIR_TASKS_STATUS);
	while (*next_pid(&walk, &task))
		only[task->nth] = strcmp(task->pid, "13") == 0;
	expect_int_eq(weir_tasks_know(&walk, &mounts), 0);
	walk.only = only;
	weir_tasks_begin(&walk, WEIR_TASKS_OPEN);
	expect_str(next_pid(&walk, &task), "13");
	expect_str(next_pid(&walk, &task), "");
	weir_tasks_done(&walk);
	fake_close(&fake);
}

/* The first thread of 20 has ended, 22 goes on; of 30 none does; 40 is one of a capture,
 * which has what 42 told as if it were its own. */
static struct fake_file headless[] = {
	{ "/@/pagesize", "4096\n" },
	{ "/proc/20/status", "Name:\tfirst\nPid:\t20\nThreads:\t2\n" },
	{ "/proc/20/maps", "" },
	{ "/proc/20/task/20/status", "Name:\tfirst\nPid:\t20\nThreads:\t2\n" },
	{ "/proc/20/task/22/status",
	  "Name:\tother\nPid:\t22\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/20/task/22/maps", MAPS_MEMFD },
	{ "/@/statfs/proc/22/map_files/7f2000000000-7f2000400000/@",
	  "type 958458f6\nbsize 2097152\n" },
	{ "/proc/20/task/22/fd/5", "" },
	{ "/@/link/proc/20/task/22/fd/5", "/dev/hugepages/a b" },
	{ "/proc/30/status", "Name:\tended\nPid:\t30\nThreads:\t2\n" },
	{ "/proc/30/task/30/status", "Name:\tended\nPid:\t30\nThreads:\t1\n" },
	{ "/proc/40/status",
	  "Name:\tkept\nPid:\t42\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/40/maps", MAPS_FILE },
};

static void first_thread_that_ended_is_read_by_another(void **state)
{
	static const enum weir_tasks_pass passes[] = { WEIR_TASKS_ALL,
		                                       WEIR_TASKS_TOUCHED };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(passes); i++) {
		const struct weir_task *task;
		struct fake_host fake;
		struct weir_tasks walk;

		fake_open(&fake, headless, WEIR_NELEM(headless));
		expect_int_eq(weir_tasks_open(&walk, &fake.host, NULL), 0);
		expect_int_eq(weir_tasks_know(&walk, &mounts), 0);
		weir_tasks_begin(&walk, WEIR_TASKS_STATUS);
		if (passes[i] == WEIR_TASKS_TOUCHED)
			expect_str(next_pid(&walk, &task), "");
		weir_tasks_begin(&walk, passes[i]);
		expect_str(next_pid(&walk, &task), "20");
		assert_true(task->is_holder);
		expect_count(task->status.pid, 22);
		expect_text(weir_buf_str(&task->maps), MAPS_MEMFD);
		expect_u64_eq(task->nr_links, 1);
		expect_str(next_pid(&walk, &task), "40");
		expect_text(weir_buf_str(&task->maps), MAPS_FILE);
		expect_str(next_pid(&walk, &task), "");
		expect_u64_eq(walk.nr_vanished, 1);
		weir_tasks_done(&walk);
		fake_close(&fake);
	}
}

/* A host of which a process appears after /proc was listed for the first time. */
struct growing {
	struct weir_host inner;
	unsigned int nr_lists;
};

static int growing_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	struct growing *g = ctx;

	return weir_host_read(&g->inner, path, max, out);
}

static int growing_list(void *ctx, const char *path, struct weir_names *out)
{
	struct growing *g = ctx;
	int r = weir_host_list(&g->inner, path, out);

	if (r < 0 || strcmp(path, "/proc") != 0 || g->nr_lists++)
		return r;
	for (size_t i = 0; i < out->nr; i++)
		if (strcmp(out->v[i].name, "11") == 0) {
			free(out->v[i].name);
			out->v[i] = out->v[--out->nr];
		}
	return 0;
}

static void who_comes_meanwhile_is_looked_at_in_the_last_look(void **state)
{
	static const struct weir_host_ops ops = { .read = growing_read,
		                                  .list = growing_list };
	struct growing growing = { 0 };
	struct weir_host host = { &ops, &growing };
	const struct weir_task *task;
	struct fake_host fake;
	struct weir_tasks walk;

	(void)state;
	fake_open(&fake, host_files, WEIR_NELEM(host_files));
	growing.inner = fake.host;
	expect_int_eq(weir_tasks_open(&walk, &host, NULL), 0);
	expect_int_eq(weir_tasks_know(&walk, &mounts), 0);
	weir_tasks_begin(&walk, WEIR_TASKS_ALL);
	expect_str(next_pid(&walk, &task), "10");
	expect_str(next_pid(&walk, &task), "11");
	assert_true(task->is_holder);
	expect_str(next_pid(&walk, &task), "");
	weir_tasks_done(&walk);
	fake_close(&fake);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(walk_gives_what_a_process_holds),
		cmocka_unit_test(passes_go_from_statuses_to_open_files),
		cmocka_unit_test(pass_over_open_files_may_be_of_some_only),
		cmocka_unit_test(first_thread_that_ended_is_read_by_another),
		cmocka_unit_test(who_comes_meanwhile_is_looked_at_in_the_last_look),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
