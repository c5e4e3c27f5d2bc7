/* goals: what the pools of each size shall be: wishes as numbers, and those about all
 * nodes together shared out. See plan_parts.h. */
#include "plan/plan_parts.h"

#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct weir_goal *weir_goal_of(struct weir_planning *p, uint64_t page_bytes)
{
	for (size_t i = 0; i < p->nr_goals; i++)
		if (p->goals[i].page_bytes == page_bytes)
			return &p->goals[i];
	return NULL;
}

static int too_few(const struct weir_wish *wish, uint64_t have, struct weir_err *err)
{
	char text[WEIR_WISH_TEXT_MAX];

	return weir_err_set(err, -EINVAL,
	                    "'%s': there are %" PRIu64
	                    " to take from (surplus pages do not count)",
	                    weir_wish_text(wish, text, sizeof(text)), have);
}

int weir_wish_resolve(const struct weir_wish *wish, uint64_t have, uint64_t *out,
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
	/* of the free ones, wherever they are, so many are promised */
	uint64_t spare = weir_less(t->free, t->reserved);

	for (unsigned int free_only = 2; free_only-- && pages;) {
		uint64_t later = free_only && pages > spare ? pages - spare : 0;
		uint64_t left = nodes;

		pages -= later;
		while (left && pages) {
			uint64_t nr = (uint64_t)__builtin_popcountll(left);
			uint64_t share = pages / nr ? pages / nr : 1;

			for (uint64_t rest = left; rest && pages; rest &= rest - 1) {
				unsigned int n = (unsigned int)__builtin_ctzll(rest);
				uint64_t gone = weir_persistent(t, n) - goal->pages[n];
				uint64_t can = free_only
				                       ? weir_less(t->node[n].free, gone)
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
		pages += later;
	}
}

static int read_pool_wish(struct weir_planning *p, const struct weir_wish *wish,
                          struct weir_err *err)
{
	struct weir_goal *goal = weir_goal_of(p, wish->page_bytes);
	const struct weir_tally *t = weir_tally_or_none(&p->out->before,
	                                                wish->page_bytes);
	uint64_t have, to = 0;
	int r;

	if (wish->node >= 0) {
		have = weir_persistent(t, (unsigned int)wish->node);
		r = weir_wish_resolve(wish, have, &to, err);
		if (r == 0) {
			goal->pages[wish->node] = to;
			goal->fixed |= UINT64_C(1) << wish->node;
		}
		return r;
	}
	have = weir_persistent_of_all(t);
	r = weir_wish_resolve(wish, have, &to, err);
	if (r == 0 && to < have) {
		goal->shared_out = true;
		goal->passes = weir_less(have, weir_less(t->free, t->reserved));
		share_shrink(t, p->out->before.nodes, have - to, goal);
	}
	if (r == 0 && to >= have)
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

int weir_goals_read(struct weir_planning *p, const struct weir_wishes *wishes,
                    struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; i < p->out->before.nr; i++) {
		const struct weir_tally *t = &p->out->before.v[i];
		struct weir_goal *goal = &p->goals[p->nr_goals++];

		goal->page_bytes = t->page_bytes;
		for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX; n++)
			goal->pages[n] = weir_persistent(t, n);
	}
	for (size_t i = 0; i < wishes->nr && r == 0; i++) {
		r = check_wish(p, &wishes->v[i], err);
		if (r == 0 && wishes->v[i].kind == WEIR_WISH_POOL)
			r = read_pool_wish(p, &wishes->v[i], err);
	}
	return r;
}

/* How many more pages a node gives, from above. */
static uint64_t can_give(struct weir_planning *p, const struct weir_goal *goal,
                         unsigned int node)
{
	struct weir_reach reach = weir_planning_reach(p, goal->page_bytes, node);

	return reach.known ? reach.most
	                   : weir_rehearsal_can_give(p->rehearsal, goal->page_bytes, node,
	                                             goal->more);
}

/* Shares out what all nodes together shall have more: evenly, as far as each can give. */
void weir_goal_share(struct weir_planning *p, struct weir_goal *goal)
{
	uint64_t nodes = p->out->before.nodes, can[WEIR_TALLY_NODES_MAX] = { 0 };
	const struct weir_tally *t = weir_planning_now(p, goal->page_bytes);
	unsigned int first = (unsigned int)__builtin_ctzll(nodes | UINT64_C(1) << 63);

	for (unsigned int n = 0; n < WEIR_TALLY_NODES_MAX && goal->more; n++)
		if (nodes >> n & 1) /* surplus pages are there already */
			can[n] = can_give(p, goal, n) + t->node[n].surplus;
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
