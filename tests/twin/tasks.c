/* tasks: the steps of tasks that are not about one mapping. See tasks.h. */
#include "tasks.h"

#include "calls.h"
#include "maps.h"
#include "pins.h"
#include "spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdio.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static void do_open(struct twin *t, struct twin_task *task, const struct weir_step *step,
                    struct twin_result *result)
{
	const struct twin_file *file = twin_file_find(t, step->name);
	size_t number = file ? (size_t)(file - t->files) : 0;
	struct twin_open *opened = file ? twin_open_find(task, number) : NULL;
	int fd;

	if (step->verb == WEIR_VERB_CLOSE) {
		if (!opened) {
			twin_fail(result, ENOENT);
			return;
		}
		fd = opened->fd;
		*opened = task->opens[--task->nr_opens];
		twin_close(task, fd);
		return;
	}
	if (!file || opened) {
		twin_fail(result, file ? EEXIST : ENOENT);
		return;
	}
	fd = twin_open_file(t, task, file, result);
	if (fd < 0)
		return;
	if (weir_grow(&task->opens, &task->cap_opens, task->nr_opens,
	              sizeof(*task->opens)) < 0)
		twin_fail(result, ENOMEM);
	else
		task->opens[task->nr_opens++] = (struct twin_open){ number, fd };
}

static void do_memfd(struct twin *t, struct twin_task *task, const struct weir_step *step,
                     struct twin_result *result)
{
	struct twin_ask create = TWIN_CALL(.nr = SYS_memfd_create, .pointers = 1);
	struct twin_ask set = TWIN_CALL(.nr = SYS_ftruncate);
	uint64_t page = twin_size_of(t, step->page_bytes);
	struct twin_answer answer;
	int fd;

	if (twin_file_find(t, step->name)) {
		twin_fail(result, EEXIST);
		return;
	}
	create.arg[0] = twin_ask_data(&create, "weir", sizeof("weir"));
	create.arg[1] = MFD_HUGETLB | twin_huge_flags(page);
	if (!twin_call_for(task, &create, &answer, result))
		return;
	fd = (int)answer.ret;
	set.arg[0] = (uint64_t)fd;
	set.arg[1] = step->pages * page;
	if (!twin_call(task, &set, result)) {
		twin_close(task, fd);
		return;
	}
	if (weir_grow(&task->opens, &task->cap_opens, task->nr_opens,
	              sizeof(*task->opens)) < 0 ||
	    !twin_file_add(t, step->name, page, false)) {
		twin_fail(result, ENOMEM);
		return;
	}
	task->opens[task->nr_opens++] = (struct twin_open){ t->nr_files - 1, fd };
}

static void do_fallocate(struct twin *t, struct twin_task *task,
                         const struct weir_step *step, struct twin_result *result)
{
	struct twin_ask request = TWIN_CALL(.nr = SYS_fallocate);
	const struct twin_file *file = twin_file_find(t, step->name);
	int fd;

	if (!file) {
		twin_fail(result, ENOENT);
		return;
	}
	fd = twin_open_file(t, task, file, result);
	if (fd < 0)
		return;
	request.arg[0] = (uint64_t)fd;
	if (step->verb == WEIR_VERB_PUNCH)
		request.arg[1] = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	request.arg[2] = step->start * file->page_bytes;
	request.arg[3] = step->count * file->page_bytes;
	(void)twin_call(task, &request, result);
	twin_close(task, fd);
}

static void do_shmget(struct twin *t, struct twin_task *task,
                      const struct weir_step *step, struct twin_result *result)
{
	struct twin_ask request = TWIN_CALL(.nr = SYS_shmget);
	uint64_t page = twin_size_of(t, step->page_bytes);
	struct twin_answer answer;

	if (twin_segment_find(t, step->name)) {
		twin_fail(result, EEXIST);
		return;
	}
	request.arg[0] = (uint64_t)IPC_PRIVATE;
	request.arg[1] = step->pages * page;
	request.arg[2] = IPC_CREAT | 0600 | SHM_HUGETLB | twin_huge_flags(page);
	if (step->flags & WEIR_STEP_NORESERVE)
		request.arg[2] |= SHM_NORESERVE;
	if (!twin_call_for(task, &request, &answer, result))
		return;
	if (weir_grow(&t->segments, &t->cap_segments, t->nr_segments,
	              sizeof(*t->segments)) < 0) {
		twin_fail(result, ENOMEM);
		return;
	}
	t->segments[t->nr_segments++] = (struct twin_segment){ step->name,
		                                               (int)answer.ret, true,
		                                               page, step->pages };
}

static void do_fork(struct twin *t, struct twin_task *task, const struct weir_step *step,
                    struct twin_result *result)
{
	size_t parent = (size_t)(task - t->tasks);
	struct twin_task *child;
	int err;

	if (twin_task_find(t, step->name)) {
		twin_fail(result, EEXIST);
		return;
	}
	child = twin_task_add(t, step->name);
	err = child ? twin_fork(&t->tasks[parent], child, result) : ENOMEM;
	if (!err)
		twin_pins_fork(child, &t->tasks[parent]);
	if (!err && !twin_task_copy(child, &t->tasks[parent]))
		err = ENOMEM;
	twin_fail(result, err);
}

/* Into the cgroup; kernels up to 6.1 forget over it where the task may run. */
static int move_to(struct twin_task *task, const char *procs)
{
	char pid[32];
	int r;

	(void)snprintf(pid, sizeof(pid), "%d\n", (int)task->pid);
	r = twin_write_text(procs, pid);
	return r < 0 ? -r : twin_pin(task, task->cpu);
}

static void do_join(struct twin *t, struct twin_task *task, const struct weir_step *step,
                    struct twin_result *result)
{
	char path[TWIN_PATH_MAX];

