/* script_zones: "zone NODE NAME managed=PAGES free=PAGES ...": what a node's memory is
 * made of, in base pages, under the names of /proc/zoneinfo. See script.h. */
#include "lab/script_parse.h"

#include "base/own.h"

#include <stddef.h>

#define PAGES_MAX (UINT64_C(1) << 38) /* of a zone: 1 PiB */

static const struct {
	const char *key;
	size_t at; /* in struct weir_zone_config */
} counts[] = {
	{ "managed", offsetof(struct weir_zone_config, managed) },
	{ "free", offsetof(struct weir_zone_config, free) },
	{ "cma", offsetof(struct weir_zone_config, cma) },
	{ "free_cma", offsetof(struct weir_zone_config, free_cma) },
	{ "whole", offsetof(struct weir_zone_config, whole) },
	{ "whole_cma", offsetof(struct weir_zone_config, whole_cma) },
	{ "min", offsetof(struct weir_zone_config, min) },
	{ "low", offsetof(struct weir_zone_config, low) },
	{ "high", offsetof(struct weir_zone_config, high) },
};
#define MANAGED 0 /* in counts; free is next */
#define RESERVE WEIR_NELEM(counts)

/* "0,965,965,1447": by the highest zone of who asks, WEIR_ZONE_NR of them. */
static bool parse_reserve(struct weir_str value, uint64_t *out)
{
	struct weir_str part;
	size_t i = 0;

	if (weir_str_ends(value, ","))
		return false;
	while (weir_str_cut(&value, ',', &part))
		if (i == WEIR_ZONE_NR || !weir_is_number(part, PAGES_MAX, &out[i++]))
			return false;
	return i == WEIR_ZONE_NR;
}

static int parse_word(struct weir_parse *p, struct weir_str word,
                      struct weir_zone_config *zone, unsigned int *seen)
{
	struct weir_str key, value = { 0 };
	size_t i = 0;
	uint64_t n;

	if (!weir_str_split(word, '=', &key, &value))
		key = word;
	while (i < RESERVE && !weir_str_eq(key, counts[i].key))
		i++;
	if (i == RESERVE && !weir_str_eq(key, "reserve"))
		return weir_parse_bad(
			p, word,
			"a zone has managed=, free=, cma=, free_cma=, whole=, "
			"whole_cma=, min=, low=, high=, reserve=");
	if (*seen & 1U << i)
		return weir_parse_bad(p, word, "said twice");
	*seen |= 1U << i;
	if (i == RESERVE)
		return parse_reserve(value, zone->reserve)
		               ? 0
		               : weir_parse_bad(
					 p, word,
					 "reserve=N,N,N,N: for requests up to DMA, "
					 "DMA32, Normal, Movable");
	if (!value.n || !weir_is_number(value, PAGES_MAX, &n))
		return weir_parse_bad(p, word, "no number of base pages");
	memcpy((char *)zone + counts[i].at, &n, sizeof(n));
	return 0;
}

int weir_parse_zone(struct weir_parse *p, struct weir_str word, struct weir_str rest)
{
	struct weir_zone_config zone = { .there = true,
		                         .whole = UINT64_MAX,
		                         .whole_cma = UINT64_MAX };
	struct weir_setup *setup = &p->out->setup;
	struct weir_str id = { 0 }, name = { 0 };
	enum weir_zone_kind kind;
	unsigned int seen = 0;
	uint64_t node;
	int r;

	if (!weir_str_word(&rest, &id) ||
	    !weir_is_number(id, WEIR_MODEL_NODES_MAX - 1, &node))
		return weir_parse_bad(p, id.n ? id : word, "of which node? 0 to %d",
		                      WEIR_MODEL_NODES_MAX - 1);
	if (!weir_str_word(&rest, &name) || !weir_zone_find(name, &kind))
		return weir_parse_bad(p, name.n ? name : id,
		                      "which zone? DMA, DMA32, Normal or Movable");
	if (setup->zones[node][kind].there)
		return weir_parse_bad(p, name, "this zone is there already");
	while (weir_str_word(&rest, &word)) {
		r = parse_word(p, word, &zone, &seen);
		if (r < 0)
			return r;
	}
	if ((seen & 3U << MANAGED) != 3U << MANAGED)
		return weir_parse_bad(p, name, "managed=PAGES or free=PAGES is missing");
	if (zone.free > zone.managed || zone.cma > zone.managed ||
	    zone.free_cma > zone.free || zone.free_cma > zone.cma)
		return weir_parse_bad(
			p, name,
			"more than there is: free and cma are within managed, "
			"free_cma is within both");
	setup->zones[node][kind] = zone;
	setup->zoned |= UINT64_C(1) << node;
	return 0;
}
