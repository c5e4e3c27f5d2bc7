/* placement: see placement.h.
 *
 * Zones and CMA areas cut the page frames into segments, in each of which node, zone and
 * kind are the same; the runs of pool pages are laid over them. A huge page counts where
 * its first base page is: the kernel asks that one too (include/linux/mm.h,
 * folio_is_longterm_pinnable(), v6.6). */
#include "facts/placement.h"

#include "base/ckd.h"
#include "base/own.h"
#include "host/poolpages.h"

#include <errno.h>
#include <stdio.h>

#define TEXT "/@/poolpages"

/* Distinct powers of two from 4 KiB to 2^62. */
#define SIZES_MAX 51U

/* ---- the text ---- */

void weir_pool_runs_done(struct weir_pool_runs *runs)
{
	free(runs->v);
	*runs = (struct weir_pool_runs){ 0 };
}

static bool take_count(struct weir_str *rest, uint64_t *out)
{
	struct weir_str word;

	return weir_str_word(rest, &word) && weir_parse_u64(word, out) == 0 &&
	       *out <= WEIR_COUNT_MAX;
}

static bool take_state(struct weir_str *rest, enum weir_page_state *out)
{
	static const char *const words[] = {
		[WEIR_PAGE_USED] = "used",
		[WEIR_PAGE_FREE] = "free",
		[WEIR_PAGE_ANY] = "any",
		[WEIR_PAGE_LOST] = "lost",
	};
	struct weir_str word;

	if (!weir_str_word(rest, &word))
		return false;
	for (size_t i = 0; i < WEIR_NELEM(words); i++) {
		if (!weir_str_eq(word, words[i]))
			continue;
		*out = (enum weir_page_state)i;
		return true;
	}
	return false;
}

/* "1048576 37 2097152 free". What all runs take together is a count too, so that no sum
 * over them can overflow. */
static bool parse_run(struct weir_str line, struct weir_pool_run *out,
                      uint64_t *all_bytes)
{
	uint64_t bytes;

	return take_count(&line, &out->pfn) && take_count(&line, &out->nr) &&
	       take_count(&line, &out->size_bytes) && take_state(&line, &out->state) &&
	       !line.n && out->nr && out->size_bytes >= 4096 &&
	       !(out->size_bytes & (out->size_bytes - 1)) &&
	       !ckd_mul(&bytes, out->nr, out->size_bytes) &&
	       !ckd_add(all_bytes, *all_bytes, bytes) && *all_bytes <= WEIR_COUNT_MAX;
}

int weir_placement_parse(struct weir_str text, struct weir_pool_runs *out,
                         struct weir_err *err)
{
	struct weir_str line;
	bool cut = text.n && !weir_str_ends(text, "\n");
	uint64_t all_bytes = 0;

	*out = (struct weir_pool_runs){ 0 };
	while (weir_str_line(&text, &line)) {
		struct weir_pool_run run = { 0 };
		int r;

		if ((cut && !text.n) || !parse_run(line, &run, &all_bytes) ||
		    out->nr >= WEIR_POOL_RUNS_MAX ||
		    (out->nr && run.pfn <= out->v[out->nr - 1].pfn))
			return weir_err_set(err, WEIR_GARBLED, "not understood: '%.*s'",
			                    WEIR_STR_ARG(line));
		r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
		if (r < 0) {
			weir_pool_runs_done(out);
			return r;
		}
		out->v[out->nr++] = run;
	}
	return 0;
}

int weir_pool_runs_read(const struct weir_host *host, struct weir_pool_runs *out,
                        bool *known)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_host_read(host, TEXT, WEIR_POOLPAGES_MAX, &text);

	*out = (struct weir_pool_runs){ 0 };
	if (r == 0)
		r = weir_placement_parse(weir_buf_str(&text), out, NULL);
	*known = r == 0;
	if (r != 0)
		weir_pool_runs_done(out);
	return r == -ENOMEM ? r : 0;
}

/* ---- rows ---- */

enum kind { ALL, CMA, MOVABLE, PINNABLE, NR_KINDS };

/* What was seen for one row; of the kinds, NR_KINDS each. */
struct tally {
	uint64_t pages[NR_KINDS];
	uint64_t free[NR_KINDS]; /* for certain */
	uint64_t any[NR_KINDS];
	bool zone_unsure;
};

struct join {
	const struct weir_pools *pools;
	const struct weir_frames_of *of;
	struct weir_placement *out;
	struct weir_segments segments;
	uint64_t sizes[SIZES_MAX];
	bool size_unsure[SIZES_MAX];
	size_t nr_sizes;
	unsigned int *nodes; /* ascending */
	size_t nr_nodes;
	struct tally *tallies; /* by size, then by node */
};

