/* files: see files.h.
 *
 * Who has a file is asked by a write lease (fcntl(2) F_SETLEASE): the kernel grants it
 * only when no other open file of the inode is there (fs/locks.c
 * check_conflicting_open(), v6.18), and a mapping or a descriptor in a socket's queue
 * keeps its open file. The lease ends at once, with the descriptor: by then the file is
 * root's under a name that nobody knows, so that nobody comes to it any more. Meanwhile
 * who opens it waits.
 *
 * Left out: pages that a device or io_uring has pinned while the file is neither mapped
 * nor open. The kernel does not show them. */
#include "warm/files.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#define HUGETLBFS_TYPE 0x958458f6
#define DIR_MODE       0711U
#define FILE_MODE      0600U
#define BLOCK_BYTES    512U /* of st_blocks, whatever the file system */

/* ---- directories ------------------------------------------------------------------- */

/* Ours, a directory, and not to be written by others; its mode is set. */
static int check_dir(int fd, const char *path, struct weir_err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return weir_err_sys(err, -errno, "look at '%s'", path);
	if (st.st_uid != geteuid())
		return weir_err_set(err, -EPERM,
		                    "'%s' is not weird's own: it belongs to user %u",
		                    path, (unsigned int)st.st_uid);
	if ((st.st_mode & 07777) != DIR_MODE && fchmod(fd, DIR_MODE) < 0)
		return weir_err_sys(err, -errno, "set the mode of '%s'", path);
	return 0;
}

static int open_dir(int at, const char *name)
{
	int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/* "/run/weir" of "/run/weir/warm", which systemd makes where it starts weird. */
static int make_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	weir_auto(weir_freep) char *parent = NULL;

	if (!slash || slash == path)
		return 0;
	parent = strndup(path, (size_t)(slash - path));
	if (!parent)
		return -ENOMEM;
	return mkdir(parent, 0755) < 0 && errno != EEXIST ? -errno : 0;
}

int weir_files_root(const char *path, struct weir_err *err)
{
	int r = make_parent(path), fd;

	if (r == 0 && mkdir(path, DIR_MODE) < 0 && errno != EEXIST)
		r = -errno;
	if (r < 0)
		return weir_err_sys(err, r, "make '%s'", path);
	fd = open_dir(AT_FDCWD, path);
	if (fd < 0)
		return weir_err_sys(err, fd, "open '%s'", path);
	r = check_dir(fd, path, err);
	if (r < 0)
		(void)close(fd);
	return r < 0 ? r : fd;
}

/* Is it the top of a hugetlbfs of this page size, mounted here? */
static bool is_mounted(int fd, uint64_t page_bytes, uint64_t root_device)
{
	struct statfs fs;
	struct stat st;

	return fstatfs(fd, &fs) == 0 && fstat(fd, &st) == 0 &&
	       (uint64_t)fs.f_type == HUGETLBFS_TYPE &&
	       (uint64_t)fs.f_bsize == page_bytes && st.st_dev != root_device;
}

static uint64_t device_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? (uint64_t)major(st.st_dev) << 32 | minor(st.st_dev)
	                           : 0;
}

