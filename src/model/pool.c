/* pool: pages in and out of the pools, and the resize algorithm.
 *
 * kernel-rules.md 2.3 to 2.11 and 3.5. Source: mm/hugetlb.c set_max_huge_pages(),
 * adjust_pool_surplus(), remove_pool_hugetlb_folio(), v5.10 to v6.18. What is left out: a
 * pending signal that stops growth (2.1), and the light retries on a full node (2.9),
 * which change the time and not the result. */
#include "model/pool.h"

#include "model/model.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE_KIB UINT64_C(1024)

/* Puts pages of one node on top of its list, one after the other. */
static inline void push_run(struct weir_model *m, struct weir_pool *pool,
                            const weir_page_id *ids, uint32_t nr)
{
	unsigned int node = weir_page(&m->pages, ids[0])->node;
	weir_page_id head = pool->head[node];

	for (uint32_t i = 0; i < nr; i++) {
		struct weir_page *page = weir_page(&m->pages, ids[i]);

		page->flags = (uint8_t)((page->flags & WEIR_PAGE_POISONED) |
		                        WEIR_PAGE_USED | WEIR_PAGE_FREE);
		page->group = page->group_rsvd = 0;
		page->is_stuck = 0;
		page->next = head;
		page->prev = 0;
		if (head)
			weir_page(&m->pages, head)->prev = ids[i];
		head = ids[i];
		if (weir_page_is_pinnable(m, page)) {
			pool->nr_pinnable[node]++;
			pool->pinnable_from[node] = ids[i];
		}
		if (page->flags & WEIR_PAGE_POISONED)
			pool->nr_poisoned_free++;
	}
	pool->head[node] = head;
	pool->free += nr;
	pool->nr_free[node] += nr;
}

void weir_pool_push(struct weir_model *m, struct weir_pool *pool, weir_page_id id)
{
	push_run(m, pool, &id, 1);
}

/* Takes a page off the list, and up to @max in all with those that follow it there. */
static inline uint32_t unlink_run(struct weir_model *m, struct weir_pool *pool,
                                  weir_page_id id, uint32_t max, weir_page_id *ids)
{
	const struct weir_page *first = weir_page(&m->pages, id);
	unsigned int node = first->node;
	weir_page_id before = first->prev, next;
	uint32_t n = 0;

	for (; id && n < max; id = next) {
		struct weir_page *page = weir_page(&m->pages, id);

		ids[n++] = id;
		next = page->next;
		if (weir_page_is_pinnable(m, page))
			pool->nr_pinnable[node]--;
		if (pool->pinnable_from[node] == id)
			pool->pinnable_from[node] = next;
		if (page->flags & WEIR_PAGE_POISONED)
			pool->nr_poisoned_free--;
		page->flags &= (uint8_t)~WEIR_PAGE_FREE;
		page->next = page->prev = 0; /* mapcount and subpool share their place */
	}
	if (before)
		weir_page(&m->pages, before)->next = id;
	else
		pool->head[node] = id;
	if (id)
		weir_page(&m->pages, id)->prev = before;
	pool->free -= n;
	pool->nr_free[node] -= n;
	return n;
}

void weir_pool_unlink(struct weir_model *m, struct weir_pool *pool, weir_page_id id)
{
	(void)unlink_run(m, pool, id, 1, &id);
}

/* The page that is handed out next; 0: none. */
static weir_page_id next_out(struct weir_model *m, struct weir_pool *pool,
                             unsigned int node)
{
	weir_page_id id = pool->head[node];
	const struct weir_page *page;

	if (m->pinning && !pool->nr_pinnable[node])
		return 0;
	/* dequeue_hugetlb_folio_node_exact(): what may not be pinned is passed over */
	if (m->pinning && pool->pinnable_from[node])
		id = pool->pinnable_from[node];
	for (; id; id = page->next) {
		page = weir_page(&m->pages, id);
		if (m->pinning && !weir_page_is_pinnable(m, page))
			continue;
		/* 10.3: a poisoned page that could not be dissolved stays on the list */
		if (!(page->flags & WEIR_PAGE_POISONED))
			break;
	}
	if (m->pinning)
		pool->pinnable_from[node] = id;
	return id;
}

/* Does the list hold pages that are passed over? */
static bool is_mixed(const struct weir_model *m, const struct weir_pool *pool,
                     unsigned int node)
{
	return pool->nr_poisoned_free ||
	       (m->pinning && pool->nr_pinnable[node] != pool->nr_free[node]);
}

