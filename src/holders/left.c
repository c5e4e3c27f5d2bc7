/* left: see left.h. */
#include "holders/left.h"

#include "base/own.h"
#include "facts/creators.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

bool weir_hold_is_left(const struct weir_hold *hold)
{
	return !hold->nr_users && !hold->nr_private && hold->kind != WEIR_HOLD_MOUNT &&
	       hold->kind != WEIR_HOLD_POISONED && !weir_hold_is_warm(hold);
}

/* --- whether it can be known -------------------------------------------------------- */

static int say(char **out, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static int say(char **out, const char *fmt, ...)
{
	va_list ap;
	int r;

	va_start(ap, fmt);
	r = vasprintf(out, fmt, ap);
	va_end(ap);
	if (r >= 0)
		return 0;
	*out = NULL;
	return -ENOMEM;
}

int weir_ledger_blind(const struct weir_host *host, const struct weir_ledger *ledger,
                      char **out)
{
	const struct weir_holdings *all = &ledger->holdings;
	size_t nr_cut = weir_holdings_nr_cut(all);
	const char *unseen;

	*out = NULL;
	if (all->nr_forbidden)
		return say(out,
		           "%zu process%s could not be looked at, and may use them: no "
		           "permission, which root has as a rule",
		           all->nr_forbidden, all->nr_forbidden == 1 ? "" : "es");
	if (all->nr_unseen_files)
		return say(out,
		           "%zu open file%s could not be asked about, and may be one of "
		           "them",
		           all->nr_unseen_files, all->nr_unseen_files == 1 ? "" : "s");
	if (nr_cut)
		return say(out, "%zu process%s more mappings than are looked at", nr_cut,
		           nr_cut == 1 ? " has" : "es have");
	if (all->files.cut)
		return say(out, "there are more than %u files", WEIR_HUGE_FILES_MAX);
	if (!all->mounts.mounts.known)
		return say(out, "the mounts are not known");
	if (ledger->warm.hidden)
		return say(out, "which of them are weird's warm memory is not "
		                "known: " WEIR_WARM_STATE " could not be read");
	if (ledger->moved)
		return say(out, "the host changed each time it was looked at");
	unseen = weir_processes_unseen(host);
	return *unseen ? say(out, "%s, and may use them", unseen) : 0;
}

/* --- who may come back -------------------------------------------------------------- */

struct weir_count weir_hold_owner(const struct weir_ledger *ledger,
                                  const struct weir_hold *hold)
{
	const struct weir_huge_file *files = ledger->holdings.files.v;

	if (hold->shm)
		return WEIR_COUNT(hold->shm->uid);
	if (hold->file != WEIR_HOLD_NONE && files[hold->file].known)
		return WEIR_COUNT(files[hold->file].st.uid);
	return (struct weir_count){ 0 };
}

static enum weir_back who_may_come_back(const struct weir_left *left)
{
	if (left->creator_lives)
		return WEIR_BACK_CREATOR;
	if (left->nr_names > 1)
		return WEIR_BACK_NAMES;
	if (left->creator_pid || left->owner == WEIR_OWNER_GONE)
		return WEIR_BACK_NOBODY;
	return left->owner == WEIR_OWNER_LIVES ? WEIR_BACK_OWNER : WEIR_BACK_UNKNOWN;
}

void weir_left_find(const struct weir_host *host, const struct weir_ledger *ledger,
                    const struct weir_hold *hold, struct weir_left *out)
{
	const struct weir_huge_file *files = ledger->holdings.files.v;
	uint64_t pid = hold->shm ? hold->shm->creator_pid
	                         : weir_creator_of_name(weir_hold_name(ledger, hold));

	*out = (struct weir_left){ .creator_pid = pid,
		                   .uid = weir_hold_owner(ledger, hold) };
	if (pid)
		out->creator_lives = weir_process_lives(host, pid) ||
		                     weir_pids_has(&ledger->pids, pid);
	if (out->uid.known)
		out->owner = weir_owner_lives(&ledger->owners, out->uid.n);
	if (hold->file != WEIR_HOLD_NONE)
		out->nr_names = files[hold->file].st.nr_links;
	out->back = who_may_come_back(out);
}

int weir_left_words(const struct weir_left *left, struct weir_buf *out)
{
	switch (left->back) {
	case WEIR_BACK_CREATOR:
		return weir_buf_printf(out,
		                       "nobody uses it; a process has the number of its "
		                       "creator, %" PRIu64,
		                       left->creator_pid);
	case WEIR_BACK_NAMES:
		return weir_buf_printf(out,
		                       "nobody uses it; it has %" PRIu64
		                       " names, and its pages are free when all are gone",
		                       left->nr_names);
	case WEIR_BACK_NOBODY:
		if (left->creator_pid)
			return weir_buf_printf(out,
			                       "nobody uses it; its creator, process "
			                       "%" PRIu64 ", is gone",
			                       left->creator_pid);
		return weir_buf_addz(out, "nobody uses it; its owner has no process any "
		                          "more");
	case WEIR_BACK_OWNER:
		return weir_buf_addz(out, "nobody uses it; who made it is not told, and "
		                          "its owner has processes");
	case WEIR_BACK_UNKNOWN: break;
	}
	return weir_buf_addz(out, "nobody uses it; who made it is not told, nor whether "
	                          "its owner has processes: not all can be seen");
}
