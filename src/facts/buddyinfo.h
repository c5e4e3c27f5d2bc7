/* buddyinfo: /proc/buddyinfo, free blocks by order, for each zone: counts[o] blocks of
 * 2^o base pages each (mm/vmstat.c, frag_show_print(), v6.6). */
#ifndef WEIR_FACTS_BUDDYINFO_H
#define WEIR_FACTS_BUDDYINFO_H

#include "facts/zoneinfo.h"

#define WEIR_ORDERS_MAX 32U /* 11 by default; arm64 with 64K pages has 14 */

struct weir_buddy_zone {
	unsigned int node;
	char name[WEIR_ZONE_NAME_MAX];
	uint64_t counts[WEIR_ORDERS_MAX];
	size_t nr_orders;
};

struct weir_buddyinfo {
	struct weir_buddy_zone *v;
	size_t nr, cap;
	bool damaged; /* a row was garbled or cut off: no sum is known */
};

void weir_buddyinfo_done(struct weir_buddyinfo *buddy);
int weir_buddyinfo_parse(struct weir_str text, struct weir_buddyinfo *out,
                         struct weir_err *err);

/* Free blocks of @order pages or more on @node, each larger one counted as what it splits
 * into. Unknown when the file was, or when its orders end below @order. Movable,
 * unmovable and CMA blocks count alike: not every one of them suits every request. */
struct weir_count weir_buddyinfo_blocks(const struct weir_buddyinfo *buddy,
                                        unsigned int node, unsigned int order);

/* How many runs of @run_pages, larger than any block, @node can have at most: the pages
 * in blocks of the highest order, divided zone by zone, because no run crosses zones. */
struct weir_count weir_buddyinfo_runs_max(const struct weir_buddyinfo *buddy,
                                          unsigned int node, uint64_t run_pages);

#endif
