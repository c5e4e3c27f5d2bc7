/* plan: see plan.h. Here wishes become writes; goals.c says what they come to, and
 * guards.c looks at what they do.
 *
 * The order: what is cut up (demote), what gives memory back, what takes some, the
 * largest pages first, for these are the hardest to get; then limits; then moves. Each
 * write is played, and the next is planned on what it left. */
#include "plan/plan_parts.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* What a write takes, from above: the slowest that was seen on machines of several years
 * with memory that the kernel has at hand. A page given back costs more than one taken;
 * a gigantic one is emptied by moving what stands there. */
#define GROW_NS        10000U
#define SHRINK_NS      10000U
#define GIGANTIC_NS    500000000U
#define COMPACT_NS     2000000U
#define MOVE_NS        1000000U
#define WEIR_BASE_HUGE (UINT64_C(2) << 20)
#define BLOCK_MAX      (UINT64_C(4) << 20) /* of the buddy allocator */

const char *weir_op_word(enum weir_op_kind kind)
{
	static const char *const words[] = {
		[WEIR_OP_DEMOTE] = "demote",
		[WEIR_OP_POOL] = "pool",
		[WEIR_OP_OVERCOMMIT] = "overcommit",
		[WEIR_OP_MOVE] = "move",
	};

	return words[kind];
}

const struct weir_tally *weir_planning_now(struct weir_planning *p, uint64_t page_bytes)
{
	weir_rehearsal_tallies(p->rehearsal, &p->now);
	for (size_t i = 0; i < p->now.nr; i++)
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX; n++) {
			p->now.v[i].node[n].total += p->hoped[i][n];
			p->now.v[i].node[n].free += p->hoped[i][n];
			p->now.v[i].total += p->hoped[i][n];
			p->now.v[i].free += p->hoped[i][n];
		}
	return weir_tally_or_none(&p->now, page_bytes);
}

/* ---- ops --------------------------------------------------------------------------- */

/* One of several nodes has its own files; else those of the host are as good. */
static void put_path(struct weir_planning *p, struct weir_op *op)
{
	static const char *const files[] = {
		[WEIR_OP_DEMOTE] = "demote",
		[WEIR_OP_POOL] = "nr_hugepages",
		[WEIR_OP_OVERCOMMIT] = "nr_overcommit_hugepages",
	};

	if (op->kind == WEIR_OP_MOVE)
		return;
	if (op->node >= 0 && p->node_files)
		(void)snprintf(op->path, sizeof(op->path),
		               "/sys/devices/system/node/node%d/hugepages/"
		               "hugepages-%" PRIu64 "kB/%s",
		               op->node, op->page_bytes / 1024, files[op->kind]);
	else
		(void)snprintf(op->path, sizeof(op->path),
		               "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s",
		               op->page_bytes / 1024, files[op->kind]);
}

static bool is_gigantic(const struct weir_op *op)
{
	return op->page_bytes > BLOCK_MAX;
}

static uint64_t cost_ns(const struct weir_op *op, const struct weir_tally *was,
                        const struct weir_tally *is, bool compacted)
{
	uint64_t more = weir_less(is->total, was->total),
		 fewer = weir_less(was->total, is->total);

	if (op->kind == WEIR_OP_MOVE)
		return op->value * MOVE_NS;
	if (op->kind == WEIR_OP_DEMOTE) /* a page is cut up, and none is looked for */
		return fewer * (op->page_bytes / WEIR_BASE_HUGE) * SHRINK_NS;
	if (is_gigantic(op))
		return (more + fewer) * GIGANTIC_NS;
	return fewer * SHRINK_NS + more * (compacted ? COMPACT_NS : GROW_NS);
}

/* What the model's memory does not give, or of gigantic pages what the host's ranges do
 * not, is a breach; a plan that may do that counts on it all the same, and falls short if
 * it does not come. What comes for certain becomes op->least. */
