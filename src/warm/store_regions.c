/* store_regions: regions and their files: see store_parts.h. */
#include "warm/store_parts.h"

#include "base/least.h"
#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <stdio.h>

/* ---- finding ----------------------------------------------------------------------- */

size_t weir_store_region_at(const struct weir_store *store, uint64_t id)
{
	const struct weir_warm_region *all = store->state.regions;
	size_t low = 0, high = store->state.nr_regions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (all[mid].id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low < store->state.nr_regions && all[low].id == id ? low : SIZE_MAX;
}

size_t weir_store_lease_at(const struct weir_store *store, uint64_t lease)
{
	for (size_t i = 0; lease && i < store->state.nr_regions; i++)
		if (store->state.regions[i].lease.id == lease)
			return i;
	return SIZE_MAX;
}

/* ---- adding and removing ----------------------------------------------------------- */

int weir_store_add(struct weir_store *store, const struct weir_warm_region *region,
                   const char *name, size_t *at, struct weir_err *err)
{
	struct weir_warm_state *state = &store->state;
	struct weir_part *part;

	if (state->nr_regions >= WEIR_WARM_REGIONS_MAX)
		return weir_err_set(err, -ENFILE, "the store has %u regions, and no more",
		                    WEIR_WARM_REGIONS_MAX);
	if (weir_grow(&state->regions, &state->cap_regions, state->nr_regions,
	              sizeof(*state->regions)) < 0 ||
	    weir_grow(&store->parts, &store->cap_parts, state->nr_regions,
	              sizeof(*store->parts)) < 0)
		return weir_err_sys(err, -ENOMEM, "add a region");
	*at = state->nr_regions++;
	state->regions[*at] = *region;
	state->regions[*at].id = state->next_region++;
	part = &store->parts[*at];
	(void)snprintf(part->name, sizeof(part->name), "%s", name);
	return 0;
}

void weir_store_remove(struct weir_store *store, size_t at)
{
	struct weir_warm_state *state = &store->state;
	size_t behind = state->nr_regions - at - 1;

	weir_store_note_gone(store, state->regions[at].id);
	memmove(&state->regions[at], &state->regions[at + 1],
	        behind * sizeof(*state->regions));
	memmove(&store->parts[at], &store->parts[at + 1], behind * sizeof(*store->parts));
	state->nr_regions--;
}

/* ---- directories ------------------------------------------------------------------- */

int weir_store_dir_of(const struct weir_store *store, uint64_t page_bytes)
{
	for (size_t i = 0; i < store->state.nr_dirs; i++)
		if (store->dirs[i].page_bytes == page_bytes)
			return store->dirs[i].fd;
	return -1;
}

static char *path_of(const struct weir_store *store, uint64_t page_bytes)
{
	char text[WEIR_SIZE_TEXT_MAX], *out = NULL;
	struct weir_str size = weir_format_size(page_bytes, text, sizeof(text));

	return asprintf(&out, "%s/%.*s", store->dir, WEIR_STR_ARG(size)) < 0 ? NULL : out;
}

int weir_store_add_dir(struct weir_store *store, const struct weir_files_dir *dir)
{
	struct weir_warm_state *state = &store->state;
	struct weir_warm_dir *to;

	if (weir_grow(&state->dirs, &state->cap_dirs, state->nr_dirs,
	              sizeof(*state->dirs)) < 0 ||
	    weir_grow(&store->dirs, &store->cap_dirs, state->nr_dirs,
	              sizeof(*store->dirs)) < 0)
		return -ENOMEM;
	to = &state->dirs[state->nr_dirs];
	to->path = path_of(store, dir->page_bytes);
	if (!to->path)
		return -ENOMEM;
	to->page_bytes = dir->page_bytes;
	to->device = dir->device;
	store->dirs[state->nr_dirs++] = *dir;
	weir_store_note_dir(store, to);
	return 0;
}

int weir_store_dir(struct weir_store *store, uint64_t page_bytes, int *fd,
                   struct weir_err *err)
{
	struct weir_files_dir dir;
	int r;

	*fd = weir_store_dir_of(store, page_bytes);
	if (*fd >= 0)
		return 0;
	r = weir_files_open(store->root, store->dir, page_bytes, store->options.plain,
	                    true, &dir, err);
	if (r < 0)
		return r;
	r = weir_store_add_dir(store, &dir);
	if (r < 0) {
		(void)close(dir.fd);
		return weir_err_sys(err, r, "add a directory");
	}
	*fd = dir.fd;
	return 0;
}

/* ---- files ------------------------------------------------------------------------- */

int weir_store_open_file(const struct weir_store *store, size_t at)
{
	int dir = weir_store_dir_of(store, store->state.regions[at].page_bytes);

	return dir < 0 ? -ENOENT : weir_file_open(dir, store->parts[at].name);
}

bool weir_store_is_whole(const struct weir_store *store, size_t at, int fd)
{
	const struct weir_warm_region *r = &store->state.regions[at];
	struct weir_file file;

	return weir_file_stat(fd, &file) == 0 && file.is_regular && file.is_ours &&
	       file.inode == r->inode && file.bytes == r->bytes &&
	       file.filled_bytes == r->bytes;
}

int weir_store_look_for_errors(struct weir_store *store, size_t at, int fd)
{
	const struct weir_warm_region *region = &store->state.regions[at];
	struct weir_count now = weir_errors_bytes(store->options.host);
	struct weir_count *then = &store->parts[at].errors_bytes;
	bool none = now.known ? !now.n || (then->known && then->n == now.n)
	                      : !then->known; /* a kernel that does not tell */
	int r = none ? 0 : weir_errors_look(fd, region->bytes, region->page_bytes);

	if (r == 0)
		*then = now;
	return r;
}

/* The size that the region has, and the pages that are there. */
static int put_size(struct weir_warm_region *r, int fd)
{
	struct weir_file file;
	int e = weir_file_stat(fd, &file);

	if (e == 0 && file.bytes != r->bytes && ftruncate(fd, (off_t)r->bytes) < 0)
		e = -errno;
	if (e == 0)
		e = weir_file_stat(fd, &file);
	if (e == 0)
		r->filled_bytes = weir_min(file.filled_bytes, r->bytes);
	return e;
}

int weir_store_settle(struct weir_store *store, size_t at)
{
	struct weir_warm_region *region = &store->state.regions[at];
	weir_auto(weir_closep) int fd = weir_store_open_file(store, at);
	int r = fd < 0 ? fd : weir_file_make_ours(fd);

	if (r == -ENOENT) {
		weir_store_remove(store, at);
		return r;
	}
	if (r == 0)
		r = weir_file_claim(fd);
	if (r == 0)
		r = put_size(region, fd);
	/* whatever it was: it is asked again another time */
	region->state = r < 0 ? WEIR_REGION_WAITING : WEIR_REGION_DIRTY;
	store->parts[at].zero_bytes = 0;
	if (r == 0)
		region->lease = (struct weir_warm_lease){ 0 };
	return r < 0 ? -EBUSY : 0;
}

int weir_store_drop(struct weir_store *store, size_t at, struct weir_err *err)
{
	const struct weir_warm_region *r = &store->state.regions[at];
	int dir = weir_store_dir_of(store, r->page_bytes);

	if (dir >= 0 && unlinkat(dir, store->parts[at].name, 0) < 0 && errno != ENOENT) {
		store->parts[at].stuck = true;
		return weir_err_sys(err, -errno, "remove the file of region %" PRIu64,
		                    r->id);
	}
	store->counts.given_back_bytes += r->filled_bytes;
	weir_store_remove(store, at);
	return 0;
}

int weir_store_evict(struct weir_store *store, size_t at, struct weir_err *err)
{
	struct weir_warm_region *region = &store->state.regions[at];
	int r;

	if (region->state == WEIR_REGION_READY) {
		region->state = WEIR_REGION_DIRTY;
		weir_store_note_region(store, at);
		r = weir_store_must(store, err);
		if (r < 0) {
			region->state = WEIR_REGION_READY;
			return r;
		}
	}
	return weir_store_drop(store, at, err);
}

/* A kill in between leaves a file that is smaller than the text says: so it is dirty. */
int weir_store_cut(struct weir_store *store, size_t at, uint64_t bytes,
                   struct weir_err *err)
{
	struct weir_warm_region *region = &store->state.regions[at];
	weir_auto(weir_closep) int fd = weir_store_open_file(store, at);
	struct weir_file file = { 0 };
	int r = fd < 0 ? fd : 0;

	if (r == -ENOENT) /* somebody has removed it */
		return weir_store_drop(store, at, err);
	if (r == 0 && ftruncate(fd, (off_t)bytes) < 0)
		r = -errno;
	if (r == 0)
		r = weir_file_stat(fd, &file);
	if (r < 0)
		return weir_err_sys(err, r, "cut region %" PRIu64, region->id);
	if (region->filled_bytes > file.filled_bytes)
		store->counts.given_back_bytes += region->filled_bytes -
		                                  file.filled_bytes;
	region->bytes = bytes;
	region->filled_bytes = weir_min(file.filled_bytes, bytes);
	if (store->parts[at].zero_bytes > bytes)
		store->parts[at].zero_bytes = bytes;
	weir_store_note_region(store, at);
	return 0;
}
