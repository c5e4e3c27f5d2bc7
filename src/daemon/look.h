/* look: looks at the host in a thread of its own, when somebody wants to know: who holds
 * what (the ledger), and what the declared VMs need. On a large host that takes longer
 * than a lease may wait. What was seen last is the loop's until the next one is there. */
#ifndef WEIR_DAEMON_LOOK_H
#define WEIR_DAEMON_LOOK_H

#include "daemon/loop.h"
#include "daemon/needs.h"
#include "holders/ledger.h"

struct weir_pool_drift { /* pages that a pool lacks, or has beyond what is declared */
	uint64_t page_bytes, pages;
};

struct weir_seen {
	uint64_t at_ns;          /* CLOCK_BOOTTIME: when it was begun */
	struct weir_pools pools; /* read before it was looked who runs */
	struct weir_snapshot *snap;
	bool has_ledger;
	struct weir_ledger ledger;
	struct weir_needs needs;
	struct weir_pool_drift *drifts; /* of each declared size */
	size_t nr_drifts, cap_drifts;
	struct weir_buf notes; /* what could not be seen, a line each */
};

struct weir_looker;

/* @done: something was seen anew, or it failed: in the loop. */
int weir_look_new(struct weir_loop *loop, void (*done)(void *ctx), void *ctx,
                  struct weir_looker **out, struct weir_err *err);
void weir_look_free(struct weir_looker *look);

/* What was seen last, or NULL; valid until done() is called the next time. */
const struct weir_seen *weir_look_last(const struct weir_looker *look);

enum { WEIR_LOOK_COMING = 1 };

/* 0: what was seen last is no older than @max_age_ms (0: of now). WEIR_LOOK_COMING: it is
 * looked at, soon if not now, and done() will be called. -EAGAIN: no thread can be had.
 */
int weir_look_want(struct weir_looker *look, uint64_t max_age_ms);

/* The processes that have a file: "qemu (42) maps it", "" for none that is seen. */
int weir_seen_holders(const struct weir_seen *seen, uint64_t device, uint64_t inode,
                      struct weir_buf *out);

#endif
