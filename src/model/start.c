/* start: see start.h. One function a step of the start; each says what it needed and
 * what there was, for a verdict is that pair of numbers. start_backend.c has the steps of
 * one memory backend, start_use.c what comes after the start.
 *
 * Simplified: the extras (firmware, video memory) are one amount of base pages. */
#include "model/start_steps.h"

#include "model/anon.h"
#include "model/fault.h"
#include "model/pin.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <string.h>

bool weir_starting_fail(struct weir_starting *s, struct weir_start_end end)
{
	s->out->end = end;
	return false;
}

/* A step that went well, with what it left: the least is what decides. */
void weir_starting_passed(struct weir_starting *s, struct weir_start_end end)
{
	struct weir_start_end *nearest = &s->out->nearest;

	if (!nearest->unit_bytes ||
	    weir_less(end.have, end.need) * end.unit_bytes <
	            weir_less(nearest->have, nearest->need) * nearest->unit_bytes)
		*nearest = end;
}

struct weir_pool *weir_starting_pool(struct weir_starting *s,
                                     const struct weir_start_memory *mem)
{
	return weir_model_pool(s->m, mem->page_bytes);
}

/* Nodes that the process may use before anything is bound. */
uint64_t weir_starting_nodes(struct weir_starting *s)
{
	const struct weir_policy *p = weir_task_policy(s->m, s->task);
	uint64_t mems = weir_task_mems(s->m, s->task);

	return p->mode == WEIR_POLICY_BIND ? p->nodes & mems : mems;
}

static uint64_t all_bytes(const struct weir_starting *s)
{
	uint64_t bytes = s->start->extra_bytes;

	for (size_t i = 0; i < s->start->nr_memory; i++)
		bytes += s->start->memory[i].bytes;
	return bytes;
}

static bool within_memlock(struct weir_starting *s, enum weir_start_step step)
{
	const struct weir_start_end end = {
		.step = step,
		.err = -ENOMEM,
		.unit_bytes = 1,
		.need = all_bytes(s),
		.have = s->start->memlock_bytes,
	};

	return end.need <= end.have ? true : weir_starting_fail(s, end);
}

static bool add_extra(struct weir_starting *s)
{
	struct weir_start_end end = {
		.step = WEIR_START_EXTRA,
		.err = -ENOMEM,
		.unit_bytes = WEIR_BASE_PAGE,
		.need = weir_base_pages(s->start->extra_bytes),
		.killed = !weir_starting_is_pinned(s),
	};

	end.have = weir_starting_is_pinned(s)
	                   ? weir_anon_fix(s->m, s->task, end.need, 0)
	                   : weir_anon_touch(s->m, s->task, end.need, 0);
	return end.have < end.need ? weir_starting_fail(s, end) : true;
}

/* Memory that is there already, before the guest runs. */
bool weir_starting_is_filled(const struct weir_starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];

	return !mem->is_virtio_mem &&
	       (mem->prealloc || weir_starting_is_pinned(s) || s->start->nr_vfio ||
	        (s->start->mem_lock && !mem->page_bytes));
}

/* mlockall(2): beyond the limit it fails; pages that are not to be had it passes over
 * (mm_populate()), but for base pages somebody is killed. */
static bool lock_all(struct weir_starting *s)
{
	if (!within_memlock(s, WEIR_START_LOCK))
		return false;
	for (size_t i = 0; i < s->start->nr_memory; i++) {
		const struct weir_start_memory *mem = &s->start->memory[i];

		if (mem->prealloc || weir_starting_is_pinned(s) || mem->is_virtio_mem ||
		    !mem->bytes)
			continue;
		if (mem->page_bytes)
			(void)weir_populate(s->m, weir_starting_vma(s, i), 0,
			                    (uint32_t)(mem->bytes / mem->page_bytes),
			                    true);
		else if (!weir_starting_fill(s, i, WEIR_START_LOCK))
			return false;
	}
	return true;
}

/* VFIO maps all memory for DMA, and pins it. */
static bool vfio_base(struct weir_starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	struct weir_start_end end = {
		.step = WEIR_START_VFIO,
		.memory_idx = i,
		.err = -ENOMEM,
		.unit_bytes = WEIR_BASE_PAGE,
		.need = weir_base_pages(mem->bytes),
	};
	uint16_t policy = 0;

	if (weir_starting_is_pinned(s))
		return true;
	if (mem->prealloc || s->start->mem_lock)
		return true; /* all at once: pin_base() */
	if (mem->policy.mode != WEIR_POLICY_DEFAULT)
		(void)weir_policy_intern(s->m, s->task, &mem->policy, &policy);
	end.have = weir_anon_fix(s->m, s->task, end.need, policy);
	return end.have < end.need ? weir_starting_fail(s, end) : true;
}

static bool vfio_block(struct weir_starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	struct weir_start_end end = {
		.step = WEIR_START_VFIO,
		.memory_idx = i,
		.unit_bytes = mem->page_bytes,
	};

	if (!mem->page_bytes)
		return vfio_base(s, i);
	end.need = mem->bytes / mem->page_bytes;
	end.err = weir_pin(s->m, s->task, s->out->addr[i], end.need, mem->page_bytes);
	if (end.err < 0) {
		const struct weir_vma *vma = weir_starting_vma(s, i);

		for (uint32_t k = 0; k < vma->nr; k++)
			end.have += weir_pte(vma, k) &&
			            weir_page_is_pinnable(
					    s->m,
					    weir_page(&s->m->pages, weir_pte(vma, k)));
		return weir_starting_fail(s, end);
	}
	end.have = end.need + weir_pool_pinnable_free(weir_starting_pool(s, mem),
	                                              weir_starting_nodes(s));
	return true;
}

