/* mounting: a hugetlbfs mount is made: looked at before, made by mount(2), read back.
 *
 * What is there is read through the host; mount(2) and the directory are the machine's
 * own, so that only the live one can be mounted on. */
#ifndef WEIR_APPLY_MOUNTING_H
#define WEIR_APPLY_MOUNTING_H

#include "apply/mount_ask.h"
#include "facts/snapshot.h"

struct weir_mount_look {               /* what is where a mount is to be made */
	char *dir;                     /* absolute, without links */
	bool dir_exists;               /* else it will be made */
	bool is_there;                 /* mounted already, as asked */
	struct weir_count named_bytes; /* the name speaks of pages of another size */
	struct weir_mount_room room;
};

void weir_mount_look_done(struct weir_mount_look *look);

/* Looks whether @ask can be had at @dir (NULL: the custom place), which need not be there
 * if the directory above it is; with @parents those above it neither. Changes nothing. 0
 * with *out; else with words: -EINVAL: it makes no sense as asked; -ENODEV: no such page
 * size; -ENOTEMPTY: the mount would hide files; -EEXIST: something else is mounted there;
 * -ENOSPC: min_size= is more than can be had; others of the directory; -ENOMEM. */
int weir_mount_look(const struct weir_snapshot *snap, const struct weir_mount_ask *ask,
                    const char *dir, bool parents, struct weir_mount_look *out,
                    struct weir_err *err);

/* Makes it. 0 with *out, the snapshot after it, and *out_idx of its mounts; else with
 * words, and the directories that it made are gone again, if nobody put anything there.
 */
int weir_mount_make(const struct weir_host *host, const struct weir_mount_ask *ask,
                    const struct weir_mount_look *look, struct weir_snapshot **out,
                    size_t *out_idx, struct weir_err *err);

/* The mount that a path leads to; NULL: no hugetlbfs is mounted right there. */
const struct weir_hugetlbfs *weir_mount_at(const struct weir_mounts *mounts,
                                           const char *dir);

/* The first process that looks for mounts only when it starts, libvirt's daemon: its PID,
 * its name in @name; 0 without one. */
#define WEIR_COMM_MAX 16 /* of a process, with its NUL: TASK_COMM_LEN */
uint64_t weir_mount_watcher(const struct weir_host *host, char name[WEIR_COMM_MAX]);

#endif
