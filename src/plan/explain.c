/* explain: see explain.h. Sentences in the order in which a person asks: how many are
 * there, who has them, who was promised them, why is the number not what was written. */
#include "plan/explain.h"

#include "base/own.h"
#include "facts/shortfall.h"
#include "holders/ledger.h"
#include "plan/explain_gigantic.h"
#include "plan/explain_growth.h"
#include "plan/explain_play.h"
#include "plan/explain_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define HOLDERS_SHOWN 8 /* the largest; weir who has all of them */
#define GIB           (UINT64_C(1) << 30)

/* ---- a pool ------------------------------------------------------------------------ */

static int say_pages(const struct weir_ledger_size *size, struct weir_sentences *out)
{
	uint64_t total = size->total.n, free = size->free.n, promised = size->reserved.n;
	struct weir_words name = weir_words_size(size->page_bytes);

	if (!size->total.known || !size->free.known)
		return weir_sentences_add(out, WEIR_TOPIC_UNKNOWN, size->page_bytes,
		                          "How many pages of %s there are is not known.",
		                          name.text);
	if (!total)
		return weir_sentences_add(out, WEIR_TOPIC_PAGES, size->page_bytes,
		                          "The pool of %s is empty.", name.text);
	if (!size->reserved.known)
		return weir_sentences_add(
			out, WEIR_TOPIC_PAGES, size->page_bytes,
			"%" PRIu64 " page%s of %s: %" PRIu64 " in use, %" PRIu64
			" free. How many of these are promised is not "
			"known.",
			total, weir_words_s(total), name.text, total - free, free);
	if (free < promised)
		return weir_sentences_add(
			out, WEIR_TOPIC_PAGES, size->page_bytes,
			"%" PRIu64 " page%s of %s: %" PRIu64 " in use, %" PRIu64 " free.",
			total, weir_words_s(total), name.text, total - free, free);
	if (!free)
		return weir_sentences_add(out, WEIR_TOPIC_PAGES, size->page_bytes,
		                          "%" PRIu64 " page%s of %s: %" PRIu64
		                          " in use, 0 free: nothing for a newcomer.",
		                          total, weir_words_s(total), name.text, total);
	if (!promised)
		return weir_sentences_add(
			out, WEIR_TOPIC_PAGES, size->page_bytes,
			"%" PRIu64 " page%s of %s: %" PRIu64 " in use, %" PRIu64
			" free, and a newcomer can have all of these.",
			total, weir_words_s(total), name.text, total - free, free);
	return weir_sentences_add(out, WEIR_TOPIC_PAGES, size->page_bytes,
	                          "%" PRIu64 " page%s of %s: %" PRIu64 " in use, %" PRIu64
	                          " free. Of the free ones %" PRIu64
	                          " %s promised to mappings that have not "
	                          "touched them yet, so a newcomer can have %" PRIu64 ".",
	                          total, weir_words_s(total), name.text, total - free,
	                          free, promised, weir_words_are(promised),
	                          free - promised);
}

static bool is_of(const struct weir_hold *hold, uint64_t page_bytes)
{
	return hold->page_bytes == page_bytes;
}

static size_t node_index(const struct weir_ledger *ledger, int node)
{
	for (size_t i = 0; node >= 0 && i < ledger->nr_nodes; i++)
		if (ledger->nodes[i] == (unsigned int)node)
			return i;
	return SIZE_MAX;
}

static uint64_t pages_of(const struct weir_hold *hold, size_t node)
{
	return node == SIZE_MAX ? hold->pages : hold->node_pages[node];
}

/* Warm memory is in use for the kernel, and free for who leases it. */
static int say_warm(const struct weir_ledger *ledger, uint64_t page_bytes, size_t node,
                    struct weir_sentences *out)
{
	uint64_t pages = 0;
	size_t nr = 0;

	for (size_t i = 0; i < ledger->nr_holds; i++) {
		const struct weir_hold *hold = &ledger->holds[i];

		if (!is_of(hold, page_bytes) || hold->kind != WEIR_HOLD_WARM)
			continue;
		pages += pages_of(hold, node);
		nr += pages_of(hold, node) > 0;
	}
	if (!pages)
		return 0;
	return weir_sentences_add(
		out, WEIR_TOPIC_HOLDER, page_bytes,
		"%" PRIu64 " in use: warm memory that weird keeps for "
		"leases, in %zu file%s: not free, but to be had by 'weir "
		"lease'.",
		pages, nr, nr == 1 ? "" : "s");
}

