/* warm_lines: the lines of the state of warm memory (warm.h), for warm.c alone. */
#ifndef WEIR_FACTS_WARM_LINES_H
#define WEIR_FACTS_WARM_LINES_H

#include "facts/warm.h"

struct weir_warm_parse {
	struct weir_warm_state *out;
	bool *gone; /* of each region of out */
	size_t cap_gone, nr_gone;
	bool has_next;
	const char *what; /* is wrong */
};

/* -EBADMSG, for this reason. */
int weir_warm_refuse(struct weir_warm_parse *p, const char *what);

/* The first line, and any other one. -EBADMSG with p->what, -ENOMEM. */
int weir_warm_read_head(struct weir_str line, struct weir_warm_parse *p);
int weir_warm_read_line(struct weir_str line, struct weir_warm_parse *p);

/* Takes regions that are gone out of the way. */
void weir_warm_sweep(struct weir_warm_parse *p);

#endif
