/* verdict: see verdict.h. Two plays, at most, are put into one answer here; remedies.c
 * tries what would help.
 * why.c has the words of a step, known.c what is to be known beside the word. */
#include "plan/verdict.h"

#include "base/least.h"
#include "base/own.h"
#include "base/size.h"
#include "plan/answer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

/* Starts that are played for remedies: a second or two. */
#define EFFORT_MAX (UINT64_C(1) << 16)

const char *weir_verdict_text(enum weir_verdict_word word)
{
	static const char *const words[] = {
		[WEIR_VERDICT_YES] = "yes",
		[WEIR_VERDICT_BUT] = "but",
		[WEIR_VERDICT_NO] = "no",
	};

	return words[word];
}

const char *weir_source_text(enum weir_source source)
{
	static const char *const words[] = {
		[WEIR_SOURCE_POOL] = "pool",
		[WEIR_SOURCE_POOL_CMA] = "pool-cma",
		[WEIR_SOURCE_POOL_MOVABLE] = "pool-movable",
		[WEIR_SOURCE_BASE] = "base",
		[WEIR_SOURCE_BASE_CMA] = "base-cma",
		[WEIR_SOURCE_BASE_MOVABLE] = "base-movable",
		[WEIR_SOURCE_CSV] = "csv",
	};

	return source < WEIR_SOURCE_NR ? words[source] : "";
}

int weir_answer_words(char **to, const char *fmt, ...)
{
	char *text;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	free(*to);
	*to = text;
	return 0;
}

int weir_answer_but(struct weir_verdict *v, const char *fmt, ...)
{
	va_list ap;
	char *text;
	int n;

	if (weir_grow(&v->but, &v->cap_but, v->nr_but, sizeof(v->but[0])) < 0)
		return -ENOMEM;
	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -ENOMEM;
	v->but[v->nr_but++] = text;
	if (v->word == WEIR_VERDICT_YES)
		v->word = WEIR_VERDICT_BUT;
	return 0;
}

/* ---- sources ----------------------------------------------------------------------- */

int weir_answer_sources(struct weir_play *play, size_t i, struct weir_verdict *v)
{
	static const enum weir_source pool[3] = { WEIR_SOURCE_POOL, WEIR_SOURCE_POOL_CMA,
		                                  WEIR_SOURCE_POOL_MOVABLE };
	static const enum weir_source base[3] = { WEIR_SOURCE_BASE, WEIR_SOURCE_BASE_CMA,
		                                  WEIR_SOURCE_BASE_MOVABLE };
	weir_auto(weir_freep) struct weir_start_sources *from = malloc(sizeof(*from));
	struct weir_model *m = play->world->model;

	if (!from)
		return -ENOMEM;
	weir_start_sources(m, &play->vms[i].vm, from);
	weir_each_node (n, m->memory.all) {
		struct weir_source_row row = { .node = n };
		bool any = from->csv[n] != 0;

		for (unsigned int s = 0; s < WEIR_SITE_NR; s++) {
			int kind = weir_site_is_cma((weir_site)s) ? 1
			           : weir_site_zone((weir_site)s) == WEIR_ZONE_MOVABLE
			                   ? 2
			                   : 0;

			row.bytes[pool[kind]] += from->pool.pages[n][s] * WEIR_BASE_PAGE;
			row.bytes[base[kind]] += from->base.pages[n][s] * WEIR_BASE_PAGE;
			any = any || from->pool.pages[n][s] || from->base.pages[n][s];
		}
		row.bytes[WEIR_SOURCE_CSV] = from->csv[n];
		if (!any)
			continue;
		if (weir_grow(&v->sources, &v->cap_sources, v->nr_sources,
		              sizeof(v->sources[0])) < 0)
			return -ENOMEM;
		v->sources[v->nr_sources++] = row;
	}
	return 0;
}

/* ---- one VM ------------------------------------------------------------------------ */

static void put_numbers(struct weir_verdict *v, const struct weir_start_end *a,
                        const struct weir_start_end *b)
{
	v->unit_bytes = a->unit_bytes;
	v->need = a->need;
	v->have_min = v->have_max = a->have;
	if (b->step != a->step || b->unit_bytes != a->unit_bytes || b->need != a->need)
		return;
	if (b->have < v->have_min)
		v->have_min = b->have;
	if (b->have > v->have_max)
		v->have_max = b->have;
}

static int refused(const struct weir_ask *ask, struct weir_verdict *v)
{
	const struct weir_refusal *why_not = &ask->refusal;

	v->word = WEIR_VERDICT_NO;
	v->certain = true;
	if (weir_answer_words(&v->reason, "%s", why_not->reason) < 0 ||
	    weir_answer_words(&v->decides, "what is asked for") < 0)
		return -ENOMEM;
	if (why_not->qemu && weir_answer_words(&v->qemu, "%s", why_not->qemu) < 0)
		return -ENOMEM;
	if (why_not->kernel && weir_answer_words(&v->kernel, "%s", why_not->kernel) < 0)
		return -ENOMEM;
	return why_not->help ? weir_answer_remedy(v, NULL, "%s", why_not->help) : 0;
}

static int starts(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	struct weir_played *a = &in->few->vms[i], *b = &in->most->vms[i];
	const struct weir_start_end *near = &a->vm.nearest;
	int r = weir_answer_sources(in->few, i, v);

	put_numbers(v, near, &b->vm.nearest);
	v->has_count = near->unit_bytes != 0;
	if (r == 0 && near->unit_bytes)
		r = weir_answer_words(&v->decides, "%s", weir_answer_decides(near));
	if (r == 0 && (a->dies || b->dies))
		r = weir_answer_death(a->dies ? &a->end : &b->end, v);
	return r < 0 ? r : weir_answer_known(in, i, v);
}

