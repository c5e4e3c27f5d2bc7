/* start_steps: what the files that play a start share. Internal to the model.
 *
 * start.c has the whole, start_backend.c one memory backend, start_use.c what comes
 * after. */
#ifndef WEIR_MODEL_START_STEPS_H
#define WEIR_MODEL_START_STEPS_H

#include "base/least.h"
#include "model/start.h"

struct weir_starting {
	struct weir_model *m;
	const struct weir_start *start;
	struct weir_started *out;
	struct weir_task *task;
};

static inline uint64_t weir_base_pages(uint64_t bytes)
{
	return bytes / WEIR_BASE_PAGE + (bytes % WEIR_BASE_PAGE != 0);
}

/* The start ends so: false. */
bool weir_starting_fail(struct weir_starting *s, struct weir_start_end end);
/* A step that went well, with what it left: the least is what decides. */
void weir_starting_passed(struct weir_starting *s, struct weir_start_end end);

/* Nodes that the process may use before anything is bound. */
uint64_t weir_starting_nodes(struct weir_starting *s);
bool weir_starting_is_pinned(const struct weir_starting *s);

/* ---- of backend @i ---- */

struct weir_pool *weir_starting_pool(struct weir_starting *s,
                                     const struct weir_start_memory *mem);
/* Maps, registers, binds and preallocates it. False: the start failed. */
bool weir_starting_add(struct weir_starting *s, size_t i);
/* All of its pages are there afterwards. @step: on whose behalf. */
bool weir_starting_fill(struct weir_starting *s, size_t i, enum weir_start_step step);
bool weir_starting_is_filled(const struct weir_starting *s, size_t i);
struct weir_vma *weir_starting_vma(struct weir_starting *s, size_t i); /* of huge pages */
uint64_t weir_starting_mapped(struct weir_starting *s, size_t i);

uint64_t weir_starting_ram_bytes(const struct weir_starting *s);
uint64_t weir_pool_pinnable_free(const struct weir_pool *pool, uint64_t nodes);

#endif
