/* meminfo: what each line means, in which unit, and what a garbled one does not spoil. */
#include "facts/meminfo.h"

#include "test.h"

static void parse(const char *text, int want, struct weir_meminfo *out)
{
	struct weir_err err = { 0 };

	expect_int_eq(weir_meminfo_parse(weir_strz(text), out, &err), want);
	if (want == 0)
		expect_str(err.msg, "");
	else
		assert_true(strlen(err.msg) > 0);
}

static void meminfo_global_form_is_bytes_and_pages(void **state)
{
	struct weir_meminfo m;

	(void)state;
	parse("MemTotal:       24682416 kB\nMemFree:        24306396 kB\n"
	      "Active(anon):       1504 kB\nCommitted_AS:      49024 kB\n"
	      "HugePages_Total:       6\nHugePages_Free:        5\nHugePages_Rsvd:       "
	      " 2\n"
	      "HugePages_Surp:        1\nHugepagesize:       2048 kB\nHugetlb:           "
	      "12288 kB\n",
	      0, &m);
	expect_count(m.total, UINT64_C(24682416) * 1024);
	expect_count(m.active_anon, 1504 * 1024);
	expect_count(m.committed, 49024 * 1024);
	expect_count(m.huge_total, 6);
	expect_count(m.huge_free, 5);
	expect_count(m.huge_reserved, 2);
	expect_count(m.huge_surplus, 1);
	expect_count(m.huge_size, 2 << 20);
	expect_count(m.hugetlb, 12288 * 1024);
	expect_unknown(m.cma_total);
	expect_unknown(m.available);
}

static void meminfo_node_form_is_the_same_but_has_no_reserved(void **state)
{
	struct weir_meminfo m;

	(void)state;
	parse("Node 12 MemTotal:       8156288 kB\nNode 12 HugePages_Total:     0\n"
	      "Node 12 FilePages:         17 kB\n",
	      0, &m);
	expect_count(m.total, UINT64_C(8156288) * 1024);
	expect_count(m.huge_total, 0);
	expect_count(m.file_pages, 17 * 1024);
	expect_unknown(m.huge_reserved);
}

static void meminfo_odd_lines_leave_only_their_own_fact_unknown(void **state)
{
	static const struct {
		const char *line;
		int result;
	} cases[] = {
		{ "MemFree: -1 kB", WEIR_GARBLED },
		{ "MemFree:", WEIR_GARBLED },
		{ "MemFree: 1 MB", WEIR_GARBLED },
		{ "MemFree: 1 kB extra", WEIR_GARBLED },
		{ "MemFree: 0x10 kB", WEIR_GARBLED },
		{ "MemFree: 18446744073709551615 kB", WEIR_GARBLED },
		{ "MemFree: 18014398509481983 kB", WEIR_GARBLED }, /* bytes past 2^63-1 */
		{ "MemFree: 99999999999999999999", WEIR_GARBLED },
		{ "memfree: 1 kB", 0 }, /* another name: not known, passed over */
		{ "MemFree 1 kB", 0 },
		{ "", 0 },
		{ ":", 0 },
		{ "Node", 0 },
		{ "Node 1 :", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_meminfo m;
		char text[128];

		(void)snprintf(text, sizeof(text), "MemTotal: 7 kB\n%s\nBuffers: 8 kB",
		               cases[i].line);
		parse(text, cases[i].result, &m);
		expect_count(m.total, 7 * 1024);
		expect_unknown(m.free);
		expect_count(m.buffers, 8 * 1024);
	}
}

static void meminfo_wrapped_counter_is_unknown(void **state)
{
	struct weir_meminfo m;

	(void)state;
	parse("HugePages_Rsvd: 18446744073709551615\nHugePages_Free: 4\n", WEIR_GARBLED,
	      &m);
	expect_unknown(m.huge_reserved);
	expect_count(m.huge_free, 4);
}

static void meminfo_nul_bytes_are_not_text(void **state)
{
	static const char text[] = "MemTotal: 7\0 kB\nMemFree: 1 kB\n";
	struct weir_meminfo m;
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_meminfo_parse(weir_str(text, sizeof(text) - 1), &m, &err),
	              WEIR_GARBLED);
	expect_unknown(m.total);
	expect_count(m.free, 1024);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(meminfo_global_form_is_bytes_and_pages),
		cmocka_unit_test(meminfo_node_form_is_the_same_but_has_no_reserved),
		cmocka_unit_test(meminfo_odd_lines_leave_only_their_own_fact_unknown),
		cmocka_unit_test(meminfo_wrapped_counter_is_unknown),
		cmocka_unit_test(meminfo_nul_bytes_are_not_text),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
