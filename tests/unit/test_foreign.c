/* foreign: which lines of which files set huge pages, and what they set. */
#include "plan/foreign.h"

#include "fault.h"
#include "plan/drift.h"
#include "test.h"

#include "base/size.h"

#include <errno.h>

/* "3 pages 2M node1 = 512", a line each; ? is what is not known, * the default size */
static void print(const struct weir_foreigns *list, char *out, size_t cap)
{
	size_t n = 0;

	*out = '\0';
	for (size_t i = 0; i < list->nr && n < cap; i++) {
		const struct weir_foreign *f = &list->v[i];
		char size[WEIR_SIZE_TEXT_MAX] = "?", node[32] = "", value[32] = "?";

		if (f->page_bytes.known)
			(void)weir_format_size(f->page_bytes.n, size, sizeof(size));
		if (f->node.known)
			(void)snprintf(node, sizeof(node), " node%" PRIu64, f->node.n);
		if (f->value.known)
			(void)snprintf(value, sizeof(value), "%" PRIu64, f->value.n);
		n += (size_t)snprintf(out + n, cap - n, "%s%u %s %s%s = %s",
		                      i ? "; " : "", f->line,
		                      weir_foreign_what_word(f->what),
		                      f->default_size ? "*" : size, node, value);
	}
}

typedef int (*scanner)(struct weir_str text, const char *file, struct weir_foreigns *out);

static int scan_tuned(struct weir_str text, const char *file, struct weir_foreigns *out)
{
	struct weir_buf includes = { 0 };
	int r = weir_foreign_tuned(text, file, &includes, out);

	weir_buf_done(&includes);
	return r;
}

static int scan_proxmox(struct weir_str text, const char *file, struct weir_foreigns *out)
{
	struct weir_buf hooks = { 0 };
	int r = weir_foreign_proxmox(text, file, &hooks, out);

	weir_buf_done(&hooks);
	return r;
}

#define SYS "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages"
#define ND1 "/sys/devices/system/node/node1/hugepages/hugepages-1048576kB/nr_hugepages"

