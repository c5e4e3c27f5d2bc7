/* plan: see plan.h. Here wishes become writes; guards.c looks at what they do.
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
#define GROW_NS     10000U
#define SHRINK_NS   10000U
#define GIGANTIC_NS 500000000U
#define COMPACT_NS  2000000U
#define MOVE_NS     1000000U
#define BLOCK_MAX   (UINT64_C(4) << 20) /* of the buddy allocator */

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

/* ---- what there is ----------------------------------------------------------------- */

static const struct weir_tally *now(struct weir_planning *p, uint64_t page_bytes)
{
	weir_rehearsal_tallies(p->rehearsal, &p->now);
	return weir_tally_of(&p->now, page_bytes);
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static uint64_t persistent(const struct weir_tally *t, unsigned int node)
{
	return less(t->node[node].total, t->node[node].surplus);
}

static uint64_t persistent_of_all(const struct weir_tally *t)
{
	return less(t->total, t->surplus);
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

static uint64_t cost_ns(const struct weir_op *op, const struct weir_tally *was,
                        const struct weir_tally *is, bool compacted)
{
	uint64_t more = less(is->total, was->total), fewer = less(was->total, is->total);

	if (op->kind == WEIR_OP_MOVE)
		return op->value * MOVE_NS;
	if (op->page_bytes > BLOCK_MAX)
		return (more + fewer) * GIGANTIC_NS;
	return fewer * SHRINK_NS + more * (compacted ? COMPACT_NS : GROW_NS);
}

/* Plays @op, and keeps it with what came of it. */
static int add_op(struct weir_planning *p, struct weir_op *op, struct weir_err *err)
{
	struct weir_plan *plan = p->out;
	struct weir_tally was = *now(p, op->page_bytes);
	const struct weir_tally *is;
	struct weir_op *to;
	int r;

	put_path(p, op);
	r = weir_rehearsal_write(p->rehearsal, op);
	if (r < 0)
		return weir_err_sys(err, r, "%s would refuse '%" PRIu64 "'", op->path,
		                    op->value);
	if (weir_grow(&plan->ops, &plan->cap_ops, plan->nr_ops, sizeof(*plan->ops)) < 0)
		return weir_err_sys(err, -ENOMEM, "plan a change");
	is = now(p, op->page_bytes);
	to = &plan->ops[plan->nr_ops++];
	*to = *op;
	to->expected = p->now;
	if (op->kind == WEIR_OP_POOL)
		to->after = is->node[op->node].total;
	p->about_ns += cost_ns(op, &was, is, weir_rehearsal_had_to_compact(p->rehearsal));
	if (weir_rehearsal_had_to_compact(p->rehearsal))
		p->compacts = true;
	return weir_guard_op(p, to, &was, is, err);
}

static int set_pool(struct weir_planning *p, uint64_t page_bytes, unsigned int node,
                    uint64_t pages, struct weir_err *err)
{
	const struct weir_tally *t = now(p, page_bytes);
	struct weir_op op = {
		.kind = WEIR_OP_POOL,
		.page_bytes = page_bytes,
		.node = (int)node,
		.before = t->node[node].total,
	};
	uint64_t can, more = less(pages, persistent(t, node));
	char size[WEIR_SIZE_TEXT_MAX];

	if (pages == persistent(t, node))
		return 0;
	if (!weir_rehearsal_value(p->rehearsal, page_bytes, node, pages, &op.value))
		return weir_err_set(
			err, -EINVAL,
			"this kernel counts the surplus pages of other nodes in: no "
			"number written for node %u leaves it %" PRIu64 " pages of %s",
			node, pages, weir_format_size(page_bytes, size, sizeof(size)).p);
	op.after = pages + t->node[node].surplus;
	/* surplus pages become persistent ones first */
	more = less(more, t->node[node].surplus);
	can = more ? weir_rehearsal_can_give(p->rehearsal, page_bytes, node, more) : 0;
	if (more > can) {
		int r = weir_guard_reach(p, page_bytes, node, pages, more - can, err);

		if (r < 0)
			return r;
		op.after = less(op.after, more - can);
	}
	return add_op(p, &op, err);
}

/* ---- goals ------------------------------------------------------------------------- */

static struct weir_goal *goal_of(struct weir_planning *p, uint64_t page_bytes)
{
	for (size_t i = 0; i < p->nr_goals; i++)
		if (p->goals[i].page_bytes == page_bytes)
			return &p->goals[i];
	return NULL;
}

static int too_few(const struct weir_wish *wish, uint64_t have, struct weir_err *err)
{
	char text[WEIR_WISH_TEXT_MAX];

	return weir_err_set(err, -EINVAL, "'%s': there are %" PRIu64 " to take from",
	                    weir_wish_text(wish, text, sizeof(text)), have);
}

/* What a wish comes to, as a number. */
static int resolve(const struct weir_wish *wish, uint64_t have, uint64_t *out,
                   struct weir_err *err)
{
	*out = wish->pages;
	if (wish->how == WEIR_WISH_LESS && wish->pages > have)
		return too_few(wish, have, err);
	if (wish->how == WEIR_WISH_LESS)
		*out = have - wish->pages;
	if (wish->how == WEIR_WISH_MORE)
		*out = have + wish->pages;
	return 0;
}

/* Takes @pages off the nodes, evenly, and as long as there are free ones only those; what
 * is left then goes evenly off what is in use, and a guard will say so. */
static void share_shrink(const struct weir_tally *t, uint64_t nodes, uint64_t pages,
                         struct weir_goal *goal)
{
	for (unsigned int free_only = 2; free_only-- && pages;) {
		uint64_t left = nodes;

		while (left && pages) {
			uint64_t nr = (uint64_t)__builtin_popcountll(left);
			uint64_t share = pages / nr ? pages / nr : 1;

			for (uint64_t rest = left; rest && pages; rest &= rest - 1) {
				unsigned int n = (unsigned int)__builtin_ctzll(rest);
				uint64_t gone = persistent(t, n) - goal->pages[n];
				uint64_t can = free_only ? less(t->node[n].free, gone)
				                         : goal->pages[n];
				uint64_t take = share < can ? share : can;

				if (take > goal->pages[n])
					take = goal->pages[n];
				if (take > pages)
					take = pages;
				goal->pages[n] -= take;
				pages -= take;
				if (take < share)
					left &= ~(UINT64_C(1) << n);
			}
		}
	}
}

static int read_pool_wish(struct weir_planning *p, const struct weir_wish *wish,
                          struct weir_err *err)
{
	struct weir_goal *goal = goal_of(p, wish->page_bytes);
	const struct weir_tally *t = weir_tally_of(&p->out->before, wish->page_bytes);
	uint64_t have, to = 0;
	int r;

	if (wish->node >= 0) {
		have = persistent(t, (unsigned int)wish->node);
		r = resolve(wish, have, &to, err);
		if (r == 0) {
			goal->pages[wish->node] = to;
			goal->fixed |= UINT64_C(1) << wish->node;
		}
		return r;
	}
	have = persistent_of_all(t);
	r = resolve(wish, have, &to, err);
	if (r == 0 && to < have)
		share_shrink(t, p->out->before.nodes, have - to, goal);
	else if (r == 0)
		goal->more = to - have;
	return r;
}

static int no_such(struct weir_planning *p, const struct weir_wish *wish,
                   struct weir_err *err)
{
	char text[WEIR_WISH_TEXT_MAX], size[WEIR_SIZE_TEXT_MAX], list[160] = "";
	size_t n = 0;

	(void)weir_wish_text(wish, text, sizeof(text));
	for (size_t i = 0; i < p->out->before.nr; i++) {
		int w = snprintf(list + n, sizeof(list) - n, "%s%s", i ? ", " : "",
		                 weir_format_size(p->out->before.v[i].page_bytes, size,
		                                  sizeof(size))
		                         .p);

		if (w < 0 || (size_t)w >= sizeof(list) - n)
			break;
		n += (size_t)w;
	}
	return weir_err_set(
		err, -EINVAL, "'%s': this kernel has no pages of %s, but of %s", text,
		weir_format_size(wish->page_bytes, size, sizeof(size)).p, list);
}

static int check_wish(struct weir_planning *p, const struct weir_wish *wish,
                      struct weir_err *err)
{
	uint64_t nodes = weir_rehearsal_nodes(p->rehearsal);
	char text[WEIR_WISH_TEXT_MAX];

	(void)weir_wish_text(wish, text, sizeof(text));
	if (!weir_tally_of(&p->out->before, wish->page_bytes))
		return no_such(p, wish, err);
	if (wish->node >= 0 &&
	    (wish->node >= (int)WEIR_TALLY_NODES_MAX || !(nodes >> wish->node & 1)))
		return weir_err_set(err, -EINVAL,
		                    "'%s': this host has no node %d with memory: see "
		                    "'weir status'",
		                    text, wish->node);
	if (wish->kind == WEIR_WISH_OVERCOMMIT &&
	    !weir_rehearsal_takes_overcommit(p->rehearsal, wish->page_bytes))
		return weir_err_set(err, -EINVAL,
		                    "'%s': this kernel makes no surplus pages of that "
		                    "size",
		                    text);
	if (wish->kind == WEIR_WISH_PINNABLE && !weir_rehearsal_can_move(p->rehearsal))
		return weir_err_set(err, -EINVAL,
		                    "'%s': this kernel refuses to pin such pages instead "
		                    "of moving them: 'weir probe pins' measures it",
		                    text);
	return 0;
}

static int read_wishes(struct weir_planning *p, const struct weir_wishes *wishes,
                       struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; i < p->out->before.nr; i++) {
		const struct weir_tally *t = &p->out->before.v[i];
		struct weir_goal *goal = &p->goals[p->nr_goals++];

		goal->page_bytes = t->page_bytes;
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX; n++)
			goal->pages[n] = persistent(t, n);
	}
	for (size_t i = 0; i < wishes->nr && r == 0; i++) {
		r = check_wish(p, &wishes->v[i], err);
		if (r == 0 && wishes->v[i].kind == WEIR_WISH_POOL)
			r = read_pool_wish(p, &wishes->v[i], err);
	}
	return r;
}

