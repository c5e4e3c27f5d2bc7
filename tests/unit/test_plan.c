/* Wishes on modelled hosts: the writes that come of them, in which order, what is there
 * afterwards, and which guards they do not pass. */
#include "plan/plan.h"

#include "base/size.h"
#include "facts/snapshot.h"
#include "scenario_host.h"
#include "test.h"

#include <errno.h>

#define BUSY                         \
	"node 0 memory=4G\n"         \
	"node 1 memory=4G\n"         \
	"write 2M/nr_hugepages 20\n" \
	"task A\nA map a 8\n"        \
	"A touch a 0 5\n"
#define FLAT "node 0 memory=4G\nnode 1 memory=4G\nwrite 2M/nr_hugepages 20\n"
#define LARGE                                  \
	"node 0 memory=4G\nnode 1 memory=4G\n" \
	"write 1G/nr_hugepages 2\n"
/* 3 pages in use on each node, 2 of each in surplus */
#define TRAPPED                                                          \
	"nodes 2\nwrite 2M/nr_hugepages 6\ntask A\nA policy bind 0\n"    \
	"A map a 3\nA touch a 0 3\ntask B\nB policy bind 1\nB map b 3\n" \
	"B touch b 0 3\nwrite 2M/nr_hugepages 2\n"

struct planned {
	struct weir_host *host;
	struct weir_plan plan;
	struct weir_err err;
	int r;
};

/* @store: lines of weird's state, or NULL. */
static void plan_beside(struct planned *p, const char *host, const char *store,
                        const char *words, const struct weir_plan_options *options)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
	struct weir_str rest = weir_strz(words), word;

	*p = (struct planned){ .host = scenario_host(host) };
	p->r = weir_snapshot_read(p->host, WEIR_SNAPSHOT_BASE, &snap, &p->err);
	if (p->r == 0 && store)
		p->r = weir_warm_state_parse(weir_strz(store), &snap->warm.state,
		                             &p->err);
	while (p->r == 0 && weir_str_word(&rest, &word))
		p->r = weir_wish_parse(word, &wishes, &p->err);
	if (p->r == 0)
		p->r = weir_plan_make(snap, &wishes, options, &p->plan, &p->err);
}

#define G1 (UINT64_C(1) << 30)
#define R  UINT64_C(262144) /* base pages of 1G */

/* The same with ranges of 1G: those of node 0 first. */
static void plan_with_ranges(struct planned *p, const char *words, const char *release,
                             struct weir_contig_range *ranges, size_t nr,
                             const struct weir_plan_options *options)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
	struct weir_str rest = weir_strz(words), word;

	*p = (struct planned){ .host = scenario_host(FLAT) };
	expect_int_eq(weir_snapshot_read(p->host, WEIR_SNAPSHOT_BASE, &snap, NULL), 0);
	while (weir_str_word(&rest, &word))
		expect_int_eq(weir_wish_parse(word, &wishes, NULL), 0);
	free(snap->release);
	snap->release = strdup(release);
	snap->contigs.nr = 1;
	snap->contigs.v[0] = (struct weir_contig){
		.size_bytes = G1, .nr_pages = R, .v = ranges, .nr = nr
	};
	p->r = weir_plan_make(snap, &wishes, options, &p->plan, &p->err);
	snap->contigs.v[0].v = NULL; /* the caller's */
}

static void plan_with(struct planned *p, const char *host, const char *words,
                      const struct weir_plan_options *options)
{
	plan_beside(p, host, NULL, words, options);
}

static void planned_done(struct planned *p)
{
	if (p->r == 0)
		weir_plan_done(&p->plan);
	weir_host_free(p->host);
}

/* "pool 2M n0 10>5; demote 1G n1 1>0; " */
static void ops_text(const struct weir_plan *plan, char *out, size_t cap)
{
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < plan->nr_ops; i++) {
		const struct weir_op *op = &plan->ops[i];
		char size[WEIR_SIZE_TEXT_MAX];

		n += (size_t)snprintf(
			out + n, cap - n, "%s%s %s n%d %" PRIu64 ">%" PRIu64,
			i ? "; " : "", weir_op_word(op->kind),
			weir_format_size(op->page_bytes, size, sizeof(size)).p, op->node,
			op->before, op->after);
	}
}

