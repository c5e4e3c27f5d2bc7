/* Runs of pages (pool.h) against the rule of one page: two models do the same at random,
 * one with runs, one page by page, and must be equal to the last field after each step.
 */
#include "base/rng.h"
#include "model/advise.h"
#include "model/anon.h"
#include "model/check.h"
#include "model/fault.h"
#include "model/file.h"
#include "model/migrate.h"
#include "model/mount.h"
#include "model/offline.h"
#include "model/pin.h"
#include "model/reserve.h"
#include "model/start.h"
#include "model/task.h"
#include "model/vma.h"
#include "test.h"

#include <errno.h>

#define M2    (UINT64_C(2) << 20)
#define BLOCK UINT64_C(512) /* base pages of a huge one */
#define NODES 3
#define TASKS 5
#define MAPS  4
#define FILES 6
#define VMS   3

struct map {
	uint64_t addr, nr;
};

struct world {
	struct weir_model *m;
	struct weir_pool *pool;
	struct weir_rng rng; /* both worlds draw the same */
	struct weir_task *tasks[TASKS];
	struct map maps[TASKS][MAPS];
	struct weir_file *files[FILES]; /* two on each mount */
	uint32_t groups[3];
	struct weir_started vms[VMS];
	uint64_t most;    /* pages of a mapping */
	uint64_t answers; /* what the calls said, one after the other */
};

/* ---- equal to the last field ------------------------------------------------------- */

#define EQUAL(a, b, field) expect_u64_eq((uint64_t)(a)->field, (uint64_t)(b)->field)

static void expect_pages_equal(const struct weir_model *a, const struct weir_model *b)
{
	expect_u64_eq(a->pages.nr, b->pages.nr);
	EQUAL(a, b, pages.unused);
	for (weir_page_id id = 1; id < a->pages.nr; id++) {
		const struct weir_page *p = &a->pages.v[id], *q = &b->pages.v[id];

		EQUAL(p, q, flags);
		EQUAL(p, q, next); /* or mapcount */
		EQUAL(p, q, prev); /* or subpool and pins */
		EQUAL(p, q, group);
		EQUAL(p, q, group_rsvd);
		EQUAL(p, q, site);
		EQUAL(p, q, node);
		EQUAL(p, q, pool);
		EQUAL(p, q, is_stuck);
	}
}

static void expect_pools_equal(const struct weir_pool *a, const struct weir_pool *b)
{
	EQUAL(a, b, total);
	EQUAL(a, b, free);
	EQUAL(a, b, reserved);
	EQUAL(a, b, surplus);
	EQUAL(a, b, max);
	EQUAL(a, b, next_alloc);
	EQUAL(a, b, next_free);
	EQUAL(a, b, nr_poisoned_free);
	EQUAL(a, b, reserved_leaked);
	for (unsigned int n = 0; n < NODES; n++) {
		EQUAL(a, b, nr[n]);
		EQUAL(a, b, nr_free[n]);
		EQUAL(a, b, nr_surplus[n]);
		EQUAL(a, b, head[n]);
		EQUAL(a, b, nr_pinnable[n]);
		EQUAL(a, b, pinnable_from[n]);
		EQUAL(a, b, hvo_seen[n]);
	}
}

static void expect_memory_equal(const struct weir_memory *a, const struct weir_memory *b)
{
	for (unsigned int n = 0; n < NODES; n++) {
		EQUAL(a, b, total_bytes[n]);
		for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
			for (unsigned int side = 0; side < 2; side++) {
				EQUAL(a, b, zones[n][z].free[side]);
				EQUAL(a, b, zones[n][z].whole[side]);
				EQUAL(a, b, zones[n][z].cache[side]);
			}
	}
}

static void expect_groups_equal(const struct weir_model *a, const struct weir_model *b)
{
	expect_u64_eq(a->groups.nr, b->groups.nr);
	for (uint32_t id = 1; id <= a->groups.nr; id++) {
		const struct weir_group_size *g = weir_group(&a->groups, id)->sizes;
		const struct weir_group_size *h = weir_group(&b->groups, id)->sizes;

		EQUAL(g, h, events);
		for (unsigned int c = 0; c < WEIR_CHARGE_NR; c++) {
			EQUAL(g, h, charged[c]);
			EQUAL(g, h, limit[c]);
			EQUAL(g, h, failcnt[c]);
		}
		for (unsigned int n = 0; n < NODES; n++)
			EQUAL(g, h, node[n]);
	}
	expect_u64_eq(a->subpools.nr, b->subpools.nr);
	for (size_t i = 0; i < a->subpools.nr; i++) {
		EQUAL(a->subpools.v[i], b->subpools.v[i], used);
		EQUAL(a->subpools.v[i], b->subpools.v[i], held);
	}
}

