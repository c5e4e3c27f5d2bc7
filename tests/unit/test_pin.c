/* Long-term pins of huge pages, as kernels were seen to do them: what is there already
 * and may not stay, what is not there yet, and what is left when it fails. */
#include "model/pin.h"

#include "base/rng.h"
#include "fault.h"
#include "model/anon.h"
#include "model/check.h"
#include "model/fault.h"
#include "model/task.h"
#include "model/vma.h"
#include "test.h"

#include <errno.h>

#define M2    (UINT64_C(2) << 20)
#define BLOCK UINT64_C(512)

/* ---- hosts ------------------------------------------------------------------------- */

/* Blocks of a node: outside of the CMA, in it, and in ZONE_MOVABLE. */
struct room {
	uint64_t plain, cma, movable;
};

static struct weir_model *host_of(const char *kernel, const struct room *rooms, size_t nr)
{
	struct weir_zone_config zones[4][WEIR_ZONE_NR] = { 0 };
	struct weir_node_config nodes[4];
	const uint64_t size = M2;
	struct weir_model_config config = {
		.nodes = nodes, .nr_nodes = nr, .page_bytes = &size, .nr_sizes = 1
	};
	struct weir_model *m = NULL;
	struct weir_rules rules;
	size_t idx;

	for (unsigned int n = 0; n < nr; n++) {
		const struct room *room = &rooms[n];

		zones[n][WEIR_ZONE_NORMAL] = (struct weir_zone_config){
			.there = true,
			.managed = (room->plain + room->cma) * BLOCK,
			.cma = room->cma * BLOCK,
			.free = (room->plain + room->cma) * BLOCK,
			.free_cma = room->cma * BLOCK,
			.whole = UINT64_MAX,
			.whole_cma = UINT64_MAX,
		};
		zones[n][WEIR_ZONE_MOVABLE] = (struct weir_zone_config){
			.there = room->movable > 0,
			.managed = room->movable * BLOCK,
			.free = room->movable * BLOCK,
			.whole = UINT64_MAX,
			.whole_cma = UINT64_MAX,
		};
		nodes[n] = (struct weir_node_config){ .id = n,
			                              .memory_bytes = M2,
			                              .cpus = UINT64_C(1) << n,
			                              .zones = zones[n] };
	}
	expect_int_eq(weir_rules_parse(weir_strz(kernel), &rules, &idx, NULL), 0);
	config.rules = &rules;
	expect_int_eq(weir_model_new(&config, &m, NULL), 0);
	return m;
}

static void sound(const struct weir_model *m)
{
	struct weir_err err;

	if (weir_model_check(m, &err) < 0)
		fail_msg("%s", err.msg);
}

static void expect_pool(const struct weir_model *m, uint64_t total, uint64_t free,
                        uint64_t reserved, uint64_t surplus)
{
	const struct weir_pool *p = &m->pools[0];

	sound(m);
	if (p->total != total || p->free != free || p->reserved != reserved ||
	    p->surplus != surplus)
		fail_msg("the pool is %ju/%ju/%ju/%ju, not %ju/%ju/%ju/%ju",
		         (uintmax_t)p->total, (uintmax_t)p->free, (uintmax_t)p->reserved,
		         (uintmax_t)p->surplus, (uintmax_t)total, (uintmax_t)free,
		         (uintmax_t)reserved, (uintmax_t)surplus);
}

/* Free blocks beside the CMA, in it, and in ZONE_MOVABLE. */
static void expect_room(const struct weir_model *m, unsigned int node, uint64_t plain,
                        uint64_t cma, uint64_t movable)
{
	const struct weir_memory_zone *zones = m->memory.zones[node];

	expect_u64_eq(zones[WEIR_ZONE_NORMAL].free[0], plain * BLOCK);
	expect_u64_eq(zones[WEIR_ZONE_NORMAL].free[1], cma * BLOCK);
	expect_u64_eq(zones[WEIR_ZONE_MOVABLE].free[0], movable * BLOCK);
}

