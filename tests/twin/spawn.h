/* spawn: the processes behind tasks: starting, asking, and ending them. */
#ifndef WEIR_TWIN_SPAWN_H
#define WEIR_TWIN_SPAWN_H

#include "world.h"

/* Starts a worker on @cpu, in @cgroup (a descriptor of its directory, or -1). Returns 0
 * or a positive errno; *task then lives. */
int twin_spawn(struct twin_task *task, int cpu, int cgroup);

/* Lets it run on this CPU only. Positive errno, or 0. */
int twin_pin(struct twin_task *task, int cpu);

/* Has @parent fork; *child then lives. Positive errno, or 0. When the parent dies over
 * it, that is told in *result. */
int twin_fork(struct twin_task *parent, struct twin_task *child,
              struct twin_result *result);

/* Kills it, and waits until its memory is gone. */
void twin_kill(struct twin_task *task);

/* Asks the worker and waits for its answer. 0; -1 when it died or hangs, as *result then
 * tells, and the task is buried. */
int twin_ask(struct twin_task *task, const struct twin_ask *ask,
             struct twin_answer *answer, struct twin_result *result);

/* Appends bytes to the request; returns their offset. They must fit. */
uint64_t twin_ask_data(struct twin_ask *ask, const void *data, size_t n);

#endif
