/* What CSV3 sets aside and hands out: the kernel's arithmetic against a host's log, and
 * borrowed memory that has to move. */
#include "model/csv.h"

#include "base/rng.h"
#include "model/anon.h"
#include "model/check.h"
#include "model/fault.h"
#include "model/task.h"
#include "model/vma.h"
#include "test.h"

#include <errno.h>

#define M2  (UINT64_C(2) << 20)
#define M8  (UINT64_C(8) << 20)
#define G1  (UINT64_C(1) << 30)
#define SMR (M8 / WEIR_BASE_PAGE) /* pages of a unit */

/* ---- arithmetic -------------------------------------------------------------------- */

static void csv_reserve_is_what_the_log_says(void **state)
{
	static const struct {
		uint64_t present;
		unsigned int percent;
		uint64_t expected, areas;
	} rows[] = {
		/* nodes 1 and 0 of a host of 1 TiB: the log's numbers */
		{ 33553792, 50, 0xfffec0000, 64 },
		{ 33497160, 50, 0xff9024000, 64 },
		{ 33553792, 0, 0, 0 },
		{ 0, 80, 0, 0 },
		{ 262144, 100, G1, 1 },
		{ 262145, 100, G1 + 4096, 2 },
		{ 199, 50, 99 * 4096, 1 }, /* whole pages, cut */
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		struct weir_csv_share share = weir_csv_reserve(rows[i].present,
		                                               rows[i].percent);

		expect_u64_eq(share.expected_bytes, rows[i].expected);
		expect_u64_eq(share.areas, rows[i].areas);
	}
	/* 64 PiB: four fifths of 2^26 areas, and nothing overflows */
	expect_u64_eq(weir_csv_reserve(UINT64_C(1) << 44, 80).areas,
	              ((UINT64_C(1) << 26) * 4 + 4) / 5);
}

static void csv_size_of_3_percent_is_four_areas_a_node(void **state)
{
	(void)state;
	/* 40G on eight nodes of 128G: 3.84G each */
	expect_u64_eq(8 * weir_csv_reserve(33553792, 3).areas, 32);
}

static void csv_unit_grows_with_the_span(void **state)
{
	static const struct {
		uint64_t span, mib;
	} rows[] = {
		{ 0, 8 },           { G1, 8 },        { 64 * G1, 8 },
		{ 65 * G1, 16 },    { 128 * G1, 16 }, { 129 * G1, 32 },
		{ 256 * G1, 32 },   { 512 * G1, 64 }, { 1024 * G1, 128 },
		{ 1025 * G1, 256 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++)
		expect_u64_eq(weir_csv_smr_bytes(rows[i].span), rows[i].mib << 20);
}

static void csv_need_is_memory_and_its_tables(void **state)
{
	static const struct {
		uint64_t gib, private_mib, npt_mib, units;
	} rows[] = {
		{ 34, 34824, 80, 4363 },
		{ 40, 40968, 96, 5133 },
		{ 50, 51208, 120, 6416 },
		{ 64, 65544, 152, 8212 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		/* and 4 MiB of flash */
		uint64_t pages = rows[i].gib * 262144 + 1024;
		struct weir_csv_need need = weir_csv_need(pages, M8);

		expect_u64_eq(need.private_bytes, rows[i].private_mib << 20);
		expect_u64_eq(need.npt_bytes, rows[i].npt_mib << 20);
		expect_u64_eq(need.nr_smr, rows[i].units);
	}
	expect_u64_eq(64 * 262144 + 1024, 16778240); /* what the kernel's log asked */
	expect_u64_eq(weir_csv_need(0, M8).nr_smr, 0);
	expect_u64_eq(weir_csv_need(1, M8).nr_smr, 2);
}

/* ---- a host ------------------------------------------------------------------------ */

#define CMA_UNITS 10
#define CMA       (CMA_UNITS * SMR)

/* Three nodes, each with ten units of CMA and as much beside it. */
static struct weir_model *host_of(const char *kernel)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = {
		[WEIR_ZONE_NORMAL] = { .there = true,
		                       .managed = 2 * CMA,
		                       .cma = CMA,
		                       .free = 2 * CMA,
		                       .free_cma = CMA,
		                       .whole = UINT64_MAX,
		                       .whole_cma = UINT64_MAX },
	};
	struct weir_node_config nodes[3];
	const uint64_t size = M2;
	struct weir_model_config config = {
		.nodes = nodes, .nr_nodes = 3, .page_bytes = &size, .nr_sizes = 1
	};
	struct weir_model *m = NULL;
	struct weir_rules rules;
	size_t idx;

	for (unsigned int n = 0; n < 3; n++)
		nodes[n] = (struct weir_node_config){ .id = n,
			                              .memory_bytes = 2 * CMA *
			                                              WEIR_BASE_PAGE,
			                              .cpus = UINT64_C(1) << n,
			                              .zones = zones };
	expect_int_eq(weir_rules_parse(weir_strz(kernel), &rules, &idx, NULL), 0);
	config.rules = &rules;
	expect_int_eq(weir_model_new(&config, &m, NULL), 0);
	return m;
}

static uint64_t anon_pages(const struct weir_model *m, unsigned int node)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->nr_tasks; i++)
		for (unsigned int s = 0; m->tasks[i]->anon && s < WEIR_SITE_NR; s++)
			n += m->tasks[i]->anon->movable.pages[node][s] +
			     m->tasks[i]->anon->fixed.pages[node][s];
	return n;
}

