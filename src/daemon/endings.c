/* endings: see endings.h.
 *
 * inotify does not say who it was. What weird opens and closes itself while it looks is
 * told after what was there before: so all is read before a look, which is others', and
 * after it. What is told then of a file that was looked at may be weird's own, until all
 * was read once. A lessee can make events as fast as they are read, so only so many are
 * read in a turn of the loop; epoll says again that there are more. */
#include "daemon/endings.h"

#include "base/own.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#define WATCHED      (IN_OPEN | IN_CLOSE)
#define LOOK_MIN_MS  100U               /* after something happened */
#define LOOK_WAIT_MS 5000U              /* at most, while something is waited for */
#define LOOK_USE_MS  60000U             /* at most, while a lease ends by its use */
#define RETRY_NS     UINT64_C(10000000) /* all that is waited for, at most so often */
#define READS_MAX    4U                 /* of inotify, in a turn: 1000 events */
#define UNWATCHED_MS 1000U              /* until an owner is looked for once more */
#define MS           UINT64_C(1000000)

struct leases {
	uint64_t *v;
	size_t nr, cap;
};

struct weir_endings {
	struct weir_store *store;
	struct weir_endings_calls calls;
	void *ctx;
	struct weir_ends *owners;
	int inotify;
	struct weir_source *source;
	size_t nr_watched; /* directories of the store */
	struct weir_timer *expiry, *look, *unwatched;
	uint64_t look_ms, look_at_ns, looked_ns, retried_ns;
	struct leases told; /* by inotify, and not looked at yet */
	struct leases ours; /* what is told of these may be weird's own doing */
	bool closed, lost;  /* some file was closed; inotify had too much to tell */
};

/* ---- what there is to look at ------------------------------------------------------ */

static bool ends_by_use(const struct weir_warm_region *region)
{
	return region->state == WEIR_REGION_LEASED &&
	       region->lease.owner.kind == WEIR_OWNER_USE;
}

static bool is_waiting(const struct weir_warm_region *region)
{
	return region->state == WEIR_REGION_WAITING;
}

static bool has(const struct weir_store *store,
                bool (*is)(const struct weir_warm_region *region))
{
	const struct weir_warm_state *state = weir_store_state(store);

	for (size_t i = 0; i < state->nr_regions; i++)
		if (is(&state->regions[i]))
			return true;
	return false;
}

static int add_lease(struct leases *to, uint64_t lease)
{
	if (weir_grow(&to->v, &to->cap, to->nr, sizeof(*to->v)) < 0)
		return -ENOMEM;
	to->v[to->nr++] = lease;
	return 0;
}

static bool has_lease(const struct leases *in, uint64_t lease)
{
	for (size_t i = 0; i < in->nr; i++)
		if (in->v[i] == lease)
			return true;
	return false;
}

/* All leases that end by use. */
static void collect(const struct weir_store *store, struct leases *out)
{
	const struct weir_warm_state *state = weir_store_state(store);

	for (size_t i = 0; i < state->nr_regions; i++)
		if (ends_by_use(&state->regions[i]) &&
		    add_lease(out, state->regions[i].lease.id) < 0)
			return;
}

/* ---- what inotify tells ------------------------------------------------------------ */

/* Of one file there are often many events in a row. */
struct hearing {
	char name[NAME_MAX + 1];
	uint64_t lease;
};

static void take_event(struct weir_endings *e, const struct inotify_event *event,
                       struct hearing *last)
{
	if (event->mask & IN_Q_OVERFLOW)
		e->lost = true;
	e->closed |= event->mask & IN_CLOSE;
	if (!event->len)
		return;
	if (strcmp(event->name, last->name) != 0) {
		(void)snprintf(last->name, sizeof(last->name), "%s", event->name);
		last->lease = weir_store_used_as(e->store, event->name);
	}
	if (!last->lease || has_lease(&e->ours, last->lease))
		return;
	/* Who closes it has had it, whether that was seen or not; but not who could only
	 * read: a program that goes through all files, or has looked by O_PATH, which
	 * older kernels tell, too. */
	if (event->mask & IN_CLOSE_WRITE)
		weir_store_was_opened(e->store, last->lease);
	if (!has_lease(&e->told, last->lease) && add_lease(&e->told, last->lease) < 0)
		e->lost = true;
}

/* Takes what inotify has to tell, as much of it as a turn of the loop has time for. */
static void hear(struct weir_endings *e)
{
	char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct hearing last = { "", 0 };

	for (unsigned int i = 0; i < READS_MAX; i++) {
		ssize_t n = read(e->inotify, buffer, sizeof(buffer));

		if (n <= 0) { /* all that weird did is behind it */
			e->ours.nr = 0;
			return;
		}
		for (ssize_t at = 0; at < n;) {
			const struct inotify_event *event =
				(const struct inotify_event *)(const void *)(buffer + at);

			take_event(e, event, &last);
			at += (ssize_t)(sizeof(*event) + event->len);
		}
	}
}

