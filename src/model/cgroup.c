/* cgroup: see cgroup.h. v5.10 to v6.18 are alike but for numa_stat (5.17). */
#include "model/cgroup.h"

#include "model/model.h"

#include <errno.h>
#include <stdlib.h>

static struct weir_group_size *size_of(const struct weir_model *m, uint32_t id,
                                       const struct weir_pool *pool)
{
	return &weir_group(&m->groups, id)->sizes[pool->idx];
}

static struct weir_group_size *sizes_new(unsigned int nr)
{
	struct weir_group_size *sizes = calloc(nr ? nr : 1, sizeof(*sizes));

	for (unsigned int i = 0; sizes && i < nr; i++)
		for (unsigned int k = 0; k < WEIR_CHARGE_NR; k++)
			sizes[i].limit[k] = WEIR_GROUP_NO_LIMIT;
	return sizes;
}

int weir_groups_init(struct weir_groups *groups, unsigned int nr_sizes)
{
	*groups = (struct weir_groups){ .nr_sizes = nr_sizes };
	groups->v = calloc(1, sizeof(*groups->v));
	if (!groups->v)
		return -ENOMEM;
	groups->cap = groups->nr = 1;
	groups->v[0] = (struct weir_group){ .alive = true };
	groups->v[0].sizes = sizes_new(nr_sizes);
	return groups->v[0].sizes ? 0 : -ENOMEM;
}

void weir_groups_done(struct weir_groups *groups)
{
	for (size_t i = 0; i < groups->nr; i++)
		free(groups->v[i].sizes);
	free(groups->v);
	*groups = (struct weir_groups){ 0 };
}

int weir_group_new(struct weir_model *m, uint32_t parent, uint32_t *out)
{
	struct weir_group_size *sizes;

	if (!weir_group(&m->groups, parent)->alive)
		return -ENOENT;
	if (m->groups.nr == WEIR_GROUPS_MAX)
		return -ENOSPC;
	sizes = sizes_new(m->groups.nr_sizes);
	if (!sizes || !weir_model_grow(m, &m->groups.v, &m->groups.cap, m->groups.nr,
	                               sizeof(m->groups.v[0]))) {
		free(sizes);
		m->failed = true;
		return -ENOMEM;
	}
	m->groups.v[m->groups.nr++] = (struct weir_group){
		.parent = parent,
		.alive = true,
		.sizes = sizes,
	};
	*out = (uint32_t)m->groups.nr;
	return 0;
}

static bool is_uncharged(const struct weir_model *m, const struct weir_group *group)
{
	for (unsigned int i = 0; i < m->nr_pools; i++)
		for (unsigned int k = 0; k < WEIR_CHARGE_NR; k++)
			if (group->sizes[i].charged[k])
				return false;
	return true;
}

void weir_group_end(struct weir_model *m, uint32_t id)
{
	struct weir_group *group = weir_group(&m->groups, id);

	/* hugetlb_cgroup_move_parent(): page by page; by node not always */
	for (weir_page_id p = 1; p < m->pages.nr; p++) {
		struct weir_page *page = weir_page(&m->pages, p);

		if (!(page->flags & WEIR_PAGE_USED) || page->flags & WEIR_PAGE_FREE ||
		    page->group != id)
			continue;
		group->sizes[page->pool].charged[WEIR_CHARGE_USAGE]--;
		page->group = (uint16_t)group->parent;
		if (m->rules.numa_stat_follows) {
			group->sizes[page->pool].node[page->node]--;
			weir_group_count_node(m, group->parent, &m->pools[page->pool],
			                      page->node, 1);
		}
	}
	group->alive = false;
	/* nothing keeps the newest one: its id may be given again */
	if (id == m->groups.nr && is_uncharged(m, group)) {
		free(group->sizes);
		m->groups.nr--;
	}
}

uint64_t weir_group_room(const struct weir_model *m, uint32_t id,
                         const struct weir_pool *pool, enum weir_charge what)
{
	uint64_t room = UINT64_MAX;

	for (; id; id = weir_group(&m->groups, id)->parent) {
		const struct weir_group_size *size =
			&weir_group(&m->groups, id)->sizes[pool->idx];
		int64_t left = size->limit[what] - size->charged[what];

		if (size->limit[what] == WEIR_GROUP_NO_LIMIT)
			continue;
		if (left < 0)
			left = 0;
		if ((uint64_t)left < room)
			room = (uint64_t)left;
	}
	return room;
}

int weir_group_limit(struct weir_model *m, uint32_t id, const struct weir_pool *pool,
                     enum weir_charge what, uint64_t bytes)
{
	struct weir_group_size *size = size_of(m, id, pool);
	int64_t pages = bytes == UINT64_MAX ? WEIR_GROUP_NO_LIMIT
	                                    : (int64_t)(bytes / pool->page_bytes);

	/* page_counter_set_max() */
	if (size->charged[what] > pages)
		return -EBUSY;
	size->limit[what] = pages;
	return 0;
}

int weir_group_charge(struct weir_model *m, uint32_t id, const struct weir_pool *pool,
                      enum weir_charge what, int64_t nr)
{
	for (uint32_t at = id; at; at = weir_group(&m->groups, at)->parent) {
		struct weir_group_size *size = size_of(m, at, pool);

		if (size->charged[what] + nr <= size->limit[what]) {
			size->charged[what] += nr;
			continue;
		}
		size->failcnt[what]++;
		for (uint32_t u = id; u != at; u = weir_group(&m->groups, u)->parent)
			size_of(m, u, pool)->charged[what] -= nr;
		/* events, 6.5: counted from the task's group up, both kinds in one */
		for (uint32_t e = id; e; e = weir_group(&m->groups, e)->parent)
			size_of(m, e, pool)->events++;
		return -ENOMEM;
	}
	return 0;
}

void weir_group_uncharge(struct weir_model *m, uint32_t id, const struct weir_pool *pool,
                         enum weir_charge what, int64_t nr)
{
	for (uint32_t at = id; at; at = weir_group(&m->groups, at)->parent)
		size_of(m, at, pool)->charged[what] -= nr;
}

void weir_group_count_node(struct weir_model *m, uint32_t id,
                           const struct weir_pool *pool, unsigned int node, int delta)
{
	size_of(m, id, pool)->node[node] += (uint64_t)(int64_t)delta;
}

uint64_t weir_group_node_usage(const struct weir_model *m, uint32_t id,
                               const struct weir_pool *pool, unsigned int node)
{
	uint64_t sum = 0;

	/* parents have lower ids than their children: one pass finds all below */
	for (uint32_t g = id; g <= m->groups.nr; g++) {
		uint32_t up = g;

		while (up > id)
			up = weir_group(&m->groups, up)->parent;
		if (up == id && (g == id || weir_group(&m->groups, g)->alive))
			sum += size_of(m, g, pool)->node[node];
	}
	return sum;
}
