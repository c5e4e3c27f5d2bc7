/* drift: in what a host differs from what is declared for it, now or after its next boot,
 * and who else sets what is declared. Pure: declaration, snapshot and foreign writers in,
 * rows out. */
#ifndef WEIR_PLAN_DRIFT_H
#define WEIR_PLAN_DRIFT_H

#include "facts/snapshot.h"
#include "plan/declare.h"
#include "plan/foreign.h"

enum weir_drift_when {
	WEIR_DRIFT_NOW,   /* the host differs */
	WEIR_DRIFT_LATER, /* it will after the next boot, or when the other writer runs */
	WEIR_DRIFT_NOTE,  /* it does not, but this is to be known */
};
const char *weir_drift_when_word(enum weir_drift_when when); /* "now", ... */

struct weir_drift {
	const char *id; /* stable, for scripts; listed in weir-drift(1) */
	enum weir_drift_when when;
	struct weir_count page_bytes; /* unknown: it is not about a pool */
	struct weir_count node;       /* unknown: all nodes */
	char *subject;                /* "2M on node 1", "/dev/hugepages1G" */
	char *declared, *actual;      /* in a word or two; NULL: nothing */
	char *text;                   /* a sentence */
	char *help;                   /* what helps; NULL */
	char *where;                  /* "FILE:LINE" that says it; NULL */
	size_t foreign;               /* index of who sets it, or SIZE_MAX */
};

struct weir_drifts {
	struct weir_drift *v; /* NOW, then LATER, then notes */
	size_t nr, cap;
	size_t nr_when[WEIR_DRIFT_NOTE + 1];
};

struct weir_drift_options {
	bool boot_only; /* what boot decides, and nothing else */
	bool persisted; /* the next boot is asked for what is declared already */
};

/* -ENOMEM is the only failure. @foreigns may be NULL. */
int weir_drifts_make(const struct weir_declaration *decl,
                     const struct weir_snapshot *snap,
                     const struct weir_foreigns *foreigns,
                     const struct weir_drift_options *options, struct weir_drifts *out);
void weir_drifts_done(struct weir_drifts *drifts);

/* What a foreign writer is to a declaration. */
enum weir_foreign_verdict {
	WEIR_FOREIGN_APART,    /* of nothing that is declared */
	WEIR_FOREIGN_AGREES,   /* the same value */
	WEIR_FOREIGN_UNSURE,   /* it cannot be told what it sets */
	WEIR_FOREIGN_CONTRARY, /* another value */
};
enum weir_foreign_verdict weir_foreign_judge(const struct weir_declaration *decl,
                                             const struct weir_foreign *f,
                                             struct weir_count default_bytes);

/* The default huge page size, unknown where the host does not tell. */
struct weir_count weir_drift_default_size(const struct weir_snapshot *snap);

#endif
