/* maps: the steps on mappings. See maps.h.
 *
 * A mapping is placed where the twin says: each at a multiple of TWIN_SLOT above those
 * before it, so that the order of addresses is the order of creation, on every kernel. */
#include "maps.h"

#include "calls.h"
#include "pins.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Younger than the libc headers of some builds, or hidden there. */
#define MADV_HWPOISON_       100
#define MADV_SOFT_OFFLINE_   101
#define MADV_POPULATE_READ_  22
#define MADV_POPULATE_WRITE_ 23

/* The pages of a mapping that a step is about. Positive errno by the rules in world.h. */
static int range(const struct weir_step *step, const struct twin_map *map,
                 uint64_t *start, uint64_t *count)
{
	*start = 0;
	*count = map->nr_pages;
	if (step->verb == WEIR_VERB_SOFT_OFFLINE || step->verb == WEIR_VERB_POISON) {
		*start = step->start;
		*count = 1;
	} else if (step->flags & WEIR_STEP_RANGE) {
		*start = step->start;
		*count = step->count;
	}
	if (*count == 0 || *start > map->nr_pages || *count > map->nr_pages - *start)
		return EINVAL;
	return 0;
}

void twin_map_make(struct twin *t, struct twin_task *task, const struct weir_step *step,
                   struct twin_result *result)
{
	static const struct {
		unsigned int word;
		unsigned int flag;
	} flags[] = {
		{ WEIR_STEP_NORESERVE, MAP_NORESERVE },
		{ WEIR_STEP_POPULATE, MAP_POPULATE },
		{ WEIR_STEP_LOCKED, MAP_LOCKED },
	};
	struct twin_ask request = TWIN_CALL(.nr = SYS_mmap);
	const struct twin_file *file = NULL;
	uint64_t page = twin_size_of(t, step->page_bytes);
	unsigned int how = MAP_FIXED_NOREPLACE;
	int fd = -1;

	if (twin_map_find(task, step->name)) {
		twin_fail(result, EEXIST);
		return;
	}
	if (step->other.n) {
		file = twin_file_find(t, step->other);
		if (!file) {
			twin_fail(result, ENOENT);
			return;
		}
		page = file->page_bytes;
		fd = twin_open_file(t, task, file, result);
		if (fd < 0)
			return;
	} else {
		how |= MAP_ANONYMOUS | MAP_HUGETLB | twin_huge_flags(page);
	}
	how |= step->flags & WEIR_STEP_SHARED ? MAP_SHARED : MAP_PRIVATE;
	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
		how |= step->flags & flags[i].word ? flags[i].flag : 0;
	request.arg[0] = task->next_at;
	request.arg[1] = step->pages * page;
	request.arg[2] = step->flags & WEIR_STEP_READONLY ? PROT_READ
	                                                  : PROT_READ | PROT_WRITE;
	request.arg[3] = how;
	request.arg[4] = (uint64_t)(int64_t)fd;
	request.arg[5] = step->offset * page;
	if (twin_call(task, &request, result) &&
	    !twin_map_add(task, step->name, page, step->pages))
		twin_fail(result, ENOMEM);
	if (fd >= 0)
		twin_close(task, fd);
}

void twin_map_attach(struct twin *t, struct twin_task *task, const struct weir_step *step,
                     struct twin_result *result)
{
	const struct twin_segment *segment = twin_segment_find(t, step->name);
	struct twin_ask request = TWIN_CALL(.nr = SYS_shmat);
	struct twin_map *map;

	if (!segment) {
		twin_fail(result, ENOENT);
		return;
	}
	if (twin_map_find(task, step->other)) {
		twin_fail(result, EEXIST);
		return;
	}
	request.arg[0] = (uint64_t)segment->id;
	request.arg[1] = task->next_at;
	if (!twin_call(task, &request, result))
		return;
	map = twin_map_add(task, step->other, segment->page_bytes, segment->nr_pages);
	if (map)
		map->attached = true;
	else
		twin_fail(result, ENOMEM);
}

static void do_unmap(struct twin_task *task, const struct weir_step *step,
                     struct twin_map *map, uint64_t start, uint64_t count,
                     struct twin_result *result)
{
	struct twin_ask request = TWIN_CALL(.nr = SYS_munmap);

