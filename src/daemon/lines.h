/* lines: what comes on a connection, cut into lines. Pure: bytes in, in whatever pieces,
 * and lines out; bounded. */
#ifndef WEIR_DAEMON_LINES_H
#define WEIR_DAEMON_LINES_H

#include "base/buf.h"

struct weir_lines {
	size_t max; /* bytes of a line, without its newline */
	struct weir_buf buf;
	size_t from;   /* in buf: what was handed out lies before it */
	size_t looked; /* up to here there is no newline */
	bool too_long;
};

void weir_lines_done(struct weir_lines *lines);

/* Keeps @bytes. 0 or -ENOMEM. Lines that were handed out are gone. */
int weir_lines_add(struct weir_lines *lines, struct weir_str bytes);

enum { WEIR_LINES_NONE = 1 };

/* The next whole line, without its newline: valid until more is added. 0;
 * WEIR_LINES_NONE; -EMSGSIZE, from then on always: there is a line longer than max. */
int weir_lines_next(struct weir_lines *lines, struct weir_str *line);

/* Bytes that are kept and were not handed out. */
size_t weir_lines_kept(const struct weir_lines *lines);

#endif
