/* tree_xml: XML into a tree, by libxml2's push parser and our own handlers.
 *
 * With our own handlers libxml2 builds no document, so that memory grows with what we
 * keep, and the two things that make XML dangerous cannot begin: a DOCTYPE stops the
 * parser before its first entity is declared, and without entities nothing is expanded or
 * fetched. (XML_PARSE_NONET is set all the same.) The text is taken as UTF-8, which is
 * what libvirt writes, whatever its declaration says: other encodings would make iconv
 * load modules. Comments and processing instructions are passed over. */
#include "vm/tree.h"

#include "base/dl.h"
#include "base/own.h"

#include <assert.h>
#include <errno.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>
#include <limits.h>
#include <stdio.h>

#if LIBXML_VERSION >= 21400
#define SONAME "libxml2.so.16"
#else
#define SONAME "libxml2.so.2" /* the ABI from libxml2 2.0 to 2.13 */
#endif

static struct {
	__typeof__(xmlInitParser) *init;
	__typeof__(xmlCreatePushParserCtxt) *new;
	__typeof__(xmlFreeParserCtxt) *free;
	__typeof__(xmlCtxtUseOptions) *use_options;
	__typeof__(xmlSwitchEncoding) *switch_encoding;
	__typeof__(xmlParseChunk) *parse_chunk;
	__typeof__(xmlStopParser) *stop;
	__typeof__(xmlSAX2GetLineNumber) *line;
} xml;

static const struct weir_dl_symbol symbols[] = {
	{ "xmlInitParser", &xml.init },
	{ "xmlCreatePushParserCtxt", &xml.new },
	{ "xmlFreeParserCtxt", &xml.free },
	{ "xmlCtxtUseOptions", &xml.use_options },
	{ "xmlSwitchEncoding", &xml.switch_encoding },
	{ "xmlParseChunk", &xml.parse_chunk },
	{ "xmlStopParser", &xml.stop },
	{ "xmlSAX2GetLineNumber", &xml.line },
};

struct builder {
	struct weir_tree tree;
	struct weir_err *err;
	xmlParserCtxtPtr parser;
	size_t at; /* the element that is open */
	unsigned int depth;
	int failed; /* the first failure; all that follows is passed over */
};

static unsigned int line_of(const struct builder *b)
{
	int line = xml.line(b->parser);

	return line > 0 ? (unsigned int)line : 0;
}

static void fail(struct builder *b, int code, const char *words)
{
	if (b->failed)
		return;
	b->failed = code == -ENOMEM ? code
	                            : weir_err_set(b->err, code, "line %u: %s",
	                                           line_of(b), words);
	xml.stop(b->parser);
}

static struct weir_str str_of(const xmlChar *z)
{
	return z ? weir_strz((const char *)z) : weir_str("", 0);
}

static int add(struct builder *b, enum weir_tree_type type, const xmlChar *name,
               size_t *out)
{
	int r = weir_tree_add(&b->tree, b->at, type, str_of(name), out);

	if (r < 0)
		fail(b, r, "more elements and attributes than a domain has");
	else
		b->tree.v[*out].line = line_of(b);
	return r;
}

static void on_start(void *ctx, const xmlChar *name, const xmlChar *prefix,
                     const xmlChar *uri, int nr_namespaces, const xmlChar **namespaces,
                     int nr_attributes, int nr_defaulted, const xmlChar **attributes)
{
	struct builder *b = ctx;
	size_t element, attribute;

	(void)prefix;
	(void)nr_namespaces;
	(void)namespaces;
	(void)nr_defaulted;
	if (b->failed)
		return;
	if (b->depth == WEIR_TREE_DEPTH_MAX) {
		fail(b, -E2BIG, "elements inside more others than a domain has");
		return;
	}
	if (add(b, WEIR_TREE_MAP, name, &element) < 0)
		return;
	b->tree.v[element].foreign = uri != NULL;
	b->at = element;
	b->depth++;
	/* five a time: name, prefix, URI, where the value begins, where it ends */
	for (int i = 0; i < nr_attributes; i++, attributes += 5) {
		struct weir_str value = weir_str((const char *)attributes[3],
		                                 (size_t)(attributes[4] - attributes[3]));

		if (add(b, WEIR_TREE_TEXT, attributes[0], &attribute) < 0)
			return;
		b->tree.v[attribute].foreign = attributes[2] != NULL;
		if (weir_tree_add_text(&b->tree, attribute, value) < 0) {
			fail(b, -ENOMEM, "");
			return;
		}
	}
	b->tree.v[element].text = b->tree.text.n;
}

