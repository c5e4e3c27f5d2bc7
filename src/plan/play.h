/* play: demands on a model: the one place where an ask becomes a start. Internal to the
 * model's side of plan: who includes this cannot include facts. */
#ifndef WEIR_PLAN_PLAY_H
#define WEIR_PLAN_PLAY_H

#include "lab/load.h"
#include "lab/world.h"
#include "model/start.h"
#include "plan/ask.h"

/* What is changed before anything starts: what a remedy would do. Zero: nothing. */
struct weir_change {
	uint64_t page_bytes;     /* the pool that is meant */
	uint64_t overcommit;     /* raised by so many pages */
	uint64_t grow;           /* the pool grown by so many pages */
	uint64_t shrink;         /* ... or made smaller */
	int grow_node;           /* on this node; -1: on all */
	uint64_t move_out_pages; /* of move_out_nodes: so many of each */
	uint64_t move_out_nodes; /* pool pages of these nodes moved out of the CMA */
	uint64_t nodes;          /* VM @vm is confined to these */
	bool base_pages;         /* VM @vm gets no huge pages */
	uint64_t other_pages;    /* VM @vm gets huge pages of this size */
	size_t vm;
	size_t first; /* this VM starts first; SIZE_MAX: in order */
};

struct weir_played { /* a VM */
	struct weir_start start;
	struct weir_start_memory memory[WEIR_START_MEMORIES_MAX];
	struct weir_started vm;
	bool started, dies;
	struct weir_start_end end; /* why it did not start, or how it dies */
};

struct weir_play {
	struct weir_world *world;
	bool place_known;
	struct weir_played *vms; /* as the asks */
	size_t nr;
	struct { /* files that VMs of one play share */
		const char *path;
		struct weir_file *file;
	} * files;
	size_t nr_files, cap_files;
};

/* One ask as a start, on a play whose world is there. 0 or -ENOMEM. */
int weir_play_prepare(struct weir_play *play, const struct weir_ask *ask, size_t idx,
                      const struct weir_change *change);

/* A model of the host with all @asks played, in order; refused ones are passed over.
 * @use: afterwards every guest uses all of its memory, in order. *changed: whether what
 * @change wants could be done. 0, or as weir_load(). */
int weir_play(const struct weir_snapshot *snap, const struct weir_load_options *options,
              const struct weir_ask *asks, size_t nr, const struct weir_change *change,
              bool use, struct weir_play **out, struct weir_buf *notes,
              struct weir_err *err);
/* So many more of a node's free pages become pinnable, as far as it goes: they are
 * faulted and pinned, and let go. */
void weir_play_move_out(struct weir_model *m, struct weir_pool *pool, unsigned int node,
                        uint64_t pages);

void weir_play_free(struct weir_play *play);
void weir_play_freep(struct weir_play **play);

#endif
