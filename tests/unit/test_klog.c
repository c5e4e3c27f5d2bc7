/* klog: facts out of the kernel's log, in every dress that a log comes in. */
#include "facts/klog.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)

static void parse(const char *text, int want, struct weir_klog *out)
{
	struct weir_err err = { 0 };

	expect_int_eq(weir_klog_parse(weir_strz(text), out, &err), want);
	assert_int_equal(want != 0, err.msg[0] != '\0');
}

static const char *filter(const char *text, size_t n, struct weir_buf *out)
{
	out->n = 0;
	expect_int_eq(weir_klog_filter(weir_str(text, n), out), 0);
	expect_int_eq(weir_buf_add(out, weir_strz("")), 0);
	return out->p;
}

static void filter_keeps_only_what_is_about_memory(void **state)
{
	static const char *const kept[] = {
		("<6>[    0.123456] HugeTLB: registered 2.00 MiB page size, "
		 "pre-allocated "
		 "4 pages"),
		("[    0.123456] HugeTLB registered 1.00 GiB page size, pre-allocated 0 "
		 "pages"),
		"HugeTLB: hugepagesz=2M specified twice, ignoring",
		("6,339,5140900,-;HugeTLB: 28 KiB vmemmap can be freed for a 2.00 MiB "
		 "page"),
		("[    0.1][    T0] hugetlb: disabling because there are no supported "
		 "sizes"),
		("Jan  1 00:00:00 node7 kernel: [    0.1] hugetlb_cma: reserve 2048 MiB, "
		 "up to "
		 "1024 MiB per node"),
		("2024-05-05T10:00:00+0000 node7 kernel: cma: Reserved 64 MiB at "
		 "0xbf800000"),
		"[Mon Jan  1 00:00:00 2024] hugetlbfs: some words",
		"CSV-CMA: Don't reserve any memory",
		"CSV-SMCR: csv_smcr_size is limited to 16g",
		"CSV: Fail to reserve SMCR!",
		"csv_mem_percentage is limited to 80.",
		"ccp 0000:05:00.2: CSV3: fail to set secure memory region",
		"ccp 0000:46:00.1: SEV API:1.55 build:8",
		"kvm_amd: SEV enabled (ASIDs 100 - 509)",
		"SVM: SEV-ES supported: 99 ASIDs",
		"SEV supported: 509 ASIDs",
		"SEV-SNP: RMP table physical range [0x1000 - 0x1fff]",
		"virt/tdx: module initialized",
		"Memory failure: 0x1234: recovery action for huge page: Recovered",
		"Reserved memory: created CMA memory pool at 0x1000, size 64 MiB",
	};
	static const char *const left[] = {
		"",
		"\n",
		"[    0.0] Linux version 6.1.0",
		"[    0.0] Command line: hugepages=5 secret=1",
		"audit: user=somebody HugeTLB: no",
		"Jan  1 00:00:00 host app[1]: x kernel: HugeTLB: made up",
		"csv_import[77]: segfault at 0",
		"kvm_amd: TSC scaling supported",
		"ccp 0000:46:00.1: enabling device",
		"ccp",
		"ccp x",
		"hugetlb",
		"cma:",
		" SUBSYSTEM=pci",
		"<6>",
		"[[[[",
		"HugeTLB: \x1b[31mred",
		"cma: \x7f",
	};
	struct weir_buf out = { 0 };
	char line[256];

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(kept); i++) {
		(void)snprintf(line, sizeof(line), "%s\n", kept[i]);
		expect_str(filter(kept[i], strlen(kept[i]), &out), line);
		expect_str(filter(line, strlen(line), &out), line);
	}
	for (size_t i = 0; i < WEIR_NELEM(left); i++)
		expect_str(filter(left[i], strlen(left[i]), &out), "");
	weir_buf_done(&out);
}

