/* persist: `weir persist`: writes down what the host is to have, and what it takes to
 * have it after each boot. Shows it first, and writes when told so. */
#include "cli/persist.h"

#include "apply/journal.h"
#include "apply/lock.h"
#include "base/own.h"
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAME "persist"

extern char **environ;

struct options {
	const char *host, *root;
	bool from_now, dry_run, yes, run, json;
};

enum { OPT_HOST = 256, OPT_ROOT, OPT_FROM_NOW, OPT_DRY_RUN, OPT_RUN };

static const struct option long_options[] = {
	{ "from-now", no_argument, NULL, OPT_FROM_NOW },
	{ "dry-run", no_argument, NULL, OPT_DRY_RUN },
	{ "yes", no_argument, NULL, 'y' },
	{ "run", no_argument, NULL, OPT_RUN },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "host", required_argument, NULL, OPT_HOST },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir persist [OPTION]... [WISH]...\n\n"
		"Writes down what this host is to have for good (weir-pools(5)), and "
		"what it takes\n"
		"to have it after each boot: the kernel command line, a service, mount "
		"units. A\n"
		"WISH such as 2M/node1=3072, 1G=0:8,1:8 or overcommit.2M=64 is declared; "
		"+N and\n"
		"-N count from what there is now. Without one, and with nothing declared "
		"yet, what\n"
		"there is now is. Shows each file as a diff and asks before it "
		"writes.\n\n"
		"      --from-now   declare the pools and mounts as they are now\n"
		"      --dry-run    show what would be written, and write nothing\n"
		"  -y, --yes        do not ask\n"
		"      --run        run what makes it take effect, such as update-grub\n"
		"      --root DIR   files of the system that lies below DIR\n"
		"      --host PATH  pools and mounts of a captured host or a scenario; "
		"wants --root\n"
		"  -J, --json       as JSON, see weir-json(5); wants --dry-run or --yes\n"
		"  -h, --help       this help\n\n"
		"Exit status: 0 written, or nothing to change; 3 not wanted after all; 4 "
		"written,\n"
		"and a command of --run failed.\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* ---- consent --------------------------------------------------------------------------
 */

/* 0 to go on, or the exit status. */
static int ask(const struct options *opts)
{
	char answer[8];
	char c = 'n';

	if (opts->yes)
		return 0;
	if (!isatty(STDIN_FILENO))
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED,
		                     "nothing was written: there is no terminal to ask "
		                     "on, and no --yes");
	(void)fputs("\nWrite this? [y/N] ", stdout);
	(void)fflush(stdout);
	if (fgets(answer, sizeof(answer), stdin))
		c = *answer;
	if (c == 'y' || c == 'Y')
		return 0;
	(void)fputs("Nothing was written.\n", stdout);
	return WEIR_EXIT_NO;
}

/* ---- commands
 * -------------------------------------------------------------------------- */

/* As a shell finds it, and where root's programs are, which PATH may lack. */
static int start(const struct weir_persist_step *step,
                 const posix_spawn_file_actions_t *actions, pid_t *pid)
{
	static const char *const dirs[] = { "/usr/sbin", "/sbin" };
	int r = posix_spawnp(pid, step->argv[0], actions, NULL, step->argv, environ);

	for (size_t i = 0; r == ENOENT && i < WEIR_NELEM(dirs); i++) {
		char path[64];

		(void)snprintf(path, sizeof(path), "%s/%s", dirs[i], step->argv[0]);
		r = posix_spawn(pid, path, actions, NULL, step->argv, environ);
	}
	return r;
}

