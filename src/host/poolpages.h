/* poolpages: where the pages of the huge page pools lie, from /proc/kpageflags.
 *
 * The text of "/@/poolpages" has a line for each run of neighbours of one size and state,
 * by ascending page frame:
 *	PFN COUNT SIZE STATE
 * PFN is the run's first page frame, in base pages; COUNT huge pages of SIZE bytes follow
 * each other from there. STATE is
 *	used  mapped by somebody now
 *	free  in the pool, or about to leave it
 *	any   not mapped: either free, or in a file that nobody maps, or pinned only
 *	lost  not mapped, and in no file: with a memory error, in use, and nobody's
 *
 * The kernel shows no reference count, so free and used cannot always be told: a page in
 * a hugetlbfs file is up to date and dirty from its first moment on
 * (hugetlb_add_to_page_cache(), and __SetPageUptodate() before it), and loses both when
 * it leaves the file (hugetlb_delete_from_page_cache()). Anonymous pages take both flags
 * back into the pool and keep them until they are used again. So a page without both is
 * free, and one with both and without a mapping may be either; the pool's own counter of
 * free pages then says how many are (facts/placement.h). A page with a memory error is
 * not given back when it leaves its file, and has lost both flags by then, too. A private
 * one, and a free one, the kernel takes out of the pool; where it cannot, a free one
 * counts as free and is told as lost (mm/memory-failure.c, me_huge_page()). The same on
 * 5.10, 6.1, 6.12 and 6.18, which were tried.
 *
 * It is a walk over memory that goes on living: pages that are made, freed or migrated
 * meanwhile are seen once, twice or never. A page of the pool is anything that has the
 * kernel's own mark of one, surplus pages and pages with memory errors included. */
#ifndef WEIR_HOST_POOLPAGES_H
#define WEIR_HOST_POOLPAGES_H

#include "base/buf.h"

/* A line has 24 bytes or so. 1 TiB of pages of 2M of alternating state has 13 MB. */
#define WEIR_POOLPAGES_MAX (64U << 20)

#define WEIR_POOLPAGES_SIZES_MAX 32U /* HUGE_MAX_HSTATE is 4 at most (arm64) */

struct weir_pfn_range {
	uint64_t first, end; /* the page frame behind the last one */
};

struct weir_pfn_ranges {
	struct weir_pfn_range *v;
	size_t nr, cap;
};

/* The page frames that zones span, in order and without overlaps: of what lies in no zone
 * no page is in a pool. -ENOMEM, or -EBADMSG when a zone has no plausible range. *out is
 * the caller's, to be freed with weir_pfn_ranges_done(). */
int weir_zone_ranges(struct weir_str zoneinfo, struct weir_pfn_ranges *out);
/* The same for the machine whose root directory is @root. */
int weir_zone_ranges_read(int root, struct weir_pfn_ranges *out);
void weir_pfn_ranges_done(struct weir_pfn_ranges *ranges);

/* What to walk over. */
struct weir_poolpages {
	/* The flags of one page frame as in /proc/kpageflags; -ENODATA behind the last.
	 */
	int (*flags)(void *ctx, uint64_t pfn, uint64_t *out);
	void *ctx;
	uint64_t page_bytes;
	/* Sizes of which there are pages: powers of two, ascending. */
	uint64_t sizes[WEIR_POOLPAGES_SIZES_MAX];
	size_t nr_sizes;
	struct weir_pfn_ranges ranges;
};

/* Adds the lines to @out, and stops when it is longer than WEIR_POOLPAGES_MAX. 0, -ENOMEM
 * or what @flags failed with. */
int weir_poolpages_walk(const struct weir_poolpages *walk, struct weir_buf *out);

/* The whole of it for the machine whose root directory is @root. */
int weir_poolpages_text(int root, struct weir_buf *out);

#endif
