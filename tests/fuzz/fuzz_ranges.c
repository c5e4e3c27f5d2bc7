/* ranges: a parsed list is in normal form, is written back to itself, and has the same
 * members whichever way they are asked for. */
#include "base/ranges.h"

#include "fuzz.h"

#include <errno.h>

static void normal(const struct weir_ranges *set)
{
	for (size_t i = 0; i < set->nr; i++) {
		must(set->v[i].first <= set->v[i].last && set->v[i].last <= WEIR_ID_MAX);
		must(i == 0 || set->v[i - 1].last + 1 < set->v[i].first);
	}
}

static void visit(const struct weir_ranges *set)
{
	size_t nr = 0;

	if (weir_ranges_count(set) > 2000) /* visiting is linear in the ranges before */
		return;
	weir_ranges_each (id, set) {
		must(weir_ranges_has(set, id));
		nr++;
	}
	must(nr == weir_ranges_count(set));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	weir_auto(weir_ranges_done) struct weir_ranges set = { 0 };
	weir_auto(weir_ranges_done) struct weir_ranges again = { 0 };
	weir_auto(weir_buf_done) struct weir_buf text = { 0 };
	int r = weir_ranges_parse(weir_str((const char *)data, size), &set);

	must(r == 0 || r == -EBADMSG || r == -ERANGE);
	must(r == 0 || (set.nr == 0 && !set.v));
	if (r < 0)
		return 0;
	normal(&set);
	visit(&set);
	must(weir_ranges_format(&set, &text) == 0);
	must(weir_ranges_parse(weir_buf_str(&text), &again) == 0);
	must(again.nr == set.nr);
	must(!set.nr || memcmp(again.v, set.v, set.nr * sizeof(*set.v)) == 0);
	must(weir_ranges_add(&again, data[0] * 256U) == 0 || !size);
	normal(&again);
	return 0;
}
