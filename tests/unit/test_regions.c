/* Range sets against a naive twin: an array that says of each index who pays for it. */
#include "base/rng.h"
#include "model/regions.h"
#include "test.h"

#define SPAN  64
#define STEPS 100000

static uint32_t twin[SPAN]; /* 0: not in the set; else payer + 1 */

struct paid {
	uint64_t by[4];
};

static void paid(void *ctx, uint32_t group, uint64_t nr)
{
	((struct paid *)ctx)->by[group] += nr;
}

static uint64_t twin_count(uint32_t from, uint32_t to)
{
	uint64_t n = 0;

	for (uint32_t i = from; i < to; i++)
		n += twin[i] != 0;
	return n;
}

/* Ascending, disjoint, not empty, and neighbours differ. */
static void check_form(const struct weir_regions *set)
{
	for (uint32_t i = 0; i < set->nr; i++) {
		const struct weir_region *r = &set->v[i];

		assert_true(r->from < r->to);
		if (i && r[-1].to == r->from)
			assert_int_not_equal(r[-1].group, r->group);
		else if (i)
			assert_true(r[-1].to < r->from);
		for (uint32_t k = r->from; k < r->to; k++)
			expect_u64_eq(twin[k], r->group + 1);
	}
}

/* The answer for one index, and for how many it is the same: not for too many, and to the
 * end of a range or a gap. */
static void check_has(const struct weir_regions *set, uint32_t idx, uint32_t asked)
{
	uint32_t nr = asked;
	bool has = weir_regions_has(set, idx, &nr);

	assert_int_equal(has, twin[idx] != 0);
	assert_true(nr >= 1 && nr <= asked);
	for (uint32_t i = idx; i < idx + nr && i < SPAN; i++)
		assert_int_equal(twin[i] != 0, has);
	if (nr < asked && idx + nr < SPAN)
		expect_u64_eq(twin[idx + nr] == twin[idx], 0);
}

static void regions_random_steps_equal_an_array(void **state)
{
	weir_auto(weir_regions_done) struct weir_regions set = { 0 };
	struct weir_rng rng;

	(void)state;
	weir_rng_seed(&rng, 7);
	memset(twin, 0, sizeof(twin));
	for (unsigned int step = 0; step < STEPS; step++) {
		uint32_t from = (uint32_t)weir_rng_below(&rng, SPAN);
		uint32_t to = from + (uint32_t)weir_rng_below(&rng, SPAN - from + 1);
		uint32_t group = (uint32_t)weir_rng_below(&rng, 4);

		if (weir_rng_below(&rng, 2)) {
			assert_true(weir_regions_add(&set, from, to, group));
			for (uint32_t i = from; i < to; i++)
				if (!twin[i])
					twin[i] = group + 1;
		} else {
			struct paid got = { { 0 } }, want = { { 0 } };

			for (uint32_t i = from; i < to; i++) {
				if (twin[i] > 1)
					want.by[twin[i] - 1]++;
				twin[i] = 0;
			}
			assert_true(weir_regions_del(&set, from, to, paid, &got));
			assert_memory_equal(&got, &want, sizeof(got));
		}
		expect_u64_eq(weir_regions_count(&set, 0, SPAN), twin_count(0, SPAN));
		expect_u64_eq(weir_regions_count(&set, from, to), twin_count(from, to));
		check_has(&set, from % SPAN, 1 + to);
		check_form(&set);
	}
	expect_u64_eq(weir_regions_count(&set, 0, SPAN), twin_count(0, SPAN));
}

static void regions_hole_in_the_middle_makes_two(void **state)
{
	weir_auto(weir_regions_done) struct weir_regions set = { 0 };

	(void)state;
	assert_true(weir_regions_add(&set, 0, 10, 1));
	assert_true(weir_regions_del(&set, 4, 6, NULL, NULL));
	expect_u64_eq(set.nr, 2);
	expect_u64_eq(weir_regions_count(&set, 0, 10), 8);
	assert_true(weir_regions_add(&set, 4, 6, 1));
	expect_u64_eq(set.nr, 1); /* the same payer: one again */
}

static void regions_other_payer_stays_apart(void **state)
{
	weir_auto(weir_regions_done) struct weir_regions set = { 0 };

	(void)state;
	assert_true(weir_regions_add(&set, 0, 4, 1));
	assert_true(weir_regions_add(&set, 2, 8, 2));
	expect_u64_eq(set.nr, 2);
	expect_u64_eq(set.v[1].from, 4);
	assert_true(weir_regions_add(&set, 0, 0, 3)); /* nothing */
	expect_u64_eq(set.nr, 2);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(regions_hole_in_the_middle_makes_two),
		cmocka_unit_test(regions_other_payer_stays_apart),
		cmocka_unit_test(regions_random_steps_equal_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
