/* confidential: what a host offers to confidential VMs, and what Hygon's CSV3 holds.
 *
 * The parameters of the kvm modules tell what works, not what was asked for: the modules
 * correct them when they are loaded (arch/x86/kvm/svm/sev.c, sev_hardware_setup(), v6.6).
 *
 * Hygon's kernels reserve CMA areas for the private memory of CSV3 VMs, and have shown
 * them in three forms (arch/x86/mm/mem_encrypt_hygon.c in openEuler, Anolis and others):
 * csv3_cma/free_size with total and free, csv3_cma/mem_info with total, used and shared,
 * and csv3/free_size with the content of mem_info. All are MiB, each number rounded up,
 * and the totals are sums of rounded numbers. Used counts what CSV3 VMs have: what other
 * memory stands in the areas meanwhile is not in it. */
#ifndef WEIR_FACTS_CONFIDENTIAL_H
#define WEIR_FACTS_CONFIDENTIAL_H

#include "facts/fact.h"

struct weir_csv_memory {         /* bytes */
	struct weir_count total; /* of the CMA areas; 0 where 1 GiB huge pages serve */
	struct weir_count used;  /* in CSV3's own books: total - free, where only free */
	struct weir_count free;  /* is shown, and the other way round */
	struct weir_count
		shared; /* what CSV3 VMs share with the host: not in the areas */
};

struct weir_csv_node {
	unsigned int node;
	struct weir_csv_memory memory;
};

struct weir_csv {   /* bytes */
	bool known; /* false: none of the three files, as on all but Hygon's kernels */
	struct weir_csv_node *v; /* in the kernel's order */
	size_t nr, cap;
	struct weir_csv_memory all;
	struct weir_count npt;            /* nested page tables; of all nodes, so below */
	struct weir_count private_memory; /* of guests */
	struct weir_count meta_data;
};

struct weir_confidential {
	struct weir_count sev, sev_es, sev_snp; /* kvm_amd's parameters: 1 yes, 0 no */
	struct weir_count tdx;                  /* kvm_intel's */
	struct weir_count dev_sev; /* 1: /dev/sev is there; 0: something else is */
	struct weir_csv csv;
	struct weir_count csv_smr_bytes; /* the unit that CSV3 memory is taken in */
};

void weir_csv_done(struct weir_csv *csv);

/* All three forms. *out must be empty or done with; it is valid after 0 and WEIR_GARBLED.
 */
int weir_csv_parse(struct weir_str text, struct weir_csv *out, struct weir_err *err);

void weir_confidential_done(struct weir_confidential *conf);
void weir_confidential_read(struct weir_reader *rd, struct weir_confidential *out);

#endif
