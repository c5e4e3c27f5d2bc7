/* start: see start.h. One function a step of the start; each says what it needed and
 * what there was, for a verdict is that pair of numbers.
 *
 * Simplified: the extras (firmware, video memory) are one amount of base pages; CSV3 and
 * guest_memfd guests share SHARED_PERCENT of their memory with the host, at most
 * SHARED_MAX, for firmware, rings and bounce buffers (Linux guests: swiotlb is 6 % of
 * memory, 1 GiB at most; arch/x86/mm/mem_encrypt.c, mem_encrypt_setup_arch(), v6.6). */
#include "model/start.h"

#include "base/own.h"
#include "model/anon.h"
#include "model/fault.h"
#include "model/file.h"
#include "model/mount.h"
#include "model/pin.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <string.h>

#define SHARED_PERCENT 6
#define SHARED_MAX     (UINT64_C(1) << 30)
#define PLUG_STEP      (UINT64_C(128) << 20) /* a Linux guest's memory block */
#define POINTER        8 /* sev_pin_memory() keeps a pointer for each page */

struct starting {
	struct weir_model *m;
	const struct weir_start *start;
	struct weir_started *out;
	struct weir_task *task;
};

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

static bool fail(struct starting *s, struct weir_start_end end)
{
	s->out->end = end;
	return false;
}

/* A step that went well, with what it left: the least is what decides. */
static void passed(struct starting *s, struct weir_start_end end)
{
	struct weir_start_end *nearest = &s->out->nearest;

	if (!nearest->unit_bytes ||
	    less(end.have, end.need) * end.unit_bytes <
	            less(nearest->have, nearest->need) * nearest->unit_bytes)
		*nearest = end;
}

static struct weir_pool *pool_of(struct starting *s, const struct weir_start_memory *mem)
{
	return weir_model_pool(s->m, mem->page_bytes);
}

static uint64_t base_pages(uint64_t bytes)
{
	return bytes / WEIR_BASE_PAGE + (bytes % WEIR_BASE_PAGE != 0);
}

/* Nodes that the process may use before anything is bound. */
static uint64_t task_nodes(struct starting *s)
{
	const struct weir_policy *p = weir_task_policy(s->m, s->task);
	uint64_t mems = weir_task_mems(s->m, s->task);

	return p->mode == WEIR_POLICY_BIND ? p->nodes & mems : mems;
}

/* What a newcomer gets of a pool: what his mount holds for such as him, what is free and
 * promised to nobody, and surplus still allowed. Where his own nodes have less free than
 * is promised to nobody, it ends there: surplus is made for what the whole pool lacks
 * (reserve.c, gather() and free_where_allowed()). */
static void see_available(struct starting *s, const struct weir_pool *pool,
                          const struct weir_mount *mount, struct weir_start_end *end)
{
	const struct weir_model *m = s->m;
	const struct weir_subpool *sp = mount ? mount->subpool : NULL;
	uint64_t nodes = task_nodes(s), near = 0, blocks = 0;
	uint64_t free = less(pool->free, pool->reserved);

	weir_each_node (node, weir_task_mems(m, s->task))
		blocks += weir_memory_can_take(&m->memory, node, WEIR_WANT_MOVABLE) /
		          (pool->page_bytes / WEIR_BASE_PAGE);
	end->surplus = pool->gigantic
	                       ? 0
	                       : min(less(pool->overcommit, pool->surplus), blocks);
	weir_each_node (node, nodes)
		near += pool->nr_free[node];
	if (nodes != m->memory.nodes && free > near) {
		free = near;
		end->surplus = 0;
	}
	end->held = sp && sp->held > 0 ? (uint64_t)sp->held : 0;
	end->have = end->held + free + end->surplus;
}

/* ---- one backend ------------------------------------------------------------------- */

