/* foreign: looks through a system's files for those that set huge pages: sysctl, tuned,
 * boot loaders, systemd units, tmpfiles, scripts, Proxmox' VMs. */
#ifndef WEIR_APPLY_FOREIGN_H
#define WEIR_APPLY_FOREIGN_H

#include "apply/root.h"
#include "plan/foreign.h"

/* 0 with *out in the order of the files above; files that cannot be read are a line of
 * @notes each. -ENOMEM, or -E2BIG with words. After a failure *out is empty. */
int weir_foreigns_read(const struct weir_root *root, struct weir_foreigns *out,
                       struct weir_buf *notes, struct weir_err *err);

#endif
