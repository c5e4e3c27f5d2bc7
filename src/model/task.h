/* task: processes: where they run, what they may use, what they hold. A task is a process
 * with one thread. */
#ifndef WEIR_MODEL_TASK_H
#define WEIR_MODEL_TASK_H

#include "model/model.h"
#include "model/policy.h"

struct weir_vma;
struct weir_anon;

/* A buffer that is pinned for long: pin.h. */
struct weir_pin {
	uint64_t addr, end;
	uint64_t nr;
	weir_page_id *pages; /* nr of them */
};

struct weir_task {
	struct weir_vma **vmas; /* by address */
	size_t nr_vmas, cap_vmas;
	struct weir_file **open; /* one entry a descriptor */
	size_t nr_open, cap_open;
	struct weir_pin *pins;
	size_t nr_pins, cap_pins;
	bool has_pinned;        /* tried to, ever: MMF_HAS_PINNED */
	struct weir_anon *anon; /* memory of base pages, anon.h; NULL: none */
	uint64_t next_slot;     /* addresses are handed out ascending, see vma.h */
	uint64_t mems; /* cpuset: the nodes it may use, all with memory by default */
	uint32_t group;
	unsigned int cpu;
	uint16_t policy;                       /* index of an interned policy */
	uint64_t mapped[WEIR_MODEL_POOLS_MAX]; /* HugetlbPages, in pages */
};

struct weir_task_config {
	unsigned int cpu;
	uint32_t group; /* 0: the root */
	uint64_t mems;  /* 0: all nodes */
};

/* NULL with m->failed when our own memory ends. */
struct weir_task *weir_task_new(struct weir_model *m, const struct weir_task_config *c);

/* fork(2): mappings without their reservations, open files, policy, group, CPU. 3.7. 0
 * and *out; -ENOMEM: a pinned page found none for its copy, or with m->failed. */
int weir_task_fork(struct weir_model *m, const struct weir_task *parent,
                   struct weir_task **out);

/* exit: unmaps all first, then gives back promises, then closes files. @task is gone. */
void weir_task_exit(struct weir_model *m, struct weir_task *task);

/* Frees @task and its mappings without playing their end: for weir_model_free(). */
void weir_task_discard(struct weir_task *task);

/* set_mempolicy(2): 0 or -EINVAL. */
int weir_task_set_policy(struct weir_model *m, struct weir_task *task,
                         const struct weir_policy *policy);

/* What applies to @task; to the administrator, on CPU 0 and without a policy, if NULL. */
unsigned int weir_task_node(const struct weir_model *m, const struct weir_task *task);
uint64_t weir_task_mems(const struct weir_model *m, const struct weir_task *task);
const struct weir_policy *weir_task_policy(const struct weir_model *m,
                                           const struct weir_task *task);

/* A policy as the kernel would keep it for this task: without nodes that it may not use.
 * 0 and *out an index into m->policies, or -EINVAL (mm/mempolicy.c mpol_new(),
 * mpol_set_nodemask()). */
int weir_policy_intern(struct weir_model *m, const struct weir_task *task,
                       const struct weir_policy *policy, uint16_t *out);

/* Where a page at an index is looked for: the node to begin with, and the nodes allowed.
 * huge_node(), 3.4. @prefer_first: try @allowed first, then all that the task may use. */
struct weir_place {
	unsigned int near;
	uint64_t allowed;
	bool prefer_first;
	uint32_t nr; /* indexes from this one on for which it is the same */
};
struct weir_place weir_policy_place(const struct weir_model *m,
                                    const struct weir_task *task, uint16_t vma_policy,
                                    uint32_t pgoff);

/* Nodes of nr_hugepages_mempolicy when @task writes it, 2.2; 0: all. */
uint64_t weir_task_pool_nodes(const struct weir_model *m, const struct weir_task *task);

#endif
