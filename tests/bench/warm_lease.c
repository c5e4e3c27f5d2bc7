/* warm_lease: how long it takes to have warm memory.
 *
 *	warm_lease SOCKET BYTES PAGE-BYTES ROUNDS MODE
 *
 * Leases BYTES ROUNDS times over one connection and releases them again; only what is
 * warm counts, and until it is there again is waited. MODE "map": prints for each round
 * the microseconds from the request to its reply, to all of it mapped and in the page
 * tables, and from the request to release it to that reply. "dirty": the same,
 * with all of it written before it is released. "rate": nothing is mapped and nothing
 * waited for; prints how many were had in a second, lease and release together, and how
 * many of them were not warm. */
#include "../live/talk.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define PATIENCE_NS UINT64_C(60000000000)

struct times {
	uint64_t lease, ready, release;
};

struct want {
	uint64_t bytes, page_bytes;
	bool dirty;
};

static uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static int fail(const char *what, const char *why)
{
	(void)fprintf(stderr, "warm_lease: %s: %s\n", what, why);
	return -1;
}

/* Asks until all of it is warm; *from: when the request was sent that got it. */
static int lease(struct talk *t, const struct want *w, uint64_t *from, uint64_t *to)
{
	uint64_t until = now_ns() + PATIENCE_NS;

	for (;;) {
		struct timespec ms = { 0, 1000000 };

		*from = now_ns();
		if (talk_ask(t,
		             "\"op\":\"lease\",\"bytes\":%" PRIu64
		             ",\"page_bytes\":%" PRIu64 ",\"warm_only\":true",
		             w->bytes, w->page_bytes) < 0)
			return fail("lease", "no reply");
		*to = now_ns();
		if (talk_is(t, "ok", "true"))
			return 0;
		/* what is being scrubbed is neither warm nor the pool's */
		if ((!talk_is(t, "code", "\"not-warm\"") &&
		     !talk_is(t, "code", "\"no-memory\"")) ||
		    *to > until)
			return fail("lease", t->reply);
		(void)nanosleep(&ms, NULL);
	}
}

static int map(const struct want *w, const char *path, uint64_t *ready)
{
	volatile const unsigned char *bytes;
	unsigned char sum = 0;
	int fd = open(path, O_RDWR | O_CLOEXEC);
	void *at;

	if (fd < 0)
		return fail(path, strerror(errno));
	at = mmap(NULL, w->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	(void)close(fd);
	if (at == MAP_FAILED)
		return fail("map", strerror(errno));
	/* as QEMU's prealloc=on does; before 5.14 by touching, as below */
	if (madvise(at, w->bytes, MADV_POPULATE_WRITE) == 0)
		*ready = now_ns();
	bytes = at;
	for (uint64_t i = 0; i < w->bytes; i += w->page_bytes)
		sum |= bytes[i];
	if (!*ready)
		*ready = now_ns();
	if (w->dirty)
		memset(at, 0x5a, w->bytes);
	(void)munmap(at, w->bytes);
	return sum ? fail(path, "not zero") : 0;
}

static int release(struct talk *t, uint64_t number)
{
	if (talk_ask(t, "\"op\":\"release\",\"lease\":%" PRIu64, number) < 0)
		return fail("release", "no reply");
	return talk_is(t, "ok", "true") ? 0 : fail("release", t->reply);
}

static int round_of(struct talk *t, const struct want *w, struct times *out)
{
	uint64_t from, leased, ready = 0, number, let, gone;
	char path[256];

	if (lease(t, w, &from, &leased) < 0)
		return -1;
	if (!talk_number(t, "lease", &number) ||
	    !talk_text(t, "path", path, sizeof(path)))
		return fail("lease", t->reply);
	if (map(w, path, &ready) < 0)
		return -1;
	let = now_ns();
	if (release(t, number) < 0)
		return -1;
	gone = now_ns();
	*out = (struct times){ leased - from, ready - from, gone - let };
	return 0;
}

static int rounds(struct talk *t, const struct want *w, uint64_t nr)
{
	for (uint64_t i = 0; i < nr; i++) {
		struct times took;

		if (round_of(t, w, &took) < 0)
			return 1;
		if (printf("%.1f %.1f %.1f\n", (double)took.lease / 1000,
		           (double)took.ready / 1000, (double)took.release / 1000) < 0)
			return 1;
	}
	return 0;
}

static int rate(struct talk *t, const struct want *w, uint64_t nr)
{
	uint64_t from = now_ns(), cold = 0, number, bytes;

	for (uint64_t i = 0; i < nr; i++) {
		if (talk_ask(t,
		             "\"op\":\"lease\",\"bytes\":%" PRIu64
		             ",\"page_bytes\":%" PRIu64,
		             w->bytes, w->page_bytes) < 0 ||
		    !talk_number(t, "lease", &number) ||
		    !talk_number(t, "cold_bytes", &bytes))
			return fail("lease", t->reply) != 0;
		cold += bytes != 0;
		if (release(t, number) < 0)
			return 1;
	}
	return printf("%.0f %" PRIu64 "\n", (double)nr * 1e9 / (double)(now_ns() - from),
	              cold) < 0;
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
	struct talk t = { .sock = -1, .fd = -1 };
	struct want w;
	int r;

	if (argc != 6)
		return 2;
	w = (struct want){ number_of(argv[2]), number_of(argv[3]),
		           strcmp(argv[5], "dirty") == 0 };
	if (talk_open(&t, argv[1]) < 0)
		return fail(argv[1], "cannot be connected to") != 0;
	if (strcmp(argv[5], "rate") == 0)
		r = rate(&t, &w, number_of(argv[4]));
	else
		r = rounds(&t, &w, number_of(argv[4]));
	talk_close(&t);
	return r;
}
