/* report_text: the screen of `weir status`: what a tired person needs, from the top:
 * which host, its pools, its memory, what boot asked for, what is wrong, what is not
 * known. */
#include "cli/report.h"

#include "cli/cli.h"
#include "cli/tables.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>
#include <time.h>

static void print_bytes(FILE *out, struct weir_count n,
                        const struct weir_report_style *style)
{
	char cell[WEIR_CELL_MAX];

	weir_cell_bytes(n, style, cell);
	(void)fputs(cell, out);
}

/* "node5  Linux 6.1.0  8 nodes, 1005G memory, 466G available, 512G in pools  2026-..." */
static void print_heading(const struct weir_report *report,
                          const struct weir_report_style *style, FILE *out)
{
	const struct weir_snapshot *snap = report->snap;
	time_t seconds = (time_t)(snap->at_ns / UINT64_C(1000000000));
	size_t nodes = weir_ranges_count(&snap->nodes.online);
	struct tm tm;
	char when[32];

	weir_cli_put(out, weir_strz(snap->hostname ? snap->hostname : "unknown host"));
	(void)fputs("  Linux ", out);
	weir_cli_put(out, weir_strz(snap->release ? snap->release : "?"));
	if (nodes)
		(void)fprintf(out, "  %zu %s", nodes, nodes == 1 ? "node" : "nodes");
	(void)fputs("  memory ", out);
	print_bytes(out, report->view.host_total, style);
	(void)fputs(", available ", out);
	print_bytes(out, report->view.host_available, style);
	(void)fputs(", in pools ", out);
	print_bytes(out, report->view.host_pool, style);
	if (snap->at_ns && gmtime_r(&seconds, &tm) &&
	    strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%SZ", &tm))
		(void)fprintf(out, "  %s", when);
	(void)fputc('\n', out);
}

static const char *no_pools_words(const struct weir_snapshot *snap)
{
	for (size_t i = 0; i < snap->gaps.nr; i++)
		if (strcmp(snap->gaps.v[i].path, "/sys/kernel/mm/hugepages") == 0)
			return snap->gaps.v[i].kind == WEIR_GAP_ABSENT
			               ? "No huge page pools: this kernel has no "
			                 "hugetlb, or sysfs "
			                 "is not mounted."
			               : "Huge page pools: not visible.";
	return "No huge page pools: this kernel offers no huge page size.";
}

#define LONG_ROWS 12U /* of tables that grow with what the host runs */

static int print_section(const char *title, enum weir_table table,
                         const struct weir_report *report,
                         const struct weir_report_style *style, FILE *out,
                         struct weir_err *err)
{
	struct weir_report_style short_style = *style;

	if (table == WEIR_TABLE_MOUNTS || table == WEIR_TABLE_CGROUPS)
		short_style.max_rows = LONG_ROWS;
	(void)fprintf(out, "\n%s\n", title);
	return weir_table_print(weir_table_def(table), report, &short_style, out, err);
}

/* Some row of the table would be shown. */
static bool has_rows(enum weir_table table, const struct weir_report *report,
                     const struct weir_report_style *style)
{
	const struct weir_table_def *def = weir_table_def(table);

	for (size_t row = 0; row < def->rows(report); row++)
		if (def->shown(report, style, row))
			return true;
	return false;
}

static void print_finding(const struct weir_finding *f,
                          const struct weir_report_style *style, FILE *out)
{
	static const char *const colors[] = { "", "\033[33m", "\033[31m" };
	static const char *const marks[] = { "note     ", "WARNING  ", "PROBLEM  " };
	const char *color = style->color ? colors[f->severity] : "";

	(void)fputs(color, out);
	(void)fputs(marks[f->severity], out);
	if (*color)
		(void)fputs("\033[0m", out);
	weir_cli_wrap(out, "", f->text, 9, style->width);
	if (f->remedy)
		weir_cli_wrap(out, "         -> ", f->remedy, 12, style->width);
	if (f->command) { /* unbroken: it is there to be copied */
		(void)fputs("            ", out);
		weir_cli_put(out, weir_strz(f->command));
		(void)fputc('\n', out);
	}
}

/* Something should be there and is not known; see print_gaps(). */
static bool has_gaps(const struct weir_report *report)
{
	for (size_t i = 0; i < report->snap->gaps.nr; i++)
		if (report->snap->gaps.v[i].kind != WEIR_GAP_ABSENT)
			return true;
	return false;
}

static void print_findings(const struct weir_report *report,
                           const struct weir_report_style *style, FILE *out)
{
	size_t nr = 0;

	for (size_t i = 0; i < report->findings.nr; i++) {
		if (!weir_finding_is_about(&report->findings.v[i], style))
			continue;
		(void)fputs(nr++ ? "" : "\nFindings\n", out);
		print_finding(&report->findings.v[i], style, out);
	}
	if (!nr && report->snap->pools.known)
		(void)fprintf(out, "\nNothing found wrong%s.\n",
		              has_gaps(report) ? " in what is known" : "");
}

/* What should be there and is not known. Absent files are left to --json: every kernel
 * lacks some, and the tables say "?" where it matters. */
static void print_gaps(const struct weir_report *report,
                       const struct weir_report_style *style, FILE *out)
{
	const struct weir_gaps *gaps = &report->snap->gaps;
	size_t nr = 0;

	for (size_t i = 0; i < gaps->nr; i++) {
		weir_auto(weir_buf_done) struct weir_buf line = { 0 };
		const struct weir_gap *g = &gaps->v[i];

		if (g->kind == WEIR_GAP_ABSENT)
			continue;
		(void)fputs(nr++ ? "" : "\nNot known\n", out);
		if (weir_buf_printf(&line, "%s: %s%s%s", g->path, weir_gap_word(g->kind),
		                    g->why ? ": " : "", g->why ? g->why : "") == 0)
			weir_cli_wrap(out, "", line.p, 2, style->width);
	}
}

static int print_screen(const struct weir_report *report,
                        const struct weir_report_style *style, FILE *out,
                        struct weir_err *err)
{
	int r = 0;

	print_heading(report, style, out);
	if (report->snap->pools.nr && has_rows(WEIR_TABLE_POOLS, report, style))
		r = print_section("Huge pages", WEIR_TABLE_POOLS, report, style, out,
		                  err);
	else if (!report->snap->pools.nr)
		(void)fprintf(out, "\n%s\n", no_pools_words(report->snap));
	if (r == 0)
		weir_report_print_warm(report, style, out);
	if (r == 0 && has_rows(WEIR_TABLE_NODES, report, style))
		r = print_section("Memory", WEIR_TABLE_NODES, report, style, out, err);
	if (r == 0 && has_rows(WEIR_TABLE_BOOT, report, style))
		r = print_section("Asked for at boot", WEIR_TABLE_BOOT, report, style,
		                  out, err);
	if (r == 0 && has_rows(WEIR_TABLE_MOUNTS, report, style))
		r = print_section("Mounts", WEIR_TABLE_MOUNTS, report, style, out, err);
	if (r == 0 && has_rows(WEIR_TABLE_CGROUPS, report, style))
		r = print_section("Cgroups", WEIR_TABLE_CGROUPS, report, style, out, err);
	if (r < 0)
		return r;
	print_findings(report, style, out);
	print_gaps(report, style, out);
	return 0;
}

int weir_report_print(const struct weir_report *report,
                      const struct weir_report_style *style, FILE *out,
                      struct weir_err *err)
{
	if (style->table == WEIR_TABLE_NONE)
		return print_screen(report, style, out, err);
	return weir_table_print(weir_table_def(style->table), report, style, out, err);
}
