/* locks: a directory has one weird, and so has a state file; and each belongs to the
 * other. A state that is not the last one of its directory tells of files what was so
 * before somebody else had them; and what a state tells of another directory would be
 * forgotten.
 *
 * DIR/lock and STATE.lock are locked as long as weird runs, and have two lines: the
 * number of the process, for a message, and where the other one is. */
#ifndef WEIR_WARM_LOCKS_H
#define WEIR_WARM_LOCKS_H

#include "base/err.h"

#include <stdbool.h>

struct weir_locks {
	int dir, state;              /* descriptors, which hold them; -1: none */
	char *dir_path, *state_path; /* without links */
	bool other_state; /* another state was the last one of this directory */
	char *other_dir;  /* NULL, or the directory of which this state tells */
};

void weir_locks_init(struct weir_locks *locks);

/* Takes both. @root: of @dir. -EBUSY names who has one of them; then, and after any
 * failure, it is to be done with, too. */
int weir_locks_take(struct weir_locks *locks, int root, const char *dir,
                    const char *state, struct weir_err *err);

/* Notes that they belong together: once the state has been written. */
int weir_locks_tie(const struct weir_locks *locks, struct weir_err *err);

void weir_locks_done(struct weir_locks *locks);

#endif
