/* store_lease: regions are handed out: see store_parts.h for the order of steps. */
#include "warm/store_parts.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <stdio.h>

enum { SPOILT = 2 }; /* the region was not as it should be, and is not ready now */

/* ---- asking ------------------------------------------------------------------------ */

/* What is waited for has ended, and its name is free. */
static bool name_is_taken(const struct weir_store *store, const char *name)
{
	for (size_t i = 0; i < store->state.nr_regions; i++) {
		const struct weir_warm_lease *lease = &store->state.regions[i].lease;

		if (lease->id && store->state.regions[i].state != WEIR_REGION_WAITING &&
		    strcmp(lease->name, name) == 0)
			return true;
	}
	return false;
}

static int check_ask(const struct weir_store *store, const struct weir_lease_ask *ask,
                     struct weir_err *err)
{
	if (ask->page_bytes < 4096 || (ask->page_bytes & (ask->page_bytes - 1)))
		return weir_err_set(err, -EINVAL, "%" PRIu64 " is no size of pages",
		                    ask->page_bytes);
	if (!ask->bytes || ask->bytes % ask->page_bytes || ask->bytes > WEIR_COUNT_MAX)
		return weir_err_set(err, -EINVAL,
		                    "%" PRIu64 " bytes are not whole pages of %" PRIu64,
		                    ask->bytes, ask->page_bytes);
	if (ask->node < -1 || ask->node > (int)WEIR_NODE_MAX)
		return weir_err_set(err, -EINVAL, "%d is no node", ask->node);
	if (!ask->name || !*ask->name)
		return 0;
	if (!weir_warm_name_is_valid(weir_strz(ask->name)))
		return weir_err_set(
			err, -EINVAL,
			"a name has letters, digits and ._:@- only, %u at most",
			WEIR_WARM_NAME_MAX);
	if (name_is_taken(store, ask->name))
		return weir_err_set(err, -EEXIST, "there is a lease of the name %s",
		                    ask->name);
	return 0;
}

static uint64_t until(const struct weir_store *store, uint64_t ttl_ns)
{
	uint64_t now = weir_store_now(store);

	if (!ttl_ns)
		return 0;
	return ttl_ns > UINT64_MAX - now ? UINT64_MAX : now + ttl_ns;
}

/* The lease that is asked for, with the next number. */
static void put_lease(struct weir_store *store, const struct weir_lease_ask *ask,
                      size_t at)
{
	struct weir_warm_lease *lease = &store->state.regions[at].lease;

	*lease = (struct weir_warm_lease){
		.id = store->state.next_lease++,
		.uid = ask->uid,
		.gid = ask->gid,
		.since_ns = weir_store_now(store),
		.until_ns = until(store, ask->ttl_ns),
		.owner = ask->owner,
	};
	(void)snprintf(lease->name, sizeof(lease->name), "%s",
	               ask->name ? ask->name : "");
	store->parts[at].file_uid = ask->file_uid;
	store->parts[at].file_gid = ask->file_gid;
}

/* ---- handing over ------------------------------------------------------------------ */

void weir_store_put_path(const struct weir_store *store, size_t at, char out[256])
{
	char text[WEIR_SIZE_TEXT_MAX];
	struct weir_str size = weir_format_size(store->state.regions[at].page_bytes, text,
	                                        sizeof(text));

	(void)snprintf(out, 256, "%s/%.*s/%s", store->dir, WEIR_STR_ARG(size),
	               store->parts[at].name);
}

static void put_out(const struct weir_store *store, size_t at, uint64_t warm_bytes,
                    struct weir_lease *out)
{
	const struct weir_warm_region *r = &store->state.regions[at];

	*out = (struct weir_lease){ .id = r->lease.id,
		                    .region = r->id,
		                    .bytes = r->bytes,
		                    .page_bytes = r->page_bytes,
		                    .warm_bytes = warm_bytes,
		                    .node = r->node };
}

/* It was to be handed out, and nobody has it: what became of it is not known. */
static void spoil(struct weir_store *store, size_t at)
{
	struct weir_warm_region *region = &store->state.regions[at];

	region->lease = (struct weir_warm_lease){ 0 };
	if (weir_store_settle(store, at) != -ENOENT)
		weir_store_note_region(store, at);
}