static struct weir_task *task_of(struct weir_model *m)
{
	return weir_task_new(m, &(struct weir_task_config){ 0 });
}

static void grow(struct weir_model *m, unsigned int node, uint64_t pages)
{
	weir_pool_resize(m, &m->pools[0],
	                 &(struct weir_resize){ .target = pages, .node = (int)node });
	expect_u64_eq(m->pools[0].nr[node], pages);
}

/* Grows the pool of a node into its CMA alone. */
static void grow_in_cma(struct weir_model *m, unsigned int node, uint64_t pages)
{
	struct weir_task *in_the_way = weir_task_new(
		m,
		&(struct weir_task_config){ .cpu = node, .mems = UINT64_C(1) << node });

	(void)weir_anon_fix(m, in_the_way, UINT64_MAX / 2, 0);
	grow(m, node, pages);
	weir_task_exit(m, in_the_way);
	(void)weir_memory_compact(&m->memory, node);
}

static uint64_t map(struct weir_model *m, struct weir_task *task, uint64_t pages)
{
	struct weir_map_config config = { .pool = &m->pools[0], .pages = pages };
	uint64_t addr = 0;

	expect_int_eq(weir_map(m, task, &config, &addr), 0);
	return addr;
}

static uint64_t map_touched(struct weir_model *m, struct weir_task *task, uint64_t pages)
{
	uint64_t addr = map(m, task, pages);

	expect_int_eq(weir_touch(m, task, addr, pages, M2, true).outcome, WEIR_DONE);
	return addr;
}

static uint64_t there(struct weir_model *m, struct weir_task *task, uint64_t addr)
{
	const struct weir_vma *vma = weir_vma_at(m, task, addr);
	uint64_t n = 0;

	for (uint32_t i = 0; vma && i < vma->nr; i++)
		n += weir_pte(vma, i) != 0;
	return n;
}

static uint64_t pinnable(struct weir_model *m, struct weir_task *task, uint64_t addr)
{
	const struct weir_vma *vma = weir_vma_at(m, task, addr);
	uint64_t n = 0;

	for (uint32_t i = 0; vma && i < vma->nr; i++)
		n += weir_pte(vma, i) &&
		     weir_page_is_pinnable(m, weir_page(&m->pages, weir_pte(vma, i)));
	return n;
}

static uint64_t pins_of(struct weir_model *m, struct weir_task *task, uint64_t addr)
{
	const struct weir_vma *vma = weir_vma_at(m, task, addr);
	uint64_t n = 0;

	for (uint32_t i = 0; vma && i < vma->nr; i++)
		n += weir_pte(vma, i) ? weir_page(&m->pages, weir_pte(vma, i))->pins : 0;
	return n;
}

/* ---- pages that are there ---------------------------------------------------------- */

