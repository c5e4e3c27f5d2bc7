/* warm_seen: weird's state on odd hosts: whether weird runs, how much there is of what,
 * and what a target still lacks. */
#include "facts/warm_seen.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define BOOT   "/proc/sys/kernel/random/boot_id"
#define HEAD   "weir-warm 1 pid=811 start=4711 boot=b0\n"
#define TAIL   "next region=90 lease=90\nend\n"
#define STORE  "store page=2097152 device=0:57 dir=\"/run/weir/warm/2M\"\n"
#define REST   " page=2097152 node=0 inode=7 bytes=4194304 filled=4194304"
#define SLEEPS "811 (weird) S 1 811 811 0 -1 0 1 0 0 0 1 1 0 0 20 0 3 0 4711 1 1\n"

static const char one[] = HEAD STORE "region 3 state=ready" REST "\n" TAIL;

static void stat_start_is_found_behind_any_name(void **state)
{
	static const struct {
		const char *text;
		int64_t start; /* -1: unknown */
		bool ended;
	} cases[] = {
		{ SLEEPS, 4711, false },
		{ "9 (a) S 1 (x)) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 77 0",
		  77, true },
		{ "9 (x) X 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 77", 77, true },
		{ "9 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18", -1, false },
		{ "9 (x) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 -7", -1, false },
		{ "9 x S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 77", -1, false },
		{ "", -1, false },
		{ ")", -1, false },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		bool ended = !cases[i].ended;
		struct weir_count start = weir_stat_start(weir_strz(cases[i].text),
		                                          &ended);

		assert_true(start.known == (cases[i].start >= 0));
		if (start.known)
			expect_u64_eq(start.n, (uint64_t)cases[i].start);
		if (ended != cases[i].ended)
			fail_msg("'%s'", cases[i].text);
	}
}