static int hope(struct weir_planning *p, const struct weir_reach *reach,
                struct weir_op *op, struct weir_err *err)
{
	const struct weir_tally *is = weir_planning_now(p, op->page_bytes);
	uint64_t lacking = weir_less(op->after, is->node[op->node].total);
	uint64_t more = op->after - op->before, certain = more;
	uint64_t short_by = reach->known ? weir_less(more, reach->most) : lacking;
	int r = 0;

	for (size_t i = 0; i < p->now.nr; i++)
		if (p->now.v[i].page_bytes == op->page_bytes)
			p->hoped[i][op->node] += lacking;
	if (is_gigantic(op))
		certain = reach->free;
	else if (weir_rehearsal_had_to_compact(p->rehearsal))
		certain = weir_less(weir_rehearsal_without_help(p->rehearsal),
		                    op->before);
	op->least = op->before + (certain < more ? certain : more);
	op->most = op->after - short_by;
	if (short_by)
		r = weir_guard_reach(p, op, short_by, reach->known, err);
	return r == 0 && is_gigantic(op) ? weir_planning_note_reach(p, reach, op, err)
	                                 : r;
}

/* Plays @op, and keeps it with what came of it. */
static int add_op(struct weir_planning *p, struct weir_op *op, struct weir_err *err)
{
	struct weir_plan *plan = p->out;
	struct weir_tally was = *weir_planning_now(p, op->page_bytes);
	const struct weir_tally *is;
	bool grows = op->kind == WEIR_OP_POOL && op->after > op->before;
	struct weir_reach reach = { 0 };
	struct weir_op *to;
	int r;

	if (grows && is_gigantic(op)) /* what it takes, the write takes from these */
		reach = weir_planning_reach(p, op->page_bytes, (unsigned int)op->node);
	op->least = op->most = op->after;
	put_path(p, op);
	r = weir_rehearsal_write(p->rehearsal, op);
	if (r < 0)
		return weir_err_sys(err, r, "%s would refuse '%" PRIu64 "'", op->path,
		                    op->value);
	if (weir_grow(&plan->ops, &plan->cap_ops, plan->nr_ops, sizeof(*plan->ops)) < 0)
		return weir_err_sys(err, -ENOMEM, "plan a change");
	r = grows ? hope(p, &reach, op, err) : 0;
	if (r < 0)
		return r;
	is = weir_planning_now(p, op->page_bytes);
	to = &plan->ops[plan->nr_ops++];
	*to = *op;
	to->expected = p->now;
	if (op->kind == WEIR_OP_POOL)
		to->after = is->node[op->node].total;
	p->about_ns += cost_ns(op, &was, is, weir_rehearsal_had_to_compact(p->rehearsal));
	if (weir_rehearsal_had_to_compact(p->rehearsal) && !is_gigantic(op))
		p->compacts = true;
	return weir_guard_op(p, to, &was, is, err);
}

static int set_pool(struct weir_planning *p, uint64_t page_bytes, unsigned int node,
                    uint64_t pages, struct weir_err *err)
{
	const struct weir_tally *t = weir_planning_now(p, page_bytes);
	struct weir_op op = {
		.kind = WEIR_OP_POOL,
		.page_bytes = page_bytes,
		.node = (int)node,
		.before = t->node[node].total,
	};
	char size[WEIR_SIZE_TEXT_MAX];

	if (pages == weir_persistent(t, node))
		return 0;
	if (!weir_rehearsal_value(p->rehearsal, page_bytes, node, pages, &op.value))
		return weir_err_set(
			err, -EINVAL,
			"this kernel counts the surplus pages of other nodes in: no "
			"number written for node %u leaves it %" PRIu64 " pages of %s",
			node, pages, weir_format_size(page_bytes, size, sizeof(size)).p);
	/* surplus pages become persistent ones first */
	op.after = pages > op.before ? pages : op.before;
	return add_op(p, &op, err);
}

/* ---- cutting up -------------------------------------------------------------------- */

