/* pools: what the kernel says of its huge page pools, for each size and node.
 *
 * sysfs counts surplus pages in nr_hugepages; /proc/sys/vm/nr_hugepages does not: it
 * shows the configured target of the default size (mm/hugetlb.c,
 * hugetlb_sysctl_handler_common(), v6.6). Reserved pages are known for a size only, never
 * for a node. */
#ifndef WEIR_FACTS_POOLS_H
#define WEIR_FACTS_POOLS_H

#include "base/ranges.h"
#include "facts/fact.h"

#define WEIR_HUGE_SIZES_MAX 32U /* HUGE_MAX_HSTATE is 4 at most (arm64) */

/* One page size on one node, or (as the sum that the kernel gives) on all of them. */
struct weir_pool {
	struct weir_count nr;       /* pages, surplus ones counted in */
	struct weir_count free;     /* of these, reserved ones counted in */
	struct weir_count surplus;  /* of nr */
	struct weir_count reserved; /* of free; unknown for a single node */
};

struct weir_node_pool {
	unsigned int node;
	struct weir_pool pool;
};

struct weir_huge_size {
	uint64_t size_bytes;
	struct weir_pool all;
	struct weir_count overcommit; /* how many surplus pages may be made; any uint64 */
	struct weir_count demote_size; /* bytes */
	struct weir_node_pool *nodes;  /* ascending */
	size_t nr_nodes, cap_nodes;
	bool consistent; /* two readings agreed, and the nodes sum to the whole */
};

struct weir_pools {
	bool known; /* false: no hugetlb in this kernel, or its directory cannot be listed
	             */
	struct weir_huge_size *sizes; /* ascending */
	size_t nr, cap;
	/* of the default size; see above */
	struct weir_count sysctl_nr; /* read before and after the sizes: see settled */
	bool settled;                /* both readings agreed */
	struct weir_count sysctl_overcommit;
	struct weir_count shm_group;        /* gid that may use SHM_HUGETLB */
	struct weir_count optimize_vmemmap; /* HVO: 1 on */
};

void weir_pools_done(struct weir_pools *pools);

/* Reads all sizes, and the pools of @nodes. Read once, then the counters that move are
 * read again: weir_huge_size.consistent tells whether they stood still. */
void weir_pools_read(struct weir_reader *rd, const struct weir_ranges *nodes,
                     struct weir_pools *out);

/* What is set and seldom looked at: demote_size and the sysctls but nr_hugepages. */
void weir_pools_read_settings(struct weir_reader *rd, struct weir_pools *pools);

/* "hugepages-2048kB" -> 2 MiB. -EBADMSG for any other name. */
int weir_huge_dir_parse(struct weir_str name, uint64_t *out_bytes);

const struct weir_huge_size *weir_pools_size(const struct weir_pools *pools,
                                             uint64_t size_bytes);

/* nr - free, and nr - surplus: what the pool holds on to when nobody uses it. */
struct weir_count weir_pool_in_use(const struct weir_pool *pool);
struct weir_count weir_pool_persistent(const struct weir_pool *pool);

/* How many pages a shrink to nothing would give back: free - reserved - surplus, for it
 * frees down to what is in use or reserved only, and what is left above the target
 * becomes surplus (set_max_huge_pages()). For all nodes together. */
struct weir_count weir_pool_removable(const struct weir_pool *pool);

/* What a newcomer can get of the pages that are free now: free minus reserved. For all
 * nodes it is a number (min = max). For one node a range, because reservations choose no
 * node (mm/hugetlb.c, hugetlb_acct_memory()): at worst all of them will be served from
 * this node, at best only those that the others have no free pages for. */
struct weir_span {
	struct weir_count min, max; /* pages */
};
struct weir_span weir_pool_really_free(const struct weir_huge_size *size,
                                       const struct weir_pool *pool);

#endif
