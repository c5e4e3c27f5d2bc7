/* plan_file: the YAML form in which VMs are written down for planning; weir-vm(5).
 *
 *	vms:
 *	  - name: db
 *	    kind: csv2
 *	    memory: 32G
 *	    pages: 2M
 *	    host-nodes: 0-1
 *	    count: 4
 *
 * It says what a VM asks for and nothing about how its QEMU is started. Sizes are those
 *of weir ("2M", K = 1024), and a key that is not known is an error: in a plan a slip must
 *not pass for a default. */
#ifndef WEIR_VM_PLAN_FILE_H
#define WEIR_VM_PLAN_FILE_H

#include "vm/demand.h"

/* -EBADMSG with line and key, -E2BIG past the limits, -ENOMEM; -ELIBACC or -ENOTSUP
 * without libyaml. *out must be empty, and is to be freed with weir_demands_done(). */
int weir_plan_file_parse(struct weir_str text, struct weir_demands *out,
                         struct weir_err *err);

#endif
