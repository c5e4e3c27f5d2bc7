/* declare: exact or refused with file, line and column; later files before earlier ones;
 * what is written is read back to the same. */
#include "plan/declare.h"

#include "fault.h"
#include "test.h"

#include "base/size.h"

#include <errno.h>

static int parse(struct weir_declaration *decl, const char *text, struct weir_err *err)
{
	int r = weir_declaration_add(decl, "f", weir_strz(text), err);

	return r < 0 ? r : weir_declaration_check(decl, err);
}

static void declare_bad_text_is_refused_with_its_place(void **state)
{
	static const struct {
		const char *text, *words;
	} cases[] = {
		{ "pages = 1\n", "f:1:1: 'pages' stands before the first section" },
		{ "[pool 2M]\npages\n", "f:2:1: 'pages' is neither [section] nor key" },
		{ "[pool 2M]\n\n  pages = x\n", "f:3:11: 'x' is no number of pages" },
		{ "[pool 2M]\npages =\n", "f:2:8: '' is no number of pages" },
		{ "[pool 2M]\npages = -1\n", "f:2:9: '-1' is no number of pages" },
		{ "[pool 2M]\npages = 1.5\n", "f:2:9: '1.5' is no number" },
		{ "[pool 2M]\npages = 4K\n", "f:2:9: '4K' is no number" },
		{ "[pool 2M]\npages = 1099511627777\n", "f:2:9: '1099511627777' is no" },
		{ "[pool 2M]\npages = 1\npages = 1\n",
		  "f:3:1: 'pages' is here again: line 2 has it already" },
		{ "[pool 2M]\npages = 1\nnode0 = 1\n",
		  "f:3:1: 'node0' is of one node, and line 2 has 'pages'" },
		{ "[pool 2M]\nnode1 = 1\npages = 1\n",
		  "f:3:1: 'pages' are of all nodes together, and line 2 has those of "
		  "node "
		  "1" },
		{ "[pool 2M]\npages = 1\n[pool 2048kB]\nnode0 = 1\n",
		  "f:4:1: 'node0' is of one node, and line 2" },
		{ "[pool 2M]\nnode0 = 1\nnode0 = 1\n", "f:3:1: 'node0' is here again" },
		{ "[pool 2M]\nnode = 1\n", "f:2:1: 'node' names no node" },
		{ "[pool 2M]\nnode1024 = 1\n", "f:2:1: 'node1024' names no node" },
		{ "[pool 2M]\nnode01 = 1\n", "f:2:1: 'node01' names no node" },
		{ "[pool 2M]\nsize = 1\n", "f:2:1: [pool] has no key 'size'" },
		{ "[pool 2M]\nPages = 1\n", "f:2:1: [pool] has no key 'Pages'" },
		{ "[pool 2M]\nboot = true\n", "f:2:8: 'true' is neither yes nor no" },
		{ "[pool 2M]\nboot = yes\n", "f:1:7: nothing is said of this pool" },
		{ "[pool 3M]\n", "f:1:7: '3M' is no page size" },
		{ "[pool 2MB]\n", "f:1:7: '2MB' is no page size" },
		{ "[pool 1]\n", "f:1:7: '1' is no page size" },
		{ "[pool 2M 1G]\n", "f:1:7: '2M 1G' is no page size" },
		{ "[pool]\n", "f:1:1: [pool]: which one: [pool 2M]" },
		{ "[guards x]\n", "f:1:1: [guards]: takes no name" },
		{ "[pools 2M]\n", "f:1:2: there is no section [pools]" },
		{ "[pool 2M\n", "f:1:1: '[pool 2M' is no section" },
		{ "[]\n", "f:1:1: '[]' is no section" },
		{ "  [ ]\n", "f:1:3: '[ ]' is no section" },
		{ "[mount huge]\n", "f:1:8: 'huge' is no path to mount at" },
		{ "[mount /]\n", "f:1:8: '/' is no path" },
		{ "[mount /a/]\n", "f:1:8: '/a/' is no path" },
		{ "[mount /a//b]\n", "f:1:8: '/a//b' is no path" },
		{ "[mount /a/../b]\n", "f:1:8: '/a/../b' is no path" },
		{ "[mount /a]\nsize = 1G\n", "f:1:8: this mount has no page-size" },
		{ "[mount /a]\npage-size = 2M\nsize = 3M\n",
		  "f:3:1: size is not one or more whole pages" },
		{ "[mount /a]\npage-size = 2M\nsize = 0\n", "f:3:1: size is not one" },
		{ "[mount /a]\npage-size = 2M\nmin-size = 1M\n",
		  "f:3:1: min-size is not a whole number" },
		{ "[mount /a]\npage-size = 2M\nsize = 2M\nmin-size = 4M\n",
		  "f:4:1: min-size is more than size" },
		{ "[mount /a]\npage-size = 2M\nsize = 50%\n", "f:3:8: '50%' is no size" },
		{ "[mount /a]\nmode = 778\n", "f:2:8: '778' is no mode" },
		{ "[mount /a]\nmode = 2755\n",
		  "f:2:8: '2755' is no mode that a hugetlbfs" },
		{ "[mount /a]\nmode = 0x1\n", "f:2:8: '0x1' is no mode" },
		{ "[mount /a]\nuser = a b\n", "f:2:8: 'a b' is no name" },
		{ "[mount /a]\nuser = -x\n", "f:2:8: '-x' is no name" },
		{ "[mount /a]\ngroup = a,uid=0\n", "f:2:9: 'a,uid=0' is no name" },
		{ "[mount /a]\ninodes = many\n",
		  "f:2:10: 'many' is no number of inodes" },
		{ "[vm a b]\n", "f:1:5: 'a b' is no name of a VM" },
		{ "[vm a]\n", "f:1:5: this VM has no file" },
		{ "[vm a]\nfile = db.yaml\n", "f:2:8: 'db.yaml' is no path" },
		{ "[guards]\nfloor = 5 %\n", "f:2:9: '5 %' is no size" },
		{ "[guards]\nfloor = 16E\n", "f:2:9: '16E' is no size" },
		{ "# x\r\n", "f:1:4: a byte 0x0d: lines end in a line feed alone" },
		{ "[pool 2M]\npages = 1\x1b\n", "f:2:10: a byte 0x1b" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_declaration decl = { 0 };
		struct weir_err err = { 0 };
		int r = parse(&decl, cases[i].text, &err);

		if (r != -EBADMSG ||
		    strncmp(err.msg, cases[i].words, strlen(cases[i].words)) != 0)
			fail_msg("'%s' is %d, '%s', not '%s'", cases[i].text, r, err.msg,
			         cases[i].words);
		assert_true(weir_declaration_is_empty(&decl) && !decl.files);
	}
}

static void declare_nul_and_length_are_seen(void **state)
{
	static char large[WEIR_DECLARE_TEXT_MAX + 1];
	struct weir_declaration decl = { 0 };

	(void)state;
	expect_int_eq(weir_declaration_add(&decl, "f", weir_str("[pool 2M]\0", 10), NULL),
	              -EBADMSG);
	memset(large, '#', sizeof(large));
	expect_int_eq(
		weir_declaration_add(&decl, "f", weir_str(large, sizeof(large)), NULL),
		-E2BIG);
}

static const char everything[] = "; all there is\n"
				 "[pool 2M]\n"
				 "node1=3072 # with a comment\n"
				 "node0 = 1024\n"
				 "overcommit = 64\n"
				 "[pool 1G]\n"
				 "pages = 16\n"
				 "boot = no\n"
				 "[mount /dev/huge pages]\n"
				 "page-size = 1G\n"
				 "size = 16G\n"
				 "min-size = 4096M\n"
				 "mode = 0770\n"
				 "user = libvirt-qemu\n"
				 "group = 108\n"
				 "inodes = 100\n"
				 "[guards]\n"
				 "floor = 2G\n"
				 "[vm db-1]\n"
				 "file = /etc/weir/vms/db#1.yaml\n";

static void declare_all_keys_are_read(void **state)
{
	struct weir_declaration decl = { 0 };
	struct weir_err err = { 0 };
	const struct weir_declared_pool *pool;
	const struct weir_declared_mount *m;

	(void)state;
	if (parse(&decl, everything, &err) < 0)
		fail_msg("%s", err.msg);
	pool = weir_declared_pool(&decl, 2 << 20);
	expect_u64_eq(pool->nr_nodes, 2);
	expect_u64_eq(pool->nodes[0].node, 0);
	expect_u64_eq(pool->nodes[0].pages.n, 1024);
	expect_u64_eq(pool->nodes[1].pages.n, 3072);
	expect_u64_eq(pool->nodes[1].pages.at.line, 3);
	expect_u64_eq(pool->nodes[1].pages.at.column, 1);
	expect_count(weir_declared_pages(pool), 4096);
	assert_false(weir_declared_at_boot(pool));
	assert_false(weir_declared_at_boot(weir_declared_pool(&decl, WEIR_GIB)));
	m = &decl.mounts[0];
	expect_str(m->target, "/dev/huge pages");
	expect_u64_eq(m->min_size_bytes.n, 4 * WEIR_GIB);
	expect_u64_eq(m->mode.n, 0770);
	expect_unknown(m->uid);
	expect_count(m->gid, 108);
	expect_u64_eq(decl.floor_bytes.n, 2 * WEIR_GIB);
	expect_str(decl.vms[0].file.z, "/etc/weir/vms/db#1.yaml");
	weir_declaration_done(&decl);
}

static void declare_boot_is_for_large_pages_unless_said(void **state)
{
	static const struct {
		const char *text;
		bool boot;
	} cases[] = {
		{ "[pool 1G]\npages = 4\n", true },
		{ "[pool 1G]\npages = 4\nboot = no\n", false },
		{ "[pool 2M]\npages = 4\n", false },
		{ "[pool 2M]\npages = 4\nboot = yes\n", true },
		{ "[pool 1G]\novercommit = 4\n", false }, /* no pages to ask for */
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_declaration decl = { 0 };

		expect_int_eq(parse(&decl, cases[i].text, NULL), 0);
		if (weir_declared_at_boot(&decl.pools[0]) != cases[i].boot)
			fail_msg("'%s' is not so", cases[i].text);
		weir_declaration_done(&decl);
	}
}

/* Two files: what is written of both together. */
static void declare_later_files_go_first_key_by_key(void **state)
{
	static const struct {
		const char *first, *second, *both;
	} cases[] = {
		{ "[pool 2M]\npages = 1\novercommit = 2\n", "[pool 2M]\npages = 3\n",
		  "[pool 2M]\npages = 3\novercommit = 2\n" },
		{ "[pool 2M]\npages = 1\n", "[pool 2M]\nnode0 = 3\n",
		  "[pool 2M]\nnode0 = 3\n" },
		{ "[pool 2M]\nnode0 = 1\nnode1 = 2\n", "[pool 2M]\nnode0 = 3\n",
		  "[pool 2M]\nnode0 = 3\nnode1 = 2\n" },
		{ "[pool 2M]\nnode0 = 1\nnode1 = 2\n", "[pool 2M]\npages = 3\n",
		  "[pool 2M]\npages = 3\n" },
		{ "[mount /a]\npage-size = 2M\nuser = a\n", "[mount /a]\nuser = b\n",
		  "[mount /a]\npage-size = 2M\nuser = b\n" },
		{ "[mount /a]\nsize = 2M\n", "[mount /a]\npage-size = 2M\n",
		  "[mount /a]\npage-size = 2M\nsize = 2M\n" },
		{ "", "[guards]\nfloor = 1024M\n", "[guards]\nfloor = 1G\n" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_declaration decl = { 0 };
		struct weir_buf out = { 0 };

		expect_int_eq(
			weir_declaration_add(&decl, "a", weir_strz(cases[i].first), NULL),
			0);
		expect_int_eq(weir_declaration_add(&decl, "b", weir_strz(cases[i].second),
		                                   NULL),
		              0);
		expect_int_eq(weir_declaration_check(&decl, NULL), 0);
		expect_int_eq(weir_declaration_format(&decl, &out), 0);
		expect_text(weir_buf_str(&out), cases[i].both);
		weir_buf_done(&out);
		weir_declaration_done(&decl);
	}
}

static void declare_wishes_are_exact(void **state)
{
	static const char *const want[] = { "2M/node0=1024", "2M/node1=3072",
		                            "overcommit.2M=64", "1G=16" };
	struct weir_declaration decl = { 0 };
	struct weir_wishes wishes = { 0 };
	char text[WEIR_WISH_TEXT_MAX];

	(void)state;
	expect_int_eq(parse(&decl, everything, NULL), 0);
	expect_int_eq(weir_declaration_wishes(&decl, &wishes, NULL), 0);
	expect_u64_eq(wishes.nr, WEIR_NELEM(want));
	for (size_t i = 0; i < wishes.nr; i++)
		expect_str(weir_wish_text(&wishes.v[i], text, sizeof(text)), want[i]);
	weir_wishes_done(&wishes);
	weir_declaration_done(&decl);
}

static void declare_update_changes_only_what_differs(void **state)
{
	static const struct {
		const char *text, *decl, *after;
	} cases[] = {
		{ "# a\n[pool 2M]\npages=4096 # b\n\n# c\n[guards]\nfloor = 1G\n",
		  "[pool 2M]\npages = 4096\n[guards]\nfloor = 1024M\n",
		  "# a\n[pool 2M]\npages=4096 # b\n\n# c\n[guards]\nfloor = 1G\n" },
		{ "[pool 2048kB]\n  pages = 1 # b\n", "[pool 2M]\npages = 22\n",
		  "[pool 2048kB]\n  pages = 22 # b\n" },
		{ "[pool 2M]\npages = 1\n\n# of VMs\n[vm a]\nfile = /a\n",
		  "[pool 2M]\nnode0 = 1\nnode1 = 2\n[vm a]\nfile = /a\n",
		  "[pool 2M]\nnode0 = 1\nnode1 = 2\n\n# of VMs\n[vm a]\nfile = /a\n" },
		{ "[pool 2M]\npages = 1\n[mount /a]\npage-size = 2M\n",
		  "[pool 2M]\npages = 1\n", "[pool 2M]\npages = 1\n" },
		{ "[mount /a]\npage-size = 2M\nmode = 770\n",
		  "[mount /a]\npage-size = 2M\nmode = 0770\n[pool 1G]\npages = 1\n",
		  "[mount /a]\npage-size = 2M\nmode = 770\n\n[pool 1G]\npages = 1\n" },
		{ "", "[pool 1G]\npages = 1\n", "[pool 1G]\npages = 1\n" },
		{ "[pool 2048kB]\npages=1\n[pool 2M]\novercommit=2\n",
		  "[pool 2M]\npages = 1\novercommit = 3\nboot = no\n",
		  "[pool 2048kB]\npages=1\nboot = no\n[pool 2M]\novercommit=3\n" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_declaration decl = { 0 };
		struct weir_buf out = { 0 };

		expect_int_eq(parse(&decl, cases[i].decl, NULL), 0);
		expect_int_eq(
			weir_declaration_update(weir_strz(cases[i].text), &decl, &out),
			0);
		expect_text(weir_buf_str(&out), cases[i].after);
		weir_buf_done(&out);
		weir_declaration_done(&decl);
	}
}

static int run_all(void *ctx)
{
	struct weir_declaration decl = { 0 };
	struct weir_wishes wishes = { 0 };
	struct weir_buf out = { 0 }, again = { 0 };
	int r = parse(&decl, everything, NULL);

	(void)ctx;
	if (r == 0)
		r = weir_declaration_wishes(&decl, &wishes, NULL);
	if (r == 0)
		r = weir_declaration_format(&decl, &out);
	if (r == 0)
		r = weir_declaration_update(weir_strz("[vm x]\nfile = /x\n[pool 2M]\n"),
		                            &decl, &again);
	weir_buf_done(&out);
	weir_buf_done(&again);
	weir_wishes_done(&wishes);
	weir_declaration_done(&decl);
	return r;
}

static void declare_every_failed_allocation_is_told(void **state)
{
	(void)state;
	expect_int_eq(fault_every(run_all, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(declare_bad_text_is_refused_with_its_place),
		cmocka_unit_test(declare_nul_and_length_are_seen),
		cmocka_unit_test(declare_all_keys_are_read),
		cmocka_unit_test(declare_boot_is_for_large_pages_unless_said),
		cmocka_unit_test(declare_later_files_go_first_key_by_key),
		cmocka_unit_test(declare_wishes_are_exact),
		cmocka_unit_test(declare_update_changes_only_what_differs),
		cmocka_unit_test(declare_every_failed_allocation_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
