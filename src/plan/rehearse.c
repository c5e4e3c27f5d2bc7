/* rehearse: see rehearse.h. */
#include "plan/rehearse.h"

#include "base/own.h"
#include "base/size.h"
#include "model/mount.h"
#include "model/pin.h"
#include "model/subpool.h"
#include "model/task.h"
#include "plan/play.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

struct weir_rehearsal {
	struct weir_play play;
	bool compacted; /* by the last write */
	uint64_t plain; /* pages on its node that came without */
};

int weir_rehearsal_new(const struct weir_snapshot *snap, const char *kernel,
                       struct weir_rehearsal **out, struct weir_buf *notes,
                       struct weir_err *err)
{
	const struct weir_load_options options = { .kernel = kernel };
	weir_auto(weir_rehearsal_freep) struct weir_rehearsal *r = calloc(1, sizeof(*r));
	int status;

	if (!r)
		return weir_err_sys(err, -ENOMEM, "rehearse a change");
	status = weir_load_placed(snap, &options, &r->play.world, &r->play.place_known,
	                          notes, err);
	if (status == 0)
		*out = weir_take(r);
	return status;
}

void weir_rehearsal_freep(struct weir_rehearsal **r)
{
	if (!*r)
		return;
	weir_world_free((*r)->play.world);
	free((*r)->play.vms);
	free((*r)->play.files);
	free(*r);
	*r = NULL;
}

static struct weir_model *model_of(const struct weir_rehearsal *r)
{
	return r->play.world->model;
}

static struct weir_pool *pool_of(const struct weir_rehearsal *r, uint64_t page_bytes)
{
	struct weir_model *m = model_of(r);

	for (unsigned int i = 0; i < m->nr_pools; i++)
		if (m->pools[i].page_bytes == page_bytes)
			return &m->pools[i];
	return NULL;
}

void weir_rehearsal_tallies(const struct weir_rehearsal *r, struct weir_tallies *out)
{
	const struct weir_model *m = model_of(r);

	*out = (struct weir_tallies){ .nodes = m->memory.nodes };
	for (unsigned int i = 0; i < m->nr_pools && out->nr < WEIR_TALLY_SIZES_MAX; i++) {
		const struct weir_pool *pool = &m->pools[i];
		struct weir_tally *to = &out->v[out->nr++];

		*to = (struct weir_tally){
			.page_bytes = pool->page_bytes,
			.total = pool->total,
			.free = pool->free,
			.reserved = pool->reserved,
			.surplus = pool->surplus,
			.overcommit = pool->overcommit,
		};
		weir_each_node (n, m->memory.nodes)
			to->node[n] = (struct weir_tally_node){
				.total = pool->nr[n],
				.free = pool->nr_free[n],
				.surplus = pool->nr_surplus[n],
			};
	}
}

void weir_rehearsal_cost(const struct weir_rehearsal *r, struct weir_plan_room *room,
                         uint64_t *pinnable_bytes, bool *has_cma)
{
	const struct weir_model *m = model_of(r);

	*room = (struct weir_plan_room){ 0 };
	*has_cma = false;
	weir_each_node (n, m->memory.all)
		for (unsigned int z = 0; z < WEIR_ZONE_NR; z++) {
			const struct weir_memory_zone *zone = &m->memory.zones[n][z];

			room->outside_cma += zone->free[0] * WEIR_BASE_PAGE;
			room->cma += zone->free[1] * WEIR_BASE_PAGE;
			*has_cma = *has_cma || zone->cma ||
			           (z == WEIR_ZONE_MOVABLE && zone->managed);
		}
	room->free = room->outside_cma + room->cma;
	*pinnable_bytes = 0;
	for (unsigned int i = 0; i < m->nr_pools; i++)
		weir_each_node (n, m->memory.nodes)
			*pinnable_bytes += m->pools[i].nr_pinnable[n] *
			                   m->pools[i].page_bytes;
}

uint64_t weir_rehearsal_nodes(const struct weir_rehearsal *r)
{
	return model_of(r)->memory.nodes;
}

