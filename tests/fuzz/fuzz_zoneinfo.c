#include "facts/zoneinfo.h"

#include "fuzz.h"

/* all that weir_zone counts stands between these two, without a gap */
#define FIRST     offsetof(struct weir_zone, free)
#define LAST      offsetof(struct weir_zone, start_pfn)
#define NR_COUNTS ((LAST - FIRST) / sizeof(struct weir_count) + 1)

static const struct weir_count *counts(const struct weir_zone *zone)
{
	return &zone->free;
}

static void check_zone(const struct weir_zone *zone)
{
	must(zone->node <= WEIR_NODE_MAX);
	must(zone->name[0] && memchr(zone->name, '\0', sizeof(zone->name)));
	must(zone->nr_reserves <= WEIR_ZONE_RESERVES_MAX);
	for (size_t i = 0; i < zone->nr_reserves; i++)
		must(zone->reserve[i] <= WEIR_COUNT_MAX);
	for (size_t i = 0; i < NR_COUNTS; i++)
		must(counts(zone)[i].known ? counts(zone)[i].n <= WEIR_COUNT_MAX
		                           : counts(zone)[i].n == 0);
}

static bool same_zone(const struct weir_zone *a, const struct weir_zone *b)
{
	bool same = a->node == b->node && strcmp(a->name, b->name) == 0 &&
	            a->nr_reserves == b->nr_reserves;

	for (size_t i = 0; same && i < a->nr_reserves; i++)
		same = a->reserve[i] == b->reserve[i];
	for (size_t i = 0; same && i < NR_COUNTS; i++)
		same = counts(a)[i].known == counts(b)[i].known &&
		       counts(a)[i].n == counts(b)[i].n;
	return same;
}

/* A known sum is that of all zones of the node, each known or empty. */
static void check_sum(const struct weir_zones *zones, unsigned int node, size_t field)
{
	struct weir_count got = weir_zones_sum(zones, node,
	                                       FIRST + field * sizeof(struct weir_count));
	unsigned __int128 want = 0;
	size_t nr = 0;

	must(got.known || got.n == 0);
	if (!got.known)
		return;
	must(!zones->damaged);
	for (size_t i = 0; i < zones->nr; i++) {
		const struct weir_zone *zone = &zones->v[i];

		if (zone->node != node)
			continue;
		nr++;
		must(counts(zone)[field].known ||
		     (zone->present.known && !zone->present.n));
		want += counts(zone)[field].n;
	}
	must(nr && got.n == want);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str text = weir_str((const char *)data, size);
	struct weir_zones zones, again;
	struct weir_err err = { 0 };
	int r = weir_zoneinfo_parse(text, &zones, &err);

	must(r == 0 || r == WEIR_GARBLED);
	must((r != 0) == (err.msg[0] != '\0'));
	must(r || !zones.damaged);
	must(zones.nr <= WEIR_ZONES_MAX);
	must(weir_zoneinfo_parse(text, &again, NULL) == r);
	must(again.nr == zones.nr && again.damaged == zones.damaged);
	for (size_t i = 0; i < zones.nr; i++) {
		check_zone(&zones.v[i]);
		must(same_zone(&zones.v[i], &again.v[i]));
		for (size_t field = 0; i < 64 && field < NR_COUNTS; field++)
			check_sum(&zones, zones.v[i].node, field);
	}
	weir_zones_done(&zones);
	weir_zones_done(&again);
	return 0;
}
