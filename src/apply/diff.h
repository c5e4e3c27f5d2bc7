/* diff: two texts as a unified diff. Pure. */
#ifndef WEIR_APPLY_DIFF_H
#define WEIR_APPLY_DIFF_H

#include "base/buf.h"

/* Adds the difference of two versions of @path to @out, with three lines around each
 * change; nothing when they are the same. NULL: there is no such version. -ENOMEM. */
int weir_diff(const char *path, const struct weir_str *before,
              const struct weir_str *after, struct weir_buf *out);

#endif
