/* view: what can be seen of a host after a step, and how it is written.
 *
 * Filled from the model (observe.h) or from a kernel's files (tests/twin): the same
 * struct, printed by the same code, so that two traces differ where two hosts differ.
 *
 * One step is one line of text:
 *	7 | A touch m 0 2 | ok | 2M 10/8/2/0 max 10 n0 5/3/0 n1 5/5/0 | mount M 4/1/-1/-1
 *| cgroup G 2M 2/4/0 n0 2 n1 0 | file M/f 4/2 | A 2 m 01.. (one line). That is: number,
 *step, result; for each size total/free/reserved/surplus, configured target, overcommit
 *limit where it is not 0 ("oc 4"), for each node total/free/surplus; where the zones are
 *told, "zone n0.Movable 4096/0 3/0": free base pages and those in its CMA, pages of the
 *default pool in it and in its CMA; mounts with statfs
 *blocks/bfree/files/ffree; cgroups with usage, reserved, events max, and usage by node
 *where the kernel tells it; files with size in pages and allocated pages; tasks with
 *mapped huge pages and each mapping's pages, a character each: its node's digit or letter
 *(0-9a-zA-Z+_ for 0 to 63), '.' where none is. A run of more than eight of the same
 *character is written c*N, with a comma behind it where more follows. What is 0 in all
 *its numbers is left out: the pools of a size, the charges of a size. The pages of a task
 *are those of the host's smallest size. In JSON one object a line with the same content
 *under the names below; what is shown as -1 is 2^64-1 there, as the kernel has it. */
#ifndef WEIR_LAB_VIEW_H
#define WEIR_LAB_VIEW_H

#include "base/buf.h"
#include "base/json.h"
#include "model/memory.h"
#include "model/policy.h"

struct weir_view_node {
	unsigned int id;
	uint64_t total, free, surplus;
};

struct weir_view_pool {
	uint64_t page_bytes;
	uint64_t total, free, reserved,
		surplus; /* reserved may read 2^64-1: shown as -1 */
	uint64_t max;    /* configured target */
	uint64_t overcommit;
	struct weir_view_node *nodes;
	size_t nr_nodes;
};

struct weir_view_zone {
	unsigned int node;
	enum weir_zone_kind kind;
	uint64_t free, free_cma; /* base pages; free holds both, and what CPUs keep */
	uint64_t huge, huge_cma; /* pages of the default pool in it, free or not */
};

struct weir_view_mount {
	struct weir_str name;
	uint64_t blocks, bfree, files, ffree; /* statfs, pages; 2^64-1 is shown as -1 */
};

struct weir_view_group_size {
	uint64_t page_bytes;
	uint64_t usage, rsvd;                /* pages */
	uint64_t events;                     /* failed charges of both kinds */
	bool has_nodes;                      /* numa_stat: 5.17 and later */
	uint64_t node[WEIR_MODEL_NODES_MAX]; /* pages, by position in the list of nodes */
};

struct weir_view_group {
	struct weir_str name;
	struct weir_view_group_size *sizes;
	size_t nr_sizes;
};

struct weir_view_map {
	struct weir_str name;
	uint64_t nr_pages;
	const unsigned char *node; /* one a page: node id, or WEIR_VIEW_UNMAPPED */
	uint64_t pinnable; /* mapped pages outside of CMA and ZONE_MOVABLE; with zones */
};
#define WEIR_VIEW_UNMAPPED 255

struct weir_view_task {
	struct weir_str name;
	uint64_t mapped_bytes;      /* HugetlbPages of /proc/PID/status */
	struct weir_view_map *maps; /* in the order they were made */
	size_t nr_maps;
};

struct weir_view_file {
	struct weir_str name;
	uint64_t size, allocated; /* huge pages */
	uint64_t page_bytes;      /* 0: the default size */
};

struct weir_view {                    /* lists in the order in which things were made */
	const unsigned int *node_ids; /* of the host, ascending */
	size_t nr_nodes;
	/* change of MemTotal since the start, by place in node_ids; not in the trace, as
	 * other things change it on a real host. NULL: not known */
	const int64_t *mem_kib;
	struct weir_view_pool *pools; /* default size first, then as in the setup */
	size_t nr_pools;
	const struct weir_view_zone *zones; /* by node and kind; none: not told */
	size_t nr_zones;
	struct weir_view_mount *mounts;
	size_t nr_mounts;
	struct weir_view_group *groups;
	size_t nr_groups;
	struct weir_view_task *tasks; /* living ones */
	size_t nr_tasks;
	struct weir_view_file *files; /* those with a name or an opener */
	size_t nr_files;
};

enum weir_result_kind {
	WEIR_RESULT_OK,
	WEIR_RESULT_ERRNO,
	WEIR_RESULT_SIGBUS,
	WEIR_RESULT_MCEERR
};

struct weir_result { /* what a step gave */
	enum weir_result_kind kind;
	int err;        /* positive errno, of ERRNO */
	uint64_t after; /* pages done before the signal, of SIGBUS and MCEERR */
};

/* "ENOMEM" and so on; "E%d" for one without a name here. */
const char *weir_errno_name(int err, char *scratch, size_t cap);

/* And back. */
bool weir_errno_find(struct weir_str name, int *out_err);

/* The result and the state, as they stand behind the step: from "ok | 2M 10/..." on.
 * 0 or -ENOMEM. */
int weir_view_text(const struct weir_view *view, const struct weir_result *result,
                   struct weir_buf *out);

/* The same as members of the object that is open in @j. */
void weir_view_json(const struct weir_view *view, const struct weir_result *result,
                    struct weir_json *j);

/* Is @term (step.h) true of this? 0 yes; 1 no, with what there is instead in @have;
 * -EINVAL with words when it names what does not exist; -ENOMEM. */
struct weir_err;
int weir_view_expect(const struct weir_view *view, const struct weir_result *result,
                     struct weir_str term, struct weir_buf *have, struct weir_err *err);

#endif
