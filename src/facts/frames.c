/* frames: see frames.h. */
#include "facts/frames.h"

#include "base/ckd.h"
#include "base/own.h"

#include <errno.h>
#include <stdio.h>

#define CMA_DIR "/sys/kernel/debug/cma"

/* Debugfs has no limit; no kernel has more areas than its MAX_CMA_AREAS allows, and Hygon
 * kernels have 2,458. */
#define RANGES_MAX 16384U

/* ---- zones and segments ---- */

static bool zone_frames(const struct weir_zone *zone, uint64_t *first, uint64_t *end)
{
	*first = zone->start_pfn.n;
	return zone->start_pfn.known && zone->spanned.known && zone->spanned.n &&
	       !ckd_add(end, zone->start_pfn.n, zone->spanned.n);
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void cover(const struct weir_zones *zones, const struct weir_cma_ranges *cma,
                  struct weir_segment *s)
{
	for (size_t i = 0; i < zones->nr; i++) {
		const struct weir_zone *zone = &zones->v[i];
		uint64_t first, end;

		if (!zone_frames(zone, &first, &end) || first > s->first || end < s->end)
			continue;
		if (!s->nr_nodes || s->node != zone->node)
			s->nr_nodes++;
		s->node = zone->node;
		if (strcmp(zone->name, "Movable") == 0)
			s->movable = true;
		else
			s->other_zone = true;
	}
	s->cma = weir_cma_ranges_has(cma, s->first, s->end);
}

int weir_segments_make(const struct weir_zones *zones, const struct weir_cma_ranges *cma,
                       struct weir_segments *out)
{
	weir_auto(weir_freep) uint64_t *edges = NULL;
	size_t nr = 0;

	*out = (struct weir_segments){ 0 };
	edges = calloc(2 * (zones->nr + cma->nr) + 1, sizeof(*edges));
	out->v = calloc(2 * (zones->nr + cma->nr) + 1, sizeof(*out->v));
	if (!edges || !out->v) {
		free(weir_take(out->v));
		return -ENOMEM;
	}
	for (size_t i = 0; i < zones->nr; i++)
		nr += zone_frames(&zones->v[i], &edges[nr], &edges[nr + 1]) ? 2 : 0;
	for (size_t i = 0; i < cma->nr; i++) {
		edges[nr++] = cma->v[i].first;
		edges[nr++] = cma->v[i].end;
	}
	if (nr)
		qsort(edges, nr, sizeof(*edges), by_value);
	for (size_t i = 0; i + 1 < nr; i++) {
		struct weir_segment s = { .first = edges[i], .end = edges[i + 1] };

		if (s.first == s.end)
			continue;
		cover(zones, cma, &s);
		if (s.nr_nodes)
			out->v[out->nr++] = s;
	}
	return 0;
}

size_t weir_segments_at(const struct weir_segments *segments, uint64_t pfn)
{
	size_t lo = 0, hi = segments->nr;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (segments->v[mid].end <= pfn)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void weir_segments_done(struct weir_segments *segments)
{
	free(segments->v);
	*segments = (struct weir_segments){ 0 };
}

const struct weir_zone *weir_zone_of_frame(const struct weir_zones *zones, uint64_t pfn)
{
	const struct weir_zone *found = NULL;

	for (size_t i = 0; i < zones->nr; i++) {
		uint64_t first, limit;

		if (!zone_frames(&zones->v[i], &first, &limit) || pfn < first ||
		    pfn >= limit)
			continue;
		if (found)
			return NULL;
		found = &zones->v[i];
	}
	return found;
}

/* ---- CMA ---- */

void weir_cma_ranges_done(struct weir_cma_ranges *ranges)
{
	free(ranges->v);
	*ranges = (struct weir_cma_ranges){ 0 };
}

bool weir_cma_ranges_has(const struct weir_cma_ranges *ranges, uint64_t first,
                         uint64_t end)
{
	size_t lo = 0, hi = ranges->nr;

	while (lo < hi) { /* the first area that ends behind @first */
		size_t mid = lo + (hi - lo) / 2;

		if (ranges->v[mid].end <= first)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < ranges->nr && ranges->v[lo].first < end;
}

static bool add_range(struct weir_reader *rd, struct weir_cma_ranges *out,
                      struct weir_count first, struct weir_count nr)
{
	uint64_t end;

	if (!first.known || !nr.known || !nr.n || ckd_add(&end, first.n, nr.n) ||
	    out->nr >= RANGES_MAX)
		return false;
	rd->failed = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
	if (rd->failed)
		return false;
	out->v[out->nr++] = (struct weir_cma_range){ first.n, end };
	return true;
}

/* An area of several ranges (6.15) has a directory for each, and of them only the start:
 * where they end is not told. */
static bool has_one_range(struct weir_reader *rd, const char *area)
{
	weir_auto(weir_names_done) struct weir_names files = { 0 }, ranges = { 0 };
	char path[512];
	bool has_ranges = false;

	if (snprintf(path, sizeof(path), CMA_DIR "/%s", area) >= (int)sizeof(path) ||
	    !weir_reader_list(rd, path, &files))
		return false;
	for (size_t i = 0; i < files.nr; i++)
		has_ranges |= strcmp(files.v[i].name, "ranges") == 0;
	if (!has_ranges)
		return true;
	if (snprintf(path, sizeof(path), CMA_DIR "/%s/ranges", area) >=
	            (int)sizeof(path) ||
	    !weir_reader_list(rd, path, &ranges))
		return false;
	return ranges.nr == 1;
}

/* False when debugfs does not tell, or not of all areas. */
static bool ranges_of_debugfs(struct weir_reader *rd, struct weir_cma_ranges *out)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	bool all = weir_reader_list(rd, CMA_DIR, &names);

	for (size_t i = 0; all && i < names.nr; i++) {
		const char *area = names.v[i].name;

		if (!names.v[i].is_dir)
			continue;
		all = has_one_range(rd, area) &&
		      add_range(rd, out,
		                weir_reader_count(rd, WEIR_COUNT_MAX,
		                                  CMA_DIR "/%s/base_pfn", area),
		                weir_reader_count(rd, WEIR_COUNT_MAX, CMA_DIR "/%s/count",
		                                  area));
	}
	return all;
}

static bool ranges_of_log(struct weir_reader *rd, const struct weir_klog *klog,
                          uint64_t page_bytes, struct weir_cma_ranges *out)
{
	bool all = true;

	for (size_t i = 0; all && i < klog->nr_areas; i++) {
		const struct weir_klog_cma_area *area = &klog->areas[i];
		struct weir_count first = area->base;

		first.n /= page_bytes;
		all = add_range(rd, out, first,
		                WEIR_COUNT(area->size_bytes / page_bytes));
	}
	return all;
}

static int by_first(const void *a, const void *b)
{
	uint64_t x = ((const struct weir_cma_range *)a)->first;
	uint64_t y = ((const struct weir_cma_range *)b)->first;

	return (x > y) - (x < y);
}

static void merge(struct weir_cma_ranges *ranges)
{
	size_t kept = 0;

	if (ranges->nr)
		qsort(ranges->v, ranges->nr, sizeof(*ranges->v), by_first);
	for (size_t i = 0; i < ranges->nr; i++) {
		struct weir_cma_range *last = kept ? &ranges->v[kept - 1] : NULL;

		if (!last || ranges->v[i].first > last->end)
			ranges->v[kept++] = ranges->v[i];
		else if (ranges->v[i].end > last->end)
			last->end = ranges->v[i].end;
	}
	ranges->nr = kept;
}

/* The base pages of CMA that the zones of @node count; 5.10 has no such line. */
static struct weir_count zones_cma(const struct weir_zones *zones, unsigned int node)
{
	return weir_zones_sum(zones, node, offsetof(struct weir_zone, cma));
}

/* The zones are by node: true for the first of each. */
static bool is_new_node(const struct weir_zones *zones, size_t i)
{
	return !i || zones->v[i - 1].node != zones->v[i].node;
}

/* All CMA of the host in base pages: as meminfo says, else as the zones do. */
static struct weir_count all_cma(const struct weir_frames_of *of)
{
	struct weir_count sum = WEIR_COUNT(0);

	if (of->has_no_cma)
		return sum;
	if (of->cma_bytes.known && of->page_bytes.n)
		return WEIR_COUNT(of->cma_bytes.n / of->page_bytes.n);
	for (size_t i = 0; i < of->zones->nr; i++)
		if (is_new_node(of->zones, i))
			sum = weir_count_add(sum,
			                     zones_cma(of->zones, of->zones->v[i].node));
	return of->zones->nr ? sum : (struct weir_count){ 0 };
}

/* Do the ranges make up what the kernel counts: in all, and on each node where that is
 * told? */
static bool ranges_fit(const struct weir_frames_of *of,
                       const struct weir_cma_ranges *ranges,
                       const struct weir_segments *segments)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ranges->nr; i++)
		if (ckd_add(&sum, sum, ranges->v[i].end - ranges->v[i].first))
			return false;
	if (!all_cma(of).known || sum != all_cma(of).n)
		return false;
	for (size_t i = 0; i < of->zones->nr; i++) {
		unsigned int node = of->zones->v[i].node;
		struct weir_count want = zones_cma(of->zones, node);

		if (!is_new_node(of->zones, i) || !want.known)
			continue;
		sum = 0;
		for (size_t k = 0; k < segments->nr; k++) {
			const struct weir_segment *s = &segments->v[k];

			if (s->cma && s->nr_nodes == 1 && s->node == node)
				sum += s->end - s->first;
		}
		if (sum != want.n)
			return false;
	}
	return true;
}

static void check_ranges(struct weir_reader *rd, const struct weir_frames_of *of,
                         struct weir_cma_ranges *out)
{
	struct weir_segments segments;

	merge(out);
	rd->failed = weir_segments_make(of->zones, out, &segments);
	if (rd->failed)
		return;
	out->known = ranges_fit(of, out, &segments);
	weir_segments_done(&segments);
}

void weir_cma_ranges_read(struct weir_reader *rd, const struct weir_frames_of *of,
                          struct weir_cma_ranges *out)
{
	struct weir_count all = all_cma(of);

	*out = (struct weir_cma_ranges){ 0 };
	if (rd->failed || of->zones->damaged || !of->page_bytes.n)
		return;
	if (all.known && !all.n) {
		check_ranges(rd, of, out); /* the zones must say so too */
		return;
	}
	if (ranges_of_debugfs(rd, out))
		check_ranges(rd, of, out);
	if (out->known || rd->failed)
		return;
	weir_cma_ranges_done(out);
	if (ranges_of_log(rd, of->klog, of->page_bytes.n, out))
		check_ranges(rd, of, out);
	if (!out->known)
		weir_cma_ranges_done(out);
}
