/* cost: what a command costs.
 *
 *	cost COMMAND [ARGUMENT]...
 *
 * Runs it with its output thrown away, and prints microseconds of wall time, of CPU (user
 * and system), and the peak of its resident memory in KiB. A child's peak begins with
 * what its parent had when it called execve(2) (fs/exec.c, exec_mmap()): so the parent is
 * to be as small as this one. */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int64_t now_us(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t us_of(struct timeval tv)
{
	return (int64_t)tv.tv_sec * 1000000 + tv.tv_usec;
}

static void run(char **argv)
{
	int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

	if (null >= 0 && dup2(null, STDOUT_FILENO) >= 0)
		(void)execvp(argv[0], argv);
	perror(argv[0]);
	_exit(127);
}

int main(int argc, char **argv)
{
	int64_t from = now_us();
	struct rusage usage;
	int status;
	pid_t pid;

	if (argc < 2)
		return 2;
	pid = fork();
	if (pid == 0)
		run(argv + 1);
	if (pid < 0 || wait4(pid, &status, 0, &usage) != pid)
		return 1;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return 1;
	return printf("%" PRId64 " %" PRId64 " %ld\n", now_us() - from,
	              us_of(usage.ru_utime) + us_of(usage.ru_stime), usage.ru_maxrss) < 0;
}
