/* serve_parts: serve, for its own files only: serve.c takes requests and keeps those that
 * wait. serve_ask.c says what is asked for and whether its user may have it,
 * serve_lease.c changes leases, serve_later.c has those that wait for memory,
 * serve_tell.c tells. */
#ifndef WEIR_DAEMON_SERVE_PARTS_H
#define WEIR_DAEMON_SERVE_PARTS_H

#include "daemon/serve.h"

enum weir_pending_kind {
	WEIR_PENDING_LEASE,   /* its region grows */
	WEIR_PENDING_LATER,   /* a lease: memory for it is being worked on */
	WEIR_PENDING_ENDED,   /* a lease that was released before it had grown */
	WEIR_PENDING_RELEASE, /* who holds it is looked for */
	WEIR_PENDING_LEASES,
	WEIR_PENDING_METRICS,
};

struct weir_pending {
	struct weir_pending *next;
	enum weir_pending_kind kind;
	uint64_t conn; /* 0: gone */
	struct weir_message_id id;
	uint64_t began_ns;
	uint64_t region, lease; /* of LEASE and RELEASE */
	uint64_t after;         /* of LEASES */
	bool looked;            /* for the second time */
	bool descriptor;
	bool of_connection; /* the lease ends with it */
	struct weir_claim claim;
	/* of LATER: what was asked, by and for whom, as he was then */
	struct weir_message m;
	uint32_t uid;
	struct weir_warm_owner owner;
};

struct weir_tied { /* a lease that ends with its connection */
	uint64_t lease, conn;
};

struct weir_serve {
	struct weir_daemon *d;
	struct weir_pending *pending;
	struct weir_tied *tied;
	size_t nr_tied, cap_tied;
	uint64_t results[WEIR_SERVE_RESULTS];
	struct weir_timer *due; /* set: leases that wait are tried again */
};

/* Who asks, what, and since when. */
struct weir_asked {
	struct weir_serve *serve;
	struct weir_connection *conn;
	const struct weir_message *m;
	const struct weir_peer *peer;
	uint64_t began_ns;
	struct weir_pending *later; /* it is asked once more: what it was kept in */
};

/* What a lease is to be, and the end that it has with its owner. */
struct weir_wanted {
	struct weir_lease_ask ask;
	struct weir_claim claim;
};

/* What was asked for, as the rules let this user have it. False: it was refused. */
bool weir_serve_ask(const struct weir_asked *a, struct weir_wanted *w);

/* Only its size and place. False: it was refused. */
bool weir_serve_ask_place(const struct weir_asked *a, struct weir_lease_ask *ask);

/* A rule's time holds for each new end, too. 0, or it was refused. */
int weir_serve_ask_time(const struct weir_asked *a, uint64_t *ttl_ns);

/* The pool has too little: waits, with the claim, where there will be enough when what is
 * zeroed now is ready. False: there will not. */
bool weir_serve_later(const struct weir_asked *a, struct weir_wanted *w);

/* Keeps a request until what it waits for is there. NULL: no memory, and it is refused.
 */
struct weir_pending *weir_serve_wait(const struct weir_asked *a,
                                     enum weir_pending_kind kind);

/* Replies with what was written. Takes @fd. @lease: 0, or what ends when that is lost. */
void weir_serve_send(struct weir_connection *conn, struct weir_json *j, int fd,
                     uint64_t lease);
void weir_serve_refuse(const struct weir_asked *a, enum weir_refused code,
                       const char *text, const char *help);

/* May this peer see and end the lease? */
bool weir_serve_is_his(const struct weir_peer *peer, const struct weir_warm_lease *lease);

/* The device of a region's file. */
uint64_t weir_serve_device(const struct weir_daemon *d,
                           const struct weir_warm_region *region);

/* Where memory lies: a region's @node, or, of a host that has but one, that; -1: on none
 * in particular. */
int weir_serve_node(const struct weir_daemon *d, int node);

void weir_serve_lease(const struct weir_asked *a);
void weir_serve_release(const struct weir_asked *a);
void weir_serve_renew(const struct weir_asked *a);
void weir_serve_target(const struct weir_asked *a);

void weir_serve_leases(const struct weir_asked *a);
void weir_serve_warm(const struct weir_asked *a);
void weir_serve_metrics(const struct weir_asked *a);

/* Replies to what waited for a look; @conn is there. */
void weir_serve_tell(struct weir_serve *serve, struct weir_connection *conn,
                     const struct weir_pending *p);

/* Does what was seen last, not long ago, name who has the file? */
bool weir_serve_knows_holders(const struct weir_daemon *d,
                              const struct weir_warm_region *region);

/* Tries leases that wait, and answers those that ended before they had grown. */
void weir_serve_on_due(void *ctx);

/* Ends a lease, in the log, too. 0 or as weir_store_release(). */
int weir_serve_end(struct weir_serve *serve, uint64_t lease, const char *why,
                   struct weir_err *err);

/* Frees what a lease that waits has; not from the list. */
void weir_pending_free(struct weir_pending *p);

#endif
