/* ledger: see ledger.h. The pools are read, then the holders, then the pools again: what
 * was found is of one moment only when they stood still. A first look (facts/holdings.h)
 * passes over what costs most: processes that have touched no huge page, or all of these
 * but their open files, and open files that no mount explains. That is enough when all
 * adds up and everything has a user; else the next look goes further. */
#include "holders/ledger.h"

#include "base/own.h"
#include "facts/task_status.h"
#include "holders/left.h"
#include "holders/match.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static void drop_holds(struct weir_ledger *ledger)
{
	for (size_t i = 0; i < ledger->nr_holds; i++) {
		free(ledger->holds[i].node_pages);
		free(ledger->holds[i].users);
	}
	free(ledger->holds);
	for (size_t i = 0; i < ledger->nr_sizes; i++) {
		free(ledger->sizes[i].node_in_use);
		free(ledger->sizes[i].node_held);
	}
	free(ledger->sizes);
	free(ledger->nodes);
}

void weir_ledger_done(struct weir_ledger *ledger)
{
	drop_holds(ledger);
	for (size_t i = 0; i < ledger->nr_reasons; i++)
		free(ledger->reasons[i]);
	free(ledger->reasons);
	weir_holdings_done(&ledger->holdings);
	weir_pinners_done(&ledger->pinners);
	weir_owners_done(&ledger->owners);
	weir_pids_done(&ledger->pids);
	weir_blocks_done(&ledger->blocks);
	weir_warm_seen_done(&ledger->warm);
	weir_pools_done(&ledger->pools);
	*ledger = (struct weir_ledger){ 0 };
}

/* --- the pools ---------------------------------------------------------------------- */

static int read_pools(const struct weir_host *host, const struct weir_snapshot *snap,
                      struct weir_pools *out)
{
	struct weir_gaps gaps = { 0 };
	struct weir_reader rd = { .host = host, .gaps = &gaps };
	int r;

	weir_pools_read(&rd, &snap->nodes.online, out);
	r = rd.failed;
	weir_reader_done(&rd);
	weir_gaps_done(&gaps);
	return r;
}

/* After the holders: a file that weird makes or drops meanwhile is told apart by a second
 * look, for it seems to be left behind. */
static int read_warm(const struct weir_host *host, struct weir_ledger *out)
{
	struct weir_gaps gaps = { 0 };
	struct weir_reader rd = { .host = host, .gaps = &gaps };
	int r;

	weir_warm_seen_read(&rd, &out->warm);
	r = rd.failed;
	weir_reader_done(&rd);
	weir_gaps_done(&gaps);
	return r;
}

static bool is_same_count(struct weir_count a, struct weir_count b)
{
	return a.known == b.known && a.n == b.n;
}

static bool is_same_pool(const struct weir_pool *a, const struct weir_pool *b)
{
	return is_same_count(a->nr, b->nr) && is_same_count(a->free, b->free) &&
	       is_same_count(a->surplus, b->surplus) &&
	       is_same_count(a->reserved, b->reserved);
}

static bool is_same(const struct weir_pools *a, const struct weir_pools *b)
{
	if (a->nr != b->nr)
		return false;
	for (size_t i = 0; i < a->nr; i++) {
		const struct weir_huge_size *x = &a->sizes[i], *y = &b->sizes[i];

		if (!is_same_pool(&x->all, &y->all) || x->nr_nodes != y->nr_nodes)
			return false;
		for (size_t k = 0; k < x->nr_nodes; k++)
			if (!is_same_pool(&x->nodes[k].pool, &y->nodes[k].pool))
				return false;
	}
	return true;
}

