/* drift: pools and other writers; mounts and boot have files of their own.
 *
 * Pages are compared without surplus ones, as they are declared. A counter that cannot be
 * seen is a row "unknown": not to differ is then no answer. */
#include "plan/drift.h"

#include "base/own.h"
#include "base/size.h"
#include "plan/drift_parts.h"
#include "plan/overview.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

const char *weir_drift_when_word(enum weir_drift_when when)
{
	static const char *const words[] = {
		[WEIR_DRIFT_NOW] = "now",
		[WEIR_DRIFT_LATER] = "later",
		[WEIR_DRIFT_NOTE] = "note",
	};

	return words[when];
}

static void row_done(struct weir_drift *d)
{
	free(d->subject);
	free(d->declared);
	free(d->actual);
	free(d->text);
	free(d->help);
	free(d->where);
}

void weir_drifts_done(struct weir_drifts *drifts)
{
	for (size_t i = 0; i < drifts->nr; i++)
		row_done(&drifts->v[i]);
	free(drifts->v);
	*drifts = (struct weir_drifts){ 0 };
}

struct weir_count weir_drift_default_size(const struct weir_snapshot *snap)
{
	return snap->mem.huge_size;
}

/* ---- the pen -------------------------------------------------------------------------
 */

struct weir_drift *weir_drift_add(struct weir_drift_pen *pen, const char *id,
                                  enum weir_drift_when when)
{
	struct weir_drifts *out = pen->out;
	struct weir_drift *d;

	if (pen->failed)
		return NULL;
	pen->failed = weir_grow(&out->v, &out->cap, out->nr, sizeof(out->v[0]));
	if (pen->failed)
		return NULL;
	d = &out->v[out->nr++];
	d->id = id;
	d->when = when;
	d->foreign = SIZE_MAX;
	return d;
}

void weir_drift_print(struct weir_drift_pen *pen, char **slot, const char *fmt, ...)
{
	char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0) {
		text = NULL;
		pen->failed = -ENOMEM;
	}
	va_end(ap);
	free(*slot);
	*slot = text;
}

void weir_drift_where(struct weir_drift_pen *pen, struct weir_drift *d,
                      struct weir_origin at)
{
	char text[WEIR_ORIGIN_TEXT_MAX];

	if (*weir_origin_text(pen->decl, at, text, sizeof(text)))
		weir_drift_print(pen, &d->where, "%s", text);
}

void weir_drift_pool(struct weir_drift_pen *pen, struct weir_drift *d,
                     uint64_t page_bytes, struct weir_count node)
{
	d->page_bytes = WEIR_COUNT(page_bytes);
	d->node = node;
	if (node.known)
		weir_drift_print(pen, &d->subject, "%s on node %" PRIu64,
		                 WEIR_DRIFT_SIZE(page_bytes), node.n);
	else
		weir_drift_print(pen, &d->subject, "%s", WEIR_DRIFT_SIZE(page_bytes));
}

/* ---- pools ---------------------------------------------------------------------------
 */

static const char apply_helps[] = "weir apply";

static const char *pages_word(uint64_t n)
{
	return n == 1 ? "page" : "pages";
}

static void unknown(struct weir_drift_pen *pen, uint64_t page_bytes,
                    struct weir_count node, struct weir_origin at, const char *what)
{
	struct weir_drift *d = weir_drift_add(pen, "unknown", WEIR_DRIFT_NOTE);

	if (!d)
		return;
	weir_drift_pool(pen, d, page_bytes, node);
	weir_drift_where(pen, d, at);
	weir_drift_print(pen, &d->text, "The %s cannot be seen: see weir status.", what);
}

/* How many there are against how many there should be. */
static void compare_pages(struct weir_drift_pen *pen, uint64_t page_bytes,
                          struct weir_count node, struct weir_declared_number want,
                          struct weir_count got)
{
	uint64_t differ = got.n > want.n ? got.n - want.n : want.n - got.n;
	struct weir_drift *d;

	if (!got.known) {
		unknown(pen, page_bytes, node, want.at, "number of pages");
		return;
	}
	if (!differ)
		return;
	d = weir_drift_add(pen, got.n < want.n ? "pages-missing" : "pages-more",
	                   WEIR_DRIFT_NOW);
	if (!d)
		return;
	weir_drift_pool(pen, d, page_bytes, node);
	weir_drift_where(pen, d, want.at);
	weir_drift_print(pen, &d->declared, "%" PRIu64, want.n);
	weir_drift_print(pen, &d->actual, "%" PRIu64, got.n);
	weir_drift_print(pen, &d->text, "%" PRIu64 " %s %s.", differ, pages_word(differ),
	                 got.n < want.n ? "missing" : "more than declared");
	weir_drift_print(pen, &d->help, "%s", apply_helps);
}