uint32_t weir_pool_pop_run(struct weir_model *m, struct weir_pool *pool,
                           unsigned int node, uint32_t max, weir_page_id *ids)
{
	weir_page_id id = next_out(m, pool, node);

	if (!id)
		return 0;
	return unlink_run(m, pool, id, is_mixed(m, pool, node) ? 1 : max, ids);
}

weir_page_id weir_pool_pop(struct weir_model *m, struct weir_pool *pool,
                           unsigned int node)
{
	weir_page_id id;

	return weir_pool_pop_run(m, pool, node, 1, &id) ? id : 0;
}

/* folio_is_longterm_pinnable(), mm.h; up to 5.12 is_migrate_cma_page() alone. */
bool weir_site_is_pinnable(const struct weir_model *m, weir_site site)
{
	return !weir_site_is_cma(site) &&
	       !(m->rules.pin_minds_movable && weir_site_zone(site) == WEIR_ZONE_MOVABLE);
}

bool weir_page_is_pinnable(const struct weir_model *m, const struct weir_page *page)
{
	return weir_site_is_pinnable(m, page->site);
}

/* HVO, 10.8: MemTotal grows once for each page whose boot-time vmemmap is released, and
 * does not fall when the page goes. Which page that is, a count cannot know: the most
 * pages that the node ever had at once stand in for it, as memory is handed out again
 * first. */
static void hvo_account(struct weir_model *m, struct weir_pool *pool, unsigned int node)
{
	uint64_t kib = m->rules.hvo_kib_2m;

	if (!m->hvo || !kib || pool->nr[node] <= pool->hvo_seen[node])
		return;
	pool->hvo_seen[node] = pool->nr[node];
	if (pool->gigantic)
		kib = 16380; /* of a 1G page's 16 MiB of vmemmap all but one page */
	m->memory.total_bytes[node] += kib * PAGE_KIB;
}

/* An unused record. The array grows by an eighth: doubling would cost as much again as
 * the pages themselves, and realloc() of much only moves page tables. */
static weir_page_id new_record(struct weir_model *m)
{
	struct weir_pages *pages = &m->pages;
	weir_page_id id = pages->unused;
	uint32_t cap = pages->cap;
	struct weir_page *v;

	if (id) {
		pages->unused = pages->v[id].next;
		return id;
	}
	if (pages->nr > WEIR_PAGES_MAX) {
		m->failed = true;
		return 0;
	}
	if (pages->nr == cap) {
		cap += cap / 8 + 64;
		v = cap < pages->cap ? NULL : realloc(pages->v, cap * sizeof(*v));
		if (!v) {
			m->failed = true;
			return 0;
		}
		pages->v = v;
		pages->cap = cap;
	}
	return pages->nr++;
}

/* A page with its memory joins the pool. 0: no room for its record. */
static weir_page_id join(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                         weir_site site)
{
	struct weir_pages *pages = &m->pages;
	weir_page_id id = new_record(m);

	if (!id)
		return 0;
	pages->v[id] = (struct weir_page){
		.node = (uint8_t)node,
		.site = site,
		.pool = pool->idx & 0xfU,
		.flags = WEIR_PAGE_USED,
	};
	pool->total++;
	pool->nr[node]++;
	hvo_account(m, pool, node);
	return id;
}

bool weir_pool_stock(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                     weir_site site, uint64_t nr)
{
	weir_page_id ids[WEIR_RUN_MAX];

	while (nr && !m->failed) {
		uint32_t n = 0;

		while (n < nr && n < m->run_max && (ids[n] = join(m, pool, node, site)))
			n++;
		if (n)
			push_run(m, pool, ids, n);
		nr -= n;
	}
	return !m->failed;
}

/* Memory that was taken becomes a page of the pool, or goes back. */
static weir_page_id enter(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                          weir_site site)
{
	weir_page_id id = join(m, pool, node, site);

	if (!id)
		weir_memory_give(&m->memory, node, pool->page_bytes, site);
	return id;
}

/* htlb_alloc_mask(): sizes below the buddy allocator's limit are movable; inside of a pin
 * current_gfp_context() takes that away. */
static enum weir_request request_of(const struct weir_model *m,
                                    const struct weir_pool *pool)
{
	if (pool->gigantic)
		return WEIR_WANT_RANGE;
	if (!m->pinning)
		return WEIR_WANT_MOVABLE;
	return m->rules.pin_minds_movable ? WEIR_WANT_PINNABLE : WEIR_WANT_NO_CMA;
}

