/* pool: the huge pages of one size: counters, free lists, and what a write to
 * nr_hugepages does. kernel-rules.md 1 and 2. Source: mm/hugetlb.c, struct hstate.
 *
 * At all times, with P = total - surplus the persistent pages: the sums over nodes of nr,
 * free and surplus are total, free and surplus, and free <= nr on each node. Surplus may
 * exceed nr on a node: shrinking takes any free page, also of a node whose pages are all
 * surplus, and leaves that node's surplus. There is no reserved count of a node: the
 * kernel has none. */
#ifndef WEIR_MODEL_POOL_H
#define WEIR_MODEL_POOL_H

#include "model/memory.h"

#include <stdint.h>

struct weir_model;

/* A page is an id, 0 is none. The record is the kernel's struct page as far as hugetlb
 * looks at it. Which page a mapping or a file has is kept there (slots.h), so migration
 * swaps what two records say of the memory, and nobody's references change. */
typedef uint32_t weir_page_id;

enum weir_page_flags {
	WEIR_PAGE_FREE = 1 << 0,      /* on its node's free list */
	WEIR_PAGE_ANON = 1 << 1,      /* private */
	WEIR_PAGE_CACHED = 1 << 2,    /* in a file */
	WEIR_PAGE_RESTORE = 1 << 3,   /* freeing it gives its reservation back, 3.9 */
	WEIR_PAGE_TEMPORARY = 1 << 4, /* leaves the pool when freed, 3.11 */
	WEIR_PAGE_POISONED = 1 << 5,
	WEIR_PAGE_USED = 1 << 6, /* the record is a page of a pool */
	WEIR_PAGE_LOST = 1 << 7, /* poisoned in a file: never freed, 10.5 */
};

struct weir_page {
	union {
		struct {
			weir_page_id next, prev; /* while free */
		};
		struct {
			uint32_t mapcount;
			uint16_t subpool; /* id, 0: none */
			uint16_t pins;    /* long-term; pin.h */
		};
	};
	uint16_t group, group_rsvd; /* charged control groups, id; 0: none */
	uint8_t flags;
	weir_site site;
	uint8_t node;
	uint8_t pool : 4;
	uint8_t is_stuck : 1; /* a pin moved it here, pin_moved_sticks: cannot be isolated
	                       */
};

/* 256 TiB of 2M pages, 2 GiB of records. A host with more is refused. */
#define WEIR_PAGES_MAX (UINT32_C(1) << 27)

struct weir_pages {
	struct weir_page *v; /* by id; [0] is never a page */
	uint32_t nr, cap;
	weir_page_id unused; /* records that are no page, linked by next */
};

struct weir_pool {
	uint64_t page_bytes;
	uint8_t idx;   /* in the model */
	bool gigantic; /* beyond what the buddy allocator hands out */
	uint64_t total, free, reserved, surplus;
	uint64_t max; /* configured target: /proc/sys/vm/nr_hugepages */
	uint64_t overcommit;
	unsigned int next_alloc, next_free; /* round-robin node pointers, 2.3 */
	uint8_t demote_to;                  /* pool index + 1; 0: no demote files */
	uint64_t nr[WEIR_MODEL_NODES_MAX];
	uint64_t nr_free[WEIR_MODEL_NODES_MAX];
	uint64_t nr_surplus[WEIR_MODEL_NODES_MAX];
	uint64_t nr_poisoned_free; /* on free lists */
	uint64_t reserved_leaked;  /* counted in reserved by mistake, alloc.c: for ever */
	weir_page_id head[WEIR_MODEL_NODES_MAX]; /* free lists: stacks, 3.5 */
	/* Of these, what may be pinned for long (8.5), and a place in the list above
	 * which there is none; 0: its head. Else a pin would walk the list for each page.
	 */
	uint64_t nr_pinnable[WEIR_MODEL_NODES_MAX];
	weir_page_id pinnable_from[WEIR_MODEL_NODES_MAX];
	uint64_t hvo_seen[WEIR_MODEL_NODES_MAX]; /* most pages the node ever had: 10.8 */
};

static inline struct weir_page *weir_page(struct weir_pages *pages, weir_page_id id)
{
	return &pages->v[id];
}

/* Free pages that are promised to nobody, kernel-rules.md 0: A = F - R. The kernel
 * computes it unsigned and asks only whether it is 0: so many pages may leave the lists
 * before it is. */
