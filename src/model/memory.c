/* memory: nodes, the order in which an allocation tries them, and their zones.
 *
 * The order is the kernel's (mm/page_alloc.c, build_zonelists() and
 * find_next_best_node(), v5.10 to v6.18): the node itself, then by distance; among
 * equally distant ones those above it, then those that came first at their distance in
 * fewer lists. The kernel also prefers nodes without CPUs; but the lists are made before
 * it knows of any, and again only when memory is hotplugged, which is left out.
 *
 * Zones: __zone_watermark_ok() and __rmqueue() of mm/page_alloc.c, v5.10 to v6.18.
 * Where a free block begins and ends is not kept, only how much of what is free lies in
 * whole blocks; single pages are taken from the rest first, as the buddy lists are
 * searched from the small orders up. Left out: per-CPU lists (a few hundred pages of a
 * zone stand there, and the rule for the CMA is asked when they are filled), high-order
 * reserves, boosted watermarks. */
#include "model/memory.h"

#include "base/least.h"

#include <errno.h>
#include <string.h>

#define WHOLE (UINT64_C(512)) /* pages of a block: 2M */

static unsigned int distance(const struct weir_node_config *nodes, size_t nr,
                             unsigned int from, unsigned int to)
{
	for (size_t i = 0; i < nr; i++)
		if (nodes[i].id == from && to < nodes[i].nr_distances &&
		    nodes[i].distance && nodes[i].distance[to])
			return nodes[i].distance[to];
	return from == to ? 10 : 20;
}

static void build_order(struct weir_memory *mem, const struct weir_node_config *nodes,
                        size_t nr, bool load_by_place)
{
	unsigned int load[WEIR_MODEL_NODES_MAX] = { 0 };

	weir_each_node (local, mem->all) {
		uint64_t left = mem->nodes;
		unsigned int prev = local;
		unsigned char k = 0;

		while (left) {
			unsigned int best = weir_node_next(left, 0);
			uint64_t best_val = UINT64_MAX;

			weir_each_node (n, left) {
				uint64_t val = distance(nodes, nr, local, n);

				if (n == local) {
					best = n;
					break;
				}
				val += n < local;
				val = (val << 32) + load[n];
				if (val < best_val) {
					best = n;
					best_val = val;
				}
			}
			if (distance(nodes, nr, local, best) !=
			    distance(nodes, nr, local, prev))
				load[best] = load_by_place ? (unsigned int)(nr - k)
				                           : load[best] + 1;
			mem->order[local][k++] = (unsigned char)best;
			prev = best;
			left &= ~(UINT64_C(1) << best);
		}
		mem->nr_order = k;
	}
}

static uint64_t whole_of(uint64_t told, uint64_t free)
{
	return weir_min(told, free / WHOLE * WHOLE) / WHOLE * WHOLE;
}

static void init_zone(struct weir_memory_zone *zone, const struct weir_zone_config *from)
{
	zone->there = from->there;
	zone->managed = from->managed;
	zone->cma = weir_min(from->cma, from->managed);
	zone->free[1] = weir_min(from->free_cma, from->free);
	zone->free[0] = from->free - zone->free[1];
	zone->whole[0] = whole_of(from->whole, zone->free[0]);
	zone->whole[1] = whole_of(from->whole_cma, zone->free[1]);
	zone->min = from->min;
	zone->low = from->low;
	zone->high = from->high;
	memcpy(zone->reserve, from->reserve, sizeof(zone->reserve));
}

static void init_zones(struct weir_memory *mem, const struct weir_node_config *node)
{
	const struct weir_zone_config plain = {
		.there = node->memory_bytes > 0,
		.managed = node->memory_bytes / WEIR_BASE_PAGE,
		.free = node->memory_bytes / WEIR_BASE_PAGE,
		.whole = UINT64_MAX,
	};

	if (!node->zones) {
		init_zone(&mem->zones[node->id][WEIR_ZONE_NORMAL], &plain);
		return;
	}
	mem->zoned |= UINT64_C(1) << node->id;
	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		if (node->zones[z].there)
			init_zone(&mem->zones[node->id][z], &node->zones[z]);
}

