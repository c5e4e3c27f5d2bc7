/* overview: see overview.h. */
#include "plan/overview.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <stddef.h>

void weir_overview_done(struct weir_overview *view)
{
	free(view->nodes);
	weir_shortfalls_done(&view->boot);
	weir_warm_places_done(&view->warm);
	*view = (struct weir_overview){ 0 };
}

uint64_t weir_host_floor(uint64_t total_bytes)
{
	uint64_t share = total_bytes / 100 * 3; /* cannot overflow this way round */

	return share > WEIR_GIB ? share : WEIR_GIB;
}

const struct weir_huge_size *weir_default_size(const struct weir_snapshot *snap)
{
	return snap->mem.huge_size.known
	               ? weir_pools_size(&snap->pools, snap->mem.huge_size.n)
	               : NULL;
}

static struct weir_count pages_to_bytes(const struct weir_snapshot *snap,
                                        struct weir_count pages)
{
	return snap->page_bytes.known ? weir_count_mul(pages, snap->page_bytes.n)
	                              : (struct weir_count){ 0 };
}

static struct weir_count zone_bytes(const struct weir_snapshot *snap, unsigned int node,
                                    size_t field_offset)
{
	return pages_to_bytes(snap, weir_zones_sum(&snap->zones, node, field_offset));
}

static void add_movable(const struct weir_snapshot *snap, struct weir_node_memory *row)
{
	struct weir_count managed = WEIR_COUNT(0), unused = WEIR_COUNT(0);
	bool seen = false;

	for (size_t i = 0; i < snap->zones.nr; i++) {
		const struct weir_zone *z = &snap->zones.v[i];

		if (z->node != row->node)
			continue;
		seen = true;
		if (strcmp(z->name, "Movable") != 0 ||
		    (z->present.known && !z->present.n))
			continue;
		managed = weir_count_add(managed, z->managed);
		unused = weir_count_add(unused, z->free);
	}
	if (!seen || snap->zones.damaged)
		return;
	row->movable = pages_to_bytes(snap, managed);
	row->movable_free = pages_to_bytes(snap, unused);
}

/* Largest order whose block is no larger than @bytes, as the buddy lists count. */
static bool order_of(const struct weir_snapshot *snap, uint64_t bytes, unsigned int *out)
{
	unsigned int order = 0;

	if (!snap->page_bytes.known || !snap->page_bytes.n || bytes % snap->page_bytes.n)
		return false;
	for (bytes /= snap->page_bytes.n; bytes > 1; bytes >>= 1)
		order++;
	*out = order;
	return true;
}

static void add_blocks(const struct weir_snapshot *snap, struct weir_node_memory *row)
{
	unsigned int order;

	if (order_of(snap, WEIR_BLOCK_2M, &order))
		row->blocks_2m = weir_buddyinfo_blocks(&snap->buddy, row->node, order);
	if (order_of(snap, WEIR_BLOCK_1G, &order))
		row->blocks_1g_max = weir_buddyinfo_runs_max(&snap->buddy, row->node,
		                                             UINT64_C(1) << order);
}

static struct weir_count node_pool_bytes(const struct weir_snapshot *snap,
                                         unsigned int node)
{
	struct weir_count sum = WEIR_COUNT(0);
	bool any = false;

	for (size_t i = 0; i < snap->pools.nr; i++) {
		const struct weir_huge_size *size = &snap->pools.sizes[i];

		for (size_t k = 0; k < size->nr_nodes; k++) {
			if (size->nodes[k].node != node)
				continue;
			any = true;
			sum = weir_count_add(sum, weir_count_mul(size->nodes[k].pool.nr,
			                                         size->size_bytes));
		}
	}
	return any ? sum : (struct weir_count){ 0 };
}

static int add_node(const struct weir_snapshot *snap, unsigned int id,
                    struct weir_overview *out)
{
	const struct weir_node *node = weir_nodes_find(&snap->nodes, id);
	struct weir_node_memory *row;
	int r = weir_grow(&out->nodes, &out->cap, out->nr, sizeof(*out->nodes));

	if (r < 0)
		return r;
	row = &out->nodes[out->nr++];
	row->node = id;
	if (node)
		row->total = node->mem.total;
	if (!row->total.known)
		row->total = zone_bytes(snap, id, offsetof(struct weir_zone, managed));
	row->free = zone_bytes(snap, id, offsetof(struct weir_zone, free));
	row->cma = zone_bytes(snap, id, offsetof(struct weir_zone, cma));
	row->cma_free = zone_bytes(snap, id, offsetof(struct weir_zone, free_cma));
	row->free_no_cma = weir_count_sub(row->free, row->cma_free);
	if (!row->free.known && node)
		row->free = node->mem.free;
	add_movable(snap, row);
	row->pinnable = weir_count_sub(row->free_no_cma, row->movable_free);
	add_blocks(snap, row);
	row->pool = node_pool_bytes(snap, id);
	return 0;
}

static struct weir_count all_pools(const struct weir_snapshot *snap)
{
	struct weir_count sum = WEIR_COUNT(0);

	if (!snap->pools.known)
		return snap->mem.hugetlb;
	for (size_t i = 0; i < snap->pools.nr; i++)
		sum = weir_count_add(sum,
		                     weir_count_mul(snap->pools.sizes[i].all.nr,
		                                    snap->pools.sizes[i].size_bytes));
	return sum;
}

int weir_overview_make(const struct weir_snapshot *snap, struct weir_overview *out)
{
	weir_auto(weir_ranges_done) struct weir_ranges ids = { 0 };
	int r = 0;

	*out = (struct weir_overview){ 0 };
	for (size_t i = 0; r == 0 && i < snap->nodes.nr; i++)
		r = weir_ranges_add(&ids, snap->nodes.v[i].id);
	for (size_t i = 0; r == 0 && i < snap->zones.nr; i++)
		r = weir_ranges_add(&ids, snap->zones.v[i].node);
	if (r == 0)
		weir_ranges_each (id, &ids) {
			r = add_node(snap, id, out);
			if (r < 0)
				break;
		}
	if (r == 0)
		r = weir_shortfalls_make(&snap->boot, &snap->pools, &snap->klog,
		                         &out->boot);
	if (r == 0)
		r = weir_warm_places_make(&snap->warm.state, &out->warm);
	if (r < 0) {
		weir_overview_done(out);
		return r;
	}
	out->host_total = snap->mem.total;
	out->host_available = snap->mem.available;
	out->host_pool = all_pools(snap);
	if (snap->mem.total.known)
		out->host_floor = WEIR_COUNT(weir_host_floor(snap->mem.total.n));
	return 0;
}
