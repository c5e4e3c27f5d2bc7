/* serve_lease: the requests that change something: lease, release, renew, target. */
#include "daemon/serve_parts.h"

#include "base/own.h"
#include "daemon/feed.h"

#include <errno.h>
#include <inttypes.h>

/* ---- a lease ----------------------------------------------------------------------- */

/* Is there a region for which nothing need be taken from the pool? Then the pools need
 * not be read, which takes longer than all the rest. */
static bool is_warm(const struct weir_store *store, const struct weir_lease_ask *ask)
{
	const struct weir_warm_state *state = weir_store_state(store);

	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		if (r->state == WEIR_REGION_READY && r->page_bytes == ask->page_bytes &&
		    r->bytes >= ask->bytes && (ask->node < 0 || r->node == ask->node))
			return true;
	}
	return false;
}

static enum weir_refused code_of(int r)
{
	switch (r) {
	case -EEXIST: return WEIR_REFUSED_NAME_TAKEN;
	case -EINVAL: return WEIR_REFUSED_BAD_REQUEST;
	case -EAGAIN: return WEIR_REFUSED_NOT_WARM;
	case -ENOMEM: return WEIR_REFUSED_NO_MEMORY;
	case -ECANCELED: return WEIR_REFUSED_NO_SUCH_LEASE;
	default: return WEIR_REFUSED_FAILED;
	}
}

static const char *help_of(int r)
{
	switch (r) {
	case -EAGAIN: return "wait for weird to fill the store, or let it be zeroed now";
	case -ENOMEM: return "make the pool larger, as weir set does";
	default: return NULL;
	}
}

static int tie(struct weir_serve *serve, uint64_t lease, uint64_t conn)
{
	if (weir_grow(&serve->tied, &serve->cap_tied, serve->nr_tied,
	              sizeof(*serve->tied)) < 0)
		return -ENOMEM;
	serve->tied[serve->nr_tied++] = (struct weir_tied){ lease, conn };
	return 0;
}

static void put_lease(struct weir_json *j, const struct weir_daemon *d,
                      const struct weir_lease *lease, uint64_t took_ns)
{
	int node = weir_serve_node(d, lease->node);

	weir_json_u64(j, "lease", lease->id);
	weir_json_strz(j, "path", lease->path);
	weir_json_u64(j, "bytes", lease->bytes);
	weir_json_u64(j, "page_bytes", lease->page_bytes);
	if (node < 0)
		weir_json_null(j, "node");
	else
		weir_json_u64(j, "node", (uint64_t)node);
	weir_json_u64(j, "warm_bytes", lease->warm_bytes);
	weir_json_u64(j, "cold_bytes", lease->bytes - lease->warm_bytes);
	weir_json_u64(j, "took_us", took_ns / 1000);
	weir_json_close(j);
}

/* What is promised and cannot be kept ends the lease again. */
static int keep_promises(struct weir_serve *serve, const struct weir_pending *p,
                         struct weir_claim *claim, uint64_t lease, int *fd,
                         struct weir_err *err)
{
	int r = weir_endings_add(serve->d->endings, lease, claim, err);

	if (r == 0 && p->of_connection && tie(serve, lease, p->conn) < 0)
		r = weir_err_sys(err, -ENOMEM, "watch a connection");
	if (r == 0 && p->descriptor)
		r = *fd = weir_store_open_region(serve->d->store, lease, err);
	if (r < 0)
		(void)weir_serve_end(serve, lease, "failure", NULL);
	return r < 0 ? r : 0;
}

static void tell_log(struct weir_serve *serve, const struct weir_lease *lease,
                     uint64_t took_ns)
{
	const struct weir_warm_region *r = weir_store_find(serve->d->store, lease->id);

	if (r)
		weir_event(
			&serve->d->log, WEIR_EVENT_INFO, "lease",
			"lease=%" PRIu64 " name=%s uid=%" PRIu32 " bytes=%" PRIu64
			" page=%" PRIu64 " node=%d warm=%" PRIu64 " owner=%s us=%" PRIu64,
			lease->id, weir_quote(&(struct weir_quote){ 0 }, r->lease.name),
			r->lease.uid, lease->bytes, lease->page_bytes, lease->node,
			lease->warm_bytes, weir_owner_word(r->lease.owner.kind),
			took_ns / 1000);
}

/* A lease is there: ties it, and tells who asked. */
static void grant(struct weir_serve *serve, struct weir_connection *conn,
                  struct weir_pending *p, const struct weir_lease *lease)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	uint64_t took_ns = weir_now_ns() - p->began_ns;
	struct weir_err err = { 0 };
	int fd = -1;
	bool granted = keep_promises(serve, p, &p->claim, lease->id, &fd, &err) == 0;

	if (!granted) {
		serve->results[WEIR_REFUSED_FAILED]++;
		weir_reply_refuse(&j, &p->id, WEIR_REFUSED_FAILED, err.msg, NULL);
	} else {
		serve->results[WEIR_REFUSED_CODES]++;
		weir_reply_open(&j, &p->id);
		put_lease(&j, serve->d, lease, took_ns);
		tell_log(serve, lease, took_ns);
	}
	weir_endings_changed(serve->d->endings);
	weir_serve_send(conn, &j, fd, granted ? lease->id : 0);
}

