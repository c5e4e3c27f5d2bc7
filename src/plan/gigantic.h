/* gigantic: how many pages beyond the buddy allocator's blocks a node could give. */
#ifndef WEIR_PLAN_GIGANTIC_H
#define WEIR_PLAN_GIGANTIC_H

#include <stdbool.h>
#include <stdint.h>

struct weir_snapshot;

/* More pages of a node: @free for certain, @most if all that can be moved is. Not known:
 * nothing tells. */
struct weir_reach {
	bool known;
	uint64_t page_bytes;
	uint64_t free, most;
};

/* As the snapshot has it (facts/contig.h). */
struct weir_reach weir_gigantic_reach(const struct weir_snapshot *snap,
                                      uint64_t page_bytes, unsigned int node);

/* With hugetlb_cma= such pages come from an area of their own, of which no file tells. */
bool weir_gigantic_has_own_area(const struct weir_snapshot *snap);

#endif
