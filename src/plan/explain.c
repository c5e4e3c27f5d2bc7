/* explain: see explain.h. Sentences in the order in which a person asks: how many are
 * there, who has them, who was promised them, why is the number not what was written. */
#include "plan/explain.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/shortfall.h"
#include "holders/ledger.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define HOLDERS_SHOWN 8 /* the largest; weir who has all of them */

const char *weir_topic_word(enum weir_topic topic)
{
	static const char *const words[] = {
		[WEIR_TOPIC_PAGES] = "pages",       [WEIR_TOPIC_HOLDER] = "holder",
		[WEIR_TOPIC_RESERVED] = "reserved", [WEIR_TOPIC_SURPLUS] = "surplus",
		[WEIR_TOPIC_DIFFER] = "differ",     [WEIR_TOPIC_MINIMUM] = "minimum",
		[WEIR_TOPIC_BOOT] = "boot",         [WEIR_TOPIC_GROWTH] = "growth",
		[WEIR_TOPIC_UNKNOWN] = "unknown",   [WEIR_TOPIC_WRITE] = "write",
	};

	return words[topic];
}

void weir_sentences_done(struct weir_sentences *out)
{
	for (size_t i = 0; i < out->nr; i++)
		free(out->v[i].text);
	free(out->v);
	*out = (struct weir_sentences){ 0 };
}

int weir_sentences_add(struct weir_sentences *out, enum weir_topic topic,
                       uint64_t size_bytes, const char *fmt, ...)
{
	struct weir_sentence *to;
	va_list ap;
	int n;

	if (weir_grow(&out->v, &out->cap, out->nr, sizeof(out->v[0])) < 0)
		return -ENOMEM;
	to = &out->v[out->nr];
	va_start(ap, fmt);
	n = vasprintf(&to->text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	to->topic = topic;
	to->size_bytes = size_bytes;
	out->nr++;
	return 0;
}

/* ---- names ------------------------------------------------------------------------- */

struct name {
	char text[160];
};

static struct name size_name(uint64_t bytes)
{
	struct name n;

	(void)weir_format_size(bytes, n.text, sizeof(n.text));
	return n;
}

static const char *s(uint64_t n)
{
	return n == 1 ? "" : "s";
}

static const char *are(uint64_t n)
{
	return n == 1 ? "is" : "are";
}

/* "process 1234 (qemu-system-x86)" */
static struct name task_name(const struct weir_ledger *ledger, size_t task)
{
	const struct weir_holding_task *t = &ledger->holdings.tasks[task];
	char shown[48];
	struct name n;

	(void)weir_str_show(weir_strz(t->name ? t->name : "?"), shown, sizeof(shown));
	(void)snprintf(n.text, sizeof(n.text), "process %" PRIu64 " (%s)", t->pid, shown);
	return n;
}

/* "the file /dev/hugepages/a of process 12 (x) and 2 others" */
static struct name hold_name(const struct weir_ledger *ledger,
                             const struct weir_hold *hold)
{
	static const char *const what[] = {
		[WEIR_HOLD_PRIVATE] = "private memory of ",
		[WEIR_HOLD_ANON] = "shared memory of ",
		[WEIR_HOLD_FILE] = "the file ",
		[WEIR_HOLD_MEMFD] = "the memfd ",
		[WEIR_HOLD_SHM] = "a SysV segment ",
		[WEIR_HOLD_MOUNT] = "the minimum of the mount ",
	};
	char file[80];
	struct name n;
	size_t at;

	(void)weir_str_show(weir_hold_name(ledger, hold), file, sizeof(file));
	at = (size_t)snprintf(n.text, sizeof(n.text), "%s%s", what[hold->kind],
	                      hold->kind == WEIR_HOLD_PRIVATE ? "" : file);
	if (at >= sizeof(n.text) || hold->kind == WEIR_HOLD_MOUNT)
		return n;
	if (!hold->nr_users) {
		(void)snprintf(n.text + at, sizeof(n.text) - at,
		               "%swhich no process has open",
		               hold->kind == WEIR_HOLD_PRIVATE ? "" : ", ");
		return n;
	}
	at += (size_t)snprintf(n.text + at, sizeof(n.text) - at, "%s%s",
	                       hold->kind == WEIR_HOLD_PRIVATE || !*file ? "" : " of ",
	                       task_name(ledger, hold->users[0].task).text);
	if (at < sizeof(n.text) && hold->nr_users > 1)
		(void)snprintf(n.text + at, sizeof(n.text) - at, " and %zu other%s",
		               hold->nr_users - 1, s(hold->nr_users - 1));
	return n;
}

/* ---- a pool ------------------------------------------------------------------------ */

static int say_pages(const struct weir_ledger_size *size, struct weir_sentences *out)
{
	uint64_t total = size->total.n, free = size->free.n, promised = size->reserved.n;
	struct name name = size_name(size->page_bytes);

	if (!size->total.known || !size->free.known)
		return weir_sentences_add(out, WEIR_TOPIC_UNKNOWN, size->page_bytes,
		                          "How many pages of %s there are is not known.",
		                          name.text);
	if (!total)
		return weir_sentences_add(out, WEIR_TOPIC_PAGES, size->page_bytes,
		                          "The pool of %s is empty.", name.text);
	if (!size->reserved.known || free < promised)
		return weir_sentences_add(out, WEIR_TOPIC_PAGES, size->page_bytes,
		                          "%" PRIu64 " page%s of %s: %" PRIu64
		                          " in use, %" PRIu64 " free.",
		                          total, s(total), name.text, total - free, free);
	if (!promised)
		return weir_sentences_add(out, WEIR_TOPIC_PAGES, size->page_bytes,
		                          "%" PRIu64 " page%s of %s: %" PRIu64
		                          " in use, %" PRIu64
		                          " free, and a newcomer can have all of these.",
		                          total, s(total), name.text, total - free, free);
	return weir_sentences_add(out, WEIR_TOPIC_PAGES, size->page_bytes,
	                          "%" PRIu64 " page%s of %s: %" PRIu64 " in use, %" PRIu64
	                          " free. Of the free ones %" PRIu64
	                          " %s promised to mappings that have not "
	                          "touched them yet, so a newcomer can have %" PRIu64 ".",
	                          total, s(total), name.text, total - free, free,
	                          promised, are(promised), free - promised);
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

static int say_holders(const struct weir_ledger *ledger, uint64_t page_bytes, size_t node,
                       struct weir_sentences *out)
{
	size_t shown = 0, more = 0;
	uint64_t rest = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_holds; i++) {
		const struct weir_hold *hold = &ledger->holds[i];
		uint64_t pages = is_of(hold, page_bytes) ? pages_of(hold, node) : 0;

		if (!pages)
			continue;
		if (++shown > HOLDERS_SHOWN) {
			more++;
			rest += pages;
			continue;
		}
		r = weir_sentences_add(out, WEIR_TOPIC_HOLDER, page_bytes,
		                       "%" PRIu64 " in use: %s.", pages,
		                       hold_name(ledger, hold).text);
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
			hold_name(ledger, hold).text,
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
			n, s(n), are(n), hold_name(ledger, hold).text);
	}
	return r;
}

