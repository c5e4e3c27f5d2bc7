/* plan: a change of the pools, before it is made: each write with the state that is
 * expected after it, played on a model that is filled from the snapshot; what it costs
 * the host; and which guards it does not pass. Pure.
 *
 * Pools are written node by node, so that what comes is known of each: wishes about all
 * nodes together are shared out evenly, as far as each node can. First comes what gives
 * memory back, then what takes some, the largest pages first. Where a larger page can be
 * cut into the ones that are wanted, on its own node, it is demoted. */
#ifndef WEIR_PLAN_PLAN_H
#define WEIR_PLAN_PLAN_H

#include "base/buf.h"
#include "plan/ask.h"
#include "plan/tally.h"
#include "plan/wish.h"

struct weir_snapshot;

enum weir_op_kind {
	WEIR_OP_DEMOTE, /* value: pages that are cut up */
	WEIR_OP_POOL,   /* value: nr_hugepages of a node, or of the host that has one */
	WEIR_OP_OVERCOMMIT, /* value: the limit */
	WEIR_OP_MOVE, /* value: pages that become pinnable; no file: see apply/move.h */
};
const char *weir_op_word(enum weir_op_kind kind); /* "demote", "pool", ... */

#define WEIR_OP_PATH_MAX 128

struct weir_op {
	enum weir_op_kind kind;
	uint64_t page_bytes;
	int node;                    /* id, or -1 */
	char path[WEIR_OP_PATH_MAX]; /* "" for MOVE */
	uint64_t value;
	uint64_t before, after; /* what the file shows; DEMOTE: pages of the larger size
	                           on the node; MOVE: pinnable free pages, at least */
	/* Growth ends between these, also when it falls short: @least for certain; @most
	 * is less than @after where a guard says so. Of all else both are @after. */
	uint64_t least, most;
	struct weir_tallies expected; /* after it */
};

/* What a plan may not do unless it is told so by name. */
enum weir_guard {
	WEIR_GUARD_SURPLUS,  /* pages in use or reserved would become surplus */
	WEIR_GUARD_SUBPOOL,  /* ... that a mount's min_size= holds */
	WEIR_GUARD_LEASE,    /* ... that weird keeps warm or has leased */
	WEIR_GUARD_FLOOR,    /* the host would have too little memory */
	WEIR_GUARD_VM,       /* a declared VM could start, and could not afterwards */
	WEIR_GUARD_DECLARED, /* fewer pages than are declared */
	WEIR_GUARD_REACH,    /* the host cannot give as many, as far as can be told */
	WEIR_GUARD_NR,
};
const char *weir_guard_word(enum weir_guard guard);               /* "surplus", ... */
int weir_guard_parse(struct weir_str word, enum weir_guard *out); /* 0 or -EINVAL */

struct weir_breach {
	enum weir_guard guard;
	bool allowed; /* by name */
	uint64_t
		page_bytes; /* REACH: of these pages, on this node, so many are missing */
	unsigned int node;
	uint64_t short_by;
	char *text;   /* by how much */
	char *passes; /* what would pass, or NULL */
};

struct weir_plan_room { /* bytes, of one node or of all */
	uint64_t free, outside_cma, cma;
};

struct weir_plan_cost {
	struct weir_plan_room before, after; /* free memory of all nodes */
	/* MemAvailable; not known where the kernel does not tell */
	bool available_known;
	uint64_t available_before, available_after;
	uint64_t floor_bytes;
	/* free pages of all pools that may be pinned for long, in bytes; has_cma: there
	 * is memory where nothing may be pinned, so that it is of interest */
	bool has_cma;
	uint64_t pinnable_before, pinnable_after;
	uint64_t about_ms; /* an estimate, from above: see plan.c */
};

struct weir_plan {
	struct weir_tallies before;
	struct weir_op *ops;
	size_t nr_ops, cap_ops;
	struct weir_breach *breaches;
	size_t nr_breaches, cap_breaches;
	struct weir_plan_cost cost;
	struct weir_buf notes;   /* what is to be known, a line each */
	struct weir_buf assumed; /* what of the host was not known, likewise */
};

/* A VM that is declared, or that a change is made for. */
struct weir_plan_vms {
	const struct weir_ask *asks;
	size_t nr;
};

struct weir_plan_options {
	const char *kernel; /* as weir_rules_parse(); NULL: the snapshot's */
	unsigned int allow; /* mask of 1 << enum weir_guard */
	bool floor_given;   /* else the larger of 1 GiB and 3 % of memory */
	uint64_t floor_bytes;
	struct weir_plan_vms vms;           /* declared: guard VM */
	const struct weir_wishes *declared; /* EXACTLY only: guard DECLARED; NULL: none */
	const struct weir_tallies *aim;     /* a state that is brought back; NULL: none */
};

/* What a snapshot has to have for a plan of these wishes: WEIR_SNAPSHOT_*. Without what
 * costs more than the rest the plan knows less. */
unsigned int weir_plan_parts(const struct weir_wishes *wishes);

/* 0 with *out, which may have breaches and no ops; -EINVAL with words for a wish that
 * this host cannot have (no such size or node, a limit for gigantic pages); -ENODATA;
 * else as weir_load(). */
int weir_plan_make(const struct weir_snapshot *snap, const struct weir_wishes *wishes,
                   const struct weir_plan_options *options, struct weir_plan *out,
                   struct weir_err *err);
void weir_plan_done(struct weir_plan *plan);

/* The state at its end. */
const struct weir_tallies *weir_plan_end(const struct weir_plan *plan);

/* Is there a guard that it does not pass and that was not allowed? */
bool weir_plan_is_refused(const struct weir_plan *plan);

/* What these VMs, all of them at a time, need beyond what is really free, as wishes:
 * pages of the nodes that they will take them from. *out is added to. What cannot be had
 * by larger pools is a line of @notes. 0, or as weir_plan_make(). */
int weir_plan_for_vms(const struct weir_snapshot *snap, const struct weir_plan_vms *vms,
                      const char *kernel, struct weir_wishes *out, struct weir_buf *notes,
                      struct weir_err *err);

#endif
