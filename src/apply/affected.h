/* affected: who will feel a change of the pools: those whose pages would be trapped, and
 * those that counted the pools when they started. */
#ifndef WEIR_APPLY_AFFECTED_H
#define WEIR_APPLY_AFFECTED_H

#include "host/host.h"
#include "plan/plan.h"

/* Adds a line each to @notes. What may not be seen is left out. 0 or -ENOMEM. */
int weir_affected_say(const struct weir_host *host, const struct weir_snapshot *snap,
                      const struct weir_plan *plan, struct weir_buf *notes);

/* The first process with one of these names (comm): its PID; 0 without one. *which: the
 * index of its name. */
uint64_t weir_process_named(const struct weir_host *host, const char *const *names,
                            size_t nr, size_t *which);

#endif
