/* supply: see supply.h.
 *
 * Warm memory must not take what a declared VM needs, and what is needed depends on which
 * of them run. A VM that has just stopped has just freed its pages: who sees these pages
 * and still believes that it runs takes them away from its next start. So as long as VMs
 * are declared only pages count that were free already when somebody began to look who
 * runs (look.h reads the pools first), and are free now. Without any only the pools are
 * read, at most once a second. */
#include "daemon/supply.h"

#include <errno.h>

#define MS           UINT64_C(1000000)
#define POOLS_AGE_NS (1000 * MS)
#define SEEN_AGE_MS  2000U  /* while VMs are declared */
#define SEEN_NONE_MS 15000U /* while none is: one may be, meanwhile */
#define HOLD_MIN_MS  1000U
#define HOLD_MAX_MS  60000U

void weir_supply_done(struct weir_supply *supply)
{
	weir_rooms_done(&supply->rooms);
	weir_rooms_done(&supply->offered);
}

void weir_supply_is_stale(struct weir_supply *supply)
{
	supply->read_at_ns = 0;
}

/* ---- room -------------------------------------------------------------------------- */

/* A lessee may punch holes into his file and fill them again: virtio-mem and a balloon
 * do. The pages of holes are in the pool, and nothing reserves them; whoever took them
 * would have the lessee killed (SIGBUS) at his next touch. So they are left to him. */
static void leave_holes(struct weir_store *store, struct weir_rooms *rooms)
{
	const struct weir_warm_state *state = weir_store_state(store);

	weir_store_look(store);
	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		if (r->state == WEIR_REGION_LEASED && r->filled_bytes < r->bytes)
			weir_rooms_take(rooms, r->page_bytes, r->node,
			                r->bytes - r->filled_bytes);
	}
}

/* Will it take pages that are still free? What grows for a lease was promised them when
 * the lease was asked for; a fill or a scrub when it was given to a thread. The kernel
 * keeps them when the thread has mapped the file (mm/hugetlb.c hugetlb_reserve_pages()).
 */
static bool takes_room(const struct weir_supply *supply, const struct weir_warm_region *r)
{
	bool reserved = false;
	bool runs = supply->work && weir_work_has(supply->work, r->id, &reserved);

	if (r->filled_bytes >= r->bytes || (runs && reserved))
		return false;
	return r->state == WEIR_REGION_GROWING ||
	       (runs &&
	        (r->state == WEIR_REGION_FILLING || r->state == WEIR_REGION_SCRUBBING));
}

static void leave_promised(const struct weir_supply *supply, struct weir_rooms *rooms)
{
	const struct weir_warm_state *state = weir_store_state(supply->store);

	for (size_t i = 0; i < state->nr_regions; i++)
		if (takes_room(supply, &state->regions[i]))
			weir_rooms_take(rooms, state->regions[i].page_bytes,
			                state->regions[i].node,
			                state->regions[i].bytes -
			                        state->regions[i].filled_bytes);
}

static int read_now(const struct weir_supply *supply, const struct weir_needs *needs,
                    struct weir_rooms *out)
{
	struct weir_pools pools = { 0 };
	int r = weir_rooms_read_pools(supply->host, &pools);

	if (r == 0)
		r = weir_rooms_make(&pools, supply->conf, needs, out);
	if (r == 0)
		leave_holes(supply->store, out);
	if (r == 0)
		leave_promised(supply, out);
	weir_pools_done(&pools);
	return r;
}

/* And no more than there was when it was looked who runs. */
static int read_with(const struct weir_supply *supply, const struct weir_seen *seen,
                     struct weir_rooms *out)
{
	struct weir_rooms then = { 0 };
	int r = read_now(supply, &seen->needs, out);

	if (r < 0 || !seen->needs.nr_declared)
		return r;
	r = weir_rooms_make(&seen->pools, supply->conf, &seen->needs, &then);
	if (r == 0)
		weir_rooms_bound(out, &then);
	weir_rooms_done(&then);
	return r;
}

/* NULL: it is not known, or not any more. */
static const struct weir_seen *seen_now(struct weir_supply *supply)
{
	const struct weir_seen *seen = weir_look_last(supply->look);
	unsigned int age = seen && !seen->needs.nr_declared ? SEEN_NONE_MS : SEEN_AGE_MS;
	int r = weir_look_want(supply->look, age);

	supply->waits_for_look = r == WEIR_LOOK_COMING;
	return r == 0 ? weir_look_last(supply->look) : NULL;
}

bool weir_supply_see(struct weir_supply *supply)
{
	const struct weir_seen *seen;

	if (supply->read_at_ns && weir_now_ns() - supply->read_at_ns < POOLS_AGE_NS)
		return true;
	seen = seen_now(supply);
	if (seen && read_with(supply, seen, &supply->rooms) == 0) {
		supply->read_at_ns = weir_now_ns();
		return true;
	}
	supply->rooms.nr = 0;
	return false;
}

void weir_supply_take(struct weir_supply *supply, uint64_t page_bytes, int node,
                      uint64_t bytes)
{
	weir_rooms_take(&supply->rooms, page_bytes, node, bytes);
}

int weir_supply_for_lease(struct weir_supply *supply, struct weir_rooms *out)
{
	weir_supply_is_stale(supply); /* what it takes is not for targets */
	return read_now(supply, NULL, out);
}

int weir_supply_show(const struct weir_supply *supply, struct weir_rooms *out)
{
	const struct weir_seen *seen = weir_look_last(supply->look);

	return seen ? read_with(supply, seen, out) : read_now(supply, NULL, out);
}

/* ---- failed fills ------------------------------------------------------------------ */

static struct weir_held_off *held_of(struct weir_supply *supply, uint64_t page_bytes,
                                     int node)
{
	for (size_t i = 0; i < supply->nr_held; i++)
		if (supply->held[i].page_bytes == page_bytes &&
		    supply->held[i].node == node)
			return &supply->held[i];
	return NULL;
}

void weir_supply_hold_off(struct weir_supply *supply, uint64_t page_bytes, int node)
{
	struct weir_held_off *held = held_of(supply, page_bytes, node);

	weir_supply_is_stale(supply);
	if (!held && supply->nr_held < WEIR_HELD_OFF_MAX) {
		held = &supply->held[supply->nr_held++];
		*held = (struct weir_held_off){ .page_bytes = page_bytes, .node = node };
	}
	if (!held)
		return;
	held->for_ms = held->for_ms ? held->for_ms * 2 : HOLD_MIN_MS;
	if (held->for_ms > HOLD_MAX_MS)
		held->for_ms = HOLD_MAX_MS;
	held->until_ns = weir_now_ns() + held->for_ms * MS;
}

void weir_supply_let_go(struct weir_supply *supply, uint64_t page_bytes, int node)
{
	struct weir_held_off *held = held_of(supply, page_bytes, node);

	if (held)
		held->for_ms = held->until_ns = 0;
}

/* Without memory for the copy nothing is offered. */
const struct weir_rooms *weir_supply_offer(struct weir_supply *supply)
{
	uint64_t now = weir_now_ns();

	supply->offered.nr = 0;
	if (weir_rooms_copy(&supply->rooms, &supply->offered) < 0)
		return &supply->offered;
	for (size_t i = 0; i < supply->nr_held; i++)
		if (supply->held[i].until_ns > now)
			weir_rooms_close(&supply->offered, supply->held[i].page_bytes,
			                 supply->held[i].node);
	return &supply->offered;
}
