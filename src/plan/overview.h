/* overview: the numbers that a person asks a host for, joined from its facts: one row for
 * each node's memory. Pure: the same snapshot gives the same rows. */
#ifndef WEIR_PLAN_OVERVIEW_H
#define WEIR_PLAN_OVERVIEW_H

#include "facts/shortfall.h"
#include "facts/snapshot.h"

/* Sizes of contiguous memory that people ask for. */
#define WEIR_BLOCK_2M (UINT64_C(2) << 20)
#define WEIR_BLOCK_1G (UINT64_C(1) << 30)

struct weir_node_memory { /* bytes, unless a field says otherwise */
	unsigned int node;
	struct weir_count total;
	struct weir_count free; /* on the buddy lists, CMA counted in */
	struct weir_count free_no_cma;
	/* Of it, not in ZONE_MOVABLE either: for pinned and unmovable memory (mm/gup.c,
	 * folio_is_longterm_pinnable(), v6.6). */
	struct weir_count pinnable;
	struct weir_count cma, cma_free;
	struct weir_count movable, movable_free; /* ZONE_MOVABLE: not for pins either */
	struct weir_count pool;                  /* all huge page pools of this node */
	/* Free blocks now, without moving anything. 2M is a number, of the buddy lists.
	 * 1G is "at most": the lists end at 4M, so that nobody knows which of them
	 * adjoin. */
	struct weir_count blocks_2m, blocks_1g_max;
};

struct weir_overview {
	struct weir_node_memory *nodes; /* ascending */
	size_t nr, cap;
	struct weir_count host_total, host_available; /* bytes */
	struct weir_count host_pool;                  /* bytes in pools of all sizes */
	struct weir_shortfalls boot;  /* what boot asked for, and what there is */
	struct weir_count host_floor; /* bytes that should stay available, see below */
	struct weir_warm_places warm; /* of weird's store; none without one */
};

/* -ENOMEM is the only failure. */
int weir_overview_make(const struct weir_snapshot *snap, struct weir_overview *out);
void weir_overview_done(struct weir_overview *view);

/* What a host needs for itself: the larger of 1 GiB and 3 % of its memory. */
uint64_t weir_host_floor(uint64_t total_bytes);

/* The default size's row is what /proc/meminfo and /proc/sys/vm speak of; NULL if
 * unknown. */
const struct weir_huge_size *weir_default_size(const struct weir_snapshot *snap);

#endif
