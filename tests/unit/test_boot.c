/* boot: what the kernel makes of its command line. The first table is what kernels 5.10
 * to 6.18 were seen to do; the second is what their source says of odder lines. */
#include "facts/boot.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)

static const uint64_t sizes[] = { 2 * M, 1 * G };
static struct weir_range two_nodes[] = { { 0, 1 } };
static const struct weir_ranges online = { two_nodes, 1, 1 };

static const struct weir_boot_rules newer = {
	.sizes = sizes,
	.nr_sizes = WEIR_NELEM(sizes),
	.default_bytes = 2 * M,
	.online = &online,
	.node_lists = true,
};
static const struct weir_boot_rules older = {
	.sizes = sizes,
	.nr_sizes = WEIR_NELEM(sizes),
	.default_bytes = 2 * M,
	.online = &online,
};

static void parse(const char *line, const struct weir_boot_rules *rules,
                  struct weir_boot *out)
{
	struct weir_err err = { 0 };

	expect_int_eq(weir_boot_parse(weir_strz(line), rules, out, &err), 0);
	expect_str(err.msg, "");
}

/* "2M=7 1G=3[0:2,1:1] 16M": pools as named, "=" when counted */
static const char *show_pools(const struct weir_boot *boot, struct weir_buf *out)
{
	out->n = 0;
	(void)weir_buf_addz(out, "");
	for (size_t i = 0; i < boot->nr_pools; i++) {
		const struct weir_boot_pool *pool = &boot->pools[i];

		(void)weir_buf_printf(out, "%s%" PRIu64 "M", i ? " " : "",
		                      pool->size_bytes / M);
		if (pool->counted)
			(void)weir_buf_printf(out, "=%" PRIu64, pool->pages);
		for (size_t n = 0; n < pool->nr_nodes; n++)
			(void)weir_buf_printf(out, "%s%u:%" PRIu64, n ? "," : "[",
			                      pool->nodes[n].node, pool->nodes[n].pages);
		if (pool->nr_nodes)
			(void)weir_buf_addz(out, "]");
	}
	return out->p;
}

/* One sign an argument: + taken, ! taken with a note, - not taken */
static const char *show_fates(const struct weir_boot *boot, char out[32])
{
	size_t i;

	for (i = 0; i < boot->nr_args && i < 31; i++) {
		const struct weir_boot_arg *arg = &boot->args[i];

		assert_true(arg->taken || arg->note);
		out[i] = '-';
		if (arg->taken)
			out[i] = arg->note ? '!' : '+';
	}
	out[i] = '\0';
	return out;
}

struct line {
	const char *line;
	const char *pools, *fates;         /* 5.16 and later */
	const char *old_pools, *old_fates; /* before; NULL: the same */
};

static void check_lines(const struct line *v, size_t nr)
{
	struct weir_buf text = { 0 };
	char fates[32];

	for (size_t i = 0; i < 2 * nr; i++) {
		const struct line *at = &v[i / 2];
		bool old = i % 2;
		struct weir_boot boot;

		parse(at->line, old ? &older : &newer, &boot);
		if (strcmp(show_pools(&boot, &text),
		           old && at->old_pools ? at->old_pools : at->pools) != 0)
			fail_msg("'%s' (%s): pools '%s'", at->line, old ? "old" : "new",
			         text.p);
		if (strcmp(show_fates(&boot, fates),
		           old && at->old_fates ? at->old_fates : at->fates) != 0)
			fail_msg("'%s' (%s): fates '%s'", at->line, old ? "old" : "new",
			         fates);
		weir_boot_done(&boot);
	}
	weir_buf_done(&text);
}