static int try_hand_over(struct weir_store *store, size_t at, int fd)
{
	const struct weir_warm_region *region = &store->state.regions[at];
	struct weir_part *part = &store->parts[at];
	int dir = weir_store_dir_of(store, region->page_bytes);
	char name[WEIR_FILE_NAME_MAX];
	struct weir_file file;
	int r = weir_file_stat(fd, &file);

	if (r == 0 && file.bytes != region->bytes &&
	    ftruncate(fd, (off_t)region->bytes) < 0)
		r = -errno;
	if (r == 0)
		r = weir_file_name(true, name);
	part->others = part->others || part->file_uid != 0 || region->lease.uid != 0;
	if (r == 0)
		r = weir_file_hand_over(dir, fd, part->name, name, part->file_uid,
		                        part->file_gid);
	if (r == 0)
		memcpy(part->name, name, sizeof(name));
	return r;
}

int weir_store_hand_over(struct weir_store *store, size_t at, int fd,
                         struct weir_lease *out, struct weir_err *err)
{
	struct weir_warm_region *region = &store->state.regions[at];
	uint64_t id = region->id;
	int r = try_hand_over(store, at, fd);

	if (r < 0) {
		spoil(store, at);
		return weir_err_sys(err, r, "hand region %" PRIu64 " over", id);
	}
	weir_store_put_path(store, at, out->path);
	weir_store_remember(store, region->page_bytes, region->bytes);
	store->counts.leases++;
	store->counts.warm_bytes += out->warm_bytes;
	store->counts.cold_bytes += region->bytes - out->warm_bytes;
	return 0;
}

/* ---- a ready region ---------------------------------------------------------------- */

/* READY, whole and without memory errors; or SPOILT. *fd is the caller's. Nobody else has
 * the file: somebody who was on the way of opening it when its last lease ended (between
 * may_open() and get_write_access(), fs/namei.c and fs/open.c) may have come to it since.
 */
static int open_ready(struct weir_store *store, size_t at, int *fd, struct weir_err *err)
{
	struct weir_warm_region *region = &store->state.regions[at];
	int r;

	*fd = weir_store_open_file(store, at);
	if (*fd >= 0 && weir_store_is_whole(store, at, *fd) &&
	    weir_file_claim(*fd) == 0) {
		r = weir_store_look_for_errors(store, at, *fd);
		if (r == 0)
			return 0;
		weir_closep(fd);
		*fd = -1;
		if (r != -EHWPOISON)
			return weir_err_sys(err, r, "look at region %" PRIu64,
			                    region->id);
		store->counts.poisoned++;
		r = weir_store_evict(store, at, err);
		return r < 0 ? r : SPOILT;
	}
	weir_closep(fd);
	*fd = -1;
	region->state = WEIR_REGION_DIRTY;
	weir_store_note_region(store, at);
	r = weir_store_must(store, err);
	if (r < 0) {
		region->state = WEIR_REGION_READY;
		return r;
	}
	spoil(store, at);
	return SPOILT;
}

static int lease_ready(struct weir_store *store, const struct weir_lease_ask *ask,
                       size_t at, struct weir_lease *out, struct weir_err *err)
{
	struct weir_warm_region *region = &store->state.regions[at], before;
	weir_auto(weir_closep) int fd = -1;
	int r = open_ready(store, at, &fd, err);

	if (r != 0)
		return r;
	before = *region;
	region->state = WEIR_REGION_LEASED;
	region->bytes = region->filled_bytes = ask->bytes;
	put_lease(store, ask, at);
	weir_store_note_region(store, at);
	r = weir_store_must(store, err);
	if (r < 0) {
		*region = before;
		return r;
	}
	put_out(store, at, ask->bytes, out);
	store->counts.given_back_bytes += before.bytes - ask->bytes;
	return weir_store_hand_over(store, at, fd, out, err);
}

/* ---- one that grows ---------------------------------------------------------------- */

void weir_store_ungrow(struct weir_store *store, size_t at, bool whole)
{
	struct weir_warm_region *region = &store->state.regions[at];
	struct weir_part *part = &store->parts[at];
	weir_auto(weir_closep) int fd = weir_store_open_file(store, at);
	uint64_t keep = whole ? region->bytes : part->zero_bytes;

	part->ending = false;
	part->zero_bytes = 0;
	region->lease = (struct weir_warm_lease){ 0 };
	region->state = WEIR_REGION_DIRTY;
	if (!keep) {
		if (weir_store_drop(store, at, NULL) < 0)
			weir_store_note_region(store, at);
		return;
	}
	if (fd >= 0 && ftruncate(fd, (off_t)keep) == 0) {
		region->bytes = region->filled_bytes = keep;
		if (weir_store_is_whole(store, at, fd))
			region->state = WEIR_REGION_READY;
	}
	if (region->state == WEIR_REGION_DIRTY)
		spoil(store, at);
	else
		weir_store_note_region(store, at);
}

