/* tree_yaml_off: stands in for tree_yaml.c in a build without libyaml, and says so. */
#include "vm/tree.h"

#include <errno.h>

int weir_tree_yaml(struct weir_str text, struct weir_tree *out, struct weir_err *err)
{
	(void)text;
	(void)out;
	return weir_err_set(err, -ENOTSUP,
	                    "this weir was built without libyaml: use a QEMU command "
	                    "line or domain XML instead");
}
