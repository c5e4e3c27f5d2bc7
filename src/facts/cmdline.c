/* cmdline: see cmdline.h. The kernel cuts in place and ends the pieces with NULs; here
 * they stay slices of the text, which works because a quote is only ever dropped at
 * either end of a piece, never inside it. */
#include "facts/cmdline.h"

#include "base/ckd.h"

/* The kernel's isspace() is Latin-1's: it counts the no-break space. */
static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r') || (unsigned char)c == 0xa0;
}

/* The length of the parameter at the front of @s. *eq becomes the index of the first '='
 * that is not its first character, or 0 when there is none. */
static size_t measure(struct weir_str s, bool in_quote, size_t *eq)
{
	size_t i;

	*eq = 0;
	for (i = 0; i < s.n && s.p[i]; i++) {
		if (is_space(s.p[i]) && !in_quote)
			break;
		if (s.p[i] == '=' && !*eq)
			*eq = i;
		if (s.p[i] == '"')
			in_quote = !in_quote;
	}
	return i;
}

static struct weir_param split(struct weir_str text)
{
	bool quoted = text.p[0] == '"';
	struct weir_param out = { .name = weir_str_skip(text, quoted) };
	struct weir_str *last = &out.name;
	size_t eq;

	out.name.n = measure(out.name, quoted, &eq);
	out.text = weir_str(text.p, out.name.n + quoted);
	if (eq) {
		out.has_value = true;
		out.value = weir_str_skip(out.name, eq + 1);
		out.name.n = eq;
		last = &out.value;
		if (weir_str_starts(out.value, "\"")) {
			out.value = weir_str_skip(out.value, 1);
			quoted = true;
		}
	}
	if (quoted && weir_str_ends(*last, "\""))
		last->n--;
	return out;
}

bool weir_cmdline_next(struct weir_str *rest, struct weir_param *out)
{
	struct weir_param got;

	while (rest->n && is_space(rest->p[0]))
		*rest = weir_str_skip(*rest, 1);
	if (!rest->n || !rest->p[0]) {
		*rest = weir_str_skip(*rest, rest->n);
		return false;
	}
	got = split(*rest);
	if (!got.has_value && weir_str_eq(got.name, "--")) {
		*rest = weir_str_skip(*rest, rest->n);
		return false;
	}
	*rest = weir_str_skip(*rest, got.text.n);
	*out = got;
	return true;
}

static char dash_as_underscore(char c)
{
	if (c == '-')
		return '_';
	return c;
}

bool weir_param_is(struct weir_str name, const char *z)
{
	if (name.n != strlen(z))
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (dash_as_underscore(name.p[i]) != dash_as_underscore(z[i]))
			return false;
	return true;
}

static char lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}

/* The digit at the front of @s, or 16 when there is none in any base. */
static unsigned int front_digit(struct weir_str s)
{
	char c;

	if (!s.n)
		return 16;
	c = lower(s.p[0]);
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	return c >= 'a' && c <= 'f' ? (unsigned int)(c - 'a') + 10 : 16;
}

bool weir_kernel_number(struct weir_str *rest, uint64_t *out)
{
	struct weir_str s = *rest;
	unsigned int base = 10;
	uint64_t n = 0;

	if (weir_str_starts(s, "0")) {
		base = 8;
		if (s.n > 2 && lower(s.p[1]) == 'x' &&
		    front_digit(weir_str_skip(s, 2)) < 16) {
			base = 16;
			s = weir_str_skip(s, 2);
		}
	}
	for (; front_digit(s) < base; s = weir_str_skip(s, 1))
		if (ckd_mul(&n, n, base) || ckd_add(&n, n, front_digit(s)))
			return false;
	*rest = s;
	*out = n;
	return true;
}

bool weir_memparse(struct weir_str *rest, uint64_t *out)
{
	static const char units[] = "kmgtpe";
	struct weir_str s = *rest;
	const char *unit;
	uint64_t n;

	if (!weir_kernel_number(&s, &n))
		return false;
	unit = s.n && s.p[0] ? strchr(units, lower(s.p[0])) : NULL;
	if (unit) {
		s = weir_str_skip(s, 1);
		for (const char *u = units; u <= unit; u++)
			if (ckd_mul(&n, n, 1024U))
				return false;
	}
	*rest = s;
	*out = n;
	return true;
}
