/* fd: see fd.h. */
#include "host/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* One read takes a whole sysfs file and most of /proc; seq_file hands out no more than
 * its own buffer at a time anyway (fs/seq_file.c, seq_read_iter). */
#define CHUNK 16384U

#define PAGE_LEAST 4096U /* the smallest base page of any kernel with huge pages */

/* What to ask for: all the room there is, as the buffer doubles, and one byte more than
 * may come, to see the end. */
static size_t next_read(const struct weir_buf *out, size_t max)
{
	size_t left = max - out->n;
	size_t spare = out->cap > out->n ? out->cap - out->n - 1 : 0;
	size_t want = spare > CHUNK ? spare : CHUNK;

	return left < want ? left + 1 : want;
}

int weir_fd_read(int fd, size_t max, bool whole, struct weir_buf *out)
{
	for (;;) {
		size_t room = next_read(out, max);
		int r = weir_buf_reserve(out, room);
		ssize_t n;

		if (r < 0)
			return r;
		n = read(fd, out->p + out->n, room);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		out->n += (size_t)n;
		if (out->n > max)
			out->n = max, r = -EFBIG;
		out->p[out->n] = '\0';
		if (r < 0 || n == 0 || (whole && (size_t)n < PAGE_LEAST))
			return r;
	}
}

static bool entry_is_dir(int dirfd_, const struct dirent *d)
{
	int fd;

	if (d->d_type != DT_UNKNOWN)
		return d->d_type == DT_DIR;
	fd = openat(dirfd_, d->d_name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return false;
	(void)close(fd);
	return true;
}

int weir_fd_list(int fd, struct weir_names *out)
{
	DIR *dir = fdopendir(fd);
	struct dirent *d;
	int r = 0;

	if (!dir) {
		r = -errno;
		(void)close(fd);
		return r;
	}
	while (r == 0 && (errno = 0, d = readdir(dir))) {
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		r = weir_names_add(out, weir_strz(d->d_name), entry_is_dir(fd, d));
	}
	if (r == 0)
		r = -errno;
	(void)closedir(dir);
	return r;
}

void weir_fd_keep_standard(void)
{
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 && errno == EBADF) /* the lowest is taken */
			(void)!open("/dev/null",
			            fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}
