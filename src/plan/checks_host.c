/* checks_host: the memory around the pools, and how far the snapshot can be trusted. */
#include "plan/checks.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>

void weir_check_reading(struct weir_check *c)
{
	struct weir_finding *f;

	if (c->snap->consistent)
		return;
	f = weir_check_add(c, WEIR_PROBLEM, "snapshot-inconsistent");
	weir_check_text(
		c, f,
		"the pools' counters moved while they were read, or contradict each "
		"other: the numbers shown may not belong together.");
	weir_check_remedy(c, f, "look again");
}

/* Pages of @size_bytes that cover @bytes; more than that are not there to be given. */
static uint64_t pages_for(uint64_t bytes, uint64_t size_bytes)
{
	return bytes / size_bytes + (bytes % size_bytes != 0);
}

/* The size whose shrink could relieve the host best: the most bytes. @out_unknown: some
 * size does not tell what it could give. */
static const struct weir_huge_size *most_spare(const struct weir_snapshot *snap,
                                               uint64_t *out_pages, bool *out_unknown)
{
	const struct weir_huge_size *best = NULL;
	uint64_t best_bytes = 0;

	*out_unknown = false;
	for (size_t i = 0; i < snap->pools.nr; i++) {
		const struct weir_huge_size *size = &snap->pools.sizes[i];
		struct weir_count spare = weir_pool_removable(&size->all);
		struct weir_count bytes = weir_count_mul(spare, size->size_bytes);

		*out_unknown |= !bytes.known;
		if (!bytes.known || bytes.n <= best_bytes)
			continue;
		best = size;
		best_bytes = bytes.n;
		*out_pages = spare.n;
	}
	return best;
}

static void give_back(struct weir_check *c, struct weir_finding *f,
                      uint64_t missing_bytes)
{
	struct weir_count persistent;
	uint64_t spare = 0, wanted;
	bool unknown;
	const struct weir_huge_size *size = most_spare(c->snap, &spare, &unknown);

	if (!size) {
		weir_check_remedy(
			c, f, "%s",
			unknown ? "what the pools could give back is not known here, see "
				  "below: free huge pages, or end or move a VM"
				: "no page of the pools can be given back, all are in "
				  "use, "
				  "reserved or surplus: end or move a VM");
		return;
	}
	wanted = pages_for(missing_bytes, size->size_bytes);
	if (wanted > spare)
		weir_check_remedy(c, f,
		                  "give back what can be had at once, %" PRIu64
		                  " %s %s; as this does "
		                  "not suffice, end or move a VM too",
		                  spare, WEIR_CHECK_SIZE(size->size_bytes),
		                  spare == 1 ? "page" : "pages");
	else
		weir_check_remedy(c, f,
		                  "give back %" PRIu64 " of the %" PRIu64
		                  " %s pages that can be had "
		                  "at once",
		                  wanted, spare, WEIR_CHECK_SIZE(size->size_bytes));
	wanted = wanted > spare ? spare : wanted;
	persistent = weir_pool_persistent(&size->all);
	if (persistent.known && persistent.n >= wanted)
		weir_check_set_pool(c, f, size->size_bytes, persistent.n - wanted);
}

/* A small machine cannot keep the whole floor; and pools that hold less than what is
 * missing are not what starves it. */
void weir_check_starving(struct weir_check *c)
{
	const struct weir_overview *v = c->view;
	struct weir_finding *f;
	uint64_t wanted, missing;

	if (!v->host_available.known || !v->host_floor.known || !v->host_pool.known)
		return;
	wanted = v->host_floor.n < v->host_total.n / 4 ? v->host_floor.n
	                                               : v->host_total.n / 4;
	if (v->host_available.n >= wanted)
		return;
	missing = wanted - v->host_available.n;
	if (v->host_pool.n < missing)
		return;
	f = weir_check_add(c, WEIR_PROBLEM, "host-starving");
	weir_check_text(
		c, f,
		"the host has only %s available for itself, less than the %s it should "
		"keep, while its pools hold %s.",
		WEIR_CHECK_HUMAN(v->host_available.n), WEIR_CHECK_HUMAN(wanted),
		WEIR_CHECK_HUMAN(v->host_pool.n));
	give_back(c, f, missing);
}

/* How much of a pool lies in the CMA, bounded from the zones' counters: no more pages
 * than the CMA has frames in use; and no fewer than that, less what other movable memory
 * has borrowed of it, which is at most all that stands on the zone's LRU lists. */
struct cma_share {                /* pages of one size */
	struct weir_count pool;   /* on the nodes that tell */
	struct weir_count most;   /* of them in the CMA, at most */
	uint64_t at_least;        /* and at least */
	unsigned int told, nodes; /* nodes that tell, and nodes that have such pages */
};

