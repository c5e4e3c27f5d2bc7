/* match: see match.h. Mappings are sorted by file, and within it by kind and process;
 * then each run of them is one hold, together with the descriptors of the file.
 *
 * A shared mapping's pages are the file's, and the file's own count is taken: what
 * processes have mapped of it overlaps. Pages of private mappings are counted by
 * numa_maps as "anon"; after a fork parent and child count the same ones, and page frames
 * tell which are the same. */
#include "holders/match.h"

#include "base/own.h"
#include "facts/frames.h"
#include "facts/held_frames.h"

#include <errno.h>
#include <stdlib.h>

struct match {
	const struct weir_host *host;
	const struct weir_snapshot *snap;
	struct weir_ledger *ledger;
	const struct weir_holdings *all;
	size_t *maps;                            /* indexes, sorted */
	size_t *links;                           /* the same of links */
	const struct weir_warm_region **regions; /* of weird's store, by inode */
};

uint64_t weir_pages_of(uint64_t bytes, uint64_t page_bytes)
{
	return page_bytes ? bytes / page_bytes + (bytes % page_bytes != 0) : 0;
}

struct weir_hold *weir_hold_add(struct weir_ledger *ledger, enum weir_hold_kind kind,
                                uint64_t page_bytes)
{
	struct weir_hold *hold;

	if (weir_grow(&ledger->holds, &ledger->cap_holds, ledger->nr_holds,
	              sizeof(*ledger->holds)) < 0)
		return NULL;
	hold = &ledger->holds[ledger->nr_holds];
	*hold = (struct weir_hold){ .kind = kind,
		                    .page_bytes = page_bytes,
		                    .file = WEIR_HOLD_NONE,
		                    .mount = WEIR_HOLD_NONE,
		                    .reserved = WEIR_COUNT(0) };
	hold->node_pages = calloc(ledger->nr_nodes + 1, sizeof(*hold->node_pages));
	if (!hold->node_pages)
		return NULL;
	ledger->nr_holds++;
	return hold;
}

void weir_hold_count(const struct weir_ledger *ledger, struct weir_hold *hold,
                     unsigned int node, uint64_t pages)
{
	for (size_t i = 0; i < ledger->nr_nodes; i++) {
		if (ledger->nodes[i] == node) {
			hold->node_pages[i] += pages;
			return;
		}
	}
	hold->node_unknown += pages;
}

static uint64_t node_sum(const struct weir_ledger *ledger, const struct weir_hold *hold)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < ledger->nr_nodes; i++)
		sum += hold->node_pages[i];
	return sum;
}

/* What is known by node may not be more than there is: a mapping's count may be of
 * another moment than the file's. What is not known is on the node there is, with one. */
void weir_hold_settle_nodes(const struct weir_ledger *ledger, struct weir_hold *hold)
{
	uint64_t known = node_sum(ledger, hold);

	if (known > hold->pages) {
		for (size_t i = 0; i < ledger->nr_nodes; i++)
			hold->node_pages[i] = 0;
		known = 0;
	}
	hold->node_unknown = hold->pages - known;
	if (ledger->nr_nodes == 1) {
		hold->node_pages[0] = hold->pages;
		hold->node_unknown = 0;
	}
}

static struct weir_hold_user *user_of(struct weir_hold *hold, size_t task)
{
	for (size_t i = hold->nr_users; i-- > 0;)
		if (hold->users[i].task == task)
			return &hold->users[i];
	if (weir_grow(&hold->users, &hold->cap_users, hold->nr_users,
	              sizeof(*hold->users)) < 0)
		return NULL;
	hold->users[hold->nr_users].task = task;
	return &hold->users[hold->nr_users++];
}

static int add_map_user(struct weir_hold *hold, const struct weir_holding_map *map,
                        uint64_t resident)
{
	struct weir_hold_user *user = user_of(hold, map->task);

	if (!user)
		return -ENOMEM;
	user->mapped_bytes += map->end - map->start;
	user->resident += resident;
	return 0;
}

static size_t mount_of(const struct weir_holdings *all, uint64_t device)
{
	for (size_t i = 0; i < all->mounts.mounts.nr; i++) {
		const struct weir_hugetlbfs *mount = &all->mounts.mounts.v[i];

		if (((uint64_t)mount->major << 32 | mount->minor) == device)
			return i;
	}
	return WEIR_HOLD_NONE;
}

/* --- private mappings --------------------------------------------------------------- */

static int by_pfn(const void *a, const void *b)
{
	const struct weir_held_frame *x = a, *y = b;

	return (x->pfn > y->pfn) - (x->pfn < y->pfn);
}

