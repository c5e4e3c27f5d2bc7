/* blocks: memory blocks that are going offline, and the pages of the pools in them. */
#include "facts/blocks.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define DIR  "/sys/devices/system/memory/"
#define M2   (UINT64_C(2) << 20)
#define G1   (UINT64_C(1) << 30)
#define BASE WEIR_COUNT(4096)

/* Of blocks of 128 MiB, 32768 page frames, 2, 3 and 10 leave: frames 65536 to 131071, and
 * 327680 to 360447. */
static struct fake_file leaving[] = {
	{ DIR "block_size_bytes", "8000000\n" },
	{ DIR "memory1/state", "online\n" },
	{ DIR "memory10/state", "going-offline\n" },
	{ DIR "memory2/state", "going-offline\n" },
	{ DIR "memory3/state", "going-offline\n" },
	{ DIR "memory4/state", "offline\n" },
	{ DIR "memory5/state", .error = -EACCES },
	{ DIR "memoryx/state", "going-offline\n" },
	/* 4 pages of which the last 2 are in block 2; 1 across the border of 3 and 4;
	 * 1G from 262144 to 524287, which block 10 is a part of; and some elsewhere */
	{ "/@/poolpages", "64512 4 2097152 used\n"
	                  "130560 2 2097152 free\n"
	                  "262144 1 1073741824 any\n"
	                  "655360 9 2097152 used\n" },
};

static void blocks_pages_are_counted_where_they_overlap(void **state)
{
	struct weir_blocks blocks;
	struct fake_host fake;

	(void)state;
	fake_open(&fake, leaving, WEIR_NELEM(leaving));
	expect_int_eq(weir_blocks_read(&fake.host, &blocks), 0);
	assert_true(blocks.known);
	expect_u64_eq(blocks.nr_seen, 5);
	expect_u64_eq(blocks.nr, 3);
	expect_u64_eq(blocks.v[0], 2);
	expect_u64_eq(blocks.v[2], 10);
	expect_count(blocks.block_bytes, UINT64_C(128) << 20);
	expect_count(weir_blocks_pages(&blocks, BASE, M2), 3);
	expect_count(weir_blocks_pages(&blocks, BASE, G1), 1);
	expect_count(weir_blocks_pages(&blocks, BASE, UINT64_C(65536)), 0);
	expect_unknown(weir_blocks_pages(&blocks, (struct weir_count){ 0 }, M2));
	weir_blocks_done(&blocks);
	fake_close(&fake);
}

static void blocks_without_places_leave_the_number_unknown(void **state)
{
	struct weir_blocks blocks;
	struct fake_host fake;

	(void)state;
	fake_open(&fake, leaving, WEIR_NELEM(leaving) - 1);
	expect_int_eq(weir_blocks_read(&fake.host, &blocks), 0);
	expect_u64_eq(blocks.nr, 3);
	expect_unknown(weir_blocks_pages(&blocks, BASE, M2));
	weir_blocks_done(&blocks);
	fake_close(&fake);
}

static void blocks_of_a_host_that_has_none_are_not_known(void **state)
{
	struct fake_file files[] = { { "/proc/meminfo", "" } };
	struct weir_blocks blocks;
	struct fake_host fake;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	expect_int_eq(weir_blocks_read(&fake.host, &blocks), 0);
	assert_false(blocks.known);
	expect_u64_eq(blocks.nr, 0);
	weir_blocks_done(&blocks);
	fake_close(&fake);
}

static int read_and_drop(void *ctx)
{
	struct weir_blocks blocks;
	struct fake_host fake;
	int r;

	(void)ctx;
	fake_open(&fake, leaving, WEIR_NELEM(leaving));
	r = weir_blocks_read(&fake.host, &blocks);
	if (r == 0)
		weir_blocks_done(&blocks);
	fake_close(&fake);
	return r;
}

static void blocks_without_memory_fail_and_leak_nothing(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_and_drop, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocks_pages_are_counted_where_they_overlap),
		cmocka_unit_test(blocks_without_places_leave_the_number_unknown),
		cmocka_unit_test(blocks_of_a_host_that_has_none_are_not_known),
		cmocka_unit_test(blocks_without_memory_fail_and_leak_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
