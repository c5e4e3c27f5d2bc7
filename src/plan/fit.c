/* fit: see fit.h. */
#include "plan/fit.h"

#include "base/own.h"
#include "model/task.h"
#include "plan/answer.h"
#include "plan/offer.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

/* pages of all pools times nodes: a few seconds */
#define TABLE_PAGES_MAX (UINT64_C(32) << 20)

/* One way of filling a host: a kind, confined to nodes. */
struct filling {
	const struct weir_snapshot *snap;
	const struct weir_ask *ask;
	struct weir_load_options load;
	uint64_t nodes; /* 0: as the ask says */
	enum weir_vm_kind kind;
	bool vfio;
	struct weir_buf *notes; /* or NULL */
};

static const struct weir_change none = { .vm = SIZE_MAX, .first = SIZE_MAX };

/* A world without VMs, and the start of the one that is to be counted. */
static int prepare(const struct filling *f, struct weir_play **out, struct weir_err *err)
{
	weir_auto(weir_play_freep) struct weir_play *play = NULL;
	struct weir_demand demand = *f->ask->demand;
	struct weir_ask ask = *f->ask;
	struct weir_change change = none;
	struct weir_start *start;
	int r = weir_play(f->snap, &f->load, NULL, 0, NULL, false, &play, f->notes, err);

	if (r < 0)
		return r;
	assert(play);
	demand.kind = f->kind;
	demand.nr_vfio = f->vfio;
	ask.demand = &demand;
	change.vm = 0;
	change.nodes = f->nodes;
	r = weir_play_prepare(play, &ask, 0, &change);
	if (r < 0)
		return weir_err_sys(err, r, "play a start");
	start = &play->vms[0].start;
	/* how many fit by memory: who may lock how much is another question */
	start->memlock_bytes = UINT64_MAX;
	*out = weir_take(play);
	return 0;
}

/* Starts until one fails; the play's VM 0 has the end. A VM that starts and would be
 * killed does not fit. */
static int fill(struct weir_play *play, uint64_t most, uint64_t *count)
{
	struct weir_played *vm = &play->vms[0];
	struct weir_model *m = play->world->model;

	for (*count = 0; *count < most; ++*count) {
		int r = weir_start(m, &vm->start, &vm->vm);

		if (r == 0 && vm->vm.end.step == WEIR_START_DONE)
			r = weir_start_use(m, &vm->start, &vm->vm);
		if (r < 0)
			return r;
		if (vm->vm.end.step != WEIR_START_DONE)
			break;
	}
	vm->end = vm->vm.end;
	vm->started = vm->vm.end.step == WEIR_START_DONE ||
	              vm->vm.end.step == WEIR_START_USE;
	vm->dies = vm->vm.end.step == WEIR_START_USE;
	return 0;
}

static int count_one(const struct filling *f, uint64_t most, enum weir_load_place place,
                     uint64_t *out, bool *place_known, struct weir_play **last,
                     struct weir_err *err)
{
	weir_auto(weir_play_freep) struct weir_play *play = NULL;
	struct filling with = *f;
	int r;

	with.load.place = place;
	r = prepare(&with, &play, err);
	if (r < 0)
		return r;
	assert(play);
	r = fill(play, most, out);
	if (r < 0)
		return weir_err_sys(err, r, "play a start");
	*place_known = play->place_known;
	if (last)
		*last = weir_take(play);
	return 0;
}

static uint64_t at_most(const struct filling *f)
{
	uint64_t ids = weir_host_ids_left(f->snap, f->kind);

	return ids < WEIR_FIT_MAX ? ids : WEIR_FIT_MAX;
}

/* @last, if not NULL: the two plays with the start that failed; the second is NULL where
 * one was enough. */
static int count(const struct filling *f, struct weir_fit_count *out,
                 struct weir_play *last[2], struct weir_err *err)
{
	uint64_t few = 0, many = 0, most = at_most(f);
	bool known = true;
	int r = count_one(f, most, WEIR_LOAD_FEW, &few, &known, last, err);

	many = few;
	if (r == 0 && !known)
		r = count_one(f, most, WEIR_LOAD_MOST, &many, &known,
		              last ? &last[1] : NULL, err);
	if (r < 0)
		return r;
	*out = (struct weir_fit_count){ few < many ? few : many,
		                        few < many ? many : few };
	return 0;
}

/* ---- on warm memory ---------------------------------------------------------------- */

/* No more VMs than these are given leases of their own: each looks at all of the store.
 */
#define LEASES_MAX 4096U

/* What the first VMs would lease, one after the other: their regions' pages. */
struct leases {
	struct weir_load_given *given;
	size_t nr_given, cap_given;
	size_t *ends; /* of given, behind each VM's */
	size_t nr, cap;
};

static void leases_done(struct leases *l)
{
	free(l->given);
	free(l->ends);
}

