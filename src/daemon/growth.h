/* growth: makes pools larger, and gives back what it made: by `weir set` as a process of
 * its own, so that the same plans, guards, lock and journal hold as for anybody. One at a
 * time. After a refusal it waits a minute before it asks again.
 *
 * What was grown is kept in a file beside the state, by boot, so that a weird that was
 * started again gives back no more than weird grew. */
#ifndef WEIR_DAEMON_GROWTH_H
#define WEIR_DAEMON_GROWTH_H

#include "base/err.h"
#include "base/str.h"
#include "daemon/loop.h"

#include <sys/types.h>

#define WEIR_GROWTH_MAX 256U /* pools */

struct weir_grown { /* pages that weird has added to a pool */
	uint64_t page_bytes, pages;
	int node; /* -1: of all nodes together */
};

struct weir_growth_calls {
	/* Persistent pages of a pool now; false: not known. */
	bool (*pages)(void *ctx, uint64_t page_bytes, int node, uint64_t *out);
	/* It has ended: @got pages of @wanted came or went (@more: came). @why: "" when
	 * that was all, else words. */
	void (*done)(void *ctx, const struct weir_grown *pool, bool more, uint64_t got,
	             const char *why);
};

struct weir_growth;

/* @weir: the program. @path: of the file. */
int weir_growth_new(struct weir_loop *loop, const char *weir, const char *path,
                    const struct weir_growth_calls *calls, void *ctx,
                    struct weir_growth **out, struct weir_err *err);
/* What runs goes on; it is `weir`'s own business to end well. */
void weir_growth_free(struct weir_growth *growth);

/* May something be asked now? Not while a change is at work, or a minute after one that
 * did not do all. */
bool weir_growth_may(const struct weir_growth *growth);

/* Begins: @pool->pages more, or fewer. @floor: NULL, or as --floor takes it. 0 or with
 * words. */
int weir_growth_begin(struct weir_growth *growth, const struct weir_grown *pool,
                      bool more, const char *floor, struct weir_err *err);

/* Why the last one of this pool did not do all, or "". */
const char *weir_growth_why(const struct weir_growth *growth, uint64_t page_bytes,
                            int node);

/* Pages of a pool that are weird's to give back. */
uint64_t weir_growth_of(const struct weir_growth *growth, uint64_t page_bytes, int node);

bool weir_growth_has_any(const struct weir_growth *growth);

/* A child has ended (SIGCHLD): true when it was this one's. */
bool weir_growth_ended(struct weir_growth *growth, pid_t pid, int status);

/* What weir set --json has to say of why: into @out, "" for nothing. Pure. */
void weir_growth_reason(struct weir_str json, char *out, size_t cap);

/* The file's text: "grown PAGE NODE PAGES" a line. Pure. */
int weir_grown_parse(struct weir_str text, const char *boot_id, struct weir_grown *out,
                     size_t max, size_t *nr);

#endif
