/* files: the directories and files of the store.
 *
 * DIR belongs to root, mode 0711, and has a directory for each page size, DIR/2M, on
 * which a hugetlbfs is mounted, mode 0711 too: who knows a name may open it if its mode
 * lets him, and nobody else may list them. A name has 32 random hexadecimal digits. One
 * that begins with a dot is of a file that the store keeps; without it of one that is
 * leased. So the names tell, when weird was killed, to which of them a lease was still
 * given.
 *
 * All of them: 0 or a descriptor, or a negative errno; words where there is @err. */
#ifndef WEIR_WARM_FILES_H
#define WEIR_WARM_FILES_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WEIR_FILE_NAME_MAX 36U /* a dot, 32 digits, NUL */

/* ---- directories ------------------------------------------------------------------- */

/* DIR, made with its parent where they are not there; -EPERM when it is not ours alone.
 */
int weir_files_root(const char *path, struct weir_err *err);

struct weir_files_dir {
	uint64_t page_bytes;
	uint64_t device; /* major << 32 | minor */
	int fd;
};

/* The directory of a page size, mounted if it is not yet and @mount says so; -ENOENT when
 * it is not and @mount does not. @plain: a directory will do. */
int weir_files_open(int root, const char *path, uint64_t page_bytes, bool plain,
                    bool mount, struct weir_files_dir *out, struct weir_err *err);

/* Does its path still lead to it? Not when somebody has unmounted it by force (umount
 * -l), or mounted something else over it. */
bool weir_files_is_here(int root, const struct weir_files_dir *dir);

/* Unmounts it and removes the directory: nothing may be in it. Closes dir->fd. */
int weir_files_close(int root, const char *path, struct weir_files_dir *dir, bool plain,
                     struct weir_err *err);

/* ---- files ------------------------------------------------------------------------- */

struct weir_file {
	uint64_t inode, bytes, filled_bytes;
	bool is_regular;
	bool is_ours; /* root's, mode 0600, one name */
};

/* A new name; @leased: of a file that is handed out. */
int weir_file_name(bool leased, char out[WEIR_FILE_NAME_MAX]);

/* Is it a name of a file that is handed out? */
bool weir_file_is_leased(const char *name);

/* An empty one, of the store. */
int weir_file_create(int dir, const char *name);

/* Of the store, or leased; O_RDWR. Links are not followed. */
int weir_file_open(int dir, const char *name);

int weir_file_stat(int fd, struct weir_file *out);
int weir_file_look(int dir, const char *name, struct weir_file *out);

/* Handed out: it is the user's first, and then has the name that is told. A user who is
 * there already when it fails does not know any of its names. */
int weir_file_hand_over(int dir, int fd, const char *name, const char *new_name,
                        uid_t uid, gid_t gid);

/* Taken back: it has a name that nobody knows first, for that ends the lease. */
int weir_file_take_back(int dir, const char *name, const char *new_name);

/* It is root's, and nobody else may open it. */
int weir_file_make_ours(int fd);

/* 0 when nobody but @fd has the file open or mapped, in any process or on its way in a
 * socket; -EBUSY. @fd must be the only descriptor of its file that we have. */
int weir_file_claim(int fd);

#endif
