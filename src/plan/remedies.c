/* remedies: what would make a VM start, each tried on the model before it is offered:
 * with it the VM starts and is not killed later, and no other VM of the request fares
 * worse. The cheapest come first: what costs nothing, then what takes memory, then what
 * changes the VM. */
#include "plan/answer.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

#define REMEDIES_MAX 4 /* a tired person reads no more */
/* Reading the pools' pages into a model takes as long as a start for so many of them. */
#define PAGES_A_START 1024

int weir_answer_remedy(struct weir_verdict *v, const char *command, const char *fmt, ...)
{
	struct weir_remedy *to;
	va_list ap;
	int n;

	if (weir_grow(&v->remedies, &v->cap_remedies, v->nr_remedies,
	              sizeof(v->remedies[0])) < 0)
		return -ENOMEM;
	to = &v->remedies[v->nr_remedies];
	va_start(ap, fmt);
	n = vasprintf(&to->text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	v->nr_remedies++;
	if (command && weir_answer_words(&to->command, "%s", command) < 0)
		return -ENOMEM;
	return 0;
}

static bool fares_well(const struct weir_play *play, size_t i)
{
	return play->vms[i].started && !play->vms[i].dies;
}

/* A thousand VMs that do not start, or a host of 64 TiB, must not take minutes: what a
 * try costs, all VMs' starts, is taken from what all of them may. */
bool weir_answer_may_try(const struct weir_answer_in *in)
{
	const struct weir_model *m = in->few->world->model;
	uint64_t cost = in->nr;

	for (unsigned int i = 0; i < m->nr_pools; i++)
		cost += m->pools[i].total / PAGES_A_START;
	if (*in->effort < cost) {
		*in->effort = 0;
		return false;
	}
	*in->effort -= cost;
	return true;
}

/* 1: it helps; 0: no; -ENOMEM. */
static int try(const struct weir_answer_in *in, size_t i,
               const struct weir_change *change)
{
	weir_auto(weir_answer_done) struct weir_answer_in with = {
		.snap = in->snap,
		.asks = in->asks,
		.nr = in->nr,
		.load = in->load,
		.change = change,
	};
	struct weir_err err;
	int r;

	if (!weir_answer_may_try(in))
		return 0;
	r = weir_answer_play(&with, NULL, &err);
	if (r < 0)
		return r;
	if (!fares_well(with.few, i) || !fares_well(with.most, i))
		return 0;
	for (size_t k = 0; k < in->nr; k++)
		if (k != i && ((fares_well(in->few, k) && !fares_well(with.few, k)) ||
		               (fares_well(in->most, k) && !fares_well(with.most, k))))
			return 0;
	return 1;
}

static const struct weir_change none = { .vm = SIZE_MAX, .first = SIZE_MAX };

static const struct weir_start_end *end_of(const struct weir_answer_in *in, size_t i)
{
	const struct weir_play *bad = in->few->vms[i].started && !in->few->vms[i].dies
	                                      ? in->most
	                                      : in->few;

	return &bad->vms[i].end;
}

/* Pages of the pool that are missing, at worst. Of one that starts and is killed later
 * the verdict's numbers are those of its start, where nothing was missing. */
static uint64_t missing(const struct weir_answer_in *in, size_t i,
                        const struct weir_verdict *v, const struct weir_start_end *end)
{
	const struct weir_played *few = &in->few->vms[i], *most = &in->most->vms[i];
	bool dies = few->started && most->started;
	uint64_t need = v->need && !dies ? v->need : end->need;
	uint64_t have = v->need && !dies ? v->have_min : end->have;

	if (dies && most->dies && most->end.unit_bytes == end->unit_bytes &&
	    most->end.need == need && most->end.have < have)
		have = most->end.have;
	return need > have ? need - have : 1;
}

static const struct weir_pool *pool_of(const struct weir_answer_in *in, uint64_t bytes)
{
	const struct weir_model *m = in->few->world->model;

	for (unsigned int i = 0; i < m->nr_pools; i++)
		if (m->pools[i].page_bytes == bytes)
			return &m->pools[i];
	return NULL;
}

static int by_order(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	struct weir_change change = none;
	int r;

	change.first = i;
	if (!i || in->nr < 2)
		return 0;
	r = try(in, i, &change);
	return r <= 0 ? r
	              : weir_answer_remedy(v, NULL, "start it first, before the others");
}

static int by_node(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_model *m = in->few->world->model;
	uint64_t now = in->few->vms[i].start.nodes;

	if (!now || !(m->memory.nodes & (m->memory.nodes - 1)))
		return 0;
	weir_each_node (n, m->memory.nodes & ~now) {
		struct weir_change change = none;
		char command[64];
		int r;

		change.vm = i;
		change.nodes = UINT64_C(1) << n;
		r = try(in, i, &change);
		if (r < 0)
			return r;
		if (!r)
			continue;
		(void)snprintf(
			command, sizeof(command),
			"<numatune><memory mode='strict' nodeset='%u'/></numatune>", n);
		return weir_answer_remedy(v, command, "start it on node %u", n);
	}
	return 0;
}

/* The file that a pool of a size has for all nodes, or for one. */
static void pool_file(char *out, size_t cap, uint64_t page_bytes, int node,
                      const char *file)
{
	if (node < 0)
		(void)snprintf(out, cap,
		               "/sys/kernel/mm/hugepages/hugepages-%" PRIu64 "kB/%s",
		               page_bytes / 1024, file);
	else
		(void)snprintf(
			out, cap,
			"/sys/devices/system/node/node%d/hugepages/hugepages-%" PRIu64
			"kB/%s",
			node, page_bytes / 1024, file);
}

static int by_overcommit(const struct weir_answer_in *in, size_t i,
                         struct weir_verdict *v)
{
	const struct weir_start_end *end = end_of(in, i);
	const struct weir_pool *pool = pool_of(in, end->unit_bytes);
	struct weir_change change = none;
	char file[128], command[256], size[WEIR_SIZE_TEXT_MAX];
	int r;

	if (!pool || pool->gigantic)
		return 0;
	change.page_bytes = pool->page_bytes;
	change.overcommit = missing(in, i, v, end);
	r = try(in, i, &change);
	if (r <= 0)
		return r;
	pool_file(file, sizeof(file), pool->page_bytes, -1, "nr_overcommit_hugepages");
	(void)snprintf(command, sizeof(command), "echo %" PRIu64 " > %s",
	               pool->overcommit + change.overcommit, file);
	return weir_answer_remedy(
		v, command,
		"allow %" PRIu64 " surplus pages of %s: they are taken when it starts",
		pool->overcommit + change.overcommit,
		weir_format_size(pool->page_bytes, size, sizeof(size)).p);
}

struct sides { /* free memory of the nodes that have a CMA, bytes */
	uint64_t outside, inside;
	bool any;
};

/* As it is before anything starts. 0 or as weir_play(). */
static int see_sides(const struct weir_answer_in *in, const struct weir_change *change,
                     struct sides *out)
{
	weir_auto(weir_play_freep) struct weir_play *play = NULL;
	const struct weir_memory *mem;
	struct weir_err err;
	int r = weir_play(in->snap, &in->load, NULL, 0, change, false, &play, NULL, &err);

	*out = (struct sides){ 0 };
	if (r < 0)
		return r;
	mem = &play->world->model->memory;
	weir_each_node (n, mem->all) {
		uint64_t cma = 0, free[2] = { 0 };

		for (unsigned int z = 0; z < WEIR_ZONE_NR; z++) {
			cma += mem->zones[n][z].cma;
			for (unsigned int side = 0; side < 2; side++)
				free[side] += mem->zones[n][z].free[side];
		}
		if (!cma)
			continue;
		out->any = true;
		out->outside += free[0] * WEIR_BASE_PAGE;
		out->inside += free[1] * WEIR_BASE_PAGE;
	}
	return 0;
}

/* A larger pool takes from both sides of the CMA's border, and what it takes outside
 * VMs that pin can no longer have: both numbers, before and after. */
static int cost_of_growing(const struct weir_answer_in *in,
                           const struct weir_change *change, struct weir_buf *out)
{
	char size[4][WEIR_SIZE_TEXT_MAX];
	struct sides now, then = { 0 };
	int r = see_sides(in, NULL, &now);

	if (r == 0 && now.any)
		r = see_sides(in, change, &then);
	if (r < 0 || !now.any)
		return r;
	return weir_buf_printf(
		out,
		": free memory outside of the CMA falls from %s to %s, in it from %s to "
		"%s",
		weir_format_human(now.outside, size[0], sizeof(size[0])),
		weir_format_human(then.outside, size[1], sizeof(size[1])),
		weir_format_human(now.inside, size[2], sizeof(size[2])),
		weir_format_human(then.inside, size[3], sizeof(size[3])));
}

static int by_growing(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_start_end *end = end_of(in, i);
	const struct weir_pool *pool = pool_of(in, end->unit_bytes);
	const struct weir_start *start = &in->few->vms[i].start;
	struct weir_change change = none;
	uint64_t nodes = start->nodes, target;
	weir_auto(weir_buf_done) struct weir_buf cost = { 0 };
	char file[128], command[256], size[WEIR_SIZE_TEXT_MAX];
	int r;

	if (!pool || end->limit != WEIR_LIMIT_MEMORY)
		return 0;
	if (start->memory[end->memory_idx].policy.mode == WEIR_POLICY_BIND)
		nodes = start->memory[end->memory_idx].policy.nodes;
	change.page_bytes = pool->page_bytes;
	change.grow = missing(in, i, v, end);
	change.grow_node = -1;
	/* where one node is meant, there; where several, the lowest of them */
	if (nodes & in->few->world->model->memory.nodes)
		change.grow_node = __builtin_ctzll(nodes &
		                                   in->few->world->model->memory.nodes);
	target = change.grow +
	         (change.grow_node < 0 ? pool->max : pool->nr[change.grow_node]);
	r = try(in, i, &change);
	if (r > 0 && cost_of_growing(in, &change, &cost) < 0)
		r = -ENOMEM;
	if (r <= 0)
		return r;
	pool_file(file, sizeof(file), pool->page_bytes, change.grow_node, "nr_hugepages");
	(void)snprintf(command, sizeof(command), "echo %" PRIu64 " > %s", target, file);
	return weir_answer_remedy(
		v, command, "make the pool of %s larger by %" PRIu64 "%s",
		weir_format_size(pool->page_bytes, size, sizeof(size)).p, change.grow,
		cost.n ? cost.p : "");
}

/* More memory than it asked for would be no remedy. */
static bool is_whole(const struct weir_answer_in *in, size_t i, uint64_t page_bytes)
{
	const struct weir_start *start = &in->few->vms[i].start;

	for (size_t k = 0; k < start->nr_memory; k++)
		if (start->memory[k].page_bytes && start->memory[k].bytes % page_bytes)
			return false;
	return true;
}

static int by_other_pages(const struct weir_answer_in *in, size_t i,
                          struct weir_verdict *v)
{
	const struct weir_start_end *end = end_of(in, i);
	const struct weir_model *m = in->few->world->model;
	char size[WEIR_SIZE_TEXT_MAX];

	for (unsigned int k = 0; k < m->nr_pools && pool_of(in, end->unit_bytes); k++) {
		struct weir_change change = none;
		int r;

		change.vm = i;
		change.other_pages = m->pools[k].page_bytes;
		if (change.other_pages == end->unit_bytes || !m->pools[k].total ||
		    !is_whole(in, i, change.other_pages))
			continue;
		r = try(in, i, &change);
		if (r < 0)
			return r;
		if (r)
			return weir_answer_remedy(
				v, NULL, "give it pages of %s",
				weir_format_size(change.other_pages, size, sizeof(size))
					.p);
	}
	return 0;
}

static int by_moving_out(const struct weir_answer_in *in, size_t i,
                         struct weir_verdict *v)
{
	const struct weir_start_end *end = end_of(in, i);
	const struct weir_model *m = in->few->world->model;
	struct weir_change change = none;
	int r;

	if (!pool_of(in, end->unit_bytes) || m->rules.pin_present_fails ||
	    (end->step != WEIR_START_REGISTER && end->step != WEIR_START_VFIO))
		return 0;
	change.page_bytes = end->unit_bytes;
	change.move_out_pages = missing(in, i, v, end);
	change.move_out_nodes = in->few->vms[i].start.nodes ? in->few->vms[i].start.nodes
	                                                    : m->memory.nodes;
	r = try(in, i, &change);
	return r <= 0 ? r
	              : weir_answer_remedy(
				v, NULL,
				"move free pool pages out of the CMA: pin and release "
				"them "
				"in small steps (weir-check(1), MOVING POOL PAGES)");
}

static int by_base_pages(const struct weir_answer_in *in, size_t i,
                         struct weir_verdict *v)
{
	const struct weir_start *start = &in->few->vms[i].start;
	struct weir_change change = none;
	bool huge = false;
	int r;

	for (size_t k = 0; k < start->nr_memory; k++)
		huge = huge || start->memory[k].page_bytes;
	if (!huge)
		return 0;
	change.vm = i;
	change.base_pages = true;
	r = try(in, i, &change);
	return r <= 0 ? r : weir_answer_remedy(v, NULL, "do without huge pages for it");
}

/* Memory is missing, and a pool has more than is used of it. */
static int by_shrinking(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_start_end *end = end_of(in, i);
	const struct weir_model *m = in->few->world->model;
	uint64_t bytes = missing(in, i, v, end) * end->unit_bytes;
	char file[128], command[256], size[WEIR_SIZE_TEXT_MAX];

	if (end->unit_bytes != WEIR_BASE_PAGE)
		return 0;
	for (unsigned int k = 0; k < m->nr_pools; k++) {
		const struct weir_pool *pool = &m->pools[k];
		struct weir_change change = none;
		int r;

		change.page_bytes = pool->page_bytes;
		change.grow_node = -1;
		/* as it comes from all nodes in turn, all of them give as much */
		change.shrink = (bytes / pool->page_bytes + 1) * m->memory.nr_order;
		if (pool->free < pool->reserved ||
		    change.shrink > pool->free - pool->reserved)
			continue;
		r = try(in, i, &change);
		if (r < 0)
			return r;
		if (!r)
			continue;
		pool_file(file, sizeof(file), pool->page_bytes, -1, "nr_hugepages");
		(void)snprintf(command, sizeof(command), "echo %" PRIu64 " > %s",
		               pool->max - change.shrink, file);
		return weir_answer_remedy(
			v, command, "make the pool of %s smaller by %" PRIu64,
			weir_format_size(pool->page_bytes, size, sizeof(size)).p,
			change.shrink);
	}
	return 0;
}

int weir_answer_remedies(const struct weir_answer_in *in, size_t i,
                         struct weir_verdict *v)
{
	static int (*const ways[])(const struct weir_answer_in *, size_t,
	                           struct weir_verdict *) = {
		by_order,     by_node,       by_overcommit,  by_growing,
		by_shrinking, by_moving_out, by_other_pages, by_base_pages,
	};

	if (in->asks[i].refused || (fares_well(in->few, i) && fares_well(in->most, i)))
		return 0;
	for (size_t k = 0; k < WEIR_NELEM(ways) && v->nr_remedies < REMEDIES_MAX; k++) {
		int r = ways[k](in, i, v);

		if (r < 0)
			return r;
	}
	return 0;
}
