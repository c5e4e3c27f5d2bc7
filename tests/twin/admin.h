/* admin: what the administrator does: pools, mounts, files, cgroups; and cleaning up. */
#ifndef WEIR_TWIN_ADMIN_H
#define WEIR_TWIN_ADMIN_H

#include "world.h"

/* Finds cgroup v2 and turns on for children what there is of hugetlb and cpuset. */
void twin_admin_open(struct twin *t);

/* False: a step that cannot be played on a kernel. */
bool twin_admin_step(struct twin *t, const struct weir_step *step,
                     struct twin_result *result);

/* Ends all tasks, removes all segments, files, mounts and cgroups. */
void twin_admin_clean(struct twin *t);

#endif