static struct weir_count lru_pages(const struct weir_zone *z)
{
	struct weir_count anon = weir_count_add(z->inactive_anon, z->active_anon);
	struct weir_count file = weir_count_add(z->inactive_file, z->active_file);

	return weir_count_add(weir_count_add(anon, file), z->unevictable);
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* CMA frames in use and LRU pages of a node, in base pages. */
static void node_cma(const struct weir_snapshot *snap, unsigned int node,
                     struct weir_count *used, struct weir_count *lru)
{
	bool seen = false;

	*used = *lru = WEIR_COUNT(0);
	for (size_t i = 0; i < snap->zones.nr; i++) {
		const struct weir_zone *z = &snap->zones.v[i];

		if (z->node != node || (z->present.known && !z->present.n))
			continue;
		seen = true;
		*used = weir_count_add(*used, weir_count_sub(z->cma, z->free_cma));
		if (z->cma.n)
			*lru = weir_count_add(*lru, lru_pages(z));
	}
	if (!seen || snap->zones.damaged)
		*used = (struct weir_count){ 0 };
}

/* What CSV3 VMs themselves have of a node's CMA, in base pages: no huge page lies there.
 * Unknown on kernels that do not show it. */
static struct weir_count csv_used(const struct weir_snapshot *snap, unsigned int node)
{
	const struct weir_csv *csv = &snap->confidential.csv;

	for (size_t i = 0; csv->known && i < csv->nr; i++)
		if (csv->v[i].node == node && csv->v[i].memory.used.known)
			return WEIR_COUNT(csv->v[i].memory.used.n / snap->page_bytes.n);
	return (struct weir_count){ 0 };
}

static void add_node_share(const struct weir_snapshot *snap,
                           const struct weir_node_pool *np, uint64_t size_bytes,
                           struct cma_share *sum)
{
	uint64_t base = size_bytes / snap->page_bytes.n,
		 slack = WEIR_MIB / snap->page_bytes.n;
	struct weir_count used, lru, nr = np->pool.nr, csv = csv_used(snap, np->node);
	uint64_t csv_least,
		others; /* CSV3 shows MiB, rounded up: it has less by up to one */

