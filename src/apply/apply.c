/* apply: see apply.h. */
#include "apply/apply.h"

#include "apply/lock.h"
#include "apply/readback.h"
#include "apply/steps.h"
#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#define TIMEOUT_MS 30000U

void weir_applied_done(struct weir_applied *applied)
{
	free(applied->reason);
	free(applied->help);
	applied->reason = applied->help = NULL;
}

static const char *state_of(const struct weir_apply_options *options)
{
	return options->state_dir ? options->state_dir : WEIR_STATE_DIR;
}

static uint64_t deadline_of(const struct weir_host *host,
                            const struct weir_apply_options *options)
{
	uint64_t ms = options->timeout_ms ? options->timeout_ms : TIMEOUT_MS;

	return weir_host_now_ns(host) + ms * UINT64_C(1000000);
}

int weir_boot_id(const struct weir_host *host, char **out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str id;

	*out = NULL;
	if (weir_host_read(host, "/proc/sys/kernel/random/boot_id", 128, &text) < 0)
		return 0; /* then no two boots can be told apart */
	id = weir_str_chomp(weir_buf_str(&text));
	*out = strndup(id.p, id.n);
	return *out ? 0 : -ENOMEM;
}

/* ---- the entry --------------------------------------------------------------------- */

static int copy_words(char **to, const char *from)
{
	*to = from ? strdup(from) : NULL;
	return from && !*to ? -ENOMEM : 0;
}

static int fill_entry(const struct weir_host *host, const struct weir_plan *plan,
                      const struct weir_apply_options *options, struct weir_entry *entry)
{
	const struct passwd *pw = getpwuid(getuid());
	int r = weir_boot_id(host, &entry->boot_id);

	entry->at_ns = weir_host_now_ns(host);
	entry->uid = getuid();
	entry->pid = (uint64_t)getpid();
	entry->before = plan->before;
	entry->undoes = options->undoes;
	if (r == 0)
		r = copy_words(&entry->user, pw ? pw->pw_name : NULL);
	if (r == 0)
		r = copy_words(&entry->command, options->command);
	entry->ops = calloc(plan->nr_ops + 1, sizeof(*entry->ops));
	if (!entry->ops)
		return -ENOMEM;
	for (size_t i = 0; i < plan->nr_ops; i++)
		entry->ops[i] = plan->ops[i];
	entry->nr_ops = plan->nr_ops;
	return r;
}

/* ---- going back -------------------------------------------------------------------- */

/* Did an op change the pool of this size and node? What is cut up changes the smaller
 * size too. */
static bool touches(const struct weir_op *op, uint64_t page_bytes, unsigned int node)
{
	if (op->node >= 0 && op->node != (int)node)
		return false;
	return (op->kind == WEIR_OP_DEMOTE && op->page_bytes >= page_bytes) ||
	       (op->kind == WEIR_OP_POOL && op->page_bytes == page_bytes);
}

/* The pools as they were, as wishes: of those that the ops were about. */
static int wishes_back(const struct weir_tallies *before, const struct weir_op *ops,
                       size_t nr_ops, struct weir_wishes *out, struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; i < before->nr && r == 0; i++) {
		const struct weir_tally *t = &before->v[i];
		bool limit = false;
		struct weir_wish wish = { .page_bytes = t->page_bytes };

		for (size_t k = 0; k < nr_ops; k++)
			limit = limit || (ops[k].kind == WEIR_OP_OVERCOMMIT &&
			                  ops[k].page_bytes == t->page_bytes);
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX && r == 0; n++) {
			bool pool = false;

			for (size_t k = 0; k < nr_ops && !pool; k++)
				pool = touches(&ops[k], t->page_bytes, n);
			if (!(before->nodes >> n & 1) || !pool)
				continue;
			wish.node = (int)n;
			wish.pages = t->node[n].total > t->node[n].surplus
			                     ? t->node[n].total - t->node[n].surplus
			                     : 0;
			r = weir_wishes_add(out, &wish, err);
		}
		if (!limit || r < 0)
			continue;
		wish = (struct weir_wish){ .kind = WEIR_WISH_OVERCOMMIT,
			                   .page_bytes = t->page_bytes,
			                   .node = WEIR_WISH_ALL_NODES,
			                   .pages = t->overcommit };
		r = weir_wishes_add(out, &wish, err);
	}
	return r;
}