static struct weir_file *file_of(struct starting *s, const struct weir_start_memory *mem,
                                 uint64_t pages)
{
	struct weir_file *file = mem->file;

	if (!file && mem->mount) {
		if (weir_mount_create(s->m, mem->mount, &file) < 0)
			return NULL;
		if (!weir_file_open(s->m, s->task, file))
			return NULL;
		weir_file_unlink(s->m, file); /* at once: only QEMU knows it */
	} else if (!file) {
		file = weir_file_new(s->m, pool_of(s, mem), WEIR_FILE_MEMFD, NULL);
		if (!file || !weir_file_open(s->m, s->task, file))
			return NULL;
	}
	if (file->size < pages)
		weir_file_truncate(s->m, file, pages);
	return file;
}

/* Where the pool had enough, a limit had not. */
static void find_limit(struct starting *s, const struct weir_start_memory *mem,
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
	room = weir_group_room(s->m, s->task->group, pool_of(s, mem), charge);
	if (one_by_one ? !room : room < end->need) {
		end->limit = WEIR_LIMIT_GROUP;
		end->have = one_by_one ? end->have : room;
	}
}

static bool map_huge(struct starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	struct weir_pool *pool = pool_of(s, mem);
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
		return fail(s, end);
	}
	if (mem->file && mem->shared) /* another VM has promised it already */
		end.need -= min(end.need,
		                weir_regions_count(&mem->file->map, 0, (uint32_t)pages));
	if (weir_map(s->m, s->task, &config, &s->out->addr[i]) < 0) {
		find_limit(s, mem, WEIR_CHARGE_RSVD, &end);
		return fail(s, end);
	}
	if (mem->reserve)
		passed(s, end);
	return true;
}

static struct weir_vma *vma_of(struct starting *s, size_t i)
{
	return weir_vma_at(s->m, s->task, s->out->addr[i]);
}

static uint64_t mapped(struct starting *s, size_t i)
{
	const struct weir_vma *vma = vma_of(s, i);
	uint64_t n = 0;

	for (uint32_t at = weir_pte_next(vma, 0, vma->nr); at < vma->nr;
	     at = weir_pte_next(vma, at + 1, vma->nr))
		n++;
	return n;
}

static uint64_t pinnable_free(const struct weir_pool *pool, uint64_t nodes)
{
	uint64_t n = 0;

	weir_each_node (node, nodes)
		n += pool->nr_pinnable[node];
	return n;
}

/* A short pin takes any page. */
static uint64_t free_to_register(struct starting *s, const struct weir_pool *pool)
{
	uint64_t n = 0;

	if (s->m->rules.sev_pins_longterm)
		return pinnable_free(pool, task_nodes(s));
	weir_each_node (node, task_nodes(s))
		n += pool->nr_free[node];
	return n;
}

/* KVM_MEMORY_ENCRYPT_REG_REGION of a whole block. */
static bool register_block(struct starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	uint64_t pages = base_pages(mem->bytes), got;
	struct weir_start_end end = {
		.step = WEIR_START_REGISTER,
		.memory_idx = i,
		.err = -ENOMEM,
		.unit_bytes = mem->page_bytes ? mem->page_bytes : WEIR_BASE_PAGE,
	};

	end.need = mem->page_bytes ? mem->bytes / mem->page_bytes : pages;
	got = weir_anon_fix(s->m, s->task, base_pages(pages * POINTER), 0);
	if (got < base_pages(pages * POINTER)) {
		end.unit_bytes = WEIR_BASE_PAGE;
		end.need = base_pages(pages * POINTER);
		end.have = got;
		return fail(s, end);
	}
	if (mem->page_bytes) {
		int r = s->m->rules.sev_pins_longterm
		                ? weir_pin(s->m, s->task, s->out->addr[i], end.need,
		                           mem->page_bytes)
		                : weir_populate(s->m, vma_of(s, i), 0, (uint32_t)end.need,
		                                true);

		end.have = mapped(s, i);
		if (r < 0)
			return fail(s, end);
		end.have += free_to_register(s, pool_of(s, mem));
	} else {
		got = s->m->rules.sev_pins_longterm
		              ? weir_anon_fix(s->m, s->task, pages, 0)
		              : weir_anon_touch(s->m, s->task, pages, 0);
		end.have = got;
		if (got < pages)
			return fail(s, end);
		weir_each_node (n, task_nodes(s))
			end.have += weir_memory_can_take(&s->m->memory, n,
			                                 s->m->rules.sev_pins_longterm
			                                         ? WEIR_WANT_PINNABLE
			                                         : WEIR_WANT_MOVABLE);
	}
	passed(s, end);
	return true;
}

