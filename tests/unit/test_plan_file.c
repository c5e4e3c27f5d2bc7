/* plan_file: the YAML form, its defaults and combinations; YAML that is hostile. */
#include "vm/plan_file.h"

#include <errno.h>

#include "fault.h"
#include "vm_test.h"

/* A build without it says so. */
static bool has_yaml(void)
{
	struct weir_err err = { 0 };
	struct weir_demands out = { 0 };
	int r = weir_plan_file_parse(weir_strz("memory: 1M"), &out, &err);

	weir_demands_done(&out);
	if (r < 0)
		assert_non_null(strstr(err.msg, "libyaml"));
	return r == 0;
}

#define NEEDS_YAML()                                               \
	do {                                                       \
		if (!has_yaml())                                   \
			skip_because("this build has no libyaml"); \
	} while (0)

static const struct {
	const char *text, *want;
} files[] = {
	{ "memory: 1M", "vm plain 1M\npc.ram 1M anon\n" },
	{ "\xef\xbb\xbf{memory: 1M, name: \"a b\"}", "a b plain 1M\npc.ram 1M anon\n" },
	{ "---\r\n# c\r\nmemory: '4096' # d\r\n...\r\n",
	  "vm plain 4K\npc.ram 4K anon\n" },
	{ "vms: [{memory: 4P}]", "vm plain 4P\npc.ram 4P anon\n" },
	{ "memory: 1G\npages: 4K", "vm plain 1G\npc.ram 1G anon\n" },
	{ "memory: 1G\npages: huge", "vm plain 1G\npc.ram 1G huge pages=0\n" },
	{ "memory: 1G\npages: 2M\nshared: yes\nprealloc: on",
	  "vm plain 1G\npc.ram 1G huge pages=2M shared prealloc\n" },
	{ "memory: 1G\nbacking: hugetlbfs", "vm plain 1G\npc.ram 1G huge pages=0\n" },
	{ "memory: 1G\nbacking: hugetlbfs\npath: /mnt/1G\npages: 1G",
	  "vm plain 1G\npc.ram 1G file:/mnt/1G\n" },
	{ "memory: 1G\nbacking: file\npath: /x\nreserve: off",
	  "vm plain 1G\npc.ram 1G file:/x noreserve\n" },
	{ "memory: 1G\nbacking: memfd", "vm plain 1G\npc.ram 1G memfd shared\n" },
	{ "memory: 1G\nbacking: memfd\npages: 2M\nshared: false",
	  "vm plain 1G\npc.ram 1G memfd pages=2M\n" },
	{ "memory: 1G\nhost-nodes: 0,2-3", "vm plain 1G\npc.ram 1G anon bind:d\n" },
	{ "memory: 1G\nhost-nodes: [0, 63]\npolicy: interleave",
	  "vm plain 1G\npc.ram 1G anon interleave:8000000000000001\n" },
	{ "memory: 1G\npolicy: default", "vm plain 1G\npc.ram 1G anon\n" },
	{ "kind: CSV3\nmemory: 1G\ncpuset: 1\nlocked: true\nvfio: 2\nmemlock: unlimited\n"
	  "overhead: 64K\nfree-page-reporting: on",
	  "vm CSV3 1G policy=45 locked vfio=2 cpuset=2 memlock=unlimited overhead=65536 "
	  "reporting\npc.ram 1G anon\n" },
	{ "kind: sev-snp\nmemory: 1G\nmemlock: 0",
	  "vm SNP 1G policy=30000 memlock=0\npc.ram 1G anon\n" },
	{ "pages: 2M\nhost-nodes: 7\nnodes:\n- memory: 1G\n  host: 0\n- {memory: 2G, "
	  "host: "
	  "[1, 2], policy: preferred, pages: 1G}\n- memory: 3G",
	  "vm plain 6G\nram-node0 1G huge pages=2M bind:1 node=0\n"
	  "ram-node1 2G huge pages=1G prefer:6 node=1\n"
	  "ram-node2 3G huge pages=2M bind:80 node=2\n" },
	{ "memory: 1G\nprealloc: true\nvirtio-mem:\n- {size: 8G, requested: 2G}\n- "
	  "{size: "
	  "1G, host: 1, pages: 2M, prealloc: off, reserve: on}",
	  "vm plain 1G\npc.ram 1G anon prealloc\n"
	  "vmem0 8G anon noreserve node=0 device whole requested=2G device-prealloc\n"
	  "vmem1 1G huge pages=2M bind:2 node=0 device whole requested=0\n" },
	/* the example of weir-vm(5) */
	{ "vms:\n  - name: db\n    kind: csv2\n    nodes:\n      - {memory: 16G, host: "
	  "0}\n      "
	  "- {memory: 16G, host: 1}\n    pages: 2M\n    locked: true\n    count: 2\n  - "
	  "name: "
	  "web\n    memory: 4G\n    pages: huge\n    backing: memfd\n    virtio-mem: "
	  "[{size: "
	  "12G, requested: 4G}]\n",
	  "db-1 CSV2 32G policy=5 locked\nram-node0 16G huge pages=2M bind:1 node=0\n"
	  "ram-node1 16G huge pages=2M bind:2 node=1\n"
	  "db-2 CSV2 32G policy=5 locked\nram-node0 16G huge pages=2M bind:1 node=0\n"
	  "ram-node1 16G huge pages=2M bind:2 node=1\n"
	  "web plain 4G\npc.ram 4G memfd pages=0 shared\n"
	  "vmem0 12G memfd pages=0 shared noreserve node=0 device whole requested=4G\n" },
	{ "vms:\n  - {name: a, memory: 1G, count: 2}\n  - {name: b, memory: 2G}",
	  "a-1 plain 1G\npc.ram 1G anon\na-2 plain 1G\npc.ram 1G anon\n"
	  "b plain 2G\npc.ram 2G anon\n" },
};

