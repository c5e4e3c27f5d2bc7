/* pagetypeinfo: /proc/pagetypeinfo (root only): free blocks by order for each migrate
 * type of each zone, and the number of pageblocks of each type.
 *
 * Reading it walks the free lists under the zone lock; since 5.5 the kernel stops at
 * 100,000 entries a list and writes ">100000" (mm/vmstat.c,
 * pagetypeinfo_showfree_print()): such a count is kept as a lower bound. `weir status`
 * does without it. */
#ifndef WEIR_FACTS_PAGETYPEINFO_H
#define WEIR_FACTS_PAGETYPEINFO_H

#include "facts/buddyinfo.h"

#define WEIR_TYPE_NAME_MAX 16U
#define WEIR_TYPE_ROWS_MAX (WEIR_ZONES_MAX * 8UL)

struct weir_type_row {
	unsigned int node;
	char zone[WEIR_ZONE_NAME_MAX];
	char type[WEIR_TYPE_NAME_MAX];    /* "Unmovable", "Movable", "CMA", ... */
	uint64_t counts[WEIR_ORDERS_MAX]; /* free blocks by order */
	uint32_t at_least;                /* bit o: counts[o] is a lower bound */
	size_t nr_orders;
	struct weir_count blocks; /* pageblocks of this type, free or not */
};

struct weir_pagetypeinfo {
	struct weir_count block_order, block_pages;
	struct weir_type_row *rows; /* in the kernel's order */
	size_t nr, cap;
};

void weir_pagetypeinfo_done(struct weir_pagetypeinfo *info);
int weir_pagetypeinfo_parse(struct weir_str text, struct weir_pagetypeinfo *out,
                            struct weir_err *err);

#endif