/* Every page of every node is somewhere. */
static void expect_sums(const struct weir_model *m)
{
	struct weir_err err;

	if (weir_model_check(m, &err) < 0)
		fail_msg("%s", err.msg);
	for (unsigned int n = 0; n < 3; n++) {
		const struct weir_memory_zone *zone =
			&m->memory.zones[n][WEIR_ZONE_NORMAL];
		uint64_t pool_cma = 0;

		for (weir_page_id id = 1; id < m->pages.nr; id++) {
			const struct weir_page *page = &m->pages.v[id];

			if (page->flags & WEIR_PAGE_USED && page->node == n)
				pool_cma += weir_site_is_cma(page->site);
		}
		expect_u64_eq(zone->free[0] + zone->free[1] + zone->cache[0] +
		                      zone->cache[1] + zone->csv +
		                      m->pools[0].nr[n] * 512 + anon_pages(m, n),
		              2 * CMA);
		assert_true(zone->free[1] + zone->csv + pool_cma * 512 <= CMA);
		for (int side = 0; side < 2; side++)
			assert_true(zone->whole[side] <= zone->free[side]);
	}
}

static struct weir_task *task_on(struct weir_model *m, unsigned int node)
{
	return weir_task_new(m, &(struct weir_task_config){
					.cpu = node, .mems = UINT64_C(1) << node });
}

static uint64_t csv_of(const struct weir_model *m, unsigned int node)
{
	return m->memory.zones[node][WEIR_ZONE_NORMAL].csv / SMR;
}

static struct weir_memory_zone *zone_of(struct weir_model *m, unsigned int node)
{
	return &m->memory.zones[node][WEIR_ZONE_NORMAL];
}

/* Fills what is not in a CMA, on all nodes: nothing that has to move finds a place. */
static void fill_beside_cma(struct weir_model *m)
{
	struct weir_task *task = weir_task_new(m, &(struct weir_task_config){ 0 });

	(void)weir_anon_fix(m, task, UINT64_MAX / 2, 0);
	for (unsigned int n = 0; n < 3; n++)
		expect_u64_eq(zone_of(m, n)->free[0], 0);
}

static void grow(struct weir_model *m, unsigned int node, uint64_t pages)
{
	weir_pool_resize(m, &m->pools[0],
	                 &(struct weir_resize){ .target = pages, .node = (int)node });
	expect_u64_eq(m->pools[0].nr[node], pages);
}

static void expect_take(struct weir_model *m, uint64_t nr, unsigned int start,
                        uint64_t allowed, int want, uint64_t units)
{
	uint64_t taken[WEIR_MODEL_NODES_MAX] = { 0 }, got = 99;

	expect_int_eq(weir_csv_take(m, nr, M8, start, allowed, taken, &got), want);
	expect_u64_eq(got, units);
	expect_sums(m);
	if (want == 0)
		return;
	for (unsigned int n = 0; n < WEIR_MODEL_NODES_MAX; n++)
		expect_u64_eq(taken[n], 0);
}

