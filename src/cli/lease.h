/* lease: what `weir lease` got, and the ways in which it says so. */
#ifndef WEIR_CLI_LEASE_H
#define WEIR_CLI_LEASE_H

#include "cli/weird_client.h"

#include <stdio.h>

struct weir_lease_got {
	uint64_t lease, bytes, page_bytes;
	struct weir_count node; /* unknown: not on one node */
	struct weir_count warm_bytes, cold_bytes, took_us;
	char *path;
};

void weir_lease_got_done(struct weir_lease_got *got);

/* Of a reply; -EBADMSG with words. */
int weir_lease_got_take(const struct weir_tree *reply, struct weir_lease_got *out,
                        struct weir_err *err);

/* QEMU's option for it, as two words: the object's name is @id, and where @bound it is
 * bound to the lease's node. */
int weir_lease_qemu(const struct weir_lease_got *got, const char *id, bool bound,
                    struct weir_buf *out);

/* A name that QEMU takes for an object (util/id.c, id_wellformed()). */
bool weir_lease_id_is_fine(const char *id);

/* One document; @qemu may be NULL. */
int weir_lease_json(const struct weir_lease_got *got, const char *qemu, FILE *out);

/* "4G of 2M pages on node 0, all of it warm, in 0.4 ms (lease 5)" */
void weir_lease_words(const struct weir_lease_got *got, struct weir_buf *out);

#endif
