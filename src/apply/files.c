/* files: see files.h. Most that can go wrong (no room, no permission, a read-only file
 * system) goes wrong while the new versions are written aside, when nothing has changed
 * yet; what is left are renames, and these are taken back in reverse. */
#include "apply/files.h"

#include "apply/diff.h"
#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define TEXT_MAX   (1U << 20)
#define NEW_SUFFIX ".weir-new"

void weir_file_changes_done(struct weir_file_changes *changes)
{
	for (size_t i = 0; i < changes->nr; i++) {
		free(changes->v[i].path);
		weir_buf_done(&changes->v[i].before);
		weir_buf_done(&changes->v[i].after);
	}
	free(changes->v);
	*changes = (struct weir_file_changes){ 0 };
}

const char *weir_file_change_word(const struct weir_file_change *change)
{
	if (!change->has_before)
		return "new";
	return change->has_after ? "changed" : "removed";
}

/* ---- what is there, and what is wanted -----------------------------------------------
 */

static int look(const struct weir_root *root, const char *path, enum weir_file_kind kind,
                struct weir_file_change *out, struct weir_err *err)
{
	int r = weir_root_link(root, path, &out->before);

	if (r == -ENOENT)
		return 0;
	if (kind == WEIR_FILE_TEXT && r == 0)
		return weir_err_set(err, -EEXIST,
		                    "'%s' is a link, and is not replaced by a file",
		                    path);
	if (kind == WEIR_FILE_TEXT && r == -EINVAL)
		r = weir_root_read(root, path, TEXT_MAX, &out->before);
	if (r == -ENXIO || (kind == WEIR_FILE_LINK && r == -EINVAL))
		return weir_err_set(err, -EEXIST, "'%s' is in the way: it is no %s", path,
		                    kind == WEIR_FILE_LINK ? "link" : "file");
	out->has_before = r == 0;
	return r < 0 ? weir_err_sys(err, r, "read '%s'", path) : 0;
}

static bool equal(struct weir_str a, struct weir_str b)
{
	return a.n == b.n && (!a.n || memcmp(a.p, b.p, a.n) == 0);
}

int weir_file_want(const struct weir_root *root, const char *path,
                   enum weir_file_kind kind, const struct weir_str *after,
                   struct weir_file_changes *changes, struct weir_err *err)
{
	struct weir_file_change *c;
	int r = weir_grow(&changes->v, &changes->cap, changes->nr, sizeof(changes->v[0]));

	if (r < 0)
		return weir_err_sys(err, r, "read '%s'", path);
	c = &changes->v[changes->nr];
	c->kind = kind;
	c->has_after = after != NULL;
	c->path = strdup(path);
	r = c->path ? look(root, path, kind, c, err) : -ENOMEM;
	if (r == 0 && after)
		r = weir_buf_add(&c->after, *after);
	if (r == 0 && c->has_before == c->has_after &&
	    (!after || equal(weir_buf_str(&c->before), *after)))
		r = 1;
	if (r == 0) {
		changes->nr++;
		return 0;
	}
	free(c->path);
	weir_buf_done(&c->before);
	weir_buf_done(&c->after);
	*c = (struct weir_file_change){ 0 };
	if (r == -ENOMEM)
		return weir_err_sys(err, r, "read '%s'", path);
	return r < 0 ? r : 0;
}

int weir_file_change_diff(const struct weir_file_change *c, struct weir_buf *out)
{
	struct weir_str before = weir_buf_str(&c->before),
			after = weir_buf_str(&c->after);
	int r = 0;

	if (c->kind == WEIR_FILE_TEXT)
		return weir_diff(c->path, c->has_before ? &before : NULL,
		                 c->has_after ? &after : NULL, out);
	if (c->has_before)
		r = weir_buf_printf(out, "-%s -> %.*s\n", c->path, WEIR_STR_ARG(before));
	if (r == 0 && c->has_after)
		r = weir_buf_printf(out, "+%s -> %.*s\n", c->path, WEIR_STR_ARG(after));
	return r;
}

/* ---- writing -------------------------------------------------------------------------
 */

/* One change at work. */
struct work {
	const struct weir_file_change *change;
	int dir;          /* of the file; -1: not open */
	const char *name; /* in it */
	char *aside, *old;
	bool written, kept, done; /* aside is there; old is; it took its place */
};

