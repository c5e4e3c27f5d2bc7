/* rates: see rates.h. A sample is kept when it is looked at, half a second apart at
 * least; the rate is that since the oldest sample within the span. */
#include "daemon/rates.h"

#include <string.h>

#define APART_NS UINT64_C(500000000)

static struct weir_rate_place *place(struct weir_rates *rates, uint64_t page_bytes,
                                     int node)
{
	for (size_t i = 0; i < rates->nr; i++)
		if (rates->v[i].page_bytes == page_bytes && rates->v[i].node == node)
			return &rates->v[i];
	if (rates->nr == WEIR_RATES_MAX)
		return NULL;
	rates->v[rates->nr] = (struct weir_rate_place){ .page_bytes = page_bytes,
		                                        .node = node };
	return &rates->v[rates->nr++];
}

void weir_rates_add(struct weir_rates *rates, uint64_t page_bytes, int node, bool scrub,
                    uint64_t bytes)
{
	struct weir_rate_place *p = place(rates, page_bytes, node);

	if (p)
		p->done[scrub ? WEIR_RATE_SCRUB : WEIR_RATE_FILL] += bytes;
}

static void drop_oldest(struct weir_rate_place *p)
{
	p->nr_samples--;
	memmove(&p->sample[0], &p->sample[1], p->nr_samples * sizeof(p->sample[0]));
}

static void keep(struct weir_rate_place *p, const struct weir_rate_sample *now)
{
	while (p->nr_samples > 1 && now->at_ns - p->sample[0].at_ns > WEIR_RATE_SPAN_NS)
		drop_oldest(p);
	if (p->nr_samples && now->at_ns - p->sample[p->nr_samples - 1].at_ns < APART_NS)
		return;
	if (p->nr_samples == WEIR_RATE_SAMPLES)
		drop_oldest(p);
	p->sample[p->nr_samples++] = *now;
}

/* bytes/s = bytes * 1e9 / ns, in parts that do not overflow */
static uint64_t per_second(uint64_t bytes, uint64_t ns)
{
	return ns < 1000 ? 0
	                 : bytes / (ns / 1000) * 1000000 +
	                           bytes % (ns / 1000) * 1000000 / (ns / 1000);
}

void weir_rates_see(struct weir_rates *rates, uint64_t page_bytes, int node,
                    uint64_t now_ns, uint64_t filling, uint64_t scrubbing,
                    struct weir_rate *out)
{
	struct weir_rate_place *p = place(rates, page_bytes, node);
	struct weir_rate_sample now = { .at_ns = now_ns };

	*out = (struct weir_rate){ 0 };
	if (!p)
		return;
	now.done[WEIR_RATE_FILL] = p->done[WEIR_RATE_FILL] + filling;
	now.done[WEIR_RATE_SCRUB] = p->done[WEIR_RATE_SCRUB] + scrubbing;
	for (size_t i = 0; i < WEIR_RATE_KINDS; i++) {
		const struct weir_rate_sample *from = &p->sample[0];

		out->done[i] = now.done[i];
		/* what was stopped counts less than it did while it ran */
		if (p->nr_samples && now.done[i] > from->done[i])
			out->per_s[i] = per_second(now.done[i] - from->done[i],
			                           now_ns - from->at_ns);
	}
	keep(p, &now);
}