static void hugepages_lines_seen_on_kernels_come_out_the_same(void **state)
{
	static const struct line seen[] = {
		{ "hugepages=5", "2M=5", "+", NULL, NULL },
		{ "hugepagesz=2M hugepages=7", "2M=7", "++", NULL, NULL },
		{ "hugepages=0:2,1:5", "2M=7[0:2,1:5]", "+", "2M=0", "!" },
		{ "hugepagesz=2M hugepages=1:3", "2M=3[1:3]", "++", "2M=1", "+!" },
		{ "hugepages=4 hugepages=6", "2M=4", "+-", NULL, NULL },
		{ "hugepagesz=3M hugepages=6", "", "--", NULL, NULL },
		{ "hugepagesz=2M hugepages=4 hugepagesz=2M hugepages=6", "2M=4", "++--",
		  NULL, NULL },
		{ "hugepages=9 hugepagesz=2M hugepages=4", "2M=9", "++-", NULL, NULL },
		{ "default_hugepagesz=2M hugepages=3 default_hugepagesz=2M hugepages=5",
		  "2M=3", "++--", NULL, NULL },
		{ "default_hugepagesz=1G hugepages=0 hugepagesz=2M hugepages=3",
		  "1024M=0 2M=3", "++++", NULL, NULL },
		{ "hugepages=2 default_hugepagesz=1G", "1024M=2", "++", NULL, NULL },
		{ "hugepages=0:3,7:2", "", "-", "2M=0", "!" },
		{ "hugepages=abc", "", "-", NULL, NULL },
		{ "hugepages=100000", "2M=100000", "+", NULL, NULL },
		{ "hugepagesz=2M hugepages=1:600", "2M=600[1:600]", "++", "2M=1", "+!" },
		{ "hugepagesz=1G hugepages=9", "1024M=9", "++", NULL, NULL },
		{ "hugepagesz=1G hugepages=1:1", "1024M=1[1:1]", "++", "1024M=1", "+!" },
	};

	(void)state;
	check_lines(seen, WEIR_NELEM(seen));
}

static void hugepages_odd_lines_follow_the_source(void **state)
{
	static const struct line odd[] = {
		{ "", "", "", NULL, NULL },
		/* no node is left with pages: the kernel spreads the sum of both */
		{ "hugepages=3 default_hugepagesz=1G hugepages=0:600,0:0", "1024M=603",
		  "-++", "1024M=0", "-+!" },
		{ "ro quiet splash", "", "", NULL, NULL },
		{ "-- hugepages=5", "", "", NULL, NULL },
		{ "hugepages", "", "-", NULL, NULL },
		{ "hugepages=", "", "-", NULL, NULL },
		{ "\"hugepages=5\" hugepagesz=\"1G\" hugepages=\" 2\"", "1024M=2 2M=5",
		  "+++", NULL, NULL },
		{ "default-hugepagesz=1G hugepages=1", "1024M=1", "++", NULL, NULL },
		{ "hugepages=5x", "2M=5", "+", NULL, NULL },
		{ "hugepages=-5", "", "-", NULL, NULL },
		{ "hugepages=0x5", "2M=0", "+", NULL, NULL },
		{ "hugepages=18446744073709551616", "", "-", NULL, NULL },
		{ "hugepages=9223372036854775807", "2M=9223372036854775807", "+", NULL,
		  NULL },
		{ "hugepagesz=0x200000 hugepages=1", "2M=1", "++", NULL, NULL },
		{ "hugepagesz=2MB hugepages=1", "2M=1", "++", NULL, NULL },
		{ "hugepagesz=010000000 hugepages=1", "2M=1", "++", NULL, NULL },
		{ "hugepagesz=99999999999999999999 hugepages=1", "", "--", NULL, NULL },
		{ "hugepagesz=1G", "1024M", "+", NULL, NULL },
		/* a wrong size swallows one count only */
		{ "hugepagesz=3M hugepages=6 hugepages=7", "2M=7", "--+", NULL, NULL },
		{ "hugepagesz=2M hugepagesz=3M hugepages=6 hugepages=7", "2M=7", "+--+",
		  NULL, NULL },
		/* a faulty count is no count for the newer parser: another may follow */
		{ "hugepages=abc hugepages=6", "2M=6", "-+", "", "--" },
		{ "hugepages= hugepages=6", "", "--", NULL, NULL },
		{ "hugepages=4 default_hugepagesz=2M hugepages=x", "2M", "-+-", NULL,
		  NULL },
		{ "hugepages=4 default_hugepagesz=2M hugepages=", "2M=4", "++-", "2M",
		  "-+-" },
		/* the default size may be named again, if it has no count yet */
		{ "default_hugepagesz=1G hugepagesz=2M hugepages=3 hugepagesz=1G "
		  "hugepages=2",
		  "1024M=2 2M=3", "+++++", NULL, NULL },
		{ "default_hugepagesz=2M hugepages=0 hugepagesz=2M hugepages=5", "2M=0",
		  "+++-", NULL, NULL },
		/* a default size named before is not the size named last */
		{ "hugepagesz=2M hugepagesz=1G default_hugepagesz=2M hugepages=5",
		  "2M 1024M=5", "++++", NULL, NULL },
		{ "default_hugepagesz=3M default_hugepagesz=1G hugepages=1", "1024M=1",
		  "-++", NULL, NULL },
		/* the count in front of all goes to the default size when that is
		   named... */
		{ "hugepages=9 hugepagesz=1G hugepages=4 default_hugepagesz=1G",
		  "1024M=9", "++-+", NULL, NULL },
		{ "hugepages=2 default_hugepagesz=1G hugepages=5", "1024M=5", "-++", NULL,
		  NULL },
		/* ... and is not seen when it is 0 */
		{ "hugepages=0 hugepagesz=2M hugepages=4", "2M=4", "-++", NULL, NULL },
		{ "hugepages=0", "2M=0", "+", NULL, NULL },
		{ "hugepages=0 hugepagesz=1G hugepages=4", "1024M=4 2M=0", "+++", NULL,
		  NULL },
		/* node lists */
		{ "hugepages=0:2,", "2M=2[0:2]", "+", "2M=0", "!" },
		{ "hugepages=0:2,5", "", "-", "2M=0", "!" },
		{ "hugepages=0:2,1", "", "-", "2M=0", "!" },
		{ "hugepages=0:", "", "-", "2M=0", "!" },
		{ "hugepages=0:x", "", "-", "2M=0", "!" },
		{ "hugepages=1:3x,0:9", "2M=3[1:3]", "+", "2M=1", "!" },
		{ "hugepages=0:2,0:3", "2M=3[0:3]", "+", "2M=0", "!" },
		{ "hugepages=1:2,0:0", "2M=2[1:2]", "+", "2M=1", "!" },
		{ "hugepages=0:0", "2M=0", "+", "2M=0", "!" },
		{ "hugepages=0:9223372036854775807,1:1", "", "-", "2M=0", "!" },
		{ "hugepages=4294967296:1", "", "-", "2M=4294967296", "!" },
		{ "hugepages=0:2 default_hugepagesz=2M hugepages=7", "2M=2[0:2]", "++-",
		  "2M=7", "-++" },
		{ "hugepages=7 default_hugepagesz=2M hugepages=1:2", "2M=2[1:2]", "-++",
		  "2M=1", "-+!" },
		{ "hugepages=7 default_hugepagesz=2M hugepages=7:2", "2M", "-+-", "2M=7",
		  "-+!" },
	};

	(void)state;
	check_lines(odd, WEIR_NELEM(odd));
}

