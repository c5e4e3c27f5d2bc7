/* play_vm: steps about memory beside the pools, and VMs that start, use what they have,
 * and stop. No kernel plays these (tests/twin): they are the model's own. */
#include "lab/play.h"

#include "model/anon.h"
#include "model/start.h"
#include "model/start_sizes.h"
#include "model/task.h"

#include <errno.h>
#include <stdlib.h>

static uint64_t pages_of(const struct weir_step *step)
{
	return step->size / WEIR_BASE_PAGE + (step->size % WEIR_BASE_PAGE != 0);
}

struct weir_answer weir_play_anon(struct weir_world *w, struct weir_world_task *task,
                                  const struct weir_step *step)
{
	return weir_answer(weir_anon_touch(w->model, task->task, pages_of(step), 0) <
	                                   pages_of(step)
	                           ? -ENOMEM
	                           : 0);
}

struct weir_answer weir_play_cache(struct weir_world *w, struct weir_world_task *task,
                                   const struct weir_step *step)
{
	if (step->flags & WEIR_STEP_LOCKED)
		return weir_play_anon(w, task, step);
	(void)weir_anon_cache(w->model, task->task, pages_of(step),
	                      step->flags & WEIR_STEP_DIRTY);
	return weir_answer(0);
}

struct weir_answer weir_play_unmovable(struct weir_world *w, struct weir_world_task *task,
                                       const struct weir_step *step)
{
	return weir_answer(weir_anon_fix(w->model, task->task, pages_of(step), 0) <
	                                   pages_of(step)
	                           ? -ENOMEM
	                           : 0);
}

int weir_play_drop_caches(struct weir_world *w, const struct weir_step *step)
{
	(void)step;
	weir_memory_drop_caches(&w->model->memory);
	return 0;
}

int weir_play_compact(struct weir_world *w, const struct weir_step *step)
{
	if (!weir_node_in(w->model->memory.nodes, step->node))
		return -ENOENT;
	(void)weir_memory_compact(&w->model->memory, step->node);
	return 0;
}

static struct weir_world_vm *find(const struct weir_world *w, struct weir_str name)
{
	for (size_t i = 0; i < w->nr_vms; i++)
		if (weir_str_eq(name, w->vms[i]->name))
			return w->vms[i];
	return NULL;
}

static void drop(struct weir_world *w, struct weir_world_vm *vm)
{
	size_t at = 0;

	while (w->vms[at] != vm)
		at++;
	w->vms[at] = w->vms[--w->nr_vms];
	weir_world_vm_free(vm);
}

void weir_world_vm_free(struct weir_world_vm *vm)
{
	if (!vm)
		return;
	free(vm->name);
	free(vm->memory);
	free(vm->started);
	free(vm);
}

static struct weir_world_vm *add(struct weir_world *w, const struct weir_step *step)
{
	struct weir_world_vm *vm = calloc(1, sizeof(*vm));

	if (vm) {
		vm->name = strndup(step->name.p, step->name.n);
		vm->memory = calloc(1, sizeof(*vm->memory));
		vm->started = calloc(1, sizeof(*vm->started));
	}
	if (!vm || !vm->name || !vm->memory || !vm->started ||
	    weir_grow(&w->vms, &w->cap_vms, w->nr_vms, sizeof(struct weir_world_vm *)) <
	            0) {
		weir_world_vm_free(vm);
		w->model->failed = true;
		return NULL;
	}
	w->vms[w->nr_vms++] = vm;
	return vm;
}

int weir_play_start(struct weir_world *w, const struct weir_step *step)
{
	const struct weir_world_group *group = NULL;
	struct weir_world_vm *vm;

	if (find(w, step->name))
		return -EEXIST;
	if (step->other.n) {
		group = weir_world_group(w, step->other);
		if (!group)
			return -ENOENT;
	}
	if (step->page_bytes && !weir_model_pool(w->model, step->page_bytes))
		return -EINVAL;
	if (step->mems & ~w->model->memory.nodes)
		return -EINVAL;
	vm = add(w, step);
	if (!vm)
		return -ENOMEM;
	*vm->memory = (struct weir_start_memory){
		.bytes = step->size,
		.page_bytes = step->page_bytes,
		.shared = step->flags & WEIR_STEP_SHARED,
		.prealloc = step->flags & WEIR_STEP_POPULATE,
		.reserve = !(step->flags & WEIR_STEP_NORESERVE),
	};
	vm->start = (struct weir_start){
		.kind = (enum weir_guest_kind)step->guest,
		.memory = vm->memory,
		.nr_memory = 1,
		.nodes = step->mems,
		.policy = step->policy,
		.group = group ? group->id : 0,
		.memlock_bytes = UINT64_MAX,
		.mem_lock = step->flags & WEIR_STEP_LOCKED,
		.nr_vfio = step->used,
		.extra_bytes = WEIR_START_EXTRA_BYTES,
		.slot_bytes = WEIR_START_FLASH_BYTES,
		.smr_bytes = WEIR_CSV_SMR_BYTES_MIN,
	};
	if (weir_start(w->model, &vm->start, vm->started) < 0)
		return -ENOMEM;
	if (vm->started->end.step != WEIR_START_DONE) {
		int err = vm->started->end.err;

		drop(w, vm);
		return err ? err : -ENOMEM;
	}
	return 0;
}

int weir_play_use(struct weir_world *w, const struct weir_step *step)
{
	struct weir_world_vm *vm = find(w, step->name);
	int err;

	if (!vm)
		return -ENOENT;
	if (weir_start_use(w->model, &vm->start, vm->started) < 0)
		return -ENOMEM;
	if (vm->started->end.step == WEIR_START_DONE)
		return 0;
	/* killed: what it had goes back */
	err = vm->started->end.err;
	weir_start_end(w->model, vm->started);
	drop(w, vm);
	return err ? err : -ENOMEM;
}

int weir_play_stop(struct weir_world *w, const struct weir_step *step)
{
	struct weir_world_vm *vm = find(w, step->name);

	if (!vm)
		return -ENOENT;
	weir_start_end(w->model, vm->started);
	drop(w, vm);
	return 0;
}
