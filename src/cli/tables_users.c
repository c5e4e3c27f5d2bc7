/* tables_users: the tables of hugetlbfs mounts and of hugetlb cgroups. */
#include "cli/tables_list.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>

/* An unknown limit or size of a mount means that none was given. */
static void cell_option(struct weir_count n, const struct weir_report_style *style,
                        char cell[WEIR_CELL_MAX])
{
	if (n.known)
		weir_cell_bytes(n, style, cell);
	else
		weir_cell_text("-", cell);
}

static size_t mount_rows(const void *of)
{
	const struct weir_report *report = of;

	return report->snap->mounts.nr;
}

static bool mount_shown(const void *of, const struct weir_report_style *style, size_t row)
{
	const struct weir_report *report = of;
	struct weir_count page = report->snap->mounts.v[row].page_bytes;

	return !page.known || weir_style_has_size(style, page.n);
}

WEIR_CELL(cell_target)
{
	const struct weir_hugetlbfs *m = &report->snap->mounts.v[row];

	(void)style;
	weir_cell_text(m->target, cell);
	if (m->covered) /* another mount stands on top of it */
		(void)strncat(cell, " (hidden)", WEIR_CELL_MAX - strlen(cell) - 1);
}

WEIR_CELL(cell_source)
{
	(void)style;
	weir_cell_text(report->snap->mounts.v[row].source, cell);
}

WEIR_CELL(cell_page_size)
{
	struct weir_count page = report->snap->mounts.v[row].page_bytes;

	(void)style;
	if (page.known)
		(void)weir_format_size(page.n, cell, WEIR_CELL_MAX);
	else
		weir_cell_text(NULL, cell);
}

WEIR_CELL(cell_limit)
{
	cell_option(report->snap->mounts.v[row].size_bytes, style, cell);
}

WEIR_CELL(cell_minimum)
{
	cell_option(report->snap->mounts.v[row].min_size_bytes, style, cell);
}

WEIR_CELL(cell_inodes)
{
	struct weir_count n = report->snap->mounts.v[row].nr_inodes;

	(void)style;
	if (n.known)
		weir_cell_count(n, cell);
	else
		weir_cell_text("-", cell);
}

WEIR_CELL(cell_free_pages)
{
	const struct weir_statfs *st = &report->snap->mounts.v[row].statfs;

	(void)style;
	if (st->page_bytes.known && !st->limited)
		weir_cell_text("-", cell);
	else
		weir_cell_count(st->free_blocks, cell);
}

WEIR_CELL(cell_used_pages)
{
	const struct weir_statfs *st = &report->snap->mounts.v[row].statfs;

	(void)style;
	if (st->page_bytes.known && !st->limited)
		weir_cell_text("-", cell);
	else
		weir_cell_count(weir_count_sub(st->blocks, st->free_blocks), cell);
}

/* Told only where it is not the usual. */
WEIR_CELL(cell_mode)
{
	struct weir_count mode = report->snap->mounts.v[row].mode;

	(void)style;
	if (mode.known)
		(void)snprintf(cell, WEIR_CELL_MAX, "%04" PRIo64, mode.n);
	else
		weir_cell_text("-", cell);
}

static void cell_id(struct weir_count id, char cell[WEIR_CELL_MAX])
{
	if (id.known)
		weir_cell_count(id, cell);
	else
		weir_cell_text("-", cell);
}

WEIR_CELL(cell_uid)
{
	(void)style;
	cell_id(report->snap->mounts.v[row].uid, cell);
}

WEIR_CELL(cell_gid)
{
	(void)style;
	cell_id(report->snap->mounts.v[row].gid, cell);
}

static const struct weir_column mount_columns[] = {
	{ "TARGET", "where it is mounted", cell_target, true, true },
	{ "PAGE", "page size", cell_page_size, true, false },
	{ "LIMIT", "size=: what files may take at most", cell_limit, true, false },
	{ "MINIMUM", "min_size=: what the mount keeps reserved", cell_minimum, true,
	  false },
	{ "INODES", "nr_inodes=", cell_inodes, false, false },
	{ "USED", "pages that count against the limit", cell_used_pages, false, false },
	{ "LEFT", "pages that the limit leaves", cell_free_pages, true, false },
	{ "MODE", "mode= of its root directory", cell_mode, false, false },
	{ "UID", "uid=", cell_uid, false, false },
	{ "GID", "gid=", cell_gid, false, false },
	{ "SOURCE", "what was named as its source", cell_source, false, true },
};

