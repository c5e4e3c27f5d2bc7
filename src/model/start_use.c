/* start_use: what a VM that has started does with its memory, where that came from, and
 * its end. See start.h.
 *
 * Simplified: CSV3 and guest_memfd guests share SHARED_PERCENT of their memory with the
 * host, at most SHARED_MAX, for firmware, rings and bounce buffers (Linux guests: swiotlb
 * is 6 % of memory, 1 GiB at most; arch/x86/mm/mem_encrypt.c, mem_encrypt_setup_arch(),
 * v6.6). */
#include "model/start_steps.h"

#include "model/anon.h"
#include "model/fault.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <string.h>

#define SHARED_PERCENT 6
#define SHARED_MAX     (UINT64_C(1) << 30)

static uint64_t shared_part(uint64_t bytes)
{
	return weir_min(bytes / 100 * SHARED_PERCENT, SHARED_MAX);
}

/* Memory of base pages that is not the guest's by mmap(2): guest_memfd, and what of a
 * CSV3 guest's backend is shared and so pinned. */
static bool use_fixed(struct weir_starting *s, uint64_t bytes)
{
	struct weir_start_end end = {
		.step = WEIR_START_USE,
		.err = -ENOMEM,
		.unit_bytes = WEIR_BASE_PAGE,
		.need = weir_base_pages(bytes),
		.killed = true,
	};

	end.have = weir_anon_fix(s->m, s->task, end.need, 0);
	return end.have < end.need ? weir_starting_fail(s, end) : true;
}

static bool use_plugged(struct weir_starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	struct weir_start_end end = {
		.step = WEIR_START_USE,
		.memory_idx = i,
		.err = -EFAULT,
		.unit_bytes = mem->page_bytes ? mem->page_bytes : WEIR_BASE_PAGE,
		.need = s->out->plugged[i],
		.killed = true,
	};

	end.need /= end.unit_bytes;
	if (!end.need)
		return true;
	if (!mem->page_bytes) {
		end.have = weir_anon_touch(s->m, s->task, end.need, 0);
		return end.have < end.need ? weir_starting_fail(s, end) : true;
	}
	if (weir_populate(s->m, weir_starting_vma(s, i), 0, (uint32_t)end.need, true) ==
	    0)
		return true;
	end.have = weir_starting_mapped(s, i);
	return weir_starting_fail(s, end);
}

static bool use_memory(struct weir_starting *s, size_t i)
{
	const struct weir_start_memory *mem = &s->start->memory[i];
	bool beside = s->start->kind == WEIR_GUEST_CSV3 ||
	              s->start->kind == WEIR_GUEST_PRIVATE;

	if (mem->is_virtio_mem)
		return use_plugged(s, i);
	if (!mem->bytes || weir_starting_is_filled(s, i))
		return true;
	if (!beside)
		return weir_starting_fill(s, i, WEIR_START_USE);
	/* the backend holds only what the guest shares */
	if (mem->page_bytes) {
		uint64_t pages = shared_part(mem->bytes) / mem->page_bytes + 1;

		return weir_populate(
			       s->m, weir_starting_vma(s, i), 0,
			       (uint32_t)weir_min(pages, mem->bytes / mem->page_bytes),
			       true) == 0
		               ? true
		               : weir_starting_fail(
					 s, (struct weir_start_end){
						    .step = WEIR_START_USE,
						    .memory_idx = i,
						    .err = -EFAULT,
						    .unit_bytes = mem->page_bytes,
						    .need = pages,
						    .have = weir_starting_mapped(s, i),
						    .killed = true,
					    });
	}
	return use_fixed(s, shared_part(mem->bytes));
}

int weir_start_use(struct weir_model *m, const struct weir_start *start,
                   struct weir_started *out)
{
	struct weir_starting s = {
		.m = m, .start = start, .out = out, .task = out->task
	};
	bool alive = true;

	if (start->kind == WEIR_GUEST_PRIVATE)
		alive = use_fixed(&s, weir_starting_ram_bytes(&s));
	for (size_t i = 0; i < start->nr_memory && alive; i++)
		alive = use_memory(&s, i);
	return m->failed ? -ENOMEM : 0;
}

static void add_pages(struct weir_model *m, const struct weir_vma *vma,
                      struct weir_spread *out)
{
	uint64_t pages = m->pools[vma->pool].page_bytes / WEIR_BASE_PAGE;

	for (uint32_t i = weir_pte_next(vma, 0, vma->nr); i < vma->nr;
	     i = weir_pte_next(vma, i + 1, vma->nr)) {
		weir_page_id id = weir_pte(vma, i);
		const struct weir_page *page = weir_page(&m->pages, id);

		if (id != WEIR_PTE_POISON)
			out->pages[page->node][page->site] += pages;
	}
}

void weir_start_sources(struct weir_model *m, const struct weir_started *vm,
                        struct weir_start_sources *out)
{
	memset(out, 0, sizeof(*out));
	if (!vm->task)
		return;
	memcpy(out->csv, vm->csv_bytes, sizeof(out->csv));
	for (size_t i = 0; i < vm->task->nr_vmas; i++)
		add_pages(m, vm->task->vmas[i], &out->pool);
	if (!vm->task->anon)
		return;
	weir_each_node (n, m->memory.all)
		for (unsigned int site = 0; site < WEIR_SITE_NR; site++)
			out->base.pages[n][site] =
				vm->task->anon->movable.pages[n][site] +
				vm->task->anon->fixed.pages[n][site];
}

void weir_start_end(struct weir_model *m, struct weir_started *vm)
{
	if (!vm->task)
		return;
	weir_task_exit(m, vm->task);
	weir_csv_give(m, vm->csv_bytes);
	vm->task = NULL;
}
