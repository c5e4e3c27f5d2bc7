/* persist: kernel command lines, names of units, diffs, and files written all or none. */
#include "apply/persist.h"

#include "apply/declared.h"
#include "apply/diff.h"
#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

static void declare(struct weir_declaration *decl, const char *text)
{
	struct weir_err err = { 0 };

	if (weir_declaration_add(decl, "f", weir_strz(text), &err) < 0 ||
	    weir_declaration_check(decl, &err) < 0)
		fail_msg("%s", err.msg);
}

static void boot_args_are_those_of_boot(void **state)
{
	static const struct {
		const char *decl;
		bool node_lists;
		const char *args;
	} cases[] = {
		{ "[pool 2M]\npages = 4\n", true, "" },
		{ "[pool 1G]\npages = 0\n", true, "" },
		{ "[pool 1G]\nnode0 = 0\nnode1 = 0\n", true, "" },
		{ "[pool 1G]\npages = 4\n", true, "hugepagesz=1G hugepages=4" },
		{ "[pool 1G]\nnode0 = 8\nnode1 = 8\n", true,
		  "hugepagesz=1G hugepages=0:8,1:8" },
		{ "[pool 1G]\nnode0 = 8\nnode1 = 8\n", false,
		  "hugepagesz=1G hugepages=16" },
		{ "[pool 1G]\nnode0 = 0\nnode3 = 8\n", true,
		  "hugepagesz=1G hugepages=3:8" },
		{ "[pool 2M]\npages = 4\nboot = yes\n[pool 1G]\npages = 1\n", true,
		  "hugepagesz=2M hugepages=4 hugepagesz=1G hugepages=1" },
		{ "[pool 1G]\npages = 4\nboot = no\n", true, "" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_declaration decl = { 0 };
		struct weir_buf out = { 0 };

		declare(&decl, cases[i].decl);
		expect_int_eq(weir_boot_args(&decl, cases[i].node_lists, &out), 0);
		expect_text(weir_buf_str(&out), cases[i].args);
		weir_buf_done(&out);
		weir_declaration_done(&decl);
	}
}

static void boot_cmdline_is_edited_where_it_must_be(void **state)
{
	static const struct {
		const char *text, *args, *after;
	} cases[] = {
		{ "", "", "" },
		{ "", "hugepagesz=1G hugepages=4", "hugepagesz=1G hugepages=4\n" },
		{ "root=x  quiet\n", "", "root=x  quiet\n" },
		{ "root=x quiet\n", "hugepagesz=1G hugepages=4",
		  "root=x quiet hugepagesz=1G hugepages=4\n" },
		{ "hugepagesz=1G hugepages=4 root=x\n", "hugepagesz=1G hugepages=4",
		  "hugepagesz=1G hugepages=4 root=x\n" },
		{ "hugepagesz=1G hugepages=40 root=x\n", "hugepagesz=1G hugepages=4",
		  "root=x hugepagesz=1G hugepages=4\n" },
		{ "hugepagesz=1024M hugepages=9 hugepagesz=2M hugepages=3 r\n",
		  "hugepagesz=1G hugepages=4",
		  "hugepagesz=2M hugepages=3 r hugepagesz=1G hugepages=4\n" },
		{ "hugepagesz=1G hugepages=9 r\n", "", "r\n" },
		{ "default_hugepagesz=1G hugepages=9 r\n", "hugepagesz=1G hugepages=4",
		  "default_hugepagesz=1G hugepages=9 r hugepagesz=1G hugepages=4\n" },
		{ "hugepages=9 hugepagesz=1G r\n", "hugepagesz=1G hugepages=4",
		  "hugepages=9 r hugepagesz=1G hugepages=4\n" },
		{ "r -- hugepages=9\n", "hugepagesz=1G hugepages=4",
		  "r hugepagesz=1G hugepages=4 -- hugepages=9\n" },
		{ "# x\n\nr\n", "hugepagesz=1G hugepages=4",
		  "# x\n\nr hugepagesz=1G hugepages=4\n" },
		{ "r dyndbg=\"a b\"\n", "hugepagesz=1G hugepages=4",
		  "r dyndbg=\"a b\" hugepagesz=1G hugepages=4\n" },
	};
	struct weir_declaration decl = { 0 };
	const struct weir_boot_ours ours = { .decl = &decl };

	(void)state;
	declare(&decl, "[pool 1G]\npages = 4\n");
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_buf out = { 0 }, again = { 0 };

		expect_int_eq(weir_boot_edit_cmdline(weir_strz(cases[i].text), &ours,
		                                     weir_strz(cases[i].args), &out),
		              0);
		expect_text(weir_buf_str(&out), cases[i].after);
		expect_int_eq(weir_boot_edit_cmdline(weir_buf_str(&out), &ours,
		                                     weir_strz(cases[i].args), &again),
		              0);
		expect_text(weir_buf_str(&again), cases[i].after);
		weir_buf_done(&out);
		weir_buf_done(&again);
	}
	weir_declaration_done(&decl);
}

