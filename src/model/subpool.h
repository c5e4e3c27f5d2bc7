/* subpool: the limits of a mount with size= or min_size=. kernel-rules.md 5.
 * Source: mm/hugetlb.c, struct hugepage_subpool. */
#ifndef WEIR_MODEL_SUBPOOL_H
#define WEIR_MODEL_SUBPOOL_H

#include "model/pool.h"

#define WEIR_SUBPOOL_NO_LIMIT (-1)

struct weir_subpool {
	uint16_t id; /* in pages; from 1 */
	uint8_t pool;
	bool unmounted; /* goes when nothing is used any more */
	int64_t max;    /* pages, or no limit */
	int64_t min;
	int64_t used; /* only counted when there is a max; promised pages too */
	int64_t held; /* of min: what of it is reserved for newcomers */
};

/* 0 and *out; -EINVAL for min above max; -ENOMEM when min cannot be reserved (or, with
 * m->failed, our own memory ends). */
struct weir_task;
int weir_subpool_new(struct weir_model *m, struct weir_pool *pool, int64_t max,
                     int64_t min, const struct weir_task *by, struct weir_subpool **out);

/* The mount is gone: lets go of what it held, now or with its last page. */
void weir_subpool_unmount(struct weir_model *m, struct weir_subpool *sp);

/* Takes @nr pages of the limit, 5.3: how many of them must come from the pool, or
 * -ENOMEM. NULL is a mount without limits. */
int64_t weir_subpool_get(struct weir_subpool *sp, int64_t nr);

/* How many pages, taken one by one, get the same answer; 0: none gets any. */
uint64_t weir_subpool_alike(const struct weir_subpool *sp);

/* Gives @nr pages back, 5.4: how many leave the pool's reserved count. May end @sp. */
int64_t weir_subpool_put(struct weir_model *m, struct weir_subpool *sp, int64_t nr);

/* What a failed reservation puts back, 5.6: got @nr of which @from_pool were to come from
 * the pool. */
void weir_subpool_put_failed(struct weir_model *m, struct weir_subpool *sp, int64_t nr,
                             int64_t from_pool);

/* The same for one page that a fault did not find. */
void weir_subpool_put_fault(struct weir_model *m, struct weir_subpool *sp,
                            bool from_pool);

static inline struct weir_subpool *weir_subpool_by_id(struct weir_subpool **v,
                                                      uint16_t id)
{
	return id ? v[id - 1] : NULL;
}

#endif
