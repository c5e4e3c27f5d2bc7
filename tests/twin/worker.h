/* worker: the process that plays one task of a scenario.
 *
 * It does what it is asked over a socket, one request at a time, and knows nothing of
 * scenarios: a system call with numbers and bytes, a walk over pages, a fork. So it stays
 * small, and what a fork copies is the task and little else. */
#ifndef WEIR_TWIN_WORKER_H
#define WEIR_TWIN_WORKER_H

#include <stddef.h>
#include <stdint.h>

enum twin_op {
	TWIN_OP_SYSCALL, /* nr, arg; an argument in @pointers is an offset into data */
	TWIN_OP_TOUCH,   /* arg: address, pages, page size: writes one byte to each */
	TWIN_OP_READ,    /* the same, reads */
	TWIN_OP_MIGRATE, /* arg: address, pages, page size, node: move_pages, page by page
	                  */
	TWIN_OP_FORK,    /* the child's socket comes with it; ret is the child's pid */
};

#define TWIN_ASK_DATA 4608 /* a path, or a line of a scenario (WEIR_SCRIPT_LINE_MAX) */

struct twin_ask {
	uint32_t op;
	uint32_t pointers; /* bit n: arg[n] is an offset into data */
	int64_t nr;
	uint64_t arg[6];
	size_t nr_data;
	unsigned char data[TWIN_ASK_DATA]; /* nr_data of it are sent */
};

enum twin_fate { TWIN_RETURNED, TWIN_BUS_ADRERR, TWIN_BUS_MCEERR, TWIN_SEGV };

struct twin_answer {
	int64_t ret; /* of the system call; meaningless when err */
	int32_t err; /* positive errno, or 0 */
	uint32_t fate;
	uint64_t after; /* pages done before a signal */
};

/* Serves requests that come over @channel until it is closed; never returns. All other
 * descriptors above stderr are closed first. */
_Noreturn void twin_worker_serve(int channel);

#endif
