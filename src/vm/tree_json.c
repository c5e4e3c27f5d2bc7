/* tree_json: JSON into a tree, by jansson.
 *
 * jansson checks all of the grammar and UTF-8. Three things it does not have, so that it
 * gets a copy of the text: its own depth limit is 2,048 and cannot be set, so brackets
 * are counted; integers from 2^63 to 2^64-1, which QEMU takes, it refuses, so they become
 * strings, as all numbers do in a tree; and strings in single quotes, QEMU's own dialect
 * (qobject/json-lexer.c), become ordinary ones. The character that an error names is that
 * of the copy. */
#include "vm/tree.h"

#include "base/dl.h"
#include "base/own.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#define SONAME "libjansson.so.4" /* the ABI since jansson 2.0 */
/* Hashes need not be secret here, as what is hashed is short; any constant keeps jansson
 * from reading /dev/urandom. */
#define SEED 1

static struct {
	__typeof__(json_loadb) *loadb;
	__typeof__(json_delete) *delete;
	__typeof__(json_object_seed) *object_seed;
	__typeof__(json_object_iter) *iter;
	__typeof__(json_object_iter_next) *iter_next;
	__typeof__(json_object_iter_key) *iter_key;
	__typeof__(json_object_iter_value) *iter_value;
	__typeof__(json_array_size) *array_size;
	__typeof__(json_array_get) *array_get;
	__typeof__(json_string_value) *string_value;
	__typeof__(json_string_length) *string_length;
	__typeof__(json_integer_value) *integer_value;
} jansson;

static const struct weir_dl_symbol symbols[] = {
	{ "json_loadb", &jansson.loadb },
	{ "json_delete", &jansson.delete },
	{ "json_object_seed", &jansson.object_seed },
	{ "json_object_iter", &jansson.iter },
	{ "json_object_iter_next", &jansson.iter_next },
	{ "json_object_iter_key", &jansson.iter_key },
	{ "json_object_iter_value", &jansson.iter_value },
	{ "json_array_size", &jansson.array_size },
	{ "json_array_get", &jansson.array_get },
	{ "json_string_value", &jansson.string_value },
	{ "json_string_length", &jansson.string_length },
	{ "json_integer_value", &jansson.integer_value },
};

/* Takes a string, whose first quote is off *rest. In both sorts \' is a quote. */
static int plain_string(struct weir_str *rest, char quote, struct weir_buf *out)
{
	int r = weir_buf_addz(out, "\"");

	while (r == 0 && rest->n) {
		struct weir_str part = weir_str(rest->p, 1);
		char c = rest->p[0];

		if (c == '\\' && rest->n > 1)
			part = rest->p[1] == '\'' ? weir_strz("'") : weir_str(rest->p, 2);
		else if (c == quote || c == '"')
			part = weir_strz(c == quote ? "\"" : "\\\"");
		*rest = weir_str_skip(*rest, c == '\\' ? 2 : 1);
		r = weir_buf_add(out, part);
		if (c == quote)
			break;
	}
	return r;
}

static bool is_of_number(char c)
{
	return weir_is_digit(c) || c == '.' || c == '-' || c == '+' || c == 'e' ||
	       c == 'E';
}

/* Takes a number. What stands in front of a colon is left as it is: no key of JSON. */
static int plain_number(struct weir_str *rest, struct weir_buf *out)
{
	struct weir_str number = weir_str(rest->p, 0);
	const char *quote = "";
	uint64_t n;
	int r;

	while (number.n < rest->n && is_of_number(rest->p[number.n]))
		number.n++;
	*rest = weir_str_skip(*rest, number.n);
	if (number.p[0] != '0' && weir_parse_u64(number, &n) == 0 && n > INT64_MAX &&
	    !weir_str_starts(weir_str_trim(*rest), ":"))
		quote = "\"";
	r = weir_buf_addz(out, quote);
	if (r == 0)
		r = weir_buf_add(out, number);
	return r < 0 ? r : weir_buf_addz(out, quote);
}

/* @text for jansson, in @out. -E2BIG for a bracket inside more than the limit of others,
 * or -ENOMEM. */
