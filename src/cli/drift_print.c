/* drift_print: `weir drift` for people, for programs, and for Nagios. */
#include "cli/drift.h"

#include "base/json.h"
#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"

#include <inttypes.h>

bool weir_drift_has_unknown(const struct weir_drifts *drifts)
{
	for (size_t i = 0; i < drifts->nr; i++)
		if (strcmp(drifts->v[i].id, "unknown") == 0)
			return true;
	return false;
}

/* ---- text ----------------------------------------------------------------------------
 */

static void put(FILE *out, const char *z)
{
	weir_cli_put(out, weir_strz(z));
}

static void print_row(const struct weir_drift *d, unsigned int width, FILE *out)
{
	(void)fputs("  ", out);
	put(out, d->subject ? d->subject : "?");
	if (d->declared && d->actual) {
		(void)fputs(": ", out);
		put(out, d->declared);
		(void)fputs(" declared, ", out);
		put(out, d->actual);
		(void)fputs(" found", out);
	}
	if (d->where && d->foreign == SIZE_MAX) {
		(void)fputs(" (", out);
		put(out, d->where);
		(void)fputs(")", out);
	}
	(void)fputc('\n', out);
	if (d->text)
		weir_cli_wrap(out, "    ", d->text, 4, width);
	if (d->help)
		weir_cli_wrap(out, "    helps: ", d->help, 11, width);
}

static void print_notes(struct weir_str notes, unsigned int width, FILE *out)
{
	struct weir_str line;
	char text[512];

	while (weir_str_line(&notes, &line)) {
		(void)snprintf(text, sizeof(text), "%.*s",
		               (int)(line.n < 500 ? line.n : 500), line.p);
		weir_cli_wrap(out, "  ", text, 2, width);
	}
}

static void print_totals(const struct weir_declaration *decl, FILE *out)
{
	char size[WEIR_SIZE_TEXT_MAX];

	(void)fputs("Declared:", out);
	for (size_t i = 0; i < decl->nr_pools; i++) {
		struct weir_count pages = weir_declared_pages(&decl->pools[i]);

		if (pages.known)
			(void)fprintf(out, "%s %" PRIu64 " page%s of %s", i ? "," : "",
			              pages.n, pages.n == 1 ? "" : "s",
			              weir_format_size(decl->pools[i].page_bytes, size,
			                               sizeof(size))
			                      .p);
	}
	(void)fprintf(out, "%s %zu mount%s, in", decl->nr_pools ? "," : "",
	              decl->nr_mounts, decl->nr_mounts == 1 ? "" : "s");
	for (size_t i = 0; i < decl->nr_files; i++) {
		(void)fputs(i ? ", " : " ", out);
		put(out, decl->files[i]);
	}
	(void)fputc('\n', out);
}

void weir_drift_print_text(const struct weir_drift_report *report, FILE *out)
{
	static const char *const headings[] = {
		[WEIR_DRIFT_NOW] = "Differs now:",
		[WEIR_DRIFT_LATER] =
			"Will differ after a boot, or when another writer runs:",
		[WEIR_DRIFT_NOTE] = "To be known:",
	};
	const struct weir_drifts *drifts = report->drifts;

	print_totals(report->decl, out);
	for (size_t i = 0; i < drifts->nr; i++) {
		const struct weir_drift *d = &drifts->v[i];

		if (!i || d->when != drifts->v[i - 1].when)
			(void)fprintf(out, "\n%s\n", headings[d->when]);
		print_row(d, report->width, out);
	}
	if (report->notes.n) {
		(void)fputs("\nNot looked at:\n", out);
		print_notes(report->notes, report->width, out);
	}
	if (!drifts->nr_when[WEIR_DRIFT_NOW] && !drifts->nr_when[WEIR_DRIFT_LATER])
		(void)fputs(weir_drift_has_unknown(drifts)
		                    ? "\nNo difference in what can be seen.\n"
		                    : "\nNo difference.\n",
		            out);
}

/* ---- JSON ----------------------------------------------------------------------------
 */

static void json_count(struct weir_json *j, const char *key, struct weir_count n)
{
	if (n.known)
		weir_json_u64(j, key, n.n);
	else
		weir_json_null(j, key);
}

static void json_row(struct weir_json *j, const struct weir_drift *d)
{
	weir_json_open(j, NULL, '{');
	weir_json_strz(j, "id", d->id);
	weir_json_strz(j, "when", weir_drift_when_word(d->when));
	weir_json_strz(j, "subject", d->subject);
	json_count(j, "size_bytes", d->page_bytes);
	json_count(j, "node", d->node);
	weir_json_strz(j, "declared", d->declared);
	weir_json_strz(j, "actual", d->actual);
	weir_json_strz(j, "text", d->text);
	weir_json_strz(j, "help", d->help);
	weir_json_strz(j, "where", d->where);
	weir_json_close(j);
}

