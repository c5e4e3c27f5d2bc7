/* shortfall: see shortfall.h. */
#include "facts/shortfall.h"

#include "base/own.h"

#include <errno.h>

void weir_shortfalls_done(struct weir_shortfalls *rows)
{
	free(rows->v);
	*rows = (struct weir_shortfalls){ 0 };
}

/* What the log says was got, for all nodes or for one. */
static struct weir_count logged(const struct weir_klog *klog, uint64_t size_bytes,
                                struct weir_count node)
{
	for (size_t i = 0; i < klog->nr_shortfalls; i++) {
		const struct weir_klog_shortfall *s = &klog->shortfalls[i];

		if (s->size_bytes.known && s->size_bytes.n == size_bytes &&
		    s->node.known == node.known && s->node.n == node.n)
			return WEIR_COUNT(s->got);
	}
	return (struct weir_count){ 0 };
}

static struct weir_count present(const struct weir_huge_size *size,
                                 struct weir_count node)
{
	if (!size)
		return (struct weir_count){ 0 };
	if (!node.known)
		return weir_pool_persistent(&size->all);
	for (size_t i = 0; i < size->nr_nodes; i++)
		if (size->nodes[i].node == node.n)
			return weir_pool_persistent(&size->nodes[i].pool);
	return (struct weir_count){ 0 };
}

static int add_row(struct weir_shortfalls *out, const struct weir_pools *pools,
                   const struct weir_klog *klog, uint64_t size_bytes,
                   struct weir_count node, uint64_t asked)
{
	struct weir_shortfall *row;
	int r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));

	if (r < 0)
		return r;
	row = &out->v[out->nr++];
	row->size_bytes = size_bytes;
	row->node = node;
	row->asked = asked;
	row->present = present(weir_pools_size(pools, size_bytes), node);
	row->at_boot = logged(klog, size_bytes, node);
	if (row->present.known)
		row->missing = WEIR_COUNT(asked > row->present.n ? asked - row->present.n
		                                                 : 0);
	return 0;
}

int weir_shortfalls_make(const struct weir_boot *boot, const struct weir_pools *pools,
                         const struct weir_klog *klog, struct weir_shortfalls *out)
{
	int r = 0;

	*out = (struct weir_shortfalls){ 0 };
	for (size_t i = 0; r == 0 && i < boot->nr_pools; i++) {
		const struct weir_boot_pool *pool = &boot->pools[i];

		if (!pool->counted || !pool->size_bytes)
			continue;
		if (!pool->nr_nodes)
			r = add_row(out, pools, klog, pool->size_bytes,
			            (struct weir_count){ 0 }, pool->pages);
		for (size_t k = 0; r == 0 && k < pool->nr_nodes; k++)
			r = add_row(out, pools, klog, pool->size_bytes,
			            WEIR_COUNT(pool->nodes[k].node),
			            pool->nodes[k].pages);
	}
	if (r < 0)
		weir_shortfalls_done(out);
	return r;
}
