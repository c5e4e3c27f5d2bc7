/* drift: a declaration against hosts of a few files. */
#include "plan/drift.h"

#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define P2M           "/sys/kernel/mm/hugepages/hugepages-2048kB"
#define P1G           "/sys/kernel/mm/hugepages/hugepages-1048576kB"
#define NODE(n, size) "/sys/devices/system/node/node" #n "/hugepages/hugepages-" size "kB"
#define HUGETLBFS     "40 1 0:30 / /dev/huge rw - hugetlbfs none rw,"

/* Two nodes: 2M 4+2, one of the latter surplus; 1G 1+0, asked for at boot. */
static struct fake_file host[] = {
	{ "/proc/sys/kernel/osrelease", "6.1.0\n" },
	{ "/proc/meminfo", "MemTotal: 4194304 kB\nHugepagesize: 2048 kB\n" },
	{ "/proc/cmdline", "quiet hugepagesz=1G hugepages=0:2,1:1\n" },
	{ "/@/klog", "HugeTLB: allocating 2 of page size 1.00 GiB failed node0.  Only "
	             "allocated 1 hugepages.\n" },
	{ "/proc/self/mountinfo",
	  HUGETLBFS "mode=770,gid=108,pagesize=2M,size=8192k,min_size=4096k\n" },
	{ P2M "/nr_hugepages", "6\n" },
	{ P2M "/free_hugepages", "6\n" },
	{ P2M "/resv_hugepages", "0\n" },
	{ P2M "/surplus_hugepages", "1\n" },
	{ P2M "/nr_overcommit_hugepages", "8\n" },
	{ P1G "/nr_hugepages", "1\n" },
	{ P1G "/free_hugepages", "1\n" },
	{ P1G "/resv_hugepages", "0\n" },
	{ P1G "/surplus_hugepages", "0\n" },
	{ "/sys/devices/system/node/online", "0-1\n" },
	{ NODE(0, "2048") "/nr_hugepages", "4\n" },
	{ NODE(0, "2048") "/free_hugepages", "4\n" },
	{ NODE(0, "2048") "/surplus_hugepages", "0\n" },
	{ NODE(1, "2048") "/nr_hugepages", "2\n" },
	{ NODE(1, "2048") "/free_hugepages", "2\n" },
	{ NODE(1, "2048") "/surplus_hugepages", "1\n" },
	{ NODE(0, "1048576") "/nr_hugepages", "1\n" },
	{ NODE(0, "1048576") "/free_hugepages", "1\n" },
	{ NODE(0, "1048576") "/surplus_hugepages", "0\n" },
	{ NODE(1, "1048576") "/nr_hugepages", "0\n" },
	{ NODE(1, "1048576") "/free_hugepages", "0\n" },
	{ NODE(1, "1048576") "/surplus_hugepages", "0\n" },
};

/* "now pages-missing 2M on node 1: 5/4 f:2", a row each */
static void print(const struct weir_drifts *drifts, char *out, size_t cap)
{
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < drifts->nr && n < cap; i++) {
		const struct weir_drift *d = &drifts->v[i];

		n += (size_t)snprintf(out + n, cap - n, "%s%s %s %s: %s/%s %s",
		                      i ? "; " : "", weir_drift_when_word(d->when), d->id,
		                      d->subject, d->declared ? d->declared : "-",
		                      d->actual ? d->actual : "-",
		                      d->where ? d->where : "-");
	}
}

static const struct {
	const char *decl, *sysctl; /* a foreign sysctl.conf */
	bool boot_only;
	const char *rows;
} cases[] = {
	{ "[guards]\nfloor = 1G\n", "", false, "" },
	{ "[pool 2M]\npages = 5\n", "", false, "" }, /* surplus is not counted */
	{ "[pool 2M]\nnode0 = 4\nnode1 = 1\novercommit = 8\n", "", false, "" },
	{ "[pool 2M]\npages = 6\n", "", false, "now pages-missing 2M: 6/5 f:2" },
	{ "[pool 2M]\nnode0 = 5\n\nnode1 = 0\n", "", false,
	  "now pages-missing 2M on node 0: 5/4 f:2; now pages-more 2M on node 1: 0/1 "
	  "f:4" },
	{ "[pool 2M]\novercommit = 0\n", "", false,
	  "now overcommit overcommit of 2M: 0/8 f:2" },
	{ "[pool 64K]\npages = 1\n", "", false, "now no-size 64K: -/- f:1" },
	{ "[pool 2M]\nnode7 = 0\n", "", false, "now no-node 2M on node 7: -/- f:2" },
	{ "[pool 1G]\novercommit = 1\n", "", false,
	  "later boot-short 1G on node 0 at boot: -/1 f:1; note unknown 1G: -/- f:2" },

	{ "[pool 2M]\npages = 5\nboot = yes\n", "", false,
	  "later boot-missing 2M at boot: 5/none f:3" },
	{ "[pool 2M]\npages = 0\nboot = yes\n", "", true, "" },
	{ "[pool 1G]\nnode0 = 1\nnode1 = 0\n", "", true,
	  "later boot-other 1G at boot: 1/0:2,1:1 f:2; "
	  "later boot-short 1G on node 0 at boot: -/1 f:1" },
	{ "[pool 1G]\nnode0 = 2\nnode1 = 1\n", "", true,
	  "later boot-short 1G on node 0 at boot: -/1 f:1" },
	{ "[pool 1G]\npages = 3\n", "", true,
	  "later boot-short 1G on node 0 at boot: -/1 f:1" },
	{ "[pool 2M]\npages = 7\n", "", true, "" }, /* of no boot's concern */

	{ "[mount /dev/huge]\npage-size = 2M\nsize = 8M\nmin-size = 4M\nmode = 770\n"
	  "group = 108\n",
	  "", false, "" },
	{ "[mount /dev/huge]\npage-size = 2M\nsize = 8M\nmin-size = 4M\n", "", false,
	  "" }, /* mode and group may be any */
	{ "[mount /dev/huge]\npage-size = 1G\nsize = 8G\nmode = 0755\nuser = 1\n"
	  "inodes = 5\n",
	  "", false,
	  "now mount-options /dev/huge: page-size=1G/page-size=2M f:2; "
	  "now mount-options /dev/huge: size=8G/size=8M f:3; "
	  "now mount-options /dev/huge: no min-size/min-size=4M f:1; "
	  "now mount-options /dev/huge: inodes=5/no inodes f:6; "
	  "now mount-options /dev/huge: mode=0755/mode=0770 f:4; "
	  "now mount-options /dev/huge: user=1/user=0 f:5" },
	{ "[mount /dev/other]\npage-size = 1G\n", "", false,
	  "now mount-missing /dev/other: page-size=1G/nothing f:1" },

	{ "[pool 2M]\npages = 5\n", "vm.nr_hugepages=5", false,
	  "note foreign 2M: -/5 s:1" },
	{ "[pool 2M]\npages = 5\n", "\nvm.nr_hugepages=6", true,
	  "later foreign 2M: -/6 s:2" },
	{ "[pool 1G]\npages = 3\n", "vm.nr_hugepages=5", true,
	  "later boot-short 1G on node 0 at boot: -/1 f:1" },
};

