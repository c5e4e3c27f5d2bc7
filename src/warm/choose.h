/* choose: which region is taken, made or given back. Pure: a state in, a choice out; ties
 * go to the lower number. */
#ifndef WEIR_WARM_CHOOSE_H
#define WEIR_WARM_CHOOSE_H

#include "facts/warm.h"

struct weir_job_room { /* bytes of the pool that may be taken, by size and node */
	uint64_t page_bytes, bytes;
	int node;
};

/* ---- for a lease ------------------------------------------------------------------- */

enum weir_choice_kind {
	WEIR_CHOICE_NONE, /* there is not so much */
	WEIR_CHOICE_COLD, /* there is, but it is not warm, and only warm will do */
	WEIR_CHOICE_SAME, /* a ready region of this size */
	WEIR_CHOICE_CUT,  /* the smallest larger one */
	WEIR_CHOICE_GROW, /* the largest smaller one: lacks_bytes are populated */
	WEIR_CHOICE_NEW,  /* all of it is populated */
};

struct weir_choose_ask {
	uint64_t bytes, page_bytes;
	int node;            /* -1: any */
	uint64_t room_bytes; /* what the pool has for it */
	/* where @node is -1: of single nodes. A region is bound to its node, and grows
	 * there or not at all. */
	const struct weir_job_room *rooms;
	size_t nr_rooms;
	bool warm_only;
};

struct weir_choice {
	enum weir_choice_kind kind;
	size_t region; /* its place in the state's; of SAME, CUT and GROW */
	uint64_t lacks_bytes;
	/* What other regions must give back before the pool has enough. */
	uint64_t evict_bytes;
	int node; /* where they must; -1: anywhere */
};

void weir_choose_region(const struct weir_warm_state *state,
                        const struct weir_choose_ask *ask, struct weir_choice *out);

/* Which region is given back next, so that @bytes more are free for @ask: one that is not
 * zero before one that is, one that suffices before one that does not. Not number @keep
 * (0: none is kept). False when there is none. */
bool weir_choose_evict(const struct weir_warm_state *state,
                       const struct weir_choose_ask *ask, uint64_t keep, uint64_t bytes,
                       size_t *out);

/* ---- for a target ------------------------------------------------------------------ */

#define WEIR_CHOOSE_FLAVOURS_MAX 16U

struct weir_flavour {
	uint64_t bytes;
	uint64_t weight; /* so many of it for one of weight 1 */
	size_t wanted;   /* regions that a target has of it */
};

struct weir_flavours {
	struct weir_flavour v[WEIR_CHOOSE_FLAVOURS_MAX]; /* the most wanted first */
	size_t nr;
};

/* Of @sizes, which are given in the order of wanting; those that are not in whole pages,
 * or stand there twice, are left out. */
void weir_flavours_given(const uint64_t *sizes, size_t nr, uint64_t page_bytes,
                         struct weir_flavours *out);

/* Of the sizes of leases, the newest first: a size's weight is how often it is there. */
void weir_flavours_learned(const uint64_t *sizes, size_t nr, uint64_t page_bytes,
                           struct weir_flavours *out);

/* How many of each make up @bytes. */
void weir_flavours_want(struct weir_flavours *flavours, uint64_t bytes);

/* Bytes of regions that are ready for a target or will be. */
uint64_t weir_choose_has(const struct weir_warm_state *state, uint64_t page_bytes,
                         int node);

/* The size of the region that is made next, with @room_bytes in the pool; 0: none. What
 * is left of a target when no flavour fits in it is one smaller region. */
uint64_t weir_choose_fill(const struct weir_warm_state *state,
                          const struct weir_warm_target *target,
                          const struct weir_flavours *flavours, uint64_t room_bytes);

/* The region that is beyond @target and is given back, or cut to *keep_bytes where that
 * is not 0: what no flavour wants first, and of that what is not zero. False when nothing
 * is beyond. Only regions that are ready or dirty are chosen. */
bool weir_choose_beyond(const struct weir_warm_state *state,
                        const struct weir_warm_target *target,
                        const struct weir_flavours *flavours, size_t *out,
                        uint64_t *keep_bytes);

#endif
