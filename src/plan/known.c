/* known: what is to be known of a VM that starts, or may: a sentence each. See answer.h.
 */
#include "plan/answer.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>

/* A VM that fits by less than this share of its need is told so. */
#define CLOSE_PART 100

/* The reports are of hosts with half of a node's memory in the CMA. */
#define CMA_LARGE_PART 4

/* Private memory of its own, and a backend beside it that is filled as well. */
static int say_twice(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_demand *demand = in->asks[i].demand;
	bool beside = demand->kind == WEIR_VM_CSV3 || demand->kind == WEIR_VM_SNP ||
	              demand->kind == WEIR_VM_TDX;
	const char *from = demand->kind == WEIR_VM_CSV3 ? "the CSV areas" : "guest_memfd";
	char bytes[WEIR_SIZE_TEXT_MAX];
	uint64_t twice = 0;
	/* a device or mlockall() fills what is not preallocated */
	bool filled = demand->nr_vfio || demand->mem_lock;

	for (size_t k = 0; beside && k < demand->nr_memory; k++)
		if (demand->memory[k].prealloc ||
		    (filled && !demand->memory[k].is_virtio_mem) ||
		    (in->asks[i].memory[k].page_bytes && demand->memory[k].reserve))
			twice += in->asks[i].memory[k].bytes;
	for (size_t k = 0; !beside && k < demand->nr_memory; k++)
		if (in->asks[i].memory[k].present_pages && !demand->memory[k].shared)
			twice += in->asks[i].memory[k].present_pages *
			         in->asks[i].memory[k].page_bytes;
	v->twice_bytes = twice;
	if (!twice)
		return 0;
	(void)weir_format_human(twice, bytes, sizeof(bytes));
	if (beside)
		return weir_answer_but(
			v,
			"it pays twice: its private memory comes from %s, and %s of its "
			"backend are taken beside that",
			from, bytes);
	return weir_answer_but(
		v,
		"it pays twice: the file has %s already, and share=off makes a private "
		"copy of what is written",
		bytes);
}

static bool starts_surely(const struct weir_answer_in *in, size_t i)
{
	return in->few->vms[i].started && in->most->vms[i].started;
}

static int say_close(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_start_end *end = &in->most->vms[i].vm.nearest;
	uint64_t left = end->have > end->need ? end->have - end->need : 0;

	if (!starts_surely(in, i) || end->unit_bytes <= WEIR_BASE_PAGE || !end->need ||
	    end->need < CLOSE_PART || left > end->need / CLOSE_PART)
		return 0;
	return weir_answer_but(v, "it fits by %s: of %" PRIu64 " it takes %" PRIu64,
	                       weir_answer_amount(left, end->unit_bytes).text, end->have,
	                       end->need);
}

static int say_binding(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_start *start = &in->few->vms[i].start;
	bool bound = false;

	for (size_t k = 0; k < start->nr_memory; k++)
		bound = bound || start->memory[k].policy.mode == WEIR_POLICY_BIND;
	if (start->kind == WEIR_GUEST_PINNED && bound && !start->nodes &&
	    start->policy.mode != WEIR_POLICY_BIND)
		return weir_answer_but(
			v, "its memory is pinned before it is bound: host-nodes come "
			   "too late, confine the process itself");
	if (start->kind == WEIR_GUEST_CSV3 && (bound || start->nodes) &&
	    start->policy.mode != WEIR_POLICY_BIND &&
	    in->few->world->model->memory.nr_order > 1)
		return weir_answer_but(
			v, "its private memory may come from any node: that follows the "
			   "memory policy of the process (numactl --membind), not its "
			   "cpuset or host-nodes");
	return 0;
}

static int say_reporting(const struct weir_answer_in *in, size_t i,
                         struct weir_verdict *v)
{
	const struct weir_demand *demand = in->asks[i].demand;

	for (size_t k = 0; demand->free_page_reporting && k < demand->nr_memory; k++)
		if (in->asks[i].memory[k].page_bytes && demand->memory[k].shared &&
		    demand->kind == WEIR_VM_PLAIN)
			return weir_answer_but(
				v, "free page reporting gives its pages back to the "
				   "pool without a reservation: when others take them "
				   "it is killed (SIGBUS)");
	return 0;
}

