/* serve_tell: the requests that tell: leases, warm, metrics; and what is told after the
 * host was looked at. */
#include "daemon/serve_parts.h"

#include "base/least.h"
#include "base/own.h"
#include "daemon/feed.h"
#include "daemon/metrics.h"

#include <errno.h>

#define LEASES_MAX     1000U /* of one reply: 600 bytes each, and 1 MiB may be unread */
#define HOLDERS_AGE_MS 2000U
#define MS             UINT64_C(1000000)

/* ---- leases ------------------------------------------------------------------------ */

static int holders(const struct weir_daemon *d, const struct weir_warm_region *region,
                   struct weir_buf *out)
{
	const struct weir_seen *seen = weir_look_last(d->look);

	if (!seen || region->state != WEIR_REGION_WAITING)
		return 0;
	return weir_seen_holders(seen, weir_serve_device(d, region), region->inode, out);
}

bool weir_serve_knows_holders(const struct weir_daemon *d,
                              const struct weir_warm_region *region)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	const struct weir_seen *seen = weir_look_last(d->look);

	return seen && weir_now_ns() - seen->at_ns < HOLDERS_AGE_MS * MS &&
	       holders(d, region, &text) == 0 && text.n;
}

static void put_holders(struct weir_json *j, const struct weir_daemon *d,
                        const struct weir_warm_region *region)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	if (holders(d, region, &text) < 0)
		j->failed = -ENOMEM;
	weir_json_strz(j, "holders", text.n ? text.p : NULL);
}

static void put_node(struct weir_json *j, int node)
{
	if (node < 0)
		weir_json_null(j, "node");
	else
		weir_json_u64(j, "node", (uint64_t)node);
}

static void put_owner(struct weir_json *j, const struct weir_warm_owner *owner)
{
	weir_json_strz(j, "owner", weir_owner_word(owner->kind));
	if (owner->kind == WEIR_OWNER_PID)
		weir_json_u64(j, "pid", (uint64_t)owner->pid);
	else
		weir_json_null(j, "pid");
	weir_json_strz(j, "unit", owner->kind == WEIR_OWNER_UNIT ? owner->unit : NULL);
}

static void put_lease(struct weir_json *j, const struct weir_daemon *d,
                      const struct weir_warm_region *r)
{
	uint64_t now = weir_now_ns();
	char path[256];

	weir_store_path(d->store, r->lease.id, path);
	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "lease", r->lease.id);
	weir_json_strz(j, "name", *r->lease.name ? r->lease.name : NULL);
	weir_json_strz(j, "state", weir_region_state_word(r->state));
	weir_json_u64(j, "bytes", r->bytes);
	weir_json_u64(j, "filled_bytes", r->filled_bytes);
	weir_json_u64(j, "page_bytes", r->page_bytes);
	put_node(j, weir_serve_node(d, r->node));
	weir_json_u64(j, "uid", r->lease.uid);
	put_owner(j, &r->lease.owner);
	weir_json_u64(j, "since_ms",
	              now > r->lease.since_ns ? (now - r->lease.since_ns) / MS : 0);
	if (r->lease.until_ns)
		weir_json_u64(j, "until_ms",
		              r->lease.until_ns > now ? (r->lease.until_ns - now) / MS
		                                      : 0);
	else
		weir_json_null(j, "until_ms");
	weir_json_strz(j, "path", *path ? path : NULL);
	put_holders(j, d, r);
	weir_json_close(j);
}

