/* load_zones: the zones of a host, and where the pages of its pools lie in them.
 *
 * /proc/zoneinfo tells of each zone what is free, in and out of the CMA. Where a pool's
 * pages lie only root sees (facts/placement.h). For others it is bounded: what a CMA has
 * given away is CSV3's, or on the zone's LRU lists, or pages of the pools, as nothing
 * else that movable memory is used for comes in blocks; and what stands outside of the
 * CMA and is not free is at least as much as the pool pages there. The same holds for
 * ZONE_MOVABLE. load.h's enum says which end of these bounds is wanted. */
#include "lab/load_host.h"

#include "base/least.h"
#include "base/own.h"
#include "facts/snapshot.h"

#define BATCHES 186

/* the two counts are not of one moment: what is more than this share apart is meant */
#define LATE_PART 8

/* gigantic pages are never there: mm/hugetlb.c htlb_alloc_mask() */
#define MOVABLE_MAX (UINT64_C(32) << 20)

static int zone_kind(const char *name)
{
	static const char *const names[WEIR_ZONE_NR] = { "DMA", "DMA32", "Normal",
		                                         "Movable" };

	for (int z = 0; z < WEIR_ZONE_NR; z++)
		if (strcmp(name, names[z]) == 0)
			return z;
	return -1;
}

/* What the buddy lists have in blocks of 2M and more, base pages. */
static uint64_t whole_pages(const struct weir_snapshot *snap,
                            const struct weir_zone *zone)
{
	const struct weir_buddyinfo *buddy = &snap->buddy;

	for (size_t i = 0; !buddy->damaged && i < buddy->nr; i++) {
		const struct weir_buddy_zone *row = &buddy->v[i];
		uint64_t pages = 0;

		if (row->node != zone->node || strcmp(row->name, zone->name) != 0)
			continue;
		for (size_t o = 9; o < row->nr_orders && o < WEIR_ORDERS_MAX; o++)
			pages += weir_min(row->counts[o], UINT64_MAX >> 32) << o;
		return pages;
	}
	return UINT64_MAX;
}

static void read_zone(const struct weir_snapshot *snap, const struct weir_zone *from,
                      struct weir_load_node *node, enum weir_zone_kind kind)
{
	struct weir_zone_config *to = &node->zones[kind];
	uint64_t whole = whole_pages(snap, from);

	*to = (struct weir_zone_config){
		.there = from->managed.n > 0,
		.managed = from->managed.n,
		.cma = weir_min(from->cma.n, from->managed.n),
		.free = weir_min(from->free.n, from->managed.n),
		.free_cma = weir_min(from->free_cma.n,
		                     weir_min(from->cma.n, from->free.n)),
		.min = from->min.n,
		.low = from->low.n,
		.high = from->high.n,
		.whole = UINT64_MAX,
		.whole_cma = UINT64_MAX,
	};
	for (size_t j = 0; j < from->nr_reserves && j < WEIR_ZONE_NR; j++)
		to->reserve[j] = from->reserve[j];
	if (whole == UINT64_MAX || !to->free)
		return;
	/* which side they are on is not told: as the free pages are */
	whole = weir_min(whole, to->free);
	to->whole_cma = weir_min(whole, to->free_cma);
	if (to->free_cma < to->free)
		to->whole_cma = (uint64_t)((unsigned __int128)whole * to->free_cma /
		                           to->free);
	to->whole = whole - to->whole_cma;
}

/* ---- page cache and others --------------------------------------------------------- */

static uint64_t lru(const struct weir_zone *zone)
{
	return zone->inactive_anon.n + zone->active_anon.n + zone->inactive_file.n +
	       zone->active_file.n + zone->unevictable.n;
}

static bool lru_known(const struct weir_zone *zone)
{
	return zone->inactive_anon.known && zone->active_anon.known &&
	       zone->inactive_file.known && zone->active_file.known;
}

/* On their way to a list or back: on per-CPU lists, and in the batches in which each CPU
 * gathers pages for the LRU lists (include/linux/pagevec.h: 31 pages at most, of which
 * six kinds; most are nearly empty). */
static uint64_t underway(const struct weir_zone *zone)
{
	return zone->per_cpu.n + zone->nr_cpus.n * BATCHES;
}