static void hugepages_default_size_is_the_named_one_or_the_kernels(void **state)
{
	struct weir_boot boot;
	struct weir_boot_rules rules = newer;

	(void)state;
	parse("hugepages=1", &rules, &boot);
	expect_count(boot.default_bytes, 2 * M);
	assert_false(boot.default_named);
	weir_boot_done(&boot);

	parse("default_hugepagesz=1G", &rules, &boot);
	expect_count(boot.default_bytes, 1 * G);
	assert_true(boot.default_named);
	weir_boot_done(&boot);

	rules.default_bytes = 0;
	parse("hugepages=3 hugepagesz=2M hugepages=4", &rules, &boot);
	expect_unknown(boot.default_bytes);
	expect_u64_eq(boot.nr_pools, 2);
	expect_u64_eq(weir_boot_pool(&boot, 0)->pages,
	              3); /* 2 MiB too, or another size */
	expect_u64_eq(weir_boot_pool(&boot, 2 * M)->pages, 4);
	assert_true(boot.args[0].taken);
	assert_null(weir_boot_pool(&boot, 1 * G));
	weir_boot_done(&boot);
}

static void hugepages_arguments_say_what_they_mean(void **state)
{
	struct weir_boot boot;

	(void)state;
	parse("quiet hugepages=9 hugepagesz=1G hugepages=4", &newer, &boot);
	expect_u64_eq(boot.nr_args, 3);
	assert_true(weir_str_eq(boot.args[0].text, "hugepages=9"));
	assert_true(weir_str_eq(boot.args[0].value, "9"));
	expect_str(weir_boot_word(boot.args[0].kind), "hugepages");
	expect_int_eq(boot.args[0].amount.unit, WEIR_BOOT_PAGES);
	expect_u64_eq(boot.args[0].amount.n, 9);
	expect_u64_eq(boot.args[0].page_bytes, 2 * M);
	expect_int_eq(boot.args[1].amount.unit, WEIR_BOOT_BYTES);
	expect_u64_eq(boot.args[1].amount.n, 1 * G);
	expect_u64_eq(boot.args[2].page_bytes, 1 * G);
	weir_boot_done(&boot);
}

