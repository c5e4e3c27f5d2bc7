/* confidential: the three forms of Hygon's file, and yes, no and unknown kept apart. */
#include "facts/confidential.h"

#include "base/size.h"
#include "fake_host.h"
#include "fault.h"
#include "test.h"

#include <errno.h>

#define FREE_SIZE                                                \
	"Node0:\n total:     65536 MiB\n free:      65000 MiB\n" \
	"Node4:\n total:     65536 MiB\n free:          0 MiB\n" \
	"All Nodes:\n total:    131072 MiB\n free:      65000 MiB\n"

#define MEM_INFO                                                                       \
	"Node0:\n csv3 shared size:         3 MiB\n total cma size:       65536 MiB\n" \
	" csv3 cma used:          536 MiB\n"                                           \
	"All Nodes:\n csv3 shared size:         3 MiB\n"                               \
	" total cma size:       65536 MiB\n csv3 cma used:          536 MiB\n"         \
	"  npt table:              12 MiB\n  csv3 private memory:   512 MiB\n"         \
	"  meta data:              24 MiB\n"

static void csv_free_size_form_gives_used_too(void **state)
{
	struct weir_csv csv;
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_csv_parse(weir_strz(FREE_SIZE), &csv, &err), 0);
	assert_true(csv.known);
	expect_u64_eq(csv.nr, 2);
	expect_u64_eq(csv.v[1].node, 4);
	expect_count(csv.v[0].memory.total, 65536 * WEIR_MIB);
	expect_count(csv.v[0].memory.free, 65000 * WEIR_MIB);
	expect_count(csv.v[0].memory.used, 536 * WEIR_MIB);
	expect_unknown(csv.v[0].memory.shared);
	expect_count(csv.v[1].memory.free, 0);
	expect_count(csv.all.total, 131072 * WEIR_MIB);
	expect_unknown(csv.npt);
	weir_csv_done(&csv);
}

static void csv_mem_info_form_gives_free_too(void **state)
{
	struct weir_csv csv;
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_csv_parse(weir_strz(MEM_INFO), &csv, &err), 0);
	expect_u64_eq(csv.nr, 1);
	expect_count(csv.v[0].memory.used, 536 * WEIR_MIB);
	expect_count(csv.v[0].memory.free, 65000 * WEIR_MIB);
	expect_count(csv.v[0].memory.shared, 3 * WEIR_MIB);
	expect_count(csv.all.used, 536 * WEIR_MIB);
	expect_count(csv.npt, 12 * WEIR_MIB);
	expect_count(csv.private_memory, 512 * WEIR_MIB);
	expect_count(csv.meta_data, 24 * WEIR_MIB);
	weir_csv_done(&csv);
}

static void csv_odd_lines_leave_only_their_own_fact_unknown(void **state)
{
	static const struct {
		const char *line;
		int result;
	} cases[] = {
		{ " total: 1", WEIR_GARBLED },
		{ " total: 1 GiB", WEIR_GARBLED },
		{ " total: 1MiB", WEIR_GARBLED },
		{ " total: -1 MiB", WEIR_GARBLED },
		{ " total: 1 MiB x", WEIR_GARBLED },
		{ " total:", WEIR_GARBLED },
		{ " total: 18446744073709551615 MiB", WEIR_GARBLED },
		{ " total: 8796093022208 MiB", WEIR_GARBLED }, /* 2^63 bytes */
		{ " total: 1 MiB\n total: x MiB", WEIR_GARBLED },
		{ " Total: 1 MiB", 0 },
		{ " total 1 MiB", 0 },
		{ " totals: 1 MiB", 0 },
		{ " npt table: 1 MiB", 0 }, /* known for all nodes only */
		{ ":", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_csv csv;
		struct weir_err err;
		char text[160];

		(void)snprintf(text, sizeof(text),
		               "Node1:\n%s\n free: 5 MiB\nNode2:\n total: 7 MiB",
		               cases[i].line);
		expect_int_eq(weir_csv_parse(weir_strz(text), &csv, &err),
		              cases[i].result);
		assert_true(csv.known);
		expect_u64_eq(csv.nr, 2);
		expect_unknown(csv.v[0].memory.total);
		expect_unknown(csv.v[0].memory.used);
		expect_count(csv.v[0].memory.free, 5 * WEIR_MIB);
		expect_count(csv.v[1].memory.total, 7 * WEIR_MIB);
		expect_unknown(csv.npt);
		weir_csv_done(&csv);
	}
}

static void csv_odd_texts_are_survived(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		int result;
		size_t nr;
	} cases[] = {
		{ "", 0, WEIR_GARBLED, 0 },
		{ "\0\xff\x80", 3, WEIR_GARBLED, 0 },
		{ " total: 5 MiB\n", 14, WEIR_GARBLED, 0 }, /* of what? */
		{ "Node1024:\n", 10, WEIR_GARBLED, 0 },
		{ "Node-1:\n", 8, WEIR_GARBLED, 0 },
		{ "Node1\n", 6, WEIR_GARBLED, 0 },
		{ "Node1:\nNode1:\nNode01:", 22, 0, 1 },
		{ "All Nodes:\n", 11, 0, 0 },
		{ "Node0:\n total: 5 MiB\n free: 6 MiB\n", 35, 0, 1 },
		{ "Node0:\n total: 5 M", 18, WEIR_GARBLED, 1 }, /* cut at a page */
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_csv csv;
		struct weir_err err;

		expect_int_eq(
			weir_csv_parse(weir_str(cases[i].text, cases[i].n), &csv, &err),
			cases[i].result);
		expect_u64_eq(csv.nr, cases[i].nr);
		if (csv.nr)
			expect_unknown(csv.v[0].memory.used);
		weir_csv_done(&csv);
	}
}

