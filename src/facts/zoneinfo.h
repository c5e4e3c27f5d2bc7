/* zoneinfo: /proc/zoneinfo, the zones of each node. All numbers are base pages.
 *
 * free counts the buddy lists, CMA pages included and per-CPU lists not (mm/vmstat.c,
 * zoneinfo_show_print(), v6.6). A zone without memory has a name and zeros only; 5.10 has
 * no "cma" line yet. */
#ifndef WEIR_FACTS_ZONEINFO_H
#define WEIR_FACTS_ZONEINFO_H

#include "facts/fact.h"

/* A machine with 1,024 nodes of 4 zones and a page set for each of 8,192 CPUs would write
 * more; the largest that was seen has 2,000 CPUs on 8 nodes: 6 MiB. */
#define WEIR_ZONEINFO_MAX      (48U << 20)
#define WEIR_ZONES_MAX         6144U /* 1,024 nodes times ZONE_DMA to ZONE_DEVICE */
#define WEIR_ZONE_NAME_MAX     16U
#define WEIR_ZONE_RESERVES_MAX 8U

struct weir_zone {
	unsigned int node;
	char name[WEIR_ZONE_NAME_MAX]; /* "DMA", "DMA32", "Normal", "Movable", "Device" */
	struct weir_count free, boost, min, low, high, promo;
	struct weir_count spanned, present, managed, cma, free_cma;
	struct weir_count inactive_anon, active_anon, inactive_file, active_file,
		unevictable;
	struct weir_count write_pending; /* dirty, or being written back */
	struct weir_count start_pfn;
	/* on per-CPU lists, neither free nor in use, and how many CPUs have one: looked
	 * at only in zones where it matters, those with a CMA and ZONE_MOVABLE */
	struct weir_count per_cpu, nr_cpus;
	/* protection: pages kept from requests that could use zone i and higher */
	uint64_t reserve[WEIR_ZONE_RESERVES_MAX];
	size_t nr_reserves;
};

struct weir_zones {
	struct weir_zone *v; /* in the kernel's order: by node, then from low to high */
	size_t nr, cap;
	bool damaged; /* a zone was garbled or cut off: no sum is known */
};

/* The sum of one field over the zones of @node, e.g. offsetof(struct weir_zone, free).
 * For zones without memory absent fields count as nothing. Unknown when there is no such
 * node, when a zone does not tell, or when the file was damaged. */
struct weir_count weir_zones_sum(const struct weir_zones *zones, unsigned int node,
                                 size_t field_offset);

void weir_zones_done(struct weir_zones *zones);
int weir_zoneinfo_parse(struct weir_str text, struct weir_zones *out,
                        struct weir_err *err);

#endif
