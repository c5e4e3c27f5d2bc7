/* vm_test: what the tests of src/vm share: a demand as one line a memory, so that a table
 * can say what must come out. */
#ifndef WEIR_VM_TEST_H
#define WEIR_VM_TEST_H

#include "vm/demand.h"

#include "base/buf.h"
#include "base/size.h"
#include "test.h"

static inline void vm_add_memory(struct weir_buf *out, const struct weir_vm_memory *m)
{
	static const char *const backings[] = { "anon", "memfd", "file", "huge" };
	static const char *const policies[] = { "", " prefer", " bind", " interleave" };
	char size[WEIR_SIZE_TEXT_MAX];
	int r = 0;

	(void)weir_format_size(m->size_bytes, size, sizeof(size));
	r |= weir_buf_printf(out, "%s %s %s", m->id, size, backings[m->backing]);
	if (m->path)
		r |= weir_buf_printf(out, ":%s", m->path);
	if (m->huge) {
		(void)weir_format_size(m->page_bytes, size, sizeof(size));
		r |= weir_buf_printf(out, " pages=%s", size);
	}
	r |= weir_buf_printf(out, "%s%s%s", m->shared ? " shared" : "",
	                     m->prealloc ? " prealloc" : "",
	                     m->reserve ? "" : " noreserve");
	if (m->prealloc_threads)
		r |= weir_buf_printf(out, " threads=%" PRIu64, m->prealloc_threads);
	if (m->policy || m->host_nodes)
		r |= weir_buf_printf(out, "%s:%" PRIx64, policies[m->policy],
		                     m->host_nodes);
	if (m->guest_node >= 0)
		r |= weir_buf_printf(out, " node=%d", m->guest_node);
	if (m->align_bytes) {
		(void)weir_format_size(m->align_bytes, size, sizeof(size));
		r |= weir_buf_printf(out, " align=%s", size);
	}
	if (m->is_device)
		r |= weir_buf_printf(out, " device%s", m->is_whole ? " whole" : "");
	if (m->is_virtio_mem) {
		(void)weir_format_size(m->requested_bytes, size, sizeof(size));
		r |= weir_buf_printf(out, " requested=%s", size);
	}
	if (m->block_bytes) {
		(void)weir_format_size(m->block_bytes, size, sizeof(size));
		r |= weir_buf_printf(out, " block=%s", size);
	}
	if (m->device_prealloc)
		r |= weir_buf_addz(out, " device-prealloc");
	r |= weir_buf_addz(out, "\n");
	assert_int_equal(r, 0);
}

/* "NAME KIND RAM [what else]", then a line for each memory. */
static inline void vm_describe(const struct weir_demand *d, struct weir_buf *out)
{
	char size[WEIR_SIZE_TEXT_MAX];
	int r;

	(void)weir_format_size(d->ram_bytes, size, sizeof(size));
	r = weir_buf_printf(out, "%s %s %s", d->name, weir_vm_kind_word(d->kind), size);
	if (d->has_guest_object)
		r |= weir_buf_printf(out, " policy=%" PRIx64, d->guest_policy);
	if (d->pid)
		r |= weir_buf_printf(out, " pid=%" PRId64, d->pid);
	if (d->mem_lock)
		r |= weir_buf_addz(out, " locked");
	if (d->nr_vfio)
		r |= weir_buf_printf(out, " vfio=%" PRIu64, d->nr_vfio);
	if (d->task_nodes)
		r |= weir_buf_printf(out, " cpuset=%" PRIx64, d->task_nodes);
	if (d->task_policy)
		r |= weir_buf_printf(out, " task=%u:%" PRIx64, (unsigned)d->task_policy,
		                     d->task_policy_nodes);
	for (size_t i = 0; i < d->nr_thread_nodes; i++)
		r |= weir_buf_printf(out, "%s%" PRIx64,
		                     i ? "," : " threads=", d->thread_nodes[i]);
	if (d->memlock_known && d->memlock_bytes == UINT64_MAX)
		r |= weir_buf_addz(out, " memlock=unlimited");
	else if (d->memlock_known)
		r |= weir_buf_printf(out, " memlock=%" PRIu64, d->memlock_bytes);
	if (d->overhead_bytes)
		r |= weir_buf_printf(out, " overhead=%" PRIu64, d->overhead_bytes);
	if (d->free_page_reporting)
		r |= weir_buf_addz(out, " reporting");
	if (d->nr_notes)
		r |= weir_buf_printf(out, " notes=%zu", d->nr_notes);
	r |= weir_buf_addz(out, "\n");
	assert_int_equal(r, 0);
	for (size_t i = 0; i < d->nr_memory; i++)
		vm_add_memory(out, &d->memory[i]);
}

/* @text is what was parsed, for the message. */
static inline void vm_expect(const struct weir_demand *d, const char *want,
                             const char *text)
{
	struct weir_buf got = { 0 };

	vm_describe(d, &got);
	if (strcmp(got.p, want) != 0)
		fail_msg("%s\ncomes out as\n%sand not\n%s", text, got.p, want);
	weir_buf_done(&got);
}

/* Refused as garbage, with @words in the message. */
static inline void vm_expect_refused(int r, const struct weir_err *err, const char *words,
                                     const char *text)
{
	if (r != -EBADMSG || !strstr(err->msg, words))
		fail_msg("%.200s\nis %d '%s' and not '%s'", text, r,
		         r < 0 ? err->msg : "", words);
}

#endif
