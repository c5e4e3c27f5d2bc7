/* Requests: what is understood, and what is refused with which code. */
#include "daemon/message.h"

#include "test.h"

#include <errno.h>

static struct weir_message parsed(const char *line)
{
	struct weir_message m;
	enum weir_refused code;
	struct weir_err err = { 0 };

	if (weir_message_parse(weir_strz(line), &m, &code, &err) < 0)
		fail_msg("'%s': %s", line, err.msg);
	return m;
}

static void lease_with_all_keys_is_understood(void **unused)
{
	struct weir_message m = parsed(
		"{\"weir\":1,\"id\":7,\"op\":\"lease\",\"bytes\":4294967296,"
		"\"page_bytes\":2097152,\"node\":1,\"name\":\"vm.1:a@b-c_d\","
		"\"owner\":{\"pid\":42},\"ttl_ms\":1500,\"warm_only\":true,"
		"\"descriptor\":true,\"user\":107}");

	(void)unused;
	expect_int_eq(m.op, WEIR_REQUEST_LEASE);
	expect_int_eq(m.id.kind, WEIR_ID_NUMBER);
	expect_u64_eq(m.id.n, 7);
	expect_u64_eq(m.bytes, UINT64_C(4294967296));
	expect_u64_eq(m.page_bytes, 2097152);
	expect_int_eq(m.node, 1);
	expect_str(m.name, "vm.1:a@b-c_d");
	expect_int_eq(m.owner.kind, WEIR_OWNER_PID);
	expect_int_eq(m.owner.pid, 42);
	expect_u64_eq(m.ttl_ns, UINT64_C(1500000000));
	expect_int_eq(m.warm_only && m.descriptor && m.has_user, true);
	expect_u64_eq(m.user, 107);
}

static void requests_of_each_kind_are_understood(void **unused)
{
	struct weir_message m;

	(void)unused;
	m = parsed("{\"op\":\"lease\",\"weir\":1,\"bytes\":1,\"node\":null,"
	           "\"owner\":{\"unit\":\"vm.service\"}}");
	expect_int_eq(m.node, -1);
	expect_str(m.owner.unit, "vm.service");
	expect_int_eq(m.id.kind, WEIR_ID_NONE);
	m = parsed("{\"op\":\"lease\",\"weir\":1,\"bytes\":1,\"owner\":{\"use\":true}}");
	expect_int_eq(m.owner.kind, WEIR_OWNER_USE);
	m = parsed("{\"op\":\"lease\",\"weir\":1,\"bytes\":1,"
	           "\"owner\":{\"connection\":true}}");
	expect_int_eq(m.owner.kind, WEIR_OWNER_CONNECTION);
	m = parsed("{\"op\":\"release\",\"weir\":1,\"name\":\"a\",\"id\":\"x y\"}");
	expect_str(m.name, "a");
	expect_str(m.id.text, "x y");
	m = parsed("{\"op\":\"renew\",\"weir\":1,\"lease\":3,\"ttl_ms\":0}");
	expect_u64_eq(m.lease, 3);
	expect_int_eq(m.has_ttl, true);
	expect_int_eq(parsed("{\"op\":\"leases\",\"weir\":1}").op, WEIR_REQUEST_LEASES);
	expect_u64_eq(parsed("{\"op\":\"leases\",\"weir\":1,\"after\":9}").after, 9);
	expect_int_eq(parsed("{\"op\":\"warm\",\"weir\":1}").op, WEIR_REQUEST_WARM);
	expect_int_eq(parsed("{\"op\":\"metrics\",\"weir\":1}").op, WEIR_REQUEST_METRICS);
	m = parsed("{\"op\":\"target\",\"weir\":1,\"page_bytes\":2097152,\"bytes\":0}");
	expect_int_eq(m.op, WEIR_REQUEST_TARGET);
	expect_u64_eq(m.bytes, 0);
}

