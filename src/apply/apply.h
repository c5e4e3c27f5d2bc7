/* apply: a plan onto a live host: written, read back, kept in a journal, and undone when
 * it cannot be completed.
 *
 * One change at a time: a lock is shared by all weir processes of the host. Before the
 * first write the state before and all writes are in the journal, on disk; so whoever
 * comes after a process that died in the middle can put things back (weir_undo()). What
 * others change meanwhile is noticed by reading back, and is never written over. */
#ifndef WEIR_APPLY_APPLY_H
#define WEIR_APPLY_APPLY_H

#include "apply/journal.h"
#include "host/host.h"
#include "plan/plan.h"

#include <signal.h>

struct weir_progress {
	const struct weir_op *op;
	size_t op_idx, nr_ops;
	uint64_t from, now, to; /* pages of this op */
	uint64_t elapsed_ns;    /* since the op began */
	const char *doing;      /* "writing", "compacting", ... */
};

struct weir_apply_options {
	const char *state_dir;      /* NULL: WEIR_STATE_DIR */
	const char *command;        /* as typed, for the log */
	uint64_t timeout_ms;        /* for growing, all ops together */
	bool drop_caches, pressure; /* allowed rungs of the ladder */
	bool keep_partial;
	uint64_t undoes; /* the change that this one takes back; 0: none */
	const volatile sig_atomic_t *stop; /* NULL, or: not 0 when asked to end */
	void (*progress)(void *ctx, const struct weir_progress *progress); /* or NULL */
	void *ctx;
};

enum weir_apply_end {
	WEIR_APPLY_DONE,
	WEIR_APPLY_UNDONE,  /* it fell short, or was stopped, and all is as it was */
	WEIR_APPLY_KEPT,    /* it fell short, or was stopped, and what was got is kept */
	WEIR_APPLY_FOREIGN, /* somebody else changes the pools, or surplus moved that the
	                       next write depends on: nothing more was written
	                     */
};

struct weir_applied {
	enum weir_apply_end end;
	bool stopped;         /* by the user */
	size_t failed_op;     /* SIZE_MAX: none */
	uint64_t wanted, got; /* pages of that op */
	char *reason;         /* why, a sentence; NULL. Of DONE: surplus pages came or
	                         went meanwhile, and all else is as planned */
	char *help;           /* what could still help; NULL */
	uint64_t journal_id;
	struct weir_tallies after; /* as read back */
	bool exact;                /* it is what the plan expected */
};
void weir_applied_done(struct weir_applied *applied);

/* Carries @plan out. The caller has asked whoever is to be asked. 0 with *out, however it
 * ended; -EBUSY with words: another weir is at work; -EINPROGRESS: a change that was cut
 * off has to be undone first; -EIO: the journal could not be ended; -EACCES, -EROFS,
 * -ENOSPC: nothing was written to the host.
 */
int weir_apply(const struct weir_host *host, const struct weir_plan *plan,
               const struct weir_apply_options *options, struct weir_applied *out,
               struct weir_err *err);

/* The id of this boot, owned by the caller; NULL: not known. 0 or -ENOMEM. */
int weir_boot_id(const struct weir_host *host, char **out);

/* A plan that brings the pools which @ops changed back to @before. Guards do not count:
 * it was so. 0, or as weir_plan_make(). */
int weir_plan_back(const struct weir_host *host, const struct weir_tallies *before,
                   const struct weir_op *ops, size_t nr_ops, struct weir_plan *out,
                   struct weir_err *err);

/* Takes back a change that was cut off (weir_entries_cut_off()). *out: UNDONE; FOREIGN or
 * KEPT when it could not be, and can be tried again. 0, or as weir_apply(). */
int weir_undo_cut_off(const struct weir_host *host,
                      const struct weir_apply_options *options,
                      const struct weir_entry *entry, struct weir_applied *out,
                      struct weir_err *err);

#endif
