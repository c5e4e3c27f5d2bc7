/* store_find: what a store that is opened finds: the text of the one before, and the
 *files of all directories.
 *
 * A file is matched with the text by its inode, on the device that the text names. Then:
 *
 *	text    file                    becomes
 *	leased  with a leased name      leased: it was handed over, and not taken back
 *	ready   whole, and ours alone   ready
 *	other   somebody has it         waiting
 *	other   nobody has it           dirty
 *
 * Inodes are not used again while a text that names them can be there: the kernel counts
 * them upwards (fs/inode.c get_next_ino(), v6.18), and before a ready region's file is
 * removed the text says so. */
#include "warm/store_parts.h"

#include "base/least.h"
#include "base/own.h"
#include "base/size.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#define BOOT_ID_PATH "/proc/sys/kernel/random/boot_id"
#define LEASES_PATH  "/proc/sys/fs/leases-enable"
#define STAT_MAX     4096U

struct found {
	const struct weir_warm_region *old; /* of the text; NULL: not in it */
	uint64_t page_bytes;
	struct weir_file file;
	char name[256];
};

struct founds {
	struct found *v;
	size_t nr, cap;
};

static void founds_done(struct founds *all)
{
	free(all->v);
}

/* ---- the text ---------------------------------------------------------------------- */

static int read_file(const char *path, size_t max, struct weir_buf *out)
{
	weir_auto(weir_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0)
		return -errno;
	for (;;) {
		ssize_t n;

		if (out->n > max)
			return -EFBIG;
		if (weir_buf_reserve(out, 65536) < 0)
			return -ENOMEM;
		n = read(fd, out->p + out->n, 65536);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : 0;
		out->n += (size_t)n;
	}
}

/* Without write leases nobody could tell who has a file, and nothing would come back. */
static int check_leases(struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = read_file(LEASES_PATH, STAT_MAX, &text);

	if (r == -ENOMEM)
		return weir_err_sys(err, r, "read '" LEASES_PATH "'");
	if (r == 0 && weir_str_eq(weir_str_trim(weir_buf_str(&text)), "0"))
		return weir_err_set(err, -EOPNOTSUPP,
		                    "fs.leases-enable is 0, and so it cannot be told who "
		                    "has a file: set it to 1");
	return 0;
}

/* Field 22 of /proc/self/stat, behind the name in parentheses. */
static uint64_t start_of_self(void)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str rest, word = { "", 0 };
	const char *close_paren;
	uint64_t start;

	if (read_file("/proc/self/stat", STAT_MAX, &text) < 0 || !text.n)
		return 0;
	close_paren = memrchr(text.p, ')', text.n);
	if (!close_paren)
		return 0;
	rest = weir_str_skip(weir_buf_str(&text), (size_t)(close_paren + 1 - text.p));
	for (unsigned int field = 3; field <= 22; field++)
		if (!weir_str_word(&rest, &word))
			return 0;
	return weir_parse_u64(word, &start) < 0 ? 0 : start;
}

/* Who writes from now on. */
static int put_writer(struct weir_warm_state *state)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_str boot = { "", 0 };
	int r = read_file(BOOT_ID_PATH, STAT_MAX, &text);

	if (r == -ENOMEM)
		return r;
	if (r == 0)
		boot = weir_str_trim(weir_buf_str(&text));
	if (boot.n < sizeof(state->boot_id))
		memcpy(state->boot_id, boot.p, boot.n);
	state->known = true;
	state->pid = WEIR_COUNT((uint64_t)getpid());
	state->pid_start = WEIR_COUNT(start_of_self());
	state->next_region = state->next_lease = 1;
	return 0;
}

/* Of this boot, or nothing. What is damaged is a note: it is no reason not to start. */
static int read_old(struct weir_store *store, struct weir_warm_state *old,
                    struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_err why = { 0 };
	int r = read_file(store->state_path, WEIR_WARM_STATE_MAX, &text);

	if (r == 0)
		r = weir_warm_state_parse(weir_buf_str(&text), old, &why);
	else if (r != -ENOENT)
		(void)weir_err_sys(&why, r, "read it");
	if (r == -ENOMEM)
		return weir_err_sys(err, r, "read '%s'", store->state_path);
	if (r < 0 && r != -ENOENT)
		(void)snprintf(store->note, sizeof(store->note),
		               "the state file counts for nothing: %.180s", why.msg);
	if (r < 0)
		return 0;
	if (strcmp(old->boot_id, store->state.boot_id) != 0) {
		weir_warm_state_done(old);
		return 0;
	}
	if (store->locks.other_dir && old->nr_regions)
		return weir_err_set(
			err, -EBUSY,
			"'%s' tells of '%s' and not of '%s': give --state another file, "
			"or remove that one if what it tells of is gone",
			store->state_path, store->locks.other_dir, store->dir);
	store->state.next_region = old->next_region;
	store->state.next_lease = old->next_lease;
	if (store->locks.other_state) {
		weir_warm_state_done(old);
		(void)snprintf(store->note, sizeof(store->note),
		               "the directory had another state file since: all that is "
		               "in it is scrubbed, and its leases have ended");
	}
	return 0;
}

