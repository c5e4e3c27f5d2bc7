/* warm_held: the memory of a lease in the hands of warm_client.c. Each lease has a
 * pattern of its own, in which every word tells where it belongs: what is lost, mixed up
 * or somebody else's is known by it. */
#include "warm_client.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* A page that was leased is not there: no more can be said from here. */
static void no_page(int number)
{
	static const char text[] = "warm_client: SIGBUS: a leased page is gone\n";

	(void)number;
	if (write(STDERR_FILENO, text, sizeof(text) - 1) < 0)
		_exit(2);
	_exit(1);
}

void hear_of_lost_pages(void)
{
	struct sigaction bus = { .sa_handler = no_page };

	(void)sigaction(SIGBUS, &bus, NULL); /* cannot fail for this signal */
}

/* ---- looking ----------------------------------------------------------------------- */

static uint64_t word_at(const struct lease *l, uint64_t offset)
{
	return (l->key ^ (offset * UINT64_C(0x9e3779b97f4a7c15))) | 1;
}

static void must_be_zero(const struct lease *l, const unsigned char *at, uint64_t bytes)
{
	const uint64_t *words = (const uint64_t *)(const void *)at;

	for (uint64_t i = 0; i < bytes / 8; i += 8)
		if (words[i] | words[i + 1] | words[i + 2] | words[i + 3] | words[i + 4] |
		    words[i + 5] | words[i + 6] | words[i + 7])
			broken("lease %" PRIu64 " of %" PRIu64
			       " bytes is not zero at %" PRIu64,
			       l->number, bytes, i * 8);
}

static void fill(const struct lease *l, unsigned char *at, uint64_t from, uint64_t bytes)
{
	uint64_t *words = (uint64_t *)(void *)at;

	for (uint64_t i = 0; i < bytes / 8; i++)
		words[i] = word_at(l, from + i * 8);
}

void must_be_mine(const struct lease *l, const char *when)
{
	const uint64_t *words = (const uint64_t *)(const void *)l->at;

	for (uint64_t at = 0; at < l->end; at += 8) {
		if (at == l->hole && l->hole_end)
			at = l->hole_end;
		if (at < l->end && words[at / 8] != word_at(l, at))
			broken("%s, lease %" PRIu64
			       " (%s) has lost its pattern at %" PRIu64 ": %016" PRIx64,
			       when, l->number, l->name, at, words[at / 8]);
	}
}

/* Is there such a process, which does not end just now? */
static bool is_alive(int64_t pid)
{
	char path[64], text[1024], *at;
	uint64_t flags = 0;
	ssize_t n;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%" PRId64 "/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	if (fd >= 0)
		(void)close(fd);
	if (n <= 0)
		return false;
	text[n] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 9; field++)
		at = strchr(at + 1, ' ');
	for (at = at ? at + 1 : text + n; *at >= '0' && *at <= '9'; at++)
		flags = flags * 10 + (uint64_t)(*at - '0');
	return !(flags & 4); /* PF_EXITING */
}

static void must_be_ending(const struct lease *l, uint64_t inode)
{
	int64_t pid = 0;

	if (pread(l->lock, &pid, sizeof(pid), 0) == sizeof(pid) && is_alive(pid))
		broken("lease %" PRIu64 ": inode %" PRIu64 " has process %" PRId64
		       ", too",
		       l->number, inode, pid);
}

/* Nobody else who lives has the same inode. The lock of one who is just ending goes with
 * his last files, maybe a moment after the memory: that is waited for. */
static void lock_inode(struct client *c, struct lease *l, uint64_t inode)
{
	uint64_t until = now_ns() + 5000 * MS;
	int64_t pid = getpid();
	char path[512];

	(void)snprintf(path, sizeof(path), "%s/held/%" PRIu64, c->folder, inode);
	l->lock = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0666);
	if (l->lock < 0)
		broken("open %s: %s", path, strerror(errno));
	while (flock(l->lock, LOCK_EX | LOCK_NB) < 0) {
		if (errno != EWOULDBLOCK || now_ns() > until)
			broken("lease %" PRIu64 ": inode %" PRIu64 " stays locked",
			       l->number, inode);
		must_be_ending(l, inode);
		rest(1 * MS);
	}
	if (pwrite(l->lock, &pid, sizeof(pid), 0) != sizeof(pid))
		broken("write %s: %s", path, strerror(errno));
}