	request.arg[0] = map->at + start * map->page_bytes;
	request.arg[1] = count * map->page_bytes;
	if (map->attached && !(step->flags & WEIR_STEP_RANGE))
		request.nr = SYS_shmdt;
	if (!twin_call(task, &request, result))
		return;
	memset(map->gone + start, true, count);
	if (!memchr(map->gone, false, map->nr_pages))
		twin_map_drop(task, map);
}

/* mremap, in place or to the next slot. */
static void do_mremap(struct twin_task *task, const struct weir_step *step,
                      struct twin_map *map, struct twin_result *result)
{
	struct twin_ask request = TWIN_CALL(.nr = SYS_mremap);
	uint64_t bytes = map->nr_pages * map->page_bytes;

	request.arg[0] = map->at;
	request.arg[1] = request.arg[2] = bytes;
	if (step->verb == WEIR_VERB_RESIZE) {
		request.arg[2] = step->pages * map->page_bytes;
		if (twin_call(task, &request, result) && step->pages < map->nr_pages)
			map->nr_pages = step->pages;
		if (!memchr(map->gone, false, map->nr_pages))
			twin_map_drop(task, map);
		return;
	}
	request.arg[3] = MREMAP_MAYMOVE | MREMAP_FIXED;
	request.arg[4] = task->next_at;
	if (!twin_call(task, &request, result))
		return;
	map->at = task->next_at;
	task->next_at += (bytes + TWIN_SLOT - 1) & ~(TWIN_SLOT - 1);
	twin_map_to_end(task, map);
}

static void do_advice(struct twin_task *task, const struct weir_step *step,
                      const struct twin_map *map, uint64_t start, uint64_t count,
                      struct twin_result *result)
{
	static const int advice[WEIR_VERB_NR] = {
		[WEIR_VERB_DONTNEED] = MADV_DONTNEED,
		[WEIR_VERB_REMOVE] = MADV_REMOVE,
		[WEIR_VERB_POPULATE] = MADV_POPULATE_WRITE_,
		[WEIR_VERB_POPULATE_READ] = MADV_POPULATE_READ_,
		[WEIR_VERB_SOFT_OFFLINE] = MADV_SOFT_OFFLINE_,
		[WEIR_VERB_POISON] = MADV_HWPOISON_,
	};
	struct twin_ask request = TWIN_CALL(.nr = SYS_madvise);

	request.arg[0] = map->at + start * map->page_bytes;
	request.arg[1] = count * map->page_bytes;
	request.arg[2] = (uint64_t)advice[step->verb];
	(void)twin_call(task, &request, result);
}

/* Steps on the pages of a mapping. */
void twin_map_step(struct twin_task *task, const struct weir_step *step,
                   struct twin_result *result)
{
	struct twin_map *map = twin_map_find(task, step->name);
	struct twin_ask request = { 0 };
	uint64_t start, count;
	int err = map ? 0 : ENOENT;

	if (!err && (step->verb == WEIR_VERB_RESIZE || step->verb == WEIR_VERB_MOVE)) {
		do_mremap(task, step, map, result);
		return;
	}
	if (!err)
		err = range(step, map, &start, &count);
	if (err) {
		twin_fail(result, err);
		return;
	}
	request.arg[0] = map->at + start * map->page_bytes;
	request.arg[1] = count * map->page_bytes;
	switch ((unsigned int)step->verb) {
	case WEIR_VERB_UNMAP: do_unmap(task, step, map, start, count, result); return;
	case WEIR_VERB_TOUCH:
	case WEIR_VERB_READ:
	case WEIR_VERB_MIGRATE:
		request.op = step->verb == WEIR_VERB_TOUCH  ? TWIN_OP_TOUCH
		             : step->verb == WEIR_VERB_READ ? TWIN_OP_READ
		                                            : TWIN_OP_MIGRATE;
		request.arg[1] = count;
		request.arg[2] = map->page_bytes;
		request.arg[3] = step->node;
		break;
	case WEIR_VERB_PIN:
		twin_pin_range(task, request.arg[0], request.arg[1], result);
		return;
	case WEIR_VERB_UNPIN:
		twin_unpin_range(task, request.arg[0], request.arg[1], result);
		return;
	case WEIR_VERB_LOCK: request.nr = SYS_mlock; break;
	case WEIR_VERB_BIND:
		request.nr = SYS_mbind;
		twin_add_policy(&request, &step->policy, 2);
		break;
	default: do_advice(task, step, map, start, count, result); return;
	}
	(void)twin_call(task, &request, result);
}
