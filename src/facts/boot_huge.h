/* boot_huge: the huge page parameters of the kernel command line; a part of boot.h. */
#ifndef WEIR_FACTS_BOOT_HUGE_H
#define WEIR_FACTS_BOOT_HUGE_H

#include "facts/boot.h"

/* The kernel's state between two parameters; see boot_huge.c. */
struct weir_boot_play {
	const struct weir_boot_rules *rules;
	struct weir_boot *out;
	struct weir_boot_pool pending;      /* a count that waits for its size */
	ptrdiff_t parsed, last, default_at; /* indices into out->pools, or below 0 */
	bool valid;
};

void weir_boot_play_init(struct weir_boot_play *p, const struct weir_boot_rules *rules,
                         struct weir_boot *out);
void weir_boot_play_done(struct weir_boot_play *p);

/* One parameter each: *arg is the last one of out->args. 0 or -ENOMEM. */
int weir_boot_hugepages(struct weir_boot_play *p, struct weir_boot_arg *arg);
int weir_boot_hugepagesz(struct weir_boot_play *p, struct weir_boot_arg *arg);
int weir_boot_default_hugepagesz(struct weir_boot_play *p, struct weir_boot_arg *arg);

/* What hugetlb_init() does once the line is read. 0 or -ENOMEM. */
int weir_boot_play_settle(struct weir_boot_play *p);

/* For all parameters: the words that more than one of them needs, and two questions. */
extern const char weir_boot_no_number[], weir_boot_too_large[], weir_boot_no_node[],
	weir_boot_bare_number[];

static inline void weir_boot_drop(struct weir_boot_arg *arg, const char *why)
{
	arg->taken = false;
	arg->note = why;
}

/* Takes the decimal number off the front of *rest, as the kernel's sscanf("%lu"). Returns
 * NULL, or why there is none. */
const char *weir_boot_decimal(struct weir_str *rest, uint64_t *out);

bool weir_boot_node_is_there(const struct weir_boot_play *p, uint64_t node);

#endif
