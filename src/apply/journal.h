/* journal: what weir has changed on this host, one file a change, in DIR/journal. It says
 * who, when, what was there and what will be written, and is on disk before the first
 * write to the host; its last line says how it ended. One without that was cut off. */
#ifndef WEIR_APPLY_JOURNAL_H
#define WEIR_APPLY_JOURNAL_H

#include "plan/plan.h"

#define WEIR_STATE_DIR "/var/lib/weir"

/* ---- entries ---- */

enum weir_entry_end {
	WEIR_ENTRY_OPEN, /* at work, or cut off */
	WEIR_ENTRY_DONE,
	WEIR_ENTRY_UNDONE,
	WEIR_ENTRY_KEPT,
	WEIR_ENTRY_FOREIGN,
};
const char *weir_entry_end_word(enum weir_entry_end end); /* "open", "done", ... */

struct weir_entry {
	uint64_t id; /* from 1 */
	uint64_t at_ns;
	uint64_t uid, pid;
	char *user, *command, *boot_id;    /* NULL: not known */
	struct weir_tallies before, after; /* after: what was expected, or came */
	bool has_after;
	struct weir_op *ops; /* without expected */
	size_t nr_ops, cap_ops;
	enum weir_entry_end end;
	uint64_t ended_ns;
	char *why;       /* of one that was not done */
	uint64_t undoes; /* the change that it takes back; 0: none */
};
void weir_entry_done(struct weir_entry *entry);

struct weir_entries {
	struct weir_entry *v; /* the oldest first */
	size_t nr, cap;
};
void weir_entries_done(struct weir_entries *entries);

/* All that can be read; one that is damaged is a line of @notes. 0 also where there is
 * none; -EACCES with words. */
int weir_journal_read(const char *state_dir, struct weir_entries *out,
                      struct weir_buf *notes, struct weir_err *err);

/* Begins an entry: on disk when this returns. @entry's id is filled in. */
int weir_journal_begin(const char *state_dir, struct weir_entry *entry,
                       struct weir_err *err);
/* Ends one: likewise. @after may be NULL. */
int weir_journal_end(const char *state_dir, uint64_t id, enum weir_entry_end end,
                     uint64_t at_ns, const struct weir_tallies *after, const char *why,
                     struct weir_err *err);

/* Of one file. 0; -EBADMSG for one that is not whole up to where writing began; -ENOMEM.
 */
int weir_entry_parse(struct weir_str text, struct weir_entry *out);

/* The text of one up to where writing began: what weir_entry_parse() reads back. 0 or
 * -ENOMEM. */
int weir_entry_put(const struct weir_entry *entry, struct weir_buf *out);

/* The change of this boot that was cut off; NULL: none. @boot_id may be NULL. After a
 * reboot there is nothing left of it to undo. */
const struct weir_entry *weir_entries_cut_off(const struct weir_entries *entries,
                                              const char *boot_id);

#endif
