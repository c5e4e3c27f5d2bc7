/* A VM starts: each step that can fail, with what it needed and what there was; and
 * nothing is left behind by a start that failed, or by a VM that ended. */
#include "model/start.h"

#include "base/rng.h"
#include "fault.h"
#include "model/anon.h"
#include "model/check.h"
#include "model/file.h"
#include "model/mount.h"
#include "model/task.h"
#include "model/vma.h"
#include "test.h"

#include <errno.h>

#define MIB   (UINT64_C(1) << 20)
#define M2    (UINT64_C(2) << 20)
#define BLOCK UINT64_C(512)
#define NODES 2
/* of each node: 100 blocks outside of the CMA, 100 in it */
#define SIDE UINT64_C(100)

/* ---- a host and a VM --------------------------------------------------------------- */

struct scene {
	struct weir_model *m;
	struct weir_start start;
	struct weir_start_memory mem[3];
	struct weir_started vm;
};

static struct weir_pool *pool(struct scene *s)
{
	return &s->m->pools[0];
}

static void scene_init(struct scene *s, const char *kernel)
{
	const struct weir_zone_config zones[WEIR_ZONE_NR] = {
		[WEIR_ZONE_NORMAL] = { .there = true,
		                       .managed = 2 * SIDE * BLOCK,
		                       .cma = SIDE * BLOCK,
		                       .free = 2 * SIDE * BLOCK,
		                       .free_cma = SIDE * BLOCK,
		                       .whole = UINT64_MAX,
		                       .whole_cma = UINT64_MAX },
	};
	struct weir_node_config nodes[NODES];
	const uint64_t size = M2;
	struct weir_model_config config = {
		.nodes = nodes, .nr_nodes = NODES, .page_bytes = &size, .nr_sizes = 1
	};
	struct weir_rules rules;
	size_t idx;

	memset(s, 0, sizeof(*s));
	for (unsigned int n = 0; n < NODES; n++)
		nodes[n] = (struct weir_node_config){ .id = n,
			                              .memory_bytes = M2,
			                              .cpus = UINT64_C(1) << n,
			                              .zones = zones };
	expect_int_eq(weir_rules_parse(weir_strz(kernel), &rules, &idx, NULL), 0);
	config.rules = &rules;
	expect_int_eq(weir_model_new(&config, &s->m, NULL), 0);
	s->mem[0] = (struct weir_start_memory){ .shared = true, .reserve = true };
	s->mem[1] = s->mem[2] = s->mem[0];
	s->start = (struct weir_start){ .memory = s->mem,
		                        .nr_memory = 1,
		                        .memlock_bytes = UINT64_MAX,
		                        .extra_bytes = 4 * MIB,
		                        .slot_bytes = 4 * MIB,
		                        .smr_bytes = 8 * MIB };
}

static void scene_done(struct scene *s)
{
	weir_model_free(s->m);
}

/* Half of them lie in the CMA: the first one does not. */
static void grow(struct scene *s, unsigned int node, uint64_t pages)
{
	weir_pool_resize(s->m, pool(s),
	                 &(struct weir_resize){ .target = pages, .node = (int)node });
	expect_u64_eq(pool(s)->nr[node], pages);
}

static void huge(struct scene *s, size_t i, uint64_t pages)
{
	s->mem[i].page_bytes = M2;
	s->mem[i].bytes = pages * M2;
}

static struct weir_task *task_on(struct scene *s, uint64_t nodes)
{
	return weir_task_new(s->m, &(struct weir_task_config){ .mems = nodes });
}

/* Takes all base memory of nodes but so many pages: outside of the CMA, or all. */
static void take_plain(struct scene *s, uint64_t nodes, uint64_t leave)
{
	struct weir_task *task = task_on(s, nodes);
	uint64_t all = 0;

	weir_each_node (n, nodes)
		all += weir_memory_can_take(&s->m->memory, n, WEIR_WANT_PINNABLE);
	expect_u64_eq(weir_anon_fix(s->m, task, all - leave, 0), all - leave);
}

static void take_base(struct scene *s, uint64_t nodes, uint64_t leave)
{
	struct weir_task *task = task_on(s, nodes);
	uint64_t all = 0;

	weir_each_node (n, nodes)
		all += weir_memory_can_take(&s->m->memory, n, WEIR_WANT_MOVABLE);
	expect_u64_eq(weir_anon_touch(s->m, task, all - leave, 0), all - leave);
}

/* ---- before and after -------------------------------------------------------------- */

struct state {
	uint64_t free[NODES], csv[NODES]; /* base pages */
	uint64_t cma[NODES];              /* of the free ones */
	uint64_t total, pool_free, reserved, surplus, nr[NODES], nr_free[NODES];
	size_t nr_tasks, nr_files;
};

static void sound(const struct weir_model *m)
{
	struct weir_err err;

	if (weir_model_check(m, &err) < 0)
		fail_msg("%s", err.msg);
}

static struct state look(const struct weir_model *m)
{
	const struct weir_pool *p = &m->pools[0];
	struct state st = {
		.total = p->total,
		.pool_free = p->free,
		.reserved = p->reserved,
		.surplus = p->surplus,
		.nr_tasks = m->nr_tasks,
		.nr_files = m->nr_files,
	};

	sound(m);
	for (unsigned int n = 0; n < NODES; n++) {
		const struct weir_memory_zone *zone =
			&m->memory.zones[n][WEIR_ZONE_NORMAL];

		st.free[n] = zone->free[0] + zone->free[1];
		st.cma[n] = zone->free[1];
		st.csv[n] = zone->csv;
		st.nr[n] = p->nr[n];
		st.nr_free[n] = p->nr_free[n];
	}
	return st;
}

/* @moved: pages may have changed places, between the CMA and the rest of a node, and on
 * kernels that let them also between nodes. */
