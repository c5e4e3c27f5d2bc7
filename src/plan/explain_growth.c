/* explain_growth: see explain_growth.h. The numbers are those that the model gave when
 * pages were taken from it (explain_play.c); what is said here is only which of them
 * made the difference. */
#include "plan/explain_growth.h"

#include "base/own.h"
#include "plan/explain_gigantic.h"
#include "plan/explain_play.h"
#include "plan/explain_words.h"

#include <inttypes.h>
#include <stdio.h>

#define NODES_SHOWN 4 /* one by one; of more a sum tells more than a list */
#define MIB         (UINT64_C(1) << 20)

static const char *const zone_names[WEIR_ZONE_NR] = { "DMA", "DMA32", "Normal",
	                                              "Movable" };

struct more { /* pages of a node, as struct weir_played_zone has them of a zone */
	uint64_t now, compacted, dropped, unkept, free_bytes;
};

static struct more more_of(const struct weir_played *played, unsigned int node)
{
	struct more sum = { 0 };

	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++) {
		const struct weir_played_zone *zone = &played->zones[node][z];

		sum.now += zone->now;
		sum.compacted += zone->compacted;
		sum.dropped += zone->dropped;
		sum.unkept += zone->unkept;
		sum.free_bytes += zone->free_bytes;
	}
	return sum;
}

/* "; at most 12 after compaction ..." */
static struct weir_words won_words(const struct more *more)
{
	struct weir_words w = { "" };

	if (more->dropped > more->compacted)
		(void)snprintf(w.text, sizeof(w.text),
		               "; at most %" PRIu64 " after compaction, and %" PRIu64
		               " with clean page cache given back, too (estimates from "
		               "above, as if all could be moved)",
		               more->compacted, more->dropped);
	else if (more->compacted > more->now)
		(void)snprintf(w.text, sizeof(w.text),
		               "; at most %" PRIu64
		               " after compaction (an estimate from above, as if all "
		               "could be moved)",
		               more->compacted);
	else if (!more->now && more->unkept)
		(void)snprintf(w.text, sizeof(w.text),
		               "; the rest is less than a block, or kept by the kernel "
		               "(watermarks)");
	return w;
}

/* ---- one zone that gives no more --------------------------------------------------- */

static int say_pieces(const struct weir_played_zone *zone, unsigned int node,
                      const char *name, uint64_t bytes, struct weir_sentences *out)
{
	return weir_sentences_add(
		out, WEIR_TOPIC_GROWTH, bytes,
		"Node %u, zone %s: %s are free, but in pieces: no whole block of %s is "
		"left. Compaction (echo 1 > /sys/devices/system/node/node%u/compact) "
		"could make at most %" PRIu64
		" of them: an estimate from above, of what is free, as if all that "
		"stands between were movable.",
		node, name, weir_words_human(zone->free_bytes).text,
		weir_words_size(bytes).text, node, zone->compacted);
}

static int say_kept(const struct weir_played_zone *zone, unsigned int node,
                    const char *name, uint64_t bytes, struct weir_sentences *out)
{
	char reserve[300] = "";

	if (zone->reserve_bytes)
		(void)snprintf(reserve, sizeof(reserve),
		               ", and %s for those who can use no higher zone "
		               "(lowmem_reserve)",
		               weir_words_human(zone->reserve_bytes).text);
	return weir_sentences_add(
		out, WEIR_TOPIC_GROWTH, bytes,
		"Node %u, zone %s: %s are free, and the kernel keeps them: %s as its min "
		"watermark%s.",
		node, name, weir_words_human(zone->free_bytes).text,
		weir_words_human(zone->min_bytes).text, reserve);
}