static void files_come_out_as_they_are_meant(void **state)
{
	struct weir_err err;

	(void)state;
	NEEDS_YAML();
	for (size_t i = 0; i < WEIR_NELEM(files); i++) {
		struct weir_demands out = { 0 };
		struct weir_buf got = { 0 };

		if (weir_plan_file_parse(weir_strz(files[i].text), &out, &err) < 0)
			fail_msg("%s: %s", files[i].text, err.msg);
		for (size_t vm = 0; vm < out.nr; vm++)
			vm_describe(&out.v[vm], &got);
		expect_str(got.p, files[i].want);
		weir_buf_done(&got);
		weir_demands_done(&out);
	}
}

static void wrong_values_are_named(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "", "without anything" },
		{ "# nothing\n", "without anything" },
		{ "~", "line 1: a VM is a mapping" },
		{ "- memory: 1G", "line 1: a VM is a mapping" },
		{ "{}", "either 'memory' or 'nodes'" },
		{ "vms:", "line 1: vms: '' a list of mappings" },
		{ "vms: []", "line 1: vms: a list of mappings" },
		{ "vms: [1]", "a VM is a mapping" },
		{ "vms: [{memory: 1G}]\nname: x",
		  "line 2: no such key 'name'; there are vms" },
		{ "name: a\nmemry: 3G",
		  "line 2: no such key 'memry'; there are name, kind" },
		{ "name: a\nname: b", "line 2: 'name' occurs twice; first in line 1" },
		{ "memory:", "memory: '' one value is wanted" },
		{ "memory: [1G]", "memory: one value is wanted" },
		{ "memory: 0", "'0' is no memory" },
		{ "memory: 1.5G", "'1.5G' is no size" },
		{ "memory: 9223372036854775808", "is more than 4P" },
		{ "memory: 1G\nnodes: [{memory: 1G}]", "either 'memory' or 'nodes'" },
		{ "nodes: {memory: 1G}", "nodes: a list of mappings" },
		{ "nodes: [1G]", "a mapping such as {memory: 8G}" },
		{ "nodes: [{host: 1}]", "'memory' is missing" },
		{ "nodes: [{size: 1G}]", "no such key 'size'; there are memory, host" },
		{ "memory: 1G\nkind: sev4", "kind: 'sev4' is none of plain, sev" },
		{ "memory: 1G\npages: 3M", "pages: '3M' is no page size" },
		{ "memory: 1G\npages: 1K", "'1K' is no page size" },
		{ "memory: 1G\npages: 2M\nbacking: anon", "anon has no huge pages" },
		{ "memory: 1G\npages: 2M\nbacking: file\npath: /x",
		  "want backing: hugetlbfs" },
		{ "memory: 1G\npages: 4K\nbacking: hugetlbfs", "no pages of 4K" },
		{ "memory: 1G\nbacking: disk", "none of anon, memfd, file, hugetlbfs" },
		{ "memory: 1G\nbacking: file", "wants a path" },
		{ "memory: 1G\npath: /x", "path wants backing" },
		{ "memory: 1G\nshared: 2", "'2' is neither true nor false" },
		{ "memory: 1G\nprealloc: on\nreserve: off", "exclude each other" },
		{ "memory: 1G\nhost-nodes: 64", "has nodes above 63" },
		{ "memory: 1G\nhost-nodes: 3-1", "is no list of nodes" },
		{ "memory: 1G\nhost-nodes: []", "has no node" },
		{ "memory: 1G\npolicy: bind", "policy wants host nodes" },
		{ "memory: 1G\nhost-nodes: 1\npolicy: default", "other than default" },
		{ "memory: 1G\nvfio: -1", "'-1' is no number" },
		{ "memory: 1G\nvfio: 4097", "'4097' is too large" },
		{ "memory: 1G\ncount: 0", "'0' is none" },
		{ "memory: 1G\ncount: 1025", "is too large" },
		{ "memory: 1G\nvirtio-mem: [{size: 1G, requested: 2G}]",
		  "requested is more than size" },
		{ "memory: 1G\nvirtio-mem: [{size: 1G, node: 1}]", "no such guest node" },
		{ "vms: [{memory: 1G}, {memory: 1G}]", "a second VM of the name 'vm'" },
		{ "vms:\n- {name: a-1, memory: 1G}\n- {name: a, count: 2, memory: 1G}",
		  "line 3: a second VM of the name 'a-1'" },
		/* what YAML can and this form cannot */
		{ "name: &x a", "line 1: anchors" },
		{ "&x memory: 1G", "anchors" },
		{ "a: &x [1]\nb: *x", "anchors" },
		{ "a: *x", "anchors" },
		{ "name: !!str a", "tags" },
		{ "!x {memory: 1G}", "tags" },
		{ "memory: 1G\n---\nmemory: 1G", "line 2: a second document" },
		{ "? [a]\n: b", "a key is a word" },
		{ "name: \"a\\0b\"", "a NUL" },
		{ "name: a\n\tmemory: 1G", "line 2: YAML" },
		{ "name: \"a", "YAML" },
		{ "name: \xff", "YAML" },
		{ "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", "too deep" },
	};
	struct weir_demands out = { 0 };
	struct weir_err err;

	(void)state;
	NEEDS_YAML();
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		vm_expect_refused(
			weir_plan_file_parse(weir_strz(cases[i].text), &out, &err), &err,
			cases[i].words, cases[i].text);
		assert_null(out.v);
	}
}

