/* guard_lease: a plan and weird's store: what of the pool weird has, and whether what it
 * is still to keep warm can be had afterwards. See plan_parts.h. */
#include "plan/plan_parts.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Regions that are bound to no node may be on any. */
uint64_t weir_guard_warm_pages(const struct weir_planning *p, uint64_t page_bytes,
                               int node, uint64_t *leased)
{
	const struct weir_warm_state *state = &p->snap->warm.state;
	uint64_t all = 0;

	*leased = 0;
	for (size_t i = 0; i < state->nr_regions; i++) {
		const struct weir_warm_region *region = &state->regions[i];
		uint64_t pages = region->filled_bytes / region->page_bytes;

		if (region->page_bytes != page_bytes ||
		    (node >= 0 && region->node >= 0 && region->node != node))
			continue;
		all += pages;
		*leased += weir_region_is_leased(region) ? pages : 0;
	}
	return all;
}

static uint64_t free_of(const struct weir_tally *t, int node)
{
	uint64_t free = node >= 0 && node < (int)WEIR_TALLY_NODES_MAX ? t->node[node].free
	                                                              : t->free;
	uint64_t real = weir_less(t->free, t->reserved);

	return free < real ? free : real;
}

static int note_target(struct weir_planning *p, const struct weir_warm_place *row,
                       uint64_t lacks, struct weir_err *err)
{
	const struct weir_tally *was = weir_tally_of(&p->out->before, row->page_bytes);
	const struct weir_tally *is = weir_tally_of(weir_plan_end(p->out),
	                                            row->page_bytes);
	uint64_t pages = lacks / row->page_bytes, left;
	char size[WEIR_SIZE_TEXT_MAX], node[24] = "";
	int r;

	if (!was || !is)
		return 0;
	left = free_of(is, row->node);
	if (left >= pages || left >= free_of(was, row->node))
		return 0;
	if (row->node >= 0)
		(void)snprintf(node, sizeof(node), "/node%d", row->node);
	r = weir_buf_printf(&p->out->notes,
	                    "%s%s: weird is to keep %" PRIu64
	                    " more pages warm, and %" PRIu64 " would be left for it\n",
	                    weir_format_size(row->page_bytes, size, sizeof(size)).p, node,
	                    pages, left);
	return r < 0 ? weir_err_sys(err, r, "plan a change") : 0;
}

int weir_guard_note_targets(struct weir_planning *p, struct weir_err *err)
{
	struct weir_warm_places rows;
	int r = weir_warm_places_make(&p->snap->warm.state, &rows);

	if (r < 0)
		return weir_err_sys(err, r, "plan a change");
	for (size_t i = 0; r == 0 && i < rows.nr; i++) {
		uint64_t lacks = weir_warm_place_lacks(&rows, i);

		if (lacks >= rows.v[i].page_bytes)
			r = note_target(p, &rows.v[i], lacks, err);
	}
	weir_warm_places_done(&rows);
	return r;
}
