#include "facts/pools.h"

#include "fuzz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_str name = weir_str((const char *)data, size);
	uint64_t bytes = 0;
	char text[64];
	int r = weir_huge_dir_parse(name, &bytes);

	must(r == 0 || (r == -EBADMSG && bytes == 0));
	if (r < 0)
		return 0;
	/* one name a size: the reader puts the name together again from the size */
	must(bytes >= 1024 && bytes <= WEIR_COUNT_MAX && (bytes & (bytes - 1)) == 0);
	(void)snprintf(text, sizeof(text), "hugepages-%" PRIu64 "kB", bytes / 1024);
	must(weir_str_eq(name, text));
	return 0;
}