static void too_much_is_refused(void **state)
{
	static const struct {
		const char *start, *piece;
		int code;
	} cases[] = {
		{ "memory: 1G\nname: ", "x", -EBADMSG },
		{ "memory: 1G\nnodes:\n", "- {memory: 1G}\n", -EBADMSG },
		{ "nodes:\n", "- {memory: 1G}\n", -EBADMSG },
		{ "memory: 1G\nvirtio-mem:\n", "- {size: 1G}\n", -EBADMSG },
		{ "memory: 1G\nhost-nodes:\n", "- 1\n", 0 },
		{ "vms:\n", "- {memory: 1G, count: 1000, name: a}\n", -EBADMSG },
		{ "[", "1,", -E2BIG },
		{ "", "x", -E2BIG },
	};
	struct weir_err err;

	(void)state;
	NEEDS_YAML();
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_demands out = { 0 };
		struct weir_buf text = { 0 };
		int r;

		assert_int_equal(weir_buf_addz(&text, cases[i].start), 0);
		while (text.n < (256U << 10) - (cases[i].start[0] ? 64 : 0))
			assert_int_equal(weir_buf_addz(&text, cases[i].piece), 0);
		if (!cases[i].start[0])
			assert_int_equal(weir_buf_addz(&text, cases[i].piece), 0);
		r = weir_plan_file_parse(weir_buf_str(&text), &out, &err);
		if (r != cases[i].code)
			fail_msg("%s%s...: %d %s", cases[i].start, cases[i].piece, r,
			         err.msg);
		weir_demands_done(&out);
		weir_buf_done(&text);
	}
}

static void many_vms_are_bounded_in_sum(void **state)
{
	struct weir_demands out = { 0 };
	struct weir_err err;

	(void)state;
	NEEDS_YAML();
	expect_int_eq(
		weir_plan_file_parse(weir_strz("memory: 1G\ncount: 1024"), &out, &err),
		0);
	expect_u64_eq(out.nr, WEIR_VM_DEMANDS_MAX);
	expect_str(out.v[1023].name, "vm-1024");
	weir_demands_done(&out);
	expect_int_eq(weir_plan_file_parse(
			      weir_strz("vms: [{memory: 1G, count: 1024}, {memory: 1G}]"),
			      &out, &err),
	              -E2BIG);
}

static int parse_again(void *ctx)
{
	struct weir_demands out = { 0 };
	struct weir_err err;
	int r = weir_plan_file_parse(weir_strz(ctx), &out, &err);

	weir_demands_done(&out);
	return r;
}

static void failed_allocations_come_out(void **state)
{
	(void)state;
	NEEDS_YAML();
	for (size_t i = 0; i < WEIR_NELEM(files); i++) {
		weir_auto(weir_freep) char *text = strdup(files[i].text);

		expect_int_eq(fault_every(parse_again, text), 0);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_come_out_as_they_are_meant),
		cmocka_unit_test(wrong_values_are_named),
		cmocka_unit_test(too_much_is_refused),
		cmocka_unit_test(many_vms_are_bounded_in_sum),
		cmocka_unit_test(failed_allocations_come_out),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
