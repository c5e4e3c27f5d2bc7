/* held_frames: lines of page frames. */
#include "facts/held_frames.h"

#include "test.h"

static void frame_lines_are_two_numbers(void **state)
{
	uint64_t index, pfn;

	(void)state;
	assert_true(weir_held_frame_parse(weir_strz("3 262144"), &index, &pfn));
	expect_u64_eq(index, 3);
	expect_u64_eq(pfn, 262144);
	assert_false(weir_held_frame_parse(weir_strz("3"), &index, &pfn));
	assert_false(weir_held_frame_parse(weir_strz("3 x"), &index, &pfn));
	assert_false(weir_held_frame_parse(weir_strz(""), &index, &pfn));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(frame_lines_are_two_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
