/* explain_play: see explain_play.h.
 *
 * What stands in the way of more pages is found by trying: on a copy of the memory one
 * thing is changed (compacted, page cache given back, watermarks gone), and pages are
 * taken until there are none. So there is no second set of rules beside the model's. */
#include "plan/explain_play.h"

#include "base/least.h"
#include "base/own.h"
#include "lab/load.h"
#include "lab/world.h"

#include <errno.h>

static struct weir_pool *pool_of(struct weir_model *m, uint64_t page_bytes)
{
	for (unsigned int i = 0; i < m->nr_pools; i++)
		if (m->pools[i].page_bytes == page_bytes)
			return &m->pools[i];
	return NULL;
}

static struct weir_explain_counts count(const struct weir_model *m,
                                        const struct weir_pool *pool)
{
	struct weir_explain_counts c = {
		.total = pool->total,
		.free = pool->free,
		.reserved = pool->reserved,
		.surplus = pool->surplus,
	};

	weir_each_node (n, m->memory.nodes) {
		c.node[n].total = pool->nr[n];
		c.node[n].free = pool->nr_free[n];
		c.node[n].surplus = pool->nr_surplus[n];
	}
	return c;
}

/* ---- what more could be had -------------------------------------------------------- */

enum { COMPACTED = 1 << 0, DROPPED = 1 << 1, UNKEPT = 1 << 2 };

/* Pages that one zone gives on a changed copy of the memory. */
static uint64_t try_zone(const struct weir_memory *mem, unsigned int node,
                         enum weir_zone_kind kind, const struct weir_pool *pool,
                         unsigned int changed, struct weir_memory *scratch)
{
	/* as the pool itself asks: model/pool.c request_of() */
	enum weir_request want = pool->gigantic ? WEIR_WANT_RANGE : WEIR_WANT_MOVABLE;
	struct weir_memory_zone *zone = &scratch->zones[node][kind];
	uint64_t pages = 0;
	weir_site site;

	*scratch = *mem;
	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		scratch->zones[node][z].there = z == kind;
	if (changed & DROPPED)
		weir_memory_drop_caches(scratch);
	if (changed & COMPACTED)
		(void)weir_memory_compact(scratch, node);
	if (changed & UNKEPT) {
		zone->min = zone->low = zone->high = 0;
		for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
			zone->reserve[z] = 0;
	}
	while (weir_memory_take(scratch, node, pool->page_bytes, want, &site))
		pages++;
	return pages;
}

static void look_at(const struct weir_memory *mem, unsigned int node,
                    enum weir_zone_kind kind, const struct weir_pool *pool,
                    struct weir_memory *scratch, struct weir_played_zone *out)
{
	const struct weir_memory_zone *zone = &mem->zones[node][kind];

	*out = (struct weir_played_zone){
		.there = true,
		.free_bytes = (zone->free[0] + zone->free[1]) * WEIR_BASE_PAGE,
		.cma_bytes = zone->free[1] * WEIR_BASE_PAGE,
		.min_bytes = zone->min * WEIR_BASE_PAGE,
		.reserve_bytes = zone->reserve[WEIR_ZONE_MOVABLE] * WEIR_BASE_PAGE,
		.now = try_zone(mem, node, kind, pool, 0, scratch),
		.compacted = try_zone(mem, node, kind, pool, COMPACTED, scratch),
		.dropped = try_zone(mem, node, kind, pool, COMPACTED | DROPPED, scratch),
		.unkept = try_zone(mem, node, kind, pool, COMPACTED | DROPPED | UNKEPT,
		                   scratch),
	};
}

static int look(const struct weir_memory *mem, const struct weir_pool *pool,
                struct weir_played *out)
{
	weir_auto(weir_freep) struct weir_memory *scratch = malloc(sizeof(*scratch));

	if (!scratch)
		return -ENOMEM;
	weir_each_node (n, mem->nodes)
		for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
			if (mem->zones[n][z].there)
				look_at(mem, n, (enum weir_zone_kind)z, pool, scratch,
				        &out->zones[n][z]);
	return 0;
}

/* ---- the write --------------------------------------------------------------------- */

struct lying {
	uint64_t cma, movable;
};

/* Pages of the pool in places that have to be emptied one day. */
static struct lying count_lying(const struct weir_model *m, const struct weir_pool *pool)
{
	struct lying l = { 0 };

	for (uint32_t i = 1; i < m->pages.nr; i++) {
		const struct weir_page *page = &m->pages.v[i];

		if (!(page->flags & WEIR_PAGE_USED) || page->pool != pool->idx)
			continue;
		l.cma += weir_site_is_cma(page->site);
		l.movable += !weir_site_is_cma(page->site) &&
		             weir_site_zone(page->site) == WEIR_ZONE_MOVABLE;
	}
	return l;
}