/* How many pages of @from on a node can be cut up for what is wanted of @to. */
static uint64_t to_demote(struct weir_planning *p, const struct weir_goal *from,
                          const struct weir_goal *to, unsigned int node)
{
	const struct weir_tally *large = weir_planning_now(p, from->page_bytes);
	const struct weir_tally *small = weir_tally_or_none(&p->now, to->page_bytes);
	uint64_t ratio = from->page_bytes / to->page_bytes;
	uint64_t down = weir_less(weir_persistent(large, node), from->pages[node]);
	uint64_t up = weir_less(to->pages[node], weir_persistent(small, node)) + to->more;
	/* demote_store(): what is reserved anywhere stays on each node */
	uint64_t free = weir_less(large->node[node].free, large->reserved);

	if (down > free)
		down = free;
	return down < up / ratio ? down : up / ratio;
}

static int demote(struct weir_planning *p, const struct weir_goal *from,
                  struct weir_goal *to, unsigned int node, struct weir_err *err)
{
	uint64_t ratio = from->page_bytes / to->page_bytes, fixed, made;
	struct weir_op op = {
		.kind = WEIR_OP_DEMOTE,
		.page_bytes = from->page_bytes,
		.node = (int)node,
		.value = to_demote(p, from, to, node),
	};

	if (!op.value)
		return 0;
	op.before = weir_planning_now(p, from->page_bytes)->node[node].total;
	op.after = op.before - op.value;
	fixed = weir_less(
		to->pages[node],
		weir_persistent(weir_tally_or_none(&p->now, to->page_bytes), node));
	made = op.value * ratio;
	/* what is made beyond the node's own goal is of what all nodes shall have */
	if (made > fixed) {
		to->pages[node] += made - fixed;
		to->more -= made - fixed;
	}
	return add_op(p, &op, err);
}

static int demote_all(struct weir_planning *p, struct weir_err *err)
{
	int r = 0;

	for (size_t i = p->nr_goals; i-- && r == 0;) {
		struct weir_goal *from = &p->goals[i];
		struct weir_goal *to = weir_goal_of(
			p, weir_rehearsal_demote_bytes(p->rehearsal, from->page_bytes));

		for (unsigned int n = 0; to && n < WEIR_TALLY_NODES_MAX && r == 0; n++)
			if (p->out->before.nodes >> n & 1)
				r = demote(p, from, to, n, err);
	}
	return r;
}

/* ---- the rest ---------------------------------------------------------------------- */

/* Of the pages that a node is to give back, those that are in use. */
static uint64_t stuck(const struct weir_planning *p, const struct weir_goal *goal,
                      unsigned int node)
{
	const struct weir_tally *t = weir_tally_or_none(&p->now, goal->page_bytes);

	return weir_less(weir_less(weir_persistent(t, node), goal->pages[node]),
	                 t->node[node].free);
}

/* Does node @a come before node @b? What cannot go becomes surplus where it is asked for
 * last. So a node that had surplus goes last when a state is brought back. Else one whose
 * pages are all free goes first: as long as there is no surplus elsewhere the kernel
 * gives back as much as it can. On kernels that count the surplus of other nodes in, one
 * that is to keep few pages goes first, for the same reason. Else by number. */
static bool shrinks_before(const struct weir_planning *p, const struct weir_goal *goal,
                           unsigned int a, unsigned int b)
{
	const struct weir_tally *aim =
		p->options->aim ? weir_tally_of(p->options->aim, goal->page_bytes) : NULL;

	if (aim && aim->node[a].surplus != aim->node[b].surplus)
		return aim->node[a].surplus < aim->node[b].surplus;
	if (stuck(p, goal, a) != stuck(p, goal, b))
		return stuck(p, goal, a) < stuck(p, goal, b);
	if (weir_rehearsal_counts_all_surplus(p->rehearsal) &&
	    goal->pages[a] != goal->pages[b])
		return goal->pages[a] < goal->pages[b];
	return a < b;
}

