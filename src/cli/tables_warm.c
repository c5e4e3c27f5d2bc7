/* tables_warm: the columns of `weir warm`. */
#include "cli/tables.h"
#include "cli/warm_rows.h"

#include "base/own.h"
#include "base/size.h"
#include "base/span.h"

#include <inttypes.h>

#define WARM_CELL(name)                                                               \
	static void name##_of(const struct weir_warm_row *store,                      \
	                      const struct weir_report_style *style,                  \
	                      char cell[WEIR_CELL_MAX]);                              \
	static void name(const void *of, const struct weir_report_style *style,       \
	                 size_t row, char cell[WEIR_CELL_MAX])                        \
	{                                                                             \
		name##_of(&((const struct weir_warm_rows *)of)->v[row], style, cell); \
	}                                                                             \
	static void name##_of(const struct weir_warm_row *store,                      \
	                      const struct weir_report_style *style,                  \
	                      char cell[WEIR_CELL_MAX])

static size_t rows(const void *of)
{
	return ((const struct weir_warm_rows *)of)->nr;
}

static bool shown(const void *of, const struct weir_report_style *style, size_t row)
{
	(void)of;
	(void)style;
	(void)row;
	return true;
}

WARM_CELL(cell_page)
{
	(void)style;
	(void)weir_format_size(store->page_bytes.n, cell, WEIR_CELL_MAX);
}

WARM_CELL(cell_node)
{
	(void)style;
	if (store->node.known)
		weir_cell_count(store->node, cell);
	else
		weir_cell_text("any", cell);
}

WARM_CELL(cell_target)
{
	weir_cell_bytes(store->target_bytes, style, cell);
}

WARM_CELL(cell_ready)
{
	weir_cell_bytes(store->ready_bytes, style, cell);
}

WARM_CELL(cell_filling)
{
	weir_cell_bytes(store->filling_bytes, style, cell);
}

WARM_CELL(cell_scrubbing)
{
	weir_cell_bytes(store->scrubbing_bytes, style, cell);
}

WARM_CELL(cell_dirty)
{
	weir_cell_bytes(store->dirty_bytes, style, cell);
}

WARM_CELL(cell_leased)
{
	weir_cell_bytes(store->leased_bytes, style, cell);
}

WARM_CELL(cell_waiting)
{
	weir_cell_bytes(store->waiting_bytes, style, cell);
}

WARM_CELL(cell_room)
{
	weir_cell_bytes(store->room_bytes, style, cell);
}

WARM_CELL(cell_fill_rate)
{
	weir_cell_bytes(store->fill_bytes_per_s, style, cell);
}

WARM_CELL(cell_scrub_rate)
{
	weir_cell_bytes(store->scrub_bytes_per_s, style, cell);
}

WARM_CELL(cell_full_in)
{
	(void)style;
	if (store->target_bytes.known && store->ready_bytes.known &&
	    store->ready_bytes.n >= store->target_bytes.n)
		weir_cell_text("full", cell);
	else if (store->seconds_to_full.known)
		(void)weir_format_span(store->seconds_to_full.n, cell, WEIR_CELL_MAX);
	else
		weir_cell_text(NULL, cell);
}

WARM_CELL(cell_blocked)
{
	(void)style;
	weir_cell_text(store->blocked ? store->blocked : "-", cell);
}

static const struct weir_column columns[] = {
	{ "PAGE", "size of its pages", cell_page, true, false },
	{ "NODE", "where it lies; any: it is bound to none", cell_node, true, false },
	{ "TARGET", "how much is to be kept ready", cell_target, true, false },
	{ "READY", "zeroed, and nobody has it", cell_ready, true, false },
	{ "FILLING", "being populated", cell_filling, true, false },
	{ "SCRUBBING", "came back, being zeroed", cell_scrubbing, true, false },
	{ "DIRTY", "came back, not zeroed yet", cell_dirty, false, false },
	{ "LEASED", "handed out", cell_leased, true, false },
	{ "WAITING", "its lease has ended, and somebody still has it", cell_waiting, true,
	  false },
	{ "ROOM", "what of the pool may still be taken", cell_room, true, false },
	{ "FILL-RATE", "bytes a second that are populated", cell_fill_rate, true, false },
	{ "SCRUB-RATE", "bytes a second that are zeroed in place", cell_scrub_rate, false,
	  false },
	{ "FULL-IN", "until the target is reached", cell_full_in, true, false },
	{ "BLOCKED", "why it is not filled further", cell_blocked, false, true },
};

const struct weir_table_def weir_table_warm = {
	.id = WEIR_TABLE_NONE,
	.name = "warm",
	.help = "memory that is kept zeroed",
	.columns = columns,
	.nr_columns = WEIR_NELEM(columns),
	.rows = rows,
	.shown = shown,
};
