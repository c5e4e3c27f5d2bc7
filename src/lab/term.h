/* term: one term of an expectation (step.h, struct weir_expect), taken apart. Pure.
 *
 * The form alone decides here what a term asks; whether the thing is there is for
 * weir_view_expect(). */
#ifndef WEIR_LAB_TERM_H
#define WEIR_LAB_TERM_H

#include "base/err.h"
#include "base/str.h"
#include "model/memory.h"

enum weir_term_kind {
	WEIR_TERM_RESULT,     /* ok, ENOMEM, SIGBUS=4: word, and n[0] of the signals */
	WEIR_TERM_POOL,       /* n: total, free, reserved, surplus */
	WEIR_TERM_NODE,       /* of a pool; n: total, free, surplus */
	WEIR_TERM_MAX,        /* of a pool */
	WEIR_TERM_PAGES,      /* of a task */
	WEIR_TERM_MAP,        /* of a task: word is the picture */
	WEIR_TERM_STAT,       /* NAME.key of a file, mount or cgroup: word is the key */
	WEIR_TERM_GROUP_NODE, /* usage of a cgroup on a node */
	WEIR_TERM_ZONE,       /* word is the key; n[0], give or take n[1] */
	WEIR_TERM_PINNABLE,   /* of a task's mapping; likewise */
	WEIR_TERM_MEM,        /* change of a node's MemTotal in kB, by sign and n[0] */
};

struct weir_term {
	enum weir_term_kind kind;
	uint64_t page_bytes; /* 0: the default size */
	unsigned int node;
	enum weir_zone_kind zone;
	struct weir_str name; /* task, file, mount, cgroup */
	struct weir_str map;  /* mapping of a MAP or PINNABLE */
	struct weir_str word;
	bool negative; /* sign of a MEM */
	uint64_t n[4]; /* "-1" is 2^64-1 */
};

/* 0, or -EBADMSG with words. */
int weir_term_parse(struct weir_str s, struct weir_term *out, struct weir_err *err);

/* The picture of a mapping, "00*12,1.": takes a run of pages that are alike off *rest.
 * @out_node is the node's id, or WEIR_VIEW_UNMAPPED (view.h). False at the end, and where
 * it is no picture: then *rest is not empty. */
bool weir_picture_run(struct weir_str *rest, unsigned char *out_node,
                      uint64_t *out_count);

/* The page's character in a picture: 0-9a-zA-Z+_ for nodes 0 to 63, '.' for none. */
char weir_picture_char(unsigned char node);

/* [A-Za-z_][A-Za-z0-9_-]{0,30} */
#define WEIR_NAME_LEN_MAX 31
bool weir_is_name(struct weir_str s);

/* The same without the words that mean something else after "TASK.": pages, n0, size...
 */
bool weir_is_mapping_name(struct weir_str s);

/* A number up to @max, in digits. */
bool weir_is_number(struct weir_str s, uint64_t max, uint64_t *out);

/* "DMA32" and so on, as /proc/zoneinfo calls them; and back. */
const char *weir_zone_name(enum weir_zone_kind kind);
bool weir_zone_find(struct weir_str name, enum weir_zone_kind *out);

/* "n3": the node's id. */
bool weir_is_node(struct weir_str s, unsigned int *out_node);

#endif
