/* undo: `weir undo [CHANGE]`: takes back a change that was cut off, or the last one that
 * was done. `weir log` is in log.c. */
#include "cli/change.h"

#include "base/own.h"
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>

#define NAME "undo"

enum { OPT_FOREIGN = 256 };

static const struct option long_options[] = {
	{ "foreign", no_argument, NULL, OPT_FOREIGN },
	WEIR_CHANGE_LONG_OPTIONS,
};

struct options {
	bool foreign;
	struct weir_change_options change;
};

static int help(void)
{
	(void)fputs(
		"Usage: weir undo [OPTION]... [CHANGE]\n\n"
		"Takes back a change of the pools: one that was cut off in the middle, "
		"else "
		"the\n"
		"last that was made, or CHANGE, a number of weir log. Brings back what "
		"the "
		"pools\n"
		"that it changed were before it.\n\n"
		"      --foreign        although the pools were changed by others "
		"since\n" WEIR_CHANGE_HELP_GROWING WEIR_CHANGE_HELP_REST
		"Exit status: 0 done, 3 there is nothing to undo, 4 done in part, 5 "
		"refused.\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static int take_option(int c, struct options *opts)
{
	if (c != OPT_FOREIGN)
		return weir_change_take_option(c, optarg, &opts->change);
	opts->foreign = true;
	return 0;
}

static bool is_taken_back(const struct weir_entries *entries, const struct weir_entry *e)
{
	for (size_t i = 0; i < entries->nr; i++)
		if (entries->v[i].undoes == e->id && entries->v[i].end == WEIR_ENTRY_DONE)
			return true;
	return e->end == WEIR_ENTRY_UNDONE;
}

/* Pages that were moved stay where they are; the pools are as they were. */
static bool is_move(const struct weir_entry *e)
{
	for (size_t i = 0; i < e->nr_ops; i++)
		if (e->ops[i].kind != WEIR_OP_MOVE)
			return false;
	return e->nr_ops > 0;
}

/* The last that changed something and was not taken back, or the one that was named. */
static const struct weir_entry *find(const struct weir_entries *entries, uint64_t id)
{
	for (size_t i = entries->nr; i--;) {
		const struct weir_entry *e = &entries->v[i];

		if (id ? e->id == id
		       : !is_taken_back(entries, e) && !is_move(e) && !e->undoes &&
		                    (e->end == WEIR_ENTRY_DONE ||
		                     e->end == WEIR_ENTRY_KEPT))
			return e;
	}
	return NULL;
}

static int check_foreign(const struct weir_plan *plan, const struct weir_entry *entry,
                         const struct options *opts)
{
	if (opts->foreign || !entry->has_after ||
	    !weir_tallies_were_written(&entry->after, &plan->before))
		return 0;
	if (!opts->change.style.json)
		weir_change_print(plan, opts->change.style.width, stdout);
	(void)fflush(stdout);
	return weir_cli_fail(
		NAME, WEIR_EXIT_REFUSED,
		"the pools are not what change %" PRIu64
		" left: somebody changed them since. --foreign takes it back "
		"all the same",
		entry->id);
}

static int undo(const struct weir_host *host, const struct weir_entry *entry,
                struct options *opts)
{
	weir_auto(weir_plan_done) struct weir_plan plan = { 0 };
	struct weir_err err = { 0 };
	int status;

	if (weir_plan_back(host, &entry->before, entry->ops, entry->nr_ops, &plan, &err) <
	    0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	status = check_foreign(&plan, entry, opts);
	if (status)
		return status;
	if (!opts->change.style.json)
		(void)printf("takes back change %" PRIu64 ": %s\n", entry->id,
		             entry->command ? entry->command : "?");
	opts->change.apply.undoes = entry->id;
	return weir_change_run(host, &plan, &opts->change.apply, &opts->change.style);
}

static int run(const struct weir_host *host, struct options *opts, uint64_t id)
{
	const char *dir = opts->change.apply.state_dir ? opts->change.apply.state_dir
	                                               : WEIR_STATE_DIR;
	weir_auto(weir_entries_done) struct weir_entries entries = { 0 };
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	weir_auto(weir_freep) char *boot_id = NULL;
	const struct weir_entry *entry;
	struct weir_err err = { 0 };

	if (weir_boot_id(host, &boot_id) < 0 ||
	    weir_journal_read(dir, &entries, &notes, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	weir_change_tell(NAME, &notes);
	entry = weir_entries_cut_off(&entries, boot_id);
	if (entry && (!id || id == entry->id))
		return weir_change_take_back(host, &opts->change.apply, entry,
		                             &opts->change.style);
	entry = find(&entries, id);
	if (!entry && id)
		return weir_cli_fail(NAME, WEIR_EXIT_NO,
		                     "there is no change %" PRIu64 ": see 'weir log'",
		                     id);
	if (!entry)
		return weir_cli_fail(NAME, WEIR_EXIT_NO, "there is nothing to undo");
	if (is_move(entry))
		return weir_cli_fail(NAME, WEIR_EXIT_NO,
		                     "change %" PRIu64
		                     " only moved free pages: the pools "
		                     "are as they were before it",
		                     entry->id);
	if (is_taken_back(&entries, entry))
		return weir_cli_fail(NAME, WEIR_EXIT_NO,
		                     "change %" PRIu64 " was taken back already",
		                     entry->id);
	if (boot_id && entry->boot_id && strcmp(boot_id, entry->boot_id) != 0)
		return weir_cli_fail(NAME, WEIR_EXIT_NO,
		                     "change %" PRIu64 " was made before the last boot: "
		                     "nothing of it is left",
		                     entry->id);
	return undo(host, entry, opts);
}

int weir_undo_main(int argc, char **argv)
{
	struct options opts = { .change = { .style = { .command = NAME,
		                                       .width = weir_cli_width() } } };
	weir_auto(weir_freep) char *command = weir_change_command(argc, argv);
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	struct weir_err err = { 0 };
	char name[] = "weir " NAME;
	uint64_t id = 0;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	opts.change.apply.command = command;
	while ((c = getopt_long(argc, argv, WEIR_CHANGE_SHORT_OPTIONS, long_options,
	                        NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	if (argc - optind > 1 ||
	    (argc - optind == 1 &&
	     (weir_parse_u64(weir_strz(argv[optind]), &id) < 0 || !id))) {
		(void)weir_cli_fail(NAME, 0, "'%s' is no number of a change",
		                    argv[argc - 1]);
		return weir_cli_usage(NAME);
	}
	if (weir_cli_open_host(NULL, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return run(host, &opts, id);
}
