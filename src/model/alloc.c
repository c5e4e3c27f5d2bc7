/* alloc: a huge page for a fault, and the end of one. kernel-rules.md 3.1, 3.2, 3.9.
 *
 * Three ledgers are asked in turn: does this index hold a promise (the map of the file,
 * or of the mapping's owner); does the mount allow one more page, and does it hold one;
 * do the control groups. Only then comes the page, and what it takes from the pool
 * depends on all three. Source: mm/hugetlb.c alloc_hugetlb_folio() (alloc_huge_page() up
 * to 6.2), dequeue_hugetlb_folio_vma(), vma_has_reserves(), free_huge_folio(). */
#include "model/fault.h"

#include "model/subpool.h"

/* 3.1: is there no promise for this index? */
static bool is_unpromised(const struct weir_want *want)
{
	if (!want->vma || want->vma->flags & WEIR_VMA_SHARED)
		return !weir_regions_has(&want->file->map, want->pgoff);
	if (want->vma->owner)
		return weir_regions_has(&want->vma->owner->consumed, want->pgoff);
	return true;
}

/* Does this fault lower the pool's reserved count? vma_has_reserves() up to 6.13, where
 * who faults matters beside what was charged. */
static bool takes_reserved(const struct weir_model *m, const struct weir_want *want,
                           bool charged)
{
	if (charged)
		return false;
	if (m->rules.reserve_by_charge)
		return true;
	return !want->vma || want->vma->flags & WEIR_VMA_SHARED || want->vma->owner;
}

static weir_page_id pop_from(struct weir_model *m, struct weir_pool *pool,
                             unsigned int near, uint64_t allowed)
{
	const unsigned char *order = m->memory.order[near];

	for (unsigned int i = 0; i < m->memory.nr_order; i++) {
		weir_page_id id;

		if (!weir_node_in(allowed, order[i]) || !pool->head[order[i]])
			continue;
		id = weir_pool_pop(m, pool, order[i]);
		if (id)
			return id;
	}
	return 0;
}

static weir_page_id from_lists(struct weir_model *m, struct weir_pool *pool,
                               const struct weir_want *want,
                               const struct weir_place *place)
{
	weir_page_id id = pop_from(m, pool, place->near, place->allowed);

	if (!id && place->prefer_first)
		id = pop_from(m, pool, place->near, weir_task_mems(m, want->task));
	return id;
}

static weir_page_id from_system(struct weir_model *m, struct weir_pool *pool,
                                const struct weir_want *want,
                                const struct weir_place *place)
{
	weir_page_id id = weir_pool_take_surplus(m, pool, place->near, place->allowed);

	if (!id && place->prefer_first)
		id = weir_pool_take_surplus(m, pool, place->near,
		                            weir_task_mems(m, want->task));
	return id;
}

/* Steps 4 to 6 of 3.2. @charged: the page is nobody's promise. */
static weir_page_id take(struct weir_model *m, struct weir_pool *pool,
                         const struct weir_want *want, bool charged)
{
	bool reserved = takes_reserved(m, want, charged), from_list = true;
	bool may_use_list = weir_pool_has_available(pool) || reserved;
	struct weir_place place = weir_policy_place(
		m, want->task, want->vma ? want->vma->policy : 0, want->pgoff);
	weir_page_id id = 0;

	if (may_use_list)
		id = from_lists(m, pool, want, &place);
	if (!id) {
		from_list = false;
		id = from_system(m, pool, want, &place);
	}
	if (!id)
		return 0;
	/* a copy by the owner lowers the count only with a page off the list, up to 6.13
	 */
	if (want->copy_by_owner && !from_list && !m->rules.reserve_by_charge)
		reserved = false;
	if (reserved) {
		pool->reserved--;
		weir_page(&m->pages, id)->flags |= WEIR_PAGE_RESTORE;
	}
	return id;
}