/* ---- cutting up -------------------------------------------------------------------- */

/* How many pages of @from on a node can be cut up for what is wanted of @to. */
static uint64_t to_demote(struct weir_planning *p, const struct weir_goal *from,
                          const struct weir_goal *to, unsigned int node)
{
	const struct weir_tally *large = now(p, from->page_bytes);
	const struct weir_tally *small = weir_tally_of(&p->now, to->page_bytes);
	uint64_t ratio = from->page_bytes / to->page_bytes;
	uint64_t down = less(persistent(large, node), from->pages[node]);
	uint64_t up = less(to->pages[node], persistent(small, node)) + to->more;
	uint64_t free = less(large->free, large->reserved);

	if (free > large->node[node].free)
		free = large->node[node].free;
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
	op.before = now(p, from->page_bytes)->node[node].total;
	op.after = op.before - op.value;
	fixed = less(to->pages[node],
	             persistent(weir_tally_of(&p->now, to->page_bytes), node));
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
		struct weir_goal *to = goal_of(
			p, weir_rehearsal_demote_bytes(p->rehearsal, from->page_bytes));

		for (unsigned int n = 0; to && n < WEIR_TALLY_NODES_MAX && r == 0; n++)
			if (p->out->before.nodes >> n & 1)
				r = demote(p, from, to, n, err);
	}
	return r;
}