static bool bind_block(struct starting *s, size_t i)
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
	return end.err < 0 ? fail(s, end) : true;
}

/* The nodes that the pages of a huge backend come from. */
static uint64_t places_of(struct starting *s, size_t i)
{
	const struct weir_vma *vma = vma_of(s, i);
	struct weir_place place = weir_policy_place(s->m, s->task, vma->policy, 0);

	return place.prefer_first ? weir_task_mems(s->m, s->task) : place.allowed;
}

/* All pages of a backend are there afterwards. @step: on whose behalf. */
static bool fill(struct starting *s, size_t i, enum weir_start_step step)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	struct weir_start_end end = {
		.step = step,
		.memory_idx = i,
		.err = -EFAULT,
		.unit_bytes = mem->page_bytes ? mem->page_bytes : WEIR_BASE_PAGE,
		.need = mem->page_bytes ? mem->bytes / mem->page_bytes
		                        : base_pages(mem->bytes),
	};
	uint16_t policy = 0;

	if (mem->page_bytes) {
		int r = weir_populate(s->m, vma_of(s, i), 0, (uint32_t)end.need, true);

		end.have = mapped(s, i);
		end.killed = step == WEIR_START_USE;
		if (r < 0)
			find_limit(s, mem, WEIR_CHARGE_USAGE, &end);
		if (r < 0)
			return fail(s, end);
		weir_each_node (n, places_of(s, i))
			end.have += pool_of(s, mem)->nr_free[n];
		passed(s, end);
		return true;
	}
	if (mem->policy.mode != WEIR_POLICY_DEFAULT)
		(void)weir_policy_intern(s->m, s->task, &mem->policy, &policy);
	end.have = weir_anon_touch(s->m, s->task, end.need, policy);
	if (end.have < end.need) {
		end.killed = true;
		return fail(s, end);
	}
	for (unsigned int n = 0; n < WEIR_MODEL_NODES_MAX; n++)
		if (weir_node_in(weir_policy_place(s->m, s->task, policy, 0).allowed, n))
			end.have += weir_memory_can_take(&s->m->memory, n,
			                                 WEIR_WANT_MOVABLE);
	passed(s, end);
	return true;
}

static bool is_pinned(const struct starting *s)
{
	return s->start->kind == WEIR_GUEST_PINNED;
}

/* virtio-mem's own preallocation: what fits, in the guest's steps. What was taken of a
 * step that did not come to its end is discarded again. */
static void plug(struct starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	uint64_t want = mem->page_bytes ? mem->plugged_bytes / mem->page_bytes : 0, kept;

	s->out->plugged[i] = mem->plugged_bytes;
	if (!mem->page_bytes || !mem->plugged_prealloc ||
	    weir_populate(s->m, vma_of(s, i), 0, (uint32_t)want, true) == 0)
		return;
	s->out->plugged[i] = mapped(s, i) * mem->page_bytes / PLUG_STEP * PLUG_STEP;
	kept = s->out->plugged[i] / mem->page_bytes;
	if (mem->shared)
		weir_file_punch(s->m, vma_of(s, i)->file, kept, want - kept);
}