static uint64_t pages_in(const struct weir_spread *spread)
{
	uint64_t pages = 0;

	for (unsigned int n = 0; n < WEIR_MODEL_NODES_MAX; n++)
		for (unsigned int site = 0; site < WEIR_SITE_NR; site++)
			pages += spread->pages[n][site];
	return pages;
}

static bool attach_vfio(struct weir_starting *s)
{
	struct weir_start_end base = {
		.step = WEIR_START_VFIO,
		.err = -ENOMEM,
		.unit_bytes = WEIR_BASE_PAGE,
	};

	if (!within_memlock(s, WEIR_START_VFIO_MEMLOCK))
		return false;
	for (size_t i = 0; i < s->start->nr_memory; i++)
		if (s->start->memory[i].bytes && !s->start->memory[i].is_virtio_mem &&
		    !vfio_block(s, i))
			return false;
	if (weir_starting_is_pinned(s) || !s->task->anon)
		return true;
	base.need = pages_in(&s->task->anon->movable) + pages_in(&s->task->anon->fixed);
	if (weir_anon_pin(s->m, s->task) < 0) {
		base.have = pages_in(&s->task->anon->fixed);
		return weir_starting_fail(s, base);
	}
	return true;
}

uint64_t weir_starting_ram_bytes(const struct weir_starting *s)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < s->start->nr_memory; i++)
		if (!s->start->memory[i].is_virtio_mem)
			bytes += s->start->memory[i].bytes;
	return bytes;
}

/* With csv_use_hugetlb= private memory is free pool pages of 1G, its tables have memory
 * of their own (csv_smcr_size=). */
static bool take_private_huge(struct weir_starting *s)
{
	uint64_t bytes = s->start->csv_page_bytes, addr;
	struct weir_map_config config = {
		.pool = weir_model_pool(s->m, bytes),
		.pages = (weir_starting_ram_bytes(s) + bytes - 1) / bytes,
	};
	struct weir_start_end end = {
		.step = WEIR_START_CSV3,
		.err = -ENOMEM,
		.unit_bytes = bytes,
		.need = config.pages,
	};

	if (config.pool)
		end.have = weir_less(config.pool->free, config.pool->reserved);
	if (!config.pool || !config.pages ||
	    weir_map(s->m, s->task, &config, &addr) < 0 ||
	    weir_populate(s->m, weir_vma_at(s->m, s->task, addr), 0,
	                  (uint32_t)config.pages, true) < 0)
		return weir_starting_fail(s, end);
	weir_starting_passed(s, end);
	return true;
}

/* KVM_CSV3_LAUNCH_ENCRYPT_DATA. The nodes are those that the process is bound to by its
 * policy; its cpuset is not asked. */
static bool take_private(struct weir_starting *s)
{
	const struct weir_policy *p = weir_task_policy(s->m, s->task);
	struct weir_csv_need need = weir_csv_need(
		weir_base_pages(weir_starting_ram_bytes(s) + s->start->slot_bytes),
		s->start->smr_bytes);
	struct weir_start_end end = {
		.step = WEIR_START_CSV3,
		.err = -ENOMEM,
		.unit_bytes = s->start->smr_bytes,
		.need = need.nr_smr,
	};
	uint64_t nodes = p->mode == WEIR_POLICY_BIND ? p->nodes : s->m->memory.nodes;

	if (s->start->csv_page_bytes)
		return take_private_huge(s);
	if (weir_csv_take(s->m, need.nr_smr, s->start->smr_bytes,
	                  weir_task_node(s->m, s->task), nodes, s->out->csv_bytes,
	                  &end.have) < 0)
		return weir_starting_fail(s, end);
	end.have += weir_csv_room(s->m, s->start->smr_bytes, nodes).sure;
	weir_starting_passed(s, end);
	return true;
}

static bool play(struct weir_starting *s)
{
	const struct weir_start *start = s->start;

	if (weir_starting_is_pinned(s) && !within_memlock(s, WEIR_START_MEMLOCK))
		return false;
	for (size_t i = 0; i < start->nr_memory; i++)
		if (!weir_starting_add(s, i))
			return false;
	if (!add_extra(s))
		return false;
	if (start->mem_lock && !lock_all(s))
		return false;
	if (start->nr_vfio && !attach_vfio(s))
		return false;
	return start->kind != WEIR_GUEST_CSV3 || take_private(s);
}

int weir_start(struct weir_model *m, const struct weir_start *start,
               struct weir_started *out)
{
	const struct weir_task_config config = {
		.cpu = start->cpu,
		.group = start->group,
		.mems = start->nodes,
	};
	struct weir_starting s = { .m = m, .start = start, .out = out };

	memset(out, 0, sizeof(*out));
	s.task = out->task = weir_task_new(m, &config);
	if (!s.task)
		return -ENOMEM;
	if (start->policy.mode != WEIR_POLICY_DEFAULT &&
	    weir_task_set_policy(m, s.task, &start->policy) < 0)
		(void)weir_starting_fail(&s,
		                         (struct weir_start_end){ .step = WEIR_START_BIND,
		                                                  .err = -EINVAL });
	else
		(void)play(&s);
	if (out->end.step != WEIR_START_DONE) {
		weir_task_exit(m, s.task);
		out->task = NULL;
	}
	return m->failed ? -ENOMEM : 0;
}
