#include "facts/boot.h"

#include "fuzz.h"

#define M (UINT64_C(1) << 20)

static const uint64_t sizes[] = { 2 * M, 1024 * M };

static void check_pool(const struct weir_boot *boot, const struct weir_boot_rules *rules,
                       const struct weir_boot_pool *pool)
{
	uint64_t sum = 0;
	bool asked = false;

	must(weir_boot_pool(boot, pool->size_bytes) == pool); /* each size once */
	must(pool->size_bytes == 2 * M || pool->size_bytes == 1024 * M ||
	     (pool->size_bytes == 0 && !rules->default_bytes) || rules->sizes_unknown);
	must(pool->pages <= WEIR_COUNT_MAX);
	must(pool->counted || (pool->pages == 0 && pool->nr_nodes == 0));
	must(rules->node_lists || pool->nr_nodes == 0);
	for (size_t i = 0; i < pool->nr_nodes; i++) {
		const struct weir_boot_node *at = &pool->nodes[i];

		must(at->pages > 0 && (i == 0 || at->node > at[-1].node));
		must(!rules->online || weir_ranges_has(rules->online, at->node));
		sum += at->pages;
	}
	must(pool->nr_nodes == 0 || sum == pool->pages);
	for (size_t i = 0; i < boot->nr_args; i++)
		if (boot->args[i].kind == WEIR_BOOT_HUGEPAGES && boot->args[i].taken &&
		    boot->args[i].page_bytes == pool->size_bytes)
			asked = true;
	must(asked == pool->counted);
}

/* A plain count that was taken is the pool's, if that has no nodes. */
static void check_arg(const struct weir_boot *boot, const struct weir_boot_arg *arg)
{
	const char *end = boot->text + strlen(boot->text);
	const struct weir_boot_pool *pool;

	must(arg->text.p >= boot->text && arg->text.p + arg->text.n <= end);
	must(arg->value.n == 0 ||
	     (arg->value.p >= boot->text && arg->value.p + arg->value.n <= end));
	must(arg->taken || arg->note);
	must(arg->amount.unit == WEIR_BOOT_NOTHING ? arg->amount.n == 0 : true);
	if (!arg->taken || arg->kind != WEIR_BOOT_HUGEPAGES)
		return;
	pool = weir_boot_pool(boot, arg->page_bytes);
	must(pool && pool->counted);
	must(arg->amount.unit != WEIR_BOOT_PAGES || pool->pages == arg->amount.n);
}

static void check_count(struct weir_count c, uint64_t most)
{
	must(c.known ? c.n <= most : c.n == 0);
}

static void check_rest(const struct weir_boot *boot)
{
	check_count(boot->cma.size, WEIR_COUNT_MAX);
	check_count(boot->cma.base, WEIR_COUNT_MAX);
	check_count(boot->cma.limit, WEIR_COUNT_MAX);
	check_count(boot->csv_percentage, boot->csv_percentage_max);
	check_count(boot->csv_size_bytes, WEIR_COUNT_MAX);
	check_count(boot->csv_smcr_bytes, WEIR_CSV_SMCR_UNITS_MAX * WEIR_CSV_SMCR_UNIT);
	must(boot->csv_smcr_bytes.n % WEIR_CSV_SMCR_UNIT == 0);
	check_count(boot->csv_use_hugetlb, UINT32_MAX);
	must(boot->hugetlb_cma.nr_nodes == 0 ||
	     boot->hugetlb_cma.all.unit == WEIR_BOOT_NOTHING);
	for (uint64_t total = 1; total; total <<= 3) {
		struct weir_count got = weir_boot_csv_percentage(boot, total);

		check_count(got, boot->csv_percentage_max);
	}
}

/* The first byte chooses the rules, the rest is the line. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_range range = { 0, 3 };
	struct weir_ranges online = { &range, 1, 1 };
	uint8_t how = size ? data[0] : 0;
	struct weir_boot_rules rules = {
		.sizes = sizes,
		.nr_sizes = how & 1 ? 0 : 2,
		.sizes_unknown = how & 2,
		.default_bytes = how & 4 ? 0 : 2 * M,
		.online = how & 8 ? NULL : &online,
		.node_lists = !(how & 16),
		.csv_percentage_max = how & 32 ? 95 : 0,
	};
	struct weir_boot boot;
	struct weir_err err = { 0 };
	int r;

	if (!size)
		return 0;
	r = weir_boot_parse(weir_str((const char *)data + 1, size - 1), &rules, &boot,
	                    &err);
	must(r == 0 || r == WEIR_GARBLED);
	must(r == 0 || err.msg[0]);
	for (size_t i = 0; i < boot.nr_pools; i++)
		check_pool(&boot, &rules, &boot.pools[i]);
	for (size_t i = 0; i < boot.nr_args; i++)
		check_arg(&boot, &boot.args[i]);
	check_rest(&boot);
	weir_boot_done(&boot);
	return 0;
}
