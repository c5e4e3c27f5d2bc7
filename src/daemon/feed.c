/* feed: see feed.h. Jobs come from the store, and room for them from supply.h; what the
 * pools lack, growth.h may bring. */
#include "daemon/feed.h"

#include "base/own.h"
#include "base/size.h"
#include "daemon/rates.h"
#include "daemon/serve.h"
#include "daemon/supply.h"
#include "facts/nodes.h"
#include "warm/choose.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define AGAIN_MIN_MS 1000U
#define AGAIN_MAX_MS 10000U

struct weir_feed {
	struct weir_daemon *d;
	struct weir_supply supply;
	struct weir_timer *again;
	struct weir_timer *back; /* set: more is given back in the next turn */
	uint64_t again_ms;
	struct weir_rates rates;
	char trouble[248]; /* what could not be given back, as it was told */
};

/* ---- what is lacking --------------------------------------------------------------- */

static uint64_t target_of(const struct weir_warm_state *state, uint64_t page_bytes,
                          int node)
{
	for (size_t i = 0; i < state->nr_targets; i++)
		if (state->targets[i].page_bytes == page_bytes &&
		    state->targets[i].node == node)
			return state->targets[i].bytes;
	return 0;
}

uint64_t weir_feed_missing(const struct weir_feed *feed, uint64_t page_bytes, int node)
{
	const struct weir_warm_state *state = weir_store_state(feed->d->store);
	uint64_t target = target_of(state, page_bytes, node);
	uint64_t has = weir_choose_has(state, page_bytes, node);

	return target > has ? target - has : 0;
}

static bool is_missing(const struct weir_feed *feed)
{
	const struct weir_warm_state *state = weir_store_state(feed->d->store);

	for (size_t i = 0; i < state->nr_targets; i++)
		if (weir_feed_missing(feed, state->targets[i].page_bytes,
		                      state->targets[i].node))
			return true;
	return false;
}

/* Does anything take pages from the pools: a fill, or a scrub of what has holes? */
static bool wants_room(const struct weir_feed *feed)
{
	const struct weir_warm_state *state = weir_store_state(feed->d->store);

	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *r = &state->regions[i];

		if (r->filled_bytes < r->bytes &&
		    (r->state == WEIR_REGION_DIRTY || r->state == WEIR_REGION_FILLING))
			return true;
	}
	return is_missing(feed);
}

int weir_feed_lease_rooms(struct weir_feed *feed, struct weir_rooms *out)
{
	return weir_supply_for_lease(&feed->supply, out);
}

int weir_feed_rooms(const struct weir_feed *feed, struct weir_rooms *out)
{
	return weir_supply_show(&feed->supply, out);
}

/* ---- growth ------------------------------------------------------------------------ */

static bool pages_of(void *ctx, uint64_t page_bytes, int node, uint64_t *out)
{
	struct weir_feed *feed = ctx;
	struct weir_pools pools = { 0 };
	const struct weir_huge_size *size = NULL;
	struct weir_count n = { 0 };

	if (weir_rooms_read_pools(feed->d->host, &pools) == 0)
		size = weir_pools_size(&pools, page_bytes);
	if (size && node < 0)
		n = weir_pool_persistent(&size->all);
	for (size_t i = 0; size && i < size->nr_nodes; i++)
		if ((int)size->nodes[i].node == node)
			n = weir_pool_persistent(&size->nodes[i].pool);
	weir_pools_done(&pools);
	*out = n.n;
	return n.known;
}

static void begin(struct weir_feed *feed, uint64_t page_bytes, int node, uint64_t pages,
                  bool more)
{
	struct weir_daemon *d = feed->d;
	struct weir_grown pool = { page_bytes, pages, node };
	char size[WEIR_SIZE_TEXT_MAX], floor[WEIR_SIZE_TEXT_MAX];
	struct weir_err err = { 0 };
	int r;

	(void)weir_format_size(page_bytes, size, sizeof(size));
	(void)weir_format_size(d->conf.budget.floor_bytes.n, floor, sizeof(floor));
	weir_event(&d->log, WEIR_EVENT_NOTICE, more ? "pool-grow" : "pool-shrink",
	           "size=%s node=%d pages=%" PRIu64, size, node, pages);
	r = weir_growth_begin(d->growth, &pool, more,
	                      d->conf.budget.floor_bytes.known ? floor : NULL, &err);
	if (r < 0)
		weir_event(&d->log, WEIR_EVENT_WARNING, "pool-change-failed", "why=%s",
		           weir_quote(&(struct weir_quote){ 0 }, err.msg));
}

