/* nodes: on which nodes pages lie of which nothing tells it: of a file that nobody maps,
 * say. What the kernel has in use on a node beyond what was found there is theirs, when
 * all is found; whose of several it is can be told where it is all on one node. */
#include "holders/match.h"

/* Pages of a node that belong to those of unknown nodes. */
static uint64_t rest_of(const struct weir_ledger_size *size, size_t node)
{
	return size->node_in_use[node].n - size->node_held[node];
}

/* All of them, and on how many nodes: 0 when that cannot be told. */
static size_t nodes_with_rest(const struct weir_ledger *ledger,
                              const struct weir_ledger_size *size)
{
	uint64_t sum = 0;
	size_t nr = 0;

	if (!size->unattributed.known || size->unattributed.n || size->over)
		return 0;
	for (size_t i = 0; i < ledger->nr_nodes; i++) {
		if (!size->node_in_use[i].known ||
		    size->node_in_use[i].n < size->node_held[i])
			return 0;
		sum += rest_of(size, i);
		nr += rest_of(size, i) > 0;
	}
	return sum == size->node_unknown ? nr : 0;
}

static void place(const struct weir_ledger *ledger, struct weir_ledger_size *size,
                  size_t nr_nodes, struct weir_hold *hold)
{
	for (size_t i = 0; i < ledger->nr_nodes; i++) {
		uint64_t rest = rest_of(size, i);

		hold->node_pages[i] += nr_nodes == 1 && rest ? hold->node_unknown : rest;
	}
	hold->node_unknown = 0;
}

void weir_ledger_find_nodes(struct weir_ledger *ledger)
{
	for (size_t s = 0; s < ledger->nr_sizes; s++) {
		struct weir_ledger_size *size = &ledger->sizes[s];
		size_t nr_nodes = nodes_with_rest(ledger, size), nr_holds = 0;

		for (size_t i = 0; i < ledger->nr_holds; i++)
			nr_holds += ledger->holds[i].page_bytes == size->page_bytes &&
			            ledger->holds[i].node_unknown;
		if (!nr_nodes || (nr_nodes > 1 && nr_holds > 1))
			continue;
		for (size_t i = 0; i < ledger->nr_holds; i++)
			if (ledger->holds[i].page_bytes == size->page_bytes &&
			    ledger->holds[i].node_unknown)
				place(ledger, size, nr_nodes, &ledger->holds[i]);
		for (size_t i = 0; i < ledger->nr_nodes; i++)
			size->node_held[i] = size->node_in_use[i].n;
		size->node_unknown = 0;
	}
}
