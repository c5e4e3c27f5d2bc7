/* store_release: leases come to their end: see store_parts.h for the order of steps. */
#include "warm/store_parts.h"

#include "base/least.h"
#include "base/own.h"

#include <errno.h>
#include <fcntl.h>

static int no_lease(uint64_t lease, struct weir_err *err)
{
	return weir_err_set(err, -ENOENT, "there is no lease %" PRIu64, lease);
}

/* Of a LEASED region. */
static int take_back(struct weir_store *store, size_t at, struct weir_err *err)
{
	struct weir_part *part = &store->parts[at];
	uint64_t id = store->state.regions[at].lease.id;
	int dir = weir_store_dir_of(store, store->state.regions[at].page_bytes);
	char name[WEIR_FILE_NAME_MAX];
	int r = weir_file_name(false, name);

	if (r == 0)
		r = weir_file_take_back(dir, part->name, name);
	if (r < 0 && r != -ENOENT)
		return weir_err_sys(err, r, "take back lease %" PRIu64, id);
	store->counts.releases++;
	if (r == -ENOENT) { /* somebody has removed the file, and with it the region */
		weir_store_remove(store, at);
		return 0;
	}
	memcpy(part->name, name, sizeof(name));
	if (weir_store_settle(store, at) != -ENOENT)
		weir_store_note_region(store, at);
	return 0;
}

int weir_store_release(struct weir_store *store, uint64_t lease, struct weir_err *err)
{
	size_t at = weir_store_lease_at(store, lease);
	int r = 0;

	if (at == SIZE_MAX)
		return no_lease(lease, err);
	if (store->state.regions[at].state == WEIR_REGION_LEASED)
		r = take_back(store, at, err);
	else if (store->state.regions[at].state == WEIR_REGION_GROWING &&
	         store->parts[at].busy)
		store->parts[at].ending = true;
	else if (store->state.regions[at].state == WEIR_REGION_GROWING)
		weir_store_ungrow(store, at, false);
	weir_store_may(store);
	return r;
}

int weir_store_renew(struct weir_store *store, uint64_t lease, uint64_t ttl_ns,
                     struct weir_err *err)
{
	size_t at = weir_store_lease_at(store, lease);
	uint64_t now = weir_store_now(store), before;
	struct weir_warm_lease *to;
	int r;

	if (at == SIZE_MAX || store->state.regions[at].state == WEIR_REGION_WAITING)
		return no_lease(lease, err);
	to = &store->state.regions[at].lease;
	before = to->until_ns;
	to->until_ns = ttl_ns > UINT64_MAX - now ? UINT64_MAX : now + ttl_ns;
	if (!ttl_ns)
		to->until_ns = 0;
	weir_store_note_region(store, at);
	r = weir_store_must(store, err);
	if (r < 0)
		to->until_ns = before;
	return r;
}

size_t weir_store_retry(struct weir_store *store)
{
	size_t nr = 0;

	for (size_t i = store->state.nr_regions; i-- > 0;) {
		int r;

		if (store->state.regions[i].state != WEIR_REGION_WAITING)
			continue;
		r = weir_store_settle(store, i);
		nr += r != -EBUSY;
		if (r == 0)
			weir_store_note_region(store, i);
	}
	weir_store_may(store);
	return nr;
}

static bool ends_by_use(const struct weir_warm_region *r)
{
	return r->state == WEIR_REGION_LEASED && r->lease.owner.kind == WEIR_OWNER_USE;
}

uint64_t weir_store_used_as(const struct weir_store *store, const char *file)
{
	for (size_t i = 0; i < store->state.nr_regions; i++)
		if (ends_by_use(&store->state.regions[i]) &&
		    strcmp(store->parts[i].name, file) == 0)
			return store->state.regions[i].lease.id;
	return 0;
}

void weir_store_was_opened(struct weir_store *store, uint64_t lease)
{
	size_t at = weir_store_lease_at(store, lease);

	if (at == SIZE_MAX || store->state.regions[at].lease.opened)
		return;
	store->state.regions[at].lease.opened = true;
	weir_store_note_region(store, at);
	weir_store_may(store);
}

bool weir_store_is_unused(struct weir_store *store, uint64_t lease)
{
	size_t at = weir_store_lease_at(store, lease);
	weir_auto(weir_closep) int fd = -1;
	int r;

	if (at == SIZE_MAX || store->state.regions[at].state != WEIR_REGION_LEASED)
		return false;
	fd = weir_store_open_file(store, at);
	if (fd == -ENOENT) /* somebody has removed it */
		return true;
	r = fd < 0 ? fd : weir_file_claim(fd);
	/* -EAGAIN: he has a lease of his own file (fcntl(2)), and so has it open */
	if (r == -EBUSY || r == -EAGAIN)
		weir_store_was_opened(store, lease);
	return r == 0 && store->state.regions[at].lease.opened;
}

uint64_t weir_store_expired(const struct weir_store *store, uint64_t now_ns,
                            uint64_t *next_ns)
{
	uint64_t first = 0;

	*next_ns = 0;
	for (size_t i = 0; i < store->state.nr_regions; i++) {
		const struct weir_warm_region *r = &store->state.regions[i];
		uint64_t until = r->lease.until_ns;

		if (!until || r->state == WEIR_REGION_WAITING || store->parts[i].ending)
			continue;
		if (until <= now_ns && !first)
			first = r->lease.id;
		if (!*next_ns || until < *next_ns)
			*next_ns = until;
	}
	return first;
}

int weir_store_open_region(struct weir_store *store, uint64_t lease, struct weir_err *err)
{
	size_t at = weir_store_lease_at(store, lease);
	int fd;

	if (at == SIZE_MAX || store->state.regions[at].state != WEIR_REGION_LEASED)
		return no_lease(lease, err);
	fd = weir_store_open_file(store, at);
	if (fd >= 0 && fcntl(fd, F_SETFL, 0) < 0) { /* without O_NONBLOCK */
		int r = -errno;

		(void)close(fd);
		fd = r;
	}
	return fd < 0 ? weir_err_sys(err, fd, "open the file of lease %" PRIu64, lease)
	              : fd;
}

void weir_store_look(struct weir_store *store)
{
	for (size_t i = 0; i < store->state.nr_regions; i++) {
		struct weir_warm_region *r = &store->state.regions[i];
		int dir = weir_store_dir_of(store, r->page_bytes);
		struct weir_file file;

		if ((r->state == WEIR_REGION_LEASED || r->state == WEIR_REGION_WAITING) &&
		    weir_file_look(dir, store->parts[i].name, &file) == 0)
			r->filled_bytes = weir_min(file.filled_bytes, r->bytes);
	}
}

const struct weir_warm_region *weir_store_find(const struct weir_store *store,
                                               uint64_t lease)
{
	size_t at = weir_store_lease_at(store, lease);

	return at == SIZE_MAX ? NULL : &store->state.regions[at];
}

void weir_store_path(const struct weir_store *store, uint64_t lease, char out[256])
{
	size_t at = weir_store_lease_at(store, lease);

	out[0] = '\0';
	if (at != SIZE_MAX && store->state.regions[at].state == WEIR_REGION_LEASED)
		weir_store_put_path(store, at, out);
}