static void confidential_host_of_hygon_is_read(void **state)
{
	struct fake_file files[] = {
		{ "/sys/module/kvm_amd/parameters/sev", "Y\n" },
		{ "/sys/module/kvm_amd/parameters/sev_es", "1\n" },
		{ "/sys/module/kvm_amd/parameters/sev_snp", "N\n" },
		{ "/@/stat/dev/sev/@", "type char\nmode 0600\n" },
		{ "/sys/kernel/mm/csv3/free_size", MEM_INFO },
		{ "/sys/kernel/mm/csv3/smr_size", "0x800000\n" },
	};
	struct fake_host fake;
	struct weir_confidential conf;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_confidential_read(&fake.reader, &conf);
	expect_count(conf.sev, 1);
	expect_count(conf.sev_es, 1);
	expect_count(conf.sev_snp, 0);
	expect_unknown(conf.tdx);
	expect_count(conf.dev_sev, 1);
	assert_true(conf.csv.known);
	expect_count(conf.csv_smr_bytes, 8 * WEIR_MIB);
	(void)fake_expect_gap(&fake, WEIR_GAP_ABSENT,
	                      "/sys/module/kvm_intel/parameters/tdx");
	expect_u64_eq(fake.gaps.nr, 1);
	weir_confidential_done(&conf);
	fake_close(&fake);
}

static void confidential_odd_files_are_unknown(void **state)
{
	struct fake_file files[] = {
		{ "/sys/module/kvm_amd/parameters/sev", "" },
		{ "/sys/module/kvm_amd/parameters/sev_es", "yes\n" },
		{ "/sys/module/kvm_amd/parameters/sev_snp", .error = -EACCES },
		{ "/sys/module/kvm_intel/parameters/tdx", "Y\0\n", .size = 3 },
		{ "/@/stat/dev/sev/@", "type file\n" },
		{ "/sys/kernel/mm/csv3_cma/mem_info", "nothing\n" },
		{ "/sys/kernel/mm/csv3_cma/free_size", FREE_SIZE },
		{ "/sys/kernel/mm/csv3/smr_size", "8388608\n" },
	};
	static const char *const malformed[] = {
		"/sys/module/kvm_amd/parameters/sev",
		"/sys/module/kvm_amd/parameters/sev_es",
		"/sys/module/kvm_intel/parameters/tdx",
		"/sys/kernel/mm/csv3_cma/mem_info",
		"/sys/kernel/mm/csv3/smr_size",
	};
	struct fake_host fake;
	struct weir_confidential conf;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_confidential_read(&fake.reader, &conf);
	for (size_t i = 0; i < WEIR_NELEM(malformed); i++)
		(void)fake_expect_gap(&fake, WEIR_GAP_MALFORMED, malformed[i]);
	(void)fake_expect_gap(&fake, WEIR_GAP_FORBIDDEN,
	                      "/sys/module/kvm_amd/parameters/sev_snp");
	expect_unknown(conf.sev);
	expect_unknown(conf.sev_es);
	expect_unknown(conf.sev_snp);
	expect_unknown(conf.tdx);
	expect_count(conf.dev_sev, 0);
	assert_true(conf.csv.known); /* from the next file */
	expect_u64_eq(conf.csv.nr, 2);
	expect_unknown(conf.csv_smr_bytes);
	weir_confidential_done(&conf);
	fake_close(&fake);
}

static int read_faulty(void *ctx)
{
	struct fake_file files[] = {
		{ "/sys/module/kvm_amd/parameters/sev", "?\n" },
		{ "/sys/kernel/mm/csv3_cma/free_size", FREE_SIZE },
	};
	struct fake_host fake;
	struct weir_confidential conf;
	int r;

	(void)ctx;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_confidential_read(&fake.reader, &conf);
	r = fake.reader.failed;
	weir_confidential_done(&conf);
	fake_close(&fake);
	return r;
}

static void confidential_survives_every_failed_allocation(void **state)
{
	(void)state;
	expect_int_eq(fault_every(read_faulty, NULL), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(csv_free_size_form_gives_used_too),
		cmocka_unit_test(csv_mem_info_form_gives_free_too),
		cmocka_unit_test(csv_odd_lines_leave_only_their_own_fact_unknown),
		cmocka_unit_test(csv_odd_texts_are_survived),
		cmocka_unit_test(confidential_host_of_hygon_is_read),
		cmocka_unit_test(confidential_odd_files_are_unknown),
		cmocka_unit_test(confidential_survives_every_failed_allocation),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
