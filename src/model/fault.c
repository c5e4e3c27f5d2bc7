/* fault: touches. See fault.h for the allocation itself: alloc.c.
 *
 * Source: mm/hugetlb.c hugetlb_no_page(), hugetlb_wp() (hugetlb_cow() up to 6.1),
 * unmap_ref_private(), v5.10 to v6.18. Whether an entry is writable is not kept: a
 * private page is, when nobody else maps it, as fork() takes the right away from both. */
#include "model/fault.h"

#include <errno.h>

static struct weir_page *page_of(struct weir_model *m, weir_page_id id)
{
	return weir_page(&m->pages, id);
}

/* 3.6.3: the owner could not get a copy. Its private page is taken from all who have it
 * by fork, at the same address; a mapping is marked, and what is touched there first from
 * then on is SIGBUS, lest its task see zeros where there was data.
 *
 * unmap_ref_private() goes through the mappings of that index in the file, and in the
 * task of each it takes the page from the owner's address, whatever is mapped there. With
 * two mappings of a file in one task the mark so lands on the first of them; and in the
 * owner's own task another private mapping without reservations makes it lose the page
 * itself. */
static void take_from_heirs(struct weir_model *m, const struct weir_vma *owner,
                            uint32_t idx, weir_page_id id)
{
	uint64_t bytes = m->pools[owner->pool].page_bytes;
	uint64_t addr = owner->start + idx * bytes;
	uint32_t pgoff = owner->pgoff + idx;

	for (uint32_t i = 0; i < owner->file->nr_vmas; i++) {
		struct weir_vma *vma = owner->file->vmas[i], *there;
		uint32_t at;

		if (vma == owner || vma->flags & WEIR_VMA_SHARED || vma->owner ||
		    pgoff < vma->pgoff || pgoff - vma->pgoff >= vma->nr)
			continue;
		there = weir_vma_at(m, vma->task, addr);
		if (!there || there->pool != owner->pool)
			continue;
		at = (uint32_t)((addr - there->start) / bytes);
		if (weir_pte(there, at) != id)
			continue;
		vma->flags |= WEIR_VMA_UNMAPPED;
		(void)weir_pte_set(m, there, at, 0);
		there->task->mapped[there->pool]--;
		page_of(m, id)->mapcount--;
		weir_page_put(m, id);
		if (there == owner)
			m->bugs |= WEIR_BUG_OWNER_LOSES;
	}
}

static bool may_reuse(const struct weir_page *page)
{
	return page->mapcount == 1 && page->flags & WEIR_PAGE_ANON;
}

/* A write to a page that a private mapping has, 3.6. */
static enum weir_outcome copy_on_write(struct weir_model *m, struct weir_vma *vma,
                                       uint32_t idx)
{
	weir_page_id old = weir_pte(vma, idx), id;
	struct weir_want want = {
		.task = vma->task,
		.file = vma->file,
		.vma = vma,
		.pgoff = vma->pgoff + idx,
	};

	if (may_reuse(page_of(m, old)))
		return WEIR_DONE;
	want.copy_by_owner = vma->owner && page_of(m, old)->flags & WEIR_PAGE_ANON;
	id = weir_page_alloc(m, &want);
	if (!id) {
		if (!want.copy_by_owner)
			return WEIR_SIGBUS;
		take_from_heirs(m, vma, idx, old);
		if (weir_pte(vma, idx) != old) /* lost: the access faults again */
			return weir_fault(m, vma, idx, true);
		if (may_reuse(page_of(m, old)))
			return WEIR_DONE;
		/* an heir moved the page to another address, where it is not found: the
		 * kernel tries again for ever */
		m->bugs |= WEIR_BUG_COPY_LOOPS;
		return WEIR_SIGBUS;
	}
	page_of(m, id)->flags &= (uint8_t)~WEIR_PAGE_RESTORE;
	page_of(m, id)->flags |= WEIR_PAGE_ANON;
	page_of(m, id)->mapcount = 1;
	vma->flags |= WEIR_VMA_ANON;
	(void)weir_pte_set(m, vma, idx, id);
	page_of(m, old)->mapcount--;
	weir_page_put(m, old);
	return WEIR_DONE;
}

/* A page that the file has already. */
static enum weir_outcome map_cached(struct weir_model *m, struct weir_vma *vma,
                                    uint32_t idx, weir_page_id id, bool write)
{
	if (page_of(m, id)->flags & WEIR_PAGE_POISONED)
		return WEIR_MCEERR;
	page_of(m, id)->mapcount++;
	vma->task->mapped[vma->pool]++;
	(void)weir_pte_set(m, vma, idx, id);
	/* a private write to a page of the file: mapped first, then copied; where there
	 * is no page for the copy, the file's stays mapped */
	if (write && !(vma->flags & WEIR_VMA_SHARED))
		return copy_on_write(m, vma, idx);
	return WEIR_DONE;
}

/* New pages go to where neither the mapping nor the file has one. A private write needs
 * no copy of what is its own, and new. */
