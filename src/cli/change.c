/* change: see change.h. */
#include "cli/change.h"

#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"

#include <errno.h>
#include <inttypes.h>

/* Ctrl-C, and being told to end: the ladder looks at it between two writes. */
static volatile sig_atomic_t stop;

static void on_signal(int nr)
{
	(void)nr;
	stop = 1;
}

static void watch_signals(struct weir_apply_options *options)
{
	struct sigaction act = { .sa_handler = on_signal };

	stop = 0;
	(void)sigaction(SIGINT, &act, NULL);
	(void)sigaction(SIGTERM, &act, NULL);
	(void)sigaction(SIGHUP, &act, NULL);
	options->stop = &stop;
}

/* One line that is written over, on a terminal only. */
static void on_progress(void *ctx, const struct weir_progress *p)
{
	uint64_t span = p->to > p->from ? p->to - p->from : 0, left = 0;
	uint64_t done = p->now > p->from ? p->now - p->from : 0, rate = 0;

	(void)ctx;
	if (!span)
		span = 1;
	if (p->elapsed_ns >= 1000) /* of ns to of us: no count of pages overflows */
		rate = done * 1000000 / (p->elapsed_ns / 1000);
	if (rate)
		left = (span - (done < span ? done : span)) / rate;
	(void)fprintf(stderr,
	              "\r\033[K%s %zu of %zu: %" PRIu64 " of %" PRIu64 " pages (%" PRIu64
	              " %%), %" PRIu64 "/s, %" PRIu64 " s left",
	              p->doing, p->op_idx + 1, p->nr_ops, done, span, done * 100 / span,
	              rate, left);
	(void)fflush(stderr);
}

bool weir_change_ask(const struct weir_change_style *style, const char *question)
{
	char line[16];

	if (style->yes)
		return true;
	if (!isatty(STDIN_FILENO) || style->json) {
		(void)weir_cli_fail(style->command, 0,
		                    "nobody to ask: --yes does it, --dry-run shows it");
		return false;
	}
	(void)fprintf(stderr, "%s [y/N] ", question);
	(void)fflush(stderr);
	return fgets(line, sizeof(line), stdin) && (line[0] == 'y' || line[0] == 'Y');
}

void weir_change_tell(const char *command, const struct weir_buf *notes)
{
	struct weir_str rest = weir_buf_str(notes), line;

	while (weir_str_line(&rest, &line))
		(void)weir_cli_fail(command, 0, "%.*s", WEIR_STR_ARG(line));
}

char *weir_change_command(int argc, char **argv)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_buf_addz(&text, "weir");

	for (int i = 0; i < argc && r == 0; i++)
		r = weir_buf_printf(&text, " %s", argv[i]);
	return r < 0 ? NULL : strdup(text.p);
}

/* ---- carrying out ------------------------------------------------------------------ */

static const char *right_missing(int r)
{
	switch (r) {
	case -EACCES:
	case -EPERM:
		return ": that takes root (CAP_SYS_ADMIN is not enough for these files)";
	case -EROFS: return ": /sys is mounted read-only here, as in a container";
	case -ENOSPC: return ": nothing was written to the host";
	default: return "";
	}
}

static int status_of(const struct weir_applied *a)
{
	return a->end == WEIR_APPLY_DONE ? WEIR_EXIT_DONE : WEIR_EXIT_PARTLY;
}

static int carry_out(const struct weir_host *host, const struct weir_plan *plan,
                     struct weir_apply_options *options,
                     const struct weir_change_style *style)
{
	struct weir_applied applied = { 0 };
	struct weir_err err = { 0 };
	int r, status;

	watch_signals(options);
	if (!style->json && isatty(STDERR_FILENO))
		options->progress = on_progress;
	r = weir_apply(host, plan, options, &applied, &err);
	if (options->progress)
		(void)fputs("\r\033[K", stderr);
	if (r < 0) {
		weir_applied_done(&applied);
		return weir_cli_fail(style->command, WEIR_EXIT_FAILED, "%s%s", err.msg,
		                     right_missing(r));
	}
	status = status_of(&applied);
	if (style->json)
		r = weir_change_json(plan, &applied, stdout, &err);
	else
		weir_change_print_end(plan, &applied, style->width, stdout);
	weir_applied_done(&applied);
	if (r < 0)
		return weir_cli_fail(style->command, WEIR_EXIT_FAILED, "%s", err.msg);
	return weir_cli_flush(style->command, status);
}

static int show_only(const struct weir_plan *plan, const struct weir_change_style *style,
                     int status)
{
	struct weir_err err = { 0 };

	if (style->json && weir_change_json(plan, NULL, stdout, &err) < 0)
		return weir_cli_fail(style->command, WEIR_EXIT_FAILED, "%s", err.msg);
	return weir_cli_flush(style->command, status);
}

