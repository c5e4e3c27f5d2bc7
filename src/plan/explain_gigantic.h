/* explain_gigantic: why no more pages come of a size beyond the buddy allocator's blocks,
 * and how many come. Internal to explain*.c. */
#ifndef WEIR_PLAN_EXPLAIN_GIGANTIC_H
#define WEIR_PLAN_EXPLAIN_GIGANTIC_H

#include "plan/explain.h"

struct weir_played;

/* A growth that was played ends where there are ranges for it, as far as that is known:
 * what comes at most is @played->came.is then, and what comes at least total_min. */
void weir_explain_narrow(const struct weir_snapshot *snap,
                         const struct weir_explain_write *what,
                         struct weir_played *played);

/* How many more the nodes in @nodes could give in all, before what was played; false
 * where nothing is known of the ranges. */
bool weir_explain_reach(const struct weir_snapshot *snap,
                        const struct weir_played *played, uint64_t nodes,
                        uint64_t page_bytes, uint64_t *least, uint64_t *most);

/* What stands in the ranges of the nodes, or what is known instead. 0 or -ENOMEM. */
int weir_explain_ranges(const struct weir_snapshot *snap, uint64_t nodes,
                        uint64_t page_bytes, struct weir_sentences *out);

#endif
