/* world: see world.h. Names are looked up by going through the lists: a scenario has few
 * things at a time, and a benchmark of the model does not go through names. */
#include "lab/world.h"

#include "base/own.h"
#include "facts/boot.h"
#include "lab/boot_model.h"
#include "lab/observe.h"
#include "lab/world_names.h"
#include "model/mount.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *copy(struct weir_str s)
{
	char *z = malloc(s.n + 1);

	if (!z)
		return NULL;
	if (s.n)
		memcpy(z, s.p, s.n);
	z[s.n] = '\0';
	return z;
}

/* ---- finding ---- */

struct weir_world_task *weir_world_task(const struct weir_world *w, struct weir_str name)
{
	for (size_t i = 0; i < w->nr_tasks; i++)
		if (weir_str_eq(name, w->tasks[i]->name))
			return w->tasks[i];
	return NULL;
}

struct weir_world_map *weir_world_map(const struct weir_world_task *task,
                                      struct weir_str name)
{
	for (size_t i = 0; i < task->nr_maps; i++)
		if (weir_str_eq(name, task->maps[i].name))
			return &task->maps[i];
	return NULL;
}

struct weir_world_mount *weir_world_mount(const struct weir_world *w,
                                          struct weir_str name)
{
	for (size_t i = 0; i < w->nr_mounts; i++)
		if (weir_str_eq(name, w->mounts[i].name))
			return &w->mounts[i];
	return NULL;
}

struct weir_world_group *weir_world_group(const struct weir_world *w,
                                          struct weir_str name)
{
	for (size_t i = 0; i < w->nr_groups; i++)
		if (weir_str_eq(name, w->groups[i].name))
			return &w->groups[i];
	return NULL;
}

bool weir_world_file_is_linked(const struct weir_world_file *file)
{
	return file->file && file->file->linked &&
	       (!file->file->mount || !file->file->mount->unmounted);
}

struct weir_world_file *weir_world_file(const struct weir_world *w, struct weir_str name)
{
	struct weir_world_file *opened = NULL;

	for (size_t i = 0; i < w->nr_files; i++) {
		struct weir_world_file *file = w->files[i];

		if (!file->file || !weir_str_eq(name, file->name))
			continue;
		/* a segment is known by its id as long as it is there */
		if (weir_world_file_is_linked(file) ||
		    file->file->kind == WEIR_FILE_SEGMENT)
			return file;
		if (file->file->openers && !opened)
			opened = file;
	}
	return opened;
}

/* ---- entering ---- */

static void *failed(struct weir_world *w)
{
	w->model->failed = true;
	return NULL;
}

struct weir_world_task *weir_world_add_task(struct weir_world *w, struct weir_str name,
                                            struct weir_task *task)
{
	struct weir_world_task *entry = calloc(1, sizeof(*entry));

	if (!entry || !(entry->name = copy(name)) ||
	    weir_grow(&w->tasks, &w->cap_tasks, w->nr_tasks,
	              sizeof(struct weir_world_task *)) < 0) {
		if (entry)
			free(entry->name);
		free(entry);
		return failed(w);
	}
	entry->task = task;
	w->tasks[w->nr_tasks++] = entry;
	return entry;
}

struct weir_world_map *weir_world_add_map(struct weir_world *w,
                                          struct weir_world_task *task,
                                          struct weir_str name, uint64_t addr,
                                          uint64_t nr, uint64_t page_bytes)
{
	char *z = copy(name);

	if (!z || weir_grow(&task->maps, &task->cap_maps, task->nr_maps,
	                    sizeof(task->maps[0])) < 0) {
		free(z);
		return failed(w);
	}
	task->maps[task->nr_maps] = (struct weir_world_map){
		.name = z,
		.addr = addr,
		.nr = nr,
		.page_bytes = page_bytes,
	};
	return &task->maps[task->nr_maps++];
}

