/* demand: words, kinds by policy, growth, and the fingers of a text of any form. */
#include "vm/demand.h"

#include "vm/detect.h"

#include "fault.h"
#include "test.h"

#include <errno.h>

static void kind_words_are_found_in_any_case(void **state)
{
	static const struct {
		const char *word;
		enum weir_vm_kind kind;
	} cases[] = {
		{ "sev-snp", WEIR_VM_SNP },   { "SevSnp", WEIR_VM_SNP },
		{ "csv", WEIR_VM_CSV1 },      { "seves", WEIR_VM_SEV_ES },
		{ "sev-es", WEIR_VM_SEV_ES },
	};
	static const char *const none[] = { "",     " sev", "sev ",   "sev-",
		                            "csv4", "se",   "plain\n" };
	enum weir_vm_kind kind;

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		assert_true(weir_vm_kind_find(weir_strz(cases[i].word), &kind));
		expect_int_eq(kind, cases[i].kind);
	}
	for (size_t i = 0; i < WEIR_NELEM(none); i++)
		assert_false(weir_vm_kind_find(weir_strz(none[i]), &kind));
	for (int k = WEIR_VM_PLAIN; k <= WEIR_VM_TDX; k++) {
		const char *word = weir_vm_kind_word((enum weir_vm_kind)k);

		assert_true(weir_vm_kind_find(weir_strz(word), &kind));
		expect_int_eq(kind, k);
	}
}

static void sev_kind_is_by_policy_and_vendor(void **state)
{
	static const struct {
		uint64_t policy;
		enum weir_vm_kind amd, hygon;
	} cases[] = {
		{ 0, WEIR_VM_SEV, WEIR_VM_CSV1 },
		{ 0x1, WEIR_VM_SEV, WEIR_VM_CSV1 },
		{ 0x5, WEIR_VM_SEV_ES, WEIR_VM_CSV2 },
		{ 0x45, WEIR_VM_SEV_ES, WEIR_VM_CSV3 },
		{ 0x40, WEIR_VM_SEV, WEIR_VM_CSV1 }, /* without ES it means nothing */
		{ UINT64_MAX, WEIR_VM_SEV_ES, WEIR_VM_CSV3 },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++) {
		uint64_t policy = cases[i].policy;

		expect_int_eq(weir_vm_sev_kind(policy, WEIR_VENDOR_HYGON),
		              cases[i].hygon);
		expect_int_eq(weir_vm_sev_kind(policy, WEIR_VENDOR_AMD), cases[i].amd);
		expect_int_eq(weir_vm_sev_kind(policy, WEIR_VENDOR_UNKNOWN),
		              cases[i].amd);
	}
}

static void demand_empty_is_freed_and_named(void **state)
{
	struct weir_demand demand = { 0 };

	(void)state;
	weir_demand_done(NULL);
	weir_demand_done(&demand);
	weir_demands_done(NULL);
	expect_int_eq(weir_demand_init(&demand, weir_str("", 0)), 0);
	expect_str(demand.name, "vm");
	expect_u64_eq(weir_demand_bytes(&demand), 0);
	weir_demand_done(&demand);
	assert_null(demand.name);
}

static void demand_bytes_count_what_is_plugged(void **state)
{
	struct weir_demand demand;
	struct weir_vm_memory *memory;

	(void)state;
	expect_int_eq(weir_demand_init(&demand, weir_strz("x")), 0);
	for (size_t i = 0; i < WEIR_VM_MEMORIES_MAX; i++) {
		memory = weir_demand_add(&demand);
		assert_non_null(memory);
		assert_true(memory->reserve);
		expect_int_eq(memory->guest_node, -1);
		expect_str(memory->id, "");
		memory->size_bytes = WEIR_VM_BYTES_MAX;
	}
	expect_u64_eq(weir_demand_bytes(&demand),
	              WEIR_VM_BYTES_MAX * WEIR_VM_MEMORIES_MAX);
	demand.memory[0].is_virtio_mem = true;
	demand.memory[0].requested_bytes = 5;
	expect_u64_eq(weir_demand_bytes(&demand),
	              WEIR_VM_BYTES_MAX * (WEIR_VM_MEMORIES_MAX - 1) + 5);
	weir_demand_done(&demand);
}

static void notes_past_the_limit_are_left_out(void **state)
{
	struct weir_demand demand;

	(void)state;
	expect_int_eq(weir_demand_init(&demand, weir_strz("x")), 0);
	for (unsigned int i = 0; i < WEIR_VM_NOTES_MAX + 3; i++)
		expect_int_eq(weir_demand_note(&demand, "note %u", i), 0);
	expect_u64_eq(demand.nr_notes, WEIR_VM_NOTES_MAX);
	expect_str(demand.notes[1], "note 1");
	weir_demand_done(&demand);
}

