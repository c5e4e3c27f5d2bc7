/* json: see json.h. */
#include "base/json.h"

#include <assert.h>
#include <inttypes.h>

void weir_json_done(struct weir_json *j)
{
	weir_buf_done(&j->out);
}

static void put(struct weir_json *j, struct weir_str s)
{
	if (j->failed == 0)
		j->failed = weir_buf_add(&j->out, s);
}

static void putz(struct weir_json *j, const char *z)
{
	put(j, weir_strz(z));
}

static void indent(struct weir_json *j)
{
	if (j->compact)
		return;
	putz(j, "\n");
	for (unsigned int i = 0; i < j->depth; i++)
		putz(j, "  ");
}

static void quoted(struct weir_json *j, struct weir_str s)
{
	putz(j, "\"");
	while (s.n) {
		unsigned char c = (unsigned char)s.p[0];
		size_t n = weir_utf8_len(s);

		if (c == '"' || c == '\\') {
			putz(j, "\\");
			put(j, weir_str(s.p, 1));
		} else if (n == 2 && c == 0xc2 &&
		           ((unsigned char)s.p[1] & 0xe0) == 0x80) {
			/* C1: a terminal acts on these too */
			if (j->failed == 0)
				j->failed = weir_buf_printf(&j->out, "\\u%04x",
				                            (unsigned char)s.p[1]);
		} else if (n == 0 || c < 0x20 || c == 0x7f) {
			if (j->failed == 0)
				j->failed = weir_buf_printf(&j->out, "\\u%04x", c);
			n = 1;
		} else {
			put(j, weir_str(s.p, n));
		}
		s = weir_str_skip(s, n);
	}
	putz(j, "\"");
}

/* Comma, new line and key: what stands before any value. */
static void lead(struct weir_json *j, const char *key)
{
	if (j->depth) {
		if (j->level[j->depth - 1].any)
			putz(j, ",");
		j->level[j->depth - 1].any = true;
		indent(j);
	}
	if (key) {
		quoted(j, weir_strz(key));
		putz(j, j->compact ? ":" : ": ");
	}
}

void weir_json_open(struct weir_json *j, const char *key, char bracket)
{
	assert(j->depth < WEIR_JSON_DEPTH_MAX);
	lead(j, key);
	put(j, weir_str(&bracket, 1));
	j->level[j->depth].close = bracket == '{' ? '}' : ']';
	j->level[j->depth].any = false;
	j->depth++;
}

void weir_json_close(struct weir_json *j)
{
	assert(j->depth > 0);
	j->depth--;
	if (j->level[j->depth].any)
		indent(j);
	put(j, weir_str(&j->level[j->depth].close, 1));
	if (!j->depth)
		putz(j, "\n");
}

void weir_json_str(struct weir_json *j, const char *key, struct weir_str s)
{
	lead(j, key);
	quoted(j, s);
}

void weir_json_strz(struct weir_json *j, const char *key, const char *z)
{
	if (z)
		weir_json_str(j, key, weir_strz(z));
	else
		weir_json_null(j, key);
}

void weir_json_u64(struct weir_json *j, const char *key, uint64_t n)
{
	lead(j, key);
	if (j->failed == 0)
		j->failed = weir_buf_printf(&j->out, "%" PRIu64, n);
}

void weir_json_bool(struct weir_json *j, const char *key, bool b)
{
	lead(j, key);
	putz(j, b ? "true" : "false");
}

void weir_json_null(struct weir_json *j, const char *key)
{
	lead(j, key);
	putz(j, "null");
}
