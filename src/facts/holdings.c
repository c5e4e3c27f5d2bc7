/* holdings: see holdings.h. First the status of each process, then mounts and files, then
 * what those hold that have touched huge pages, then what others have open; or all of
 * each process at once. What is asked about files is asked of the host that may remember,
 * so that a replay finds it. */
#include "facts/holdings.h"

#include "base/own.h"
#include "facts/holdings_parts.h"

#include <errno.h>
#include <stdlib.h>

void weir_holdings_done(struct weir_holdings *all)
{
	for (size_t i = 0; i < all->nr_tasks; i++) {
		free(all->tasks[i].name);
		free(all->tasks[i].cmdline);
		free(all->tasks[i].cgroup);
	}
	free(all->tasks);
	free(all->maps);
	free(all->nodes);
	free(all->links);
	weir_huge_files_done(&all->files);
	weir_everywhere_done(&all->mounts);
	weir_shm_done(&all->shm);
	*all = (struct weir_holdings){ 0 };
}

size_t weir_holdings_nr_cut(const struct weir_holdings *all)
{
	size_t nr = 0;

	for (size_t i = 0; i < all->nr_tasks; i++)
		nr += all->tasks[i].cut;
	return nr;
}

/* --- processes ---------------------------------------------------------------------- */

/* The group where huge pages are charged: of v1's controller, else that of v2. */
static struct weir_str hugetlb_group(struct weir_str text)
{
	struct weir_str line, id, rest, controllers, path, found = weir_str("", 0);
	struct weir_str name;

	while (weir_str_line(&text, &line)) {
		if (!weir_str_split(line, ':', &id, &rest) ||
		    !weir_str_split(rest, ':', &controllers, &path))
			continue;
		if (!controllers.n && !found.n)
			found = path;
		while (weir_str_cut(&controllers, ',', &name))
			if (weir_str_eq(name, "hugetlb"))
				return path;
	}
	return found;
}

static char *copy_str(struct weir_str s)
{
	return strndup(s.n ? s.p : "", s.n);
}

static int read_words(struct weir_holdings_reading *rd, struct weir_holding_task *task)
{
	int r = weir_tasks_read(&rd->walk, "cmdline", WEIR_TASK_CMDLINE_MAX, &rd->text);

	if (r == -ENOMEM)
		return r;
	if (r < 0 && r != -EFBIG)
		rd->text.n = 0;
	task->cmdline = malloc(rd->text.n + 1);
	if (!task->cmdline)
		return -ENOMEM;
	if (rd->text.n)
		memcpy(task->cmdline, rd->text.p, rd->text.n);
	task->cmdline[rd->text.n] = '\0';
	task->cmdline_n = rd->text.n;
	r = weir_tasks_read(&rd->walk, "cgroup", WEIR_SMALL_MAX, &rd->text);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		rd->text.n = 0;
	task->cgroup = copy_str(hugetlb_group(weir_buf_str(&rd->text)));
	return task->cgroup ? 0 : -ENOMEM;
}

static int read_numa(struct weir_holdings_reading *rd, struct weir_holding_task *task)
{
	int r = weir_tasks_read(&rd->walk, "numa_maps", WEIR_TASK_MAPS_MAX, &rd->text);

	if (r == -ENOMEM)
		return r;
	task->numa_known = r == 0 || r == -EFBIG;
	rd->kept.n = 0;
	return task->numa_known
	               ? weir_numa_maps_filter(weir_buf_str(&rd->text), &rd->kept)
	               : 0;
}

static int add_task(struct weir_holdings_reading *rd, const struct weir_task *seen)
{
	struct weir_holdings *out = rd->out;
	size_t i = out->nr_tasks;
	struct weir_holding_task *task;
	int r = weir_grow(&out->tasks, &out->cap_tasks, i, sizeof(*out->tasks));

	if (r < 0)
		return r;
	task = &out->tasks[out->nr_tasks++];
	*task = (struct weir_holding_task){
		.nth = seen->nth,
		.ppid = seen->status.ppid.n,
		.uid = seen->status.uid,
		.huge_bytes = seen->status.hugetlb_bytes,
		.maps_known = !seen->maps_error || seen->maps_error == -EFBIG,
		.cut = seen->maps_error == -EFBIG,
		.name = copy_str(seen->status.name),
	};
	(void)weir_parse_u64(weir_strz(seen->pid), &task->pid);
	task->tid = seen->status.pid.known ? seen->status.pid.n : task->pid;
	r = task->name ? read_words(rd, task) : -ENOMEM;
	/* one look at each mapping and its counts, and before the files' */
	if (r == 0 && seen->maps.n)
		r = read_numa(rd, task);
	if (r == 0 && seen->maps.n)
		r = weir_holdings_add_maps(rd, i, weir_buf_str(&seen->maps),
		                           weir_buf_str(&rd->kept));
	for (size_t k = 0; r == 0 && k < seen->nr_links; k++)
		r = weir_holdings_add_link(rd, i, &seen->links[k]);
	return r;
}