/* ---- the files --------------------------------------------------------------------- */

static int by_inode(const void *a, const void *b)
{
	const struct weir_warm_region *const *x = a, *const *y = b;

	return ((*x)->inode > (*y)->inode) - ((*x)->inode < (*y)->inode);
}

struct index { /* regions of a directory's device, by inode */
	const struct weir_warm_region **v;
	size_t nr;
};

static int index_dir(const struct weir_warm_state *old, const struct weir_files_dir *dir,
                     struct index *out)
{
	bool same = false;

	for (size_t i = 0; i < old->nr_dirs; i++)
		same = same || (old->dirs[i].page_bytes == dir->page_bytes &&
		                old->dirs[i].device == dir->device);
	out->nr = 0;
	out->v = calloc(old->nr_regions + 1, sizeof(const struct weir_warm_region *));
	if (!out->v)
		return -ENOMEM;
	for (size_t i = 0; same && i < old->nr_regions; i++)
		if (old->regions[i].page_bytes == dir->page_bytes)
			out->v[out->nr++] = &old->regions[i];
	if (out->nr)
		qsort(out->v, out->nr, sizeof(const struct weir_warm_region *), by_inode);
	return 0;
}

static const struct weir_warm_region *find_old(const struct index *index, uint64_t inode)
{
	const struct weir_warm_region key = { .inode = inode }, *at = &key;
	const struct weir_warm_region *const *hit =
		index->nr ? bsearch(&at, index->v, index->nr,
	                            sizeof(const struct weir_warm_region *), by_inode)
			  : NULL;

	return hit ? *hit : NULL;
}

static int add_found(const struct weir_files_dir *dir, const char *name,
                     const struct index *index, struct founds *out)
{
	struct found *f;

	if (weir_grow(&out->v, &out->cap, out->nr, sizeof(*out->v)) < 0)
		return -ENOMEM;
	f = &out->v[out->nr];
	if (strlen(name) >= sizeof(f->name) ||
	    weir_file_look(dir->fd, name, &f->file) < 0 || !f->file.is_regular)
		return 0; /* it is gone again, or no file */
	memcpy(f->name, name, strlen(name) + 1);
	f->page_bytes = dir->page_bytes;
	f->old = find_old(index, f->file.inode);
	out->nr++;
	return 0;
}

static int list_dir(const struct weir_files_dir *dir, const struct index *index,
                    struct founds *out)
{
	int fd = openat(dir->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);

	if (!d) {
		r = -errno;
		weir_closep(&fd);
		return r;
	}
	for (struct dirent *e; r == 0 && (e = readdir(d));)
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = add_found(dir, e->d_name, index, out);
	(void)closedir(d);
	return r;
}

static int find_in(struct weir_store *store, const struct weir_warm_state *old,
                   uint64_t page_bytes, struct founds *out, struct weir_err *err)
{
	struct weir_files_dir dir;
	struct index index = { 0 };
	int r = weir_files_open(store->root, store->dir, page_bytes, store->options.plain,
	                        false, &dir, err);

	if (r == -ENOENT || r == -ENOTDIR || r == -ELOOP)
		return 0;
	if (r < 0)
		return r;
	r = weir_store_add_dir(store, &dir);
	if (r < 0)
		(void)close(dir.fd);
	if (r == 0)
		r = index_dir(old, &dir, &index);
	if (r == 0)
		r = list_dir(&dir, &index, out);
	free(index.v);
	return r < 0 ? weir_err_sys(err, r, "look through '%s'", store->dir) : 0;
}

/* "2M": the name of a page size, in the one form that it is written in. */
static bool is_size(const char *name, uint64_t *bytes)
{
	char text[WEIR_SIZE_TEXT_MAX];

	return weir_parse_size(weir_strz(name), bytes) == 0 && *bytes >= 4096 &&
	       (*bytes & (*bytes - 1)) == 0 &&
	       weir_str_eq(weir_format_size(*bytes, text, sizeof(text)), name);
}

static int find_files(struct weir_store *store, const struct weir_warm_state *old,
                      struct founds *out, struct weir_err *err)
{
	int fd = openat(store->root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	uint64_t page_bytes;

	if (!d) {
		r = weir_err_sys(err, -errno, "list '%s'", store->dir);
		weir_closep(&fd);
		return r;
	}
	for (struct dirent *e; r == 0 && (e = readdir(d));)
		if (is_size(e->d_name, &page_bytes))
			r = find_in(store, old, page_bytes, out, err);
	(void)closedir(d);
	return r;
}

/* ---- what becomes of them ---------------------------------------------------------- */

/* Those of the text by their numbers, then the others by size and inode: whatever order a
 * directory has. */
static int by_number(const void *a, const void *b)
{
	const struct found *x = a, *y = b;
	uint64_t xid = x->old ? x->old->id : UINT64_MAX;
	uint64_t yid = y->old ? y->old->id : UINT64_MAX;

	if (xid != yid)
		return (xid > yid) - (xid < yid);
	if (x->page_bytes != y->page_bytes)
		return (x->page_bytes > y->page_bytes) - (x->page_bytes < y->page_bytes);
	return (x->file.inode > y->file.inode) - (x->file.inode < y->file.inode);
}

/* Which region a file is, before anybody has looked who has it. */
static struct weir_warm_region region_of(const struct found *f)
{
	uint64_t page = f->page_bytes, part = f->file.bytes % page;
	struct weir_warm_region out = { .page_bytes = page,
		                        .node = -1,
		                        .inode = f->file.inode,
		                        .state = WEIR_REGION_DIRTY };