static void expect_regions_equal(const struct weir_regions *a,
                                 const struct weir_regions *b)
{
	expect_u64_eq(a->nr, b->nr);
	for (uint32_t i = 0; i < a->nr; i++) {
		EQUAL(&a->v[i], &b->v[i], from);
		EQUAL(&a->v[i], &b->v[i], to);
		EQUAL(&a->v[i], &b->v[i], group);
	}
}

static void expect_slots_equal(const struct weir_slots *a, const struct weir_slots *b)
{
	uint32_t i = 0;

	EQUAL(a, b, used);
	for (uint32_t n = a->used; n; n--, i++) {
		i = weir_slots_next(a, i, UINT32_MAX);
		expect_u64_eq(weir_slots_next(b, 0, i + 1) <= i, true);
		expect_u64_eq(weir_slots_get(a, i), weir_slots_get(b, i));
	}
	expect_u64_eq(weir_slots_count(a, 0, UINT32_MAX), a->used);
	expect_u64_eq(weir_slots_count(b, 0, UINT32_MAX), b->used);
}

static void expect_vmas_equal(const struct weir_vma *a, const struct weir_vma *b)
{
	EQUAL(a, b, start);
	EQUAL(a, b, nr);
	EQUAL(a, b, pgoff);
	EQUAL(a, b, policy);
	EQUAL(a, b, flags);
	EQUAL(a, b, first);
	expect_u64_eq(!a->owner, !b->owner);
	if (a->owner && b->owner)
		expect_regions_equal(&a->owner->consumed, &b->owner->consumed);
	expect_u64_eq(!a->ptes, !b->ptes);
	if (a->ptes && b->ptes)
		expect_slots_equal(&a->ptes->slots, &b->ptes->slots);
}

static void expect_tasks_equal(const struct weir_model *a, const struct weir_model *b)
{
	expect_u64_eq(a->nr_tasks, b->nr_tasks);
	for (size_t i = 0; i < a->nr_tasks; i++) {
		const struct weir_task *t = a->tasks[i], *u = b->tasks[i];

		EQUAL(t, u, nr_vmas);
		EQUAL(t, u, nr_open);
		EQUAL(t, u, nr_pins);
		EQUAL(t, u, mapped[0]);
		EQUAL(t, u, has_pinned);
		for (size_t v = 0; v < t->nr_vmas; v++)
			expect_vmas_equal(t->vmas[v], u->vmas[v]);
	}
	expect_u64_eq(a->nr_files, b->nr_files);
	for (size_t i = 0; i < a->nr_files; i++) {
		EQUAL(a->files[i], b->files[i], size);
		EQUAL(a->files[i], b->files[i], nr_vmas);
		expect_slots_equal(&a->files[i]->cache, &b->files[i]->cache);
		expect_regions_equal(&a->files[i]->map, &b->files[i]->map);
	}
}

static void expect_equal(const struct world *a, const struct world *b)
{
	EQUAL(a, b, answers);
	EQUAL(a->m, b->m, bugs);
	EQUAL(a->m, b->m, corrupted_bytes);
	EQUAL(a->m, b->m, failed);
	expect_pools_equal(a->pool, b->pool);
	expect_pages_equal(a->m, b->m);
	expect_memory_equal(&a->m->memory, &b->m->memory);
	expect_groups_equal(a->m, b->m);
	expect_tasks_equal(a->m, b->m);
}

/* ---- what they do ------------------------------------------------------------------ */

static uint64_t below(struct world *w, uint64_t n)
{
	return weir_rng_below(&w->rng, n);
}

static void answered(struct world *w, uint64_t what)
{
	w->answers = (w->answers ^ what) * UINT64_C(0x100000001b3);
}

static void answered_touch(struct world *w, struct weir_answer answer)
{
	answered(w, answer.outcome);
	answered(w, (uint64_t)(int64_t)answer.err);
	answered(w, answer.after);
}

