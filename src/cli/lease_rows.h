/* lease_rows: the leases that weird tells of, for the commands that show or look for one.
 */
#ifndef WEIR_CLI_LEASE_ROWS_H
#define WEIR_CLI_LEASE_ROWS_H

#include "cli/weird_client.h"

/* More than weird can have (facts/warm.h, WEIR_WARM_REGIONS_MAX): a weird that never
 * comes to an end is not believed. */
#define WEIR_LEASE_ROWS_MAX (1U << 17)

struct weir_lease_row { /* texts: NULL where there is none, or it may not be seen */
	uint64_t lease;
	struct weir_count bytes, filled_bytes, page_bytes, node;
	struct weir_count uid, pid, since_ms, until_ms;
	char *name, *state, *owner, *unit, *path, *holders;
};

struct weir_lease_rows {
	struct weir_lease_row *v; /* by number */
	size_t nr, cap;
};

void weir_lease_rows_done(struct weir_lease_rows *rows);

/* All that the caller may see. Otherwise as weir_client_call(). */
int weir_lease_rows_read(struct weir_client *client, struct weir_lease_rows *out,
                         struct weir_refusal *no, struct weir_err *err);

/* The table of weir leases; it is of a struct weir_lease_rows. */
extern const struct weir_table_def weir_table_leases;

#endif
