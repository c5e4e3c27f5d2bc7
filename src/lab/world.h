/* world: a model whose things have names: what a scenario talks about.
 *
 * The model knows tasks, mappings and files as objects; a scenario, a trace and the texts
 * of a modelled host know them by name. Names obey one convention, which tests/twin keeps
 * on a real kernel too: what does not exist (any more, or because making it failed)
 * answers ENOENT, a dead task ESRCH, a name in use EEXIST, a range beyond its mapping
 * EINVAL. */
#ifndef WEIR_LAB_WORLD_H
#define WEIR_LAB_WORLD_H

#include "base/err.h"
#include "lab/script.h"
#include "lab/view.h"
#include "model/model.h"
#include "model/start.h"

struct weir_world_map {
	char *name;
	uint64_t addr, nr, page_bytes; /* nr: pages; parts of it may be unmapped */
	struct weir_file *segment;     /* attached by shmat */
};

struct weir_world_task {
	char *name;
	struct weir_task *task;
	struct weir_world_map *maps; /* by address */
	size_t nr_maps, cap_maps;
};

struct weir_world_mount {
	char *name;
	struct weir_mount *mount;
	uint64_t size_bytes,
		min_size_bytes; /* as /proc/mounts shows them; UINT64_MAX: none */
	uint64_t nr_inodes;     /* UINT64_MAX: none */
	size_t host_idx;        /* in the snapshot it was loaded from, or SIZE_MAX */
};

struct weir_world_group {
	char *name;
	uint32_t id;
};

struct weir_world_vm { /* that runs */
	char *name;
	struct weir_start start;
	struct weir_start_memory *memory;
	struct weir_started *started;
};
void weir_world_vm_free(struct weir_world_vm *vm);

struct weir_world_file {
	char *name;             /* "MOUNT/NAME", or plain for memfds and segments */
	struct weir_file *file; /* NULL once the model has let go of it */
};

struct weir_world {
	struct weir_model *model;
	char *kernel; /* preset */
	struct weir_world_task **tasks;
	size_t nr_tasks, cap_tasks;
	struct weir_world_mount *mounts;
	size_t nr_mounts, cap_mounts;
	struct weir_world_group *groups;
	size_t nr_groups, cap_groups;
	struct weir_world_file **files; /* weir_file.tag points here */
	size_t nr_files, cap_files;
	struct weir_world_vm **vms;
	size_t nr_vms, cap_vms;
	uint64_t start_total[WEIR_MODEL_NODES_MAX]; /* MemTotal at the start */
	uint64_t zoned;                             /* nodes whose zones the setup told */
	struct weir_observed *observed;             /* room of the last view */
	char *boot;                                 /* kernel command line, or NULL */
};

/* A host as the setup says; @kernel (may be NULL) overrides the setup's own. 0, -EINVAL
 * or -ENOENT with words, -ENOMEM. */
int weir_world_new(const struct weir_setup *setup, const char *kernel,
                   struct weir_world **out, struct weir_err *err);
void weir_world_free(struct weir_world *world);
void weir_world_freep(struct weir_world **world);

/* Takes over @model, already filled: a world without named things. */
int weir_world_adopt(struct weir_model *model, const char *kernel,
                     struct weir_world **out, struct weir_err *err);

/* Plays one step. 0, -ENOMEM (of our own: the world is then good for nothing but
 * freeing), -EINVAL with words for a step that cannot be played at all. */
int weir_world_step(struct weir_world *world, const struct weir_step *step,
                    struct weir_result *result, struct weir_err *err);

/* A write of @value, a kernel file's text, as the administrator (@task NULL) or a task
 * does it: 0 or the negative errno that the kernel would answer. @group: name of a
 * cgroup, for its limits. @page_bytes 0: the default size. @node < 0: the file of all
 * nodes. */
struct weir_world_write {
	enum weir_target target;
	uint64_t page_bytes;
	int node;
	struct weir_str group;
	struct weir_str value;
};
int weir_world_write(struct weir_world *world, struct weir_world_task *task,
                     const struct weir_world_write *w);

/* What there is to see (observe.c). *out points into the world and is valid until the
 * next call of any of these. 0 or -ENOMEM. */
int weir_world_view(struct weir_world *world, struct weir_view *out);

/* Warnings about what this kernel just did wrong: one line each, without newline, to @out
 * as "bug SWITCH: words\n"; clears them. */
int weir_world_bugs(struct weir_world *world, struct weir_buf *out);

#endif
