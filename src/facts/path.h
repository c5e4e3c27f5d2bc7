/* path: what is at a path that somebody names: from the machine's lstat(2) and statfs(2).
 */
#ifndef WEIR_FACTS_PATH_H
#define WEIR_FACTS_PATH_H

#include "facts/fact.h"

struct weir_path {
	const char *path; /* borrowed */
	bool known; /* false: it could not be looked at, as in a capture that lacks it */
	bool exists, is_dir;
	uint64_t size_bytes;
	uint64_t allocated_bytes;
	uint64_t mode, uid, gid; /* permission bits */
	/* of the file system that it is on; unknown where nothing is there */
	struct weir_count fs_free_bytes;
	bool parent_exists; /* where it does not exist itself: its directory does */
};

/* @path must outlive *out. @is_live: the host tells of every path, so that what it does
 * not have does not exist; a capture has what was asked for when it was made. 0, -ENOMEM.
 */
int weir_path_read(const struct weir_host *host, const char *path, bool is_live,
                   struct weir_path *out);

#endif