struct works {
	const struct weir_root *root;
	struct work *v;
	size_t nr;
	struct weir_names made; /* directories, the outermost first */
};

static int make_dir(struct works *works, const char *path)
{
	weir_auto(weir_closep) int parent = -1;
	weir_auto(weir_freep) char *copy = strdup(path);
	char *slash;
	int r;

	if (!copy)
		return -ENOMEM;
	slash = strrchr(copy, '/');
	*slash = '\0';
	parent = weir_root_at(works->root, *copy ? copy : "/", O_PATH | O_DIRECTORY);
	if (parent < 0)
		return parent;
	if (mkdirat(parent, slash + 1, 0755) < 0)
		return errno == EEXIST ? 0 : -errno;
	r = fchmodat(parent, slash + 1, 0755, 0) < 0 ? -errno
	                                             : 0; /* whatever the umask */
	return r < 0 ? r : weir_names_add(&works->made, weir_strz(path), true);
}

/* All directories above the file. */
static int make_dirs(struct works *works, const char *path)
{
	weir_auto(weir_freep) char *copy = strdup(path);
	int r = copy ? 0 : -ENOMEM;

	for (char *at = copy ? strchr(copy + 1, '/') : NULL; r == 0 && at;
	     at = strchr(at + 1, '/')) {
		*at = '\0';
		if (!weir_root_has(works->root, copy))
			r = make_dir(works, copy);
		*at = '/';
	}
	return r;
}

static int open_dir(struct works *works, struct work *w)
{
	const char *path = w->change->path, *slash = strrchr(path, '/');
	weir_auto(weir_freep) char *dir = strndup(path, (size_t)(slash - path));

	if (!dir)
		return -ENOMEM;
	w->dir = weir_root_at(works->root, *dir ? dir : "/", O_RDONLY | O_DIRECTORY);
	w->name = slash + 1;
	if (asprintf(&w->aside, ".%s" NEW_SUFFIX, w->name) < 0)
		w->aside = NULL;
	if (asprintf(&w->old, "%s" WEIR_OLD_SUFFIX, w->name) < 0)
		w->old = NULL;
	if (w->dir < 0)
		return w->dir;
	return w->aside && w->old ? 0 : -ENOMEM;
}

