/* weird.conf: what is taken, what is refused and where, and what two of them differ in.
 */
#include "daemon/conf.h"

#include "base/size.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

static const char all[] = "[warm 2M]\n"
			  "node1 = 64G # the second\n"
			  "node0 = 32G\n"
			  "flavours = 4G 16G\n"
			  "verify = full\n"
			  "[warm 1G]\n"
			  "any = 8G\n"
			  "[budget]\n"
			  "cpus = 2\n"
			  "cpu-share = 50%\n"
			  "rate = 4G\n"
			  "idle-only = yes\n"
			  "floor = 2G\n"
			  "keep-free = 2M 4G, 1G 8G\n"
			  "[pool]\n"
			  "grow = yes\n"
			  "shrink = yes\n"
			  "renew = yes\n"
			  "[socket]\n"
			  "path = /x/y.sock\n"
			  "mode = 0660\n"
			  "group = kvm\n"
			  "[http]\n"
			  "listen = [::1]:9642\n"
			  "[rule a]\n"
			  "user = libvirt-qemu\n"
			  "group = 36\n"
			  "most = 128G\n"
			  "leases = 8\n"
			  "sizes = 2M 1G\n"
			  "nodes = 0-3,6\n"
			  "ttl = 90m\n"
			  "cold = no\n"
			  "for-user = 107 qemu\n";

static void conf_with_all_keys_is_read(void **unused)
{
	struct weir_conf conf;
	struct weir_err err = { 0 };

	(void)unused;
	if (weir_conf_parse("f", weir_strz(all), &conf, &err) < 0)
		fail_msg("%s", err.msg);
	expect_u64_eq(conf.nr_warm, 2);
	expect_u64_eq(conf.warm[0].nr_targets, 2);
	expect_int_eq(conf.warm[0].targets[0].node, 0);
	expect_u64_eq(conf.warm[0].targets[0].bytes, 32 * WEIR_GIB);
	expect_int_eq(conf.warm[0].targets[1].node, 1);
	expect_u64_eq(conf.warm[0].flavours[1], 16 * WEIR_GIB);
	expect_int_eq(conf.warm[0].verify_full, true);
	expect_int_eq(conf.warm[1].targets[0].node, -1);
	expect_u64_eq(conf.budget.cpus, 2);
	expect_u64_eq(conf.budget.share_percent, 50);
	expect_u64_eq(conf.budget.rate, 4 * WEIR_GIB);
	expect_int_eq(conf.budget.idle_only, true);
	expect_count(conf.budget.floor_bytes, 2 * WEIR_GIB);
	expect_u64_eq(conf.budget.nr_keep, 2);
	expect_u64_eq(conf.budget.keep[1].page_bytes, WEIR_GIB);
	expect_u64_eq(conf.budget.keep[1].bytes, 8 * WEIR_GIB);
	expect_int_eq(conf.grow && conf.shrink, true);
	expect_int_eq(conf.renew, WEIR_RENEW_ALL);
	expect_str(conf.socket.path, "/x/y.sock");
	expect_u64_eq(conf.socket.mode, 0660);
	expect_str(conf.socket.group.name, "kvm");
	expect_str(conf.http.address, "::1");
	expect_u64_eq(conf.http.port, 9642);
	expect_u64_eq(conf.rules.nr, 1);
	expect_str(conf.rules.v[0].user.name, "libvirt-qemu");
	expect_int_eq(conf.rules.v[0].user.known, false);
	expect_int_eq(conf.rules.v[0].group.known, true);
	expect_u64_eq(conf.rules.v[0].group.id, 36);
	expect_u64_eq(conf.rules.v[0].ttl_ns, UINT64_C(5400000000000));
	expect_int_eq(conf.rules.v[0].no_cold, true);
	expect_u64_eq(conf.rules.v[0].nr_for_users, 2);
	weir_conf_done(&conf);
}

