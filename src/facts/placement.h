/* placement: in what kind of memory the pages of the pools lie, for each node and size.
 *
 * A pool page may lie in a CMA area or in ZONE_MOVABLE, because pages of the pools are
 * movable (mm/hugetlb.c, htlb_alloc_mask()). That is memory in which the kernel wants
 * nothing that stays for long: a long-term pin (VFIO, RDMA, SEV, registered buffers)
 * moves such a page elsewhere first, or fails (pins.h). What is left of a pool for those
 * is what lies in neither.
 *
 * Three things are joined: the places of the pages (host/poolpages.h), the zones and the
 * CMA areas (frames.h). */
#ifndef WEIR_FACTS_PLACEMENT_H
#define WEIR_FACTS_PLACEMENT_H

#include "facts/frames.h"
#include "facts/pools.h"

/* The shortest line has 11 bytes, and the text has a limit (host/poolpages.h). */
#define WEIR_POOL_RUNS_MAX (8U << 20)

enum weir_page_state {
	WEIR_PAGE_USED, /* mapped by somebody */
	WEIR_PAGE_FREE,
	WEIR_PAGE_ANY,  /* not mapped, and not seen to be free */
	WEIR_PAGE_LOST, /* with a memory error, and in no file: in use, by nobody */
};

/* Pages that follow each other. */
struct weir_pool_run {
	uint64_t pfn;        /* base pages */
	uint64_t nr;         /* huge pages */
	uint64_t size_bytes; /* a power of two */
	enum weir_page_state state;
};

struct weir_pool_runs {
	struct weir_pool_run *v; /* ascending by pfn */
	size_t nr, cap;
};

/* The pages of a pool that lie in one kind of memory. */
struct weir_place {
	struct weir_count pages;
	/* Of these; equal where it can be told. Where the kernel's own counter of free
	 * pages fits to what was seen, that is taken into account. */
	struct weir_span free;
};

/* One size on one node. */
struct weir_placed {
	uint64_t size_bytes;
	unsigned int node;
	/* as seen: compare with the pool, which may have moved meanwhile */
	struct weir_place all;
	struct weir_place cma;
	struct weir_place movable;  /* ZONE_MOVABLE */
	struct weir_place pinnable; /* in neither */
	bool agrees;                /* as many as the pool says, and its free ones fit */
};

struct weir_placement {
	bool known;
	struct weir_cma_ranges cma;
	struct weir_placed *v; /* by size, then by node; of pools that have pages */
	size_t nr, cap;
	/* huge pages in no node's zones, or where those of two nodes overlap: the rows
	 * of this size are unknown then */
	uint64_t nr_unplaced;
};

/* Returns as fact.h says. A run that is garbled or out of order ends the list: of what
 * is missing in between no sum could be right. */
int weir_placement_parse(struct weir_str text, struct weir_pool_runs *out,
                         struct weir_err *err);
void weir_pool_runs_done(struct weir_pool_runs *runs);

/* Of a host; not known, with *known false, where it is not told or is garbled. 0 or
 * -ENOMEM. */
int weir_pool_runs_read(const struct weir_host *host, struct weir_pool_runs *out,
                        bool *known);

/* The pure half: counts runs into rows. Takes over @out->cma as it is. 0 or -ENOMEM. */
int weir_placement_join(const struct weir_pool_runs *runs, const struct weir_pools *pools,
                        const struct weir_frames_of *of, struct weir_placement *out);

void weir_placement_read(struct weir_reader *rd, const struct weir_pools *pools,
                         const struct weir_frames_of *of, struct weir_placement *out);
void weir_placement_done(struct weir_placement *placement);

/* The row of a size and node, or NULL. */
const struct weir_placed *weir_placement_find(const struct weir_placement *placement,
                                              uint64_t size_bytes, unsigned int node);

#endif
