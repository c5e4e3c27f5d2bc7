/* str: text from outside as pointer and length, and the small pure parsers over it.
 *
 * A weir_str borrows; it need not end in NUL and may hold NULs. Parsers consume all of
 * their input or return -EBADMSG; -ERANGE says "a number, but past 2^64-1". Locale never
 * matters. Nothing here allocates. */
#ifndef WEIR_BASE_STR_H
#define WEIR_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct weir_str {
	const char *p;
	size_t n;
};

/* printf("%.*s", WEIR_STR_ARG(s)); a message never needs more than 120 characters */
#define WEIR_STR_ARG(s) ((int)((s).n < 120 ? (s).n : 120)), (s).p

static inline struct weir_str weir_str(const char *p, size_t n)
{
	return (struct weir_str){ p, n };
}

static inline struct weir_str weir_strz(const char *z)
{
	return (struct weir_str){ z, strlen(z) };
}

static inline bool weir_str_eq(struct weir_str s, const char *z)
{
	return s.n == strlen(z) && memcmp(s.p, z, s.n) == 0;
}

static inline bool weir_str_starts(struct weir_str s, const char *z)
{
	size_t n = strlen(z);

	return s.n >= n && memcmp(s.p, z, n) == 0;
}

static inline bool weir_str_ends(struct weir_str s, const char *z)
{
	size_t n = strlen(z);

	return s.n >= n && memcmp(s.p + s.n - n, z, n) == 0;
}

static inline bool weir_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Without one newline at its end. */
static inline struct weir_str weir_str_chomp(struct weir_str s)
{
	if (weir_str_ends(s, "\n"))
		s.n--;
	return s;
}

/* Where the first @c stands in @s, or s.n. */
static inline size_t weir_str_index(struct weir_str s, char c)
{
	const char *at = s.n ? (const char *)memchr(s.p, c, s.n) : NULL;

	return at ? (size_t)(at - s.p) : s.n;
}

/* First occurrence of @z in @s as an index, or -1. */
ptrdiff_t weir_str_find(struct weir_str s, const char *z);

/* @s without its first @n bytes (all of them when it is shorter). */
struct weir_str weir_str_skip(struct weir_str s, size_t n);

/* Without spaces, tabs, newlines and carriage returns at both ends. */
struct weir_str weir_str_trim(struct weir_str s);

/* Takes the next line off *rest, without its newline. False at the end. */
bool weir_str_line(struct weir_str *rest, struct weir_str *line);

/* Takes the next run of non-blank (space, tab) characters off *rest. False at the end. */
bool weir_str_word(struct weir_str *rest, struct weir_str *word);

/* Takes what stands before the next @sep (or all of it) off *rest. False when nothing is
 * left; "a,,b" gives "a", "", "b" and "a," gives "a". */
bool weir_str_cut(struct weir_str *rest, char sep, struct weir_str *part);

/* "key<sep>value" around the first @sep; false and nothing changed without one. */
bool weir_str_split(struct weir_str s, char sep, struct weir_str *key,
                    struct weir_str *value);

/* Decimal digits and nothing else. */
int weir_parse_u64(struct weir_str s, uint64_t *out);

/* Hexadecimal digits, with or without 0x in front. */
int weir_parse_hex(struct weir_str s, uint64_t *out);

/* Bytes of the valid UTF-8 character at the start of @s, which is not empty; else 0. */
size_t weir_utf8_len(struct weir_str s);

/* Takes the next character off *rest in a form that can be shown: itself, or "?" for what
 * a terminal would act on (C0, DEL, C1) and for what is not UTF-8. False at the end. */
bool weir_str_shown(struct weir_str *rest, struct weir_str *out);

/* Copies to @out in that form with a NUL, cut between characters. Returns out. */
char *weir_str_show(struct weir_str s, char *out, size_t cap);

#endif
