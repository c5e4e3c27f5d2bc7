/* load_build: plain numbers into a model, with the model's own operations. See load.h for
 * what is arranged and why.
 *
 * The order: pools full of free pages, for then every promise finds room; mounts one by
 * one, each with its files, so that what a mount takes is there; the rest of what is in
 * use; the rest of what is promised; last the fields that only label what there is
 * (surplus, targets, limits), which would stand in the way before. */
#include "lab/load_host.h"

#include "base/ckd.h"
#include "base/own.h"
#include "base/size.h"
#include "lab/world_names.h"
#include "model/anon.h"
#include "model/file.h"
#include "model/mount.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define HOST "host"

struct build {
	struct weir_load *load;
	struct weir_world *world;
	struct weir_model *m;
	struct weir_world_task *host;
	/* by size: pages in use on each node that no file has yet */
	uint64_t in_use[WEIR_LOAD_SIZES_MAX][WEIR_LOAD_NODES_MAX];
	/* by size: promises that no file has yet */
	uint64_t promised[WEIR_LOAD_SIZES_MAX];
	/* by group: its id, and what of its charges is not placed yet, of it alone */
	uint32_t *ids;
	struct weir_load_charge (*left)[WEIR_LOAD_SIZES_MAX];
	struct { /* by id: the listed group + 1, or 0 */
		uint32_t *v;
		size_t nr, cap;
	} listed;
	struct weir_str last_parent; /* path of the group made last, and its id */
	uint32_t last_parent_id;
};

