#include "facts/placement.h"

#include "fuzz.h"

/* Node 0 has a CMA area, node 1 a zone Movable, node 2 lies in node 1 in part, and node 3
 * has zones that lie in each other. */
static const char zoneinfo[] =
	"Node 0, zone   Normal\n  spanned  4096\n  cma      1024\n  start_pfn:   0\n"
	"Node 1, zone   Normal\n  spanned  2048\n  cma      0\n  start_pfn:   4096\n"
	"Node 1, zone  Movable\n  spanned  2048\n  cma      0\n  start_pfn:   6144\n"
	"Node 2, zone   Normal\n  spanned  1024\n  cma      0\n  start_pfn:   8000\n"
	"Node 3, zone   Normal\n  spanned  65536\n  cma      0\n  start_pfn:   262144\n"
	"Node 3, zone  Movable\n  spanned  1024\n  cma      0\n  start_pfn:   263168\n";

static void check_place(const struct weir_place *place)
{
	must(place->pages.known == place->free.min.known &&
	     place->pages.known == place->free.max.known);
	must(place->pages.known ||
	     !(place->pages.n | place->free.min.n | place->free.max.n));
	must(place->free.min.n <= place->free.max.n &&
	     place->free.max.n <= place->pages.n);
}

static void check_row(const struct weir_placed *row)
{
	check_place(&row->all);
	check_place(&row->cma);
	check_place(&row->movable);
	check_place(&row->pinnable);
	must(!row->agrees || row->all.pages.known);
	must(!row->agrees || row->all.free.min.n == row->all.free.max.n);
	must(row->cma.pages.n <= row->all.pages.n &&
	     row->movable.pages.n <= row->all.pages.n);
	if (row->pinnable.pages.known) {
		must(row->pinnable.pages.n <= row->all.pages.n);
		must(row->pinnable.pages.n + row->cma.pages.n + row->movable.pages.n >=
		     row->all.pages.n);
	}
}

/* Each run is in the text as it is here, and nothing follows the last but what is not
 * understood. */
static void check_text(struct weir_str text, const struct weir_pool_runs *runs, int r)
{
	static const char *const words[] = { "used", "free", "any", "lost" };
	struct weir_str line, word;

	for (size_t i = 0; i < runs->nr; i++) {
		const struct weir_pool_run *run = &runs->v[i];
		uint64_t n[3] = { 0 };

		must(weir_str_line(&text, &line));
		for (size_t k = 0; k < 3; k++)
			must(weir_str_word(&line, &word) &&
			     weir_parse_u64(word, &n[k]) == 0);
		must(n[0] == run->pfn && n[1] == run->nr && n[2] == run->size_bytes);
		must(weir_str_word(&line, &word) && weir_str_eq(word, words[run->state]));
		must(run->nr > 0 && !(run->size_bytes & (run->size_bytes - 1)));
		must(i == 0 || run->pfn > run[-1].pfn);
	}
	must((r == 0) == (text.n == 0));
}

static void check_join(const struct weir_pool_runs *runs, const struct weir_pools *pools,
                       const struct weir_frames_of *of, bool cma_known)
{
	struct weir_cma_range area = { 1024, 2048 };
	struct weir_placement p = { .cma = { cma_known, cma_known ? &area : NULL,
		                             cma_known, cma_known } };
	uint64_t seen = 0, want = 0;

	must(weir_placement_join(runs, pools, of, &p) == 0 && p.known);
	for (size_t i = 0; i < runs->nr; i++)
		want += runs->v[i].nr;
	for (size_t i = 0; i < p.nr; i++) {
		check_row(&p.v[i]);
		must(p.v[i].cma.pages.known == (cma_known && p.v[i].all.pages.known));
		seen += p.v[i].all.pages.n;
	}
	must(p.nr_unplaced <= want && seen + p.nr_unplaced <= want);
	must(p.nr_unplaced || seen == want);
	p.cma = (struct weir_cma_ranges){ 0 }; /* the area is ours */
	weir_placement_done(&p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* the first byte is what the pools say, and whether the areas are known */
	uint64_t first = size ? data[0] : 0;
	struct weir_str text = weir_str((const char *)data + (size > 0),
	                                size - (size > 0));
	struct weir_node_pool nodes[] = {
		{ 0, { WEIR_COUNT(first & 7), WEIR_COUNT(first & 3), { 0 }, { 0 } } },
		{ 1, { { 0 }, { 0 }, { 0 }, { 0 } } },
	};
	struct weir_huge_size m2 = { .size_bytes = 2 << 20,
		                     .nodes = nodes,
		                     .nr_nodes = 2 };
	struct weir_pools pools = { .known = true, .sizes = &m2, .nr = 1 };
	struct weir_klog klog = { 0 };
	struct weir_zones zones;
	struct weir_frames_of of = { .zones = &zones,
		                     .klog = &klog,
		                     .page_bytes = WEIR_COUNT(4096) };
	struct weir_pool_runs runs;
	struct weir_err err = { 0 };
	int r = weir_placement_parse(text, &runs, &err);

	must(r == 0 || r == WEIR_GARBLED);
	must((r != 0) == (err.msg[0] != '\0'));
	check_text(text, &runs, r);
	must(weir_zoneinfo_parse(weir_strz(zoneinfo), &zones, NULL) == 0);
	check_join(&runs, &pools, &of, first & 8);
	weir_zones_done(&zones);
	weir_pool_runs_done(&runs);
	return 0;
}
