/* rules: where kernels differ, as named switches; a kernel version is a preset of them.
 *
 * Backports move the borders (6.1.192 has what 6.1.0 lacks), so the model asks for a
 * switch and never for a version. Numbers in brackets are rows of the table of
 * differences in docs/kernel-rules.md. "bug" marks what later kernels mended: the model
 * keeps them, to say what this kernel will do. */
#ifndef WEIR_MODEL_RULES_H
#define WEIR_MODEL_RULES_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>

/* field, word in the language, what it says */
#define WEIR_RULE_SWITCHES(X)                                                           \
	/* pools */                                                                     \
	X(node_target_from_total, "node-target-from-total",                             \
	  "a write to one node counts surplus pages of the others as wanted")           \
	X(proc_ignores_negative, "proc-ignores-negative",                               \
	  "a negative number written to /proc/sys/vm is ignored with success")          \
	X(grown_last_first, "grown-last-first",                                         \
	  "after growth the page allocated last is handed out first")                   \
	X(shrink_minds_surplus, "shrink-minds-surplus",                                 \
	  "a shrink does not keep persistent pages for what surplus pages hold")        \
	X(demote, "demote", "pools have demote files")                                  \
	X(demote_eats_surplus, "demote-eats-surplus",                                   \
	  "bug: demoted pages are freed into the smaller pool's surplus")               \
	X(demote_bulk, "demote-bulk",                                                   \
	  "demote takes all pages at once, and minds the reserved ones only before")    \
	X(gigantic_surplus_returned, "gigantic-surplus-returned",                       \
	  "dropped reservations give back gigantic surplus pages too")                  \
	X(gigantic_overcommit, "gigantic-overcommit",                                   \
	  "gigantic sizes have an overcommit limit")                                    \
	/* reservations */                                                              \
	X(reserve_by_charge, "reserve-by-charge",                                       \
	  "a fault uses a reservation when nothing was charged, whoever faults")        \
	X(zap_keeps_reservation, "zap-keeps-reservation",                               \
	  "an owner's discarded private page leaves its reservation")                   \
	X(zap_minds_sharers, "zap-minds-sharers",                                       \
	  "... unless another process still maps the page; without it a bug")           \
	X(surplus_lowest_node, "surplus-lowest-node",                                   \
	  "surplus pages of a mapping come from the lowest node first")                 \
	X(surplus_minds_bind, "surplus-minds-bind",                                     \
	  "surplus pages of a mapping come from the nodes a bound task may use")        \
	X(failed_reserve_drops_min, "failed-reserve-drops-min",                         \
	  "bug: a failed mmap on a size= and min_size= mount loses the minimum")        \
	X(failed_reserve_leaks_used, "failed-reserve-leaks-used",                       \
	  "bug: ... and leaves its pages counted as used")                              \
	X(failed_fault_leaks_used, "failed-fault-leaks-used",                           \
	  "bug: a fault that finds no page leaves it counted as used on a size= mount") \
	X(owner_copy_uses_subpool, "owner-copy-uses-subpool",                           \
	  "an owner's copy may use what min_size holds")                                \
	/* system calls */                                                              \
	X(dontneed, "dontneed", "MADV_DONTNEED works on huge pages")                    \
	X(populate, "populate", "MADV_POPULATE_READ and _WRITE")                        \
	X(mremap_moves, "mremap-moves", "mremap moves huge pages")                      \
	X(mremap_moves_many, "mremap-moves-many",                                       \
	  "mremap moves several mappings at once, with the holes between")              \
	X(fork_copies_tables, "fork-copies-tables",                                     \
	  "fork copies the page tables of mappings without private pages too")          \
	X(preferred_many, "preferred-many", "the policy MPOL_PREFERRED_MANY")           \
	X(cgroup_numa_stat, "cgroup-numa-stat", "hugetlb.*.numa_stat of cgroups")       \
	X(numa_stat_follows, "numa-stat-follows",                                       \
	  "numa_stat follows a page that moves to another node or group")               \
	X(fault_minds_size_first, "fault-minds-size-first",                             \
	  "a fault past the end of a file fails even where the file has a page")        \
	/* migration and memory failure */                                              \
	X(move_hides_failure, "move-hides-failure",                                     \
	  "move_pages(2) does not tell that a page would not move")                     \
	X(migrate_strict_node, "migrate-strict-node",                                   \
	  "only offlining, failures and system calls migrate to other nodes")           \
	X(dissolve_takes_surplus, "dissolve-takes-surplus",                             \
	  "a dissolved page lowers the surplus of its node, if there is some")          \
	X(poison_signals_injector, "poison-signals-injector",                           \
	  "who injects a memory failure gets SIGBUS")                                   \
	X(poison_read_fails, "poison-read-fails",                                       \
	  "read(2) of a poisoned file page fails with EIO")                             \
	X(poison_leaves_file, "poison-leaves-file",                                     \
	  "a poisoned page is taken out of its file, which has a hole then")            \
	/* zones, CMA and long-term pins */                                             \
	X(cma_half, "cma-half",                                                         \
	  "movable memory comes from the CMA while that is over half of what is free")  \
	X(pin_minds_movable, "pin-minds-movable",                                       \
	  "a long-term pin does not leave pages in ZONE_MOVABLE either")                \
	X(pin_present_fails, "pin-present-fails",                                       \
	  "bug: a long-term pin of a huge page in the CMA or ZONE_MOVABLE fails")       \
	X(pin_fast_first, "pin-fast-first",                                             \
	  "a long-term pin that got its first pages at once fails with EFAULT only")    \
	X(pin_moved_sticks, "pin-moved-sticks",                                         \
	  "bug: what a long-term pin has moved does not move again while it is mapped") \
	X(fork_copies_pinned, "fork-copies-pinned",                                     \
	  "fork copies private pages that are pinned")                                  \
	X(sev_pins_longterm, "sev-pins-longterm",                                       \
	  "SEV registers guest memory with a long-term pin")                            \
	X(pin_thp_loops, "pin-thp-loops",                                               \
	  "bug: pinning transparent huge pages beside much CMA may never end")          \
	X(compaction_counts_cma, "compaction-counts-cma",                               \
	  "bug: memory to be pinned is compacted in vain where much of it is CMA")      \
	X(cma_moves_huge, "cma-moves-huge",                                             \
	  "an allocation from a CMA area moves the huge pages in it")                   \
	/* nodes */                                                                     \
	X(zonelist_load_by_place, "zonelist-load-by-place",                             \
	  "equally distant nodes are tried by where they stood in earlier lists")       \
	/* boot */                                                                      \
	X(boot_node_lists, "boot-node-lists", "hugepages=0:2,1:5 names nodes")          \
	X(boot_jobs_restart, "boot-jobs-restart",                                       \
	  "boot spreads small counts in jobs that each begin at node 0")