static void pin_of_pages_in_the_cma_is_as_the_kernel_does_it(void **state)
{
	static const struct {
		const char *kernel;
		int err;
	} rows[] = { { "5.10", 0 }, { "6.1", -ENOMEM }, { "6.6", 0 },
		     { "6.12", 0 }, { "6.18", 0 },      { "6.18.44", 0 } };
	const struct room room = { .plain = 10, .cma = 10 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		weir_auto(weir_model_freep) struct weir_model *m = host_of(rows[i].kernel,
		                                                           &room, 1);
		struct weir_task *task = task_of(m);
		uint64_t addr;

		grow_in_cma(m, 0, 4);
		expect_room(m, 0, 10, 6, 0);
		addr = map_touched(m, task, 4);
		expect_u64_eq(pinnable(m, task, addr), 0);
		grow(m, 0, 6); /* two of the other side: the CMA is not over the half */
		expect_room(m, 0, 8, 6, 0);
		expect_pool(m, 6, 2, 0, 0);
		expect_int_eq(weir_pin(m, task, addr, 4, M2), rows[i].err);
		expect_pool(m, 6, 2, 0, 0);
		if (rows[i].err < 0) {
			expect_u64_eq(pins_of(m, task, addr), 0);
			expect_u64_eq(pinnable(m, task, addr), 0);
			expect_room(m, 0, 8, 6, 0);
			continue;
		}
		/* two into free pool pages, which then lie in the CMA; two into fresh
		 * ones, and the CMA has theirs back */
		expect_u64_eq(pinnable(m, task, addr), 4);
		expect_u64_eq(pins_of(m, task, addr), 4);
		expect_u64_eq(m->pools[0].nr_pinnable[0], 0);
		expect_room(m, 0, 6, 8, 0);
		/* held by the pin alone, then by nobody */
		weir_unmap(m, task, addr, 4, M2);
		/* 6.12 gave their reservations back already (measured: -4) */
		expect_pool(m, 6, 2, m->rules.zap_keeps_reservation ? -UINT64_C(4) : 0,
		            0);
		weir_unpin(m, task, addr, 4, M2);
		expect_pool(m, 6, 6, 0, 0);
		expect_u64_eq(m->pools[0].nr_pinnable[0], 4);
	}
}

static void pin_of_pages_in_zone_movable_is_as_the_kernel_does_it(void **state)
{
	static const struct {
		const char *kernel;
		int err;
		bool moved;
	} rows[] = { { "5.10", 0, false }, { "6.1", -ENOMEM, false },
		     { "6.6", 0, true },   { "6.12", 0, true },
		     { "6.18", 0, true },  { "6.18.44", 0, true } };
	const struct room room = { .plain = 10, .movable = 4 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		weir_auto(weir_model_freep) struct weir_model *m = host_of(rows[i].kernel,
		                                                           &room, 1);
		struct weir_task *task = task_of(m);
		uint64_t addr;

		grow(m, 0, 4);
		expect_room(m, 0, 10, 0, 0);
		addr = map_touched(m, task, 4);
		expect_int_eq(weir_pin(m, task, addr, 4, M2), rows[i].err);
		expect_pool(m, 4, 0, 0, 0);
		expect_u64_eq(pins_of(m, task, addr), rows[i].err ? 0 : 4);
		if (rows[i].moved)
			expect_room(m, 0, 6, 0, 4);
		else
			expect_room(m, 0, 10, 0, 0);
		weir_task_exit(m, task);
		expect_pool(m, 4, 4, 0, 0);
	}
}

/* Short of places: what moved before stays moved, and nothing is pinned. */
static void pin_without_a_place_to_move_to_leaves_what_it_moved(void **state)
{
	static const char *const kernels[] = { "6.6", "6.12", "6.18" };
	const struct room room = { .plain = 2, .movable = 5 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(kernels); i++) {
		weir_auto(weir_model_freep) struct weir_model *m = host_of(kernels[i],
		                                                           &room, 1);
		struct weir_task *task = task_of(m);
		uint64_t addr;

		grow(m, 0, 5);
		addr = map_touched(m, task, 5);
		expect_int_eq(weir_pin(m, task, addr, 5, M2), -ENOMEM);
		expect_pool(m, 5, 0, 0, 0);
		expect_u64_eq(pinnable(m, task, addr), 2);
		expect_u64_eq(pins_of(m, task, addr), 0);
		expect_u64_eq(task->nr_pins, 0);
		expect_room(m, 0, 0, 0, 2);
		/* those two may be pinned */
		expect_int_eq(weir_pin(m, task, addr, 2, M2), 0);
		weir_unpin(m, task, addr + 1 * M2, 1, M2); /* the whole of it */
		expect_u64_eq(pins_of(m, task, addr), 0);
	}
}

/* A free page of the pool on another node will do; a fresh one comes from the page's own
 * node since 6.10. */