static void expect_as_before(const struct weir_model *m, const struct state *was,
                             bool moved)
{
	struct state is = look(m);
	uint64_t all_is = 0, all_was = 0;

	expect_u64_eq(is.total, was->total);
	expect_u64_eq(is.pool_free, was->pool_free);
	expect_u64_eq(is.reserved, was->reserved);
	expect_u64_eq(is.surplus, was->surplus);
	expect_u64_eq(is.nr_tasks, was->nr_tasks);
	expect_u64_eq(is.nr_files, was->nr_files);
	for (unsigned int n = 0; n < NODES; n++) {
		all_is += is.free[n];
		all_was += was->free[n];
		expect_u64_eq(is.csv[n], was->csv[n]);
		if (moved)
			continue;
		expect_u64_eq(is.free[n], was->free[n]);
		expect_u64_eq(is.cma[n], was->cma[n]);
		expect_u64_eq(is.nr[n], was->nr[n]);
		expect_u64_eq(is.nr_free[n], was->nr_free[n]);
	}
	expect_u64_eq(all_is, all_was);
}

#define ENDS(s, ...)       expect_end((s), (struct weir_start_end){ __VA_ARGS__ }, false)
#define ENDS_MOVED(s, ...) expect_end((s), (struct weir_start_end){ __VA_ARGS__ }, true)

static void same_end(const struct weir_start_end *got, const struct weir_start_end *want)
{
	expect_int_eq(got->step, want->step);
	expect_int_eq(got->limit, want->limit);
	expect_u64_eq(got->memory_idx, want->memory_idx);
	expect_int_eq(got->err, want->err);
	expect_u64_eq(got->unit_bytes, want->unit_bytes);
	expect_u64_eq(got->need, want->need);
	expect_u64_eq(got->have, want->have);
	expect_int_eq(got->killed, want->killed);
}

/* The start fails like this, and leaves nothing behind. */
static void expect_end(struct scene *s, struct weir_start_end want, bool moved)
{
	struct state was = look(s->m);

	expect_int_eq(weir_start(s->m, &s->start, &s->vm), 0);
	same_end(&s->vm.end, &want);
	assert_null(s->vm.task);
	expect_as_before(s->m, &was, moved);
	weir_start_end(s->m, &s->vm); /* of one that did not start: nothing */
}

static void starts(struct scene *s)
{
	expect_int_eq(weir_start(s->m, &s->start, &s->vm), 0);
	if (s->vm.end.step != WEIR_START_DONE)
		fail_msg("it ends at step %d: %ju of %ju", (int)s->vm.end.step,
		         (uintmax_t)s->vm.end.have, (uintmax_t)s->vm.end.need);
	assert_non_null(s->vm.task);
	sound(s->m);
}

/* It starts, its nearest limit is this one, and ended it is as it was before. */
static void starts_near(struct scene *s, enum weir_start_step step, uint64_t unit_bytes,
                        uint64_t need, uint64_t have)
{
	struct state was = look(s->m);

	starts(s);
	expect_int_eq(s->vm.nearest.step, step);
	expect_u64_eq(s->vm.nearest.unit_bytes, unit_bytes);
	expect_u64_eq(s->vm.nearest.need, need);
	expect_u64_eq(s->vm.nearest.have, have);
	weir_start_end(s->m, &s->vm);
	assert_null(s->vm.task);
	expect_as_before(s->m, &was, true);
}

/* It started, and dies like this when it uses its memory. */
static void dies(struct scene *s, struct weir_start_end want)
{
	starts(s);
	expect_int_eq(weir_start_use(s->m, &s->start, &s->vm), 0);
	same_end(&s->vm.end, &want);
	sound(s->m);
}

#define DIES(s, ...) dies((s), (struct weir_start_end){ __VA_ARGS__ })

static void lives(struct scene *s)
{
	starts(s);
	expect_int_eq(weir_start_use(s->m, &s->start, &s->vm), 0);
	expect_int_eq(s->vm.end.step, WEIR_START_DONE);
	sound(s->m);
}

/* ---- reserving --------------------------------------------------------------------- */

static void map_of_more_than_is_free_fails(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	huge(&s, 0, 50);
	ENDS(&s, WEIR_START_MAP, .err = -ENOMEM, .unit_bytes = M2, .need = 50,
	     .have = 40);
	huge(&s, 0, 40);
	starts_near(&s, WEIR_START_MAP, M2, 40, 40);
	/* what is promised to another is not to be had */
	huge(&s, 0, 10);
	starts(&s);
	huge(&s, 0, 31);
	ENDS(&s, WEIR_START_MAP, .err = -ENOMEM, .unit_bytes = M2, .need = 31,
	     .have = 30);
	/* but surplus pages are, as far as they are allowed */
	pool(&s)->overcommit = 5;
	huge(&s, 0, 36);
	ENDS(&s, WEIR_START_MAP, .err = -ENOMEM, .unit_bytes = M2, .need = 36,
	     .have = 35);
	huge(&s, 0, 33);
	starts_near(&s, WEIR_START_MAP, M2, 33, 35);
	/* ... and as there is memory for them */
	take_base(&s, 3, 2 * BLOCK);
	huge(&s, 0, 33);
	s.start.extra_bytes = 0;
	s.mem[0].prealloc = false;
	expect_u64_eq(weir_memory_can_take(&s.m->memory, 0, WEIR_WANT_MOVABLE) +
	                      weir_memory_can_take(&s.m->memory, 1, WEIR_WANT_MOVABLE),
	              2 * BLOCK);
	scene_done(&s);
}

