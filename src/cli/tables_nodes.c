/* tables_nodes: the table of the nodes' memory. */
#include "cli/tables_list.h"

#include "base/own.h"

#include <inttypes.h>

static size_t rows(const void *of)
{
	const struct weir_report *report = of;

	return report->view.nr;
}

static bool shown(const void *of, const struct weir_report_style *style, size_t row)
{
	const struct weir_report *report = of;

	return weir_style_has_node(style, report->view.nodes[row].node);
}

WEIR_CELL(cell_node)
{
	(void)style;
	(void)snprintf(cell, WEIR_CELL_MAX, "%u", report->view.nodes[row].node);
}

#define BYTES_CELL(name, field)                                              \
	WEIR_CELL(name)                                                      \
	{                                                                    \
		weir_cell_bytes(report->view.nodes[row].field, style, cell); \
	}

BYTES_CELL(cell_total, total)
BYTES_CELL(cell_free, free)
BYTES_CELL(cell_free_no_cma, free_no_cma)
BYTES_CELL(cell_cma, cma)
BYTES_CELL(cell_cma_free, cma_free)
BYTES_CELL(cell_pinnable, pinnable)
BYTES_CELL(cell_movable, movable)
BYTES_CELL(cell_movable_free, movable_free)
BYTES_CELL(cell_pool, pool)

WEIR_CELL(cell_blocks_2m)
{
	(void)style;
	weir_cell_count(report->view.nodes[row].blocks_2m, cell);
}

WEIR_CELL(cell_blocks_1g)
{
	struct weir_count n = report->view.nodes[row].blocks_1g_max;

	(void)style;
	if (n.known && n.n)
		(void)snprintf(cell, WEIR_CELL_MAX, "<=%" PRIu64, n.n);
	else
		weir_cell_count(n, cell);
}

static const struct weir_node *node_of(const struct weir_report *report, size_t row)
{
	return weir_nodes_find(&report->snap->nodes, report->view.nodes[row].node);
}

WEIR_CELL(cell_cpus)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	const struct weir_node *node = node_of(report, row);

	(void)style;
	if (!node || !node->cpus_known || weir_ranges_format(&node->cpus, &text) < 0)
		weir_cell_text(NULL, cell);
	else
		weir_cell_text(text.n ? text.p : "none", cell);
}

WEIR_CELL(cell_distances)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	const struct weir_node *node = node_of(report, row);
	int r = 0;

	(void)style;
	for (size_t i = 0; node && r == 0 && i < node->nr_distances; i++)
		r = weir_buf_printf(&text, "%s%" PRIu64, i ? "," : "",
		                    node->distances[i]);
	weir_cell_text(r == 0 && text.n ? text.p : NULL, cell);
}

static const struct weir_column columns[] = {
	{ "NODE", "NUMA node", cell_node, true, false },
	{ "TOTAL", "memory of the node", cell_total, true, false },
	{ "FREE", "free memory outside the pools, CMA counted in", cell_free, true,
	  false },
	{ "OUTSIDE-CMA", "of it, not in the CMA", cell_free_no_cma, true, false },
	{ "CMA", "memory of the CMA areas", cell_cma, true, false },
	{ "CMA-FREE", "of it, free", cell_cma_free, true, false },
	{ "POOLS", "memory in huge page pools", cell_pool, true, false },
	{ "2M-BLOCKS", "free 2 MiB blocks now, larger ones counted as what they hold",
	  cell_blocks_2m, true, false },
	{ "1G-BLOCKS", "free 1 GiB blocks now, at most", cell_blocks_1g, true, false },
	{ "PINNABLE", "free, neither in the CMA nor in ZONE_MOVABLE: can be pinned",
	  cell_pinnable, false, false },
	{ "MOVABLE", "memory of ZONE_MOVABLE, which cannot be pinned", cell_movable,
	  false, false },
	{ "MOVABLE-FREE", "of it, free", cell_movable_free, false, false },
	{ "CPUS", "CPUs of the node", cell_cpus, false, true },
	{ "DISTANCES", "to the online nodes, 10 is itself", cell_distances, false, true },
};

const struct weir_table_def weir_table_nodes = {
	.id = WEIR_TABLE_NODES,
	.name = "nodes",
	.help = "memory by node",
	.columns = columns,
	.nr_columns = WEIR_NELEM(columns),
	.rows = rows,
	.shown = shown,
};