int weir_plan_back(const struct weir_host *host, const struct weir_tallies *before,
                   const struct weir_op *ops, size_t nr_ops, struct weir_plan *out,
                   struct weir_err *err)
{
	const struct weir_plan_options options = { .allow = UINT32_MAX, .aim = before };
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
	int r = wishes_back(before, ops, nr_ops, &wishes, err);

	if (r == 0)
		r = weir_snapshot_read(host, weir_plan_parts(&wishes), &snap, err);
	return r < 0 ? r : weir_plan_make(snap, &wishes, &options, out, err);
}

/* Why what is there is not what was expected: it was written, or surplus pages came or
 * went, which is told from it: then all else is as planned. */
static int say_moved(struct weir_applying *a, const struct weir_tallies *expected)
{
	return weir_step_words(
		&a->out->reason, "%s",
		weir_tallies_were_written(expected, &a->now)
			? "somebody else changes the pools: what is there is not what "
			  "the last write left"
			: "surplus pages came or went meanwhile, with those who use "
			  "them; "
			  "nobody wrote to the pools");
}

/* After the last op nothing depends on surplus any more. 0; -EAGAIN: somebody wrote. */
static int check_end(struct weir_applying *a, const struct weir_tallies *expected)
{
	int r;

	if (!weir_tallies_differ(expected, &a->now))
		return 0;
	r = say_moved(a, expected);
	return r == 0 && weir_tallies_were_written(expected, &a->now) ? -EAGAIN : r;
}

/* Writes the ops of @plan, one after the other, as long as nobody else does. 0 when all
 * is as expected, but perhaps for surplus; WEIR_STEP_SHORT; -EAGAIN: something moved that
 * the next write depends on; other errors with words. */
static int run(struct weir_applying *a, struct weir_err *err)
{
	const struct weir_tallies *expected = &a->plan->before;
	int r = weir_tallies_look(a->host, expected, &a->now, err);

	for (size_t i = 0; i < a->plan->nr_ops && r == 0; i++) {
		const struct weir_op *op = &a->plan->ops[i];

		if (weir_tallies_differ(expected, &a->now)) {
			r = say_moved(a, expected);
			return r < 0 ? r : -EAGAIN;
		}
		a->op_idx = i;
		a->began_ns = weir_host_now_ns(a->host);
		if (weir_applying_is_stopped(a)) {
			a->out->stopped = true;
			r = weir_step_words(&a->out->reason, "it was stopped");
			r = r < 0 ? r : WEIR_STEP_SHORT;
		} else {
			r = weir_step_write(a, op, err);
		}
		if (r < 0)
			return r;
		a->out->failed_op = r == WEIR_STEP_SHORT ? i : SIZE_MAX;
		if (r == WEIR_STEP_SHORT)
			return r;
		r = weir_tallies_look(a->host, expected, &a->now, err);
		expected = &op->expected;
	}
	return r < 0 ? r : check_end(a, expected);
}

/* What was done is taken back, in one more plan. 0; or why it could not be, with words.
 */
static int go_back(struct weir_applying *a, struct weir_err *err)
{
	struct weir_apply_options options = *a->options;
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	struct weir_applied out = { .failed_op = SIZE_MAX };
	struct weir_applying back = {
		.host = a->host,
		.plan = &plan,
		.options = &options,
		.out = &out,
		.deadline_ns = weir_host_now_ns(a->host) + TIMEOUT_MS * UINT64_C(1000000),
	};
	int r = weir_plan_back(a->host, &a->plan->before, a->plan->ops, a->plan->nr_ops,
	                       &plan, err);

	options.stop = NULL; /* Ctrl-C means back, and not half of the way */
	options.progress = NULL;
	if (r == 0)
		r = run(&back, err);
	if (r == WEIR_STEP_SHORT)
		r = weir_err_set(err, -ENOMEM, "%s", out.reason);
	if (r == -EAGAIN)
		r = weir_err_set(err, -EAGAIN, "%s", out.reason);
	weir_applied_done(&out);
	return r;
}