static int plain(struct weir_str text, struct weir_buf *out)
{
	size_t depth = 0;
	int r = 0;

	while (r == 0 && text.n) {
		char c = text.p[0];

		if ((c == '{' || c == '[') && ++depth > WEIR_TREE_DEPTH_MAX)
			return -E2BIG;
		if ((c == '}' || c == ']') && depth)
			depth--;
		if (weir_is_digit(c) || c == '-') {
			r = plain_number(&text, out);
			continue;
		}
		text = weir_str_skip(text, 1);
		r = c == '"' || c == '\'' ? plain_string(&text, c, out)
		                          : weir_buf_add(out, weir_str(&c, 1));
	}
	return r;
}

static int copy(const json_t *json, size_t parent, struct weir_str name,
                struct weir_tree *tree);

static int copy_object(const json_t *json, size_t parent, struct weir_str name,
                       struct weir_tree *tree)
{
	json_t *object = (json_t *)(uintptr_t)json; /* jansson 2.14 lacks a const */
	size_t at;
	int r = weir_tree_add(tree, parent, WEIR_TREE_MAP, name, &at);

	for (void *i = jansson.iter(object); r == 0 && i;
	     i = jansson.iter_next(object, i))
		r = copy(jansson.iter_value(i), at, weir_strz(jansson.iter_key(i)), tree);
	return r;
}

static int copy_array(const json_t *json, size_t parent, struct weir_str name,
                      struct weir_tree *tree)
{
	size_t at;
	int r = weir_tree_add(tree, parent, WEIR_TREE_LIST, name, &at);

	for (size_t i = 0; r == 0 && i < jansson.array_size(json); i++)
		r = copy(jansson.array_get(json, i), at, weir_str("", 0), tree);
	return r;
}

/* As deep as brackets are: see is_too_deep(). */
static int copy(const json_t *json, size_t parent, struct weir_str name,
                struct weir_tree *tree)
{
	char number[24];
	struct weir_str text = weir_str("", 0);
	size_t at;
	int r;

	switch (json_typeof(json)) {
	case JSON_OBJECT: return copy_object(json, parent, name, tree);
	case JSON_ARRAY: return copy_array(json, parent, name, tree);
	case JSON_STRING:
		text = weir_str(jansson.string_value(json), jansson.string_length(json));
		break;
	case JSON_INTEGER:
		(void)snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT,
		               jansson.integer_value(json));
		text = weir_strz(number);
		break;
	case JSON_REAL: text = weir_strz("(real)"); break;
	case JSON_TRUE: text = weir_strz("true"); break;
	case JSON_FALSE: text = weir_strz("false"); break;
	case JSON_NULL: break;
	}
	r = weir_tree_add(tree, parent, WEIR_TREE_TEXT, name, &at);
	return r < 0 ? r : weir_tree_add_text(tree, at, text);
}

int weir_tree_json(struct weir_str text, struct weir_tree *out, struct weir_err *err)
{
	weir_auto(weir_buf_done) struct weir_buf copied = { 0 };
	struct weir_tree tree = { 0 };
	json_error_t why;
	json_t *json;
	int r;

	if (text.n > WEIR_TREE_TEXT_MAX)
		return weir_err_set(err, -E2BIG, "more than %u bytes of JSON",
		                    WEIR_TREE_TEXT_MAX);
	r = plain(text, &copied);
	if (r == -ENOMEM)
		return r;
	if (r < 0)
		return weir_err_set(err, r, "JSON more than %u deep",
		                    WEIR_TREE_DEPTH_MAX);
	r = weir_dl_load(SONAME, symbols, WEIR_NELEM(symbols), "JSON", err);
	if (r < 0)
		return r;
	jansson.object_seed(SEED);
	json = jansson.loadb(copied.p, copied.n, JSON_REJECT_DUPLICATES, &why);
	if (!json && json_error_code(&why) == json_error_out_of_memory)
		return -ENOMEM;
	if (!json)
		return weir_err_set(err, -EBADMSG, "JSON, character %d: %s", why.position,
		                    why.text);
	r = copy(json, 0, weir_str("", 0), &tree);
	jansson.delete(json); /* we hold its only reference */
	if (r < 0) {
		weir_tree_done(&tree);
		return weir_err_set(err, r, "JSON: %s",
		                    r == -E2BIG ? "too many values" : "no memory");
	}
	*out = tree;
	return 0;
}