uint64_t weir_rehearsal_demote_bytes(const struct weir_rehearsal *r, uint64_t page_bytes)
{
	const struct weir_pool *pool = pool_of(r, page_bytes);

	if (!pool || !pool->demote_to || !model_of(r)->rules.demote)
		return 0;
	return model_of(r)->pools[pool->demote_to - 1].page_bytes;
}

uint64_t weir_rehearsal_held(const struct weir_rehearsal *r, uint64_t page_bytes)
{
	const struct weir_world *w = r->play.world;
	const struct weir_pool *pool = pool_of(r, page_bytes);
	uint64_t held = 0;

	for (size_t i = 0; i < w->nr_mounts; i++) {
		const struct weir_mount *mount = w->mounts[i].mount;

		if (mount->subpool && mount->subpool->held > 0 &&
		    &model_of(r)->pools[mount->pool] == pool)
			held += (uint64_t)mount->subpool->held;
	}
	return held;
}

bool weir_rehearsal_takes_overcommit(const struct weir_rehearsal *r, uint64_t page_bytes)
{
	const struct weir_pool *pool = pool_of(r, page_bytes);

	return pool && (!pool->gigantic || model_of(r)->rules.gigantic_overcommit);
}

/* set_max_huge_pages(): the number of a node's file becomes one for all nodes. From 6.7
 * on that is the persistent pages there, before the surplus of the other nodes is in it.
 */
bool weir_rehearsal_value(const struct weir_rehearsal *r, uint64_t page_bytes,
                          unsigned int node, uint64_t pages, uint64_t *out)
{
	const struct weir_pool *pool = pool_of(r, page_bytes);
	uint64_t others;

	*out = pages;
	if (!model_of(r)->rules.node_target_from_total)
		return true;
	others = pool->surplus - pool->nr_surplus[node];
	if (others > pages)
		return false;
	*out = pages - others;
	return true;
}

bool weir_rehearsal_counts_all_surplus(const struct weir_rehearsal *r)
{
	return model_of(r)->rules.node_target_from_total;
}

/* ---- what memory there is ---------------------------------------------------------- */

uint64_t weir_rehearsal_can_give(const struct weir_rehearsal *r, uint64_t page_bytes,
                                 unsigned int node, uint64_t most)
{
	const struct weir_pool *pool = pool_of(r, page_bytes);
	weir_auto(weir_freep) struct weir_memory *mem = malloc(sizeof(*mem));
	uint64_t pages = 0;
	weir_site site;

	if (!mem || !pool)
		return 0;
	*mem = model_of(r)->memory;
	weir_memory_drop_caches(mem);
	(void)weir_memory_compact(mem, node);
	/* as the pool asks: model/pool.c */
	while (pages < most &&
	       weir_memory_take(mem, node, page_bytes,
	                        pool->gigantic ? WEIR_WANT_RANGE : WEIR_WANT_MOVABLE,
	                        &site))
		pages++;
	return pages;
}

/* ---- writes ------------------------------------------------------------------------ */

static int write_file(struct weir_rehearsal *r, const struct weir_op *op)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%" PRIu64, op->value);
	const struct weir_world_write how = {
		.target = op->kind == WEIR_OP_DEMOTE       ? WEIR_TARGET_DEMOTE
		          : op->kind == WEIR_OP_OVERCOMMIT ? WEIR_TARGET_OVERCOMMIT
		                                           : WEIR_TARGET_NR,
		.page_bytes = op->page_bytes,
		.node = op->node,
		.value = weir_str(text, (size_t)n),
	};

	return weir_world_write(r->play.world, NULL, &how);
}

