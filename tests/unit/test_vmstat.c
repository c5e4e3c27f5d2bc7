/* vmstat: which counter is which, and what a kernel without one gives. */
#include "facts/vmstat.h"

#include "base/buf.h"

#include "test.h"

static void parse(const char *text, int want, struct weir_vmstat *out)
{
	struct weir_err err = { 0 };

	expect_int_eq(weir_vmstat_parse(weir_strz(text), out, &err), want);
	if (want == 0)
		expect_str(err.msg, "");
	else
		assert_true(strlen(err.msg) > 0);
}

/* Linux 6.1, shortened; the values are made different. */
static void vmstat_lines_become_their_counters(void **state)
{
	struct weir_vmstat v;

	(void)state;
	parse("nr_free_pages 850766\nnr_free_cma 17\nnr_foll_pin_acquired 1\n"
	      "nr_foll_pin_released 2\noom_kill 3\npgmigrate_success 4\npgmigrate_fail "
	      "5\n"
	      "thp_migration_success 99\ncompact_migrate_scanned 6\n"
	      "compact_free_scanned 7\ncompact_isolated 8\ncompact_stall 9\n"
	      "compact_fail 10\ncompact_success 11\ncompact_daemon_wake 12\n"
	      "compact_daemon_migrate_scanned 99\nhtlb_buddy_alloc_success 13\n"
	      "htlb_buddy_alloc_fail 14\ncma_alloc_success 15\ncma_alloc_fail 16\n"
	      "thp_fault_alloc 1247\nthp_fault_fallback 18\n"
	      "thp_fault_fallback_charge 99\nnr_unstable 0\n",
	      0, &v);
	expect_count(v.free_cma, 17);
	expect_count(v.pin_acquired, 1);
	expect_count(v.pin_released, 2);
	expect_count(v.oom_kill, 3);
	expect_count(v.migrate_success, 4);
	expect_count(v.migrate_fail, 5);
	expect_count(v.compact_migrate_scanned, 6);
	expect_count(v.compact_free_scanned, 7);
	expect_count(v.compact_isolated, 8);
	expect_count(v.compact_stall, 9);
	expect_count(v.compact_fail, 10);
	expect_count(v.compact_success, 11);
	expect_count(v.compact_daemon_wake, 12);
	expect_count(v.htlb_alloc_success, 13);
	expect_count(v.htlb_alloc_fail, 14);
	expect_count(v.cma_alloc_success, 15);
	expect_count(v.cma_alloc_fail, 16);
	expect_count(v.thp_fault_alloc, 1247);
	expect_count(v.thp_fault_fallback, 18);
}

/* 5.10 without CONFIG_COMPACTION, CONFIG_CMA and CONFIG_TRANSPARENT_HUGEPAGE. */
static void vmstat_of_a_small_kernel_leaves_the_rest_unknown(void **state)
{
	struct weir_vmstat v;

	(void)state;
	parse("nr_free_pages 1\nhtlb_buddy_alloc_success 0\noom_kill 0\n", 0, &v);
	expect_count(v.htlb_alloc_success, 0);
	expect_count(v.oom_kill, 0);
	expect_unknown(v.compact_stall);
	expect_unknown(v.cma_alloc_success);
	expect_unknown(v.thp_fault_alloc);
	expect_unknown(v.free_cma);
}

static void vmstat_odd_lines_leave_only_their_own_fact_unknown(void **state)
{
	static const struct {
		const char *line;
		int result;
	} cases[] = {
		{ "oom_kill", WEIR_GARBLED },
		{ "oom_kill ", WEIR_GARBLED },
		{ "oom_kill -1", WEIR_GARBLED },
		{ "oom_kill +1", WEIR_GARBLED },
		{ "oom_kill 1 2", WEIR_GARBLED },
		{ "oom_kill 1.5", WEIR_GARBLED },
		{ "oom_kill 0x1", WEIR_GARBLED },
		{ "oom_kill 9223372036854775808", WEIR_GARBLED }, /* below zero */
		{ "oom_kill 18446744073709551615", WEIR_GARBLED },
		{ "oom_kill 18446744073709551616", WEIR_GARBLED },
		{ "oom_kill 99999999999999999999999999999999999999", WEIR_GARBLED },
		{ "oom_kills 1", 0 }, /* other names: not known, passed over */
		{ "oom_kil 1", 0 },
		{ "OOM_KILL 1", 0 },
		{ "oom_kill: 1", 0 },
		{ "oom_kill=1", 0 },
		{ "", 0 },
		{ " ", 0 },
		{ "1", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_vmstat v;
		char text[128];

		(void)snprintf(text, sizeof(text),
		               "compact_stall 7\n%s\ncompact_fail 9223372036854775807",
		               cases[i].line);
		parse(text, cases[i].result, &v);
		expect_count(v.compact_stall, 7);
		expect_unknown(v.oom_kill);
		expect_count(v.compact_fail, WEIR_COUNT_MAX);
	}
}

static void vmstat_first_garbled_line_is_the_one_told(void **state)
{
	struct weir_vmstat v;
	struct weir_err err = { 0 };

	(void)state;
	expect_int_eq(
		weir_vmstat_parse(weir_strz("compact_stall x\noom_kill y\n"), &v, &err),
		WEIR_GARBLED);
	expect_str(err.msg, "no plausible count: 'compact_stall x'");
}

static void vmstat_bytes_that_are_no_text_give_no_numbers(void **state)
{
	static const char text[] = "oom_kill 1\0\ncompact_stall\0 1\ncompact_fail 2\n";
	struct weir_vmstat v;
	struct weir_err err = { 0 };

	(void)state;
	expect_int_eq(weir_vmstat_parse(weir_str(text, sizeof(text) - 1), &v, &err),
	              WEIR_GARBLED);
	expect_unknown(v.oom_kill);
	expect_unknown(v.compact_stall);
	expect_count(v.compact_fail, 2);
}

static void vmstat_huge_texts_are_read_to_their_end(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_vmstat v;

	(void)state;
	while (text.n < 1U << 20)
		assert_int_equal(weir_buf_addz(&text, "pgpgin 2882885\noom_kill 4\n"), 0);
	assert_int_equal(weir_buf_addz(&text, "compact_stall 5"), 0);
	parse(text.p, 0, &v);
	expect_count(v.oom_kill, 4);
	expect_count(v.compact_stall, 5);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vmstat_lines_become_their_counters),
		cmocka_unit_test(vmstat_of_a_small_kernel_leaves_the_rest_unknown),
		cmocka_unit_test(vmstat_odd_lines_leave_only_their_own_fact_unknown),
		cmocka_unit_test(vmstat_first_garbled_line_is_the_one_told),
		cmocka_unit_test(vmstat_bytes_that_are_no_text_give_no_numbers),
		cmocka_unit_test(vmstat_huge_texts_are_read_to_their_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
