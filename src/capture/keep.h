/* keep: what a capture keeps of processes: of those that hold huge pages, what a reader
 * of holders will ask for, and nothing of others. */
#ifndef WEIR_CAPTURE_KEEP_H
#define WEIR_CAPTURE_KEEP_H

#include "facts/holdings.h"
#include "host/record.h"

struct weir_tasks_kept {
	size_t nr_seen, nr_vanished, nr_forbidden; /* as above */
	size_t nr_holders;
};

struct weir_tasks_keep {
	const struct weir_host *host;
	const struct weir_mounts *mounts; /* as seen from here */
	struct weir_count default_page;   /* of mounts that name none */
};

/* For a capture: adds to @record what a ledger of the capture will read of holders, of
 * huge files wherever they are found, and of SysV segments; of other processes nothing,
 * but one of each mount namespace: where it has its hugetlbfs. Of a process that may not
 * be looked at it adds the failure, so that a walk over the capture counts it too. */
int weir_tasks_keep(const struct weir_tasks_keep *what, struct weir_record *record,
                    struct weir_tasks_kept *out, struct weir_err *err);

#endif
