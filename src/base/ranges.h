/* ranges: a set of small ids (nodes, CPUs) in the kernel's list format, "0-3,8,10-11".
 *
 * Kept as ascending ranges that neither touch nor overlap, so that 2,000 CPUs cost as
 * little as one. Zero-initialised is the empty set. */
#ifndef WEIR_BASE_RANGES_H
#define WEIR_BASE_RANGES_H

#include "base/buf.h"

#include <stdbool.h>

/* Above the kernel's own limits (MAX_NUMNODES 1024, NR_CPUS 8192), below any overflow. */
#define WEIR_ID_MAX 65535U

struct weir_range {
	unsigned int first, last; /* first <= last <= WEIR_ID_MAX */
};

struct weir_ranges {
	struct weir_range *v;
	size_t nr, cap;
};

void weir_ranges_done(struct weir_ranges *set);

/* Adds one id. -ENOMEM, or -ERANGE past WEIR_ID_MAX. */
int weir_ranges_add(struct weir_ranges *set, unsigned int id);

/* Parses the kernel's list; an empty text is the empty set (a node without CPUs). @set
 * must be empty; it stays so on failure: -EBADMSG, -ERANGE, -ENOMEM. */
int weir_ranges_parse(struct weir_str s, struct weir_ranges *set);

int weir_ranges_format(const struct weir_ranges *set, struct weir_buf *out);

bool weir_ranges_has(const struct weir_ranges *set, unsigned int id);
size_t weir_ranges_count(const struct weir_ranges *set);

/* for (id = weir_ranges_next(set, 0); id <= WEIR_ID_MAX; id = weir_ranges_next(set, id +
 * 1)) visits all in ascending order. Returns the first id >= @from, else WEIR_ID_MAX + 1.
 */
unsigned int weir_ranges_next(const struct weir_ranges *set, unsigned int from);

#define weir_ranges_each(id, set)                                             \
	for (unsigned int id = weir_ranges_next((set), 0); id <= WEIR_ID_MAX; \
	     id = weir_ranges_next((set), id + 1))

#endif
