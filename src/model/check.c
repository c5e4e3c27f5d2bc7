/* check: every counter of the model against what it counts.
 *
 * Pools: the pages of each node, free ones by walking the lists. Reserved: what mounts
 * hold of their minimum, plus what files and owners were promised and have not got, minus
 * the pages marked to give a promise back that have not been freed yet (which is where
 * the kernels of 11.5 go wrong), plus what earlier kernels leak. Groups: pages and
 * promises. */
#include "model/check.h"

#include "model/file.h"
#include "model/mount.h"
#include "model/subpool.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <stdlib.h>

struct tally { /* of one pool */
	uint64_t nr[WEIR_MODEL_NODES_MAX], nr_free[WEIR_MODEL_NODES_MAX];
	uint64_t nr_pinnable[WEIR_MODEL_NODES_MAX]; /* of the free ones */
	uint64_t marked, poisoned_free;
};

static void count_pages(const struct weir_model *m, struct tally *tally)
{
	for (weir_page_id id = 1; id < m->pages.nr; id++) {
		const struct weir_page *page = &m->pages.v[id];
		struct tally *t = &tally[page->pool];

		if (!(page->flags & WEIR_PAGE_USED))
			continue;
		t->nr[page->node]++;
		if (page->flags & WEIR_PAGE_FREE && weir_page_is_pinnable(m, page))
			t->nr_pinnable[page->node]++;
		if (page->flags & WEIR_PAGE_FREE)
			t->nr_free[page->node]++;
		else if (page->flags & WEIR_PAGE_RESTORE)
			t->marked++;
		if (page->flags & WEIR_PAGE_FREE && page->flags & WEIR_PAGE_POISONED)
			t->poisoned_free++;
	}
}

static uint64_t list_length(const struct weir_model *m, const struct weir_pool *pool,
                            unsigned int node)
{
	uint64_t n = 0;

	for (weir_page_id id = pool->head[node]; id && n <= m->pages.nr;
	     id = m->pages.v[id].next)
		n++;
	return n;
}

/* Promised to files and owners, and not handed out. */
static uint64_t outstanding(const struct weir_model *m, const struct weir_pool *pool)
{
	uint64_t n = 0;

	for (size_t i = 0; i < m->subpools.nr; i++)
		if (m->subpools.v[i] && m->subpools.v[i]->pool == pool->idx)
			n += (uint64_t)m->subpools.v[i]->held;
	for (size_t i = 0; i < m->nr_files; i++) {
		const struct weir_file *file = m->files[i];

		if (file->pool != pool->idx)
			continue;
		for (uint32_t r = 0; r < file->map.nr; r++)
			n += file->map.v[r].to - file->map.v[r].from;
		n -= file->cache.used;
	}
	for (size_t i = 0; i < m->nr_tasks; i++)
		for (size_t v = 0; v < m->tasks[i]->nr_vmas; v++) {
			const struct weir_vma *vma = m->tasks[i]->vmas[v];

			if (vma->owner && vma->pool == pool->idx)
				n += vma->nr - weir_regions_count(&vma->owner->consumed,
				                                  vma->pgoff,
				                                  vma->pgoff + vma->nr);
		}
	return n;
}

static int differs(struct weir_err *err, const struct weir_pool *pool, const char *what,
                   int node, uint64_t is, uint64_t counted)
{
	if (node >= 0)
		return weir_err_set(err, -EINVAL,
		                    "pool of %ju bytes: %s on node %d is "
		                    "%ju, counted %ju",
		                    (uintmax_t)pool->page_bytes, what, node,
		                    (uintmax_t)is, (uintmax_t)counted);
	return weir_err_set(err, -EINVAL, "pool of %ju bytes: %s is %ju, counted %ju",
	                    (uintmax_t)pool->page_bytes, what, (uintmax_t)is,
	                    (uintmax_t)counted);
}

