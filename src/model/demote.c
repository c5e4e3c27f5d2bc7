/* demote: huge pages of one size into those of a smaller one, kernel-rules.md 2.12.
 *
 * Source: mm/hugetlb.c demote_store(), demote_pool_huge_page(), v5.16 to v6.18. */
#include "model/model.h"

#include <errno.h>

/* One page into its parts. Up to 6.9 each part is freed like any page, so that the node's
 * surplus of the smaller size takes it; later they go on the list directly. */
static void demote_page(struct weir_model *m, struct weir_pool *src, weir_page_id id)
{
	struct weir_pool *dst = &m->pools[src->demote_to - 1];
	uint64_t parts = src->page_bytes / dst->page_bytes;
	unsigned int node = weir_page(&m->pages, id)->node;
	weir_site site = weir_page(&m->pages, id)->site;

	weir_pool_unlink(m, src, id);
	weir_pool_give(m, src, id, false);
	for (uint64_t i = 0; i < parts; i++) {
		weir_page_id part = weir_pool_take_at(m, dst, node, site);

		if (!part)
			return; /* the memory was given just now: only our own can lack */
		if (m->rules.demote_eats_surplus && dst->nr_surplus[node]) {
			weir_pool_give(m, dst, part, true);
			m->bugs |= WEIR_BUG_DEMOTE_EATS_SURPLUS;
		} else {
			weir_pool_push(m, dst, part);
		}
	}
	src->max--;
	dst->max += parts;
}

static weir_page_id first_sound(struct weir_model *m, const struct weir_pool *pool,
                                unsigned int node)
{
	weir_page_id id = pool->head[node];

	while (id && weir_page(&m->pages, id)->flags & WEIR_PAGE_POISONED)
		id = weir_page(&m->pages, id)->next;
	return id;
}

/* Up to @count pages, or one; returns how many. */
static uint64_t demote_some(struct weir_model *m, struct weir_pool *src, uint64_t count,
                            uint64_t allowed)
{
	uint64_t done = 0;

	for (int left = __builtin_popcountll(allowed); left > 0; left--) {
		unsigned int node = weir_pool_next_free(src, allowed);
		weir_page_id id;

		while (done < count && (id = first_sound(m, src, node))) {
			demote_page(m, src, id);
			done++;
		}
		if (done == count)
			break;
	}
	return done;
}

int weir_pool_demote(struct weir_model *m, struct weir_pool *pool, uint64_t count,
                     int node)
{
	uint64_t allowed = node < 0 ? m->memory.nodes : UINT64_C(1) << node;

	while (count) {
		/* free of one node minus the reserved of all, unsigned: 2.12.5 */
		uint64_t free = node < 0 ? pool->free : pool->nr_free[node];
		uint64_t done;

		if (free == pool->reserved)
			return 0;
		/* 6.10 and later take all at once and ask for the reserved only before */
		done = demote_some(m, pool, m->rules.demote_bulk ? count : 1, allowed);
		if (!done)
			return -EBUSY;
		count -= done;
	}
	return 0;
}

int weir_pool_demote_to(struct weir_model *m, struct weir_pool *pool, uint64_t bytes)
{
	for (unsigned int i = 0; i < m->nr_pools; i++) {
		if (m->pools[i].page_bytes != bytes || bytes >= pool->page_bytes)
			continue;
		pool->demote_to = (uint8_t)(i + 1);
		return 0;
	}
	return -EINVAL;
}
