/* regions: a set of index ranges, each with the control group that pays for it.
 *
 * The kernel's reservation map, kernel-rules.md 4.1. Of a file it holds the indexes that
 * are reserved or present, of a private mapping's owner those whose reservation was used
 * up.
 * Ranges are ascending and disjoint; neighbours with the same payer are one.
 * Source: mm/hugetlb.c, struct resv_map, region_chg(), region_add(), region_del(). */
#ifndef WEIR_MODEL_REGIONS_H
#define WEIR_MODEL_REGIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_region {
	uint32_t from, to; /* to is the first index behind */
	uint32_t group;    /* id of a control group, 0: none */
};

struct weir_regions {
	struct weir_region *v;
	uint32_t nr, cap;
};

void weir_regions_done(struct weir_regions *set);

/* How many of [from, to) are in the set. */
uint64_t weir_regions_count(const struct weir_regions *set, uint32_t from, uint32_t to);
/* Is @idx in the set? *nr becomes smaller where the answer is not the same for all of the
 * *nr indexes from @idx on, and never less than 1. */
bool weir_regions_has(const struct weir_regions *set, uint32_t idx, uint32_t *nr);

/* Puts [from, to) in, what is new on @group's account. False: out of memory, unchanged.
 */
bool weir_regions_add(struct weir_regions *set, uint32_t from, uint32_t to,
                      uint32_t group);

/* Takes [from, to) out. @paid, if not NULL, is told of every part that a group paid for.
 * False: out of memory, unchanged. */
bool weir_regions_del(struct weir_regions *set, uint32_t from, uint32_t to,
                      void (*paid)(void *ctx, uint32_t group, uint64_t nr), void *ctx);

#endif
