/* Memory under the pools: zones, the CMA's half, watermarks, page cache. Bulk answers are
 * held to a twin that takes one page after the other, and to what was measured. */
#include "model/memory.h"

#include "base/rng.h"
#include "model/model.h"
#include "model/pool.h"
#include "test.h"

#include <errno.h>

#define M2    (UINT64_C(2) << 20)
#define G1    (UINT64_C(1) << 30)
#define BLOCK UINT64_C(512)
#define ALL   UINT64_MAX

/* ---- one zone, told in a line ------------------------------------------------------ */

static struct weir_zone_config zone_of(uint64_t free, uint64_t free_cma)
{
	return (struct weir_zone_config){
		.there = true,
		.managed = free,
		.cma = free_cma,
		.free = free,
		.free_cma = free_cma,
		.whole = ALL,
		.whole_cma = ALL,
	};
}

static void init(struct weir_memory *mem, const struct weir_zone_config *zones)
{
	const struct weir_node_config node = { .memory_bytes = G1, .zones = zones };

	expect_int_eq(weir_memory_init(mem, &node, 1, false), 0);
}

static struct weir_memory_zone *normal(struct weir_memory *mem)
{
	return &mem->zones[0][WEIR_ZONE_NORMAL];
}

static uint64_t take_single(struct weir_memory *mem, uint64_t pages,
                            enum weir_request want)
{
	return weir_memory_take_pages(mem, 0, mem->all, pages, want, NULL);
}

static uint64_t take_blocks(struct weir_memory *mem, uint64_t most,
                            enum weir_request want)
{
	weir_site site;
	uint64_t n = 0;

	while (n < most && weir_memory_take(mem, 0, M2, want, &site))
		n++;
	return n;
}

/* ---- the twin ---------------------------------------------------------------------- */

#define NODES 3

struct naive_zone {
	bool there;
	uint64_t blocks[2], loose[2]; /* whole blocks, and pages outside of them */
	uint64_t min, low;
	uint64_t reserve[WEIR_ZONE_NR];
};

struct naive {
	struct naive_zone zones[NODES][WEIR_ZONE_NR];
};

static uint64_t naive_free(const struct naive_zone *z, int side)
{
	return z->blocks[side] * BLOCK + z->loose[side];
}

static bool naive_may_cma(enum weir_request want)
{
	return want == WEIR_WANT_MOVABLE;
}

static int naive_top(enum weir_request want)
{
	return want == WEIR_WANT_PINNABLE || want == WEIR_WANT_RANGE ? WEIR_ZONE_NORMAL
	                                                             : WEIR_ZONE_MOVABLE;
}

/* __zone_watermark_ok(): free - (2^order - 1) > mark */
static bool naive_passes(const struct naive_zone *z, uint64_t pages,
                         enum weir_request want, uint64_t mark)
{
	uint64_t free = naive_free(z, 0) + (naive_may_cma(want) ? naive_free(z, 1) : 0);

	mark += z->reserve[naive_top(want)];
	return free >= pages && free - (pages - 1) > mark;
}

static bool naive_prefers_cma(const struct naive_zone *z)
{
	uint64_t cma = naive_free(z, 1);

	return cma > (naive_free(z, 0) + cma) / 2;
}

static int naive_side(const struct naive_zone *z, enum weir_request want, bool block)
{
	int first = naive_may_cma(want) && naive_prefers_cma(z);

	for (int i = 0; i < 2; i++) {
		int side = i ? !first : first;

		if (side && !naive_may_cma(want))
			continue;
		if (block ? z->blocks[side] > 0 : naive_free(z, side) > 0)
			return side;
	}
	return -1;
}

/* One page, or one block, of one node, by this mark. Returns the site or -1. */
static int naive_take(struct naive *twin, unsigned int node, bool block,
                      enum weir_request want, bool hard)
{
	for (int k = naive_top(want); k >= 0; k--) {
		struct naive_zone *z = &twin->zones[node][k];
		int side;

		if (!z->there ||
		    !naive_passes(z, block ? BLOCK : 1, want, hard ? z->min : z->low))
			continue;
		side = naive_side(z, want, block);
		if (side < 0)
			continue;
		if (block) {
			z->blocks[side]--;
		} else {
			if (!z->loose[side]) {
				z->blocks[side]--;
				z->loose[side] += BLOCK;
			}
			z->loose[side]--;
		}
		return side ? WEIR_SITE_CMA + k : k;
	}
	return -1;
}