static void map_reserves_backends_one_after_the_other(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 20);
	grow(&s, 1, 20);
	s.start.nr_memory = 3;
	huge(&s, 0, 30);
	s.mem[1].bytes = 16 * MIB; /* base pages: nothing is reserved */
	huge(&s, 2, 11);
	ENDS(&s, WEIR_START_MAP, .memory_idx = 2, .err = -ENOMEM, .unit_bytes = M2,
	     .need = 11, .have = 10);
	huge(&s, 2, 10);
	starts_near(&s, WEIR_START_MAP, M2, 10, 10);
	/* nothing to reserve */
	s.mem[0].reserve = s.mem[2].reserve = false;
	huge(&s, 0, 300);
	starts_near(&s, WEIR_START_DONE, 0, 0, 0);
	scene_done(&s);
}

/* hugetlb_acct_memory(): no more than the nodes of its cpuset have free. */
static void map_within_a_cpuset_counts_its_nodes(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	grow(&s, 1, 10);
	s.start.nodes = 2;
	s.start.cpu = 1;
	huge(&s, 0, 11);
	ENDS(&s, WEIR_START_MAP, .err = -ENOMEM, .unit_bytes = M2, .need = 11,
	     .have = 10);
	huge(&s, 0, 10);
	starts_near(&s, WEIR_START_MAP, M2, 10, 10);
	/* bound by its policy it is the same */
	s.start.nodes = 0;
	s.start.policy = (struct weir_policy){ WEIR_POLICY_BIND, 2 };
	huge(&s, 0, 11);
	ENDS(&s, WEIR_START_MAP, .err = -ENOMEM, .unit_bytes = M2, .need = 11,
	     .have = 10);
	scene_done(&s);
}

static struct weir_mount *mount_of(struct scene *s, struct weir_mount_config config)
{
	struct weir_mount *mount = NULL;

	config.pool = pool(s);
	expect_int_eq(weir_mount(s->m, NULL, &config, &mount), 0);
	return mount;
}

static void map_on_a_mount_ends_at_its_size(void **state)
{
	struct weir_mount_config config = { .has_size = true, .size = 15 * M2 };
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	s.mem[0].mount = mount_of(&s, config);
	huge(&s, 0, 16);
	ENDS(&s, WEIR_START_MAP, WEIR_LIMIT_MOUNT, .err = -ENOMEM, .unit_bytes = M2,
	     .need = 16, .have = 15);
	/* two limits: the pool's is told where it is the lower one */
	huge(&s, 0, 41);
	ENDS(&s, WEIR_START_MAP, .err = -ENOMEM, .unit_bytes = M2, .need = 41,
	     .have = 40);
	huge(&s, 0, 15);
	starts(&s);
	huge(&s, 0, 1);
	ENDS(&s, WEIR_START_MAP, WEIR_LIMIT_MOUNT, .err = -ENOMEM, .unit_bytes = M2,
	     .need = 1, .have = 0);
	scene_done(&s);
}

static void file_needs_an_inode(void **state)
{
	struct weir_mount_config config = { .has_nr_inodes = true, .nr_inodes = 2 };
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	s.mem[0].mount = s.mem[1].mount = mount_of(&s, config);
	s.start.nr_memory = 2;
	huge(&s, 0, 2);
	huge(&s, 1, 2);
	ENDS(&s, WEIR_START_FILE, .memory_idx = 1, .err = -ENOSPC, .unit_bytes = M2,
	     .need = 2, .have = 38);
	expect_int_eq(s.mem[0].mount->free_inodes, 1);
	s.start.nr_memory = 1;
	starts(&s);
	weir_start_end(s.m, &s.vm);
	expect_int_eq(s.mem[0].mount->free_inodes, 1);
	scene_done(&s);
}

static void group_limits_of_reservations_and_of_use(void **state)
{
	struct scene s;
	uint32_t group;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	expect_int_eq(weir_group_new(s.m, WEIR_GROUP_ROOT, &group), 0);
	expect_int_eq(weir_group_limit(s.m, group, pool(&s), WEIR_CHARGE_RSVD, 12 * M2),
	              0);
	s.start.group = group;
	huge(&s, 0, 13);
	ENDS(&s, WEIR_START_MAP, WEIR_LIMIT_GROUP, .err = -ENOMEM, .unit_bytes = M2,
	     .need = 13, .have = 12);
	expect_int_eq(weir_group_limit(s.m, group, pool(&s), WEIR_CHARGE_USAGE, 5 * M2),
	              0);
	huge(&s, 0, 12);
	s.mem[0].prealloc = true;
	ENDS(&s, WEIR_START_PREALLOC, WEIR_LIMIT_GROUP, .err = -EFAULT, .unit_bytes = M2,
	     .need = 12, .have = 5);
	s.mem[0].prealloc = false;
	DIES(&s, WEIR_START_USE, WEIR_LIMIT_GROUP, .err = -EFAULT, .unit_bytes = M2,
	     .need = 12, .have = 5, .killed = true);
	weir_start_end(s.m, &s.vm);
	/* what is pinned is charged as well */
	s.start.kind = WEIR_GUEST_PINNED;
	expect_int_eq(weir_start(s.m, &s.start, &s.vm), 0);
	expect_int_eq(s.vm.end.step, WEIR_START_REGISTER);
	expect_u64_eq(s.vm.end.have, 5);
	scene_done(&s);
}

/* ---- binding, filling, extras ------------------------------------------------------ */

static void bind_to_nodes_that_it_may_not_use_fails(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 10);
	s.start.nodes = 1;
	s.mem[0].policy = (struct weir_policy){ WEIR_POLICY_BIND, 2 };
	huge(&s, 0, 5);
	ENDS(&s, WEIR_START_BIND, .err = -EINVAL);
	s.mem[0].page_bytes = 0;
	ENDS(&s, WEIR_START_BIND, .err = -EINVAL);
	s.mem[0].policy = (struct weir_policy){ 0 };
	s.start.policy = (struct weir_policy){ WEIR_POLICY_BIND, 2 };
	ENDS(&s, WEIR_START_BIND, .err = -EINVAL);
	scene_done(&s);
}