static int walk_tasks(struct weir_holdings_reading *rd)
{
	const struct weir_task *task;
	int r;

	while ((r = weir_tasks_next(&rd->walk, &task)) == 0) {
		if (rd->ask->each)
			r = rd->ask->each(rd->ask->ctx, &rd->walk, task);
		if (r == 0 && task->is_holder)
			r = add_task(rd, task);
		if (r < 0)
			return r;
	}
	return r < 0 ? r : 0;
}

/* A file that somebody may have open without having touched it. What the kernel made for
 * mmap(2) and for SysV segments nobody can open, but by map_files, as debuggers might. */
static bool has_file_to_open(const struct weir_huge_files *files)
{
	for (size_t i = 0; i < files->nr; i++) {
		struct weir_str path = weir_strz(files->v[i].path ? files->v[i].path
		                                                  : "");

		if (files->v[i].in_directory ||
		    (!weir_str_starts(path, "/anon_hugepage") &&
		     !weir_str_starts(path, "/SYSV")))
			return true;
	}
	return false;
}

static int by_nth(const void *a, const void *b, void *ctx)
{
	const struct weir_holding_task *tasks = ctx;
	const struct weir_holding_task *x = &tasks[*(const size_t *)a],
				       *y = &tasks[*(const size_t *)b];

	return (x->nth > y->nth) - (x->nth < y->nth);
}

