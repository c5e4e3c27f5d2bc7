/* shortfall: what the kernel command line asked for, against what is there now. */
#ifndef WEIR_FACTS_SHORTFALL_H
#define WEIR_FACTS_SHORTFALL_H

#include "facts/boot.h"
#include "facts/klog.h"
#include "facts/pools.h"

/* One page size, on one node where a node list asked for it, else on all. */
struct weir_shortfall {
	uint64_t size_bytes;
	struct weir_count node;
	uint64_t asked; /* pages */
	struct weir_count
		present; /* persistent pages now: surplus ones were not asked for */
	struct weir_count missing; /* asked - present, 0 when there are more */
	struct weir_count
		at_boot; /* what the kernel's log says it got, when it fell short */
};

struct weir_shortfalls {
	struct weir_shortfall
		*v; /* a row for each pool that was asked for, also if it is met */
	size_t nr, cap;
};

/* -ENOMEM is the only failure. */
int weir_shortfalls_make(const struct weir_boot *boot, const struct weir_pools *pools,
                         const struct weir_klog *klog, struct weir_shortfalls *out);
void weir_shortfalls_done(struct weir_shortfalls *rows);

#endif
