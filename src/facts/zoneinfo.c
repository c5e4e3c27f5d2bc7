/* zoneinfo: see zoneinfo.h.
 *
 * Most of the file is per-CPU page sets, four lines for each CPU in each zone: megabytes
 * on a large host, and nothing that is wanted. So the parser leaps from "pagesets" to the
 * next zone and looks back only at the few lines that follow the sets. */
#include "facts/zoneinfo.h"

#include "base/own.h"

#include <errno.h>
#include <stddef.h>

#define AT(field) offsetof(struct weir_zone, field)

static const struct {
	const char *name;
	size_t at;
} fields[] = {
	{ "boost", AT(boost) },
	{ "min", AT(min) },
	{ "low", AT(low) },
	{ "high", AT(high) },
	{ "promo", AT(promo) },
	{ "spanned", AT(spanned) },
	{ "present", AT(present) },
	{ "managed", AT(managed) },
	{ "cma", AT(cma) },
	{ "nr_free_cma", AT(free_cma) },
	{ "nr_zone_inactive_anon", AT(inactive_anon) },
	{ "nr_zone_active_anon", AT(active_anon) },
	{ "nr_zone_inactive_file", AT(inactive_file) },
	{ "nr_zone_active_file", AT(active_file) },
	{ "nr_zone_unevictable", AT(unevictable) },
	{ "nr_zone_write_pending", AT(write_pending) },
	{ "start_pfn:", AT(start_pfn) },
};

void weir_zones_done(struct weir_zones *zones)
{
	free(zones->v);
	*zones = (struct weir_zones){ 0 };
}

/* "Node 0, zone   Normal" */
static int parse_heading(struct weir_str line, struct weir_zone *zone)
{
	struct weir_str rest = weir_str_skip(line, 5), id, word, name;
	uint64_t node;

	if (!weir_str_cut(&rest, ',', &id) || weir_parse_u64(id, &node) < 0 ||
	    node > WEIR_NODE_MAX)
		return WEIR_GARBLED;
	if (!weir_str_word(&rest, &word) || !weir_str_eq(word, "zone") ||
	    !weir_str_word(&rest, &name) || name.n >= WEIR_ZONE_NAME_MAX ||
	    weir_str_trim(rest).n)
		return WEIR_GARBLED;
	zone->node = (unsigned int)node;
	(void)weir_str_show(name, zone->name, sizeof(zone->name));
	return 0;
}

/* "(0, 3003, 23852)" */
static int parse_protection(struct weir_str s, struct weir_zone *zone)
{
	struct weir_str part;
	uint64_t pages[WEIR_ZONE_RESERVES_MAX];
	size_t nr = 0;

	s = weir_str_trim(s);
	if (!weir_str_starts(s, "(") || !weir_str_ends(s, ")") || s.n < 2)
		return WEIR_GARBLED;
	s = weir_str(s.p + 1, s.n - 2);
	while (weir_str_cut(&s, ',', &part)) {
		if (nr == WEIR_ZONE_RESERVES_MAX ||
		    weir_parse_u64(weir_str_trim(part), &pages[nr]) < 0 ||
		    pages[nr] > WEIR_COUNT_MAX)
			return WEIR_GARBLED;
		nr++;
	}
	memcpy(zone->reserve, pages, nr * sizeof(pages[0]));
	zone->nr_reserves = nr;
	return 0;
}

/* A line that a zone has already is of another one, whose heading was lost. */
static int parse_value(struct weir_str s, struct weir_count *slot, bool *damaged)
{
	struct weir_str value;

	*damaged |= slot->known;
	if (slot->known || !weir_str_word(&s, &value) || weir_str_trim(s).n)
		return WEIR_GARBLED;
	return weir_count_parse(value, slot);
}

static int parse_line(struct weir_str line, struct weir_zone *zone, bool *damaged)
{
	struct weir_str rest = line, key, of;

	if (!weir_str_word(&rest, &key))
		return 0;
	if (weir_str_eq(key, "protection:"))
		return parse_protection(rest, zone);
	if (weir_str_eq(key, "pages") && weir_str_word(&rest, &of) &&
	    weir_str_eq(of, "free"))
		return parse_value(rest, &zone->free, damaged);
	for (size_t i = 0; i < WEIR_NELEM(fields); i++) {
		if (!weir_str_eq(key, fields[i].name))
			continue;
		return parse_value(
			rest, (struct weir_count *)(void *)((char *)zone + fields[i].at),
			damaged);
	}
	return 0;
}

/* weir_str_find() by the character z[rare], which page sets do not have: memchr() passes
 * over megabytes of them several times as fast as memmem(). */