/* It is promised pages of any node, and takes those of one. */
static void prealloc_of_bound_memory_ends_with_the_nodes_pages(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	grow(&s, 1, 10);
	s.start.nr_memory = 2;
	huge(&s, 0, 5);
	huge(&s, 1, 12);
	s.mem[0].prealloc = s.mem[1].prealloc = true;
	s.mem[1].policy = (struct weir_policy){ WEIR_POLICY_BIND, 2 };
	ENDS(&s, WEIR_START_PREALLOC, .memory_idx = 1, .err = -EFAULT, .unit_bytes = M2,
	     .need = 12, .have = 10);
	s.mem[1].prealloc = false;
	DIES(&s, WEIR_START_USE, .memory_idx = 1, .err = -EFAULT, .unit_bytes = M2,
	     .need = 12, .have = 10, .killed = true);
	weir_start_end(s.m, &s.vm);
	/* preferred only: the others do as well */
	s.mem[1].policy.mode = WEIR_POLICY_PREFERRED;
	s.mem[1].prealloc = true;
	lives(&s);
	expect_u64_eq(pool(&s)->nr_free[1], 0);
	expect_u64_eq(pool(&s)->nr_free[0], 33);
	weir_start_end(s.m, &s.vm);
	expect_u64_eq(pool(&s)->free, 50);
	scene_done(&s);
}

static void prealloc_of_base_pages_kills(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	s.start.nodes = 1;
	s.mem[0].bytes = (2 * SIDE + 1) * M2;
	s.mem[0].prealloc = true;
	ENDS(&s, WEIR_START_PREALLOC, .err = -EFAULT, .unit_bytes = WEIR_BASE_PAGE,
	     .need = (2 * SIDE + 1) * BLOCK, .have = 2 * SIDE * BLOCK, .killed = true);
	/* all but what the extras take */
	s.mem[0].bytes = 2 * SIDE * M2 - 4 * MIB;
	starts_near(&s, WEIR_START_PREALLOC, WEIR_BASE_PAGE, 2 * SIDE * BLOCK - 1024,
	            2 * SIDE * BLOCK);
	/* not filled it starts, and dies */
	s.mem[0].bytes = 2 * SIDE * M2;
	s.mem[0].prealloc = false;
	DIES(&s, WEIR_START_USE, .err = -EFAULT, .unit_bytes = WEIR_BASE_PAGE,
	     .need = 2 * SIDE * BLOCK, .have = 2 * SIDE * BLOCK - 1024, .killed = true);
	/* with other nodes it lives */
	weir_start_end(s.m, &s.vm);
	s.start.nodes = 0;
	lives(&s);
	scene_done(&s);
}

static void extras_need_base_pages(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	take_base(&s, 3, 1000);
	huge(&s, 0, 5);
	ENDS(&s, WEIR_START_EXTRA, .err = -ENOMEM, .unit_bytes = WEIR_BASE_PAGE,
	     .need = 1024, .have = 1000, .killed = true);
	scene_done(&s);
	/* those of a pinned guest are pinned as well */
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	huge(&s, 0, 5);
	s.start.kind = WEIR_GUEST_PINNED;
	take_plain(&s, 3, 1000);
	/* five pages have 2560 pointers: five base pages */
	ENDS(&s, WEIR_START_EXTRA, .err = -ENOMEM, .unit_bytes = WEIR_BASE_PAGE,
	     .need = 1024, .have = 995);
	scene_done(&s);
}

/* ---- locking ----------------------------------------------------------------------- */

static void memlock_counts_all_memory(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	s.start.nr_memory = 2;
	huge(&s, 0, 5);
	s.mem[1].bytes = 6 * MIB;
	s.start.memlock_bytes = 20 * MIB - 1;
	starts(&s); /* nothing locks */
	weir_start_end(s.m, &s.vm);
	s.start.kind = WEIR_GUEST_PINNED;
	ENDS(&s, WEIR_START_MEMLOCK, .err = -ENOMEM, .unit_bytes = 1, .need = 20 * MIB,
	     .have = 20 * MIB - 1);
	s.start.kind = WEIR_GUEST_PLAIN;
	s.start.mem_lock = true;
	ENDS(&s, WEIR_START_LOCK, .err = -ENOMEM, .unit_bytes = 1, .need = 20 * MIB,
	     .have = 20 * MIB - 1);
	s.start.mem_lock = false;
	s.start.nr_vfio = 1;
	ENDS(&s, WEIR_START_VFIO_MEMLOCK, .err = -ENOMEM, .unit_bytes = 1,
	     .need = 20 * MIB, .have = 20 * MIB - 1);
	s.start.memlock_bytes++;
	lives(&s);
	scene_done(&s);
}

/* mlockall(2) passes over huge pages that are not there; base pages kill. */
static void lock_fills_memory(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 10);
	s.start.mem_lock = true;
	huge(&s, 0, 12);
	s.mem[0].reserve = false;
	starts(&s);
	expect_u64_eq(pool(&s)->free, 0);
	expect_int_eq(weir_start_use(s.m, &s.start, &s.vm), 0);
	expect_int_eq(s.vm.end.step, WEIR_START_USE);
	weir_start_end(s.m, &s.vm);
	expect_u64_eq(pool(&s)->free, 10);
	take_base(&s, 3, 2000);
	s.mem[0] = (struct weir_start_memory){ .bytes = 8 * MIB };
	ENDS(&s, WEIR_START_LOCK, .err = -EFAULT, .unit_bytes = WEIR_BASE_PAGE,
	     .need = 2048, .have = 2000 - 1024, .killed = true);
	scene_done(&s);
}

/* ---- pinning ----------------------------------------------------------------------- */

