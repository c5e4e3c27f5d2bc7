/* owners: the users who have processes. */
#include "facts/owners.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

/* By any of the four user ids; and what a capture is to remember of it. */
static void owners_are_all_users_of_a_process(void **state)
{
	static const struct {
		const char *pid, *text;
	} tasks[] = {
		{ "1", "Uid:\t0\t0\t0\t0\n" },  { "20", "Uid:\t5\t6\t7\t8\n" },
		{ "21", "Uid:\t9\t5\t9\t9\n" }, /* the effective one goes before */
		{ "50", "Uid:\t11\n" },         { "60", "Name:\tfrog\n" },
	};
	static const uint64_t uids[] = { 0, 5, 6, 7, 8, 9, 11 };
	struct fake_file asked[] = {
		{ "/@/stat/proc/@", "type directory\n" },
		{ "/@/stat/proc/1/@", "type directory\n" },
		{ "/@/stat/proc/21/@", "uid 5\n" },
		{ "/proc/20/status", "Uid:\t5\t6\t7\t8\n" },
	};
	struct weir_owners owners = { 0 };
	struct fake_host fake;
	size_t nr = 0;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(tasks); i++) {
		struct weir_task task = { .pid = tasks[i].pid };

		(void)weir_task_status_parse(weir_strz(tasks[i].text), &task.status,
		                             NULL);
		expect_int_eq(weir_owners_add(&owners, &task), 0);
	}
	fake_open(&fake, asked, 1);
	for (uint64_t n = 0; n < 64; n++)
		expect_int_eq(weir_owner_lives(&owners, n) == WEIR_OWNER_GONE, 0);
	owners.complete = true;
	for (uint64_t n = 0; n < 64; n++)
		nr += weir_owner_lives(&owners, n) == WEIR_OWNER_LIVES;
	expect_u64_eq(nr, WEIR_NELEM(uids));
	for (size_t i = 0; i < WEIR_NELEM(uids); i++)
		expect_int_eq(weir_owner_lives(&owners, uids[i]), WEIR_OWNER_LIVES);
	fake_close(&fake);
	fake_open(&fake, asked, WEIR_NELEM(asked));
	weir_owners_ask(&fake.host, &owners, (const uint64_t[]){ 5, 8, 63 }, 3);
	for (size_t i = 0; i < WEIR_NELEM(asked); i++)
		expect_u64_eq(asked[i].nr_reads, 1);
	fake_close(&fake);
	weir_owners_done(&owners);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(owners_are_all_users_of_a_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
