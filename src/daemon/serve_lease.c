/* serve_lease: the requests that change something: lease, release, renew, target. */
#include "daemon/serve_parts.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"
#include "daemon/feed.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#define LATER_MAX 64U /* leases of one user that wait for memory */

/* ---- what is asked for ------------------------------------------------------------- */

struct wanted {
	struct weir_lease_ask ask;
	struct weir_claim claim;
};

static bool host_has_size(const struct weir_daemon *d, uint64_t page_bytes)
{
	char path[96];
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	(void)snprintf(path, sizeof(path),
	               "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages",
	               page_bytes / 1024);
	return weir_host_read(d->host, path, 64, &text) == 0;
}

static bool host_has_node(const struct weir_daemon *d, int node)
{
	char path[96];
	weir_auto(weir_names_done) struct weir_names names = { 0 };

	(void)snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", node);
	return weir_host_list(d->host, path, &names) == 0;
}

/* The smallest that the store has. 0: none. */
static uint64_t smallest_size(const struct weir_daemon *d)
{
	const struct weir_warm_state *state = weir_store_state(d->store);
	uint64_t least = 0;

	for (size_t i = 0; i < state->nr_targets; i++)
		if (!least || state->targets[i].page_bytes < least)
			least = state->targets[i].page_bytes;
	for (size_t i = 0; i < state->nr_dirs; i++)
		if (!least || state->dirs[i].page_bytes < least)
			least = state->dirs[i].page_bytes;
	return least;
}

/* False: it was refused. */
static bool ask_place(const struct weir_asked *a, struct weir_lease_ask *ask)
{
	const struct weir_daemon *d = a->serve->d;
	char text[120], size[WEIR_SIZE_TEXT_MAX];

	ask->bytes = a->m->bytes;
	ask->node = a->m->node;
	ask->page_bytes = a->m->page_bytes ? a->m->page_bytes : smallest_size(d);
	if (!ask->page_bytes) {
		weir_serve_refuse(a, WEIR_REFUSED_NO_SUCH_SIZE,
		                  "the store has no pages of any size",
		                  "say which pages are wanted");
		return false;
	}
	(void)weir_format_size(ask->page_bytes, size, sizeof(size));
	if (a->m->page_bytes && !host_has_size(d, ask->page_bytes)) {
		(void)snprintf(text, sizeof(text), "this host has no pages of %s", size);
		weir_serve_refuse(a, WEIR_REFUSED_NO_SUCH_SIZE, text, NULL);
		return false;
	}
	if (ask->node >= 0 && !host_has_node(d, ask->node)) {
		(void)snprintf(text, sizeof(text), "this host has no node %d", ask->node);
		weir_serve_refuse(a, WEIR_REFUSED_NO_SUCH_NODE, text, NULL);
		return false;
	}
	if (ask->bytes % ask->page_bytes) {
		(void)snprintf(text, sizeof(text),
		               "%" PRIu64 " bytes are not whole pages of %s", ask->bytes,
		               size);
		weir_serve_refuse(a, WEIR_REFUSED_BAD_REQUEST, text, NULL);
		return false;
	}
	return true;
}

static void count_his(const struct weir_asked *a, struct weir_rule_ask *out)
{
	const struct weir_warm_state *state = weir_store_state(a->serve->d->store);

	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		if (!r->lease.id || r->lease.uid != a->peer->uid)
			continue;
		out->has_bytes += r->bytes;
		out->has_leases++;
	}
}

static bool wants_groups(const struct weir_rules *rules)
{
	for (size_t i = 0; i < rules->nr; i++)
		if (rules->v[i].group.name)
			return true;
	return false;
}

static int caller_of(const struct weir_asked *a, struct weir_rule_caller *out)
{
	*out = (struct weir_rule_caller){ .uid = a->peer->uid, .gid = a->peer->gid };
	if (a->peer->uid == 0 || !wants_groups(&a->serve->d->conf.rules))
		return 0;
	return weir_connection_groups(a->conn, &out->groups, &out->nr_groups);
}

/* False: it was refused. */
static bool ask_rules(const struct weir_asked *a, struct weir_lease_ask *ask)
{
	struct weir_rule_ask rule = {
		.bytes = ask->bytes,
		.page_bytes = ask->page_bytes,
		.node = ask->node,
		.warm_only = a->m->warm_only,
		.ttl_ns = a->m->ttl_ns,
		.file_uid = a->m->has_user ? a->m->user : a->peer->uid,
	};
	struct weir_rule_caller caller;
	char help[WEIR_RULE_HELP_MAX];
	struct weir_err err = { 0 };
	int r;

	count_his(a, &rule);
	r = caller_of(a, &caller);
	if (r == 0)
		r = weir_rules_ask(&a->serve->d->conf.rules, &caller, &rule, help, &err);
	if (r == -EPERM || r == -EDQUOT)
		weir_serve_refuse(
			a, r == -EPERM ? WEIR_REFUSED_NOT_ALLOWED : WEIR_REFUSED_QUOTA,
			err.msg, help);
	else if (r < 0)
		weir_serve_refuse(a, WEIR_REFUSED_FAILED, "no memory", NULL);
	ask->node = rule.node;
	ask->warm_only = rule.warm_only;
	ask->ttl_ns = rule.ttl_ns;
	ask->file_uid = rule.file_uid;
	return r == 0;
}

