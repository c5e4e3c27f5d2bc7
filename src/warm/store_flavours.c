/* store_flavours: which sizes of regions a target is made of: those that are configured,
 * else those that were leased, else a default. */
#include "warm/store_parts.h"

#define FLAVOUR_DEFAULT (UINT64_C(1) << 30)

static const struct weir_store_size *size_of(const struct weir_store *store,
                                             uint64_t page_bytes)
{
	for (size_t i = 0; i < store->options.nr_sizes; i++)
		if (store->options.sizes[i].page_bytes == page_bytes)
			return &store->options.sizes[i];
	return NULL;
}

bool weir_store_verifies_full(const struct weir_store *store, uint64_t page_bytes)
{
	const struct weir_store_size *size = size_of(store, page_bytes);

	return size ? size->verify_full : store->options.verify_full;
}

void weir_store_remember(struct weir_store *store, uint64_t page_bytes, uint64_t bytes)
{
	size_t nr = store->nr_recent < WEIR_RECENT_MAX ? store->nr_recent
	                                               : WEIR_RECENT_MAX - 1;

	memmove(&store->recent[1], &store->recent[0], nr * sizeof(store->recent[0]));
	store->recent[0] = (struct weir_recent){ page_bytes, bytes };
	store->nr_recent = nr + 1;
}

static void learned(const struct weir_store *store, uint64_t page_bytes,
                    struct weir_flavours *out)
{
	uint64_t sizes[WEIR_RECENT_MAX];
	size_t nr = 0;

	for (size_t i = 0; i < store->nr_recent; i++)
		if (store->recent[i].page_bytes == page_bytes)
			sizes[nr++] = store->recent[i].bytes;
	weir_flavours_learned(sizes, nr, page_bytes, out);
}

void weir_store_wanted(const struct weir_store *store,
                       const struct weir_warm_target *target, struct weir_flavours *out)
{
	const struct weir_store_size *size = size_of(store, target->page_bytes);
	uint64_t fallback = store->options.flavour_default;

	out->nr = 0;
	if (size && size->nr_flavours)
		weir_flavours_given(size->flavours, size->nr_flavours, target->page_bytes,
		                    out);
	else if (!size && store->options.nr_flavours)
		weir_flavours_given(store->options.flavours, store->options.nr_flavours,
		                    target->page_bytes, out);
	if (!out->nr)
		learned(store, target->page_bytes, out);
	if (!fallback)
		fallback = FLAVOUR_DEFAULT;
	if (fallback % target->page_bytes)
		fallback = target->page_bytes;
	if (!out->nr)
		weir_flavours_given(&fallback, 1, target->page_bytes, out);
	weir_flavours_want(out, target->bytes);
}

size_t weir_store_flavours(const struct weir_store *store, uint64_t page_bytes, int node,
                           struct weir_store_flavour *out, size_t max)
{
	const struct weir_warm_target target = weir_store_target(store, page_bytes, node);
	struct weir_flavours wanted;
	size_t nr;

	weir_store_wanted(store, &target, &wanted);
	nr = wanted.nr < max ? wanted.nr : max;
	for (size_t f = 0; f < nr; f++)
		out[f] = (struct weir_store_flavour){ .bytes = wanted.v[f].bytes,
			                              .wanted = wanted.v[f].wanted };
	for (size_t i = 0; i < store->state.nr_regions; i++) {
		const struct weir_warm_region *r = &store->state.regions[i];

		for (size_t f = 0; f < nr; f++)
			out[f].ready += r->state == WEIR_REGION_READY &&
			                r->page_bytes == page_bytes && r->node == node &&
			                r->bytes == out[f].bytes;
	}
	return nr;
}
