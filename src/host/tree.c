/* tree: a captured host in a directory, made by weir or copied by hand.
 *
 * The tree comes from somewhere else and is not trusted: every path is resolved by the
 * kernel with the tree as its root (openat2, RESOLVE_IN_ROOT, since 5.6), so that neither
 * "..", nor a link, absolute or not, leads out of it; and only regular files are read,
 * opened without blocking, so that a FIFO cannot hang weir and a device is never read. */
#include "host/fd.h"
#include "host/manifest.h"

#include "base/own.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

struct tree {
	int root;
	struct weir_manifest manifest;
};

static int open_inside(const struct tree *tree, const char *path, uint64_t flags)
{
	struct open_how how = {
		.flags = flags | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	int tries = 100; /* EAGAIN may also be a lease on the file, which can stay long */
	long fd;

	do /* EAGAIN: a rename raced with "..", says openat2(2); it wants another try */
		fd = syscall(SYS_openat2, tree->root, path, &how, sizeof(how));
	while (fd < 0 && (errno == EAGAIN || errno == EINTR) && --tries);
	return fd < 0 ? -errno : (int)fd;
}

static int read_regular(const struct tree *tree, const char *path, size_t max,
                        struct weir_buf *out)
{
	/* O_PATH first: opening a device can act on it, looking at it cannot */
	weir_auto(weir_closep) int at = open_inside(tree, path, O_PATH);
	weir_auto(weir_closep) int fd = -1;
	struct stat st;

	if (at < 0)
		return at;
	if (fstat(at, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -ENXIO;
	fd = open_inside(tree, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
	return fd < 0 ? fd : weir_fd_read(fd, max, false, out);
}

static int tree_read(void *ctx, const char *path, size_t max, struct weir_buf *out)
{
	const struct tree *tree = ctx;
	int r = read_regular(tree, path, max, out);
	int recorded = r == 0 || r == -ENOENT ? weir_manifest_error(&tree->manifest, path)
	                                      : 0;

	return recorded ? recorded : r;
}

static int tree_write(void *ctx, const char *path, struct weir_str text)
{
	(void)ctx;
	(void)path;
	(void)text;
	return -EROFS;
}

static int tree_list(void *ctx, const char *path, struct weir_names *out)
{
	const struct tree *tree = ctx;
	int fd = open_inside(tree, path, O_RDONLY | O_DIRECTORY);
	int recorded;

	if (fd >= 0)
		return weir_fd_list(fd, out);
	recorded = fd == -ENOENT ? weir_manifest_error(&tree->manifest, path) : 0;
	return recorded ? recorded : fd;
}

static uint64_t tree_now_ns(void *ctx)
{
	return ((const struct tree *)ctx)->manifest.time_ns;
}

static void tree_free(void *ctx)
{
	struct tree *tree = ctx;

	if (tree->root >= 0)
		(void)close(tree->root);
	weir_manifest_done(&tree->manifest);
	free(tree);
}

static const struct weir_host_ops tree_ops = {
	.read = tree_read,
	.write = tree_write,
	.list = tree_list,
	.now_ns = tree_now_ns,
	.free = tree_free,
};

static int read_manifest(struct tree *tree, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = read_regular(tree, WEIR_MANIFEST_PATH, WEIR_MANIFEST_MAX, &text);

	if (r == -ENOENT)
		return 0; /* a copy made by hand */
	if (r == -ENOSYS)
		return weir_err_set(err, r,
		                    "this kernel has no openat2 (Linux 5.6), without "
		                    "which a captured tree cannot be read safely");
	if (r < 0)
		return weir_err_sys(err, r, "read its manifest '%s'",
		                    &WEIR_MANIFEST_PATH[1]);
	return weir_manifest_parse(weir_buf_str(&text), &tree->manifest, err);
}

int weir_tree_new(const char *dir, struct weir_host **out, struct weir_err *err)
{
	struct tree *tree = calloc(1, sizeof(*tree));
	int r;

	if (!tree)
		return weir_err_sys(err, -ENOMEM, "open host '%s'", dir);
	tree->root = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = tree->root < 0 ? weir_err_sys(err, -errno, "open") : read_manifest(tree, err);
	if (r < 0) {
		tree_free(tree);
		return weir_err_wrap(err, r, "host '%s'", dir);
	}
	r = weir_host_new(&tree_ops, tree, out);
	return r < 0 ? weir_err_sys(err, r, "open host '%s'", dir) : 0;
}