static struct weir_policy any_policy(struct world *w)
{
	static const enum weir_policy_mode modes[] = {
		WEIR_POLICY_DEFAULT,        WEIR_POLICY_LOCAL, WEIR_POLICY_PREFERRED,
		WEIR_POLICY_PREFERRED_MANY, WEIR_POLICY_BIND,  WEIR_POLICY_BIND,
		WEIR_POLICY_INTERLEAVE,
	};
	struct weir_policy policy = { .mode = modes[below(w, WEIR_NELEM(modes))] };
	uint64_t nodes = 1 + below(w, (1U << NODES) - 1);

	if (policy.mode != WEIR_POLICY_DEFAULT && policy.mode != WEIR_POLICY_LOCAL)
		policy.nodes = nodes;
	return policy;
}

static struct weir_task *new_task(struct world *w)
{
	struct weir_task_config config = {
		.cpu = (unsigned int)below(w, NODES),
		.group = w->groups[below(w, 3)],
	};

	if (below(w, 4) == 0)
		config.mems = 1 + below(w, (1U << NODES) - 1);
	return weir_task_new(w->m, &config);
}

static void map(struct world *w, struct weir_task *task, struct map *map)
{
	struct weir_map_config config = {
		.pool = w->pool,
		.pages = 1 + below(w, w->most),
		.shared = below(w, 2),
		.noreserve = below(w, 3) == 0,
		.readonly = below(w, 8) == 0,
		.populate = below(w, 8) == 0,
	};

	if (below(w, 2)) {
		config.file = w->files[below(w, FILES)];
		config.pgoff = below(w, 4);
	}
	if (weir_map(w->m, task, &config, &map->addr) == 0)
		map->nr = config.pages;
	answered(w, map->nr);
}

static void use_map(struct world *w, struct weir_task **task, struct map *map)
{
	uint64_t from = below(w, map->nr), nr = 1 + below(w, map->nr - from);
	uint64_t addr = map->addr + from * M2;
	struct weir_policy policy = any_policy(w);
	struct weir_model *m = w->m;
	int r = 0;

	switch (below(w, 24)) {
	default:
		answered_touch(w, weir_touch(m, *task, addr, nr, M2, below(w, 2)));
		break;
	case 0: weir_unmap(m, *task, addr, nr, M2); break;
	case 1:
		weir_unmap(m, *task, map->addr, map->nr, M2);
		map->nr = 0;
		break;
	case 2:
	case 3:
	case 4:
	case 5:
	case 6:
		r = weir_advise(m, *task, addr, nr, M2,
		                (enum weir_advice)below(w, WEIR_ADVICE_LOCK + 1));
		break;
	case 7: r = weir_bind(m, *task, addr, nr, M2, &policy); break;
	case 8: r = weir_pin(m, *task, addr, nr, M2); break;
	case 9: weir_unpin(m, *task, addr, nr, M2); break;
	case 10:
		r = weir_move_pages(m, *task, addr, 1, M2, (unsigned int)below(w, NODES));
		break;
	case 11:
		if (below(w, 4) == 0)
			answered_touch(w, weir_poison(m, *task, addr, M2));
		break;
	case 12: answered_touch(w, weir_soft_offline(m, *task, addr, M2)); break;
	}
	answered(w, (uint64_t)(int64_t)r);
}

static void use_task(struct world *w, unsigned int i)
{
	unsigned int heir = (unsigned int)below(w, TASKS), k;
	struct weir_policy policy = any_policy(w);

	if (!w->tasks[i]) {
		w->tasks[i] = new_task(w);
		memset(w->maps[i], 0, sizeof(w->maps[i]));
		return;
	}
	k = (unsigned int)below(w, MAPS);
	switch (below(w, 16)) {
	case 0:
		weir_task_exit(w->m, w->tasks[i]);
		w->tasks[i] = NULL;
		break;
	case 1:
		if (w->tasks[heir])
			break;
		memcpy(w->maps[heir], w->maps[i], sizeof(w->maps[i]));
		if (weir_task_fork(w->m, w->tasks[i], &w->tasks[heir]) < 0)
			w->tasks[heir] = NULL;
		break;
	case 2:
		answered(w, (uint64_t)(int64_t)weir_task_set_policy(w->m, w->tasks[i],
		                                                    &policy));
		break;
	default:
		if (w->maps[i][k].nr)
			use_map(w, &w->tasks[i], &w->maps[i][k]);
		else
			map(w, w->tasks[i], &w->maps[i][k]);
		break;
	}
}

