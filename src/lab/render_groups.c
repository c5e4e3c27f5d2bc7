/* render_groups: cgroup v2 with the hugetlb controller. kernel-rules.md 6.
 * Source: mm/hugetlb_cgroup.c hugetlb_cgroup_read_u64_max(), hugetlb_events_show(),
 * hugetlb_cgroup_read_numa_stat(), v6.6. */
#include "lab/render_files.h"

#include "base/own.h"
#include "model/task.h"

#include <inttypes.h>

static const struct weir_group_size *size_of(const struct weir_subject *s)
{
	return &weir_group(&s->world->model->groups, s->group->id)->sizes[s->pool->idx];
}

static int show_charge(const struct weir_subject *s, enum weir_charge what,
                       struct weir_buf *out)
{
	return weir_buf_printf(out, "%" PRIu64 "\n",
	                       (uint64_t)size_of(s)->charged[what] * s->pool->page_bytes);
}

static int show_limit(const struct weir_subject *s, enum weir_charge what,
                      struct weir_buf *out)
{
	int64_t pages = size_of(s)->limit[what];

	/* PAGE_COUNTER_MAX, in whole huge pages */
	if (pages >= (int64_t)((uint64_t)INT64_MAX / s->pool->page_bytes))
		return weir_buf_addz(out, "max\n");
	return weir_buf_printf(out, "%" PRIu64 "\n",
	                       (uint64_t)pages * s->pool->page_bytes);
}

static int show_current(const struct weir_subject *s, struct weir_buf *out)
{
	return show_charge(s, WEIR_CHARGE_USAGE, out);
}

static int show_rsvd_current(const struct weir_subject *s, struct weir_buf *out)
{
	return show_charge(s, WEIR_CHARGE_RSVD, out);
}

static int show_max(const struct weir_subject *s, struct weir_buf *out)
{
	return show_limit(s, WEIR_CHARGE_USAGE, out);
}

static int show_rsvd_max(const struct weir_subject *s, struct weir_buf *out)
{
	return show_limit(s, WEIR_CHARGE_RSVD, out);
}

static int show_events(const struct weir_subject *s, struct weir_buf *out)
{
	return weir_buf_printf(out, "max %" PRIu64 "\n", size_of(s)->events);
}

static int show_numa_stat(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_model *m = s->world->model;
	int r = weir_buf_printf(out, "total=%" PRIu64,
	                        (uint64_t)size_of(s)->charged[WEIR_CHARGE_USAGE] *
	                                s->pool->page_bytes);

	weir_each_node (n, m->memory.nodes)
		if (r == 0)
			r = weir_buf_printf(
				out, " N%u=%" PRIu64, n,
				weir_group_node_usage(m, s->group->id, s->pool, n) *
					s->pool->page_bytes);
	return r == 0 ? weir_buf_addz(out, "\n") : r;
}

static bool has_numa_stat(const struct weir_subject *s)
{
	return s->world->model->rules.cgroup_numa_stat;
}

static int show_procs_of(const struct weir_world *world, uint32_t id,
                         struct weir_buf *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < world->nr_tasks; i++)
		if (world->tasks[i]->task->group == id)
			r = weir_buf_printf(out, "%zu\n", WEIR_RENDER_PID_FIRST + i);
	return r;
}

static int show_procs(const struct weir_subject *s, struct weir_buf *out)
{
	return show_procs_of(s->world, s->group->id, out);
}

static int show_root_procs(const struct weir_subject *s, struct weir_buf *out)
{
	return show_procs_of(s->world, WEIR_GROUP_ROOT, out);
}

static int show_controllers(const struct weir_subject *s, struct weir_buf *out)
{
	(void)s;
	return weir_buf_addz(out, "hugetlb\n");
}

#define ROOT  "/sys/fs/cgroup/"
#define GROUP ROOT "%g/"

static const struct weir_render_file files[] = {
	{ ROOT "cgroup.controllers", show_controllers, NULL, false, 0 },
	{ ROOT "cgroup.procs", show_root_procs, NULL, false, 0 },
	{ GROUP "cgroup.controllers", show_controllers, NULL, false, 0 },
	{ GROUP "cgroup.procs", show_procs, NULL, false, 0 },
	{ GROUP "hugetlb.%c.current", show_current, NULL, false, 0 },
	{ GROUP "hugetlb.%c.rsvd.current", show_rsvd_current, NULL, false, 0 },
	{ GROUP "hugetlb.%c.max", show_max, NULL, true, WEIR_TARGET_CG_MAX },
	{ GROUP "hugetlb.%c.rsvd.max", show_rsvd_max, NULL, true,
	  WEIR_TARGET_CG_RSVD_MAX },
	{ GROUP "hugetlb.%c.events", show_events, NULL, false, 0 },
	{ GROUP "hugetlb.%c.numa_stat", show_numa_stat, has_numa_stat, false, 0 },
};

const struct weir_render_files weir_render_groups = { files, WEIR_NELEM(files) };
