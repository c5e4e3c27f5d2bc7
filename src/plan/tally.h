/* tally: the counters of all pools as plain numbers: what a host has, what a plan
 * expects. Both the facts and the model are turned into it, for no file knows both. Pure.
 */
#ifndef WEIR_PLAN_TALLY_H
#define WEIR_PLAN_TALLY_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_TALLY_SIZES_MAX 8U /* HUGE_MAX_HSTATE is 4 */
#define WEIR_TALLY_NODES_MAX 64U

struct weir_tally_node { /* pages */
	uint64_t total, free, surplus;
};

struct weir_tally { /* of one page size */
	uint64_t page_bytes;
	uint64_t total, free, reserved, surplus;
	uint64_t overcommit;
	struct weir_tally_node node[WEIR_TALLY_NODES_MAX]; /* by id; 0 where none */
};

struct weir_tallies {
	uint64_t nodes; /* mask: those that have pools */
	struct weir_tally v[WEIR_TALLY_SIZES_MAX];
	size_t nr;
};

/* The size's, or NULL. */
static inline const struct weir_tally *weir_tally_of(const struct weir_tallies *all,
                                                     uint64_t page_bytes)
{
	for (size_t i = 0; i < all->nr; i++)
		if (all->v[i].page_bytes == page_bytes)
			return &all->v[i];
	return NULL;
}

struct weir_pools;

/* What the kernel says. -ENODATA with words when a counter is not known, -EOVERFLOW when
 * there are more sizes or nodes than there is room. */
int weir_tallies_read(const struct weir_pools *pools, struct weir_tallies *out,
                      struct weir_err *err);

/* Does the kernel say otherwise than was expected of what only writes change: pages and
 * surplus of each node, and the limit? Free and reserved pages move by themselves. */
bool weir_tallies_differ(const struct weir_tallies *a, const struct weir_tallies *b);

/* ... in what nothing but a write changes: pages that are not surplus, and limits.
 * Surplus pages come and go with those who use them, too, and are counted in the total.
 */
bool weir_tallies_were_written(const struct weir_tallies *a,
                               const struct weir_tallies *b);

#endif