/* Gives other regions back until the pool has what it lacks. */
static int make_room(struct weir_store *store, const struct weir_choose_ask *ask,
                     const struct weir_choice *choice, uint64_t keep,
                     struct weir_err *err)
{
	uint64_t before = store->counts.given_back_bytes, got = 0;
	size_t at;

	while (got < choice->evict_bytes) {
		int r;

		if (!weir_choose_evict(&store->state, ask, keep,
		                       choice->evict_bytes - got, &at))
			break;
		r = weir_store_evict(store, at, err);
		if (r < 0)
			return r;
		got = store->counts.given_back_bytes - before;
	}
	return 0;
}

int weir_store_make_region(struct weir_store *store, const struct weir_warm_region *like,
                           size_t *at, struct weir_err *err)
{
	weir_auto(weir_closep) int fd = -1;
	struct weir_warm_region region = *like;
	char name[WEIR_FILE_NAME_MAX];
	struct weir_file file;
	int dir, r = weir_store_dir(store, like->page_bytes, &dir, err);

	if (r < 0)
		return r;
	r = weir_file_name(false, name);
	if (r == 0)
		r = fd = weir_file_create(dir, name);
	if (r < 0)
		return weir_err_sys(err, r, "make a file in '%s'", store->dir);
	r = weir_file_stat(fd, &file);
	if (r == 0 && ftruncate(fd, (off_t)like->bytes) < 0)
		r = -errno;
	region.inode = file.inode;
	if (r < 0)
		r = weir_err_sys(err, r, "make a file of %" PRIu64 " bytes", like->bytes);
	if (r == 0)
		r = weir_store_add(store, &region, name, at, err);
	if (r < 0)
		(void)unlinkat(dir, name, 0);
	return r;
}

/* A region of nothing yet. */
static int grow_new(struct weir_store *store, const struct weir_lease_ask *ask,
                    size_t *at, struct weir_err *err)
{
	const struct weir_warm_region like = { .state = WEIR_REGION_GROWING,
		                               .page_bytes = ask->page_bytes,
		                               .bytes = ask->bytes,
		                               .node = ask->node };
	int r = weir_store_make_region(store, &like, at, err);

	if (r < 0)
		return r;
	put_lease(store, ask, *at);
	weir_store_note_region(store, *at);
	r = weir_store_must(store, err);
	if (r < 0) {
		(void)weir_store_drop(store, *at, NULL);
		store->changes.n = 0;
		store->stale = true;
	}
	return r;
}

/* A ready one that is to be larger. */
static int grow_ready(struct weir_store *store, const struct weir_lease_ask *ask,
                      size_t at, struct weir_err *err)
{
	struct weir_warm_region *region = &store->state.regions[at], before;
	weir_auto(weir_closep) int fd = -1;
	int r = open_ready(store, at, &fd, err);

	if (r != 0)
		return r;
	before = *region;
	region->state = WEIR_REGION_GROWING;
	region->bytes = ask->bytes;
	store->parts[at].zero_bytes = before.bytes;
	put_lease(store, ask, at);
	weir_store_note_region(store, at);
	r = weir_store_must(store, err);
	if (r < 0) {
		*region = before;
		return r;
	}
	if (ftruncate(fd, (off_t)ask->bytes) < 0) {
		r = weir_err_sys(err, -errno, "make region %" PRIu64 " larger",
		                 before.id);
		weir_store_ungrow(store, at, false);
	}
	return r;
}

static int start_growing(struct weir_store *store, const struct weir_lease_ask *ask,
                         const struct weir_choice *choice, struct weir_lease *out,
                         struct weir_err *err)
{
	const struct weir_choose_ask there = { .page_bytes = ask->page_bytes,
		                               .node = choice->node };
	bool is_new = choice->kind == WEIR_CHOICE_NEW;
	uint64_t keep = is_new ? 0 : store->state.regions[choice->region].id;
	size_t at = 0;
	int r = make_room(store, &there, choice, keep, err);

