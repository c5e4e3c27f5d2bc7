/* makers: whether the process is still there whose number stands in a file's name: the
 * numbers that processes have, in their own PID namespaces too, for a program in a
 * container writes the one by which it knows itself. Whether the file's owner has any
 * process: facts/owners.h. */
#ifndef WEIR_APPLY_MAKERS_H
#define WEIR_APPLY_MAKERS_H

#include "host/host.h"

#include <stdbool.h>
#include <stdint.h>

struct weir_numbers { /* each once, ascending after weir_makers_read() */
	uint64_t *v;
	size_t nr, cap;
};

struct weir_makers {
	struct weir_numbers pids;
};

void weir_makers_done(struct weir_makers *makers);

/* Of all processes of a host. 0, -ENOMEM, or what listing /proc failed with. */
int weir_makers_read(const struct weir_host *host, struct weir_makers *out);

bool weir_makers_has_process(const struct weir_makers *makers, uint64_t pid);

#endif