/* Until nothing is left that this VM could lease. */
static int find_leases(const struct filling *f, struct leases *out)
{
	struct weir_demand demand = *f->ask->demand;
	struct weir_ask ask = *f->ask;
	weir_auto(weir_freep) bool *taken = calloc(weir_offer_regions(f->snap) + 1,
	                                           sizeof(*taken));
	int r = taken ? 0 : -ENOMEM;

	demand.kind = f->kind;
	demand.nr_vfio = f->vfio;
	ask.demand = &demand;
	while (r == 0 && out->nr < LEASES_MAX) {
		struct weir_offer offer;

		r = weir_offer_make(f->snap, &ask, taken, &offer);
		if (r < 0 || !offer.nr)
			break;
		r = weir_given_add(&out->given, &out->nr_given, &out->cap_given, &offer);
		weir_offer_done(&offer);
		if (r == 0)
			r = weir_grow(&out->ends, &out->cap, out->nr, sizeof(*out->ends));
		if (r == 0)
			out->ends[out->nr++] = out->nr_given;
	}
	return r;
}

/* How many fit with what so many of them would lease. */
static int count_leased(const struct filling *f, const struct leases *l, size_t nr,
                        struct weir_fit_count *out, struct weir_err *err)
{
	struct filling with = *f;

	with.notes = NULL;
	with.load.given = l->given;
	with.load.nr_given = nr ? l->ends[(nr < l->nr ? nr : l->nr) - 1] : 0;
	return count(&with, out, NULL, err);
}

/* The most VMs that fit when as many of them lease as there are: one that leases has the
 * pages of its own regions only, and not those that the next one would have got. Up to
 * @high fit when all of it is given. */
static int most_leased(const struct filling *f, const struct leases *l, bool max,
                       uint64_t low, uint64_t high, uint64_t *out, struct weir_err *err)
{
	while (low < high) {
		uint64_t mid = high - (high - low) / 2;
		struct weir_fit_count got;
		int r = count_leased(f, l, mid < l->nr ? (size_t)mid : l->nr, &got, err);

		if (r < 0)
			return r;
		if ((max ? got.max : got.min) >= mid)
			low = mid;
		else
			high = mid - 1;
	}
	*out = low;
	return 0;
}

static int count_warm(const struct filling *f, struct weir_fit_row *row,
                      struct weir_err *err)
{
	weir_auto(leases_done) struct leases l = { 0 };
	struct weir_fit_count all;
	uint64_t min = 0, max = 0;
	int r = find_leases(f, &l);

	if (r < 0)
		return weir_err_sys(err, r, "count VMs");
	if (!l.nr)
		return 0;
	r = count_leased(f, &l, l.nr, &all, err);
	if (r == 0)
		r = most_leased(f, &l, false, row->all.min, all.min, &min, err);
	max = min;
	if (r == 0 && (row->all.min != row->all.max || all.min != all.max))
		r = most_leased(f, &l, true, row->all.max, all.max, &max, err);
	if (r < 0)
		return r;
	row->warm.min = min > row->all.min ? min - row->all.min : 0;
	row->warm.max = max > row->all.max ? max - row->all.max : 0;
	if (row->warm.min > row->warm.max) /* more of them fit anyway */
		row->warm = (struct weir_fit_count){ row->warm.max, row->warm.min };
	return 0;
}

/* ---- the matrix -------------------------------------------------------------------- */

/* Kinds worth a row on this host: those that it can do. */
static size_t kinds_of(const struct weir_snapshot *snap, struct weir_fit_row *rows)
{
	static const enum weir_vm_kind kinds[] = { WEIR_VM_SEV_ES, WEIR_VM_SNP,
		                                   WEIR_VM_CSV2, WEIR_VM_CSV3,
		                                   WEIR_VM_TDX };
	size_t n = 0;

	rows[n++] = (struct weir_fit_row){ .kind = WEIR_VM_PLAIN };
	rows[n++] = (struct weir_fit_row){ .kind = WEIR_VM_PLAIN, .vfio = true };
	for (size_t i = 0; i < WEIR_NELEM(kinds); i++)
		if (weir_host_offers(snap, kinds[i]))
			rows[n++] = (struct weir_fit_row){ .kind = kinds[i] };
	return n;
}

static int fill_row(struct filling *f, const struct weir_fit *fit,
                    struct weir_fit_row *row, struct weir_err *err)
{
	int r = 0;

