/* verdict: see verdict.h. Two plays, at most, are put into one answer here; remedies.c
 * tries what would help.
 *
 * Messages are those of QEMU 7.2 and of the kernels named in start.c of the model; parts
 * that nobody can know beforehand, such as an address, are written "...". */
#include "plan/verdict.h"

#include "base/own.h"
#include "base/size.h"
#include "plan/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Starts that are played for remedies: a second or two. */
#define EFFORT_MAX (UINT64_C(1) << 16)

/* A VM that fits by less than this share of its need is told so. */
#define CLOSE_PART 100

const char *weir_verdict_text(enum weir_verdict_word word)
{
	static const char *const words[] = {
		[WEIR_VERDICT_YES] = "yes",
		[WEIR_VERDICT_BUT] = "but",
		[WEIR_VERDICT_NO] = "no",
	};

	return words[word];
}

const char *weir_source_text(enum weir_source source)
{
	static const char *const words[] = {
		[WEIR_SOURCE_POOL] = "pool",
		[WEIR_SOURCE_POOL_CMA] = "pool-cma",
		[WEIR_SOURCE_POOL_MOVABLE] = "pool-movable",
		[WEIR_SOURCE_BASE] = "base",
		[WEIR_SOURCE_BASE_CMA] = "base-cma",
		[WEIR_SOURCE_BASE_MOVABLE] = "base-movable",
		[WEIR_SOURCE_CSV] = "csv",
	};

	return source < WEIR_SOURCE_NR ? words[source] : "";
}

int weir_answer_words(char **to, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	free(*to);
	*to = text;
	return 0;
}

