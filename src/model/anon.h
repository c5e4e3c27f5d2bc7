/* anon: memory of base pages: anonymous, shared memory, page cache of a task, and what
 * the kernel keeps on its behalf.
 *
 * Only how many pages lie where is kept: which address has which page nobody asks here.
 * Source: mm/page_alloc.c get_page_from_freelist(), mm/gup.c, v5.10 to v6.18. Left out:
 * swap, transparent huge pages (they take whole blocks of the same zones), memory
 * cgroups.
 */
#ifndef WEIR_MODEL_ANON_H
#define WEIR_MODEL_ANON_H

#include "model/memory.h"
#include "model/model.h"

struct weir_task;

struct weir_anon {
	struct weir_spread movable; /* may move */
	struct weir_spread fixed;   /* pinned, or the kernel's own */
};

/* @pages are touched, by a task with this (interned) policy, 0: its own. Returns how many
 * came; fewer: the kernel found no more and would kill somebody. */
uint64_t weir_anon_touch(struct weir_model *m, struct weir_task *task, uint64_t pages,
                         uint16_t policy);

/* The same as page cache, which others get when they need it; @dirty: once it is written
 * back. */
uint64_t weir_anon_cache(struct weir_model *m, struct weir_task *task, uint64_t pages,
                         bool dirty);

/* @pages of unmovable memory: guest_memfd, page tables, and what is faulted inside of a
 * long-term pin. Returns how many came. */
uint64_t weir_anon_fix(struct weir_model *m, struct weir_task *task, uint64_t pages,
                       uint16_t policy);

/* Pins all movable pages of a task for long: those in the CMA and in ZONE_MOVABLE are
 * moved, on their own node only where the kernel says so. 0; -ENOMEM with what was moved
 * before still moved. */
int weir_anon_pin(struct weir_model *m, struct weir_task *task);

/* @pages of a task at a place, which are not free there already: of a host as it is
 * found.
 */
void weir_anon_lend(struct weir_model *m, struct weir_task *task, unsigned int node,
                    weir_site site, uint64_t pages);

/* Gives all of it back. */
void weir_anon_free(struct weir_model *m, struct weir_task *task);

/* Moves movable pages out of a node's CMA, so that CSV3 can have them: first into other
 * free memory of the node, then of others. Returns how many were moved. */
uint64_t weir_anon_leave_cma(struct weir_model *m, unsigned int node, uint64_t pages);

#endif
