/* ledger: who holds each huge page of a host.
 *
 * A *hold* is one thing that has pages or keeps pages reserved: the own pages of private
 * mappings; a file, a memfd, a SysV segment, shared anonymous memory; a mount with a
 * minimum size. Each is there once, however many processes share it, and has its users:
 * the processes that map it or have it open. So for each page size
 *	pages in use      = sum over holds of pages    + unattributed
 *	pages reserved    = sum over holds of reserved + unattributed
 * Files of weird's store are known by its state (facts/warm.h), and are left behind by
 * nobody as long as that names them.
 * What the kernel does not tell is bounded by what it tells: see guess.h.
 *
 * Sources: docs/kernel-rules.md; mm/hugetlb.c and fs/hugetlbfs/inode.c, v5.10 to v6.18.
 */
#ifndef WEIR_HOLDERS_LEDGER_H
#define WEIR_HOLDERS_LEDGER_H

#include "facts/blocks.h"
#include "facts/creators.h"
#include "facts/holdings.h"
#include "facts/owners.h"
#include "facts/pinners.h"
#include "facts/snapshot.h"

#define WEIR_LEDGER_READS_MAX 3U /* of a host that changes: then it is taken as it is */

/* What is to be known. Who only has a file open is found by asking every process, at
 * twice the cost of all else; whose the pages are is known without, as long as the file
 * has a user that touched one of them. */
enum weir_ledger_want {
	WEIR_LEDGER_PAGES, /* whose each page is; of what has users perhaps not all */
	WEIR_LEDGER_USERS, /* and who else has it open */
	WEIR_LEDGER_ALL,   /* and who else has it mapped, and has touched none of it */
};

enum weir_hold_kind {
	WEIR_HOLD_PRIVATE, /* own pages of private mappings: MAP_PRIVATE and after fork */
	WEIR_HOLD_ANON,    /* MAP_SHARED and no file */
	WEIR_HOLD_FILE,
	WEIR_HOLD_MEMFD,
	WEIR_HOLD_SHM,
	WEIR_HOLD_MOUNT, /* min_size= */
	/* nobody's: with memory errors, and in no file any more. The kernel never gives
	 * them back (mm/memory-failure.c and mm/hugetlb.c, v5.10 to v6.18) */
	WEIR_HOLD_POISONED,
	/* files of weird's store, by what its state says of them */
	WEIR_HOLD_WARM,    /* nobody's: ready, or on the way to it */
	WEIR_HOLD_LEASED,  /* handed out */
	WEIR_HOLD_WAITING, /* the lease has ended, and somebody still has it */
};

#define WEIR_HOLD_NONE SIZE_MAX

struct weir_hold_user {
	size_t task;           /* in holdings.tasks */
	uint64_t mapped_bytes; /* of address space; 0: open only */
	uint64_t resident;     /* pages of it that this process has mapped */
	bool is_open;          /* has a descriptor */
};

struct weir_hold {
	enum weir_hold_kind kind;
	uint64_t page_bytes;
	size_t file;                        /* in holdings.files, or WEIR_HOLD_NONE */
	size_t mount;                       /* in holdings.mounts, or WEIR_HOLD_NONE */
	const struct weir_shm_segment *shm; /* NULL unless SHM and known */
	bool supposed; /* by its resident size, which an ordinary segment may have, too */
	/* of the store: what weird has it for; NULL with in_store: it knows nothing of it
	 */
	const struct weir_warm_region *region;
	bool in_store;
	uint64_t pages;       /* in use */
	bool pages_least;     /* there may be more that could not be told apart */
	uint64_t *node_pages; /* of each node of the ledger */
	uint64_t node_unknown;
	struct weir_count reserved; /* unknown: one of several that may have reserved */
	uint64_t reserved_max;
	uint64_t mapped_pages; /* of address space or file, each page once */
	/* Of its users' mappings, what is registered with io_uring, each byte once a
	 * user. Unknown when one of them has a ring that does not tell. */
	struct weir_count registered_bytes;
	struct weir_hold_user *users;
	size_t nr_users, cap_users;
	size_t nr_private; /* private mappings of the file: their pages are other holds */
};

struct weir_ledger_size {
	uint64_t page_bytes;
	struct weir_count total, free, in_use, reserved, surplus; /* the kernel's */
	uint64_t held, held_reserved;                             /* sums over holds */
	uint64_t unsure; /* of reserved: by one of those that are not sure */
	struct weir_count unattributed, unattributed_reserved;
	uint64_t over, over_reserved;   /* more was found than the kernel counts */
	struct weir_count *node_in_use; /* of each node */
	uint64_t *node_held;
	uint64_t node_unknown; /* held, and on which node is not known */
	/* Of the unattributed: at most so many have memory errors. 0 where their places
	 * are told: they are holds then. */
	struct weir_count poisoned_max;
	/* In memory blocks that are going offline now; unknown when there are none. */
	struct weir_count leaving;
};

struct weir_ledger {
	struct weir_holdings holdings;
	struct weir_pinners pinners;
	struct weir_owners owners;
	struct weir_pids pids; /* of all processes that were seen */
	struct weir_blocks blocks;
	bool poison_known; /* which pages of nobody have memory errors is told */
	/* of holdings.nr_forbidden those that are known to have touched no huge page */
	size_t nr_forbidden_idle;
	struct weir_warm_seen warm; /* read after the holders */
	struct weir_pools pools;
	unsigned int *nodes; /* ids, ascending: those that have pools */
	size_t nr_nodes;
	struct weir_ledger_size *sizes;
	size_t nr_sizes;
	struct weir_hold *holds; /* largest first: pages and reserved, in bytes */
	size_t nr_holds, cap_holds;
	/* the pools, or who has their pages, changed while they were read, each time */
	bool moved;
	bool users_least; /* see weir_hold_users_least() */
	char **reasons;   /* why something may be unattributed or unseen, a line each */
	size_t nr_reasons, cap_reasons;
};

/* Reads who holds what. The pools are read anew before and after, again when they moved.
 * What is not wanted is looked for all the same when pages are missing without it, and
 * when something seems to have no user: who keeps a dead VM's memory is always found.
 * @snap: of the same host. 0, -ENOMEM, or what listing /proc failed with; with words. */
int weir_ledger_read(const struct weir_host *host, const struct weir_snapshot *snap,
                     enum weir_ledger_want want, struct weir_ledger *out,
                     struct weir_err *err);
void weir_ledger_done(struct weir_ledger *ledger);

const struct weir_ledger_size *weir_ledger_size(const struct weir_ledger *ledger,
                                                uint64_t page_bytes);

/* Processes that may not be looked at and have touched huge pages, or may have. */
size_t weir_ledger_unseen_huge(const struct weir_ledger *ledger);

const char *weir_hold_kind_word(enum weir_hold_kind kind); /* "private", "file", ... */

/* True for a file that may have more users than those it has here, which only have it
 * open, or have mapped and not touched it: they were not wanted, nor needed to make the
 * sum. */
bool weir_hold_users_least(const struct weir_ledger *ledger,
                           const struct weir_hold *hold);

/* True for a file that weird keeps: warm, leased or waited for. */
bool weir_hold_is_warm(const struct weir_hold *hold);

/* True for weird itself, which opens and fills what it keeps. */
bool weir_ledger_is_weird(const struct weir_ledger *ledger, size_t task);

/* The name of a file as it is, "" without one; of a memfd the one it was given. */
struct weir_str weir_hold_name(const struct weir_ledger *ledger,
                               const struct weir_hold *hold);

#endif
