/* model: the whole of it: made and taken apart. */
#include "model/model.h"

#include "base/own.h"
#include "model/file.h"
#include "model/mount.h"
#include "model/subpool.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <stdlib.h>

/* Beyond what the buddy allocator hands out (MAX_PAGE_ORDER 10 on x86 and arm64 with 4K
 * pages): such pages come from contiguous ranges. */
#define BUDDY_MAX_BYTES (UINT64_C(4) << 20)

bool weir_model_grow(struct weir_model *m, void *items, size_t *cap, size_t nr,
                     size_t size)
{
	if (nr < *cap || weir_grow(items, cap, nr, size) == 0)
		return true;
	m->failed = true;
	return false;
}

struct weir_pool *weir_model_pool(struct weir_model *m, uint64_t page_bytes)
{
	if (!page_bytes)
		return &m->pools[0];
	for (unsigned int i = 0; i < m->nr_pools; i++)
		if (m->pools[i].page_bytes == page_bytes)
			return &m->pools[i];
	return NULL;
}

/* Each size can be demoted to the next smaller one that is at least the PMD's, 2.12. */
static void set_demote(struct weir_model *m, struct weir_pool *pool)
{
	uint64_t best = 0;

	if (!m->rules.demote)
		return;
	for (unsigned int i = 0; i < m->nr_pools; i++) {
		uint64_t bytes = m->pools[i].page_bytes;

		if (bytes >= pool->page_bytes || bytes <= best ||
		    bytes < UINT64_C(2) << 20)
			continue;
		best = bytes;
		pool->demote_to = (uint8_t)(i + 1);
	}
}

static int set_pools(struct weir_model *m, const struct weir_model_config *config,
                     struct weir_err *err)
{
	unsigned int first = weir_node_next(m->memory.nodes, 0);

	if (!config->nr_sizes || config->nr_sizes > WEIR_MODEL_POOLS_MAX)
		return weir_err_set(err, -EINVAL,
		                    "a host has 1 to %d huge page sizes, not %zu",
		                    WEIR_MODEL_POOLS_MAX, config->nr_sizes);
	for (size_t i = 0; i < config->nr_sizes; i++) {
		uint64_t bytes = config->page_bytes[i];

		if (bytes < 8192 || bytes > UINT64_C(1) << 40 || bytes & (bytes - 1) ||
		    (i && weir_model_pool(m, bytes)))
			return weir_err_set(err, -EINVAL,
			                    "a huge page of %ju bytes: sizes are "
			                    "different powers of two",
			                    (uintmax_t)bytes);
		m->pools[i] = (struct weir_pool){
			.page_bytes = bytes,
			.idx = (uint8_t)i,
			.gigantic = bytes > BUDDY_MAX_BYTES,
			.next_alloc = first,
			.next_free = first,
		};
		m->nr_pools++;
	}
	for (unsigned int i = 0; i < m->nr_pools; i++)
		set_demote(m, &m->pools[i]);
	return 0;
}

int weir_model_new(const struct weir_model_config *config, struct weir_model **out,
                   struct weir_err *err)
{
	weir_auto(weir_model_freep) struct weir_model *m = calloc(1, sizeof(*m));
	uint64_t pages = 0;
	int r;

	if (!m)
		return weir_err_sys(err, -ENOMEM, "make a model");
	m->rules = *config->rules;
	m->hvo = config->hvo;
	m->run_max = WEIR_RUN_MAX;
	r = weir_memory_init(&m->memory, config->nodes, config->nr_nodes,
	                     m->rules.zonelist_load_by_place);
	m->memory.cma_half = m->rules.cma_half;
	if (r < 0)
		return weir_err_set(err, r,
		                    "a host has nodes 0 to %d, each once, and memory on "
		                    "one at least",
		                    WEIR_MODEL_NODES_MAX - 1);
	r = set_pools(m, config, err);
	if (r < 0)
		return r;
	weir_each_node (n, m->memory.nodes)
		pages += weir_memory_free(&m->memory, n) / m->pools[0].page_bytes;
	if (pages > WEIR_PAGES_MAX)
		return weir_err_set(err, -EINVAL,
		                    "memory for %ju huge pages: a model has room for %u",
		                    (uintmax_t)pages, WEIR_PAGES_MAX);
	m->pages.v = calloc(16, sizeof(m->pages.v[0]));
	m->pages.cap = 16;
	m->pages.nr = 1;
	m->policies.v = calloc(4, sizeof(m->policies.v[0]));
	m->policies.cap = 4;
	m->policies.nr = 1;
	if (!m->pages.v || !m->policies.v ||
	    weir_groups_init(&m->groups, m->nr_pools) < 0)
		return weir_err_sys(err, -ENOMEM, "make a model");
	*out = weir_take(m);
	return 0;
}

void weir_model_free(struct weir_model *m)
{
	if (!m)
		return;
	/* A model that ran out of memory may lack parts: nothing is played here, each
	 * list is only freed. */
	for (size_t i = 0; i < m->nr_tasks; i++)
		weir_task_discard(m->tasks[i]);
	for (size_t i = 0; i < m->nr_files; i++)
		weir_file_discard(m->files[i]);
	for (size_t i = 0; i < m->nr_mounts; i++)
		free(m->mounts[i]);
	for (size_t i = 0; i < m->subpools.nr; i++)
		free(m->subpools.v[i]);
	free(m->tasks);
	free(m->files);
	free(m->mounts);
	free(m->closing);
	free(m->subpools.v);
	free(m->policies.v);
	free(m->gather.v);
	free(m->pages.v);
	weir_groups_done(&m->groups);
	free(m);
}

void weir_model_freep(struct weir_model **m)
{
	weir_model_free(*m);
	*m = NULL;
}
