/* tasks: the steps of tasks, played by their workers. */
#ifndef WEIR_TWIN_TASKS_H
#define WEIR_TWIN_TASKS_H

#include "world.h"

/* The step "task NAME": a new worker, with its CPU, cgroup and cpuset. */
void twin_task_start(struct twin *t, const struct weir_step *step,
                     struct twin_result *result);

/* Any step that a task does. */
void twin_task_step(struct twin *t, const struct weir_step *step,
                    struct twin_result *result);

/* Ends the task, and removes the cgroup of its cpuset. */
void twin_task_end(struct twin *t, struct twin_task *task);

#endif
