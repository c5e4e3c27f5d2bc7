/* charges: what cgroups are charged with beyond what their processes have.
 *
 * A page in use is charged to the group of the task that touched it first, and stays so
 * when that task moves or ends. When a group is removed its pages in use move to its
 * parent (mm/hugetlb_cgroup.c, hugetlb_cgroup_css_offline() and hugetlb_cgroup_move_
 * parent(), v5.10 to v6.18); its reservations stay with the dead group, which no file
 * shows, and count in all groups above it until they are dropped.
 *
 * Which group a page is charged to the kernel does not tell. So of each group only what
 * cannot be of its processes is known: its own charge, without those of the groups below
 * it, less all that any process in it maps or has open. That is the least; the rest may
 * be more. */
#ifndef WEIR_HOLDERS_CHARGES_H
#define WEIR_HOLDERS_CHARGES_H

#include "holders/ledger.h"

struct weir_charge {      /* of one group and page size, in pages */
	const char *path; /* borrowed from the snapshot's groups; "/": the root */
	uint64_t page_bytes;
	const struct weir_cgroup_use
		*use; /* borrowed; NULL for v2's root, which has none */
	struct weir_count own, own_reserved; /* the groups below it not counted in */
	uint64_t held, held_reserved;        /* of processes in it, at most */
	struct weir_count beyond, beyond_reserved; /* at least, of no process in it */
};

struct weir_charges {
	struct weir_charge *v; /* in the order of the groups, behind the root */
	size_t nr, cap;
};

/* 0 or -ENOMEM. Empty where no group is known. */
int weir_charges_make(const struct weir_ledger *ledger, const struct weir_cgroups *groups,
                      struct weir_charges *out);
void weir_charges_done(struct weir_charges *charges);

/* Of a group that was listed, or of the root as "/". NULL: none. */
const struct weir_charge *weir_charge_of(const struct weir_charges *charges,
                                         const char *path, uint64_t page_bytes);

#endif
