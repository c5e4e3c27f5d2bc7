/* play_task: what a program does. */
#include "lab/play.h"

#include "model/advise.h"
#include "model/fault.h"
#include "model/migrate.h"
#include "model/offline.h"
#include "model/pin.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>

typedef struct weir_answer (*play_fn)(struct weir_world *w, struct weir_world_task *task,
                                      const struct weir_step *step);

/* ---- the task itself ---- */

static struct weir_answer play_fork(struct weir_world *w, struct weir_world_task *task,
                                    const struct weir_step *step)
{
	struct weir_world_task *entry;
	struct weir_task *child;

	if (weir_world_task(w, step->name))
		return weir_answer(-EEXIST);
	if (weir_task_fork(w->model, task->task, &child) < 0)
		return weir_answer(-ENOMEM);
	entry = weir_world_add_task(w, step->name, child);
	for (size_t i = 0; entry && i < task->nr_maps; i++) {
		const struct weir_world_map *map = &task->maps[i];
		struct weir_world_map *copy = weir_world_add_map(
			w, entry, weir_strz(map->name), map->addr, map->nr,
			map->page_bytes);

		if (copy)
			copy->segment = map->segment;
	}
	return weir_answer(0);
}

static struct weir_answer play_exit(struct weir_world *w, struct weir_world_task *task,
                                    const struct weir_step *step)
{
	(void)step;
	weir_task_exit(w->model, task->task);
	weir_world_drop_task(w, task);
	return weir_answer(0);
}

static struct weir_answer play_cpu(struct weir_world *w, struct weir_world_task *task,
                                   const struct weir_step *step)
{
	weir_each_node (n, w->model->memory.all)
		if (step->cpu >= 0 && step->cpu < 64 &&
		    w->model->memory.cpus[n] >> step->cpu & 1) {
			task->task->cpu = (unsigned int)step->cpu;
			return weir_answer(0);
		}
	return weir_answer(-EINVAL);
}

static struct weir_answer play_policy(struct weir_world *w, struct weir_world_task *task,
                                      const struct weir_step *step)
{
	return weir_answer(weir_task_set_policy(w->model, task->task, &step->policy));
}

static struct weir_answer play_join(struct weir_world *w, struct weir_world_task *task,
                                    const struct weir_step *step)
{
	const struct weir_world_group *group = weir_world_group(w, step->name);

	if (!group)
		return weir_answer(-ENOENT);
	task->task->group = group->id; /* charges stay where they are, 6.7 */
	return weir_answer(0);
}

/* ---- mappings ---- */

static struct weir_answer play_map(struct weir_world *w, struct weir_world_task *task,
                                   const struct weir_step *step)
{
	struct weir_map_config config = {
		.pool = weir_model_pool(w->model, step->page_bytes),
		.pages = step->pages,
		.pgoff = step->offset,
		.shared = step->flags & WEIR_STEP_SHARED,
		.noreserve = step->flags & WEIR_STEP_NORESERVE,
		.readonly = step->flags & WEIR_STEP_READONLY,
		.populate = step->flags & (WEIR_STEP_POPULATE | WEIR_STEP_LOCKED),
	};
	uint64_t addr;
	int r;

	if (weir_world_map(task, step->name))
		return weir_answer(-EEXIST);
	if (step->other.n) {
		const struct weir_world_file *file = weir_world_file(w, step->other);

		if (!file || file->file->kind == WEIR_FILE_SEGMENT)
			return weir_answer(-ENOENT);
		config.file = file->file;
		config.pool = &w->model->pools[file->file->pool];
	}
	if (!config.pool)
		return weir_answer(-EINVAL);
	r = weir_map(w->model, task->task, &config, &addr);
	if (!r)
		(void)weir_world_add_map(w, task, step->name, addr, step->pages,
		                         config.pool->page_bytes);
	return weir_answer(r);
}

/* Is anything of it still mapped? */
static bool is_there(const struct weir_world *w, const struct weir_world_task *task,
                     const struct weir_world_map *map)
{
	uint64_t end = map->addr + map->nr * map->page_bytes;
	size_t i = weir_vma_from(task->task, map->addr);

	if (weir_vma_at(w->model, task->task, map->addr))
		return true;
	return i < task->task->nr_vmas && task->task->vmas[i]->start < end;
}