int weir_memory_init(struct weir_memory *mem, const struct weir_node_config *nodes,
                     size_t nr_nodes, bool load_by_place)
{
	memset(mem, 0, sizeof(*mem));
	mem->cma_half = true;
	for (size_t i = 0; i < nr_nodes; i++) {
		unsigned int id = nodes[i].id;

		if (id >= WEIR_MODEL_NODES_MAX || weir_node_in(mem->all, id))
			return -EINVAL;
		mem->all |= UINT64_C(1) << id;
		if (nodes[i].memory_bytes)
			mem->nodes |= UINT64_C(1) << id;
		mem->cpus[id] = nodes[i].cpus;
		mem->total_bytes[id] = nodes[i].memory_bytes;
		init_zones(mem, &nodes[i]);
	}
	if (!mem->nodes)
		return -EINVAL;
	build_order(mem, nodes, nr_nodes, load_by_place);
	weir_each_node (n, mem->all)
		weir_each_node (k, mem->all)
			mem->distance[n][k] = (unsigned char)distance(nodes, nr_nodes, n,
			                                              k);
	return 0;
}

unsigned int weir_memory_cpu_node(const struct weir_memory *mem, unsigned int cpu)
{
	weir_each_node (n, mem->all)
		if (cpu < 64 && mem->cpus[n] >> cpu & 1)
			return n;
	return weir_node_next(mem->all, 0);
}

/* ---- requests and zones ------------------------------------------------------------ */

/* The highest zone of a request, gfp_zone(): from there down. It also says which of a
 * zone's lowmem_reserve applies. */
static enum weir_zone_kind highest(enum weir_request want)
{
	return want == WEIR_WANT_MOVABLE || want == WEIR_WANT_NO_CMA ? WEIR_ZONE_MOVABLE
	                                                             : WEIR_ZONE_NORMAL;
}

static bool may_use_cma(enum weir_request want)
{
	return want == WEIR_WANT_MOVABLE;
}

/* What a request sees of a zone's free pages above @mark: __zone_watermark_ok() wants
 * free - (pages - 1) > mark, for a block of that many. */
static uint64_t above(const struct weir_memory_zone *zone, enum weir_request want,
                      uint64_t mark)
{
	uint64_t seen = zone->free[0] + (may_use_cma(want) ? zone->free[1] : 0);

	return weir_less(seen, mark + zone->reserve[highest(want)]);
}

/* __rmqueue(): with more than half of a zone's free memory in the CMA, what may go there
 * goes there first; else it is the fallback of a side that is empty. Before 5.8 it was
 * only that. */
static bool cma_first(const struct weir_memory *mem, const struct weir_memory_zone *zone)
{
	return mem->cma_half && zone->free[1] > (zone->free[0] + zone->free[1]) / 2;
}

/* ---- blocks ------------------------------------------------------------------------ */

static void take_whole(struct weir_memory_zone *zone, unsigned int side, uint64_t pages)
{
	zone->free[side] -= pages;
	zone->whole[side] -= weir_min(pages, zone->whole[side]);
}

/* From the rest first; blocks are broken for what it lacks. */
static void take_single(struct weir_memory_zone *zone, unsigned int side, uint64_t pages)
{
	uint64_t rest = zone->free[side] - zone->whole[side];

	zone->free[side] -= pages;
	if (pages > rest)
		zone->whole[side] -= weir_min(zone->whole[side],
		                              (pages - rest + WHOLE - 1) / WHOLE * WHOLE);
}

