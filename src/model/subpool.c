/* subpool: see subpool.h. Source: mm/hugetlb.c hugepage_subpool_get_pages(),
 * hugepage_subpool_put_pages(), hugetlb_reserve_pages(), v5.10 to v6.18. */
#include "model/subpool.h"

#include "model/model.h"
#include "model/reserve.h"

#include <errno.h>
#include <stdlib.h>

static bool is_idle(const struct weir_subpool *sp)
{
	if (sp->max != WEIR_SUBPOOL_NO_LIMIT)
		return sp->used == 0;
	if (sp->min != WEIR_SUBPOOL_NO_LIMIT)
		return sp->held == sp->min;
	return true;
}

/* unlock_or_release_subpool() */
static void release_if_idle(struct weir_model *m, struct weir_subpool *sp)
{
	if (!sp->unmounted || !is_idle(sp))
		return;
	if (sp->min != WEIR_SUBPOOL_NO_LIMIT)
		weir_unreserve(m, &m->pools[sp->pool], sp->min);
	m->subpools.v[sp->id - 1] = NULL;
	free(sp);
}

static bool assign_id(struct weir_model *m, struct weir_subpool *sp)
{
	size_t i = 0;

	while (i < m->subpools.nr && m->subpools.v[i])
		i++;
	if (i >= UINT16_MAX)
		return false;
	if (i == m->subpools.nr) {
		if (!weir_model_grow(m, &m->subpools.v, &m->subpools.cap, i,
		                     sizeof(struct weir_subpool *)))
			return false;
		m->subpools.nr++;
	}
	m->subpools.v[i] = sp;
	sp->id = (uint16_t)(i + 1);
	return true;
}

int weir_subpool_new(struct weir_model *m, struct weir_pool *pool, int64_t max,
                     int64_t min, const struct weir_task *by, struct weir_subpool **out)
{
	struct weir_subpool *sp;
	int r;

	if (max != WEIR_SUBPOOL_NO_LIMIT && min > max)
		return -EINVAL;
	if (min != WEIR_SUBPOOL_NO_LIMIT) {
		r = weir_reserve(m, pool, by, min);
		if (r < 0)
			return r;
	}
	sp = calloc(1, sizeof(*sp));
	if (!sp || !assign_id(m, sp)) {
		free(sp);
		m->failed = true;
		return -ENOMEM;
	}
	sp->pool = pool->idx;
	sp->max = max;
	sp->min = min;
	sp->held = min == WEIR_SUBPOOL_NO_LIMIT ? 0 : min;
	*out = sp;
	return 0;
}

void weir_subpool_unmount(struct weir_model *m, struct weir_subpool *sp)
{
	if (!sp)
		return;
	sp->unmounted = true;
	release_if_idle(m, sp);
}

int64_t weir_subpool_get(struct weir_subpool *sp, int64_t nr)
{
	if (!sp)
		return nr;
	if (sp->max != WEIR_SUBPOOL_NO_LIMIT) {
		if (sp->used + nr > sp->max)
			return -ENOMEM;
		sp->used += nr;
	}
	if (sp->min == WEIR_SUBPOOL_NO_LIMIT || !sp->held)
		return nr;
	if (nr > sp->held) {
		nr -= sp->held;
		sp->held = 0;
		return nr;
	}
	sp->held -= nr;
	return 0;
}

uint64_t weir_subpool_alike(const struct weir_subpool *sp)
{
	int64_t nr = INT64_MAX;

	if (!sp)
		return UINT64_MAX;
	if (sp->max != WEIR_SUBPOOL_NO_LIMIT)
		nr = sp->max - sp->used;
	if (sp->min != WEIR_SUBPOOL_NO_LIMIT && sp->held && sp->held < nr)
		nr = sp->held;
	return nr > 0 ? (uint64_t)nr : 0;
}

int64_t weir_subpool_put(struct weir_model *m, struct weir_subpool *sp, int64_t nr)
{
	int64_t leave = nr;

	if (!sp)
		return nr;
	if (sp->max != WEIR_SUBPOOL_NO_LIMIT)
		sp->used -= nr;
	/* without a max nothing is counted as used: the minimum is then always below */
	if (sp->min != WEIR_SUBPOOL_NO_LIMIT && sp->used < sp->min) {
		leave = sp->held + nr <= sp->min ? 0 : sp->held + nr - sp->min;
		sp->held += nr;
		if (sp->held > sp->min)
			sp->held = sp->min;
	}
	release_if_idle(m, sp);
	return leave;
}

/* Up to 6.14 a failure puts back what it had asked for, whatever part of it the mount
 * held, and forgets the answer: what the mount holds then and what the pool counts as
 * reserved no longer agree. */
static void put_blindly(struct weir_model *m, struct weir_subpool *sp, int64_t nr,
                        int64_t from_held)
{
	int64_t held = sp->held, excess;

	(void)weir_subpool_put(m, sp, nr);
	excess = sp->held - held - from_held;
	if (!excess)
		return;
	m->pools[sp->pool].reserved_leaked -= (uint64_t)excess;
	m->bugs |= WEIR_BUG_RESERVED_LEAKS;
}

void weir_subpool_put_failed(struct weir_model *m, struct weir_subpool *sp, int64_t nr,
                             int64_t from_pool)
{
	int64_t from_held = nr - from_pool;

	if (!sp)
		return;
	if (!m->rules.failed_reserve_drops_min) {
		put_blindly(m, sp, nr, from_held);
		return;
	}
	if (from_held) {
		int64_t leave = weir_subpool_put(m, sp, from_held);

		if (leave)
			m->bugs |= WEIR_BUG_RESERVE_DROPS_MIN;
		weir_unreserve(m, &m->pools[sp->pool], leave);
	}
	if (sp->max == WEIR_SUBPOOL_NO_LIMIT || !from_pool)
		return;
	if (m->rules.failed_reserve_leaks_used)
		m->bugs |= WEIR_BUG_RESERVE_LEAKS_USED;
	else
		sp->used -= from_pool;
}

void weir_subpool_put_fault(struct weir_model *m, struct weir_subpool *sp, bool from_pool)
{
	if (!sp)
		return;
	if (!m->rules.failed_fault_leaks_used) {
		put_blindly(m, sp, 1, !from_pool);
		return;
	}
	if (!from_pool) {
		weir_unreserve(m, &m->pools[sp->pool], weir_subpool_put(m, sp, 1));
		return;
	}
	if (sp->max != WEIR_SUBPOOL_NO_LIMIT)
		m->bugs |= WEIR_BUG_RESERVE_LEAKS_USED;
}
