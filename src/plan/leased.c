/* leased: VMs that start when weird leases them warm memory, and not as they are. What a
 * lease hands over is played as pages of the pool that are free: the region's own, of
 * which the VM takes what it needs. See answer.h. */
#include "plan/answer.h"

#include "base/own.h"
#include "base/size.h"

#include <errno.h>
#include <inttypes.h>

void weir_answer_leases_done(struct weir_answer_leases *leases)
{
	for (size_t i = 0; leases->v && i < leases->nr; i++)
		weir_offer_done(&leases->v[i]);
	free(leases->v);
	free(leases->needed);
	free(leases->given);
	weir_answer_done(&leases->with);
	*leases = (struct weir_answer_leases){ 0 };
}

static bool fares_well(const struct weir_answer_in *in, size_t i)
{
	return in->few->vms[i].started && !in->few->vms[i].dies &&
	       in->most->vms[i].started && !in->most->vms[i].dies;
}

int weir_given_add(struct weir_load_given **given, size_t *nr, size_t *cap,
                   const struct weir_offer *offer)
{
	for (size_t i = 0; i < offer->nr; i++) {
		const struct weir_offer_part *part = &offer->v[i];

		if (weir_grow(given, cap, *nr, sizeof(**given)) < 0)
			return -ENOMEM;
		(*given)[(*nr)++] = (struct weir_load_given){
			.page_bytes = part->page_bytes,
			.node = part->node,
			.pages = part->region_bytes / part->page_bytes,
		};
	}
	return 0;
}

/* Every other VM fares as it did: pages that one leases are not there for those before
 * it, and what it leaves of a region is nobody's business here. */
static bool changes_only(const struct weir_answer_in *was,
                         const struct weir_answer_in *is, size_t i)
{
	for (size_t k = 0; k < was->nr; k++)
		if (k != i && fares_well(was, k) != fares_well(is, k))
			return false;
	return fares_well(is, i);
}

/* Would VM @i start with its offer, beside all that are given already? */
static int try_one(const struct weir_answer_in *in, size_t i,
                   struct weir_answer_leases *leases)
{
	const struct weir_answer_in *now = leases->with.few ? &leases->with : in;
	struct weir_answer_in with = {
		.snap = in->snap,
		.asks = in->asks,
		.nr = in->nr,
		.load = in->load,
	};
	size_t nr_before = leases->nr_given;
	struct weir_err err;
	int r = weir_given_add(&leases->given, &leases->nr_given, &leases->cap_given,
	                       &leases->v[i]);

	with.load.given = leases->given;
	with.load.nr_given = leases->nr_given;
	if (r == 0)
		r = weir_answer_play(&with, NULL, &err);
	if (r == 0 && changes_only(now, &with, i)) {
		weir_answer_done(&leases->with);
		leases->with = with;
		leases->with.load.given = NULL; /* it may be moved by the next one */
		leases->needed[i] = true;
		return 0;
	}
	weir_answer_done(&with);
	leases->nr_given = nr_before;
	return r;
}

/* Those that need it choose first; what is left is for those that would only be faster.
 */
int weir_answer_lease(const struct weir_answer_in *in, struct weir_answer_leases *out)
{
	size_t nr_regions = weir_offer_regions(in->snap);
	weir_auto(weir_freep) bool *taken = NULL;
	int r = 0;

	*out = (struct weir_answer_leases){ .nr = in->nr };
	if (!nr_regions)
		return 0;
	taken = calloc(nr_regions, sizeof(*taken));
	out->v = calloc(in->nr + 1, sizeof(*out->v));
	out->needed = calloc(in->nr + 1, sizeof(*out->needed));
	if (!taken || !out->v || !out->needed)
		return -ENOMEM;
	for (size_t i = 0; r == 0 && i < in->nr; i++) {
		if (in->asks[i].refused || fares_well(in, i))
			continue;
		r = weir_offer_make(in->snap, &in->asks[i], taken, &out->v[i]);
		if (r == 0 && out->v[i].nr && weir_answer_may_try(in))
			r = try_one(in, i, out);
		if (r == 0 && !out->needed[i]) { /* it does not help */
			weir_offer_give_back(&out->v[i], taken);
			weir_offer_done(&out->v[i]);
		}
	}
	for (size_t i = 0; r == 0 && i < in->nr; i++)
		if (!in->asks[i].refused && fares_well(in, i))
			r = weir_offer_make(in->snap, &in->asks[i], taken, &out->v[i]);
	return r;
}

int weir_answer_leased(const struct weir_answer_leases *leases, size_t i,
                       struct weir_verdict *v)
{
	const struct weir_offer *offer = &leases->v[i];
	weir_auto(weir_buf_done) struct weir_buf command = { 0 };
	char warm[WEIR_SIZE_TEXT_MAX], need[WEIR_SIZE_TEXT_MAX];
	int r = weir_answer_but(
		v, "it starts on warm memory that weird leases: %s of its %s are ready",
		weir_format_human(offer->warm_bytes, warm, sizeof(warm)),
		weir_format_human(offer->need_bytes, need, sizeof(need)));

	v->word = WEIR_VERDICT_BUT;
	v->certain = true;
	v->by_lease = true;
	v->nr_sources = 0;
	if (r == 0)
		r = weir_answer_sources(leases->with.few, i, v);
	if (r == 0)
		r = weir_offer_command(offer, &command);
	return r < 0 ? r
	             : weir_answer_remedy(v, command.p,
	                                  "lease its memory from weird, and give QEMU "
	                                  "what 'weir lease' prints");
}
