/* explain_write: what a write to nr_hugepages would do, before it is done: played on a
 * model of the host (explain_play.c), and said here with the names of the holders. See
 * explain.h. */
#include "plan/explain.h"

#include "base/own.h"
#include "facts/snapshot.h"
#include "holders/ledger.h"
#include "plan/explain_gigantic.h"
#include "plan/explain_growth.h"
#include "plan/explain_play.h"
#include "plan/explain_words.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#define HOLDERS_SHOWN 3 /* of pages that would stay: weir explain has more */
#define NODES_SHOWN   4

typedef const struct weir_explain_write *what_t;

static uint64_t persistent(const struct weir_explain_counts *c)
{
	return c->total - c->surplus;
}

/* What the write is about: persistent pages of its node, or of all. On a node there may
 * be more surplus than pages. */
static uint64_t meant(const struct weir_explain_counts *c, what_t what)
{
	uint64_t total, surplus;

	if (what->node < 0)
		return persistent(c);
	total = c->node[what->node].total;
	surplus = c->node[what->node].surplus;
	return total > surplus ? total - surplus : 0;
}

static int say(struct weir_sentences *out, what_t what, const char *text)
{
	return weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes, "%s", text);
}

/* ---- which file -------------------------------------------------------------------- */

/* "1", "0,2-3" */
static struct weir_words node_list(uint64_t nodes)
{
	struct weir_words w = { "" };
	size_t at = 0;

	for (unsigned int n = weir_node_next(nodes, 0); n < WEIR_MODEL_NODES_MAX;) {
		unsigned int last = n;

		while (weir_node_in(nodes, last + 1))
			last++;
		if (at < sizeof(w.text))
			at += (size_t)snprintf(w.text + at, sizeof(w.text) - at,
			                       n < last ? "%s%u-%u" : "%s%u",
			                       at ? "," : "", n, last);
		n = weir_node_next(nodes, last + 1);
	}
	return w;
}

/* The target of nr_hugepages_mempolicy is that of the host: F5. */
static int say_policy(const struct weir_played *p, what_t what,
                      struct weir_sentences *out)
{
	uint64_t on = 0;

	weir_each_node (n, p->allowed)
		on += p->came.is.node[n].total;
	return weir_sentences_add(
		out, WEIR_TOPIC_WRITE, what->size_bytes,
		"%" PRIu64 " is the number of all nodes together, in "
		"nr_hugepages_mempolicy too: the policy only says on which nodes pages "
		"come and go (node%s %s). Afterwards there %s %" PRIu64
		" page%s on node%s %s.",
		what->target, p->allowed & (p->allowed - 1) ? "s" : "",
		node_list(p->allowed).text, weir_words_are(on), on, weir_words_s(on),
		p->allowed & (p->allowed - 1) ? "s" : "", node_list(p->allowed).text);
}

static int say_policy_instead(const struct weir_played *p, what_t what,
                              struct weir_sentences *out)
{
	unsigned int node = weir_node_next(p->allowed, 0);

	return weir_sentences_add(
		out, WEIR_TOPIC_WRITE, what->size_bytes,
		"For %" PRIu64 " pages on node %u: echo %" PRIu64
		" > /sys/devices/system/node/node%u/hugepages/hugepages-%" PRIu64
		"kB/nr_hugepages ('weir explain write %s %" PRIu64 " node%u').",
		what->target, node, what->target, node, what->size_bytes / 1024,
		weir_words_size(what->size_bytes).text, what->target, node);
}

/* ---- more -------------------------------------------------------------------------- */

/* Where the new pages lie decides whether a VM's memory can be pinned. */
static int say_places(const struct weir_played *p, what_t what,
                      struct weir_sentences *out)
{
	if (!p->new_cma && !p->new_movable)
		return 0;
	return weir_sentences_add(out, WEIR_TOPIC_GROWTH, what->size_bytes,
	                          "Of the new pages %" PRIu64
	                          " would lie in the CMA and %" PRIu64
	                          " in ZONE_MOVABLE: nothing is pinned for long there "
	                          "(VFIO, SEV), it would "
	                          "have to move first.",
	                          p->new_cma, p->new_movable);
}

