/* maps: the steps on mappings: making, touching, changing, unmapping. */
#ifndef WEIR_TWIN_MAPS_H
#define WEIR_TWIN_MAPS_H

#include "world.h"

void twin_map_make(struct twin *t, struct twin_task *task, const struct weir_step *step,
                   struct twin_result *result); /* map */
void twin_map_attach(struct twin *t, struct twin_task *task, const struct weir_step *step,
                     struct twin_result *result); /* shmat */
void twin_map_step(struct twin_task *task, const struct weir_step *step,
                   struct twin_result *result); /* all on a mapping that is there */

#endif
