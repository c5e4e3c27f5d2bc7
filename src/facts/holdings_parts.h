/* holdings_parts: what holdings.c and holdings_maps.c share while they read, and nobody
 * else. All functions return 0 or -ENOMEM. */
#ifndef WEIR_FACTS_HOLDINGS_PARTS_H
#define WEIR_FACTS_HOLDINGS_PARTS_H

#include "facts/holdings.h"

struct weir_holdings_reading {
	const struct weir_holdings_ask *ask;
	const struct weir_host *details;
	struct weir_holdings *out;
	struct weir_tasks walk;
	struct weir_buf text, kept, path;
	struct weir_device_pages { /* of each device seen */
		uint64_t device, page_bytes;
	} * sizes;
	size_t nr_sizes, cap_sizes;
	struct weir_ipc_of { /* IPC namespaces: our own, and of the task asked last */
		struct weir_count own, its;
		bool own_asked;
		size_t task; /* index + 1, 0 none */
	} ipc;
};

/* Of a device; NULL: not known yet. */
struct weir_device_pages *weir_holdings_pages(struct weir_holdings_reading *rd,
                                              uint64_t device);
int weir_holdings_note_pages(struct weir_holdings_reading *rd, uint64_t device,
                             uint64_t page_bytes);

/* An open file of a process, if it is a huge one. */
int weir_holdings_add_link(struct weir_holdings_reading *rd, size_t task,
                           const struct weir_task_link *link);

/* Its huge mappings: of the text of maps, and that of numa_maps, "" where it is not
 * known.
 */
int weir_holdings_add_maps(struct weir_holdings_reading *rd, size_t task,
                           struct weir_str maps, struct weir_str numa);

#endif
