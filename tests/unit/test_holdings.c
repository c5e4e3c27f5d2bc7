/* holdings: what a look at all processes finds, whichever way it goes by. */
#include "facts/holdings.h"

#include "fake_host.h"
#include "fault.h"
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

#define NOTHING_TOUCHED ALIVE "HugetlbPages:\t 0 kB\n"
#define FILE_STAT                                                                      \
	"type file\nuid 0\ngid 0\nsize 4194304\nblocks 4096\ndev 0:31\nino 42\nnlink " \
	"1\n"

static struct fake_file waiting_files[] = {
	{ "/@/link/proc/self/ns/mnt", "mnt:[1]" },
	/* 10: a file that 11 has mapped, open; and mapped, and nothing of it touched */
	{ "/proc/10/status", "Name:\topen\n" NOTHING_TOUCHED },
	{ "/proc/10/maps", MAPS_REST MAPS_FILE },
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

static int look(struct fake_file *files, size_t nr, enum weir_look_depth far,
                struct weir_holdings *out)
{
	struct weir_holdings_ask ask = { .look = far };
	struct fake_host fake;
	int r;

	fake_open(&fake, files, nr);
	ask.host = &fake.host;
	r = weir_holdings_read(&ask, &mounts, WEIR_COUNT(2 << 20), out, NULL);
	fake_close(&fake);
	return r;
}

static void holdings_find_who_has_a_file_open_in_their_order(void **state)
{
	struct weir_holdings all;

	(void)state;
	expect_int_eq(
		look(waiting_files, WEIR_NELEM(waiting_files), WEIR_LOOK_OPEN, &all), 0);
	expect_u64_eq(all.nr_tasks, 2);
	expect_u64_eq(all.tasks[0].pid, 10);
	expect_u64_eq(all.tasks[1].pid, 11);
	expect_u64_eq(all.nr_maps, 2);
	expect_u64_eq(all.maps[0].task, 1);
	expect_u64_eq(all.maps[1].task, 0);
	expect_u64_eq(all.nr_links, 1);
	expect_u64_eq(all.links[0].task, 0);
	expect_u64_eq(all.links[0].file, all.maps[0].file);
	expect_u64_eq(all.nr_seen, 4);
	expect_u64_eq(all.nr_forbidden, 1);
	weir_holdings_done(&all);
}

/* Who has touched a page is enough to know whose it is. */
static void holdings_of_who_touched_pages_pass_over_the_others(void **state)
{
	struct weir_holdings all;

	(void)state;
	expect_int_eq(
		look(waiting_files, WEIR_NELEM(waiting_files), WEIR_LOOK_TOUCHED, &all),
		0);
	expect_u64_eq(all.nr_tasks, 1);
	expect_u64_eq(all.tasks[0].pid, 11);
	expect_u64_eq(all.nr_maps, 1);
	expect_u64_eq(all.nr_links, 0);
	expect_u64_eq(all.nr_seen, 4);
	expect_u64_eq(all.nr_forbidden, 0);
	weir_holdings_done(&all);
}

/* 11 is in a mount namespace of its own, with a mount that nobody else has, and 12 in
 * another one. */
static void holdings_of_who_touched_pages_know_their_mounts(void **state)
{
	static const char mount[] =
		"50 1 0:40 / /own rw - hugetlbfs none rw,pagesize=2M\n";
	struct fake_file files[] = {
		{ "/@/link/proc/self/ns/mnt", "mnt:[1]" },
		{ "/@/link/proc/11/ns/mnt", "mnt:[2]" },
		{ "/@/link/proc/12/ns/mnt", "mnt:[3]" },
		{ "/proc/11/mountinfo", mount },
		{ "/proc/12/mountinfo", mount },
		{ "/proc/11/status", "Name:\thas\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
		{ "/proc/11/maps", "7f00-7f40 rw-s 00000000 00:28 42 /own/a\n" },
		{ "/proc/12/status", "Name:\tplain\n" NOTHING_TOUCHED },
	};
	struct weir_holdings all;

	(void)state;
	expect_int_eq(look(files, WEIR_NELEM(files), WEIR_LOOK_TOUCHED, &all), 0);
	expect_u64_eq(all.mounts.nr_namespaces, 2);
	expect_u64_eq(all.mounts.mounts.nr, mounts.nr + 1);
	expect_u64_eq(all.nr_maps, 1);
	weir_holdings_done(&all);
	expect_int_eq(look(files, WEIR_NELEM(files), WEIR_LOOK_OPEN, &all), 0);
	expect_u64_eq(all.mounts.nr_namespaces, 3);
	weir_holdings_done(&all);
}

static int look_and_drop(void *ctx)
{
	struct weir_holdings all;
	int r = look(waiting_files, WEIR_NELEM(waiting_files), WEIR_LOOK_OPEN, &all);

	(void)ctx;
	if (r == 0)
		weir_holdings_done(&all);
	return r;
}

static void holdings_without_memory_fail_and_leak_nothing(void **state)
{
	(void)state;
	expect_int_eq(fault_every(look_and_drop, NULL), 0);
}

/* Nobody can have private memory open: the files of the others are left alone. */
static void holdings_ask_for_no_open_files_without_a_file(void **state)
{
	struct fake_file files[] = {
		{ "/@/link/proc/self/ns/mnt", "mnt:[1]" },
		{ "/proc/10/status", "Name:\topen\n" NOTHING_TOUCHED },
		{ "/proc/10/fd", .error = -EACCES },
		{ "/proc/11/status", "Name:\thas\n" ALIVE "HugetlbPages:\t 2048 kB\n" },
		{ "/proc/11/maps", MAPS_ANON },
	};
	struct weir_holdings all;

	(void)state;
	expect_int_eq(look(files, WEIR_NELEM(files), WEIR_LOOK_OPEN, &all), 0);
	expect_u64_eq(all.nr_tasks, 1);
	expect_u64_eq(all.nr_forbidden, 0);
	expect_u64_eq(all.nr_seen, 2);
	weir_holdings_done(&all);
	files[0].text = "not told"; /* then what one may see is not known either */
	expect_int_eq(look(files, WEIR_NELEM(files), WEIR_LOOK_OPEN, &all), 0);
	expect_u64_eq(all.nr_forbidden, 1);
	weir_holdings_done(&all);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(holdings_find_who_has_a_file_open_in_their_order),
		cmocka_unit_test(holdings_of_who_touched_pages_pass_over_the_others),
		cmocka_unit_test(holdings_of_who_touched_pages_know_their_mounts),
		cmocka_unit_test(holdings_ask_for_no_open_files_without_a_file),
		cmocka_unit_test(holdings_without_memory_fail_and_leak_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
