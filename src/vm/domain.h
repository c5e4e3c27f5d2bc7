/* domain: libvirt's domain XML into a demand.
 *
 * What libvirt 9.0 would make of it for QEMU: src/qemu/qemu_command.c
 * (qemuBuildMemoryBackendProps), src/conf/domain_conf.c, numa_conf.c. weir-vm(5) lists
 * the elements that are read; others are passed over. <domstatus>, as libvirt keeps it
 * for running domains, is read too. */
#ifndef WEIR_VM_DOMAIN_H
#define WEIR_VM_DOMAIN_H

#include "vm/demand.h"

/* -EBADMSG with line and element, -E2BIG past the limits of tree.h, -ENOMEM; -ELIBACC or
 * -ENOTSUP without libxml2. *out is to be freed with weir_demand_done(). */
int weir_domain_parse(struct weir_str text, enum weir_vm_vendor vendor,
                      struct weir_demand *out, struct weir_err *err);

#endif
