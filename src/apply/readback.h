/* readback: the counters of the pools as they are now, read anew. Internal to apply. */
#ifndef WEIR_APPLY_READBACK_H
#define WEIR_APPLY_READBACK_H

#include "host/host.h"
#include "plan/tally.h"

/* One number of a kernel file. 0; -EBADMSG, or what reading failed with, with words. */
int weir_number_read(const struct weir_host *host, const char *path, uint64_t *out,
                     struct weir_err *err);

/* The same sizes and nodes as @like has. A host of one node has them where @like has one.
 * Looks until two in a row agree on pages, surplus and limits; where that never comes
 * about, the last one counts. 0, or as weir_number_read(). */
int weir_tallies_look(const struct weir_host *host, const struct weir_tallies *like,
                      struct weir_tallies *out, struct weir_err *err);

#endif