	if (r < 0)
		return r;
	if (is_new) {
		r = grow_new(store, ask, &at, err);
	} else {
		at = weir_store_region_at(store, keep);
		r = grow_ready(store, ask, at, err);
	}
	if (r != 0)
		return r;
	put_out(store, at, ask->bytes - choice->lacks_bytes, out);
	return WEIR_LEASE_GROWING;
}

/* ---- the whole --------------------------------------------------------------------- */

/* The path that would be told leads to the file. */
static int check_dir(const struct weir_store *store, uint64_t page_bytes,
                     struct weir_err *err)
{
	for (size_t i = 0; i < store->state.nr_dirs; i++)
		if (store->dirs[i].page_bytes == page_bytes &&
		    !weir_files_is_here(store->root, &store->dirs[i]))
			return weir_err_set(
				err, -ESTALE,
				"'%s' is not what the store has mounted there any "
				"more: start weird again",
				store->state.dirs[i].path);
	return 0;
}

static int too_little(const struct weir_store *store, const struct weir_lease_ask *ask,
                      bool warm, struct weir_err *err)
{
	uint64_t ready = weir_warm_sum(&store->state, WEIR_REGION_READY, ask->page_bytes,
	                               ask->node);
	char want[WEIR_SIZE_TEXT_MAX], has[WEIR_SIZE_TEXT_MAX], room[WEIR_SIZE_TEXT_MAX];

	(void)weir_format_human(ask->bytes, want, sizeof(want));
	(void)weir_format_human(ready, has, sizeof(has));
	(void)weir_format_human(ask->room_bytes, room, sizeof(room));
	if (warm)
		return weir_err_set(err, -EAGAIN,
		                    "no warm region has %s, and it is not to be zeroed "
		                    "now: "
		                    "%s are warm in all",
		                    want, has);
	return weir_err_set(err, -ENOMEM,
	                    "%s are asked for; %s are warm, and the pool has %s for it",
	                    want, has, room);
}

static int lease_once(struct weir_store *store, const struct weir_lease_ask *ask,
                      struct weir_lease *out, struct weir_err *err)
{
	const struct weir_choose_ask choose = { .bytes = ask->bytes,
		                                .page_bytes = ask->page_bytes,
		                                .node = ask->node,
		                                .room_bytes = ask->room_bytes,
		                                .rooms = ask->rooms,
		                                .nr_rooms = ask->nr_rooms,
		                                .warm_only = ask->warm_only };
	struct weir_choice choice;

	weir_choose_region(&store->state, &choose, &choice);
	switch (choice.kind) {
	case WEIR_CHOICE_SAME:
	case WEIR_CHOICE_CUT: return lease_ready(store, ask, choice.region, out, err);
	case WEIR_CHOICE_GROW:
	case WEIR_CHOICE_NEW: return start_growing(store, ask, &choice, out, err);
	case WEIR_CHOICE_NONE:
	case WEIR_CHOICE_COLD: break;
	}
	return too_little(store, ask, ask->warm_only, err);
}

/* A fill that nobody works on is given back rather than a lease refused. False: there is
 * none. */
static bool let_go_of_fills(struct weir_store *store, const struct weir_lease_ask *ask)
{
	bool found = false;

	for (size_t i = 0; i < store->state.nr_regions; i++) {
		struct weir_warm_region *r = &store->state.regions[i];

		if (r->state != WEIR_REGION_FILLING || store->parts[i].busy ||
		    r->page_bytes != ask->page_bytes ||
		    (ask->node >= 0 && r->node != ask->node))
			continue;
		r->state = WEIR_REGION_DIRTY;
		weir_store_note_region(store, i);
		found = true;
	}
	return found;
}

int weir_store_lease(struct weir_store *store, const struct weir_lease_ask *ask,
                     struct weir_lease *out, struct weir_err *err)
{
	struct weir_lease lease = { 0 };
	int r = check_ask(store, ask, err), dir;

	if (r == 0)
		r = weir_store_dir(store, ask->page_bytes, &dir, err);
	if (r == 0)
		r = check_dir(store, ask->page_bytes, err);
	if (r < 0)
		return r;
	do /* each time there is a ready region less */
		r = lease_once(store, ask, &lease, err);
	while (r == SPOILT || (r == -ENOMEM && let_go_of_fills(store, ask)));
	weir_store_may(store);
	if (r >= 0)
		*out = lease;
	return r;
}