static int open_lease(struct client *c, struct lease *l)
{
	if (l->descriptor) {
		l->fd = c->talk.fd;
		c->talk.fd = -1;
		if (l->fd < 0)
			broken("no descriptor came with lease %" PRIu64, l->number);
		return 0;
	}
	l->fd = open(l->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (l->fd >= 0)
		return 0;
	if ((errno == ENOENT || errno == EACCES) && may_be_over(c, l))
		return -ENOENT;
	broken("open lease %" PRIu64 " at %s: %s", l->number, l->path, strerror(errno));
}

int take(struct client *c, struct lease *l)
{
	struct stat st;
	int r = open_lease(c, l);

	if (r < 0)
		return r;
	if (fstat(l->fd, &st) < 0 || (uint64_t)st.st_size != l->bytes ||
	    (uint64_t)st.st_blocks * 512 != l->bytes)
		broken("lease %" PRIu64 " of %" PRIu64 " bytes has %" PRIu64
		       " and pages of %" PRIu64,
		       l->number, l->bytes, (uint64_t)st.st_size,
		       (uint64_t)st.st_blocks * 512);
	lock_inode(c, l, st.st_ino);
	l->at = mmap(NULL, l->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, 0);
	if (l->at == MAP_FAILED)
		broken("map lease %" PRIu64 ": %s", l->number, strerror(errno));
	l->key = weir_rng_next(&c->rng);
	l->end = l->bytes;
	must_be_zero(l, l->at, l->bytes);
	fill(l, l->at, 0, l->bytes);
	return 0;
}

void let_go(struct lease *l)
{
	if (l->more)
		(void)munmap(l->more, l->more_bytes);
	if (l->at)
		(void)munmap(l->at, l->bytes);
	/* the lock before the file: he who has the file next wants to have it */
	if (l->lock >= 0) {
		if (ftruncate(l->lock, 0) < 0)
			broken("cut a lock: %s", strerror(errno));
		(void)close(l->lock);
	}
	if (l->fd >= 0)
		(void)close(l->fd);
	l->more = l->at = NULL;
	l->lock = l->fd = -1;
}

/* ---- what a lessee may do with a file ---------------------------------------------- */

static void cut(struct client *c, struct lease *l)
{
	uint64_t pages = l->bytes / PAGE;

	l->end = weir_rng_below(&c->rng, pages) * PAGE;
	if (ftruncate(l->fd, (off_t)l->end) < 0)
		broken("cut lease %" PRIu64 ": %s", l->number, strerror(errno));
	count(c, CUT, 1);
}

/* More than was leased, out of what the pool has left. */
static void grow(struct client *c, struct lease *l)
{
	l->more_bytes = (1 + weir_rng_below(&c->rng, 4)) * PAGE;
	if (ftruncate(l->fd, (off_t)(l->bytes + l->more_bytes)) < 0)
		broken("grow lease %" PRIu64 ": %s", l->number, strerror(errno));
	l->more = mmap(NULL, l->more_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd,
	               (off_t)l->bytes);
	if (l->more == MAP_FAILED) /* the pool has no more: a longer file with a hole */
		l->more = NULL;
	else
		fill(l, l->more, l->bytes, l->more_bytes); /* reserved by mmap */
	count(c, GROWN, 1);
}

static void punch(struct client *c, struct lease *l)
{
	uint64_t pages = l->bytes / PAGE, from = weir_rng_below(&c->rng, pages);

	l->hole = from * PAGE;
	l->hole_end = (from + 1 + weir_rng_below(&c->rng, pages - from)) * PAGE;
	if (fallocate(l->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)l->hole,
	              (off_t)(l->hole_end - l->hole)) < 0)
		broken("punch lease %" PRIu64 ": %s", l->number, strerror(errno));
	count(c, PUNCHED, 1);
}

void be_rude(struct client *c, struct lease *l)
{
	switch (weir_rng_below(&c->rng, 20)) {
	case 0: cut(c, l); break;
	case 1: grow(c, l); break;
	case 2: punch(c, l); break;
	default: break;
	}
}
