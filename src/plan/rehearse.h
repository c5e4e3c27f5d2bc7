/* rehearse: writes to the pools on a model of the host, as plain numbers. Internal to the
 * planner: the model's headers and those of the facts do not go into one file. Pure. */
#ifndef WEIR_PLAN_REHEARSE_H
#define WEIR_PLAN_REHEARSE_H

#include "plan/plan.h"

struct weir_rehearsal;

/* 0, or as weir_load(), whose notes are added to @notes (may be NULL). */
int weir_rehearsal_new(const struct weir_snapshot *snap, const char *kernel,
                       struct weir_rehearsal **out, struct weir_buf *notes,
                       struct weir_err *err);
void weir_rehearsal_freep(struct weir_rehearsal **r);

void weir_rehearsal_tallies(const struct weir_rehearsal *r, struct weir_tallies *out);
void weir_rehearsal_cost(const struct weir_rehearsal *r, struct weir_plan_room *room,
                         uint64_t *pinnable_bytes, bool *has_cma);

/* What has to be written to a node's nr_hugepages for @pages persistent ones there: older
 * kernels count the surplus of other nodes in. False: no number does. */
bool weir_rehearsal_value(const struct weir_rehearsal *r, uint64_t page_bytes,
                          unsigned int node, uint64_t pages, uint64_t *out);

/* Such an older kernel. */
bool weir_rehearsal_counts_all_surplus(const struct weir_rehearsal *r);

/* Nodes that can have pages; and the size that pages of @page_bytes are cut into, 0:
 * none; and pages that mounts hold for themselves. */
uint64_t weir_rehearsal_nodes(const struct weir_rehearsal *r);
uint64_t weir_rehearsal_demote_bytes(const struct weir_rehearsal *r, uint64_t page_bytes);
uint64_t weir_rehearsal_held(const struct weir_rehearsal *r, uint64_t page_bytes);
bool weir_rehearsal_takes_overcommit(const struct weir_rehearsal *r, uint64_t page_bytes);

/* Pages that a node can give at most, from above: all that is free gathered into whole
 * blocks, and clean page cache given back. No more than @most are looked for. */
uint64_t weir_rehearsal_can_give(const struct weir_rehearsal *r, uint64_t page_bytes,
                                 unsigned int node, uint64_t most);

/* The same op on the model. Where plain memory does not do for a growth, compaction and
 * the page cache are taken to help. 0; the negative errno that the kernel answers. */
int weir_rehearsal_write(struct weir_rehearsal *r, const struct weir_op *op);
/* That it was needed; and pages of the op's pool without that help, surplus ones too. */
bool weir_rehearsal_had_to_compact(const struct weir_rehearsal *r);
uint64_t weir_rehearsal_without_help(const struct weir_rehearsal *r);

/* Moves so many free pages of a node to where they may be pinned. Returns how many were
 * moved; free pages that may be pinned afterwards to *pinnable. */
uint64_t weir_rehearsal_move(struct weir_rehearsal *r, uint64_t page_bytes,
                             unsigned int node, uint64_t pages, uint64_t *pinnable);
uint64_t weir_rehearsal_pinnable(const struct weir_rehearsal *r, uint64_t page_bytes,
                                 unsigned int node);
/* Does this kernel move what is pinned? */
bool weir_rehearsal_can_move(const struct weir_rehearsal *r);

/* How the start of a VM went. */
struct weir_rehearsed {
	bool starts;  /* and is not killed later */
	bool refused; /* before it asked for any memory; then nothing below is told */
	/* what it needed of what there was when it ended, in units of so many bytes */
	uint64_t unit_bytes, need, have;
};

/* Starts all of @vms one after the other; out[i] is of vms[i]. The rehearsal is good for
 * nothing else then. 0 or -ENOMEM. */
int weir_rehearsal_start(struct weir_rehearsal *r, const struct weir_plan_vms *vms,
                         struct weir_rehearsed *out);

/* The same, with the pools made larger where one lacks pages, which becomes wishes. */
int weir_rehearsal_grow_for(struct weir_rehearsal *r, const struct weir_plan_vms *vms,
                            struct weir_wishes *out, struct weir_buf *notes,
                            struct weir_err *err);

#endif
