/* log: `weir log`: what weir has changed on this host. */
#include "cli/change.h"

#include "base/own.h"
#include "base/size.h"
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <time.h>

#define NAME   "log"
#define SCHEMA 1

enum { OPT_STATE = 256 };

static const struct option long_options[] = {
	{ "state", required_argument, NULL, OPT_STATE },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir log [OPTION]...\n\n"
		"Lists the changes that weir made to the pools, the last one last: who, "
		"when,\n"
		"what was asked for, what the pools were before and after, how it "
		"ended.\n\n"
		"      --state DIR      the journal (default /var/lib/weir)\n"
		"  -J, --json           as JSON, see weir-json(5)\n"
		"  -h, --help           this help\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static const char *when(uint64_t at_ns, char *out, size_t cap)
{
	time_t at = (time_t)(at_ns / UINT64_C(1000000000));
	struct tm tm;

	if (!localtime_r(&at, &tm) || !strftime(out, cap, "%Y-%m-%d %H:%M:%S", &tm))
		(void)snprintf(out, cap, "?");
	return out;
}

/* "2M 10 -> 40" of each size that changed. */
static void put_pools(const struct weir_entry *e)
{
	char size[WEIR_SIZE_TEXT_MAX];

	for (size_t i = 0; e->has_after && i < e->before.nr; i++) {
		const struct weir_tally *was = &e->before.v[i];
		const struct weir_tally *is = weir_tally_of(&e->after, was->page_bytes);

		if (!is)
			continue;
		(void)weir_format_size(was->page_bytes, size, sizeof(size));
		if (is->total != was->total)
			(void)printf("     %s: %" PRIu64 " -> %" PRIu64 " pages\n", size,
			             was->total, is->total);
		if (is->surplus != was->surplus)
			(void)printf("     %s: surplus %" PRIu64 " -> %" PRIu64 "\n",
			             size, was->surplus, is->surplus);
		if (is->overcommit != was->overcommit)
			(void)printf("     %s: overcommit %" PRIu64 " -> %" PRIu64 "\n",
			             size, was->overcommit, is->overcommit);
	}
}

static void put_text(const struct weir_entries *entries, bool all_read)
{
	char text[32];

	if (!entries->nr && all_read)
		(void)puts("weir has changed nothing on this host");
	for (size_t i = 0; i < entries->nr; i++) {
		const struct weir_entry *e = &entries->v[i];

		(void)printf("%3" PRIu64 "  %s  ", e->id,
		             when(e->at_ns, text, sizeof(text)));
		weir_cli_put(stdout, weir_strz(e->user ? e->user : "?"));
		(void)printf("  %s\n     ", e->end == WEIR_ENTRY_OPEN
		                                    ? "cut off, or at work"
		                                    : weir_entry_end_word(e->end));
		weir_cli_put(stdout, weir_strz(e->command ? e->command : "?"));
		(void)fputc('\n', stdout);
		put_pools(e);
		if (e->why) {
			(void)fputs("     ", stdout);
			weir_cli_put(stdout, weir_strz(e->why));
			(void)fputc('\n', stdout);
		}
	}
}

static int put_json(const struct weir_entries *entries)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", SCHEMA);
	weir_json_open(&j, "changes", '[');
	for (size_t i = 0; i < entries->nr; i++) {
		const struct weir_entry *e = &entries->v[i];

		weir_json_open(&j, NULL, '{');
		weir_json_u64(&j, "change", e->id);
		weir_json_u64(&j, "at_ns", e->at_ns);
		weir_json_u64(&j, "uid", e->uid);
		weir_json_u64(&j, "pid", e->pid);
		weir_json_strz(&j, "user", e->user);
		weir_json_strz(&j, "command", e->command);
		weir_json_strz(&j, "boot_id", e->boot_id);
		weir_json_strz(&j, "end", weir_entry_end_word(e->end));
		if (e->ended_ns)
			weir_json_u64(&j, "ended_ns", e->ended_ns);
		else
			weir_json_null(&j, "ended_ns");
		weir_json_strz(&j, "why", e->why);
		if (e->undoes)
			weir_json_u64(&j, "undoes", e->undoes);
		else
			weir_json_null(&j, "undoes");
		weir_change_json_ops(&j, e->ops, e->nr_ops);
		weir_change_json_tallies(&j, "before", &e->before);
		weir_change_json_tallies(&j, "after", &e->after);
		weir_json_close(&j);
	}
	weir_json_close(&j);
	weir_json_close(&j);
	if (j.failed)
		return j.failed;
	(void)fwrite(j.out.p, 1, j.out.n, stdout);
	return 0;
}

int weir_log_main(int argc, char **argv)
{
	weir_auto(weir_entries_done) struct weir_entries entries = { 0 };
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	const char *dir = WEIR_STATE_DIR;
	struct weir_err err = { 0 };
	char name[] = "weir " NAME;
	bool json = false;
	int c, r;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "Jh", long_options, NULL)) != -1) {
		switch (c) {
		case 'h': return help();
		case 'J': json = true; break;
		case OPT_STATE: dir = optarg; break;
		default: return weir_cli_usage(NAME);
		}
	}
	if (argc > optind) {
		(void)weir_cli_fail(NAME, 0, "'%s' is too much", argv[optind]);
		return weir_cli_usage(NAME);
	}
	r = weir_journal_read(dir, &entries, &notes, &err);
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	weir_change_tell(NAME, &notes);
	r = json ? put_json(&entries) : 0;
	if (!json)
		put_text(&entries, !notes.n);
	return weir_cli_flush(NAME, r < 0 ? WEIR_EXIT_FAILED : WEIR_EXIT_DONE);
}
