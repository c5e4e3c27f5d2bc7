/* tree_yaml: YAML into a tree, by libyaml's events.
 *
 * Not by libcyaml, although it takes a schema: it has no limit of size or depth, loads a
 * whole document into structs before anything of ours is asked, follows aliases, and says
 * what is wrong only through a log callback. With libyaml's events an anchor, alias or
 * tag is refused where it stands, the limits of tree.h hold while the text is read, and
 * every node knows its line. A bomb needs aliases. */
#include "vm/tree.h"

#include "base/dl.h"
#include "base/own.h"

#include <assert.h>
#include <errno.h>
#include <yaml.h>

#define SONAME "libyaml-0.so.2" /* the ABI since libyaml 0.1.0 */
/* libyaml looks back over all open flow levels for each token; 1,024 VMs of a line each
 * are 100 KiB. */
#define YAML_MAX (256U << 10)
#define KEYS_MAX                                                              \
	256U /* of one mapping, as each is compared with all; the form has 20 \
	      */

static struct {
	__typeof__(yaml_parser_initialize) *init;
	__typeof__(yaml_parser_delete) *done;
	__typeof__(yaml_parser_set_input_string) *set_input;
	__typeof__(yaml_parser_parse) *parse;
	__typeof__(yaml_event_delete) *event_done;
} yaml;

static const struct weir_dl_symbol symbols[] = {
	{ "yaml_parser_initialize", &yaml.init },
	{ "yaml_parser_delete", &yaml.done },
	{ "yaml_parser_set_input_string", &yaml.set_input },
	{ "yaml_parser_parse", &yaml.parse },
	{ "yaml_event_delete", &yaml.event_done },
};

struct builder {
	struct weir_tree tree;
	struct weir_err *err;
	struct weir_buf key; /* of the value that comes next */
	bool has_key;
	size_t at; /* the mapping or sequence that is open */
	unsigned int depth;
	unsigned int nr_documents;
};

static int wrong(struct builder *b, const yaml_mark_t *mark, const char *words)
{
	return weir_err_set(b->err, -EBADMSG, "line %zu: %s", mark->line + 1, words);
}

static bool is_map(const struct builder *b)
{
	return b->depth && b->tree.v[b->at].type == WEIR_TREE_MAP;
}

static int set_key(struct builder *b, const yaml_mark_t *mark, struct weir_str key)
{
	unsigned int nr = 0;

	for (const struct weir_tree_node *child =
	             weir_tree_first(&b->tree, &b->tree.v[b->at]);
	     child; child = weir_tree_next(&b->tree, child)) {
		struct weir_str have = weir_tree_name(&b->tree, child);

		if (have.n == key.n && memcmp(have.p, key.p, key.n) == 0)
			return weir_err_set(b->err, -EBADMSG,
			                    "line %zu: '%.*s' occurs twice; first in "
			                    "line %u",
			                    mark->line + 1, WEIR_STR_ARG(key),
			                    child->line);
		nr++;
	}
	if (nr == KEYS_MAX)
		return wrong(b, mark, "a mapping of too many keys");
	b->key.n = 0;
	b->has_key = true;
	return weir_buf_add(&b->key, key);
}

static int add(struct builder *b, const yaml_mark_t *mark, enum weir_tree_type type,
               size_t *out)
{
	int r = weir_tree_add(&b->tree, b->at, type,
	                      b->has_key ? weir_buf_str(&b->key) : weir_str("", 0), out);

	b->has_key = false;
	if (r == -E2BIG)
		return weir_err_set(b->err, r, "line %zu: more than %u values",
		                    mark->line + 1, WEIR_TREE_NODES_MAX);
	if (r == 0)
		b->tree.v[*out].line = (unsigned int)mark->line + 1; /* < YAML_MAX */
	return r;
}

static int open_node(struct builder *b, const yaml_event_t *event,
                     enum weir_tree_type type)
{
	const yaml_mark_t *mark = &event->start_mark;
	size_t node;
	int r;

	if (is_map(b) && !b->has_key)
		return wrong(b, mark, "a key is a word");
	if (b->depth == WEIR_TREE_DEPTH_MAX)
		return wrong(b, mark, "too deep");
	r = add(b, mark, type, &node);
	if (r < 0)
		return r;
	b->at = node;
	b->depth++;
	return 0;
}

