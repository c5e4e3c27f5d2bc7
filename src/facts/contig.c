/* contig: see contig.h.
 *
 * Simplified: from the flags alone a page on a per-CPU list, which the kernel drains
 * before it takes a range, cannot be told from one of a driver. Those lists hold an
 * eighth of a zone at most (mm/page_alloc.c, zone_highsize()); a range with more pages of
 * which nothing is told counts as fixed. Older kernels also show holes in that way. */
#include "facts/contig.h"

#include "base/own.h"
#include "host/contig.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define OTHER_PART 8

void weir_contig_done(struct weir_contig *contig)
{
	free(contig->v);
	*contig = (struct weir_contig){ 0 };
}

void weir_contigs_done(struct weir_contigs *contigs)
{
	for (size_t i = 0; i < contigs->nr; i++)
		weir_contig_done(&contigs->v[i]);
	*contigs = (struct weir_contigs){ 0 };
}

const struct weir_contig *weir_contigs_find(const struct weir_contigs *contigs,
                                            uint64_t size_bytes)
{
	for (size_t i = 0; i < contigs->nr; i++)
		if (contigs->v[i].size_bytes == size_bytes)
			return &contigs->v[i];
	return NULL;
}

/* ---- the text ---- */

static bool take_count(struct weir_str *rest, uint64_t most, uint64_t *out)
{
	struct weir_str word;

	return weir_str_word(rest, &word) && weir_parse_u64(word, out) == 0 &&
	       *out <= most;
}

static bool take_state(struct weir_str *rest, enum weir_contig_state *out)
{
	static const char *const words[] = {
		[WEIR_CONTIG_OPEN] = "open",
		[WEIR_CONTIG_TAKEN] = "taken",
		[WEIR_CONTIG_FIXED] = "fixed",
		[WEIR_CONTIG_UNREAD] = "unread",
	};
	struct weir_str word;

	if (!weir_str_word(rest, &word))
		return false;
	for (size_t i = 0; i < WEIR_NELEM(words); i++) {
		if (!weir_str_eq(word, words[i]))
			continue;
		*out = (enum weir_contig_state)i;
		return true;
	}
	return false;
}

/* "262144 open 245760 16000 0 384": the four make up the range. */
static bool parse_range(struct weir_str line, uint64_t nr_pages,
                        struct weir_contig_range *out)
{
	if (!take_count(&line, WEIR_COUNT_MAX / 2, &out->pfn) || out->pfn % nr_pages ||
	    !take_state(&line, &out->state))
		return false;
	if (out->state != WEIR_CONTIG_OPEN)
		return !line.n;
	return take_count(&line, nr_pages, &out->free) &&
	       take_count(&line, nr_pages, &out->movable) &&
	       take_count(&line, nr_pages, &out->pool) &&
	       take_count(&line, nr_pages, &out->other) && !line.n &&
	       out->free + out->movable + out->pool + out->other == nr_pages;
}

int weir_contig_parse(struct weir_str text, uint64_t nr_pages, struct weir_contig *out,
                      struct weir_err *err)
{
	bool cut = text.n && !weir_str_ends(text, "\n");
	struct weir_str line;

	*out = (struct weir_contig){ .nr_pages = nr_pages };
	while (weir_str_line(&text, &line)) {
		struct weir_contig_range range = { 0 };
		int r;

		if ((cut && !text.n) || !parse_range(line, nr_pages, &range) ||
		    out->nr >= WEIR_CONTIG_RANGES_MAX ||
		    (out->nr && range.pfn <= out->v[out->nr - 1].pfn))
			return weir_err_set(err, WEIR_GARBLED, "not understood: '%.*s'",
			                    WEIR_STR_ARG(line));
		r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
		if (r < 0) {
			weir_contig_done(out);
			return r;
		}
		out->v[out->nr++] = range;
	}
	return 0;
}

/* ---- places ---- */

/* Zones and CMA areas make the segments; the kernel takes a range only from one zone. */
static void place(const struct weir_segments *segments, uint64_t nr_pages, bool cma_known,
                  struct weir_contig_range *range)
{
	size_t i = weir_segments_at(segments, range->pfn), first = i;
	uint64_t end = range->pfn + nr_pages, at = range->pfn;

	for (; i < segments->nr && segments->v[i].first <= at && at < end; i++) {
		const struct weir_segment *s = &segments->v[i];

		range->node = s->node;
		range->any_node |= s->nr_nodes != 1;
		range->unsure |= s->nr_nodes != 1 || (s->movable && s->other_zone);
		if (s->cma || (s->movable && !s->other_zone))
			range->state = WEIR_CONTIG_FIXED;
		at = s->end;
	}
	/* in no zone for a part, or cut by a border between two */
	if (at < end || (i > first + 1 && !range->unsure))
		range->state = WEIR_CONTIG_FIXED;
	range->unsure |= !cma_known;
}

