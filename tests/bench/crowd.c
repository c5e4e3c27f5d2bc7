/* crowd: the processes of a busy host, for measurements.
 *
 *	crowd PLAIN MIB HOLDERS PAGES FILES SHARERS MAPPINGS
 *
 * PLAIN processes that only sleep, and map MIB MiB that they share; HOLDERS with PAGES
 * huge pages of 2M each, touched, of which FILES have them in memfds that stay open, one
 * for SHARERS processes, and the others in private memory; and one with MAPPINGS small
 * mappings. Each has three open files, of /dev/null, and what it was given above these.
 * Prints a line "ready PID..." with the pids of the holders when all are there, or
 *"failed WORDS", and goes on until its standard input ends. Its processes never outlive
 *it. */
#include <errno.h>
#include <fcntl.h>
#include <linux/memfd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define PAGE_BYTES ((size_t)2 << 20)
#define HUGE_2M    (21U << 26) /* of MAP_HUGETLB; memfd_create(2) takes the same bits */

struct wanted {
	size_t plain, mib, holders, pages, files, sharers, mappings;
	int shared; /* the file of what plain processes share, or -1 */
};

/* A descriptor of a new file of @nr huge pages, or -1. */
static int file_of_pages(size_t nr)
{
	int fd = memfd_create("crowd", MFD_HUGETLB | HUGE_2M);

	if (fd >= 0 && ftruncate(fd, (off_t)(nr * PAGE_BYTES)) < 0) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* 0, or an error: a process that holds @nr touched pages, of the file @fd if that is one.
 */
static int hold_pages(size_t nr, int fd)
{
	int flags = fd >= 0 ? MAP_SHARED
	                    : MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | (int)HUGE_2M;
	char *at = mmap(NULL, nr * PAGE_BYTES, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (at == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < nr; i++)
		at[i * PAGE_BYTES] = 1; /* they are reserved: this cannot fail */
	return 0;
}

/* Neighbours differ in their protection, so that the kernel does not make one of them. */
static int map_small(size_t nr)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	char *at = mmap(NULL, nr * page, PROT_READ | PROT_WRITE,
	                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (at == MAP_FAILED)
		return -errno;
	for (size_t i = 0; i < nr; i++) {
		at[i * page] = 1;
		if (i % 2 && mprotect(at + i * page, page, PROT_READ) < 0)
			return -errno;
	}
	return 0;
}

/* In page tables of its own, as the code of libraries is. */
static int map_shared(int fd, size_t mib)
{
	void *at = mib ? mmap(NULL, mib << 20, PROT_READ, MAP_SHARED | MAP_POPULATE, fd,
	                      0)
	               : NULL;

	return at == MAP_FAILED ? -errno : 0;
}

/* What process number @i of @w is to do; @file is that of its huge pages, or -1. */
static int play(const struct wanted *w, size_t i, int file)
{
	if (i < w->holders)
		return hold_pages(w->pages, file);
	if (i == w->holders && w->mappings)
		return map_small(w->mappings);
	return map_shared(w->shared, w->mib);
}

/* A process of the crowd; told[1] is where it says that it is there. */
static pid_t start(const struct wanted *w, size_t i, int file, pid_t parent,
                   const int told[2])
{
	pid_t pid = fork();
	int r;

	if (pid != 0)
		return pid;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	r = play(w, i, file);
	if (write(told[1], &r, sizeof(r)) != sizeof(r))
		_exit(1);
	(void)close(told[0]);
	(void)close(told[1]);
	(void)close(w->shared);
	for (int fd = 0; r == 0 && fd < 3; fd++)
		r = dup2(STDERR_FILENO, fd) < 0; /* which is /dev/null */
	while (r == 0)
		(void)pause();
	_exit(1);
}

/* Starts all, and waits until each has said that it is there: 0 or an error. */
static int start_all(const struct wanted *w, pid_t *pids, size_t nr)
{
	pid_t self = getpid();
	int pipe_fds[2], file = -1, r = 0;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -errno;
	for (size_t i = 0; i < nr; i++) {
		if (i <= w->files && i % w->sharers == 0) {
			if (file >= 0)
				(void)close(file);
			file = i < w->files ? file_of_pages(w->pages) : -1;
			if (i < w->files && file < 0)
				return -errno;
		}
		pids[i] = start(w, i, file, self, pipe_fds);
		if (pids[i] < 0)
			return -errno;
	}
	(void)close(pipe_fds[1]);
	for (size_t i = 0; r == 0 && i < nr; i++)
		if (read(pipe_fds[0], &r, sizeof(r)) != sizeof(r))
			r = -ECHILD; /* one of them ended */
	(void)close(pipe_fds[0]);
	return r;
}

static void end_all(const pid_t *pids, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (pids[i] > 0)
			(void)kill(pids[i], SIGKILL);
	while (wait(NULL) > 0 || errno == EINTR)
		;
}

static size_t number(const char *text)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (*end || n > 1000000) {
		(void)fprintf(stderr, "crowd: '%s' is no such number\n", text);
		exit(2);
	}
	return n;
}

int main(int argc, char **argv)
{
	struct wanted w;
	size_t nr;
	pid_t *pids;
	char byte;
	int null, r;

	if (argc != 8)
		return 2;
	w = (struct wanted){
		number(argv[1]), number(argv[2]),
		number(argv[3]), number(argv[4]),
		number(argv[5]), number(argv[6]),
		number(argv[7]), .shared = memfd_create("crowd", MFD_CLOEXEC)
	};
	if (!w.sharers || w.files > w.holders || w.files % w.sharers)
		return 2;
	nr = w.plain + w.holders + (w.mappings != 0);
	pids = calloc(nr + 1, sizeof(*pids));
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (!pids || null < 0 || w.shared < 0 ||
	    ftruncate(w.shared, (off_t)(w.mib << 20)) < 0 ||
	    dup2(null, STDERR_FILENO) < 0)
		return 1;
	(void)close(null);
	r = start_all(&w, pids, nr);
	if (r == 0) {
		(void)printf("ready");
		for (size_t i = 0; i < w.holders; i++)
			(void)printf(" %d", (int)pids[i]);
		(void)printf("\n");
	} else {
		(void)printf("failed %s\n", strerror(-r));
	}
	(void)fflush(stdout);
	while (r == 0 && (read(STDIN_FILENO, &byte, 1) > 0 || errno == EINTR))
		errno = 0;
	end_all(pids, nr);
	free(pids);
	return r != 0;
}