static void on_grown(void *ctx, const struct weir_grown *pool, bool more, uint64_t got,
                     const char *why)
{
	struct weir_feed *feed = ctx;
	char size[WEIR_SIZE_TEXT_MAX];

	(void)weir_format_size(pool->page_bytes, size, sizeof(size));
	weir_event(&feed->d->log, *why ? WEIR_EVENT_WARNING : WEIR_EVENT_NOTICE,
	           more ? "pool-grown" : "pool-shrunk",
	           "size=%s node=%d pages=%" PRIu64 " wanted=%" PRIu64 "%s%s", size,
	           pool->node, got, pool->pages, *why ? " why=" : "",
	           *why ? weir_quote(&(struct weir_quote){ 0 }, why) : "");
	weir_supply_is_stale(&feed->supply);
	weir_feed_kick(feed);
}

/* What is lacking, and never more of it than the target: pages that others take as fast
 * as they come are not brought for ever. */
static bool grow_one(struct weir_feed *feed, const struct weir_warm_target *t)
{
	uint64_t page = t->page_bytes, lacks, most = t->bytes / page;
	uint64_t missing = weir_feed_missing(feed, page, t->node);
	uint64_t room = weir_rooms_of(&feed->supply.rooms, page, t->node);
	uint64_t grown = weir_growth_of(feed->d->growth, page, t->node);

	if (missing <= room || grown >= most)
		return false;
	lacks = (missing - room + page - 1) / page;
	begin(feed, page, t->node, lacks < most - grown ? lacks : most - grown, true);
	return true;
}

/* What is free again, and was ours to add. */
static bool shrink_one(struct weir_feed *feed, uint64_t page_bytes, int node)
{
	uint64_t grown = weir_growth_of(feed->d->growth, page_bytes, node);
	uint64_t room = weir_rooms_of(&feed->supply.rooms, page_bytes, node) / page_bytes;

	if (!grown || !room || weir_feed_missing(feed, page_bytes, node))
		return false;
	begin(feed, page_bytes, node, grown < room ? grown : room, false);
	return true;
}

/* At most one change at a time. */
static void change_pools(struct weir_feed *feed)
{
	const struct weir_warm_state *state = weir_store_state(feed->d->store);
	const struct weir_rooms *rooms = &feed->supply.rooms;
	const struct weir_conf *conf = &feed->d->conf;

	if (!weir_growth_may(feed->d->growth) || !weir_supply_see(&feed->supply))
		return;
	for (size_t i = 0; conf->grow && i < state->nr_targets; i++)
		if (grow_one(feed, &state->targets[i]))
			return;
	for (size_t i = 0; conf->shrink && i < rooms->nr; i++)
		if (shrink_one(feed, rooms->v[i].page_bytes, rooms->v[i].node))
			return;
}

/* ---- rates ------------------------------------------------------------------------- */

static void see_rate(struct weir_feed *feed, uint64_t page_bytes, int node,
                     struct weir_feed_rate *out)
{
	const struct weir_work *work = feed->d->work;
	struct weir_rate rate;

	weir_rates_see(
		&feed->rates, page_bytes, node, weir_now_ns(),
		weir_work_done_bytes(work, WEIR_JOB_FILL, page_bytes, node) +
			weir_work_done_bytes(work, WEIR_JOB_GROW, page_bytes, node),
		weir_work_done_bytes(work, WEIR_JOB_SCRUB, page_bytes, node), &rate);
	if (out)
		*out = (struct weir_feed_rate){ rate.per_s[WEIR_RATE_FILL],
			                        rate.per_s[WEIR_RATE_SCRUB],
			                        rate.done[WEIR_RATE_FILL],
			                        rate.done[WEIR_RATE_SCRUB] };
}

/* The next time to look at pools that had no room, and what else time brings. */
static void set_again(struct weir_feed *feed)
{
	bool waits = wants_room(feed) || *weir_store_trouble(feed->d->store) ||
	             (feed->d->conf.shrink && weir_growth_has_any(feed->d->growth));

	if (!waits) {
		weir_timer_at(feed->again, 0);
		feed->again_ms = AGAIN_MIN_MS;
	} else if (!weir_timer_is_set(feed->again)) {
		weir_timer_in_ms(feed->again, feed->again_ms);
	}
}

