/* world: what a scenario has made on the kernel so far. See world.h. */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

bool twin_same(struct weir_str a, struct weir_str b)
{
	return a.n == b.n && memcmp(a.p, b.p, a.n) == 0;
}

struct twin_task *twin_task_find(struct twin *t, struct weir_str name)
{
	for (size_t i = t->nr_tasks; i-- > 0;) {
		if (t->tasks[i].alive && twin_same(t->tasks[i].name, name))
			return &t->tasks[i];
	}
	return NULL;
}

struct twin_map *twin_map_find(const struct twin_task *task, struct weir_str name)
{
	for (size_t i = 0; i < task->nr_maps; i++) {
		if (twin_same(task->maps[i].name, name))
			return &task->maps[i];
	}
	return NULL;
}

struct twin_mount *twin_mount_find(struct twin *t, struct weir_str name)
{
	for (size_t i = t->nr_mounts; i-- > 0;) {
		if (t->mounts[i].mounted && twin_same(t->mounts[i].name, name))
			return &t->mounts[i];
	}
	return NULL;
}

struct twin_file *twin_file_find(struct twin *t, struct weir_str name)
{
	char path[TWIN_PATH_MAX];

	for (size_t i = t->nr_files; i-- > 0;) {
		if (twin_same(t->files[i].name, name) &&
		    twin_file_path(t, &t->files[i], path, sizeof(path)))
			return &t->files[i];
	}
	return NULL;
}

struct twin_group *twin_group_find(struct twin *t, struct weir_str name)
{
	for (size_t i = t->nr_groups; i-- > 0;) {
		if (t->groups[i].alive && twin_same(t->groups[i].name, name))
			return &t->groups[i];
	}
	return NULL;
}

struct twin_segment *twin_segment_find(struct twin *t, struct weir_str name)
{
	for (size_t i = t->nr_segments; i-- > 0;) {
		if (t->segments[i].alive && twin_same(t->segments[i].name, name))
			return &t->segments[i];
	}
	return NULL;
}

struct twin_open *twin_open_find(const struct twin_task *task, size_t file)
{
	for (size_t i = 0; i < task->nr_opens; i++) {
		if (task->opens[i].file == file)
			return &task->opens[i];
	}
	return NULL;
}

bool twin_file_path(const struct twin *t, const struct twin_file *file, char *path,
                    size_t cap)
{
	size_t number = (size_t)(file - t->files);

	if (file->linked) {
		twin_mount_path(file->name, path, cap);
		return true;
	}
	for (size_t i = 0; i < t->nr_tasks; i++) {
		const struct twin_task *task = &t->tasks[i];
		const struct twin_open *o;

		o = task->alive ? twin_open_find(task, number) : NULL;
		if (o) {
			(void)snprintf(path, cap, "/proc/%d/fd/%d", (int)task->pid,
			               o->fd);
			return true;
		}
	}
	return false;
}

void twin_mount_path(struct weir_str mount, char *path, size_t cap)
{
	(void)snprintf(path, cap, TWIN_DIR "/%.*s", (int)mount.n, mount.p);
}

void twin_group_path(const struct twin *t, const char *prefix, struct weir_str name,
                     const char *file, char *path, size_t cap)
{
	(void)snprintf(path, cap, "%s/%s%.*s%s%s", t->cgroup_root, prefix, (int)name.n,
	               name.p, *file ? "/" : "", file);
}

struct twin_task *twin_task_add(struct twin *t, struct weir_str name)
{
	if (weir_grow(&t->tasks, &t->cap_tasks, t->nr_tasks, sizeof(*t->tasks)) < 0)
		return NULL;
	t->tasks[t->nr_tasks].name = name;
	t->tasks[t->nr_tasks].channel = -1;
	t->tasks[t->nr_tasks].status = -1;
	t->tasks[t->nr_tasks].next_at = TWIN_FIRST_AT;
	return &t->tasks[t->nr_tasks++];
}