static int naive_take_page(struct naive *twin, const struct weir_memory *mem,
                           unsigned int near, uint64_t allowed, enum weir_request want,
                           unsigned int *node)
{
	for (int hard = 0; hard < 2; hard++)
		for (unsigned int i = 0; i < mem->nr_order; i++) {
			int site;

			*node = mem->order[near][i];
			if (!(allowed >> *node & 1))
				continue;
			site = naive_take(twin, *node, false, want, hard);
			if (site >= 0)
				return site;
		}
	return -1;
}

static int naive_take_block(struct naive *twin, unsigned int node, enum weir_request want)
{
	int site = naive_take(twin, node, true, want, false);

	return site < 0 ? naive_take(twin, node, true, want, true) : site;
}

static struct naive_zone *naive_at(struct naive *twin, unsigned int node,
                                   unsigned int site)
{
	return &twin->zones[node][site % WEIR_ZONE_NR];
}

/* ---- random zones ------------------------------------------------------------------ */

struct world {
	struct weir_memory mem;
	struct naive twin;
	struct weir_spread spread; /* single pages that were taken */
	uint64_t blocks[NODES][WEIR_SITE_NR];
	uint64_t all;
	uint64_t step;
};

static void random_zone(struct weir_rng *rng, struct weir_zone_config *zone)
{
	bool cma = weir_rng_below(rng, 3) > 0;

	*zone = (struct weir_zone_config){ .there = weir_rng_below(rng, 4) > 0 };
	if (!zone->there)
		return;
	zone->free = weir_rng_below(rng, 20000);
	zone->free_cma = cma ? weir_rng_below(rng, zone->free + 1) : 0;
	zone->managed = zone->free + weir_rng_below(rng, 1000);
	zone->cma = zone->free_cma;
	zone->whole = weir_rng_below(rng, 3) ? ALL : weir_rng_below(rng, 8000);
	zone->whole_cma = weir_rng_below(rng, 3) ? ALL : weir_rng_below(rng, 8000);
	zone->min = weir_rng_below(rng, 600);
	zone->low = zone->min + weir_rng_below(rng, 600);
	zone->high = zone->low + weir_rng_below(rng, 600);
	for (unsigned int j = 0; j < WEIR_ZONE_NR; j++)
		zone->reserve[j] = weir_rng_below(rng, 3) ? 0 : weir_rng_below(rng, 900);
}

static void naive_init(struct world *w, unsigned int node, unsigned int k,
                       const struct weir_zone_config *zone)
{
	struct naive_zone *z = &w->twin.zones[node][k];
	uint64_t free[2] = { zone->free - zone->free_cma, zone->free_cma };
	uint64_t whole[2] = { zone->whole, zone->whole_cma };

	*z = (struct naive_zone){ .there = zone->there,
		                  .min = zone->min,
		                  .low = zone->low };
	memcpy(z->reserve, zone->reserve, sizeof(z->reserve));
	if (!zone->there)
		return;
	for (int side = 0; side < 2; side++) {
		z->blocks[side] = (whole[side] < free[side] ? whole[side] : free[side]) /
		                  BLOCK;
		z->loose[side] = free[side] - z->blocks[side] * BLOCK;
	}
	w->all += zone->free;
}

static void random_world(struct weir_rng *rng, struct world *w)
{
	struct weir_zone_config zones[NODES][WEIR_ZONE_NR];
	struct weir_node_config nodes[NODES];

	memset(w, 0, sizeof(*w));
	for (unsigned int n = 0; n < NODES; n++) {
		nodes[n] = (struct weir_node_config){ .id = n,
			                              .memory_bytes = G1,
			                              .zones = zones[n] };
		for (unsigned int k = 0; k < WEIR_ZONE_NR; k++) {
			random_zone(rng, &zones[n][k]);
			naive_init(w, n, k, &zones[n][k]);
		}
	}
	expect_int_eq(weir_memory_init(&w->mem, nodes, NODES, false), 0);
	w->mem.cma_half = true;
}

static void same(const struct world *w)
{
	uint64_t all = 0;

	for (unsigned int n = 0; n < NODES; n++) {
		for (unsigned int k = 0; k < WEIR_ZONE_NR; k++) {
			const struct weir_memory_zone *zone = &w->mem.zones[n][k];
			const struct naive_zone *z = &w->twin.zones[n][k];

			for (int side = 0; side < 2; side++)
				if (zone->free[side] != naive_free(z, side) ||
				    zone->whole[side] != z->blocks[side] * BLOCK)
					fail_msg("step %ju, node %u, zone %u, side %d: "
					         "free %ju whole %ju, one by one %ju %ju",
					         (uintmax_t)w->step, n, k, side,
					         (uintmax_t)zone->free[side],
					         (uintmax_t)zone->whole[side],
					         (uintmax_t)naive_free(z, side),
					         (uintmax_t)(z->blocks[side] * BLOCK));
			all += zone->free[0] + zone->free[1];
		}
		for (unsigned int s = 0; s < WEIR_SITE_NR; s++)
			all += w->spread.pages[n][s] + w->blocks[n][s] * BLOCK;
	}
	expect_u64_eq(all, w->all);
}

