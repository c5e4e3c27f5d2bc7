/* warm_options: see warm_options.h. */
#include "cli/warm_options.h"

#include "cli/cli.h"

#include <errno.h>
#include <getopt.h>

#define TIMEOUT_MS 30000U

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

static const char options_help[] =
	"  -b, --bytes         sizes as exact numbers of bytes\n"
	"  -J, --json          as JSON, see weir-json(5)\n"
	"      --socket PATH   where weird listens (/run/weir/weird.sock)\n"
	"      --timeout TIME  how long it may take to answer (30s)\n\n"
	"The table only, for scripts:\n"
	"  -o, --output LIST   these columns; +LIST adds to the default ones\n"
	"  -n, --noheadings    no line of headings\n"
	"  -r, --raw           columns separated by one blank\n"
	"  -P, --pairs         NAME=\"value\" pairs\n"
	"      --list-columns  the names of the columns\n"
	"  -h, --help          this help\n\n"
	"Columns (* shown by default):\n";

bool weir_warm_is_table_only(const struct weir_report_style *style)
{
	return style->columns || style->no_headings || style->form != WEIR_FORM_TABLE;
}

/* 0, or the exit status. */
static int take(const char *command, int c, struct weir_warm_options *out, bool *list)
{
	switch (c) {
	case OPT_SOCKET: out->client.socket = optarg; return 0;
	case OPT_TIMEOUT: return weir_client_timeout(command, optarg, &out->client);
	case OPT_LIST_COLUMNS: *list = true; return 0;
	case 'J': out->json = true; return 0;
	case 'b': out->style.bytes = true; return 0;
	case 'o': out->style.columns = optarg; return 0;
	case 'n': out->style.no_headings = true; return 0;
	case 'r': out->style.form = WEIR_FORM_RAW; return 0;
	case 'P': out->style.form = WEIR_FORM_PAIRS; return 0;
	default: return weir_cli_usage(command); /* getopt has said what is wrong */
	}
}

int weir_warm_options_take(const char *command, const char *usage,
                           const struct weir_table_def *table, int argc, char **argv,
                           struct weir_warm_options *out, int *status)
{
	bool list = false;
	int c;

	*out = (struct weir_warm_options){ .client = { .timeout_ms = TIMEOUT_MS } };
	*status = 0;
	while (!*status &&
	       (c = getopt_long(argc, argv, "o:bnrPJh", long_options, NULL)) != -1) {
		if (c == 'h') {
			(void)fputs(usage, stdout);
			(void)fputs(options_help, stdout);
			weir_table_help(table, stdout);
			*status = weir_cli_flush(command, WEIR_EXIT_DONE);
			return WEIR_WARM_ENDED;
		}
		*status = take(command, c, out, &list);
	}
	if (!*status && out->json && weir_warm_is_table_only(&out->style)) {
		(void)weir_cli_fail(
			command, 0,
			"--json is all of it: it takes none of -o, -n, -r, -P");
		*status = weir_cli_usage(command);
	}
	if (*status)
		return WEIR_WARM_ENDED;
	if (!list)
		return 0;
	weir_table_list_columns(table, stdout);
	*status = weir_cli_flush(command, WEIR_EXIT_DONE);
	return WEIR_WARM_ENDED;
}

int weir_warm_ended(const char *command, int r, const char *columns,
                    const struct weir_err *err)
{
	if (r == -EINVAL && columns) {
		(void)weir_cli_fail(command, 0, "%s", err->msg);
		return weir_cli_usage(command);
	}
	if (r < 0)
		return weir_cli_fail(command, WEIR_EXIT_FAILED, "%s", err->msg);
	return weir_cli_flush(command, r);
}