weir_page_id weir_pool_take(struct weir_model *m, struct weir_pool *pool,
                            unsigned int node)
{
	weir_site site;

	if (!weir_memory_take(&m->memory, node, pool->page_bytes, request_of(m, pool),
	                      &site))
		return 0;
	return enter(m, pool, node, site);
}

weir_page_id weir_pool_take_at(struct weir_model *m, struct weir_pool *pool,
                               unsigned int node, weir_site site)
{
	weir_memory_take_at(&m->memory, node, pool->page_bytes, site);
	return enter(m, pool, node, site);
}

void weir_pool_give(struct weir_model *m, struct weir_pool *pool, weir_page_id id,
                    bool from_surplus)
{
	struct weir_page *page = weir_page(&m->pages, id);
	unsigned int node = page->node;

	pool->total--;
	pool->nr[node]--;
	if (from_surplus) {
		pool->surplus--;
		pool->nr_surplus[node]--;
	}
	/* a poisoned page is lost, not given back (10.2 to 10.4) */
	if (!(page->flags & WEIR_PAGE_POISONED))
		weir_memory_give(&m->memory, node, pool->page_bytes, page->site);
	else
		weir_memory_give(&m->memory, node, pool->page_bytes - WEIR_BASE_PAGE,
		                 page->site);
	*page = (struct weir_page){ .next = m->pages.unused };
	m->pages.unused = id;
}

weir_page_id weir_pool_take_surplus(struct weir_model *m, struct weir_pool *pool,
                                    unsigned int near, uint64_t allowed)
{
	const unsigned char *order = m->memory.order[near];

	/* alloc_surplus_hugetlb_folio(): the limit is on the global count, 1.6 */
	if (pool->gigantic || pool->surplus >= pool->overcommit)
		return 0;
	for (unsigned int i = 0; i < m->memory.nr_order; i++) {
		weir_page_id id;

		if (!weir_node_in(allowed, order[i]))
			continue;
		id = weir_pool_take(m, pool, order[i]);
		if (id) {
			pool->surplus++;
			pool->nr_surplus[order[i]]++;
			return id;
		}
	}
	return 0;
}

/* The next node of @allowed after @node, cyclic. */
static unsigned int next_allowed(unsigned int node, uint64_t allowed)
{
	unsigned int next = weir_node_next(allowed, node + 1);

	return next < WEIR_MODEL_NODES_MAX ? next : weir_node_next(allowed, 0);
}

static unsigned int visit(unsigned int *pointer, uint64_t allowed)
{
	unsigned int node = *pointer;

	if (!weir_node_in(allowed, node))
		node = next_allowed(node, allowed);
	*pointer = next_allowed(node, allowed);
	return node;
}

unsigned int weir_pool_next_alloc(struct weir_pool *pool, uint64_t allowed)
{
	return visit(&pool->next_alloc, allowed);
}

unsigned int weir_pool_next_free(struct weir_pool *pool, uint64_t allowed)
{
	return visit(&pool->next_free, allowed);
}

bool weir_pool_shrink_one(struct weir_model *m, struct weir_pool *pool, uint64_t allowed,
                          bool surplus_only)
{
	for (int left = __builtin_popcountll(allowed); left > 0; left--) {
		unsigned int node = weir_pool_next_free(pool, allowed);
		weir_page_id id = pool->head[node];

		if (!id || (surplus_only && !pool->nr_surplus[node]))
			continue;
		weir_pool_unlink(m, pool, id);
		weir_pool_give(m, pool, id, surplus_only);
		return true;
	}
	return false;
}

/* Steps 1 and 5 of 2.4: relabels one page. adjust_pool_surplus(). */
static bool surplus_to_persistent(struct weir_pool *pool, uint64_t allowed)
{
	for (int left = __builtin_popcountll(allowed); left > 0; left--) {
		unsigned int node = weir_pool_next_alloc(pool, allowed);

		if (pool->nr_surplus[node]) {
			pool->surplus--;
			pool->nr_surplus[node]--;
			return true;
		}
	}
	return false;
}

static bool persistent_to_surplus(struct weir_pool *pool, uint64_t allowed)
{
	for (int left = __builtin_popcountll(allowed); left > 0; left--) {
		unsigned int node = weir_pool_next_free(pool, allowed);

		if (pool->nr_surplus[node] < pool->nr[node]) {
			pool->surplus++;
			pool->nr_surplus[node]++;
			return true;
		}
	}
	return false;
}