static void filter_survives_binary_and_endless_lines(void **state)
{
	static const char binary[] =
		"cma: a\0b\ncma: c\r\n\xff\xfe\ncma: \xc3\xa9\ncma: d";
	weir_auto(weir_freep) char *text = malloc(100000);
	struct weir_buf out = { 0 };

	(void)state;
	expect_str(filter(binary, sizeof(binary) - 1, &out),
	           "cma: c\ncma: \xc3\xa9\ncma: d\n");
	assert_non_null(text);
	memset(text, 'x', 100000);
	memcpy(text, "cma: ", 5);
	expect_str(filter(text, 100000, &out), "");
	memset(text, '[', 100000);
	expect_str(filter(text, 100000, &out), "");
	text[WEIR_KLOG_LINE_MAX] = '\n';
	memset(text, 'x', WEIR_KLOG_LINE_MAX);
	memcpy(text, "cma: ", 5);
	(void)filter(text, 100000, &out);
	expect_u64_eq(out.n, WEIR_KLOG_LINE_MAX + 1);
	weir_buf_done(&out);
}

static void hugetlb_shortfalls_have_size_node_and_counts(void **state)
{
	static const struct {
		const char *line;
		uint64_t size; /* 0 unknown */
		int node;      /* -1 unknown */
		uint64_t asked, got;
	} cases[] = {
		{ "HugeTLB: allocating 100000 of page size 2.00 MiB failed.  Only "
		  "allocated 466 "
		  "hugepages.",
		  2 * M, -1, 100000, 466 },
		{ "HugeTLB: allocating 600 of page size 2.00 MiB failed node1.  Only "
		  "allocated "
		  "371 hugepages.",
		  2 * M, 1, 600, 371 },
		{ "HugeTLB: allocating 9 of page size 1.00 GiB failed.  Only allocated 0 "
		  "hugepages.",
		  1 * G, -1, 9, 0 },
		{ "HugeTLB: allocating 9 of page size 32.0 MiB failed node12.  Only "
		  "allocated 3 "
		  "hugepages.",
		  32 * M, 12, 9, 3 },
		{ "HugeTLB: allocating 9 of page size 512 MiB failed. Only allocated 3 "
		  "hugepages.",
		  512 * M, -1, 9, 3 },
		{ "HugeTLB: allocating 9 of page size 64.0 KiB failed.  Only allocated 3 "
		  "hugepages.",
		  64 << 10, -1, 9, 3 },
		{ "HugeTLB: allocating 9 of page size 1.53 MiB failed.  Only allocated 3 "
		  "hugepages.",
		  0, -1, 9, 3 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_klog klog;
		const struct weir_klog_shortfall *got;

		parse(cases[i].line, 0, &klog);
		expect_u64_eq(klog.nr_shortfalls, 1);
		expect_u64_eq(klog.nr_notes, 0);
		got = &klog.shortfalls[0];
		expect_int_eq(got->size_bytes.known, cases[i].size != 0);
		expect_u64_eq(got->size_bytes.n, cases[i].size);
		expect_int_eq(got->node.known, cases[i].node >= 0);
		expect_u64_eq(got->node.n,
		              cases[i].node < 0 ? 0 : (uint64_t)cases[i].node);
		expect_u64_eq(got->asked, cases[i].asked);
		expect_u64_eq(got->got, cases[i].got);
		weir_klog_done(&klog);
	}
}

static void klog_garbled_lines_leave_their_fact_unknown(void **state)
{
	static const char *const cases[] = {
		"HugeTLB: allocating 5",
		("HugeTLB: allocating x of page size 2.00 MiB failed.  Only allocated 1 "
		 "hugepages."),
		("HugeTLB: allocating 5 of page size 2.00 MB failed.  Only allocated 1 "
		 "hugepages."),
		("HugeTLB: allocating 5 of page size 2. MiB failed.  Only allocated 1 "
		 "hugepages."),
		("HugeTLB: allocating 5 of page size 99999999 EiB failed.  Only "
		 "allocated "
		 "1 "
		 "hugepages."),
		("HugeTLB: allocating 5 of page size 2.00 MiB failed nodex.  Only "
		 "allocated 1 "
		 "hugepages."),
		("HugeTLB: allocating 5 of page size 2.00 MiB failed.  Only allocated 6 "
		 "hugepages."),
		("HugeTLB: allocating 99999999999999999999 of page size 2.00 MiB failed. "
		 " "
		 "Only "
		 "allocated 6 hugepages."),
		"HugeTLB: registered 2.00 MiB page size, pre-allocated -1 pages",
		"HugeTLB: registered MiB",
		"cma: Reserved 18446744073709551615 MiB at 0x1000",
		"cma: Reserved 64 MiB at 1000",
		"cma: Reserved 64 MiB",
		"cma: Reserved 64 MiB at 0xffffffffffffffff",
		"Reserved memory: created CMA memory pool at 0x10, size",
		"CSV-CMA: SMR entry size is 8M",
		"CSV-CMA: Node 0 - reserve size 0x40000000",
		"kvm_amd: SEV enabled (ASIDs 5)",
		"SEV-SNP: RMP table physical range [0x2000 - 0x1fff]",
		"SEV-SNP: RMP table physical something",
		"virt/tdx: BIOS enabled: private KeyID range [64, 64)",
		"virt/tdx: 9007199254740992 KB allocated for PAMT",
	};
	struct weir_klog none = { 0 };

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_klog klog;
		char text[256];

		parse(cases[i], WEIR_GARBLED, &klog);
		expect_u64_eq(klog.nr_shortfalls + klog.nr_sizes + klog.nr_areas +
		                      klog.nr_csv_nodes,
		              0);
		assert_memory_equal(klog.kvm, none.kvm, sizeof(none.kvm));
		expect_unknown(klog.csv_smr_entry_bytes);
		expect_unknown(klog.rmp_first);
		expect_unknown(klog.tdx_first_keyid);
		weir_klog_done(&klog);

		/* and it spoils no other line */
		(void)snprintf(text, sizeof(text), "cma: Reserved 1 MiB at 0x10\n%s\n%s",
		               cases[i], "CSV: SMR entry size is 0x800000");
		(void)weir_klog_parse(weir_strz(text), &klog, NULL);
		expect_u64_eq(klog.nr_areas, 1);
		expect_count(klog.csv_smr_entry_bytes, 8 * M);
		weir_klog_done(&klog);
	}
}

