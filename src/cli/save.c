/* save: see save.h. An archive is written to a file without a name (O_TMPFILE), which
 * gets its name when all of it is on the disk: whatever ends weir before, nothing is left
 * behind. Where the file system has no such files, one with a name aside is used. */
#include "cli/save.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int weir_save_by_path(struct weir_save *save, struct weir_err *err)
{
	static const struct {
		const char *suffix;
		enum weir_archive_kind kind;
	} kinds[] = {
		{ ".tar.zst", WEIR_ARCHIVE_ZSTD },
		{ ".tar.gz", WEIR_ARCHIVE_GZIP },
		{ ".tgz", WEIR_ARCHIVE_GZIP },
		{ ".tar", WEIR_ARCHIVE_TAR },
	};
	struct weir_str path = weir_strz(save->path);
	struct stat st;

	save->form = WEIR_SAVE_ARCHIVE;
	save->kind = WEIR_ARCHIVE_ZSTD;
	if (weir_str_eq(path, "-")) {
		save->form = WEIR_SAVE_STDOUT;
		return 0;
	}
	if (weir_str_ends(path, "/") ||
	    (stat(save->path, &st) == 0 && S_ISDIR(st.st_mode))) {
		save->form = WEIR_SAVE_DIR;
		return 0;
	}
	for (size_t i = 0; i < WEIR_NELEM(kinds); i++)
		if (weir_str_ends(path, kinds[i].suffix)) {
			save->kind = kinds[i].kind;
			return 0;
		}
	return weir_err_set(err, -EINVAL,
	                    "wants a name that ends in .tar.zst, .tar.gz or .tar, "
	                    "or DIR/, or -");
}

static int in_the_way(const char *path, struct weir_err *err)
{
	return weir_err_set(err, -EEXIST, "'%s' is there already; --force replaces it",
	                    path);
}

int weir_save_check(const struct weir_save *save, struct weir_err *err)
{
	struct stat st;

	switch (save->form) {
	case WEIR_SAVE_DIR: return weir_save_dir_check(save->path, err);
	case WEIR_SAVE_STDOUT:
		return isatty(STDOUT_FILENO)
		               ? weir_err_set(
					 err, -EEXIST,
					 "an archive is not for a terminal: redirect "
					 "it, or name a file with -o")
		               : 0;
	case WEIR_SAVE_ARCHIVE: break;
	}
	return !save->force && lstat(save->path, &st) == 0 ? in_the_way(save->path, err)
	                                                   : 0;
}

/* --- a file aside ------------------------------------------------------------------ */

struct aside {
	int fd;
	char *name; /* NULL: it has none */
};

static void aside_done(struct aside *aside)
{
	if (aside->name)
		(void)unlink(aside->name); /* there only as long as it was not moved */
	free(aside->name);
	weir_closep(&aside->fd);
	*aside = (struct aside){ .fd = -1 };
}

/* "DIR/NAME" -> "DIR", "NAME" -> "."; allocated. */
static char *parent_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static int open_named(const char *path, struct aside *out)
{
	char *name;

	if (asprintf(&name, "%s.XXXXXX", path) < 0)
		return -ENOMEM;
	out->fd = mkostemp(name, O_CLOEXEC); /* with mode 0600 */
	if (out->fd < 0) {
		free(name);
		return -errno;
	}
	out->name = name;
	return 0;
}

/* A name is needed for rename(2), which alone replaces a file in one step. */
static int open_aside(const struct weir_save *save, struct aside *out)
{
	weir_auto(weir_freep) char *dir = parent_of(save->path);

	if (!dir)
		return -ENOMEM;
	if (!save->force)
		out->fd = open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return out->fd >= 0 ? 0 : open_named(save->path, out);
}

/* Some file systems have no fsync(2): what they do is as good as it gets there. */
static int sync_fd(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : -errno;
}

static int sync_parent(const char *path)
{
	weir_auto(weir_freep) char *dir = parent_of(path);
	weir_auto(weir_closep) int fd =
		dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;

	if (!dir)
		return -ENOMEM;
	return fd < 0 ? 0
	              : sync_fd(fd); /* a directory that may be written, but not read */
}

static int give_name(struct aside *aside, const struct weir_save *save)
{
	char self[32];

	if (!aside->name) {
		(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", aside->fd);
		return linkat(AT_FDCWD, self, AT_FDCWD, save->path, AT_SYMLINK_FOLLOW) < 0
		               ? -errno
		               : 0;
	}
	if (!save->force) /* link(2) never replaces */
		return link(aside->name, save->path) < 0 ? -errno : 0;
	if (rename(aside->name, save->path) < 0)
		return -errno;
	free(weir_take(aside->name));
	return 0;
}

static int write_file(const struct weir_save *save, const struct weir_members *files,
                      uint64_t time_ns, uint64_t *out_bytes, struct weir_err *err)
{
	weir_auto(aside_done) struct aside aside = { .fd = -1 };
	struct stat st;
	int r = open_aside(save, &aside);

	if (r < 0)
		return weir_err_sys(err, r, "write beside '%s'", save->path);
	r = weir_archive_write(files, time_ns, save->kind, aside.fd, err);
	if (r < 0)
		return weir_err_wrap(err, r, "write '%s'", save->path);
	r = sync_fd(aside.fd);
	if (r == 0)
		r = fstat(aside.fd, &st) < 0 ? -errno : 0;
	if (r == 0)
		r = give_name(&aside, save);
	if (r == -EEXIST)
		return in_the_way(save->path, err);
	if (r == 0)
		r = sync_parent(save->path);
	if (r < 0)
		return weir_err_sys(err, r, "write '%s'", save->path);
	*out_bytes = (uint64_t)st.st_size;
	return 0;
}

/* --- others ------------------------------------------------------------------------ */

/* A copy of the descriptor: libarchive fills up what it writes to number 1 with zeros, as
 * a tape wants them. */
static int write_stdout(const struct weir_save *save, const struct weir_members *files,
                        uint64_t time_ns, struct weir_err *err)
{
	weir_auto(weir_closep) int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	int r;

	if (fd < 0)
		return weir_err_sys(err, -errno, "write to standard output");
	r = weir_archive_write(files, time_ns, save->kind, fd, err);
	return r < 0 ? weir_err_wrap(err, r, "write to standard output") : 0;
}

int weir_save_write(const struct weir_save *save, const struct weir_members *files,
                    uint64_t time_ns, uint64_t *out_bytes, struct weir_err *err)
{
	*out_bytes = files->bytes;
	switch (save->form) {
	case WEIR_SAVE_ARCHIVE: return write_file(save, files, time_ns, out_bytes, err);
	case WEIR_SAVE_DIR: return weir_save_dir_write(save->path, files, err);
	case WEIR_SAVE_STDOUT: return write_stdout(save, files, time_ns, err);
	}
	return weir_err_set(err, -EINVAL, "write '%s'", save->path);
}
