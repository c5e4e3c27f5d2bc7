/* leftovers_remove: leftover files are removed, each looked at once more: see
 * leftovers.h.
 *
 * What remains: between the last look at a name and its removal somebody may put another
 * file in its place. No call of the kernel removes a name only while it is of a certain
 * file; the gap is one system call long. */
#include "apply/leftovers.h"

#include "apply/file_users.h"
#include "base/own.h"
#include "holders/left.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

enum { NO_LEASES = 1 }; /* this file system, or this user, cannot have any */

static int end_with(struct weir_leftover *left, enum weir_leftover_end end,
                    const char *words)
{
	left->end = end;
	left->end_words = words ? strdup(words) : NULL;
	return words && !left->end_words ? -ENOMEM : 0;
}

/* ---- the ledger once more ---- */

/* Whether processes use it now; a file that is not there any more is seen by its name. */
static int check_users(const struct weir_ledger *ledger, struct weir_leftover *left)
{
	const struct weir_huge_files *files = &ledger->holdings.files;
	weir_auto(weir_buf_done) struct weir_buf who = { 0 };
	struct weir_file_users users = { 0 };
	int r = 0;

	for (size_t i = 0; r == 0 && i < files->nr; i++)
		if (files->v[i].device == left->device &&
		    files->v[i].inode == left->inode)
			r = weir_file_users_add(ledger, i, &users);
	if (r == 0 && users.nr) {
		r = weir_file_users_text(ledger, &users, &who);
		if (r == 0)
			r = end_with(left, WEIR_LEFTOVER_TAKEN, who.p);
	}
	weir_file_users_done(&users);
	return r;
}

static int look_again(const struct weir_host *host, struct weir_ledger *out,
                      struct weir_err *err)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	weir_auto(weir_freep) char *blind = NULL;
	int r = weir_snapshot_read(host, WEIR_SNAPSHOT_BASE, &snap, err);

	if (r == 0)
		r = weir_ledger_read(host, snap, WEIR_LEDGER_USERS, out, err);
	if (r < 0)
		return r;
	r = weir_ledger_blind(host, out, &blind);
	if (r < 0)
		return weir_err_sys(err, r, "look again at who holds huge pages");
	return blind ? weir_err_set(err, -EACCES, "%s", blind) : 0;
}

/* ---- one file ---- */

/* The directory of @path, for unlinkat(2): no component may be a symbolic link. */
static int open_parent(const char *path, const char **out_name)
{
	struct open_how how = { .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		                .resolve = RESOLVE_NO_SYMLINKS };
	const char *slash = strrchr(path, '/');
	weir_auto(weir_freep) char *parent = NULL;
	long fd;

	if (!slash || slash == path)
		return -EINVAL; /* a mount's file is below its directory */
	parent = strndup(path, (size_t)(slash - path));
	if (!parent)
		return -ENOMEM;
	*out_name = slash + 1;
	fd = syscall(SYS_openat2, AT_FDCWD, parent, &how, sizeof(how));
	return fd < 0 ? -errno : (int)fd;
}

static bool is_same(const struct stat *st, const struct weir_leftover *left)
{
	uint64_t device = (uint64_t)major(st->st_dev) << 32 | minor(st->st_dev);
	uint64_t changed_at = st->st_mtime < 0 ? 0 : (uint64_t)st->st_mtime;

	return S_ISREG(st->st_mode) && device == left->device &&
	       st->st_ino == left->inode && changed_at == left->changed_at;
}

/* 0 when the name is still of the file that was shown. */
static int check_name(int dir, const char *name, const struct weir_leftover *left)
{
	struct statfs fs;
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	if (fstatfs(dir, &fs) < 0)
		return -errno;
	if ((uint64_t)fs.f_type != WEIR_HUGETLBFS_MAGIC || !is_same(&st, left))
		return -ESTALE;
	return 0;
}

/* 0: nobody else has it open or mapped, and nobody comes to it until @fd is closed;
 * -EBUSY: somebody has; NO_LEASES. Who wants to open it makes the kernel send a signal
 * to us, SIGIO by default, which ends a program: SIGURG does not. */
static int claim(int fd)
{
	if (fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_WRLCK) == 0)
		return 0;
	return errno == EAGAIN ? -EBUSY : NO_LEASES;
}

/* Its other names, if there are any, keep its pages. */
static int end_removed(int fd, struct weir_leftover *left)
{
	struct stat st;

	if (fstat(fd, &st) == 0 && st.st_nlink)
		return end_with(left, WEIR_LEFTOVER_REMOVED,
		                "it has another name, which keeps its pages");
	return end_with(left, WEIR_LEFTOVER_REMOVED, NULL);
}

static int end_failed(struct weir_leftover *left, int r)
{
	char words[96];

	if (r == -ENOENT)
		return end_with(left, WEIR_LEFTOVER_CHANGED, "it is gone");
	if (r == -ESTALE)
		return end_with(left, WEIR_LEFTOVER_CHANGED,
		                "it is not the file that was shown any more, or was "
		                "written");
	if (r == -EBUSY || r == -EAGAIN)
		return end_with(left, WEIR_LEFTOVER_TAKEN,
		                "somebody has it open or mapped, who is not seen in "
		                "/proc: it may be in a socket's queue");
	(void)weir_str_show(weir_strz(strerror(-r)), words, sizeof(words));
	return end_with(left, WEIR_LEFTOVER_FAILED, words);
}

/* Where there are no leases, a fresh ledger has to do. */
static int check_fresh(const struct weir_host *host, struct weir_leftover *left,
                       struct weir_err *err)
{
	struct weir_ledger ledger = { 0 };
	int r = look_again(host, &ledger, err);

	if (r == 0)
		r = check_users(&ledger, left);
	weir_ledger_done(&ledger);
	return r;
}

static int remove_one(const struct weir_host *host, struct weir_leftover *left,
                      struct weir_err *err)
{
	const char *name = NULL;
	weir_auto(weir_closep) int dir = open_parent(left->path, &name);
	weir_auto(weir_closep) int fd = -1;
	int r = dir < 0 ? dir : check_name(dir, name, left);

	if (r == 0) {
		fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
		r = fd < 0 ? -errno : claim(fd);
	}
	if (r == NO_LEASES) {
		r = check_fresh(host, left, err);
		if (r < 0 || left->end != WEIR_LEFTOVER_KEPT)
			return r;
	}
	if (r == 0)
		r = check_name(dir, name, left); /* the last look */
	if (r == 0 && unlinkat(dir, name, 0) < 0)
		r = -errno;
	if (r == -ENOMEM)
		return weir_err_sys(err, r, "remove '%s'", left->path);
	return r < 0 ? end_failed(left, r) : end_removed(fd, left);
}

int weir_leftovers_remove(const struct weir_host *host, struct weir_leftovers *all,
                          struct weir_err *err)
{
	struct weir_ledger ledger = { 0 };
	int r = look_again(host, &ledger, err);

	for (size_t i = 0; r == 0 && i < all->nr; i++) {
		struct weir_leftover *left = &all->v[i];

		if (!left->chosen)
			continue;
		r = check_users(&ledger, left);
		if (r == 0 && left->end == WEIR_LEFTOVER_KEPT)
			r = remove_one(host, left, err);
	}
	weir_ledger_done(&ledger);
	return r == -ENOMEM ? weir_err_sys(err, r, "remove leftover files") : r;
}
