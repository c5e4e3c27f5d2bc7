/* zones: what the kernel tells of its zones, and where in them huge pages lie. */
#ifndef WEIR_TWIN_ZONES_H
#define WEIR_TWIN_ZONES_H

#include "base/err.h"
#include "lab/view.h"

#include <stdbool.h>

#define TWIN_ZONES_MAX (WEIR_MODEL_NODES_MAX * WEIR_ZONE_NR)
#define TWIN_CMAS_MAX  16

struct twin_zone {
	unsigned int node;
	enum weir_zone_kind kind;
	struct weir_zone_config is;
	uint64_t start, spanned; /* page frames */
	uint64_t on_cpus;        /* free, on the lists of CPUs: in is.free too */
};

struct twin_zones {
	struct {
		uint64_t start, end; /* page frames */
	} cma[TWIN_CMAS_MAX];
	size_t nr_cmas;
	struct twin_zone zone[TWIN_ZONES_MAX]; /* with memory; as last read */
	size_t nr;
	struct weir_view_zone view[TWIN_ZONES_MAX];
	int page_flags; /* /proc/kpageflags */
};

/* Finds the CMA areas. */
void twin_zones_open(struct twin_zones *z);

/* Reads the zones, and finds the huge pages of that size: into z->zone and z->view. */
int twin_zones_look(struct twin_zones *z, uint64_t page_bytes, struct weir_err *err);

/* Pages of a mapping, @nr from @at on, that lie outside of CMA and ZONE_MOVABLE. */
uint64_t twin_zones_pinnable(const struct twin_zones *z, int pid, uint64_t at,
                             uint64_t nr, uint64_t page_bytes);

/* The zones as setup lines of a scenario, each behind "# ". 0 or -ENOMEM. */
int twin_zones_print(const struct twin_zones *z, struct weir_buf *out);

#endif
