/* play: the steps of a scenario, done to a world. One function a verb; play_task.c has
 * the verbs of tasks. */
#include "lab/play.h"

#include "base/own.h"
#include "model/mount.h"
#include "model/offline.h"
#include "model/task.h"

#include <errno.h>

/* ---- of the administrator ---- */

static int play_write(struct weir_world *w, const struct weir_step *step)
{
	const struct weir_world_write how = {
		.target = step->target,
		.page_bytes = step->page_bytes,
		.node = step->flags & WEIR_STEP_NODE ? (int)step->node : -1,
		.group = step->name,
		.value = step->value,
	};
	struct weir_world_task *task = NULL;

	if (step->task.n) {
		task = weir_world_task(w, step->task);
		if (!task)
			return -ESRCH;
	}
	return weir_world_write(w, task, &how);
}

static bool has_cpu(const struct weir_model *m, int cpu)
{
	weir_each_node (n, m->memory.all)
		if (cpu >= 0 && cpu < 64 && m->memory.cpus[n] >> cpu & 1)
			return true;
	return false;
}

static int play_task(struct weir_world *w, const struct weir_step *step)
{
	struct weir_task_config config = { .mems = step->mems };
	struct weir_task *task;

	if (weir_world_task(w, step->name))
		return -EEXIST;
	if (step->cpu >= 0) {
		if (!has_cpu(w->model, step->cpu))
			return -EINVAL;
		config.cpu = (unsigned int)step->cpu;
	}
	if (step->mems & ~w->model->memory.nodes)
		return -EINVAL;
	if (step->other.n) {
		const struct weir_world_group *group = weir_world_group(w, step->other);

		if (!group)
			return -ENOENT;
		config.group = group->id;
	}
	task = weir_task_new(w->model, &config);
	if (task)
		(void)weir_world_add_task(w, step->name, task);
	return 0;
}

static int play_mount(struct weir_world *w, const struct weir_step *step)
{
	struct weir_mount_config config = {
		.pool = weir_model_pool(w->model, step->page_bytes),
		.has_size = step->flags & WEIR_STEP_SIZE,
		.has_min_size = step->flags & WEIR_STEP_MIN_SIZE,
		.has_nr_inodes = step->flags & WEIR_STEP_NR_INODES,
		.size_is_percent = step->flags & WEIR_STEP_SIZE_PERCENT,
		.min_size_is_percent = step->flags & WEIR_STEP_MIN_SIZE_PERCENT,
		.size = step->size,
		.min_size = step->min_size,
		.nr_inodes = step->nr_inodes,
	};
	struct weir_world_mount *entry;
	struct weir_mount *mount;
	int r;

	if (weir_world_mount(w, step->name))
		return -EEXIST;
	if (!config.pool)
		return -EINVAL;
	r = weir_mount(w->model, NULL, &config, &mount);
	if (r < 0)
		return r;
	entry = weir_world_add_mount(w, step->name, mount);
	if (entry) {
		const struct weir_subpool *sp = mount->subpool;
		uint64_t bytes = config.pool->page_bytes;

		entry->size_bytes = sp && sp->max >= 0 ? (uint64_t)sp->max * bytes
		                                       : UINT64_MAX;
		entry->min_size_bytes = sp && sp->min >= 0 ? (uint64_t)sp->min * bytes
		                                           : UINT64_MAX;
		entry->nr_inodes = config.has_nr_inodes ? config.nr_inodes : UINT64_MAX;
	}
	return 0;
}

static int play_umount(struct weir_world *w, const struct weir_step *step)
{
	struct weir_world_mount *mount = weir_world_mount(w, step->name);
	bool gone;
	int r;

	if (!mount)
		return -ENOENT;
	r = weir_umount(w->model, mount->mount, step->flags & WEIR_STEP_LAZY, &gone);
	if (r < 0)
		return r;
	weir_world_drop_mount(w, mount);
	return 0;
}

