/* The model by itself: hosts that cannot be, the order of nodes, our own memory that
 * ends, and what no scenario can say. What the kernel does is tested by tests/scenarios.
 */
#include "fault.h"
#include "model/boot.h"
#include "model/check.h"
#include "model/fault.h"
#include "model/file.h"
#include "model/mount.h"
#include "model/task.h"
#include "model/vma.h"
#include "test.h"

#include <errno.h>

#define M2 (UINT64_C(2) << 20)
#define G1 (UINT64_C(1) << 30)

static struct weir_rules rules_of(const char *kernel)
{
	struct weir_rules rules;
	size_t idx;

	expect_int_eq(weir_rules_parse(weir_strz(kernel), &rules, &idx, NULL), 0);
	return rules;
}

static struct weir_model *host(const struct weir_node_config *nodes, size_t nr)
{
	static struct weir_rules rules;
	const uint64_t sizes[] = { M2, G1 };
	struct weir_model_config config = {
		.rules = &rules,
		.nodes = nodes,
		.nr_nodes = nr,
		.page_bytes = sizes,
		.nr_sizes = 2,
	};
	struct weir_model *m = NULL;

	rules = rules_of("6.12");
	expect_int_eq(weir_model_new(&config, &m, NULL), 0);
	return m;
}

static void model_impossible_hosts_are_refused(void **state)
{
	struct weir_rules rules = rules_of("6.12");
	const struct weir_node_config good = { .memory_bytes = G1 }, high = { .id = 64 },
				      empty = { .cpus = 1 }, twice[] = { good, good };
	const uint64_t odd = 3 << 20, same[] = { M2, M2 }, small = 4096;
	static const uint64_t many[9] = { 1 << 13, 1 << 14, 1 << 15, 1 << 16, 1 << 17,
		                          1 << 18, 1 << 19, 1 << 20, 1 << 21 };
	const struct weir_model_config cases[] = {
		{ &rules, &high, 1, &good.memory_bytes, 1, false },
		{ &rules, &empty, 1, &good.memory_bytes, 1, false },
		{ &rules, twice, 2, &good.memory_bytes, 1, false },
		{ &rules, NULL, 0, &good.memory_bytes, 1, false },
		{ &rules, &good, 1, &odd, 1, false },
		{ &rules, &good, 1, same, 2, false },
		{ &rules, &good, 1, &small, 1, false },
		{ &rules, &good, 1, many, 9, false },
		{ &rules, &good, 1, many, 0, false },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_err err = { 0 };
		struct weir_model *m = NULL;

		expect_int_eq(weir_model_new(&cases[i], &m, &err), -EINVAL);
		assert_null(m);
		assert_string_not_equal(err.msg, "");
	}
	weir_model_free(NULL);
}

static void expect_order(const struct weir_model *m, unsigned int node, const char *want)
{
	char got[64] = "";

	for (unsigned int i = 0; i < m->memory.nr_order; i++)
		snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u",
		         m->memory.order[node][i]);
	expect_str(got, want);
}

static void memory_order_is_the_kernels(void **state)
{
	static const unsigned int far[3] = { 30, 20, 10 };
	const struct weir_node_config even[] = {
		{ .id = 0, .memory_bytes = G1, .cpus = 1 },
		{ .id = 1, .memory_bytes = G1, .cpus = 2 },
		{ .id = 2, .memory_bytes = G1, .cpus = 4 },
	};
	const struct weir_node_config odd[] = {
		{ .id = 0, .cpus = 1 }, /* no memory of its own */
		{ .id = 1, .memory_bytes = G1 },
		{ .id = 2, .memory_bytes = G1, .distance = far, .nr_distances = 3 },
	};
	weir_auto(weir_model_freep) struct weir_model *m = host(even, 3);
	weir_auto(weir_model_freep) struct weir_model *o = host(odd, 3);

	(void)state;
	expect_order(m, 0, "012");
	expect_order(m, 1, "120"); /* above first */
	expect_order(m, 2, "201"); /* node 1 was node 0's first */
	expect_order(o, 0, "12");
	expect_int_eq(weir_memory_near(&o->memory, 0), 1);
	expect_order(o, 2, "21");
}

