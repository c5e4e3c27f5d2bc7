/* regions: see regions.h. An array with binary search; the kernel has a list. */
#include "model/regions.h"

#include <stdlib.h>
#include <string.h>

void weir_regions_done(struct weir_regions *set)
{
	free(set->v);
	*set = (struct weir_regions){ 0 };
}

/* The first range that ends behind @idx. */
static uint32_t lower(const struct weir_regions *set, uint32_t idx)
{
	uint32_t lo = 0, hi = set->nr;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (set->v[mid].to <= idx)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

uint64_t weir_regions_count(const struct weir_regions *set, uint32_t from, uint32_t to)
{
	uint64_t n = 0;

	for (uint32_t i = lower(set, from); i < set->nr && set->v[i].from < to; i++) {
		uint32_t a = set->v[i].from > from ? set->v[i].from : from;
		uint32_t b = set->v[i].to < to ? set->v[i].to : to;

		n += b - a;
	}
	return n;
}

bool weir_regions_has(const struct weir_regions *set, uint32_t idx, uint32_t *nr)
{
	uint32_t i = lower(set, idx), left;
	bool has = i < set->nr && set->v[i].from <= idx;

	if (i < set->nr) {
		left = (has ? set->v[i].to : set->v[i].from) - idx;
		if (left < *nr)
			*nr = left;
	}
	return has;
}

static bool reserve(struct weir_regions *set, uint32_t more)
{
	uint32_t cap = set->cap ? set->cap : 2;
	struct weir_region *v;

	if (set->nr + more <= set->cap)
		return true;
	while (cap < set->nr + more)
		cap *= 2;
	v = realloc(set->v, cap * sizeof(*v));
	if (!v)
		return false;
	set->v = v;
	set->cap = cap;
	return true;
}

static void insert(struct weir_regions *set, uint32_t at, struct weir_region r)
{
	memmove(&set->v[at + 1], &set->v[at], (set->nr - at) * sizeof(r));
	set->v[at] = r;
	set->nr++;
}

static void drop(struct weir_regions *set, uint32_t at)
{
	set->nr--;
	memmove(&set->v[at], &set->v[at + 1], (set->nr - at) * sizeof(set->v[0]));
}

/* Joins the range at @at with the one before it, if they are neighbours with one payer.
 */
static bool join(struct weir_regions *set, uint32_t at)
{
	struct weir_region *r = &set->v[at];

	if (!at || at >= set->nr || r[-1].to != r->from || r[-1].group != r->group)
		return false;
	r[-1].to = r->to;
	drop(set, at);
	return true;
}

/* One gap becomes a range; a neighbour that can take it in does, so that filling a file
 * page by page does not move the array each time. */
static bool fill(struct weir_regions *set, uint32_t at, struct weir_region r)
{
	bool left = at && set->v[at - 1].to == r.from && set->v[at - 1].group == r.group;
	bool right = at < set->nr && set->v[at].from == r.to &&
	             set->v[at].group == r.group;

	if (left) {
		set->v[at - 1].to = r.to;
		if (right)
			(void)join(set, at);
		return true;
	}
	if (right) {
		set->v[at].from = r.from;
		return true;
	}
	if (!reserve(set, 1))
		return false;
	insert(set, at, r);
	return true;
}

bool weir_regions_add(struct weir_regions *set, uint32_t from, uint32_t to,
                      uint32_t group)
{
	/* Gaps are filled from the front. Each round ends behind at least one range, or
	 * at the end. The room for all is made first, so that failure changes nothing. */
	uint32_t gaps = 1;

	for (uint32_t i = lower(set, from); i < set->nr && set->v[i].from < to; i++)
		gaps++;
	if (gaps > 1 && !reserve(set, gaps))
		return false;
	while (from < to) {
		uint32_t at = lower(set, from);
		uint32_t end = to;

		if (at < set->nr && set->v[at].from <= from) {
			from = set->v[at].to;
			continue;
		}
		if (at < set->nr && set->v[at].from < end)
			end = set->v[at].from;
		if (!fill(set, at, (struct weir_region){ from, end, group }))
			return false;
		from = end;
	}
	return true;
}

bool weir_regions_del(struct weir_regions *set, uint32_t from, uint32_t to,
                      void (*paid)(void *ctx, uint32_t group, uint64_t nr), void *ctx)
{
	uint32_t at = lower(set, from), end;

	if (from >= to || at == set->nr || set->v[at].from >= to)
		return true; /* nothing of it is there */
	/* a hole in the middle of one range makes two */
	if (set->v[at].from < from && set->v[at].to > to) {
		struct weir_region rest = { to, set->v[at].to, set->v[at].group };

		if (!reserve(set, 1))
			return false;
		if (paid && rest.group)
			paid(ctx, rest.group, to - from);
		set->v[at].to = from;
		insert(set, at + 1, rest);
		return true;
	}
	if (set->v[at].from < from) {
		if (paid && set->v[at].group)
			paid(ctx, set->v[at].group, set->v[at].to - from);
		set->v[at].to = from;
		at++;
	}
	for (end = at; end < set->nr && set->v[end].to <= to; end++)
		if (paid && set->v[end].group)
			paid(ctx, set->v[end].group, set->v[end].to - set->v[end].from);
	if (end < set->nr && set->v[end].from < to) {
		if (paid && set->v[end].group)
			paid(ctx, set->v[end].group, to - set->v[end].from);
		set->v[end].from = to;
	}
	memmove(&set->v[at], &set->v[end], (set->nr - end) * sizeof(set->v[0]));
	set->nr -= end - at;
	return true;
}