/* Nodes that the write does not go by, and could give some. */
static int say_elsewhere(const struct weir_snapshot *snap, const struct weir_played *p,
                         what_t what, struct weir_sentences *out)
{
	uint64_t pages = 0, nodes = 0;

	weir_each_node (n, p->came.nodes & ~p->allowed) {
		uint64_t least, most = 0;

		if (!weir_explain_reach(snap, p, UINT64_C(1) << n, what->size_bytes,
		                        &least, &most))
			for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
				most += p->zones[n][z].now;
		pages += most;
		nodes |= most ? UINT64_C(1) << n : 0;
	}
	if (!pages)
		return 0;
	return weir_sentences_add(out, WEIR_TOPIC_GROWTH, what->size_bytes,
	                          "Other nodes are not asked; node%s %s could give "
	                          "%" PRIu64 " more.",
	                          nodes & (nodes - 1) ? "s" : "", node_list(nodes).text,
	                          pages);
}

/* Of gigantic pages: some ranges have to be emptied first, which may fail. */
static int say_between(const struct weir_played *p, what_t what, uint64_t wanted,
                       struct weir_sentences *out)
{
	uint64_t least = p->came.total_min - p->came.was.total;
	uint64_t most = p->came.is.total - p->came.was.total;

	return weir_sentences_add(
		out, WEIR_TOPIC_WRITE, what->size_bytes,
		"It would succeed, and give %" PRIu64 " to %" PRIu64
		" pages of %s more (%s to %s) of the %" PRIu64
		" that are asked for: where something stands that can be moved, it may "
		"not be; the kernel reports no error when fewer come.",
		least, most, weir_words_size(what->size_bytes).text,
		weir_words_human(least * what->size_bytes).text,
		weir_words_human(most * what->size_bytes).text, wanted);
}

/* "3", "2 to 3" */
static struct weir_words span_words(uint64_t least, uint64_t most)
{
	struct weir_words w;

	if (least == most)
		(void)snprintf(w.text, sizeof(w.text), "%" PRIu64, most);
	else
		(void)snprintf(w.text, sizeof(w.text), "%" PRIu64 " to %" PRIu64, least,
		               most);
	return w;
}

static int say_afterwards(const struct weir_played *p, what_t what,
                          struct weir_sentences *out)
{
	const struct weir_explain_counts *is = &p->came.is;
	uint64_t open = is->total - p->came.total_min;

	return weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
	                          "Afterwards: total %s, free %s, reserved %" PRIu64
	                          ", surplus %" PRIu64 ".",
	                          span_words(p->came.total_min, is->total).text,
	                          span_words(is->free - open, is->free).text,
	                          is->reserved, is->surplus);
}

static int say_grown(const struct weir_snapshot *snap, const struct weir_played *p,
                     what_t what, struct weir_sentences *out)
{
	uint64_t more = p->came.is.total - p->came.was.total;
	uint64_t wanted = what->target - meant(&p->came.was, what);
	struct weir_words size = weir_words_size(what->size_bytes);
	struct weir_words bytes = weir_words_human(more * what->size_bytes);
	bool is_short = meant(&p->came.is, what) < what->target;
	int r;

	if (p->came.total_min < p->came.is.total)
		r = say_between(p, what, wanted, out);
	else if (is_short && !more)
		r = weir_sentences_add(
			out, WEIR_TOPIC_WRITE, what->size_bytes,
			"It would succeed, and give no page of %s, where %" PRIu64
			" more %s asked for: the kernel reports no error when memory "
			"ends.",
			size.text, wanted, weir_words_are(wanted));
	else if (is_short)
		r = weir_sentences_add(
			out, WEIR_TOPIC_WRITE, what->size_bytes,
			"It would succeed, and give %" PRIu64
			" page%s of %s more (%s), not the %" PRIu64
			" that are asked for: the kernel reports no error when memory "
			"ends.",
			more, weir_words_s(more), size.text, bytes.text, wanted);
	else
		r = weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
		                       "It would give %" PRIu64
		                       " page%s of %s more, and take %s of memory for "
		                       "them%s.",
		                       more, weir_words_s(more), size.text, bytes.text,
		                       p->gigantic && !p->ranges_known
		                               ? ", if it finds the ranges"
		                               : "");
	if (r == 0 && p->came.was.surplus > p->came.is.surplus)
		r = weir_sentences_add(
			out, WEIR_TOPIC_SURPLUS, what->size_bytes,
			"%" PRIu64 " surplus pages that are there already would count as "
			"asked for.",
			p->came.was.surplus - p->came.is.surplus);
	if (r == 0 && is_short && !p->ranges_known)
		r = weir_explain_limits(p, p->allowed, what->size_bytes, out);
	if (r == 0 && is_short)
		r = say_elsewhere(snap, p, what, out);
	if (r == 0 && p->gigantic)
		r = weir_explain_ranges(snap, p->allowed, what->size_bytes, out);
	return r < 0 ? r : say_places(p, what, out);
}

