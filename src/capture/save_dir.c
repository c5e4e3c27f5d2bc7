/* save_dir: a capture as a directory, without any library.
 *
 * It is written into a directory that is new or empty. That one may stand where others
 * can write too (/tmp), so each step down from it refuses links, and each file must be
 * new: nothing is ever written through what somebody else put there. */
#include "capture/save.h"

#include "host/fd.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

struct dir {
	int root;
	bool made;              /* by us: removed again after a failure */
	struct weir_buf parent; /* the path that fd is open on, below root; "" is root */
	int fd;
};

static void dir_done(struct dir *dir)
{
	weir_closep(&dir->root);
	weir_closep(&dir->fd);
	weir_buf_done(&dir->parent);
}

/* 0 for an empty directory, -ENOTEMPTY, others. */
static int is_empty(int fd)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	int r = copy < 0 ? -errno : weir_fd_list(copy, &names);

	return r == 0 && names.nr ? -ENOTEMPTY : r;
}

static int not_empty(const char *path, struct weir_err *err)
{
	return weir_err_set(err, -EEXIST,
	                    "directory '%s' is not empty, and a capture is never mixed "
	                    "with other files",
	                    path);
}

int weir_save_dir_check(const char *path, struct weir_err *err)
{
	weir_auto(weir_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 && errno == ENOTDIR)
		return weir_err_set(err, -EEXIST, "'%s' is there and is no directory",
		                    path);
	return fd >= 0 && is_empty(fd) == -ENOTEMPTY ? not_empty(path, err) : 0;
}

static int open_root(const char *path, struct dir *out, struct weir_err *err)
{
	int r;

	out->made = mkdir(path, 0700) == 0;
	if (!out->made && errno != EEXIST)
		return weir_err_sys(err, -errno, "make directory '%s'", path);
	out->root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = out->root < 0 ? -errno : is_empty(out->root);
	if (r == -ENOTEMPTY)
		return not_empty(path, err);
	return r < 0 ? weir_err_sys(err, r, "open directory '%s'", path) : 0;
}

/* Opens "proc/sys/vm" below @root, each part of it made when it is not there and @make.
 */
static int open_below(int root, struct weir_str path, bool make)
{
	weir_auto(weir_buf_done) struct weir_buf name = { 0 };
	int fd = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct weir_str part;

	while (fd >= 0 && weir_str_cut(&path, '/', &part)) {
		weir_auto(weir_closep) int above = fd;

		name.n = 0;
		if (weir_buf_add(&name, part) < 0)
			return -ENOMEM;
		if (make && mkdirat(above, name.p, 0700) < 0 && errno != EEXIST)
			return -errno;
		fd = openat(above, name.p, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	return fd < 0 ? -errno : fd;
}

/* "/proc/sys/vm/x" -> "proc/sys/vm" */
static struct weir_str parent_of(const char *path)
{
	return weir_str(path + 1, path[1] ? (size_t)(strrchr(path, '/') - path) -
	                                            (strrchr(path, '/') != path)
	                                  : 0);
}

/* Members come in order, so that most have the parent of the one before. */
static int enter(struct dir *dir, struct weir_str parent)
{
	int fd, r;

	if (dir->fd >= 0 && dir->parent.n == parent.n &&
	    memcmp(weir_buf_str(&dir->parent).p, parent.p, parent.n) == 0)
		return 0;
	weir_closep(&dir->fd);
	dir->fd = -1;
	dir->parent.n = 0;
	r = weir_buf_add(&dir->parent, parent);
	if (r < 0)
		return r;
	fd = open_below(dir->root, parent, true);
	if (fd < 0)
		return fd;
	dir->fd = fd;
	return 0;
}

static int write_text(struct dir *dir, const struct weir_member *m)
{
	weir_auto(weir_closep) int fd = openat(
		dir->fd, strrchr(m->path, '/') + 1,
		O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	int r = fd < 0 ? -errno : weir_save_write_fd(fd, weir_str(m->text, m->n));

	if (fd >= 0 && r < 0) /* after another's file was in the way, it stays */
		(void)unlinkat(dir->fd, strrchr(m->path, '/') + 1, 0);
	return r;
}

static int write_member(struct dir *dir, const struct weir_member *m)
{
	int r;

	if (!m->path[1]) /* "/" itself */
		return 0;
	r = enter(dir, parent_of(m->path));
	if (r < 0)
		return r;
	if (m->text)
		return write_text(dir, m);
	return mkdirat(dir->fd, strrchr(m->path, '/') + 1, 0700) < 0 && errno != EEXIST
	               ? -errno
	               : 0;
}

/* Removes the directories on the way to @path that are empty, from below. The lower ones
 * may never have been made. */
static void remove_parents(int root, struct weir_str path)
{
	weir_auto(weir_buf_done) struct weir_buf copy = { 0 };

	while (path.n) {
		weir_auto(weir_closep) int fd = -1;
		const char *slash;

		copy.n = 0;
		if (weir_buf_add(&copy, path) < 0)
			return;
		slash = strrchr(copy.p, '/');
		path.n = slash ? (size_t)(slash - copy.p) : 0;
		fd = open_below(root, path, false);
		if (fd >= 0 &&
		    unlinkat(fd, slash ? slash + 1 : copy.p, AT_REMOVEDIR) < 0 &&
		    errno != ENOENT)
			return;
	}
}

/* In reverse order: what is in a directory comes before the directory. @nr members were
 * written, and of the next one perhaps some of the directories that it is in. */
static void undo(const char *path, struct dir *dir, const struct weir_members *files,
                 size_t nr)
{
	if (nr < files->nr)
		remove_parents(dir->root, parent_of(files->v[nr].path));
	while (nr-- > 0) {
		const struct weir_member *m = &files->v[nr];
		struct weir_str parent = parent_of(m->path);
		weir_auto(weir_closep) int fd = open_below(dir->root, parent, false);

		if (fd >= 0 && m->path[1])
			(void)unlinkat(fd, strrchr(m->path, '/') + 1,
			               m->text ? 0 : AT_REMOVEDIR);
		remove_parents(dir->root, parent);
	}
	if (dir->made)
		(void)rmdir(path);
}

int weir_save_dir_write(const char *path, const struct weir_members *files,
                        struct weir_err *err)
{
	weir_auto(dir_done) struct dir dir = { .root = -1, .fd = -1 };
	size_t nr = 0;
	int r = open_root(path, &dir, err);

	if (r < 0) {
		if (dir.made)
			(void)rmdir(path);
		return r;
	}
	for (; r == 0 && nr < files->nr; nr += r == 0) {
		r = write_member(&dir, &files->v[nr]);
		if (r < 0)
			(void)weir_err_sys(err, r, "write '%s' in directory '%s'",
			                   files->v[nr].path, path);
	}
	if (r == 0 && syncfs(dir.root) < 0)
		r = weir_err_sys(err, -errno, "write directory '%s'", path);
	if (r < 0)
		undo(path, &dir, files, nr);
	return r;
}