static int check_pool(const struct weir_model *m, const struct weir_pool *pool,
                      const struct tally *t, struct weir_err *err)
{
	uint64_t total = 0, free = 0, surplus = 0, reserved;

	weir_each_node (n, m->memory.nodes) {
		if (pool->nr[n] != t->nr[n])
			return differs(err, pool, "total", (int)n, pool->nr[n], t->nr[n]);
		if (pool->nr_free[n] != t->nr_free[n])
			return differs(err, pool, "free", (int)n, pool->nr_free[n],
			               t->nr_free[n]);
		if (pool->nr_pinnable[n] != t->nr_pinnable[n])
			return differs(err, pool, "pinnable", (int)n,
			               pool->nr_pinnable[n], t->nr_pinnable[n]);
		if (list_length(m, pool, n) != t->nr_free[n])
			return differs(err, pool, "the free list", (int)n,
			               list_length(m, pool, n), t->nr_free[n]);
		total += t->nr[n];
		free += t->nr_free[n];
		surplus += pool->nr_surplus[n];
	}
	if (pool->total != total)
		return differs(err, pool, "total", -1, pool->total, total);
	if (pool->free != free)
		return differs(err, pool, "free", -1, pool->free, free);
	if (pool->surplus != surplus)
		return differs(err, pool, "surplus", -1, pool->surplus, surplus);
	if (pool->nr_poisoned_free != t->poisoned_free)
		return differs(err, pool, "poisoned", -1, pool->nr_poisoned_free,
		               t->poisoned_free);
	reserved = outstanding(m, pool) - t->marked + pool->reserved_leaked;
	if (pool->reserved != reserved)
		return differs(err, pool, "reserved", -1, pool->reserved, reserved);
	return 0;
}

/* What a group and those below it are charged with, by kind. */
struct charges {
	int64_t n[WEIR_CHARGE_NR];
};

static void charge_up(const struct weir_model *m, struct charges *sum, uint32_t group,
                      unsigned int pool, enum weir_charge what, int64_t nr)
{
	for (; group; group = weir_group(&m->groups, group)->parent)
		sum[(group - 1) * m->nr_pools + pool].n[what] += nr;
}

static void count_charges(const struct weir_model *m, struct charges *sum)
{
	for (weir_page_id id = 1; id < m->pages.nr; id++) {
		const struct weir_page *page = &m->pages.v[id];

		if (!(page->flags & WEIR_PAGE_USED) || page->flags & WEIR_PAGE_FREE)
			continue;
		charge_up(m, sum, page->group, page->pool, WEIR_CHARGE_USAGE, 1);
		charge_up(m, sum, page->group_rsvd, page->pool, WEIR_CHARGE_RSVD, 1);
	}
	for (size_t i = 0; i < m->nr_files; i++)
		for (uint32_t r = 0; r < m->files[i]->map.nr; r++) {
			const struct weir_region *region = &m->files[i]->map.v[r];

			charge_up(m, sum, region->group, m->files[i]->pool,
			          WEIR_CHARGE_RSVD, region->to - region->from);
		}
	for (size_t i = 0; i < m->nr_tasks; i++)
		for (size_t v = 0; v < m->tasks[i]->nr_vmas; v++) {
			const struct weir_vma *vma = m->tasks[i]->vmas[v];

			if (vma->owner)
				charge_up(m, sum, vma->owner->group, vma->pool,
				          WEIR_CHARGE_RSVD, vma->nr);
		}
}

static int check_groups(const struct weir_model *m, struct weir_err *err)
{
	static const char *const kind[] = { "usage", "rsvd" };
	/* one more than there are: never of no size */
	struct charges *sum = calloc(m->groups.nr * m->nr_pools + 1, sizeof(*sum));
	int r = 0;

	if (!sum)
		return weir_err_sys(err, -ENOMEM, "check the groups");
	count_charges(m, sum);
	for (size_t g = 0; g < m->groups.nr && !r; g++)
		for (unsigned int p = 0; p < m->nr_pools && !r; p++)
			for (unsigned int k = 0; k < WEIR_CHARGE_NR && !r; k++) {
				int64_t is = m->groups.v[g].sizes[p].charged[k];
				int64_t counted = sum[g * m->nr_pools + p].n[k];

				if (is != counted)
					r = weir_err_set(
						err, -EINVAL,
						"group %zu: %s is %jd, counted %jd",
						g + 1, kind[k], (intmax_t)is,
						(intmax_t)counted);
			}
	free(sum);
	return r;
}

int weir_model_check(const struct weir_model *m, struct weir_err *err)
{
	struct tally *tally = calloc(WEIR_MODEL_POOLS_MAX, sizeof(*tally));
	int r = 0;

	if (!tally)
		return weir_err_sys(err, -ENOMEM, "check the model");
	count_pages(m, tally);
	for (unsigned int i = 0; i < m->nr_pools && !r; i++)
		r = check_pool(m, &m->pools[i], &tally[i], err);
	free(tally);
	return r ? r : check_groups(m, err);
}
