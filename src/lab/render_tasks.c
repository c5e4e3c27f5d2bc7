/* render_tasks: processes, as far as huge pages go.
 *
 * A task of the model is a process with nothing but its huge mappings and open huge
 * files. Simplified: a page counts as written, for the model does not keep who only read
 * (numa_maps "dirty"). Source: fs/proc/array.c proc_pid_status(), fs/proc/task_mmu.c
 * show_map_vma(), show_numa_map(), hugetlb_report_usage(), mm/mempolicy.c mpol_to_str(),
 * v6.6. */
#include "lab/render_files.h"

#include "base/own.h"
#include "lab/world_names.h"
#include "model/file.h"
#include "model/mount.h"
#include "model/task.h"
#include "model/vma.h"

#include <inttypes.h>

/* ---- status ---- */

static uint64_t mapped_bytes(const struct weir_subject *s)
{
	const struct weir_model *m = s->world->model;
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < m->nr_pools; i++)
		bytes += s->task->task->mapped[i] * m->pools[i].page_bytes;
	return bytes;
}

static uint64_t address_bytes(const struct weir_subject *s)
{
	const struct weir_task *task = s->task->task;
	uint64_t bytes = 0;

	for (size_t i = 0; i < task->nr_vmas; i++)
		bytes += task->vmas[i]->nr *
		         s->world->model->pools[task->vmas[i]->pool].page_bytes;
	return bytes;
}

static int show_status(const struct weir_subject *s, struct weir_buf *out)
{
	uint64_t pid = WEIR_RENDER_PID_FIRST + s->task_idx;
	int r = weir_buf_printf(out,
	                        "Name:\t%.15s\nState:\tS (sleeping)\n"
	                        "Tgid:\t%" PRIu64 "\nPid:\t%" PRIu64 "\n"
	                        "Uid:\t0\t0\t0\t0\nGid:\t0\t0\t0\t0\n"
	                        "VmSize:\t%8" PRIu64 " kB\n"
	                        "HugetlbPages:\t%8" PRIu64 " kB\nThreads:\t1\n"
	                        "Cpus_allowed_list:\t%u\nMems_allowed_list:\t",
	                        s->task->name, pid, pid, address_bytes(s) / 1024,
	                        mapped_bytes(s) / 1024, s->task->task->cpu);

	if (r == 0)
		r = weir_render_list(s->task->task->mems, out);
	return r == 0 ? weir_buf_addz(out, "\n") : r;
}

static int show_comm(const struct weir_subject *s, struct weir_buf *out)
{
	return weir_buf_printf(out, "%.15s\n", s->task->name);
}

static int show_cmdline(const struct weir_subject *s, struct weir_buf *out)
{
	return weir_buf_add(out, weir_str(s->task->name, strlen(s->task->name) + 1));
}

static int show_cgroup(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_world *world = s->world;
	const char *name = "";

	for (size_t i = 0; i < world->nr_groups; i++)
		if (world->groups[i].id == s->task->task->group)
			name = world->groups[i].name;
	return weir_buf_printf(out, "0::/%s\n", name);
}

/* ---- files ---- */

/* What a link to the file reads, and the path in maps. */
static int add_path(const struct weir_file *file, struct weir_buf *out)
{
	const struct weir_world_file *named = file->tag;
	const char *name = named ? named->name : "";
	const char *deleted = file->linked ? "" : " (deleted)";

	switch ((enum weir_file_kind)file->kind) {
	case WEIR_FILE_NAMED:
		/* below a mount that was taken away lazily only the rest is left */
		if (file->mount && file->mount->unmounted && strchr(name, '/'))
			return weir_buf_printf(out, "%s%s", strchr(name, '/'), deleted);
		return weir_buf_printf(out, "/mnt/%s%s", name, deleted);
	case WEIR_FILE_MEMFD: return weir_buf_printf(out, "/memfd:%s (deleted)", name);
	case WEIR_FILE_SEGMENT: return weir_buf_addz(out, "/SYSV00000000 (deleted)");
	case WEIR_FILE_UNNAMED: break;
	}
	return weir_buf_addz(out, "/anon_hugepage (deleted)");
}

static unsigned int device_of(const struct weir_world *world,
                              const struct weir_file *file)
{
	return file->mount ? weir_render_mount_device(world, file->mount)
	                   : weir_render_own_device(&world->model->pools[file->pool]);
}

static int show_link(const struct weir_subject *s, struct weir_buf *out)
{
	return add_path(s->file, out);
}

static int show_fd_statfs(const struct weir_subject *s, struct weir_buf *out)
{
	return weir_render_statfs(&s->world->model->pools[s->file->pool], s->file->mount,
	                          out);
}

static int show_map_statfs(const struct weir_subject *s, struct weir_buf *out)
{
	return weir_render_statfs(&s->world->model->pools[s->vma->pool],
	                          s->vma->file->mount, out);
}

/* ---- mappings ---- */

#define PATH_COLUMN 73   /* of maps */
#define FIRST_INODE 1000 /* by position among the files that there are */

static int add_map(const struct weir_world *world, const struct weir_vma *vma,
                   struct weir_buf *out)
{
	const struct weir_model *m = world->model;
	size_t start = out->n;
	int r = weir_buf_printf(
		out, "%08" PRIx64 "-%08" PRIx64 " r%c-%c %08" PRIx64 " 00:%02x %zu ",
		vma->start, weir_vma_end(m, vma), vma->flags & WEIR_VMA_WRITE ? 'w' : '-',
		vma->flags & WEIR_VMA_SHARED ? 's' : 'p',
		vma->pgoff * m->pools[vma->pool].page_bytes, device_of(world, vma->file),
		FIRST_INODE + vma->file->at);

