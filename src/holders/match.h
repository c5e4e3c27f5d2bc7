/* match: holdings into holds, and reservations onto them. Internal to this folder. */
#ifndef WEIR_HOLDERS_MATCH_H
#define WEIR_HOLDERS_MATCH_H

#include "holders/ledger.h"

/* Makes the holds of what ledger->holdings has, without reservations. Page frames are
 * asked of @host where processes share their own pages. 0 or -ENOMEM. */
int weir_ledger_match(const struct weir_host *host, const struct weir_snapshot *snap,
                      struct weir_ledger *ledger);

/* Adds the SysV segments that are no hold yet. 0 or -ENOMEM. */
int weir_ledger_match_segments(const struct weir_snapshot *snap,
                               struct weir_ledger *ledger);

/* Adds what has memory errors and is nobody's, where the pools have more in use than was
 * found: to be called after the sums, which it keeps right. 0 or -ENOMEM. */
int weir_ledger_match_poisoned(const struct weir_host *host,
                               const struct weir_snapshot *snap,
                               struct weir_ledger *ledger);

/* Works out on which nodes pages lie of which nothing tells it, as far as the sums do. */
void weir_ledger_find_nodes(struct weir_ledger *ledger);

/* Finds out what each hold keeps reserved, and adds mounts that do. 0 or -ENOMEM. */
int weir_ledger_reserve(struct weir_ledger *ledger);

/* Finds out what of each hold is registered with io_uring. 0 or -ENOMEM. */
int weir_ledger_find_pins(struct weir_ledger *ledger);

/* Bytes of its buffers that are in no mapping of huge pages. 0 or -ENOMEM. */
int weir_pinner_outside(const struct weir_ledger *ledger,
                        const struct weir_pinner *pinner, uint64_t *out);

/* Says what was not seen, and why something may be missing. 0 or -ENOMEM. */
int weir_ledger_say(const struct weir_host *host, const struct weir_snapshot *snap,
                    struct weir_ledger *ledger);

/* One more hold, empty, with counts for each node. NULL: out of memory. */
struct weir_hold *weir_hold_add(struct weir_ledger *ledger, enum weir_hold_kind kind,
                                uint64_t page_bytes);

/* Adds @pages on @node to a hold. */
void weir_hold_count(const struct weir_ledger *ledger, struct weir_hold *hold,
                     unsigned int node, uint64_t pages);

/* Makes the pages by node agree with the pages, once these are known. */
void weir_hold_settle_nodes(const struct weir_ledger *ledger, struct weir_hold *hold);

/* Pages of @page_bytes that @bytes make, rounded up; 0 for an unknown page. */
uint64_t weir_pages_of(uint64_t bytes, uint64_t page_bytes);

#endif
