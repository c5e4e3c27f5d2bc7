/* task_maps: lines of maps and numa_maps. */
#include "facts/task_maps.h"

#include "test.h"

static void mapping_lines_are_parsed_or_refused(void **state)
{
	static const struct {
		const char *line;
		bool ok, shared;
		uint64_t start, end, offset, device, inode;
		const char *path;
	} cases[] = {
		{ "7f569f800000-7f569fc00000 rw-s 00200000 00:27 1550774                "
		  "    /sub/lazy",
		  true, true, 0x7f569f800000, 0x7f569fc00000, 0x200000, 0x27, 1550774,
		  "/sub/lazy" },
		{ "00400000-00401000 r-xp 00000000 fd:1f 7", true, false, 0x400000,
		  0x401000, 0, UINT64_C(0xfd) << 32 | 0x1f, 7, "" },
		{ "1-2 ---p 0 0:1 0 /a b (deleted)", true, false, 1, 2, 0, 1, 0,
		  "/a b (deleted)" },
		{ .line = "2-2 rw-p 0 0:1 0" },
		{ .line = "3-2 rw-p 0 0:1 0" },
		{ .line = "1-2 rw- 0 0:1 0" },
		{ .line = "1-2 rw-p x 0:1 0" },
		{ .line = "1-2 rw-p 0 01 0" },
		{ .line = "1-2 rw-p 0 0:100000000 0" },
		{ .line = "1-2 rw-p 0 0:1 -1" },
		{ .line = "1-2 rw-p 0 0:1" },
		{ .line = "" },
		{ .line = "1-10000000000000000 rw-p 0 0:1 0" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_mapping m = { 0 };

		if (weir_mapping_parse(weir_strz(cases[i].line), &m) != cases[i].ok)
			fail_msg("'%s'", cases[i].line);
		if (!cases[i].ok)
			continue;
		expect_u64_eq(m.start, cases[i].start);
		expect_u64_eq(m.end, cases[i].end);
		expect_u64_eq(m.offset_bytes, cases[i].offset);
		expect_u64_eq(m.device, cases[i].device);
		expect_u64_eq(m.inode, cases[i].inode);
		expect_int_eq(m.shared, cases[i].shared);
		expect_text(m.path, cases[i].path);
	}
}

static void numa_lines_have_counts_by_node(void **state)
{
	struct weir_numa_mapping m;
	unsigned int node;
	uint64_t pages;

	(void)state;
	assert_true(weir_numa_mapping_parse(
		weir_strz("7f569ee00000 default file=/anon_hugepage\\040(deleted) huge "
	                  "anon=2 "
	                  "dirty=2 mapmax=3 N0=2 N12=5 kernelpagesize_kB=2048"),
		&m));
	expect_u64_eq(m.start, 0x7f569ee00000);
	assert_true(m.huge);
	expect_u64_eq(m.anon, 2);
	expect_u64_eq(m.mapmax, 3);
	expect_u64_eq(m.page_bytes, 2 << 20);
	assert_true(weir_numa_node(&m.words, &node, &pages));
	expect_u64_eq(node, 0);
	expect_u64_eq(pages, 2);
	assert_true(weir_numa_node(&m.words, &node, &pages));
	expect_u64_eq(node, 12);
	expect_u64_eq(pages, 5);
	assert_false(weir_numa_node(&m.words, &node, &pages));

	/* untouched: no page size; and what no kernel writes */
	assert_true(weir_numa_mapping_parse(
		weir_strz("10 bind:0 file=/x huge mapmax=0 N1024=1 N1=-1 Nx=1 N=3 "
	                  "kernelpagesize_kB=3"),
		&m));
	expect_u64_eq(m.mapmax, 1);
	expect_u64_eq(m.page_bytes, 0);
	assert_false(weir_numa_node(&m.words, &node, &pages));
	assert_true(weir_numa_mapping_parse(weir_strz("10 default stack"), &m));
	assert_false(m.huge);
	assert_false(weir_numa_mapping_parse(weir_strz("default huge"), &m));
	assert_false(weir_numa_mapping_parse(weir_strz(""), &m));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(mapping_lines_are_parsed_or_refused),
		cmocka_unit_test(numa_lines_have_counts_by_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
