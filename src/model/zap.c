/* zap: pages leave page tables. kernel-rules.md 3.10.
 * Source: mm/hugetlb.c __unmap_hugepage_range(), v5.10 to v6.18; mm/mmu_gather.c. Left
 * out: the batch that the kernel frees in between past some 9,000 pages. */
#include "base/own.h"
#include "model/fault.h"
#include "model/vma.h"

#include <stdlib.h>

static bool has_ptes(struct weir_model *m, struct weir_vma *vma)
{
	if (vma->ptes)
		return true;
	vma->ptes = calloc(1, sizeof(*vma->ptes));
	if (!vma->ptes) {
		m->failed = true;
		return false;
	}
	vma->ptes->nr_users = 1;
	return true;
}

bool weir_pte_set(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                  weir_page_id id)
{
	if (!vma->ptes && !id)
		return true;
	if (!has_ptes(m, vma))
		return false;
	if (!weir_slots_set(&vma->ptes->slots, vma->first + idx, id, vma->most)) {
		m->failed = true;
		return false;
	}
	return true;
}

bool weir_pte_put(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                  const weir_page_id *ids, uint32_t nr)
{
	if (!has_ptes(m, vma))
		return false;
	if (!weir_slots_put(&vma->ptes->slots, vma->first + idx, ids, nr, vma->most)) {
		m->failed = true;
		return false;
	}
	return true;
}

uint32_t weir_pte_count(const struct weir_vma *vma, uint32_t from, uint32_t end)
{
	return vma->ptes ? weir_slots_count(&vma->ptes->slots, vma->first + from,
	                                    vma->first + end)
	                 : 0;
}

uint32_t weir_pte_next(const struct weir_vma *vma, uint32_t from, uint32_t end)
{
	uint32_t at;

	if (!vma->ptes)
		return end;
	at = weir_slots_next(&vma->ptes->slots, vma->first + from, vma->first + end);
	return at - vma->first;
}

/* From 6.9 on: the owner of a discarded private page keeps the right to one, but while
 * the pool has surplus, which the freed page then makes up for. Kernels that do not mind
 * sharers promise the page before the last of them lets go: reserved wraps, 11.5. */
static void keep_reservation(struct weir_model *m, struct weir_vma *vma,
                             struct weir_page *page, uint32_t pgoff)
{
	if (!m->rules.zap_keeps_reservation || m->pools[vma->pool].surplus ||
	    !vma->owner || !(page->flags & WEIR_PAGE_ANON))
		return;
	if (page->mapcount) {
		if (m->rules.zap_minds_sharers)
			return;
		m->bugs |= WEIR_BUG_ZAP_SHARED;
	}
	page->flags |= WEIR_PAGE_RESTORE;
	if (!weir_regions_del(&vma->owner->consumed, pgoff, pgoff + 1, NULL, NULL))
		m->failed = true;
}

static void gather_add(struct weir_model *m, struct weir_gather *gather, weir_page_id id)
{
	if (!gather->v) {
		gather->v = weir_take(m->gather.v);
		gather->cap = m->gather.cap;
		m->gather.cap = 0;
	}
	if (!weir_model_grow(m, &gather->v, &gather->cap, gather->nr,
	                     sizeof(gather->v[0])))
		return;
	gather->v[gather->nr++] = id;
}

void weir_zap(struct weir_model *m, struct weir_vma *vma, uint32_t from, uint32_t to,
              struct weir_gather *gather)
{
	for (uint32_t i = weir_pte_next(vma, from, to); i < to;
	     i = weir_pte_next(vma, i + 1, to)) {
		weir_page_id id = weir_pte(vma, i);
		struct weir_page *page;

		(void)weir_pte_set(m, vma, i, 0);
		if (id == WEIR_PTE_POISON)
			continue;
		page = weir_page(&m->pages, id);
		page->mapcount--;
		vma->task->mapped[vma->pool]--;
		keep_reservation(m, vma, page, vma->pgoff + i);
		gather_add(m, gather, id);
	}
}

void weir_gather_finish(struct weir_model *m, struct weir_gather *gather)
{
	for (size_t i = 0; i < gather->nr; i++)
		weir_page_put(m, gather->v[i]);
	if (!m->gather.v) {
		m->gather.v = gather->v;
		m->gather.cap = gather->cap;
	} else {
		free(gather->v);
	}
	*gather = (struct weir_gather){ 0 };
}
