/* tables_pools: the table of pools: a row for each page size over all nodes, and one for
 * each of its nodes where there are several. */
#include "cli/tables_list.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>

struct place { /* what a row is about */
	const struct weir_huge_size *size;
	const struct weir_node_pool *node; /* NULL: all nodes */
};

static size_t rows(const void *of)
{
	const struct weir_report *report = of;
	size_t n = 0;

	for (size_t i = 0; i < report->snap->pools.nr; i++)
		n += 1 + report->snap->pools.sizes[i].nr_nodes;
	return n;
}

static struct place place_of(const struct weir_report *report, size_t row)
{
	const struct weir_huge_size *size = report->snap->pools.sizes;

	while (row > size->nr_nodes) {
		row -= 1 + size->nr_nodes;
		size++;
	}
	return (struct place){ size, row ? &size->nodes[row - 1] : NULL };
}

static bool is_zero(struct weir_count n)
{
	return n.known && !n.n;
}

/* Nothing in it on any node, and nothing may come by itself: one row says it all. */
static bool is_idle(const struct weir_huge_size *size)
{
	for (size_t i = 0; i < size->nr_nodes; i++)
		if (!is_zero(size->nodes[i].pool.nr))
			return false;
	return is_zero(size->all.nr) && is_zero(size->overcommit);
}

static bool shown(const void *of, const struct weir_report_style *style, size_t row)
{
	const struct weir_report *report = of;
	struct place p = place_of(report, row);

	if (!weir_style_has_size(style, p.size->size_bytes))
		return false;
	if (style->one_node) /* on a host with one node, its row is the one over all */
		return p.node ? p.node->node == style->node && p.size->nr_nodes > 1
		              : p.size->nr_nodes == 1 &&
		                        p.size->nodes[0].node == style->node;
	return !p.node || (p.size->nr_nodes > 1 && !is_idle(p.size));
}

static const struct weir_pool *pool_of(struct place p)
{
	return p.node ? &p.node->pool : &p.size->all;
}

WEIR_CELL(cell_size)
{
	(void)style;
	(void)weir_format_size(place_of(report, row).size->size_bytes, cell,
	                       WEIR_CELL_MAX);
}

WEIR_CELL(cell_node)
{
	struct place p = place_of(report, row);

	(void)style;
	if (!p.node && p.size->nr_nodes != 1)
		weir_cell_text("all", cell);
	else
		(void)snprintf(cell, WEIR_CELL_MAX, "%u",
		               p.node ? p.node->node : p.size->nodes[0].node);
}

WEIR_CELL(cell_pages)
{
	(void)style;
	weir_cell_count(pool_of(place_of(report, row))->nr, cell);
}

WEIR_CELL(cell_in_use)
{
	(void)style;
	weir_cell_count(weir_pool_in_use(pool_of(place_of(report, row))), cell);
}

WEIR_CELL(cell_free)
{
	(void)style;
	weir_cell_count(pool_of(place_of(report, row))->free, cell);
}

WEIR_CELL(cell_reserved)
{
	(void)style;
	weir_cell_count(pool_of(place_of(report, row))->reserved, cell);
}

WEIR_CELL(cell_really_free)
{
	struct place p = place_of(report, row);
	struct weir_span span = weir_pool_really_free(p.size, pool_of(p));

	(void)style;
	if (span.min.known && span.max.known && span.min.n != span.max.n)
		(void)snprintf(cell, WEIR_CELL_MAX, "%" PRIu64 "-%" PRIu64, span.min.n,
		               span.max.n);
	else if (!span.min.known && span.max.known)
		(void)snprintf(cell, WEIR_CELL_MAX, "<=%" PRIu64, span.max.n);
	else
		weir_cell_count(span.min, cell);
}

WEIR_CELL(cell_surplus)
{
	(void)style;
	weir_cell_count(pool_of(place_of(report, row))->surplus, cell);
}

WEIR_CELL(cell_persistent)
{
	(void)style;
	weir_cell_count(weir_pool_persistent(pool_of(place_of(report, row))), cell);
}

WEIR_CELL(cell_overcommit)
{
	struct place p = place_of(report, row);

	(void)style;
	if (p.node) /* there is no such limit for a node */
		weir_cell_text("-", cell);
	else
		weir_cell_count(p.size->overcommit, cell);
}

WEIR_CELL(cell_memory)
{
	struct place p = place_of(report, row);

	weir_cell_bytes(weir_count_mul(pool_of(p)->nr, p.size->size_bytes), style, cell);
}

WEIR_CELL(cell_demote)
{
	struct place p = place_of(report, row);

	(void)style;
	if (p.size->demote_size.known)
		(void)weir_format_size(p.size->demote_size.n, cell, WEIR_CELL_MAX);
	else
		weir_cell_text("-", cell);
}

/* Pages of weird's store: ready ones, or those that are leased or waited for. */
static void warm_pages(const struct weir_report *report, struct place p, bool leased,
                       char cell[WEIR_CELL_MAX])
{
	const struct weir_warm_places *warm = &report->view.warm;
	struct weir_count pages = { !report->snap->warm.hidden, 0 };

	for (size_t i = 0; pages.known && i < warm->nr; i++) {
		const struct weir_warm_place *row = &warm->v[i];

		if (row->page_bytes != p.size->size_bytes ||
		    (p.node && row->node != (int)p.node->node))
			continue;
		pages.n += (leased ? row->leased_bytes + row->waiting_bytes
		                   : row->ready_bytes) /
		           p.size->size_bytes;
	}
	if (report->snap->warm.state.known || !pages.known)
		weir_cell_count(pages, cell);
	else
		weir_cell_text("-", cell);
}

WEIR_CELL(cell_warm)
{
	(void)style;
	warm_pages(report, place_of(report, row), false, cell);
}

WEIR_CELL(cell_leased)
{
	(void)style;
	warm_pages(report, place_of(report, row), true, cell);
}

static const struct weir_column columns[] = {
	{ "SIZE", "page size", cell_size, true, false },
	{ "NODE", "NUMA node, or all of them", cell_node, true, false },
	{ "PAGES", "pages in the pool, surplus ones counted in", cell_pages, true,
	  false },
	{ "IN-USE", "pages that somebody has", cell_in_use, true, false },
	{ "FREE", "pages that nobody has, reserved ones counted in", cell_free, true,
	  false },
	{ "RESERVED", "free pages that are promised (unknown for a node)", cell_reserved,
	  true, false },
	{ "REALLY-FREE", "what a newcomer can get: free minus reserved", cell_really_free,
	  true, false },
	{ "SURPLUS", "pages that go back to the system when freed", cell_surplus, true,
	  false },
	{ "MEMORY", "bytes of the pool", cell_memory, true, false },
	{ "PERSISTENT", "pages minus surplus: what the pool was set to", cell_persistent,
	  false, false },
	{ "OVERCOMMIT", "how many surplus pages may be made", cell_overcommit, false,
	  false },
	{ "DEMOTE", "page size that pages can be split into", cell_demote, false, false },
	{ "WARM", "pages in use that weird keeps ready for leases", cell_warm, false,
	  false },
	{ "LEASED", "pages in use that weird has leased", cell_leased, false, false },
};

const struct weir_table_def weir_table_pools = {
	.id = WEIR_TABLE_POOLS,
	.name = "pools",
	.help = "huge pages by size and node",
	.columns = columns,
	.nr_columns = WEIR_NELEM(columns),
	.rows = rows,
	.shown = shown,
};
