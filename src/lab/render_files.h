/* render_files: how the files of a modelled host are said; internal to render*.c.
 *
 * A file is a row: its path as a pattern, what shows it, and what a write to it is. What
 *a pattern leaves open is what the file is about: %n  a node             by id %s  a page
 *size        in kB, as in hugepages-2048kB %c  a page size        as cgroups name it, 2MB
 *	%m  a mount            by name
 *	%g  a cgroup           by path: any number of directories
 *	%t  a task             by its number
 *	%f  its descriptor     by number
 *	%v  its mapping        by address range
 *	%a  a CMA area         by name */
#ifndef WEIR_LAB_RENDER_FILES_H
#define WEIR_LAB_RENDER_FILES_H

#include "lab/world.h"

struct weir_render_area { /* of the CMA; base pages */
	char name[32];
	uint64_t pages, used; /* used: by who asks the CMA itself */
};

struct weir_subject {
	const struct weir_world *world;
	unsigned int node;
	const struct weir_pool *pool;
	const struct weir_world_mount *mount;
	const struct weir_world_group *group;
	const struct weir_world_task *task;
	size_t task_idx;              /* in the world */
	const struct weir_file *file; /* behind the descriptor */
	const struct weir_vma *vma;
	struct weir_render_area area;
};

struct weir_render_file {
	const char *path;
	/* Appends the text; 0 or -ENOMEM. NULL: it may not be read. */
	int (*show)(const struct weir_subject *s, struct weir_buf *out);
	/* Is there such a file? NULL: always. */
	bool (*has)(const struct weir_subject *s);
	bool writable;
	enum weir_target target; /* of a writable one */
};

struct weir_render_files {
	const struct weir_render_file *v;
	size_t nr;
};

extern const struct weir_render_files weir_render_mem, weir_render_pools,
	weir_render_mounts, weir_render_groups, weir_render_tasks, weir_render_cma;

#define WEIR_RENDER_PID_FIRST 1000U

/* "0-3,8" of a mask, without a newline. */
int weir_render_list(uint64_t mask, struct weir_buf *out);

/* The file systems' device numbers: minor of 0:MINOR. The kernel mounts one hugetlbfs a
 * page size for itself. */
unsigned int weir_render_own_device(const struct weir_pool *pool);
unsigned int weir_render_mount_device(const struct weir_world *world,
                                      const struct weir_mount *mount);

/* What statfs(2) says of a mount, NULL: of the kernel's own. */
int weir_render_statfs(const struct weir_pool *pool, const struct weir_mount *mount,
                       struct weir_buf *out);

/* The @i-th CMA area of a host; false after the last. */
bool weir_render_area(const struct weir_subject *s, size_t i,
                      struct weir_render_area *out);

#endif
