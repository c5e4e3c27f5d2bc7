/* cpu: a flag that is not shown is "no" only where all flags are shown. */
#include "facts/cpu.h"

#include "fake_host.h"
#include "test.h"

#include <errno.h>

#define HYGON                                                                         \
	"processor\t: 0\nvendor_id\t: HygonGenuine\ncpu family\t: 24\nmodel\t\t: 4\n" \
	"model name\t: Hygon C86-4G (OPN:7490)\nstepping\t: 1\n"                      \
	"flags\t\t: fpu vme de pse tsc pdpe1gb sme sev sev_es sev_snp_not\n"          \
	"vmx flags\t: sev_snp\nbugs\t\t: hypervisor\n\nprocessor\t: 1\n"              \
	"vendor_id\t: Other\nflags\t\t: hypervisor\n"

static void cpu_first_processor_is_read(void **state)
{
	struct weir_cpu cpu;
	struct weir_err err = { 0 };

	(void)state;
	expect_int_eq(weir_cpu_parse(weir_strz(HYGON), &cpu, &err), 0);
	expect_str(cpu.vendor, "HygonGenuine");
	expect_str(cpu.model, "Hygon C86-4G (OPN:7490)");
	expect_count(cpu.pse, 1);
	expect_count(cpu.pdpe1gb, 1);
	expect_count(cpu.sme, 1);
	expect_count(cpu.sev, 1);
	expect_count(cpu.sev_es, 1);
	expect_count(cpu.sev_snp, 0);
	expect_count(cpu.tdx_host, 0);
	expect_count(cpu.hypervisor, 0);
}

static void cpu_of_arm_is_unknown(void **state)
{
	struct weir_cpu cpu;
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_cpu_parse(weir_strz("processor\t: 0\nBogoMIPS\t: 125.00\n"
	                                       "Features\t: fp asimd sev pse\n"
	                                       "CPU implementer\t: 0x41\n"),
	                             &cpu, &err),
	              0);
	expect_str(cpu.vendor, "");
	expect_str(cpu.model, "");
	expect_unknown(cpu.pse);
	expect_unknown(cpu.sev);
	expect_unknown(cpu.hypervisor);
}

static void cpu_cut_line_says_only_what_is_there(void **state)
{
	static const char all[] =
		"vendor_id\t: AuthenticAMD\nflags\t\t: pse sev_es sme sev\n";
	struct weir_cpu whole;
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_cpu_parse(weir_strz(all), &whole, &err), 0);
	for (size_t n = 0; n < sizeof(all) - 1; n++) {
		/* the text ends where the block does: a read past it is seen */
		char *cut = malloc(n + 1);
		struct weir_cpu cpu;

		assert_non_null(cut);
		memcpy(cut + 1, all, n);
		expect_int_eq(weir_cpu_parse(weir_str(cut + 1, n), &cpu, &err), 0);
		if (cpu.vendor[0])
			expect_str(cpu.vendor, "AuthenticAMD");
		assert_true(!cpu.sev.known);
		assert_true(!cpu.sme.known || cpu.sme.n == 1);
		assert_true(!cpu.sev_es.known || cpu.sev_es.n == 1);
		expect_unknown(cpu.sev_snp);
		free(cut);
	}
	expect_count(whole.sev, 1);
	expect_count(whole.sev_snp, 0);
}

static void cpu_odd_texts_are_survived(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		int result;
	} cases[] = {
		{ "", 0, 0 },
		{ ":", 1, 0 },
		{ "\n\n:\n", 4, 0 },
		{ "flags\n", 6, 0 },
		{ "Flags: sev\n", 11, 0 },
		{ "vendor_id:\n", 11, WEIR_GARBLED },
		{ "vendor_id: a\0b\n", 15, WEIR_GARBLED },
		{ "vendor_id: 0123456789abcdef\n", 28, WEIR_GARBLED },
		{ "model name: \t \n", 15, WEIR_GARBLED },
		{ "\xff\xfe: \x80\n", 6, 0 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		struct weir_cpu cpu;
		struct weir_err err;

		expect_int_eq(
			weir_cpu_parse(weir_str(cases[i].text, cases[i].n), &cpu, &err),
			cases[i].result);
		expect_str(cpu.vendor, "");
		expect_unknown(cpu.sev);
	}
}

static void cpu_model_is_safe_to_print(void **state)
{
	struct weir_cpu cpu;
	struct weir_err err;

	(void)state;
	expect_int_eq(weir_cpu_parse(weir_strz("vendor_id: 0123456789abcde\n"
	                                       "model name: a\x1b[2Jb\nflags:\n"),
	                             &cpu, &err),
	              0);
	expect_str(cpu.vendor, "0123456789abcde");
	expect_str(cpu.model, "a?[2Jb");
	expect_count(cpu.sev, 0); /* a list of no flags is a list */
}

static void cpu_reader_takes_the_head_of_a_long_file(void **state)
{
	enum { LONG = 100000 };
	char *text = malloc(LONG + 1);
	struct fake_file files[] = { { "/proc/cpuinfo", text } };
	struct fake_host fake;
	struct weir_cpu cpu;

	(void)state;
	assert_non_null(text);
	memset(text, 'x', LONG);
	text[LONG] = '\0';
	memcpy(text, HYGON, sizeof(HYGON) - 1);
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cpu_read(&fake.reader, &cpu);
	expect_count(cpu.sev, 1);
	expect_u64_eq(fake.gaps.nr, 0);
	memcpy(text, "flags : sev ", 12); /* the line goes on past what is read */
	memset(text + 12, 'x', sizeof(HYGON));
	weir_cpu_read(&fake.reader, &cpu);
	expect_count(cpu.sev, 1);
	expect_unknown(cpu.sme);
	fake_close(&fake);
	free(text);
}

static void cpu_reader_keeps_failures_as_gaps(void **state)
{
	struct fake_file files[] = { { "/proc/cpuinfo", "vendor_id:\n" } };
	struct fake_host fake;
	struct weir_cpu cpu;

	(void)state;
	fake_open(&fake, files, WEIR_NELEM(files));
	weir_cpu_read(&fake.reader, &cpu);
	(void)fake_expect_gap(&fake, WEIR_GAP_MALFORMED, "/proc/cpuinfo");
	fake_close(&fake);
	fake_open(&fake, files, 0);
	weir_cpu_read(&fake.reader, &cpu);
	(void)fake_expect_gap(&fake, WEIR_GAP_ABSENT, "/proc/cpuinfo");
	expect_unknown(cpu.sev);
	fake_close(&fake);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(cpu_first_processor_is_read),
		cmocka_unit_test(cpu_of_arm_is_unknown),
		cmocka_unit_test(cpu_cut_line_says_only_what_is_there),
		cmocka_unit_test(cpu_odd_texts_are_survived),
		cmocka_unit_test(cpu_model_is_safe_to_print),
		cmocka_unit_test(cpu_reader_takes_the_head_of_a_long_file),
		cmocka_unit_test(cpu_reader_keeps_failures_as_gaps),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
