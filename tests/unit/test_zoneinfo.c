/* zoneinfo: what each kernel's text means, and that no sum is ever wrong: where a zone
 * was lost or garbled there is none. */
#include "facts/zoneinfo.h"

#include "base/buf.h"

#include "fault.h"
#include "test.h"

#define MAX UINT64_C(9223372036854775807) /* WEIR_COUNT_MAX in digits */

#define sum_of(zones, node, field) \
	weir_zones_sum((zones), (node), offsetof(struct weir_zone, field))

static void parse(struct weir_str text, int want, struct weir_zones *out)
{
	struct weir_err err = { 0 };

	expect_int_eq(weir_zoneinfo_parse(text, out, &err), want);
	if (want == 0)
		expect_str(err.msg, "");
	else
		assert_true(strlen(err.msg) > 0);
}

static void add(struct weir_buf *text, const char *z)
{
	assert_int_equal(weir_buf_addz(text, z), 0);
}

static void add_zone_with_sets(struct weir_buf *text, unsigned int node,
                               unsigned int cpus)
{
	assert_int_equal(weir_buf_printf(text,
	                                 "Node %u, zone   Normal\n"
	                                 "  pages free     %u\n"
	                                 "        min      7\n"
	                                 "        present  33553792\n"
	                                 "        managed  33027391\n"
	                                 "  pagesets\n",
	                                 node, 1000 + node),
	                 0);
	for (unsigned int cpu = 0; cpu < cpus; cpu++)
		assert_int_equal(weir_buf_printf(text,
		                                 "    cpu: %u\n"
		                                 "              count:    %u\n"
		                                 "              high:     9999\n"
		                                 "              batch:    63\n"
		                                 "              high_min: 4488\n"
		                                 "              high_max: 7777\n"
		                                 "  vm stats threshold: 125\n",
		                                 cpu, cpu * 3),
		                 0);
	assert_int_equal(weir_buf_printf(text,
	                                 "  node_unreclaimable:  0\n"
	                                 "  start_pfn:           %u\n",
	                                 node * 33554432 + 1),
	                 0);
}

/* Linux 6.18, two CPUs; the per-node statistics and most counters are left out. */
static const char linux_6_18[] = "Node 0, zone      DMA\n"
				 "  per-node stats\n"
				 "      nr_inactive_anon 30556\n"
				 "      nr_foll_pin_acquired 0\n"
				 "  pages free     3840\n"
				 "        boost    0\n"
				 "        min      52\n"
				 "        low      65\n"
				 "        high     78\n"
				 "        promo    91\n"
				 "        spanned  4095\n"
				 "        present  3998\n"
				 "        managed  3840\n"
				 "        cma      0\n"
				 "        protection: (0, 3017, 4809, 4809, 4809)\n"
				 "      nr_free_pages 3840\n"
				 "      nr_free_pages_blocks 3584\n"
				 "      nr_zone_inactive_anon 11\n"
				 "      nr_zone_active_anon 12\n"
				 "      nr_zone_inactive_file 13\n"
				 "      nr_zone_active_file 14\n"
				 "      nr_zone_unevictable 15\n"
				 "      nr_free_cma  0\n"
				 "  pagesets\n"
				 "    cpu: 0\n"
				 "              count:    0\n"
				 "              high:     0\n"
				 "              batch:    1\n"
				 "              high_min: 32\n"
				 "              high_max: 240\n"
				 "  vm stats threshold: 4\n"
				 "    cpu: 1\n"
				 "              count:    0\n"
				 "              high:     0\n"
				 "              batch:    1\n"
				 "              high_min: 32\n"
				 "              high_max: 240\n"
				 "  vm stats threshold: 4\n"
				 "  node_unreclaimable:  0\n"
				 "  start_pfn:           1\n"
				 "Node 0, zone    DMA32\n"
				 "  pages free     772497\n"
				 "        boost    0\n"
				 "        min      10567\n"
				 "        low      13208\n"
				 "        high     15849\n"
				 "        promo    18490\n"
				 "        spanned  1044480\n"
				 "        present  782336\n"
				 "        managed  772497\n"
				 "        cma      0\n"
				 "        protection: (0, 0, 1792, 1792, 1792)\n"
				 "      nr_free_pages 772497\n"
				 "      nr_free_cma  0\n"
				 "  pagesets\n"
				 "    cpu: 0\n"
				 "              count:    0\n"
				 "              high:     6784\n"
				 "              batch:    63\n"
				 "              high_min: 6604\n"
				 "              high_max: 48281\n"
				 "  vm stats threshold: 24\n"
				 "  node_unreclaimable:  0\n"
				 "  start_pfn:           4096\n"
				 "Node 0, zone  Movable\n"
				 "  pages free     0\n"
				 "        boost    0\n"
				 "        min      32\n"
				 "        low      32\n"
				 "        high     32\n"
				 "        promo    32\n"
				 "        spanned  0\n"
				 "        present  0\n"
				 "        managed  0\n"
				 "        cma      0\n"
				 "        protection: (0, 0, 0, 0, 0)\n";

