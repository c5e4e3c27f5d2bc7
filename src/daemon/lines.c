/* lines: see lines.h. */
#include "daemon/lines.h"

#include <errno.h>

void weir_lines_done(struct weir_lines *lines)
{
	weir_buf_done(&lines->buf);
	lines->from = lines->looked = 0;
}

int weir_lines_add(struct weir_lines *lines, struct weir_str bytes)
{
	struct weir_buf *buf = &lines->buf;

	if (lines->from) {
		memmove(buf->p, buf->p + lines->from, buf->n - lines->from);
		buf->n -= lines->from;
		lines->looked -= lines->from;
		lines->from = 0;
	}
	return weir_buf_add(buf, bytes);
}

int weir_lines_next(struct weir_lines *lines, struct weir_str *line)
{
	struct weir_str rest = weir_str_skip(weir_buf_str(&lines->buf), lines->looked);
	size_t at = weir_str_index(rest, '\n');

	if (lines->too_long)
		return -EMSGSIZE;
	lines->looked += at;
	if (lines->looked - lines->from > lines->max) {
		lines->too_long = true;
		return -EMSGSIZE;
	}
	if (at == rest.n)
		return WEIR_LINES_NONE;
	*line = weir_str(lines->buf.p + lines->from, lines->looked - lines->from);
	lines->from = ++lines->looked;
	return 0;
}

size_t weir_lines_kept(const struct weir_lines *lines)
{
	return lines->buf.n - lines->from;
}