static void step_pages(struct weir_rng *rng, struct world *w, enum weir_request want)
{
	unsigned int near = (unsigned int)weir_rng_below(rng, NODES), node = 0;
	uint64_t allowed = 1 + weir_rng_below(rng, (1 << NODES) - 1), n = 0;
	uint64_t pages = weir_rng_below(rng, weir_rng_below(rng, 8) ? 300 : 12000);
	uint64_t got = weir_memory_take_pages(&w->mem, near, allowed, pages, want,
	                                      &w->spread);

	while (n < pages &&
	       naive_take_page(&w->twin, &w->mem, near, allowed, want, &node) >= 0)
		n++;
	if (got != n)
		fail_msg("step %ju: %ju pages, one by one %ju", (uintmax_t)w->step,
		         (uintmax_t)got, (uintmax_t)n);
}

static void step_block(struct weir_rng *rng, struct world *w, enum weir_request want)
{
	unsigned int node = (unsigned int)weir_rng_below(rng, NODES);
	int twin = naive_take_block(&w->twin, node, want);
	weir_site site = UINT8_MAX;
	bool got = weir_memory_take(&w->mem, node, M2, want, &site);

	if (got != (twin >= 0) || (got && site != twin))
		fail_msg("step %ju: block at %d, one by one %d", (uintmax_t)w->step,
		         got ? site : -1, twin);
	if (got)
		w->blocks[node][site]++;
}

static void step_give(struct weir_rng *rng, struct world *w)
{
	for (unsigned int n = 0; n < NODES; n++)
		for (unsigned int s = 0; s < WEIR_SITE_NR; s++) {
			if (weir_rng_below(rng, 2))
				continue;
			for (; w->blocks[n][s]; w->blocks[n][s]--) {
				weir_memory_give(&w->mem, n, M2, (weir_site)s);
				naive_at(&w->twin, n, s)->blocks[s >= WEIR_SITE_CMA]++;
			}
		}
	if (weir_rng_below(rng, 2))
		return;
	weir_memory_give_pages(&w->mem, &w->spread);
	for (unsigned int n = 0; n < NODES; n++)
		for (unsigned int s = 0; s < WEIR_SITE_NR; s++)
			naive_at(&w->twin, n, s)->loose[s >= WEIR_SITE_CMA] +=
				w->spread.pages[n][s];
	memset(&w->spread, 0, sizeof(w->spread));
}

static void step_compact(struct weir_rng *rng, struct world *w)
{
	unsigned int node = (unsigned int)weir_rng_below(rng, NODES);
	uint64_t won = 0;

	for (unsigned int k = 0; k < WEIR_ZONE_NR; k++)
		for (int side = 0; side < 2; side++) {
			struct naive_zone *z = &w->twin.zones[node][k];

			won += z->loose[side] / BLOCK;
			z->blocks[side] += z->loose[side] / BLOCK;
			z->loose[side] %= BLOCK;
		}
	expect_u64_eq(weir_memory_compact(&w->mem, node), won);
}

static void memory_in_bulk_is_as_page_by_page(void **state)
{
	static const enum weir_request wants[] = { WEIR_WANT_MOVABLE, WEIR_WANT_MOVABLE,
		                                   WEIR_WANT_NO_CMA, WEIR_WANT_PINNABLE };
	const char *given = getenv("WEIR_TEST_SEED");
	uint64_t seed = given ? strtoull(given, NULL, 10) : 20240607;
	struct weir_rng rng;
	static struct world w;

	(void)state;
	print_message("# seed %ju\n", (uintmax_t)seed);
	weir_rng_seed(&rng, seed);
	for (uint64_t step = 0; step < 100000; step++) {
		enum weir_request want = wants[weir_rng_below(&rng, WEIR_NELEM(wants))];

		if (step % 100 == 0)
			random_world(&rng, &w);
		w.step = step;
		switch (weir_rng_below(&rng, 12)) {
		case 0: step_give(&rng, &w); break;
		case 1: step_compact(&rng, &w); break;
		case 2:
		case 3:
		case 4:
		case 5: step_pages(&rng, &w, want); break;
		default: step_block(&rng, &w, want); break;
		}
		same(&w);
	}
}