	f->kind = row->kind;
	f->vfio = row->vfio;
	f->notes = NULL;
	row->nodes = calloc(fit->nr_nodes + 1, sizeof(*row->nodes));
	if (!row->nodes)
		return weir_err_sys(err, -ENOMEM, "count VMs");
	f->nodes = 0;
	if (!row->asked)
		r = count(f, &row->all, NULL, err);
	if (r == 0 && !row->asked)
		r = count_warm(f, row, err);
	for (size_t i = 0; r == 0 && fit->nr_nodes > 1 && i < fit->nr_nodes; i++) {
		f->nodes = UINT64_C(1) << fit->nodes[i];
		r = count(f, &row->nodes[i], NULL, err);
	}
	if (fit->nr_nodes == 1)
		row->nodes[0] = row->all;
	return r;
}

static int find_nodes(const struct weir_play *play, struct weir_fit *out)
{
	uint64_t mask = play->world->model->memory.nodes;

	out->nodes = calloc((size_t)__builtin_popcountll(mask) + 1,
	                    sizeof(out->nodes[0]));
	if (!out->nodes)
		return -ENOMEM;
	weir_each_node (n, mask)
		out->nodes[out->nr_nodes++] = n;
	if (play->world->model->memory.zoned)
		out->untold = mask & ~play->world->model->memory.zoned;
	return 0;
}

/* What stopped the last one, in the words of a verdict. */
static int tell_block(const struct weir_ask *ask, struct weir_play *const last[2],
                      struct weir_fit *out)
{
	struct weir_play *play = last[0];
	const struct weir_answer_in in = {
		.asks = ask,
		.nr = 1,
		.few = play,
		.most = last[1] ? last[1] : play,
	};

	assert(play); /* counting gave one */
	/* counting ended before anything failed? */
	out->is_cut = play->vms[0].started && !play->vms[0].dies;
	out->limited_by_ids = out->is_cut && ask->ids_left <= WEIR_FIT_MAX;
	return out->is_cut ? 0 : weir_answer_one(&in, 0, &out->blocks);
}

static void free_both(struct weir_play *(*last)[2])
{
	weir_play_free((*last)[0]);
	weir_play_free((*last)[1]);
}

/* Each cell fills a model of the host: seconds where pools have millions of pages. */
static bool is_too_large(const struct weir_play *play)
{
	const struct weir_model *m = play->world->model;
	uint64_t pages = 0;

	for (unsigned int i = 0; i < m->nr_pools; i++)
		pages += m->pools[i].total;
	return pages * m->memory.nr_order > TABLE_PAGES_MAX;
}

int weir_fit(const struct weir_snapshot *snap, const struct weir_ask *ask,
             const struct weir_fit_options *options, struct weir_fit *out,
             struct weir_err *err)
{
	weir_auto(free_both) struct weir_play *last[2] = { 0 };
	struct filling f = {
		.snap = snap,
		.ask = ask,
		.load = { .kernel = options->kernel, .without_pools = true },
		.kind = ask->demand->kind,
		.vfio = ask->demand->nr_vfio > 0,
		.notes = &out->notes,
	};
	struct weir_fit_row *own;
	int r;

	out->rows = calloc(8, sizeof(*out->rows));
	if (!out->rows)
		return weir_err_sys(err, -ENOMEM, "count VMs");
	out->nr_rows = options->no_matrix || ask->refused ? 0 : kinds_of(snap, out->rows);
	own = NULL;
	for (size_t i = 0; i < out->nr_rows; i++)
		if (out->rows[i].kind == f.kind && out->rows[i].vfio == f.vfio)
			own = &out->rows[i];
	if (!own) {
		own = &out->rows[out->nr_rows++];
		*own = (struct weir_fit_row){ .kind = f.kind, .vfio = f.vfio };
	}
	own->asked = true;
	if (ask->refused) {
		const struct weir_answer_in in = { .asks = ask, .nr = 1 };

		r = weir_answer_one(&in, 0, &out->blocks);
		return r < 0 ? weir_err_sys(err, r, "count VMs") : 0;
	}
	r = count(&f, &own->all, last, err);
	if (r == 0)
		r = count_warm(&f, own, err);
	if (r < 0)
		return r;
	out->has_store = weir_offer_regions(snap) > 0;
	assert(last[0]);
	if (find_nodes(last[0], out) < 0 || tell_block(ask, last, out) < 0)
		return weir_err_sys(err, -ENOMEM, "count VMs");
	out->table_left_out = !options->no_matrix && is_too_large(last[0]);
	if (out->table_left_out) {
		out->rows[0] = *own;
		out->nr_rows = 1;
	}
	for (size_t i = 0;
	     r == 0 && !options->no_matrix && !out->table_left_out && i < out->nr_rows;
	     i++)
		r = fill_row(&f, out, &out->rows[i], err);
	return r;
}

void weir_fit_done(struct weir_fit *fit)
{
	for (size_t i = 0; i < fit->nr_rows; i++)
		free(fit->rows[i].nodes);
	free(fit->rows);
	free(fit->nodes);
	weir_verdict_done(&fit->blocks);
	weir_buf_done(&fit->notes);
	*fit = (struct weir_fit){ 0 };
}
