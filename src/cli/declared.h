/* declared: what is declared of this host, as the commands that change pools need it:
 * wishes, the floor, and VMs that are to start. */
#ifndef WEIR_CLI_DECLARED_H
#define WEIR_CLI_DECLARED_H

#include "cli/vms.h"
#include "plan/declare.h"
#include "plan/plan.h"

struct weir_cli_declared {
	struct weir_declaration decl;
	struct weir_wishes wishes;
	struct weir_vms vms;
	struct weir_buf notes; /* VMs that could not be read, a line each */
};

/* Reads the declaration below @root (NULL: this machine), or of @file alone, and what it
 * says of guards into @options, unless that has it already. 0; WEIR_UNDECLARED;
 * -EBADMSG with "FILE:LINE:COLUMN: words", and other errors with words. What *out has is
 * to outlive @options. */
int weir_cli_declared_read(const char *root, const char *file,
                           const struct weir_host *host, struct weir_cli_declared *out,
                           struct weir_plan_options *options, struct weir_err *err);
void weir_cli_declared_done(struct weir_cli_declared *declared);

#endif
