/* load_host: what is to be built, in plain numbers: nothing unknown is left in it.
 * Internal to load*.c: facts fill it in load.c, a model is made of it in load_build.c.
 * (Two files also because both sides have a struct weir_pool.) */
#ifndef WEIR_LAB_LOAD_HOST_H
#define WEIR_LAB_LOAD_HOST_H

#include "base/buf.h"
#include "base/err.h"
#include "lab/load.h"
#include "model/memory.h"
#include "model/rules.h"

#define WEIR_LOAD_NODES_MAX 64
#define WEIR_LOAD_SIZES_MAX 8
#define WEIR_LOAD_NAME_MAX  32

struct weir_load_node {
	unsigned int id;
	uint64_t free_bytes;  /* outside the pools */
	uint64_t total_bytes; /* MemTotal */
	uint64_t cpus;
	unsigned int distance[WEIR_LOAD_NODES_MAX];
	/* pages, by size; free and surplus are within nr */
	uint64_t nr[WEIR_LOAD_SIZES_MAX], free[WEIR_LOAD_SIZES_MAX],
		surplus[WEIR_LOAD_SIZES_MAX];
	bool has_zones; /* false: its memory is one count */
	struct weir_zone_config zones[WEIR_ZONE_NR];
	uint64_t csv_pages; /* of the CMA: what CSV3 VMs have */
	/* base pages by place: page cache that is given back when wanted, what of it must
	 * be written back before, and what else stands in the CMA and can move */
	uint64_t cache[WEIR_SITE_NR], dirty[WEIR_SITE_NR], lent[WEIR_SITE_NR];
	/* pool pages by size and place: all, and the free ones of them */
	uint64_t at[WEIR_LOAD_SIZES_MAX][WEIR_SITE_NR];
	uint64_t free_at[WEIR_LOAD_SIZES_MAX][WEIR_SITE_NR];
};

struct weir_load_size {
	uint64_t page_bytes;
	uint64_t reserved, overcommit, max;
	uint64_t demote_bytes; /* 0: as the model has it */
};

struct weir_load_mount {
	char name[WEIR_LOAD_NAME_MAX];
	size_t size_idx; /* in sizes */
	size_t host_idx; /* in the snapshot's mounts */
	bool has_size, has_min_size, has_nr_inodes;
	uint64_t size_bytes, min_size_bytes, nr_inodes, free_inodes;
	bool used_known;
	uint64_t used; /* pages, promised ones too */
};

struct weir_load_charge { /* of one size, pages */
	uint64_t usage, rsvd;
	uint64_t limit_bytes, rsvd_limit_bytes; /* UINT64_MAX: none */
	uint64_t events;
};

struct weir_load_group {
	const char *path; /* "/machine.slice/vm"; the snapshot's */
	struct weir_load_charge v[WEIR_LOAD_SIZES_MAX];
};

struct weir_load {
	struct weir_rules rules;
	const char *kernel; /* preset */
	const char *cmdline;
	bool hvo;
	uint64_t corrupted_bytes;
	struct weir_load_node nodes[WEIR_LOAD_NODES_MAX];
	size_t nr_nodes;
	struct weir_load_size sizes[WEIR_LOAD_SIZES_MAX]; /* the default one first */
	size_t nr_sizes;
	uint64_t nr_pages; /* of all sizes */
	struct weir_load_mount *mounts;
	size_t nr_mounts;
	struct weir_load_group *groups; /* parents first */
	size_t nr_groups;
	enum weir_load_place place;
	bool pools_needed;
	bool place_known;       /* where pool pages lie leaves no room for doubt */
	struct weir_buf *notes; /* or NULL */
	int failed;             /* -ENOMEM: a note could not be kept */
};

/* Adds a line to the notes. */
void weir_load_note(struct weir_load *load, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* load_zones.c: zones, and where the pools' pages lie in them; nodes and sizes are there
 * already. */
struct weir_snapshot;
void weir_load_read_zones(struct weir_load *load, const struct weir_snapshot *snap);

/* load_given.c: pages that are in use become free; after all else was read. */
void weir_load_give(struct weir_load *load, const struct weir_load_given *given,
                    size_t nr);

/* load_users.c. 0 or -ENOMEM; the sizes are there already. */
int weir_load_read_mounts(struct weir_load *load, const struct weir_snapshot *snap);
int weir_load_read_groups(struct weir_load *load, const struct weir_snapshot *snap);

/* load_build.c */
struct weir_world;
int weir_load_build(struct weir_load *load, struct weir_world **out,
                    struct weir_err *err);

#endif
