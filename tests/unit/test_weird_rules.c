/* Rules: which one is about a caller, and what it gives him. */
#include "daemon/conf.h"

#include "base/size.h"
#include "test.h"

#include <errno.h>

static const char text[] = "[rule libvirt]\n"
			   "user = 107\n"
			   "most = 128G\n"
			   "for-user = 108 109\n"
			   "[rule both]\n"
			   "user = 1000\n"
			   "group = 36\n"
			   "most = 16G\n"
			   "[rule unknown]\n"
			   "user = nosuchuser\n"
			   "most = 1T\n"
			   "[rule kvm]\n"
			   "group = 36\n"
			   "most = 4G\n"
			   "leases = 2\n"
			   "sizes = 2M\n"
			   "nodes = 1\n"
			   "ttl = 10s\n"
			   "cold = no\n"
			   "[rule nodes]\n"
			   "group = 50\n"
			   "most = 4G\n"
			   "nodes = 2-3\n";

static void the_first_rule_about_a_caller_counts(void **unused)
{
	static const struct {
		uint32_t uid, gid, groups[2];
		size_t nr;
		const char *name;
	} cases[] = {
		{ 107, 107, { 0 }, 0, "libvirt" }, { 107, 107, { 36 }, 1, "libvirt" },
		{ 1000, 1000, { 36 }, 1, "both" }, { 1000, 36, { 0 }, 0, "both" },
		{ 1000, 1000, { 0 }, 0, NULL },    { 1001, 1001, { 27, 36 }, 2, "kvm" },
		{ 65534, 65534, { 0 }, 0, NULL },
	};
	struct weir_conf conf;

	(void)unused;
	expect_int_eq(weir_conf_parse("f", weir_strz(text), &conf, NULL), 0);
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_rule_caller caller = { cases[i].uid, cases[i].gid,
			                           cases[i].groups, cases[i].nr };
		const struct weir_rule *rule = weir_rules_find(&conf.rules, &caller);

		if (!rule != !cases[i].name)
			fail_msg("case %zu: %s", i, rule ? rule->name : "no rule");
		if (rule)
			expect_str(rule->name, cases[i].name);
	}
	weir_conf_done(&conf);
}

static void rules_give_what_they_say(void **unused)
{
	static const struct {
		uint32_t uid, gid;
		struct weir_rule_ask ask;
		int r;
		const char *why, *help;
	} cases[] = {
#define ASK(...) { .node = -1, .page_bytes = 2 * WEIR_MIB, __VA_ARGS__ }
		/* root may all */
		{ 0, 0, ASK(.bytes = UINT64_MAX, .file_uid = 7), 0, "", "" },
		{ 65534, 65534, ASK(.bytes = 1, .file_uid = 65534), -EPERM,
		  "no rule is about user 65534", "weird.conf(5)" },
		{ 107, 107, ASK(.bytes = 128 * WEIR_GIB, .file_uid = 107), 0, "", "" },
		{ 107, 107, ASK(.bytes = 128 * WEIR_GIB + 1, .file_uid = 107), -EDQUOT,
		  "gives 128G, of which 0", "" },
		{ 107, 107,
		  ASK(.bytes = WEIR_GIB, .file_uid = 107, .has_bytes = 127 * WEIR_GIB), 0,
		  "", "" },
		{ 107, 107,
		  ASK(.bytes = 2 * WEIR_GIB, .file_uid = 107,
		      .has_bytes = 127 * WEIR_GIB),
		  -EDQUOT, "of which 127G are leased", "release" },
		{ 107, 107,
		  ASK(.bytes = UINT64_MAX, .file_uid = 107, .has_bytes = UINT64_MAX),
		  -EDQUOT, "rule 'libvirt'", "" },
		{ 107, 107, ASK(.bytes = 1, .file_uid = 109), 0, "", "" },
		{ 107, 107, ASK(.bytes = 1, .file_uid = 0), -EPERM, "be user 0's", "" },
		{ 1,
		  36,
		  { .bytes = 1, .page_bytes = WEIR_GIB, .file_uid = 1 },
		  -EPERM,
		  "does not give pages of 1G",
		  "pages of 2M" },
		{ 1, 36, ASK(.bytes = 1, .file_uid = 1, .ttl_ns = 10000000001), -EPERM,
		  "for so long", "10 s at most" },
		{ 1, 36, ASK(.bytes = 1, .file_uid = 1, .has_leases = 2), -EDQUOT,
		  "gives 2 leases", "release one" },
		{ 1,
		  36,
		  { .bytes = 1, .page_bytes = 2 * WEIR_MIB, .node = 0, .file_uid = 1 },
		  -EPERM,
		  "of node 0",
		  "such as 1" },
		{ 1, 50, ASK(.bytes = 1, .file_uid = 1), -EPERM, "of any node",
		  "such as 2" },
		{ 1,
		  50,
		  { .bytes = 1, .page_bytes = 2 * WEIR_MIB, .node = 3, .file_uid = 1 },
		  0,
		  "",
		  "" },
	};
	struct weir_conf conf;

	(void)unused;
	expect_int_eq(weir_conf_parse("f", weir_strz(text), &conf, NULL), 0);
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_rule_caller caller = { cases[i].uid, cases[i].gid, NULL, 0 };
		struct weir_rule_ask ask = cases[i].ask;
		char help[WEIR_RULE_HELP_MAX];
		struct weir_err err = { 0 };
		int r = weir_rules_ask(&conf.rules, &caller, &ask, help, &err);

		if (r != cases[i].r || !strstr(err.msg, cases[i].why) ||
		    !strstr(help, cases[i].help))
			fail_msg("case %zu: %d, '%s', '%s'", i, r, err.msg, help);
	}
	weir_conf_done(&conf);
}

static void rules_make_the_ask_theirs(void **unused)
{
	struct weir_rule_caller caller = { .uid = 1, .gid = 36 };
	struct weir_rule_ask ask = ASK(.bytes = 1, .file_uid = 1);
	char help[WEIR_RULE_HELP_MAX];
	struct weir_conf conf;

	(void)unused;
	expect_int_eq(weir_conf_parse("f", weir_strz(text), &conf, NULL), 0);
	expect_int_eq(weir_rules_ask(&conf.rules, &caller, &ask, help, NULL), 0);
	expect_int_eq(ask.node, 1);
	expect_int_eq(ask.warm_only, true);
	expect_u64_eq(ask.ttl_ns, UINT64_C(10000000000));
	weir_conf_done(&conf);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_rule_about_a_caller_counts),
		cmocka_unit_test(rules_give_what_they_say),
		cmocka_unit_test(rules_make_the_ask_theirs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
