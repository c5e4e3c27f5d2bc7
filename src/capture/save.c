/* save: see save.h. An archive is written to a file without a name (O_TMPFILE), which
 * gets its name when all of it is on the disk: whatever ends weir before, nothing is left
 * behind. Where the file system has no such files, one with a name aside is used. */
#include "capture/save.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
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
		if (fcntl(STDOUT_FILENO, F_GETFD) <
		    0) /* another file may get the number */
			return weir_err_sys(err, -errno, "write to standard output");
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

int weir_save_write_fd(int fd, struct weir_str s)
{
	while (s.n) {
		ssize_t n = write(fd, s.p, s.n);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		s = weir_str_skip(s, (size_t)n);
	}
	return 0;
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

/* "DIR/NAME" -> "DIR", "NAME" -> "." */
static int parent_of(const char *path, struct weir_buf *out)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return weir_buf_addz(out, ".");
	return weir_buf_add(out,
	                    weir_str(path, slash == path ? 1 : (size_t)(slash - path)));
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

static int open_aside(const struct weir_save *save, struct aside *out)
{
	weir_auto(weir_buf_done) struct weir_buf dir = { 0 };
	int r = parent_of(save->path, &dir);

	if (r < 0)
		return r;
	out->fd = open(dir.p, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	return out->fd >= 0 ? 0 : open_named(save->path, out);
}

/* Some file systems have no fsync(2): what they do is as good as it gets there. */
static int sync_fd(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == EROFS ? 0 : -errno;
}

static int sync_parent(const char *path)
{
	weir_auto(weir_buf_done) struct weir_buf dir = { 0 };
	weir_auto(weir_closep) int fd = -1;
	int r = parent_of(path, &dir);

	if (r < 0)
		return r;
	fd = open(dir.p, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? 0
	              : sync_fd(fd); /* a directory may be writable, but not readable */
}

/* Only rename(2) replaces in one step, and only what has a name. */
static int name_aside(struct aside *aside, const char *self, const char *path)
{
	char *name;

	if (asprintf(&name, "%s.%ld", path, (long)getpid()) < 0)
		return -ENOMEM;
	if (linkat(AT_FDCWD, self, AT_FDCWD, name, AT_SYMLINK_FOLLOW) < 0) {
		int r = -errno;

		free(name);
		return r == -EEXIST ? -EBUSY : r;
	}
	aside->name = name;
	return 0;
}

static int move(struct aside *aside, const struct weir_save *save)
{
	unsigned int flags = save->force ? 0 : RENAME_NOREPLACE;

	if (renameat2(AT_FDCWD, aside->name, AT_FDCWD, save->path, flags) == 0) {
		free(weir_take(aside->name));
		return 0;
	}
	if (errno != EINVAL || save->force)
		return -errno;
	/* a file system without that flag: link(2) never replaces either */
	return link(aside->name, save->path) < 0 ? -errno : 0;
}

static int give_name(struct aside *aside, const struct weir_save *save)
{
	char self[32];
	int r;

	if (aside->name)
		return move(aside, save);
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", aside->fd);
	if (linkat(AT_FDCWD, self, AT_FDCWD, save->path, AT_SYMLINK_FOLLOW) == 0)
		return 0;
	if (errno != EEXIST || !save->force)
		return -errno;
	r = name_aside(aside, self, save->path);
	return r < 0 ? r : move(aside, save);
}

static int write_file(const struct weir_save *save, const struct weir_members *files,
                      uint64_t time_ns, uint64_t *out_bytes, struct weir_err *err)
{
	weir_auto(aside_done) struct aside aside = { .fd = -1 };
	struct stat st = { 0 };
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

static int copy_to_stdout(int fd, uint64_t *out_bytes)
{
	char block[65536];
	ssize_t n;

	*out_bytes = 0;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return -errno;
	while ((n = read(fd, block, sizeof(block))) > 0) {
		int r = weir_save_write_fd(STDOUT_FILENO, weir_str(block, (size_t)n));

		if (r < 0)
			return r;
		*out_bytes += (uint64_t)n;
	}
	return n < 0 ? -errno : 0;
}

/* Through memory: to a pipe libarchive writes whole blocks, filled up with zeros, as a
 * tape wants them; and it does not tell why a write failed. */
static int write_stdout(const struct weir_save *save, const struct weir_members *files,
                        uint64_t time_ns, uint64_t *out_bytes, struct weir_err *err)
{
	weir_auto(weir_closep) int fd = memfd_create("weir-capture", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return weir_err_sys(err, -errno, "make room for the archive");
	r = weir_archive_write(files, time_ns, save->kind, fd, err);
	if (r < 0)
		return weir_err_wrap(err, r, "pack the archive");
	r = copy_to_stdout(fd, out_bytes);
	return r < 0 ? weir_err_sys(err, r, "write to standard output") : 0;
}

int weir_save_write(const struct weir_save *save, const struct weir_members *files,
                    uint64_t time_ns, uint64_t *out_bytes, struct weir_err *err)
{
	*out_bytes = files->bytes;
	switch (save->form) {
	case WEIR_SAVE_ARCHIVE: return write_file(save, files, time_ns, out_bytes, err);
	case WEIR_SAVE_DIR: return weir_save_dir_write(save->path, files, err);
	case WEIR_SAVE_STDOUT: return write_stdout(save, files, time_ns, out_bytes, err);
	}
	return weir_err_set(err, -EINVAL, "write '%s'", save->path);
}
