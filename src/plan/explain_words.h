/* explain_words: what the sentences of explain.h are made of: names of things, plurals.
 * Internal to explain*.c. */
#ifndef WEIR_PLAN_EXPLAIN_WORDS_H
#define WEIR_PLAN_EXPLAIN_WORDS_H

#include <stddef.h>
#include <stdint.h>

struct weir_ledger;
struct weir_hold;

/* Text by value, so that several can stand in one call. */
struct weir_words {
	char text[200];
};

struct weir_words weir_words_size(uint64_t bytes);  /* exact: "2M" */
struct weir_words weir_words_human(uint64_t bytes); /* cut to one decimal: "1.5G" */

/* "process 1234 (qemu-system-x86)" */
struct weir_words weir_words_task(const struct weir_ledger *ledger, size_t task);

/* "the file /dev/hugepages/a of process 12 (x) and 2 others" */
struct weir_words weir_words_hold(const struct weir_ledger *ledger,
                                  const struct weir_hold *hold);

static inline const char *weir_words_s(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static inline const char *weir_words_are(uint64_t n)
{
	return n == 1 ? "is" : "are";
}

#endif
