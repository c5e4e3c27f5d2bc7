/* mount_ask: what is asked of a hugetlbfs mount, before there is one: whether the kernel
 * would take it as it is, how it is told to the kernel, and how it differs from a mount
 * that is there. Pure.
 *
 * The kernel rounds size= and min_size= down to whole pages and says nothing
 * (fs/hugetlbfs/inode.c, hugetlbfs_size_to_hpages(), v6.6): less than a page is a mount
 * in which no file can have any. Here that is refused. */
#ifndef WEIR_APPLY_MOUNT_ASK_H
#define WEIR_APPLY_MOUNT_ASK_H

#include "facts/mounts.h"
#include "facts/pools.h"

#define WEIR_MOUNT_MODE_MAX 01777U /* the kernel takes no other bits */

struct weir_mount_ask {
	uint64_t page_bytes;
	struct weir_count size_bytes; /* from here on unknown: not asked for */
	struct weir_count min_size_bytes;
	struct weir_count nr_inodes; /* the root directory is one of them */
	struct weir_count mode, uid, gid;
};

/* Bytes ("1G"), or pages with a "p" behind ("512p"). 0; -EBADMSG; -ERANGE past 2^63-1. */
int weir_mount_amount_parse(struct weir_str s, uint64_t page_bytes, uint64_t *out_bytes);

/* "1777", digits of base 8. 0 or -EBADMSG. */
int weir_mount_mode_parse(struct weir_str s, uint64_t *out);

/* 0, or -EINVAL with words: what the kernel would make of it. */
int weir_mount_ask_check(const struct weir_mount_ask *ask, struct weir_err *err);

/* The data of mount(2): "pagesize=2M,size=1G". 0 or -ENOMEM. */
int weir_mount_options(const struct weir_mount_ask *ask, struct weir_buf *out);

/* Where a mount of such pages stands by custom: "/dev/hugepages", where systemd has the
 * default size, or "/dev/hugepages1G". 0 or -ENOMEM. */
int weir_mount_custom_dir(uint64_t page_bytes, struct weir_count default_page,
                          struct weir_buf *out);

/* What @mount has otherwise than asked, "size=4M and not 8M, mode=755 and not 1777";
 * nothing when it is as asked. Limits that were not asked for must not be there; mode,
 * user and group that were not asked for do not matter. 0 or -ENOMEM. */
int weir_mount_differs(const struct weir_mount_ask *ask,
                       const struct weir_hugetlbfs *mount, struct weir_buf *out);

/* What min_size= would meet in the pool of its size: it is reserved at once, from free
 * pages that are promised to nobody, and from surplus pages that may still be made
 * (mm/hugetlb.c, hugetlb_acct_memory() and gather_surplus_pages(), v6.6). */
struct weir_mount_room {
	uint64_t wanted;          /* pages of min_size=; 0: none asked for */
	struct weir_count free;   /* really free */
	struct weir_count growth; /* that overcommit allows */
	struct weir_count missing;
};

struct weir_mount_room weir_mount_room(const struct weir_mount_ask *ask,
                                       const struct weir_pools *pools);

/* "2M and 1G": the page sizes that there are. 0 or -ENOMEM. */
int weir_mount_sizes(const struct weir_pools *pools, struct weir_buf *out);

#endif