static struct weir_snapshot *snapshot(struct fake_host *fake)
{
	struct weir_snapshot *snap = NULL;

	fake_open(fake, host, WEIR_NELEM(host));
	expect_int_eq(weir_snapshot_read(&fake->host, WEIR_SNAPSHOT_BASE, &snap, NULL),
	              0);
	return snap;
}

static int make(const struct weir_snapshot *snap, size_t i, struct weir_drifts *drifts)
{
	const struct weir_drift_options options = { .boot_only = cases[i].boot_only };
	struct weir_declaration decl = { 0 };
	struct weir_foreigns list = { 0 };
	int r = weir_declaration_add(&decl, "f", weir_strz(cases[i].decl), NULL);

	if (r == 0)
		r = weir_declaration_check(&decl, NULL);
	if (r == 0)
		r = weir_foreign_sysctl(weir_strz(cases[i].sysctl), "s", &list);
	if (r == 0)
		r = weir_drifts_make(&decl, snap, &list, &options, drifts);
	weir_foreigns_done(&list);
	weir_declaration_done(&decl);
	return r;
}

static void drift_rows_name_what_differs(void **state)
{
	struct fake_host fake;
	struct weir_snapshot *snap = snapshot(&fake);
	char rows[1024];

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_drifts drifts = { 0 };

		expect_int_eq(make(snap, i, &drifts), 0);
		print(&drifts, rows, sizeof(rows));
		if (strcmp(rows, cases[i].rows) != 0)
			fail_msg("'%s' has '%s', not '%s'", cases[i].decl, rows,
			         cases[i].rows);
		weir_drifts_done(&drifts);
	}
	weir_snapshot_free(snap);
	fake_close(&fake);
}

static int make_all(void *ctx)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < WEIR_NELEM(cases); i++) {
		struct weir_drifts drifts = { 0 };

		r = make(ctx, i, &drifts);
		weir_drifts_done(&drifts);
	}
	return r;
}

static void drift_every_failed_allocation_is_told(void **state)
{
	struct fake_host fake;
	struct weir_snapshot *snap = snapshot(&fake);

	(void)state;
	expect_int_eq(fault_every(make_all, snap), 0);
	weir_snapshot_free(snap);
	fake_close(&fake);
}

static void drift_what_cannot_be_seen_is_unknown(void **state)
{
	static struct fake_file blind[] = { { "/proc/sys/kernel/osrelease", "6.1.0\n" } };
	const struct weir_drift_options options = { 0 };
	struct weir_declaration decl = { 0 };
	struct weir_drifts drifts = { 0 };
	struct weir_snapshot *snap = NULL;
	struct fake_host fake;
	char rows[256];

	(void)state;
	fake_open(&fake, blind, WEIR_NELEM(blind));
	expect_int_eq(weir_snapshot_read(&fake.host, WEIR_SNAPSHOT_BASE, &snap, NULL), 0);
	expect_int_eq(weir_declaration_add(&decl, "f",
	                                   weir_strz("[pool 1G]\npages = 1\n[mount "
	                                             "/a]\npage-size = 1G\n"),
	                                   NULL),
	              0);
	expect_int_eq(weir_drifts_make(&decl, snap, NULL, &options, &drifts), 0);
	print(&drifts, rows, sizeof(rows));
	expect_str(rows, "note unknown 1G: -/- f:1; note unknown /a: page-size=1G/- f:3; "
	                 "note unknown 1G: -/- f:2");
	weir_drifts_done(&drifts);
	weir_declaration_done(&decl);
	weir_snapshot_free(snap);
	fake_close(&fake);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(drift_rows_name_what_differs),
		cmocka_unit_test(drift_every_failed_allocation_is_told),
		cmocka_unit_test(drift_what_cannot_be_seen_is_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
