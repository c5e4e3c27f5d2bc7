#include "vm/plan_file.h"

#include "fuzz_vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_demands out = { 0 };
	struct weir_err err = { 0 };
	int r = weir_plan_file_parse(weir_str((const char *)data, size), &out, &err);

	must(r <= 0);
	if (r < 0) {
		must(err.code == r && err.msg[0]);
		must(out.nr == 0 && !out.v);
		return 0;
	}
	must(out.nr > 0 && out.nr <= WEIR_VM_DEMANDS_MAX);
	for (size_t i = 0; i < out.nr; i++) {
		vm_must_be_sane(&out.v[i]);
		must(out.v[i].nr_notes == 0 && out.v[i].pid == 0);
		must(i == 0 || strcmp(out.v[i].name, out.v[i - 1].name) != 0);
	}
	weir_demands_done(&out);
	return 0;
}
