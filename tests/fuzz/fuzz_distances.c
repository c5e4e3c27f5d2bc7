#include "facts/nodes.h"

#include "base/buf.h"

#include "fuzz.h"

/* What was understood reads the same when it is written down again. */
static void check_again(const uint64_t *v, size_t nr)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_freep) uint64_t *again = NULL;
	size_t nr_again;

	for (size_t i = 0; i < nr; i++)
		must(weir_buf_printf(&text, "%s%ju", i ? " " : "", (uintmax_t)v[i]) == 0);
	must(weir_distances_parse(weir_buf_str(&text), &again, &nr_again) == 0);
	must(nr_again == nr);
	must(!nr || memcmp(v, again, nr * sizeof(*v)) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_freep) uint64_t *v = NULL;
	size_t nr = 0;
	int r = weir_distances_parse(weir_str((const char *)data, size), &v, &nr);

	must(r == 0 || r == WEIR_GARBLED);
	must(r == 0 || (!v && !nr)); /* outputs change on success only */
	must(nr <= WEIR_NODE_MAX + 1 && (v || !nr));
	for (size_t i = 0; i < nr; i++)
		must(v[i] <= WEIR_COUNT_MAX);
	if (r == 0)
		check_again(v, nr);
	return 0;
}
