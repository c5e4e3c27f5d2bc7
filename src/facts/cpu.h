/* cpu: what kind of processor this is, as far as huge pages and confidential VMs go.
 *
 * From the first processor in /proc/cpuinfo; only the beginning of that file is read,
 * because it grows with the number of processors. Only x86 has these lines
 * (arch/x86/kernel/cpu/proc.c, v6.6): elsewhere all is unknown, which is not "no". */
#ifndef WEIR_FACTS_CPU_H
#define WEIR_FACTS_CPU_H

#include "facts/fact.h"

#define WEIR_CPUINFO_HEAD 8192U /* one x86 processor takes 1,500 to 2,500 bytes */

struct weir_cpu {                  /* the counts are flags: 1 yes, 0 no */
	char vendor[16];           /* "HygonGenuine"; "": unknown */
	char model[64];            /* for people; "": unknown */
	struct weir_count pdpe1gb; /* has 1 GiB pages */
	struct weir_count pse;     /* has 2 MiB pages (4 MiB without PAE) */
	struct weir_count sme;     /* here on: what the kernel did not switch off */
	struct weir_count sev, sev_es, sev_snp;
	struct weir_count tdx_host;   /* tdx_host_platform */
	struct weir_count hypervisor; /* this host is itself a guest */
};

/* A flags line without its newline was cut: what it shows is there, the rest unknown. */
int weir_cpu_parse(struct weir_str text, struct weir_cpu *out, struct weir_err *err);
void weir_cpu_read(struct weir_reader *rd, struct weir_cpu *out);

#endif