/* ---- jobs -------------------------------------------------------------------------- */

/* Once for each trouble: it is tried again with each job. */
static void tell_trouble(struct weir_feed *feed)
{
	const char *trouble = weir_store_trouble(feed->d->store);

	if (*trouble && strcmp(trouble, feed->trouble) != 0)
		weir_event(&feed->d->log, WEIR_EVENT_WARNING, "give-back-failed",
		           "why=%s", weir_quote(&(struct weir_quote){ 0 }, trouble));
	(void)snprintf(feed->trouble, sizeof(feed->trouble), "%s", trouble);
}

static int next(void *ctx, int node, bool only_grow, struct weir_warm_job *out)
{
	struct weir_feed *feed = ctx;
	struct weir_job_wish wish = { .node = node,
		                      .only_grow = only_grow,
		                      .no_back = weir_timer_is_set(feed->back) };
	const struct weir_rooms *rooms;
	struct weir_err err = { 0 };
	int r;

	/* leases that wait are tried first, and then it is asked again */
	if (feed->d->is_stopping || (!only_grow && weir_serve_is_due(feed->d->serve)))
		return WEIR_JOB_NONE;
	if (!only_grow && wants_room(feed)) {
		(void)weir_supply_see(&feed->supply);
		rooms = weir_supply_offer(&feed->supply);
		wish.rooms = rooms->v;
		wish.nr_rooms = rooms->nr;
	}
	r = weir_store_next_job(feed->d->store, &wish, out, &err);
	tell_trouble(feed);
	if (weir_store_has_back(feed->d->store) && !weir_timer_is_set(feed->back))
		weir_timer_at(feed->back, weir_now_ns());
	if (r == 0) /* the rate of the first seconds is from here */
		see_rate(feed, out->page_bytes, out->node, NULL);
	if (r == 0) /* a scrub fills holes */
		weir_supply_take(&feed->supply, out->page_bytes, out->node,
		                 out->bytes - out->filled_bytes);
	if (r < 0)
		weir_event(&feed->d->log, WEIR_EVENT_WARNING, "no-job", "why=%s",
		           weir_quote(&(struct weir_quote){ 0 }, err.msg));
	if (r != 0 && !only_grow) /* what ends after this may be the last to ask */
		set_again(feed);
	return r;
}

static void tell_failed(struct weir_feed *feed, const struct weir_warm_job *job,
                        int result, const struct weir_err *err)
{
	static const char *const kinds[] = { [WEIR_JOB_GROW] = "grow",
		                             [WEIR_JOB_SCRUB] = "scrub",
		                             [WEIR_JOB_FILL] = "fill" };
	bool bad = result == -EILSEQ || result == -EHWPOISON;

	weir_event(&feed->d->log, bad ? WEIR_EVENT_ERROR : WEIR_EVENT_WARNING,
	           "job-failed", "kind=%s region=%" PRIu64 " why=%s", kinds[job->kind],
	           job->region, weir_quote(&(struct weir_quote){ 0 }, err->msg));
}

/* The node that a region is kept for, -1: any. */
static int place_of(const struct weir_feed *feed, const struct weir_warm_job *job)
{
	const struct weir_warm_state *state = weir_store_state(feed->d->store);

	for (size_t i = 0; i < state->nr_regions; i++)
		if (state->regions[i].id == job->region)
			return state->regions[i].node;
	return job->node;
}

static void done(void *ctx, struct weir_warm_job *job, int result,
                 const struct weir_err *job_err)
{
	struct weir_feed *feed = ctx;
	struct weir_warm_job was = *job;
	struct weir_lease lease = { 0 };
	struct weir_err err = *job_err;
	int r;

	was.node = place_of(feed, job); /* a job learns where its pages lie */
	weir_rates_add(&feed->rates, was.page_bytes, was.node, was.kind == WEIR_JOB_SCRUB,
	               was.done_bytes);
	see_rate(feed, was.page_bytes, was.node, NULL);
	r = weir_store_job_done(feed->d->store, job, result, &lease, &err);
	if (was.kind == WEIR_JOB_FILL && result < 0 && result != -ECANCELED)
		weir_supply_hold_off(&feed->supply, was.page_bytes, was.node);
	else if (was.kind == WEIR_JOB_FILL && result == 0)
		weir_supply_let_go(&feed->supply, was.page_bytes, was.node);
	else if (was.kind == WEIR_JOB_GROW)
		weir_supply_is_stale(&feed->supply);
	if (r < 0 && r != -ECANCELED)
		tell_failed(feed, &was, r, &err);
	if (was.kind == WEIR_JOB_GROW)
		weir_serve_grown(feed->d->serve, was.region, r, &lease, &err);
	weir_serve_retry(feed->d->serve);
}

