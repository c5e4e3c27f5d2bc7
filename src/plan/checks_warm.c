/* checks_warm: weird's store: whether weird is there to hand it out and take it back,
 * whether its targets are reached, and who keeps what is no longer leased. */
#include "plan/checks.h"

#include "base/own.h"
#include "base/size.h"

#include <inttypes.h>
#include <stdio.h>

static void about(struct weir_finding *f, const struct weir_warm_place *row)
{
	f->size_bytes = WEIR_COUNT(row->page_bytes);
	if (row->node >= 0)
		f->node = WEIR_COUNT((uint64_t)row->node);
}

/* "2M, node 0", or "2M" where it is bound to none. */
struct place {
	char text[48];
};

static struct place place_of(const struct weir_warm_place *row)
{
	struct place p;

	if (row->node >= 0)
		(void)snprintf(p.text, sizeof(p.text), "%s, node %d",
		               WEIR_CHECK_SIZE(row->page_bytes), row->node);
	else
		(void)snprintf(p.text, sizeof(p.text), "%s",
		               WEIR_CHECK_SIZE(row->page_bytes));
	return p;
}

void weir_check_weird_gone(struct weir_check *c)
{
	const struct weir_warm_places *rows = &c->view->warm;
	uint64_t kept = 0, leased = 0;
	size_t nr_leased = 0;
	struct weir_finding *f;

	if (c->snap->warm.weird != WEIR_WEIRD_GONE || !c->snap->warm.state.nr_regions)
		return;
	for (size_t i = 0; i < rows->nr; i++) {
		kept += rows->v[i].ready_bytes + rows->v[i].coming_bytes;
		leased += rows->v[i].leased_bytes + rows->v[i].waiting_bytes;
		nr_leased += rows->v[i].nr_leased + rows->v[i].nr_waiting;
	}
	f = weir_check_add(c, WEIR_WARNING, "weird-gone");
	weir_check_text(c, f,
	                "weird does not run: %s of warm memory %s kept for nobody, and "
	                "%zu lease%s (%s) %s not end.",
	                WEIR_CHECK_HUMAN(kept), kept ? "are" : "is", nr_leased,
	                nr_leased == 1 ? "" : "s", WEIR_CHECK_HUMAN(leased),
	                nr_leased == 1 ? "does" : "do");
	weir_check_remedy(c, f,
	                  "start it again: it finds all of it, and who has leased what");
	weir_check_command(c, f, "systemctl start weird");
}

/* Pages of the pool that a newcomer can have there, at most. */
static struct weir_count room_of(const struct weir_check *c,
                                 const struct weir_warm_place *row)
{
	const struct weir_huge_size *size = weir_pools_size(&c->snap->pools,
	                                                    row->page_bytes);

	if (!size)
		return (struct weir_count){ 0 };
	for (size_t i = 0; row->node >= 0 && i < size->nr_nodes; i++)
		if (size->nodes[i].node == (unsigned int)row->node)
			return weir_pool_really_free(size, &size->nodes[i].pool).max;
	return weir_pool_really_free(size, &size->all).max;
}

static void target_missed(struct weir_check *c, const struct weir_warm_place *row,
                          uint64_t lacks)
{
	struct weir_count room = room_of(c, row);
	uint64_t pages = lacks / row->page_bytes;
	bool gone = c->snap->warm.weird == WEIR_WEIRD_GONE;
	bool is_short = room.known && room.n < pages;
	struct weir_finding *f;

	if (is_short)
		f = weir_check_add(c, WEIR_WARNING, "warm-target-missed");
	else
		f = weir_check_add(c, WEIR_NOTE, "warm-not-filled");
	if (f) {
		about(f, row);
		f->pages = WEIR_COUNT(pages);
	}
	weir_check_text(
		c, f,
		"warm memory of %s: %s of the %s that shall be ready are missing: %s%s%s",
		place_of(row).text, WEIR_CHECK_HUMAN(lacks),
		WEIR_CHECK_HUMAN(row->target_bytes), is_short ? "the pool has only " : "",
		is_short ? WEIR_CHECK_N(room) : "",
		is_short ? " really free pages there."
		: gone   ? "weird does not run."
			 : "weird has not filled it yet.");
	if (is_short)
		weir_check_remedy(c, f,
		                  "make the pool larger ('weir set'), let weird do so "
		                  "(weird.conf(5), grow), or want less");
}

void weir_check_warm_target(struct weir_check *c)
{
	const struct weir_warm_places *rows = &c->view->warm;

	for (size_t i = 0; i < rows->nr; i++) {
		uint64_t lacks = weir_warm_place_lacks(rows, i);

		if (rows->v[i].page_bytes && lacks >= rows->v[i].page_bytes)
			target_missed(c, &rows->v[i], lacks);
	}
}

void weir_check_warm_waiting(struct weir_check *c)
{
	const struct weir_warm_places *rows = &c->view->warm;

	for (size_t i = 0; i < rows->nr; i++) {
		const struct weir_warm_place *row = &rows->v[i];
		struct weir_finding *f;

		if (!row->nr_waiting)
			continue;
		f = weir_check_add(c, WEIR_WARNING, "warm-waiting");
		if (f) {
			about(f, row);
			f->pages = WEIR_COUNT(row->waiting_bytes / row->page_bytes);
		}
		weir_check_text(c, f,
		                "warm memory of %s: the lease%s of %zu file%s (%s) %s "
		                "ended, and somebody still has %s.",
		                place_of(row).text, row->nr_waiting == 1 ? "" : "s",
		                row->nr_waiting, row->nr_waiting == 1 ? "" : "s",
		                WEIR_CHECK_HUMAN(row->waiting_bytes),
		                row->nr_waiting == 1 ? "has" : "have",
		                row->nr_waiting == 1 ? "it" : "them");
		weir_check_remedy(c, f,
		                  "'weir who' names who it is: weird takes it back when "
		                  "they have let go of it");
	}
}
