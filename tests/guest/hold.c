/* hold PAGE_BYTES PAGES TOUCH: maps huge pages, touches the first of them, and stays.
 * Used in guests, to make hosts worth capturing. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif

int main(int argc, char **argv)
{
	unsigned long size, pages, touch;
	char *at;

	if (argc != 4)
		return 2;
	size = strtoul(argv[1], NULL, 10);
	pages = strtoul(argv[2], NULL, 10);
	touch = strtoul(argv[3], NULL, 10);
	at = mmap(NULL, size * pages, PROT_READ | PROT_WRITE,
	          MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB |
	                  (__builtin_ctzl(size) << MAP_HUGE_SHIFT),
	          -1, 0);
	if (at == MAP_FAILED) {
		perror("mmap");
		return 1;
	}
	for (unsigned long i = 0; i < touch; i++)
		at[i * size] = 1;
	(void)puts("holding");
	(void)fflush(stdout);
	(void)pause();
	return 0;
}