static void guards_text(const struct weir_plan *plan, char *out, size_t cap)
{
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < plan->nr_breaches; i++) {
		const struct weir_breach *b = &plan->breaches[i];

		n += (size_t)snprintf(out + n, cap - n, "%s%s%s (%s)", i ? "; " : "",
		                      b->allowed ? "+" : "", weir_guard_word(b->guard),
		                      b->passes ? b->passes : "-");
	}
}

static const struct {
	const char *host, *kernel, *wishes, *ops, *guards;
	unsigned int allow;
} cases[] = {
	{ FLAT, NULL, "2M=20", "", "", 0 },
	/* shared out */
	{ FLAT, NULL, "2M=41", "pool 2M n0 10>21; pool 2M n1 10>20", "", 0 },
	{ FLAT, NULL, "2M=9", "pool 2M n0 10>4; pool 2M n1 10>5", "", 0 },
	{ FLAT, NULL, "2M=0", "pool 2M n0 10>0; pool 2M n1 10>0", "", 0 },
	{ FLAT, NULL, "2M=0:3,1:44", "pool 2M n0 10>3; pool 2M n1 10>44", "", 0 },
	{ FLAT, NULL, "2M=1:3,0:44", "pool 2M n1 10>3; pool 2M n0 10>44", "", 0 },
	/* unevenly where a node has too little; what is free first */
	{ "node 0 memory=64M\nnode 1 memory=4G\n", NULL, "2M=100",
	  "pool 2M n0 0>32; pool 2M n1 0>68", "", 0 },
	{ BUSY, NULL, "2M=9", "pool 2M n0 10>5; pool 2M n1 10>4", "", 0 },
	{ BUSY, NULL, "2M=8", "pool 2M n0 10>5; pool 2M n1 10>3", "", 0 },
	/* cut up where that does it */
	{ LARGE, NULL, "1G=1 2M=+512", "demote 1G n0 1>0", "", 0 },
	{ LARGE, NULL, "1G/node1=0 2M/node1=+600", "demote 1G n1 1>0; pool 2M n1 512>600",
	  "", 0 },
	{ LARGE, NULL, "1G/node1=0 2M/node0=+600", "pool 1G n1 1>0; pool 2M n0 0>600", "",
	  0 },
	{ LARGE, NULL, "1G=0 2M=+100",
	  "pool 1G n0 1>0; pool 1G n1 1>0; pool 2M n0 0>50; "
	  "pool 2M n1 0>50",
	  "", 0 },
	{ LARGE, "5.10", "1G=1 2M=+512",
	  "pool 1G n0 1>0; pool 2M n0 0>256; pool 2M n1 0>256", "", 0 },
	/* the largest first, limits last */
	{ FLAT, NULL, "overcommit.2M=3 2M=21 1G/node1=1",
	  "pool 1G n1 0>1; pool 2M n0 10>11; overcommit 2M n-1 0>3", "", 0 },
	/* surplus becomes persistent, and no page comes */
	{ TRAPPED, NULL, "2M=4", "pool 2M n0 3>3; pool 2M n1 3>3", "", 0 },
	{ TRAPPED, NULL, "2M=6", "pool 2M n0 3>3; pool 2M n1 3>3", "", 0 },
	{ TRAPPED, NULL, "2M=8", "pool 2M n0 3>4; pool 2M n1 3>4", "", 0 },
	{ TRAPPED, NULL, "2M/node0=3", "pool 2M n0 3>3", "", 0 },
	/* guards, and what would pass */
	{ BUSY, NULL, "2M/node0=4", "pool 2M n0 10>5", "surplus (2M/node0=5)", 0 },
	{ BUSY, NULL, "2M/node0=4", "pool 2M n0 10>5", "+surplus (2M/node0=5)",
	  1U << WEIR_GUARD_SURPLUS },
	/* all nodes together are answered together: 5 in use and 3 promised stay */
	{ BUSY, NULL, "2M=5", "pool 2M n1 10>2; pool 2M n0 10>6", "surplus (2M=8)", 0 },
	{ FLAT "mount M min_size=12M\n", NULL, "2M=0", "pool 2M n0 10>0; pool 2M n1 10>6",
	  "subpool (2M=6)", 0 },
	{ BUSY, NULL, "2M=0:2,1:0", "pool 2M n1 10>0; pool 2M n0 10>8",
	  "surplus (2M/node0=8)", 0 },
	{ FLAT, NULL, "2M/node0=3000", "pool 2M n0 10>3000", "reach (2M/node0=2048)", 0 },
};