static bool add_memory(struct starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];

	if (!mem->bytes) /* all of it is there already */
		return true;
	if (mem->page_bytes && !map_huge(s, i))
		return false;
	if (is_pinned(s) && !mem->is_virtio_mem && !register_block(s, i))
		return false;
	if (!bind_block(s, i))
		return false;
	if (mem->is_virtio_mem && mem->prealloc && mem->page_bytes) {
		/* the device then discards all that was preallocated, and with it what
		 * was promised: virtio_mem_device_realize(), ram_block_discard_range() */
		if (!fill(s, i, WEIR_START_PREALLOC))
			return false;
		weir_file_punch(s->m, vma_of(s, i)->file, 0,
		                mem->bytes / mem->page_bytes);
	}
	if (mem->is_virtio_mem)
		plug(s, i);
	else if (mem->prealloc && !(is_pinned(s) && !mem->page_bytes))
		return fill(s, i, WEIR_START_PREALLOC);
	return true;
}

/* ---- the whole --------------------------------------------------------------------- */

static uint64_t all_bytes(const struct starting *s)
{
	uint64_t bytes = s->start->extra_bytes;

	for (size_t i = 0; i < s->start->nr_memory; i++)
		bytes += s->start->memory[i].bytes;
	return bytes;
}

static bool within_memlock(struct starting *s, enum weir_start_step step)
{
	const struct weir_start_end end = {
		.step = step,
		.err = -ENOMEM,
		.unit_bytes = 1,
		.need = all_bytes(s),
		.have = s->start->memlock_bytes,
	};

	return end.need <= end.have ? true : fail(s, end);
}

static bool add_extra(struct starting *s)
{
	struct weir_start_end end = {
		.step = WEIR_START_EXTRA,
		.err = -ENOMEM,
		.unit_bytes = WEIR_BASE_PAGE,
		.need = base_pages(s->start->extra_bytes),
		.killed = !is_pinned(s),
	};

	end.have = is_pinned(s) ? weir_anon_fix(s->m, s->task, end.need, 0)
	                        : weir_anon_touch(s->m, s->task, end.need, 0);
	return end.have < end.need ? fail(s, end) : true;
}

/* Memory that is there already, before the guest runs. */
static bool is_filled(const struct starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];

	return !mem->is_virtio_mem &&
	       (mem->prealloc || is_pinned(s) || s->start->nr_vfio ||
	        (s->start->mem_lock && !mem->page_bytes));
}

/* mlockall(2): beyond the limit it fails; pages that are not to be had it passes over
 * (mm_populate()), but for base pages somebody is killed. */
static bool lock_all(struct starting *s)
{
	if (!within_memlock(s, WEIR_START_LOCK))
		return false;
	for (size_t i = 0; i < s->start->nr_memory; i++) {
		const struct weir_start_memory *mem = &s->start->memory[i];

		if (mem->prealloc || is_pinned(s) || mem->is_virtio_mem || !mem->bytes)
			continue;
		if (mem->page_bytes)
			(void)weir_populate(s->m, vma_of(s, i), 0,
			                    (uint32_t)(mem->bytes / mem->page_bytes),
			                    true);
		else if (!fill(s, i, WEIR_START_LOCK))
			return false;
	}
	return true;
}

/* VFIO maps all memory for DMA, and pins it. */
static bool vfio_base(struct starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	struct weir_start_end end = {
		.step = WEIR_START_VFIO,
		.memory_idx = i,
		.err = -ENOMEM,
		.unit_bytes = WEIR_BASE_PAGE,
		.need = base_pages(mem->bytes),
	};
	uint16_t policy = 0;

	if (is_pinned(s))
		return true;
	if (mem->prealloc || s->start->mem_lock)
		return true; /* all at once: pin_base() */
	if (mem->policy.mode != WEIR_POLICY_DEFAULT)
		(void)weir_policy_intern(s->m, s->task, &mem->policy, &policy);
	end.have = weir_anon_fix(s->m, s->task, end.need, policy);
	return end.have < end.need ? fail(s, end) : true;
}

static bool vfio_block(struct starting *s, size_t i)
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
		const struct weir_vma *vma = vma_of(s, i);

		for (uint32_t k = 0; k < vma->nr; k++)
			end.have += weir_pte(vma, k) &&
			            weir_page_is_pinnable(
					    s->m,
					    weir_page(&s->m->pages, weir_pte(vma, k)));
		return fail(s, end);
	}
	end.have = end.need + pinnable_free(pool_of(s, mem), task_nodes(s));
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

