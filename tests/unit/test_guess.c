/* guess: which amounts make up a sum that is known. */
#include "holders/guess.h"

#include "fault.h"
#include "test.h"

/* most rows of a table end in zeros */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#include <errno.h>

#define ITEMS_MAX 6

struct guess_case {
	const char *what;
	uint64_t known;
	struct {
		uint64_t amount;
		bool usual;
		char want; /* i in, o out, ? unsure; 0 ends */
	} items[ITEMS_MAX];
};

static const struct guess_case cases[] = {
	{ "no items", 5, { { 0 } } },
	{ "all usual, and it fits", 8, { { 3, true, 'i' }, { 5, true, 'i' } } },
	{ "the usual goes first",
	  8,
	  { { 8, false, 'o' }, { 3, true, 'i' }, { 5, true, 'i' } } },
	{ "less than the usual can be: one is out",
	  5,
	  { { 3, true, 'o' }, { 5, true, 'i' } } },
	{ "nothing is reserved", 0, { { 3, true, 'o' }, { 5, false, 'o' } } },
	{ "everything is",
	  12,
	  { { 3, true, 'i' }, { 5, true, 'i' }, { 4, false, 'i' } } },
	{ "one that is not usual",
	  12,
	  { { 3, true, 'i' }, { 5, true, 'i' }, { 4, false, 'i' }, { 10, false, 'o' } } },
	{ "two alike: which cannot be said", 5, { { 5, true, '?' }, { 5, true, '?' } } },
	{ "two alike, and one that is sure",
	  7,
	  { { 5, true, '?' }, { 5, true, '?' }, { 2, true, 'i' } } },
	{ "two choices", 6, { { 6, true, '?' }, { 2, true, '?' }, { 4, true, '?' } } },
	{ "a part that both choices have",
	  16,
	  { { 6, true, '?' }, { 2, true, '?' }, { 4, true, '?' }, { 10, true, 'i' } } },
	{ "more than there is: the rest is somebody else's",
	  20,
	  { { 3, true, 'i' }, { 5, true, 'i' } } },
	{ "more than there is: what is not usual is not invented",
	  20,
	  { { 3, true, 'i' }, { 5, false, 'o' } } },
	{ "no choice makes it, the usual is less",
	  7,
	  { { 4, true, 'i' }, { 8, false, 'o' } } },
	{ "no choice makes it, the usual is more",
	  5,
	  { { 4, true, '?' }, { 8, true, 'o' } } },
	{ "past a word of bits",
	  200,
	  { { 63, true, 'o' },
	    { 64, true, 'i' },
	    { 65, true, 'o' },
	    { 136, true, 'i' } } },
	{ "too large to be tried",
	  UINT64_C(1) << 40,
	  { { UINT64_C(1) << 40, true, '?' }, { 1, true, '?' } } },
	{ "sums past 2^64",
	  1,
	  { { UINT64_MAX, true, 'o' }, { UINT64_MAX, true, 'o' }, { 1, false, 'i' } } },
};

static void guess_cases_are_decided_or_unsure(void **state)
{
	static const char words[] = {
		[WEIR_GUESS_OUT] = 'o', [WEIR_GUESS_IN] = 'i', [WEIR_GUESS_UNSURE] = '?'
	};

	(void)state;
	for (size_t c = 0; c < WEIR_NELEM(cases); c++) {
		struct weir_guess items[ITEMS_MAX] = { 0 };
		size_t nr = 0;

		while (nr < ITEMS_MAX && cases[c].items[nr].want) {
			items[nr].amount = cases[c].items[nr].amount;
			items[nr].usual = cases[c].items[nr].usual;
			nr++;
		}
		expect_int_eq(weir_guess_make(items, nr, cases[c].known), 0);
		for (size_t i = 0; i < nr; i++)
			if (words[items[i].state] != cases[c].items[i].want)
				fail_msg("%s: item %zu is %c", cases[c].what, i,
				         words[items[i].state]);
	}
}

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return *seed >> 33;
}

/* Every choice, one after the other. */
static void try_choices(const struct weir_guess *items, size_t nr, uint64_t known,
                        unsigned int *in, unsigned int *out)
{
	*in = *out = 0;
	for (unsigned int set = 0; set < 1U << nr; set++) {
		uint64_t sum = 0;

		for (size_t i = 0; i < nr; i++)
			sum += set >> i & 1 ? items[i].amount : 0;
		if (sum == known) {
			*in |= set;
			*out |= ~set;
		}
	}
}

static void guess_agrees_with_trying_each_choice(void **state)
{
	uint64_t seed = 42;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		struct weir_guess items[8] = { 0 };
		size_t nr = 1 + next(&seed) % 8;
		uint64_t known = next(&seed) % 150, usual = 0;
		unsigned int in, out;

		for (size_t i = 0; i < nr; i++) {
			items[i].amount = 1 + next(&seed) % 90;
			items[i].usual = next(&seed) % 2;
			usual += items[i].usual ? items[i].amount : 0;
		}
		try_choices(items, nr, known, &in, &out);
		expect_int_eq(weir_guess_make(items, nr, known), 0);
		if (usual == known || (!in && !out))
			continue; /* no choice is better than another */
		for (size_t i = 0; i < nr; i++) {
			enum weir_guess_state want = in >> i & 1 && out >> i & 1
			                                     ? WEIR_GUESS_UNSURE
			                             : in >> i & 1 ? WEIR_GUESS_IN
			                                           : WEIR_GUESS_OUT;

			if (items[i].state != want)
				fail_msg("round %d, item %zu is %d, not %d", round, i,
				         items[i].state, want);
		}
	}
}

static int guess_once(void *ctx)
{
	struct weir_guess items[] = { { 3, true, 0 }, { 4, true, 0 } };

	(void)ctx;
	return weir_guess_make(items, WEIR_NELEM(items), 4);
}

static void guess_without_memory_fails(void **state)
{
	(void)state;
	expect_int_eq(fault_every(guess_once, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(guess_cases_are_decided_or_unsure),
		cmocka_unit_test(guess_agrees_with_trying_each_choice),
		cmocka_unit_test(guess_without_memory_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
