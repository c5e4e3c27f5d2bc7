/* poison FILE PAGE_BYTES INDEX: a page of a file has a memory error from now on. Used in
 * guests only: the page is lost until the machine starts again. */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_HWPOISON
#define MADV_HWPOISON 100
#endif

/* The kernel tells who has it mapped, which this program has. */
static void on_sigbus(int nr)
{
	(void)nr;
	_exit(0);
}

int main(int argc, char **argv)
{
	unsigned long size, index;
	int fd;
	char *at;

	if (argc != 4)
		return 2;
	size = strtoul(argv[2], NULL, 10);
	index = strtoul(argv[3], NULL, 10);
	(void)signal(SIGBUS, on_sigbus);
	fd = open(argv[1], O_RDWR);
	at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
	          (off_t)(size * index));
	if (at == MAP_FAILED || madvise(at, 4096, MADV_HWPOISON) < 0) {
		perror(argv[1]);
		return 1;
	}
	return 0;
}
