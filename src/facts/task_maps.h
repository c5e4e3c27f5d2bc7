/* task_maps: lines of /proc/PID/maps and /proc/PID/numa_maps.
 *
 * The first tells what is mapped where, of which file; the second, of what is huge, how
 * many pages of it are mapped, on which nodes. Sources, v5.10 to v6.18: fs/proc/
 * task_mmu.c, show_map_vma() and show_numa_map(). A line of numa_maps without pages has
 * no page size; its counts are of the mapping's own pages, huge ones as one each. */
#ifndef WEIR_FACTS_TASK_MAPS_H
#define WEIR_FACTS_TASK_MAPS_H

#include "base/str.h"

#include <stdint.h>

struct weir_mapping {          /* borrows */
	uint64_t start, end;   /* addresses; start < end */
	uint64_t offset_bytes; /* in the file */
	uint64_t device;       /* major << 32 | minor */
	uint64_t inode;
	bool shared;           /* MAP_SHARED: what is written goes to the file */
	struct weir_str range; /* as it stands there, which names it in map_files */
	struct weir_str path;  /* newlines are escaped; " (deleted)" behind it stays */
};

/* False for a line that no kernel writes. */
bool weir_mapping_parse(struct weir_str line, struct weir_mapping *out);

/* "0:1f" in hexadecimal, as maps has it. */
bool weir_device_parse(struct weir_str s, uint64_t *out);

struct weir_numa_mapping { /* borrows */
	uint64_t start;
	bool huge;
	uint64_t anon;       /* pages that are the mapping's own and not the file's */
	uint64_t mapmax;     /* the most mappings that one of its pages has; 1 or more */
	uint64_t page_bytes; /* 0: not told */
	struct weir_str words; /* for weir_numa_node() */
};

bool weir_numa_mapping_parse(struct weir_str line, struct weir_numa_mapping *out);

/* Takes the next "N<node>=<pages>" off *words. False after the last. */
bool weir_numa_node(struct weir_str *words, unsigned int *node, uint64_t *pages);

#endif
