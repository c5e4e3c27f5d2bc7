/* warm_state: a state that can be read is written so that it reads the same; nothing in
 * it is twice what there can be once. */
#include "warm/state.h"

#include "fuzz.h"

#include <errno.h>

static void check(const struct weir_warm_state *s)
{
	must(s->known && s->nr_regions <= WEIR_WARM_REGIONS_MAX);
	for (size_t i = 0; i < s->nr_regions; i++) {
		const struct weir_warm_region *r = &s->regions[i];

		must(i == 0 || r[-1].id < r->id);
		must(r->id < s->next_region && r->lease.id < s->next_lease);
		must(r->bytes && r->bytes % r->page_bytes == 0);
		must(r->filled_bytes <= r->bytes);
		must(r->state != WEIR_REGION_LEASED || r->lease.id);
		must(r->state != WEIR_REGION_READY || !r->lease.id);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_warm_state_done) struct weir_warm_state state = { 0 };
	weir_auto(weir_warm_state_done) struct weir_warm_state again = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 }, twice = { 0 };
	struct weir_str in = weir_str((const char *)data, size);
	int r = weir_warm_state_parse(in, &state, NULL);

	must(r == 0 || r == -EBADMSG);
	if (r < 0)
		return 0;
	check(&state);
	must(weir_warm_state_put(&state, &text) == 0);
	must(weir_warm_state_parse(weir_buf_str(&text), &again, NULL) == 0);
	check(&again);
	must(weir_warm_state_put(&again, &twice) == 0);
	must(text.n == twice.n && memcmp(text.p, twice.p, text.n) == 0);
	return 0;
}
