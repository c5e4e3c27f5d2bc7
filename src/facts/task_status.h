/* task_status: /proc/PID/status, which the kernel shows to everyone: who a process is,
 * and how much of huge pages it has touched.
 *
 * Sources, v5.10 to v6.18: fs/proc/array.c proc_pid_status(), fs/proc/task_mmu.c
 * task_mem() and hugetlb_report_usage(). */
#ifndef WEIR_FACTS_TASK_STATUS_H
#define WEIR_FACTS_TASK_STATUS_H

#include "facts/fact.h"

#define WEIR_TASK_UIDS 4U /* real, effective, saved, of files */

struct weir_task_status {
	struct weir_str name; /* borrows from the text; '\n' and '\\' in it are escaped */
	struct weir_count pid; /* the thread's; of a process the same as tgid */
	struct weir_count tgid, ppid;
	/* NStgid: the process's numbers, in the outermost namespace that is seen and in
	 * those below it; borrowed, "" before 4.1 */
	struct weir_str ns_pids;
	struct weir_count uid, gid; /* the effective ones */
	struct weir_count uids[WEIR_TASK_UIDS];
	struct weir_count hugetlb_bytes; /* touched and mapped; since 4.4 */
	struct weir_count pinned_bytes;  /* VmPin: by RDMA and the like; VFIO locks */
	struct weir_count kthread;       /* 1: a kernel thread; since 6.8 */
	bool has_memory;                 /* false: a kernel thread, or it has ended */
	/* Told only without memory: what has ended, and has more than one, is the first
	 * thread alone. */
	struct weir_count threads;
};

int weir_task_status_parse(struct weir_str text, struct weir_task_status *out,
                           struct weir_err *err);

#endif