static void count_frame(struct match *m, struct weir_hold *hold, uint64_t pfn)
{
	const struct weir_zone *zone = weir_zone_of_frame(&m->snap->zones, pfn);

	hold->pages++;
	if (zone)
		weir_hold_count(m->ledger, hold, zone->node, 1);
	else
		hold->node_unknown++;
}

static void count_frames(struct match *m, struct weir_hold *hold,
                         struct weir_held_frames *frames)
{
	if (frames->nr)
		qsort(frames->v, frames->nr, sizeof(*frames->v), by_pfn);
	for (size_t i = 0; i < frames->nr; i++)
		if (!i || frames->v[i].pfn != frames->v[i - 1].pfn)
			count_frame(m, hold, frames->v[i].pfn);
}

/* By node only where all that is mapped is the mapping's own, or on one node. */
static void count_own(struct match *m, struct weir_hold *hold,
                      const struct weir_holding_map *map)
{
	const struct weir_holding_node *nodes;

	hold->pages += map->anon;
	if (!map->nr_nodes) {
		hold->node_unknown += map->anon;
		return;
	}
	nodes = &m->all->nodes[map->first_node];
	if (map->nr_nodes == 1)
		weir_hold_count(m->ledger, hold, nodes[0].node, map->anon);
	else if (map->anon == map->resident)
		for (size_t i = 0; i < map->nr_nodes; i++)
			weir_hold_count(m->ledger, hold, nodes[i].node, nodes[i].pages);
	else
		hold->node_unknown += map->anon;
}

/* The maps [from, to) of one file, all private, as one hold. */
static int match_private(struct match *m, size_t from, size_t to)
{
	const struct weir_holding_map *first = &m->all->maps[m->maps[from]];
	struct weir_held_frames frames = { 0 };
	uint64_t hidden = 0, most_hidden = 0;
	struct weir_hold *hold = weir_hold_add(m->ledger, WEIR_HOLD_PRIVATE,
	                                       first->page_bytes);
	int r = hold ? 0 : -ENOMEM;

	for (size_t i = from; r == 0 && i < to; i++) {
		const struct weir_holding_map *map = &m->all->maps[m->maps[i]];

		hold->file = map->file;
		hold->mount = mount_of(m->all, m->all->files.v[map->file].device);
		r = add_map_user(hold, map, map->anon);
		if (r < 0)
			break;
		if (!weir_holding_map_is_shared_copy(map)) {
			count_own(m, hold, map);
			continue;
		}
		r = weir_held_frames_read(m->host, m->all, m->maps[i], &frames);
		if (r < 0 && r != -ENOMEM) { /* hidden: they are at least the most */
			hidden += map->anon;
			if (map->anon > most_hidden)
				most_hidden = map->anon;
			r = 0;
		}
	}
	if (r == 0) {
		count_frames(m, hold, &frames);
		hold->pages += most_hidden;
		hold->node_unknown += most_hidden;
		hold->pages_least = hidden > most_hidden;
		weir_hold_settle_nodes(m->ledger, hold);
		for (size_t i = 0; i < hold->nr_users; i++)
			hold->mapped_pages += weir_pages_of(hold->users[i].mapped_bytes,
			                                    hold->page_bytes);
	}
	weir_held_frames_done(&frames);
	return r;
}

/* --- files -------------------------------------------------------------------------- */

static enum weir_hold_kind kind_of(const struct weir_huge_file *file)
{
	struct weir_str path = weir_strz(file->path ? file->path : "");

	if (file->in_directory)
		return WEIR_HOLD_FILE;
	if (weir_str_starts(path, "/memfd:"))
		return WEIR_HOLD_MEMFD;
	if (weir_str_starts(path, "/SYSV"))
		return WEIR_HOLD_SHM;
	if (weir_str_starts(path, "/anon_hugepage"))
		return WEIR_HOLD_ANON;
	return WEIR_HOLD_FILE;
}

static int by_inode(const void *a, const void *b)
{
	const struct weir_warm_region *x = *(const struct weir_warm_region *const *)a,
				      *y = *(const struct weir_warm_region *const *)b;

	if (x->page_bytes != y->page_bytes)
		return x->page_bytes > y->page_bytes ? 1 : -1;
	return (x->inode > y->inode) - (x->inode < y->inode);
}

/* There may be a file for each page of a large store: they are looked up by number. */
static int sort_regions(struct match *m)
{
	const struct weir_warm_state *state = &m->ledger->warm.state;

	m->regions = calloc(state->nr_regions + 1,
	                    sizeof(const struct weir_warm_region *));
	if (!m->regions)
		return -ENOMEM;
	for (size_t i = 0; i < state->nr_regions; i++)
		m->regions[i] = &state->regions[i];
	if (state->nr_regions)
		qsort(m->regions, state->nr_regions,
		      sizeof(const struct weir_warm_region *), by_inode);
	return 0;
}