/* si_mem_available(): half of it, or as much as the low mark, is taken to be in use. */
static uint64_t reclaimable(const struct weir_zone *zone)
{
	uint64_t file = zone->inactive_file.n + zone->active_file.n;

	return file - weir_min(file / 2, zone->low.n);
}

/* ---- where pool pages may lie ------------------------------------------------------ */

struct room {                              /* of one node, base pages */
	uint64_t unpinnable[WEIR_SITE_NR]; /* what a pool may have at most there */
	uint64_t surely[WEIR_SITE_NR];     /* ... and what it has at least */
	uint64_t others[WEIR_ZONE_NR];     /* outside of the CMA: at most */
};

static void see_room(struct room *room, const struct weir_zone *zone,
                     enum weir_zone_kind kind, uint64_t csv)
{
	uint64_t used = weir_less(zone->managed.n, zone->free.n);
	uint64_t cma = weir_less(weir_less(zone->cma.n, zone->free_cma.n), csv);
	/* not known: nothing is sure */
	uint64_t rest = lru_known(zone) ? lru(zone) + underway(zone) : UINT64_MAX;

	used = weir_less(used, cma + csv);
	room->unpinnable[WEIR_SITE_CMA + kind] = cma;
	room->surely[WEIR_SITE_CMA + kind] = weir_less(cma, rest);
	if (kind == WEIR_ZONE_MOVABLE) {
		room->unpinnable[kind] = used;
		room->surely[kind] = weir_less(used, rest);
	} else {
		room->others[kind] = used;
	}
}

static uint64_t put(struct weir_load_node *node, size_t k, unsigned int site,
                    uint64_t pages, uint64_t *room, uint64_t per_page)
{
	uint64_t n = weir_min(pages, *room / per_page);

	node->at[k][site] += n;
	*room -= n * per_page;
	return n;
}

/* Places the pages of one size: first what has to be in a place, then by choice. */
static void place_size(struct weir_load *load, struct weir_load_node *node, size_t k,
                       struct room *room)
{
	uint64_t left = node->nr[k],
		 per_page = load->sizes[k].page_bytes / WEIR_BASE_PAGE;
	bool movable = load->sizes[k].page_bytes <= MOVABLE_MAX;
	uint64_t *unpinnable = room->unpinnable;

	for (unsigned int s = WEIR_ZONE_MOVABLE; movable && s < WEIR_SITE_NR; s++) {
		bool most = load->place == WEIR_LOAD_MOST;
		uint64_t limit = most ? unpinnable[s] : room->surely[s], before = limit;

		left -= put(node, k, s, left, &limit, per_page);
		unpinnable[s] -= before - limit;
		room->surely[s] = weir_less(room->surely[s], before - limit);
	}
	for (int z = WEIR_ZONE_NORMAL; z >= 0; z--)
		left -= put(node, k, (unsigned int)z, left, &room->others[z], per_page);
	for (unsigned int s = WEIR_ZONE_MOVABLE; movable && s < WEIR_SITE_NR; s++)
		left -= put(node, k, s, left, &unpinnable[s], per_page);
	/* more than the zones account for: the counts were not of one moment */
	for (int z = WEIR_ZONE_NORMAL; left && z >= 0; z--)
		if (node->zones[z].there || !z) {
			node->at[k][z] += left;
			left = 0;
		}
}

/* Which of them are free is a choice too: of the unpinnable ones many, or few. */
static void choose_free(struct weir_load *load, struct weir_load_node *node, size_t k)
{
	bool most = load->place == WEIR_LOAD_MOST;
	uint64_t left = node->free[k];

	for (int round = 0; round < 2; round++)
		for (unsigned int s = 0; s < WEIR_SITE_NR; s++) {
			uint64_t n;

			if ((s >= WEIR_ZONE_MOVABLE) != (most ? !round : round))
				continue;
			n = weir_min(left, node->at[k][s]);
			node->free_at[k][s] = n;
			left -= n;
		}
}

static const struct weir_placed *seen(const struct weir_snapshot *snap, uint64_t bytes,
                                      unsigned int node)
{
	const struct weir_placed *row = weir_placement_find(&snap->placement, bytes,
	                                                    node);

	return row && row->cma.pages.known && row->movable.pages.known ? row : NULL;
}

/* ---- as root sees it --------------------------------------------------------------- */