static void register_of_huge_pages_takes_those_outside_of_the_cma(void **state)
{
	static const char *const kernels[] = { "6.1", "6.6", "6.12", "6.18" };
	struct scene s;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(kernels); i++) {
		scene_init(&s, kernels[i]);
		grow(&s, 0, 40);
		grow(&s, 1, 40);
		s.start.nodes = 1;
		s.start.kind = WEIR_GUEST_PINNED;
		huge(&s, 0, 21);
		ENDS(&s, WEIR_START_REGISTER, .err = -ENOMEM, .unit_bytes = M2,
		     .need = 21, .have = 20);
		huge(&s, 0, 18);
		starts_near(&s, WEIR_START_REGISTER, M2, 18, 20);
		/* preallocated or bound it is the same: the pin comes first */
		huge(&s, 0, 21);
		s.mem[0].prealloc = true;
		s.mem[0].policy = (struct weir_policy){ WEIR_POLICY_BIND, 1 };
		ENDS(&s, WEIR_START_REGISTER, .err = -ENOMEM, .unit_bytes = M2,
		     .need = 21, .have = 20);
		/* surplus pages come from where they may stay */
		pool(&s)->overcommit = 1;
		starts(&s);
		weir_start_end(s.m, &s.vm);
		expect_u64_eq(pool(&s)->surplus, 0);
		/* so does another node */
		pool(&s)->overcommit = 0;
		s.start.nodes = 0;
		s.mem[0].policy.mode = WEIR_POLICY_DEFAULT;
		s.mem[0].policy.nodes = 0;
		huge(&s, 0, 40);
		starts_near(&s, WEIR_START_REGISTER, M2, 40, 40);
		scene_done(&s);
	}
}

/* 5.10 pins what it gets, wherever that is. */
static void register_without_a_long_term_pin_takes_any(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "5.10");
	grow(&s, 0, 40);
	s.start.nodes = 1;
	s.start.kind = WEIR_GUEST_PINNED;
	huge(&s, 0, 40);
	starts(&s);
	expect_u64_eq(pool(&s)->free, 0);
	weir_start_end(s.m, &s.vm);
	expect_u64_eq(pool(&s)->free, 40);
	scene_done(&s);
}

static void register_of_base_pages_stays_out_of_the_cma(void **state)
{
	uint64_t pages = SIDE * BLOCK;
	uint64_t pointers = (pages * 8 + 4095) / 4096;
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	s.start.nodes = 2;
	s.start.kind = WEIR_GUEST_PINNED;
	s.start.extra_bytes = 0;
	s.mem[0].bytes = SIDE * M2;
	ENDS(&s, WEIR_START_REGISTER, .err = -ENOMEM, .unit_bytes = WEIR_BASE_PAGE,
	     .need = pages, .have = pages - pointers);
	s.mem[0].bytes = (pages - pointers) * WEIR_BASE_PAGE;
	starts_near(&s, WEIR_START_REGISTER, WEIR_BASE_PAGE, pages - pointers,
	            pages - pointers);
	/* not even the pointers */
	s.mem[0].bytes = SIDE * M2;
	take_plain(&s, 2, 70);
	ENDS(&s, WEIR_START_REGISTER, .err = -ENOMEM, .unit_bytes = WEIR_BASE_PAGE,
	     .need = pointers, .have = 70);
	scene_done(&s);
}

/* A backend that is not the first: what was pinned before is let go. */
static void register_of_the_second_backend_fails(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	s.start.nr_memory = 3;
	s.start.kind = WEIR_GUEST_PINNED;
	huge(&s, 0, 12);
	s.mem[1].bytes = 16 * MIB;
	huge(&s, 2, 9);
	ENDS(&s, WEIR_START_REGISTER, .memory_idx = 2, .err = -ENOMEM, .unit_bytes = M2,
	     .need = 9, .have = 8);
	huge(&s, 2, 8);
	starts_near(&s, WEIR_START_REGISTER, M2, 8, 8);
	scene_done(&s);
}

/* ---- VFIO -------------------------------------------------------------------------- */

static void vfio_moves_huge_pages_out_of_the_cma(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	s.start.nodes = 1;
	s.start.nr_vfio = 1;
	s.mem[0].prealloc = true;
	huge(&s, 0, 40);
	starts(&s);
	expect_u64_eq(s.vm.task->nr_pins, 1);
	weir_start_end(s.m, &s.vm);
	expect_u64_eq(pool(&s)->nr_pinnable[0], 40);
	scene_done(&s);
	/* no place for them: in the pool six, of the 13 that have to move */
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	take_plain(&s, 1, 1024); /* of the extras; no block is left */
	s.start.nodes = 1;
	s.start.nr_vfio = 1;
	s.start.extra_bytes = 0;
	s.mem[0].prealloc = true;
	huge(&s, 0, 40);
	expect_int_eq(weir_start(s.m, &s.start, &s.vm), 0);
	expect_int_eq(s.vm.end.step, WEIR_START_VFIO);
	expect_u64_eq(s.vm.end.need, 40);
	/* the blocks that the pages left could not be filled up again by others */
	expect_u64_eq(s.vm.end.have, 22);
	sound(s.m);
	scene_done(&s);
}

/* Not filled before, pages are faulted by the pin. */
static void vfio_of_untouched_pages_takes_pinnable_ones(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	s.start.nr_vfio = 1;
	huge(&s, 0, 21);
	ENDS(&s, WEIR_START_VFIO, .err = -EFAULT, .unit_bytes = M2, .need = 21,
	     .have = 20);
	huge(&s, 0, 20);
	starts(&s);
	weir_start_end(s.m, &s.vm);
	/* base pages: outside of the CMA too, but for the extras */
	s.mem[0] = (struct weir_start_memory){ .bytes = SIDE * M2 };
	s.start.nodes = 2;
	ENDS(&s, WEIR_START_VFIO, .err = -ENOMEM, .unit_bytes = WEIR_BASE_PAGE,
	     .need = SIDE * BLOCK, .have = SIDE * BLOCK - 512);
	s.mem[0].bytes -= 2 * M2; /* and the other half of these */
	starts(&s);
	scene_done(&s);
}

/* ---- CSV3, SNP and TDX ------------------------------------------------------------- */