static void zoneinfo_of_6_18_is_read_in_full(void **state)
{
	struct weir_zones zones;

	(void)state;
	parse(weir_strz(linux_6_18), 0, &zones);
	expect_u64_eq(zones.nr, 3);
	expect_str(zones.v[0].name, "DMA");
	expect_str(zones.v[1].name, "DMA32");
	expect_str(zones.v[2].name, "Movable");
	expect_count(zones.v[0].free, 3840);
	expect_count(zones.v[0].boost, 0);
	expect_count(zones.v[0].min, 52);
	expect_count(zones.v[0].low, 65);
	expect_count(zones.v[0].high, 78);
	expect_count(zones.v[0].promo, 91);
	expect_count(zones.v[0].spanned, 4095);
	expect_count(zones.v[0].present, 3998);
	expect_count(zones.v[0].managed, 3840);
	expect_count(zones.v[0].inactive_anon, 11);
	expect_count(zones.v[0].active_anon, 12);
	expect_count(zones.v[0].inactive_file, 13);
	expect_count(zones.v[0].active_file, 14);
	expect_count(zones.v[0].unevictable, 15);
	expect_count(zones.v[0].start_pfn, 1);
	expect_count(zones.v[1].start_pfn, 4096);
	expect_count(zones.v[1].high, 15849); /* not the page set's 6784 */
	expect_u64_eq(zones.v[1].nr_reserves, 5);
	expect_u64_eq(zones.v[1].reserve[1], 0);
	expect_u64_eq(zones.v[1].reserve[4], 1792);
	expect_unknown(zones.v[2].start_pfn); /* not given for zones without memory */
	weir_zones_done(&zones);
}

static void zoneinfo_sums_add_the_zones_of_a_node(void **state)
{
	struct weir_zones zones;

	(void)state;
	parse(weir_strz(linux_6_18), 0, &zones);
	expect_count(sum_of(&zones, 0, free), 3840 + 772497);
	expect_count(sum_of(&zones, 0, managed), 3840 + 772497);
	expect_count(sum_of(&zones, 0, min), 52 + 10567 + 32);
	expect_count(sum_of(&zones, 0, cma), 0);
	/* the empty zone has no nr_free_cma, and none is what it has of it */
	expect_count(sum_of(&zones, 0, free_cma), 0);
	/* DMA32 does not tell here, and has memory */
	expect_unknown(sum_of(&zones, 0, active_anon));
	expect_unknown(sum_of(&zones, 1, free));
	weir_zones_done(&zones);
}

/* 5.10: neither boost, promo nor cma; nr_free_cma is there all the same. 6.1: no promo.
 */
static void zoneinfo_of_older_kernels_lacks_lines_and_says_so(void **state)
{
	struct weir_zones zones;

	(void)state;
	parse(weir_strz("Node 0, zone   Normal\n"
	                "  pages free     15230\n"
	                "        min      11290\n"
	                "        low      14112\n"
	                "        high     16934\n"
	                "        spanned  2097152\n"
	                "        present  2097152\n"
	                "        managed  2037213\n"
	                "        protection: (0, 0, 0, 0)\n"
	                "      nr_free_pages 15230\n"
	                "      nr_free_cma  3801\n"
	                "  pagesets\n"
	                "    cpu: 0\n"
	                "              count: 312\n"
	                "              high:  378\n"
	                "              batch: 63\n"
	                "  vm stats threshold: 72\n"
	                "  node_unreclaimable:  0\n"
	                "  start_pfn:           1048576\n"
	                "Node 1, zone   Normal\n"
	                "  pages free     7\n"
	                "        boost    3\n"
	                "        min      2\n"
	                "        cma      16384\n"),
	      0, &zones);
	expect_unknown(zones.v[0].boost);
	expect_unknown(zones.v[0].promo);
	expect_unknown(sum_of(&zones, 0, cma));
	expect_count(sum_of(&zones, 0, free_cma), 3801);
	expect_count(zones.v[0].high, 16934);
	expect_count(zones.v[0].start_pfn, 1048576);
	expect_count(zones.v[1].boost, 3);
	expect_count(zones.v[1].cma, 16384);
	expect_unknown(zones.v[1].promo);
	weir_zones_done(&zones);
}