static void warm_seen_knows_whether_weird_runs(void **state)
{
	static const struct {
		struct fake_file stat, first; /* process 1 */
		enum weir_weird want;
	} cases[] = {
		{ { "/proc/811/stat", SLEEPS },
		  { "/@/stat/proc/1/@", "" },
		  WEIR_WEIRD_RUNS },
		/* the number was used again */
		{ { "/proc/811/stat", "811 (weird) S 1 811 811 0 -1 0 1 0 0 0 1 1 0 0 20 "
		                      "0 3 0 4712 1 1\n" },
		  { "/@/stat/proc/1/@", "" },
		  WEIR_WEIRD_GONE },
		{ { "/proc/811/stat", "811 (weird) Z 1 811 811 0 -1 0 1 0 0 0 1 1 0 0 20 "
		                      "0 3 0 4711 1 1\n" },
		  { "/@/stat/proc/1/@", "" },
		  WEIR_WEIRD_GONE },
		{ { "/proc/812/stat", SLEEPS },
		  { "/@/stat/proc/1/@", "" },
		  WEIR_WEIRD_GONE },
		/* processes of others are hidden: nobody is seen to run */
		{ { "/proc/812/stat", SLEEPS }, { "/x", "" }, WEIR_WEIRD_UNKNOWN },
		{ { "/proc/811/stat", .error = -EACCES },
		  { "/@/stat/proc/1/@", "" },
		  WEIR_WEIRD_UNKNOWN },
		{ { "/proc/811/stat", "garbage" },
		  { "/@/stat/proc/1/@", "" },
		  WEIR_WEIRD_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = { { WEIR_WARM_STATE, one },
			                     { BOOT, "b0\n" },
			                     cases[i].stat,
			                     cases[i].first };
		struct weir_warm_seen seen;
		struct fake_host fake;

		fake_open(&fake, files, WEIR_NELEM(files));
		weir_warm_seen_read(&fake.reader, &seen);
		assert_true(seen.state.known && !seen.hidden);
		if (seen.weird != cases[i].want)
			fail_msg("case %zu: %s", i, weir_weird_word(seen.weird));
		expect_u64_eq(fake.gaps.nr, 0);
		weir_warm_seen_done(&seen);
		fake_close(&fake);
	}
}

static void warm_seen_without_a_store_or_a_whole_state(void **state)
{
	static const struct {
		struct fake_file file;
		enum weir_gap_kind gap; /* of those that are hidden */
		bool hidden;
	} cases[] = {
		{ { "/nothing", "" }, WEIR_GAP_ABSENT, false },
		/* of another boot */
		{ { WEIR_WARM_STATE, "weir-warm 1 pid=1 start=1 boot=b1\n" TAIL },
		  WEIR_GAP_ABSENT,
		  false },
		{ { WEIR_WARM_STATE, .error = -EACCES }, WEIR_GAP_FORBIDDEN, true },
		{ { WEIR_WARM_STATE, .error = -EIO }, WEIR_GAP_FAILED, true },
		{ { WEIR_WARM_STATE, HEAD }, WEIR_GAP_MALFORMED, true },
		{ { WEIR_WARM_STATE, HEAD "region x\n" TAIL }, WEIR_GAP_MALFORMED, true },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct fake_file files[] = { cases[i].file, { BOOT, "b0\n" } };
		struct weir_warm_seen seen;
		struct fake_host fake;

		fake_open(&fake, files, WEIR_NELEM(files));
		weir_warm_seen_read(&fake.reader, &seen);
		assert_false(seen.state.known);
		assert_true(seen.hidden == cases[i].hidden);
		expect_u64_eq(fake.gaps.nr, cases[i].hidden);
		if (cases[i].hidden)
			(void)fake_expect_gap(&fake, cases[i].gap, WEIR_WARM_STATE);
		weir_warm_seen_done(&seen);
		fake_close(&fake);
	}
}

static void parse(const char *text, struct weir_warm_state *out)
{
	struct weir_err err = { 0 };

	if (weir_warm_state_parse(weir_strz(text), out, &err) < 0)
		fail_msg("%s", err.msg);
}

#define LEASE(id, name) \
	" lease=" #id " name=\"" name "\" uid=0 gid=0 since=1 until=0 owner=none"

static void warm_places_sum_by_size_and_node(void **state)
{
	static const char text[] = HEAD STORE
		"target page=2097152 node=1 bytes=33554432\n"
		"target page=1073741824 node=-1 bytes=1073741824\n"
		"region 1 state=ready page=2097152 node=1 inode=1 bytes=8388608 "
		"filled=8388608\n"
		"region 2 state=filling page=2097152 node=1 inode=2 bytes=8388608 "
		"filled=2097152\n"
		"region 3 state=scrubbing page=2097152 node=0 inode=3 bytes=4194304 "
		"filled=4194304\n"
		"region 4 state=leased page=2097152 node=0 inode=4 bytes=4194304 "
		"filled=2097152" LEASE(1, "a") "\n"
					       "region 5 state=growing page=2097152 "
					       "node=0 inode=5 bytes=4194304 "
					       "filled=4194304\n"
					       "region 6 state=waiting page=2097152 "
					       "node=0 inode=6 bytes=2097152 "
					       "filled=2097152" LEASE(2, "") "\n" TAIL;
	struct weir_warm_state s = { 0 };
	struct weir_warm_places places;

	(void)state;
	parse(text, &s);
	expect_int_eq(weir_warm_places_make(&s, &places), 0);
	expect_u64_eq(places.nr, 3);
	expect_int_eq(places.v[0].node, 0);
	expect_u64_eq(places.v[0].ready_bytes, 0);
	expect_u64_eq(places.v[0].coming_bytes, 4 << 20);
	expect_u64_eq(places.v[0].leased_bytes, 6 << 20); /* that has pages */
	expect_u64_eq(places.v[0].nr_leased, 2);
	expect_u64_eq(places.v[0].waiting_bytes, 2 << 20);
	expect_u64_eq(weir_warm_place_lacks(&places, 0), 0);
	expect_int_eq(places.v[1].node, 1);
	expect_u64_eq(places.v[1].target_bytes, 32 << 20);
	expect_u64_eq(places.v[1].coming_bytes, 2 << 20);
	expect_u64_eq(places.v[1].due_bytes, 8 << 20); /* all of it, in the end */
	expect_u64_eq(weir_warm_place_lacks(&places, 1), 16 << 20);
	expect_u64_eq(places.v[2].page_bytes, 1 << 30);
	expect_u64_eq(weir_warm_place_lacks(&places, 2), 1 << 30);
	weir_warm_places_done(&places);
	weir_warm_state_done(&s);
}

/* A target that is bound to no node has what is beyond the targets of nodes. */
static void warm_places_of_any_node_count_the_others(void **state)
{
	static const char text[] = HEAD STORE
		"target page=2097152 node=-1 bytes=33554432\n"
		"target page=2097152 node=0 bytes=4194304\n"
		"region 1 state=ready page=2097152 node=0 inode=1 bytes=8388608 "
		"filled=8388608\n"
		"region 2 state=ready page=2097152 node=1 inode=2 bytes=8388608 "
		"filled=8388608\n"
		"region 3 state=ready page=2097152 node=-1 inode=3 bytes=2097152 "
		"filled=2097152\n" TAIL;
	struct weir_warm_state s = { 0 };
	struct weir_warm_places places;

	(void)state;
	parse(text, &s);
	expect_int_eq(weir_warm_places_make(&s, &places), 0);
	expect_u64_eq(places.nr, 3);
	expect_int_eq(places.v[0].node, -1);
	expect_u64_eq(weir_warm_place_lacks(&places, 0), (32 - 2 - 8 - 4) << 20);
	expect_u64_eq(weir_warm_place_lacks(&places, 1), 0);
	weir_warm_places_done(&places);
	weir_warm_state_done(&s);
}

/* No host has so much; the text may say so. */
static void warm_places_of_impossible_sums_end_at_the_largest(void **state)
{
#define HUGE "9223372036852678656"
	static const char text[] = HEAD STORE
		"region 1 state=ready page=2097152 node=0 inode=1 bytes=" HUGE
		" filled=" HUGE "\n"
		"region 2 state=ready page=2097152 node=0 inode=2 bytes=" HUGE
		" filled=" HUGE "\n"
		"region 3 state=ready page=2097152 node=0 inode=3 bytes=" HUGE
		" filled=" HUGE "\n" TAIL;
	struct weir_warm_state s = { 0 };
	struct weir_warm_places places;

	(void)state;
	parse(text, &s);
	expect_int_eq(weir_warm_places_make(&s, &places), 0);
	expect_u64_eq(places.v[0].ready_bytes, UINT64_MAX);
	weir_warm_places_done(&places);
	weir_warm_state_done(&s);
}

static void lease_text_is_its_name_or_its_number(void **state)
{
	static const struct {
		enum weir_region_state state;
		struct weir_warm_lease lease;
		const char *want;
	} cases[] = {
		{ WEIR_REGION_LEASED, { .id = 5, .name = "vm1" }, "lease vm1" },
		{ WEIR_REGION_WAITING, { .id = 5 }, "lease 5" },
		{ WEIR_REGION_GROWING, { .id = 0 }, "lease" },
		{ WEIR_REGION_READY, { .id = 5, .name = "vm1" }, "" },
	};
	char text[WEIR_LEASE_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_warm_region region = { .state = cases[i].state,
			                           .lease = cases[i].lease };

		expect_str(weir_lease_text(&region, text), cases[i].want);
	}
}

static int read_and_drop(void *ctx)
{
	struct fake_file files[] = { { WEIR_WARM_STATE, one },
		                     { BOOT, "b0\n" },
		                     { "/proc/811/stat", SLEEPS } };
	struct weir_warm_places places = { 0 };
	struct weir_warm_seen seen;
	struct fake_host fake;
	int r;

	(void)ctx;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_warm_seen_read(&fake.reader, &seen);
	r = fake.reader.failed;
	if (r == 0)
		r = weir_warm_places_make(&seen.state, &places);
	weir_warm_places_done(&places);
	weir_warm_seen_done(&seen);
	fake_close(&fake);
	return r;
}

static void warm_seen_without_memory_fails_and_leaks_nothing(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_and_drop, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(stat_start_is_found_behind_any_name),
		cmocka_unit_test(warm_seen_knows_whether_weird_runs),
		cmocka_unit_test(warm_seen_without_a_store_or_a_whole_state),
		cmocka_unit_test(warm_places_sum_by_size_and_node),
		cmocka_unit_test(warm_places_of_any_node_count_the_others),
		cmocka_unit_test(warm_places_of_impossible_sums_end_at_the_largest),
		cmocka_unit_test(lease_text_is_its_name_or_its_number),
		cmocka_unit_test(warm_seen_without_memory_fails_and_leaks_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
