/* why: of a step of a start, in words: what it lacks, and what QEMU and the kernel print
 * when it fails. See answer.h.
 *
 * Messages are those of QEMU 7.2 and of the kernels named in start.c of the model; parts
 * that nobody can know beforehand, such as an address, are written "...". */
#include "plan/answer.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct weir_amount weir_answer_amount(uint64_t n, uint64_t unit)
{
	char size[WEIR_SIZE_TEXT_MAX];
	struct weir_amount a;
	uint64_t bytes;

	if (unit > WEIR_BASE_PAGE) {
		(void)snprintf(a.text, sizeof(a.text), "%" PRIu64 " page%s of %s", n,
		               n == 1 ? "" : "s",
		               weir_format_size(unit, size, sizeof(size)).p);
	} else {
		bytes = n > UINT64_MAX / unit ? UINT64_MAX : n * unit;
		(void)snprintf(a.text, sizeof(a.text), "%s",
		               weir_format_human(bytes, size, sizeof(size)));
	}
	return a;
}

/* "15820 to 15899", or one of them. */
static struct weir_amount between(const struct weir_verdict *v)
{
	char size[2][WEIR_SIZE_TEXT_MAX];
	struct weir_amount a;

	if (v->have_min == v->have_max && v->unit_bytes > WEIR_BASE_PAGE)
		(void)snprintf(a.text, sizeof(a.text), "%" PRIu64, v->have_min);
	else if (v->unit_bytes > WEIR_BASE_PAGE)
		(void)snprintf(a.text, sizeof(a.text), "between %" PRIu64 " and %" PRIu64,
		               v->have_min, v->have_max);
	else if (v->have_min == v->have_max)
		(void)snprintf(a.text, sizeof(a.text), "%s",
		               weir_format_human(v->have_min * v->unit_bytes, size[0],
		                                 sizeof(size[0])));
	else
		(void)snprintf(a.text, sizeof(a.text), "between %s and %s",
		               weir_format_human(v->have_min * v->unit_bytes, size[0],
		                                 sizeof(size[0])),
		               weir_format_human(v->have_max * v->unit_bytes, size[1],
		                                 sizeof(size[1])));
	return a;
}

/* " on node 1", " on nodes 0-3"; nothing for all. */
static struct weir_amount place(const struct weir_answer_in *in, size_t i)
{
	const struct weir_model *m = in->few->world->model;
	const struct weir_start *start = &in->few->vms[i].start;
	uint64_t nodes = start->nodes ? start->nodes : m->memory.nodes;
	struct weir_amount a = { "" };
	size_t n = 0;

	if (start->policy.mode == WEIR_POLICY_BIND)
		nodes &= start->policy.nodes;
	if (in->few->vms[i].end.memory_idx < start->nr_memory &&
	    in->few->vms[i].end.step == WEIR_START_PREALLOC) {
		const struct weir_policy *p =
			&start->memory[in->few->vms[i].end.memory_idx].policy;

		if (p->mode == WEIR_POLICY_BIND)
			nodes &= p->nodes;
	}
	nodes &= m->memory.nodes;
	if (nodes == m->memory.nodes || !nodes)
		return a;
	weir_each_node (node, nodes) {
		int r = snprintf(a.text + n, sizeof(a.text) - n, "%s%u",
		                 n                     ? ","
		                 : nodes & (nodes - 1) ? " on nodes "
		                                       : " on node ",
		                 node);

		if (r < 0 || (size_t)r >= sizeof(a.text) - n)
			break;
		n += (size_t)r;
	}
	return a;
}

struct why {
	const char *decides; /* resource */
	const char *reason;  /* "%s" need, "%s" have, "%s" where */
};

static struct why why(const struct weir_start_end *end)
{
	bool huge = end->unit_bytes > WEIR_BASE_PAGE;