static const struct {
	scanner scan;
	const char *text, *found;
} cases[] = {
	{ weir_foreign_sysctl, "", "" },
	{ weir_foreign_sysctl, "#vm.nr_hugepages=1\n;vm.nr_hugepages=1\n", "" },
	{ weir_foreign_sysctl, "vm.nr_hugepages=512\n", "1 pages * = 512" },
	{ weir_foreign_sysctl, "\n -vm/nr_hugepages = 512 \n", "2 pages * = 512" },
	{ weir_foreign_sysctl, "-vm.nr_hugepages=512", "1 pages * = 512" },
	{ weir_foreign_sysctl, "vm.nr_hugepages_mempolicy = 3\n", "1 pages * = 3" },
	{ weir_foreign_sysctl, "vm.nr_overcommit_hugepages = 9\n", "1 overcommit * = 9" },
	{ weir_foreign_sysctl, "vm.hugetlb_shm_group = 108\n", "1 shm-group ? = 108" },
	{ weir_foreign_sysctl, "vm.nr_hugepages = many\n", "1 pages * = ?" },
	{ weir_foreign_sysctl, "xvm.nr_hugepages = 1\nvm.nr_hugepages2 = 1\n", "" },
	{ weir_foreign_sysctl, WEIR_MARK "\nvm.nr_hugepages = 1\n", "" },

	{ weir_foreign_grub, "# GRUB_CMDLINE_LINUX=\"hugepages=4\"\n", "" },
	{ weir_foreign_grub, "GRUB_TIMEOUT=5\nGRUB_CMDLINE_LINUX=\"quiet\"\n", "" },
	{ weir_foreign_grub, "GRUB_CMDLINE_LINUX=\"quiet hugepages=4\"\n",
	  "1 pages * = 4" },
	{ weir_foreign_grub,
	  "GRUB_CMDLINE_LINUX_DEFAULT='hugepagesz=1G hugepages=0:4,1:8'\n",
	  "1 pages 1G node0 = 4; 1 pages 1G node1 = 8" },
	{ weir_foreign_grub,
	  "export GRUB_CMDLINE_LINUX=\"$GRUB_CMDLINE_LINUX default_hugepagesz=1G "
	  "hugepagesz=1G hugepages=4\"",
	  "1 pages 1G = 4; 1 default-size ? = 1073741824" },
	{ weir_foreign_cmdline,
	  "root=/dev/sda hugepagesz=2M hugepages=7 -- hugepages=3\n", "1 pages 2M = 7" },
	{ weir_foreign_loader, "title x hugepages=3\noptions ro hugepages=4\n",
	  "2 pages * = 4" },

	{ scan_tuned, "vm.nr_hugepages=1\n", "" }, /* in no section */
	{ scan_tuned,
	  "[main]\ninclude=a,b\n[sysctl]\nvm.nr_hugepages=16\n[bootloader]\n"
	  "cmdline=+hugepagesz=1G hugepages=2\ncmdline_x=-hugepages=7\n[sysfs]\n" SYS
	  "=5\n",
	  "4 pages * = 16; 6 pages 1G = 2; 9 pages 2M = 5" },

	{ weir_foreign_unit, "Description=sets nr_hugepages\n", "" },
	{ weir_foreign_unit, "[Service]\nExecStart=/bin/sh -c 'echo 16 > " ND1 "'\n",
	  "2 pages 1G node1 = 16" },
	{ weir_foreign_unit, "ExecStartPre=-/sbin/sysctl -w vm.nr_hugepages=64\n",
	  "1 pages * = 64" },
	{ weir_foreign_unit, "ExecStart=/usr/bin/hugeadm --pool-pages-min 2M:64\n",
	  "1 pages ? = ?" },
	{ weir_foreign_unit, "ExecStart=/usr/bin/dpdk-hugepages.py --setup 2G\n",
	  "1 pages ? = ?" },
	{ weir_foreign_unit, "ExecStart=/usr/bin/hugeadm --list-all-mounts\n", "" },

	{ weir_foreign_script, "#!/bin/sh\n# echo 4 > " SYS "\n", "" },
	{ weir_foreign_script, "echo 4 > " SYS "\n", "1 pages 2M = 4" },
	{ weir_foreign_script, "echo \"4\" | sudo tee " SYS "\n", "1 pages 2M = 4" },
	{ weir_foreign_script, "echo $N > " SYS "\n", "1 pages 2M = ?" },
	{ weir_foreign_script, "echo -n 4 >/proc/sys/vm/nr_hugepages\n",
	  "1 pages * = 4" },
	{ weir_foreign_script, "N=$(cat " SYS ")\ngrep x " SYS "\n", "" },
	{ weir_foreign_script, "f=" SYS "\necho 3 > $f\n", "1 pages 2M = ?" },
	{ weir_foreign_script, "sysctl vm.nr_hugepages\n", "" },

	{ weir_foreign_tmpfiles, "w " SYS " - - - - 1024\n", "1 pages 2M = 1024" },
	{ weir_foreign_tmpfiles, "w! " ND1 " - - - - 4\nd /x\nr " SYS "\n",
	  "1 pages 1G node1 = 4" },
	{ weir_foreign_tmpfiles, "w " SYS "\n", "1 pages 2M = ?" },

	{ scan_proxmox, "memory: 4096\nhugepages: 1024\n", "2 pages 1G = ?" },
	{ scan_proxmox, "hugepages: 2\nkeephugepages: 1\n", "" },
	{ scan_proxmox, "hugepages: any\n[snap]\nkeephugepages: 1\n", "1 pages ? = ?" },
	{ scan_proxmox, "cores: 2\n[snap]\nhugepages: 2\n", "" },
};

static void foreign_lines_are_found_with_what_they_set(void **state)
{
	char found[512];

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_foreigns list = { 0 };

		expect_int_eq(cases[i].scan(weir_strz(cases[i].text), "f", &list), 0);
		print(&list, found, sizeof(found));
		if (strcmp(found, cases[i].found) != 0)
			fail_msg("'%s' has '%s', not '%s'", cases[i].text, found,
			         cases[i].found);
		weir_foreigns_done(&list);
	}
}

static void foreign_names_of_others_are_handed_out(void **state)
{
	struct weir_foreigns list = { 0 };
	struct weir_buf names = { 0 };

	(void)state;
	expect_int_eq(weir_foreign_tuned(weir_strz("[main]\ninclude = a, b\n"), "f",
	                                 &names, &list),
	              0);
	expect_text(weir_buf_str(&names), "a\nb\n");
	names.n = 0;
	expect_int_eq(weir_foreign_proxmox(weir_strz("hookscript: local:snippets/a.pl\n"),
	                                   "f", &names, &list),
	              0);
	expect_text(weir_buf_str(&names), "local:snippets/a.pl\n");
	weir_buf_done(&names);
	weir_foreigns_done(&list);
}

