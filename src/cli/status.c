/* status: `weir status`, also plain `weir`: read a host, say what there is and what is
 * wrong. Looks only: no root, no write. */
#include "cli/cli.h"
#include "cli/report.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <getopt.h>
#include <time.h>
#include <unistd.h>

#define NAME          "status"
#define WATCH_DEFAULT 2U
#define WATCH_MAX     86400U

struct options {
	const char *host;
	struct weir_report_style style;
	bool json;
	uint64_t watch; /* seconds; 0: once */
	bool list_columns;
};

enum { OPT_HOST = 256, OPT_NODE, OPT_SIZE, OPT_TABLE, OPT_WATCH, OPT_LIST_COLUMNS };

static const struct option long_options[] = {
	{ "host", required_argument, NULL, OPT_HOST },
	{ "node", required_argument, NULL, OPT_NODE },
	{ "size", required_argument, NULL, OPT_SIZE },
	{ "table", required_argument, NULL, OPT_TABLE },
	{ "json", no_argument, NULL, 'J' },
	{ "output", required_argument, NULL, 'o' },
	{ "bytes", no_argument, NULL, 'b' },
	{ "noheadings", no_argument, NULL, 'n' },
	{ "raw", no_argument, NULL, 'r' },
	{ "pairs", no_argument, NULL, 'P' },
	{ "watch", optional_argument, NULL, OPT_WATCH },
	{ "list-columns", no_argument, NULL, OPT_LIST_COLUMNS },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir status [OPTION]...\n\n"
		"Shows the huge page pools of a host, its memory by node, what boot "
		"asked\n"
		"for, and what is wrong. Needs no root and changes nothing.\n\n"
		"      --host PATH        a captured host (directory or archive), not "
		"this one\n"
		"      --node N           only this node\n"
		"      --size SIZE        only this page size (2M, 1G, 2048kB)\n"
		"      --watch[=SECONDS]  again and again, every 2 seconds\n"
		"  -J, --json             all of it as JSON, see weir-json(5)\n"
		"  -b, --bytes            sizes as exact numbers of bytes\n\n"
		"One table, for scripts (pools, unless --table names another):\n"
		"      --table NAME       pools, nodes, boot, mounts, cgroups or "
		"findings\n"
		"  -o, --output LIST      these columns; +LIST adds to the default ones\n"
		"  -n, --noheadings       no line of headings\n"
		"  -r, --raw              columns separated by one blank\n"
		"  -P, --pairs            NAME=\"value\" pairs\n"
		"      --list-columns     the names of the table's columns\n"
		"  -h, --help             this help\n",
		stdout);
	weir_tables_help(stdout);
	(void)fputs(
		"\n'?' is a number that the host does not tell; 3-7 and <=7 bound one.\n",
		stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

static int take_node(const char *arg, struct weir_report_style *style)
{
	uint64_t node = 0;
	int status = weir_cli_take_node(NAME, arg, &node);

	style->one_node = status == 0;
	style->node = (unsigned int)node;
	return status;
}

static int take_size(const char *arg, struct weir_report_style *style)
{
	int status = weir_cli_take_page_size(NAME, arg, &style->size_bytes);

	style->one_size = status == 0;
	return status;
}

static int take_table(const char *arg, struct weir_report_style *style)
{
	style->table = weir_table_by_name(arg);
	return style->table == WEIR_TABLE_NONE
	               ? weir_cli_bad(
				 NAME, "--table", arg,
				 "wants pools, nodes, boot, mounts, cgroups or findings")
	               : 0;
}

static int take_watch(const char *arg, struct options *opts)
{
	opts->watch = WATCH_DEFAULT;
	if (arg && (weir_parse_u64(weir_strz(arg), &opts->watch) < 0 || !opts->watch ||
	            opts->watch > WATCH_MAX))
		return weir_cli_bad(NAME, "--watch", arg, "wants seconds, 1 to 86400");
	return 0;
}

static void one_table(struct weir_report_style *style)
{
	if (style->table == WEIR_TABLE_NONE)
		style->table = WEIR_TABLE_POOLS;
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	struct weir_report_style *style = &opts->style;

	switch (c) {
	case OPT_HOST: opts->host = optarg; return 0;
	case OPT_NODE: return take_node(optarg, style);
	case OPT_SIZE: return take_size(optarg, style);
	case OPT_TABLE: return take_table(optarg, style);
	case OPT_WATCH: return take_watch(optarg, opts);
	case OPT_LIST_COLUMNS: opts->list_columns = true; return 0;
	case 'J': opts->json = true; return 0;
	case 'b': style->bytes = true; return 0;
	case 'o': style->columns = optarg; return 0;
	case 'n': style->no_headings = true; return 0;
	case 'r': style->form = WEIR_FORM_RAW; return 0;
	case 'P': style->form = WEIR_FORM_PAIRS; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

static int check(struct options *opts)
{
	struct weir_report_style *style = &opts->style;
	bool table = style->columns || style->no_headings ||
	             style->form != WEIR_FORM_TABLE || opts->list_columns;

	if (opts->json && (table || style->table != WEIR_TABLE_NONE)) {
		(void)weir_cli_fail(
			NAME, 0,
			"--json is the whole report: it takes none of -o, -n, -r, -P "
			"and --table");
		return weir_cli_usage(NAME);
	}
	if (table)
		one_table(style);
	return 0;
}

/* A node or size that this host does not have is a slip of the finger: showing nothing
 * would look like an answer. Where weir could not see which there are, it shows what it
 * has. */
static int check_asked(const struct weir_report *report,
                       const struct weir_report_style *style)
{
	const struct weir_snapshot *snap = report->snap;
	char size[WEIR_SIZE_TEXT_MAX];

	if (style->one_node && snap->nodes.known &&
	    !weir_nodes_find(&snap->nodes, style->node))
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "this host has no node %u",
		                     style->node);
	if (style->one_size && snap->pools.known &&
	    !weir_pools_size(&snap->pools, style->size_bytes))
		return weir_cli_fail(
			NAME, WEIR_EXIT_FAILED, "this host has no pages of %s",
			weir_format_size(style->size_bytes, size, sizeof(size)).p);
	return WEIR_EXIT_DONE;
}

static int show(const struct weir_host *host, const struct options *opts)
{
	weir_auto(weir_report_done) struct weir_report report = { 0 };
	struct weir_err err = { 0 };
	/* CPUS and DISTANCES are columns that only -o can ask for */
	bool details = opts->json || opts->style.columns;
	int r = weir_report_make(host, details, &report, &err);

	if (r == 0 && check_asked(&report, &opts->style) != WEIR_EXIT_DONE)
		return WEIR_EXIT_FAILED;
	if (r == 0)
		r = opts->json ? weir_report_json(&report, &opts->style, opts->watch > 0,
		                                  stdout, &err)
		               : weir_report_print(&report, &opts->style, stdout, &err);
	if (r == -EINVAL && opts->style.columns) {
		(void)weir_cli_fail(NAME, 0, "%s", err.msg);
		return weir_cli_usage(NAME);
	}
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* Until a signal ends it, or nobody reads any more. */
static int watch(const struct weir_host *host, const struct options *opts)
{
	const struct timespec pause = { .tv_sec = (time_t)opts->watch };
	bool screen = isatty(STDOUT_FILENO) && !opts->json;
	int status;

	for (;;) {
		if (screen)
			(void)fputs("\033[H\033[J", stdout);
		status = show(host, opts);
		if (status != WEIR_EXIT_DONE)
			return status;
		if (!screen && !opts->json)
			(void)fputc('\n', stdout);
		(void)nanosleep(&pause, NULL);
	}
}

int weir_status_main(int argc, char **argv)
{
	struct options opts = { .style = { .width = weir_cli_width(),
		                           .color = weir_cli_color() } };
	weir_auto(weir_host_freep) struct weir_host *host = NULL;
	struct weir_err err = { 0 };
	char name[] = "weir " NAME;
	int c, status = 0;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "Jo:bnrPh", long_options, NULL)) != -1) {
		if (c == 'h')
			return help();
		status = take_option(c, &opts);
		if (status)
			return status;
	}
	if (optind < argc) {
		(void)weir_cli_fail(NAME, 0, "takes no argument, but got '%s'",
		                    argv[optind]);
		return weir_cli_usage(NAME);
	}
	status = check(&opts);
	if (status)
		return status;
	if (opts.list_columns) {
		weir_tables_list_columns(opts.style.table, stdout);
		return weir_cli_flush(NAME, WEIR_EXIT_DONE);
	}
	if (weir_cli_open_host(opts.host, &host, &err) < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return opts.watch ? watch(host, &opts) : show(host, &opts);
}