struct weir_world_mount *weir_world_add_mount(struct weir_world *w, struct weir_str name,
                                              struct weir_mount *mount)
{
	char *z = copy(name);

	if (!z || weir_grow(&w->mounts, &w->cap_mounts, w->nr_mounts,
	                    sizeof(w->mounts[0])) < 0) {
		free(z);
		return failed(w);
	}
	w->mounts[w->nr_mounts] = (struct weir_world_mount){
		.name = z,
		.mount = mount,
		.host_idx = SIZE_MAX,
	};
	return &w->mounts[w->nr_mounts++];
}

struct weir_world_group *weir_world_add_group(struct weir_world *w, struct weir_str name,
                                              uint32_t id)
{
	char *z = copy(name);

	if (!z || weir_grow(&w->groups, &w->cap_groups, w->nr_groups,
	                    sizeof(w->groups[0])) < 0) {
		free(z);
		return failed(w);
	}
	w->groups[w->nr_groups] = (struct weir_world_group){ .name = z, .id = id };
	return &w->groups[w->nr_groups++];
}

static void file_ended(void *tag)
{
	((struct weir_world_file *)tag)->file = NULL;
}

struct weir_world_file *weir_world_add_file(struct weir_world *w, struct weir_str name,
                                            struct weir_file *file)
{
	struct weir_world_file *entry = calloc(1, sizeof(*entry));

	if (!entry || !(entry->name = copy(name)) ||
	    weir_grow(&w->files, &w->cap_files, w->nr_files,
	              sizeof(struct weir_world_file *)) < 0) {
		if (entry)
			free(entry->name);
		free(entry);
		return failed(w);
	}
	entry->file = file;
	file->tag = entry;
	file->ended = file_ended;
	w->files[w->nr_files++] = entry;
	return entry;
}

/* ---- removing ---- */

static void drop(void *array, size_t *nr, size_t at, size_t size)
{
	char *p = array;

	(*nr)--;
	memmove(p + at * size, p + (at + 1) * size, (*nr - at) * size);
}

void weir_world_drop_task(struct weir_world *w, struct weir_world_task *task)
{
	size_t i = 0;

	while (w->tasks[i] != task)
		i++;
	drop(w->tasks, &w->nr_tasks, i, sizeof(struct weir_world_task *));
	for (size_t k = 0; k < task->nr_maps; k++)
		free(task->maps[k].name);
	free(task->maps);
	free(task->name);
	free(task);
}

void weir_world_drop_map(struct weir_world_task *task, struct weir_world_map *map)
{
	free(map->name);
	drop(task->maps, &task->nr_maps, (size_t)(map - task->maps),
	     sizeof(task->maps[0]));
}

void weir_world_drop_mount(struct weir_world *w, struct weir_world_mount *mount)
{
	free(mount->name);
	drop(w->mounts, &w->nr_mounts, (size_t)(mount - w->mounts), sizeof(w->mounts[0]));
}

void weir_world_drop_group(struct weir_world *w, struct weir_world_group *group)
{
	free(group->name);
	drop(w->groups, &w->nr_groups, (size_t)(group - w->groups), sizeof(w->groups[0]));
}

void weir_world_sweep_files(struct weir_world *w)
{
	size_t kept = 0;

	for (size_t i = 0; i < w->nr_files; i++) {
		if (w->files[i]->file) {
			w->files[kept++] = w->files[i];
			continue;
		}
		free(w->files[i]->name);
		free(w->files[i]);
	}
	w->nr_files = kept;
}

/* ---- the whole ---- */

void weir_world_free(struct weir_world *w)
{
	if (!w)
		return;
	weir_model_free(w->model); /* tells the files that they end */
	while (w->nr_tasks)
		weir_world_drop_task(w, w->tasks[w->nr_tasks - 1]);
	while (w->nr_mounts)
		weir_world_drop_mount(w, &w->mounts[w->nr_mounts - 1]);
	while (w->nr_groups)
		weir_world_drop_group(w, &w->groups[w->nr_groups - 1]);
	for (size_t i = 0; i < w->nr_vms; i++)
		weir_world_vm_free(w->vms[i]);
	free(w->vms);
	weir_world_sweep_files(w);
	free(w->tasks);
	free(w->mounts);
	free(w->groups);
	free(w->files);
	weir_observed_free(w->observed);
	free(w->kernel);
	free(w->boot);
	free(w);
}

