/* csv: see csv.h.
 *
 * An area's own blocks are not looked at: a node's areas are one amount, of which CSV has
 * a part, others borrow a part and the rest is free. What that leaves out: an area whose
 * borrowed pages cannot move makes the allocator go on to the next, which costs time, and
 * units only when all of them are like that. */
#include "model/csv.h"

#include "base/least.h"

#include "model/anon.h"
#include "model/migrate.h"
#include "model/offline.h"
#include "model/start_sizes.h"

#include <errno.h>

#define NPT_BYTES 9 /* a page: 8 bytes of entry and their tables' share, rounded up */

static uint64_t round_up(uint64_t n, uint64_t unit)
{
	return (n / unit + (n % unit != 0)) * unit;
}

struct weir_csv_share weir_csv_reserve(uint64_t present_pages, unsigned int percent)
{
	/* pages = present * percent / 100, in two parts lest it overflow */
	uint64_t pages = present_pages / 100 * percent +
	                 present_pages % 100 * percent / 100;
	struct weir_csv_share share = { .expected_bytes = pages * WEIR_BASE_PAGE };

	share.areas = round_up(share.expected_bytes, WEIR_CSV_AREA_BYTES) /
	              WEIR_CSV_AREA_BYTES;
	return share;
}

uint64_t weir_csv_smr_bytes(uint64_t span_bytes)
{
	uint64_t entries = span_bytes / WEIR_CSV_SMR_ENTRIES,
		 bytes = WEIR_CSV_SMR_BYTES_MIN;

	/* shift = max(23, ilog2(span / 8192 - 1) + 1): the next power of two */
	while (bytes < entries)
		bytes *= 2;
	return bytes;
}

struct weir_csv_need weir_csv_need(uint64_t guest_pages, uint64_t smr_bytes)
{
	struct weir_csv_need need = {
		.private_bytes = round_up(guest_pages * WEIR_BASE_PAGE, smr_bytes),
		.npt_bytes = round_up(guest_pages * NPT_BYTES, smr_bytes),
	};

	need.nr_smr = (need.private_bytes + need.npt_bytes) / smr_bytes;
	return need;
}

static void set_aside(struct weir_memory_zone *zone, uint64_t pages)
{
	uint64_t whole = weir_min(pages, zone->whole[0]);

	pages = weir_min(pages, zone->free[0]);
	zone->cma += pages;
	zone->free[0] -= pages;
	zone->free[1] += pages;
	zone->whole[0] -= whole;
	zone->whole[1] += whole;
}

void weir_csv_boot(struct weir_model *m, unsigned int percent)
{
	uint64_t left = WEIR_CSV_AREAS_MAX;

	weir_each_node (n, m->memory.nodes) {
		struct weir_memory_zone *zones = m->memory.zones[n], *of;
		uint64_t pages = 0, cma = 0;
		struct weir_csv_share share;

		for (unsigned int z = 0; z < WEIR_ZONE_NR; z++) {
			pages += zones[z].managed;
			cma += zones[z].cma;
		}
		share = weir_csv_reserve(pages, percent);
		share.areas = weir_min(share.areas, left);
		if (cma)
			continue;
		left -= share.areas;
		of = zones[WEIR_ZONE_NORMAL].there ? &zones[WEIR_ZONE_NORMAL]
		                                   : &zones[WEIR_ZONE_DMA32];
		set_aside(of, share.areas * (WEIR_CSV_AREA_BYTES / WEIR_BASE_PAGE));
	}
}

/* ---- moving out what was borrowed -------------------------------------------------- */

/* A pool page out of a node's CMA: another place of the node for a free one; one that is
 * in use is migrated, and what it leaves, if it went back to the pool, is replaced too.
 * alloc_contig_range(), isolate_or_dissolve_huge_page(). */
static bool replace_free(struct weir_model *m, struct weir_pool *pool, weir_page_id id)
{
	struct weir_page *page = weir_page(&m->pages, id);
	weir_site site;

	if (!weir_memory_take(&m->memory, page->node, pool->page_bytes, WEIR_WANT_NO_CMA,
	                      &site))
		return false;
	weir_pool_unlink(m, pool, id);
	weir_memory_give(&m->memory, page->node, pool->page_bytes, page->site);
	page->site = site;
	weir_pool_push(m, pool, id);
	return true;
}

static bool replace_used(struct weir_model *m, struct weir_pool *pool, weir_page_id id)
{
	weir_page_id old;
	uint64_t near = UINT64_C(1) << weir_page(&m->pages, id)->node;
	bool ok;

	m->pinning = true; /* not to another place in a CMA */
	ok = weir_page_migrate(m, id, weir_page(&m->pages, id)->node,
	                       m->rules.migrate_strict_node ? near : m->memory.nodes,
	                       &old) == 0;
	m->pinning = false;
	return ok && (!old || replace_free(m, pool, old));
}