/* What was written once goes when it is declared no more; what others ask for stays. */
static void cmdline_loses_what_was_recorded(void **state)
{
	static const struct {
		const char *text, *recorded, *after;
	} cases[] = {
		{ "r hugepagesz=2M hugepages=9 q\n", "hugepagesz=2M hugepages=9",
		  "r q\n" },
		{ "r hugepagesz=2M hugepages=9 q\n", "hugepagesz=2M hugepages=3",
		  "r q\n" },
		{ "r hugepagesz=2M hugepages=9 q\n", "hugepagesz=1G hugepages=9",
		  "r hugepagesz=2M hugepages=9 q\n" },
		{ "hugepages=9 r\n", "hugepagesz=2M hugepages=9", "hugepages=9 r\n" },
		{ "r\n", "hugepagesz=2M hugepages=9", "r\n" },
	};
	struct weir_declaration decl = { 0 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		const struct weir_boot_ours ours = {
			.decl = &decl, .recorded = weir_strz(cases[i].recorded)
		};
		struct weir_buf out = { 0 };

		expect_int_eq(weir_boot_edit_cmdline(weir_strz(cases[i].text), &ours,
		                                     weir_str("", 0), &out),
		              0);
		expect_text(weir_buf_str(&out), cases[i].after);
		weir_buf_done(&out);
	}
}

