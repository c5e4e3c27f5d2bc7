/* explain_gigantic: see explain_gigantic.h. */
#include "plan/explain_gigantic.h"

#include "base/least.h"
#include "facts/snapshot.h"
#include "plan/explain_play.h"
#include "plan/explain_words.h"
#include "plan/gigantic.h"

#include <inttypes.h>
#include <stdio.h>

#define NODES_SHOWN 4 /* one by one */

/* What is emptied must have somewhere to go: no more than the model has memory for, which
 * was played before. */
static struct weir_reach reach_of(const struct weir_snapshot *snap,
                                  const struct weir_played *p, uint64_t page_bytes,
                                  unsigned int node)
{
	struct weir_reach reach = weir_gigantic_reach(snap, page_bytes, node);
	uint64_t memory = weir_less(p->came.is.node[node].total,
	                            p->came.was.node[node].total);

	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		memory += p->zones[node][z].now;
	reach.free = weir_min(reach.free, memory);
	reach.most = weir_min(reach.most, memory);
	return reach;
}

bool weir_explain_reach(const struct weir_snapshot *snap, const struct weir_played *p,
                        uint64_t nodes, uint64_t page_bytes, uint64_t *least,
                        uint64_t *most)
{
	*least = *most = 0;
	weir_each_node (n, nodes) {
		struct weir_reach reach = reach_of(snap, p, page_bytes, n);

		if (!reach.known)
			return false;
		*least += reach.free;
		*most += reach.most;
	}
	return p->gigantic;
}

/* ---- a growth ---------------------------------------------------------------------- */

/* The kernel goes by the nodes in turns, and by the next one where one has nothing
 * (mm/hugetlb.c for_each_node_mask_to_alloc(), v6.18): so each is asked as often as its
 * turn comes, and for all that the others do not give; and gives no more than they leave
 * it. */
static void narrow_nodes(const struct weir_reach *reach, uint64_t nodes, uint64_t want,
                         uint64_t most_of_all, struct weir_explain_outcome *came)
{
	uint64_t turns = want / (uint64_t)__builtin_popcountll(nodes), sum = 0;
	uint64_t least[WEIR_EXPLAIN_NODES_MAX];

	weir_each_node (n, nodes) {
		uint64_t asked = weir_less(want, most_of_all - reach[n].most);

		least[n] = weir_min(reach[n].free, asked > turns ? asked : turns);
		sum += least[n];
	}
	weir_each_node (n, nodes) {
		uint64_t was = came->was.node[n].total, played = came->is.node[n].total;
		uint64_t left = weir_less(want, sum - least[n]);

		came->node_min[n] = was + least[n];
		came->node_max[n] = was + weir_min(reach[n].most, left);
		came->is.node[n].total = came->node_max[n];
		came->is.node[n].free += came->node_max[n] - played;
	}
}

/* Pages that are surplus count as asked for, and are not looked for. */
static uint64_t wanted(const struct weir_explain_write *what,
                       const struct weir_explain_counts *was)
{
	return weir_less(what->target,
	                 what->node < 0 ? was->total : was->node[what->node].total);
}

void weir_explain_narrow(const struct weir_snapshot *snap,
                         const struct weir_explain_write *what, struct weir_played *p)
{
	struct weir_explain_outcome *came = &p->came;
	struct weir_reach reach[WEIR_EXPLAIN_NODES_MAX];
	uint64_t least, most, want = wanted(what, &came->was), before = came->is.total;

	came->total_min = came->is.total;
	if (p->wraps || !want ||
	    !weir_explain_reach(snap, p, p->allowed, what->size_bytes, &least, &most))
		return;
	weir_each_node (n, p->allowed)
		reach[n] = reach_of(snap, p, what->size_bytes, n);
	narrow_nodes(reach, p->allowed, want, most, came);
	came->total_min = came->was.total + weir_min(want, least);
	came->is.total = came->was.total + weir_min(want, most);
	came->is.free += came->is.total - before;
	p->ranges_known = true;
}

/* ---- what stands in the ranges ----------------------------------------------------- */

static void add(struct weir_contig_count *to, const struct weir_contig_count *n)
{
	to->free += n->free;
	to->emptied += n->emptied;
	to->returned += n->returned;
	to->taken += n->taken;
	to->fixed += n->fixed;
	to->unread += n->unread;
}

