/* meminfo: /proc/meminfo and /sys/devices/system/node/nodeN/meminfo.
 *
 * The kernel's "kB" is 1024 bytes and becomes bytes here. The HugePages_ lines count
 * pages of the default size only; "Hugetlb" is bytes of all sizes (fs/proc/meminfo.c,
 * mm/hugetlb.c hugetlb_report_meminfo() and hugetlb_report_node_meminfo(), v6.6). */
#ifndef WEIR_FACTS_MEMINFO_H
#define WEIR_FACTS_MEMINFO_H

#include "facts/fact.h"

struct weir_meminfo { /* bytes, but for the huge_* counts, which are pages */
	struct weir_count total, free, available;
	struct weir_count buffers, cached, file_pages; /* file_pages: per node only */
	struct weir_count active_anon, inactive_anon, active_file, inactive_file;
	struct weir_count unevictable, mlocked, dirty, writeback;
	struct weir_count anon, mapped, shmem;
	struct weir_count slab_reclaimable, slab_unreclaimable, kernel_stack, page_tables;
	struct weir_count swap_total, swap_free, commit_limit, committed;
	struct weir_count anon_huge, hardware_corrupted, cma_total, cma_free;
	struct weir_count huge_total, huge_free, huge_reserved, huge_surplus;
	struct weir_count huge_size, hugetlb; /* of the default size; of all sizes */
};

/* Both forms: with and without "Node N " in front of each line. */
int weir_meminfo_parse(struct weir_str text, struct weir_meminfo *out,
                       struct weir_err *err);

#endif
