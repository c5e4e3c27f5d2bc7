/* shm: SysV segments as /proc/sysvipc/shm has them. */
#include "facts/shm.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

#define HEAD                                                                            \
	"       key      shmid perms                  size  cpid  lpid nattch   uid   " \
	"gid  cuid  cgid      atime      dtime      ctime                   rss  "      \
	"                swap\n"

/* Debian 12 on 6.18: 2 pages of 2M in use show as 2 GiB */
#define SEGMENT                                                                          \
	"         0     917518   600               8388608 18842 18843      1   107    " \
	" "                                                                              \
	"8     0     9 1795286893          0 1795286894            2147483648         "  \
	"            0\n"

static void shm_segment_has_its_columns(void **state)
{
	const struct weir_shm_segment *seg;
	struct weir_err err = { 0 };
	struct weir_shm shm;

	(void)state;
	expect_int_eq(weir_shm_parse(weir_strz(HEAD SEGMENT), &shm, &err), 0);
	assert_true(shm.known);
	expect_u64_eq(shm.nr, 1);
	seg = weir_shm_find(&shm, 917518);
	assert_non_null(seg);
	assert_null(weir_shm_find(&shm, 1));
	expect_u64_eq(seg->key, 0);
	expect_u64_eq(seg->size_bytes, 8388608);
	expect_u64_eq(seg->mode, 0600);
	assert_false(seg->destroyed);
	expect_u64_eq(seg->creator_pid, 18842);
	expect_u64_eq(seg->last_pid, 18843);
	expect_u64_eq(seg->nr_attached, 1);
	expect_u64_eq(seg->uid, 107);
	expect_u64_eq(seg->creator_uid, 0);
	expect_u64_eq(seg->changed_at, 1795286894);
	expect_count(seg->rss_bytes, UINT64_C(2147483648));
	weir_shm_done(&shm);
}

static void shm_odd_texts_lose_their_own_lines(void **state)
{
	static const struct {
		const char *text;
		int result;
		size_t nr;
	} cases[] = {
		{ "", 0, 0 },
		{ HEAD, 0, 0 },
		{ "shmid\n5\n7\n", 0, 2 },
		{ "shmid perms\n5 1600\n", 0, 1 },
		{ "shmid perms\n5 1900\n", WEIR_GARBLED, 0 },
		{ "key shmid\n-1 5\n", 0, 1 },
		{ "key shmid\n-4294967296 5\n", WEIR_GARBLED, 0 },
		{ "key\n5\n", WEIR_GARBLED, 0 }, /* without an id it is nothing */
		{ "shmid size\n5\n6 7\n", WEIR_GARBLED, 1 },
		{ "shmid size\n5 -1\n", WEIR_GARBLED, 0 },
		{ "shmid rss\n5 99999999999999999999\n", WEIR_GARBLED, 0 },
		{ HEAD SEGMENT HEAD SEGMENT, WEIR_GARBLED, 2 },
		{ "shmid new size\n5 x 9\n", 0, 1 }, /* a column of later */
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_err err = { 0 };
		struct weir_shm shm;
		int r = weir_shm_parse(weir_strz(cases[i].text), &shm, &err);

		if (r != cases[i].result || shm.nr != cases[i].nr)
			fail_msg("'%s' gives %d and %zu segments", cases[i].text, r,
			         shm.nr);
		weir_shm_done(&shm);
	}
}

static void shm_destroyed_and_negative_keys_are_seen(void **state)
{
	struct weir_err err = { 0 };
	struct weir_shm shm;

	(void)state;
	expect_int_eq(weir_shm_parse(weir_strz("key shmid perms\n-2 9 1644\n1 3 600\n"),
	                             &shm, &err),
	              0);
	expect_u64_eq(shm.v[0].id, 3); /* by id */
	assert_true(shm.v[1].destroyed);
	expect_u64_eq(shm.v[1].key, 0xfffffffe);
	expect_unknown(shm.v[1].rss_bytes);
	weir_shm_done(&shm);
}

static int parse_once(void *ctx)
{
	struct weir_shm shm;
	struct weir_err err;
	int r = weir_shm_parse(weir_strz(HEAD SEGMENT), &shm, &err);

	(void)ctx;
	if (r == 0)
		weir_shm_done(&shm);
	return r;
}

static void shm_without_memory_fails(void **state)
{
	(void)state;
	expect_int_eq(fault_every(parse_once, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(shm_segment_has_its_columns),
		cmocka_unit_test(shm_odd_texts_lose_their_own_lines),
		cmocka_unit_test(shm_destroyed_and_negative_keys_are_seen),
		cmocka_unit_test(shm_without_memory_fails),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
