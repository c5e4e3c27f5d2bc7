/* vma: making, splitting and ending mappings.
 *
 * Source: mm/mmap.c, mm/mremap.c, mm/mempolicy.c mbind_range(), fs/hugetlbfs/inode.c
 * hugetlbfs_file_mmap(), mm/hugetlb.c hugetlb_vm_op_close(), v5.10 to v6.18. */
#include "model/vma.h"

#include "base/own.h"
#include "model/fault.h"
#include "model/file.h"
#include "model/reserve.h"
#include "model/subpool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A gap behind every mapping keeps a touch past its end from finding the next one. */
#define SLOT_ALIGN (UINT64_C(1) << 30)
#define SLOT_FIRST (UINT64_C(1) << 44)

size_t weir_vma_from(const struct weir_task *task, uint64_t addr)
{
	size_t lo = 0, hi = task->nr_vmas;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (task->vmas[mid]->start <= addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo; /* the first that begins behind addr */
}

static size_t index_at(const struct weir_model *m, const struct weir_task *task,
                       uint64_t addr)
{
	size_t i = weir_vma_from(task, addr);

	if (i && addr < weir_vma_end(m, task->vmas[i - 1]))
		return i - 1;
	return i;
}

static bool insert(struct weir_model *m, struct weir_task *task, struct weir_vma *vma)
{
	size_t at = weir_vma_from(task, vma->start);

	if (!weir_model_grow(m, &task->vmas, &task->cap_vmas, task->nr_vmas,
	                     sizeof(struct weir_vma *)))
		return false;
	memmove(&task->vmas[at + 1], &task->vmas[at],
	        (task->nr_vmas - at) * sizeof(struct weir_vma *));
	task->vmas[at] = vma;
	task->nr_vmas++;
	return true;
}

static void take_out(struct weir_task *task, size_t at, size_t nr)
{
	memmove(&task->vmas[at], &task->vmas[at + nr],
	        (task->nr_vmas - at - nr) * sizeof(struct weir_vma *));
	task->nr_vmas -= nr;
}

static uint64_t next_slot(struct weir_task *task, uint64_t bytes)
{
	uint64_t start = task->next_slot ? task->next_slot : SLOT_FIRST;

	task->next_slot = (start + bytes + SLOT_ALIGN) & ~(SLOT_ALIGN - 1);
	return start;
}

static void owner_put(struct weir_owner *owner)
{
	if (!owner || --owner->nr_users)
		return;
	weir_regions_done(&owner->consumed);
	free(owner);
}

static void ptes_put(struct weir_ptes *ptes)
{
	if (!ptes || --ptes->nr_users)
		return;
	weir_slots_done(&ptes->slots);
	free(ptes);
}

void weir_vma_discard(struct weir_vma *vma)
{
	owner_put(vma->owner);
	ptes_put(vma->ptes);
	free(vma);
}

/* Enters a mapping in its task and its file. What cannot be entered is freed: the model
 * has failed then, and its sums are nobody's concern. */
static bool place(struct weir_model *m, struct weir_vma *vma,
                  const struct weir_vma *behind)
{
	if (!insert(m, vma->task, vma)) {
		weir_vma_discard(vma);
		return false;
	}
	return weir_file_add_vma(m, vma->file, vma, behind);
}

void weir_vma_close(struct weir_model *m, struct weir_vma *vma)
{
	struct weir_file *file = vma->file;
	struct weir_pool *pool = &m->pools[vma->pool];

	weir_file_remove_vma(m, file, vma);
	if (vma->owner) { /* 4.6: what was promised and not used */
		int64_t unused = vma->nr - (int64_t)weir_regions_count(
						   &vma->owner->consumed, vma->pgoff,
						   vma->pgoff + vma->nr);

		weir_group_uncharge(m, vma->owner->group, pool, WEIR_CHARGE_RSVD,
		                    vma->nr);
		if (unused)
			weir_unreserve(
				m, pool,
				weir_subpool_put(m, weir_file_subpool(file), unused));
	}
	weir_vma_discard(vma);
	weir_file_settle(m, file);
}

int weir_map(struct weir_model *m, struct weir_task *task,
             const struct weir_map_config *config, uint64_t *out)
{
	uint64_t end = config->pgoff + config->pages;
	struct weir_vma *vma;
	int r = 0;

	if (!config->pages || config->pages > INT32_MAX || config->pgoff > INT32_MAX)
		return -EINVAL;
	vma = calloc(1, sizeof(*vma));
	if (!vma) {
		m->failed = true;
		return -ENOMEM;
	}
	vma->task = task;
	vma->pool = config->pool->idx;
	vma->nr = vma->most = (uint32_t)config->pages;
	vma->pgoff = (uint32_t)config->pgoff;
	vma->flags = (uint8_t)((config->shared ? WEIR_VMA_SHARED : 0) |
	                       (config->readonly ? 0 : WEIR_VMA_WRITE));
	vma->file = config->file;
	if (!vma->file) {
		vma->file = weir_file_new(m, config->pool, WEIR_FILE_UNNAMED, NULL);
		if (!vma->file) {
			free(vma);
			return -ENOMEM;
		}
		vma->file->size = end;
	}
	/* a segment's pages were reserved when it was made */
	if (!config->noreserve && vma->file->kind != WEIR_FILE_SEGMENT)
		r = weir_file_reserve(m, task, vma->file, config->shared ? NULL : vma,
		                      vma->pgoff, (uint32_t)end);
	if (r < 0) {
		weir_file_settle(m, vma->file);
		free(vma);
		weir_files_evict(m);
		return r;
	}
	if (!config->readonly && vma->file->size < end)
		vma->file->size = end; /* 4.10 */
	vma->start = next_slot(task, config->pages * config->pool->page_bytes);
	if (!place(m, vma, NULL))
		return -ENOMEM;
	*out = vma->start;
	if (config->populate)
		(void)weir_populate(m, vma, 0, vma->nr,
		                    !config->shared && !config->readonly);
	return 0;
}

bool weir_vma_split(struct weir_model *m, struct weir_task *task, uint64_t addr)
{
	size_t i = index_at(m, task, addr);
	struct weir_vma *low, *high;

	if (i == task->nr_vmas || task->vmas[i]->start >= addr)
		return true;
	low = task->vmas[i];
	high = malloc(sizeof(*high));
	if (!high) {
		m->failed = true;
		return false;
	}
	*high = *low;
	low->nr = (uint32_t)((addr - low->start) / m->pools[low->pool].page_bytes);
	high->start = addr;
	high->nr -= low->nr;
	high->pgoff += low->nr;
	if (high->owner)
		high->owner->nr_users++;
	if (high->ptes) {
		high->first += low->nr;
		high->ptes->nr_users++;
	} else {
		low->most = low->nr;
		high->most = high->nr;
	}
	/* the part that keeps its place in memory is entered anew in the file's tree,
	 * behind others that begin at the same index: vma_prepare(), vma_complete() */
	weir_file_remove_vma(m, low->file, low);
	if (!weir_file_add_vma(m, low->file, low, NULL)) {
		weir_vma_discard(high);
		return false;
	}
	return place(m, high, NULL);
}

void weir_unmap(struct weir_model *m, struct weir_task *task, uint64_t addr, uint64_t nr,
                uint64_t page_bytes)
{
	uint64_t end = addr + nr * page_bytes;
	struct weir_gather gather = { 0 };
	struct weir_vma *few[8], **gone = few;
	size_t first, n = 0;

	if (!weir_vma_split(m, task, addr) || !weir_vma_split(m, task, end))
		return;
	first = index_at(m, task, addr);
	while (first + n < task->nr_vmas && task->vmas[first + n]->start < end) {
		struct weir_vma *vma = task->vmas[first + n++];

		weir_zap(m, vma, 0, vma->nr, &gather);
	}
	weir_gather_finish(m, &gather);
	if (n > WEIR_NELEM(few)) {
		gone = malloc(n * sizeof(struct weir_vma *));
		if (!gone) {
			m->failed = true;
			return;
		}
	}
	if (n)
		memcpy(gone, &task->vmas[first], n * sizeof(struct weir_vma *));
	take_out(task, first, n);
	for (size_t i = 0; i < n; i++)
		weir_vma_close(m, gone[i]);
	if (gone != few)
		free(gone);
	weir_files_evict(m);
}

int weir_remap_resize(struct weir_model *m, struct weir_task *task, uint64_t addr,
                      uint64_t old_nr, uint64_t new_nr, uint64_t page_bytes)
{
	if (!new_nr)
		return -EINVAL;
	/* kernels that cannot move shrink before they look at what is there */
	if (!m->rules.mremap_moves && old_nr >= new_nr) {
		weir_unmap(m, task, addr + new_nr * page_bytes, old_nr - new_nr,
		           page_bytes);
		return 0;
	}
	if (!weir_vma_at(m, task, addr))
		return -EFAULT;
	if (new_nr > old_nr)
		return -EINVAL; /* 4.11 */
	weir_unmap(m, task, addr + new_nr * page_bytes, old_nr - new_nr, page_bytes);
	return 0;
}

/* Until 6.16 what moves must be one mapping without holes; later each that lies in the
 * range moves, and holes behind the first stay holes. */
int weir_remap_move(struct weir_model *m, struct weir_task *task, uint64_t addr,
                    uint64_t nr, uint64_t page_bytes, uint64_t *out)
{
	uint64_t end = addr + nr * page_bytes, to;
	struct weir_vma *vma = weir_vma_at(m, task, addr);
	size_t first;

	if (!vma)
		return -EFAULT;
	if (!m->rules.mremap_moves)
		return -EINVAL;
	if (end > weir_vma_end(m, vma) && !m->rules.mremap_moves_many)
		return -EFAULT;
	if (!weir_vma_split(m, task, addr) || !weir_vma_split(m, task, end))
		return -ENOMEM;
	to = next_slot(task, nr * page_bytes);
	/* behind all others: each one that leaves makes room for the next at its place */
	first = index_at(m, task, addr);
	while (first < task->nr_vmas && task->vmas[first]->start < end) {
		vma = task->vmas[first];
		take_out(task, first, 1);
		weir_file_remove_vma(m, vma->file, vma);
		vma->start = to + (vma->start - addr);
		if (!place(m, vma, NULL))
			return -ENOMEM;
	}
	*out = to;
	return 0;
}

/* Is there a mapping at every address of the range? */
static bool is_covered(const struct weir_model *m, const struct weir_task *task,
                       uint64_t addr, uint64_t end)
{
	for (size_t i = index_at(m, task, addr); addr < end; i++) {
		if (i == task->nr_vmas || task->vmas[i]->start > addr)
			return false;
		addr = weir_vma_end(m, task->vmas[i]);
	}
	return true;
}

int weir_bind(struct weir_model *m, struct weir_task *task, uint64_t addr, uint64_t nr,
              uint64_t page_bytes, const struct weir_policy *policy)
{
	uint64_t end = addr + nr * page_bytes;
	uint16_t id;
	int r = weir_policy_intern(m, task, policy, &id);

	if (r < 0)
		return r;
	if (!is_covered(m, task, addr, end))
		return -EFAULT;
	for (size_t i = index_at(m, task, addr);
	     i < task->nr_vmas && task->vmas[i]->start < end; i++) {
		struct weir_vma *vma = task->vmas[i];

		if (vma->policy == id)
			continue; /* not even split */
		if (vma->start < addr) {
			if (!weir_vma_split(m, task, addr))
				return -ENOMEM;
			continue;
		}
		if (!weir_vma_split(m, task, end))
			return -ENOMEM;
		vma->policy = id;
	}
	return 0;
}

/* copy_hugetlb_page_range(), 5.12 and later: a page that may be pinned is the parent's
 * alone, and the child has its copy at once. 0: none to be had. */
static weir_page_id copy_pinned(struct weir_model *m, struct weir_vma *copy, uint32_t idx)
{
	const struct weir_want want = {
		.task = copy->task,
		.file = copy->file,
		.vma = copy,
		.pgoff = copy->pgoff + idx,
	};
	weir_page_id id = weir_page_alloc(m, &want);

	if (id) {
		weir_page(&m->pages, id)->flags &= (uint8_t)~WEIR_PAGE_RESTORE;
		weir_page(&m->pages, id)->flags |= WEIR_PAGE_ANON;
	}
	return id;
}

static int fork_pages(struct weir_model *m, const struct weir_task *parent,
                      struct weir_vma *vma, struct weir_vma *copy)
{
	for (uint32_t i = weir_pte_next(vma, 0, vma->nr); i < vma->nr;
	     i = weir_pte_next(vma, i + 1, vma->nr)) {
		weir_page_id id = weir_pte(vma, i);
		const struct weir_page *page = weir_page(&m->pages, id);

		if (id != WEIR_PTE_POISON && m->rules.fork_copies_pinned &&
		    parent->has_pinned && page->pins && page->flags & WEIR_PAGE_ANON) {
			id = copy_pinned(m, copy, i);
			if (!id)
				return -ENOMEM;
		}
		if (!weir_pte_set(m, copy, i, id))
			return -ENOMEM;
		if (id == WEIR_PTE_POISON)
			continue;
		weir_page(&m->pages, id)->mapcount++;
		copy->task->mapped[vma->pool]++;
	}
	return 0;
}

int weir_vma_fork(struct weir_model *m, const struct weir_task *parent,
                  struct weir_vma *vma, struct weir_task *child)
{
	struct weir_vma *copy = malloc(sizeof(*copy));

	if (!copy) {
		m->failed = true;
		return -ENOMEM;
	}
	*copy = *vma;
	copy->task = child;
	copy->owner = NULL; /* 3.7 */
	copy->flags &= (uint8_t)~WEIR_VMA_UNMAPPED;
	copy->ptes = NULL;
	copy->first = 0;
	copy->most = copy->nr;
	if (!place(m, copy, vma))
		return -ENOMEM;
	/* what a fault can bring back is not copied, from 6.0 on: vma_needs_copy() */
	if (!(vma->flags & WEIR_VMA_ANON) && !m->rules.fork_copies_tables)
		return 0;
	return fork_pages(m, parent, vma, copy);
}