static void plan_of_wishes_is_these_writes(void **unused)
{
	const struct weir_plan_options base = { .floor_given = false };
	unsigned int wrong = 0;

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_plan_options options = base;
		struct planned p;
		char text[2][1024];

		options.kernel = cases[i].kernel;
		options.allow = cases[i].allow;
		plan_with(&p, cases[i].host, cases[i].wishes, &options);
		if (p.r < 0)
			fail_msg("'%s': %s", cases[i].wishes, p.err.msg);
		ops_text(&p.plan, text[0], sizeof(text[0]));
		guards_text(&p.plan, text[1], sizeof(text[1]));
		if (strcmp(text[0], cases[i].ops) != 0 ||
		    strcmp(text[1], cases[i].guards) != 0) {
			(void)printf("# '%s': '%s', '%s'\n", cases[i].wishes, text[0],
			             text[1]);
			wrong++;
		}
		planned_done(&p);
	}
	expect_u64_eq(wrong, 0);
}

static void plan_of_a_wish_no_host_has_is_refused(void **unused)
{
	static const struct {
		const char *wishes, *why;
	} bad[] = {
		{ "4M=1", "no pages of 4M, but of 2M, 1G" },
		{ "2M/node2=1", "no node 2 with memory" },
		{ "2M/node64=1", "no node 64 with memory" },
		{ "2M=-21", "there are 20 to take from" },
		{ "2M/node1=-11", "there are 10 to take from" },
		{ "overcommit.2M=-1", "there are 0 to take from" },
		{ "overcommit.1G=1", "makes no surplus pages of that size" },
	};
	const struct weir_plan_options options = { 0 };

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(bad); i++) {
		struct planned p;

		plan_with(&p, FLAT, bad[i].wishes, &options);
		expect_int_eq(p.r, -EINVAL);
		if (!strstr(p.err.msg, bad[i].why))
			fail_msg("'%s': '%s'", bad[i].wishes, p.err.msg);
		planned_done(&p);
	}
}

/* Up to 6.6 the number of a node's file has the surplus of other nodes in it. */
static void plan_on_an_older_kernel_writes_other_numbers(void **unused)
{
	struct weir_plan_options options = { .kernel = "6.1" };
	struct planned p;

	(void)unused;
	plan_with(&p, TRAPPED, "2M/node0=9", &options);
	expect_int_eq(p.r, 0);
	expect_u64_eq(p.plan.ops[0].value, 7); /* node 1 has two in surplus */
	expect_u64_eq(p.plan.ops[0].after, 9);
	planned_done(&p);
	plan_with(&p, TRAPPED, "2M/node0=0", &options);
	expect_int_eq(p.r, -EINVAL);
	assert_non_null(strstr(p.err.msg, "counts the surplus pages of other nodes in"));
	planned_done(&p);
	options.kernel = "6.12";
	plan_with(&p, TRAPPED, "2M/node0=9", &options);
	expect_u64_eq(p.plan.ops[0].value, 9);
	expect_u64_eq(p.plan.ops[0].after, 9);
	planned_done(&p);
}

