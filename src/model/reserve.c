/* reserve: see reserve.h. */
#include "model/reserve.h"

#include "model/fault.h"
#include "model/model.h"
#include "model/task.h"

#include <errno.h>

/* 4.4: one surplus page for a mapping. The kernels differ in where they look first. */
static weir_page_id take_for_promise(struct weir_model *m, struct weir_pool *pool,
                                     const struct weir_task *by)
{
	unsigned int local = weir_task_node(m, by);
	uint64_t mems = weir_task_mems(m, by), wanted = mems;
	const struct weir_policy *policy = weir_task_policy(m, by);

	if (!m->rules.surplus_minds_bind)
		return weir_pool_take_surplus(m, pool, local, mems);
	if (policy->mode == WEIR_POLICY_BIND && (policy->nodes & mems))
		wanted &= policy->nodes;
	if (!m->rules.surplus_lowest_node)
		return weir_pool_take_surplus(m, pool, local, wanted);
	/* Each wanted node in turn, and from each the kernel falls back on its
	 * neighbours, wanted or not: the first try decides unless memory or overcommit
	 * ends. */
	weir_each_node (n, wanted) {
		weir_page_id id = weir_pool_take_surplus(m, pool, n, mems);

		if (id)
			return id;
	}
	return 0;
}

/* All the surplus pages that @nr more promises need, on the free lists; or none. */
static int gather(struct weir_model *m, struct weir_pool *pool,
                  const struct weir_task *by, int64_t nr)
{
	int64_t need = (int64_t)pool->reserved + nr - (int64_t)pool->free;
	weir_page_id got = 0, id;
	bool all = true;

	for (; need > 0; need--) {
		id = take_for_promise(m, pool, by);
		if (!id) {
			all = false;
			break;
		}
		weir_page(&m->pages, id)->next = got;
		got = id;
	}
	while ((id = got)) {
		got = weir_page(&m->pages, id)->next;
		weir_page(&m->pages, id)->next = 0;
		if (all)
			weir_pool_push(m, pool, id);
		else
			weir_page_free(m, id);
	}
	if (!all)
		return -ENOMEM;
	pool->reserved += (uint64_t)nr;
	return 0;
}

/* 4.3 step 3: compares with the free pages of the nodes the task may use now; reserved
 * ones among them count too, so two tasks bound to one node can both pass. */
static uint64_t free_where_allowed(const struct weir_model *m,
                                   const struct weir_pool *pool,
                                   const struct weir_task *by)
{
	uint64_t nodes = weir_task_mems(m, by), sum = 0;
	const struct weir_policy *policy = weir_task_policy(m, by);

	if (policy->mode == WEIR_POLICY_BIND && (policy->nodes & nodes))
		nodes &= policy->nodes;
	weir_each_node (n, nodes)
		sum += pool->nr_free[n];
	return sum;
}

int weir_reserve(struct weir_model *m, struct weir_pool *pool, const struct weir_task *by,
                 int64_t nr)
{
	if (!nr)
		return 0;
	/* the host's memory bounds what can be gathered; refuse what could never be */
	if (nr > INT64_MAX / 4 || gather(m, pool, by, nr) < 0)
		return -ENOMEM;
	if ((uint64_t)nr > free_where_allowed(m, pool, by)) {
		weir_unreserve(m, pool, nr);
		return -ENOMEM;
	}
	return 0;
}

void weir_unreserve(struct weir_model *m, struct weir_pool *pool, int64_t nr)
{
	uint64_t give;

	if (!nr)
		return;
	pool->reserved -= (uint64_t)nr;
	if (pool->gigantic && !m->rules.gigantic_surplus_returned)
		return;
	give = (uint64_t)nr < pool->surplus ? (uint64_t)nr : pool->surplus;
	while (give-- && weir_pool_shrink_one(m, pool, m->memory.nodes, true))
		;
}