static void conf_that_is_empty_has_the_defaults(void **unused)
{
	struct weir_conf conf;

	(void)unused;
	expect_int_eq(weir_conf_parse("f", weir_strz("# nothing\n"), &conf, NULL), 0);
	expect_u64_eq(conf.nr_warm, 0);
	expect_u64_eq(conf.budget.share_percent, 100);
	expect_unknown(conf.budget.floor_bytes);
	expect_str(conf.socket.path, WEIR_CONF_SOCKET);
	expect_u64_eq(conf.socket.mode, 0666);
	expect_int_eq(conf.http.address == NULL, true);
	weir_conf_done(&conf);
}

static void conf_that_is_wrong_is_refused_by_place(void **unused)
{
	static const struct {
		const char *text, *why;
	} cases[] = {
		{ "a = 1", "f:1:1: 'a' stands before the first section" },
		{ "[warm]", "f:1:1: [warm]: which one: [warm 2M]" },
		{ "[budget x]", "f:1:1: [budget]: takes no name: [budget]" },
		{ "[cold 2M]", "f:1:2: there is no section [cold]" },
		{ "[warm 3M]", "f:1:7: '3M' is no page size such as 2M or 1G" },
		{ "[warm 2M]\n[warm 2048K]", "f:2:7: [warm 2048K] is here again" },
		{ "[warm 2M]\nnode0 = 3M", "f:2:1: 'node0' is not a whole number" },
		{ "[warm 2M]\nnode0 = 2M\nnode0 = 2M", "f:3:1: 'node0' is here again" },
		{ "[warm 2M]\nnode0 = 2M\nany = 2M", "f:3:7: either 'any' or nodes" },
		{ "[warm 2M]\nany = 2M\nnode7 = 2M", "f:3:1: either 'any' or nodes" },
		{ "[warm 2M]\nnode01 = 2M", "f:2:1: 'node01' names no node" },
		{ "[warm 2M]\nnode1024 = 2M", "names no node" },
		{ "[warm 2M]\nflavours =", "no size such as 4G" },
		{ "[warm 2M]\nflavours = 4G 4096M", "f:2:15: '4096M' is here twice" },
		{ "[warm 2M]\nflavours = 3M", "whole pages" },
		{ "[warm 2M]\nverify = no", "f:2:10: 'no' is neither sample nor full" },
		{ "[warm 2M]\nnode0 = 0.5G", "f:2:9: '0.5G' is no size" },
		{ "[budget]\n[budget]", "f:2:1: [budget] is here again: line 1" },
		{ "[budget]\ncpus = 0", "f:2:8: '0' is no number of CPUs" },
		{ "[budget]\ncpu-share = 50", "no share such as 50%" },
		{ "[budget]\ncpu-share = 0%", "no share from 1% to 100%" },
		{ "[budget]\ncpu-share = 101%", "no share from 1% to 100%" },
		{ "[budget]\nrate = 0", "a rate of 0 zeroes nothing" },
		{ "[budget]\nidle-only = true", "neither yes nor no" },
		{ "[budget]\nkeep-free = 2M", "no size and amount such as 2M 4G" },
		{ "[budget]\nkeep-free = 2M 4G, 2M 1G", "f:2:20: '2M' is here twice" },
		{ "[budget]\nrate = 1G\nrate = 1G",
		  "f:3:1: 'rate' is here again: line 2 has it already" },
		{ "[budget]\nspeed = 1G", "f:2:1: [budget] has no key 'speed'" },
		{ "[socket]\npath = weird.sock", "no path of a socket" },
		{ "[socket]\nmode = 0888", "no mode such as 0660" },
		{ "[socket]\nmode = 01777", "no mode such as 0660" },
		{ "[http]\nlisten = 0.0.0.0:9642", "no address such as 127.0.0.1:9642" },
		{ "[http]\nlisten = 127.0.0.1:0", "'0' is no port" },
		{ "[http]\nlisten = 127.0.0.1:65536", "'65536' is no port" },
		{ "[rule a]\nmost = 1G", "f:1:1: this rule names no user and no group" },
		{ "[rule a]\nuser = x\n[pool]",
		  "f:1:1: this rule says nothing of 'most'" },
		{ "[rule a]\nuser = x\nmost = 1G\n[rule a]", "[rule a] is here again" },
		{ "[rule a]\nuser = 4294967295", "no name or number of a user" },
		{ "[rule a]\nuser = -x", "no name or number of a user" },
		{ "[rule a]\nnodes = 0-1024", "no list of nodes such as 0-3,6" },
		{ "[rule a]\nnodes =", "no list of nodes" },
		{ "[rule a]\nttl = 90", "no time such as 90s" },
		{ "[rule a]\nttl = 0s", "no time such as 90s" },
		{ "[rule a]\nttl = 99999999999999999999d", "no time such as 90s" },
		{ "[rule a]\nfor-user =", "no user" },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_conf conf = { 0 };
		struct weir_err err = { 0 };

		expect_int_eq(weir_conf_parse("f", weir_strz(cases[i].text), &conf, &err),
		              -EBADMSG);
		if (!strstr(err.msg, cases[i].why))
			fail_msg("'%s': '%s', not '%s'", cases[i].text, err.msg,
			         cases[i].why);
		expect_int_eq(conf.socket.path == NULL, true);
	}
}

