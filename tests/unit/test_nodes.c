/* nodes: which there are, with or without memory, however their lists look. */
#include "facts/nodes.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define DIR "/sys/devices/system/node"

static void distances_are_plain_numbers(void **state)
{
	static const struct {
		const char *text;
		int result;
		size_t nr;
		uint64_t last;
	} cases[] = {
		{ "10 21 21\n", 0, 3, 21 },
		{ "10\n", 0, 1, 10 },
		{ "10", 0, 1, 10 },
		{ " 10\t20 ", 0, 2, 20 },
		{ "255 9223372036854775807", 0, 2, UINT64_C(9223372036854775807) },
		{ "", 0, 0, 0 },
		{ "\n", 0, 0, 0 },
		{ "10 9223372036854775808", WEIR_GARBLED, 0, 0 },
		{ "10 18446744073709551616", WEIR_GARBLED, 0, 0 },
		{ "10 -1", WEIR_GARBLED, 0, 0 },
		{ "10,21", WEIR_GARBLED, 0, 0 },
		{ "10 21x", WEIR_GARBLED, 0, 0 },
		{ "10\n21\n", WEIR_GARBLED, 0, 0 },
		{ "ten", WEIR_GARBLED, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_freep) uint64_t *v = NULL;
		size_t nr = 0;

		expect_int_eq(weir_distances_parse(weir_strz(cases[i].text), &v, &nr),
		              cases[i].result);
		expect_u64_eq(nr, cases[i].nr);
		if (nr)
			expect_u64_eq(v[nr - 1], cases[i].last);
	}
}

static void distances_end_at_1024_nodes(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_freep) uint64_t *v = NULL;
	size_t nr;

	(void)state;
	for (unsigned int i = 0; i <= WEIR_NODE_MAX; i++)
		assert_int_equal(weir_buf_addz(&text, "10 "), 0);
	expect_int_eq(weir_distances_parse(weir_buf_str(&text), &v, &nr), 0);
	expect_u64_eq(nr, 1024);
	assert_int_equal(weir_buf_addz(&text, "10"), 0);
	free(weir_take(v));
	expect_int_eq(weir_distances_parse(weir_buf_str(&text), &v, &nr), WEIR_GARBLED);
	assert_null(v);
}

static void distances_with_a_nul_are_refused(void **state)
{
	uint64_t *v;
	size_t nr;

	(void)state;
	expect_int_eq(weir_distances_parse(weir_str("10\0 21", 6), &v, &nr),
	              WEIR_GARBLED);
}

static void read_from(struct fake_host *fake, struct fake_file *files, size_t nr,
                      struct weir_nodes *out)
{
	fake_open(fake, files, nr);
	weir_nodes_read(&fake->reader, out);
	weir_nodes_read_topology(&fake->reader, out);
	expect_int_eq(fake->reader.failed, 0);
}

static void done(struct fake_host *fake, struct weir_nodes *nodes)
{
	weir_nodes_done(nodes);
	fake_close(fake);
}

/* Node 2 has CPUs and no memory, node 7 memory and no CPUs (CXL, or HBM). */
static void nodes_0_2_and_7_are_read_in_full(void **state)
{
	struct fake_file files[] = {
		{ DIR "/online", "0,2,7\n" },
		{ DIR "/has_memory", "0,7\n" },
		{ DIR "/node0/meminfo", "Node 0 MemTotal: 8156288 kB\n"
		                        "Node 0 HugePages_Total:     4\n" },
		{ DIR "/node0/cpulist", "0-3,8-11\n" },
		{ DIR "/node0/distance", "10 21 31\n" },
		{ DIR "/node2/meminfo", "Node 2 MemTotal: 0 kB\n" },
		{ DIR "/node2/cpulist", "4-7\n" },
		{ DIR "/node2/distance", "21 10 31\n" },
		{ DIR "/node7/meminfo", "Node 7 MemTotal: 1024 kB\n" },
		{ DIR "/node7/cpulist", "\n" },
		{ DIR "/node7/distance", "31 31 10\n" },
	};
	struct weir_nodes nodes;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), &nodes);
	assert_true(nodes.known);
	expect_u64_eq(nodes.nr, 3);
	expect_u64_eq(fake.gaps.nr, 0);
	expect_u64_eq(nodes.v[0].id, 0);
	expect_u64_eq(nodes.v[1].id, 2);
	expect_u64_eq(nodes.v[2].id, 7);
	assert_true(nodes.v[0].has_memory);
	assert_false(nodes.v[1].has_memory);
	assert_true(nodes.v[2].has_memory);
	expect_count(nodes.v[0].mem.total, UINT64_C(8156288) * 1024);
	expect_count(nodes.v[0].mem.huge_total, 4);
	expect_count(nodes.v[1].mem.total, 0);
	assert_true(nodes.v[2].cpus_known);
	expect_u64_eq(weir_ranges_count(&nodes.v[0].cpus), 8);
	expect_u64_eq(weir_ranges_count(&nodes.v[2].cpus), 0);
	expect_u64_eq(nodes.v[1].nr_distances, 3);
	expect_u64_eq(nodes.v[1].distances[2], 31);
	assert_ptr_equal(weir_nodes_find(&nodes, 7), &nodes.v[2]);
	assert_null(weir_nodes_find(&nodes, 1));
	assert_null(weir_nodes_find(&nodes, 3));
	done(&fake, &nodes);
}

