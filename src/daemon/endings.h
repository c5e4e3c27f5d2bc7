/* endings: what ends leases by itself: their owner's end, their time, that nobody has the
 * file any more; and what brings back memory that was still held when its lease ended.
 *
 * That a file is opened and closed inotify tells, for the directories of the store. What
 * weird does itself with a file is told too, and is passed over with what others did with
 * it meanwhile; so it is looked again a little later, and later again. */
#ifndef WEIR_DAEMON_ENDINGS_H
#define WEIR_DAEMON_ENDINGS_H

#include "daemon/owners.h"
#include "warm/store.h"

struct weir_endings;

struct weir_endings_calls {
	/* A lease is at its end, @why: "owner", "time", "use", "connection". It is to be
	 * released. */
	void (*ended)(void *ctx, uint64_t lease, const char *why);
	/* So many regions that were waited for are free. */
	void (*freed)(void *ctx, size_t nr);
};

int weir_endings_new(struct weir_loop *loop, struct weir_store *store,
                     const char *cgroup_root, const struct weir_endings_calls *calls,
                     void *ctx, struct weir_endings **out, struct weir_err *err);
void weir_endings_free(struct weir_endings *endings);

/* For claims. */
const struct weir_ends *weir_endings_owners(const struct weir_endings *endings);

/* Ties the claim to a lease that was made; takes it. */
int weir_endings_add(struct weir_endings *endings, uint64_t lease,
                     struct weir_claim *claim, struct weir_err *err);
void weir_endings_remove(struct weir_endings *endings, uint64_t lease);

/* Claims the owners of all leases that the store came with. Those that are gone are
 * ended; where that cannot be told, it is looked again. */
void weir_endings_restore(struct weir_endings *endings);

/* Leases, their times or directories have changed. */
void weir_endings_changed(struct weir_endings *endings);

#endif
