/* tasks: the processes of a host, as far as huge pages go.
 *
 * A process holds huge pages that it touched, which its status tells to everyone; or
 * holds them reserved, by a mapping or an open file that it never touched, which only
 * /proc/PID/maps and /proc/PID/fd tell, and only to those who may trace it. So the status
 * of each is read first, and maps and links of those that have memory at all; numa_maps,
 * which makes the kernel walk page tables, of holders only; smaps never.
 *
 * A process whose first thread has ended while others go on has no memory and no files by
 * its own number: they are read by that of another thread. Left out: files that a thread
 * has open in a table of its own, after unshare(CLONE_FILES).
 *
 * Sources, v5.10 to v6.18: fs/proc/task_mmu.c show_map_vma() and
 * show_numa_map(), fs/proc/fd.c. */
#ifndef WEIR_FACTS_TASKS_H
#define WEIR_FACTS_TASKS_H

#include "facts/huge_places.h"
#include "facts/task_status.h"

/* vm.max_map_count is 65530, and a line with its path takes 100 bytes: 6 MB. Databases
 * are told to raise it tenfold. */
#define WEIR_TASK_MAPS_MAX    (64U << 20)
#define WEIR_TASK_CMDLINE_MAX (2U << 20) /* Java class paths are the longest: 100 KB */

struct weir_task_link {
	char *fd; /* its number */
	char *target;
	bool huge; /* a huge file, and not a device that matters */
};

struct weir_task { /* valid until the next one is read */
	const char *pid;
	char by[48]; /* where in /proc it is read: PID, or PID/task/TID */
	size_t nth;  /* its place in the listing of /proc */
	struct weir_task_status status;
	bool is_holder; /* holds huge pages, or perhaps does */
	int maps_error; /* 0; -EACCES: not ours to see, nor are the links; -EFBIG: cut */
	struct weir_buf status_text;
	struct weir_buf maps;         /* the lines that name huge pages */
	struct weir_task_link *links; /* those that matter */
	size_t nr_links, cap_links;
};

/* Which processes are gone through, and what is read of each. Status comes first, and
 * before it is known which files are huge: of most processes nothing else is needed. */
enum weir_tasks_pass {
	/* all of everyone: status, mappings, open files; and of those who have come
	 * meanwhile, for a process may hand on what it has to one that is new, and end */
	WEIR_TASKS_ALL,
	WEIR_TASKS_STATUS,  /* the status of everyone. Who has touched huge pages, or may
	                     * have, is not given, but waits for the next pass */
	WEIR_TASKS_TOUCHED, /* all of those who wait */
	/* open files of those that the pass over statuses gave. It gives only who has a
	 * huge one or may not be looked at, and counts none of them as seen again */
	WEIR_TASKS_OPEN,
};

struct weir_tasks_list { /* places in the listing of /proc */
	size_t *v;
	size_t nr, cap;
};

struct weir_tasks {
	const struct weir_host *host;
	struct weir_huge_places places;
	struct weir_count page_bytes; /* the base page */
	bool thorough;    /* ask of each open file that no mount explains: to be set after
	                   * opening; costs a call for each open file of the host */
	const bool *only; /* NULL, or of each in pids: an OPEN pass comes by. Borrowed */
	struct weir_names pids;
	enum weir_tasks_pass pass;
	size_t at;
	unsigned int nr_listed;               /* how often /proc was listed */
	struct weir_tasks_list touched, idle; /* by a pass over statuses */
	struct weir_task task;
	struct weir_buf path, text, maps_text, target; /* used again from file to file */
	size_t nr_seen;      /* processes with memory of their own */
	size_t nr_vanished;  /* ended while they were read */
	size_t nr_forbidden; /* maps and links may not be read by this user */
};

/* A walk over all processes; @host must outlive it. -ENOENT and other errors of listing
 * /proc with words. After a failure it is to be done with, too. */
int weir_tasks_open(struct weir_tasks *walk, const struct weir_host *host,
                    struct weir_err *err);
void weir_tasks_done(struct weir_tasks *walk);

/* Which files are huge: to be told once, before any pass but that over statuses. @mounts
 * must outlive the walk. 0 or -ENOMEM. */
int weir_tasks_know(struct weir_tasks *walk, const struct weir_mounts *mounts);

/* Begins a pass. Without it the walk is over all of everyone. */
void weir_tasks_begin(struct weir_tasks *walk, enum weir_tasks_pass pass);

enum { WEIR_TASKS_END = 1 };

/* Reads the next process. 0 and *out; WEIR_TASKS_END after the last; -ENOMEM. */
int weir_tasks_next(struct weir_tasks *walk, const struct weir_task **out);

/* Reads /proc/PID/@file of the process that the walk has come to; as weir_host_read(). */
int weir_tasks_read(struct weir_tasks *walk, const char *file, size_t max,
                    struct weir_buf *out);

#endif