static void wait_for_growth(const struct weir_asked *a, struct weir_wanted *w,
                            const struct weir_lease *lease)
{
	struct weir_pending *p = weir_serve_wait(a, WEIR_PENDING_LEASE);

	if (!p) {
		(void)weir_store_release(a->serve->d->store, lease->id, NULL);
		return;
	}
	p->region = lease->region;
	p->lease = lease->id;
	p->descriptor = a->m->descriptor;
	p->of_connection = a->m->owner.kind == WEIR_OWNER_CONNECTION;
	p->claim = w->claim;
	w->claim.fd = -1;
	weir_feed_kick(a->serve->d->feed);
}

static int ask_store(struct weir_serve *serve, const struct weir_wanted *w,
                     struct weir_lease *lease, struct weir_err *err)
{
	struct weir_store_counts before, after;
	int r;

	weir_store_counts(serve->d->store, &before);
	r = weir_store_lease(serve->d->store, &w->ask, lease, err);
	weir_store_counts(serve->d->store, &after);
	if (after.poisoned > before.poisoned)
		weir_event(&serve->d->log, WEIR_EVENT_ERROR, "memory-error",
		           "regions=%" PRIu64 " now=\"given back\"",
		           after.poisoned - before.poisoned);
	return r;
}

static int ask_with_room(struct weir_serve *serve, struct weir_wanted *w,
                         struct weir_lease *lease, struct weir_err *err)
{
	weir_auto(weir_rooms_done) struct weir_rooms rooms = { 0 };
	int r;

	if (!is_warm(serve->d->store, &w->ask) &&
	    weir_feed_lease_rooms(serve->d->feed, &rooms) == 0) {
		w->ask.room_bytes = weir_rooms_of(&rooms, w->ask.page_bytes, w->ask.node);
		w->ask.rooms = rooms.v;
		w->ask.nr_rooms = rooms.nr;
	}
	r = ask_store(serve, w, lease, err);
	w->ask.rooms = NULL;
	w->ask.nr_rooms = 0;
	return r;
}

static void make_lease(const struct weir_asked *a, struct weir_wanted *w)
{
	struct weir_serve *serve = a->serve;
	struct weir_lease lease = { 0 };
	struct weir_err err = { 0 };
	struct weir_pending now = {
		.id = a->m->id,
		.conn = weir_connection_id(a->conn),
		.began_ns = a->began_ns,
		.descriptor = a->m->descriptor,
		.of_connection = a->m->owner.kind == WEIR_OWNER_CONNECTION,
		.claim = w->claim,
	};
	int r;

	r = ask_with_room(serve, w, &lease, &err);
	if (r == WEIR_LEASE_GROWING) {
		wait_for_growth(a, w, &lease);
		return;
	}
	if (r == -ENOMEM && weir_serve_later(a, w))
		return;
	if (r < 0) {
		weir_serve_refuse(a, code_of(r), err.msg, help_of(r));
		return;
	}
	w->claim.fd = -1;
	grant(serve, a->conn, &now, &lease);
	weir_feed_kick(serve->d->feed);
}

void weir_serve_lease(const struct weir_asked *a)
{
	struct weir_wanted w = { 0 };

	if (!weir_serve_ask(a, &w))
		return;
	make_lease(a, &w);
	weir_claim_done(&w.claim);
}

static struct weir_pending *take_growing(struct weir_serve *serve, uint64_t region)
{
	for (struct weir_pending **link = &serve->pending; *link; link = &(*link)->next) {
		struct weir_pending *p = *link;

		if (p->kind != WEIR_PENDING_LEASE || p->region != region)
			continue;
		*link = p->next;
		return p;
	}
	return NULL;
}

void weir_serve_grown(struct weir_serve *serve, uint64_t region, int result,
                      const struct weir_lease *lease, const struct weir_err *err)
{
	struct weir_pending *p = take_growing(serve, region);
	struct weir_connection *conn = p ? weir_server_find(serve->d->server, p->conn)
	                                 : NULL;

	if (result == 0 && !conn) {
		(void)weir_serve_end(serve, lease->id, "connection", NULL);
	} else if (result == 0) {
		grant(serve, conn, p, lease);
	} else if (conn) {
		weir_auto(weir_json_done) struct weir_json j = { 0 };

		bool stops = result == -ECANCELED && serve->d->is_stopping;
		enum weir_refused code = stops ? WEIR_REFUSED_BUSY : code_of(result);

		serve->results[code]++;
		weir_reply_refuse(&j, &p->id, code,
		                  stops ? "weird is stopping" : err->msg,
		                  help_of(result));
		weir_serve_send(conn, &j, -1, 0);
	}
	if (p)
		weir_pending_free(p);
}

