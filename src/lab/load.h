/* load: a host as a model: what a snapshot tells, built with the model's own operations.
 *
 * The counters of the pools come out as they were read, on each node. What the snapshot
 * cannot tell is arranged so that they do:
 *
 *   - Pages in use belong to a task "host": to files that it made on the mounts that have
 *     limits, up to what these have in use, and to a memfd of each size, "host-2M". Which
 *     process has which page is not known here (src/holders will know).
 *   - Reserved pages are promised to shared mappings of the same files; what mounts hold
 * of their minimum is taken off first. Of a mount with min_size= alone the kernel does
 * not tell what is in use: as little as the pool's counts allow.
 *   - What cgroups are charged is charged to them as far as there are pages: those of a
 *     mount and those of a group are taken to be the same ones, which no file tells.
 *   - Memory under the pools is what the zones tell; without /proc/zoneinfo MemFree in
 * one piece. What stands in a CMA and is no pool page can move; the page cache is given
 *     back as far as MemAvailable counts it.
 *   - Where pool pages lie, when /proc/kpageflags could not be read, is bounded from the
 *     zones' counts (enum weir_load_place): what the CMA gave away are pool pages, or the
 *     zone's LRU pages and CSV3's.
 *   - The next page is taken from, and given back to, the first node: where the kernel's
 *     own turn stands is not told.
 *
 * Mounts are named by the last part of their path ("/dev/hugepages": hugepages), further
 * ones of that name by a number, and stand below /mnt in a rendered host. */
#ifndef WEIR_LAB_LOAD_H
#define WEIR_LAB_LOAD_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_host;
struct weir_snapshot;
struct weir_world;

/* Where pool pages lie is not told to all: as few of them as can be in places where
 * nothing may be pinned (the CMA, ZONE_MOVABLE), or as many. */
enum weir_load_place { WEIR_LOAD_FEW, WEIR_LOAD_MOST };

/* @kernel: as weir_rules_parse() takes it, or NULL: by the snapshot's release. @notes, if
 * not NULL: what was not known and what was taken instead, a line each, is added to it.
 * 0 and *out; -EINVAL, -ENOENT or -EBADMSG with words for what cannot be a model (nodes
 * past 63, no huge pages, an unknown kernel); -ENOMEM. */
int weir_load(const struct weir_snapshot *snap, const char *kernel,
              struct weir_world **out, struct weir_buf *notes, struct weir_err *err);

/* The same with a choice of where the pools' pages lie. *place_known, if not NULL: the
 * choice made no difference. */
struct weir_load_given { /* pages in use that are free in the model */
	uint64_t page_bytes, pages;
	int node; /* -1: wherever some are in use */
};
struct weir_load_options {
	const char *kernel;
	enum weir_load_place place;
	bool without_pools; /* a host without huge pages will do */
	/* what is given back before anything else happens */
	const struct weir_load_given *given;
	size_t nr_given;
};
int weir_load_placed(const struct weir_snapshot *snap,
                     const struct weir_load_options *options, struct weir_world **out,
                     bool *place_known, struct weir_buf *notes, struct weir_err *err);

/* The same of a host, which is read here. */
int weir_load_host(const struct weir_host *host, const char *kernel,
                   struct weir_world **out, struct weir_buf *notes, struct weir_err *err);

#endif