static bool attach_vfio(struct starting *s)
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
	if (is_pinned(s) || !s->task->anon)
		return true;
	base.need = pages_in(&s->task->anon->movable) + pages_in(&s->task->anon->fixed);
	if (weir_anon_pin(s->m, s->task) < 0) {
		base.have = pages_in(&s->task->anon->fixed);
		return fail(s, base);
	}
	return true;
}

static uint64_t ram_bytes(const struct starting *s)
{
	uint64_t bytes = 0;

	for (size_t i = 0; i < s->start->nr_memory; i++)
		if (!s->start->memory[i].is_virtio_mem)
			bytes += s->start->memory[i].bytes;
	return bytes;
}

/* With csv_use_hugetlb= private memory is free pool pages of 1G, its tables have memory
 * of their own (csv_smcr_size=). */
static bool take_private_huge(struct starting *s)
{
	uint64_t bytes = s->start->csv_page_bytes, addr;
	struct weir_map_config config = {
		.pool = weir_model_pool(s->m, bytes),
		.pages = (ram_bytes(s) + bytes - 1) / bytes,
	};
	struct weir_start_end end = {
		.step = WEIR_START_CSV3,
		.err = -ENOMEM,
		.unit_bytes = bytes,
		.need = config.pages,
	};

	if (config.pool)
		end.have = less(config.pool->free, config.pool->reserved);
	if (!config.pool || !config.pages ||
	    weir_map(s->m, s->task, &config, &addr) < 0 ||
	    weir_populate(s->m, weir_vma_at(s->m, s->task, addr), 0,
	                  (uint32_t)config.pages, true) < 0)
		return fail(s, end);
	passed(s, end);
	return true;
}

/* KVM_CSV3_LAUNCH_ENCRYPT_DATA. The nodes are those that the process is bound to by its
 * policy; its cpuset is not asked. */
static bool take_private(struct starting *s)
{
	const struct weir_policy *p = weir_task_policy(s->m, s->task);
	struct weir_csv_need need = weir_csv_need(
		base_pages(ram_bytes(s) + s->start->slot_bytes), s->start->smr_bytes);
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
		return fail(s, end);
	end.have += weir_csv_room(s->m, s->start->smr_bytes, nodes).sure;
	passed(s, end);
	return true;
}

static bool play(struct starting *s)
{
	const struct weir_start *start = s->start;

	if (is_pinned(s) && !within_memlock(s, WEIR_START_MEMLOCK))
		return false;
	for (size_t i = 0; i < start->nr_memory; i++)
		if (!add_memory(s, i))
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
	struct starting s = { .m = m, .start = start, .out = out };

	memset(out, 0, sizeof(*out));
	s.task = out->task = weir_task_new(m, &config);
	if (!s.task)
		return -ENOMEM;
	if (start->policy.mode != WEIR_POLICY_DEFAULT &&
	    weir_task_set_policy(m, s.task, &start->policy) < 0)
		(void)fail(&s, (struct weir_start_end){ .step = WEIR_START_BIND,
		                                        .err = -EINVAL });
	else
		(void)play(&s);
	if (out->end.step != WEIR_START_DONE) {
		weir_task_exit(m, s.task);
		out->task = NULL;
	}
	return m->failed ? -ENOMEM : 0;
}

/* ---- afterwards -------------------------------------------------------------------- */

static uint64_t shared_part(uint64_t bytes)
{
	return min(bytes / 100 * SHARED_PERCENT, SHARED_MAX);
}

/* Memory of base pages that is not the guest's by mmap(2): guest_memfd, and what of a
 * CSV3 guest's backend is shared and so pinned. */
static bool use_fixed(struct starting *s, uint64_t bytes)
{
	struct weir_start_end end = {
		.step = WEIR_START_USE,
		.err = -ENOMEM,
		.unit_bytes = WEIR_BASE_PAGE,
		.need = base_pages(bytes),
		.killed = true,
	};

	end.have = weir_anon_fix(s->m, s->task, end.need, 0);
	return end.have < end.need ? fail(s, end) : true;
}

