/* memory: see memory.h. */
#include "warm/memory.h"

#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define MPOL_BIND_MODE 2
#define NODES_MAX      1024U
#define LONG_BITS      (8 * sizeof(unsigned long))
/* A slice is over in some 10 ms: so soon is a stop obeyed and a rate kept. */
#define SLICE_BYTES (UINT64_C(64) << 20)
#define LOOK_BYTES  4096U
#define ASK_PAGES   1024U /* of move_pages(2) at a time */

/* ---- CPUs -------------------------------------------------------------------------- */

struct cpus {
	cpu_set_t set;
	unsigned int nr;
};

/* "0-3,8" of a node's cpulist, within those that this process may use. */
static void read_cpus(int node, struct cpus *out)
{
	char path[64], text[4096], *p = text;
	cpu_set_t may;
	FILE *f;

	CPU_ZERO(&out->set);
	if (sched_getaffinity(0, sizeof(may), &may) < 0)
		CPU_ZERO(&may);
	out->set = may;
	(void)snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist",
	               node);
	f = node < 0 ? NULL : fopen(path, "re");
	if (f) {
		size_t n = fread(text, 1, sizeof(text) - 1, f);

		(void)fclose(f);
		text[n] = '\0';
		CPU_ZERO(&out->set);
		while (*p >= '0' && *p <= '9') {
			unsigned long first = strtoul(p, &p, 10), last = first;

			if (*p == '-')
				last = strtoul(p + 1, &p, 10);
			for (; first <= last && first < CPU_SETSIZE; first++)
				if (CPU_ISSET(first, &may))
					CPU_SET(first, &out->set);
			if (*p == ',')
				p++;
		}
		if (!CPU_COUNT(&out->set)) /* a node without CPUs: others must do */
			out->set = may;
	}
	out->nr = (unsigned int)CPU_COUNT(&out->set);
}

unsigned int weir_warm_cpus(int node)
{
	struct cpus cpus;

	read_cpus(node, &cpus);
	return cpus.nr ? cpus.nr : 1;
}

/* ---- work in slices ---------------------------------------------------------------- */

struct crew {
	const struct weir_warm_range *range;
	const struct weir_warm_work *work;
	int (*slice)(unsigned char *at, uint64_t bytes, uint64_t page_bytes);
	struct cpus cpus;
	uint64_t slice_bytes, began_ns;
	atomic_uint_fast64_t next; /* offset of the first slice that nobody took */
	atomic_int failed;         /* the first negative errno */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

/* Waits until @done bytes are no more than the rate allows by now. */
static void keep_rate(const struct crew *c, uint64_t done)
{
	uint64_t rate = c->work->bytes_a_second, due;
	struct timespec t;

	if (!rate)
		return;
	/* ns = bytes * 1e9 / (bytes/s), split so that it does not overflow */
	due = c->began_ns + done / rate * UINT64_C(1000000000) +
	      done % rate * UINT64_C(1000) / (rate / UINT64_C(1000000) + 1);
	if (due <= now_ns())
		return;
	t.tv_sec = (time_t)(due / UINT64_C(1000000000));
	t.tv_nsec = (long)(due % UINT64_C(1000000000));
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) == EINTR)
		;
}

static bool is_stopped(const struct crew *c)
{
	return c->work->stop && atomic_load(c->work->stop);
}

static void *labour(void *arg)
{
	struct crew *c = arg;
	uint64_t bytes = c->range->bytes;

	if (c->range->node >= 0 && c->cpus.nr)
		(void)pthread_setaffinity_np(pthread_self(), sizeof(c->cpus.set),
		                             &c->cpus.set);
	for (;;) {
		uint64_t at = atomic_fetch_add(&c->next, c->slice_bytes), n;
		int none = 0, r = 0;

		if (at >= bytes || atomic_load(&c->failed))
			return NULL;
		n = bytes - at < c->slice_bytes ? bytes - at : c->slice_bytes;
		if (is_stopped(c))
			r = -ECANCELED;
		else
			r = c->slice(c->range->at + at, n, c->range->page_bytes);
		if (r < 0)
			(void)atomic_compare_exchange_strong(&c->failed, &none, r);
		if (r < 0)
			return NULL;
		if (c->work->done_bytes)
			atomic_fetch_add(c->work->done_bytes, n);
		keep_rate(c, at + n);
	}
}

static int run(struct crew *c)
{
	pthread_t threads[WEIR_WARM_THREADS_MAX];
	uint64_t pages = c->range->bytes / c->range->page_bytes, part;
	unsigned int nr = c->work->threads, made = 0;
	cpu_set_t mine;
	bool has;

	if (nr > WEIR_WARM_THREADS_MAX)
		nr = WEIR_WARM_THREADS_MAX;
	if (nr > pages)
		nr = (unsigned int)pages;
	/* several slices a thread, so that none waits long for another */
	part = c->range->bytes / (nr ? nr * 4 : 1) / c->range->page_bytes;
	c->slice_bytes = SLICE_BYTES / c->range->page_bytes * c->range->page_bytes;
	if (c->slice_bytes > part * c->range->page_bytes)
		c->slice_bytes = part * c->range->page_bytes;
	if (!c->slice_bytes)
		c->slice_bytes = c->range->page_bytes;
	read_cpus(c->range->node, &c->cpus);
	c->began_ns = now_ns();
	/* one of them is always this one: without threads it is slower, and done */
	while (made + 1 < nr && pthread_create(&threads[made], NULL, labour, c) == 0)
		made++;
	has = pthread_getaffinity_np(pthread_self(), sizeof(mine), &mine) == 0;
	(void)labour(c);
	if (has)
		(void)pthread_setaffinity_np(pthread_self(), sizeof(mine), &mine);
	for (unsigned int i = 0; i < made; i++)
		(void)pthread_join(threads[i], NULL);
	return atomic_load(&c->failed);
}

