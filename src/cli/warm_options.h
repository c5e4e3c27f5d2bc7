/* warm_options: the options that `weir leases` and `weir warm` have in common: a table of
 * what weird says, or JSON. */
#ifndef WEIR_CLI_WARM_OPTIONS_H
#define WEIR_CLI_WARM_OPTIONS_H

#include "cli/tables.h"
#include "cli/weird_client.h"

struct weir_warm_options {
	struct weir_client_options client;
	struct weir_report_style style;
	bool json;
};

/* Is the output for a script, who wants the table and nothing else? */
bool weir_warm_is_table_only(const struct weir_report_style *style);

/* Takes the options in front of the arguments, which begin at optind. @usage: what --help
 * shows, before @table's columns. 0; or WEIR_WARM_ENDED with the exit status in *status:
 * all is done, or what is wrong is said. */
enum { WEIR_WARM_ENDED = 1 };
int weir_warm_options_take(const char *command, const char *usage,
                           const struct weir_table_def *table, int argc, char **argv,
                           struct weir_warm_options *out, int *status);

/* The end of a command: what @r stands for, a negative errno with words. @columns: those
 * that were asked for, or NULL. Returns the exit status. */
int weir_warm_ended(const char *command, int r, const char *columns,
                    const struct weir_err *err);

#endif