static int say_surplus(const struct weir_snapshot *snap, const struct weir_ledger *ledger,
                       const struct weir_ledger_size *size, struct weir_sentences *out)
{
	const struct weir_huge_size *pool = weir_pools_size(&snap->pools,
	                                                    size->page_bytes);
	struct weir_count limit = pool ? pool->overcommit : (struct weir_count){ 0 };
	uint64_t n = size->surplus.n,
		 busy = size->total.n - size->free.n + size->reserved.n;

	(void)ledger;
	if (!size->surplus.known || !n)
		return 0;
	if (limit.known && n <= limit.n)
		return weir_sentences_add(
			out, WEIR_TOPIC_SURPLUS, size->page_bytes,
			"%" PRIu64
			" of the pages %s surplus: made when the pool was used up, "
			"within the overcommit limit of %" PRIu64
			"; as many leave the pool as pages are freed.",
			n, are(n), limit.n);
	return weir_sentences_add(
		out, WEIR_TOPIC_SURPLUS, size->page_bytes,
		"%" PRIu64
		" of the pages %s surplus, beyond the overcommit limit of %" PRIu64
		": the pool was made smaller while more were in use or promised (now "
		"%" PRIu64 "). The write succeeded, the pages stayed; each leaves the "
		"pool when it is "
		"freed, down to the %" PRIu64 " that were asked for.",
		n, are(n), limit.n, busy, size->total.n - n);
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

/* Why more do not come: what the nodes have in blocks of this size. */
static int say_growth(const struct weir_snapshot *snap, uint64_t page_bytes, int node,
                      struct weir_sentences *out)
{
	unsigned int order = 0;
	int r = 0;

	if (!snap->page_bytes.known || page_bytes > (UINT64_C(4) << 20))
		return 0;
	while (snap->page_bytes.n << order < page_bytes)
		order++;
	for (size_t i = 0; r == 0 && i < snap->nodes.nr; i++) {
		unsigned int id = snap->nodes.v[i].id;
		struct weir_count blocks = weir_buddyinfo_blocks(&snap->buddy, id, order);
		struct weir_count free = snap->nodes.v[i].mem.free;

		if ((node >= 0 && id != (unsigned int)node) || !blocks.known ||
		    !free.known)
			continue;
		r = weir_sentences_add(
			out, WEIR_TOPIC_GROWTH, page_bytes,
			"Node %u could give about %" PRIu64
			" more of them now, from whole free blocks, and at most %" PRIu64
			" after compaction (echo 1 > "
			"/sys/devices/system/node/node%u/compact), less what the kernel "
			"keeps.",
			id, blocks.n, free.n / page_bytes, id);
	}
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
		r = say_surplus(snap, ledger, size, out);
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
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_sizes; i++)
		if (!is_empty(&ledger->sizes[i]))
			r = explain_size(snap, ledger, &ledger->sizes[i], -1, out);
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
			" surplus. Promises choose no node: which of its free pages are "
			"promised nobody can say.",
			node, at->nr.n, s(at->nr.n), at->free.n, at->surplus.n);
	}
	return -ENOENT;
}