static uint64_t chosen(const struct weir_load *load, const struct weir_place *place,
                       uint64_t *room)
{
	bool most = load->place == WEIR_LOAD_MOST;
	uint64_t n = most ? place->free.max.known ? place->free.max.n : place->pages.n
	                  : place->free.min.n;

	n = weir_min(weir_min(n, place->pages.n), *room);
	*room -= n;
	return n;
}

static void put_seen(struct weir_load *load, struct weir_load_node *node, size_t k,
                     const struct weir_placed *row, unsigned int cma_site)
{
	uint64_t nr = node->nr[k], free = node->free[k];
	uint64_t cma = weir_min(row->cma.pages.n, nr);
	uint64_t movable = weir_min(row->movable.pages.n, nr - cma);
	unsigned int rest = node->zones[WEIR_ZONE_NORMAL].there ? WEIR_ZONE_NORMAL
	                                                        : WEIR_ZONE_DMA32;

	node->at[k][cma_site] = cma;
	node->at[k][WEIR_ZONE_MOVABLE] += movable;
	node->at[k][rest] += nr - cma - movable;
	node->free_at[k][cma_site] = chosen(load, &row->cma, &free);
	node->free_at[k][WEIR_ZONE_MOVABLE] += chosen(load, &row->movable, &free);
	node->free_at[k][rest] += weir_min(free, nr - cma - movable);
	free -= weir_min(free, nr - cma - movable);
	/* what the counts of another moment leave over */
	for (unsigned int s = 0; free && s < WEIR_SITE_NR; s++) {
		uint64_t n = weir_min(free, node->at[k][s] - node->free_at[k][s]);

		node->free_at[k][s] += n;
		free -= n;
	}
	if (!row->agrees || row->cma.free.min.n != row->cma.free.max.n ||
	    row->movable.free.min.n != row->movable.free.max.n)
		load->place_known = false;
}

/* ---- one node ---------------------------------------------------------------------- */

static uint64_t csv_used(const struct weir_snapshot *snap, unsigned int node)
{
	const struct weir_csv *csv = &snap->confidential.csv;

	for (size_t i = 0; csv->known && i < csv->nr; i++)
		if (csv->v[i].node == node)
			return csv->v[i].memory.used.n / WEIR_BASE_PAGE;
	return 0;
}

/* Of a zone's page cache, what is not clean: where is not told, so it is looked for
 * outside of the CMA first. */
static void split_dirty(struct weir_load_node *node, unsigned int zone, uint64_t pending)
{
	static const unsigned int sides[] = { 0, WEIR_SITE_CMA };

	for (size_t i = 0; i < WEIR_NELEM(sides); i++) {
		unsigned int s = sides[i] + zone;
		uint64_t n = weir_min(pending, node->cache[s]);

		node->cache[s] -= n;
		node->dirty[s] = n;
		pending -= n;
	}
}

/* Of what is left where pool pages are not: page cache, and what can move. */
static void share_rest(struct weir_load_node *node, const struct room *room,
                       const uint64_t *file, unsigned int zone)
{
	uint64_t lent = room->unpinnable[WEIR_SITE_CMA + zone];
	uint64_t cache = weir_min(file[zone], lent);

	node->cache[WEIR_SITE_CMA + zone] = cache;
	node->lent[WEIR_SITE_CMA + zone] = lent - cache;
	node->cache[zone] = file[zone] - cache;
	if (zone == WEIR_ZONE_MOVABLE)
		node->lent[zone] = weir_less(room->unpinnable[zone], node->cache[zone]);
}

static bool in_doubt(const struct weir_load *load, const struct weir_load_node *node,
                     const struct room *room)
{
	uint64_t pages = 0, unpinnable = 0;

	for (size_t k = 0; k < load->nr_sizes; k++)
		if (load->sizes[k].page_bytes <= MOVABLE_MAX)
			pages += node->nr[k];
	for (unsigned int s = 0; s < WEIR_SITE_NR; s++)
		unpinnable += room->unpinnable[s] / 512;
	return pages && unpinnable;
}

static void put_plain(struct weir_load *load, struct weir_load_node *node, weir_site site)
{
	for (size_t k = 0; k < load->nr_sizes; k++) {
		weir_site at = load->sizes[k].page_bytes <= MOVABLE_MAX
		                       ? site
		                       : (weir_site)WEIR_ZONE_NORMAL;

		node->at[k][at] = node->nr[k];
		node->free_at[k][at] = node->free[k];
	}
}

