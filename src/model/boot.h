/* boot: pools as the kernel makes them at boot. kernel-rules.md 7.
 * What the command line asks for is read elsewhere (facts/boot.h). */
#ifndef WEIR_MODEL_BOOT_H
#define WEIR_MODEL_BOOT_H

#include "model/model.h"

/* @pages spread over all nodes with memory; or @per_node[id] on each node, if not NULL.
 * What memory does not give is not there, and lowers the target. */
void weir_model_boot(struct weir_model *m, struct weir_pool *pool, uint64_t pages,
                     const uint64_t *per_node);

#endif