/* Back into the order of /proc, whichever way a process was found. */
static int order_tasks(struct weir_holdings *out)
{
	size_t nr = out->nr_tasks;
	weir_auto(weir_freep) size_t *from = calloc(nr, sizeof(*from));
	weir_auto(weir_freep) size_t *to = calloc(nr, sizeof(*to));
	struct weir_holding_task *sorted = calloc(nr, sizeof(*sorted));

	if (!from || !to || !sorted) {
		free(sorted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < nr; i++)
		from[i] = i;
	qsort_r(from, nr, sizeof(*from), by_nth, out->tasks);
	for (size_t i = 0; i < nr; i++) {
		sorted[i] = out->tasks[from[i]];
		to[from[i]] = i;
	}
	free(out->tasks);
	out->tasks = sorted;
	out->cap_tasks = nr;
	for (size_t i = 0; i < out->nr_maps; i++)
		out->maps[i].task = to[out->maps[i].task];
	for (size_t i = 0; i < out->nr_links; i++)
		out->links[i].task = to[out->links[i].task];
	return 0;
}

/* While no file is known that could be open, nobody's open files are asked for but those
 * of holders; and of those who may not be looked at, so that they are counted: who may
 * ask for the namespace of a process may read its maps and open files, as the kernel's
 * test is the same (fs/proc/namespaces.c, proc_ns_readlink(); kernel/fork.c, mm_access(),
 * v6.6). */
static int read_open(struct weir_holdings_reading *rd)
{
	const struct weir_holdings *out = rd->out;
	bool told = out->mounts.nr_namespaces > 0;

	if (told && !has_file_to_open(&out->files))
		rd->walk.only = out->mounts.refused;
	weir_tasks_begin(&rd->walk, WEIR_TASKS_OPEN);
	return walk_tasks(rd);
}

/* After mounts and files, unless all is read of each process: the others but their
 * status. */
static int read_tasks(struct weir_holdings_reading *rd)
{
	struct weir_holdings *out = rd->out;
	bool all = out->look == WEIR_LOOK_ALL;
	size_t nr;
	int r;

	weir_tasks_begin(&rd->walk, all ? WEIR_TASKS_ALL : WEIR_TASKS_TOUCHED);
	r = walk_tasks(rd);
	nr = out->nr_tasks;
	if (r == 0 && out->look == WEIR_LOOK_OPEN)
		r = read_open(rd);
	if (r == 0 && out->nr_tasks > nr)
		r = order_tasks(out);
	out->nr_seen = rd->walk.nr_seen;
	out->nr_vanished = rd->walk.nr_vanished;
	out->nr_forbidden = rd->walk.nr_forbidden;
	return r;
}

static int read_shm(struct weir_holdings_reading *rd)
{
	struct weir_err garbled;
	int r = weir_host_read(rd->details, "/proc/sysvipc/shm", WEIR_SHM_MAX, &rd->text);

	if (r < 0)
		return r == -ENOMEM ? r : 0;
	r = weir_shm_parse(weir_buf_str(&rd->text), &rd->out->shm, &garbled);
	return r < 0 ? r : 0;
}

/* Files and mappings whose page size only their device tells. */
static void fill_sizes(struct weir_holdings_reading *rd)
{
	struct weir_holdings *out = rd->out;
	const struct weir_device_pages *size;

	for (size_t i = 0; i < out->files.nr; i++) {
		size = weir_holdings_pages(rd, out->files.v[i].device);
		if (size && !out->files.v[i].page_bytes)
			out->files.v[i].page_bytes = size->page_bytes;
	}
	for (size_t i = 0; i < out->nr_maps; i++)
		if (!out->maps[i].page_bytes)
			out->maps[i].page_bytes =
				out->files.v[out->maps[i].file].page_bytes;
}

/* Of all processes, or of those that have touched huge pages. */
static int read_mounts(struct weir_holdings_reading *rd, const struct weir_mounts *own,
                       struct weir_count default_page)
{
	struct weir_holdings *out = rd->out;
	const struct weir_tasks_list *touched = &rd->walk.touched;
	struct weir_everywhere_ask ask = { .host = rd->ask->host,
		                           .details = rd->details,
		                           .default_page = default_page,
		                           .pids = &rd->walk.pids };
	int r;

	if (out->look == WEIR_LOOK_TOUCHED) {
		ask.some = touched->v;
		ask.nr_some = touched->nr;
		ask.not_all = true;
	}
	r = weir_everywhere_read(&ask, own, &out->mounts);
	for (size_t i = 0; r == 0 && i < out->mounts.mounts.nr; i++) {
		const struct weir_hugetlbfs *m = &out->mounts.mounts.v[i];

		r = weir_holdings_note_pages(rd, (uint64_t)m->major << 32 | m->minor,
		                             m->page_bytes.n);
	}
	return r < 0 ? r : weir_tasks_know(&rd->walk, &out->mounts.mounts);
}

static int read_all(struct weir_holdings_reading *rd, const struct weir_mounts *own,
                    struct weir_count default_page)
{
	struct weir_holdings *out = rd->out;
	int r = 0;

	out->look = rd->ask->look;
	rd->walk.thorough = out->look == WEIR_LOOK_ALL;
	if (out->look != WEIR_LOOK_ALL) {
		weir_tasks_begin(&rd->walk, WEIR_TASKS_STATUS);
		r = walk_tasks(rd);
	}
	if (r == 0)
		r = read_mounts(rd, own, default_page);
	if (r == 0)
		r = weir_huge_files_walk(rd->details, &out->mounts, &out->files);
	if (r == 0)
		r = read_shm(rd);
	if (r == 0)
		r = read_tasks(rd);
	if (r == 0)
		fill_sizes(rd);
	return r;
}

int weir_holdings_read(const struct weir_holdings_ask *ask_for,
                       const struct weir_mounts *own, struct weir_count default_page,
                       struct weir_holdings *out, struct weir_err *err)
{
	struct weir_holdings_reading rd = { .ask = ask_for,
		                            .details = ask_for->details ? ask_for->details
		                                                        : ask_for->host,
		                            .out = out };
	int r;

	*out = (struct weir_holdings){ 0 };
	r = weir_tasks_open(&rd.walk, ask_for->host, err);
	if (r == 0)
		r = read_all(&rd, own, default_page);
	weir_tasks_done(&rd.walk);
	weir_buf_done(&rd.text);
	weir_buf_done(&rd.kept);
	weir_buf_done(&rd.path);
	free(rd.sizes);
	if (r < 0)
		weir_holdings_done(out);
	return r == -ENOMEM ? weir_err_sys(err, r, "read the holders of huge pages") : r;
}