/* A node whose zones are not told, when those of others are: they may hide anything. */
static void put_untold(struct weir_load *load, struct weir_load_node *node,
                       const struct weir_snapshot *snap)
{
	bool most = snap->zones.nr && load->place == WEIR_LOAD_MOST;

	if (snap->zones.nr) {
		load->place_known = false;
		weir_load_note(load, "the zones of node %u are not known", node->id);
	}
	put_plain(load, node,
	          most ? (weir_site)(WEIR_SITE_CMA + WEIR_ZONE_NORMAL)
	               : (weir_site)WEIR_ZONE_NORMAL);
}

/* Memory that the kernel takes up only when it is asked for is free, and in no zone yet.
 */
static void see_late_memory(struct weir_load *load, struct weir_load_node *node,
                            const struct weir_snapshot *snap)
{
	uint64_t told = node->free_bytes / WEIR_BASE_PAGE, free = 0;
	struct weir_zone_config *zone = &node->zones[WEIR_ZONE_NORMAL];

	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		free += node->zones[z].free;
	/* the node's own file may leave it out as the zones do */
	if (load->nr_nodes == 1 && snap->mem.free.n / WEIR_BASE_PAGE > told)
		told = snap->mem.free.n / WEIR_BASE_PAGE;
	if (!zone->there || told <= free + free / LATE_PART)
		return;
	zone->free += told - free;
	zone->managed += told - free;
	zone->whole = zone->whole_cma = UINT64_MAX;
	weir_load_note(load,
	               "node %u has more free memory than its zones show: it is taken to "
	               "be as any",
	               node->id);
}

static void read_node(struct weir_load *load, struct weir_load_node *node,
                      const struct weir_snapshot *snap)
{
	struct room room = { 0 };
	uint64_t file[WEIR_ZONE_NR] = { 0 }, pending[WEIR_ZONE_NR] = { 0 };
	unsigned int cma_site = WEIR_SITE_CMA + WEIR_ZONE_NORMAL;

	node->csv_pages = csv_used(snap, node->id);
	for (size_t i = 0; i < snap->zones.nr; i++) {
		const struct weir_zone *zone = &snap->zones.v[i];
		int kind = zone->node == node->id ? zone_kind(zone->name) : -1;

		if (kind < 0 || !zone->managed.n)
			continue;
		node->has_zones = true;
		read_zone(snap, zone, node, (enum weir_zone_kind)kind);
		see_room(&room, zone, (enum weir_zone_kind)kind,
		         zone->cma.n ? node->csv_pages : 0);
		file[kind] = reclaimable(zone);
		pending[kind] = zone->write_pending.n;
		if (zone->cma.n)
			cma_site = WEIR_SITE_CMA + (unsigned int)kind;
	}
	if (!node->has_zones) {
		put_untold(load, node, snap);
		return;
	}
	see_late_memory(load, node, snap);
	if (in_doubt(load, node, &room) && !snap->placement.known)
		load->place_known = false;
	for (size_t k = 0; k < load->nr_sizes; k++) {
		const struct weir_placed *row = seen(snap, load->sizes[k].page_bytes,
		                                     node->id);

		if (row) {
			put_seen(load, node, k, row, cma_site);
		} else {
			place_size(load, node, k, &room);
			choose_free(load, node, k);
		}
	}
	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++) {
		if (!node->zones[z].there)
			continue;
		share_rest(node, &room, file, z);
		split_dirty(node, z, pending[z]);
	}
}

void weir_load_read_zones(struct weir_load *load, const struct weir_snapshot *snap)
{
	bool base_4k = !snap->page_bytes.known || snap->page_bytes.n == WEIR_BASE_PAGE;

	load->place_known = true;
	if (!base_4k)
		weir_load_note(load, "base pages are not of 4 KiB: zones are left out");
	for (size_t i = 0; i < load->nr_nodes; i++) {
		if (base_4k && !snap->zones.damaged)
			read_node(load, &load->nodes[i], snap);
		else
			put_plain(load, &load->nodes[i], WEIR_ZONE_NORMAL);
	}
}
