/* save_dir: a capture as a directory, without any library.
 *
 * It is written into a directory that is new or empty. That one may stand where others
 * can write too (/tmp), so each step down from it refuses links, and each file must be
 * new: nothing is ever written through what somebody else put there. */
#include "cli/save.h"

#include "base/own.h"

#include <dirent.h>
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
	DIR *names = copy < 0 ? NULL : fdopendir(copy);
	const struct dirent *d;
	int r = names ? 0 : -errno;

	if (!names && copy >= 0)
		(void)close(copy);
	while (r == 0 && (errno = 0, d = readdir(names)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			r = -ENOTEMPTY;
	if (r == 0)
		r = -errno;
	if (names)
		(void)closedir(names);
	return r;
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
	int fd = openat(root, ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct weir_str part;

	while (fd >= 0 && weir_str_cut(&path, '/', &part)) {
		weir_auto(weir_closep) int above = fd;
		weir_auto(weir_freep) char *name = strndup(part.p, part.n);

		if (!name)
			return -ENOMEM;
		if (make && mkdirat(above, name, 0700) < 0 && errno != EEXIST)
			return -errno;
		fd = openat(above, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
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

/* Removes the directories on the way to @path that are empty, from below. */
static void remove_parents(int root, struct weir_str path)
{
	while (path.n) {
		weir_auto(weir_freep) char *copy = strndup(path.p, path.n);
		char *slash = copy ? strrchr(copy, '/') : NULL;
		const char *name = slash ? slash + 1 : copy;
		weir_auto(weir_closep) int fd = -1;

		if (!copy)
			return;
		path.n = slash ? (size_t)(slash - copy) : 0;
		fd = open_below(root, path, false);
		if (fd < 0 || unlinkat(fd, name, AT_REMOVEDIR) < 0)
			return;
	}
}

/* In reverse order: what is in a directory comes before the directory. @nr members were
 * written. */
static void undo(const char *path, struct dir *dir, const struct weir_members *files,
                 size_t nr)
{
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