/* ---- release, renew ---------------------------------------------------------------- */

/* The region of the lease that is meant, or NULL: of others there is none to be known. Of
 * one name there may be more, of which all but one have ended. */
static const struct weir_warm_region *meant(const struct weir_asked *a)
{
	const struct weir_warm_state *state = weir_store_state(a->serve->d->store);
	const struct weir_warm_region *found = NULL;

	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		if (!r->lease.id ||
		    !(a->m->lease ? r->lease.id == a->m->lease
		                  : strcmp(r->lease.name, a->m->name) == 0) ||
		    !weir_serve_is_his(a->peer, &r->lease))
			continue;
		if (!found || r->state != WEIR_REGION_WAITING)
			found = r;
	}
	if (!found)
		weir_serve_refuse(a, WEIR_REFUSED_NO_SUCH_LEASE, "there is no such lease",
		                  NULL);
	return found;
}

void weir_serve_release(const struct weir_asked *a)
{
	struct weir_daemon *d = a->serve->d;
	const struct weir_warm_region *region = meant(a);
	struct weir_pending now = { .kind = WEIR_PENDING_RELEASE, .id = a->m->id }, *p;
	struct weir_err err = { 0 };
	int r = 0;

	if (!region)
		return;
	now.region = region->id;
	now.lease = region->lease.id;
	if (region->state != WEIR_REGION_WAITING) /* else it has ended already */
		r = weir_serve_end(a->serve, now.lease, "release", &err);
	if (r < 0) {
		weir_serve_refuse(a, WEIR_REFUSED_FAILED, err.msg, NULL);
		return;
	}
	region = weir_store_find(d->store, now.lease);
	if (!region || region->state != WEIR_REGION_WAITING ||
	    weir_serve_knows_holders(d, region) ||
	    weir_look_want(d->look, 0) != WEIR_LOOK_COMING) {
		weir_serve_tell(a->serve, a->conn, &now);
		return;
	}
	p = weir_serve_wait(a, WEIR_PENDING_RELEASE);
	if (p) {
		p->region = now.region;
		p->lease = now.lease;
	}
}

void weir_serve_renew(const struct weir_asked *a)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	struct weir_daemon *d = a->serve->d;
	const struct weir_warm_region *region = meant(a);
	uint64_t ttl_ns = a->m->ttl_ns, lease;
	struct weir_err err = { 0 };
	int r;

	if (!region)
		return;
	lease = region->lease.id;
	if (weir_serve_ask_time(a, &ttl_ns) < 0)
		return;
	r = weir_store_renew(d->store, lease, ttl_ns, &err);
	if (r < 0) {
		weir_serve_refuse(a,
		                  r == -ENOENT ? WEIR_REFUSED_NO_SUCH_LEASE
		                               : WEIR_REFUSED_FAILED,
		                  r == -ENOENT ? "the lease has ended" : err.msg, NULL);
		return;
	}
	weir_event(&d->log, WEIR_EVENT_INFO, "renew", "lease=%" PRIu64 " ttl_ms=%" PRIu64,
	           lease, ttl_ns / 1000000);
	weir_endings_changed(d->endings);
	weir_reply_open(&j, &a->m->id);
	weir_json_u64(&j, "lease", lease);
	weir_json_close(&j);
	weir_serve_send(a->conn, &j, -1, 0);
}

/* ---- target ------------------------------------------------------------------------ */

void weir_serve_target(const struct weir_asked *a)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	struct weir_daemon *d = a->serve->d;
	struct weir_lease_ask place = { 0 };
	struct weir_warm_target target;
	struct weir_err err = { 0 };
	int r;

	if (a->peer->uid != 0) {
		weir_serve_refuse(a, WEIR_REFUSED_NOT_ALLOWED, "only root may", NULL);
		return;
	}
	if (!weir_serve_ask_place(a, &place))
		return;
	target = (struct weir_warm_target){ .page_bytes = place.page_bytes,
		                            .bytes = place.bytes,
		                            .node = place.node };
	r = weir_store_set_target(d->store, &target, &err);
	if (r < 0) {
		weir_serve_refuse(a, code_of(r), err.msg, NULL);
		return;
	}
	weir_event(&d->log, WEIR_EVENT_NOTICE, "target",
	           "page=%" PRIu64 " node=%d bytes=%" PRIu64, target.page_bytes,
	           target.node, target.bytes);
	weir_feed_kick(d->feed);
	weir_endings_changed(d->endings);
	weir_reply_open(&j, &a->m->id);
	weir_json_u64(&j, "bytes", target.bytes);
	weir_json_close(&j);
	weir_serve_send(a->conn, &j, -1, 0);
}