static int say_holders(const struct weir_ledger *ledger, uint64_t page_bytes, size_t node,
                       struct weir_sentences *out)
{
	size_t shown = 0, more = 0;
	uint64_t rest = 0;
	int r = say_warm(ledger, page_bytes, node, out);

	for (size_t i = 0; r == 0 && i < ledger->nr_holds; i++) {
		const struct weir_hold *hold = &ledger->holds[i];
		uint64_t pages = is_of(hold, page_bytes) ? pages_of(hold, node) : 0;

		if (!pages || hold->kind == WEIR_HOLD_WARM)
			continue;
		if (++shown > HOLDERS_SHOWN) {
			more++;
			rest += pages;
			continue;
		}
		r = weir_sentences_add(out, WEIR_TOPIC_HOLDER, page_bytes,
		                       "%" PRIu64 " in use: %s.", pages,
		                       weir_words_hold(ledger, hold).text);
	}
	if (r == 0 && more)
		r = weir_sentences_add(out, WEIR_TOPIC_HOLDER, page_bytes,
		                       "%" PRIu64 " in use by %zu smaller holders: 'weir "
		                       "who' has them.",
		                       rest, more);
	return r;
}

static int say_promises(const struct weir_ledger *ledger, uint64_t page_bytes,
                        struct weir_sentences *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_holds; i++) {
		const struct weir_hold *hold = &ledger->holds[i];
		uint64_t n = hold->reserved.known ? hold->reserved.n : hold->reserved_max;

		if (!is_of(hold, page_bytes) || !n || hold->kind == WEIR_HOLD_MOUNT)
			continue;
		r = weir_sentences_add(
			out, WEIR_TOPIC_RESERVED, page_bytes,
			"%s%" PRIu64 " promised, not touched yet: %s%s.",
			hold->reserved.known ? "" : "Up to ", n,
			weir_words_hold(ledger, hold).text,
			hold->pages ? ", which has touched some of its memory" : "");
	}
	return r;
}

static int say_minimum(const struct weir_ledger *ledger, uint64_t page_bytes,
                       struct weir_sentences *out)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_holds; i++) {
		const struct weir_hold *hold = &ledger->holds[i];
		uint64_t n = hold->reserved.known ? hold->reserved.n : hold->reserved_max;

		if (!is_of(hold, page_bytes) || hold->kind != WEIR_HOLD_MOUNT || !n)
			continue;
		r = weir_sentences_add(
			out, WEIR_TOPIC_MINIMUM, page_bytes,
			"%" PRIu64
			" page%s %s kept by %s (min_size=): promised as long as it "
			"is mounted, so that the pool never falls below, whatever is "
			"written.",
			n, weir_words_s(n), weir_words_are(n),
			weir_words_hold(ledger, hold).text);
	}
	return r;
}

/* Who made surplus is not kept: overcommit and a shrink leave the same counters, and the
 * limit may have been changed since. Only what is beyond it is sure. */
static int say_surplus(const struct weir_snapshot *snap,
                       const struct weir_ledger_size *size, struct weir_sentences *out)
{
	const struct weir_huge_size *pool = weir_pools_size(&snap->pools,
	                                                    size->page_bytes);
	struct weir_count limit = pool ? pool->overcommit : (struct weir_count){ 0 };
	uint64_t n = size->surplus.n,
		 busy = size->total.n - size->free.n + size->reserved.n;

	if (!size->surplus.known || !n)
		return 0;
	if (limit.known && n <= limit.n)
		return weir_sentences_add(
			out, WEIR_TOPIC_SURPLUS, size->page_bytes,
			"%" PRIu64
			" of the pages %s surplus: made when the pool was used up, "
			"within the overcommit limit of %" PRIu64
			", or left when it was made smaller (the kernel does not keep "
			"which); as many leave the pool as pages are freed.",
			n, weir_words_are(n), limit.n);
	return weir_sentences_add(
		out, WEIR_TOPIC_SURPLUS, size->page_bytes,
		"%" PRIu64
		" of the pages %s surplus, beyond the overcommit limit of %" PRIu64
		": the pool was made smaller, or the limit was, while more were in use "
		"or promised (now %" PRIu64
		"). The write succeeded, the pages stayed with the holders above; each "
		"leaves the pool when it is freed, down to the %" PRIu64
		" that were asked for.",
		n, weir_words_are(n), limit.n, busy, size->total.n - n);
}