static uint64_t move_huge(struct weir_model *m, unsigned int node, uint64_t pages)
{
	uint64_t done = 0;

	/* free ones first: they cost no copy. The kernel takes them as they lie. */
	for (int used = 0; m->rules.cma_moves_huge && used < 2; used++)
		for (weir_page_id id = 1; id < m->pages.nr && done < pages; id++) {
			const struct weir_page *page = weir_page(&m->pages, id);
			struct weir_pool *pool = &m->pools[page->pool];

			if (!(page->flags & WEIR_PAGE_USED) || page->node != node ||
			    !weir_site_is_cma(page->site) || pool->gigantic ||
			    (page->flags & WEIR_PAGE_FREE ? used : !used))
				continue;
			if (used ? replace_used(m, pool, id) : replace_free(m, pool, id))
				done += pool->page_bytes / WEIR_BASE_PAGE;
			else if (!used)
				break;
		}
	return done;
}

static uint64_t cma_free(const struct weir_model *m, unsigned int node)
{
	uint64_t pages = 0;

	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		pages += m->memory.zones[node][z].free[1];
	return pages;
}

static uint64_t cma_left(const struct weir_model *m, unsigned int node)
{
	uint64_t pages = 0;

	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		pages += m->memory.zones[node][z].cma - m->memory.zones[node][z].csv;
	return pages;
}

/* Frees CMA pages of a node until there are so many. */
static void make_room(struct weir_model *m, unsigned int node, uint64_t pages)
{
	for (unsigned int z = 0; z < WEIR_ZONE_NR && cma_free(m, node) < pages; z++) {
		struct weir_memory_zone *zone = &m->memory.zones[node][z];
		uint64_t n = weir_min(zone->cache[1], pages - cma_free(m, node));

		zone->cache[1] -= n;
		zone->free[1] += n;
	}
	if (cma_free(m, node) < pages)
		(void)weir_anon_leave_cma(m, node, pages - cma_free(m, node));
	if (cma_free(m, node) < pages)
		(void)move_huge(m, node, pages - cma_free(m, node));
}

/* ---- taking ------------------------------------------------------------------------ */

static uint64_t take_on(struct weir_model *m, unsigned int node, uint64_t nr,
                        uint64_t smr_pages)
{
	uint64_t units = weir_min(nr, cma_left(m, node) / smr_pages), pages;

	if (!units)
		return 0;
	make_room(m, node, units * smr_pages);
	units = weir_min(units, cma_free(m, node) / smr_pages);
	pages = units * smr_pages;
	for (unsigned int z = 0; z < WEIR_ZONE_NR && pages; z++) {
		struct weir_memory_zone *zone = &m->memory.zones[node][z];
		uint64_t n = weir_min(pages, zone->free[1]);

		zone->free[1] -= n;
		if (zone->whole[1] > zone->free[1])
			zone->whole[1] = zone->free[1];
		zone->csv += n;
		pages -= n;
	}
	return units;
}

int weir_csv_take(struct weir_model *m, uint64_t nr, uint64_t smr_bytes,
                  unsigned int start, uint64_t allowed,
                  uint64_t taken[WEIR_MODEL_NODES_MAX], uint64_t *got)
{
	uint64_t mine[WEIR_MODEL_NODES_MAX] = { 0 }, left = nr;

	allowed &= m->memory.nodes;
	for (unsigned int i = 0; i < WEIR_MODEL_NODES_MAX && left; i++) {
		unsigned int node = (start + i) % WEIR_MODEL_NODES_MAX;
		uint64_t units;

		if (!weir_node_in(allowed, node))
			continue;
		units = take_on(m, node, left, smr_bytes / WEIR_BASE_PAGE);
		mine[node] += units * smr_bytes;
		left -= units;
	}
	*got = nr - left;
	if (left) {
		weir_csv_give(m, mine);
		return -ENOMEM;
	}
	weir_each_node (n, m->memory.all)
		taken[n] += mine[n];
	return 0;
}

void weir_csv_give(struct weir_model *m, const uint64_t taken[WEIR_MODEL_NODES_MAX])
{
	weir_each_node (node, m->memory.all) {
		uint64_t pages = taken[node] / WEIR_BASE_PAGE;

		for (unsigned int z = 0; z < WEIR_ZONE_NR && pages; z++) {
			struct weir_memory_zone *zone = &m->memory.zones[node][z];
			uint64_t n = weir_min(pages, zone->csv);

			zone->csv -= n;
			zone->free[1] += n;
			zone->whole[1] += n;
			pages -= n;
		}
	}
}

struct weir_csv_room weir_csv_room(const struct weir_model *m, uint64_t smr_bytes,
                                   uint64_t allowed)
{
	struct weir_csv_room room = { 0 };
	uint64_t smr_pages = smr_bytes / WEIR_BASE_PAGE;

	weir_each_node (n, allowed & m->memory.nodes) {
		room.sure += cma_free(m, n) / smr_pages;
		room.most += cma_left(m, n) / smr_pages;
	}
	return room;
}
