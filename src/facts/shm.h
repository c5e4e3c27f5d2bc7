/* shm: SysV shared memory segments, from /proc/sysvipc/shm (ipc/shm.c,
 * sysvipc_shm_proc_show(), v5.10 to v6.18). It shows those of the reader's own IPC
 * namespace.
 *
 * A segment is a file without a name, whose inode number is the segment's id. Which are
 * of huge pages is not told. The resident size gives some of them away: for those 6.7 and
 * later multiply the number of base pages by the huge page's size (shm_add_rss_swap(),
 * after "mm/filemap: remove hugetlb special casing"), so that one page of 2M shows as 1G.
 */
#ifndef WEIR_FACTS_SHM_H
#define WEIR_FACTS_SHM_H

#include "facts/fact.h"

#define WEIR_SHM_MAX (32U << 20) /* kernel.shmmni is 32768 at most: 200 bytes each */

struct weir_shm_segment {
	uint64_t id, key, size_bytes;
	uint64_t mode;  /* permission bits, and the two below */
	bool destroyed; /* SHM_DEST: goes when the last process detaches */
	uint64_t creator_pid, last_pid; /* as this namespace sees them; 0: none */
	uint64_t nr_attached;
	uint64_t uid, creator_uid;
	uint64_t changed_at;         /* seconds since 1970: when it was made or changed */
	struct weir_count rss_bytes; /* as the kernel says it, see above */
};

struct weir_shm {
	bool known;
	struct weir_shm_segment *v; /* by id */
	size_t nr, cap;
};

void weir_shm_done(struct weir_shm *shm);

/* 0, WEIR_GARBLED or -ENOMEM, as all parsers of facts. */
int weir_shm_parse(struct weir_str text, struct weir_shm *out, struct weir_err *err);

const struct weir_shm_segment *weir_shm_find(const struct weir_shm *shm, uint64_t id);

#endif
