/* serve: see serve.h. */
#include "daemon/serve_parts.h"

#include "base/own.h"
#include "daemon/feed.h"

#include <errno.h>
#include <inttypes.h>

/* ---- replies ----------------------------------------------------------------------- */

void weir_serve_send(struct weir_connection *conn, struct weir_json *j, int fd,
                     uint64_t lease)
{
	static const char failed[] = "{\"weir\":1,\"ok\":false,\"error\":{\"code\":"
				     "\"failed\",\"text\":\"no memory\",\"help\":null}}"
				     "\n";

	if (j->failed)
		weir_connection_reply(conn, weir_strz(failed), -1, 0);
	else
		weir_connection_reply(conn, weir_buf_str(&j->out), fd, lease);
	if (j->failed && fd >= 0)
		(void)close(fd);
}

void weir_serve_refuse(const struct weir_asked *a, enum weir_refused code,
                       const char *text, const char *help)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };

	if (a->m->op == WEIR_REQUEST_LEASE)
		a->serve->results[code]++;
	weir_reply_refuse(&j, &a->m->id, code, text, help);
	weir_serve_send(a->conn, &j, -1, 0);
}

bool weir_serve_is_his(const struct weir_peer *peer, const struct weir_warm_lease *lease)
{
	return peer->uid == 0 || peer->uid == lease->uid;
}

int weir_serve_node(const struct weir_daemon *d, int node)
{
	return node < 0 ? d->only_node : node;
}

uint64_t weir_serve_device(const struct weir_daemon *d,
                           const struct weir_warm_region *region)
{
	const struct weir_warm_state *state = weir_store_state(d->store);

	for (size_t i = 0; i < state->nr_dirs; i++)
		if (state->dirs[i].page_bytes == region->page_bytes)
			return state->dirs[i].device;
	return 0;
}

/* ---- what waits -------------------------------------------------------------------- */

void weir_pending_free(struct weir_pending *p)
{
	weir_claim_done(&p->claim);
	free(p);
}

struct weir_pending *weir_serve_wait(const struct weir_asked *a,
                                     enum weir_pending_kind kind)
{
	struct weir_pending *p = calloc(1, sizeof(*p));

	if (!p) {
		weir_serve_refuse(a, WEIR_REFUSED_FAILED, "no memory", NULL);
		return NULL;
	}
	p->kind = kind;
	p->conn = weir_connection_id(a->conn);
	p->id = a->m->id;
	p->began_ns = a->began_ns;
	p->claim.fd = -1;
	p->next = a->serve->pending;
	a->serve->pending = p;
	return p;
}

/* A look that was begun before the lease ended may have missed who has its file. */
static bool waits_on(const struct weir_serve *serve, struct weir_pending *p)
{
	const struct weir_seen *seen = weir_look_last(serve->d->look);

	if (p->kind == WEIR_PENDING_LEASE || p->kind == WEIR_PENDING_LATER ||
	    p->kind == WEIR_PENDING_ENDED)
		return true;
	if (p->kind != WEIR_PENDING_RELEASE || p->looked || !seen ||
	    seen->at_ns >= p->began_ns)
		return false;
	p->looked = true;
	return weir_look_want(serve->d->look, 0) == WEIR_LOOK_COMING;
}

/* Those that wait for a look leave the list together: replying may bring new ones. */
void weir_serve_seen(struct weir_serve *serve)
{
	struct weir_pending *ready = NULL, *p;

	for (struct weir_pending **link = &serve->pending; *link;) {
		p = *link;
		if (waits_on(serve, p)) {
			link = &p->next;
			continue;
		}
		*link = p->next;
		p->next = ready;
		ready = p;
	}
	while (ready) {
		struct weir_connection *conn;

		p = ready;
		ready = p->next;
		conn = weir_server_find(serve->d->server, p->conn);
		if (conn)
			weir_serve_tell(serve, conn, p);
		weir_pending_free(p);
	}
}

/* ---- ends -------------------------------------------------------------------------- */

static void untie(struct weir_serve *serve, uint64_t lease)
{
	for (size_t i = 0; i < serve->nr_tied; i++)
		if (serve->tied[i].lease == lease) {
			serve->tied[i] = serve->tied[--serve->nr_tied];
			return;
		}
}

/* One that waited for its turn to grow: nothing of it is left, and no job tells so. */
static void end_waiting(struct weir_serve *serve, uint64_t lease)
{
	if (weir_store_find(serve->d->store, lease))
		return;
	for (struct weir_pending *p = serve->pending; p; p = p->next)
		if (p->kind == WEIR_PENDING_LEASE && p->lease == lease)
			p->kind = WEIR_PENDING_ENDED;
}

int weir_serve_end(struct weir_serve *serve, uint64_t lease, const char *why,
                   struct weir_err *err)
{
	struct weir_daemon *d = serve->d;
	const struct weir_warm_region *region;
	int r = weir_store_release(d->store, lease, err);

