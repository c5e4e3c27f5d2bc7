/* root: see root.h. openat2(2) with RESOLVE_IN_ROOT, since 5.6, as in host/tree.c; but
 * here what is found is a configuration and not a capture. */
#include "apply/root.h"

#include "base/own.h"
#include "host/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define LINK_MAX_ 4096U /* PATH_MAX */

int weir_root_open(const char *dir, struct weir_root *out, struct weir_err *err)
{
	out->fd = open(dir ? dir : "/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return out->fd < 0 ? weir_err_sys(err, -errno, "open '%s'", dir ? dir : "/") : 0;
}

void weir_root_close(struct weir_root *root)
{
	if (root->fd >= 0)
		(void)close(root->fd);
	root->fd = -1;
}

/* The directory itself: a root without /var/lib can be locked too. */
int weir_root_lock(const struct weir_root *root, struct weir_err *err)
{
	int fd = openat(root->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), r = 0;

	if (fd < 0)
		return weir_err_sys(err, -errno, "open the root directory");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK
		            ? weir_err_set(err, -EBUSY,
		                           "another weir changes the files of "
		                           "this system")
		            : weir_err_sys(err, -errno, "lock the root directory");
	if (r == 0)
		return fd;
	(void)close(fd);
	return r;
}

int weir_root_at(const struct weir_root *root, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int tries = 100; /* EAGAIN: a rename raced with ".." */
	long fd;

	do
		fd = syscall(SYS_openat2, root->fd, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR) && --tries);
	return fd < 0 ? (errno == ENOTDIR ? -ENOENT : -errno) : (int)fd;
}

int weir_root_read(const struct weir_root *root, const char *path, size_t max,
                   struct weir_buf *out)
{
	/* O_PATH first: opening a device can act on it, looking at it cannot */
	weir_auto(weir_closep) int at = weir_root_at(root, path, O_PATH);
	weir_auto(weir_closep) int fd = -1;
	struct stat st;

	out->n = 0;
	if (at < 0)
		return at;
	if (fstat(at, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -ENXIO;
	fd = weir_root_at(root, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? fd : weir_fd_read(fd, max, false, out);
}

int weir_root_link(const struct weir_root *root, const char *path, struct weir_buf *out)
{
	weir_auto(weir_closep) int at = weir_root_at(root, path, O_PATH | O_NOFOLLOW);
	ssize_t n;
	int r;

	out->n = 0;
	if (at < 0)
		return at;
	r = weir_buf_reserve(out, LINK_MAX_);
	if (r < 0)
		return r;
	n = readlinkat(at, "", out->p, LINK_MAX_);
	if (n < 0)
		return errno == ENOENT ? -EINVAL : -errno; /* ENOENT: no link */
	out->n = (size_t)n;
	out->p[n] = '\0';
	return 0;
}

int weir_root_list(const struct weir_root *root, const char *path, struct weir_names *out)
{
	int fd = weir_root_at(root, path, O_RDONLY | O_DIRECTORY);
	int r = fd < 0 ? fd : weir_fd_list(fd, out);

	weir_names_sort(out);
	return r == -ENOENT ? 0 : r;
}

bool weir_root_has(const struct weir_root *root, const char *path)
{
	weir_auto(weir_closep) int at = weir_root_at(root, path, O_PATH);

	return at >= 0;
}