static void plan_that_hopes_counts_on_all(void **unused)
{
	const struct weir_plan_options options = { .allow = 1U << WEIR_GUARD_REACH |
		                                            1U << WEIR_GUARD_FLOOR };
	const struct weir_tally *end;
	struct planned p;

	(void)unused;
	plan_with(&p, FLAT, "2M/node0=3000 1G/node1=1", &options);
	expect_int_eq(p.r, 0);
	assert_false(weir_plan_is_refused(&p.plan));
	end = weir_tally_of(weir_plan_end(&p.plan), UINT64_C(2) << 20);
	assert_non_null(end);
	if (!end) /* the compiler does not know that it does not come back */
		return;
	expect_u64_eq(end->node[0].total, 3000);
	expect_u64_eq(end->total, 3010);
	planned_done(&p);
}

/* What can be had of gigantic pages is what the ranges say. */
static void plan_of_gigantic_pages_has_bounds(void **unused)
{
	struct weir_contig_range ranges[] = {
		{ .free = R }, /* of node 0 */
		{ .free = R - 9, .movable = 9 },
		{ .free = R - 9, .other = 9 },
		{ .state = WEIR_CONTIG_FIXED },
		{ .state = WEIR_CONTIG_TAKEN },
		{ .free = R - 512, .pool = 512 },
		{ .node = 1, .free = R },
		{ .node = 1, .free = R, .unsure = true },
		{ .node = 1, .state = WEIR_CONTIG_UNREAD },
	};
	static const struct {
		const char *wishes, *release;
		uint64_t least, most;
		const char *guards;
	} want[] = {
		{ "1G/node0=1", "6.12", 1, 1, "" },
		{ "1G/node0=3", "6.12", 1, 3, "" },
		{ "1G/node0=4", "6.12", 1, 3, "reach (1G/node0=3)" },
		/* where the kernel moves pages of pools away */
		{ "1G/node0=4", "6.1", 1, 4, "" },
		{ "1G/node0=4", "5.10", 1, 3, "reach (1G/node0=3)" },
		/* the plan gives them back: one, or all */
		{ "1G/node0=4 2M/node0=9", "6.12", 1, 4, "" },
		{ "1G/node0=4 2M/node0=0", "6.12", 2, 4, "" },
		{ "1G/node1=1", "6.12", 1, 1, "" },
		{ "1G/node1=3", "6.12", 1, 3, "" },
		{ "1G/node1=9", "6.12", 1, 3, "reach (1G/node1=3)" },
	};
	const struct weir_plan_options options = { .floor_given = true };

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(want); i++) {
		struct planned p;
		const struct weir_op *op;
		char text[256];

		plan_with_ranges(&p, want[i].wishes, want[i].release, ranges,
		                 WEIR_NELEM(ranges), &options);
		expect_int_eq(p.r, 0);
		op = &p.plan.ops[p.plan.nr_ops - 1];
		guards_text(&p.plan, text, sizeof(text));
		if (op->least != want[i].least || op->most != want[i].most ||
		    strcmp(text, want[i].guards) != 0)
			fail_msg("'%s' on %s: %" PRIu64 " to %" PRIu64 ", '%s'",
			         want[i].wishes, want[i].release, op->least, op->most,
			         text);
		planned_done(&p);
	}
}

static void plan_shares_out_what_ranges_can_give(void **unused)
{
	struct weir_contig_range ranges[] = { { .free = R },
		                              { .node = 1, .free = R },
		                              { .node = 1, .free = R },
		                              { .node = 1, .free = R } };
	const struct weir_plan_options options = { .floor_given = true };
	struct planned p;
	char text[256];

	(void)unused;
	plan_with_ranges(&p, "1G=4", "6.12", ranges, WEIR_NELEM(ranges), &options);
	ops_text(&p.plan, text, sizeof(text));
	expect_str(text, "pool 1G n0 0>1; pool 1G n1 0>3");
	expect_u64_eq(p.plan.nr_breaches, 0);
	planned_done(&p);
}

/* Nobody looked: none for certain, and as many as there is free memory for. */
static void plan_of_gigantic_pages_without_ranges_hopes(void **unused)
{
	const struct weir_plan_options options = { .floor_given = true };
	struct planned p;

	(void)unused;
	plan_with(&p, FLAT, "1G/node0=3", &options);
	expect_int_eq(p.r, 0);
	expect_u64_eq(p.plan.ops[0].least, 0);
	expect_u64_eq(p.plan.ops[0].most, 3);
	assert_non_null(strstr(p.plan.notes.p, "none comes for certain"));
	planned_done(&p);
}

