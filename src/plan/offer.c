/* offer: see offer.h. What somebody may lease is for weird's rules to say, and is not
 * known here. */
#include "plan/offer.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <inttypes.h>

size_t weir_offer_regions(const struct weir_snapshot *snap)
{
	return snap->warm.state.nr_regions;
}

void weir_offer_done(struct weir_offer *offer)
{
	free(offer->v);
	*offer = (struct weir_offer){ 0 };
}

void weir_offer_give_back(const struct weir_offer *offer, bool *taken)
{
	for (size_t i = 0; i < offer->nr; i++)
		taken[offer->v[i].region] = false;
}

/* Where a memory may lie: nodes as a mask, 0 for all. False where it is to be spread over
 * several, which no region is. */
static bool nodes_of(const struct weir_ask *ask, const struct weir_vm_memory *memory,
                     uint64_t *out)
{
	*out = ask->nodes;
	if (memory->policy == WEIR_VM_POLICY_BIND ||
	    memory->policy == WEIR_VM_POLICY_PREFERRED)
		*out = memory->host_nodes;
	return memory->policy != WEIR_VM_POLICY_INTERLEAVE ||
	       !(memory->host_nodes & (memory->host_nodes - 1));
}

static bool is_fit(const struct weir_warm_region *region, uint64_t page_bytes,
                   uint64_t nodes)
{
	if (region->state != WEIR_REGION_READY || region->page_bytes != page_bytes)
		return false;
	if (!nodes)
		return true;
	return region->node >= 0 && region->node < WEIR_VM_NODES_MAX &&
	       nodes >> region->node & 1;
}

/* Is @a a better one for so many bytes than @b? Equal ones go by node and number. */
static bool is_better(const struct weir_warm_region *a, const struct weir_warm_region *b,
                      uint64_t bytes)
{
	bool does_a = a->filled_bytes >= bytes, does_b = b->filled_bytes >= bytes;

	if (does_a != does_b)
		return does_a;
	if (a->filled_bytes != b->filled_bytes)
		return does_a ? a->filled_bytes < b->filled_bytes
		              : a->filled_bytes > b->filled_bytes;
	return a->node < b->node;
}

static size_t choose(const struct weir_warm_state *state, uint64_t page_bytes,
                     uint64_t nodes, uint64_t bytes, const bool *taken)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < state->nr_regions; i++)
		if (!taken[i] && is_fit(&state->regions[i], page_bytes, nodes) &&
		    (best == SIZE_MAX ||
		     is_better(&state->regions[i], &state->regions[best], bytes)))
			best = i;
	return best;
}

static int add_part(const struct weir_warm_state *state, size_t memory, size_t region,
                    uint64_t bytes, bool *taken, struct weir_offer *out)
{
	const struct weir_warm_region *of = &state->regions[region];

	if (weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v)) < 0)
		return -ENOMEM;
	taken[region] = true;
	out->v[out->nr] = (struct weir_offer_part){
		.memory = memory,
		.region = region,
		.bytes = bytes,
		.warm_bytes = of->filled_bytes < bytes ? of->filled_bytes : bytes,
		.page_bytes = of->page_bytes,
		.region_bytes = of->filled_bytes,
		.node = of->node,
	};
	out->warm_bytes += out->v[out->nr++].warm_bytes;
	return 0;
}

/* Private memory of these comes from elsewhere, and the backend beside it stays empty. */
static bool uses_backend(const struct weir_demand *demand)
{
	return demand->kind != WEIR_VM_CSV3 && demand->kind != WEIR_VM_SNP &&
	       demand->kind != WEIR_VM_TDX;
}

/* A file with pages is one that is leased already, or is shared; virtio-mem's is filled
 * by and by. */
static bool is_leasable(const struct weir_ask *ask, size_t i)
{
	return ask->memory[i].page_bytes && ask->memory[i].bytes &&
	       !ask->memory[i].present_pages && !ask->demand->memory[i].is_virtio_mem;
}

int weir_offer_make(const struct weir_snapshot *snap, const struct weir_ask *ask,
                    bool *taken, struct weir_offer *out)
{
	const struct weir_warm_state *state = &snap->warm.state;
	const struct weir_demand *demand = ask->demand;
	int r = 0;

	*out = (struct weir_offer){ 0 };
	if (ask->refused || !state->nr_regions || !uses_backend(demand) ||
	    snap->warm.weird == WEIR_WEIRD_GONE)
		return 0;
	out->at_start = demand->mem_lock || demand->nr_vfio ||
	                demand->kind != WEIR_VM_PLAIN;
	for (size_t i = 0; r == 0 && i < demand->nr_memory; i++) {
		uint64_t nodes;
		size_t region;

		if (!is_leasable(ask, i) || !nodes_of(ask, &demand->memory[i], &nodes))
			continue;
		out->need_bytes += ask->memory[i].bytes;
		out->at_start = out->at_start || demand->memory[i].prealloc;
		region = choose(state, ask->memory[i].page_bytes, nodes,
		                ask->memory[i].bytes, taken);
		if (region != SIZE_MAX)
			r = add_part(state, i, region, ask->memory[i].bytes, taken, out);
	}
	if (r < 0) {
		weir_offer_give_back(out, taken);
		weir_offer_done(out);
	}
	return r;
}

int weir_offer_command(const struct weir_offer *offer, struct weir_buf *out)
{
	char bytes[WEIR_SIZE_TEXT_MAX], page[WEIR_SIZE_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; r == 0 && i < offer->nr; i++) {
		const struct weir_offer_part *part = &offer->v[i];

		r = weir_buf_printf(
			out, "%sweir lease %s --size %s", i ? "; " : "",
			weir_format_size(part->bytes, bytes, sizeof(bytes)).p,
			weir_format_size(part->page_bytes, page, sizeof(page)).p);
		if (r == 0 && part->node >= 0)
			r = weir_buf_printf(out, " --node %d", part->node);
		if (r == 0)
			r = weir_buf_addz(out, " --qemu");
	}
	return r;
}

uint64_t weir_offer_zeroing_ms(const struct weir_offer *offer)
{
	return offer->warm_bytes / (WEIR_OFFER_ZERO_BYTES_A_SECOND / 1000);
}