static void use_file(struct world *w)
{
	struct weir_file *file = w->files[below(w, FILES)];
	struct weir_task *task = w->tasks[below(w, TASKS)];
	uint64_t at = below(w, w->most), nr = 1 + below(w, w->most);

	switch (below(w, 6)) {
	case 0: weir_file_truncate(w->m, file, at); break;
	case 1: weir_file_punch(w->m, file, at, nr); break;
	default:
		answered(w,
		         (uint64_t)(int64_t)weir_file_allocate(w->m, task, file, at, nr));
		break;
	}
}

static void use_vm(struct world *w, struct weir_started *vm)
{
	const struct weir_start_memory memory = {
		.bytes = (1 + below(w, w->most)) * M2,
		.page_bytes = M2,
		.shared = below(w, 2),
		.prealloc = below(w, 2),
		.reserve = below(w, 4),
		.policy = any_policy(w),
		.file = below(w, 4) ? NULL : w->files[below(w, FILES)],
	};
	const struct weir_start start = {
		.kind = below(w, 4) ? WEIR_GUEST_PLAIN : WEIR_GUEST_PINNED,
		.memory = &memory,
		.nr_memory = 1,
		.cpu = (unsigned int)below(w, NODES),
		.group = w->groups[below(w, 3)],
		.memlock_bytes = UINT64_MAX,
		.nr_vfio = below(w, 4) == 0,
	};

	if (vm->task) {
		weir_start_end(w->m, vm);
		return;
	}
	expect_int_eq(weir_start(w->m, &start, vm), 0);
	if (vm->task)
		expect_int_eq(weir_start_use(w->m, &start, vm), 0);
	answered(w, vm->end.step);
	answered(w, vm->end.have);
	answered(w, vm->nearest.have);
}

/* A page fails while all that are free are promised: it stays on its list. */
static int poison(struct world *w, unsigned int node)
{
	int64_t nr = w->pool->free > w->pool->reserved
	                     ? (int64_t)(w->pool->free - w->pool->reserved)
	                     : 0;
	int r;

	if (weir_reserve(w->m, w->pool, NULL, nr) < 0)
		return -ENOMEM;
	r = weir_poison_free(w->m, w->pool, node, below(w, 2));
	weir_unreserve(w->m, w->pool, nr);
	return r;
}

static void administer(struct world *w)
{
	struct weir_resize how = {
		.target = below(w, w->pool->total + w->pool->total / 8 + 8),
		.node = (int)below(w, NODES + 1) - 1,
	};
	unsigned int node = (unsigned int)below(w, NODES);
	uint64_t limit = below(w, 3) ? below(w, 2 * w->most) * M2 : UINT64_MAX;
	int r = 0;

	switch (below(w, 8)) {
	case 0:
	case 1: weir_pool_resize(w->m, w->pool, &how); break;
	case 2: r = weir_pool_overcommit(w->m, w->pool, below(w, w->most)); break;
	case 3:
	case 4:
		r = weir_group_limit(w->m, w->groups[below(w, 3)], w->pool,
		                     (enum weir_charge)below(w, WEIR_CHARGE_NR), limit);
		break;
	case 5:
		if (below(w, 4) == 0)
			r = poison(w, node);
		break;
	case 6:
		r = weir_block_offline(w->m, w->pool, node, below(w, 3), below(w, 3));
		break;
	default:
		w->m->bugs = 0; /* as a caller does */
		break;
	}
	answered(w, (uint64_t)(int64_t)r);
}

static void step(struct world *w)
{
	switch (below(w, 16)) {
	case 0:
	case 1: use_file(w); break;
	case 2: use_vm(w, &w->vms[below(w, VMS)]); break;
	case 3: administer(w); break;
	default: use_task(w, (unsigned int)below(w, TASKS)); break;
	}
}

/* ---- the worlds -------------------------------------------------------------------- */

/* A host with all that can end a run: little memory, three nodes, places that may not be
 * pinned, mounts with limits. */