/* Pages of a mapping that a step is about. */
struct range {
	struct weir_world_map *map;
	uint64_t addr, nr;
};

static int find_range(const struct weir_world_task *task, const struct weir_step *step,
                      struct range *out)
{
	struct weir_world_map *map = weir_world_map(task, step->name);

	if (!map)
		return -ENOENT;
	*out = (struct range){ .map = map, .addr = map->addr, .nr = map->nr };
	if (!(step->flags & WEIR_STEP_RANGE))
		return 0;
	if (!step->count || step->start >= map->nr || step->count > map->nr - step->start)
		return -EINVAL;
	out->addr += step->start * map->page_bytes;
	out->nr = step->count;
	return 0;
}

static struct weir_answer play_unmap(struct weir_world *w, struct weir_world_task *task,
                                     const struct weir_step *step)
{
	struct range at;
	int r = find_range(task, step, &at);

	if (r < 0)
		return weir_answer(r);
	weir_unmap(w->model, task->task, at.addr, at.nr, at.map->page_bytes);
	if (!is_there(w, task, at.map))
		weir_world_drop_map(task, at.map);
	return weir_answer(0);
}

static struct weir_answer touch(struct weir_world *w, struct weir_world_task *task,
                                const struct weir_step *step, bool write)
{
	struct range at;
	int r = find_range(task, step, &at);

	if (r < 0)
		return weir_answer(r);
	return weir_touch(w->model, task->task, at.addr, at.nr, at.map->page_bytes,
	                  write);
}

static struct weir_answer play_touch(struct weir_world *w, struct weir_world_task *task,
                                     const struct weir_step *step)
{
	return touch(w, task, step, true);
}

static struct weir_answer play_read(struct weir_world *w, struct weir_world_task *task,
                                    const struct weir_step *step)
{
	return touch(w, task, step, false);
}

static struct weir_answer play_resize(struct weir_world *w, struct weir_world_task *task,
                                      const struct weir_step *step)
{
	struct weir_world_map *map = weir_world_map(task, step->name);
	int r;

	if (!map)
		return weir_answer(-ENOENT);
	r = weir_remap_resize(w->model, task->task, map->addr, map->nr, step->pages,
	                      map->page_bytes);
	if (!r)
		map->nr = step->pages;
	if (!r && !is_there(w, task, map))
		weir_world_drop_map(task, map);
	return weir_answer(r);
}

static struct weir_answer play_move(struct weir_world *w, struct weir_world_task *task,
                                    const struct weir_step *step)
{
	struct weir_world_map *map = weir_world_map(task, step->name), moved;
	size_t at;
	int r;

	if (!map)
		return weir_answer(-ENOENT);
	r = weir_remap_move(w->model, task->task, map->addr, map->nr, map->page_bytes,
	                    &map->addr);
	if (r < 0)
		return weir_answer(r);
	/* the list is by address */
	moved = *map;
	at = (size_t)(map - task->maps);
	for (; at + 1 < task->nr_maps; at++)
		task->maps[at] = task->maps[at + 1];
	task->maps[at] = moved;
	return weir_answer(0);
}

static struct weir_answer play_advice(struct weir_world *w, struct weir_world_task *task,
                                      const struct weir_step *step,
                                      enum weir_advice advice)
{
	struct range at;
	int r = find_range(task, step, &at);

	if (!r)
		r = weir_advise(w->model, task->task, at.addr, at.nr, at.map->page_bytes,
		                advice);
	return weir_answer(r);
}

static struct weir_answer play_dontneed(struct weir_world *w,
                                        struct weir_world_task *task,
                                        const struct weir_step *step)
{
	return play_advice(w, task, step, WEIR_ADVICE_DONTNEED);
}

static struct weir_answer play_remove(struct weir_world *w, struct weir_world_task *task,
                                      const struct weir_step *step)
{
	return play_advice(w, task, step, WEIR_ADVICE_REMOVE);
}

static struct weir_answer play_populate(struct weir_world *w,
                                        struct weir_world_task *task,
                                        const struct weir_step *step)
{
	return play_advice(w, task, step, WEIR_ADVICE_POPULATE_WRITE);
}

static struct weir_answer play_populate_read(struct weir_world *w,
                                             struct weir_world_task *task,
                                             const struct weir_step *step)
{
	return play_advice(w, task, step, WEIR_ADVICE_POPULATE_READ);
}

