/* uring: see uring.h. The calls are made without liburing, which wraps them thinly and
 * would be one more library. */
#include "probe/uring.h"

#include <errno.h>
#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

int weir_uring_open(void)
{
	struct io_uring_params params = { 0 };
	long fd = syscall(SYS_io_uring_setup, 1, &params);

	return fd < 0 ? -errno : (int)fd;
}

static int do_register(int ring, unsigned int what, const void *arg, unsigned int nr)
{
	return syscall(SYS_io_uring_register, ring, what, arg, nr) < 0 ? -errno : 0;
}

int weir_uring_pin(int ring, void *at, size_t bytes)
{
	struct iovec range = { at, bytes };

	return do_register(ring, IORING_REGISTER_BUFFERS, &range, 1);
}

int weir_uring_unpin(int ring)
{
	return do_register(ring, IORING_UNREGISTER_BUFFERS, NULL, 0);
}
