/* mounts_off: stands in for mounts_table.c in a build without libmount, and says so. */
#include "facts/mounts.h"

#include <errno.h>

int weir_mounts_table(struct weir_buf *lines, size_t nr, struct weir_count default_page,
                      struct weir_mounts *out, struct weir_err *err)
{
	(void)lines;
	(void)default_page;
	(void)out;
	return weir_err_set(err, -ENOTSUP,
	                    "this weir was built without libmount, which the %zu mounts "
	                    "of hugetlbfs and cgroups need",
	                    nr);
}
