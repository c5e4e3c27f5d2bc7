/* supply: what of the pools may be taken for targets now: the room (room.h), as far as
 * it is known that nobody who is declared needs it, and but for places where a fill has
 * just failed. */
#ifndef WEIR_DAEMON_SUPPLY_H
#define WEIR_DAEMON_SUPPLY_H

#include "daemon/look.h"
#include "daemon/room.h"
#include "daemon/work.h"

#define WEIR_HELD_OFF_MAX 64U

struct weir_held_off { /* after a fill that failed */
	uint64_t page_bytes, until_ns, for_ms;
	int node;
};

struct weir_supply {
	const struct weir_host *host;
	const struct weir_conf *conf;
	struct weir_looker *look;
	struct weir_store *store;  /* whose leased files have holes */
	struct weir_work *work;    /* what takes pages now; NULL: nothing runs */
	struct weir_rooms rooms;   /* as last read; what is being taken is taken off */
	struct weir_rooms offered; /* the same, and nothing where a fill failed */
	uint64_t read_at_ns;       /* 0: to be read */
	bool waits_for_look;
	struct weir_held_off held[WEIR_HELD_OFF_MAX];
	size_t nr_held;
};

void weir_supply_done(struct weir_supply *supply);

/* Reads the pools, unless that was less than a second ago. False, and no room: it is not
 * known what must be left, or waited for (waits_for_look). */
bool weir_supply_see(struct weir_supply *supply);

/* What is offered to the store now. */
const struct weir_rooms *weir_supply_offer(struct weir_supply *supply);

void weir_supply_take(struct weir_supply *supply, uint64_t page_bytes, int node,
                      uint64_t bytes);
void weir_supply_is_stale(struct weir_supply *supply);

/* A fill has failed: a second, then twice as long, up to a minute. Or it has not. */
void weir_supply_hold_off(struct weir_supply *supply, uint64_t page_bytes, int node);
void weir_supply_let_go(struct weir_supply *supply, uint64_t page_bytes, int node);

/* What a lease may take: read now. A lease is somebody's use of memory, as a VM of its
 * own would be: what is declared is not kept from it. */
int weir_supply_for_lease(struct weir_supply *supply, struct weir_rooms *out);

/* For showing: read now, with what was seen last. */
int weir_supply_show(const struct weir_supply *supply, struct weir_rooms *out);

#endif
