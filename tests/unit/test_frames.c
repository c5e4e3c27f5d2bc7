/* frames: zones and areas that touch, overlap or end oddly. That areas must make up what
 * the kernel counts is test_placement's. */
#include "facts/frames.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

static struct weir_zone zone(unsigned int node, const char *name, uint64_t first,
                             uint64_t nr)
{
	struct weir_zone z = { .node = node,
		               .start_pfn = WEIR_COUNT(first),
		               .spanned = WEIR_COUNT(nr) };

	(void)snprintf(z.name, sizeof(z.name), "%s", name);
	return z;
}

static void ranges_have_what_is_in_them(void **state)
{
	struct weir_cma_range v[] = { { 10, 20 }, { 30, 40 } };
	struct weir_cma_ranges ranges = { true, v, 2, 2 }, none = { 0 };

	(void)state;
	assert_false(weir_cma_ranges_has(&none, 0, UINT64_MAX));
	assert_false(weir_cma_ranges_has(&ranges, 0, 10));
	assert_true(weir_cma_ranges_has(&ranges, 0, 11));
	assert_true(weir_cma_ranges_has(&ranges, 19, 20));
	assert_false(weir_cma_ranges_has(&ranges, 20, 30));
	assert_true(weir_cma_ranges_has(&ranges, 12, 13));
	assert_true(weir_cma_ranges_has(&ranges, 0, 100));
	assert_false(weir_cma_ranges_has(&ranges, 40, 100));
}

static void zone_of_frame_is_the_only_one_or_none(void **state)
{
	struct weir_zone v[] = { zone(0, "DMA", 0, 10), zone(0, "Normal", 10, 90),
		                 zone(1, "Normal", 90, 10), zone(1, "Empty", 200, 0),
		                 zone(1, "Past", UINT64_MAX, 2) };
	struct weir_zones zones = { v, WEIR_NELEM(v), WEIR_NELEM(v), false };

	(void)state;
	assert_ptr_equal(weir_zone_of_frame(&zones, 0), &v[0]);
	assert_ptr_equal(weir_zone_of_frame(&zones, 9), &v[0]);
	assert_ptr_equal(weir_zone_of_frame(&zones, 10), &v[1]);
	assert_null(weir_zone_of_frame(&zones, 90)); /* of two */
	assert_null(weir_zone_of_frame(&zones, 100));
	assert_null(weir_zone_of_frame(&zones, 200));
	assert_null(weir_zone_of_frame(&zones, UINT64_MAX));
}

static void segments_are_cut_at_every_border(void **state)
{
	static const struct {
		uint64_t first, end;
		unsigned int nr_nodes;
		bool movable, other_zone, cma;
	} want[] = {
		{ 0, 10, 1, false, true, false },    { 10, 20, 1, false, true, true },
		{ 20, 50, 1, false, true, false },   { 50, 60, 1, true, true, false },
		{ 60, 70, 2, true, true, false },    { 70, 80, 1, false, true, false },
		{ 100, 110, 1, true, false, false },
	};
	struct weir_zone v[] = { zone(0, "Normal", 0, 60), zone(0, "Movable", 50, 20),
		                 zone(1, "Normal", 60, 20), zone(1, "Movable", 100, 10) };
	struct weir_zones zones = { v, WEIR_NELEM(v), WEIR_NELEM(v), false };
	struct weir_cma_range area = { 10, 20 };
	struct weir_cma_ranges ranges = { true, &area, 1, 1 };
	struct weir_segments got;

	(void)state;
	expect_int_eq(weir_segments_make(&zones, &ranges, &got), 0);
	expect_u64_eq(got.nr, WEIR_NELEM(want));
	for (size_t i = 0; i < got.nr; i++) {
		expect_u64_eq(got.v[i].first, want[i].first);
		expect_u64_eq(got.v[i].end, want[i].end);
		expect_u64_eq(got.v[i].nr_nodes, want[i].nr_nodes);
		expect_int_eq(got.v[i].movable, want[i].movable);
		expect_int_eq(got.v[i].other_zone, want[i].other_zone);
		expect_int_eq(got.v[i].cma, want[i].cma);
	}
	expect_u64_eq(weir_segments_at(&got, 0), 0);
	expect_u64_eq(weir_segments_at(&got, 10), 1);
	expect_u64_eq(weir_segments_at(&got, 85), 6); /* before it */
	expect_u64_eq(weir_segments_at(&got, 110), 7);
	weir_segments_done(&got);
	zones.nr = 0;
	ranges.nr = 0;
	expect_int_eq(weir_segments_make(&zones, &ranges, &got), 0);
	expect_u64_eq(got.nr, 0);
	weir_segments_done(&got);
}

static int make(void *ctx)
{
	struct weir_cma_ranges none = { 0 };
	struct weir_segments got;
	int r = weir_segments_make(ctx, &none, &got);

	if (r == 0)
		weir_segments_done(&got);
	return r;
}

static void segments_every_failed_allocation_is_told(void **state)
{
	struct weir_zone v[] = { zone(0, "Normal", 0, 60) };
	struct weir_zones zones = { v, 1, 1, false };

	(void)state;
	expect_int_eq(fault_every(make, &zones), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(ranges_have_what_is_in_them),
		cmocka_unit_test(zone_of_frame_is_the_only_one_or_none),
		cmocka_unit_test(segments_are_cut_at_every_border),
		cmocka_unit_test(segments_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