int weir_change_run(const struct weir_host *host, const struct weir_plan *plan,
                    struct weir_apply_options *options,
                    const struct weir_change_style *style)
{
	bool refused = weir_plan_is_refused(plan);

	if (!style->json)
		weir_change_print(plan, style->width, stdout);
	if (refused)
		return show_only(plan, style, WEIR_EXIT_REFUSED);
	if (style->dry_run && !style->json)
		weir_change_shell(plan, stdout);
	if (style->dry_run || !plan->nr_ops)
		return show_only(plan, style, WEIR_EXIT_DONE);
	if (!host)
		return weir_cli_fail(style->command, WEIR_EXIT_FAILED,
		                     "a captured host cannot be changed: --dry-run shows "
		                     "the plan");
	(void)fflush(stdout);
	if (!weir_change_ask(style, "Do it?"))
		return weir_cli_flush(style->command, WEIR_EXIT_FAILED);
	return carry_out(host, plan, options, style);
}

/* ---- a change that was cut off ----------------------------------------------------- */

/* How it ended. @alone: this was all that was asked for. */
static int tell_taken_back(const struct weir_plan *plan,
                           const struct weir_applied *applied,
                           const struct weir_change_style *style, bool alone)
{
	struct weir_err err = { 0 };
	bool done = applied->end == WEIR_APPLY_UNDONE;

	if (alone && style->json && weir_change_json(plan, applied, stdout, &err) < 0)
		return weir_cli_fail(style->command, WEIR_EXIT_FAILED, "%s", err.msg);
	if (!done)
		(void)weir_cli_fail(
			style->command, 0,
			"change %" PRIu64 " was cut off, and could not be taken "
			"back: %s",
			applied->journal_id, applied->reason ? applied->reason : "?");
	else
		(void)fprintf(style->json ? stderr : stdout,
		              "change %" PRIu64
		              " was cut off in the middle: it was taken back%s\n",
		              applied->journal_id,
		              applied->exact ? ", all is as it was before it" : "");
	return done ? 0 : WEIR_EXIT_PARTLY;
}

static int take_back(const struct weir_host *host,
                     const struct weir_apply_options *options,
                     const struct weir_entry *entry,
                     const struct weir_change_style *style, bool alone)
{
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	struct weir_applied applied = { 0 };
	struct weir_err err = { 0 };
	int r = weir_plan_back(host, &entry->before, entry->ops, entry->nr_ops, &plan,
	                       &err);

	if (r < 0)
		return weir_cli_fail(style->command, WEIR_EXIT_FAILED,
		                     "take back change %" PRIu64 ", which was cut off: "
		                     "%s",
		                     entry->id, err.msg);
	if (!style->json) {
		(void)printf("takes back change %" PRIu64
		             ", which was cut off in the middle: %s\n",
		             entry->id, entry->command ? entry->command : "?");
		weir_change_print(&plan, style->width, stdout);
	}
	if (style->dry_run && !style->json)
		weir_change_shell(&plan, stdout);
	if (style->dry_run)
		return show_only(&plan, style, WEIR_EXIT_DONE);
	(void)fflush(stdout);
	if (plan.nr_ops && !weir_change_ask(style, "Do it?"))
		return weir_cli_flush(style->command, WEIR_EXIT_FAILED);
	r = weir_undo_cut_off(host, options, entry, &applied, &err);
	if (r < 0)
		r = weir_cli_fail(style->command, WEIR_EXIT_FAILED, "%s%s", err.msg,
		                  right_missing(r));
	else
		r = tell_taken_back(&plan, &applied, style, alone);
	weir_applied_done(&applied);
	return r ? r : weir_cli_flush(style->command, WEIR_EXIT_DONE);
}

int weir_change_take_back(const struct weir_host *host,
                          const struct weir_apply_options *options,
                          const struct weir_entry *entry,
                          const struct weir_change_style *style)
{
	return take_back(host, options, entry, style, true);
}

int weir_change_recover(const struct weir_host *host,
                        const struct weir_apply_options *options,
                        const struct weir_change_style *style)
{
	const char *dir = options->state_dir ? options->state_dir : WEIR_STATE_DIR;
	weir_auto(weir_entries_done) struct weir_entries entries = { 0 };
	weir_auto(weir_freep) char *boot_id = NULL;
	const struct weir_entry *open = NULL;
	struct weir_err err = { 0 };
	int r = weir_boot_id(host, &boot_id);

	if (r == 0)
		r = weir_journal_read(dir, &entries, NULL, &err);
	if (r < 0)
		return weir_cli_fail(style->command, WEIR_EXIT_FAILED, "%s%s", err.msg,
		                     right_missing(r));
	open = weir_entries_cut_off(&entries, boot_id);
	return open ? take_back(host, options, open, style, false) : 0;
}
