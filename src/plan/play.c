/* play: see play.h. */
#include "plan/play.h"

#include "base/own.h"
#include "model/fault.h"
#include "model/file.h"
#include "model/mount.h"
#include "model/pin.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <string.h>

static enum weir_guest_kind guest_of(enum weir_vm_kind kind)
{
	switch (kind) {
	case WEIR_VM_PLAIN: return WEIR_GUEST_PLAIN;
	case WEIR_VM_SEV:
	case WEIR_VM_SEV_ES:
	case WEIR_VM_CSV1:
	case WEIR_VM_CSV2: return WEIR_GUEST_PINNED;
	case WEIR_VM_CSV3: return WEIR_GUEST_CSV3;
	case WEIR_VM_SNP:
	case WEIR_VM_TDX: return WEIR_GUEST_PRIVATE;
	}
	return WEIR_GUEST_PLAIN;
}

static struct weir_policy policy_of(enum weir_vm_policy policy, uint64_t nodes)
{
	static const enum weir_policy_mode modes[] = {
		[WEIR_VM_POLICY_DEFAULT] = WEIR_POLICY_DEFAULT,
		[WEIR_VM_POLICY_PREFERRED] = WEIR_POLICY_PREFERRED,
		[WEIR_VM_POLICY_BIND] = WEIR_POLICY_BIND,
		[WEIR_VM_POLICY_INTERLEAVE] = WEIR_POLICY_INTERLEAVE,
	};
	struct weir_policy p = { .mode = modes[policy] };

	if (p.mode != WEIR_POLICY_DEFAULT)
		p.nodes = nodes;
	return p;
}

static struct weir_mount *mount_of(const struct weir_world *w, size_t host_idx)
{
	for (size_t i = 0; i < w->nr_mounts; i++)
		if (w->mounts[i].host_idx == host_idx)
			return w->mounts[i].mount;
	return NULL;
}

/* A path that is a file, so that two that name it mean the same one. */
static bool is_file(const struct weir_ask *ask, const char *path)
{
	for (size_t i = 0; i < ask->options.nr_paths; i++)
		if (strcmp(ask->options.paths[i].path, path) == 0)
			return ask->options.paths[i].known &&
			       !ask->options.paths[i].is_dir;
	return false;
}

/* The file of a shared memory, if one before it made it; else remembers the path. */
static int shared_file(struct weir_play *play, const struct weir_ask *ask, size_t i,
                       struct weir_start_memory *mem)
{
	const struct weir_vm_memory *of = &ask->demand->memory[i];
	struct weir_model *m = play->world->model;
	struct weir_pool *pool;

	if (of->backing != WEIR_BACKING_FILE || !of->shared || !mem->page_bytes ||
	    !mem->bytes || !is_file(ask, of->path))
		return 0;
	for (size_t k = 0; k < play->nr_files; k++)
		if (strcmp(play->files[k].path, of->path) == 0) {
			mem->file = play->files[k].file;
			return 0;
		}
	if (weir_grow(&play->files, &play->cap_files, play->nr_files,
	              sizeof(play->files[0])) < 0)
		return -ENOMEM;
	pool = weir_model_pool(m, mem->page_bytes);
	if (mem->mount && weir_mount_create(m, mem->mount, &mem->file) < 0)
		return 0; /* the start will meet the same */
	if (!mem->mount)
		mem->file = weir_file_new(m, pool, WEIR_FILE_MEMFD, NULL);
	if (!mem->file)
		return -ENOMEM;
	mem->file->linked = true;
	play->files[play->nr_files].path = of->path;
	play->files[play->nr_files++].file = mem->file;
	return 0;
}

static bool has_pool(const struct weir_world *w, uint64_t page_bytes)
{
	for (unsigned int i = 0; i < w->model->nr_pools; i++)
		if (w->model->pools[i].page_bytes == page_bytes)
			return true;
	return false;
}

static int set_memory(struct weir_play *play, const struct weir_ask *ask, size_t i,
                      const struct weir_change *change, bool changed,
                      struct weir_start_memory *to)
{
	const struct weir_vm_memory *of = &ask->demand->memory[i];
	uint64_t present = ask->memory[i].present_pages;

