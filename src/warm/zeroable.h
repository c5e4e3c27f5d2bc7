/* zeroable: pages of a pool that the kernel zeroes while they are free, where it can: a
 * series for Linux 6.19 ("Introduce a huge-page pre-zeroing mechanism", not merged) has a
 * file zeroable_hugepages for each size and node, which says how many free pages are not
 * zero yet, and zeroes as many as are written to it. */
#ifndef WEIR_WARM_ZEROABLE_H
#define WEIR_WARM_ZEROABLE_H

#include "facts/fact.h"

struct weir_zeroable {
	struct weir_count not_zero; /* unknown: this kernel has no such file */
	struct weir_count zeroed;   /* free pages that are zero */
};

/* 0 or -ENOMEM. */
int weir_zeroable_read(const struct weir_host *host, uint64_t page_bytes, int node,
                       struct weir_zeroable *out);

/* Asks for @nr pages that are zero before they are wanted; how many are zeroed for it. 0
 * also where the kernel has no such file. */
uint64_t weir_zeroable_ask(const struct weir_host *host, uint64_t page_bytes, int node,
                           uint64_t nr);

#endif