static void zoneinfo_odd_lines_leave_only_their_own_fact_unknown(void **state)
{
	static const struct {
		const char *line;
		int result;
	} cases[] = {
		{ "        managed  -1", WEIR_GARBLED },
		{ "        managed", WEIR_GARBLED },
		{ "        managed  ", WEIR_GARBLED },
		{ "        managed  1 2", WEIR_GARBLED },
		{ "        managed  1x", WEIR_GARBLED },
		{ "        managed  0x10", WEIR_GARBLED },
		{ "        managed  1\r", WEIR_GARBLED },
		{ "        managed  9223372036854775808", WEIR_GARBLED },
		{ "        managed  18446744073709551615", WEIR_GARBLED },
		{ "        managed  18446744073709551616", WEIR_GARBLED },
		{ "        managed: 1", 0 }, /* other names: not known, passed over */
		{ "        Managed  1", 0 },
		{ "  pages managed  1", 0 },
		{ "  pages", 0 },
		{ "managed1", 0 },
		{ "", 0 },
		{ " node 0, zone Normal", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_zones zones;
		char text[256];

		(void)snprintf(text, sizeof(text),
		               "Node 0, zone Normal\n  pages free 5\n  present 9\n%s\n"
		               "  cma 7\n",
		               cases[i].line);
		parse(weir_strz(text), cases[i].result, &zones);
		expect_count(sum_of(&zones, 0, free), 5);
		expect_count(sum_of(&zones, 0, cma), 7);
		expect_unknown(sum_of(&zones, 0, managed));
		weir_zones_done(&zones);
	}
}

static void zoneinfo_odd_protections_give_no_reserves(void **state)
{
	static const struct {
		const char *text;
		int result;
		size_t nr;
	} cases[] = {
		{ "(0, 3003, 23852)", 0, 3 },
		{ "(0)", 0, 1 },
		{ "(9223372036854775807)", 0, 1 },
		{ "(1,2,3,4,5,6,7,8)", 0, 8 },
		{ "(1,2,3,4,5,6,7,8,9)", WEIR_GARBLED, 0 },
		{ "()", 0, 0 },
		{ "", WEIR_GARBLED, 0 },
		{ "(", WEIR_GARBLED, 0 },
		{ ")", WEIR_GARBLED, 0 },
		{ "(0, 1", WEIR_GARBLED, 0 },
		{ "(0,,1)", WEIR_GARBLED, 0 },
		{ "(-1)", WEIR_GARBLED, 0 },
		{ "(0 1)", WEIR_GARBLED, 0 },
		{ "(9223372036854775808)", WEIR_GARBLED, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_zones zones;
		char text[128];

		(void)snprintf(text, sizeof(text),
		               "Node 0, zone Normal\n        protection: %s\n",
		               cases[i].text);
		parse(weir_strz(text), cases[i].result, &zones);
		expect_u64_eq(zones.v[0].nr_reserves, cases[i].nr);
		weir_zones_done(&zones);
	}
}

/* A zone whose heading is not understood is missing, and with it every sum: also that of
 * other nodes, for whose zone it was nobody knows. */
static void zoneinfo_garbled_headings_leave_no_sum(void **state)
{
	static const char *const cases[] = {
		"Node 0",
		"Node 0,",
		"Node , zone Normal",
		"Node 0, zone",
		"Node 0, zone Normal extra",
		"Node 0 , zone Normal",
		"Node 0, Zone Normal",
		"Node -1, zone Normal",
		"Node 1024, zone Normal",
		"Node 4294967296, zone Normal",
		"Node 18446744073709551616, zone Normal",
		"Node 0, zone NameOf16Letters_",
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_zones zones;
		char text[256];

		(void)snprintf(text, sizeof(text),
		               "Node 0, zone DMA\n  pages free 5\n%s\n  pages free 100\n"
		               "Node 1, zone Normal\n  pages free 6\n",
		               cases[i]);
		parse(weir_strz(text), WEIR_GARBLED, &zones);
		expect_u64_eq(zones.nr, 2);
		expect_count(zones.v[0].free, 5); /* the zones themselves are kept */
		expect_count(zones.v[1].free, 6);
		assert_true(zones.damaged);
		expect_unknown(sum_of(&zones, 0, free));
		expect_unknown(sum_of(&zones, 1, free));
		weir_zones_done(&zones);
	}
}

/* A heading that does not even begin like one: what follows is not the zone's before. */
static void zoneinfo_lost_headings_leave_no_sum(void **state)
{
	static const char *const cases[] = { "",
		                             "Node",
		                             "node 0, zone DMA32",
		                             "?ode 0",
		                             " Node 0, zone DMA32",
		                             "  pagesets" };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_zones zones;
		char text[256];

		(void)snprintf(text, sizeof(text),
		               "Node 0, zone DMA\n  pages free 5\n%s\n  pages free 100\n",
		               cases[i]);
		parse(weir_strz(text), WEIR_GARBLED, &zones);
		expect_count(zones.v[0].free, 5);
		expect_unknown(sum_of(&zones, 0, free));
		weir_zones_done(&zones);
	}
}

/* Page sets are leapt over; a zone among them is not overlooked. */
static void zoneinfo_lost_heading_behind_page_sets_leaves_no_sum(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_zones zones;

	(void)state;
	for (unsigned int node = 0; node < 3; node++)
		add_zone_with_sets(&text, node, 64);
	parse(weir_buf_str(&text), 0, &zones);
	weir_zones_done(&zones);

	text.p[weir_str_find(weir_buf_str(&text), "Node 1")] = 'M';
	parse(weir_buf_str(&text), WEIR_GARBLED, &zones);
	expect_u64_eq(zones.nr, 2);
	expect_unknown(sum_of(&zones, 0, free));
	expect_unknown(sum_of(&zones, 2, free));
	weir_zones_done(&zones);
}

static void zoneinfo_node_ids_end_at_1023(void **state)
{
	struct weir_zones zones;

	(void)state;
	parse(weir_strz("Node 1023, zone Normal\n  pages free 5\n"), 0, &zones);
	expect_u64_eq(zones.v[0].node, 1023);
	expect_count(sum_of(&zones, 1023, free), 5);
	weir_zones_done(&zones);
}

static void zoneinfo_nodes_may_be_0_2_and_7(void **state)
{
	struct weir_zones zones;

	(void)state;
	parse(weir_strz("Node 0, zone DMA32\n  pages free 1\n"
	                "Node 0, zone Normal\n  pages free 2\n"
	                "Node 2, zone Normal\n  pages free 4\n"
	                "Node 7, zone Movable\n  pages free 8\n"),
	      0, &zones);
	expect_count(sum_of(&zones, 0, free), 3);
	expect_count(sum_of(&zones, 2, free), 4);
	expect_count(sum_of(&zones, 7, free), 8);
	expect_unknown(sum_of(&zones, 1, free));
	expect_unknown(sum_of(&zones, 6, free));
	weir_zones_done(&zones);
}

static void zoneinfo_node_without_memory_sums_to_nothing(void **state)
{
	struct weir_zones zones;

	(void)state;
	parse(weir_strz("Node 1, zone   Normal\n  pages free     0\n        min      0\n"
	                "        spanned  0\n        present  0\n        managed  0\n"
	                "Node 1, zone  Movable\n  pages free     0\n        min      0\n"
	                "        spanned  0\n        present  0\n        managed  0\n"),
	      0, &zones);
	expect_count(sum_of(&zones, 1, free), 0);
	expect_count(sum_of(&zones, 1, free_cma), 0);
	expect_count(sum_of(&zones, 1, unevictable), 0);
	weir_zones_done(&zones);
}

static void zoneinfo_extremes_are_kept_and_their_sum_is_not(void **state)
{
	struct weir_zones zones;

	(void)state;
	parse(weir_strz("Node 0, zone DMA\n  pages free 9223372036854775807\n  min 1\n"
	                "Node 0, zone Normal\n  pages free 1\n"
	                "  min 9223372036854775806\n"),
	      0, &zones);
	expect_count(zones.v[0].free, MAX);
	expect_unknown(sum_of(&zones, 0, free));
	expect_count(sum_of(&zones, 0, min), MAX);
	weir_zones_done(&zones);
}

static void zoneinfo_of_2000_cpus_keeps_what_follows_the_page_sets(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_zones zones;

	(void)state;
	for (unsigned int node = 0; node < 8; node++)
		add_zone_with_sets(&text, node, 2000);
	assert_true(text.n < WEIR_ZONEINFO_MAX);
	parse(weir_buf_str(&text), 0, &zones);
	expect_u64_eq(zones.nr, 8);
	for (unsigned int node = 0; node < 8; node++) {
		expect_count(zones.v[node].start_pfn, node * 33554432 + 1);
		expect_count(sum_of(&zones, node, free), 1000 + node);
		expect_unknown(zones.v[node].high); /* that one is the page sets' */
	}
	weir_zones_done(&zones);
}

/* Wherever the end is cut off inside the page sets: what stands before them is known,
 * what follows them is not, and nothing in them is taken for the zone's. A cut line shows
 * that there was more, so no sum is known; a cut between two lines cannot be told. */
static void zoneinfo_cut_off_inside_the_page_sets_keeps_what_stands_before(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	size_t first, end;

	(void)state;
	add_zone_with_sets(&text, 0, 4);
	add_zone_with_sets(&text, 1, 8);
	first = (size_t)weir_str_find(weir_buf_str(&text), "Node 1");
	first += (size_t)weir_str_find(weir_str_skip(weir_buf_str(&text), first),
	                               "  pagesets\n") +
	         strlen("  pagesets\n");
	end = text.n - strlen("  start_pfn:           33554433\n");
	for (size_t n = first; n <= end; n++) {
		/* in memory of its own, so that reading past the end shows */
		weir_auto(weir_freep) char *copy = malloc(n);
		struct weir_zones zones;

		assert_non_null(copy);
		memcpy(copy, text.p, n);
		parse(weir_str(copy, n), copy[n - 1] == '\n' ? 0 : WEIR_GARBLED, &zones);
		expect_u64_eq(zones.nr, 2);
		expect_count(zones.v[0].start_pfn, 1);
		expect_count(zones.v[1].free, 1001);
		expect_count(zones.v[1].managed, 33027391);
		expect_int_eq(sum_of(&zones, 1, free).known, copy[n - 1] == '\n');
		expect_unknown(zones.v[1].high);
		expect_unknown(zones.v[1].start_pfn);
		weir_zones_done(&zones);
	}
}

static void zoneinfo_zone_without_page_sets_does_not_hide_the_next(void **state)
{
	struct weir_zones zones;

	(void)state;
	parse(weir_strz("Node 0, zone DMA\n  pages free 5\n  pagesets\n"
	                "Node 0, zone Normal\n  pages free 6\n  pagesets\n"
	                "  node_unreclaimable:  0\n  start_pfn:  8\n"
	                "Node 1, zone Normal\n  pages free 7\n  pagesets\n"),
	      0, &zones);
	expect_u64_eq(zones.nr, 3);
	expect_count(sum_of(&zones, 0, free), 11);
	expect_count(zones.v[1].start_pfn, 8);
	weir_zones_done(&zones);
}

static void zoneinfo_more_zones_than_any_machine_has_are_refused(void **state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_zones zones;

	(void)state;
	for (unsigned int i = 0; i < WEIR_ZONES_MAX; i++)
		add(&text, "Node 0, zone DMA\n  pages free 1\n");
	parse(weir_buf_str(&text), 0, &zones);
	expect_count(sum_of(&zones, 0, free), WEIR_ZONES_MAX);
	weir_zones_done(&zones);

	add(&text, "Node 0, zone DMA\n  pages free 1\n");
	parse(weir_buf_str(&text), WEIR_GARBLED, &zones);
	expect_unknown(sum_of(&zones, 0, free));
	weir_zones_done(&zones);
}

static void zoneinfo_bytes_that_are_no_text_give_no_numbers(void **state)
{
	static const char text[] = "Node 0, zone N\0rm\n  pages free 5\0\n"
				   "  managed\0 5\n  present \xff\xfe\n  min 5\n";
	struct weir_zones zones;
	char binary[4096];

	(void)state;
	parse(weir_str(text, sizeof(text) - 1), WEIR_GARBLED, &zones);
	expect_str(zones.v[0].name, "N?rm");
	expect_unknown(zones.v[0].free);
	expect_unknown(zones.v[0].managed);
	expect_unknown(zones.v[0].present);
	expect_count(zones.v[0].min, 5);
	weir_zones_done(&zones);

	for (size_t i = 0; i < sizeof(binary); i++)
		binary[i] = (char)(i * 131 ^ i >> 3);
	binary[sizeof(binary) - 1] = '\n';
	parse(weir_str(binary, sizeof(binary)), 0, &zones);
	expect_u64_eq(zones.nr, 0);
	weir_zones_done(&zones);
	parse(weir_strz(""), 0, &zones);
	expect_unknown(sum_of(&zones, 0, free));
	weir_zones_done(&zones);
}

/* A megabyte of what makes a parser with a quadratic heart run for minutes. */
static void zoneinfo_hostile_repetitions_end_soon(void **state)
{
	static const char *const cases[] = {
		"  pagesets\n",
		"  pagesets\nNode 0, zone A\n",
		"  vm stats threshold:",
		"  pagesets\n  vm stats threshold: 1\n",
		"\nNode ",
		"  pages free 1\n",
		"protection: (1,1,1,1,1,1,1)\n",
		" ",
		"\n",
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_buf_done) struct weir_buf text = { 0 };
		struct weir_zones zones;
		struct weir_err err;

		add(&text, "Node 0, zone DMA\n");
		while (text.n < 1U << 20)
			add(&text, cases[i]);
		assert_true(weir_zoneinfo_parse(weir_buf_str(&text), &zones, &err) >= 0);
		weir_zones_done(&zones);
	}
}

