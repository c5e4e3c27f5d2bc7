/* creators: who made a file or a segment, as far as that is told, and whether he lives.
 */
#ifndef WEIR_FACTS_CREATORS_H
#define WEIR_FACTS_CREATORS_H

#include "facts/holdings.h"

/* The process that a file's name says has made it, "spdk_pid4242map_0": the number behind
 * "pid", else 0. */
uint64_t weir_creator_of_name(struct weir_str path);

/* True when there is a process of this number, also when it is not to be looked at. */
bool weir_process_lives(const struct weir_host *host, uint64_t pid);

/* The numbers that processes have, in their own PID namespaces too: a program in a
 * container writes the one by which it knows itself. */
struct weir_pid {
	uint64_t number, pid; /* a number, and the process that has it */
};

struct weir_pids {
	struct weir_pid *v;
	size_t nr, cap;
};

void weir_pids_done(struct weir_pids *pids);

/* Adds those of the process that a walk has come to. 0 or -ENOMEM. */
int weir_pids_add(struct weir_pids *pids, const struct weir_task *task);

/* After the last one, and before it is asked for any. */
void weir_pids_finish(struct weir_pids *pids);

bool weir_pids_has(const struct weir_pids *pids, uint64_t number);

/* Why processes may be there that this /proc does not show: "" when it shows all, or when
 * nothing tells, as in captures of old. */
const char *weir_processes_unseen(const struct weir_host *host);

/* Asks whether the creators of files and segments live, and whether all processes are
 * seen: for captures, of a host that remembers. @pids: of all processes. */
void weir_creators_ask(const struct weir_host *host, const struct weir_holdings *all,
                       const struct weir_pids *pids);

#endif