	if (r == -ENOENT)
		return r;
	if (r < 0) {
		weir_event(&d->log, WEIR_EVENT_ERROR, "release-failed",
		           "lease=%" PRIu64 " why=%s", lease,
		           weir_quote(&(struct weir_quote){ 0 }, err ? err->msg : ""));
		return r;
	}
	weir_endings_remove(d->endings, lease);
	untie(serve, lease);
	region = weir_store_find(d->store, lease);
	weir_event(&d->log, WEIR_EVENT_INFO, "release",
	           "lease=%" PRIu64 " by=%s state=%s", lease, why,
	           region ? weir_region_state_word(region->state) : "dirty");
	weir_endings_changed(d->endings);
	end_waiting(serve, lease);
	weir_serve_retry(serve);
	weir_feed_kick(d->feed);
	return 0;
}

void weir_serve_ended(struct weir_serve *serve, uint64_t lease, const char *why)
{
	struct weir_err err = { 0 };

	(void)weir_serve_end(serve, lease, why, &err);
}

/* Whom a lease was not told, for him it is of no use. */
static void on_lost(void *ctx, uint64_t lease)
{
	struct weir_serve *serve = ctx;

	if (!serve->d->is_stopping)
		weir_serve_ended(serve, lease, "connection");
}

static void on_closed(void *ctx, uint64_t conn)
{
	struct weir_serve *serve = ctx;
	size_t i = 0;

	if (serve->d->is_stopping)
		return;
	for (struct weir_pending *p = serve->pending; p; p = p->next) {
		if (p->conn != conn)
			continue;
		p->conn = 0;
		/* nobody is there to be told of it */
		if (p->kind == WEIR_PENDING_LEASE)
			weir_serve_ended(serve, p->lease, "connection");
	}
	weir_serve_retry(serve); /* he may have waited, and the others may have it now */
	while (i < serve->nr_tied) {
		uint64_t lease = serve->tied[i].lease;

		if (serve->tied[i].conn != conn) {
			i++;
			continue;
		}
		serve->tied[i] = serve->tied[--serve->nr_tied];
		weir_serve_ended(serve, lease, "connection");
	}
}

/* ---- requests ---------------------------------------------------------------------- */

static void on_line(void *ctx, struct weir_connection *conn, struct weir_str line)
{
	struct weir_serve *serve = ctx;
	struct weir_message m;
	struct weir_err err = { 0 };
	enum weir_refused code;
	struct weir_asked a = { .serve = serve,
		                .conn = conn,
		                .m = &m,
		                .peer = weir_connection_peer(conn),
		                .began_ns = weir_now_ns() };

	if (weir_message_parse(line, &m, &code, &err) < 0) {
		weir_auto(weir_json_done) struct weir_json j = { 0 };

		weir_reply_refuse(&j, &m.id, code, err.msg, NULL);
		weir_serve_send(conn, &j, -1, 0);
		return;
	}
	switch (m.op) {
	case WEIR_REQUEST_LEASE: weir_serve_lease(&a); break;
	case WEIR_REQUEST_RELEASE: weir_serve_release(&a); break;
	case WEIR_REQUEST_RENEW: weir_serve_renew(&a); break;
	case WEIR_REQUEST_LEASES: weir_serve_leases(&a); break;
	case WEIR_REQUEST_WARM: weir_serve_warm(&a); break;
	case WEIR_REQUEST_TARGET: weir_serve_target(&a); break;
	case WEIR_REQUEST_METRICS: weir_serve_metrics(&a); break;
	}
}

static void on_cut(void *ctx, bool too_long, struct weir_buf *out)
{
	weir_auto(weir_json_done) struct weir_json j = { 0 };
	const struct weir_message_id none = { .kind = WEIR_ID_NONE };

	(void)ctx;
	if (too_long)
		weir_reply_refuse(&j, &none, WEIR_REFUSED_TOO_LONG,
		                  "a request has 16 KiB at most", NULL);
	else
		weir_reply_refuse(&j, &none, WEIR_REFUSED_BUSY, "too many connections",
		                  "close some");
	if (!j.failed && weir_buf_add(out, weir_buf_str(&j.out)) < 0)
		return;
}

const struct weir_server_calls weir_serve_calls = { on_line, on_cut, on_lost, on_closed };

const uint64_t *weir_serve_results(const struct weir_serve *serve)
{
	return serve->results;
}

int weir_serve_new(struct weir_daemon *d, struct weir_serve **out, struct weir_err *err)
{
	struct weir_serve *serve = calloc(1, sizeof(*serve));
	int r;

	if (!serve)
		return weir_err_sys(err, -ENOMEM, "start");
	serve->d = d;
	r = weir_timer_new(d->loop, weir_serve_on_due, serve, &serve->due, err);
	if (r < 0) {
		free(serve);
		return r;
	}
	*out = serve;
	return 0;
}

void weir_serve_free(struct weir_serve *serve)
{
	if (!serve)
		return;
	weir_timer_free(serve->due);
	while (serve->pending) {
		struct weir_pending *p = serve->pending;

		serve->pending = p->next;
		weir_pending_free(p);
	}
	free(serve->tied);
	free(serve);
}
