/* ask_parts: what the files that make an ask share. Internal to plan.
 *
 * ask.c has the whole and what the host can do, ask_memory.c one memory. All return 0,
 * or -ENOMEM. */
#ifndef WEIR_PLAN_ASK_PARTS_H
#define WEIR_PLAN_ASK_PARTS_H

#include "plan/ask.h"

/* The VM does not start, for a reason that the host's memory has no part in. @qemu,
 * @help: NULL, or what QEMU prints and what would help. The first refusal stays: it is
 * what QEMU stops at. */
int weir_ask_refuse(struct weir_ask *ask, const char *qemu, const char *help,
                    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

int weir_ask_note(struct weir_ask *ask, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Replaces *to. */
int weir_ask_put(char **to, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Memory @i as it meets the host, and what QEMU refuses when it makes the backend. */
int weir_ask_memory(const struct weir_snapshot *snap, struct weir_ask *ask, size_t i);
/* ... and what it refuses when it makes the device of it, after all backends. */
int weir_ask_device(const struct weir_snapshot *snap, struct weir_ask *ask, size_t i);

#endif
