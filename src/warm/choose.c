/* choose: see choose.h.
 *
 * A lease takes a region as a whole: a file's pages cannot be given to another file, so
 * what is cut off goes back to the pool and has to be zeroed again. That is why the
 * smallest larger one is taken, and why a target is made of sizes that are asked for.
 *
 * Left out: rearranging a store whose regions have the wrong sizes while nobody asks. It
 * comes to the right ones with each lease that returns: what is beyond a target then is
 * taken from the sizes that nobody wants. */
#include "warm/choose.h"

#include "base/ckd.h"
#include "base/least.h"

static bool fits_place(const struct weir_warm_region *r, uint64_t page_bytes, int node)
{
	return r->page_bytes == page_bytes && (node < 0 || r->node == node);
}

/* ---- for a lease ------------------------------------------------------------------- */

/* Bytes that weir_choose_evict() could give back. */
static uint64_t spare_bytes(const struct weir_warm_state *state,
                            const struct weir_choose_ask *ask, uint64_t keep)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		if (fits_place(r, ask->page_bytes, ask->node) && r->id != keep &&
		    (r->state == WEIR_REGION_READY || r->state == WEIR_REGION_DIRTY) &&
		    ckd_add(&sum, sum, r->filled_bytes))
			return UINT64_MAX;
	}
	return sum;
}

/* Can @lacks be had, and does it take regions that are there? */
static bool has_room(const struct weir_warm_state *state,
                     const struct weir_choose_ask *ask, uint64_t keep, uint64_t lacks,
                     uint64_t *evict_bytes)
{
	*evict_bytes = weir_less(lacks, ask->room_bytes);
	return !*evict_bytes || spare_bytes(state, ask, keep) >= *evict_bytes;
}

struct candidates { /* their places; SIZE_MAX: none */
	size_t same, larger, smaller;
};

static void look_at(const struct weir_warm_state *state, size_t i, uint64_t bytes,
                    struct candidates *c)
{
	const struct weir_warm_region *all = state->regions;

	if (all[i].bytes == bytes) {
		if (c->same == SIZE_MAX)
			c->same = i;
	} else if (all[i].bytes > bytes) {
		if (c->larger == SIZE_MAX || all[i].bytes < all[c->larger].bytes)
			c->larger = i;
	} else if (c->smaller == SIZE_MAX || all[i].bytes > all[c->smaller].bytes) {
		c->smaller = i;
	}
}

/* The same, where the pages of a region must come from. */
static struct weir_choose_ask ask_there(const struct weir_choose_ask *ask, int node)
{
	struct weir_choose_ask there = *ask;

	if (node < 0 || node == ask->node)
		return there;
	there.node = node;
	for (size_t i = 0; i < ask->nr_rooms; i++)
		if (ask->rooms[i].page_bytes == ask->page_bytes &&
		    ask->rooms[i].node == node)
			there.room_bytes = weir_min(ask->rooms[i].bytes, ask->room_bytes);
	return there;
}

static bool can_grow(const struct weir_warm_state *state,
                     const struct weir_choose_ask *ask, size_t region,
                     struct weir_choice *out)
{
	const struct weir_warm_region *r = &state->regions[region];
	struct weir_choose_ask there = ask_there(ask, r->node);

	*out = (struct weir_choice){ .kind = WEIR_CHOICE_GROW,
		                     .region = region,
		                     .lacks_bytes = ask->bytes - r->bytes,
		                     .node = there.node };
	return has_room(state, &there, r->id, out->lacks_bytes, &out->evict_bytes);
}

/* The largest that can grow with what the pool has. */
static size_t largest_with_room(const struct weir_warm_state *state,
                                const struct weir_choose_ask *ask)
{
	const struct weir_warm_region *all = state->regions;
	size_t found = SIZE_MAX;

	for (size_t i = 0; i < state->nr_regions; i++) {
		struct weir_choose_ask there = ask_there(ask, all[i].node);

		if (all[i].state == WEIR_REGION_READY && all[i].bytes < ask->bytes &&
		    fits_place(&all[i], ask->page_bytes, ask->node) &&
		    ask->bytes - all[i].bytes <= there.room_bytes &&
		    (found == SIZE_MAX || all[i].bytes > all[found].bytes))
			found = i;
	}
	return found;
}

/* What grows with what the pool has comes before what is made of it, and both before what
 * takes other regions. Where one can grow that way, a new one can be made, too: it may
 * take the one that would have grown. */
static bool choose_cold(const struct weir_warm_state *state,
                        const struct weir_choose_ask *ask, size_t smaller,
                        struct weir_choice *out)
{
	size_t best = largest_with_room(state, ask);

	if (best != SIZE_MAX)
		return can_grow(state, ask, best, out);
	if (smaller != SIZE_MAX && ask->room_bytes < ask->bytes &&
	    can_grow(state, ask, smaller, out))
		return true;
	*out = (struct weir_choice){ .kind = WEIR_CHOICE_NEW,
		                     .lacks_bytes = ask->bytes,
		                     .node = ask->node };
	return has_room(state, ask, 0, ask->bytes, &out->evict_bytes);
}

