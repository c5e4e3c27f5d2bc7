/* boot_model: what facts/boot.h makes of a command line, done to a model. */
#include "lab/boot_model.h"

#include "base/own.h"
#include "facts/boot.h"
#include "model/boot.h"
#include "model/csv.h"

#include <errno.h>
#include <string.h>

/* kernel-rules.md 7.6 */
static bool wants_hvo(struct weir_str cmdline)
{
	struct weir_str word, key, value;
	bool on = false;

	while (weir_str_word(&cmdline, &word))
		if (weir_str_split(word, '=', &key, &value) &&
		    weir_str_eq(key, "hugetlb_free_vmemmap"))
			on = weir_str_eq(value, "on") || weir_str_eq(value, "1") ||
			     weir_str_eq(value, "y");
	return on;
}

static int parse(struct weir_str cmdline, const struct weir_model_config *config,
                 struct weir_boot *boot, struct weir_err *err)
{
	weir_auto(weir_ranges_done) struct weir_ranges online = { 0 };
	struct weir_boot_rules rules = {
		.sizes = config->page_bytes,
		.nr_sizes = config->nr_sizes,
		.default_bytes = config->page_bytes[0],
		.online = &online,
		.node_lists = config->rules->boot_node_lists,
	};

	for (size_t i = 0; i < config->nr_nodes; i++)
		if (weir_ranges_add(&online, config->nodes[i].id) < 0)
			return weir_err_sys(err, -ENOMEM, "read the command line");
	if (weir_boot_parse(cmdline, &rules, boot, err) < 0)
		return -ENOMEM;
	return 0;
}

static void fill(struct weir_model *m, const struct weir_boot *boot, bool gigantic)
{
	bool cma = boot->hugetlb_cma.nr_nodes || boot->hugetlb_cma.all.n;

	for (size_t i = 0; i < boot->nr_pools; i++) {
		const struct weir_boot_pool *asked = &boot->pools[i];
		struct weir_pool *pool = weir_model_pool(m, asked->size_bytes);
		uint64_t per_node[WEIR_MODEL_NODES_MAX] = { 0 };

		if (!pool || !asked->counted || pool->gigantic != gigantic)
			continue;
		if (gigantic && cma)
			continue; /* 7.5: such pages are left to the CMA */
		for (size_t k = 0; k < asked->nr_nodes; k++)
			if (asked->nodes[k].node < WEIR_MODEL_NODES_MAX)
				per_node[asked->nodes[k].node] = asked->nodes[k].pages;
		weir_model_boot(m, pool, asked->pages, asked->nr_nodes ? per_node : NULL);
	}
}

static void set_csv_aside(struct weir_model *m, const struct weir_boot *boot)
{
	uint64_t total = 0;
	struct weir_count percent;

	weir_each_node (n, m->memory.nodes)
		total += m->memory.total_bytes[n];
	percent = weir_boot_csv_percentage(boot, total);
	if (percent.n)
		weir_csv_boot(m, (unsigned int)percent.n);
}

int weir_boot_model(struct weir_str cmdline, const struct weir_model_config *config,
                    struct weir_model **out, struct weir_err *err)
{
	weir_auto(weir_boot_done) struct weir_boot boot = { 0 };
	weir_auto(weir_model_freep) struct weir_model *m = NULL;
	struct weir_model_config with = *config;
	uint64_t sizes[WEIR_MODEL_POOLS_MAX];
	int r;

	if (!config->nr_sizes || config->nr_sizes > WEIR_MODEL_POOLS_MAX)
		return weir_err_set(err, -EINVAL, "a host has 1 to %d huge page sizes",
		                    WEIR_MODEL_POOLS_MAX);
	r = parse(cmdline, config, &boot, err);
	if (r < 0)
		return r;
	memcpy(sizes, config->page_bytes, config->nr_sizes * sizeof(sizes[0]));
	for (size_t i = 1; boot.default_bytes.known && i < config->nr_sizes; i++)
		if (sizes[i] == boot.default_bytes.n) {
			sizes[i] = sizes[0];
			sizes[0] = boot.default_bytes.n;
		}
	with.page_bytes = sizes;
	with.hvo = config->hvo || wants_hvo(cmdline);
	r = weir_model_new(&with, &m, err);
	if (r < 0)
		return r;
	set_csv_aside(m, &boot); /* the areas are there before any pool page */
	fill(m, &boot, true);    /* from early boot memory, 7.3 */
	fill(m, &boot, false);
	if (m->failed)
		return weir_err_sys(err, -ENOMEM, "make a model");
	*out = weir_take(m);
	return 0;
}