static void on_again(void *ctx)
{
	struct weir_feed *feed = ctx;

	feed->again_ms = feed->again_ms * 2 < AGAIN_MAX_MS ? feed->again_ms * 2
	                                                   : AGAIN_MAX_MS;
	weir_work_kick(feed->d->work);
	if (!weir_work_running(feed->d->work))
		change_pools(feed);
	set_again(feed);
}

static void on_back(void *ctx)
{
	struct weir_feed *feed = ctx;

	weir_work_kick(feed->d->work);
}

void weir_feed_kick(struct weir_feed *feed)
{
	if (feed->d->is_stopping)
		return;
	feed->again_ms = AGAIN_MIN_MS;
	weir_work_kick(feed->d->work);
	set_again(feed);
}

void weir_feed_seen(struct weir_feed *feed)
{
	if (!feed->supply.waits_for_look)
		return;
	feed->supply.waits_for_look = false;
	weir_supply_is_stale(&feed->supply);
	weir_feed_kick(feed);
}

/* The smallest region that is wanted, and is not there; without one all that is lacking
 * is one region. */
static uint64_t next_region(const struct weir_feed *feed, uint64_t page_bytes, int node)
{
	struct weir_store_flavour flavours[WEIR_FLAVOURS_MAX];
	size_t nr = weir_store_flavours(feed->d->store, page_bytes, node, flavours,
	                                WEIR_FLAVOURS_MAX);
	uint64_t least = 0;

	for (size_t i = 0; i < nr; i++)
		if (flavours[i].ready < flavours[i].wanted &&
		    (!least || flavours[i].bytes < least))
			least = flavours[i].bytes;
	return least ? least : UINT64_MAX;
}

bool weir_feed_has_node(const struct weir_feed *feed, int node)
{
	weir_auto(weir_names_done) struct weir_names names = { 0 };
	char path[64];

	(void)snprintf(path, sizeof(path), "/sys/devices/system/node/node%d", node);
	return weir_host_list(feed->d->host, path, &names) == 0;
}

const char *weir_feed_blocked(const struct weir_feed *feed, uint64_t page_bytes, int node,
                              uint64_t room)
{
	const char *why = weir_growth_why(feed->d->growth, page_bytes, node);
	const struct weir_conf *conf = &feed->d->conf;
	uint64_t missing = weir_feed_missing(feed, page_bytes, node);
	uint64_t wants = next_region(feed, page_bytes, node);

	if (!missing || weir_work_running(feed->d->work) || feed->supply.waits_for_look ||
	    room >= (wants < missing ? wants : missing))
		return NULL;
	if (node >= 0 && !weir_feed_has_node(feed, node))
		return "this host has no such node";
	if (conf->grow && *why)
		return why;
	if (conf->grow)
		return "the pool has too few free pages, and is to grow";
	if (conf->budget.nr_keep)
		return "the pool has too few free pages but those that are kept for "
		       "others";
	return room >= page_bytes
	               ? "the pool has free pages, but too few for a file of the "
	                 "size that is wanted"
	               : "the pool has no more free pages";
}

void weir_feed_rate(struct weir_feed *feed, uint64_t page_bytes, int node,
                    struct weir_feed_rate *out)
{
	see_rate(feed, page_bytes, node, out);
}

/* ---- the configuration ------------------------------------------------------------- */

static uint64_t wanted(const struct weir_conf *conf, const struct weir_warm_target *of)
{
	const struct weir_conf_warm *warm = weir_conf_warm(conf, of->page_bytes);

	for (size_t i = 0; warm && i < warm->nr_targets; i++)
		if (warm->targets[i].node == of->node)
			return warm->targets[i].bytes;
	return 0;
}

