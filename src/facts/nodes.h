/* nodes: the NUMA nodes: which there are, their memory, CPUs and distances. */
#ifndef WEIR_FACTS_NODES_H
#define WEIR_FACTS_NODES_H

#include "base/ranges.h"
#include "facts/meminfo.h"

struct weir_node {
	unsigned int id;
	bool has_memory;
	struct weir_meminfo mem;
	bool cpus_known;
	struct weir_ranges cpus;
	/* relative cost of reaching the i-th online node; 10 is the node itself */
	uint64_t *distances;
	size_t nr_distances;
};

struct weir_nodes {
	bool known; /* false: no NUMA in this kernel, or no list of its nodes */
	struct weir_ranges online;
	struct weir_node *v; /* ascending */
	size_t nr, cap;
};

void weir_nodes_done(struct weir_nodes *nodes);

/* Which nodes there are and their memory; then, of the same nodes, CPUs and distances. */
void weir_nodes_read(struct weir_reader *rd, struct weir_nodes *out);
void weir_nodes_read_topology(struct weir_reader *rd, struct weir_nodes *nodes);

const struct weir_node *weir_nodes_find(const struct weir_nodes *nodes, unsigned int id);

/* "10 21 21": blank-separated numbers. WEIR_GARBLED or -ENOMEM; *out is the caller's. */
int weir_distances_parse(struct weir_str s, uint64_t **out, size_t *out_nr);

#endif
