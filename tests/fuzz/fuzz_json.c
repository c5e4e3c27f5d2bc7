/* json: the input is a script for the writer. Whatever it writes is one valid JSON
 * document in valid UTF-8, and the compact form differs in blanks only. */
#include "base/json.h"

#include "fuzz.h"

/* A reader of JSON that only says yes or no; each function moves *at past its part. */
static bool value(struct weir_str s, size_t *at);

static void blanks(struct weir_str s, size_t *at)
{
	while (*at < s.n && (s.p[*at] == ' ' || s.p[*at] == '\n'))
		++*at;
}

static bool is(struct weir_str s, size_t *at, char c)
{
	if (*at >= s.n || s.p[*at] != c)
		return false;
	++*at;
	return true;
}

static bool escape(struct weir_str s, size_t *at)
{
	if (is(s, at, '"') || is(s, at, '\\'))
		return true;
	if (!is(s, at, 'u'))
		return false;
	for (int i = 0; i < 4; i++, ++*at)
		if (*at >= s.n || !memchr("0123456789abcdef", s.p[*at], 16))
			return false;
	return true;
}

static bool string(struct weir_str s, size_t *at)
{
	if (!is(s, at, '"'))
		return false;
	while (*at < s.n && s.p[*at] != '"') {
		if ((unsigned char)s.p[*at] < 0x20)
			return false;
		if (is(s, at, '\\')) {
			if (!escape(s, at))
				return false;
		} else {
			++*at;
		}
	}
	return is(s, at, '"');
}

static bool word(struct weir_str s, size_t *at, const char *z)
{
	if (!weir_str_starts(weir_str_skip(s, *at), z))
		return false;
	*at += strlen(z);
	return true;
}

static bool number(struct weir_str s, size_t *at)
{
	size_t start = *at;

	while (*at < s.n && s.p[*at] >= '0' && s.p[*at] <= '9')
		++*at;
	return *at == start + 1 || (*at > start && s.p[start] != '0');
}

static bool items(struct weir_str s, size_t *at, char close)
{
	blanks(s, at);
	if (is(s, at, close))
		return true;
	do {
		blanks(s, at);
		if (close == '}') {
			if (!string(s, at) || !is(s, at, ':'))
				return false;
			blanks(s, at);
		}
		if (!value(s, at))
			return false;
		blanks(s, at);
	} while (is(s, at, ','));
	return is(s, at, close);
}

static bool value(struct weir_str s, size_t *at)
{
	if (is(s, at, '{'))
		return items(s, at, '}');
	if (is(s, at, '['))
		return items(s, at, ']');
	return string(s, at) || number(s, at) || word(s, at, "true") ||
	       word(s, at, "false") || word(s, at, "null");
}

/* A decoder of its own, by the table of RFC 3629. */
static bool is_utf8(struct weir_str s)
{
	for (size_t i = 0; i < s.n;) {
		const unsigned char *c = (const unsigned char *)s.p + i;
		size_t n = c[0] < 0x80 ? 1 : c[0] < 0xe0 ? 2 : c[0] < 0xf0 ? 3 : 4;

		if ((c[0] >= 0x80 && c[0] < 0xc2) || c[0] > 0xf4 || n > s.n - i)
			return false;
		for (size_t k = 1; k < n; k++)
			if (c[k] < 0x80 || c[k] > 0xbf)
				return false;
		if ((c[0] == 0xe0 && c[1] < 0xa0) || (c[0] == 0xed && c[1] > 0x9f) ||
		    (c[0] == 0xf0 && c[1] < 0x90) || (c[0] == 0xf4 && c[1] > 0x8f))
			return false;
		i += n;
	}
	return true;
}

/* Takes up to @n bytes off the script. */
static struct weir_str take(struct weir_str *script, size_t n)
{
	struct weir_str part = weir_str(script->p, n < script->n ? n : script->n);

	*script = weir_str_skip(*script, n);
	return part;
}

static void step(struct weir_json *j, struct weir_str *script)
{
	unsigned char op = (unsigned char)take(script, 1).p[0];
	struct weir_str text = take(script, op >> 3);
	char key[8];

	(void)snprintf(key, sizeof(key), "%.*s", WEIR_STR_ARG(text));
	switch (op & 7) {
	case 0:
	case 1:
		if (j->depth < WEIR_JSON_DEPTH_MAX)
			weir_json_open(j,
			               j->level[j->depth - 1].close == '}' ? key : NULL,
			               op & 1 ? '{' : '[');
		break;
	case 2:
		if (j->depth > 1)
			weir_json_close(j);
		break;
	default: {
		const char *k = j->level[j->depth - 1].close == '}' ? key : NULL;

		if ((op & 7) == 3)
			weir_json_u64(j, k, text.n * UINT64_C(0x0101010101010101));
		else if ((op & 7) == 4)
			weir_json_bool(j, k, text.n & 1);
		else if ((op & 7) == 5)
			weir_json_strz(j, k, NULL);
		else
			weir_json_str(j, k, text);
	}
	}
}

static void write_all(struct weir_json *j, struct weir_str script)
{
	weir_json_open(j, NULL, script.n % 2 ? '{' : '[');
	while (script.n)
		step(j, &script);
	while (j->depth)
		weir_json_close(j);
	must(j->failed == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str script = weir_str((const char *)data, size), text;
	weir_auto(weir_json_done) struct weir_json wide = { 0 };
	weir_auto(weir_json_done) struct weir_json compact = { .compact = true };
	size_t at = 0;

	write_all(&wide, script);
	write_all(&compact, script);
	text = weir_buf_str(&wide.out);
	must(is_utf8(text));
	must(value(text, &at) && is(text, &at, '\n') && at == text.n);
	text = weir_buf_str(&compact.out);
	at = 0;
	must(value(text, &at) && is(text, &at, '\n') && at == text.n);
	must(text.n <= wide.out.n);
	return 0;
}
