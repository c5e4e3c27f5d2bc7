/* slots: which page stands at which index of a file or a mapping. A sparse array.
 *
 * Small ones are one array; larger ones are cut into chunks that exist once something is
 * in them, so that a mapping of a terabyte costs little until it is touched. */
#ifndef WEIR_MODEL_SLOTS_H
#define WEIR_MODEL_SLOTS_H

#include "model/pool.h"

#define WEIR_SLOTS_CHUNK 512U

struct weir_slots {
	union {
		weir_page_id *flat;    /* length up to one chunk */
		weir_page_id **chunks; /* else; NULL where empty */
	};
	uint32_t length; /* indexes that have room; grows when one beyond is set */
	uint32_t used;   /* indexes that hold a page */
};

void weir_slots_done(struct weir_slots *slots);

/* 0 where nothing is. */
static inline weir_page_id weir_slots_get(const struct weir_slots *slots, uint64_t idx)
{
	const weir_page_id *chunk;

	if (idx >= slots->length)
		return 0;
	if (slots->length <= WEIR_SLOTS_CHUNK)
		return slots->flat[idx];
	chunk = slots->chunks[idx / WEIR_SLOTS_CHUNK];
	return chunk ? chunk[idx % WEIR_SLOTS_CHUNK] : 0;
}

/* Sets an index, or empties it with 0. @most: no index of these slots is that high; small
 * slots then take no more room than they need. False: out of memory, nothing changed. */
bool weir_slots_set(struct weir_slots *slots, uint32_t idx, weir_page_id id,
                    uint32_t most);

/* Fills [idx, idx + nr), which are empty, with pages, none of them 0. False: out of
 * memory, with a part of them in. */
bool weir_slots_put(struct weir_slots *slots, uint32_t idx, const weir_page_id *ids,
                    uint32_t nr, uint32_t most);

/* How many of [from, end) hold a page. */
uint32_t weir_slots_count(const struct weir_slots *slots, uint32_t from, uint32_t end);

/* The first index from @from below @end that holds a page; @end when none does. */
uint32_t weir_slots_next(const struct weir_slots *slots, uint32_t from, uint32_t end);

#endif