static int fill(void *ctx)
{
	struct weir_demands demands = { 0 };
	struct weir_demand demand;
	int r = weir_demand_init(&demand, weir_strz("x"));

	(void)ctx;
	for (int i = 0; r == 0 && i < 20; i++)
		r = weir_demand_add(&demand) ? 0 : -ENOMEM;
	if (r == 0)
		r = weir_demand_note(&demand, "note");
	if (r == 0)
		r = weir_demands_take(&demands, &demand);
	weir_demand_done(&demand);
	weir_demands_done(&demands);
	return r;
}

static void demand_without_memory_of_our_own_fails_whole(void **state)
{
	(void)state;
	expect_int_eq(fault_every(fill, NULL), 0);
}

static void form_is_by_content(void **state)
{
	static const struct {
		const char *text;
		enum weir_vm_form form;
	} cases[] = {
		{ "", WEIR_VM_FORM_PLAN_FILE },
		{ "\n\n  <domain>", WEIR_VM_FORM_XML },
		{ "\xef\xbb\xbf<domain>", WEIR_VM_FORM_XML },
		{ "# a comment\n\nkvm -m 1G", WEIR_VM_FORM_SHELL },
		{ "---\nmemory: 1G", WEIR_VM_FORM_PLAN_FILE },
		{ "- memory: 1G", WEIR_VM_FORM_PLAN_FILE },
		{ "-", WEIR_VM_FORM_PLAN_FILE },
		{ "--", WEIR_VM_FORM_PLAN_FILE },
		{ "-m 1G", WEIR_VM_FORM_SHELL },
		{ "--m 1G", WEIR_VM_FORM_SHELL },
		{ "qemu: 1", WEIR_VM_FORM_PLAN_FILE },
		{ "kvm:\n", WEIR_VM_FORM_PLAN_FILE },
		{ "LC_ALL=C \\\nPATH=/bin \\\n/usr/bin/qemu-system-x86_64 \\\n-name x",
		  WEIR_VM_FORM_SHELL },
		{ "'/usr/libexec/qemu-kvm' -m 1", WEIR_VM_FORM_SHELL },
		{ "vms:\n  - name: qemu\n", WEIR_VM_FORM_PLAN_FILE },
	};

	(void)state;
	for (size_t i = 0; i < WEIR_NELEM(cases); i++)
		if (weir_vm_form(weir_strz(cases[i].text)) != cases[i].form)
			fail_msg("'%s' is %d", cases[i].text,
			         (int)weir_vm_form(weir_strz(cases[i].text)));
	expect_int_eq(weir_vm_form(weir_str("a\0b", 3)), WEIR_VM_FORM_ARGV);
}

static int parse_shell(void *ctx)
{
	struct weir_demands out = { 0 };
	struct weir_err err;
	int r = weir_vm_parse(weir_strz(ctx), WEIR_VENDOR_AMD, &out, &err);

	if (r == 0) {
		expect_u64_eq(out.nr, 1);
		expect_str(out.v[0].name, "a b");
		expect_u64_eq(out.v[0].ram_bytes, UINT64_C(2) << 30);
	} else {
		expect_u64_eq(out.nr, 0);
	}
	weir_demands_done(&out);
	return r;
}

static void detected_text_is_parsed(void **state)
{
	char shell[] = "qemu-system-x86_64 -name 'a b' -m 2G -object "
		       "memory-backend-ram,id=m,size=2G -numa node,memdev=m\n";
	struct weir_demands out = { 0 };
	struct weir_err err;

	(void)state;
	expect_int_eq(fault_every(parse_shell, shell), 0);
	expect_int_eq(
		weir_vm_parse(weir_str("kvm\0-m\0", 7), WEIR_VENDOR_AMD, &out, &err),
		-EBADMSG);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(kind_words_are_found_in_any_case),
		cmocka_unit_test(sev_kind_is_by_policy_and_vendor),
		cmocka_unit_test(demand_empty_is_freed_and_named),
		cmocka_unit_test(demand_bytes_count_what_is_plugged),
		cmocka_unit_test(notes_past_the_limit_are_left_out),
		cmocka_unit_test(demand_without_memory_of_our_own_fails_whole),
		cmocka_unit_test(form_is_by_content),
		cmocka_unit_test(detected_text_is_parsed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
