/* drift: what the files of `weir drift` share. */
#ifndef WEIR_CLI_DRIFT_H
#define WEIR_CLI_DRIFT_H

#include "plan/drift.h"

#include <stdio.h>

struct weir_drift_report {
	const struct weir_declaration *decl;
	const struct weir_snapshot *snap;
	const struct weir_foreigns *foreigns;
	const struct weir_drifts *drifts;
	struct weir_str notes; /* what could not be looked at, a line each */
	unsigned int width;
};

/* Is there a row "unknown"? */
bool weir_drift_has_unknown(const struct weir_drifts *drifts);

void weir_drift_print_text(const struct weir_drift_report *report, FILE *out);
int weir_drift_print_json(const struct weir_drift_report *report, FILE *out);
/* One line, and the status that Nagios wants: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. */
int weir_drift_print_nagios(const struct weir_drift_report *report, FILE *out);

#endif
