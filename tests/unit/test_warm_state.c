/* The state of the store: what is written is read back, what was not written to its end
 * does not count, and what is damaged is told apart. */
#include "warm/state.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>
#include <unistd.h>

#define HEAD   "weir-warm 1 pid=811 start=4711 boot=7d1f-22\n"
#define STORE  "store page=2097152 device=0:57 dir=\"/run/weir/warm/2M\"\n"
#define END    "next region=14 lease=6\nend\n"
#define REGION "page=2097152 node=0 inode=3456 bytes=4194304 filled=2097152"
#define LEASE  " lease=5 name=\"vm1\" uid=7 gid=8 since=9 until=10 owner="
#define OTHER  "page=2097152 node=0 inode=3457 bytes=4194304 filled=2097152"

static void state_text_is_told_apart(void **unused)
{
	static const struct {
		const char *text;
		const char *wrong; /* NULL: nothing is */
	} cases[] = {
		{ "", "line 1: it has no end" },
		{ "end", "line 1: it has no end" },
		{ HEAD, "line 1: it has no end" },
		{ HEAD END, NULL },
		{ "weir-warm 2 pid=1 start=1 boot=x\n" END, "another version" },
		{ "weir 1 pid=1 start=1 boot=x\n" END, "not weird's" },
		{ "weir-warm 1 pid=1 start=1\n" END, "writer's numbers" },
		{ "weir-warm 1 pid=1 pid=1 start=1 boot=x\n" END, "writer's numbers" },
		{ "weir-warm 1 pid=1 start=1 "
		  "boot=0123456789012345678901234567890123456789"
		  "\n" END,
		  "writer's numbers" },
		{ "weir-warm 1 pid=1 start=1 boot=x later=5\n" END, NULL },
		{ HEAD "end\n", "what is next" },
		{ HEAD "\n" END, "line 2: it is empty" },
		{ HEAD "frog page=1\n" END, "line 2: the word is not known" },
		{ HEAD "next region=1\nend\n", "no numbers" },
		{ HEAD "next region=1 lease=-1\nend\n", "no numbers" },
		/* stores */
		{ HEAD STORE STORE END, NULL },
		{ HEAD "store page=2097152 device=0:57\n" END, "no store" },
		{ HEAD "store page=2097153 device=0:57 dir=\"/x\"\n" END, "no store" },
		{ HEAD "store page=2048 device=0:57 dir=\"/x\"\n" END, "no store" },
		{ HEAD "store page=2097152 device=057 dir=\"/x\"\n" END, "no store" },
		{ HEAD "store page=2097152 device=0:4294967296 dir=\"/x\"\n" END,
		  "no store" },
		{ HEAD "store page=2097152 device=0:57 dir=/x\n" END, "no store" },
		{ HEAD "store page=2097152 device=0:57 dir=\"/\\000x\"\n" END,
		  "no store" },
		{ HEAD "store page=2097152 device=0:57 dir=\"\n" END, "no store" },
		/* targets */
		{ HEAD "target page=2097152 node=-1 bytes=5\n" END, NULL },
		{ HEAD "target page=2097152 node=-2 bytes=5\n" END, "no target" },
		{ HEAD "target page=2097152 node=1024 bytes=5\n" END, "no target" },
		{ HEAD "target page=2097152 node=0\n" END, "no target" },
		{ HEAD "target page=2097152 node=0 bytes=9223372036854775808\n" END,
		  "no target" },
		{ HEAD "target page=2097152 node=0 bytes=1 bytes=1\n" END, "no target" },
		/* regions */
		{ HEAD "region 13 state=ready " REGION "\n" END, NULL },
		{ HEAD "region 13 state=ready " REGION " later=1\n" END, NULL },
		{ HEAD "region 13 state=ready later " REGION "\n" END, "garbled" },
		{ HEAD "region 14 state=ready " REGION "\n" END, "not below the next" },
		{ HEAD "region 0 state=ready " REGION "\n" END, "region's number" },
		{ HEAD "region -1 state=ready " REGION "\n" END, "region's number" },
		{ HEAD "region\n" END, "region's number" },
		{ HEAD "region 1 state=frog " REGION "\n" END, "garbled" },
		{ HEAD "region 1 " REGION "\n" END, "lacks something" },
		{ HEAD "region 1 state=ready state=ready " REGION "\n" END, "garbled" },
		{ HEAD "region 1 state=ready page=2097152 node=0 inode=1 bytes=4194305 "
		       "filled=0\n" END,
		  "size is not possible" },
		{ HEAD "region 1 state=ready page=2097152 node=0 inode=1 bytes=0 "
		       "filled=0\n" END,
		  "size is not possible" },
		{ HEAD "region 1 state=ready page=2097152 node=0 inode=1 bytes=2097152 "
		       "filled=2097153\n" END,
		  "size is not possible" },
		{ HEAD "region 2 state=ready " REGION "\nregion 1 state=ready " OTHER
		       "\n" END,
		  "does not ascend" },
		{ HEAD STORE "region 1 state=ready " REGION
		             "\nregion 2 state=ready " REGION "\n" END,
		  "two regions" },
		/* leases */
		{ HEAD "region 1 state=leased " REGION LEASE "none\n" END, NULL },
		{ HEAD "region 1 state=leased " REGION LEASE "none opened=1\n" END,
		  NULL },
		{ HEAD "region 1 state=leased " REGION LEASE "none opened=2\n" END,
		  "garbled" },
		{ HEAD "region 1 state=leased " REGION LEASE "none:5\n" END, "garbled" },
		{ HEAD "region 1 state=leased " REGION LEASE "frog\n" END, "garbled" },
		{ HEAD "region 1 state=leased " REGION LEASE "pid:5\n" END, "garbled" },
		{ HEAD "region 1 state=leased " REGION LEASE "pid:2147483648:1\n" END,
		  "garbled" },
		{ HEAD "region 1 state=leased " REGION LEASE "pid:5:6\n" END, NULL },
		{ HEAD "region 1 state=leased " REGION LEASE "unit:vm\n" END, "garbled" },
		{ HEAD "region 1 state=leased " REGION LEASE "unit:\"a\\040b\"\n" END,
		  NULL },
		{ HEAD "region 1 state=leased " REGION LEASE "connection\n" END, NULL },
		{ HEAD "region 1 state=leased " REGION "\n" END, "to nobody" },
		{ HEAD "region 1 state=waiting " REGION "\n" END, NULL },
		{ HEAD "region 1 state=ready " REGION LEASE "none\n" END, "and is not" },
		{ HEAD "region 1 state=leased " REGION " lease=5\n" END,
		  "lease lacks something" },
		{ HEAD "region 1 state=leased " REGION " lease=0\n" END, "garbled" },
		{ HEAD "region 1 state=leased " REGION
		       " lease=5 name=\"a b\" uid=1 gid=1 since=1 until=1 "
		       "owner=none\n" END,
		  "garbled" },
		{ HEAD "region 1 state=leased " REGION " lease=6 name=\"\" uid=1 gid=1 "
		       "since=1 until=1 owner=none\n" END,
		  "not below the next" },
		{ HEAD "region 1 state=leased " REGION LEASE
		       "none\nregion 2 state=leased " OTHER LEASE "none\n" END,
		  "a lease has two regions" },
		/* what changed */
		{ HEAD "region 1 state=ready " REGION "\n" END "gone 1\n" END, NULL },
		{ HEAD "region 1 state=ready " REGION "\n" END "gone 1 2\n" END,
		  "region's number" },
		{ HEAD "region 1 state=ready " REGION "\n" END "gone 1\ngone 1\n" END,
		  "no such region" },
		{ HEAD "region 1 state=ready " REGION "\n" END
		       "gone 1\nregion 1 state=ready " REGION "\n" END,
		  "was gone" },
		{ HEAD END "frog\n" END, "line 4" },
		/* what did not come to its end */
		{ HEAD END "frog\n", NULL },
		{ HEAD END "frog\nend", NULL },
		{ HEAD END "region 1 state=ready " REGION "\nnext region=9 lea", NULL },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		weir_auto(weir_warm_state_done) struct weir_warm_state s = { 0 };
		struct weir_err err = { 0 };
		int r = weir_warm_state_parse(weir_strz(cases[i].text), &s, &err);

		if (cases[i].wrong
		            ? r != -EBADMSG || s.known || !strstr(err.msg, cases[i].wrong)
		            : r != 0 || !s.known)
			fail_msg("case %zu: %d, '%s'", i, r, err.msg);
	}
}