static void hugepages_unsupported_or_unknown_sizes_are_told_apart(void **state)
{
	struct weir_boot_rules rules = { .default_bytes = 2 * M, .node_lists = true };
	struct weir_buf text = { 0 };
	struct weir_boot boot;

	(void)state;
	parse("hugepages=3 hugepagesz=2M hugepages=4", &rules, &boot);
	expect_u64_eq(boot.nr_pools, 0);
	expect_str(boot.args[0].note, "this kernel has no huge pages");
	weir_boot_done(&boot);

	rules.sizes_unknown = true; /* and so are the nodes */
	parse("hugepages=900:3 hugepagesz=16M hugepages=4 hugepagesz=3M hugepagesz=4K "
	      "hugepagesz=0",
	      &rules, &boot);
	expect_str(show_pools(&boot, &text), "16M=4 2M=3[900:3]");
	expect_u64_eq(boot.nr_args, 6);
	assert_false(boot.args[3].taken || boot.args[4].taken || boot.args[5].taken);
	weir_boot_done(&boot);
	weir_buf_done(&text);
}

static const struct weir_boot_arg *only_arg(const struct weir_boot *boot)
{
	expect_u64_eq(boot->nr_args, 1);
	return &boot->args[0];
}

static void expect_amount(struct weir_boot_amount got, enum weir_boot_unit unit,
                          uint64_t n)
{
	expect_int_eq(got.unit, unit);
	expect_u64_eq(got.n, n);
}

static void hugetlb_cma_is_a_size_or_a_list(void **state)
{
	static const struct {
		const char *line;
		const char *nodes; /* "n:unit n" */
		struct weir_boot_amount all;
		bool taken;
	} cases[] = {
		{ "hugetlb_cma=4G", "", { WEIR_BOOT_BYTES, 4 * G }, true },
		{ "hugetlb_cma=0x100000000", "", { WEIR_BOOT_BYTES, 4 * G }, true },
		{ "hugetlb_cma=10%", "", { WEIR_BOOT_PERCENT, 10 }, true },
		{ "hugetlb_cma=101%", "", { 0 }, false },
		{ "hugetlb_cma=", "", { 0 }, false },
		{ "hugetlb_cma", "", { 0 }, false },
		{ "hugetlb_cma=G", "", { 0 }, false },
		{ "hugetlb_cma=99999999999999999999", "", { 0 }, false },
		{ "hugetlb_cma=16383P", "", { 0 }, false },
		{ "hugetlb_cma=1:2G,0:1G", "0:1024 1:2048 ", { 0 }, true },
		{ "hugetlb_cma=1:2G,7:1G,0:1G", "0:1024 1:2048 ", { 0 }, true },
		{ "hugetlb_cma=0:2G,x,1:1G", "0:2048 ", { 0 }, true },
		{ "hugetlb_cma=0:2G,5", "0:2048 ", { 0 }, true },
		{ "hugetlb_cma=7:1G", "", { 0 }, false },
		{ "hugetlb_cma=0:", "", { 0 }, false },
		{ "hugetlb_cma=4G hugetlb_cma=0:1G hugetlb_cma=1:1G",
		  "0:1024 1:1024 ",
		  { 0 },
		  true },
		{ "hugetlb_cma=0:1G hugetlb_cma=4G",
		  "",
		  { WEIR_BOOT_BYTES, 4 * G },
		  true },
	};
	struct weir_buf text = { 0 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_boot boot;

		parse(cases[i].line, &newer, &boot);
		expect_amount(boot.hugetlb_cma.all, cases[i].all.unit, cases[i].all.n);
		text.n = 0;
		(void)weir_buf_addz(&text, "");
		for (size_t n = 0; n < boot.hugetlb_cma.nr_nodes; n++)
			(void)weir_buf_printf(&text, "%u:%" PRIu64 " ",
			                      boot.hugetlb_cma.nodes[n].node,
			                      boot.hugetlb_cma.nodes[n].size.n / M);
		expect_str(text.p, cases[i].nodes);
		expect_int_eq(boot.args[0].taken, cases[i].taken);
		assert_true(boot.args[0].taken || boot.args[0].note);
		weir_boot_done(&boot);
	}
	weir_buf_done(&text);
}

