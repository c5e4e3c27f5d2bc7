/* reserve: promises. kernel-rules.md 4.3 to 4.5.
 * Source: mm/hugetlb.c hugetlb_acct_memory(), gather_surplus_pages(),
 * return_unused_surplus_pages(). */
#ifndef WEIR_MODEL_RESERVE_H
#define WEIR_MODEL_RESERVE_H

#include "model/pool.h"

struct weir_task;

/* Promises @nr pages of the pool, with surplus pages where the free ones do not suffice:
 * all or nothing. @by: the task that asks (NULL: the administrator on CPU 0). 0 or
 * -ENOMEM. */
int weir_reserve(struct weir_model *m, struct weir_pool *pool, const struct weir_task *by,
                 int64_t nr);

/* Takes back a promise of @nr pages, and gives back as many free surplus pages as it can,
 * whichever pages the promise was meant for. */
void weir_unreserve(struct weir_model *m, struct weir_pool *pool, int64_t nr);

#endif
