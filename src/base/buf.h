/* buf: bytes that grow. Zero-initialised is empty and valid. The content is always
 * followed by a NUL that does not count, so that p can be read as a string where the
 * text is known to hold none. Failure is -ENOMEM and leaves the content as it was. */
#ifndef WEIR_BASE_BUF_H
#define WEIR_BASE_BUF_H

#include "base/str.h"

struct weir_buf {
	char *p;
	size_t n;   /* bytes of content */
	size_t cap; /* bytes allocated, one more than content at least, or 0 */
};

void weir_buf_done(struct weir_buf *buf); /* frees, leaves it empty and valid */

/* Room for @more bytes and a NUL behind the content. */
int weir_buf_reserve(struct weir_buf *buf, size_t more);

int weir_buf_add(struct weir_buf *buf, struct weir_str s);
int weir_buf_addz(struct weir_buf *buf, const char *z);
int weir_buf_printf(struct weir_buf *buf, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* Adds @s with space, tab, newline, backslash and other control bytes as \ooo, as in
 * /proc/self/mountinfo; and back. A backslash without three octal digits stays as it is.
 */
int weir_buf_add_escaped(struct weir_buf *buf, struct weir_str s);
int weir_buf_add_unescaped(struct weir_buf *buf, struct weir_str s);

static inline struct weir_str weir_buf_str(const struct weir_buf *buf)
{
	return weir_str(buf->p ? buf->p : "", buf->n);
}

/* Makes room for one more element in the array *items of elements of @size bytes, of
 * which nr are used and *cap allocated. The new element is zeroed. */
int weir_grow(void *items, size_t *cap, size_t nr, size_t size);

#endif