	if (end->limit == WEIR_LIMIT_MOUNT)
		return (struct why){
			"the mount's size=",
			"it needs %s of the mount, whose size= leaves %s%s"
		};
	if (end->limit == WEIR_LIMIT_GROUP)
		return (struct why){ "the cgroup's hugetlb limit",
			             "it needs %s, and its cgroup's limit leaves %s%s" };
	switch (end->step) {
	case WEIR_START_MAP:
		return (struct why){
			"free pool pages that are not reserved",
			"it reserves %s when it starts, and %s are free and promised to "
			"nobody%s"
		};
	case WEIR_START_REGISTER:
		return huge ? (struct why){ "pool pages that may be pinned",
			                    "it pins %s when it starts, and of the "
			                    "free ones %s may be pinned%s: the "
			                    "others lie in the CMA or ZONE_MOVABLE" }
		            : (struct why){ "memory outside of the CMA",
			                    "it pins %s when it starts, and outside of "
			                    "the CMA and ZONE_MOVABLE there are %s%s" };
	case WEIR_START_LOCK:
		if (end->unit_bytes == 1) /* the limit, not memory */
			return (struct why){ "RLIMIT_MEMLOCK",
				             "it locks %s, and its limit is %s%s" };
		__attribute__((fallthrough));
	case WEIR_START_PREALLOC:
	case WEIR_START_EXTRA:
		return huge ? (struct why){ "pool pages where it may take them",
			                    "it fills %s when it starts, and gets %s%s" }
		            : (struct why){ "memory",
			                    "it fills %s when it starts, and %s can be "
			                    "had%s" };
	case WEIR_START_VFIO:
		return (struct why){ "memory that may be pinned",
			             "VFIO pins %s, and %s may be pinned%s or have a "
			             "place to move to" };
	case WEIR_START_MEMLOCK:
	case WEIR_START_VFIO_MEMLOCK:
		return (struct why){ "RLIMIT_MEMLOCK",
			             "it locks %s, and its limit is %s%s" };
	case WEIR_START_CSV3:
		if (end->unit_bytes == WEIR_GIB)
			return (struct why){ "free pages of 1G",
				             "its private memory takes %s, and %s are "
				             "free%s" };
		return (struct why){ "CSV memory",
			             "it needs %s units of CSV memory, and %s can be "
			             "had%s" };
	case WEIR_START_USE:
		return (struct why){ "memory that it uses later",
			             "it will use %s, and gets %s%s" };
	case WEIR_START_FILE:
		return (struct why){ "the file", "its file cannot be made: the mount has "
			                         "no inode left" };
	case WEIR_START_BIND:
		return (struct why){ "nodes", "it may use none of the nodes that it is "
			                      "bound to" };
	case WEIR_START_DONE: break;
	}
	return (struct why){ "", "" };
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
int weir_answer_reason(const struct weir_answer_in *in, size_t i, struct weir_verdict *v,
                       const struct weir_start_end *end)
{
	struct why w = why(end);
	struct weir_amount need = weir_answer_amount(v->need,
	                                             v->unit_bytes ? v->unit_bytes : 1);
	weir_auto(weir_freep) char *reason = NULL;

	v->has_count = end->unit_bytes != 0;
	if (end->step == WEIR_START_CSV3 && end->unit_bytes != WEIR_GIB)
		(void)snprintf(need.text, sizeof(need.text), "%" PRIu64, v->need);
	if (weir_answer_words(&v->decides, "%s", w.decides) < 0)
		return -ENOMEM;
	/* three strings at most, in this order: see why() */
	if (weir_answer_words(&v->reason, w.reason, need.text, between(v).text,
	                      place(in, i).text) < 0)
		return -ENOMEM;
	if (end->step != WEIR_START_MAP || end->limit != WEIR_LIMIT_MEMORY)
		return 0;
	if (end->held) {
		reason = weir_take(v->reason);
		if (weir_answer_words(&v->reason,
		                      "%s, %" PRIu64 " of them but to its mount", reason,
		                      end->held) < 0)
			return -ENOMEM;
	}
	if (!end->surplus)
		return 0;
	free(reason);
	reason = weir_take(v->reason);
	return weir_answer_words(&v->reason,
	                         "%s, %" PRIu64 " of them as surplus that is allowed",
	                         reason, end->surplus);
}
#pragma GCC diagnostic pop

/* What KVM has counted when a block is beyond the limit: it and those before it. */
static uint64_t locked_pages(const struct weir_ask *ask, uint64_t limit_bytes)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < ask->demand->nr_memory && bytes <= limit_bytes; i++)
		bytes += ask->memory[i].bytes;
	return (bytes + WEIR_BASE_PAGE - 1) / WEIR_BASE_PAGE;
}

