/* store: memory that is kept zeroed ahead of its use, handed out and taken back.
 *
 * A *region* is a file of a hugetlbfs that only the store mounts. It is made, populated
 * on its node, *ready* (every byte zero, nobody has it), leased, waited for, scrubbed,
 * and ready again; facts/warm.h has the states. Its file has a name that cannot be
 * guessed in a directory that nobody but root may list, and belongs to root with mode
 * 0600, or to the lessee while it is leased.
 *
 * What must never break, over kills and restarts too:
 *  - a region has one lessee at most: "leased" is in the state file before the file
 *    is made the lessee's and its path is told;
 *  - what is handed out is zero: "ready" is written after the last page was populated or
 *    scrubbed and looked at; whatever else a state file says, or does not say, is dirty;
 *  - what somebody still has is not touched: a lease that has ended waits until the
 * kernel grants a write lease of the file (fcntl(2) F_SETLEASE), which it does only when
 * nobody else has it open or mapped;
 *  - each file is a region: what a restarted store finds and does not know is dirty.
 *
 * Calls are made by one thread and do not block on memory, but for a look at the pages of
 * a region where the host has had a memory error: what takes time is a *job*, which any
 * thread may run, and whose result comes back by weir_store_job_done(). */
#ifndef WEIR_WARM_STORE_H
#define WEIR_WARM_STORE_H

#include "facts/warm.h"
#include "warm/choose.h"
#include "warm/memory.h"

struct weir_store;

#define WEIR_FLAVOURS_MAX 16U
#define WEIR_SIZES_MAX    16U /* page sizes: no architecture has more than 8 */

struct weir_store_size { /* what one page size has of its own */
	uint64_t page_bytes;
	bool verify_full;
	uint64_t flavours[WEIR_FLAVOURS_MAX]; /* most wanted first; none: learned */
	size_t nr_flavours;
};

/* Whose pages are given back to the pool when their lease has ended, and others taken,
 * rather than zeroed in place: a lessee that has them pinned for a device (io_uring,
 * RDMA, VFIO) without mapping them is not seen, and could go on writing. */
enum weir_renew {
	WEIR_RENEW_OTHERS, /* of leases and files not root's, or nobody knows whose */
	WEIR_RENEW_NONE,
	WEIR_RENEW_ALL,
};

struct weir_store_options {
	const char *dir;        /* has a directory for each page size: DIR/2M */
	const char *state_path; /* WEIR_WARM_STATE; see warm/log.h */
	bool verify_full;       /* look at every byte after a scrub, not at a sample */
	/* sizes to keep, in bytes; none: those that were leased */
	uint64_t flavours[WEIR_FLAVOURS_MAX];
	size_t nr_flavours;
	struct weir_store_size sizes[WEIR_SIZES_MAX]; /* in place of these three */
	size_t nr_sizes;
	uint64_t flavour_default; /* where nothing was leased yet; 0: 1 GiB, or a page */
	enum weir_renew renew;
	bool plain; /* DIR/2M is a directory as it is, nothing is mounted: for tests */
	/* NULL, or for what zeroable.h and errors.h ask the kernel */
	const struct weir_host *host;
	uint64_t (*now_ns)(void *ctx); /* CLOCK_BOOTTIME; NULL: the kernel's */
	void *ctx;
};

/* Mounts the hugetlbfs of a page size when a target or a lease asks for it first; takes a
 * lock of @dir, so that no two stores have it (-EBUSY names the holder); reads the state
 * file and finds every file again. The state file of another boot counts for nothing.
 * -EOPNOTSUPP: the host has file leases switched off (fs.leases-enable). Needs, besides
 * what mounts, CAP_CHOWN, CAP_FOWNER, CAP_DAC_OVERRIDE and CAP_LEASE. */
int weir_store_open(const struct weir_store_options *options, struct weir_store **out,
                    struct weir_err *err);

/* What was found when it was opened that somebody should know, "" for nothing: a state
 * file that was damaged, files that were not in it. */