static void plan_for_a_state_brings_its_surplus_back(void **unused)
{
	static const char host[] =
		"nodes 2\nwrite 2M/nr_hugepages 20\ntask A\nA map a 6\n";
	struct weir_tallies aim = { .nodes = 3, .nr = 1 };
	const struct weir_plan_options options = { .allow = UINT32_MAX, .aim = &aim };
	struct planned p;

	(void)unused;
	aim.v[0].page_bytes = UINT64_C(2) << 20;
	for (unsigned int node = 0; node < 2; node++) {
		aim.v[0].node[node].surplus = 4;
		aim.v[0].node[!node].surplus = 0;
		plan_with(&p, host, "2M=0:1,1:1", &options);
		expect_int_eq(p.r, 0);
		expect_u64_eq(weir_plan_end(&p.plan)->v[0].node[node].surplus, 4);
		expect_u64_eq(weir_plan_end(&p.plan)->v[0].node[!node].surplus, 0);
		planned_done(&p);
	}
}

static void plan_goes_to_node_63(void **unused)
{
	const struct weir_plan_options options = { 0 };
	struct planned p;
	char host[64 * 24] = "";
	size_t n = 0;

	(void)unused;
	for (unsigned int i = 0; i < 64; i++)
		n += (size_t)snprintf(host + n, sizeof(host) - n, "node %u memory=1G\n",
		                      i);
	plan_with(&p, host, "2M=640", &options);
	if (p.r < 0)
		fail_msg("%s", p.err.msg);
	expect_u64_eq(p.plan.nr_ops, 64);
	expect_u64_eq(weir_plan_end(&p.plan)->v[0].node[63].total, 10);
	planned_done(&p);
	plan_with(&p, host, "2M/node63=7 2M/node0=1", &options);
	expect_u64_eq(p.plan.nr_ops, 2);
	planned_done(&p);
}

static void plan_below_what_is_declared_is_a_breach(void **unused)
{
	weir_auto(weir_wishes_done) struct weir_wishes declared = { 0 };
	struct weir_plan_options options = { .declared = &declared };
	struct planned p;
	char text[256];

	(void)unused;
	expect_int_eq(weir_wish_parse(weir_strz("2M/node1=8"), &declared, NULL), 0);
	plan_with(&p, FLAT, "2M/node1=7", &options);
	guards_text(&p.plan, text, sizeof(text));
	expect_str(text, "declared (2M/node1=8)");
	planned_done(&p);
	plan_with(&p, FLAT, "2M/node1=8 2M/node0=0", &options);
	expect_u64_eq(p.plan.nr_breaches, 0);
	planned_done(&p);
}

#define STORE(lines)                                        \
	"weir-warm 1 pid=811 start=4711 boot=b0\n"          \
	"store page=2097152 device=0:57 dir=\"/r\"\n" lines \
	"next region=9 lease=9\nend\n"
#define READY(id, node, bytes)                                                           \
	"region " id " state=ready page=2097152 node=" node " inode=" id " bytes=" bytes \
	" filled=" bytes "\n"
#define LEASED(id, node, bytes)                                           \
	"region " id " state=leased page=2097152 node=" node " inode=" id \
	" bytes=" bytes " filled=" bytes " lease=" id                     \
	" name=\"\" uid=0 gid=0 since=1 until=0 owner=none\n"