static void csv3_takes_its_memory_from_the_areas(void **state)
{
	struct weir_start_sources *from = malloc(sizeof(*from));
	struct scene s;

	(void)state;
	assert_non_null(from);
	scene_init(&s, "6.6");
	s.start.kind = WEIR_GUEST_CSV3;
	s.start.cpu = 1;
	s.mem[0].bytes = 236 * MIB; /* and 4 of flash: 30 units, and one of tables */
	starts(&s);
	expect_u64_eq(s.vm.csv_bytes[1], 25 * 8 * MIB);
	expect_u64_eq(s.vm.csv_bytes[0], 6 * 8 * MIB);
	weir_start_sources(s.m, &s.vm, from);
	expect_u64_eq(from->csv[1], 25 * 8 * MIB);
	expect_u64_eq(from->csv[0], 6 * 8 * MIB);
	ENDS_MOVED(&s, WEIR_START_CSV3, .err = -ENOMEM, .unit_bytes = 8 * MIB, .need = 31,
	           .have = 19);
	free(from);
	scene_done(&s);
	/* its policy confines it, its cpuset does not */
	scene_init(&s, "6.6");
	s.start.kind = WEIR_GUEST_CSV3;
	s.start.extra_bytes = 0;
	s.mem[0].bytes = 236 * MIB;
	s.start.nodes = 2;
	starts_near(&s, WEIR_START_CSV3, 8 * MIB, 31, 50);
	s.start.policy = (struct weir_policy){ WEIR_POLICY_BIND, 2 };
	ENDS_MOVED(&s, WEIR_START_CSV3, .err = -ENOMEM, .unit_bytes = 8 * MIB, .need = 31,
	           .have = 25);
	s.mem[0].bytes = 188 * MIB; /* 24 and one */
	starts_near(&s, WEIR_START_CSV3, 8 * MIB, 25, 25);
	scene_done(&s);
}

/* The backend is paid beside that: huge pages are reserved, or filled. */
static void csv3_backend_is_taken_too(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.6");
	grow(&s, 0, 60);
	grow(&s, 1, 60);
	s.start.kind = WEIR_GUEST_CSV3;
	s.mem[0].prealloc = true;
	huge(&s, 0, 100);
	starts(&s);
	expect_u64_eq(pool(&s)->free, 20);
	expect_u64_eq(s.vm.csv_bytes[0] + s.vm.csv_bytes[1], 27 * 8 * MIB);
	weir_start_end(s.m, &s.vm);
	expect_u64_eq(pool(&s)->free, 120);
	huge(&s, 0, 121);
	ENDS(&s, WEIR_START_MAP, .err = -ENOMEM, .unit_bytes = M2, .need = 121,
	     .have = 120);
	/* lazily only what it shares, for ever: 6 percent */
	s.mem[0] = (struct weir_start_memory){ .bytes = 200 * MIB };
	starts(&s);
	take_plain(&s, 3, 3071);
	expect_int_eq(weir_start_use(s.m, &s.start, &s.vm), 0);
	expect_int_eq(s.vm.end.step, WEIR_START_USE);
	expect_u64_eq(s.vm.end.need, 12 * 256);
	expect_u64_eq(s.vm.end.have, 3071);
	scene_done(&s);
}

static void private_memory_stays_out_of_the_cma(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	s.start.kind = WEIR_GUEST_PRIVATE;
	s.start.nodes = 1;
	s.mem[0].bytes = SIDE * M2 - 8 * MIB; /* and the half of the extras */
	starts(&s);
	expect_int_eq(weir_start_use(s.m, &s.start, &s.vm), 0);
	expect_int_eq(s.vm.end.step, WEIR_START_USE);
	/* private memory fits; what it shares beside that does not */
	expect_u64_eq(s.vm.end.need, (SIDE * M2 - 8 * MIB) / 100 * 6 / 4096 + 1);
	expect_u64_eq(s.vm.end.have, 2048 - 512);
	weir_start_end(s.m, &s.vm);
	s.mem[0].bytes = SIDE * M2;
	DIES(&s, WEIR_START_USE, .err = -ENOMEM, .unit_bytes = WEIR_BASE_PAGE,
	     .need = SIDE * BLOCK, .have = SIDE * BLOCK - 512, .killed = true);
	scene_done(&s);
}

/* ---- virtio-mem -------------------------------------------------------------------- */

static void virtio_mem_plugs_what_it_gets(void **state)
{
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 70);
	s.start.nr_memory = 2;
	s.mem[0].bytes = 16 * MIB;
	s.mem[1] = (struct weir_start_memory){ .bytes = 256 * MIB,
		                               .page_bytes = M2,
		                               .shared = true,
		                               .is_virtio_mem = true,
		                               .plugged_bytes = 256 * MIB,
		                               .plugged_prealloc = true };
	starts(&s);
	expect_u64_eq(s.vm.plugged[1], 128 * MIB);
	expect_int_eq(weir_start_use(s.m, &s.start, &s.vm), 0);
	expect_int_eq(s.vm.end.step, WEIR_START_DONE);
	weir_start_end(s.m, &s.vm);
	expect_u64_eq(pool(&s)->free, 70);
	/* its maximum is reserved where reserve=on */
	s.mem[1].reserve = true;
	ENDS(&s, WEIR_START_MAP, .memory_idx = 1, .err = -ENOMEM, .unit_bytes = M2,
	     .need = 128, .have = 70);
	/* not filled ahead it plugs what was asked for, and the guest dies of it */
	s.mem[1].reserve = s.mem[1].plugged_prealloc = false;
	DIES(&s, WEIR_START_USE, .memory_idx = 1, .err = -EFAULT, .unit_bytes = M2,
	     .need = 128, .have = 70, .killed = true);
	weir_start_end(s.m, &s.vm);
	/* filled by its backend it is emptied again: nothing is there, nothing promised
	 */
	s.mem[1].bytes = 60 * M2;
	s.mem[1].plugged_bytes = 0;
	s.mem[1].reserve = s.mem[1].prealloc = true;
	starts(&s);
	expect_u64_eq(pool(&s)->free, 70);
	expect_u64_eq(pool(&s)->reserved, 0);
	weir_start_end(s.m, &s.vm);
	s.mem[1].bytes = 71 * M2;
	s.mem[1].reserve = false;
	ENDS(&s, WEIR_START_PREALLOC, .memory_idx = 1, .err = -EFAULT, .unit_bytes = M2,
	     .need = 71, .have = 70);
	scene_done(&s);
}