static bool zone_take_block(const struct weir_memory *mem, struct weir_memory_zone *zone,
                            uint64_t pages, enum weir_request want, uint64_t mark,
                            unsigned int *side)
{
	uint64_t needs = pages >= WHOLE ? pages : 0;

	if (above(zone, want, mark) < pages)
		return false;
	*side = may_use_cma(want) && cma_first(mem, zone);
	for (int i = 0; i < 2; i++, *side ^= 1) {
		if (*side && !may_use_cma(want))
			continue;
		if (zone->free[*side] >= pages && zone->whole[*side] >= needs) {
			if (needs)
				take_whole(zone, *side, pages);
			else
				take_single(zone, *side, pages);
			return true;
		}
	}
	return false;
}

/* A range is emptied by moving what stands in it: whole blocks are not asked for. */
static bool zone_take_range(struct weir_memory_zone *zone, uint64_t pages)
{
	if (zone->free[0] < pages)
		return false;
	take_whole(zone, 0, pages);
	return true;
}

bool weir_memory_take(struct weir_memory *mem, unsigned int node, uint64_t bytes,
                      enum weir_request want, weir_site *site)
{
	uint64_t pages = bytes / WEIR_BASE_PAGE;

	for (int hard = 0; hard < 2; hard++)
		for (int z = (int)highest(want); z >= 0; z--) {
			struct weir_memory_zone *zone = &mem->zones[node][z];
			unsigned int side = 0;

			if (!zone->there)
				continue;
			if (want == WEIR_WANT_RANGE
			            ? !zone_take_range(zone, pages)
			            : !zone_take_block(mem, zone, pages, want,
			                               hard ? zone->min : zone->low,
			                               &side))
				continue;
			*site = (weir_site)(side ? WEIR_SITE_CMA + z : z);
			return true;
		}
	return false;
}

void weir_memory_give(struct weir_memory *mem, unsigned int node, uint64_t bytes,
                      weir_site site)
{
	struct weir_memory_zone *zone = &mem->zones[node][weir_site_zone(site)];
	uint64_t pages = bytes / WEIR_BASE_PAGE;

	zone->free[weir_site_is_cma(site)] += pages;
	zone->whole[weir_site_is_cma(site)] += pages / WHOLE * WHOLE;
}

void weir_memory_take_at(struct weir_memory *mem, unsigned int node, uint64_t bytes,
                         weir_site site)
{
	take_whole(&mem->zones[node][weir_site_zone(site)], weir_site_is_cma(site),
	           bytes / WEIR_BASE_PAGE);
}

/* ---- single pages ------------------------------------------------------------------ */

/* How much of @pages comes from the CMA of a zone that may give them all. While the CMA
 * is more than half of what is free it gives; each page it gives lowers it by one and the
 * half by a half. Once it is even the two sides give in turn, until one is empty. */
static uint64_t cma_part(const struct weir_memory *mem,
                         const struct weir_memory_zone *zone, uint64_t pages)
{
	uint64_t free = zone->free[0] + zone->free[1], cma = zone->free[1], part, first;

	if (!mem->cma_half)
		part = weir_less(pages, zone->free[0]);
	else if (cma > free / 2) {
		first = weir_min(pages, 2 * cma - free);
		part = first + (pages - first) / 2;
	} else {
		part = weir_less(pages, free - 2 * cma) / 2;
	}
	part = weir_min(part, cma);
	return pages - part > zone->free[0] ? pages - zone->free[0] : part;
}

static uint64_t zone_take_pages(const struct weir_memory *mem,
                                struct weir_memory_zone *zone, uint64_t pages,
                                enum weir_request want, uint64_t mark, uint64_t got[2])
{
	pages = weir_min(pages, above(zone, want, mark));
	if (!may_use_cma(want))
		pages = weir_min(pages, zone->free[0]);
	got[1] = may_use_cma(want) ? cma_part(mem, zone, pages) : 0;
	got[0] = pages - got[1];
	take_single(zone, 0, got[0]);
	take_single(zone, 1, got[1]);
	return pages;
}

static uint64_t node_take_pages(struct weir_memory *mem, unsigned int node,
                                uint64_t pages, enum weir_request want, bool hard,
                                struct weir_spread *out)
{
	uint64_t done = 0;

