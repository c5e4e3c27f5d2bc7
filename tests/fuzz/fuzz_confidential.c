/* confidential: Hygon's CSV3 file is printed from what was found, and found again. */
#include "facts/confidential.h"

#include "base/size.h"
#include "fuzz.h"

#include <inttypes.h>

static void add(struct weir_buf *out, const char *name, struct weir_count n)
{
	if (n.known)
		must(weir_buf_printf(out, " %s:%12" PRIu64 " MiB\n", name,
		                     n.n / WEIR_MIB) == 0);
}

static void add_memory(struct weir_buf *out, const struct weir_csv_memory *m)
{
	add(out, "total cma size", m->total);
	add(out, "csv3 cma used", m->used);
	add(out, "free", m->free);
	add(out, "csv3 shared size", m->shared);
}

static void print(const struct weir_csv *csv, struct weir_buf *out)
{
	for (size_t i = 0; i < csv->nr; i++) {
		must(weir_buf_printf(out, "Node%u:\n", csv->v[i].node) == 0);
		add_memory(out, &csv->v[i].memory);
	}
	must(weir_buf_addz(out, "All Nodes:\n") == 0);
	add_memory(out, &csv->all);
	add(out, "npt table", csv->npt);
	add(out, "csv3 private memory", csv->private_memory);
	add(out, "meta data", csv->meta_data);
}

static void check(struct weir_count n)
{
	must(n.known ? n.n <= WEIR_COUNT_MAX && n.n % WEIR_MIB == 0 : n.n == 0);
}

static int same(struct weir_count a, struct weir_count b)
{
	check(a);
	check(b);
	return a.known == b.known && a.n == b.n;
}

static int same_memory(const struct weir_csv_memory *a, const struct weir_csv_memory *b)
{
	return same(a->total, b->total) && same(a->used, b->used) &&
	       same(a->free, b->free) && same(a->shared, b->shared);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_csv csv, again;
	struct weir_err err = { 0 };
	int r = weir_csv_parse(weir_str((const char *)data, size), &csv, &err);

	must(r == 0 || (r == WEIR_GARBLED && err.msg[0]));
	must(csv.known || (r == WEIR_GARBLED && !csv.nr));
	print(&csv, &text);
	must(weir_csv_parse(weir_buf_str(&text), &again, NULL) == 0);
	must(again.nr == csv.nr && same_memory(&again.all, &csv.all));
	must(same(again.npt, csv.npt) && same(again.meta_data, csv.meta_data) &&
	     same(again.private_memory, csv.private_memory));
	for (size_t i = 0; i < csv.nr; i++) {
		must(csv.v[i].node <= WEIR_NODE_MAX);
		must(again.v[i].node == csv.v[i].node);
		must(same_memory(&again.v[i].memory, &csv.v[i].memory));
	}
	weir_csv_done(&again);
	weir_csv_done(&csv);
	return 0;
}
