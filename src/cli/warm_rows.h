/* warm_rows: the store as weird tells of it, for `weir warm`. */
#ifndef WEIR_CLI_WARM_ROWS_H
#define WEIR_CLI_WARM_ROWS_H

#include "cli/weird_client.h"

#define WEIR_WARM_ROWS_MAX 65536U /* page sizes times nodes, and sizes of files */

struct weir_warm_row { /* of a page size on a node */
	struct weir_count page_bytes, node, target_bytes;
	struct weir_count ready_bytes, filling_bytes, leased_bytes, waiting_bytes;
	struct weir_count dirty_bytes, scrubbing_bytes, room_bytes;
	struct weir_count fill_bytes_per_s, scrub_bytes_per_s, seconds_to_full;
	char *blocked; /* NULL: nothing is in the way */
};

struct weir_warm_flavour { /* a size that files are kept in */
	struct weir_count page_bytes, node, bytes, ready, wanted;
};

struct weir_warm_rows {
	struct weir_warm_row *v;
	size_t nr, cap;
	struct weir_warm_flavour *flavours;
	size_t nr_flavours, cap_flavours;
	struct weir_count leases, releases, warm_bytes_leased, cold_bytes_leased;
	struct weir_count verify_failures;
};

void weir_warm_rows_done(struct weir_warm_rows *rows);

/* As weir_client_call(). */
int weir_warm_rows_read(struct weir_client *client, struct weir_warm_rows *out,
                        struct weir_refusal *no, struct weir_err *err);

/* The numbers of a row under weird's names for them, in its order. */
#define WEIR_WARM_NUMBERS(X) \
	X(page_bytes)        \
	X(node)              \
	X(target_bytes)      \
	X(ready_bytes)       \
	X(filling_bytes)     \
	X(leased_bytes)      \
	X(waiting_bytes)     \
	X(dirty_bytes)       \
	X(scrubbing_bytes)   \
	X(room_bytes)        \
	X(fill_bytes_per_s)  \
	X(scrub_bytes_per_s) \
	X(seconds_to_full)

/* The table of weir warm; it is of a struct weir_warm_rows. */
extern const struct weir_table_def weir_table_warm;

#endif
