/* policy: memory policies (set_mempolicy(2), mbind(2)) as the hugetlb allocator sees
 * them. kernel-rules.md 3.4. Source: mm/mempolicy.c huge_node(), policy_node(),
 * interleave_nid(). */
#ifndef WEIR_MODEL_POLICY_H
#define WEIR_MODEL_POLICY_H

#include <stdint.h>

/* Node ids are 0..63; a set of them is a mask. A host with more is refused, not cut. */
#define WEIR_MODEL_NODES_MAX 64

enum weir_policy_mode {
	WEIR_POLICY_DEFAULT,
	WEIR_POLICY_LOCAL,
	WEIR_POLICY_PREFERRED,      /* one node */
	WEIR_POLICY_PREFERRED_MANY, /* 5.15 and later */
	WEIR_POLICY_BIND,
	WEIR_POLICY_INTERLEAVE,
};

struct weir_policy {
	enum weir_policy_mode mode;
	uint64_t nodes; /* empty for default and local */
};

#endif
