/* explain_write: what a write to nr_hugepages would do, before it is done: played on a
 * model of the host. See explain.h. */
#include "plan/explain.h"

#include "base/own.h"
#include "base/size.h"
#include "lab/load.h"
#include "lab/world.h"

#include <errno.h>
#include <inttypes.h>

struct counts {
	uint64_t total, free, reserved, surplus;
	uint64_t node[WEIR_MODEL_NODES_MAX];
};

static struct counts count(const struct weir_model *m, const struct weir_pool *pool)
{
	struct counts c = {
		pool->total, pool->free, pool->reserved, pool->surplus, { 0 }
	};

	weir_each_node (n, m->memory.nodes)
		c.node[n] = pool->nr[n];
	return c;
}

static int say_nodes(const struct weir_model *m, const struct counts *was,
                     const struct counts *is, uint64_t bytes, struct weir_sentences *out)
{
	int r = 0;

	if (!(m->memory.nodes & (m->memory.nodes - 1)))
		return 0;
	weir_each_node (n, m->memory.nodes)
		if (r == 0 && was->node[n] != is->node[n])
			r = weir_sentences_add(out, WEIR_TOPIC_WRITE, bytes,
			                       "Node %u goes from %" PRIu64 " to %" PRIu64
			                       " pages.",
			                       n, was->node[n], is->node[n]);
	return r;
}

static int say_grown(const struct counts *was, const struct counts *is,
                     const struct weir_explain_write *what, uint64_t wanted,
                     struct weir_sentences *out)
{
	uint64_t more = is->total - was->total;
	char size[WEIR_SIZE_TEXT_MAX], bytes[WEIR_SIZE_TEXT_MAX];

	(void)weir_format_size(what->size_bytes, size, sizeof(size));
	(void)weir_format_human(more * what->size_bytes, bytes, sizeof(bytes));
	if (is->total - is->surplus < wanted)
		return weir_sentences_add(
			out, WEIR_TOPIC_WRITE, what->size_bytes,
			"It would succeed, and give %" PRIu64
			" pages of %s more (%s), not the "
			"%" PRIu64
			" that are asked for: there is no more memory in whole "
			"blocks above the watermarks. Compaction and dropping caches "
			"before "
			"the write may help.",
			more, size, bytes, wanted - (was->total - was->surplus));
	return weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
	                          "It would give %" PRIu64
	                          " pages of %s more, and take %s of memory for them.",
	                          more, size, bytes);
}

static int say_shrunk(const struct counts *was, const struct counts *is,
                      const struct weir_explain_write *what, struct weir_sentences *out)
{
	uint64_t gone = was->total - is->total, trapped;
	char bytes[WEIR_SIZE_TEXT_MAX];
	int r;

	(void)weir_format_human(gone * what->size_bytes, bytes, sizeof(bytes));
	r = weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
	                       "It would take %" PRIu64
	                       " free pages out of the pool, and give back %s.",
	                       gone, bytes);
	if (r < 0 || is->surplus <= was->surplus)
		return r;
	trapped = is->surplus - was->surplus;
	return weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
	                          "%" PRIu64 " pages that are in use (%" PRIu64
	                          ") or promised (%" PRIu64
	                          ") cannot go: they would stay as surplus, trapped "
	                          "until their holders let go "
	                          "of them, and the write would succeed all the same.",
	                          trapped, is->total - is->free, is->reserved);
}

static struct weir_pool *pool_of(struct weir_model *m, uint64_t page_bytes)
{
	for (unsigned int i = 0; i < m->nr_pools; i++)
		if (m->pools[i].page_bytes == page_bytes)
			return &m->pools[i];
	return NULL;
}

int weir_explain_write(const struct weir_snapshot *snap,
                       const struct weir_explain_write *what, struct weir_sentences *out,
                       struct weir_err *err)
{
	weir_auto(weir_world_freep) struct weir_world *world = NULL;
	const struct weir_load_options options = { .kernel = what->kernel };
	struct counts was, is;
	struct weir_pool *pool;
	uint64_t wanted;
	int r = weir_load_placed(snap, &options, &world, NULL, NULL, err);

	if (r < 0)
		return r;
	pool = pool_of(world->model, what->size_bytes);
	if (!pool || (what->node >= 0 && !weir_node_in(world->model->memory.nodes,
	                                               (unsigned int)what->node)))
		return -ENOENT;
	was = count(world->model, pool);
	wanted = what->target;
	if (what->node >= 0)
		wanted += was.total - was.surplus -
		          (pool->nr[what->node] - pool->nr_surplus[what->node]);
	weir_pool_resize(
		world->model, pool,
		&(struct weir_resize){ .target = what->target, .node = what->node });
	if (world->model->failed)
		return weir_err_sys(err, -ENOMEM, "play the write");
	is = count(world->model, pool);
	if (is.total > was.total || (wanted > was.total - was.surplus && !was.surplus))
		r = say_grown(&was, &is, what, wanted, out);
	else if (is.total < was.total || is.surplus > was.surplus)
		r = say_shrunk(&was, &is, what, out);
	else
		r = weir_sentences_add(
			out, WEIR_TOPIC_WRITE, what->size_bytes,
			is.surplus < was.surplus
				? "No page would come or go; %" PRIu64
				  " surplus pages would count as asked for."
				: "Nothing would change (%" PRIu64
				  " surplus pages more or less).",
			was.surplus - is.surplus);
	if (r == 0)
		r = say_nodes(world->model, &was, &is, what->size_bytes, out);
	return r < 0 ? r
	             : weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
	                                  "Afterwards: total %" PRIu64 ", free %" PRIu64
	                                  ", reserved %" PRIu64 ", surplus %" PRIu64 ".",
	                                  is.total, is.free, is.reserved, is.surplus);
}
