/* pinners: which processes have means to pin memory, and what is told of their pins.
 *
 * The kernel does not tell which pages are pinned, nor by whom. It tells, of a process,
 * how much is (VmPin in its status: of whatever memory, by RDMA, io_uring, vDPA and
 * iommufd; VFIO's older interface counts in VmLck what it pins), which devices that pin
 * it has open, and of a ring of io_uring which buffers are registered: by address, also
 * after they were unmapped. A pinned page stays in use until it is unpinned, whatever
 * becomes of its file and its mappings.
 *
 * Sources, v5.10 to v6.18: fs/proc/task_mmu.c task_mem(); io_uring/fdinfo.c (before 6.0
 * io_uring.c) __io_uring_show_fdinfo(), which leaves out what it prints when the ring is
 * busy. */
#ifndef WEIR_FACTS_PINNERS_H
#define WEIR_FACTS_PINNERS_H

#include "facts/tasks.h"

enum weir_pins_by { /* what a process has open, as bits */
	            WEIR_PINS_VFIO = 1U << 0,
	            WEIR_PINS_IOMMUFD = 1U << 1,
	            WEIR_PINS_RDMA = 1U << 2,
	            WEIR_PINS_VDPA = 1U << 3,
	            WEIR_PINS_UDMABUF = 1U << 4,
	            WEIR_PINS_IO_URING = 1U
	                                 << 5, /* pins only what is registered with it */
};

#define WEIR_PINS_BY_NR 6U

const char *weir_pins_by_word(unsigned int bit); /* of bit number 0 and up */

/* What an open file is, by where its link leads: one of the bits, or 0. */
unsigned int weir_pins_by_link(struct weir_str target);

struct weir_ring_buffer { /* registered with io_uring */
	uint64_t start, bytes;
};

struct weir_pinner {
	uint64_t pid;
	struct weir_count pinned_bytes; /* VmPin */
	unsigned int by;                /* bits */
	bool runs_vm;                   /* it has a KVM VM */
	bool buffers_known;             /* of all its rings */
	struct weir_ring_buffer *buffers;
	size_t nr_buffers, cap_buffers;
};

struct weir_pinners {
	struct weir_pinner *v; /* in the order of the walk; others pin nothing */
	size_t nr, cap;
};

void weir_pinners_done(struct weir_pinners *pinners);

/* Adds the process that a walk has come to, if there is anything to tell. 0 or -ENOMEM.
 */
int weir_pinners_add(struct weir_pinners *pinners, struct weir_tasks *walk,
                     const struct weir_task *task);

const struct weir_pinner *weir_pinners_find(const struct weir_pinners *pinners,
                                            uint64_t pid);

/* The buffers in the text of a ring's /proc/PID/fdinfo/FD; absent ones are passed over.
 * 0, WEIR_GARBLED when they are not told or not as any kernel does, -ENOMEM. */
int weir_ring_buffers_parse(struct weir_str text, struct weir_pinner *out);

#endif
