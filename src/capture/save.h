/* save: puts the files of a capture where the user wants them, as an archive or as a
 * directory. What is there is overwritten only when told so; a failure leaves nothing
 * behind. All that is made is readable by its owner only: captures name users and VMs. */
#ifndef WEIR_CAPTURE_SAVE_H
#define WEIR_CAPTURE_SAVE_H

#include "host/archive.h"

enum weir_save_form { WEIR_SAVE_ARCHIVE, WEIR_SAVE_DIR, WEIR_SAVE_STDOUT };

struct weir_save {
	const char *path; /* borrowed */
	enum weir_save_form form;
	enum weir_archive_kind kind; /* unless it is a directory */
	bool force;                  /* an archive may replace what is there */
};

/* Sets form and kind of *save by the path: "-", "DIR/" or a directory that is there,
 * "*.tar.zst", "*.tar.gz", "*.tgz", "*.tar". -EINVAL with words for other names. */
int weir_save_by_path(struct weir_save *save, struct weir_err *err);

/* Whether weir_save_write() would be refused now: before the work, not after it. -EEXIST
 * with words when something is in the way, -EBADF without a standard output, 0 else. */
int weir_save_check(const struct weir_save *save, struct weir_err *err);

/* Writes sorted @files. @out_bytes: how large the result is. -EEXIST as above; -ELIBACC
 * when libarchive is needed and not there; others; all with words. */
int weir_save_write(const struct weir_save *save, const struct weir_members *files,
                    uint64_t time_ns, uint64_t *out_bytes, struct weir_err *err);

/* All of @s; 0 or a negative errno. */
int weir_save_write_fd(int fd, struct weir_str s);

/* save_dir.c: the same for a directory; @files may leave off the directories in paths. */
int weir_save_dir_check(const char *path, struct weir_err *err);
int weir_save_dir_write(const char *path, const struct weir_members *files,
                        struct weir_err *err);

#endif