/* ---- order ------------------------------------------------------------------------- */

static void csv_nodes_are_filled_from_the_callers_on(void **state)
{
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.6");
	uint64_t a[WEIR_MODEL_NODES_MAX] = { 0 }, b[WEIR_MODEL_NODES_MAX] = { 0 }, got;

	(void)state;
	expect_u64_eq(weir_csv_room(m, M8, 7).sure, 30);
	expect_u64_eq(weir_csv_room(m, M8, 2).most, 10);
	expect_u64_eq(weir_csv_room(m, M8, UINT64_C(1) << 9).most, 0);
	expect_int_eq(weir_csv_take(m, 15, M8, 1, 7, a, &got), 0);
	expect_u64_eq(a[0], 0);
	expect_u64_eq(a[1], 10 * M8);
	expect_u64_eq(a[2], 5 * M8);
	expect_sums(m);
	/* begins at the next one allowed, and goes round */
	expect_int_eq(weir_csv_take(m, 6, M8, 1, 5, b, &got), 0);
	expect_u64_eq(b[2], 5 * M8);
	expect_u64_eq(b[0], 1 * M8);
	expect_u64_eq(weir_csv_room(m, M8, 7).sure, 9);
	expect_u64_eq(weir_csv_room(m, M8, 7).most, 9);
	expect_take(m, 10, 0, 7, -ENOMEM, 9);
	expect_take(m, 1, 0, 6, -ENOMEM, 0);
	expect_take(m, 1, 0, UINT64_C(1) << 9, -ENOMEM, 0);
	expect_take(m, 0, 0, 7, 0, 0);
	expect_u64_eq(csv_of(m, 0) + csv_of(m, 1) + csv_of(m, 2), 21);
	/* what is added to has what it had */
	expect_int_eq(weir_csv_take(m, 2, M8, 0, 1, a, &got), 0);
	expect_u64_eq(a[0], 2 * M8);
	expect_u64_eq(a[1], 10 * M8);
	weir_csv_give(m, a);
	expect_sums(m);
	expect_u64_eq(csv_of(m, 0), 1);
	weir_csv_give(m, b);
	expect_sums(m);
	expect_u64_eq(weir_csv_room(m, M8, 7).sure, 30);
	expect_u64_eq(zone_of(m, 2)->whole[1], CMA);
}

/* What is left of a node below one unit is of no use. */
static void csv_part_of_a_unit_is_not_handed_out(void **state)
{
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.6");
	struct weir_task *task = task_on(m, 0);

	(void)state;
	fill_beside_cma(m);
	expect_u64_eq(weir_anon_touch(m, task, 1, 0), 1);
	expect_u64_eq(weir_csv_room(m, M8, 1).sure, 9);
	expect_u64_eq(weir_csv_room(m, M8, 1).most, 10);
	expect_take(m, 10, 0, 1, -ENOMEM, 9);
	expect_take(m, 9, 0, 1, 0, 9);
	expect_u64_eq(weir_csv_room(m, 3 * M8, 6).sure, 6);
}

/* ---- what was borrowed ------------------------------------------------------------- */

static void csv_borrowed_anonymous_memory_moves(void **state)
{
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.6");
	struct weir_task *task = task_on(m, 0);
	const struct weir_spread *at;

	(void)state;
	expect_u64_eq(weir_anon_touch(m, task, CMA, 0), CMA);
	at = &task->anon->movable;
	expect_u64_eq(at->pages[0][WEIR_SITE_CMA + WEIR_ZONE_NORMAL], CMA / 2);
	expect_u64_eq(weir_csv_room(m, M8, 1).sure, 5);
	expect_u64_eq(weir_csv_room(m, M8, 1).most, 10);
	expect_take(m, 5, 0, 1, 0, 5); /* what is free; nothing moves */
	expect_u64_eq(at->pages[0][WEIR_SITE_CMA + WEIR_ZONE_NORMAL], CMA / 2);
	expect_take(m, 2, 0, 1, 0, 2);
	expect_u64_eq(at->pages[0][WEIR_SITE_CMA + WEIR_ZONE_NORMAL], CMA / 2 - 2 * SMR);
	expect_take(m, 3, 0, 1, 0, 3);
	expect_u64_eq(at->pages[0][WEIR_ZONE_NORMAL], CMA);
	expect_u64_eq(csv_of(m, 0), 10);
}

