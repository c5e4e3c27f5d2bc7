/* memory: what is done to the bytes of a warm region: populated on its node, zeroed in
 * place, looked at. The only place of weir where much memory is touched.
 *
 * Ranges are mapped by the caller, shared, page aligned and of one page size. Work is cut
 * into slices of whole pages that threads take one after the other; every thread runs on
 * the CPUs of the node that it may use. All calls can be stopped between two slices and
 * hold to a rate. A page that cannot be read or written does not end the process: the
 * call ends with -EHWPOISON. Negative errno back. */
#ifndef WEIR_WARM_MEMORY_H
#define WEIR_WARM_MEMORY_H

#include "base/err.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_WARM_THREADS_MAX 64U

struct weir_warm_range {
	unsigned char *at;
	uint64_t bytes, page_bytes;
	int node; /* -1: any */
};

struct weir_warm_work {
	unsigned int threads;     /* 1 or more; no more are used than there are pages */
	uint64_t bytes_a_second;  /* of all threads together; 0: as fast as it goes */
	unsigned int cpu_percent; /* of the time a thread works; 0 and 100: all of it */
	bool idle; /* only with CPU time that nothing else wants (SCHED_IDLE) */
	const atomic_bool *stop;  /* NULL, or true when asked to end: -ECANCELED */
	const atomic_bool *hurry; /* NULL, or true: somebody waits, no rate or share */
	atomic_bool *reserved;    /* NULL, or set by a job: the kernel keeps all that it
	                           * takes of the pool for it (job.c) */
	atomic_uint_fast64_t *done_bytes; /* NULL, or added to as it goes; of several
	                                   * calls, if they share it */
	/* NULL, or likewise, and not to be shared: after -ECANCELED all is done up to
	 * there, and nothing behind */
	atomic_uint_fast64_t *own_bytes;
};

/* CPUs of a node that this process may use; all that it may use for -1. At least 1. */
unsigned int weir_warm_cpus(int node);

/* All pages are there afterwards, on the range's node and nowhere else (MPOL_BIND before
 * the first touch), and new ones are zero: the kernel clears what it hands out
 * (mm/hugetlb.c hugetlb_no_page(), v6.6). MADV_POPULATE_WRITE, 5.14; else by touching.
 * 0; -ENOMEM: the pool has no more pages there; -ECANCELED. What came stays. */
int weir_warm_populate(const struct weir_warm_range *range,
                       const struct weir_warm_work *work, struct weir_err *err);

/* Where the pages lie, as move_pages(2) tells: pages on the range's node and elsewhere.
 * 0; -ENOSYS and the like with words: it cannot be told. */
int weir_warm_where(const struct weir_warm_range *range, uint64_t *there,
                    uint64_t *elsewhere, struct weir_err *err);

/* Zeroes in place, past the caches where the machine can: a region is larger than they
 * are, and what is read next is something else. */
int weir_warm_zero(const struct weir_warm_range *range, const struct weir_warm_work *work,
                   struct weir_err *err);

/* Is every byte 0? 0; -EILSEQ where one is not. Done as the rest of the work is. */
int weir_warm_read_all(const struct weir_warm_range *range,
                       const struct weir_warm_work *work, struct weir_err *err);

/* Is every byte 0? @sample_pages: of so many pages, spread evenly, the first and the last
 * 4 KiB and one in between; 0: all of it. *at: the offset of the first that is not. */
bool weir_warm_is_zero(const struct weir_warm_range *range, uint64_t sample_pages,
                       uint64_t *at);

#endif