static void hugetlb_cma_list_is_a_number_to_an_older_kernel(void **state)
{
	struct weir_boot boot;

	(void)state;
	parse("hugetlb_cma=1:2G", &older, &boot);
	expect_amount(boot.hugetlb_cma.all, WEIR_BOOT_BYTES, 1);
	assert_true(only_arg(&boot)->taken && only_arg(&boot)->note);
	weir_boot_done(&boot);
}

static void cma_has_a_size_and_maybe_a_place(void **state)
{
	struct weir_boot boot;

	(void)state;
	parse("cma=256M", &newer, &boot);
	expect_count(boot.cma.size, 256 * M);
	expect_unknown(boot.cma.base);
	weir_boot_done(&boot);

	parse("cma=256M@4G", &newer, &boot);
	expect_count(boot.cma.base, 4 * G);
	expect_unknown(boot.cma.limit);
	weir_boot_done(&boot);

	parse("cma=256M@0-4G", &newer, &boot);
	expect_count(boot.cma.base, 0);
	expect_count(boot.cma.limit, 4 * G);
	weir_boot_done(&boot);

	parse("cma=0", &newer, &boot);
	expect_count(boot.cma.size, 0);
	weir_boot_done(&boot);

	parse("cma cma=16E@1", &newer, &boot);
	expect_unknown(boot.cma.size);
	expect_unknown(boot.cma.base);
	weir_boot_done(&boot);
}

static void movable_memory_is_bytes_percent_or_mirror(void **state)
{
	static const struct {
		const char *line;
		struct weir_boot_amount kernel, movable;
	} cases[] = {
		{ "kernelcore=4G", { WEIR_BOOT_BYTES, 4 * G }, { 0 } },
		{ "kernelcore=30%", { WEIR_BOOT_PERCENT, 30 }, { 0 } },
		{ "kernelcore=0x1e%", { WEIR_BOOT_PERCENT, 30 }, { 0 } },
		{ "kernelcore=mirror", { WEIR_BOOT_MIRROR, 0 }, { 0 } },
		{ "kernelcore=1G,mirror", { WEIR_BOOT_MIRROR, 0 }, { 0 } },
		{ "kernelcore=mirror kernelcore=4G", { WEIR_BOOT_MIRROR, 0 }, { 0 } },
		{ "kernelcore=mirrors", { WEIR_BOOT_BYTES, 0 }, { 0 } },
		{ "kernelcore", { 0 }, { 0 } },
		{ "kernelcore=4G kernelcore=0%", { WEIR_BOOT_BYTES, 4 * G }, { 0 } },
		{ "kernelcore=0%", { WEIR_BOOT_PERCENT, 0 }, { 0 } },
		{ "movablecore=8G", { 0 }, { WEIR_BOOT_BYTES, 8 * G } },
		{ "movablecore=8G movablecore=50%", { 0 }, { WEIR_BOOT_PERCENT, 50 } },
		{ "movablecore=200%", { 0 }, { WEIR_BOOT_PERCENT, 200 } },
		{ "movablecore=mirror", { 0 }, { WEIR_BOOT_BYTES, 0 } },
		{ "movablecore=16E", { 0 }, { 0 } },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_boot boot;

		parse(cases[i].line, &newer, &boot);
		expect_amount(boot.kernelcore, cases[i].kernel.unit, cases[i].kernel.n);
		expect_amount(boot.movablecore, cases[i].movable.unit,
		              cases[i].movable.n);
		assert_false(boot.movable_node);
		weir_boot_done(&boot);
	}
}

