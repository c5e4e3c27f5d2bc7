/* memory: nodes, their zones, and what lies under the pools. kernel-rules.md 8 and 9.
 *
 * A zone is counts of base pages: how many are free, how many of the free ones lie in its
 * CMA areas, and how many of each lie in whole free blocks of a huge page's size. Where
 * exactly nobody looks: a host of 64 TiB costs as little as a laptop. Whoever wants
 * memory asks for it with the kind of his request, which decides, as in the kernel, the
 * zones that are tried, whether the CMA may give, and how far below the watermarks one
 * may go.
 *
 * A node that was given without zones has one, Normal, that holds all of its memory and
 * has no watermarks: then memory is a count of free bytes and nothing else. */
#ifndef WEIR_MODEL_MEMORY_H
#define WEIR_MODEL_MEMORY_H

#include "model/policy.h"

#include <stdbool.h>
#include <stddef.h>

struct weir_model;

#define WEIR_BASE_PAGE UINT64_C(4096)

enum weir_zone_kind {
	WEIR_ZONE_DMA,
	WEIR_ZONE_DMA32,
	WEIR_ZONE_NORMAL,
	WEIR_ZONE_MOVABLE,
	WEIR_ZONE_NR,
};

/* Where memory lies on its node: a zone, and whether in its CMA. */
enum { WEIR_SITE_CMA = WEIR_ZONE_NR, WEIR_SITE_NR = 2 * WEIR_ZONE_NR };
typedef uint8_t weir_site;

static inline enum weir_zone_kind weir_site_zone(weir_site site)
{
	return (enum weir_zone_kind)(site % WEIR_ZONE_NR);
}

static inline bool weir_site_is_cma(weir_site site)
{
	return site >= WEIR_SITE_CMA;
}

/* Base pages, unless said otherwise. */
struct weir_zone_config {
	bool there;
	uint64_t managed;
	uint64_t cma; /* of them, in CMA areas */
	uint64_t free, free_cma;
	/* of the free ones, in whole free blocks of 2M; UINT64_MAX: all that can be */
	uint64_t whole, whole_cma;
	uint64_t min, low, high;
	uint64_t
		reserve[WEIR_ZONE_NR]; /* lowmem_reserve, by the request's highest zone */
};

struct weir_node_config {
	unsigned int id; /* 0..63 */
	/* what the pools may take in all; 0: a node without memory */
	uint64_t memory_bytes;
	uint64_t cpus; /* mask of CPU ids 0..63 */
	/* to node id 0, 1, ..; NULL or 0 in it: 10 and 20 */
	const unsigned int *distance;
	size_t nr_distances;
	const struct weir_zone_config
		*zones; /* WEIR_ZONE_NR of them; NULL: one, Normal */
};

struct weir_memory_zone {
	bool there;
	uint64_t managed;
	uint64_t cma;
	/* [0] outside of the CMA, [1] in it; free holds both of a kind, whole is within
	 */
	uint64_t free[2], whole[2];
	uint64_t min, low, high;
	uint64_t reserve[WEIR_ZONE_NR];
	/* what could be had back from the page cache, by side: clean and not mapped; and
	 * what must be written back first */
	uint64_t cache[2], dirty[2];
	uint64_t csv; /* of the CMA, what CSV3 VMs have: it never moves */
};

struct weir_memory {
	uint64_t nodes; /* those with memory */
	uint64_t all;   /* all nodes */
	uint64_t zoned; /* those that were given with zones */
	uint64_t cpus[WEIR_MODEL_NODES_MAX];
	uint64_t total_bytes[WEIR_MODEL_NODES_MAX]; /* MemTotal; grows with HVO */
	struct weir_memory_zone zones[WEIR_MODEL_NODES_MAX][WEIR_ZONE_NR];
	bool cma_half; /* rules.h */
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
	return node < WEIR_MODEL_NODES_MAX && mask >> node & 1;
}

/* What is asked for. */
enum weir_request {
	/* pool pages that the buddy allocator hands out, anonymous memory, page cache:
	 * any zone, from the highest down, and the CMA */
	WEIR_WANT_MOVABLE,
	/* the same but for the CMA: what 5.10 faults inside a long-term pin */
	WEIR_WANT_NO_CMA,
	/* the kernel's own, guest_memfd, and what is faulted inside a long-term pin:
	 * neither ZONE_MOVABLE nor the CMA */
	WEIR_WANT_PINNABLE,
	/* gigantic pages: a range that is emptied for them, alloc_contig_pages(); no
	 * watermarks, not from the CMA */
	WEIR_WANT_RANGE,
};

/* Takes one contiguous piece of @bytes from one node: a huge page. Watermarks as a first
 * try (low), then as the slow path (min). False when the node has none to give. What
 * reclaim and compaction might win for a block in the slow path is not counted, for how
 * much that is differs tenfold between kernels (kernel-rules.md 9): so an answer is from
 * below, and weir_memory_compact() bounds it from above. */
bool weir_memory_take(struct weir_memory *mem, unsigned int node, uint64_t bytes,
                      enum weir_request want, weir_site *site);
void weir_memory_give(struct weir_memory *mem, unsigned int node, uint64_t bytes,
                      weir_site site);
/* Takes what was given there just now. */
void weir_memory_take_at(struct weir_memory *mem, unsigned int node, uint64_t bytes,
                         weir_site site);

/* Base pages by where they lie. */
struct weir_spread {
	uint64_t pages[WEIR_MODEL_NODES_MAX][WEIR_SITE_NR];
};

/* Takes @pages single pages as an allocation on @near does, within @allowed: first from
 * all nodes down to the low watermarks, then down to the min ones, with page cache given
 * back on the way, clean one first. Adds what it got to @out (may be NULL); returns how
 * many. */
uint64_t weir_memory_take_pages(struct weir_memory *mem, unsigned int near,
                                uint64_t allowed, uint64_t pages, enum weir_request want,
                                struct weir_spread *out);
void weir_memory_give_pages(struct weir_memory *mem, const struct weir_spread *from);

/* Page cache that is clean becomes free: /proc/sys/vm/drop_caches. fs/drop_caches.c. */
void weir_memory_drop_caches(struct weir_memory *mem);

/* Free bytes of a node. */
uint64_t weir_memory_free(const struct weir_memory *mem, unsigned int node);

/* Pages that single-page requests of this kind could still take from one node without
 * anybody giving back anything. */
uint64_t weir_memory_can_take(const struct weir_memory *mem, unsigned int node,
                              enum weir_request want);

/* What single pages cost in whole blocks is not looked back at: compaction gathers the
 * free rest of a node's zones into blocks. Returns the blocks won, an estimate from
 * above: as if nothing unmovable stood between. mm/compaction.c. */
uint64_t weir_memory_compact(struct weir_memory *mem, unsigned int node);

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