static int but(struct weir_verdict *v, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static int but(struct weir_verdict *v, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	if (weir_grow(&v->but, &v->cap_but, v->nr_but, sizeof(v->but[0])) < 0)
		return -ENOMEM;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	v->but[v->nr_but++] = text;
	if (v->word == WEIR_VERDICT_YES)
		v->word = WEIR_VERDICT_BUT;
	return 0;
}

/* ---- numbers as words -------------------------------------------------------------- */

struct amount {
	char text[80];
};

/* "16384 pages of 2M" or "31.5G" for base pages and bytes. */
static struct amount amount(uint64_t n, uint64_t unit)
{
	char size[WEIR_SIZE_TEXT_MAX];
	struct amount a;
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
static struct amount between(const struct weir_verdict *v)
{
	char size[2][WEIR_SIZE_TEXT_MAX];
	struct amount a;

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
static struct amount place(const struct weir_answer_in *in, size_t i)
{
	const struct weir_model *m = in->few->world->model;
	const struct weir_start *start = &in->few->vms[i].start;
	uint64_t nodes = start->nodes ? start->nodes : m->memory.nodes;
	struct amount a = { "" };
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

/* ---- why not ----------------------------------------------------------------------- */

struct why {
	const char *decides; /* resource */
	const char *reason;  /* "%s" need, "%s" have, "%s" where */
};

static struct why why(const struct weir_start_end *end, bool huge)
{
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
static int put_reason(const struct weir_answer_in *in, size_t i, struct weir_verdict *v,
                      const struct weir_start_end *end)
{
	struct why w = why(end, end->unit_bytes > WEIR_BASE_PAGE);
	struct amount need = amount(v->need, v->unit_bytes ? v->unit_bytes : 1);
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

static int put_messages(const struct weir_answer_in *in, size_t i, struct weir_verdict *v,
                        const struct weir_start_end *end)
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

/* ---- what is to be known ----------------------------------------------------------- */

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
		return but(
			v,
			"it pays twice: its private memory comes from %s, and %s of its "
			"backend are taken beside that",
			from, bytes);
	return but(
		v,
		"it pays twice: the file has %s already, and share=off makes a private "
		"copy of what is written",
		bytes);
}

static int say_close(const struct weir_start_end *end, struct weir_verdict *v)
{
	uint64_t left = end->have > end->need ? end->have - end->need : 0;

	if (!end->unit_bytes || end->unit_bytes <= WEIR_BASE_PAGE || !end->need ||
	    end->need < CLOSE_PART || left > end->need / CLOSE_PART)
		return 0;
	return but(v, "it fits by %s: of %" PRIu64 " it takes %" PRIu64,
	           amount(left, end->unit_bytes).text, end->have, end->need);
}

static int say_binding(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_start *start = &in->few->vms[i].start;
	bool bound = false;

	for (size_t k = 0; k < start->nr_memory; k++)
		bound = bound || start->memory[k].policy.mode == WEIR_POLICY_BIND;
	if (start->kind == WEIR_GUEST_PINNED && bound && !start->nodes &&
	    start->policy.mode != WEIR_POLICY_BIND)
		return but(v, "its memory is pinned before it is bound: host-nodes come "
		              "too late, confine the process itself");
	if (start->kind == WEIR_GUEST_CSV3 && (bound || start->nodes) &&
	    start->policy.mode != WEIR_POLICY_BIND &&
	    in->few->world->model->memory.nr_order > 1)
		return but(v,
		           "its private memory may come from any node: that follows the "
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
			return but(v, "free page reporting gives its pages back to the "
			              "pool without a reservation: when others take them "
			              "it is killed (SIGBUS)");
	return 0;
}

static int say_death(struct weir_verdict *v, const struct weir_start_end *end)
{
	struct amount have = amount(end->have, end->unit_bytes);

	if (end->unit_bytes > WEIR_BASE_PAGE) /* "150 pages of 2M and gets 128" */
		(void)snprintf(have.text, sizeof(have.text), "%" PRIu64, end->have);
	return but(v, "it starts, and is killed later (%s): it will use %s and gets %s",
	           end->unit_bytes > WEIR_BASE_PAGE ? "SIGBUS" : "out of memory",
	           amount(end->need, end->unit_bytes).text, have.text);
}

static int say_plug(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_played *vm = &in->few->vms[i];
	char want[WEIR_SIZE_TEXT_MAX], got[WEIR_SIZE_TEXT_MAX];

	for (size_t k = 0; k < vm->start.nr_memory; k++)
		if (vm->start.memory[k].is_virtio_mem &&
		    vm->vm.plugged[k] < vm->start.memory[k].plugged_bytes)
			return but(v, "virtio-mem '%s' plugs %s of the %s requested",
			           in->asks[i].demand->memory[k].id,
			           weir_format_human(vm->vm.plugged[k], got, sizeof(got)),
			           weir_format_human(vm->start.memory[k].plugged_bytes,
			                             want, sizeof(want)));
	return 0;
}

/* ---- sources ----------------------------------------------------------------------- */

static int put_sources(struct weir_play *play, size_t i, struct weir_verdict *v)
{
	static const enum weir_source pool[3] = { WEIR_SOURCE_POOL, WEIR_SOURCE_POOL_CMA,
		                                  WEIR_SOURCE_POOL_MOVABLE };
	static const enum weir_source base[3] = { WEIR_SOURCE_BASE, WEIR_SOURCE_BASE_CMA,
		                                  WEIR_SOURCE_BASE_MOVABLE };
	weir_auto(weir_freep) struct weir_start_sources *from = malloc(sizeof(*from));
	struct weir_model *m = play->world->model;

	if (!from)
		return -ENOMEM;
	weir_start_sources(m, &play->vms[i].vm, from);
	weir_each_node (n, m->memory.all) {
		struct weir_source_row row = { .node = n };
		bool any = from->csv[n] != 0;

		for (unsigned int s = 0; s < WEIR_SITE_NR; s++) {
			int kind = weir_site_is_cma((weir_site)s) ? 1
			           : weir_site_zone((weir_site)s) == WEIR_ZONE_MOVABLE
			                   ? 2
			                   : 0;

			row.bytes[pool[kind]] += from->pool.pages[n][s] * WEIR_BASE_PAGE;
			row.bytes[base[kind]] += from->base.pages[n][s] * WEIR_BASE_PAGE;
			any = any || from->pool.pages[n][s] || from->base.pages[n][s];
		}
		row.bytes[WEIR_SOURCE_CSV] = from->csv[n];
		if (!any)
			continue;
		if (weir_grow(&v->sources, &v->cap_sources, v->nr_sources,
		              sizeof(v->sources[0])) < 0)
			return -ENOMEM;
		v->sources[v->nr_sources++] = row;
	}
	return 0;
}

/* ---- one VM ------------------------------------------------------------------------ */

static void put_numbers(struct weir_verdict *v, const struct weir_start_end *a,
                        const struct weir_start_end *b)
{
	v->unit_bytes = a->unit_bytes;
	v->need = a->need;
	v->have_min = v->have_max = a->have;
	if (b->step != a->step || b->unit_bytes != a->unit_bytes || b->need != a->need)
		return;
	if (b->have < v->have_min)
		v->have_min = b->have;
	if (b->have > v->have_max)
		v->have_max = b->have;
}

static int refused(const struct weir_ask *ask, struct weir_verdict *v)
{
	const struct weir_refusal *why_not = &ask->refusal;

	v->word = WEIR_VERDICT_NO;
	v->certain = true;
	if (weir_answer_words(&v->reason, "%s", why_not->reason) < 0 ||
	    weir_answer_words(&v->decides, "what is asked for") < 0)
		return -ENOMEM;
	if (why_not->qemu && weir_answer_words(&v->qemu, "%s", why_not->qemu) < 0)
		return -ENOMEM;
	if (why_not->kernel && weir_answer_words(&v->kernel, "%s", why_not->kernel) < 0)
		return -ENOMEM;
	return why_not->help ? weir_answer_remedy(v, NULL, "%s", why_not->help) : 0;
}

static int say_room(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_demand *demand = in->asks[i].demand;
	char room[WEIR_SIZE_TEXT_MAX];

	for (size_t k = 0; k < demand->nr_memory; k++)
		if (in->asks[i].memory[k].bytes > in->asks[i].memory[k].file_room)
			return but(v,
			           "it starts, and is killed later (SIGBUS): the file "
			           "system of %s has room for %s",
			           demand->memory[k].path,
			           weir_format_human(in->asks[i].memory[k].file_room,
			                             room, sizeof(room)));
	return 0;
}

static int say_doubts(const struct weir_ask *ask, struct weir_verdict *v)
{
	struct weir_str rest = weir_buf_str(&ask->doubts), line;
	int r = 0;

	while (r == 0 && weir_str_line(&rest, &line))
		r = but(v, "%.*s", (int)line.n, line.p);
	return r;
}

static int starts(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	struct weir_played *a = &in->few->vms[i], *b = &in->most->vms[i];
	const struct weir_start_end *near = &a->vm.nearest;
	int r = put_sources(in->few, i, v);

	put_numbers(v, near, &b->vm.nearest);
	v->has_count = near->unit_bytes != 0;
	if (r == 0 && near->unit_bytes)
		r = weir_answer_words(
			&v->decides, "%s",
			why(near, near->unit_bytes > WEIR_BASE_PAGE).decides);
	if (r == 0 && (a->dies || b->dies))
		r = say_death(v, a->dies ? &a->end : &b->end);
	if (r == 0)
		r = say_doubts(&in->asks[i], v);
	if (r == 0)
		r = say_room(in, i, v);
	if (r == 0)
		r = say_plug(in, i, v);
	if (r == 0)
		r = say_twice(in, i, v);
	if (r == 0)
		r = say_close(&b->vm.nearest, v);
	if (r == 0)
		r = say_binding(in, i, v);
	return r < 0 ? r : say_reporting(in, i, v);
}

/* It starts if the host is as one model has it, and not if it is as the other. */
static int in_doubt(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	bool few = in->few->vms[i].started;
	struct weir_play *good = few ? in->few : in->most;
	const struct weir_start_end *bad = few ? &in->most->vms[i].end
	                                       : &in->few->vms[i].end;
	const struct weir_start_end *near = &good->vms[i].vm.nearest;
	int r;

	v->certain = false;
	put_numbers(v, bad, near);
	if (near->step == bad->step && near->have > v->have_max &&
	    near->unit_bytes == v->unit_bytes)
		v->have_max = near->have;
	r = put_reason(in, i, v, bad);
	if (r == 0)
		r = put_messages(in, i, v, bad);
	if (r == 0)
		r = put_sources(good, i, v);
	if (r == 0 && bad->unit_bytes > WEIR_BASE_PAGE)
		r = but(v,
		        "it fits by %s at most, and lacks %s at worst: where the pool's "
		        "pages lie is not known to this user",
		        amount(v->have_max > v->need ? v->have_max - v->need : 0,
		               v->unit_bytes)
		                .text,
		        amount(v->need > v->have_min ? v->need - v->have_min : 0,
		               v->unit_bytes)
		                .text);
	else if (r == 0)
		r = but(v,
		        "whether it starts depends on where the pool's pages lie, which "
		        "is not known to this user");
	if (r == 0)
		r = say_doubts(&in->asks[i], v);
	return r < 0 ? r : say_twice(in, i, v);
}

int weir_answer_one(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_played *a, *b;
	int r;

	v->demand = in->asks[i].demand;
	v->word = WEIR_VERDICT_YES;
	v->certain = true;
	if (in->asks[i].refused) /* nothing may have been played */
		return refused(&in->asks[i], v);
	a = &in->few->vms[i];
	b = &in->most->vms[i];
	if (a->started && b->started)
		return starts(in, i, v);
	if (a->started != b->started) {
		v->word = WEIR_VERDICT_BUT;
		return in_doubt(in, i, v);
	}
	v->word = WEIR_VERDICT_NO;
	put_numbers(v, &a->end, &b->end);
	r = put_reason(in, i, v, &a->end);
	return r < 0 ? r : put_messages(in, i, v, &a->end);
}

/* ---- all --------------------------------------------------------------------------- */

int weir_answer_play(struct weir_answer_in *in, struct weir_buf *notes,
                     struct weir_err *err)
{
	struct weir_load_options few = in->load, most = in->load;
	int r;

	few.place = WEIR_LOAD_FEW;
	most.place = WEIR_LOAD_MOST;
	r = weir_play(in->snap, &few, in->asks, in->nr, in->change, true, &in->few, notes,
	              err);
	if (r < 0)
		return r;
	in->most = in->few;
	if (in->few->place_known)
		return 0;
	in->most = NULL;
	return weir_play(in->snap, &most, in->asks, in->nr, in->change, true, &in->most,
	                 NULL, err);
}

void weir_answer_done(struct weir_answer_in *in)
{
	if (in->most != in->few)
		weir_play_free(in->most);
	weir_play_free(in->few);
	in->few = in->most = NULL;
}

int weir_check(const struct weir_snapshot *snap, const struct weir_ask *asks, size_t nr,
               const struct weir_check_options *options, struct weir_verdicts *out,
               struct weir_err *err)
{
	uint64_t effort = EFFORT_MAX;
	weir_auto(weir_answer_done) struct weir_answer_in in = {
		.snap = snap,
		.asks = asks,
		.nr = nr,
		.load = { .kernel = options->kernel, .without_pools = true },
		.effort = &effort,
	};
	int r = weir_answer_play(&in, &out->notes, err);

	if (r < 0)
		return r;
	out->v = calloc(nr + 1, sizeof(*out->v));
	if (!out->v)
		return weir_err_sys(err, -ENOMEM, "check VMs");
	out->nr = nr;
	for (size_t i = 0; i < nr && r == 0; i++) {
		r = weir_answer_one(&in, i, &out->v[i]);
		if (r == 0 && !options->no_remedies)
			r = weir_answer_remedies(&in, i, &out->v[i]);
	}
	if (r == 0 && !effort)
		r = weir_buf_addz(&out->notes, "remedies were not tried for all VMs: "
		                               "that would take too long\n");
	return r < 0 ? weir_err_sys(err, r, "check VMs") : 0;
}

void weir_verdict_done(struct weir_verdict *v)
{
	free(v->decides);
	free(v->reason);
	free(v->qemu);
	free(v->kernel);
	for (size_t i = 0; i < v->nr_but; i++)
		free(v->but[i]);
	free(v->but);
	free(v->sources);
	for (size_t i = 0; i < v->nr_remedies; i++) {
		free(v->remedies[i].text);
		free(v->remedies[i].command);
	}
	free(v->remedies);
}

void weir_verdicts_done(struct weir_verdicts *verdicts)
{
	for (size_t i = 0; i < verdicts->nr; i++)
		weir_verdict_done(&verdicts->v[i]);
	free(verdicts->v);
	weir_buf_done(&verdicts->notes);
	*verdicts = (struct weir_verdicts){ 0 };
}