static int on_scalar(struct builder *b, const yaml_event_t *event)
{
	const yaml_mark_t *mark = &event->start_mark;
	struct weir_str text = weir_str((const char *)event->data.scalar.value,
	                                event->data.scalar.length);
	size_t node;
	int r;

	if (event->data.scalar.anchor)
		return wrong(b, mark, "anchors and aliases are not read");
	if (event->data.scalar.tag)
		return wrong(b, mark, "tags are not read");
	if (memchr(text.p, '\0', text.n))
		return wrong(b, mark, "a NUL");
	if (is_map(b) && !b->has_key)
		return set_key(b, mark, text);
	r = add(b, mark, WEIR_TREE_TEXT, &node);
	return r < 0 ? r : weir_tree_add_text(&b->tree, node, text);
}

static int on_event(struct builder *b, const yaml_event_t *event)
{
	const yaml_mark_t *mark = &event->start_mark;

	switch (event->type) {
	case YAML_SCALAR_EVENT: return on_scalar(b, event);
	case YAML_ALIAS_EVENT: return wrong(b, mark, "anchors and aliases are not read");
	case YAML_MAPPING_START_EVENT:
		if (event->data.mapping_start.anchor)
			return wrong(b, mark, "anchors and aliases are not read");
		if (event->data.mapping_start.tag)
			return wrong(b, mark, "tags are not read");
		return open_node(b, event, WEIR_TREE_MAP);
	case YAML_SEQUENCE_START_EVENT:
		if (event->data.sequence_start.anchor)
			return wrong(b, mark, "anchors and aliases are not read");
		if (event->data.sequence_start.tag)
			return wrong(b, mark, "tags are not read");
		return open_node(b, event, WEIR_TREE_LIST);
	case YAML_MAPPING_END_EVENT:
	case YAML_SEQUENCE_END_EVENT:
		assert(b->depth); /* libyaml ends only what it began */
		b->at = b->tree.v[b->at].parent;
		b->depth--;
		return 0;
	case YAML_DOCUMENT_START_EVENT:
		return b->nr_documents++ ? wrong(b, mark, "a second document") : 0;
	case YAML_DOCUMENT_END_EVENT:
	case YAML_STREAM_START_EVENT:
	case YAML_STREAM_END_EVENT:
	case YAML_NO_EVENT: break;
	}
	return 0;
}

static int parser_words(const yaml_parser_t *parser, struct weir_err *err)
{
	const char *problem = parser->problem ? parser->problem : "not well-formed";
	size_t line = parser->error == YAML_READER_ERROR ? parser->mark.line
	                                                 : parser->problem_mark.line;

	if (parser->error == YAML_MEMORY_ERROR)
		return -ENOMEM;
	return weir_err_set(err, -EBADMSG, "line %zu: YAML: %s", line + 1, problem);
}

static int build(struct builder *b, struct weir_str text)
{
	yaml_parser_t parser;
	bool ended = false;
	int r = 0;

	if (!yaml.init(&parser))
		return -ENOMEM;
	yaml.set_input(&parser, (const unsigned char *)text.p, text.n);
	while (r == 0 && !ended) {
		yaml_event_t event;

		if (!yaml.parse(&parser, &event)) {
			r = parser_words(&parser, b->err);
			break;
		}
		r = on_event(b, &event);
		ended = event.type == YAML_STREAM_END_EVENT;
		yaml.event_done(&event);
	}
	yaml.done(&parser);
	return r;
}

int weir_tree_yaml(struct weir_str text, struct weir_tree *out, struct weir_err *err)
{
	struct builder b = { .err = err };
	int r;

	if (text.n > YAML_MAX)
		return weir_err_set(err, -E2BIG, "more than %u bytes of YAML", YAML_MAX);
	r = weir_dl_load(SONAME, symbols, WEIR_NELEM(symbols), "the YAML form of VMs",
	                 err);
	if (r < 0)
		return r;
	r = build(&b, text);
	if (r == 0 && !b.tree.nr)
		r = weir_err_set(err, -EBADMSG, "YAML without anything in it");
	weir_buf_done(&b.key);
	if (r < 0)
		weir_tree_done(&b.tree);
	else
		*out = b.tree;
	return r;
}