	*to = (struct weir_start_memory){
		.bytes = ask->memory[i].bytes,
		.page_bytes = ask->memory[i].page_bytes,
		.mount = mount_of(play->world, ask->memory[i].mount),
		.shared = of->shared,
		.prealloc = of->prealloc,
		.reserve = of->reserve,
		.policy = policy_of(of->policy, of->host_nodes),
		.is_virtio_mem = of->is_virtio_mem,
		.plugged_bytes = of->requested_bytes,
		.plugged_prealloc = of->device_prealloc,
	};
	if (changed && change->base_pages)
		to->page_bytes = 0;
	if (changed && change->other_pages && to->page_bytes) {
		to->page_bytes = change->other_pages;
		to->bytes = (to->bytes + to->page_bytes - 1) / to->page_bytes *
		            to->page_bytes;
		to->mount = NULL;
		present = 0;
	}
	if (to->page_bytes && !has_pool(play->world, to->page_bytes))
		to->page_bytes = 0;
	if (changed && change->nodes && to->policy.mode != WEIR_POLICY_DEFAULT)
		to->policy.nodes = change->nodes;
	if (to->page_bytes && to->shared)
		to->bytes -= present * to->page_bytes < to->bytes
		                     ? present * to->page_bytes
		                     : to->bytes;
	return shared_file(play, ask, i, to);
}

static uint32_t group_of(const struct weir_world *w, const char *path)
{
	if (!path || *path != '/')
		return 0;
	/* one that is not listed has no limits: those of the groups above it hold */
	for (size_t n = strlen(++path); n; n--) {
		if (path[n] && path[n] != '/')
			continue;
		for (size_t i = 0; i < w->nr_groups; i++)
			if (strncmp(w->groups[i].name, path, n) == 0 &&
			    !w->groups[i].name[n])
				return w->groups[i].id;
	}
	return 0;
}

/* Where QEMU runs, if nobody says: on the first CPU of the nodes that it may use. */
static unsigned int cpu_of(const struct weir_model *m, const struct weir_ask *ask,
                           uint64_t nodes)
{
	if (ask->options.cpu >= 0)
		return (unsigned int)ask->options.cpu;
	weir_each_node (n, nodes ? nodes : m->memory.all)
		if (m->memory.cpus[n])
			return (unsigned int)__builtin_ctzll(m->memory.cpus[n]);
	return 0;
}

int weir_play_prepare(struct weir_play *play, const struct weir_ask *ask, size_t idx,
                      const struct weir_change *change)
{
	const struct weir_demand *demand = ask->demand;
	struct weir_played *to = &play->vms[idx];
	bool changed = change->vm == idx;
	int r = 0;

	to->start = (struct weir_start){
		.kind = guest_of(demand->kind),
		.memory = to->memory,
		.nr_memory = demand->nr_memory,
		.nodes = ask->nodes,
		.policy = policy_of(demand->task_policy, demand->task_policy_nodes),
		.cpu = cpu_of(play->world->model, ask, ask->nodes),
		.group = group_of(play->world, ask->options.cgroup),
		.memlock_bytes = ask->memlock_bytes,
		.mem_lock = demand->mem_lock,
		.nr_vfio = demand->nr_vfio,
		.extra_bytes = ask->extra_bytes,
		.smr_bytes = ask->smr_bytes,
		.csv_page_bytes = ask->csv_page_bytes,
		.slot_bytes = ask->slot_bytes,
	};
	if (changed && change->nodes) {
		to->start.nodes = change->nodes;
		to->start.cpu = cpu_of(play->world->model, ask, change->nodes);
		/* its private memory goes by the policy */
		if (to->start.kind == WEIR_GUEST_CSV3)
			to->start.policy = (struct weir_policy){
				.mode = WEIR_POLICY_BIND,
				.nodes = change->nodes,
			};
	}
	for (size_t i = 0; r == 0 && i < demand->nr_memory; i++)
		r = set_memory(play, ask, i, change, changed, &to->memory[i]);
	return r;
}

static int start_one(struct weir_play *play, const struct weir_ask *ask, size_t idx,
                     const struct weir_change *change)
{
	struct weir_played *to = &play->vms[idx];
	int r = weir_play_prepare(play, ask, idx, change);

	if (r == 0)
		r = weir_start(play->world->model, &to->start, &to->vm);
	to->end = to->vm.end;
	to->started = to->end.step == WEIR_START_DONE;
	return r;
}

/* ---- changes ----------------------------------------------------------------------- */

static bool map_all(struct weir_model *m, struct weir_task *task, struct weir_pool *pool,
                    uint64_t pages, uint64_t *addr)
{
	const struct weir_map_config config = { .pool = pool, .pages = pages };

	return !pages || weir_map(m, task, &config, addr) == 0;
}

