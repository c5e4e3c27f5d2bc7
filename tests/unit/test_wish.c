/* Wishes as they are typed: what is taken, what is not, and why. */
#include "plan/wish.h"

#include "base/size.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

static void wish_that_can_be_read_is_written_the_same(void **unused)
{
	static const struct {
		const char *word, *text[3]; /* NULL: as @word */
	} cases[] = {
		{ "2M=4096", { NULL } },
		{ "2M=0", { NULL } },
		{ "2M=+1", { NULL } },
		{ "2M=-1", { NULL } },
		{ "2M/node1=+512", { NULL } },
		{ "2M/node1023=0", { NULL } },
		{ "64K=7", { NULL } },
		{ "16G=7", { NULL } },
		{ "2048K=7", { "2M=7" } },
		{ "overcommit.2M=64", { NULL } },
		{ "overcommit.2M=+64", { NULL } },
		{ "overcommit.1G=0", { NULL } },
		{ "pinnable.2M/node1=+8", { NULL } },
		{ "1G=0:8,1:8", { "1G/node0=8", "1G/node1=8" } },
		{ "2M=1:+8,0:-3", { "2M/node1=+8", "2M/node0=-3" } },
		{ "2M=63:0", { "2M/node63=0" } },
		{ "pinnable.2M=0:+8,1:+9",
		  { "pinnable.2M/node0=+8", "pinnable.2M/node1=+9" } },
		{ "2M=1099511627776", { NULL } },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
		struct weir_err err = { 0 };
		char text[WEIR_WISH_TEXT_MAX];

		if (weir_wish_parse(weir_strz(cases[i].word), &wishes, &err) < 0)
			fail_msg("'%s': %s", cases[i].word, err.msg);
		if (!cases[i].text[0]) {
			expect_u64_eq(wishes.nr, 1);
			expect_str(weir_wish_text(&wishes.v[0], text, sizeof(text)),
			           cases[i].word);
		}
		for (size_t k = 0; cases[i].text[0] && k < wishes.nr; k++)
			expect_str(weir_wish_text(&wishes.v[k], text, sizeof(text)),
			           cases[i].text[k]);
	}
}

static void wish_that_makes_no_sense_is_refused(void **unused)
{
	static const struct {
		const char *word, *why;
	} cases[] = {
		{ "", "is no wish" },
		{ "2M", "is no wish" },
		{ "=", "no page size" },
		{ "2Mfoo=4", "'2Mfoo' is no page size" },
		{ "2MB=4", "no page size" },
		{ "0.7M=4", "no page size" },
		{ "3T=1", "no page size of any kernel" },
		{ "0=1", "no page size" },
		{ "2M=", "no number of pages" },
		{ "2M=4bar", "no number of pages" },
		{ "2M= 4", "no number of pages" },
		{ "2M=+-4", "no number of pages" },
		{ "2M=-0", "changes nothing" },
		{ "2M=1099511627777", "more pages than any host has" },
		{ "2M/node1024=1", "is no node" },
		{ "2M/node-1=1", "is no node" },
		{ "2M/=1", "names no node" },
		{ "2M/node0/node1=1", "is no node" },
		{ "2M=0:1,", "is no list" },
		{ "2M=,0:1", "is no list" },
		{ "2M=0:1,1", "is no list" },
		{ "2M=0:1:2", "no number of pages" },
		{ "2M/node0=0:1", "before the = and behind it" },
		{ "2M=0:1,0:2", "want different things" },
		{ "overcommit.2M/node0=1", "the limit is of all nodes" },
		{ "overcommit.overcommit.2M=1", "no page size" },
		{ "pinnable.overcommit.2M=1", "no page size" },
		{ "pinnable.2M=+1", "names no node" },
		{ "pinnable.2M/node0=1", "no number of pages more" },
		{ "pinnable.2M/node0=-1", "no number of pages more" },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
		struct weir_err err = { 0 };

		if (weir_wish_parse(weir_strz(cases[i].word), &wishes, &err) >= 0)
			fail_msg("'%s' is taken", cases[i].word);
		if (!strstr(err.msg, cases[i].why))
			fail_msg("'%s': '%s', not '%s'", cases[i].word, err.msg,
			         cases[i].why);
	}
}

static void wishes_that_contradict_are_refused(void **unused)
{
	static const struct {
		const char *one, *two;
		int r;
	} cases[] = {
		{ "2M=1", "2M=2", -EEXIST },
		{ "2M=1", "2M/node0=2", -EEXIST },
		{ "2M/node0=2", "2M=+1", -EEXIST },
		{ "2M/node0=2", "2M=1:1,0:2", -EEXIST },
		{ "2M/node0=2", "2M/node1=2", 0 },
		{ "2M=1", "1G=1", 0 },
		{ "2M=1", "overcommit.2M=1", 0 },
		{ "overcommit.2M=2", "overcommit.2M=1", -EEXIST },
		{ "2M/node0=2", "pinnable.2M/node0=+1", 0 },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };

		expect_int_eq(weir_wish_parse(weir_strz(cases[i].one), &wishes, NULL), 0);
		expect_int_eq(weir_wish_parse(weir_strz(cases[i].two), &wishes, NULL),
		              cases[i].r);
	}
}

static void wishes_have_a_limit(void **unused)
{
	weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };
	struct weir_wish wish = { .pages = 1 };

	(void)unused;
	for (unsigned int i = 0; i < WEIR_WISHES_MAX; i++) {
		wish.page_bytes = UINT64_C(1) << (12 + i / 1024);
		wish.node = (int)(i % 1024);
		expect_int_eq(weir_wishes_add(&wishes, &wish, NULL), 0);
	}
	wish.page_bytes = UINT64_C(1) << 40;
	expect_int_eq(weir_wishes_add(&wishes, &wish, NULL), -E2BIG);
}

static int parse_list(void *ctx)
{
	weir_auto(weir_wishes_done) struct weir_wishes wishes = { 0 };

	(void)ctx;
	return weir_wish_parse(weir_strz("2M=0:1,1:1,2:1,3:1,4:1,5:1,6:1,7:1,8:1,9:1"),
	                       &wishes, NULL);
}

static void wishes_without_memory_say_so(void **unused)
{
	(void)unused;
	expect_int_eq(fault_every(parse_list, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(wish_that_can_be_read_is_written_the_same),
		cmocka_unit_test(wish_that_makes_no_sense_is_refused),
		cmocka_unit_test(wishes_that_contradict_are_refused),
		cmocka_unit_test(wishes_have_a_limit),
		cmocka_unit_test(wishes_without_memory_say_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
