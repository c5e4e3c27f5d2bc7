/* Sparse arrays against a naive twin: an array. */
#include "base/rng.h"
#include "model/slots.h"
#include "test.h"

#define SPAN  3000 /* several chunks */
#define STEPS 100000

static void random_steps(uint64_t seed, uint32_t span)
{
	static weir_page_id twin[SPAN];
	weir_auto(weir_slots_done) struct weir_slots slots = { 0 };
	struct weir_rng rng;
	uint32_t used = 0;

	weir_rng_seed(&rng, seed);
	memset(twin, 0, sizeof(twin));
	for (unsigned int step = 0; step < STEPS; step++) {
		uint32_t idx = (uint32_t)weir_rng_below(&rng, span), next;
		weir_page_id id = (weir_page_id)weir_rng_below(&rng, 3);

		used += (id != 0 ? 1U : 0U) - (twin[idx] != 0 ? 1U : 0U);
		twin[idx] = id;
		assert_true(weir_slots_set(&slots, idx, id, span));
		expect_u64_eq(slots.used, used);
		idx = (uint32_t)weir_rng_below(&rng, span);
		expect_u64_eq(weir_slots_get(&slots, idx), twin[idx]);
		if (step % 100)
			continue;
		for (next = idx; next < span && !twin[next]; next++)
			;
		expect_u64_eq(weir_slots_next(&slots, idx, span), next);
	}
}

static void slots_random_steps_equal_an_array(void **state)
{
	(void)state;
	random_steps(1, 5);
	random_steps(2, WEIR_SLOTS_CHUNK);
	random_steps(3, WEIR_SLOTS_CHUNK + 1);
	random_steps(4, SPAN);
}

static void slots_far_index_costs_little(void **state)
{
	weir_auto(weir_slots_done) struct weir_slots slots = { 0 };

	(void)state;
	expect_u64_eq(weir_slots_get(&slots, UINT32_MAX), 0);
	assert_true(
		weir_slots_set(&slots, 50000000, 0, UINT32_MAX)); /* emptying is free */
	expect_u64_eq(slots.length, 0);
	assert_true(weir_slots_set(&slots, 50000000, 9, UINT32_MAX));
	expect_u64_eq(weir_slots_get(&slots, 50000000), 9);
	expect_u64_eq(weir_slots_next(&slots, 0, UINT32_MAX), 50000000);
	expect_u64_eq(weir_slots_next(&slots, 50000001, UINT32_MAX), UINT32_MAX);
	expect_u64_eq(slots.used, 1);
}

static void slots_small_ones_take_no_more_than_they_need(void **state)
{
	weir_auto(weir_slots_done) struct weir_slots slots = { 0 };

	(void)state;
	assert_true(weir_slots_set(&slots, 2, 1, 3));
	expect_u64_eq(slots.length, 3);
	expect_u64_eq(weir_slots_get(&slots, 3), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(slots_far_index_costs_little),
		cmocka_unit_test(slots_small_ones_take_no_more_than_they_need),
		cmocka_unit_test(slots_random_steps_equal_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