static int by_node(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

/* The nodes of all sizes, each once. */
static int find_nodes(struct weir_ledger *ledger)
{
	size_t nr = 0;

	for (size_t i = 0; i < ledger->pools.nr; i++)
		nr += ledger->pools.sizes[i].nr_nodes;
	ledger->nodes = calloc(nr + 1, sizeof(*ledger->nodes));
	if (!ledger->nodes)
		return -ENOMEM;
	nr = 0;
	for (size_t i = 0; i < ledger->pools.nr; i++)
		for (size_t k = 0; k < ledger->pools.sizes[i].nr_nodes; k++)
			ledger->nodes[nr++] = ledger->pools.sizes[i].nodes[k].node;
	qsort(ledger->nodes, nr, sizeof(*ledger->nodes), by_node);
	for (size_t i = 0; i < nr; i++)
		if (!i || ledger->nodes[i] != ledger->nodes[ledger->nr_nodes - 1])
			ledger->nodes[ledger->nr_nodes++] = ledger->nodes[i];
	return 0;
}

static int make_size(struct weir_ledger *ledger, const struct weir_huge_size *from,
                     struct weir_ledger_size *size)
{
	*size = (struct weir_ledger_size){ .page_bytes = from->size_bytes,
		                           .total = from->all.nr,
		                           .free = from->all.free,
		                           .in_use = weir_pool_in_use(&from->all),
		                           .reserved = from->all.reserved,
		                           .surplus = from->all.surplus };
	size->node_in_use = calloc(ledger->nr_nodes + 1, sizeof(*size->node_in_use));
	size->node_held = calloc(ledger->nr_nodes + 1, sizeof(*size->node_held));
	if (!size->node_in_use || !size->node_held)
		return -ENOMEM;
	for (size_t i = 0; i < ledger->nr_nodes; i++)
		for (size_t k = 0; k < from->nr_nodes; k++)
			if (from->nodes[k].node == ledger->nodes[i])
				size->node_in_use[i] = weir_pool_in_use(
					&from->nodes[k].pool);
	return 0;
}

static int make_sizes(struct weir_ledger *ledger)
{
	int r = find_nodes(ledger);

	if (r < 0)
		return r;
	ledger->sizes = calloc(ledger->pools.nr + 1, sizeof(*ledger->sizes));
	if (!ledger->sizes)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < ledger->pools.nr; i++) {
		ledger->nr_sizes++;
		r = make_size(ledger, &ledger->pools.sizes[i], &ledger->sizes[i]);
	}
	return r;
}

/* --- sums --------------------------------------------------------------------------- */

static void add_hold(const struct weir_ledger *ledger, const struct weir_hold *hold,
                     struct weir_ledger_size *size)
{
	size->held += hold->pages;
	size->held_reserved += hold->reserved.n;
	size->node_unknown += hold->node_unknown;
	for (size_t i = 0; i < ledger->nr_nodes; i++)
		size->node_held[i] += hold->node_pages[i];
}

static void subtract(struct weir_count all, uint64_t part, struct weir_count *left,
                     uint64_t *over)
{
	*over = all.known && part > all.n ? part - all.n : 0;
	*left = all;
	if (all.known)
		left->n = part > all.n ? 0 : all.n - part;
}

/* How much those that are not sure can have reserved beyond what they have for sure. */
static uint64_t most_unsure(const struct weir_ledger *ledger, uint64_t page_bytes)
{
	uint64_t most = 0;

	for (size_t i = 0; i < ledger->nr_holds; i++) {
		const struct weir_hold *hold = &ledger->holds[i];

		if (hold->page_bytes == page_bytes && !hold->reserved.known)
			most += hold->reserved_max - hold->reserved.n;
	}
	return most;
}

static void sum(struct weir_ledger *ledger)
{
	for (size_t i = 0; i < ledger->nr_sizes; i++) {
		struct weir_ledger_size *size = &ledger->sizes[i];
		uint64_t most = most_unsure(ledger, size->page_bytes);

		for (size_t k = 0; k < ledger->nr_holds; k++)
			if (ledger->holds[k].page_bytes == size->page_bytes)
				add_hold(ledger, &ledger->holds[k], size);
		subtract(size->in_use, size->held, &size->unattributed, &size->over);
		subtract(size->reserved, size->held_reserved,
		         &size->unattributed_reserved, &size->over_reserved);
		size->unsure = size->unattributed_reserved.n;
		if (size->unsure > most)
			size->unsure = most;
		size->unattributed_reserved.n -= size->unsure;
	}
}

/* Nothing is missing, and nothing is there twice. */
static bool adds_up(const struct weir_ledger *ledger)
{
	for (size_t i = 0; i < ledger->nr_sizes; i++) {
		const struct weir_ledger_size *size = &ledger->sizes[i];

		if (size->unattributed.n || size->unattributed_reserved.n || size->over ||
		    size->over_reserved || size->unsure)
			return false;
	}
	return true;
}