static void movable_node_has_no_off(void **state)
{
	struct weir_boot boot;

	(void)state;
	parse("movable_node", &newer, &boot);
	assert_true(boot.movable_node && !only_arg(&boot)->note);
	weir_boot_done(&boot);
	parse("movable_node=0", &newer, &boot);
	assert_true(boot.movable_node && only_arg(&boot)->note);
	weir_boot_done(&boot);
}

static void csv_percentage_follows_the_order_of_arguments(void **state)
{
	static const struct {
		const char *line;
		uint64_t total;
		int percent; /* -1 unknown */
	} cases[] = {
		{ "", 0, 0 },
		{ "csv_mem_percentage=50", 0, 50 },
		{ "csv_mem_percentage=81", 0, 80 },
		{ "csv_mem_percentage=255", 0, 80 },
		{ "csv_mem_percentage=256", 0, 0 },
		{ "csv_mem_percentage=+10", 0, 10 },
		{ "csv_mem_percentage=-1", 0, 0 },
		{ "csv_mem_percentage=10%", 0, 0 },
		{ "csv_mem_percentage=0x10", 0, 0 },
		{ "csv_mem_percentage=40 csv_mem_percentage=", 0, 0 },
		{ "csv_mem_percentage=40 csv_mem_percentage", 0, 40 },
		{ "csv_mem_percentage=40 csv_mem_size=0", 0, 0 },
		{ "csv_mem_percentage=40 csv_mem_size=abc", 0, 0 },
		{ "csv_mem_size=0 csv_mem_percentage=40", 0, 40 },
		{ "csv_mem_size=40G csv_mem_percentage=50", 1024 * G, 3 },
		{ "csv_mem_percentage=50 csv_mem_size=40G", 1024 * G, 3 },
		{ "csv_mem_size=40G csv_mem_size=0", 1024 * G, 0 },
		{ "csv_mem_size=40G", 0, -1 },
		{ "csv_mem_size=10G", 1025 * G, 0 }, /* below 1 % */
		{ "csv_mem_size=900G", 1024 * G, 80 },
		{ "csv_mem_size=1024G", 1024 * G, 80 },
		{ "csv_mem_size=1P", 1024 * G, 80 },
		{ "csv_mem_size=16E", 1024 * G, 0 },
		{ "csv_mem_size=1E", UINT64_MAX, -1 }, /* 100 times it passes 2^64-1 */
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_boot boot;
		struct weir_count got;

		parse(cases[i].line, &newer, &boot);
		got = weir_boot_csv_percentage(&boot, cases[i].total);
		if (cases[i].percent < 0)
			expect_unknown(got);
		else
			expect_count(got, (uint64_t)cases[i].percent);
		weir_boot_done(&boot);
	}
}

static void csv_percentage_limit_is_the_kernels(void **state)
{
	struct weir_boot_rules rules = newer;
	struct weir_boot boot;

	(void)state;
	rules.csv_percentage_max = 95;
	parse("csv_mem_percentage=99", &rules, &boot);
	expect_count(weir_boot_csv_percentage(&boot, 0), 95);
	weir_boot_done(&boot);
}

static void csv_sizes_are_cut_to_their_units(void **state)
{
	static const struct {
		const char *line;
		const char *fates;
		struct weir_count smcr, guests;
	} cases[] = {
		{ "csv_smcr_size=512M", "+", { true, 512 * M }, { 0 } },
		{ "csv_smcr_size=511M", "-", { true, 0 }, { 0 } },
		{ "csv_smcr_size=1000M", "!", { true, 768 * M }, { 0 } },
		{ "csv_smcr_size=16G", "+", { true, 16 * G }, { 0 } },
		{ "csv_smcr_size=1P", "!", { true, 16 * G }, { 0 } },
		{ "csv_smcr_size=1G csv_smcr_size=0", "+-", { true, 1 * G }, { 0 } },
		{ "csv_smcr_size=1G csv_smcr_size=1M", "+-", { true, 0 }, { 0 } },
		{ "csv_smcr_size=16E", "-", { 0 }, { 0 } },
		{ "csv_smcr_size", "-", { 0 }, { 0 } },
		{ "csv_use_hugetlb", "+", { 0 }, { true, 113 } },
		{ "csv_use_hugetlb=7", "+", { 0 }, { true, 7 } },
		{ "csv_use_hugetlb=", "-", { 0 }, { true, 0 } },
		{ "csv_use_hugetlb=x", "-", { 0 }, { true, 0 } },
		{ "csv_use_hugetlb=4294967296", "-", { 0 }, { true, 0 } },
	};
	char fates[32];

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_boot boot;

		parse(cases[i].line, &newer, &boot);
		expect_str(show_fates(&boot, fates), cases[i].fates);
		expect_int_eq(boot.csv_smcr_bytes.known, cases[i].smcr.known);
		expect_u64_eq(boot.csv_smcr_bytes.n, cases[i].smcr.n);
		expect_int_eq(boot.csv_use_hugetlb.known, cases[i].guests.known);
		expect_u64_eq(boot.csv_use_hugetlb.n, cases[i].guests.n);
		weir_boot_done(&boot);
	}
}

