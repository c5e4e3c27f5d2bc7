/* warm_client: somebody who uses warm memory as nobody should, and looks at what he gets.
 *
 *	warm_client SOCKET FOLDER SEED LEASES UNIT
 *
 * Takes LEASES leases, one after the other, of random size, owner and time. Of each it
 * looks at every byte before it writes: all must be 0. Then all of it gets a pattern of
 * this lease, which must stay until the memory is let go: while it is leased; after it
 * was released, or ran out, with the mapping kept; and in a child that was born with it.
 * Some files are cut, grown or punched, as any who may write a file may do.
 *
 * That nobody else has the same memory is known by a lock (flock(2)) of FOLDER/held/INODE
 * for as long as it is mapped, and by FOLDER/numbers/LEASE, which exists once. What was
 * done is counted in FOLDER/counts, which the driver reads while clients come and go, by
 * kill for the most part. UNIT: the cgroup this runs in, as an owner of leases, or "-".
 *
 * weird may be gone at any time: then this waits for it to be back. Exit 1, with a line
 * that says what, when a promise is broken. */
#include "warm_client.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

void broken(const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	(void)vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	(void)fprintf(stderr, "warm_client %d: %s\n", (int)getpid(), text);
	_exit(1);
}

uint64_t now_ns(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_BOOTTIME, &now); /* cannot fail for this clock */
	return (uint64_t)now.tv_sec * 1000 * MS + (uint64_t)now.tv_nsec;
}

void rest(uint64_t ns)
{
	struct timespec t = { (time_t)(ns / (1000 * MS)), (long)(ns % (1000 * MS)) };

	while (nanosleep(&t, &t) < 0 && errno == EINTR)
		;
}

void count(struct client *c, enum count which, uint64_t n)
{
	atomic_fetch_add(&c->counts[which], n);
}

bool chance(struct client *c, uint64_t percent)
{
	return weir_rng_below(&c->rng, 100) < percent;
}

/* ---- weird ------------------------------------------------------------------------- */

static void reconnect(struct client *c)
{
	uint64_t until = now_ns() + PATIENCE * 1000 * MS;
	int r;

	talk_close(&c->talk);
	while ((r = talk_open(&c->talk, c->socket)) < 0) {
		if (now_ns() > until)
			broken("weird does not come back: %s", strerror(-r));
		rest(5 * MS);
	}
	count(c, RECONNECTS, 1);
}

/* A refusal that the state of the pool, and nothing else, explains. */
static bool is_for_want_of_memory(const struct talk *t)
{
	return talk_is(t, "code", "\"no-memory\"") ||
	       talk_is(t, "code", "\"not-warm\"") || talk_is(t, "code", "\"busy\"");
}

static void put_owner(struct client *c, struct lease *l, char *out, size_t size)
{
	int n = 0;

	l->owner = (enum owner)weir_rng_below(&c->rng, *c->unit == '-' ? 4 : 5);
	out[0] = '\0';
	if (l->owner == OWNER_PID)
		n = snprintf(out, size, ",\"owner\":{\"pid\":%d}", (int)getpid());
	else if (l->owner == OWNER_USE)
		n = snprintf(out, size, ",\"owner\":{\"use\":true}");
	else if (l->owner == OWNER_CONNECTION)
		n = snprintf(out, size, ",\"owner\":{\"connection\":true}");
	else if (l->owner == OWNER_UNIT)
		n = snprintf(out, size, ",\"owner\":{\"unit\":\"%s\"}", c->unit);
	if (n < 0 || (size_t)n >= size)
		broken("an owner of %d bytes", n);
}

/* A lease whose reply did not come is there, or is not; either way not any more then. */
static void release_unsure(struct client *c, const struct lease *l)
{
	count(c, UNSURE, 1);
	do
		reconnect(c);
	while (talk_ask(&c->talk, "\"op\":\"release\",\"name\":\"%s\"", l->name) < 0);
	if (!talk_is(&c->talk, "ok", "true") &&
	    !talk_is(&c->talk, "code", "\"no-such-lease\""))
		broken("release %s, which may be there: %s", l->name, c->talk.reply);
}

