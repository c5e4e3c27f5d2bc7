/* view: what is seen of a host, as text, as JSON, and against what was expected. */
#include "lab/view.h"

#include "base/err.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define UNMAPPED WEIR_VIEW_UNMAPPED

static const unsigned char some_pages[] = { 0, 1, UNMAPPED, UNMAPPED };
static const unsigned char odd_pages[] = { 10, 35, 36, 61, 62, 63, UNMAPPED };
static unsigned char many_pages[31]; /* 8 on node 0, 9 on node 1, 10 nowhere, 4 on 2 */
static const unsigned int two_nodes[] = { 0, 2 };

static struct weir_str s(const char *z)
{
	return weir_strz(z);
}

/* A host that has a bit of all. Static, so that it can hold pointers to itself. */
static const struct weir_view *full_view(void)
{
	static struct weir_view_node nodes_2m[] = { { 0, 5, 3, 0 }, { 2, 5, 5, 1 } };
	static struct weir_view_node nodes_1g[] = { { 0, 1, 1, 0 }, { 2, 0, 0, 0 } };
	static struct weir_view_pool pools[] = {
		{ .page_bytes = 2 << 20,
		  .total = 10,
		  .free = 8,
		  .reserved = UINT64_MAX,
		  .surplus = 1,
		  .max = 9,
		  .overcommit = 4,
		  .nodes = nodes_2m,
		  .nr_nodes = 2 },
		{ .page_bytes = 1 << 30,
		  .total = 1,
		  .free = 1,
		  .max = 1,
		  .nodes = nodes_1g,
		  .nr_nodes = 2 },
		{ .page_bytes = 64 << 10 }, /* all 0 */
	};
	static struct weir_view_mount mounts[] = {
		{ { "M", 1 }, 4, 1, UINT64_MAX, UINT64_MAX },
	};
	static struct weir_view_group_size sizes[] = {
		{ .page_bytes = 2 << 20,
		  .usage = 2,
		  .rsvd = 4,
		  .events = 1,
		  .has_nodes = true,
		  .node = { 2, 0 } },
		{ .page_bytes = 1 << 30 },
		{ .page_bytes = 64 << 10, .rsvd = 7 }, /* no numa_stat */
	};
	static struct weir_view_group groups[] = { { { "G", 1 }, sizes, 3 },
		                                   { { "H", 1 }, sizes + 1, 1 } };
	static struct weir_view_map maps[] = {
		{ { "m", 1 }, 4, some_pages, 1 },
		{ { "odd", 3 }, 7, odd_pages, 0 },
		{ { "many", 4 }, 31, many_pages, 21 },
	};
	static struct weir_view_task tasks[] = { { { "A", 1 }, 2 << 20, maps, 3 },
		                                 { { "B", 1 }, 0, NULL, 0 } };
	static struct weir_view_file files[] = {
		{ .name = { "M/f", 3 }, .size = 4, .allocated = 2 },
		{ .name = { "big", 3 },
		  .size = 1,
		  .allocated = 1,
		  .page_bytes = 1 << 30 },
	};
	static struct weir_view view = {
		.node_ids = two_nodes,
		.nr_nodes = 2,
		.pools = pools,
		.nr_pools = 3,
		.mounts = mounts,
		.nr_mounts = 1,
		.groups = groups,
		.nr_groups = 2,
		.tasks = tasks,
		.nr_tasks = 2,
		.files = files,
		.nr_files = 2,
	};

	for (size_t i = 0; i < sizeof(many_pages); i++)
		many_pages[i] = i < 8 ? 0 : i < 17 ? 1 : i < 27 ? UNMAPPED : 2;
	return &view;
}

/* The same of a host whose zones were told. */
static struct weir_view zoned_view(void)
{
	static const struct weir_view_zone zones[] = {
		{ 0, WEIR_ZONE_DMA32, 4096, 1024, 7, 2 },
		{ 2, WEIR_ZONE_MOVABLE, 512, 0, 3, 0 },
	};
	struct weir_view view = *full_view();

	view.zones = zones;
	view.nr_zones = WEIR_NELEM(zones);
	return view;
}

