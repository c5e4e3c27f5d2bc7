/* keep: what a capture keeps of processes: of those that hold huge pages, what a reader
 * of holders will ask for, and nothing of others. */
#ifndef WEIR_CAPTURE_KEEP_H
#define WEIR_CAPTURE_KEEP_H

#include "facts/tasks.h"
#include "host/manifest.h"
#include "host/members.h"

struct weir_tasks_kept {
	size_t nr_seen, nr_vanished, nr_forbidden; /* as above */
	size_t nr_holders;
};

/* For a capture: adds to @files what a walk over it will read of the holders, and nothing
 * of other processes. Of a process that may not be looked at it adds the failure to
 * @manifest, so that a walk over the capture counts it too. */
int weir_tasks_keep(const struct weir_host *host, const struct weir_mounts *mounts,
                    struct weir_members *files, struct weir_manifest *manifest,
                    struct weir_tasks_kept *out, struct weir_err *err);

#endif
