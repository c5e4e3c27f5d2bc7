/* tables_findings: the table of findings, for scripts; the screen has them as sentences.
 */
#include "cli/tables_list.h"

#include "base/own.h"
#include "base/size.h"

static size_t rows(const void *of)
{
	const struct weir_report *report = of;

	return report->findings.nr;
}

static bool shown(const void *of, const struct weir_report_style *style, size_t row)
{
	const struct weir_report *report = of;

	return weir_finding_is_about(&report->findings.v[row], style);
}

WEIR_CELL(cell_severity)
{
	(void)style;
	weir_cell_text(weir_severity_word(report->findings.v[row].severity), cell);
}

WEIR_CELL(cell_id)
{
	(void)style;
	weir_cell_text(report->findings.v[row].id, cell);
}

WEIR_CELL(cell_size)
{
	struct weir_count size = report->findings.v[row].size_bytes;

	(void)style;
	if (size.known)
		(void)weir_format_size(size.n, cell, WEIR_CELL_MAX);
	else
		weir_cell_text("-", cell);
}

WEIR_CELL(cell_node)
{
	struct weir_count node = report->findings.v[row].node;

	(void)style;
	if (node.known)
		weir_cell_count(node, cell);
	else
		weir_cell_text("-", cell);
}

WEIR_CELL(cell_text)
{
	(void)style;
	weir_cell_text(report->findings.v[row].text, cell);
}

WEIR_CELL(cell_remedy)
{
	const char *remedy = report->findings.v[row].remedy;

	(void)style;
	weir_cell_text(remedy ? remedy : "-", cell);
}

WEIR_CELL(cell_command)
{
	const char *command = report->findings.v[row].command;

	(void)style;
	weir_cell_text(command ? command : "-", cell);
}

static const struct weir_column columns[] = {
	{ "SEVERITY", "problem, warning or note", cell_severity, true, true },
	{ "ID", "stable name of the finding", cell_id, true, true },
	{ "SIZE", "page size that it is about", cell_size, false, false },
	{ "NODE", "node that it is about", cell_node, false, false },
	{ "TEXT", "the finding in words", cell_text, true, true },
	{ "REMEDY", "what helps", cell_remedy, false, true },
	{ "COMMAND", "the same as a shell command", cell_command, false, true },
};

const struct weir_table_def weir_table_findings = {
	.id = WEIR_TABLE_FINDINGS,
	.name = "findings",
	.help = "what is wrong or surprising",
	.columns = columns,
	.nr_columns = WEIR_NELEM(columns),
	.rows = rows,
	.shown = shown,
};
