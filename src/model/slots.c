/* slots: see slots.h. */
#include "model/slots.h"

#include <stdlib.h>
#include <string.h>

static uint32_t nr_chunks(uint32_t length)
{
	return length / WEIR_SLOTS_CHUNK + (length % WEIR_SLOTS_CHUNK != 0);
}

void weir_slots_done(struct weir_slots *slots)
{
	if (slots->length > WEIR_SLOTS_CHUNK)
		for (uint32_t i = 0; i < nr_chunks(slots->length); i++)
			free(slots->chunks[i]);
	free(slots->flat);
	*slots = (struct weir_slots){ 0 };
}

/* Past one chunk: an array of chunks, of which the one there was becomes the first. */
static bool grow_chunks(struct weir_slots *slots, uint32_t length)
{
	uint32_t was = slots->length > WEIR_SLOTS_CHUNK ? nr_chunks(slots->length) : 0;
	uint32_t is = nr_chunks(length);
	weir_page_id **chunks;

	if (!was) {
		weir_page_id *first = calloc(WEIR_SLOTS_CHUNK, sizeof(*first));

		chunks = calloc(is, sizeof(weir_page_id *));
		if (!first || !chunks) {
			free(first);
			free(chunks);
			return false;
		}
		if (slots->length)
			memcpy(first, slots->flat, slots->length * sizeof(*first));
		free(slots->flat);
		chunks[0] = first;
	} else {
		chunks = realloc(slots->chunks, is * sizeof(weir_page_id *));
		if (!chunks)
			return false;
		memset(chunks + was, 0, (is - was) * sizeof(weir_page_id *));
	}
	slots->chunks = chunks;
	slots->length = is > UINT32_MAX / WEIR_SLOTS_CHUNK ? UINT32_MAX
	                                                   : is * WEIR_SLOTS_CHUNK;
	return true;
}

static bool grow(struct weir_slots *slots, uint32_t idx, uint32_t most)
{
	uint64_t length = slots->length ? (uint64_t)slots->length * 2 : 4;
	weir_page_id *flat;

	if (length <= idx)
		length = (uint64_t)idx + 1;
	if (length > most)
		length = most;
	if (length > WEIR_SLOTS_CHUNK)
		return grow_chunks(slots, (uint32_t)length);
	flat = realloc(slots->flat, length * sizeof(*flat));
	if (!flat)
		return false;
	memset(flat + slots->length, 0, (length - slots->length) * sizeof(*flat));
	slots->flat = flat;
	slots->length = (uint32_t)length;
	return true;
}

/* The place of an index that has room. NULL: out of memory. */
static weir_page_id *place_of(struct weir_slots *slots, uint32_t idx)
{
	weir_page_id **chunk;

	if (slots->length <= WEIR_SLOTS_CHUNK)
		return &slots->flat[idx];
	chunk = &slots->chunks[idx / WEIR_SLOTS_CHUNK];
	if (!*chunk)
		*chunk = calloc(WEIR_SLOTS_CHUNK, sizeof(**chunk));
	return *chunk ? &(*chunk)[idx % WEIR_SLOTS_CHUNK] : NULL;
}

bool weir_slots_set(struct weir_slots *slots, uint32_t idx, weir_page_id id,
                    uint32_t most)
{
	weir_page_id *slot;

	if (!id && !weir_slots_get(slots, idx))
		return true;
	if (idx >= slots->length && !grow(slots, idx, most))
		return false;
	slot = place_of(slots, idx);
	if (!slot)
		return false;
	slots->used += (id != 0 ? 1U : 0U) - (*slot != 0 ? 1U : 0U);
	*slot = id;
	return true;
}

/* Of the indexes from @from below @end, those that lie in the same array as the first:
 * returns it, NULL where it is not there, and *nr how many they are. */
static const weir_page_id *piece(const struct weir_slots *slots, uint32_t from,
                                 uint32_t end, uint32_t *nr)
{
	uint32_t left = WEIR_SLOTS_CHUNK - from % WEIR_SLOTS_CHUNK;
	const weir_page_id *chunk = slots->length <= WEIR_SLOTS_CHUNK
	                                    ? slots->flat
	                                    : slots->chunks[from / WEIR_SLOTS_CHUNK];

	*nr = end - from < left ? end - from : left;
	return chunk ? chunk + from % WEIR_SLOTS_CHUNK : NULL;
}

bool weir_slots_put(struct weir_slots *slots, uint32_t idx, const weir_page_id *ids,
                    uint32_t nr, uint32_t most)
{
	uint32_t n;

	if (nr && idx + nr > slots->length && !grow(slots, idx + nr - 1, most))
		return false;
	for (; nr; nr -= n, idx += n, ids += n) {
		weir_page_id *slot = place_of(slots, idx);

		if (!slot)
			return false;
		(void)piece(slots, idx, idx + nr, &n);
		memcpy(slot, ids, n * sizeof(*slot));
		slots->used += n;
	}
	return true;
}

static uint32_t stop_at(const struct weir_slots *slots, uint32_t end)
{
	if (!slots->used)
		return 0;
	return end < slots->length ? end : slots->length;
}

uint32_t weir_slots_count(const struct weir_slots *slots, uint32_t from, uint32_t end)
{
	uint32_t stop = stop_at(slots, end), used = 0, n;

	for (uint32_t i = from; i < stop; i += n) {
		const weir_page_id *ids = piece(slots, i, stop, &n);

		for (uint32_t k = 0; ids && k < n; k++)
			used += ids[k] != 0;
	}
	return used;
}

uint32_t weir_slots_next(const struct weir_slots *slots, uint32_t from, uint32_t end)
{
	uint32_t stop = stop_at(slots, end), n;

	for (uint32_t i = from; i < stop; i += n) {
		const weir_page_id *ids = piece(slots, i, stop, &n);

		for (uint32_t k = 0; ids && k < n; k++)
			if (ids[k])
				return i + k;
	}
	return end;
}