/* Of the writer's policy the kernel takes the nodes that have memory. */
static uint64_t allowed_of(const struct weir_explain_write *what, uint64_t nodes)
{
	if (what->node >= 0)
		return (UINT64_C(1) << what->node) & nodes;
	return what->policy ? what->policy & nodes : nodes;
}

static int load(const struct weir_snapshot *snap, const struct weir_explain_write *what,
                struct weir_world **out, struct weir_pool **pool, struct weir_buf *notes,
                struct weir_err *err)
{
	const struct weir_load_options options = { .kernel = what->kernel };
	int r = weir_load_placed(snap, &options, out, NULL, notes, err);

	if (r < 0)
		return r;
	*pool = pool_of((*out)->model, what->size_bytes);
	return *pool && allowed_of(what, (*out)->model->memory.nodes) ? 0 : -ENOENT;
}

static int write_to(struct weir_model *m, struct weir_pool *pool,
                    const struct weir_explain_write *what, struct weir_err *err)
{
	const struct weir_resize resize = {
		.target = what->target,
		.node = what->node,
		.allowed = what->policy ? allowed_of(what, m->memory.nodes) : 0,
	};

	weir_pool_resize(m, pool, &resize);
	return m->failed ? weir_err_sys(err, -ENOMEM, "play the write") : 0;
}

/* Starts at one node, and keeps what came of it if it is less or more than before. */
static int bound_from(const struct weir_snapshot *snap,
                      const struct weir_explain_write *what, unsigned int start,
                      struct weir_played *out, struct weir_err *err)
{
	weir_auto(weir_world_freep) struct weir_world *world = NULL;
	struct weir_pool *pool;
	int r = load(snap, what, &world, &pool, NULL, err);

	if (r < 0)
		return r;
	pool->next_alloc = pool->next_free = start;
	r = write_to(world->model, pool, what, err);
	if (r < 0)
		return r;
	weir_each_node (n, out->came.nodes) {
		if (pool->nr[n] < out->came.node_min[n])
			out->came.node_min[n] = pool->nr[n];
		if (pool->nr[n] > out->came.node_max[n])
			out->came.node_max[n] = pool->nr[n];
	}
	return 0;
}

static int bound_nodes(const struct weir_snapshot *snap,
                       const struct weir_explain_write *what, struct weir_played *out,
                       struct weir_err *err)
{
	int r = 0;

	weir_each_node (n, out->came.nodes)
		out->came.node_min[n] = out->came.node_max[n] =
			out->came.is.node[n].total;
	if (!(out->allowed & (out->allowed - 1)) ||
	    out->came.was.total == out->came.is.total)
		return 0; /* one node, or no page that comes or goes */
	weir_each_node (start, out->allowed)
		if (r == 0)
			r = bound_from(snap, what, start, out, err);
	return r;
}

static int play_all(const struct weir_snapshot *snap,
                    const struct weir_explain_write *what, bool only_look,
                    struct weir_played *out, struct weir_buf *notes, struct weir_err *err)
{
	weir_auto(weir_world_freep) struct weir_world *world = NULL;
	struct lying before, after;
	struct weir_pool *pool;
	int r = load(snap, what, &world, &pool, notes, err);

	if (r < 0)
		return r;
	out->came.nodes = world->model->memory.nodes;
	out->gigantic = pool->gigantic;
	out->allowed = allowed_of(what, out->came.nodes);
	out->came.was = count(world->model, pool);
	before = count_lying(world->model, pool);
	if (!only_look)
		r = write_to(world->model, pool, what, err);
	if (r < 0)
		return r;
	out->wraps = world->model->bugs & WEIR_BUG_NODE_TARGET_WRAPS;
	out->came.is = count(world->model, pool);
	after = count_lying(world->model, pool);
	out->new_cma = weir_less(after.cma, before.cma);
	out->new_movable = weir_less(after.movable, before.movable);
	return look(&world->model->memory, pool, out) < 0
	               ? weir_err_sys(err, -ENOMEM, "play the write")
	               : 0;
}

int weir_explain_play(const struct weir_snapshot *snap,
                      const struct weir_explain_write *what, bool only_look,
                      struct weir_played *out, struct weir_buf *notes,
                      struct weir_err *err)
{
	int r;

	*out = (struct weir_played){ 0 };
	r = play_all(snap, what, only_look, out, notes, err);
	/* by now the first model is gone: that of a large host is large */
	return r < 0 || only_look ? r : bound_nodes(snap, what, out, err);
}
