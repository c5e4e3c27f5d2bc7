/* world: what a scenario has made on the kernel so far: by name, in order of creation.
 *
 * Names point into the scenario's text. Where a name means nothing at that moment the
 *step is answered without asking the kernel, by rules that the model's side (lab/play.h)
 * follows too:
 *	no such mapping, file, mount, cgroup or segment       ENOENT
 *	the name is in use (of a task: by a living one)       EEXIST
 *	a task that does not live                             ESRCH
 *	a range with pages beyond the mapping or unmapped     EINVAL (unmap: only beyond)
 */
#ifndef WEIR_TWIN_WORLD_H
#define WEIR_TWIN_WORLD_H

#include "kernel.h"
#include "worker.h"
#include "zones.h"

#include "lab/script.h"
#include "lab/view.h"

#include <sys/types.h>

#define TWIN_DIR      "/tmp/weir-twin" /* mount points */
#define TWIN_CGROUP   "weir-twin-"     /* in front of the name of a cgroup */
#define TWIN_CPUSET   "weir-twin.cpuset."
#define TWIN_FIRST_AT UINT64_C(0x100000000000) /* of each task's mappings */
#define TWIN_SLOT     (UINT64_C(1) << 30)      /* where a mapping may begin */
/* Longer: the worker hangs. A gigabyte takes 20 s in a guest whose memory the machine
 * below has to find first while it has other things to do. */
#define TWIN_STEP_MAX_S 60
#define TWIN_PATH_MAX   4400 /* TWIN_DIR and a name from a line */

struct twin_file {
	struct weir_str name; /* "MOUNT/LEAF", or a memfd's */
	uint64_t page_bytes;
	bool linked; /* reached by its path; else by who has it open */
};

struct twin_open {
	size_t file; /* index */
	int fd;      /* in the task */
};

/* A buffer that a task has pinned: of a ring of its own, which lives until it is unpinned
 * or the task ends. A mapping that is gone leaves its pins. */
struct twin_pin {
	uint64_t at, end; /* addresses */
	int ring;         /* in the task */
};

struct twin_map {
	struct weir_str name;
	uint64_t at, page_bytes, nr_pages;
	unsigned char *node; /* one a page, of the view */
	bool *gone;          /* one a page: unmapped */
	bool attached;       /* by shmat */
	uint64_t pinnable;   /* of the view */
};

struct twin_task {
	struct weir_str name;
	pid_t pid;
	bool alive;
	int channel;
	int status; /* descriptor of /proc/PID/status */
	uint64_t next_at;
	struct twin_map *maps;
	size_t nr_maps, cap_maps;
	struct twin_open *opens;
	size_t nr_opens, cap_opens;
	int cpu;        /* where it is pinned */
	bool in_cpuset; /* a cgroup of its own */
	struct twin_pin *pins;
	size_t nr_pins, cap_pins;
};

struct twin_mount {
	struct weir_str name;
	uint64_t page_bytes;
	bool mounted; /* reached by its path */
};

struct twin_group_files {
	int usage, rsvd, events, numa_stat; /* descriptors; numa_stat -1 on old kernels */
};

struct twin_group {
	struct weir_str name;
	bool alive;
	struct twin_group_files files[TWIN_SIZES_MAX]; /* by size of the kernel */
	struct weir_view_group_size view[TWIN_SIZES_MAX];
};

struct twin_segment {
	struct weir_str name;
	int id;
	bool alive; /* until rmid */
	uint64_t page_bytes, nr_pages;
};

struct twin {
	struct twin_kernel kernel;
	char cgroup_root[256]; /* "" without cgroup v2 */
	struct twin_task *tasks;
	size_t nr_tasks, cap_tasks;
	struct twin_mount *mounts;
	size_t nr_mounts, cap_mounts;
	struct twin_file *files;
	size_t nr_files, cap_files;
	struct twin_group *groups;
	size_t nr_groups, cap_groups;
	struct twin_segment *segments;
	size_t nr_segments, cap_segments;
	uint64_t preset;    /* of the kernel we run on, as a bit: expectations on it */
	size_t next_expect; /* of the scenario, to look at */
	bool zoned;         /* the scenario tells of zones: look at them */
	struct twin_zones zones;
};

/* What a step gave, beyond what the model can give: a worker that died or hangs. */
struct twin_result {
	struct weir_result view;
	int died;     /* signal that ended the worker, or -1: it ended by itself */
	bool timeout; /* the scenario is over */
};

struct twin_task *twin_task_find(struct twin *t, struct weir_str name); /* living */
struct twin_map *twin_map_find(const struct twin_task *task, struct weir_str name);
struct twin_mount *twin_mount_find(struct twin *t, struct weir_str name);
struct twin_file *twin_file_find(struct twin *t,
                                 struct weir_str name); /* that is there */
struct twin_group *twin_group_find(struct twin *t, struct weir_str name);
struct twin_segment *twin_segment_find(struct twin *t, struct weir_str name);

bool twin_same(struct weir_str a, struct weir_str b);

/* Is @task's file number @file open there? NULL: no. */
struct twin_open *twin_open_find(const struct twin_task *task, size_t file);

/* The path by which anyone reaches the file: by name, or through a living opener. False
 * when it is neither linked nor open. */
bool twin_file_path(const struct twin *t, const struct twin_file *file, char *path,
                    size_t cap);
void twin_mount_path(struct weir_str mount, char *path, size_t cap);
void twin_group_path(const struct twin *t, const char *prefix, struct weir_str name,
                     const char *file, char *path, size_t cap);

/* Records. New ones are zeroed; NULL: out of memory. Pointers into the same list are
 * invalid after it. */
struct twin_task *twin_task_add(struct twin *t, struct weir_str name);
struct twin_map *twin_map_add(struct twin_task *task, struct weir_str name,
                              uint64_t page_bytes, uint64_t nr_pages);
struct twin_file *twin_file_add(struct twin *t, struct weir_str name, uint64_t page_bytes,
                                bool linked);
bool twin_task_copy(struct twin_task *to, const struct twin_task *from); /* fork */

void twin_map_drop(struct twin_task *task, struct twin_map *map);
void twin_map_to_end(struct twin_task *task, struct twin_map *map);

/* The process is gone: the record stays, not alive. */
void twin_task_bury(struct twin_task *task);

/* Drops all records; the kernel's side is gone already. */
void twin_forget(struct twin *t);

#endif
