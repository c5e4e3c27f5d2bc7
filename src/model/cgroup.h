/* cgroup: hugetlb control groups: two counters a page size, with limits.
 * kernel-rules.md 6. Source: mm/hugetlb_cgroup.c, mm/page_counter.c.
 *
 * A group is an id from 1; 1 is the root, which has no limits and no files. An id is
 * given again only when its group was the newest and nothing is charged to it. */
#ifndef WEIR_MODEL_CGROUP_H
#define WEIR_MODEL_CGROUP_H

#include "model/pool.h"

#define WEIR_GROUP_ROOT     1
#define WEIR_GROUP_NO_LIMIT INT64_MAX
#define WEIR_GROUPS_MAX     65535

enum weir_charge { WEIR_CHARGE_USAGE, WEIR_CHARGE_RSVD, WEIR_CHARGE_NR };

struct weir_group_size { /* of one page size; pages */
	int64_t charged[WEIR_CHARGE_NR];
	int64_t limit[WEIR_CHARGE_NR];
	uint64_t failcnt[WEIR_CHARGE_NR];    /* v1: where the limit was met */
	uint64_t events;                     /* v2 "max": of this group and those below */
	uint64_t node[WEIR_MODEL_NODES_MAX]; /* usage; wraps where the kernel's does */
};

struct weir_group {
	uint32_t parent;
	bool alive;
	struct weir_group_size *sizes; /* by pool index */
};

struct weir_groups {
	struct weir_group *v; /* by id - 1 */
	size_t nr, cap;
	unsigned int nr_sizes;
};

int weir_groups_init(struct weir_groups *groups, unsigned int nr_sizes);
void weir_groups_done(struct weir_groups *groups);

/* mkdir: 0 and *out; -ENOENT for a parent that is gone; -ENOMEM. */
int weir_group_new(struct weir_model *m, uint32_t parent, uint32_t *out);
/* rmdir: what is in use is then charged to the parent, what is promised stays, 6.8. */
void weir_group_end(struct weir_model *m, uint32_t id);

/* A write to a limit, bytes: rounded down to whole pages; 0, or -EBUSY below what is
 * charged. UINT64_MAX: "max". */
int weir_group_limit(struct weir_model *m, uint32_t id, const struct weir_pool *pool,
                     enum weir_charge what, uint64_t bytes);

/* 0, or -ENOMEM at a limit of the group or of one above it. */
int weir_group_charge(struct weir_model *m, uint32_t id, const struct weir_pool *pool,
                      enum weir_charge what, int64_t nr);
void weir_group_uncharge(struct weir_model *m, uint32_t id, const struct weir_pool *pool,
                         enum weir_charge what, int64_t nr);

/* Pages that may still be charged, by the group's limit and those above it; UINT64_MAX:
 * no limit. */
uint64_t weir_group_room(const struct weir_model *m, uint32_t id,
                         const struct weir_pool *pool, enum weir_charge what);

/* Usage by node: when a page is charged (+1) and uncharged (-1). */
void weir_group_count_node(struct weir_model *m, uint32_t id,
                           const struct weir_pool *pool, unsigned int node, int delta);

/* What numa_stat shows of a node: of the group and those below it, pages. */
uint64_t weir_group_node_usage(const struct weir_model *m, uint32_t id,
                               const struct weir_pool *pool, unsigned int node);

static inline struct weir_group *weir_group(const struct weir_groups *groups, uint32_t id)
{
	return &groups->v[id - 1];
}

#endif