static bool add_size(struct join *j, uint64_t size_bytes)
{
	for (size_t i = 0; i < j->nr_sizes; i++)
		if (j->sizes[i] == size_bytes)
			return true;
	if (j->nr_sizes >= SIZES_MAX)
		return false;
	j->sizes[j->nr_sizes++] = size_bytes;
	return true;
}

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static int by_id(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

static int begin(struct join *j, const struct weir_pool_runs *runs)
{
	const struct weir_zones *zones = j->of->zones;
	size_t kept = 0;

	for (size_t i = 0; i < j->pools->nr; i++)
		(void)add_size(j, j->pools->sizes[i].size_bytes);
	for (size_t i = 0; i < runs->nr; i++)
		(void)add_size(j, runs->v[i].size_bytes); /* powers of two: they fit */
	if (j->nr_sizes)
		qsort(j->sizes, j->nr_sizes, sizeof(j->sizes[0]), by_value);
	j->nodes = calloc(zones->nr + 1, sizeof(*j->nodes));
	if (!j->nodes)
		return -ENOMEM;
	for (size_t i = 0; i < zones->nr; i++)
		j->nodes[i] = zones->v[i].node;
	if (zones->nr)
		qsort(j->nodes, zones->nr, sizeof(*j->nodes), by_id);
	for (size_t i = 0; i < zones->nr; i++)
		if (!kept || j->nodes[kept - 1] != j->nodes[i])
			j->nodes[kept++] = j->nodes[i];
	j->nr_nodes = kept;
	j->tallies = calloc(j->nr_sizes * j->nr_nodes + 1, sizeof(*j->tallies));
	return j->tallies ? weir_segments_make(zones, &j->out->cma, &j->segments)
	                  : -ENOMEM;
}

static void done(struct join *j)
{
	free(j->nodes);
	free(j->tallies);
	weir_segments_done(&j->segments);
}

static size_t size_index(const struct join *j, uint64_t size_bytes)
{
	size_t i = 0;

	while (i + 1 < j->nr_sizes && j->sizes[i] != size_bytes)
		i++;
	return i;
}

static size_t node_index(const struct join *j, unsigned int node)
{
	size_t lo = 0, hi = j->nr_nodes;

	while (lo < hi) { /* it is there: segments are of the same zones */
		size_t mid = lo + (hi - lo) / 2;

		if (j->nodes[mid] < node)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static void count_kind(struct tally *t, enum kind kind, uint64_t nr,
                       enum weir_page_state state)
{
	t->pages[kind] += nr;
	if (state == WEIR_PAGE_FREE)
		t->free[kind] += nr;
	else if (state == WEIR_PAGE_ANY)
		t->any[kind] += nr;
}

static void count_pages(struct join *j, const struct weir_segment *s, size_t size,
                        uint64_t nr, enum weir_page_state state)
{
	struct tally *t;

	if (!nr)
		return;
	if (!s || s->nr_nodes != 1) {
		j->out->nr_unplaced += nr;
		j->size_unsure[size] = true;
		return;
	}
	t = &j->tallies[size * j->nr_nodes + node_index(j, s->node)];
	t->zone_unsure |= s->movable && s->other_zone;
	count_kind(t, ALL, nr, state);
	if (s->cma)
		count_kind(t, CMA, nr, state);
	if (s->movable)
		count_kind(t, MOVABLE, nr, state);
	if (!s->cma && !s->movable)
		count_kind(t, PINNABLE, nr, state);
}

/* How many pages of @step base pages from @pfn on begin before @limit. */
static uint64_t pages_before(uint64_t pfn, uint64_t step, uint64_t limit)
{
	return (limit - pfn + step - 1) / step;
}

static void count_run(struct join *j, const struct weir_pool_run *run)
{
	uint64_t step = run->size_bytes / j->of->page_bytes.n, pfn = run->pfn;
	uint64_t left = run->nr;
	size_t size = size_index(j, run->size_bytes), at;

	if (!step || run->pfn > WEIR_COUNT_MAX / 2 ||
	    left > WEIR_COUNT_MAX / 2 / step) { /* nowhere on this machine */
		count_pages(j, NULL, size, left, run->state);
		return;
	}
	for (at = weir_segments_at(&j->segments, pfn); left; at++) {
		const struct weir_segment *s = at < j->segments.nr ? &j->segments.v[at]
		                                                   : NULL;
		uint64_t here = left, before;

		if (s && pfn < s->first) { /* between two segments */
			before = pages_before(pfn, step, s->first);
			here = before < left ? before : left;
			count_pages(j, NULL, size, here, run->state);
			left -= here;
			pfn += here * step;
			here = left;
		}
		if (s) {
			before = pfn < s->end ? pages_before(pfn, step, s->end) : 0;
			here = before < left ? before : left;
		}
		count_pages(j, s, size, here, run->state);
		left -= here;
		pfn += here * step;
	}
}

/* The pool of a size on a node; NULL when it is not told. */
static const struct weir_pool *pool_of(const struct weir_pools *pools,
                                       uint64_t size_bytes, unsigned int node)
{
	const struct weir_huge_size *size = weir_pools_size(pools, size_bytes);

	for (size_t i = 0; size && i < size->nr_nodes; i++)
		if (size->nodes[i].node == node)
			return &size->nodes[i].pool;
	return NULL;
}

/* The pages of a kind, and how many of them are free: no fewer than were seen to be, and
 * than what is left of the pool's free pages when the others have all they can; no more
 * than that the other way round. */
static struct weir_place place(const struct tally *t, enum kind kind,
                               struct weir_count pool_free)
{
	uint64_t least = t->free[kind], most = least + t->any[kind];
	uint64_t others_least = t->free[ALL] - least;
	uint64_t others_most = others_least + t->any[ALL] - t->any[kind];
	uint64_t all = pool_free.n;

	if (pool_free.known) { /* between the bounds of ALL: see weir_placed.agrees */
		if (all > others_most && all - others_most > least)
			least = all - others_most;
		if (all - others_least < most)
			most = all - others_least;
	}
	return (struct weir_place){
		.pages = WEIR_COUNT(t->pages[kind]),
		.free = { WEIR_COUNT(least), WEIR_COUNT(most) },
	};
}

static void fill_row(const struct join *j, const struct tally *t, bool unsure,
                     const struct weir_pool *pool, struct weir_placed *row)
{
	struct weir_count pool_free = { 0 };

	if (unsure)
		return;
	row->agrees = pool && pool->nr.known && pool->free.known &&
	              pool->nr.n == t->pages[ALL] && pool->free.n >= t->free[ALL] &&
	              pool->free.n <= t->free[ALL] + t->any[ALL];
	if (row->agrees)
		pool_free = pool->free;
	row->all = place(t, ALL, pool_free);
	if (j->out->cma.known)
		row->cma = place(t, CMA, pool_free);
	if (!t->zone_unsure)
		row->movable = place(t, MOVABLE, pool_free);
	if (j->out->cma.known && !t->zone_unsure)
		row->pinnable = place(t, PINNABLE, pool_free);
}

static int add_rows(struct join *j)
{
	struct weir_placement *out = j->out;

	for (size_t i = 0; i < j->nr_sizes * j->nr_nodes; i++) {
		const struct tally *t = &j->tallies[i];
		uint64_t size_bytes = j->sizes[i / j->nr_nodes];
		unsigned int node = j->nodes[i % j->nr_nodes];
		const struct weir_pool *pool = pool_of(j->pools, size_bytes, node);
		int r;

		if (!t->pages[ALL] && !(pool && pool->nr.n))
			continue;
		r = weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v));
		if (r < 0)
			return r;
		out->v[out->nr] = (struct weir_placed){ .size_bytes = size_bytes,
			                                .node = node };
		fill_row(j, t, j->size_unsure[i / j->nr_nodes], pool, &out->v[out->nr++]);
	}
	return 0;
}

int weir_placement_join(const struct weir_pool_runs *runs, const struct weir_pools *pools,
                        const struct weir_frames_of *of, struct weir_placement *out)
{
	struct join j = { .pools = pools, .of = of, .out = out };
	int r;

	if (!of->page_bytes.n || !of->zones->nr || of->zones->damaged)
		return 0; /* and out->known stays false */
	r = begin(&j, runs);
	for (size_t i = 0; r == 0 && i < runs->nr; i++)
		count_run(&j, &runs->v[i]);
	if (r == 0)
		r = add_rows(&j);
	out->known = r == 0;
	done(&j);
	return r;
}

void weir_placement_read(struct weir_reader *rd, const struct weir_pools *pools,
                         const struct weir_frames_of *of, struct weir_placement *out)
{
	struct weir_pool_runs runs = { 0 };
	struct weir_str text;
	struct weir_err err = { 0 };
	int r;

	*out = (struct weir_placement){ 0 };
	if (!weir_reader_text(rd, WEIR_POOLPAGES_MAX, &text, TEXT))
		return;
	r = weir_placement_parse(text, &runs, &err);
	weir_reader_parsed(rd, r, TEXT, &err);
	if (r == 0)
		weir_cma_ranges_read(rd, of, &out->cma);
	if (r == 0 && !rd->failed)
		rd->failed = weir_placement_join(&runs, pools, of, out);
	weir_pool_runs_done(&runs);
}

void weir_placement_done(struct weir_placement *placement)
{
	weir_cma_ranges_done(&placement->cma);
	free(placement->v);
	*placement = (struct weir_placement){ 0 };
}

const struct weir_placed *weir_placement_find(const struct weir_placement *placement,
                                              uint64_t size_bytes, unsigned int node)
{
	for (size_t i = 0; i < placement->nr; i++)
		if (placement->v[i].size_bytes == size_bytes &&
		    placement->v[i].node == node)
			return &placement->v[i];
	return NULL;
}