static int by_number(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Numbers of the leases that he may see, of which some are behind @after; ascending. */
static size_t his_leases(const struct weir_daemon *d, const struct weir_peer *peer,
                         uint64_t after, uint64_t **out)
{
	const struct weir_warm_state *state = weir_store_state(d->store);
	size_t nr = 0;

	*out = calloc(state->nr_regions + 1, sizeof(**out));
	for (size_t i = 0; *out && i < state->nr_regions; i++)
		if (state->regions[i].lease.id > after &&
		    weir_serve_is_his(peer, &state->regions[i].lease))
			(*out)[nr++] = state->regions[i].lease.id;
	if (nr)
		qsort(*out, nr, sizeof(**out), by_number);
	return nr;
}

static void tell_leases(struct weir_serve *serve, struct weir_connection *conn,
                        const struct weir_message_id *id, uint64_t after)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	weir_auto(weir_freep) uint64_t *leases = NULL;
	const struct weir_daemon *d = serve->d;
	size_t nr;

	weir_store_look(d->store);
	nr = his_leases(d, weir_connection_peer(conn), after, &leases);
	if (!leases)
		j.failed = -ENOMEM;
	weir_reply_open(&j, id);
	weir_json_open(&j, "leases", '[');
	for (size_t i = 0; leases && i < nr && i < LEASES_MAX; i++) {
		const struct weir_warm_region *region = weir_store_find(d->store,
		                                                        leases[i]);

		if (region)
			put_lease(&j, d, region);
	}
	weir_json_close(&j);
	weir_json_bool(&j, "more", nr > LEASES_MAX);
	weir_json_close(&j);
	weir_serve_send(conn, &j, -1, 0);
}

static bool has_waiting(const struct weir_asked *a)
{
	const struct weir_warm_state *state = weir_store_state(a->serve->d->store);

	for (size_t i = 0; i < state->nr_regions; i++)
		if (state->regions[i].state == WEIR_REGION_WAITING &&
		    weir_serve_is_his(a->peer, &state->regions[i].lease))
			return true;
	return false;
}

void weir_serve_leases(const struct weir_asked *a)
{
	struct weir_pending *p = NULL;

	if (has_waiting(a) &&
	    weir_look_want(a->serve->d->look, HOLDERS_AGE_MS) == WEIR_LOOK_COMING)
		p = weir_serve_wait(a, WEIR_PENDING_LEASES);
	else
		tell_leases(a->serve, a->conn, &a->m->id, a->m->after);
	if (p)
		p->after = a->m->after;
}

/* ---- warm -------------------------------------------------------------------------- */

/* Regions do not say how far jobs have come that work on them. */
static uint64_t with_jobs(const struct weir_daemon *d, enum weir_job_kind kind,
                          uint64_t page_bytes, int node, uint64_t bytes)
{
	uint64_t done = weir_work_done_bytes(d->work, kind, page_bytes, node);

	return done > bytes ? done : bytes;
}

static void put_states(struct weir_json *j, const struct weir_daemon *d,
                       uint64_t page_bytes, int node)
{
	const struct weir_warm_state *state = weir_store_state(d->store);
	static const struct {
		const char *key;
		enum weir_region_state state;
	} states[] = {
		{ "ready_bytes", WEIR_REGION_READY },
		{ "filling_bytes", WEIR_REGION_FILLING },
		{ "leased_bytes", WEIR_REGION_LEASED },
		{ "waiting_bytes", WEIR_REGION_WAITING },
		{ "dirty_bytes", WEIR_REGION_DIRTY },
		{ "scrubbing_bytes", WEIR_REGION_SCRUBBING },
	};

	for (size_t k = 0; k < WEIR_NELEM(states); k++) {
		uint64_t bytes = 0;

		/* not weir_warm_sum(): there -1 is all nodes, and here none */
		for (size_t i = 0; i < state->nr_regions; i++)
			if (state->regions[i].page_bytes == page_bytes &&
			    state->regions[i].node == node &&
			    (state->regions[i].state == states[k].state ||
			     (states[k].state == WEIR_REGION_LEASED &&
			      state->regions[i].state == WEIR_REGION_GROWING)))
				bytes += state->regions[i].filled_bytes;
		if (states[k].state == WEIR_REGION_FILLING)
			bytes = with_jobs(d, WEIR_JOB_FILL, page_bytes, node, bytes);
		if (states[k].state == WEIR_REGION_LEASED)
			bytes += weir_work_done_bytes(d->work, WEIR_JOB_GROW, page_bytes,
			                              node);
		weir_json_u64(j, states[k].key, bytes);
	}
}

