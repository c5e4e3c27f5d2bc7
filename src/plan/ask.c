/* ask: see ask.h.
 *
 * Messages are those of QEMU 7.2 and the kernel; later versions word some of them
 * otherwise. What of QEMU's own is registered as memory besides the RAM: OVMF's flash,
 * option ROMs, video memory; the manual gives the numbers that are taken. */
#include "plan/ask_parts.h"

#include "base/own.h"
#include "base/size.h"
#include "facts/snapshot.h"
#include "model/start_sizes.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>

enum weir_vm_vendor weir_host_vendor(const struct weir_snapshot *snap)
{
	static const struct {
		const char *id;
		enum weir_vm_vendor vendor;
	} known[] = {
		{ "GenuineIntel", WEIR_VENDOR_INTEL },
		{ "AuthenticAMD", WEIR_VENDOR_AMD },
		{ "HygonGenuine", WEIR_VENDOR_HYGON },
	};

	for (size_t i = 0; i < WEIR_NELEM(known); i++)
		if (strcmp(snap->cpu.vendor, known[i].id) == 0)
			return known[i].vendor;
	return WEIR_VENDOR_UNKNOWN;
}

static char *words(const char *fmt, va_list ap) __attribute__((format(printf, 1, 0)));
static char *words(const char *fmt, va_list ap)
{
	char *text;

	return vasprintf(&text, fmt, ap) < 0 ? NULL : text;
}

int weir_ask_put(char **to, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	free(*to);
	*to = words(fmt, ap);
	va_end(ap);
	return *to ? 0 : -ENOMEM;
}

int weir_ask_note(struct weir_ask *ask, const char *fmt, ...)
{
	weir_auto(weir_freep) char *text = NULL;
	va_list ap;

	va_start(ap, fmt);
	text = words(fmt, ap);
	va_end(ap);
	return text ? weir_buf_printf(&ask->notes, "%s\n", text) : -ENOMEM;
}

int weir_ask_refuse(struct weir_ask *ask, const char *qemu, const char *help,
                    const char *fmt, ...)
{
	va_list ap;

	if (ask->refused) /* the first thing wrong is what QEMU stops at */
		return 0;
	ask->refused = true;
	va_start(ap, fmt);
	ask->refusal.reason = words(fmt, ap);
	va_end(ap);
	if (!ask->refusal.reason ||
	    (qemu && weir_ask_put(&ask->refusal.qemu, "%s", qemu) < 0) ||
	    (help && weir_ask_put(&ask->refusal.help, "%s", help) < 0))
		return -ENOMEM;
	return 0;
}

static bool has_cpus(const struct weir_snapshot *snap, uint64_t nodes)
{
	for (size_t i = 0; i < snap->nodes.nr; i++) {
		const struct weir_node *node = &snap->nodes.v[i];

		if (node->id < WEIR_VM_NODES_MAX && nodes >> node->id & 1 &&
		    (!node->cpus_known || node->cpus.nr))
			return true;
	}
	return false;
}

static int check_threads(const struct weir_snapshot *snap, struct weir_ask *ask)
{
	for (size_t i = 0; snap->nodes.known && i < ask->demand->nr_thread_nodes; i++)
		if (!has_cpus(snap, ask->demand->thread_nodes[i]))
			return weir_ask_refuse(
				ask, "The nodes select no CPUs",
				"name nodes that 'weir status --table nodes' shows",
				"a thread-context is bound to nodes without CPUs");
	return 0;
}

/* A cpuset has no other nodes: who names only such is told so before memory is asked. */
static int check_nodes(const struct weir_snapshot *snap, struct weir_ask *ask)
{
	uint64_t there = 0;

	for (size_t i = 0; i < snap->nodes.nr; i++)
		if (snap->nodes.v[i].id < WEIR_VM_NODES_MAX)
			there |= UINT64_C(1) << snap->nodes.v[i].id;
	if (!snap->nodes.known || !ask->nodes || (ask->nodes & there))
		return 0;
	return weir_ask_refuse(ask, NULL,
	                       "name nodes that 'weir status --table nodes' shows",
	                       "it is confined to nodes that this host does not have");
}

static const struct {
	enum weir_vm_kind kind;
	enum weir_vm_vendor vendor;
	size_t at; /* of the module's parameter in struct weir_confidential */
} needs[] = {
	{ WEIR_VM_SEV, WEIR_VENDOR_AMD, offsetof(struct weir_confidential, sev) },
	{ WEIR_VM_SEV_ES, WEIR_VENDOR_AMD, offsetof(struct weir_confidential, sev_es) },
	{ WEIR_VM_SNP, WEIR_VENDOR_AMD, offsetof(struct weir_confidential, sev_snp) },
	{ WEIR_VM_CSV1, WEIR_VENDOR_HYGON, offsetof(struct weir_confidential, sev) },
	{ WEIR_VM_CSV2, WEIR_VENDOR_HYGON, offsetof(struct weir_confidential, sev_es) },
	{ WEIR_VM_CSV3, WEIR_VENDOR_HYGON, offsetof(struct weir_confidential, sev) },
	{ WEIR_VM_TDX, WEIR_VENDOR_INTEL, offsetof(struct weir_confidential, tdx) },
};

bool weir_host_offers(const struct weir_snapshot *snap, enum weir_vm_kind kind)
{
	enum weir_vm_vendor vendor = weir_host_vendor(snap);
	/* the areas that a kernel sets aside for CSV3 it sets aside where it can */
	bool csv = snap->confidential.csv.known || snap->klog.nr_csv_nodes;

	for (size_t i = 0; i < WEIR_NELEM(needs); i++) {
		struct weir_count on;

		if (needs[i].kind != kind)
			continue;
		memcpy(&on, (const char *)&snap->confidential + needs[i].at, sizeof(on));
		return vendor == needs[i].vendor && (on.n || (!on.known && csv));
	}
	return kind == WEIR_VM_PLAIN;
}

