/* mount_name: what the name of a directory says of the pages that are to be had in it.
 * Pure. */
#ifndef WEIR_PLAN_MOUNT_NAME_H
#define WEIR_PLAN_MOUNT_NAME_H

#include "facts/pools.h"

/* The page size that the last part of a path speaks of: 1G of "/dev/hugepages-1GB". Only
 * sizes that this host has count: "vm-4G" says nothing of pages. Unknown without exactly
 * one. */
struct weir_count weir_mount_named_size(const struct weir_pools *pools,
                                        const char *target);

#endif