static void map_done(struct twin_map *map)
{
	free(map->node);
	free(map->gone);
}

struct twin_map *twin_map_add(struct twin_task *task, struct weir_str name,
                              uint64_t page_bytes, uint64_t nr_pages)
{
	struct twin_map *map;

	if (weir_grow(&task->maps, &task->cap_maps, task->nr_maps, sizeof(*map)) < 0)
		return NULL;
	map = &task->maps[task->nr_maps];
	*map = (struct twin_map){ .name = name,
		                  .page_bytes = page_bytes,
		                  .nr_pages = nr_pages };
	map->node = malloc(nr_pages);
	map->gone = calloc(nr_pages, sizeof(*map->gone));
	if (!map->node || !map->gone) {
		map_done(map);
		return NULL;
	}
	memset(map->node, WEIR_VIEW_UNMAPPED, nr_pages);
	map->at = task->next_at;
	task->next_at += (nr_pages * page_bytes + TWIN_SLOT - 1) & ~(TWIN_SLOT - 1);
	task->nr_maps++;
	return map;
}

struct twin_file *twin_file_add(struct twin *t, struct weir_str name, uint64_t page_bytes,
                                bool linked)
{
	if (weir_grow(&t->files, &t->cap_files, t->nr_files, sizeof(*t->files)) < 0)
		return NULL;
	t->files[t->nr_files] = (struct twin_file){ name, page_bytes, linked };
	return &t->files[t->nr_files++];
}

bool twin_task_copy(struct twin_task *to, const struct twin_task *from)
{
	for (size_t i = 0; i < from->nr_maps; i++) {
		const struct twin_map *map = &from->maps[i];
		struct twin_map *copy = twin_map_add(to, map->name, map->page_bytes,
		                                     map->nr_pages);

		if (!copy)
			return false;
		copy->at = map->at;
		copy->attached = map->attached;
		memcpy(copy->gone, map->gone, map->nr_pages);
	}
	for (size_t i = 0; i < from->nr_opens; i++) {
		if (weir_grow(&to->opens, &to->cap_opens, to->nr_opens,
		              sizeof(*to->opens)) < 0)
			return false;
		to->opens[to->nr_opens++] = from->opens[i];
	}
	to->next_at = from->next_at;
	to->in_cpuset = from->in_cpuset;
	to->cpu = from->cpu;
	return true;
}

void twin_map_drop(struct twin_task *task, struct twin_map *map)
{
	size_t i = (size_t)(map - task->maps);

	map_done(map);
	task->nr_maps--;
	memmove(map, map + 1, (task->nr_maps - i) * sizeof(*map));
}

void twin_map_to_end(struct twin_task *task, struct twin_map *map)
{
	struct twin_map moved = *map;
	size_t i = (size_t)(map - task->maps);

	memmove(map, map + 1, (task->nr_maps - 1 - i) * sizeof(*map));
	task->maps[task->nr_maps - 1] = moved;
}

void twin_task_bury(struct twin_task *task)
{
	task->alive = false;
	if (task->channel >= 0)
		(void)close(task->channel);
	if (task->status >= 0)
		(void)close(task->status);
	task->channel = task->status = -1;
	for (size_t i = 0; i < task->nr_maps; i++)
		map_done(&task->maps[i]);
	free(task->maps);
	free(task->opens);
	free(task->pins);
	task->pins = NULL;
	task->nr_pins = task->cap_pins = 0;
	task->maps = NULL;
	task->opens = NULL;
	task->nr_maps = task->cap_maps = task->nr_opens = task->cap_opens = 0;
}

void twin_forget(struct twin *t)
{
	for (size_t i = 0; i < t->nr_tasks; i++)
		twin_task_bury(&t->tasks[i]);
	t->nr_tasks = t->nr_mounts = t->nr_files = t->nr_groups = t->nr_segments = 0;
}