/* A tree that was copied by hand: the directories say which nodes there are, and the
 * memory of each whether it has some. */
static void nodes_without_lists_are_those_that_have_a_directory(void **state)
{
	struct fake_file files[] = {
		{ DIR "/node10/meminfo", "Node 10 MemTotal: 0 kB\n" },
		{ DIR "/node2/meminfo", "Node 2 MemTotal: 4 kB\n" },
		{ DIR "/node1023/cpulist", "0\n" },
		{ DIR "/node1024/cpulist", "1\n" },
		{ DIR "/node/cpulist", "1\n" },
		{ DIR "/node-1/cpulist", "1\n" },
		{ DIR "/node3x/cpulist", "1\n" },
		{ DIR "/nodes", "1\n" },
		{ DIR "/power/control", "auto\n" },
	};
	struct weir_nodes nodes;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), &nodes);
	assert_true(nodes.known);
	expect_u64_eq(nodes.nr, 3);
	expect_u64_eq(nodes.v[0].id, 2);
	expect_u64_eq(nodes.v[1].id, 10);
	expect_u64_eq(nodes.v[2].id, 1023);
	assert_true(nodes.v[0].has_memory);
	assert_false(nodes.v[1].has_memory);
	assert_true(nodes.v[2].has_memory); /* not known to have none */
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR "/online");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR "/has_memory");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR "/node1023/meminfo");
	done(&fake, &nodes);
}

static void nodes_odd_lists_are_malformed(void **state)
{
	static const char *const cases[] = { "x\n",    "0-\n",    "1-0\n",
		                             "0,\n",   "0 1\n",   "0-1024\n",
		                             "1024\n", "65536\n", "-1\n" };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = { { DIR "/online", cases[i] } };
		struct weir_nodes nodes;
		struct fake_host fake;

		read_from(&fake, files, WEIR_NELEM(files), &nodes);
		assert_false(nodes.known);
		expect_u64_eq(nodes.nr, 0);
		assert_true(strlen(fake_expect_gap(&fake, WEIR_GAP_MALFORMED,
		                                   DIR "/online")) > 0);
		done(&fake, &nodes);
	}
}

static void nodes_list_with_a_nul_is_malformed(void **state)
{
	struct fake_file files[] = { { DIR "/online", "0\0-1\n", .size = 5 } };
	struct weir_nodes nodes;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), &nodes);
	assert_false(nodes.known);
	fake_expect_gap(&fake, WEIR_GAP_MALFORMED, DIR "/online");
	done(&fake, &nodes);
}

static void nodes_garbled_list_falls_back_on_directories(void **state)
{
	struct fake_file files[] = {
		{ DIR "/online", "0-\n" },
		{ DIR "/node5/cpulist", "1-2\n" },
	};
	struct weir_nodes nodes;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), &nodes);
	expect_u64_eq(nodes.nr, 1);
	expect_u64_eq(nodes.v[0].id, 5);
	fake_expect_gap(&fake, WEIR_GAP_MALFORMED, DIR "/online");
	done(&fake, &nodes);
}

static void nodes_last_id_is_1023(void **state)
{
	struct fake_file files[] = {
		{ DIR "/online", "0-1023\n" },
		{ DIR "/has_memory", "0-1022\n" },
		{ DIR "/node1023/cpulist", "8191\n" },
	};
	struct weir_nodes nodes;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), &nodes);
	expect_u64_eq(nodes.nr, 1024);
	assert_true(nodes.v[1022].has_memory);
	assert_false(nodes.v[1023].has_memory);
	assert_true(weir_ranges_has(&nodes.v[1023].cpus, 8191));
	done(&fake, &nodes);
}

