/* offline: memory that fails, and memory that is taken away.
 * kernel-rules.md 10.1 to 10.6. Source: mm/memory-failure.c, mm/memory_hotplug.c,
 * mm/hugetlb.c dissolve_free_hugetlb_folio(). */
#ifndef WEIR_MODEL_OFFLINE_H
#define WEIR_MODEL_OFFLINE_H

#include "model/model.h"
#include "model/task.h"

/* Takes a free page out of the pool for good: 0, -EBUSY when it is promised or in use. */
int weir_page_dissolve(struct weir_model *m, weir_page_id id);

/* madvise(2): MADV_SOFT_OFFLINE moves the page away first, MADV_HWPOISON loses it. */
struct weir_answer weir_soft_offline(struct weir_model *m, struct weir_task *task,
                                     uint64_t addr, uint64_t page_bytes);
struct weir_answer weir_poison(struct weir_model *m, struct weir_task *task,
                               uint64_t addr, uint64_t page_bytes);

/* The same for the first free page of a node: 0, -EBUSY, -ENOENT. */
int weir_poison_free(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                     bool soft);

/* A memory block of @node goes offline that holds the first @nr_free pages of the free
 * list and @nr_used of those in use, the oldest first. 0 or -EBUSY, with what was done
 * before. */
int weir_block_offline(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                       uint64_t nr_free, uint64_t nr_used);

#endif