void weir_choose_region(const struct weir_warm_state *state,
                        const struct weir_choose_ask *ask, struct weir_choice *out)
{
	struct candidates c = { SIZE_MAX, SIZE_MAX, SIZE_MAX };

	*out = (struct weir_choice){ .kind = WEIR_CHOICE_NONE };
	for (size_t i = 0; i < state->nr_regions; i++)
		if (state->regions[i].state == WEIR_REGION_READY &&
		    fits_place(&state->regions[i], ask->page_bytes, ask->node))
			look_at(state, i, ask->bytes, &c);
	if (c.same != SIZE_MAX || c.larger != SIZE_MAX) {
		out->kind = c.same != SIZE_MAX ? WEIR_CHOICE_SAME : WEIR_CHOICE_CUT;
		out->region = c.same != SIZE_MAX ? c.same : c.larger;
		return;
	}
	if (!choose_cold(state, ask, c.smaller, out))
		*out = (struct weir_choice){ .kind = WEIR_CHOICE_NONE };
	else if (ask->warm_only)
		*out = (struct weir_choice){ .kind = WEIR_CHOICE_COLD };
}

/* Is @a rather given back than @b, when @bytes are wanted? */
static bool is_rather(const struct weir_warm_region *a, const struct weir_warm_region *b,
                      uint64_t bytes)
{
	bool a_dirty = a->state == WEIR_REGION_DIRTY;
	bool b_dirty = b->state == WEIR_REGION_DIRTY;
	bool a_enough = a->filled_bytes >= bytes, b_enough = b->filled_bytes >= bytes;

	if (a_dirty != b_dirty)
		return a_dirty;
	if (a_enough != b_enough)
		return a_enough;
	/* of those that suffice the smallest, of others the largest */
	return a_enough ? a->filled_bytes < b->filled_bytes
	                : a->filled_bytes > b->filled_bytes;
}

bool weir_choose_evict(const struct weir_warm_state *state,
                       const struct weir_choose_ask *ask, uint64_t keep, uint64_t bytes,
                       size_t *out)
{
	bool found = false;

	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		if (!fits_place(r, ask->page_bytes, ask->node) || r->id == keep ||
		    (r->state != WEIR_REGION_READY && r->state != WEIR_REGION_DIRTY) ||
		    !r->filled_bytes)
			continue;
		if (!found || is_rather(r, &state->regions[*out], bytes))
			*out = i;
		found = true;
	}
	return found;
}

/* ---- flavours ---------------------------------------------------------------------- */

static struct weir_flavour *flavour_of(struct weir_flavours *all, uint64_t bytes)
{
	for (size_t i = 0; i < all->nr; i++)
		if (all->v[i].bytes == bytes)
			return &all->v[i];
	return NULL;
}

/* A new one, behind the others; NULL where there is no room, or none of this size. */
static struct weir_flavour *add_flavour(struct weir_flavours *all, uint64_t bytes,
                                        uint64_t page_bytes)
{
	if (!bytes || bytes % page_bytes || all->nr >= WEIR_CHOOSE_FLAVOURS_MAX)
		return NULL;
	all->v[all->nr] = (struct weir_flavour){ .bytes = bytes };
	return &all->v[all->nr++];
}

void weir_flavours_given(const uint64_t *sizes, size_t nr, uint64_t page_bytes,
                         struct weir_flavours *out)
{
	out->nr = 0;
	for (size_t i = 0; i < nr; i++) {
		struct weir_flavour *f = flavour_of(out, sizes[i]);

		if (!f)
			f = add_flavour(out, sizes[i], page_bytes);
		if (f)
			f->weight = 1;
	}
}

void weir_flavours_learned(const uint64_t *sizes, size_t nr, uint64_t page_bytes,
                           struct weir_flavours *out)
{
	out->nr = 0;
	for (size_t i = 0; i < nr; i++) {
		struct weir_flavour *f = flavour_of(out, sizes[i]);

		if (!f)
			f = add_flavour(out, sizes[i], page_bytes);
		if (f)
			f->weight++;
	}
	/* the most frequent first, of equal ones the newest: a stable sort of a few */
	for (size_t i = 1; i < out->nr; i++)
		for (size_t k = i; k && out->v[k].weight > out->v[k - 1].weight; k--) {
			struct weir_flavour swap = out->v[k];

			out->v[k] = out->v[k - 1];
			out->v[k - 1] = swap;
		}
}

void weir_flavours_want(struct weir_flavours *flavours, uint64_t bytes)
{
	uint64_t round = 0, rounds = 0, part;

	for (size_t i = 0; i < flavours->nr; i++) {
		const struct weir_flavour *f = &flavours->v[i];

		if (ckd_mul(&part, f->bytes, f->weight) || ckd_add(&round, round, part))
			round = UINT64_MAX;
	}
	if (round && round < UINT64_MAX)
		rounds = bytes / round;
	bytes -= rounds * round;
	for (size_t i = 0; i < flavours->nr; i++) {
		struct weir_flavour *f = &flavours->v[i];
		uint64_t more = weir_min(bytes / f->bytes, f->weight);

		f->wanted = (size_t)(rounds * f->weight + more);
		bytes -= more * f->bytes;
	}
}

