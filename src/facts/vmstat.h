/* vmstat: the counters of /proc/vmstat that tell how hard huge, contiguous and pinned
 * memory was to get since boot (mm/vmstat.c, vmstat_text[], v6.6). Kernels lack what they
 * were built without; such a counter is unknown. */
#ifndef WEIR_FACTS_VMSTAT_H
#define WEIR_FACTS_VMSTAT_H

#include "facts/fact.h"

struct weir_vmstat { /* counts of events, but for free_cma, which is base pages now */
	struct weir_count htlb_alloc_success, htlb_alloc_fail;
	struct weir_count compact_stall, compact_fail, compact_success;
	struct weir_count compact_migrate_scanned, compact_free_scanned, compact_isolated;
	struct weir_count compact_daemon_wake;
	struct weir_count cma_alloc_success, cma_alloc_fail, free_cma;
	struct weir_count pin_acquired, pin_released; /* base pages */
	struct weir_count migrate_success, migrate_fail;
	struct weir_count thp_fault_alloc, thp_fault_fallback;
	struct weir_count oom_kill;
};

int weir_vmstat_parse(struct weir_str text, struct weir_vmstat *out,
                      struct weir_err *err);

#endif
