/* pinned: buffers that are registered with io_uring, onto the holds whose pages they pin.
 * The kernel tells their addresses, and the mappings tell what is there now. Buffers of a
 * process that lie over each other count once. */
#include "holders/match.h"

#include "base/own.h"

#include <errno.h>
#include <stdlib.h>

struct range {
	uint64_t start, end;
};

static int by_start(const void *a, const void *b)
{
	const struct range *x = a, *y = b;

	return (x->start > y->start) - (x->start < y->start);
}

/* The buffers in order, without overlaps. NULL: out of memory. */
static struct range *ranges_of(const struct weir_pinner *pinner, size_t *nr)
{
	struct range *v = calloc(pinner->nr_buffers + 1, sizeof(*v));

	*nr = 0;
	if (!v)
		return NULL;
	for (size_t i = 0; i < pinner->nr_buffers; i++) {
		v[i].start = pinner->buffers[i].start;
		v[i].end = pinner->buffers[i].start + pinner->buffers[i].bytes;
	}
	if (pinner->nr_buffers)
		qsort(v, pinner->nr_buffers, sizeof(*v), by_start);
	for (size_t i = 0; i < pinner->nr_buffers; i++) {
		if (!*nr || v[i].start > v[*nr - 1].end)
			v[(*nr)++] = v[i];
		else if (v[i].end > v[*nr - 1].end)
			v[*nr - 1].end = v[i].end;
	}
	return v;
}

static uint64_t inside(const struct range *v, size_t nr,
                       const struct weir_holding_map *map)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < nr; i++) {
		uint64_t from = v[i].start > map->start ? v[i].start : map->start;
		uint64_t to = v[i].end < map->end ? v[i].end : map->end;

		sum += to > from ? to - from : 0;
	}
	return sum;
}

/* Of each file the hold of its shared mappings, and that of the private ones behind it:
 * index + 1, 0 none. There may be a file for each page. NULL: out of memory. */
static size_t *holds_of_files(const struct weir_ledger *ledger)
{
	size_t *v = calloc(2 * ledger->holdings.files.nr + 2, sizeof(*v));

	for (size_t i = ledger->nr_holds; v && i-- > 0;) {
		const struct weir_hold *hold = &ledger->holds[i];

		if (hold->file != WEIR_HOLD_NONE)
			v[2 * hold->file + (hold->kind == WEIR_HOLD_PRIVATE)] = i + 1;
	}
	return v;
}

static bool is_of(const struct weir_ledger *ledger, size_t task,
                  const struct weir_pinner *pinner)
{
	return ledger->holdings.tasks[task].pid == pinner->pid;
}

/* A ring that does not tell may have anything of its process. */
static void forget(struct weir_ledger *ledger, const struct weir_pinner *pinner)
{
	for (size_t i = 0; i < ledger->nr_holds; i++)
		for (size_t k = 0; k < ledger->holds[i].nr_users; k++)
			if (is_of(ledger, ledger->holds[i].users[k].task, pinner))
				ledger->holds[i].registered_bytes =
					(struct weir_count){ 0 };
}

static int find_pins_of(struct weir_ledger *ledger, const size_t *holds,
                        const struct weir_pinner *pinner)
{
	weir_auto(weir_freep) struct range *v = NULL;
	size_t nr;

	if (!pinner->nr_buffers)
		return 0;
	v = ranges_of(pinner, &nr);
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < ledger->holdings.nr_maps; i++) {
		const struct weir_holding_map *map = &ledger->holdings.maps[i];
		size_t hold = holds[2 * map->file + !map->shared];

		if (hold && is_of(ledger, map->task, pinner))
			ledger->holds[hold - 1].registered_bytes.n += inside(v, nr, map);
	}
	return 0;
}

int weir_ledger_find_pins(struct weir_ledger *ledger)
{
	weir_auto(weir_freep) size_t *holds = holds_of_files(ledger);
	int r = holds ? 0 : -ENOMEM;

	for (size_t i = 0; i < ledger->nr_holds; i++)
		ledger->holds[i].registered_bytes = WEIR_COUNT(0);
	for (size_t i = 0; r == 0 && i < ledger->pinners.nr; i++)
		r = find_pins_of(ledger, holds, &ledger->pinners.v[i]);
	for (size_t i = 0; i < ledger->pinners.nr; i++)
		if (!ledger->pinners.v[i].buffers_known)
			forget(ledger, &ledger->pinners.v[i]);
	return r;
}

int weir_pinner_outside(const struct weir_ledger *ledger,
                        const struct weir_pinner *pinner, uint64_t *out)
{
	weir_auto(weir_freep) struct range *v = NULL;
	size_t nr;

	*out = 0;
	if (!pinner->nr_buffers)
		return 0;
	v = ranges_of(pinner, &nr);
	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < nr; i++)
		*out += v[i].end - v[i].start;
	for (size_t i = 0; i < ledger->holdings.nr_maps; i++)
		if (is_of(ledger, ledger->holdings.maps[i].task, pinner))
			*out -= inside(v, nr, &ledger->holdings.maps[i]);
	return 0;
}
