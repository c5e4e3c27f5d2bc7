/* Sparse arrays against a naive twin: an array. */
#include "base/rng.h"
#include "model/slots.h"
#include "test.h"

#define SPAN  3000 /* several chunks */
#define STEPS 100000

static uint32_t twin_next(const weir_page_id *twin, uint32_t from, uint32_t end)
{
	while (from < end && !twin[from])
		from++;
	return from;
}

static uint32_t twin_count(const weir_page_id *twin, uint32_t from, uint32_t end)
{
	uint32_t used = 0;

	for (; from < end; from++)
		used += twin[from] != 0;
	return used;
}

/* Fills what is empty from @from on, at most to the end of @ids. */
static void put(struct weir_slots *slots, weir_page_id *twin, uint32_t from,
                uint32_t span)
{
	weir_page_id ids[1500];
	uint32_t end = span - from < 1500 ? span : from + 1500;
	uint32_t nr = twin_next(twin, from, end) - from;

	for (uint32_t i = 0; i < nr; i++)
		ids[i] = twin[from + i] = 1 + i;
	assert_true(weir_slots_put(slots, from, ids, nr, span));
}

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
		next = idx + (uint32_t)weir_rng_below(&rng, span - idx + 1);
		expect_u64_eq(weir_slots_next(&slots, idx, next),
		              twin_next(twin, idx, next));
		expect_u64_eq(weir_slots_count(&slots, idx, next),
		              twin_count(twin, idx, next));
		if (step % 1000)
			continue;
		for (next = idx; next < span; next++) {
			twin[next] = 0;
			assert_true(weir_slots_set(&slots, next, 0, span));
		}
		put(&slots, twin, idx, span);
		used = twin_count(twin, 0, span);
		expect_u64_eq(slots.used, used);
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

/* The last chunk may be missing, and the end of all indexes is not the first. */
static void slots_highest_indexes_come_to_an_end(void **state)
{
	weir_auto(weir_slots_done) struct weir_slots slots = { 0 };
	const uint32_t high = UINT32_C(1) << 31;

	(void)state;
	assert_true(weir_slots_set(&slots, high, 7, UINT32_MAX));
	assert_true(weir_slots_set(&slots, high + 2 * WEIR_SLOTS_CHUNK, 8, UINT32_MAX));
	expect_u64_eq(slots.length, UINT32_MAX);
	expect_u64_eq(weir_slots_next(&slots, high + 1, UINT32_MAX),
	              high + 2 * WEIR_SLOTS_CHUNK);
	expect_u64_eq(
		weir_slots_next(&slots, high + 2 * WEIR_SLOTS_CHUNK + 1, UINT32_MAX),
		UINT32_MAX);
	expect_u64_eq(weir_slots_count(&slots, 1, UINT32_MAX), 2);
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
		cmocka_unit_test(slots_highest_indexes_come_to_an_end),
		cmocka_unit_test(slots_small_ones_take_no_more_than_they_need),
		cmocka_unit_test(slots_random_steps_equal_an_array),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
