/* creators: numbers of processes, in the names of files and their own. */
#include "facts/creators.h"

#include "test.h"

#include "base/own.h"

static void creators_stand_in_names(void **state)
{
	static const struct {
		const char *path;
		uint64_t pid;
	} cases[] = {
		{ "/dev/hugepages/spdk_pid4242map_0", 4242 },
		{ "/dev/hugepages/pid/rtemap_0", 0 },
		{ "/dev/pid7/map", 0 },
		{ "/m/rapid_pid9", 9 },
		{ "/m/pid", 0 },
		{ "/m/pid99999999999", 0 },
		{ "/m/pid0x", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		expect_u64_eq(weir_creator_of_name(weir_strz(cases[i].path)),
		              cases[i].pid);
}

static void processes_have_all_their_numbers(void **state)
{
	static const struct {
		const char *pid, *text;
	} tasks[] = {
		{ "30", "Name:\tit\nNStgid:\t30\t9\t2\nNSpid:\t31\t10\t3\n" },
		{ "1", "Name:\tinit\nNStgid:\t1\n" },
		{ "50", "Name:\told\n" },         /* before 4.1 */
		{ "60", "NStgid:\t60\t-1\tx\n" }, /* no kernel's */
		{ "40", "" },                     /* not to be looked at */
		{ "30", "NStgid:\t30\t9\t2\n" },  /* seen twice */
	};
	static const uint64_t want[] = { 1, 2, 9, 30, 40, 50, 60 };
	struct weir_pids pids = { 0 };
	size_t nr = 0;

	(void)state;
	assert_false(weir_pids_has(&pids, 1));
	for (size_t i = 0; i < WEIR_NELEM(tasks); i++) {
		struct weir_task task = { .pid = tasks[i].pid };

		(void)weir_task_status_parse(weir_strz(tasks[i].text), &task.status,
		                             NULL);
		expect_int_eq(weir_pids_add(&pids, &task), 0);
	}
	weir_pids_finish(&pids);
	for (uint64_t n = 0; n < 64; n++)
		nr += weir_pids_has(&pids, n);
	expect_u64_eq(nr, WEIR_NELEM(want));
	for (size_t i = 0; i < WEIR_NELEM(want); i++)
		assert_true(weir_pids_has(&pids, want[i]));
	weir_pids_done(&pids);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(creators_stand_in_names),
		cmocka_unit_test(processes_have_all_their_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
