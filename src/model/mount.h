/* mount: hugetlbfs mounts with their limits. kernel-rules.md 5. */
#ifndef WEIR_MODEL_MOUNT_H
#define WEIR_MODEL_MOUNT_H

#include "model/model.h"
#include "model/subpool.h"

struct weir_mount {
	uint8_t pool;
	bool unmounted;                  /* lazily: lives on until its last file goes */
	struct weir_subpool *subpool;    /* NULL: no limit */
	int64_t max_inodes, free_inodes; /* -1: no limit; the root directory counts */
	uint64_t nr_files;               /* not yet evicted */
	void *tag;
};

struct weir_mount_config {
	struct weir_pool *pool;
	bool has_size, has_min_size, has_nr_inodes;
	bool size_is_percent, min_size_is_percent; /* of the configured target, 5.2 */
	uint64_t size, min_size;                   /* bytes, or percent */
	uint64_t nr_inodes;
};

/* mount(2): 0 and *out; -EINVAL, -ENOMEM. */
int weir_mount(struct weir_model *m, const struct weir_task *by,
               const struct weir_mount_config *config, struct weir_mount **out);

/* umount(2): -EBUSY while a file is open or mapped; lazily never. *gone: @mount is no
 * more. The names of all files go with it. */
int weir_umount(struct weir_model *m, struct weir_mount *mount, bool lazy, bool *gone);

/* creat(2): 0 and *out, linked; -ENOSPC. */
int weir_mount_create(struct weir_model *m, struct weir_mount *mount,
                      struct weir_file **out);

/* A file of the mount went: its inode is free again; a lazily unmounted one ends with the
 * last. */
void weir_mount_lost_file(struct weir_model *m, struct weir_mount *mount);

struct weir_statfs {
	uint64_t blocks, bfree, files, ffree; /* 2^64-1: no limit */
};
struct weir_statfs weir_mount_statfs(const struct weir_mount *mount);

#endif