static uint64_t persistent(const struct weir_pool *pool)
{
	return pool->total - pool->surplus;
}

/* Step 2 of 2.4: one page from the next node that has memory. Nodes outside of the
 * writer's cpuset are visited too, and have none for it. */
static weir_page_id grow_one(struct weir_model *m, struct weir_pool *pool,
                             uint64_t allowed, uint64_t mems)
{
	for (int left = __builtin_popcountll(allowed); left > 0; left--) {
		unsigned int node = weir_pool_next_alloc(pool, allowed);
		weir_page_id id = weir_node_in(mems, node) ? weir_pool_take(m, pool, node)
		                                           : 0;

		if (id)
			return id;
	}
	return 0;
}

/* Step 2 as a whole. False: memory ended first. New pages go on the free lists so that,
 * up to 6.6, the one allocated last is handed out first, later the one allocated first
 * (2.10): the kernel then collects them in a list whose head is the last one. */
static bool grow(struct weir_model *m, struct weir_pool *pool, uint64_t target,
                 uint64_t allowed, uint64_t mems)
{
	weir_page_id collected = 0, id;
	bool all = true;

	while (target > persistent(pool)) {
		id = grow_one(m, pool, allowed, mems);
		if (!id) {
			all = false;
			break;
		}
		if (m->rules.grown_last_first) {
			weir_pool_push(m, pool, id);
		} else {
			weir_page(&m->pages, id)->next = collected;
			collected = id;
		}
	}
	while ((id = collected)) {
		collected = weir_page(&m->pages, id)->next;
		weir_pool_push(m, pool, id);
	}
	return all;
}

/* What the file of one node asks of the whole pool, 2.2. From 6.7 on the node's
 * persistent pages are taken off, in 32 bits: on a node with more surplus than pages
 * (pool.h) the difference wraps, and any write there asks for all memory. */
static uint64_t global_target(struct weir_model *m, const struct weir_pool *pool,
                              const struct weir_resize *how)
{
	uint64_t others, target;

	if (how->node < 0)
		return how->target;
	if (m->rules.node_target_from_total) {
		others = pool->total - pool->nr[how->node];
	} else {
		if (pool->nr_surplus[how->node] > pool->nr[how->node])
			m->bugs |= WEIR_BUG_NODE_TARGET_WRAPS;
		others = persistent(pool) -
		         (uint32_t)(pool->nr[how->node] - pool->nr_surplus[how->node]);
	}
	target = how->target + others;
	return target < how->target ? UINT64_MAX : target;
}

/* Persistent pages that a shrink leaves: as many as are in use or promised (2.6). Up
 * to 6.14 surplus pages are counted among those as well, so that fewer pages go than
 * could. Later ones count persistent pages, and take surplus pages for free ones only
 * when more are free than are persistent. Unsigned, as there. */
static uint64_t kept_by_shrink(const struct weir_model *m, const struct weir_pool *pool)
{
	uint64_t free = pool->free;

	if (!m->rules.shrink_minds_surplus)
		return pool->reserved + pool->total - free;
	if (free > persistent(pool))
		free -= free > pool->surplus ? pool->surplus : free;
	return pool->reserved + persistent(pool) - free;
}

void weir_pool_resize(struct weir_model *m, struct weir_pool *pool,
                      const struct weir_resize *how)
{
	uint64_t target = global_target(m, pool, how);
	uint64_t allowed = m->memory.nodes, keep;

	if (how->node >= 0)
		allowed = UINT64_C(1) << how->node;
	else if (how->allowed)
		allowed = how->allowed;

	while (pool->surplus && target > persistent(pool))
		if (!surplus_to_persistent(pool, allowed))
			break;
	if (grow(m, pool, target, allowed, how->mems ? how->mems : m->memory.nodes)) {
		keep = kept_by_shrink(m, pool);
		if (keep < target)
			keep = target;
		while (keep < persistent(pool))
			if (!weir_pool_shrink_one(m, pool, allowed, false))
				break;
		while (target < persistent(pool))
			if (!persistent_to_surplus(pool, allowed))
				break;
	}
	pool->max = persistent(pool);
}

int weir_pool_overcommit(struct weir_model *m, struct weir_pool *pool, uint64_t limit)
{
	if (pool->gigantic && !m->rules.gigantic_overcommit)
		return -EINVAL;
	pool->overcommit = limit;
	return 0;
}