static void json_foreign(struct weir_json *j, const struct weir_foreign *f,
                         const struct weir_drift_report *report)
{
	static const char *const verdicts[] = {
		[WEIR_FOREIGN_APART] = "apart",
		[WEIR_FOREIGN_AGREES] = "agrees",
		[WEIR_FOREIGN_UNSURE] = "unsure",
		[WEIR_FOREIGN_CONTRARY] = "contrary",
	};
	struct weir_count size = weir_drift_default_size(report->snap);

	weir_json_open(j, NULL, '{');
	weir_json_strz(j, "source", weir_foreign_word(f->source));
	weir_json_strz(j, "file", f->file);
	weir_json_u64(j, "line", f->line);
	weir_json_strz(j, "text", f->text);
	weir_json_strz(j, "sets", weir_foreign_what_word(f->what));
	json_count(j, "size_bytes", f->default_size ? size : f->page_bytes);
	json_count(j, "node", f->node);
	json_count(j, "value", f->value);
	weir_json_strz(j, "verdict", verdicts[weir_foreign_judge(report->decl, f, size)]);
	weir_json_close(j);
}

int weir_drift_print_json(const struct weir_drift_report *report, FILE *out)
{
	const struct weir_drifts *drifts = report->drifts;
	struct weir_str notes = report->notes, line;
	struct weir_json j = { 0 };
	int r;

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", 1);
	weir_json_strz(&j, "weir", WEIR_VERSION);
	weir_json_bool(&j, "drift",
	               drifts->nr_when[WEIR_DRIFT_NOW] ||
	                       drifts->nr_when[WEIR_DRIFT_LATER]);
	weir_json_bool(&j, "complete", !weir_drift_has_unknown(drifts) && !notes.n);
	weir_json_open(&j, "files", '[');
	for (size_t i = 0; i < report->decl->nr_files; i++)
		weir_json_strz(&j, NULL, report->decl->files[i]);
	weir_json_close(&j);
	weir_json_open(&j, "differences", '[');
	for (size_t i = 0; i < drifts->nr; i++)
		json_row(&j, &drifts->v[i]);
	weir_json_close(&j);
	weir_json_open(&j, "foreign", '[');
	for (size_t i = 0; i < report->foreigns->nr; i++)
		json_foreign(&j, &report->foreigns->v[i], report);
	weir_json_close(&j);
	weir_json_open(&j, "unread", '[');
	while (weir_str_line(&notes, &line))
		weir_json_str(&j, NULL, line);
	weir_json_close(&j);
	weir_json_close(&j);
	r = j.failed;
	if (r == 0)
		(void)fwrite(j.out.p, 1, j.out.n, out);
	weir_json_done(&j);
	return r;
}

/* ---- Nagios --------------------------------------------------------------------------
 */

/* 'label'=value;warn;crit;min;max: a range "n:n" is left when the value is not n. */
static void perfdata(const struct weir_drift_report *report, FILE *out)
{
	char size[WEIR_SIZE_TEXT_MAX];

	(void)fprintf(out, "|differences=%zu;;0;0 later=%zu;0;;0",
	              report->drifts->nr_when[WEIR_DRIFT_NOW],
	              report->drifts->nr_when[WEIR_DRIFT_LATER]);
	for (size_t i = 0; i < report->decl->nr_pools; i++) {
		const struct weir_declared_pool *pool = &report->decl->pools[i];
		const struct weir_huge_size *there = weir_pools_size(&report->snap->pools,
		                                                     pool->page_bytes);
		struct weir_count want = weir_declared_pages(pool), got = { 0 };

		if (there)
			got = weir_pool_persistent(&there->all);
		if (want.known && got.known)
			(void)fprintf(
				out, " pages_%s=%" PRIu64 ";;%" PRIu64 ":%" PRIu64 ";0",
				weir_format_size(pool->page_bytes, size, sizeof(size)).p,
				got.n, want.n, want.n);
	}
	(void)fputc('\n', out);
}

/* A bar would begin the figures. */
static void put_plain(FILE *out, const char *z)
{
	struct weir_str rest = weir_strz(z), part;

	for (bool first = true; weir_str_cut(&rest, '|', &part); first = false) {
		(void)fputs(first ? "" : "/", out);
		weir_cli_put(out, part);
	}
}

static void nagios_row(const struct weir_drift *d, FILE *out)
{
	put_plain(out, d->subject ? d->subject : "?");
	if (d->foreign != SIZE_MAX) {
		(void)fputs(" set by ", out);
		put_plain(out, d->where ? d->where : "?");
	} else if (d->declared && d->actual) {
		(void)fputs(": ", out);
		put_plain(out, d->actual);
		(void)fputs(" for ", out);
		put_plain(out, d->declared);
	} else {
		(void)fputc(' ', out);
		put_plain(out, d->id);
	}
}

int weir_drift_print_nagios(const struct weir_drift_report *report, FILE *out)
{
	static const char *const words[] = { "OK", "WARNING", "CRITICAL", "UNKNOWN" };
	const struct weir_drifts *drifts = report->drifts;
	int status = drifts->nr_when[WEIR_DRIFT_NOW]     ? 2
	             : drifts->nr_when[WEIR_DRIFT_LATER] ? 1
	             : weir_drift_has_unknown(drifts)    ? 3
	                                                 : 0;
	size_t shown = 0;

	(void)fprintf(out, "WEIR %s - ", words[status]);
	if (!status)
		(void)fputs("as declared", out);
	for (size_t i = 0; status && i < drifts->nr; i++) {
		if (status != 3 && drifts->v[i].when == WEIR_DRIFT_NOTE)
			break;
		(void)fputs(shown++ ? ", " : "", out);
		nagios_row(&drifts->v[i], out);
	}
	(void)fputc(' ', out);
	perfdata(report, out);
	return status;
}
