/* read_each: what it costs at least to read one file of every process.
 *
 *	read_each FILE
 *
 * Opens, reads to the end and closes /proc/PID/FILE of each process, into one buffer, and
 * does nothing with it. Prints how many there were, and how many bytes. */
#include <dirent.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

static char buffer[1U << 16];

/* The bytes of a file, or -1 when it cannot be read. */
static int64_t read_file(int proc, const char *pid, const char *file)
{
	char path[64];
	int64_t bytes = 0;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "%.20s/%.32s", pid, file);
	fd = openat(proc, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	while ((n = read(fd, buffer, sizeof(buffer))) > 0)
		bytes += n;
	(void)close(fd);
	return n < 0 ? -1 : bytes;
}

int main(int argc, char **argv)
{
	DIR *dir = opendir("/proc");
	int64_t bytes = 0, n;
	size_t nr = 0;
	const struct dirent *d;

	if (!dir || argc != 2)
		return 2;
	while ((d = readdir(dir))) {
		if (d->d_name[0] < '1' || d->d_name[0] > '9')
			continue;
		n = read_file(dirfd(dir), d->d_name, argv[1]);
		nr += n >= 0;
		bytes += n > 0 ? n : 0;
	}
	(void)closedir(dir);
	return printf("%zu %" PRId64 "\n", nr, bytes) < 0;
}
