/* task: see task.h. Source: kernel/fork.c dup_mmap(), mm/mmap.c exit_mmap(),
 * kernel/exit.c do_exit(), v5.10 to v6.18. */
#include "model/task.h"

#include "model/anon.h"
#include "model/file.h"
#include "model/pin.h"
#include "model/vma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct weir_task *weir_task_new(struct weir_model *m, const struct weir_task_config *c)
{
	struct weir_task *task = calloc(1, sizeof(*task));

	if (!task || !weir_model_grow(m, &m->tasks, &m->cap_tasks, m->nr_tasks,
	                              sizeof(struct weir_task *))) {
		free(task);
		m->failed = true;
		return NULL;
	}
	task->cpu = c->cpu;
	task->group = c->group ? c->group : WEIR_GROUP_ROOT;
	task->mems = c->mems ? c->mems & m->memory.nodes : m->memory.nodes;
	m->tasks[m->nr_tasks++] = task;
	return task;
}

int weir_task_fork(struct weir_model *m, const struct weir_task *parent,
                   struct weir_task **out)
{
	struct weir_task_config config = {
		.cpu = parent->cpu,
		.group = parent->group,
		.mems = parent->mems,
	};
	struct weir_task *child = weir_task_new(m, &config);
	int r = 0;

	if (!child)
		return -ENOMEM;
	child->policy = parent->policy;
	child->next_slot = parent->next_slot;
	for (size_t i = 0; i < parent->nr_open; i++)
		(void)weir_file_open(m, child, parent->open[i]);
	for (size_t i = 0; r == 0 && i < parent->nr_vmas; i++)
		r = weir_vma_fork(m, parent, parent->vmas[i], child);
	if (r < 0 && !m->failed)
		weir_task_exit(m, child); /* dup_mmap(): all of it goes again */
	if (r == 0)
		*out = child;
	return r;
}

void weir_task_exit(struct weir_model *m, struct weir_task *task)
{
	struct weir_gather gather = { 0 };
	size_t at = 0;

	/* exit_mmap(): all page tables first, the pages freed together, then the mappings
	 */
	for (size_t i = 0; i < task->nr_vmas; i++)
		weir_zap(m, task->vmas[i], 0, task->vmas[i]->nr, &gather);
	weir_gather_finish(m, &gather);
	for (size_t i = 0; i < task->nr_vmas; i++)
		weir_vma_close(m, task->vmas[i]);
	task->nr_vmas = 0;
	for (size_t i = 0; i < task->nr_open; i++) {
		task->open[i]->openers--;
		weir_file_settle(m, task->open[i]);
	}
	weir_files_evict(m);
	/* io_uring lets go last of all, when its rings are freed */
	weir_unpin_all(m, task);
	weir_anon_free(m, task);
	while (m->tasks[at] != task)
		at++;
	m->nr_tasks--;
	memmove(&m->tasks[at], &m->tasks[at + 1],
	        (m->nr_tasks - at) * sizeof(struct weir_task *));
	free(task->vmas);
	free(task->open);
	free(task->pins);
	free(task);
}

void weir_task_discard(struct weir_task *task)
{
	for (size_t i = 0; i < task->nr_vmas; i++)
		weir_vma_discard(task->vmas[i]);
	for (size_t i = 0; i < task->nr_pins; i++)
		free(task->pins[i].pages);
	free(task->pins);
	free(task->anon);
	free(task->vmas);
	free(task->open);
	free(task);
}