static void unit_names_are_escaped_as_systemd_does(void **state)
{
	static const struct {
		const char *path, *unit;
	} cases[] = {
		{ "/dev/hugepages1G", "dev-hugepages1G.mount" },
		{ "/mnt/fast-1G", "mnt-fast\\x2d1G.mount" },
		{ "/a b/c:d_e.f", "a\\x20b-c:d_e.f.mount" },
		{ "/.x/.y", "\\x2ex-.y.mount" },
		{ "/\xc3\xa4", "\\xc3\\xa4.mount" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_buf out = { 0 };

		expect_int_eq(weir_unit_of_path(weir_strz(cases[i].path), ".mount", &out),
		              0);
		expect_text(weir_buf_str(&out), cases[i].unit);
		weir_buf_done(&out);
	}
}

static void diff_is_unified(void **state)
{
	static const struct {
		const char *before, *after, *diff;
	} cases[] = {
		{ "a\n", "a\n", "" },
		{ NULL, "a\n", "--- /dev/null\n+++ b/f\n@@ -0,0 +1,1 @@\n+a\n" },
		{ "a\n", NULL, "--- a/f\n+++ /dev/null\n@@ -1,1 +0,0 @@\n-a\n" },
		{ "a", "a\n",
		  "--- a/f\n+++ b/f\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of "
		  "file\n+a\n" },
		{ "1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nx\n6\n7\n8\n9\n",
		  "--- a/f\n+++ b/f\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+x\n 6\n 7\n 8\n" },
		{ "x\n1\n2\n3\n4\n5\n6\n7\ny\n", "1\n2\n3\n4\n5\n6\n7\n",
		  "--- a/f\n+++ b/f\n@@ -1,4 +1,3 @@\n-x\n 1\n 2\n 3\n"
		  "@@ -6,4 +5,3 @@\n 5\n 6\n 7\n-y\n" },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_str before = weir_strz(cases[i].before ? cases[i].before
		                                                   : "");
		struct weir_str after = weir_strz(cases[i].after ? cases[i].after : "");
		struct weir_buf out = { 0 };

		expect_int_eq(weir_diff("/f", cases[i].before ? &before : NULL,
		                        cases[i].after ? &after : NULL, &out),
		              0);
		expect_text(weir_buf_str(&out), cases[i].diff);
		weir_buf_done(&out);
	}
}

/* ---- files ------------------------------------------------------------------------- */

struct shelf {
	char dir[64];
	struct weir_root root;
};

static int shelf_open(void **state)
{
	static struct shelf shelf;

	(void)snprintf(shelf.dir, sizeof(shelf.dir), "/tmp/weir-test.XXXXXX");
	if (!mkdtemp(shelf.dir) || weir_root_open(shelf.dir, &shelf.root, NULL) < 0)
		return -1;
	*state = &shelf;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int flag, struct FTW *ftw)
{
	(void)st;
	(void)flag;
	(void)ftw;
	return remove(path);
}

static int shelf_close(void **state)
{
	struct shelf *shelf = *state;

	weir_root_close(&shelf->root);
	return nftw(shelf->dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void plant(const struct shelf *shelf, const char *path, const char *text)
{
	char full[256];
	FILE *f;

	(void)snprintf(full, sizeof(full), "%s%s", shelf->dir, path);
	for (char *at = strchr(full + strlen(shelf->dir) + 1, '/'); at;
	     at = strchr(at + 1, '/')) {
		*at = '\0';
		(void)mkdir(full, 0755);
		*at = '/';
	}
	f = fopen(full, "w");
	assert_non_null(f);
	(void)fputs(text, f);
	(void)fclose(f);
}

static void expect_file(const struct shelf *shelf, const char *path, const char *text)
{
	struct weir_buf got = { 0 };
	int r = weir_root_read(&shelf->root, path, 4096, &got);

	if (!text)
		expect_int_eq(r, -ENOENT);
	else
		expect_text(weir_buf_str(&got), text);
	weir_buf_done(&got);
}

static void want(const struct shelf *shelf, const char *path, enum weir_file_kind kind,
                 const char *text, struct weir_file_changes *changes)
{
	struct weir_str s = weir_strz(text ? text : "");
	struct weir_err err = { 0 };

	if (weir_file_want(&shelf->root, path, kind, text ? &s : NULL, changes, &err) < 0)
		fail_msg("%s", err.msg);
}

static void files_are_written_and_old_ones_kept(void **state)
{
	const struct shelf *shelf = *state;
	struct weir_file_changes changes = { 0 };
	struct weir_buf link = { 0 };

	plant(shelf, "/etc/a", "old\n");
	plant(shelf, "/etc/gone", "g\n");
	want(shelf, "/etc/a", WEIR_FILE_TEXT, "new\n", &changes);
	want(shelf, "/etc/b/c/d", WEIR_FILE_TEXT, "d\n", &changes);
	want(shelf, "/etc/b/l", WEIR_FILE_LINK, "/etc/a", &changes);
	want(shelf, "/etc/gone", WEIR_FILE_TEXT, NULL, &changes);
	want(shelf, "/etc/none", WEIR_FILE_TEXT, NULL, &changes);
	expect_u64_eq(changes.nr, 4);
	expect_int_eq(weir_file_changes_make(&shelf->root, &changes, NULL), 0);
	weir_file_changes_done(&changes);
	expect_file(shelf, "/etc/a", "new\n");
	expect_file(shelf, "/etc/a.weir-old", "old\n");
	expect_file(shelf, "/etc/b/c/d", "d\n");
	expect_file(shelf, "/etc/gone", NULL);
	expect_file(shelf, "/etc/gone.weir-old", "g\n");
	expect_int_eq(weir_root_link(&shelf->root, "/etc/b/l", &link), 0);
	expect_text(weir_buf_str(&link), "/etc/a");
	weir_buf_done(&link);
	/* again: nothing to do */
	want(shelf, "/etc/a", WEIR_FILE_TEXT, "new\n", &changes);
	want(shelf, "/etc/b/l", WEIR_FILE_LINK, "/etc/a", &changes);
	expect_u64_eq(changes.nr, 0);
	weir_file_changes_done(&changes);
}

/* The last of several cannot be done: where its old version is to be kept there is a
 * directory. */
static void files_are_put_back_when_one_fails(void **state)
{
	const struct shelf *shelf = *state;
	struct weir_file_changes changes = { 0 };
	struct weir_err err = { 0 };

	plant(shelf, "/p/a", "old\n");
	plant(shelf, "/p/gone", "g\n");
	want(shelf, "/p/a", WEIR_FILE_TEXT, "new\n", &changes);
	want(shelf, "/p/new/x", WEIR_FILE_TEXT, "x\n", &changes);
	want(shelf, "/p/gone", WEIR_FILE_TEXT, NULL, &changes);
	plant(shelf, "/p/last", "1\n");
	want(shelf, "/p/last", WEIR_FILE_TEXT, "2\n", &changes);
	plant(shelf, "/p/last.weir-old/inside", "i\n");
	expect_int_eq(weir_file_changes_make(&shelf->root, &changes, &err), -EISDIR);
	expect_str(err.msg, "write '/p/last': Is a directory");
	weir_file_changes_done(&changes);
	expect_file(shelf, "/p/a", "old\n");
	expect_file(shelf, "/p/a.weir-old", NULL);
	expect_file(shelf, "/p/gone", "g\n");
	expect_file(shelf, "/p/last", "1\n");
	expect_file(shelf, "/p/last.weir-old/inside", "i\n");
	assert_false(weir_root_has(&shelf->root, "/p/new"));
	assert_false(weir_root_has(&shelf->root, "/p/.a.weir-new"));
	assert_false(weir_root_has(&shelf->root, "/p/.last.weir-new"));
}

/* What somebody wrote since the look is not written over, and nothing else is written. */
static void files_that_changed_since_are_left_alone(void **state)
{
	const struct shelf *shelf = *state;
	static const struct {
		const char *path, *before, *after, *meanwhile;
	} cases[] = {
		{ "/m/changed", "1\n", "2\n", "3\n" },
		{ "/m/came", NULL, "2\n", "3\n" },
		{ "/m/removed", "1\n", NULL, "3\n" },
	};

	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_file_changes changes = { 0 };
		struct weir_err err = { 0 };

		want(shelf, "/m/first", WEIR_FILE_TEXT, "x\n", &changes);
		if (cases[i].before)
			plant(shelf, cases[i].path, cases[i].before);
		want(shelf, cases[i].path, WEIR_FILE_TEXT, cases[i].after, &changes);
		plant(shelf, cases[i].path, cases[i].meanwhile);
		expect_int_eq(weir_file_changes_make(&shelf->root, &changes, &err),
		              -EAGAIN);
		assert_non_null(strstr(err.msg, "since it was looked at"));
		expect_file(shelf, cases[i].path, cases[i].meanwhile);
		expect_file(shelf, "/m/first", NULL);
		weir_file_changes_done(&changes);
	}
}

static void files_in_the_way_are_left_alone(void **state)
{
	const struct shelf *shelf = *state;
	struct weir_file_changes changes = { 0 };
	struct weir_str text = weir_strz("x\n");
	struct weir_err err = { 0 };
	char full[128];

	plant(shelf, "/w/dir/inside", "i\n");
	(void)snprintf(full, sizeof(full), "%s/w/link", shelf->dir);
	assert_int_equal(symlink("/etc/passwd", full), 0);
	expect_int_eq(weir_file_want(&shelf->root, "/w/dir", WEIR_FILE_TEXT, &text,
	                             &changes, &err),
	              -EEXIST);
	expect_int_eq(weir_file_want(&shelf->root, "/w/link", WEIR_FILE_TEXT, &text,
	                             &changes, &err),
	              -EEXIST);
	expect_str(err.msg, "'/w/link' is a link, and is not replaced by a file");
	expect_int_eq(weir_file_want(&shelf->root, "/w/dir/inside", WEIR_FILE_LINK, &text,
	                             &changes, &err),
	              -EEXIST);
	weir_file_changes_done(&changes);
}

/* ---- drop-ins ---------------------------------------------------------------------- */

static void declared_drop_ins_have_systemds_order(void **state)
{
	const struct shelf *shelf = *state;
	struct weir_declaration decl = { 0 };
	struct weir_buf out = { 0 };
	char full[128];

	expect_int_eq(weir_declared_read(shelf->dir, &decl, NULL), WEIR_UNDECLARED);
	plant(shelf, "/etc/weir/pools.conf", "[pool 2M]\npages = 1\novercommit = 1\n");
	plant(shelf, "/usr/lib/weir/pools.d/10-a.conf", "[pool 2M]\npages = 10\n");
	plant(shelf, "/usr/lib/weir/pools.d/20-b.conf", "[pool 2M]\npages = 20\n");
	plant(shelf, "/run/weir/pools.d/20-b.conf", "[pool 2M]\novercommit = 21\n");
	plant(shelf, "/usr/lib/weir/pools.d/30-c.conf", "[pool 2M]\npages = 30\n");
	plant(shelf, "/etc/weir/pools.d/30-c.conf", "");
	plant(shelf, "/usr/lib/weir/pools.d/40-d.conf", "[pool 2M]\npages = 40\n");
	plant(shelf, "/etc/weir/pools.d/05-e.conf", "[pool 1G]\npages = 5\n");
	plant(shelf, "/etc/weir/pools.d/90-no.conf.weir-old", "garbage\n");
	plant(shelf, "/etc/weir/pools.d/.90.conf", "garbage\n");
	(void)snprintf(full, sizeof(full), "%s/run/weir/pools.d/40-d.conf", shelf->dir);
	assert_int_equal(symlink("/dev/null", full), 0);
	expect_int_eq(weir_declared_read(shelf->dir, &decl, NULL), 0);
	expect_int_eq(weir_declaration_format(&decl, &out), 0);
	expect_text(weir_buf_str(&out), "[pool 2M]\npages = 10\novercommit = 21\n"
	                                "\n[pool 1G]\npages = 5\n");
	weir_buf_done(&out);
	weir_declaration_done(&decl);
}

static void declared_names_are_looked_up_below_the_root(void **state)
{
	const struct shelf *shelf = *state;
	struct weir_declaration decl = { 0 };

	plant(shelf, "/etc/passwd", "root:x:0:0::/:/bin/sh\nkvm:x:64055:1::/:\n");
	plant(shelf, "/etc/group", "bad line\nkvm:x:108:a,b\n");
	plant(shelf, "/etc/weir/pools.conf",
	      "[mount /a]\npage-size = 2M\nuser = kvm\ngroup = kvm\n"
	      "[mount /b]\npage-size = 2M\nuser = nobody\ngroup = 7\n");
	expect_int_eq(weir_declared_read(shelf->dir, &decl, NULL), 0);
	expect_count(decl.mounts[0].uid, 64055);
	expect_count(decl.mounts[0].gid, 108);
	expect_unknown(decl.mounts[1].uid);
	expect_count(decl.mounts[1].gid, 7);
	weir_declaration_done(&decl);
}

/* ---- the whole --------------------------------------------------------------------- */

static struct fake_file host[] = {
	{ "/proc/sys/kernel/osrelease", "6.1.0\n" },
	{ "/proc/meminfo", "Hugepagesize: 2048 kB\n" },
	{ "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "6\n" },
	{ "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "6\n" },
	{ "/sys/kernel/mm/hugepages/hugepages-2048kB/resv_hugepages", "0\n" },
	{ "/sys/kernel/mm/hugepages/hugepages-2048kB/surplus_hugepages", "1\n" },
	{ "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_overcommit_hugepages", "8\n" },
	{ "/proc/self/mountinfo",
	  "40 1 0:30 / /dev/huge rw - hugetlbfs none rw,pagesize=2M,uid=7,size=8192k\n" },
};

struct run {
	const struct shelf *shelf;
	const struct weir_snapshot *snap;
	size_t nr_changes;
	const char *step; /* the first */
};

static int persist(void *ctx)
{
	const struct run *run = ctx;
	const struct weir_persist_options options = { .from_now = true };
	struct weir_persist made = { 0 };
	struct weir_buf diff = { 0 };
	int r = weir_persist_make(&run->shelf->root, run->snap, &options, &made, NULL);

	if (r == 0)
		expect_u64_eq(made.changes.nr, run->nr_changes);
	if (r == 0)
		expect_str(made.steps[0].argv[0], run->step);
	for (size_t i = 0; r == 0 && i < made.changes.nr; i++)
		r = weir_file_change_diff(&made.changes.v[i], &diff);
	weir_buf_done(&diff);
	weir_persist_done(&made);
	return r;
}

static void persist_every_failed_allocation_is_told(void **state)
{
	struct run run = { .shelf = *state, .nr_changes = 9, .step = "kernel-install" };
	struct weir_snapshot *snap = NULL;
	struct fake_host fake;

	plant(run.shelf, "/etc/weir/pools.conf",
	      "[pool 2M]\nnode0 = 3\nboot = yes\n[vm a]\nfile = /a\n");
	plant(run.shelf, "/etc/weir/pools.d/a.conf", "[mount /b]\npage-size = 2M\n");
	plant(run.shelf, "/etc/kernel/cmdline", "quiet hugepagesz=2M hugepages=3\n");
	plant(run.shelf, "/etc/sysctl.conf", "vm.nr_hugepages = 1\n");
	plant(run.shelf, "/etc/passwd", "a:x:1:\n");
	fake_open(&fake, host, WEIR_NELEM(host));
	expect_int_eq(weir_snapshot_read(&fake.host, WEIR_SNAPSHOT_BASE, &snap, NULL), 0);
	run.snap = snap;
	expect_int_eq(fault_every(persist, &run), 0);
	/* entries that lack it, in place of the line; and no line to change */
	plant(run.shelf, "/usr/sbin/grubby", "");
	plant(run.shelf, "/boot/grub2/grubenv", "kernelopts=quiet hugepages=3\n");
	plant(run.shelf, "/boot/loader/entries/a.conf", "options $kernelopts b\n");
	plant(run.shelf, "/boot/loader/entries/b.conf",
	      "linux /b\noptions hugepagesz=2M hugepages=1\n");
	run.nr_changes = 8;
	run.step = "grubby";
	expect_int_eq(fault_every(persist, &run), 0);
	weir_snapshot_free(snap);
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(boot_args_are_those_of_boot),
		cmocka_unit_test(boot_cmdline_is_edited_where_it_must_be),
		cmocka_unit_test(cmdline_loses_what_was_recorded),
		cmocka_unit_test(unit_names_are_escaped_as_systemd_does),
		cmocka_unit_test(diff_is_unified),
		cmocka_unit_test_setup_teardown(files_are_written_and_old_ones_kept,
		                                shelf_open, shelf_close),
		cmocka_unit_test_setup_teardown(files_are_put_back_when_one_fails,
		                                shelf_open, shelf_close),
		cmocka_unit_test_setup_teardown(files_that_changed_since_are_left_alone,
		                                shelf_open, shelf_close),
		cmocka_unit_test_setup_teardown(files_in_the_way_are_left_alone,
		                                shelf_open, shelf_close),
		cmocka_unit_test_setup_teardown(declared_drop_ins_have_systemds_order,
		                                shelf_open, shelf_close),
		cmocka_unit_test_setup_teardown(
			declared_names_are_looked_up_below_the_root, shelf_open,
			shelf_close),
		cmocka_unit_test_setup_teardown(persist_every_failed_allocation_is_told,
		                                shelf_open, shelf_close),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
