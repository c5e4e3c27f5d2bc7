/* serve: what requests do: each op of weird-protocol(7) against the store, and the
 * replies that come later: leases that grow, holders that must be looked for. */
#ifndef WEIR_DAEMON_SERVE_H
#define WEIR_DAEMON_SERVE_H

#include "daemon/daemon.h"
#include "daemon/message.h"

int weir_serve_new(struct weir_daemon *d, struct weir_serve **out, struct weir_err *err);
void weir_serve_free(struct weir_serve *serve);

/* For the server. @ctx: the struct weir_serve. */
extern const struct weir_server_calls weir_serve_calls;

/* The job of a lease that grew has ended: 0 with the lease, or negative with words. */
void weir_serve_grown(struct weir_serve *serve, uint64_t region, int result,
                      const struct weir_lease *lease, const struct weir_err *err);

/* Memory came back, or may have: leases that wait for it are tried again, from the loop.
 */
void weir_serve_retry(struct weir_serve *serve);

/* Is that to come? Then nothing else should take what came back. */
bool weir_serve_is_due(const struct weir_serve *serve);

/* A lease is at its end by itself: it is released. */
void weir_serve_ended(struct weir_serve *serve, uint64_t lease, const char *why);

/* Something was seen of the host: what waited for it is replied. */
void weir_serve_seen(struct weir_serve *serve);

/* How many lease requests ended so: the last one is those that were granted. */
#define WEIR_SERVE_RESULTS (WEIR_REFUSED_CODES + 1)
const uint64_t *weir_serve_results(const struct weir_serve *serve);

#endif
