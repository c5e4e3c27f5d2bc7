/* uring: the two io_uring calls that it takes to pin memory for long: a ring, and a
 * buffer registered with it (io_uring(7), IORING_REGISTER_BUFFERS). They do what VFIO,
 * RDMA and the registration of a confidential guest's memory do (pin_user_pages() with
 * FOLL_LONGTERM), and need neither a device nor a virtual machine. */
#ifndef WEIR_PROBE_URING_H
#define WEIR_PROBE_URING_H

#include <stddef.h>

/* A ring of the smallest kind; nothing is ever submitted to it. A descriptor, or a
 * negative errno. */
int weir_uring_open(void);

/* Pins [at, at + bytes) until weir_uring_unpin() or until the ring is closed; one range
 * at a time. 0 or a negative errno: what the kernel made of the pin. */
int weir_uring_pin(int ring, void *at, size_t bytes);
int weir_uring_unpin(int ring);

#endif