static void pool_write_of_any_number_is_bounded_by_memory(void **state)
{
	const struct weir_node_config node = { .memory_bytes = 5 * M2 + 1, .cpus = 1 };
	const uint64_t numbers[] = { 0, 5, 6, UINT64_MAX, UINT64_MAX - 1, 3 };
	weir_auto(weir_model_freep) struct weir_model *m = host(&node, 1);

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(numbers); i++) {
		struct weir_resize all = { .target = numbers[i], .node = -1 };
		struct weir_resize one = { .target = numbers[i], .node = 0 };
		uint64_t want = numbers[i] < 5 ? numbers[i] : 5;

		weir_pool_resize(m, &m->pools[0], &all);
		expect_u64_eq(m->pools[0].total, want);
		expect_u64_eq(m->pools[0].max, want);
		weir_pool_resize(m, &m->pools[0], &one);
		expect_u64_eq(m->pools[0].total, want);
		expect_int_eq(weir_model_check(m, NULL), 0);
	}
}

static void map_absurd_sizes_are_refused(void **state)
{
	const struct weir_node_config node = { .memory_bytes = G1, .cpus = 1 };
	weir_auto(weir_model_freep) struct weir_model *m = host(&node, 1);
	struct weir_task_config none = { 0 };
	struct weir_task *task = weir_task_new(m, &none);
	const uint64_t pages[] = { 0, UINT64_C(1) << 31, UINT64_MAX };
	uint64_t addr = 1;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(pages); i++) {
		struct weir_map_config config = {
			.pool = &m->pools[0],
			.pages = pages[i],
			.noreserve = true,
		};

		expect_int_eq(weir_map(m, task, &config, &addr), -EINVAL);
	}
	expect_u64_eq(addr, 1);
	expect_int_eq(weir_model_check(m, NULL), 0);
	/* a terabyte of nothing is no trouble */
	struct weir_map_config huge = {
		.pool = &m->pools[0],
		.pages = INT32_MAX,
		.noreserve = true,
	};
	expect_int_eq(weir_map(m, task, &huge, &addr), 0);
	weir_unmap(m, task, addr + 1000 * M2, 7, M2);
	expect_u64_eq(task->nr_vmas, 2);
}

/* 3.5: what was freed last is handed out first; and 2.10, after growth. Which page it is
 * only the model itself can tell. */
static void pool_free_lists_are_stacks(void **state)
{
	const struct weir_node_config node = { .memory_bytes = G1, .cpus = 1 };
	weir_auto(weir_model_freep) struct weir_model *m = host(&node, 1);
	struct weir_resize four = { .target = 4, .node = -1 };
	struct weir_map_config config = { .pool = &m->pools[0], .pages = 4 };
	struct weir_task_config none = { 0 };
	struct weir_task *task = weir_task_new(m, &none);
	weir_page_id first[4];
	uint64_t addr;

	(void)state;
	weir_pool_resize(m, &m->pools[0], &four);
	expect_int_eq(weir_map(m, task, &config, &addr), 0);
	(void)weir_touch(m, task, addr, 4, M2, true);
	for (uint32_t i = 0; i < 4; i++) {
		first[i] = weir_pte(task->vmas[0], i);
		expect_u64_eq(first[i], i + 1); /* 6.12: the first allocated first */
	}
	weir_unmap(m, task, addr, 4, M2);
	expect_int_eq(weir_map(m, task, &config, &addr), 0);
	(void)weir_touch(m, task, addr, 4, M2, true);
	for (uint32_t i = 0; i < 4; i++)
		expect_u64_eq(weir_pte(task->vmas[0], i), first[3 - i]);
	weir_unmap(m, task, addr, 4, M2);
	m->rules.grown_last_first = true;
	four.target = 0;
	weir_pool_resize(m, &m->pools[0], &four);
	four.target = 2;
	weir_pool_resize(m, &m->pools[0], &four);
	config.pages = 1;
	expect_int_eq(weir_map(m, task, &config, &addr), 0);
	weir_page_id below = m->pages.v[m->pools[0].head[0]].next;
	weir_page_id top = m->pools[0].head[0];
	(void)weir_touch(m, task, addr, 1, M2, true);
	expect_u64_eq(weir_pte(task->vmas[0], 0), top);
	expect_u64_eq(m->pools[0].head[0], below);
}

