/* start: a virtual machine starts: what QEMU and KVM ask of the kernel, in their order.
 *
 * QEMU maps a memory backend, tells whoever wants to know of new memory, which for SEV
 * registers it with KVM, that is pins it; only then binds it to nodes and preallocates.
 * Devices that pin come afterwards, CSV3's private memory last. Sources: QEMU 7.2
 * backends/hostmem.c host_memory_backend_memory_complete(), softmmu/physmem.c
 * ram_block_add(), target/i386/sev.c sev_ram_block_added(), hw/vfio/common.c; Linux
 * arch/x86/kvm/svm/sev.c sev_pin_memory(), v6.12. What the guest does with its memory
 * afterwards is weir_start_use(). */
#ifndef WEIR_MODEL_START_H
#define WEIR_MODEL_START_H

#include "model/csv.h"
#include "model/model.h"

/* How a guest's memory is held. */
enum weir_guest_kind {
	WEIR_GUEST_PLAIN,
	WEIR_GUEST_PINNED,  /* SEV, SEV-ES, CSV1, CSV2: all of it, when it is made */
	WEIR_GUEST_CSV3,    /* private memory from the CSV areas, beside the backend */
	WEIR_GUEST_PRIVATE, /* SNP, TDX: from guest_memfd as the guest accepts it, beside
	                       the backend */
};

struct weir_start_memory {
	uint64_t bytes;
	uint64_t page_bytes;      /* of huge pages; 0: base pages */
	struct weir_mount *mount; /* its file lies there; NULL: none, or memfd */
	struct weir_file *file;   /* one that is there already; NULL: a new one */
	bool shared, prealloc, reserve;
	struct weir_policy policy; /* of the backend */
	/* virtio-mem: plugged at start, the rest of bytes maybe later */
	bool is_virtio_mem;
	uint64_t plugged_bytes;
	bool plugged_prealloc; /* short of pages it plugs less, and the VM starts */
};

struct weir_start {
	enum weir_guest_kind kind;
	const struct weir_start_memory *memory;
	size_t nr_memory;
	uint64_t nodes;            /* cpuset; 0: all */
	struct weir_policy policy; /* of the process */
	unsigned int cpu;
	uint32_t group;         /* cgroup; 0: the root */
	uint64_t memlock_bytes; /* UINT64_MAX: no limit, or the right to pass it */
	bool mem_lock;
	uint64_t nr_vfio;
	uint64_t extra_bytes; /* firmware, video memory, ROMs */
	uint64_t smr_bytes;   /* of CSV3 */
	/* CSV3 whose private memory comes from huge pages of this size: csv_use_hugetlb=;
	 * 0: from the CSV areas */
	uint64_t csv_page_bytes;
	uint64_t slot_bytes; /* CSV3: what of extra_bytes is in memory slots */
};

/* Which step failed; each has its own message of QEMU and the kernel. */
enum weir_start_step {
	WEIR_START_DONE,
	WEIR_START_MAP,      /* reserving huge pages for a backend */
	WEIR_START_FILE,     /* the file is too small, or cannot be made */
	WEIR_START_MEMLOCK,  /* SEV: beyond RLIMIT_MEMLOCK */
	WEIR_START_REGISTER, /* SEV: pinning a backend */
	WEIR_START_BIND,
	WEIR_START_PREALLOC,
	WEIR_START_EXTRA, /* firmware and video memory */
	WEIR_START_LOCK,  /* mem-lock */
	WEIR_START_VFIO_MEMLOCK,
	WEIR_START_VFIO,
	WEIR_START_CSV3, /* private memory */
	WEIR_START_USE,  /* later: what the guest touches is not there */
};

/* Whose limit it was. */
enum weir_start_limit {
	WEIR_LIMIT_MEMORY, /* pool pages, or memory */
	WEIR_LIMIT_MOUNT,  /* size= of a mount */
	WEIR_LIMIT_GROUP,  /* a control group's */
};

/* What decided, in units of unit_bytes. */
struct weir_start_end {
	enum weir_start_step step;
	enum weir_start_limit limit;
	size_t memory_idx; /* which backend */
	int err;
	uint64_t unit_bytes;
	uint64_t need, have;
	uint64_t surplus; /* of have: what may still be made as surplus pages */
	uint64_t held;    /* of have: what the mount keeps, min_size= */
	bool killed; /* by the out-of-memory killer, or SIGBUS: no message of QEMU's */
};

/* A VM that was started, or got as far as @end. */
struct weir_started {
	struct weir_task *task;
	struct weir_start_end end;
	uint64_t csv_bytes[WEIR_MODEL_NODES_MAX]; /* private memory of CSV3 */
	uint64_t addr[256];                       /* of huge backends; 0: of base pages */
	uint64_t plugged[256];
	/* the smallest margin that a step passed by: what would have made it fail */
	struct weir_start_end nearest;
};
#define WEIR_START_MEMORIES_MAX 256

/* Plays a start. On failure the task is gone and what it took is given back, but for what
 * was moved. 0 (also for a start that fails: see out->end); -ENOMEM of our own. */
int weir_start(struct weir_model *m, const struct weir_start *start,
               struct weir_started *out);

/* The guest uses all of its memory. Fills out->end with WEIR_START_USE where it dies. */
int weir_start_use(struct weir_model *m, const struct weir_start *start,
                   struct weir_started *out);

/* Where its memory came from, base pages by node and place; pool: in huge pages of any
 * size, base: others, csv: private memory of CSV3. */
struct weir_start_sources {
	struct weir_spread pool, base;
	uint64_t csv[WEIR_MODEL_NODES_MAX];
};
void weir_start_sources(struct weir_model *m, const struct weir_started *vm,
                        struct weir_start_sources *out);

void weir_start_end(struct weir_model *m, struct weir_started *vm);

#endif
