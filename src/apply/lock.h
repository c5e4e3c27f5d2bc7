/* lock: one change at a time: a lock in the state directory, which all weir processes of
 * a host share. */
#ifndef WEIR_APPLY_LOCK_H
#define WEIR_APPLY_LOCK_H

#include "base/err.h"

/* Makes one directory, unless it is there. */
int weir_state_dir_make(const char *path, struct weir_err *err);

/* Waits for nobody. A descriptor that holds it while it is open; -EBUSY with words that
 * name the holder, -EACCES and the like. */
int weir_lock_take(const char *state_dir, struct weir_err *err);

#endif