static uint32_t group_of(uint32_t uid, uint32_t otherwise)
{
	const struct passwd *user = getpwuid(uid);

	return user ? user->pw_gid : otherwise;
}

/* False: it was refused. */
static bool ask_owner(const struct weir_asked *a, struct wanted *w)
{
	struct weir_err err = { 0 };
	int r;

	if (a->later) {
		w->ask.owner = a->later->owner;
		w->claim = a->later->claim;
		a->later->claim.fd = -1;
		return true;
	}
	w->ask.owner = a->m->owner;
	r = weir_claim_make(weir_endings_owners(a->serve->d->endings), &w->ask.owner,
	                    a->peer->uid, &w->claim, &err);
	if (r < 0)
		weir_serve_refuse(a,
		                  r == -ESRCH   ? WEIR_REFUSED_NO_SUCH_OWNER
		                  : r == -EPERM ? WEIR_REFUSED_NOT_ALLOWED
		                                : WEIR_REFUSED_FAILED,
		                  err.msg, NULL);
	return r == 0;
}

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

static void wait_for_memory(const struct weir_asked *a, struct wanted *w)
{
	struct weir_pending *p;

	if (many_wait(a)) {
		weir_serve_refuse(a, WEIR_REFUSED_BUSY,
		                  "too many leases of this user wait for memory",
		                  "try again when they have it");
		return;
	}
	p = weir_serve_wait(a, WEIR_PENDING_LATER);
	if (!p)
		return;
	p->m = *a->m;
	p->uid = a->peer->uid;
	p->owner = w->ask.owner;
	p->claim = w->claim;
	w->claim.fd = -1;
	weir_work_hurry(a->serve->d->work, true);
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
	case -EAGAIN: return "wait for weird to fill the store, or do without warm_only";
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

static void put_lease(struct weir_json *j, const struct weir_lease *lease,
                      uint64_t took_ns)
{
	weir_json_u64(j, "lease", lease->id);
	weir_json_strz(j, "path", lease->path);
	weir_json_u64(j, "bytes", lease->bytes);
	weir_json_u64(j, "page_bytes", lease->page_bytes);
	if (lease->node < 0)
		weir_json_null(j, "node");
	else
		weir_json_u64(j, "node", (uint64_t)lease->node);
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
		put_lease(&j, lease, took_ns);
		tell_log(serve, lease, took_ns);
	}
	weir_endings_changed(serve->d->endings);
	weir_serve_send(conn, &j, fd, granted ? lease->id : 0);
}

static void wait_for_growth(const struct weir_asked *a, struct wanted *w,
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

static void make_lease(const struct weir_asked *a, struct wanted *w)
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

	if (!is_warm(serve->d->store, &w->ask))
		w->ask.room_bytes = weir_feed_lease_room(serve->d->feed,
		                                         w->ask.page_bytes, w->ask.node);
	r = weir_store_lease(serve->d->store, &w->ask, &lease, &err);
	if (r == WEIR_LEASE_GROWING) {
		wait_for_growth(a, w, &lease);
		return;
	}
	if (r == -ENOMEM && is_coming(serve->d, &w->ask)) {
		wait_for_memory(a, w);
		return;
	}
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
	struct wanted w = { .claim = { .fd = -1 } };

	w.ask.uid = a->peer->uid;
	w.ask.gid = a->peer->gid;
	w.ask.name = *a->m->name ? a->m->name : NULL;
	if (!ask_place(a, &w.ask) || !ask_rules(a, &w.ask) || !ask_owner(a, &w))
		return;
	w.ask.file_gid = a->m->has_user ? group_of(w.ask.file_uid, a->peer->gid)
	                                : a->peer->gid;
	make_lease(a, &w);
	weir_claim_done(&w.claim);
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

/* A rule's time holds for each new end, too. 0, or it was refused. */
static int check_time(const struct weir_asked *a, uint64_t *ttl_ns)
{
	struct weir_rule_caller caller;
	const struct weir_rule *rule;

	if (a->peer->uid == 0)
		return 0;
	if (caller_of(a, &caller) < 0) {
		weir_serve_refuse(a, WEIR_REFUSED_FAILED, "no memory", NULL);
		return -ENOMEM;
	}
	rule = weir_rules_find(&a->serve->d->conf.rules, &caller);
	if (!rule || (rule->ttl_ns && *ttl_ns > rule->ttl_ns)) {
		weir_serve_refuse(a, WEIR_REFUSED_NOT_ALLOWED,
		                  rule ? "the rule gives no lease for so long"
		                       : "no rule is about this user any more",
		                  NULL);
		return -EPERM;
	}
	if (!*ttl_ns)
		*ttl_ns = rule->ttl_ns;
	return 0;
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
	if (check_time(a, &ttl_ns) < 0)
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
	if (!ask_place(a, &place))
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