	for (int z = (int)highest(want); z >= 0 && done < pages; z--) {
		struct weir_memory_zone *zone = &mem->zones[node][z];
		uint64_t got[2];

		if (!zone->there)
			continue;
		done += zone_take_pages(mem, zone, pages - done, want,
		                        hard ? zone->min : zone->low, got);
		if (out) {
			out->pages[node][z] += got[0];
			out->pages[node][WEIR_SITE_CMA + z] += got[1];
		}
	}
	return done;
}

static uint64_t give_cache(struct weir_memory_zone *zone, unsigned int side,
                           uint64_t *cache, uint64_t pages)
{
	uint64_t n = weir_min(pages, *cache);

	*cache -= n;
	zone->free[side] += n;
	return n;
}

/* Gives back page cache that the request could then use, as much as is wanted: clean one
 * of all zones, then what is written back for it (mm/vmscan.c shrink_folio_list()). */
static void reclaim(struct weir_memory *mem, unsigned int node, enum weir_request want,
                    uint64_t pages)
{
	for (int dirty = 0; dirty < 2; dirty++)
		for (int z = (int)highest(want); z >= 0; z--)
			for (unsigned int side = 0; side <= may_use_cma(want); side++) {
				struct weir_memory_zone *zone = &mem->zones[node][z];

				pages -= give_cache(zone, side,
				                    dirty ? &zone->dirty[side]
				                          : &zone->cache[side],
				                    pages);
			}
}

void weir_memory_drop_caches(struct weir_memory *mem)
{
	weir_each_node (n, mem->all)
		for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
			for (unsigned int side = 0; side < 2; side++) {
				struct weir_memory_zone *zone = &mem->zones[n][z];

				(void)give_cache(zone, side, &zone->cache[side],
				                 UINT64_MAX);
			}
}

uint64_t weir_memory_take_pages(struct weir_memory *mem, unsigned int near,
                                uint64_t allowed, uint64_t pages, enum weir_request want,
                                struct weir_spread *out)
{
	uint64_t done = 0;

	for (int hard = 0; hard < 2; hard++)
		for (unsigned int i = 0; i < mem->nr_order && done < pages; i++) {
			unsigned int node = mem->order[near][i];

			if (!weir_node_in(allowed, node))
				continue;
			if (hard)
				reclaim(mem, node, want, pages - done);
			done += node_take_pages(mem, node, pages - done, want, hard, out);
		}
	return done;
}

void weir_memory_give_pages(struct weir_memory *mem, const struct weir_spread *from)
{
	weir_each_node (n, mem->all)
		for (unsigned int s = 0; s < WEIR_SITE_NR; s++)
			mem->zones[n][s % WEIR_ZONE_NR].free[s >= WEIR_SITE_CMA] +=
				from->pages[n][s];
}

uint64_t weir_memory_free(const struct weir_memory *mem, unsigned int node)
{
	uint64_t pages = 0;

	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		pages += mem->zones[node][z].free[0] + mem->zones[node][z].free[1];
	return pages * WEIR_BASE_PAGE;
}

uint64_t weir_memory_can_take(const struct weir_memory *mem, unsigned int node,
                              enum weir_request want)
{
	uint64_t pages = 0;

	for (int z = (int)highest(want); z >= 0; z--) {
		const struct weir_memory_zone *zone = &mem->zones[node][z];

		if (zone->there)
			pages += weir_min(above(zone, want, zone->min),
			                  zone->free[0] + zone->free[1]);
	}
	return pages;
}

uint64_t weir_memory_compact(struct weir_memory *mem, unsigned int node)
{
	uint64_t won = 0;

	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		for (unsigned int side = 0; side < 2; side++) {
			struct weir_memory_zone *zone = &mem->zones[node][z];
			uint64_t most = zone->free[side] / WHOLE * WHOLE;

			won += (most - zone->whole[side]) / WHOLE;
			zone->whole[side] = most;
		}
	return won;
}
