/* steps: one op onto the host, with the ladder for those that grow. Internal to apply. */
#ifndef WEIR_APPLY_STEPS_H
#define WEIR_APPLY_STEPS_H

#include "apply/apply.h"

struct weir_applying {
	const struct weir_host *host;
	const struct weir_plan *plan;
	const struct weir_apply_options *options;
	struct weir_applied *out;
	uint64_t deadline_ns, began_ns;
	struct weir_tallies now; /* as last read */
	size_t op_idx;
};

bool weir_applying_is_stopped(const struct weir_applying *a);
void weir_applying_tell(const struct weir_applying *a, uint64_t now, const char *doing);

/* 0: as expected; WEIR_STEP_SHORT: less came, out's reason says why; negative errno with
 * words: the write failed, and nothing of this op was done. */
enum { WEIR_STEP_SHORT = 1 };
int weir_step_write(struct weir_applying *a, const struct weir_op *op,
                    struct weir_err *err);

/* ladder.c: writes so that the file shows op->after, as long as it gets nearer. */
int weir_step_grow(struct weir_applying *a, const struct weir_op *op,
                   struct weir_err *err);
/* move.c: op->value more free pages of a node where they may be pinned. */
int weir_step_move(struct weir_applying *a, const struct weir_op *op,
                   struct weir_err *err);

/* Replaces *to by a sentence. 0 or -ENOMEM. */
int weir_step_words(char **to, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