struct weir_rules {
#define X(field, word, what) bool field;
	WEIR_RULE_SWITCHES(X)
#undef X
	unsigned int hvo_kib_2m; /* MemTotal grows by this for each optimised 2M page; 0:
	                            no HVO */
};

struct weir_kernel {      /* a preset */
	const char *name; /* "6.12", "6.18.44" */
	struct weir_rules rules;
};

/* The presets, oldest first. */
extern const struct weir_kernel weir_kernels[];
extern const size_t weir_nr_kernels;
#define WEIR_KERNEL_DEFAULT "6.12"

/* Finds a preset by name; a release such as "6.12.117+deb12-amd64" gives the newest
 * preset that is not newer. Kernels older than the oldest preset are -ENOENT with words.
 */
int weir_kernel_find(struct weir_str name, size_t *out_idx, struct weir_err *err);

/* "6.12", or "6.12 -demote +reserve-by-charge". 0, -EBADMSG or -ENOENT with words. */
int weir_rules_parse(struct weir_str text, struct weir_rules *out, size_t *out_kernel,
                     struct weir_err *err);

/* "on" of an expectation: "6.12", "6.12+", "-6.6", several with commas, as a mask over
 * the presets: "6.12" means all presets of that name or below it ("6.18" covers 6.18.44),
 * "6.18+" from the first of them on. A release of three numbers that is no preset means
 * the one it is played by: "6.18.15" is 6.18 without 6.18.44. */
int weir_kernels_parse(struct weir_str text, uint64_t *out_mask, struct weir_err *err);

#endif
