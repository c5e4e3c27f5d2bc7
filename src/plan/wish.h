/* wish: what an administrator wants of the pools, as he types it.
 *
 *	2M=4096              pages of 2M on all nodes together, surplus ones not counted
 *	2M/node1=+512        so many more on one node; =-512 so many fewer
 *	1G=0:8,1:8           so many on each of these nodes, as on the kernel command line
 *	overcommit.2M=64     how many surplus pages may be made
 *	pinnable.2M/node1=+8 so many more of a node's free pages where they may be pinned
 *
 * Exact or refused: "2Mfoo=4", "2M=4.5", "3T" and "2M=-0" are not taken. What a host has
 * is no matter here: "5M=1" is a wish, and no plan can be made of it. Pure. */
#ifndef WEIR_PLAN_WISH_H
#define WEIR_PLAN_WISH_H

#include "base/err.h"
#include "base/str.h"

#define WEIR_WISHES_MAX 4096U /* 64 nodes times all sizes, and room */

enum weir_wish_kind {
	WEIR_WISH_POOL,
	WEIR_WISH_OVERCOMMIT,
	WEIR_WISH_PINNABLE, /* how is always MORE, with a node */
};

enum weir_wish_how {
	WEIR_WISH_EXACTLY,
	WEIR_WISH_MORE,
	WEIR_WISH_LESS,
};

#define WEIR_WISH_ALL_NODES (-1)

struct weir_wish {
	enum weir_wish_kind kind;
	enum weir_wish_how how;
	uint64_t page_bytes; /* a power of two */
	int node;            /* id, or WEIR_WISH_ALL_NODES */
	uint64_t pages;
};

struct weir_wishes {
	struct weir_wish *v;
	size_t nr, cap;
};

void weir_wishes_done(struct weir_wishes *wishes);

/* Copies one behind the others. 0; -EEXIST with words when one that is there wants
 * something else of the same pages: the same size and node twice, or all nodes and one;
 * -E2BIG; -ENOMEM. */
int weir_wishes_add(struct weir_wishes *wishes, const struct weir_wish *wish,
                    struct weir_err *err);

/* One word of a command line; "1G=0:8,1:8" is two wishes. 0; -EBADMSG with words for what
 * cannot be read; else as weir_wishes_add(). */
int weir_wish_parse(struct weir_str word, struct weir_wishes *out, struct weir_err *err);

/* As it would be typed: "2M/node1=+512". Returns @out. */
#define WEIR_WISH_TEXT_MAX 96
const char *weir_wish_text(const struct weir_wish *wish, char *out, size_t cap);

#endif
