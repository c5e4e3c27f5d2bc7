/* creators: numbers of processes in the names of files. */
#include "facts/creators.h"

#include "test.h"

#include "base/own.h"

static void creators_stand_in_names(void **state)
{
	static const struct {
		const char *path;
		uint64_t pid;
	} cases[] = {
		{ "/dev/hugepages/spdk_pid4242map_0", 4242 },
		{ "/dev/hugepages/pid/rtemap_0", 0 },
		{ "/dev/pid7/map", 0 },
		{ "/m/rapid_pid9", 9 },
		{ "/m/pid", 0 },
		{ "/m/pid99999999999", 0 },
		{ "/m/pid0x", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		expect_u64_eq(weir_creator_of_name(weir_strz(cases[i].path)),
		              cases[i].pid);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(creators_stand_in_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
