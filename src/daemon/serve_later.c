/* serve_later: leases whose memory is still being zeroed wait for it. They are tried
 * again whenever some may have come back. */
#include "daemon/serve_parts.h"

#include "base/ckd.h"
#include "base/own.h"
#include "daemon/feed.h"

#define LATER_MAX 64U /* leases of one user that wait for memory */

/* Will there be enough when what is zeroed now is ready? All else that the store could
 * give back it has given back. */
static bool is_coming(const struct weir_daemon *d, const struct weir_lease_ask *ask)
{
	const struct weir_warm_state *state = weir_store_state(d->store);
	uint64_t sum = ask->room_bytes, coming = 0;

	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];
		/* what is reserved on one node counts on all others, too: the kernel has
		 * one number of reserved pages for a size */
		bool works = r->state == WEIR_REGION_FILLING ||
		             r->state == WEIR_REGION_SCRUBBING;
		bool has = (r->state == WEIR_REGION_READY ||
		            r->state == WEIR_REGION_DIRTY) &&
		           (ask->node < 0 || r->node == ask->node);

		if (r->page_bytes != ask->page_bytes || !(works || has))
			continue;
		coming += works;
		/* what is filled is reserved, and not in the pool's room any more */
		if (ckd_add(&sum, sum, works ? r->bytes : r->filled_bytes))
			sum = UINT64_MAX;
	}
	return coming && weir_work_running(d->work) && sum >= ask->bytes;
}

static bool many_wait(const struct weir_asked *a)
{
	size_t nr = 0;

	for (const struct weir_pending *p = a->serve->pending; p; p = p->next)
		nr += p->kind == WEIR_PENDING_LATER && p->uid == a->peer->uid;
	return nr >= LATER_MAX;
}

bool weir_serve_later(const struct weir_asked *a, struct weir_wanted *w)
{
	struct weir_pending *p;

	if (!is_coming(a->serve->d, &w->ask))
		return false;
	if (many_wait(a)) {
		weir_serve_refuse(a, WEIR_REFUSED_BUSY,
		                  "too many leases of this user wait for memory",
		                  "try again when they have it");
		return true;
	}
	p = weir_serve_wait(a, WEIR_PENDING_LATER);
	if (!p)
		return true;
	p->m = *a->m;
	p->uid = a->peer->uid;
	p->owner = w->ask.owner;
	p->claim = w->claim;
	w->claim.fd = -1;
	weir_work_hurry(a->serve->d->work, true);
	return true;
}

static void try_again(struct weir_serve *serve, struct weir_pending *p)
{
	struct weir_connection *conn = weir_server_find(serve->d->server, p->conn);
	struct weir_asked a = { .serve = serve,
		                .conn = conn,
		                .m = &p->m,
		                .peer = conn ? weir_connection_peer(conn) : NULL,
		                .began_ns = p->began_ns,
		                .later = p };

	if (conn && serve->d->is_stopping)
		weir_serve_refuse(&a, WEIR_REFUSED_BUSY, "weird is stopping", NULL);
	else if (conn)
		weir_serve_lease(&a);
}

static bool is_tried(const struct weir_pending *p)
{
	return p->kind == WEIR_PENDING_LATER || p->kind == WEIR_PENDING_ENDED;
}

bool weir_serve_is_due(const struct weir_serve *serve)
{
	return weir_timer_is_set(serve->due);
}

/* From the loop: to reply may end connections, and whoever calls may be looking at one.
 */
void weir_serve_retry(struct weir_serve *serve)
{
	for (const struct weir_pending *p = serve->pending; p; p = p->next)
		if (is_tried(p)) {
			weir_timer_at(serve->due, weir_now_ns());
			return;
		}
}

static void tell_ended(struct weir_serve *serve, struct weir_pending *p)
{
	struct weir_connection *conn = weir_server_find(serve->d->server, p->conn);
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	if (!conn)
		return;
	serve->results[WEIR_REFUSED_NO_SUCH_LEASE]++;
	weir_reply_refuse(&j, &p->id, WEIR_REFUSED_NO_SUCH_LEASE,
	                  "it was released before its memory was there", NULL);
	weir_serve_send(conn, &j, -1, 0);
}

/* The oldest first. They leave the list together: those that wait on come back to it. */
void weir_serve_on_due(void *ctx)
{
	struct weir_serve *serve = ctx;
	struct weir_pending *all = NULL, *p;

	for (struct weir_pending **link = &serve->pending; *link;) {
		p = *link;
		if (!is_tried(p)) {
			link = &p->next;
			continue;
		}
		*link = p->next;
		p->next = all;
		all = p;
	}
	weir_work_hurry(serve->d->work, false); /* who waits on says so again */
	while (all) {
		p = all;
		all = p->next;
		if (p->kind == WEIR_PENDING_LATER)
			try_again(serve, p);
		else
			tell_ended(serve, p);
		weir_pending_free(p);
	}
	weir_feed_kick(serve->d->feed);
}