/* Before 5.8 the CMA gives only when nothing else does. */
static void memory_before_the_half_the_cma_is_the_last_resort(void **state)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = { [WEIR_ZONE_NORMAL] = zone_of(
								3000, 2500) };
	static struct weir_memory mem;

	(void)state;
	init(&mem, zones);
	mem.cma_half = false;
	expect_u64_eq(take_single(&mem, 400, WEIR_WANT_MOVABLE), 400);
	expect_u64_eq(normal(&mem)->free[0], 100);
	expect_u64_eq(take_single(&mem, 400, WEIR_WANT_MOVABLE), 400);
	expect_u64_eq(normal(&mem)->free[0], 0);
	expect_u64_eq(normal(&mem)->free[1], 2200);
	expect_u64_eq(take_blocks(&mem, 9, WEIR_WANT_NO_CMA), 0);
	expect_u64_eq(take_blocks(&mem, 9, WEIR_WANT_MOVABLE), 4);
}

/* ---- what was measured ------------------------------------------------------------- */

static void expect_near(uint64_t got, uint64_t want, uint64_t off, const char *what)
{
	if (got > want + off || want > got + off)
		fail_msg("%s is %ju, measured %ju, more than %ju apart", what,
		         (uintmax_t)got, (uintmax_t)want, (uintmax_t)off);
}

/* A host of 1 TiB in eight nodes, half of each in the CMA: zone Normal of node 1. */
static void memory_pool_of_boot_splits_as_on_a_host_with_half_in_the_cma(void **state)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = { [WEIR_ZONE_NORMAL] = zone_of(
								33027391, 16777216) };
	static struct weir_memory mem;
	uint64_t cma = 0;

	(void)state;
	zones[WEIR_ZONE_NORMAL].min = 7058;
	zones[WEIR_ZONE_NORMAL].low = 40085;
	zones[WEIR_ZONE_NORMAL].high = 73112;
	init(&mem, zones);
	expect_u64_eq(take_blocks(&mem, 32768, WEIR_WANT_MOVABLE), 32768);
	cma = (16777216 - normal(&mem)->free[1]) / BLOCK;
	expect_u64_eq(normal(&mem)->free[0] + normal(&mem)->free[1], 16250175);
	expect_u64_eq(normal(&mem)->free[1], 8124928);
	expect_u64_eq(cma, 16899);
	/* 0.36 % of the CMA: what the host took before and after is not in it */
	expect_near(normal(&mem)->free[1], 8095497, 8095497 / 1000 * 36 / 10 + 300,
	            "the CMA's free part");
}

/* From the managed pages alone, before anything is known of the outcome. */
static void pool_grown_at_boot_is_predicted_from_managed_pages(void **state)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = { [WEIR_ZONE_NORMAL] = zone_of(
								33027391, 16777216) };
	const struct weir_node_config node = { .memory_bytes = 33027391 * WEIR_BASE_PAGE,
		                               .zones = zones };
	const uint64_t size = M2;
	struct weir_model_config config = {
		.nodes = &node, .nr_nodes = 1, .page_bytes = &size, .nr_sizes = 1
	};
	weir_auto(weir_model_freep) struct weir_model *m = NULL;
	struct weir_resize grow = { .target = 32768, .node = 0 };
	struct weir_rules rules;
	uint64_t in_cma = 0;
	size_t kernel;

	(void)state;
	expect_int_eq(weir_rules_parse(weir_strz("6.6"), &rules, &kernel, NULL), 0);
	config.rules = &rules;
	expect_int_eq(weir_model_new(&config, &m, NULL), 0);
	weir_pool_resize(m, &m->pools[0], &grow);
	expect_u64_eq(m->pools[0].total, 32768);
	/* within half a percent of the CMA that was free there afterwards */
	expect_near(normal(&m->memory)->free[1], 8095497, 8095497 / 200, "nr_free_cma");
	/* and of all free pages within one: 279 MiB were taken unmovable later */
	expect_near(normal(&m->memory)->free[0] + normal(&m->memory)->free[1], 16127918,
	            16127918 / 100, "nr_free_pages");
	for (weir_page_id id = 1; id < m->pages.nr; id++)
		in_cma += weir_site_is_cma(weir_page(&m->pages, id)->site);
	expect_u64_eq(in_cma, 16899);
	expect_u64_eq(m->pools[0].nr_pinnable[0], 32768 - 16899);
}

/* The same zone, and a program of 50 GiB. */
static void memory_anonymous_program_takes_the_cma_by_the_half(void **state)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = { [WEIR_ZONE_NORMAL] = zone_of(
								16084059, 8099519) };
	static struct weir_memory mem;
	uint64_t pages = 16084059 - 2963158;

	(void)state;
	init(&mem, zones);
	expect_u64_eq(take_single(&mem, pages, WEIR_WANT_MOVABLE), pages);
	expect_u64_eq(normal(&mem)->free[0] + normal(&mem)->free[1], 2963158);
	expect_u64_eq(normal(&mem)->free[1], 1481579);
	expect_near(normal(&mem)->free[1], 1481723, BLOCK, "the CMA's free part");
}