static void pin_moves_to_other_nodes_as_the_kernel_does(void **state)
{
	static const struct {
		const char *kernel;
		int err;
	} rows[] = {
		{ "5.10", 0 }, { "6.6", 0 }, { "6.12", -ENOMEM }, { "6.18", -ENOMEM }
	};
	const struct room rooms[2] = { { .cma = 5 }, { .plain = 3 } };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		weir_auto(weir_model_freep) struct weir_model *m = host_of(rows[i].kernel,
		                                                           rooms, 2);
		struct weir_task *task = task_of(m);
		uint64_t addr;

		grow(m, 0, 2);
		addr = map_touched(m, task, 2);
		grow(m, 1, 1);
		expect_pool(m, 3, 1, 0, 0);
		expect_int_eq(weir_pin(m, task, addr, 1, M2), 0);
		expect_room(m, 0, 0, 3, 0);
		expect_room(m, 1, 2, 0, 0);
		expect_pool(m, 3, 1, 0, 0);
		expect_u64_eq(m->pools[0].nr_free[0], 1);
		expect_int_eq(weir_pin(m, task, addr + M2, 1, M2), rows[i].err);
		expect_pool(m, 3, 1, 0, 0);
		expect_room(m, 0, 0, rows[i].err ? 3 : 4, 0);
		expect_room(m, 1, rows[i].err ? 2 : 1, 0, 0);
		weir_task_exit(m, task);
		expect_pool(m, 3, 3, 0, 0);
	}
}

/* A free page that is promised to somebody is no target. */
static void pin_does_not_move_into_what_is_promised(void **state)
{
	const struct room room = { .plain = 3, .cma = 8 };
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.12", &room, 1);
	struct weir_task *task = task_of(m), *other = task_of(m);
	uint64_t addr, promised;

	(void)state;
	grow_in_cma(m, 0, 2);
	addr = map_touched(m, task, 2);
	grow_in_cma(m, 0, 3);
	weir_pool_resize(m, &m->pools[0],
	                 &(struct weir_resize){ .target = 3, .node = 0 });
	promised = map(m, other, 1);
	expect_pool(m, 3, 1, 1, 0);
	expect_int_eq(weir_pin(m, task, addr, 2, M2), 0);
	expect_pool(m, 3, 1, 1, 0);
	expect_room(m, 0, 1, 7, 0);
	/* and the promise, in the CMA, can be kept but not in a pin: no place for it */
	expect_int_eq(weir_pin(m, other, promised, 1, M2), -EFAULT);
	expect_pool(m, 3, 1, 1, 0);
	expect_int_eq(weir_touch(m, other, promised, 1, M2, true).outcome, WEIR_DONE);
	expect_int_eq(weir_pin(m, other, promised, 1, M2), 0);
	expect_pool(m, 3, 0, 0, 0);
	expect_room(m, 0, 0, 8, 0);
}

/* ---- pages that are not there ------------------------------------------------------ */

/* 50 pages in ZONE_MOVABLE, four mapped and not touched: all free, all reserved, and none
 * to be had. With an overcommit of 3 three are made. On 6.1, 6.12 and 6.18. */
static void pin_of_untouched_pages_finds_none_in_zone_movable(void **state)
{
	static const char *const kernels[] = { "6.1", "6.6", "6.12", "6.18" };
	const struct room room = { .plain = 20, .movable = 50 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(kernels); i++) {
		weir_auto(weir_model_freep) struct weir_model *m = host_of(kernels[i],
		                                                           &room, 1);
		struct weir_task *task = task_of(m);
		uint64_t addr;

		grow(m, 0, 50);
		addr = map(m, task, 4);
		expect_pool(m, 50, 50, 4, 0);
		expect_int_eq(weir_pin(m, task, addr, 4, M2), -EFAULT);
		expect_pool(m, 50, 50, 4, 0);
		m->pools[0].overcommit = 3;
		expect_int_eq(weir_pin(m, task, addr, 4, M2), -EFAULT);
		expect_pool(m, 53, 50, 1, 3);
		expect_room(m, 0, 17, 0, 0);
		expect_u64_eq(pins_of(m, task, addr), 0);
		m->pools[0].overcommit = 4;
		expect_int_eq(weir_pin(m, task, addr, 4, M2), 0);
		expect_pool(m, 54, 50, 0, 4);
		weir_task_exit(m, task);
		expect_pool(m, 50, 50, 0, 0);
		expect_u64_eq(m->pools[0].nr_pinnable[0], 0);
		expect_room(m, 0, 20, 0, 0);
	}
}