static uint64_t min(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t less(uint64_t a, uint64_t b)
{
	return a > b ? a - b : 0;
}

/* ---- nodes and pools ---- */

static int pool_bytes(const struct weir_load *load, const struct weir_load_node *node,
                      uint64_t *out, struct weir_err *err)
{
	uint64_t sum = 0, bytes;

	for (size_t k = 0; k < load->nr_sizes; k++)
		if (ckd_mul(&bytes, node->nr[k], load->sizes[k].page_bytes) ||
		    ckd_add(&sum, sum, bytes) || sum > (uint64_t)INT64_MAX)
			return weir_err_set(
				err, -EINVAL,
				"node %u: its pools are larger than any memory",
				node->id);
	*out = sum;
	return 0;
}

/* What the node's config could not say. A node without zones has one, and what is free
 * there is less than its memory. */
static void set_free(struct weir_memory *mem, const struct weir_load_node *node)
{
	struct weir_memory_zone *zones = mem->zones[node->id];
	struct weir_memory_zone *only = &zones[WEIR_ZONE_NORMAL];

	if (!node->has_zones) {
		only->free[0] = node->free_bytes / WEIR_BASE_PAGE;
		only->whole[0] = only->free[0] / 512 * 512;
		return;
	}
	for (unsigned int s = 0; s < WEIR_SITE_NR; s++) {
		zones[s % WEIR_ZONE_NR].cache[s >= WEIR_SITE_CMA] = node->cache[s];
		zones[s % WEIR_ZONE_NR].dirty[s >= WEIR_SITE_CMA] = node->dirty[s];
	}
	for (unsigned int z = 0; z < WEIR_ZONE_NR; z++)
		if (zones[z].cma) {
			zones[z].csv = min(node->csv_pages, zones[z].cma);
			break;
		}
}

static int make_model(struct weir_load *load, struct weir_model **out,
                      struct weir_err *err)
{
	struct weir_node_config nodes[WEIR_LOAD_NODES_MAX] = { 0 };
	uint64_t sizes[WEIR_LOAD_SIZES_MAX] = { 0 }, pools[WEIR_LOAD_NODES_MAX] = { 0 };
	struct weir_model_config config = {
		.rules = &load->rules,
		.nodes = nodes,
		.nr_nodes = load->nr_nodes,
		.page_bytes = sizes,
		.nr_sizes = load->nr_sizes,
		.hvo = load->hvo,
	};
	int r;

	for (size_t i = 0; i < load->nr_nodes; i++) {
		const struct weir_load_node *node = &load->nodes[i];

		r = pool_bytes(load, node, &pools[i], err);
		if (r < 0)
			return r;
		nodes[i] = (struct weir_node_config){
			.id = node->id,
			.memory_bytes = node->total_bytes + pools[i],
			.cpus = node->cpus,
			.distance = node->distance,
			.nr_distances = WEIR_LOAD_NODES_MAX,
			.zones = node->has_zones ? node->zones : NULL,
		};
		if (!nodes[i].memory_bytes)
			nodes[i].memory_bytes = node->free_bytes;
	}
	for (size_t k = 0; k < load->nr_sizes; k++)
		sizes[k] = load->sizes[k].page_bytes;
	r = weir_model_new(&config, out, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < load->nr_nodes; i++)
		set_free(&(*out)->memory, &load->nodes[i]);
	return 0;
}

/* Pages of one size on one node, by place. Lists are stacks, and those that are to be in
 * use are taken off their top: so the free ones go in first. Among these the order of the
 * kernel's list is not known: what may be pinned lies on top. */
static void fill_pool(struct build *b, size_t k, const struct weir_load_node *node)
{
	struct weir_pool *pool = &b->m->pools[k];

	for (int free = 1; free >= 0; free--)
		for (int s = WEIR_SITE_NR - 1; s >= 0; s--) {
			uint64_t pages = free ? node->free_at[k][s]
			                      : node->at[k][s] - node->free_at[k][s];

			if (!weir_pool_stock(b->m, pool, node->id, (weir_site)s, pages))
				return;
		}
}

static void fill_pools(struct build *b)
{
	const struct weir_load *load = b->load;

	for (size_t k = 0; k < load->nr_sizes; k++) {
		uint64_t free = 0;

		for (size_t i = 0; i < load->nr_nodes; i++) {
			const struct weir_load_node *node = &load->nodes[i];

			fill_pool(b, k, node);
			b->in_use[k][node->id] = node->nr[k] - node->free[k];
			free += node->free[k];
		}
		b->promised[k] = min(load->sizes[k].reserved, free);
	}
}

/* ---- cgroups ---- */

/* A new group "a/b", the path without its first slash, and those above it that are not
 * there yet. Its id; 0: it cannot be made. */
static uint32_t make_group(struct build *b, struct weir_str path)
{
	const struct weir_world_group *have;
	struct weir_str above = path;
	uint32_t parent = WEIR_GROUP_ROOT, id;

	while (above.n && above.p[above.n - 1] != '/')
		above.n--;
	if (above.n) {
		above.n--;
		/* siblings follow each other, and may be thousands */
		if (b->last_parent.p && above.n == b->last_parent.n &&
		    memcmp(above.p, b->last_parent.p, above.n) == 0) {
			parent = b->last_parent_id;
		} else {
			have = weir_world_group(b->world, above);
			parent = have ? have->id : make_group(b, above);
		}
	}
	if (!parent || weir_group_new(b->m, parent, &id) < 0 ||
	    !weir_world_add_group(b->world, path, id))
		return 0;
	b->last_parent = above;
	b->last_parent_id = parent;
	return id;
}

static int list_group(struct build *b, size_t g)
{
	while (b->listed.nr <= b->ids[g]) {
		if (weir_grow(&b->listed.v, &b->listed.cap, b->listed.nr,
		              sizeof(b->listed.v[0])) < 0)
			return -ENOMEM;
		b->listed.nr++;
	}
	b->listed.v[b->ids[g]] = (uint32_t)g + 1;
	return 0;
}

/* The charges of a group are also those of the groups above it: takes them off the
 * nearest one that is listed. */
static void take_off_above(struct build *b, size_t g)
{
	uint32_t up = weir_group(&b->m->groups, b->ids[g])->parent;
	struct weir_load_charge *above;

	while (up > WEIR_GROUP_ROOT && !(up < b->listed.nr && b->listed.v[up]))
		up = weir_group(&b->m->groups, up)->parent;
	if (up <= WEIR_GROUP_ROOT)
		return;
	above = b->left[b->listed.v[up] - 1];
	for (size_t k = 0; k < b->load->nr_sizes; k++) {
		above[k].usage = less(above[k].usage, b->load->groups[g].v[k].usage);
		above[k].rsvd = less(above[k].rsvd, b->load->groups[g].v[k].rsvd);
	}
}

static int make_groups(struct build *b, struct weir_err *err)
{
	const struct weir_load *load = b->load;

	if (!load->nr_groups)
		return 0;
	b->ids = calloc(load->nr_groups, sizeof(*b->ids));
	b->left = calloc(load->nr_groups, sizeof(*b->left));
	if (!b->ids || !b->left)
		return -ENOMEM;
	for (size_t g = 0; g < load->nr_groups; g++) {
		b->ids[g] = make_group(b,
		                       weir_str_skip(weir_strz(load->groups[g].path), 1));
		if (!b->ids[g] && !b->m->failed)
			return weir_err_set(err, -EINVAL,
			                    "more cgroups than a model has");
		if (!b->ids[g] || list_group(b, g) < 0)
			return -ENOMEM;
		memcpy(b->left[g], load->groups[g].v, sizeof(b->left[g]));
		take_off_above(b, g);
	}
	return 0;
}

/* The next group that is still to be charged, and how much; else the root with any
 * number. */
static uint64_t next_payer(const struct build *b, size_t size, bool rsvd, size_t *out)
{
	for (size_t g = 0; g < b->load->nr_groups; g++) {
		const struct weir_load_charge *left = &b->left[g][size];
		uint64_t n = rsvd ? left->rsvd : left->usage;

		if (n) {
			*out = g;
			return n;
		}
	}
	*out = SIZE_MAX;
	return UINT64_MAX;
}

/* The host's task pays from this group on; of what it pays for, so much is placed. */
static void pay(struct build *b, size_t g, size_t size, uint64_t usage, uint64_t rsvd)
{
	b->host->task->group = g == SIZE_MAX ? WEIR_GROUP_ROOT : b->ids[g];
	if (g == SIZE_MAX)
		return;
	b->left[g][size].usage = less(b->left[g][size].usage, usage);
	b->left[g][size].rsvd = less(b->left[g][size].rsvd, rsvd);
}

static void set_limits(struct build *b)
{
	static const char *const words[] = { "usage", "reservations" };
	const struct weir_load *load = b->load;

	for (size_t g = 0; g < load->nr_groups; g++)
		for (size_t k = 0; k < load->nr_sizes; k++) {
			const struct weir_load_charge *of = &load->groups[g].v[k];
			const uint64_t limit[] = { of->limit_bytes,
				                   of->rsvd_limit_bytes };
			const uint64_t want[] = { of->usage, of->rsvd };
			struct weir_group_size *size =
				&weir_group(&b->m->groups, b->ids[g])->sizes[k];

			size->events = of->events;
			for (unsigned int c = 0; c < WEIR_CHARGE_NR; c++) {
				if ((uint64_t)size->charged[c] != want[c])
					weir_load_note(b->load,
					               "%s of cgroup %s: %" PRId64
					               " of %" PRIu64 " pages are placed",
					               words[c], load->groups[g].path,
					               size->charged[c], want[c]);
				if (weir_group_limit(b->m, b->ids[g], &b->m->pools[k],
				                     (enum weir_charge)c, limit[c]) < 0)
					weir_load_note(
						b->load,
						"the limit of %s of cgroup %s is left "
						"out: more is charged",
						words[c], load->groups[g].path);
			}
		}
}

/* ---- pages and promises ---- */

/* A file of the host's task and how far it is filled. */
struct filling {
	struct weir_file *file;
	size_t size;
	uint64_t at;
};

static unsigned int next_node(const struct build *b, size_t size)
{
	unsigned int n = 0;

	while (n < WEIR_LOAD_NODES_MAX && !b->in_use[size][n])
		n++;
	return n;
}

/* Up to @nr pages that are in use go into the file, node by node. How many did. */
static uint64_t place(struct build *b, struct filling *to, uint64_t nr)
{
	uint64_t done = 0;

	while (done < nr) {
		unsigned int node = next_node(b, to->size);
		struct weir_policy bind = { .mode = WEIR_POLICY_BIND };
		uint64_t part;
		size_t payer;

		if (node == WEIR_LOAD_NODES_MAX)
			break;
		part = min(nr - done, b->in_use[to->size][node]);
		part = min(part, next_payer(b, to->size, false, &payer));
		pay(b, payer, to->size, part, part);
		bind.nodes = UINT64_C(1) << node;
		if (weir_task_set_policy(b->m, b->host->task, &bind) < 0 ||
		    weir_file_allocate(b->m, b->host->task, to->file, to->at, part) < 0)
			break;
		b->in_use[to->size][node] -= part;
		to->at += part;
		done += part;
	}
	b->host->task->policy = 0;
	b->host->task->group = WEIR_GROUP_ROOT;
	return done;
}

/* Up to @nr promises of the file, by mappings of what lies behind its pages. */
static uint64_t promise(struct build *b, struct filling *to, uint64_t nr)
{
	uint64_t done = 0;

	while (done < nr) {
		struct weir_map_config config = {
			.pool = &b->m->pools[to->size],
			.file = to->file,
			.pgoff = to->at,
			.shared = true,
		};
		uint64_t addr;
		size_t payer;

		config.pages = min(nr - done, next_payer(b, to->size, true, &payer));
		pay(b, payer, to->size, 0, config.pages);
		if (weir_map(b->m, b->host->task, &config, &addr) < 0)
			break;
		to->at += config.pages;
		done += config.pages;
	}
	b->host->task->group = WEIR_GROUP_ROOT;
	return done;
}

/* ---- mounts ---- */

/* How the pages of a mount's limits are thought to be: see load.h. */
struct split {
	uint64_t held;  /* of the minimum */
	uint64_t lost;  /* of the minimum: it should be held and is not reserved */
	uint64_t pages; /* in use */
	uint64_t promises;
	uint64_t leaked; /* counted as used, by nobody */
};

static struct split split_mount(const struct build *b,
                                const struct weir_load_mount *mount)
{
	size_t k = mount->size_idx;
	uint64_t min_pages = mount->has_min_size ? mount->min_size_bytes /
	                                                   b->load->sizes[k].page_bytes
	                                         : 0;
	uint64_t in_use = 0, used = mount->used, want = less(min_pages, used);
	struct split s = { .held = min(want, b->promised[k]) };

	for (size_t n = 0; n < WEIR_LOAD_NODES_MAX; n++)
		in_use += b->in_use[k][n];
	if (mount->used_known)
		s.lost = want - s.held;
	else
		used += want - s.held;
	s.pages = min(used, in_use);
	s.promises = min(used - s.pages, b->promised[k] - s.held);
	s.leaked = used - s.pages - s.promises;
	return s;
}

/* What of the minimum should still be held by now, and is not reserved; and what is
 * counted as used by nobody. */
static void lose(struct build *b, struct weir_mount *mount, const struct split *s)
{
	struct weir_subpool *sp = mount->subpool;
	int64_t lost;

	if (!sp)
		return;
	lost = sp->held - (int64_t)s->held;
	if (lost > 0) {
		sp->held -= lost;
		b->m->pools[mount->pool].reserved -= (uint64_t)lost;
	}
	if (sp->max != WEIR_SUBPOOL_NO_LIMIT)
		sp->used += (int64_t)s->leaked;
}

static bool fill_mount(struct build *b, const struct weir_load_mount *from,
                       struct weir_mount *mount)
{
	struct split s = split_mount(b, from);
	struct filling to = { .size = from->size_idx };
	char name[WEIR_LOAD_NAME_MAX + 8];

	if (s.pages || s.promises) {
		if (weir_mount_create(b->m, mount, &to.file) < 0)
			return false;
		(void)snprintf(name, sizeof(name), "%s/" HOST, from->name);
		if (!weir_world_add_file(b->world, weir_strz(name), to.file))
			return false;
		(void)place(b, &to, s.pages);
		(void)promise(b, &to, s.promises);
	}
	lose(b, mount, &s);
	if (s.lost || s.leaked)
		weir_load_note(b->load,
		               "mount %s: %" PRIu64
		               " pages of its minimum are not reserved, "
		               "%" PRIu64 " count as used by nobody",
		               from->name, s.lost, s.leaked);
	b->promised[from->size_idx] -= s.held + s.promises;
	return true;
}

static void make_mount(struct build *b, const struct weir_load_mount *from)
{
	struct weir_pool *pool = &b->m->pools[from->size_idx];
	const struct weir_mount_config config = {
		.pool = pool,
		.has_size = from->has_size,
		.has_min_size = from->has_min_size,
		.has_nr_inodes = from->has_nr_inodes,
		.size = from->size_bytes,
		.min_size = from->min_size_bytes,
		.nr_inodes = from->nr_inodes,
	};
	struct weir_world_mount *entry;
	struct weir_mount *mount;

	if (weir_mount(b->m, NULL, &config, &mount) < 0) {
		weir_load_note(b->load,
		               "mount %s is left out: its minimum finds no pages",
		               from->name);
		return;
	}
	entry = weir_world_add_mount(b->world, weir_strz(from->name), mount);
	if (!entry)
		return;
	entry->host_idx = from->host_idx;
	entry->size_bytes = from->has_size ? from->size_bytes : UINT64_MAX;
	entry->min_size_bytes = from->has_min_size ? from->min_size_bytes : UINT64_MAX;
	entry->nr_inodes = from->has_nr_inodes ? from->nr_inodes : UINT64_MAX;
	(void)fill_mount(b, from, mount);
	if (from->has_nr_inodes)
		mount->free_inodes = (int64_t)min(from->free_inodes, INT64_MAX);
}

/* ---- what is left ---- */

static void fill_host(struct build *b, size_t k)
{
	struct weir_pool *pool = &b->m->pools[k];
	uint64_t reserved = b->load->sizes[k].reserved;
	struct filling to = { .size = k };
	char name[WEIR_LOAD_NAME_MAX], size[WEIR_SIZE_TEXT_MAX];

	if (next_node(b, k) == WEIR_LOAD_NODES_MAX && pool->reserved >= reserved)
		return;
	(void)snprintf(name, sizeof(name), HOST "-%s",
	               weir_format_size(pool->page_bytes, size, sizeof(size)).p);
	to.file = weir_file_new(b->m, pool, WEIR_FILE_MEMFD, NULL);
	if (!to.file || !weir_file_open(b->m, b->host->task, to.file) ||
	    !weir_world_add_file(b->world, weir_strz(name), to.file))
		return;
	(void)place(b, &to, UINT64_MAX);
	(void)promise(b, &to, less(reserved, pool->reserved));
	if (next_node(b, k) != WEIR_LOAD_NODES_MAX)
		weir_load_note(b->load,
		               "pages of %s in use on node %u could not be placed", size,
		               next_node(b, k));
	if (pool->reserved < reserved) {
		weir_load_note(b->load,
		               "%" PRIu64
		               " reserved pages of %s have no page: they count as "
		               "reserved for ever",
		               reserved - pool->reserved, size);
		pool->reserved_leaked += reserved - pool->reserved;
		pool->reserved = reserved;
	}
}

static void label(struct build *b, size_t k)
{
	const struct weir_load *load = b->load;
	struct weir_pool *pool = &b->m->pools[k];
	unsigned int first = weir_node_next(b->m->memory.nodes, 0);

	for (size_t i = 0; i < load->nr_nodes; i++) {
		pool->nr_surplus[load->nodes[i].id] = load->nodes[i].surplus[k];
		pool->surplus += load->nodes[i].surplus[k];
	}
	pool->max = load->sizes[k].max;
	pool->overcommit = load->sizes[k].overcommit;
	pool->next_alloc = pool->next_free = first;
	if (load->sizes[k].demote_bytes)
		(void)weir_pool_demote_to(b->m, pool, load->sizes[k].demote_bytes);
}

/* What else stands in places that must be emptied one day. */
static void lend(struct build *b, struct weir_task *task)
{
	for (size_t i = 0; i < b->load->nr_nodes; i++)
		for (unsigned int s = 0; s < WEIR_SITE_NR; s++)
			if (b->load->nodes[i].lent[s])
				weir_anon_lend(b->m, task, b->load->nodes[i].id,
				               (weir_site)s, b->load->nodes[i].lent[s]);
}

static int build(struct build *b, struct weir_err *err)
{
	const struct weir_load *load = b->load;
	struct weir_task *task;
	int r;

	fill_pools(b);
	task = weir_task_new(b->m, &(struct weir_task_config){ 0 });
	b->host = task ? weir_world_add_task(b->world, weir_strz(HOST), task) : NULL;
	if (!b->host)
		return -ENOMEM;
	r = make_groups(b, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < load->nr_mounts && !b->m->failed; i++)
		make_mount(b, &load->mounts[i]);
	for (size_t k = 0; k < load->nr_sizes && !b->m->failed; k++) {
		fill_host(b, k);
		label(b, k);
	}
	if (b->m->failed)
		return -ENOMEM;
	set_limits(b);
	for (size_t i = 0; i < load->nr_nodes; i++) {
		unsigned int id = load->nodes[i].id;
		uint64_t least = weir_memory_free(&b->m->memory, id);

		b->m->memory.total_bytes[id] = load->nodes[i].total_bytes > least
		                                       ? load->nodes[i].total_bytes
		                                       : least;
	}
	lend(b, task);
	memcpy(b->world->start_total, b->m->memory.total_bytes,
	       sizeof(b->world->start_total));
	b->m->corrupted_bytes = load->corrupted_bytes;
	b->m->bugs = 0;
	b->world->boot = strdup(load->cmdline ? load->cmdline : "");
	return b->world->boot ? load->failed : -ENOMEM;
}

int weir_load_build(struct weir_load *load, struct weir_world **out, struct weir_err *err)
{
	weir_auto(weir_freep) struct build *b = calloc(1, sizeof(*b));
	weir_auto(weir_world_freep) struct weir_world *world = NULL;
	struct weir_model *model = NULL;
	int r;

	if (!b)
		return weir_err_sys(err, -ENOMEM, "make a model of a host");
	r = make_model(load, &model, err);
	if (r < 0)
		return r;
	r = weir_world_adopt(model, load->kernel, &world, err);
	if (r < 0) {
		weir_model_free(model);
		return r;
	}
	b->load = load;
	b->world = world;
	b->m = model;
	r = build(b, err);
	free(b->ids);
	free(b->left);
	free(b->listed.v);
	if (r == -ENOMEM)
		return weir_err_sys(err, r, "make a model of a host");
	if (r < 0)
		return r;
	*out = weir_take(world);
	return 0;
}