/* Whether the pool grows by itself, and why not. The limit counts all surplus, also what
 * a shrink left. */
static int say_overcommit(const struct weir_snapshot *snap,
                          const struct weir_ledger_size *size, struct weir_sentences *out)
{
	const struct weir_huge_size *pool = weir_pools_size(&snap->pools,
	                                                    size->page_bytes);

	if (!pool || !pool->overcommit.known || !pool->overcommit.n ||
	    !size->surplus.known)
		return 0;
	if (size->surplus.n >= pool->overcommit.n)
		return weir_sentences_add(
			out, WEIR_TOPIC_GROWTH, size->page_bytes,
			"The overcommit limit of %" PRIu64 " is used up by the %" PRIu64
			" surplus page%s, those that a shrink left counted in: the pool "
			"does not grow by itself.",
			pool->overcommit.n, size->surplus.n,
			weir_words_s(size->surplus.n));
	return weir_sentences_add(
		out, WEIR_TOPIC_GROWTH, size->page_bytes,
		"Beyond these, up to %" PRIu64 " more are made on demand, if there is "
		"memory (overcommit limit %" PRIu64 ").",
		pool->overcommit.n - size->surplus.n, pool->overcommit.n);
}

static int say_differ(const struct weir_snapshot *snap,
                      const struct weir_ledger_size *size, struct weir_sentences *out)
{
	if (!snap->mem.huge_size.known || snap->mem.huge_size.n != size->page_bytes ||
	    !snap->pools.sysctl_nr.known || !size->total.known ||
	    snap->pools.sysctl_nr.n == size->total.n)
		return 0;
	return weir_sentences_add(
		out, WEIR_TOPIC_DIFFER, size->page_bytes,
		"/proc/sys/vm/nr_hugepages says %" PRIu64 " and sysfs %" PRIu64
		": /proc shows what was asked for, sysfs all pages, the %" PRIu64
		" surplus ones counted in.",
		snap->pools.sysctl_nr.n, size->total.n, size->surplus.n);
}

static int say_boot(const struct weir_snapshot *snap, uint64_t page_bytes,
                    struct weir_sentences *out)
{
	struct weir_shortfalls rows = { 0 };
	int r = weir_shortfalls_make(&snap->boot, &snap->pools, &snap->klog, &rows);

	for (size_t i = 0; r == 0 && i < rows.nr; i++) {
		const struct weir_shortfall *row = &rows.v[i];
		char where[32] = "";

		if (row->size_bytes != page_bytes || !row->missing.known ||
		    !row->missing.n)
			continue;
		if (row->node.known)
			(void)snprintf(where, sizeof(where), " on node %" PRIu64,
			               row->node.n);
		r = weir_sentences_add(
			out, WEIR_TOPIC_BOOT, page_bytes,
			"The kernel command line asks for %" PRIu64 "%s, and %" PRIu64
			" are there: %s.",
			row->asked, where, row->present.n,
			row->at_boot.known ? "at boot there were no more"
					   : "they were given back since, or never came");
	}
	weir_shortfalls_done(&rows);
	return r;
}

static int say_unseen(const struct weir_ledger *ledger,
                      const struct weir_ledger_size *size, struct weir_sentences *out)
{
	uint64_t n = size->unattributed.known ? size->unattributed.n : 0;
	uint64_t promised = size->unattributed_reserved.known
	                            ? size->unattributed_reserved.n
	                            : 0;
	int r = 0;

	if (n || promised)
		r = weir_sentences_add(out, WEIR_TOPIC_UNKNOWN, size->page_bytes,
		                       "%" PRIu64 " in use and %" PRIu64
		                       " promised pages have a holder that is not seen.",
		                       n, promised);
	for (size_t i = 0; r == 0 && (n || promised) && i < ledger->nr_reasons; i++)
		r = weir_sentences_add(out, WEIR_TOPIC_UNKNOWN, size->page_bytes, "%s",
		                       ledger->reasons[i]);
	return r;
}

static int explain_size(const struct weir_snapshot *snap,
                        const struct weir_ledger *ledger,
                        const struct weir_ledger_size *size, int node,
                        struct weir_sentences *out)
{
	uint64_t bytes = size->page_bytes;
	int r = say_pages(size, out);

