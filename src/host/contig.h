/* contig: which ranges of memory could become one gigantic page, from /proc/kpageflags.
 *
 * A page larger than the buddy allocator's blocks is made of a range that is aligned to
 * its size and that the kernel empties for it (mm/page_alloc.c, alloc_contig_pages()).
 * The text of "/@/contig/SIZE" has a line for each such range of SIZE bytes, by ascending
 * page frame:
 *	PFN open FREE MOVABLE POOL OTHER
 *	PFN taken
 *	PFN fixed
 *	PFN unread
 * PFN is its first page frame. "open" holds nothing that is known to stay where it is; of
 * its base pages FREE are in the buddy lists, MOVABLE in use by processes or the page
 * cache, POOL in pages of the pools that are smaller than SIZE, and of OTHER the kernel
 * does not say: they lie on per-CPU lists, are under way to others, or are its own. What
 * is "taken" is such a page already. In what is "fixed" something cannot be moved: slab,
 * page tables, reserved memory, a hole. What is "unread" was not looked at, because the
 * walk has a limit.
 *
 * It is a walk over memory that goes on living. Tried on 5.10, 6.1, 6.12 and 6.18. */
#ifndef WEIR_HOST_CONTIG_H
#define WEIR_HOST_CONTIG_H

#include "host/poolpages.h"

/* The kernel works some 100 ns on the flags of a page: 256 GiB of base pages of 4 KiB, at
 * most, take 6 s. A range with something fixed is left at once, so hosts that do
 * something seldom come near it. */
#define WEIR_CONTIG_READ_MAX (UINT64_C(1) << 26)

/* A line has 40 bytes or so; 64 TiB in ranges of 32M (arm64) have two million. */
#define WEIR_CONTIG_MAX (96U << 20)

/* What to walk over. */
struct weir_contig_walk {
	/* The flags of @nr page frames from @pfn on as in /proc/kpageflags. Returns how
	 * many there are of them, which is fewer behind the last; or negative errno. */
	int (*flags)(void *ctx, uint64_t pfn, size_t nr, uint64_t *out);
	void *ctx;
	uint64_t nr_pages; /* base pages of a range, a power of two */
	uint64_t read_max; /* page frames whose flags are read, about */
	struct weir_pfn_ranges ranges;
};

/* Adds the lines to @out. 0, -ENOMEM or what @flags failed with. */
int weir_contig_walk(const struct weir_contig_walk *walk, struct weir_buf *out);

/* The whole of it for the machine whose root directory is @root; -ENOENT for what is no
 * size of a range. */
int weir_contig_text(int root, uint64_t size_bytes, struct weir_buf *out);

#endif
