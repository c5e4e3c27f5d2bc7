/* work: zeroing, in threads of their own. Everything else of weird is in its loop.
 *
 * For each node there is a *lane* for what has time (scrubs and fills, within the budget)
 * and one for leases that wait (GROW, without budget), each a thread that runs one job
 * after the other. While a lease waits nothing else is zeroed: what runs is asked to
 * stop, and is taken up again afterwards. Jobs come from and go back to the owner in the
 * loop's thread. */
#ifndef WEIR_DAEMON_WORK_H
#define WEIR_DAEMON_WORK_H

#include "base/ranges.h"
#include "daemon/loop.h"
#include "warm/store.h"

struct weir_work;

struct weir_work_calls {
	/* The next job for @wish_node (-1: any). 0, WEIR_JOB_NONE, negative. */
	int (*next)(void *ctx, int wish_node, bool only_grow, struct weir_warm_job *out);
	/* It has ended; @err has words when @result is negative. */
	void (*done)(void *ctx, struct weir_warm_job *job, int result,
	             const struct weir_err *err);
};

struct weir_work_budget {
	unsigned int cpus;        /* of each node; 0: all */
	unsigned int cpu_percent; /* of the time */
	uint64_t bytes_a_second;  /* of all nodes together; 0: as fast as it goes */
	bool idle;
};

/* @nodes: those that have CPUs or memory; empty: one, that is no node. */
int weir_work_new(struct weir_loop *loop, const struct weir_ranges *nodes,
                  const struct weir_work_calls *calls, void *ctx, struct weir_work **out,
                  struct weir_err *err);

/* Of jobs that are begun from now on. */
void weir_work_set_budget(struct weir_work *work, const struct weir_work_budget *budget);

/* While somebody waits for what is zeroed, jobs are held to no rate or share, those that
 * would have to be idle are stopped, and new ones are held to nothing. */
void weir_work_hurry(struct weir_work *work, bool hurry);

/* There may be something to do. */
void weir_work_kick(struct weir_work *work);

/* No more jobs; those that run are asked to stop. */
void weir_work_stop(struct weir_work *work);

/* Jobs that run now. */
size_t weir_work_running(const struct weir_work *work);

/* Has a job of this region been given to a thread, and not ended? *reserved: the pages it
 * takes are not free any more. */
bool weir_work_has(const struct weir_work *work, uint64_t region, bool *reserved);

/* Bytes that jobs which run now have done, of a kind, size and node. */
uint64_t weir_work_done_bytes(const struct weir_work *work, enum weir_job_kind kind,
                              uint64_t page_bytes, int node);

/* Stops, and waits for the threads. */
void weir_work_free(struct weir_work *work);

#endif
