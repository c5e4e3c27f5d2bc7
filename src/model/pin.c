/* pin: see pin.h.
 *
 * __gup_longterm_locked() pins the range, looks which of the pages may not stay where
 * they are, lets go of all, moves those, and begins anew, until none is left; all of it
 * with PF_MEMALLOC_PIN, so that what is faulted and what is moved comes from pinnable
 * memory. Who asked wants all of the range: io_uring's io_pin_pages() and KVM's
 * sev_pin_memory() let go of a part. */
#include "model/pin.h"

#include "model/fault.h"
#include "model/migrate.h"
#include "model/task.h"
#include "model/vma.h"

#include <errno.h>
#include <stdlib.h>

#define PASSES 8

struct buffer { /* what is being pinned */
	struct weir_task *task;
	uint64_t addr, nr, page_bytes;
};

static struct weir_vma *at(struct weir_model *m, const struct buffer *b, uint64_t i,
                           uint32_t *idx)
{
	uint64_t addr = b->addr + i * b->page_bytes;
	struct weir_vma *vma = weir_vma_at(m, b->task, addr);

	if (vma)
		*idx = (uint32_t)((addr - vma->start) / b->page_bytes);
	return vma;
}

static weir_page_id page_at(struct weir_model *m, const struct buffer *b, uint64_t i)
{
	uint32_t idx;
	const struct weir_vma *vma = at(m, b, i, &idx);

	return vma ? weir_pte(vma, idx) : 0;
}

static uint32_t fault(struct weir_model *m, struct weir_vma *vma, uint32_t idx,
                      uint64_t nr)
{
	enum weir_outcome outcome;

	if (nr > vma->nr - idx)
		nr = vma->nr - idx;
	return weir_fault_run(m, vma, idx, (uint32_t)nr, true, &outcome);
}

/* Brings pages in, as FOLL_WRITE does, and counts those that are there; stops at the
 * first that is not to be had, and on kernels that refuse pages in unpinnable places
 * (6.1: follow_hugetlb_page()) at the first of these. */
static uint64_t bring_in(struct weir_model *m, const struct buffer *b, int *why)
{
	uint64_t i;
	uint32_t n = 0;

	*why = 0;
	for (i = 0; i < b->nr; i += n) {
		uint32_t idx;
		struct weir_vma *vma = at(m, b, i, &idx);

		n = vma && vma->flags & WEIR_VMA_WRITE ? fault(m, vma, idx, b->nr - i)
		                                       : 0;
		if (!n) {
			*why = -EFAULT;
			break;
		}
		/* new pages are pinnable: of several no other has to be looked at */
		if (m->rules.pin_present_fails &&
		    !weir_page_is_pinnable(m, weir_page(&m->pages, weir_pte(vma, idx)))) {
			*why = -ENOMEM;
			break;
		}
	}
	return i;
}

/* Moves what may not stay out of the first @nr pages. 1: something moved; 0: nothing to
 * do; -ENOMEM: a page found no place, what was moved before it stays moved. */
static int move_out(struct weir_model *m, const struct buffer *b, uint64_t nr)
{
	int moved = 0;

	for (uint64_t i = 0; i < nr; i++) {
		weir_page_id id = page_at(m, b, i), old;
		const struct weir_page *page = weir_page(&m->pages, id);

		if (weir_page_is_pinnable(m, page))
			continue;
		if (weir_page_migrate(m, id, page->node, weir_task_mems(m, b->task),
		                      &old) < 0)
			return -ENOMEM;
		weir_page(&m->pages, id)->is_stuck = m->rules.pin_moved_sticks;
		moved = 1;
	}
	return moved;
}

static bool remember(struct weir_model *m, const struct buffer *b)
{
	struct weir_task *task = b->task;
	struct weir_pin *pin;

	if (!weir_model_grow(m, &task->pins, &task->cap_pins, task->nr_pins,
	                     sizeof(task->pins[0])))
		return false;
	pin = &task->pins[task->nr_pins];
	*pin = (struct weir_pin){
		.addr = b->addr,
		.end = b->addr + b->nr * b->page_bytes,
		.nr = b->nr,
		.pages = calloc(b->nr + 1, sizeof(pin->pages[0])),
	};
	if (!pin->pages) {
		m->failed = true;
		return false;
	}
	for (uint64_t i = 0; i < b->nr; i++) {
		pin->pages[i] = page_at(m, b, i);
		weir_page(&m->pages, pin->pages[i])->pins++;
	}
	task->nr_pins++;
	return true;
}

/* pin_user_pages_fast() takes what it finds in the page tables first; when the rest then
 * fails it tells how many these were, and who wanted all of them sees no reason. */
static bool begins_pinnable(struct weir_model *m, const struct buffer *b)
{
	weir_page_id id = m->rules.pin_fast_first ? page_at(m, b, 0) : 0;

	return id && id != WEIR_PTE_POISON &&
	       weir_page_is_pinnable(m, weir_page(&m->pages, id));
}

static int pin(struct weir_model *m, const struct buffer *b)
{
	bool partly = begins_pinnable(m, b);

	/* what has moved may stay: the second pass finds nothing to do. Kernels of 2024
	 * went round here for ever when a target was not pinnable either. */
	for (int pass = 0; pass < PASSES; pass++) {
		int why, r;
		uint64_t there = bring_in(m, b, &why);

		if (!there && why)
			return partly ? -EFAULT : why;
		r = move_out(m, b, there);
		if (r < 0)
			return partly ? -EFAULT : r;
		if (r)
			continue;
		if (there < b->nr)
			return -EFAULT;
		return remember(m, b) ? 0 : -ENOMEM;
	}
	return -ENOMEM;
}

int weir_pin(struct weir_model *m, struct weir_task *task, uint64_t addr, uint64_t nr,
             uint64_t page_bytes)
{
	const struct buffer b = { task, addr, nr, page_bytes };
	int r;

	task->has_pinned = true;
	m->pinning = true;
	r = pin(m, &b);
	m->pinning = false;
	return r;
}

static void let_go(struct weir_model *m, struct weir_pin *pin)
{
	for (uint64_t i = 0; i < pin->nr; i++) {
		weir_page(&m->pages, pin->pages[i])->pins--;
		weir_page_put(m, pin->pages[i]);
	}
	free(pin->pages);
}

void weir_unpin(struct weir_model *m, struct weir_task *task, uint64_t addr, uint64_t nr,
                uint64_t page_bytes)
{
	uint64_t end = addr + nr * page_bytes;
	size_t left = 0;

	for (size_t i = 0; i < task->nr_pins; i++) {
		if (task->pins[i].addr < end && addr < task->pins[i].end)
			let_go(m, &task->pins[i]);
		else
			task->pins[left++] = task->pins[i];
	}
	task->nr_pins = left;
}

void weir_unpin_all(struct weir_model *m, struct weir_task *task)
{
	for (size_t i = 0; i < task->nr_pins; i++)
		let_go(m, &task->pins[i]);
	task->nr_pins = 0;
}