/* 5.10 minds the CMA alone. */
static void pin_of_untouched_pages_before_5_13_takes_zone_movable(void **state)
{
	const struct room rooms[2] = { { .plain = 20, .movable = 50 }, { .cma = 20 } };
	weir_auto(weir_model_freep) struct weir_model *m = host_of("5.10", rooms, 2);
	struct weir_task *task = task_of(m);
	uint64_t addr;

	(void)state;
	grow(m, 0, 50);
	addr = map(m, task, 4);
	expect_int_eq(weir_pin(m, task, addr, 4, M2), 0);
	expect_pool(m, 50, 46, 0, 0);
	expect_room(m, 0, 20, 0, 0);
	weir_task_exit(m, task);
	weir_pool_resize(m, &m->pools[0],
	                 &(struct weir_resize){ .target = 0, .node = 0 });
	grow(m, 1, 10);
	task = task_of(m);
	addr = map(m, task, 4);
	expect_int_eq(weir_pin(m, task, addr, 4, M2), -EFAULT);
	expect_pool(m, 10, 10, 4, 0);
	/* a surplus page may come from ZONE_MOVABLE there */
	m->pools[0].overcommit = 4;
	expect_int_eq(weir_pin(m, task, addr, 4, M2), 0);
	expect_pool(m, 14, 10, 0, 4);
	expect_room(m, 0, 20, 0, 46);
}

/* arm64 with 256 MiB of CMA, a pool of 300 of which 200 are in use: of 60 untouched pages
 * 51 are pinned, the 52nd is not to be had, and they stay: 300/49/9. On 6.12 and 6.18. */
static void pin_of_untouched_pages_stops_where_the_cma_begins(void **state)
{
	static const char *const kernels[] = { "6.12", "6.18" };
	const uint64_t free = 4575 * BLOCK / 10, cma = 1278 * BLOCK / 10;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(kernels); i++) {
		const struct room room = { .plain = 1, .cma = 1 };
		weir_auto(weir_model_freep) struct weir_model *m = host_of(kernels[i],
		                                                           &room, 1);
		struct weir_memory_zone *zone = &m->memory.zones[0][WEIR_ZONE_NORMAL];
		struct weir_task *first = task_of(m), *task = task_of(m);
		uint64_t addr;

		zone->free[0] = zone->whole[0] = free - cma;
		zone->free[1] = zone->whole[1] = cma;
		grow(m, 0, 300);
		(void)map_touched(m, first, 200);
		addr = map(m, task, 60);
		expect_pool(m, 300, 100, 60, 0);
		expect_u64_eq(m->pools[0].nr_pinnable[0], 51);
		expect_int_eq(weir_pin(m, task, addr, 60, M2), -EFAULT);
		expect_pool(m, 300, 49, 9, 0);
		expect_u64_eq(there(m, task, addr), 51);
		expect_u64_eq(pinnable(m, task, addr), 51);
		expect_u64_eq(pins_of(m, task, addr), 0);
		weir_task_exit(m, task);
		expect_pool(m, 300, 100, 0, 0);
		expect_u64_eq(m->pools[0].nr_pinnable[0], 51);
	}
}

/* ---- ranges ------------------------------------------------------------------------ */

