/* tables_leases: the columns of `weir leases`. */
#include "cli/lease_rows.h"
#include "cli/tables.h"

#include "base/own.h"
#include "base/size.h"
#include "base/span.h"

#include <inttypes.h>
#include <pwd.h>

#define LEASE_CELL(name)                                                               \
	static void name##_of(const struct weir_lease_row *lease,                      \
	                      const struct weir_report_style *style,                   \
	                      char cell[WEIR_CELL_MAX]);                               \
	static void name(const void *of, const struct weir_report_style *style,        \
	                 size_t row, char cell[WEIR_CELL_MAX])                         \
	{                                                                              \
		name##_of(&((const struct weir_lease_rows *)of)->v[row], style, cell); \
	}                                                                              \
	static void name##_of(const struct weir_lease_row *lease,                      \
	                      const struct weir_report_style *style,                   \
	                      char cell[WEIR_CELL_MAX])

static size_t rows(const void *of)
{
	return ((const struct weir_lease_rows *)of)->nr;
}

static bool shown(const void *of, const struct weir_report_style *style, size_t row)
{
	(void)of;
	(void)style;
	(void)row;
	return true;
}

/* What is not there is no secret and no gap: "-". */
static void cell_or_none(const char *text, char cell[WEIR_CELL_MAX])
{
	weir_cell_text(text ? text : "-", cell);
}

static void cell_span(struct weir_count ms, char cell[WEIR_CELL_MAX])
{
	if (ms.known)
		(void)weir_format_span(ms.n / 1000, cell, WEIR_CELL_MAX);
	else
		cell_or_none(NULL, cell);
}

LEASE_CELL(cell_lease)
{
	(void)style;
	weir_cell_count(WEIR_COUNT(lease->lease), cell);
}

LEASE_CELL(cell_name)
{
	(void)style;
	cell_or_none(lease->name, cell);
}

LEASE_CELL(cell_state)
{
	(void)style;
	weir_cell_text(lease->state, cell);
}

LEASE_CELL(cell_size)
{
	weir_cell_bytes(lease->bytes, style, cell);
}

LEASE_CELL(cell_filled)
{
	weir_cell_bytes(lease->filled_bytes, style, cell);
}

LEASE_CELL(cell_page)
{
	(void)style;
	if (lease->page_bytes.known)
		(void)weir_format_size(lease->page_bytes.n, cell, WEIR_CELL_MAX);
	else
		weir_cell_text(NULL, cell);
}

LEASE_CELL(cell_node)
{
	(void)style;
	if (lease->node.known)
		weir_cell_count(lease->node, cell);
	else
		cell_or_none(NULL, cell);
}

LEASE_CELL(cell_owner)
{
	(void)style;
	if (lease->pid.known)
		(void)snprintf(cell, WEIR_CELL_MAX, "pid %" PRIu64, lease->pid.n);
	else if (lease->unit)
		weir_cell_text(lease->unit, cell);
	else if (lease->owner && strcmp(lease->owner, "none") != 0)
		weir_cell_text(lease->owner, cell);
	else
		cell_or_none(NULL, cell);
}

LEASE_CELL(cell_user)
{
	const struct passwd *pw = lease->uid.known && lease->uid.n < UINT32_MAX
	                                  ? getpwuid((uid_t)lease->uid.n)
	                                  : NULL;

	(void)style;
	if (pw)
		weir_cell_text(pw->pw_name, cell);
	else
		weir_cell_count(lease->uid, cell);
}

LEASE_CELL(cell_age)
{
	(void)style;
	cell_span(lease->since_ms, cell);
}

LEASE_CELL(cell_ends)
{
	(void)style;
	cell_span(lease->until_ms, cell);
}

LEASE_CELL(cell_holders)
{
	(void)style;
	cell_or_none(lease->holders, cell);
}

LEASE_CELL(cell_path)
{
	(void)style;
	cell_or_none(lease->path, cell);
}

static const struct weir_column columns[] = {
	{ "LEASE", "its number", cell_lease, true, false },
	{ "NAME", "the name that it was asked for with", cell_name, true, true },
	{ "STATE", "growing, leased, or waiting for its holders to let go", cell_state,
	  true, true },
	{ "SIZE", "how much memory", cell_size, true, false },
	{ "FILLED", "of it, what has pages", cell_filled, false, false },
	{ "PAGE", "size of its pages", cell_page, true, false },
	{ "NODE", "where all of it lies", cell_node, true, false },
	{ "OWNER", "what ends it, besides weir release", cell_owner, true, true },
	{ "USER", "who asked for it", cell_user, true, true },
	{ "AGE", "how long ago it was made", cell_age, true, false },
	{ "ENDS", "when its time is up", cell_ends, true, false },
	{ "HOLDERS", "of one that waits: who has its memory", cell_holders, true, true },
	{ "PATH", "its file", cell_path, false, true },
};

const struct weir_table_def weir_table_leases = {
	.id = WEIR_TABLE_NONE,
	.name = "leases",
	.help = "memory that is leased",
	.columns = columns,
	.nr_columns = WEIR_NELEM(columns),
	.rows = rows,
	.shown = shown,
};
