/* drift_parts: what the files of drift share. Internal to drift. */
#ifndef WEIR_PLAN_DRIFT_PARTS_H
#define WEIR_PLAN_DRIFT_PARTS_H

#include "plan/drift.h"

struct weir_drift_pen {
	const struct weir_declaration *decl;
	const struct weir_snapshot *snap;
	const struct weir_drift_options *options;
	struct weir_drifts *out;
	int failed; /* -ENOMEM: nothing more is added */
};

/* Adds a row without words; they follow. NULL after a failure. */
struct weir_drift *weir_drift_add(struct weir_drift_pen *pen, const char *id,
                                  enum weir_drift_when when);
/* Replaces *slot, a string of a row, by what is printed. */
void weir_drift_print(struct weir_drift_pen *pen, char **slot, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void weir_drift_where(struct weir_drift_pen *pen, struct weir_drift *d,
                      struct weir_origin at);
/* Subject, size and node of a row about a pool. */
void weir_drift_pool(struct weir_drift_pen *pen, struct weir_drift *d,
                     uint64_t page_bytes, struct weir_count node);

/* Sizes as text, good to the end of the block that they are written in. */
#define WEIR_DRIFT_SIZE(bytes) \
	weir_format_size((bytes), (char[WEIR_SIZE_TEXT_MAX]){ 0 }, WEIR_SIZE_TEXT_MAX).p

/* drift_boot.c: what boot decides; drift_mounts.c: mounts */
void weir_drift_boot(struct weir_drift_pen *pen);
void weir_drift_mounts(struct weir_drift_pen *pen);

#endif