static const struct weir_warm_region *region_of(const struct match *m,
                                                uint64_t page_bytes, uint64_t inode)
{
	const struct weir_warm_region key = { .page_bytes = page_bytes, .inode = inode };
	const struct weir_warm_region *wanted = &key, **found = NULL;

	if (m->ledger->warm.state.nr_regions)
		found = bsearch(&wanted, m->regions, m->ledger->warm.state.nr_regions,
		                sizeof(const struct weir_warm_region *), by_inode);
	return found ? *found : NULL;
}

/* A file of weird's store, whoever else has it. */
static void find_region(const struct match *m, const struct weir_huge_file *file,
                        struct weir_hold *hold)
{
	const struct weir_warm_state *state = &m->ledger->warm.state;

	for (size_t i = 0; i < state->nr_dirs && !hold->region; i++) {
		if (state->dirs[i].device != file->device)
			continue;
		hold->in_store = true;
		hold->region = region_of(m, state->dirs[i].page_bytes, file->inode);
	}
	if (!hold->region)
		return;
	hold->kind = WEIR_HOLD_WARM;
	if (weir_region_is_leased(hold->region))
		hold->kind = hold->region->state == WEIR_REGION_WAITING
		                     ? WEIR_HOLD_WAITING
		                     : WEIR_HOLD_LEASED;
}

struct extent {
	uint64_t from, to; /* pages of the file */
};

static int by_from(const void *a, const void *b)
{
	const struct extent *x = a, *y = b;

	return (x->from > y->from) - (x->from < y->from);
}

static uint64_t union_of(struct extent *v, size_t nr)
{
	uint64_t sum = 0, end = 0;

	if (nr)
		qsort(v, nr, sizeof(*v), by_from);
	for (size_t i = 0; i < nr; i++) {
		uint64_t from = v[i].from > end ? v[i].from : end;

		if (v[i].to > from) {
			sum += v[i].to - from;
			end = v[i].to;
		}
	}
	return sum;
}

/* Of what processes have mapped of the file on a node the most that one has: what two
 * have may be the same pages. A process may map parts of a file one by one. */
static void count_mapped_nodes(struct match *m, struct weir_hold *hold, size_t from,
                               size_t to)
{
	for (size_t n = 0; n < m->ledger->nr_nodes; n++) {
		uint64_t most = 0, sum = 0;

		for (size_t i = from; i < to; i++) {
			const struct weir_holding_map *map = &m->all->maps[m->maps[i]];

			if (i > from && m->all->maps[m->maps[i - 1]].task != map->task)
				sum = 0;
			for (size_t k = 0; k < map->nr_nodes; k++) {
				const struct weir_holding_node *node =
					&m->all->nodes[map->first_node + k];

				sum += node->node == m->ledger->nodes[n] ? node->pages
				                                         : 0;
			}
			most = sum > most ? sum : most;
		}
		hold->node_pages[n] = most;
	}
}

/* Without the file's own count: what is mapped of it, at least. */
static void count_mapped(struct weir_hold *hold)
{
	for (size_t i = 0; i < hold->nr_users; i++)
		if (hold->users[i].resident > hold->pages)
			hold->pages = hold->users[i].resident;
	hold->pages_least = true;
}

static int add_mappings(struct match *m, struct weir_hold *hold, size_t from, size_t to)
{
	weir_auto(weir_freep) struct extent *extents = NULL;
	int r = 0;

	if (from == to)
		return 0;
	extents = calloc(to - from, sizeof(*extents));
	if (!extents)
		return -ENOMEM;
	for (size_t i = from; r == 0 && i < to; i++) {
		const struct weir_holding_map *map = &m->all->maps[m->maps[i]];
		uint64_t page = hold->page_bytes ? hold->page_bytes : 1;

		extents[i - from].from = map->offset_bytes / page;
		extents[i - from].to = map->offset_bytes / page +
		                       weir_pages_of(map->end - map->start, page);
		r = add_map_user(hold, map, map->resident);
	}
	if (hold->page_bytes)
		hold->mapped_pages = union_of(extents, to - from);
	return r;
}

