/* checks: one function for each thing that can be wrong, and the pen they write with.
 * Internal to findings. */
#ifndef WEIR_PLAN_CHECKS_H
#define WEIR_PLAN_CHECKS_H

#include "plan/findings.h"

struct weir_check {
	const struct weir_snapshot *snap;
	const struct weir_overview *view;
	struct weir_findings *out;
	int failed; /* -ENOMEM: nothing more is added */
};

/* Adds a finding without words; they follow. NULL after a failure. */
struct weir_finding *weir_check_add(struct weir_check *c, enum weir_severity severity,
                                    const char *id);
void weir_check_text(struct weir_check *c, struct weir_finding *f, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void weir_check_remedy(struct weir_check *c, struct weir_finding *f, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* "2M", "1G": sizes as text, good to the end of the block that they are written in. */
#define WEIR_CHECK_SIZE(bytes) \
	weir_format_size((bytes), (char[WEIR_SIZE_TEXT_MAX]){ 0 }, WEIR_SIZE_TEXT_MAX).p
#define WEIR_CHECK_HUMAN(bytes) \
	weir_format_human((bytes), (char[WEIR_SIZE_TEXT_MAX]){ 0 }, WEIR_SIZE_TEXT_MAX)

void weir_check_command(struct weir_check *c, struct weir_finding *f, const char *fmt,
                        ...) __attribute__((format(printf, 3, 4)));

/* The command that sets a pool, as an administrator would type it. */
void weir_check_set_pool(struct weir_check *c, struct weir_finding *f,
                         uint64_t size_bytes, uint64_t pages);

/* A count in a sentence: an unknown one is "?" and never 0. */
#define WEIR_CHECK_N(count) weir_check_n((count), (char[24]){ 0 })
const char *weir_check_n(struct weir_count count, char text[24]);

/* checks_pools.c: of each page size, from the pools' own counters */
void weir_check_surplus(struct weir_check *c);
void weir_check_reserved(struct weir_check *c);
void weir_check_sysctl(struct weir_check *c);
void weir_check_hidden_sizes(struct weir_check *c);
void weir_check_boot(struct weir_check *c);

/* checks_host.c: of the memory around the pools */
void weir_check_starving(struct weir_check *c);
void weir_check_csv_cma(struct weir_check *c);
void weir_check_poison(struct weir_check *c);
void weir_check_node_sum(struct weir_check *c);
void weir_check_reading(struct weir_check *c);

/* checks_users.c: of what the pools are handed out through */
void weir_check_mount_names(struct weir_check *c);
void weir_check_mount_minimum(struct weir_check *c);
void weir_check_cgroups(struct weir_check *c);

/* checks_warm.c: of weird's store */
void weir_check_weird_gone(struct weir_check *c);
void weir_check_warm_target(struct weir_check *c);
void weir_check_warm_waiting(struct weir_check *c);

#endif
