/* state: the text of the store's state, as facts/warm.h reads it: the whole, and the
 * pieces of what changed. 0 or -ENOMEM. */
#ifndef WEIR_WARM_STATE_H
#define WEIR_WARM_STATE_H

#include "facts/warm.h"

/* Head, stores, targets, regions, next numbers, end. */
int weir_warm_state_put(const struct weir_warm_state *state, struct weir_buf *out);

int weir_warm_put_dir(const struct weir_warm_dir *dir, struct weir_buf *out);
int weir_warm_put_target(const struct weir_warm_target *target, struct weir_buf *out);
int weir_warm_put_region(const struct weir_warm_region *region, struct weir_buf *out);
int weir_warm_put_gone(uint64_t region, struct weir_buf *out);

/* The numbers of the next region and lease, and "end". */
int weir_warm_put_end(const struct weir_warm_state *state, struct weir_buf *out);

#endif