/* arm64 with 256 MiB of CMA, a pool grown to 300: free, CMA before and CMA after, in
 * tenths of a huge page. */
static void memory_pool_growth_on_arm_leaves_the_cma_that_was_measured(void **state)
{
	static const struct {
		const char *kernel;
		uint64_t free, cma, left;
	} rows[] = {
		{ "5.10", 4810, 1278, 908 },
		{ "6.1", 4732, 1278, 868 },
		{ "6.12", 4575, 1278, 788 },
		{ "6.18", 4575, 1278, 788 },
	};
	static struct weir_memory mem;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		struct weir_zone_config zones[WEIR_ZONE_NR] = {
			[WEIR_ZONE_DMA] = zone_of(rows[i].free * BLOCK / 10,
			                          rows[i].cma * BLOCK / 10),
		};

		init(&mem, zones);
		expect_u64_eq(take_blocks(&mem, 300, WEIR_WANT_MOVABLE), 300);
		/* a page of the rule itself, and what else the kernel did meanwhile */
		expect_near(mem.zones[0][WEIR_ZONE_DMA].free[1] * 10 / BLOCK,
		            rows[i].left, 10, rows[i].kernel);
	}
}

/* ---- watermarks and fallbacks ------------------------------------------------------ */

/* 3776 free, 173 + 1448 to be left: 6.18 gave four and refused the fifth. */
static void memory_zone_dma_gives_four_huge_pages_and_no_fifth(void **state)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = {
		[WEIR_ZONE_DMA] = zone_of(3776, 0),
	};
	static struct weir_memory mem;

	(void)state;
	zones[WEIR_ZONE_DMA].min = 173;
	zones[WEIR_ZONE_DMA].low = 216;
	zones[WEIR_ZONE_DMA].high = 259;
	zones[WEIR_ZONE_DMA].reserve[WEIR_ZONE_DMA32] = 966;
	zones[WEIR_ZONE_DMA].reserve[WEIR_ZONE_NORMAL] = 966;
	zones[WEIR_ZONE_DMA].reserve[WEIR_ZONE_MOVABLE] = 1448;
	init(&mem, zones);
	expect_u64_eq(take_blocks(&mem, 9, WEIR_WANT_MOVABLE), 4);
	expect_u64_eq(mem.zones[0][WEIR_ZONE_DMA].free[0], 1728);
	/* one of lower zones sees less of a reserve */
	expect_u64_eq(take_blocks(&mem, 9, WEIR_WANT_PINNABLE), 1);
	/* a contiguous range is made of anything */
	expect_u64_eq(take_blocks(&mem, 9, WEIR_WANT_RANGE), 2);
	expect_u64_eq(mem.zones[0][WEIR_ZONE_DMA].free[0], 192);
}

/* One block is given exactly while free - 511 is above the mark. */
static void memory_block_at_the_watermark_is_refused(void **state)
{
	static struct weir_memory mem;

	(void)state;
	for (uint64_t free = 1100; free < 1120; free++) {
		struct weir_zone_config zones[WEIR_ZONE_NR] = {
			[WEIR_ZONE_NORMAL] = zone_of(free, 0)
		};

		zones[WEIR_ZONE_NORMAL].min = 600;
		zones[WEIR_ZONE_NORMAL].low = 900;
		init(&mem, zones);
		expect_u64_eq(take_blocks(&mem, 9, WEIR_WANT_MOVABLE),
		              free - 511 > 600 ? 1 : 0);
	}
}

/* All zones down to their low marks first, then all down to their min marks; single
 * pages of several nodes likewise. */
