/* members: the files of a captured tree in memory, ordered by path.
 *
 * Both ends of a capture use it: what was recorded before it is written, and an archive
 * after it was read. Paths are absolute and normal: no "..", no "." and no empty part. */
#ifndef WEIR_HOST_MEMBERS_H
#define WEIR_HOST_MEMBERS_H

#include "host/host.h"

/* A capture of an 8-node host with 2,000 CPUs is 5 MB, one of 5,000 processes 40 MB. */
#define WEIR_MEMBER_MAX     (64U << 20)  /* bytes in one file */
#define WEIR_MEMBERS_MAX    (512U << 20) /* bytes in all files */
#define WEIR_MEMBERS_NR_MAX (1U << 20)   /* files and directories */

struct weir_member {
	char *path;
	char *text; /* NULL for a directory */
	size_t n;   /* bytes of text */
	size_t seq; /* when it was added: of two equal paths the later one counts */
};

struct weir_members {
	struct weir_member *v;
	size_t nr, cap;
	size_t bytes; /* of all texts */
	size_t next_seq;
};

void weir_members_done(struct weir_members *all);

/* Adds a copy of the text, or a directory (@text NULL). A path added again replaces the
 * earlier one. -ENOMEM, or -EFBIG past one of the limits. */
int weir_members_add(struct weir_members *all, const char *path,
                     const struct weir_str *text);

/* The same, but takes over the memory of *text, which is empty afterwards. */
int weir_members_take(struct weir_members *all, const char *path, struct weir_buf *text);

/* Brings them into order; needed before the two below. */
void weir_members_sort(struct weir_members *all);

const struct weir_member *weir_members_find(const struct weir_members *all,
                                            const char *path);

/* The names below directory @path; -ENOENT when nothing is there, -ENOTDIR for a file. */
int weir_members_list(const struct weir_members *all, const char *path,
                      struct weir_names *out);

/* True for a normal absolute path, as above. */
bool weir_member_path_ok(const char *path);

#endif