static void hugetlb_registered_sizes_have_their_pages(void **state)
{
	struct weir_klog klog;

	(void)state;
	parse("[    0.7] HugeTLB registered 1.00 GiB page size, pre-allocated 2 pages\n"
	      "[    0.7] HugeTLB: registered 2.00 MiB page size, pre-allocated 7 pages\n"
	      "[    0.7] HugeTLB: 28 KiB vmemmap can be freed for a 2.00 MiB page\n"
	      "[    0.1] HugeTLB: unsupported hugepagesz=3M\n",
	      0, &klog);
	expect_u64_eq(klog.nr_sizes, 2);
	expect_count(klog.sizes[0].size_bytes, 1 * G);
	expect_u64_eq(klog.sizes[0].pages, 2);
	expect_count(klog.sizes[1].size_bytes, 2 * M);
	expect_u64_eq(klog.sizes[1].pages, 7);
	expect_u64_eq(klog.nr_notes, 1);
	expect_int_eq(klog.notes[0].topic, WEIR_KLOG_ABOUT_HUGETLB);
	expect_str(klog.notes[0].text, "HugeTLB: unsupported hugepagesz=3M");
	weir_klog_done(&klog);
}

static void csv_memory_of_a_host_is_read(void **state)
{
	struct weir_klog klog;

	(void)state;
	parse("<6>[    0.0] CSV-CMA: Node 0 - reserve size 0x0000001000000000, (expected "
	      "size "
	      "0x0000000ff9024000)\n"
	      "<6>[    0.0] CSV-CMA: Node 1 - reserve size 0x0000001000000000, (expected "
	      "size "
	      "0x0000000fffec0000)\n"
	      "<6>[    0.0] CSV-CMA: SMR entry size is 0x800000\n"
	      "<4>[    0.0] CSV-CMA: Fail to reserve memory size 0x40000000 node 3\n"
	      "<6>[    0.0] CSV: Node 2 - secure range 0x0 ~ 0x10000000\n",
	      0, &klog);
	expect_u64_eq(klog.nr_csv_nodes, 2);
	expect_u64_eq(klog.csv_nodes[0].reserved_bytes, 64 * G);
	expect_u64_eq(klog.csv_nodes[0].expected_bytes, UINT64_C(0xff9024000));
	expect_u64_eq(klog.csv_nodes[1].node, 1);
	expect_u64_eq(klog.csv_nodes[1].expected_bytes, UINT64_C(0xfffec0000));
	expect_count(klog.csv_smr_entry_bytes, 8 * M);
	expect_u64_eq(klog.nr_notes, 1);
	expect_str(klog.notes[0].text,
	           "CSV-CMA: Fail to reserve memory size 0x40000000 node 3");
	expect_int_eq(klog.notes[0].topic, WEIR_KLOG_ABOUT_CSV);
	weir_klog_done(&klog);
}

