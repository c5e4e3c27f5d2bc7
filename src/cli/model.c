/* model: `weir model run`: scenarios on the model of the kernel's rules. */
#include "cli/cli.h"
#include "cli/model_run.h"

#include "base/own.h"
#include "host/host.h"
#include "lab/load.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>

#define NAME "model"

/* Set in meson.build for builds that are for finding faults. */
#ifndef WEIR_MODEL_CHECK
#define WEIR_MODEL_CHECK 0
#endif

struct options {
	const char *kernel, *host;
	struct weir_model_run run;
	bool headings; /* more than one file, and a trace */
	bool noted;    /* what is not known of the host was said */
};

enum { OPT_HOST = 256, OPT_KERNEL, OPT_TRACE, OPT_CHECK };

static const struct option long_options[] = {
	{ "kernel", required_argument, NULL, OPT_KERNEL },
	{ "host", required_argument, NULL, OPT_HOST },
	{ "trace", no_argument, NULL, OPT_TRACE },
	{ "json", no_argument, NULL, 'J' },
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir model run [OPTION]... FILE...\n\n"
		"Plays scenarios on a model of the kernel's huge pages, and says whether "
		"what\n"
		"they expect came true. Touches nothing of this machine. FILE - is "
		"standard\n"
		"input; weir-scenario(5) is its language.\n\n"
		"      --kernel RULES  the rules of this kernel: 6.12, also as\n"
		"                      '6.12 -demote +gigantic-overcommit'\n"
		"      --host PATH     begin with what this captured host has\n"
		"      --trace         show each step with what it led to\n"
		"  -J, --json          the trace as JSON, one object a line\n"
		"      --check         check the model's own sums after each step\n"
		"  -h, --help          this help\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static int bad_usage(const char *words)
{
	(void)weir_cli_fail(NAME, 0, "%s", words);
	return weir_cli_usage(NAME);
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_KERNEL: opts->kernel = optarg; return 0;
	case OPT_HOST: opts->host = optarg; return 0;
	case OPT_TRACE: opts->run.trace = true; return 0;
	case OPT_CHECK: opts->run.check = true; return 0;
	case 'J': opts->run.json = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

static int check_options(const struct options *opts)
{
	struct weir_rules rules;
	struct weir_err err = { 0 };
	size_t kernel;

	if (opts->run.json && !opts->run.trace)
		return bad_usage("--json is the form of a trace: it needs --trace");
	if (opts->kernel &&
	    weir_rules_parse(weir_strz(opts->kernel), &rules, &kernel, &err) < 0) {
		(void)weir_cli_fail(NAME, 0, "--kernel: %s", err.msg);
		return weir_cli_usage(NAME);
	}
	return 0;
}

/* ---- the world to begin with ---- */

static void put_notes(struct weir_str notes)
{
	struct weir_str note;

	while (weir_str_line(&notes, &note))
		(void)weir_cli_fail(NAME, 0, "note: %.*s", (int)note.n, note.p);
}

/* What a scenario says of its host has no place where the host is given. Page sizes do:
 * the parser wants to know them. */
static int check_setup(const struct weir_scenario *s, const struct weir_world *world,
                       struct weir_err *err)
{
	const struct weir_setup *setup = &s->script.setup;

	if (setup->nr_nodes || setup->boot.n)
		return weir_err_set(err, -EINVAL,
		                    "%s:%zu: the scenario has a host of its own, which "
		                    "--host cannot replace",
		                    s->name, setup->line);
	if (setup->page_bytes[0] != world->model->pools[0].page_bytes)
		return weir_err_set(err, -EINVAL,
		                    "%s: its default page size is not the host's: say "
		                    "'sizes' as the host has them",
		                    s->name);
	return 0;
}

static int load_world(const struct weir_scenario *s, struct options *opts,
                      struct weir_world **out, struct weir_err *err)
{
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_world_freep) struct weir_world *world = NULL;
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	weir_auto(weir_freep) char *own = NULL;
	const char *kernel = opts->kernel;
	int r = weir_cli_open_host(opts->host, &host, err);

	if (r < 0)
		return r;
	if (!kernel && s->script.setup.kernel.n) {
		kernel = own = strndup(s->script.setup.kernel.p,
		                       s->script.setup.kernel.n);
		if (!own)
			return weir_err_sys(err, -ENOMEM, "make a model of a host");
	}
	r = weir_load_host(host, kernel, &world, &notes, err);
	if (r < 0)
		return weir_err_wrap(err, r, "host '%s'", opts->host);
	r = check_setup(s, world, err);
	if (r < 0)
		return r;
	if (!opts->noted)
		put_notes(weir_buf_str(&notes));
	opts->noted = true;
	*out = weir_take(world);
	return 0;
}

static int run_file(const char *file, struct options *opts)
{
	weir_auto(weir_scenario_done) struct weir_scenario s = { 0 };
	weir_auto(weir_world_freep) struct weir_world *world = NULL;
	struct weir_err err = { 0 };
	int r = weir_scenario_read(file, &s, &err);

	if (r == 0)
		r = opts->host
		            ? load_world(&s, opts, &world, &err)
		            : weir_world_new(&s.script.setup, opts->kernel, &world, &err);
	if (r < 0)
		return weir_cli_fail(NAME,
		                     r == -ENOMEM ? WEIR_EXIT_FAILED : WEIR_EXIT_USAGE,
		                     "%s", err.msg);
	if (opts->headings && !opts->run.json) {
		(void)fputs("== ", stdout);
		weir_cli_put(stdout, weir_strz(s.name));
		(void)fputc('\n', stdout);
	}
	return weir_model_run(&s, world, &opts->run);
}

static int run_files(char **files, int nr, struct options *opts)
{
	int worst = WEIR_EXIT_DONE;

	if (!nr)
		return bad_usage("run: which scenario? FILE is missing");
	opts->headings = nr > 1 && opts->run.trace;
	for (int i = 0; i < nr && !ferror(stdout); i++) {
		int status = run_file(files[i], opts);

		worst = status > worst ? status : worst;
	}
	return weir_cli_flush(NAME, worst);
}

int weir_model_main(int argc, char **argv)
{
	struct options opts = { .run.check = WEIR_MODEL_CHECK };
	char name[] = "weir " NAME;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "Jh", long_options, NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	if (optind == argc)
		return bad_usage("what to do with it? 'weir model run FILE'");
	if (strcmp(argv[optind], "run") != 0) {
		(void)weir_cli_fail(NAME, 0,
		                    "'%s' is not one of its commands: there is 'run'",
		                    argv[optind]);
		return weir_cli_usage(NAME);
	}
	status = check_options(&opts);
	return status ? status : run_files(argv + optind + 1, argc - optind - 1, &opts);
}
