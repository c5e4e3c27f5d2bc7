/* memory: nodes, and what lies under the pools.
 *
 * Under the pools each node is a count of free bytes: the seam behind which zones and CMA
 * come. Whoever wants pages asks weir_memory_take() for a node and gets all or nothing.
 */
#ifndef WEIR_MODEL_MEMORY_H
#define WEIR_MODEL_MEMORY_H

#include "model/policy.h"

#include <stdbool.h>
#include <stddef.h>

struct weir_model;

struct weir_node_config {
	unsigned int id;       /* 0..63 */
	uint64_t memory_bytes; /* what the pools may take in all; 0: a node without memory
	                        */
	uint64_t cpus;         /* mask of CPU ids 0..63 */
	const unsigned int
		*distance; /* to node id 0, 1, ..; NULL or 0 in it: 10 and 20 */
	size_t nr_distances;
};

struct weir_memory {
	uint64_t nodes; /* those with memory */
	uint64_t all;   /* all nodes */
	uint64_t cpus[WEIR_MODEL_NODES_MAX];
	uint64_t total_bytes[WEIR_MODEL_NODES_MAX]; /* MemTotal; grows with HVO */
	uint64_t free_bytes[WEIR_MODEL_NODES_MAX];
	/* order[n]: the nodes with memory as an allocation on node n tries them */
	unsigned char order[WEIR_MODEL_NODES_MAX][WEIR_MODEL_NODES_MAX];
	unsigned char nr_order;
	/* [n][k]: cost of node k for node n, of all nodes; it made the order */
	unsigned char distance[WEIR_MODEL_NODES_MAX][WEIR_MODEL_NODES_MAX];
};

/* @load_by_place: see rules.h, zonelist_load_by_place. 0 or -EINVAL. */
int weir_memory_init(struct weir_memory *mem, const struct weir_node_config *nodes,
                     size_t nr_nodes, bool load_by_place);

/* The node of a CPU; the first node for one that no node has. */
unsigned int weir_memory_cpu_node(const struct weir_memory *mem, unsigned int cpu);

/* The nearest node with memory: numa_mem_id(). */
static inline unsigned int weir_memory_near(const struct weir_memory *mem,
                                            unsigned int node)
{
	return mem->order[node][0];
}

static inline bool weir_node_in(uint64_t mask, unsigned int node)
{
	return mask >> node & 1;
}

/* Takes @bytes, contiguous, from one node; false when it does not have them. */
bool weir_memory_take(struct weir_memory *mem, unsigned int node, uint64_t bytes);
void weir_memory_give(struct weir_memory *mem, unsigned int node, uint64_t bytes);

/* weir_each_node(n, mask) visits the ids of a mask, ascending. */
static inline unsigned int weir_node_next(uint64_t mask, unsigned int from)
{
	if (from >= WEIR_MODEL_NODES_MAX || !(mask >> from))
		return WEIR_MODEL_NODES_MAX;
	return from + (unsigned int)__builtin_ctzll(mask >> from);
}

#define weir_each_node(n, mask)                                                    \
	for (unsigned int n = weir_node_next((mask), 0); n < WEIR_MODEL_NODES_MAX; \
	     n = weir_node_next((mask), n + 1))

#endif