static void csv_failures_are_kept_as_lines(void **state)
{
	static const char *const cases[] = {
		"CSV-CMA: Fail to allocate csv_smr",
		"CSV-CMA: Don't reserve any memory",
		"CSV-CMA: CONFIG_CMA=n, memory for CSV3 unavailable!",
		("CSV: Fail, either kernel param csv_mem_percentage or "
		 "csv_smcr_size&csv_use_hugetlb is required"),
		"CSV-SMCR: csv_smcr_size must be greater than 512m",
		"CSV-SMCR: csv_smcr_size is limited to 16g",
		"csv_mem_percentage is invalid. (0 - 80) is expected.",
		"csv_mem_percentage is limited to 80.",
		"ccp 0000:05:00.2: Fail to set SMR, ret -5",
		"cma: Failed to reserve 1024 MiB on node 1",
		"SEV-SNP: Memory for the RMP table has not been reserved by BIOS",
		"Memory failure: 0x1234: recovery action for huge page: Recovered",
		"kvm_amd: SEV-ES and more: not supported",
		"hugetlb_cma: the option isn't supported by current arch",
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_klog klog;

		parse(cases[i], 0, &klog);
		expect_u64_eq(klog.nr_notes, 1);
		expect_str(klog.notes[0].text, cases[i]);
		weir_klog_done(&klog);
	}
}

static void cma_areas_have_size_and_maybe_place(void **state)
{
	struct weir_klog klog;

	(void)state;
	parse("[    0.0] cma: Reserved 64 MiB at 0x00000000bf800000\n"
	      "[    0.0] cma: Reserved 1024 MiB at 0x0000000440000000 on node 1\n"
	      "[    0.0] cma: Reserved 16 MiB at 0x0000000000000000 on node -1\n"
	      "[    0.0] cma: Reserved 2048 MiB in 2 ranges\n"
	      "[    0.0] Reserved memory: created CMA memory pool at 0x4a000000, size "
	      "128 MiB\n"
	      "[    0.0] cma: Initial CMA usage detected\n",
	      0, &klog);
	expect_u64_eq(klog.nr_areas, 5);
	expect_u64_eq(klog.areas[0].size_bytes, 64 * M);
	expect_count(klog.areas[0].base, UINT64_C(0xbf800000));
	expect_unknown(klog.areas[0].node);
	expect_count(klog.areas[1].node, 1);
	expect_count(klog.areas[2].base, 0);
	expect_unknown(klog.areas[2].node);
	expect_u64_eq(klog.areas[3].size_bytes, 2 * G);
	expect_unknown(klog.areas[3].base);
	expect_count(klog.areas[4].base, 0x4a000000);
	weir_klog_done(&klog);
}