static void state_that_changed_is_what_was_written_last(void **unused)
{
	weir_auto(weir_warm_state_done) struct weir_warm_state s = { 0 };
	const char text[] = HEAD STORE
		"target page=2097152 node=0 bytes=8388608\n"
		"target page=2097152 node=1 bytes=4194304\n"
		"region 3 state=ready " REGION "\n"
		"region 5 state=filling " OTHER "\n" END
		"region 3 state=leased " REGION LEASE "pid:77:88\n" END "gone 5\n"
		"target page=2097152 node=0 bytes=0\n"
		"store page=2097152 device=8:3 dir=\"/a\\040\\042b\"\n"
		"region 20 state=dirty " OTHER "\nnext region=21 lease=9\nend\n"
		"region 20 state=ready " OTHER "\n";

	(void)unused;
	expect_int_eq(weir_warm_state_parse(weir_strz(text), &s, NULL), 0);
	expect_u64_eq(s.nr_regions, 2);
	expect_u64_eq(s.regions[0].id, 3);
	expect_int_eq(s.regions[0].state, WEIR_REGION_LEASED);
	expect_u64_eq(s.regions[0].lease.id, 5);
	expect_str(s.regions[0].lease.name, "vm1");
	expect_int_eq(s.regions[0].lease.owner.pid, 77);
	expect_u64_eq(s.regions[0].lease.owner.start, 88);
	expect_int_eq(s.regions[1].state, WEIR_REGION_DIRTY);
	expect_u64_eq(s.next_region, 21);
	expect_u64_eq(s.nr_targets, 1);
	expect_int_eq(s.targets[0].node, 1);
	expect_u64_eq(s.nr_dirs, 1);
	expect_str(s.dirs[0].path, "/a \"b");
	assert_ptr_equal(weir_warm_find(&s, UINT64_C(8) << 32 | 3, 3456), &s.regions[0]);
	assert_null(weir_warm_find(&s, UINT64_C(8) << 32 | 3, 3458));
	assert_null(weir_warm_find(&s, 57, 3456));
	expect_u64_eq(weir_warm_sum(&s, WEIR_REGION_LEASED, 2097152, 0), 2097152);
	expect_u64_eq(weir_warm_sum(&s, WEIR_REGION_LEASED, 2097152, -1), 2097152);
	expect_u64_eq(weir_warm_sum(&s, WEIR_REGION_LEASED, 2097152, 1), 0);
	expect_u64_eq(weir_warm_sum(&s, WEIR_REGION_LEASED, 4096, 0), 0);
}