int weir_explain_pool(const struct weir_snapshot *snap, const struct weir_ledger *ledger,
                      uint64_t size_bytes, int node, struct weir_sentences *out)
{
	const struct weir_ledger_size *size = weir_ledger_size(ledger, size_bytes);
	int r = 0;

	if (!size)
		return -ENOENT;
	if (node >= 0)
		r = say_node(size, snap, (unsigned int)node, out);
	if (r == 0)
		r = explain_size(snap, ledger, size, node, out);
	return r < 0 ? r : say_growth(snap, size_bytes, node, out);
}

/* ---- a process --------------------------------------------------------------------- */

static int say_use(const struct weir_ledger *ledger, const struct weir_hold *hold,
                   const struct weir_hold_user *user, struct weir_sentences *out)
{
	struct name size = size_name(hold->page_bytes);
	uint64_t promised = hold->reserved.known ? hold->reserved.n : 0;
	char others[64] = "";

	if (hold->nr_users > 1)
		(void)snprintf(others, sizeof(others),
		               ", which it shares with %zu other process%s",
		               hold->nr_users - 1, hold->nr_users == 2 ? "" : "es");
	if (!user->mapped_bytes)
		return weir_sentences_add(out, WEIR_TOPIC_HOLDER, hold->page_bytes,
		                          "It has %s open and not mapped%s: %" PRIu64
		                          " page%s of %s stay as long as it does.",
		                          hold_name(ledger, hold).text, others,
		                          hold->pages, s(hold->pages), size.text);
	return weir_sentences_add(out, WEIR_TOPIC_HOLDER, hold->page_bytes,
	                          "It maps %" PRIu64 " page%s of %s in %s%s: %" PRIu64
	                          " %s there, %" PRIu64 " more %s promised.",
	                          user->mapped_bytes / hold->page_bytes,
	                          s(user->mapped_bytes / hold->page_bytes), size.text,
	                          hold_name(ledger, hold).text, others, hold->pages,
	                          are(hold->pages), promised, are(promised));
}

int weir_explain_process(const struct weir_ledger *ledger, uint64_t pid,
                         struct weir_sentences *out)
{
	bool any = false;
	int r = 0;

	for (size_t i = 0; r == 0 && i < ledger->nr_holds; i++)
		for (size_t k = 0; r == 0 && k < ledger->holds[i].nr_users; k++) {
			const struct weir_hold_user *user = &ledger->holds[i].users[k];

			if (ledger->holdings.tasks[user->task].pid != pid)
				continue;
			if (!any)
				r = weir_sentences_add(
					out, WEIR_TOPIC_HOLDER, 0, "%s holds huge pages.",
					task_name(ledger, user->task).text);
			any = true;
			if (r == 0)
				r = say_use(ledger, &ledger->holds[i], user, out);
		}
	return r < 0 ? r : any ? 0 : -ENOENT;
}
