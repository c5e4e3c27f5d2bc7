/* load: see load.h. From facts, some of which are unknown, to numbers, none of which is:
 * what is taken in place of an unknown one is said in the notes. */
#include "lab/load.h"

#include "base/ckd.h"
#include "base/least.h"
#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"
#include "lab/load_host.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Pages in all pools: a model keeps a record of each. 128 TiB of 2M pages, a GB. */
#define PAGES_MAX (UINT64_C(1) << 26)
#define HUGE_2M   (UINT64_C(2) << 20)

void weir_load_note(struct weir_load *load, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	int r;

	if (!load->notes)
		return;
	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r = weir_buf_printf(load->notes, "%s\n", text);
	if (r < 0)
		load->failed = r;
}

/* Where some of the parts of a whole are not known, the rest is theirs in equal parts. */
struct share {
	uint64_t known; /* sum of those that are */
	uint64_t nr;    /* of those that are not */
	uint64_t rest;  /* what is left for these */
};

static void share_rest(struct share *s, struct weir_count whole)
{
	s->rest = whole.known && whole.n > s->known ? whole.n - s->known : 0;
}

static uint64_t share_next(struct share *s)
{
	uint64_t part;

	if (!s->nr)
		return 0;
	part = s->rest / s->nr + (s->rest % s->nr != 0);
	s->rest -= part;
	s->nr--;
	return part;
}

static void share_see(struct share *s, struct weir_count part)
{
	s->known += part.n;
	s->nr += !part.known;
}

/* ---- nodes ---- */

static const struct weir_meminfo *meminfo_of(const struct weir_snapshot *snap, size_t i)
{
	return snap->nodes.known ? &snap->nodes.v[i].mem : &snap->mem;
}

static struct weir_count zones_bytes(const struct weir_snapshot *snap, unsigned int node,
                                     size_t field)
{
	struct weir_count pages = weir_zones_sum(&snap->zones, node, field);

	return snap->page_bytes.known ? weir_count_mul(pages, snap->page_bytes.n)
	                              : (struct weir_count){ 0 };
}

static struct weir_count free_of(const struct weir_snapshot *snap, size_t i,
                                 unsigned int id)
{
	struct weir_count n = meminfo_of(snap, i)->free;

	return n.known ? n : zones_bytes(snap, id, offsetof(struct weir_zone, free));
}

static struct weir_count total_of(const struct weir_snapshot *snap, size_t i,
                                  unsigned int id)
{
	struct weir_count n = meminfo_of(snap, i)->total;

	return n.known ? n : zones_bytes(snap, id, offsetof(struct weir_zone, managed));
}

static void read_memory(struct weir_load *load, const struct weir_snapshot *snap)
{
	struct share free = { 0 }, total = { 0 };
	char size[WEIR_SIZE_TEXT_MAX];

	for (size_t i = 0; i < load->nr_nodes; i++) {
		share_see(&free, free_of(snap, i, load->nodes[i].id));
		share_see(&total, total_of(snap, i, load->nodes[i].id));
	}
	share_rest(&free, snap->mem.free);
	share_rest(&total, snap->mem.total);
	for (size_t i = 0; i < load->nr_nodes; i++) {
		struct weir_load_node *node = &load->nodes[i];
		struct weir_count n = free_of(snap, i, node->id);

		node->free_bytes = n.known ? n.n : share_next(&free);
		if (!n.known)
			weir_load_note(
				load,
				"free memory of node %u is not known: taken "
				"as %s",
				node->id,
				weir_format_human(node->free_bytes, size, sizeof(size)));
		n = total_of(snap, i, node->id);
		node->total_bytes = n.known ? n.n : share_next(&total);
	}
}

static void read_cpus(struct weir_load *load, const struct weir_snapshot *snap)
{
	bool left_out = false, known = true;

	for (size_t i = 0; i < load->nr_nodes; i++) {
		const struct weir_node *node = &snap->nodes.v[i];

		known = known && node->cpus_known;
		weir_ranges_each (cpu, &node->cpus) {
			left_out = left_out || cpu >= WEIR_LOAD_NODES_MAX;
			if (cpu < WEIR_LOAD_NODES_MAX)
				load->nodes[i].cpus |= UINT64_C(1) << cpu;
		}
	}
	if (!known)
		weir_load_note(load, "which CPUs a node has is not known: taken as those "
		                     "of the first one");
	if (left_out)
		weir_load_note(load, "CPUs from %d on are left out", WEIR_LOAD_NODES_MAX);
}