	twin_group_path(t, TWIN_CGROUP, step->name, "cgroup.procs", path, sizeof(path));
	twin_fail(result, twin_group_find(t, step->name) ? move_to(task, path) : ENOENT);
}

static void do_policy(struct twin_task *task, const struct weir_step *step,
                      struct twin_result *result)
{
	struct twin_ask request = TWIN_CALL(.nr = SYS_set_mempolicy);

	twin_add_policy(&request, &step->policy, 0);
	(void)twin_call(task, &request, result);
}

/* A pool file written by a task: what counts there is its policy. */
static void do_write(struct twin *t, struct twin_task *task, const struct weir_step *step,
                     struct twin_result *result)
{
	struct twin_ask request = TWIN_CALL(.nr = SYS_write, .pointers = 1U << 1);
	char path[TWIN_PATH_MAX];
	int fd;

	twin_kernel_path(&t->kernel, step, path, sizeof(path));
	fd = twin_open(task, path, O_WRONLY, result);
	if (fd < 0)
		return;
	request.arg[0] = (uint64_t)fd;
	request.arg[1] = twin_ask_data(&request, step->value.p, step->value.n);
	request.arg[2] = step->value.n;
	(void)twin_call(task, &request, result);
	twin_close(task, fd);
}

void twin_task_step(struct twin *t, const struct weir_step *step,
                    struct twin_result *result)
{
	struct twin_task *task = twin_task_find(t, step->task);

	if (!task) {
		twin_fail(result, ESRCH);
		return;
	}
	switch ((unsigned int)step->verb) {
	case WEIR_VERB_FORK: do_fork(t, task, step, result); break;
	case WEIR_VERB_EXIT: twin_task_end(t, task); break;
	case WEIR_VERB_CPU: twin_fail(result, twin_pin(task, step->cpu)); break;
	case WEIR_VERB_POLICY: do_policy(task, step, result); break;
	case WEIR_VERB_JOIN: do_join(t, task, step, result); break;
	case WEIR_VERB_MAP: twin_map_make(t, task, step, result); break;
	case WEIR_VERB_SHMAT: twin_map_attach(t, task, step, result); break;
	case WEIR_VERB_SHMGET: do_shmget(t, task, step, result); break;
	case WEIR_VERB_OPEN:
	case WEIR_VERB_CLOSE: do_open(t, task, step, result); break;
	case WEIR_VERB_MEMFD: do_memfd(t, task, step, result); break;
	case WEIR_VERB_FALLOCATE:
	case WEIR_VERB_PUNCH: do_fallocate(t, task, step, result); break;
	case WEIR_VERB_WRITE: do_write(t, task, step, result); break;
	default: twin_map_step(task, step, result); break;
	}
}

/* The cgroup of a task's cpuset has the number of the task's record. */
static void cpuset_path(const struct twin *t, size_t number, const char *file, char *path,
                        size_t cap)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%zu", number);
	twin_group_path(t, TWIN_CPUSET, weir_strz(name), file, path, cap);
}

/* A cgroup of its own with cpuset.mems, for the task to come. Positive errno, or 0.
 * 5.10 does not give its memory nodes to a task that is born in it, so the task moves. */
static int make_cpuset(const struct twin *t, const struct weir_step *step)
{
	char path[TWIN_PATH_MAX], mems[WEIR_MODEL_NODES_MAX * 4] = "";
	size_t len = 0;
	int r;

	for (unsigned int id = 0; id < WEIR_MODEL_NODES_MAX; id++) {
		if (step->mems >> id & 1)
			len += (size_t)snprintf(mems + len, sizeof(mems) - len, "%s%u",
			                        len ? "," : "", id);
	}
	cpuset_path(t, t->nr_tasks, "", path, sizeof(path));
	if (mkdir(path, 0755) < 0)
		return errno;
	cpuset_path(t, t->nr_tasks, "cpuset.mems", path, sizeof(path));
	r = twin_write_text(path, mems);
	if (r < 0) {
		cpuset_path(t, t->nr_tasks, "", path, sizeof(path));
		(void)rmdir(path);
	}
	return -r;
}

void twin_task_start(struct twin *t, const struct weir_step *step,
                     struct twin_result *result)
{
	char path[TWIN_PATH_MAX];
	bool mems = step->mems && !step->other.n;
	struct twin_task *task;
	int cgroup = -1, err;

	if (twin_task_find(t, step->name)) {
		twin_fail(result, EEXIST);
		return;
	}
	if (step->other.n) {
		if (!twin_group_find(t, step->other)) {
			twin_fail(result, ENOENT);
			return;
		}
		twin_group_path(t, TWIN_CGROUP, step->other, "", path, sizeof(path));
		cgroup = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	} else if (mems && (err = make_cpuset(t, step)) != 0) {
		twin_fail(result, err);
		return;
	}
	task = twin_task_add(t, step->name);
	err = task ? twin_spawn(task, step->cpu < 0 ? 0 : step->cpu, cgroup) : ENOMEM;
	if (!err && mems) {
		task->in_cpuset = true;
		cpuset_path(t, (size_t)(task - t->tasks), "cgroup.procs", path,
		            sizeof(path));
		err = move_to(task, path);
	}
	twin_fail(result, err);
	if (cgroup >= 0)
		(void)close(cgroup);
}

void twin_task_end(struct twin *t, struct twin_task *task)
{
	char path[TWIN_PATH_MAX];

	twin_pins_end(task);
	if (task->in_cpuset) { /* stays while a forked one lives in it; removed at the end
		                */
		cpuset_path(t, (size_t)(task - t->tasks), "", path, sizeof(path));
		(void)rmdir(path);
	}
}