void weir_world_freep(struct weir_world **w)
{
	weir_world_free(*w);
	*w = NULL;
}

int weir_world_adopt(struct weir_model *model, const char *kernel,
                     struct weir_world **out, struct weir_err *err)
{
	struct weir_world *w = calloc(1, sizeof(*w));

	if (!w || !(w->kernel = copy(weir_strz(kernel)))) {
		free(w);
		(void)weir_err_sys(err, -ENOMEM, "make a world");
		return -ENOMEM;
	}
	w->model = model;
	memcpy(w->start_total, model->memory.total_bytes, sizeof(w->start_total));
	*out = w;
	return 0;
}

#define DEFAULT_NODE_BYTES (UINT64_C(1) << 30)

static const struct weir_zone_config *zones_of(const struct weir_setup *setup,
                                               unsigned int node)
{
	return weir_node_in(setup->zoned, node) ? setup->zones[node] : NULL;
}

static size_t config_nodes(const struct weir_setup *setup, struct weir_node_config *nodes)
{
	if (!setup->nr_nodes) {
		nodes[0] = (struct weir_node_config){
			.memory_bytes = 4 * DEFAULT_NODE_BYTES,
			.cpus = 3,
			.zones = zones_of(setup, 0),
		};
		return 1;
	}
	for (size_t i = 0; i < setup->nr_nodes; i++)
		nodes[i] = (struct weir_node_config){
			.id = setup->node[i].id,
			.memory_bytes = setup->node[i].memory_bytes,
			.cpus = setup->node[i].cpus,
			.distance = setup->node[i].distance,
			.nr_distances = WEIR_MODEL_NODES_MAX,
			.zones = zones_of(setup, setup->node[i].id),
		};
	return setup->nr_nodes;
}

int weir_world_new(const struct weir_setup *setup, const char *kernel,
                   struct weir_world **out, struct weir_err *err)
{
	static const uint64_t default_sizes[] = { UINT64_C(2) << 20, UINT64_C(1) << 30 };
	struct weir_node_config nodes[WEIR_MODEL_NODES_MAX];
	weir_auto(weir_model_freep) struct weir_model *model = NULL;
	weir_auto(weir_world_freep) struct weir_world *w = NULL;
	struct weir_rules rules;
	struct weir_model_config config = {
		.rules = &rules,
		.nodes = nodes,
		.nr_nodes = config_nodes(setup, nodes),
		.page_bytes = setup->nr_sizes ? setup->page_bytes : default_sizes,
		.nr_sizes = setup->nr_sizes ? setup->nr_sizes : WEIR_NELEM(default_sizes),
	};
	struct weir_str name = weir_strz(WEIR_KERNEL_DEFAULT);
	/* not given, it has no address */
	struct weir_str boot = setup->boot.n ? setup->boot : weir_strz("");
	size_t idx;
	int r;

	if (kernel)
		name = weir_strz(kernel);
	else if (setup->kernel.n)
		name = setup->kernel;
	r = weir_rules_parse(name, &rules, &idx, err);
	if (r < 0)
		return r;
	r = weir_boot_model(boot, &config, &model, err);
	if (r < 0)
		return r;
	r = weir_world_adopt(model, weir_kernels[idx].name, &w, err);
	if (r < 0)
		return r;
	model = NULL; /* the world's now */
	w->zoned = setup->zoned;
	w->boot = copy(boot);
	if (!w->boot)
		return weir_err_sys(err, -ENOMEM, "make a world");
	*out = weir_take(w);
	return 0;
}
