/* owners: whose processes there are: whether the user who owns a file that nobody uses
 * has any left: by any of a process's four user ids, for it may go back to each of them,
 * and make files as it. Told only where all processes were looked at: a capture has those
 * that hold huge pages, and knows of others only what was asked when it was made. */
#ifndef WEIR_FACTS_OWNERS_H
#define WEIR_FACTS_OWNERS_H

#include "facts/tasks.h"

struct weir_owner {
	uint64_t uid, pid; /* a user, and one of its processes */
	bool effective;    /* that process's effective user, too */
};

struct weir_owners {
	struct weir_owner *v; /* by uid, each once */
	size_t nr, cap;
	bool complete; /* who is not there has no process that can be seen */
};

enum weir_owner_lives { WEIR_OWNER_UNKNOWN, WEIR_OWNER_LIVES, WEIR_OWNER_GONE };

void weir_owners_done(struct weir_owners *owners);

/* Adds the process that a walk has come to. 0 or -ENOMEM. */
int weir_owners_add(struct weir_owners *owners, const struct weir_task *task);

/* After the last one: is that all? A capture says so, too, where weir_owners_ask() was
 * called for it, and has the processes that this asked about. 0 or -ENOMEM. */
int weir_owners_finish(struct weir_owners *owners, const struct weir_host *host);

enum weir_owner_lives weir_owner_lives(const struct weir_owners *owners, uint64_t uid);

/* For captures: asks @host, which remembers, for a process of each of these users. */
void weir_owners_ask(const struct weir_host *host, const struct weir_owners *owners,
                     const uint64_t *uids, size_t nr);

#endif