int weir_rehearsal_write(struct weir_rehearsal *r, const struct weir_op *op)
{
	const struct weir_pool *pool = pool_of(r, op->page_bytes);
	struct weir_model *m = model_of(r);
	int status = write_file(r, op);

	r->compacted = false;
	r->plain = pool && op->node >= 0 ? pool->nr[op->node] : 0;
	if (pool && status == 0 && op->kind == WEIR_OP_POOL && op->node >= 0 &&
	    op->after > op->before && pool->nr[op->node] < op->after) {
		r->compacted = true;
		weir_memory_drop_caches(&m->memory);
		(void)weir_memory_compact(&m->memory, (unsigned int)op->node);
		status = write_file(r, op);
	}
	return m->failed ? -ENOMEM : status;
}

bool weir_rehearsal_had_to_compact(const struct weir_rehearsal *r)
{
	return r->compacted;
}

uint64_t weir_rehearsal_without_help(const struct weir_rehearsal *r)
{
	return r->plain;
}

/* ---- pinnable pages ---------------------------------------------------------------- */

bool weir_rehearsal_can_move(const struct weir_rehearsal *r)
{
	return !model_of(r)->rules.pin_present_fails;
}

uint64_t weir_rehearsal_pinnable(const struct weir_rehearsal *r, uint64_t page_bytes,
                                 unsigned int node)
{
	const struct weir_pool *pool = pool_of(r, page_bytes);

	return pool ? pool->nr_pinnable[node] : 0;
}

uint64_t weir_rehearsal_move(struct weir_rehearsal *r, uint64_t page_bytes,
                             unsigned int node, uint64_t pages, uint64_t *pinnable)
{
	struct weir_pool *pool = pool_of(r, page_bytes);
	uint64_t before;

	*pinnable = 0;
	if (!pool)
		return 0;
	before = pool->nr_pinnable[node];
	weir_play_move_out(model_of(r), pool, node, pages);
	*pinnable = pool->nr_pinnable[node];
	return *pinnable > before ? *pinnable - before : 0;
}

/* ---- VMs --------------------------------------------------------------------------- */

static int make_room(struct weir_rehearsal *r, const struct weir_plan_vms *vms)
{
	r->play.nr = vms->nr;
	r->play.vms = calloc(vms->nr + 1, sizeof(*r->play.vms));
	return r->play.vms ? 0 : -ENOMEM;
}

static const struct weir_change none = { .vm = SIZE_MAX, .first = SIZE_MAX };

static int start_one(struct weir_rehearsal *r, const struct weir_plan_vms *vms, size_t i)
{
	struct weir_played *vm = &r->play.vms[i];
	int status = weir_play_prepare(&r->play, &vms->asks[i], i, &none);

	if (status == 0)
		status = weir_start(model_of(r), &vm->start, &vm->vm);
	vm->end = vm->vm.end;
	vm->started = vm->end.step == WEIR_START_DONE;
	return status;
}

int weir_rehearsal_start(struct weir_rehearsal *r, const struct weir_plan_vms *vms,
                         struct weir_rehearsed *out)
{
	int status = make_room(r, vms);

	for (size_t i = 0; i < vms->nr && status == 0; i++)
		if (!vms->asks[i].refused)
			status = start_one(r, vms, i);
	for (size_t i = 0; i < vms->nr && status == 0; i++) {
		struct weir_played *vm = &r->play.vms[i];
		const struct weir_start_end *end = &vm->vm.end;

		if (vm->started)
			status = weir_start_use(model_of(r), &vm->start, &vm->vm);
		out[i] = (struct weir_rehearsed){
			.starts = vm->started && end->step == WEIR_START_DONE,
			.refused = vms->asks[i].refused,
			.unit_bytes = end->unit_bytes,
			.need = end->need,
			.have = end->have,
		};
	}
	return status;
}

/* Nodes that a VM takes the pages of one backend from. */
static uint64_t nodes_of(const struct weir_rehearsal *r, const struct weir_played *vm)
{
	const struct weir_memory *mem = &model_of(r)->memory;
	const struct weir_start_memory *of = &vm->start.memory[vm->end.memory_idx];
	uint64_t nodes = vm->start.nodes ? vm->start.nodes & mem->nodes : mem->nodes;

	if (vm->start.policy.mode == WEIR_POLICY_BIND)
		nodes &= vm->start.policy.nodes;
	/* what is pinned is pinned before it is bound */
	if (of->policy.mode == WEIR_POLICY_BIND && vm->end.step != WEIR_START_REGISTER)
		nodes &= of->policy.nodes;
	return nodes;
}

