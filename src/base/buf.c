/* buf: see buf.h. Doubling, so that appending stays linear. */
#include "base/buf.h"

#include "base/ckd.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

void weir_buf_done(struct weir_buf *buf)
{
	free(buf->p);
	*buf = (struct weir_buf){ 0 };
}

int weir_buf_reserve(struct weir_buf *buf, size_t more)
{
	size_t want, cap = buf->cap ? buf->cap : 256;
	char *p;

	if (ckd_add(&want, buf->n, more) || ckd_add(&want, want, 1U))
		return -ENOMEM;
	if (want <= buf->cap)
		return 0;
	while (cap < want)
		if (ckd_mul(&cap, cap, 2U))
			return -ENOMEM;
	p = realloc(buf->p, cap);
	if (!p)
		return -ENOMEM;
	p[buf->n] = '\0';
	buf->p = p;
	buf->cap = cap;
	return 0;
}

int weir_buf_add(struct weir_buf *buf, struct weir_str s)
{
	int r = weir_buf_reserve(buf, s.n);

	if (r < 0)
		return r;
	if (s.n)
		memcpy(buf->p + buf->n, s.p, s.n);
	buf->n += s.n;
	buf->p[buf->n] = '\0';
	return 0;
}

int weir_buf_addz(struct weir_buf *buf, const char *z)
{
	return weir_buf_add(buf, weir_strz(z));
}

int weir_buf_printf(struct weir_buf *buf, const char *fmt, ...)
{
	va_list ap;
	int n, r;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return -EINVAL;
	r = weir_buf_reserve(buf, (size_t)n);
	if (r < 0)
		return r;
	va_start(ap, fmt);
	(void)vsnprintf(buf->p + buf->n, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf->n += (size_t)n;
	return 0;
}

int weir_buf_add_escaped(struct weir_buf *buf, struct weir_str s)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c <= 0x20 || c == 0x7f || c == '\\')
			r = weir_buf_printf(buf, "\\%03o", c);
		else
			r = weir_buf_add(buf, weir_str(s.p + i, 1));
	}
	return r;
}

static bool is_octal(char c)
{
	return c >= '0' && c <= '7';
}

int weir_buf_add_unescaped(struct weir_buf *buf, struct weir_str s)
{
	int r = 0;

	while (r == 0 && s.n) {
		char c = s.p[0];
		size_t n = 1;

		if (c == '\\' && s.n >= 4 && s.p[1] >= '0' && s.p[1] <= '3' &&
		    is_octal(s.p[2]) && is_octal(s.p[3])) {
			c = (char)((s.p[1] - '0') << 6 | (s.p[2] - '0') << 3 |
			           (s.p[3] - '0'));
			n = 4;
		}
		r = weir_buf_add(buf, weir_str(&c, 1));
		s = weir_str_skip(s, n);
	}
	return r;
}

int weir_grow(void *items, size_t *cap, size_t nr, size_t size)
{
	size_t bytes, want = *cap ? *cap : 8;
	void *p;

	if (nr < *cap) {
		memset((char *)*(void **)items + nr * size, 0, size);
		return 0;
	}
	while (want <= nr)
		if (ckd_mul(&want, want, 2U))
			return -ENOMEM;
	if (ckd_mul(&bytes, want, size))
		return -ENOMEM;
	p = realloc(*(void **)items, bytes);
	if (!p)
		return -ENOMEM;
	memset((char *)p + nr * size, 0, size);
	*(void **)items = p;
	*cap = want;
	return 0;
}
