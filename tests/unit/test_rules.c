/* rules: versions into presets, presets into switches. */
#include "model/rules.h"

#include "test.h"

#include <errno.h>

static void kernel_find_gives_the_newest_preset_that_is_not_newer(void **state)
{
	static const struct {
		const char *name;
		int result;
		const char *preset;
	} cases[] = {
		{ "", -EBADMSG, NULL },      { "6", -EBADMSG, NULL },
		{ "6.", -EBADMSG, NULL },    { ".6", -EBADMSG, NULL },
		{ "v6.1", -EBADMSG, NULL },  { "6.12foo", -EBADMSG, NULL },
		{ " 6.12", -EBADMSG, NULL }, { "99999999999999999999.1", -EBADMSG, NULL },
		{ "4.19", -ENOENT, NULL },   { "5.9.99", -ENOENT, NULL },
		{ "5.10", 0, "5.10" },       { "5.10.262", 0, "5.10" },
		{ "5.15", 0, "5.10" },       { "6.0", 0, "5.10" },
		{ "6.1", 0, "6.1" },         { "6.1.0-25-amd64", 0, "6.1" },
		{ "6.10", 0, "6.6" }, /* numbers, not text */
		{ "6.12", 0, "6.12" },       { "6.12.117+deb12-amd64", 0, "6.12" },
		{ "6.12-rc1", 0, "6.12" },   { "6.12.", 0, "6.12" },
		{ "6.18.15", 0, "6.18" },    { "6.18.43", 0, "6.18" },
		{ "6.18.44", 0, "6.18.44" }, { "6.18.100", 0, "6.18.44" },
		{ "7.2", 0, "6.18.44" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		size_t idx = 4242;
		struct weir_err err = { 0 };
		int r = weir_kernel_find(weir_strz(cases[i].name), &idx, &err);

		if (r != cases[i].result)
			fail_msg("'%s' is %d: %s", cases[i].name, r, err.msg);
		if (r < 0) {
			assert_true(err.msg[0]);
			expect_u64_eq(idx, 4242);
		} else {
			expect_str(weir_kernels[idx].name, cases[i].preset);
		}
	}
}

static void kernel_presets_are_sorted_and_find_themselves(void **state)
{
	size_t idx;

	(void)state;
	assert_true(weir_nr_kernels <= 64); /* a mask of them is 64 bits */
	for (size_t i = 0; i < weir_nr_kernels; i++) {
		expect_int_eq(
			weir_kernel_find(weir_strz(weir_kernels[i].name), &idx, NULL), 0);
		expect_u64_eq(idx, i);
	}
	expect_int_eq(weir_kernel_find(weir_strz(WEIR_KERNEL_DEFAULT), &idx, NULL), 0);
}

static const struct weir_rules *rules_of(const char *name)
{
	size_t idx = 0;

	expect_int_eq(weir_kernel_find(weir_strz(name), &idx, NULL), 0);
	return &weir_kernels[idx].rules;
}

/* One of each shape of row: early, late, one preset, none, a gap. */
static void rules_of_presets_are_the_table(void **state)
{
	static const char *const names[] = { "5.10", "6.1",  "6.6",
		                             "6.12", "6.18", "6.18.44" };
	static const char *const until_6_6 = "xxx...", *const from_6_1 = ".xxxxx",
				 *const from_6_12 = "...xxx", *const only_6_12 = "...x..",
				 *const only_6_18 = "....x.", *const only_5_10 = "x.....";

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(names); i++) {
		const struct weir_rules *r = rules_of(names[i]);

		expect_int_eq(r->node_target_from_total, until_6_6[i] == 'x');
		expect_int_eq(r->grown_last_first, until_6_6[i] == 'x');
		expect_int_eq(r->dontneed, from_6_1[i] == 'x');
		expect_int_eq(r->owner_copy_uses_subpool, from_6_1[i] == 'x');
		expect_int_eq(r->surplus_minds_bind, from_6_12[i] == 'x');
		expect_int_eq(r->zap_keeps_reservation, from_6_12[i] == 'x');
		expect_int_eq(r->zap_minds_sharers, only_6_12[i] == 'x');
		expect_int_eq(r->surplus_lowest_node, only_6_12[i] == 'x');
		expect_int_eq(r->boot_jobs_restart, only_6_12[i] == 'x');
		expect_int_eq(r->failed_reserve_leaks_used, only_6_18[i] == 'x');
		expect_int_eq(r->proc_ignores_negative, only_5_10[i] == 'x');
		expect_int_eq(r->fork_copies_tables, only_5_10[i] == 'x');
		expect_int_eq(r->demote_eats_surplus, i == 1 || i == 2);
		expect_int_eq(r->gigantic_overcommit, 0);
		expect_u64_eq(r->hvo_kib_2m, i == 0 ? 0 : i < 3 ? 28 : 32);
	}
}

