/* needs: what the VMs that are declared of this host (weir-pools(5), [vm NAME]) would
 * need of the pools, as far as they do not run: warm memory must not take it from them.
 *
 * What is needed is counted from the VM's text and the host (plan/ask.h): bytes of each
 * page size, of a node where the text binds them to one. It is not played on the model as
 * `weir check` does: what more of the rules would tell is whether the VM starts, not how
 * much is to be left. */
#ifndef WEIR_DAEMON_NEEDS_H
#define WEIR_DAEMON_NEEDS_H

#include "plan/ask.h"
#include "plan/declare.h"

struct weir_need {
	uint64_t page_bytes, bytes;
	int node; /* -1: of any */
};

struct weir_needs {
	struct weir_need *v; /* by size and node, each once */
	size_t nr, cap;
	size_t nr_declared; /* VMs that there are, running or not */
};

void weir_needs_done(struct weir_needs *needs);

/* Adds so much. -ENOMEM. */
int weir_needs_add(struct weir_needs *needs, uint64_t page_bytes, int node,
                   uint64_t bytes);

/* Adds what a VM needs of the pools of this host: base pages are not. Pure. */
int weir_needs_of(const struct weir_ask *ask, struct weir_needs *out);

/* Reads the declared VMs and adds those that no process of @running is (names of VMs).
 * What could not be read is a line of @notes. 0 or -ENOMEM. */
int weir_needs_read(const struct weir_host *host, const struct weir_snapshot *snap,
                    const struct weir_declaration *decl, const struct weir_names *running,
                    struct weir_needs *out, struct weir_buf *notes);

#endif
