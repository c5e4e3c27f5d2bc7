/* log: the state file: a base, written aside and renamed, and behind it what changed,
 * appended. A change is there as a whole or does not count (facts/warm.h).
 *
 * The text counts until the next boot, and files on a hugetlbfs are no older. Until then
 * what was written is there for every process, however its writer ended. So only the
 * first base is synced, which nobody waits for: a lease does not wait for a disk. */
#ifndef WEIR_WARM_LOG_H
#define WEIR_WARM_LOG_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct weir_log {
	const char *path; /* borrowed */
	int fd;           /* -1: there is no base yet */
	uint64_t base_bytes, bytes;
	bool torn; /* it may hold what was not meant to be there: a base is due */
	uint64_t writes;
};

void weir_log_init(struct weir_log *log, const char *path);
void weir_log_done(struct weir_log *log); /* the file stays */

/* Is it time for a new base, rather than a change? */
bool weir_log_is_due(const struct weir_log *log);

/* Written when they return 0; else what was there before counts, or log->torn. */
int weir_log_base(struct weir_log *log, struct weir_str text, struct weir_err *err);
int weir_log_change(struct weir_log *log, struct weir_str text, struct weir_err *err);

#endif
