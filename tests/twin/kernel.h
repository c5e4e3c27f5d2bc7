/* kernel: the pools of the kernel we run on: reading their files, and setting them.
 *
 * The files that are read after every step are kept open: a step costs a pread each. */
#ifndef WEIR_TWIN_KERNEL_H
#define WEIR_TWIN_KERNEL_H

#include "base/err.h"
#include "lab/view.h"

#include <stdbool.h>

#define TWIN_SIZES_MAX 8 /* of huge pages; arm64 has four */

struct twin_node {
	unsigned int id;
	uint64_t cpus; /* mask of the CPUs 0..63 */
};

struct twin_size_files {
	int nr, free, surplus; /* descriptors */
};

struct twin_size {
	uint64_t page_bytes;
	int total, free, reserved, surplus, overcommit;    /* descriptors */
	struct twin_size_files node[WEIR_MODEL_NODES_MAX]; /* by position */
	bool used; /* by the scenario in hand: the others are all 0 */
	uint64_t nr_at_start, overcommit_at_start;
};

struct twin_kernel {
	unsigned int node_ids[WEIR_MODEL_NODES_MAX]; /* of those with memory, ascending */
	struct twin_node nodes[WEIR_MODEL_NODES_MAX];
	size_t nr_nodes;
	struct twin_size
		sizes[TWIN_SIZES_MAX]; /* the default one first, then ascending */
	size_t nr_sizes;
	int target; /* /proc/sys/vm/nr_hugepages: MAX of the default size */
	struct weir_view_pool pools[TWIN_SIZES_MAX]; /* filled by twin_kernel_look */
	struct weir_view_node view_nodes[TWIN_SIZES_MAX][WEIR_MODEL_NODES_MAX];
	size_t nr_pools;
};

/* Finds nodes and page sizes, and keeps what the pools hold now. */
int twin_kernel_open(struct twin_kernel *k, struct weir_err *err);

/* Reads the pools of the sizes that are in use into k->pools. */
int twin_kernel_look(struct twin_kernel *k, struct weir_err *err);

/* "2M/node1/nr_hugepages" as the path in /sys or /proc. */
struct weir_step;
void twin_kernel_path(const struct twin_kernel *k, const struct weir_step *step,
                      char *path, size_t cap);

/* Sizes are found by their bytes, 0 is the default one; NULL without. */
struct twin_size *twin_kernel_size(struct twin_kernel *k, uint64_t page_bytes);

/* All pools 0, overcommit 0, and the pointers of the sizes in use, which tell where the
 * next page is taken and freed, at the first node. -EBUSY with words when pages stay. */
int twin_kernel_settle(struct twin_kernel *k, struct weir_err *err);

/* Has CPUs give back the free pages that they keep: an attempt at a gigantic page does
 * that (mm/page_alloc.c, alloc_contig_range()). */
void twin_kernel_drain(struct twin_kernel *k);

/* The pools as they were at the start. */
void twin_kernel_restore(struct twin_kernel *k);

/* The node of the page at @at in the process, WEIR_VIEW_UNMAPPED without. For gigantic
 * pages, of which old kernels' move_pages knows nothing; from pagemap and zoneinfo. */
unsigned char twin_kernel_node_of(int pid, uint64_t at);

/* Small text files: reads all of it; writes @text. Negative errno. */
int twin_read_text(const char *path, char *text, size_t cap);
int twin_write_text(const char *path, const char *text);

#endif
