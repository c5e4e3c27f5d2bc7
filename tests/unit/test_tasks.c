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
	expect_int_eq(weir_tasks_open(&walk, &fake.host, &mounts, NULL), 0);
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

/* --- open files that can wait ------------------------------------------------------ */

#define NOTHING_TOUCHED ALIVE "HugetlbPages:\t 0 kB\n"
#define FILE_STAT                                                                      \
	"type file\nuid 0\ngid 0\nsize 4194304\nblocks 4096\ndev 0:31\nino 42\nnlink " \
	"1\n"

static struct fake_file waiting_files[] = {
	{ "/@/link/proc/self/ns/mnt", "mnt:[1]" },
	/* 10: a file that 11 has mapped, open only */
	{ "/proc/10/status", "Name:\topen\n" NOTHING_TOUCHED },
	{ "/proc/10/fd/5", "" },
	{ "/@/link/proc/10/fd/5", "/dev/hugepages/a b" },
	{ "/@/file/proc/10/fd/5/@", FILE_STAT },
	{ "/proc/11/status", "Name:\ttouched\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
	{ "/proc/11/maps", MAPS_FILE },
	{ "/proc/12/status", "Name:\tplain\n" NOTHING_TOUCHED },
	{ "/proc/12/fd/0", "" },
	{ "/@/link/proc/12/fd/0", "/dev/null" },
	{ "/@/link/proc/13/ns/mnt", .error = -EACCES },
	{ "/proc/13/status", "Name:\tsecretive\n" NOTHING_TOUCHED },
	{ "/proc/13/fd", .error = -EACCES },
};

static void walk_asks_later_for_open_files(void **state)
{
	static const bool refused[] = { false, false, false, true };
	static const char *const pids[] = { "10", "11", "12", "13" };
	const struct weir_task *task;
	struct fake_host fake;
	struct weir_tasks walk;

	(void)state;
	fake_open(&fake, waiting_files, WEIR_NELEM(waiting_files));
	expect_int_eq(weir_tasks_open(&walk, &fake.host, &mounts, NULL), 0);
	walk.lean = walk.links_later = true;
	while (strcmp(walk.pids.v[walk.at].name, "10") != 0)
		walk.at++;
	walk.refused = refused - walk.at;
	for (size_t i = 0; i < WEIR_NELEM(pids); i++) {
		expect_int_eq(weir_tasks_next(&walk, &task), 0);
		expect_str(task->pid, pids[i]);
		assert_int_equal(task->is_holder, i == 1);
		expect_u64_eq(task->nr_links, 0);
		expect_int_eq(task->maps_error, i == 3 ? -EACCES : 0);
	}
	expect_int_eq(weir_tasks_next(&walk, &task), WEIR_TASKS_END);
	expect_u64_eq(walk.nr_later, 2);
	weir_tasks_again(&walk);
	expect_int_eq(weir_tasks_next(&walk, &task), 0);
	expect_str(task->pid, "10");
	expect_text(task->status.name, "open");
	assert_true(task->is_holder && task->nr_links == 1 && task->links[0].huge);
	expect_int_eq(weir_tasks_next(&walk, &task), WEIR_TASKS_END);
	expect_u64_eq(walk.nr_seen, 4);
	expect_u64_eq(walk.nr_forbidden, 1);
	weir_tasks_done(&walk);
	fake_close(&fake);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(walk_gives_what_a_process_holds),
		cmocka_unit_test(walk_asks_later_for_open_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
