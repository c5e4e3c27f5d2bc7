/* start_backend: one memory backend of a VM that starts: mapped, registered, bound,
 * filled, in QEMU's order. See start_steps.h. */
#include "model/start_steps.h"

#include "model/anon.h"
#include "model/fault.h"
#include "model/file.h"
#include "model/mount.h"
#include "model/pin.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>

#define PLUG_STEP (UINT64_C(128) << 20) /* a Linux guest's memory block */
#define POINTER   8 /* sev_pin_memory() keeps a pointer for each page */

/* What a newcomer gets of a pool: what his mount holds for such as him, what is free and
 * promised to nobody, and surplus still allowed. Where his own nodes have less free than
 * is promised to nobody, it ends there: surplus is made for what the whole pool lacks
 * (reserve.c, gather() and free_where_allowed()). */
static void see_available(struct weir_starting *s, const struct weir_pool *pool,
                          const struct weir_mount *mount, struct weir_start_end *end)
{
	const struct weir_model *m = s->m;
	const struct weir_subpool *sp = mount ? mount->subpool : NULL;
	uint64_t nodes = weir_starting_nodes(s), near = 0, blocks = 0;
	uint64_t free = weir_less(pool->free, pool->reserved);

	weir_each_node (node, weir_task_mems(m, s->task))
		blocks += weir_memory_can_take(&m->memory, node, WEIR_WANT_MOVABLE) /
		          (pool->page_bytes / WEIR_BASE_PAGE);
	end->surplus = pool->gigantic
	                       ? 0
	                       : weir_min(weir_less(pool->overcommit, pool->surplus),
	                                  blocks);
	weir_each_node (node, nodes)
		near += pool->nr_free[node];
	if (nodes != m->memory.nodes && free > near) {
		free = near;
		end->surplus = 0;
	}
	end->held = sp && sp->held > 0 ? (uint64_t)sp->held : 0;
	end->have = end->held + free + end->surplus;
}

static struct weir_file *file_of(struct weir_starting *s,
                                 const struct weir_start_memory *mem, uint64_t pages)
{
	struct weir_file *file = mem->file;

	if (!file && mem->mount) {
		if (weir_mount_create(s->m, mem->mount, &file) < 0)
			return NULL;
		if (!weir_file_open(s->m, s->task, file))
			return NULL;
		weir_file_unlink(s->m, file); /* at once: only QEMU knows it */
	} else if (!file) {
		file = weir_file_new(s->m, weir_starting_pool(s, mem), WEIR_FILE_MEMFD,
		                     NULL);
		if (!file || !weir_file_open(s->m, s->task, file))
			return NULL;
	}
	if (file->size < pages)
		weir_file_truncate(s->m, file, pages);
	return file;
}

/* Where the pool had enough, a limit had not. */
static void find_limit(struct weir_starting *s, const struct weir_start_memory *mem,
                       enum weir_charge charge, struct weir_start_end *end)
{
	const struct weir_subpool *sp = mem->mount ? mem->mount->subpool : NULL;
	uint64_t room = sp && sp->max != WEIR_SUBPOOL_NO_LIMIT
	                        ? (uint64_t)(sp->max > sp->used ? sp->max - sp->used : 0)
	                        : UINT64_MAX;

	/* pages came one by one: what stopped them is at its end, and they count */
	bool one_by_one = charge == WEIR_CHARGE_USAGE;

	if (!one_by_one && end->have < end->need)
		return;
	if (one_by_one ? !room : room < end->need) {
		end->limit = WEIR_LIMIT_MOUNT;
		end->have = one_by_one ? end->have : room;
		return;
	}
	room = weir_group_room(s->m, s->task->group, weir_starting_pool(s, mem), charge);
	if (one_by_one ? !room : room < end->need) {
		end->limit = WEIR_LIMIT_GROUP;
		end->have = one_by_one ? end->have : room;
	}
}