static bool use_plugged(struct starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	struct weir_start_end end = {
		.step = WEIR_START_USE,
		.memory_idx = i,
		.err = -EFAULT,
		.unit_bytes = mem->page_bytes ? mem->page_bytes : WEIR_BASE_PAGE,
		.need = s->out->plugged[i],
		.killed = true,
	};

	end.need /= end.unit_bytes;
	if (!end.need)
		return true;
	if (!mem->page_bytes) {
		end.have = weir_anon_touch(s->m, s->task, end.need, 0);
		return end.have < end.need ? fail(s, end) : true;
	}
	if (weir_populate(s->m, vma_of(s, i), 0, (uint32_t)end.need, true) == 0)
		return true;
	end.have = mapped(s, i);
	return fail(s, end);
}

static bool use_memory(struct starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	bool beside = s->start->kind == WEIR_GUEST_CSV3 ||
	              s->start->kind == WEIR_GUEST_PRIVATE;

	if (mem->is_virtio_mem)
		return use_plugged(s, i);
	if (!mem->bytes || is_filled(s, i))
		return true;
	if (!beside)
		return fill(s, i, WEIR_START_USE);
	/* the backend holds only what the guest shares */
	if (mem->page_bytes) {
		uint64_t pages = shared_part(mem->bytes) / mem->page_bytes + 1;

		return weir_populate(s->m, vma_of(s, i), 0,
		                     (uint32_t)min(pages, mem->bytes / mem->page_bytes),
		                     true) == 0
		               ? true
		               : fail(s, (struct weir_start_end){
						 .step = WEIR_START_USE,
						 .memory_idx = i,
						 .err = -EFAULT,
						 .unit_bytes = mem->page_bytes,
						 .need = pages,
						 .have = mapped(s, i),
						 .killed = true,
					 });
	}
	return use_fixed(s, shared_part(mem->bytes));
}

int weir_start_use(struct weir_model *m, const struct weir_start *start,
                   struct weir_started *out)
{
	struct starting s = { .m = m, .start = start, .out = out, .task = out->task };
	bool alive = true;

	if (start->kind == WEIR_GUEST_PRIVATE)
		alive = use_fixed(&s, ram_bytes(&s));
	for (size_t i = 0; i < start->nr_memory && alive; i++)
		alive = use_memory(&s, i);
	return m->failed ? -ENOMEM : 0;
}

static void add_pages(struct weir_model *m, const struct weir_vma *vma,
                      struct weir_spread *out)
{
	uint64_t pages = m->pools[vma->pool].page_bytes / WEIR_BASE_PAGE;

	for (uint32_t i = weir_pte_next(vma, 0, vma->nr); i < vma->nr;
	     i = weir_pte_next(vma, i + 1, vma->nr)) {
		weir_page_id id = weir_pte(vma, i);
		const struct weir_page *page = weir_page(&m->pages, id);

		if (id != WEIR_PTE_POISON)
			out->pages[page->node][page->site] += pages;
	}
}

void weir_start_sources(struct weir_model *m, const struct weir_started *vm,
                        struct weir_start_sources *out)
{
	memset(out, 0, sizeof(*out));
	if (!vm->task)
		return;
	memcpy(out->csv, vm->csv_bytes, sizeof(out->csv));
	for (size_t i = 0; i < vm->task->nr_vmas; i++)
		add_pages(m, vm->task->vmas[i], &out->pool);
	if (!vm->task->anon)
		return;
	weir_each_node (n, m->memory.all)
		for (unsigned int site = 0; site < WEIR_SITE_NR; site++)
			out->base.pages[n][site] =
				vm->task->anon->movable.pages[n][site] +
				vm->task->anon->fixed.pages[n][site];
}

void weir_start_end(struct weir_model *m, struct weir_started *vm)
{
	if (!vm->task)
		return;
	weir_task_exit(m, vm->task);
	weir_csv_give(m, vm->csv_bytes);
	vm->task = NULL;
}