/* Who maps a file privately reads from it what he has not written. */
static int count_private(struct weir_ledger *ledger)
{
	const struct weir_holdings *all = &ledger->holdings;
	weir_auto(weir_freep) size_t *nr = calloc(all->files.nr + 1, sizeof(*nr));

	if (!nr)
		return -ENOMEM;
	for (size_t i = 0; i < all->nr_maps; i++)
		nr[all->maps[i].file] += !all->maps[i].shared;
	for (size_t i = 0; i < ledger->nr_holds; i++) {
		struct weir_hold *hold = &ledger->holds[i];

		if (hold->file != WEIR_HOLD_NONE && hold->kind != WEIR_HOLD_PRIVATE)
			hold->nr_private = nr[hold->file];
	}
	return 0;
}

/* A VM on leased memory that has not run yet has touched nothing. */
static bool is_leased_and_unused(const struct weir_ledger *ledger,
                                 const struct weir_hold *hold)
{
	if (hold->kind != WEIR_HOLD_LEASED && hold->kind != WEIR_HOLD_WAITING)
		return false;
	for (size_t i = 0; i < hold->nr_users; i++)
		if (!weir_ledger_is_weird(ledger, hold->users[i].task))
			return false;
	return true;
}

/* Whether really nobody uses something, only a look at all mappings tells. */
static bool has_left(const struct weir_ledger *ledger)
{
	for (size_t i = 0; i < ledger->nr_holds; i++)
		if (weir_hold_is_left(&ledger->holds[i]) ||
		    is_leased_and_unused(ledger, &ledger->holds[i]))
			return true;
	return false;
}

static bool has_too_much(const struct weir_ledger *ledger)
{
	for (size_t i = 0; i < ledger->nr_sizes; i++)
		if (ledger->sizes[i].over || ledger->sizes[i].over_reserved)
			return true;
	return false;
}

/* Pages and reserved, in bytes; the arrays are of one host, so this cannot overflow but
 * by text that no kernel wrote. */
static uint64_t weight(const struct weir_hold *hold)
{
	return (hold->pages + hold->reserved_max) * hold->page_bytes;
}

static int by_weight(const void *a, const void *b, void *ctx)
{
	const struct weir_hold *x = a, *y = b;
	const struct weir_ledger *ledger = ctx;
	int c = (weight(x) < weight(y)) - (weight(x) > weight(y));

	if (c)
		return c;
	if (x->kind != y->kind)
		return x->kind > y->kind ? 1 : -1;
	if (x->nr_users && y->nr_users) {
		uint64_t p = ledger->holdings.tasks[x->users[0].task].pid;
		uint64_t q = ledger->holdings.tasks[y->users[0].task].pid;

		if (p != q)
			return p > q ? 1 : -1;
	}
	c = weir_hold_name(ledger, x).n && weir_hold_name(ledger, y).n
	            ? strcmp(weir_hold_name(ledger, x).p, weir_hold_name(ledger, y).p)
	            : 0;
	if (c)
		return c;
	if (x->file != y->file)
		return x->file > y->file ? 1 : -1;
	return x->shm && y->shm ? (x->shm->id > y->shm->id) - (x->shm->id < y->shm->id)
	                        : 0;
}

/* A segment that has no pages and reserves none is of ordinary ones. */
static bool is_nothing(const struct weir_hold *hold)
{
	return !hold->pages && !hold->reserved_max && !hold->nr_users &&
	       hold->file == WEIR_HOLD_NONE;
}

static void tidy(struct weir_ledger *ledger)
{
	size_t kept = 0;

	for (size_t i = 0; i < ledger->nr_holds; i++) {
		struct weir_hold hold = ledger->holds[i];

		if (is_nothing(&hold)) {
			free(hold.node_pages);
			free(hold.users);
			continue;
		}
		ledger->holds[kept++] = hold;
	}
	ledger->nr_holds = kept;
	if (kept)
		qsort_r(ledger->holds, kept, sizeof(*ledger->holds), by_weight, ledger);
}

/* --- pages that the kernel takes out of use ------------------------------------------
 */

static void find_damage(struct weir_ledger *ledger, const struct weir_snapshot *snap)
{
	struct weir_count bad = snap->mem.hardware_corrupted;

	for (size_t i = 0; i < ledger->nr_sizes; i++) {
		struct weir_ledger_size *size = &ledger->sizes[i];

		size->leaving = weir_blocks_pages(&ledger->blocks, snap->page_bytes,
		                                  size->page_bytes);
		if (!bad.known || !snap->page_bytes.n || !size->unattributed.known)
			continue;
		/* one bad base page is enough */
		size->poisoned_max = WEIR_COUNT(
			ledger->poison_known ? 0 : bad.n / snap->page_bytes.n);
		if (size->poisoned_max.n > size->unattributed.n)
			size->poisoned_max.n = size->unattributed.n;
	}
}

