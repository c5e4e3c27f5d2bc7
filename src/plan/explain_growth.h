/* explain_growth: why no more pages come: which zone, what it lacks, what would win some.
 * Internal to explain*.c. */
#ifndef WEIR_PLAN_EXPLAIN_GROWTH_H
#define WEIR_PLAN_EXPLAIN_GROWTH_H

#include "plan/explain.h"

struct weir_buf;
struct weir_played;
struct weir_snapshot;

/* What the zones of the nodes in @nodes still have, as they stand after what was played.
 * 0 or -ENOMEM. */
int weir_explain_limits(const struct weir_played *played, uint64_t nodes,
                        uint64_t page_bytes, struct weir_sentences *out);

/* How many more the nodes in @nodes could give now, and at most; and why not more. */
int weir_explain_room(const struct weir_snapshot *snap, const struct weir_played *played,
                      uint64_t nodes, uint64_t page_bytes, struct weir_sentences *out);

/* What the host does not tell and a play took instead (weir_load()'s notes), of what
 * decides about a write; with @grows also what memory there is. */
int weir_explain_granted(const struct weir_buf *notes, uint64_t page_bytes, bool grows,
                         struct weir_sentences *out);

/* True when the notes say that free memory is not known at all. */
bool weir_explain_is_blind(const struct weir_buf *notes);

#endif