const char *weir_store_note(const struct weir_store *store);

/* Leaves files, mounts and the state file as they are, for the next. */
void weir_store_free(struct weir_store *store);

/* Gives back all that is not leased or waited for, and unmounts what is empty then. 0, or
 * -EBUSY with words that name what stays. */
int weir_store_empty(struct weir_store *store, struct weir_err *err);

/* How much is to be kept ready. 0 takes a target away. A store that was opened has none,
 * whatever the state file says: set them before asking for jobs, or all is given back. */
int weir_store_set_target(struct weir_store *store, const struct weir_warm_target *target,
                          struct weir_err *err);

/* Flavours, verify and the like, of a configuration that was read again. */
int weir_store_set_options(struct weir_store *store,
                           const struct weir_store_options *options,
                           struct weir_err *err);

/* ---- leases ------------------------------------------------------------------------ */

struct weir_lease_ask {
	uint64_t bytes;      /* more than 0, in whole pages */
	uint64_t page_bytes; /* a size that the host has */
	int node;          /* -1: any, and then one node for all of it where one has it */
	const char *name;  /* NULL, or unique among leases that have not ended: -EEXIST */
	uint32_t uid, gid; /* of who asked */
	uint32_t file_uid, file_gid; /* of who is to open it */
	struct weir_warm_owner owner;
	uint64_t ttl_ns;     /* 0: no end by time */
	bool warm_only;      /* -EAGAIN rather than wait for pages to be zeroed */
	uint64_t room_bytes; /* pages may be taken from the pool for it: bytes on the
	                      * node. What the store can give back itself comes on top */
	/* of @node -1: what of it each node has; one that is not there may have all */
	const struct weir_job_room *rooms;
	size_t nr_rooms;
};

struct weir_lease {
	uint64_t id, region;
	uint64_t bytes, page_bytes;
	uint64_t warm_bytes; /* of them were zero when it was asked for */
	int node;
	char path[256];
};

enum { WEIR_LEASE_GROWING = 1 };

/* The best region for it (choose.h): one of the same size; else the smallest larger one,
 * cut; else the largest smaller one, grown; else a new one. 0 with the lease, which the
 * state file has; or WEIR_LEASE_GROWING: the region's number is in out->region, and its
 * job is the next. -EEXIST, -EINVAL, -EAGAIN, -ENOMEM with words that say what there is.
 */
int weir_store_lease(struct weir_store *store, const struct weir_lease_ask *ask,
                     struct weir_lease *out, struct weir_err *err);

/* The lessee's descriptor, O_RDWR | O_CLOEXEC. */
int weir_store_open_region(struct weir_store *store, uint64_t lease,
                           struct weir_err *err);

/* Ends a lease: the file is root's again, under a new name. 0; -ENOENT. Its region is
 * DIRTY then, or WAITING where somebody still has it. A lease that is still growing ends
 * when its job does. */
int weir_store_release(struct weir_store *store, uint64_t lease, struct weir_err *err);

/* Another end by time, from now on; 0: none. */
int weir_store_renew(struct weir_store *store, uint64_t lease, uint64_t ttl_ns,
                     struct weir_err *err);

/* Looks at what is waited for once more; how many of them nobody has any more. */
size_t weir_store_retry(struct weir_store *store);

/* Is a lease of OWNER_USE at its end: was it opened, and has nobody the file now? */
bool weir_store_is_unused(struct weir_store *store, uint64_t lease);

/* The lease that is at its end by time and should be released, or 0; *next_ns: when to
 * ask again (CLOCK_BOOTTIME, 0: never). */
uint64_t weir_store_expired(const struct weir_store *store, uint64_t now_ns,
                            uint64_t *next_ns);

/* Asks the kernel how many pages leased and waiting regions have now: a lessee may punch
 * holes. For those who show it. */
void weir_store_look(struct weir_store *store);

/* All regions, targets and directories, as the state file has them; valid until the next
 * call. */
const struct weir_warm_state *weir_store_state(const struct weir_store *store);

