#include "facts/buddyinfo.h"

#include "fuzz.h"

static void check_row(const struct weir_buddy_zone *row)
{
	must(row->node <= WEIR_NODE_MAX);
	must(row->name[0] && memchr(row->name, '\0', sizeof(row->name)));
	must(row->nr_orders > 0 && row->nr_orders <= WEIR_ORDERS_MAX);
	for (size_t o = 0; o < WEIR_ORDERS_MAX; o++)
		must(row->counts[o] <= (o < row->nr_orders ? WEIR_COUNT_MAX : 0));
}

static bool same_row(const struct weir_buddy_zone *a, const struct weir_buddy_zone *b)
{
	return a->node == b->node && a->nr_orders == b->nr_orders &&
	       strcmp(a->name, b->name) == 0 &&
	       memcmp(a->counts, b->counts, sizeof(a->counts)) == 0;
}

/* The sum by itself, in numbers that hold any: of orders @from and more, in units of
 * 2^unit pages. */
static unsigned __int128 sum_of(const struct weir_buddyinfo *buddy, unsigned int node,
                                size_t from, size_t unit)
{
	unsigned __int128 sum = 0;

	for (size_t i = 0; i < buddy->nr; i++)
		for (size_t o = from; o < buddy->v[i].nr_orders; o++)
			if (buddy->v[i].node == node)
				sum += (unsigned __int128)buddy->v[i].counts[o]
				       << (o - unit);
	return sum;
}

/* Known and exact, or unknown for a reason. */
static void check_sum(struct weir_count got, unsigned __int128 want, bool tellable)
{
	must(got.known || got.n == 0);
	must(got.known == (tellable && want <= WEIR_COUNT_MAX));
	must(!got.known || got.n == want);
}

static void check_node(const struct weir_buddyinfo *buddy, unsigned int node,
                       size_t nr_orders)
{
	for (unsigned int o = 0; o <= WEIR_ORDERS_MAX; o++)
		check_sum(weir_buddyinfo_blocks(buddy, node, o),
		          sum_of(buddy, node, o, o), !buddy->damaged && o < nr_orders);
	check_sum(weir_buddyinfo_runs_max(buddy, node, 1),
	          sum_of(buddy, node, nr_orders - 1, 0), !buddy->damaged);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str text = weir_str((const char *)data, size);
	struct weir_buddyinfo buddy, again;
	struct weir_err err = { 0 };
	int r = weir_buddyinfo_parse(text, &buddy, &err);

	must(r == 0 || r == WEIR_GARBLED);
	must((r != 0) == (err.msg[0] != '\0'));
	must((r != 0) == buddy.damaged); /* there are no lines to pass over */
	must(buddy.nr <= WEIR_ZONES_MAX);
	must(weir_buddyinfo_parse(text, &again, NULL) == r);
	must(again.nr == buddy.nr && again.damaged == buddy.damaged);
	for (size_t i = 0; i < buddy.nr; i++) {
		check_row(&buddy.v[i]);
		must(same_row(&buddy.v[i], &again.v[i]));
		must(buddy.v[i].nr_orders == buddy.v[0].nr_orders);
		if (i < 16)
			check_node(&buddy, buddy.v[i].node, buddy.v[i].nr_orders);
	}
	weir_buddyinfo_done(&buddy);
	weir_buddyinfo_done(&again);
	return 0;
}