/* The mount before the slash of a file's name. */
static struct weir_world_mount *mount_of(struct weir_world *w, struct weir_str name)
{
	struct weir_str mount, rest;

	if (!weir_str_split(name, '/', &mount, &rest))
		return NULL;
	return weir_world_mount(w, mount);
}

static int play_create(struct weir_world *w, const struct weir_step *step)
{
	struct weir_world_mount *mount = mount_of(w, step->name);
	const struct weir_world_file *there = weir_world_file(w, step->name);
	struct weir_file *file;
	int r;

	if (!mount)
		return -ENOENT;
	if (there && weir_world_file_is_linked(there))
		return -EEXIST;
	r = weir_mount_create(w->model, mount->mount, &file);
	if (r < 0)
		return r;
	(void)weir_world_add_file(w, step->name, file);
	return 0;
}

static int play_unlink(struct weir_world *w, const struct weir_step *step)
{
	struct weir_world_file *file = weir_world_file(w, step->name);

	if (!file || !weir_world_file_is_linked(file) ||
	    file->file->kind != WEIR_FILE_NAMED)
		return -ENOENT;
	weir_file_unlink(w->model, file->file);
	return 0;
}

static int play_truncate(struct weir_world *w, const struct weir_step *step)
{
	struct weir_world_file *file = weir_world_file(w, step->name);

	if (!file || file->file->kind == WEIR_FILE_SEGMENT)
		return -ENOENT;
	weir_file_truncate(w->model, file->file, step->pages);
	return 0;
}

static int play_rmid(struct weir_world *w, const struct weir_step *step)
{
	struct weir_world_file *file = weir_world_file(w, step->name);

	if (!file || file->file->kind != WEIR_FILE_SEGMENT)
		return -ENOENT;
	weir_file_unlink(w->model, file->file);
	return 0;
}

static int play_cgroup(struct weir_world *w, const struct weir_step *step)
{
	uint32_t id;
	int r;

	if (weir_world_group(w, step->name))
		return -EEXIST;
	r = weir_group_new(w->model, WEIR_GROUP_ROOT, &id);
	if (r < 0)
		return r;
	(void)weir_world_add_group(w, step->name, id);
	return 0;
}

static int play_rmdir(struct weir_world *w, const struct weir_step *step)
{
	struct weir_world_group *group = weir_world_group(w, step->name);

	if (!group)
		return -ENOENT;
	for (size_t i = 0; i < w->nr_tasks; i++)
		if (w->tasks[i]->task->group == group->id)
			return -EBUSY;
	weir_group_end(w->model, group->id);
	weir_world_drop_group(w, group);
	return 0;
}

static int play_offline(struct weir_world *w, const struct weir_step *step)
{
	struct weir_pool *pool = weir_model_pool(w->model, step->page_bytes);

	if (!pool || !weir_node_in(w->model->memory.nodes, step->node))
		return -ENOENT;
	return weir_block_offline(w->model, pool, step->node, step->free, step->used);
}

static int play_poison_free(struct weir_world *w, const struct weir_step *step)
{
	struct weir_pool *pool = weir_model_pool(w->model, step->page_bytes);

	if (!pool || !weir_node_in(w->model->memory.nodes, step->node))
		return -ENOENT;
	return weir_poison_free(w->model, pool, step->node, step->flags & WEIR_STEP_SOFT);
}

typedef int (*play_fn)(struct weir_world *w, const struct weir_step *step);

