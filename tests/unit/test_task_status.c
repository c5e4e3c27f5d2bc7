/* task_status: fields of a process that are there, odd and missing. */
#include "facts/task_status.h"

#include "test.h"

static void status_fields_are_counts_and_effective_ids(void **state)
{
	struct weir_task_status st;
	struct weir_err err = { 0 };
	const char *text =
		"Name:\tqemu: a b\nUmask:\t0022\nState:\tS (sleeping)\nTgid:\t7\n"
		"Pid:\t7\nPPid:\t1\nUid:\t0\t107\t0\t107\nGid:\t0\t64055\t0\t0\n"
		"Kthread:\t0\nVmPin:\t     12 kB\nVmSize:\t  9 kB\n"
		"HugetlbPages:\t    4096 kB\n";

	(void)state;
	expect_int_eq(weir_task_status_parse(weir_strz(text), &st, &err), 0);
	expect_text(st.name, "qemu: a b");
	expect_count(st.pid, 7);
	expect_count(st.tgid, 7);
	expect_count(st.ppid, 1);
	expect_count(st.uid, 107);
	expect_count(st.gid, 64055);
	expect_count(st.kthread, 0);
	expect_count(st.pinned_bytes, 12 * 1024);
	expect_count(st.hugetlb_bytes, 4 << 20);
	assert_true(st.has_memory);
}

static void status_odd_lines_leave_their_own_fact_unknown(void **state)
{
	static const struct {
		const char *line;
		int result;
	} cases[] = {
		{ "HugetlbPages:\t-1 kB", WEIR_GARBLED },
		{ "HugetlbPages:\t1", WEIR_GARBLED },
		{ "HugetlbPages:\t1 MB", WEIR_GARBLED },
		{ "HugetlbPages:\t18014398509481984 kB", WEIR_GARBLED },
		{ "HugetlbPages:", WEIR_GARBLED },
		{ "HugetlbPages 4 kB", 0 },
		{ "hugetlbpages:\t4 kB", 0 },
		{ "", 0 },
		{ ":", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_task_status st;
		struct weir_err err = { 0 };
		char text[128];

		(void)snprintf(text, sizeof(text), "Pid:\t9\n%s\nUid:\t1\t2\t3\t4",
		               cases[i].line);
		expect_int_eq(weir_task_status_parse(weir_strz(text), &st, &err),
		              cases[i].result);
		assert_int_equal(err.msg[0] != '\0', cases[i].result != 0);
		expect_unknown(st.hugetlb_bytes);
		expect_count(st.pid, 9);
		expect_count(st.uid, 2);
		assert_false(st.has_memory);
	}
}

static void status_of_one_id_is_garbled(void **state)
{
	struct weir_task_status st;
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_task_status_parse(weir_strz("Uid:\t1\n"), &st, &err),
	              WEIR_GARBLED);
	expect_unknown(st.uid);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(status_fields_are_counts_and_effective_ids),
		cmocka_unit_test(status_odd_lines_leave_their_own_fact_unknown),
		cmocka_unit_test(status_of_one_id_is_garbled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
