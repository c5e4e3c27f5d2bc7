/* warm_seen: the store of warm memory as the rest of weir sees it: its state, whether
 * weird runs, and how much there is of it by page size and node. */
#ifndef WEIR_FACTS_WARM_SEEN_H
#define WEIR_FACTS_WARM_SEEN_H

#include "facts/warm.h"

/* Does the weird that wrote a state run? */
enum weir_weird {
	WEIR_WEIRD_UNKNOWN, /* it does not say, or the process may not be looked at */
	WEIR_WEIRD_RUNS,
	WEIR_WEIRD_GONE,
};

const char *weir_weird_word(enum weir_weird weird); /* "runs", "gone", "unknown" */

struct weir_warm_seen {
	struct weir_warm_state state;
	bool hidden;           /* there is one, and it could not be read */
	enum weir_weird weird; /* of a state that is known */
};

void weir_warm_seen_done(struct weir_warm_seen *seen);

/* Without a store nothing is known, and that is no gap. A state that may not be read, or
 * is not whole, is one. */
void weir_warm_seen_read(struct weir_reader *rd, struct weir_warm_seen *out);

/* Field 22 of a /proc/PID/stat, or unknown; *ended: it is a zombie, or about to be one.
 * Pure. */
struct weir_count weir_stat_start(struct weir_str text, bool *ended);

/* Is this device a hugetlbfs of the store? */
bool weir_warm_has_device(const struct weir_warm_state *state, uint64_t device);

/* Is the region of a lease, or was it of one: handed out, chosen or waited for? */
bool weir_region_is_leased(const struct weir_warm_region *region);

/* "lease vm1", or "lease 5" without a name; "" of a region that is not leased. */
#define WEIR_LEASE_TEXT_MAX (WEIR_WARM_NAME_MAX + 32)
const char *weir_lease_text(const struct weir_warm_region *region,
                            char out[WEIR_LEASE_TEXT_MAX]);

/* One page size on one node. Bytes are those that have pages. */
struct weir_warm_place {
	uint64_t page_bytes;
	int node; /* -1: of regions that are bound to none */
	uint64_t target_bytes;
	uint64_t ready_bytes, leased_bytes, waiting_bytes;
	uint64_t coming_bytes; /* being filled, dirty, being scrubbed */
	uint64_t due_bytes;    /* of these, when they are ready */
	size_t nr_ready, nr_leased, nr_waiting, nr_coming;
};

struct weir_warm_places {
	struct weir_warm_place *v; /* by size, then node */
	size_t nr, cap;
};

/* One for each size and node that has a target or a region. 0 or -ENOMEM. */
int weir_warm_places_make(const struct weir_warm_state *state,
                          struct weir_warm_places *out);
void weir_warm_places_done(struct weir_warm_places *places);

/* What the target of a place still lacks: neither ready nor coming. What is beyond the
 * targets of nodes counts for one that is bound to none. */
uint64_t weir_warm_place_lacks(const struct weir_warm_places *places, size_t place);

#endif
