#include "facts/vmstat.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str text = weir_str((const char *)data, size);
	struct weir_vmstat stat, stat_again;
	struct weir_err err = { 0 };
	int r = weir_vmstat_parse(text, &stat, &err);
	const struct weir_count *v = (const struct weir_count *)(const void *)&stat;
	const struct weir_count *again =
		(const struct weir_count *)(const void *)&stat_again;

	must(r == 0 || r == WEIR_GARBLED);
	must((r != 0) == (err.msg[0] != '\0'));
	must(weir_vmstat_parse(text, &stat_again, NULL) == r);
	for (size_t i = 0; i < sizeof(stat) / sizeof(*v); i++) {
		must(v[i].known ? v[i].n <= WEIR_COUNT_MAX : v[i].n == 0);
		must(v[i].known == again[i].known && v[i].n == again[i].n);
	}
	return 0;
}