/* --- all of it ---------------------------------------------------------------------- */

/* Of each process that the walk comes by, holder or not. */
static int note_task(void *ctx, struct weir_tasks *walk, const struct weir_task *task)
{
	struct weir_ledger *ledger = ctx;
	int r = weir_pinners_add(&ledger->pinners, walk, task);

	if (r == 0)
		r = weir_owners_add(&ledger->owners, task);
	if (r == 0)
		r = weir_pids_add(&ledger->pids, task);
	if (task->maps_error == -EACCES)
		ledger->nr_forbidden_idle += task->status.hugetlb_bytes.known &&
		                             !task->status.hugetlb_bytes.n;
	return r;
}

/* One lets go of a page and another takes one: the pools are as they were, and both were
 * found to have it. */
static int find_movers(const struct weir_host *host, struct weir_ledger *out)
{
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };

	out->moved = out->holdings.nr_vanished > 0;
	for (size_t i = 0; i < out->holdings.nr_tasks && !out->moved; i++) {
		const struct weir_holding_task *task = &out->holdings.tasks[i];
		struct weir_task_status now = { 0 };
		char path[48];
		int r;

		if (task->tid != task->pid) /* its own status tells nothing of it */
			continue;
		(void)snprintf(path, sizeof(path), "/proc/%" PRIu64 "/status", task->pid);
		r = weir_host_read(host, path, WEIR_SMALL_MAX, &text);
		if (r == 0)
			r = weir_task_status_parse(weir_buf_str(&text), &now, NULL);
		if (r == -ENOMEM)
			return r;
		out->moved = r == -ENOENT || (r == 0 && !is_same_count(now.hugetlb_bytes,
		                                                       task->huge_bytes));
	}
	return 0;
}

static int read_once(const struct weir_host *host, const struct weir_snapshot *snap,
                     enum weir_look_depth look, struct weir_ledger *out,
                     struct weir_err *err)
{
	struct weir_holdings_ask ask = {
		.host = host, .look = look, .each = note_task, .ctx = out
	};
	struct weir_pools after = { 0 };
	int r = read_pools(host, snap, &out->pools);

	if (r == 0)
		r = weir_holdings_read(&ask, &snap->mounts, snap->mem.huge_size,
		                       &out->holdings, err);
	if (r == 0)
		r = read_warm(host, out);
	if (r == 0)
		r = weir_owners_finish(&out->owners, host);
	weir_pids_finish(&out->pids);
	if (r == 0)
		r = make_sizes(out);
	if (r == 0)
		r = weir_ledger_match(host, snap, out);
	if (r == 0)
		r = weir_ledger_find_pins(out);
	if (r == 0)
		r = read_pools(host, snap, &after);
	if (r == 0)
		out->moved = !is_same(&out->pools, &after);
	if (r == 0)
		r = weir_ledger_reserve(out);
	weir_pools_done(&after);
	if (r < 0)
		return r;
	sum(out);
	r = weir_ledger_match_poisoned(host, snap, out);
	if (r == 0 && !out->moved)
		weir_ledger_find_nodes(out);
	if (r == 0)
		r = count_private(out);
	if (r < 0)
		return r;
	tidy(out);
	if (!out->moved && has_too_much(out))
		return find_movers(host, out);
	return 0;
}

/* No further look would find more. */
static bool is_enough(const struct weir_ledger *ledger)
{
	if (ledger->holdings.look == WEIR_LOOK_ALL)
		return adds_up(ledger) || (!ledger->moved && !has_too_much(ledger));
	return adds_up(ledger) && !has_left(ledger);
}

/* Looks that go further and further, until one is enough. The first one, at who touched
 * pages, does not count among those that a changing host is given. */
static int read_until_enough(const struct weir_host *host,
                             const struct weir_snapshot *snap, enum weir_look_depth look,
                             struct weir_ledger *out, struct weir_err *err)
{
	unsigned int nr = 0;
	int r;

