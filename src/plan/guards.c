/* guards: what a plan does to the host, and what of it nobody should do by accident. See
 * plan.h. */
#include "plan/plan_parts.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* What a host is left with: udev, sshd and the kernel itself need it. */
#define FLOOR_MIN     WEIR_GIB
#define FLOOR_PERCENT 3

static const char *const words[] = {
	[WEIR_GUARD_SURPLUS] = "surplus",   [WEIR_GUARD_SUBPOOL] = "subpool",
	[WEIR_GUARD_FLOOR] = "floor",       [WEIR_GUARD_VM] = "vm",
	[WEIR_GUARD_DECLARED] = "declared", [WEIR_GUARD_REACH] = "reach",
	[WEIR_GUARD_LEASE] = "lease",
};

const char *weir_guard_word(enum weir_guard guard)
{
	return words[guard];
}

int weir_guard_parse(struct weir_str word, enum weir_guard *out)
{
	for (size_t i = 0; i < WEIR_NELEM(words); i++)
		if (weir_str_eq(word, words[i])) {
			*out = (enum weir_guard)i;
			return 0;
		}
	return -EINVAL;
}

bool weir_plan_is_refused(const struct weir_plan *plan)
{
	for (size_t i = 0; i < plan->nr_breaches; i++)
		if (!plan->breaches[i].allowed)
			return true;
	return false;
}

static int breach(struct weir_planning *p, enum weir_guard guard, struct weir_err *err,
                  const char *fmt, ...) __attribute__((format(printf, 4, 5)));
