/* locks: see locks.h. */
#include "warm/locks.h"

#include "base/own.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

#define TEXT_MAX (PATH_MAX + 32)

void weir_locks_init(struct weir_locks *locks)
{
	*locks = (struct weir_locks){ .dir = -1, .state = -1 };
}

void weir_locks_done(struct weir_locks *locks)
{
	weir_closep(&locks->dir);
	weir_closep(&locks->state);
	free(locks->dir_path);
	free(locks->state_path);
	free(locks->other_dir);
	weir_locks_init(locks);
}

/* The lines of a lock: whose it was last, and what belongs to it. */
struct lines {
	char text[TEXT_MAX];
	struct weir_str pid, other;
};

static void read_lines(int fd, struct lines *out)
{
	ssize_t n = pread(fd, out->text, sizeof(out->text), 0);
	struct weir_str rest = weir_str(out->text, n > 0 ? (size_t)n : 0);

	out->pid = out->other = weir_str("", 0);
	if (weir_str_line(&rest, &out->pid))
		(void)weir_str_line(&rest, &out->other);
}

static int busy(int fd, const char *what, struct weir_err *err)
{
	struct lines lines;
	uint64_t pid;

	read_lines(fd, &lines);
	if (weir_parse_u64(lines.pid, &pid) < 0)
		return weir_err_set(err, -EBUSY, "another weird has '%s'", what);
	return weir_err_set(err, -EBUSY, "another weird, process %" PRIu64 ", has '%s'",
	                    pid, what);
}

static int lock(int at, const char *name, const char *what, int *out,
                struct weir_err *err)
{
	int fd = openat(at, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600), r = 0;

	if (fd < 0)
		return weir_err_sys(err, -errno, "open the lock of '%s'", what);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0)
		r = errno == EWOULDBLOCK ? busy(fd, what, err)
		                         : weir_err_sys(err, -errno, "lock '%s'", what);
	if (r < 0)
		(void)close(fd);
	else
		*out = fd;
	return r;
}

static int write_lines(int fd, struct weir_str other)
{
	char text[TEXT_MAX];
	int n = snprintf(text, sizeof(text), "%ld\n%.*s%s", (long)getpid(),
	                 WEIR_STR_ARG(other), other.n ? "\n" : "");

	if (n < 0 || (size_t)n >= sizeof(text))
		return -ENAMETOOLONG;
	if (pwrite(fd, text, (size_t)n, 0) != n)
		return errno ? -errno : -ENOSPC;
	return ftruncate(fd, n) < 0 ? -errno : 0;
}

/* Who has it, for the message; that it is not there does no harm. */
static void say_who(int fd, struct weir_str other)
{
	(void)!write_lines(fd, other);
}

/* The path of a file that need not be there, without links. NULL: see errno. */
static char *full_path(const char *path)
{
	const char *slash = strrchr(path, '/');
	weir_auto(weir_freep) char *parent = slash ? strndup(path, (size_t)(slash - path))
	                                           : strdup(".");
	weir_auto(weir_freep) char *real = NULL;
	char *full = NULL;

	if (!parent)
		return NULL;
	real = realpath(*parent ? parent : "/", NULL);
	if (!real || asprintf(&full, "%s/%s", strcmp(real, "/") == 0 ? "" : real,
	                      slash ? slash + 1 : path) < 0)
		return NULL;
	return full;
}

static int lock_state(struct weir_locks *locks, const char *state, struct weir_err *err)
{
	weir_auto(weir_freep) char *name = NULL;
	struct lines lines;
	int r;

	locks->state_path = full_path(state);
	if (!locks->state_path)
		return weir_err_sys(err, -errno, "find '%s'", state);
	if (asprintf(&name, "%s.lock", state) < 0)
		return weir_err_sys(err, -ENOMEM, "lock '%s'", state);
	r = lock(AT_FDCWD, name, state, &locks->state, err);
	if (r < 0)
		return r;
	read_lines(locks->state, &lines);
	if (lines.other.n && !weir_str_eq(lines.other, locks->dir_path)) {
		locks->other_dir = strndup(lines.other.p, lines.other.n);
		if (!locks->other_dir)
			return weir_err_sys(err, -ENOMEM, "lock '%s'", state);
	}
	say_who(locks->state, lines.other);
	return 0;
}

int weir_locks_take(struct weir_locks *locks, int root, const char *dir,
                    const char *state, struct weir_err *err)
{
	struct lines lines;
	int r = lock(root, "lock", dir, &locks->dir, err);

	if (r < 0)
		return r;
	locks->dir_path = realpath(dir, NULL);
	if (!locks->dir_path)
		return weir_err_sys(err, -errno, "find '%s'", dir);
	r = lock_state(locks, state, err);
	if (r < 0)
		return r;
	read_lines(locks->dir, &lines);
	locks->other_state = lines.other.n &&
	                     !weir_str_eq(lines.other, locks->state_path);
	say_who(locks->dir, lines.other);
	return 0;
}

int weir_locks_tie(const struct weir_locks *locks, struct weir_err *err)
{
	int r = write_lines(locks->state, weir_strz(locks->dir_path));

	if (r < 0)
		return weir_err_sys(err, r, "write '%s.lock'", locks->state_path);
	r = write_lines(locks->dir, weir_strz(locks->state_path));
	return r < 0 ? weir_err_sys(err, r, "write '%s/lock'", locks->dir_path) : 0;
}