/* What came while weird looked is looked at a little later. */
static void hear_ourselves(struct weir_endings *e)
{
	hear(e);
	e->told.nr = 0;
	e->closed = false;
}

/* ---- looking ----------------------------------------------------------------------- */

static void look_at(struct weir_endings *e, const struct leases *leases)
{
	for (size_t i = 0; i < leases->nr; i++) {
		/* without memory for it what weird does would be taken for another's */
		if (!has_lease(&e->ours, leases->v[i]) &&
		    add_lease(&e->ours, leases->v[i]) < 0)
			continue;
		if (weir_store_is_unused(e->store, leases->v[i]))
			e->calls.ended(e->ctx, leases->v[i], "use");
	}
}

static void retry(struct weir_endings *e)
{
	size_t nr;

	e->retried_ns = weir_now_ns();
	nr = weir_store_retry(e->store);
	if (nr)
		e->calls.freed(e->ctx, nr);
}

/* Looks so soon at least: who comes again and again does not put it off. */
static void look_in_ms(struct weir_endings *e, uint64_t ms)
{
	uint64_t at_ns = weir_now_ns() + ms * MS;

	if (weir_timer_is_set(e->look) && e->look_at_ns <= at_ns)
		return;
	e->look_at_ns = at_ns;
	weir_timer_at(e->look, at_ns);
}

/* The next look: soon after something happened, then less and less often. */
static void set_look(struct weir_endings *e, bool soon)
{
	bool waiting = has(e->store, is_waiting);
	uint64_t most = waiting ? LOOK_WAIT_MS : LOOK_USE_MS;

	if (!waiting && !has(e->store, ends_by_use)) {
		weir_timer_at(e->look, 0);
		return;
	}
	e->look_ms = soon ? LOOK_MIN_MS : e->look_ms * 2;
	if (e->look_ms > most)
		e->look_ms = most;
	look_in_ms(e, e->look_ms);
}

static void on_look(void *ctx)
{
	struct weir_endings *e = ctx;
	struct leases all = { 0 };

	e->looked_ns = weir_now_ns();
	hear(e);
	e->lost = false;
	collect(e->store, &all);
	look_at(e, &all);
	free(all.v);
	if (has(e->store, is_waiting))
		retry(e);
	hear_ourselves(e);
	set_look(e, false);
}

static void on_inotify(void *ctx, uint32_t events)
{
	struct weir_endings *e = ctx;
	struct leases told;

	(void)events;
	hear(e);
	told = e->told; /* an end may bring others */
	e->told = (struct leases){ 0 };
	look_at(e, &told);
	free(told.v);
	if (e->closed && has(e->store, is_waiting) &&
	    weir_now_ns() - e->retried_ns >= RETRY_NS)
		retry(e);
	hear_ourselves(e);
	set_look(e, true);
	if (e->lost && weir_now_ns() - e->looked_ns >= LOOK_MIN_MS * MS)
		look_in_ms(e, 0);
}

/* A file system that is mounted later hides the directory that was watched. */
static void watch_dirs(struct weir_endings *e)
{
	const struct weir_warm_state *state = weir_store_state(e->store);

	for (; e->nr_watched < state->nr_dirs; e->nr_watched++)
		(void)inotify_add_watch(e->inotify, state->dirs[e->nr_watched].path,
		                        WATCHED | IN_ONLYDIR);
}

/* ---- time -------------------------------------------------------------------------- */

static void on_expiry(void *ctx)
{
	struct weir_endings *e = ctx;
	uint64_t next = 0, lease, last = 0;

	for (;;) {
		lease = weir_store_expired(e->store, weir_now_ns(), &next);
		if (!lease || lease == last) /* it could not be released */
			break;
		e->calls.ended(e->ctx, lease, "time");
		last = lease;
	}
	weir_timer_at(e->expiry, lease ? weir_now_ns() + UINT64_C(1000000000) : next);
}

static void set_expiry(struct weir_endings *e)
{
	uint64_t next = 0, lease;

	lease = weir_store_expired(e->store, weir_now_ns(), &next);
	if (lease)
		next = 1;
	weir_timer_at(e->expiry, next);
}

void weir_endings_changed(struct weir_endings *e)
{
	watch_dirs(e);
	set_expiry(e);
	if (!weir_timer_is_set(e->look))
		set_look(e, true);
}

/* ---- owners ------------------------------------------------------------------------ */

static void on_owner(void *ctx, uint64_t lease)
{
	struct weir_endings *e = ctx;

	e->calls.ended(e->ctx, lease, "owner");
}

const struct weir_ends *weir_endings_owners(const struct weir_endings *e)
{
	return e->owners;
}

/* That weird had its file open under the name that is now told is in the queue, and the
 * lessee does not know the name yet. */
