/* persist: what the files of `weir persist` share. */
#ifndef WEIR_CLI_PERSIST_H
#define WEIR_CLI_PERSIST_H

#include "apply/persist.h"

#include <stdio.h>

#define WEIR_PERSIST_STEPS_MAX 16U /* two ways to boot, and systemd */

struct weir_persist_report {
	const struct weir_persist *persist;
	bool dry_run, written;
	bool ran; /* the steps were run, with these exit statuses; -1: not started, or
	           * ended by a signal */
	int status[WEIR_PERSIST_STEPS_MAX];
	unsigned int width;
};

/* The files as diffs, and who contradicts them. -ENOMEM. */
int weir_persist_print_changes(const struct weir_persist_report *report, FILE *out);
/* What is left to do. */
void weir_persist_print_steps(const struct weir_persist_report *report, FILE *out);
int weir_persist_print_json(const struct weir_persist_report *report, FILE *out);

#endif
