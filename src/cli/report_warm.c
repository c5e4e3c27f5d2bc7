/* report_warm: weird's store on the screen and in the JSON of `weir status`. Its pages
 * are in use in the kernel's counters: the lines say how many of these nobody uses yet.
 */
#include "cli/report.h"

#include "base/json.h"
#include "base/own.h"
#include "base/size.h"
#include "cli/tables.h"

#include <inttypes.h>

static bool shows(const struct weir_report_style *style,
                  const struct weir_warm_place *row)
{
	return weir_style_has_size(style, row->page_bytes) &&
	       (row->node < 0 || weir_style_has_node(style, (unsigned int)row->node));
}

static void put_bytes(uint64_t bytes, const struct weir_report_style *style, FILE *out)
{
	char cell[WEIR_CELL_MAX];

	weir_cell_bytes(WEIR_COUNT(bytes), style, cell);
	(void)fputs(cell, out);
}

/* ", 4G leased (3)"; nothing for none. */
static void put_part(uint64_t bytes, size_t nr, const char *what,
                     const struct weir_report_style *style, FILE *out)
{
	if (!nr)
		return;
	(void)fputs(", ", out);
	put_bytes(bytes, style, out);
	(void)fprintf(out, " %s (%zu)", what, nr);
}

/* "2M node 0: 12G ready of 16G, 4G leased (3)" */
static void put_row(const struct weir_warm_place *row,
                    const struct weir_report_style *style, FILE *out)
{
	char size[WEIR_SIZE_TEXT_MAX];

	(void)fputs(weir_format_size(row->page_bytes, size, sizeof(size)).p, out);
	if (row->node >= 0)
		(void)fprintf(out, " node %d", row->node);
	(void)fputs(": ", out);
	put_bytes(row->ready_bytes, style, out);
	(void)fputs(" ready", out);
	if (row->target_bytes) {
		(void)fputs(" of ", out);
		put_bytes(row->target_bytes, style, out);
	}
	put_part(row->coming_bytes, row->nr_coming, "being zeroed", style, out);
	put_part(row->leased_bytes, row->nr_leased, "leased", style, out);
	put_part(row->waiting_bytes, row->nr_waiting, "waited for", style, out);
	(void)fputc('\n', out);
}

void weir_report_print_warm(const struct weir_report *report,
                            const struct weir_report_style *style, FILE *out)
{
	const struct weir_warm_places *rows = &report->view.warm;
	size_t nr = 0;

	for (size_t i = 0; i < rows->nr; i++) {
		if (!shows(style, &rows->v[i]))
			continue;
		if (!nr++)
			(void)fprintf(out, "\nWarm memory, in use above%s\n",
			              report->snap->warm.weird == WEIR_WEIRD_GONE
			                      ? "; weird does not run"
			                      : ", had by 'weir lease'");
		put_row(&rows->v[i], style, out);
	}
}

static void json_row(struct weir_json *j, const struct weir_warm_places *rows, size_t i)
{
	const struct weir_warm_place *row = &rows->v[i];

	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "page_bytes", row->page_bytes);
	if (row->node >= 0)
		weir_json_u64(j, "node", (uint64_t)row->node);
	else
		weir_json_null(j, "node");
	weir_json_u64(j, "target_bytes", row->target_bytes);
	weir_json_u64(j, "ready_bytes", row->ready_bytes);
	weir_json_u64(j, "coming_bytes", row->coming_bytes);
	weir_json_u64(j, "leased_bytes", row->leased_bytes);
	weir_json_u64(j, "waiting_bytes", row->waiting_bytes);
	weir_json_u64(j, "lacking_bytes", weir_warm_place_lacks(rows, i));
	weir_json_u64(j, "ready", row->nr_ready);
	weir_json_u64(j, "coming", row->nr_coming);
	weir_json_u64(j, "leased", row->nr_leased);
	weir_json_u64(j, "waiting", row->nr_waiting);
	weir_json_close(j);
}

void weir_report_json_warm(struct weir_json *j, const struct weir_report *report,
                           const struct weir_report_style *style)
{
	const struct weir_warm_seen *warm = &report->snap->warm;
	const struct weir_warm_places *rows = &report->view.warm;

	if (!warm->state.known) {
		weir_json_null(j, "warm");
		return;
	}
	weir_json_open(j, "warm", '{');
	weir_json_strz(j, "weird", weir_weird_word(warm->weird));
	weir_json_open(j, "stores", '[');
	for (size_t i = 0; i < rows->nr; i++)
		if (shows(style, &rows->v[i]))
			json_row(j, rows, i);
	weir_json_close(j);
	weir_json_close(j);
}
