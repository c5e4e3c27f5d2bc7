/* policy: which node a page comes from. kernel-rules.md 3.4.
 * Source: mm/mempolicy.c huge_node(), policy_nodemask(), mpol_set_nodemask(),
 * init_nodemask_of_mempolicy(), v5.10 to v6.18. Left out: MPOL_WEIGHTED_INTERLEAVE, home
 * nodes, and the remapping of policies when a cpuset changes. */
#include "model/model.h"
#include "model/task.h"

#include <errno.h>

unsigned int weir_task_node(const struct weir_model *m, const struct weir_task *task)
{
	return weir_memory_cpu_node(&m->memory, task ? task->cpu : 0);
}

uint64_t weir_task_mems(const struct weir_model *m, const struct weir_task *task)
{
	return task ? task->mems : m->memory.nodes;
}

const struct weir_policy *weir_task_policy(const struct weir_model *m,
                                           const struct weir_task *task)
{
	return &m->policies.v[task ? task->policy : 0];
}

int weir_policy_intern(struct weir_model *m, const struct weir_task *task,
                       const struct weir_policy *policy, uint16_t *out)
{
	struct weir_policy kept = { .mode = policy->mode };
	size_t i;

	switch (policy->mode) {
	case WEIR_POLICY_DEFAULT:
	case WEIR_POLICY_LOCAL:
		if (policy->nodes)
			return -EINVAL;
		break;
	case WEIR_POLICY_PREFERRED_MANY:
		if (!m->rules.preferred_many)
			return -EINVAL;
		__attribute__((fallthrough));
	case WEIR_POLICY_PREFERRED:
	case WEIR_POLICY_BIND:
	case WEIR_POLICY_INTERLEAVE:
		kept.nodes = policy->nodes & weir_task_mems(m, task);
		if (!kept.nodes)
			return -EINVAL;
		break;
	}
	if (kept.mode == WEIR_POLICY_PREFERRED) /* the first one is what counts */
		kept.nodes &= ~kept.nodes + 1;
	for (i = 0; i < m->policies.nr; i++)
		if (m->policies.v[i].mode == kept.mode &&
		    m->policies.v[i].nodes == kept.nodes)
			break;
	if (i == m->policies.nr) {
		if (i > UINT16_MAX ||
		    !weir_model_grow(m, &m->policies.v, &m->policies.cap, i,
		                     sizeof(m->policies.v[0]))) {
			m->failed = true;
			return -ENOMEM;
		}
		m->policies.v[m->policies.nr++] = kept;
	}
	*out = (uint16_t)i;
	return 0;
}

int weir_task_set_policy(struct weir_model *m, struct weir_task *task,
                         const struct weir_policy *policy)
{
	return weir_policy_intern(m, task, policy, &task->policy);
}

/* interleave_nid(): the node is told by the page's index in the file */
static unsigned int interleave(uint64_t nodes, uint32_t pgoff)
{
	unsigned int left = pgoff % (unsigned int)__builtin_popcountll(nodes);
	unsigned int node = weir_node_next(nodes, 0);

	while (left--)
		node = weir_node_next(nodes, node + 1);
	return node;
}

struct weir_place weir_policy_place(const struct weir_model *m,
                                    const struct weir_task *task, uint16_t vma_policy,
                                    uint32_t pgoff)
{
	const struct weir_policy *policy = vma_policy ? &m->policies.v[vma_policy]
	                                              : weir_task_policy(m, task);
	struct weir_place place = {
		.near = weir_task_node(m, task),
		.allowed = weir_task_mems(m, task),
		.nr = UINT32_MAX,
	};

	switch (policy->mode) {
	case WEIR_POLICY_DEFAULT:
	case WEIR_POLICY_LOCAL: break;
	case WEIR_POLICY_PREFERRED: place.near = weir_node_next(policy->nodes, 0); break;
	case WEIR_POLICY_PREFERRED_MANY:
		place.allowed &= policy->nodes;
		place.prefer_first = true;
		break;
	case WEIR_POLICY_BIND: place.allowed &= policy->nodes; break;
	case WEIR_POLICY_INTERLEAVE:
		place.near = interleave(policy->nodes, pgoff);
		place.nr = 1;
		break;
	}
	return place;
}

uint64_t weir_task_pool_nodes(const struct weir_model *m, const struct weir_task *task)
{
	const struct weir_policy *policy = weir_task_policy(m, task);

	switch (policy->mode) {
	case WEIR_POLICY_DEFAULT: return 0;
	case WEIR_POLICY_LOCAL: return UINT64_C(1) << weir_task_node(m, task);
	case WEIR_POLICY_PREFERRED:
	case WEIR_POLICY_PREFERRED_MANY:
	case WEIR_POLICY_BIND:
	case WEIR_POLICY_INTERLEAVE: break;
	}
	return policy->nodes;
}