const struct weir_table_def weir_table_mounts = {
	.id = WEIR_TABLE_MOUNTS,
	.name = "mounts",
	.help = "hugetlbfs mounts",
	.columns = mount_columns,
	.nr_columns = WEIR_NELEM(mount_columns),
	.rows = mount_rows,
	.shown = mount_shown,
};

static size_t cgroup_rows(const void *of)
{
	const struct weir_report *report = of;
	const struct weir_cgroups *all = &report->snap->cgroups;

	return all->nr ? all->nr * all->v[0].nr : 0;
}

/* A row is one page size of one group; each group has all sizes. */
static const struct weir_cgroup_use *use_of(const struct weir_report *report, size_t row,
                                            const struct weir_cgroup **out_group)
{
	const struct weir_cgroup *all = report->snap->cgroups.v;

	*out_group = &all[row / all[0].nr];
	return &(*out_group)->v[row % all[0].nr];
}

static bool cgroup_shown(const void *of, const struct weir_report_style *style,
                         size_t row)
{
	const struct weir_report *report = of;
	const struct weir_cgroup *g;
	const struct weir_cgroup_use *u = use_of(report, row, &g);

	return weir_style_has_size(style, u->page_bytes) && weir_cgroup_matters(u);
}

static void cell_cgroup_limit(struct weir_count n, const struct weir_report_style *style,
                              char cell[WEIR_CELL_MAX])
{
	if (n.known && n.n == WEIR_CGROUP_UNLIMITED)
		weir_cell_text("max", cell);
	else
		weir_cell_bytes(n, style, cell);
}

WEIR_CELL(cell_group)
{
	const struct weir_cgroup *g;

	(void)style;
	(void)use_of(report, row, &g);
	weir_cell_text(g->path, cell);
}

WEIR_CELL(cell_group_size)
{
	const struct weir_cgroup *g;

	(void)style;
	(void)weir_format_size(use_of(report, row, &g)->page_bytes, cell, WEIR_CELL_MAX);
}

WEIR_CELL(cell_usage)
{
	const struct weir_cgroup *g;

	weir_cell_bytes(use_of(report, row, &g)->usage, style, cell);
}

WEIR_CELL(cell_usage_limit)
{
	const struct weir_cgroup *g;

	cell_cgroup_limit(use_of(report, row, &g)->limit, style, cell);
}

WEIR_CELL(cell_rsvd)
{
	const struct weir_cgroup *g;

	weir_cell_bytes(use_of(report, row, &g)->reserved, style, cell);
}

WEIR_CELL(cell_rsvd_limit)
{
	const struct weir_cgroup *g;

	cell_cgroup_limit(use_of(report, row, &g)->reserved_limit, style, cell);
}

WEIR_CELL(cell_refusals)
{
	const struct weir_cgroup *g;

	(void)style;
	weir_cell_count(weir_cgroup_refusals(use_of(report, row, &g)), cell);
}

static const struct weir_column cgroup_columns[] = {
	{ "CGROUP", "path of the group", cell_group, true, true },
	{ "SIZE", "page size", cell_group_size, true, false },
	{ "USAGE", "bytes charged for pages", cell_usage, true, false },
	{ "LIMIT", "of them, at most", cell_usage_limit, true, false },
	{ "RSVD", "bytes charged for reservations", cell_rsvd, true, false },
	{ "RSVD-LIMIT", "of them, at most", cell_rsvd_limit, true, false },
	{ "REFUSALS", "how often a limit refused", cell_refusals, true, false },
};

const struct weir_table_def weir_table_cgroups = {
	.id = WEIR_TABLE_CGROUPS,
	.name = "cgroups",
	.help = "hugetlb use and limits of cgroups",
	.columns = cgroup_columns,
	.nr_columns = WEIR_NELEM(cgroup_columns),
	.rows = cgroup_rows,
	.shown = cgroup_shown,
};
