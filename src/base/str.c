/* str: see str.h. Written without strtok, strtoul and friends because those skip blanks,
 * take signs, obey the locale and stop at NULs: each of that would turn a garbled kernel
 * file into a plausible number. */
#include "base/str.h"

#include "base/ckd.h"

#include <errno.h>

ptrdiff_t weir_str_find(struct weir_str s, const char *z)
{
	const char *hit = memmem(s.p, s.n, z, strlen(z));

	return hit ? hit - s.p : -1;
}

struct weir_str weir_str_skip(struct weir_str s, size_t n)
{
	if (n > s.n)
		n = s.n;
	return weir_str(s.p + n, s.n - n);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

struct weir_str weir_str_trim(struct weir_str s)
{
	while (s.n && is_blank(s.p[0]))
		s = weir_str_skip(s, 1);
	while (s.n && is_blank(s.p[s.n - 1]))
		s.n--;
	return s;
}

bool weir_str_line(struct weir_str *rest, struct weir_str *line)
{
	return weir_str_cut(rest, '\n', line);
}

bool weir_str_word(struct weir_str *rest, struct weir_str *word)
{
	size_t i = 0, start;

	while (i < rest->n && (rest->p[i] == ' ' || rest->p[i] == '\t'))
		i++;
	start = i;
	while (i < rest->n && rest->p[i] != ' ' && rest->p[i] != '\t')
		i++;
	*word = weir_str(rest->p + start, i - start);
	*rest = weir_str_skip(*rest, i);
	return word->n > 0;
}

bool weir_str_cut(struct weir_str *rest, char sep, struct weir_str *part)
{
	const char *end;

	if (!rest->n)
		return false;
	end = memchr(rest->p, sep, rest->n);
	if (!end) {
		*part = *rest;
		*rest = weir_str_skip(*rest, rest->n);
		return true;
	}
	*part = weir_str(rest->p, (size_t)(end - rest->p));
	*rest = weir_str_skip(*rest, part->n + 1);
	return true;
}

bool weir_str_split(struct weir_str s, char sep, struct weir_str *key,
                    struct weir_str *value)
{
	const char *at = s.n ? memchr(s.p, sep, s.n) : NULL;

	if (!at)
		return false;
	*key = weir_str(s.p, (size_t)(at - s.p));
	*value = weir_str_skip(s, key->n + 1);
	return true;
}

int weir_parse_u64(struct weir_str s, uint64_t *out)
{
	uint64_t v = 0;

	if (!s.n)
		return -EBADMSG;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return -EBADMSG;
	for (size_t i = 0; i < s.n; i++)
		if (ckd_mul(&v, v, 10U) || ckd_add(&v, v, (uint64_t)(s.p[i] - '0')))
			return -ERANGE;
	*out = v;
	return 0;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int weir_parse_hex(struct weir_str s, uint64_t *out)
{
	uint64_t v = 0;

	if (weir_str_starts(s, "0x") || weir_str_starts(s, "0X"))
		s = weir_str_skip(s, 2);
	if (!s.n)
		return -EBADMSG;
	for (size_t i = 0; i < s.n; i++)
		if (hex_digit(s.p[i]) < 0)
			return -EBADMSG;
	for (size_t i = 0; i < s.n; i++)
		if (ckd_mul(&v, v, 16U) || ckd_add(&v, v, (uint64_t)hex_digit(s.p[i])))
			return -ERANGE;
	*out = v;
	return 0;
}

size_t weir_utf8_len(struct weir_str s)
{
	unsigned char c = (unsigned char)s.p[0];
	uint32_t v, least;
	size_t n;

	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf) {
		n = 2, v = c & 0x1fU, least = 0x80;
	} else if ((c & 0xf0) == 0xe0) {
		n = 3, v = c & 0x0fU, least = 0x800;
	} else if (c >= 0xf0 && c <= 0xf4) {
		n = 4, v = c & 0x07U, least = 0x10000;
	} else {
		return 0;
	}
	if (s.n < n)
		return 0;
	for (size_t i = 1; i < n; i++) {
		c = (unsigned char)s.p[i];
		if ((c & 0xc0) != 0x80)
			return 0;
		v = v << 6 | (c & 0x3fU);
	}
	if (v < least || v > 0x10ffff || (v >= 0xd800 && v <= 0xdfff))
		return 0;
	return n;
}

/* Controls that a terminal acts on (C0, DEL, C1), and those that reorder or break a line:
 * U+200E, U+200F, U+2028 to U+202E, U+2066 to U+2069. */
static bool is_control(struct weir_str c)
{
	static const char *const from_to[][2] = {
		{ "\xc2\x80", "\xc2\x9f" },
		{ "\xe2\x80\x8e", "\xe2\x80\x8f" },
		{ "\xe2\x80\xa8", "\xe2\x80\xae" },
		{ "\xe2\x81\xa6", "\xe2\x81\xa9" },
	};

	if (c.n == 1)
		return (unsigned char)c.p[0] < 0x20 || c.p[0] == 0x7f;
	for (size_t i = 0; i < sizeof(from_to) / sizeof(from_to[0]); i++)
		if (c.n == strlen(from_to[i][0]) &&
		    memcmp(c.p, from_to[i][0], c.n) >= 0 &&
		    memcmp(c.p, from_to[i][1], c.n) <= 0)
			return true;
	return false;
}

bool weir_str_shown(struct weir_str *rest, struct weir_str *out)
{
	size_t n;

	if (!rest->n)
		return false;
	n = weir_utf8_len(*rest);
	*out = weir_str(rest->p, n);
	if (!n || is_control(*out))
		*out = weir_str("?", 1);
	*rest = weir_str_skip(*rest, n ? n : 1);
	return true;
}

char *weir_str_show(struct weir_str s, char *out, size_t cap)
{
	struct weir_str c;
	size_t n = 0;

	while (weir_str_shown(&s, &c) && n + c.n < cap) {
		memcpy(out + n, c.p, c.n);
		n += c.n;
	}
	out[n] = '\0';
	return out;
}
