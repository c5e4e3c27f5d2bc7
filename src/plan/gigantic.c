/* gigantic: between what bounds the growth of a gigantic pool ends. See gigantic.h, and
 * plan_parts.h for a plan's.
 *
 * The model knows how much of a zone is free, and not where. The facts know that of the
 * moment of the snapshot (facts/contig.h); what the plan does before the growth is added:
 * pages of other sizes on the node that go or come. Where the kernel takes pages of the
 * smaller pools out of the way (mm/hugetlb.c, isolate_or_dissolve_huge_page(): 5.13 to
 * 6.3 for such a request, and again from 7.0 on; otherwise pfn_range_valid_contig()
 * passes the range over) they stand in no way. */
#include "plan/plan_parts.h"

#include "facts/snapshot.h"

#include <inttypes.h>

static bool moves_pool_pages(const struct weir_snapshot *snap)
{
	return !snap->release || weir_snapshot_kernel_has(snap, 7, 0) ||
	       (weir_snapshot_kernel_has(snap, 5, 13) &&
	        !weir_snapshot_kernel_has(snap, 6, 4));
}

bool weir_gigantic_has_own_area(const struct weir_snapshot *snap)
{
	return snap->boot.hugetlb_cma.nr_nodes || snap->boot.hugetlb_cma.all.n;
}

/* What the pools of other sizes on a node have given back or taken since the plan's
 * begin, in bytes. */
struct moved {
	uint64_t from_smaller; /* given back, at least */
	bool smaller_left;     /* some smaller page still is in a pool */
	uint64_t from_larger, to_larger;
};

static struct moved moved_on(const struct weir_planning *p, uint64_t page_bytes,
                             unsigned int node)
{
	struct moved moved = { 0 };

	for (size_t i = 0; i < p->now.nr; i++) {
		uint64_t bytes = p->now.v[i].page_bytes;
		uint64_t is = p->now.v[i].node[node].total;
		uint64_t was = p->out->before.v[i].node[node].total;

		if (bytes < page_bytes) {
			moved.from_smaller += weir_less(was, is) * bytes;
			moved.smaller_left |= is > 0;
		} else if (bytes > page_bytes) {
			moved.from_larger += weir_less(was, is) * bytes;
			moved.to_larger += weir_less(is, was) * bytes;
		}
	}
	return moved;
}

static struct weir_reach reach_after(const struct weir_snapshot *snap,
                                     uint64_t page_bytes, unsigned int node,
                                     const struct moved *moved)
{
	const struct weir_contig *contig = weir_contigs_find(&snap->contigs, page_bytes);
	struct weir_reach reach = { .page_bytes = page_bytes };
	struct weir_contig_count count;

	if (!contig || weir_gigantic_has_own_area(snap))
		return reach;
	weir_contig_count(contig, node, &count);
	reach.known = true;
	reach.free = moved->smaller_left ? count.free
	                                 : weir_contig_free_without_pools(contig, node);
	reach.most = count.free + count.emptied + count.unread;
	reach.most += moves_pool_pages(snap)
	                      ? count.returned
	                      : weir_contig_returned(
					contig, node,
					moved->from_smaller /
						(page_bytes / contig->nr_pages));
	reach.free += moved->from_larger / page_bytes;
	reach.most += moved->from_larger / page_bytes;
	reach.free = weir_less(reach.free, moved->to_larger / page_bytes);
	return reach;
}

struct weir_reach weir_gigantic_reach(const struct weir_snapshot *snap,
                                      uint64_t page_bytes, unsigned int node)
{
	const struct moved none = { .smaller_left = true };

	return reach_after(snap, page_bytes, node, &none);
}

struct weir_reach weir_planning_reach(struct weir_planning *p, uint64_t page_bytes,
                                      unsigned int node)
{
	struct moved moved;

	(void)weir_planning_now(p, page_bytes);
	moved = moved_on(p, page_bytes, node);
	return reach_after(p->snap, page_bytes, node, &moved);
}

int weir_planning_note_reach(struct weir_planning *p, const struct weir_reach *reach,
                             const struct weir_op *op, struct weir_err *err)
{
	uint64_t more = weir_less(op->after, op->before);
	uint64_t certain = weir_less(op->least, op->before);
	struct weir_pool_text pool = weir_pool_text(p, op->page_bytes, op->node);
	int r;

	if (op->least ==
	    op->most) /* and if it is less than was asked for a guard says so */
		return 0;
	if (!reach->known)
		r = weir_buf_printf(
			&p->out->notes,
			"%s: of %" PRIu64
			" more pages none comes for certain: where memory is free in one "
			"piece %s. If not all come, all is undone\n",
			pool.text, more,
			weir_gigantic_has_own_area(p->snap)
				? "in the area of hugetlb_cma= no file tells"
				: "is not known (root sees it in /proc/kpageflags)");
	else
		r = weir_buf_printf(
			&p->out->notes,
			"%s: of %" PRIu64 " more pages %" PRIu64
			" come for certain, as many as there are ranges that are free in "
			"one piece, and at most %" PRIu64
			": what stands in the others has to be moved away first. If it "
			"cannot be, all is undone\n",
			pool.text, more, certain, op->most - op->before);
	return r < 0 ? weir_err_sys(err, r, "plan a change") : 0;
}
