/* warm_zero: what zeroing costs without weird, and with what weird zeroes by.
 *
 *	warm_zero BYTES PAGE-BYTES THREADS ROUNDS
 *
 * Each round has a new file of huge pages without a name (memfd_create(2)). Prints for
 * each round microseconds of: populating all of it, by madvise(MADV_POPULATE_WRITE) in
 * THREADS threads, each its part; then, mapped and written, of memset(3) to 0 in so many
 * threads; and of weir_warm_zero() in so many. */
#include "warm/memory.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif
#ifndef MFD_HUGE_SHIFT
#define MFD_HUGE_SHIFT 26
#endif

struct part {
	unsigned char *at;
	size_t bytes;
	int result;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void *populate(void *arg)
{
	struct part *p = arg;

	p->result = madvise(p->at, p->bytes, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
	return NULL;
}

static void *clear(void *arg)
{
	struct part *p = arg;

	memset(p->at, 0, p->bytes);
	__asm__ volatile("" : : "r"(p->at) : "memory"); /* it is meant */
	p->result = 0;
	return NULL;
}

/* Nanoseconds of all threads together, from their start to the end of the last. */
static int64_t run(void *(*what)(void *), const struct weir_warm_range *range,
                   unsigned int nr)
{
	uint64_t pages = range->bytes / range->page_bytes, from = now_ns();
	struct part parts[WEIR_WARM_THREADS_MAX];
	pthread_t threads[WEIR_WARM_THREADS_MAX];
	unsigned int made = 0;
	bool ok = true;

	for (; made < nr; made++) {
		uint64_t first = pages * made / nr, last = pages * (made + 1) / nr;

		parts[made] = (struct part){ range->at + first * range->page_bytes,
			                     (size_t)((last - first) * range->page_bytes),
			                     -1 };
		if (pthread_create(&threads[made], NULL, what, &parts[made]) != 0)
			break;
	}
	for (unsigned int i = 0; i < made; i++) {
		(void)pthread_join(threads[i], NULL);
		ok &= parts[i].result == 0;
	}
	return ok && made == nr ? (int64_t)(now_ns() - from) : -1;
}

static int64_t run_weir(const struct weir_warm_range *range, unsigned int nr)
{
	struct weir_warm_work work = { .threads = nr };
	uint64_t from = now_ns();

	if (weir_warm_zero(range, &work, NULL) < 0)
		return -1;
	return (int64_t)(now_ns() - from);
}

static int measure(const struct weir_warm_range *range, unsigned int threads, bool swap)
{
	int64_t populated = run(populate, range, threads), plain, ours;

	memset(range->at, 0x5a, range->bytes);
	if (swap) { /* who is first, and whom it warms the machine up for, changes */
		ours = run_weir(range, threads);
		plain = run(clear, range, threads);
	} else {
		plain = run(clear, range, threads);
		ours = run_weir(range, threads);
	}
	if (populated < 0 || plain < 0 || ours < 0)
		return 1;
	return printf("%.1f %.1f %.1f\n", (double)populated / 1000, (double)plain / 1000,
	              (double)ours / 1000) < 0;
}

static int one_round(uint64_t bytes, uint64_t page_bytes, unsigned int threads, bool swap)
{
	unsigned int flags = MFD_CLOEXEC | MFD_HUGETLB |
	                     (unsigned int)__builtin_ctzll(page_bytes) << MFD_HUGE_SHIFT;
	struct weir_warm_range range = { .bytes = bytes,
		                         .page_bytes = page_bytes,
		                         .node = -1 };
	int fd = memfd_create("warm_zero", flags), r = 1;

	if (fd < 0 || ftruncate(fd, (off_t)bytes) < 0) {
		perror("warm_zero: memfd");
		return 1;
	}
	range.at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (range.at == MAP_FAILED) {
		perror("warm_zero: map");
		return 1;
	}
	r = measure(&range, threads, swap);
	(void)munmap(range.at, bytes);
	return r;
}

static uint64_t number_of(const char *text)
{
	uint64_t n = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	return n;
}

int main(int argc, char **argv)
{
	uint64_t bytes, page_bytes, threads, rounds;

	if (argc != 5)
		return 2;
	bytes = number_of(argv[1]);
	page_bytes = number_of(argv[2]);
	threads = number_of(argv[3]);
	rounds = number_of(argv[4]);
	if (!page_bytes || bytes % page_bytes || !threads ||
	    threads > WEIR_WARM_THREADS_MAX)
		return 2;
	for (uint64_t i = 0; i < rounds; i++)
		if (one_round(bytes, page_bytes, (unsigned int)threads, i % 2))
			return 1;
	return 0;
}
