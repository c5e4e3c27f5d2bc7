/* store_back: gives back what is beyond the targets. A place (a page size and a node)
 * without a target keeps nothing. What cannot be given back keeps nothing else from its
 * turn: it is tried again each time. */
#include "warm/store_parts.h"

#include <stdio.h>

/* The kernel frees pages one by one before unlink(2) or ftruncate(2) returns: some
 * microseconds for each. */
#define TURN_REGIONS 8U
#define TURN_BYTES   (UINT64_C(4) << 30)
#define FAILURES_MAX 16U /* in one call: what fails may fail for all */

void weir_store_troubled(struct weir_store *store, const struct weir_err *err)
{
	if (!*store->trouble)
		(void)snprintf(store->trouble, sizeof(store->trouble), "%s", err->msg);
}

struct turn { /* what was given back in this one */
	size_t nr, failed;
	uint64_t before; /* bytes, until it began */
};

static bool is_over(struct weir_store *store, const struct turn *turn)
{
	if (turn->nr < TURN_REGIONS &&
	    store->counts.given_back_bytes - turn->before < TURN_BYTES)
		return false;
	store->has_back = true;
	return true;
}

/* A large one is cut again and again: its pages are freed one by one, too. */
static int let_go(struct weir_store *store, size_t at, struct turn *turn,
                  struct weir_err *err)
{
	const struct weir_warm_region *r = &store->state.regions[at];
	uint64_t most = TURN_BYTES - TURN_BYTES % r->page_bytes;
	int e;

	if (!most)
		most = r->page_bytes;
	e = r->bytes > most ? weir_store_cut(store, at, r->bytes - most, err)
	                    : weir_store_evict(store, at, err);
	turn->nr += e == 0;
	turn->failed += e < 0;
	return e;
}

static int cut_to(struct weir_store *store, size_t at, uint64_t keep, struct turn *turn,
                  struct weir_err *err)
{
	const struct weir_warm_region *r = &store->state.regions[at];
	uint64_t most = TURN_BYTES - TURN_BYTES % r->page_bytes;

	turn->nr++;
	if (most && r->bytes - keep > most)
		keep = r->bytes - most;
	return weir_store_cut(store, at, keep, err);
}

/* What cannot be given back would be chosen once more: the rest of this target waits. */
static void trim(struct weir_store *store, const struct weir_warm_target *target,
                 struct turn *turn)
{
	struct weir_flavours flavours;
	struct weir_err err = { 0 };
	uint64_t keep;
	size_t at;
	int r = 0;

	weir_store_wanted(store, target, &flavours);
	while (r == 0 &&
	       weir_choose_beyond(&store->state, target, &flavours, &at, &keep) &&
	       !is_over(store, turn))
		r = keep ? cut_to(store, at, keep, turn, &err)
		         : let_go(store, at, turn, &err);
	if (r < 0)
		weir_store_troubled(store, &err);
}

/* A fill that was stopped is not among those that are chosen, until it is dirty. */
static void let_go_of_fills(struct weir_store *store)
{
	for (size_t i = 0; i < store->state.nr_regions; i++) {
		struct weir_warm_region *r = &store->state.regions[i];

		if (r->state != WEIR_REGION_FILLING || store->parts[i].busy ||
		    weir_choose_has(&store->state, r->page_bytes, r->node) <=
		            weir_store_target(store, r->page_bytes, r->node).bytes)
			continue;
		r->state = WEIR_REGION_DIRTY;
		weir_store_note_region(store, i);
	}
}

static bool is_idle(const struct weir_warm_region *r)
{
	return r->state == WEIR_REGION_READY || r->state == WEIR_REGION_DIRTY;
}

static bool is_of_no_target(const struct weir_store *store,
                            const struct weir_warm_region *r)
{
	return is_idle(r) && !weir_store_target(store, r->page_bytes, r->node).bytes;
}

void weir_store_give_back(struct weir_store *store)
{
	struct turn turn = { .before = store->counts.given_back_bytes };
	struct weir_err err = { 0 };

	store->trouble[0] = '\0';
	store->has_back = false;
	let_go_of_fills(store);
	for (size_t i = 0; i < store->state.nr_targets; i++)
		trim(store, &store->state.targets[i], &turn);
	for (size_t i = store->state.nr_regions; i-- > 0;) {
		if (!is_of_no_target(store, &store->state.regions[i]))
			continue;
		if (turn.failed >= FAILURES_MAX || is_over(store, &turn))
			return;
		if (let_go(store, i, &turn, &err) < 0)
			weir_store_troubled(store, &err);
	}
}
