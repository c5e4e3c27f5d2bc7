/* declare: what an administrator wants of a host for good: /etc/weir/pools.conf and its
 * drop-ins, weir-pools(5).
 *
 *	[pool 2M]
 *	node0 = 1024            # pages; or "pages" for all nodes together
 *	node1 = 3072
 *	overcommit = 64
 *	boot = no
 *	[mount /dev/hugepages1G]
 *	page-size = 1G
 *
 * Each value knows where it was said, so that what is found to be otherwise can be told
 * with the line that says it. Exact or refused: an unknown section or key is an error and
 * not a line that somebody will take for active. Pure. */
#ifndef WEIR_PLAN_DECLARE_H
#define WEIR_PLAN_DECLARE_H

#include "base/buf.h"
#include "facts/fact.h"
#include "plan/wish.h"

#define WEIR_DECLARE_TEXT_MAX  (1U << 20) /* of one file: 64 nodes take 1 KiB */
#define WEIR_DECLARE_FILES_MAX 256U
#define WEIR_DECLARE_POOLS_MAX 16U   /* HUGE_MAX_HSTATE is 4 */
#define WEIR_DECLARE_LIST_MAX  1024U /* mounts; VMs */

/* "at" of what no file says, but a wish or the present state. */
#define WEIR_NO_FILE SIZE_MAX

struct weir_origin {
	size_t file;               /* index of weir_declaration.files, or WEIR_NO_FILE */
	unsigned int line, column; /* from 1 */
};

struct weir_declared_number {
	bool given;
	uint64_t n;
	struct weir_origin at;
};

struct weir_declared_text {
	char *z; /* NULL: not given */
	struct weir_origin at;
};

struct weir_declared_node {
	unsigned int node;
	struct weir_declared_number pages; /* always given */
};

struct weir_declared_pool {
	uint64_t page_bytes; /* a power of two */
	struct weir_origin at;
	struct weir_declared_number pages; /* on all nodes together; or: */
	struct weir_declared_node *nodes;  /* ascending; then pages is not given */
	size_t nr_nodes, cap_nodes;
	struct weir_declared_number overcommit;
	struct weir_declared_number boot; /* 0 or 1; see weir_declared_at_boot() */
};

struct weir_declared_mount {
	char *target; /* absolute, without "//", "/./", "/../" and a slash at its end */
	struct weir_origin at;
	struct weir_declared_number
		page_bytes; /* given, after weir_declaration_check() */
	struct weir_declared_number size_bytes, min_size_bytes;
	struct weir_declared_number mode, nr_inodes;
	struct weir_declared_text user, group; /* a name or a number */
	struct weir_count uid, gid; /* of them; a name's is filled in by who can look it
	                               up, and unknown before */
};

struct weir_declared_vm {
	char *name;
	struct weir_origin at;
	struct weir_declared_text file; /* absolute; given, after the check */
};

struct weir_declaration {
	char **files; /* in the order in which they were read */
	size_t nr_files, cap_files;
	struct weir_declared_pool *pools; /* as first named; each size once */
	size_t nr_pools, cap_pools;
	struct weir_declared_mount *mounts;
	size_t nr_mounts, cap_mounts;
	struct weir_declared_vm *vms;
	size_t nr_vms, cap_vms;
	struct weir_declared_number floor_bytes; /* [guards] */
};

void weir_declaration_done(struct weir_declaration *decl);

/* Reads one file more into @decl. What it says of a key goes before what files before it
 * said; one that says "pages" of a size makes their "nodeN" of that size void, and the
 * other way round. In the same file both are an error, and so is a key that is there
 * twice.
 *
 * 0; -EBADMSG with "FILE:LINE:COLUMN: words"; -E2BIG likewise; -ENOMEM. After a failure
 * @decl is empty: nothing of a declaration that has an error is to be used. */
int weir_declaration_add(struct weir_declaration *decl, const char *file,
                         struct weir_str text, struct weir_err *err);

/* What can be known only when all files are read: a mount without page-size, a minimum
 * beyond the limit. 0, or -EBADMSG with the same words, and @decl is empty. */
int weir_declaration_check(struct weir_declaration *decl, struct weir_err *err);

/* Nothing is declared of any pool, mount, VM or guard. */
bool weir_declaration_is_empty(const struct weir_declaration *decl);

const struct weir_declared_pool *weir_declared_pool(const struct weir_declaration *decl,
                                                    uint64_t page_bytes);
/* NULL: not declared. */
const struct weir_declared_number *weir_declared_node(
	const struct weir_declared_pool *pool, unsigned int node);

/* Pages of all nodes; unknown: it is not declared how many. */
struct weir_count weir_declared_pages(const struct weir_declared_pool *pool);

/* Are the pages asked for on the kernel command line? Unless the declaration says: from
 * 1G on, for later so large a page can hardly be made. */
#define WEIR_DECLARE_BOOT_BYTES (UINT64_C(1) << 30)
bool weir_declared_at_boot(const struct weir_declared_pool *pool);

/* All pools as wishes, EXACTLY each: pages per node or of all nodes, and overcommit.
 * Added to *out. 0, or as weir_wishes_add(). */
int weir_declaration_wishes(const struct weir_declaration *decl, struct weir_wishes *out,
                            struct weir_err *err);

/* "FILE:LINE", or "" for WEIR_NO_FILE. Returns @out. */
#define WEIR_ORIGIN_TEXT_MAX 512
const char *weir_origin_text(const struct weir_declaration *decl, struct weir_origin at,
                             char *out, size_t cap);

/* As a file that weir_declaration_add() reads back to the same. Added to *out. -ENOMEM.
 */
int weir_declaration_format(const struct weir_declaration *decl, struct weir_buf *out);

/* @text, a valid file, changed so that it says what @decl says, and no more than that:
 * lines that say so already, comments and the order stay. Added to *out. -ENOMEM. */
int weir_declaration_update(struct weir_str text, const struct weir_declaration *decl,
                            struct weir_buf *out);

struct weir_snapshot;

/* Takes wishes into @decl, which they replace where they speak of the same: "+512" is so
 * many more than there are now. Pages of one node, where all nodes together were
 * declared, make it a declaration of each node as it is now. What is to be known is a
 * line of
 * @notes. 0; -EINVAL for what cannot be declared; -ENODATA where it is not known what
 * there is now; -ENOMEM: with words. */
int weir_declaration_take(struct weir_declaration *decl, const struct weir_wishes *wishes,
                          const struct weir_snapshot *snap, struct weir_buf *notes,
                          struct weir_err *err);

/* Makes @decl's pools and mounts those of the host as it is now; its VMs, guards and what
 * it says of boot stay. Mounts that systemd makes anyway are left out. As above. */
int weir_declaration_from(struct weir_declaration *decl, const struct weir_snapshot *snap,
                          struct weir_buf *notes, struct weir_err *err);

/* Can it stand behind "mount", or "file = "? */
bool weir_declare_path_is_fine(struct weir_str path);

/* ---- for the parts of declare ------------------------------------------------------ */

/* The pool, made when it is not there; NULL: -ENOMEM or too many. */
struct weir_declared_pool *weir_declaration_pool(struct weir_declaration *decl,
                                                 uint64_t page_bytes);
/* Sets pages of one node; -ENOMEM. */
int weir_declared_set_node(struct weir_declared_pool *pool, unsigned int node,
                           struct weir_declared_number pages);

#endif
