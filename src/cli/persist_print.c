/* persist_print: `weir persist` for people and for programs. */
#include "cli/persist.h"

#include "base/json.h"
#include "base/own.h"
#include "cli/cli.h"

#include <errno.h>

static void put(FILE *out, const char *z)
{
	weir_cli_put(out, weir_strz(z));
}

/* Text of several lines, each made fit to be shown. */
static void put_lines(struct weir_str text, FILE *out)
{
	struct weir_str line, piece;

	while (weir_str_line(&text, &line)) {
		for (bool first = true; weir_str_cut(&line, '\t', &piece);
		     first = false) {
			(void)fputs(first ? "" : "\t", out);
			weir_cli_put(out, piece);
		}
		(void)fputc('\n', out);
	}
}

static void print_list(const char *heading, struct weir_str lines, unsigned int width,
                       FILE *out)
{
	struct weir_str line;
	char text[1024];

	if (lines.n)
		(void)fprintf(out, "\n%s\n", heading);
	while (weir_str_line(&lines, &line)) {
		(void)snprintf(text, sizeof(text), "%.*s",
		               (int)(line.n < 1000 ? line.n : 1000), line.p);
		weir_cli_wrap(out, "  ", text, 2, width);
	}
}

int weir_persist_print_changes(const struct weir_persist_report *report, FILE *out)
{
	const struct weir_persist *p = report->persist;
	weir_auto(weir_buf_done) struct weir_buf diff = { 0 };
	int r = 0;

	if (!p->changes.nr)
		(void)fputs("Nothing to change: the files say what is declared.\n", out);
	for (size_t i = 0; r == 0 && i < p->changes.nr; i++) {
		const struct weir_file_change *c = &p->changes.v[i];

		(void)fprintf(out, "%s%s: ", i ? "\n" : "", weir_file_change_word(c));
		put(out, c->path);
		(void)fputc('\n', out);
		diff.n = 0;
		r = weir_file_change_diff(c, &diff);
		put_lines(weir_buf_str(&diff), out);
	}
	print_list("Others that set the same:", weir_buf_str(&p->conflicts),
	           report->width, out);
	print_list("To be known:", weir_buf_str(&p->notes), report->width, out);
	return r;
}

/* As one would type it. */
static int add_command(const struct weir_persist_step *step, struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < WEIR_STEP_WORDS && step->argv[i]; i++) {
		const char *word = step->argv[i], *value = strchr(word, '=');

		r = weir_buf_addz(out, i ? " " : "");
		if (r == 0 && value && strchr(word, ' '))
			r = weir_buf_printf(out, "%.*s\"%s\"", (int)(value + 1 - word),
			                    word, value + 1);
		else if (r == 0)
			r = weir_buf_addz(out, word);
	}
	return r;
}

void weir_persist_print_steps(const struct weir_persist_report *report, FILE *out)
{
	const struct weir_persist *p = report->persist;
	weir_auto(weir_buf_done) struct weir_buf command = { 0 };

	if (p->nr_steps)
		(void)fputs(report->ran ? "\nRun:\n"
		                        : "\nTo be run then (--run does it):\n",
		            out);
	for (size_t i = 0; i < p->nr_steps; i++) {
		command.n = 0;
		if (add_command(&p->steps[i], &command) < 0)
			return;
		(void)fputs("  ", out);
		weir_cli_put(out, weir_buf_str(&command));
		(void)fprintf(out, "\n    %s", p->steps[i].why);
		if (report->ran && report->status[i])
			(void)fputs(": FAILED", out);
		(void)fputc('\n', out);
	}
}

/* ---- JSON ----------------------------------------------------------------------------
 */

static void json_lines(struct weir_json *j, const char *key, struct weir_str lines)
{
	struct weir_str line;

	weir_json_open(j, key, '[');
	while (weir_str_line(&lines, &line))
		weir_json_str(j, NULL, line);
	weir_json_close(j);
}

static int json_change(struct weir_json *j, const struct weir_file_change *c)
{
	weir_auto(weir_buf_done) struct weir_buf diff = { 0 };
	int r = weir_file_change_diff(c, &diff);

	weir_json_open(j, NULL, '{');
	weir_json_strz(j, "path", c->path);
	weir_json_strz(j, "kind", c->kind == WEIR_FILE_LINK ? "link" : "file");
	weir_json_strz(j, "change", weir_file_change_word(c));
	weir_json_str(j, "diff", weir_buf_str(&diff));
	weir_json_close(j);
	return r;
}

static int json_step(struct weir_json *j, const struct weir_persist_report *report,
                     size_t i)
{
	const struct weir_persist_step *step = &report->persist->steps[i];
	weir_auto(weir_buf_done) struct weir_buf command = { 0 };
	int r = add_command(step, &command);

	weir_json_open(j, NULL, '{');
	weir_json_str(j, "command", weir_buf_str(&command));
	weir_json_strz(j, "why", step->why);
	weir_json_bool(j, "ran", report->ran);
	if (report->ran && report->status[i] >= 0)
		weir_json_u64(j, "status", (uint64_t)report->status[i]);
	else
		weir_json_null(j, "status");
	weir_json_close(j);
	return r;
}

int weir_persist_print_json(const struct weir_persist_report *report, FILE *out)
{
	const struct weir_persist *p = report->persist;
	struct weir_json j = { 0 };
	int r = 0;

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", 1);
	weir_json_strz(&j, "weir", WEIR_VERSION);
	weir_json_bool(&j, "dry_run", report->dry_run);
	weir_json_bool(&j, "written", report->written);
	weir_json_open(&j, "files", '[');
	for (size_t i = 0; r == 0 && i < p->changes.nr; i++)
		r = json_change(&j, &p->changes.v[i]);
	weir_json_close(&j);
	weir_json_open(&j, "steps", '[');
	for (size_t i = 0; r == 0 && i < p->nr_steps; i++)
		r = json_step(&j, report, i);
	weir_json_close(&j);
	json_lines(&j, "conflicts", weir_buf_str(&p->conflicts));
	json_lines(&j, "notes", weir_buf_str(&p->notes));
	weir_json_close(&j);
	r = r ? r : j.failed;
	if (r == 0)
		(void)fwrite(j.out.p, 1, j.out.n, out);
	weir_json_done(&j);
	return r;
}