static int say_plug(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_played *vm = &in->few->vms[i];
	char want[WEIR_SIZE_TEXT_MAX], got[WEIR_SIZE_TEXT_MAX];

	for (size_t k = 0; k < vm->start.nr_memory && starts_surely(in, i); k++)
		if (vm->start.memory[k].is_virtio_mem &&
		    vm->vm.plugged[k] < vm->start.memory[k].plugged_bytes)
			return weir_answer_but(
				v, "virtio-mem '%s' plugs %s of the %s requested",
				in->asks[i].demand->memory[k].id,
				weir_format_human(vm->vm.plugged[k], got, sizeof(got)),
				weir_format_human(vm->start.memory[k].plugged_bytes, want,
			                          sizeof(want)));
	return 0;
}

static int say_room(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_demand *demand = in->asks[i].demand;
	char room[WEIR_SIZE_TEXT_MAX];

	for (size_t k = 0; k < demand->nr_memory; k++)
		if (in->asks[i].memory[k].bytes > in->asks[i].memory[k].file_room)
			return weir_answer_but(
				v,
				"it starts, and is killed later (SIGBUS): the file "
				"system of %s has room for %s",
				demand->memory[k].path,
				weir_format_human(in->asks[i].memory[k].file_room, room,
			                          sizeof(room)));
	return 0;
}

static int say_doubts(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	struct weir_str rest = weir_buf_str(&in->asks[i].doubts), line;
	int r = 0;

	while (r == 0 && weir_str_line(&rest, &line))
		r = weir_answer_but(v, "%.*s", (int)line.n, line.p);
	return r;
}

/* From the kernel's rules: with a CMA this large the way out of it is long. */
static bool has_large_cma(const struct weir_memory *mem, unsigned int node)
{
	uint64_t managed = 0, cma = 0;

	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++) {
		managed += mem->zones[node][z].managed;
		cma += mem->zones[node][z].cma;
	}
	return cma && cma >= managed / CMA_LARGE_PART;
}

/* Base pages that are pinned for long must not lie in the CMA. Kernels differ in how they
 * get there, and some do not; what they did on hosts of which half was CMA is in
 * kernel-rules.md 8. Of huge pages there is no such report. */
static int say_slow(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_start *start = &in->few->vms[i].start;
	const struct weir_model *m = in->few->world->model;
	uint64_t nodes = start->nodes ? start->nodes & m->memory.nodes : m->memory.nodes;
	bool base = start->kind == WEIR_GUEST_PINNED || start->nr_vfio, large = false;

	weir_each_node (n, nodes)
		large = large || has_large_cma(&m->memory, n);
	if (!base || !large)
		return 0;
	base = false;
	for (size_t k = 0; k < start->nr_memory; k++)
		base = base || !start->memory[k].page_bytes;
	if (!base)
		return 0;
	if (m->rules.pin_thp_loops)
		return weir_answer_but(
			v, "it may hang: with so much CMA, kernels before 6.10 can pin "
			   "transparent huge pages for ever (turn these off, or give it "
			   "huge "
			   "pages)");
	if (m->rules.compaction_counts_cma)
		return weir_answer_but(
			v,
			"it may take long, up to an hour: with so much CMA, this kernel "
			"compacts memory in vain while it pins base pages");
	return 0;
}

int weir_answer_death(const struct weir_start_end *end, struct weir_verdict *v)
{
	struct weir_amount have = weir_answer_amount(end->have, end->unit_bytes);

	if (end->unit_bytes > WEIR_BASE_PAGE) /* "150 pages of 2M and gets 128" */
		(void)snprintf(have.text, sizeof(have.text), "%" PRIu64, end->have);
	return weir_answer_but(
		v, "it starts, and is killed later (%s): it will use %s and gets %s",
		end->unit_bytes > WEIR_BASE_PAGE ? "SIGBUS" : "out of memory",
		weir_answer_amount(end->need, end->unit_bytes).text, have.text);
}

int weir_answer_known(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	static int (*const say[])(const struct weir_answer_in *, size_t,
	                          struct weir_verdict *) = {
		say_doubts, say_room, say_plug,    say_twice,
		say_close,  say_slow, say_binding, say_reporting,
	};
	int r = 0;

	for (size_t k = 0; r == 0 && k < WEIR_NELEM(say); k++)
		r = say[k](in, i, v);
	return r;
}