static void zoneinfo_of_the_hygon_host_has_64_gib_of_cma_a_node(void **state)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	const char *hosts = getenv("WEIR_TEST_HOSTS");
	struct weir_zones zones;
	char dir[4096];

	(void)state;
	if (!hosts)
		skip_because("WEIR_TEST_HOSTS is not set");
	(void)snprintf(dir, sizeof(dir), "%s/hygon-8node", hosts);
	assert_int_equal(weir_host_open(dir, &host, NULL), 0);
	assert_int_equal(weir_host_read(host, "/proc/zoneinfo", WEIR_ZONEINFO_MAX, &text),
	                 0);
	parse(weir_buf_str(&text), 0, &zones);
	for (unsigned int node = 1; node <= 7; node++) {
		expect_count(weir_count_mul(sum_of(&zones, node, cma), 4096),
		             UINT64_C(64) << 30);
		expect_count(sum_of(&zones, node, free_cma), 8095497);
		expect_count(sum_of(&zones, node, free), 16127918);
		expect_count(sum_of(&zones, node, managed), 33027391);
	}
	expect_unknown(sum_of(&zones, 0, free));
	weir_zones_done(&zones);
}

static int parse_again(void *ctx)
{
	struct weir_zones got;
	int r = weir_zoneinfo_parse(weir_strz(ctx), &got, NULL);

	weir_zones_done(&got);
	return r;
}