static struct weir_answer play_lock(struct weir_world *w, struct weir_world_task *task,
                                    const struct weir_step *step)
{
	return play_advice(w, task, step, WEIR_ADVICE_LOCK);
}

static struct weir_answer play_pin(struct weir_world *w, struct weir_world_task *task,
                                   const struct weir_step *step)
{
	struct range at;
	int r = find_range(task, step, &at);

	if (!r)
		r = weir_pin(w->model, task->task, at.addr, at.nr, at.map->page_bytes);
	return weir_answer(r);
}

static struct weir_answer play_unpin(struct weir_world *w, struct weir_world_task *task,
                                     const struct weir_step *step)
{
	size_t before = task->task->nr_pins;
	struct range at;
	int r = find_range(task, step, &at);

	if (r < 0)
		return weir_answer(r);
	weir_unpin(w->model, task->task, at.addr, at.nr, at.map->page_bytes);
	return weir_answer(task->task->nr_pins < before ? 0 : -ENOENT);
}

static struct weir_answer play_bind(struct weir_world *w, struct weir_world_task *task,
                                    const struct weir_step *step)
{
	struct range at;
	int r = find_range(task, step, &at);

	if (!r)
		r = weir_bind(w->model, task->task, at.addr, at.nr, at.map->page_bytes,
		              &step->policy);
	return weir_answer(r);
}

static struct weir_answer play_migrate(struct weir_world *w, struct weir_world_task *task,
                                       const struct weir_step *step)
{
	struct range at;
	int r = find_range(task, step, &at);

	if (!r)
		r = weir_move_pages(w->model, task->task, at.addr, at.nr,
		                    at.map->page_bytes, step->node);
	return weir_answer(r);
}

static struct weir_answer play_soft_offline(struct weir_world *w,
                                            struct weir_world_task *task,
                                            const struct weir_step *step)
{
	struct range at;
	int r = find_range(task, step, &at);

	if (r < 0)
		return weir_answer(r);
	return weir_soft_offline(w->model, task->task, at.addr, at.map->page_bytes);
}

static struct weir_answer play_poison(struct weir_world *w, struct weir_world_task *task,
                                      const struct weir_step *step)
{
	struct range at;
	int r = find_range(task, step, &at);

	if (r < 0)
		return weir_answer(r);
	return weir_poison(w->model, task->task, at.addr, at.map->page_bytes);
}

/* ---- files ---- */

static struct weir_answer play_open(struct weir_world *w, struct weir_world_task *task,
                                    const struct weir_step *step)
{
	const struct weir_world_file *file = weir_world_file(w, step->name);

	if (!file || file->file->kind == WEIR_FILE_SEGMENT)
		return weir_answer(-ENOENT);
	(void)weir_file_open(w->model, task->task, file->file);
	return weir_answer(0);
}

static struct weir_answer play_close(struct weir_world *w, struct weir_world_task *task,
                                     const struct weir_step *step)
{
	const struct weir_world_file *file = weir_world_file(w, step->name);

	if (!file || !weir_file_close(w->model, task->task, file->file))
		return weir_answer(-ENOENT);
	return weir_answer(0);
}

static struct weir_answer play_memfd(struct weir_world *w, struct weir_world_task *task,
                                     const struct weir_step *step)
{
	struct weir_pool *pool = weir_model_pool(w->model, step->page_bytes);
	struct weir_file *file;

	if (weir_world_file(w, step->name))
		return weir_answer(-EEXIST);
	if (!pool)
		return weir_answer(-EINVAL);
	file = weir_file_new(w->model, pool, WEIR_FILE_MEMFD, NULL);
	if (file && weir_file_open(w->model, task->task, file)) {
		file->size = step->pages;
		(void)weir_world_add_file(w, step->name, file);
	}
	return weir_answer(0);
}

static struct weir_answer play_fallocate(struct weir_world *w,
                                         struct weir_world_task *task,
                                         const struct weir_step *step)
{
	const struct weir_world_file *file = weir_world_file(w, step->name);

	if (!file || file->file->kind == WEIR_FILE_SEGMENT)
		return weir_answer(-ENOENT);
	return weir_answer(weir_file_allocate(w->model, task->task, file->file,
	                                      step->start, step->count));
}

