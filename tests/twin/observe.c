/* observe: what can be seen of the kernel after a step. See observe.h.
 *
 * The node of each page of a mapping comes from move_pages(2) without a target, which
 * only asks; for gigantic pages from pagemap. */
#include "observe.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#define PAGES_A_CALL 64 /* of move_pages */

static struct { /* what the last view points to */
	struct weir_view_mount *mounts;
	struct weir_view_group *groups;
	struct weir_view_file *files;
	struct weir_view_task *tasks;
	struct weir_view_map *maps;
	size_t cap_mounts, cap_groups, cap_files, cap_tasks, cap_maps;
} lists;

static void look_at_mounts(const struct twin *t, struct weir_view *view)
{
	char path[TWIN_PATH_MAX];

	for (size_t i = 0; i < t->nr_mounts; i++) {
		struct statfs fs = { 0 };

		if (!t->mounts[i].mounted)
			continue;
		twin_mount_path(t->mounts[i].name, path, sizeof(path));
		(void)statfs(path, &fs);
		lists.mounts[view->nr_mounts++] = (struct weir_view_mount){
			t->mounts[i].name, (uint64_t)fs.f_blocks, (uint64_t)fs.f_bfree,
			(uint64_t)fs.f_files, (uint64_t)fs.f_ffree
		};
	}
	view->mounts = lists.mounts;
}

/* "4194304", or the number behind @key in "max 3", "total=0 N0=4194304 N1=0",
 * "HugetlbPages:\t    4096 kB" */
static uint64_t number_in(const char *text, const char *key)
{
	struct weir_str rest = weir_strz(text);
	ptrdiff_t at = weir_str_find(rest, key);
	uint64_t n = 0;

	if (at < 0)
		return 0;
	rest = weir_str_trim(weir_str_skip(rest, (size_t)at + strlen(key)));
	for (; rest.n && weir_is_digit(*rest.p); rest = weir_str_skip(rest, 1))
		n = n * 10 + (uint64_t)(*rest.p - '0');
	return n;
}

static void read_fd(int fd, char *text, size_t cap)
{
	ssize_t n = pread(fd, text, cap - 1, 0);

	text[n > 0 ? n : 0] = '\0';
}

static void look_at_group(const struct twin *t, struct twin_group *group, size_t size)
{
	struct weir_view_group_size *to = &group->view[size];
	const struct twin_group_files *files = &group->files[size];
	char text[2048], key[16];

	read_fd(files->usage, text, sizeof(text));
	to->usage = number_in(text, "") / to->page_bytes;
	read_fd(files->rsvd, text, sizeof(text));
	to->rsvd = number_in(text, "") / to->page_bytes;
	read_fd(files->events, text, sizeof(text));
	to->events = number_in(text, "max ");
	to->has_nodes = files->numa_stat >= 0;
	if (!to->has_nodes)
		return;
	read_fd(files->numa_stat, text, sizeof(text)); /* bytes, which may have wrapped */
	for (size_t i = 0; i < t->kernel.nr_nodes; i++) {
		(void)snprintf(key, sizeof(key), " N%u=", t->kernel.node_ids[i]);
		to->node[i] = number_in(text, key) / to->page_bytes;
	}
}

/* The sizes in use are the first ones, or the view would have holes: those between are
 * read too. */
static void look_at_groups(struct twin *t, struct weir_view *view)
{
	size_t nr_sizes = 0;

	for (size_t i = 0; i < t->kernel.nr_sizes; i++) {
		if (t->kernel.sizes[i].used)
			nr_sizes = i + 1;
	}
	for (size_t i = 0; i < t->nr_groups; i++) {
		struct twin_group *group = &t->groups[i];

		if (!group->alive)
			continue;
		for (size_t size = 0; size < nr_sizes; size++)
			look_at_group(t, group, size);
		lists.groups[view->nr_groups++] =
			(struct weir_view_group){ group->name, group->view, nr_sizes };
	}
	view->groups = lists.groups;
}

static void look_at_files(const struct twin *t, struct weir_view *view)
{
	char path[TWIN_PATH_MAX];
	struct stat st;

	for (size_t i = 0; i < t->nr_files; i++) {
		const struct twin_file *file = &t->files[i];

		if (!twin_file_path(t, file, path, sizeof(path)) || stat(path, &st) < 0)
			continue;
		lists.files[view->nr_files++] = (struct weir_view_file){
			.name = file->name,
			.size = (uint64_t)st.st_size / file->page_bytes,
			.allocated = (uint64_t)st.st_blocks * 512 / file->page_bytes,
			.page_bytes = file->page_bytes,
		};
	}
	view->files = lists.files;
}