	do {
		weir_ledger_done(out);
		r = read_once(host, snap, look, out, err);
		if (r < 0)
			return r;
		out->moved &= !adds_up(out);
		nr += out->holdings.look != WEIR_LOOK_TOUCHED;
		look = out->holdings.look == WEIR_LOOK_TOUCHED ? WEIR_LOOK_OPEN
		                                               : WEIR_LOOK_ALL;
	} while (!is_enough(out) && nr < WEIR_LEDGER_READS_MAX);
	return 0;
}

int weir_ledger_read(const struct weir_host *host, const struct weir_snapshot *snap,
                     enum weir_ledger_want want, struct weir_ledger *out,
                     struct weir_err *err)
{
	static const enum weir_look_depth first[] = {
		[WEIR_LEDGER_PAGES] = WEIR_LOOK_TOUCHED,
		[WEIR_LEDGER_USERS] = WEIR_LOOK_OPEN,
		[WEIR_LEDGER_ALL] = WEIR_LOOK_ALL,
	};
	int r;

	*out = (struct weir_ledger){ 0 };
	r = read_until_enough(host, snap, first[want], out, err);
	out->users_least = out->holdings.look != WEIR_LOOK_ALL;
	/* hundreds of small files, and of interest where something is missing */
	if (r == 0 && (!adds_up(out) || out->moved))
		r = weir_blocks_read(host, &out->blocks);
	if (r == 0) {
		find_damage(out, snap);
		r = weir_ledger_say(host, snap, out);
	}
	if (r < 0)
		weir_ledger_done(out);
	return r == -ENOMEM ? weir_err_sys(err, r, "find who holds huge pages") : r;
}

const struct weir_ledger_size *weir_ledger_size(const struct weir_ledger *ledger,
                                                uint64_t page_bytes)
{
	for (size_t i = 0; i < ledger->nr_sizes; i++)
		if (ledger->sizes[i].page_bytes == page_bytes)
			return &ledger->sizes[i];
	return NULL;
}

size_t weir_ledger_unseen_huge(const struct weir_ledger *ledger)
{
	size_t all = ledger->holdings.nr_forbidden, idle = ledger->nr_forbidden_idle;

	return all > idle ? all - idle : 0;
}

const char *weir_hold_kind_word(enum weir_hold_kind kind)
{
	switch (kind) {
	case WEIR_HOLD_PRIVATE: return "private";
	case WEIR_HOLD_ANON: return "anonymous";
	case WEIR_HOLD_FILE: return "file";
	case WEIR_HOLD_MEMFD: return "memfd";
	case WEIR_HOLD_SHM: return "sysv";
	case WEIR_HOLD_WARM: return "warm";
	case WEIR_HOLD_LEASED: return "leased";
	case WEIR_HOLD_WAITING: return "waiting";
	case WEIR_HOLD_POISONED: return "poisoned";
	case WEIR_HOLD_MOUNT: break;
	}
	return "mount";
}

bool weir_hold_is_warm(const struct weir_hold *hold)
{
	return hold->kind == WEIR_HOLD_WARM || hold->kind == WEIR_HOLD_LEASED ||
	       hold->kind == WEIR_HOLD_WAITING;
}

bool weir_ledger_is_weird(const struct weir_ledger *ledger, size_t task)
{
	return ledger->warm.weird == WEIR_WEIRD_RUNS &&
	       ledger->holdings.tasks[task].pid == ledger->warm.state.pid.n;
}

bool weir_hold_users_least(const struct weir_ledger *ledger, const struct weir_hold *hold)
{
	return ledger->users_least &&
	       (hold->kind == WEIR_HOLD_FILE || hold->kind == WEIR_HOLD_MEMFD);
}

struct weir_str weir_hold_name(const struct weir_ledger *ledger,
                               const struct weir_hold *hold)
{
	struct weir_str name = weir_str("", 0);

	if (hold->kind == WEIR_HOLD_MOUNT)
		return weir_strz(ledger->holdings.mounts.mounts.v[hold->mount].target);
	if (hold->file == WEIR_HOLD_NONE)
		return name;
	if (ledger->holdings.files.v[hold->file].path)
		name = weir_strz(ledger->holdings.files.v[hold->file].path);
	if (weir_str_ends(name, " (deleted)"))
		name.n -= strlen(" (deleted)");
	if (hold->kind == WEIR_HOLD_MEMFD)
		return weir_str_skip(name, strlen("/memfd:"));
	return name;
}
