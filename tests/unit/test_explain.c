/* Sentences over a host in memory: what needs none of its own memory to fail, and what is
 * said where the host tells little. What is said of modelled hosts: cli/test_explain.py.
 */
#include "plan/explain.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include "facts/snapshot.h"
#include "holders/ledger.h"

#include <errno.h>

#define POOL "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define GIGA "/sys/kernel/mm/hugepages/hugepages-1048576kB/"
#define NODE "/sys/devices/system/node/"
#define ON   "/hugepages/hugepages-2048kB/"

#define SIZE_2M (UINT64_C(2) << 20)
#define SIZE_1G (UINT64_C(1) << 30)

static struct fake_file files[] = {
	{ "/proc/meminfo", "MemTotal: 4194304 kB\nMemFree: 2097152 kB\n"
	                   "Hugepagesize: 2048 kB\n" },
	{ "/proc/sys/kernel/osrelease", "6.12.0\n" },
	{ "/proc/sys/vm/nr_hugepages", "6\n" },
	{ "/proc/cpuinfo", "vendor_id\t: GenuineIntel\nflags\t\t: fpu pse\n" },
	{ "/@/pagesize", "4096\n" },
	{ NODE "online", "0-1\n" },
	{ NODE "has_memory", "0-1\n" },
	{ NODE "node0/meminfo",
	  "Node 0 MemTotal: 2097152 kB\nNode 0 MemFree: 4096 kB\n" },
	{ NODE "node1/meminfo",
	  "Node 1 MemTotal: 2097152 kB\nNode 1 MemFree: 409600 kB\n" },
	{ NODE "node0" ON "nr_hugepages", "4\n" },
	{ NODE "node0" ON "free_hugepages", "2\n" },
	{ NODE "node0" ON "surplus_hugepages", "2\n" },
	{ NODE "node1" ON "nr_hugepages", "4\n" },
	{ NODE "node1" ON "free_hugepages", "4\n" },
	{ NODE "node1" ON "surplus_hugepages", "0\n" },
	{ POOL "nr_hugepages", "8\n" },
	{ POOL "free_hugepages", "6\n" },
	{ POOL "resv_hugepages", "2\n" },
	{ POOL "surplus_hugepages", "2\n" },
	{ POOL "nr_overcommit_hugepages", "4\n" },
	{ GIGA "nr_hugepages", "0\n" },
	{ GIGA "free_hugepages", "0\n" },
	{ GIGA "resv_hugepages", "0\n" },
	{ GIGA "surplus_hugepages", "0\n" },
	{ GIGA "nr_overcommit_hugepages", "0\n" },
	{ "/proc/buddyinfo", "Node 0, zone Normal 0 0 0 0 0 0 0 0 0 0 1\n"
	                     "Node 1, zone Normal 0 0 0 0 0 0 0 0 0 0 100\n" },
};

static struct scene {
	struct fake_host fake;
	struct weir_snapshot *snap;
	struct weir_ledger ledger;
} scene;

static int open_scene(void **state)
{
	(void)state;
	memset(&scene, 0, sizeof(scene));
	fake_open(&scene.fake, files, WEIR_NELEM(files));
	expect_int_eq(weir_snapshot_read(&scene.fake.host, WEIR_SNAPSHOT_DETAILS,
	                                 &scene.snap, NULL),
	              0);
	expect_int_eq(weir_ledger_read(&scene.fake.host, scene.snap, WEIR_LEDGER_USERS,
	                               &scene.ledger, NULL),
	              0);
	return 0;
}

static int close_scene(void **state)
{
	(void)state;
	weir_ledger_done(&scene.ledger);
	weir_snapshot_free(scene.snap);
	fake_close(&scene.fake);
	return 0;
}

static int say_write(void *ctx)
{
	struct weir_sentences out = { 0 };
	struct weir_err err = { 0 };
	int r = weir_explain_write(scene.snap, &scene.ledger, ctx, &out, NULL, &err);

	weir_sentences_done(&out);
	return r;
}

