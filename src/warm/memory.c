/* memory: see memory.h. */
#include "warm/memory.h"

#include "base/least.h"
#include "base/own.h"
#include "base/ranges.h"
#include "warm/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#ifdef __SSE2__
#include <immintrin.h>
#endif

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define MPOL_BIND_MODE 2
#define NODES_MAX      1024U
#define LONG_BITS      (8 * sizeof(unsigned long))
/* A slice is over in some 10 ms: so soon is a stop obeyed and a rate kept. */
#define SLICE_BYTES (UINT64_C(64) << 20)
#define IDLE_BYTES  (UINT64_C(2) << 20)
#define ZERO_BYTES  (UINT64_C(2) << 20) /* of larger pages parts are zeroed, too */
#define SECOND_NS   UINT64_C(1000000000)
#define NAP_NS      UINT64_C(50000000) /* so late may a stop be seen by one that sleeps */
#define LOOK_BYTES  4096U
#define ASK_PAGES   1024U /* of move_pages(2) at a time */

/* ---- CPUs -------------------------------------------------------------------------- */

struct cpus {
	cpu_set_t set;
	unsigned int nr;
};

/* "0-3,8": which CPUs a node has; empty where that is not told. */
static void read_node_cpus(int node, struct weir_ranges *out)
{
	weir_auto(weir_closep) int fd = -1;
	char path[64], text[4096];
	ssize_t n;

	(void)snprintf(path, sizeof(path), "/sys/devices/system/node/node%d/cpulist",
	               node);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? 0 : read(fd, text, sizeof(text));
	if (n > 0)
		(void)weir_ranges_parse(weir_str_chomp(weir_str(text, (size_t)n)), out);
}

/* Of a node, within those that this process may use. */
static void read_cpus(int node, struct cpus *out)
{
	weir_auto(weir_ranges_done) struct weir_ranges has = { 0 };
	cpu_set_t may;

	CPU_ZERO(&out->set);
	if (sched_getaffinity(0, sizeof(may), &may) < 0)
		CPU_ZERO(&may);
	if (node >= 0)
		read_node_cpus(node, &has);
	weir_ranges_each (cpu, &has) {
		if (cpu < CPU_SETSIZE && CPU_ISSET(cpu, &may))
			CPU_SET(cpu, &out->set);
	}
	if (!CPU_COUNT(&out->set)) /* a node without CPUs: others must do */
		out->set = may;
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
	uint64_t grain_bytes; /* a slice is so much, or several times */
	struct cpus cpus;
	uint64_t slice_bytes, began_ns;
	atomic_uint_fast64_t next; /* offset of the first slice that nobody took */
	atomic_int failed;         /* the first negative errno */
};

static uint64_t now_ns(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * SECOND_NS + (uint64_t)t.tv_nsec;
}

static bool is_stopped(const struct crew *c)
{
	return (c->work->stop && atomic_load(c->work->stop)) || atomic_load(&c->failed);
}

/* Until then, or until there is no more to wait for. */
static void sleep_until(const struct crew *c, uint64_t due)
{
	const atomic_bool *hurry = c->work->hurry;

	for (uint64_t now = now_ns();
	     now < due && !is_stopped(c) && !(hurry && atomic_load(hurry));
	     now = now_ns()) {
		uint64_t part = weir_min(due - now, NAP_NS);
		struct timespec t = { .tv_sec = 0, .tv_nsec = (long)part };

		(void)clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
	}
}

/* Waits until @done bytes are no more than the rate allows by now. */
static void keep_rate(const struct crew *c, uint64_t done)
{
	uint64_t rate = c->work->bytes_a_second;

	/* ns = bytes * 1e9 / (bytes/s), split so that it does not overflow */
	if (rate)
		sleep_until(c, c->began_ns + done / rate * SECOND_NS +
		                       done % rate * UINT64_C(1000) /
		                               (rate / UINT64_C(1000000) + 1));
}

/* Sleeps as much longer than it worked as the share asks for. */
static void keep_share(const struct crew *c, uint64_t worked_ns)
{
	unsigned int share = c->work->cpu_percent;

	if (share && share < 100)
		sleep_until(c, now_ns() + worked_ns * (100 - share) / share);
}

struct slice {
	const struct crew *crew;
	uint64_t at, bytes;
};

static int do_slice(void *arg)
{
	const struct slice *s = arg;
	const struct weir_warm_range *range = s->crew->range;

	return s->crew->slice(range->at + s->at, s->bytes, range->page_bytes);
}

/* Slices are taken in their order, and one that was taken is done: so that a crew that is
 * stopped leaves no hole behind it. */
static void labour(struct crew *c)
{
	while (!is_stopped(c)) {
		struct slice s = { .crew = c };
		uint64_t began = now_ns();
		int none = 0, r;

		s.at = atomic_fetch_add(&c->next, c->slice_bytes);
		if (s.at >= c->range->bytes)
			return;
		s.bytes = weir_min(c->range->bytes - s.at, c->slice_bytes);
		r = weir_guard(do_slice, &s);
		if (r < 0) {
			(void)atomic_compare_exchange_strong(&c->failed, &none, r);
			return;
		}
		if (c->work->done_bytes)
			atomic_fetch_add(c->work->done_bytes, s.bytes);
		if (c->work->own_bytes)
			atomic_fetch_add(c->work->own_bytes, s.bytes);
		keep_share(c, now_ns() - began);
		keep_rate(c, s.at + s.bytes);
	}
}

