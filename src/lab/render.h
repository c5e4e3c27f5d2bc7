/* render: the model as a host: the kernel's text of what a model holds, and writes to it.
 *
 * A third thing behind host/host.h, beside the live machine and a captured tree: whatever
 * reads a host shows a modelled one. There is what the model knows, in the words of the
 * kernel that it follows, and nothing else: no page cache, no slab, no watermarks, no
 * CMA. Each node is one zone "Normal" without a hole, whose free memory lies in one
 * piece. The release reads "6.12-model".
 *
 * Mounts stand under /mnt/NAME; cgroups are v2 under /sys/fs/cgroup. Tasks have the
 * numbers from 1000 on in the order in which they were made, so an earlier one's end
 * moves them.
 *
 * A write goes through weir_world_write(), and fails as the kernel's does. Time stands
 * still: weir_host_now_ns() is 0. */
#ifndef WEIR_LAB_RENDER_H
#define WEIR_LAB_RENDER_H

#include "host/host.h"

struct weir_world;

/* *out shows @world as it is when it is read, and owns it from here on, also after a
 * failure (-ENOMEM with words). Who keeps the pointer may go on playing steps until the
 * host is freed. */
int weir_render_new(struct weir_world *world, struct weir_host **out,
                    struct weir_err *err);

#endif
