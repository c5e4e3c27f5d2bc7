/* ranges: see ranges.h. */
#include "base/ranges.h"

#include <errno.h>
#include <stdlib.h>

void weir_ranges_done(struct weir_ranges *set)
{
	free(set->v);
	*set = (struct weir_ranges){ 0 };
}

/* Adds [first,last], joining every range that it touches. */
static int add_range(struct weir_ranges *set, unsigned int first, unsigned int last)
{
	size_t at = 0, end;
	int r;

	while (at < set->nr && set->v[at].last + 1 < first)
		at++;
	for (end = at; end < set->nr && set->v[end].first <= last + 1; end++) {
		if (set->v[end].first < first)
			first = set->v[end].first;
		if (set->v[end].last > last)
			last = set->v[end].last;
	}
	if (end == at) { /* touches none: make room */
		r = weir_grow(&set->v, &set->cap, set->nr, sizeof(*set->v));
		if (r < 0)
			return r;
		memmove(&set->v[at + 1], &set->v[at], (set->nr - at) * sizeof(*set->v));
		set->nr++;
	} else { /* v[at] takes the place of v[at..end) */
		memmove(&set->v[at + 1], &set->v[end], (set->nr - end) * sizeof(*set->v));
		set->nr -= end - at - 1;
	}
	set->v[at] = (struct weir_range){ first, last };
	return 0;
}

int weir_ranges_add(struct weir_ranges *set, unsigned int id)
{
	return id > WEIR_ID_MAX ? -ERANGE : add_range(set, id, id);
}

static int parse_range(struct weir_str s, struct weir_range *out)
{
	struct weir_str a = s, b = s;
	uint64_t first, last;
	int r;

	(void)weir_str_split(s, '-', &a, &b); /* one number is a range of its own */
	r = weir_parse_u64(a, &first);
	if (r < 0)
		return r;
	r = weir_parse_u64(b, &last);
	if (r < 0)
		return r;
	if (last > WEIR_ID_MAX)
		return -ERANGE;
	if (first > last)
		return -EBADMSG;
	*out = (struct weir_range){ (unsigned int)first, (unsigned int)last };
	return 0;
}

int weir_ranges_parse(struct weir_str s, struct weir_ranges *set)
{
	struct weir_ranges got = { 0 };
	struct weir_range range;
	struct weir_str part;
	int r = 0;

	s = weir_str_trim(s);
	if (weir_str_ends(s, ","))
		return -EBADMSG;
	while (r == 0 && weir_str_cut(&s, ',', &part)) {
		r = parse_range(part, &range);
		if (r == 0)
			r = add_range(&got, range.first, range.last);
	}
	if (r < 0) {
		weir_ranges_done(&got);
		return r;
	}
	*set = got;
	return 0;
}

int weir_ranges_format(const struct weir_ranges *set, struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < set->nr; i++) {
		const struct weir_range *v = &set->v[i];

		r = v->first == v->last
		            ? weir_buf_printf(out, "%s%u", i ? "," : "", v->first)
		            : weir_buf_printf(out, "%s%u-%u", i ? "," : "", v->first,
		                              v->last);
	}
	return r;
}

bool weir_ranges_has(const struct weir_ranges *set, unsigned int id)
{
	return weir_ranges_next(set, id) == id && id <= WEIR_ID_MAX;
}

size_t weir_ranges_count(const struct weir_ranges *set)
{
	size_t n = 0;

	for (size_t i = 0; i < set->nr; i++)
		n += set->v[i].last - set->v[i].first + 1;
	return n;
}

unsigned int weir_ranges_next(const struct weir_ranges *set, unsigned int from)
{
	for (size_t i = 0; i < set->nr; i++)
		if (from <= set->v[i].last)
			return from > set->v[i].first ? from : set->v[i].first;
	return WEIR_ID_MAX + 1;
}