static void zoneinfo_every_failed_allocation_is_told(void **state)
{
	static char text[] = "Node 0, zone DMA\n  pages free 1\nNode x\n";

	(void)state;
	expect_int_eq(fault_every(parse_again, text), WEIR_GARBLED);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(zoneinfo_of_6_18_is_read_in_full),
		cmocka_unit_test(zoneinfo_sums_add_the_zones_of_a_node),
		cmocka_unit_test(zoneinfo_of_older_kernels_lacks_lines_and_says_so),
		cmocka_unit_test(zoneinfo_odd_lines_leave_only_their_own_fact_unknown),
		cmocka_unit_test(zoneinfo_odd_protections_give_no_reserves),
		cmocka_unit_test(zoneinfo_garbled_headings_leave_no_sum),
		cmocka_unit_test(zoneinfo_lost_headings_leave_no_sum),
		cmocka_unit_test(zoneinfo_lost_heading_behind_page_sets_leaves_no_sum),
		cmocka_unit_test(zoneinfo_node_ids_end_at_1023),
		cmocka_unit_test(zoneinfo_nodes_may_be_0_2_and_7),
		cmocka_unit_test(zoneinfo_node_without_memory_sums_to_nothing),
		cmocka_unit_test(zoneinfo_extremes_are_kept_and_their_sum_is_not),
		cmocka_unit_test(zoneinfo_of_2000_cpus_keeps_what_follows_the_page_sets),
		cmocka_unit_test(
			zoneinfo_cut_off_inside_the_page_sets_keeps_what_stands_before),
		cmocka_unit_test(zoneinfo_zone_without_page_sets_does_not_hide_the_next),
		cmocka_unit_test(zoneinfo_more_zones_than_any_machine_has_are_refused),
		cmocka_unit_test(zoneinfo_bytes_that_are_no_text_give_no_numbers),
		cmocka_unit_test(zoneinfo_hostile_repetitions_end_soon),
		cmocka_unit_test(zoneinfo_of_the_hygon_host_has_64_gib_of_cma_a_node),
		cmocka_unit_test(zoneinfo_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