/* It starts if the host is as one model has it, and not if it is as the other. */
static int in_doubt(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	bool few = in->few->vms[i].started;
	struct weir_play *good = few ? in->few : in->most;
	const struct weir_start_end *bad = few ? &in->most->vms[i].end
	                                       : &in->few->vms[i].end;
	const struct weir_start_end *near = &good->vms[i].vm.nearest;
	int r;

	v->certain = false;
	put_numbers(v, bad, near);
	if (near->step == bad->step && near->have > v->have_max &&
	    near->unit_bytes == v->unit_bytes)
		v->have_max = near->have;
	r = weir_answer_reason(in, i, v, bad);
	if (r == 0)
		r = weir_answer_messages(in, i, v, bad);
	if (r == 0)
		r = weir_answer_sources(good, i, v);
	if (r == 0 && bad->unit_bytes > WEIR_BASE_PAGE)
		r = weir_answer_but(
			v,
			"it fits by %s at most, and lacks %s at worst: where the pool's "
			"pages lie is not known to this user",
			weir_answer_amount(weir_less(v->have_max, v->need), v->unit_bytes)
				.text,
			weir_answer_amount(weir_less(v->need, v->have_min), v->unit_bytes)
				.text);
	else if (r == 0)
		r = weir_answer_but(v,
		                    "whether it starts depends on where the pool's pages "
		                    "lie, which is not known to this user");
	return r < 0 ? r : weir_answer_known(in, i, v);
}

int weir_answer_one(const struct weir_answer_in *in, size_t i, struct weir_verdict *v)
{
	const struct weir_played *a, *b;
	int r;

	v->demand = in->asks[i].demand;
	v->word = WEIR_VERDICT_YES;
	v->certain = true;
	if (in->asks[i].refused) /* nothing may have been played */
		return refused(&in->asks[i], v);
	a = &in->few->vms[i];
	b = &in->most->vms[i];
	if (a->started && b->started)
		return starts(in, i, v);
	if (a->started != b->started) {
		v->word = WEIR_VERDICT_BUT;
		return in_doubt(in, i, v);
	}
	v->word = WEIR_VERDICT_NO;
	put_numbers(v, &a->end, &b->end);
	r = weir_answer_reason(in, i, v, &a->end);
	return r < 0 ? r : weir_answer_messages(in, i, v, &a->end);
}

/* ---- all --------------------------------------------------------------------------- */

int weir_answer_play(struct weir_answer_in *in, struct weir_buf *notes,
                     struct weir_err *err)
{
	struct weir_load_options few = in->load, most = in->load;
	int r;

	few.place = WEIR_LOAD_FEW;
	most.place = WEIR_LOAD_MOST;
	r = weir_play(in->snap, &few, in->asks, in->nr, in->change, true, &in->few, notes,
	              err);
	if (r < 0)
		return r;
	in->most = in->few;
	if (in->few->place_known)
		return 0;
	in->most = NULL;
	return weir_play(in->snap, &most, in->asks, in->nr, in->change, true, &in->most,
	                 NULL, err);
}

void weir_answer_done(struct weir_answer_in *in)
{
	if (in->most != in->few)
		weir_play_free(in->most);
	weir_play_free(in->few);
	in->few = in->most = NULL;
}

int weir_check(const struct weir_snapshot *snap, const struct weir_ask *asks, size_t nr,
               const struct weir_check_options *options, struct weir_verdicts *out,
               struct weir_err *err)
{
	uint64_t effort = EFFORT_MAX;
	weir_auto(weir_answer_leases_done) struct weir_answer_leases leases = { 0 };
	weir_auto(weir_answer_done) struct weir_answer_in in = {
		.snap = snap,
		.asks = asks,
		.nr = nr,
		.load = { .kernel = options->kernel, .without_pools = true },
		.effort = &effort,
	};
	int r = weir_answer_play(&in, &out->notes, err);

	if (r < 0)
		return r;
	out->v = calloc(nr + 1, sizeof(*out->v));
	if (!out->v)
		return weir_err_sys(err, -ENOMEM, "check VMs");
	out->nr = nr;
	r = weir_answer_lease(&in, &leases);
	for (size_t i = 0; i < nr && r == 0; i++) {
		r = weir_answer_one(&in, i, &out->v[i]);
		if (r == 0 && leases.needed && leases.needed[i])
			r = weir_answer_leased(&leases, i, &out->v[i]);
		if (r == 0 && leases.v) {
			out->v[i].offer = leases.v[i];
			leases.v[i] = (struct weir_offer){ 0 };
		}
		if (r == 0 && !options->no_remedies)
			r = weir_answer_remedies(&in, i, &out->v[i]);
	}
	if (r == 0 && !effort)
		r = weir_buf_addz(&out->notes, "remedies were not tried for all VMs: "
		                               "that would take too long\n");
	return r < 0 ? weir_err_sys(err, r, "check VMs") : 0;
}

void weir_verdict_done(struct weir_verdict *v)
{
	free(v->decides);
	free(v->reason);
	free(v->qemu);
	free(v->kernel);
	for (size_t i = 0; i < v->nr_but; i++)
		free(v->but[i]);
	free(v->but);
	free(v->sources);
	for (size_t i = 0; i < v->nr_remedies; i++) {
		free(v->remedies[i].text);
		free(v->remedies[i].command);
	}
	free(v->remedies);
	weir_offer_done(&v->offer);
}

void weir_verdicts_done(struct weir_verdicts *verdicts)
{
	for (size_t i = 0; i < verdicts->nr; i++)
		weir_verdict_done(&verdicts->v[i]);
	free(verdicts->v);
	weir_buf_done(&verdicts->notes);
	*verdicts = (struct weir_verdicts){ 0 };
}