static int say_counts(const char *whose, const struct weir_contig_count *n,
                      uint64_t page_bytes, struct weir_sentences *out)
{
	const struct {
		uint64_t nr;
		const char *one, *many;
	} parts[] = {
		{ n->taken, "is a page of this size already",
		  "are pages of this size already" },
		{ n->free, "is free in one piece", "are free in one piece" },
		{ n->emptied, "could be emptied, if what stands in it can be moved",
		  "could be emptied, if what stands in them can be moved" },
		{ n->returned, "has smaller huge pages in it",
		  "have smaller huge pages in them" },
		{ n->fixed, "has something in it that cannot be moved",
		  "have something in them that cannot be moved" },
		{ n->unread, "was not looked at", "were not looked at" },
	};
	char text[500] = "";
	size_t at = 0;

	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].nr && at < sizeof(text))
			at += (size_t)snprintf(
				text + at, sizeof(text) - at, "%s%" PRIu64 " %s",
				at ? ", " : ": ", parts[i].nr,
				parts[i].nr == 1 ? parts[i].one : parts[i].many);
	return weir_sentences_add(out, WEIR_TOPIC_GROWTH, page_bytes,
	                          "Each page of %s needs one contiguous, aligned range "
	                          "of it. Of those %s%s.",
	                          weir_words_size(page_bytes).text, whose,
	                          at ? text : " there is none");
}

/* What the buddy lists tell, where nobody may look at the ranges themselves. */
static int say_blocks(const struct weir_snapshot *snap, uint64_t nodes,
                      uint64_t page_bytes, struct weir_sentences *out)
{
	bool known = snap->page_bytes.known && !snap->buddy.damaged;
	uint64_t ranges = 0, block = 0;
	char zones[200] = "";
	size_t at = 0;

	for (size_t i = 0; known && i < snap->buddy.nr; i++) {
		const struct weir_buddy_zone *row = &snap->buddy.v[i];
		unsigned __int128 bytes;
		uint64_t n;

		if (!weir_node_in(nodes, row->node) || !row->nr_orders)
			continue;
		block = snap->page_bytes.n << (row->nr_orders - 1);
		bytes = (unsigned __int128)row->counts[row->nr_orders - 1] * block;
		n = (uint64_t)(bytes / page_bytes);
		ranges += n;
		if (n && at < sizeof(zones))
			at += (size_t)snprintf(zones + at, sizeof(zones) - at,
			                       "%szone %s of node %u: %" PRIu64,
			                       at ? ", " : " (", row->name, row->node, n);
	}
	if (!block)
		return weir_sentences_add(out, WEIR_TOPIC_UNKNOWN, page_bytes,
		                          "How many ranges of %s are free is not known: "
		                          "/proc/buddyinfo does not tell.",
		                          weir_words_size(page_bytes).text);
	return weir_sentences_add(
		out, WEIR_TOPIC_GROWTH, page_bytes,
		"Each page of %s needs one contiguous, aligned range of it. At most "
		"%" PRIu64 " such range%s could be wholly free now%s%s: so much stands "
		"in free blocks "
		"of %s, the largest that buddy lists know; whether they adjoin is not "
		"told (root sees the ranges themselves). Others have to be emptied by "
		"moving pages.",
		weir_words_size(page_bytes).text, ranges, weir_words_s(ranges), zones,
		*zones ? ")" : "", weir_words_size(block).text);
}

int weir_explain_ranges(const struct weir_snapshot *snap, uint64_t nodes,
                        uint64_t page_bytes, struct weir_sentences *out)
{
	const struct weir_contig *contig = weir_contigs_find(&snap->contigs, page_bytes);
	struct weir_contig_count sum = { 0 }, count;
	int nr = __builtin_popcountll(nodes), r = 0;
	char whose[40];

	if (!contig || weir_gigantic_has_own_area(snap))
		return say_blocks(snap, nodes, page_bytes, out);
	weir_each_node (n, nodes) {
		weir_contig_count(contig, n, &count);
		add(&sum, &count);
		(void)snprintf(whose, sizeof(whose), "on node %u", n);
		if (r == 0 && nr <= NODES_SHOWN)
			r = say_counts(whose, &count, page_bytes, out);
	}
	if (r == 0 && nr > NODES_SHOWN) {
		(void)snprintf(whose, sizeof(whose), "on the %d nodes", nr);
		r = say_counts(whose, &sum, page_bytes, out);
	}
	return r;
}