struct place {
	uint64_t page_bytes, target, room;
	int node;
};

/* What is not ready, and not filled by now. */
static uint64_t lacking(const struct weir_daemon *d, const struct place *p)
{
	const struct weir_warm_state *state = weir_store_state(d->store);
	uint64_t has = 0, filled = 0;

	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		if (r->page_bytes != p->page_bytes || r->node != p->node)
			continue;
		has += r->state == WEIR_REGION_READY ? r->bytes : 0;
		filled += r->state == WEIR_REGION_FILLING ? r->filled_bytes : 0;
	}
	has += with_jobs(d, WEIR_JOB_FILL, p->page_bytes, p->node, filled);
	return weir_less(p->target, has);
}

/* null: not known, or never. */
static void put_seconds(struct weir_json *j, uint64_t bytes,
                        const struct weir_feed_rate *rate, bool blocked)
{
	uint64_t per_s = rate->fill_per_s + rate->scrub_per_s;

	if (!bytes)
		weir_json_u64(j, "seconds_to_full", 0);
	else if (per_s && !blocked)
		weir_json_u64(j, "seconds_to_full", bytes / per_s + (bytes % per_s > 0));
	else
		weir_json_null(j, "seconds_to_full");
}

static void put_store(struct weir_json *j, struct weir_daemon *d, const struct place *p)
{
	uint64_t page_bytes = p->page_bytes;
	int node = p->node;
	const char *blocked = weir_feed_blocked(d->feed, page_bytes, node, p->room);
	struct weir_feed_rate rate;

	weir_feed_rate(d->feed, page_bytes, node, &rate);
	weir_json_open(j, NULL, '{');
	weir_json_u64(j, "page_bytes", page_bytes);
	put_node(j, node);
	weir_json_u64(j, "target_bytes", p->target);
	put_states(j, d, page_bytes, node);
	weir_json_u64(j, "room_bytes", p->room);
	weir_json_u64(j, "fill_bytes_per_s", rate.fill_per_s);
	weir_json_u64(j, "scrub_bytes_per_s", rate.scrub_per_s);
	put_seconds(j, lacking(d, p), &rate, blocked != NULL);
	weir_json_strz(j, "blocked", blocked);
	weir_json_close(j);
}

struct places { /* sizes and nodes that have a target or a region */
	struct place *v;
	size_t nr, cap;
};

static int add_place(struct places *to, uint64_t page_bytes, int node, uint64_t target)
{
	for (size_t i = 0; i < to->nr; i++)
		if (to->v[i].page_bytes == page_bytes && to->v[i].node == node)
			return 0;
	if (weir_grow(&to->v, &to->cap, to->nr, sizeof(*to->v)) < 0)
		return -ENOMEM;
	to->v[to->nr++] = (struct place){ page_bytes, target, 0, node };
	return 0;
}

static int collect_places(const struct weir_daemon *d, struct places *out)
{
	const struct weir_warm_state *state = weir_store_state(d->store);
	struct weir_rooms rooms = { 0 };
	int r = weir_feed_rooms(d->feed, &rooms);

	for (size_t i = 0; i < state->nr_targets && r == 0; i++)
		r = add_place(out, state->targets[i].page_bytes, state->targets[i].node,
		              state->targets[i].bytes);
	for (size_t i = 0; i < state->nr_regions && r == 0; i++)
		r = add_place(out, state->regions[i].page_bytes, state->regions[i].node,
		              0);
	for (size_t i = 0; i < out->nr; i++)
		out->v[i].room = weir_rooms_of(&rooms, out->v[i].page_bytes,
		                               out->v[i].node);
	weir_rooms_done(&rooms);
	return r;
}

