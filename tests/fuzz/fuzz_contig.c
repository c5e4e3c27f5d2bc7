#include "facts/contig.h"

#include "fuzz.h"

/* Node 0 has a border of zones in a range, node 1 a zone Movable, and node 2 lies in node
 * 1 in part. Ranges are of 256 frames. */
static const char zoneinfo[] =
	"Node 0, zone    DMA\n  spanned  300\n  cma      0\n  start_pfn:   0\n"
	"Node 0, zone Normal\n  spanned  3796\n  cma      256\n  start_pfn:   300\n"
	"Node 1, zone Normal\n  spanned  2048\n  cma      0\n  start_pfn:   4096\n"
	"Node 1, zone Movable\n  spanned  2048\n  cma      0\n  start_pfn:   6144\n"
	"Node 2, zone Normal\n  spanned  1024\n  cma      0\n  start_pfn:   8000\n";

#define RANGE 256

/* Each range is in the text as it is here, and nothing follows the last but what is not
 * understood. */
static void check_text(struct weir_str text, const struct weir_contig *c, int r)
{
	static const char *const words[] = { "open", "taken", "fixed", "unread" };
	struct weir_str line, word;
	uint64_t pfn;

	for (size_t i = 0; i < c->nr; i++) {
		const struct weir_contig_range *range = &c->v[i];

		must(weir_str_line(&text, &line) && weir_str_word(&line, &word));
		must(weir_parse_u64(word, &pfn) == 0 && pfn == range->pfn);
		must(pfn % RANGE == 0 && (i == 0 || pfn > range[-1].pfn));
		must(weir_str_word(&line, &word) &&
		     weir_str_eq(word, words[range->state]));
		must(range->state != WEIR_CONTIG_OPEN ||
		     range->free + range->movable + range->pool + range->other == RANGE);
	}
	must((r == 0) == (text.n == 0));
}

static void check_counts(const struct weir_contig *c)
{
	struct weir_contig_count count;
	uint64_t before = 0;

	for (unsigned int node = 0; node < 4; node++) {
		weir_contig_count(c, node, &count);
		must(count.free + count.emptied + count.returned + count.unread <= c->nr);
		must(weir_contig_free_without_pools(c, node) >= count.free);
		must(weir_contig_free_without_pools(c, node) <=
		     count.free + count.returned);
		must(weir_contig_returned(c, node, 0) == 0);
		must(weir_contig_returned(c, node, UINT64_MAX) == count.returned);
	}
	for (uint64_t pages = 1; pages < UINT64_C(1) << 40; pages *= 3) {
		uint64_t now = weir_contig_returned(c, 0, pages);

		must(now >= before && now <= pages);
		before = now;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* the first byte says whether the areas are known */
	bool cma_known = size && (data[0] & 1);
	struct weir_str text = weir_str((const char *)data + (size > 0),
	                                size - (size > 0));
	struct weir_cma_range area = { 1024, 1280 };
	struct weir_cma_ranges cma = { cma_known, cma_known ? &area : NULL, cma_known,
		                       cma_known };
	struct weir_contig contig;
	struct weir_zones zones;
	struct weir_err err = { 0 };
	int r = weir_contig_parse(text, RANGE, &contig, &err);

	must(r == 0 || r == WEIR_GARBLED);
	must((r != 0) == (err.msg[0] != '\0'));
	check_text(text, &contig, r);
	must(weir_zoneinfo_parse(weir_strz(zoneinfo), &zones, NULL) == 0);
	must(weir_contig_place(&contig, &zones, &cma) == 0);
	check_counts(&contig);
	weir_zones_done(&zones);
	weir_contig_done(&contig);
	return 0;
}
