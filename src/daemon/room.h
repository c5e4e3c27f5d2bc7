/* room: how much of each pool weird may take: what is really free, but for what the
 * configuration leaves to others (keep-free) and what declared VMs that do not run would
 * need. Pure.
 *
 * Of a node that is the lower bound: reservations choose no node, so each node may have
 * to serve them all (weir_pool_really_free()). What is to be left of a size, and not of
 * one of its nodes, is left on the nodes in proportion to what they have free: so all of
 * it is there although nodes are filled at the same time. */
#ifndef WEIR_DAEMON_ROOM_H
#define WEIR_DAEMON_ROOM_H

#include "daemon/conf.h"
#include "daemon/needs.h"
#include "facts/pools.h"
#include "warm/store.h"

#define WEIR_ROOMS_MAX 1024U

struct weir_rooms {
	struct weir_job_room *v; /* by size; of each its nodes, then all of them (-1) */
	size_t nr, cap;
};

void weir_rooms_done(struct weir_rooms *rooms);

/* @needs: NULL where they are not to be left, as for leases. *out is replaced. Unknown is
 * no room. -ENOMEM. */
int weir_rooms_make(const struct weir_pools *pools, const struct weir_conf *conf,
                    const struct weir_needs *needs, struct weir_rooms *out);

/* 0 for what is not there. */
uint64_t weir_rooms_of(const struct weir_rooms *rooms, uint64_t page_bytes, int node);

/* So much of it is being taken now. */
void weir_rooms_take(struct weir_rooms *rooms, uint64_t page_bytes, int node,
                     uint64_t bytes);

/* No room is larger than it is in @most. */
void weir_rooms_bound(struct weir_rooms *rooms, const struct weir_rooms *most);

/* Adds all of them to @out, which is empty. -ENOMEM. */
int weir_rooms_copy(const struct weir_rooms *rooms, struct weir_rooms *out);

/* No room there. */
void weir_rooms_close(struct weir_rooms *rooms, uint64_t page_bytes, int node);

/* Reads the pools of the host. 0 or -ENOMEM; pools->known tells more. */
int weir_rooms_read_pools(const struct weir_host *host, struct weir_pools *out);

#endif