int weir_contig_place(struct weir_contig *contig, const struct weir_zones *zones,
                      const struct weir_cma_ranges *cma)
{
	struct weir_segments segments;
	int r = weir_segments_make(zones, cma, &segments);

	for (size_t i = 0; r == 0 && i < contig->nr; i++) {
		struct weir_contig_range *range = &contig->v[i];

		if (range->other > contig->nr_pages / OTHER_PART)
			range->state = WEIR_CONTIG_FIXED;
		place(&segments, contig->nr_pages, cma->known, range);
	}
	if (r == 0)
		weir_segments_done(&segments);
	return r;
}

/* ---- reading ---- */

static void read_size(struct weir_reader *rd, uint64_t size_bytes,
                      const struct weir_frames_of *of, const struct weir_cma_ranges *cma,
                      struct weir_contigs *out)
{
	struct weir_contig *to = &out->v[out->nr];
	char path[48];
	struct weir_str text;
	struct weir_err err = { 0 };
	int r;

	(void)snprintf(path, sizeof(path), "/@/contig/%" PRIu64, size_bytes);
	if (!weir_reader_text(rd, WEIR_CONTIG_MAX, &text, "%s", path))
		return;
	r = weir_contig_parse(text, size_bytes / of->page_bytes.n, to, &err);
	weir_reader_parsed(rd, r, path, &err);
	to->size_bytes = size_bytes;
	if (r == 0)
		r = rd->failed = weir_contig_place(to, of->zones, cma);
	if (r == 0)
		out->nr++;
	else
		weir_contig_done(to);
}

void weir_contigs_read(struct weir_reader *rd, const struct weir_pools *pools,
                       uint64_t block_bytes, const struct weir_frames_of *of,
                       struct weir_contigs *out)
{
	struct weir_cma_ranges cma;

	*out = (struct weir_contigs){ 0 };
	if (!of->page_bytes.n || of->zones->damaged || !of->zones->nr || !block_bytes)
		return;
	weir_cma_ranges_read(rd, of, &cma);
	for (size_t i = 0; i < pools->nr && !rd->failed; i++)
		if (pools->sizes[i].size_bytes > block_bytes &&
		    out->nr < WEIR_NELEM(out->v))
			read_size(rd, pools->sizes[i].size_bytes, of, &cma, out);
	weir_cma_ranges_done(&cma);
}

/* ---- counting ---- */

static bool is_on(const struct weir_contig_range *range, unsigned int node)
{
	return range->node == node || range->any_node;
}

void weir_contig_count(const struct weir_contig *contig, unsigned int node,
                       struct weir_contig_count *out)
{
	*out = (struct weir_contig_count){ 0 };
	for (size_t i = 0; i < contig->nr; i++) {
		const struct weir_contig_range *range = &contig->v[i];

		if (!is_on(range, node))
			continue;
		out->unread += range->state == WEIR_CONTIG_UNREAD;
		out->taken += range->state == WEIR_CONTIG_TAKEN;
		out->fixed += range->state == WEIR_CONTIG_FIXED;
		if (range->state != WEIR_CONTIG_OPEN)
			continue;
		if (range->free == contig->nr_pages && !range->unsure)
			out->free++;
		else if (range->pool)
			out->returned++;
		else
			out->emptied++;
	}
}

uint64_t weir_contig_free_without_pools(const struct weir_contig *contig,
                                        unsigned int node)
{
	uint64_t nr = 0;

	for (size_t i = 0; i < contig->nr; i++) {
		const struct weir_contig_range *range = &contig->v[i];

		nr += range->state == WEIR_CONTIG_OPEN && range->node == node &&
		      !range->unsure && range->free + range->pool == contig->nr_pages;
	}
	return nr;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Those with the fewest first. */
uint64_t weir_contig_returned(const struct weir_contig *contig, unsigned int node,
                              uint64_t pages)
{
	weir_auto(weir_freep) uint64_t *pools = calloc(contig->nr + 1, sizeof(*pools));
	uint64_t done = 0;
	size_t nr = 0;

	for (size_t i = 0; i < contig->nr; i++) {
		const struct weir_contig_range *range = &contig->v[i];

		if (!is_on(range, node) || range->state != WEIR_CONTIG_OPEN ||
		    !range->pool)
			continue;
		if (!pools) /* no memory: as many as there are */
			done++;
		else
			pools[nr++] = range->pool;
	}
	if (nr)
		qsort(pools, nr, sizeof(*pools), by_value);
	for (size_t i = 0; i < nr && pools[i] <= pages; i++) {
		pages -= pools[i];
		done++;
	}
	return done;
}
