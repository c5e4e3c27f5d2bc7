/* owners: whose end ends a lease: a process, by a pidfd; a systemd unit, by "populated 0"
 * in its cgroup's cgroup.events (cgroup v2). A *claim* is made before the lease is, so
 * that an owner that is not there, or not the caller's, is refused in time; then it is
 * tied to the lease, and the end is told once. */
#ifndef WEIR_DAEMON_OWNERS_H
#define WEIR_DAEMON_OWNERS_H

#include "daemon/loop.h"
#include "facts/warm.h"

#define WEIR_CGROUP_ROOT "/sys/fs/cgroup"

struct weir_ends;

/* @ended: the owner of @lease is gone. The lease is not watched any more then. */
int weir_ends_new(struct weir_loop *loop, const char *cgroup_root,
                  void (*ended)(void *ctx, uint64_t lease), void *ctx,
                  struct weir_ends **out);
void weir_ends_free(struct weir_ends *ends);

struct weir_claim {
	int fd; /* pidfd, or cgroup.events; -1: nothing to watch */
	enum weir_owner_kind kind;
};

/* @owner: its start is filled in when it is 0, and compared otherwise. @uid: who asks; a
 * process must be his, unless he is root; (uint32_t)-1: do not look. A unit is a name in
 * a slice, below slices only, or at the root of the tree of cgroups; or a path from
 * there. 0; -ESRCH: there is no such owner, or not any more; -EPERM; others: it is not
 * known; with words. */
int weir_claim_make(const struct weir_ends *ends, struct weir_warm_owner *owner,
                    uint32_t uid, struct weir_claim *out, struct weir_err *err);
void weir_claim_done(struct weir_claim *claim);

/* Watches it for @lease; takes the claim, also when it fails. */
int weir_ends_add(struct weir_ends *ends, uint64_t lease, struct weir_claim *claim,
                  struct weir_err *err);
void weir_ends_remove(struct weir_ends *ends, uint64_t lease); /* none is fine */
bool weir_ends_has(const struct weir_ends *ends, uint64_t lease);

/* Field 22 of /proc/PID/stat: when it was started. 0 or -ESRCH, -EBADMSG. */
int weir_pid_start(struct weir_str stat, uint64_t *out);

/* Is there a process in the cgroup, by the text of cgroup.events? */
bool weir_unit_is_populated(struct weir_str text);

#endif