/* 5 pages of node 0 are in use and 3 more promised there; weird has 3 of those in use. */
static void plan_that_traps_warm_memory_says_so(void **unused)
{
	static const struct {
		const char *store, *wishes, *guards, *text;
	} traps[] = {
		{ STORE(READY("1", "0", "6291456")), "2M/node0=3", "lease (2M/node0=5)",
		  "2M/node0: 2 of the pages that would go are warm "
		  "memory" },
		{ STORE(READY("1", "0", "6291456")), "2M/node0=0",
		  "lease (2M/node0=5); surplus (2M/node0=5)", "2M/node0: 3 of" },
		{ STORE(READY("1", "0", "2097152") LEASED("2", "0", "4194304")),
		  "2M/node0=3", "lease (2M/node0=5)",
		  "2M/node0: 2 of the pages that would go are weird's, which has leased "
		  "2 "
		  "there" },
		/* on another node, of another size, or where all is free */
		{ STORE(READY("1", "1", "6291456")), "2M/node0=3", "surplus (2M/node0=5)",
		  "2M/node0: 2 of the pages that would go are in use" },
		{ STORE(READY("1", "0", "6291456")), "2M/node0=5", "", NULL },
		/* all nodes together */
		{ STORE(READY("1", "0", "6291456")), "2M=2",
		  "lease (2M=8); surplus (2M=8)", "2M: 3 of" },
		{ NULL, "2M/node0=3", "surplus (2M/node0=5)", "2M/node0: 2 of" },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(traps); i++) {
		const struct weir_plan_options options = { 0 };
		struct planned p;
		char text[256];

		plan_beside(&p, BUSY, traps[i].store, traps[i].wishes, &options);
		if (p.r < 0)
			fail_msg("%s: %s", traps[i].wishes, p.err.msg);
		guards_text(&p.plan, text, sizeof(text));
		if (strcmp(text, traps[i].guards) != 0)
			fail_msg("case %zu: '%s'", i, text);
		if (traps[i].text && strncmp(p.plan.breaches[0].text, traps[i].text,
		                             strlen(traps[i].text)) != 0)
			fail_msg("case %zu: '%s'", i, p.plan.breaches[0].text);
		planned_done(&p);
	}
}

/* 10 free pages on each node. */
static void plan_that_a_target_needs_notes_it(void **unused)
{
#define TARGET(node, bytes) "target page=2097152 node=" node " bytes=" bytes "\n"
	static const struct {
		const char *store, *wishes, *note;
	} notes[] = {
		{ STORE(TARGET("0", "12582912")), "2M/node0=4",
		  "2M/node0: weird is to keep 6 more pages warm, and 4 would be left for "
		  "it\n" },
		{ STORE(TARGET("0", "12582912")), "2M/node0=6", NULL },
		{ STORE(TARGET("0", "12582912")), "2M/node1=0", NULL },
		/* too few before, and more afterwards */
		{ STORE(TARGET("0", "41943040")), "2M/node0=12", NULL },
		{ STORE(TARGET("-1", "33554432")), "2M=8",
		  "2M: weird is to keep 16 more pages warm, and 8 would be left for "
		  "it\n" },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(notes); i++) {
		const struct weir_plan_options options = { 0 };
		struct planned p;

		plan_beside(&p, FLAT, notes[i].store, notes[i].wishes, &options);
		if (p.r < 0)
			fail_msg("%s: %s", notes[i].wishes, p.err.msg);
		expect_u64_eq(p.plan.nr_breaches, 0);
		if (!notes[i].note && p.plan.notes.n)
			fail_msg("case %zu: '%s'", i, p.plan.notes.p);
		if (notes[i].note)
			expect_str(p.plan.notes.p, notes[i].note);
		planned_done(&p);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(plan_of_wishes_is_these_writes),
		cmocka_unit_test(plan_of_a_wish_no_host_has_is_refused),
		cmocka_unit_test(plan_on_an_older_kernel_writes_other_numbers),
		cmocka_unit_test(plan_that_hopes_counts_on_all),
		cmocka_unit_test(plan_of_gigantic_pages_has_bounds),
		cmocka_unit_test(plan_shares_out_what_ranges_can_give),
		cmocka_unit_test(plan_of_gigantic_pages_without_ranges_hopes),
		cmocka_unit_test(plan_for_a_state_brings_its_surplus_back),
		cmocka_unit_test(plan_goes_to_node_63),
		cmocka_unit_test(plan_below_what_is_declared_is_a_breach),
		cmocka_unit_test(plan_that_traps_warm_memory_says_so),
		cmocka_unit_test(plan_that_a_target_needs_notes_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
