/* poisoned: pages with memory errors that nobody has. A page of a file stays in use when
 * the file is gone, and no holder is left to be found; where it lies /proc/kpageflags
 * tells (host/poolpages.h). Asked only when the kernel counts memory errors, and pages
 * are missing when all else has been looked for: it is a walk over the pools, and a page
 * of somebody who was not seen must not be taken for one of these. */
#include "holders/match.h"

#include "base/least.h"
#include "facts/frames.h"
#include "facts/placement.h"

#include <errno.h>

static bool is_missing(const struct weir_ledger *ledger)
{
	for (size_t i = 0; i < ledger->nr_sizes; i++)
		if (ledger->sizes[i].unattributed.n)
			return true;
	return false;
}

/* Pages with errors that are in use: more than are free may count as free, where the
 * kernel could not take them out of the pool. */
static uint64_t lost_in_use(const struct weir_ledger_size *size,
                            const struct weir_pool_runs *runs)
{
	uint64_t lost = 0, unused = 0;

	for (size_t i = 0; i < runs->nr; i++) {
		const struct weir_pool_run *run = &runs->v[i];

		if (run->size_bytes != size->page_bytes)
			continue;
		if (run->state == WEIR_PAGE_LOST)
			lost += run->nr;
		else if (run->state != WEIR_PAGE_USED)
			unused += run->nr;
	}
	return weir_less(lost, weir_less(size->free.n, unused));
}

/* Adds up to @most pages of a run. */
static void count_run(const struct weir_snapshot *snap, const struct weir_ledger *ledger,
                      const struct weir_pool_run *run, uint64_t most,
                      struct weir_hold *hold)
{
	uint64_t step = snap->page_bytes.n ? run->size_bytes / snap->page_bytes.n : 0;

	for (uint64_t i = 0; i < run->nr && hold->pages < most; i++) {
		const struct weir_zone *zone = weir_zone_of_frame(&snap->zones,
		                                                  run->pfn + i * step);

		hold->pages++;
		if (zone)
			weir_hold_count(ledger, hold, zone->node, 1);
	}
}

static int match_size(const struct weir_snapshot *snap, struct weir_ledger *ledger,
                      const struct weir_pool_runs *runs, struct weir_ledger_size *size)
{
	uint64_t most = weir_min(size->unattributed.n, lost_in_use(size, runs));
	struct weir_hold *hold;

	hold = weir_hold_add(ledger, WEIR_HOLD_POISONED, size->page_bytes);
	if (!hold)
		return -ENOMEM;
	for (size_t i = 0; i < runs->nr; i++)
		if (runs->v[i].state == WEIR_PAGE_LOST &&
		    runs->v[i].size_bytes == size->page_bytes)
			count_run(snap, ledger, &runs->v[i], most, hold);
	weir_hold_settle_nodes(ledger, hold);
	size->held += hold->pages;
	size->unattributed.n -= hold->pages;
	size->node_unknown += hold->node_unknown;
	for (size_t i = 0; i < ledger->nr_nodes; i++)
		size->node_held[i] += hold->node_pages[i];
	return 0;
}

int weir_ledger_match_poisoned(const struct weir_host *host,
                               const struct weir_snapshot *snap,
                               struct weir_ledger *ledger)
{
	struct weir_pool_runs runs = { 0 };
	bool known;
	int r;

	if (!snap->mem.hardware_corrupted.n || !is_missing(ledger) ||
	    ledger->holdings.look != WEIR_LOOK_ALL)
		return 0;
	r = weir_pool_runs_read(host, &runs, &known);
	/* captures of old have no word for them: without any, the bound stays */
	for (size_t i = 0; i < runs.nr; i++)
		ledger->poison_known |= runs.v[i].state == WEIR_PAGE_LOST;
	for (size_t i = 0; r == 0 && i < ledger->nr_sizes; i++)
		if (ledger->sizes[i].unattributed.n)
			r = match_size(snap, ledger, &runs, &ledger->sizes[i]);
	weir_pool_runs_done(&runs);
	return r;
}
