/* cma: the areas under /sys/kernel/mm/cma (CONFIG_CMA_SYSFS, mm/cma_sysfs.c, 5.13). */
#ifndef WEIR_FACTS_CMA_H
#define WEIR_FACTS_CMA_H

#include "facts/fact.h"

#define WEIR_CMA_AREAS_MAX 4096U /* Hygon kernels have up to 2,458 */

struct weir_cma_area {
	char *name;
	struct weir_count alloc_success, alloc_fail; /* base pages since boot */
	struct weir_count release_success;           /* base pages; since 6.10 */
	struct weir_count total, available;          /* base pages; since 6.12 */
};

struct weir_cma {
	bool known; /* false: the directory is not there; zones may have CMA all the same
	             */
	struct weir_cma_area *v;
	size_t nr, cap;
};

void weir_cma_done(struct weir_cma *cma);
void weir_cma_read(struct weir_reader *rd, struct weir_cma *out);

#endif