static int write_all(int fd, struct weir_str text)
{
	while (text.n) {
		ssize_t n = write(fd, text.p, text.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text = weir_str_skip(text, (size_t)n);
	}
	return fsync(fd) < 0 ? -errno : 0;
}

/* A file that was there keeps its owner and mode. */
static int write_file(struct work *w)
{
	weir_auto(weir_closep) int fd = openat(
		w->dir, w->aside, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0600);
	struct stat st;
	mode_t mode = 0644;

	if (fd < 0)
		return -errno;
	w->written = true;
	if (fstatat(w->dir, w->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		mode = st.st_mode & 07777;
		if (fchown(fd, st.st_uid, st.st_gid) < 0 && errno != EPERM)
			return -errno;
	}
	if (fchmod(fd, mode) < 0)
		return -errno;
	return write_all(fd, weir_buf_str(&w->change->after));
}

static int write_aside(struct works *works, struct work *w)
{
	const struct weir_file_change *c = w->change;
	int r = c->has_after ? make_dirs(works, c->path) : 0;

	if (r == 0)
		r = open_dir(works, w);
	if (r || !c->has_after)
		return r;
	/* left by a run that was killed */
	if (unlinkat(w->dir, w->aside, 0) < 0 && errno != ENOENT)
		return -errno;
	if (c->kind == WEIR_FILE_TEXT)
		return write_file(w);
	if (symlinkat(c->after.p, w->dir, w->aside) < 0)
		return -errno;
	w->written = true;
	return 0;
}

/* The old version becomes .weir-old and never leaves its place before the new one takes
 * it: a link, then a rename. Where links are not to be had (FAT) it is moved away. */
static int keep_old(struct work *w)
{
	if (!w->change->has_before)
		return 0;
	if (unlinkat(w->dir, w->old, 0) < 0 && errno != ENOENT)
		return -errno;
	if (linkat(w->dir, w->name, w->dir, w->old, 0) < 0) {
		if (errno != EPERM && errno != EOPNOTSUPP)
			return -errno;
		if (renameat(w->dir, w->name, w->dir, w->old) < 0)
			return -errno;
	}
	w->kept = true;
	return 0;
}

static int take_place(struct work *w)
{
	int r = keep_old(w);

	if (r < 0)
		return r;
	if (w->change->has_after) {
		if (renameat(w->dir, w->aside, w->dir, w->name) < 0)
			return -errno;
		w->written = false;
	} else if (unlinkat(w->dir, w->name, 0) < 0 && errno != ENOENT) {
		return -errno;
	}
	w->done = true;
	/* a link that was replaced is told by its diff, and needs no copy */
	if (w->change->kind == WEIR_FILE_LINK && w->kept)
		(void)unlinkat(w->dir, w->old, 0);
	return fsync(w->dir) < 0 && errno != EINVAL ? -errno : 0;
}

/* As it was; what fails here has no better way left. */
static void take_back(struct work *w)
{
	const struct weir_file_change *c = w->change;

	if (w->dir < 0)
		return;
	if (w->written)
		(void)unlinkat(w->dir, w->aside, 0);
	if (c->kind == WEIR_FILE_LINK && w->done && c->has_before) {
		(void)unlinkat(w->dir, w->name, 0);
		if (symlinkat(c->before.p, w->dir, w->name) < 0)
			return; /* there is no better way left */
	} else if (w->kept) {
		(void)renameat(w->dir, w->old, w->dir, w->name);
		(void)unlinkat(w->dir, w->old, 0); /* both were the same file */
	} else if (w->done && !c->has_before) {
		(void)unlinkat(w->dir, w->name, 0);
	}
	(void)fsync(w->dir);
}

static void remove_dirs(struct works *works)
{
	for (size_t i = works->made.nr; i > 0; i--) {
		weir_auto(weir_freep) char *path = strdup(works->made.v[i - 1].name);
		weir_auto(weir_closep) int parent = -1;
		char *slash = path ? strrchr(path, '/') : NULL;

		if (!slash)
			continue;
		*slash = '\0';
		parent = weir_root_at(works->root, *path ? path : "/",
		                      O_PATH | O_DIRECTORY);
		if (parent >= 0)
			(void)unlinkat(parent, slash + 1, AT_REMOVEDIR);
	}
}

static void works_done(struct works *works)
{
	for (size_t i = 0; i < works->nr; i++) {
		weir_closep(&works->v[i].dir);
		free(works->v[i].aside);
		free(works->v[i].old);
	}
	free(works->v);
	weir_names_done(&works->made);
}

/* Is what is there still what the change was made from, and shown with? */
static int check_before(const struct weir_root *root, const struct weir_file_change *c,
                        struct weir_err *err)
{
	struct weir_file_change now = { .kind = c->kind };
	int r = look(root, c->path, c->kind, &now, err);

	if (r == 0 && (now.has_before != c->has_before ||
	               !equal(weir_buf_str(&now.before), weir_buf_str(&c->before))))
		r = weir_err_set(err, -EAGAIN,
		                 "somebody changed '%s' since it was looked at", c->path);
	weir_buf_done(&now.before);
	return r;
}

static int check_all(const struct weir_root *root,
                     const struct weir_file_changes *changes, struct weir_err *err)
{
	int r = 0;

	for (size_t i = 0; i < changes->nr && r == 0; i++)
		r = check_before(root, &changes->v[i], err);
	return r;
}

int weir_file_changes_make(const struct weir_root *root,
                           const struct weir_file_changes *changes, struct weir_err *err)
{
	struct works works = { .root = root };
	size_t i = 0;
	int r = 0;

	r = check_all(root, changes, err);
	if (r < 0 || !changes->nr)
		return r;
	works.v = calloc(changes->nr, sizeof(works.v[0]));
	if (!works.v)
		return weir_err_sys(err, -ENOMEM, "write files");
	works.nr = changes->nr;
	for (i = 0; i < works.nr; i++)
		works.v[i] = (struct work){ .change = &changes->v[i], .dir = -1 };
	for (i = 0; r == 0 && i < works.nr; i++)
		r = write_aside(&works, &works.v[i]);
	for (size_t k = 0; r == 0 && k < works.nr; k++) {
		r = take_place(&works.v[k]);
		i = k + 1;
	}
	if (r < 0) {
		(void)weir_err_sys(err, r, "write '%s'", changes->v[i - 1].path);
		for (size_t k = works.nr; k > 0; k--)
			take_back(&works.v[k - 1]);
		remove_dirs(&works);
	}
	works_done(&works);
	return r;
}
