/* migrate: see migrate.h. A page's id stays, what the records say of the memory is
 * swapped: so nobody who refers to it has to be found. */
#include "model/migrate.h"

#include "model/fault.h"
#include "model/vma.h"

#include <errno.h>

#define MIGRATE_PASSES 10 /* NR_MAX_MIGRATE_PAGES_RETRY */

/* A fresh page that is no pool page in the end: alloc_migrate_hugetlb_folio(). */
static weir_page_id take_temporary(struct weir_model *m, struct weir_pool *pool,
                                   unsigned int near, uint64_t allowed)
{
	if (pool->gigantic)
		return 0;
	for (unsigned int i = 0; i < m->memory.nr_order; i++) {
		unsigned int node = m->memory.order[near][i];
		weir_page_id id;

		if (!weir_node_in(allowed, node))
			continue;
		id = weir_pool_take(m, pool, node);
		if (id) {
			weir_page(&m->pages, id)->flags |= WEIR_PAGE_TEMPORARY;
			return id;
		}
	}
	return 0;
}

static weir_page_id take_target(struct weir_model *m, struct weir_pool *pool,
                                unsigned int near, uint64_t allowed)
{
	for (unsigned int i = 0; weir_pool_has_available(pool) && i < m->memory.nr_order;
	     i++) {
		unsigned int node = m->memory.order[near][i];
		weir_page_id id = weir_node_in(allowed, node)
		                          ? weir_pool_pop(m, pool, node)
		                          : 0;

		if (id)
			return id;
	}
	if (m->rules.migrate_strict_node && m->pinning)
		allowed &= UINT64_C(1) << near;
	return take_temporary(m, pool, near, allowed);
}

/* migrate_pages() tries a page ten times over. What it took as the target, it frees each
 * time, and where the node has surplus that page leaves the pool. */
static void try_in_vain(struct weir_model *m, struct weir_pool *pool, unsigned int near,
                        uint64_t allowed)
{
	for (int i = 0; i < MIGRATE_PASSES; i++) {
		weir_page_id target = take_target(m, pool, near, allowed);

		if (!target)
			return;
		weir_page_free(m, target);
	}
}

int weir_page_migrate(struct weir_model *m, weir_page_id id, unsigned int near,
                      uint64_t allowed, weir_page_id *old)
{
	struct weir_pool *pool = &m->pools[weir_page(&m->pages, id)->pool];
	struct weir_page *page, *left;
	weir_page_id other;
	weir_site site;
	uint8_t from;

	*old = 0;
	if (weir_page(&m->pages, id)->is_stuck)
		return -EBUSY;
	if (weir_page(&m->pages, id)->pins) {
		try_in_vain(m, pool, near, allowed);
		return -EBUSY;
	}
	other = take_target(m, pool, near, allowed);
	if (!other)
		return -ENOMEM;
	page = weir_page(&m->pages, id);
	left = weir_page(&m->pages, other);
	if (page->subpool && page->flags & WEIR_PAGE_ANON) {
		/* unmap_and_move_huge_page() takes a private page of a mount with limits
		 * for one that is just being freed */
		weir_page_free(m, other);
		return -EBUSY;
	}
	from = page->node;
	page->node = left->node;
	left->node = from;
	site = page->site;
	page->site = left->site;
	left->site = site;
	if (m->rules.numa_stat_follows && page->group) {
		weir_group_count_node(m, page->group, pool, from, -1);
		weir_group_count_node(m, page->group, pool, page->node, 1);
	}
	if (left->flags & WEIR_PAGE_TEMPORARY && page->node != from &&
	    pool->nr_surplus[from]) {
		pool->nr_surplus[from]--;
		pool->nr_surplus[page->node]++;
	}
	/* the mark of 3.10 stays with the memory: freeing what was left keeps the promise
	 */
	left->flags |= page->flags & WEIR_PAGE_RESTORE;
	page->flags &= (uint8_t)~WEIR_PAGE_RESTORE;
	weir_page_free(m, other);
	if (left->flags & WEIR_PAGE_FREE)
		*old = other;
	return 0;
}

static int move_one(struct weir_model *m, const struct weir_vma *vma, uint32_t idx,
                    unsigned int node)
{
	weir_page_id id = weir_pte(vma, idx), old;
	const struct weir_page *page;
	int r;

	if (!id)
		return -ENOENT;
	if (id == WEIR_PTE_POISON)
		return -EFAULT;
	page = weir_page(&m->pages, id);
	if (page->node == node)
		return 0;
	if (page->mapcount > 1)
		return -EACCES;
	r = weir_page_migrate(m, id, node, UINT64_C(1) << node, &old);
	if (r == -EBUSY) /* the call then tells how many did not move, and 5.10 not even
	                    that */
		return m->rules.move_hides_failure ? 0 : -EAGAIN;
	return r;
}

int weir_move_pages(struct weir_model *m, struct weir_task *task, uint64_t addr,
                    uint64_t nr, uint64_t page_bytes, unsigned int node)
{
	if (!weir_node_in(m->memory.nodes, node))
		return -ENODEV;
	if (!weir_node_in(task->mems, node))
		return -EACCES;
	for (uint64_t i = 0; i < nr; i++, addr += page_bytes) {
		struct weir_vma *vma = weir_vma_at(m, task, addr);
		int r;

		if (!vma)
			return -EFAULT;
		r = move_one(m, vma, (uint32_t)((addr - vma->start) / page_bytes), node);
		if (r < 0)
			return r;
	}
	return 0;
}
