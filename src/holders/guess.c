/* guess: see guess.h. In this order: the usual; everything that is possible, or nothing;
 * and else what all choices that make the sum have in common. When no choice makes it,
 * something else is in it: then the usual is taken, if it is less, and what is missing
 * stays missing. What is not usual is never invented. */
#include "holders/guess.h"

#include "base/ckd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void take_usual(struct weir_guess *items, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		items[i].state = items[i].usual ? WEIR_GUESS_IN : WEIR_GUESS_OUT;
}

static void take_all(struct weir_guess *items, size_t nr, enum weir_guess_state state)
{
	for (size_t i = 0; i < nr; i++)
		items[i].state = state;
}

/* Only sums up to UINT64_MAX: the amounts are of pages. */
static uint64_t sum_of(const struct weir_guess *items, size_t nr, bool usual_only)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < nr; i++)
		if ((items[i].usual || !usual_only) &&
		    ckd_add(&sum, sum, items[i].amount))
			return UINT64_MAX;
	return sum;
}

/* Sets of sums as bits: bit s says that s can be made. */
struct sums {
	uint64_t *row;    /* nr + 1 rows: what the items before each can make */
	uint64_t *to_end; /* from which sums the items behind can make the known one */
	size_t words;     /* of a row */
};

/* to |= from << by, past the end forgotten. */
static void add_shifted_up(uint64_t *to, const uint64_t *from, size_t words, uint64_t by)
{
	size_t skip = (size_t)(by / 64);
	unsigned int bits = by % 64;

	for (size_t i = words; by / 64 < words && i-- > skip;) {
		to[i] |= from[i - skip] << bits;
		if (bits && i > skip)
			to[i] |= from[i - skip - 1] >> (64 - bits);
	}
}

/* A word of set >> by. */
static uint64_t shifted_down(const uint64_t *set, size_t words, uint64_t by, size_t i)
{
	size_t skip = (size_t)(by / 64);
	unsigned int bits = by % 64;
	uint64_t word;

	if (by / 64 >= words || i + skip >= words)
		return 0;
	word = set[i + skip] >> bits;
	if (bits && i + skip + 1 < words)
		word |= set[i + skip + 1] << (64 - bits);
	return word;
}

/* From the last item to the first: it can be in, or out, where some sum of those before
 * it leads with it, or without it, to the known one. */
static void choose(struct weir_guess *items, size_t nr, struct sums *sums)
{
	for (size_t i = nr; i-- > 0;) {
		const uint64_t *before = sums->row + i * sums->words;
		bool in = false, out = false;

		for (size_t k = 0; k < sums->words; k++) {
			uint64_t with = shifted_down(sums->to_end, sums->words,
			                             items[i].amount, k);

			in |= (before[k] & with) != 0;
			out |= (before[k] & sums->to_end[k]) != 0;
			/* words above k are not needed by those below it again */
			sums->to_end[k] |= with;
		}
		items[i].state = in && out ? WEIR_GUESS_UNSURE
		                 : in      ? WEIR_GUESS_IN
		                           : WEIR_GUESS_OUT;
	}
}

static void give_up(struct weir_guess *items, size_t nr, uint64_t known)
{
	for (size_t i = 0; i < nr; i++)
		items[i].state = items[i].amount > known ? WEIR_GUESS_OUT
		                                         : WEIR_GUESS_UNSURE;
}

static int try_all(struct weir_guess *items, size_t nr, uint64_t usual, uint64_t known)
{
	struct sums sums = { .words = (size_t)(known / 64 + 1) };
	uint64_t work, *last;

	if (ckd_mul(&work, known, (uint64_t)nr + 2) || work > WEIR_GUESS_WORK_MAX) {
		give_up(items, nr, known);
		return 0;
	}
	sums.row = calloc((nr + 2) * sums.words, sizeof(*sums.row));
	if (!sums.row)
		return -ENOMEM;
	sums.to_end = sums.row + (nr + 1) * sums.words;
	sums.row[0] = 1;
	for (size_t i = 0; i < nr; i++) {
		const uint64_t *row = sums.row + i * sums.words;
		uint64_t *next = sums.row + (i + 1) * sums.words;

		memcpy(next, row, sums.words * sizeof(*row));
		add_shifted_up(next, row, sums.words, items[i].amount);
	}
	last = sums.row + nr * sums.words;
	sums.to_end[known / 64] = UINT64_C(1) << known % 64;
	if (last[known / 64] & sums.to_end[known / 64])
		choose(items, nr, &sums);
	else if (usual < known) /* something else is in the sum, too */
		take_usual(items, nr);
	else
		give_up(items, nr, known);
	free(sums.row);
	return 0;
}

int weir_guess_make(struct weir_guess *items, size_t nr, uint64_t known)
{
	uint64_t usual = sum_of(items, nr, true), all = sum_of(items, nr, false);

	if (usual == known || all < known) {
		take_usual(items, nr);
		return 0;
	}
	if (all == known || known == 0) {
		take_all(items, nr, known ? WEIR_GUESS_IN : WEIR_GUESS_OUT);
		return 0;
	}
	return try_all(items, nr, usual, known);
}