	if (r == 0)
		r = say_holders(ledger, bytes, node_index(ledger, node), out);
	if (r == 0)
		r = say_promises(ledger, bytes, out);
	if (r == 0)
		r = say_minimum(ledger, bytes, out);
	if (r == 0)
		r = say_surplus(snap, size, out);
	if (r == 0)
		r = say_overcommit(snap, size, out);
	if (r == 0)
		r = say_differ(snap, size, out);
	if (r == 0)
		r = say_boot(snap, bytes, out);
	return r < 0 ? r : say_unseen(ledger, size, out);
}

static bool is_empty(const struct weir_ledger_size *size)
{
	return size->total.known && !size->total.n && !size->held && !size->held_reserved;
}

int weir_explain_counters(const struct weir_snapshot *snap,
                          const struct weir_ledger *ledger, struct weir_sentences *out)
{
	size_t said = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_sizes; i++) {
		if (is_empty(&ledger->sizes[i]))
			continue;
		said++;
		r = explain_size(snap, ledger, &ledger->sizes[i], -1, out);
	}
	if (r == 0 && said > 1)
		r = weir_sentences_add(
			out, WEIR_TOPIC_RULE, 0,
			"Each size has a pool of its own, and each mapping one size: "
			"free pages of one do not help a mapping of another.");
	if (r == 0 && !out->nr)
		r = weir_sentences_add(out, WEIR_TOPIC_PAGES, 0,
		                       "This host has no huge pages in its pools.");
	return r;
}

static int say_node(const struct weir_ledger_size *size, const struct weir_snapshot *snap,
                    unsigned int node, struct weir_sentences *out)
{
	const struct weir_huge_size *pool = weir_pools_size(&snap->pools,
	                                                    size->page_bytes);

	for (size_t i = 0; pool && i < pool->nr_nodes; i++) {
		const struct weir_pool *at = &pool->nodes[i].pool;

		if (pool->nodes[i].node != node)
			continue;
		return weir_sentences_add(
			out, WEIR_TOPIC_PAGES, size->page_bytes,
			"Node %u: %" PRIu64 " page%s, %" PRIu64 " free, %" PRIu64
			" surplus.%s",
			node, at->nr.n, weir_words_s(at->nr.n), at->free.n, at->surplus.n,
			pool->nr_nodes > 1
				? " Promises choose no node: which of its free pages are "
				  "promised nobody can say."
				: "");
	}
	return -ENOENT;
}

/* "2M, 1G" */
static struct weir_words sizes_of(const struct weir_snapshot *snap)
{
	struct weir_words w = { "none" };
	size_t at = 0;

	for (size_t i = 0; i < snap->pools.nr && at < sizeof(w.text); i++)
		at += (size_t)snprintf(
			w.text + at, sizeof(w.text) - at, "%s%s", at ? ", " : "",
			weir_words_size(snap->pools.sizes[i].size_bytes).text);
	return w;
}

int weir_explain_missing(const struct weir_snapshot *snap,
                         const struct weir_explain_write *what, struct weir_err *err)
{
	uint64_t size_bytes = what->size_bytes;
	struct weir_words size = weir_words_size(size_bytes);
	struct weir_buf nodes = { 0 };

	if (!snap->pools.known)
		return weir_err_set(err, -ENOENT,
		                    "this host has no huge pages, or they cannot be "
		                    "seen");
	if (weir_pools_size(&snap->pools, size_bytes)) {
		if (weir_ranges_format(&snap->nodes.online, &nodes) == 0)
			(void)weir_err_set(err, -ENOENT,
			                   "this host has no such node with memory: it "
			                   "has %.*s",
			                   WEIR_STR_ARG(weir_buf_str(&nodes)));
		weir_buf_done(&nodes);
		return -ENOENT;
	}
	if (size_bytes == GIB && snap->cpu.pdpe1gb.known && !snap->cpu.pdpe1gb.n)
		return weir_err_set(err, -ENOENT,
		                    "this host has no pages of 1G: its CPU cannot "
		                    "(/proc/cpuinfo has no flag pdpe1gb); it has %s",
		                    sizes_of(snap).text);
	return weir_err_set(err, -ENOENT, "this host has no pages of %s; it has %s",
	                    size.text, sizes_of(snap).text);
}

/* How many more could be had, as the model has it; a host that cannot be a model has no
 * answer. */