static bool map_huge(struct weir_starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	struct weir_pool *pool = weir_starting_pool(s, mem);
	uint64_t pages = mem->bytes / mem->page_bytes;
	struct weir_start_end end = {
		.step = WEIR_START_MAP,
		.memory_idx = i,
		.err = -ENOMEM,
		.unit_bytes = mem->page_bytes,
		.need = pages,
	};
	struct weir_map_config config = {
		.pool = pool,
		.pages = pages,
		.shared = mem->shared,
		.noreserve = !mem->reserve,
	};

	see_available(s, pool, mem->mount, &end);
	config.file = file_of(s, mem, pages);
	if (!config.file) {
		end.step = WEIR_START_FILE;
		end.err = -ENOSPC;
		return weir_starting_fail(s, end);
	}
	if (mem->file && mem->shared) /* another VM has promised it already */
		end.need -= weir_min(end.need, weir_regions_count(&mem->file->map, 0,
		                                                  (uint32_t)pages));
	if (weir_map(s->m, s->task, &config, &s->out->addr[i]) < 0) {
		find_limit(s, mem, WEIR_CHARGE_RSVD, &end);
		return weir_starting_fail(s, end);
	}
	if (mem->reserve)
		weir_starting_passed(s, end);
	return true;
}

struct weir_vma *weir_starting_vma(struct weir_starting *s, size_t i)
{
	return weir_vma_at(s->m, s->task, s->out->addr[i]);
}

uint64_t weir_starting_mapped(struct weir_starting *s, size_t i)
{
	const struct weir_vma *vma = weir_starting_vma(s, i);

	return weir_pte_count(vma, 0, vma->nr);
}

uint64_t weir_pool_pinnable_free(const struct weir_pool *pool, uint64_t nodes)
{
	uint64_t n = 0;

	weir_each_node (node, nodes)
		n += pool->nr_pinnable[node];
	return n;
}

/* A short pin takes any page. */
static uint64_t free_to_register(struct weir_starting *s, const struct weir_pool *pool)
{
	uint64_t n = 0;

	if (s->m->rules.sev_pins_longterm)
		return weir_pool_pinnable_free(pool, weir_starting_nodes(s));
	weir_each_node (node, weir_starting_nodes(s))
		n += pool->nr_free[node];
	return n;
}

/* KVM_MEMORY_ENCRYPT_REG_REGION of a whole block. */
static bool register_block(struct weir_starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	uint64_t pages = weir_base_pages(mem->bytes), got;
	struct weir_start_end end = {
		.step = WEIR_START_REGISTER,
		.memory_idx = i,
		.err = -ENOMEM,
		.unit_bytes = mem->page_bytes ? mem->page_bytes : WEIR_BASE_PAGE,
	};

	end.need = mem->page_bytes ? mem->bytes / mem->page_bytes : pages;
	got = weir_anon_fix(s->m, s->task, weir_base_pages(pages * POINTER), 0);
	if (got < weir_base_pages(pages * POINTER)) {
		end.unit_bytes = WEIR_BASE_PAGE;
		end.need = weir_base_pages(pages * POINTER);
		end.have = got;
		return weir_starting_fail(s, end);
	}
	if (mem->page_bytes) {
		int r = s->m->rules.sev_pins_longterm
		                ? weir_pin(s->m, s->task, s->out->addr[i], end.need,
		                           mem->page_bytes)
		                : weir_populate(s->m, weir_starting_vma(s, i), 0,
		                                (uint32_t)end.need, true);

		end.have = weir_starting_mapped(s, i);
		if (r < 0)
			return weir_starting_fail(s, end);
		end.have += free_to_register(s, weir_starting_pool(s, mem));
	} else {
		got = s->m->rules.sev_pins_longterm
		              ? weir_anon_fix(s->m, s->task, pages, 0)
		              : weir_anon_touch(s->m, s->task, pages, 0);
		end.have = got;
		if (got < pages)
			return weir_starting_fail(s, end);
		weir_each_node (n, weir_starting_nodes(s))
			end.have += weir_memory_can_take(&s->m->memory, n,
			                                 s->m->rules.sev_pins_longterm
			                                         ? WEIR_WANT_PINNABLE
			                                         : WEIR_WANT_MOVABLE);
	}
	weir_starting_passed(s, end);
	return true;
}

static bool bind_block(struct weir_starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	struct weir_start_end end = { .step = WEIR_START_BIND, .memory_idx = i };
	uint16_t policy;

	if (mem->policy.mode == WEIR_POLICY_DEFAULT)
		return true;
	end.err = mem->page_bytes
	                  ? weir_bind(s->m, s->task, s->out->addr[i],
	                              mem->bytes / mem->page_bytes, mem->page_bytes,
	                              &mem->policy)
	                  : weir_policy_intern(s->m, s->task, &mem->policy, &policy);
	return end.err < 0 ? weir_starting_fail(s, end) : true;
}