int weir_answer_messages(const struct weir_answer_in *in, size_t i,
                         struct weir_verdict *v, const struct weir_start_end *end)
{
	const struct weir_ask_memory *mem = &in->asks[i].memory[end->memory_idx];
	const struct weir_vm_memory *of = &in->asks[i].demand->memory[end->memory_idx];
	const char *path = of->path ? of->path : "";
	uint64_t base = (mem->bytes + WEIR_BASE_PAGE - 1) / WEIR_BASE_PAGE;
	int r = 0;

	switch (end->step) {
	case WEIR_START_MAP:
		return weir_answer_words(&v->qemu,
		                         "unable to map backing store for guest "
		                         "RAM: Cannot allocate memory");
	case WEIR_START_FILE:
		return weir_answer_words(&v->qemu,
		                         "can't open backing store %s for guest RAM: No "
		                         "space left on device",
		                         path);
	case WEIR_START_REGISTER:
		r = weir_answer_words(
			&v->qemu,
			"sev_ram_block_added: failed to register region (...+0x%" PRIx64
			") error 'Cannot allocate memory'",
			mem->bytes);
		return r < 0 ? r
		             : weir_answer_words(&v->kernel,
		                                 "kvm_amd: SEV: Failure locking %" PRIu64
		                                 " pages.",
		                                 base);
	case WEIR_START_MEMLOCK:
		r = weir_answer_words(
			&v->qemu,
			"sev_ram_block_added: failed to register region (...+0x%" PRIx64
			") error 'Cannot allocate memory'",
			mem->bytes);
		return r < 0 ? r
		             : weir_answer_words(&v->kernel,
		                                 "SEV: %" PRIu64
		                                 " locked pages exceed the lock limit of "
		                                 "%" PRIu64 ".",
		                                 locked_pages(&in->asks[i], end->have),
		                                 end->have / WEIR_BASE_PAGE);
	case WEIR_START_BIND:
		return weir_answer_words(&v->qemu, "cannot bind memory to host NUMA "
		                                   "nodes: Invalid argument");
	case WEIR_START_PREALLOC:
		if (end->killed)
			return weir_answer_words(&v->kernel, "Out of memory: Killed "
			                                     "process ... (qemu-system-"
			                                     "...)");
		return weir_answer_words(&v->qemu, "qemu_prealloc_mem: preallocating "
		                                   "memory failed: Bad address");
	case WEIR_START_EXTRA:
	case WEIR_START_USE: return 0;
	case WEIR_START_LOCK:
		return weir_answer_words(&v->qemu, "mlockall: %s",
		                         end->have ? "Cannot allocate memory"
		                                   : "Operation not permitted");
	case WEIR_START_VFIO_MEMLOCK:
		r = weir_answer_words(&v->kernel,
		                      "vfio_pin_pages_remote: RLIMIT_MEMLOCK (%" PRIu64
		                      ") exceeded",
		                      end->have);
		if (r < 0)
			return r;
		__attribute__((fallthrough));
	case WEIR_START_VFIO:
		return weir_answer_words(&v->qemu,
		                         "VFIO_MAP_DMA failed: Cannot allocate memory");
	case WEIR_START_CSV3:
		r = weir_answer_words(&v->qemu, "csv3_launch_encrypt_data: CSV3 "
		                                "LAUNCH_ENCRYPT_DATA ret=-12 ...");
		return r < 0 || end->unit_bytes == WEIR_GIB
		               ? r
		               : weir_answer_words(&v->kernel,
		                                   "CSV-CMA: Fail to alloc secure "
		                                   "memory(size = 0x%" PRIx64 ")",
		                                   end->unit_bytes);
	case WEIR_START_DONE: break;
	}
	return 0;
}

const char *weir_answer_decides(const struct weir_start_end *end)
{
	return why(end).decides;
}