/* A node's distances stand in the order of the nodes that are online. */
static void read_distances(struct weir_load *load, const struct weir_snapshot *snap)
{
	for (size_t i = 0; i < load->nr_nodes; i++) {
		const struct weir_node *node = &snap->nodes.v[i];

		for (size_t k = 0; k < node->nr_distances && k < load->nr_nodes; k++)
			if (node->distances[k] <= UINT8_MAX)
				load->nodes[i].distance[load->nodes[k].id] =
					(unsigned int)node->distances[k];
		if (load->nr_nodes > 1 && node->nr_distances != load->nr_nodes) {
			weir_load_note(load,
			               "distances of the nodes are not known: taken "
			               "as all alike");
			return;
		}
	}
}

static int read_nodes(struct weir_load *load, const struct weir_snapshot *snap,
                      struct weir_err *err)
{
	if (!snap->nodes.known) {
		weir_load_note(load, "the nodes are not known: taken as one");
		load->nr_nodes = 1;
		load->nodes[0].cpus = 1;
		read_memory(load, snap);
		return 0;
	}
	for (size_t i = 0; i < snap->nodes.nr; i++) {
		if (snap->nodes.v[i].id >= WEIR_LOAD_NODES_MAX)
			return weir_err_set(err, -EINVAL,
			                    "node %u: a model has nodes 0 to %d",
			                    snap->nodes.v[i].id, WEIR_LOAD_NODES_MAX - 1);
		load->nodes[load->nr_nodes++].id = snap->nodes.v[i].id;
	}
	read_memory(load, snap);
	read_cpus(load, snap);
	read_distances(load, snap);
	return 0;
}

/* ---- pools ---- */

static const struct weir_pool *pool_of(const struct weir_load *load,
                                       const struct weir_huge_size *size, size_t node)
{
	static const struct weir_pool unknown;

	if (load->nr_nodes == 1)
		return &size->all;
	for (size_t i = 0; i < size->nr_nodes; i++)
		if (size->nodes[i].node == load->nodes[node].id)
			return &size->nodes[i].pool;
	return &unknown;
}

static const char *size_name(const struct weir_huge_size *size, char *out, size_t cap)
{
	return weir_format_size(size->size_bytes, out, cap).p;
}

/* The counters of a size on a node: where they are read, where they go. */
enum { PAGES, FREE, SURPLUS, NR_COUNTERS };
static const struct counter {
	const char *what;
	size_t from; /* in struct weir_pool */
	size_t to;   /* in struct weir_load_node: an array by size */
} counters[] = {
	[PAGES] = { "the number of", offsetof(struct weir_pool, nr),
	            offsetof(struct weir_load_node, nr) },
	[FREE] = { "free", offsetof(struct weir_pool, free),
	           offsetof(struct weir_load_node, free) },
	[SURPLUS] = { "surplus", offsetof(struct weir_pool, surplus),
	              offsetof(struct weir_load_node, surplus) },
};

static struct weir_count count_in(const struct weir_pool *pool, const struct counter *c)
{
	return *(const struct weir_count *)(const void *)((const char *)pool + c->from);
}

static uint64_t *slot_in(struct weir_load_node *node, const struct counter *c, size_t idx)
{
	return (uint64_t *)(void *)((char *)node + c->to) + idx;
}

static uint64_t sum_in(const struct weir_load *load, const struct counter *c, size_t idx)
{
	uint64_t sum = 0, n;

	for (size_t i = 0; i < load->nr_nodes; i++) {
		memcpy(&n, (const char *)&load->nodes[i] + c->to + idx * sizeof(n),
		       sizeof(n));
		if (ckd_add(&sum, sum, n))
			return UINT64_MAX;
	}
	return sum;
}

static void note_counter(struct weir_load *load, const struct weir_huge_size *size,
                         const struct counter *c, uint64_t known, bool guessed)
{
	struct weir_count whole = count_in(&size->all, c);
	char name[WEIR_SIZE_TEXT_MAX];

	(void)size_name(size, name, sizeof(name));
	if (guessed)
		weir_load_note(load, "%s pages of %s on each node: not known, %s",
		               c->what, name,
		               whole.known ? "what is left is shared out evenly"
		                           : "taken as 0 there");
	else if (whole.known && whole.n != known)
		weir_load_note(load,
		               "%s pages of %s: %" PRIu64 " on the nodes, %" PRIu64
		               " in all: the nodes' count",
		               c->what, name, known, whole.n);
}

/* One counter on all nodes. No more pages are free than there are on a node; there may be
 * more surplus than pages on one (model/pool.h), but not on all. */
