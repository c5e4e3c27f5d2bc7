/* tree: see tree.h. */
#include "vm/tree.h"

#include "base/own.h"

#include <assert.h>
#include <errno.h>

void weir_tree_done(struct weir_tree *tree)
{
	free(tree->v);
	weir_buf_done(&tree->text);
	*tree = (struct weir_tree){ 0 };
}

int weir_tree_add(struct weir_tree *tree, size_t parent, enum weir_tree_type type,
                  struct weir_str name, size_t *out)
{
	struct weir_tree_node *node;
	size_t at = tree->nr;
	int r;

	if (at >= WEIR_TREE_NODES_MAX)
		return -E2BIG;
	r = weir_grow(&tree->v, &tree->cap, at, sizeof(*tree->v));
	if (r < 0)
		return r;
	node = &tree->v[at];
	*node = (struct weir_tree_node){ .type = type, .parent = parent };
	node->name = tree->text.n;
	node->name_n = name.n;
	r = weir_buf_add(&tree->text, name);
	if (r < 0)
		return r;
	node->text = tree->text.n;
	tree->nr++;
	if (at) {
		struct weir_tree_node *above = &tree->v[parent];

		assert(parent < at);
		if (above->last)
			tree->v[above->last].next = at;
		else
			above->first = at;
		above->last = at;
	}
	*out = at;
	return 0;
}

int weir_tree_add_text(struct weir_tree *tree, size_t at, struct weir_str text)
{
	struct weir_tree_node *node = &tree->v[at];
	int r = weir_buf_add(&tree->text, text);

	if (r < 0)
		return r;
	assert(node->text + node->text_n + text.n == tree->text.n);
	node->text_n += text.n;
	return 0;
}

struct weir_str weir_tree_name(const struct weir_tree *tree,
                               const struct weir_tree_node *node)
{
	return weir_str(tree->text.p + node->name, node->name_n);
}

struct weir_str weir_tree_text(const struct weir_tree *tree,
                               const struct weir_tree_node *node)
{
	return weir_str(tree->text.p + node->text, node->text_n);
}

const struct weir_tree_node *weir_tree_first(const struct weir_tree *tree,
                                             const struct weir_tree_node *node)
{
	return node->first ? &tree->v[node->first] : NULL;
}

const struct weir_tree_node *weir_tree_next(const struct weir_tree *tree,
                                            const struct weir_tree_node *node)
{
	return node->next ? &tree->v[node->next] : NULL;
}

static bool is_wanted(const struct weir_tree *tree, const struct weir_tree_node *node,
                      enum weir_tree_type type, const char *name)
{
	return node->type == type && !node->foreign &&
	       weir_str_eq(weir_tree_name(tree, node), name);
}

const struct weir_tree_node *weir_tree_find(const struct weir_tree *tree,
                                            const struct weir_tree_node *node,
                                            enum weir_tree_type type, const char *name)
{
	for (const struct weir_tree_node *child = weir_tree_first(tree, node); child;
	     child = weir_tree_next(tree, child))
		if (is_wanted(tree, child, type, name))
			return child;
	return NULL;
}

const struct weir_tree_node *weir_tree_find_last(const struct weir_tree *tree,
                                                 const struct weir_tree_node *node,
                                                 enum weir_tree_type type,
                                                 const char *name)
{
	const struct weir_tree_node *found = NULL;

	for (const struct weir_tree_node *child = weir_tree_first(tree, node); child;
	     child = weir_tree_next(tree, child))
		if (is_wanted(tree, child, type, name))
			found = child;
	return found;
}