static int say_growth(const struct weir_snapshot *snap,
                      const struct weir_explain_write *what, struct weir_sentences *out)
{
	weir_auto(weir_freep) struct weir_played *p = calloc(1, sizeof(*p));
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	struct weir_err err = { 0 };
	int r = p ? weir_explain_play(snap, what, true, p, &notes, &err) : -ENOMEM;

	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return weir_sentences_add(out, WEIR_TOPIC_UNKNOWN, what->size_bytes,
		                          "How many more could be had is not known: %s.",
		                          err.code ? err.msg : "no such node or size");
	if (weir_explain_is_blind(&notes))
		return weir_sentences_add(out, WEIR_TOPIC_UNKNOWN, what->size_bytes,
		                          "How many more could be had is not known: how "
		                          "much memory is free the host does not tell.");
	r = weir_explain_room(snap, p, p->allowed, what->size_bytes, out);
	if (r == 0 && p->gigantic)
		r = weir_explain_ranges(snap, p->allowed, what->size_bytes, out);
	return r < 0 ? r : weir_explain_granted(&notes, what->size_bytes, true, out);
}

int weir_explain_pool(const struct weir_snapshot *snap, const struct weir_ledger *ledger,
                      const struct weir_explain_write *what, struct weir_sentences *out,
                      struct weir_err *err)
{
	const struct weir_ledger_size *size = weir_ledger_size(ledger, what->size_bytes);
	int r = 0;

	if (!size)
		return weir_explain_missing(snap, what, err);
	if (what->node >= 0)
		r = say_node(size, snap, (unsigned int)what->node, out);
	if (r == -ENOENT)
		return weir_explain_missing(snap, what, err);
	if (r == 0)
		r = explain_size(snap, ledger, size, what->node, out);
	return r < 0 ? r : say_growth(snap, what, out);
}

/* ---- a process --------------------------------------------------------------------- */

static int say_use(const struct weir_ledger *ledger, const struct weir_hold *hold,
                   const struct weir_hold_user *user, struct weir_sentences *out)
{
	struct weir_words size = weir_words_size(hold->page_bytes);
	uint64_t promised = hold->reserved.known ? hold->reserved.n : hold->reserved_max;
	uint64_t mapped = hold->page_bytes ? user->mapped_bytes / hold->page_bytes : 0;
	char others[64] = "";

	if (hold->nr_users > 1)
		(void)snprintf(others, sizeof(others),
		               ", which it shares with %zu other process%s",
		               hold->nr_users - 1, hold->nr_users == 2 ? "" : "es");
	if (!user->mapped_bytes)
		return weir_sentences_add(out, WEIR_TOPIC_HOLDER, hold->page_bytes,
		                          "It has %s open and not mapped%s: %" PRIu64
		                          " page%s of %s stay as long as it does.",
		                          weir_words_hold(ledger, hold).text, others,
		                          hold->pages, weir_words_s(hold->pages),
		                          size.text);
	return weir_sentences_add(out, WEIR_TOPIC_HOLDER, hold->page_bytes,
	                          "It maps %" PRIu64 " page%s of %s in %s%s: %" PRIu64
	                          " %s there, %s%" PRIu64 " more %s promised.",
	                          mapped, weir_words_s(mapped), size.text,
	                          weir_words_hold(ledger, hold).text, others, hold->pages,
	                          weir_words_are(hold->pages),
	                          hold->reserved.known ? "" : "up to ", promised,
	                          weir_words_are(promised));
}

int weir_explain_process(const struct weir_ledger *ledger, uint64_t pid,
                         struct weir_sentences *out)
{
	uint64_t first = 0;
	bool any = false, mixed = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_holds; i++)
		for (size_t k = 0; r == 0 && k < ledger->holds[i].nr_users; k++) {
			const struct weir_hold_user *user = &ledger->holds[i].users[k];

			if (ledger->holdings.tasks[user->task].pid != pid)
				continue;
			if (!any)
				r = weir_sentences_add(
					out, WEIR_TOPIC_HOLDER, 0, "%s holds huge pages.",
					weir_words_task(ledger, user->task).text);
			mixed = mixed || (any && ledger->holds[i].page_bytes != first);
			first = ledger->holds[i].page_bytes;
			any = true;
			if (r == 0)
				r = say_use(ledger, &ledger->holds[i], user, out);
		}
	if (r == 0 && mixed)
		r = weir_sentences_add(
			out, WEIR_TOPIC_RULE, 0,
			"It has pages of several sizes: each mapping has one of them "
			"(MAP_HUGE_2MB and MAP_HUGE_1GB do not mix), from the pool of "
			"that size.");
	return r < 0 ? r : any ? 0 : -ENOENT;
}
