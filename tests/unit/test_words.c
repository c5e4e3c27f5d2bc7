/* words: what is a whole word, which of two wins, and which names are left alone. */
#include "capture/words.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

static int add(struct weir_words *words, enum weir_word_kind kind, const char *name)
{
	struct weir_str s = weir_strz(name);

	return weir_words_add(words, kind, &s, 1);
}

static void replaced_is(const struct weir_words *words, const char *text,
                        const char *want)
{
	weir_auto(weir_buf_done) struct weir_buf out = { 0 };

	expect_int_eq(weir_words_replace(words, weir_strz(text), &out), 0);
	expect_text(weir_buf_str(&out), want);
}

static void word_is_replaced_only_when_whole(void **state)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "web", "vm1" },
		{ "/1-web/x", "/1-vm1/x" },
		{ "web_data.web,web=web", "vm1_data.vm1,vm1=vm1" },
		{ "webserver web2 myweb 2web \xc3\xa9web",
		  "webserver web2 myweb 2web \xc3\xa9web" },
		{ "web-01", "vm2" }, /* the longer one */
		{ "web-012", "vm1-012" },
		{ "web\\x2d01.scope", "vm2.scope" },
		{ "qemu\\x2d1\\x2dweb.scope", "qemu\\x2d1\\x2dvm1.scope" },
		{ "\\x2dweb\\x2d", "\\x2dvm1\\x2d" },
		{ "a,,b", "vm3" },
		{ "a,b", "vm3" },
		{ "-v-", "vm4" },
		{ "x-v-y", "xvm4y" }, /* it begins and ends by itself */
		{ "", "" },
		{ "we", "we" },
	};
	weir_auto(weir_words_done) struct weir_words words = { 0 };

	(void)state;
	assert_int_equal(add(&words, WEIR_WORD_VM, "web"), 0);
	assert_int_equal(add(&words, WEIR_WORD_VM, "web-01"), 0);
	assert_int_equal(add(&words, WEIR_WORD_VM, "a,b"), 0);
	assert_int_equal(add(&words, WEIR_WORD_VM, "-v-"), 0);
	expect_int_eq(weir_words_seal(&words), 0);
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		replaced_is(&words, cases[i].text, cases[i].want);
}

static void word_that_is_common_is_found_only_by_itself(void **state)
{
	static const char *const names[] = { "x",     "4711",   "dev",
		                             "node1", "system", "vcpu12" };
	weir_auto(weir_words_done) struct weir_words words = { 0 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(names); i++)
		expect_int_eq(add(&words, WEIR_WORD_PROCESS, names[i]), 0);
	expect_int_eq(weir_words_seal(&words), 0);
	for (size_t i = 0; i < WEIR_NELEM(names); i++) {
		assert_non_null(weir_words_find(&words, weir_strz(names[i])));
		replaced_is(&words, names[i], names[i]);
	}
	assert_null(weir_words_find(&words, weir_strz("de")));
	assert_null(weir_words_find(&words, weir_strz("")));
}

static void words_of_one_thing_share_a_number(void **state)
{
	struct weir_str first[] = { weir_strz("web_01"),
		                    weir_strz("c0ffee00-1111-2222-3333-444444444444") };
	struct weir_str again[] = { weir_strz("web01"), weir_strz("web_01") };
	weir_auto(weir_words_done) struct weir_words words = { 0 };

	(void)state;
	expect_int_eq(add(&words, WEIR_WORD_VM, "db"), 0);
	expect_int_eq(weir_words_add(&words, WEIR_WORD_VM, first, 2), 0);
	expect_int_eq(weir_words_add(&words, WEIR_WORD_VM, again, 2), 0);
	expect_int_eq(weir_words_seal(&words), 0);
	replaced_is(&words, "db web_01 web01", "vm1 vm2 vm2");
	replaced_is(&words, "-uuid c0ffee00-1111-2222-3333-444444444444",
	            "-uuid 00000000-0000-0000-0000-000000000002");
}

static void words_that_are_ours_stay_and_their_numbers_too(void **state)
{
	weir_auto(weir_words_done) struct weir_words words = { 0 };

	(void)state;
	expect_int_eq(
		weir_words_see(&words, weir_strz("/a/vm1 x\\x2dvm2 vmx vm33x proc1")), 0);
	expect_int_eq(add(&words, WEIR_WORD_VM, "vm2"), 0);
	expect_int_eq(add(&words, WEIR_WORD_VM, "web"), 0);
	expect_int_eq(add(&words, WEIR_WORD_PROCESS, "vm9x"), 0);
	expect_int_eq(weir_words_seal(&words), 0);
	replaced_is(&words, "vm1 vm2 web vm9x", "vm1 vm2 vm3 proc2");
}

static void words_with_a_nul_are_no_names(void **state)
{
	struct weir_str name = weir_str("a\0b", 3);
	weir_auto(weir_words_done) struct weir_words words = { 0 };

	(void)state;
	expect_int_eq(weir_words_add(&words, WEIR_WORD_USER, &name, 1), 0);
	expect_int_eq(weir_words_seal(&words), 0);
	expect_u64_eq(words.nr, 0);
	replaced_is(&words, "a", "a");
}

static int add_some(void *ctx)
{
	static const char *const names[] = { "alice", "web-01", "a,b", "dev" };
	weir_auto(weir_words_done) struct weir_words words = { 0 };
	weir_auto(weir_buf_done) struct weir_buf out = { 0 };
	int r = weir_words_see(&words, weir_strz("user1 vm1"));

	(void)ctx;
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(names); i++)
		r = add(&words, WEIR_WORD_USER, names[i]);
	if (r == 0)
		r = weir_words_seal(&words);
	return r == 0 ? weir_words_replace(&words, weir_strz("alice dev web-01"), &out)
	              : r;
}

static void words_without_memory_fail_and_leak_nothing(void **state)
{
	(void)state;
	expect_int_eq(fault_every(add_some, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(word_is_replaced_only_when_whole),
		cmocka_unit_test(word_that_is_common_is_found_only_by_itself),
		cmocka_unit_test(words_of_one_thing_share_a_number),
		cmocka_unit_test(words_that_are_ours_stay_and_their_numbers_too),
		cmocka_unit_test(words_with_a_nul_are_no_names),
		cmocka_unit_test(words_without_memory_fail_and_leak_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
