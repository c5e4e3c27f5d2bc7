/* findings: what is wrong or surprising on a host, each in one sentence with its number,
 * and what helps. Pure: a snapshot in, words out. */
#ifndef WEIR_PLAN_FINDINGS_H
#define WEIR_PLAN_FINDINGS_H

#include "plan/overview.h"

enum weir_severity {
	WEIR_NOTE,    /* explains a number that surprises */
	WEIR_WARNING, /* will hurt somebody later */
	WEIR_PROBLEM, /* hurts now, or makes what weir says uncertain */
};

struct weir_finding {
	const char *
		id; /* stable, for scripts: "surplus-trapped"; listed in weir-status(1) */
	enum weir_severity severity;
	struct weir_count size_bytes; /* page size that it is about */
	struct weir_count node;
	struct weir_count pages; /* the number in the sentence, when it counts pages */
	char *text;
	char *remedy;  /* what helps, in words; NULL when there is nothing to do */
	char *command; /* the same as a shell command where one does it; NULL */
};

struct weir_findings {
	struct weir_finding *v; /* the worst first, else in the order of the checks */
	size_t nr, cap;
};

const char *weir_severity_word(enum weir_severity severity); /* "note", ... */

/* -ENOMEM is the only failure. */
int weir_findings_make(const struct weir_snapshot *snap, const struct weir_overview *view,
                       struct weir_findings *out);
void weir_findings_done(struct weir_findings *findings);

#endif
