/* mount_ask: what is asked of a mount, and the words about it. */
#include "apply/mount_ask.h"

#include "plan/mount_name.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

/* most rows of a table end in zeros */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

#define M2 (UINT64_C(2) << 20)
#define G1 (UINT64_C(1) << 30)
#define N  WEIR_COUNT

static struct weir_huge_size sizes[] = {
	{ .size_bytes = M2,
	  .all = { .nr = N(16), .free = N(10), .surplus = N(1), .reserved = N(4) },
	  .overcommit = N(3) },
	{ .size_bytes = G1 },
};
static const struct weir_pools pools = { .known = true, .sizes = sizes, .nr = 2 };

static void amount_is_bytes_or_pages(void **state)
{
	static const struct {
		const char *text;
		int result;
		uint64_t bytes;
	} cases[] = {
		{ "512p", 0, 512 * M2 },
		{ "0p", 0, 0 },
		{ "1G", 0, G1 },
		{ "4096kB", 0, 4096 << 10 },
		{ "p", -EBADMSG },
		{ "", -EBADMSG },
		{ "1.5G", -EBADMSG },
		{ "-1p", -EBADMSG },
		{ "50%", -EBADMSG },
		{ "1pp", -EBADMSG },
		{ "4398046511104p", -ERANGE },
		{ "18446744073709551615p", -ERANGE },
		{ "8E", -ERANGE },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		uint64_t bytes = 7;

		expect_int_eq(
			weir_mount_amount_parse(weir_strz(cases[i].text), M2, &bytes),
			cases[i].result);
		expect_u64_eq(bytes, cases[i].result ? 7 : cases[i].bytes);
	}
}

static void mode_is_octal(void **state)
{
	uint64_t mode;

	(void)state;
	expect_int_eq(weir_mount_mode_parse(weir_strz("01770"), &mode), 0);
	expect_u64_eq(mode, 01770);
	expect_int_eq(weir_mount_mode_parse(weir_strz("8"), &mode), -EBADMSG);
	expect_int_eq(weir_mount_mode_parse(weir_strz(""), &mode), -EBADMSG);
	expect_int_eq(weir_mount_mode_parse(weir_strz("0x1ff"), &mode), -EBADMSG);
	expect_int_eq(weir_mount_mode_parse(weir_strz("000777"), &mode), -EBADMSG);
}

