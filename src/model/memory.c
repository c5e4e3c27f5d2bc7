/* memory: nodes and the order in which an allocation tries them.
 *
 * The order is the kernel's (mm/page_alloc.c, build_zonelists() and
 * find_next_best_node(), v5.10 to v6.18): the node itself, then by distance; among
 * equally distant ones those above it, then those that came first at their distance in
 * fewer lists. The kernel also prefers nodes without CPUs; but the lists are made before
 * it knows of any, and again only when memory is hotplugged, which is left out. */
#include "model/memory.h"

#include <errno.h>
#include <string.h>

static unsigned int distance(const struct weir_node_config *nodes, size_t nr,
                             unsigned int from, unsigned int to)
{
	for (size_t i = 0; i < nr; i++)
		if (nodes[i].id == from && to < nodes[i].nr_distances &&
		    nodes[i].distance && nodes[i].distance[to])
			return nodes[i].distance[to];
	return from == to ? 10 : 20;
}

static void build_order(struct weir_memory *mem, const struct weir_node_config *nodes,
                        size_t nr, bool load_by_place)
{
	unsigned int load[WEIR_MODEL_NODES_MAX] = { 0 };

	weir_each_node (local, mem->all) {
		uint64_t left = mem->nodes;
		unsigned int prev = local;
		unsigned char k = 0;

		while (left) {
			unsigned int best = weir_node_next(left, 0);
			uint64_t best_val = UINT64_MAX;

			weir_each_node (n, left) {
				uint64_t val = distance(nodes, nr, local, n);

				if (n == local) {
					best = n;
					break;
				}
				val += n < local;
				val = (val << 32) + load[n];
				if (val < best_val) {
					best = n;
					best_val = val;
				}
			}
			if (distance(nodes, nr, local, best) !=
			    distance(nodes, nr, local, prev))
				load[best] = load_by_place ? (unsigned int)(nr - k)
				                           : load[best] + 1;
			mem->order[local][k++] = (unsigned char)best;
			prev = best;
			left &= ~(UINT64_C(1) << best);
		}
		mem->nr_order = k;
	}
}

int weir_memory_init(struct weir_memory *mem, const struct weir_node_config *nodes,
                     size_t nr_nodes, bool load_by_place)
{
	memset(mem, 0, sizeof(*mem));
	for (size_t i = 0; i < nr_nodes; i++) {
		unsigned int id = nodes[i].id;

		if (id >= WEIR_MODEL_NODES_MAX || weir_node_in(mem->all, id))
			return -EINVAL;
		mem->all |= UINT64_C(1) << id;
		if (nodes[i].memory_bytes)
			mem->nodes |= UINT64_C(1) << id;
		mem->cpus[id] = nodes[i].cpus;
		mem->total_bytes[id] = nodes[i].memory_bytes;
		mem->free_bytes[id] = nodes[i].memory_bytes;
	}
	if (!mem->nodes)
		return -EINVAL;
	build_order(mem, nodes, nr_nodes, load_by_place);
	weir_each_node (n, mem->all)
		weir_each_node (k, mem->all)
			mem->distance[n][k] = (unsigned char)distance(nodes, nr_nodes, n,
			                                              k);
	return 0;
}

unsigned int weir_memory_cpu_node(const struct weir_memory *mem, unsigned int cpu)
{
	weir_each_node (n, mem->all)
		if (cpu < 64 && mem->cpus[n] >> cpu & 1)
			return n;
	return weir_node_next(mem->all, 0);
}

bool weir_memory_take(struct weir_memory *mem, unsigned int node, uint64_t bytes)
{
	if (mem->free_bytes[node] < bytes)
		return false;
	mem->free_bytes[node] -= bytes;
	return true;
}

void weir_memory_give(struct weir_memory *mem, unsigned int node, uint64_t bytes)
{
	mem->free_bytes[node] += bytes;
}