static void memory_goes_everywhere_to_low_before_anywhere_to_min(void **state)
{
	struct weir_zone_config zones[2][WEIR_ZONE_NR] = {
		{ [WEIR_ZONE_NORMAL] = zone_of(1000, 0),
		  [WEIR_ZONE_MOVABLE] = zone_of(1000, 0) },
		{ [WEIR_ZONE_NORMAL] = zone_of(1000, 0) },
	};
	struct weir_node_config nodes[2] = {
		{ .id = 0, .memory_bytes = G1, .zones = zones[0] },
		{ .id = 1, .memory_bytes = G1, .zones = zones[1] },
	};
	struct weir_spread got = { 0 };
	static struct weir_memory mem;

	(void)state;
	for (int n = 0; n < 2; n++)
		for (int z = WEIR_ZONE_NORMAL; z < WEIR_ZONE_NR; z++) {
			zones[n][z].min = 100;
			zones[n][z].low = 300;
		}
	expect_int_eq(weir_memory_init(&mem, nodes, 2, false), 0);
	expect_u64_eq(weir_memory_can_take(&mem, 0, WEIR_WANT_MOVABLE), 1800);
	expect_u64_eq(weir_memory_can_take(&mem, 0, WEIR_WANT_PINNABLE), 900);
	expect_u64_eq(weir_memory_take_pages(&mem, 1, 3, 1500, WEIR_WANT_MOVABLE, &got),
	              1500);
	expect_u64_eq(got.pages[1][WEIR_ZONE_NORMAL], 700);
	expect_u64_eq(got.pages[0][WEIR_ZONE_MOVABLE], 700);
	expect_u64_eq(got.pages[0][WEIR_ZONE_NORMAL], 100);
	/* the rest of all three; only node 0 is allowed, then only what can be pinned */
	expect_u64_eq(weir_memory_take_pages(&mem, 1, 1, 650, WEIR_WANT_MOVABLE, &got),
	              650);
	expect_u64_eq(got.pages[0][WEIR_ZONE_NORMAL], 700);
	expect_u64_eq(got.pages[0][WEIR_ZONE_MOVABLE], 750);
	expect_u64_eq(weir_memory_take_pages(&mem, 0, 3, 9999, WEIR_WANT_PINNABLE, &got),
	              400);
	expect_u64_eq(got.pages[0][WEIR_ZONE_NORMAL], 900);
	expect_u64_eq(got.pages[1][WEIR_ZONE_NORMAL], 900);
	expect_u64_eq(weir_memory_take_pages(&mem, 0, 3, 9999, WEIR_WANT_MOVABLE, &got),
	              150);
	expect_u64_eq(weir_memory_take_pages(&mem, 0, 3, 1, WEIR_WANT_MOVABLE, &got), 0);
	expect_u64_eq(weir_memory_free(&mem, 0), 200 * WEIR_BASE_PAGE);
	weir_memory_give_pages(&mem, &got);
	expect_u64_eq(weir_memory_free(&mem, 0), 2000 * WEIR_BASE_PAGE);
	expect_u64_eq(weir_memory_free(&mem, 1), 1000 * WEIR_BASE_PAGE);
}

/* What may not use the CMA sees neither it nor, when it has to be pinned, ZONE_MOVABLE.
 */
static void memory_requests_keep_out_of_where_they_may_not_be(void **state)
{
	static const struct {
		enum weir_request want;
		uint64_t single, blocks;
	} rows[] = {
		{ WEIR_WANT_MOVABLE, 2048 + 1024 + 512, 7 },
		{ WEIR_WANT_NO_CMA, 1024 + 512, 3 },
		{ WEIR_WANT_PINNABLE, 1024, 2 },
	};
	struct weir_zone_config zones[WEIR_ZONE_NR] = {
		[WEIR_ZONE_NORMAL] = zone_of(3072, 2048),
		[WEIR_ZONE_MOVABLE] = zone_of(512, 0),
	};
	static struct weir_memory mem;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		init(&mem, zones);
		expect_u64_eq(weir_memory_can_take(&mem, 0, rows[i].want),
		              rows[i].single);
		expect_u64_eq(take_single(&mem, 9999, rows[i].want), rows[i].single);
		expect_u64_eq(weir_memory_can_take(&mem, 0, rows[i].want), 0);
		init(&mem, zones);
		expect_u64_eq(take_blocks(&mem, 99, rows[i].want), rows[i].blocks);
	}
}

/* ---- whole blocks ------------------------------------------------------------------ */

static void memory_broken_blocks_come_back_by_compaction(void **state)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = {
		[WEIR_ZONE_NORMAL] = zone_of(8 * BLOCK + 100, 4 * BLOCK),
	};
	struct weir_spread got = { 0 };
	static struct weir_memory mem;

	(void)state;
	zones[WEIR_ZONE_NORMAL].whole = 2 * BLOCK + 511; /* of that, two */
	init(&mem, zones);
	expect_u64_eq(normal(&mem)->whole[0], 2 * BLOCK);
	expect_u64_eq(take_blocks(&mem, 99, WEIR_WANT_NO_CMA), 2);
	expect_u64_eq(weir_memory_compact(&mem, 0), 2);
	expect_u64_eq(weir_memory_compact(&mem, 0), 0);
	expect_u64_eq(take_blocks(&mem, 99, WEIR_WANT_NO_CMA), 2);
	/* a hundred single pages are there without a block; one more breaks one */
	weir_memory_give(&mem, 0, 2 * M2, WEIR_ZONE_NORMAL);
	expect_u64_eq(weir_memory_take_pages(&mem, 0, 1, 100, WEIR_WANT_PINNABLE, &got),
	              100);
	expect_u64_eq(normal(&mem)->whole[0], 2 * BLOCK);
	expect_u64_eq(weir_memory_take_pages(&mem, 0, 1, 1, WEIR_WANT_PINNABLE, &got), 1);
	expect_u64_eq(normal(&mem)->whole[0], BLOCK);
	weir_memory_give_pages(&mem, &got);
	expect_u64_eq(normal(&mem)->free[0], 2 * BLOCK + 100);
	expect_u64_eq(normal(&mem)->whole[0], BLOCK);
	expect_u64_eq(weir_memory_compact(&mem, 0), 1);
}