static void ask_that_the_kernel_would_change_is_refused(void **state)
{
	static const struct {
		struct weir_mount_ask ask;
		const char *words; /* NULL: fine */
	} cases[] = {
		{ { .page_bytes = M2 }, NULL },
		{ { .page_bytes = M2, .size_bytes = N(M2), .min_size_bytes = N(M2) },
		  NULL },
		{ { .page_bytes = M2, .size_bytes = N(0) }, "less than one page of 2M" },
		{ { .page_bytes = M2, .size_bytes = N(1) }, "less than one page of 2M" },
		{ { .page_bytes = G1, .size_bytes = N(G1 - 1) },
		  "round it down to none" },
		{ { .page_bytes = M2, .size_bytes = N(3 * M2 / 2) }, "to 2M (1 page)" },
		{ { .page_bytes = M2, .min_size_bytes = N(5 * M2 / 2) },
		  "to 4M (2 pages)" },
		{ { .page_bytes = M2, .size_bytes = N(M2), .min_size_bytes = N(2 * M2) },
		  "--min-size 4M is more than --size 2M" },
		{ { .page_bytes = M2, .nr_inodes = N(1) }, "root directory" },
		{ { .page_bytes = M2, .nr_inodes = N(2) }, NULL },
		{ { .page_bytes = M2, .mode = N(01777) }, NULL },
		{ { .page_bytes = M2, .mode = N(04755) }, "up to 1777" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_err err = { 0 };
		int r = weir_mount_ask_check(&cases[i].ask, &err);

		expect_int_eq(r, cases[i].words ? -EINVAL : 0);
		if (cases[i].words && !strstr(err.msg, cases[i].words))
			fail_msg("'%s' is not in '%s'", cases[i].words, err.msg);
	}
}

static void options_are_exact(void **state)
{
	const struct weir_mount_ask all = { .page_bytes = M2,
		                            .size_bytes = N(G1),
		                            .min_size_bytes = N(3 * M2),
		                            .nr_inodes = N(10),
		                            .mode = N(01770),
		                            .uid = N(107),
		                            .gid = N(0) };
	const struct weir_mount_ask none = { .page_bytes = G1 };
	struct weir_buf out = { 0 };

	(void)state;
	expect_int_eq(weir_mount_options(&all, &out), 0);
	expect_str(out.p, "pagesize=2M,size=1G,min_size=6M,mode=1770,uid=107,gid=0,"
	                  "nr_inodes=10");
	out.n = 0;
	expect_int_eq(weir_mount_options(&none, &out), 0);
	expect_str(out.p, "pagesize=1G");
	weir_buf_done(&out);
}

static void directory_is_the_custom_one(void **state)
{
	struct weir_buf out = { 0 };

	(void)state;
	expect_int_eq(weir_mount_custom_dir(M2, N(M2), &out), 0);
	expect_str(out.p, "/dev/hugepages");
	out.n = 0;
	expect_int_eq(weir_mount_custom_dir(G1, N(M2), &out), 0);
	expect_str(out.p, "/dev/hugepages1G");
	out.n = 0;
	expect_int_eq(weir_mount_custom_dir(M2, (struct weir_count){ 0 }, &out), 0);
	expect_str(out.p, "/dev/hugepages2M");
	weir_buf_done(&out);
}

static void difference_is_named(void **state)
{
	static const struct {
		struct weir_mount_ask ask;
		struct weir_hugetlbfs mount;
		const char *words;
	} cases[] = {
		{ { .page_bytes = M2 }, { .page_bytes = N(M2) }, "" },
		{ { .page_bytes = M2 },
		  { .page_bytes = N(G1) },
		  "pagesize=1G and not 2M" },
		{ { .page_bytes = M2 }, { 0 }, "no pagesize= and not 2M" },
		{ { .page_bytes = M2, .size_bytes = N(G1) },
		  { .page_bytes = N(M2) },
		  "no size= and not 1G" },
		{ { .page_bytes = M2 },
		  { .page_bytes = N(M2), .min_size_bytes = N(M2), .nr_inodes = N(9) },
		  "min_size=2M and not none, nr_inodes=9 and not none" },
		{ { .page_bytes = M2, .nr_inodes = N(9) },
		  { .page_bytes = N(M2) },
		  "no nr_inodes= and not 9" },
		/* the kernel does not tell what is usual */
		{ { .page_bytes = M2, .mode = N(0755), .uid = N(0), .gid = N(0) },
		  { .page_bytes = N(M2) },
		  "" },
		{ { .page_bytes = M2, .mode = N(01777), .gid = N(36) },
		  { .page_bytes = N(M2), .uid = N(7) },
		  "mode=755 and not 1777, gid=0 and not 36" },
		/* and who does not ask takes what there is */
		{ { .page_bytes = M2 }, { .page_bytes = N(M2), .mode = N(01777) }, "" },
	};
	struct weir_buf out = { 0 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		out.n = 0;
		expect_int_eq(weir_buf_addz(&out, ""), 0);
		expect_int_eq(weir_mount_differs(&cases[i].ask, &cases[i].mount, &out),
		              0);
		expect_str(out.p, cases[i].words);
	}
	weir_buf_done(&out);
}

static void room_is_what_is_really_free_and_may_grow(void **state)
{
	struct weir_mount_ask ask = { .page_bytes = M2, .min_size_bytes = N(8 * M2) };
	struct weir_mount_room room = weir_mount_room(&ask, &pools);

	(void)state;
	expect_u64_eq(room.wanted, 8);
	expect_count(room.free, 6);
	expect_count(room.growth, 2);
	expect_count(room.missing, 0);
	ask.min_size_bytes.n += 3 * M2;
	expect_count(weir_mount_room(&ask, &pools).missing, 3);
	ask.page_bytes = G1; /* of which nothing is known */
	expect_unknown(weir_mount_room(&ask, &pools).missing);
	ask.page_bytes = 4096;
	expect_unknown(weir_mount_room(&ask, &pools).missing);
}

static void name_speaks_of_one_size_that_there_is(void **state)
{
	static const struct {
		const char *path;
		uint64_t bytes; /* 0: of none */
	} cases[] = {
		{ "/dev/hugepages", 0 },
		{ "/dev/hugepages1G", G1 },
		{ "/dev/hugepages-1GB", G1 },
		{ "/mnt/huge_2048kB", M2 },
		{ "/1G/huge", 0 },
		{ "/dev/vm-4G", 0 },
		{ "/dev/from-2M-to-1G", 0 },
		{ "/dev/2M-2MiB", M2 },
		{ "/dev/hugepages-1048576kB", G1 },
		{ "/dev/1Gig", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_count got = weir_mount_named_size(&pools, cases[i].path);

		expect_u64_eq(got.n, cases[i].bytes);
		expect_int_eq(got.known, cases[i].bytes > 0);
	}
}

static void sizes_are_listed(void **state)
{
	struct weir_buf out = { 0 };

	(void)state;
	expect_int_eq(weir_mount_sizes(&pools, &out), 0);
	expect_str(out.p, "2M and 1G");
	weir_buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(amount_is_bytes_or_pages),
		cmocka_unit_test(mode_is_octal),
		cmocka_unit_test(ask_that_the_kernel_would_change_is_refused),
		cmocka_unit_test(options_are_exact),
		cmocka_unit_test(directory_is_the_custom_one),
		cmocka_unit_test(difference_is_named),
		cmocka_unit_test(room_is_what_is_really_free_and_may_grow),
		cmocka_unit_test(name_speaks_of_one_size_that_there_is),
		cmocka_unit_test(sizes_are_listed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
