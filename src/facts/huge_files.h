/* huge_files: the files that have huge pages, wherever one comes by them: in the
 * directories of hugetlbfs mounts, this mount namespace's and those of others, by the
 * mappings and by the open files of processes. Joined by device and inode, so that each
 * is there once.
 *
 * How many pages a file has its st_blocks says (fs/hugetlbfs/inode.c and mm/hugetlb.c,
 * hugetlb_add_to_page_cache(), v6.6), whether they are mapped or not. */
#ifndef WEIR_FACTS_HUGE_FILES_H
#define WEIR_FACTS_HUGE_FILES_H

#include "facts/mounts.h"

#define WEIR_HUGE_FILES_MAX (1U << 20) /* DPDK may make one a page: 2 TiB of 2M */
#define WEIR_HUGE_DIRS_MAX  32U        /* how deep directories are looked into */

struct weir_file_stat { /* of the texts "/@/stat/" and "/@/file/" */
	bool is_dir, is_file;
	uint64_t mode, uid, gid;
	uint64_t size_bytes, allocated_bytes;
	uint64_t device; /* major << 32 | minor */
	uint64_t inode, nr_links;
	uint64_t changed_at; /* st_mtime, seconds since 1970; 0 before that */
};

/* 0, or WEIR_GARBLED when a field that the kernel always gives is not there. */
int weir_file_stat_parse(struct weir_str text, struct weir_file_stat *out);

/* Hugetlbfs mounts of this and of other mount namespaces. */
struct weir_everywhere {
	struct weir_mounts mounts;
	uint64_t *pids; /* of each: 0, or a process that sees it there */
	size_t cap_pids;
	size_t nr_namespaces; /* mount namespaces seen, this one too; 0: not told */
	bool *refused;     /* of each process: its namespace was asked, and may not be */
	size_t nr_refused; /* how many */
};

void weir_everywhere_done(struct weir_everywhere *all);

struct weir_everywhere_ask {
	const struct weir_host *host;    /* is asked who is in which namespace */
	const struct weir_host *details; /* and what is in it; may remember its answers */
	struct weir_count default_page;
	const struct weir_names *pids; /* all processes */
	/* whose namespaces are asked: places in @pids, or all of them */
	const size_t *some;
	size_t nr_some;
	bool not_all;
};

/* @own: as seen from here. 0 or -ENOMEM. */
int weir_everywhere_read(const struct weir_everywhere_ask *ask,
                         const struct weir_mounts *own, struct weir_everywhere *out);

struct weir_huge_file {
	uint64_t device, inode;
	uint64_t ipc_namespace; /* of a SysV segment of another one than ours; else 0 */
	uint64_t page_bytes;    /* 0: not known */
	bool known;             /* st is */
	struct weir_file_stat st;
	char *path;        /* how it is called, "" without a name */
	uint64_t seen_by;  /* 0, or a process for which this is its path */
	bool exact;        /* the path is as it is, and not as maps has it */
	bool in_directory; /* found in the directory of a mount */
};

struct weir_huge_files {
	struct weir_huge_file *v;
	size_t nr, cap;
	size_t *slots; /* a hash over what makes a file the same: index + 1, 0 empty */
	size_t nr_slots;
	size_t nr_dirs_refused; /* directories that may not be listed */
	bool cut;               /* there were more than WEIR_HUGE_FILES_MAX */
};

void weir_huge_files_done(struct weir_huge_files *files);

/* The index of a file, which is added when it is new. -ENOMEM; -E2BIG past the limit. */
int weir_huge_files_get(struct weir_huge_files *files, uint64_t device, uint64_t inode,
                        size_t *out);

/* The same of a SysV segment: its number is unique in its IPC namespace only, the file
 * system is one for all (ipc/shm.c, newseg(), v6.6). */
int weir_huge_files_get_segment(struct weir_huge_files *files, uint64_t device,
                                uint64_t id, uint64_t ipc_namespace, size_t *out);

/* Gives the file this name unless it has one that is as good: @exact names, of links and
 * directories, are better than those in maps, in which newlines are escaped. 0 or
 * -ENOMEM. */
int weir_huge_file_name(struct weir_huge_file *file, struct weir_str path, bool exact);

/* Adds the files in the directories of all mounts. 0 or -ENOMEM. */
int weir_huge_files_walk(const struct weir_host *host, const struct weir_everywhere *all,
                         struct weir_huge_files *files);

#endif