static void rules_parse_turns_switches(void **state)
{
	static const struct {
		const char *text;
		int result;
		const char *words; /* part of the message */
	} cases[] = {
		{ "", -EBADMSG, "missing" },
		{ "  ", -EBADMSG, "missing" },
		{ "x", -EBADMSG, "no kernel version" },
		{ "4.4", -ENOENT, "older" },
		{ "6.12 demote", -EBADMSG, "begins with" },
		{ "6.12 -", -EBADMSG, "no such switch" },
		{ "6.12 -demot", -EBADMSG, "no such switch" },
		{ "6.12 -demote_", -EBADMSG, "'-demote_'" },
		{ "6.12 -hvo_kib_2m", -EBADMSG, "no such switch" },
		{ "6.12 -demote\t+reserve-by-charge ", 0, "" },
		{ "6.12 -demote +demote -demote +reserve-by-charge", 0, "" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_rules rules = { 0 };
		struct weir_err err = { 0 };
		size_t kernel = 4242;
		int r = weir_rules_parse(weir_strz(cases[i].text), &rules, &kernel, &err);

		if (r != cases[i].result || !strstr(err.msg, cases[i].words))
			fail_msg("'%s' is %d: %s", cases[i].text, r, err.msg);
		expect_str(r < 0 ? "6.12" : weir_kernels[kernel].name, "6.12");
		if (r == 0) {
			assert_false(rules.demote);
			assert_true(rules.reserve_by_charge);
			assert_true(rules.dontneed);
		}
	}
}

static void rules_parse_knows_every_switch(void **state)
{
	struct weir_rules on, off;
	char text[64];
	size_t kernel;

	(void)state;
#define X(field, word, what)                                                      \
	(void)snprintf(text, sizeof(text), "6.12 +%s", word);                     \
	expect_int_eq(weir_rules_parse(weir_strz(text), &on, &kernel, NULL), 0);  \
	(void)snprintf(text, sizeof(text), "6.12 -%s", word);                     \
	expect_int_eq(weir_rules_parse(weir_strz(text), &off, &kernel, NULL), 0); \
	assert_true(on.field);                                                    \
	assert_false(off.field);                                                  \
	assert_true(sizeof(what) > 1);
	WEIR_RULE_SWITCHES(X)
#undef X
}

static void kernels_parse_gives_a_mask(void **state)
{
	static const struct {
		const char *text;
		const char *mask; /* a character a preset; NULL: refused */
	} cases[] = {
		{ "", NULL },
		{ ",", NULL },
		{ "6.1,", NULL },
		{ ",6.1", NULL },
		{ "6.1,,6.6", NULL },
		{ "+", NULL },
		{ "-", NULL },
		{ "-+", NULL },
		{ "-6.1+", NULL },
		{ "6.2", NULL },
		{ "6.12 ", NULL },
		{ "4.19+", NULL },
		{ "6.1.", NULL },
		{ "6..1", NULL },
		{ "4.19.1", NULL },
		{ "6.12.117+deb12", NULL },
		{ "5.10", "x....." },
		{ "6.1", ".x...." }, /* and not 6.12, 6.18 */
		{ "6.18", "....xx" },
		{ "6.18.44", ".....x" },
		{ "6.18.15", "....x." },
		{ "6.12.117", "...x.." },
		{ "6", ".xxxxx" },
		{ "6.1+", ".xxxxx" },
		{ "6.18+", "....xx" },
		{ "6.18.44+", ".....x" },
		{ "-6.6", "xxx..." },
		{ "-5.10", "x....." },
		{ "-6.18", "xxxxxx" },
		{ "-6.12,6.18.44", "xxxx.x" },
		{ "5.10,6.6,6.6", "x.x..." },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		uint64_t mask = 4242, want = 0;
		struct weir_err err = { 0 };
		int r = weir_kernels_parse(weir_strz(cases[i].text), &mask, &err);

		if (!cases[i].mask) {
			if (r != -EBADMSG || !err.msg[0] || mask != 4242)
				fail_msg("'%s' is %d", cases[i].text, r);
			continue;
		}
		for (size_t k = 0; cases[i].mask[k]; k++)
			want |= (uint64_t)(cases[i].mask[k] == 'x') << k;
		if (r != 0 || mask != want)
			fail_msg("'%s' is %d, %" PRIx64, cases[i].text, r, mask);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(kernel_find_gives_the_newest_preset_that_is_not_newer),
		cmocka_unit_test(kernel_presets_are_sorted_and_find_themselves),
		cmocka_unit_test(rules_of_presets_are_the_table),
		cmocka_unit_test(rules_parse_turns_switches),
		cmocka_unit_test(rules_parse_knows_every_switch),
		cmocka_unit_test(kernels_parse_gives_a_mask),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
