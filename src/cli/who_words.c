/* who_words: the words of `weir who`: what a holder is, what a hold is, and what is known
 * of one that no process, or no VM, uses. */
#include "cli/who_print.h"

#include "cli/cli.h"

#include <inttypes.h>
#include <stdarg.h>

#define WHAT_MAX 48U /* of a command line: its program and the first arguments */
#define DAY      86400U

int weir_who_put(struct weir_who_print *t, const char *fmt, ...)
{
	char piece[320];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(piece, sizeof(piece), fmt, ap);
	va_end(ap);
	return weir_buf_addz(&t->cell, piece);
}

int weir_who_put_shown(struct weir_who_print *t, struct weir_str s)
{
	struct weir_str c;
	int r = 0;

	while (r == 0 && weir_str_shown(&s, &c))
		r = weir_buf_add(&t->cell, c);
	return r;
}

int weir_who_put_pages(struct weir_who_print *t, uint64_t pages, uint64_t page_bytes)
{
	return weir_who_put(t, "%" PRIu64, t->style->bytes ? pages * page_bytes : pages);
}

static int size_of_pages(struct weir_who_print *t, struct weir_count pages,
                         uint64_t page_bytes)
{
	t->cell.n = 0;
	return pages.known ? weir_who_put_pages(t, pages.n, page_bytes)
	                   : weir_who_put(t, "?");
}

int weir_who_say(struct weir_who_print *t, const char *before, struct weir_count pages,
                 uint64_t page_bytes, const char *after)
{
	int r = size_of_pages(t, pages, page_bytes);

	if (r == 0)
		(void)fprintf(t->out, "%s%s%s", before, t->cell.p, after);
	return r;
}

int weir_who_put_command(struct weir_who_print *t, size_t index)
{
	const struct weir_holding_task *task = &t->who->ledger.holdings.tasks[index];
	/* of a VM the name says more, and it has a column of its own */
	bool is_named = t->who->vms[index] && strcmp(t->who->vms[index], "?") != 0;
	struct weir_str rest = weir_str(task->cmdline, task->cmdline_n), word;
	size_t from = t->cell.n;
	int r = 0;

	if (!task->cmdline_n)
		return weir_who_put_shown(t, weir_strz(task->name));
	while (r == 0 && t->cell.n - from < WHAT_MAX &&
	       weir_str_cut(&rest, '\0', &word)) {
		if (t->cell.n > from)
			r = weir_who_put(t, " ");
		else
			while (weir_str_index(word, '/') < word.n)
				word = weir_str_skip(word, weir_str_index(word, '/') + 1);
		if (word.n > WHAT_MAX)
			word.n = WHAT_MAX;
		if (r == 0)
			r = weir_who_put_shown(t, word);
		if (is_named)
			break;
	}
	return r;
}

static int put_age(struct weir_who_print *t, uint64_t changed_at)
{
	uint64_t now = t->who->snap->at_ns / UINT64_C(1000000000), age;

	if (!now || !changed_at || changed_at > now)
		return 0;
	age = now - changed_at;
	if (age >= UINT64_C(2) * DAY)
		return weir_who_put(t, ", %" PRIu64 " days old", age / DAY);
	if (age >= UINT64_C(2) * 3600)
		return weir_who_put(t, ", %" PRIu64 " hours old", age / 3600);
	return weir_who_put(t, ", %" PRIu64 " minutes old", age / 60);
}

static int put_file(struct weir_who_print *t, const struct weir_hold *hold)
{
	const struct weir_huge_file *f = &t->who->ledger.holdings.files.v[hold->file];
	int r = weir_who_put_shown(t, weir_hold_name(&t->who->ledger, hold));

	if (r == 0 && f->seen_by)
		r = weir_who_put(t, " (in the mount namespace of process %" PRIu64 ")",
		                 f->seen_by);
	else if (r == 0 && hold->mount == WEIR_HOLD_NONE)
		r = weir_who_put(t, " (unmounted)");
	else if (r == 0 && t->who->ledger.holdings.mounts.pids[hold->mount] &&
	         !f->in_directory)
		r = weir_who_put(t, " (in the mount namespace of process %" PRIu64 ")",
		                 t->who->ledger.holdings.mounts.pids[hold->mount]);
	if (r == 0 && f->known && !f->st.nr_links)
		r = weir_who_put(t, " (unlinked)");
	return r;
}

static int put_segment(struct weir_who_print *t, const struct weir_hold *hold)
{
	const struct weir_shm_segment *seg = hold->shm;
	int r;

	if (!seg)
		return weir_who_put(t, "SysV segment of another IPC namespace");
	r = weir_who_put(t, "SysV segment %" PRIu64, seg->id);
	if (r == 0 && seg->key)
		r = weir_who_put(t, ", key 0x%" PRIx64, seg->key);
	if (r == 0 && seg->destroyed)
		r = weir_who_put(t, " (destroyed)");
	if (r == 0 && hold->supposed)
		r = weir_who_put(t, " (perhaps of ordinary pages)");
	return r;
}