/* One file: the shared maps [from, to) of it, and the links [first, last). */
static int match_file(struct match *m, size_t file, size_t from, size_t to, size_t first,
                      size_t last)
{
	const struct weir_huge_file *f = &m->all->files.v[file];
	struct weir_hold *hold = weir_hold_add(m->ledger, kind_of(f), f->page_bytes);
	int r;

	if (!hold)
		return -ENOMEM;
	hold->file = file;
	hold->mount = mount_of(m->all, f->device);
	find_region(m, f, hold);
	if (hold->kind == WEIR_HOLD_SHM && !f->ipc_namespace)
		hold->shm = weir_shm_find(&m->all->shm, f->inode);
	r = add_mappings(m, hold, from, to);
	for (size_t i = first; r == 0 && i < last; i++) {
		struct weir_hold_user *user = user_of(hold,
		                                      m->all->links[m->links[i]].task);

		if (user)
			user->is_open = true;
		else
			r = -ENOMEM;
	}
	if (r < 0)
		return r;
	count_mapped_nodes(m, hold, from, to);
	if (f->known && f->page_bytes)
		hold->pages = f->st.allocated_bytes / f->page_bytes;
	else
		count_mapped(hold);
	/* nobody has it mapped: weird saw where its pages lie when it filled it */
	if (hold->region && hold->region->node >= 0 && !node_sum(m->ledger, hold))
		weir_hold_count(m->ledger, hold, (unsigned int)hold->region->node,
		                hold->pages);
	weir_hold_settle_nodes(m->ledger, hold);
	return 0;
}

/* --- all of it ---------------------------------------------------------------------- */

static int by_file(const void *a, const void *b, void *ctx)
{
	const struct weir_holding_map *maps = ctx;
	const struct weir_holding_map *x = &maps[*(const size_t *)a],
				      *y = &maps[*(const size_t *)b];

	if (x->file != y->file)
		return x->file > y->file ? 1 : -1;
	if (x->shared != y->shared)
		return x->shared ? 1 : -1;
	if (x->task != y->task)
		return x->task > y->task ? 1 : -1;
	return (x->start > y->start) - (x->start < y->start);
}

static int by_link_file(const void *a, const void *b, void *ctx)
{
	const struct weir_holding_link *links = ctx;
	const struct weir_holding_link *x = &links[*(const size_t *)a],
				       *y = &links[*(const size_t *)b];

	if (x->file != y->file)
		return x->file > y->file ? 1 : -1;
	if (x->task != y->task)
		return x->task > y->task ? 1 : -1;
	return (x->fd > y->fd) - (x->fd < y->fd);
}

static size_t *indexes(size_t nr)
{
	size_t *v = calloc(nr + 1, sizeof(*v));

	for (size_t i = 0; v && i < nr; i++)
		v[i] = i;
	return v;
}

/* A file of its own and not only the name of private memory. */
static bool is_hold(const struct weir_huge_file *f, bool has_shared, bool has_links)
{
	return has_shared || has_links || f->in_directory ||
	       (f->known && f->st.allocated_bytes) ||
	       weir_str_starts(weir_strz(f->path ? f->path : ""), "/SYSV");
}

static int match_files(struct match *m)
{
	size_t map = 0, link = 0;
	int r = 0;

	for (size_t file = 0; r == 0 && file < m->all->files.nr; file++) {
		size_t from = map, shared, first = link;

		while (map < m->all->nr_maps && m->all->maps[m->maps[map]].file == file &&
		       !m->all->maps[m->maps[map]].shared)
			map++;
		shared = map;
		while (map < m->all->nr_maps && m->all->maps[m->maps[map]].file == file)
			map++;
		while (link < m->all->nr_links &&
		       m->all->links[m->links[link]].file == file)
			link++;
		if (shared > from)
			r = match_private(m, from, shared);
		if (r == 0 && is_hold(&m->all->files.v[file], map > shared, link > first))
			r = match_file(m, file, shared, map, first, link);
	}
	return r;
}

int weir_ledger_match(const struct weir_host *host, const struct weir_snapshot *snap,
                      struct weir_ledger *ledger)
{
	struct match m = { .host = host,
		           .snap = snap,
		           .ledger = ledger,
		           .all = &ledger->holdings,
		           .maps = indexes(ledger->holdings.nr_maps),
		           .links = indexes(ledger->holdings.nr_links) };
	int r = m.maps && m.links ? 0 : -ENOMEM;

	if (r == 0)
		r = sort_regions(&m);
	if (r == 0) {
		qsort_r(m.maps, m.all->nr_maps, sizeof(*m.maps), by_file, m.all->maps);
		qsort_r(m.links, m.all->nr_links, sizeof(*m.links), by_link_file,
		        m.all->links);
		r = match_files(&m);
	}
	if (r == 0)
		r = weir_ledger_match_segments(snap, ledger);
	free(m.maps);
	free(m.links);
	free(m.regions);
	return r;
}
