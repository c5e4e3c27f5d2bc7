/* numa_maps: the filter keeps lines that say huge, and keeps them again. */
#include "facts/huge_places.h"

#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_buf_done) struct weir_buf once = { 0 };
	weir_auto(weir_buf_done) struct weir_buf twice = { 0 };
	struct weir_str rest, line;

	must(weir_numa_maps_filter(weir_str((const char *)data, size), &once) == 0);
	must(once.n <= size + 1);
	must(weir_numa_maps_filter(weir_buf_str(&once), &twice) == 0);
	must(once.n == twice.n);
	rest = weir_buf_str(&once);
	while (weir_str_line(&rest, &line))
		must(weir_str_find(line, "huge") >= 0);
	return 0;
}
