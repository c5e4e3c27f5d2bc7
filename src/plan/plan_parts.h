/* plan_parts: what plan.c, goals.c and guards.c share. Internal to the planner. */
#ifndef WEIR_PLAN_PLAN_PARTS_H
#define WEIR_PLAN_PLAN_PARTS_H

#include "base/least.h"
#include "plan/gigantic.h"
#include "plan/rehearse.h"

/* What the pools of one size shall be. */
struct weir_goal {
	uint64_t page_bytes;
	uint64_t pages[WEIR_TALLY_NODES_MAX]; /* persistent ones, by node */
	uint64_t fixed;                       /* nodes that a wish named */
	uint64_t more;                        /* to be shared out among all nodes */
	/* a wish about all nodes made it smaller: what then is trapped of it, held by
	 * mounts, weird's and other, on all nodes together, and the target that would
	 * pass */
	bool shared_out;
	uint64_t trapped_held, trapped_warm, trapped, passes;
};

struct weir_planning {
	const struct weir_snapshot *snap;
	const struct weir_plan_options *options;
	struct weir_rehearsal *rehearsal;
	struct weir_plan *out;
	struct weir_tallies now; /* as the rehearsal stands, with what is hoped for */
	/* pages by size and node that the model could not give: guard REACH */
	uint64_t hoped[WEIR_TALLY_SIZES_MAX][WEIR_TALLY_NODES_MAX];
	struct weir_goal goals[WEIR_TALLY_SIZES_MAX]; /* ascending, one a size */
	size_t nr_goals;
	uint64_t about_ns;
	bool node_files; /* nodes have pools of their own */
	bool compacts;   /* ... to be gathered */
};

static inline uint64_t weir_persistent(const struct weir_tally *t, unsigned int node)
{
	return weir_less(t->node[node].total, t->node[node].surplus);
}

static inline uint64_t weir_persistent_of_all(const struct weir_tally *t)
{
	return weir_less(t->total, t->surplus);
}

/* The size's, or of a size that is not there, zeros. */
static inline const struct weir_tally *weir_tally_or_none(const struct weir_tallies *all,
                                                          uint64_t page_bytes)
{
	static const struct weir_tally none;
	const struct weir_tally *t = weir_tally_of(all, page_bytes);

	return t ? t : &none;
}

/* The size as the rehearsal stands; valid until the next call. */
const struct weir_tally *weir_planning_now(struct weir_planning *p, uint64_t page_bytes);

/* ---- goals.c ---- */

/* The size's, or NULL. */
struct weir_goal *weir_goal_of(struct weir_planning *p, uint64_t page_bytes);
/* What a wish comes to, as a number, where there are @have. 0 or -EINVAL with words. */
int weir_wish_resolve(const struct weir_wish *wish, uint64_t have, uint64_t *out,
                      struct weir_err *err);
/* What is there, changed by @wishes, into p->goals. 0 or -EINVAL with words. */
int weir_goals_read(struct weir_planning *p, const struct weir_wishes *wishes,
                    struct weir_err *err);
/* Shares out goal->more: evenly, as far as each node can give. */
void weir_goal_share(struct weir_planning *p, struct weir_goal *goal);

/* ---- gigantic.c ---- */

/* As the rehearsal stands. */
struct weir_reach weir_planning_reach(struct weir_planning *p, uint64_t page_bytes,
                                      unsigned int node);
/* Says so of an op that may fall short. 0 or -ENOMEM with words. */
int weir_planning_note_reach(struct weir_planning *p, const struct weir_reach *reach,
                             const struct weir_op *op, struct weir_err *err);

/* ---- guards.c ---- */

/* "2M" or "2M/node1": as a wish has it. */
struct weir_pool_text {
	char text[64];
};
struct weir_pool_text weir_pool_text(const struct weir_planning *p, uint64_t page_bytes,
                                     int node);

/* All 0, or -ENOMEM with words. Before the first op; after each; after the last. */
void weir_guard_before(struct weir_planning *p);
int weir_guard_op(struct weir_planning *p, const struct weir_op *op,
                  const struct weir_tally *was, const struct weir_tally *is,
                  struct weir_err *err);
int weir_guard_after(struct weir_planning *p, struct weir_err *err);

/* guard_lease.c. Pages of weird's store on a node, and how many of them are leased. */
uint64_t weir_guard_warm_pages(const struct weir_planning *p, uint64_t page_bytes,
                               int node, uint64_t *leased);
/* Notes where too few free pages are left for what weird is to keep warm. */
int weir_guard_note_targets(struct weir_planning *p, struct weir_err *err);

/* Of the pages that a growth shall come to @short_by cannot be had. @counted: that was
 * counted, range by range. */
int weir_guard_reach(struct weir_planning *p, const struct weir_op *op, uint64_t short_by,
                     bool counted, struct weir_err *err);
/* Of @pages that shall be moved @can be. */
int weir_guard_move(struct weir_planning *p, uint64_t page_bytes, unsigned int node,
                    uint64_t pages, uint64_t can, struct weir_err *err);

#endif