static void read_lease(struct client *c, struct lease *l)
{
	uint64_t page, warm, cold, bytes;
	char path[512];
	int fd;

	if (!talk_number(&c->talk, "lease", &l->number) ||
	    !talk_text(&c->talk, "path", l->path, sizeof(l->path)) ||
	    !talk_number(&c->talk, "bytes", &bytes) ||
	    !talk_number(&c->talk, "page_bytes", &page) ||
	    !talk_number(&c->talk, "warm_bytes", &warm) ||
	    !talk_number(&c->talk, "cold_bytes", &cold))
		broken("a reply that lacks something: %s", c->talk.reply);
	if (bytes != l->bytes || page != PAGE || warm + cold != bytes)
		broken("asked for %" PRIu64 " bytes: %s", l->bytes, c->talk.reply);
	(void)snprintf(path, sizeof(path), "%s/numbers/%" PRIu64, c->folder, l->number);
	fd = open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);
	if (fd < 0)
		broken("lease %" PRIu64 " is given a second time: %s", l->number,
		       strerror(errno));
	(void)close(fd);
	count(c, LEASES, 1);
	count(c, WARM_BYTES, warm);
	count(c, COLD_BYTES, cold);
}

static bool is_cut_off(const struct talk *t)
{
	char byte;

	return t->sock < 0 || recv(t->sock, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 ||
	       (errno != EAGAIN && errno != EWOULDBLOCK);
}

bool may_be_over(const struct client *c, const struct lease *l)
{
	return l->is_over || (l->ttl_ms && now_ns() >= l->asked_ns + l->ttl_ms * MS) ||
	       (l->owner == OWNER_CONNECTION && is_cut_off(&c->talk));
}

/* 0, or -EAGAIN: not this time. */
static int lease(struct client *c, struct lease *l)
{
	char owner[320], ttl[48] = "";

	*l = (struct lease){ .fd = -1, .lock = -1 };
	l->bytes = (1 + weir_rng_below(&c->rng, PAGES_MAX)) * PAGE;
	l->descriptor = chance(c, 25);
	put_owner(c, l, owner, sizeof(owner));
	(void)snprintf(l->name, sizeof(l->name), "c%d-%" PRIu64, (int)getpid(), c->nr++);
	if (chance(c, 50)) {
		l->ttl_ms = 1 + weir_rng_below(&c->rng, chance(c, 50) ? 20 : 200);
		(void)snprintf(ttl, sizeof(ttl), ",\"ttl_ms\":%" PRIu64, l->ttl_ms);
	}
	l->asked_ns = now_ns();
	if (talk_ask(&c->talk,
	             "\"op\":\"lease\",\"bytes\":%" PRIu64 ",\"name\":\"%s\"%s%s%s%s",
	             l->bytes, l->name, owner, ttl,
	             l->descriptor ? ",\"descriptor\":true" : "",
	             chance(c, 15) ? ",\"warm_only\":true" : "") < 0) {
		release_unsure(c, l);
		return -EAGAIN;
	}
	if (!talk_is(&c->talk, "ok", "true")) {
		bool ran_out = talk_is(&c->talk, "code", "\"no-such-lease\"") &&
		               may_be_over(c, l); /* while it grew */

		if (!ran_out && !is_for_want_of_memory(&c->talk))
			broken("lease of %" PRIu64 " bytes: %s", l->bytes, c->talk.reply);
		count(c, REFUSED, 1);
		rest(1 * MS + weir_rng_below(&c->rng, 5 * MS));
		return -EAGAIN;
	}
	read_lease(c, l);
	return 0;
}

/* A child that was born with the mapping keeps it for a while longer than its parent. */
static pid_t leave_to_child(struct client *c, struct lease *l)
{
	uint64_t ns = weir_rng_below(&c->rng, 30 * MS);
	pid_t pid = fork();

	if (pid < 0)
		broken("fork: %s", strerror(errno));
	if (pid > 0) {
		count(c, FORKED, 1);
		return pid;
	}
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)close(c->talk.sock);
	rest(ns);
	must_be_mine(l, "in a child");
	let_go(l);
	_exit(0);
}

/* ---- ends -------------------------------------------------------------------------- */

static void renew(struct client *c, struct lease *l)
{
	uint64_t ttl_ms = weir_rng_below(&c->rng, 50);

	l->is_over |= l->ttl_ms != 0; /* the old end may come first */
	if (talk_ask(&c->talk,
	             "\"op\":\"renew\",\"lease\":%" PRIu64 ",\"ttl_ms\":%" PRIu64,
	             l->number, ttl_ms) < 0) {
		l->is_over |= ttl_ms || l->owner == OWNER_CONNECTION;
		reconnect(c);
		return;
	}
	if (!talk_is(&c->talk, "ok", "true") && !may_be_over(c, l))
		broken("renew %s: %s", l->name, c->talk.reply);
	l->is_over |= ttl_ms != 0;
	count(c, RENEWED, 1);
}