static void put_flavours(struct weir_json *j, const struct weir_daemon *d,
                         const struct places *places)
{
	struct weir_store_flavour flavours[WEIR_FLAVOURS_MAX];

	weir_json_open(j, "flavours", '[');
	for (size_t i = 0; i < places->nr; i++) {
		const struct place *p = &places->v[i];
		size_t nr = weir_store_flavours(d->store, p->page_bytes, p->node,
		                                flavours, WEIR_FLAVOURS_MAX);

		for (size_t k = 0; k < nr; k++) {
			weir_json_open(j, NULL, '{');
			weir_json_u64(j, "page_bytes", p->page_bytes);
			put_node(j, p->node);
			weir_json_u64(j, "bytes", flavours[k].bytes);
			weir_json_u64(j, "ready", flavours[k].ready);
			weir_json_u64(j, "wanted", flavours[k].wanted);
			weir_json_close(j);
		}
	}
	weir_json_close(j);
}

void weir_serve_warm(const struct weir_asked *a)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	struct weir_daemon *d = a->serve->d;
	struct places places = { 0 };
	struct weir_store_counts counts;

	weir_store_look(d->store);
	if (collect_places(d, &places) < 0)
		j.failed = -ENOMEM;
	weir_reply_open(&j, &a->m->id);
	weir_json_open(&j, "stores", '[');
	for (size_t i = 0; i < places.nr; i++)
		put_store(&j, d, &places.v[i]);
	weir_json_close(&j);
	put_flavours(&j, d, &places);
	weir_store_counts(d->store, &counts);
	weir_json_u64(&j, "leases", counts.leases);
	weir_json_u64(&j, "releases", counts.releases);
	weir_json_u64(&j, "warm_bytes_leased", counts.warm_bytes);
	weir_json_u64(&j, "cold_bytes_leased", counts.cold_bytes);
	weir_json_u64(&j, "verify_failures", counts.verify_failures);
	weir_json_close(&j);
	free(places.v);
	weir_serve_send(a->conn, &j, -1, 0);
}

/* ---- metrics ----------------------------------------------------------------------- */

static void tell_metrics(struct weir_serve *serve, struct weir_connection *conn,
                         const struct weir_message_id *id)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	if (weir_metrics_write(serve->d, &text) < 0)
		j.failed = -ENOMEM;
	weir_reply_open(&j, id);
	weir_json_str(&j, "text", weir_buf_str(&text));
	weir_json_close(&j);
	weir_serve_send(conn, &j, -1, 0);
}

void weir_serve_metrics(const struct weir_asked *a)
{
	if (weir_look_want(a->serve->d->look, WEIR_METRICS_AGE_MS) == WEIR_LOOK_COMING)
		(void)weir_serve_wait(a, WEIR_PENDING_METRICS);
	else
		tell_metrics(a->serve, a->conn, &a->m->id);
}

/* ---- after a look ------------------------------------------------------------------ */

static void tell_release(struct weir_serve *serve, struct weir_connection *conn,
                         const struct weir_pending *p)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	const struct weir_warm_region *region = weir_store_find(serve->d->store,
	                                                        p->lease);
	bool waits = region && region->state == WEIR_REGION_WAITING;

	weir_reply_open(&j, &p->id);
	weir_json_u64(&j, "lease", p->lease);
	weir_json_strz(&j, "state", waits ? "waiting" : "dirty");
	if (waits)
		put_holders(&j, serve->d, region);
	weir_json_close(&j);
	weir_serve_send(conn, &j, -1, 0);
}

void weir_serve_tell(struct weir_serve *serve, struct weir_connection *conn,
                     const struct weir_pending *p)
{
	switch (p->kind) {
	case WEIR_PENDING_RELEASE: tell_release(serve, conn, p); break;
	case WEIR_PENDING_LEASES: tell_leases(serve, conn, &p->id, p->after); break;
	case WEIR_PENDING_METRICS: tell_metrics(serve, conn, &p->id); break;
	case WEIR_PENDING_LEASE: /* waits for its job */
	case WEIR_PENDING_LATER:
	case WEIR_PENDING_ENDED: break;
	}
}
