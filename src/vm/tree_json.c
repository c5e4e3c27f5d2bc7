/* tree_json: JSON into a tree, by jansson.
 *
 * jansson checks all of the grammar and UTF-8, and refuses integers beyond 64 bits with a
 * sign: what QEMU takes between 2^63 and 2^64 is above any size here. Its own depth limit
 * is 2,048 and cannot be set, so brackets are counted first. QEMU's dialect, in which a
 * string may stand in single quotes, is refused: nobody but its own tests writes it. */
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

/* Is any bracket of @text inside more than the limit of others? */
static bool is_too_deep(struct weir_str text)
{
	bool in_string = false;
	size_t depth = 0;

	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (in_string) {
			if (c == '\\')
				i++;
			else if (c == '"')
				in_string = false;
		} else if (c == '"') {
			in_string = true;
		} else if (c == '{' || c == '[') {
			if (++depth > WEIR_TREE_DEPTH_MAX)
				return true;
		} else if ((c == '}' || c == ']') && depth) {
			depth--;
		}
	}
	return false;
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
	struct weir_tree tree = { 0 };
	json_error_t why;
	json_t *json;
	int r;

	if (text.n > WEIR_TREE_TEXT_MAX)
		return weir_err_set(err, -E2BIG, "more than %u bytes of JSON",
		                    WEIR_TREE_TEXT_MAX);
	if (is_too_deep(text))
		return weir_err_set(err, -E2BIG, "JSON more than %u deep",
		                    WEIR_TREE_DEPTH_MAX);
	r = weir_dl_load(SONAME, symbols, WEIR_NELEM(symbols), "JSON", err);
	if (r < 0)
		return r;
	jansson.object_seed(SEED);
	json = jansson.loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &why);
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