static void cmdline_too_long_is_not_known_at_all(void **state)
{
	weir_auto(weir_freep) char *text = malloc(100000);
	struct weir_boot boot;
	struct weir_err err = { 0 };

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < 100000; i += 12)
		memcpy(text + i, "hugepages=5 ", i + 12 <= 100000 ? 12 : 100000 - i);
	expect_int_eq(weir_boot_parse(weir_str(text, 100000), &newer, &boot, &err),
	              WEIR_GARBLED);
	assert_true(err.msg[0]);
	expect_u64_eq(boot.nr_args, 0);
	weir_boot_done(&boot);

	expect_int_eq(
		weir_boot_parse(weir_str(text, WEIR_CMDLINE_MAX), &newer, &boot, &err),
		0);
	expect_u64_eq(weir_boot_pool(&boot, 2 * M)->pages, 5);
	weir_boot_done(&boot);
}

static void cmdline_nul_leaves_what_stands_before_it(void **state)
{
	static const char text[] = "hugepages=5\0 hugetlb_cma=1G";
	struct weir_boot boot;
	struct weir_err err = { 0 };

	(void)state;
	expect_int_eq(
		weir_boot_parse(weir_str(text, sizeof(text) - 1), &newer, &boot, &err),
		WEIR_GARBLED);
	assert_true(err.msg[0]);
	expect_u64_eq(boot.nr_args, 1);
	weir_boot_done(&boot);
}

static int parse_all_kinds(void *ctx)
{
	struct weir_boot boot;
	int r = weir_boot_parse(
		weir_strz("hugepages=0:1,1:2 hugepagesz=1G hugepages=1:3 "
	                  "hugetlb_cma=0:1G,1:1G "
	                  "cma=1M kernelcore=mirror csv_use_hugetlb hugepagesz=2M"),
		&newer, &boot, NULL);

	(void)ctx;
	if (r < 0)
		expect_u64_eq(boot.nr_args, 0);
	weir_boot_done(&boot);
	return r;
}

static void boot_without_memory_is_empty(void **state)
{
	(void)state;
	expect_int_eq(fault_every(parse_all_kinds, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(hugepages_lines_seen_on_kernels_come_out_the_same),
		cmocka_unit_test(hugepages_odd_lines_follow_the_source),
		cmocka_unit_test(hugepages_default_size_is_the_named_one_or_the_kernels),
		cmocka_unit_test(hugepages_arguments_say_what_they_mean),
		cmocka_unit_test(hugepages_unsupported_or_unknown_sizes_are_told_apart),
		cmocka_unit_test(hugetlb_cma_is_a_size_or_a_list),
		cmocka_unit_test(hugetlb_cma_list_is_a_number_to_an_older_kernel),
		cmocka_unit_test(cma_has_a_size_and_maybe_a_place),
		cmocka_unit_test(movable_memory_is_bytes_percent_or_mirror),
		cmocka_unit_test(movable_node_has_no_off),
		cmocka_unit_test(csv_percentage_follows_the_order_of_arguments),
		cmocka_unit_test(csv_percentage_limit_is_the_kernels),
		cmocka_unit_test(csv_sizes_are_cut_to_their_units),
		cmocka_unit_test(cmdline_too_long_is_not_known_at_all),
		cmocka_unit_test(cmdline_nul_leaves_what_stands_before_it),
		cmocka_unit_test(boot_without_memory_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