static void set_target(struct weir_feed *feed, const struct weir_warm_target *target)
{
	struct weir_daemon *d = feed->d;
	char size[WEIR_SIZE_TEXT_MAX];
	struct weir_err err = { 0 };

	if (weir_store_set_target(d->store, target, &err) >= 0)
		return;
	(void)weir_format_size(target->page_bytes, size, sizeof(size));
	weir_event(&d->log, WEIR_EVENT_ERROR, "target-failed", "size=%s node=%d why=%s",
	           size, target->node, weir_quote(&(struct weir_quote){ 0 }, err.msg));
}

static int drop_targets(struct weir_feed *feed)
{
	const struct weir_warm_state *state = weir_store_state(feed->d->store);
	size_t nr = state->nr_targets;
	struct weir_warm_target *old = calloc(nr + 1, sizeof(*old));

	if (!old)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		old[i] = state->targets[i];
	for (size_t i = 0; i < nr; i++)
		if (!wanted(&feed->d->conf, &old[i])) {
			old[i].bytes = 0;
			set_target(feed, &old[i]);
		}
	free(old);
	return 0;
}

int weir_feed_configure(struct weir_feed *feed)
{
	const struct weir_conf *conf = &feed->d->conf;
	struct weir_work_budget budget = {
		.cpus = conf->budget.cpus,
		.cpu_percent = conf->budget.share_percent,
		.bytes_a_second = conf->budget.rate,
		.idle = conf->budget.idle_only,
	};
	int r = drop_targets(feed);

	for (size_t i = 0; r == 0 && i < conf->nr_warm; i++)
		for (size_t k = 0; k < conf->warm[i].nr_targets; k++)
			set_target(feed, &(struct weir_warm_target){
						 .page_bytes = conf->warm[i].page_bytes,
						 .bytes = conf->warm[i].targets[k].bytes,
						 .node = conf->warm[i].targets[k].node });
	weir_work_set_budget(feed->d->work, &budget);
	weir_supply_is_stale(&feed->supply);
	feed->supply.nr_held = 0;
	return r;
}

/* ---- the whole --------------------------------------------------------------------- */

static int start(struct weir_feed *feed, struct weir_err *err)
{
	static const struct weir_work_calls jobs = { next, done };
	static const struct weir_growth_calls growth = { pages_of, on_grown };
	struct weir_daemon *d = feed->d;
	struct weir_gaps gaps = { 0 };
	struct weir_nodes nodes = { 0 };
	struct weir_reader rd = { .host = d->host, .gaps = &gaps };
	weir_auto(weir_freep) char *path = NULL;
	int r;

	if (asprintf(&path, "%s.grown", d->options.state_path) < 0)
		return weir_err_sys(err, -ENOMEM, "start");
	weir_nodes_read(&rd, &nodes);
	d->only_node = nodes.nr == 1 ? (int)nodes.v[0].id : -1;
	r = weir_work_new(d->loop, &nodes.online, &jobs, feed, &d->work, err);
	feed->supply.work = d->work;
	weir_nodes_done(&nodes);
	weir_gaps_done(&gaps);
	weir_reader_done(&rd);
	if (r == 0)
		r = weir_timer_new(d->loop, on_again, feed, &feed->again, err);
	if (r == 0)
		r = weir_timer_new(d->loop, on_back, feed, &feed->back, err);
	return r < 0 ? r
	             : weir_growth_new(d->loop, d->options.weir, path, &growth, feed,
	                               &d->growth, err);
}

int weir_feed_new(struct weir_daemon *d, struct weir_feed **out, struct weir_err *err)
{
	struct weir_feed *feed = calloc(1, sizeof(*feed));
	int r;

	if (!feed)
		return weir_err_sys(err, -ENOMEM, "start");
	feed->d = d;
	feed->again_ms = AGAIN_MIN_MS;
	feed->supply.host = d->host;
	feed->supply.conf = &d->conf;
	feed->supply.look = d->look;
	feed->supply.store = d->store;
	r = start(feed, err);
	if (r < 0) {
		weir_feed_free(feed);
		return r;
	}
	*out = feed;
	return 0;
}

void weir_feed_free(struct weir_feed *feed)
{
	if (!feed)
		return;
	weir_timer_free(feed->again);
	weir_timer_free(feed->back);
	weir_supply_done(&feed->supply);
	free(feed);
}
