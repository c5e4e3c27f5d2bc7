/* tree: a text from outside as a tree of names and texts, each with its line.
 *
 * XML, YAML, JSON and QEMU's key=value lists all become this, so that what they mean is
 * read in one way, and so that a build without the library of a format misses one small
 * file. The limits hold for all of them. Nodes lie in one array and texts in one buffer:
 * freeing is two calls, however odd the text. */
#ifndef WEIR_VM_TREE_H
#define WEIR_VM_TREE_H

#include "base/buf.h"
#include "base/err.h"

/* A domain of a large host has some 2,000 elements and attributes. */
#define WEIR_TREE_NODES_MAX 65536U
/* Domain XML is 8 deep; and the readers below recurse. */
#define WEIR_TREE_DEPTH_MAX 32U
/* Of a whole domain or plan; one JSON argument is a hundred times shorter. */
#define WEIR_TREE_TEXT_MAX (1U << 20)

enum weir_tree_type {
	WEIR_TREE_MAP,  /* object, mapping, XML element */
	WEIR_TREE_LIST, /* array, sequence */
	WEIR_TREE_TEXT, /* number, word, XML attribute */
};

struct weir_tree_node {
	enum weir_tree_type type;
	bool foreign; /* XML: in a namespace of its own */
	unsigned int line;
	size_t name, name_n;              /* in the buffer; "" in a list and at the top */
	size_t text, text_n;              /* of TEXT, and of an XML element */
	size_t parent, first, last, next; /* nodes; 0, which is the top: none */
};

struct weir_tree {
	struct weir_tree_node *v; /* v[0] is the top */
	size_t nr, cap;
	struct weir_buf text;
};

void weir_tree_done(struct weir_tree *tree);

/* One more node, the last child of @parent (the first node of all has none): its index in
 * *out. -ENOMEM, or -E2BIG past WEIR_TREE_NODES_MAX. */
int weir_tree_add(struct weir_tree *tree, size_t parent, enum weir_tree_type type,
                  struct weir_str name, size_t *out);

/* Text behind that of node @at, which must be the last node that was added or given text.
 */
int weir_tree_add_text(struct weir_tree *tree, size_t at, struct weir_str text);

/* Borrowed from the tree. */
struct weir_str weir_tree_name(const struct weir_tree *tree,
                               const struct weir_tree_node *node);
struct weir_str weir_tree_text(const struct weir_tree *tree,
                               const struct weir_tree_node *node);

/* Children, one after the other; NULL: no more. */
const struct weir_tree_node *weir_tree_first(const struct weir_tree *tree,
                                             const struct weir_tree_node *node);
const struct weir_tree_node *weir_tree_next(const struct weir_tree *tree,
                                            const struct weir_tree_node *node);

/* The first or last child of this type and name that is not foreign, or NULL. */
const struct weir_tree_node *weir_tree_find(const struct weir_tree *tree,
                                            const struct weir_tree_node *node,
                                            enum weir_tree_type type, const char *name);
const struct weir_tree_node *weir_tree_find_last(const struct weir_tree *tree,
                                                 const struct weir_tree_node *node,
                                                 enum weir_tree_type type,
                                                 const char *name);

/* The readers. *out must be empty and stays so on failure: -EBADMSG with line and words,
 * -E2BIG past the limits, -ENOMEM; -ELIBACC without the library, -ENOTSUP in a build
 * without it.
 *
 * JSON: true and false are these words, null is "". A real number, which nothing here
 * asks for, is "(real)". No key occurs twice. */
int weir_tree_json(struct weir_str text, struct weir_tree *out, struct weir_err *err);

/* XML without DOCTYPE, and so without entities of its own. Elements are maps with their
 * attributes as texts before their children. */
int weir_tree_xml(struct weir_str text, struct weir_tree *out, struct weir_err *err);

/* One YAML document without anchors, aliases and tags. No key occurs twice. */
int weir_tree_yaml(struct weir_str text, struct weir_tree *out, struct weir_err *err);

#endif
