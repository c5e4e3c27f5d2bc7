/* tally: see tally.h. */
#include "plan/tally.h"

#include "base/size.h"
#include "facts/pools.h"

#include <errno.h>

static int lacks(const struct weir_huge_size *size, const char *what,
                 struct weir_err *err)
{
	char text[WEIR_SIZE_TEXT_MAX];

	return weir_err_set(err, -ENODATA,
	                    "the %s of the pool of %s cannot be read: see 'weir status'",
	                    what,
	                    weir_format_size(size->size_bytes, text, sizeof(text)).p);
}

static int read_size(const struct weir_huge_size *size, struct weir_tallies *all,
                     struct weir_tally *out, struct weir_err *err)
{
	const struct weir_pool *sum = &size->all;

	*out = (struct weir_tally){
		.page_bytes = size->size_bytes,
		.total = sum->nr.n,
		.free = sum->free.n,
		.reserved = sum->reserved.n,
		.surplus = sum->surplus.n,
		.overcommit = size->overcommit.n,
	};
	if (!sum->nr.known || !sum->free.known || !sum->surplus.known ||
	    !sum->reserved.known)
		return lacks(size, "counters", err);
	for (size_t i = 0; i < size->nr_nodes; i++) {
		const struct weir_node_pool *node = &size->nodes[i];

		if (node->node >= WEIR_TALLY_NODES_MAX)
			return weir_err_set(err, -EOVERFLOW,
			                    "node %u: nodes past %u are not handled",
			                    node->node, WEIR_TALLY_NODES_MAX - 1);
		if (!node->pool.nr.known || !node->pool.free.known ||
		    !node->pool.surplus.known)
			return lacks(size, "counters of a node", err);
		all->nodes |= UINT64_C(1) << node->node;
		out->node[node->node] = (struct weir_tally_node){
			.total = node->pool.nr.n,
			.free = node->pool.free.n,
			.surplus = node->pool.surplus.n,
		};
	}
	return 0;
}

int weir_tallies_read(const struct weir_pools *pools, struct weir_tallies *out,
                      struct weir_err *err)
{
	int r = 0;

	*out = (struct weir_tallies){ 0 };
	if (!pools->known || !pools->nr)
		return weir_err_set(err, -ENODATA,
		                    "this kernel has no huge page pools (hugetlb)");
	if (pools->nr > WEIR_TALLY_SIZES_MAX)
		return weir_err_set(err, -EOVERFLOW, "%zu page sizes are too many",
		                    pools->nr);
	for (size_t i = 0; i < pools->nr && r == 0; i++)
		r = read_size(&pools->sizes[i], out, &out->v[i], err);
	out->nr = pools->nr;
	return r;
}

bool weir_tallies_differ(const struct weir_tallies *a, const struct weir_tallies *b)
{
	if (a->nr != b->nr || a->nodes != b->nodes)
		return true;
	for (size_t i = 0; i < a->nr; i++) {
		const struct weir_tally *x = &a->v[i],
					*y = weir_tally_of(b, x->page_bytes);

		if (!y || x->total != y->total || x->surplus != y->surplus ||
		    x->overcommit != y->overcommit)
			return true;
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX; n++)
			if (x->node[n].total != y->node[n].total ||
			    x->node[n].surplus != y->node[n].surplus)
				return true;
	}
	return false;
}

bool weir_tallies_were_written(const struct weir_tallies *a, const struct weir_tallies *b)
{
	if (a->nr != b->nr || a->nodes != b->nodes)
		return true;
	for (size_t i = 0; i < a->nr; i++) {
		const struct weir_tally *x = &a->v[i],
					*y = weir_tally_of(b, x->page_bytes);

		if (!y || x->total - x->surplus != y->total - y->surplus ||
		    x->overcommit != y->overcommit)
			return true;
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX; n++)
			if (x->node[n].total - x->node[n].surplus !=
			    y->node[n].total - y->node[n].surplus)
				return true;
	}
	return false;
}