static void view_tells_of_zones(void **state)
{
	static const struct weir_result ok = { WEIR_RESULT_OK, 0, 0 };
	struct weir_view view = zoned_view();
	struct weir_json j = { .compact = true };
	struct weir_buf out = { 0 };

	(void)state;
	view.nr_pools = view.nr_mounts = view.nr_groups = view.nr_files = 0;
	expect_int_eq(weir_view_text(&view, &ok, &out), 0);
	expect_str(out.p, "ok | zone n0.DMA32 4096/1024 7/2 | zone n2.Movable 512/0 3/0"
	                  " | A 0 m 01../1 odd azAZ+_./0 many 000000001*9,.*10,2222/21"
	                  " | B 0");
	weir_buf_done(&out);

	view.nr_tasks = 0;
	weir_json_open(&j, NULL, '{');
	weir_view_json(&view, &ok, &j);
	weir_json_close(&j);
	expect_int_eq(j.failed, 0);
	expect_str(j.out.p,
	           "{\"result\":\"ok\",\"pools\":[],\"zones\":["
	           "{\"node\":0,\"zone\":\"DMA32\",\"free\":4096,\"free_cma\":1024,"
	           "\"huge\":7,\"huge_cma\":2},"
	           "{\"node\":2,\"zone\":\"Movable\",\"free\":512,\"free_cma\":0,"
	           "\"huge\":3,\"huge_cma\":0}],"
	           "\"mounts\":[],\"groups\":[],\"files\":[],\"tasks\":[]}\n");
	weir_json_done(&j);
}

static void view_expects_of_zones(void **state)
{
	static const struct weir_result ok = { WEIR_RESULT_OK, 0, 0 };
	static const struct {
		const char *term;
		int result;
		const char *have;
	} cases[] = {
		{ "n0.DMA32.free=4096", 0, "" },
		{ "n0.DMA32.free=4000~96", 0, "" },
		{ "n0.DMA32.free=4192~96", 0, "" },
		{ "n0.DMA32.free=4000~95", 1, "n0.DMA32.free=4096" },
		{ "n0.DMA32.free=0~9223372036854775807", 0, "" },
		{ "n0.DMA32.free_cma=1025", 1, "n0.DMA32.free_cma=1024" },
		{ "n0.DMA32.huge=7~0", 0, "" },
		{ "n0.DMA32.huge_cma=1", 1, "n0.DMA32.huge_cma=2" },
		{ "n2.Movable.huge=3", 0, "" },
		{ "n2.DMA32.free=0", -EINVAL, "tells of no such zone" },
		{ "n1.Movable.free=0", -EINVAL, "tells of no such zone" },
		{ "n0.DMA32.free=", -EINVAL, "give or take" },
		{ "n0.DMA32.free=1~", -EINVAL, "give or take" },
		{ "n0.DMA32.free=~1", -EINVAL, "give or take" },
		{ "n0.DMA32.free=-1", -EINVAL, "give or take" },
		{ "n0.DMA32.used=1", -EINVAL, "between two dots" },
		{ "n0.HighMem.free=1", -EINVAL, "between two dots" },
		{ "A.m.pinnable=1", 0, "" },
		{ "A.m.pinnable=3~2", 0, "" },
		{ "A.many.pinnable=20", 1, "A.many.pinnable=21" },
		{ "A.x.pinnable=0", -EINVAL, "no such mapping" },
		{ "C.m.pinnable=0", -EINVAL, "no such task" },
		{ "A.m.pinned=0", -EINVAL, "between two dots" },
	};
	const struct weir_view view = zoned_view();
	struct weir_buf none = { 0 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_buf have = { 0 };
		struct weir_err err = { 0 };
		int r = weir_view_expect(&view, &ok, s(cases[i].term), &have, &err);
		const char *said = r < 0 ? err.msg : have.p ? have.p : "";

		if (r != cases[i].result || (r < 0 ? !strstr(said, cases[i].have)
		                                   : strcmp(said, cases[i].have) != 0))
			fail_msg("'%s' is %d, '%s'", cases[i].term, r, said);
		weir_buf_done(&have);
	}
	expect_int_eq(
		weir_view_expect(full_view(), &ok, s("A.m.pinnable=1"), &none, NULL),
		-EINVAL);
	expect_int_eq(weir_view_expect(full_view(), &ok, s("n0.DMA.free=1"), &none, NULL),
	              -EINVAL);
	weir_buf_done(&none);
}

static void view_text_is_one_line(void **state)
{
	static const struct weir_result sigbus = { WEIR_RESULT_SIGBUS, 0, 12 };
	struct weir_buf out = { 0 };

	(void)state;
	expect_int_eq(weir_buf_addz(&out, "7 | "), 0);
	expect_int_eq(weir_view_text(full_view(), &sigbus, &out), 0);
	expect_str(out.p, "7 | SIGBUS after 12"
	                  " | 2M 10/8/-1/1 max 9 oc 4 n0 5/3/0 n2 5/5/1"
	                  " | 1G 1/1/0/0 max 1 n0 1/1/0 n2 0/0/0"
	                  " | mount M 4/1/-1/-1"
	                  " | cgroup G 2M 2/4/1 n0 2 n2 0 64K 0/7/0"
	                  " | cgroup H"
	                  " | file M/f 4/2 | file big 1/1"
	                  " | A 32 m 01.. odd azAZ+_. many 000000001*9,.*10,2222 | B 0");
	weir_buf_done(&out);
}

