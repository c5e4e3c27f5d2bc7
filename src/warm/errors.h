/* errors: memory errors. The kernel takes a page that has one away from who has it
 * mapped; of a file that nobody has it says nothing, and the next who touches the page is
 * told. */
#ifndef WEIR_WARM_ERRORS_H
#define WEIR_WARM_ERRORS_H

#include "facts/fact.h"

/* Memory out of use for errors, in bytes: HardwareCorrupted of /proc/meminfo, which grows
 * with each (mm/memory-failure.c num_poisoned_pages_inc(), v6.18). Unknown where @host is
 * NULL, or the kernel has no such line (without CONFIG_MEMORY_FAILURE). */
struct weir_count weir_errors_bytes(const struct weir_host *host);

/* Is each page of a file there, and without an error? Up to 6.1 the kernel may have taken
 * such a page out of the file, which is a hole then (fs/hugetlbfs/inode.c
 * hugetlbfs_error_remove_page()); since then it stays, and who touches it is told. A
 * microsecond a page, at most. 0; -EHWPOISON; others of mmap(2) and madvise(2). */
int weir_errors_look(int fd, uint64_t bytes, uint64_t page_bytes);

#endif
