/* boot: see boot.h. Source: mm/hugetlb.c hugetlb_hstate_alloc_pages(),
 * hugetlb_pages_alloc_boot() (v6.12), kernel/padata.c padata_do_multithreaded(). */
#include "model/boot.h"

static bool add(struct weir_model *m, struct weir_pool *pool, unsigned int node)
{
	weir_page_id id = weir_pool_take(m, pool, node);

	if (id)
		weir_pool_push(m, pool, id);
	return id != 0;
}

/* @count pages round robin from *next on; false when no node has memory left. */
static bool spread(struct weir_model *m, struct weir_pool *pool, uint64_t count,
                   unsigned int *next)
{
	for (uint64_t i = 0; i < count; i++) {
		int left = __builtin_popcountll(m->memory.nodes);
		bool got = false;

		for (; left > 0 && !got; left--) {
			unsigned int node = *next;
			unsigned int then = weir_node_next(m->memory.nodes, node + 1);

			*next = then < WEIR_MODEL_NODES_MAX
			                ? then
			                : weir_node_next(m->memory.nodes, 0);
			got = add(m, pool, node);
		}
		if (!got)
			return false;
	}
	return true;
}

/* 7.4: 6.12 cuts the count into jobs, each of which begins at the first node. */
static void spread_in_jobs(struct weir_model *m, struct weir_pool *pool, uint64_t count)
{
	uint64_t nr_nodes = (uint64_t)__builtin_popcountll(m->memory.nodes);
	uint64_t min_chunk = count / nr_nodes / 2, threads = nr_nodes * 2;
	uint64_t works = count / (min_chunk ? min_chunk : 1), chunk;

	if (works > threads)
		works = threads;
	if (works <= 1)
		chunk = count;
	else
		chunk = count / (works * 4);
	if (chunk < min_chunk)
		chunk = min_chunk;
	if (!chunk)
		chunk = 1;
	while (count) {
		uint64_t part = chunk < count ? chunk : count;
		unsigned int next = weir_node_next(m->memory.nodes, 0);

		if (!spread(m, pool, part, &next))
			return;
		count -= part;
	}
}

static void fill_node(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                      uint64_t pages)
{
	while (pages-- && add(m, pool, node))
		;
}

void weir_model_boot(struct weir_model *m, struct weir_pool *pool, uint64_t pages,
                     const uint64_t *per_node)
{
	if (per_node) {
		weir_each_node (n, m->memory.nodes)
			fill_node(m, pool, n, per_node[n]);
	} else if (m->rules.boot_jobs_restart && !pool->gigantic) {
		spread_in_jobs(m, pool, pages);
	} else {
		(void)spread(m, pool, pages, &pool->next_alloc);
	}
	pool->max = pool->total;
}