/* ---- the whole --------------------------------------------------------------------- */

static int fell_short(struct weir_applying *a, struct weir_err *err)
{
	struct weir_err why = { 0 };
	int r;

	if (a->options->keep_partial) {
		a->out->end = WEIR_APPLY_KEPT;
		return 0;
	}
	a->out->end = WEIR_APPLY_UNDONE;
	r = go_back(a, &why);
	if (r == 0)
		return 0;
	a->out->end = r == -EAGAIN ? WEIR_APPLY_FOREIGN : WEIR_APPLY_KEPT;
	r = weir_step_words(&a->out->help, "it could not be taken back: %s", why.msg);
	return r < 0 ? weir_err_sys(err, r, "change the pools") : 0;
}

/* Is nothing of it on the host? When that cannot be seen, something may be. */
static bool is_as_before(const struct weir_applying *a)
{
	struct weir_tallies now;

	return weir_tallies_look(a->host, &a->plan->before, &now, NULL) == 0 &&
	       !weir_tallies_differ(&a->plan->before, &now);
}

static int carry_out(struct weir_applying *a, struct weir_err *err)
{
	int r = run(a, err);

	if (r == 0)
		a->out->end = WEIR_APPLY_DONE;
	else if (r == -EAGAIN) { /* what is there now is another's, and is left */
		a->out->end = WEIR_APPLY_FOREIGN;
		r = 0;
	} else if (r == WEIR_STEP_SHORT)
		r = fell_short(a, err);
	else if (!is_as_before(a)) {
		/* it failed after something was written: as if it had come to nothing */
		if (weir_step_words(&a->out->reason, "%s",
		                    err ? err->msg : "a write failed") < 0)
			return r;
		a->out->failed_op = a->op_idx;
		r = fell_short(a, err);
	}
	return r;
}

static int check_journal(const struct weir_host *host, const char *state_dir,
                         struct weir_err *err)
{
	weir_auto(weir_entries_done) struct weir_entries entries = { 0 };
	weir_auto(weir_freep) char *boot_id = NULL;
	const struct weir_entry *open;
	int r = weir_boot_id(host, &boot_id);

	if (r == 0)
		r = weir_journal_read(state_dir, &entries, NULL, err);
	if (r < 0)
		return r;
	open = weir_entries_cut_off(&entries, boot_id);
	return open ? weir_err_set(err, -EINPROGRESS,
	                           "change %" PRIu64 " (%s) was cut off in the middle: "
	                           "'weir undo' takes it back",
	                           open->id, open->command ? open->command : "?")
	            : 0;
}

static const enum weir_entry_end entry_ends[] = {
	[WEIR_APPLY_DONE] = WEIR_ENTRY_DONE,
	[WEIR_APPLY_UNDONE] = WEIR_ENTRY_UNDONE,
	[WEIR_APPLY_KEPT] = WEIR_ENTRY_KEPT,
	[WEIR_APPLY_FOREIGN] = WEIR_ENTRY_FOREIGN,
};

