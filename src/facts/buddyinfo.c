/* buddyinfo: see buddyinfo.h. */
#include "facts/buddyinfo.h"

#include "base/own.h"

#include <errno.h>

void weir_buddyinfo_done(struct weir_buddyinfo *buddy)
{
	free(buddy->v);
	*buddy = (struct weir_buddyinfo){ 0 };
}

/* "Node 0, zone   Normal   3275    199 ..." */
static int parse_row(struct weir_str line, struct weir_buddy_zone *row)
{
	struct weir_str rest = weir_str_skip(line, 5), id, word;
	uint64_t node;

	if (!weir_str_starts(line, "Node ") || !weir_str_cut(&rest, ',', &id) ||
	    weir_parse_u64(weir_str_trim(id), &node) < 0 || node > WEIR_NODE_MAX)
		return WEIR_GARBLED;
	if (!weir_str_word(&rest, &word) || !weir_str_eq(word, "zone") ||
	    !weir_str_word(&rest, &word) || word.n >= WEIR_ZONE_NAME_MAX)
		return WEIR_GARBLED;
	row->node = (unsigned int)node;
	(void)weir_str_show(word, row->name, sizeof(row->name));
	while (weir_str_word(&rest, &word)) {
		struct weir_count n = { 0 };

		if (row->nr_orders == WEIR_ORDERS_MAX || weir_count_parse(word, &n) != 0)
			return WEIR_GARBLED;
		row->counts[row->nr_orders++] = n.n;
	}
	return row->nr_orders ? 0 : WEIR_GARBLED;
}

int weir_buddyinfo_parse(struct weir_str text, struct weir_buddyinfo *out,
                         struct weir_err *err)
{
	struct weir_str line;
	int result = 0, r;

	*out = (struct weir_buddyinfo){ .damaged = text.n && !weir_str_ends(text, "\n") };
	if (out->damaged)
		result = weir_err_set(err, WEIR_GARBLED, "cut off in its last line");
	while (weir_str_line(&text, &line)) {
		if (!weir_str_trim(line).n)
			continue;
		out->damaged |= out->nr >= WEIR_ZONES_MAX;
		if (out->nr >= WEIR_ZONES_MAX)
			return weir_err_set(err, WEIR_GARBLED, "more than %u zones",
			                    WEIR_ZONES_MAX);
		r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
		if (r < 0) {
			weir_buddyinfo_done(out);
			return r;
		}
		/* all zones have the same orders: a shorter row was cut off */
		if (parse_row(line, &out->v[out->nr]) == 0 &&
		    out->v[out->nr].nr_orders == out->v[0].nr_orders)
			out->nr++;
		else {
			out->damaged = true;
			if (!result)
				result = weir_err_set(err, WEIR_GARBLED,
				                      "not understood: '%.*s'",
				                      WEIR_STR_ARG(line));
		}
	}
	return result;
}

/* Pages in the blocks of order @from and more of one zone, in units of 2^unit pages. */
static struct weir_count zone_blocks(const struct weir_buddy_zone *z, size_t from,
                                     unsigned int unit)
{
	struct weir_count sum = WEIR_COUNT(0);

	for (size_t o = from; o < z->nr_orders; o++)
		sum = weir_count_add(sum, weir_count_mul(WEIR_COUNT(z->counts[o]),
		                                         UINT64_C(1) << (o - unit)));
	return sum;
}

struct weir_count weir_buddyinfo_blocks(const struct weir_buddyinfo *buddy,
                                        unsigned int node, unsigned int order)
{
	struct weir_count sum = WEIR_COUNT(0);
	bool any = false;

	for (size_t i = 0; i < buddy->nr; i++) {
		const struct weir_buddy_zone *z = &buddy->v[i];

		if (z->node != node || order >= z->nr_orders)
			continue;
		any = true;
		sum = weir_count_add(sum, zone_blocks(z, order, order));
	}
	return any && !buddy->damaged ? sum : (struct weir_count){ 0 };
}

struct weir_count weir_buddyinfo_runs_max(const struct weir_buddyinfo *buddy,
                                          unsigned int node, uint64_t run_pages)
{
	struct weir_count sum = WEIR_COUNT(0);
	bool any = false;

	for (size_t i = 0; i < buddy->nr; i++) {
		const struct weir_buddy_zone *z = &buddy->v[i];
		struct weir_count top;

		if (z->node != node)
			continue;
		any = true;
		top = zone_blocks(z, z->nr_orders - 1, 0);
		top.n /= run_pages;
		sum = weir_count_add(sum, top);
	}
	return any && !buddy->damaged ? sum : (struct weir_count){ 0 };
}