static void memory_given_back_goes_where_it_came_from(void **state)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = {
		[WEIR_ZONE_NORMAL] = zone_of(2 * 262144 + 7, 262144),
	};
	static struct weir_memory mem;
	weir_site site;

	(void)state;
	init(&mem, zones);
	/* a gigantic page is no part of the CMA, and there is only one beside that */
	assert_true(weir_memory_take(&mem, 0, G1, WEIR_WANT_RANGE, &site));
	expect_int_eq(site, WEIR_ZONE_NORMAL);
	assert_false(weir_memory_take(&mem, 0, G1, WEIR_WANT_RANGE, &site));
	/* it is demoted: given, and taken again in pieces at its place */
	weir_memory_give(&mem, 0, G1, WEIR_ZONE_NORMAL);
	for (int i = 0; i < 512; i++)
		weir_memory_take_at(&mem, 0, M2, WEIR_ZONE_NORMAL);
	expect_u64_eq(normal(&mem)->free[0], 7);
	expect_u64_eq(normal(&mem)->whole[0], 0);
	assert_true(weir_memory_take(&mem, 0, M2, WEIR_WANT_MOVABLE, &site));
	expect_int_eq(site, WEIR_SITE_CMA + WEIR_ZONE_NORMAL);
	weir_memory_give(&mem, 0, M2, site);
	expect_u64_eq(normal(&mem)->free[1], 262144);
	expect_u64_eq(normal(&mem)->whole[1], 262144);
}

/* ---- page cache -------------------------------------------------------------------- */

static void memory_page_cache_is_given_back_when_it_is_wanted(void **state)
{
	struct weir_zone_config zones[2][WEIR_ZONE_NR] = {
		{ [WEIR_ZONE_NORMAL] = zone_of(1000, 400) },
		{ [WEIR_ZONE_NORMAL] = zone_of(1000, 0) },
	};
	struct weir_node_config nodes[2] = {
		{ .id = 0, .memory_bytes = G1, .zones = zones[0] },
		{ .id = 1, .memory_bytes = G1, .zones = zones[1] },
	};
	struct weir_spread got = { 0 };
	static struct weir_memory mem;
	struct weir_memory_zone *zone = normal(&mem);

	(void)state;
	expect_int_eq(weir_memory_init(&mem, nodes, 2, false), 0);
	zone->cache[0] = 300;
	zone->cache[1] = 200;
	/* it does not count as free, and while others have memory it stays */
	expect_u64_eq(weir_memory_can_take(&mem, 0, WEIR_WANT_MOVABLE), 1000);
	expect_u64_eq(weir_memory_take_pages(&mem, 0, 3, 2000, WEIR_WANT_PINNABLE, &got),
	              600 + 1000 + 300);
	expect_u64_eq(zone->cache[0], 0);
	expect_u64_eq(zone->cache[1], 200); /* of no use to who may not be there */
	expect_u64_eq(weir_memory_take_pages(&mem, 0, 1, 550, WEIR_WANT_MOVABLE, &got),
	              550);
	expect_u64_eq(zone->cache[1], 50); /* no more than is wanted */
	expect_u64_eq(zone->free[1], 0);
	expect_u64_eq(got.pages[0][WEIR_ZONE_NORMAL], 900);
	expect_u64_eq(got.pages[0][WEIR_SITE_CMA + WEIR_ZONE_NORMAL], 550);
	expect_u64_eq(got.pages[1][WEIR_ZONE_NORMAL], 1000);
	weir_memory_give_pages(&mem, &got);
	expect_u64_eq(zone->free[0] + zone->free[1] + zone->cache[1], 1500);
}