/* What a node has free is faulted and pinned page by page, and all let go in the end:
 * what may not be pinned where it is moves. Whatever else is free is promised meanwhile,
 * for the pool's own pages would be targets, and then pages only swap their places. */
void weir_play_move_out(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                        uint64_t pages)
{
	const struct weir_policy bind = { .mode = WEIR_POLICY_BIND,
		                          .nodes = UINT64_C(1) << node };
	const struct weir_policy anywhere = { .mode = WEIR_POLICY_DEFAULT };
	struct weir_task *task = weir_task_new(m, &(struct weir_task_config){ 0 });
	uint64_t left = pool->free > pool->reserved ? pool->free - pool->reserved : 0;
	/* those that may be pinned come first */
	uint64_t nr = pool->nr_pinnable[node] + pages, addr = 0, rest;

	if (nr > pool->nr_free[node])
		nr = pool->nr_free[node];
	if (nr > left)
		nr = left;
	if (!task)
		return;
	(void)weir_task_set_policy(m, task, &bind);
	if (map_all(m, task, pool, nr, &addr) &&
	    weir_touch(m, task, addr, nr, pool->page_bytes, true).outcome == WEIR_DONE) {
		(void)weir_task_set_policy(m, task, &anywhere);
		(void)map_all(m, task, pool, left - nr, &rest);
		for (uint64_t i = 0; i < nr; i++)
			/* what finds no place stays: that is as far as it goes */
			(void)weir_pin(m, task, addr + i * pool->page_bytes, 1,
			               pool->page_bytes);
	}
	weir_task_exit(m, task);
}

static void apply(struct weir_play *play, const struct weir_change *change)
{
	struct weir_model *m = play->world->model;
	struct weir_pool *pool = weir_model_pool(m, change->page_bytes);

	if (!pool)
		return;
	pool->overcommit += change->overcommit;
	if (change->grow || change->shrink) {
		uint64_t have = change->grow_node < 0 ? pool->total - pool->surplus
		                                      : pool->nr[change->grow_node];

		weir_pool_resize(m, pool,
		                 &(struct weir_resize){
					 .target = have + change->grow - change->shrink,
					 .node = change->grow_node,
				 });
	}
	weir_each_node (n, change->move_out_nodes)
		weir_play_move_out(m, pool, n, change->move_out_pages);
}

/* ---- the whole --------------------------------------------------------------------- */

static int play_all(struct weir_play *play, const struct weir_ask *asks,
                    const struct weir_change *change, bool use)
{
	int r = 0;

	if (change->first < play->nr && !asks[change->first].refused)
		r = start_one(play, &asks[change->first], change->first, change);
	for (size_t i = 0; r == 0 && i < play->nr; i++)
		if (i != change->first && !asks[i].refused)
			r = start_one(play, &asks[i], i, change);
	for (size_t i = 0; r == 0 && use && i < play->nr; i++) {
		struct weir_played *vm = &play->vms[i];

		if (!vm->started)
			continue;
		r = weir_start_use(play->world->model, &vm->start, &vm->vm);
		vm->dies = vm->vm.end.step != WEIR_START_DONE;
		if (vm->dies)
			vm->end = vm->vm.end;
	}
	return r;
}

int weir_play(const struct weir_snapshot *snap, const struct weir_load_options *options,
              const struct weir_ask *asks, size_t nr, const struct weir_change *change,
              bool use, struct weir_play **out, struct weir_buf *notes,
              struct weir_err *err)
{
	static const struct weir_change none = { .vm = SIZE_MAX, .first = SIZE_MAX };
	weir_auto(weir_play_freep) struct weir_play *play = calloc(1, sizeof(*play));
	int r;

	if (play)
		play->vms = calloc(nr + 1, sizeof(*play->vms));
	if (!play || !play->vms)
		return weir_err_sys(err, -ENOMEM, "play a start");
	play->nr = nr;
	r = weir_load_placed(snap, options, &play->world, &play->place_known, notes, err);
	if (r < 0)
		return r;
	if (change)
		apply(play, change);
	r = play_all(play, asks, change ? change : &none, use);
	if (r == 0 && play->world->model->failed)
		r = -ENOMEM;
	if (r < 0)
		return weir_err_sys(err, r, "play a start");
	*out = weir_take(play);
	return 0;
}

void weir_play_free(struct weir_play *play)
{
	if (!play)
		return;
	weir_world_free(play->world);
	free(play->vms);
	free(play->files);
	free(play);
}

void weir_play_freep(struct weir_play **play)
{
	weir_play_free(*play);
}
