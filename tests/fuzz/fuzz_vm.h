/* fuzz_vm: what holds of every demand, whatever text it came from. */
#ifndef WEIR_FUZZ_VM_H
#define WEIR_FUZZ_VM_H

#include "vm/demand.h"

#include "fuzz.h"

static inline void vm_must_be_sane_memory(const struct weir_vm_memory *m)
{
	must(m->id != NULL);
	must(m->size_bytes > 0 && m->size_bytes <= WEIR_VM_BYTES_MAX);
	must((m->path != NULL) == (m->backing == WEIR_BACKING_FILE));
	must(!m->path || m->path[0]);
	must(m->backing != WEIR_BACKING_HUGE || m->huge);
	must(m->backing != WEIR_BACKING_ANON || !m->huge);
	must((m->page_bytes & (m->page_bytes - 1)) == 0);
	must((m->policy == WEIR_VM_POLICY_DEFAULT) == (m->host_nodes == 0));
	must(m->guest_node >= -1 && m->guest_node < WEIR_VM_NODES_MAX);
	must(m->reserve || !m->prealloc);
	must(m->is_device || !m->is_virtio_mem);
	must(m->requested_bytes <= (m->is_virtio_mem ? m->size_bytes : 0));
	must(m->is_virtio_mem || !m->device_prealloc);
	must(m->is_device || !m->is_whole);
	must((m->align_bytes & (m->align_bytes - 1)) == 0);
	must(m->backing == WEIR_BACKING_FILE || m->align_bytes == 0);
	must((m->block_bytes & (m->block_bytes - 1)) == 0);
	must(m->is_virtio_mem ? m->block_bytes == 0 || m->block_bytes >= 1U << 20
	                      : m->block_bytes == 0);
}

static inline void vm_must_be_sane(const struct weir_demand *d)
{
	uint64_t ram = 0, all = 0;
	bool devices = false;

	must(d->name && d->name[0] && strlen(d->name) <= WEIR_VM_NAME_MAX);
	must(d->pid >= 0);
	must(d->kind == WEIR_VM_PLAIN || d->has_guest_object);
	must(d->nr_memory <= WEIR_VM_MEMORIES_MAX);
	must((d->task_policy == WEIR_VM_POLICY_DEFAULT) == (d->task_policy_nodes == 0));
	must(d->memlock_known || d->memlock_bytes == 0);
	must(d->nr_notes <= WEIR_VM_NOTES_MAX);
	for (size_t i = 0; i < d->nr_notes; i++)
		must(d->notes[i] && d->notes[i][0]);
	for (size_t i = 0; i < d->nr_thread_nodes; i++)
		must(d->thread_nodes[i] != 0);
	for (size_t i = 0; i < d->nr_memory; i++) {
		const struct weir_vm_memory *m = &d->memory[i];

		vm_must_be_sane_memory(m);
		must(m->is_device || !devices); /* RAM comes first */
		devices |= m->is_device;
		ram += m->is_device ? 0 : m->size_bytes;
		all += m->is_virtio_mem ? m->requested_bytes : m->size_bytes;
	}
	must(d->ram_bytes > 0 && d->ram_bytes <= ram); /* QEMU maps unused ones too */
	must(weir_demand_bytes(d) == all);
}

#endif
