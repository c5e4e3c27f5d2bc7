/* play: verbs of tasks; internal to lab. */
#ifndef WEIR_LAB_PLAY_H
#define WEIR_LAB_PLAY_H

#include "lab/world.h"
#include "lab/world_names.h"

/* Plays a step of @task, which may end. */
struct weir_answer weir_play_task(struct weir_world *w, struct weir_world_task *task,
                                  const struct weir_step *step);

struct weir_result weir_result_of(struct weir_answer answer);

/* play_vm.c */
struct weir_answer weir_play_anon(struct weir_world *w, struct weir_world_task *task,
                                  const struct weir_step *step);
struct weir_answer weir_play_cache(struct weir_world *w, struct weir_world_task *task,
                                   const struct weir_step *step);
struct weir_answer weir_play_unmovable(struct weir_world *w, struct weir_world_task *task,
                                       const struct weir_step *step);
int weir_play_drop_caches(struct weir_world *w, const struct weir_step *step);
int weir_play_compact(struct weir_world *w, const struct weir_step *step);
int weir_play_start(struct weir_world *w, const struct weir_step *step);
int weir_play_use(struct weir_world *w, const struct weir_step *step);
int weir_play_stop(struct weir_world *w, const struct weir_step *step);

#endif
