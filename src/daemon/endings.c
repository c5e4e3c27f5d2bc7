/* endings: see endings.h. */
#include "daemon/endings.h"

#include "base/own.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <sys/inotify.h>

#define WATCHED      (IN_OPEN | IN_CLOSE)
#define LOOK_MIN_MS  100U               /* after something happened */
#define LOOK_WAIT_MS 5000U              /* at most, while something is waited for */
#define LOOK_USE_MS  60000U             /* at most, while a lease ends by its use */
#define RETRY_NS     UINT64_C(10000000) /* all that is waited for, at most so often */

struct weir_endings {
	struct weir_store *store;
	struct weir_endings_calls calls;
	void *ctx;
	struct weir_ends *owners;
	int inotify;
	struct weir_source *source;
	size_t nr_watched; /* directories of the store */
	struct weir_timer *expiry, *look;
	uint64_t look_ms, retried_ns;
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

/* Leases that end by use, and whose file is called @name (NULL: all). */
static int collect(const struct weir_store *store, const char *name, uint64_t **out,
                   size_t *nr, size_t *cap)
{
	const struct weir_warm_state *state = weir_store_state(store);

	for (size_t i = 0; i < state->nr_regions; i++) {
		uint64_t lease = state->regions[i].lease.id;
		char path[256];
		const char *base;

		if (!ends_by_use(&state->regions[i]))
			continue;
		weir_store_path(store, lease, path);
		base = strrchr(path, '/');
		if (name && (!base || strcmp(base + 1, name) != 0))
			continue;
		if (weir_grow(out, cap, *nr, sizeof(**out)) < 0)
			return -ENOMEM;
		(*out)[(*nr)++] = lease;
	}
	return 0;
}

/* ---- looking ----------------------------------------------------------------------- */

/* Drops what inotify has to tell. */
static void drain(const struct weir_endings *e)
{
	char buffer[4096] __attribute__((aligned(__alignof__(struct inotify_event))));

	while (read(e->inotify, buffer, sizeof(buffer)) > 0)
		;
}

static void look_at(struct weir_endings *e, const uint64_t *leases, size_t nr)
{
	for (size_t i = 0; i < nr; i++)
		if (weir_store_is_unused(e->store, leases[i]))
			e->calls.ended(e->ctx, leases[i], "use");
}

static void retry(struct weir_endings *e)
{
	size_t nr;

	e->retried_ns = weir_now_ns();
	nr = weir_store_retry(e->store);
	if (nr)
		e->calls.freed(e->ctx, nr);
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
	weir_timer_in_ms(e->look, e->look_ms);
}

static void on_look(void *ctx)
{
	struct weir_endings *e = ctx;
	weir_auto(weir_freep) uint64_t *leases = NULL;
	size_t nr = 0, cap = 0;

	(void)collect(e->store, NULL, &leases, &nr, &cap);
	look_at(e, leases, nr);
	if (has(e->store, is_waiting))
		retry(e);
	drain(e);
	set_look(e, false);
}

/* ---- inotify ----------------------------------------------------------------------- */

struct told {
	uint64_t *leases;
	size_t nr, cap;
	bool closed, all;
};

static void take_event(const struct weir_endings *e, const struct inotify_event *event,
                       struct told *told)
{
	if (event->mask & IN_Q_OVERFLOW)
		told->all = true;
	told->closed |= event->mask & IN_CLOSE;
	if (event->len && !told->all &&
	    collect(e->store, event->name, &told->leases, &told->nr, &told->cap) < 0)
		told->all = true;
}

static void on_inotify(void *ctx, uint32_t events)
{
	struct weir_endings *e = ctx;
	char buffer[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct told told = { 0 };
	ssize_t n = read(e->inotify, buffer, sizeof(buffer));

	(void)events;
	for (ssize_t at = 0; at < n;) {
		const struct inotify_event *event =
			(const struct inotify_event *)(const void *)(buffer + at);

		take_event(e, event, &told);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
	if (told.all)
		weir_timer_in_ms(e->look, 1);
	look_at(e, told.leases, told.nr);
	if (told.closed && has(e->store, is_waiting) &&
	    weir_now_ns() - e->retried_ns >= RETRY_NS)
		retry(e);
	free(told.leases);
	/* what is told of our own doing, and would be told again and again */
	drain(e);
	if (!told.all)
		set_look(e, true);
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

int weir_endings_add(struct weir_endings *e, uint64_t lease, struct weir_claim *claim,
                     struct weir_err *err)
{
	return weir_ends_add(e->owners, lease, claim, err);
}

void weir_endings_remove(struct weir_endings *e, uint64_t lease)
{
	weir_ends_remove(e->owners, lease);
}

/* A lease whose owner cannot be watched is kept: it ends by release, and by time. */
static void restore_one(struct weir_endings *e, const struct weir_warm_lease *lease)
{
	struct weir_warm_owner owner = lease->owner;
	struct weir_claim claim;
	int r;

	if (owner.kind == WEIR_OWNER_CONNECTION) {
		e->calls.ended(e->ctx, lease->id, "connection");
		return;
	}
	r = weir_claim_make(e->owners, &owner, (uint32_t)-1, &claim, NULL);
	if (r == 0)
		(void)weir_ends_add(e->owners, lease->id, &claim, NULL);
	else if (r == -ESRCH)
		e->calls.ended(e->ctx, lease->id, "owner");
}

void weir_endings_restore(struct weir_endings *e)
{
	const struct weir_warm_state *state = weir_store_state(e->store);
	struct weir_warm_lease *leases = calloc(state->nr_regions + 1, sizeof(*leases));
	size_t nr = 0;

	for (size_t i = 0; leases && i < state->nr_regions; i++)
		if (state->regions[i].state == WEIR_REGION_LEASED)
			leases[nr++] = state->regions[i].lease;
	for (size_t i = 0; i < nr; i++)
		restore_one(e, &leases[i]);
	free(leases);
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
	weir_source_remove(e->source);
	if (e->inotify >= 0)
		(void)close(e->inotify);
	weir_ends_free(e->owners);
	free(e);
}
