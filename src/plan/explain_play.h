/* explain_play: a write to a pool on a model of the host, as plain numbers. Internal to
 * explain*.c: the model's headers and those of the facts do not go into one file. */
#ifndef WEIR_PLAN_EXPLAIN_PLAY_H
#define WEIR_PLAN_EXPLAIN_PLAY_H

#include "base/buf.h"
#include "base/err.h"
#include "model/memory.h"
#include "plan/explain.h"

/* A node's zone after the write: bytes, and pages that a write could still get there.
 * Each number of pages counts those before it in; all are found by taking them on the
 * model. */
struct weir_played_zone {
	bool there;
	uint64_t free_bytes, cma_bytes; /* the second: of the first */
	uint64_t min_bytes, reserve_bytes;
	uint64_t now;       /* as it is */
	uint64_t compacted; /* all that is free gathered into whole blocks: from above */
	uint64_t dropped;   /* ... and clean page cache given back */
	uint64_t unkept;    /* ... and nothing kept below the watermarks */
};

struct weir_played {
	struct weir_explain_outcome came;
	uint64_t allowed;  /* nodes that the write goes by */
	bool gigantic;     /* larger than the blocks of the buddy allocator */
	bool ranges_known; /* for which came.is and came.total_min are bounds */
	bool wraps; /* bug of the kernel: the node\'s target became all memory, 2.2 */
	uint64_t new_cma, new_movable; /* more pages of the pool there than before */
	struct weir_played_zone zones[WEIR_EXPLAIN_NODES_MAX][WEIR_ZONE_NR];
};

/* Plays @what, or with @only_look nothing. -ENOENT without words: no such size or node on
 * this host; else as weir_load(), whose @notes are a line each. */
int weir_explain_play(const struct weir_snapshot *snap,
                      const struct weir_explain_write *what, bool only_look,
                      struct weir_played *out, struct weir_buf *notes,
                      struct weir_err *err);

#endif
