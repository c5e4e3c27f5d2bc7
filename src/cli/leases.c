/* leases: `weir leases`: what weird has leased to whom. */
#include "cli/cli.h"
#include "cli/lease_rows.h"
#include "cli/warm_options.h"

#include "base/own.h"

#include <getopt.h>

#define NAME   "leases"
#define SCHEMA 1

static const char usage[] =
	"Usage: weir leases [OPTION]...\n\n"
	"Lists the warm memory that weird has leased: all of it for root, for others\n"
	"their own.\n\n";

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

static int show(const struct weir_warm_options *opts)
{
	weir_auto(weir_lease_rows_done) struct weir_lease_rows rows = { 0 };
	weir_auto(weir_client_done) struct weir_client client = { .fd = -1 };
	struct weir_refusal no;
	struct weir_err err = { 0 };
	int r = weir_client_open(&opts->client, &client, &err);

	if (r == 0)
		r = weir_lease_rows_read(&client, &rows, &no, &err);
	if (r > 0)
		return weir_client_tell(NAME, NULL, &no);
	if (r == 0)
		r = opts->json ? put_json(&rows)
		               : weir_table_print(&weir_table_leases, &rows, &opts->style,
		                                  stdout, &err);
	return weir_warm_ended(NAME, r, opts->style.columns, &err);
}

int weir_leases_main(int argc, char **argv)
{
	struct weir_warm_options opts;
	char name[] = "weir " NAME;
	int status;

	argv[0] = name; /* what getopt puts before its messages */
	if (weir_warm_options_take(NAME, usage, &weir_table_leases, argc, argv, &opts,
	                           &status))
		return status;
	if (optind < argc) {
		(void)weir_cli_fail(NAME, 0, "takes no argument, but got '%s'",
		                    argv[optind]);
		return weir_cli_usage(NAME);
	}
	return show(&opts);
}