/* ---- populating -------------------------------------------------------------------- */

static int populate_slice(unsigned char *at, uint64_t bytes, uint64_t page_bytes)
{
	int r;

	do
		r = madvise(at, bytes, MADV_POPULATE_WRITE) < 0 ? -errno : 0;
	while (r == -EINTR || r == -EAGAIN);
	/* EFAULT: a page did not come, which without this call would be a SIGBUS. Before
	 * 5.14 the advice is unknown; and touching is then what there is. */
	if (r == -EFAULT)
		return -ENOMEM;
	if (r != -EINVAL)
		return r;
	for (uint64_t i = 0; i < bytes; i += page_bytes)
		((volatile unsigned char *)at)[i] = at[i];
	return 0;
}

static int bind_to(const struct weir_warm_range *range)
{
	unsigned long mask[NODES_MAX / LONG_BITS + 1] = { 0 };

	if (range->node < 0)
		return 0;
	if ((unsigned int)range->node >= NODES_MAX)
		return -EINVAL;
	mask[(unsigned int)range->node / LONG_BITS] = 1UL << ((unsigned int)range->node %
	                                                      LONG_BITS);
	return syscall(SYS_mbind, range->at, range->bytes, MPOL_BIND_MODE, mask,
	               (unsigned long)NODES_MAX, 0) < 0
	               ? -errno
	               : 0;
}

int weir_warm_populate(const struct weir_warm_range *range,
                       const struct weir_warm_work *work, struct weir_err *err)
{
	struct crew crew = { .range = range, .work = work, .slice = populate_slice };
	int r = bind_to(range);

	if (r < 0)
		return weir_err_sys(err, r, "bind %" PRIu64 " bytes to node %d",
		                    range->bytes, range->node);
	r = run(&crew);
	return r < 0 ? weir_err_sys(err, r, "populate %" PRIu64 " bytes on node %d",
	                            range->bytes, range->node)
	             : 0;
}

int weir_warm_where(const struct weir_warm_range *range, uint64_t *there,
                    uint64_t *elsewhere, struct weir_err *err)
{
	uint64_t pages = range->bytes / range->page_bytes;
	int where[ASK_PAGES];
	void *at[ASK_PAGES];

	*there = *elsewhere = 0;
	for (uint64_t i = 0; i < pages;) {
		unsigned long n = 0;

		for (; n < ASK_PAGES && i < pages; i++, n++)
			at[n] = range->at + i * range->page_bytes;
		if (syscall(SYS_move_pages, 0, n, at, NULL, where, 0) < 0)
			return weir_err_sys(err, -errno, "ask where pages lie");
		for (unsigned long k = 0; k < n; k++) {
			*there += where[k] == range->node ||
			          (range->node < 0 && where[k] >= 0);
			*elsewhere += range->node >= 0 && where[k] != range->node;
		}
	}
	return 0;
}

/* ---- zeroing ----------------------------------------------------------------------- */

/* Stores that go past the caches: what is written is not read again here, and 1 GiB of it
 * would push out all that others work with. */
static int zero_slice(unsigned char *at, uint64_t bytes, uint64_t page_bytes)
{
	(void)page_bytes;
#ifdef __SSE2__
	__m128i zero = _mm_setzero_si128();

	for (uint64_t i = 0; i < bytes; i += 64) {
		__m128i *to = (__m128i *)(void *)(at + i);

		_mm_stream_si128(to, zero);
		_mm_stream_si128(to + 1, zero);
		_mm_stream_si128(to + 2, zero);
		_mm_stream_si128(to + 3, zero);
	}
	_mm_sfence();
#else
	memset(at, 0, bytes);
#endif
	return 0;
}

int weir_warm_zero(const struct weir_warm_range *range, const struct weir_warm_work *work,
                   struct weir_err *err)
{
	struct crew crew = { .range = range, .work = work, .slice = zero_slice };
	int r = run(&crew);

	return r < 0 ? weir_err_sys(err, r, "zero %" PRIu64 " bytes", range->bytes) : 0;
}

/* ---- looking ----------------------------------------------------------------------- */

static bool look(const unsigned char *at, uint64_t bytes, uint64_t *offset)
{
	const uint64_t *words = (const uint64_t *)(const void *)at;

	for (uint64_t i = 0; i < bytes / 8; i += 8)
		if (words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] |
		    words[i + 5] | words[i + 6] | words[i + 7])
			for (uint64_t k = 0; k < 64; k++)
				if (at[i * 8 + k]) {
					*offset = i * 8 + k;
					return false;
				}
	return true;
}

bool weir_warm_is_zero(const struct weir_warm_range *range, uint64_t sample_pages,
                       uint64_t *at)
{
	uint64_t pages = range->bytes / range->page_bytes, offset;

	if (!sample_pages || sample_pages >= pages) {
		if (!sample_pages)
			return look(range->at, range->bytes, at);
		sample_pages = pages;
	}
	for (uint64_t i = 0; i < sample_pages; i++) {
		uint64_t page = pages * i / sample_pages * range->page_bytes;
		uint64_t places[3] = { page, page + range->page_bytes / 2 / 4096 * 4096,
			               page + range->page_bytes - LOOK_BYTES };

		for (size_t k = 0; k < WEIR_NELEM(places); k++)
			if (!look(range->at + places[k], LOOK_BYTES, &offset)) {
				*at = places[k] + offset;
				return false;
			}
	}
	return true;
}
