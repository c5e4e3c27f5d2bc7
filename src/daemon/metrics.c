/* metrics: see metrics.h.
 *
 * One family after the other, each with its help and type, as the text format wants it
 * (prometheus.io, "exposition formats", 0.0.4). Numbers are whole. Names end in their
 * unit; what only grows ends in _total. */
#include "daemon/metrics.h"

#include "base/own.h"
#include "daemon/feed.h"
#include "daemon/serve.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

struct writer {
	struct weir_buf *out;
	int failed;
	const char *family;
};

__attribute__((format(printf, 2, 3))) static void put(struct writer *w, const char *fmt,
                                                      ...)
{
	char line[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (w->failed == 0)
		w->failed = weir_buf_addz(w->out, line);
}

static void family(struct writer *w, const char *name, const char *type, const char *help)
{
	w->family = name;
	put(w, "# HELP %s %s\n", name, help);
	put(w, "# TYPE %s %s\n", name, type);
}

/* ---- pools ------------------------------------------------------------------------- */

static void put_pages(struct writer *w, uint64_t size, int node, const char *state,
                      struct weir_count n)
{
	if (!n.known)
		return;
	if (node < 0)
		put(w,
		    "%s{size_bytes=\"%" PRIu64 "\",node=\"all\",state=\"%s\"} %" PRIu64
		    "\n",
		    w->family, size, state, n.n);
	else
		put(w,
		    "%s{size_bytes=\"%" PRIu64 "\",node=\"%d\",state=\"%s\"} %" PRIu64
		    "\n",
		    w->family, size, node, state, n.n);
}

static void put_pool(struct writer *w, uint64_t size, int node,
                     const struct weir_pool *pool)
{
	put_pages(w, size, node, "total", pool->nr);
	put_pages(w, size, node, "free", pool->free);
	put_pages(w, size, node, "surplus", pool->surplus);
	put_pages(w, size, node, "reserved", pool->reserved);
}

static void put_pools(struct writer *w, const struct weir_pools *pools)
{
	family(w, "weir_pool_pages", "gauge",
	       "Pages of a pool; surplus ones are among the total, reserved among the "
	       "free.");
	for (size_t i = 0; i < pools->nr; i++) {
		const struct weir_huge_size *s = &pools->sizes[i];

		put_pool(w, s->size_bytes, -1, &s->all);
		for (size_t k = 0; k < s->nr_nodes; k++)
			put_pool(w, s->size_bytes, (int)s->nodes[k].node,
			         &s->nodes[k].pool);
	}
}

static void put_span(struct writer *w, const struct weir_huge_size *s, int node,
                     const struct weir_pool *pool)
{
	struct weir_span span = weir_pool_really_free(s, pool);
	struct weir_count min = weir_count_mul(span.min, s->size_bytes);
	struct weir_count max = weir_count_mul(span.max, s->size_bytes);

	put_pages(w, s->size_bytes, node, "min", min);
	put_pages(w, s->size_bytes, node, "max", max);
}

static void put_really_free(struct writer *w, const struct weir_pools *pools)
{
	family(w, "weir_pool_really_free_bytes", "gauge",
	       "What a newcomer can get of a pool: between min and max.");
	for (size_t i = 0; i < pools->nr; i++) {
		const struct weir_huge_size *s = &pools->sizes[i];

		put_span(w, s, -1, &s->all);
		for (size_t k = 0; k < s->nr_nodes; k++)
			put_span(w, s, (int)s->nodes[k].node, &s->nodes[k].pool);
	}
}

/* ---- holders ----------------------------------------------------------------------- */

static void put_holders(struct writer *w, const struct weir_ledger *ledger)
{
	static const enum weir_hold_kind kinds[] = {
		WEIR_HOLD_PRIVATE, WEIR_HOLD_ANON,    WEIR_HOLD_FILE, WEIR_HOLD_MEMFD,
		WEIR_HOLD_SHM,     WEIR_HOLD_MOUNT,   WEIR_HOLD_WARM, WEIR_HOLD_LEASED,
		WEIR_HOLD_WAITING, WEIR_HOLD_POISONED
	};

	family(w, "weir_holder_bytes", "gauge",
	       "Huge pages in use, by the kind of what has them.");
	for (size_t k = 0; k < WEIR_NELEM(kinds); k++) {
		uint64_t bytes = 0;

		for (size_t i = 0; i < ledger->nr_holds; i++)
			if (ledger->holds[i].kind == kinds[k])
				bytes += ledger->holds[i].pages *
				         ledger->holds[i].page_bytes;
		put(w, "%s{kind=\"%s\"} %" PRIu64 "\n", w->family,
		    weir_hold_kind_word(kinds[k]), bytes);
	}
	family(w, "weir_unaccounted_bytes", "gauge",
	       "Huge pages in use for which nobody was found.");
	for (size_t i = 0; i < ledger->nr_sizes; i++) {
		const struct weir_ledger_size *s = &ledger->sizes[i];
		struct weir_count n = weir_count_mul(s->unattributed, s->page_bytes);

		if (n.known)
			put(w, "%s{size_bytes=\"%" PRIu64 "\"} %" PRIu64 "\n", w->family,
			    s->page_bytes, n.n);
	}
}

/* ---- warm memory ------------------------------------------------------------------- */

static const char *node_text(int node, char out[16])
{
	if (node < 0)
		return "any";
	(void)snprintf(out, 16, "%d", node);
	return out;
}

struct sum {
	uint64_t page_bytes;
	int node;
	enum weir_region_state state;
	uint64_t bytes;
};

static struct sum *sum_of(struct sum *sums, size_t *nr, const struct weir_warm_region *r)
{
	for (size_t i = 0; i < *nr; i++)
		if (sums[i].page_bytes == r->page_bytes && sums[i].node == r->node &&
		    sums[i].state == r->state)
			return &sums[i];
	sums[*nr] = (struct sum){ r->page_bytes, r->node, r->state, 0 };
	return &sums[(*nr)++];
}

static void put_warm(struct writer *w, const struct weir_warm_state *state)
{
	struct sum *sums = calloc(state->nr_regions + 1, sizeof(*sums));
	size_t nr = 0;
	char node[16];

	if (!sums) {
		w->failed = -ENOMEM;
		return;
	}
	family(w, "weir_warm_bytes", "gauge", "Memory of the store, by state.");
	for (size_t i = 0; i < state->nr_regions; i++)
		sum_of(sums, &nr, &state->regions[i])->bytes +=
			state->regions[i].filled_bytes;
	for (size_t i = 0; i < nr; i++)
		put(w,
		    "%s{size_bytes=\"%" PRIu64 "\",node=\"%s\",state=\"%s\"} %" PRIu64
		    "\n",
		    w->family, sums[i].page_bytes, node_text(sums[i].node, node),
		    weir_region_state_word(sums[i].state), sums[i].bytes);
	free(sums);
	family(w, "weir_warm_target_bytes", "gauge", "What is to be kept ready.");
	for (size_t i = 0; i < state->nr_targets; i++)
		put(w, "%s{size_bytes=\"%" PRIu64 "\",node=\"%s\"} %" PRIu64 "\n",
		    w->family, state->targets[i].page_bytes,
		    node_text(state->targets[i].node, node), state->targets[i].bytes);
}

static void put_missing(struct writer *w, const struct weir_daemon *d)
{
	const struct weir_warm_state *state = weir_store_state(d->store);
	char node[16];

	family(w, "weir_warm_missing_bytes", "gauge", "What targets lack.");
	for (size_t i = 0; i < state->nr_targets; i++)
		put(w, "%s{size_bytes=\"%" PRIu64 "\",node=\"%s\"} %" PRIu64 "\n",
		    w->family, state->targets[i].page_bytes,
		    node_text(state->targets[i].node, node),
		    weir_feed_missing(d->feed, state->targets[i].page_bytes,
		                      state->targets[i].node));
}

static void put_leases(struct writer *w, const struct weir_daemon *d)
{
	static const enum weir_region_state states[] = { WEIR_REGION_GROWING,
		                                         WEIR_REGION_LEASED,
		                                         WEIR_REGION_WAITING };
	const struct weir_warm_state *state = weir_store_state(d->store);
	const uint64_t *results = weir_serve_results(d->serve);

	family(w, "weir_leases", "gauge", "Leases, by the state of their memory.");
	for (size_t k = 0; k < WEIR_NELEM(states); k++) {
		uint64_t n = 0;

		for (size_t i = 0; i < state->nr_regions; i++)
			n += state->regions[i].state == states[k];
		put(w, "%s{state=\"%s\"} %" PRIu64 "\n", w->family,
		    weir_region_state_word(states[k]), n);
	}
	family(w, "weir_lease_requests_total", "counter",
	       "Requests for a lease, by how they ended.");
	for (size_t i = 0; i < WEIR_SERVE_RESULTS; i++)
		put(w, "%s{result=\"%s\"} %" PRIu64 "\n", w->family,
		    i < WEIR_REFUSED_CODES ? weir_refused_word((enum weir_refused)i)
		                           : "ok",
		    results[i]);
}

/* Nanoseconds as seconds, exactly. */
static void put_seconds(struct writer *w, const char *name, const char *help, uint64_t ns)
{
	family(w, name, "counter", help);
	put(w, "%s %" PRIu64 ".%09" PRIu64 "\n", name, ns / 1000000000, ns % 1000000000);
}

static void put_counter(struct writer *w, const char *name, const char *help, uint64_t n)
{
	family(w, name, "counter", help);
	put(w, "%s %" PRIu64 "\n", name, n);
}

static void put_counts(struct writer *w, const struct weir_daemon *d)
{
	struct weir_store_counts c;

	weir_store_counts(d->store, &c);
	put_counter(w, "weir_leases_total", "Leases that were handed out.", c.leases);
	put_counter(w, "weir_releases_total", "Leases that have ended.", c.releases);
	put_counter(w, "weir_lease_warm_bytes_total",
	            "Memory handed out that was warm already.", c.warm_bytes);
	put_counter(w, "weir_lease_cold_bytes_total",
	            "Memory handed out that was zeroed while somebody waited.",
	            c.cold_bytes);
	put_counter(w, "weir_fill_bytes_total", "Memory that was populated.",
	            c.filled_bytes);
	put_seconds(w, "weir_fill_seconds_total", "Time that took.", c.fill_ns);
	put_counter(w, "weir_scrub_bytes_total", "Memory that was zeroed in place.",
	            c.scrubbed_bytes);
	put_seconds(w, "weir_scrub_seconds_total", "Time that took.", c.scrub_ns);
	put_counter(w, "weir_verify_failures_total",
	            "Regions that did not read as zero after they were zeroed.",
	            c.verify_failures);
	put_counter(w, "weir_poisoned_total",
	            "Regions with a page that cannot be used (memory error).",
	            c.poisoned);
}

/* ---- all --------------------------------------------------------------------------- */

static void put_seen(struct writer *w, const struct weir_seen *seen)
{
	family(w, "weir_seen_seconds", "gauge", "How long ago holders were looked at.");
	put(w, "%s %" PRIu64 "\n", w->family,
	    (weir_now_ns() - seen->at_ns) / UINT64_C(1000000000));
	if (seen->has_ledger)
		put_holders(w, &seen->ledger);
	if (seen->nr_drifts)
		family(w, "weir_drift_pages", "gauge",
		       "Pages that pools lack or have beyond what is declared.");
	for (size_t i = 0; i < seen->nr_drifts; i++)
		put(w, "%s{size_bytes=\"%" PRIu64 "\"} %" PRIu64 "\n", w->family,
		    seen->drifts[i].page_bytes, seen->drifts[i].pages);
}

int weir_metrics_write(struct weir_daemon *d, struct weir_buf *out)
{
	struct writer w = { .out = out };
	const struct weir_seen *seen = weir_look_last(d->look);
	struct weir_pools pools = { 0 };

	weir_store_look(d->store);
	w.failed = weir_rooms_read_pools(d->host, &pools);
	family(&w, "weir_info", "gauge", "The version of weird.");
	put(&w, "weir_info{version=\"%s\"} 1\n", WEIR_VERSION);
	put_pools(&w, &pools);
	put_really_free(&w, &pools);
	put_warm(&w, weir_store_state(d->store));
	put_missing(&w, d);
	put_leases(&w, d);
	put_counts(&w, d);
	if (seen)
		put_seen(&w, seen);
	weir_pools_done(&pools);
	return w.failed;
}