/* The node has no place left: other nodes have. */
static void csv_borrowed_memory_goes_to_other_nodes_last(void **state)
{
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.6");
	struct weir_task *task = task_on(m, 0);
	const struct weir_spread *at;

	(void)state;
	expect_u64_eq(weir_anon_touch(m, task, 2 * CMA - SMR, 0), 2 * CMA - SMR);
	at = &task->anon->movable;
	expect_take(m, 10, 0, 1, 0, 10);
	expect_u64_eq(at->pages[0][WEIR_ZONE_NORMAL], CMA);
	expect_u64_eq(at->pages[1][WEIR_ZONE_NORMAL], CMA - SMR);
	expect_u64_eq(at->pages[1][WEIR_SITE_CMA + WEIR_ZONE_NORMAL], 0);
}

static void csv_borrowed_memory_without_a_place_stays(void **state)
{
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.6");
	struct weir_task *task = task_on(m, 0);

	(void)state;
	expect_u64_eq(weir_anon_touch(m, task, CMA, 0), CMA);
	fill_beside_cma(m);
	expect_take(m, 6, 0, 1, -ENOMEM, 5);
	expect_u64_eq(csv_of(m, 0), 0);
	expect_u64_eq(task->anon->movable.pages[0][WEIR_SITE_CMA + WEIR_ZONE_NORMAL],
	              CMA / 2);
	/* with other nodes allowed there is enough, and node 0 gives what it can */
	expect_take(m, 7, 0, 3, 0, 7);
	expect_u64_eq(csv_of(m, 0), 5);
	expect_u64_eq(csv_of(m, 1), 2);
}

static void csv_borrowed_page_cache_is_dropped(void **state)
{
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.6");
	struct weir_task *task = task_on(m, 0);

	(void)state;
	expect_u64_eq(weir_anon_cache(m, task, CMA, false), CMA);
	fill_beside_cma(m);
	expect_u64_eq(zone_of(m, 0)->cache[1], CMA / 2);
	expect_u64_eq(weir_csv_room(m, M8, 1).sure, 5);
	expect_take(m, 7, 0, 1, 0, 7);
	expect_u64_eq(zone_of(m, 0)->cache[1], CMA / 2 - 2 * SMR);
}

static uint64_t pool_in_cma(const struct weir_model *m, unsigned int node)
{
	uint64_t n = 0;

	for (weir_page_id id = 1; id < m->pages.nr; id++)
		n += m->pages.v[id].flags & WEIR_PAGE_USED &&
		     m->pages.v[id].node == node && weir_site_is_cma(m->pages.v[id].site);
	return n;
}

/* A free pool page needs a fresh one on its node; the pool stays as large as it is. */
static void csv_borrowed_free_pool_pages_are_replaced(void **state)
{
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.6");
	struct weir_pool *pool = &m->pools[0];

	(void)state;
	grow(m, 0, CMA / 512);
	expect_u64_eq(pool_in_cma(m, 0), CMA / 1024);
	expect_take(m, 7, 0, 1, 0, 7);
	expect_u64_eq(pool_in_cma(m, 0), CMA / 1024 - 2 * SMR / 512);
	expect_u64_eq(pool->nr_pinnable[0], CMA / 1024 + 2 * SMR / 512);
	expect_u64_eq(pool->nr[0], CMA / 512);
	expect_u64_eq(pool->free, CMA / 512);
	expect_u64_eq(pool->surplus, 0);
	fill_beside_cma(m);
	expect_take(m, 1, 0, 1, -ENOMEM, 0);
	expect_u64_eq(pool->nr[0], CMA / 512);
}

static uint64_t map(struct weir_model *m, struct weir_task *task, uint64_t pages)
{
	struct weir_map_config config = { .pool = &m->pools[0], .pages = pages };
	uint64_t addr;

	expect_int_eq(weir_map(m, task, &config, &addr), 0);
	expect_int_eq(weir_touch(m, task, addr, pages, M2, true).outcome, WEIR_DONE);
	return addr;
}

