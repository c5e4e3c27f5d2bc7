/* who_warm: the words of `weir who` for the files of weird's store: what it keeps for
 * leases, what is leased and to whom, and what nobody knows of. */
#include "cli/who_print.h"

#include "base/json.h"

#include <inttypes.h>

#define LEASES_MAX 3U /* that a row names; the others are counted */

static int put_lease(struct weir_who_print *t, const struct weir_hold *hold)
{
	char name[WEIR_LEASE_TEXT_MAX];

	return weir_who_put_shown(t, weir_strz(weir_lease_text(hold->region, name)));
}

int weir_who_put_region(struct weir_who_print *t, const struct weir_hold *hold)
{
	int r;

	if (!hold->in_store)
		return 0;
	if (!hold->region)
		return weir_who_put(t, " (unknown to weird)");
	if (!weir_hold_is_warm(hold) || hold->kind == WEIR_HOLD_WARM)
		return weir_who_put(t, " (%s)",
		                    weir_region_state_word(hold->region->state));
	r = weir_who_put(t, " (");
	if (r == 0)
		r = put_lease(t, hold);
	if (r == 0 && hold->kind == WEIR_HOLD_WAITING)
		r = weir_who_put(t, ", which has ended");
	else if (r == 0 && weir_who_main_user(t->who, hold) == SIZE_MAX)
		r = weir_who_put(t, ": nobody has it open");
	return r < 0 ? r : weir_who_put(t, ")");
}

int weir_who_put_row_leases(struct weir_who_print *t, const struct weir_who_rows *rows,
                            const struct weir_who_row *row)
{
	size_t nr = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < row->nr; i++) {
		const struct weir_hold *hold =
			&t->who->ledger.holds[rows->holds[row->first + i]];

		if ((hold->kind != WEIR_HOLD_LEASED && hold->kind != WEIR_HOLD_WAITING) ||
		    nr++ >= LEASES_MAX)
			continue;
		r = weir_who_put(t, nr > 1 ? ", " : " (");
		if (r == 0)
			r = put_lease(t, hold);
		if (r == 0 && hold->kind == WEIR_HOLD_WAITING)
			r = weir_who_put(t, ", which has ended");
	}
	if (r == 0 && nr > LEASES_MAX)
		r = weir_who_put(t, " and %zu more", nr - LEASES_MAX);
	return r == 0 && nr ? weir_who_put(t, ")") : r;
}

int weir_who_put_store(struct weir_who_print *t, const struct weir_who_rows *rows,
                       const struct weir_who_row *row)
{
	size_t nr_ready = 0;
	int r;

	for (size_t i = 0; i < row->nr; i++)
		nr_ready +=
			t->who->ledger.holds[rows->holds[row->first + i]].region->state ==
			WEIR_REGION_READY;
	r = weir_who_put(t, "kept by weird for leases: %zu ready", nr_ready);
	if (r == 0 && row->nr > nr_ready)
		r = weir_who_put(t, ", %zu being zeroed", row->nr - nr_ready);
	if (r == 0 && t->who->ledger.warm.weird == WEIR_WEIRD_GONE)
		r = weir_who_put(t, "; weird does not run");
	return r;
}

int weir_who_json_region(struct weir_json *j, const struct weir_hold *hold)
{
	const struct weir_warm_region *region = hold->region;
	bool leased = region && weir_region_is_leased(region);

	if (!hold->in_store)
		return 0;
	weir_json_open(j, "store", '{');
	if (region) {
		weir_json_u64(j, "region", region->id);
		weir_json_strz(j, "state", weir_region_state_word(region->state));
	} else {
		weir_json_null(j, "region");
		weir_json_null(j, "state");
	}
	if (leased)
		weir_json_u64(j, "lease", region->lease.id);
	else
		weir_json_null(j, "lease");
	weir_json_strz(j, "lease_name",
	               leased && *region->lease.name ? region->lease.name : NULL);
	weir_json_close(j);
	return j->failed;
}