/* ---- files that are there ---------------------------------------------------------- */

static void shared_file_is_promised_once(void **state)
{
	struct weir_start first_start;
	struct weir_started first;
	struct scene s;

	(void)state;
	scene_init(&s, "6.12");
	grow(&s, 0, 10);
	s.mem[0].file = weir_file_new(s.m, pool(&s), WEIR_FILE_MEMFD, NULL);
	s.mem[0].file->linked = true;
	huge(&s, 0, 8);
	starts(&s);
	first = s.vm;
	first_start = s.start;
	starts(&s); /* another one of the same file */
	expect_u64_eq(pool(&s)->reserved, 8);
	expect_int_eq(weir_start_use(s.m, &s.start, &s.vm), 0);
	expect_int_eq(weir_start_use(s.m, &first_start, &first), 0);
	expect_u64_eq(pool(&s)->free, 2);
	weir_start_end(s.m, &s.vm);
	weir_start_end(s.m, &first);
	expect_u64_eq(pool(&s)->free, 2); /* it has a name */
	/* a private mapping of it pays for all of its own */
	s.mem[0].shared = false;
	ENDS(&s, WEIR_START_MAP, .err = -ENOMEM, .unit_bytes = M2, .need = 8, .have = 2);
	weir_file_unlink(s.m, s.mem[0].file);
	expect_u64_eq(pool(&s)->free, 10);
	scene_done(&s);
}

/* ---- sources ----------------------------------------------------------------------- */

static void sources_are_where_pages_lie(void **state)
{
	struct weir_start_sources *from = malloc(sizeof(*from));
	uint64_t pool_pages = 0, base_pages = 0;
	struct scene s;

	(void)state;
	assert_non_null(from);
	scene_init(&s, "6.12");
	grow(&s, 0, 20);
	grow(&s, 1, 20);
	s.start.nr_memory = 2;
	huge(&s, 0, 30);
	s.mem[0].prealloc = true;
	s.mem[1].bytes = 20 * MIB;
	lives(&s);
	weir_start_sources(s.m, &s.vm, from);
	for (unsigned int n = 0; n < NODES; n++)
		for (unsigned int site = 0; site < WEIR_SITE_NR; site++) {
			pool_pages += from->pool.pages[n][site];
			base_pages += from->base.pages[n][site];
			assert_true(weir_site_zone((weir_site)site) == WEIR_ZONE_NORMAL ||
			            !from->pool.pages[n][site]);
		}
	expect_u64_eq(pool_pages, 30 * BLOCK);
	expect_u64_eq(base_pages, 24 * 256);
	expect_u64_eq(from->pool.pages[0][WEIR_SITE_CMA + WEIR_ZONE_NORMAL], 10 * BLOCK);
	weir_start_end(s.m, &s.vm);
	weir_start_sources(s.m, &s.vm, from);
	expect_u64_eq(from->pool.pages[0][WEIR_ZONE_NORMAL], 0);
	free(from);
	scene_done(&s);
}

/* ---- at random --------------------------------------------------------------------- */

static uint64_t pick(struct weir_rng *rng, uint64_t n)
{
	return weir_rng_below(rng, n);
}

static void random_memory(struct weir_rng *rng, struct weir_start_memory *mem)
{
	*mem = (struct weir_start_memory){
		.bytes = (1 + pick(rng, 40)) * M2,
		.page_bytes = pick(rng, 3) ? M2 : 0,
		.shared = pick(rng, 2),
		.prealloc = pick(rng, 2),
		.reserve = pick(rng, 4) > 0,
	};
	if (!pick(rng, 4))
		mem->policy = (struct weir_policy){ WEIR_POLICY_BIND, 1 + pick(rng, 3) };
	else if (!pick(rng, 4))
		mem->policy = (struct weir_policy){ WEIR_POLICY_INTERLEAVE,
			                            1 + pick(rng, 3) };
	if (!pick(rng, 8)) {
		mem->is_virtio_mem = true;
		mem->plugged_bytes = (1 + pick(rng, mem->bytes / M2)) * M2;
		mem->plugged_prealloc = pick(rng, 2);
	}
}

static void random_start(struct weir_rng *rng, struct scene *s)
{
	s->start.kind = (enum weir_guest_kind)pick(rng, 4);
	s->start.nr_memory = 1 + pick(rng, 3);
	for (size_t i = 0; i < s->start.nr_memory; i++)
		random_memory(rng, &s->mem[i]);
	s->start.nodes = pick(rng, 3) ? 0 : 1 + pick(rng, 3);
	s->start.cpu = (unsigned int)pick(rng, 2);
	s->start.policy = (struct weir_policy){ 0 };
	if (!pick(rng, 6))
		s->start.policy = (struct weir_policy){ WEIR_POLICY_BIND,
			                                1 + pick(rng, 3) };
	s->start.mem_lock = !pick(rng, 6);
	s->start.nr_vfio = !pick(rng, 4);
	s->start.memlock_bytes = pick(rng, 6) ? UINT64_MAX : pick(rng, 100) * M2;
	s->start.extra_bytes = pick(rng, 8) * MIB;
}