static struct weir_count node_pages(const struct weir_huge_size *size, unsigned int node,
                                    bool *there)
{
	*there = false;
	for (size_t i = 0; i < size->nr_nodes; i++)
		if (size->nodes[i].node == node) {
			*there = true;
			return weir_pool_persistent(&size->nodes[i].pool);
		}
	/* one node, and no directory of it: a kernel without NUMA */
	if (!size->nr_nodes && !node) {
		*there = true;
		return weir_pool_persistent(&size->all);
	}
	return (struct weir_count){ 0 };
}

static void no_such(struct weir_drift_pen *pen, uint64_t page_bytes,
                    struct weir_count node, struct weir_origin at, const char *id,
                    const char *text)
{
	struct weir_drift *d = weir_drift_add(pen, id, WEIR_DRIFT_NOW);

	if (!d)
		return;
	weir_drift_pool(pen, d, page_bytes, node);
	weir_drift_where(pen, d, at);
	weir_drift_print(pen, &d->text, "%s", text);
}

static void check_overcommit(struct weir_drift_pen *pen,
                             const struct weir_declared_pool *pool,
                             const struct weir_huge_size *size)
{
	const struct weir_count all = { 0 };
	struct weir_drift *d;

	if (!pool->overcommit.given)
		return;
	if (!size->overcommit.known) {
		unknown(pen, pool->page_bytes, all, pool->overcommit.at,
		        "overcommit limit");
		return;
	}
	if (size->overcommit.n == pool->overcommit.n)
		return;
	d = weir_drift_add(pen, "overcommit", WEIR_DRIFT_NOW);
	if (!d)
		return;
	weir_drift_pool(pen, d, pool->page_bytes, all);
	weir_drift_print(pen, &d->subject, "overcommit of %s",
	                 WEIR_DRIFT_SIZE(pool->page_bytes));
	weir_drift_where(pen, d, pool->overcommit.at);
	weir_drift_print(pen, &d->declared, "%" PRIu64, pool->overcommit.n);
	weir_drift_print(pen, &d->actual, "%" PRIu64, size->overcommit.n);
	weir_drift_print(pen, &d->text, "The overcommit limit is another one.");
	weir_drift_print(pen, &d->help, "%s", apply_helps);
}

static void check_pool(struct weir_drift_pen *pen, const struct weir_declared_pool *pool)
{
	const struct weir_huge_size *size = weir_pools_size(&pen->snap->pools,
	                                                    pool->page_bytes);
	const struct weir_count all = { 0 };

	if (!pen->snap->pools.known) {
		unknown(pen, pool->page_bytes, all, pool->at, "pools of this host");
		return;
	}
	if (!size) {
		no_such(pen, pool->page_bytes, all, pool->at, "no-size",
		        "This kernel has no pages of this size.");
		return;
	}
	if (pool->pages.given)
		compare_pages(pen, pool->page_bytes, all, pool->pages,
		              weir_pool_persistent(&size->all));
	for (size_t i = 0; i < pool->nr_nodes; i++) {
		const struct weir_declared_node *n = &pool->nodes[i];
		bool there;
		struct weir_count got = node_pages(size, n->node, &there);

		if (there)
			compare_pages(pen, pool->page_bytes, WEIR_COUNT(n->node),
			              n->pages, got);
		else
			no_such(pen, pool->page_bytes, WEIR_COUNT(n->node), n->pages.at,
			        "no-node", "This host has no such node.");
	}
	check_overcommit(pen, pool, size);
}

/* ---- other writers -------------------------------------------------------------------
 */

/* Of one node a number may be declared; of a total also the sum of the nodes. */
static enum weir_foreign_verdict judge_pages(const struct weir_declared_pool *pool,
                                             const struct weir_foreign *f)
{
	struct weir_count want = weir_declared_pages(pool);
	const struct weir_declared_number *node;

	if (!want.known)
		return WEIR_FOREIGN_APART;
	if (f->node.known) {
		node = weir_declared_node(pool, (unsigned int)f->node.n);
		if (!node)
			return pool->nr_nodes ? WEIR_FOREIGN_APART : WEIR_FOREIGN_UNSURE;
		want = WEIR_COUNT(node->n);
	}
	if (!f->value.known)
		return WEIR_FOREIGN_UNSURE;
	return f->value.n == want.n ? WEIR_FOREIGN_AGREES : WEIR_FOREIGN_CONTRARY;
}

enum weir_foreign_verdict weir_foreign_judge(const struct weir_declaration *decl,
                                             const struct weir_foreign *f,
                                             struct weir_count default_bytes)
{
	struct weir_count bytes = f->default_size ? default_bytes : f->page_bytes;
	const struct weir_declared_pool *pool;