static void on_end(void *ctx, const xmlChar *name, const xmlChar *prefix,
                   const xmlChar *uri)
{
	struct builder *b = ctx;

	(void)name;
	(void)prefix;
	(void)uri;
	if (b->failed)
		return;
	b->at = b->tree.v[b->at].parent;
	b->depth--;
}

/* Text of elements that have others in them is layout, and is left out once the first of
 * them has begun. */
static void on_text(void *ctx, const xmlChar *text, int n)
{
	struct builder *b = ctx;
	const struct weir_tree_node *node;

	if (b->failed || !b->depth || n <= 0)
		return;
	node = &b->tree.v[b->at];
	if (node->text + node->text_n != b->tree.text.n)
		return;
	if (weir_tree_add_text(&b->tree, b->at, weir_str((const char *)text, (size_t)n)) <
	    0)
		fail(b, -ENOMEM, "");
}

static void on_doctype(void *ctx, const xmlChar *name, const xmlChar *external,
                       const xmlChar *system)
{
	(void)name;
	(void)external;
	(void)system;
	fail(ctx, -EBADMSG, "a DOCTYPE: domain XML has none");
}

static struct weir_str first_line(const char *text)
{
	struct weir_str rest = weir_strz(text ? text : "not well-formed"), line = rest;

	(void)weir_str_line(&rest, &line);
	return line;
}

#if LIBXML_VERSION >= 21200
static void on_error(void *ctx, const xmlError *e)
#else
static void on_error(void *ctx, xmlErrorPtr e)
#endif
{
	struct builder *b = ctx;

	if (b->failed || e->level < XML_ERR_ERROR)
		return;
	if (e->code == XML_ERR_NO_MEMORY)
		b->failed = -ENOMEM;
	else
		b->failed = weir_err_set(b->err, -EBADMSG, "line %d: XML: %.*s", e->line,
		                         WEIR_STR_ARG(first_line(e->message)));
	xml.stop(b->parser);
}

static int build(struct builder *b, struct weir_str text)
{
	xmlSAXHandler handlers = {
		.initialized = XML_SAX2_MAGIC,
		.startElementNs = on_start,
		.endElementNs = on_end,
		.characters = on_text,
		.ignorableWhitespace = on_text,
		.cdataBlock = on_text,
		.internalSubset = on_doctype,
		.serror = on_error,
	};
	int r;

	xml.init();
	b->parser = xml.new(&handlers, b, NULL, 0, NULL);
	if (!b->parser)
		return -ENOMEM;
	(void)xml.use_options(b->parser,
	                      XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
	(void)xml.switch_encoding(b->parser, XML_CHAR_ENCODING_UTF8);
	r = xml.parse_chunk(b->parser, text.p, (int)text.n, 1);
	if (r != 0 && !b->failed)
		b->failed = weir_err_set(b->err, -EBADMSG,
		                         "line %u: XML: not well-formed", line_of(b));
	xml.free(b->parser);
	return b->failed;
}

int weir_tree_xml(struct weir_str text, struct weir_tree *out, struct weir_err *err)
{
	struct builder b = { .err = err };
	int r;

	static_assert(WEIR_TREE_TEXT_MAX < INT_MAX, "xmlParseChunk() takes an int");
	if (text.n > WEIR_TREE_TEXT_MAX)
		return weir_err_set(err, -E2BIG, "more than %u bytes of XML",
		                    WEIR_TREE_TEXT_MAX);
	r = weir_dl_load(SONAME, symbols, WEIR_NELEM(symbols), "domain XML", err);
	if (r < 0)
		return r;
	r = build(&b, text);
	if (r == 0 && (b.depth || !b.tree.nr))
		r = weir_err_set(err, -EBADMSG, "XML without an element");
	if (r < 0)
		weir_tree_done(&b.tree);
	else
		*out = b.tree;
	return r;
}
