/* tables_boot: the table of what the kernel command line asked for. */
#include "cli/tables_list.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>

static size_t rows(const void *of)
{
	const struct weir_report *report = of;

	return report->view.boot.nr;
}

static bool shown(const void *of, const struct weir_report_style *style, size_t row)
{
	const struct weir_report *report = of;
	const struct weir_shortfall *s = &report->view.boot.v[row];

	return weir_style_has_size(style, s->size_bytes) &&
	       (!s->node.known || weir_style_has_node(style, (unsigned int)s->node.n));
}

WEIR_CELL(cell_size)
{
	(void)style;
	(void)weir_format_size(report->view.boot.v[row].size_bytes, cell, WEIR_CELL_MAX);
}

WEIR_CELL(cell_node)
{
	struct weir_count node = report->view.boot.v[row].node;

	(void)style;
	if (node.known)
		weir_cell_count(node, cell);
	else
		weir_cell_text("all", cell);
}

WEIR_CELL(cell_asked)
{
	(void)style;
	weir_cell_count(WEIR_COUNT(report->view.boot.v[row].asked), cell);
}

WEIR_CELL(cell_present)
{
	(void)style;
	weir_cell_count(report->view.boot.v[row].present, cell);
}

WEIR_CELL(cell_missing)
{
	(void)style;
	weir_cell_count(report->view.boot.v[row].missing, cell);
}

WEIR_CELL(cell_at_boot)
{
	struct weir_count got = report->view.boot.v[row].at_boot;

	(void)style;
	if (got.known)
		weir_cell_count(got, cell);
	else
		weir_cell_text("-", cell);
}

static const struct weir_column columns[] = {
	{ "SIZE", "page size", cell_size, true, false },
	{ "NODE", "node that was asked for, or all", cell_node, true, false },
	{ "ASKED", "pages that the command line asks for", cell_asked, true, false },
	{ "PRESENT", "pages there are now, surplus ones not counted", cell_present, true,
	  false },
	{ "MISSING", "pages that are not there", cell_missing, true, false },
	{ "AT-BOOT", "pages that the kernel's log says it got, where it says so",
	  cell_at_boot, false, false },
};

const struct weir_table_def weir_table_boot = {
	.id = WEIR_TABLE_BOOT,
	.name = "boot",
	.help = "what the kernel command line asks for",
	.columns = columns,
	.nr_columns = WEIR_NELEM(columns),
	.rows = rows,
	.shown = shown,
};
