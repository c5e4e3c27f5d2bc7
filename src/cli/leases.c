/* leases: `weir leases`: what weird has leased to whom. */
#include "cli/cli.h"
#include "cli/lease_rows.h"
#include "cli/tables.h"

#include "base/own.h"

#include <errno.h>
#include <getopt.h>

#define NAME       "leases"
#define SCHEMA     1
#define TIMEOUT_MS 30000U

struct options {
	struct weir_client_options client;
	struct weir_report_style style;
	bool json, list_columns;
};

enum { OPT_SOCKET = 256, OPT_TIMEOUT, OPT_LIST_COLUMNS };

static const struct option long_options[] = {
	{ "output", required_argument, NULL, 'o' },
	{ "bytes", no_argument, NULL, 'b' },
	{ "noheadings", no_argument, NULL, 'n' },
	{ "raw", no_argument, NULL, 'r' },
	{ "pairs", no_argument, NULL, 'P' },
	{ "list-columns", no_argument, NULL, OPT_LIST_COLUMNS },
	{ "json", no_argument, NULL, 'J' },
	{ "socket", required_argument, NULL, OPT_SOCKET },
	{ "timeout", required_argument, NULL, OPT_TIMEOUT },
	{ "help", no_argument, NULL, 'h' },
	{ NULL, 0, NULL, 0 },
};

static int help(void)
{
	(void)fputs(
		"Usage: weir leases [OPTION]...\n\n"
		"Lists the warm memory that weird has leased: all of it for root, for "
		"others\n"
		"their own.\n\n"
		"  -o, --output LIST   these columns; +LIST adds to the default ones\n"
		"  -b, --bytes         sizes as exact numbers of bytes\n"
		"  -n, --noheadings    no line of headings\n"
		"  -r, --raw           columns separated by one blank\n"
		"  -P, --pairs         NAME=\"value\" pairs\n"
		"      --list-columns  the names of the columns\n"
		"  -J, --json          as JSON, see weir-json(5)\n"
		"      --socket PATH   where weird listens (/run/weir/weird.sock)\n"
		"      --timeout TIME  how long it may take to answer (30s)\n"
		"  -h, --help          this help\n\n"
		"Columns (* shown by default):\n",
		stdout);
	weir_table_help(&weir_table_leases, stdout);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

/* 0, or the exit status. */
static int take_option(int c, struct options *opts)
{
	switch (c) {
	case OPT_SOCKET: opts->client.socket = optarg; return 0;
	case OPT_TIMEOUT: return weir_client_timeout(NAME, optarg, &opts->client);
	case OPT_LIST_COLUMNS: opts->list_columns = true; return 0;
	case 'J': opts->json = true; return 0;
	case 'b': opts->style.bytes = true; return 0;
	case 'o': opts->style.columns = optarg; return 0;
	case 'n': opts->style.no_headings = true; return 0;
	case 'r': opts->style.form = WEIR_FORM_RAW; return 0;
	case 'P': opts->style.form = WEIR_FORM_PAIRS; return 0;
	default: return weir_cli_usage(NAME); /* getopt has said what is wrong */
	}
}

static void put_lease(struct weir_json *j, const struct weir_lease_row *row)
{
	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "lease", row->lease);
	weir_json_strz(j, "name", row->name);
	weir_json_strz(j, "state", row->state);
	weir_client_json_count(j, "bytes", row->bytes);
	weir_client_json_count(j, "filled_bytes", row->filled_bytes);
	weir_client_json_count(j, "page_bytes", row->page_bytes);
	weir_client_json_count(j, "node", row->node);
	weir_json_strz(j, "owner", row->owner);
	weir_client_json_count(j, "pid", row->pid);
	weir_json_strz(j, "unit", row->unit);
	weir_client_json_count(j, "uid", row->uid);
	weir_client_json_count(j, "since_ms", row->since_ms);
	weir_client_json_count(j, "until_ms", row->until_ms);
	weir_json_strz(j, "path", row->path);
	weir_json_strz(j, "holders", row->holders);
	weir_json_close(j);
}

static int put_json(const struct weir_lease_rows *rows)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	weir_json_open(&j, NULL, '{');
	weir_json_u64(&j, "schema", SCHEMA);
	weir_json_open(&j, "leases", '[');
	for (size_t i = 0; i < rows->nr; i++)
		put_lease(&j, &rows->v[i]);
	weir_json_close(&j);
	weir_json_close(&j);
	if (j.failed)
		return j.failed;
	(void)fwrite(j.out.p, 1, j.out.n, stdout);
	return 0;
}

static int show(const struct options *opts)
{
	weir_auto(weir_lease_rows_done) struct weir_lease_rows rows = { 0 };
	weir_auto(weir_client_done) struct weir_client client = { .fd = -1 };
	struct weir_refusal no;
	struct weir_err err = { 0 };
	int r = weir_client_open(&opts->client, &client, &err);

	if (r == 0)
		r = weir_lease_rows_read(&client, &rows, &no, &err);
	if (r > 0)
		return weir_client_tell(NAME, &no);
	if (r == 0)
		r = opts->json ? put_json(&rows)
		               : weir_table_print(&weir_table_leases, &rows, &opts->style,
		                                  stdout, &err);
	if (r == -EINVAL && opts->style.columns) {
		(void)weir_cli_fail(NAME, 0, "%s", err.msg);
		return weir_cli_usage(NAME);
	}
	if (r < 0)
		return weir_cli_fail(NAME, WEIR_EXIT_FAILED, "%s", err.msg);
	return weir_cli_flush(NAME, WEIR_EXIT_DONE);
}

int weir_leases_main(int argc, char **argv)
{
	struct options opts = { .client = { .timeout_ms = TIMEOUT_MS } };
	char name[] = "weir " NAME;
	int c, status;

	argv[0] = name; /* what getopt puts before its messages */
	while ((c = getopt_long(argc, argv, "o:bnrPJh", long_options, NULL)) != -1) {
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
	if (opts.json && (opts.style.columns || opts.style.no_headings ||
	                  opts.style.form != WEIR_FORM_TABLE)) {
		(void)weir_cli_fail(
			NAME, 0, "--json is all of it: it takes none of -o, -n, -r, -P");
		return weir_cli_usage(NAME);
	}
	if (opts.list_columns) {
		weir_table_list_columns(&weir_table_leases, stdout);
		return weir_cli_flush(NAME, WEIR_EXIT_DONE);
	}
	return show(&opts);
}
