/* fd: bounded reads and listings of open files, shared by the hosts that have any. */
#ifndef WEIR_HOST_FD_H
#define WEIR_HOST_FD_H

#include "host/host.h"

/* Appends the content up to @max bytes; -EFBIG when there is more. With @whole, a read of
 * less than a page is known to be all of it, which saves asking for the end. */
int weir_fd_read(int fd, size_t max, bool whole, struct weir_buf *out);

/* Takes over @fd, a directory. */
int weir_fd_list(int fd, struct weir_names *out);

/* For the start of a program: where standard input, output or error is closed, nothing
 * else is opened in its place and written to; writing fails (EBADF), as it should. */
void weir_fd_keep_standard(void);

#endif