/* ---- less -------------------------------------------------------------------------- */

static uint64_t held_of(const struct weir_hold *hold, uint64_t page_bytes,
                        uint64_t *promised)
{
	*promised = hold->reserved.known ? hold->reserved.n : hold->reserved_max;
	return hold->page_bytes == page_bytes ? hold->pages + *promised : 0;
}

static uint64_t sum_warm(const struct weir_ledger *ledger, uint64_t page_bytes)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ledger->nr_holds; i++)
		if (ledger->holds[i].kind == WEIR_HOLD_WARM &&
		    ledger->holds[i].page_bytes == page_bytes)
			sum += ledger->holds[i].pages;
	return sum;
}

static int say_holders(const struct weir_ledger *ledger, what_t what,
                       struct weir_sentences *out)
{
	const struct weir_ledger_size *size =
		ledger ? weir_ledger_size(ledger, what->size_bytes) : NULL;
	size_t shown = 0, more = 0;
	uint64_t rest = 0, warm = 0;
	int r = 0;

	for (size_t i = 0; ledger && r == 0 && i < ledger->nr_holds; i++) {
		const struct weir_hold *hold = &ledger->holds[i];
		uint64_t promised, n = held_of(hold, what->size_bytes, &promised);

		if (!n || (hold->kind == WEIR_HOLD_WARM && warm))
			continue;
		if (hold->kind == WEIR_HOLD_WARM) { /* hundreds of files, all alike */
			n = warm = sum_warm(ledger, what->size_bytes);
			promised = 0;
		}
		if (++shown > HOLDERS_SHOWN) {
			more++;
			rest += n;
		} else if (hold->kind == WEIR_HOLD_MOUNT) {
			r = weir_sentences_add(
				out, WEIR_TOPIC_MINIMUM, what->size_bytes,
				"%" PRIu64 " %s promised to %s (min_size=): stays, or "
				"comes back, whatever is written, until umount.",
				n, weir_words_are(n), weir_words_hold(ledger, hold).text);
		} else {
			r = weir_sentences_add(
				out, WEIR_TOPIC_HOLDER, what->size_bytes,
				"%" PRIu64 " in use and %s%" PRIu64 " promised: %s.",
				hold->kind == WEIR_HOLD_WARM ? warm : hold->pages,
				hold->reserved.known ? "" : "up to ", promised,
				weir_words_hold(ledger, hold).text);
		}
	}
	if (r == 0 && more)
		r = weir_sentences_add(out, WEIR_TOPIC_HOLDER, what->size_bytes,
		                       "%" PRIu64 " by %zu smaller holders: 'weir who' "
		                       "has them.",
		                       rest, more);
	if (r == 0 && size && (size->unattributed.n || size->unattributed_reserved.n))
		r = weir_sentences_add(out, WEIR_TOPIC_UNKNOWN, what->size_bytes,
		                       "%" PRIu64 " in use and %" PRIu64
		                       " promised: by a holder that is not seen.",
		                       size->unattributed.n,
		                       size->unattributed_reserved.n);
	return r;
}

static int say_gone(const struct weir_played *p, what_t what, struct weir_sentences *out)
{
	uint64_t gone = p->came.was.total - p->came.is.total;
	const struct weir_explain_counts *is = &p->came.is;

	if (gone)
		return weir_sentences_add(
			out, WEIR_TOPIC_WRITE, what->size_bytes,
			"It would take %" PRIu64
			" free page%s out of the pool, and give back %s.",
			gone, weir_words_s(gone),
			weir_words_human(gone * what->size_bytes).text);
	return weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
	                          "No page would leave the pool: of %" PRIu64 " %" PRIu64
	                          " are in use and %" PRIu64 " promised.",
	                          is->total, is->total - is->free, is->reserved);
}