/* ---- the rest ---------------------------------------------------------------------- */

static int shrink_all(struct weir_planning *p, struct weir_err *err)
{
	int r = 0;

	for (size_t i = p->nr_goals; i-- && r == 0;)
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX && r == 0; n++) {
			struct weir_goal *goal = &p->goals[i];

			if (p->out->before.nodes >> n & 1 &&
			    goal->pages[n] < persistent(now(p, goal->page_bytes), n))
				r = set_pool(p, goal->page_bytes, n, goal->pages[n], err);
		}
	return r;
}

/* Shares out what all nodes together shall have more: evenly, as far as each can give. */
static void share_growth(struct weir_planning *p, struct weir_goal *goal)
{
	uint64_t nodes = p->out->before.nodes, can[WEIR_TALLY_NODES_MAX] = { 0 };
	const struct weir_tally *t = now(p, goal->page_bytes);
	unsigned int first = (unsigned int)__builtin_ctzll(nodes | UINT64_C(1) << 63);

	for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX && goal->more; n++)
		if (nodes >> n & 1) /* surplus pages are there already */
			can[n] = weir_rehearsal_can_give(p->rehearsal, goal->page_bytes,
			                                 n, goal->more) +
			         t->node[n].surplus;
	while (goal->more && nodes) {
		uint64_t nr = (uint64_t)__builtin_popcountll(nodes);
		uint64_t share = goal->more / nr ? goal->more / nr : 1;

		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX && goal->more; n++) {
			uint64_t take = share < can[n] ? share : can[n];

			if (!(nodes >> n & 1))
				continue;
			if (take > goal->more)
				take = goal->more;
			goal->pages[n] += take;
			goal->more -= take;
			can[n] -= take;
			if (take < share)
				nodes &= ~(UINT64_C(1) << n);
		}
	}
	/* what nobody can give: the first node is asked, so that a guard says so */
	goal->pages[first] += goal->more;
	goal->more = 0;
}

static int grow_all(struct weir_planning *p, struct weir_err *err)
{
	int r = 0;

	for (size_t i = p->nr_goals; i-- && r == 0;) {
		struct weir_goal *goal = &p->goals[i];

		if (goal->more)
			share_growth(p, goal);
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX && r == 0; n++)
			if (p->out->before.nodes >> n & 1 &&
			    goal->pages[n] > persistent(now(p, goal->page_bytes), n))
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
		.before = now(p, wish->page_bytes)->overcommit,
	};
	int r = resolve(wish, op.before, &op.value, err);

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
		int r = weir_guard_reach(p, wish->page_bytes, node, wish->pages,
		                         wish->pages - op.value, err);

		if (r < 0)
			return r;
	}
	if (weir_grow(&plan->ops, &plan->cap_ops, plan->nr_ops, sizeof(*plan->ops)) < 0)
		return weir_err_sys(err, -ENOMEM, "plan a change");
	(void)now(p, wish->page_bytes);
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
	int r = read_wishes(p, wishes, err);

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
		r = weir_rehearsal_new(snap, options->kernel, &rehearsal, &out->notes,
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
