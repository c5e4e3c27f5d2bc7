/* drift: `weir drift`: is the host as it is declared, will it be after the next boot, and
 * who else sets what is declared? Looks only. */
#include "cli/drift.h"

#include "apply/declared.h"
#include "apply/foreign.h"
#include "apply/persist.h"
#include "base/own.h"
#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>

#define NAME "drift"

#define NAGIOS_UNKNOWN 3

struct options {
	const char *host, *root;
	struct weir_drift_options drift;
	bool json, nagios;
};

enum { OPT_HOST = 256, OPT_ROOT, OPT_BOOT, OPT_NAGIOS };

static const struct option long_options[] = {
	{ "boot", no_argument, NULL, OPT_BOOT },
	{ "nagios", no_argument, NULL, OPT_NAGIOS },
	{ "root", required_argument, NULL, OPT_ROOT },
	{ "host", required_argument, NULL, OPT_HOST },
	{ "json", no_argument, NULL, 'J' },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir drift [OPTION]...\n\n"
		"Says in what this host differs from what is declared for it "
		"(weir-pools(5)),\n"
		"what will differ after the next boot, and which other files set the "
		"same pools.\n"
		"Needs no root for most of it, and changes nothing.\n\n"
		"      --boot        only what boot decides\n"
		"      --nagios      one line and an exit status as Nagios wants them\n"
		"      --root DIR    files of the system that lies below DIR\n"
		"      --host PATH   pools and mounts of a captured host or a scenario; "
		"wants\n"
		"                    --root too\n"
		"  -J, --json        as JSON, see weir-json(5)\n"
		"  -h, --help        this help\n\n"
		"Exit status: 0 no difference, 3 there is one, 1 it cannot be told.\n"
		"With --nagios: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* Nagios reads a plug-in's standard output and its status. */
static int failed(const struct options *opts, const char *words)
{
	if (!opts->nagios)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", words);
	(void)fputs("WEIR UNKNOWN - ", stdout);
	weir_cli_put(stdout, weir_strz(words));
	(void)fputc('\n', stdout);
	return weir_cli_flush(NAME, NAGIOS_UNKNOWN);
}

static int print(const struct weir_drift_report *report, const struct options *opts)
{
	const struct weir_drifts *drifts = report->drifts;
	int status = WEIR_EXIT_DONE;

	if (opts->nagios)
		return weir_cli_flush(NAME, weir_drift_print_nagios(report, stdout));
	if (drifts->nr_when[WEIR_DRIFT_NOW] || drifts->nr_when[WEIR_DRIFT_LATER])
		status = WEIR_EXIT_NO;
	else if (weir_drift_has_unknown(drifts))
		status = WEIR_EXIT_FAILED;
	if (!opts->json)
		weir_drift_print_text(report, stdout);
	else if (weir_drift_print_json(report, stdout) < 0)
		return failed(opts, "out of memory");
	return weir_cli_flush(NAME, status);
}

/* Does only a boot lack? When that cannot be told, no. */
static bool is_persisted(const struct weir_root *root, const struct weir_snapshot *snap)
{
	weir_auto(weir_persist_done) struct weir_persist persist = { 0 };
	const struct weir_persist_options none = { 0 };

	return weir_persist_make(root, snap, &none, &persist, NULL) == 0 &&
	       persist.boot_is_asked;
}

static int run(const struct weir_root *root, const struct weir_declaration *decl,
               const struct weir_foreigns *foreigns, struct weir_str notes,
               const struct options *opts)
{
	struct weir_drift_options options = opts->drift;
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_drifts_done) struct weir_drifts drifts = { 0 };
	struct weir_drift_report report = { .decl = decl,
		                            .foreigns = foreigns,
		                            .drifts = &drifts,
		                            .notes = notes,
		                            .width = weir_cli_width() };
	struct weir_err err = { 0 };

	if (weir_cli_open_host(opts->host, &host, &err) < 0 ||
	    weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &snap, &err) < 0)
		return failed(opts, err.msg);
	report.snap = snap;
	options.persisted = is_persisted(root, snap);
	if (weir_drifts_make(decl, snap, foreigns, &options, &drifts) < 0)
		return failed(opts, "out of memory");
	return print(&report, opts);
}

static int with_root(const struct options *opts)
{
	weir_auto(weir_declaration_done) struct weir_declaration decl = { 0 };
	weir_auto(weir_foreigns_done) struct weir_foreigns foreigns = { 0 };
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	weir_auto(weir_root_close) struct weir_root root = { .fd = -1 };
	struct weir_err err = { 0 };
	int r = weir_root_open(opts->root, &root, &err);

	if (r == 0)
		r = weir_declared_read_at(&root, NULL, &decl, &err);
	if (r == WEIR_UNDECLARED)
		return failed(opts, "nothing is declared: 'weir persist' writes "
		                    "what there is now to " WEIR_POOLS_CONF);
	if (r == 0)
		r = weir_foreigns_read(&root, &foreigns, &notes, &err);
	if (r < 0)
		return failed(opts, err.msg);
	return run(&root, &decl, &foreigns, weir_buf_str(&notes), opts);
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_HOST: opts->host = optarg; return 0;
	case OPT_ROOT: opts->root = optarg; return 0;
	case OPT_BOOT: opts->drift.boot_only = true; return 0;
	case OPT_NAGIOS: opts->nagios = true; return 0;
	case 'J': opts->json = true; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

int weir_drift_main(int argc, char **argv)
{
	struct options opts = { 0 };
	char name[] = "weir " NAME;
	const char *wrong = NULL;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "Jh", long_options, NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	if (optind < argc)
		wrong = "takes no argument";
	else if (opts.json && opts.nagios)
		wrong = "--nagios has its own form: it takes no --json";
	else if (opts.host && !opts.root)
		wrong = "--host is another host: --root names where its declaration is";
	if (wrong) {
		(void)weir_cli_fail(NAME, 0, "%s", wrong);
		return weir_cli_usage(NAME);
	}
	return with_root(&opts);
}