static void state_that_is_written_is_read_back(void **unused)
{
	weir_auto(weir_warm_state_done) struct weir_warm_state s = { 0 }, again = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	const char from[] = HEAD STORE "target page=2097152 node=-1 bytes=8388608\n"
				       "region 3 state=ready " REGION "\n"
				       "region 5 state=waiting " OTHER LEASE
				       "unit:\"a\\134b\" opened=1\n" END;

	(void)unused;
	expect_int_eq(weir_warm_state_parse(weir_strz(from), &s, NULL), 0);
	expect_int_eq(weir_warm_state_put(&s, &text), 0);
	expect_text(weir_buf_str(&text), from);
	expect_int_eq(weir_warm_state_parse(weir_buf_str(&text), &again, NULL), 0);
	expect_str(again.regions[1].lease.owner.unit, "a\\b");
	assert_true(again.regions[1].lease.opened);
	expect_u64_eq(again.pid.n, 811);
	expect_str(again.boot_id, "7d1f-22");
}

static void state_of_a_host_is_of_this_boot(void **unused)
{
	static const struct {
		const char *state, *boot;
		int state_error, boot_error, r;
		bool known;
	} cases[] = {
		{ HEAD END, "7d1f-22\n", 0, 0, 0, true },
		{ HEAD END, "7d1f-23\n", 0, 0, 0, false },
		{ HEAD END, "", 0, -ENOENT, 0, true },
		{ HEAD END, "", 0, -EACCES, -EACCES, false },
		{ "", "7d1f-22\n", -ENOENT, 0, 0, false },
		{ "", "7d1f-22\n", -EACCES, 0, -EACCES, false },
		{ "", "7d1f-22\n", -EFBIG, 0, -EFBIG, false },
		{ HEAD, "7d1f-22\n", 0, 0, -EBADMSG, false },
	};

	(void)unused;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = {
			{ WEIR_WARM_STATE, cases[i].state,
			  .error = cases[i].state_error },
			{ "/proc/sys/kernel/random/boot_id", cases[i].boot,
			  .error = cases[i].boot_error },
		};
		weir_auto(weir_warm_state_done) struct weir_warm_state s = { 0 };
		struct fake_host fake;
		struct weir_err err = { 0 };
		int r;

		fake_open(&fake, files, WEIR_NELEM(files));
		r = weir_warm_state_read(&fake.host, &s, &err);
		if (r != cases[i].r || s.known != cases[i].known)
			fail_msg("case %zu: %d, '%s'", i, r, err.msg);
		fake_close(&fake);
	}
}

