/* unmounting: a hugetlbfs mount is taken away, and nothing that somebody needs with it.
 *
 * A file system that is mounted in several places, or in other mount namespaces, goes
 * with the last of them, and with it all its files and their pages (fs/super.c,
 * deactivate_locked_super() and fs/hugetlbfs/inode.c, hugetlbfs_evict_inode(), v6.6). An
 * unmount that hides files that are still held (MNT_DETACH) is never done. */
#ifndef WEIR_APPLY_UNMOUNTING_H
#define WEIR_APPLY_UNMOUNTING_H

#include "apply/file_users.h"

struct weir_unmount { /* what stands at a directory */
	char *dir;    /* absolute, without links */
	unsigned int id, major, minor;
	uint64_t page_bytes; /* 0: not known */
	size_t nr_others;    /* mounts of the same file system that stay */
	size_t *held;        /* files that processes have: of ledger.holdings.files */
	size_t nr_held, cap_held;
	size_t nr_left; /* files that nobody has */
	uint64_t left_pages;
};

void weir_unmount_done(struct weir_unmount *unmount);

/* Looks at the mount at @dir. 0 with *out; else with words: -ENOENT and the like of the
 * directory, -EINVAL: it is no mount point, -EMEDIUMTYPE: of another file system, -EBUSY:
 * another mount hides it, or one stands below it; -ENOMEM. */
int weir_unmount_look(const struct weir_host *host, const struct weir_ledger *ledger,
                      const char *dir, struct weir_unmount *out, struct weir_err *err);

/* How many mounts of each file system stay when all @nr of them are taken away. */
void weir_unmount_count_others(const struct weir_ledger *ledger, struct weir_unmount *v,
                               size_t nr);

/* umount2(2). 0; -EBUSY with words that say why, as far as it can be told; others. */
int weir_unmount_do(const struct weir_host *host, const struct weir_unmount *unmount,
                    struct weir_err *err);

#endif