static void nodes_of_a_kernel_without_numa_are_not_known(void **state)
{
	struct fake_file files[] = { { "/proc/meminfo", "MemTotal: 1 kB\n" } };
	struct weir_nodes nodes;
	struct fake_host fake;

	(void)state;
	read_from(&fake, files, WEIR_NELEM(files), &nodes);
	assert_false(nodes.known);
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR "/online");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR);
	expect_u64_eq(fake.gaps.nr, 2);
	done(&fake, &nodes);
}

static void nodes_each_way_of_not_knowing_is_a_gap_of_its_own(void **state)
{
	static char large[WEIR_SMALL_MAX + 2];
	struct fake_file files[] = {
		{ DIR "/online", "0-1\n" },
		{ DIR "/has_memory", .error = -EACCES },
		{ DIR "/node0/meminfo", "Node 0 MemTotal: x kB\nNode 0 MemFree: 4 kB\n" },
		{ DIR "/node0/cpulist", "0-\n" },
		{ DIR "/node0/distance", "10 x\n" },
		{ DIR "/node1/meminfo", large },
		{ DIR "/node1/cpulist", .error = -EIO },
	};
	struct weir_nodes nodes;
	struct fake_host fake;

	(void)state;
	memset(large, ' ', sizeof(large) - 1);
	read_from(&fake, files, WEIR_NELEM(files), &nodes);
	expect_u64_eq(nodes.nr, 2);
	assert_true(nodes.v[0].has_memory); /* not known to have none */
	expect_unknown(nodes.v[0].mem.total);
	expect_count(nodes.v[0].mem.free, 4096);
	assert_false(nodes.v[0].cpus_known);
	expect_u64_eq(nodes.v[0].nr_distances, 0);
	fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN, DIR "/has_memory");
	expect_str(fake_expect_gap(&fake, WEIR_GAP_MALFORMED, DIR "/node0/meminfo"),
	           "no plausible value: 'Node 0 MemTotal: x kB'");
	expect_str(fake_expect_gap(&fake, WEIR_GAP_MALFORMED, DIR "/node0/cpulist"),
	           "no list of ids: '0-'");
	expect_str(fake_expect_gap(&fake, WEIR_GAP_MALFORMED, DIR "/node0/distance"),
	           "no list of distances: '10 x'");
	fake_expect_gap(&fake, WEIR_GAP_TOO_LARGE, DIR "/node1/meminfo");
	fake_expect_gap(&fake, WEIR_GAP_FAILED, DIR "/node1/cpulist");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR "/node1/distance");
	expect_u64_eq(fake.gaps.nr, 7);
	done(&fake, &nodes);
}

static int read_all(void *ctx)
{
	struct fake_file files[] = {
		{ DIR "/online", ctx },
		{ DIR "/has_memory", "0-1\n" },
		{ DIR "/node0/meminfo", "Node 0 MemTotal: x kB\n" },
		{ DIR "/node0/cpulist", "0,2\n" },
		{ DIR "/node0/distance", "10 21\n" },
		{ DIR "/node1/cpulist", "0-\n" },
	};
	struct weir_nodes nodes;
	struct fake_host fake;
	int failed;

	fake_open(&fake, files, WEIR_NELEM(files));
	weir_nodes_read(&fake.reader, &nodes);
	weir_nodes_read_topology(&fake.reader, &nodes);
	failed = fake.reader.failed;
	done(&fake, &nodes);
	return failed;
}

static void nodes_every_failed_allocation_is_told(void **state)
{
	static char good[] = "0-1\n", bad[] = "0-\n", far[] = "0-1024\n";

	(void)state;
	expect_int_eq(fault_every(read_all, good), 0);
	expect_int_eq(fault_every(read_all, bad), 0); /* falls back on directories */
	expect_int_eq(fault_every(read_all, far), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(distances_are_plain_numbers),
		cmocka_unit_test(distances_end_at_1024_nodes),
		cmocka_unit_test(distances_with_a_nul_are_refused),
		cmocka_unit_test(nodes_0_2_and_7_are_read_in_full),
		cmocka_unit_test(nodes_without_lists_are_those_that_have_a_directory),
		cmocka_unit_test(nodes_odd_lists_are_malformed),
		cmocka_unit_test(nodes_list_with_a_nul_is_malformed),
		cmocka_unit_test(nodes_garbled_list_falls_back_on_directories),
		cmocka_unit_test(nodes_last_id_is_1023),
		cmocka_unit_test(nodes_of_a_kernel_without_numa_are_not_known),
		cmocka_unit_test(nodes_each_way_of_not_knowing_is_a_gap_of_its_own),
		cmocka_unit_test(nodes_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