static void kvm_states_have_ids_only_when_enabled(void **state)
{
	static const struct {
		const char *line;
		enum weir_klog_tech tech;
		enum weir_klog_state state;
		int first, last, nr; /* -1 unknown */
	} cases[] = {
		{ "kvm_amd: SEV enabled (ASIDs 100 - 509)", WEIR_KLOG_SEV,
		  WEIR_KLOG_ENABLED, 100, 509, 410 },
		{ "kvm_amd: SEV-ES enabled (ASIDs 1 - 99)", WEIR_KLOG_SEV_ES,
		  WEIR_KLOG_ENABLED, 1, 99, 99 },
		{ "kvm_amd: SEV-SNP enabled (ASIDs 1 - 99)", WEIR_KLOG_SEV_SNP,
		  WEIR_KLOG_ENABLED, 1, 99, 99 },
		{ "kvm_amd: SEV-SNP enabled", WEIR_KLOG_SEV_SNP, WEIR_KLOG_ENABLED, -1,
		  -1, -1 },
		{ "kvm_amd: SEV-ES disabled (ASIDs 0 - 4294967295)", WEIR_KLOG_SEV_ES,
		  WEIR_KLOG_DISABLED, -1, -1, -1 },
		{ "kvm_amd: SEV unusable (ASIDs 100 - 99)", WEIR_KLOG_SEV,
		  WEIR_KLOG_UNUSABLE, -1, -1, -1 },
		{ "SVM: SEV supported: 410 ASIDs", WEIR_KLOG_SEV, WEIR_KLOG_ENABLED, -1,
		  -1, 410 },
		{ "SEV-ES supported: 99 ASIDs", WEIR_KLOG_SEV_ES, WEIR_KLOG_ENABLED, -1,
		  -1, 99 },
		{ "kvm_amd: CSV enabled (ASIDs 5 - 15)", WEIR_KLOG_CSV, WEIR_KLOG_ENABLED,
		  5, 15, 11 },
		{ "kvm_amd: CSV2 enabled (ASIDs 1 - 15)", WEIR_KLOG_CSV2,
		  WEIR_KLOG_ENABLED, 1, 15, 15 },
		{ "kvm_amd: CSV2 disabled (ASIDs 0 - 0)", WEIR_KLOG_CSV2,
		  WEIR_KLOG_DISABLED, -1, -1, -1 },
		/* the last one holds: the module was loaded again */
		{ "kvm_amd: SEV enabled (ASIDs 1 - 9)\nkvm_amd: SEV disabled (ASIDs 0 - "
		  "0)",
		  WEIR_KLOG_SEV, WEIR_KLOG_DISABLED, -1, -1, -1 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_klog klog;
		const struct weir_klog_kvm *got;

		parse(cases[i].line, 0, &klog);
		got = &klog.kvm[cases[i].tech];
		expect_int_eq(got->state, cases[i].state);
		expect_int_eq(got->asid_first.known ? (int)got->asid_first.n : -1,
		              cases[i].first);
		expect_int_eq(got->asid_last.known ? (int)got->asid_last.n : -1,
		              cases[i].last);
		expect_int_eq(got->nr_asids.known ? (int)got->nr_asids.n : -1,
		              cases[i].nr);
		expect_u64_eq(klog.nr_notes, 0);
		weir_klog_done(&klog);
	}
}

static void snp_table_is_a_range_in_either_form(void **state)
{
	static const char *const cases[] = {
		("SEV-SNP: RMP table physical range [0x0000000035600000 - "
		 "0x0000000075bfffff]"),
		("SEV-SNP: RMP table physical address [0x0000000035600000 - "
		 "0x0000000075bfffff]"),
		("SEV-SNP: RMP table physical address 0x0000000035600000 - "
		 "0x0000000075bfffff"),
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_klog klog;

		parse(cases[i], 0, &klog);
		expect_count(klog.rmp_first, 0x35600000);
		expect_count(klog.rmp_last, 0x75bfffff);
		weir_klog_done(&klog);
	}
}

static void tdx_module_is_initialized_or_says_why_not(void **state)
{
	struct weir_klog klog;

	(void)state;
	parse("virt/tdx: BIOS enabled: private KeyID range [64, 128)\n", 0, &klog);
	expect_int_eq(klog.tdx, WEIR_KLOG_TDX_UNTOLD);
	expect_count(klog.tdx_first_keyid, 64);
	expect_count(klog.tdx_last_keyid, 127);
	weir_klog_done(&klog);

	parse("virt/tdx: 1050644 KB allocated for PAMT\nvirt/tdx: module initialized\n",
	      0, &klog);
	expect_int_eq(klog.tdx, WEIR_KLOG_TDX_INITIALIZED);
	expect_count(klog.tdx_pamt_bytes, UINT64_C(1050644) << 10);
	expect_u64_eq(klog.nr_notes, 0);
	weir_klog_done(&klog);

	parse("virt/tdx: initialization failed: Hibernation support is enabled\n", 0,
	      &klog);
	expect_int_eq(klog.tdx, WEIR_KLOG_TDX_FAILED);
	expect_u64_eq(klog.nr_notes, 1);
	weir_klog_done(&klog);

	parse("virt/tdx: module initialization failed (-12)\n", 0, &klog);
	expect_int_eq(klog.tdx, WEIR_KLOG_TDX_FAILED);
	weir_klog_done(&klog);
}

static void klog_notes_and_facts_are_bounded(void **state)
{
	struct weir_buf text = { 0 };
	struct weir_klog klog;

	(void)state;
	for (unsigned int i = 0; i < WEIR_KLOG_NOTES_MAX + 10; i++)
		(void)weir_buf_printf(&text, "Memory failure: 0x%x: poisoned\n", i);
	parse(text.p, 0, &klog);
	expect_u64_eq(klog.nr_notes, WEIR_KLOG_NOTES_MAX);
	expect_u64_eq(klog.nr_notes_left_off, 10);
	weir_klog_done(&klog);

	text.n = 0;
	for (unsigned int i = 0; i <= WEIR_KLOG_FACTS_MAX; i++)
		(void)weir_buf_printf(&text, "cma: Reserved 1 MiB at 0x%x\n", i);
	parse(text.p, WEIR_GARBLED, &klog);
	expect_u64_eq(klog.nr_areas, WEIR_KLOG_FACTS_MAX);
	weir_klog_done(&klog);
	weir_buf_done(&text);
}

static int parse_all_kinds(void *ctx)
{
	struct weir_klog klog;
	int r = weir_klog_parse(weir_strz("cma: Reserved 1 MiB at 0x10\nHugeTLB: "
	                                  "registered 2.00 MiB page size, "
	                                  "pre-allocated 7 pages\nCSV: Fail\nHugeTLB: "
	                                  "allocating 9 of page size "
	                                  "1.00 GiB failed.  Only allocated 0 "
	                                  "hugepages.\nCSV-CMA: Node 0 - "
	                                  "reserve size 0x1, (expected size 0x1)\n"),
	                        &klog, NULL);

	(void)ctx;
	weir_klog_done(&klog);
	return r;
}

static int filter_a_line(void *ctx)
{
	struct weir_buf out = { 0 };
	int r = weir_klog_filter(weir_strz("cma: x\nCSV: y\n"), &out);

	(void)ctx;
	weir_buf_done(&out);
	return r;
}

static void klog_without_memory_says_so(void **state)
{
	(void)state;
	expect_int_eq(fault_every(parse_all_kinds, NULL), 0);
	expect_int_eq(fault_every(filter_a_line, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(filter_keeps_only_what_is_about_memory),
		cmocka_unit_test(filter_survives_binary_and_endless_lines),
		cmocka_unit_test(hugetlb_shortfalls_have_size_node_and_counts),
		cmocka_unit_test(klog_garbled_lines_leave_their_fact_unknown),
		cmocka_unit_test(hugetlb_registered_sizes_have_their_pages),
		cmocka_unit_test(csv_memory_of_a_host_is_read),
		cmocka_unit_test(csv_failures_are_kept_as_lines),
		cmocka_unit_test(cma_areas_have_size_and_maybe_place),
		cmocka_unit_test(kvm_states_have_ids_only_when_enabled),
		cmocka_unit_test(snp_table_is_a_range_in_either_form),
		cmocka_unit_test(tdx_module_is_initialized_or_says_why_not),
		cmocka_unit_test(klog_notes_and_facts_are_bounded),
		cmocka_unit_test(klog_without_memory_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