static int shrink(struct weir_planning *p, const struct weir_goal *goal,
                  struct weir_err *err)
{
	uint64_t left = 0;
	int r = 0;

	for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX; n++)
		if (p->out->before.nodes >> n & 1 &&
		    goal->pages[n] <
		            weir_persistent(weir_planning_now(p, goal->page_bytes), n))
			left |= UINT64_C(1) << n;
	while (left && r == 0) {
		unsigned int first = (unsigned int)__builtin_ctzll(left);

		for (uint64_t rest = left; rest; rest &= rest - 1) {
			unsigned int n = (unsigned int)__builtin_ctzll(rest);

			if (shrinks_before(p, goal, n, first))
				first = n;
		}
		left &= ~(UINT64_C(1) << first);
		r = set_pool(p, goal->page_bytes, first, goal->pages[first], err);
	}
	return r;
}

static int shrink_all(struct weir_planning *p, struct weir_err *err)
{
	int r = 0;

	for (size_t i = p->nr_goals; i-- && r == 0;)
		r = shrink(p, &p->goals[i], err);
	return r;
}

static int grow_all(struct weir_planning *p, struct weir_err *err)
{
	int r = 0;

	for (size_t i = p->nr_goals; i-- && r == 0;) {
		struct weir_goal *goal = &p->goals[i];

		if (goal->more)
			weir_goal_share(p, goal);
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX && r == 0; n++)
			if (p->out->before.nodes >> n & 1 &&
			    goal->pages[n] >
			            weir_persistent(
					    weir_planning_now(p, goal->page_bytes), n))
				r = set_pool(p, goal->page_bytes, n, goal->pages[n], err);
	}
	return r;
}

static int set_overcommit(struct weir_planning *p, const struct weir_wish *wish,
                          struct weir_err *err)
{
	struct weir_op op = {
		.kind = WEIR_OP_OVERCOMMIT,
		.page_bytes = wish->page_bytes,
		.node = -1,
		.before = weir_planning_now(p, wish->page_bytes)->overcommit,
	};
	int r = weir_wish_resolve(wish, op.before, &op.value, err);

	op.after = op.value;
	return r < 0 || op.value == op.before ? r : add_op(p, &op, err);
}

static int move_out(struct weir_planning *p, const struct weir_wish *wish,
                    struct weir_err *err)
{
	unsigned int node = (unsigned int)wish->node;
	struct weir_plan *plan = p->out;
	struct weir_op op = {
		.kind = WEIR_OP_MOVE,
		.page_bytes = wish->page_bytes,
		.node = wish->node,
		.before = weir_rehearsal_pinnable(p->rehearsal, wish->page_bytes, node),
	};

	op.value = weir_rehearsal_move(p->rehearsal, wish->page_bytes, node, wish->pages,
	                               &op.after);
	if (op.value < wish->pages) {
		int r = weir_guard_move(p, wish->page_bytes, node, wish->pages, op.value,
		                        err);

		if (r < 0)
			return r;
	}
	if (weir_grow(&plan->ops, &plan->cap_ops, plan->nr_ops, sizeof(*plan->ops)) < 0)
		return weir_err_sys(err, -ENOMEM, "plan a change");
	(void)weir_planning_now(p, wish->page_bytes);
	op.least = op.most = op.after;
	op.expected = p->now;
	p->about_ns += op.value * MOVE_NS;
	plan->ops[plan->nr_ops++] = op;
	return 0;
}

static int others(struct weir_planning *p, const struct weir_wishes *wishes,
                  enum weir_wish_kind kind, struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; i < wishes->nr && r == 0; i++)
		if (wishes->v[i].kind == kind)
			r = kind == WEIR_WISH_OVERCOMMIT
			            ? set_overcommit(p, &wishes->v[i], err)
			            : move_out(p, &wishes->v[i], err);
	return r;
}