	if (f->old)
		return *f->old;
	out.bytes = f->file.bytes - part + (part ? page : 0);
	if (!out.bytes) /* no region is so small: it is dropped when nobody has it */
		out.bytes = page;
	out.filled_bytes = weir_min(f->file.filled_bytes, out.bytes);
	return out;
}

/* It gets a name of ours, if it has another one. */
static int rename_ours(struct weir_store *store, size_t at, const char *name)
{
	struct weir_part *part = &store->parts[at];
	int dir = weir_store_dir_of(store, store->state.regions[at].page_bytes), r;

	if (name[0] == '.' && weir_file_is_leased(name + 1)) {
		memcpy(part->name, name, strlen(name) + 1);
		return 0;
	}
	r = weir_file_name(false, part->name);
	return r < 0 ? r : weir_file_take_back(dir, name, part->name);
}

static bool was_ready(const struct weir_store *store, size_t at, const struct found *f)
{
	weir_auto(weir_closep) int fd = -1;

	if (!f->old || f->old->state != WEIR_REGION_READY)
		return false;
	fd = weir_store_open_file(store, at);
	return fd >= 0 && weir_store_is_whole(store, at, fd);
}

static int settle(struct weir_store *store, size_t at, const struct found *f,
                  struct weir_err *err)
{
	struct weir_warm_region *region = &store->state.regions[at];
	bool ready;
	int r;

	if (region->state == WEIR_REGION_LEASED && weir_file_is_leased(f->name)) {
		memcpy(store->parts[at].name, f->name, strlen(f->name) + 1);
		return 0;
	}
	r = rename_ours(store, at, f->name);
	if (r < 0)
		return weir_err_sys(err, r, "take back a file of '%s'", store->dir);
	ready = was_ready(store, at, f);
	r = weir_store_settle(store, at);
	if (r == 0 && ready)
		region->state = WEIR_REGION_READY;
	if (r == 0 && !f->old && !f->file.bytes)
		return weir_store_drop(store, at, err);
	return 0;
}

/* Another name of the same file, which somebody with root's right has made. */
static bool is_same_file(const struct found *a, const struct found *b)
{
	return a->page_bytes == b->page_bytes && a->file.inode == b->file.inode;
}

static int drop_name(struct weir_store *store, const struct found *f,
                     struct weir_err *err)
{
	if (unlinkat(weir_store_dir_of(store, f->page_bytes), f->name, 0) < 0)
		return weir_err_sys(err, -errno, "remove a second name of a file");
	return 0;
}

/* In its place: known ones keep their numbers. */
static int take_in(struct weir_store *store, const struct found *f, struct weir_err *err)
{
	struct weir_warm_region region = region_of(f);
	uint64_t next = store->state.next_region;
	size_t at;
	int r = weir_store_add(store, &region, "", &at, err);

	if (r < 0)
		return r;
	/* the text does not say whose file it was */
	store->parts[at].others = region.state != WEIR_REGION_READY;
	if (f->old) {
		store->state.regions[at].id = f->old->id;
		store->state.next_region = next;
	}
	if (f->old && f->old->state == WEIR_REGION_LEASED)
		weir_store_remember(store, f->page_bytes, f->old->bytes);
	return settle(store, at, f, err);
}

int weir_store_find_all(struct weir_store *store, struct weir_err *err)
{
	weir_auto(weir_warm_state_done) struct weir_warm_state old = { 0 };
	weir_auto(founds_done) struct founds found = { 0 };
	size_t unknown = 0;
	int r = check_leases(err);

	if (r < 0)
		return r;
	r = put_writer(&store->state);
	if (r < 0)
		return weir_err_sys(err, r, "open the store");
	r = read_old(store, &old, err);
	if (r == 0)
		r = find_files(store, &old, &found, err);
	if (r < 0)
		return r;
	if (found.nr)
		qsort(found.v, found.nr, sizeof(*found.v), by_number);
	for (size_t i = 0; r == 0 && i < found.nr; i++) {
		if (i && is_same_file(&found.v[i], &found.v[i - 1])) {
			r = drop_name(store, &found.v[i], err);
			continue;
		}
		unknown += !found.v[i].old;
		r = take_in(store, &found.v[i], err);
	}
	if (r == 0 && unknown && !store->note[0])
		(void)snprintf(store->note, sizeof(store->note),
		               "%zu files are in no state file: they are given back or "
		               "scrubbed",
		               unknown);
	store->stale = true; /* the first text is a base */
	return r < 0 ? r : weir_store_must(store, err);
}
