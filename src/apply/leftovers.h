/* leftovers: files in hugetlbfs mounts that nobody uses any more: found, and removed.
 *
 * What nobody uses the ledger tells (weir_hold_is_left()); here is what it takes beyond
 * that to remove it. A ledger is of a moment that has passed, and it cannot see all that
 * keeps a file: a descriptor on its way through a socket, a process whose first thread
 * has ended. So before a file is removed it is looked at again, and then the kernel is
 * asked for a lease to write it, which it gives only when nobody else has the file open
 * or mapped, in whatever way, and which holds off whoever would open it meanwhile
 * (fs/locks.c, check_conflicting_open(), v5.10 to v6.18). */
#ifndef WEIR_APPLY_LEFTOVERS_H
#define WEIR_APPLY_LEFTOVERS_H

#include "holders/ledger.h"

enum weir_leftover_state {
	WEIR_LEFTOVER_SURE,   /* nobody uses it, and whoever made it is gone */
	WEIR_LEFTOVER_UNSURE, /* nobody uses it, and its maker may come back to it */
	WEIR_LEFTOVER_YOUNG,  /* changed more recently than asked for */
	WEIR_LEFTOVER_USED,   /* named by the user, and somebody uses it */
};

enum weir_leftover_end {
	WEIR_LEFTOVER_KEPT, /* was not to be removed, or was not come to */
	WEIR_LEFTOVER_REMOVED,
	WEIR_LEFTOVER_TAKEN, /* somebody uses it now */
	WEIR_LEFTOVER_CHANGED,
	WEIR_LEFTOVER_FAILED,
};

struct weir_leftover {
	char *path;      /* as it is */
	uint64_t device; /* major << 32 | minor */
	uint64_t inode, changed_at;
	uint64_t page_bytes, pages, size_bytes;
	uint64_t uid, creator_pid; /* 0: its name tells none */
	struct weir_count age_s;
	bool named; /* on the command line, itself */
	enum weir_leftover_state state;
	char *why;
	bool chosen; /* to be removed */
	enum weir_leftover_end end;
	char *end_words; /* NULL: the word says it all */
};

struct weir_leftovers {
	struct weir_leftover *v; /* the largest first */
	size_t nr, cap;
	size_t nr_chosen;
	size_t nr_elsewhere; /* files in mounts that are not visible here */
	char *blind; /* why it cannot be known that nobody uses them; NULL: it can */
};

struct weir_leftovers_ask {
	char *const *paths; /* files, or directories to look below; none: all mounts */
	size_t nr_paths;
	uint64_t older_s; /* only what was not changed for so long */
};

void weir_leftovers_done(struct weir_leftovers *all);

/* Finds them, and chooses those that are sure, and those that are named. 0; -ENOENT and
 * the like, with words, for a path that cannot be; -ENOMEM. */
int weir_leftovers_look(const struct weir_host *host,
                        const struct weir_leftovers_ask *ask, struct weir_leftovers *out,
                        struct weir_err *err);

/* Removes the chosen ones, each after another look; how it went is in each one's end. 0,
 * or -ENOMEM and the like, with words, when there could be no other look, or -EACCES when
 * it is blind now. */
int weir_leftovers_remove(const struct weir_host *host, struct weir_leftovers *all,
                          struct weir_err *err);

const char *weir_leftover_state_word(enum weir_leftover_state state);
const char *weir_leftover_end_word(enum weir_leftover_end end);

#endif