	while (r == 0 && out->n - start < PATH_COLUMN)
		r = weir_buf_addz(out, " ");
	if (r == 0)
		r = add_path(vma->file, out);
	return r == 0 ? weir_buf_addz(out, "\n") : r;
}

static int show_maps(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_task *task = s->task->task;
	int r = 0;

	for (size_t i = 0; r == 0 && i < task->nr_vmas; i++)
		r = add_map(s->world, task->vmas[i], out);
	return r;
}

static int add_policy(const struct weir_policy *policy, struct weir_buf *out)
{
	static const char *const words[] = {
		[WEIR_POLICY_DEFAULT] = "default",
		[WEIR_POLICY_LOCAL] = "local",
		[WEIR_POLICY_PREFERRED] = "prefer",
		[WEIR_POLICY_PREFERRED_MANY] = "prefer (many)",
		[WEIR_POLICY_BIND] = "bind",
		[WEIR_POLICY_INTERLEAVE] = "interleave",
	};
	int r = weir_buf_printf(out, " %s", words[policy->mode]);

	if (r < 0 || !policy->nodes)
		return r;
	r = weir_buf_addz(out, ":");
	return r == 0 ? weir_render_list(policy->nodes, out) : r;
}

struct seen { /* of one mapping, pages */
	uint64_t all, anon, node[WEIR_MODEL_NODES_MAX];
	uint32_t most_mapped;
};

static void look(const struct weir_model *m, const struct weir_vma *vma,
                 struct seen *seen)
{
	*seen = (struct seen){ 0 };
	for (uint32_t i = weir_pte_next(vma, 0, vma->nr); i < vma->nr;
	     i = weir_pte_next(vma, i + 1, vma->nr)) {
		weir_page_id id = weir_pte(vma, i);
		const struct weir_page *page;

		if (id == WEIR_PTE_POISON)
			continue;
		page = &m->pages.v[id];
		seen->all++;
		seen->anon += page->flags & WEIR_PAGE_ANON ? 1 : 0;
		seen->node[page->node]++;
		if (page->mapcount > seen->most_mapped)
			seen->most_mapped = page->mapcount;
	}
}

static int add_counts(const struct weir_model *m, const struct weir_vma *vma,
                      struct weir_buf *out)
{
	struct seen seen;
	int r = 0;

	look(m, vma, &seen);
	if (!seen.all)
		return 0;
	if (seen.anon)
		r = weir_buf_printf(out, " anon=%" PRIu64, seen.anon);
	if (r == 0)
		r = weir_buf_printf(out, " dirty=%" PRIu64, seen.all);
	if (r == 0 && seen.most_mapped > 1)
		r = weir_buf_printf(out, " mapmax=%" PRIu32, seen.most_mapped);
	weir_each_node (n, m->memory.nodes)
		if (r == 0 && seen.node[n])
			r = weir_buf_printf(out, " N%u=%" PRIu64, n, seen.node[n]);
	if (r == 0)
		r = weir_buf_printf(out, " kernelpagesize_kB=%" PRIu64,
		                    m->pools[vma->pool].page_bytes / 1024);
	return r;
}

static int add_numa_map(const struct weir_subject *s, const struct weir_vma *vma,
                        struct weir_buf *out)
{
	const struct weir_model *m = s->world->model;
	uint16_t policy = vma->policy ? vma->policy : s->task->task->policy;
	weir_auto(weir_buf_done) struct weir_buf path = { 0 };
	int r = weir_buf_printf(out, "%08" PRIx64, vma->start);

	if (r == 0)
		r = add_policy(&m->policies.v[policy], out);
	if (r == 0)
		r = add_path(vma->file, &path);
	if (r == 0)
		r = weir_buf_addz(out, " file=");
	if (r == 0)
		r = weir_buf_add_escaped(out, weir_buf_str(&path));
	if (r == 0)
		r = weir_buf_addz(out, " huge");
	if (r == 0)
		r = add_counts(m, vma, out);
	return r == 0 ? weir_buf_addz(out, "\n") : r;
}

static int show_numa_maps(const struct weir_subject *s, struct weir_buf *out)
{
	const struct weir_task *task = s->task->task;
	int r = 0;

	for (size_t i = 0; r == 0 && i < task->nr_vmas; i++)
		r = add_numa_map(s, task->vmas[i], out);
	return r;
}

#define TASK "/proc/%t/"

static const struct weir_render_file files[] = {
	{ TASK "status", show_status, NULL, false, 0 },
	{ TASK "comm", show_comm, NULL, false, 0 },
	{ TASK "cmdline", show_cmdline, NULL, false, 0 },
	{ TASK "cgroup", show_cgroup, NULL, false, 0 },
	{ TASK "maps", show_maps, NULL, false, 0 },
	{ TASK "numa_maps", show_numa_maps, NULL, false, 0 },
	{ TASK "fd/%f", NULL, NULL, false, 0 },
	{ "/@/link" TASK "fd/%f", show_link, NULL, false, 0 },
	{ "/@/statfs" TASK "fd/%f/@", show_fd_statfs, NULL, false, 0 },
	{ "/@/statfs" TASK "map_files/%v/@", show_map_statfs, NULL, false, 0 },
};

const struct weir_render_files weir_render_tasks = { files, WEIR_NELEM(files) };
