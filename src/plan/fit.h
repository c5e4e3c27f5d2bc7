/* fit: how many more of a VM a host takes: starts are played, one after the other, each
 * guest using all of its memory, until one fails. Pure. */
#ifndef WEIR_PLAN_FIT_H
#define WEIR_PLAN_FIT_H

#include "base/buf.h"
#include "base/err.h"
#include "plan/ask.h"
#include "plan/verdict.h"

/* No host runs more: what is beyond is not counted. */
#define WEIR_FIT_MAX 100000U

/* How often it fits; the two differ where it is not known how the pools' pages lie. */
struct weir_fit_count {
	uint64_t min, max;
};

struct weir_fit_row { /* of one kind of VM with this memory */
	enum weir_vm_kind kind;
	bool vfio;
	bool asked; /* the VM that was asked about */
	struct weir_fit_count all;
	/* so many more when each may lease warm memory */
	struct weir_fit_count warm;
	struct weir_fit_count *nodes; /* confined to each; as weir_fit.nodes */
};

struct weir_fit {
	unsigned int *nodes; /* with memory, ascending */
	size_t nr_nodes;
	/* mask: nodes whose zones the host does not tell, though it tells others': what
	 * CSV3 could have there is not known, and not counted */
	uint64_t untold;
	struct weir_fit_row *rows;
	size_t nr_rows;
	struct weir_verdict blocks; /* of the one that does not fit any more */
	bool has_store;             /* weird keeps warm memory: rows' warm is known */
	bool is_cut;                /* nothing failed: it was not counted any further */
	bool table_left_out;        /* the host is too large to fill once for each cell */
	bool limited_by_ids;        /* that is: no id is left, though there is memory */
	struct weir_buf notes;
};

struct weir_fit_options {
	const char *kernel;
	bool no_matrix; /* only what was asked about, and not node by node */
};

/* 0, or as weir_check(). @ask is refused: 0 with counts of 0. */
int weir_fit(const struct weir_snapshot *snap, const struct weir_ask *ask,
             const struct weir_fit_options *options, struct weir_fit *out,
             struct weir_err *err);
void weir_fit_done(struct weir_fit *fit);

#endif