static void set_up(struct world *w, const struct weir_rules *rules, uint64_t pages,
                   uint32_t run_max)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = {
		[WEIR_ZONE_NORMAL] = { .there = true,
		                       .managed = 2 * pages * BLOCK,
		                       .cma = pages * BLOCK / 2,
		                       .free = 2 * pages * BLOCK,
		                       .free_cma = pages * BLOCK / 2,
		                       .whole = UINT64_MAX,
		                       .whole_cma = UINT64_MAX },
		[WEIR_ZONE_MOVABLE] = { .there = true,
		                        .managed = pages * BLOCK / 2,
		                        .free = pages * BLOCK / 2,
		                        .whole = UINT64_MAX },
	};
	struct weir_node_config nodes[NODES] = { 0 };
	const uint64_t size = M2;
	const struct weir_model_config config = {
		.rules = rules,
		.nodes = nodes,
		.nr_nodes = NODES,
		.page_bytes = &size,
		.nr_sizes = 1,
		.hvo = below(w, 2),
	};
	struct weir_mount_config mounts[3] = {
		{ 0 },
		{ .has_size = true, .size = pages * M2 / 2 },
		{ .has_min_size = true, .min_size = pages * M2 / 4 },
	};
	bool zoned = below(w, 2);

	for (unsigned int n = 0; n < NODES; n++)
		nodes[n] = (struct weir_node_config){
			.id = n,
			.memory_bytes = 5 * pages * M2 / 2,
			.cpus = UINT64_C(1) << n,
			.zones = zoned && n ? zones : NULL,
		};
	expect_int_eq(weir_model_new(&config, &w->m, NULL), 0);
	w->m->run_max = run_max;
	w->pool = w->m->pools;
	for (unsigned int n = 0; n < NODES; n++)
		assert_true(weir_pool_stock(w->m, w->pool, n,
		                            zoned && n == 1
		                                    ? WEIR_SITE_CMA + WEIR_ZONE_NORMAL
		                                    : WEIR_ZONE_NORMAL,
		                            below(w, pages)));
	for (unsigned int i = 0; i < 3; i++) {
		struct weir_mount *mount;

		mounts[i].pool = w->pool;
		if (weir_mount(w->m, NULL, &mounts[i], &mount) < 0) {
			mounts[i] = (struct weir_mount_config){ .pool = w->pool };
			expect_int_eq(weir_mount(w->m, NULL, &mounts[i], &mount), 0);
		}
		for (unsigned int k = 0; k < 2; k++)
			expect_int_eq(
				weir_mount_create(w->m, mount, &w->files[2 * i + k]), 0);
	}
	w->groups[0] = WEIR_GROUP_ROOT;
	expect_int_eq(weir_group_new(w->m, WEIR_GROUP_ROOT, &w->groups[1]), 0);
	expect_int_eq(weir_group_new(w->m, w->groups[1], &w->groups[2]), 0);
	w->most = pages / 2;
}

static void play(uint64_t seed, const char *kernel, uint64_t pages, unsigned int steps)
{
	struct world *w = calloc(2, sizeof(*w));
	struct weir_rules rules;
	size_t idx;

	assert_non_null(w);
	expect_int_eq(weir_rules_parse(weir_strz(kernel), &rules, &idx, NULL), 0);
	for (unsigned int k = 0; k < 2; k++) {
		weir_rng_seed(&w[k].rng, seed);
		set_up(&w[k], &rules, pages, k ? 1 : WEIR_RUN_MAX);
	}
	expect_equal(&w[0], &w[1]);
	for (unsigned int i = 0; i < steps; i++) {
		step(&w[0]);
		step(&w[1]);
		expect_equal(&w[0], &w[1]);
	}
	expect_int_eq(weir_model_check(w[0].m, NULL), 0);
	weir_model_free(w[0].m);
	weir_model_free(w[1].m);
	free(w);
}

static void runs_at_random_equal_page_by_page(void **state)
{
	const char *given = getenv("WEIR_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : 20240620;

	(void)state;
	print_message("# seed %ju\n", (uintmax_t)seed);
	for (unsigned int world = 0; world < 120; world++)
		play(seed + world, weir_kernels[world % weir_nr_kernels].name,
		     4 + world % 60, 250);
	/* longer than a run and than a chunk of slots */
	for (unsigned int world = 0; world < 12; world++)
		play(seed + world, weir_kernels[world % weir_nr_kernels].name, 2500, 40);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(runs_at_random_equal_page_by_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