/* Step 7 of 3.2: the index has its page now. */
static void commit(struct weir_model *m, const struct weir_want *want)
{
	struct weir_regions *set = NULL;

	if (!want->vma || want->vma->flags & WEIR_VMA_SHARED)
		set = &want->file->map;
	else if (want->vma->owner && !(want->copy_by_owner && m->rules.reserve_by_charge))
		set = &want->vma->owner->consumed;
	if (set && !weir_regions_add(set, want->pgoff, want->pgoff + 1, 0))
		m->failed = true;
}

weir_page_id weir_page_alloc(struct weir_model *m, const struct weir_want *want)
{
	struct weir_pool *pool = &m->pools[want->file->pool];
	struct weir_subpool *sp = weir_file_subpool(want->file);
	uint32_t group = want->task ? want->task->group : WEIR_GROUP_ROOT;
	bool extra = is_unpromised(want) || want->copy_by_owner;
	bool charged =
		false; /* against the pool: not covered by a promise or the mount */
	bool from_pool = false; /* ... by what the mount's limit said */
	struct weir_page *page;
	weir_page_id id = 0;

	if (extra) {
		int64_t r = weir_subpool_get(sp, 1);

		if (r < 0)
			return 0;
		charged = from_pool = r > 0;
		if (want->copy_by_owner && !m->rules.owner_copy_uses_subpool)
			charged = true;
	}
	if (!extra || !weir_group_charge(m, group, pool, WEIR_CHARGE_RSVD, 1)) {
		if (!weir_group_charge(m, group, pool, WEIR_CHARGE_USAGE, 1)) {
			id = take(m, pool, want, charged);
			if (!id)
				weir_group_uncharge(m, group, pool, WEIR_CHARGE_USAGE, 1);
		}
		if (!id && extra)
			weir_group_uncharge(m, group, pool, WEIR_CHARGE_RSVD, 1);
	}
	if (!id) {
		if (extra)
			weir_subpool_put_fault(m, sp, from_pool);
		return 0;
	}
	page = weir_page(&m->pages, id);
	if (extra && !from_pool && !(page->flags & WEIR_PAGE_RESTORE)) {
		/* The mount gave what it held, and the pool's count was not lowered: up
		 * to 6.13 one promise is lost for good. */
		pool->reserved_leaked++;
		m->bugs |= WEIR_BUG_RESERVED_LEAKS;
	}
	page->mapcount = 0;
	page->pins = 0;
	page->subpool = sp ? sp->id : 0;
	page->group = (uint16_t)group;
	page->group_rsvd = extra ? (uint16_t)group : 0;
	weir_group_count_node(m, group, pool, page->node, 1);
	commit(m, want);
	return id;
}

void weir_page_free(struct weir_model *m, weir_page_id id)
{
	struct weir_page *page = weir_page(&m->pages, id);
	struct weir_pool *pool = &m->pools[page->pool];
	bool restore = page->flags & WEIR_PAGE_RESTORE;

	/* a mount below its minimum keeps the page as a promise */
	if (!restore &&
	    !weir_subpool_put(m, weir_subpool_by_id(m->subpools.v, page->subpool), 1))
		restore = true;
	if (page->group) {
		weir_group_uncharge(m, page->group, pool, WEIR_CHARGE_USAGE, 1);
		weir_group_count_node(m, page->group, pool, page->node, -1);
	}
	if (page->group_rsvd)
		weir_group_uncharge(m, page->group_rsvd, pool, WEIR_CHARGE_RSVD, 1);
	page->flags &= (uint8_t) ~(WEIR_PAGE_RESTORE | WEIR_PAGE_ANON);
	if (restore)
		pool->reserved++;
	if (page->flags & WEIR_PAGE_TEMPORARY)
		weir_pool_give(m, pool, id, false);
	else if (pool->nr_surplus[page->node])
		weir_pool_give(m, pool, id, true); /* whichever page it is: 3.9 */
	else
		weir_pool_push(m, pool, id);
}

void weir_page_put(struct weir_model *m, weir_page_id id)
{
	const struct weir_page *page = weir_page(&m->pages, id);

	if (!page->mapcount && !page->pins &&
	    !(page->flags & (WEIR_PAGE_CACHED | WEIR_PAGE_LOST)))
		weir_page_free(m, id);
}