static int breach(struct weir_planning *p, enum weir_guard guard, struct weir_err *err,
                  const char *fmt, ...)
{
	struct weir_plan *plan = p->out;
	struct weir_breach *to;
	va_list ap;
	int n;

	if (weir_grow(&plan->breaches, &plan->cap_breaches, plan->nr_breaches,
	              sizeof(*plan->breaches)) < 0)
		return weir_err_sys(err, -ENOMEM, "plan a change");
	to = &plan->breaches[plan->nr_breaches];
	*to = (struct weir_breach){
		.guard = guard,
		.allowed = p->options->allow >> guard & 1,
	};
	va_start(ap, fmt);
	n = vasprintf(&to->text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return weir_err_sys(err, -ENOMEM, "plan a change");
	plan->nr_breaches++;
	return 0;
}

static int passes(struct weir_planning *p, struct weir_err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
static int passes(struct weir_planning *p, struct weir_err *err, const char *fmt, ...)
{
	struct weir_breach *to = &p->out->breaches[p->out->nr_breaches - 1];
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return weir_err_sys(err, -ENOMEM, "plan a change");
	to->passes = text;
	return 0;
}

struct weir_pool_text weir_pool_text(const struct weir_planning *p, uint64_t page_bytes,
                                     int node)
{
	struct weir_pool_text t;
	char size[WEIR_SIZE_TEXT_MAX];

	(void)weir_format_size(page_bytes, size, sizeof(size));
	if (node >= 0 && p->node_files)
		(void)snprintf(t.text, sizeof(t.text), "%s/node%d", size, node);
	else
		(void)snprintf(t.text, sizeof(t.text), "%s", size);
	return t;
}

/* ---- each op ----------------------------------------------------------------------- */

/* Of @all pages that stay some are held by mounts, some are weird's. */
struct trapped {
	uint64_t held, warm, all;
};

static int trap_warm(struct weir_planning *p, struct weir_pool_text pool,
                     uint64_t page_bytes, int node, uint64_t pages, struct weir_err *err)
{
	uint64_t leased;

	(void)weir_guard_warm_pages(p, page_bytes, node, &leased);
	if (leased)
		return breach(p, WEIR_GUARD_LEASE, err,
		              "%s: %" PRIu64
		              " of the pages that would go are weird's, which has "
		              "leased %" PRIu64 " there; they would stay, as surplus, "
		              "and be gone once it gives them back",
		              pool.text, pages, leased);
	return breach(p, WEIR_GUARD_LEASE, err,
	              "%s: %" PRIu64
	              " of the pages that would go are warm memory that weird keeps for "
	              "leases; they would stay, as surplus, and be gone once it gives "
	              "them back",
	              pool.text, pages);
}

/* @pages: the wish that traps none. */
static int trap(struct weir_planning *p, uint64_t page_bytes, int node,
                const struct trapped *t, uint64_t pages, struct weir_err *err)
{
	struct weir_pool_text pool = weir_pool_text(p, page_bytes, node);
	uint64_t rest = weir_less(t->all, t->held + t->warm);
	int r = 0;

	if (t->held)
		r = breach(p, WEIR_GUARD_SUBPOOL, err,
		           "%s: %" PRIu64
		           " of the pages that would go are held by mounts "
		           "with min_size=; they would stay, as surplus",
		           pool.text, t->held);
	if (r == 0 && t->held)
		r = passes(p, err, "%s=%" PRIu64, pool.text, pages);
	if (r == 0 && t->warm)
		r = trap_warm(p, pool, page_bytes, node, t->warm, err);
	if (r == 0 && t->warm)
		r = passes(p, err, "%s=%" PRIu64, pool.text, pages);
	if (r == 0 && rest)
		r = breach(p, WEIR_GUARD_SURPLUS, err,
		           "%s: %" PRIu64 " of the pages that would go are in use or "
		           "reserved; they would stay, as surplus, and be gone once they "
		           "are freed",
		           pool.text, rest);
	if (r == 0 && rest)
		r = passes(p, err, "%s=%" PRIu64, pool.text, pages);
	return r;
}

/* A write that finds too few free pages succeeds all the same: what is in use or reserved
 * stays, as surplus, and goes when it is freed. What all nodes together were asked for is
 * answered together. Which of those in use stay longest nobody knows: mounts and weird
 * keep theirs for sure. */
int weir_guard_op(struct weir_planning *p, const struct weir_op *op,
                  const struct weir_tally *was, const struct weir_tally *is,
                  struct weir_err *err)
{
	struct trapped t = { .all = weir_less(is->surplus, was->surplus) };
	struct weir_goal *goal = weir_goal_of(p, op->page_bytes);
	uint64_t leased;

	if (op->kind != WEIR_OP_POOL || !t.all)
		return 0;
	t.held = weir_rehearsal_held(p->rehearsal, op->page_bytes);
	t.warm = weir_guard_warm_pages(p, op->page_bytes, op->node, &leased);
	if (goal->shared_out) {
		goal->trapped += t.all;
		goal->trapped_held = weir_min(t.held, goal->trapped);
		goal->trapped_warm += weir_min(t.warm, t.all);
		return 0;
	}
	t.held = weir_min(t.held, t.all);
	t.warm = weir_min(t.warm, t.all - t.held);
	/* not op->value: on older kernels that is another number */
	return trap(p, op->page_bytes, op->node, &t,
	            weir_persistent(is, (unsigned int)op->node) + t.all, err);
}

static int guard_traps(struct weir_planning *p, struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; i < p->nr_goals && r == 0; i++) {
		const struct weir_goal *goal = &p->goals[i];
		struct trapped t = { .held = goal->trapped_held,
			             .warm = goal->trapped_warm,
			             .all = goal->trapped };

		t.warm = weir_min(t.warm, t.all - t.held);
		if (t.all)
			r = trap(p, goal->page_bytes, -1, &t, goal->passes, err);
	}
	return r;
}

int weir_guard_reach(struct weir_planning *p, const struct weir_op *op, uint64_t short_by,
                     bool counted, struct weir_err *err)
{
	struct weir_pool_text pool = weir_pool_text(p, op->page_bytes, op->node);
	int r = breach(p, WEIR_GUARD_REACH, err,
	               "%s: of %" PRIu64 " pages %" PRIu64 " cannot be had%s", pool.text,
	               op->after, short_by,
	               counted ? ": in every other range of memory something stands that "
	                         "cannot be moved"
	                       : ", even if all that is free were in one piece and the "
	                         "page cache empty");
	struct weir_breach *last;

	if (r < 0)
		return r;
	last = &p->out->breaches[p->out->nr_breaches - 1];
	last->page_bytes = op->page_bytes;
	last->node = (unsigned int)op->node;
	last->short_by = short_by;
	return passes(p, err, "%s=%" PRIu64, pool.text, op->after - short_by);
}

int weir_guard_move(struct weir_planning *p, uint64_t page_bytes, unsigned int node,
                    uint64_t pages, uint64_t can, struct weir_err *err)
{
	char size[WEIR_SIZE_TEXT_MAX];
	int r;

	(void)weir_format_size(page_bytes, size, sizeof(size));
	r = breach(p, WEIR_GUARD_REACH, err,
	           "pinnable.%s/node%u: of %" PRIu64 " pages %" PRIu64
	           " can be moved: there are no more free ones where nothing may be "
	           "pinned, or no memory to move them to",
	           size, node, pages, can);
	return r < 0 || !can
	               ? r
	               : passes(p, err, "pinnable.%s/node%u=+%" PRIu64, size, node, can);
}

/* ---- the whole --------------------------------------------------------------------- */

void weir_guard_before(struct weir_planning *p)
{
	struct weir_plan_cost *cost = &p->out->cost;
	uint64_t floor = p->snap->mem.total.n / 100 * FLOOR_PERCENT;

	weir_rehearsal_cost(p->rehearsal, &cost->before, &cost->pinnable_before,
	                    &cost->has_cma);
	cost->available_known = p->snap->mem.available.known;
	cost->available_before = cost->available_known ? p->snap->mem.available.n
	                                               : cost->before.free;
	cost->floor_bytes = floor > FLOOR_MIN ? floor : FLOOR_MIN;
	if (p->options->floor_given)
		cost->floor_bytes = p->options->floor_bytes;
}

/* What pools take or give back is no longer, or again, available: si_mem_available() has
 * free memory in it page by page. */
static void see_cost(struct weir_planning *p)
{
	struct weir_plan_cost *cost = &p->out->cost;
	const struct weir_tallies *end = weir_plan_end(p->out);
	uint64_t was = 0, is = 0;
	bool has_cma;

	weir_rehearsal_cost(p->rehearsal, &cost->after, &cost->pinnable_after, &has_cma);
	for (size_t i = 0; i < end->nr; i++) {
		was += p->out->before.v[i].total * p->out->before.v[i].page_bytes;
		is += end->v[i].total * end->v[i].page_bytes;
	}
	cost->available_after = is > was ? weir_less(cost->available_before, is - was)
	                                 : cost->available_before + (was - is);
}

static int guard_floor(struct weir_planning *p, struct weir_err *err)
{
	const struct weir_plan_cost *cost = &p->out->cost;
	char size[3][WEIR_SIZE_TEXT_MAX];
	uint64_t lacking;
	int r;

	if (cost->available_after >= cost->floor_bytes ||
	    cost->available_after >= cost->available_before)
		return 0;
	r = breach(p, WEIR_GUARD_FLOOR, err,
	           "the host would be left with %s of available memory, and is to keep "
	           "%s",
	           weir_format_human(cost->available_after, size[0], sizeof(size[0])),
	           weir_format_human(cost->floor_bytes, size[1], sizeof(size[1])));
	if (r < 0)
		return r;
	lacking = cost->floor_bytes - cost->available_after;
	/* as much less as is lacking, if that much is asked for at all */
	if (lacking > cost->available_before - cost->available_after)
		return 0;
	return passes(p, err, "%s less",
	              weir_format_human(lacking, size[2], sizeof(size[2])));
}

static int guard_declared(struct weir_planning *p, struct weir_err *err)
{
	const struct weir_wishes *declared = p->options->declared;
	const struct weir_tallies *end = weir_plan_end(p->out);
	int r = 0;

	for (size_t i = 0; declared && i < declared->nr && r == 0; i++) {
		const struct weir_wish *wish = &declared->v[i];
		const struct weir_tally *t = weir_tally_of(end, wish->page_bytes);
		const struct weir_tally *was = weir_tally_of(&p->out->before,
		                                             wish->page_bytes);
		uint64_t is, before;

		if (wish->kind != WEIR_WISH_POOL || !t || !was ||
		    wish->node >= (int)WEIR_TALLY_NODES_MAX)
			continue;
		is = wish->node < 0 ? weir_less(t->total, t->surplus)
		                    : weir_less(t->node[wish->node].total,
		                                t->node[wish->node].surplus);
		before = wish->node < 0 ? weir_less(was->total, was->surplus)
		                        : weir_less(was->node[wish->node].total,
		                                    was->node[wish->node].surplus);
		if (is >= wish->pages || is >= before)
			continue;
		r = breach(p, WEIR_GUARD_DECLARED, err,
		           "%s: %" PRIu64 " pages are declared, and %" PRIu64
		           " would be there",
		           weir_pool_text(p, wish->page_bytes, wish->node).text,
		           wish->pages, is);
		if (r == 0)
			r = passes(p, err, "%s=%" PRIu64,
			           weir_pool_text(p, wish->page_bytes, wish->node).text,
			           wish->pages);
	}
	return r;
}

/* ---- declared VMs ------------------------------------------------------------------ */

/* The state at the plan's end once more: starting VMs spoilt the other. */
static int rehearse_again(struct weir_planning *p, struct weir_rehearsal **out,
                          struct weir_err *err)
{
	int r = weir_rehearsal_new(p->snap, p->options->kernel, out, NULL, err);
	uint64_t pinnable;

	for (size_t i = 0; i < p->out->nr_ops && r == 0; i++) {
		const struct weir_op *op = &p->out->ops[i];

		if (op->kind == WEIR_OP_MOVE)
			(void)weir_rehearsal_move(*out, op->page_bytes,
			                          (unsigned int)op->node, op->value,
			                          &pinnable);
		else
			r = weir_rehearsal_write(*out, op);
	}
	return r;
}

/* "2M/node1=40" for what a VM lacks there at the plan's end; "2M=60" of all nodes where
 * the wish was about them. */
static int add_lacking(struct weir_planning *p, const struct weir_wishes *lacking,
                       size_t idx, struct weir_buf *out)
{
	const struct weir_wish *wish = &lacking->v[idx];
	const struct weir_tally *end = weir_tally_or_none(weir_plan_end(p->out),
	                                                  wish->page_bytes);
	const struct weir_goal *goal = weir_goal_of(p, wish->page_bytes);
	uint64_t pages = wish->pages + weir_persistent(end, (unsigned int)wish->node);
	int node = wish->node;

	if (goal && goal->shared_out) {
		node = WEIR_WISH_ALL_NODES;
		pages = weir_persistent_of_all(end);
		for (size_t i = 0; i < lacking->nr; i++) {
			if (lacking->v[i].page_bytes != wish->page_bytes)
				continue;
			if (i < idx) /* said with that one */
				return 0;
			pages += lacking->v[i].pages;
		}
	}
	return weir_buf_printf(out, "%s%s=%" PRIu64, out->n ? " " : "",
	                       weir_pool_text(p, wish->page_bytes, node).text, pages);
}

/* What pools would have to be for all of @vms to start; nothing where larger pools are
 * not all that they lack. */
static int what_starts(struct weir_planning *p, const struct weir_plan_vms *vms,
                       struct weir_buf *out, struct weir_err *err)
{
	weir_auto(weir_rehearsal_freep) struct weir_rehearsal *again = NULL;
	weir_auto(weir_wishes_done) struct weir_wishes lacking = { 0 };
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	int r = rehearse_again(p, &again, err);

	if (r == 0)
		r = weir_rehearsal_grow_for(again, vms, &lacking, &notes, err);
	for (size_t i = 0; i < lacking.nr && r == 0 && !notes.n; i++)
		r = add_lacking(p, &lacking, i, out);
	return r;
}

static int breach_vm(struct weir_planning *p, const struct weir_ask *ask,
                     const struct weir_rehearsed *end, const struct weir_buf *pass,
                     struct weir_err *err)
{
	char unit[WEIR_SIZE_TEXT_MAX], lacks[160] = "";
	int r;

	if (end->need > end->have)
		(void)snprintf(lacks, sizeof(lacks),
		               ": of %" PRIu64 " pages of %s that it needs %" PRIu64
		               " would be lacking",
		               end->need,
		               weir_format_size(end->unit_bytes, unit, sizeof(unit)).p,
		               end->need - end->have);
	r = breach(p, WEIR_GUARD_VM, err,
	           "%s, which is declared, could start now, and could not any more%s",
	           ask->demand->name, lacks);
	return r < 0 || !pass->n ? r : passes(p, err, "%s", pass->p);
}

/* Which of the declared VMs could start before and not afterwards. */
static int guard_vms(struct weir_planning *p, struct weir_err *err)
{
	const struct weir_plan_vms *vms = &p->options->vms;
	weir_auto(weir_rehearsal_freep) struct weir_rehearsal *fresh = NULL;
	weir_auto(weir_buf_done) struct weir_buf pass = { 0 };
	weir_auto(weir_freep) struct weir_rehearsed *before = NULL, *after = NULL;
	weir_auto(weir_freep) struct weir_ask *could = NULL;
	struct weir_plan_vms those = { 0 };
	bool lost = false;
	int r;

	if (!vms->nr)
		return 0;
	before = calloc(vms->nr, sizeof(*before));
	after = calloc(vms->nr, sizeof(*after));
	could = calloc(vms->nr, sizeof(*could));
	if (!before || !after || !could)
		return weir_err_sys(err, -ENOMEM, "plan a change");
	r = weir_rehearsal_new(p->snap, p->options->kernel, &fresh, NULL, err);
	if (r == 0)
		r = weir_rehearsal_start(fresh, vms, before);
	if (r == 0)
		r = weir_rehearsal_start(p->rehearsal, vms, after);
	for (size_t i = 0; i < vms->nr && r == 0; i++) {
		if (before[i].starts) /* a view: what it points to stays the caller's */
			could[those.nr++] = vms->asks[i];
		lost = lost || (before[i].starts && !after[i].starts);
	}
	those.asks = could;
	if (r == 0 && lost)
		r = what_starts(p, &those, &pass, err);
	for (size_t i = 0; i < vms->nr && r == 0; i++)
		if (before[i].starts && !after[i].starts)
			r = breach_vm(p, &vms->asks[i], &after[i], &pass, err);
	return r < 0 ? weir_err_sys(err, r, "play the declared VMs") : 0;
}

int weir_guard_after(struct weir_planning *p, struct weir_err *err)
{
	int r;

	see_cost(p);
	r = guard_traps(p, err);
	if (r == 0)
		r = guard_floor(p, err);
	if (r == 0)
		r = guard_declared(p, err);
	if (r == 0)
		r = weir_guard_note_targets(p, err);
	return r < 0 ? r : guard_vms(p, err);
}