static void pin_of_what_is_not_mapped_fails(void **state)
{
	const struct room room = { .plain = 20 };
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.12", &room, 1);
	struct weir_map_config config = {
		.pool = &m->pools[0], .pages = 3, .shared = true, .readonly = true
	};
	struct weir_task *task = task_of(m);
	uint64_t addr, sealed;

	(void)state;
	grow(m, 0, 12);
	addr = map(m, task, 6);
	weir_unmap(m, task, addr + 3 * M2, 1, M2);
	expect_pool(m, 12, 12, 5, 0);
	expect_int_eq(weir_pin(m, task, addr, 6, M2), -EFAULT); /* a hole */
	expect_pool(m, 12, 9, 2, 0);
	expect_u64_eq(pins_of(m, task, addr), 0);
	expect_int_eq(weir_pin(m, task, addr + 3 * M2, 1, M2), -EFAULT);
	expect_int_eq(weir_pin(m, task, addr + 4 * M2, 3, M2), -EFAULT); /* the end */
	expect_pool(m, 12, 7, 0, 0);
	expect_int_eq(weir_map(m, task, &config, &sealed), 0);
	expect_int_eq(weir_pin(m, task, sealed, 3, M2), -EFAULT); /* read only */
	expect_pool(m, 12, 7, 3, 0);
	/* two mappings beside each other are one buffer */
	expect_int_eq(weir_pin(m, task, addr, 3, M2), 0);
	expect_int_eq(weir_pin(m, task, addr + 4 * M2, 2, M2), 0);
	expect_u64_eq(task->nr_pins, 2);
	expect_pool(m, 12, 7, 3, 0);
}

/* Pinned twice it is held until the second is gone; a file's page stays in the file. */
static void pin_holds_pages_until_the_last_one_goes(void **state)
{
	const struct room room = { .plain = 20 };
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.12", &room, 1);
	struct weir_map_config config = { .pool = &m->pools[0],
		                          .pages = 4,
		                          .shared = true };
	struct weir_task *task = task_of(m);
	uint64_t addr;

	(void)state;
	grow(m, 0, 10);
	config.file = weir_file_new(m, &m->pools[0], WEIR_FILE_MEMFD, NULL);
	assert_true(weir_file_open(m, task, config.file));
	weir_file_truncate(m, config.file, 4);
	expect_int_eq(weir_map(m, task, &config, &addr), 0);
	expect_int_eq(weir_pin(m, task, addr, 4, M2), 0);
	expect_int_eq(weir_pin(m, task, addr + M2, 2, M2), 0);
	expect_u64_eq(pins_of(m, task, addr), 6);
	weir_file_punch(m, config.file, 0, 4);
	expect_pool(m, 10, 6, 0, 0); /* gone from the file, held by the pins */
	expect_int_eq(weir_touch(m, task, addr, 4, M2, true).outcome, WEIR_DONE);
	expect_pool(m, 10, 2, 0, 0);
	weir_unpin(m, task, addr, 1, M2); /* the first of the two */
	expect_pool(m, 10, 4, 0, 0);
	weir_unpin(m, task, addr + M2, 1, M2);
	expect_pool(m, 10, 6, 0, 0);
	weir_unpin(m, task, addr, 4, M2); /* nothing to let go of */
	expect_pool(m, 10, 6, 0, 0);
	expect_int_eq(weir_pin(m, task, addr, 4, M2), 0);
	weir_task_exit(m, task);
	expect_pool(m, 10, 10, 0, 0);
}