/* A wish more, or one that is there already made larger. */
static int want(struct weir_wishes *out, uint64_t page_bytes, unsigned int node,
                uint64_t pages, struct weir_err *err)
{
	const struct weir_wish wish = {
		.how = WEIR_WISH_MORE,
		.page_bytes = page_bytes,
		.node = (int)node,
		.pages = pages,
	};

	for (size_t i = 0; i < out->nr; i++)
		if (out->v[i].kind == WEIR_WISH_POOL && out->v[i].how == WEIR_WISH_MORE &&
		    out->v[i].page_bytes == page_bytes && out->v[i].node == (int)node) {
			out->v[i].pages += pages;
			return 0;
		}
	return weir_wishes_add(out, &wish, err);
}

/* Grows the pool of @page_bytes on @nodes by @pages in all, evenly. Returns how many
 * came; -ENOMEM, -EEXIST with words. */
static int64_t grow(struct weir_rehearsal *r, uint64_t page_bytes, uint64_t nodes,
                    uint64_t pages, struct weir_wishes *out, struct weir_err *err)
{
	struct weir_pool *pool = pool_of(r, page_bytes);
	uint64_t left = pages;

	for (unsigned int nr = (unsigned int)__builtin_popcountll(nodes); nr; nr--) {
		unsigned int node = (unsigned int)__builtin_ctzll(nodes);
		uint64_t share = left / nr + (left % nr != 0);
		struct weir_op op = { .kind = WEIR_OP_POOL,
			              .page_bytes = page_bytes,
			              .node = (int)node };
		uint64_t had = pool->nr[node];
		int status;

		nodes &= nodes - 1;
		op.after = had + share;
		if (!share || !weir_rehearsal_value(r, page_bytes, node,
		                                    had - pool->nr_surplus[node] + share,
		                                    &op.value))
			continue;
		status = weir_rehearsal_write(r, &op);
		if (status == 0 && pool->nr[node] > had)
			status = want(out, page_bytes, node, pool->nr[node] - had, err);
		if (status < 0)
			return status;
		left -= pool->nr[node] > had ? pool->nr[node] - had : 0;
	}
	return (int64_t)(pages - left);
}

#define TRIES_MAX 32 /* of growing for one VM: pages in the CMA do not help all */

int weir_rehearsal_grow_for(struct weir_rehearsal *r, const struct weir_plan_vms *vms,
                            struct weir_wishes *out, struct weir_buf *notes,
                            struct weir_err *err)
{
	int status = make_room(r, vms);

	for (size_t i = 0; i < vms->nr && status == 0; i++) {
		struct weir_played *vm = &r->play.vms[i];
		const char *name = vms->asks[i].demand->name;

		if (vms->asks[i].refused) {
			status = weir_buf_printf(notes, "%s does not start anyhow: %s\n",
			                         name, vms->asks[i].refusal.reason);
			continue;
		}
		for (unsigned int tries = 0; tries < TRIES_MAX && status == 0; tries++) {
			int64_t came;

			status = start_one(r, vms, i);
			if (status < 0 || vm->started ||
			    vm->end.limit != WEIR_LIMIT_MEMORY ||
			    !pool_of(r, vm->end.unit_bytes) ||
			    vm->end.have >= vm->end.need)
				break;
			came = grow(r, vm->end.unit_bytes, nodes_of(r, vm),
			            vm->end.need - vm->end.have, out, err);
			if (came < 0)
				return (int)came;
			if (!came)
				break;
		}
		if (status == 0 && !vm->started)
			status = weir_buf_printf(
				notes,
				"%s does not start with larger pools alone: see "
				"'weir check'\n",
				name);
	}
	return status < 0 ? weir_err_sys(err, status, "play VMs") : 0;
}