/* Regions that come and go never use up the room of those that stay. */
static void state_with_many_that_are_gone_is_read(void **unused)
{
	weir_auto(weir_warm_state_done) struct weir_warm_state s = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_warm_region region = { .state = WEIR_REGION_READY,
		                           .page_bytes = 4096,
		                           .bytes = 4096 };

	(void)unused;
	expect_int_eq(weir_buf_addz(&text, HEAD), 0);
	for (uint64_t id = 1; id <= 3 * (uint64_t)WEIR_WARM_REGIONS_MAX; id++) {
		region.id = region.inode = id;
		expect_int_eq(weir_warm_put_region(&region, &text), 0);
		if (id % 4)
			expect_int_eq(weir_warm_put_gone(id, &text), 0);
	}
	expect_int_eq(weir_buf_addz(&text, "next region=1000000 lease=1\nend\n"), 0);
	expect_int_eq(weir_warm_state_parse(weir_buf_str(&text), &s, NULL), 0);
	expect_u64_eq(s.nr_regions, 3 * WEIR_WARM_REGIONS_MAX / 4);
	expect_u64_eq(s.regions[1].id, 8);
}

static int parse_one(void *ctx)
{
	weir_auto(weir_warm_state_done) struct weir_warm_state s = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_warm_state_parse(weir_strz(ctx), &s, NULL);

	return r < 0 ? r : weir_warm_state_put(&s, &text);
}

static void state_without_memory_says_so(void **unused)
{
	char text[] = HEAD STORE "target page=2097152 node=-1 bytes=8388608\n"
				 "region 3 state=leased " REGION LEASE
				 "unit:\"a\\134b\"\n" END;

	(void)unused;
	expect_int_eq(fault_every(parse_one, text), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(state_text_is_told_apart),
		cmocka_unit_test(state_that_changed_is_what_was_written_last),
		cmocka_unit_test(state_that_is_written_is_read_back),
		cmocka_unit_test(state_of_a_host_is_of_this_boot),
		cmocka_unit_test(state_with_many_that_are_gone_is_read),
		cmocka_unit_test(state_without_memory_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