/* Pages that the write leaves although they were not asked for. */
static int say_trapped(const struct weir_ledger *ledger, const struct weir_played *p,
                       what_t what, struct weir_sentences *out)
{
	const struct weir_explain_counts *is = &p->came.is;
	uint64_t trapped = is->surplus - p->came.was.surplus;
	int r = weir_sentences_add(
		out, WEIR_TOPIC_SURPLUS, what->size_bytes,
		"%" PRIu64 " page%s that %s in use (%" PRIu64 ") or promised (%" PRIu64
		") cannot go, and would stay as surplus, trapped until their holders let "
		"go of them; the write would succeed all the same.",
		trapped, weir_words_s(trapped), weir_words_are(trapped),
		is->total - is->free, is->reserved);

	/* kernel-rules.md 2.6; which of the pages these are nobody asks */
	if (r == 0 && is->free > is->reserved)
		r = weir_sentences_add(
			out, WEIR_TOPIC_SURPLUS, what->size_bytes,
			"%" PRIu64 " free page%s would stay as well: as many as are in "
			"use or promised are kept, and the surplus that is there already "
			"(%" PRIu64 ") comes on top.",
			is->free - is->reserved, weir_words_s(is->free - is->reserved),
			p->came.was.surplus);
	return r < 0 ? r : say_holders(ledger, what, out);
}

/* A later growth of gigantic pages, F6. */
static int say_lost(const struct weir_played *p, what_t what, struct weir_sentences *out)
{
	struct weir_words size = weir_words_size(what->size_bytes);

	if (!p->gigantic || p->came.is.total >= p->came.was.total)
		return 0;
	return weir_sentences_add(
		out, WEIR_TOPIC_GROWTH, what->size_bytes,
		"To get pages of %s back later may fail: each needs a contiguous range "
		"of "
		"%s, and one page in it that cannot be moved is enough to lose it. What "
		"is "
		"sure stands on the kernel command line (hugepagesz=%s hugepages=N).",
		size.text, size.text, size.text);
}

static int say_shrunk(const struct weir_ledger *ledger, const struct weir_played *p,
                      what_t what, struct weir_sentences *out)
{
	int r = say_gone(p, what, out);

	if (r == 0 && p->came.is.surplus > p->came.was.surplus)
		r = say_trapped(ledger, p, what, out);
	if (r == 0 && what->node >= 0 && p->came.is.reserved &&
	    (p->came.nodes & (p->came.nodes - 1)))
		r = weir_sentences_add(
			out, WEIR_TOPIC_RESERVED, what->size_bytes,
			"%" PRIu64 " promised pages choose no node: a process bound to "
			"node %d may find none left there, and die of SIGBUS.",
			p->came.is.reserved, what->node);
	return r < 0 ? r : say_lost(p, what, out);
}

/* ---- neither ----------------------------------------------------------------------- */

static int say_same(const struct weir_ledger *ledger, const struct weir_played *p,
                    what_t what, struct weir_sentences *out)
{
	const struct weir_explain_counts *was = &p->came.was, *is = &p->came.is;
	int r;

	if (is->surplus < was->surplus)
		return weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
		                          "No page would come or go; %" PRIu64
		                          " surplus page%s would count as asked for.",
		                          was->surplus - is->surplus,
		                          weir_words_s(was->surplus - is->surplus));
	if (meant(is, what) <= what->target || what->policy)
		return say(out, what, "Nothing would change.");
	/* a node whose pages are all in use or promised, and those of others counted in
	 */
	r = weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
	                       "Nothing would change: %" PRIu64
	                       " pages are there, none of which can go.",
	                       meant(is, what));
	return r < 0 ? r : say_holders(ledger, what, out);
}

static int say_nodes(const struct weir_played *p, what_t what, struct weir_sentences *out)
{
	const struct weir_explain_outcome *c = &p->came;
	size_t changed = 0;
	bool open = false;
	int r = 0;

	if (!(c->nodes & (c->nodes - 1)))
		return 0;
	weir_each_node (n, c->nodes) {
		uint64_t was = c->was.node[n].total, is = c->is.node[n].total;

		if (was == c->node_min[n] && was == c->node_max[n])
			continue;
		open = open || c->node_min[n] != c->node_max[n];
		if (r < 0 || ++changed > NODES_SHOWN)
			continue;
		if (c->node_min[n] == c->node_max[n])
			r = weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
			                       "Node %u goes from %" PRIu64 " to %" PRIu64
			                       " pages.",
			                       n, was, is);
		else
			r = weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
			                       "Node %u goes from %" PRIu64
			                       " to between %" PRIu64 " and %" PRIu64
			                       " pages.",
			                       n, was, c->node_min[n], c->node_max[n]);
	}
	if (r == 0 && changed > NODES_SHOWN)
		r = weir_sentences_add(out, WEIR_TOPIC_WRITE, what->size_bytes,
		                       "%zu more nodes change likewise; --json has them.",
		                       changed - NODES_SHOWN);
	if (r == 0 && open && !p->ranges_known)
		r = say(out, what,
		        "The nodes take turns, and whose turn is next the kernel does "
		        "not tell.");
	return r;
}

