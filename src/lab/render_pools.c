/* render_pools: huge page pools in sysfs and /proc/sys/vm. kernel-rules.md 1.7.
 * Source: mm/hugetlb.c and mm/hugetlb_sysfs.c, the _show functions, v5.10 to v6.18. */
#include "lab/render_files.h"

#include "base/own.h"

#include <inttypes.h>

static int show_u64(uint64_t n, struct weir_buf *out)
{
	return weir_buf_printf(out, "%" PRIu64 "\n", n);
}

/* ---- a size on all nodes ---- */

static int show_total(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(s->pool->total, out);
}

static int show_free(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(s->pool->free, out);
}

static int show_reserved(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(s->pool->reserved, out);
}

static int show_surplus(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(s->pool->surplus, out);
}

static int show_overcommit(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(s->pool->overcommit, out);
}

static int show_demote_size(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_model *m = s->world->model;

	return weir_buf_printf(out, "%" PRIu64 "kB\n",
	                       m->pools[s->pool->demote_to - 1].page_bytes / 1024);
}

static bool has_demote(const struct weir_subject *s)
{
	return s->pool->demote_to;
}

/* ---- a size on one node ---- */

static int show_node_total(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(s->pool->nr[s->node], out);
}

static int show_node_free(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(s->pool->nr_free[s->node], out);
}

static int show_node_surplus(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(s->pool->nr_surplus[s->node], out);
}

/* ---- the default size ---- */

static const struct weir_pool *default_pool(const struct weir_subject *s)
{
	return &s->world->model->pools[0];
}

static int show_max(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(default_pool(s)->max, out);
}

static int show_default_overcommit(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(default_pool(s)->overcommit, out);
}

static int show_shm_group(const struct weir_subject *s, struct weir_buf *out)
{
	(void)s;
	return show_u64(0, out);
}

static int show_hvo(const struct weir_subject *s, struct weir_buf *out)
{
	return show_u64(s->world->model->hvo, out);
}

static bool has_hvo(const struct weir_subject *s)
{
	return s->world->model->rules.hvo_kib_2m;
}

#define ALL  "/sys/kernel/mm/hugepages/hugepages-%skB/"
#define NODE "/sys/devices/system/node/node%n/hugepages/hugepages-%skB/"
#define VM   "/proc/sys/vm/"

static const struct weir_render_file files[] = {
	{ ALL "nr_hugepages", show_total, NULL, true, WEIR_TARGET_NR },
	{ ALL "nr_hugepages_mempolicy", show_total, NULL, true, WEIR_TARGET_MEMPOLICY },
	{ ALL "nr_overcommit_hugepages", show_overcommit, NULL, true,
	  WEIR_TARGET_OVERCOMMIT },
	{ ALL "free_hugepages", show_free, NULL, false, 0 },
	{ ALL "resv_hugepages", show_reserved, NULL, false, 0 },
	{ ALL "surplus_hugepages", show_surplus, NULL, false, 0 },
	{ ALL "demote", NULL, has_demote, true, WEIR_TARGET_DEMOTE },
	{ ALL "demote_size", show_demote_size, has_demote, true,
	  WEIR_TARGET_DEMOTE_SIZE },
	{ NODE "nr_hugepages", show_node_total, NULL, true, WEIR_TARGET_NR },
	{ NODE "free_hugepages", show_node_free, NULL, false, 0 },
	{ NODE "surplus_hugepages", show_node_surplus, NULL, false, 0 },
	{ NODE "demote", NULL, has_demote, true, WEIR_TARGET_DEMOTE },
	{ NODE "demote_size", show_demote_size, has_demote, true,
	  WEIR_TARGET_DEMOTE_SIZE },
	{ VM "nr_hugepages", show_max, NULL, true, WEIR_TARGET_PROC_NR },
	{ VM "nr_hugepages_mempolicy", show_max, NULL, true, WEIR_TARGET_PROC_MEMPOLICY },
	{ VM "nr_overcommit_hugepages", show_default_overcommit, NULL, true,
	  WEIR_TARGET_PROC_OVERCOMMIT },
	{ VM "hugetlb_shm_group", show_shm_group, NULL, false, 0 },
	{ VM "hugetlb_optimize_vmemmap", show_hvo, has_hvo, false, 0 },
};

const struct weir_render_files weir_render_pools = { files, WEIR_NELEM(files) };