static inline uint64_t weir_pool_available(const struct weir_pool *pool)
{
	return pool->free - pool->reserved;
}

static inline bool weir_pool_has_available(const struct weir_pool *pool)
{
	return weir_pool_available(pool) != 0;
}

/* Runs: so many pages at most go through the model together. What is done to a run is
 * what would be done to its pages one after the other, and a single page is a run of one.
 * The bound keeps the ids of a run on the stack and its records in the nearest cache. */
#define WEIR_RUN_MAX 512U

/* Puts a page on top of its node's free list: enqueue_hugetlb_folio(). */
void weir_pool_push(struct weir_model *m, struct weir_pool *pool, weir_page_id id);
/* Takes a page off the free list; it is still a page of the pool. */
void weir_pool_unlink(struct weir_model *m, struct weir_pool *pool, weir_page_id id);
/* The first free page of a node that is not poisoned, and inside of a long-term pin one
 * that may be pinned (8.6), off the list; 0: none. */
weir_page_id weir_pool_pop(struct weir_model *m, struct weir_pool *pool,
                           unsigned int node);
/* Up to @max of them, in the order in which they come: how many. */
uint32_t weir_pool_pop_run(struct weir_model *m, struct weir_pool *pool,
                           unsigned int node, uint32_t max, weir_page_id *ids);

/* Takes a new page from the system on @node into the pool, neither free nor in use yet.
 * 0: no memory there. */
weir_page_id weir_pool_take(struct weir_model *m, struct weir_pool *pool,
                            unsigned int node);
/* Gives a page, neither free nor in use, back to the system: remove_hugetlb_folio(). */
void weir_pool_give(struct weir_model *m, struct weir_pool *pool, weir_page_id id,
                    bool from_surplus);

/* The same of memory that was given back just now, at that place: pages of a demoted one.
 */
weir_page_id weir_pool_take_at(struct weir_model *m, struct weir_pool *pool,
                               unsigned int node, weir_site site);

/* @nr pages that have their memory already, onto the free list: what a host's pool has
 * when it is looked at. False: out of memory, with m->failed. */
bool weir_pool_stock(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                     weir_site site, uint64_t nr);

/* May what lies there be pinned for long? 8.5. And a page, where it lies? */
bool weir_site_is_pinnable(const struct weir_model *m, weir_site site);
bool weir_page_is_pinnable(const struct weir_model *m, const struct weir_page *page);

/* A surplus page from the nodes as an allocation on @near tries them, within @allowed.
 * 0 when overcommit or memory is at its end. 3.2 step 5, 4.3. */
weir_page_id weir_pool_take_surplus(struct weir_model *m, struct weir_pool *pool,
                                    unsigned int near, uint64_t allowed);

/* Which nodes a write goes by, 2.2. */
struct weir_resize {
	uint64_t target;  /* the number written */
	int node;         /* of the per-node file; -1: a file of all nodes */
	uint64_t allowed; /* nodes of nr_hugepages_mempolicy; 0: all with memory */
	uint64_t mems;    /* cpuset of who writes: where it may allocate; 0: all */
};

/* A write to nr_hugepages; partial success is success. 2.4. */
void weir_pool_resize(struct weir_model *m, struct weir_pool *pool,
                      const struct weir_resize *how);

/* One step of a round-robin pointer over @allowed, 2.3. */
unsigned int weir_pool_next_alloc(struct weir_pool *pool, uint64_t allowed);
unsigned int weir_pool_next_free(struct weir_pool *pool, uint64_t allowed);

/* Takes a free page off a node, in the order of the free pointer; with @surplus_only only
 * of nodes that have surplus. False: none. remove_pool_hugetlb_folio(). */
bool weir_pool_shrink_one(struct weir_model *m, struct weir_pool *pool, uint64_t allowed,
                          bool surplus_only);

/* demote.c: a write to demote, 2.12. 0, -EBUSY; and to demote_size: 0, -EINVAL. */
int weir_pool_demote(struct weir_model *m, struct weir_pool *pool, uint64_t count,
                     int node);
int weir_pool_demote_to(struct weir_model *m, struct weir_pool *pool, uint64_t bytes);

/* A write to nr_overcommit_hugepages: 0, -EINVAL for gigantic sizes. */
int weir_pool_overcommit(struct weir_model *m, struct weir_pool *pool, uint64_t limit);

#endif