/* The nodes that the pages of a huge backend come from. */
static uint64_t places_of(struct weir_starting *s, size_t i)
{
	const struct weir_vma *vma = weir_starting_vma(s, i);
	struct weir_place place = weir_policy_place(s->m, s->task, vma->policy, 0);

	return place.prefer_first ? weir_task_mems(s->m, s->task) : place.allowed;
}

/* All pages of a backend are there afterwards. @step: on whose behalf. */
bool weir_starting_fill(struct weir_starting *s, size_t i, enum weir_start_step step)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	struct weir_start_end end = {
		.step = step,
		.memory_idx = i,
		.err = -EFAULT,
		.unit_bytes = mem->page_bytes ? mem->page_bytes : WEIR_BASE_PAGE,
		.need = mem->page_bytes ? mem->bytes / mem->page_bytes
		                        : weir_base_pages(mem->bytes),
	};
	uint16_t policy = 0;

	if (mem->page_bytes) {
		int r = weir_populate(s->m, weir_starting_vma(s, i), 0,
		                      (uint32_t)end.need, true);

		end.have = weir_starting_mapped(s, i);
		end.killed = step == WEIR_START_USE;
		if (r < 0)
			find_limit(s, mem, WEIR_CHARGE_USAGE, &end);
		if (r < 0)
			return weir_starting_fail(s, end);
		weir_each_node (n, places_of(s, i))
			end.have += weir_starting_pool(s, mem)->nr_free[n];
		weir_starting_passed(s, end);
		return true;
	}
	if (mem->policy.mode != WEIR_POLICY_DEFAULT)
		(void)weir_policy_intern(s->m, s->task, &mem->policy, &policy);
	end.have = weir_anon_touch(s->m, s->task, end.need, policy);
	if (end.have < end.need) {
		end.killed = true;
		return weir_starting_fail(s, end);
	}
	for (unsigned int n = 0; n < WEIR_MODEL_NODES_MAX; n++)
		if (weir_node_in(weir_policy_place(s->m, s->task, policy, 0).allowed, n))
			end.have += weir_memory_can_take(&s->m->memory, n,
			                                 WEIR_WANT_MOVABLE);
	weir_starting_passed(s, end);
	return true;
}

bool weir_starting_is_pinned(const struct weir_starting *s)
{
	return s->start->kind == WEIR_GUEST_PINNED;
}

/* virtio-mem's own preallocation: what fits, in the guest's steps. What was taken of a
 * step that did not come to its end is discarded again. */
static void plug(struct weir_starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	uint64_t want = mem->page_bytes ? mem->plugged_bytes / mem->page_bytes : 0, kept;

	s->out->plugged[i] = mem->plugged_bytes;
	if (!mem->page_bytes || !mem->plugged_prealloc ||
	    weir_populate(s->m, weir_starting_vma(s, i), 0, (uint32_t)want, true) == 0)
		return;
	s->out->plugged[i] = weir_starting_mapped(s, i) * mem->page_bytes / PLUG_STEP *
	                     PLUG_STEP;
	kept = s->out->plugged[i] / mem->page_bytes;
	if (mem->shared)
		weir_file_punch(s->m, weir_starting_vma(s, i)->file, kept, want - kept);
}

bool weir_starting_add(struct weir_starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];

	if (!mem->bytes) /* all of it is there already */
		return true;
	if (mem->page_bytes && !map_huge(s, i))
		return false;
	if (weir_starting_is_pinned(s) && !mem->is_virtio_mem && !register_block(s, i))
		return false;
	if (!bind_block(s, i))
		return false;
	if (mem->is_virtio_mem && mem->prealloc && mem->page_bytes) {
		/* the device then discards all that was preallocated, and with it what
		 * was promised: virtio_mem_device_realize(), ram_block_discard_range() */
		if (!weir_starting_fill(s, i, WEIR_START_PREALLOC))
			return false;
		weir_file_punch(s->m, weir_starting_vma(s, i)->file, 0,
		                mem->bytes / mem->page_bytes);
	}
	if (mem->is_virtio_mem)
		plug(s, i);
	else if (mem->prealloc && !(weir_starting_is_pinned(s) && !mem->page_bytes))
		return weir_starting_fill(s, i, WEIR_START_PREALLOC);
	return true;
}