static struct weir_answer play_punch(struct weir_world *w, struct weir_world_task *task,
                                     const struct weir_step *step)
{
	const struct weir_world_file *file = weir_world_file(w, step->name);

	(void)task;
	if (!file || file->file->kind == WEIR_FILE_SEGMENT)
		return weir_answer(-ENOENT);
	if (!step->count)
		return weir_answer(-EINVAL);
	weir_file_punch(w->model, file->file, step->start, step->count);
	return weir_answer(0);
}

static struct weir_answer play_shmget(struct weir_world *w, struct weir_world_task *task,
                                      const struct weir_step *step)
{
	struct weir_pool *pool = weir_model_pool(w->model, step->page_bytes);
	struct weir_file *file;
	int r;

	if (weir_world_file(w, step->name))
		return weir_answer(-EEXIST);
	if (!pool)
		return weir_answer(-EINVAL);
	r = weir_segment_new(w->model, task->task, pool, step->pages,
	                     step->flags & WEIR_STEP_NORESERVE, &file);
	if (!r)
		(void)weir_world_add_file(w, step->name, file);
	return weir_answer(r);
}

static struct weir_answer play_shmat(struct weir_world *w, struct weir_world_task *task,
                                     const struct weir_step *step)
{
	const struct weir_world_file *file = weir_world_file(w, step->name);
	struct weir_map_config config = { .shared = true };
	struct weir_world_map *map;
	uint64_t addr;
	int r;

	if (weir_world_map(task, step->other))
		return weir_answer(-EEXIST);
	if (!file || file->file->kind != WEIR_FILE_SEGMENT)
		return weir_answer(-ENOENT);
	config.file = file->file;
	config.pool = &w->model->pools[file->file->pool];
	config.pages = file->file->size;
	r = weir_map(w->model, task->task, &config, &addr);
	if (r < 0)
		return weir_answer(r);
	map = weir_world_add_map(w, task, step->other, addr, config.pages,
	                         config.pool->page_bytes);
	if (map)
		map->segment = config.file;
	return weir_answer(0);
}

static const play_fn by_task[WEIR_VERB_NR] = {
	[WEIR_VERB_FORK] = play_fork,
	[WEIR_VERB_EXIT] = play_exit,
	[WEIR_VERB_CPU] = play_cpu,
	[WEIR_VERB_POLICY] = play_policy,
	[WEIR_VERB_JOIN] = play_join,
	[WEIR_VERB_MAP] = play_map,
	[WEIR_VERB_UNMAP] = play_unmap,
	[WEIR_VERB_TOUCH] = play_touch,
	[WEIR_VERB_READ] = play_read,
	[WEIR_VERB_RESIZE] = play_resize,
	[WEIR_VERB_MOVE] = play_move,
	[WEIR_VERB_DONTNEED] = play_dontneed,
	[WEIR_VERB_REMOVE] = play_remove,
	[WEIR_VERB_POPULATE] = play_populate,
	[WEIR_VERB_POPULATE_READ] = play_populate_read,
	[WEIR_VERB_LOCK] = play_lock,
	[WEIR_VERB_PIN] = play_pin,
	[WEIR_VERB_UNPIN] = play_unpin,
	[WEIR_VERB_BIND] = play_bind,
	[WEIR_VERB_MIGRATE] = play_migrate,
	[WEIR_VERB_SOFT_OFFLINE] = play_soft_offline,
	[WEIR_VERB_POISON] = play_poison,
	[WEIR_VERB_ANON] = weir_play_anon,
	[WEIR_VERB_CACHE] = weir_play_cache,
	[WEIR_VERB_UNMOVABLE] = weir_play_unmovable,
	[WEIR_VERB_OPEN] = play_open,
	[WEIR_VERB_CLOSE] = play_close,
	[WEIR_VERB_MEMFD] = play_memfd,
	[WEIR_VERB_FALLOCATE] = play_fallocate,
	[WEIR_VERB_PUNCH] = play_punch,
	[WEIR_VERB_SHMGET] = play_shmget,
	[WEIR_VERB_SHMAT] = play_shmat,
};

struct weir_answer weir_play_task(struct weir_world *w, struct weir_world_task *task,
                                  const struct weir_step *step)
{
	return by_task[step->verb] ? by_task[step->verb](w, task, step)
	                           : weir_answer(-EINVAL);
}