int weir_endings_add(struct weir_endings *e, uint64_t lease, struct weir_claim *claim,
                     struct weir_err *err)
{
	if (claim->kind == WEIR_OWNER_USE && add_lease(&e->ours, lease) < 0)
		return weir_err_sys(err, -ENOMEM, "watch a file");
	hear(e);
	if (e->told.nr || e->closed || e->lost)
		set_look(e, true);
	return weir_ends_add(e->owners, lease, claim, err);
}

void weir_endings_remove(struct weir_endings *e, uint64_t lease)
{
	weir_ends_remove(e->owners, lease);
}

/* What became of its owner is not known: the lease is kept, and it is tried again. */
static bool is_unwatched(const struct weir_endings *e, const struct weir_warm_region *r)
{
	return r->state == WEIR_REGION_LEASED &&
	       (r->lease.owner.kind == WEIR_OWNER_PID ||
	        r->lease.owner.kind == WEIR_OWNER_UNIT) &&
	       !weir_ends_has(e->owners, r->lease.id);
}

static void restore_one(struct weir_endings *e, const struct weir_warm_lease *lease)
{
	struct weir_warm_owner owner = lease->owner;
	struct weir_claim claim;
	int r = weir_claim_make(e->owners, &owner, (uint32_t)-1, &claim, NULL);

	if (r == 0)
		r = weir_ends_add(e->owners, lease->id, &claim, NULL);
	if (r == -ESRCH)
		e->calls.ended(e->ctx, lease->id, "owner");
	else if (r < 0)
		weir_timer_in_ms(e->unwatched, UNWATCHED_MS);
}

/* An end changes what is leased: all are known before the first. */
static void restore(struct weir_endings *e,
                    bool (*is)(const struct weir_endings *e,
                               const struct weir_warm_region *region),
                    void (*act)(struct weir_endings *e, const struct weir_warm_lease *l))
{
	const struct weir_warm_state *state = weir_store_state(e->store);
	struct weir_warm_lease *leases = calloc(state->nr_regions + 1, sizeof(*leases));
	size_t nr = 0;

	if (!leases)
		weir_timer_in_ms(e->unwatched, UNWATCHED_MS);
	for (size_t i = 0; leases && i < state->nr_regions; i++)
		if (is(e, &state->regions[i]))
			leases[nr++] = state->regions[i].lease;
	for (size_t i = 0; i < nr; i++)
		act(e, &leases[i]);
	free(leases);
}

static void on_unwatched(void *ctx)
{
	struct weir_endings *e = ctx;

	restore(e, is_unwatched, restore_one);
}

static bool is_of_connection(const struct weir_endings *e,
                             const struct weir_warm_region *r)
{
	(void)e;
	return r->state == WEIR_REGION_LEASED &&
	       r->lease.owner.kind == WEIR_OWNER_CONNECTION;
}

static void end_of_connection(struct weir_endings *e, const struct weir_warm_lease *lease)
{
	e->calls.ended(e->ctx, lease->id, "connection");
}

void weir_endings_restore(struct weir_endings *e)
{
	restore(e, is_of_connection, end_of_connection);
	restore(e, is_unwatched, restore_one);
	weir_endings_changed(e);
}

/* ---- the whole --------------------------------------------------------------------- */

static int start(struct weir_loop *loop, struct weir_endings *e, const char *cgroup_root,
                 struct weir_err *err)
{
	int r = weir_ends_new(loop, cgroup_root, on_owner, e, &e->owners);

	if (r < 0)
		return weir_err_sys(err, r, "watch owners");
	e->inotify = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (e->inotify < 0)
		return weir_err_sys(err, -errno, "make an inotify");
	r = weir_loop_add(loop, e->inotify, EPOLLIN, on_inotify, e, &e->source, err);
	if (r == 0)
		r = weir_timer_new(loop, on_expiry, e, &e->expiry, err);
	if (r == 0)
		r = weir_timer_new(loop, on_unwatched, e, &e->unwatched, err);
	return r < 0 ? r : weir_timer_new(loop, on_look, e, &e->look, err);
}

int weir_endings_new(struct weir_loop *loop, struct weir_store *store,
                     const char *cgroup_root, const struct weir_endings_calls *calls,
                     void *ctx, struct weir_endings **out, struct weir_err *err)
{
	struct weir_endings *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return weir_err_sys(err, -ENOMEM, "watch leases");
	e->store = store;
	e->calls = *calls;
	e->ctx = ctx;
	e->inotify = -1;
	r = start(loop, e, cgroup_root, err);
	if (r < 0) {
		weir_endings_free(e);
		return r;
	}
	*out = e;
	return 0;
}

void weir_endings_free(struct weir_endings *e)
{
	if (!e)
		return;
	weir_timer_free(e->look);
	weir_timer_free(e->expiry);
	weir_timer_free(e->unwatched);
	weir_source_remove(e->source);
	if (e->inotify >= 0)
		(void)close(e->inotify);
	weir_ends_free(e->owners);
	free(e->told.v);
	free(e->ours.v);
	free(e);
}