static ptrdiff_t find_rare(struct weir_str s, const char *z, size_t rare)
{
	const char *at = s.p, *end = s.p + s.n;
	size_t n = strlen(z);

	while (at < end && (at = memchr(at, z[rare], (size_t)(end - at)))) {
		size_t before = (size_t)(at - s.p);

		if (before >= rare && n <= s.n - (before - rare) &&
		    memcmp(at - rare, z, n) == 0)
			return (ptrdiff_t)(before - rare);
		at++;
	}
	return -1;
}

/* @rest stands behind "pagesets": moves it to the lines behind the last page set. False
 * when it leapt over a zone, whose heading was lost. */
static bool leap_page_sets(struct weir_str *rest)
{
	static const char last[] = "vm stats threshold:";
	ptrdiff_t next = find_rare(*rest, "\nNode ", 1); /* N */
	struct weir_str sets = weir_str(rest->p, next < 0 ? rest->n : (size_t)next);
	size_t tail = sets.n < 512 ? sets.n : 512; /* what follows the sets is 3 lines */
	struct weir_str end = weir_str_skip(sets, sets.n - tail);
	ptrdiff_t at = weir_str_find(end, last);

	if (weir_str_starts(*rest, "Node ")) /* no sets at all */
		return true;
	while (at >= 0) {
		end = weir_str_skip(end, (size_t)at + sizeof(last) - 1);
		at = weir_str_find(end, last);
	}
	*rest = weir_str(end.p, rest->n - (size_t)(end.p - rest->p));
	return find_rare(sets, "\n  pages free ", 9) < 0; /* f */
}

/* Sums what the page sets have: "              count:    97". */
static void sum_page_sets(struct weir_str sets, struct weir_zone *zone)
{
	struct weir_str line, word;
	uint64_t sum = 0, nr = 0;

	while (weir_str_line(&sets, &line)) {
		struct weir_count n = { 0 };

		if (!weir_str_word(&line, &word) || !weir_str_eq(word, "count:"))
			continue;
		if (weir_count_parse(weir_str_trim(line), &n) < 0 || !n.known)
			return;
		sum += n.n < UINT32_MAX ? n.n : UINT32_MAX;
		nr++;
	}
	zone->per_cpu = WEIR_COUNT(sum);
	zone->nr_cpus = WEIR_COUNT(nr);
}

int weir_zoneinfo_parse(struct weir_str text, struct weir_zones *out,
                        struct weir_err *err)
{
	struct weir_zone *zone = NULL;
	struct weir_str line;
	int result = 0, r;

	*out = (struct weir_zones){ .damaged = text.n && !weir_str_ends(text, "\n") };
	if (out->damaged)
		result = weir_err_set(err, WEIR_GARBLED, "cut off in its last line");
	while (weir_str_line(&text, &line)) {
		if (weir_str_starts(line, "Node ")) {
			out->damaged |= out->nr >= WEIR_ZONES_MAX;
			if (out->nr >= WEIR_ZONES_MAX)
				return weir_err_set(err, WEIR_GARBLED,
				                    "more than %u zones", WEIR_ZONES_MAX);
			r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
			if (r < 0) {
				weir_zones_done(out);
				return r;
			}
			zone = &out->v[out->nr];
			r = parse_heading(line, zone);
			if (r == 0)
				out->nr++;
			else
				out->damaged = true,
				zone = NULL; /* its lines are nobody's */
		} else if (!zone) {
			continue;
		} else if (weir_str_eq(line, "  pagesets")) {
			struct weir_str sets = text;

			r = leap_page_sets(&text) ? 0 : WEIR_GARBLED;
			out->damaged |= r != 0;
			sets.n -= text.n;
			if (zone->cma.n || strcmp(zone->name, "Movable") == 0)
				sum_page_sets(sets, zone);
		} else {
			r = parse_line(line, zone, &out->damaged);
		}
		if (r && !result)
			result = weir_err_set(err, WEIR_GARBLED, "not understood: '%.*s'",
			                      WEIR_STR_ARG(weir_str_trim(line)));
	}
	return result;
}

struct weir_count weir_zones_sum(const struct weir_zones *zones, unsigned int node,
                                 size_t field_offset)
{
	struct weir_count sum = WEIR_COUNT(0);
	bool any = false;

	for (size_t i = 0; i < zones->nr; i++) {
		const struct weir_zone *z = &zones->v[i];
		const struct weir_count *n =
			(const struct weir_count *)(const void *)((const char *)z +
		                                                  field_offset);
		bool empty = z->present.known && !z->present.n;

		if (z->node != node)
			continue;
		any = true;
		if (n->known || !empty)
			sum = weir_count_add(sum, *n);
	}
	return any && !zones->damaged ? sum : (struct weir_count){ 0 };
}