/* What holds of any start. */
static void random_round(struct weir_rng *rng, struct scene *s, unsigned int round)
{
	struct state was = look(s->m), is;
	const struct weir_start_end *end = &s->vm.end;

	expect_int_eq(weir_start(s->m, &s->start, &s->vm), 0);
	if (end->step != WEIR_START_DONE) {
		assert_null(s->vm.task);
		expect_as_before(s->m, &was, true);
		assert_true(end->memory_idx < s->start.nr_memory);
		assert_true(end->err < 0);
		if (end->unit_bytes && end->step != WEIR_START_FILE &&
		    end->have >= end->need)
			fail_msg("round %u: step %d fails with %ju of %ju", round,
			         (int)end->step, (uintmax_t)end->have,
			         (uintmax_t)end->need);
		return;
	}
	is = look(s->m);
	expect_u64_eq(is.nr_tasks, was.nr_tasks + 1);
	expect_int_eq(weir_start_use(s->m, &s->start, &s->vm), 0);
	if (end->step != WEIR_START_DONE) {
		expect_int_eq(end->step, WEIR_START_USE);
		assert_true(end->killed);
		if (end->have >= end->need)
			fail_msg("round %u: it dies with %ju of %ju", round,
			         (uintmax_t)end->have, (uintmax_t)end->need);
	}
	sound(s->m);
	if (pick(rng, 3))
		return; /* it stays */
	weir_start_end(s->m, &s->vm);
	expect_as_before(s->m, &was, true);
}

static void start_at_random_leaves_nothing_behind(void **state)
{
	const char *given = getenv("WEIR_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : 20240617;
	struct weir_rng rng;

	(void)state;
	print_message("# seed %ju\n", (uintmax_t)seed);
	weir_rng_seed(&rng, seed);
	for (unsigned int world = 0; world < 300; world++) {
		struct scene s;

		scene_init(&s, weir_kernels[world % weir_nr_kernels].name);
		grow(&s, 0, pick(&rng, 100));
		grow(&s, 1, pick(&rng, 100));
		if (!pick(&rng, 3))
			take_base(&s, 1 + pick(&rng, 3), pick(&rng, 20000));
		for (unsigned int round = 0; round < 20; round++) {
			random_start(&rng, &s);
			random_round(&rng, &s, world * 20 + round);
		}
		scene_done(&s);
	}
}

/* ---- our own memory ends ----------------------------------------------------------- */

static int start_a_few(void *ctx)
{
	static const enum weir_guest_kind kinds[] = { WEIR_GUEST_PLAIN, WEIR_GUEST_PINNED,
		                                      WEIR_GUEST_CSV3,
		                                      WEIR_GUEST_PRIVATE };
	unsigned long nth = *(unsigned long *)ctx;
	bool failed = false;
	struct scene s;
	int r = 0;

	scene_init(&s, "6.12");
	grow(&s, 0, 40);
	s.start.nr_memory = 3;
	huge(&s, 0, 10);
	s.mem[0].prealloc = true;
	s.mem[1].bytes = 16 * MIB;
	s.mem[1].policy = (struct weir_policy){ WEIR_POLICY_INTERLEAVE, 3 };
	huge(&s, 2, 3);
	s.mem[2].shared = false;
	s.start.nr_vfio = 1;
	s.start.policy = (struct weir_policy){ WEIR_POLICY_PREFERRED, 2 };
	fault_arm(nth);
	for (size_t i = 0; i < WEIR_NELEM(kinds) && r == 0; i++) {
		s.start.kind = kinds[i];
		r = weir_start(s.m, &s.start, &s.vm);
		if (r == 0)
			r = weir_start_use(s.m, &s.start, &s.vm);
		if (r == 0)
			weir_start_end(s.m, &s.vm);
		if (r == 0 && s.m->failed)
			r = -ENOMEM;
	}
	failed = fault_disarm();
	expect_int_eq(r, failed ? -ENOMEM : 0);
	scene_done(&s);
	return failed;
}

static void start_without_memory_of_our_own_says_so(void **state)
{
	unsigned long nth = 1;

	(void)state;
	while (start_a_few(&nth))
		nth++;
	assert_true(nth > 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(map_of_more_than_is_free_fails),
		cmocka_unit_test(map_reserves_backends_one_after_the_other),
		cmocka_unit_test(map_within_a_cpuset_counts_its_nodes),
		cmocka_unit_test(map_on_a_mount_ends_at_its_size),
		cmocka_unit_test(file_needs_an_inode),
		cmocka_unit_test(group_limits_of_reservations_and_of_use),
		cmocka_unit_test(bind_to_nodes_that_it_may_not_use_fails),
		cmocka_unit_test(prealloc_of_bound_memory_ends_with_the_nodes_pages),
		cmocka_unit_test(prealloc_of_base_pages_kills),
		cmocka_unit_test(extras_need_base_pages),
		cmocka_unit_test(memlock_counts_all_memory),
		cmocka_unit_test(lock_fills_memory),
		cmocka_unit_test(register_of_huge_pages_takes_those_outside_of_the_cma),
		cmocka_unit_test(register_without_a_long_term_pin_takes_any),
		cmocka_unit_test(register_of_base_pages_stays_out_of_the_cma),
		cmocka_unit_test(register_of_the_second_backend_fails),
		cmocka_unit_test(vfio_moves_huge_pages_out_of_the_cma),
		cmocka_unit_test(vfio_of_untouched_pages_takes_pinnable_ones),
		cmocka_unit_test(csv3_takes_its_memory_from_the_areas),
		cmocka_unit_test(csv3_backend_is_taken_too),
		cmocka_unit_test(private_memory_stays_out_of_the_cma),
		cmocka_unit_test(virtio_mem_plugs_what_it_gets),
		cmocka_unit_test(shared_file_is_promised_once),
		cmocka_unit_test(sources_are_where_pages_lie),
		cmocka_unit_test(start_at_random_leaves_nothing_behind),
		cmocka_unit_test(start_without_memory_of_our_own_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