static void read_counter(struct weir_load *load, const struct weir_huge_size *size,
                         size_t idx, const struct counter *c)
{
	struct share share = { 0 };
	uint64_t all = c == &counters[PAGES] ? UINT64_MAX
	                                     : sum_in(load, &counters[PAGES], idx);
	bool guessed;

	for (size_t i = 0; i < load->nr_nodes; i++)
		share_see(&share, count_in(pool_of(load, size, i), c));
	share_rest(&share, count_in(&size->all, c));
	guessed = share.nr > 0;
	for (size_t i = 0; i < load->nr_nodes; i++) {
		struct weir_count n = count_in(pool_of(load, size, i), c);
		uint64_t most = c == &counters[FREE] ? load->nodes[i].nr[idx] : all;
		uint64_t taken = n.known ? n.n : share_next(&share);

		if (taken > most) {
			if (!n.known && share.nr) /* the next ones may have room */
				share.rest += taken - most;
			taken = most;
		}
		*slot_in(&load->nodes[i], c, idx) = taken;
	}
	note_counter(load, size, c, share.known, guessed);
}

static int add_size(struct weir_load *load, const struct weir_snapshot *snap,
                    const struct weir_huge_size *size, struct weir_err *err)
{
	size_t idx = load->nr_sizes;
	struct weir_load_size *to = &load->sizes[idx];
	char name[WEIR_SIZE_TEXT_MAX];
	uint64_t pages;

	if (idx == WEIR_LOAD_SIZES_MAX)
		return weir_err_set(err, -EINVAL, "more than %d page sizes",
		                    WEIR_LOAD_SIZES_MAX);
	(void)size_name(size, name, sizeof(name));
	if (size->size_bytes <= WEIR_BASE_PAGE)
		return weir_err_set(err, -EINVAL, "huge pages of %s: too small for one",
		                    name);
	read_counter(load, size, idx, &counters[PAGES]);
	pages = sum_in(load, &counters[PAGES], idx);
	if (ckd_add(&load->nr_pages, load->nr_pages, pages) || load->nr_pages > PAGES_MAX)
		return weir_err_set(err, -EINVAL,
		                    "more than %" PRIu64
		                    " huge pages: too many for a model",
		                    PAGES_MAX);
	read_counter(load, size, idx, &counters[FREE]);
	read_counter(load, size, idx, &counters[SURPLUS]);
	load->nr_sizes++;
	*to = (struct weir_load_size){
		.page_bytes = size->size_bytes,
		.reserved = size->all.reserved.n,
		.overcommit = size->overcommit.n,
		.max = weir_less(pages, sum_in(load, &counters[SURPLUS], idx)),
		.demote_bytes = size->demote_size.n,
	};
	if (!idx && snap->pools.sysctl_nr.known)
		to->max = snap->pools.sysctl_nr.n;
	if (!size->all.reserved.known)
		weir_load_note(load, "reserved pages of %s are not known: taken as 0",
		               name);
	if (!size->overcommit.known)
		weir_load_note(load,
		               "the overcommit limit of %s is not known: taken as 0",
		               name);
	return 0;
}

static int read_sizes(struct weir_load *load, const struct weir_snapshot *snap,
                      struct weir_err *err)
{
	const struct weir_pools *pools = &snap->pools;
	const struct weir_huge_size *first = NULL;
	char name[WEIR_SIZE_TEXT_MAX];
	int r;

	if (!pools->nr && load->pools_needed)
		return weir_err_set(
			err, -EINVAL,
			"this host has no huge pages, or they cannot be seen");
	if (!pools->nr) {
		/* a model has a size; nothing can come of it */
		load->sizes[load->nr_sizes++] =
			(struct weir_load_size){ .page_bytes = HUGE_2M };
		return 0;
	}
	if (snap->mem.huge_size.known)
		first = weir_pools_size(pools, snap->mem.huge_size.n);
	if (!first) {
		first = &pools->sizes[0];
		weir_load_note(load, "the default page size is not known: taken as %s",
		               size_name(first, name, sizeof(name)));
	}
	r = add_size(load, snap, first, err);
	for (size_t i = 0; r == 0 && i < pools->nr; i++)
		if (&pools->sizes[i] != first)
			r = add_size(load, snap, &pools->sizes[i], err);
	return r;
}

/* ---- the whole ---- */