static int say_used_up(const struct weir_played *played,
                       const struct weir_played_zone *zone, unsigned int node,
                       const char *name, uint64_t bytes, struct weir_sentences *out)
{
	if (played->gigantic && zone->free_bytes >= bytes && zone->cma_bytes)
		return weir_sentences_add(
			out, WEIR_TOPIC_GROWTH, bytes,
			"Node %u, zone %s: %s are free, but %s of it in the CMA, which "
			"gives no pages of %s.",
			node, name, weir_words_human(zone->free_bytes).text,
			weir_words_human(zone->cma_bytes).text,
			weir_words_size(bytes).text);
	if (played->gigantic && zone->free_bytes >= bytes)
		return weir_sentences_add(
			out, WEIR_TOPIC_GROWTH, bytes,
			"Node %u, zone %s: %s are free, but pages of %s do not come from "
			"there.",
			node, name, weir_words_human(zone->free_bytes).text,
			weir_words_size(bytes).text);
	return weir_sentences_add(out, WEIR_TOPIC_GROWTH, bytes,
	                          "Node %u, zone %s: only %s are free, less than a page "
	                          "of %s: the memory is in use.",
	                          node, name, weir_words_human(zone->free_bytes).text,
	                          weir_words_size(bytes).text);
}

static int say_zone(const struct weir_played *played, unsigned int node,
                    enum weir_zone_kind kind, uint64_t bytes, struct weir_sentences *out)
{
	const struct weir_played_zone *zone = &played->zones[node][kind];
	const char *name = zone_names[kind];

	if (zone->compacted)
		return say_pieces(zone, node, name, bytes, out);
	if (zone->dropped)
		return weir_sentences_add(
			out, WEIR_TOPIC_GROWTH, bytes,
			"Node %u, zone %s: %s are free. Clean page cache given back "
			"(echo 1 > /proc/sys/vm/drop_caches), then compaction, could "
			"make at most %" PRIu64 " of them: an estimate from above.",
			node, name, weir_words_human(zone->free_bytes).text,
			zone->dropped);
	if (zone->unkept)
		return say_kept(zone, node, name, bytes, out);
	return say_used_up(played, zone, node, name, bytes, out);
}

/* Zones that hold less than a page are passed over where another one says more. */
static int say_node(const struct weir_played *played, unsigned int node, uint64_t bytes,
                    struct weir_sentences *out)
{
	unsigned int largest = WEIR_ZONE_NR;
	bool said = false;
	int r = 0;

	for (int z = WEIR_ZONE_NR - 1; r == 0 && z >= 0; z--) {
		const struct weir_played_zone *zone = &played->zones[node][z];

		if (!zone->there || zone->now)
			continue;
		if (largest == WEIR_ZONE_NR ||
		    zone->free_bytes > played->zones[node][largest].free_bytes)
			largest = (unsigned int)z;
		if (!zone->unkept && zone->free_bytes < bytes)
			continue;
		said = true;
		r = say_zone(played, node, (enum weir_zone_kind)z, bytes, out);
	}
	if (r < 0 || said || largest == WEIR_ZONE_NR)
		return r;
	return say_zone(played, node, (enum weir_zone_kind)largest, bytes, out);
}

/* ---- many nodes -------------------------------------------------------------------- */

static int say_sum(const struct weir_played *played, uint64_t nodes, uint64_t bytes,
                   struct weir_sentences *out)
{
	struct more sum = { 0 };
	char now[48] = "no more";
	struct weir_words won;

	weir_each_node (n, nodes) {
		struct more m = more_of(played, n);

		sum.now += m.now;
		sum.compacted += m.compacted;
		sum.dropped += m.dropped;
		sum.unkept += m.unkept;
		sum.free_bytes += m.free_bytes;
	}
	won = won_words(&sum);
	if (sum.now)
		(void)snprintf(now, sizeof(now), "about %" PRIu64 " more", sum.now);
	return weir_sentences_add(
		out, WEIR_TOPIC_GROWTH, bytes,
		"The %d nodes together have %s free, and could give %s now%s. 'weir "
		"explain pool %s nodeN' says it of one node.",
		__builtin_popcountll(nodes), weir_words_human(sum.free_bytes).text, now,
		won.text, weir_words_size(bytes).text);
}

int weir_explain_limits(const struct weir_played *played, uint64_t nodes,
                        uint64_t page_bytes, struct weir_sentences *out)
{
	int r = 0;

	if (__builtin_popcountll(nodes) > NODES_SHOWN)
		return say_sum(played, nodes, page_bytes, out);
	weir_each_node (n, nodes)
		if (r == 0)
			r = say_node(played, n, page_bytes, out);
	return r;
}

