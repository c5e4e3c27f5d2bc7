/* frames: see frames.h. One entry of eight bytes is read for each huge page: the others
 * of the page tell nothing more (fs/proc/task_mmu.c, pagemap_hugetlb_range(), v6.6). */
#include "host/frames.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#define PRESENT     (UINT64_C(1) << 63)
#define OF_FILE     (UINT64_C(1) << 61) /* of a file, or shared anonymous memory */
#define FRAME_MASK  ((UINT64_C(1) << 55) - 1)
#define ENTRY_BYTES 8

int weir_frames_text(int fd, uint64_t start, uint64_t end, uint64_t size_bytes,
                     uint64_t base_bytes, struct weir_buf *out)
{
	uint64_t entry, index = 0;

	for (uint64_t at = start; at < end && end - at >= size_bytes; at += size_bytes) {
		ssize_t n = pread(fd, &entry, sizeof(entry),
		                  (off_t)(at / base_bytes * ENTRY_BYTES));
		int r;

		if (n < 0)
			return -errno;
		if ((size_t)n != sizeof(entry))
			return -ESRCH;
		index = (at - start) / size_bytes;
		if (!(entry & PRESENT) || (entry & OF_FILE))
			continue;
		if (!(entry & FRAME_MASK))
			return -EACCES;
		r = weir_buf_printf(out, "%" PRIu64 " %" PRIu64 "\n", index,
		                    entry & FRAME_MASK);
		if (r < 0)
			return r;
		if (out->n > WEIR_FRAMES_MAX)
			return -EFBIG;
	}
	return 0;
}
