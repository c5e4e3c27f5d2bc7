/* plan_read: the YAML form's keys and values, before it is decided what they come to;
 * private to plan_*.c. */
#ifndef WEIR_VM_PLAN_READ_H
#define WEIR_VM_PLAN_READ_H

#include "vm/demand.h"
#include "vm/tree.h"

enum weir_plan_backing {
	WEIR_PLAN_BACKING_UNSAID,
	WEIR_PLAN_ANON,
	WEIR_PLAN_MEMFD,
	WEIR_PLAN_FILE,
	WEIR_PLAN_HUGETLBFS,
};

enum weir_plan_pages {
	WEIR_PLAN_PAGES_UNSAID,
	WEIR_PLAN_PAGES_SMALL,
	WEIR_PLAN_PAGES_HUGE,
};

/* Of one memory, or of all of a VM that do not say it themselves. */
struct weir_plan_memory {
	unsigned int line;
	bool has_size;
	uint64_t bytes;
	enum weir_plan_pages pages;
	uint64_t page_bytes; /* 0: the host's default */
	enum weir_plan_backing backing;
	struct weir_str path;
	bool shared_said, shared;
	bool prealloc;
	bool no_reserve;
	uint64_t host_nodes;
	bool policy_said;
	enum weir_vm_policy policy;
	/* of virtio-mem */
	uint64_t requested;
	unsigned int node;
};

struct weir_plan_vm {
	unsigned int line;
	struct weir_str name;
	enum weir_vm_kind kind;
	struct weir_plan_memory memory;
	const struct weir_tree_node *nodes, *virtio_mem; /* lists */
	uint64_t cpuset;
	bool locked;
	uint64_t nr_vfio;
	bool memlock_said;
	uint64_t memlock_bytes;
	uint64_t overhead;
	bool free_page_reporting;
	bool count_said;
	uint64_t count;
};

struct weir_plan_reader {
	const struct weir_tree *tree;
	struct weir_err *err;
	struct weir_demands demands;
};

/* Words with the line, key and, of a text, value of @e; returns -EBADMSG. */
int weir_plan_wrong(const struct weir_plan_reader *rd, const struct weir_tree_node *e,
                    const char *what);

/* The list under "vms", the only key of a file that has it; NULL: the top is one VM. */
int weir_plan_read_top(const struct weir_plan_reader *rd,
                       const struct weir_tree_node **out);

/* The keys of one mapping, over what *said has already. */
int weir_plan_read_vm(const struct weir_plan_reader *rd, const struct weir_tree_node *map,
                      struct weir_plan_vm *said);
int weir_plan_read_node(const struct weir_plan_reader *rd,
                        const struct weir_tree_node *map, struct weir_plan_memory *said);
int weir_plan_read_virtio_mem(const struct weir_plan_reader *rd,
                              const struct weir_tree_node *map,
                              struct weir_plan_memory *said);

#endif
