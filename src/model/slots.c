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

bool weir_slots_set(struct weir_slots *slots, uint32_t idx, weir_page_id id,
                    uint32_t most)
{
	weir_page_id *slot;

	if (idx >= slots->length) {
		if (!id)
			return true;
		if (!grow(slots, idx, most))
			return false;
	}
	if (slots->length <= WEIR_SLOTS_CHUNK) {
		slot = &slots->flat[idx];
	} else {
		weir_page_id **chunk = &slots->chunks[idx / WEIR_SLOTS_CHUNK];

		if (!*chunk) {
			if (!id)
				return true;
			*chunk = calloc(WEIR_SLOTS_CHUNK, sizeof(**chunk));
			if (!*chunk)
				return false;
		}
		slot = &(*chunk)[idx % WEIR_SLOTS_CHUNK];
	}
	slots->used += (id != 0 ? 1U : 0U) - (*slot != 0 ? 1U : 0U);
	*slot = id;
	return true;
}

uint32_t weir_slots_next(const struct weir_slots *slots, uint32_t from, uint32_t end)
{
	uint32_t stop = end < slots->length ? end : slots->length;

	if (!slots->used)
		return end;
	for (uint32_t i = from; i < stop;) {
		const weir_page_id *chunk;

		if (slots->length <= WEIR_SLOTS_CHUNK) {
			if (slots->flat[i])
				return i;
			i++;
			continue;
		}
		chunk = slots->chunks[i / WEIR_SLOTS_CHUNK];
		if (!chunk) {
			i = (i / WEIR_SLOTS_CHUNK + 1) * WEIR_SLOTS_CHUNK;
			continue;
		}
		if (chunk[i % WEIR_SLOTS_CHUNK])
			return i;
		i++;
	}
	return end;
}
