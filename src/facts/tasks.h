/* tasks: the processes of a host, as far as huge pages go.
 *
 * A process holds huge pages that it touched, which its status tells to everyone; or
 * holds them reserved, by a mapping or an open file that it never touched, which only
 * /proc/PID/maps and /proc/PID/fd tell, and only to those who may trace it. So the status
 * of each is read first, and maps and links of those that have memory at all; numa_maps,
 * which makes the kernel walk page tables, of holders only; smaps never.
 *
 * Left out: a process whose first thread has ended while others go on: its own maps are
 * empty then, those of the threads are not.
 *
 * Sources, v5.10 to v6.18: fs/proc/array.c proc_pid_status(), fs/proc/task_mmu.c
 * show_map_vma(), show_numa_map() and hugetlb_report_usage(). */
#ifndef WEIR_FACTS_TASKS_H
#define WEIR_FACTS_TASKS_H

#include "facts/mounts.h"

/* vm.max_map_count is 65530, and a line with its path takes 100 bytes: 6 MB. Databases
 * are told to raise it tenfold. */
#define WEIR_TASK_MAPS_MAX    (64U << 20)
#define WEIR_TASK_CMDLINE_MAX (2U << 20) /* Java class paths are the longest: 100 KB */

#define WEIR_TASK_UIDS 4U /* real, effective, saved, of files */

struct weir_task_status {
	struct weir_str name; /* borrows from the text; '\n' and '\\' in it are escaped */
	struct weir_count pid; /* the thread's; of a process the same as tgid */
	struct weir_count tgid, ppid;
	struct weir_count uid, gid; /* the effective ones */
	struct weir_count uids[WEIR_TASK_UIDS];
	struct weir_count hugetlb_bytes; /* touched and mapped; since 4.4 */
	struct weir_count pinned_bytes;  /* VmPin: by RDMA and the like; VFIO locks */
	struct weir_count kthread;       /* 1: a kernel thread; since 6.8 */
	bool has_memory; /* false: a kernel thread, or it is about to end */
};

int weir_task_status_parse(struct weir_str text, struct weir_task_status *out,
                           struct weir_err *err);

/* Which files are huge ones: devices and paths of the hugetlbfs mounts. Those that the
 * kernel makes for itself have no path, but names:
 *	/anon_hugepage    mmap(2) with MAP_HUGETLB and no file
 *	/memfd:NAME       memfd_create(2), with MFD_HUGETLB or without
 *	/SYSVKEY          shmget(2), with SHM_HUGETLB or without
 * Of the latter two only the device tells, and which device does is not written anywhere:
 * the walk below learns it. Zero-initialised knows no device, and takes these names for
 * huge files. */
struct weir_huge_places {
	uint64_t *huge; /* devices, major << 32 | minor, sorted */
	size_t nr_huge, cap_huge;
	uint64_t *ordinary; /* devices that are known not to be huge, sorted */
	size_t nr_ordinary, cap_ordinary;
	const char **targets; /* borrowed from the mounts, sorted */
	size_t nr_targets;
};

int weir_huge_places_init(struct weir_huge_places *places,
                          const struct weir_mounts *mounts);
int weir_huge_places_learn(struct weir_huge_places *places, uint64_t device, bool huge);
void weir_huge_places_done(struct weir_huge_places *places);

/* True for a path that is below one of the mounts or is one of the names above. */
bool weir_huge_places_has(const struct weir_huge_places *places, struct weir_str path);

/* Adds to @out each line that names huge pages, as it is, with a newline. 0 or -ENOMEM.
 */
int weir_maps_filter(struct weir_str text, const struct weir_huge_places *places,
                     struct weir_buf *out);
int weir_numa_maps_filter(struct weir_str text, struct weir_buf *out);

/* True for what an open file of a VM's process may be that matters here: huge files, and
 * the devices that pin memory or make it a VM's. */
bool weir_task_link_matters(const struct weir_huge_places *places,
                            struct weir_str target);

struct weir_task_link {
	char *fd; /* its number */
	char *target;
	bool huge; /* a huge file, and not a device that matters */
};

struct weir_task { /* valid until the next one is read */
	const char *pid;
	size_t nth; /* its place in the listing of /proc */
	struct weir_task_status status;
	bool is_holder; /* holds huge pages, or perhaps does */
	int maps_error; /* 0; -EACCES: not ours to see, nor are the links; -EFBIG: cut */
	struct weir_buf status_text;
	struct weir_buf maps;         /* the lines that name huge pages */
	struct weir_task_link *links; /* those that matter */
	size_t nr_links, cap_links;
};

struct weir_tasks {
	const struct weir_host *host;
	struct weir_huge_places places;
	struct weir_count page_bytes; /* the base page */
	bool lean; /* pass over maps of those that have touched no huge page; to be set
	            * after opening. What they have only reserved is then not seen */
	bool links_later;    /* with lean: pass over their open files too, which are then
	                      * read after weir_tasks_again() */
	const bool *refused; /* NULL, or of each in pids: it is not ours to see, and not
	                      * to be passed over. Borrowed */
	bool thorough; /* ask of each open file that no mount explains: to be set after
	                * opening; costs a call for each open file of the host */
	struct weir_names pids;
	size_t at;
	size_t *later; /* of pids those whose open files were passed over */
	size_t nr_later, cap_later, at_later;
	bool is_later; /* the walk over these has begun */
	struct weir_task task;
	struct weir_buf path, text, maps_text, target; /* used again from file to file */
	size_t nr_seen;      /* processes with memory of their own */
	size_t nr_vanished;  /* ended while they were read */
	size_t nr_forbidden; /* maps and links may not be read by this user */
};

/* A walk over all processes; @host and @mounts must outlive it. -ENOENT and other errors
 * of listing /proc with words. After a failure it is to be done with, too. */
int weir_tasks_open(struct weir_tasks *walk, const struct weir_host *host,
                    const struct weir_mounts *mounts, struct weir_err *err);

/* The same over processes that are already listed; takes @pids, also when it fails. */
int weir_tasks_open_listed(struct weir_tasks *walk, const struct weir_host *host,
                           const struct weir_mounts *mounts, struct weir_names *pids,
                           struct weir_err *err);
void weir_tasks_done(struct weir_tasks *walk);

enum { WEIR_TASKS_END = 1 };

/* Reads the next process. 0 and *out; WEIR_TASKS_END after the last; -ENOMEM. */
int weir_tasks_next(struct weir_tasks *walk, const struct weir_task **out);

/* After the last: begins a walk over the open files that were passed over. It gives only
 * the processes that have huge ones, and counts none of them as seen again. */
void weir_tasks_again(struct weir_tasks *walk);

/* Reads /proc/PID/@file of the process that the walk has come to; as weir_host_read(). */
int weir_tasks_read(struct weir_tasks *walk, const char *file, size_t max,
                    struct weir_buf *out);

#endif
