/* detect: a text that says what VMs ask for, in whatever form. */
#ifndef WEIR_VM_DETECT_H
#define WEIR_VM_DETECT_H

#include "vm/demand.h"

enum weir_vm_form {
	WEIR_VM_FORM_XML,   /* begins with '<' */
	WEIR_VM_FORM_ARGV,  /* has NULs: /proc/PID/cmdline */
	WEIR_VM_FORM_SHELL, /* begins with a program qemu... or ...kvm, or an option */
	WEIR_VM_FORM_PLAN_FILE, /* all else: YAML */
};

enum weir_vm_form weir_vm_form(struct weir_str text);

/* Parses it as that form: see domain.h, qemu.h, plan_file.h for the errors. *out must be
 * empty, and is to be freed with weir_demands_done(). */
int weir_vm_parse(struct weir_str text, enum weir_vm_vendor vendor,
                  struct weir_demands *out, struct weir_err *err);

#endif
