/* What explain says of gigantic pages where the ranges of memory are known. */
#include "scenario_host.h"
#include "test.h"

#include "facts/snapshot.h"
#include "plan/explain.h"

#define G1   (UINT64_C(1) << 30)
#define R    UINT64_C(262144) /* base pages of it */
#define TWO  "node 0 memory=4G\nnode 1 memory=4G\nwrite 2M/nr_hugepages 20\n"
#define FULL "node 0 memory=4G\nnode 1 memory=4G\ntask hog\nhog anon 6G\n"
#define SOME "node 0 memory=4G\nnode 1 memory=4G\nwrite 1G/nr_hugepages 2\n"

static const struct weir_contig_range ranges[] = {
	{ .free = R }, /* of node 0 */
	{ .free = R - 9, .movable = 9 },
	{ .state = WEIR_CONTIG_FIXED },
	{ .state = WEIR_CONTIG_FIXED },
	{ .node = 1, .free = R },
	{ .node = 1, .free = R },
	{ .node = 1, .free = R - 512, .pool = 512 },
	{ .node = 1, .state = WEIR_CONTIG_TAKEN },
};

static struct weir_snapshot *open_host(const char *text, struct weir_host **host)
{
	struct weir_snapshot *snap = NULL;

	*host = scenario_host(text);
	expect_int_eq(weir_snapshot_read(*host, WEIR_SNAPSHOT_BASE, &snap, NULL), 0);
	free(snap->release);
	snap->release = strdup("6.12");
	snap->contigs.nr = 1;
	snap->contigs.v[0] = (struct weir_contig){ .size_bytes = G1,
		                                   .nr_pages = R,
		                                   .nr = WEIR_NELEM(ranges) };
	snap->contigs.v[0].v = malloc(sizeof(ranges));
	assert_non_null(snap->contigs.v[0].v);
	memcpy(snap->contigs.v[0].v, ranges, sizeof(ranges));
	return snap;
}

static bool said(const struct weir_sentences *out, const char *words)
{
	for (size_t i = 0; i < out->nr; i++)
		if (strstr(out->v[i].text, words))
			return true;
	return false;
}

static void growth_of_gigantic_pages_ends_with_the_ranges(void **unused)
{
	static const struct {
		const char *host;
		int node;
		uint64_t target, total_min, total, min[2], max[2];
		const char *words;
	} rows[] = {
		{ TWO,
		  0,
		  1,
		  1,
		  1,
		  { 1, 0 },
		  { 1, 0 },
		  "It would give 1 page of 1G more, and take 1G of memory for them." },
		{ TWO,
		  0,
		  3,
		  1,
		  2,
		  { 1, 0 },
		  { 2, 0 },
		  "give 1 to 2 pages of 1G more (1G to 2G) of the 3 that are asked for" },
		{ TWO,
		  1,
		  3,
		  2,
		  2,
		  { 0, 2 },
		  { 0, 2 },
		  "give 2 pages of 1G more (2G), not the 3 that are asked for" },
		{ TWO, -1, 2, 2, 2, { 1, 1 }, { 1, 1 }, "give 2 pages of 1G more" },
		{ TWO, -1, 3, 3, 3, { 1, 1 }, { 2, 2 }, "give 3 pages of 1G more" },
		{ TWO, -1, 9, 3, 4, { 1, 2 }, { 2, 2 }, "give 3 to 4 pages of 1G" },
		{ TWO,
		  -1,
		  9,
		  3,
		  4,
		  { 1, 2 },
		  { 2, 2 },
		  "Afterwards: total 3 to 4, free 3 to 4, reserved 0, surplus 0." },
		/* what is emptied needs memory elsewhere */
		{ FULL, 0, 2, 0, 0, { 0, 0 }, { 0, 0 }, "give no page of 1G" },
		/* fewer: ranges are no matter */
		{ SOME, -1, 0, 0, 0, { 0, 0 }, { 0, 0 }, "take 2 free pages out" },
		{ SOME, -1, 2, 2, 2, { 1, 1 }, { 1, 1 }, "Nothing would change" },
		{ SOME, -1, 3, 3, 3, { 1, 1 }, { 2, 2 }, "give 1 page of 1G more" },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(rows); i++) {
		const struct weir_explain_write what = { .size_bytes = G1,
			                                 .node = rows[i].node,
			                                 .target = rows[i].target };
		struct weir_host *host;
		struct weir_snapshot *snap = open_host(rows[i].host, &host);
		struct weir_explain_outcome came;
		struct weir_sentences out = { 0 };

		expect_int_eq(weir_explain_write(snap, NULL, &what, &out, &came, NULL),
		              0);
		if (!said(&out, rows[i].words))
			fail_msg("row %zu: not '%s' but '%s'", i, rows[i].words,
			         out.v[0].text);
		expect_u64_eq(came.total_min, rows[i].total_min);
		expect_u64_eq(came.is.total, rows[i].total);
		for (unsigned int n = 0; n < 2; n++) {
			expect_u64_eq(came.node_min[n], rows[i].min[n]);
			expect_u64_eq(came.node_max[n], rows[i].max[n]);
		}
		weir_sentences_done(&out);
		weir_snapshot_free(snap);
		weir_host_free(host);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(growth_of_gigantic_pages_ends_with_the_ranges),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
