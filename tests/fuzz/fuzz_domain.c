#include "vm/domain.h"

#include "fuzz_vm.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_demand demand = { 0 };
	struct weir_err err = { 0 };
	int r = weir_domain_parse(weir_str((const char *)data, size), WEIR_VENDOR_HYGON,
	                          &demand, &err);

	must(r <= 0);
	if (r < 0) {
		must(err.code == r && err.msg[0]);
		must(demand.name == NULL);
		return 0;
	}
	vm_must_be_sane(&demand);
	weir_demand_done(&demand);
	return 0;
}