static void look_at_pages(const struct twin_task *task, struct twin_map *map)
{
	void *pages[PAGES_A_CALL];
	int status[PAGES_A_CALL];
	uint64_t nr;

	for (uint64_t from = 0; from < map->nr_pages; from += nr) {
		long r;

		for (nr = 0; nr < PAGES_A_CALL && from + nr < map->nr_pages; nr++)
			pages[nr] = (void *)(uintptr_t)(map->at +
			                                (from + nr) * map->page_bytes);
		r = syscall(SYS_move_pages, task->pid, nr, pages, NULL, status, 0);
		for (uint64_t i = 0; i < nr; i++)
			map->node[from + i] = r == 0 && status[i] >= 0
			                              ? (unsigned char)status[i]
			                              : WEIR_VIEW_UNMAPPED;
	}
}

static void look_at_gigantic(const struct twin_task *task, struct twin_map *map)
{
	for (uint64_t i = 0; i < map->nr_pages; i++)
		map->node[i] = twin_kernel_node_of(task->pid,
		                                   map->at + i * map->page_bytes);
}

static void look_at_tasks(const struct twin *t, struct weir_view *view)
{
	char text[4096];
	size_t nr_maps = 0;

	for (size_t i = 0; i < t->nr_tasks; i++) {
		const struct twin_task *task = &t->tasks[i];
		struct weir_view_task *to = &lists.tasks[view->nr_tasks];

		if (!task->alive)
			continue;
		read_fd(task->status, text, sizeof(text));
		*to = (struct weir_view_task){
			.name = task->name,
			.mapped_bytes = number_in(text, "HugetlbPages:") * 1024,
			.maps = lists.maps + nr_maps,
			.nr_maps = task->nr_maps,
		};
		for (size_t m = 0; m < task->nr_maps; m++) {
			struct twin_map *map = &task->maps[m];

			if (map->page_bytes >= TWIN_SLOT)
				look_at_gigantic(task, map);
			else
				look_at_pages(task, map);
			if (view->nr_zones)
				map->pinnable = twin_zones_pinnable(
					&t->zones, task->pid, map->at, map->nr_pages,
					map->page_bytes);
			lists.maps[nr_maps++] = (struct weir_view_map){
				map->name, map->nr_pages, map->node, map->pinnable
			};
		}
		view->nr_tasks++;
	}
	view->tasks = lists.tasks;
}

/* Room for @nr elements; what they held before does not matter. */
static bool room(void *list, size_t *cap, size_t nr, size_t size)
{
	return nr == 0 || weir_grow(list, cap, nr - 1, size) == 0;
}

static bool make_room(const struct twin *t)
{
	size_t nr_maps = 0;

	for (size_t i = 0; i < t->nr_tasks; i++)
		nr_maps += t->tasks[i].nr_maps;
	return room(&lists.mounts, &lists.cap_mounts, t->nr_mounts,
	            sizeof(*lists.mounts)) &&
	       room(&lists.groups, &lists.cap_groups, t->nr_groups,
	            sizeof(*lists.groups)) &&
	       room(&lists.files, &lists.cap_files, t->nr_files, sizeof(*lists.files)) &&
	       room(&lists.tasks, &lists.cap_tasks, t->nr_tasks + 1,
	            sizeof(*lists.tasks)) &&
	       room(&lists.maps, &lists.cap_maps, nr_maps, sizeof(*lists.maps));
}

int twin_observe(struct twin *t, struct weir_view *view, struct weir_err *err)
{
	int r;

	*view = (struct weir_view){ .node_ids = t->kernel.node_ids,
		                    .nr_nodes = t->kernel.nr_nodes,
		                    .pools = t->kernel.pools };
	if (!make_room(t))
		return weir_err_set(err, -ENOMEM, "no memory for a view");
	r = twin_kernel_look(&t->kernel, err);
	if (r < 0)
		return r;
	view->nr_pools = t->kernel.nr_pools;
	if (t->zoned) {
		r = twin_zones_look(&t->zones, t->kernel.sizes[0].page_bytes, err);
		if (r < 0)
			return r;
		view->zones = t->zones.view;
		view->nr_zones = t->zones.nr;
	}
	look_at_mounts(t, view);
	look_at_groups(t, view);
	look_at_files(t, view);
	look_at_tasks(t, view);
	return 0;
}
