/* ask: a demand as it meets one host: which page size a path has, which of the mounts it
 * lies on, what the host can do at all. Pure: a snapshot and a demand in; what can be
 * said without playing anything, and plain numbers for who plays it (play.h), out. */
#ifndef WEIR_PLAN_ASK_H
#define WEIR_PLAN_ASK_H

#include "base/buf.h"
#include "base/err.h"
#include "facts/path.h"
#include "vm/demand.h"

#include <stddef.h>

struct weir_snapshot;

/* Where and how the VM is going to run, as far as its text does not say. */
struct weir_ask_options {
	const struct weir_path *paths; /* that the demands name */
	size_t nr_paths;
	const char *cgroup;     /* "/machine.slice/vm"; NULL: none with limits */
	bool memlock_known;     /* of who starts it; else no limit is taken to hold */
	uint64_t memlock_bytes; /* UINT64_MAX: unlimited */
	uint64_t nodes;         /* cpuset; 0: as the text says */
	int cpu;                /* where QEMU will run; -1: anywhere allowed */
	bool user_known;        /* who will start it; root may all */
	uint64_t uid, gid;
	const uint64_t *groups; /* of the user, besides gid */
	size_t nr_groups;
	struct weir_count overcommit_memory; /* vm.overcommit_memory */
};

struct weir_ask_memory {
	uint64_t bytes;         /* as QEMU rounds it: to whole pages */
	uint64_t page_bytes;    /* of huge pages; 0: base pages */
	size_t mount;           /* index in the snapshot's mounts; SIZE_MAX: none */
	uint64_t present_pages; /* of a file that is there already */
	uint64_t file_room;     /* what its file system has; UINT64_MAX: no limit known */
};

/* Why the host's memory does not even come into it. */
struct weir_refusal {
	char *reason, *help;
	char *qemu, *kernel; /* what they would print; NULL: nothing */
};

struct weir_ask {
	const struct weir_demand *demand;
	struct weir_ask_options options;
	struct weir_ask_memory *memory; /* as the demand's */
	bool refused;
	struct weir_refusal refusal;
	struct weir_buf notes;  /* what was taken for granted, a line each */
	struct weir_buf doubts; /* what may be otherwise, and then it does not start */
	uint64_t memlock_bytes;
	uint64_t nodes; /* that the process may use; 0: all */
	uint64_t extra_bytes, slot_bytes;
	uint64_t smr_bytes;
	uint64_t csv_page_bytes; /* see model/start.h */
	uint64_t ids_left; /* address space or key ids of its kind; UINT64_MAX: unknown */
};

/* 0, or -ENOMEM. What is wrong with the demand on this host is out->refusal. */
int weir_ask_make(const struct weir_snapshot *snap, const struct weir_demand *demand,
                  const struct weir_ask_options *options, struct weir_ask *out);
void weir_ask_done(struct weir_ask *ask);

/* Ids of a kind that nobody has: ask.ids_left of a VM of it. */
uint64_t weir_host_ids_left(const struct weir_snapshot *snap, enum weir_vm_kind kind);

/* Is this kind known to work on this host? */
bool weir_host_offers(const struct weir_snapshot *snap, enum weir_vm_kind kind);

/* The vendor of a host's CPU, by which kinds of confidential VMs differ. */
enum weir_vm_vendor weir_host_vendor(const struct weir_snapshot *snap);

#endif