	if (f->what != WEIR_SETS_PAGES && f->what != WEIR_SETS_OVERCOMMIT)
		return WEIR_FOREIGN_APART;
	if (!bytes.known)
		return decl->nr_pools ? WEIR_FOREIGN_UNSURE : WEIR_FOREIGN_APART;
	pool = weir_declared_pool(decl, bytes.n);
	if (!pool)
		return WEIR_FOREIGN_APART;
	if (f->what == WEIR_SETS_PAGES)
		return judge_pages(pool, f);
	if (!pool->overcommit.given)
		return WEIR_FOREIGN_APART;
	if (!f->value.known)
		return WEIR_FOREIGN_UNSURE;
	return f->value.n == pool->overcommit.n ? WEIR_FOREIGN_AGREES
	                                        : WEIR_FOREIGN_CONTRARY;
}

/* Where the command line of the next boot is kept, weir's own request is found too: what
 * it says there and is declared is nobody else's word. */
static bool may_be_ours(const struct weir_foreign *f)
{
	return f->source == WEIR_FOREIGN_CMDLINE || f->source == WEIR_FOREIGN_LOADER;
}

static void foreign_row(struct weir_drift_pen *pen, const struct weir_foreign *f,
                        size_t idx, enum weir_foreign_verdict verdict)
{
	struct weir_count size = f->default_size ? weir_drift_default_size(pen->snap)
	                                         : f->page_bytes;
	bool agrees = verdict == WEIR_FOREIGN_AGREES;
	struct weir_drift *d = weir_drift_add(
		pen, "foreign", agrees ? WEIR_DRIFT_NOTE : WEIR_DRIFT_LATER);

	if (!d)
		return;
	d->foreign = idx;
	if (size.known)
		weir_drift_pool(pen, d, size.n, f->node);
	else
		weir_drift_print(pen, &d->subject, "huge pages");
	weir_drift_print(pen, &d->where, "%s:%u", f->file, f->line);
	if (f->value.known)
		weir_drift_print(pen, &d->actual, "%" PRIu64, f->value.n);
	if (agrees)
		weir_drift_print(pen, &d->text,
		                 "%s:%u sets the same, and will not follow a change of "
		                 "the declaration: %s",
		                 f->file, f->line, f->text);
	else if (f->value.known)
		weir_drift_print(pen, &d->text, "%s:%u sets it to %" PRIu64 ": %s",
		                 f->file, f->line, f->value.n, f->text);
	else
		weir_drift_print(pen, &d->text, "%s:%u may set it: %s", f->file, f->line,
		                 f->text);
	if (!agrees)
		weir_drift_print(pen, &d->help,
		                 "one of the two has to go: remove that line, or what "
		                 "is declared");
}

static void check_foreigns(struct weir_drift_pen *pen,
                           const struct weir_foreigns *foreigns)
{
	struct weir_count size = weir_drift_default_size(pen->snap);

	for (size_t i = 0; foreigns && i < foreigns->nr; i++) {
		const struct weir_foreign *f = &foreigns->v[i];
		enum weir_foreign_verdict verdict = weir_foreign_judge(pen->decl, f,
		                                                       size);

		if (verdict == WEIR_FOREIGN_APART ||
		    (verdict == WEIR_FOREIGN_AGREES && may_be_ours(f)))
			continue;
		foreign_row(pen, f, i, verdict);
	}
}

/* ---- the whole -----------------------------------------------------------------------
 */

/* Stable: what differs now goes first, else the order of the checks. */
static int sort(struct weir_drifts *drifts)
{
	struct weir_drift *sorted;
	size_t nr = 0;

	if (!drifts->nr)
		return 0;
	sorted = calloc(drifts->nr, sizeof(*sorted));
	if (!sorted)
		return -ENOMEM;
	for (unsigned int when = 0; when <= WEIR_DRIFT_NOTE; when++)
		for (size_t i = 0; i < drifts->nr; i++)
			if (drifts->v[i].when == (enum weir_drift_when)when) {
				sorted[nr++] = drifts->v[i];
				drifts->nr_when[when]++;
			}
	free(drifts->v);
	drifts->v = sorted;
	drifts->cap = drifts->nr;
	return 0;
}

int weir_drifts_make(const struct weir_declaration *decl,
                     const struct weir_snapshot *snap,
                     const struct weir_foreigns *foreigns,
                     const struct weir_drift_options *options, struct weir_drifts *out)
{
	struct weir_drift_pen pen = {
		.decl = decl, .snap = snap, .options = options, .out = out
	};

	*out = (struct weir_drifts){ 0 };
	for (size_t i = 0; !options->boot_only && i < decl->nr_pools; i++)
		check_pool(&pen, &decl->pools[i]);
	if (!options->boot_only)
		weir_drift_mounts(&pen);
	weir_drift_boot(&pen);
	check_foreigns(&pen, foreigns);
	if (!pen.failed)
		pen.failed = sort(out);
	if (pen.failed)
		weir_drifts_done(out);
	return pen.failed;
}
