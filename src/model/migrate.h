/* migrate: pages that change their memory. kernel-rules.md 3.11.
 * Source: mm/migrate.c, mm/hugetlb.c alloc_hugetlb_folio_nodemask(),
 * move_hugetlb_state(). */
#ifndef WEIR_MODEL_MIGRATE_H
#define WEIR_MODEL_MIGRATE_H

#include "model/model.h"
#include "model/task.h"

/* Moves a page in use to the first of @allowed nodes that can take it, @near first: into
 * a free pool page if one is promised to nobody, else into a fresh one. The page keeps
 * its id; *old is the id that now stands for the memory it left, on a free list, or 0
 * when that went to the system. 0;
 * -ENOMEM; -EBUSY for a private page of a mount with limits, which no kernel can move. */
int weir_page_migrate(struct weir_model *m, weir_page_id id, unsigned int near,
                      uint64_t allowed, weir_page_id *old);

/* move_pages(2) with MPOL_MF_MOVE, a page a call: stops at the first that does not move.
 * 0, -ENODEV, -EACCES (shared, or a node not allowed), -ENOENT (no page), -EFAULT,
 * -ENOMEM.
 */
int weir_move_pages(struct weir_model *m, struct weir_task *task, uint64_t addr,
                    uint64_t nr, uint64_t page_bytes, unsigned int node);

#endif
