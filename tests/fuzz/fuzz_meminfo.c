#include "facts/meminfo.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_meminfo m;
	struct weir_err err = { 0 };
	int r = weir_meminfo_parse(weir_str((const char *)data, size), &m, &err);
	const struct weir_count *v = (const struct weir_count *)(const void *)&m;

	must(r == 0 || r == WEIR_GARBLED);
	must(r == 0 || err.msg[0]);
	for (size_t i = 0; i < sizeof(m) / sizeof(*v); i++)
		must(v[i].known ? v[i].n <= WEIR_COUNT_MAX : v[i].n == 0);
	return 0;
}
