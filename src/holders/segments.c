/* segments: the SysV segments of this IPC namespace that no process was found to have
 * attached. The table tells all of them and not which are of huge pages; their resident
 * size proves it of some, see facts/shm.h. Of the others it may be so, if as many pages
 * are missing in the sum. */
#include "holders/match.h"

#include "base/ckd.h"

#include <errno.h>

static bool has_segment(const struct weir_ledger *ledger, uint64_t id)
{
	for (size_t i = 0; i < ledger->nr_holds; i++)
		if (ledger->holds[i].shm && ledger->holds[i].shm->id == id)
			return true;
	return false;
}

/* How many pages of @page_bytes the resident size of a segment means. False when it
 * cannot be of such pages. */
static bool pages_of_rss(const struct weir_snapshot *snap,
                         const struct weir_shm_segment *seg, uint64_t page_bytes,
                         uint64_t *out)
{
	uint64_t base = snap->page_bytes.n, unit = page_bytes;

	/* 6.7 began to count it by its size, once for each base page */
	if (!seg->rss_bytes.known || !base ||
	    ((!snap->release || weir_snapshot_kernel_has(snap, 6, 7)) &&
	     ckd_mul(&unit, page_bytes, page_bytes / base)) ||
	    !unit || seg->rss_bytes.n % unit)
		return false;
	*out = seg->rss_bytes.n / unit;
	return *out <= weir_pages_of(seg->size_bytes, page_bytes);
}

/* No memory is resident that a segment does not have. */
static bool is_surely_huge(const struct weir_snapshot *snap,
                           const struct weir_shm_segment *seg)
{
	uint64_t base = snap->page_bytes.n;

	return base && seg->rss_bytes.known &&
	       seg->rss_bytes.n / base > weir_pages_of(seg->size_bytes, base);
}

/* Attached by somebody, and nobody who could be looked at has it mapped as huge pages. */
static bool is_seen_otherwise(const struct weir_ledger *ledger,
                              const struct weir_shm_segment *seg)
{
	const struct weir_holdings *all = &ledger->holdings;

	return seg->nr_attached && !all->nr_forbidden &&
	       (!seg->rss_bytes.n || all->look == WEIR_LOOK_ALL);
}

/* So many pages in use are nobody's yet, and what it has not touched may be promised. */
static bool is_missing(const struct weir_ledger *ledger, uint64_t page_bytes,
                       uint64_t pages, uint64_t all)
{
	const struct weir_ledger_size *size = weir_ledger_size(ledger, page_bytes);
	uint64_t held = pages;

	for (size_t i = 0; i < ledger->nr_holds; i++)
		if (ledger->holds[i].page_bytes == page_bytes)
			held += ledger->holds[i].pages;
	return size && size->in_use.known && held <= size->in_use.n &&
	       (!size->reserved.known || all - pages <= size->reserved.n);
}

/* Of which pages it is, and how many it has. False: of ordinary ones. */
static bool find_pages(const struct weir_snapshot *snap, const struct weir_ledger *ledger,
                       const struct weir_shm_segment *seg, uint64_t *page_bytes,
                       uint64_t *pages)
{
	bool sure = is_surely_huge(snap, seg);

	if (!sure && is_seen_otherwise(ledger, seg))
		return false;
	for (size_t i = 0; i < ledger->nr_sizes; i++) {
		*page_bytes = ledger->sizes[i].page_bytes;
		if (pages_of_rss(snap, seg, *page_bytes, pages) &&
		    (sure || !*pages ||
		     is_missing(ledger, *page_bytes, *pages,
		                weir_pages_of(seg->size_bytes, *page_bytes))))
			return true;
	}
	return false;
}

static int match_segment(const struct weir_snapshot *snap, struct weir_ledger *ledger,
                         const struct weir_shm_segment *seg)
{
	struct weir_hold *hold;
	uint64_t pages = 0, page_bytes = 0;

	if (!find_pages(snap, ledger, seg, &page_bytes, &pages))
		return 0;
	/* with no pages it may be of ordinary ones: its reservation decides */
	if (!pages && snap->mem.huge_size.known)
		page_bytes = snap->mem.huge_size.n;
	hold = weir_hold_add(ledger, WEIR_HOLD_SHM, page_bytes);
	if (!hold)
		return -ENOMEM;
	hold->shm = seg;
	hold->pages = pages;
	hold->supposed = pages && !is_surely_huge(snap, seg);
	weir_hold_settle_nodes(ledger, hold);
	return 0;
}

int weir_ledger_match_segments(const struct weir_snapshot *snap,
                               struct weir_ledger *ledger)
{
	const struct weir_shm *shm = &ledger->holdings.shm;
	int r = 0;

	for (size_t i = 0; r == 0 && i < shm->nr; i++)
		if (!has_segment(ledger, shm->v[i].id))
			r = match_segment(snap, ledger, &shm->v[i]);
	return r;
}
