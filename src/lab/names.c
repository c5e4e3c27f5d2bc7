/* names: see names.h.
 *
 * Names become numbers by a hash table. A task's mappings are a set of such numbers, and
 * a fork copies the set. Copying it for real would make a scenario of many forks
 * quadratic, so the sets are trees that share what they have in common: what stood before
 * a fork belongs to neither side from then on, and who adds a mapping copies the nodes on
 * the way down that are not his own. Nothing is given back before the end of the parse; a
 * step adds LEVELS nodes at most.
 *
 * The hash is not keyed. Who writes names to collide makes his own parse slow, within the
 * limits of script.h. */
#include "lab/names.h"

#include "base/buf.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#define LEVELS 6 /* of four bits each: WEIR_KNOWN_MAX */
#define FAN    16

struct weir_known_node {
	uint32_t owner;
	uint32_t child[FAN]; /* index of a node, 0 for none; on the last level 1: present
	                      */
};

_Static_assert(UINT32_C(1) << (4 * LEVELS) == WEIR_KNOWN_MAX, "the tree holds all names");

void weir_known_done(struct weir_known *names)
{
	free(names->v);
	free(names->slots);
	free(names->nodes);
	*names = (struct weir_known){ 0 };
}

/* FNV-1a, with its high bits folded in because the table uses the low ones. */
static size_t hash(struct weir_str s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < s.n; i++)
		h = (h ^ (unsigned char)s.p[i]) * UINT64_C(0x100000001b3);
	return (size_t)(h ^ (h >> 29));
}

/* The slot where @text is, or where it would go; there is a free one at all times. */
static size_t probe(const struct weir_known *names, struct weir_str text)
{
	size_t at = hash(text) & (names->nr_slots - 1);

	while (names->slots[at]) {
		struct weir_str have = names->v[names->slots[at] - 1].text;

		if (have.n == text.n && memcmp(have.p, text.p, text.n) == 0)
			break;
		at = (at + 1) & (names->nr_slots - 1);
	}
	return at;
}

/* Keeps the table at most half full. */
static int make_room(struct weir_known *names)
{
	struct weir_known bigger = *names;

	if (names->nr < names->nr_slots / 2)
		return 0;
	bigger.nr_slots = names->nr_slots ? names->nr_slots * 2 : 64;
	bigger.slots = calloc(bigger.nr_slots, sizeof(*bigger.slots));
	if (!bigger.slots)
		return -ENOMEM;
	for (uint32_t i = 0; i < names->nr; i++)
		bigger.slots[probe(&bigger, names->v[i].text)] = i + 1;
	free(names->slots);
	*names = bigger;
	return 0;
}

int weir_known_enter(struct weir_known *names, struct weir_str text, uint32_t *out_id)
{
	size_t at;
	int r;

	r = make_room(names);
	if (r < 0)
		return r;
	at = probe(names, text);
	if (!names->slots[at]) {
		assert(names->nr < WEIR_KNOWN_MAX);
		r = weir_grow(&names->v, &names->cap, names->nr, sizeof(*names->v));
		if (r < 0)
			return r;
		names->v[names->nr].text = text;
		names->slots[at] = (uint32_t)++names->nr;
	}
	*out_id = names->slots[at] - 1;
	return 0;
}

struct weir_known_name *weir_known_find(const struct weir_known *names,
                                        struct weir_str text)
{
	size_t at;

	if (!names->nr)
		return NULL;
	at = probe(names, text);
	return names->slots[at] ? &names->v[names->slots[at] - 1] : NULL;
}

void weir_known_start(struct weir_known *names, uint32_t task, const uint32_t *parent)
{
	struct weir_known_name *child = &names->v[task];

	child->kind = WEIR_NAME_TASK;
	child->living = true;
	child->root = 0;
	child->owner = ++names->last_owner; /* at most two a step: cannot wrap */
	if (parent) {
		child->root = names->v[*parent].root;
		names->v[*parent].owner = ++names->last_owner;
	}
}

static int new_node(struct weir_known *names, uint32_t owner, uint32_t from,
                    uint32_t *out)
{
	int r = weir_grow(&names->nodes, &names->cap_nodes, names->nr_nodes,
	                  sizeof(*names->nodes));

	if (r < 0)
		return r;
	if (from)
		names->nodes[names->nr_nodes] = names->nodes[from];
	names->nodes[names->nr_nodes].owner = owner;
	*out = (uint32_t)names->nr_nodes++;
	return 0;
}

int weir_known_map(struct weir_known *names, uint32_t task, uint32_t mapping)
{
	uint32_t owner = names->v[task].owner, up = 0, at = names->v[task].root;
	unsigned int nibble = 0;
	int r;

	if (!names->nr_nodes) {
		r = new_node(names, 0, 0, &at); /* the empty set: owner 0 is nobody */
		if (r < 0)
			return r;
	}
	for (int level = LEVELS - 1; level >= 0; level--) {
		if (!at || names->nodes[at].owner != owner) {
			r = new_node(names, owner, at, &at);
			if (r < 0)
				return r;
			if (level == LEVELS - 1)
				names->v[task].root = at;
			else
				names->nodes[up].child[nibble] = at;
		}
		up = at;
		nibble = (mapping >> (4 * level)) & (FAN - 1);
		at = names->nodes[up].child[nibble];
	}
	names->nodes[up].child[nibble] = 1;
	return 0;
}

bool weir_known_maps(const struct weir_known *names, const struct weir_known_name *task,
                     const struct weir_known_name *mapping)
{
	uint32_t id = (uint32_t)(mapping - names->v), at = task->root;

	for (int level = LEVELS - 1; at && level >= 0; level--)
		at = names->nodes[at].child[(id >> (4 * level)) & (FAN - 1)];
	return at != 0;
}