static void pin_of_a_page_that_others_pinned_too(void **state)
{
	const struct room room = { .plain = 20, .cma = 4 };
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.12", &room, 1);
	struct weir_map_config config = { .pool = &m->pools[0],
		                          .pages = 2,
		                          .shared = true };
	struct weir_task *a = task_of(m), *b = task_of(m);
	uint64_t at_a, at_b;

	(void)state;
	grow_in_cma(m, 0, 2);
	config.file = weir_file_new(m, &m->pools[0], WEIR_FILE_MEMFD, NULL);
	assert_true(weir_file_open(m, a, config.file));
	weir_file_truncate(m, config.file, 2);
	expect_int_eq(weir_map(m, a, &config, &at_a), 0);
	expect_int_eq(weir_map(m, b, &config, &at_b), 0);
	expect_int_eq(weir_touch(m, a, at_a, 2, M2, true).outcome, WEIR_DONE);
	expect_int_eq(weir_pin(m, b, at_b, 2, M2), 0); /* moved for both of them */
	expect_u64_eq(pinnable(m, a, at_a), 2);
	expect_int_eq(weir_pin(m, a, at_a, 2, M2), 0);
	expect_u64_eq(pins_of(m, a, at_a), 4);
	expect_pool(m, 2, 0, 0, 0);
	weir_task_exit(m, a);
	expect_pool(m, 2, 0, 0, 0);
	weir_task_exit(m, b);
	expect_pool(m, 2, 2, 0, 0);
	expect_u64_eq(m->pools[0].nr_pinnable[0], 2);
}

/* ---- at random --------------------------------------------------------------------- */

#define TASKS 4

struct some {
	uint64_t addr[3], nr[3];
};

static void random_step(struct weir_rng *rng, struct weir_model *m,
                        struct weir_task **task, struct some *has)
{
	unsigned int i = (unsigned int)weir_rng_below(rng, 3);
	struct weir_map_config config = { .pool = &m->pools[0],
		                          .pages = 1 + weir_rng_below(rng, 12),
		                          .shared = weir_rng_below(rng, 2),
		                          .noreserve = !weir_rng_below(rng, 4) };
	uint64_t from, nr;

	if (!*task) {
		*task = task_of(m);
		memset(has, 0, sizeof(*has));
		return;
	}
	if (!has->nr[i]) {
		if (weir_map(m, *task, &config, &has->addr[i]) == 0)
			has->nr[i] = config.pages;
		return;
	}
	from = weir_rng_below(rng, has->nr[i]);
	nr = 1 + weir_rng_below(rng, has->nr[i] - from);
	switch (weir_rng_below(rng, 10)) {
	case 0:
		weir_task_exit(m, *task);
		*task = NULL;
		break;
	case 1:
		weir_unmap(m, *task, has->addr[i], has->nr[i], M2);
		has->nr[i] = 0;
		break;
	case 2: weir_unmap(m, *task, has->addr[i] + from * M2, nr, M2); break;
	case 3:
	case 4: weir_unpin(m, *task, has->addr[i] + from * M2, nr, M2); break;
	case 5: (void)weir_touch(m, *task, has->addr[i] + from * M2, nr, M2, true); break;
	case 6:
		(void)weir_anon_touch(m, *task, weir_rng_below(rng, 2000), 0);
		(void)weir_anon_pin(m, *task);
		break;
	default: (void)weir_pin(m, *task, has->addr[i] + from * M2, nr, M2); break;
	}
}

/* What is pinned never lies where it may not. */
static void expect_pins_sound(const struct weir_model *m)
{
	uint64_t pins = 0, held = 0;

	sound(m);
	for (weir_page_id id = 1; id < m->pages.nr; id++) {
		const struct weir_page *page = &m->pages.v[id];

		if (!(page->flags & WEIR_PAGE_USED) || page->flags & WEIR_PAGE_FREE)
			continue;
		pins += page->pins;
		assert_true(!page->pins || weir_page_is_pinnable(m, page));
	}
	for (size_t i = 0; i < m->nr_tasks; i++)
		for (size_t k = 0; k < m->tasks[i]->nr_pins; k++)
			held += m->tasks[i]->pins[k].nr;
	expect_u64_eq(pins, held);
}

