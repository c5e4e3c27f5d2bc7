/* frames: what is known of a page frame: its node, its zone, and whether it is CMA.
 *
 * Where the CMA areas lie comes from /sys/kernel/debug/cma, else from the log of the
 * boot, and is taken only when the areas make up exactly the CMA that the kernel counts,
 * in all and on each node: a log that lost its beginning leads to "unknown" and not to
 * "none". */
#ifndef WEIR_FACTS_FRAMES_H
#define WEIR_FACTS_FRAMES_H

#include "facts/klog.h"
#include "facts/zoneinfo.h"

/* Page frames [first, end) of one CMA area, or of several that touch. */
struct weir_cma_range {
	uint64_t first, end;
};

struct weir_cma_ranges {
	/* false: there is CMA, and where is not known, or not known for all of it */
	bool known;
	struct weir_cma_range *v; /* ascending, without overlaps */
	size_t nr, cap;
};

/* What it is made from, of a snapshot. */
struct weir_frames_of {
	const struct weir_zones *zones;
	const struct weir_klog *klog;
	struct weir_count cma_bytes; /* CmaTotal; unknown as below */
	bool has_no_cma; /* /proc/meminfo was read and has no CmaTotal: not built in */
	struct weir_count page_bytes;
};

/* Where the CMA areas lie. */
void weir_cma_ranges_read(struct weir_reader *rd, const struct weir_frames_of *of,
                          struct weir_cma_ranges *out);
void weir_cma_ranges_done(struct weir_cma_ranges *ranges);

/* True when [first, end) has a page frame of an area. */
bool weir_cma_ranges_has(const struct weir_cma_ranges *ranges, uint64_t first,
                         uint64_t end);

/* The zone that spans a page frame; NULL when none does, or more than one. */
const struct weir_zone *weir_zone_of_frame(const struct weir_zones *zones, uint64_t pfn);

/* Zones and areas cut the page frames into segments, in each of which all is the same. */
struct weir_segment {
	uint64_t first, end;
	unsigned int nr_nodes; /* 1, or more where zones of several nodes overlap */
	unsigned int node;
	bool movable, other_zone; /* both: it cannot be told which of them */
	bool cma;
};

struct weir_segments {
	struct weir_segment *v; /* ascending; what no zone spans is left out */
	size_t nr;
};

/* 0 or -ENOMEM. */
int weir_segments_make(const struct weir_zones *zones, const struct weir_cma_ranges *cma,
                       struct weir_segments *out);
void weir_segments_done(struct weir_segments *segments);

/* The first segment that ends behind @pfn; segments->nr when none does. */
size_t weir_segments_at(const struct weir_segments *segments, uint64_t pfn);

#endif
