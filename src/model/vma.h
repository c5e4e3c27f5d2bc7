/* vma: mappings of huge pages. kernel-rules.md 4.2, 4.6, 4.11.
 *
 * Addresses are handed out ascending in each task, a gap behind every mapping, and never
 * again: the order of addresses is the order of making, which decides the order in which
 * pages are freed when a task ends. munmap(2) of a part and mbind(2) of a part split a
 * mapping as they do in the kernel. */
#ifndef WEIR_MODEL_VMA_H
#define WEIR_MODEL_VMA_H

#include "model/model.h"
#include "model/regions.h"
#include "model/slots.h"
#include "model/task.h"

enum weir_vma_flags {
	WEIR_VMA_SHARED = 1 << 0,
	WEIR_VMA_WRITE = 1 << 1,
	/* lost a page to its owner: first touches get SIGBUS */
	WEIR_VMA_UNMAPPED = 1 << 2,
	/* had a private page: fork copies its page tables */
	WEIR_VMA_ANON = 1 << 3,
};

/* The reservations of a private mapping, held by the task that made it: shared by the
 * parts it was split into. consumed: indexes whose reservation is used up. */
struct weir_owner {
	struct weir_regions consumed;
	uint32_t nr_users;
	uint32_t group; /* who pays for the whole mapping */
};

struct weir_vma {
	uint64_t start;  /* address */
	uint32_t nr;     /* pages */
	uint32_t pgoff;  /* index in the file of the first page */
	uint16_t policy; /* interned; 0: the task's */
	uint8_t pool;
	uint8_t flags;
	struct weir_task *task;
	struct weir_file *file;
	struct weir_owner *owner; /* NULL: shared, NORESERVE, or inherited by fork */
	struct weir_ptes *ptes;   /* NULL: nothing mapped yet */
	uint32_t first;           /* index in ptes of the first page */
	uint32_t most; /* indexes in ptes of the whole that this is a part of */
};

/* Page table entries, shared by the parts that a mapping was split into. */
struct weir_ptes {
	struct weir_slots slots;
	uint32_t nr_users;
};

/* A page table entry that memory failure left: every touch is SIGBUS. */
#define WEIR_PTE_POISON UINT32_MAX

struct weir_map_config {
	struct weir_pool *pool;
	struct weir_file *file; /* NULL: MAP_ANONYMOUS */
	uint64_t pages;         /* 1 to 2^31 */
	uint64_t pgoff;
	bool shared, noreserve, readonly;
	bool populate; /* or MAP_LOCKED: failures are silent, 3.3 */
};

/* mmap(2): *out the address. 0, -ENOMEM, -EINVAL. */
int weir_map(struct weir_model *m, struct weir_task *task,
             const struct weir_map_config *config, uint64_t *out);

/* munmap(2) of pages of @bytes each. Holes are fine. */
void weir_unmap(struct weir_model *m, struct weir_task *task, uint64_t addr, uint64_t nr,
                uint64_t page_bytes);

/* mremap(2) in place: -EINVAL to grow, -EFAULT where nothing is. */
int weir_remap_resize(struct weir_model *m, struct weir_task *task, uint64_t addr,
                      uint64_t old_nr, uint64_t new_nr, uint64_t page_bytes);
/* mremap(2) to a new address, *out. */
int weir_remap_move(struct weir_model *m, struct weir_task *task, uint64_t addr,
                    uint64_t nr, uint64_t page_bytes, uint64_t *out);

/* mbind(2) without flags. */
int weir_bind(struct weir_model *m, struct weir_task *task, uint64_t addr, uint64_t nr,
              uint64_t page_bytes, const struct weir_policy *policy);

/* The index of the first mapping that begins behind an address. */
size_t weir_vma_from(const struct weir_task *task, uint64_t addr);

static inline uint64_t weir_vma_end(const struct weir_model *m,
                                    const struct weir_vma *vma)
{
	return vma->start + vma->nr * m->pools[vma->pool].page_bytes;
}

/* The mapping that holds an address, or NULL. */
static inline struct weir_vma *weir_vma_at(const struct weir_model *m,
                                           const struct weir_task *task, uint64_t addr)
{
	size_t i = weir_vma_from(task, addr);

	return i && addr < weir_vma_end(m, task->vmas[i - 1]) ? task->vmas[i - 1] : NULL;
}

/* Makes @addr the beginning of a mapping, if it lies inside of one. */
bool weir_vma_split(struct weir_model *m, struct weir_task *task, uint64_t addr);

/* What fork() does to one mapping of @parent. 0; -ENOMEM as weir_task_fork(). */
int weir_vma_fork(struct weir_model *m, const struct weir_task *parent,
                  struct weir_vma *vma, struct weir_task *child);

/* Takes away the mapping itself, once its pages are gone: gives back its promises. The
 * end of munmap() and exit. */
void weir_vma_close(struct weir_model *m, struct weir_vma *vma);

/* Frees it without that: for weir_model_free(). */
void weir_vma_discard(struct weir_vma *vma);

/* zap.c: pages leave page tables. The kernel collects what it unmaps and frees it at the
 * end of the call (mmu_gather), so what is asked of the pool meanwhile sees them in use.
 */
struct weir_gather {
	weir_page_id *v;
	size_t nr, cap;
};

static inline weir_page_id weir_pte(const struct weir_vma *vma, uint32_t idx)
{
	return vma->ptes ? weir_slots_get(&vma->ptes->slots, (uint64_t)vma->first + idx)
	                 : 0;
}

/* Sets the entry of page @idx; 0 empties it. False: out of memory, with m->failed. */
bool weir_pte_set(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                  weir_page_id id);

/* Sets the entries of @nr pages from @idx on, all of which are empty. False as above. */
bool weir_pte_put(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                  const weir_page_id *ids, uint32_t nr);

/* How many entries of [from, end) are not empty. */
uint32_t weir_pte_count(const struct weir_vma *vma, uint32_t from, uint32_t end);

/* The first entry from @from below @end that is not empty; @end when all are. */
uint32_t weir_pte_next(const struct weir_vma *vma, uint32_t from, uint32_t end);

/* Unmaps [from, to) of a mapping's pages: __unmap_hugepage_range(). */
void weir_zap(struct weir_model *m, struct weir_vma *vma, uint32_t from, uint32_t to,
              struct weir_gather *gather);
/* Frees what was collected, in that order. */
void weir_gather_finish(struct weir_model *m, struct weir_gather *gather);

#endif
