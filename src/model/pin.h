/* pin: long-term pins: io_uring's fixed buffers, VFIO, RDMA, SEV's guest memory.
 * kernel-rules.md 8.5 to 8.9. Source: mm/gup.c __gup_longterm_locked(),
 * collect_longterm_unpinnable_folios(), migrate_longterm_unpinnable_folios(),
 * mm/hugetlb.c alloc_hugetlb_folio_nodemask(), v5.10 to v6.18; io_uring/rsrc.c. */
#ifndef WEIR_MODEL_PIN_H
#define WEIR_MODEL_PIN_H

#include "model/model.h"

struct weir_task;

/* Pins @nr huge pages from @addr on, in one call, as one buffer. Pages that are not there
 * are faulted inside the pin, which takes pinnable free pages only; those that are there
 * and lie where nothing may be pinned (in the CMA, or ZONE_MOVABLE) are moved out, or
 * refused, or pinned in place, as the kernel does.
 * 0; -EFAULT where a page was not to be had or nothing is mapped; -ENOMEM where one could
 * not be moved. After a failure nothing is pinned; pages that were faulted or moved stay
 * so. */
int weir_pin(struct weir_model *m, struct weir_task *task, uint64_t addr, uint64_t nr,
             uint64_t page_bytes);

/* Lets go of every pin that has a page of [addr, addr + nr pages): the whole of it. */
void weir_unpin(struct weir_model *m, struct weir_task *task, uint64_t addr, uint64_t nr,
                uint64_t page_bytes);

/* Of a task that ends. */
void weir_unpin_all(struct weir_model *m, struct weir_task *task);

#endif
