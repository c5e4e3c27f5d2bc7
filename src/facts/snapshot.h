/* snapshot: all facts of a host at one time. Immutable once read. */
#ifndef WEIR_FACTS_SNAPSHOT_H
#define WEIR_FACTS_SNAPSHOT_H

#include "facts/boot.h"
#include "facts/buddyinfo.h"
#include "facts/cgroups.h"
#include "facts/cma.h"
#include "facts/confidential.h"
#include "facts/contig.h"
#include "facts/cpu.h"
#include "facts/klog.h"
#include "facts/mounts.h"
#include "facts/nodes.h"
#include "facts/pagetypeinfo.h"
#include "facts/pins.h"
#include "facts/placement.h"
#include "facts/pools.h"
#include "facts/thp.h"
#include "facts/vmstat.h"
#include "facts/warm_seen.h"
#include "facts/zoneinfo.h"

struct weir_snapshot {
	uint64_t at_ns; /* since 1970; 0: a capture that does not say */
	char *hostname; /* NULL: unknown; so below */
	char *release;  /* "6.1.0-42-amd64" */
	char *cmdline;
	struct weir_count page_bytes; /* the base page */
	struct weir_count memory_block_bytes;
	struct weir_meminfo mem;
	struct weir_nodes nodes;
	struct weir_zones zones;
	struct weir_buddyinfo buddy;
	struct weir_pagetypeinfo types;
	struct weir_vmstat vmstat;
	struct weir_pools pools;
	struct weir_cma cma;
	struct weir_thp thp;
	struct weir_mounts mounts;
	struct weir_cgroups cgroups;
	struct weir_cpu cpu;
	struct weir_confidential confidential;
	struct weir_boot boot; /* nr_args 0 when the command line is unknown */
	struct weir_klog klog;
	struct weir_pins pins;           /* what `weir probe pins` found on this boot */
	struct weir_placement placement; /* WEIR_SNAPSHOT_PLACEMENT only */
	struct weir_contigs contigs;     /* WEIR_SNAPSHOT_CONTIG only */
	struct weir_warm_seen warm;      /* weird's store, where there is one */
	struct weir_gaps gaps;           /* everything above that is unknown, and why */
	bool consistent; /* the counters that move stood still while they were read */
};

/* What is not always wanted, and costs time or the host's peace. */
enum weir_snapshot_parts {
	WEIR_SNAPSHOT_BASE = 0,
	/* vmstat, THP, CPUs, distances, CPU kind, confidential: for --json and captures
	 */
	WEIR_SNAPSHOT_DETAILS = 1 << 0,
	/* pagetypeinfo, which walks free lists under their lock */
	WEIR_SNAPSHOT_TYPES = 1 << 1,
	/* the kernel's log, also when nothing at boot makes one look there */
	WEIR_SNAPSHOT_KLOG = 1 << 2,
	/* where the pages of the pools lie: root only, a look at every 2 MiB of memory */
	WEIR_SNAPSHOT_PLACEMENT = 1 << 3,
	/* ranges that could become gigantic pages: root only, a look at every page of
	 * what is not evidently in use */
	WEIR_SNAPSHOT_CONTIG = 1 << 4,
	WEIR_SNAPSHOT_ALL = WEIR_SNAPSHOT_DETAILS | WEIR_SNAPSHOT_TYPES |
	                    WEIR_SNAPSHOT_KLOG | WEIR_SNAPSHOT_PLACEMENT |
	                    WEIR_SNAPSHOT_CONTIG,
};

/* Reads a host. Facts that cannot be had are gaps, not failures: -ENOMEM is the only one.
 */
int weir_snapshot_read(const struct weir_host *host, unsigned int parts,
                       struct weir_snapshot **out, struct weir_err *err);
void weir_snapshot_free(struct weir_snapshot *snap);
void weir_snapshot_freep(struct weir_snapshot **snap);

/* True when this kernel is known to be @major.@minor or later. Backports move borders:
 * ask it only where the kernel itself shows nothing better. */
bool weir_snapshot_kernel_has(const struct weir_snapshot *snap, unsigned int major,
                              unsigned int minor);

#endif
