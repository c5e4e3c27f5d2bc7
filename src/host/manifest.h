/* manifest: the text "/@/capture" in a captured tree, which says what files cannot.
 *
 *	weir-capture 1
 *	time_ns 1763725200000000000
 *	error EACCES /proc/pagetypeinfo
 *
 * A path for which reading failed is listed with the error's name (EFBIG: the tree holds
 * the beginning); any other path that is not in the tree was absent. Paths are escaped as
 *in mountinfo. A tree without the text is a plain copy of kernel files: its time is not
 *known and nothing in it failed. Lines with unknown first words are for later versions
 *and are passed over. */
#ifndef WEIR_HOST_MANIFEST_H
#define WEIR_HOST_MANIFEST_H

#include "host/host.h"

#define WEIR_MANIFEST_PATH "/@/capture"
#define WEIR_MANIFEST_MAX  (4U << 20) /* one line a file that failed: about 50,000 */

struct weir_manifest_error {
	char *path;
	int code;   /* negative errno */
	size_t seq; /* when it was added */
};

struct weir_manifest {
	uint64_t time_ns;
	struct weir_manifest_error *errors;
	size_t nr_errors, cap_errors;
	bool sorted;
};

void weir_manifest_done(struct weir_manifest *m);
int weir_manifest_add_error(struct weir_manifest *m, const char *path, int code);

/* -EBADMSG for a text that is no manifest, -EPROTONOSUPPORT for a later format. */
int weir_manifest_parse(struct weir_str text, struct weir_manifest *out,
                        struct weir_err *err);
int weir_manifest_format(const struct weir_manifest *m, struct weir_buf *out);

/* Brings the errors into order; of several for one path the first counts. What was
 * parsed is in order already. */
void weir_manifest_sort(struct weir_manifest *m);

/* The failure recorded for @path, or 0. Wants the errors in order. */
int weir_manifest_error(const struct weir_manifest *m, const char *path);

#endif
