/* serve_ask: what a request asks for, and may its user have it? */
#include "daemon/serve_parts.h"

#include "base/own.h"
#include "base/size.h"
#include "daemon/feed.h"
#include "facts/meminfo.h"

#include <errno.h>
#include <inttypes.h>
#include <pwd.h>
#include <stdio.h>

#define MEMINFO_MAX 65536U

static bool host_has_size(const struct weir_daemon *d, uint64_t page_bytes)
{
	char path[96];
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	(void)snprintf(path, sizeof(path),
	               "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/nr_hugepages",
	               page_bytes / 1024);
	return weir_host_read(d->host, path, 64, &text) == 0;
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

/* That of the host, where the store has none yet. */
static uint64_t default_size(const struct weir_daemon *d)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	struct weir_meminfo mem = { 0 };

	if (weir_host_read(d->host, "/proc/meminfo", MEMINFO_MAX, &text) == 0)
		(void)weir_meminfo_parse(weir_buf_str(&text), &mem, NULL);
	return mem.huge_size.n;
}

bool weir_serve_ask_place(const struct weir_asked *a, struct weir_lease_ask *ask)
{
	const struct weir_daemon *d = a->serve->d;
	char text[120], size[WEIR_SIZE_TEXT_MAX];

	ask->bytes = a->m->bytes;
	ask->node = a->m->node;
	ask->page_bytes = a->m->page_bytes ? a->m->page_bytes : smallest_size(d);
	if (!ask->page_bytes)
		ask->page_bytes = default_size(d);
	if (!ask->page_bytes) {
		weir_serve_refuse(a, WEIR_REFUSED_NO_SUCH_SIZE,
		                  "this host has no huge pages", NULL);
		return false;
	}
	(void)weir_format_size(ask->page_bytes, size, sizeof(size));
	if (a->m->page_bytes && !host_has_size(d, ask->page_bytes)) {
		(void)snprintf(text, sizeof(text), "this host has no pages of %s", size);
		weir_serve_refuse(a, WEIR_REFUSED_NO_SUCH_SIZE, text, NULL);
		return false;
	}
	if (ask->node >= 0 && !weir_feed_has_node(d->feed, ask->node)) {
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
static bool ask_owner(const struct weir_asked *a, struct weir_wanted *w)
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

bool weir_serve_ask(const struct weir_asked *a, struct weir_wanted *w)
{
	w->claim.fd = -1;
	w->ask.uid = a->peer->uid;
	w->ask.gid = a->peer->gid;
	w->ask.name = *a->m->name ? a->m->name : NULL;
	if (!weir_serve_ask_place(a, &w->ask) || !ask_rules(a, &w->ask) ||
	    !ask_owner(a, w))
		return false;
	/* what is kept for any node is there, too */
	if (w->ask.node >= 0 && w->ask.node == a->serve->d->only_node)
		w->ask.node = -1;
	w->ask.file_gid = a->m->has_user ? group_of(w->ask.file_uid, a->peer->gid)
	                                 : a->peer->gid;
	return true;
}

int weir_serve_ask_time(const struct weir_asked *a, uint64_t *ttl_ns)
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