static void conf_is_written_as_it_is_read(void **unused)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 }, twice = { 0 };
	struct weir_conf conf, again;

	(void)unused;
	expect_int_eq(weir_conf_parse("f", weir_strz(all), &conf, NULL), 0);
	expect_int_eq(weir_conf_format(&conf, &text), 0);
	expect_int_eq(weir_conf_parse("f", weir_buf_str(&text), &again, NULL), 0);
	expect_int_eq(weir_conf_format(&again, &twice), 0);
	expect_str(twice.p, text.p);
	weir_conf_done(&conf);
	weir_conf_done(&again);
}

static void conf_that_changes_says_in_what(void **unused)
{
	weir_auto(weir_buf_done) struct weir_buf diff = { 0 };
	struct weir_conf was, now;

	(void)unused;
	expect_int_eq(weir_conf_parse("f",
	                              weir_strz("[warm 2M]\nnode0 = 4G\nnode1 = 4G\n"
	                                        "[budget]\nrate = 4G\n"),
	                              &was, NULL),
	              0);
	expect_int_eq(weir_conf_parse("f",
	                              weir_strz("[budget]\nrate = 2G\n"
	                                        "[warm 2M]\nnode1 = 4G\nnode0 = 8G\n"),
	                              &now, NULL),
	              0);
	expect_int_eq(weir_conf_diff(&was, &now, &diff), 0);
	expect_str(diff.p, "- [warm 2M] node0 = 4G\n- [budget] rate = 4G\n"
	                   "+ [warm 2M] node0 = 8G\n+ [budget] rate = 2G\n");
	weir_conf_done(&was);
	weir_conf_done(&now);
}

static int parse_all(void *ctx)
{
	struct weir_conf conf;
	int r = weir_conf_parse("f", weir_strz(all), &conf, NULL);

	(void)ctx;
	if (r == 0)
		weir_conf_done(&conf);
	return r;
}

static void conf_without_memory_says_so(void **unused)
{
	(void)unused;
	expect_int_eq(fault_every(parse_all, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(conf_with_all_keys_is_read),
		cmocka_unit_test(conf_that_is_empty_has_the_defaults),
		cmocka_unit_test(conf_that_is_wrong_is_refused_by_place),
		cmocka_unit_test(conf_is_written_as_it_is_read),
		cmocka_unit_test(conf_that_changes_says_in_what),
		cmocka_unit_test(conf_without_memory_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
