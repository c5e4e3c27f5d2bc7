/* frames: which page frames the anonymous huge pages of a mapping are.
 *
 * The text of "/@/frames/PID/START-END/SIZE", with the addresses of a mapping in
 * hexadecimal and its page size in bytes, has a line for each page that is there and is
 * the mapping's own, not a file's:
 *	INDEX PFN
 * So pages that processes share after a fork are told from those that each has for
 * itself: nothing else in /proc says it but smaps, which walks all of a process. Only
 *root sees page frames. */
#ifndef WEIR_HOST_FRAMES_H
#define WEIR_HOST_FRAMES_H

#include "base/buf.h"

/* A line has 20 bytes: 3 million pages, 6 TiB of 2M. */
#define WEIR_FRAMES_MAX (64U << 20)

/* Adds the lines to @out from @fd, a pagemap. -EACCES when the kernel hides the frames,
 * -ESRCH when the process has ended, -EFBIG past the limit. */
int weir_frames_text(int fd, uint64_t start, uint64_t end, uint64_t size_bytes,
                     uint64_t base_bytes, struct weir_buf *out);

#endif