/* ---- the whole --------------------------------------------------------------------- */

/* Rules that hold for a growth, a shrink, or neither. */
static int say_change(const struct weir_snapshot *snap, const struct weir_ledger *ledger,
                      const struct weir_played *p, what_t what,
                      struct weir_sentences *out)
{
	const struct weir_explain_counts *was = &p->came.was, *is = &p->came.is;

	if (is->total < was->total || is->surplus > was->surplus)
		return say_shrunk(ledger, p, what, out);
	if (p->wraps)
		return weir_sentences_add(
			out, WEIR_TOPIC_WRITE, what->size_bytes,
			"It would give %" PRIu64 " pages of %s more, all that there is: "
			"node %d has more surplus than pages, and from that this kernel "
			"makes the largest number there is (a bug). Write to the file of "
			"all nodes instead.",
			is->total - was->total, weir_words_size(what->size_bytes).text,
			what->node);
	/* up to 6.6 a write to one node can add pages that nobody asked for (2.11) */
	if (is->total > was->total && meant(was, what) >= what->target)
		return weir_sentences_add(
			out, WEIR_TOPIC_WRITE, what->size_bytes,
			"It would give %" PRIu64 " pages more, which nobody asked for: "
			"this kernel counts the surplus of other nodes as wanted.",
			is->total - was->total);
	if (is->total > was->total || meant(is, what) < what->target)
		return say_grown(snap, p, what, out);
	return say_same(ledger, p, what, out);
}

/* Whose number must be known for a play to mean something. */
static int check_known(const struct weir_snapshot *snap, what_t what,
                       struct weir_err *err)
{
	const struct weir_huge_size *size = weir_pools_size(&snap->pools,
	                                                    what->size_bytes);
	char dir[64];

	if (!size || (size->all.nr.known && size->all.free.known))
		return 0;
	(void)snprintf(dir, sizeof(dir), "/hugepages-%" PRIu64 "kB/",
	               what->size_bytes / 1024);
	for (size_t i = 0; i < snap->gaps.nr; i++) {
		const struct weir_gap *gap = &snap->gaps.v[i];

		if (strstr(gap->path, dir))
			return weir_err_set(err, -ENODATA,
			                    "the pages of %s are not known: %s: %s%s%s",
			                    weir_words_size(what->size_bytes).text,
			                    gap->path, weir_gap_word(gap->kind),
			                    gap->why ? ": " : "",
			                    gap->why ? gap->why : "");
	}
	return weir_err_set(err, -ENODATA, "the pages of %s are not known",
	                    weir_words_size(what->size_bytes).text);
}

int weir_explain_write(const struct weir_snapshot *snap, const struct weir_ledger *ledger,
                       what_t what, struct weir_sentences *out,
                       struct weir_explain_outcome *outcome, struct weir_err *err)
{
	weir_auto(weir_freep) struct weir_played *p = calloc(1, sizeof(*p));
	weir_auto(weir_buf_done) struct weir_buf notes = { 0 };
	int r;

	if (!p)
		return weir_err_sys(err, -ENOMEM, "play the write");
	r = check_known(snap, what, err);
	weir_each_node (n, what->policy)
		if (r == 0 && snap->nodes.known && !weir_nodes_find(&snap->nodes, n))
			r = weir_explain_missing(snap, what, err);
	if (r == 0)
		r = weir_explain_play(snap, what, false, p, &notes, err);
	if (r == -ENOENT && !(err && err->code))
		return weir_explain_missing(snap, what, err);
	if (r < 0)
		return r;
	weir_explain_narrow(snap, what, p);
	if (what->policy)
		r = say_policy(p, what, out);
	if (r == 0)
		r = say_change(snap, ledger, p, what, out);
	if (r == 0)
		r = say_nodes(p, what, out);
	if (r == 0 && what->policy)
		r = say_policy_instead(p, what, out);
	if (r == 0)
		r = say_afterwards(p, what, out);
	if (r == 0)
		r = weir_explain_granted(&notes, what->size_bytes,
		                         p->came.is.total > p->came.was.total, out);
	if (r == 0 && outcome)
		*outcome = p->came;
	return r;
}