static void map_new(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                    const weir_page_id *ids, uint32_t nr)
{
	bool shared = vma->flags & WEIR_VMA_SHARED;
	uint8_t whose = shared ? WEIR_PAGE_CACHED : WEIR_PAGE_ANON;

	for (uint32_t i = 0; i < nr; i++) {
		struct weir_page *page = page_of(m, ids[i]);

		page->flags = (uint8_t)((page->flags & ~WEIR_PAGE_RESTORE) | whose);
		page->mapcount = 1;
	}
	if (!shared)
		vma->flags |= WEIR_VMA_ANON;
	else if (!weir_slots_put(&vma->file->cache, vma->pgoff + idx, ids, nr,
	                         UINT32_MAX))
		m->failed = true;
	vma->task->mapped[vma->pool] += nr;
	(void)weir_pte_put(m, vma, idx, ids, nr);
}

/* Of @nr pages from an untouched one on, those that are touched first like it: within the
 * file, and neither mapped here nor in the file. */
static uint32_t untouched(const struct weir_vma *vma, uint32_t idx, uint32_t nr)
{
	uint32_t pgoff = vma->pgoff + idx;

	if (nr > WEIR_RUN_MAX)
		nr = WEIR_RUN_MAX;
	if (nr > vma->file->size - pgoff)
		nr = (uint32_t)(vma->file->size - pgoff);
	if (nr > 1)
		nr = weir_pte_next(vma, idx + 1, idx + nr) - idx;
	if (nr > 1)
		nr = weir_slots_next(&vma->file->cache, pgoff + 1, pgoff + nr) - pgoff;
	return nr;
}

/* The page for an address that has none, of the file or a new one; with new ones for up
 * to @nr addresses. How many of them were touched; with 0 the outcome of the first. */
static uint32_t first_touch(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                            uint32_t nr, bool write, enum weir_outcome *outcome)
{
	const struct weir_want want = {
		.task = vma->task,
		.file = vma->file,
		.vma = vma,
		.pgoff = vma->pgoff + idx,
	};
	weir_page_id id, ids[WEIR_RUN_MAX];

	*outcome = WEIR_SIGBUS;
	if (vma->flags & WEIR_VMA_UNMAPPED)
		return 0;
	/* pages past the end: those that a failed fallocate() left, 4.9 */
	if (m->rules.fault_minds_size_first && want.pgoff >= vma->file->size)
		return 0;
	id = weir_slots_get(&vma->file->cache, want.pgoff);
	if (id) {
		*outcome = map_cached(m, vma, idx, id, write);
		return *outcome == WEIR_DONE;
	}
	if (want.pgoff >= vma->file->size)
		return 0;
	nr = weir_pages_alloc(m, &want, untouched(vma, idx, nr), ids);
	if (!nr)
		return 0;
	map_new(m, vma, idx, ids, nr);
	*outcome = WEIR_DONE;
	return nr;
}

uint32_t weir_fault_run(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                        uint32_t nr, bool write, enum weir_outcome *outcome)
{
	weir_page_id id = weir_pte(vma, idx);

	if (!id)
		return first_touch(m, vma, idx, nr, write, outcome);
	if (id == WEIR_PTE_POISON)
		*outcome = WEIR_MCEERR;
	else if (write && !(vma->flags & WEIR_VMA_SHARED))
		*outcome = copy_on_write(m, vma, idx);
	else
		*outcome = WEIR_DONE;
	return *outcome == WEIR_DONE;
}

enum weir_outcome weir_fault(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                             bool write)
{
	enum weir_outcome outcome;

	(void)weir_fault_run(m, vma, idx, 1, write, &outcome);
	return outcome;
}

/* populate_vma_page_range(), and faultin_page_range() of madvise(2). A call that got some
 * pages returns their number, and the next one begins with the page that failed: it is
 * asked for twice, which counters of failures show. */
int weir_populate(struct weir_model *m, struct weir_vma *vma, uint32_t from, uint32_t to,
                  bool write)
{
	bool got = false;

	for (uint32_t i = from; i < to;) {
		enum weir_outcome outcome;
		uint32_t n = weir_fault_run(m, vma, i, to - i, write, &outcome);

		if (!n && !got)
			return outcome == WEIR_MCEERR ? -EHWPOISON : -EFAULT;
		got = n != 0;
		i += n;
	}
	return 0;
}

struct weir_answer weir_touch(struct weir_model *m, struct weir_task *task, uint64_t addr,
                              uint64_t nr, uint64_t page_bytes, bool write)
{
	struct weir_answer answer = { .outcome = WEIR_DONE };
	struct weir_vma *vma = NULL;

	while (answer.after < nr) {
		uint64_t left = nr - answer.after;
		uint32_t idx, n;

		if (!vma || addr >= weir_vma_end(m, vma))
			vma = weir_vma_at(m, task, addr);
		if (!vma || (write && !(vma->flags & WEIR_VMA_WRITE))) {
			answer.outcome = WEIR_FAILED; /* SIGSEGV */
			answer.err = -EFAULT;
			return answer;
		}
		idx = (uint32_t)((addr - vma->start) / page_bytes);
		if (left > vma->nr - idx)
			left = vma->nr - idx;
		n = weir_fault_run(m, vma, idx, (uint32_t)left, write, &answer.outcome);
		if (!n)
			return answer;
		answer.after += n;
		addr += n * page_bytes;
	}
	return answer;
}