static int with_lock(struct weir_applying *a, struct weir_err *err)
{
	const char *state_dir = state_of(a->options);
	weir_auto(weir_entry_done) struct weir_entry entry = { 0 };
	int r = check_journal(a->host, state_dir, err), ended;

	if (r == 0)
		r = weir_tallies_look(a->host, &a->plan->before, &a->now, err);
	if (r == 0 && weir_tallies_differ(&a->plan->before, &a->now)) {
		a->out->after = a->now; /* since the plan was made */
		a->out->end = WEIR_APPLY_FOREIGN;
		return say_moved(a, &a->plan->before);
	}
	if (r == 0)
		r = fill_entry(a->host, a->plan, a->options, &entry);
	if (r == 0)
		r = weir_journal_begin(state_dir, &entry, err);
	if (r < 0)
		return r;
	a->out->journal_id = entry.id;
	r = carry_out(a, err);
	if (r < 0)
		a->out->end = WEIR_APPLY_UNDONE; /* the first write was refused */
	if (weir_tallies_look(a->host, &a->plan->before, &a->out->after, NULL) < 0)
		a->out->after = a->now;
	a->out->exact = !weir_tallies_differ(weir_plan_end(a->plan), &a->out->after);
	ended = weir_journal_end(state_dir, entry.id, entry_ends[a->out->end],
	                         weir_host_now_ns(a->host), &a->out->after,
	                         a->out->reason, r < 0 ? NULL : err);
	if (r < 0 || ended == 0)
		return r;
	/* to the next weir it looks as if it had been cut off */
	return weir_err_wrap(
		err, -EIO,
		"the pools were changed, and the journal could not be ended, "
		"so that the next 'weir set' or 'weir undo' takes it back");
}

int weir_apply(const struct weir_host *host, const struct weir_plan *plan,
               const struct weir_apply_options *options, struct weir_applied *out,
               struct weir_err *err)
{
	struct weir_applying a = {
		.host = host,
		.plan = plan,
		.options = options,
		.out = out,
		.deadline_ns = deadline_of(host, options),
	};
	weir_auto(weir_closep) int lock = weir_lock_take(state_of(options), err);

	*out = (struct weir_applied){ .failed_op = SIZE_MAX };
	return lock < 0 ? lock : with_lock(&a, err);
}

/* ---- undo -------------------------------------------------------------------------- */

/* Under the lock: it was perhaps not cut off, but at work when it was looked at. */
static int check_open(const struct weir_host *host, const char *state_dir, uint64_t id,
                      struct weir_err *err)
{
	weir_auto(weir_entries_done) struct weir_entries entries = { 0 };
	weir_auto(weir_freep) char *boot_id = NULL;
	const struct weir_entry *open;
	int r = weir_boot_id(host, &boot_id);

	if (r == 0)
		r = weir_journal_read(state_dir, &entries, NULL, err);
	if (r < 0)
		return r;
	open = weir_entries_cut_off(&entries, boot_id);
	return open && open->id == id
	               ? 0
	               : weir_err_set(err, -EBUSY,
	                              "another weir was at work, and is done now: once "
	                              "more, please");
}

int weir_undo_cut_off(const struct weir_host *host,
                      const struct weir_apply_options *options,
                      const struct weir_entry *entry, struct weir_applied *out,
                      struct weir_err *err)
{
	const char *state_dir = state_of(options);
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	struct weir_applying a = {
		.host = host,
		.plan = &plan,
		.options = options,
		.out = out,
		.deadline_ns = deadline_of(host, options),
	};
	weir_auto(weir_closep) int lock = weir_lock_take(state_dir, err);
	int r;

	*out = (struct weir_applied){ .failed_op = SIZE_MAX, .journal_id = entry->id };
	if (lock < 0)
		return lock;
	r = check_open(host, state_dir, entry->id, err);
	if (r < 0)
		return r;
	r = weir_plan_back(host, &entry->before, entry->ops, entry->nr_ops, &plan, err);
	if (r == 0)
		r = run(&a, err);
	if (r == -EAGAIN) { /* it stays open: the next one may do better */
		out->end = WEIR_APPLY_FOREIGN;
		return 0;
	}
	if (r == WEIR_STEP_SHORT) {
		out->end = WEIR_APPLY_KEPT;
		return 0;
	}
	if (r < 0)
		return r;
	out->end = WEIR_APPLY_UNDONE;
	out->after = a.now;
	out->exact = !weir_tallies_differ(&entry->before, &a.now);
	r = weir_journal_end(state_dir, entry->id, WEIR_ENTRY_UNDONE,
	                     weir_host_now_ns(host), &a.now, "it was cut off", err);
	return r == 0 ? 0
	              : weir_err_wrap(err, -EIO,
	                              "it was taken back, and the journal could not be "
	                              "ended");
}