/* From ranges that were looked at. */
static int say_reach(unsigned int node, uint64_t least, uint64_t most, uint64_t bytes,
                     struct weir_sentences *out)
{
	if (!most)
		return weir_sentences_add(out, WEIR_TOPIC_GROWTH, bytes,
		                          "Node %u can give no more of them.", node);
	if (least == most)
		return weir_sentences_add(
			out, WEIR_TOPIC_GROWTH, bytes,
			"Node %u could give %" PRIu64 " more of them now.", node, least);
	return weir_sentences_add(out, WEIR_TOPIC_GROWTH, bytes,
	                          "Node %u could give %" PRIu64
	                          " more of them now for certain, and %" PRIu64
	                          " at most, if all that can be moved is.",
	                          node, least, most);
}

static int say_room(const struct weir_snapshot *snap, const struct weir_played *played,
                    unsigned int node, uint64_t bytes, struct weir_sentences *out)
{
	struct more more = more_of(played, node);
	uint64_t least, most;
	struct weir_words won;

	if (!more.now)
		return say_node(played, node, bytes, out);
	if (weir_explain_reach(snap, played, UINT64_C(1) << node, bytes, &least, &most))
		return say_reach(node, least, most, bytes, out);
	if (played->gigantic)
		return weir_sentences_add(
			out, WEIR_TOPIC_GROWTH, bytes,
			"Node %u could give %" PRIu64
			" more of them at most: so much is free, but each needs one "
			"range with nothing in it that cannot be moved.",
			node, more.now);
	won = won_words(&more);
	return weir_sentences_add(
		out, WEIR_TOPIC_GROWTH, bytes,
		"Node %u could give about %" PRIu64
		" more of them now (%s), from whole free blocks above the watermarks%s.",
		node, more.now, weir_words_human(more.now * bytes).text, won.text);
}

int weir_explain_room(const struct weir_snapshot *snap, const struct weir_played *played,
                      uint64_t nodes, uint64_t page_bytes, struct weir_sentences *out)
{
	int r = 0;

	if (__builtin_popcountll(nodes) > NODES_SHOWN)
		return say_sum(played, nodes, page_bytes, out);
	weir_each_node (n, nodes)
		if (r == 0)
			r = say_room(snap, played, n, page_bytes, out);
	return r;
}

/* ---- what is not known ------------------------------------------------------------- */

static bool decides(struct weir_str note, uint64_t page_bytes, bool grows)
{
	char of_size[sizeof(struct weir_words) + 16];

	if (weir_str_starts(note, "the kernel is not known"))
		return true;
	if (weir_str_starts(note, "free memory of node") ||
	    weir_str_starts(note, "the zones of node"))
		return grows;
	(void)snprintf(of_size, sizeof(of_size), "pages of %s ",
	               weir_words_size(page_bytes).text);
	return weir_str_find(note, of_size) >= 0 && weir_str_find(note, "not known") >= 0;
}

bool weir_explain_is_blind(const struct weir_buf *notes)
{
	struct weir_str rest = weir_buf_str(notes), line;

	while (weir_str_line(&rest, &line))
		if (weir_str_starts(line, "free memory of node") &&
		    weir_str_ends(line, "taken as 0"))
			return true;
	return false;
}

int weir_explain_granted(const struct weir_buf *notes, uint64_t page_bytes, bool grows,
                         struct weir_sentences *out)
{
	weir_auto(weir_buf_done) struct weir_buf list = { 0 };
	struct weir_str rest = weir_buf_str(notes), line;
	int r = 0;

	while (r == 0 && weir_str_line(&rest, &line))
		if (decides(line, page_bytes, grows))
			r = weir_buf_printf(&list, "%s%.*s", list.n ? "; " : "",
			                    WEIR_STR_ARG(line));
	if (r < 0 || !list.n)
		return r;
	return weir_sentences_add(out, WEIR_TOPIC_UNKNOWN, page_bytes,
	                          "Taken for granted: %.*s.",
	                          WEIR_STR_ARG(weir_buf_str(&list)));
}
