/* alloc: a huge page for a fault, and the end of one. kernel-rules.md 3.1, 3.2, 3.9.
 *
 * Three ledgers are asked in turn: does this index hold a promise (the map of the file,
 * or of the mapping's owner); does the mount allow one more page, and does it hold one;
 * do the control groups. Only then comes the page, and what it takes from the pool
 * depends on all three. Neighbouring indexes for which each ledger has the same answer go
 * through as a run (pool.h): a host may have millions. Source: mm/hugetlb.c
 * alloc_hugetlb_folio() (alloc_huge_page() up to 6.2), dequeue_hugetlb_folio_vma(),
 * vma_has_reserves(), free_huge_folio(). */
#include "model/fault.h"

#include "model/subpool.h"

/* 3.1: is there no promise for this index? *nr: of so many from here on, for how many the
 * answer is the same. */
static bool is_unpromised(const struct weir_want *want, uint32_t *nr)
{
	if (!want->vma || want->vma->flags & WEIR_VMA_SHARED)
		return !weir_regions_has(&want->file->map, want->pgoff, nr);
	if (want->vma->owner)
		return weir_regions_has(&want->vma->owner->consumed, want->pgoff, nr);
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

static uint32_t pop_from(struct weir_model *m, struct weir_pool *pool, unsigned int near,
                         uint64_t allowed, uint32_t max, weir_page_id *ids)
{
	const unsigned char *order = m->memory.order[near];

	for (unsigned int i = 0; i < m->memory.nr_order; i++) {
		uint32_t n;

		if (!weir_node_in(allowed, order[i]) || !pool->head[order[i]])
			continue;
		n = weir_pool_pop_run(m, pool, order[i], max, ids);
		if (n)
			return n;
	}
	return 0;
}

static uint32_t from_lists(struct weir_model *m, struct weir_pool *pool,
                           const struct weir_want *want, const struct weir_place *place,
                           uint32_t max, weir_page_id *ids)
{
	uint32_t n = pop_from(m, pool, place->near, place->allowed, max, ids);

	if (!n && place->prefer_first)
		n = pop_from(m, pool, place->near, weir_task_mems(m, want->task), max,
		             ids);
	return n;
}

static struct weir_place place_of(const struct weir_model *m,
                                  const struct weir_want *want)
{
	return weir_policy_place(m, want->task, want->vma ? want->vma->policy : 0,
	                         want->pgoff);
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

/* Off the lists, each page from where its index has it looked for. It ends with the first
 * that is not there. */
static uint32_t run_from_lists(struct weir_model *m, struct weir_pool *pool,
                               struct weir_want want, uint32_t max, weir_page_id *ids)
{
	uint32_t n = 0, got = 1;

	for (; got && n < max; n += got, want.pgoff += got) {
		struct weir_place place = place_of(m, &want);
		uint32_t same = max - n < place.nr ? max - n : place.nr;

		got = from_lists(m, pool, &want, &place, same, ids + n);
	}
	return n;
}

/* Steps 4 to 6 of 3.2. @charged: the pages are nobody's promise. */
static uint32_t take(struct weir_model *m, struct weir_pool *pool,
                     const struct weir_want *want, bool charged, uint32_t max,
                     weir_page_id *ids)
{
	bool reserved = takes_reserved(m, want, charged), from_list = true;
	/* of what is free, what may be used: for others' promises it stays */
	uint64_t usable = reserved ? max : weir_pool_available(pool);
	uint32_t n = run_from_lists(m, pool, *want, usable < max ? (uint32_t)usable : max,
	                            ids);

	if (!n) {
		struct weir_place place = place_of(m, want);

		from_list = false;
		ids[0] = from_system(m, pool, want, &place);
		n = ids[0] != 0;
	}
	/* a copy by the owner lowers the count only with a page off the list, up to 6.13
	 */
	if (want->copy_by_owner && !from_list && !m->rules.reserve_by_charge)
		reserved = false;
	if (reserved) {
		pool->reserved -= n;
		for (uint32_t i = 0; i < n; i++)
			weir_page(&m->pages, ids[i])->flags |= WEIR_PAGE_RESTORE;
	}
	return n;
}

/* Step 7 of 3.2: the indexes have their pages now. */
static void commit(struct weir_model *m, const struct weir_want *want, uint32_t nr)
{
	struct weir_regions *set = NULL;

	if (!want->vma || want->vma->flags & WEIR_VMA_SHARED)
		set = &want->file->map;
	else if (want->vma->owner && !(want->copy_by_owner && m->rules.reserve_by_charge))
		set = &want->vma->owner->consumed;
	if (set && !weir_regions_add(set, want->pgoff, want->pgoff + nr, 0))
		m->failed = true;
}

static uint32_t group_of(const struct weir_want *want)
{
	return want->task ? want->task->group : WEIR_GROUP_ROOT;
}

/* Of @max indexes alike, for how many the limits of mount and groups say the same. What
 * meets a limit is asked for by itself. */
static uint32_t together(const struct weir_model *m, const struct weir_want *want,
                         bool extra, uint32_t max)
{
	const struct weir_pool *pool = &m->pools[want->file->pool];
	uint32_t group = group_of(want);
	uint64_t room;

	if (max > m->run_max)
		max = m->run_max;
	if (max == 1)
		return 1;
	room = weir_group_room(m, group, pool, WEIR_CHARGE_USAGE);
	if (extra) {
		uint64_t mount = weir_subpool_alike(weir_file_subpool(want->file));
		uint64_t rsvd = weir_group_room(m, group, pool, WEIR_CHARGE_RSVD);

		room = room < rsvd ? room : rsvd;
		room = room < mount ? room : mount;
	}
	if (room < max)
		max = (uint32_t)room;
	return max ? max : 1;
}

/* Asks the control groups, then the pool. What was charged for pages that did not come is
 * given back. */
static uint32_t charge_and_take(struct weir_model *m, const struct weir_want *want,
                                bool extra, bool charged, uint32_t max, weir_page_id *ids)
{
	struct weir_pool *pool = &m->pools[want->file->pool];
	uint32_t group = group_of(want), n = 0;

	if (extra && weir_group_charge(m, group, pool, WEIR_CHARGE_RSVD, max))
		return 0;
	if (!weir_group_charge(m, group, pool, WEIR_CHARGE_USAGE, max)) {
		n = take(m, pool, want, charged, max, ids);
		if (n < max)
			weir_group_uncharge(m, group, pool, WEIR_CHARGE_USAGE, max - n);
	}
	if (extra && n < max)
		weir_group_uncharge(m, group, pool, WEIR_CHARGE_RSVD, max - n);
	return n;
}

/* The records of pages that were taken. @leaks: the mount gave what it held; where the
 * pool's count was not lowered for it, up to 6.13, a promise is lost for good. */
static void hand_out(struct weir_model *m, const struct weir_want *want, bool extra,
                     bool leaks, const weir_page_id *ids, uint32_t nr)
{
	struct weir_pool *pool = &m->pools[want->file->pool];
	const struct weir_subpool *sp = weir_file_subpool(want->file);
	uint16_t subpool = sp ? sp->id : 0, group = (uint16_t)group_of(want);

	for (uint32_t i = 0; i < nr; i++) {
		struct weir_page *page = weir_page(&m->pages, ids[i]);

		if (leaks && !(page->flags & WEIR_PAGE_RESTORE)) {
			pool->reserved_leaked++;
			m->bugs |= WEIR_BUG_RESERVED_LEAKS;
		}
		page->mapcount = 0;
		page->pins = 0;
		page->subpool = subpool;
		page->group = group;
		page->group_rsvd = extra ? group : 0;
	}
}

/* By node: a run mostly lies on one. */
static void count_nodes(struct weir_model *m, const struct weir_want *want,
                        const weir_page_id *ids, uint32_t nr)
{
	const struct weir_pool *pool = &m->pools[want->file->pool];

	for (uint32_t i = 0, n; i < nr; i += n) {
		unsigned int node = weir_page(&m->pages, ids[i])->node;

		for (n = 1; i + n < nr; n++)
			if (weir_page(&m->pages, ids[i + n])->node != node)
				break;
		weir_group_count_node(m, group_of(want), pool, node, (int)n);
	}
}

uint32_t weir_pages_alloc(struct weir_model *m, const struct weir_want *want,
                          uint32_t max, weir_page_id *ids)
{
	struct weir_subpool *sp = weir_file_subpool(want->file);
	bool extra = is_unpromised(want, &max) || want->copy_by_owner;
	bool charged =
		false; /* against the pool: not covered by a promise or the mount */
	bool from_pool = false; /* ... by what the mount's limit said */
	uint32_t n;

	max = together(m, want, extra, max);
	if (extra) {
		int64_t r = weir_subpool_get(sp, 1);

		if (r < 0)
			return 0;
		charged = from_pool = r > 0;
		if (want->copy_by_owner && !m->rules.owner_copy_uses_subpool)
			charged = true;
	}
	n = charge_and_take(m, want, extra, charged, max, ids);
	if (!n) {
		if (extra)
			weir_subpool_put_fault(m, sp, from_pool);
		return 0;
	}
	if (extra && n > 1)
		(void)weir_subpool_get(sp, n - 1); /* as the first: together() */
	hand_out(m, want, extra, extra && !from_pool, ids, n);
	count_nodes(m, want, ids, n);
	commit(m, want, n);
	return n;
}

weir_page_id weir_page_alloc(struct weir_model *m, const struct weir_want *want)
{
	weir_page_id id;

	return weir_pages_alloc(m, want, 1, &id) ? id : 0;
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
