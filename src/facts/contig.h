/* contig: how many gigantic pages a node could give: ranges of memory that are free in
 * one piece, or could be emptied.
 *
 * No counter tells. A range is of use when it lies in one zone of the node, in no CMA
 * area and not in ZONE_MOVABLE, where the kernel does not look for such pages
 * (mm/hugetlb.c, alloc_gigantic_folio(); docs/kernel-rules.md 2.13, 9.8). One that is
 * wholly free comes: no watermark is asked. One with pages that move may come: they may
 * be pinned, or have nowhere to go. One with anything else does not. */
#ifndef WEIR_FACTS_CONTIG_H
#define WEIR_FACTS_CONTIG_H

#include "facts/frames.h"
#include "facts/pools.h"

#define WEIR_CONTIG_RANGES_MAX (4U << 20) /* 128 TiB in ranges of 32M (arm64) */

enum weir_contig_state {
	WEIR_CONTIG_OPEN,
	WEIR_CONTIG_TAKEN, /* a page of that size, or larger, already */
	WEIR_CONTIG_FIXED, /* has something that stays where it is, or lies wrong */
	WEIR_CONTIG_UNREAD,
};

struct weir_contig_range {
	uint64_t pfn;
	enum weir_contig_state state;
	/* base pages of an open one: see host/contig.h */
	uint64_t free, movable, pool, other;
	unsigned int node; /* by its zone */
	bool any_node;     /* zones of several nodes overlap there */
	bool unsure;       /* it may lie in CMA or in ZONE_MOVABLE, or on another node */
};

/* Of one page size. */
struct weir_contig {
	uint64_t size_bytes;
	uint64_t nr_pages;           /* base pages of a range */
	struct weir_contig_range *v; /* ascending by pfn */
	size_t nr, cap;
};

struct weir_contigs {
	/* those sizes that are gigantic, as far as it could be read */
	struct weir_contig v[WEIR_HUGE_SIZES_MAX];
	size_t nr;
};

/* Ranges of a node by what can become of them. */
struct weir_contig_count {
	uint64_t free;     /* wholly free */
	uint64_t emptied;  /* free but for what can be moved, or is not told */
	uint64_t returned; /* of pool pages too: once these are given back */
	uint64_t taken, fixed, unread;
};

/* Returns as fact.h says; ranges have no node yet. A line that is garbled or out of order
 * ends the list. */
int weir_contig_parse(struct weir_str text, uint64_t nr_pages, struct weir_contig *out,
                      struct weir_err *err);
void weir_contig_done(struct weir_contig *contig);

/* The pure half: which node a range is on, and whether it lies where the kernel looks.
 * 0 or -ENOMEM. */
int weir_contig_place(struct weir_contig *contig, const struct weir_zones *zones,
                      const struct weir_cma_ranges *cma);

/* All sizes of @pools beyond @block_bytes, the largest that the buddy allocator hands
 * out. */
void weir_contigs_read(struct weir_reader *rd, const struct weir_pools *pools,
                       uint64_t block_bytes, const struct weir_frames_of *of,
                       struct weir_contigs *out);
void weir_contigs_done(struct weir_contigs *contigs);

/* Of a size; NULL: not known. */
const struct weir_contig *weir_contigs_find(const struct weir_contigs *contigs,
                                            uint64_t size_bytes);

void weir_contig_count(const struct weir_contig *contig, unsigned int node,
                       struct weir_contig_count *out);

/* The most of the ranges with pool pages that are emptied of them when @pages base pages
 * of the node's smaller pools are given back, wherever these lie. */
uint64_t weir_contig_returned(const struct weir_contig *contig, unsigned int node,
                              uint64_t pages);

/* Those that are wholly free once no pool page is left in them. */
uint64_t weir_contig_free_without_pools(const struct weir_contig *contig,
                                        unsigned int node);

#endif
