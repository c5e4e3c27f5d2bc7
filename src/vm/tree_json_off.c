/* tree_json_off: stands in for tree_json.c in a build without jansson, and says so. */
#include "vm/tree.h"

#include <errno.h>

int weir_tree_json(struct weir_str text, struct weir_tree *out, struct weir_err *err)
{
	(void)text;
	(void)out;
	return weir_err_set(err, -ENOTSUP,
	                    "this weir was built without jansson: use key=value "
	                    "instead of JSON");
}
