/* drift_boot: what is declared for boot, against what the kernel command line asked for
 * and what the kernel's log says it got. */
#include "plan/drift_parts.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/shortfall.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

static struct weir_origin origin_of(const struct weir_declared_pool *pool)
{
	if (pool->boot.given)
		return pool->boot.at;
	return pool->pages.given ? pool->pages.at : pool->nodes[0].pages.at;
}

static struct weir_drift *boot_row(struct weir_drift_pen *pen, const char *id,
                                   const struct weir_declared_pool *pool)
{
	struct weir_drift *d = weir_drift_add(pen, id, WEIR_DRIFT_LATER);

	if (!d)
		return NULL;
	weir_drift_pool(pen, d, pool->page_bytes, (struct weir_count){ 0 });
	weir_drift_print(pen, &d->subject, "%s at boot",
	                 WEIR_DRIFT_SIZE(pool->page_bytes));
	weir_drift_where(pen, d, origin_of(pool));
	weir_drift_print(pen, &d->declared, "%" PRIu64, weir_declared_pages(pool).n);
	weir_drift_print(pen, &d->help, "%s",
	                 pen->options->persisted ? "a boot" : "weir persist, and a boot");
	return d;
}

/* The same number on each node; a kernel that knows no list of nodes is asked for the
 * sum. Where the nodes are not declared the sum is all there is. */
static bool asks_the_same(const struct weir_drift_pen *pen,
                          const struct weir_declared_pool *pool,
                          const struct weir_boot_pool *asked)
{
	if (asked->pages != weir_declared_pages(pool).n)
		return false;
	if (!asked->nr_nodes)
		return !pool->nr_nodes || !weir_snapshot_kernel_has(pen->snap, 5, 16);
	for (size_t i = 0; i < pool->nr_nodes; i++) {
		uint64_t pages = 0;

		for (size_t k = 0; k < asked->nr_nodes; k++)
			if (asked->nodes[k].node == pool->nodes[i].node)
				pages = asked->nodes[k].pages;
		if (pages != pool->nodes[i].pages.n)
			return false;
	}
	return true;
}

static void asked_text(const struct weir_boot_pool *asked, char *out, size_t cap)
{
	size_t n = 0;

	if (!asked->nr_nodes)
		(void)snprintf(out, cap, "%" PRIu64, asked->pages);
	for (size_t i = 0; i < asked->nr_nodes && n < cap; i++) {
		int more = snprintf(out + n, cap - n, "%s%u:%" PRIu64, i ? "," : "",
		                    asked->nodes[i].node, asked->nodes[i].pages);

		n += more > 0 ? (size_t)more : 0;
	}
}

static void check_asked(struct weir_drift_pen *pen, const struct weir_declared_pool *pool)
{
	const struct weir_boot_pool *asked = weir_boot_pool(&pen->snap->boot,
	                                                    pool->page_bytes);
	bool none = !asked || !asked->counted;
	char text[256] = "none";
	struct weir_drift *d;

	if (!none && asks_the_same(pen, pool, asked))
		return;
	if (none && !weir_declared_pages(pool).n)
		return; /* nothing is wanted, and nothing asked for */
	d = boot_row(pen, none ? "boot-missing" : "boot-other", pool);
	if (!d)
		return;
	if (!none)
		asked_text(asked, text, sizeof(text));
	weir_drift_print(pen, &d->actual, "%s", text);
	weir_drift_print(pen, &d->text, "%s %s.",
	                 "The kernel command line of this boot asked for",
	                 none ? "none" : text);
}

static void unknown_line(struct weir_drift_pen *pen,
                         const struct weir_declared_pool *pool)
{
	struct weir_drift *d = weir_drift_add(pen, "unknown", WEIR_DRIFT_NOTE);

	if (!d)
		return;
	weir_drift_pool(pen, d, pool->page_bytes, (struct weir_count){ 0 });
	weir_drift_where(pen, d, origin_of(pool));
	weir_drift_print(pen, &d->text, "The kernel command line is not known.");
}

/* The kernel's log says that it could not give what was asked for: it will not the next
 * time either. */
static void check_shortfalls(struct weir_drift_pen *pen)
{
	struct weir_shortfalls rows = { 0 };

	if (pen->failed)
		return;
	pen->failed = weir_shortfalls_make(&pen->snap->boot, &pen->snap->pools,
	                                   &pen->snap->klog, &rows);
	for (size_t i = 0; !pen->failed && i < rows.nr; i++) {
		const struct weir_shortfall *s = &rows.v[i];
		const struct weir_declared_pool *pool = weir_declared_pool(pen->decl,
		                                                           s->size_bytes);
		struct weir_drift *d;

		if (!s->at_boot.known || s->at_boot.n >= s->asked || !pool)
			continue;
		d = weir_drift_add(pen, "boot-short", WEIR_DRIFT_LATER);
		if (!d)
			break;
		weir_drift_pool(pen, d, s->size_bytes, s->node);
		if (s->node.known)
			weir_drift_print(pen, &d->subject,
			                 "%s on node %" PRIu64 " at boot",
			                 WEIR_DRIFT_SIZE(s->size_bytes), s->node.n);
		else
			weir_drift_print(pen, &d->subject, "%s at boot",
			                 WEIR_DRIFT_SIZE(s->size_bytes));
		weir_drift_where(pen, d, pool->at);
		weir_drift_print(pen, &d->actual, "%" PRIu64, s->at_boot.n);
		weir_drift_print(pen, &d->text,
		                 "Boot asked for %" PRIu64 " and got %" PRIu64
		                 ", says the kernel's log.",
		                 s->asked, s->at_boot.n);
		weir_drift_print(pen, &d->help,
		                 "fewer on this node, or more memory: boot cannot give "
		                 "as many");
	}
	weir_shortfalls_done(&rows);
}

void weir_drift_boot(struct weir_drift_pen *pen)
{
	for (size_t i = 0; i < pen->decl->nr_pools; i++) {
		const struct weir_declared_pool *pool = &pen->decl->pools[i];

		if (!weir_declared_at_boot(pool))
			continue;
		if (!pen->snap->cmdline)
			unknown_line(pen, pool);
		else
			check_asked(pen, pool);
	}
	check_shortfalls(pen);
}