/* A little of everything, for the allocations that it makes. */
static int live_a_little(void *ctx)
{
	const struct weir_node_config nodes[] = {
		{ .id = 0, .memory_bytes = G1, .cpus = 1 },
		{ .id = 1, .memory_bytes = G1, .cpus = 2 },
	};
	const uint64_t size = M2;
	static struct weir_rules rules;
	struct weir_model_config config = {
		.rules = &rules,
		.nodes = nodes,
		.nr_nodes = 2,
		.page_bytes = &size,
		.nr_sizes = 1,
	};
	weir_auto(weir_model_freep) struct weir_model *m = NULL;
	struct weir_resize resize = { .target = 40, .node = -1 };
	struct weir_policy bind = { WEIR_POLICY_BIND, 2 };
	struct weir_mount_config mount = { .has_min_size = true, .min_size = 4 * M2 };
	struct weir_map_config map = { .pages = 6 };
	struct weir_mount *on;
	struct weir_file *file;
	struct weir_task *a, *b;
	uint64_t addr;
	uint32_t group;
	int r;

	(void)ctx;
	rules = rules_of("6.12");
	if (weir_model_new(&config, &m, NULL) < 0)
		return -ENOMEM;
#define LIVE(call)                      \
	do {                            \
		call;                   \
		if (m->failed)          \
			return -ENOMEM; \
	} while (0)
	struct weir_task_config none = { 0 };

	map.pool = mount.pool = &m->pools[0];
	LIVE(weir_pool_resize(m, &m->pools[0], &resize));
	LIVE((void)weir_group_new(m, WEIR_GROUP_ROOT, &group));
	none.group = group;
	LIVE(a = weir_task_new(m, &none));
	LIVE((void)weir_task_set_policy(m, a, &bind));
	LIVE((void)weir_mount(m, NULL, &mount, &on));
	LIVE((void)weir_mount_create(m, on, &file));
	LIVE((void)weir_file_open(m, a, file));
	LIVE((void)weir_file_allocate(m, a, file, 0, 3));
	LIVE((void)weir_map(m, a, &map, &addr));
	LIVE((void)weir_touch(m, a, addr, 6, M2, true));
	LIVE((void)weir_task_fork(m, a, &b));
	LIVE((void)weir_touch(m, b, addr, 6, M2, true));
	LIVE((void)weir_bind(m, b, addr + M2, 2, M2, &bind));
	LIVE(weir_unmap(m, a, addr + M2, 3, M2));
	map.file = file;
	LIVE((void)weir_map(m, b, &map, &addr));
	LIVE((void)weir_touch(m, b, addr, 6, M2, true));
	LIVE(weir_file_punch(m, file, 1, 1));
	LIVE(weir_file_truncate(m, file, 1));
	LIVE(weir_file_unlink(m, file));
	LIVE(weir_task_exit(m, a));
	LIVE(weir_task_exit(m, b));
	r = weir_model_check(m, NULL);
	if (r == -ENOMEM)
		return r;
	expect_int_eq(r, 0);
	expect_u64_eq(m->pools[0].reserved, 4);
	expect_u64_eq(m->pools[0].free, 40);
	return 0;
}

static void model_without_memory_of_its_own_says_so(void **state)
{
	(void)state;
	expect_int_eq(fault_every(live_a_little, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(model_impossible_hosts_are_refused),
		cmocka_unit_test(memory_order_is_the_kernels),
		cmocka_unit_test(pool_write_of_any_number_is_bounded_by_memory),
		cmocka_unit_test(map_absurd_sizes_are_refused),
		cmocka_unit_test(pool_free_lists_are_stacks),
		cmocka_unit_test(model_without_memory_of_its_own_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