/* Nobody comes to it by its old path any more, root neither. */
static void must_be_hidden(const struct lease *l)
{
	int fd = open(l->path, O_RDONLY | O_CLOEXEC);

	if (fd >= 0)
		broken("lease %" PRIu64 " is released, and %s is there", l->number,
		       l->path);
}

static void release(struct client *c, struct lease *l)
{
	bool by_name = chance(c, 30), over = may_be_over(c, l);
	int r;

	if (by_name)
		r = talk_ask(&c->talk, "\"op\":\"release\",\"name\":\"%s\"", l->name);
	else
		r = talk_ask(&c->talk, "\"op\":\"release\",\"lease\":%" PRIu64,
		             l->number);
	if (r < 0) { /* told to one who died: it may be done, and may be not */
		release_unsure(c, l);
	} else if (!talk_is(&c->talk, "ok", "true")) {
		if (!(over || may_be_over(c, l)) ||
		    !talk_is(&c->talk, "code", "\"no-such-lease\""))
			broken("release %s: %s", l->name, c->talk.reply);
	}
	must_be_hidden(l);
	count(c, RELEASES, 1);
}

/* Released, or out of time, and still used: what is waited for nobody touches. */
static void keep_on(struct client *c, struct lease *l)
{
	if (l->ttl_ms && chance(c, 50)) {
		rest(l->ttl_ms * MS + weir_rng_below(&c->rng, 20 * MS));
		l->is_over = true;
		count(c, RUN_OUT, 1);
	} else {
		release(c, l);
		l->is_over = true;
		if (c->talk.sock >= 0 && talk_is(&c->talk, "ok", "true") &&
		    !talk_is(&c->talk, "state", "\"waiting\""))
			broken("release of what is in use: %s", c->talk.reply);
		count(c, HELD_RELEASES, 1);
		rest(weir_rng_below(&c->rng, 20 * MS));
	}
	must_be_mine(l, "after its end");
	let_go(l);
}

/* Let go without a word; what ends it is its owner, its time or the administrator. */
static void leave(struct client *c, struct lease *l)
{
	bool cut_off = l->owner == OWNER_CONNECTION && chance(c, 50);

	if (cut_off) {
		reconnect(c);
		rest(weir_rng_below(&c->rng, 5 * MS));
		must_be_mine(l, "after its connection");
	}
	let_go(l);
	count(c, LEFT, 1);
	if (chance(c, 20))
		_exit(0);
}

static void one_lease(struct client *c)
{
	struct lease l;
	pid_t child = 0;

	if (lease(c, &l) < 0)
		return;
	if (take(c, &l) < 0) {
		count(c, RUN_OUT, 1);
		return;
	}
	be_rude(c, &l);
	if (chance(c, 10))
		renew(c, &l);
	if (chance(c, 5))
		child = leave_to_child(c, &l);
	rest(weir_rng_below(&c->rng, 10 * MS));
	must_be_mine(&l, "while it is leased");
	if (chance(c, 25)) {
		keep_on(c, &l);
	} else if (chance(c, 20)) {
		leave(c, &l);
	} else if (chance(c, 5)) {
		_exit(0); /* with all it has */
	} else {
		let_go(&l);
		l.is_over |= l.owner == OWNER_USE; /* that was its end */
		release(c, &l);
	}
	if (child > 0) {
		int status;

		if (waitpid(child, &status, 0) == child && status)
			_exit(1);
	}
}

static atomic_uint_fast64_t *map_counts(const char *folder)
{
	char path[512];
	void *at;
	int fd;

	(void)snprintf(path, sizeof(path), "%s/counts", folder);
	fd = open(path, O_RDWR | O_CLOEXEC);
	at = mmap(NULL, NR_COUNTS * sizeof(atomic_uint_fast64_t), PROT_READ | PROT_WRITE,
	          MAP_SHARED, fd, 0);
	if (at == MAP_FAILED)
		broken("map %s: %s", path, strerror(errno));
	(void)close(fd);
	return at;
}

static uint64_t number(const char *text)
{
	uint64_t n = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		n = n * 10 + (uint64_t)(*text - '0');
	return n;
}

int main(int argc, char **argv)
{
	struct client c = { .talk = { .sock = -1, .fd = -1 } };
	uint64_t leases;

	if (argc != 6)
		return 2;
	hear_of_lost_pages();
	(void)umask(0);
	c.socket = argv[1];
	c.folder = argv[2];
	c.unit = argv[5];
	c.counts = map_counts(c.folder);
	weir_rng_seed(&c.rng, number(argv[3]));
	leases = number(argv[4]);
	reconnect(&c);
	while (leases--)
		one_lease(&c);
	return 0;
}
