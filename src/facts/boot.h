/* boot: what the kernel command line asks of memory, as the kernel understands it.
 *
 * The parameters of huge pages depend on each other from left to right, and half of what
 * people write there is dropped by the kernel with one line in its log that nobody reads.
 * So each argument is kept with what became of it, and why.
 *
 * Source: mm/hugetlb.c hugepages_setup(), hugepagesz_setup(), default_hugepagesz_setup()
 * and hugetlb_init(), v5.8 to v6.18; hugetlb_cma: mm/hugetlb_cma.c; cma: kernel/dma/
 * contiguous.c early_cma(); kernelcore, movablecore: mm/mm_init.c cmdline_parse_core();
 * csv_*: arch/x86/mm/mem_encrypt_hygon.c of the Hygon kernels (openEuler, Anolis). */
#ifndef WEIR_FACTS_BOOT_H
#define WEIR_FACTS_BOOT_H

#include "base/ranges.h"
#include "facts/cmdline.h"
#include "facts/fact.h"

#define WEIR_CSV_PERCENTAGE_MAX 80U  /* of most Hygon kernels */
#define WEIR_CSV_HUGETLB_GUESTS 113U /* csv_use_hugetlb without a number */
#define WEIR_CSV_SMCR_UNIT      (UINT64_C(256) << 20)
#define WEIR_CSV_SMCR_UNITS_MIN 2U
#define WEIR_CSV_SMCR_UNITS_MAX 64U

/* What must be known of the host to play the kernel's rules. */
struct weir_boot_rules {
	const uint64_t *sizes;  /* huge page sizes of this kernel, in bytes */
	size_t nr_sizes;        /* 0: it has no huge pages and ignores what is asked */
	bool sizes_unknown;     /* believe any power of two above 4 KiB */
	uint64_t default_bytes; /* the size used where none is named: that of a PMD; 0:
	                         * unknown */
	const struct weir_ranges *online; /* nodes; NULL or empty: unknown, all count */
	bool node_lists;                  /* "0:2,1:5" is understood: 5.16 and later */
	unsigned int csv_percentage_max;  /* 0: WEIR_CSV_PERCENTAGE_MAX; newest: 95 */
};

enum weir_boot_kind {
	WEIR_BOOT_HUGEPAGES,
	WEIR_BOOT_HUGEPAGESZ,
	WEIR_BOOT_DEFAULT_HUGEPAGESZ,
	WEIR_BOOT_HUGETLB_CMA,
	WEIR_BOOT_CMA,
	WEIR_BOOT_MOVABLE_NODE,
	WEIR_BOOT_KERNELCORE,
	WEIR_BOOT_MOVABLECORE,
	WEIR_BOOT_CSV_MEM_PERCENTAGE,
	WEIR_BOOT_CSV_MEM_SIZE,
	WEIR_BOOT_CSV_SMCR_SIZE,
	WEIR_BOOT_CSV_USE_HUGETLB,
};

const char *weir_boot_word(enum weir_boot_kind kind); /* "hugepages", "hugepagesz", ... */

enum weir_boot_unit {
	WEIR_BOOT_NOTHING, /* not given, or not one number (a node list) */
	WEIR_BOOT_PAGES,
	WEIR_BOOT_BYTES,
	WEIR_BOOT_PERCENT, /* of all memory */
	WEIR_BOOT_MIRROR,  /* kernelcore=mirror: the mirrored memory, whatever there is */
	WEIR_BOOT_GUESTS,
};

struct weir_boot_amount {
	enum weir_boot_unit unit;
	uint64_t n; /* 0 for NOTHING and MIRROR */
};

struct weir_boot_arg {
	enum weir_boot_kind kind;
	struct weir_str text;  /* as written; borrows from weir_boot.text */
	struct weir_str value; /* without quotes */
	struct weir_boot_amount amount;
	uint64_t page_bytes; /* hugepages=: the size it counts for; 0 while unknown */
	bool taken;
	const char *note; /* why it was not taken, or what of it was not; one clause, or
	                   * NULL for an argument taken as it is written */
};

struct weir_boot_node {
	unsigned int node;
	uint64_t pages; /* above 0 */
};

struct weir_boot_pool {
	uint64_t size_bytes; /* 0: the default size, where that is unknown */
	bool counted;        /* a number of pages was asked for; false: only named */
	uint64_t pages;      /* on all nodes; the sum of the nodes where there are any */
	struct weir_boot_node *nodes; /* ascending; none: the kernel spreads the pages */
	size_t nr_nodes, cap_nodes;
};

struct weir_boot_node_size {
	unsigned int node;
	struct weir_boot_amount size; /* bytes or percent of the node */
};

struct weir_boot_hugetlb_cma {       /* one of the two, or neither */
	struct weir_boot_amount all; /* bytes or (7.x) percent, spread over the nodes */
	struct weir_boot_node_size *nodes; /* ascending */
	size_t nr_nodes, cap_nodes;
};

struct weir_boot_cma { /* bytes; unknown: not given, the kernel's build decides */
	struct weir_count size, base, limit;
};

struct weir_boot {
	char *text; /* the command line */
	struct weir_boot_arg *args;
	size_t nr_args, cap_args;
	struct weir_boot_pool *pools; /* as first named; each size once */
	size_t nr_pools, cap_pools;
	struct weir_count default_bytes; /* the default size in force */
	bool default_named;              /* ... by a default_hugepagesz= that was taken */
	struct weir_boot_hugetlb_cma hugetlb_cma;
	struct weir_boot_cma cma;
	bool movable_node;
	struct weir_boot_amount kernelcore, movablecore;
	struct weir_count csv_percentage; /* after the last csv_mem_* argument */
	struct weir_count csv_size_bytes; /* the last csv_mem_size= */
	unsigned int csv_percentage_max;
	struct weir_count csv_smcr_bytes;
	struct weir_count csv_use_hugetlb; /* guests */
};

/* Returns 0; WEIR_GARBLED when the text is longer than any command line (nothing is known
 * then) or holds a NUL (what stands before it is); -ENOMEM, and *out is empty. */
int weir_boot_parse(struct weir_str cmdline, const struct weir_boot_rules *rules,
                    struct weir_boot *out, struct weir_err *err);
void weir_boot_done(struct weir_boot *boot);

/* The pool of one size, NULL when the command line does not speak of it. */
const struct weir_boot_pool *weir_boot_pool(const struct weir_boot *boot,
                                            uint64_t size_bytes);

/* Percent of each node's memory that a Hygon kernel reserves for CSV3 guests: 0 when
 * nothing asks for any. A csv_mem_size= above 0 wins wherever it stands, and becomes a
 * whole percentage, cut: less than 1 % reserves nothing.
 *
 * @total_bytes: all memory that the kernel was given at boot, reserved memory counted in
 * (more than MemTotal); 0 is unknown, and then so is what depends on it. */
struct weir_count weir_boot_csv_percentage(const struct weir_boot *boot,
                                           uint64_t total_bytes);

#endif
