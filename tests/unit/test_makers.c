/* makers: the users and the numbers that processes have. */
#include "apply/makers.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

static struct fake_file files[] = {
	{ "/proc/1/status", "Name:\tinit\nNSpid:\t1\nUid:\t0\t0\t0\t0\n" },
	{ "/proc/20/status", "Name:\tsu\nNSpid:\t20\nUid:\t5\t6\t7\t8\n" },
	{ "/proc/30/status", "Name:\tit\nNSpid:\t30\t9\t2\nUid:\t0\t0\t0\t0\n" },
	{ "/proc/40/status", .error = -ESRCH }, /* has ended: a number all the same */
	{ "/proc/50/status", "Name:\told\nUid:\t11\n" }, /* before 4.1 */
	{ "/proc/sys/status", "Uid:\t12\nNSpid:\t12\n" },
};

static void makers_have_all_their_numbers(void **state)
{
	static const uint64_t pids[] = { 1, 2, 9, 20, 30, 40, 50 };
	static const uint64_t uids[] = { 0, 5, 6, 7, 8, 11 };
	struct fake_host fake;
	struct weir_makers makers;
	size_t nr_pids = 0, nr_uids = 0;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	expect_int_eq(weir_makers_read(&fake.host, &makers), 0);
	for (uint64_t n = 0; n < 64; n++) {
		nr_pids += weir_makers_has_process(&makers, n);
		nr_uids += weir_makers_has_user(&makers, n);
	}
	expect_u64_eq(nr_pids, WEIR_NELEM(pids));
	expect_u64_eq(nr_uids, WEIR_NELEM(uids));
	for (size_t i = 0; i < WEIR_NELEM(pids); i++)
		assert_true(weir_makers_has_process(&makers, pids[i]));
	for (size_t i = 0; i < WEIR_NELEM(uids); i++)
		assert_true(weir_makers_has_user(&makers, uids[i]));
	weir_makers_done(&makers);
	fake_close(&fake);
}

static void makers_without_proc_fail(void **state)
{
	struct fake_host fake;
	struct weir_makers makers;

	(void)state;
	fake_open(&fake, files, 0);
	expect_int_eq(weir_makers_read(&fake.host, &makers), -ENOENT);
	assert_false(weir_makers_has_user(&makers, 0));
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(makers_have_all_their_numbers),
		cmocka_unit_test(makers_without_proc_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