static bool has_node_files(const struct weir_snapshot *snap)
{
	for (size_t i = 0; i < snap->pools.nr; i++)
		if (snap->pools.sizes[i].nr_nodes > 1)
			return true;
	return false;
}

static int make(struct weir_planning *p, const struct weir_wishes *wishes,
                struct weir_err *err)
{
	int r = weir_goals_read(p, wishes, err);

	if (r == 0)
		r = demote_all(p, err);
	if (r == 0)
		r = shrink_all(p, err);
	if (r == 0)
		r = grow_all(p, err);
	if (r == 0)
		r = others(p, wishes, WEIR_WISH_OVERCOMMIT, err);
	if (r == 0)
		r = others(p, wishes, WEIR_WISH_PINNABLE, err);
	return r;
}

unsigned int weir_plan_parts(const struct weir_wishes *wishes)
{
	unsigned int parts = WEIR_SNAPSHOT_DETAILS;

	for (size_t i = 0; i < wishes->nr; i++) {
		const struct weir_wish *wish = &wishes->v[i];

		if (wish->kind == WEIR_WISH_PINNABLE)
			parts |= WEIR_SNAPSHOT_PLACEMENT;
		if (wish->kind == WEIR_WISH_POOL && wish->page_bytes > BLOCK_MAX &&
		    wish->how != WEIR_WISH_LESS && wish->pages)
			parts |= WEIR_SNAPSHOT_CONTIG;
	}
	return parts;
}

int weir_plan_make(const struct weir_snapshot *snap, const struct weir_wishes *wishes,
                   const struct weir_plan_options *options, struct weir_plan *out,
                   struct weir_err *err)
{
	weir_auto(weir_rehearsal_freep) struct weir_rehearsal *rehearsal = NULL;
	weir_auto(weir_freep) struct weir_planning *p = calloc(1, sizeof(*p));
	int r;

	*out = (struct weir_plan){ 0 };
	if (!p)
		return weir_err_sys(err, -ENOMEM, "plan a change");
	r = weir_tallies_read(&snap->pools, &out->before, err);
	if (r == 0)
		r = weir_rehearsal_new(snap, options->kernel, &rehearsal, &out->assumed,
		                       err);
	if (r < 0)
		return r;
	*p = (struct weir_planning){
		.snap = snap,
		.options = options,
		.rehearsal = rehearsal,
		.out = out,
		.node_files = has_node_files(snap),
	};
	weir_guard_before(p);
	r = make(p, wishes, err);
	if (r == 0)
		r = weir_guard_after(p, err);
	if (r == 0 && p->compacts)
		r = weir_buf_addz(&out->notes,
		                  "free memory has to be gathered into whole blocks for "
		                  "it: it may take long, and may not come to all\n");
	out->cost.about_ms = p->about_ns / 1000000;
	if (r < 0)
		weir_plan_done(out);
	return r;
}

const struct weir_tallies *weir_plan_end(const struct weir_plan *plan)
{
	return plan->nr_ops ? &plan->ops[plan->nr_ops - 1].expected : &plan->before;
}

void weir_plan_done(struct weir_plan *plan)
{
	free(plan->ops);
	for (size_t i = 0; i < plan->nr_breaches; i++) {
		free(plan->breaches[i].text);
		free(plan->breaches[i].passes);
	}
	free(plan->breaches);
	weir_buf_done(&plan->notes);
	weir_buf_done(&plan->assumed);
	*plan = (struct weir_plan){ 0 };
}

int weir_plan_for_vms(const struct weir_snapshot *snap, const struct weir_plan_vms *vms,
                      const char *kernel, struct weir_wishes *out, struct weir_buf *notes,
                      struct weir_err *err)
{
	weir_auto(weir_rehearsal_freep) struct weir_rehearsal *rehearsal = NULL;
	int r = weir_rehearsal_new(snap, kernel, &rehearsal, NULL, err);

	return r < 0 ? r : weir_rehearsal_grow_for(rehearsal, vms, out, notes, err);
}