/* What is not clean is given back last, and not by drop_caches. */
static void memory_dirty_page_cache_is_written_back_before(void **state)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = {
		[WEIR_ZONE_NORMAL] = zone_of(1000, 400),
	};
	struct weir_node_config node = { .memory_bytes = G1, .zones = zones };
	struct weir_spread got = { 0 };
	static struct weir_memory mem;
	struct weir_memory_zone *zone = normal(&mem);

	(void)state;
	expect_int_eq(weir_memory_init(&mem, &node, 1, false), 0);
	zone->cache[0] = 100;
	zone->dirty[0] = 50;
	zone->dirty[1] = 30;
	expect_u64_eq(weir_memory_take_pages(&mem, 0, 1, 1090, WEIR_WANT_MOVABLE, &got),
	              1090);
	expect_u64_eq(zone->cache[0], 10);
	expect_u64_eq(zone->dirty[0], 50);
	weir_memory_drop_caches(&mem);
	expect_u64_eq(zone->cache[0], 0);
	expect_u64_eq(zone->free[0], 10);
	expect_u64_eq(zone->dirty[0] + zone->dirty[1], 80);
	expect_u64_eq(weir_memory_take_pages(&mem, 0, 1, 100, WEIR_WANT_PINNABLE, &got),
	              60);
	expect_u64_eq(zone->dirty[0], 0);
	expect_u64_eq(zone->dirty[1], 30); /* in the CMA: of no use to this one */
	expect_u64_eq(weir_memory_take_pages(&mem, 0, 1, 100, WEIR_WANT_MOVABLE, &got),
	              30);
}

/* A node without zones is a count of bytes: no marks, no CMA, but whole blocks. */
static void memory_of_a_node_without_zones_is_a_count(void **state)
{
	const struct weir_node_config node = { .memory_bytes = 5 * M2 +
		                                               3 * WEIR_BASE_PAGE };
	static struct weir_memory mem;

	(void)state;
	expect_int_eq(weir_memory_init(&mem, &node, 1, false), 0);
	expect_u64_eq(mem.zoned, 0);
	expect_u64_eq(take_single(&mem, 4, WEIR_WANT_PINNABLE), 4);
	expect_u64_eq(take_blocks(&mem, 9, WEIR_WANT_MOVABLE), 4);
	expect_u64_eq(take_single(&mem, 9999, WEIR_WANT_PINNABLE), 511);
	expect_u64_eq(weir_memory_free(&mem, 0), 0);
}

/* Numbers that contradict each other are cut to what can be. */
static void memory_of_impossible_zones_is_cut(void **state)
{
	struct weir_zone_config zones[WEIR_ZONE_NR] = {
		[WEIR_ZONE_NORMAL] = {
			.there = true,
			.managed = 1000,
			.cma = 2000,
			.free = 900,
			.free_cma = 5000,
			.whole = 700,
			.whole_cma = 100000,
			.min = UINT64_MAX / 4,
			.low = UINT64_MAX / 4,
		},
	};
	static struct weir_memory mem;
	struct weir_memory_zone *zone = normal(&mem);

	(void)state;
	init(&mem, zones);
	expect_u64_eq(zone->cma, 1000);
	expect_u64_eq(zone->free[0], 0);
	expect_u64_eq(zone->free[1], 900);
	expect_u64_eq(zone->whole[0], 0);
	expect_u64_eq(zone->whole[1], BLOCK);
	expect_u64_eq(take_single(&mem, 9, WEIR_WANT_MOVABLE), 0);
	expect_u64_eq(weir_memory_can_take(&mem, 0, WEIR_WANT_MOVABLE), 0);
	expect_u64_eq(take_blocks(&mem, 9, WEIR_WANT_MOVABLE), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(memory_in_bulk_is_as_page_by_page),
		cmocka_unit_test(memory_before_the_half_the_cma_is_the_last_resort),
		cmocka_unit_test(
			memory_pool_of_boot_splits_as_on_a_host_with_half_in_the_cma),
		cmocka_unit_test(pool_grown_at_boot_is_predicted_from_managed_pages),
		cmocka_unit_test(memory_anonymous_program_takes_the_cma_by_the_half),
		cmocka_unit_test(
			memory_pool_growth_on_arm_leaves_the_cma_that_was_measured),
		cmocka_unit_test(memory_zone_dma_gives_four_huge_pages_and_no_fifth),
		cmocka_unit_test(memory_block_at_the_watermark_is_refused),
		cmocka_unit_test(memory_goes_everywhere_to_low_before_anywhere_to_min),
		cmocka_unit_test(memory_requests_keep_out_of_where_they_may_not_be),
		cmocka_unit_test(memory_broken_blocks_come_back_by_compaction),
		cmocka_unit_test(memory_given_back_goes_where_it_came_from),
		cmocka_unit_test(memory_page_cache_is_given_back_when_it_is_wanted),
		cmocka_unit_test(memory_dirty_page_cache_is_written_back_before),
		cmocka_unit_test(memory_of_a_node_without_zones_is_a_count),
		cmocka_unit_test(memory_of_impossible_zones_is_cut),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
