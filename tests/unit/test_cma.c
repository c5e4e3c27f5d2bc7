/* cma: what each kernel tells of its areas, and how little noise the rest makes. */
#include "facts/cma.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define DIR "/sys/kernel/mm/cma"

static void cma_of_6_12_tells_all(void **state)
{
	struct fake_file files[] = {
		{ DIR "/reserved/alloc_pages_success", "5\n" },
		{ DIR "/reserved/alloc_pages_fail", "1\n" },
		{ DIR "/reserved/release_pages_success", "4\n" },
		{ DIR "/reserved/total_pages", "16384\n" },
		{ DIR "/reserved/available_pages", "16383\n" },
		{ DIR "/a_file", "not an area\n" },
	};
	struct fake_host fake;
	struct weir_cma cma;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cma_read(&fake.reader, &cma);
	assert_true(cma.known);
	expect_u64_eq(cma.nr, 1);
	expect_str(cma.v[0].name, "reserved");
	expect_count(cma.v[0].alloc_success, 5);
	expect_count(cma.v[0].alloc_fail, 1);
	expect_count(cma.v[0].release_success, 4);
	expect_count(cma.v[0].total, 16384);
	expect_count(cma.v[0].available, 16383);
	expect_u64_eq(fake.gaps.nr, 0);
	weir_cma_done(&cma);
	fake_close(&fake);
}

/* 6.6 has two files an area, and a Hygon host up to 2,458 areas: what is lacking is told
 * once a file. */
static void cma_of_2458_areas_has_three_gaps(void **state)
{
	enum { AREAS = 2458 };
	static struct fake_file files[AREAS * 2];
	static char paths[AREAS * 2][64];
	struct fake_host fake;
	struct weir_cma cma;

	(void)state;
	for (unsigned int i = 0; i < AREAS * 2; i++) {
		(void)snprintf(paths[i], sizeof(paths[i]), DIR "/csv-n%uc%u/%s",
		               i / 2 % 8, i / 16,
		               i % 2 ? "alloc_pages_fail" : "alloc_pages_success");
		files[i] = (struct fake_file){ paths[i], "7\n" };
	}
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cma_read(&fake.reader, &cma);
	expect_u64_eq(cma.nr, AREAS);
	expect_str(cma.v[0].name, "csv-n0c0");
	expect_count(cma.v[AREAS - 1].alloc_fail, 7);
	expect_unknown(cma.v[AREAS - 1].total);
	expect_u64_eq(fake.gaps.nr, 3);
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR "/csv-n0c0/release_pages_success");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR "/csv-n0c0/total_pages");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR "/csv-n0c0/available_pages");
	weir_cma_done(&cma);
	fake_close(&fake);
}

static void cma_odd_files_are_gaps_of_their_own_area(void **state)
{
	static char large[WEIR_SMALL_MAX + 2];
	struct fake_file files[] = {
		{ DIR "/a/alloc_pages_success", "18446744073709551615\n" },
		{ DIR "/a/alloc_pages_fail", .error = -EACCES },
		{ DIR "/a/release_pages_success", .error = -EIO },
		{ DIR "/a/total_pages", large },
		{ DIR "/b/alloc_pages_success", "1\n" },
		{ DIR "/b/alloc_pages_fail", "2\n" },
		{ DIR "/b/release_pages_success", "9223372036854775807\n" },
		{ DIR "/b/total_pages", "4" },
		{ DIR "/b/available_pages", "" },
	};
	struct fake_host fake;
	struct weir_cma cma;

	(void)state;
	memset(large, '1', sizeof(large) - 1);
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cma_read(&fake.reader, &cma);
	expect_u64_eq(cma.nr, 2);
	expect_unknown(cma.v[0].alloc_success);
	expect_unknown(cma.v[0].alloc_fail);
	expect_unknown(cma.v[0].release_success);
	expect_unknown(cma.v[0].total);
	expect_count(cma.v[1].alloc_success, 1);
	expect_count(cma.v[1].alloc_fail, 2);
	expect_count(cma.v[1].release_success, WEIR_COUNT_MAX);
	expect_count(cma.v[1].total, 4);
	fake_expect_gap(&fake, WEIR_GAP_MALFORMED, DIR "/a/alloc_pages_success");
	fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN, DIR "/a/alloc_pages_fail");
	fake_expect_gap(&fake, WEIR_GAP_FAILED, DIR "/a/release_pages_success");
	fake_expect_gap(&fake, WEIR_GAP_TOO_LARGE, DIR "/a/total_pages");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR "/a/available_pages");
	expect_u64_eq(fake.gaps.nr, 5);
	weir_cma_done(&cma);
	fake_close(&fake);
}

static void cma_that_cannot_be_listed_is_not_known(void **state)
{
	static const struct {
		int error;
		enum weir_gap_kind kind;
	} cases[] = {
		{ -ENOENT, WEIR_GAP_ABSENT },
		{ -EACCES, WEIR_GAP_FORBIDDEN },
		{ -EPERM, WEIR_GAP_FORBIDDEN },
		{ -EIO, WEIR_GAP_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = { { DIR, .error = cases[i].error },
			                     { DIR "/a/total_pages", "1\n" } };
		struct fake_host fake;
		struct weir_cma cma;

		fake_open(&fake, files, WEIR_NELEM(files));
		weir_cma_read(&fake.reader, &cma);
		assert_false(cma.known);
		expect_u64_eq(cma.nr, 0);
		expect_u64_eq(fake.gaps.nr, 1);
		fake_expect_gap(&fake, cases[i].kind, DIR);
		weir_cma_done(&cma);
		fake_close(&fake);
	}
}

static int read_all(void *ctx)
{
	struct fake_file files[] = {
		{ DIR "/a/alloc_pages_success", "1\n" },
		{ DIR "/b/alloc_pages_success", "x\n" },
	};
	struct fake_host fake;
	struct weir_cma cma;
	int failed;

	(void)ctx;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cma_read(&fake.reader, &cma);
	failed = fake.reader.failed;
	weir_cma_done(&cma);
	fake_close(&fake);
	return failed;
}

static void cma_every_failed_allocation_is_told(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_all, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cma_of_6_12_tells_all),
		cmocka_unit_test(cma_of_2458_areas_has_three_gaps),
		cmocka_unit_test(cma_odd_files_are_gaps_of_their_own_area),
		cmocka_unit_test(cma_that_cannot_be_listed_is_not_known),
		cmocka_unit_test(cma_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
