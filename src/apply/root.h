/* root: the configuration files of a system, which is this one ("/") or lies below a
 * directory. Every path is resolved with that directory as its root, so that a link in it
 * leads to what it would lead to when the system runs, and never out of it. */
#ifndef WEIR_APPLY_ROOT_H
#define WEIR_APPLY_ROOT_H

#include "host/host.h"

struct weir_root {
	int fd; /* -1: not open */
};

/* @dir NULL is "/". 0, or a negative errno with words. */
int weir_root_open(const char *dir, struct weir_root *out, struct weir_err *err);
void weir_root_close(struct weir_root *root);

/* One at a time of those who change files below it: locks it until the descriptor that is
 * returned is closed. -EBUSY with words when another has it. */
int weir_root_lock(const struct weir_root *root, struct weir_err *err);

/* As openat2(2), with O_CLOEXEC: a descriptor or a negative errno. */
int weir_root_at(const struct weir_root *root, const char *path, uint64_t flags);

/* Replaces *out by the text of a regular file; links are followed. 0, -ENOENT (also of a
 * directory that is not there), -EFBIG past @max, -ENXIO for what is no regular file. */
int weir_root_read(const struct weir_root *root, const char *path, size_t max,
                   struct weir_buf *out);

/* Replaces *out by where a link leads. 0, -ENOENT, -EINVAL for what is no link. */
int weir_root_link(const struct weir_root *root, const char *path, struct weir_buf *out);

/* The names in a directory, sorted. *out must be empty. 0, also where it is not there. */
int weir_root_list(const struct weir_root *root, const char *path,
                   struct weir_names *out);

/* Is there anything at @path? What cannot be looked at is not there. */
bool weir_root_has(const struct weir_root *root, const char *path);

#endif
