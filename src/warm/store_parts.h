/* store_parts: what the files of the store share, and nobody else.
 *
 * The order of steps, so that a kill between any two of them is safe:
 *
 *  - The text says "ready" of a file only while it is whole, zero and ours. So what takes
 *    a region out of READY writes so before it does anything to the file; and what makes
 *    it READY writes so afterwards. A text that lags behind says something else of it,
 *    and the region is scrubbed once more.
 *  - A lease: the text says LEASED; the file is cut, is the lessee's, and then gets the
 *    name that is told. Before that nobody knows a name of it. A region that is LEASED in
 *    the text and whose file still has a name of ours was given to nobody.
 *  - The end of a lease: the file gets a name of ours again. From then on the lease has
 *    ended, whatever the text says. Then it is made ours, and asked who has it.
 *  - A file is made before the text has its region, and removed before the text says that
 *    it is gone: one that nobody knows is dirty, and a region without a file is gone.
 *
 * A change of the text that must be there before what comes next is made by
 * weir_store_must(), and what it would have said is taken back when it fails. Other
 * changes may be lost, and are made good by the next base. */
#ifndef WEIR_WARM_STORE_PARTS_H
#define WEIR_WARM_STORE_PARTS_H

#include "warm/choose.h"
#include "warm/errors.h"
#include "warm/files.h"
#include "warm/locks.h"
#include "warm/log.h"
#include "warm/store.h"

#include <inttypes.h>

#define WEIR_RECENT_MAX 64U /* leases whose sizes are remembered */

struct weir_part { /* of a region, what the text does not have */
	char name[WEIR_FILE_NAME_MAX];
	bool busy;   /* a job has it */
	bool ending; /* of GROWING: it was released meanwhile */
	bool stuck;  /* its file could not be removed: it is not scrubbed, but removed */
	/* errors.h: of the host, before its pages were last touched; unknown: never */
	struct weir_count errors_bytes;
	bool others; /* since its pages were taken somebody had it who is not root */
	uint32_t file_uid, file_gid;
	uint64_t zero_bytes; /* of GROWING: so much of it was ready; of DIRTY: so much a
	                      * scrub that was stopped has zeroed; from the start */
};

struct weir_recent {
	uint64_t page_bytes, bytes;
};

struct weir_store {
	struct weir_store_options options; /* its strings are dir and state_path */
	char *dir, *state_path;
	int root;
	struct weir_locks locks;
	struct weir_files_dir *dirs; /* of each in state.dirs */
	size_t cap_dirs;
	struct weir_warm_state state;
	struct weir_part *parts; /* of each in state.regions */
	size_t cap_parts;
	struct weir_log log;
	struct weir_buf changes;                    /* of the text, not written yet */
	bool stale;                                 /* some could not be noted */
	struct weir_recent recent[WEIR_RECENT_MAX]; /* the newest first */
	size_t nr_recent;
	struct weir_store_counts counts;
	char note[248];
	char trouble[248];
	bool has_back; /* more is to be given back, in the next turn */
};

/* ---- regions (store_regions.c) ----------------------------------------------------- */

/* Its place, or SIZE_MAX. */
size_t weir_store_region_at(const struct weir_store *store, uint64_t id);
size_t weir_store_lease_at(const struct weir_store *store, uint64_t lease);

/* A new one behind all others, with the next number; -ENOMEM, -ENFILE. */
int weir_store_add(struct weir_store *store, const struct weir_warm_region *region,
                   const char *name, size_t *at, struct weir_err *err);
void weir_store_remove(struct weir_store *store, size_t at); /* and notes it */

/* The directory of a page size, mounted if it is not there yet. */
int weir_store_dir(struct weir_store *store, uint64_t page_bytes, int *fd,
                   struct weir_err *err);
int weir_store_add_dir(struct weir_store *store, const struct weir_files_dir *dir);
int weir_store_dir_of(const struct weir_store *store, uint64_t page_bytes); /* or -1 */

int weir_store_open_file(const struct weir_store *store, size_t at);

/* Is the file as a ready one of this region must be? */
bool weir_store_is_whole(const struct weir_store *store, size_t at, int fd);

/* Is what was zero of a file still to be had? Its pages are looked at where the host may
 * have had a memory error since they were touched, once for each time: a microsecond a
 * page. 0; -EHWPOISON; others: it could not be looked at. */
int weir_store_look_for_errors(struct weir_store *store, size_t at, int fd);

/* Makes the file ours, and asks who has it: 0, and then it has the region's size and the
 * region is DIRTY without a lease; -EBUSY, and then the region is WAITING; -ENOENT, and
 * then it is gone. Not noted. */
int weir_store_settle(struct weir_store *store, size_t at);

/* Gives a region's memory back; nobody has it. */
int weir_store_evict(struct weir_store *store, size_t at, struct weir_err *err);

/* The same for one whose text may not say "ready". */
int weir_store_drop(struct weir_store *store, size_t at, struct weir_err *err);

/* A region whose file is gone is, too. */
int weir_store_cut(struct weir_store *store, size_t at, uint64_t bytes,
                   struct weir_err *err);

/* ---- the text (store_text.c) ------------------------------------------------------- */

void weir_store_note_region(struct weir_store *store, size_t at);
void weir_store_note_gone(struct weir_store *store, uint64_t region);
void weir_store_note_target(struct weir_store *store,
                            const struct weir_warm_target *target);
void weir_store_note_dir(struct weir_store *store, const struct weir_warm_dir *dir);

/* What was noted is on disk, or it is -errno with words and does not count. */
int weir_store_must(struct weir_store *store, struct weir_err *err);

/* What was noted is on disk if that can be. */
void weir_store_may(struct weir_store *store);

/* ---- others ------------------------------------------------------------------------ */

uint64_t weir_store_now(const struct weir_store *store);

/* Reads the text and finds the files (store_find.c). */
int weir_store_find_all(struct weir_store *store, struct weir_err *err);

/* Sizes that were leased (store_flavours.c). */
void weir_store_remember(struct weir_store *store, uint64_t page_bytes, uint64_t bytes);
void weir_store_wanted(const struct weir_store *store,
                       const struct weir_warm_target *target, struct weir_flavours *out);
bool weir_store_verifies_full(const struct weir_store *store, uint64_t page_bytes);

/* The target of a place; 0 bytes where there is none. */
struct weir_warm_target weir_store_target(const struct weir_store *store,
                                          uint64_t page_bytes, int node);

/* Gives back what is beyond the targets, some of it in a turn (store_back.c);
 * weir_store_trouble() is what could not be. */
void weir_store_give_back(struct weir_store *store);
void weir_store_troubled(struct weir_store *store, const struct weir_err *err);

/* Hands the file of a region that the text calls LEASED to its lessee, cut to its size;
 * fills *out. When it fails the region is DIRTY (store_lease.c). */
int weir_store_hand_over(struct weir_store *store, size_t at, int fd,
                         struct weir_lease *out, struct weir_err *err);

/* A region like this one, and its file, of its size and with holes only. Not noted. */
int weir_store_make_region(struct weir_store *store, const struct weir_warm_region *like,
                           size_t *at, struct weir_err *err);

void weir_store_put_path(const struct weir_store *store, size_t at, char out[256]);

/* Of a region that grows for a lease, and does not any more (store_lease.c); @whole: all
 * of it is zero. */
void weir_store_ungrow(struct weir_store *store, size_t at, bool whole);

#endif