static void view_text_of_nothing_is_the_result(void **state)
{
	static const struct {
		struct weir_result result;
		const char *want;
	} cases[] = {
		{ { WEIR_RESULT_OK, 0, 0 }, "ok" },
		{ { WEIR_RESULT_ERRNO, ENOMEM, 0 }, "ENOMEM" },
		{ { WEIR_RESULT_ERRNO, 4000, 0 }, "E4000" },
		{ { WEIR_RESULT_SIGBUS, 0, 0 }, "SIGBUS after 0" },
		{ { WEIR_RESULT_MCEERR, 0, UINT64_MAX },
		  "MCEERR after 18446744073709551615" },
	};
	static const struct weir_view nothing = { 0 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_buf out = { 0 };

		expect_int_eq(weir_view_text(&nothing, &cases[i].result, &out), 0);
		expect_str(out.p, cases[i].want);
		weir_buf_done(&out);
	}
}

static void view_json_says_the_same(void **state)
{
	static const struct weir_result sigbus = { WEIR_RESULT_SIGBUS, 0, 12 };
	struct weir_json j = { .compact = true };

	(void)state;
	weir_json_open(&j, NULL, '{');
	weir_view_json(full_view(), &sigbus, &j);
	weir_json_close(&j);
	expect_int_eq(j.failed, 0);
	expect_str(
		j.out.p,
		"{\"result\":\"SIGBUS\",\"after\":12,\"pools\":["
		"{\"page_bytes\":2097152,\"total\":10,\"free\":8,"
		"\"reserved\":18446744073709551615,\"surplus\":1,\"max\":9,"
		"\"overcommit\":4,"
		"\"nodes\":[{\"id\":0,\"total\":5,\"free\":3,\"surplus\":0},"
		"{\"id\":2,\"total\":5,\"free\":5,\"surplus\":1}]},"
		"{\"page_bytes\":1073741824,\"total\":1,\"free\":1,\"reserved\":0,"
		"\"surplus\":0,\"max\":1,\"overcommit\":0,"
		"\"nodes\":[{\"id\":0,\"total\":1,\"free\":1,\"surplus\":0},"
		"{\"id\":2,\"total\":0,\"free\":0,\"surplus\":0}]}],"
		"\"mounts\":[{\"name\":\"M\",\"blocks\":4,\"bfree\":1,"
		"\"files\":18446744073709551615,\"ffree\":18446744073709551615}],"
		"\"groups\":[{\"name\":\"G\",\"sizes\":[{\"page_bytes\":2097152,"
		"\"usage\":2,"
		"\"rsvd\":4,\"events\":1,\"nodes\":[{\"id\":0,\"usage\":2},"
		"{\"id\":2,\"usage\":0}]},{\"page_bytes\":65536,\"usage\":0,\"rsvd\":7,"
		"\"events\":0,\"nodes\":null}]},{\"name\":\"H\",\"sizes\":[]}],"
		"\"files\":[{\"name\":\"M/f\",\"size\":4,\"allocated\":2},"
		"{\"name\":\"big\",\"size\":1,\"allocated\":1}],"
		"\"tasks\":[{\"name\":\"A\",\"mapped_bytes\":2097152,\"maps\":["
		"{\"name\":\"m\",\"nr_pages\":4,\"node\":\"01..\"},"
		"{\"name\":\"odd\",\"nr_pages\":7,\"node\":\"azAZ+_.\"},"
		"{\"name\":\"many\",\"nr_pages\":31,\"node\":\"000000001*9,.*10,2222\"}]}"
		","
		"{\"name\":\"B\",\"mapped_bytes\":0,\"maps\":[]}]}\n");
	weir_json_done(&j);
}