/* ---- targets ----------------------------------------------------------------------- */

/* Is it ready for the target of this place, or going to be? */
static bool counts(const struct weir_warm_region *r, uint64_t page_bytes, int node)
{
	return r->page_bytes == page_bytes && r->node == node &&
	       (r->state == WEIR_REGION_READY || r->state == WEIR_REGION_FILLING ||
	        r->state == WEIR_REGION_DIRTY || r->state == WEIR_REGION_SCRUBBING);
}

uint64_t weir_choose_has(const struct weir_warm_state *state, uint64_t page_bytes,
                         int node)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < state->nr_regions; i++)
		if (counts(&state->regions[i], page_bytes, node) &&
		    ckd_add(&sum, sum, state->regions[i].bytes))
			return UINT64_MAX;
	return sum;
}

struct tally { /* of a target: how many regions of each flavour */
	size_t nr[WEIR_CHOOSE_FLAVOURS_MAX];
};

static void count_flavours(const struct weir_warm_state *state,
                           const struct weir_warm_target *target,
                           const struct weir_flavours *flavours, struct tally *out)
{
	*out = (struct tally){ 0 };
	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		if (!counts(r, target->page_bytes, target->node))
			continue;
		for (size_t f = 0; f < flavours->nr; f++)
			out->nr[f] += flavours->v[f].bytes == r->bytes;
	}
}

uint64_t weir_choose_fill(const struct weir_warm_state *state,
                          const struct weir_warm_target *target,
                          const struct weir_flavours *flavours, uint64_t room_bytes)
{
	uint64_t has = weir_choose_has(state, target->page_bytes, target->node);
	uint64_t left = weir_less(target->bytes, has), most;
	uint64_t smallest = UINT64_MAX, fitting = 0, best = 0;
	struct tally tally;
	size_t lack = 0;

	left -= left % target->page_bytes;
	most = weir_min(left, room_bytes);
	count_flavours(state, target, flavours, &tally);
	for (size_t i = 0; i < flavours->nr; i++) {
		const struct weir_flavour *f = &flavours->v[i];

		smallest = weir_min(f->bytes, smallest);
		if (f->bytes > most)
			continue;
		fitting = f->bytes > fitting ? f->bytes : fitting;
		if (tally.nr[i] < f->wanted && f->wanted - tally.nr[i] > lack) {
			lack = f->wanted - tally.nr[i];
			best = f->bytes;
		}
	}
	if (best || fitting)
		return best ? best : fitting;
	return left < smallest && left <= room_bytes ? left : 0;
}

struct beyond {
	const struct weir_flavours *flavours;
	uint64_t over;
	struct tally tally;
};

/* Are there as many of this size as are wanted, without it? */
static bool is_unwanted(const struct beyond *b, const struct weir_warm_region *r)
{
	for (size_t i = 0; i < b->flavours->nr; i++)
		if (b->flavours->v[i].bytes == r->bytes)
			return b->tally.nr[i] > b->flavours->v[i].wanted;
	return true;
}

/* 0: given back first. What is larger than what is over is cut, and comes after what is
 * not: but what nobody wants comes before what somebody does. */
static unsigned int rank_of(const struct beyond *b, const struct weir_warm_region *r)
{
	return (is_unwanted(b, r) ? 0U : 4U) + (r->bytes <= b->over ? 0U : 2U) +
	       (r->state == WEIR_REGION_DIRTY ? 0U : 1U);
}

/* Of equal rank: of those that go whole the largest, of those that are cut the smallest.
 */
static bool goes_first(const struct beyond *b, const struct weir_warm_region *r,
                       const struct weir_warm_region *other)
{
	unsigned int rank = rank_of(b, r), other_rank = rank_of(b, other);

	if (rank != other_rank)
		return rank < other_rank;
	return r->bytes <= b->over ? r->bytes > other->bytes : r->bytes < other->bytes;
}

bool weir_choose_beyond(const struct weir_warm_state *state,
                        const struct weir_warm_target *target,
                        const struct weir_flavours *flavours, size_t *out,
                        uint64_t *keep_bytes)
{
	struct beyond b = { .flavours = flavours };
	uint64_t has = weir_choose_has(state, target->page_bytes, target->node);
	uint64_t most = target->bytes - target->bytes % target->page_bytes;
	bool found = false;

	if (has <= most)
		return false;
	b.over = has - most;
	count_flavours(state, target, flavours, &b.tally);
	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		if (!counts(r, target->page_bytes, target->node) ||
		    (r->state != WEIR_REGION_READY && r->state != WEIR_REGION_DIRTY))
			continue;
		if (!found || goes_first(&b, r, &state->regions[*out]))
			*out = i;
		found = true;
	}
	if (found)
		*keep_bytes = state->regions[*out].bytes > b.over
		                      ? state->regions[*out].bytes - b.over
		                      : 0;
	return found;
}