int weir_who_put_hold_name(struct weir_who_print *t, const struct weir_hold *hold)
{
	struct weir_str name = weir_hold_name(&t->who->ledger, hold);
	int r;

	switch (hold->kind) {
	case WEIR_HOLD_PRIVATE:
		if (weir_str_starts(name, "/anon_hugepage"))
			return weir_who_put(t, "private memory");
		r = weir_who_put(t, "private copy of ");
		return r < 0 ? r : weir_who_put_shown(t, name);
	case WEIR_HOLD_ANON: return weir_who_put(t, "shared memory");
	case WEIR_HOLD_MEMFD:
		r = weir_who_put(t, "memfd ");
		if (r == 0)
			r = weir_who_put_shown(t, name);
		return r == 0 && !hold->mapped_pages
		               ? weir_who_put(t, " (open, not mapped)")
		               : r;
	case WEIR_HOLD_SHM: return put_segment(t, hold);
	case WEIR_HOLD_MOUNT:
		r = weir_who_put(t, "min_size of the mount ");
		return r < 0 ? r : weir_who_put_shown(t, name);
	case WEIR_HOLD_POISONED:
		return weir_who_put(t, "memory errors: nobody has it, and it is never "
		                       "given back");
	case WEIR_HOLD_FILE:
	case WEIR_HOLD_WARM:
	case WEIR_HOLD_LEASED:
	case WEIR_HOLD_WAITING: break;
	}
	r = put_file(t, hold);
	return r < 0 ? r : weir_who_put_region(t, hold);
}

/* What is known of who made it, and of whose it is: only what says that they are gone, or
 * that they are not. */
static int put_origin(struct weir_who_print *t, const struct weir_hold *hold)
{
	struct weir_who_left left;
	int r = 0;

	weir_who_left(t->who, hold, &left);
	if (left.known.creator_pid)
		r = weir_who_put(t, ", made by process %" PRIu64 ", which %s",
		                 left.known.creator_pid,
		                 left.known.creator_lives ? "lives" : "is gone");
	if (r == 0 && left.domain.n)
		r = weir_who_put(t, ", of libvirt's domain ");
	if (r == 0 && left.domain.n)
		r = weir_who_put_shown(t, left.domain);
	if (r == 0 && left.domain_pid)
		r = weir_who_put(t, ", which process %" PRIu64 " runs", left.domain_pid);
	else if (r == 0 && left.domain.n)
		r = weir_who_put(t, ", which no process that is seen runs");
	if (r == 0 && left.known.owner == WEIR_OWNER_GONE)
		r = weir_who_put(t, ", who has no process that is seen");
	return r;
}

/* Of what nobody uses. */
static int put_left(struct weir_who_print *t, const struct weir_hold *hold)
{
	const struct weir_huge_file *f =
		hold->file == WEIR_HOLD_NONE
			? NULL
			: &t->who->ledger.holdings.files.v[hold->file];
	int r = 0;

	if (hold->shm) {
		if (hold->shm->nr_attached)
			return 0;
		r = weir_who_put(t, ": not attached, of user %" PRIu64, hold->shm->uid);
		if (r == 0)
			r = put_age(t, hold->shm->changed_at);
	} else if (f && f->known) {
		r = weir_who_put(t, ": nobody has it open, of user %" PRIu64, f->st.uid);
		if (r == 0)
			r = put_age(t, f->st.changed_at);
	} else {
		return 0;
	}
	return r < 0 ? r : put_origin(t, hold);
}

/* Of a VM's memory that no VM uses. */
static int put_kept(struct weir_who_print *t, const struct weir_hold *hold)
{
	struct weir_str vm = weir_str("", 0);
	enum weir_who_guest guest = weir_who_guest(t->who, hold, &vm);
	struct weir_buf by = { 0 };
	int r = 0;

	if (guest == WEIR_WHO_GUEST_UNSEEN)
		return weir_who_put(t, ": held only by processes that are not a VM");
	if (guest != WEIR_WHO_GUEST_GONE)
		return 0;
	r = weir_who_keeper(t->who, hold, &by);
	if (r == 0)
		r = weir_who_put(t, ": kept by %s after its VM ", by.p);
	if (r == 0)
		r = weir_who_put_shown(t, vm);
	if (r == 0)
		r = weir_who_put(t, "%sis gone", vm.n ? " " : "");
	weir_buf_done(&by);
	return r;
}

int weir_who_put_hold(struct weir_who_print *t, const struct weir_hold *hold)
{
	int r = weir_who_put_hold_name(t, hold);

	if (r < 0)
		return r;
	return weir_hold_is_left(hold) ? put_left(t, hold) : put_kept(t, hold);
}
