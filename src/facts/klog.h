/* klog: what the kernel's log of this boot says about memory that weir looks after.
 *
 * Much of it is said once and nowhere else: how many of the pages asked for at boot were
 * there, where the CMA areas lie, why confidential guests are off. A log is also full of
 * what is nobody's business, so a capture takes only the lines that pass the filter.
 *
 * Lines come as dmesg, "dmesg -r", /dev/kmsg, the journal or syslog write them: what
 * stands in front of the message is passed over. The filter and the parser agree on what
 * a line is: parsing a log and parsing what the filter kept of it give the same facts.
 *
 * Sources, v5.10 to v6.18: mm/hugetlb.c, mm/hugetlb_cma.c, mm/cma.c, kernel/dma/
 * contiguous.c, mm/memory-failure.c, arch/x86/kvm/svm/sev.c, arch/x86/virt/svm/sev.c,
 * arch/x86/virt/vmx/tdx/tdx.c; arch/x86/mm/mem_encrypt_hygon.c of the Hygon kernels. */
#ifndef WEIR_FACTS_KLOG_H
#define WEIR_FACTS_KLOG_H

#include "base/buf.h"
#include "facts/fact.h"

/* The kernel cuts a record at 1 KiB; this leaves room for what others put in front. */
#define WEIR_KLOG_LINE_MAX 2048U
/* Of each kind of fact: Hygon kernels report up to 2,458 CMA areas. */
#define WEIR_KLOG_FACTS_MAX 4096U
/* Complaints are for people, and a failing memory module makes many of them. */
#define WEIR_KLOG_NOTES_MAX 256U

/* "allocating 5 of page size 1.00 GiB failed [node1].  Only allocated 3 hugepages." */
struct weir_klog_shortfall {
	struct weir_count size_bytes;
	struct weir_count node; /* unknown: of a count for all nodes */
	uint64_t asked, got;    /* pages */
};

/* "registered 2.00 MiB page size, pre-allocated 4 pages" */
struct weir_klog_size {
	struct weir_count size_bytes;
	uint64_t pages; /* of all nodes, when the log line was written */
};

/* "CSV-CMA: Node 0 - reserve size 0x1000000000, (expected size 0xff9024000)" */
struct weir_klog_csv_node {
	unsigned int node;
	uint64_t reserved_bytes, expected_bytes;
};

struct weir_klog_cma_area {
	uint64_t size_bytes; /* the kernel says it in whole MiB */
	struct weir_count base;
	struct weir_count node;
};

enum weir_klog_tech {
	WEIR_KLOG_SEV,
	WEIR_KLOG_SEV_ES,
	WEIR_KLOG_SEV_SNP,
	WEIR_KLOG_CSV,
	WEIR_KLOG_CSV2,
	WEIR_KLOG_CSV3,
	WEIR_KLOG_NR_TECHS,
};

enum weir_klog_state {
	WEIR_KLOG_UNTOLD,
	WEIR_KLOG_ENABLED,
	WEIR_KLOG_DISABLED,
	WEIR_KLOG_UNUSABLE, /* on, but without a single address space id */
};

/* What KVM said when it was loaded, the last time. */
struct weir_klog_kvm {
	enum weir_klog_state state;
	/* Known when enabled only: else the kernel prints variables that it never set. */
	struct weir_count asid_first, asid_last, nr_asids;
};

enum weir_klog_tdx {
	WEIR_KLOG_TDX_UNTOLD,
	WEIR_KLOG_TDX_INITIALIZED,
	WEIR_KLOG_TDX_FAILED,
};

enum weir_klog_topic {
	WEIR_KLOG_OTHER, /* none of ours */
	WEIR_KLOG_ABOUT_HUGETLB,
	WEIR_KLOG_ABOUT_CMA,
	WEIR_KLOG_ABOUT_CSV,
	WEIR_KLOG_ABOUT_KVM,
	WEIR_KLOG_ABOUT_SNP,
	WEIR_KLOG_ABOUT_TDX,
	WEIR_KLOG_ABOUT_FAILURE, /* memory that went bad */
};

/* A line that says what went wrong or was refused. */
struct weir_klog_note {
	enum weir_klog_topic topic;
	char *text; /* the message, without what stands in front of it */
};

struct weir_klog {
	struct weir_klog_shortfall *shortfalls;
	size_t nr_shortfalls, cap_shortfalls;
	struct weir_klog_size *sizes;
	size_t nr_sizes, cap_sizes;
	struct weir_klog_csv_node *csv_nodes;
	size_t nr_csv_nodes, cap_csv_nodes;
	struct weir_count csv_smr_entry_bytes;
	struct weir_klog_cma_area *areas;
	size_t nr_areas, cap_areas;
	struct weir_klog_kvm kvm[WEIR_KLOG_NR_TECHS];
	struct weir_count rmp_first, rmp_last; /* physical addresses, both inside */
	enum weir_klog_tdx tdx;
	struct weir_count tdx_first_keyid, tdx_last_keyid; /* both inside */
	struct weir_count tdx_pamt_bytes;
	struct weir_klog_note *notes; /* the first WEIR_KLOG_NOTES_MAX */
	size_t nr_notes, cap_notes;
	uint64_t nr_notes_left_off;
};

/* Adds to @out each line of @text that is ours, as it is, with a newline. 0 or -ENOMEM.
 * Lines with control characters and over-long ones are no kernel's, and left off. */
int weir_klog_filter(struct weir_str text, struct weir_buf *out);

/* Returns as fact.h says: a line that begins like one of these facts and goes on
 * otherwise is WEIR_GARBLED and its fact stays unknown. *out is empty on -ENOMEM. */
int weir_klog_parse(struct weir_str text, struct weir_klog *out, struct weir_err *err);
void weir_klog_done(struct weir_klog *klog);

#endif
