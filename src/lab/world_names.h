/* world_names: finding and entering the named things of a world; internal to lab. */
#ifndef WEIR_LAB_WORLD_NAMES_H
#define WEIR_LAB_WORLD_NAMES_H

#include "lab/world.h"
#include "model/file.h"

/* NULL: there is none. */
struct weir_world_task *weir_world_task(const struct weir_world *w, struct weir_str name);
struct weir_world_map *weir_world_map(const struct weir_world_task *task,
                                      struct weir_str name);
struct weir_world_mount *weir_world_mount(const struct weir_world *w,
                                          struct weir_str name);
struct weir_world_group *weir_world_group(const struct weir_world *w,
                                          struct weir_str name);

/* A file that can be reached: by its path, or by a descriptor of someone. */
struct weir_world_file *weir_world_file(const struct weir_world *w, struct weir_str name);
/* Has it a path? */
bool weir_world_file_is_linked(const struct weir_world_file *file);

/* New entries; NULL when out of memory. */
struct weir_world_task *weir_world_add_task(struct weir_world *w, struct weir_str name,
                                            struct weir_task *task);
struct weir_world_map *weir_world_add_map(struct weir_world *w,
                                          struct weir_world_task *task,
                                          struct weir_str name, uint64_t addr,
                                          uint64_t nr, uint64_t page_bytes);
struct weir_world_mount *weir_world_add_mount(struct weir_world *w, struct weir_str name,
                                              struct weir_mount *mount);
struct weir_world_group *weir_world_add_group(struct weir_world *w, struct weir_str name,
                                              uint32_t id);
struct weir_world_file *weir_world_add_file(struct weir_world *w, struct weir_str name,
                                            struct weir_file *file);

/* Removal of the entry alone. */
void weir_world_drop_task(struct weir_world *w, struct weir_world_task *task);
void weir_world_drop_map(struct weir_world_task *task, struct weir_world_map *map);
void weir_world_drop_mount(struct weir_world *w, struct weir_world_mount *mount);
void weir_world_drop_group(struct weir_world *w, struct weir_world_group *group);
/* Files that the model let go of. */
void weir_world_sweep_files(struct weir_world *w);

#endif