static int mount_here(const char *path, uint64_t page_bytes, struct weir_err *err)
{
	char options[64];

	(void)snprintf(options, sizeof(options), "pagesize=%" PRIu64 ",mode=0%o",
	               page_bytes, DIR_MODE);
	if (mount("weir", path, "hugetlbfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, options) <
	    0)
		return weir_err_sys(err, -errno, "mount a hugetlbfs at '%s'", path);
	return 0;
}

/* The path of a directory of @path, and its name in that. */
static int size_path(const char *path, uint64_t page_bytes, char *out, size_t cap,
                     struct weir_err *err)
{
	char label[WEIR_SIZE_TEXT_MAX];
	struct weir_str size = weir_format_size(page_bytes, label, sizeof(label));
	int n = snprintf(out, cap, "%s/%.*s", path, WEIR_STR_ARG(size));

	if (n < 0 || (size_t)n >= cap)
		return weir_err_set(err, -ENAMETOOLONG, "'%s' is too long", path);
	return 0;
}

int weir_files_open(int root, const char *path, uint64_t page_bytes, bool plain,
                    bool mount, struct weir_files_dir *out, struct weir_err *err)
{
	char whole[256];
	const char *name;
	struct stat st;
	int r = size_path(path, page_bytes, whole, sizeof(whole), err), fd;

	if (r < 0)
		return r;
	name = strrchr(whole, '/') + 1;
	if (mount && mkdirat(root, name, DIR_MODE) < 0 && errno != EEXIST)
		return weir_err_sys(err, -errno, "make '%s'", whole);
	fd = open_dir(root, name);
	if (fd < 0)
		return weir_err_sys(err, fd, "open '%s'", whole);
	if (fstat(root, &st) < 0)
		r = weir_err_sys(err, -errno, "look at '%s'", path);
	if (r == 0 && !plain && !is_mounted(fd, page_bytes, st.st_dev)) {
		(void)close(fd);
		fd = -1;
		r = mount ? mount_here(whole, page_bytes, err) : -ENOENT;
		if (r < 0 && mount) /* if it is empty: nothing is mounted there */
			(void)unlinkat(root, name, AT_REMOVEDIR);
		if (r == 0)
			r = fd = open_dir(root, name);
		if (fd >= 0)
			r = is_mounted(fd, page_bytes, st.st_dev)
			            ? 0
			            : weir_err_set(err, -ENODEV,
			                           "'%s' is not what was mounted", whole);
	}
	if (r == 0)
		r = check_dir(fd, whole, err);
	if (r < 0 && fd >= 0)
		(void)close(fd);
	if (r == 0)
		*out = (struct weir_files_dir){ .page_bytes = page_bytes,
			                        .device = device_of(fd),
			                        .fd = fd };
	return r;
}

bool weir_files_is_here(int root, const struct weir_files_dir *dir)
{
	char label[WEIR_SIZE_TEXT_MAX];
	struct stat at, is;

	(void)weir_format_size(dir->page_bytes, label, sizeof(label));
	return fstatat(root, label, &at, AT_SYMLINK_NOFOLLOW) == 0 &&
	       fstat(dir->fd, &is) == 0 && at.st_dev == is.st_dev &&
	       at.st_ino == is.st_ino;
}

int weir_files_close(int root, const char *path, struct weir_files_dir *dir, bool plain,
                     struct weir_err *err)
{
	char whole[256];
	int r = size_path(path, dir->page_bytes, whole, sizeof(whole), err);

	if (dir->fd >= 0)
		(void)close(dir->fd);
	dir->fd = -1;
	if (r == 0 && !plain && umount2(whole, UMOUNT_NOFOLLOW) < 0)
		r = weir_err_sys(err, -errno, "unmount '%s'", whole);
	if (r == 0 && unlinkat(root, strrchr(whole, '/') + 1, AT_REMOVEDIR) < 0)
		r = weir_err_sys(err, -errno, "remove '%s'", whole);
	return r;
}

/* ---- files ------------------------------------------------------------------------- */

int weir_file_name(bool leased, char out[WEIR_FILE_NAME_MAX])
{
	static const char digits[] = "0123456789abcdef";
	unsigned char random[16];
	size_t at = 0;
	ssize_t n;

	do
		n = getrandom(random, sizeof(random), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(random))
		return n < 0 ? -errno : -EIO;
	if (!leased)
		out[at++] = '.';
	for (size_t i = 0; i < sizeof(random); i++) {
		out[at++] = digits[random[i] >> 4];
		out[at++] = digits[random[i] & 15];
	}
	out[at] = '\0';
	return 0;
}

bool weir_file_is_leased(const char *name)
{
	return strlen(name) == 32 && strspn(name, "0123456789abcdef") == 32;
}

int weir_file_create(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
	                FILE_MODE);

	return fd < 0 ? -errno : fd;
}

int weir_file_open(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static void put_stat(const struct stat *st, struct weir_file *out)
{
	*out = (struct weir_file){
		.inode = st->st_ino,
		.bytes = st->st_size < 0 ? 0 : (uint64_t)st->st_size,
		.filled_bytes = st->st_blocks < 0 ? 0
		                                  : (uint64_t)st->st_blocks * BLOCK_BYTES,
		.is_regular = S_ISREG(st->st_mode),
		.is_ours = st->st_uid == geteuid() &&
		           (st->st_mode & 07777) == FILE_MODE && st->st_nlink == 1,
	};
}

int weir_file_stat(int fd, struct weir_file *out)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return -errno;
	put_stat(&st, out);
	return 0;
}

int weir_file_look(int dir, const char *name, struct weir_file *out)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	put_stat(&st, out);
	return 0;
}

int weir_file_hand_over(int dir, int fd, const char *name, const char *new_name,
                        uid_t uid, gid_t gid)
{
	if (fchown(fd, uid, gid) < 0 || fchmod(fd, FILE_MODE) < 0)
		return -errno;
	return renameat(dir, name, dir, new_name) < 0 ? -errno : 0;
}

int weir_file_take_back(int dir, const char *name, const char *new_name)
{
	return renameat(dir, name, dir, new_name) < 0 ? -errno : 0;
}

int weir_file_make_ours(int fd)
{
	if (fchown(fd, geteuid(), getegid()) < 0 || fchmod(fd, FILE_MODE) < 0)
		return -errno;
	return 0;
}

int weir_file_claim(int fd)
{
	/* who opens it makes the kernel signal us: SIGURG does not end a program */
	if (fcntl(fd, F_SETSIG, SIGURG) < 0 || fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		return errno == EAGAIN ? -EBUSY : -errno;
	return fcntl(fd, F_SETLEASE, F_UNLCK) < 0 ? -errno : 0;
}
