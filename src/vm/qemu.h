/* qemu: a QEMU command line into a demand.
 *
 * Read are -m, -M/-machine, -object (memory backends and guest objects), -numa, -device
 * (VFIO, virtio-mem, DIMMs, balloon), -netdev and -blockdev for vDPA, -mem-path,
 * -mem-prealloc, -overcommit, -realtime and -name, as key=value lists or as JSON. Others
 * are passed over; what may change memory and is not read is named in the demand's notes.
 * weir-vm(5) lists all. What QEMU itself would refuse is refused here when it concerns
 * memory, because a plan for it would be a plan for nothing. */
#ifndef WEIR_VM_QEMU_H
#define WEIR_VM_QEMU_H

#include "vm/demand.h"

/* @argv_nul: words with a NUL behind each (the last may lack it), as /proc/PID/cmdline
 * has them; the first is the program unless it begins with '-'.
 * -EBADMSG names option and value; -E2BIG past the limits; -ENOMEM; -ELIBACC or -ENOTSUP
 * where there is JSON and no jansson. *out is to be freed with weir_demand_done(). */
int weir_qemu_parse(struct weir_str argv_nul, enum weir_vm_vendor vendor,
                    struct weir_demand *out, struct weir_err *err);

/* The same from text as one would type it into a shell, which expands nothing. */
int weir_qemu_parse_text(struct weir_str text, enum weir_vm_vendor vendor,
                         struct weir_demand *out, struct weir_err *err);

#endif
