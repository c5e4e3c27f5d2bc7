/* files: changes of a system's files, all of them or none: what is wanted is compared
 * with what is there, shown as a diff, and written at once. */
#ifndef WEIR_APPLY_FILES_H
#define WEIR_APPLY_FILES_H

#include "apply/root.h"

#define WEIR_OLD_SUFFIX ".weir-old" /* the version before the last change is kept so */

enum weir_file_kind {
	WEIR_FILE_TEXT,
	WEIR_FILE_LINK, /* texts are where it leads */
};

struct weir_file_change {
	char *path;
	enum weir_file_kind kind;
	bool has_before, has_after; /* not both false */
	struct weir_buf before, after;
};

struct weir_file_changes {
	struct weir_file_change *v; /* in the order in which they are made */
	size_t nr, cap;
};
void weir_file_changes_done(struct weir_file_changes *changes);

/* Makes a change of it when @path is not so already; @after NULL: when it is there at
 * all. 0; -EEXIST with words where something else is in the way (a directory, a link for
 * a text); -EACCES and the like. */
int weir_file_want(const struct weir_root *root, const char *path,
                   enum weir_file_kind kind, const struct weir_str *after,
                   struct weir_file_changes *changes, struct weir_err *err);

/* "new", "changed" or "removed". */
const char *weir_file_change_word(const struct weir_file_change *change);

/* Adds what is changed as a unified diff, or as a line for a link. -ENOMEM. */
int weir_file_change_diff(const struct weir_file_change *change, struct weir_buf *out);

/* Makes all changes. Each text is written aside and is on disk before the first one takes
 * its place. A file that is replaced or removed is kept as PATH.weir-old. When one change
 * fails those before it are taken back, and the result is its error, with words: -EAGAIN
 * when a file is no longer what the change was made from. */
int weir_file_changes_make(const struct weir_root *root,
                           const struct weir_file_changes *changes, struct weir_err *err);

#endif