/* Wrong CPU, or switched off. What the host does not tell is said, and not held against
 * the VM. */
static int check_kind(const struct weir_snapshot *snap, struct weir_ask *ask)
{
	const struct weir_demand *vm = ask->demand;
	enum weir_vm_vendor vendor = weir_host_vendor(snap);
	const char *kind = weir_vm_kind_word(vm->kind);

	for (size_t i = 0; i < WEIR_NELEM(needs); i++) {
		struct weir_count on;

		if (needs[i].kind != vm->kind)
			continue;
		memcpy(&on, (const char *)&snap->confidential + needs[i].at, sizeof(on));
		if (vendor != WEIR_VENDOR_UNKNOWN && vendor != needs[i].vendor)
			return weir_ask_refuse(
				ask, NULL, "start it on a host with such a CPU",
				"this CPU (%s) has no %s", snap->cpu.vendor, kind);
		if (on.known && !on.n)
			return weir_ask_refuse(
				ask, NULL,
				"switch it on in the firmware and in the kvm "
				"module's parameters",
				"KVM says that %s is off on this host", kind);
		if (!on.known && !weir_host_offers(snap, vm->kind))
			return weir_buf_printf(
				&ask->doubts,
				"whether this host can do %s is not known: no kvm module "
				"tells\n",
				kind);
	}
	return 0;
}

/* Address space ids (SEV and CSV) or key ids (TDX) that nobody has. What is in use the
 * root of the cgroup tree tells since 6.11. */
uint64_t weir_host_ids_left(const struct weir_snapshot *snap, enum weir_vm_kind kind)
{
	const struct weir_misc *all = &snap->cgroups.misc_capacity;
	const struct weir_misc *used = &snap->cgroups.misc_usage;
	struct weir_count left = { 0 };

	switch (kind) {
	case WEIR_VM_PLAIN: return UINT64_MAX;
	case WEIR_VM_SEV:
	case WEIR_VM_CSV1: left = weir_count_sub(all->sev, used->sev); break;
	case WEIR_VM_SEV_ES:
	case WEIR_VM_SNP:
	case WEIR_VM_CSV2:
	case WEIR_VM_CSV3: left = weir_count_sub(all->sev_es, used->sev_es); break;
	case WEIR_VM_TDX: left = weir_count_sub(all->tdx, used->tdx); break;
	}
	return left.known ? left.n : UINT64_MAX;
}

/* The unit of CSV3's memory is a power of two, 8 MiB at least (model/csv.c). */
static bool is_smr(struct weir_count bytes)
{
	return bytes.n >= WEIR_CSV_SMR_BYTES_MIN && (bytes.n & (bytes.n - 1)) == 0;
}

static uint64_t smr_bytes(const struct weir_snapshot *snap)
{
	if (is_smr(snap->confidential.csv_smr_bytes))
		return snap->confidential.csv_smr_bytes.n;
	return is_smr(snap->klog.csv_smr_entry_bytes) ? snap->klog.csv_smr_entry_bytes.n
	                                              : WEIR_CSV_SMR_BYTES_MIN;
}

static uint64_t memlock(const struct weir_ask *ask)
{
	if (ask->demand->memlock_known)
		return ask->demand->memlock_bytes;
	return ask->options.memlock_known ? ask->options.memlock_bytes : UINT64_MAX;
}

int weir_ask_make(const struct weir_snapshot *snap, const struct weir_demand *demand,
                  const struct weir_ask_options *options, struct weir_ask *out)
{
	int r = 0;

	memset(out, 0, sizeof(*out));
	out->demand = demand;
	out->options = *options;
	out->memory = calloc(demand->nr_memory + 1, sizeof(*out->memory));
	if (!out->memory)
		return -ENOMEM;
	out->nodes = options->nodes ? options->nodes : demand->task_nodes;
	out->memlock_bytes = memlock(out);
	out->smr_bytes = smr_bytes(snap);
	/* the percentage wins over it */
	if (snap->boot.csv_use_hugetlb.n && !snap->boot.csv_percentage.n)
		out->csv_page_bytes = WEIR_GIB;
	out->extra_bytes = demand->overhead_bytes ? demand->overhead_bytes
	                                          : WEIR_START_EXTRA_BYTES;
	out->slot_bytes = WEIR_START_FLASH_BYTES;
	out->ids_left = weir_host_ids_left(snap, demand->kind);
	r = check_nodes(snap, out);
	if (r == 0)
		r = check_threads(snap, out);
	if (r == 0)
		r = check_kind(snap, out);
	if (r == 0 && !out->ids_left)
		r = weir_ask_refuse(
			out, "failed to initialize ret=-16 fw_error=0",
			"end a VM of its kind, or give the kind more ids in the "
			"firmware",
			"no address space id for %s is left",
			weir_vm_kind_word(demand->kind));
	for (size_t i = 0; r == 0 && i < demand->nr_memory; i++)
		r = weir_ask_memory(snap, out, i);
	for (size_t i = 0; r == 0 && i < demand->nr_memory; i++)
		r = weir_ask_device(snap, out, i);
	return r;
}

void weir_ask_done(struct weir_ask *ask)
{
	free(ask->memory);
	free(ask->refusal.reason);
	free(ask->refusal.help);
	free(ask->refusal.qemu);
	free(ask->refusal.kernel);
	weir_buf_done(&ask->notes);
	weir_buf_done(&ask->doubts);
	memset(ask, 0, sizeof(*ask));
}