/* The region of a lease, valid until the next call, or NULL; and the path of its file,
 * "" unless it is leased. */
const struct weir_warm_region *weir_store_find(const struct weir_store *store,
                                               uint64_t lease);
void weir_store_path(const struct weir_store *store, uint64_t lease, char out[256]);

/* The lease that ends by use, and whose file has this name in its directory; 0: none. And
 * somebody is known to have had it. */
uint64_t weir_store_used_as(const struct weir_store *store, const char *file);
void weir_store_was_opened(struct weir_store *store, uint64_t lease);

struct weir_store_flavour {
	uint64_t bytes;
	size_t ready, wanted; /* regions of this size */
};

/* What is kept for a target; how many were written to @out, @max at most. */
size_t weir_store_flavours(const struct weir_store *store, uint64_t page_bytes, int node,
                           struct weir_store_flavour *out, size_t max);

/* ---- jobs -------------------------------------------------------------------------- */

enum weir_job_kind { WEIR_JOB_GROW, WEIR_JOB_SCRUB, WEIR_JOB_FILL };

struct weir_warm_job { /* self-contained: a thread that runs it touches nothing else */
	enum weir_job_kind kind;
	uint64_t region;
	uint64_t page_bytes, from_bytes, bytes; /* from .. bytes is worked on */
	int node;
	int fd; /* its own */
	bool verify_full, renew;
	uint64_t filled_bytes; /* of a scrub: pages that are there; the rest are holes */
	const struct weir_host *host;
	/* by weir_warm_job_run(): what was populated or zeroed, and how long it took */
	uint64_t done_bytes, took_ns;
};

struct weir_job_wish {
	int node;       /* of this node, and of none; -1: of any */
	bool only_grow; /* no fills or scrubs: not in budget now */
	bool no_back;   /* nothing is given back now: this turn has had its part */
	const struct weir_job_room *rooms;
	size_t nr_rooms;
};

enum { WEIR_JOB_NONE = 1 };

/* The next thing to do: leases first, then scrubs, then fills up to the targets. What is
 * beyond a target is given back before these, without a job: some regions or gigabytes
 * with each call, weir_store_has_back() tells whether there is more. After a fill that
 * ended with -ENOMEM the same one comes again: ask with rooms that are true. 0,
 * WEIR_JOB_NONE, negative. */
int weir_store_next_job(struct weir_store *store, const struct weir_job_wish *wish,
                        struct weir_warm_job *out, struct weir_err *err);

bool weir_store_has_back(const struct weir_store *store);

/* What the last call could not give back, and why, "" for nothing. The next one tries it
 * again. */
const char *weir_store_trouble(const struct weir_store *store);

/* In any thread. *done_bytes of @work counts. 0; -ECANCELED when stopped; -ENOMEM: the
 * pool has no more there; -EXDEV: pages lie on another node; -EILSEQ: what was scrubbed
 * does not read as zero; -EHWPOISON: a page cannot be used. */
int weir_warm_job_run(struct weir_warm_job *job, const struct weir_warm_work *work,
                      struct weir_err *err);

/* Its result. Closes job->fd. For a GROW 0 and the lease in *out, or -ECANCELED where it
 * was released meanwhile. A fill or scrub that was stopped goes on another time; what
 * failed otherwise is given back. Returns @result when that is negative, with words in
 * @err before those that are there. *out may be NULL for others. */
int weir_store_job_done(struct weir_store *store, struct weir_warm_job *job, int result,
                        struct weir_lease *out, struct weir_err *err);

/* Counters since it was opened; for rates and metrics. */
struct weir_store_counts {
	uint64_t leases, releases, warm_bytes, cold_bytes; /* handed out */
	uint64_t filled_bytes, scrubbed_bytes, fill_ns, scrub_ns;
	uint64_t verify_failures, poisoned, given_back_bytes, state_writes;
};

void weir_store_counts(const struct weir_store *store, struct weir_store_counts *out);

#endif
