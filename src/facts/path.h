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

/* @path must outlive *out. Leaves no gap: what is not there is an answer. 0 or -ENOMEM.
 */
int weir_path_read(const struct weir_host *host, const char *path, struct weir_path *out);

#endif