static int scan_all(void *ctx)
{
	int r = 0;

	(void)ctx;
	for (size_t i = 0; r == 0 && i < WEIR_NELEM(cases); i++) {
		struct weir_foreigns list = { 0 };

		r = cases[i].scan(weir_strz(cases[i].text), "f", &list);
		weir_foreigns_done(&list);
	}
	return r;
}

static void foreign_every_failed_allocation_is_told(void **state)
{
	(void)state;
	expect_int_eq(fault_every(scan_all, NULL), 0);
}

static void foreign_is_judged_by_what_is_declared(void **state)
{
	static const struct {
		const char *decl;
		scanner scan;
		const char *text;
		enum weir_foreign_verdict verdict;
	} judged[] = {
		{ "[pool 1G]\npages = 4\n", weir_foreign_sysctl, "vm.nr_hugepages=4",
		  WEIR_FOREIGN_APART }, /* of 2M */
		{ "[pool 2M]\npages = 4\n", weir_foreign_sysctl, "vm.nr_hugepages=4",
		  WEIR_FOREIGN_AGREES },
		{ "[pool 2M]\nnode0 = 1\nnode1 = 3\n", weir_foreign_sysctl,
		  "vm.nr_hugepages=4", WEIR_FOREIGN_AGREES },
		{ "[pool 2M]\npages = 4\n", weir_foreign_sysctl, "vm.nr_hugepages=5",
		  WEIR_FOREIGN_CONTRARY },
		{ "[pool 2M]\npages = 4\n", weir_foreign_sysctl, "vm.nr_hugepages=x",
		  WEIR_FOREIGN_UNSURE },
		{ "[pool 2M]\npages = 4\n", weir_foreign_sysctl,
		  "vm.nr_overcommit_hugepages=4", WEIR_FOREIGN_APART },
		{ "[pool 2M]\novercommit = 4\n", weir_foreign_sysctl,
		  "vm.nr_overcommit_hugepages=5", WEIR_FOREIGN_CONTRARY },
		{ "[pool 2M]\novercommit = 4\n", weir_foreign_sysctl, "vm.nr_hugepages=5",
		  WEIR_FOREIGN_APART },
		{ "[pool 1G]\npages = 4\n", weir_foreign_tmpfiles, "w " ND1 " - - - - 4",
		  WEIR_FOREIGN_UNSURE },
		{ "[pool 1G]\nnode1 = 4\n", weir_foreign_tmpfiles, "w " ND1 " - - - - 4",
		  WEIR_FOREIGN_AGREES },
		{ "[pool 1G]\nnode0 = 4\n", weir_foreign_tmpfiles, "w " ND1 " - - - - 4",
		  WEIR_FOREIGN_APART },
		{ "[pool 1G]\nnode1 = 5\n", weir_foreign_tmpfiles, "w " ND1 " - - - - 4",
		  WEIR_FOREIGN_CONTRARY },
		{ "[pool 1G]\npages = 4\n", weir_foreign_unit,
		  "ExecStart=hugeadm --pool-pages-min x", WEIR_FOREIGN_UNSURE },
		{ "[guards]\nfloor = 4G\n", weir_foreign_unit,
		  "ExecStart=hugeadm --pool-pages-min x", WEIR_FOREIGN_APART },
		{ "[pool 2M]\npages = 4\n", weir_foreign_sysctl, "vm.hugetlb_shm_group=4",
		  WEIR_FOREIGN_APART },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(judged); i++) {
		struct weir_declaration decl = { 0 };
		struct weir_foreigns list = { 0 };
		enum weir_foreign_verdict got;

		expect_int_eq(
			weir_declaration_add(&decl, "f", weir_strz(judged[i].decl), NULL),
			0);
		expect_int_eq(judged[i].scan(weir_strz(judged[i].text), "f", &list), 0);
		expect_u64_eq(list.nr, 1);
		got = weir_foreign_judge(&decl, &list.v[0], WEIR_COUNT(2 << 20));
		if (got != judged[i].verdict)
			fail_msg("case %zu: '%s' is %d, not %d", i, judged[i].text, got,
			         judged[i].verdict);
		weir_foreigns_done(&list);
		weir_declaration_done(&decl);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(foreign_lines_are_found_with_what_they_set),
		cmocka_unit_test(foreign_names_of_others_are_handed_out),
		cmocka_unit_test(foreign_every_failed_allocation_is_told),
		cmocka_unit_test(foreign_is_judged_by_what_is_declared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
