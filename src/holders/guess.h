/* guess: which of several amounts make up a sum that is known.
 *
 * The kernel does not tell which mappings have reserved their pages (MAP_NORESERVE shows
 * in smaps only) and which files keep reservations of mappings that are gone. It tells
 * the sum. Each of them has either reserved all that is missing or nothing, and what is
 * usual is known; so the usual is taken where it makes the sum, and else another choice
 * that does. Where several do, the items in which they differ are said to be unsure.
 * Pure. */
#ifndef WEIR_HOLDERS_GUESS_H
#define WEIR_HOLDERS_GUESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum weir_guess_state {
	WEIR_GUESS_OUT,    /* not part of the sum */
	WEIR_GUESS_IN,     /* part of it */
	WEIR_GUESS_UNSURE, /* perhaps */
};

struct weir_guess {
	uint64_t amount;
	bool usual; /* part of the sum, as a rule */
	enum weir_guess_state state;
};

/* Items times sum, a bit each: 8 MiB. Beyond it nothing is decided. */
#define WEIR_GUESS_WORK_MAX (UINT64_C(1) << 26)

/* Sets each item's state for the sum @known. What is left over when all are decided is
 * the caller's to see: the sum of those that are in may be less, never more, than @known.
 * 0 or -ENOMEM. */
int weir_guess_make(struct weir_guess *items, size_t nr, uint64_t known);

#endif
