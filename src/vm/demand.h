/* demand: what one virtual machine asks of its host's memory.
 *
 * Three texts tell it, each with a parser in this folder: a QEMU command line (qemu.h),
 * libvirt's domain XML (domain.h) and a small YAML form for planning (plan_file.h,
 * weir-vm(5)). What the text does not say has the default of QEMU 7.2 and libvirt 9.0. A
 * demand knows nothing of a host: which page size a path has, what "default huge page
 * size" is, and whether this CPU can do what is asked, is found out by who plays it. */
#ifndef WEIR_VM_DEMAND_H
#define WEIR_VM_DEMAND_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Nodes are 0 to 63 as in the model; a text that names others is refused. */
#define WEIR_VM_NODES_MAX    64
#define WEIR_VM_NAME_MAX     256U /* bytes of a VM's name */
#define WEIR_VM_MEMORIES_MAX 256U /* QEMU's own limit of memory slots is 256 */
#define WEIR_VM_NOTES_MAX    64U
#define WEIR_VM_DEMANDS_MAX  1024U /* VMs of one text: more than any host starts */
/* QEMU's addresses end at 2^52 on the widest x86; what is above is a slip. */
#define WEIR_VM_BYTES_MAX (UINT64_C(1) << 52)

/* By the guest object and its policy, and where policies differ by CPU, its vendor. */
enum weir_vm_kind {
	WEIR_VM_PLAIN,
	WEIR_VM_SEV,    /* AMD; all memory is pinned when it is registered */
	WEIR_VM_SEV_ES, /* the same, with an ASID of its own class */
	WEIR_VM_SNP,    /* private memory from guest_memfd */
	WEIR_VM_CSV1,   /* Hygon: as SEV */
	WEIR_VM_CSV2,   /* Hygon: as SEV-ES */
	WEIR_VM_CSV3,   /* Hygon: private memory from the CSV CMA */
	WEIR_VM_TDX,    /* Intel; private memory from guest_memfd */
};

enum weir_vm_vendor {
	WEIR_VENDOR_UNKNOWN,
	WEIR_VENDOR_INTEL,
	WEIR_VENDOR_AMD,
	WEIR_VENDOR_HYGON,
};

enum weir_vm_backing {
	WEIR_BACKING_ANON,  /* memory-backend-ram, or none */
	WEIR_BACKING_MEMFD, /* memory-backend-memfd */
	WEIR_BACKING_FILE,  /* memory-backend-file, -mem-path: below path */
	WEIR_BACKING_HUGE,  /* huge pages, by whatever file libvirt will make */
};

enum weir_vm_policy {
	WEIR_VM_POLICY_DEFAULT,
	WEIR_VM_POLICY_PREFERRED,
	WEIR_VM_POLICY_BIND,
	WEIR_VM_POLICY_INTERLEAVE,
};

/* One memory backend. */
struct weir_vm_memory {
	char *id;            /* of the object; "" where the text gives none */
	uint64_t size_bytes; /* of a virtio-mem device: its maximum */
	enum weir_vm_backing backing;
	char *path;          /* FILE: mem-path; else NULL */
	bool huge;           /* MEMFD with hugetlb=on, or HUGE */
	uint64_t page_bytes; /* of huge pages; 0: the host's default size, or unknown */
	bool shared;
	bool prealloc;
	bool reserve;               /* on unless reserve=off */
	uint64_t prealloc_threads;  /* 0: not said */
	enum weir_vm_policy policy; /* of the backend: mbind(2), after it was mapped */
	uint64_t host_nodes;        /* mask; 0: none */
	int guest_node;             /* -1: none */
	uint64_t align_bytes;       /* FILE: of its mapping; 0: not said */
	bool is_device;             /* a DIMM or virtio-mem: beyond the memory at start */
	bool is_whole; /* a device whose size must be a multiple of its alignment */
	bool is_virtio_mem;
	uint64_t requested_bytes; /* of virtio-mem: plugged at start */
	uint64_t block_bytes;     /* of virtio-mem: 0: not said */
	bool device_prealloc;     /* virtio-mem's own prealloc=on */
};

struct weir_demand {
	char *name;  /* never NULL nor empty: "vm" without one; unique by who collects */
	int64_t pid; /* of a running one; 0: not running */
	enum weir_vm_kind kind;
	bool has_guest_object;         /* confidential: kind is by this object */
	uint64_t guest_policy;         /* sev-guest, sev-snp-guest */
	struct weir_vm_memory *memory; /* in the order of the text, RAM before devices */
	size_t nr_memory, cap_memory;
	uint64_t ram_bytes; /* -m: without devices */
	bool mem_lock;      /* -overcommit mem-lock=on, <locked/> */
	uint64_t nr_vfio;   /* devices that pin all memory: vfio-pci, vdpa */
	uint64_t
		task_nodes; /* cpuset of the process (libvirt: numatune strict); 0: all */
	enum weir_vm_policy task_policy; /* set_mempolicy(2) of the process */
	uint64_t task_policy_nodes;
	/* Of each thread context: host nodes of which one must have a CPU; never 0. */
	uint64_t *thread_nodes;
	size_t nr_thread_nodes, cap_thread_nodes;
	bool memlock_known; /* RLIMIT_MEMLOCK, bytes; UINT64_MAX: unlimited */
	uint64_t memlock_bytes;
	/* QEMU's own: firmware, video memory, option ROMs. What is registered with KVM as
	 * memory besides the RAM; 0: not said, the player takes its default. */
	uint64_t overhead_bytes;
	bool free_page_reporting;       /* the balloon gives pages back */
	char *notes[WEIR_VM_NOTES_MAX]; /* what was half known or left out, a line each */
	size_t nr_notes;
};

const char *weir_vm_kind_word(enum weir_vm_kind kind); /* "plain", "CSV2", "SEV-ES" */
/* The words above in any case, also "sev-es", "csv", "sevsnp". False: none of them. */
bool weir_vm_kind_find(struct weir_str word, enum weir_vm_kind *out);

/* The kind of a sev-guest object with this policy on this vendor's CPU: bit 2 is ES, and
 * on Hygon bit 6 with bit 2 is CSV3; AMD has no bit 6. An unknown vendor counts as AMD.
 */
enum weir_vm_kind weir_vm_sev_kind(uint64_t policy, enum weir_vm_vendor vendor);

/* A demand without memory, all defaults: 0 or -ENOMEM. */
int weir_demand_init(struct weir_demand *demand, struct weir_str name);
void weir_demand_done(struct weir_demand *demand);

/* One more memory with the defaults (reserve on, guest_node -1), or NULL: -ENOMEM. */
struct weir_vm_memory *weir_demand_add(struct weir_demand *demand);

/* Adds a note; past the limit it is left out. 0 or -ENOMEM. */
int weir_demand_note(struct weir_demand *demand, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* A NUL-terminated copy of @text instead of *slot, which is freed: 0 or -ENOMEM. */
int weir_vm_text(char **slot, struct weir_str text);

/* Bytes of RAM and of devices at start: virtio-mem counts what is requested. */
uint64_t weir_demand_bytes(const struct weir_demand *demand);

/* What one text asks for, in its order. */
struct weir_demands {
	struct weir_demand *v;
	size_t nr, cap;
};

void weir_demands_done(struct weir_demands *demands);

/* Takes *demand over, which is then empty: 0 or -ENOMEM, and then it is as before. */
int weir_demands_take(struct weir_demands *demands, struct weir_demand *demand);

#endif
