/* offline: see offline.h. */
#include "model/offline.h"

#include "model/fault.h"
#include "model/file.h"
#include "model/migrate.h"
#include "model/vma.h"

#include <errno.h>

#define BASE_PAGE 4096

int weir_page_dissolve(struct weir_model *m, weir_page_id id)
{
	struct weir_page *page = weir_page(&m->pages, id);
	struct weir_pool *pool = &m->pools[page->pool];
	bool surplus;

	if (!(page->flags & WEIR_PAGE_FREE) || !weir_pool_has_available(pool))
		return -EBUSY;
	surplus = m->rules.dissolve_takes_surplus && pool->nr_surplus[page->node];
	weir_pool_unlink(m, pool, id);
	weir_pool_give(m, pool, id, surplus);
	if (!surplus)
		pool->max--;
	return 0;
}

static void count_corrupted(struct weir_model *m)
{
	m->corrupted_bytes += BASE_PAGE;
}

/* The page at an address, brought in by a read as get_user_pages() does; 0 with *answer.
 */
static weir_page_id get_page(struct weir_model *m, struct weir_task *task, uint64_t addr,
                             uint64_t page_bytes, struct weir_vma **vma,
                             struct weir_answer *answer)
{
	uint32_t idx;

	*vma = weir_vma_at(m, task, addr);
	if (!*vma) {
		*answer = weir_answer(-ENOMEM);
		return 0;
	}
	idx = (uint32_t)((addr - (*vma)->start) / page_bytes);
	switch (weir_fault(m, *vma, idx, false)) {
	case WEIR_DONE:
	case WEIR_FAILED: break;
	case WEIR_SIGBUS: *answer = weir_answer(-EFAULT); return 0;
	case WEIR_MCEERR: *answer = weir_answer(-EHWPOISON); return 0;
	}
	return weir_pte(*vma, idx);
}

struct weir_answer weir_soft_offline(struct weir_model *m, struct weir_task *task,
                                     uint64_t addr, uint64_t page_bytes)
{
	struct weir_answer answer = { .outcome = WEIR_DONE };
	struct weir_vma *vma;
	weir_page_id id = get_page(m, task, addr, page_bytes, &vma, &answer), old;
	unsigned int node;
	int r;

	if (!id)
		return answer;
	node = weir_page(&m->pages, id)->node;
	r = weir_page_migrate(m, id, node, m->memory.nodes, &old);
	if (r < 0)
		return weir_answer(-EBUSY);
	if (old) {
		weir_page(&m->pages, old)->flags |= WEIR_PAGE_POISONED;
		m->pools[vma->pool].nr_poisoned_free++;
		r = weir_page_dissolve(m, old);
	}
	if (!r)
		count_corrupted(m);
	return weir_answer(r);
}

/* Every page table entry of the page becomes one that kills who touches it. */
static void unmap_poisoned(struct weir_model *m, const struct weir_file *file,
                           uint32_t pgoff, weir_page_id id)
{
	for (uint32_t i = 0; i < file->nr_vmas; i++) {
		struct weir_vma *vma = file->vmas[i];

		if (pgoff < vma->pgoff || pgoff - vma->pgoff >= vma->nr ||
		    weir_pte(vma, pgoff - vma->pgoff) != id)
			continue;
		(void)weir_pte_set(m, vma, pgoff - vma->pgoff, WEIR_PTE_POISON);
		vma->task->mapped[vma->pool]--;
		weir_page(&m->pages, id)->mapcount--;
	}
}

struct weir_answer weir_poison(struct weir_model *m, struct weir_task *task,
                               uint64_t addr, uint64_t page_bytes)
{
	struct weir_answer answer = { .outcome = WEIR_DONE };
	struct weir_vma *vma;
	weir_page_id id = get_page(m, task, addr, page_bytes, &vma, &answer);
	struct weir_page *page;
	uint32_t pgoff;

	if (!id)
		return answer;
	pgoff = vma->pgoff + (uint32_t)((addr - vma->start) / page_bytes);
	unmap_poisoned(m, vma->file, pgoff, id);
	page = weir_page(&m->pages, id);
	page->flags |= WEIR_PAGE_POISONED;
	count_corrupted(m);
	if (page->flags & WEIR_PAGE_CACHED) {
		page->flags |= WEIR_PAGE_LOST; /* 10.5 */
		if (m->rules.poison_leaves_file)
			weir_file_drop(m, vma->file, pgoff);
	} else {
		weir_page_free(m, id); /* 10.4: freed, then dissolved if it may be */
		if (page->flags & WEIR_PAGE_FREE)
			(void)weir_page_dissolve(m, id);
	}
	if (m->rules.poison_signals_injector)
		answer.outcome = WEIR_MCEERR;
	return answer;
}

int weir_poison_free(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                     bool soft)
{
	weir_page_id id = pool->head[node];
	bool fresh;
	int r;

	if (!id)
		return -ENOENT;
	fresh = !(weir_page(&m->pages, id)->flags & WEIR_PAGE_POISONED);
	if (fresh) {
		weir_page(&m->pages, id)->flags |= WEIR_PAGE_POISONED;
		pool->nr_poisoned_free++;
	}
	r = weir_page_dissolve(m, id);
	if (r < 0 && soft && fresh) { /* nothing is wrong with it: it stays as it was */
		weir_page(&m->pages, id)->flags &= (uint8_t)~WEIR_PAGE_POISONED;
		pool->nr_poisoned_free--;
	} else if (fresh) {
		count_corrupted(m);
	}
	return r;
}

int weir_block_offline(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                       uint64_t nr_free, uint64_t nr_used)
{
	uint64_t others = m->memory.nodes & ~(UINT64_C(1) << node);
	int r;

	/* offline_pages(): what is in use leaves first, to other nodes if there are any
	 */
	for (weir_page_id id = 1; id < m->pages.nr && nr_used; id++) {
		const struct weir_page *page = weir_page(&m->pages, id);
		weir_page_id old;

		if (!(page->flags & WEIR_PAGE_USED) || page->flags & WEIR_PAGE_FREE ||
		    page->pool != pool->idx || page->node != node)
			continue;
		if (weir_page_migrate(m, id, node, others ? others : m->memory.nodes,
		                      &old) < 0)
			return -EBUSY;
		nr_used--;
		nr_free += old != 0; /* it is on top of the list now */
	}
	for (; nr_free && pool->head[node]; nr_free--) {
		r = weir_page_dissolve(m, pool->head[node]);
		if (r < 0)
			return r;
	}
	return 0;
}
