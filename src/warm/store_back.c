/* store_back: gives back what is beyond the targets. A place (a page size and a node)
 * without a target keeps nothing. */
#include "warm/store_parts.h"

static int trim(struct weir_store *store, const struct weir_warm_target *target,
                struct weir_err *err)
{
	struct weir_flavours flavours;
	uint64_t keep;
	size_t at;
	int r = 0;

	weir_store_wanted(store, target, &flavours);
	while (r == 0 && weir_choose_beyond(&store->state, target, &flavours, &at, &keep))
		r = keep ? weir_store_cut(store, at, keep, err)
		         : weir_store_evict(store, at, err);
	return r;
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

int weir_store_give_back(struct weir_store *store, struct weir_err *err)
{
	int r = 0;

	let_go_of_fills(store);
	for (size_t i = 0; r == 0 && i < store->state.nr_targets; i++)
		r = trim(store, &store->state.targets[i], err);
	for (size_t i = store->state.nr_regions; r == 0 && i-- > 0;) {
		const struct weir_warm_region *region = &store->state.regions[i];

		if (is_idle(region) &&
		    !weir_store_target(store, region->page_bytes, region->node).bytes)
			r = weir_store_evict(store, i, err);
	}
	return r;
}
