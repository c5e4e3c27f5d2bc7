/* lock: see lock.h. A file with the holder's number in it, locked with flock(2): the
 * kernel lets go of it when the holder dies, however that comes. */
#include "apply/lock.h"

#include "base/own.h"
#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

int weir_state_dir_make(const char *path, struct weir_err *err)
{
	if (mkdir(path, 0755) == 0 || errno == EEXIST)
		return 0;
	return weir_err_sys(err, -errno, "make '%s'", path);
}

static int busy(int fd, struct weir_err *err)
{
	char text[32];
	ssize_t n = pread(fd, text, sizeof(text), 0);
	struct weir_str pid = weir_str_chomp(weir_str(text, n > 0 ? (size_t)n : 0));
	uint64_t number;

	if (weir_parse_u64(pid, &number) < 0)
		return weir_err_set(err, -EBUSY, "another weir changes the pools");
	return weir_err_set(err, -EBUSY,
	                    "another weir, process %" PRIu64 ", changes the pools",
	                    number);
}

int weir_lock_take(const char *state_dir, struct weir_err *err)
{
	int fd;
	char path[512], text[32];
	int n = snprintf(path, sizeof(path), "%s/lock", state_dir), r;

	if (n < 0 || (size_t)n >= sizeof(path))
		return weir_err_set(
			err, -ENAMETOOLONG,
			"the name of the directory for the state is too long");
	r = weir_state_dir_make(state_dir, err);
	if (r < 0)
		return r;
	/* whoever may open it could hold it */
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return weir_err_sys(err, -errno, "open '%s'", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		r = errno == EWOULDBLOCK ? busy(fd, err)
		                         : weir_err_sys(err, -errno, "lock '%s'", path);
		(void)close(fd);
		return r;
	}
	/* who has it, for the message; that it is not there does no harm */
	n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) == 0)
		(void)!pwrite(fd, text, (size_t)n, 0);
	return fd;
}
