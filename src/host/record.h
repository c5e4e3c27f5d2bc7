/* record: a host that passes every question on and remembers the answers.
 *
 * A capture is made by running the readers of facts over it: what they read is what the
 * capture holds, by construction, and a replay asks the same questions of it. */
#ifndef WEIR_HOST_RECORD_H
#define WEIR_HOST_RECORD_H

#include "host/manifest.h"
#include "host/members.h"

struct weir_record {
	const struct weir_host *inner; /* borrowed */
	struct weir_members files;
	struct weir_manifest manifest;
	int failed; /* -ENOMEM or -EFBIG: something could not be remembered */
};

/* *out reads from @inner and remembers in @record, which must outlive it. */
int weir_record_new(struct weir_record *record, const struct weir_host *inner,
                    struct weir_host **out);
/* One more host that remembers in @record. */
int weir_record_more(struct weir_record *record, struct weir_host **out);
void weir_record_done(struct weir_record *record);

/* Adds the manifest to the files and brings them into order. */
int weir_record_finish(struct weir_record *record, struct weir_err *err);

#endif
