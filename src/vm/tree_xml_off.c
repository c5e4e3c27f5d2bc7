/* tree_xml_off: stands in for tree_xml.c in a build without libxml2, and says so. */
#include "vm/tree.h"

#include <errno.h>

int weir_tree_xml(struct weir_str text, struct weir_tree *out, struct weir_err *err)
{
	(void)text;
	(void)out;
	return weir_err_set(err, -ENOTSUP,
	                    "this weir was built without libxml2: use the QEMU command "
	                    "line that libvirt makes instead");
}