	if (nr.known && !nr.n)
		return;
	sum->nodes++;
	node_cma(snap, np->node, &used, &lru);
	if (!nr.known || !used.known)
		return;
	csv_least = csv.n > slack ? csv.n - slack + 1 : 0;
	others = csv.n + lru.n; /* both are bounded by the CMA: fits */
	sum->told++;
	sum->pool = weir_count_add(sum->pool, nr);
	sum->most = weir_count_add(
		sum->most,
		WEIR_COUNT(least((used.n - least(csv_least, used.n)) / base, nr.n)));
	if (csv.known && lru.known && used.n > others) /* else it may all be CSV3's */
		sum->at_least += least((used.n - others) / base,
		                       nr.n); /* <= most: fits */
}

/* The zones say that there is no CMA at all: whatever was asked for, nothing came of it.
 */
static bool lacks_cma(const struct weir_snapshot *snap)
{
	bool told = snap->zones.nr > 0 && !snap->zones.damaged;

	for (size_t i = 0; i < snap->zones.nr; i++) {
		const struct weir_zone *z = &snap->zones.v[i];

		if (z->present.n || !z->present.known)
			told = told && z->cma.known && !z->cma.n;
	}
	return told;
}

static bool has_csv_cma(const struct weir_snapshot *snap)
{
	const struct weir_csv *csv = &snap->confidential.csv;

	if (lacks_cma(snap))
		return false;
	for (size_t i = 0; i < snap->cma.nr; i++)
		if (strncmp(snap->cma.v[i].name, "csv-n", 5) == 0)
			return true;
	if (csv->known && csv->all.total.known && !csv->all.total.n)
		return false; /* 1G pages serve CSV3 here */
	return snap->klog.nr_csv_nodes > 0 || csv->known ||
	       weir_boot_csv_percentage(&snap->boot, snap->mem.total.n).n > 0;
}

static const char *human(struct weir_count bytes, char text[WEIR_SIZE_TEXT_MAX])
{
	return bytes.known ? weir_format_human(bytes.n, text, WEIR_SIZE_TEXT_MAX) : "?";
}

static void csv_cma_of(struct weir_check *c, const struct weir_huge_size *size)
{
	const char *name = WEIR_CHECK_SIZE(size->size_bytes);
	struct cma_share share = { .pool = WEIR_COUNT(0), .most = WEIR_COUNT(0) };
	char from[48] = "up to ", nodes[48] = "";
	char most[WEIR_SIZE_TEXT_MAX], pool[WEIR_SIZE_TEXT_MAX];
	struct weir_finding *f;

	for (size_t k = 0; k < size->nr_nodes; k++)
		add_node_share(c->snap, &size->nodes[k], size->size_bytes, &share);
	if (share.told && share.told == share.nodes && !share.most.n)
		return; /* all of the pool lies outside */
	f = weir_check_add(c, WEIR_WARNING, "csv-cma-and-pool");
	if (!f)
		return;
	f->size_bytes = WEIR_COUNT(size->size_bytes);
	if (share.pool.known && (share.most.n || share.told == share.nodes)) {
		f->pages = share.most;
		if (share.at_least && share.at_least == share.most.n)
			from[0] = '\0';
		else if (share.at_least)
			(void)snprintf(from, sizeof(from), "between %" PRIu64 " and ",
			               share.at_least);
		if (share.told < share.nodes)
			(void)snprintf(nodes, sizeof(nodes),
			               ", counted on %u of %u nodes", share.told,
			               share.nodes);
		weir_check_text(c, f,
		                "%s%" PRIu64 " of %" PRIu64
		                " %s pages (%s of %s%s) lie in the CMA that is "
		                "kept for CSV3: CSV1, CSV2 and passthrough VMs cannot "
		                "pin them, and a CSV3 "
		                "VM on huge pages takes its memory twice.",
		                from, share.most.n, share.pool.n, name,
		                human(weir_count_mul(share.most, size->size_bytes), most),
		                human(weir_count_mul(share.pool, size->size_bytes), pool),
		                nodes);
	} else {
		weir_check_text(c, f,
		                "this host keeps a CMA for CSV3, and an unknown part of "
		                "its %" PRIu64 " %s pages lies in it: CSV1, CSV2 and "
		                "passthrough VMs cannot pin that part, "
		                "and a CSV3 VM on huge pages takes its memory twice.",
		                size->all.nr.n, name);
	}
	weir_check_remedy(
		c, f,
		"start confidential VMs without huge pages here, or boot without "
		"csv_mem_percentage=");
}

/* Pool pages in a CMA must be moved before CSV3 gets their place, and are not taken by
 * the long-term pins of CSV1, CSV2 and passthrough (hugetlb.c,
 * dequeue_hugetlb_folio_node_ exact()). Pages of 1G are never taken from the CMA of
 * others. */
void weir_check_csv_cma(struct weir_check *c)
{
	const struct weir_snapshot *snap = c->snap;

	if (!has_csv_cma(snap) || !snap->page_bytes.known || !snap->page_bytes.n)
		return;
	for (size_t i = 0; i < snap->pools.nr; i++)
		if (snap->pools.sizes[i].size_bytes < WEIR_BLOCK_1G &&
		    snap->pools.sizes[i].size_bytes >= snap->page_bytes.n &&
		    snap->pools.sizes[i].all.nr.n)
			csv_cma_of(c, &snap->pools.sizes[i]);
}

/* MemTotal is the sum of what the nodes manage (mm/show_mem.c), but for memory that is
 * not set up yet, and for the moment between two readings. */
void weir_check_node_sum(struct weir_check *c)
{
	struct weir_count sum = WEIR_COUNT(0), total = c->snap->mem.total;
	struct weir_finding *f;
	uint64_t apart;

	for (size_t i = 0; i < c->snap->nodes.nr; i++)
		sum = weir_count_add(sum, c->snap->nodes.v[i].mem.total);
	if (!c->snap->nodes.nr || !sum.known || !total.known)
		return;
	apart = sum.n > total.n ? sum.n - total.n : total.n - sum.n;
	if (apart <= total.n / 50)
		return;
	f = weir_check_add(c, WEIR_NOTE, "nodes-do-not-add-up");
	weir_check_text(
		c, f,
		"/proc/meminfo has %s of memory and the nodes have %s together: the "
		"kernel shows no more of them, and so does weir.",
		WEIR_CHECK_HUMAN(total.n), WEIR_CHECK_HUMAN(sum.n));
}

void weir_check_poison(struct weir_check *c)
{
	struct weir_count bad = c->snap->mem.hardware_corrupted;
	struct weir_finding *f;

	if (!bad.known || !bad.n)
		return;
	f = weir_check_add(c, WEIR_PROBLEM, "memory-poisoned");
	weir_check_text(
		c, f,
		"%s of memory failed in hardware; huge pages that lie there are lost to "
		"their pool.",
		WEIR_CHECK_HUMAN(bad.n));
	weir_check_remedy(
		c, f,
		"see the lines 'Memory failure' in the kernel log, and change the "
		"module");
}