static void pin_at_random_keeps_the_counts(void **state)
{
	const struct room rooms[2] = { { .plain = 12, .cma = 12, .movable = 6 },
		                       { .plain = 3, .cma = 20 } };
	const char *given = getenv("WEIR_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : 20240613;
	struct weir_rng rng;

	(void)state;
	print_message("# seed %ju\n", (uintmax_t)seed);
	weir_rng_seed(&rng, seed);
	for (unsigned int world = 0; world < 120; world++) {
		weir_auto(weir_model_freep) struct weir_model *m = host_of(
			weir_kernels[world % weir_nr_kernels].name, rooms, 2);
		struct weir_task *tasks[TASKS] = { NULL };
		struct some has[TASKS];
		uint64_t all = 0;

		for (unsigned int n = 0; n < 2; n++)
			all += weir_memory_free(&m->memory, n) / WEIR_BASE_PAGE;
		m->pools[0].overcommit = weir_rng_below(&rng, 6);
		for (unsigned int step = 0; step < 300; step++) {
			unsigned int i = (unsigned int)weir_rng_below(&rng, TASKS);
			struct weir_resize how = {
				.target = weir_rng_below(&rng, 20),
				.node = (int)weir_rng_below(&rng, 2),
			};

			if (weir_rng_below(&rng, 12))
				random_step(&rng, m, &tasks[i], &has[i]);
			else
				weir_pool_resize(m, &m->pools[0], &how);
			expect_pins_sound(m);
		}
		for (unsigned int i = 0; i < TASKS; i++)
			if (tasks[i])
				weir_task_exit(m, tasks[i]);
		expect_pins_sound(m);
		for (unsigned int n = 0; n < 2; n++)
			all -= weir_memory_free(&m->memory, n) / WEIR_BASE_PAGE +
			       m->pools[0].nr[n] * BLOCK;
		expect_u64_eq(all, 0);
	}
}

/* Our own memory ends. */
static int pin_a_little(void *ctx)
{
	const struct room room = { .plain = 12, .cma = 12 };
	weir_auto(weir_model_freep) struct weir_model *m = NULL;
	struct weir_task *task;
	uint64_t addr;

	(void)ctx;
	fault_arm(0);
	m = host_of("6.12", &room, 1);
	grow_in_cma(m, 0, 4);
	task = task_of(m);
	addr = map_touched(m, task, 4);
	fault_arm((unsigned long)*(unsigned int *)ctx);
	(void)weir_anon_touch(m, task, 100, 0);
	if (!m->failed)
		(void)weir_anon_pin(m, task);
	if (!m->failed)
		(void)weir_pin(m, task, addr, 4, M2);
	if (!m->failed)
		(void)weir_pin(m, task, addr, 2, M2);
	if (fault_disarm()) {
		assert_true(m->failed);
		return 1;
	}
	assert_false(m->failed);
	sound(m);
	weir_task_exit(m, task);
	expect_pool(m, 4, 4, 0, 0);
	return 0;
}

static void pin_without_memory_of_its_own_says_so(void **state)
{
	unsigned int nth = 1;

	(void)state;
	while (pin_a_little(&nth))
		nth++;
	assert_true(nth > 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pin_of_pages_in_the_cma_is_as_the_kernel_does_it),
		cmocka_unit_test(pin_of_pages_in_zone_movable_is_as_the_kernel_does_it),
		cmocka_unit_test(pin_without_a_place_to_move_to_leaves_what_it_moved),
		cmocka_unit_test(pin_moves_to_other_nodes_as_the_kernel_does),
		cmocka_unit_test(pin_does_not_move_into_what_is_promised),
		cmocka_unit_test(pin_of_untouched_pages_finds_none_in_zone_movable),
		cmocka_unit_test(pin_of_untouched_pages_before_5_13_takes_zone_movable),
		cmocka_unit_test(pin_of_untouched_pages_stops_where_the_cma_begins),
		cmocka_unit_test(pin_of_what_is_not_mapped_fails),
		cmocka_unit_test(pin_holds_pages_until_the_last_one_goes),
		cmocka_unit_test(pin_of_a_page_that_others_pinned_too),
		cmocka_unit_test(pin_at_random_keeps_the_counts),
		cmocka_unit_test(pin_without_memory_of_its_own_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
