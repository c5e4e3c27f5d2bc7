/* log: the state file on disk: a base, written aside, synced and renamed, and behind it
 * what changed, appended and synced. A change is there as a whole or does not count
 * (facts/warm.h). */
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

/* On disk when they return 0; else what was there before counts, or log->torn. */
int weir_log_base(struct weir_log *log, struct weir_str text, struct weir_err *err);
int weir_log_change(struct weir_log *log, struct weir_str text, struct weir_err *err);

#endif
