/* held_frames: which page frames a private mapping has. After a fork parent and child
 * count the same pages as their own; by their frames it can be told which are the same.
 */
#ifndef WEIR_FACTS_HELD_FRAMES_H
#define WEIR_FACTS_HELD_FRAMES_H

#include "facts/holdings.h"

/* True for a mapping whose own pages other processes may have too, after a fork. */
bool weir_holding_map_is_shared_copy(const struct weir_holding_map *map);

struct weir_held_frame {
	uint64_t pfn;
	size_t map; /* of which mapping */
};

struct weir_held_frames {
	struct weir_held_frame *v;
	size_t nr, cap;
};

void weir_held_frames_done(struct weir_held_frames *frames);

/* Adds the page frames of a mapping's own pages. -EACCES where they are hidden, -ENOENT
 * in a capture without them, other errors of reading; -EBADMSG. */
int weir_held_frames_read(const struct weir_host *host, const struct weir_holdings *all,
                          size_t map, struct weir_held_frames *out);

/* A line of the text below "/@/frames/". */
bool weir_held_frame_parse(struct weir_str line, uint64_t *index, uint64_t *pfn);

/* Asks for the frames of all mappings that share their own pages with others, as a ledger
 * will: for captures. 0 or -ENOMEM. */
int weir_held_frames_ask(const struct weir_host *host, const struct weir_holdings *all);

#endif
