/* scenario: scenario files (weir-scenario(5)), for the commands that play them. */
#ifndef WEIR_CLI_SCENARIO_H
#define WEIR_CLI_SCENARIO_H

#include "lab/script.h"

struct weir_scenario {
	const char *name; /* for messages */
	struct weir_buf text;
	struct weir_script script; /* points into text */
};

/* Reads and parses @file, "-": standard input. 0; -ENOMEM; another negative errno with
 * words for a file that cannot be read or is no scenario. Empty but valid after a
 * failure. */
int weir_scenario_read(const char *file, struct weir_scenario *out, struct weir_err *err);
void weir_scenario_done(struct weir_scenario *scenario);

#endif