/* One in use goes into a free pool page that may stay, and that one's memory must be
 * replaced; or into a fresh one. From 5.13 on. */
static void csv_borrowed_used_pool_pages_move(void **state)
{
	static const char *const kernels[] = { "6.1", "6.6", "6.12", "6.18" };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(kernels); i++) {
		weir_auto(weir_model_freep) struct weir_model *m = host_of(kernels[i]);
		struct weir_pool *pool = &m->pools[0];
		struct weir_task *task = task_on(m, 0);

		grow(m, 0, CMA / 512);
		(void)map(m, task, CMA / 512);
		expect_take(m, 7, 0, 1, 0, 7);
		expect_u64_eq(pool_in_cma(m, 0), CMA / 1024 - 2 * SMR / 512);
		expect_u64_eq(pool->nr[0], CMA / 512);
		expect_u64_eq(pool->free, 0);
		expect_u64_eq(pool->surplus, 0);
		fill_beside_cma(m);
		expect_take(m, 1, 0, 1, -ENOMEM, 0);
		weir_task_exit(m, task);
		expect_u64_eq(pool->free, CMA / 512);
		expect_sums(m);
	}
}

static void csv_before_5_13_huge_pages_do_not_move(void **state)
{
	weir_auto(weir_model_freep) struct weir_model *m = host_of("5.10");

	(void)state;
	grow(m, 0, CMA / 512);
	expect_take(m, 6, 0, 1, -ENOMEM, 5);
	expect_take(m, 5, 0, 1, 0, 5);
	expect_u64_eq(pool_in_cma(m, 0), CMA / 1024);
}

/* Whatever pinned them: they stay, and the others go. */
static void csv_borrowed_pinned_pool_pages_stay(void **state)
{
	weir_auto(weir_model_freep) struct weir_model *m = host_of("6.6");
	struct weir_task *task = task_on(m, 0);
	const struct weir_vma *vma;
	uint64_t pinned = 0;

	(void)state;
	grow(m, 0, CMA / 512);
	vma = weir_vma_at(m, task, map(m, task, CMA / 512));
	for (uint32_t i = 0; vma && i < vma->nr && pinned < SMR / 512; i++) {
		struct weir_page *page = weir_page(&m->pages, weir_pte(vma, i));

		if (weir_site_is_cma(page->site)) {
			page->pins++;
			pinned++;
		}
	}
	expect_take(m, 10, 0, 1, -ENOMEM, 9);
	expect_u64_eq(pool_in_cma(m, 0), SMR / 512);
	expect_take(m, 9, 0, 1, 0, 9);
	for (weir_page_id id = 1; id < m->pages.nr; id++)
		if (weir_site_is_cma(m->pages.v[id].site))
			expect_u64_eq(m->pages.v[id].pins, 1);
}

/* ---- at random --------------------------------------------------------------------- */

#define TASKS 4
#define VMS   3

struct world {
	struct weir_model *m;
	struct weir_task *tasks[TASKS];
	uint64_t vms[VMS][WEIR_MODEL_NODES_MAX];
	bool has[VMS];
};

static void random_vm(struct weir_rng *rng, struct world *w)
{
	unsigned int i = (unsigned int)weir_rng_below(rng, VMS);
	uint64_t nr = 1 + weir_rng_below(rng, 20), got = 0, sum = 0;
	uint64_t allowed = 1 + weir_rng_below(rng, 7);
	struct weir_csv_room room = weir_csv_room(w->m, M8, allowed);
	int r;

	if (w->has[i]) {
		weir_csv_give(w->m, w->vms[i]);
		memset(w->vms[i], 0, sizeof(w->vms[i]));
		w->has[i] = false;
		return;
	}
	assert_true(room.sure <= room.most);
	r = weir_csv_take(w->m, nr, M8, (unsigned int)weir_rng_below(rng, 3), allowed,
	                  w->vms[i], &got);
	if (nr <= room.sure)
		expect_int_eq(r, 0);
	if (nr > room.most)
		expect_int_eq(r, -ENOMEM);
	assert_true(r == 0 ? got == nr : got < nr && got >= room.sure);
	for (unsigned int n = 0; n < WEIR_MODEL_NODES_MAX; n++) {
		sum += w->vms[i][n];
		assert_true(!w->vms[i][n] || allowed >> n & 1);
	}
	expect_u64_eq(sum, r == 0 ? nr * M8 : 0);
	w->has[i] = r == 0;
}

