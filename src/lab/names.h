/* names: what a scenario has named so far, so that a misspelt name is an error of its
 * line and not a puzzle of the run. Internal to the parser.
 *
 * Known is: which kind of thing a name is; which tasks live; which mappings a task may
 * have, made by itself or inherited by fork. Whether a thing is there at that moment is
 * for the run to say: a mmap may have failed. */
#ifndef WEIR_LAB_NAMES_H
#define WEIR_LAB_NAMES_H

#include "base/str.h"

#include <stdbool.h>

/* A name is one of these for the whole scenario, so that a trace and "NAME.blocks" are
 * clear. Names of mappings live in their task and do not take part. */
enum weir_name_kind {
	WEIR_NAME_NONE, /* not named yet, or only as a mapping */
	WEIR_NAME_TASK,
	WEIR_NAME_MOUNT,
	WEIR_NAME_GROUP,
	WEIR_NAME_MEMFD,
	WEIR_NAME_SEGMENT,
	WEIR_NAME_VM,
	WEIR_NAME_FILE, /* MOUNT/NAME */
};

struct weir_known_name {
	struct weir_str text;
	enum weir_name_kind kind;
	bool living;    /* a task that has not exited */
	uint32_t owner; /* of a living task: which nodes of the tree are its own */
	uint32_t root;  /* of a living task: its set of mappings */
};

struct weir_known {
	struct weir_known_name *v;
	size_t nr, cap;
	uint32_t *slots;               /* hash table of index + 1 into v; 0 is free */
	size_t nr_slots;               /* power of two */
	struct weir_known_node *nodes; /* nodes[0] is the empty set */
	size_t nr_nodes, cap_nodes;
	uint32_t last_owner;
};

/* The sets hold this many: script.h limits the steps, and a step names three at most. */
#define WEIR_KNOWN_MAX (UINT32_C(1) << 24)

void weir_known_done(struct weir_known *names);

/* The index of @text, which is entered when it is new. 0 or -ENOMEM. Adding may move the
 * names: an index stays, a pointer does not. */
int weir_known_enter(struct weir_known *names, struct weir_str text, uint32_t *out_id);

/* The name, or NULL when it was never entered. */
struct weir_known_name *weir_known_find(const struct weir_known *names,
                                        struct weir_str text);

/* A task begins with no mappings, or with those of @parent. */
void weir_known_start(struct weir_known *names, uint32_t task, const uint32_t *parent);

/* The task has named a mapping; did it, or its parent before the fork? */
int weir_known_map(struct weir_known *names, uint32_t task, uint32_t mapping);
bool weir_known_maps(const struct weir_known *names, const struct weir_known_name *task,
                     const struct weir_known_name *mapping);

#endif
