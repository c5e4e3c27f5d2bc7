/* feed: what is zeroed next, and where its pages come from: the store's jobs, the room in
 * the pools, and growth of pools where the configuration allows it. */
#ifndef WEIR_DAEMON_FEED_H
#define WEIR_DAEMON_FEED_H

#include "daemon/daemon.h"

int weir_feed_new(struct weir_daemon *d, struct weir_feed **out, struct weir_err *err);
void weir_feed_free(struct weir_feed *feed);

/* Sets targets and budgets from the configuration. What was a target and is none any more
 * is taken away. 0; failures of single targets are logged. */
int weir_feed_configure(struct weir_feed *feed);

/* There may be something to do: leases, targets or pools have changed. */
void weir_feed_kick(struct weir_feed *feed);

/* What a lease may take of the pools now: read anew. *out is to be freed. -ENOMEM. */
int weir_feed_lease_rooms(struct weir_feed *feed, struct weir_rooms *out);

/* What of the pools may be taken for targets: for showing. *out is to be freed. -ENOMEM.
 */
int weir_feed_rooms(const struct weir_feed *feed, struct weir_rooms *out);

/* What a target lacks. */
uint64_t weir_feed_missing(const struct weir_feed *feed, uint64_t page_bytes, int node);

/* Has the host this node? */
bool weir_feed_has_node(const struct weir_feed *feed, int node);

/* Why it is not filled further though there is so much @room, or NULL. */
const char *weir_feed_blocked(const struct weir_feed *feed, uint64_t page_bytes, int node,
                              uint64_t room);

/* Bytes a second, over the last seconds; all that was done since the start. */
struct weir_feed_rate {
	uint64_t fill_per_s, scrub_per_s;
	uint64_t filled, scrubbed;
};
void weir_feed_rate(struct weir_feed *feed, uint64_t page_bytes, int node,
                    struct weir_feed_rate *out);

/* Something was seen of the host. */
void weir_feed_seen(struct weir_feed *feed);

#endif
