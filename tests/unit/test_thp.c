/* thp: the word in force, and every way of not knowing it. */
#include "facts/thp.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define DIR "/sys/kernel/mm/transparent_hugepage"

static void choice_is_the_one_word_in_brackets(void **state)
{
	static const struct {
		const char *text;
		const char *want; /* NULL: refused */
	} cases[] = {
		{ "always [madvise] never\n", "madvise" },
		{ "[always] madvise never\n", "always" },
		{ "always madvise [never]", "never" },
		{ "always defer [defer+madvise] madvise never\n", "defer+madvise" },
		{ "always within_size advise [never] deny force\n", "never" },
		{ "[x]", "x" },
		{ "\t [x] \n", "x" },
		{ "always madvise never\n", NULL },
		{ "[always] [never]\n", NULL },
		{ "[]", NULL },
		{ "[", NULL },
		{ "]", NULL },
		{ "[always", NULL },
		{ "always]", NULL },
		{ "[ always ]", NULL },
		{ "always[madvise]never", NULL },
		{ "[always\n]", NULL },
		{ "[al\x01ways]", NULL },
		{ "[al\x7fways]", NULL },
		{ "[al\xc3\xa4ways]", NULL },
		{ "", NULL },
		{ "\n", NULL },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_str word = { 0 };
		bool found = weir_choice_parse(weir_strz(cases[i].text), &word);

		expect_int_eq(found, cases[i].want != NULL);
		if (found)
			expect_text(word, cases[i].want);
	}
}

static void choice_with_a_nul_is_refused(void **state)
{
	static const char text[] = "always [mad\0vise] never";
	struct weir_str word;

	(void)state;
	assert_false(weir_choice_parse(weir_str(text, sizeof(text) - 1), &word));
	assert_false(weir_choice_parse(weir_strz(""), &word));
}

static void thp_of_a_usual_kernel_is_read_in_full(void **state)
{
	struct fake_file files[] = {
		{ DIR "/enabled", "always [madvise] never\n" },
		{ DIR "/defrag", "always defer defer+madvise [madvise] never\n" },
		{ DIR "/shmem_enabled",
		  "always within_size advise [never] deny force\n" },
		{ DIR "/hpage_pmd_size", "2097152\n" },
		{ DIR "/use_zero_page", "1\n" },
	};
	struct fake_host fake;
	struct weir_thp thp;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_thp_read(&fake.reader, &thp);
	expect_str(thp.enabled, "madvise");
	expect_str(thp.defrag, "madvise");
	expect_str(thp.shmem_enabled, "never");
	expect_count(thp.pmd_size, 2 << 20);
	expect_count(thp.zero_page, 1);
	expect_u64_eq(fake.gaps.nr, 0);
	weir_thp_done(&thp);
	fake_close(&fake);
}

static void thp_each_way_of_not_knowing_is_a_gap_of_its_own(void **state)
{
	static char large[WEIR_SMALL_MAX + 2];
	struct fake_file files[] = {
		{ DIR "/enabled", .error = -EPERM },
		{ DIR "/defrag", large },
		{ DIR "/shmem_enabled", "always never\n" },
		{ DIR "/hpage_pmd_size", .error = -EIO },
	};
	struct fake_host fake;
	struct weir_thp thp;

	(void)state;
	memset(large, 'x', sizeof(large) - 1);
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_thp_read(&fake.reader, &thp);
	assert_null(thp.enabled);
	assert_null(thp.defrag);
	assert_null(thp.shmem_enabled);
	expect_unknown(thp.pmd_size);
	expect_unknown(thp.zero_page);
	expect_u64_eq(fake.gaps.nr, 5);
	fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN, DIR "/enabled");
	fake_expect_gap(&fake, WEIR_GAP_TOO_LARGE, DIR "/defrag");
	expect_str(fake_expect_gap(&fake, WEIR_GAP_MALFORMED, DIR "/shmem_enabled"),
	           "no choice: 'always never'");
	expect_str(fake_expect_gap(&fake, WEIR_GAP_FAILED, DIR "/hpage_pmd_size"),
	           "Input/output error");
	fake_expect_gap(&fake, WEIR_GAP_ABSENT, DIR "/use_zero_page");
	expect_int_eq(fake.reader.failed, 0);
	weir_thp_done(&thp);
	fake_close(&fake);
}

static void thp_odd_numbers_are_unknown(void **state)
{
	struct fake_file files[] = {
		{ DIR "/hpage_pmd_size", "9223372036854775808\n" },
		{ DIR "/use_zero_page", "2\n" },
	};
	struct fake_host fake;
	struct weir_thp thp;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_thp_read(&fake.reader, &thp);
	expect_unknown(thp.pmd_size);
	expect_unknown(thp.zero_page);
	fake_expect_gap(&fake, WEIR_GAP_MALFORMED, DIR "/hpage_pmd_size");
	fake_expect_gap(&fake, WEIR_GAP_MALFORMED, DIR "/use_zero_page");
	weir_thp_done(&thp);
	fake_close(&fake);
}

static int read_all(void *ctx)
{
	struct fake_file files[] = {
		{ DIR "/enabled", "[always] madvise never\n" },
		{ DIR "/shmem_enabled", "always never\n" },
	};
	struct fake_host fake;
	struct weir_thp thp;
	int failed;

	(void)ctx;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_thp_read(&fake.reader, &thp);
	failed = fake.reader.failed;
	weir_thp_done(&thp);
	fake_close(&fake);
	return failed;
}

static void thp_every_failed_allocation_is_told(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_all, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(choice_is_the_one_word_in_brackets),
		cmocka_unit_test(choice_with_a_nul_is_refused),
		cmocka_unit_test(thp_of_a_usual_kernel_is_read_in_full),
		cmocka_unit_test(thp_each_way_of_not_knowing_is_a_gap_of_its_own),
		cmocka_unit_test(thp_odd_numbers_are_unknown),
		cmocka_unit_test(thp_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