static void *labourer(void *arg)
{
	const struct sched_param none = { .sched_priority = 0 };
	struct crew *c = arg;

	if (c->range->node >= 0 && c->cpus.nr)
		(void)pthread_setaffinity_np(pthread_self(), sizeof(c->cpus.set),
		                             &c->cpus.set);
	if (c->work->idle)
		(void)pthread_setschedparam(pthread_self(), SCHED_IDLE, &none);
	labour(c);
	return NULL;
}

static void labour_here(struct crew *c)
{
	cpu_set_t mine;
	bool has = pthread_getaffinity_np(pthread_self(), sizeof(mine), &mine) == 0;

	if (c->range->node >= 0 && c->cpus.nr)
		(void)pthread_setaffinity_np(pthread_self(), sizeof(c->cpus.set),
		                             &c->cpus.set);
	labour(c);
	if (has)
		(void)pthread_setaffinity_np(pthread_self(), sizeof(mine), &mine);
}

/* Several slices a thread, so that none waits long for another. Whoever is idle may wait
 * long for a CPU, and holds the process's mmap_lock while he populates (mm/gup.c
 * faultin_page_range(), v6.18): others would wait for it. */
static void set_slices(struct crew *c, unsigned int threads)
{
	uint64_t grain = c->grain_bytes, part = c->range->bytes / (UINT64_C(4) * threads);

	c->slice_bytes = weir_min(part, c->work->idle ? IDLE_BYTES : SLICE_BYTES);
	c->slice_bytes = c->slice_bytes / grain * grain;
	if (!c->slice_bytes)
		c->slice_bytes = grain;
}

static int run(struct crew *c)
{
	pthread_t threads[WEIR_WARM_THREADS_MAX];
	uint64_t grains = (c->range->bytes + c->grain_bytes - 1) / c->grain_bytes;
	unsigned int nr = c->work->threads ? c->work->threads : 1, made = 0, own;

	if (nr > WEIR_WARM_THREADS_MAX)
		nr = WEIR_WARM_THREADS_MAX;
	if (nr > grains)
		nr = grains ? (unsigned int)grains : 1;
	set_slices(c, nr);
	read_cpus(c->range->node, &c->cpus);
	c->began_ns = now_ns();
	/* One of them is this one, unless it would have to become idle: there is no way
	 * back from that without a right. Without threads it is slower, and done. */
	own = c->work->idle ? 0 : 1;
	while (made + own < nr && pthread_create(&threads[made], NULL, labourer, c) == 0)
		made++;
	if (own || !made)
		labour_here(c);
	for (unsigned int i = 0; i < made; i++)
		(void)pthread_join(threads[i], NULL);
	if (!atomic_load(&c->failed) && atomic_load(&c->next) < c->range->bytes)
		return -ECANCELED;
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
	if (syscall(SYS_mbind, range->at, range->bytes, MPOL_BIND_MODE, mask,
	            (unsigned long)NODES_MAX, 0) == 0)
		return 0;
	/* a kernel without NUMA has one node, and all is there */
	return errno == ENOSYS && range->node == 0 ? 0 : -errno;
}

int weir_warm_populate(const struct weir_warm_range *range,
                       const struct weir_warm_work *work, struct weir_err *err)
{
	struct crew crew = { .range = range,
		             .work = work,
		             .slice = populate_slice,
		             .grain_bytes = range->page_bytes };
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
 * would push out all that others work with. Half a line at a time where the CPU can, for
 * by a quarter of one a single thread does not use all of a fast memory. */
#ifdef __SSE2__
__attribute__((target("avx"))) static void zero_by_32(unsigned char *at, uint64_t bytes)
{
	__m256i zero = _mm256_setzero_si256();

	for (uint64_t i = 0; i < bytes; i += 128) {
		__m256i *to = (__m256i *)(void *)(at + i);

		_mm256_stream_si256(to, zero);
		_mm256_stream_si256(to + 1, zero);
		_mm256_stream_si256(to + 2, zero);
		_mm256_stream_si256(to + 3, zero);
	}
	_mm_sfence();
}

static void zero_by_16(unsigned char *at, uint64_t bytes)
{
	__m128i zero = _mm_setzero_si128();

	for (uint64_t i = 0; i < bytes; i += 64) {
		__m128i *to = (__m128i *)(void *)(at + i);

		_mm_stream_si128(to, zero);
		_mm_stream_si128(to + 1, zero);
		_mm_stream_si128(to + 2, zero);
		_mm_stream_si128(to + 3, zero);
	}
	_mm_sfence();
}
#endif

static int zero_slice(unsigned char *at, uint64_t bytes, uint64_t page_bytes)
{
	(void)page_bytes;
#ifdef __SSE2__
	if (__builtin_cpu_supports("avx"))
		zero_by_32(at, bytes);
	else
		zero_by_16(at, bytes);
#else
	memset(at, 0, bytes);
#endif
	return 0;
}

int weir_warm_zero(const struct weir_warm_range *range, const struct weir_warm_work *work,
                   struct weir_err *err)
{
	struct crew crew = { .range = range,
		             .work = work,
		             .slice = zero_slice,
		             .grain_bytes = weir_min(range->page_bytes, ZERO_BYTES) };
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

static int look_slice(unsigned char *at, uint64_t bytes, uint64_t page_bytes)
{
	uint64_t offset;

	(void)page_bytes;
	return look(at, bytes, &offset) ? 0 : -EILSEQ;
}

int weir_warm_read_all(const struct weir_warm_range *range,
                       const struct weir_warm_work *work, struct weir_err *err)
{
	struct crew crew = { .range = range,
		             .work = work,
		             .slice = look_slice,
		             .grain_bytes = weir_min(range->page_bytes, ZERO_BYTES) };
	int r = run(&crew);

	return r < 0 ? weir_err_sys(err, r, "read %" PRIu64 " bytes", range->bytes) : 0;
}
