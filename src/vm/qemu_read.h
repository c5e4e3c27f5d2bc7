/* qemu_read: a QEMU command line while it is read; private to qemu*.c. */
#ifndef WEIR_VM_QEMU_READ_H
#define WEIR_VM_QEMU_READ_H

#include "vm/qemu_args.h"

/* More than 256 memories and as many PCI devices need; each is compared with all. */
#define WEIR_QEMU_KEPT_MAX 2048U

/* An option whose meaning depends on others, so that it is kept until all are read. */
struct weir_qemu_kept {
	enum weir_qemu_option option;
	struct weir_str word, arg; /* for messages */
	struct weir_tree keys;
};

enum weir_qemu_use {
	WEIR_QEMU_UNUSED, /* by nothing: QEMU maps it all the same */
	WEIR_QEMU_RAM,
	WEIR_QEMU_PLUGGED, /* by a memory device */
};

/* A memory backend: memory N of the demand. */
struct weir_qemu_backend {
	struct weir_str id; /* borrowed from its option */
	struct weir_vm_memory memory;
	enum weir_qemu_use use;
	bool is_counted;    /* memory of the host: not that of SGX */
	unsigned int order; /* of RAM: guest nodes in the order of -numa */
};

/* A number of -m or -machine memory.*: whichever order, -m's counts. */
struct weir_qemu_said {
	bool is_said, by_m;
	struct weir_str text; /* for messages */
	uint64_t n;
};

struct weir_qemu_read {
	enum weir_vm_vendor vendor;
	struct weir_err *err;
	struct weir_demand demand;
	struct weir_qemu_kept *kept;
	size_t nr_kept, cap_kept;
	struct weir_qemu_backend *backends;
	size_t nr_backends, cap_backends;
	struct weir_qemu_said size, max, slots; /* bytes, bytes, DIMMs */
	uint64_t space_taken, slots_taken;      /* by memory devices */
	unsigned int nr_guest_nodes;            /* of -numa */
	struct weir_str mem_path;
	bool mem_prealloc;
	/* -machine; "" where not said */
	struct weir_str machine, main_memory, guest_object;
	bool has_nvdimm; /* nvdimm=on */
};

/* Puts the option and the beginning of its argument in front of the words; returns @r. */
int weir_qemu_in_words(const struct weir_qemu_read *rd, int r, struct weir_str word,
                       struct weir_str arg);

/* All options that were kept, into the demand: qemu_meaning.c. */
int weir_qemu_understand(struct weir_qemu_read *rd);

/* The backend that @key names, from now on used by this: NULL, and -EBADMSG, where there
 * is none or it is in use. */
int weir_qemu_use_backend(struct weir_qemu_read *rd, const char *key, struct weir_str id,
                          enum weir_qemu_use use, struct weir_qemu_backend **out);

/* Of all options of this sort before @kept, does one have its id? */
bool weir_qemu_is_twice(const struct weir_qemu_read *rd,
                        const struct weir_qemu_kept *kept, struct weir_str id);

/* One -device, and a -netdev or -blockdev: qemu_device.c. */
int weir_qemu_understand_device(struct weir_qemu_read *rd,
                                const struct weir_qemu_kept *kept);
void weir_qemu_count_vdpa(struct weir_qemu_read *rd, const struct weir_tree *keys);

/* -EBADMSG where an object of this type has a property that is in no QEMU up to 10.0, or
 * a switch that is none. */
int weir_qemu_check_properties(const struct weir_tree *keys, struct weir_str type,
                               struct weir_err *err);

/* A thread-context's keys into @demand. */
int weir_qemu_context_keys(const struct weir_tree *keys, struct weir_demand *demand,
                           struct weir_err *err);

/* A memory backend's keys into @memory. @fallback_prealloc is of -mem-prealloc. */
int weir_qemu_backend_keys(const struct weir_tree *keys, struct weir_str type,
                           bool fallback_prealloc, struct weir_vm_memory *memory,
                           struct weir_err *err);

/* Values by key; 0 and *out unchanged where it is not said. */
int weir_qemu_get_size(const struct weir_tree *keys, const char *key, char unit,
                       uint64_t *out, struct weir_err *err);
int weir_qemu_get_number(const struct weir_tree *keys, const char *key, uint64_t *out,
                         struct weir_err *err);
int weir_qemu_get_switch(const struct weir_tree *keys, const char *key, bool *out,
                         struct weir_err *err);
/* A guest's node, 0 to 63. */
int weir_qemu_get_node(const struct weir_tree *keys, const char *key, int *out,
                       struct weir_err *err);

#endif