static const play_fn by_admin[WEIR_VERB_NR] = {
	[WEIR_VERB_WRITE] = play_write,
	[WEIR_VERB_TASK] = play_task,
	[WEIR_VERB_MOUNT] = play_mount,
	[WEIR_VERB_UMOUNT] = play_umount,
	[WEIR_VERB_CREATE] = play_create,
	[WEIR_VERB_UNLINK] = play_unlink,
	[WEIR_VERB_TRUNCATE] = play_truncate,
	[WEIR_VERB_RMID] = play_rmid,
	[WEIR_VERB_CGROUP] = play_cgroup,
	[WEIR_VERB_RMDIR] = play_rmdir,
	[WEIR_VERB_OFFLINE] = play_offline,
	[WEIR_VERB_POISON_FREE] = play_poison_free,
	[WEIR_VERB_START] = weir_play_start,
	[WEIR_VERB_USE] = weir_play_use,
	[WEIR_VERB_STOP] = weir_play_stop,
	[WEIR_VERB_COMPACT] = weir_play_compact,
	[WEIR_VERB_DROP_CACHES] = weir_play_drop_caches,
};

struct weir_result weir_result_of(struct weir_answer answer)
{
	switch (answer.outcome) {
	case WEIR_FAILED:
		return (struct weir_result){ WEIR_RESULT_ERRNO, -answer.err, 0 };
	case WEIR_SIGBUS:
		return (struct weir_result){ WEIR_RESULT_SIGBUS, 0, answer.after };
	case WEIR_MCEERR:
		return (struct weir_result){ WEIR_RESULT_MCEERR, 0, answer.after };
	case WEIR_DONE: break;
	}
	return (struct weir_result){ WEIR_RESULT_OK, 0, 0 };
}

int weir_world_step(struct weir_world *w, const struct weir_step *step,
                    struct weir_result *result, struct weir_err *err)
{
	struct weir_answer answer;

	if (by_admin[step->verb]) {
		answer = weir_answer(by_admin[step->verb](w, step));
	} else {
		struct weir_world_task *task = weir_world_task(w, step->task);

		answer = task ? weir_play_task(w, task, step) : weir_answer(-ESRCH);
	}
	weir_world_sweep_files(w);
	if (w->model->failed)
		return weir_err_sys(err, -ENOMEM, "play '%.*s'",
		                    WEIR_STR_ARG(step->text));
	*result = weir_result_of(answer);
	return 0;
}

int weir_world_bugs(struct weir_world *w, struct weir_buf *out)
{
	static const struct {
		unsigned int bug;
		const char *words;
	} known[] = {
		{ WEIR_BUG_ZAP_SHARED,
		  "bug zap-minds-sharers: this kernel counts a reservation twice while a "
		  "child maps the page; reserved may wrap" },
		{ WEIR_BUG_RESERVE_DROPS_MIN, "bug failed-reserve-drops-min: this kernel "
		                              "lost the mount's minimum with "
		                              "the failed reservation" },
		{ WEIR_BUG_RESERVE_LEAKS_USED, "bug failed-reserve-leaks-used: this "
		                               "kernel keeps counting pages of the "
		                               "mount that nobody got" },
		{ WEIR_BUG_DEMOTE_EATS_SURPLUS,
		  "bug demote-eats-surplus: this kernel gave demoted pages back to the "
		  "system, as surplus" },
		{ WEIR_BUG_COPY_LOOPS, "bug copy-loops: on a real kernel the task would "
		                       "try this copy for ever" },
		{ WEIR_BUG_NODE_TARGET_WRAPS, "bug node-target-wraps: the node has more "
		                              "surplus than pages; this kernel "
		                              "takes all the memory it can get" },
		{ WEIR_BUG_OWNER_LOSES, "bug owner-loses: this kernel took the page from "
		                        "its owner, too, and what "
		                        "was written there is gone" },
		{ WEIR_BUG_RESERVED_LEAKS,
		  "bug reserved-leaks: this kernel will count one reserved page too many "
		  "from now on" },
	};
	unsigned int bugs = w->model->bugs;

	w->model->bugs = 0;
	for (size_t i = 0; i < WEIR_NELEM(known); i++) {
		int r = 0;

		if (bugs & known[i].bug)
			r = weir_buf_printf(out, "%s\n", known[i].words);
		if (r < 0)
			return r;
	}
	return 0;
}
