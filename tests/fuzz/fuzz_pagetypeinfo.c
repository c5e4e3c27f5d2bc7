#include "facts/pagetypeinfo.h"

#include "fuzz.h"

static void check_count(struct weir_count n)
{
	must(n.known ? n.n <= WEIR_COUNT_MAX : n.n == 0);
}

static void check_row(const struct weir_type_row *row)
{
	must(row->node <= WEIR_NODE_MAX);
	must(row->zone[0] && memchr(row->zone, '\0', sizeof(row->zone)));
	must(row->type[0] && memchr(row->type, '\0', sizeof(row->type)));
	must(row->nr_orders > 0 && row->nr_orders <= WEIR_ORDERS_MAX);
	must((uint64_t)row->at_least >> row->nr_orders == 0);
	for (size_t o = 0; o < WEIR_ORDERS_MAX; o++)
		must(row->counts[o] <= (o < row->nr_orders ? WEIR_COUNT_MAX : 0));
	check_count(row->blocks);
}

static bool same_row(const struct weir_type_row *a, const struct weir_type_row *b)
{
	return a->node == b->node && strcmp(a->zone, b->zone) == 0 &&
	       strcmp(a->type, b->type) == 0 && a->nr_orders == b->nr_orders &&
	       memcmp(a->counts, b->counts, sizeof(a->counts)) == 0 &&
	       a->at_least == b->at_least && a->blocks.known == b->blocks.known &&
	       a->blocks.n == b->blocks.n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str text = weir_str((const char *)data, size);
	struct weir_pagetypeinfo info, again;
	struct weir_err err = { 0 };
	int r = weir_pagetypeinfo_parse(text, &info, &err);

	must(r == 0 || r == WEIR_GARBLED);
	must((r != 0) == (err.msg[0] != '\0'));
	must(info.nr <= WEIR_TYPE_ROWS_MAX);
	check_count(info.block_order);
	check_count(info.block_pages);
	must(weir_pagetypeinfo_parse(text, &again, NULL) == r && again.nr == info.nr);
	for (size_t i = 0; i < info.nr; i++) {
		check_row(&info.rows[i]);
		must(same_row(&info.rows[i], &again.rows[i]));
	}
	weir_pagetypeinfo_done(&info);
	weir_pagetypeinfo_done(&again);
	return 0;
}