static void view_expect_answers_every_term(void **state)
{
	static const struct weir_result sigbus = { WEIR_RESULT_SIGBUS, 0, 12 };
	static const struct {
		const char *term;
		int result;
		const char *have; /* instead; of errors: part of the message */
	} cases[] = {
		{ "", -EINVAL, "neither a result" },
		{ "=1", -EINVAL, "no such term" },
		{ "SIGBUS=12", 0, "" },
		{ "SIGBUS=11", 1, "SIGBUS=12" },
		{ "MCEERR=12", 1, "SIGBUS=12" },
		{ "ok", 1, "SIGBUS=12" },
		{ "ENOMEM", 1, "SIGBUS=12" },
		{ "10/8/-1/1", 0, "" },
		{ "10/8/18446744073709551615/1", 0, "" },
		{ "10/8/0/1", 1, "10/8/-1/1" },
		{ "10/8/-2/1", 1, "10/8/-1/1" },
		{ "10/8/-0/1", -EINVAL, "a pool is" },
		{ "10/8/--1/1", -EINVAL, "a pool is" },
		{ "10/8/-9223372036854775808/1", -EINVAL, "a pool is" },
		{ "2M=10/8/-1/1", 0, "" },
		{ "2048kB=10/8/-1/2", 1, "2048kB=10/8/-1/1" },
		{ "1G=1/1/0/0", 0, "" },
		{ "1G=2/2/0/0", 1, "1G=1/1/0/0" },
		{ "64K=0/0/0/0", 0, "" },
		{ "4M=0/0/0/0", -EINVAL, "no pool of this size" },
		{ "n2=5/5/1", 0, "" },
		{ "n2=5/5/0", 1, "n2=5/5/1" },
		{ "n1=0/0/0", -EINVAL, "no such node" },
		{ "1G.n0=1/1/0", 0, "" },
		{ "64K.n0=0/0/0", -EINVAL, "no such node" },
		{ "max=9", 0, "" },
		{ "max=10", 1, "max=9" },
		{ "1G.max=2", 1, "1G.max=1" },
		{ "A.pages=32", 0, "" }, /* of 64K */
		{ "A.pages=1", 1, "A.pages=32" },
		{ "B.pages=0", 0, "" },
		{ "C.pages=0", -EINVAL, "no such task" },
		{ "A.m=01..", 0, "" },
		{ "A.m=01.*2", 0, "" },
		{ "A.m=01.", 1, "A.m=01.." },
		{ "A.m=01...", 1, "A.m=01.." },
		{ "A.m=11..", 1, "A.m=01.." },
		{ "A.odd=azAZ+_.", 0, "" },
		{ "A.many=0*8,1*9,.*10,2*4", 0, "" },
		{ "A.many=000000001*9,.*10,2222", 0, "" },
		{ "A.many=.*18446744073709551615", -EINVAL, "node's digit" },
		{ "A.many=.*9223372036854775807", 1, "A.many=000000001*9,.*10,2222" },
		{ "A.n=0", -EINVAL, "no such mapping" },
		{ "A.m=0!", -EINVAL, "node's digit" },
		{ "B.m=0", -EINVAL, "no such mapping" },
		{ "M/f.size=4", 0, "" },
		{ "M/f.size=5", 1, "M/f.size=4" },
		{ "M/f.blocks=8192", 0, "" },
		{ "big.blocks=2097152", 0, "" },
		{ "big.blocks=4096", 1, "big.blocks=2097152" },
		{ "M/f.bfree=1", -EINVAL, "a file has" },
		{ "M/g.size=1", -EINVAL, "no such file" },
		{ "M.blocks=4", 0, "" },
		{ "M.bfree=0", 1, "M.bfree=1" },
		{ "M.files=-1", 0, "" },
		{ "M.ffree=3", 1, "M.ffree=-1" },
		{ "M.size=3", -EINVAL, "a mount has" },
		{ "G.usage=2", 0, "" },
		{ "G.rsvd=3", 1, "G.rsvd=4" },
		{ "G.events=1", 0, "" },
		{ "G.n0=2", 0, "" },
		{ "G.n2=1", 1, "G.n2=0" },
		{ "G.n1=0", -EINVAL, "no such node" },
		{ "G.1G.usage=0", 0, "" },
		{ "G.64K.rsvd=7", 0, "" },
		{ "G.64K.n0=0", -EINVAL, "does not tell" },
		{ "G.4M.usage=0", -EINVAL, "no charges of this size" },
		{ "H.usage=0", -EINVAL, "no charges of this size" },
		{ "G.blocks=0", -EINVAL, "a cgroup has" },
		{ "mem.n0=+32", -EINVAL, "is not told" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_buf have = { 0 };
		struct weir_err err = { 0 };
		int r = weir_view_expect(full_view(), &sigbus, s(cases[i].term), &have,
		                         &err);
		const char *said = r < 0 ? err.msg : have.p ? have.p : "";

		if (r != cases[i].result || (r < 0 ? !strstr(said, cases[i].have)
		                                   : strcmp(said, cases[i].have) != 0))
			fail_msg("'%s' is %d, '%s'", cases[i].term, r, said);
		if (r < 0)
			expect_u64_eq(have.n, 0);
		weir_buf_done(&have);
	}
}

static void view_expect_of_results(void **state)
{
	static const struct {
		struct weir_result result;
		const char *term;
		int want;
	} cases[] = {
		{ { WEIR_RESULT_OK, 0, 0 }, "ok", 0 },
		{ { WEIR_RESULT_OK, 0, 0 }, "ENOMEM", 1 },
		{ { WEIR_RESULT_OK, 0, 0 }, "SIGBUS=0", 1 },
		{ { WEIR_RESULT_ERRNO, EBUSY, 0 }, "EBUSY", 0 },
		{ { WEIR_RESULT_ERRNO, EBUSY, 0 }, "E16", 0 },
		{ { WEIR_RESULT_ERRNO, EBUSY, 0 }, "EINVAL", 1 },
		{ { WEIR_RESULT_ERRNO, 4000, 0 }, "E4000", 0 },
		{ { WEIR_RESULT_MCEERR, 0, 3 }, "MCEERR=3", 0 },
		{ { WEIR_RESULT_MCEERR, 0, 3 }, "SIGBUS=3", 1 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_buf have = { 0 };
		int r = weir_view_expect(full_view(), &cases[i].result, s(cases[i].term),
		                         &have, NULL);

		if (r != cases[i].want)
			fail_msg("'%s' is %d", cases[i].term, r);
		weir_buf_done(&have);
	}
}

/* What an expectation answers "no" with is a term that is true. */
static void view_expect_have_is_true(void **state)
{
	static const struct weir_result failed = { WEIR_RESULT_ERRNO, EFAULT, 0 };
	static const char *const terms[] = {
		"ok",         "0/0/0/0",   "1G=0/0/0/0",   "n0=0/0/0",
		"1G.max=7",   "A.pages=0", "A.odd=0",      "A.many=0",
		"M/f.size=0", "M.ffree=0", "G.64K.rsvd=0", "big.blocks=0"
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(terms); i++) {
		struct weir_buf have = { 0 }, none = { 0 };

		expect_int_eq(
			weir_view_expect(full_view(), &failed, s(terms[i]), &have, NULL),
			1);
		expect_int_eq(weir_view_expect(full_view(), &failed, weir_buf_str(&have),
		                               &none, NULL),
		              0);
		expect_u64_eq(none.n, 0);
		weir_buf_done(&have);
	}
}

static void errno_names_go_both_ways(void **state)
{
	char scratch[16];
	int err;

	(void)state;
	for (int i = 1; i < 200; i++) {
		const char *name = weir_errno_name(i, scratch, sizeof(scratch));

		if (!weir_errno_find(s(name), &err) || err != i)
			fail_msg("%d is %s", i, name);
	}
	expect_str(weir_errno_name(ENOSPC, scratch, sizeof(scratch)), "ENOSPC");
	expect_str(weir_errno_name(EHWPOISON, scratch, sizeof(scratch)), "EHWPOISON");
	assert_false(weir_errno_find(s(""), &err));
	assert_false(weir_errno_find(s("E"), &err));
	assert_false(weir_errno_find(s("E0"), &err));
	assert_false(weir_errno_find(s("E4096"), &err));
	assert_false(weir_errno_find(s("E-1"), &err));
	assert_false(weir_errno_find(s("enomem"), &err));
}

static int print_all(void *ctx)
{
	static const struct weir_result ok = { 0 };
	struct weir_buf out = { 0 };
	struct weir_json j = { .compact = true };
	int r;

	(void)ctx;
	r = weir_view_text(full_view(), &ok, &out);
	if (r < 0)
		expect_u64_eq(out.n, 0);
	weir_json_open(&j, NULL, '{');
	weir_view_json(full_view(), &ok, &j);
	weir_json_close(&j);
	if (r == 0)
		r = j.failed;
	out.n = 0;
	if (r == 0)
		r = weir_view_expect(full_view(), &ok, s("A.many=0"), &out, NULL);
	weir_buf_done(&out);
	weir_json_done(&j);
	return r;
}

static void view_survives_failed_allocations(void **state)
{
	(void)state;
	expect_int_eq(fault_every(print_all, NULL), 1);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(view_tells_of_zones),
		cmocka_unit_test(view_expects_of_zones),
		cmocka_unit_test(view_text_is_one_line),
		cmocka_unit_test(view_text_of_nothing_is_the_result),
		cmocka_unit_test(view_json_says_the_same),
		cmocka_unit_test(view_expect_answers_every_term),
		cmocka_unit_test(view_expect_of_results),
		cmocka_unit_test(view_expect_have_is_true),
		cmocka_unit_test(errno_names_go_both_ways),
		cmocka_unit_test(view_survives_failed_allocations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