static int say_pool(void *ctx)
{
	struct weir_sentences out = { 0 };
	struct weir_err err = { 0 };
	int r = weir_explain_pool(scene.snap, &scene.ledger, ctx, &out, &err);

	weir_sentences_done(&out);
	return r;
}

static int say_counters(void *ctx)
{
	struct weir_sentences out = { 0 };
	int r = weir_explain_counters(scene.snap, &scene.ledger, &out);

	(void)ctx;
	weir_sentences_done(&out);
	return r;
}

static void every_allocation_may_fail(void **state)
{
	struct weir_explain_write asked[] = {
		{ .size_bytes = SIZE_2M, .node = -1, .target = 0 },
		{ .size_bytes = SIZE_2M, .node = -1, .target = UINT64_MAX },
		{ .size_bytes = SIZE_2M, .node = 1, .target = 1 },
		{ .size_bytes = SIZE_2M, .node = -1, .policy = 2, .target = 1 },
		{ .size_bytes = SIZE_1G, .node = -1, .target = 3 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(asked); i++) {
		expect_int_eq(fault_every(say_write, &asked[i]), 0);
		expect_int_eq(fault_every(say_pool, &asked[i]), 0);
	}
	expect_int_eq(fault_every(say_counters, NULL), 0);
}

static void outcome_of_a_write_is_told_in_numbers(void **state)
{
	const struct weir_explain_write shrink = { .size_bytes = SIZE_2M, .node = -1 };
	struct weir_explain_outcome came;
	struct weir_sentences out = { 0 };

	(void)state;
	expect_int_eq(weir_explain_write(scene.snap, NULL, &shrink, &out, &came, NULL),
	              0);
	weir_sentences_done(&out);
	expect_u64_eq(came.nodes, 3);
	expect_u64_eq(came.was.total, 8);
	expect_u64_eq(came.was.node[1].free, 4);
	expect_u64_eq(came.is.reserved, 2);
	expect_u64_eq(came.is.total, came.is.surplus); /* nothing was asked for */
	/* 2 in use and 2 promised stay, and what is surplus already */
	expect_u64_eq(came.is.total, 6);
	for (unsigned int n = 0; n < 2; n++) {
		assert_true(came.node_min[n] <= came.is.node[n].total);
		assert_true(came.node_max[n] >= came.is.node[n].total);
	}
}

static void what_is_not_there_is_named(void **state)
{
	static const struct {
		struct weir_explain_write what;
		const char *words;
	} rows[] = {
		{ { .size_bytes = SIZE_2M, .node = 5 },
		  "this host has no such node with memory: it has 0-1" },
		{ { .size_bytes = SIZE_2M, .node = -1, .policy = 1 << 5 },
		  "this host has no such node with memory: it has 0-1" },
		{ { .size_bytes = 3 << 20, .node = -1 },
		  "this host has no pages of 3M; it has 2M, 1G" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		struct weir_sentences out = { 0 };
		struct weir_err err = { 0 };

		expect_int_eq(weir_explain_write(scene.snap, &scene.ledger, &rows[i].what,
		                                 &out, NULL, &err),
		              -ENOENT);
		weir_sentences_done(&out);
		expect_str(err.msg, rows[i].words);
		/* also for who wants no words */
		expect_int_eq(weir_explain_write(scene.snap, &scene.ledger, &rows[i].what,
		                                 &out, NULL, NULL),
		              -ENOENT);
		weir_sentences_done(&out);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_allocation_may_fail, open_scene,
		                                close_scene),
		cmocka_unit_test_setup_teardown(outcome_of_a_write_is_told_in_numbers,
		                                open_scene, close_scene),
		cmocka_unit_test_setup_teardown(what_is_not_there_is_named, open_scene,
		                                close_scene),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
