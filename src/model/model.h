/* model: a host's huge pages as data, and the kernel's rules over it as functions.
 *
 * A model is a Linux kernel's hugetlb state and nothing else: nodes with a count of free
 * memory, pools, reservations, files, mounts, tasks with their mappings, control groups.
 * What a program or an administrator can do to it is a function here or in the headers
 * named below; each answers as the kernel would and leaves the counters as the kernel
 * would. It does no I/O, knows no clock, and is deterministic.
 *
 *	memory.h   nodes, the order in which they are tried, what lies under the pools
 *	pool.h     pages and pools: resize, surplus, demote, free lists
 *	reserve.h  promises: what mmap() reserves, and giving it back
 *	fault.h    page faults, copy on write, freeing
 *	file.h     files, truncate, punch, fallocate; mount.h: mounts with limits
 *	task.h     tasks, fork, exit; vma.h: mappings; advise.h: madvise(2), mlock(2)
 *	cgroup.h   charges; migrate.h, offline.h: pages that move or fail; boot.h
 *	pin.h      long-term pins; anon.h: memory of base pages
 *	csv.h      what Hygon's CSV3 keeps and hands out; start.h: a VM starts
 *	check.h    the invariants
 *
 * "kernel-rules.md N.N" in comments, or N.N alone, is a rule in docs/kernel-rules.md,
 * which says what kernels do and which of their functions do it. Kernel functions are
 * named with the version that was read. Where kernels differ the code asks a switch
 * (rules.h).
 *
 * Ownership: everything belongs to the model and lives until weir_model_free(), tasks,
 * mappings, files and mounts until they end. */
#ifndef WEIR_MODEL_MODEL_H
#define WEIR_MODEL_MODEL_H

#include "model/cgroup.h"
#include "model/memory.h"
#include "model/pool.h"
#include "model/rules.h"

#define WEIR_MODEL_POOLS_MAX 8 /* page sizes; arm64 has four */

/* How an operation ended, as who did it sees it. */
enum weir_outcome {
	WEIR_DONE,
	WEIR_FAILED, /* with an errno */
	WEIR_SIGBUS, /* si_code BUS_ADRERR: no page to be had */
	WEIR_MCEERR, /* SIGBUS with BUS_MCEERR_AR: memory failure */
};

struct weir_answer {
	enum weir_outcome outcome;
	int err;        /* negative errno of WEIR_FAILED, else 0 */
	uint64_t after; /* pages done before a signal */
};

static inline struct weir_answer weir_answer(int err)
{
	return (struct weir_answer){ .outcome = err ? WEIR_FAILED : WEIR_DONE,
		                     .err = err };
}

/* What this kernel did wrong in an operation, by the switch that says so: for a warning.
 */
enum weir_bug {
	/* reserved is counted twice: zap-minds-sharers is off */
	WEIR_BUG_ZAP_SHARED = 1 << 0,
	WEIR_BUG_RESERVE_DROPS_MIN = 1 << 1,
	WEIR_BUG_RESERVE_LEAKS_USED = 1 << 2,
	WEIR_BUG_DEMOTE_EATS_SURPLUS = 1 << 3,
	/* the faulting task would never come back */
	WEIR_BUG_COPY_LOOPS = 1 << 4,
	/* reserved and what is promised no longer agree */
	WEIR_BUG_RESERVED_LEAKS = 1 << 5,
	/* a write to a node asks for all memory */
	WEIR_BUG_NODE_TARGET_WRAPS = 1 << 6,
	/* a copy that failed took the owner's own page, and what it had written */
	WEIR_BUG_OWNER_LOSES = 1 << 7,
};

struct weir_model_config {
	const struct weir_rules *rules; /* copied */
	const struct weir_node_config *nodes;
	size_t nr_nodes;
	const uint64_t *page_bytes; /* huge page sizes; the first is the default one */
	size_t nr_sizes;
	bool hvo; /* vmemmap of huge pages is given back, kernel-rules.md 10.8 */
};

struct weir_mount;
struct weir_task;
struct weir_file;

struct weir_model {
	struct weir_rules rules;
	struct weir_memory memory;
	struct weir_pool pools[WEIR_MODEL_POOLS_MAX];
	unsigned int nr_pools;
	struct weir_pages pages;
	struct weir_groups groups;
	struct {
		struct weir_policy *v;
		size_t nr, cap;
	} policies; /* interned: index 0 is the default policy */
	struct {
		struct weir_subpool **v; /* by id - 1; NULL where one ended */
		size_t nr, cap;
	} subpools;
	struct weir_mount **mounts;
	size_t nr_mounts, cap_mounts;
	struct weir_task **tasks; /* living */
	size_t nr_tasks, cap_tasks;
	struct weir_file **files; /* not yet evicted */
	size_t nr_files, cap_files;
	struct weir_file *
		*closing; /* last reference went; evicted when the call returns */
	size_t nr_closing, cap_closing;
	struct {
		weir_page_id *v; /* spare room of weir_gather */
		size_t cap;
	} gather;
	uint64_t corrupted_bytes; /* HardwareCorrupted */
	unsigned int bugs;        /* enum weir_bug: since the caller last cleared it */
	/* pages that go through together at most, WEIR_RUN_MAX; tests set 1: page by page
	 */
	uint32_t run_max;
	bool hvo;
	/* what is played is inside of a long-term pin, PF_MEMALLOC_PIN: pin.h */
	bool pinning;
	bool failed; /* out of our own memory: what the model says is no longer true */
};

/* 0; -EINVAL with words for a host that cannot be; -ENOMEM. */
int weir_model_new(const struct weir_model_config *config, struct weir_model **out,
                   struct weir_err *err);
void weir_model_free(struct weir_model *m);
void weir_model_freep(struct weir_model **m);

/* Makes room for one more pointer in an array of the model; false and m->failed when
 * there is no memory. */
bool weir_model_grow(struct weir_model *m, void *items, size_t *cap, size_t nr,
                     size_t size);

/* The pool of a page size (0: the default one), or NULL. */
struct weir_pool *weir_model_pool(struct weir_model *m, uint64_t page_bytes);

#endif