/* What was measured on this boot counts more than what the release lets expect. */
static void read_pins(struct weir_load *load, const struct weir_snapshot *snap)
{
	const struct weir_pins *pins = &snap->pins;
	bool refused = false, moved = false, movable_stays = false;

	if (!pins->known)
		return;
	for (int m = 0; m < WEIR_PIN_NR_MEMORIES; m++) {
		enum weir_pin_outcome came = pins->results[m][WEIR_PIN_TOUCHED].outcome;

		refused = refused || came == WEIR_PIN_REFUSED;
		moved = moved || came == WEIR_PIN_MOVED;
		if (m == WEIR_PIN_MOVABLE)
			movable_stays = came == WEIR_PIN_IN_PLACE;
	}
	if (refused || moved)
		load->rules.pin_present_fails = refused;
	if (pins->results[WEIR_PIN_MOVABLE][WEIR_PIN_TOUCHED].outcome !=
	    WEIR_PIN_UNMEASURED)
		load->rules.pin_minds_movable = !movable_stays;
	weir_load_note(load, "how pins are treated was measured on this boot");
}

static int read_kernel(struct weir_load *load, const struct weir_snapshot *snap,
                       const char *kernel, struct weir_err *err)
{
	const char *name = kernel ? kernel : snap->release;
	struct weir_str preset;
	size_t idx;
	int r;

	if (!name) {
		name = WEIR_KERNEL_DEFAULT;
		weir_load_note(load, "the kernel is not known: the rules of %s hold",
		               name);
	}
	r = weir_rules_parse(weir_strz(name), &load->rules, &idx, err);
	if (r < 0)
		return r;
	load->kernel = weir_kernels[idx].name;
	if (!kernel)
		read_pins(load, snap);
	preset = weir_strz(load->kernel);
	if (!kernel && (!weir_str_starts(weir_strz(name), load->kernel) ||
	                weir_is_digit(name[preset.n])))
		weir_load_note(load, "kernel %s: the rules of %s hold", name,
		               load->kernel);
	return 0;
}

static void note_what_is_left_out(struct weir_load *load,
                                  const struct weir_snapshot *snap)
{
	if (!snap->consistent)
		weir_load_note(load,
		               "the pools changed while they were read: their numbers "
		               "may not fit together");
}

static int read_all(struct weir_load *load, const struct weir_snapshot *snap,
                    const char *kernel, struct weir_err *err)
{
	int r = read_kernel(load, snap, kernel, err);

	if (r == 0)
		r = read_nodes(load, snap, err);
	if (r == 0)
		r = read_sizes(load, snap, err);
	if (r < 0)
		return r;
	weir_load_read_zones(load, snap);
	r = weir_load_read_mounts(load, snap);
	if (r == 0)
		r = weir_load_read_groups(load, snap);
	load->cmdline = snap->cmdline;
	load->hvo = snap->pools.optimize_vmemmap.n;
	load->corrupted_bytes = snap->mem.hardware_corrupted.n;
	note_what_is_left_out(load, snap);
	if (r == 0)
		r = load->failed;
	return r < 0 ? weir_err_sys(err, r, "make a model of a host") : 0;
}

int weir_load_placed(const struct weir_snapshot *snap,
                     const struct weir_load_options *options, struct weir_world **out,
                     bool *place_known, struct weir_buf *notes, struct weir_err *err)
{
	weir_auto(weir_freep) struct weir_load *load = calloc(1, sizeof(*load));
	int r;

	if (!load)
		return weir_err_sys(err, -ENOMEM, "make a model of a host");
	load->notes = notes;
	load->place = options->place;
	load->pools_needed = !options->without_pools;
	r = read_all(load, snap, options->kernel, err);
	if (r == 0)
		weir_load_give(load, options->given, options->nr_given);
	if (r == 0)
		r = weir_load_build(load, out, err);
	if (r == 0 && place_known)
		*place_known = load->place_known;
	free(load->mounts);
	free(load->groups);
	return r;
}

int weir_load(const struct weir_snapshot *snap, const char *kernel,
              struct weir_world **out, struct weir_buf *notes, struct weir_err *err)
{
	const struct weir_load_options options = { .kernel = kernel };

	return weir_load_placed(snap, &options, out, NULL, notes, err);
}

int weir_load_host(const struct weir_host *host, const char *kernel,
                   struct weir_world **out, struct weir_buf *notes, struct weir_err *err)
{
	weir_auto(weir_snapshot_freep) struct weir_snapshot *snap = NULL;
	int r = weir_snapshot_read(host, WEIR_SNAPSHOT_DETAILS, &snap, err);

	return r < 0 ? r : weir_load(snap, kernel, out, notes, err);
}