static void request_that_is_wrong_is_refused_with_a_code(void **unused)
{
	static const struct {
		const char *line;
		enum weir_refused code;
		const char *why;
	} cases[] = {
#define BAD WEIR_REFUSED_BAD_REQUEST
		{ "", BAD, "JSON" },
		{ "[]", BAD, "a request is a JSON object" },
		{ "{\"weir\":1}{}", BAD, "JSON" },
		{ "{\"weir\":1,\"weir\":1}", BAD, "JSON" },
		{ "[[[[[[[[[]]]]]]]]]", BAD, "JSON more than 8 deep" },
		{ "{\"op\":\"warm\"}", WEIR_REFUSED_VERSION, "speaks version 1" },
		{ "{\"op\":\"warm\",\"weir\":2}", WEIR_REFUSED_VERSION, "version 1" },
		{ "{\"op\":\"warm\",\"weir\":\"1\"}", WEIR_REFUSED_VERSION, "version" },
		{ "{\"weir\":1}", BAD, "'op' is missing" },
		{ "{\"weir\":1,\"op\":\"steal\"}", BAD, "no such 'op'" },
		{ "{\"weir\":1,\"op\":7}", BAD, "no such 'op'" },
		{ "{\"weir\":1,\"op\":\"warm\",\"id\":1.5}", BAD, "'id' is not" },
		{ "{\"weir\":1,\"op\":\"warm\",\"id\":-1}", BAD, "'id' is not" },
		{ "{\"weir\":1,\"op\":\"warm\",\"bytes\":1}", BAD,
		  "'warm' has no 'bytes'" },
		{ "{\"weir\":1,\"op\":\"lease\"}", BAD, "'bytes' is not more than 0" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":0}", BAD, "more than 0" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":-1}", BAD, "a whole number" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1e9}", BAD, "a whole number" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":9223372036854775808}", BAD,
		  "JSON" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":\"1\"}", BAD, "whole number" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,\"node\":1024}", BAD,
		  "'node'" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,\"name\":\"\"}", BAD,
		  "'name'" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,\"name\":\"a b\"}", BAD,
		  "'name'" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,\"name\":\"a\\u0000b\"}", BAD,
		  "JSON" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,\"owner\":{}}", BAD,
		  "'owner' is not an object with one" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,"
		  "\"owner\":{\"pid\":1,\"use\":true}}",
		  BAD, "'owner' is not an object with one" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,\"owner\":{\"pid\":0}}", BAD,
		  "'pid'" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,\"owner\":{\"use\":false}}",
		  BAD, "'use' is not true" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,"
		  "\"owner\":{\"unit\":\"../../x\"}}",
		  BAD, "'unit'" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,\"owner\":{\"cat\":1}}", BAD,
		  "an owner is no 'cat'" },
		{ "{\"weir\":1,\"op\":\"lease\",\"bytes\":1,\"user\":4294967295}", BAD,
		  "'user'" },
		{ "{\"weir\":1,\"op\":\"release\"}", BAD, "either 'lease' or 'name'" },
		{ "{\"weir\":1,\"op\":\"release\",\"lease\":1,\"name\":\"a\"}", BAD,
		  "either 'lease' or 'name'" },
		{ "{\"weir\":1,\"op\":\"release\",\"lease\":0}", BAD, "'lease'" },
		{ "{\"weir\":1,\"op\":\"renew\",\"lease\":1}", BAD, "'ttl_ms' is" },
		{ "{\"weir\":1,\"op\":\"target\",\"bytes\":1}", BAD, "'page_bytes' is" },
		{ "{\"weir\":1,\"op\":\"target\",\"page_bytes\":1}", BAD, "'bytes' is" },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_message m;
		struct weir_err err = { 0 };
		enum weir_refused code;

		expect_int_eq(
			weir_message_parse(weir_strz(cases[i].line), &m, &code, &err),
			-EBADMSG);
		expect_str(weir_refused_word(code), weir_refused_word(cases[i].code));
		if (!strstr(err.msg, cases[i].why))
			fail_msg("'%s': '%s', not '%s'", cases[i].line, err.msg,
			         cases[i].why);
	}
}

static void request_that_is_wrong_keeps_its_id(void **unused)
{
	struct weir_message m;
	enum weir_refused code;

	(void)unused;
	expect_int_eq(
		weir_message_parse(weir_strz("{\"op\":\"no\",\"weir\":1,\"id\":\"a\"}"),
	                           &m, &code, NULL),
		-EBADMSG);
	expect_str(m.id.text, "a");
}

static void replies_are_one_line_of_json(void **unused)
{
	struct weir_message_id id = { .kind = WEIR_ID_TEXT, .text = "x\"\n" };
	struct weir_json j = { 0 };

	(void)unused;
	weir_reply_refuse(&j, &id, WEIR_REFUSED_QUOTA, "too much", "");
	expect_str(j.out.p, "{\"weir\":1,\"id\":\"x\\\"\\u000a\",\"ok\":false,\"error\":{"
	                    "\"code\":\"quota\",\"text\":\"too much\",\"help\":null}}\n");
	weir_json_done(&j);
	j = (struct weir_json){ 0 };
	weir_reply_open(&j, &(struct weir_message_id){ .kind = WEIR_ID_NONE });
	weir_json_u64(&j, "lease", 5);
	weir_json_close(&j);
	expect_str(j.out.p, "{\"weir\":1,\"ok\":true,\"lease\":5}\n");
	weir_json_done(&j);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(lease_with_all_keys_is_understood),
		cmocka_unit_test(requests_of_each_kind_are_understood),
		cmocka_unit_test(request_that_is_wrong_is_refused_with_a_code),
		cmocka_unit_test(request_that_is_wrong_keeps_its_id),
		cmocka_unit_test(replies_are_one_line_of_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
