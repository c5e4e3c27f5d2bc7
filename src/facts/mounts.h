/* mounts: the hugetlbfs mounts of a host, and where its cgroup trees are.
 *
 * From /proc/self/mountinfo, of which only the lines of these file systems are parsed: a
 * container host has 20,000 mounts, and few of them are these.
 *
 * A mount with size= or min_size= has a subpool (mm/hugetlb.c, hugepage_new_subpool(),
 * v6.6): a limit of its own, and pages that are reserved as long as it is mounted. Bind
 * mounts and copies in other places show the same device and share the one subpool. */
#ifndef WEIR_FACTS_MOUNTS_H
#define WEIR_FACTS_MOUNTS_H

#include "facts/fact.h"

#define WEIR_MOUNTINFO_MAX   (16U << 20)          /* 100,000 mounts of the usual length */
#define WEIR_HUGETLBFS_MAGIC UINT64_C(0x958458f6) /* include/uapi/linux/magic.h */
#define WEIR_MOUNTS_MAX      16384U /* lines of interest: ten a VM on the largest hosts */

/* statfs(2) of a hugetlbfs mount, in its huge pages. Without a subpool the kernel answers
 * 0 to all but the page size, and -1 to what a subpool does not limit: both are unknown
 * here (fs/hugetlbfs/inode.c, hugetlbfs_statfs(), v6.6). */
struct weir_statfs {
	struct weir_count type; /* the magic number of the file system */
	struct weir_count page_bytes;
	bool limited;                  /* a size= is in force, and the next are known */
	struct weir_count blocks;      /* the limit in pages */
	struct weir_count free_blocks; /* of it, neither used nor reserved */
	struct weir_count files;       /* nr_inodes, the root directory counted in */
	struct weir_count free_files;
};

struct weir_hugetlbfs {
	unsigned int id;           /* of the mount */
	unsigned int major, minor; /* of the device: one a file system, not a mount */
	size_t same_as;            /* index of the first mount of this device, perhaps its
	                            * own: sums count where they are equal only */
	char *target;              /* absolute; any byte but NUL */
	char *source;              /* of no meaning; often "none" or "hugetlbfs" */
	bool read_only;
	bool has_subpool;             /* has size= or min_size= */
	bool covered;                 /* another mount hides it, and so its statfs */
	struct weir_count page_bytes; /* of the mount, else the default; a power of two */
	struct weir_count size_bytes; /* from here on unknown means not given: no limit */
	struct weir_count min_size_bytes;
	struct weir_count nr_inodes;
	struct weir_count mode; /* of the root directory when it was made: 0755 */
	struct weir_count uid, gid;
	struct weir_statfs statfs;
};

struct weir_mounts {
	bool known; /* false: the mounts could not be read, a gap says why */
	struct weir_hugetlbfs *v; /* in the kernel's order */
	size_t nr, cap;
	char *cgroup2;         /* where the v2 tree is; NULL: not mounted, or not known */
	char *cgroup1_hugetlb; /* where the tree of v1's hugetlb controller is */
};

void weir_mounts_done(struct weir_mounts *mounts);

/* Parses mountinfo. @default_page is the huge page size of mounts without pagesize= and
 * may be unknown. *out is valid after 0 and WEIR_GARBLED; -ENOMEM else. */
int weir_mounts_parse(struct weir_str text, struct weir_count default_page,
                      struct weir_mounts *out, struct weir_err *err);

/* Parses the text of "/@/statfs/PATH". */
int weir_statfs_parse(struct weir_str text, bool has_subpool, struct weir_statfs *out,
                      struct weir_err *err);

void weir_mounts_read(struct weir_reader *rd, struct weir_count default_page,
                      struct weir_mounts *out);

#endif