/* What it says goes to standard error: standard output has our result. */
static int run_step(const struct weir_persist_step *step)
{
	posix_spawn_file_actions_t actions;
	int status = 0, r;
	pid_t pid;

	(void)fflush(stdout);
	if (posix_spawn_file_actions_init(&actions) != 0)
		return -1;
	r = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
	if (r == 0)
		r = start(step, &actions, &pid);
	(void)posix_spawn_file_actions_destroy(&actions);
	if (r != 0) {
		(void)weir_cli_fail(NAME, 0, "run %s: %s", step->argv[0], strerror(r));
		return -1;
	}
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int run_steps(const struct weir_persist *persist,
                     struct weir_persist_report *report)
{
	int status = WEIR_EXIT_DONE;

	for (size_t i = 0; i < persist->nr_steps && i < WEIR_PERSIST_STEPS_MAX; i++) {
		report->status[i] = run_step(&persist->steps[i]);
		if (report->status[i])
			status = WEIR_EXIT_PARTLY;
	}
	report->ran = true;
	return status;
}

/* Does grubby's work show? It ends with 0 where it did not understand, too. */
static int check_steps(const struct weir_root *root, const struct weir_snapshot *snap)
{
	weir_auto(weir_persist_done) struct weir_persist again = { 0 };
	const struct weir_persist_options options = { 0 };
	struct weir_err err = { 0 };

	if (weir_persist_make(root, snap, &options, &again, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_PARTLY, "%s", err.msg);
	for (size_t i = 0; again.grubby_seen && i < again.nr_steps; i++)
		if (strcmp(again.steps[i].argv[0], "grubby") == 0)
			return weir_cli_fail(
				NAME, WEIR_EXIT_PARTLY,
				"grubby was run, and the entries below " WEIR_BOOT_ENTRIES
				" do not have it: see "
				"'weir persist --dry-run'");
	return WEIR_EXIT_DONE;
}

/* ---- the command
 * ----------------------------------------------------------------------- */

static int finish(struct weir_persist_report *report, const struct options *opts,
                  int status)
{
	if (opts->json && weir_persist_print_json(report, stdout) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
	if (!opts->json)
		weir_persist_print_steps(report, stdout);
	return weir_cli_flush(NAME, status);
}

/* Other programs that change what weir does are kept apart by one lock; a system that
 * does not run has none of it, and its root directory stands in. */
static int take_lock(const struct weir_root *root, const struct options *opts,
                     struct weir_err *err)
{
	return opts->root ? weir_root_lock(root, err)
	                  : weir_lock_take(WEIR_STATE_DIR, err);
}

static int carry_out(const struct weir_root *root, const struct weir_snapshot *snap,
                     const struct weir_persist *persist, const struct options *opts)
{
	weir_auto(weir_closep) int lock = -1;
	struct weir_persist_report report = { .persist = persist,
		                              .dry_run = opts->dry_run,
		                              .width = weir_cli_width() };
	struct weir_err err = { 0 };
	int status = WEIR_EXIT_DONE;

	if (!opts->json && weir_persist_print_changes(&report, stdout) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "out of memory");
	if (opts->dry_run || (!persist->changes.nr && !(opts->run && persist->nr_steps)))
		return finish(&report, opts, status);
	status = ask(opts);
	if (status)
		return weir_cli_flush(NAME, status);
	lock = take_lock(root, opts, &err);
	if (lock < 0 || weir_file_changes_make(root, &persist->changes, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED,
		                     "%s; all files are as they were", err.msg);
	report.written = persist->changes.nr > 0;
	if (opts->run)
		status = run_steps(persist, &report);
	if (opts->run && status == WEIR_EXIT_DONE)
		status = check_steps(root, snap);
	if (report.written && !opts->json)
		(void)printf("\nWritten: %zu file%s. Versions before it are kept as "
		             "*" WEIR_OLD_SUFFIX ".\n",
		             persist->changes.nr, persist->changes.nr == 1 ? "" : "s");
	return finish(&report, opts, status);
}

static int run(const struct weir_wishes *wishes, const struct options *opts)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_root_close) struct weir_root root = { .fd = -1 };
	weir_auto(weir_persist_done) struct weir_persist persist = { 0 };
	struct weir_persist_options options = { .wishes = wishes,
		                                .from_now = opts->from_now };
	struct weir_err err = { 0 };

	if (weir_cli_open_host(opts->host, &host, &err) < 0 ||
	    weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &snap, &err) < 0 ||
	    weir_root_open(opts->root, &root, &err) < 0 ||
	    weir_persist_make(&root, snap, &options, &persist, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return carry_out(&root, snap, &persist, opts);
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_HOST: opts->host = optarg; return 0;
	case OPT_ROOT: opts->root = optarg; return 0;
	case OPT_FROM_NOW: opts->from_now = true; return 0;
	case OPT_DRY_RUN: opts->dry_run = true; return 0;
	case OPT_RUN: opts->run = true; return 0;
	case 'y': opts->yes = true; return 0;
	case 'J': opts->json = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

static int check(const struct options *opts)
{
	const char *wrong = NULL;

	if (opts->json && !opts->dry_run && !opts->yes)
		wrong = "--json cannot ask: it wants --dry-run or --yes";
	else if (opts->host && !opts->root)
		wrong = "--host is another host: --root names where its files are";
	else if (opts->run && opts->root)
		wrong = "--run runs commands on this system, and not below --root";
	else if (opts->run && opts->dry_run)
		wrong = "--dry-run runs nothing";
	if (!wrong)
		return 0;
	(void)weir_cli_fail(NAME, 0, "%s", wrong);
	return weir_cli_usage(NAME);
}

int weir_persist_main(int argc, char **argv)
{
	weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
	struct options opts = { 0 };
	struct weir_err err = { 0 };
	char name[] = "weir " NAME;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "yJh", long_options, NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	status = check(&opts);
	if (status)
		return status;
	for (int i = optind; i < argc; i++)
		if (weir_wish_parse(weir_strz(argv[i]), &wishes, &err) < 0) {
			(void)weir_cli_fail(NAME, 0, "%s", err.msg);
			return weir_cli_usage(NAME);
		}
	return run(&wishes, &opts);
}