static void random_task(struct weir_rng *rng, struct world *w)
{
	unsigned int i = (unsigned int)weir_rng_below(rng, TASKS);
	struct weir_map_config config = { .pool = &w->m->pools[0],
		                          .pages = 1 + weir_rng_below(rng, 30) };
	uint64_t addr;

	if (!w->tasks[i]) {
		w->tasks[i] =
			weir_rng_below(rng, 2)
				? task_on(w->m, (unsigned int)weir_rng_below(rng, 3))
				: weir_task_new(w->m, &(struct weir_task_config){ 0 });
		return;
	}
	switch (weir_rng_below(rng, 5)) {
	case 0:
		weir_task_exit(w->m, w->tasks[i]);
		w->tasks[i] = NULL;
		break;
	case 1:
		(void)weir_anon_touch(w->m, w->tasks[i], weir_rng_below(rng, 20000), 0);
		break;
	case 2:
		(void)weir_anon_fix(w->m, w->tasks[i], weir_rng_below(rng, 5000), 0);
		break;
	case 3:
		(void)weir_anon_cache(w->m, w->tasks[i], weir_rng_below(rng, 5000),
		                      false);
		break;
	default:
		if (weir_map(w->m, w->tasks[i], &config, &addr) == 0)
			(void)weir_touch(w->m, w->tasks[i], addr, config.pages, M2, true);
		break;
	}
}

static void csv_at_random_no_page_is_lost(void **state)
{
	static const char *const kernels[] = { "5.10", "6.1", "6.6", "6.12", "6.18" };
	const char *given = getenv("WEIR_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : 20240611;
	struct weir_rng rng;

	(void)state;
	print_message("# seed %ju\n", (uintmax_t)seed);
	weir_rng_seed(&rng, seed);
	for (unsigned int world = 0; world < 50; world++) {
		weir_auto(weir_model_freep) struct weir_model *m = host_of(
			kernels[world % WEIR_NELEM(kernels)]);
		struct world w = { .m = m };

		m->pools[0].overcommit = weir_rng_below(&rng, 20);
		for (unsigned int step = 0; step < 200; step++) {
			struct weir_resize how = {
				.target = weir_rng_below(&rng, 80),
				.node = (int)weir_rng_below(&rng, 3),
			};

			switch (weir_rng_below(&rng, 8)) {
			case 0: weir_pool_resize(m, &m->pools[0], &how); break;
			case 1:
				(void)weir_memory_compact(&m->memory,
				                          (unsigned int)how.node);
				break;
			case 2:
			case 3: random_vm(&rng, &w); break;
			default: random_task(&rng, &w); break;
			}
			expect_sums(m);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_reserve_is_what_the_log_says),
		cmocka_unit_test(csv_size_of_3_percent_is_four_areas_a_node),
		cmocka_unit_test(csv_unit_grows_with_the_span),
		cmocka_unit_test(csv_need_is_memory_and_its_tables),
		cmocka_unit_test(csv_nodes_are_filled_from_the_callers_on),
		cmocka_unit_test(csv_part_of_a_unit_is_not_handed_out),
		cmocka_unit_test(csv_borrowed_anonymous_memory_moves),
		cmocka_unit_test(csv_borrowed_memory_goes_to_other_nodes_last),
		cmocka_unit_test(csv_borrowed_memory_without_a_place_stays),
		cmocka_unit_test(csv_borrowed_page_cache_is_dropped),
		cmocka_unit_test(csv_borrowed_free_pool_pages_are_replaced),
		cmocka_unit_test(csv_borrowed_used_pool_pages_move),
		cmocka_unit_test(csv_before_5_13_huge_pages_do_not_move),
		cmocka_unit_test(csv_borrowed_pinned_pool_pages_stay),
		cmocka_unit_test(csv_at_random_no_page_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
