/* offer: which regions of weird's store a VM's memory would be leased from. Chosen as the
 * store itself does: one of the same size, else the smallest larger one, which is cut,
 * else the largest smaller one, whose rest comes from the pool. Pure. */
#ifndef WEIR_PLAN_OFFER_H
#define WEIR_PLAN_OFFER_H

#include "base/buf.h"
#include "plan/ask.h"

/* What zeroing takes where nobody has measured it: hosts of several sockets start VMs at
 * about this rate, on one thread. */
#define WEIR_OFFER_ZERO_BYTES_A_SECOND UINT64_C(4000000000)

struct weir_offer_part { /* of one memory of the VM */
	size_t memory;   /* in the demand's */
	size_t region;   /* in the state's */
	uint64_t bytes;  /* that the lease is for */
	uint64_t warm_bytes, page_bytes;
	uint64_t region_bytes; /* the pool has them back, or the VM takes them */
	int node;              /* -1: any */
};

struct weir_offer {
	struct weir_offer_part *v;
	size_t nr, cap;
	uint64_t need_bytes; /* of memory that could be leased */
	uint64_t warm_bytes; /* of it, ready */
	bool at_start; /* it would be zeroed before the VM runs, and not by and by */
};

/* How many regions the state has, ready or not: as many as @taken must have. */
size_t weir_offer_regions(const struct weir_snapshot *snap);

/* Regions that are not @taken, which are marked. Nothing where weird does not run, and
 * for VMs whose memory does not come from huge pages. 0 or -ENOMEM. */
int weir_offer_make(const struct weir_snapshot *snap, const struct weir_ask *ask,
                    bool *taken, struct weir_offer *out);

/* What it took is not taken any more. */
void weir_offer_give_back(const struct weir_offer *offer, bool *taken);
void weir_offer_done(struct weir_offer *offer);

/* "weir lease 4G --size 2M --node 0 --qemu", one for each part. 0 or -ENOMEM. */
int weir_offer_command(const struct weir_offer *offer, struct weir_buf *out);

/* How long zeroing what is ready would take, at the rate above. */
uint64_t weir_offer_zeroing_ms(const struct weir_offer *offer);

#endif
